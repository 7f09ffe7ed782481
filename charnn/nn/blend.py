"""Several nets that read one text: what each thinks comes next, blended into one distribution over one alphabet.

A character of the blend has an id of its own, which `Blend.own_ids` turns into each net's. A net reads a character
that it does not know as unknown, and gives it no probability. A single net is read and drawn from as it is alone.
"""

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from charnn.config import ModelConfig
from charnn.nn.generate import Sampling, log_probs, narrowed, write
from charnn.nn.model import Params, State, laid_out
from charnn.nn.model import step as step_net

Configs: TypeAlias = tuple[ModelConfig, ...]
"""The shape of each net."""


class Blend(NamedTuple):
    """The weights of each net, and its own id of each character: [vocab + 1], the last for one that is unknown."""

    params: tuple[Params, ...]
    own_ids: tuple[Int[Array, " vocab+1"], ...]


class Reading(NamedTuple):
    """What each net remembers of a text, and what it thinks of the next character, in its own alphabet.

    It does not depend on the weights that the nets are blended with.
    """

    states: tuple[State, ...]
    logits: tuple[Float[Array, "batch own_vocab"], ...]


def voice_log_probs(blend: Blend, reading: Reading) -> Float[Array, "voices batch vocab"]:
    """The log-probabilities of each net by itself, in the alphabet of the blend; −inf for what it does not know."""
    return jnp.stack(
        [
            jnp.take(jax.nn.log_softmax(logits, axis=-1), own_ids[:-1], axis=-1, mode="fill", fill_value=-jnp.inf)
            for logits, own_ids in zip(reading.logits, blend.own_ids, strict=True)
        ]
    )


def blended_logits(blend: Blend, reading: Reading, weights: Float[Array, " voices"]) -> Float[Array, "batch vocab"]:
    """The log of `Σ weights[v] p_v(character)`, for weights that sum to 1; of a single net, its logits as they are."""
    if len(blend.params) == 1:
        return reading.logits[0]
    return jax.nn.logsumexp(voice_log_probs(blend, reading) + jnp.log(weights)[:, None, None], axis=0)


@jax.jit
def blended_log_probs(
    blend: Blend, reading: Reading, weights: Float[Array, " voices"], sampling: Sampling
) -> Float[Array, "batch vocab"]:
    """The distribution that characters are drawn from: `sampling` narrows the blend, not each net by itself."""
    return log_probs(blended_logits(blend, reading, weights), sampling)


def step(configs: Configs, blend: Blend, states: tuple[State, ...], ids: Int[Array, " batch"]) -> Reading:
    """Every net reads one character of each stream; `ids` are the blend's."""
    if len(configs) == 1:
        state, logits = step_net(configs[0], blend.params[0], states[0], ids)
        return Reading((state,), (logits,))
    read = [
        step_net(config, params, state, own_ids[ids])
        for config, params, own_ids, state in zip(configs, *blend, states, strict=True)
    ]
    return Reading(tuple(state for state, _ in read), tuple(logits for _, logits in read))


def _laid_out(configs: Configs, blend: Blend) -> Blend:
    return blend._replace(params=tuple(map(laid_out, configs, blend.params)))


@partial(jax.jit, static_argnames=("configs", "length"))
def generate(
    configs: Configs,
    blend: Blend,
    reading: Reading,
    weights: Float[Array, " voices"],
    sampling: Sampling,
    keys: PRNGKeyArray,
    position: Int[Array, ""] | int,
    *,
    length: int,
) -> tuple[Reading, Int[Array, "length batch"]]:
    """Write `length` characters on each stream, as `generate.generate` does: same keys, same rule, same text."""
    blend = _laid_out(configs, blend)
    return write(
        lambda after, ids: step(configs, blend, after.states, ids),
        lambda after: narrowed(blended_logits(blend, after, weights), sampling),
        reading,
        keys,
        position + jnp.arange(length),
    )


class Branches(NamedTuple):
    """What follows each of some texts."""

    log_probs: Float[Array, "batch vocab"]
    """Of the blend, under the settings in force."""
    voices: Float[Array, "voices batch vocab"]
    """Of each net by itself; of a single net none, for it is the blend: [0, batch, vocab]."""


def _branches(blend: Blend, reading: Reading, weights: Float[Array, " voices"], sampling: Sampling) -> Branches:
    logits = blended_logits(blend, reading, weights)
    voices = voice_log_probs(blend, reading) if len(blend.params) > 1 else jnp.zeros((0, *logits.shape))
    return Branches(log_probs(logits, sampling), voices)


@partial(jax.jit, static_argnames=("room",))
def open_pool(
    blend: Blend, reading: Reading, weights: Float[Array, " voices"], sampling: Sampling, *, room: int
) -> tuple[tuple[State, ...], Branches]:
    """Room for the states of `room` texts, the first being that of `reading` (one stream), and what follows it."""
    pool = jax.tree.map(
        lambda state: jnp.zeros((room, *state.shape[1:]), state.dtype).at[:1].set(state), reading.states
    )
    return pool, _branches(blend, reading, weights, sampling)


@partial(jax.jit, static_argnames=("configs",), donate_argnames=("pool",))
def extend(
    configs: Configs,
    blend: Blend,
    pool: tuple[State, ...],
    weights: Float[Array, " voices"],
    sampling: Sampling,
    parents: Int[Array, " batch"],
    ids: Int[Array, " batch"],
    places: Int[Array, " batch"],
) -> tuple[tuple[State, ...], Branches]:
    """Read one more character of each of some texts in `pool`, which is used up.

    The text at `parents[i]`, followed by the character `ids[i]`, is kept at `places[i]`; one outside is not kept.
    """
    after = step(configs, blend, jax.tree.map(lambda states: states[parents], pool), ids)
    pool = jax.tree.map(lambda states, new: states.at[places].set(new, mode="drop"), pool, after.states)
    return pool, _branches(blend, after, weights, sampling)


@partial(jax.jit, static_argnames=("configs",))
def score(
    configs: Configs,
    blend: Blend,
    reading: Reading,
    weights: Float[Array, " voices"],
    ids: Int[Array, " room"],
    length: Int[Array, ""] | int,
) -> tuple[Reading, Float[Array, " room"], Float[Array, " room"]]:
    """How well the blend foretells the first `length` of `ids`, on one stream, at temperature 1 and nothing ruled out.

    Returns the reading after them and, for each, −log p in nats (NaN of an unknown character, inf of an impossible
    one) and the entropy in nats of the distribution it was drawn from, which is −log p as the model expects it.
    """

    blend = _laid_out(configs, blend)

    def read_one(t: Int[Array, ""], carry: tuple[Reading, Array, Array]) -> tuple[Reading, Array, Array]:
        reading, nats, entropy = carry
        expected = jax.nn.log_softmax(blended_logits(blend, reading, weights)[0])
        uncertain = -jnp.sum(jnp.where(expected > -jnp.inf, jnp.exp(expected) * expected, 0.0))
        cost = -jnp.take(expected, ids[t].astype(jnp.int32), mode="fill", fill_value=jnp.nan)
        reading = step(configs, blend, reading.states, ids[t][None])
        return reading, nats.at[t].set(cost), entropy.at[t].set(uncertain)

    return lax.fori_loop(0, length, read_one, (reading, jnp.zeros(ids.shape), jnp.zeros(ids.shape)))
