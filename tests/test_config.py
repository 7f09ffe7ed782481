"""Every number is in its range or refused in words that name it."""

import dataclasses

import pytest

from charnn.config import CELLS, PRECISIONS, ModelConfig, SampleConfig, TrainConfig
from charnn.errors import CharnnError, ConfigError

INF, NAN = float("inf"), float("nan")

GOOD = {
    ModelConfig: {
        "cell": CELLS,
        "hidden_size": [1, 4096],
        "num_layers": [1, 9],
        "dropout": [0, 0.999],
        "precision": PRECISIONS,
    },
    TrainConfig: {
        "seq_len": [1],
        "batch_size": [1],
        "epochs": [0.001, 1],
        "steps": [1],
        "minutes": [0.001],
        "learning_rate": [1e-9, 1],
        "final_learning_rate": [0, 1],
        "warmup_steps": [0],
        "beta1": [0, 0.9999],
        "beta2": [0, 0.9999],
        "weight_decay": [0],
        "max_grad_norm": [1e-9, INF],
        "average_decay": [0, 0.9999],
        "val_fraction": [0, 0.99],
        "seed": [0, 2**32 - 1],
        "eval_every": [0],
        "sample_every": [0],
        "sample_length": [1],
        "sample_prompt": ["", "\udc80"],
        "log_every": [1],
    },
    SampleConfig: {"temperature": [0, 1e9], "top_k": [0, 10**6], "top_p": [1e-9, 1], "min_p": [0, 1]},
}
BAD = {
    ModelConfig: {
        "cell": ["quantum", "LSTM"],
        "hidden_size": [0, -1],
        "num_layers": [0, -1],
        "dropout": [-0.1, 1, NAN],
        "precision": ["float16", ""],
    },
    TrainConfig: {
        "seq_len": [0, -1],
        "batch_size": [0, -1],
        "epochs": [0, -1, INF, NAN],
        "steps": [0, -1],
        "minutes": [0, -1, INF, NAN],
        "learning_rate": [0, -1, INF, NAN],
        "final_learning_rate": [-0.1, 1.1, NAN],
        "warmup_steps": [-1],
        "beta1": [-0.1, 1, NAN],
        "beta2": [-0.1, 1, NAN],
        "weight_decay": [-0.1, INF, NAN],
        "max_grad_norm": [0, -1, NAN],
        "average_decay": [-0.1, 1, NAN],
        "val_fraction": [-0.1, 1, NAN],
        "seed": [-1, 2**32],
        "eval_every": [-1],
        "sample_every": [-1],
        "sample_length": [0],
        "log_every": [0],
    },
    SampleConfig: {"temperature": [-1, INF, NAN], "top_k": [-1], "top_p": [0, 1.1, NAN], "min_p": [-0.1, 1.1, NAN]},
}


def cases(table):
    return [
        (kind, field, value) for kind, fields in table.items() for field, values in fields.items() for value in values
    ]


def test_every_field_is_tried():
    for kind, fields in GOOD.items():
        assert set(fields) == {field.name for field in dataclasses.fields(kind)}
        assert set(fields) - set(BAD[kind]) <= {"sample_prompt"}


@pytest.mark.parametrize("kind", GOOD)
def test_the_defaults_are_in_range_and_cannot_be_changed(kind):
    config = kind()
    hash(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, dataclasses.fields(kind)[0].name, None)


@pytest.mark.parametrize(("kind", "field", "value"), cases(GOOD))
def test_the_ends_of_a_range_are_in_it(kind, field, value):
    assert getattr(kind(**{field: value}), field) == value


@pytest.mark.parametrize(("kind", "field", "value"), cases(BAD))
def test_what_is_out_of_range_is_refused_by_name(kind, field, value):
    with pytest.raises(ConfigError) as error:
        kind(**{field: value})
    assert error.value.field == field
    assert str(error.value).startswith(f"{field} is {value!r}; it must be ")


@pytest.mark.parametrize(
    "lengths", [{"epochs": 1, "steps": 1}, {"steps": 1, "minutes": 1}, {"epochs": 1, "minutes": 1}]
)
def test_how_long_to_train_is_said_once(lengths):
    with pytest.raises(ConfigError, match=f"{' and '.join(lengths)} are both given") as error:
        TrainConfig(**lengths)
    assert error.value.field == list(lengths)[1]


def test_a_misuse_exits_with_2_and_a_failure_with_1():
    assert CharnnError.exit_code == 1
    assert ConfigError("").exit_code == 2
    assert {kind.exit_code for kind in CharnnError.__subclasses__() if kind is not ConfigError} == {1}
