"""What the benchmarks against peers share: worker processes, rounds in turn, and rows printed as they are measured.

Each peer is one process for a whole table, so that its imports, settings and memory disturb no other. A worker builds
what it is asked for and runs it as often as it is asked to; the parent lets the peers take turns, round by round, so
that a machine which slows down or speeds up does so for all of them, and takes medians.
"""

import argparse
import ctypes
import gc
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LIBRARIES = ("jax", "torch", "flax")


def options(description: str | None, *, timed: bool = True) -> argparse.ArgumentParser:
    """The options of every table, those of `in_turn` if it is `timed` so."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    if timed:
        parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts (%(default)s)")
        parser.add_argument("--seconds", type=float, default=0.5, help="of each peer in each round (%(default)s)")
    parser.add_argument("--json", type=Path, help="append a JSON line a row to this file")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def machine() -> dict[str, Any]:
    """What was measured on, and with which versions."""
    cpu = platform.processor() or platform.machine()
    gib = None
    if (info := Path("/proc/cpuinfo")).exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
        gib = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES if importlib.util.find_spec(name)}
    return {"cpu": cpu, "cores": num_cores(), "memory_gib": gib, "python": platform.python_version(), **versions}


def num_cores() -> int:
    """The cores that this process may use: every peer gets as many threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Table:
    """Prints the machine and a header, then each row as soon as it is given."""

    def __init__(self, name: str, columns: Sequence[tuple[str, int]], json_path: Path | None) -> None:
        self.name, self.json_path, self.machine = name, json_path, machine()
        self.widths = [max(width, len(title)) for title, width in columns]
        print(f"# {name}: " + ", ".join(f"{key} {value}" for key, value in self.machine.items()))
        self._print([title for title, _ in columns])

    def row(self, cells: Sequence[str], **values: Any) -> None:
        """Print `cells`, and append `values` to the JSON file."""
        self._print(cells)
        if self.json_path is not None:
            with self.json_path.open("a", encoding="ascii") as file:
                file.write(json.dumps({"table": self.name, **values, "machine": self.machine}) + "\n")

    def _print(self, cells: Sequence[str]) -> None:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, self.widths, strict=True)).rstrip(), flush=True
        )


class Worker:
    """A peer in a process of its own: `script --worker name`, which `serve`s."""

    def __init__(self, script: str, name: str, *arguments: str) -> None:
        self.name = name
        command = [sys.executable, script, "--worker", name, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, method: str, **arguments: Any) -> Any:
        """What `method` of the worker returns."""
        return self._ask(method, arguments)["value"]

    def seconds(self, steps: int) -> float:
        """How long it takes to run a step, of so many."""
        return self._ask("run", {"steps": steps})["seconds"] / steps

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _ask(self, method: str, arguments: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([method, arguments]) + "\n")
        self.process.stdin.flush()
        if not (answer := self.process.stdout.readline()):
            raise SystemExit(f"the worker of {self.name} has died; what it said is above")
        return json.loads(answer)


def serve(peer: object) -> None:
    """Answer what the parent asks of `peer`, until it asks no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    for line in sys.stdin:
        method, arguments = json.loads(line)
        started = time.perf_counter()
        value = getattr(peer, method)(**arguments)
        answers.write(json.dumps({"value": value, "seconds": time.perf_counter() - started}) + "\n")
        answers.flush()


def start(script: str, peers: dict[str, str | None], *arguments: str) -> dict[str, Worker]:
    """A worker for each of `peers` (name: the library it needs) that is installed."""
    found = [name for name, library in peers.items() if library is None or importlib.util.find_spec(library)]
    return {name: Worker(script, name, *arguments) for name in found}


def in_turn(
    workers: dict[str, Worker], rounds: int, seconds: float, after_round: Callable[[], object] = lambda: None
) -> dict[str, float]:
    """Median seconds that a step of each worker takes, over `rounds` rounds of about `seconds` each."""
    steps = {}
    for name, worker in workers.items():
        worker.seconds(1)  # compiles
        steps[name] = max(1, round(seconds / worker.seconds(1)))
        steps[name] = max(1, round(seconds / worker.seconds(max(1, steps[name] // 10))))
    times: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            times[name].append(worker.seconds(steps[name]))
        after_round()
    return {name: statistics.median(each) for name, each in times.items()}


def release() -> None:
    """Give back the memory of what was built before."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
