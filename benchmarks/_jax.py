"""JAX as all benchmarks use it: computing in the thread that calls, as the other libraries do.

Otherwise it hands large computations to another thread, whose CPU time is counted with a delay of
some milliseconds: short ones were found to take a seventh of their time.
"""

import jax

jax.config.update("jax_cpu_enable_async_dispatch", False)

__all__ = ["jax"]
