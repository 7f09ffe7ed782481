import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charnn.errors import CorpusError
from charnn.text import corpus
from charnn.text.corpus import decode_bytes, encode_text, read_corpus, split
from charnn.text.vocabulary import Vocabulary

BOM = b"\xef\xbb\xbf"
MARKS = {"le": b"\xff\xfe", "be": b"\xfe\xff"}

# Bytes that hit what the rule is about: marks, line ends, characters of every length, and halves of them.
fragments = st.one_of(
    st.sampled_from(
        [BOM, b"\r", b"\n", b"\r\n", "é".encode(), "語".encode(), "😀".encode(), b"\xf0\x9f", b"\xed\xa0\x80"]
    ),
    st.binary(min_size=1, max_size=3).filter(lambda data: 0 not in data),
)
files = st.lists(fragments, max_size=12).map(b"".join)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus") / "file.txt"


@given(files)
@example(BOM + BOM + b"a\r\r\n\xff")
def test_text_gives_the_same_bytes_again_bar_the_mark_and_crlf(data: bytes):
    assert encode_text(decode_bytes(data)) == data.removeprefix(BOM).replace(b"\r\n", b"\n")


@given(files, st.integers(1, 5))
@example(b"a" + BOM + b"\xff", 1)
@example(b"\r\r\n\r", 1)
def test_a_file_reads_the_same_in_chunks_of_any_size(file: Path, data: bytes, chunk_bytes: int):
    data = b"ab" + data if not data.startswith(BOM) else data + b"ab"
    file.write_bytes(data)
    whole, read = read_corpus(file), read_corpus(file, chunk_bytes=chunk_bytes)
    assert read.vocabulary.decode(read.ids) == whole.vocabulary.decode(whole.ids) == decode_bytes(data)
    assert read.vocabulary.characters == "".join(sorted(set(decode_bytes(data))))
    assert read.remarks == whole.remarks
    assert read.sha256 == whole.sha256 == hashlib.sha256(data).hexdigest()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")), st.integers(1, 5))
def test_the_first_invalid_byte_is_found_where_it_is(file: Path, before: str, chunk_bytes: int):
    file.write_bytes(before.encode() + b"\xff and later \xfe")
    (remark,) = read_corpus(file, chunk_bytes=chunk_bytes).remarks
    assert remark == (
        f"2 bytes are not valid UTF-8 (the first at offset {len(before.encode())}); they are kept as they are."
    )


def test_everything_that_was_done_is_remarked(file: Path):
    file.write_bytes(BOM + b"one\r\ntwo\r\nthree \xa9\n")
    assert read_corpus(file).remarks == (
        "A byte-order mark at the start was dropped.",
        "2 lines end in CRLF, read as LF.",
        "1 byte is not valid UTF-8 (at offset 19); it is kept as it is.",
    )
    file.write_bytes("Nothing to say: é.\n".encode())
    assert read_corpus(file).remarks == ()


def test_a_given_vocabulary_is_kept_and_unknown_characters_are_counted(file: Path):
    file.write_text("abca\tzz")
    read = read_corpus(file, name="letters", vocabulary=Vocabulary("cba"))
    assert read.name == "letters"
    assert read.vocabulary == Vocabulary("cba")
    assert read.ids.tolist() == [2, 1, 0, 2, 3, 3, 3]
    assert read.remarks == ("3 characters are not in the vocabulary (2 different: z '\\t') and read as unknown.",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (BOM, "0 characters, but at least 2"),
        (b"a", "1 character, but at least 2"),
        (b"\r\n", "1 character, but at least 2"),
        (b"aaaa", "repeats one character, 'a'"),
        (b"ab\0c\0", "2 bytes are NUL, the first at offset 2"),
        ("Text".encode("utf-16"), "is UTF-16, .* iconv -f UTF-16 -t UTF-8 file.txt"),
        ("Text".encode("utf-32"), "is UTF-32"),
        *((mark + "語り".encode(f"utf-16-{end}"), "is UTF-16") for end, mark in MARKS.items()),  # no NUL in it
    ],
)
def test_a_file_that_cannot_be_learnt_from_is_refused(file: Path, data: bytes, message: str):
    file.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        read_corpus(file, chunk_bytes=3)


def test_a_path_that_is_not_a_readable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(CorpusError, match="no file"):
        read_corpus(tmp_path / "missing.txt")
    with pytest.raises(CorpusError, match="is a folder"):
        read_corpus(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match="not a regular file"):
        read_corpus(tmp_path / "pipe")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "file").write_text("text")
    monkeypatch.setattr(Path, "open", refuse)  # not by its mode: the administrator may read anything
    with pytest.raises(CorpusError, match="cannot be read: Permission denied"):
        read_corpus(tmp_path / "file")


@pytest.mark.parametrize("later", ["shorter", "the other one", "a text that has grown meanwhile"])
def test_a_file_that_changes_between_the_passes_is_noticed(file: Path, monkeypatch: pytest.MonkeyPatch, later: str):
    file.write_text("the first one")
    count = corpus._count_characters

    def count_then_change(reading: corpus._Reading) -> np.ndarray:
        counts = count(reading)
        file.write_text(later)
        return counts

    monkeypatch.setattr(corpus, "_count_characters", count_then_change)
    with pytest.raises(CorpusError, match="changed while it was being read"):
        read_corpus(file)


@given(st.integers(2, 3000), st.floats(0, 0.9))
def test_the_parts_are_the_whole_and_each_can_be_predicted_from(num_characters: int, val_fraction: float):
    ids = np.arange(num_characters)
    train, val = split(ids, val_fraction)
    np.testing.assert_array_equal(np.concatenate([train, val]), ids)
    assert len(train) >= 2
    assert len(val) != 1
    assert num_characters < 20 or abs(len(val) - num_characters * val_fraction) < 2
    assert np.shares_memory(train, ids)


def test_the_split_is_the_one_that_results_are_quoted_on():
    train, val = split(np.empty(1_115_394, dtype=np.uint8), 0.1)
    assert (len(train), len(val)) == (1_003_854, 111_540)
