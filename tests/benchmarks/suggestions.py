"""How long a person waits for suggestions: the median over places of a text, and how often the words are exact.

python tests/benchmarks/suggestions.py RUN_FOLDER TEXT
"""

import statistics
import sys
import time
from pathlib import Path

import jax

from charnn.config import SampleConfig
from charnn.nn.model import Model
from charnn.text.corpus import read_corpus
from charnn.training.checkpoint import load_params
from charnn.training.record import read_run
from charnn.writing.suggestions import Budget, suggest, warm_up
from charnn.writing.units import units
from charnn.writing.voices import Voice, Voices

PLACES = 50
CONTEXT = 200
K = 10


def measure(voices: Voices, contexts: list[str], unit: str, settings: SampleConfig) -> None:
    """Print the median, the 90th percentile and what was found."""
    seconds, exact, opened, leftover = [], 0, [], []
    for context in contexts:
        reading = jax.block_until_ready(voices.begin(context))
        started = time.perf_counter()
        found = suggest(voices, reading, units()[unit], K, settings)
        seconds.append(time.perf_counter() - started)
        exact += found.exact
        opened.append(found.opened)
        leftover.append(found.leftover)
    print(
        f"{K} {unit}s, temperature {settings.temperature:g}: median {1000 * statistics.median(seconds):.1f} ms, 90%"
        f" within {1000 * statistics.quantiles(seconds, n=10)[-1]:.1f} ms; exact {exact} of {len(contexts)} times;"
        f" median {statistics.median(opened):.0f} prefixes opened, {statistics.median(leftover):.2f} left over"
    )


def main() -> None:
    folder, text = map(Path, sys.argv[1:])
    record = read_run(folder)
    params, _ = load_params(folder, "best", record.model, len(record.vocabulary))
    voices = Voices.of([Voice(folder.name, Model(record.model, record.vocabulary, params))])
    corpus = read_corpus(text, text.stem, record.vocabulary)
    whole = record.vocabulary.decode(corpus.ids)
    start = int(0.9 * len(whole))
    spacing = (len(whole) - start - CONTEXT) // PLACES
    contexts = [whole[at : at + CONTEXT] for at in range(start, start + PLACES * spacing, spacing)]

    started = time.perf_counter()
    warm_up(voices)
    print(f"warming up: {time.perf_counter() - started:.1f} s; at most {Budget().nodes} prefixes are opened")
    for temperature in (0.8, 1.0):
        for unit in ("char", "word", "line"):
            measure(voices, contexts, unit, SampleConfig(temperature))


if __name__ == "__main__":
    main()
