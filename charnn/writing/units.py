"""What is suggested at a time: a character, a word, a line or a bar, and where each ends, by genre.

A unit is a small automaton that reads a continuation character by character. It starts at `START`; after each
character it is in a state (0 or more), or it `ENDS_BEFORE` that character, or `ENDS_AFTER` it. What it has read by then
is the unit. So every endless continuation begins with exactly one unit, and the probabilities of all units sum to 1.

What leads to a word belongs to it: after `I love` the next word is ` you`, and `ly` is one, too (the rest of this
word). What follows a word does not belong to it, but has to be seen to know that the word is over.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from charnn.errors import ConfigError
from charnn.text import catalogue
from charnn.text.vocabulary import Vocabulary

START = 0
_INSIDE = 1
_BACKSLASH = 2
_COMMAND = 3
_NUM_STATES = 4
ENDS_BEFORE = -1
ENDS_AFTER = -2

Rule = Callable[[int, str], int]
"""From a state and the next character to the next state, or to where the unit ends."""


def _is_word(character: str) -> bool:
    """Letters, digits, what combines with them, and what holds a word together."""
    return character.isalnum() or unicodedata.category(character)[0] == "M" or character in "'’-‐‑_"


def _after_word(state: int) -> int:
    return START if state == START else ENDS_BEFORE


def _any_character(_: int, __: str) -> int:
    return ENDS_AFTER


def _prose_word(state: int, character: str) -> int:
    """What is not of a word, then a word."""
    return _INSIDE if _is_word(character) else _after_word(state)


def _code_word(state: int, character: str) -> int:
    """White space, then an identifier, a number, or one other character."""
    if character.isalnum() or character == "_":
        return _INSIDE
    return START if state == START and character.isspace() else ENDS_AFTER if state == START else ENDS_BEFORE


def _latex_word(state: int, character: str) -> int:
    r"""White space, then a word, a command (`\alpha`, `\\`, `\{`), or one other character."""
    if state == _BACKSLASH:
        return _COMMAND if character.isalpha() or character == "@" else ENDS_AFTER
    if state == _COMMAND:
        return _COMMAND if character.isalpha() or character in "@*" else ENDS_BEFORE
    if _is_word(character) and character != "_":  # it begins an index
        return _INSIDE
    if state == _INSIDE:
        return ENDS_BEFORE
    if character == "\\":
        return _BACKSLASH
    return START if character.isspace() else ENDS_AFTER


def _bar(state: int, character: str) -> int:
    """Newlines, then all up to a bar line, which belongs to it; a line of a tune's head is one, too."""
    if character == "|" or (character == "\n" and state != START):
        return ENDS_AFTER
    return START if character == "\n" else _INSIDE


def _line(state: int, character: str) -> int:
    """Newlines, then the rest of the line."""
    return _after_word(state) if character == "\n" else _INSIDE


_WORDS: dict[str, Rule] = {"prose": _prose_word, "play": _prose_word, "code": _code_word, "latex": _latex_word}
_SUFFIXES = {
    "code": {".c", ".h", ".cc", ".cpp", ".py", ".js", ".ts", ".java", ".rs", ".go", ".hs", ".rb", ".sh", ".lean"},
    "latex": {".tex", ".sty", ".bib"},
    "music": {".abc"},
}


@dataclass(frozen=True)
class Unit:
    """A kind of suggestion: `name` is `char`, `word`, `line` or `bar`; made by `unit`."""

    name: str
    rule: Rule
    delimiters: str = ""
    """If given, the characters that words are between; all others are of words."""

    @property
    def is_long(self) -> bool:
        """Whether there are too many to look for the likeliest one by one."""
        return self.name in ("line", "bar")

    def follow(self, state: int, character: str) -> int:
        """The state after `character`, or where the unit ends."""
        if self.delimiters:
            return _after_word(state) if character in self.delimiters else _INSIDE
        return self.rule(state, character)

    def after(self, text: str) -> int:
        """The state after `text`: that of the last unit in it, which is not over. `START` if all of them are."""
        state = START
        for character in text:
            state = self._go_on(state, character)
        return state

    def begins(self, text: str) -> int:
        """Where the last unit of `text` begins that is not over; `len(text)` if all of them are."""
        state, begin = START, 0
        for position, character in enumerate(text):
            after = self.follow(state, character)
            if after == ENDS_BEFORE:
                begin = position
            state = self._go_on(state, character)
            if after == ENDS_AFTER or (after == ENDS_BEFORE and self.follow(START, character) == ENDS_AFTER):
                begin = position + 1
        return begin

    def around(self, text: str, position: int) -> tuple[int, int]:
        """From where to where the unit of `text` goes that the character at `position` is of."""
        start, state = 0, START
        for at, character in enumerate(text):
            after = self.follow(state, character)
            if after == ENDS_BEFORE:
                if at > position:
                    return start, at
                start, after = at, self.follow(START, character)
            if after == ENDS_AFTER:
                if at >= position:
                    return start, at + 1
                start, after = at + 1, START
            state = after
        return start, len(text)

    def _go_on(self, state: int, character: str) -> int:
        after = self.follow(state, character)
        if after == ENDS_BEFORE:
            after = self.follow(START, character)
        return START if after == ENDS_AFTER else after

    def table(self, vocabulary: Vocabulary) -> npt.NDArray[np.int8]:
        """`follow` for every state and every character of `vocabulary`: [states, vocab]."""
        return _table(self, vocabulary)


@lru_cache(maxsize=32)
def _table(unit: Unit, vocabulary: Vocabulary) -> npt.NDArray[np.int8]:
    return np.array([[unit.follow(state, c) for c in vocabulary.characters] for state in range(_NUM_STATES)], np.int8)


CHAR = Unit("char", _any_character)
LINE = Unit("line", _line)
BAR = Unit("bar", _bar)


def units(genre: str = "prose", delimiters: str = "") -> dict[str, Unit]:
    """The units that can be suggested in `genre`, by name, from the shortest; words end at `delimiters` if given.

    Raises `ConfigError` for a genre that there is not.
    """
    if genre not in catalogue.GENRES:
        raise ConfigError(f"There is no genre {genre!r}; choose one of {', '.join(catalogue.GENRES)}.", "genre")
    word = Unit("word", _WORDS.get(genre, _prose_word), delimiters)
    bars = [BAR] if genre == "music" else []
    return {unit.name: unit for unit in [CHAR, word, *bars, LINE]}


def genre_of(corpus_name: str, corpus_sha256: str = "", corpus_path: str = "") -> str:
    """The genre of a run's text: what its manifest says, else what its file's suffix tells, else prose."""
    manifest = catalogue.find(corpus_name)
    if manifest is not None and corpus_sha256 in ("", manifest.sha256):
        return manifest.genre
    suffix = "." + corpus_path.rpartition(".")[2].lower()
    return next((genre for genre, suffixes in _SUFFIXES.items() if suffix in suffixes), "prose")
