"""The keys that matter most now, as many as there is room for."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from charnn.ui.cowriting.keys import PICKS, Keys, shown, text_of
from charnn.ui.cowriting.status import PICK, RUN

Hint = tuple[str, str]
"""A key, and what it does in a word."""


_PICKING = {
    "take_first": "first",
    "mode": "type",
    "shorter_unit longer_unit": "unit",
    "undo": "undo",
    "run": "run",
    "quit": "quit",
    "next_page": "more",
    "hotter cooler": "temp",
    "save": "save",
    "branch": "branch",
    "copy": "copy",
}
_TYPING = {
    "mode": "pick",
    "undo": "undo",
    "run_word": "word",
    "run_line": "line",
    "run": "run",
    "save": "save",
    "quit": "quit",
    "copy": "copy",
}


def hints(keys: Keys, mode: str, page_size: int) -> list[Hint]:
    """The keys of a mode, the most important first; of the digits, as many as there are candidates on a page."""
    if mode == RUN:
        return [("any key", "stops")]
    if mode == PICK:
        picks = keys.first(PICKS[0]) + "-" + keys.first(PICKS[page_size - 1])
        return [(keys.first("help"), "help"), (picks, "pick"), *_named(keys, _PICKING)]
    (help_key, *_) = [shown(key) for key in keys.of_action["help"] if not text_of(key)] or [""]
    return [(help_key, "help"), *_named(keys, _TYPING)]


def _named(keys: Keys, names: Mapping[str, str]) -> list[Hint]:
    return [("".join(keys.first(action) for action in actions.split()), says) for actions, says in names.items()]


class KeyHints(Widget, can_focus=False):
    """One line of keys."""

    DEFAULT_CSS = """
    KeyHints { height: 1; background: $panel; color: $text-muted; }
    """

    def __init__(self) -> None:
        """Empty until something is shown."""
        super().__init__()
        self._hints: Sequence[Hint] = ()

    def show(self, hints: Sequence[Hint]) -> None:
        """Show other keys, the most important first."""
        if hints != self._hints:
            self._hints = hints
            self.refresh()

    def render(self) -> Text:
        """Those that fit."""
        text = Text(no_wrap=True, end="")
        for key, says in self._hints:
            if key and text.cell_len + cell_len(key) + cell_len(says) + 3 <= self.size.width:
                text.append(f" {key}", "bold")
                text.append(f" {says} ")
        return text
