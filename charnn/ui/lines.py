"""Line mode: a session for pipes, tests and screen readers. A line in is a command, and is answered by plain lines.

Nothing is drawn, and a line once given stays. Texts are quoted as in JSON: so spaces and line breaks are heard, and
what was quoted can be given back as it is.
"""

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from charnn.errors import CharnnError, ConfigError
from charnn.text.corpus import encode_text, examples
from charnn.writing.drafts import Draft
from charnn.writing.export import HANDS, Share, account, save
from charnn.writing.session import Session
from charnn.writing.suggestions import Suggestion, Suggestions
from charnn.writing.units import Unit

PAGE = 10  # suggestions at a time
_TAIL = 60  # characters of the text that are told after each change
_SETTINGS = {"temperature": float, "top-k": int, "top-p": float, "min-p": float}
_WEIGHT = r"\s*([^=]+)=([0-9]+\.?[0-9]*|\.[0-9]+)(?=\s|$)"  # a name may hold spaces

Answer = Iterator[str]


def dialogue(session: Session, lines: Iterable[str], *, unit: str = "word") -> Answer:
    """Answer each of `lines` until one of them is `quit`: yields the lines to show, without line breaks.

    `unit` is what is suggested at first. Whatever a line says, and whenever the lines end, nothing written is lost.
    Raises `ConfigError` if the session has no such unit.
    """
    mode = LineMode(session, unit)
    yield from mode.begin()
    for line in lines:
        yield from mode.answer(line.removesuffix("\n").removesuffix("\r"))
        if mode.ended:
            return


@dataclass(frozen=True)
class Command:
    """One of the words that a line can begin with."""

    usage: str
    says: str
    do: Callable[["LineMode", str], Answer]


class _Misused(Exception):
    """What follows a command is not what it takes."""


