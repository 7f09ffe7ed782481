"""The training step against the same step written out in NumPy and float64, and the laws of the learning rate."""

import dataclasses
import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.config import ModelConfig, TrainConfig
from charnn.nn.model import abstract_params, forward, initial_state, nats
from charnn.training.optimiser import abstract_train_state, init_train_state, learning_rate, make_train_step

MODEL = ModelConfig("lstm", hidden_size=3, num_layers=1, dropout=0.0)
VOCAB, SEQ_LEN, BATCH = 4, 5, 2
CONFIG = TrainConfig(seq_len=SEQ_LEN, batch_size=BATCH, max_grad_norm=1.0, average_decay=0.15, weight_decay=0.3)
RATE = 0.05


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def train_step():
    return make_train_step(MODEL, CONFIG)


def random_params(dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), dtype), abstract_params(MODEL, VOCAB))


def batches(count, seed=0):
    ids = np.random.default_rng(seed).integers(VOCAB, size=(count, SEQ_LEN + 1, BATCH)).astype(np.uint8)
    return [(chunk[:-1], chunk[1:]) for chunk in ids]


def advance(train_step, state, batch, step, *, rate=RATE, starts_epoch=False):
    return train_step(state, *batch, np.int32(step), np.float32(rate), np.bool_(starts_epoch))


def fresh_state(config=CONFIG, model=MODEL):
    return init_train_state(model, config, random_params())


