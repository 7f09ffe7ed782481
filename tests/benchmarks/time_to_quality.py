"""Seconds of training to reach a quality on a text: charnn's default against a plain PyTorch char-LSTM.

    python tests/benchmarks/time_to_quality.py TEXT [--minutes 5] [--rates 6e-3 2e-3]

charnn trains by `charnn train` as it comes, for so many minutes, with a validation every 100 steps. PyTorch trains an
`nn.LSTM` of the same size (1×512, its own initialisation, no dropout, one-hot input) with AdamW of the same settings
and clipping, on the same batches, with all cores, for as many seconds of training as charnn had. Its learning rate
rises and falls as charnn's does (100 steps up, then a cosine over the whole time), from each of --rates at its peak;
charnn's is 6e-3. Both are read on the whole last 10 % of the text, the state carried through 64 streams that each
read 256 characters ahead of their own part. The time of these evaluations counts for neither; charnn's compilation,
samples and checkpoints do.
"""

import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from table import Table, num_cores, options

from charnn.config import ModelConfig, TrainConfig
from charnn.text.batches import Streams
from charnn.text.corpus import read_corpus, split
from charnn.training.optimiser import learning_rate

TARGETS = 2.4, 2.3, 2.2  # bits per character
EVAL_EVERY = 100  # steps
EVAL_STREAMS = 64
LEAD_IN = 256  # characters
WINDOW = 128  # characters of a stream that are evaluated at a time

Scores = list[tuple[float, float]]
"""Seconds of training so far, and bits per character."""


def charnn_scores(text: Path, minutes: float) -> Scores:
    """Train with the command line, and read what the run wrote down."""
    with tempfile.TemporaryDirectory() as checkpoints:
        command = ["train", str(text), "--minutes", str(minutes), "--eval-every", str(EVAL_EVERY), "--name", "run"]
        command += ["--checkpoints", checkpoints, "--quiet"]
        subprocess.run([sys.executable, "-m", "charnn", *command], check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in Path(checkpoints, "run/metrics.jsonl").read_text().splitlines()]
    scores, learned, evaluating = [], {}, 0.0
    for line in lines:
        if "val_bits_per_char" not in line:
            learned[line["step"]] = line["seconds"]  # written before the evaluation at the same step begins
            continue
        evaluating += line["seconds"] - learned.get(line["step"], line["seconds"])
        scores.append((line["seconds"] - evaluating, line["val_bits_per_char"]))
    return scores


class Torch:
    """A char-LSTM as PyTorch makes it."""

    def __init__(self, vocab_size: int, rate: float) -> None:
        import torch

        torch.set_num_threads(num_cores())
        torch.manual_seed(0)
        self.model, self.config = ModelConfig(), replace(TrainConfig(), learning_rate=rate)
        self.vocab_size = vocab_size
        self.rnn = torch.nn.LSTM(vocab_size, self.model.hidden_size, self.model.num_layers)
        self.out = torch.nn.Linear(self.model.hidden_size, vocab_size)
        self.params = [*self.rnn.parameters(), *self.out.parameters()]
        betas = self.config.beta1, self.config.beta2
        self.optimiser = torch.optim.AdamW(self.params, betas=betas, weight_decay=self.config.weight_decay, fused=True)

    def scores(self, train_ids: Any, val_ids: Any, seconds: float) -> Scores:
        """Train for `seconds`, evaluations not counted."""
        import torch

        streams = Streams(train_ids, self.config.batch_size, self.config.seq_len, self.config.seed)
        carry: Any = None
        scores: Scores = []
        step, spent = 0, 0.0
        while spent < seconds:
            started = time.perf_counter()
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, step, spent / seconds)
            batch = streams.batch(step)
            if streams.starts_epoch(step):
                carry = None
            self.optimiser.zero_grad(set_to_none=True)
            losses, state = self._losses(batch.inputs, batch.targets, carry)
            losses.mean().backward()
            torch.nn.utils.clip_grad_norm_(self.params, self.config.max_grad_norm)
            self.optimiser.step()
            carry = tuple(each.detach() for each in state)
            step += 1
            spent += time.perf_counter() - started
            if step % EVAL_EVERY == 0 or spent >= seconds:
                scores.append((spent, self._bits_per_char(val_ids)))
        return scores

    def _losses(self, inputs: Any, targets: Any, carry: Any) -> Any:
        import torch

        one_hot = torch.nn.functional.one_hot(torch.tensor(inputs, dtype=torch.long), self.vocab_size).float()
        outputs, state = self.rnn(one_hot, carry)
        logits = self.out(outputs).view(-1, self.vocab_size)
        targets = torch.tensor(targets, dtype=torch.long).view(-1)
        return torch.nn.functional.cross_entropy(logits, targets, reduction="none"), state

    def _bits_per_char(self, ids: Any) -> float:
        """Of the characters of `ids` after the first `LEAD_IN` + 1."""
        import torch

        first = LEAD_IN + 1
        part = math.ceil((len(ids) - first) / EVAL_STREAMS)
        total, carry = 0.0, None
        with torch.inference_mode():
            for start in range(-LEAD_IN, part, WINDOW):
                offsets = np.arange(start, min(start + WINDOW, part))[:, None]
                places = first + offsets + np.arange(EVAL_STREAMS) * part
                counted = (offsets >= 0) & (places < len(ids))
                places = places.clip(max=len(ids) - 1)
                losses, carry = self._losses(ids[places - 1], ids[places], carry)
                total += float(losses[torch.tensor(counted).view(-1)].sum())
        return total / (len(ids) - first) / math.log(2)


def main() -> None:
    parser = options(__doc__, timed=False)
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training (%(default)s)")
    parser.add_argument("--rates", nargs="+", type=float, default=[6e-3, 2e-3], help="PyTorch's peaks (%(default)s)")
    args = parser.parse_args()
    corpus = read_corpus(args.text)
    train_ids, _ = split(corpus.ids, TrainConfig().val_fraction)
    columns = [("trained by", 16), *((f"{target} bits", 11) for target in TARGETS), ("at the end", 10)]
    table = Table(f"seconds to a quality on {args.text.name}, {args.minutes:g} minutes", columns, args.json)

    ours = charnn_scores(args.text, args.minutes)
    show(table, "charnn", ours)
    for rate in args.rates:
        name = f"PyTorch, {rate:g}"
        try:
            peer = Torch(len(corpus.vocabulary), rate)
        except ImportError:
            table.row([name, "not installed", *[""] * len(TARGETS)], trained_by=name, scores=None)
            continue
        show(table, name, peer.scores(train_ids, corpus.ids[len(train_ids) - 1 - LEAD_IN :], ours[-1][0]))


def show(table: Table, name: str, scores: Scores) -> None:
    reached = {target: next((seconds for seconds, bits in scores if bits <= target), None) for target in TARGETS}
    cells = ["not reached" if seconds is None else f"{seconds:.1f}" for seconds in reached.values()]
    table.row([name, *cells, f"{scores[-1][1]:.3f}"], trained_by=name, seconds_to_bits=reached, scores=scores)


if __name__ == "__main__":
    main()
