import os

import jax
from hypothesis import settings
from processes import COMPILED

# Nothing of what the tests compile goes where a person's programs look for it.
os.environ["XDG_CACHE_HOME"] = COMPILED.name

# More than one device, on any machine, so that the laws hold where work is shared among them.
jax.config.update("jax_num_cpu_devices", 2)

# How long one example takes says more about the machine than about the law.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
