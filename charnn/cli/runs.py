"""`charnn runs`: what has been trained."""

import time
from pathlib import Path

import click

from charnn.cli.options import checkpoints_option
from charnn.errors import CheckpointError


@click.command()
@checkpoints_option
def runs(checkpoints: Path) -> None:
    """List the runs, the newest first."""
    from charnn.training.record import METRICS, last_change, list_runs, read_lines, read_run
    from charnn.ui.runs import RunRow, show_runs

    rows = []
    for folder in list_runs(checkpoints):
        seconds_ago = time.time() - last_change(folder)
        try:
            record = read_run(folder)
        except CheckpointError:
            rows.append(RunRow(folder.name, seconds_ago, problem="(run.json is damaged)"))
            continue
        lines = list(read_lines(folder, METRICS))
        scores = [line["val_bits_per_char"] for line in lines if "val_bits_per_char" in line]
        step = max((line["step"] for line in lines), default=0)
        best = min(scores, default=None)
        rows.append(RunRow(folder.name, seconds_ago, record.corpus_name, record.model, step, best))
    if rows:
        show_runs(rows)
    else:
        click.echo(f"There are no runs in {checkpoints} yet. `charnn train` makes one.", err=True)
