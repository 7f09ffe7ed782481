"""Seconds a step of learning takes, charnn against PyTorch and flax, and the share of the matmul rate that it reaches.

    python tests/benchmarks/training_step.py [--cells lstm] [--sizes 2x128] [--batches 32x64]

Sizes are layers × units, batches streams × characters. Beside each time stands how many times as fast as PyTorch (in
float32, as it comes) that is. "kept" is PyTorch with charnn's setting of the allocator, which keeps freed memory.
`peers.py` says what is computed. At the start, the peers load the same weights and have to agree on the loss of a batch
to 1e-4; charnn's GRU is another one than PyTorch's and flax's, so of the three only those two agree there.

"rate" is arithmetic (6 operations for each weight that a character is multiplied by: 2 forward, 4 backward; the first
layer's input product, a gather, counts nothing) a second of charnn in float32, as a share of the rate of a float32
product of 2048 × 2048 matrices on the same cores in the same minute.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from peers import GATES, VOCAB_SIZE, Charnn, Flax, Torch, random_weights
from table import Table, Worker, in_turn, options, serve, start

PEERS = {
    "charnn": None,
    "charnn bf16": None,
    "PyTorch": "torch",
    "PyTorch bf16": "torch",
    "PyTorch kept": "torch",
    "flax": "flax",
}
CHECKED = "charnn", "PyTorch", "flax"


def make(name: str, device: str) -> Charnn | Torch | Flax:
    if name == "flax":
        return Flax(device)
    if name.startswith("charnn"):
        return Charnn("bfloat16" if "bf16" in name else "float32", device)
    return Torch("bf16" in name, "kept" in name, device)


def arithmetic(cell: str, num_layers: int, hidden_size: int, batch_size: int, seq_len: int) -> int:
    """Operations of the matrix products of a step."""
    weights = (2 * num_layers - 1) * GATES[cell] * hidden_size**2 + hidden_size * VOCAB_SIZE
    return 6 * weights * batch_size * seq_len


def check(cell: str, workers: dict[str, Worker]) -> None:
    """Have the peers compute the loss of one batch with the same weights; those that should agree must."""
    checked = {name: workers[name] for name in CHECKED if name in workers}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "weights.npz"))
        np.savez(path, **random_weights(cell, 2, 32))
        for worker in checked.values():
            worker.ask("build", cell=cell, num_layers=2, hidden_size=32, batch_size=8, seq_len=16)
        losses = {name: worker.ask("loss", path=path) for name, worker in checked.items()}
    alike = {name: loss for name, loss in losses.items() if cell != "gru" or name != "charnn"}
    said = ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items())
    if len(alike) < 2:
        print(f"{cell}: no two peers that compute the same, so no loss is checked", flush=True)
        return
    if max(alike.values()) - min(alike.values()) > 1e-4:
        raise SystemExit(f"{cell}: not the same loss from the same weights: {said}")
    print(f"{cell}, the same loss from the same weights by {' and '.join(alike)}: {said}", flush=True)


def pair(text: str) -> tuple[int, int]:
    first, second = text.replace("×", "x").split("x")
    return int(first), int(second)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--cells", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--sizes", nargs="+", type=pair, default=[(1, 128), (2, 128), (2, 256), (2, 512), (3, 512)])
    parser.add_argument("--batches", nargs="+", type=pair, default=[(32, 64), (64, 128), (128, 128)])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--check", action="store_true", help="check the losses and end")
    args = parser.parse_args()
    if args.worker:
        serve(make(args.worker, args.device))
        return
    workers = start(__file__, {name: PEERS[name] for name in args.peers}, "--device", args.device)
    for cell in args.cells:
        check(cell, workers)
    if args.check:
        return
    where = workers["charnn"].ask("where") if "charnn" in workers else args.device
    columns = [
        ("cell", 4),
        ("size", 5),
        ("batch", 7),
        *((name, 17) for name in args.peers),
        ("rate", 4),
        ("GFLOP/s", 7),
    ]
    table = Table(f"training step on {where}, ms and times PyTorch's speed", columns, args.json)
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
                measure(table, workers, args, row)
    for worker in workers.values():
        worker.close()


def measure(table: Table, workers: dict[str, Worker], args: argparse.Namespace, row: dict[str, Any]) -> None:
    """One row of the table."""
    for worker in workers.values():
        worker.ask("build", **row)
    rates: list[float] = []
    ours = workers.get("charnn")
    times = in_turn(workers, args.rounds, args.seconds, lambda: ours and rates.append(ours.ask("matmul_rate")))
    ratios = {name: times["PyTorch"] / seconds for name, seconds in times.items()} if "PyTorch" in times else {}
    rate = statistics.median(rates) if rates else None
    share = arithmetic(**row) / times["charnn"] / rate if rate else None
    cells = [row["cell"], f"{row['num_layers']}×{row['hidden_size']}", f"{row['batch_size']}×{row['seq_len']}"]
    cells += [shown(times.get(name), ratios.get(name)) for name in args.peers]
    cells += [f"{share:.0%}", f"{rate / 1e9:.0f}"] if rate and share else ["", ""]
    table.row(cells, **row, seconds=times, ratios=ratios, matmul_flops=rate, matmul_share=share)


def shown(seconds: float | None, ratio: float | None) -> str:
    if seconds is None:
        return "not installed"
    return f"{seconds * 1e3:.1f}" + (f" {ratio:.2f}×" if ratio else "")


if __name__ == "__main__":
    main()
