"""Where a text breaks into rows of a terminal."""

from functools import lru_cache
from itertools import pairwise

from rich.cells import cell_len

from charnn.ui.format import printable

TAB = "    "


@lru_cache(maxsize=4096)
def shown(character: str) -> str:
    """What stands for a character of the text: itself, spaces for a tab, � for what would move the cursor."""
    return TAB if character == "\t" else printable(character)


@lru_cache(maxsize=4096)
def cells(character: str) -> int:
    """How many cells it takes."""
    return cell_len(shown(character))


def wrap(text: str, width: int) -> list[tuple[int, int]]:
    """Start and end of each row; together they are all of the text, and the newline is of the row that it ends.

    Rows break after a space where they can. Spaces that do not fit hang over the edge; nothing else is wider than
    `width` cells, which is at least 2 to have room for a wide character.
    """
    rows = []
    start = 0
    paragraphs = text.split("\n")
    for paragraph in paragraphs:
        breaks = _breaks(paragraph, max(width, 2))
        rows += [(start + a, start + b) for a, b in pairwise(breaks)]
        rows.append((start + breaks[-1], start + len(paragraph) + 1))
        start += len(paragraph) + 1
    first, _ = rows[-1]
    rows[-1] = first, len(text)
    return rows


@lru_cache(maxsize=4096)
def _breaks(paragraph: str, width: int) -> tuple[int, ...]:
    """Where the rows of a text without newlines start."""
    starts, after_space, used = [0], 0, 0
    for position, character in enumerate(paragraph):
        size = cells(character)
        while used + size > width and starts[-1] < position and character != " ":
            start = after_space if after_space > starts[-1] else position
            starts.append(start)
            used = sum(cells(one) for one in paragraph[start:position])
        used += size
        if character in " \t":
            after_space = position + 1
    return tuple(starts)
