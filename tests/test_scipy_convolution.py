"""Convolutions over several axes: two modes that are each in the adjoint of the other."""

import numpy as np
import pytest

import cdiff as cd
import cdiff.scipy.signal as signal

RANDOM = np.random.default_rng(5)
SHAPES = [((7,), (3,)), ((3,), (7,)), ((5, 6), (2, 6)), ((4, 5, 3), (2, 1, 3)), ((4,), (4,))]


def drawn(shape, dtype):
    x = RANDOM.standard_normal(shape)
    return x + 1j * RANDOM.standard_normal(shape) if dtype is complex else x


def valid_of_full(a, b):
    """The same by the part of the full convolution in which both lie over each other."""
    pairs = zip(a.shape, b.shape, strict=True)
    key = tuple(slice(min(n, m) - 1, max(n, m)) for n, m in pairs)
    return signal.convolve(a, b, "full", "fft")[key]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("method", ["direct", "fft"])
@pytest.mark.parametrize("dtype", [float, complex])
def test_valid_is_a_part_of_full_to_the_third_order(shapes, method, dtype):
    a, b, da, db = (drawn(shape, dtype) for shape in (*shapes, *shapes))
    g = drawn(valid_of_full(a, b).shape, dtype)

    def near(found, wanted):
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_allclose(x, y, 1e-10, 1e-10)

    def all_of(f):
        cubes = lambda a, b: (np.abs(f(a, b) * f(a, b)) ** 2).sum()
        slope = lambda a, b: cd.grad(cubes, argnums=(0, 1))(a, b)
        pushed = lambda a, b: cd.jvp(slope, (a, b), (da, db))[1]
        return [f(a, b), cd.jvp(f, (a, b), (da, db))[1], *cd.vjp(f, a, b)[1](g), *slope(a, b),
                *pushed(a, b), *cd.jvp(pushed, (a, b), (da, db))[1],
                *cd.compile(lambda a, b: pushed(a, b))(a, b)]  # fmt: skip

    near(all_of(lambda a, b: signal.convolve(a, b, "valid", method)), all_of(valid_of_full))
