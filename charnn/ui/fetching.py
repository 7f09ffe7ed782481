"""The progress of a download."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn


@contextmanager
def fetch_view(title: str, licence: str, *, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A line and a progress bar on standard error, once there is something to fetch.

    Yields the function to be told how many bytes are here, and of how many.
    """
    console = Console(stderr=True, quiet=quiet)
    bar = Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console, transient=True)
    task = bar.add_task("", total=None)

    def show(done: int, total: int | None) -> None:
        if not bar.live.is_started:
            console.print(f"Fetching {title} ({licence})", markup=False, highlight=False)
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        bar.live.stop()  # the bar's own stop would end with an empty line where there is no terminal
