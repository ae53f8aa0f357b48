"""Auxiliary data of the transformations: `has_aux=True`."""

import numpy as np
import pytest

import cdiff as cd


def test_aux():
    def f(x):
        y = x * x
        return y.sum(), {"y": y, "n": 3, "text": "kept", "thing": f}

    gradient, aux = cd.grad(f, has_aux=True)(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(gradient, [2.0, 4.0])
    assert type(aux["y"]) is np.ndarray
    np.testing.assert_array_equal(aux["y"], [1.0, 4.0])
    assert (aux["n"], aux["text"], aux["thing"]) == (3, "kept", f)
    (value, aux), _ = cd.value_and_grad(f, has_aux=True)(np.array([1.0, 2.0]))
    assert (value, aux["n"]) == (5.0, 3)
    _, pull, aux = cd.vjp(f, np.array([1.0, 2.0]), has_aux=True)
    assert (pull(1.0)[0][1], aux["n"]) == (4.0, 3)
    _, tangent, aux = cd.jvp(f, (np.array([1.0, 2.0]),), (np.ones(2),), has_aux=True)
    assert (tangent, aux["y"][1]) == (6.0, 4.0)
    _, push, aux = cd.linearize(f, np.array([1.0, 2.0]), has_aux=True)
    assert (push(np.ones(2)), aux["n"]) == (6.0, 3)
    for transform in (cd.jacobian, cd.jacfwd, cd.jacrev):
        jacobian, aux = transform(f, has_aux=True)(np.array([1.0, 2.0]))
        assert (jacobian[1], aux["n"]) == (4.0, 3)
    hessian, aux = cd.hessian(f, has_aux=True)(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(hessian, 2 * np.eye(2))
    assert type(aux["y"]) is np.ndarray


def test_aux_must_be_a_pair():
    with pytest.raises(TypeError, match="must return a pair"):
        cd.grad(lambda x: x**3, has_aux=True)(1.0)


AUXILIARY = {
    "elementwise_grad": lambda f, x: cd.elementwise_grad(f, has_aux=True)(x),
    "hvp": lambda f, x: cd.hvp(lambda x: (f(x)[0].sum(), f(x)[1]), (x,), (x,), has_aux=True),
}


@pytest.mark.parametrize("name", AUXILIARY)
def test_auxiliary_data_beside_a_derivative_without_the_value(name):
    def transformed(x):
        return AUXILIARY[name](lambda x: (x * x, {"cube": x**3, "name": "f"}), x)

    x = np.array([1.0, 2.0])
    derivative, aux = transformed(x)
    np.testing.assert_array_equal(derivative, 2.0 * x)
    np.testing.assert_array_equal(aux["cube"], x**3)
    assert aux["name"] == "f"
    slopes = cd.jacobian(lambda x: transformed(x)[1]["cube"])(x)
    np.testing.assert_allclose(slopes, np.diag(3.0 * x**2), rtol=1e-15)
