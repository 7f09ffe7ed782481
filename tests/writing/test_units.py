"""Where units end: every text is cut into them, whole, and in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.errors import ConfigError
from charnn.text.catalogue import GENRES
from charnn.text.vocabulary import Vocabulary
from charnn.writing.units import ENDS_AFTER, ENDS_BEFORE, START, genre_of, units


def cut(unit, text):
    """The units of `text`; the last may be a beginning."""
    pieces, state, begin = [], START, 0
    for position, character in enumerate(text):
        state = unit.follow(state, character)
        if state == ENDS_BEFORE:
            pieces.append(text[begin:position])
            begin, state = position, unit.follow(START, character)
        if state == ENDS_AFTER:
            pieces.append(text[begin : position + 1])
            begin, state = position + 1, START
    return [*pieces, text[begin:]]


@pytest.mark.parametrize(
    ("genre", "name", "text", "expected"),
    [
        ("prose", "word", "I'd go, sir.\n\nAll", ["I'd", " go", ", sir", ".\n\nAll"]),
        ("play", "word", "naïve 12th ", ["naïve", " 12th", " "]),
        ("code", "word", "if (a_1->b)\n\tdo;", ["if", " (", "a_1", "-", ">", "b", ")", "\n\tdo", ";", ""]),
        ("latex", "word", r"\alpha_{ij} \\ \{a$ \section*{On",
         ["\\alpha", "_", "{", "ij", "}", r" \\", r" \{", "a", "$", r" \section*", "{", "On"]),
        ("music", "bar", "X:1\nK:D\n|:A2 B|cd:||\n", ["X:1\n", "K:D\n", "|", ":A2 B|", "cd:|", "|", "\n"]),
        ("prose", "line", "a b\n\nc\n", ["a b", "\n\nc", "\n"]),
        ("prose", "char", "ab\n", ["a", "b", "\n", ""]),
    ],
)  # fmt: skip
def test_each_genre_has_its_units(genre, name, text, expected):
    assert cut(units(genre)[name], text) == expected


def test_delimiters_can_be_given():
    assert cut(units("code", "-,")["word"], "a b,-c.d-") == ["a b", ",-c.d", "-"]


@given(st.sampled_from(GENRES), st.data(), st.text("ab \n|\\{_'", max_size=20))
def test_what_is_not_over_is_the_last_unit(genre, data, text):
    unit = data.draw(st.sampled_from(list(units(genre).values())))
    last = cut(unit, text)[-1]
    assert text[unit.begins(text) :] == last
    assert unit.after(text) == unit.after(last)
    assert "".join(cut(unit, text)) == text


@given(st.sampled_from(GENRES), st.data(), st.text("ab \n|\\{_'", min_size=1, max_size=20))
def test_every_character_is_of_one_unit(genre, data, text):
    unit = data.draw(st.sampled_from(list(units(genre).values())))
    pieces = [text[slice(*unit.around(text, position))] for position in range(len(text))]
    expected = [piece for piece in cut(unit, text) for _ in piece]
    assert pieces == expected


@pytest.mark.parametrize("genre", GENRES)
def test_no_unit_is_empty_and_a_table_is_the_rule(genre):
    vocabulary = Vocabulary("ab \n|\\{_'")
    for unit in units(genre).values():
        table = unit.table(vocabulary)
        assert ENDS_BEFORE not in table[START]
        for state, row in enumerate(table):
            assert [unit.follow(state, c) for c in vocabulary.characters] == row.tolist()


def test_a_genre_is_known_by_manifest_or_suffix():
    assert genre_of("tinyshakespeare") == "play"
    assert genre_of("tinyshakespeare", "another text's") == "prose"
    assert genre_of("kernel", "", "/texts/kernel.C") == "code"
    assert genre_of("book", "", "/texts/book") == genre_of("../x") == "prose"
    assert "bar" in units("music")
    with pytest.raises(ConfigError, match="ballad"):
        units("ballad")
