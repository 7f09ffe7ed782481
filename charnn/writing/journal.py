"""The file of a session: a line of JSON for each change, on disk before the change is acknowledged.

A process that is killed leaves at most one line that is not whole, the last: it was not acknowledged, and is dropped.
"""

import json
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from charnn.errors import SessionError


class Journal:
    """A file of JSON objects that one process at a time appends to."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if there is none. Raises `SessionError` if it cannot be, or another process has it."""
        self.path = path
        self.torn = False
        """Whether a last line was dropped that was not whole."""
        self.lines: list[dict[str, Any]] = []
        """What it held when it was opened."""
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise SessionError(
                f"The session {path} is open in another process. End it there first, or begin another."
            ) from None
        except OSError as error:
            raise _cannot(path, error) from error
        try:
            # unbuffered: what could not be written must not be waiting to be written later
            self._stream: FileIO = path.open("a+b", buffering=0)
            self._read()
        except OSError as error:
            self._lock.release()
            raise _cannot(path, error) from error
        except SessionError:
            self._stream.close()
            self._lock.release()
            raise

    def _read(self) -> None:
        self._stream.seek(0)
        content = self._stream.readall()
        whole = content[: content.rfind(b"\n") + 1]
        self.lines = parse(self.path, whole)
        if len(whole) < len(content):
            self.torn = True
            self._stream.truncate(len(whole))

    def append(self, content: dict[str, Any]) -> None:
        """Write one more line; when this returns, it is on disk.

        Raises `SessionError` if it cannot be written; then there is nothing of it in the file.
        """
        line = json.dumps(content).encode("ascii") + b"\n"
        try:
            before = os.fstat(self._stream.fileno()).st_size
            try:
                while line:
                    line = line[self._stream.write(line) :]
                os.fsync(self._stream.fileno())
            except OSError:
                with suppress(OSError):
                    self._stream.truncate(before)
                raise
        except OSError as error:
            raise _cannot(self.path, error) from error

    def close(self) -> None:
        """Let other processes open it."""
        self._stream.close()
        self._lock.release()


def parse(path: Path, content: bytes) -> list[dict[str, Any]]:
    """The objects of whole lines. Raises `SessionError` for a line that is none, naming it."""
    lines = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            parsed = json.loads(line)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise damaged(path, number)
        lines.append(parsed)
    return lines


def damaged(path: Path, number: int) -> SessionError:
    """The error of a line that does not say what it should."""
    return SessionError(
        f"Line {number} of the session {path} is damaged, or was written by another version of charnn. Put the file"
        " back from a copy, or keep what comes before that line and remove the rest."
    )


def _cannot(path: Path, error: OSError) -> SessionError:
    return SessionError(
        f"The session {path} cannot be kept ({error.strerror or error}). Make room, or write in another folder."
    )
