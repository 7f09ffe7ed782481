"""Rows are all of the text, and none is too wide."""

from hypothesis import given
from hypothesis import strategies as st

from charnn.ui.cowriting.wrapping import cells, shown, wrap


@given(st.text("ab \n\t漢é\u0301\x00\udc80", max_size=60), st.integers(0, 12))
def test_rows_are_the_text_and_fit(text, width):
    rows = wrap(text, width)
    assert [start for start, _ in rows[1:]] == [end for _, end in rows[:-1]]
    assert (rows[0][0], rows[-1][1]) == (0, len(text))
    assert len(rows) > text.count("\n")
    for start, end in rows:
        row = text[start:end]
        assert "\n" not in row[:-1]
        fitting = row.rstrip(" \n")
        assert sum(cells(character) for character in fitting) <= max(width, 2) or len(fitting) == 1


def test_rows_break_after_spaces():
    text = "to be or not\nto"
    assert [text[start:end] for start, end in wrap(text, 6)] == ["to be ", "or not\n", "to"]
    assert [text[start:end] for start, end in wrap("abcdefgh i", 4) if (text := "abcdefgh i")] == ["abcd", "efgh ", "i"]


def test_what_would_move_the_cursor_is_shown():
    assert [shown(character) for character in "a\x1b\t\udc80"] == ["a", "�", "    ", "�"]
