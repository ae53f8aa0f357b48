"""What every function of `cdiff.scipy` that takes arrays is tested for.

A case is a function that calls the module under test, and its arguments; the same call on plain
arrays is SciPy's own, which is the oracle of the values. It must not know how a derivative is made.
"""

import numpy as np
import pytest

import cdiff as cd
import cdiff.testing


def flat(result):
    parts = result if isinstance(result, (tuple, list)) else [result]
    return [np.asarray(cd._core.value(x)) for x in parts]


def values_are_scipys(f, args, rtol=1e-11):
    want, found = flat(f(*args)), flat(f(*[cd.array(x) for x in args]))
    for x, y in zip(want, found, strict=True):
        assert x.shape == y.shape
        np.testing.assert_allclose(y, x, rtol=rtol, atol=1e-12)


def loss_of(f):
    def loss(*args):
        y = f(*args)
        parts = y if isinstance(y, (tuple, list)) else [y]
        return sum([np.sum(np.sin(x)) for x in parts])

    return loss


def compiled_agrees(f, args):
    """The compiled gradient is that of the eager one, recorded once for two points."""
    g = cd.grad(loss_of(f), argnums=tuple(range(len(args))))
    compiled = cd.compile(g)
    compiled(*[1.01 * x for x in args])
    for x, y in zip(compiled(*args), g(*args), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)
    return compiled.stats()["recordings"]


def mapped_agrees(f, args, factor=1.003, rtol=1e-9):
    """The gradient at the arguments and at `factor` times these, both at once, is that at each."""
    gradient = cd.grad(loss_of(f), argnums=tuple(range(len(args))))
    several = [[k * x for x in args] for k in (1.0, factor)]
    mapped = cd.vmap(gradient)(*[np.stack(x) for x in zip(*several, strict=True)])
    for k, one in enumerate(several):
        for x, y in zip(mapped, gradient(*one), strict=True):
            np.testing.assert_allclose(x[k], y, rtol=rtol, atol=0.01 * rtol)


def checks_of(cases):
    """The tests of all cases of a module: values, derivatives, compiled, mapped."""
    each = pytest.mark.parametrize("name", cases)

    @each
    def test_values_are_scipys(name):
        f, args = cases[name]
        values_are_scipys(f, [float(x) if np.ndim(x) == 0 else x for x in args], rtol=1e-9)

    @each
    def test_derivatives(name):
        f, args = cases[name]
        cd.testing.check_grads(f, args, order=2)

    @each
    def test_compiled(name):
        compiled_agrees(*cases[name])

    @each
    def test_mapped(name):
        mapped_agrees(*cases[name])

    return test_values_are_scipys, test_derivatives, test_compiled, test_mapped
