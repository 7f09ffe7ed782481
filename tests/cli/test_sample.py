import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import TINY, command, environment

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, of a net that has hardly learned."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "rhyme.txt").write_text("one two three four five, once I caught a fish alive.\n" * 40)
    subprocess.run(
        command("train", "rhyme.txt", *TINY, "--steps", "40"), cwd=folder, check=True, env=environment(), stdout=-3
    )
    return folder


@pytest.fixture(scope="module")
def sample(folder: Path) -> Run:
    def run(*args: object, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(command("sample", *args), cwd=folder, input=stdin, capture_output=True, env=environment())
        if check:
            assert done.returncode == 0, done.stderr.decode()
        return done

    return run


def test_text_is_on_stdout_and_the_told_seed_writes_it_again(sample: Run) -> None:
    first = sample("--length", "40")
    seed = first.stderr.decode().split("seed ")[1].split()[0]
    assert len(first.stdout) == 40
    assert sample("--length", "40", "--seed", seed).stdout == first.stdout
    assert sample("--length", "40").stdout != first.stdout


def test_a_longer_text_begins_with_the_shorter_one(sample: Run) -> None:
    short, long = (sample("--length", n, "--seed", "1").stdout for n in (33, 70))
    assert long.startswith(short)
    assert (len(short), len(long)) == (33, 70)


def test_greedy_temperature_zero_and_top_one_are_the_same(sample: Run) -> None:
    texts = {
        sample("--length", "30", *flags).stdout for flags in (["--greedy"], ["--temperature", "0"], ["--top-k", 1])
    }
    assert len(texts) == 1


def test_top_k_beyond_the_alphabet_keeps_all(sample: Run) -> None:
    flags = ["--length", "30", "--seed", "3"]
    assert sample(*flags, "--top-k", "100000").stdout == sample(*flags, "--top-k", "0").stdout


def test_one_batch_of_many_texts(sample: Run) -> None:
    lines = [
        json.loads(line) for line in sample("--num", "5", "--length", "20", "--seed", "4", "--json").stdout.splitlines()
    ]
    assert [line["stream"] for line in lines] == [0, 1, 2, 3, 4]
    assert all(len(line["text"]) == 20 for line in lines)
    assert len({line["text"] for line in lines}) == 5
    assert sample("--length", "20", "--seed", "4").stdout.decode() == lines[0]["text"]


def test_a_run_is_a_voice_and_a_line_names_the_voices(sample: Run) -> None:
    flags = ["--length", "20", "--seed", "4"]
    line = json.loads(sample("--voice", "rhyme-lstm:2", *flags, "--json").stdout)
    assert line["voices"] == [{"run": "rhyme-lstm", "step": 40, "weight": 1.0}]
    assert line["text"] == sample("rhyme-lstm", *flags).stdout.decode()


def test_stop_ends_before_the_string(sample: Run) -> None:
    whole = sample("--length", "200", "--seed", "5").stdout.decode()
    stop = whole[100:103]
    assert sample("--length", "200", "--seed", "5", "--stop", stop).stdout.decode() == whole[: whole.index(stop)]


def test_out_holds_the_text(sample: Run, folder: Path) -> None:
    printed = sample("--length", "25", "--seed", "6").stdout
    assert sample("--length", "25", "--seed", "6", "--out", "text.txt").stdout == b""
    assert (folder / "text.txt").read_bytes() == printed


def test_out_is_left_alone_where_there_is_nothing_to_write(sample: Run, folder: Path) -> None:
    (folder / "mine.txt").write_text("what I wrote")
    assert sample("nothing", "--out", "mine.txt", check=False).returncode == 1
    assert (folder / "mine.txt").read_text() == "what I wrote"


def test_prompts(sample: Run) -> None:
    flags = ["--length", "10", "--seed", "7"]
    prompted = sample(*flags, "--prompt", "one two").stdout
    assert prompted.startswith(b"one two")
    assert len(prompted) == 17
    assert sample(*flags, "--prompt", "-", stdin=b"one two").stdout == prompted
    assert sample(*flags, "--prompt", "one two", "--hide-prompt").stdout == prompted[7:]


def test_a_prompt_with_unseen_characters_is_read_and_reported(sample: Run) -> None:
    done = sample("--length", "10", "--prompt", "öne €wo")
    assert "never saw ö €" in done.stderr.decode()
    assert len(done.stdout.decode()) == 17


def test_a_very_long_prompt(sample: Run) -> None:
    prompt = b"one two three " * 7143
    done = sample("--length", "10", "--prompt", "-", "--hide-prompt", stdin=prompt)
    assert len(done.stdout) == 10


def test_length_zero_writes_nothing_new(sample: Run) -> None:
    assert sample("--length", "0", "--prompt", "one").stdout == b"one"
    assert sample("--length", "0", "--num", "3", "--json").stdout.count(b"\n") == 3


def test_a_broken_pipe_is_quiet(folder: Path) -> None:
    writer = subprocess.Popen(
        command("sample", "--length", "100000", "--quiet"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    assert len(writer.stdout.read(10)) == 10
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.wait(timeout=60)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["nothing"], 1, "There is no run 'nothing'"),
        (["--checkpoints", "nowhere"], 1, "It holds no run yet"),
        (["--temperature", "-1"], 2, "--temperature"),
        (["--temperature", "nan"], 2, "--temperature"),
        (["--top-p", "0"], 2, "--top-p"),
        (["--greedy", "--temperature", "1"], 2, "--greedy"),
        (["rhyme-lstm", "--voice", "rhyme-lstm"], 2, "Either RUN (rhyme-lstm) writes, or the voices"),
        (["--out", "nowhere/text.txt"], 1, "nowhere/text.txt"),
    ],
)
def test_errors(sample: Run, args: list[str], code: int, told: str) -> None:
    done = sample(*args, check=False)
    message = " ".join(done.stderr.decode().split())
    assert done.returncode == code
    assert told in message
    assert "Traceback" not in message
    assert done.stdout == b""
