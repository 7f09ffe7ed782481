"""The laws of drawing characters, against a plain NumPy twin, and of reading and writing texts."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from charnn.config import ModelConfig, SampleConfig
from charnn.nn.generate import BLOCK, Sampling, generate, log_probs, read, read_block, read_prompt
from charnn.nn.model import Model, abstract_params, forward, initial_state, step
from charnn.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary("\nabcde")
CONFIG = ModelConfig("lstm", hidden_size=6, num_layers=2)
PLAIN = Sampling(1.0, 0, 1.0, 0.0)
EPSILON = 1e-5

distribution = jax.jit(log_probs)


def random_params(config, vocab, *, scale=1.0):
    leaves, tree = jax.tree.flatten(abstract_params(config, vocab))
    rng = np.random.default_rng(0)
    return jax.tree.unflatten(tree, [jnp.asarray(scale * rng.normal(size=leaf.shape), leaf.dtype) for leaf in leaves])


PARAMS = random_params(CONFIG, len(VOCABULARY))


def softmax(logits):
    exp = np.exp(logits - np.max(logits))
    return exp / exp.sum()


def twin(logits, sampling):
    """The probabilities that `SampleConfig` documents, one character after the other."""
    logits = np.asarray(logits, np.float64)
    ranked = sorted(range(len(logits)), key=lambda i: -logits[i])
    if sampling.temperature == 0:
        kept = ranked[:1]
    else:
        logits = logits / sampling.temperature
        kept = ranked[: sampling.top_k or None]
        probs = softmax(logits[kept])
        mass = list(itertools.accumulate(probs, initial=0.0))
        kept = [
            i
            for i, p, before in zip(kept, probs, mass, strict=False)
            if i == ranked[0] or (before < sampling.top_p and p >= sampling.min_p * probs[0])
        ]
    result = np.zeros(len(logits))
    result[kept] = softmax(logits[kept])
    return result


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("top_k", [0, 1, 3, 100])
def test_the_distribution_is_the_documented_one(temperature, top_k):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(20, 9)).astype(np.float32)
    for top_p, min_p in itertools.product([0.1, 0.6, 0.95, 1.0], [0.0, 0.05, 0.5, 1.0]):
        sampling = Sampling.of(SampleConfig(temperature, top_k, top_p, min_p))
        expected = [twin(row, sampling) for row in logits]
        np.testing.assert_allclose(np.exp(distribution(logits, sampling)), expected, rtol=1e-4, atol=1e-6)


SIZES = (1, 2, 7)  # few, for each is compiled
all_logits = (
    st.sampled_from(SIZES)
    .flatmap(
        lambda size: st.lists(
            st.floats(-30, 30, width=32, allow_subnormal=False) | st.integers(-2, 2).map(float),
            min_size=size,
            max_size=size,
        )
    )
    .map(lambda logits: np.array(logits, np.float32))
)
samplings = st.builds(
    SampleConfig,
    temperature=st.just(0.0) | st.floats(0.0625, 16),
    top_k=st.integers(0, 9),
    top_p=st.floats(0.0009765625, 1),
    min_p=st.floats(0, 1),
).map(Sampling.of)


@given(all_logits, samplings)
def test_the_distribution_sums_to_one_and_holds_the_likeliest(logits, sampling):
    probs = np.exp(distribution(logits, sampling))
    assert abs(probs.sum() - 1) < EPSILON
    assert probs[np.argmax(logits)] == probs.max() > 0
    order = np.argsort(-logits, kind="stable")
    kept = probs[order] > 0
    if sampling.temperature >= 1:  # else what is kept may still have too little to show
        assert np.all(kept[:-1] >= kept[1:]), "what is kept is likelier than what is not"


@given(all_logits)
def test_top_k_1_is_greedy_is_temperature_0(logits):
    greedy = np.full(len(logits), -np.inf)
    greedy[np.argmax(logits)] = 0.0
    np.testing.assert_array_equal(distribution(logits, Sampling(0.0, 0, 1.0, 0.0)), greedy)
    np.testing.assert_array_equal(distribution(logits, Sampling(1.0, 1, 1.0, 0.0)), greedy)
    np.testing.assert_array_equal(distribution(logits, Sampling(0.0, 5, 0.5, 0.5)), greedy)


@given(all_logits, st.integers(0, 5))
def test_top_k_of_none_or_of_all_is_the_plain_softmax(logits, beyond):
    for top_k in (0, len(logits) + beyond):
        probs = np.exp(distribution(logits, PLAIN._replace(top_k=top_k)))
        np.testing.assert_allclose(probs, softmax(logits.astype(np.float64)), rtol=1e-4, atol=1e-7)


@given(all_logits, st.integers(1, 9))
def test_top_k_keeps_exactly_k_even_of_equals(logits, top_k):
    kept = np.isfinite(distribution(logits, PLAIN._replace(top_k=top_k)))
    assert kept.sum() == min(top_k, len(logits))
    assert logits[kept].min() >= logits[~kept].max(initial=-np.inf)


@given(all_logits, st.floats(0.0009765625, 1, exclude_max=True))
def test_top_p_keeps_the_smallest_set_that_reaches_the_mass(logits, top_p):
    kept = np.isfinite(distribution(logits, PLAIN._replace(top_p=top_p)))
    probs = softmax(logits.astype(np.float64))
    assert probs[kept].min() >= probs[~kept].max(initial=0) - EPSILON
    assert probs[kept].sum() > top_p - EPSILON
    assert probs[kept].sum() - probs[kept].min() < top_p + EPSILON


@given(all_logits, st.floats(0, 1))
def test_min_p_keeps_what_is_near_the_likeliest(logits, min_p):
    kept = np.isfinite(distribution(logits, PLAIN._replace(min_p=min_p)))
    share = np.exp(logits.astype(np.float64) - logits.max())
    assert np.all(share[kept] >= min_p - EPSILON)
    assert np.all(share[~kept] <= min_p + EPSILON)


@pytest.mark.parametrize("temperature", [1e-3, 1e-20, 1e-37, 1e-38, 1e-40, 1e-60])
def test_the_coldest_temperatures_are_greedy(temperature):
    logits = np.array([-50.0, 3.0, 80.0, 1.0, 2.0, 79.0], np.float32)
    expected = np.eye(6)[2]
    np.testing.assert_array_equal(np.exp(distribution(logits, PLAIN._replace(temperature=temperature))), expected)
    np.testing.assert_array_equal(np.exp(distribution(-logits, PLAIN._replace(temperature=temperature))), np.eye(6)[0])


@pytest.mark.parametrize("top_p", [1e-6, 1e-30, 1e-60])
def test_the_least_mass_there_is_keeps_the_likeliest(top_p):
    logits = np.random.default_rng(0).normal(size=(50, 67)).astype(np.float32)
    probs = np.exp(distribution(logits, PLAIN._replace(top_p=top_p)))
    np.testing.assert_array_equal(probs, np.eye(67)[logits.argmax(-1)])


def test_the_hottest_temperature_is_uniform():
    logits = np.array([-50.0, 3.0, 80.0, 1.0, 2.0, 79.0], np.float32)
    np.testing.assert_allclose(np.exp(distribution(logits, PLAIN._replace(temperature=1e30))), np.full(6, 1 / 6), 1e-5)


def test_another_setting_compiles_nothing_anew():
    state, logits = initial_state(CONFIG, 1), jnp.zeros((1, len(VOCABULARY)))
    write(state, logits, seed=0, length=10)
    compiled = generate._cache_size()
    write(state, logits, seed=0, length=10, position=9, sampling=Sampling.of(SampleConfig(0.3, 4, 0.5, 0.1)))
    assert generate._cache_size() == compiled


def write(state, logits, *, seed, length, position=0, sampling=PLAIN, params=PARAMS, config=CONFIG):
    """Text with a key of its own for each stream."""
    keys = jax.random.split(jax.random.key(seed), logits.shape[0])
    return generate(config, params, state, logits, sampling, keys, position, length=length)


@pytest.mark.parametrize("sampling", [PLAIN, Sampling(0.7, 3, 0.9, 0.02)], ids=["plain", "narrowed"])
def test_a_text_does_not_depend_on_its_chunks(sampling):
    start = read_block(CONFIG, PARAMS, initial_state(CONFIG, 2), np.array([[0, 1]]))
    whole_state, whole_logits, whole = write(*start, seed=1, length=10, sampling=sampling)
    state, logits, first = write(*start, seed=1, length=4, sampling=sampling)
    state, logits, second = write(state, logits, seed=1, length=6, position=4, sampling=sampling)
    np.testing.assert_array_equal(whole, np.concatenate([first, second]))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), (whole_state, whole_logits), (state, logits))
    assert len(np.unique(whole)) > 1
    assert np.any(whole[:, 0] != whole[:, 1])


def test_a_text_does_not_depend_on_the_streams_beside_it():
    state, logits = read_block(CONFIG, PARAMS, initial_state(CONFIG, 2), np.array([[0, 1]]))
    keys = jax.random.split(jax.random.key(0), 2)
    _, _, beside = generate(CONFIG, PARAMS, state, logits, PLAIN, keys, 0, length=10)
    alone_state = jax.tree.map(lambda part: part[1:2], state)
    _, _, alone = generate(CONFIG, PARAMS, alone_state, logits[1:2], PLAIN, keys[1:2], 0, length=10)
    np.testing.assert_array_equal(beside[:, 1:2], alone)


def test_what_is_written_is_read():
    """The state and logits that come back are those after reading the text that was written."""
    start = initial_state(CONFIG, 2)
    state, logits, ids = write(start, jnp.zeros((2, len(VOCABULARY))), seed=3, length=10)
    expected = read_block(CONFIG, PARAMS, start, ids)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), (state, logits), expected)


def assert_drawn_from(ids, probs):
    """Chi-square of the counts; with 5 degrees of freedom it is above 30 once in 70,000 times."""
    counts = np.bincount(np.ravel(ids), minlength=len(probs))
    assert np.all(counts[probs == 0] == 0)
    expected = counts.sum() * probs[probs > 0]
    assert ((counts[probs > 0] - expected) ** 2 / expected).sum() < 30


@pytest.mark.parametrize("sampling", [PLAIN, Sampling(0.5, 4, 0.98, 0.01)], ids=["plain", "narrowed"])
def test_characters_are_drawn_from_the_distribution(sampling):
    """Over many streams at one position, and over many positions of one stream."""
    small = ModelConfig("rnn", hidden_size=1, num_layers=1)
    logits = np.array([0.0, 1.0, -1.0, 0.5, 2.0, -0.5], np.float32)
    zeros = random_params(small, len(logits), scale=0.0)
    params = zeros._replace(bias_out=jnp.asarray(logits))  # always of the same mind
    expected = twin(logits, sampling)
    streams = write(
        initial_state(small, 10_000), np.tile(logits, (10_000, 1)), seed=0, length=1, sampling=sampling, params=params,
        config=small,
    )[2]  # fmt: skip
    assert_drawn_from(streams, expected)
    positions = write(
        initial_state(small, 1), logits[None], seed=0, length=10_000, sampling=sampling, params=params, config=small
    )[2]
    assert_drawn_from(positions, expected)


def successor(vocab):
    """A net that follows each character by the next one of the alphabet, and is sure of it."""
    config = ModelConfig("rnn", hidden_size=vocab, num_layers=1)
    zeros = random_params(config, vocab, scale=0.0)
    layer = zeros.layers[0]._replace(weight_ih=10 * jnp.eye(vocab))
    return config, zeros._replace(layers=(layer,), weight_out=100 * jnp.roll(jnp.eye(vocab), 1, axis=1))


@pytest.mark.parametrize("sampling", [PLAIN, Sampling.of(SampleConfig()), Sampling(0.0, 0, 1.0, 0.0)])
def test_a_model_that_counts_writes_exactly_what_follows(sampling):
    vocabulary = Vocabulary("abcdefgh")
    config, params = successor(len(vocabulary))
    state, logits = read_prompt(Model(config, vocabulary, params), "xyz, abc")
    _, _, ids = write(state, logits, seed=0, length=20, sampling=sampling, params=params, config=config)
    assert vocabulary.decode(ids[:, 0]) == "defghabcdefghabcdefg"


def test_writing_nothing_changes_nothing():
    state, logits = read_prompt(Model(CONFIG, VOCABULARY, PARAMS), "abc")
    after, after_logits, ids = write(state, logits, seed=0, length=0)
    assert ids.shape == (0, 1)
    jax.tree.map(np.testing.assert_array_equal, (after, after_logits), (state, logits))


@partial(jax.jit, static_argnums=0)
def read_one_by_one(config, params, ids):
    start = initial_state(config, 1), jnp.zeros((1, len(VOCABULARY)))
    return lax.fori_loop(0, len(ids), lambda t, after: step(config, params, after[0], ids[t]), start)


@pytest.mark.parametrize("length", [1, BLOCK - 1, BLOCK, BLOCK + 1, 600])
def test_a_prompt_is_read_character_by_character(length):
    rng = np.random.default_rng(length)
    prompt = "".join(rng.choice(list("\nabcde?"), size=length))  # ? is unknown
    ids = VOCABULARY.encode(prompt)[:, None]
    ours = read_prompt(Model(CONFIG, VOCABULARY, PARAMS), prompt)
    expected = read_one_by_one(CONFIG, PARAMS, ids)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), ours, expected)


@pytest.mark.parametrize("characters", ["\nabcde", "fabcde"], ids=["with newline", "without"])
def test_an_empty_prompt_is_the_beginning_of_a_line(characters):
    model = Model(CONFIG, Vocabulary(characters), PARAMS)
    expected = read_one_by_one(CONFIG, PARAMS, np.array([[0 if "\n" in characters else len(characters)]]))
    for prompt in ("", "\n"):
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5), read_prompt(model, prompt), expected)


def test_characters_no_one_knows_are_read_as_the_zero_vector():
    """It is another thing than skipping them, and all of them are alike."""
    model = Model(CONFIG, VOCABULARY, PARAMS)
    (_, one), (_, other), (_, skipped) = (
        read_prompt(model, "a€b"),
        read_prompt(model, "a\udc80b"),
        read_prompt(model, "ab"),
    )
    np.testing.assert_array_equal(one, other)
    assert not np.any(np.isclose(one, skipped))


def test_reading_by_length_is_reading_a_block_is_forward():
    ids = np.random.default_rng(0).integers(len(VOCABULARY), size=(8, 2)).astype(np.uint8)
    start = initial_state(CONFIG, 2)
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    state, logits = jax.jit(forward, static_argnums=0)(CONFIG, PARAMS, start, ids)
    jax.tree.map(close, read_block(CONFIG, PARAMS, start, ids), (state, logits[-1]))
    jax.tree.map(close, read(CONFIG, PARAMS, start, ids, 8), (state, logits[-1]))
    for length in (1, 5):
        jax.tree.map(close, read(CONFIG, PARAMS, start, ids, length)[1], logits[length - 1])
