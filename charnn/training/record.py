"""The run folder: what is trained on what (`run.json`), and what happened (`metrics.jsonl`, `samples.jsonl`).

Everything is JSON and nothing is ever unpickled. Characters that are not text (escaped bytes) survive, for JSON is
written in ASCII.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from filelock import FileLock, Timeout

from charnn.config import ModelConfig, TrainConfig
from charnn.errors import CheckpointError, ConfigError
from charnn.text.vocabulary import Vocabulary

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
_RECORD = "run.json"
_LOCK = ".lock"
Config = TypeVar("Config", ModelConfig, TrainConfig)


@dataclass(frozen=True)
class RunRecord:
    """What a run is: its settings, its alphabet and the text it learns from."""

    model: ModelConfig
    train: TrainConfig
    vocabulary: Vocabulary
    corpus_name: str
    corpus_path: str
    corpus_sha256: str
    created: str
    """ISO 8601, UTC."""
    charnn_version: str
    init_from: str | None = None
    """The run whose weights it started from."""


def create_run(folder: Path, record: RunRecord) -> None:
    """Make the run folder. Raises `CheckpointError` if something is there already: no run is ever overwritten."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise CheckpointError(
            f"{folder} exists already, and a run is never overwritten. Give the new run another `--name`, go on with"
            f" this one by `--resume {folder.name}`, or remove the folder first."
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"The run folder {folder} cannot be made ({error.strerror}). Choose a place that can be written to with"
            " `--checkpoints DIR`."
        ) from error
    content = asdict(record) | {"vocabulary": record.vocabulary.characters}
    _write_whole(folder / _RECORD, json.dumps(content, indent=2) + "\n")


def read_run(folder: Path) -> RunRecord:
    """What the run in `folder` is. Raises `CheckpointError` if it is no run folder or is damaged."""
    path = folder / _RECORD
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        return RunRecord(
            **content
            | {
                "model": _config(ModelConfig, {"precision": "float32"} | content["model"]),  # older runs do not say
                "train": _config(TrainConfig, content["train"]),
                "vocabulary": Vocabulary(content["vocabulary"]),
            }
        )
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} is not a run folder: it has no {_RECORD}. `charnn runs` lists those there are."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}). It was damaged, or written by another version of charnn; restore it from"
            " a copy, or train again under another name."
        ) from error


def _config(kind: type[Config], values: Mapping[str, Any]) -> Config:
    return kind(**{field.name: values[field.name] for field in fields(kind)})


def has_checkpoint(folder: Path, which: Literal["best", "last"] = "last") -> bool:
    """Whether the run has saved its `last` weights, or its `best`."""
    where = folder / which
    return where.is_dir() and any(child.name.isdigit() for child in where.iterdir())


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Keep other processes from training the run meanwhile. Raises `CheckpointError` if one does."""
    lock = FileLock(folder / _LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise CheckpointError(
            f"{folder} is being trained by another process. Wait until it ends, or stop it first."
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_run(folder: Path) -> bool:
    """Whether `folder` is a run folder."""
    return (folder / _RECORD).is_file()


def list_runs(checkpoints: Path) -> list[Path]:
    """The run folders in `checkpoints`, the one that was trained most recently first."""
    if not checkpoints.is_dir():
        return []
    runs = [child for child in checkpoints.iterdir() if is_run(child)]
    return sorted(runs, key=last_change, reverse=True)


def last_change(folder: Path) -> float:
    """When the run last wrote something, in seconds since the epoch."""
    return max(path.stat().st_mtime for name in (METRICS, SAMPLES, _RECORD) if (path := folder / name).exists())


def append(folder: Path, file: str, line: Mapping[str, Any]) -> None:
    """Add one line to `metrics.jsonl` or `samples.jsonl`."""
    with (folder / file).open("a", encoding="ascii") as stream:
        stream.write(json.dumps(line) + "\n")


def read_lines(folder: Path, file: str) -> Iterator[dict[str, Any]]:
    """The lines of `metrics.jsonl` or `samples.jsonl`; one that is damaged or half written is passed over."""
    try:
        lines = (folder / file).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if isinstance(content, dict) and isinstance(content.get("step"), int):
            yield content


def forget_after(folder: Path, step: int) -> None:
    """Drop the lines of later steps than `step`: a run that goes on from there will write them anew."""
    for file in (METRICS, SAMPLES):
        kept = [json.dumps(line) + "\n" for line in read_lines(folder, file) if line["step"] <= step]
        _write_whole(folder / file, "".join(kept))


def _write_whole(path: Path, content: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="ascii") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
