"""New text from a prompt: many streams at once, handed out piece by piece as it is made."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp

from charnn.config import SampleConfig
from charnn.nn.model import Model
from charnn.writing.voices import Voice, Voices, repeated

AT_ONCE = 256  # texts; more would be hardly faster
MAX_HELD = 2**24  # characters of whole texts, until they are complete
CHUNK = 32  # characters written between two looks at the text; long enough that looking costs little


def sample(
    writer: Model | Voices,
    prompt: str,
    config: SampleConfig,
    *,
    length: int,
    seed: int,
    num: int = 1,
    first: int = 0,
    stop: str = "",
) -> Iterator[list[str]]:
    """Continue `prompt` in `num` ways, each for `length` characters or up to the first `stop`.

    Yields, again and again, the next piece of each text: `num` strings, empty for a text that is complete. Neither the
    prompt nor `stop` is among them. They are texts `first`, `first` + 1 and so on: the characters of text n are drawn
    with random numbers that depend on `seed` and n alone, not on `num`, `length` or the pieces. A model writes as a
    single voice does.
    """
    voices = writer if isinstance(writer, Voices) else Voices.of([Voice("", writer)])
    reading = repeated(voices.begin(prompt), num)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), first + jnp.arange(num))
    texts = [_UpTo(stop) for _ in range(num)]
    for position in range(0, length, CHUNK):
        reading, ids = voices.generate(reading, config, keys, position, length=CHUNK)
        written = jax.device_get(ids)[: length - position]
        is_last = position + CHUNK >= length
        yield [text.add(voices.vocabulary.decode(written[:, n]), is_last) for n, text in enumerate(texts)]
        if all(text.complete for text in texts):
            return


def sample_texts(
    writer: Model | Voices, prompt: str, config: SampleConfig, *, length: int, seed: int, num: int, stop: str = ""
) -> Iterator[str]:
    """The `num` texts of `sample`, whole, one after the other: as many at once as fit in bounded memory."""
    at_once = max(1, min(AT_ONCE, MAX_HELD // max(length, 1)))
    for first in range(0, num, at_once):
        group = min(at_once, num - first)
        pieces = sample(writer, prompt, config, length=length, seed=seed, num=group, first=first, stop=stop)
        yield from ["".join(parts) for parts in zip(*pieces, strict=True)] or [""] * group


class _UpTo:
    """Lets a text through up to the first `stop`. What may be the beginning of one is held back until that is known."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.complete = False
        self.held_back = ""

    def add(self, piece: str, is_last: bool) -> str:
        if self.complete:
            return ""
        text = self.held_back + piece
        if self.stop and self.stop in text:
            self.complete = True
            return text[: text.index(self.stop)]
        if is_last:
            self.complete = True
            return text
        longest = min(len(self.stop) - 1, len(text))
        held = next((size for size in range(longest, 0, -1) if self.stop.startswith(text[-size:])), 0)
        self.held_back = text[len(text) - held :]
        return text[: len(text) - held]
