"""Small nets with weights at random, or of one mind, to write with."""

import jax
import jax.numpy as jnp
import numpy as np

from charnn.config import ModelConfig
from charnn.nn.model import Model, abstract_params
from charnn.text.vocabulary import Vocabulary


def random_model(characters, *, cell="gru", hidden_size=8, num_layers=1, seed=0, scale=1.0):
    config, vocabulary = ModelConfig(cell, hidden_size, num_layers), Vocabulary(characters)
    rng = np.random.default_rng(seed)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(scale * rng.normal(size=leaf.shape), leaf.dtype),
        abstract_params(config, len(vocabulary)),
    )
    return Model(config, vocabulary, params)
