"""Complex unknowns of equations, holomorphic or not, that are solved and differentiated as real and
imaginary parts: compared with formulae. It must not know how they are packed.
"""

import io

import numpy as np
import pytest

import cdiff as cd

A = np.array([0.6, 1.3])
W = np.array([1.0 - 0.5j, 0.3 + 2.0j])


def parts(z):
    """A real number that depends on all parts of z."""
    return np.sum(z.real * (1.0 + z.imag) + 0.5 * z.imag**2)


def of_parts(x, y):
    return x + 1j * y


def products(matvec, b):
    """A solver of two equations by products; it may only be real-linear."""
    rows = np.stack([np.asarray(matvec(e)) for e in (*np.eye(2) + 0j, *(1j * np.eye(2)))])
    matrix = np.concatenate([rows.real, rows.imag], axis=1).T
    found = np.linalg.solve(matrix, np.concatenate([b.real, b.imag]))
    return found[:2] + 1j * found[2:]


def root(a):
    return parts(cd.custom_root(lambda z, w: z * z - w)(1 + 1j, of_parts(a[0], a[1])))


def conjugated(a, **options):
    equations = cd.custom_root(lambda z: z + 0.5 * a[0] * np.conj(z) - a[1] * W, **options)
    return parts(equations(np.zeros(2, complex)))


def conjugated_by_products(a):
    return conjugated(a, linear_solver=products)


def conjugated_formula(a):
    return parts(a[1] * of_parts(W.real / (1.0 + 0.5 * a[0]), W.imag / (1.0 - 0.5 * a[0])))


def containers(a):
    solve = cd.custom_root(lambda u, w: {"z": u["z"] ** 2 - w, "r": u["r"] * a[0] - abs(u["z"][0])})
    found = solve({"z": W, "r": 1.0}, W * W * a[1])
    return parts(found["z"]) + found["r"]


def containers_formula(a):
    z = W * np.sqrt(a[1])
    return parts(z) + np.abs(z[0]) / a[0]


def settled(a):
    step = lambda z, w: 0.5 * a[0] * np.conj(z) + w
    return parts(cd.custom_fixed_point(step)(W, a[1] * W))


def settled_formula(a):
    return parts(a[1] * of_parts(W.real / (1.0 - 0.5 * a[0]), W.imag / (1.0 + 0.5 * a[0])))


def lowest(a, **options):
    away = lambda z, w: np.sum(np.abs(z - w) ** 2 + a[0] * z.real**2)
    return parts(cd.implicit_minimize(away, **options)(W, a[1] * W))


def lowest_by_products(a):
    return lowest(a, linear_solver=products)


def lowest_formula(a):
    return parts(a[1] * of_parts(W.real / (1.0 + a[0]), W.imag))


def linear(a):
    return parts(cd.linear_solve(lambda z: 2.0 * z + a[0] * np.conj(z[::-1]), a[1] * W))


def linear_formula(a):
    # z + c conj(Rz) = b has z = (b - c conj(Rb)) / (1 - c^2), as R R = 1.
    c, b = 0.5 * a[0], 0.5 * a[1] * W
    return parts((b - c * np.conj(b[::-1])) / (1.0 - c * c))


CASES = {
    root: lambda a: parts(np.sqrt(of_parts(a[0], a[1]))),
    conjugated: conjugated_formula,
    conjugated_by_products: conjugated_formula,
    containers: containers_formula,
    settled: settled_formula,
    lowest: lowest_formula,
    lowest_by_products: lowest_formula,
    linear: linear_formula,
}


def loaded(compiled, a):
    """A compiled function out of a file."""
    compiled(a)
    file = io.BytesIO()
    compiled.save(file)
    return cd.load(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_values_and_derivatives(f):
    formula = CASES[f]
    near = lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=2e-9, atol=1e-11)
    twice = lambda f: cd.jacrev(cd.grad(f))
    for derivative in (lambda f: f, cd.grad, cd.jacfwd, cd.hessian, twice):
        near(derivative(f)(A), derivative(formula)(A))
    gradient, points = cd.grad(formula), np.stack([A, 0.9 * A])
    near(cd.vmap(cd.grad(f))(points), [gradient(a) for a in points])
    compiled = cd.compile(cd.grad(f))
    for a in points:
        near(compiled(a), gradient(a))
    if "products" not in f.__name__:
        value = loaded(cd.compile(f), A)
        near(value(points[1]), formula(points[1]))
        near(cd.grad(value)(points[1]), gradient(points[1]))
        near(loaded(compiled, A)(points[1]), gradient(points[1]))



def test_holomorphic_derivatives_and_single_precision():
    roots = cd.custom_root(lambda z, w: z * z - w)
    slope = cd.grad(lambda w: roots(1 + 1j, w), holomorphic=True)(3 + 4j)
    assert slope == pytest.approx(0.2 - 0.1j)
    found = roots(np.complex64(1 + 1j), np.complex64(3 + 4j))
    assert found.dtype == np.complex64 and found == pytest.approx(2 + 1j, rel=1e-6)


def test_messages_speak_of_parts():
    with pytest.raises(ValueError, match=r"1 number\(s\).* for 2 unknown\(s\) \(complex ones"):
        cd.custom_root(lambda z: z.real)(1j)
    flat = cd.custom_root(lambda z, a: z.real * (1 + 1j) - a, solver=lambda g, z: z)
    with pytest.raises(np.linalg.LinAlgError, match=r"depends on the unknown\[0\]\.imag"):
        cd.jvp(lambda a: flat(np.zeros(1, complex), a), (0j,), (1j,))
    with pytest.raises(TypeError, match=r"the unknown\['r'\] is real, but .* is complex there"):
        cd.custom_root(lambda u: u, solver=lambda g, u: {"z": 0j, "r": 0j})({"z": 1j, "r": 1.0})
