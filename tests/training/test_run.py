"""A run as a whole: what it tells, that it learns, and that nothing which interrupts it can be seen in the end."""

import dataclasses
import functools
import itertools
import json
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import charnn.training.pace as pace_module
import charnn.training.run as run_module
from charnn.config import CELLS, ModelConfig, SampleConfig, TrainConfig
from charnn.errors import CorpusError, TrainingError
from charnn.nn.generate import Sampling, generate, read_prompt
from charnn.nn.model import Model, init_params
from charnn.text.batches import Streams
from charnn.text.vocabulary import Vocabulary
from charnn.training.checkpoint import Checkpoints, load_params
from charnn.training.evaluation import bits_per_char
from charnn.training.events import (
    Compiled,
    Evaluated,
    Finished,
    Progressed,
    Recovered,
    Sampled,
    Saved,
    Started,
    Stopped,
)
from charnn.training.optimiser import abstract_train_state, learning_rate, make_train_step
from charnn.training.record import METRICS, SAMPLES, RunRecord, append, create_run, read_lines, read_run
from charnn.training.run import run

TEXT = "the cat sat on the mat, and the rat sat on the cat. " * 8
MODEL = ModelConfig("lstm", hidden_size=4, num_layers=1, dropout=0.3)
CONFIG = TrainConfig(  # 11 steps an epoch, with a few characters to spare
    seq_len=8,
    batch_size=4,
    steps=25,
    learning_rate=0.05,
    final_learning_rate=0.2,
    log_every=4,
    eval_every=10,
    sample_every=7,
    sample_length=60,
    sample_prompt="the",
)

compiled_train_step = functools.cache(make_train_step)


def cached_train_step(model, config):
    """The compiled step, the same for all runs that do not differ in what it depends on."""
    names = ("batch_size", "seed", "beta1", "beta2", "weight_decay", "max_grad_norm", "average_decay")
    return compiled_train_step(model, TrainConfig(**{name: getattr(config, name) for name in names}))


@pytest.fixture(autouse=True)
def _compile_once(monkeypatch):
    monkeypatch.setattr(run_module, "make_train_step", cached_train_step)


def ids_of(text):
    return Vocabulary("".join(sorted(set(text)))).encode(text)


def record_of(text=TEXT, model=MODEL, config=CONFIG):
    vocabulary = Vocabulary("".join(sorted(set(text))))
    return RunRecord(model, config, vocabulary, "made up", "made-up.txt", "0" * 64, "now", "0.1.0")


def begin(folder, text=TEXT, model=MODEL, config=CONFIG, **options):
    """The events of a new run, or of one that goes on."""
    record = record_of(text, model, config)
    if not folder.exists():
        create_run(folder, record)
    return run(folder, record, ids_of(text), **options)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def only(kind, events):
    (event,) = of(kind, events)
    return event


def lines_without_clock(folder, file):
    clock = {"seconds", "chars_per_second"}
    return [{name: value for name, value in line.items() if name not in clock} for line in read_lines(folder, file)]


def outcome(folder, model=MODEL, config=CONFIG):
    """All that a run leaves behind, but for the clock."""
    abstract = abstract_train_state(model, config, len(read_run(folder).vocabulary))
    state, progress = Checkpoints(folder).restore(abstract)
    best, best_step = load_params(folder, "best", model, len(read_run(folder).vocabulary))
    arrays = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((state, best))]
    lines = [lines_without_clock(folder, file) for file in (METRICS, SAMPLES)]
    return arrays, best_step, dataclasses.replace(progress, seconds=0), lines


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupts, and its events."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(run_module, "make_train_step", cached_train_step)
        events = list(begin(folder))
    return SimpleNamespace(folder=folder, events=events, outcome=outcome(folder))


def stop_after(count):
    """Says so once it was asked `count` times."""
    asked = itertools.count(1)
    return lambda: next(asked) == count


# --- what a run tells


