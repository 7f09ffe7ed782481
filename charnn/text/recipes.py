"""Making one text of what a package archive holds. A recipe never changes: a manifest pins the hash of its result."""

import re
from collections.abc import Callable, Sequence

Recipe = Callable[[Sequence[bytes]], bytes]
"""The members, in order of path, to the text."""

_STAGE_DIRECTION = re.compile(r"_+[^_]*_|\[[^\]_]*[\]_]|_")  # the last: one that was never closed
_SPEAKER = re.compile(r"\*\*(.+)\*\*")


def markdown_plays(members: Sequence[bytes]) -> bytes:
    """Plays in Markdown as bare dialogue: `NAME:` above each speech, a blank line between speeches.

    Titles, headings and stage directions go, and with them a speech of which nothing else is left.
    """
    speeches = [speech for play in members for speech in _speeches(play.decode("utf-8"))]
    return ("\n\n".join(speeches) + "\n").encode("utf-8")


def _speeches(play: str) -> list[str]:
    speeches: list[list[str]] = [[]]
    for paragraph in re.split(r"\n\s*\n", play.replace("\\", "")):  # a stage direction may go over several lines
        for line in _STAGE_DIRECTION.sub("", paragraph).splitlines():
            words = " ".join(line.split())
            if words.startswith("#"):
                speeches.append([])
            elif speaker := _SPEAKER.fullmatch(words):
                speeches.append([f"{speaker[1]}:"])
            elif words:
                speeches[-1].append(words)
    return ["\n".join(speech) for speech in speeches if len(speech) > 1]


RECIPES: dict[str, Recipe] = {"markdown-plays": markdown_plays}
