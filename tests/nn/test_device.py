import jax
import pytest

from charnn.errors import ConfigError
from charnn.nn.device import select_device


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
