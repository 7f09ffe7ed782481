"""The table of runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from charnn.config import ModelConfig
from charnn.ui.format import age, bits, printable


@dataclass(frozen=True)
class RunRow:
    """What the table says of one run; `problem` alone when its folder cannot be read."""

    name: str
    seconds_ago: float
    corpus: str = ""
    model: ModelConfig | None = None
    step: int = 0
    best_bits_per_char: float | None = None
    problem: str = ""


def show_runs(rows: Sequence[RunRow]) -> None:
    """Print the runs, in the order given."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("run", "corpus", "cell"):
        table.add_column(column, no_wrap=True)
    for column in ("size", "steps", "best bpc"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("trained", no_wrap=True)
    for row in rows:
        if row.model is None:
            cells = [row.name, row.problem, "", "", "", "", age(row.seconds_ago)]
        else:
            size = f"{row.model.num_layers} × {row.model.hidden_size}"
            score = bits(row.best_bits_per_char)
            cells = [row.name, row.corpus, row.model.cell, size, f"{row.step:,}", score, age(row.seconds_ago)]
        table.add_row(*(Text(printable(cell)) for cell in cells))  # as Text: square brackets in a name are no markup
    # as wide as it needs: half a name is of no use in a command, nor what is left of a table beside a long one
    Console(width=10_000, soft_wrap=True).print(table)
