"""`cdiff.optimize.brentq`: roots between two ends, with derivatives by the equation at the root."""

import numpy as np
import pytest

import cdiff as cd
import cdiff.optimize as cdo

pytest.importorskip("scipy.optimize")


def cubic(p, end=5.0):
    """x**3 + p * x = 2 at x = 1 for p = 1: 4 dx + dp = 0, and 4 d2x + 6 dx**2 + 2 dx = 0."""
    return cdo.brentq(lambda x, p: x**3 + p * x - 2.0 + 0.0 * end, 0.0, end, (p,))


def test_a_root_between_two_ends():
    close = {"rel": 1e-9}
    assert cubic(1.0) == pytest.approx(1.0, **close)
    assert cd.jvp(cubic, (1.0,), (1.0,))[1] == pytest.approx(-0.25, **close)
    for slope in (cd.grad(cubic), cd.compile(cd.grad(cubic))):
        assert slope(1.0) == pytest.approx(-0.25, **close)
    assert cd.grad(cd.grad(cubic))(1.0) == pytest.approx(0.03125, **close)
    np.testing.assert_allclose(cd.vmap(cd.grad(cubic))(np.ones(2)), [-0.25, -0.25], rtol=1e-9)
    compiled = cd.compile(cd.grad(cubic, argnums=(0, 1)))
    for end in (1.5, 3.0):
        assert compiled(1.0, end) == (pytest.approx(-0.25, **close), 0.0)
    assert compiled.stats()["recordings"] == 1


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: cubic(1.0, 0.5), ValueError, "different signs"),
    (lambda: cubic(1.0, np.ones(1)), ValueError, r"brentq: b is one number.*\(1,\)"),
    (lambda: cdo.brentq(lambda x: x * np.ones(2), -1.0, 1.0), ValueError, r"f gives.*\(2,\)"),
    (lambda: cdo.brentq(1.0, -1.0, 1.0), TypeError, "brentq: f"),
    (lambda: cdo.brentq(lambda x: x - 0.3, 0.0, 1e9, maxiter=1), RuntimeError, "converge"),
])  # fmt: skip
def test_a_root_between_two_ends_says_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()
