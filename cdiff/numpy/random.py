"""`numpy.random` whose samples are differentiated by the parameters of their distributions.

A sample of a family of location and scale is drawn at the standard parameters and moved: the
numbers are those that NumPy would draw with the same seed, and the derivative by `loc` and `scale`
is that of the move (reparameterisation). Exponents of powers of such samples are differentiated
too. Where a sample is no such move (`gamma` by its shape, `poisson`), a tracked parameter raises an
error. `choice`, `permutation`, `permuted` and `shuffle` of an `Array` draw positions, and the
elements keep their derivatives. Calls without an `Array` are NumPy's, and so is every name that is
not here. This file must not know derivatives.

Examples
--------
>>> import cdiff as cd, cdiff.numpy as cnp
>>> sample = lambda scale: cnp.random.default_rng(1).normal(0.0, scale)
>>> float(cd.grad(sample)(2.0)) == sample(1.0)
True
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, of_values
from cdiff.numpy._index import take, take_along_axis

__all__ = ["Generator", "RandomState", "default_rng"]


def _shape_of(size: Any, *parameters: Any) -> Any:
    """How many standard samples the parameters need."""
    shape = np.broadcast_shapes(*[as_array(p).shape for p in parameters])
    if size is None:
        return shape
    size = tuple(np.atleast_1d(size).tolist())
    if len(shape) > len(size) or any(
        n not in (1, m) for n, m in zip(shape[::-1], size[::-1], strict=False)
    ):
        raise ValueError(f"parameters of shape {shape} do not fit samples of size {size}")
    return size


def _any_negative(a: Any) -> Any:
    return np.asarray(bool(np.any(np.signbit(a))))


def _any_not_positive(a: Any) -> Any:
    return np.asarray(bool(np.any(a <= 0)))


def _scale(value: Any, name: str = "scale") -> Array:
    """A parameter that must not be negative."""
    a = as_array(value)
    if bool(of_values(_any_negative, a)):
        raise ValueError(f"{name} < 0")
    return a


def _positive(value: Any, name: str) -> Array:
    a = as_array(value)
    if bool(of_values(_any_not_positive, a)):
        raise ValueError(f"{name} <= 0")
    return a


def _moved(name: str) -> Any:
    """A family of location and scale."""

    def draw(rng: Any, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Array:
        scale = _scale(scale)
        return loc + scale * getattr(rng, name)(0.0, 1.0, _shape_of(size, loc, scale))

    return draw


def _scaled(name: str) -> Any:
    """A family of a scale alone."""

    def draw(rng: Any, scale: Any = 1.0, size: Any = None) -> Array:
        scale = _scale(scale)
        return scale * getattr(rng, name)(1.0, _shape_of(size, scale))

    return draw


def _uniform(rng: Any, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Array:
    low, high = as_array(low), as_array(high)
    return low + (high - low) * rng.random(_shape_of(size, low, high))


def _lognormal(rng: Any, mean: Any = 0.0, sigma: Any = 1.0, size: Any = None) -> Array:
    return _core.exp(_DRAWS["normal"](rng, mean, _scale(sigma, "sigma"), size))


def _weibull(rng: Any, a: Any, size: Any = None) -> Array:
    a = _scale(a, "a")
    return _core.power(rng.standard_exponential(_shape_of(size, a)), 1.0 / a)


def _pareto(rng: Any, a: Any, size: Any = None) -> Array:
    a = _positive(a, "a")
    return _core.expm1(rng.standard_exponential(_shape_of(size, a)) / a)


def _power(rng: Any, a: Any, size: Any = None) -> Array:
    a = _positive(a, "a")
    return _core.power(-np.expm1(-rng.standard_exponential(_shape_of(size, a))), 1.0 / a)


def _gamma(rng: Any, shape: Any, scale: Any = 1.0, size: Any = None) -> Array:
    scale = _scale(scale)
    return scale * rng.standard_gamma(np.asarray(shape), _shape_of(size, shape, scale))


def _triangular(rng: Any, left: Any, mode: Any, right: Any, size: Any = None) -> Array:
    """The inverse of the distribution function, of the uniform number that NumPy draws."""
    left, mode, right = as_array(left), as_array(mode), as_array(right)
    for low, high, wrong in ((left, mode, "left > mode"), (mode, right, "mode > right")):
        if bool(of_values(_any_negative, high - low)):
            raise ValueError(f"triangular: {wrong}")
    u, width = rng.random(_shape_of(size, left, mode, right)), right - left
    if bool(of_values(_any_not_positive, width)):
        raise ValueError("triangular: left == right")
    return _core.where(
        np.less_equal(u, (mode - left) / width),
        left + _core.sqrt(u * ((mode - left) * width)),
        right - _core.sqrt((1.0 - u) * ((right - mode) * width)),
    )


def _multivariate_normal(
    rng: Any, mean: Any, cov: Any, size: Any = None, check_valid: str = "warn", tol: float = 1e-8,
    *, method: str = "svd",
) -> Array:  # fmt: skip
    if method != "cholesky" or not isinstance(rng, Generator):
        raise ValueError(
            "multivariate_normal: of cdiff arrays, use a generator and method='cholesky'; the "
            "factors of other methods are not smooth"
        )
    mean, cov = as_array(mean), as_array(cov)
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size):
        raise misfit(
            f"multivariate_normal: mean of shape {mean.shape} and cov of shape {cov.shape} do not "
            "fit"
        )
    size = () if size is None else tuple(np.atleast_1d(size).tolist())
    z = rng.standard_normal((*size, mean.size))
    return mean + _core.reshape(
        _core.matmul(_core.reshape(as_array(z), (-1, mean.size)), _core.cholesky(cov).mT), z.shape
    )


# --- positions ------------------------------------------------------------------------------------


def _of_elements(x: Any, name: str) -> Array:
    x = as_array(x)
    if x.ndim == 0:
        raise misfit(f"{name}: of an array without axes, got shape ()", TypeError)
    return x


def _permutation(rng: Any, x: Any, axis: int = 0) -> Any:
    x = _of_elements(x, "permutation")
    return take(x, rng.permutation(x.shape[axis]), axis)


def _shuffle(rng: Any, x: Any, axis: int = 0) -> None:
    """In place. NumPy draws otherwise for arrays of several axes: so the positions have as many."""
    x = _of_elements(x, "shuffle")
    shape = [1] * x.ndim
    shape[axis] = -1
    order = np.arange(x.shape[axis]).reshape(shape)
    rng.shuffle(order, **({"axis": axis} if axis else {}))
    x[...] = take(x, order.reshape(-1), axis)


def _permuted(rng: Any, x: Any, *, axis: int | None = None, out: Any = None) -> Any:
    x = _of_elements(x, "permuted")
    if axis is None:
        y = take(x, rng.permuted(np.arange(x.size)).reshape(x.shape))
    else:
        order = np.moveaxis(np.empty(x.shape, np.intp), axis, -1)
        order[...] = np.arange(x.shape[axis])
        y = take_along_axis(x, rng.permuted(np.moveaxis(order, -1, axis), axis=axis), axis)
    if out is None:
        return y
    out[...] = y
    return out


def _choice(
    rng: Any, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0,
    shuffle: bool = True,
) -> Any:  # fmt: skip
    p, more = None if p is None else np.asarray(p), {} if shuffle else {"shuffle": False}
    if not isinstance(a, Array):
        return rng.choice(a, size, replace, p, **more, **({"axis": axis} if axis else {}))
    a = _of_elements(a, "choice")
    if a.ndim != 1 and not isinstance(rng, Generator):
        raise misfit(f"choice: a must be 1-dimensional, got shape {a.shape}")
    return take(a, rng.choice(a.shape[axis], size, replace, p, **more), axis)


# --- all of them ----------------------------------------------------------------------------------


_DRAWS: dict[str, Any] = {
    **{name: _moved(name) for name in ("normal", "laplace", "logistic", "gumbel")},
    **{name: _scaled(name) for name in ("exponential", "rayleigh")},
    "uniform": _uniform, "lognormal": _lognormal, "weibull": _weibull, "pareto": _pareto,
    "power": _power, "multivariate_normal": _multivariate_normal, "gamma": _gamma,
    "triangular": _triangular, "permutation": _permutation, "shuffle": _shuffle,
    "permuted": _permuted, "choice": _choice,
}  # fmt: skip


def _method(name: str, base: Any) -> Any:
    draw, original = _DRAWS[name], getattr(base, name)

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if any_array(*args, *kwargs.values()):
            return draw(self, *args, **kwargs)
        return original(self, *args, **kwargs)

    return method


class Generator(np.random.Generator):
    """As `numpy.random.Generator`; samples are differentiated by the parameters.

    >>> f = lambda s: cnp.random.Generator(np.random.PCG64(1)).exponential(s)
    >>> cd.grad(f)(2.0) == f(1.0)
    True
    """


class RandomState(np.random.RandomState):
    """As `numpy.random.RandomState`; samples are differentiated by the parameters.

    >>> f = lambda s: cnp.random.RandomState(1).exponential(s)
    >>> cd.grad(f)(2.0) == f(1.0)
    True
    """


for _name in _DRAWS:
    for _base in (Generator, RandomState):
        if hasattr(_base, _name):
            setattr(_base, _name, _method(_name, _base.__base__))


def default_rng(seed: Any = None) -> Generator:
    """As `numpy.random.default_rng`: a `Generator` whose samples are differentiated.

    >>> f = lambda s: cnp.random.default_rng(1).uniform(0.0, s)
    >>> cd.grad(f)(2.0) == f(1.0)
    True
    """
    return Generator(np.random.default_rng(seed).bit_generator)


_SEEDED = ">>> np.random.seed(1)\n>>> cd.grad(cnp.random.{0})(2.0) > 0\nTrue"
_EXAMPLES = {
    "uniform": ">>> round(sum(cd.grad(cnp.random.uniform, argnums=(0, 1))(0.0, 1.0)), 6)\n1.0",
    "triangular":
        ">>> by_all = cd.grad(cnp.random.triangular, argnums=(0, 1, 2))(0.0, 1.0, 3.0)\n"
        ">>> round(sum(by_all), 6)\n1.0",
    "gamma": ">>> cd.grad(lambda scale: cnp.random.gamma(2.0, scale))(1.0) > 0\nTrue",
    "choice": ">>> cd.grad(lambda x: cnp.random.choice(x, 2).sum())(np.array([3.0]))\narray([2.])",
    "permutation":
        ">>> cd.grad(lambda x: cnp.random.permutation(x).sum())(np.ones(3))\narray([1., 1., 1.])",
    "shuffle":
        ">>> x = cd.array([3.0, 3.0])\n>>> cnp.random.shuffle(x)\n>>> x\nArray([3., 3.])",
    "pareto": ">>> cd.grad(cnp.random.pareto)(2.0) < 0\nTrue",
    "multivariate_normal":
        ">>> rng = cnp.random.default_rng(1)\n"
        '>>> cd.grad(lambda m: rng.multivariate_normal([m], [[1.0]], method="cholesky")[0])(2.0)\n'
        "1.0",
}  # fmt: skip


def _function(name: str) -> Any:
    """Of NumPy's global state."""
    draw, original = _DRAWS[name], getattr(np.random, name)

    @wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        if any_array(*args, *kwargs.values()):
            return draw(np.random, *args, **kwargs)
        return original(*args, **kwargs)

    lines = (f"As `numpy.random.{name}`; the sample is differentiated by the parameters.", "",
             *_EXAMPLES.get(name, _SEEDED.format(name)).split("\n"), "")  # fmt: skip
    function.__doc__ = "\n    ".join(lines) + (original.__doc__ or "")
    return function


_FUNCTIONS = [name for name in _DRAWS if hasattr(np.random, name)]
for _name in _FUNCTIONS:
    globals()[_name] = _function(_name)
__all__ += _FUNCTIONS


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(np.random, name):
        raise AttributeError(f"module 'cdiff.numpy.random' has no attribute {name!r}")
    return getattr(np.random, name)


def __dir__() -> list[str]:
    return sorted(__all__)
