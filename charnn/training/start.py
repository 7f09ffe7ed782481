"""What a run starts from: nothing, an earlier stop of its own, or the weights of another run."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from charnn.config import ModelConfig
from charnn.errors import ConfigError, CorpusError
from charnn.nn.model import Params, init_params, transplant
from charnn.text.corpus import Corpus, read_corpus
from charnn.training.checkpoint import load_params
from charnn.training.record import RunRecord, read_run


def new_folder(checkpoints: Path, name: str | None, stem: str) -> Path:
    """Where a new run goes: `name`, or else `stem` or the first of stem-2, stem-3, … that no run has.

    Raises `ConfigError` for a name, or a folder of runs, that checkpoints cannot be kept under.
    """
    if "[" in str(checkpoints.absolute()):
        raise ConfigError(
            f"{checkpoints.absolute()} has a square bracket in its path, where Orbax cannot keep checkpoints. Choose"
            " another folder.",
            "checkpoints",
        )
    if name is not None:
        if not name or name[0] in "-." or not all(map(_can_be_in_a_name, name)):
            raise ConfigError(
                f"{name!r} cannot be the name of a run, which is that of a folder in {checkpoints}. Use printable"
                " characters but slashes and square brackets, and neither a dash nor a dot at the beginning.",
                "name",
            )
        return checkpoints / name
    stem = "".join(character if _can_be_in_a_name(character) else "-" for character in stem).lstrip("-.")
    folder, n = checkpoints / stem, 1
    while folder.exists():
        n += 1
        folder = checkpoints / f"{stem}-{n}"
    return folder


def _can_be_in_a_name(character: str) -> bool:
    return character.isprintable() and character not in "/\\[]"


def require_same_settings(folder: Path, record: RunRecord, given: Mapping[str, Any]) -> None:
    """Raises `ConfigError` if a setting that is `given` is not the one that the run in `folder` began with."""
    settings = dataclasses.asdict(record.model) | dataclasses.asdict(record.train)
    for field, value in given.items():
        if settings[field] != value:
            began = f"without {field}" if settings[field] is None else f"with {field} {settings[field]}"
            raise ConfigError(
                f"{folder.name} began {began}, not with {value}, and a resumed run goes on exactly as it began. Leave"
                f" the flag out, or begin a new run with `--init-from {folder.name}`.",
                field,
            )


def read_same_text(folder: Path, record: RunRecord, path: Path) -> Corpus:
    """The text of the run in `folder`, from `path`. Raises `CorpusError` if another text stands there."""
    text = read_corpus(path, record.corpus_name, record.vocabulary)
    if text.sha256 != record.corpus_sha256:
        raise CorpusError(
            f"{path} is not the text that {folder.name} was trained on: its sha256 is {text.sha256[:12]}…, that of the"
            f" run's text {record.corpus_sha256[:12]}…. Name the file of that text, before `--resume`, or begin a new"
            f" run with `--init-from {folder.name}`."
        )
    return text


def inherit(source: Path, given: Mapping[str, Any], text: Corpus, seed: int) -> tuple[ModelConfig, Corpus, Params]:
    """A net of the shape of the run in `source`, with its best weights, for the characters of its text and of `text`.

    Dropout and precision are those `given`, or the source's. The characters of `source` keep their ids; those that only
    `text` has come behind, with fresh rows. Raises `ConfigError` if a `given` setting asks for another shape.
    """
    record = read_run(source)
    for field in ("cell", "hidden_size", "num_layers"):
        if field in given and given[field] != getattr(record.model, field):
            raise ConfigError(
                f"{source.name} has {field} {getattr(record.model, field)}, not {given[field]}, and its weights fit no"
                " other net. Leave the flag out, or train a new run without --init-from.",
                field,
            )
    model = dataclasses.replace(
        record.model, **{field: given[field] for field in ("dropout", "precision") if field in given}
    )
    vocabulary = record.vocabulary.extended(text.vocabulary)
    ids = vocabulary.encode(text.vocabulary.characters)[text.ids]
    weights, _ = load_params(source, "best", model, len(record.vocabulary))
    fresh = init_params(model, len(vocabulary), key=jax.random.key(seed))
    return model, dataclasses.replace(text, vocabulary=vocabulary, ids=ids), transplant(fresh, weights)
