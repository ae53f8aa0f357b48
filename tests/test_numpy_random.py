"""`cdiff.numpy.random`: NumPy's numbers, and derivatives of samples by the parameters."""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

PARAMETERS = {
    "normal": (0.3, 2.0), "laplace": (0.3, 2.0), "logistic": (0.3, 2.0), "gumbel": (0.3, 2.0),
    "uniform": (0.3, 2.0), "lognormal": (0.3, 0.5), "exponential": (2.0,), "rayleigh": (2.0,),
    "weibull": (1.7,), "pareto": (1.7,), "power": (1.7,),
}  # fmt: skip
SOURCES = {
    "generator": (cnp.random.default_rng, np.random.default_rng),
    "state": (cnp.random.RandomState, np.random.RandomState),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", PARAMETERS)
def test_samples_are_numpys(name, source):
    args = [np.array([p, 1.1 * p, 1.2 * p]) for p in PARAMETERS[name]]
    ours, numpys = (make(7) for make in SOURCES[source])
    want = getattr(numpys, name)(*args, size=(20, 3))
    got = getattr(ours, name)(*map(cd.array, args), size=(20, 3))
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)
    # Both go on with the same numbers, and plain calls are NumPy's own.
    plain = getattr(ours, name)(*args)
    assert type(plain) is np.ndarray
    np.testing.assert_array_equal(plain, getattr(numpys, name)(*args))


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_global_state(name):
    np.random.seed(3)  # noqa: NPY002 -- this is what is tested
    want = getattr(np.random, name)(*PARAMETERS[name], size=4)
    cnp.random.seed(3)
    got = getattr(cnp.random, name)(*map(cd.array, PARAMETERS[name]), size=4)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-13)


@pytest.mark.parametrize("name", PARAMETERS)
def test_derivatives_by_parameters(name):
    draw = lambda *args: getattr(cnp.random.default_rng(5), name)(*args, size=6)
    cd.testing.check_grads(draw, PARAMETERS[name], order=2)


def test_multivariate_normal():
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    mean = np.array([1.0, -1.0])
    draw = lambda mean, cov: cnp.random.default_rng(5).multivariate_normal(
        mean, cov, size=(2, 3), method="cholesky"
    )
    want = np.random.default_rng(5).multivariate_normal(mean, cov, (2, 3), method="cholesky")
    np.testing.assert_allclose(draw(cd.array(mean), cov).numpy(), want, rtol=1e-13)
    cd.testing.check_grads(lambda m, c: draw(m, c + c.T), (mean, cov / 2), order=2)
    assert draw(mean, cd.array(cov)).shape == (2, 3, 2)


def test_everything_else_is_numpys():
    assert cnp.random.choice is np.random.choice
    assert isinstance(cnp.random.default_rng(1), np.random.Generator)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cnp.random.nothing


def test_errors():
    rng = cnp.random.default_rng(1)
    x = cd.array(-1.0, requires_grad=True)
    with pytest.raises(ValueError, match="scale < 0"):
        rng.normal(0.0, x)
    with pytest.raises(ValueError, match="a < 0"):
        rng.weibull(x)
    with pytest.raises(ValueError, match="a <= 0"):
        rng.pareto(x)
    with pytest.raises(ValueError, match=r"shape \(2,\) do not fit samples of size \(3,\)"):
        rng.normal(cd.array([1.0, 2.0]), size=3)
    with pytest.raises(TypeError, match="lose its derivative"):
        rng.gamma(x)
    for source in (rng, cnp.random):
        with pytest.raises(ValueError, match="use a generator and method='cholesky'"):
            source.multivariate_normal(cd.array([1.0]), [[1.0]])
    with pytest.raises(ValueError, match="mean of shape"):
        rng.multivariate_normal(cd.array([1.0]), [1.0], method="cholesky")
