"""Writing: characters drawn one at a time and fed back, a whole chunk of them in one jitted scan."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from charnn.config import ModelConfig, SampleConfig
from charnn.nn.model import Model, Params, State, forward, initial_state, laid_out, step

BLOCK = 256  # characters of a prompt read at a time
MAX_NOISE = 2**22  # random numbers drawn at once, 16 MiB
After = TypeVar("After")


class Sampling(NamedTuple):
    """`SampleConfig` as numbers that a compiled function takes: another temperature compiles nothing anew."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float

    @classmethod
    def of(cls, config: SampleConfig) -> Self:
        """The numbers of `config`."""
        return cls(config.temperature, config.top_k, config.top_p, config.min_p)


def log_probs(logits: Float[Array, "*batch vocab"], sampling: Sampling) -> Float[Array, "*batch vocab"]:
    """The distribution that characters are drawn from, as log-probabilities; −inf for what is ruled out."""
    return jax.nn.log_softmax(narrowed(logits, sampling), axis=-1)


def narrowed(logits: Float[Array, "*batch vocab"], sampling: Sampling) -> Float[Array, "*batch vocab"]:
    """The logits of `log_probs`: scaled, and −inf for what is ruled out.

    In the order that `SampleConfig` documents; the likeliest character is never ruled out.
    """
    greedy = sampling.temperature == 0
    # colder than that makes no difference, and would overflow
    scaled = logits / jnp.where(greedy, 1.0, jnp.maximum(sampling.temperature, 1e-30))
    top_k = jnp.where(greedy, 1, sampling.top_k)
    narrows = (top_k > 0) | (sampling.top_p < 1) | (sampling.min_p > 0)
    return lax.cond(narrows, partial(_narrow, top_k, sampling.top_p, sampling.min_p), lambda scaled: scaled, scaled)


def _narrow(
    top_k: Int[Array, ""], top_p: float, min_p: float, logits: Float[Array, "*batch vocab"]
) -> Float[Array, "*batch vocab"]:
    vocab_size = logits.shape[-1]
    order = jnp.argsort(-logits, axis=-1)
    ranked = jnp.take_along_axis(logits, order, axis=-1)
    rank = jnp.arange(vocab_size)
    in_top_k = rank < jnp.where(top_k > 0, top_k, vocab_size)
    probs = jax.nn.softmax(jnp.where(in_top_k, ranked, -jnp.inf), axis=-1)
    before = jnp.cumsum(probs, axis=-1) - probs  # the mass of all that is likelier
    # rank 0 is named since rounding could rule it out: its `before` is not always exactly 0
    in_top_p = (before < top_p) | (top_p == 1)  # rounded, `before` can be 1 while something is still to come
    keep = (in_top_k & in_top_p & (probs >= min_p * probs[..., :1])) | (rank == 0)
    return jnp.take_along_axis(jnp.where(keep, ranked, -jnp.inf), jnp.argsort(order, axis=-1), axis=-1)


@partial(jax.jit, static_argnames=("config", "length"))
def generate(
    config: ModelConfig,
    params: Params,
    state: State,
    logits: Float[Array, "batch vocab"],
    sampling: Sampling,
    keys: PRNGKeyArray,
    position: Int[Array, ""] | int,
    *,
    length: int,
) -> tuple[State, Float[Array, "batch vocab"], Int[Array, "length batch"]]:
    """Write `length` characters on each stream; `state` and `logits` are those after the text so far.

    The character at position p of a stream is drawn with `fold_in(keys[stream], p)`, so the text depends neither on
    how it is cut in chunks nor on the streams beside it. Returns the state and logits after the last character, too.
    """
    params = laid_out(config, params)
    (state, logits), ids = write(
        lambda after, ids: step(config, params, after[0], ids),
        lambda after: narrowed(after[1], sampling),
        (state, logits),
        keys,
        position + jnp.arange(length),
    )
    return state, logits, ids


def write(
    step: Callable[[After, Int[Array, " batch"]], After],
    logits: Callable[[After], Float[Array, "batch vocab"]],
    after: After,
    keys: PRNGKeyArray,
    positions: Int[Array, " length"],
) -> tuple[After, Int[Array, "length batch"]]:
    """Draw a character of each stream and read it, for each of `positions` in turn: what `generate` does.

    `after` is whatever `step` keeps of the text so far, and `logits` those that what follows is drawn from.
    """
    vocab_size = jax.eval_shape(logits, after).shape[-1]

    def noise(position: Array) -> Array:
        draw_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, position)
        return jax.vmap(lambda key: jax.random.gumbel(key, (vocab_size,)))(draw_keys)

    def draw(after: After, noise: Array) -> tuple[After, Array]:
        # the largest of logits with Gumbel noise is a draw from their softmax (Gumbel 1954): jax.random.categorical
        ids = jnp.argmax(logits(after) + noise, axis=-1)
        return step(after, ids), ids

    def draw_several(after: After, positions: Array) -> tuple[After, Array]:
        # the noise of many characters at once: in the loop, each drawing of it would cost as much as a small net
        return lax.scan(draw, after, jax.vmap(noise)(positions))

    at_once = _largest_divisor(len(positions), at_most=MAX_NOISE // (len(keys) * vocab_size))
    after, ids = lax.scan(draw_several, after, positions.reshape(-1, at_once))
    return after, ids.reshape(len(positions), len(keys))


def _largest_divisor(number: int, *, at_most: int) -> int:
    return next(n for n in range(max(1, min(number, at_most)), 0, -1) if number % n == 0)


@partial(jax.jit, static_argnames=("config",))
def read(
    config: ModelConfig,
    params: Params,
    state: State,
    ids: Int[Array, "room batch"],
    length: Int[Array, ""] | int,
) -> tuple[State, Float[Array, "batch vocab"]]:
    """Read the first `length` (≥ 1) of `ids`, one by one: any length up to `room` runs the same compiled function."""
    params = laid_out(config, params)
    first = step(config, params, state, ids[0])
    return lax.fori_loop(1, length, lambda t, carry: step(config, params, carry[0], ids[t]), first)


@partial(jax.jit, static_argnames=("config",))
def read_block(
    config: ModelConfig, params: Params, state: State, ids: Int[Array, "seq_len batch"]
) -> tuple[State, Float[Array, "batch vocab"]]:
    """Read all of `ids`, with the input projections of the whole block as one matmul a layer."""
    state, logits = forward(config, params, state, ids)
    return state, logits[-1]


def read_prompt(model: Model, prompt: str) -> tuple[State, Float[Array, "1 vocab"]]:
    """The state and the logits after `prompt`, on one stream.

    An empty prompt stands for the beginning of a line: the model reads a newline or, if its alphabet has none, the
    zero vector, as for every character that it does not know.
    """
    return read_on(model, initial_state(model.config, 1), prompt or "\n")


def read_on(model: Model, state: State, text: str) -> tuple[State, Float[Array, "1 vocab"]]:
    """The state and the logits after `text` (at least a character), on one stream that was in `state` before it."""
    config, vocabulary, params = model
    ids = vocabulary.encode(text)[:, None]
    whole_blocks = len(ids) // BLOCK * BLOCK
    for start in range(0, whole_blocks, BLOCK):
        state, logits = read_block(config, params, state, ids[start : start + BLOCK])
    if rest := len(ids) - whole_blocks:
        room = np.zeros((BLOCK, 1), ids.dtype)
        room[:rest] = ids[whole_blocks:]
        state, logits = read(config, params, state, room, rest)
    return state, logits