def test_a_run_tells_its_shape_its_steps_and_its_end(whole):
    started, finished = whole.events[0], whole.events[-1]
    assert (started.step, started.end_step, started.steps_per_epoch) == (0, 25, 11)
    assert (started.batch_size, started.seq_len, started.remarks) == (4, 8, ())
    assert started.train_chars + started.val_chars == len(TEXT)
    assert started.train_chars == int(0.9 * len(TEXT))
    params = load_params(whole.folder, "last", MODEL, len(set(TEXT)))[0]
    assert started.num_params == sum(leaf.size for leaf in jax.tree.leaves(params))
    assert isinstance(finished, Finished)
    assert finished.step == 25
    only(Compiled, whole.events)
    for kind, steps in {
        Progressed: [4, 8, 12, 16, 20, 24],
        Evaluated: [10, 20, 25],
        Sampled: [0, 1, 2, 5, 7, 10, 14, 20, 21, 25],
        Saved: [0, 10, 20, 25],
    }.items():
        assert [event.step for event in of(kind, whole.events)] == steps
    for event in of(Progressed, whole.events) + of(Evaluated, whole.events):
        assert event.chars == event.step * 4 * 8


def test_events_are_plain_numbers_and_strings(whole):
    for event in whole.events:
        json.dumps(dataclasses.asdict(event), allow_nan=False)
        for value in dataclasses.asdict(event).values():
            assert type(value) in (int, float, str, bool, tuple, type(None))


def test_the_record_is_what_was_told(whole):
    metrics = list(read_lines(whole.folder, METRICS))
    assert [line["step"] for line in metrics] == [4, 8, 10, 12, 16, 20, 20, 24, 25]
    told = {event.step: event for event in of(Progressed, whole.events)}
    for line in metrics:
        if "val_bits_per_char" not in line:
            event = told[line["step"]]
            assert line["train_bits_per_char"] == event.bits_per_char
            for name in ("chars", "learning_rate", "grad_norm", "clipped", "chars_per_second", "seconds"):
                assert line[name] == getattr(event, name)
    scores = {line["step"]: line["val_bits_per_char"] for line in metrics if "val_bits_per_char" in line}
    assert scores == {event.step: event.bits_per_char for event in of(Evaluated, whole.events)}
    assert list(read_lines(whole.folder, SAMPLES)) == [dataclasses.asdict(event) for event in of(Sampled, whole.events)]


def test_samples_carry_the_score_last_measured(whole):
    scores = {event.step: event.bits_per_char for event in of(Evaluated, whole.events)}
    for event in of(Sampled, whole.events):
        assert event.val_bits_per_char == scores.get(max((step for step in scores if step <= event.step), default=None))


def test_what_is_scored_and_sampled_is_what_is_kept(whole):
    """The weights of the checkpoint have the score and write the sample that were recorded with them."""
    params, step = load_params(whole.folder, "last", MODEL, len(set(TEXT)))
    assert step == 25
    ids = ids_of(TEXT)
    num_train = whole.events[0].train_chars
    assert bits_per_char(MODEL, params, ids[num_train - 1 :]) == of(Evaluated, whole.events)[-1].bits_per_char
    vocabulary = record_of().vocabulary
    state, logits = read_prompt(Model(MODEL, vocabulary, params), "the")
    keys = jax.random.key(0)[None]
    _, _, written = generate(MODEL, params, state, logits, Sampling.of(SampleConfig()), keys, 0, length=60)
    assert vocabulary.decode(written[:, 0]) == of(Sampled, whole.events)[-1].text


def test_the_learning_rate_is_the_schedules(whole):
    for event in of(Progressed, whole.events):
        assert event.learning_rate == learning_rate(CONFIG, event.step, event.step / 25)


def test_each_step_reads_its_batch_and_each_epoch_begins_without_memory(tmp_path, monkeypatch):
    given = []

    def make(model, config):
        train_step = cached_train_step(model, config)

        def recorded(state, inputs, targets, step, rate, starts_epoch):
            given.append((inputs, targets, int(step), bool(starts_epoch)))
            return train_step(state, inputs, targets, step, rate, starts_epoch)

        return recorded

    monkeypatch.setattr(run_module, "make_train_step", make)
    list(begin(tmp_path / "run"))
    streams = Streams(ids_of(TEXT)[: int(0.9 * len(TEXT))], batch_size=4, seq_len=8, seed=0)
    assert [step for _, _, step, _ in given] == list(range(25))
    assert [step for _, _, step, starts_epoch in given if starts_epoch] == [0, 11, 22]
    for inputs, targets, step, _ in given:
        np.testing.assert_array_equal((inputs, targets), streams.batch(step))


