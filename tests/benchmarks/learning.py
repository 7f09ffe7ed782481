"""A short annealed training for measuring, without the run folder around it."""

import time
from typing import NamedTuple

import jax
import numpy as np

from charnn.config import ModelConfig, TrainConfig
from charnn.nn.device import keep_freed_memory, select_device
from charnn.nn.model import Params
from charnn.text.batches import Streams
from charnn.text.corpus import Corpus, split
from charnn.training.evaluation import bits_per_char
from charnn.training.optimiser import init_train_state, learning_rate, make_train_step


class Learned(NamedTuple):
    """What came of it."""

    bits_per_char: float
    """On the last part of the text."""
    chars_per_second: float
    """Of training, without the first step."""


def learn(model: ModelConfig, config: TrainConfig, corpus: Corpus, params: Params, num_characters: int) -> Learned:
    """Train `params` on `num_characters` of `corpus`."""
    select_device(None)
    keep_freed_memory()
    train_ids, _ = split(corpus.ids, config.val_fraction)
    val_ids = corpus.ids[len(train_ids) - 1 :]
    streams = Streams(train_ids, config.batch_size, config.seq_len, config.seed)
    steps = num_characters // (config.batch_size * config.seq_len)
    train_step = make_train_step(model, config)
    state = init_train_state(model, config, jax.tree.map(np.asarray, params))
    started = 0.0
    for step in range(steps):
        inputs, targets = streams.batch(step)
        rate = learning_rate(config, step, step / steps)
        state = train_step(
            state, inputs, targets, np.int32(step), np.float32(rate), np.bool_(streams.starts_epoch(step))
        )
        if step == 0:
            jax.block_until_ready(state)
            started = time.perf_counter()
    jax.block_until_ready(state)
    seconds = time.perf_counter() - started
    score = bits_per_char(model, state.average, val_ids)
    return Learned(score, (steps - 1) * config.batch_size * config.seq_len / seconds)
