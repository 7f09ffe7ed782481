import jax
from hypothesis import settings

# More than one device, on any machine, so that the laws hold where work is shared among them.
jax.config.update("jax_num_cpu_devices", 2)

# How long one example takes says more about the machine than about the law.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
