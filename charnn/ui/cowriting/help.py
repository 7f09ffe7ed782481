"""Every key and what it does."""

from itertools import groupby
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from charnn.ui.cowriting.keys import ACTIONS, PICKS, Keys, shown

_SCROLL = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}
_INTRODUCTION = """\
The model says what it would write next, and how likely that is. Take what you like, or write yourself: the letters
that you type narrow down what is suggested. Click a candidate to take it. Click a written character to see what else
could have stood there; take or type something else, and the text goes on from there. The old way is kept as a draft
beside the new one. Everything is saved at each key.
"""


class HelpScreen(ModalScreen[None], inherit_bindings=False):
    """The help; arrows scroll it, any other key closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 100%; max-width: 84; height: auto; max-height: 100%; background: $surface; padding: 0 1;
        scrollbar-size-vertical: 1;
        border: round $primary; border-title-color: $text-primary;
    }
    HelpScreen Static { width: 100%; height: auto; }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, keys: Keys) -> None:
        """`keys` are those in force."""
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """A scrollable box of text."""
        with VerticalScroll(can_focus=False) as box:
            box.border_title = "keys (↑ ↓ scroll, any other key closes)"
            yield Static(self._content())

    def _content(self) -> Text:
        text = Text(_INTRODUCTION.replace("\n", " ").strip() + "\n\n")
        text.append("In the text: ")
        text.append("typed by you", "bold").append(" · picked by you · ").append("written by the model", "italic")
        text.append("\n")
        for group, actions in groupby(
            (action for action in ACTIONS if action.name not in PICKS[1:]), lambda a: a.group
        ):
            text.append(f"\n{group}\n", "bold underline")
            for action in actions:
                keys, says = self._keys.of_action[action.name], action.says
                if action.name == PICKS[0]:
                    keys = tuple(key for pick in PICKS for key in self._keys.of_action[pick][:1])
                    usual = keys == tuple("1234567890")
                    keys, says = (("1", "…", "9", "0") if usual else keys), "take that candidate"
                text.append(f"{' '.join(shown(key) for key in keys) or '–':>16}  ", "bold").append(f"{says}\n")
        return text

    def on_key(self, event: events.Key) -> None:
        """Scroll or close."""
        event.stop()
        if event.key in _SCROLL:
            self.query_one(VerticalScroll).scroll_relative(y=_SCROLL[event.key], animate=False)
        else:
            self.dismiss()

    def on_click(self, event: events.Click) -> None:
        """A click beside the box closes it."""
        if event.widget is self:
            self.dismiss()