def test_lengths_are_given_in_steps_or_epochs(tmp_path):
    text, model = "abcd" * 20, ModelConfig("rnn", 4, 1)
    config = TrainConfig(seq_len=4, batch_size=2, sample_length=2)
    for name, length, steps in (("a", {"steps": 3}, 3), ("b", {"epochs": 0.5}, 4), ("c", {"epochs": 1e-9}, 1)):
        events = begin(tmp_path / name, text, model, dataclasses.replace(config, **length))
        assert next(events).end_step == steps  # of 8 an epoch
    assert next(begin(tmp_path / "d", text, model, config)).end_step == 300  # ten epochs would be 80
    assert next(begin(tmp_path / "e", text * 10, model, config)).end_step == 890


# --- that it learns


@pytest.mark.parametrize("cell", CELLS)
def test_hello_is_learned(tmp_path, cell):
    """The lecture's example: five characters, of which four are read and the one after each predicted."""
    model = ModelConfig(cell, hidden_size=8, num_layers=1, dropout=0.0)
    config = TrainConfig(steps=100, learning_rate=0.05, sample_length=4, log_every=50)
    events = list(begin(tmp_path / "run", "hello", model, config))
    started = only(Started, events)
    assert (started.batch_size, started.seq_len, started.train_chars, started.val_chars) == (1, 4, 5, 0)
    assert len(started.remarks) == 2
    assert "1 × 4" in started.remarks[0]
    assert "5 characters" in started.remarks[0]
    assert "validation" in started.remarks[1]
    assert not of(Evaluated, events)
    assert of(Progressed, events)[-1].bits_per_char < 0.1
    vocabulary = record_of("hello").vocabulary
    assert vocabulary.characters == "ehlo"
    params, _ = load_params(tmp_path / "run", "best", model, 4)
    state, logits = read_prompt(Model(model, vocabulary, params), "h")
    greedy = Sampling.of(SampleConfig(temperature=0))
    _, _, ids = generate(model, params, state, logits, greedy, jax.random.key(0)[None], 0, length=4)
    assert vocabulary.decode(ids[:, 0])[:4] == "ello"


@pytest.fixture(scope="module")
def periodic(tmp_path_factory):
    """The events of a run on a text that repeats itself, with the evaluations and samples that come by themselves."""
    config = TrainConfig(steps=110, seq_len=8, batch_size=2, learning_rate=0.05, sample_length=2, log_every=10)
    model = ModelConfig("rnn", hidden_size=8, num_layers=1, dropout=0.0)
    return list(begin(tmp_path_factory.mktemp("periodic") / "run", "abac" * 60, model, config))


def test_a_periodic_text_is_learned_and_its_rest_predicted(periodic):
    losses = [event.bits_per_char for event in of(Progressed, periodic)]
    assert losses[0] > 0.5
    assert losses[-1] < 0.1
    assert only(Finished, periodic).val_bits_per_char < 0.1


def test_samples_come_at_log_spaced_steps_and_at_the_end(periodic):
    assert [event.step for event in of(Sampled, periodic)] == [0, 1, 2, 5, 10, 20, 50, 100, 110]
    assert only(Evaluated, periodic).step == 110


def test_weights_can_be_given_to_begin_with(tmp_path):
    given = init_params(MODEL, len(set(TEXT)), key=jax.random.key(99))
    events = begin(tmp_path / "run", params=jax.tree.map(jnp.copy, given))
    while not isinstance(next(events), Saved):
        pass
    kept, step = load_params(tmp_path / "run", "last", MODEL, len(set(TEXT)))
    assert step == 0
    jax.tree.map(np.testing.assert_array_equal, kept, given)


def test_the_seed_decides_the_fresh_weights_and_all_that_follows(tmp_path, whole):
    list(begin(tmp_path / "same"))
    assert outcome(tmp_path / "same") == whole.outcome
    other = begin(tmp_path / "other", config=dataclasses.replace(CONFIG, seed=1))
    assert next(event for event in other if isinstance(event, Sampled)).text != of(Sampled, whole.events)[0].text


