import platform
import subprocess
import sys

import jax
import pytest
from processes import environment

from charnn.errors import ConfigError
from charnn.nn.device import MIN_STREAMS, batch_devices, select_device


@pytest.fixture(autouse=True)
def _settings_restored():
    before = jax.config.jax_platforms, jax.config.jax_default_device
    yield
    jax.config.update("jax_platforms", before[0])
    jax.config.update("jax_default_device", before[1])


def has(platform):
    try:
        return bool(jax.devices(platform))
    except RuntimeError:
        return False


@pytest.mark.parametrize(("name", "extra"), [("gpu", "charnn[cuda]"), ("tpu", "charnn[tpu]")])
def test_a_device_that_is_missing_is_an_error_that_names_the_extra(name, extra):
    if has(name):
        pytest.skip(f"there is a {name} here")
    with pytest.raises(ConfigError) as error:
        select_device(name)
    assert error.value.field == "device"
    assert error.value.exit_code == 2
    for word in (repr(name), extra, "--device cpu"):
        assert word in str(error.value)


def test_a_device_that_no_one_has_names_no_extra():
    with pytest.raises(ConfigError, match="no abacus") as error:
        select_device("abacus")
    assert "pip install" not in str(error.value)


def test_the_cpu_is_everywhere_and_is_computed_on():
    assert select_device("cpu") == "cpu"
    assert jax.numpy.zeros(1).device.platform == "cpu"


def test_the_best_device_is_chosen_when_none_is_named():
    assert select_device(None).split(" ")[0] == jax.devices()[0].platform


def test_a_batch_is_shared_evenly_by_as_many_cores_as_it_gives_enough_streams():
    cores = jax.devices("cpu")
    assert len(cores) > 1
    with jax.default_device(cores[0]):
        assert batch_devices(1) == batch_devices(2 * MIN_STREAMS - 1) == cores[:1]
        assert batch_devices(2 * MIN_STREAMS) == cores[:2]
        assert batch_devices(2 * MIN_STREAMS + 1) == cores[:1], "no device may have more streams than another"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back that could be kept")
def test_freed_memory_is_kept():
    """A large array that is freed and made again costs no new pages."""
    code = (
        "import numpy as np, resource, sys\n"
        "from charnn.nn.device import keep_freed_memory\n"
        "if sys.argv[1] == 'kept': keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "np.ones(2**26)\n"
        "before = faults()\n"
        "for _ in range(3): np.ones(2**26)\n"
        "print(faults() - before)\n"
    )
    pages = {
        how: int(subprocess.run([sys.executable, "-c", code, how], env=environment(), capture_output=True).stdout)
        for how in ("kept", "given back")
    }
    assert pages["kept"] < 100 < pages["given back"]


def test_what_is_compiled_is_kept_for_the_next_process_and_not_beyond_its_folder(tmp_path):
    code = (
        "import sys, jax, pathlib\n"
        "from charnn.nn.device import keep_compiled\n"
        "keep_compiled(pathlib.Path(sys.argv[1]))\n"
        "print(jax.jit(lambda x: x * 3)(14))\n"
    )
    env = {name: value for name, value in environment().items() if not name.startswith("JAX")}

    def compiled(folder):
        done = subprocess.run([sys.executable, "-c", code, folder], env=env, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
        return {path.name for path in folder.glob("*-cache")}

    kept = compiled(tmp_path / "a" / "b")
    assert kept
    assert compiled(tmp_path / "a" / "b") == kept
    nowhere = tmp_path / "file" / "folder"
    nowhere.parent.write_text("")
    assert not compiled(nowhere), "a folder that cannot be made is done without"
