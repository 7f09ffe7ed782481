"""A line is in the file whole, or not at all."""

import errno

import pytest

from charnn.errors import SessionError
from charnn.writing.journal import Journal


class FullDisk:
    """A stream that writes some bytes of what it is given, then finds no room."""

    def __init__(self, stream, room):
        self._stream, self.room = stream, room

    def write(self, content):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._stream.write(content[: self.room])
        self.room -= written
        return written

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.mark.parametrize("room", [0, 1, 9])
def test_what_finds_no_room_leaves_nothing_behind(tmp_path, room):
    journal = Journal(tmp_path / "tale.jsonl")
    journal.append({"draft": 1})
    stream = journal._stream
    journal._stream = FullDisk(stream, room)
    with pytest.raises(SessionError, match="No space left"):
        journal.append({"draft": 2, "text": "lost"})
    journal._stream = stream
    journal.append({"draft": 2, "text": "kept"})
    journal.close()
    again = Journal(tmp_path / "tale.jsonl")
    again.close()
    assert again.lines == [{"draft": 1}, {"draft": 2, "text": "kept"}]
    assert not again.torn
