"""What the kernels share: matrix products whose factors may be less exact than their sums.

Factors in bfloat16 with sums in float32 are faster than float32 on CPUs with AVX-512 BF16 or AMX, GPUs and TPUs. XLA on
CPU has a fast path for them only where the result is asked for in float32 too.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.layout import Layout, with_layout_constraint
from jax.typing import DTypeLike
from jaxtyping import Float


def dot(inputs: Float[Array, "batch inputs"], weight: Float[Array, "inputs outputs"]) -> Float[Array, "batch outputs"]:
    """`inputs @ weight`: factors in the dtype of `weight`, sums and result in that of `inputs`."""
    return jnp.matmul(inputs.astype(weight.dtype), weight, preferred_element_type=inputs.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def project(
    inputs: Float[Array, "*shape inputs"], weight: Float[Array, "inputs outputs"], dtype: DTypeLike | None = None
) -> Float[Array, "*shape outputs"]:
    """`inputs @ weight` of every step and stream as one product, its gradients too, with factors of `dtype`.

    The gradient is written out since autodiff would round that of the weight to `dtype`.
    """
    # flat: XLA on CPU runs a two-dimensional product, and its gradients, faster than a three-dimensional one
    flat = inputs.reshape(-1, inputs.shape[-1])
    return dot(flat, as_factor(weight, dtype)).reshape(*inputs.shape[:-1], -1)


def _project_forward(inputs: Array, weight: Array, dtype: DTypeLike | None) -> tuple[Array, tuple[Array, Array]]:
    return project(inputs, weight, dtype), (inputs, weight)


def _project_backward(dtype: DTypeLike | None, saved: tuple[Array, Array], d_outputs: Array) -> tuple[Array, Array]:
    inputs, weight = saved
    return project(d_outputs, weight.T, dtype), outer(inputs, d_outputs, dtype)


project.defvjp(_project_forward, _project_backward)


def as_factor(weight: Float[Array, "*shape"], dtype: DTypeLike | None) -> Float[Array, "*shape"]:
    """`weight` in `dtype`, if one is given."""
    return weight if dtype is None else weight.astype(dtype)


def shift(
    first: Float[Array, "batch hidden"], later: Float[Array, "seq_len batch hidden"]
) -> Float[Array, "seq_len batch hidden"]:
    """What each step started from: `first`, then all of `later` but its last."""
    return jnp.concatenate([first[None], later[:-1]])


def outer(
    inputs: Float[Array, "*shape inputs"], d_outputs: Float[Array, "*shape outputs"], dtype: DTypeLike | None
) -> Float[Array, "inputs outputs"]:
    """The gradient of W in `outputs = inputs @ W`, over every step and stream: one product, factors of `dtype`."""
    columns = as_factor(inputs.reshape(-1, inputs.shape[-1]), dtype).T
    if dtype is not None:
        # XLA on CPU would fold the transposition into the product, and has no fast path for that unless in float32
        columns = with_layout_constraint(columns, Layout((0, 1)))
    d_flat = as_factor(d_outputs.reshape(-1, d_outputs.shape[-1]), dtype)
    return jnp.matmul(columns, d_flat, preferred_element_type=inputs.dtype)
