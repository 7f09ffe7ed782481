"""Options that commands share, and help that is in groups."""

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from charnn.errors import CheckpointError

Command = TypeVar("Command", bound=Callable[..., Any])


class GroupedOption(click.Option):
    """An option that is shown under a heading of its own in `--help`."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        """Everything but `group`, the heading, is click's."""
        super().__init__(*args, **kwargs)
        self.group = group


WHERE = "Where"

checkpoints_option = click.option(
    "--checkpoints",
    cls=GroupedOption,
    group=WHERE,
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("checkpoints"),
    show_default=True,
    envvar="CHARNN_CHECKPOINTS",
    show_envvar=True,
    metavar="DIR",
    help="Folder of the runs.",
)
device_option = click.option(
    "--device",
    cls=GroupedOption,
    group=WHERE,
    type=click.Choice(["cpu", "gpu", "tpu"]),
    help="Compute on this kind of device.  [default: the fastest that is here]",
)
cache_option = click.option(
    "--cache/--no-cache",
    cls=GroupedOption,
    group=WHERE,
    default=True,
    help="Keep what is compiled in your cache folder for the next command, up to 256 MiB.  [default: --cache]",
)


def compute_on(device: str | None, *, cache: bool) -> str:
    """Compute on `device` from here on, keep what is compiled if `cache`, and say which device it is."""
    from charnn.nn.device import keep_compiled, select_device

    if cache:
        keep_compiled(platformdirs.user_cache_path("charnn") / "compiled")
    return select_device(device)


class GroupedCommand(click.Command):
    """A command whose `--help` shows the options group by group."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, in the order of their groups' first appearance, those without a group last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                groups.setdefault(getattr(param, "group", "Options"), []).append(record)
        for heading, records in sorted(groups.items(), key=lambda group: group[0] == "Options"):
            with formatter.section(heading):
                formatter.write_dl(records)


def config_option(config: type[Any], field: str, group: str, help: str, **kwargs: Any) -> Callable[[Command], Command]:
    """The option of one field of a config: its flag is the field with dashes, its default the field's."""
    (declared,) = (each for each in dataclasses.fields(config) if each.name == field)
    options = {"default": declared.default, "show_default": declared.default is not None} | kwargs
    return click.option(f"--{field.replace('_', '-')}", field, cls=GroupedOption, group=group, help=help, **options)


def find_run(checkpoints: Path, run: str | None) -> Path:
    """The folder of `run`: a run's name, or a path to its folder; the newest one if None.

    Raises `CheckpointError` if there is no such run.
    """
    from charnn.training.record import has_checkpoint, is_run, list_runs

    if run is not None:
        for folder in (checkpoints / run, Path(run)):
            if is_run(folder):
                return folder.resolve()
    runs = list_runs(checkpoints)
    if run is None:
        for folder in runs:
            if has_checkpoint(folder):  # a run that has only just been made cannot write yet
                return folder
    there = f"The runs there are: {', '.join(folder.name for folder in runs[:10])}." if runs else "It holds no run yet."
    wanted = "There is no run" if run is None else f"There is no run {run!r}"
    raise CheckpointError(
        f"{wanted} in {checkpoints}. {there} Make one with `charnn train`, or name another folder of runs with"
        " `--checkpoints DIR`."
    )


def reference(folder: Path, checkpoints: Path) -> str:
    """How to name a run in a command: as a shell takes it, and with the folder of runs where that is not the usual."""
    if folder.resolve().parent != checkpoints.resolve():
        return shlex.quote(str(folder))
    elsewhere = "" if checkpoints == Path("checkpoints") else f" --checkpoints {shlex.quote(str(checkpoints))}"
    return shlex.quote(folder.name) + elsewhere
