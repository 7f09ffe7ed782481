"""Peak memory of reading a corpus, over its size: `python tests/benchmarks/prepare_memory.py [MEGABYTES]`.

Each text is read in a process of its own; what counts is how much its peak rises above where it stood after imports.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ASCII = [chr(point) for point in range(0x61, 0x7B)]
TWO_BYTES = [chr(point) for point in range(0x400, 0x500)]  # Cyrillic
ALL_OF_TWO_BYTES = [chr(point) for point in range(0xA1, 0x800)]  # more than a one-byte id can tell apart


def words(letters: list[str], emoji: str, num_bytes: int) -> Iterator[bytes]:
    """A text of random words, about `num_bytes` long, with one emoji in it."""
    rng = random.Random(0)
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(5000)]
    block = (" ".join(rng.choices(vocabulary, k=100_000)) + "\n").encode()
    yield emoji.encode()
    for _ in range(num_bytes // len(block) + 1):
        yield block


def read(path: Path) -> None:
    from charnn.text.corpus import read_corpus

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    corpus = read_corpus(path)
    seconds = time.perf_counter() - start
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    size = path.stat().st_size
    print(
        f"{path.stem:<28} {size / 1e6:6.1f} MB  {len(corpus.vocabulary):5} characters  {corpus.ids.dtype!s:<7}"
        f" growth/size {growth / size:5.2f}  {seconds:5.2f} s"
    )


def main(megabytes: int) -> None:
    variants = {
        "ascii": (ASCII, ""),
        "ascii and one emoji": (ASCII, "😀"),
        "two-byte and one emoji": (TWO_BYTES, "😀"),
        "two-byte, large alphabet": (ALL_OF_TWO_BYTES, "😀"),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (letters, emoji) in variants.items():
            path = Path(folder, f"{name}.txt")
            with path.open("wb") as file:
                file.writelines(words(letters, emoji, megabytes * 1_000_000))
            subprocess.run([sys.executable, __file__, str(path)], check=True)
            path.unlink()


if __name__ == "__main__":
    argument = sys.argv[1] if len(sys.argv) > 1 else "200"
    if argument.isdigit():
        main(int(argument))
    else:
        read(Path(argument))
