"""The GRU of Cho et al. (2014, arXiv:1406.1078) over a whole sequence: the reset gate acts before the matmul.

r = σ(p_r + h_{t−1} W_r)              reset
z = σ(p_z + h_{t−1} W_z)              update
n = tanh(p_n + (r ⊙ h_{t−1}) W_n)     candidate
h_t = z ⊙ h_{t−1} + (1 − z) ⊙ n
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax, nn
from jax.typing import DTypeLike
from jaxtyping import Float

from charnn.nn.kernels.arithmetic import as_factor, dot, outer, shift


class Saved(NamedTuple):
    """What the forward pass keeps for the gradient; the gates are activated."""

    weight_hh: Float[Array, "hidden 3*hidden"]
    hidden: Float[Array, "batch hidden"]
    outputs: Float[Array, "seq_len batch hidden"]
    reset_update: Float[Array, "seq_len batch 2*hidden"]
    candidates: Float[Array, "seq_len batch hidden"]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def gru_scan(
    weight_hh: Float[Array, "hidden 3*hidden"],
    projected: Float[Array, "seq_len batch 3*hidden"],
    hidden: Float[Array, "batch hidden"],
    dtype: DTypeLike | None = None,
) -> tuple[Float[Array, "seq_len batch hidden"], Float[Array, "batch hidden"]]:
    """Run a GRU over `projected`; return every output, and the last hidden.

    The columns of `weight_hh` and `projected` are reset, update, candidate. For the gradient it saves the outputs and
    the three activated gates: 4 × hidden numbers for each character. Only r ⊙ h is computed again. Factors of matrix
    products are of `dtype`.
    """
    return _forward(weight_hh, projected, hidden, dtype)[0]


def _forward(
    weight_hh: Array, projected: Array, hidden: Array, dtype: DTypeLike | None
) -> tuple[tuple[Array, Array], Saved]:
    size = hidden.shape[-1]
    weight = as_factor(weight_hh, dtype)
    weight_rz, weight_n = weight[:, : 2 * size], weight[:, 2 * size :]

    def step(hidden: Array, projected: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        reset_update = nn.sigmoid(projected[:, : 2 * size] + dot(hidden, weight_rz))
        r, z = jnp.split(reset_update, 2, axis=-1)
        candidate = jnp.tanh(projected[:, 2 * size :] + dot(r * hidden, weight_n))
        hidden = z * hidden + (1 - z) * candidate
        return hidden, (hidden, reset_update, candidate)

    last_hidden, (outputs, reset_update, candidates) = lax.scan(step, hidden, projected)
    return (outputs, last_hidden), Saved(weight_hh, hidden, outputs, reset_update, candidates)


def _backward(dtype: DTypeLike | None, saved: Saved, cotangents: tuple[Array, Array]) -> tuple[Array, Array, Array]:
    weight_hh, hidden, outputs, reset_update, candidates = saved
    d_outputs, d_hidden = cotangents
    size = hidden.shape[-1]
    weight = as_factor(weight_hh, dtype)
    rz_back, n_back = weight[:, : 2 * size].T, weight[:, 2 * size :].T
    before = shift(hidden, outputs)

    def step(d_hidden: Array, at: tuple[Array, ...]) -> tuple[Array, Array]:
        d_output, hidden, reset_update, candidate = at
        r, z = jnp.split(reset_update, 2, axis=-1)
        d_hidden = d_hidden + d_output
        d_candidate = d_hidden * (1 - z) * (1 - candidate * candidate)
        d_kept = dot(d_candidate, n_back)
        d_reset_update = jnp.concatenate(
            [d_kept * hidden * r * (1 - r), d_hidden * (hidden - candidate) * z * (1 - z)], axis=-1
        )
        d_hidden = d_hidden * z + d_kept * r + dot(d_reset_update, rz_back)
        return d_hidden, jnp.concatenate([d_reset_update, d_candidate], axis=-1)

    d_hidden, d_gates = lax.scan(step, d_hidden, (d_outputs, before, reset_update, candidates), reverse=True)
    d_weight_rz = outer(before, d_gates[..., : 2 * size], dtype)
    d_weight_n = outer(reset_update[..., :size] * before, d_gates[..., 2 * size :], dtype)
    return jnp.concatenate([d_weight_rz, d_weight_n], axis=-1), d_gates, d_hidden


gru_scan.defvjp(_forward, _backward)
