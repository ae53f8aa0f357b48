"""Functions of functions: apply_along_axis, apply_over_axes, piecewise, vectorize.

The user's function is called with tracked arrays and differentiates itself; these take the operand
apart and put the results together. They loop in Python exactly where NumPy does.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array, in_program
from cdiff._face import misfit
from cdiff.numpy._common import NUMPY, ArrayLike, any_order, as_array, axis_of, mirrors, plain
from cdiff.numpy._gufuncs import core_ndims
from cdiff.numpy._shape import expand_dims, moveaxis, stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["apply_along_axis", "apply_over_axes", "piecewise", "vectorize"]


def lines(a: Array, axis: int) -> list[Array]:
    """All vectors along an axis, the last of the other axes counting fastest."""
    n = a.shape[axis]
    last = _core.transpose(a, (*[i for i in range(a.ndim) if i != axis], axis))
    table = _core.reshape(last, (a.size // n if n else 0, n))
    return [_core.index(table, i) for i in range(table.shape[0])]


def restacked(vectors: list[Array], a: Array, axis: int) -> Array:
    """The reverse of `lines`, for results of any shape, whose axes come where the axis was."""
    shape = [n for i, n in enumerate(a.shape) if i != axis]
    inner = vectors[0].shape
    table = _core.reshape(stack(vectors), (*shape, *inner))
    k = len(inner)
    return moveaxis(table, range(-k, 0), range(axis, axis + k)) if k else table


@mirrors(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any
) -> Array:
    """As `numpy.apply_along_axis`: a function of vectors, called for each line along an axis.

    >>> f = lambda x: cnp.apply_along_axis(cnp.max, 1, x).sum()
    >>> cd.grad(f)(np.array([[1.0, 2.0, 0.0]]))
    array([[0., 1., 0.]])
    """
    a = as_array(arr)
    axis = axis_of(a, axis, "apply_along_axis")
    parts = lines(a, axis)
    if not parts:
        raise misfit("Cannot apply_along_axis when any iteration dimensions are 0")
    return restacked([as_array(func1d(line, *args, **kwargs)) for line in parts], a, axis)


@mirrors(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: ArrayLike, axes: Any) -> Array:
    """As `numpy.apply_over_axes`: a function with an axis, called for one axis after another.

    >>> cd.grad(lambda x: cnp.apply_over_axes(cnp.prod, x, [0]).sum())(np.array([[1.0], [3.0]]))
    array([[3.],
           [1.]])
    """
    value = as_array(a)
    ndim = value.ndim
    for axis in np.atleast_1d(axes):
        result = as_array(func(value, int(axis)))
        if result.ndim != ndim:
            result = expand_dims(result, int(axis))
            if result.ndim != ndim:
                raise ValueError(
                    "apply_over_axes: function is not returning an array of the correct shape"
                )
        value = result
    return value


def _masks(conditions: Any, a: Array) -> list[Any]:
    """A mask for each condition; those that a program computes stay Arrays, so that they decide no
    more than how many elements they choose."""
    if type(conditions) is Array and conditions.shape == a.shape:
        conditions = [conditions]
    if isinstance(conditions, (list, tuple)) and in_program(conditions):
        fit = [np.shape(x) == a.shape and np.result_type(x).kind == "b" for x in conditions]
        if all(fit):
            return list(conditions)
    masks = np.asarray(plain(conditions), dtype=bool)
    single = masks.ndim == 0 or (masks.ndim == 1 and a.ndim != 0 and masks.shape == a.shape)
    return list(masks[None] if single else masks)


@mirrors(np.piecewise)
@any_order
def piecewise(x: ArrayLike, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Array:
    """As `numpy.piecewise`: each function sees only the elements for which it was chosen.

    >>> f = lambda x: cnp.piecewise(x, [x < 0], [0.0, lambda t: t**2]).sum()
    >>> cd.grad(f)(np.array([-1.0, 3.0]))
    array([0., 6.])
    """
    a = as_array(x)
    conditions = _masks(condlist, a)
    n, functions = len(conditions), len(funclist)
    if functions == n + 1:
        conditions.append(np.logical_not(functools.reduce(np.logical_or, conditions)))
    elif functions != n:
        raise ValueError(
            f"piecewise: with {n} condition(s), either {n} or {n + 1} functions are expected"
        )
    y: Any = _core.array(np.zeros(a.shape, a.dtype))
    for condition, function in zip(conditions, funclist, strict=True):
        if callable(function):
            chosen = _core.index(a, condition)
            if not chosen.size:
                continue
            function = function(chosen, *args, **kw)
        found = as_array(function)
        if a.dtype.kind not in "fc" and _core.is_tracked(found):
            raise misfit(
                f"piecewise: the result has the dtype of x, {a.dtype}, and would lose the "
                "derivative of a function's result; give x.astype(float)",
                TypeError,
            )
        y = _core.index_set(y, condition, _core.cast(found, a.dtype))
    return y if y.dtype == a.dtype else _core.cast(y, a.dtype)


class vectorize:
    """As `numpy.vectorize`: a function of numbers, called for each element.

    Parameters
    ----------
    pyfunc : callable
    otypes, doc, excluded, cache, signature
        As for `numpy.vectorize`; results with a derivative keep their dtype.

    Raises
    ------
    ValueError
        If the operands do not fit together or not the signature.

    Examples
    --------
    >>> import cdiff as cd, cdiff.numpy as cnp
    >>> f = cnp.vectorize(lambda x: x * x if x > 0 else 0.0 * x)
    >>> cd.grad(lambda x: f(x).sum())(np.array([3.0, -1.0]))
    array([6., 0.])
    """

    def __init__(
        self,
        pyfunc: Callable[..., Any],
        otypes: Any = None,
        doc: str | None = None,
        excluded: Iterable[int | str] | None = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self.pyfunc = pyfunc
        self.excluded = set(excluded or ())
        self._plain = NUMPY.vectorize(pyfunc, otypes, doc, excluded, cache, signature)
        self.signature = signature
        self.otypes = self._plain.otypes
        functools.update_wrapper(self, pyfunc, updated=())
        self.__doc__ = self._plain.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The results for all elements, in the shape that the operands have together."""
        if not any_array(*args, *kwargs.values()):
            return self._plain(*args, **kwargs)
        looped = [i for i in range(len(args)) if i not in self.excluded]
        names = [name for name in kwargs if name not in self.excluded]
        if self.signature is not None and names:
            raise TypeError("vectorize: operands of a function with a signature have positions")
        operands = [as_array(args[i]) for i in looped] + [as_array(kwargs[k]) for k in names]
        core = [0] * len(operands) if self.signature is None else _taken(self.signature)
        if len(core) != len(operands):
            raise TypeError(
                f"vectorize: wrong number of positional arguments: expected {len(core)}, "
                f"got {len(operands)}"
            )
        shape = np.broadcast_shapes(
            *[a.shape[: a.ndim - k] for a, k in zip(operands, core, strict=True)]
        )
        tables = [_table(a, shape, k) for a, k in zip(operands, core, strict=True)]
        results = []
        for row in range(tables[0].shape[0]):
            given = [_core.index(t, row) for t in tables]
            positional = list(args)
            for i, x in zip(looped, given, strict=False):
                positional[i] = x
            named = dict(zip(names, given[len(looped) :], strict=True))
            results.append(self.pyfunc(*positional, **{**kwargs, **named}))
        if not results:
            return self._plain(*map(plain, args), **{k: plain(x) for k, x in kwargs.items()})
        if isinstance(results[0], tuple):
            columns = zip(*results, strict=True)
            return tuple([self._together(c, shape, i) for i, c in enumerate(columns)])
        return self._together(results, shape, 0)

    def _together(self, results: Any, shape: tuple[int, ...], place: int) -> Any:
        """One of the function's results of all calls, in the dtype that was asked for."""
        y = _together(results, shape)
        return y if self.otypes is None else y.astype(self.otypes[place], copy=False)


def _taken(signature: str) -> list[int]:
    """How many axes the function takes of each operand."""
    return core_ndims(signature.split("->")[0])


def _table(a: Array, shape: tuple[int, ...], core: int) -> Array:
    """One row for each call."""
    inner = a.shape[a.ndim - core :]
    count = int(np.prod(shape, dtype=int))
    return _core.reshape(_core.broadcast_to(a, shape + inner), (count, *inner))


def _together(results: Any, shape: tuple[int, ...]) -> Any:
    if not any_array(list(results)):
        return np.asarray(results).reshape(shape + np.shape(results[0]))
    parts = stack([as_array(x) for x in results])
    return _core.reshape(parts, shape + parts.shape[1:])
