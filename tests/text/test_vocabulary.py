import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.text.corpus import decode_bytes
from charnn.text.vocabulary import Vocabulary

alphabets = st.sets(st.characters()).map(lambda characters: Vocabulary("".join(sorted(characters))))


@given(alphabets, st.data())
def test_decoding_what_was_encoded_gives_the_text_back(vocabulary: Vocabulary, data: st.DataObject):
    text = data.draw(st.text(st.sampled_from(vocabulary.characters) if vocabulary.characters else st.nothing()))
    ids = vocabulary.encode(text)
    assert ids.dtype == vocabulary.dtype
    assert ids.tolist() == [vocabulary.characters.index(character) for character in text]
    assert vocabulary.decode(ids) == text


@given(alphabets, st.text())
def test_any_text_can_be_encoded_and_what_is_unknown_says_so(vocabulary: Vocabulary, text: str):
    known = set(vocabulary.characters)
    expected = "".join(character if character in known else "\ufffd" for character in text)
    assert vocabulary.decode(vocabulary.encode(text)) == expected
    assert len(vocabulary.encode(text)) == len(text)

    unknown = vocabulary.unknown_characters(text)
    assert set(unknown) == set(text) - known
    assert [text.index(character) for character in unknown] == sorted({text.index(c) for c in unknown})


@given(alphabets, alphabets, st.text())
def test_extending_adds_characters_and_moves_none(first: Vocabulary, second: Vocabulary, text: str):
    extended = first.extended(second)
    assert extended.characters.startswith(first.characters)
    assert set(extended.characters) == set(first.characters) | set(second.characters)
    ids = first.encode(text)
    known = ids != first.unknown_id
    np.testing.assert_array_equal(extended.encode(text)[known], ids[known])


def test_extending_by_itself_changes_nothing():
    vocabulary = Vocabulary("abc")
    assert vocabulary.extended(vocabulary) == vocabulary


@given(st.binary())
def test_the_characters_of_any_file_survive_json(data: bytes):
    characters = "".join(sorted(set(decode_bytes(data))))
    assert json.loads(json.dumps(characters)) == characters


@pytest.mark.parametrize(("size", "dtype"), [(0, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4")])
def test_ids_are_as_small_as_the_unknown_id_allows(size: int, dtype: str):
    vocabulary = Vocabulary("".join(map(chr, range(size))))
    assert vocabulary.dtype == np.dtype(dtype)
    assert vocabulary.encode("\U0010ffff").tolist() == [vocabulary.unknown_id] == [size]


def test_a_character_with_two_ids_is_refused():
    with pytest.raises(ValueError, match="once"):
        Vocabulary("aba")
