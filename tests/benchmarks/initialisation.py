"""How much sooner a net learns when characters are heard from the start: our initial weights beside PyTorch's.

    python tests/benchmarks/initialisation.py TEXT [CHARACTERS]

Trains the default net twice on the same batches of TEXT, differing only in the initial weights, for CHARACTERS
(400,000 unless given) of an annealed schedule, and prints the validation bits per character (last 10 %) of both.
"""

import sys
from pathlib import Path

import jax
import numpy as np

from charnn.config import ModelConfig, TrainConfig
from charnn.nn.model import Params, init_params
from charnn.text.batches import Streams
from charnn.text.corpus import read_corpus, split
from charnn.training.evaluation import bits_per_char
from charnn.training.optimiser import init_train_state, learning_rate, make_train_step


def uniform(params: Params, hidden_size: int) -> Params:
    """The same shapes, uniform in ±1/√hidden_size (PyTorch's `nn.LSTM`); biases stay as they are."""
    leaves, shape = jax.tree.flatten(params)
    bound = hidden_size**-0.5
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [
        leaf if leaf.ndim == 1 else jax.random.uniform(key, leaf.shape, minval=-bound, maxval=bound)
        for key, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(shape, drawn)


def main() -> None:
    model, config = ModelConfig(), TrainConfig()
    corpus = read_corpus(Path(sys.argv[1]))
    num_characters = int(float(sys.argv[2])) if len(sys.argv) > 2 else 400_000
    train_ids, _ = split(corpus.ids, config.val_fraction)
    val_ids = corpus.ids[len(train_ids) - 1 :]
    streams = Streams(train_ids, config.batch_size, config.seq_len, config.seed)
    steps = num_characters // (config.batch_size * config.seq_len)
    train_step = make_train_step(model, config)

    ours = init_params(model, len(corpus.vocabulary), key=jax.random.key(config.seed))
    for name, params in (("charnn's", ours), ("PyTorch's", uniform(ours, model.hidden_size))):
        state = init_train_state(model, config, jax.tree.map(np.asarray, params))
        for step in range(steps):
            inputs, targets = streams.batch(step)
            rate = learning_rate(config, step, step / steps)
            state = train_step(
                state, inputs, targets, np.int32(step), np.float32(rate), np.bool_(streams.starts_epoch(step))
            )
        score = bits_per_char(model, state.average, val_ids)
        print(f"{name:10} initial weights: {score:.3f} bits per character after {num_characters:,} characters")


if __name__ == "__main__":
    main()
