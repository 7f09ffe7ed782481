"""The command line: one file a command, which parses, calls and shows.

What a command needs of jax, Orbax and the rest is imported in its body: `charnn --help` loads none of it.
"""

import errno
from typing import Any

import click

from charnn import __version__
from charnn.cli.runs import runs
from charnn.cli.sample import sample
from charnn.cli.train import train
from charnn.cli.write import write
from charnn.errors import CharnnError, ConfigError


class _Group(click.Group):
    """Turns the errors that a person can cause into click's: misuse exits 2 and names the flag, failure exits 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            if error.field is None:
                raise _failure(error) from error
            raise click.BadParameter(str(error), param_hint=f"'--{error.field.replace('_', '-')}'") from error
        except CharnnError as error:
            raise _failure(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # click is quiet about a reader that has gone
                raise
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise click.ClickException(
                f"{what}. Nothing that was saved before is lost; mend this and try again."
            ) from error
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            raise click.ClickException(
                "This device has too little memory for that. Use a smaller --hidden-size, --batch-size or --seq-len (or"
                " --num, when sampling), or another --device. Nothing that was saved before is lost."
            ) from error


def _failure(error: CharnnError) -> click.ClickException:
    return click.UsageError(str(error)) if error.exit_code == 2 else click.ClickException(str(error))


def _is_out_of_memory(error: Exception) -> bool:
    # jax's errors, which cannot be named without importing it, are RuntimeErrors that begin with XLA's status
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error) or "Out of memory" in str(error)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="charnn")
def main() -> None:
    """Train character-level recurrent nets on a text, watch them learn, and write with them."""


for command in (train, sample, write, runs):
    main.add_command(command)
