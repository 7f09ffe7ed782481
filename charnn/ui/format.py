"""Numbers and texts as a person reads them."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def count(number: float) -> str:
    """`number` with three digits and a unit: 950, 12.3 k, 1.12 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{unit}"
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """`seconds` as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' * (number != 1)} ago"
    return "just now"


def bits(bits_per_char: float | None) -> str:
    """Bits per character, as a table shows them."""
    return "–" if bits_per_char is None else f"{bits_per_char:.3f}"


def printable(text: str) -> str:
    """`text` as a terminal can show it: what would move the cursor or is no character becomes �."""
    return _CONTROL.sub("\ufffd", text)
