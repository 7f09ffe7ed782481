"""Each cell against the lecture's formulas, written once more in NumPy and float64, one matrix a gate."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from charnn.nn.cells import CELLS, LayerParams, init_layer, init_state

SEQ_LEN, BATCH, INPUT, HIDDEN = 9, 3, 4, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Gate(NamedTuple):
    """The weights of one gate: W_x [input, hidden], W_h [hidden, hidden] and b [hidden]."""

    w_x: np.ndarray
    w_h: np.ndarray
    b: np.ndarray

    def __call__(self, x, h):
        return x @ self.w_x + h @ self.w_h + self.b


def lecture_lstm(gates, x, h, c):
    i, f, g, o = gates["i"](x, h), gates["f"](x, h), gates["g"](x, h), gates["o"](x, h)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def lecture_gru(gates, x, h):
    r, z = sigmoid(gates["r"](x, h)), sigmoid(gates["z"](x, h))
    candidate = np.tanh(gates["n"](x, r * h))
    return (z * h + (1 - z) * candidate,)


def lecture_rnn(gates, x, h):
    return (np.tanh(gates["h"](x, h)),)


class Lecture(NamedTuple):
    gates: str
    """In the order in which they stand side by side in our weights."""
    num_states: int
    step: object


LECTURE = {
    "lstm": Lecture("ifgo", 2, lecture_lstm),
    "gru": Lecture("rzn", 1, lecture_gru),
    "rnn": Lecture("h", 1, lecture_rnn),
}


@pytest.fixture(params=LECTURE)
def cell(request):
    return request.param


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def example(cell, seed=0):
    """Random gates, a text of dense inputs, and a random state to begin with."""
    rng = np.random.default_rng(seed)
    gates = {
        name: Gate(rng.normal(size=(INPUT, HIDDEN)), rng.normal(size=(HIDDEN, HIDDEN)), rng.normal(size=HIDDEN))
        for name in LECTURE[cell].gates
    }
    inputs = rng.normal(size=(SEQ_LEN, BATCH, INPUT))
    state = tuple(rng.normal(size=(BATCH, HIDDEN)) for _ in range(LECTURE[cell].num_states))
    return gates, inputs, state


def side_by_side(cell, gates):
    ordered = [gates[name] for name in LECTURE[cell].gates]
    return LayerParams(*(jnp.concatenate(weights, axis=-1) for weights in zip(*ordered, strict=True)))


def scan(cell, params, state, inputs):
    projected = inputs @ params.weight_ih + params.bias
    return lax.scan(partial(CELLS[cell].step, params), state, projected)


def test_a_cell_computes_the_formulas_of_the_lecture(cell, x64):
    gates, inputs, state = example(cell)
    ours, outputs = scan(cell, side_by_side(cell, gates), CELLS[cell].state_type(*map(jnp.asarray, state)), inputs)
    for t in range(SEQ_LEN):
        state = LECTURE[cell].step(gates, inputs[t], *state)
        np.testing.assert_allclose(outputs[t], state[0], rtol=0, atol=1e-10)
    assert outputs.dtype == np.float64
    assert type(ours) is CELLS[cell].state_type
    assert ours._fields == ("hidden", "cell")[: len(state)]
    for mine, theirs in zip(ours, state, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-10)


def test_the_gradient_is_the_numeric_one(cell, x64):
    gates, inputs, state = example(cell)
    state = CELLS[cell].state_type(*map(jnp.asarray, state))
    arguments = (side_by_side(cell, gates), state, jnp.asarray(inputs[:4]))
    check_grads(jax.jit(partial(scan, cell)), arguments, order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


def test_fresh_weights_have_the_shapes_of_the_cell_and_are_distinct(cell):
    width = len(LECTURE[cell].gates) * HIDDEN
    params = init_layer(cell, INPUT, HIDDEN, active_inputs=1, key=jax.random.key(0))
    assert jax.tree.map(np.shape, params) == LayerParams((INPUT, width), (HIDDEN, width), (width,))
    matrices = np.concatenate([params.weight_ih, params.weight_hh])
    assert len(np.unique(matrices)) == matrices.size
    other = init_layer(cell, INPUT, HIDDEN, active_inputs=1, key=jax.random.key(1))
    assert not np.any(np.asarray(params.weight_hh) == other.weight_hh)


def test_fresh_gates_hear_a_wide_input_as_loud_as_a_one_hot_one_and_keep_the_length_of_the_state(cell):
    for active_inputs in (1, 64):
        params = init_layer(cell, 400, 64, active_inputs=active_inputs, key=jax.random.key(0))
        assert abs(float(params.weight_ih.std()) * active_inputs**0.5 - 2) < 0.05
    for gate in np.split(np.asarray(params.weight_hh), CELLS[cell].num_gates, axis=1):
        np.testing.assert_allclose(gate.T @ gate, np.eye(64), atol=1e-5)


def test_the_state_before_any_character_is_zero(cell):
    state = init_state(cell, BATCH, HIDDEN)
    assert len(state) == LECTURE[cell].num_states
    for part in state:
        np.testing.assert_array_equal(part, np.zeros((BATCH, HIDDEN)))


def test_a_new_lstm_remembers():
    """With all matrices zero what is left are the biases: 1 at the forget gate and 0 at every other."""
    params = init_layer("lstm", INPUT, HIDDEN, active_inputs=1, key=jax.random.key(0))
    assert float(params.bias.sum()) == HIDDEN
    silent = params._replace(weight_ih=jnp.zeros_like(params.weight_ih), weight_hh=jnp.zeros_like(params.weight_hh))
    memory = np.linspace(-2, 2, HIDDEN, dtype=np.float32)[None]
    state = CELLS["lstm"].state_type(jnp.zeros((1, HIDDEN)), jnp.asarray(memory))
    (_, cell), hidden = CELLS["lstm"].step(silent, state, silent.bias[None])
    np.testing.assert_allclose(cell, sigmoid(1) * memory, rtol=1e-6)
    np.testing.assert_allclose(hidden, 0.5 * np.tanh(sigmoid(1) * memory), rtol=1e-6)


@pytest.mark.parametrize("name", ["gru", "rnn"])
def test_the_other_cells_begin_without_a_bias(name):
    assert not np.any(init_layer(name, INPUT, HIDDEN, active_inputs=1, key=jax.random.key(0)).bias)
