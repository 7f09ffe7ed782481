"""`charnn write`: a person and one or several runs write a text together."""

import dataclasses
import secrets
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from charnn.cli.options import (
    GroupedCommand,
    GroupedOption,
    cache_option,
    checkpoints_option,
    compute_on,
    config_option,
    device_option,
    find_run,
)
from charnn.cli.voices import checkpoint_option, load_session_voices, load_voices, voice_option
from charnn.config import SampleConfig
from charnn.errors import ConfigError, SessionError

if TYPE_CHECKING:
    from charnn.writing.session import Session

WHICH, HOW, SUGGESTED, SEEN = "Which session", "How characters are drawn", "What is suggested", "What is seen"
SETTINGS = tuple(field.name for field in dataclasses.fields(SampleConfig))
KEPT = ("voice", "checkpoint", "genre", "delimiters", "seed", "prompt")
"""What a session keeps from its beginning to its end."""


@click.command(cls=GroupedCommand)
@click.argument("run", required=False)
@voice_option
@checkpoint_option
@click.option(
    "--continue",
    "go_on",
    cls=GroupedOption,
    group=WHICH,
    is_flag=True,
    help="Go on with the newest session of RUN (of all runs if left out), or with that of --session.",
)
@click.option(
    "--session",
    "name",
    cls=GroupedOption,
    group=WHICH,
    metavar="NAME",
    help="Name of the session.  [default: the next free number]",
)
@click.option("--prompt", cls=GroupedOption, group=WHICH, default="", help="Text that a new session begins with.")
@click.option("--list", "list_them", cls=GroupedOption, group=WHICH, is_flag=True, help="List the sessions, and end.")
@click.option(
    "--export",
    cls=GroupedOption,
    group=WHICH,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Save a session as FILE (.md and .html tell who wrote what), print its account, and end.",
)
@click.option(
    "--unit",
    cls=GroupedOption,
    group=SUGGESTED,
    default="word",
    show_default=True,
    metavar="UNIT",
    help="At first: char, word or line; in music, bar.",
)
@click.option(
    "--genre",
    cls=GroupedOption,
    group=SUGGESTED,
    metavar="GENRE",
    help="What a word is: prose, play, code, latex or music.  [default: that of the run's text]",
)
@click.option(
    "--delimiters",
    cls=GroupedOption,
    group=SUGGESTED,
    default="",
    metavar="CHARACTERS",
    help="Words are what stands between these, instead.",
)
@config_option(SampleConfig, "temperature", HOW, "Below 1 is careful, above 1 is wild, 0 always takes the likeliest.")
@config_option(SampleConfig, "top_k", HOW, "Only among the K likeliest; 0: all.", metavar="K")
@config_option(SampleConfig, "top_p", HOW, "Only among the likeliest that have this probability together.", metavar="P")
@config_option(SampleConfig, "min_p", HOW, "Only those at least this times as likely as the likeliest.", metavar="P")
@click.option(
    "--seed",
    cls=GroupedOption,
    group=HOW,
    type=click.IntRange(0, 2**32 - 1),
    help="The same seed lets the model write the same.  [default: a random one, which is told]",
)
@click.option(
    "--plain",
    cls=GroupedOption,
    group=SEEN,
    is_flag=True,
    help="Line by line, for pipes and screen readers: commands from stdin (`help` tells them), answers to stdout.",
)
@click.option(
    "--key",
    "keys",
    cls=GroupedOption,
    group=SEEN,
    multiple=True,
    metavar="ACTION=KEY",
    help="Another key for what `?` tells; give it again for each.",
)
@click.option(
    "--theme",
    cls=GroupedOption,
    group=SEEN,
    default="dark",
    show_default=True,
    metavar="THEME",
    help="dark, light, or one of textual's.",
)
@checkpoints_option
@device_option
@cache_option
@click.pass_context
def write(
    ctx: click.Context,
    /,
    run: str | None,
    voice: tuple[str, ...],
    checkpoint: Literal["best", "last"],
    go_on: bool,
    name: str | None,
    prompt: str,
    list_them: bool,
    export: Path | None,
    unit: str,
    genre: str | None,
    delimiters: str,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    seed: int | None,
    plain: bool,
    keys: tuple[str, ...],
    theme: str,
    checkpoints: Path,
    device: str | None,
    cache: bool,
) -> None:
    """Write with RUN (a name or a folder; the newest run if left out): it suggests, you pick, type or let it write.

    What is written is kept in the run's folder with every change; `--continue` goes on.
    """
    given = {field for field in ctx.params if ctx.get_parameter_source(field) is click.core.ParameterSource.COMMANDLINE}
    settings = SampleConfig(temperature, top_k, top_p, min_p)
    own_keys = _keys(keys)
    if plain and (unused := given & {"keys", "theme"}):
        raise ConfigError(
            "Line mode has no keys and no colours; leave this out.", "theme" if "theme" in unused else "key"
        )
    if list_them:
        _list(checkpoints, run)
        return
    go_on = go_on or export is not None
    kept = [field for field in KEPT if field in given] if go_on else []
    if kept:
        raise ConfigError("A session goes on as it was begun; leave this out.", kept[0])
    # the screen is drawn on stderr
    if not plain and export is None and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise ConfigError(
            "The screen needs a terminal, which one of stdin, stdout and stderr is not. With --plain, commands are read"
            " from stdin and answered on stdout, line by line."
        )

    compute_on(device, cache=cache)
    if go_on:
        session = _continued(checkpoints, run, name)
    else:
        seed = secrets.randbits(32) if seed is None else seed
        session = _begun(checkpoints, run, voice, checkpoint, name, settings, seed, genre, delimiters, unit)
    with _kept(session):
        session.type(_given_text(prompt))
        if export is not None:
            _export(session, export)
            return
        if go_on and (changed := given & set(SETTINGS)):
            new = {field: getattr(settings, field) for field in changed}
            session.set_settings(dataclasses.replace(session.settings, **new))
        _require_unit(unit, session.units)
        if plain:
            _converse(session, unit)
        else:
            from charnn.ui.cowriting.app import CowritingApp

            CowritingApp(session, keys=own_keys, theme=theme, unit=unit).run()