def to_numpy(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


@partial(jax.jit, static_argnums=0)
def loss_and_gradient(model, params, carry, inputs, targets):
    def loss(params):
        after, logits = forward(model, params, carry, inputs)
        return nats(logits, targets).mean(), after

    return jax.value_and_grad(loss, has_aux=True)(params)


def test_a_step_clips_adapts_decays_and_averages(x64):
    """Five steps, of which the fourth begins an epoch; some are clipped and some are not."""
    params = random_params(np.float64)
    state = init_train_state(MODEL, CONFIG, params)
    step_function = make_train_step(MODEL, CONFIG)
    tree = jax.tree.structure(params)
    theirs, average = to_numpy(params), to_numpy(params)
    first, second = [np.zeros_like(leaf) for leaf in theirs], [np.zeros_like(leaf) for leaf in theirs]
    carry = initial_state(MODEL, BATCH)
    sum_nats, norms = 0.0, []
    for step, batch in enumerate(batches(5)):
        if step == 3:
            carry = initial_state(MODEL, BATCH)
        (mean_nats, carry), grads = loss_and_gradient(MODEL, jax.tree.unflatten(tree, theirs), carry, *batch)
        grads = to_numpy(grads)
        norm = math.sqrt(sum((grad**2).sum() for grad in grads))
        sum_nats, norms = sum_nats + float(mean_nats), [*norms, norm]
        rate = RATE / (step + 1)
        keep = min(CONFIG.average_decay, (1 + step) / (10 + step))
        for n, grad in enumerate(grads):
            grad = grad * min(1.0, CONFIG.max_grad_norm / norm)
            first[n] = CONFIG.beta1 * first[n] + (1 - CONFIG.beta1) * grad
            second[n] = CONFIG.beta2 * second[n] + (1 - CONFIG.beta2) * grad**2
            unbiased = first[n] / (1 - CONFIG.beta1 ** (step + 1)), second[n] / (1 - CONFIG.beta2 ** (step + 1))
            decay = CONFIG.weight_decay * theirs[n] if theirs[n].ndim == 2 else 0.0
            theirs[n] = theirs[n] - rate * (unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8) + decay)
            average[n] = keep * average[n] + (1 - keep) * theirs[n]
        state = step_function(state, *batch, np.int32(step), np.float64(rate), np.bool_(step == 3))
        for ours, expected in zip(to_numpy((state.params, state.average)), theirs + average, strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-8)
        for ours, expected in zip(to_numpy(state.carry), to_numpy(carry), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-8)
    num_clipped = sum(norm > CONFIG.max_grad_norm for norm in norms)
    assert 0 < num_clipped < 5
    assert (int(state.totals.steps), int(state.totals.clipped)) == (5, num_clipped)
    np.testing.assert_allclose(state.totals.nats_per_char, sum_nats, rtol=1e-5)
    np.testing.assert_allclose(state.totals.grad_norm, sum(norms), rtol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_devices_that_share_a_batch_learn_what_one_learns_from_the_whole(dropout):
    model, config = ModelConfig("lstm", 8, 2, dropout), TrainConfig(seq_len=SEQ_LEN, batch_size=4)
    rng = np.random.default_rng(3)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), "float32"), abstract_params(model, 4))
    ids = rng.integers(4, size=(6, SEQ_LEN + 1, 4)).astype(np.uint8)

    def learned(devices):
        train_step = make_train_step(model, config, devices)
        state = init_train_state(model, config, jax.tree.map(jnp.copy, params))
        for step, chunk in enumerate(ids):
            state = advance(train_step, state, (chunk[:-1], chunk[1:]), step, starts_epoch=step == 4)
        return state

    assert len(jax.devices()) > 1
    shared, alone = learned(jax.devices()), learned(jax.devices()[:1])
    assert len(shared.carry[0].hidden.sharding.device_set) == len(jax.devices())
    for ours, theirs in zip(to_numpy(shared), to_numpy(alone), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_state_flows_from_batch_to_batch_and_stops_at_an_epoch(train_step):
    """With a learning rate of 0 the carried state is the only way from one batch to the next."""
    one, other = batches(2)
    changed = one[0].copy()
    changed[0] = (changed[0] + 1) % VOCAB

    def second_batch(inputs, *, starts_epoch):
        state = advance(train_step, fresh_state(), (inputs, one[1]), 0, rate=0.0, starts_epoch=True)
        before = to_numpy(state.totals)
        state = advance(train_step, state, other, 1, rate=0.0, starts_epoch=starts_epoch)
        return [after - sofar for after, sofar in zip(to_numpy(state.totals), before, strict=True)], to_numpy(
            state.carry
        )

    (carried, _), (carried_changed, _) = (second_batch(ids, starts_epoch=False) for ids in (one[0], changed))
    assert carried[1] != pytest.approx(carried_changed[1], rel=1e-5)
    (fresh, after), (fresh_changed, after_changed) = (second_batch(ids, starts_epoch=True) for ids in (one[0], changed))
    assert fresh[1] == pytest.approx(fresh_changed[1], rel=1e-5)
    for ours, theirs in zip(after, after_changed, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_epoch_begins_without_memory_whatever_was_carried(train_step):
    batch = batches(1)[0]
    poisoned = fresh_state()._replace(carry=jax.tree.map(lambda part: part + jnp.nan, initial_state(MODEL, BATCH)))
    ours = advance(train_step, poisoned, batch, 0, starts_epoch=True)
    theirs = advance(train_step, fresh_state(), batch, 0)
    for one, other in zip(to_numpy(ours), to_numpy(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_dropout_depends_on_the_seed_and_the_step_alone():
    model = dataclasses.replace(MODEL, dropout=0.5)
    batch = batches(1)[0]

    def loss_of(train_step, step):
        return float(advance(train_step, fresh_state(), batch, step).totals.nats_per_char)

    train_step = make_train_step(model, CONFIG)
    losses = [loss_of(train_step, step) for step in range(4)]
    assert len(set(losses)) > 2
    assert losses == [loss_of(train_step, step) for step in range(4)]
    other_seed = make_train_step(model, dataclasses.replace(CONFIG, seed=1))
    assert losses != [loss_of(other_seed, step) for step in range(4)]


def test_the_state_has_the_shapes_it_is_restored_in():
    state = fresh_state()
    abstract = abstract_train_state(MODEL, CONFIG, VOCAB)
    assert jax.tree.structure(state) == jax.tree.structure(abstract)
    assert [(a.shape, a.dtype) for a in jax.tree.leaves(state)] == [
        (a.shape, a.dtype) for a in jax.tree.leaves(abstract)
    ]


configs = st.builds(
    TrainConfig,
    learning_rate=st.floats(1e-6, 1),
    final_learning_rate=st.floats(0, 1),
    warmup_steps=st.integers(0, 300),
)


@given(configs, st.integers(1, 2000))
def test_the_learning_rate_rises_to_its_peak_and_falls_to_its_end(config, num_steps):
    rates = [learning_rate(config, step, step / num_steps) for step in range(num_steps + 1)]
    end = config.learning_rate * config.final_learning_rate
    assert rates[-1] == pytest.approx(end, rel=1e-9, abs=1e-15)
    assert max(rates) <= config.learning_rate * (1 + 1e-9)
    assert min(rates) >= 0
    warm = min(config.warmup_steps, math.ceil(num_steps / 10))
    falling = rates[warm:]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in itertools.pairwise(falling))
    # once warm, what is missing to the peak is the cosine's doing alone
    share = 0.5 * (1 + math.cos(math.pi * warm / num_steps))
    assert falling[0] == pytest.approx(end + (config.learning_rate - end) * share, rel=1e-9)


def test_the_warm_up_is_linear():
    config = TrainConfig(learning_rate=1.0, warmup_steps=4, final_learning_rate=1.0)
    assert [learning_rate(config, step, step / 1000) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_a_short_run_warms_up_in_its_first_tenth():
    config = TrainConfig(learning_rate=1.0, warmup_steps=100, final_learning_rate=1.0)
    rates = [learning_rate(config, step, step / 50) for step in range(50)]
    assert rates == pytest.approx([0.01, 0.2, 0.4, 0.6, 0.8, *[1.0] * 45])


def test_halfway_is_halfway_to_the_end():
    config = TrainConfig(learning_rate=2.0, warmup_steps=0, final_learning_rate=0.5)
    assert learning_rate(config, 0, 0.0) == 2.0
    assert learning_rate(config, 500, 0.5) == pytest.approx(1.5)
    assert learning_rate(config, 1000, 1.0) == pytest.approx(1.0)
    assert learning_rate(config, 1001, 1.3) == pytest.approx(1.0)
