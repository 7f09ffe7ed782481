"""Bits per character: each target counted once, and given all that stands before it."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charnn.config import CELLS, ModelConfig
from charnn.nn.model import abstract_params, forward, initial_state, nats
from charnn.training.evaluation import LEAD_IN, MIN_STREAM, bits_per_char

VOCAB = 5
LENGTHS = [2, 3, 128, 129, 130, 2 * MIN_STREAM, 2 * MIN_STREAM + 1, 2 * MIN_STREAM + 2, 3 * MIN_STREAM + 701]


def random_params(config, vocab=VOCAB, scale=1.0):
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: jnp.asarray(scale * rng.normal(size=leaf.shape), leaf.dtype), abstract_params(config, vocab)
    )


def random_ids(length, vocab=VOCAB, seed=0):
    return np.random.default_rng(seed).integers(vocab, size=length).astype(np.uint8)


MINDLESS = ModelConfig("rnn", hidden_size=1, num_layers=1)


@pytest.mark.parametrize("vocab", [2, 67])
def test_a_uniform_model_scores_the_logarithm_of_the_alphabets_size(vocab):
    params = random_params(MINDLESS, vocab, scale=0.0)
    assert bits_per_char(MINDLESS, params, random_ids(500, vocab)) == pytest.approx(math.log2(vocab), rel=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
def test_each_target_counts_once(length):
    """The loss of this model depends on the target alone, so a target left out or counted twice would show."""
    bias = np.array([3.0, 1.0, -2.0, 0.0, -6.0], np.float32)
    params = random_params(MINDLESS, scale=0.0)._replace(bias_out=jnp.asarray(bias))
    ids = np.zeros(length, np.uint8)
    bits = -np.log2(np.exp(bias.astype(np.float64)) / np.exp(bias.astype(np.float64)).sum())
    rare = random_ids(length)  # then the common character, but for one rare one at the ends of the text
    for ids in (rare, np.where(np.arange(length) == length - 1, 4, 0), np.where(np.arange(length) == 1, 4, 0)):
        expected = bits[ids[1:]].mean()
        assert bits_per_char(MINDLESS, params, ids.astype(np.uint8)) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_many_streams_score_as_one(cell):
    """Read in one go from the start, whatever number of streams it was read as: to the last digits."""
    config = ModelConfig(cell, hidden_size=4, num_layers=2, dropout=0.5)
    with jax.enable_x64(True):
        params = random_params(config, scale=0.5)
        ids = random_ids(3 * MIN_STREAM + 701)

        @jax.jit
        def reference(ids):
            _, logits = forward(config, params, initial_state(config, 1), ids[:-1, None])
            return nats(logits[:, 0], ids[1:]).mean() / math.log(2)

        assert bits_per_char(config, params, ids) == pytest.approx(float(reference(ids)), rel=1e-10)
        short = ids[: LEAD_IN + 10]
        assert bits_per_char(config, params, short) == pytest.approx(float(reference(short)), rel=1e-12)


def test_a_model_that_knows_what_follows_scores_nothing():
    config = ModelConfig("rnn", hidden_size=VOCAB, num_layers=1)
    zeros = random_params(config, scale=0.0)
    layer = zeros.layers[0]._replace(weight_ih=10 * jnp.eye(VOCAB))
    params = zeros._replace(layers=(layer,), weight_out=100 * jnp.roll(jnp.eye(VOCAB), 1, axis=1))
    counting = (np.arange(3 * MIN_STREAM) % VOCAB).astype(np.uint8)
    assert bits_per_char(config, params, counting) == 0.0
    assert bits_per_char(config, params, counting[::-1].copy()) > 100