def test_a_text_of_one_character_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="1 character"):
        begin(tmp_path / "run", "a")


# --- that it can be interrupted


@pytest.mark.parametrize("step", [1, 10, 13, 16, 24], ids=lambda step: f"step {step}")
def test_stopped_and_gone_on_with_is_never_stopped(tmp_path, whole, step):
    """In the middle of an epoch and of what is logged together, at an evaluation, and one step before the end."""
    first = list(begin(tmp_path / "run", stop=stop_after(step)))
    assert first[-1] == Stopped(step, 25)
    assert first[-2] == Saved(step)
    second = list(begin(tmp_path / "run"))
    assert second[0].step == step
    assert isinstance(second[-1], Finished)
    assert outcome(tmp_path / "run") == whole.outcome


def test_stopped_at_every_step_is_never_stopped(tmp_path, whole):
    config = dataclasses.replace(CONFIG, steps=6)
    list(begin(tmp_path / "whole", config=config))
    for step in range(1, 6):
        assert list(begin(tmp_path / "run", config=config, stop=lambda: True))[-1] == Stopped(step, 6)
    assert isinstance(list(begin(tmp_path / "run", config=config, stop=lambda: True))[-1], Finished)
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("num_events", [1, 2, 8, 12, 13, 19, 23])
def test_killed_and_gone_on_with_is_never_killed(tmp_path, whole, num_events):
    """Left alone after some events, the first of them before anything is saved, and with half a line on disk."""
    abandoned = begin(tmp_path / "run")
    told = list(itertools.islice(abandoned, num_events))
    for file in (METRICS, SAMPLES):
        with (tmp_path / "run" / file).open("a") as stream:
            stream.write('{"step": 1, "te')
    second = list(begin(tmp_path / "run"))
    assert second[0].step == max((event.step for event in of(Saved, told)), default=0)
    assert outcome(tmp_path / "run") == whole.outcome


def test_killed_between_the_best_checkpoint_and_the_last(tmp_path, whole, monkeypatch):
    abandoned = begin(tmp_path / "run")
    next(event for event in abandoned if event == Saved(10))
    with monkeypatch.context() as killed:
        killed.setattr(Checkpoints, "save", half_save)
        with pytest.raises(KeyboardInterrupt):
            list(abandoned)
    assert load_params(tmp_path / "run", "best", MODEL, len(set(TEXT)))[1] == 20
    started, *_ = begin(tmp_path / "run")
    assert started.step == 10
    assert outcome(tmp_path / "run") == whole.outcome


