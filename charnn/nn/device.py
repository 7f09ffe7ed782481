"""Which devices jax computes on, and how their memory is kept."""

import contextlib
import ctypes
import os
import sys
import tempfile
from pathlib import Path

import jax

from charnn.errors import ConfigError

EXTRAS = {"gpu": "cuda", "tpu": "tpu"}
MIN_STREAMS = 16  # of a share of a batch: for fewer, XLA spends too much of a product on packing the weights
MAX_COMPILED = 2**28  # bytes
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # glibc's malloc.h


def select_device(name: str | None) -> str:
    """Compute on `name` (cpu, gpu or tpu; None: the best that jax finds) and say which device that is.

    Has to be called before anything is computed. Raises `ConfigError` when there is no such device.
    """
    with contextlib.suppress(RuntimeError):  # something has been computed: then the devices stay what they are
        jax.config.update("jax_num_cpu_devices", _num_cores())
    if name == "cpu":
        jax.config.update("jax_platforms", "cpu")  # leaves an accelerator untouched for others
    try:
        device = jax.devices(name)[0]
    except RuntimeError as error:
        extra = EXTRAS.get(name or "")
        install = f" An installation that reaches one is `pip install 'charnn[{extra}]'`." if extra else ""
        raise ConfigError(
            f"jax finds no {name or 'device'} here ({str(error).splitlines()[0]}).{install}"
            " `--device cpu` runs everywhere.",
            "device",
        ) from error
    jax.config.update("jax_default_device", device)
    kind = "" if device.device_kind.lower() == device.platform else f" ({device.device_kind})"
    return f"{device.platform}{kind}"


def keep_compiled(folder: Path) -> None:
    """Have jax keep what it compiles in `folder`, and look there first; what is used least goes when it is full.

    Processes may share the folder. One that cannot be written to is not used, and one that is set for jax itself
    (`JAX_COMPILATION_CACHE_DIR`) stays.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_compilation_cache_max_size", MAX_COMPILED)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def batch_devices(batch_size: int) -> list[jax.Device]:
    """The devices that a batch is shared among, in equal parts of at least `MIN_STREAMS` streams: an accelerator alone,
    or as many CPU cores as possible.

    On CPU each step of a recurrence is too little work to be shared well within one product, while a core that has
    streams of its own waits for no one until the gradients are summed.
    """
    (device,) = jax.numpy.zeros(()).devices()  # the default one
    if device.platform != "cpu":
        return [device]
    cores = jax.devices("cpu")
    most = min(len(cores), max(1, batch_size // MIN_STREAMS))
    return cores[: max(n for n in range(1, most + 1) if batch_size % n == 0)]


def keep_freed_memory() -> None:
    """Have this process keep the memory that it frees, for what it allocates next (glibc; elsewhere nothing is done).

    XLA on CPU allocates its temporary arrays anew in every call. glibc takes arrays of that size from the system and
    gives them back each time, and the system clears each page anew: up to a third of a training step.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_ARENA_MAX, 1)


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
