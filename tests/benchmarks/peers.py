"""The same net and the same step of learning in charnn, PyTorch and flax, as workers (`table.Worker`) run them.

All read one-hot characters of an alphabet of 65 (charnn gathers rows instead of multiplying by them), through the same
layers to a softmax, and learn by mean cross-entropy, clipping of the global norm to 1, and AdamW, with the hidden state
carried from batch to batch. charnn averages its weights, too. Two things differ and cannot be helped: PyTorch's and
flax's GRU applies the reset gate after the matmul where charnn's follows the paper, before it; and PyTorch's layers
have a second bias.
"""

import time
from typing import Any

import numpy as np
from table import num_cores, release

VOCAB_SIZE = 65
LEARNING_RATE = 1e-3
MAX_GRAD_NORM = 1.0
BETAS = 0.9, 0.99
WEIGHT_DECAY = 0.1
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
MATMUL_SIZE = 2048


def batch(batch_size: int, seq_len: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, [seq_len, batch_size] ids: the same for every peer."""
    inputs, targets = np.random.default_rng(0).integers(0, VOCAB_SIZE, (2, seq_len, batch_size), dtype=np.uint8)
    return inputs, targets


def random_weights(cell: str, num_layers: int, hidden_size: int) -> dict[str, np.ndarray]:
    """Weights that every peer can load, laid out as charnn's."""
    rng = np.random.default_rng(1)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape, scale=hidden_size**-0.5).astype(np.float32)

    width = GATES[cell] * hidden_size
    weights = {"weight_out": normal(hidden_size, VOCAB_SIZE), "bias_out": normal(VOCAB_SIZE)}
    for layer in range(num_layers):
        weights[f"weight_ih{layer}"] = normal(hidden_size if layer else VOCAB_SIZE, width)
        weights[f"weight_hh{layer}"] = normal(hidden_size, width)
        weights[f"bias{layer}"] = normal(width)
    return weights


class Charnn:
    """charnn's own training step; `keeps_memory` is a setting that a run has."""

    def __init__(self, precision: str, device: str, *, keeps_memory: bool = True) -> None:
        from charnn.nn.device import keep_freed_memory, select_device

        self.precision, self.device = precision, select_device(device)
        if keeps_memory:
            keep_freed_memory()

    def where(self) -> str:
        """The device it computes on."""
        return self.device

    def build(self, cell: str, num_layers: int, hidden_size: int, batch_size: int, seq_len: int) -> None:
        import jax

        from charnn.config import ModelConfig, TrainConfig
        from charnn.nn.model import init_params
        from charnn.training.optimiser import init_train_state, make_train_step

        self.state: Any = None
        jax.clear_caches()
        release()
        self.model = ModelConfig(
            cell=cell, num_layers=num_layers, hidden_size=hidden_size, dropout=0.0, precision=self.precision
        )
        self.config = TrainConfig(
            batch_size=batch_size, seq_len=seq_len, max_grad_norm=MAX_GRAD_NORM, weight_decay=WEIGHT_DECAY
        )
        self.state = init_train_state(
            self.model, self.config, init_params(self.model, VOCAB_SIZE, key=jax.random.key(0))
        )
        self.step = make_train_step(self.model, self.config)
        self.batch = batch(batch_size, seq_len)

    def run(self, steps: int) -> None:
        import jax

        for step in range(steps):
            self.state = self.step(self.state, *self.batch, np.int32(step), np.float32(LEARNING_RATE), np.bool_(False))
        jax.block_until_ready(self.state)

    def loss(self, path: str) -> float:
        """Mean cross-entropy of the batch with the weights in `path`, from an empty state."""
        import jax.numpy as jnp

        from charnn.nn.cells import LayerParams
        from charnn.nn.model import Params, forward, initial_state, nats

        weights = {name: jnp.asarray(value) for name, value in np.load(path).items()}
        layers = [
            LayerParams(*(weights[f"{name}{layer}"] for name in LayerParams._fields))
            for layer in range(self.model.num_layers)
        ]
        params = Params(tuple(layers), weights["weight_out"], weights["bias_out"])
        inputs, targets = self.batch
        _, logits = forward(self.model, params, initial_state(self.model, inputs.shape[1]), inputs)
        return float(nats(logits, targets).mean())

    def matmul_rate(self) -> float:
        """Operations per second of a large float32 product on the whole device: the median of three."""
        import jax
        import jax.numpy as jnp

        product = jax.jit(jnp.matmul)
        factor = jnp.ones((MATMUL_SIZE, MATMUL_SIZE), jnp.float32)
        product(factor, factor).block_until_ready()
        times = []
        for _ in range(3):
            started = time.perf_counter()
            product(factor, factor).block_until_ready()
            times.append(time.perf_counter() - started)
        return 2 * MATMUL_SIZE**3 / sorted(times)[1]


