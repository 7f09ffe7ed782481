"""`charnn train`: a run, from a text to a folder of checkpoints and samples."""

import dataclasses
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from charnn import __version__
from charnn.cli.options import (
    WHERE,
    GroupedCommand,
    GroupedOption,
    checkpoints_option,
    config_option,
    device_option,
    find_run,
)
from charnn.config import CELLS, ModelConfig, TrainConfig
from charnn.errors import ConfigError, CorpusError

if TYPE_CHECKING:
    from charnn.nn.model import Params
    from charnn.text.corpus import Corpus
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
    TrainConfig, "epochs", LENGTH, f"Times through the text.  [default: {TrainConfig.DEFAULT_EPOCHS:g}]", type=float
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
@checkpoints_option
@device_option
@click.pass_context
def train(
    ctx: click.Context,
    /,
    corpus: str | None,
    name: str | None,
    resume: str | None,
    init_from: str | None,
    mirror: Path | None,
    checkpoints: Path,
    device: str | None,
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

    from charnn.nn.device import select_device
    from charnn.training.record import RunRecord, create_run
    from charnn.training.run import run
    from charnn.ui.training import training_view

    device_name = select_device(device)
    params = None
    if resume is not None:
        folder = find_run(checkpoints, resume)
        record, text = _resumed(folder, given, corpus, mirror, quiet)
    else:
        path, corpus_name = _locate(corpus or "shakespeare", mirror, quiet)
        text = _read(path, corpus_name)
        if init_from is not None:
            source = find_run(checkpoints, init_from)
            model, text, params = _inherited(source, given, model, text, config.seed)
        folder = checkpoints / (name or _free_name(checkpoints, f"{text.name}-{model.cell}"))
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
    for remark in text.remarks:
        click.echo(f"{record.corpus_path}: {remark}", err=True)
    if resume is None:
        create_run(folder, record)

    net = f"{record.model.cell} {record.model.num_layers} × {record.model.hidden_size}"
    title = f"{folder.name}: {net} on {record.corpus_name}, {device_name}"
    with _stoppable() as stop, training_view(folder.name, title, quiet=quiet) as view:
        for event in run(folder, record, text.ids, params=params, stop=stop):
            view.show(event)


def _locate(corpus: str, mirror: Path | None, quiet: bool) -> tuple[Path, str | None]:
    """The file of a corpus, fetched if need be, and its name in the catalogue, if it has one."""
    from charnn.text.catalogue import find, text_folder
    from charnn.text.fetch import fetch
    from charnn.ui.fetching import fetch_view

    manifest = find(corpus)
    if manifest is None:
        return Path(corpus), None
    with fetch_view(f"{manifest.title} ({manifest.licence})", quiet=quiet) as progress:
        return fetch(manifest, folder=text_folder(), mirror=mirror, progress=progress), manifest.name


def _read(path: Path, name: str | None) -> "Corpus":
    from charnn.text.catalogue import manifest_folder, manifests
    from charnn.text.corpus import read_corpus

    if name is None and not path.exists() and path.parent == Path():
        known = ", ".join(manifests([manifest_folder()]))
        raise CorpusError(
            f"{path} is neither a file nor a text that charnn knows by name ({known}). Check the spelling, or give the"
            " path of a text file."
        )
    return read_corpus(path, name)


def _resumed(
    folder: Path, given: dict[str, Any], corpus: str | None, mirror: Path | None, quiet: bool
) -> tuple["RunRecord", "Corpus"]:
    """What the run in `folder` is, and its text; refuses flags and texts that are not the run's."""
    from charnn.training.record import read_run

    record = read_run(folder)
    settings = dataclasses.asdict(record.model) | dataclasses.asdict(record.train)
    for field, value in given.items():
        if settings[field] != value:
            raise ConfigError(
                f"{folder.name} is being trained with {field} {settings[field]}, not {value}, and a resumed run goes on"
                f" exactly as it began. Leave the flag out, or begin a new run with `--init-from {folder.name}`.",
                field,
            )
    if corpus is None and Path(record.corpus_path).exists():
        path = Path(record.corpus_path)
    else:
        path, _ = _locate(corpus or record.corpus_name, mirror, quiet)
    if not path.exists():
        raise CorpusError(
            f"The text of {folder.name} is no longer at {record.corpus_path}. Name the file where it is now, before"
            " `--resume`."
        )
    from charnn.text.corpus import read_corpus

    text = read_corpus(path, record.corpus_name, record.vocabulary)
    if text.sha256 != record.corpus_sha256:
        raise CorpusError(
            f"{path} is not the text that {folder.name} was trained on: its sha256 is {text.sha256[:12]}…, that of the"
            f" run's text {record.corpus_sha256[:12]}…. Put the text back, or begin a new run with"
            f" `--init-from {folder.name}`."
        )
    return record, text


def _inherited(
    source: Path, given: dict[str, Any], model: ModelConfig, text: "Corpus", seed: int
) -> tuple[ModelConfig, "Corpus", "Params"]:
    """A net of the shape of the run `source` with its weights, for the characters of both its text and `text`."""
    import jax

    from charnn.nn.model import init_params, transplant
    from charnn.training.checkpoint import load_params
    from charnn.training.record import read_run

    record = read_run(source)
    for field in ("cell", "hidden_size", "num_layers"):
        if field in given and given[field] != getattr(record.model, field):
            raise ConfigError(
                f"{source.name} has {field} {getattr(record.model, field)}, not {given[field]}, and its weights fit no"
                " other net. Leave the flag out, or train a new run without --init-from.",
                field,
            )
    model = dataclasses.replace(record.model, dropout=given.get("dropout", record.model.dropout))
    vocabulary = record.vocabulary.extended(text.vocabulary)
    ids = vocabulary.encode(text.vocabulary.characters)[text.ids]
    weights, _ = load_params(source, "best", model, len(record.vocabulary))
    fresh = init_params(model, len(vocabulary), key=jax.random.key(seed))
    return model, dataclasses.replace(text, vocabulary=vocabulary, ids=ids), transplant(fresh, weights)


def _free_name(checkpoints: Path, stem: str) -> str:
    """`stem`, or the first of stem-2, stem-3, … that no run has."""
    name, n = stem, 1
    while (checkpoints / name).exists():
        n += 1
        name = f"{stem}-{n}"
    return name


@contextmanager
def _stoppable() -> Iterator[Any]:
    """Ctrl-C or SIGTERM once: the yielded function says so from then on. Twice: stop at once."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            click.echo("\nStopped at once; the last checkpoint is intact.", err=True)
            sys.exit(128 + number)
        asked = True
        click.echo("\nStopping after this step; once more stops at once.", err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
