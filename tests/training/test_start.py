"""What a run starts from: a name that is free and fit, the settings and text it began with, another run's weights."""

import dataclasses
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charnn.config import ModelConfig, TrainConfig
from charnn.errors import CheckpointError, ConfigError, CorpusError
from charnn.nn.model import init_params
from charnn.text.corpus import read_corpus
from charnn.text.vocabulary import Vocabulary
from charnn.training.checkpoint import Checkpoints, Progress
from charnn.training.optimiser import abstract_train_state
from charnn.training.record import SAMPLES, RunRecord, append, create_run
from charnn.training.run import run
from charnn.training.start import inherit, new_folder, read_same_text, require_same_settings

MODEL = ModelConfig("gru", hidden_size=3, num_layers=2, dropout=0.1)
CONFIG = TrainConfig(batch_size=2, seq_len=8)
TEXT = "a cab, a bac " * 9


def record_of(characters, text=TEXT):
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return RunRecord(MODEL, CONFIG, Vocabulary(characters), "made up", "made-up.txt", sha256, "now", "0.1.0")


def test_without_a_name_a_run_gets_the_first_that_is_free(tmp_path):
    checkpoints = tmp_path / "not yet there"
    for name in ("text-gru", "text-gru-2", "text-gru-3"):
        folder = new_folder(checkpoints, None, "text-gru")
        assert folder == checkpoints / name
        folder.mkdir(parents=True)


@given(st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=30))
@example("[draft] one")
@example("-rf")
@example(".hidden")
@example("caf\udce9")
def test_whatever_a_text_is_called_its_run_can_be_named_in_a_command(tmp_path_factory, stem):
    checkpoints = tmp_path_factory.getbasetemp() / "none"
    folder = new_folder(checkpoints, None, f"{stem}-gru")
    assert folder.parent == checkpoints
    assert new_folder(checkpoints, folder.name, "") == folder


@pytest.mark.parametrize("name", ["mine", "a b", "x-1.5", "語り", "1"])
def test_a_name_is_taken_as_it_is_even_when_it_is_in_use(tmp_path, name):
    (tmp_path / name).mkdir()
    assert new_folder(tmp_path, name, "text-gru") == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "../x", "a/b", "/a", "a\\b", "a[b", "a]b", "a\nb", "a\x1b[2J", "caf\udce9"]
)
def test_a_name_that_is_unfit_for_a_folder_or_a_command_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot be the name of a run") as caught:
        new_folder(tmp_path, name, "text-gru")
    assert caught.value.field == "name"


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_folder_that_checkpoints_cannot_be_kept_in_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="square bracket") as caught:
        new_folder(tmp_path / "[x]" / "checkpoints", name, "text-gru")
    assert caught.value.field == "checkpoints"


def test_settings_that_a_run_began_with_may_be_given_again_and_others_may_not(tmp_path):
    record = record_of("abc")
    began = dataclasses.asdict(MODEL) | dataclasses.asdict(CONFIG)
    require_same_settings(tmp_path / "mine", record, began)
    others = {"cell": "lstm", "hidden_size": 4, "dropout": 0.2, "steps": 5, "seed": 1, "learning_rate": 1.0}
    for field, value in others.items():
        with pytest.raises(ConfigError, match="--init-from mine") as caught:
            require_same_settings(tmp_path / "mine", record, {field: value})
        assert caught.value.field == field


def test_only_the_text_that_a_run_began_with_is_gone_on_with(tmp_path):
    record, path = record_of("cb, a"), tmp_path / "moved.txt"
    path.write_text(TEXT)
    text = read_same_text(tmp_path / "mine", record, path)
    assert (text.name, text.vocabulary) == (record.corpus_name, record.vocabulary)
    assert record.vocabulary.decode(text.ids) == TEXT
    path.write_text(TEXT[::-1])  # of the same length and alphabet
    with pytest.raises(CorpusError, match="not the text that mine was trained on"):
        read_same_text(tmp_path / "mine", record, path)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run that knows c, a and b, and was at its best at step 4."""
    folder = tmp_path_factory.mktemp("runs") / "source"
    create_run(folder, record_of("cab"))
    with_step = Checkpoints(folder)
    for step in (4, 6):
        with_step.save(state_of(step), Progress(step=step, best_step=4))
    return folder


def state_of(step):
    abstract = abstract_train_state(MODEL, CONFIG, 3)
    return jax.tree.map(lambda leaf: jnp.full(leaf.shape, step, leaf.dtype), abstract)


def test_what_another_run_knows_is_inherited_and_new_characters_come_behind(tmp_path, source):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    model, text, params = inherit(source, {"hidden_size": 3, "dropout": 0.5}, read_corpus(path), 7)
    assert model == dataclasses.replace(MODEL, dropout=0.5)
    assert text.vocabulary == Vocabulary("cab ,"), "the known characters keep their ids"
    assert text.vocabulary.decode(text.ids) == TEXT
    known, fresh = state_of(4).average, init_params(model, 5, key=jax.random.key(7))
    rows = [
        (params.layers[0].weight_ih, known.layers[0].weight_ih, fresh.layers[0].weight_ih),
        (params.weight_out.T, known.weight_out.T, fresh.weight_out.T),
        (params.bias_out, known.bias_out, fresh.bias_out),
    ]
    for ours, theirs, new in rows:
        np.testing.assert_array_equal(ours, np.concatenate([theirs, new[3:]]))
    for ours, theirs in zip(
        jax.tree.leaves((params.layers[0]._replace(weight_ih=()), params.layers[1:])),
        jax.tree.leaves((known.layers[0]._replace(weight_ih=()), known.layers[1:])),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("field", "value"), [("cell", "lstm"), ("hidden_size", 4), ("num_layers", 1)])
def test_weights_are_not_inherited_by_a_net_of_another_shape(tmp_path, source, field, value):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    with pytest.raises(ConfigError, match=f"source has {field}") as caught:
        inherit(source, {field: value}, read_corpus(path), 0)
    assert caught.value.field == field


def test_a_run_that_was_to_begin_with_weights_does_not_begin_without_them(tmp_path):
    """Killed before its first checkpoint, which would have held them, and resumed."""
    record, folder = dataclasses.replace(record_of(" ,abc"), init_from="source"), tmp_path / "mine"
    create_run(folder, record)
    append(folder, SAMPLES, {"step": 0})
    with pytest.raises(CheckpointError, match=r"mine ended before its first checkpoint.*--init-from source"):
        run(folder, record, record.vocabulary.encode(TEXT))
    assert Checkpoints(folder).is_empty
