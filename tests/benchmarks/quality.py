"""What a number of minutes of default training reaches on a text.

    python tests/benchmarks/quality.py TEXT MINUTES... [-- FLAGS of charnn train]

Trains a fresh run for each of MINUTES with the command line, as its user does, and prints bits per character on the
last 10 % of TEXT, the wall time of the whole command and the characters per second of training.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    arguments, flags = sys.argv[1:], []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, flags = arguments[:cut], arguments[cut + 1 :]
    text, *all_minutes = arguments
    for minutes in all_minutes:
        with tempfile.TemporaryDirectory() as checkpoints:
            command = ["train", text, "--minutes", minutes, "--name", "run", "--checkpoints", checkpoints, "--quiet"]
            started = time.monotonic()
            subprocess.run([sys.executable, "-m", "charnn", *command, *flags], check=True, stdout=subprocess.DEVNULL)
            wall = time.monotonic() - started
            lines = [json.loads(line) for line in (Path(checkpoints) / "run/metrics.jsonl").read_text().splitlines()]
        score = [line["val_bits_per_char"] for line in lines if "val_bits_per_char" in line][-1]
        end = lines[-1]
        speeds = [line["chars_per_second"] for line in lines if line.get("chars_per_second")]
        print(
            f"{minutes} minutes: {score:.4f} bits per character, {end['chars']:,} characters in {end['step']:,}"
            f" steps, median {statistics.median(speeds):,.0f} characters/s, command took {wall:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
