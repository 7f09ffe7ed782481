import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from processes import TINY, command, environment

from charnn.cli import main

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, of nets that have hardly learned."""
    folder = tmp_path_factory.mktemp("writing")
    for name, text in (("rhyme", "one two three four five, once I caught a fish alive.\n"), ("sum", "(1 + 2) * 3;\n")):
        (folder / f"{name}.txt").write_text(text * 40)
        flags = [*TINY, "--steps", "40", "--name", name, "--quiet"]
        subprocess.run(command("train", f"{name}.txt", *flags), cwd=folder, check=True, env=environment(), stdout=-3)
    return folder


@pytest.fixture(scope="module")
def write(folder: Path) -> Run:
    def run(*args: object, said: str = "", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            command("write", *args), cwd=folder, input=said.encode(), capture_output=True, env=environment()
        )
        if check:
            assert done.returncode == 0, done.stderr.decode()
        return done

    return run


def session_of(folder: Path, run: str, name: str) -> list[dict[str, object]]:
    path = folder / "checkpoints" / run / "sessions" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_killed_session_of_two_voices_goes_on_where_it_was(folder: Path, write: Run) -> None:
    flags = ["--plain", "--unit", "char", "--seed", "3", "--session", "killed", "--temperature", "1"]
    with subprocess.Popen(
        command("write", "--voice", "sum:3", "--voice", "rhyme:1", *flags),
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None

        def told_after(line: str) -> list[str]:
            """What is told up to the end of the suggestions, which has to come while the input is still open."""
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write(line.encode())
            writer.stdin.flush()
            told: list[str] = []
            while not told or not told[-1].startswith("all others"):
                told.append(writer.stdout.readline().decode().rstrip("\n"))
            return told

        assert told_after("")[0].startswith('session "killed" with sum 75 %, rhyme 25 %;')
        assert told_after("+ one (\n")[0] == '5 characters: "one ("'
        told_after("1\n")
        told_after("weights sum=1 rhyme=1\n")
        told = told_after("run 30\n")
        writer.send_signal(signal.SIGKILL)
    written = json.loads(told[0].removeprefix("written: "))
    assert len(written) == 30

    again = write("--continue", "--plain", "--unit", "char", said="show\nundo\n").stdout.decode().split("\n")
    assert again[0].startswith('session "killed" with sum 50 %, rhyme 50 %;')
    assert again[1:][: len(told) - 1] == told[1:], "the very suggestions that were acknowledged last"
    shown = "\n".join(again[again.index("36 characters:") + 1 :])
    assert shown.startswith("one (")
    assert shown[6:].startswith(written)
    assert any(line.startswith("6 characters: ") for line in again), "and it can be undone"


def test_a_session_is_begun_listed_exported_and_belongs_to_its_run(folder: Path, write: Run) -> None:
    begun = write("rhyme", "--plain", "--prompt", "one tw", "--seed", "5", "--genre", "code", said="+ o\nquit\n+ x\n")
    assert "rhyme, step 40, seed 5: " in begun.stderr.decode()
    header, *changes = session_of(folder, "rhyme", "1")
    assert (header["genre"], header["seed"]) == ("code", 5)
    assert header["voices"] == [{"name": "rhyme", "folder": ".", "checkpoint": "best", "weight": 1.0}]
    assert [change["text"] for change in changes] == ["one tw", "o"]
    assert "1, just now, with rhyme: " in write("rhyme", "--list").stdout.decode()

    exported = write("rhyme", "--export", "tale.html").stdout.decode()
    assert exported.startswith("typed by hand: 7 characters in 2 pieces; ")
    assert "one tw" in (folder / "tale.html").read_text()
    assert session_of(folder, "rhyme", "1") == [header, *changes], "nothing is changed"

    moved = folder / "moved"
    shutil.copytree(folder / "checkpoints" / "rhyme", moved / "other")
    elsewhere = write("other", "--checkpoints", "moved", "--continue", "--plain", "--top-k", "2", said="show\ntop-k\n")
    assert "one two\n" in elsewhere.stdout.decode()
    assert elsewhere.stdout.decode().endswith("top-k 2\n")


def test_nothing_is_kept_of_a_session_in_which_nothing_was_written(folder: Path, write: Run) -> None:
    before = sorted(folder.rglob("*.jsonl"))
    assert "0 characters" in write("sum", "--plain", said="temperature 0.5\nundo\n").stdout.decode()
    assert sorted(folder.rglob("*.jsonl")) == before


def test_a_voice_that_is_gone_is_named_and_the_session_kept(folder: Path, write: Run, tmp_path: Path) -> None:
    shutil.copytree(folder / "checkpoints", tmp_path / "runs")
    flags = ["--checkpoints", tmp_path / "runs"]
    write("--voice", "rhyme", "--voice", "sum", "--session", "duet", "--plain", *flags, said="+ one\n")
    before = (tmp_path / "runs" / "rhyme" / "sessions" / "duet.jsonl").read_bytes()
    shutil.rmtree(tmp_path / "runs" / "sum")
    done = write("rhyme", "--continue", "--session", "duet", "--plain", *flags, check=False)
    assert done.returncode == 1
    message = " ".join(done.stderr.decode().split())
    assert "begun with the voice sum, whose run is no longer in" in message
    assert (tmp_path / "runs" / "rhyme" / "sessions" / "duet.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        ([], 2, "With --plain, commands are read from stdin"),
        (["rhyme", "--voice", "sum", "--plain"], 2, "Either RUN (rhyme) writes, or the voices"),
        (["--voice", "rhyme:heavy", "--plain"], 2, "'rhyme:heavy' ends in a weight 'heavy' that is no number"),
        (["--voice", "rhyme:-1", "--plain"], 2, "each must be 0 or more"),
        (["--voice", "rhyme", "--voice", "rhyme", "--plain"], 2, "A run is named twice"),
        (["--voice", "nobody", "--plain"], 1, "There is no run 'nobody'"),
        (["sum", "--continue", "--session", "nothing", "--plain"], 1, "There is no session 'nothing' in the run sum"),
        (["--continue", "--seed", "1", "--plain"], 2, "A session goes on as it was begun"),
        (["--session", "a/b", "--plain"], 2, "'a/b' is no name"),
        (["--unit", "bar", "--plain"], 2, "There is no unit 'bar'"),
        (["--genre", "opera", "--plain"], 2, "There is no genre 'opera'"),
        (["--key", "undo", "--plain"], 2, "'undo' names no key"),
        (["--theme", "nord", "--plain"], 2, "Line mode has no keys and no colours"),
        (["--top-p", "0", "--plain"], 2, "--top-p"),
    ],
)
def test_errors(folder: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, told: str) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*.jsonl"))
    done = CliRunner().invoke(main, ["write", *args])
    assert told in " ".join(done.stderr.split())
    assert done.exit_code == code
    assert done.stdout == ""
    assert sorted(folder.rglob("*.jsonl")) == before, "no session was begun"