class Torch:
    """PyTorch's own layers, its fused AdamW, as many threads as there are cores."""

    def __init__(self, bfloat16: bool, keeps_memory: bool, device: str) -> None:
        if keeps_memory:
            from charnn.nn.device import keep_freed_memory

            keep_freed_memory()
        import torch

        torch.set_num_threads(num_cores())
        self.bfloat16 = bfloat16
        self.device = torch.device("cuda" if device == "gpu" else device)
        torch.set_default_device(self.device)

    def build(self, cell: str, num_layers: int, hidden_size: int, batch_size: int, seq_len: int) -> None:
        import torch

        self.optimiser = self.carry = None
        release()
        torch.manual_seed(0)
        layers = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
        self.rnn, self.out = layers(VOCAB_SIZE, hidden_size, num_layers), torch.nn.Linear(hidden_size, VOCAB_SIZE)
        self.params = [*self.rnn.parameters(), *self.out.parameters()]
        self.optimiser = torch.optim.AdamW(
            self.params, lr=LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True
        )
        self.batch = [torch.tensor(ids, dtype=torch.long) for ids in batch(batch_size, seq_len)]

    def run(self, steps: int) -> None:
        import torch

        for _ in range(steps):
            self.optimiser.zero_grad(set_to_none=True)
            loss, state = self._loss()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.params, MAX_GRAD_NORM)
            self.optimiser.step()
            self.carry = tuple(each.detach() for each in state) if isinstance(state, tuple) else state.detach()
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def loss(self, path: str) -> float:
        """Mean cross-entropy of the batch with the weights in `path`, from an empty state."""
        import torch

        weights = {name: torch.tensor(value) for name, value in np.load(path).items()}
        with torch.no_grad():
            self.out.weight.copy_(weights["weight_out"].T)
            self.out.bias.copy_(weights["bias_out"])
            for layer in range(self.rnn.num_layers):
                getattr(self.rnn, f"weight_ih_l{layer}").copy_(weights[f"weight_ih{layer}"].T)
                getattr(self.rnn, f"weight_hh_l{layer}").copy_(weights[f"weight_hh{layer}"].T)
                getattr(self.rnn, f"bias_ih_l{layer}").copy_(weights[f"bias{layer}"])
                getattr(self.rnn, f"bias_hh_l{layer}").zero_()
            self.carry = None
            return float(self._loss()[0])

    def _loss(self) -> tuple[Any, Any]:
        import torch

        inputs, targets = self.batch
        one_hot = torch.nn.functional.one_hot(inputs, VOCAB_SIZE).float()
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            outputs, state = self.rnn(one_hot, self.carry)
            logits = self.out(outputs)
        return torch.nn.functional.cross_entropy(logits.float().view(-1, VOCAB_SIZE), targets.view(-1)), state


class Flax:
    """flax's `nnx.RNN` over its cells (of the two LSTM cells, the optimised one), and optax, jitted as one function."""

    def __init__(self, device: str) -> None:
        import jax

        if device == "cpu":
            jax.config.update("jax_platforms", "cpu")

    def build(self, cell: str, num_layers: int, hidden_size: int, batch_size: int, seq_len: int) -> None:
        import jax
        import jax.numpy as jnp
        import optax
        from flax import nnx

        self.state: Any = None
        jax.clear_caches()
        release()
        rngs = nnx.Rngs(0)
        kind = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell, "rnn": nnx.SimpleCell}[cell]
        sizes = [VOCAB_SIZE, *[hidden_size] * num_layers]
        rnns = [
            nnx.RNN(kind(size, hidden_size, rngs=rngs), time_major=True, return_carry=True, rngs=False)
            for size in sizes[:-1]
        ]
        self.cell, self.graph = cell, None
        model = nnx.Dict(rnns=nnx.List(rnns), out=nnx.Linear(hidden_size, VOCAB_SIZE, rngs=rngs))
        self.graph, params, self.rest = nnx.split(model, nnx.Param, ...)
        optimiser = optax.chain(
            optax.clip_by_global_norm(MAX_GRAD_NORM), optax.adamw(LEARNING_RATE, *BETAS, weight_decay=WEIGHT_DECAY)
        )
        zeros = jnp.zeros((batch_size, hidden_size))
        self.empty = [(zeros, zeros) if cell == "lstm" else zeros for _ in rnns]
        self.batch = batch(batch_size, seq_len)

        def step(state: Any, inputs: Any, targets: Any) -> Any:
            params, opt_state, carries = state
            (_, carries), grads = jax.value_and_grad(self._loss, has_aux=True)(params, carries, inputs, targets)
            updates, opt_state = optimiser.update(grads, opt_state, params)
            return optax.apply_updates(params, updates), opt_state, carries

        self.step = jax.jit(step, donate_argnums=0)
        self.state = params, optimiser.init(params), jax.tree.map(jnp.copy, self.empty)

    def run(self, steps: int) -> None:
        import jax

        for _ in range(steps):
            self.state = self.step(self.state, *self.batch)
        jax.block_until_ready(self.state)

    def loss(self, path: str) -> float:
        """Mean cross-entropy of the batch with the weights in `path`, from an empty state."""
        from flax import nnx

        weights = np.load(path)
        model = nnx.merge(self.graph, self.state[0], self.rest)
        model.out.kernel[...], model.out.bias[...] = weights["weight_out"], weights["bias_out"]
        for layer, rnn in enumerate(model.rnns):
            cell = rnn.cell
            cell.dense_i.kernel[...] = weights[f"weight_ih{layer}"]
            cell.dense_h.kernel[...] = weights[f"weight_hh{layer}"]
            biased = cell.dense_h if self.cell == "lstm" else cell.dense_i
            biased.bias[...] = weights[f"bias{layer}"]
        _, params, _ = nnx.split(model, nnx.Param, ...)
        return float(self._loss(params, self.empty, *self.batch)[0])

    def _loss(self, params: Any, carries: Any, inputs: Any, targets: Any) -> tuple[Any, Any]:
        import jax
        import optax
        from flax import nnx

        model = nnx.merge(self.graph, params, self.rest)
        hidden, after = jax.nn.one_hot(inputs, VOCAB_SIZE), []
        for rnn, carry in zip(model.rnns, carries, strict=True):
            last, hidden = rnn(hidden, initial_carry=carry)
            after.append(last)
        losses = optax.softmax_cross_entropy_with_integer_labels(model.out(hidden), targets.astype("int32"))
        return losses.mean(), after
