"""What the kernels share."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def shift(
    first: Float[Array, "batch hidden"], later: Float[Array, "seq_len batch hidden"]
) -> Float[Array, "seq_len batch hidden"]:
    """What each step started from: `first`, then all of `later` but its last."""
    return jnp.concatenate([first[None], later[:-1]])


def outer(
    inputs: Float[Array, "seq_len batch inputs"], d_gates: Float[Array, "seq_len batch gates"]
) -> Float[Array, "inputs gates"]:
    """The gradient of W in `gates = inputs @ W`, over every step and stream: one matmul, operands flat."""
    return inputs.reshape(-1, inputs.shape[-1]).T @ d_gates.reshape(-1, d_gates.shape[-1])
