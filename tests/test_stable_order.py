"""The order of a sorted row: that of NumPy's stable sort, by whatever sorts are quicker."""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp
from cdiff.numpy._index import MANY_KEYS, stable_order

RNG = np.random.default_rng(0)
KEYS = {
    "different": lambda shape: RNG.normal(size=shape),
    "equal": lambda shape: RNG.integers(0, 50, shape).astype(float),
    "all equal": np.ones,
    "single": lambda shape: RNG.integers(0, 50, shape).astype(np.float32),
    "nan": lambda shape: np.where(RNG.random(shape) < 0.1, np.nan, RNG.normal(size=shape)),
    "zeros": lambda shape: np.where(RNG.random(shape) < 0.4, -0.0, RNG.choice([0, np.inf], shape)),
    "integers": lambda shape: RNG.integers(0, 50, shape),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("shape", [(MANY_KEYS - 1,), (MANY_KEYS,), (5000,), (3, 2000), (200, 20)])
def test_it_is_the_stable_order(kind, shape):
    keys = KEYS[kind](shape)
    for axis in range(len(shape)):
        np.testing.assert_array_equal(
            stable_order(keys, axis), keys.argsort(axis, kind="stable")
        )  # fmt: skip


def test_derivatives_of_equal_elements_keep_their_order():
    x, w = KEYS["equal"]((3000,)), RNG.normal(size=3000)
    wanted = np.empty(3000)
    wanted[x.argsort(kind="stable")] = w
    np.testing.assert_array_equal(cd.grad(lambda x: cnp.sum(cnp.sort(x) * w))(x), wanted)
    compiled = cd.compile(cd.grad(lambda x: cnp.sum(cnp.sort(x) * w)))
    np.testing.assert_array_equal(compiled(x), wanted)
