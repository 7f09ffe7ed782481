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


def follower_model(follows):
    """A net that knows only the last character, and is followed by what `follows[it]` says, with these probabilities.

    Of a character that it does not know, every one follows alike.
    """
    characters = "".join(follows)
    size = len(characters)
    table = np.array([[follows[one].get(other, 0.0) for other in characters] for one in characters])
    model = random_model(characters, cell="rnn", hidden_size=size, scale=0.0)
    layer = model.params.layers[0]._replace(weight_ih=jnp.eye(size, dtype=jnp.float32) * 100)  # its tanh is 1
    weight_out = jnp.asarray(np.log(np.maximum(table, 1e-30)), jnp.float32)
    return model._replace(params=model.params._replace(layers=(layer,), weight_out=weight_out))
