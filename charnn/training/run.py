"""A training run from its first step, or from where it stopped, to its end: an iterator of events."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from charnn.config import SampleConfig, TrainConfig
from charnn.errors import CheckpointError, TrainingError
from charnn.nn.device import keep_freed_memory
from charnn.nn.generate import Sampling, generate, read_prompt
from charnn.nn.model import Model, Params, init_params
from charnn.text.batches import Streams, fit_shape
from charnn.text.corpus import split
from charnn.text.vocabulary import Ids
from charnn.training.checkpoint import Checkpoints, Progress
from charnn.training.evaluation import bits_per_char
from charnn.training.events import (
    Compiled,
    Evaluated,
    Event,
    Finished,
    Progressed,
    Recovered,
    Sampled,
    Saved,
    Started,
    Stopped,
)
from charnn.training.optimiser import (
    Totals,
    TrainState,
    abstract_train_state,
    init_train_state,
    learning_rate,
    make_train_step,
    zero_totals,
)
from charnn.training.pace import Pace
from charnn.training.record import METRICS, SAMPLES, RunRecord, append, forget_after, read_lines

MAX_RECOVERIES = 3
SECONDS_BETWEEN_PLANS = 5.0
SLOW_STEP_SECONDS = 0.2
MIN_EVAL_EVERY = 200  # steps: of a small corpus, an epoch is over in less
EVAL_SHARE = 4  # by default, this many validation texts' worth of characters are trained on between evaluations


def run(
    folder: Path,
    record: RunRecord,
    ids: Ids,
    *,
    params: Params | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Train the run in `folder` on `ids` to its end, or until `stop()` says so, and yield what happens.

    A folder with a checkpoint is gone on with from there, exactly: parameters, optimiser, schedule, hidden state, data
    position and randomness are those of a run that was never interrupted, on the same device. (One timed in minutes
    has its end planned by the clock, so no two such runs are alike; resumed, it uses the minutes that are left. One
    that recovers goes back to its last checkpoint, of which stopping makes one more.)

    Args:
        folder: the run folder, made by `create_run`; `claim` it where another process could train it too.
        record: what the run is.
        ids: the whole text in the run's vocabulary, training and validation, [num_characters].
        params: weights to begin with; fresh ones from the seed when None. Not used when going on.
        stop: asked after each step; once true, the run saves, yields `Stopped` and ends.

    Raises:
        TrainingError: the loss was not finite even after three returns to the last checkpoint.
        CorpusError: the text is too short.
        CheckpointError: the last checkpoint cannot be read or is gone.
    """
    return _Run(folder, record, ids, params, stop).events()


