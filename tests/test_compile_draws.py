"""Random numbers that a compiled function draws: constants of its program, and a warning says so.

This file must not know how a generator is found.
"""

import random
import subprocess
import sys
import warnings

import numpy as np
import pytest

import cdiff as cd

RNG = np.random.default_rng(3)
OF_CDIFF = cd.numpy.random.default_rng(1)
STATE = np.random.RandomState(1)
OF_PYTHON = random.Random(1)


def by_own_import(v):
    from random import gauss

    return v * gauss(0.0, 1.0)


DRAWING = {
    "global": lambda v: v * RNG.normal(),
    "method": lambda v, draw=RNG.normal: v * draw(),
    "of cdiff": lambda v: OF_CDIFF.normal(v),
    "legacy": lambda v: v * np.random.rand(),  # noqa: NPY002
    "state": lambda v: v * STATE.rand(),
    "python": lambda v: v * random.random(),
    "instance": lambda v: v * OF_PYTHON.random(),
    "import": by_own_import,
}


@pytest.mark.parametrize("name", DRAWING)
def test_random_numbers_that_become_constants(name):
    """Nothing said so."""
    compiled = cd.compile(DRAWING[name])
    with pytest.warns(cd.CompileWarning, match="has drawn random numbers"):
        first = compiled(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled(1.0) == first


def test_an_argument_that_draws():
    with pytest.warns(cd.CompileWarning, match="has drawn random numbers"):
        cd.compile(lambda v, rng: v * rng.normal())(1.0, np.random.default_rng(1))


def test_random_numbers_from_a_seed_are_constants_rightly():
    f = cd.compile(lambda v, seed: v * np.random.default_rng(seed).normal())
    g = cd.compile(lambda v: v * len(RNG.bit_generator.state))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(1.0, 3)
        g(1.0)


def test_numbers_of_a_generator_that_nobody_has_imported():
    """NumPy imports `numpy.random` when it is first named: here, while the function is recorded."""
    code = (
        "import warnings, numpy as np, cdiff as cd\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    cd.compile(lambda x: x * np.random.rand())(1.0)\n"
        "print([w.category.__name__ for w in caught])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['CompileWarning']"
