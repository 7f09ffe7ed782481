"""What a person sees of a training run: a live view on a terminal, plain lines on a pipe."""

import os
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from charnn.training.events import (
    Compiled,
    Evaluated,
    Event,
    Finished,
    Progressed,
    Recovered,
    Sampled,
    Saved,
    Started,
    Stopped,
)
from charnn.ui.format import bits, count, duration, printable

SECONDS_BETWEEN_LINES = 5.0


def training_view(reference: str, title: str, *, quiet: bool) -> "QuietView":
    """The view that suits where the output goes.

    `reference` is how a person names the run in a command; `title` says in a few words what is trained on what.
    """
    console = _LastingConsole()
    if quiet:
        return QuietView(console, reference)
    if console.is_terminal:
        return LiveView(console, reference, title)
    return PlainView(console, reference, title)


class _LastingConsole(Console):
    """Where nobody reads any more (`| head`), nothing is written any more, and training goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes at its end


class QuietView:
    """Shows the events of a run, within a `with` block: only how it ended, and what did not go as was asked for."""

    def __init__(self, console: Console, reference: str) -> None:
        self.console = console
        self.reference = reference

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def say(self, line: str) -> None:
        """Print a line as it is, as far as it can be printed: a name may be no text."""
        self.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)

    def show(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case Started():
                for remark in event.remarks:
                    self.say(remark)
            case Recovered():
                self.say(
                    f"The loss was not finite at step {event.step:,}: back to step {event.back_to:,} with"
                    f" {event.learning_rate_scale:g} of the learning rate (return {event.recoveries})."
                )
            case Stopped():
                of = "" if event.end_step is None else f" of {event.end_step:,}"
                self.say(
                    f"Stopped after step {event.step:,}{of}; everything is saved."
                    f" Go on with: charnn train --resume {self.reference}"
                )
            case Finished():
                self.say(_ending(event))
                self.say(f"Write with it: charnn sample {self.reference}")


class PlainView(QuietView):
    """One line an event, for a pipe or a log file."""

    def __init__(self, console: Console, reference: str, title: str) -> None:
        super().__init__(console, reference)
        self.title = title
        self.last_line = 0.0

    def show(self, event: Event) -> None:
        """Show what happened."""
        super().show(event)
        match event:
            case Started():
                self.say(self.title)
                self.say(_setting(event))
            case Compiled():
                self.say(f"first step, with compilation: {event.seconds:.1f} s")
            case Progressed() if time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
                self.last_line = time.monotonic()
                left = "" if event.seconds_left is None else f"  left {duration(event.seconds_left)}"
                self.say(
                    f"step {event.step:>6,}  epoch {event.epoch:.2f}  train {bits(event.bits_per_char)} bpc"
                    f"  grad norm {event.grad_norm:.2f}  {_speed(event)}{left}"
                )
            case Evaluated():
                best = "  (best so far)" if event.is_best else ""
                self.say(f"step {event.step:>6,}  validation {bits(event.bits_per_char)} bpc{best}")
            case Sampled(val_bits_per_char=None):  # noise still: a line of it will do
                self.say(f"step {event.step:>6,}  sample: {_one_line(event)[:80]}")
            case Sampled():
                self.say(f"--- {_caption(event)}")
                self.say((event.prompt + event.text).strip("\n"))
                self.say("---")


class LiveView(QuietView):
    """A panel that is redrawn in place; above it, the first line of every sample stays."""

    def __init__(self, console: Console, reference: str, title: str) -> None:
        super().__init__(console, reference)
        self.title = title
        self.started: Started | None = None
        self.progressed: Progressed | None = None
        self.evaluated: Evaluated | None = None
        self.best: Evaluated | None = None
        self.sampled: Sampled | None = None
        self.phase = "compiling the first step …"
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.live.stop()

    def show(self, event: Event) -> None:
        """Show what happened."""
        match event:
            case Started():
                self.started = event
                self.say(self.title)
                self.say(_setting(event))
            case Compiled():
                self.phase = "training"
            case Progressed():
                self.progressed = event
            case Evaluated():
                self.evaluated = event
                self.best = event if event.is_best else self.best
            case Sampled():
                self.sampled = event
                self._keep(event)
            case Finished() | Stopped():
                self.live.stop()
                if self.sampled:
                    self.console.print(self._sample(self.sampled))
            case Recovered():  # what was measured since is undone
                self.progressed = self.evaluated = None
            case Saved():
                pass
        super().show(event)
        if not isinstance(event, Finished | Stopped):
            self.live.update(self._panel(), refresh=True)

    def _keep(self, event: Sampled) -> None:
        """Leave one line of the sample above the panel."""
        caption = f"step {event.step:>6,}  {bits(event.val_bits_per_char)} bpc  "
        text = Text(caption, style="dim").append(_one_line(event), style="not dim")
        text.truncate(self.console.width, overflow="ellipsis")
        self.console.print(text)

    def _panel(self) -> RenderableType:
        parts: list[RenderableType] = []
        event = self.progressed
        if event is None:
            parts.append(Text(self.phase, style="dim"))
        else:
            parts.append(self._bar(event))
            parts.append(self._figures(event))
        if self.sampled:
            parts.append(self._sample(self.sampled))
        return Group(*parts)

    def _bar(self, event: Progressed) -> RenderableType:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True)
        of = "" if event.end_step is None else f"/{event.end_step:,}"
        left = "" if event.seconds_left is None else f", {duration(event.seconds_left)} left"
        grid.add_row(
            ProgressBar(total=event.end_step or 1, completed=event.step if event.end_step else 0),
            Text(f"step {event.step:,}{of} · {duration(event.seconds)} gone{left}"),
        )
        return grid

    def _figures(self, event: Progressed) -> RenderableType:
        text = Text(overflow="fold")
        text.append("train ").append(bits(event.bits_per_char), style="bold").append(" bpc · validation ")
        text.append(bits(self.evaluated.bits_per_char if self.evaluated else None), style="bold green").append(" bpc")
        if self.best and self.evaluated and self.best is not self.evaluated:
            text.append(f" (best {bits(self.best.bits_per_char)} at step {self.best.step:,})")
        clipped = " clipped" if event.clipped >= 0.5 else ""
        text.append(
            f"\nepoch {event.epoch:.2f} · {_speed(event)} · learning rate {event.learning_rate:.2e}"
            f" · gradient norm {event.grad_norm:.2f}{clipped}",
            style="dim",
        )
        return text

    def _sample(self, event: Sampled) -> RenderableType:
        text = Text(printable(event.prompt + event.text).strip("\n"))
        return Panel(text, title=Text(_caption(event)), title_align="left", border_style="dim")


def _setting(event: Started) -> str:
    going_on = f" · going on at step {event.step:,}" if event.step else ""
    steps = "" if event.end_step is None else f" · {event.end_step:,} steps"
    return (
        f"{count(event.num_params)} parameters · {count(event.train_chars)} characters to learn from,"
        f" {count(event.val_chars)} for validation · batches of {event.batch_size} × {event.seq_len}"
        f"{steps}{going_on}"
    )


def _speed(event: Progressed) -> str:
    return "" if event.chars_per_second is None else f"{count(event.chars_per_second)} chars/s"


def _one_line(event: Sampled) -> str:
    return " ".join(printable(event.text).split())


def _caption(event: Sampled) -> str:
    score = "" if event.val_bits_per_char is None else f" · {bits(event.val_bits_per_char)} bpc"
    return f"sample at step {event.step:,} · {count(event.chars)} characters seen{score}"


def _ending(event: Finished) -> str:
    ending = f"Finished {event.step:,} steps in {duration(event.seconds)}"
    if event.val_bits_per_char is None:
        return f"{ending}."
    ending += f": {event.val_bits_per_char:.3f} bits per character on the validation text"
    if event.best_step is not None and event.best_step != event.step:
        ending += f" (best {bits(event.best_bits_per_char)} at step {event.best_step:,}, which is kept)"
    return f"{ending}."
