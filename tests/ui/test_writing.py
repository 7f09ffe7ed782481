"""Where a text goes decides what is written: bytes as they are, or what a terminal can show."""

import io

from charnn.text.corpus import decode_bytes
from charnn.ui.writing import TextWriter

BYTES = b"caf\xe9 \xe8\xaa\x9e\t[b]\r\x1b[2J\x00\n"


class Stream(io.BytesIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal
        self.seen = b""

    def isatty(self):
        return self.is_terminal

    def flush(self):
        self.seen = self.getvalue()


def test_a_pipe_gets_the_very_bytes_piece_by_piece():
    stream = Stream(is_terminal=False)
    writer = TextWriter(stream)
    text = decode_bytes(BYTES)
    for n, character in enumerate(text):
        writer.write(character)
        assert decode_bytes(stream.seen) == text[: n + 1], "seen at once"
    assert stream.seen == BYTES
    assert not stream.closed


def test_a_terminal_gets_what_it_can_show():
    stream = Stream(is_terminal=True)
    TextWriter(stream).write(decode_bytes(BYTES))
    assert stream.seen.decode() == "caf\ufffd 語\t[b]\ufffd\ufffd[2J\ufffd\n"