class LineMode:
    """What a person who writes line by line sees of a session."""

    def __init__(self, session: Session, unit: str = "word") -> None:
        """`unit` is suggested at first. Raises `ConfigError` if the session has no such unit."""
        self.session = session
        self.ended = False
        """Whether the person has said `quit`."""
        self._unit = self._unit_named(unit)
        self._position: int | None = None  # of the alternatives that are shown; None: what is shown comes next
        self._pages = 1
        self._shown: tuple[Suggestion, ...] = ()

    def begin(self) -> Answer:
        """What is said before the first line."""
        if self.session.note:
            yield self.session.note
        yield from self._warn(self.session.unknown)
        yield f"session {quoted(self.session.path.stem)} with {_voices(self.session)}; `help` tells what can be said"
        yield from self._tell()

    def answer(self, line: str) -> Answer:
        """Do what `line` says, and tell what came of it."""
        word, _, argument = line.strip().partition(" ")
        try:
            if line == "+":
                yield from self._add("\n")
            elif line.startswith("+ "):
                yield from self._add(line[2:])
            elif line.startswith('"'):
                yield from self._add(_unquoted(line))
            elif not word:
                yield from self._suggest()
            elif re.fullmatch("[0-9]+", word) and not argument:
                yield from self._pick(word)
            elif command := COMMANDS.get(word.lower()):
                yield from self._do(command, argument.strip())
            else:
                yield f"There is no command {quoted(word)}; `help` tells those there are. To write it, say: + {line}"
        except CharnnError as error:
            yield str(error)

    def _do(self, command: Command, argument: str) -> Answer:
        try:
            yield from command.do(self, argument)
        except _Misused:
            wrong = f"{quoted(argument)} does not fit" if argument else "Something is missing"
            yield f"{wrong} there. Say: {command.usage}"

    # what is told

    def _tell(self) -> Answer:
        """Where the text is, and what could come next."""
        self._position, self._pages = None, 1
        yield tail(self.session.draft)
        yield from self._suggest()

    def _suggest(self) -> Answer:
        """The page of suggestions that is asked for."""
        found = self._find()
        first = (self._pages - 1) * PAGE
        self._shown = found.items
        if first and first >= len(found.items):
            yield "There are no more suggestions."
            return
        yield self._heading(found.unit)
        for number, item in enumerate(found.items[first:], first + 1):
            yield f"{number}. {self._said(item, found.unit)}"
        yield leftover(found)

    def _find(self) -> Suggestions:
        return self.session.suggest(self._unit, self._pages * PAGE, position=self._position)

    def _heading(self, unit: Unit) -> str:
        if self._position is not None:
            character = self.session.text[self._position]
            return f"{unit.name} instead of {quoted(character)}, character {self._position + 1}:"
        prefix = self.session.typed_prefix(unit)
        return f"next {unit.name}{f', beginning with {quoted(prefix)}' if prefix else ''}:"

    def _said(self, item: Suggestion, unit: Unit) -> str:
        said = quoted(item.text) + ("" if item.complete else " and so on")
        said += f" {_bits_of(item)}" if unit.is_long else f" {percent(item.probability)}"
        names = self.session.voices.names
        if len(names) > 1:
            shares = zip(names, item.shares, strict=True)
            said += "".join(f", {name} {100 * share:.0f} %" for name, share in shares if share >= 0.005)
        return said

    # what is written

    def _add(self, text: str) -> Answer:
        self.session.type(text)
        yield from self._warn(self.session.voices.vocabulary.unknown_characters(text))
        yield from self._tell()

    def _warn(self, unknown: str) -> Answer:
        if unknown:
            yield f"No voice knows {examples(unknown)}: what is unknown stays in the text, and is read as such."

    def _pick(self, number: str) -> Answer:
        rank = int(number) if len(number) < 9 else 0
        if not 1 <= rank <= len(self._shown):
            among = f"choose 1 to {len(self._shown)}" if self._shown else "there are none now"
            yield f"There is no suggestion {number}; {among}."
            return
        if self._position is not None:
            self.session.cut(self._position)
        self.session.pick(self._shown[rank - 1], rank, self._unit)
        yield from self._tell()

    def _run(self, argument: str) -> Answer:
        words = argument.split()
        count = _number(words.pop(0)) if words and words[0].isdecimal() else 1
        default = self._unit if not argument else self._unit_named("char")
        unit = self._unit_named(words.pop(0)) if words else default
        if words:
            raise _Misused
        before = self.session.draft
        after = self.session.let_run(unit, count)
        if after is not before:
            yield f"written: {quoted(after.text)}"
        yield from self._tell()

    def _delete(self, argument: str) -> Answer:
        if argument == "word":
            self.session.delete_word()
        else:
            count = _number(argument, 1)
            self.session.cut(max(self.session.draft.end - count, 0))
        yield from self._tell()

    # where it is

    def _undo(self, argument: str) -> Answer:
        yield from self._travel(argument, lambda: self.session.can_undo, self.session.undo, "undo")

    def _redo(self, argument: str) -> Answer:
        yield from self._travel(argument, lambda: self.session.can_redo, self.session.redo, "redo")

    def _travel(self, argument: str, can: Callable[[], bool], do: Callable[[], Draft], what: str) -> Answer:
        count = _number(argument, 1)
        if not can():
            yield f"There is nothing to {what}."
            return
        for _ in range(count):
            if can():
                do()
        yield from self._tell()

    def _branch(self, argument: str) -> Answer:
        _nothing(argument)
        if self.session.draft.parent is None:
            yield "Nothing is written here, so there is nothing to write otherwise."
            return
        yield f"Before {quoted(self.session.draft.text)}, which stays; what is written now stands beside it."
        self.session.branch()
        yield from self._tell()

    def _next(self, argument: str) -> Answer:
        yield from self._sibling(argument, 1)

    def _previous(self, argument: str) -> Answer:
        yield from self._sibling(argument, -1)

    def _sibling(self, argument: str, by: int) -> Answer:
        _nothing(argument)
        siblings = self.session.siblings()
        if len(siblings) == 1:
            yield "Nothing else was written in this place."
            return
        draft = self.session.next_sibling(by)
        yield f"{siblings.index(draft) + 1} of {len(siblings)} in this place: {quoted(draft.text)}"
        yield from self._tell()

    def _branches(self, argument: str) -> Answer:
        _nothing(argument)
        for draft in self.session.tips():
            here = ", here" if draft is self.session.draft else ""
            yield f"draft {draft.id}{here}, {tail(draft)}"

    def _go_to(self, argument: str) -> Answer:
        number = _number(argument)
        if number not in self.session.drafts:
            last = len(self.session.drafts) - 1
            yield f"There is no draft {number}; choose 0 to {last}. `branches` tells where the branches end."
            return
        self.session.go_to(self.session.drafts[number])
        yield from self._tell()

    def _back(self, argument: str) -> Answer:
        length = _number(argument)
        if length > self.session.draft.end:
            yield f"There are only {_characters(self.session.draft.end)}."
            return
        self.session.cut(length)
        yield from self._tell()

    # what is suggested

    def _more(self, argument: str) -> Answer:
        _nothing(argument)
        if len(self._shown) == self._pages * PAGE:
            self._pages += 1
            yield from self._suggest()
        else:
            yield "There are no more suggestions."

    def _choose_unit(self, argument: str) -> Answer:
        if not argument:
            raise _Misused
        self._unit = self._unit_named(argument)
        self._pages = 1
        yield from self._suggest()

    def _unit_named(self, name: str) -> Unit:
        units = self.session.units
        if name not in units:
            raise ConfigError(f"There is no unit {name!r} in this session; choose one of {', '.join(units)}.", "unit")
        return units[name]

    def _alternatives(self, argument: str) -> Answer:
        if argument.startswith('"'):
            number = self.session.text.rfind(text := _unquoted(argument)) + 1
            if not number or not text:
                yield f"{quoted(text)} is not in the text."
                return
        else:
            number = _number(argument)
        if not 1 <= number <= self.session.draft.end:
            yield f"There is no character {number}: there are {_characters(self.session.draft.end)}."
            return
        self._position, self._pages = number - 1, 1
        yield from self._suggest()

    def _set(self, name: str, argument: str) -> Answer:
        field = name.replace("-", "_")
        if not argument:
            yield f"{name} {getattr(self.session.settings, field):g}"
            return
        try:
            value = _SETTINGS[name](argument)
        except ValueError:
            raise _Misused from None
        self.session.set_settings(dataclasses.replace(self.session.settings, **{field: value}))
        self._pages = 1
        yield f"{name} {value:g}"
        yield from self._suggest()

    def _weights(self, argument: str) -> Answer:
        if argument:
            weights = dict(zip(self.session.voices.names, self.session.voices.weights, strict=True))
            if not re.fullmatch(rf"(?:{_WEIGHT})+", argument):
                raise _Misused
            for name, value in re.findall(_WEIGHT, argument):
                if name not in weights:
                    raise ConfigError(f"There is no voice {name!r}; there is {', '.join(weights)}.", "voice")
                weights[name] = float(value)
            self.session.set_weights(list(weights.values()))
            self._pages = 1
        yield f"heard: {_voices(self.session)}"
        if argument:
            yield from self._suggest()

    # what is looked at and kept

    def _show(self, argument: str) -> Answer:
        _nothing(argument)
        yield f"{_characters(self.session.draft.end)}:"
        yield from self.session.text.split("\n")

    def _account(self, argument: str) -> Answer:
        _nothing(argument)
        yield from said_account(self.session)

    def _save(self, argument: str) -> Answer:
        if not argument:
            raise _Misused
        save(self.session, Path(argument), self.session.path.stem)
        yield f"saved as {argument}"

    def _help(self, argument: str) -> Answer:
        _nothing(argument)
        yield from (f"{usage}: {says}" for usage, says in _TEXT)
        yield from (f"{command.usage}: {command.says}" for command in COMMANDS.values())
        yield "Every change is saved at once, and nothing is ever lost: what is taken back stays as a branch."

    def _quit(self, argument: str) -> Answer:
        _nothing(argument)
        self.ended = True
        yield "Everything is saved. `charnn write --continue` goes on."


