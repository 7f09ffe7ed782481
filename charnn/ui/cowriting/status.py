"""The line that says how the text is written: mode, unit, temperature, what is left over, what it has cost."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from charnn.config import SampleConfig
from charnn.ui.cowriting.candidates import probability
from charnn.ui.format import printable

PICK, TYPE, RUN = "PICK", "TYPE", "RUN"
"""The modes: keys choose, keys write, the model writes."""


class Status(NamedTuple):
    """What the line says; None where it is not known yet."""

    mode: str
    unit: str
    temperature: float
    limits: str
    """Of top-k, top-p and min-p, those in force."""
    leftover: float | None
    bound: float | None
    """How likely what was not found can be at most, if the search was not exact."""
    bits_per_char: float | None
    sibling: tuple[int, int]
    """Which of how many drafts in this place."""
    page: int
    voices: Sequence[tuple[str, float]]
    """Names and weights, if there are several."""
    chosen_voice: int


class StatusLine(Widget, can_focus=False):
    """As much of the status as there is room for, the most important first; several voices have a line of their own."""

    DEFAULT_CSS = """
    StatusLine { height: auto; background: $panel; color: $foreground; }
    """

    def __init__(self) -> None:
        """Empty until something is shown."""
        super().__init__()
        self._status: Status | None = None

    def show(self, status: Status) -> None:
        """Show something else."""
        has_voices = self._status is not None and len(self._status.voices) > 1
        self._status = status
        self.refresh(layout=has_voices != (len(status.voices) > 1))

    def render(self) -> Text:
        """One line, or two if there are several voices."""
        status = self._status
        if status is None:
            return Text()
        text = Text(no_wrap=True, overflow="ellipsis", end="")
        text.append(f" {status.mode} ", "reverse bold")
        room = self.size.width - text.cell_len
        for part in _parts(status):
            size = cell_len(part) + (3 if text.cell_len > cell_len(status.mode) + 2 else 1)
            if size > room:
                continue
            text.append((" · " if text.cell_len > cell_len(status.mode) + 2 else " ") + part)
            room -= size
        if len(status.voices) > 1:
            text.append("\n voices")
            for number, (name, weight) in enumerate(status.voices):
                mark = "▸" if number == status.chosen_voice else " "
                text.append(f" {mark}{printable(name)} {weight:.0%}", "bold" if mark == "▸" else "")
        return text


def limits(settings: SampleConfig) -> str:
    """What rules out characters, if anything does."""
    told = [f"top-k {settings.top_k}"] if settings.top_k else []
    told += [f"top-p {settings.top_p:g}"] if settings.top_p < 1 else []
    told += [f"min-p {settings.min_p:g}"] if settings.min_p else []
    return ", ".join(told)


def _parts(status: Status) -> list[str]:
    parts = [f"{status.unit}s" + (f" {status.page + 1}" if status.page else ""), f"temp {status.temperature:g}"]
    if status.leftover is not None:
        others = f"others {probability(status.leftover)}"
        if status.bound is not None:
            others += f", each at most {probability(status.bound)}"
        parts.append(others)
    if status.bits_per_char is not None:
        parts.append(f"{status.bits_per_char:.2f} bits/char")
    number, count = status.sibling
    if count > 1:
        parts.append(f"draft {number} of {count}")
    if status.limits:
        parts.append(status.limits)
    return parts
