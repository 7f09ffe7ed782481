"""One step of learning: truncated backpropagation through time, clipping, AdamW, and the average of the weights."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Float, Int

from charnn.config import ModelConfig, TrainConfig
from charnn.nn.device import batch_devices
from charnn.nn.model import Params, State, dropout_masks, forward, init_params, initial_state, nats
from charnn.text.vocabulary import Ids


class Totals(NamedTuple):
    """Sums over the steps since they were last read. They stay on the device, so a step need not wait for the host."""

    steps: Int[Array, ""]
    nats_per_char: Float[Array, ""]
    grad_norm: Float[Array, ""]
    clipped: Int[Array, ""]


class TrainState(NamedTuple):
    """All that a training step reads and replaces."""

    params: Params
    average: Params
    """Exponential moving average of `params` (Polyak and Juditsky 1992): what is evaluated, sampled and kept."""
    opt_state: optax.OptState
    carry: State
    """The hidden state that the next batch begins with."""
    totals: Totals


TrainStep: TypeAlias = Callable[..., TrainState]


def zero_totals() -> Totals:
    """Nothing summed yet."""
    return Totals(jnp.zeros((), jnp.int32), jnp.zeros(()), jnp.zeros(()), jnp.zeros((), jnp.int32))


def init_train_state(model: ModelConfig, config: TrainConfig, params: Params) -> TrainState:
    """The state before the first step, from fresh or inherited `params`."""
    return TrainState(
        params=params,
        # a copy: the step donates its buffers, and one buffer cannot be donated twice
        average=jax.tree.map(jnp.copy, params),
        opt_state=_optimiser(config).init(params),
        carry=initial_state(model, config.batch_size),
        totals=zero_totals(),
    )


def abstract_train_state(model: ModelConfig, config: TrainConfig, vocab_size: int) -> TrainState:
    """The shapes and dtypes of a `TrainState`, without computing anything."""
    return jax.eval_shape(
        lambda: init_train_state(model, config, init_params(model, vocab_size, key=jax.random.key(0)))
    )


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """The learning rate of `step`, when `progress` (0 to 1) of the run is done.

    It rises linearly over `warmup_steps`, or over the first tenth of a run too short for that, and falls along a
    cosine (Loshchilov and Hutter 2017) to `final_learning_rate` × `learning_rate`.
    """
    warmup = min(1.0, max((step + 1) / max(config.warmup_steps, 1), 10 * progress))
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return config.learning_rate * warmup * (config.final_learning_rate + (1 - config.final_learning_rate) * cosine)


def _optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """AdamW (Loshchilov and Hutter 2019) behind a clip of the global norm (Pascanu et al. 2013), before the rate.

    Weight decay acts on the matrices, not on the biases.
    """
    return optax.chain(
        optax.clip_by_global_norm(config.max_grad_norm),
        optax.scale_by_adam(config.beta1, config.beta2),
        optax.add_decayed_weights(
            config.weight_decay, mask=lambda params: jax.tree.map(lambda param: param.ndim > 1, params)
        ),
    )


class Share(NamedTuple):
    """What a device makes of its streams. The leading axis is that of the devices, of length 1 where each is alone."""

    nats_per_char: Float[Array, " devices"]
    grads: Params


def make_train_step(model: ModelConfig, config: TrainConfig, devices: Sequence[jax.Device] | None = None) -> TrainStep:
    """The compiled `train_step(state, inputs, targets, step, learning_rate, starts_epoch) -> state`.

    `inputs` and `targets` are `[seq_len, batch_size]` ids. Gradients flow back to the start of the batch and no
    further, while the hidden state is carried on. `state` is donated: it must not be read again. Randomness depends on
    the seed and the step alone.

    Each of `devices` (by default `batch_devices`) reads its own streams. Their gradients meet on the first, which
    updates the weights: the devices never wait for each other inside a compiled function, where XLA's CPU collectives
    can starve each other of threads.
    """
    devices = devices or batch_devices(config.batch_size)
    optimiser = _optimiser(config)
    mesh = Mesh(np.array(devices), ("batch",))
    everywhere, by_stream = NamedSharding(mesh, P()), NamedSharding(mesh, P("batch"))
    by_stream_in_time = NamedSharding(mesh, P(None, "batch"))

    def share(
        params: Params, carry: State, inputs: Array, targets: Array, masks: tuple[Array, ...] | None
    ) -> tuple[Share, State]:
        def loss(params: Params) -> tuple[Array, State]:
            after, logits = forward(model, params, carry, inputs, masks)
            return nats(logits, targets).mean(), after

        (nats_per_char, after), grads = jax.value_and_grad(loss, has_aux=True)(params)
        return jax.tree.map(lambda each: each[None], Share(nats_per_char, grads)), after

    @partial(jax.jit, donate_argnames=("carry",))
    def differentiate(
        params: Params,
        carry: State,
        inputs: Int[Array, "seq_len batch"],
        targets: Int[Array, "seq_len batch"],
        step: Int[Array, ""],
        starts_epoch: Bool[Array, ""],
    ) -> tuple[Share, State]:
        carry = jax.tree.map(lambda layer: jnp.where(starts_epoch, 0.0, layer), carry)
        dropout_key = jax.random.fold_in(jax.random.key(config.seed), step)
        masks = dropout_masks(model, config.batch_size, key=dropout_key)
        in_parts = jax.shard_map(
            share,
            mesh=mesh,
            in_specs=(P(), P("batch"), P(None, "batch"), P(None, "batch"), P("batch")),
            out_specs=P("batch"),
            check_vma=False,
        )
        return in_parts(params, carry, inputs, targets, masks)

    @partial(jax.jit, donate_argnames=("state",))
    def update(
        state: TrainState, shares: Sequence[Share], step: Int[Array, ""], learning_rate: Float[Array, ""]
    ) -> TrainState:
        nats_per_char, grads = jax.tree.map(lambda *parts: sum(part[0] for part in parts) / len(parts), *shares)
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
        params = jax.tree.map(lambda param, update: param - learning_rate * update, state.params, updates)
        # the average starts as the weights and lengthens, so that it never lingers on the random beginning
        decay = jnp.minimum(config.average_decay, (1 + step) / (10 + step))
        average = jax.tree.map(lambda mean, param: mean + (1 - decay) * (param - mean), state.average, params)
        grad_norm = optax.tree.norm(grads)
        totals = Totals(
            steps=state.totals.steps + 1,
            nats_per_char=state.totals.nats_per_char + nats_per_char,
            grad_norm=state.totals.grad_norm + grad_norm,
            clipped=state.totals.clipped + (grad_norm > config.max_grad_norm),
        )
        return TrainState(params, average, opt_state, state.carry, totals)

    def train_step(
        state: TrainState, inputs: Ids, targets: Ids, step: np.int32, learning_rate: np.float32, starts_epoch: np.bool_
    ) -> TrainState:
        if len(devices) == 1:
            share, carry = differentiate(state.params, state.carry, inputs, targets, step, starts_epoch)
            return update(state, [share], step, learning_rate)._replace(carry=carry)
        shares, carry = differentiate(
            jax.device_put(state.params, everywhere),
            jax.device_put(state.carry, by_stream),
            *jax.device_put((inputs, targets), by_stream_in_time),
            step,
            starts_epoch,
        )
        # shard by shard: an array that lies on two devices would be put together on the host first
        parts = [
            jax.tree.map(lambda leaf, n=n: jax.device_put(leaf.addressable_shards[n].data, devices[0]), shares)
            for n in range(len(devices))
        ]
        return update(state._replace(carry=()), parts, step, learning_rate)._replace(carry=carry)

    return train_step if len(devices) > 1 else jax.jit(train_step, donate_argnames=("state",))
