"""The LSTM over a whole sequence.

i, f, g, o = split(p_t + h_{t−1} W_hh)        input, forget, candidate, output
c_t = σ(f) ⊙ c_{t−1} + σ(i) ⊙ tanh(g)
h_t = σ(o) ⊙ tanh(c_t)
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Float

from charnn.nn.kernels.arithmetic import as_factor, dot, outer, shift


class Saved(NamedTuple):
    """What the forward pass keeps for the gradient; `gates` are activated."""

    weight_hh: Float[Array, "hidden 4*hidden"]
    hidden: Float[Array, "batch hidden"]
    cell: Float[Array, "batch hidden"]
    outputs: Float[Array, "seq_len batch hidden"]
    cells: Float[Array, "seq_len batch hidden"]
    gates: Float[Array, "seq_len batch 4*hidden"]


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def lstm_scan(
    weight_hh: Float[Array, "hidden 4*hidden"],
    projected: Float[Array, "seq_len batch 4*hidden"],
    hidden: Float[Array, "batch hidden"],
    cell: Float[Array, "batch hidden"],
    dtype: DTypeLike | None = None,
) -> tuple[Float[Array, "seq_len batch hidden"], Float[Array, "batch hidden"], Float[Array, "batch hidden"]]:
    """Run an LSTM over `projected`; return every output, and the last hidden and cell.

    For the gradient it saves the outputs, the cells and the four activated gates: 6 × hidden numbers for each
    character. Only tanh(c_t) is computed again. Factors of matrix products are of `dtype`.
    """
    return _forward(weight_hh, projected, hidden, cell, dtype)[0]


def activated(gates: Float[Array, "batch 4*hidden"]) -> Float[Array, "batch 4*hidden"]:
    """σ(i), σ(f), tanh(g), σ(o) of the four gates side by side, by one tanh over whole rows: σ(x) = ½ tanh(½x) + ½."""
    scale = jnp.repeat(jnp.array([0.5, 0.5, 1, 0.5], gates.dtype), gates.shape[-1] // 4)
    return scale * jnp.tanh(scale * gates) + (1 - scale)


def _forward(
    weight_hh: Array, projected: Array, hidden: Array, cell: Array, dtype: DTypeLike | None
) -> tuple[tuple[Array, Array, Array], Saved]:

    weight = as_factor(weight_hh, dtype)

    def step(state: tuple[Array, Array], projected: Array) -> tuple[tuple[Array, Array], tuple[Array, Array, Array]]:
        hidden, cell = state
        gates = activated(projected + dot(hidden, weight))
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        cell = f * cell + i * g
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), (hidden, cell, gates)

    (last_hidden, last_cell), (outputs, cells, gates) = lax.scan(step, (hidden, cell), projected)
    return (outputs, last_hidden, last_cell), Saved(weight_hh, hidden, cell, outputs, cells, gates)


def _backward(
    dtype: DTypeLike | None, saved: Saved, cotangents: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array, Array]:
    weight_hh, hidden, cell, outputs, cells, gates = saved
    d_outputs, d_hidden, d_cell = cotangents
    weight_back = as_factor(weight_hh, dtype).T

    def step(d_state: tuple[Array, Array], at: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        d_hidden, d_cell = d_state
        d_output, cell_before, cell, gates = at
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        squashed = jnp.tanh(cell)
        d_hidden = d_hidden + d_output
        d_cell = d_cell + d_hidden * o * (1 - squashed * squashed)
        d_gates = jnp.concatenate(
            [
                d_cell * g * i * (1 - i),
                d_cell * cell_before * f * (1 - f),
                d_cell * i * (1 - g * g),
                d_hidden * squashed * o * (1 - o),
            ],
            axis=-1,
        )
        return (dot(d_gates, weight_back), d_cell * f), d_gates

    (d_hidden, d_cell), d_gates = lax.scan(
        step, (d_hidden, d_cell), (d_outputs, shift(cell, cells), cells, gates), reverse=True
    )
    return outer(shift(hidden, outputs), d_gates, dtype), d_gates, d_hidden, d_cell


lstm_scan.defvjp(_forward, _backward)