_TEXT = [
    ("3", "take the third suggestion"),
    ("+ TEXT", "add TEXT, all that stands after `+ `; so a word is set off by a space of its own"),
    ("+", "add a line break"),
    ('"TEXT"', r"add TEXT, in which \n is a line break, \t a tab, \" a quote and \\ a backslash"),
    ("an empty line", "tell the suggestions again"),
]


def _setting(name: str, value: str, says: str) -> Command:
    return Command(f"{name} [{value}]", says, lambda mode, argument: mode._set(name, argument))


COMMANDS = {
    "more": Command("more", "the next suggestions", LineMode._more),
    "unit": Command("unit NAME", "suggest a char, word or line (in music a bar, too) at a time", LineMode._choose_unit),
    "run": Command(
        "run [N] [UNIT]", "let the model write: `run 200` characters, `run line`, `run 3 word`", LineMode._run
    ),
    "delete": Command("delete [N]|word", "take the last character back, or N, or the last word", LineMode._delete),
    "undo": Command("undo [N]", "undo the last change or move, or N of them", LineMode._undo),
    "redo": Command("redo [N]", "take it back", LineMode._redo),
    "branch": Command("branch", "step before what was added last, to write otherwise", LineMode._branch),
    "next": Command("next", "what else was written in this place", LineMode._next),
    "previous": Command("previous", "the same, the other way round", LineMode._previous),
    "branches": Command("branches", "where all branches end, each with the number of its draft", LineMode._branches),
    "goto": Command("goto N", "be at draft N", LineMode._go_to),
    "back": Command("back N", "be where there were only the first N characters", LineMode._back),
    "alternatives": Command(
        'alternatives N|"TEXT"',
        "what else could stand at character N, or where TEXT stands last; a number then goes on from there",
        LineMode._alternatives,
    ),
    "temperature": _setting("temperature", "T", "below 1 is careful, above 1 is wild, 0 always takes the likeliest"),
    "top-k": _setting("top-k", "K", "only the K likeliest characters; 0: all"),
    "top-p": _setting("top-p", "P", "only the likeliest characters that have this probability together"),
    "min-p": _setting("min-p", "P", "only characters at least this times as likely as the likeliest"),
    "weights": Command("weights [VOICE=W …]", "how much each voice is heard", LineMode._weights),
    "show": Command("show", "the whole text", LineMode._show),
    "account": Command("account", "who wrote how much, and what it cost", LineMode._account),
    "save": Command("save FILE", "write the text to FILE; .md and .html also tell who wrote it", LineMode._save),
    "help": Command("help", "this", LineMode._help),
    "quit": Command("quit", "end; so does the end of the input", LineMode._quit),
}


