import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import command, environment


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "rhyme.txt"
    path.write_text("one two three four five, once I caught a fish alive.\n" * 40)
    return path


@pytest.fixture
def charnn(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs the command in an empty folder."""

    def run(*args: object, stdin: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(command(*args), cwd=tmp_path, input=stdin, capture_output=True, env=environment())
        if check:
            assert done.returncode == 0, done.stderr.decode()
        return done

    return run
