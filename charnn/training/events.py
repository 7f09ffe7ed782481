"""What a training run tells as it goes: frozen events of plain numbers and strings."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Started:
    """The run is ready for its first step, or for its next one when it goes on."""

    step: int
    num_params: int
    train_chars: int
    val_chars: int
    batch_size: int
    seq_len: int
    steps_per_epoch: int
    end_step: int | None
    """None while a run timed in minutes has not measured its speed."""
    remarks: tuple[str, ...]
    """One sentence for each thing that is not as was asked for."""


@dataclass(frozen=True)
class Compiled:
    """The first step is done; it includes the compilation and is not counted in any speed."""

    seconds: float


@dataclass(frozen=True)
class Progressed:
    """Means over the steps since the event before."""

    step: int
    end_step: int | None
    epoch: float
    chars: int
    """Characters seen in all."""
    bits_per_char: float
    learning_rate: float
    grad_norm: float
    clipped: float
    """The share of steps whose gradient was longer than `max_grad_norm`."""
    chars_per_second: float | None
    """Without evaluations, samples and the first step; None before it is measured."""
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class Evaluated:
    """The whole validation text was predicted."""

    step: int
    chars: int
    bits_per_char: float
    is_best: bool
    seconds: float


@dataclass(frozen=True)
class Sampled:
    """A text was written from the fixed prompt with the fixed key."""

    step: int
    chars: int
    val_bits_per_char: float | None
    """The score last measured; None before the first."""
    prompt: str
    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint of this step is on disk."""

    step: int


@dataclass(frozen=True)
class Recovered:
    """The loss was not finite: the run is back at its last checkpoint, with a smaller learning rate."""

    step: int
    back_to: int
    learning_rate_scale: float
    recoveries: int


@dataclass(frozen=True)
class Stopped:
    """The run was asked to stop and has saved; it can be resumed."""

    step: int
    end_step: int | None


@dataclass(frozen=True)
class Finished:
    """The run is complete."""

    step: int
    seconds: float
    val_bits_per_char: float | None
    best_step: int | None
    best_bits_per_char: float | None


Event: TypeAlias = Started | Compiled | Progressed | Evaluated | Sampled | Saved | Recovered | Stopped | Finished