def quoted(text: str) -> str:
    """`text` in quotes on one line, all that cannot be seen as an escape of JSON."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in json.dumps(text, ensure_ascii=False))


def _unquoted(line: str) -> str:
    try:
        text = json.loads(line, strict=False)
        encode_text(text)  # half a surrogate pair is no character
    except (ValueError, AttributeError):
        text = None
    if not isinstance(text, str):
        raise ConfigError(
            r"That is no quoted text: a quote has to end it, and one in it is written \", a backslash \\. Nothing was"
            " added."
        )
    return text


def tail(draft: Draft) -> str:
    """How long a draft is and how it ends."""
    text = draft.whole
    return (
        f"{_characters(len(text))}{':' * bool(text)} {'… ' * (len(text) > _TAIL)}{quoted(text[-_TAIL:])}".removesuffix(
            ' ""'
        )
    )


def percent(probability: float) -> str:
    """A probability as it is read aloud; in bits where a percentage would be all noughts."""
    if probability == 0:
        return "0 %"
    return f"{100 * probability:.3g} %" if probability >= 1e-6 else f"{-math.log2(probability):.1f} bits"


def leftover(found: Suggestions) -> str:
    """What is not among the suggestions."""
    # less than that is what rounding leaves
    rest = f"all others: {percent(found.leftover) if found.leftover >= 1e-6 else 'nothing'}"
    return rest if found.exact else f"{rest}, none of them likelier than {percent(found.bound)}"


def said_account(session: Session) -> Answer:
    """The account of a session, a line a hand and a pick."""
    ours = account(session)
    for by, share in ours.shares.items():
        yield f"{HANDS[by]}: {_said_share(share)}"
    yield f"in all: {_said_share(ours.total)}"
    for number, pick in enumerate(ours.picks, 1):
        shown = f"{pick.unit} {pick.rank} at {percent(pick.probability)}"
        yield f"pick {number}: {quoted(pick.text)}, {shown}, cost {pick.bits:.1f} bits"


def _said_share(share: Share) -> str:
    each = f", {share.bits / share.scored:.2f} a character" if share.scored else ""
    return (
        f"{_characters(share.characters)} in {share.pieces} {'piece' if share.pieces == 1 else 'pieces'};"
        f" {share.bits:.1f} bits{each}; the model alone would have paid {share.expected_bits:.1f}"
    )


def _bits_of(item: Suggestion) -> str:
    if item.probability == 0:
        return "0 %"
    bits = max(0.0, -math.log2(item.probability))
    return f"{bits:.1f} bits" + (f", {bits / len(item.rest):.2f} a character" if item.rest else "")


def _voices(session: Session) -> str:
    voices = session.voices
    if len(voices.names) == 1:
        return voices.names[0]
    return ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in zip(voices.names, voices.weights, strict=True))


def _characters(count: int) -> str:
    return f"{count:,} character{'s' * (count != 1)}"


def _number(argument: str, default: int | None = None) -> int:
    if not argument and default is not None:
        return default
    if not re.fullmatch("[0-9]{1,9}", argument):
        raise _Misused
    return int(argument)


def _nothing(argument: str) -> None:
    if argument:
        raise _Misused
