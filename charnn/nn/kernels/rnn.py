"""The vanilla recurrence over a whole sequence: h_t = tanh(p_t + h_{t−1} W_hh)."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float

from charnn.nn.kernels.arithmetic import as_factor, dot, outer, shift


class Saved(NamedTuple):
    """What the forward pass keeps for the gradient."""

    weight_hh: Float[Array, "hidden hidden"]
    hidden: Float[Array, "batch hidden"]
    outputs: Float[Array, "seq_len batch hidden"]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def rnn_scan(
    weight_hh: Float[Array, "hidden hidden"],
    projected: Float[Array, "seq_len batch hidden"],
    hidden: Float[Array, "batch hidden"],
    dtype: DTypeLike | None = None,
) -> tuple[Float[Array, "seq_len batch hidden"], Float[Array, "batch hidden"]]:
    """Run a vanilla RNN over `projected`; return every output, and the last hidden.

    For the gradient it saves nothing but the outputs: tanh' = 1 − h². Factors of matrix
    products are of `dtype`.
    """
    return _forward(weight_hh, projected, hidden, dtype)[0]


def _forward(
    weight_hh: Array, projected: Array, hidden: Array, dtype: DTypeLike | None
) -> tuple[tuple[Array, Array], Saved]:
    weight = as_factor(weight_hh, dtype)

    def step(hidden: Array, projected: Array) -> tuple[Array, Array]:
        hidden = jnp.tanh(projected + dot(hidden, weight))
        return hidden, hidden

    last_hidden, outputs = lax.scan(step, hidden, projected)
    return (outputs, last_hidden), Saved(weight_hh, hidden, outputs)


def _backward(dtype: DTypeLike | None, saved: Saved, cotangents: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    weight_hh, hidden, outputs = saved
    d_outputs, d_hidden = cotangents
    weight_back = as_factor(weight_hh, dtype).T

    def step(d_hidden: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
        d_output, output = at
        d_gate = (d_hidden + d_output) * (1 - output * output)
        return dot(d_gate, weight_back), d_gate

    d_hidden, d_gates = lax.scan(step, d_hidden, (d_outputs, outputs), reverse=True)
    return outer(shift(hidden, outputs), d_gates, dtype), d_gates, d_hidden


rnn_scan.defvjp(_forward, _backward)
