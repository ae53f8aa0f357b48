"""Values of programs by NumPy: what a program must give, one instruction after the other.

An oracle for the tests of everything that is done to programs. It knows what the operators mean in
NumPy's words and nothing of how a program is run; it is as slow as NumPy calls are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cdiff.numpy as cnp
from cdiff import _core
from cdiff._core import Program


def _zmul(a: Any, b: Any) -> Any:
    return np.where((a == 0) | (b == 0), 0.0, np.multiply(a, b))


def _safe_divide(a: Any, b: Any) -> Any:
    return np.where(b == 0, 0.0, np.divide(a, b))


def _safe_subtract(a: Any, b: Any) -> Any:
    return np.where(a == b, 0.0, np.subtract(a, b))


def _part(index: Sequence[int]) -> tuple[Any, ...]:
    """(start, step, count) per axis as a key; arrays of positions, for negative steps' sake."""
    axes = [np.arange(max(n, 1)) * step + start if n else np.arange(0)
            for start, step, n in zip(index[::3], index[1::3], index[2::3], strict=True)]
    return np.ix_(*axes) if axes else ()


def _kept(index: Sequence[int]) -> tuple[int, ...]:
    return tuple(n for n in index[2::3] if n >= 0)


def _slice(a: Any, index: Sequence[int]) -> Any:
    return a[_part(index)].reshape(_kept(index))


def _index_set(a: Any, b: Any, index: Sequence[int]) -> Any:
    out = np.array(a)
    place = _part(index)
    out[place] = np.broadcast_to(b, _kept(index)).reshape(out[place].shape)
    return out


def _embed(a: Any, shape: tuple[int, ...], index: Sequence[int]) -> Any:
    return _index_set(np.zeros(shape, np.asarray(a).dtype), a, index)


def _sum_to(a: Any, shape: tuple[int, ...]) -> Any:
    extra = a.ndim - len(shape)
    axes = [k for k in range(a.ndim) if k < extra or (shape[k - extra] == 1 != a.shape[k])]
    return np.sum(a, axis=tuple(axes)).reshape(shape)


def _cumsum(a: Any, axis: int, reverse: bool) -> Any:
    return np.flip(np.cumsum(np.flip(a, axis), axis), axis) if reverse else np.cumsum(a, axis)


def _linrec(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    return _core.linrec(np.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape)), b, axis,
                        reverse).numpy()


def _scatter_add(a: Any, b: Any, count: int) -> Any:
    out = np.zeros((count, *a.shape[b.ndim:]), a.dtype)
    np.add.at(out, b, a)
    return out


STRUCTURAL: dict[str, Callable[..., Any]] = {
    "reshape": np.reshape,
    "transpose": np.transpose,
    "broadcast_to": np.broadcast_to,
    "sum_to": _sum_to,
    "sum": lambda a, axes, keep: np.sum(a, axis=axes, keepdims=keep),
    "prod": lambda a, axes, keep: np.prod(a, axis=axes, keepdims=keep),
    "max": lambda a, axes, keep: np.max(a, axis=axes, keepdims=keep),
    "min": lambda a, axes, keep: np.min(a, axis=axes, keepdims=keep),
    "logsumexp": lambda a, axes, keep: _core.logsumexp(a, axes, keep).numpy(),
    "norm2": lambda a, axes, keep: np.sqrt(np.sum(a * a, axis=axes, keepdims=keep)),
    "slice": _slice,
    "embed": _embed,
    "index_set": _index_set,
    "gather": lambda a, b: a[b],
    "scatter_add": _scatter_add,
    "concatenate": lambda *xs: np.concatenate(xs[:-2], axis=xs[-2]),
    "cast": lambda a, typenum: a.astype(np.sctypeDict[np.dtype(_typename(typenum)).name]),
    "cumsum": _cumsum,
    "linrec": _linrec,
    "matmul": np.matmul,
    "einsum": lambda *xs: np.einsum(xs[-1], *xs[:-1]),
    "solve": np.linalg.solve,
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "logabsdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": np.linalg.cholesky,
}
HELPERS = {"zmul": _zmul, "safe_divide": _safe_divide, "safe_subtract": _safe_subtract}


def _typename(typenum: int) -> str:
    names = [np.dtype(t) for t in ("?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "f", "d")]
    return next(t.str for t in names if t.num == typenum)


def elementwise(name: str) -> Callable[..., Any]:
    """An elementwise operator on plain arrays."""
    if name in HELPERS:
        return HELPERS[name]
    if name == "where":
        return np.where
    return getattr(np, name, None) or getattr(cnp, name, None) or getattr(_core, name)


def result(name: str, operands: Sequence[Any], attrs: tuple[Any, ...] | None) -> Any:
    """The value of one operator."""
    with np.errstate(all="ignore"):
        if name in STRUCTURAL:
            return np.asarray(STRUCTURAL[name](*operands, *(attrs or ())))
        return np.asarray(elementwise(name)(*operands))


def values(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """The value of every instruction, in the dtype that the program states."""
    out: list[Any] = []
    for name, dtype, shape, operands, extra in program.instructions():
        if name == "leaf":
            value = inputs[extra]
        elif name == "const":
            value = extra
        else:
            value = result(name, [out[k] for k in operands], extra)
        assert np.shape(value) == shape, (name, np.shape(value), shape)
        out.append(np.asarray(value).astype(dtype))
    return out


def run(program: Program, inputs: Sequence[Any]) -> list[Any]:
    """The outputs."""
    every = values(program, inputs)
    return [every[k] for k in program.outputs]


def guards_hold(program: Program, inputs: Sequence[Any]) -> bool:
    every = values(program, inputs)
    return all(np.array_equal(every[g.value], g.expected, equal_nan=True) for g in program.guards)
