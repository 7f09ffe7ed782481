"""`charnn train`: a run, from a text to a folder of checkpoints and samples."""

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from charnn import __version__
from charnn.cli.options import (
    WHERE,
    GroupedCommand,
    GroupedOption,
    cache_option,
    checkpoints_option,
    compute_on,
    config_option,
    device_option,
    find_run,
    reference,
)
from charnn.config import CELLS, PRECISIONS, ModelConfig, TrainConfig
from charnn.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from charnn.training.record import RunRecord

NET, LENGTH, LEARNING, WATCHING, RUN = "The net", "How long", "Learning", "Watching", "The run"
MODEL_FIELDS = tuple(field.name for field in dataclasses.fields(ModelConfig))
TRAIN_FIELDS = tuple(field.name for field in dataclasses.fields(TrainConfig))


@click.command(cls=GroupedCommand)
@click.argument("corpus", required=False)
@config_option(ModelConfig, "cell", NET, "Kind of recurrent cell.", type=click.Choice(CELLS))
@config_option(ModelConfig, "hidden_size", NET, "Units of a layer.")
@config_option(ModelConfig, "num_layers", NET, "Layers, one upon the other.")
@config_option(ModelConfig, "dropout", NET, "Share of each layer's output that is dropped in training.")
@config_option(
    ModelConfig,
    "precision",
    NET,
    "Of the factors in matrix products; weights, sums, states and loss are float32 in either.",
    type=click.Choice(PRECISIONS),
)
@config_option(
    TrainConfig,
    "epochs",
    LENGTH,
    f"Times through the text.  [default: {TrainConfig.DEFAULT_EPOCHS:g}, of at least"
    f" {TrainConfig.DEFAULT_MIN_STEPS} batches in all]",
    type=float,
)
@config_option(TrainConfig, "steps", LENGTH, "Batches, instead.", type=int)
@config_option(TrainConfig, "minutes", LENGTH, "Wall time, instead: the schedule is fitted to it.", type=float)
@config_option(TrainConfig, "seq_len", LEARNING, "Characters that gradients flow back through.")
@config_option(TrainConfig, "batch_size", LEARNING, "Streams of text read side by side.")
@config_option(TrainConfig, "learning_rate", LEARNING, "Peak rate of AdamW.")
@config_option(TrainConfig, "final_learning_rate", LEARNING, "Where the cosine ends, as a fraction of the peak.")
@config_option(TrainConfig, "warmup_steps", LEARNING, "Steps to reach the peak (at most a tenth of the run).")
@config_option(TrainConfig, "beta1", LEARNING, "AdamW's decay of the mean gradient.")
@config_option(TrainConfig, "beta2", LEARNING, "AdamW's decay of the mean squared gradient.")
@config_option(TrainConfig, "weight_decay", LEARNING, "AdamW's decay of the matrices.")
@config_option(TrainConfig, "max_grad_norm", LEARNING, "Longer gradients are shortened to this norm; inf: never.")
@config_option(TrainConfig, "average_decay", LEARNING, "Decay of the average of the weights that is kept; 0: none.")
@config_option(TrainConfig, "val_fraction", LEARNING, "Last part of the text, kept for validation.")
@config_option(TrainConfig, "seed", LEARNING, "The same seed trains the same net.")
@config_option(TrainConfig, "eval_every", WATCHING, "Steps between validations and saves; 0: chosen by their cost.")
@config_option(TrainConfig, "sample_every", WATCHING, "Steps between samples; 0: at 1, 2, 5, 10, … and validations.")
@config_option(TrainConfig, "sample_length", WATCHING, "Characters of a sample.")
@config_option(
    TrainConfig, "sample_prompt", WATCHING, "What the samples continue.  [default: a line break]", show_default=False
)
@config_option(TrainConfig, "log_every", WATCHING, "Steps between two lines of the log.")
@click.option("--quiet", cls=GroupedOption, group=WATCHING, is_flag=True, help="Say only how it ended.")
@click.option("--name", cls=GroupedOption, group=RUN, help="Name of the new run.  [default: corpus and cell]")
@click.option("--resume", cls=GroupedOption, group=RUN, metavar="RUN", help="Go on exactly where RUN stopped.")
@click.option(
    "--init-from", cls=GroupedOption, group=RUN, metavar="RUN", help="Begin a new run with the weights of RUN."
)
@click.option(
    "--mirror",
    cls=GroupedOption,
    group=WHERE,
    type=click.Path(path_type=Path, file_okay=False),
    envvar="CHARNN_MIRROR",
    show_envvar=True,
    metavar="DIR",
    help="Folder that is searched for the text before the network.",
)
@click.option(
    "--index-url",
    cls=GroupedOption,
    group=WHERE,
    envvar="PIP_INDEX_URL",
    show_envvar=True,
    metavar="URL",
    help="Package index that texts are fetched from.  [default: the public one]",
)
@checkpoints_option
@device_option
@cache_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    corpus: str | None,
    name: str | None,
    resume: str | None,
    init_from: str | None,
    mirror: Path | None,
    index_url: str | None,
    checkpoints: Path,
    device: str | None,
    cache: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train on CORPUS: the name of a known text (shakespeare, tinyshakespeare) or the path of any text file.

    Without CORPUS, on Shakespeare's plays, which are fetched. The run is kept in a folder of its own, from which
    `charnn sample` writes. Ctrl-C saves and stops; `--resume RUN` goes on.
    """
    given = {
        field: value
        for field, value in settings.items()
        if ctx.get_parameter_source(field) is click.core.ParameterSource.COMMANDLINE
    }
    model = ModelConfig(**{field: settings[field] for field in MODEL_FIELDS})
    config = TrainConfig(**{field: settings[field] for field in TRAIN_FIELDS})
    if resume is not None and (name is not None or init_from is not None):
        other = "name" if name is not None else "init_from"
        raise ConfigError("A run that is resumed keeps its name and its weights; leave this out.", other)

    from charnn.text.corpus import read_corpus
    from charnn.training.record import RunRecord, claim, create_run, read_run
    from charnn.training.run import run
    from charnn.training.start import inherit, new_folder, read_same_text, require_same_settings
    from charnn.ui.training import training_view

    locate = partial(_locate, mirror=mirror, index_url=index_url, quiet=quiet)
    device_name = compute_on(device, cache=cache)
    params = None
    if resume is not None:
        folder = find_run(checkpoints, resume)
        record = read_run(folder)
        require_same_settings(folder, record, given)
        text = read_same_text(folder, record, _path_of(record, corpus, locate))
    else:
        path, corpus_name = locate("shakespeare" if corpus is None else corpus)
        text = read_corpus(path, corpus_name)
        if init_from is not None:
            source = find_run(checkpoints, init_from)
            model, text, params = inherit(source, given, text, config.seed)
        folder = new_folder(checkpoints, name, f"{text.name}-{model.cell}")
        record = RunRecord(
            model=model,
            train=config,
            vocabulary=text.vocabulary,
            corpus_name=text.name,
            corpus_path=str(path.absolute()),
            corpus_sha256=text.sha256,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            charnn_version=__version__,
            init_from=init_from,
        )
        create_run(folder, record)
    for remark in text.remarks:
        click.echo(f"{record.corpus_name}: {remark}", err=True)

    net = f"{record.model.cell} {record.model.num_layers} × {record.model.hidden_size}"
    title = f"{folder.name}: {net} on {record.corpus_name}, {device_name}"
    view = training_view(reference(folder, checkpoints), title, quiet=quiet)
    with claim(folder), _stoppable() as stop, view:
        for event in run(folder, record, text.ids, params=params, stop=stop):
            view.show(event)


def _locate(corpus: str, *, mirror: Path | None, index_url: str | None, quiet: bool) -> tuple[Path, str | None]:
    """The file of a corpus, fetched if need be, and its name in the catalogue, if it has one."""
    from charnn.text.catalogue import find, manifest_folder, manifests, text_folder
    from charnn.text.fetch import fetch
    from charnn.ui.fetching import fetch_view

    manifest = find(corpus)
    if manifest is not None:
        with fetch_view(manifest.title, manifest.licence, quiet=quiet) as progress:
            path = fetch(manifest, folder=text_folder(), mirror=mirror, index_url=index_url, progress=progress)
        return path, manifest.name
    if not Path(corpus).exists() and "/" not in corpus:
        known = ", ".join(manifests([manifest_folder()]))
        raise CorpusError(
            f"{corpus!r} is neither a file nor a text that charnn knows by name ({known}). Check the spelling, or give"
            " the path of a text file."
        )
    return Path(corpus), None


def _path_of(record: "RunRecord", corpus: str | None, locate: Callable[[str], tuple[Path, str | None]]) -> Path:
    """Where the text of a run is now: where `corpus` says, where it was, or where it can be fetched again."""
    from charnn.text.catalogue import find

    if corpus is not None:
        return locate(corpus)[0]
    manifest = find(record.corpus_name)
    if Path(record.corpus_path).exists() or manifest is None or manifest.sha256 != record.corpus_sha256:
        return Path(record.corpus_path)
    return locate(record.corpus_name)[0]


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Ctrl-C or SIGTERM once: the yielded function says so from then on. Twice: stop at once."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a live view hides it
            os.write(2, f"{show_cursor}\nStopped at once; the last checkpoint is intact.\n".encode())
            os._exit(128 + number)  # an exception could be raised within a compilation, which does not survive it
        asked = True
        os.write(2, b"\nStopping after this step; once more stops at once.\n")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
