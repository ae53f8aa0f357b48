"""A namespace like `numpy`, whose functions make and take arrays of fifty digits: `space`.

Calls of the tests are texts over `m`; with `m = space` they are computed exactly. What NumPy gives
a class no say in (functions that make arrays) is here, everything else goes through NumPy itself.
"""

import exact_linalg  # noqa: F401 -- fills the table
import exact_numpy
import numpy as np
from exact_numbers import COMPLEXES, Exact, exact, wrapped

__all__ = ["space"]


class Space:
    """Names of a module of NumPy, answering with `Exact` arrays."""

    def __init__(self, module, own):
        self.__dict__.update(own)
        self.module = module

    def __getattr__(self, name):
        thing = getattr(self.module, name)
        if isinstance(thing, (type, np.ufunc)) or not callable(thing):
            return thing
        return lambda *args, **kwargs: wrapped(thing(*args, **kwargs))


_MAKERS = """array asarray asanyarray asarray_chkfinite ascontiguousarray asfortranarray require"""


def as_array(values, dtype=None, ndmin=0, **kwargs):
    y = np.array(values, dtype=object, ndmin=ndmin)
    kinds = {type(x) for x in y.reshape(-1).tolist()}
    return np.array(values, dtype, ndmin=ndmin) if kinds <= {int, bool} else exact(y)


def full(shape, fill_value, dtype=None, **kwargs):
    return np.broadcast_to(exact(exact_numpy.plain_or(fill_value)), shape, subok=True).copy()


def fromiter(values, dtype=None, count=-1):
    return np.stack([exact(x) for x in values])


def vectorize(f, *args, **kwargs):
    return lambda *xs: np.stack([exact(f(*row)) for row in zip(*xs, strict=True)])


def fromfunction(f, shape, **kwargs):
    return wrapped(np.fromfunction(f, shape))


OWN = {
    **dict.fromkeys(_MAKERS.split(), as_array), "full": full, "fromiter": fromiter,
    "vectorize": vectorize, "fromfunction": fromfunction, "linspace": exact_numpy.linspace,
    "logspace": exact_numpy.logspace, "geomspace": exact_numpy.geomspace,
    "kaiser": exact_numpy.kaiser,
}  # fmt: skip
PLAIN_RANGE = np.arange


def arange(*args, **kwargs):
    exactly = any(isinstance(x, Exact) for x in args)
    return exact_numpy.arange(*args) if exactly else PLAIN_RANGE(*args, **kwargs)


def iscomplexobj(x):
    return any(isinstance(v.v, COMPLEXES) for v in np.asarray(x).reshape(-1))


space = Space(np, {
    **OWN, "arange": arange, "iscomplexobj": iscomplexobj, "linalg": Space(np.linalg, {}),
    "fft": Space(np.fft, {}),
    "emath": Space(np.emath, {}),
})  # fmt: skip
