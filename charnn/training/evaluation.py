"""How well a model predicts a text: bits per character over the whole of it, the state carried through."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from charnn.config import ModelConfig
from charnn.nn.model import Params, State, forward, initial_state, nats
from charnn.text.vocabulary import Ids

WINDOW = 128  # characters of each stream per compiled call
LEAD_IN = 2 * WINDOW  # characters that a stream reads before its own part, to remember what came before
MIN_STREAM = 2048  # characters; shorter streams would mostly read lead-ins
MAX_STREAMS = 64


@partial(jax.jit, static_argnames=("config",))
def _score(
    config: ModelConfig,
    params: Params,
    state: State,
    inputs: Int[Array, "window streams"],
    targets: Int[Array, "window streams"],
    counted: Float[Array, "window streams"],
) -> tuple[State, Float[Array, ""]]:
    state, logits = forward(config, params, state, inputs)
    return state, jnp.sum(jnp.where(counted, nats(logits, targets), 0.0))


def bits_per_char(config: ModelConfig, params: Params, ids: Ids) -> float:
    """Mean −log₂ p of `ids[1:]`, each given what stands before it in `ids`; `ids` has at least 2 characters.

    A long text is read as up to 64 streams at once, the state carried through each. Each begins 256 characters before
    its own part, with an empty state, and counts nothing until its part begins, so that every character is predicted
    from at least the 256 before it; the first part begins with the empty state itself.
    """
    num_targets = len(ids) - 1
    num_streams = min(MAX_STREAMS, max(1, num_targets // MIN_STREAM))
    part = math.ceil(num_targets / num_streams)
    lead_in = LEAD_IN if num_streams > 1 else 0
    num_windows = math.ceil((lead_in + part) / WINDOW)

    state = initial_state(config, num_streams)
    window_nats = []
    for start in range(0, num_windows * WINDOW, WINDOW):
        if start == lead_in:
            state = jax.tree.map(lambda layer: layer.at[0].set(0.0), state)
        offsets = np.arange(start, start + WINDOW)[:, None] - lead_in
        positions = offsets + np.arange(num_streams) * part  # [time, stream], the index of the input character
        counted = (offsets >= 0) & (offsets < part) & (positions < num_targets)
        positions = positions.clip(0, num_targets - 1)
        state, nats_here = _score(config, params, state, ids[positions], ids[positions + 1], counted)
        window_nats.append(nats_here)
    return float(np.sum(jax.device_get(window_nats), dtype=np.float64)) / num_targets / math.log(2)
