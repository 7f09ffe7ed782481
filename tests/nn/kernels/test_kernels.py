"""One set of laws for every kernel, each against its plain twin: one step under `lax.scan`, differentiated by JAX."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array, lax
from jax.test_util import check_grads

from charnn.nn.kernels import gru_scan, lstm_scan, project, rnn_scan


def plain_lstm(weight_hh, projected, hidden, cell):
    def step(state, projected):
        hidden, cell = state
        i, f, g, o = jnp.split(projected + hidden @ weight_hh, 4, axis=-1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    (hidden, cell), outputs = lax.scan(step, (hidden, cell), projected)
    return outputs, hidden, cell


def plain_gru(weight_hh, projected, hidden):
    weight_r, weight_z, weight_n = jnp.split(weight_hh, 3, axis=-1)

    def step(hidden, projected):
        r, z, n = jnp.split(projected, 3, axis=-1)
        r = jax.nn.sigmoid(r + hidden @ weight_r)
        z = jax.nn.sigmoid(z + hidden @ weight_z)
        n = jnp.tanh(n + (r * hidden) @ weight_n)
        hidden = z * hidden + (1 - z) * n
        return hidden, hidden

    hidden, outputs = lax.scan(step, hidden, projected)
    return outputs, hidden


def plain_rnn(weight_hh, projected, hidden):
    def step(hidden, projected):
        hidden = jnp.tanh(projected + hidden @ weight_hh)
        return hidden, hidden

    hidden, outputs = lax.scan(step, hidden, projected)
    return outputs, hidden


class Kernel(NamedTuple):
    scan: Callable[..., tuple[Array, ...]]
    plain: Callable[..., tuple[Array, ...]]
    gates: int
    states: int


KERNELS = {
    "lstm": Kernel(lstm_scan, plain_lstm, gates=4, states=2),
    "gru": Kernel(gru_scan, plain_gru, gates=3, states=1),
    "rnn": Kernel(rnn_scan, plain_rnn, gates=1, states=1),
}
SHAPES = {"usual": (7, 3, 5), "one step": (1, 3, 5), "one stream": (7, 1, 5)}
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@pytest.fixture(params=KERNELS)
def kernel(request):
    return KERNELS[request.param]


def arguments(kernel, seq_len, batch, hidden_size, dtype, seed=0):
    rng = np.random.default_rng(seed)
    width = kernel.gates * hidden_size
    shapes = [(hidden_size, width), (seq_len, batch, width)] + kernel.states * [(batch, hidden_size)]
    return [jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes]


def assert_agree(ours, theirs, tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max()))


def value_and_gradient(scan, args, seed=1):
    """What `scan` returns, and its gradients under random cotangents on the outputs and on the final state."""
    rng = np.random.default_rng(seed)
    cotangents = [jnp.asarray(rng.normal(size=v.shape), v.dtype) for v in jax.eval_shape(scan, *args)]

    @jax.jit
    def run(args, cotangents):
        values, pull = jax.vjp(scan, *args)
        return values, pull(cotangents)

    return run(args, tuple(cotangents))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_value_and_gradient_are_the_plain_twins(kernel, shape, dtype):
    with jax.enable_x64(dtype == "float64"):
        args = arguments(kernel, *shape, dtype)
        assert_agree(value_and_gradient(kernel.scan, args), value_and_gradient(kernel.plain, args), TOLERANCE[dtype])


def test_factors_of_bfloat16_change_little_and_the_rest_stays_float32(kernel):
    """bfloat16 keeps 8 bits of a factor."""
    args = arguments(kernel, 7, 32, 16, "float32")
    args[0] = args[0] / 4
    ours = value_and_gradient(lambda *args: kernel.scan(*args, jnp.bfloat16), args)
    assert_agree(ours, value_and_gradient(kernel.plain, args), 4e-2)
    exact = value_and_gradient(kernel.scan, args)
    assert not np.array_equal(ours[0][0], exact[0][0]), "nothing was rounded"


@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_a_projection_is_one_matrix_product_with_its_gradients(dtype):
    rng = np.random.default_rng(0)
    inputs, weight = (jnp.asarray(rng.normal(size=shape), "float32") for shape in [(5, 3, 16), (16, 8)])

    def plain(inputs, weight):
        return (jnp.einsum("tbi,io->tbo", inputs, weight),)

    ours = value_and_gradient(lambda *args: (project(*args, dtype),), [inputs, weight])
    assert_agree(ours, value_and_gradient(plain, [inputs, weight]), 1e-5 if dtype is None else 2e-2)


def test_gradient_is_the_numeric_one(kernel):
    with jax.enable_x64(True):
        args = arguments(kernel, 4, 2, 3, "float64")
        check_grads(jax.jit(kernel.scan), args, order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


def test_whole_is_chunks_to_the_last_bit(kernel):
    weight_hh, projected, *state = arguments(kernel, 12, 4, 32, "float32")
    scan = jax.jit(kernel.scan)
    whole = scan(weight_hh, projected, *state)
    outputs = []
    for chunk in jnp.split(projected, [1, 4]):
        chunk_outputs, *state = scan(weight_hh, chunk, *state)
        outputs.append(chunk_outputs)
    for a, b in zip(whole, (jnp.concatenate(outputs), *state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_unknown_character_adds_nothing_and_has_its_gradient(kernel):
    """The rows of `weight_ih` are gathered by id, and an id out of range gathers zeros."""
    weight_hh, projected, *state = arguments(kernel, 6, 2, 5, "float32")
    weight_ih = projected[:3, 0]
    ids = jnp.array([[0, 2], [99, 1], [99, 99], [1, 0], [2, 99], [0, 1]])

    def through(scan):
        def run(weight_ih, weight_hh, *state):
            return scan(weight_hh, jnp.take(weight_ih, ids, axis=0, mode="fill", fill_value=0), *state)

        return value_and_gradient(run, [weight_ih, weight_hh, *state])

    assert_agree(through(kernel.scan), through(kernel.plain), TOLERANCE["float32"])


def test_saturated_gates_leave_no_nan(kernel):
    weight_hh, projected, *state = arguments(kernel, 3, 2, 4, "float32")
    values = value_and_gradient(kernel.scan, [weight_hh, 1e4 * projected, *state])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(values))