class _Run:
    def __init__(
        self, folder: Path, record: RunRecord, ids: Ids, params: Params | None, stop: Callable[[], bool]
    ) -> None:
        self.folder = folder
        self.model = record.model
        self.vocabulary = record.vocabulary
        self.stop = stop

        train_ids, val_ids = split(ids, record.train.val_fraction)
        self.train_chars, self.val_chars = len(train_ids), len(val_ids)
        # the first validation character is predicted from the last training character
        self.val_ids = ids[len(train_ids) - 1 :]
        shape = fit_shape(len(train_ids), record.train.batch_size, record.train.seq_len)
        self.config = dataclasses.replace(record.train, batch_size=shape.batch_size, seq_len=shape.seq_len)
        self.remarks = tuple(_remarks(record.train, self.config, self.train_chars, self.val_chars))
        self.streams = Streams(train_ids, shape.batch_size, shape.seq_len, self.config.seed)
        self.chars_per_step = shape.batch_size * shape.seq_len
        eval_every = self.config.eval_every or max(MIN_EVAL_EVERY, EVAL_SHARE * self.val_chars // self.chars_per_step)

        keep_freed_memory()
        self.train_step = make_train_step(self.model, self.config)
        self.checkpoints = Checkpoints(folder)
        if self.checkpoints.is_empty:
            _require_unstarted(folder, record, params)
            forget_after(folder, -1)  # what was told before a kill that came before the first checkpoint
            if params is None:
                params = init_params(self.model, len(self.vocabulary), key=jax.random.key(self.config.seed))
            self.state = init_train_state(self.model, self.config, params)
            self.progress = Progress(end_step=_num_steps(self.config, self.streams.steps_per_epoch))
        else:
            self.state, self.progress = self._restored()

        self.pace = Pace(
            self.progress.seconds,
            self.progress.step,
            eval_every,
            eval_steps=self.val_chars / self.chars_per_step / 3,  # reading costs about a third of learning
        )

    def events(self) -> Iterator[Event]:
        yield Started(
            step=self.progress.step,
            num_params=sum(param.size for param in jax.tree.leaves(self.state.params)),
            train_chars=self.train_chars,
            val_chars=self.val_chars,
            batch_size=self.config.batch_size,
            seq_len=self.config.seq_len,
            steps_per_epoch=self.streams.steps_per_epoch,
            end_step=self.progress.end_step,
            remarks=self.remarks,
        )
        if self.checkpoints.is_empty:
            yield self._sample()
            yield self._save()
        compiled = False
        self.pace.begin_window(self.progress.step)
        while not self._is_over():
            self._train_one_step()
            if not compiled:
                jax.block_until_ready(self.state.totals)
                yield Compiled(self.pace.window_seconds)
                compiled = True
                self.pace.begin_window(self.progress.step)
            stops = self.stop()
            if stops or self._is_due():
                step = self.progress.step
                yield from self._pause(stops)
                self.pace.begin_window(self.progress.step)
                recovered = self.progress.step != step  # then nothing is saved yet, and it stops after the next step
                if stops and not recovered and not self._is_over():
                    yield Stopped(step, self.progress.end_step)
                    return
        yield Finished(
            step=self.progress.step,
            seconds=self.pace.seconds,
            val_bits_per_char=self.progress.val_bits_per_char,
            best_step=self.progress.best_step,
            best_bits_per_char=self.progress.best_bits_per_char,
        )

    def _train_one_step(self) -> None:
        """Hand one step to the device; wait for it only if steps are so slow that a stop could not wait for several."""
        step = self.progress.step
        batch = self.streams.batch(step)
        rate = learning_rate(self.config, step, self.progress.done) * self.progress.learning_rate_scale
        self.state = self.train_step(
            self.state,
            batch.inputs,
            batch.targets,
            np.int32(step),
            np.float32(rate),
            np.bool_(self.streams.starts_epoch(step)),
        )
        self.progress = dataclasses.replace(self.progress, step=step + 1)
        if (self.pace.step_seconds or 0) > SLOW_STEP_SECONDS:
            jax.block_until_ready(self.state.totals)

    def _pause(self, stops: bool) -> Iterator[Event]:
        """What is done between two steps: look at the loss, and whatever else is due. Ends with a save if `stops`."""
        totals = jax.device_get(self.state.totals)  # waits for the steps in flight
        self.pace.end_window(self.progress.step)
        if not math.isfinite(totals.nats_per_char + totals.grad_norm):
            yield self._recover()
            return
        self._plan_end()
        if self._logs():
            yield self._progressed(totals)
        evaluates = self._evaluates()
        if evaluates and self.val_chars:
            score = self._score()
            if not math.isfinite(score):
                yield self._recover()
                return
            yield self._evaluated(score)
        if evaluates or self._samples():
            yield self._sample()
        if evaluates or stops:
            yield self._save()

    def _is_over(self) -> bool:
        return self.progress.end_step is not None and self.progress.step >= self.progress.end_step

    def _is_due(self) -> bool:
        # by the clock only where the plan is: a look at the time must not wait for a log that is rare or steps slow
        plans = self.config.minutes is not None and self.pace.window_seconds > SECONDS_BETWEEN_PLANS
        return plans or self._logs() or self._samples() or self._evaluates()

    def _logs(self) -> bool:
        return self.progress.step % self.config.log_every == 0

    def _samples(self) -> bool:
        step, every = self.progress.step, self.config.sample_every
        return _is_log_spaced(step) or (every > 0 and step % every == 0)

    def _evaluates(self) -> bool:
        return self.progress.step % self.pace.eval_every == 0 or self._is_over()

    def _chars(self) -> int:
        return self.progress.step * self.chars_per_step

    def _plan_end(self) -> None:
        """Have a run timed in minutes end on time and annealed: fit what is left of the schedule to the time left."""
        if self.config.minutes is None or (steps_left := self.pace.steps_left(self.config.minutes)) is None:
            return
        step = self.progress.step
        self.progress = dataclasses.replace(
            self.progress, anchor_step=step, anchor_progress=self.progress.done, end_step=step + steps_left
        )

    def _progressed(self, totals: Totals) -> Progressed:
        self.state = self.state._replace(totals=zero_totals())
        step, end_step = self.progress.step, self.progress.end_step
        steps = int(totals.steps)
        event = Progressed(
            step=step,
            end_step=end_step,
            epoch=step / self.streams.steps_per_epoch,
            chars=self._chars(),
            bits_per_char=float(totals.nats_per_char) / steps / math.log(2),
            learning_rate=learning_rate(self.config, step, self.progress.done) * self.progress.learning_rate_scale,
            grad_norm=float(totals.grad_norm) / steps,
            clipped=int(totals.clipped) / steps,
            chars_per_second=self.chars_per_step / self.pace.step_seconds if self.pace.step_seconds else None,
            seconds=self.pace.seconds,
            seconds_left=self.pace.seconds_left(step, end_step),
        )
        append(
            self.folder,
            METRICS,
            {
                "step": step,
                "chars": event.chars,
                "train_bits_per_char": event.bits_per_char,
                "learning_rate": event.learning_rate,
                "grad_norm": event.grad_norm,
                "clipped": event.clipped,
                "chars_per_second": event.chars_per_second,
                "seconds": event.seconds,
            },
        )
        return event

    def _score(self) -> float:
        started = time.monotonic()
        score = bits_per_char(self.model, self.state.average, self.val_ids)
        self.pace.evaluated(time.monotonic() - started)
        return score

    def _evaluated(self, score: float) -> Evaluated:
        best = self.progress.best_bits_per_char
        is_best = best is None or score < best
        self.progress = dataclasses.replace(self.progress, val_bits_per_char=score)
        if is_best:
            self.progress = dataclasses.replace(self.progress, best_step=self.progress.step, best_bits_per_char=score)
        event = Evaluated(self.progress.step, self._chars(), score, is_best, self.pace.seconds)
        append(
            self.folder,
            METRICS,
            {"step": event.step, "chars": event.chars, "val_bits_per_char": score, "seconds": event.seconds},
        )
        return event

    def _sample(self) -> Sampled:
        model = Model(self.model, self.vocabulary, self.state.average)
        state, logits = read_prompt(model, self.config.sample_prompt)
        _, _, ids = generate(
            self.model,
            model.params,
            state,
            logits,
            Sampling.of(SampleConfig()),
            jax.random.key(0)[None],
            0,
            length=self.config.sample_length,
        )
        event = Sampled(
            step=self.progress.step,
            chars=self._chars(),
            val_bits_per_char=self.progress.val_bits_per_char,
            prompt=self.config.sample_prompt,
            text=self.vocabulary.decode(ids[:, 0]),
        )
        append(self.folder, SAMPLES, dataclasses.asdict(event))
        return event

    def _save(self) -> Saved:
        self.progress = dataclasses.replace(self.progress, seconds=self.pace.seconds)
        self.checkpoints.save(self.state, self.progress)
        return Saved(self.progress.step)

    def _restored(self) -> tuple[TrainState, Progress]:
        state, progress = self.checkpoints.restore(abstract_train_state(self.model, self.config, len(self.vocabulary)))
        forget_after(self.folder, progress.step)
        return state, progress

    def _recover(self) -> Recovered:
        """Go back to the last checkpoint and on from there with half the learning rate."""
        failed = self.progress
        if failed.recoveries == MAX_RECOVERIES:
            self._restored()  # for what it forgets: nothing is told of steps that are not kept
            raise TrainingError(
                f"The loss is not finite at step {failed.step}, after {MAX_RECOVERIES} returns to the last checkpoint"
                " with the learning rate halved each time. The run is intact up to that checkpoint. Train anew with a"
                f" smaller --learning-rate (it was {self.config.learning_rate:g}) or --max-grad-norm"
                f" (it was {self.config.max_grad_norm:g})."
            )
        self.state, progress = self._restored()
        self.progress = dataclasses.replace(
            progress, learning_rate_scale=failed.learning_rate_scale / 2, recoveries=failed.recoveries + 1
        )
        return Recovered(
            step=failed.step,
            back_to=progress.step,
            learning_rate_scale=self.progress.learning_rate_scale,
            recoveries=self.progress.recoveries,
        )


def _require_unstarted(folder: Path, record: RunRecord, params: Params | None) -> None:
    """Refuse to begin a run anew over what it has done, or with other weights than it was made for."""
    if any(line["step"] > 0 for file in (METRICS, SAMPLES) for line in read_lines(folder, file)):
        raise CheckpointError(
            f"{folder} has been trained, but its last checkpoint is gone, so it cannot be gone on with. Put the folder"
            f" `last` back from a copy, or begin a new run, with `--init-from {folder.name}` if `best` is still there."
        )
    if record.init_from is not None and params is None:
        raise CheckpointError(
            f"{folder} ended before its first checkpoint, without the weights of {record.init_from} that it was to"
            f" begin with. Remove the folder and begin again with `--init-from {record.init_from}`."
        )


def _num_steps(config: TrainConfig, steps_per_epoch: int) -> int | None:
    """How long to train; None if by the clock."""
    if config.minutes is not None:
        return None
    if config.steps is not None:
        return config.steps
    if config.epochs is not None:
        return max(1, round(config.epochs * steps_per_epoch))
    return max(config.DEFAULT_MIN_STEPS, round(config.DEFAULT_EPOCHS * steps_per_epoch))


def _is_log_spaced(step: int) -> bool:
    """Whether `step` is 0, 1, 2, 5, 10, 20, 50, 100, …"""
    return step == 0 or step / 10 ** int(math.log10(step)) in (1, 2, 5)


def _remarks(asked: TrainConfig, fits: TrainConfig, train_chars: int, val_chars: int) -> Iterator[str]:
    if (asked.batch_size, asked.seq_len) != (fits.batch_size, fits.seq_len):
        yield (
            f"The training text has {train_chars:,} characters, too few for {asked.batch_size} streams of"
            f" {asked.seq_len}; it is read as {fits.batch_size} × {fits.seq_len}."
        )
    if val_chars == 0 and asked.val_fraction > 0:
        yield "The text is too short to keep a part of it for validation, so no validation score is measured."
