"""Characters a second of writing, charnn against PyTorch stepping its cells.

    python tests/benchmarks/sampling.py [--nets lstm-1x512] [--streams 1 16 256]

Fresh weights, an alphabet of 65, temperature 0.8, the state carried on. charnn writes as `charnn sample` does: 32
characters of every stream in one compiled scan, then a look at them. PyTorch steps `LSTMCell` or `GRUCell` under
`inference_mode` and draws with `multinomial`, in as many threads as there are cores and, apart, in one, which is often
the faster way for little work. Beside each speed stands how many times the faster of these two it is.
"""

from typing import Any

from peers import VOCAB_SIZE
from table import Table, in_turn, num_cores, options, release, serve, start

CHUNK = 32
TEMPERATURE = 0.8
PEERS = {"charnn": None, "charnn bf16": None, "PyTorch": "torch", "PyTorch 1 thread": "torch"}


class Charnn:
    def __init__(self, precision: str) -> None:
        from charnn.nn.device import select_device

        select_device("cpu")
        self.precision = precision

    def build(self, cell: str, num_layers: int, hidden_size: int, streams: int) -> None:
        import jax
        import jax.numpy as jnp

        from charnn.config import ModelConfig
        from charnn.nn.model import init_params, initial_state

        jax.clear_caches()
        release()
        self.model = ModelConfig(cell=cell, num_layers=num_layers, hidden_size=hidden_size, precision=self.precision)
        self.params = init_params(self.model, VOCAB_SIZE, key=jax.random.key(0))
        self.after = initial_state(self.model, streams), jnp.zeros((streams, VOCAB_SIZE))
        self.keys = jax.random.split(jax.random.key(1), streams)
        self.position = 0

    def run(self, steps: int) -> None:
        import jax

        from charnn.nn.generate import Sampling, generate

        sampling = Sampling(TEMPERATURE, 0, 1.0, 0.0)
        for _ in range(steps):
            *after, ids = generate(
                self.model, self.params, *self.after, sampling, self.keys, self.position, length=CHUNK
            )
            self.after = tuple(after)
            self.position += CHUNK
            jax.device_get(ids)


class Torch:
    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)

    def build(self, cell: str, num_layers: int, hidden_size: int, streams: int) -> None:
        import torch

        kind = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell, "rnn": torch.nn.RNNCell}[cell]
        self.cells = [kind(hidden_size if layer else VOCAB_SIZE, hidden_size) for layer in range(num_layers)]
        self.out = torch.nn.Linear(hidden_size, VOCAB_SIZE)
        self.states: list[Any] = [None] * num_layers
        self.ids = torch.zeros(streams, dtype=torch.long)

    def run(self, steps: int) -> None:
        import torch

        with torch.inference_mode():
            for _ in range(steps * CHUNK):
                hidden = torch.nn.functional.one_hot(self.ids, VOCAB_SIZE).float()
                for layer, cell in enumerate(self.cells):
                    self.states[layer] = state = cell(hidden, self.states[layer])
                    hidden = state[0] if isinstance(state, tuple) else state
                probs = torch.softmax(self.out(hidden) / TEMPERATURE, dim=-1)
                self.ids = torch.multinomial(probs, 1)[:, 0]


def net(text: str) -> tuple[str, int, int]:
    cell, size = text.split("-")
    num_layers, hidden_size = size.replace("×", "x").split("x")
    return cell, int(num_layers), int(hidden_size)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--nets", nargs="+", type=net, default=[("lstm", 1, 512), ("lstm", 2, 128), ("gru", 1, 512)])
    parser.add_argument("--streams", nargs="+", type=int, default=[1, 16, 256])
    args = parser.parse_args()
    if args.worker:
        if args.worker.startswith("charnn"):
            serve(Charnn("bfloat16" if "bf16" in args.worker else "float32"))
        else:
            serve(Torch(1 if "1 thread" in args.worker else num_cores()))
        return
    workers = start(__file__, PEERS)
    columns = [("cell", 4), ("size", 5), ("streams", 7), *((name, 17) for name in PEERS)]
    table = Table("sampling, characters a second and times PyTorch's speed", columns, args.json)
    for cell, num_layers, hidden_size in args.nets:
        for streams in args.streams:
            row = {"cell": cell, "num_layers": num_layers, "hidden_size": hidden_size, "streams": streams}
            for worker in workers.values():
                worker.ask("build", **row)
            times = in_turn(workers, args.rounds, args.seconds)
            speeds = {name: CHUNK * streams / seconds for name, seconds in times.items()}
            fastest = max((speed for name, speed in speeds.items() if PEERS[name]), default=None)
            ratios = {name: speed / fastest for name, speed in speeds.items()} if fastest else {}
            cells = [cell, f"{num_layers}×{hidden_size}", f"{streams}"]
            cells += [shown(speeds.get(name), ratios.get(name)) for name in PEERS]
            table.row(cells, **row, chars_per_second=speeds, ratios=ratios)
    for worker in workers.values():
        worker.close()


def shown(speed: float | None, ratio: float | None) -> str:
    if speed is None:
        return "not installed"
    return f"{speed:,.0f}" + (f" {ratio:.2f}×" if ratio else "")


if __name__ == "__main__":
    main()
