"""The keys: what each does, and how an action is given other ones.

A key is named by its character (`a`, `?`, `+`), or as textual names it (`space`, `ctrl+s`, `shift+tab`, `f2`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from textual.keys import Keys as TextualKeys

from charnn.errors import ConfigError

TEXT_KEYS = {"space": " ", "enter": "\n", "tab": "\t"}
"""Keys with a name that are text, too."""

# a terminal sends the same for both
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "ctrl+[": "escape", "ctrl+space": "ctrl+@"}
_SHOWN = {"up": "↑", "down": "↓", "left": "←", "right": "→", "escape": "Esc", "backspace": "Backspace"}
_NAMED = {key.value for key in TextualKeys} | {f"f{n}" for n in range(1, 25)}
_MODIFIERS = {"ctrl", "shift", "alt", "super"}


class Action(NamedTuple):
    """Something that a key does."""

    name: str
    keys: tuple[str, ...]
    """Its keys unless it is given others."""
    group: str
    says: str
    """What it does, for the help."""


PICKS = tuple(f"pick_{n}" for n in range(1, 11))
_PICK, _WRITE, _MODEL, _TREE, _OTHER = (
    "What comes next",
    "Writing",
    "The model writes",
    "Drafts (nothing is ever lost)",
    "Everything else",
)
ACTIONS = (
    *(Action(pick, (str(n % 10),), _PICK, f"take candidate {n}") for n, pick in enumerate(PICKS, 1)),
    Action(
        "take_first",
        ("space", "enter"),
        _PICK,
        "take the first candidate; after a word typed whole, end it",
    ),
    Action("next_page", ("tab",), _PICK, "further candidates, and round again"),
    Action("previous_page", ("shift+tab",), _PICK, "the candidates before"),
    Action("longer_unit", ("right",), _PICK, "suggest longer pieces: char, word, (bar,) line"),
    Action("shorter_unit", ("left",), _PICK, "suggest shorter pieces"),
    Action("unit_char", ("f5",), _PICK, "suggest characters"),
    Action("unit_word", ("f6",), _PICK, "suggest words"),
    Action("unit_line", ("f7",), _PICK, "suggest lines"),
    Action("unit_bar", ("f8",), _PICK, "suggest bars (music)"),
    Action("hotter", ("+",), _PICK, "higher temperature: wilder"),
    Action("cooler", ("-",), _PICK, "lower temperature: safer"),
    Action("mode", ("f2", "ctrl+t"), _WRITE, "PICK mode ⇄ TYPE mode, where every character is text"),
    Action("literal", ("ctrl+v",), _WRITE, "the next key is text (PICK mode)"),
    Action("newline", ("ctrl+j",), _WRITE, "a new line"),
    Action("delete_char", ("backspace",), _WRITE, "take the last character back"),
    Action("delete_word", ("ctrl+w",), _WRITE, "take the last word back"),
    Action("undo", ("ctrl+z",), _WRITE, "undo"),
    Action("redo", ("ctrl+y",), _WRITE, "redo"),
    Action("run_unit", ("ctrl+g",), _MODEL, "the model goes on by one piece, drawn at random"),
    Action("run_word", ("ctrl+o",), _MODEL, "the model writes a word"),
    Action("run_line", ("ctrl+l",), _MODEL, "the model writes a line"),
    Action("run", ("ctrl+r",), _MODEL, "the model writes until any key is pressed"),
    Action("next_voice", ("ctrl+n",), _MODEL, "choose the next voice, if there are several"),
    Action("louder", ("shift+up",), _MODEL, "hear the chosen voice more"),
    Action("quieter", ("shift+down",), _MODEL, "hear the chosen voice less"),
    Action("branch", ("ctrl+b",), _TREE, "step back before the last piece, to write another"),
    Action("next_sibling", ("down",), _TREE, "the next one of what was written in this place"),
    Action("previous_sibling", ("up",), _TREE, "the one before"),
    Action("look_back", ("shift+left",), _TREE, "what else could stand here? one piece further back"),
    Action("look_on", ("shift+right",), _TREE, "one piece further on"),
    Action("leave", ("escape",), _TREE, "look at the end of the text again"),
    Action("scroll_up", ("pageup",), _OTHER, "scroll the text up"),
    Action("scroll_down", ("pagedown",), _OTHER, "scroll the text down"),
    Action("copy", ("ctrl+x",), _OTHER, "copy the whole text to the clipboard"),
    Action("save", ("ctrl+s",), _OTHER, "save the text as a file: .txt, .md or .html"),
    Action("help", ("?", "f1"), _OTHER, "this help"),
    Action("quit", ("ctrl+q", "ctrl+c"), _OTHER, "end; `charnn write --continue` goes on"),
)
_NEEDED_IN_TYPE_MODE = ("mode", "quit")


def pressed(key: str, character: str | None) -> str:
    """The name of a key from what textual tells of it."""
    has_modifier = len(key) > 1 and "+" in key
    is_text = character is not None and character.isprintable() and character != " " and not has_modifier
    return character if character is not None and is_text else key


def text_of(name: str) -> str:
    """What a key writes when it is text; "" if it is none."""
    return name if len(name) == 1 else TEXT_KEYS.get(name, "")


def shown(name: str) -> str:
    """A key as a person reads it: ^S, ⇧Tab, F2."""
    *modifiers, key = name.split("+") if len(name) > 1 else (name,)
    key = _SHOWN.get(key, key.capitalize() if len(key) > 1 else key)
    if modifiers == ["ctrl"]:
        return f"^{key.upper() if len(key) == 1 else key}"
    return "".join("⇧" if one == "shift" else f"{one.capitalize()}-" for one in modifiers) + key


@dataclass(frozen=True)
class Keys:
    """Which key does what. Made by `of`."""

    of_action: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, changes: Mapping[str, Sequence[str]] | None = None) -> Self:
        """The usual keys, but for the actions that `changes` gives others.

        Raises `ConfigError` for an action or key that there is not, a key with two actions, and for an action without
        which TYPE mode could not be left when all its keys are text.
        """
        table = {action.name: action.keys for action in ACTIONS}
        for name, keys in (changes or {}).items():
            if name not in table:
                raise ConfigError(f"There is no action {name!r}; choose one of {', '.join(table)}.", "key")
            table[name] = tuple(dict.fromkeys(_known(key, name) for key in keys))
        users: dict[str, str] = {}
        for name, keys in table.items():
            for key in keys:
                if key in users:
                    raise ConfigError(
                        f"The key {key} is to do both {users[key]} and {name}; give one of them another key, too, as in"
                        f" `--key {users[key]}=f12`.",
                        "key",
                    )
                users[key] = name
        for name in _NEEDED_IN_TYPE_MODE:
            if all(text_of(key) for key in table[name]):
                raise ConfigError(
                    f"{name} needs a key that is no text, as f2 or ctrl+t: in TYPE mode text is text.", "key"
                )
        return cls(table)

    @cached_property
    def _actions(self) -> dict[str, str]:
        return {key: name for name, keys in self.of_action.items() for key in keys}

    def action(self, name: str) -> str | None:
        """What the key `name` does, or None."""
        return self._actions.get(name)

    def first(self, action: str) -> str:
        """The key that is shown for an action; "" if it has none."""
        keys = self.of_action[action]
        return shown(keys[0]) if keys else ""


def parse_keys(options: Iterable[str]) -> dict[str, list[str]]:
    """What `Keys.of` takes from options as `action=key`; an action given more than once gets all of these keys.

    Raises `ConfigError` for one without an action or a key.
    """
    changes: dict[str, list[str]] = {}
    for option in options:
        action, _, key = option.partition("=")
        if not action or not key:
            raise ConfigError(f"{option!r} names no action and key; write action=key, as in undo=ctrl+u.", "key")
        changes.setdefault(action, []).append(key)
    return changes


def _known(key: str, action: str) -> str:
    if len(key) == 1 and key.isprintable():
        return TEXT_NAMES.get(key, key)
    name = key.lower()
    name = _SAME.get(name, name)
    *modifiers, last = name.split("+")
    if name in _NAMED or (modifiers and set(modifiers) <= _MODIFIERS and (len(last) == 1 or last in _NAMED)):
        return name
    raise ConfigError(
        f"{key!r}, for {action}, is no key; write one character, or a name such as space, tab, f3, ctrl+u, shift+left.",
        "key",
    )


TEXT_NAMES = {text: name for name, text in TEXT_KEYS.items()}
