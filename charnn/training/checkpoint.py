"""Weights and training state on disk, by Orbax. A run keeps two checkpoints: `last`, to go on from, and `best`.

A checkpoint is written beside the one before and takes its place when complete, so that a run killed at any moment
has a whole one. Each is a folder named after its step, with separate items: `params` (the averaged weights, all that
sampling needs), `training` (the rest of the training state) and `progress` (plain numbers, JSON).
"""

import logging
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import jax
import orbax.checkpoint as ocp

from charnn.config import ModelConfig
from charnn.errors import CheckpointError
from charnn.nn.model import Params, abstract_params
from charnn.training.optimiser import TrainState
from charnn.training.record import has_checkpoint

Which = Literal["best", "last"]
T = TypeVar("T")

logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax tells its doings at warning level


@dataclass(frozen=True)
class Progress:
    """How far a run has come: what has to be known beside the arrays to go on exactly."""

    step: int = 0
    seconds: float = 0.0
    """Wall time spent training, over all sittings."""
    anchor_step: int = 0
    """The step at which `end_step` was last planned,"""
    anchor_progress: float = 0.0
    """and the part of the learning-rate schedule that was done by then, 0 to 1."""
    end_step: int | None = None
    """Where the run will end; None while a run timed in minutes has not measured its speed."""
    learning_rate_scale: float = 1.0
    recoveries: int = 0
    val_bits_per_char: float | None = None
    best_step: int | None = None
    best_bits_per_char: float | None = None

    @property
    def done(self) -> float:
        """The part of the learning-rate schedule that is done, 0 to 1."""
        if self.end_step is None:
            return self.anchor_progress
        ahead = max(self.end_step - self.anchor_step, 1)
        return self.anchor_progress + (1 - self.anchor_progress) * (self.step - self.anchor_step) / ahead


def _manager(folder: Path, **options: Any) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        folder.absolute(),
        options=ocp.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False, **options),
    )


def _here(abstract: T) -> T:
    """`abstract` placed on this machine's device, wherever it was saved from."""
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), abstract)


def _without_average(state: TrainState) -> Any:
    return state._replace(average=())  # type: ignore[arg-type]  # it is kept as the item `params`


class Checkpoints:
    """The checkpoints of the run in `folder`, while it trains."""

    def __init__(self, folder: Path) -> None:
        """Open them; what a killed save left behind is removed."""
        self._folder = folder
        self._last = _manager(folder / "last", cleanup_tmp_directories=True)
        self._best = _manager(folder / "best", cleanup_tmp_directories=True)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been saved yet."""
        return self._last.latest_step() is None

    def save(self, state: TrainState, progress: Progress) -> None:
        """Keep `state` as `last`, and its averaged weights as `best` if `progress` says that this step is the best."""
        step = progress.step
        # the best first: were it second, a kill between the two would lose it; now the step is only done again
        if progress.best_step == step and self._best.latest_step() != step:
            _save(self._best, step, ocp.args.Composite(params=ocp.args.StandardSave(state.average)))
        if self._last.latest_step() != step:
            _save(
                self._last,
                step,
                ocp.args.Composite(
                    params=ocp.args.StandardSave(state.average),
                    training=ocp.args.StandardSave(_without_average(state)),
                    progress=ocp.args.JsonSave(asdict(progress)),
                ),
            )

    def restore(self, abstract: TrainState) -> tuple[TrainState, Progress]:
        """The `last` checkpoint, in the shapes of `abstract`. Raises `CheckpointError` if it cannot be read."""
        args = ocp.args.Composite(
            params=ocp.args.StandardRestore(_here(abstract.average)),
            training=ocp.args.StandardRestore(_here(_without_average(abstract))),
            progress=ocp.args.JsonRestore(),
        )
        items = _restore(self._last, self._folder / "last", args)
        progress = _progress(items.progress, self._last.latest_step(), self._folder / "last")
        best_step = self._best.latest_step()
        if best_step is not None and best_step > progress.step:
            # of a run that was killed before it wrote its `last`, in place of the best before: it has to be found again
            self._best.delete(best_step)
            progress = replace(progress, best_step=None, best_bits_per_char=None)
        return items.training._replace(average=items.params), progress


def load_params(folder: Path, which: Which, config: ModelConfig, vocab_size: int) -> tuple[Params, int]:
    """The averaged weights of a run's checkpoint and the step they are from, without its optimiser state.

    `best` is `last` in a run without validation. Raises `CheckpointError` if there is none or it cannot be read.
    """
    where = folder / which
    if not has_checkpoint(folder, which):
        if not has_checkpoint(folder):
            raise CheckpointError(
                f"{folder} holds no checkpoint: {folder / 'last'} has none, but a run writes its first when training"
                f" starts. Train it with `charnn train --resume {folder.name}`, or name another run."
            )
        where = folder / "last"
    with _manager(where, read_only=True) as manager:
        args = ocp.args.Composite(params=ocp.args.StandardRestore(_here(abstract_params(config, vocab_size))))
        params: Params = _restore(manager, where, args).params
        return params, manager.latest_step() or 0


def _save(manager: ocp.CheckpointManager, step: int, args: ocp.args.Composite) -> None:
    if not manager.save(step, args=args):
        raise CheckpointError(
            f"Step {step} cannot be saved in {manager.directory}, which holds step {manager.latest_step()}. Something"
            " else has written there; begin a new run."
        )


def _progress(content: Any, step: int | None, where: Path) -> Progress:
    names = {field.name for field in fields(Progress)}
    if not isinstance(content, dict) or content.keys() != names or content["step"] != step:
        raise CheckpointError(
            f"The checkpoint in {where} does not say how far the run had come. It was damaged, or written by another"
            " version of charnn: put it back from a copy, or train again under another name."
        )
    return Progress(**content)


def _restore(manager: ocp.CheckpointManager, where: Path, args: ocp.args.Composite) -> Any:
    try:
        return manager.restore(manager.latest_step(), args=args)
    except Exception as error:  # Orbax and TensorStore raise whatever a damaged file makes them raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(
            f"The checkpoint in {where} cannot be read ({reason}). Its files are damaged or were changed: put them back"
            " from a copy, sample from the other (`--checkpoint last` or `best`), or train again under another name."
        ) from error
