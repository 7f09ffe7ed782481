"""The three recurrent cells, each as one time step: `step(params, state, projected) -> (state, output)`.

A step takes its input already projected: `projected = x W_ih + b`, with all gates side by side. For a whole sequence
that is one large matmul (or, for one-hot characters, a gather of rows) which the caller does before scanning over time.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from charnn.config import CellName
from charnn.nn.kernels import activated, dot, gru_scan, lstm_scan, rnn_scan


class LayerParams(NamedTuple):
    """The weights of one recurrent layer, of any cell. `gates` is 4 for the LSTM, 3 for the GRU, 1 for the RNN."""

    weight_ih: Float[Array, "input gates*hidden"]
    weight_hh: Float[Array, "hidden gates*hidden"]
    bias: Float[Array, " gates*hidden"]


class GRUWeights(NamedTuple):
    """A GRU's `weight_hh` in two: the candidate's part is multiplied by what the reset gate has left."""

    reset_update: Float[Array, "hidden 2*hidden"]
    candidate: Float[Array, "hidden hidden"]


class LSTMState(NamedTuple):
    """What an LSTM layer remembers."""

    hidden: Float[Array, "batch hidden"]
    cell: Float[Array, "batch hidden"]


class GRUState(NamedTuple):
    """What a GRU layer remembers."""

    hidden: Float[Array, "batch hidden"]


class RNNState(NamedTuple):
    """What a vanilla RNN layer remembers."""

    hidden: Float[Array, "batch hidden"]


def lstm_step(
    params: LayerParams, state: LSTMState, projected: Float[Array, "batch 4*hidden"]
) -> tuple[LSTMState, Float[Array, "batch hidden"]]:
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    With `i f g o = split(x W_ih + b + h W_hh)`:

        c = σ(f) ⊙ c + σ(i) ⊙ tanh(g)
        h = σ(o) ⊙ tanh(c)
    """
    gates = activated(projected + dot(state.hidden, params.weight_hh))
    i, f, g, o = jnp.split(gates, 4, axis=-1)  # input, forget, candidate, output
    cell = f * state.cell + i * g
    hidden = o * jnp.tanh(cell)
    return LSTMState(hidden, cell), hidden


def gru_step(
    params: LayerParams, state: GRUState, projected: Float[Array, "batch 3*hidden"]
) -> tuple[GRUState, Float[Array, "batch hidden"]]:
    """Gated recurrent unit (Cho et al. 2014): the reset gate acts before the matmul.

    With `r z n` the three parts of `x W_ih + b` and of `W_hh`:

        r = σ(r_x + h W_r)
        z = σ(z_x + h W_z)
        h̃ = tanh(n_x + (r ⊙ h) W_n)
        h = z ⊙ h + (1 − z) ⊙ h̃
    """
    hidden = state.hidden
    size = hidden.shape[-1]
    weight_rz, weight_n = split_gru_weight(params.weight_hh)
    r, z = jnp.split(jax.nn.sigmoid(projected[..., : 2 * size] + dot(hidden, weight_rz)), 2, axis=-1)  # reset, update
    candidate = jnp.tanh(projected[..., 2 * size :] + dot(r * hidden, weight_n))
    hidden = z * hidden + (1 - z) * candidate
    return GRUState(hidden), hidden


def split_gru_weight(weight_hh: Float[Array, "hidden 3*hidden"] | GRUWeights) -> GRUWeights:
    """The parts that `gru_step` multiplies by. In a loop, splitting it once before saves a copy of it in every step."""
    if isinstance(weight_hh, GRUWeights):
        return weight_hh
    size = weight_hh.shape[0]
    return GRUWeights(weight_hh[:, : 2 * size], weight_hh[:, 2 * size :])


def rnn_step(
    params: LayerParams, state: RNNState, projected: Float[Array, "batch hidden"]
) -> tuple[RNNState, Float[Array, "batch hidden"]]:
    """The vanilla recurrent net (Elman 1990): `h = tanh(x W_ih + b + h W_hh)`."""
    hidden = jnp.tanh(projected + dot(state.hidden, params.weight_hh))
    return RNNState(hidden), hidden


class Cell(NamedTuple):
    """A kind of cell."""

    num_gates: int
    """Gates side by side in its weights."""
    state_type: Any
    """What it remembers, a NamedTuple."""
    step: Callable[..., tuple[Any, Array]]
    """One time step."""
    kernel: Callable[..., tuple[Array, ...]]
    """The same over a whole sequence, fast: `(weight_hh, projected, *state, dtype) -> (outputs, *state)`."""


CELLS: dict[CellName, Cell] = {
    "lstm": Cell(4, LSTMState, lstm_step, lstm_scan),
    "gru": Cell(3, GRUState, gru_step, gru_scan),
    "rnn": Cell(1, RNNState, rnn_step, rnn_scan),
}


def init_layer(
    cell: CellName, input_size: int, hidden_size: int, *, active_inputs: int, key: PRNGKeyArray
) -> LayerParams:
    """Fresh weights, for an input of which `active_inputs` numbers are not zero at once (1 if it is one-hot).

    W_ih is normal with standard deviation 2/√active_inputs: scaled by the width of a one-hot input instead, as is
    usual, the characters would hardly be heard, and a run would begin with some hundred steps of learning their
    frequencies alone (`tests/benchmarks/initialisation.py` measures it). Each gate's part of W_hh is orthogonal
    (Saxe et al. 2014). Biases are zero but the LSTM's forget bias, which is 1, so that a new net remembers
    (Jozefowicz et al. 2015).
    """
    num_gates = CELLS[cell].num_gates
    key_ih, key_hh = jax.random.split(key)
    orthogonal = jax.nn.initializers.orthogonal()
    bias = jnp.zeros(num_gates * hidden_size)
    if cell == "lstm":
        bias = bias.at[hidden_size : 2 * hidden_size].set(1.0)
    return LayerParams(
        weight_ih=jax.random.normal(key_ih, (input_size, num_gates * hidden_size)) * 2 * active_inputs**-0.5,
        weight_hh=jnp.concatenate(
            [orthogonal(gate_key, (hidden_size, hidden_size)) for gate_key in jax.random.split(key_hh, num_gates)],
            axis=-1,
        ),
        bias=bias,
    )


def init_state(cell: CellName, batch_size: int, hidden_size: int) -> Any:
    """The state before any character: zeros, `[batch_size, hidden_size]` for each thing the cell remembers."""
    state_type = CELLS[cell].state_type
    return state_type(*(jnp.zeros((batch_size, hidden_size)) for _ in state_type._fields))
