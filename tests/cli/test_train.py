import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from processes import TINY, command, environment

from charnn.cli import main
from charnn.training.checkpoint import Checkpoints
from charnn.training.optimiser import abstract_train_state
from charnn.training.record import METRICS, SAMPLES, read_lines, read_run

LONG = [*TINY, "--steps", "400", "--eval-every", "70", "--sample-length", "20"]
WALL_CLOCK = {"seconds", "chars_per_second"}


def start(folder: Path, *args: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("train", *args), cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def interrupt(folder: Path, signals: list[int], after_step: int, *args: object) -> subprocess.Popen[bytes]:
    """Train until the first line at or after `after_step`, then send `signals`."""
    process = start(folder, *args)
    assert process.stdout is not None
    for line in process.stdout:
        words = line.decode().replace(",", "").split()
        if words[:1] == ["step"] and int(words[1]) >= after_step:
            break
    for number in signals:
        process.send_signal(number)
    process.communicate(timeout=120)
    return process


def logged(run: Path, file: str) -> list[dict[str, Any]]:
    return [{key: line[key] for key in line.keys() - WALL_CLOCK} for line in read_lines(run, file)]


def state_of(run: Path) -> list[Any]:
    import jax

    record = read_run(run)
    state, progress = Checkpoints(run).restore(abstract_train_state(record.model, record.train, len(record.vocabulary)))
    return [progress.step, *jax.device_get(jax.tree.leaves(state))]


def assert_same_run(run: Path, other: Path) -> None:
    for mine, theirs in zip(state_of(run), state_of(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert logged(run, METRICS) == logged(other, METRICS)
    assert logged(run, SAMPLES) == logged(other, SAMPLES)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    (folder / "rhyme.txt").write_text("one two three four five, once I caught a fish alive.\n" * 40)
    process = start(folder, "rhyme.txt", *LONG)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    return folder / "checkpoints" / "rhyme-lstm"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_saves_and_resumes_exactly(tmp_path, text, charnn, uninterrupted, number):
    process = interrupt(tmp_path, [number], 70, text, *LONG)
    assert process.returncode == 0
    stopped_at = state_of(tmp_path / "checkpoints/rhyme-lstm")[0]
    assert 70 <= stopped_at < 400
    charnn("train", "--resume", "rhyme-lstm")
    assert_same_run(tmp_path / "checkpoints/rhyme-lstm", uninterrupted)


def test_a_run_that_is_killed_between_saves_resumes_exactly(tmp_path, text, charnn, uninterrupted):
    process = interrupt(tmp_path, [signal.SIGKILL], 150, text, *LONG)
    assert process.returncode == -signal.SIGKILL
    assert state_of(tmp_path / "checkpoints/rhyme-lstm")[0] % 70 == 0
    charnn("train", "--resume", "rhyme-lstm", *LONG)
    assert_same_run(tmp_path / "checkpoints/rhyme-lstm", uninterrupted)


def test_a_second_signal_stops_at_once(tmp_path, text, charnn):
    process = start(tmp_path, text, *TINY, "--steps", "20")
    process.stdout.readline()  # everything is still to be compiled
    process.send_signal(signal.SIGINT)
    while b"once more" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT
    assert b"Stopped at once" in errors
    assert b"first step" not in output
    assert b"Finished 20 steps" in charnn("train", "--resume", "rhyme-lstm").stdout


def test_a_reader_that_leaves_does_not_end_the_run(tmp_path, text):
    process = start(tmp_path, text, *TINY, "--steps", "20")
    assert process.stdout.readline().startswith(b"rhyme-lstm: ")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=120) == 0
    assert state_of(tmp_path / "checkpoints/rhyme-lstm")[0] == 20


def test_a_run_whose_last_checkpoint_is_gone_is_left_as_it_is(tmp_path, charnn, uninterrupted):
    run = tmp_path / "checkpoints" / "mine"
    shutil.copytree(uninterrupted, run)
    shutil.rmtree(run / "last")
    before = {file: file.read_bytes() for file in (run / METRICS, run / SAMPLES)}
    done = charnn("train", "--resume", "mine", check=False)
    assert done.returncode == 1
    assert "its last checkpoint is gone" in " ".join(done.stderr.decode().split())
    assert {file: file.read_bytes() for file in before} == before
    assert all(before.values())


def test_hello_is_learned_from_five_characters(tmp_path, charnn):
    (tmp_path / "hello.txt").write_text("hello")
    done = charnn(
        *["train", "hello.txt", "--hidden-size", "16", "--num-layers", "1", "--dropout", "0"],
        *["--steps", "150", "--learning-rate", "0.02"],
    )
    assert b"it is read as 1 \xc3\x97 4" in done.stdout
    assert charnn("sample", "--prompt", "h", "--length", "4", "--greedy").stdout == b"hello"


def test_the_run_folder_is_all_that_sampling_needs(tmp_path, text, charnn):
    charnn("train", text, *TINY, "--steps", "20")
    text.unlink()
    (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")
    done = charnn("sample", tmp_path / "elsewhere" / "rhyme-lstm", "--length", "30")
    assert len(done.stdout.decode()) == 30


def test_an_existing_run_is_not_overwritten(tmp_path, text, charnn):
    charnn("train", text, *TINY, "--steps", "5", "--name", "mine")
    before = (tmp_path / "checkpoints/mine/metrics.jsonl").read_bytes()
    done = charnn("train", text, *TINY, "--steps", "5", "--name", "mine", check=False)
    assert done.returncode == 1
    assert b"exists already" in done.stderr
    assert b"--resume mine" in done.stderr
    assert (tmp_path / "checkpoints/mine/metrics.jsonl").read_bytes() == before


def test_without_a_name_each_run_gets_one_of_its_own(tmp_path, text, charnn):
    for _ in range(2):
        charnn("train", text, *TINY, "--steps", "2", "--cell", "gru")
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"rhyme-gru", "rhyme-gru-2"}


def test_flags_that_contradict_a_resumed_run_are_errors(tmp_path, text, charnn):
    charnn("train", text, *TINY, "--steps", "5")
    for flag, value in (("--hidden-size", "13"), ("--steps", "6"), ("--learning-rate", "0.5"), ("--cell", "gru")):
        done = charnn("train", "--resume", "rhyme-lstm", flag, value, check=False)
        assert done.returncode == 2
        assert flag.encode() in done.stderr
        assert b"--init-from rhyme-lstm" in done.stderr.replace(b"\n", b" ")
    done = charnn("train", "--resume", "rhyme-lstm", "--name", "other", check=False)
    assert done.returncode == 2
    text.write_text(text.read_text() + "more")
    done = charnn("train", "--resume", "rhyme-lstm", check=False)
    assert done.returncode == 1
    assert b"is not the text" in done.stderr


def test_init_from_keeps_what_was_learned_and_adds_new_characters(tmp_path, text, charnn):
    charnn("train", text, *TINY, "--steps", "300", "--learning-rate", "0.02", "--dropout", "0")
    other = tmp_path / "other.txt"
    other.write_text("Z" + text.read_text())
    charnn("train", other, "--init-from", "rhyme-lstm", "--steps", "1", "--seq-len", "8", "--batch-size", "4")
    source, run = (read_run(tmp_path / "checkpoints" / name) for name in ("rhyme-lstm", "other-lstm"))
    assert run.vocabulary.characters == source.vocabulary.characters + "Z"
    assert run.model == source.model
    first, last = (
        [line for line in read_lines(tmp_path / "checkpoints" / name, METRICS) if "val_bits_per_char" in line][-1]
        for name in ("other-lstm", "rhyme-lstm")
    )
    # nearly as good at once; a fresh net scores above 4 bits
    assert first["val_bits_per_char"] < last["val_bits_per_char"] + 0.2
    done = charnn("train", other, "--init-from", "rhyme-lstm", "--hidden-size", "99", check=False)
    assert done.returncode == 2
    assert b"--hidden-size" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["nowhere.txt"], 1, "nowhere.txt"),
        ([".."], 1, "folder"),
        (["empty.txt"], 1, "empty"),
        (["binary.bin"], 1, "NUL"),
        (["same.txt"], 1, "repeats one character"),
        (["rhyme.txt", "--hidden-size", "0"], 2, "--hidden-size"),
        (["rhyme.txt", "--dropout", "1"], 2, "--dropout"),
        (["rhyme.txt", "--steps", "5", "--minutes", "1"], 2, "exactly one"),
        (["rhyme.txt", "--name", "../x"], 2, "--name"),
        (["rhyme.txt", "--device", "tpu"], 2, "charnn[tpu]"),
        (["--resume", "nothing"], 1, "no run 'nothing'"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(tmp_path, text, charnn, args, code, told):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "binary.bin").write_bytes(b"\x7fELF\0\0\0")
    (tmp_path / "same.txt").write_text("aaaa")
    done = charnn("train", *args, check=False)
    message = " ".join(done.stderr.decode().split())
    assert done.returncode == code
    assert told in message
    assert "Traceback" not in message
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_text_that_cannot_be_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # no network
    monkeypatch.setattr("charnn.text.catalogue.text_folder", lambda: tmp_path / "texts")  # nor what was fetched before
    flags = ["--mirror", str(tmp_path / "nothing"), "--checkpoints", str(tmp_path / "checkpoints")]
    done = CliRunner().invoke(main, ["train", "tinyshakespeare", *flags])
    message = " ".join(done.output.split())
    assert done.exit_code == 1
    assert "the mirror" in message
    assert "there is no such folder" in message
    assert "charnn train FILE" in message
    assert not (tmp_path / "checkpoints").exists()


def test_hints_name_the_run_as_the_command_must(tmp_path, text, charnn):
    charnn("train", text, *TINY, "--steps", "5", "--checkpoints", "a b")
    for done, hint in (
        (charnn("train", "--resume", "rhyme-lstm", "--checkpoints", "a b"), "rhyme-lstm --checkpoints 'a b'"),
        (charnn("train", "--resume", "a b/rhyme-lstm"), f"'{tmp_path}/a b/rhyme-lstm'"),
    ):
        assert done.stdout.decode().rstrip().endswith(f"charnn sample {hint}")


def test_events_on_a_pipe_are_plain_lines(tmp_path, text, charnn):
    done = charnn("train", text, *TINY, "--steps", "30")
    assert b"\x1b" not in done.stdout
    assert b"validation" in done.stdout
    assert b"charnn sample rhyme-lstm" in done.stdout
    quiet = charnn("train", text, *TINY, "--steps", "30", "--quiet")
    assert len(quiet.stdout.splitlines()) == 2


def test_bytes_that_are_not_text_are_reported_and_kept(tmp_path, charnn):
    (tmp_path / "old.txt").write_bytes(b"caf\xe9 caf\xe9 caf\xe9 " * 40)
    done = charnn("train", "old.txt", *TINY, "--steps", "300", "--learning-rate", "0.02", "--dropout", "0")
    assert b"not valid UTF-8 (the first at offset 3)" in done.stderr
    assert charnn("sample", "--prompt", "caf", "--length", "2", "--greedy").stdout == b"caf\xe9 "
    line = charnn("sample", "--prompt", "caf", "--length", "2", "--greedy", "--json").stdout
    assert json.loads(line)["text"] == "\udce9 "
