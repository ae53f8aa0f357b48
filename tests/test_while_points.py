"""while_loop at many points: each goes round as often as its own condition says."""

import io

import numpy as np
import pytest

import cdiff as cd

STARTS = np.array([0.3, 1.0, 2.5, 4.0, 0.1])  # each takes another number of steps, one takes none
TWO = np.stack([STARTS, STARTS[::-1] * 1.1])


def grown(a):
    """A number, the steps that it took, and what is read from outside at each step."""
    step = lambda c: (c[0] * 1.3 + 0.1 * a * a, c[1] + 1.0)
    x, n = cd.while_loop(lambda c: c[0] < 3.0, step, (a, 0.0))
    return x * (1.0 + n)


def python_grown(a):
    n = 0.0
    x = a
    while x < 3.0:
        x, n = x * 1.3 + 0.1 * a * a, n + 1.0
    return x * (1.0 + n)


def at_points(f):
    return lambda xs: np.stack([f(xs[i]) for i in range(len(xs))])


def squares(f):
    return lambda xs: np.sum(f(xs) ** 2)


many, loop = cd.vmap(grown), at_points(python_grown)
twice, loops = cd.vmap(many), at_points(loop)

CASES = {
    "value": (many, loop, STARTS),
    "derivative at each point": (cd.vmap(cd.grad(grown)), at_points(cd.grad(python_grown)), STARTS),
    "second": (cd.vmap(cd.hessian(grown)), at_points(cd.hessian(python_grown)), STARTS),
    "gradient": (cd.grad(squares(many)), cd.grad(squares(loop)), STARTS),
    "hessian": (cd.hessian(squares(many)), cd.hessian(squares(loop)), STARTS),
    "jacobian": (cd.jacobian(many), cd.jacobian(loop), STARTS),
    "forward": (cd.jacfwd(many), cd.jacfwd(loop), STARTS),
    "nested": (twice, loops, TWO),
    "gradient of nested": (cd.grad(squares(twice)), cd.grad(squares(loops)), TWO),
    "nested gradient": (
        cd.vmap(cd.grad(squares(many))), at_points(cd.grad(squares(loop))), TWO,
    ),
    "shared": (
        lambda a: cd.vmap(lambda b: grown(a) * b)(STARTS), lambda a: python_grown(a) * STARTS, 0.3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda f: f, cd.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", CASES)
def test_points_are_as_in_python(name, wrap):
    f, want, x = CASES[name]
    f = wrap(f)
    for given in (x, x * 1.01, x * 0.4, x):  # other numbers of steps in between
        np.testing.assert_allclose(f(given), want(given), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["value", "gradient", "gradient of nested"])
def test_points_from_a_file(name):
    f, want, x = CASES[name]
    compiled = cd.compile(f)
    compiled(x)
    file = io.BytesIO()
    compiled.save(file)
    loaded = cd.load(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(loaded(x), compiled(x))
    np.testing.assert_allclose(loaded(x * (1 + 1e-9)), want(x * (1 + 1e-9)), rtol=1e-9)


@pytest.mark.parametrize(
    "max_steps, error", [(-1, ValueError), (2.5, TypeError), (True, TypeError), ("3", TypeError)]
)
def test_the_largest_number_of_steps(max_steps, error):
    run = lambda n: cd.while_loop(lambda c: c > 0.0, lambda c: c - 1.0, 3.0, n)
    with pytest.raises(error, match="max_steps"):
        run(max_steps)
    assert run(3) == run(np.int64(3)) == 0.0
    with pytest.raises(RuntimeError, match="still holds after 2 steps"):
        run(2)
