"""Residuals of a model as a function of its parameters; their programs are kept for the next fit.

The same model is fitted to pixel after pixel, to patient after patient. To record it takes longer
than such a fit, so the programs of the last models are kept, with the data as arguments: a later
fit begins with programs that run in half a microsecond. A kept function watches what the model
reads besides its arguments, as every compiled function does, so it is never stale. This file knows
models and data; it must not know solvers or statistics.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._face import misfit
from cdiff._tree import LEAF
from cdiff.optimize._vector import Variables, VectorFunction

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Model", "fit_function"]

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
        if np.shape(found) != np.shape(y):
            raise misfit(
                f"curve_fit: the model has shape {np.shape(found)}, ydata has shape {np.shape(y)}"
            )
        residuals = (found - y).reshape((-1,))
        for w in weights:
            residuals = residuals * w if np.ndim(w) == 1 else np.matmul(w, residuals)
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
        except Exception:  # data may go into functions that take plain arrays only
            self.function = None
        else:
            if sum([f._recordings for f in made]) > RECORDINGS:
                self.function = None
        return self.function


_kept = lru_cache(KEPT)(_Kept)


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
