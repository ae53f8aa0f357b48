"""What is sent to workers and runs there: functions of flat parameters and one partition, as bytes.

A kernel is a picklable object; the kernels of derivatives are made from others, so that every order
exists. A worker keeps each kernel that it has seen, compiled, and knows it by its bytes. This file
knows transformations and pickles; it must not know who runs it. After its first partition a worker
runs programs only, which look through `__wrapped__` at what the user's function reads from outside.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import check_output
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import function_name
from cdiff._compiled._compile import compile as compiled
from cdiff._core import Array, array, concatenate
from cdiff._transformations._forward import jvp
from cdiff._transformations._reverse import vjp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Base",
    "Both",
    "Pulled",
    "Pushed",
    "Work",
    "packed",
    "run_apart",
    "run_parts",
    "travelling",
    "unpacked",
]

KEPT = 64  # kernels that a worker remembers
PLAIN = (float, int, bool, str, bytes, np.ndarray, np.generic, Array)


class Base:
    """The user's function, of the leaves of the parameters.

    Parameters
    ----------
    f : callable
        ``f(parameters, partition)``.
    template : container
        Of the parameters, with anything as leaves.
    """

    def __init__(self, f: Callable[..., Any], template: Any) -> None:
        self.f = self.__wrapped__ = f
        self.template = template

    def __call__(self, leaves: Any, part: Any) -> Any:
        """The function's result, one number or array."""
        out = self.f(unflatten(flatten(self.template)[1], leaves), part)
        check_output(out, f"sum_over: the output of {function_name(self.f)}")
        return array(out, dtype=float)


class _Made:
    """A kernel made from another one.

    Parameters
    ----------
    base : kernel
    """

    def __init__(self, base: Any) -> None:
        self.base = self.__wrapped__ = base


class Pulled(_Made):
    """The reverse derivative of a kernel: its leaves and a cotangent to a vector."""

    def __call__(self, leaves: Any, part: Any) -> Any:
        *own, g = leaves
        _, back = vjp(lambda *x: self.base(x, part), *own)
        return _joined(back(g))


class Pushed(_Made):
    """The forward derivative of a kernel: its leaves and their tangents to its own tangent."""

    def __call__(self, leaves: Any, part: Any) -> Any:
        half = len(leaves) // 2
        own, tangents = tuple(leaves[:half]), tuple(leaves[half:])
        return jvp(lambda *x: self.base(x, part), own, tangents)[1]


class Both(_Made):
    """A number and its gradient together, as one vector."""

    def __call__(self, leaves: Any, part: Any) -> Any:
        out, back = vjp(lambda *x: self.base(x, part), *leaves)
        if np.shape(out) != ():
            raise ValueError(
                f"sum_over: a gradient needs one number, but the function has shape {np.shape(out)}"
            )
        return _joined((out, *back(1.0)))


def _joined(parts: Any) -> Any:
    return concatenate([array(x, dtype=float).reshape((-1,)) for x in parts], 0)


def packed(thing: Any) -> bytes:
    """A kernel as bytes.

    Parameters
    ----------
    thing : object

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        If it cannot be sent, with what to do.
    """
    try:
        import cloudpickle
    except ImportError:
        cloudpickle = None
    try:
        found: bytes = (cloudpickle or pickle).dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        hint = (
            "define it at the top of a module, or install cloudpickle for functions of any kind: "
            "pip install cdiff-ad[distributed]"
            if cloudpickle is None
            else "something that it reads from outside cannot be pickled"
        )
        text = f"sum_over: the function cannot be sent to workers ({error}); {hint}"
        raise TypeError(text) from error
    return found


_known: dict[bytes, Any] = {}


def unpacked(code: bytes) -> Any:
    """The kernel in these bytes, compiled; the same object each time.

    Parameters
    ----------
    code : bytes

    Returns
    -------
    callable
    """
    found = _known.get(code)
    if found is None:
        if len(_known) >= KEPT:
            _known.pop(next(iter(_known)), None)
        found = _known[code] = Work(pickle.loads(code))
    return found


class Work:
    """A kernel and what makes arrays of a partition, ready to run.

    Parameters
    ----------
    parts : pair
        The kernel, and a function or None.
    """

    def __init__(self, parts: tuple[Any, Any]) -> None:
        kernel, self.prepare = parts
        self.kernel = compiled(kernel)

    def __call__(self, leaves: tuple[Any, ...], part: Any, number: int) -> Any:
        """The result for one partition, a plain array."""
        try:
            data = part if self.prepare is None else self.prepare(part)
            _check_partition(data)
            return self._by_program(leaves, data)
        except Exception as error:
            error.add_note(f"sum_over: this happened in partition {number}")
            raise

    def _by_program(self, leaves: tuple[Any, ...], data: Any) -> Any:
        """The result of a program: a run that records rounds otherwise in the last digit, and which
        of the workers records which partition is chance."""
        before = self.kernel.stats()["recordings"]
        found = self.kernel(leaves, data)
        if self.kernel.stats()["recordings"] > before:
            found = self.kernel(leaves, data)
        return np.asarray(found)


def _check_partition(data: Any) -> None:
    leaves, tree = flatten(data)
    for x, path in zip(leaves, leaf_paths(tree, "a partition"), strict=True):
        if not isinstance(x, PLAIN):
            raise TypeError(
                f"sum_over: {path} is a {type(x).__name__}; give prepare= a function that makes "
                "arrays of it, such as lambda table: table.to_numpy()"
            )


def run_parts(
    code: bytes | Work, leaves: tuple[Any, ...], parts: list[Any], first: int = 0
) -> list[Any]:
    """The results for some partitions.

    Parameters
    ----------
    code : bytes or Work
        Where they come from another process, bytes.
    leaves : tuple
        The parameters.
    parts : list
    first : int, default 0
        The number of the first partition, for messages.

    Returns
    -------
    list of ndarray
    """
    work = code if isinstance(code, Work) else unpacked(code)
    return [work(leaves, part, first + k) for k, part in enumerate(parts)]


def run_apart(code: bytes, leaves: tuple[Any, ...], parts: list[Any], first: int = 0) -> list[Any]:
    """`run_parts` in a process of a pool, where an error that cannot be sent back would be lost.

    Parameters
    ----------
    code, leaves, parts, first
        As for `run_parts`.

    Returns
    -------
    list of ndarray
    """
    try:
        return run_parts(code, leaves, parts, first)
    except Exception as error:
        other = travelling(error)
        if other is error:
            raise
        raise other from None


def travelling(error: Exception) -> Exception:
    """An error that can be sent to another process: this one, or one that says the same.

    Parameters
    ----------
    error : Exception
        Many cannot: of classes made in a function, holding a lock, with other arguments than the
        message that they hand on.

    Returns
    -------
    Exception
    """
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        other = RuntimeError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            other.add_note(note)
        return other
    return error
