"""A text as batches: parallel streams of characters, read on from batch to batch."""

from typing import NamedTuple

import numpy as np

from charnn.errors import CorpusError
from charnn.text.vocabulary import Ids


class Batch(NamedTuple):
    """Characters and the ones that follow them, both [seq_len, batch_size] of the ids' dtype."""

    inputs: Ids
    targets: Ids


class BatchShape(NamedTuple):
    """How many streams are read side by side, and how many characters of each at a time."""

    batch_size: int
    seq_len: int


def fit_shape(num_characters: int, batch_size: int, seq_len: int) -> BatchShape:
    """The largest shape, within the one asked for, of which a text of `num_characters` fills at least one batch.

    A batch reads batch_size × seq_len characters and predicts one beyond. Streams are given up first, then their
    length: a short text learns more from long memory than from many streams.

    Raises:
        CorpusError: there are fewer than two characters, so nothing follows anything.
    """
    if num_characters < 2:
        raise CorpusError(
            f"The training text has {num_characters} character{'s' * (num_characters != 1)}, but at least 2 are needed:"
            " one to read and one to predict. Use a longer text."
        )
    readable = num_characters - 1
    return BatchShape(batch_size=max(1, min(batch_size, readable // seq_len)), seq_len=min(seq_len, readable))


class Streams:
    """A text cut into `batch_size` contiguous streams, read `seq_len` characters a step.

    Within an epoch each batch continues each stream of the batch before, so a hidden state can be carried over; at the
    first step of an epoch it has nothing to continue and is zeroed (`starts_epoch`). A text rarely divides evenly: the
    first epoch leaves out the few characters at the end, and each later one starts at a place of its own among
    them, so that all take part. A batch depends on its step alone, so resuming needs no more than the step.

    Args:
        ids: the text, [num_characters]; it may be memory-mapped, for a batch reads only what it returns.
        batch_size: streams side by side.
        seq_len: characters of each stream in one batch.
        seed: decides where the later epochs start; not negative.

    Raises:
        CorpusError: the text is too short for one batch of this shape; `fit_shape` finds one that fits.
    """

    def __init__(self, ids: Ids, batch_size: int, seq_len: int, seed: int = 0) -> None:
        """Cut `ids` into streams; nothing is copied."""
        needed = batch_size * seq_len + 1
        if len(ids) < needed:
            raise CorpusError(
                f"The text has {len(ids):,} characters, but one batch of batch_size {batch_size} and seq_len {seq_len}"
                f" needs {needed:,}. Use a longer text, or lower either."
            )
        self.ids = ids
        self.shape = BatchShape(batch_size, seq_len)
        self.seed = seed
        self.steps_per_epoch = (len(ids) - 1) // (batch_size * seq_len)
        self._num_read = self.steps_per_epoch * batch_size * seq_len

    def starts_epoch(self, step: int) -> bool:
        """Whether the batch of `step` begins its streams, so that no hidden state leads up to it."""
        return step % self.steps_per_epoch == 0

    def batch(self, step: int) -> Batch:
        """The batch of `step`, counted from 0 over all epochs; a fresh copy of the ids."""
        batch_size, seq_len = self.shape
        epoch, chunk = divmod(step, self.steps_per_epoch)
        offset = self._offset(epoch)

        def read(start: int) -> Ids:
            streams = self.ids[start : start + self._num_read].reshape(batch_size, -1)
            return np.ascontiguousarray(streams[:, chunk * seq_len : (chunk + 1) * seq_len].T)

        return Batch(inputs=read(offset), targets=read(offset + 1))

    def _offset(self, epoch: int) -> int:
        spare = len(self.ids) - 1 - self._num_read
        if epoch == 0 or spare == 0:
            return 0
        return int(np.random.default_rng((self.seed, epoch)).integers(spare, endpoint=True))
