"""Texts that are written piece by piece, on a terminal, a pipe or a file."""

from typing import BinaryIO

from charnn.text.corpus import encode_text
from charnn.ui.format import printable


class TextWriter:
    """Writes text as it comes: exact bytes to a pipe or file, what can be shown to a terminal."""

    def __init__(self, stream: BinaryIO) -> None:
        """`stream` takes bytes; it is not closed."""
        self.stream = stream
        self.is_terminal = stream.isatty()

    def write(self, text: str) -> None:
        """Write `text` and have it seen at once."""
        self.stream.write(encode_text(printable(text) if self.is_terminal else text))
        self.stream.flush()
