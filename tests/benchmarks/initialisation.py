"""How much sooner a net learns when characters are heard from the start: our initial weights beside PyTorch's.

    python tests/benchmarks/initialisation.py TEXT [CHARACTERS]

Trains the default net twice on the same batches of TEXT, differing only in the initial weights, for CHARACTERS
(400,000 unless given) of an annealed schedule, and prints the validation bits per character (last 10 %) of both.
"""

import sys
from pathlib import Path

import jax
from learning import learn

from charnn.config import ModelConfig, TrainConfig
from charnn.nn.model import Params, init_params
from charnn.text.corpus import read_corpus


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
    ours = init_params(model, len(corpus.vocabulary), key=jax.random.key(config.seed))
    for name, params in (("charnn's", ours), ("PyTorch's", uniform(ours, model.hidden_size))):
        score = learn(model, config, corpus, params, num_characters).bits_per_char
        print(f"{name:10} initial weights: {score:.3f} bits per character after {num_characters:,} characters")


if __name__ == "__main__":
    main()
