"""The alphabet of a text: a number for each character, and back."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ids: TypeAlias = npt.NDArray[np.unsignedinteger[Any]]
"""Character ids: positions in a vocabulary, as small unsigned integers."""

CodePoints: TypeAlias = npt.NDArray[np.uint32]
"""Characters as Unicode code points."""

NUM_CODE_POINTS = 0x110000
REPLACEMENT_CHARACTER = "\ufffd"


def code_points(text: str) -> CodePoints:
    """The code point of each character of `text`, [len(text)] uint32; lone surrogates are code points too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def text_of(points: CodePoints) -> str:
    """The text whose `code_points` these are."""
    return points.astype("<u4", copy=False).tobytes().decode("utf-32-le", "surrogatepass")


@dataclass(frozen=True)
class Vocabulary:
    """The characters a model knows. A character's id is its position in `characters`, each of which is there once.

    The alphabet of a text is sorted by code point; `extended` puts later characters behind, so ids never move.
    One id more, `unknown_id`, stands for every character outside: a model reads it as the zero vector and never
    writes it.
    """

    characters: str

    def __post_init__(self) -> None:
        """Refuse a character that is there twice: it would have two ids."""
        if len(set(self.characters)) != len(self.characters):
            raise ValueError("a vocabulary holds each character once")

    def __len__(self) -> int:
        """How many characters it knows."""
        return len(self.characters)

    @property
    def unknown_id(self) -> int:
        """The id of every character that is not in the vocabulary: one past the last."""
        return len(self.characters)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest of uint8, uint16 and uint32 that holds every id and `unknown_id`."""
        return np.min_scalar_type(self.unknown_id)

    @cached_property
    def _id_of_code_point(self) -> Ids:
        # One entry for each code point there is: 1 to 4 MB, and a look-up needs no search and no bounds.
        ids = np.full(NUM_CODE_POINTS, self.unknown_id, dtype=self.dtype)
        ids[code_points(self.characters)] = np.arange(len(self), dtype=self.dtype)
        return ids

    @cached_property
    def _code_point_of_id(self) -> CodePoints:
        return code_points(self.characters + REPLACEMENT_CHARACTER)

    def encode(self, text: str) -> Ids:
        """The ids of `text`, [len(text)] of `dtype`; a character outside the vocabulary gets `unknown_id`."""
        return self.encode_code_points(code_points(text))

    def encode_code_points(self, points: CodePoints) -> Ids:
        """The ids of characters given as code points: the same shape, of `dtype`."""
        return self._id_of_code_point[points]

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of `ids` [num_characters]; `unknown_id` becomes U+FFFD, the replacement character."""
        return text_of(self._code_point_of_id[np.asarray(ids, dtype=np.intp)])

    def unknown_characters(self, text: str) -> str:
        """The characters of `text` outside the vocabulary, each once, in order of first appearance."""
        known = frozenset(self.characters)
        return "".join(character for character in dict.fromkeys(text) if character not in known)

    def extended(self, other: "Vocabulary") -> "Vocabulary":
        """This vocabulary followed by what only `other` has: every id of this one keeps its meaning."""
        return Vocabulary(self.characters + self.unknown_characters(other.characters))
