"""What voices make of drafts: what they remember after each, and what each of its characters cost them.

All is computed once and from the nearest draft that was read before, so going anywhere in a session takes no time.

A text that a person began is read as it stands, as `charnn sample --prompt` reads it. Before anything is written the
voices stand at the beginning of a line; what they then wrote first themselves is read as they wrote it, behind that
newline.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from charnn.nn.blend import Reading
from charnn.writing.drafts import Draft, Hand
from charnn.writing.voices import Voices

Scores: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""For each character of a piece: the bits it cost, and those that were to be expected."""


class Reader:
    """Reads the drafts of one session. Its voices may be reweighted, but have to be the same ones."""

    def __init__(self) -> None:
        self._readings: dict[int, Reading] = {}
        self._scores: dict[tuple[int, tuple[float, ...]], Scores] = {}

    def after(self, voices: Voices, draft: Draft) -> Reading:
        """What the voices remember after `draft`."""
        path = draft.path
        known = next((n for n in range(len(path) - 1, -1, -1) if path[n].id in self._readings and path[n].end), 0)
        if draft.id not in self._readings:
            self._readings[draft.id] = self._on(voices, path[known], path[known + 1 :])
        return self._readings[draft.id]

    def keep(self, draft: Draft, reading: Reading) -> None:
        """Take in what the voices remember after `draft`, which they have just written."""
        self._readings[draft.id] = reading

    def before(self, voices: Voices, draft: Draft, position: int) -> Reading:
        """What the voices remember of the first `position` characters of `draft`."""
        while draft.parent is not None and draft.start > position:
            draft = draft.parent
        if position >= draft.end or draft.parent is None:
            return self.after(voices, draft)
        self.after(voices, draft.parent)
        piece = Draft(-1, draft.parent, draft.text[: position - draft.start], draft.hand, draft.start)
        return self._on(voices, draft.parent, [piece])

    def scores(self, voices: Voices, draft: Draft) -> list[Scores]:
        """For each piece of `draft`'s path: what each character costs in bits, and what was to be expected.

        By the voices as they are heard now; see `Voices.score`.
        """
        path, weights = draft.path, voices.weights
        known = 0
        while known < len(path) and (path[known].id, weights) in self._scores:
            known += 1
        if missing := path[known:]:
            bits, expected = self._score(voices, missing)
            for piece in missing:
                at = slice(piece.start - missing[0].start, piece.end - missing[0].start)
                self._scores[piece.id, weights] = bits[at], expected[at]
        return [self._scores[piece.id, weights] for piece in path]

    def _on(self, voices: Voices, draft: Draft, pieces: Sequence[Draft]) -> Reading:
        """Read `pieces` after `draft`, which was read before if there is any text in it."""
        text = "".join(piece.text for piece in pieces)
        if draft.end:
            return voices.read(self._readings[draft.id], text)
        return voices.begin(text if _is_typed(pieces) else f"\n{text}")

    def _score(self, voices: Voices, pieces: Sequence[Draft]) -> Scores:
        text, first = "".join(piece.text for piece in pieces), pieces[0]
        if first.parent is not None and first.start > 0:
            return voices.score(self.after(voices, first.parent), text)
        if not text or not _is_typed(pieces):
            return voices.score(voices.begin(), text)
        beginning, rest = voices.score(voices.begin(), text[0]), voices.score(voices.begin(text[0]), text[1:])
        return np.concatenate([beginning[0], rest[0]]), np.concatenate([beginning[1], rest[1]])


def _is_typed(pieces: Sequence[Draft]) -> bool:
    """Whether a person wrote the first character of them; so, too, if there is none."""
    return next((piece.hand for piece in pieces if piece.text), Hand("typed")).by == "typed"