def half_save(self, state, progress, save=Checkpoints.save):
    assert progress.best_step == progress.step
    self._last = SimpleNamespace(latest_step=lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    save(self, state, progress)


def test_a_run_that_is_complete_stays_as_it_is(tmp_path, whole):
    list(begin(tmp_path / "run"))
    started, finished = begin(tmp_path / "run")
    assert (started.step, finished.step) == (25, 25)
    assert finished.best_bits_per_char == whole.events[-1].best_bits_per_char
    assert outcome(tmp_path / "run") == whole.outcome


def test_what_was_not_saved_is_forgotten(tmp_path):
    list(begin(tmp_path / "run", stop=stop_after(5)))
    append(tmp_path / "run", METRICS, {"step": 6})
    append(tmp_path / "run", SAMPLES, {"step": 7})
    next(begin(tmp_path / "run"))
    for file in (METRICS, SAMPLES):
        assert max(line["step"] for line in read_lines(tmp_path / "run", file)) <= 5


# --- the best checkpoint


def test_the_best_checkpoint_is_that_of_the_lowest_score(tmp_path, monkeypatch):
    scores = iter([3.0, 2.0, 2.5, 2.0, 2.25])
    monkeypatch.setattr(run_module, "bits_per_char", lambda *_: next(scores))
    events = list(begin(tmp_path / "run", config=dataclasses.replace(CONFIG, eval_every=5)))
    told = [(event.step, event.bits_per_char, event.is_best) for event in of(Evaluated, events)]
    assert told == [(5, 3.0, True), (10, 2.0, True), (15, 2.5, False), (20, 2.0, False), (25, 2.25, False)]
    finished = only(Finished, events)
    assert (finished.best_step, finished.best_bits_per_char, finished.val_bits_per_char) == (10, 2.0, 2.25)
    best, step = load_params(tmp_path / "run", "best", MODEL, len(set(TEXT)))
    assert step == 10
    again = tmp_path / "again"
    scores = iter([3.0, 2.0])
    list(begin(again, config=dataclasses.replace(CONFIG, eval_every=5), stop=stop_after(10)))
    jax.tree.map(np.testing.assert_array_equal, best, load_params(again, "last", MODEL, len(set(TEXT)))[0])


# --- a loss that is not finite


def broken_at(steps):
    """A training step that poisons the weights before each of the given steps, one after the other."""
    remaining = list(steps)
    rates = []

    def make(model, config):
        healthy = cached_train_step(model, config)

        def train_step(state, inputs, targets, step, rate, starts_epoch):
            rates.append((int(step), float(rate)))
            if remaining and step == remaining[0]:
                remaining.pop(0)
                state = state._replace(params=jax.tree.map(lambda leaf: leaf + jnp.nan, state.params))
            return healthy(state, inputs, targets, step, rate, starts_epoch)

        return train_step

    make.rates = rates
    return make


@pytest.mark.parametrize("step", [3, 13, 19])
def test_a_loss_that_is_not_finite_once_is_recovered_from(tmp_path, monkeypatch, step):
    make = broken_at([step])
    monkeypatch.setattr(run_module, "make_train_step", make)
    events = list(begin(tmp_path / "run"))
    back_to = step // 10 * 10
    recovered = only(Recovered, events)
    assert (recovered.back_to, recovered.learning_rate_scale, recovered.recoveries) == (back_to, 0.5, 1)
    assert step < recovered.step <= step + 4
    assert only(Finished, events).step == 25
    failing = [step for step, _ in make.rates].index(recovered.step - 1) + 1
    for scale, rates in ((1.0, make.rates[:failing]), (0.5, make.rates[failing:])):
        for at, rate in rates:
            assert rate == pytest.approx(scale * learning_rate(CONFIG, at, at / 25), rel=1e-6)
    assert make.rates[failing][0] == back_to
    after = events[events.index(recovered) :]
    for event in of(Progressed, after):
        assert event.learning_rate == pytest.approx(0.5 * learning_rate(CONFIG, event.step, event.step / 25))
    _, _, progress, (metrics, samples) = outcome(tmp_path / "run")
    assert (progress.learning_rate_scale, progress.recoveries) == (0.5, 1)
    assert [line["step"] for line in metrics] == [4, 8, 10, 12, 16, 20, 20, 24, 25], "each step is recorded once"
    assert [line["step"] for line in samples] == [0, 1, 2, 5, 7, 10, 14, 20, 21, 25]
    json.dumps(metrics, allow_nan=False)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(load_params(tmp_path / "run", "last", MODEL, 14)[0]))


def test_a_recovered_run_that_is_stopped_keeps_its_smaller_learning_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "make_train_step", broken_at([13]))
    list(begin(tmp_path / "whole"))
    monkeypatch.setattr(run_module, "make_train_step", broken_at([13]))
    stop = stop_after(13 + 4)  # the steps up to 14, and then from 10 on again
    assert isinstance(list(begin(tmp_path / "run", stop=stop))[-1], Stopped)
    list(begin(tmp_path / "run"))
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_a_score_that_is_not_finite_is_recovered_from(tmp_path, monkeypatch):
    scores = iter([2.0, math.nan, 1.5, 1.0])
    monkeypatch.setattr(run_module, "bits_per_char", lambda *_: next(scores))
    events = list(begin(tmp_path / "run"))
    assert only(Recovered, events) == Recovered(20, 10, 0.5, 1)
    assert [event.bits_per_char for event in of(Evaluated, events)] == [2.0, 1.5, 1.0]


def test_a_loss_that_is_never_finite_ends_the_run_and_leaves_it_intact(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "make_train_step", broken_at([13] * 9))
    events = []
    with pytest.raises(TrainingError, match=r"not finite at step 14.*--learning-rate"):
        events.extend(begin_into(events, tmp_path / "run"))
    assert [event.learning_rate_scale for event in of(Recovered, events)] == [0.5, 0.25, 0.125]
    folder = tmp_path / "run"
    assert read_run(folder) == record_of()
    params, step = load_params(folder, "best", MODEL, len(set(TEXT)))
    assert step == 10
    assert np.isfinite(read_prompt(Model(MODEL, record_of().vocabulary, params), "the")[1]).all()


