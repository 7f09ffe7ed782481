"""Voices blended: exactly the sum that NumPy makes of what each says alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from nets import random_model

from charnn.config import SampleConfig
from charnn.errors import ConfigError
from charnn.nn.blend import generate as generate_blend
from charnn.nn.generate import Sampling, generate, log_probs, read_prompt
from charnn.nn.model import Model
from charnn.text.vocabulary import Vocabulary
from charnn.writing.sampling import sample
from charnn.writing.voices import Voice, Voices

ONE = Voice("one", random_model("\n abc", seed=1))
OTHER = Voice("other", random_model("cxa\n", seed=2, cell="lstm", hidden_size=5, num_layers=2))
PLAIN = SampleConfig(1.0)
NARROW = SampleConfig(0.7, top_k=4, top_p=0.95, min_p=0.01)
TEXT = "ab?xc\na"


def alone(voice, text):
    """Each character's probability, computed by NumPy from the voice's own logits."""
    _, logits = read_prompt(voice.model, text)
    exp = np.exp(np.asarray(logits[0], np.float64))
    return dict(zip(voice.model.vocabulary.characters, exp / exp.sum(), strict=True))


def probabilities(voices, text, settings=PLAIN):
    log_probs = voices.log_probs(voices.begin(text), settings)
    return dict(zip(voices.vocabulary.characters, np.exp(np.asarray(log_probs[0], np.float64)), strict=True))


def assert_same(ours, expected):
    assert set(ours) == set(expected)
    for character, p in expected.items():
        assert ours[character] == pytest.approx(p, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (7, 3), (0.01, 0.99)])
@pytest.mark.parametrize("text", ["a", TEXT])
def test_the_blend_is_the_weighted_sum_over_all_characters(weights, text):
    mine, theirs = alone(ONE, text), alone(OTHER, text)
    share = np.array(weights) / sum(weights)
    expected = {c: share[0] * mine.get(c, 0) + share[1] * theirs.get(c, 0) for c in "\n abcx"}
    assert_same(probabilities(Voices.of([ONE, OTHER], weights), text), expected)
    assert_same(probabilities(Voices.of([OTHER, ONE], weights[::-1]), text), expected)


def test_settings_narrow_the_blend():
    voices = Voices.of([ONE, OTHER], (0.6, 0.4))
    blended = probabilities(voices, TEXT)
    logits = np.log(np.array([list(blended.values())], np.float32))
    expected = np.exp(log_probs(jnp.asarray(logits), Sampling.of(NARROW)))[0]
    ours = probabilities(voices, TEXT, NARROW)
    assert_same(ours, dict(zip(blended, expected.astype(float), strict=True)))
    assert 0 in ours.values()


def test_a_voice_of_all_the_weight_is_heard_alone():
    for weights, voice in [((1, 0), ONE), ((0, 2), OTHER)]:
        ours = probabilities(Voices.of([ONE, OTHER], weights), TEXT)
        assert_same(ours, {c: alone(voice, TEXT).get(c, 0) for c in ours})


@pytest.mark.parametrize("settings", [PLAIN, NARROW, SampleConfig(0.0)])
def test_one_voice_is_its_run_exactly(settings):
    voices = Voices.of([ONE])
    state, logits = read_prompt(ONE.model, TEXT)
    expected = jax.jit(log_probs)(logits, Sampling.of(settings))
    np.testing.assert_array_equal(voices.log_probs(voices.begin(TEXT), settings), expected)
    keys = jax.random.split(jax.random.key(0), 1)
    model, sampling = ONE.model, Sampling.of(settings)
    *_, ids = generate(model.config, model.params, state, logits, sampling, keys, 3, length=20)
    np.testing.assert_array_equal(voices.generate(voices.begin(TEXT), settings, keys, 3, length=20)[1], ids)


def test_the_order_of_an_alphabet_is_irrelevant():
    characters, order = ONE.model.vocabulary.characters, [3, 0, 4, 1, 2]
    params = ONE.model.params
    layer = params.layers[0]._replace(weight_ih=params.layers[0].weight_ih[np.array(order)])
    params = params._replace(
        layers=(layer,), weight_out=params.weight_out[:, np.array(order)], bias_out=params.bias_out[np.array(order)]
    )
    shuffled = Voice("shuffled", Model(ONE.model.config, Vocabulary("".join(characters[i] for i in order)), params))
    expected = probabilities(Voices.of([ONE, OTHER]), TEXT)
    assert_same(probabilities(Voices.of([shuffled, OTHER]), TEXT), expected)
    assert_same(probabilities(Voices.of([OTHER, shuffled]), TEXT), expected)


def test_other_weights_read_and_compile_nothing_anew():
    voices = Voices.of([ONE, OTHER])
    reading, keys = voices.begin(TEXT), jax.random.split(jax.random.key(0), 1)
    voices.generate(reading, PLAIN, keys, 0, length=4)
    compiled = generate_blend._cache_size()
    other = voices.reweighted([1, 3])
    other.generate(reading, NARROW, keys, 0, length=4)
    assert generate_blend._cache_size() == compiled
    assert other.weights == (0.25, 0.75)
    expected = Voices.of([ONE, OTHER], [1, 3])
    np.testing.assert_array_equal(other.log_probs(reading, PLAIN), expected.log_probs(expected.begin(TEXT), PLAIN))


def test_reading_on_is_reading_from_the_beginning():
    voices = Voices.of([ONE, OTHER])
    text = TEXT * 100
    whole = voices.begin(text)
    pieces = voices.begin(text[:5])
    for start, end in [(5, 5), (5, 6), (6, 500), (500, 700)]:
        pieces = voices.read(pieces, text[start:end])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), whole, pieces)


def test_a_score_is_what_each_character_costs_and_was_expected_to():
    voices = Voices.of([ONE, OTHER], (0.6, 0.4))
    text = "ab?x c\n" * 50  # over the border of a block
    bits, expected = voices.score(voices.begin("c"), text)
    for at in [0, 1, 2, 3, 4, 254, 255, 256, 257, len(text) - 1]:
        p = probabilities(voices, "c" + text[:at])
        assert expected[at] == pytest.approx(-sum(x * np.log2(x) for x in p.values() if x > 0), rel=1e-4)
        if text[at] == "?":
            assert np.isnan(bits[at])
        else:
            assert bits[at] == pytest.approx(-np.log2(p[text[at]]), rel=1e-4)
    assert [len(part) for part in voices.score(voices.begin("c"), "")] == [0, 0]


def test_a_blend_writes_texts_that_do_not_depend_on_their_pieces():
    def text(voices, length, seed=1):
        return "".join(piece for (piece,) in sample(voices, "ab", PLAIN, length=length, seed=seed))

    voices = Voices.of([ONE, OTHER])
    longer = text(voices, 100)
    assert len(longer) == 100
    assert set("b x") <= set(longer), "else only one is heard"
    assert text(voices, 33) == longer[:33]
    assert text(Voices.of([ONE]), 70) == "".join(p for (p,) in sample(ONE.model, "ab", PLAIN, length=70, seed=1))
    assert not set(text(voices.reweighted([0, 1]), 70)) - set("cxa\n")


@pytest.mark.parametrize("weights", [(1,), (1, 2, 3), (-1, 2), (0, 0), (float("nan"), 1), (float("inf"), 1)])
def test_weights_that_cannot_be_are_refused(weights):
    with pytest.raises(ConfigError, match="weight"):
        Voices.of([ONE, OTHER], weights)
