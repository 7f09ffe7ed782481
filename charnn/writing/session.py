"""A session: a person and one or several runs write a text together, and nothing that was written is ever lost.

All drafts stay in a tree; the session is at one of them. What is written goes behind that one, and going back leaves
what was ahead as a branch. Every change is on disk before the method that makes it returns. What the nets remember of
each draft is kept, so that going anywhere takes no time; after a reload only what is needed is read again.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import jax
import numpy as np

from charnn.config import SampleConfig
from charnn.errors import ConfigError, SessionError
from charnn.nn.blend import Reading
from charnn.writing import journal, suggestions, units
from charnn.writing.drafts import TYPED, Draft, Hand
from charnn.writing.journal import Journal
from charnn.writing.reader import Reader, Scores
from charnn.writing.suggestions import DEFAULT_BUDGET, Budget, Suggestion, Suggestions
from charnn.writing.tree import Tree
from charnn.writing.units import ENDS_BEFORE, START, Unit
from charnn.writing.voices import Voices

FORMAT = 1
FOLDER = "sessions"
CHUNK = 16  # characters that the model writes between two looks
_LONGEST_PREFIX = 1000  # characters looked back over for where a unit began
_LONGEST_WORD = 80  # characters after which the model is stopped in a word; in a line, ten times that


@dataclass(frozen=True)
class VoiceReference:
    """Where a voice of a session is to be loaded from, and how much it is heard."""

    name: str
    folder: str
    checkpoint: str
    weight: float


@dataclass(frozen=True)
class Header:
    """What has to be known to open a session again."""

    voices: tuple[VoiceReference, ...]
    genre: str
    delimiters: str
    seed: int
    created: str
    """ISO 8601, UTC."""


def session_path(run_folder: Path, name: str) -> Path:
    """Where a session called `name` is kept."""
    return run_folder / FOLDER / f"{name}.jsonl"


def list_sessions(run_folder: Path) -> list[Path]:
    """The sessions of a run, the one that was written in last first."""
    return sorted((run_folder / FOLDER).glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)


def read_header(path: Path) -> Header:
    """What the session in `path` began with, to load its voices. Raises `SessionError` if it is none, or damaged."""
    try:
        with path.open("rb") as stream:
            first = stream.readline()
    except OSError as error:
        raise SessionError(
            f"The session {path} cannot be read ({error.strerror}). Leave out `--continue` to begin a new one."
        ) from error
    return _header(path, journal.parse(path, first)[:1])


class Session:
    """A text being written. Made by `create` or `resume`; `close` it at the end, or use it in a `with`.

    One thread may change it; what it hands out (drafts, readings) can be used by others.
    """

    def __init__(self, file: Journal, voices: Voices, header: Header) -> None:
        """Use `create` or `resume`."""
        self._journal = file
        self.header = header
        self.voices = voices
        self.settings = SampleConfig()
        self.note = ""
        """What a person should know about how it was loaded; mostly nothing."""
        self._tree = Tree()
        self._reader = Reader()

    @classmethod
    def create(
        cls,
        path: Path,
        voices: Voices,
        settings: SampleConfig,
        *,
        seed: int,
        genre: str = "prose",
        delimiters: str = "",
    ) -> Self:
        """Begin a session in a new file.

        Raises `SessionError` if there is one of that name or it cannot be written, `ConfigError` for no such genre.
        """
        units.units(genre, delimiters)
        file = Journal(path)
        if file.lines:
            file.close()
            raise SessionError(
                f"There is a session {path} already. Go on with it by `--continue`, or give the new one another name."
            )
        references = _references(voices)
        header = Header(references, genre, delimiters, seed, datetime.now(UTC).isoformat(timespec="seconds"))
        file.append(
            {"charnn_session": FORMAT} | dataclasses.asdict(header) | {"settings": dataclasses.asdict(settings)}
        )
        session = cls(file, voices, header)
        session.settings = settings
        return session

    @classmethod
    def resume(cls, path: Path, voices: Voices) -> Self:
        """Go on with the session in `path`, by the voices that its header tells (see `read_header`), in their order.

        Raises `SessionError` if it is damaged, other voices are given, or another process has it open.
        """
        if not path.is_file():
            read_header(path)  # raises
        file = Journal(path)
        try:
            header = _header(path, file.lines)
            session = cls(file, voices, header)
            names = [voice.name for voice in header.voices]
            if list(voices.names) != names:
                raise SessionError(f"The session {path} was begun by {', '.join(names)}; give these voices.")
            session.voices = voices.reweighted([voice.weight for voice in header.voices])
            for number, line in enumerate(file.lines, 1):
                try:
                    session._replay(line)
                except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
                    raise journal.damaged(path, number) from error
        except SessionError:
            file.close()
            raise
        if file.torn:
            session.note = "The last change was not saved whole when the session ended, and is dropped."
        return session

    def close(self) -> None:
        """Let other processes open it. Everything is saved already."""
        self._journal.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # where it is

    @property
    def path(self) -> Path:
        """The file it is kept in."""
        return self._journal.path

    @property
    def draft(self) -> Draft:
        """Where it is."""
        return self._tree.draft

    @property
    def drafts(self) -> Mapping[int, Draft]:
        """All there are, by id, in the order that they were made."""
        return self._tree.drafts

    @property
    def text(self) -> str:
        """All that is written, on the branch where it is."""
        return self.draft.whole

    @property
    def units(self) -> dict[str, Unit]:
        """What can be suggested, by name."""
        return units.units(self.header.genre, self.header.delimiters)

    @property
    def unknown(self) -> str:
        """The characters of the text that no voice knows, each once: they are kept, and read as unknown."""
        return self.voices.vocabulary.unknown_characters(self.text)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self._tree.at > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return self._tree.at + 1 < len(self._tree.visited)

    def children(self, draft: Draft) -> tuple[Draft, ...]:
        """What was written behind `draft`, the oldest first."""
        return self._tree.children(draft)

    def siblings(self, draft: Draft | None = None) -> tuple[Draft, ...]:
        """`draft` (that where it is) and the others with its parent, the oldest first."""
        return self._tree.siblings(draft or self.draft)

    def tips(self) -> tuple[Draft, ...]:
        """The drafts with nothing behind them: the ends of all branches."""
        return self._tree.tips()

    # writing

    def type(self, text: str) -> Draft:
        """Add what the person typed or pasted."""
        return self._add(self.draft, text, TYPED) if text else self.draft

    def pick(self, suggestion: Suggestion, rank: int, unit: Unit) -> Draft:
        """Add the `rest` of a suggestion, the `rank`-th (from 1): its prefix is in the draft already.

        What was typed of it may be all of it: then the piece is empty, and what is suggested next is a new unit.
        """
        hand = Hand("picked", unit.name, rank, suggestion.probability, over=suggestion.complete)
        return self._add(self.draft, suggestion.rest, hand)

    def let_run(self, unit: Unit, count: int = 1, *, should_stop: Callable[[], bool] = lambda: False) -> Draft:
        """Let the model write `count` units; what it has when it is told to stop is kept.

        A unit with no end in sight is cut off. What was picked or run last is over (see `ended_unit`). Running again
        from the same draft writes something else.
        """
        reading, written = self.reading(), _Written(unit, count)
        key = jax.random.fold_in(jax.random.key(self.header.seed), len(self.drafts))
        keys = jax.random.split(key, 1)
        while not written.complete and not should_stop():
            if not written.text and (ended := self.ended_unit()):
                # the first character alone: it must not go on with what is over
                log_probs = suggestions.without_more_of(
                    ended, self.voices.vocabulary, self.voices.log_probs(reading, self.settings)
                )
                ids = jax.random.categorical(jax.random.fold_in(keys[0], 0), log_probs)
                text = self.voices.vocabulary.decode(np.asarray(ids))
                reading = self.voices.read(reading, text)
            else:
                reading, ids = self.voices.generate(reading, self.settings, keys, len(written.text), length=CHUNK)
                text = self.voices.vocabulary.decode(np.asarray(ids)[:, 0])
            written.add(text)
        if not written.text:
            return self.draft
        draft = self._add(self.draft, written.text, Hand("run", unit.name, over=written.over))
        if not written.dropped:
            self._reader.keep(draft, reading)
        return draft

    def cut(self, length: int) -> Draft:
        """Go back to the first `length` characters: to the draft that ends there, or to a new one that does."""
        draft = self.draft
        while draft.parent is not None and draft.start >= length:
            draft = draft.parent
        if length >= draft.end:
            return self.go_to(draft)
        assert draft.parent is not None
        return self._add(draft.parent, draft.text[: length - draft.start], dataclasses.replace(draft.hand, over=False))

    def delete_char(self) -> Draft:
        """Take the last character back; what was written stays as a branch."""
        return self.cut(max(self.draft.end - 1, 0))

    def delete_word(self) -> Draft:
        """Take the last word back, with what is around it up to the word before."""
        text, word = self.text, self.units["word"]
        last = word.begins(text)
        if word.after(text) == START:  # nothing of a word has come since the last one
            text = text[:last]
            last = word.begins(text)
            if last == len(text):
                last = word.begins(text[:-1])
        return self.cut(last)

    # going about

    def go_to(self, draft: Draft) -> Draft:
        """Be at any draft of the tree."""
        if draft is not self.draft:
            self._journal.append({"at": draft.id})
            self._tree.visit(draft)
        return draft

    def undo(self) -> Draft:
        """Be where it was before the last change or move, if any."""
        return self._travel(-1) if self.can_undo else self.draft

    def redo(self) -> Draft:
        """Take an undo back, if nothing was done since."""
        return self._travel(1) if self.can_redo else self.draft

    def branch(self) -> Draft:
        """Step back before the last piece, which stays: what is written now becomes its sibling."""
        return self.go_to(self.draft.parent) if self.draft.parent else self.draft

    def next_sibling(self, by: int = 1) -> Draft:
        """Be at the next one (or the one before: −1) of what was written in this place, round and round."""
        siblings = self.siblings()
        return self.go_to(siblings[(siblings.index(self.draft) + by) % len(siblings)])

    # what it is written with

    def set_settings(self, settings: SampleConfig) -> None:
        """Draw and suggest differently from now on."""
        self._journal.append({"settings": dataclasses.asdict(settings)})
        self.settings = settings

    def set_weights(self, weights: Sequence[float]) -> None:
        """Hear the voices differently from now on. Raises `ConfigError` for weights that cannot be."""
        voices = self.voices.reweighted(weights)
        self._journal.append({"weights": list(voices.weights)})
        self.voices = voices

    # what the nets make of it

    def reading(self, draft: Draft | None = None) -> Reading:
        """What the nets remember after `draft` (that where it is)."""
        return self._reader.after(self.voices, draft or self.draft)

    def reading_before(self, position: int, draft: Draft | None = None) -> Reading:
        """What the nets remember of the first `position` characters, to see what else could stand there."""
        return self._reader.before(self.voices, draft or self.draft, position)

    def typed_prefix(self, unit: Unit) -> str:
        """What the person has typed of a unit: the end of the text that is of it and was typed since the last pick."""
        typed: list[str] = []
        draft = self.draft
        while draft.parent is not None and draft.hand.by == "typed" and sum(map(len, typed)) < _LONGEST_PREFIX:
            typed.append(draft.text)
            draft = draft.parent
        text = "".join(reversed(typed))
        return text[unit.begins(text) :]

    def ended_unit(self) -> tuple[Unit, str] | None:
        """The unit that the text ends in, if it was picked or run as a whole one: what comes next begins another."""
        hand = self.draft.hand
        if not hand.over or hand.unit not in self.units:
            return None
        unit, text = self.units[hand.unit], self.text[-_LONGEST_PREFIX:]
        return unit, text[unit.begins(text) :]

    def gap(self, text: str) -> str:
        """What keeps `text`, typed next, from going on with a word or line that is over: a space or line break.

        Only a letter or digit begins another line; a comma is still of this one.
        """
        ended = self.ended_unit()
        if ended is None or not text:
            return ""
        unit, state = ended[0], ended[0].after(ended[1])
        between = {"word": " ", "line": "\n"}.get(unit.name)
        if between is None or state == START or unit.follow(state, between) != ENDS_BEFORE:
            return ""
        goes_on = unit.follow(state, text[0]) >= START and (unit.name == "word" or text[0].isalnum())
        return between if goes_on else ""

    def suggest(
        self,
        unit: Unit,
        k: int,
        *,
        position: int | None = None,
        prefix: str | None = None,
        budget: Budget = DEFAULT_BUDGET,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Suggestions:
        """What could come next, or could have stood at `position`; see `suggestions.suggest`.

        The prefix is by default what was typed of the unit, but none at a `position`. What was picked last is over (see
        `ended_unit`). The reading is taken first: to do that in another thread than changes are made in, call
        `suggestions.suggest` there with `reading`.
        """
        if prefix is None:
            prefix = self.typed_prefix(unit) if position is None else ""
        ended = self.ended_unit() if position is None else None
        reading = self.reading() if position is None else self.reading_before(position)
        return suggestions.suggest(
            self.voices,
            reading,
            unit,
            k,
            self.settings,
            prefix=prefix,
            ended=ended,
            budget=budget,
            should_stop=should_stop,
        )

    def warm_up(self, budget: Budget = DEFAULT_BUDGET) -> None:
        """Compile all that writing needs, before somebody waits for it."""
        suggestions.warm_up(self.voices, budget)
        start = self.voices.begin()
        long = "\n" * 300
        self.voices.read(start, long)
        self.voices.score(start, long)
        keys = jax.random.split(jax.random.key(0), 1)
        self.voices.generate(start, self.settings, keys, 0, length=CHUNK)

    def scores(self, draft: Draft | None = None) -> list[Scores]:
        """For each piece of the path of `draft` (that where it is): what its characters cost, and were expected to.

        By the voices as they are heard now; see `Voices.score`.
        """
        return self._reader.scores(self.voices, draft or self.draft)

    # how it is kept

    def _add(self, parent: Draft, text: str, hand: Hand) -> Draft:
        draft = Draft(len(self.drafts), parent, text, hand, parent.end)
        self._journal.append(draft.to_json())
        self._tree.grow(draft)
        return draft

    def _travel(self, by: int) -> Draft:
        self._journal.append({"travel": by})
        self._tree.travel(by)
        return self.draft

    def _replay(self, line: dict[str, Any]) -> None:
        """Do what `line` tells, once more."""
        if self._tree.replay(line):
            return
        if "weights" in line:
            self.voices = self.voices.reweighted(line["weights"])
        else:  # the header, too
            self.settings = SampleConfig(**line["settings"])


class _Written:
    """Takes in what the model writes, up to where some units end; one with no end in sight is cut off."""

    def __init__(self, unit: Unit, count: int) -> None:
        self._unit, self._left, self._state = unit, count, START
        self._longest = count if unit.name == "char" else count * _LONGEST_WORD * (10 if unit.is_long else 1)
        self.text = ""
        self.complete = count == 0
        self.dropped = False
        """Whether more was given than taken in."""

    def add(self, text: str) -> None:
        for character in text:
            if self.complete:
                self.dropped = True
                return
            after = self._unit.follow(self._state, character)
            if after == ENDS_BEFORE:
                self._end()
                if self.complete:
                    self.dropped = True
                    return
                after = self._unit.follow(START, character)
            self.text += character
            if after < START:
                self._end()
            self._state = max(after, START)
            self.complete = self.complete or len(self.text) >= self._longest

    @property
    def over(self) -> bool:
        """Whether the last unit came to its end."""
        return self._left == 0

    def _end(self) -> None:
        self._left -= 1
        self.complete = self._left == 0


def _references(voices: Voices) -> tuple[VoiceReference, ...]:
    return tuple(
        VoiceReference(voice.name, voice.folder, voice.checkpoint, weight)
        for voice, weight in zip(voices.voices, voices.weights, strict=True)
    )


def _header(path: Path, lines: Iterable[dict[str, Any]]) -> Header:
    line = next(iter(lines), {})
    try:
        if line["charnn_session"] != FORMAT:
            raise ValueError("another format")
        references = tuple(VoiceReference(**voice) for voice in line["voices"])
        header = Header(references, line["genre"], line["delimiters"], int(line["seed"]), line["created"])
        units.units(header.genre, header.delimiters)
        return header
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise journal.damaged(path, 1) from error
