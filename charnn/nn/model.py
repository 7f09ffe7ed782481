"""The language model: one-hot characters, a stack of recurrent layers, a softmax over the next character."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from charnn.config import ModelConfig
from charnn.nn.cells import CELLS, LayerParams, init_layer, init_state, split_gru_weight
from charnn.nn.kernels import as_factor, dot, project
from charnn.text.vocabulary import Vocabulary

State: TypeAlias = tuple[Any, ...]
"""What the whole net remembers: one `LSTMState`, `GRUState` or `RNNState` a layer."""


class Params(NamedTuple):
    """Everything that is learned."""

    layers: tuple[LayerParams, ...]
    weight_out: Float[Array, "hidden vocab"]
    bias_out: Float[Array, " vocab"]


class Model(NamedTuple):
    """A net that can write: its shape, its alphabet and its weights."""

    config: ModelConfig
    vocabulary: Vocabulary
    params: Params


@partial(jax.jit, static_argnames=("config", "vocab_size"))
def init_params(config: ModelConfig, vocab_size: int, *, key: PRNGKeyArray) -> Params:
    """Fresh weights for an alphabet of `vocab_size` characters."""
    size = config.hidden_size
    keys = jax.random.split(key, config.num_layers + 1)
    first = init_layer(config.cell, vocab_size, size, active_inputs=1, key=keys[0])
    later = [init_layer(config.cell, size, size, active_inputs=size, key=layer_key) for layer_key in keys[1:-1]]
    bound = size**-0.5
    return Params(
        layers=(first, *later),
        weight_out=jax.random.uniform(keys[-1], (size, vocab_size), minval=-bound, maxval=bound),
        bias_out=jnp.zeros(vocab_size),
    )


def abstract_params(config: ModelConfig, vocab_size: int) -> Params:
    """The shapes and dtypes of `init_params`, without computing anything."""
    return jax.eval_shape(lambda: init_params(config, vocab_size, key=jax.random.key(0)))


def transplant(fresh: Params, source: Params) -> Params:
    """`source` with new characters: its alphabet stands first in `fresh`'s, whose further rows are kept as they are."""
    known = source.bias_out.shape[0]
    first = fresh.layers[0].weight_ih.at[:known].set(source.layers[0].weight_ih)
    return Params(
        layers=(source.layers[0]._replace(weight_ih=first), *source.layers[1:]),
        weight_out=fresh.weight_out.at[:, :known].set(source.weight_out),
        bias_out=fresh.bias_out.at[:known].set(source.bias_out),
    )


def initial_state(config: ModelConfig, batch_size: int) -> State:
    """The state before any character: all zeros."""
    return tuple(init_state(config.cell, batch_size, config.hidden_size) for _ in range(config.num_layers))


def _project_characters(params: LayerParams, ids: Int[Array, "*shape"]) -> Float[Array, "*shape gates*hidden"]:
    """`x W_ih + b` for one-hot x: row `ids` of W_ih. An id outside the alphabet is the zero vector."""
    return jnp.take(params.weight_ih, ids.astype(jnp.int32), axis=0, mode="fill", fill_value=0) + params.bias


def _factors(config: ModelConfig) -> DTypeLike | None:
    """The dtype of the factors of matrix products; None for that of the weights themselves."""
    return None if config.precision == "float32" else config.precision


def laid_out(config: ModelConfig, params: Params) -> Params:
    """`params` as `step` multiplies by them: in `config.precision`, a GRU's in parts. Call it before a loop of steps.

    The first layer's `weight_ih` stays, since its rows are only gathered. What is laid out already stays as it is. Has
    no use where gradients are wanted, which would be rounded as well.
    """
    dtype = _factors(config)

    def lay_out(layer: int, each: LayerParams) -> LayerParams:
        weight_ih = each.weight_ih if layer == 0 else as_factor(each.weight_ih, dtype)
        weight_hh = split_gru_weight(each.weight_hh) if config.cell == "gru" else each.weight_hh
        weight_hh = jax.tree.map(lambda weight: as_factor(weight, dtype), weight_hh)
        return each._replace(weight_ih=weight_ih, weight_hh=weight_hh)

    layers = tuple(lay_out(layer, each) for layer, each in enumerate(params.layers))
    return params._replace(layers=layers, weight_out=as_factor(params.weight_out, dtype))


def dropout_masks(
    config: ModelConfig, batch_size: int, *, key: PRNGKeyArray
) -> tuple[Float[Array, "batch hidden"], ...] | None:
    """What each layer's output is multiplied by where units are dropped out: 0, or 1/(1 − dropout). None for none.

    A stream has one mask for a whole sequence (Gal and Ghahramani 2016).
    """
    if config.dropout == 0:
        return None
    shape = batch_size, config.hidden_size
    keys = [jax.random.fold_in(key, layer) for layer in range(config.num_layers)]
    return tuple(jax.random.bernoulli(each, 1 - config.dropout, shape) / (1 - config.dropout) for each in keys)


def step(
    config: ModelConfig, params: Params, state: State, ids: Int[Array, " batch"]
) -> tuple[State, Float[Array, "batch vocab"]]:
    """Read one character of each stream; the logits are for the next one."""
    cell = CELLS[config.cell]
    params = laid_out(config, params)
    states = []
    projected = _project_characters(params.layers[0], ids)
    for layer, (layer_params, layer_state) in enumerate(zip(params.layers, state, strict=True)):
        layer_state, hidden = cell.step(layer_params, layer_state, projected)
        states.append(layer_state)
        if layer + 1 < config.num_layers:
            above = params.layers[layer + 1]
            projected = dot(hidden, above.weight_ih) + above.bias
    return tuple(states), dot(hidden, params.weight_out) + params.bias_out


def forward(
    config: ModelConfig,
    params: Params,
    state: State,
    ids: Int[Array, "seq_len batch"],
    masks: Sequence[Float[Array, "batch hidden"]] | None = None,
) -> tuple[State, Float[Array, "seq_len batch vocab"]]:
    """Read a whole sequence, layer by layer, each by its cell's kernel.

    The same as `step` for every character in turn, but the input projections of a layer are one matmul. `masks` are
    what each layer's outputs are multiplied by (`dropout_masks`).
    """
    cell = CELLS[config.cell]
    dtype = _factors(config)
    states = []
    projected = _project_characters(params.layers[0], ids)
    for layer, (layer_params, layer_state) in enumerate(zip(params.layers, state, strict=True)):
        outputs, *last = cell.kernel(layer_params.weight_hh, projected, *layer_state, dtype)
        states.append(cell.state_type(*last))
        if masks is not None:
            outputs = outputs * masks[layer]
        if layer + 1 < config.num_layers:
            above = params.layers[layer + 1]
            projected = project(outputs, above.weight_ih, dtype) + above.bias
    return tuple(states), project(outputs, params.weight_out, dtype) + params.bias_out


def nats(logits: Float[Array, "*shape vocab"], targets: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
    """−log p of each target character. A target outside the alphabet has no probability: its loss is NaN."""
    chosen = jnp.take_along_axis(logits, targets.astype(jnp.int32)[..., None], axis=-1, mode="fill")[..., 0]
    return jax.nn.logsumexp(logits, axis=-1) - chosen