def begin_into(events, folder):
    for event in begin(folder):
        events.append(event)
    return ()


# --- a run timed by the clock


class Clock:
    """A clock that moves when something is done: 0.1 s a step, 0.5 s an evaluation, 20 s the first step."""

    def __init__(self, monkeypatch, *, step=0.1, evaluation=0.5, compilation=20.0):
        self.now = 1000.0
        self.step_seconds, self.evaluation, self.compilation = step, evaluation, compilation
        for module in (run_module, pace_module):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(run_module, "make_train_step", self.make_train_step)
        monkeypatch.setattr(run_module, "bits_per_char", self.bits_per_char)

    def make_train_step(self, model, config):
        train_step = cached_train_step(model, config)
        first = True

        def timed(*args):
            nonlocal first
            self.now += self.step_seconds + self.compilation * first
            first = False
            return train_step(*args)

        return timed

    def bits_per_char(self, *args):
        self.now += self.evaluation
        return bits_per_char(*args)


TIMED = dataclasses.replace(CONFIG, steps=None, minutes=1, sample_every=0, eval_every=50, warmup_steps=10, log_every=5)


def assert_annealed(events, config):
    last = of(Progressed, events)[-1]
    end = config.learning_rate * config.final_learning_rate
    assert last.learning_rate == pytest.approx(end, rel=0.05)
    rates = [event.learning_rate for event in of(Progressed, events)]
    assert max(rates) > 0.9 * config.learning_rate
    assert all(later <= earlier * 1.001 for earlier, later in itertools.pairwise(rates[4:]))


def test_a_run_timed_in_minutes_ends_on_time_and_annealed(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    began = clock.now
    events = list(begin(tmp_path / "run", config=TIMED))
    assert only(Started, events).end_step is None
    assert only(Compiled, events).seconds == pytest.approx(20.1)
    finished = only(Finished, events)
    assert clock.now - began == pytest.approx(60, abs=1.5)
    assert finished.seconds == pytest.approx(clock.now - began)
    # 40 s are left after the compilation; 50 steps and their evaluation take 5.5 s
    assert finished.step == pytest.approx(40 / 5.5 * 50, rel=0.05)
    assert_annealed(events, TIMED)
    assert of(Evaluated, events)[-1].step == of(Saved, events)[-1].step == finished.step


def test_a_run_timed_in_minutes_goes_on_with_the_minutes_that_are_left(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    began = clock.now
    first = list(begin(tmp_path / "run", config=TIMED, stop=stop_after(123)))
    assert isinstance(first[-1], Stopped)
    spent = clock.now - began
    clock.now += 5000  # it lies idle
    began = clock.now
    second = list(begin(tmp_path / "run", config=TIMED))
    assert isinstance(second[-1], Finished)
    assert spent + clock.now - began == pytest.approx(60, abs=1.5)
    assert second[-1].seconds == pytest.approx(60, abs=1.5)
    assert_annealed(first + second, TIMED)


def test_a_run_timed_in_minutes_is_on_time_when_the_machine_slows_down(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    began = clock.now
    events = []
    for event in begin(tmp_path / "run", config=TIMED):
        events.append(event)
        if isinstance(event, Progressed) and event.step == 100:
            clock.step_seconds = 0.2
    assert clock.now - began == pytest.approx(60, abs=2)
    assert_annealed(events, TIMED)


def test_speed_is_told_without_compilation_and_evaluations(tmp_path, monkeypatch):
    Clock(monkeypatch)
    config = dataclasses.replace(TIMED, minutes=None, steps=60, eval_every=7)
    events = list(begin(tmp_path / "run", config=config))
    for event in of(Progressed, events):
        assert event.chars_per_second == pytest.approx(4 * 8 / 0.1)
    assert of(Progressed, events)[-1].seconds_left == 0
    # at step 40, 20 steps and their evaluations are left
    assert of(Progressed, events)[7].seconds_left == pytest.approx(20 * (0.1 + 0.5 / 7))
