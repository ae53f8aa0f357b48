"""`cdiff.numpy.random`: NumPy's numbers, and derivatives of samples by the parameters."""

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

PARAMETERS = {
    "normal": (0.3, 2.0), "laplace": (0.3, 2.0), "logistic": (0.3, 2.0), "gumbel": (0.3, 2.0),
    "uniform": (0.3, 2.0), "lognormal": (0.3, 0.5), "exponential": (2.0,), "rayleigh": (2.0,),
    "weibull": (1.7,), "pareto": (1.7,), "power": (1.7,), "triangular": (0.3, 1.1, 2.0),
}  # fmt: skip
# Of a sample x and the parameters: its derivatives by them.
EXACT = {
    **dict.fromkeys(("normal", "laplace", "logistic", "gumbel"),
                    lambda x, loc, scale: (1.0 + 0 * x, (x - loc) / scale)),
    **dict.fromkeys(("exponential", "rayleigh"), lambda x, scale: (x / scale,)),
    "uniform": lambda x, a, b: ((b - x) / (b - a), (x - a) / (b - a)),
    "lognormal": lambda x, mean, sigma: (x, x * (np.log(x) - mean) / sigma),
    "weibull": lambda x, a: (-x * np.log(x) / a,),
    "pareto": lambda x, a: (-(1 + x) * np.log1p(x) / a,),
    "power": lambda x, a: (-x * np.log(x) / a,),
}  # fmt: skip
# Neither a move of a standard sample nor elements of an array: an error for each parameter.
REFUSING = {
    "beta": (2.0, 3.0), "binomial": (10.0, 0.3), "chisquare": (3.0,), "dirichlet": ([1.0, 2.0],),
    "f": (3.0, 4.0), "geometric": (0.3,), "hypergeometric": (5.0, 5.0, 3.0), "integers": (5.0,),
    "logseries": (0.3,), "negative_binomial": (5.0, 0.3), "noncentral_chisquare": (3.0, 1.0),
    "noncentral_f": (3.0, 4.0, 1.0), "poisson": (2.0,), "randint": (5.0,), "standard_gamma": (2.0,),
    "standard_t": (3.0,), "vonmises": (0.0, 1.0), "wald": (1.0, 2.0), "zipf": (2.0,),
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


@pytest.mark.parametrize("name", EXACT)
def test_derivatives_in_closed_form(name):
    """In all modes, to the last digits."""
    parameters = PARAMETERS[name]
    draw = lambda *args: getattr(cnp.random.default_rng(5), name)(*args, size=6)
    x = draw(*parameters)
    for k, want in enumerate(EXACT[name](x, *parameters)):
        for way in (cd.jacfwd, cd.jacrev):
            for f in (way(draw, argnums=k), cd.compile(way(draw, argnums=k))):
                np.testing.assert_allclose(f(*parameters), want, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("source", SOURCES)
def test_gamma_by_its_scale(source):
    ours, numpys = (make(7) for make in SOURCES[source])
    shape, scale = np.array([0.5, 1.0, 2.5]), np.array([1.0, 2.0, 3.0])
    want = numpys.gamma(shape, scale, size=(4, 3))
    got, slope = cd.jvp(lambda scale: ours.gamma(shape, scale, size=(4, 3)), (scale,), (scale,))
    np.testing.assert_allclose(got, want, rtol=1e-14)
    np.testing.assert_allclose(slope, want, rtol=1e-14)
    np.testing.assert_array_equal(ours.random(3), numpys.random(3))


@pytest.mark.parametrize("source", [*SOURCES, "numpy"])
@pytest.mark.parametrize("name", REFUSING)
def test_what_is_no_move_is_an_error(name, source):
    rng = np.random.default_rng(1) if source == "numpy" else SOURCES[source][0](1)
    if not hasattr(rng, name):
        return
    for k in range(len(REFUSING[name])):
        args = [np.asarray(p) for p in REFUSING[name]]
        args[k] = cd.array(1.0 * args[k], requires_grad=True)
        with pytest.raises(TypeError, match=r"lose its derivative|Cannot cast"):
            getattr(rng, name)(*args)


ELEMENTS = {
    "shuffle": [{}, {"axis": 1}], "permutation": [{}, {"axis": 1}],
    "permuted": [{}, {"axis": 0}, {"axis": -1}],
    "choice": [{"size": 7}, {"size": (2, 2), "replace": False}, {"p": [0.1, 0.2, 0.3, 0.4]},
               {"axis": 1, "size": 2}, {"size": 3, "replace": False, "shuffle": False}],
}  # fmt: skip


def chosen(rng, name, x, options):
    """The result, also of what changes its argument."""
    if name == "shuffle":
        x = x * 1.0
        rng.shuffle(x, **options)
        return x
    return getattr(rng, name)(x, **options)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 3)])
