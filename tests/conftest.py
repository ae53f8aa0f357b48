"""What all tests share: a test draws the same random numbers whichever others run before it, and
none fails because a machine is busy.

With CDIFF_DEFER_FROM=0 in the environment all values wait while functions are recorded, not only
large ones, so that every test of compiled functions is one of deferred values.
"""

import faulthandler
import os
import time

# Matrices are small here, and as many processes at work as there are processors: threads of BLAS
# would wait for one another most of the time. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

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
_WATCHED_AGAIN = 60  # seconds
_watch = {"stderr": None, "since": float("-inf")}


def pytest_configure(config):
    # Under pytest the second descriptor is a file of its own, but for this moment.
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        _watch["stderr"] = os.dup(2)


def pytest_unconfigure():
    faulthandler.cancel_dump_traceback_later()
    os.close(_watch["stderr"])


def pytest_runtest_setup(item):
    """A test that hangs says where, after ten minutes or one more.

    What pytest has for this begins and ends a thread for each test, which takes as long as a small
    test itself.
    """
    if time.monotonic() - _watch["since"] > _WATCHED_AGAIN:
        _watch["since"] = time.monotonic()
        faulthandler.dump_traceback_later(600 + _WATCHED_AGAIN, file=_watch["stderr"])
    same_draws(item.module)


def same_draws(module):
    """Put the generators at the top of a test's module back to where they were."""
    if module not in _FIRST:
        found = [x for x in vars(module).values() if isinstance(x, np.random.Generator)]
        _FIRST[module] = [(x, x.bit_generator.state) for x in found]
    for generator, state in _FIRST[module]:
        generator.bit_generator.state = state


@pytest.fixture
def threads():
    """`set_num_threads`, undone afterwards."""
    before = _core.get_num_threads()
    yield _core.set_num_threads
    _core.set_num_threads(before)
