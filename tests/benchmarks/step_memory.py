"""Peak memory of a step of learning as batches and sequences grow.

    python tests/benchmarks/step_memory.py [--cells lstm] [--sizes 1x512] [--batches 32x64 64x128]

For each row and peer a fresh process takes a step, gives back what it freed, and takes another: "peak" is how far its
resident memory rises in that above where it stood between them (Linux only). The allocator gives freed memory back,
in either; in a run, charnn has it kept, so that the process may stay as large as its peak or somewhat larger. "XLA"
is what the compiler says that the step takes at once on a single device, beside its arguments and results. "saved" is
what a step cannot do without in charnn's way of computing it, in float32, for each character: of each layer the
projected input (4 × hidden in an LSTM, 3 in a GRU, 1 in an RNN) and what its kernel saves for the gradient (6 ×
hidden in an LSTM, 4 in a GRU, 1 in an RNN), and the logits.
"""

from pathlib import Path

from peers import GATES, VOCAB_SIZE, Charnn, Torch
from table import Table, options, release, serve, start
from training_step import pair

PEERS = {"charnn": None, "PyTorch": "torch"}
SAVED = {"lstm": 6, "gru": 4, "rnn": 1}  # × hidden numbers for each character, by the kernels' docstrings


class Measured:
    """What a peer's steps take."""

    def __init__(self, peer: Charnn | Torch) -> None:
        self.peer = peer

    def peak(self, cell: str, num_layers: int, hidden_size: int, batch_size: int, seq_len: int) -> int | None:
        """Bytes that a step takes beside what stays."""
        self.peer.build(cell, num_layers, hidden_size, batch_size, seq_len)
        self.peer.run(1)
        release()
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        except OSError:
            return None
        before = _status("VmRSS")
        self.peer.run(1)
        return _status("VmHWM") - before

    def compiled(self) -> int:
        """Bytes that XLA sets aside for the step on one device, beside its arguments and results."""
        import jax
        import numpy as np

        from charnn.training.optimiser import abstract_train_state, make_train_step

        assert isinstance(self.peer, Charnn)
        step = make_train_step(self.peer.model, self.peer.config, jax.devices()[:1])
        state = abstract_train_state(self.peer.model, self.peer.config, VOCAB_SIZE)
        lowered = step.lower(state, *self.peer.batch, np.int32(0), np.float32(0), np.bool_(False))
        return lowered.compile().memory_analysis().temp_size_in_bytes


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024


def formula(cell: str, num_layers: int, hidden_size: int, batch_size: int, seq_len: int) -> int:
    """Bytes of what is saved, projections and logits included."""
    numbers = num_layers * (SAVED[cell] + GATES[cell]) * hidden_size + VOCAB_SIZE
    return 4 * numbers * batch_size * seq_len


def main() -> None:
    parser = options(__doc__, timed=False)
    parser.add_argument("--cells", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--sizes", nargs="+", type=pair, default=[(1, 512)])
    batches = [(32, 64), (32, 128), (32, 256), (64, 64), (128, 64), (128, 128)]
    parser.add_argument("--batches", nargs="+", type=pair, default=batches)
    args = parser.parse_args()
    if args.worker:
        peer = Torch(False, False, "cpu") if args.worker == "PyTorch" else Charnn("float32", "cpu", keeps_memory=False)
        serve(Measured(peer))
        return
    columns = [
        ("cell", 4),
        ("size", 5),
        ("batch", 7),
        ("saved", 5),
        ("XLA", 5),
        *((f"{name} peak", 12) for name in PEERS),
    ]
    table = Table("memory of a training step, MiB", columns, args.json)
    for cell in args.cells:
        for num_layers, hidden_size in args.sizes:
            for batch_size, seq_len in args.batches:
                row = {
                    "cell": cell,
                    "num_layers": num_layers,
                    "hidden_size": hidden_size,
                    "batch_size": batch_size,
                    "seq_len": seq_len,
                }
                workers = start(__file__, PEERS)
                peaks = {name: worker.ask("peak", **row) for name, worker in workers.items()}
                compiled = workers["charnn"].ask("compiled")
                for worker in workers.values():
                    worker.close()
                cells = [cell, f"{num_layers}×{hidden_size}", f"{batch_size}×{seq_len}"]
                cells += [mebibytes(formula(**row)), mebibytes(compiled)]
                cells += [mebibytes(peaks[name]) if name in peaks else "not installed" for name in PEERS]
                table.row(cells, **row, saved_bytes=formula(**row), xla_bytes=compiled, peak_bytes=peaks)


def mebibytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 2**20:.0f}"


if __name__ == "__main__":
    main()
