"""Residuals of a model as a function of its parameters; their programs are kept for the next fit.

The same model is fitted to pixel after pixel, to patient after patient. To record it takes longer
than such a fit, so the programs of the last models are kept, with the data as arguments: a later
fit begins with programs that run in half a microsecond. A kept function watches what the model
reads besides its arguments, as every compiled function does, so it is never stale. This file knows
models and data; it must not know solvers or statistics.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import LEAF, flatten, unflatten
from cdiff._arguments._wrap import function_name
from cdiff._core import from_signal, is_column
from cdiff._face import misfit
from cdiff.optimize._vector import Variables, VectorFunction, as_vector, refuse_complex

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Model", "finite_data", "fit_function"]

KEPT = 16  # models; with each stays what it reads from outside
SMALL = 20_000  # entries of a Jacobian; the memory of larger ones is not kept
RECORDINGS = 50  # after which a model is one that changes all the time, and has no use for this


class Model:
    """A model with its parameters in a given form, as residuals of parameters and data.

    Two are equal that belong to the same function and the same form.

    Parameters
    ----------
    f : callable
        ``f(x, *parameters)`` or ``f(x, parameters)``.
    variables : Variables
    spread : bool
        Which of the two.
    """

    def __init__(self, f: Callable[..., Any], variables: Variables, spread: bool) -> None:
        self.f = f
        self.variables = variables
        self.n = variables.packing.size if spread else None
        self._form = self.n, tuple(variables.packing.specs), tuple(variables.treedef.keys)

    def residuals(self, p: Any, x: Any, y: Any, *weights: Any) -> Any:
        """Those of data, times weights or a whitening matrix."""
        found = self.f(x, p) if self.n is None else self.f(x, *[p[k] for k in range(self.n)])
        if found is None or found.__class__ in (list, tuple):
            found = as_vector(found, "curve_fit", self.f)
        refuse_complex([found], "curve_fit", f"the output of {function_name(self.f)}")
        shape = getattr(found, "shape", ())
        if shape not in ((), y.shape):  # a number counts for all data
            raise misfit(f"curve_fit: the model has shape {shape}, ydata has shape {y.shape}")
        residuals = (found - y).reshape((-1,))
        for w in weights:
            residuals = residuals * w if w.ndim == 1 else np.matmul(w, residuals)
        return residuals

    def __eq__(self, other: object) -> bool:
        # Methods are made anew each time, and are equal if function and instance are the same ones.
        return (
            isinstance(other, Model)
            and (self.f is other.f or (hasattr(self.f, "__self__") and self.f == other.f))
            and self._form == other._form
        )

    def __hash__(self) -> int:
        return hash((id(getattr(self.f, "__func__", self.f)), self._form))


class _Kept:
    """The programs of a model, until it turns out that they are of no use."""

    def __init__(self, model: Model) -> None:
        function = VectorFunction(model.residuals, model.variables, True)
        self.function: VectorFunction | None = function.watching(model.f)

    def ready(self, start: Any, data: tuple[Any, ...]) -> VectorFunction | None:
        """The function, if the model can be recorded with its data as arguments."""
        if self.function is None:
            return None
        made = [self.function.made(name) for name in ("flat", "jacobian")]
        try:
            for f in made:
                f(start, *data)
        except Exception as error:  # data may go into functions that take plain arrays only
            if from_signal(error):
                raise
            self.function = None
        else:
            if sum([f._recordings for f in made]) > RECORDINGS:
                self.function = None
        return self.function


_kept = lru_cache(KEPT)(_Kept)


def finite_data(x: Any, y: Any, sigma: Any, nan_policy: str) -> tuple[Any, Any, Any]:
    """Data as a fit takes them: lists as arrays, and nothing that is not finite.

    Parameters
    ----------
    x : object
    y : ndarray
    sigma : array or None
    nan_policy : {"raise", "omit"}

    Returns
    -------
    x, y, sigma
        Without what is NaN, if it is to be left out.
    """
    if nan_policy not in ("raise", "omit"):
        raise ValueError(f"curve_fit: nan_policy must be 'raise' or 'omit', got {nan_policy!r}")
    if is_column(x):
        x = _column(x)
    if x.__class__ in (list, range):
        with suppress(TypeError, ValueError):  # other things, or of different lengths
            x = np.array(x, dtype=float)
    if nan_policy == "omit":
        if y.ndim != 1:
            raise ValueError(
                f"curve_fit: nan_policy='omit' is for vectors; ydata has shape {y.shape}"
            )
        leaves, tree = flatten(x)
        columns = [a for a in leaves if np.shape(a)[-1:] == y.shape and a.dtype.kind == "f"]
        bad = [np.isnan(a).reshape((-1, y.size)).any(axis=0) for a in (y, *columns)]
        keep = ~np.logical_or.reduce(bad)
        x = unflatten(
            tree,
            [np.asarray(a)[..., keep] if np.shape(a)[-1:] == y.shape else a for a in leaves],
        )
        if np.shape(sigma)[-1:] == y.shape:
            sigma = np.asarray(sigma)[np.ix_(*[keep] * np.ndim(sigma))]
        y = y[keep]
    if not np.all(np.isfinite(y)):
        raise ValueError("curve_fit: ydata must be finite; nan_policy='omit' leaves NaN out")
    return x, y, sigma


def _column(x: Any) -> Any:
    """A column of pandas as an array; a column times a number of a program is neither's."""
    if np.ndim(x) != 1:
        raise TypeError(
            "curve_fit: xdata is a table; give its columns as arrays, for instance "
            "{name: table[name].to_numpy() for name in table}, where the model finds x[name]"
        )
    return np.asarray(x)


def fit_function(
    model: Model, x: Any, y: Any, weights: tuple[Any, ...], compile: bool
) -> tuple[VectorFunction, tuple[Any, ...]]:
    """The residuals of a model and the data that they take as arguments.

    Parameters
    ----------
    model : Model
    x : object
    y : ndarray
    weights : tuple of ndarray
    compile : bool

    Returns
    -------
    function : VectorFunction
    data : tuple
        Empty, where the function holds the data itself.
    """
    if compile and _may_be_kept(model, x, y):
        # Columns of a table would be copied at each call.
        rows = np.ascontiguousarray
        plain = tuple([rows(a) for a in x]) if x.__class__ is tuple else rows(x)
        data = plain, rows(y), *weights
        function = _kept(model).ready(model.variables.start, data)
        if function is not None:
            return function.of(model.variables), data
    return (
        VectorFunction(lambda p: model.residuals(p, x, y, *weights), model.variables, compile),
        (),
    )


def _may_be_kept(model: Model, x: Any, y: Any) -> bool:
    tree = model.variables.treedef
    flat = tree is LEAF or (tree.cls is dict and all(child is LEAF for child in tree.children))
    arrays = x if x.__class__ is tuple else (x,)
    return (
        flat
        and y.size * model.variables.packing.size <= SMALL
        and all(a.__class__ is np.ndarray and a.dtype == float for a in arrays)
    )
