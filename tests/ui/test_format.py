"""Numbers and texts for people: what is shown says what was meant, in as few characters."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.ui.format import age, bits, count, duration, printable

UNITS = {"": 1, " k": 1e3, " M": 1e6, " G": 1e9}


@given(st.floats(0, 9.9e11) | st.integers(0, 10**6))
def test_a_count_is_right_to_three_digits(number):
    digits, unit = re.fullmatch(r"([0-9.]+)( [kMG]|)", count(number)).groups()
    assert abs(float(digits) * UNITS[unit] - number) <= max(0.5, 0.00501 * number)
    assert len(digits.replace(".", "")) == 3 or (unit == "" and len(digits) <= 3)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        *((0, "0"), (950, "950"), (999.4, "999"), (999.5, "1.00 k"), (9_994, "9.99 k"), (9_996, "10.0 k")),
        *((12_345, "12.3 k"), (99_960, "100 k"), (999_499, "999 k"), (999_500, "1.00 M"), (2e9, "2.00 G")),
    ],
)
def test_a_count_changes_its_unit_where_it_would_have_four_digits(number, shown):
    assert count(number) == shown


@given(st.floats(0, 1e7))
def test_a_duration_is_right_to_the_second(seconds):
    shown = duration(seconds)
    assert re.fullmatch(r"([1-9]\d*:[0-5]\d|[1-5]?\d):[0-5]\d", shown)
    parts = [int(part) for part in shown.split(":")]
    assert sum(part * 60**n for n, part in enumerate(reversed(parts))) == round(seconds)


@given(st.floats(60, 1e9))
def test_an_age_is_in_the_largest_unit_that_fits(seconds):
    number, unit, plural = re.fullmatch(r"(\d+) (minute|hour|day)(s?) ago", age(seconds)).groups()
    size, most = {"minute": (60, 59), "hour": (3600, 23), "day": (86400, 10**9)}[unit]
    assert 0 <= seconds - int(number) * size < size
    assert 1 <= int(number) <= most
    assert (plural == "s") == (int(number) != 1)


@given(st.floats(-100, 59.9))
def test_what_is_younger_than_a_minute_or_of_a_clock_that_went_back_is_now(seconds):
    assert age(seconds) == "just now"


def test_bits_per_character_have_three_decimals_or_are_not_there():
    assert [bits(score) for score in (None, 0, 1.2345, 12)] == ["–", "0.000", "1.234", "12.000"]


@given(st.text(st.characters()))
def test_what_a_terminal_is_given_moves_no_cursor_and_is_text(text):
    shown = printable(text)
    assert len(shown) == len(text)
    shown.encode()
    for before, after in zip(text, shown, strict=True):
        is_kept = before in "\t\n" or unicodedata.category(before) not in ("Cc", "Cs")
        assert after == (before if is_kept else "\ufffd")
