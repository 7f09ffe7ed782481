"""How long a person waits: for help, for the first character of a sample, and for the characters after it.

    python tests/benchmarks/start_up.py TEXT

Trains the default net on TEXT for a minute, to have one to write with, and prints medians of five runs of each command.
"""

import statistics
import subprocess
import sys
import tempfile
import time

REPEATS = 5
LENGTH = 10_000


def charnn(*arguments: str) -> tuple[float, float, int]:
    """Run `charnn`; seconds to its first byte on stdout, seconds to its end, and how many bytes it wrote."""
    started = time.monotonic()
    command = [sys.executable, "-m", "charnn", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        size = len(process.stdout.read(1))
        first = time.monotonic() - started
        size += len(process.stdout.read())
    return first, time.monotonic() - started, size


def main() -> None:
    (text,) = sys.argv[1:]
    help_seconds = [charnn("--help")[1] for _ in range(REPEATS)]
    print(f"charnn --help: {statistics.median(help_seconds):.2f} s")
    with tempfile.TemporaryDirectory() as checkpoints:
        where = ("--checkpoints", checkpoints)
        charnn("train", text, "--minutes", "1", *where)
        samples = [charnn("sample", "--length", str(LENGTH), *where) for _ in range(REPEATS)]
    print(f"charnn sample, to the first character: {statistics.median(first for first, _, _ in samples):.2f} s")
    speeds = [size / (end - first) for first, end, size in samples]
    print(f"charnn sample, then: {statistics.median(speeds):,.0f} characters/s")


if __name__ == "__main__":
    main()
