"""Which device jax computes on."""

import jax

from charnn.errors import ConfigError

EXTRAS = {"gpu": "cuda", "tpu": "tpu"}


def select_device(name: str | None) -> str:
    """Compute on `name` (cpu, gpu or tpu; None: the best that jax finds) and say which device that is.

    Has to be called before anything is computed. Raises `ConfigError` when there is no such device.
    """
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
