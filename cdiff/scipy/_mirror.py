"""How a function of Arrays stands for one of SciPy: plain arguments go to SciPy, and keywords that
only tune memory or checks are taken and have no effect. It knows no function of SciPy.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, any_array, cast, gather, is_tracked, note_any_order
from cdiff.numpy._common import as_array, of_values

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "any_tracked",
    "constant",
    "doubled",
    "holds_arrays",
    "in_double",
    "mirror_of",
    "no_keywords",
    "plainly",
    "rows_at",
    "without_derivative",
]


def holds_arrays(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an `Array` is among the arguments, in lists and tuples too."""
    return any_array(*args) or (bool(kwargs) and any_array(*kwargs.values()))


def mirror_of(module: Any, names: list[str], keeps_integers: bool = False) -> Callable[[Any], Any]:
    """A decorator: the function stands for the one of its name in a module of SciPy.

    Parameters
    ----------
    module : module
    names : list of str
        Gets the name, for ``__all__``.
    keeps_integers : bool, default False
        Whether SciPy's function gives integers of integers: it is called itself, with nothing to
        differentiate.

    Returns
    -------
    callable
    """

    def decorate(f: Any) -> Any:
        original = getattr(module, f.__name__)

        @wraps(f)
        def mirror(*args: Any, **kwargs: Any) -> Any:
            if not holds_arrays(args, kwargs):
                return original(*args, **kwargs)
            if keeps_integers and _whole(args) and _whole(kwargs.values()):
                return as_array(of_values(original, *args, **kwargs))
            try:
                return note_any_order(f(*args, **kwargs))
            except NotImplementedError:
                if any_tracked([*args, *kwargs.values()]):
                    raise
                return plainly(original, args, kwargs)

        with suppress(TypeError, ValueError):
            mirror.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        names.append(f.__name__)
        return mirror

    return decorate


def _whole(values: Any) -> bool:
    """Whether all Arrays among values are of integers or booleans, in lists and tuples too."""
    return all(
        _whole(x) if isinstance(x, (list, tuple)) else type(x) is not Array or x.dtype.kind in "iub"
        for x in values
    )


def doubled(x: Any) -> Any:
    """What is of single precision in double precision, in lists too; the rest as it is."""
    if isinstance(x, (list, tuple)):
        return type(x)([doubled(y) for y in x]) if holds_arrays(tuple(x), {}) else x
    if getattr(x, "dtype", None) in (np.float32, np.complex64):
        return (cast if type(x) is Array else np.asarray)(x, np.result_type(x.dtype, float))
    return x


def in_double(f: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator, below that of `mirror_of`: single precision is made double on the way in, as
    functions of SciPy do that work in double precision only."""

    @wraps(f)
    def function(*args: Any, **kwargs: Any) -> Any:
        return f(*map(doubled, args), **{name: doubled(x) for name, x in kwargs.items()})

    return function


def no_keywords(name: str, **given: Any) -> None:
    """Refuse keywords that cannot be used with Arrays, unless they change nothing.

    Raises
    ------
    TypeError
        That names the keyword.
    """
    for keyword, (value, default) in given.items():
        if value is not default and (np.ndim(value) or value != default):
            raise TypeError(f"{name}: {keyword}={value!r} cannot be used with cdiff arrays")


def without_derivative(function: Any, name: str, instead: str | None) -> Any:
    """A function of SciPy that says so where a derivative would be lost.

    Parameters
    ----------
    function : object
        Returned as it is if it is no plain function.
    name : str
    instead : str or None
        What to write.

    Returns
    -------
    object
    """
    if not inspect.isfunction(function):
        return function

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if holds_arrays(args, kwargs) and any_tracked([*args, *kwargs.values()]):
            raise NotImplementedError(
                f"{name} has no derivative in cdiff: {instead or 'write it with other functions'}, "
                "or give it x.numpy() if none is needed"
            )
        return function(*args, **kwargs)

    return checked


def any_tracked(values: Any) -> bool:
    """Whether a tracked `Array` is among values, in lists and tuples too."""
    return any(any_tracked(x) if isinstance(x, (list, tuple)) else is_tracked(x) for x in values)


def constant(x: Any) -> Any:
    """An untracked `Array` as a plain one, in lists and tuples too; what is tracked as it is."""
    if isinstance(x, (list, tuple)):
        return type(x)([constant(y) for y in x]) if holds_arrays(tuple(x), {}) else x
    return np.asarray(x)[()] if type(x) is Array and not is_tracked(x) else x


def plainly(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What a function of SciPy gives for arguments none of which is tracked."""
    return function(*constant(args), **{name: constant(x) for name, x in kwargs.items()})


def rows_at(a: Any, positions: Any) -> Any:
    """The rows of an array at positions.

    Parameters
    ----------
    a : Array or ndarray
    positions : Array or ndarray of int
        From `of_values`: an `Array` while a program is recorded.

    Returns
    -------
    Array or ndarray
    """
    if type(positions) is Array and type(a) is not Array:
        return gather(a, positions)
    return a[positions]
