"""What all tests share: a test draws the same random numbers whichever others run before it, and
none fails because a machine is busy.

With CDIFF_DEFER_FROM=0 in the environment all values wait while functions are recorded, not only
large ones, so that every test of compiled functions is one of deferred values.
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from cdiff import _core

# By default hypothesis fails an example that takes longer than 200 ms. On top of the profile that
# it has chosen, which is another one where CI is set.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

if "CDIFF_DEFER_FROM" in os.environ:
    _core.set_deferred_size(int(os.environ["CDIFF_DEFER_FROM"]))

_FIRST = {}  # the state of each module's generators when its first test began


@pytest.fixture(autouse=True)
def same_draws(request):
    """Put the generators at the top of a test's module back to where they were."""
    module = request.module
    if module not in _FIRST:
        found = [x for x in vars(module).values() if isinstance(x, np.random.Generator)]
        _FIRST[module] = [(x, x.bit_generator.state) for x in found]
    for generator, state in _FIRST[module]:
        generator.bit_generator.state = state
