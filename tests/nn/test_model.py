"""What the stack of layers has to do whatever its weights are: first its laws, then the numbers."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from charnn.config import CELLS, ModelConfig
from charnn.nn import cells
from charnn.nn.model import (
    abstract_params,
    dropout_masks,
    forward,
    init_params,
    initial_state,
    nats,
    step,
    transplant,
)

VOCAB, HIDDEN, SEQ_LEN, BATCH = 5, 6, 9, 3
IDS = np.random.default_rng(0).integers(VOCAB + 1, size=(SEQ_LEN, BATCH)).astype(np.uint8)  # with unknown ones

forward = jax.jit(forward, static_argnums=0)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def model(cell="lstm", num_layers=2, vocab=VOCAB, dropout=0.0, hidden_size=HIDDEN, seed=0):
    """A net whose weights, the biases with them, are all different and not small."""
    config = ModelConfig(cell, hidden_size, num_layers, dropout)
    leaves, tree = jax.tree.flatten(abstract_params(config, vocab))
    rng = np.random.default_rng(seed)
    return config, jax.tree.unflatten(tree, [jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype) for leaf in leaves])


def random_state(config, batch=BATCH, seed=1):
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda zeros: jnp.asarray(rng.normal(size=zeros.shape), zeros.dtype), initial_state(config, batch)
    )


def assert_close(ours, theirs, tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("cell", "num_layers"), [("lstm", 3), ("gru", 2), ("rnn", 2), ("rnn", 1)])
def test_the_input_is_one_hot_and_each_layer_reads_the_one_below(cell, num_layers, x64):
    """The gather of rows is the lecture's matmul with one-hot vectors, all zero for an unknown character."""
    config, params = model(cell, num_layers)
    state = random_state(config)
    below = jnp.asarray(np.eye(VOCAB + 1, VOCAB)[IDS])
    assert below[IDS == VOCAB].sum() == 0
    after = []
    for layer, layer_state in zip(params.layers, state, strict=True):
        projected = below @ layer.weight_ih + layer.bias
        layer_state, below = lax.scan(partial(cells.CELLS[cell].step, layer), layer_state, projected)
        after.append(layer_state)
    expected = tuple(after), below @ params.weight_out + params.bias_out
    assert_close(forward(config, params, state, IDS), expected, 1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_is_its_characters_one_by_one(cell):
    config, params = model(cell)
    state = random_state(config)
    by_step = lax.scan(lambda state, ids: step(config, params, state, ids), state, IDS)
    assert_close(forward(config, params, state, IDS), by_step, 1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_is_its_chunks_with_the_state_carried(cell):
    config, params = model(cell)
    whole_state, whole = forward(config, params, initial_state(config, BATCH), IDS)
    state, chunks = initial_state(config, BATCH), []
    for chunk in np.split(IDS, [1, 5]):
        state, logits = forward(config, params, state, chunk)
        chunks.append(logits)
    assert_close((whole_state, whole), (state, jnp.concatenate(chunks)), 1e-5)


def test_streams_do_not_see_each_other():
    config, params = model()
    state = random_state(config)
    _, logits = forward(config, params, state, IDS)
    _, alone = forward(config, params, jax.tree.map(lambda part: part[1:2], state), IDS[:, 1:2])
    assert_close(logits[:, 1:2], alone, 1e-5)


def test_the_future_is_not_seen():
    config, params = model()
    state = initial_state(config, BATCH)
    other = IDS.copy()
    other[5] = (other[5] + 1) % VOCAB
    before, after = forward(config, params, state, IDS)[1], forward(config, params, state, other)[1]
    np.testing.assert_array_equal(before[:5], after[:5])
    assert not np.any(np.all(np.isclose(before[5], after[5]), axis=-1))


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_the_loss_is_the_numeric_one(cell, x64):
    config, params = model(cell, num_layers=2, hidden_size=3, vocab=4)
    state = random_state(config, batch=2)
    inputs = np.array([[0, 1], [4, 2], [3, 3], [1, 4]])  # 4 is unknown
    targets = np.array([[1, 3], [0, 2], [2, 0], [3, 1]])

    @jax.jit
    def loss(params, state):
        return nats(forward(config, params, state, inputs)[1], targets).mean()

    check_grads(loss, (params, state), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_rounds_factors_and_nothing_else(cell):
    """One step and the whole sequence round alike; states and logits stay float32, and near those of float32."""
    config, params = model(cell, hidden_size=32)
    params = jax.tree.map(lambda leaf: leaf / 8, params)
    config = dataclasses.replace(config, precision="bfloat16")
    state = initial_state(config, BATCH)
    whole_state, whole = forward(config, params, state, IDS)
    by_step = state
    for ids, logits in zip(IDS, whole, strict=True):
        by_step, step_logits = step(config, params, by_step, ids)
        assert_close(step_logits, logits, 1e-3)
    assert_close(by_step, whole_state, 1e-3)
    assert {leaf.dtype for leaf in jax.tree.leaves((whole_state, whole))} == {jnp.dtype("float32")}
    _, exact = forward(dataclasses.replace(config, precision="float32"), params, state, IDS)
    assert_close(whole, exact, 3e-2)
    assert not np.array_equal(whole, exact)


def dropped_outputs(dropout, key, num_layers=1, batch=64, hidden_size=32):
    """What comes out of the last layer with and without dropout, made visible by an identity for `weight_out`."""
    config, params = model("rnn", num_layers, hidden_size=hidden_size, dropout=dropout)
    params = params._replace(weight_out=jnp.eye(hidden_size), bias_out=jnp.zeros(hidden_size))
    ids = np.random.default_rng(2).integers(VOCAB, size=(4, batch))
    state = initial_state(config, batch)
    masks = dropout_masks(config, batch, key=key)
    return forward(config, params, state, ids, masks)[1], forward(config, params, state, ids)[1]


def test_dropout_drops_a_unit_for_a_whole_sequence_and_scales_up_the_others():
    dropped, plain = map(np.asarray, dropped_outputs(0.2, jax.random.key(0)))
    mask = dropped[0] == 0
    assert 0.15 < mask.mean() < 0.25
    assert len(np.unique(mask, axis=0)) > 60, "each stream has a mask of its own"
    np.testing.assert_allclose(dropped, np.where(mask, 0, plain / 0.8), rtol=1e-6)


def test_dropout_keeps_the_mean():
    keys = jax.random.split(jax.random.key(1), 1000)
    dropped, plain = jax.vmap(lambda key: dropped_outputs(0.4, key, batch=2, hidden_size=4), out_axes=(0, None))(keys)
    assert len(np.unique(np.asarray(dropped)[:, 0, 0, 0])) == 2
    spread = np.abs(plain) * (0.4 / 0.6 / len(keys)) ** 0.5
    assert np.all(np.abs(dropped.mean(0) - plain) < 5 * spread)


def test_there_is_no_dropout_without_masks():
    config, params = model(dropout=0.9)
    without = ModelConfig(config.cell, config.hidden_size, config.num_layers, dropout=0.0)
    state = initial_state(config, BATCH)
    assert_close(forward(config, params, state, IDS), forward(without, params, state, IDS), 0)
    assert dropout_masks(without, BATCH, key=jax.random.key(0)) is None


def test_each_layer_is_dropped_out_with_a_mask_of_its_own():
    """A unit that is dropped out has no say, so the weights that read it have no gradient."""
    config, params = model("rnn", 2, hidden_size=32, dropout=0.5)

    @jax.jit
    def gradient(key):
        def loss(params):
            masks = dropout_masks(config, 1, key=key)
            _, logits = forward(config, params, initial_state(config, 1), IDS[:, :1], masks)
            return jnp.sum(logits**2)

        return jax.grad(loss)(params)

    grads = gradient(jax.random.key(0))
    first, second = np.all(grads.layers[1].weight_ih == 0, axis=1), np.all(grads.weight_out == 0, axis=1)
    assert 8 <= first.sum() <= 24
    assert 8 <= second.sum() <= 24
    assert np.any(first != second)
    assert np.any(first != np.all(gradient(jax.random.key(1)).layers[1].weight_ih == 0, axis=1))


def test_dropout_leaves_the_carried_state_whole():
    config, params = model("gru", 1, dropout=0.5)
    state = initial_state(config, BATCH)
    dropped, _ = forward(config, params, state, IDS, dropout_masks(config, BATCH, key=jax.random.key(0)))
    assert_close(dropped, forward(config, params, state, IDS)[0], 0)


def test_nats_are_the_negative_logarithm_of_the_targets_probability():
    rng = np.random.default_rng(0)
    logits = 4 * rng.normal(size=(SEQ_LEN, BATCH, VOCAB))
    targets = rng.integers(VOCAB, size=(SEQ_LEN, BATCH)).astype(np.uint8)
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = [[-np.log(probs[t, b, targets[t, b]]) for b in range(BATCH)] for t in range(SEQ_LEN)]
    np.testing.assert_allclose(nats(jnp.asarray(logits), targets), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(nats(jnp.asarray(logits) + 1e3, targets), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("vocab", [1, 2, 67])
def test_a_uniform_model_needs_the_logarithm_of_the_alphabets_size(vocab):
    np.testing.assert_allclose(nats(jnp.full((vocab, vocab), 3.0), np.arange(vocab)), np.log(vocab), rtol=1e-6)


def test_a_target_that_no_one_knows_has_no_score():
    assert np.isnan(nats(jnp.zeros((1, VOCAB)), np.array([VOCAB], np.uint8))).all()


def test_transplanted_weights_do_on_the_old_alphabet_what_they_did():
    config, source = model()
    _, fresh = model(vocab=VOCAB + 2, seed=7)
    ours = transplant(fresh, source)
    state = random_state(config)
    known = IDS % VOCAB
    after, logits = forward(config, ours, state, known)
    assert_close((after, logits[..., :VOCAB]), forward(config, source, state, known), 1e-6)
    # the whole of it is one of the two, bit for bit: the old alphabet's from the source, the new characters' fresh
    taken = ours._replace(
        layers=(ours.layers[0]._replace(weight_ih=ours.layers[0].weight_ih[:VOCAB]), *ours.layers[1:]),
        weight_out=ours.weight_out[:, :VOCAB],
        bias_out=ours.bias_out[:VOCAB],
    )
    assert_close(taken, source, 0)
    np.testing.assert_array_equal(ours.layers[0].weight_ih[VOCAB:], fresh.layers[0].weight_ih[VOCAB:])
    np.testing.assert_array_equal(ours.weight_out[:, VOCAB:], fresh.weight_out[:, VOCAB:])
    np.testing.assert_array_equal(ours.bias_out[VOCAB:], fresh.bias_out[VOCAB:])


@partial(jax.jit, static_argnums=0)
def fresh(config, seed):
    return init_params(config, VOCAB, key=jax.random.key(seed))


def test_fresh_weights_have_the_promised_shapes_and_no_two_layers_are_alike():
    config = ModelConfig("lstm", HIDDEN, 3)
    params = fresh(config, 0)
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(jnp.shape, abstract_params(config, VOCAB))
    assert [layer.weight_ih.shape[0] for layer in params.layers] == [VOCAB, HIDDEN, HIDDEN]
    assert params.weight_out.shape == (HIDDEN, VOCAB)
    matrices = [params.weight_out, *(weight for layer in params.layers for weight in layer[:2])]
    numbers = np.concatenate([np.ravel(matrix) for matrix in matrices])
    assert len(np.unique(numbers)) > 0.99 * len(numbers)


def test_the_seed_decides_the_fresh_weights():
    config = ModelConfig("gru", HIDDEN, 1)
    one, same, other = (fresh(config, seed) for seed in (0, 0, 1))
    assert_close(one, same, 0)
    assert np.any(np.asarray(one.weight_out) != other.weight_out)
