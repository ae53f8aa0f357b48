"""Finds what stands for a NumPy function, or for a method, that is called on an `Array`.

The core asks once for each and remembers the answer. Only the file that has the function is
imported, which its name tells; where it does not, all files are, before the answer is that there
is none: then NumPy's own function answers for arrays without derivative. This file must not know
what any function does.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff.numpy._common import HANDLERS, holds_tracked, plain
from cdiff.numpy._files import FILES, PACKAGES, WHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["find"]


def find(wanted: Any) -> Any:
    """What is called in place of a NumPy function or method.

    Parameters
    ----------
    wanted : str, callable or tuple
        The name of a method, a NumPy function, or (ufunc, name of its method).

    Returns
    -------
    callable or None
        None if nothing stands for it.
    """
    if isinstance(wanted, str):
        return import_module("cdiff.numpy._methods").METHODS.get(wanted)
    if isinstance(wanted, tuple):
        return import_module("cdiff.numpy._ufuncs").method_of(*wanted)
    for file in _likely_files(wanted):
        import_module(file)
        # Asked for after the import, which waits for one that another thread has begun: what is
        # found is whole.
        if wanted in HANDLERS:
            return HANDLERS[wanted]
    return None if isinstance(wanted, np.ufunc) else _of_values_only(wanted)


def _of_values_only(function: Any) -> Callable[..., Any]:
    """A NumPy function that nothing stands for: of arrays without derivative it is itself."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(map(holds_tracked, (*args, *kwargs.values()))):
            raise TypeError(
                f"{function.__module__}.{function.__name__} is not differentiated by cdiff; write "
                "it with other functions, or apply it to x.numpy() if its derivative is not needed"
            )
        return function(*map(plain, args), **{key: plain(x) for key, x in kwargs.items()})

    return call


def _likely_files(function: Any) -> Iterator[str]:
    """The files that may have a function, the likeliest first."""
    place = (getattr(function, "__module__", None) or "").rpartition(".")[2]
    place = "emath" if place in ("scimath", "_scimath_impl") else place  # in NumPy 2.0 the latter
    if place in PACKAGES:
        yield f"cdiff.numpy.{place}"
    name = getattr(function, "__name__", None)
    if name in WHERE:
        yield f"cdiff.numpy.{WHERE[name]}"
    yield "cdiff.numpy._common"
    if "scipy.special" in sys.modules:
        yield "cdiff.scipy.special"
    for file in (*FILES, *PACKAGES):
        yield f"cdiff.numpy.{file}"