def _export(session: "Session", path: Path) -> None:
    from charnn.ui.lines import said_account
    from charnn.writing.export import save

    save(session, path, session.path.stem)
    for line in said_account(session):
        click.echo(line)


def _converse(session: "Session", unit: str) -> None:
    from charnn.text.corpus import decode_bytes
    from charnn.ui.lines import dialogue
    from charnn.ui.writing import TextWriter

    writer = TextWriter(sys.stdout.buffer)
    for line in dialogue(session, map(decode_bytes, sys.stdin.buffer), unit=unit):
        writer.write(f"{line}\n")


@contextmanager
def _kept(session: "Session") -> Iterator[None]:
    """Close the session at the end; of one in which nothing was ever written, nothing is kept."""
    try:
        with session:
            yield
    finally:
        if len(session.drafts) == 1:
            session.path.unlink(missing_ok=True)


def _given_text(text: str) -> str:
    """What the command line was given, as texts are read from files."""
    from charnn.text.corpus import decode_bytes

    return decode_bytes(text.encode("utf-8", "surrogateescape"))


def _require_unit(unit: str, units: Collection[str]) -> None:
    if unit not in units:
        raise ConfigError(f"There is no unit {unit!r} in this genre; choose one of {', '.join(units)}.", "unit")


def _keys(given: Sequence[str]) -> dict[str, list[str]] | None:
    """`ACTION=KEY`, again and again, as keys by action."""
    keys: dict[str, list[str]] = {}
    for one in given:
        action, _, key = one.partition("=")
        if not action or not key:
            raise ConfigError(f"{one!r} names no key; say ACTION=KEY.", "key")
        keys.setdefault(action, []).append(key)
    return keys or None


def _begun(
    checkpoints: Path,
    run: str | None,
    given: Sequence[str],
    checkpoint: Literal["best", "last"],
    name: str | None,
    settings: SampleConfig,
    seed: int,
    genre: str | None,
    delimiters: str,
    unit: str,
) -> "Session":
    """A new session, in the folder of the first voice."""
    from charnn.training.record import read_run
    from charnn.writing.session import Session, session_path
    from charnn.writing.units import genre_of, units

    if name is not None and (name != Path(name).name or name.startswith(".")):
        raise ConfigError(f"{name!r} is no name for a file; leave out slashes and a leading dot.", "session")
    loaded = load_voices(checkpoints, run, given, checkpoint)
    home = loaded.folders[0]
    if genre is None:
        record = read_run(home)
        genre = genre_of(record.corpus_name, record.corpus_sha256, record.corpus_path)
    _require_unit(unit, units(genre, delimiters))
    if name is None:
        name = next(name for name in map(str, count(1)) if not session_path(home, name).exists())
    path = session_path(home, name)
    session = Session.create(path, loaded.voices, settings, seed=seed, genre=genre, delimiters=delimiters)
    click.echo(f"{loaded}, seed {seed}: {path}", err=True)
    return session


def _continued(checkpoints: Path, run: str | None, name: str | None) -> "Session":
    """The session of that name, or the newest one, by the voices that it was begun with."""
    from charnn.writing.session import Session, read_header

    path = next((path for path in _sessions(checkpoints, run) if name in (None, path.stem)), None)
    if path is None:
        names = dict.fromkeys(path.stem for path in _sessions(checkpoints, run))
        there = f"There are {', '.join(list(names)[:10])}" if names else "There is none yet"
        where = checkpoints if run is None else f"the run {run}"
        raise SessionError(
            f"There is no session{'' if name is None else f' {name!r}'} in {where}. {there}; without --continue and"
            " --export, a new one is begun."
        )
    session = Session.resume(path, load_session_voices(path, read_header(path).voices))
    click.echo(f"{', '.join(session.voices.names)}, seed {session.header.seed}: {path}", err=True)
    return session


def _sessions(checkpoints: Path, run: str | None) -> list[Path]:
    """The sessions of a run, or of all, the one that was written in last first."""
    from charnn.training.record import list_runs
    from charnn.writing.session import list_sessions

    if run is not None:
        return list_sessions(find_run(checkpoints, run))
    found = [path for folder in list_runs(checkpoints) for path in list_sessions(folder)]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _list(checkpoints: Path, run: str | None) -> None:
    from charnn.ui.format import age
    from charnn.writing.session import read_header

    paths = _sessions(checkpoints, run)
    if not paths:
        click.echo("There is no session yet. `charnn write` begins one.", err=True)
    for path in paths:
        changed = age(time.time() - path.stat().st_mtime)
        try:
            names = " and ".join(voice.name for voice in read_header(path).voices)
        except SessionError:
            names = "(damaged)"
        click.echo(f"{path.stem}, {changed}, with {names}: {path}")
