"""What was saved comes back bit for bit, and what was not is refused in words."""

import dataclasses
import gc
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from charnn.config import ModelConfig, TrainConfig
from charnn.errors import CheckpointError
from charnn.nn.model import abstract_params
from charnn.training.checkpoint import Checkpoints, Progress, load_params
from charnn.training.optimiser import abstract_train_state

MODEL = ModelConfig("lstm", hidden_size=3, num_layers=2)
CONFIG = TrainConfig(batch_size=2)
VOCAB = 4
ABSTRACT = abstract_train_state(MODEL, CONFIG, VOCAB)


def random_state(seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(100 * rng.normal(size=leaf.shape), leaf.dtype), ABSTRACT)


def assert_identical(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def saved(folder, *steps, best):
    checkpoints = Checkpoints(folder)
    for step in steps:
        checkpoints.save(random_state(step), Progress(step=step, best_step=best if best <= step else None))
    return checkpoints


def test_what_was_saved_comes_back_bit_for_bit(tmp_path):
    progress = Progress(7, 1.1, 3, 0.1 + 0.2, 99, 0.5, 1, 2 / 3, 5, 1 / 3)
    assert Progress() not in [
        dataclasses.replace(progress, **{f.name: f.default}) for f in dataclasses.fields(progress)
    ]
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.is_empty
    checkpoints.save(random_state(0), progress)
    assert not checkpoints.is_empty
    state, restored = Checkpoints(tmp_path).restore(ABSTRACT)
    assert_identical(state, random_state(0))
    assert restored == progress


def test_one_checkpoint_of_each_kind_is_kept_and_best_is_the_best(tmp_path):
    checkpoints = saved(tmp_path, 0, 10, 20, best=10)
    state, progress = checkpoints.restore(ABSTRACT)
    assert (progress.step, progress.best_step) == (20, 10)
    assert_identical(state, random_state(20))
    for which, step in (("last", 20), ("best", 10)):
        params, found = load_params(tmp_path, which, MODEL, VOCAB)
        assert found == step
        assert_identical(params, random_state(step).average)
        assert [child.name for child in (tmp_path / which).iterdir()] == [str(step)]


def test_the_weights_are_read_without_the_training_state(tmp_path):
    saved(tmp_path, 5, best=5)
    for item in ("training", "progress"):
        shutil.rmtree(tmp_path / "last" / "5" / item)
    assert sorted(child.name for child in (tmp_path / "best" / "5").iterdir() if child.is_dir()) == ["params"]
    for which in ("last", "best"):
        assert_identical(load_params(tmp_path, which, MODEL, VOCAB)[0], random_state(5).average)


def test_best_is_last_without_validation(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(random_state(3), Progress(step=3))
    params, step = load_params(tmp_path, "best", MODEL, VOCAB)
    assert step == 3
    assert_identical(params, random_state(3).average)


def test_saving_the_same_step_again_changes_nothing(tmp_path):
    checkpoints = saved(tmp_path, 3, best=3)
    checkpoints.save(random_state(3), Progress(step=3, best_step=3))
    assert_identical(checkpoints.restore(ABSTRACT)[0], random_state(3))


def test_what_a_killed_save_left_does_no_harm(tmp_path):
    """Killed while the first checkpoint was written, while a later one was, and between the best and the last."""
    for which in ("last", "best"):
        leftover = tmp_path / which / "4.orbax-checkpoint-tmp-0" / "params"
        leftover.mkdir(parents=True)
        (leftover / "half").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_params(tmp_path, "last", MODEL, VOCAB)
    saved(tmp_path, 4, best=4)
    shutil.copytree(tmp_path / "last" / "4", tmp_path / "last" / "8.orbax-checkpoint-tmp-0")
    shutil.rmtree(tmp_path / "last" / "8.orbax-checkpoint-tmp-0" / "params")
    assert load_params(tmp_path, "last", MODEL, VOCAB)[1] == 4
    checkpoints = Checkpoints(tmp_path)
    state, progress = checkpoints.restore(ABSTRACT)
    assert progress.step == 4
    assert_identical(state, random_state(4))
    shutil.copytree(tmp_path / "best" / "4", tmp_path / "best" / "8")
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore(ABSTRACT)[1].step == 4
    checkpoints.save(random_state(8), Progress(step=8, best_step=8))
    assert checkpoints.restore(ABSTRACT)[1].step == 8


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_run_without_a_checkpoint_is_refused(tmp_path, which):
    for _ in range(2):  # without the folder and with an empty one
        with pytest.raises(CheckpointError, match="no checkpoint"):
            load_params(tmp_path, which, MODEL, VOCAB)
        (tmp_path / "last").mkdir(exist_ok=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "last"], "looking leaves nothing behind"


def empty(path):
    path.write_bytes(b"")


def garble(path):
    path.write_bytes(b"\xff{]" * 50)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [empty, garble, cut])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    saved(tmp_path, 5, best=5)
    for file in [file for file in (tmp_path / "last").rglob("*") if file.is_file()]:
        damage(file)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_params(tmp_path, "last", MODEL, VOCAB)
    with pytest.raises(CheckpointError, match="cannot be read"):
        Checkpoints(tmp_path).restore(ABSTRACT)


@pytest.mark.parametrize(
    "content", ["", "{]", "null", "[5]", "{}", {"step": 6}, {"unheard_of": 1}, {"seconds": None, "step": None}]
)
def test_a_checkpoint_that_does_not_say_how_far_the_run_had_come_is_refused(tmp_path, content):
    checkpoints = saved(tmp_path, 5, best=5)
    item = tmp_path / "last" / "5" / "progress"
    (file,) = (file for file in item.rglob("*") if file.is_file() and b"best_step" in file.read_bytes())
    whole = json.loads(file.read_text())
    file.write_text(content if isinstance(content, str) else json.dumps(whole | content))
    with pytest.raises(CheckpointError, match=r"cannot be read|does not say how far"):
        checkpoints.restore(ABSTRACT)


def test_a_best_of_steps_that_are_lost_is_found_again(tmp_path):
    """Killed after the new best had taken the place of the old, before the last was written."""
    saved(tmp_path, 4, best=4)
    (tmp_path / "best" / "4").rename(tmp_path / "best" / "8")
    checkpoints = Checkpoints(tmp_path)
    _, progress = checkpoints.restore(ABSTRACT)
    assert (progress.step, progress.best_step, progress.best_bits_per_char) == (4, None, None)
    assert load_params(tmp_path, "best", MODEL, VOCAB)[1] == 4, "until then, the last is the best there is"
    checkpoints.save(random_state(6), Progress(step=6, best_step=6, best_bits_per_char=2.0))
    weights, step = load_params(tmp_path, "best", MODEL, VOCAB)
    assert step == 6
    assert_identical(weights, random_state(6).average)
    assert checkpoints.restore(ABSTRACT)[1].best_step == 6


def test_a_checkpoint_without_its_weights_is_refused(tmp_path):
    saved(tmp_path, 5, best=5)
    for which in ("last", "best"):
        shutil.rmtree(tmp_path / which / "5" / "params")
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_params(tmp_path, which, MODEL, VOCAB)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax leaves its readers unfinished
@pytest.mark.parametrize(("model", "vocab"), [(dataclasses.replace(MODEL, hidden_size=5), VOCAB), (MODEL, VOCAB + 1)])
def test_weights_of_another_shape_are_refused(tmp_path, model, vocab):
    saved(tmp_path, 5, best=5)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_params(tmp_path, "last", model, vocab)
    gc.collect()


def test_the_shapes_are_known_without_computing():
    assert jax.tree.map(lambda leaf: leaf.shape, ABSTRACT.average) == jax.tree.map(
        lambda leaf: leaf.shape, abstract_params(MODEL, VOCAB)
    )


def test_the_part_of_the_schedule_that_is_done():
    assert Progress(step=5).done == 0
    assert [Progress(step=step, end_step=20).done for step in (0, 5, 20)] == [0, 0.25, 1]
    replanned = Progress(anchor_step=10, anchor_progress=0.4, end_step=40)
    assert [dataclasses.replace(replanned, step=step).done for step in (10, 25, 40)] == pytest.approx([0.4, 0.7, 1])
    assert Progress(step=7, anchor_step=7, anchor_progress=0.9, end_step=7).done == 0.9
