"""Reading a text file: bytes → characters → ids, in the memory of the ids.

The rule, the same for files, prompts and pipes:

- Text is UTF-8. A byte-order mark at the start is a mark of the encoding, not a character, and is dropped.
- CRLF becomes LF. A lone CR stays.
- Bytes that are not valid UTF-8 are kept, each as one character, a surrogate escape (PEP 383), so that writing the
  text out gives the same bytes again.
"""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from charnn.errors import CorpusError
from charnn.text.vocabulary import NUM_CODE_POINTS, CodePoints, Ids, Vocabulary, code_points, text_of

_ESCAPED_BYTES = slice(0xDC80, 0xDD00)  # the code points that stand for the bytes 0x80 to 0xFF
_WIDE_ENCODINGS = {  # by byte-order mark; UTF-32 first, for its mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class Corpus:
    """A text, ready to train on."""

    name: str
    """Its name in the catalogue, or the file's name without its suffix."""
    vocabulary: Vocabulary
    ids: Ids
    """[num_characters] of `vocabulary.dtype`."""
    sha256: str
    """Of the file's bytes as they are, in hex."""
    remarks: tuple[str, ...] = ()
    """One sentence for each thing that the reader did or noticed."""


def decode_bytes(data: bytes) -> str:
    """The characters of `data` by the rule above. Any bytes will do."""
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def examples(characters: str) -> str:
    """The first ten of `characters` as a sentence can name them."""
    shown = " ".join(one if one.isprintable() else ascii(one) for one in characters[:10])
    return shown + " …" * (len(characters) > 10)


def encode_text(text: str) -> bytes:
    """The bytes of `text`: UTF-8, and an escaped byte as itself. Undoes `decode_bytes`, bar a mark and CRLFs."""
    return text.encode("utf-8", "surrogateescape")


def split(ids: Ids, val_fraction: float) -> tuple[Ids, Ids]:
    """The training part and, behind it, the validation part: views of `ids`, together all of it.

    Training gets int(n × (1 − val_fraction)) characters, the split that published results quote, and at least 2. A
    remainder of fewer than 2 cannot be predicted from, so it stays in training and validation is empty.
    """
    num_train = max(2, int(len(ids) * (1 - val_fraction)))
    if len(ids) - num_train < 2:
        num_train = len(ids)
    return ids[:num_train], ids[num_train:]


def read_corpus(
    path: Path, name: str | None = None, vocabulary: Vocabulary | None = None, *, chunk_bytes: int = 1 << 20
) -> Corpus:
    """Read the text file at `path`.

    The file is read twice, `chunk_bytes` at a time: once for its alphabet and once for its ids. The text as a whole is
    never held, for a single emoji would make that four bytes a character.

    Args:
        path: a regular file.
        name: what to call the corpus; the file's name without its suffix when None.
        vocabulary: encode with this one, other characters as its `unknown_id`; the text's own when None.
        chunk_bytes: how much to read at a time; the result does not depend on it.

    Raises:
        CorpusError: there is no such file, it cannot be read, it changed while being read, it is empty or not text, it
            has fewer than 2 characters, or they are all the same and no vocabulary is given.
    """
    if not path.exists():
        raise CorpusError(f"There is no file {path}. Check the path for typing errors, from the folder you are in.")
    if path.is_dir():
        raise CorpusError(
            f"{path} is a folder, but one text file is needed. Name a file in it, or join its files into one."
        )
    if not path.is_file():
        raise CorpusError(f"{path} is not a regular file, and the text is read twice. Save it to a file and name that.")
    try:
        reading = _Reading(path, chunk_bytes)
        counts = _count_characters(reading)
        _check(path, reading, counts)
        if vocabulary is None:
            vocabulary = Vocabulary(text_of(np.flatnonzero(counts).astype(np.uint32)))
            if len(vocabulary) < 2:
                raise CorpusError(
                    f"{path} repeats one character, {vocabulary.characters!r}, so there is nothing to learn from it."
                    " Use a text with at least 2 different characters."
                )
            unknown = []
        else:
            unknown = _unknown_remarks(counts, vocabulary)
        ids = _encode(path, reading, int(counts.sum()), vocabulary)
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be read: {error.strerror or error}. Check its permissions and the disk it is on."
        ) from error
    remarks = (*_remarks(reading, counts), *unknown)
    return Corpus(path.stem if name is None else name, vocabulary, ids, reading.sha256, remarks)


