"""A line for what a person should know now: what went wrong, what was done, what to do next."""

from rich.text import Text
from textual.widget import Widget

from charnn.ui.format import printable


class Notice(Widget, can_focus=False):
    """One message, or several lines of it when it is long; empty most of the time."""

    DEFAULT_CSS = """
    Notice {
        height: auto;
        min-height: 1;
        max-height: 3;
        padding: 0 1;
        color: $text-success;
        &.-error { color: $text-error; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        """Empty."""
        super().__init__()
        self.message = ""

    def say(self, message: str, *, is_error: bool = False) -> None:
        """Show a message instead of the one before; an empty one clears the line."""
        message = printable(message)
        if message != self.message:
            self.message = message
            self.set_class(is_error, "-error")
            self.refresh(layout=True)

    def render(self) -> Text:
        """The message, as it is."""
        return Text(self.message, end="")
