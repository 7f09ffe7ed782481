"""What bfloat16 gains in speed, and whether it costs quality.

    python tests/benchmarks/precision.py TEXT [CHARACTERS]

Trains the default net on CHARACTERS (600,000 unless given) of TEXT in either precision, with the same batches, and from
each of three seeds, and prints the validation bits per character (last 10 %) and the speed. The seeds tell how much of
a difference is chance.
"""

import statistics
import sys
from dataclasses import replace
from pathlib import Path

import jax
from learning import learn

from charnn.config import PRECISIONS, ModelConfig, TrainConfig
from charnn.nn.model import init_params
from charnn.text.corpus import read_corpus

SEEDS = (0, 1, 2)


def main() -> None:
    corpus = read_corpus(Path(sys.argv[1]))
    num_characters = int(float(sys.argv[2])) if len(sys.argv) > 2 else 600_000
    results = {precision: [] for precision in PRECISIONS}
    for seed in SEEDS:
        for precision in PRECISIONS:
            model, config = ModelConfig(precision=precision), replace(TrainConfig(), seed=seed)
            params = init_params(model, len(corpus.vocabulary), key=jax.random.key(seed))
            results[precision].append(learn(model, config, corpus, params, num_characters))
    for precision, learned in results.items():
        scores = " ".join(f"{each.bits_per_char:.3f}" for each in learned)
        mean = statistics.mean(each.bits_per_char for each in learned)
        speed = statistics.median(each.chars_per_second for each in learned)
        print(
            f"{precision:8} {mean:.3f} bits per character after {num_characters:,} characters"
            f" (seeds {scores}), {speed:,.0f} characters/s"
        )


if __name__ == "__main__":
    main()
