"""Runs as voices: one by name, or several by `--voice`."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from charnn.cli.options import GroupedOption, find_run
from charnn.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from charnn.training.checkpoint import Which
    from charnn.writing.session import VoiceReference
    from charnn.writing.voices import Voice, Voices

GROUP = "Who writes"

voice_option = click.option(
    "--voice",
    "voice",
    cls=GroupedOption,
    group=GROUP,
    multiple=True,
    metavar="RUN[:WEIGHT]",
    help="A run that is heard, and how much (1); give it again for each run that is blended.",
)
checkpoint_option = click.option(
    "--checkpoint",
    cls=GroupedOption,
    group=GROUP,
    type=click.Choice(["best", "last"]),
    default="best",
    show_default=True,
    help="The weights of the lowest validation score, or the newest.",
)


class Loaded(NamedTuple):
    """Voices, and of each the folder it is from and the step it was saved at."""

    voices: "Voices"
    folders: tuple[Path, ...]
    steps: tuple[int, ...]

    def __str__(self) -> str:
        names = self.voices.names
        shares = (f" {100 * weight:.0f} %" if len(names) > 1 else "" for weight in self.voices.weights)
        return ", ".join(
            f"{name}{share}, step {step:,}" for name, share, step in zip(names, shares, self.steps, strict=True)
        )


def load_voices(checkpoints: Path, run: str | None, given: Sequence[str], checkpoint: "Which") -> Loaded:
    """The voices that a command names: `run` (the newest one if None) unless `given` names others, by `--voice`.

    Each tells where it is, seen from the first one's folder.
    Raises `ConfigError` for both, for a weight that is none and for a run named twice; else as `find_run` and loading.
    """
    from charnn.writing.voices import Voices

    if run is not None and given:
        raise ConfigError(f"Either RUN ({run}) writes, or the voices that are named; give it as a voice, too.", "voice")
    named = [_named(checkpoints, one) for one in given] or [(find_run(checkpoints, run), 1.0)]
    folders = [folder for folder, _ in named]
    if len(set(folders)) < len(folders):
        raise ConfigError("A run is named twice; give it once, with the sum of the weights.", "voice")
    names = [folder.name for folder in folders]
    loaded = [
        load_voice(
            folder,
            folder.name if names.count(folder.name) == 1 else str(folder),
            os.path.relpath(folder, folders[0]),
            checkpoint,
        )
        for folder in folders
    ]
    voices = Voices.of([voice for voice, _ in loaded], [weight for _, weight in named])
    return Loaded(voices, tuple(folders), tuple(step for _, step in loaded))


def load_session_voices(session: Path, references: Sequence["VoiceReference"]) -> "Voices":
    """The voices that a session was begun with. Raises `CheckpointError` if one is gone."""
    from charnn.training.record import is_run
    from charnn.writing.voices import Voices

    home = session.parent.parent
    voices = []
    for reference in references:
        folder = (home / reference.folder).resolve()
        if not is_run(folder):
            raise CheckpointError(
                f"The session {session} was begun with the voice {reference.name}, whose run is no longer in {folder}."
                " Put it back there; the session is kept as it is."
            )
        which: Which = "last" if reference.checkpoint == "last" else "best"
        voices.append(load_voice(folder, reference.name, reference.folder, which)[0])
    return Voices.of(voices, [reference.weight for reference in references])


def load_voice(folder: Path, name: str, where: str, checkpoint: "Which") -> tuple["Voice", int]:
    """The voice called `name` of the run in `folder`, and the step it was saved at; `where` is what it tells."""
    from charnn.nn.model import Model
    from charnn.training.checkpoint import load_params
    from charnn.training.record import read_run
    from charnn.writing.voices import Voice

    record = read_run(folder)
    params, step = load_params(folder, checkpoint, record.model, len(record.vocabulary))
    return Voice(name, Model(record.model, record.vocabulary, params), where, checkpoint), step


def _named(checkpoints: Path, given: str) -> tuple[Path, float]:
    """The folder and the weight of `RUN[:WEIGHT]`; a run's own name may hold a colon."""
    name, colon, said = given.rpartition(":")
    try:
        weight = float(said) if colon else math.nan
    except ValueError:
        weight = math.nan
    if not math.isnan(weight):
        return find_run(checkpoints, name), weight
    try:
        return find_run(checkpoints, given), 1.0
    except CheckpointError:
        if not colon:
            raise
    raise ConfigError(f"{given!r} ends in a weight {said!r} that is no number; say RUN:0.5, or RUN alone.", "voice")
