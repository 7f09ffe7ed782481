"""Every setting of a model, its training and its sampling, with defaults and range checks (standard library only)."""

from dataclasses import dataclass
from typing import Literal, get_args

from charnn.errors import ConfigError

CellName = Literal["lstm", "gru", "rnn"]
CELLS: tuple[CellName, ...] = get_args(CellName)
Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def _require(condition: bool, field: str, value: object, needed: str) -> None:
    if not condition:
        raise ConfigError(f"{field} is {value!r}; it must be {needed}.", field)


@dataclass(frozen=True)
class ModelConfig:
    """The net: which cell, how wide, how deep, how exactly computed. Raises `ConfigError` when out of range.

    `precision` is that of the factors of every matrix product, and of the stored weights' copies in them; sums,
    weights, states and the loss are float32 in either.
    """

    cell: CellName = "lstm"
    hidden_size: int = 512
    num_layers: int = 1
    dropout: float = 0.3
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        _require(self.cell in CELLS, "cell", self.cell, f"one of {', '.join(CELLS)}")
        _require(self.hidden_size >= 1, "hidden_size", self.hidden_size, "at least 1 unit")
        _require(self.num_layers >= 1, "num_layers", self.num_layers, "at least 1 layer")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "at least 0 and below 1")
        _require(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Raises `ConfigError` when out of range.

    How long comes from exactly one of `epochs`, `steps` and `minutes`; with none given, it is `DEFAULT_EPOCHS` but at
    least `DEFAULT_MIN_STEPS`, so that a short text is learned too.
    The learning rate rises over `warmup_steps` and falls along a cosine to `final_learning_rate` × `learning_rate`.
    """

    seq_len: int = 64
    batch_size: int = 32
    epochs: float | None = None
    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 6e-3
    final_learning_rate: float = 0.01
    warmup_steps: int = 100
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    average_decay: float = 0.99
    val_fraction: float = 0.1
    seed: int = 0
    eval_every: int = 0
    sample_every: int = 0
    sample_length: int = 300
    sample_prompt: str = "\n"
    log_every: int = 10

    DEFAULT_EPOCHS = 10.0
    DEFAULT_MIN_STEPS = 300

    def __post_init__(self) -> None:
        _require(self.seq_len >= 1, "seq_len", self.seq_len, "at least 1 character")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1 stream")
        lengths = [name for name in ("epochs", "steps", "minutes") if getattr(self, name) is not None]
        if len(lengths) > 1:
            raise ConfigError(
                f"{' and '.join(lengths)} are both given; how long to train needs exactly one of them.", lengths[1]
            )
        for name in lengths:
            _require(0 < getattr(self, name) < float("inf"), name, getattr(self, name), "above 0 and finite")
        _require(0 < self.learning_rate < float("inf"), "learning_rate", self.learning_rate, "above 0 and finite")
        _require(
            0 <= self.final_learning_rate <= 1,
            "final_learning_rate",
            self.final_learning_rate,
            "between 0 and 1, a fraction of learning_rate",
        )
        _require(self.warmup_steps >= 0, "warmup_steps", self.warmup_steps, "0 or more steps")
        _require(0 <= self.beta1 < 1, "beta1", self.beta1, "at least 0 and below 1")
        _require(0 <= self.beta2 < 1, "beta2", self.beta2, "at least 0 and below 1")
        _require(0 <= self.weight_decay < float("inf"), "weight_decay", self.weight_decay, "0 or more, and finite")
        _require(self.max_grad_norm > 0, "max_grad_norm", self.max_grad_norm, "above 0 (inf: never clip)")
        _require(
            0 <= self.average_decay < 1, "average_decay", self.average_decay, "at least 0 (no average) and below 1"
        )
        _require(0 <= self.val_fraction < 1, "val_fraction", self.val_fraction, "at least 0 and below 1")
        _require(0 <= self.seed < 2**32, "seed", self.seed, "between 0 and 2**32 - 1")
        _require(self.eval_every >= 0, "eval_every", self.eval_every, "0 (chosen for you) or more steps")
        _require(self.sample_every >= 0, "sample_every", self.sample_every, "0 (log-spaced only) or more steps")
        _require(self.sample_length >= 1, "sample_length", self.sample_length, "at least 1 character")
        _require(self.log_every >= 1, "log_every", self.log_every, "at least 1 step")


@dataclass(frozen=True)
class SampleConfig:
    """How the next character is drawn from the model's distribution. Raises `ConfigError` when out of range.

    Applied in this order: `temperature` divides the logits (0 is greedy: always the likeliest); `top_k` keeps the
    k likeliest (0, or more than there are, keeps all); `top_p` keeps the smallest set of likeliest characters whose
    mass reaches p (Holtzman et al. 2020); `min_p` keeps those at least min_p times as likely as the likeliest
    (Nguyen et al. 2024). The likeliest is always kept.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        _require(
            0 <= self.temperature < float("inf"), "temperature", self.temperature, "0 (greedy) or a number above it"
        )
        _require(self.top_k >= 0, "top_k", self.top_k, "0 (all) or more characters")
        _require(0 < self.top_p <= 1, "top_p", self.top_p, "above 0 and at most 1")
        _require(0 <= self.min_p <= 1, "min_p", self.min_p, "between 0 and 1")
