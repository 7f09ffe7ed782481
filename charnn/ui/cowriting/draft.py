"""The text so far, each character in the style of the hand that wrote it."""

from bisect import bisect_right
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from charnn.ui.cowriting.wrapping import cells, shown, wrap
from charnn.writing.drafts import Draft


class DraftView(ScrollView, can_focus=False):
    """A draft, wrapped and scrolled to its end, or to the piece that is looked at."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "draft--typed",
        "draft--picked",
        "draft--run",
        "draft--looked",
        "draft--behind",
        "draft--caret",
    }
    DEFAULT_CSS = """
    DraftView {
        height: 1fr;
        padding: 0 0 0 1;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & .draft--typed { text-style: bold; }
        & .draft--picked { color: $text-primary; }
        &:light .draft--picked { color: $text-secondary; }
        & .draft--run { color: $text-warning; text-style: italic; }
        & .draft--looked { text-style: reverse; }
        & .draft--behind { text-style: dim; }
        & .draft--caret { text-style: reverse; }
    }
    """

    class Clicked(Message):
        """A character was clicked, the one after `position` others; the end of the text if none was hit."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self) -> None:
        """Empty until something is shown."""
        super().__init__()
        self._text = ""
        self._looked: tuple[int, int] | None = None
        self._rows: list[tuple[int, int]] = [(0, 0)]
        self._starts: list[int] = [0]
        self._hands: list[str] = ["typed"]

    def show(self, draft: Draft, looked: tuple[int, int] | None = None) -> None:
        """Show a draft; of it, the piece from one position to another is `looked` at."""
        pieces = [piece for piece in draft.path if piece.text]
        self._text = "".join(piece.text for piece in pieces)
        self._looked = looked
        self._starts, self._hands = [0], ["typed"]
        for by, group in groupby(pieces, lambda piece: piece.hand.by):
            self._starts.append(next(group).start)
            self._hands.append(by)
        self._lay_out()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        """Row `y` of what can be seen."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        row = y + self.scroll_offset.y
        if row >= len(self._rows):
            return Strip.blank(width, base)
        start, end = self._rows[row]
        segments = []
        for style, group in groupby(range(start, end), self._style_at):
            text = "".join(shown(self._text[position]) for position in group if self._text[position] != "\n")
            segments.append(Segment(text, base + style))
        if end == len(self._text) and row == len(self._rows) - 1:
            segments.append(Segment(" ", base + self.get_component_rich_style("draft--caret", partial=True)))
        return Strip(segments).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        """Tell which character it was."""
        offset = event.get_content_offset(self)
        if offset is not None:
            event.stop()
            self.post_message(self.Clicked(self._position_at(offset.x, offset.y + self.scroll_offset.y)))

    def _style_at(self, position: int) -> Style:
        hand = self._hands[bisect_right(self._starts, position) - 1]
        style = self.get_component_rich_style(f"draft--{hand}", partial=True)
        if self._looked is not None:
            start, end = self._looked
            if start <= position < end:
                style += self.get_component_rich_style("draft--looked", partial=True)
            elif position >= end:
                style += self.get_component_rich_style("draft--behind", partial=True)
        return style

    def _position_at(self, x: int, row: int) -> int:
        if row >= len(self._rows):
            return len(self._text)
        start, end = self._rows[row]
        used = 0
        for position in range(start, end):
            used += cells(self._text[position])
            if x < used or self._text[position] == "\n":
                return position
        return end

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        self._rows = wrap(self._text, width - 1)  # a cell is left for the caret
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()
        height = self.scrollable_content_region.height
        if self._looked is None:
            self.scroll_to(y=len(self._rows) - height, animate=False, force=True)
        else:
            row = bisect_right([start for start, _ in self._rows], self._looked[0]) - 1
            if not 0 <= row - self.scroll_offset.y < height:
                self.scroll_to(y=row - height // 2, animate=False, force=True)
