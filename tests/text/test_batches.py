import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.errors import CorpusError
from charnn.text.batches import Streams, fit_shape

sizes = st.integers(1, 9)


@st.composite
def streams(draw: st.DrawFn) -> Streams:
    batch_size, seq_len = draw(sizes), draw(sizes)
    num_characters = batch_size * seq_len + 1 + draw(st.integers(0, 200))
    return Streams(np.arange(num_characters, dtype=np.uint16), batch_size, seq_len, seed=draw(st.integers(0, 99)))


@given(streams(), st.integers(0, 1000))
def test_targets_are_the_characters_that_follow(streams: Streams, step: int):
    batch = streams.batch(step)
    assert batch.inputs.shape == batch.targets.shape == (streams.shape.seq_len, streams.shape.batch_size)
    assert batch.inputs.dtype == streams.ids.dtype
    assert batch.inputs.flags.c_contiguous
    np.testing.assert_array_equal(batch.targets, batch.inputs + 1)  # the text counts up from 0


@given(streams(), st.integers(0, 5))
def test_an_epoch_reads_one_stretch_of_the_text_and_each_stream_goes_on_where_it_was(streams: Streams, epoch: int):
    steps = range(epoch * streams.steps_per_epoch, (epoch + 1) * streams.steps_per_epoch)
    each_stream = np.concatenate([streams.batch(step).inputs for step in steps]).T
    whole = each_stream.reshape(-1)
    np.testing.assert_array_equal(whole, np.arange(whole[0], whole[0] + whole.size))
    assert len(streams.ids) - 1 - whole.size < streams.shape.batch_size * streams.shape.seq_len
    assert [streams.starts_epoch(step) for step in steps] == [True] + [False] * (len(steps) - 1)
    if epoch == 0:
        assert whole[0] == 0


@given(streams(), st.lists(st.integers(0, 50), max_size=8))
def test_a_batch_depends_on_its_step_alone(streams: Streams, steps: list[int]):
    fresh = Streams(streams.ids, *streams.shape, seed=streams.seed)
    expected = {step: fresh.batch(step) for step in sorted(steps)}
    for step in steps:
        np.testing.assert_array_equal(streams.batch(step), expected[step])


def test_later_epochs_reach_every_character():
    streams = Streams(np.arange(60), batch_size=2, seq_len=10)
    starts = {int(streams.batch(epoch * streams.steps_per_epoch).inputs[0, 0]) for epoch in range(400)}
    assert starts == set(range(20))


@given(st.integers(2, 500), st.integers(1, 70), st.integers(1, 70))
def test_a_fitted_shape_fills_a_batch_and_gives_up_no_more_than_it_must(num_characters: int, batch: int, seq: int):
    batch_size, seq_len = fit_shape(num_characters, batch, seq)
    assert 1 <= batch_size <= batch
    assert 1 <= seq_len <= seq
    assert Streams(np.zeros(num_characters, dtype=np.uint8), batch_size, seq_len).steps_per_epoch >= 1
    assert batch_size == batch or (batch_size + 1) * seq_len + 1 > num_characters
    assert seq_len == seq or (batch_size == 1 and seq_len + 1 == num_characters)


def test_the_smallest_texts():
    assert fit_shape(5, 64, 50) == (1, 4)
    assert fit_shape(2, 64, 50) == (1, 1)
    with pytest.raises(CorpusError, match="1 character, but at least 2"):
        fit_shape(1, 64, 50)
    with pytest.raises(CorpusError, match="5 characters, but one batch of batch_size 2 and seq_len 50 needs 101"):
        Streams(np.zeros(5, dtype=np.uint8), 2, 50)