@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_keep_their_derivatives(name, shape, source):
    """NumPy's choice, and a derivative that is the same choice of the tangent."""
    x, t = np.random.default_rng(0).uniform(1.0, 2.0, (2, *shape))
    for options in ELEMENTS[name]:
        of_axes = {"axis", "shuffle"} & set(options) or name == "permuted" or len(shape) > 1
        if options.get("axis") == 1 and len(shape) == 1:
            continue
        if source == "state" and (name in ("permuted", "choice") and of_axes or "axis" in options):
            continue
        ours, numpys = SOURCES[source]
        f = lambda x, options=options, ours=ours: chosen(ours(3), name, x, options)
        y, slope = cd.jvp(f, (x,), (t,))
        np.testing.assert_array_equal(y, chosen(numpys(3), name, x, options))
        np.testing.assert_array_equal(slope, chosen(numpys(3), name, t, options))
        w = np.random.default_rng(1).uniform(1.0, 2.0, np.shape(y))
        back = cd.vjp(f, x)[1](w if np.ndim(y) else float(w))[0]
        np.testing.assert_allclose(np.sum(back * t), np.sum(w * slope), rtol=1e-14)


def test_permuted_into_an_array():
    x = np.arange(6.0).reshape(2, 3)
    y = cd.array(np.zeros((2, 3)))
    assert cnp.random.default_rng(3).permuted(cd.array(x), axis=1, out=y) is y
    np.testing.assert_array_equal(y, np.random.default_rng(3).permuted(x, axis=1))


def test_a_compiled_function_draws_once():
    rng = cnp.random.default_rng(0)
    draw = cd.compile(lambda scale: rng.normal(0.0, scale))
    assert draw(1.0) == draw(1.0) == draw(2.0) / 2.0


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
    assert cnp.random.poisson is np.random.poisson
    assert cnp.random.default_rng(2).choice(5, p=[0.0, 0.0, 1.0, 0.0, 0.0]) == 2
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
    with pytest.raises(ValueError, match="triangular: left > mode"):
        rng.triangular(cd.array(1.0), 0.5, 2.0)
    with pytest.raises(ValueError, match="triangular: mode > right"):
        rng.triangular(cd.array(0.0), 2.5, 2.0)
    with pytest.raises(ValueError, match="triangular: left == right"):
        rng.triangular(cd.array(1.0), 1.0, 1.0)
    for name in ("shuffle", "permutation", "permuted", "choice"):
        with pytest.raises(TypeError, match=f"{name}: of an array without axes"):
            getattr(rng, name)(x)
    with pytest.raises(ValueError, match="choice: a must be 1-dimensional"):
        cnp.random.choice(cd.array([[1.0]]))
    with pytest.raises(TypeError, match="lose its derivative"):
        rng.choice([1.0, 2.0], p=cd.array([0.5, 0.5], requires_grad=True))
    for source in (rng, cnp.random):
        with pytest.raises(ValueError, match="use a generator and method='cholesky'"):
            source.multivariate_normal(cd.array([1.0]), [[1.0]])
    with pytest.raises(ValueError, match="mean of shape"):
        rng.multivariate_normal(cd.array([1.0]), [1.0], method="cholesky")
