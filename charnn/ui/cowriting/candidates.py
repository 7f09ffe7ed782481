"""What the model would say next: a row with a number, the text, a bar and the probability for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from charnn.ui.format import printable
from charnn.writing.suggestions import Suggestion

_EIGHTHS = " ▏▎▍▌▋▊▉"
_SHOWN_PREFIX = 12  # characters of what was typed that are shown before the rest
_LEAST_BAR, _MOST_BAR = 6, 32
_USUAL_TEXT = 16  # cells: as long as texts are no longer, columns stay where they are


@dataclass(frozen=True)
class Row:
    """A candidate as it is shown."""

    number: str
    suggestion: Suggestion
    is_written: bool
    """Whether it is what stands in the text already."""


class Candidates(Widget, can_focus=False):
    """A page of suggestions."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "candidates--number",
        "candidates--text",
        "candidates--space",
        "candidates--bar",
        "candidates--probability",
        "candidates--voice",
        "candidates--message",
    }
    DEFAULT_CSS = """
    Candidates {
        height: 10;
        & .candidates--number { color: $text-accent; text-style: bold; }
        & .candidates--text { text-style: bold; }
        & .candidates--space { text-style: dim; }
        & .candidates--bar { color: $primary; }
        & .candidates--probability { color: $foreground; }
        & .candidates--voice { text-style: dim; }
        & .candidates--message { text-style: italic dim; }
    }
    """

    class Clicked(Message):
        """A row was clicked, the first being 0."""

        def __init__(self, row: int) -> None:
            super().__init__()
            self.row = row

    def __init__(self, voices: Sequence[str]) -> None:
        """`voices` are named in the rows if there are several."""
        super().__init__()
        self._voices = [printable(voice) for voice in voices]
        self._rows: Sequence[Row] = ()
        self._scale = 1.0
        self._typed = 0
        self._message = ""

    def show(self, rows: Sequence[Row], prefix: str, likeliest: float) -> None:
        """Show a page of what begins with `prefix`; the bar of something as likely as `likeliest` is full."""
        self._rows, self._typed, self._scale, self._message = rows, len(prefix), likeliest or 1.0, ""
        self.refresh()

    def say(self, message: str) -> None:
        """Show a message where the candidates would be."""
        self._rows, self._message = (), message
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Tell which row it was."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self._rows):
            event.stop()
            self.post_message(self.Clicked(offset.y))

    def render_line(self, y: int) -> Strip:
        """Row `y`."""
        base, width = self.rich_style, self.size.width
        if self._message and y == 0:
            segments = [Segment(f" {self._message}", base + self._style("message"))]
        elif y < len(self._rows):
            segments = self._segments(self._rows[y], base, width)
        else:
            segments = []
        return Strip(segments).adjust_cell_length(width, base)

    def _segments(self, row: Row, base: Style, width: int) -> list[Segment]:
        voice_width = min(16, width // 5) if len(self._voices) > 1 else 0
        fixed = 3 + 1 + 8 + 1 + (1 + voice_width if voice_width else 0)
        longest = max(sum(cell_len(text) for text, _ in self._texts(one)) for one in self._rows)
        longest = max(longest, _USUAL_TEXT)
        bar_width = max(_LEAST_BAR, min(_MOST_BAR, width - fixed - longest))
        text_width = max(4, min(longest, width - fixed - bar_width))
        segments = [Segment(f"{row.number:>2} ", base + self._style("number"))]
        segments += _fitted(
            [Segment(text, base + self._style(kind)) for text, kind in self._texts(row)], text_width, base
        )
        bar = _bar(row.suggestion.probability / self._scale, bar_width)
        segments.append(Segment(f" {bar}", base + self._style("bar")))
        segments.append(Segment(f"{probability(row.suggestion.probability):>8}", base + self._style("probability")))
        if voice_width:
            share, name = max(zip(row.suggestion.shares, self._voices, strict=True), key=lambda one: one[0])
            told = f" {share:>4.0%} "
            told += set_cell_size(name, max(0, voice_width + 1 - len(told)))
            segments.append(Segment(told, base + self._style("voice")))
        return segments

    def _texts(self, row: Row) -> list[tuple[str, str]]:
        """The parts of a row's text and what each is."""
        text, typed = row.suggestion.text, self._typed
        hidden = max(0, typed - _SHOWN_PREFIX)
        parts = [("…", "space")] if hidden else []
        parts += _visible(text[hidden:typed], "space")
        parts += _visible(text[typed:], "text")
        if not row.suggestion.complete:
            parts.append(("…", "space"))
        elif not row.suggestion.rest:
            parts.append(("  ends here", "space"))
        if row.is_written:
            parts.append(("  ← written", "space"))
        return parts

    def _style(self, kind: str) -> Style:
        return self.get_component_rich_style(f"candidates--{kind}", partial=True)


def probability(value: float) -> str:
    """A probability with three digits: 34.2%, 0.12%, 3e-07."""
    if value >= 0.0995:
        return f"{value:.1%}"
    return f"{value:.2%}" if value >= 0.0001 else f"{value:.0e}"


def _visible(text: str, kind: str) -> list[tuple[str, str]]:
    """`text` with what cannot be seen made visible: the spaces at its ends and beside others, newlines, tabs."""
    parts: list[tuple[str, str]] = []
    for position, character in enumerate(text):
        at_end = position in (0, len(text) - 1) or " " in (text[position - 1], text[position + 1])
        if character == " ":
            shown, as_kind = ("␣" if at_end else " "), "space"
        elif character in "\n\t":
            shown, as_kind = {"\n": "⏎", "\t": "⇥"}[character], "space"
        else:
            shown, as_kind = printable(character), kind
        if parts and parts[-1][1] == as_kind:
            parts[-1] = (parts[-1][0] + shown, as_kind)
        else:
            parts.append((shown, as_kind))
    return parts


def _fitted(segments: list[Segment], width: int, base: Style) -> list[Segment]:
    """Exactly `width` cells wide; what is cut off is told by an ellipsis."""
    strip = Strip(segments)
    if strip.cell_length <= width:
        return list(strip.adjust_cell_length(width, base))
    return [*strip.crop(0, width - 1).adjust_cell_length(width - 1, base), Segment("…", base)]


def _bar(fraction: float, width: int) -> str:
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[part] if part else "")
    return bar.ljust(width)
