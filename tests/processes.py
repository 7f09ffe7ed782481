"""charnn as a person runs it: a process of its own."""

import os
import sys
import tempfile
from pathlib import Path

TINY = ["--hidden-size", "12", "--num-layers", "1", "--seq-len", "8", "--batch-size", "4"]
"""Flags of a net that trains in a second."""

COMPILED = tempfile.TemporaryDirectory(prefix="charnn-tests-")
"""What jax has compiled, so that a process need not compile what one before it has."""


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "charnn", *map(str, args)]


def environment() -> dict[str, str]:
    """This process's, without what would change what the tests see."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHARNN_")}
    return kept | {
        "COLUMNS": "100",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "JAX_COMPILATION_CACHE_DIR": COMPILED.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
