"""Texts in pieces: joined, they are what was asked for, however they are cut."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charnn.config import ModelConfig, SampleConfig
from charnn.nn.model import Model, abstract_params
from charnn.text.vocabulary import Vocabulary
from charnn.writing import sampling
from charnn.writing.sampling import CHUNK, _UpTo, sample, sample_texts


def random_model():
    config, vocabulary = ModelConfig("gru", 8, 1), Vocabulary("\n abc")
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), abstract_params(config, len(vocabulary))
    )
    return Model(config, vocabulary, params)


MODEL = random_model()


def pieces(length, *, seed=1, **options):
    return list(sample(MODEL, "ab", SampleConfig(temperature=1.0), length=length, seed=seed, **options))


def texts(length, **options):
    return ["".join(parts) for parts in zip(*pieces(length, **options), strict=True)]


def up_to(stop, text):
    return text.split(stop)[0] if stop else text


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100])
def test_a_text_has_its_length_and_begins_as_every_longer_one(length):
    (text,) = texts(length)
    (longer,) = texts(length + CHUNK + 1)
    assert len(text) == length
    assert longer.startswith(text)
    assert texts(length) == [text]


def test_no_length_is_no_text():
    assert pieces(0) == pieces(0, num=3, stop="a") == []


def test_a_stream_is_its_own_beside_others_and_each_seed_another():
    together = texts(70, num=3)
    assert together[:1] == texts(70)
    assert len({*together, *texts(70, seed=2)}) == 4
    assert all(len(text) == 70 for text in together)


def test_a_stream_ends_at_its_stop_and_the_others_go_on():
    whole = texts(100, num=3)
    stop = whole[0][CHUNK - 2 : CHUNK + 4]  # over the border of two pieces
    assert stop not in whole[1], "else this tests nothing"
    cut = pieces(100, num=3, stop=stop)
    assert ["".join(parts) for parts in zip(*cut, strict=True)] == [up_to(stop, text) for text in whole]
    assert len(whole[0].split(stop)[0]) < len(up_to(stop, whole[1])) == 100
    assert {len(piece) for piece in cut} == {3}


@pytest.mark.parametrize("num", [1, 2, 5])
@pytest.mark.parametrize("length", [0, 40])
def test_whole_texts_are_those_written_at_once_however_many_memory_holds(num, length, monkeypatch):
    together = texts(length, num=num, stop="b") or [""] * num
    for bound, value in (("AT_ONCE", 2), ("MAX_HELD", 90)):
        monkeypatch.setattr(sampling, bound, value)
        config = SampleConfig(temperature=1.0)
        assert list(sample_texts(MODEL, "ab", config, length=length, seed=1, num=num, stop="b")) == together


def test_nothing_is_computed_for_texts_that_are_all_complete():
    (whole,) = texts(1000)
    assert len(pieces(1000, stop=whole[5:10])) == 1


@given(st.lists(st.text("ab", max_size=5), min_size=1), st.text("ab", max_size=5))
@example(["aaab"], "aab")
@example(["a", "aa", "", "b", "aab"], "aab")
@example(["ab", "ab", "ac"], "abac")
@example(["ababaca"], "abac")
@example(["ab"], "abab")
@example(["ba", "ba"], "")
def test_what_is_let_through_ends_before_the_first_stop_however_it_is_cut(cut, stop):
    text = _UpTo(stop)
    seen = through = ""
    for n, piece in enumerate(cut, 1):
        is_last = n == len(cut)
        seen += piece
        through += text.add(piece, is_last)
        assert text.complete == (is_last or (stop != "" and stop in seen))
        if not text.complete:  # then as much as can be known is through
            assert seen.startswith(through)
            assert stop.startswith(seen[len(through) :])
    assert through == up_to(stop, seen)
    assert text.add(stop + "a", False) == text.add("b", True) == ""
