"""Voices: one run or several that read the same text, and whose thoughts of the next character are blended.

`p(c) = Σ w_v p_v(c)`, over all characters that any of them knows. A character that a voice does not know has
probability 0 in that voice, which reads it as unknown. Temperature, top-k, top-p and min-p are applied to the blend,
not to each voice: so the weights mean what they say at any temperature, and one voice is what it is alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float, Int, PRNGKeyArray

from charnn.config import SampleConfig
from charnn.errors import ConfigError
from charnn.nn import blend
from charnn.nn.blend import Blend, Branches, Configs, Reading
from charnn.nn.generate import BLOCK, Sampling, read_on, read_prompt
from charnn.nn.model import Model, State
from charnn.text.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class Voice:
    """A run that writes. `folder` and `checkpoint` say where its weights are from, for who wants to load it again."""

    name: str
    model: Model
    folder: str = ""
    checkpoint: str = "best"


@dataclass(frozen=True, eq=False)
class Voices:
    """At least one voice, and how much each is heard.

    Made by `Voices.of`. A `Reading` does not depend on the weights: voices that were `reweighted` go on from the same.
    """

    voices: tuple[Voice, ...]
    weights: tuple[float, ...]
    """They sum to 1."""
    vocabulary: Vocabulary
    """Every character that a voice knows: those of the first with their ids, then what further ones add."""
    blend: Blend

    @classmethod
    def of(cls, voices: Sequence[Voice], weights: Sequence[float] | None = None) -> Self:
        """Voices heard in proportion to `weights`; equally if None. Raises `ConfigError` for weights that cannot be."""
        vocabularies = [voice.model.vocabulary for voice in voices]
        vocabulary = reduce(Vocabulary.extended, vocabularies)
        own_ids = tuple(
            jnp.asarray(np.append(own.encode(vocabulary.characters), own.unknown_id).astype(np.int32))
            for own in vocabularies
        )
        weights = _normalised(weights if weights is not None else [1.0] * len(voices), len(voices))
        return cls(tuple(voices), weights, vocabulary, Blend(tuple(voice.model.params for voice in voices), own_ids))

    def reweighted(self, weights: Sequence[float]) -> Self:
        """The same voices, heard in proportion to `weights`: nothing is compiled or read anew.

        Raises `ConfigError` for a negative or infinite weight, for none above 0, and for another number of them.
        """
        return replace(self, weights=_normalised(weights, len(self.voices)))

    @property
    def names(self) -> tuple[str, ...]:
        """What each voice is called."""
        return tuple(voice.name for voice in self.voices)

    @cached_property
    def configs(self) -> Configs:
        """The shape of each voice's net."""
        return tuple(voice.model.config for voice in self.voices)

    @cached_property
    def _weights(self) -> npt.NDArray[np.float32]:
        return np.asarray(self.weights, np.float32)

    def begin(self, prompt: str = "") -> Reading:
        """Read `prompt` from the beginning; an empty one stands for the beginning of a line (see `read_prompt`)."""
        return _reading([read_prompt(voice.model, prompt) for voice in self.voices])

    def read(self, reading: Reading, text: str) -> Reading:
        """Read `text` after what was read: a long one in blocks."""
        if not text:
            return reading
        return _reading(
            [read_on(voice.model, state, text) for voice, state in zip(self.voices, reading.states, strict=True)]
        )

    def log_probs(self, reading: Reading, settings: SampleConfig) -> Float[Array, "batch vocab"]:
        """The distribution of the next character under `settings`."""
        return blend.blended_log_probs(self.blend, reading, self._weights, Sampling.of(settings))

    def generate(
        self, reading: Reading, settings: SampleConfig, keys: PRNGKeyArray, position: int, *, length: int
    ) -> tuple[Reading, Int[Array, "length batch"]]:
        """Write `length` characters on each stream: `nn.generate.generate` for a blend."""
        sampling = Sampling.of(settings)
        return blend.generate(self.configs, self.blend, reading, self._weights, sampling, keys, position, length=length)

    def open_pool(self, reading: Reading, settings: SampleConfig, room: int) -> tuple[tuple[State, ...], Branches]:
        """See `nn.blend.open_pool`."""
        return blend.open_pool(self.blend, reading, self._weights, Sampling.of(settings), room=room)

    def extend(
        self,
        pool: tuple[State, ...],
        settings: SampleConfig,
        parents: npt.NDArray[np.int32],
        ids: npt.NDArray[np.int32],
        places: npt.NDArray[np.int32],
    ) -> tuple[tuple[State, ...], Branches]:
        """See `nn.blend.extend`."""
        sampling = Sampling.of(settings)
        return blend.extend(self.configs, self.blend, pool, self._weights, sampling, parents, ids, places)

    def score(self, reading: Reading, text: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """For each character of `text`, read after `reading`: −log2 p and the bits that were to be expected.

        At temperature 1, with nothing ruled out. A character that no voice knows has no probability: NaN; one known
        only to voices of weight 0 is impossible: inf.
        """
        ids = self.vocabulary.encode(text)
        bits, expected = [np.zeros(0)], [np.zeros(0)]
        for start in range(0, len(ids), BLOCK):
            some = ids[start : start + BLOCK]
            room = np.zeros(BLOCK, ids.dtype)
            room[: len(some)] = some
            reading, nats, entropy = blend.score(self.configs, self.blend, reading, self._weights, room, len(some))
            bits.append(np.asarray(nats, np.float64)[: len(some)] / np.log(2))
            expected.append(np.asarray(entropy, np.float64)[: len(some)] / np.log(2))
        return np.concatenate(bits), np.concatenate(expected)


def repeated(reading: Reading, num: int) -> Reading:
    """`reading`, of one stream, on `num` streams."""
    return jax.tree.map(lambda one: jnp.repeat(one, num, axis=0), reading)


def _reading(read: Sequence[tuple[State, Float[Array, "1 vocab"]]]) -> Reading:
    return Reading(tuple(state for state, _ in read), tuple(logits for _, logits in read))


def _normalised(weights: Sequence[float], num: int) -> tuple[float, ...]:
    if len(weights) != num:
        raise ConfigError(f"There are {len(weights)} weights for {num} voices; each voice needs one.", "voice")
    total = sum(weights)
    if not all(0 <= weight < float("inf") for weight in weights) or not 0 < total < float("inf"):
        raise ConfigError(
            f"The voices' weights are {', '.join(f'{weight:g}' for weight in weights)}; each must be 0 or more, and one"
            " at least above 0.",
            "voice",
        )
    return tuple(weight / total for weight in weights)