class _Reading:
    """One pass over a file: iterate for its characters, then ask for what was met on the way."""

    def __init__(self, path: Path, chunk_bytes: int) -> None:
        self.path = path
        self.chunk_bytes = chunk_bytes
        self.sha256 = ""
        self.num_bytes = 0
        self.first_bytes = b""
        self.num_nul = 0
        self.first_nul: int | None = None
        self.first_invalid: int | None = None
        self.num_crlf = 0

    @property
    def has_byte_order_mark(self) -> bool:
        return self.first_bytes.startswith(codecs.BOM_UTF8)

    def __iter__(self) -> Iterator[CodePoints]:
        """The code points of one chunk after another, each [num_characters]."""
        held_back = ""  # a CR at the end of a chunk, until it is known whether an LF follows
        for text in self._decoded():
            text = held_back + text
            held_back = "\r" if text.endswith("\r") else ""
            text = text.removesuffix(held_back)
            self.num_crlf += text.count("\r\n")
            yield code_points(text.replace("\r\n", "\n"))
        yield code_points(held_back)

    def _decoded(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while True:
                chunk = file.read(self.chunk_bytes)
                self._note_bytes(chunk)
                digest.update(chunk)
                # The decoder may still hold the first bytes of a character that the last chunk ended within.
                start = self.num_bytes - len(decoder.getstate()[0])
                text = decoder.decode(chunk, final=not chunk)
                self._note_invalid(text, start)
                if start == 0 and text:
                    text = text.removeprefix("\ufeff")
                yield text
                if not chunk:
                    break
                self.num_bytes += len(chunk)
        self.sha256 = digest.hexdigest()

    def _note_bytes(self, chunk: bytes) -> None:
        if len(self.first_bytes) < 4:
            self.first_bytes += chunk[: 4 - len(self.first_bytes)]
        if self.first_nul is None and 0 in chunk:
            self.first_nul = self.num_bytes + chunk.index(0)
        self.num_nul += chunk.count(0)

    def _note_invalid(self, text: str, start: int) -> None:
        if self.first_invalid is not None or text.isascii():
            return
        try:
            text.encode("utf-8")  # fails at the first escaped byte, and nowhere else
        except UnicodeEncodeError as error:
            self.first_invalid = start + len(text[: error.start].encode("utf-8"))


def _count_characters(reading: _Reading) -> npt.NDArray[np.int64]:
    """How often each code point occurs, [NUM_CODE_POINTS]."""
    counts = np.zeros(NUM_CODE_POINTS, dtype=np.int64)
    for points in reading:
        chunk_counts = np.bincount(points)
        counts[: len(chunk_counts)] += chunk_counts
    return counts


def _encode(path: Path, first: _Reading, num_characters: int, vocabulary: Vocabulary) -> Ids:
    """The ids of the file that `first` counted, [num_characters]."""
    second = _Reading(path, first.chunk_bytes)
    ids = np.empty(num_characters, dtype=vocabulary.dtype)
    position = 0
    for points in second:
        if position + len(points) > num_characters:
            break
        ids[position : position + len(points)] = vocabulary.encode_code_points(points)
        position += len(points)
    if second.sha256 != first.sha256:
        raise CorpusError(
            f"{path} changed while it was being read. Wait until nothing writes to it, or copy it and use the copy."
        )
    return ids


def _check(path: Path, reading: _Reading, counts: npt.NDArray[np.int64]) -> None:
    """Refuse a file that is not a text, or too short to learn from."""
    if reading.num_bytes == 0:
        raise CorpusError(f"{path} is empty, but a text of at least 2 characters is needed. Use another file.")
    wide = next((name for mark, name in _WIDE_ENCODINGS.items() if reading.first_bytes.startswith(mark)), None)
    if wide is not None:
        raise CorpusError(
            f"{path} is {wide}, by its byte-order mark, but UTF-8 is needed."
            f" Convert it: iconv -f {wide} -t UTF-8 {path.name} > utf8-{path.name}"
        )
    if reading.num_nul:
        raise CorpusError(
            f"{path} is not a text: {_number(reading.num_nul, 'byte is', 'bytes are')} NUL, the first at offset"
            f" {reading.first_nul}. Use a plain text file in UTF-8; if this is a text in another encoding, convert it."
        )
    if counts.sum() < 2:
        raise CorpusError(
            f"{path} has {_number(int(counts.sum()), 'character', 'characters')}, but at least 2 are needed:"
            " one to read and one to predict. Use a longer text."
        )


def _remarks(reading: _Reading, counts: npt.NDArray[np.int64]) -> Iterator[str]:
    if reading.has_byte_order_mark:
        yield "A byte-order mark at the start was dropped."
    if reading.num_crlf:
        yield f"{_number(reading.num_crlf, 'line ends', 'lines end')} in CRLF, read as LF."
    num_invalid = int(counts[_ESCAPED_BYTES].sum())
    if num_invalid == 1:
        yield f"1 byte is not valid UTF-8 (at offset {reading.first_invalid}); it is kept as it is."
    elif num_invalid:
        yield (
            f"{num_invalid:,} bytes are not valid UTF-8 (the first at offset {reading.first_invalid});"
            " they are kept as they are."
        )


def _unknown_remarks(counts: npt.NDArray[np.int64], vocabulary: Vocabulary) -> list[str]:
    counts = counts.copy()
    counts[code_points(vocabulary.characters)] = 0
    if not counts.any():
        return []
    unknown = text_of(np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].astype(np.uint32))
    return [
        f"{_number(int(counts.sum()), 'character is', 'characters are')} not in the vocabulary"
        f" ({len(unknown):,} different: {examples(unknown)}) and read as unknown."
    ]


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
