"""Where to save the text."""

from pathlib import Path

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from charnn.ui.format import printable

_HINT = ".txt: the text · .md: with the account · .html: with the hands in colour"


class SavePrompt(ModalScreen[Path | None]):
    """Asks for a file name; None if it was left by Esc. A file that is there is overwritten only when asked twice."""

    DEFAULT_CSS = """
    SavePrompt { align: center middle; }
    SavePrompt > Vertical {
        width: 100%; max-width: 78; height: auto; background: $surface; border: round $primary;
        border-title-color: $text-primary;
    }
    SavePrompt Input, SavePrompt Input:focus { height: 1; border: none; padding: 0 1; }
    SavePrompt Static { padding: 0 1; color: $text-muted; }
    """

    def __init__(self, suggested: str) -> None:
        """`suggested` stands in the line already."""
        super().__init__()
        self._suggested = suggested
        self._confirmed: Path | None = None

    def compose(self) -> ComposeResult:
        """A line to write in, and what the endings mean."""
        with Vertical() as box:
            box.border_title = "save as (Enter saves, Esc does not)"
            yield Input(self._suggested)  # selected, so that another name takes its place
            yield Static(Text(_HINT), id="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Save, or ask once more."""
        event.stop()
        if not event.value.strip():
            return
        try:
            path = Path(event.value.strip()).expanduser()
            is_new = not path.exists()
        except (OSError, RuntimeError) as error:  # too long, or in the home of somebody unknown
            self._hint(f"This cannot be a file ({error}); write another name.")
            return
        if is_new or path == self._confirmed:
            self.dismiss(path)
        else:
            self._confirmed = path
            self._hint(f"{path} is there already: Enter overwrites it, or write another name.")

    def _hint(self, told: str) -> None:
        self.query_one("#hint", Static).update(Text(printable(told)))

    def on_key(self, event: events.Key) -> None:
        """Esc and the usual keys to quit leave without saving."""
        if event.key in ("escape", "ctrl+q", "ctrl+c"):
            event.stop()
            self.dismiss(None)
