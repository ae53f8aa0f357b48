"""NumPy's order of complex numbers, in which extremes and sorting choose: values, dtypes and the
derivative of the chosen element in all modes."""

import numpy as np
import pytest
from complex_cases import Z

import cdiff as cd

ORDERED = np.array([[1 + 2j, 1 - 1j, -3j, 2 + 0j], [0.5 + 1j, 1 - 1j, 2 + 2j, -1 - 1j]])
APART = ORDERED + np.array([[0.11, -0.06, 0.27, 0.14], [-0.13, 0.35, -0.31, -0.17]])
ORDERS = {
    "maximum": lambda z: np.maximum(z[0], z[1]),
    "minimum": lambda z: np.minimum(z[0], 0.5 - z[1]),
    "fmax": lambda z: np.fmax(z[0], z[1] * 2),
    "fmin": lambda z: np.fmin(1 + 2j, z),
    "real and complex": lambda z: np.maximum(np.real(z), z * 1j),
    "max": lambda z: np.max(z, 1),
    "min": lambda z: np.min(z[:, 1:]),
    "ptp": lambda z: np.ptp(z, 0),
    "clip": lambda z: np.clip(z, 0.3, 1.5 + 1j),
    "sort": lambda z: np.sort(z, None),
    "cumulative": lambda z: np.maximum.accumulate(z, 1),
}


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("name", ORDERS)
def test_the_order_of_complex_numbers_is_numpys(name, dtype):
    """The real part, then the imaginary one; the derivative is that of the chosen element."""
    f, z = ORDERS[name], ORDERED.astype(dtype)
    want, got = f(z), f(cd.array(z, requires_grad=True))
    np.testing.assert_array_equal(got.detach().numpy(), want)
    assert got.dtype == want.dtype

    def size(z):
        return np.sum(np.abs(f(z) - (0.3 - 0.2j)) ** 2 * np.arange(1.0, np.size(want) + 1)
                      .reshape(want.shape))  # fmt: skip

    gradient, tangent = cd.grad(size)(z), cd.jvp(f, (z,), (z * (1 + 2j),))[1]
    assert (gradient.dtype, tangent.dtype) == (dtype, dtype)
    if dtype == np.complex128:
        cd.testing.check_grads(size, (APART,), order=2)
        cd.testing.check_grads(f, (APART,))
    for again in range(2):
        np.testing.assert_allclose(cd.compile(cd.grad(size))(z * (1.0, 1.01)[again]),
                                   cd.grad(size)(z * (1.0, 1.01)[again]), rtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(cd.vmap(cd.grad(size))(np.stack([z, -z]))[1], cd.grad(size)(-z),
                               rtol=1e-5)  # fmt: skip


def test_equal_complex_numbers_share_the_derivative():
    for f in (np.maximum, np.minimum, np.fmax, np.fmin):
        pull = cd.vjp(f, Z, Z)[1]
        for part in pull(np.ones_like(Z)):
            np.testing.assert_array_equal(part, np.full(Z.shape, 0.5))
    pull = cd.vjp(np.max, np.array([1 + 1j, 1 + 1j, 0]))[1]
    np.testing.assert_array_equal(pull(1 + 0j)[0], [0.5, 0.5, 0])
    assert cd.grad(lambda z: np.abs(np.rint(z)))(1.2 + 2.7j) == 0
    assert np.rint(cd.array(1.2 + 2.7j)).item() == 1 + 3j
