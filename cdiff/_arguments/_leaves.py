"""The numbers in a container: which have a derivative, and what type a result takes.

One leaf at a time: is it differentiable, is an output a number at all, does a tangent or
cotangent fit, and how does a result of the core go back to the user's own type (float to
float, ndarray to ndarray, Array to Array). This file knows nothing of containers, levels of
nesting or sweeps. It is fast because every test begins with the class of the object, and the
search for a helpful message starts only when the answer is no.
"""

from __future__ import annotations

from enum import Enum
from types import ModuleType
from typing import Any

import numpy as np

from cdiff._arguments._tree import LEAF_TYPES
from cdiff._core import Array, array, is_tracked, lower, to_plain
from cdiff._face import misfit

__all__ = [
    "FLOAT_TYPES",
    "as_direction",
    "check_input",
    "check_output",
    "is_complex",
    "is_differentiable",
    "is_lasting",
    "leaf_dtype",
    "outside",
    "restore",
    "shape_of",
    "unwrapped",
    "zeros_like_output",
]

FLOAT64 = np.dtype(np.float64)
COMPLEX128 = np.dtype(np.complex128)
FLOAT_TYPES = (np.float64, np.float32)
DIFFERENTIABLE_TYPES = (*FLOAT_TYPES, np.complex128, np.complex64)
# memmap is an ndarray in every respect that matters here; other subclasses (masked arrays,
# np.matrix) mean something else by the same operators, so they are refused.
ARRAY_CLASSES: frozenset[Any] = frozenset((Array, np.ndarray, np.memmap, *DIFFERENTIABLE_TYPES))

LEAF_TYPES.update(ARRAY_CLASSES)

# Values that stay what they are, and hold no others.
LASTING_TYPES = (
    bool, int, float, complex, str, bytes, type(None), type(...), range, type, Enum,
    np.generic, np.dtype, ModuleType,
)  # fmt: skip
LASTING_MODULES = frozenset(("datetime", "decimal", "fractions", "pathlib"))


def is_lasting(x: Any) -> bool:
    """Is a constant in a result what it is for ever, with no number in it that could change?

    Parameters
    ----------
    x : object
        No array.

    Returns
    -------
    bool
    """
    return isinstance(x, LASTING_TYPES) or type(x).__module__ in LASTING_MODULES


def is_differentiable(x: Any) -> bool:
    """Does a derivative with respect to `x` exist?"""
    cls = x.__class__
    if cls is float or cls is complex:
        return True
    if cls in ARRAY_CLASSES:
        return x.dtype.type in DIFFERENTIABLE_TYPES
    return isinstance(x, (float, complex))


def is_complex(x: Any) -> bool:
    """Is a number or an array complex?

    Parameters
    ----------
    x : leaf

    Returns
    -------
    bool
    """
    dtype = getattr(x, "dtype", None)
    return isinstance(x, complex) if dtype is None else dtype.kind == "c"


def check_input(x: Any, path: str) -> None:
    """Raise unless a derivative with respect to `x` exists.

    Parameters
    ----------
    x : object
    path : str
        What `x` is called, e.g. ``argument 0['w']``.

    Raises
    ------
    TypeError
        Naming `path` and what to write instead.
    """
    if is_differentiable(x):
        return
    problem = _dtype_problem(x.dtype) if x.__class__ in ARRAY_CLASSES else _class_problem(x)
    raise TypeError(f"{path} {problem}")


def _dtype_problem(dtype: np.dtype[Any]) -> str:
    kind = dtype.kind
    if kind in "iub":
        return (
            f"has dtype {dtype}, which has no derivative; convert it with "
            ".astype(float), or leave it out of argnums"
        )
    if kind == "c":
        return f"has dtype {dtype}; convert it to complex128 or complex64 with .astype"
    if kind == "f":
        return f"has dtype {dtype}; convert it to float64 or float32 with .astype"
    if kind == "O":
        return (
            "is an array of Python objects (dtype object), which has no derivative; np.array "
            "on a list of tracked values makes one: use cdiff.numpy.stack instead"
        )
    return f"has dtype {dtype}, which has no derivative"


def _class_problem(x: Any) -> str:
    if x is None:
        return "is None; a number or an array is needed"
    if isinstance(x, (bool, np.bool_)):
        return f"is the boolean {x}, which has no derivative; leave it out of argnums"
    if isinstance(x, (int, np.integer)):
        return (
            f"is the integer {_short(x)}, which has no derivative; write it as a float, "
            "or leave it out of argnums"
        )
    if isinstance(x, np.ndarray):
        return f"is a {x.__class__.__name__}; convert it to a plain array with np.asarray"
    if isinstance(x, np.generic):
        return _dtype_problem(x.dtype)
    return (
        f"is a {x.__class__.__name__} ({_short(x)}); a float, an array, or a dict, list, "
        "tuple, namedtuple or dataclass of them is needed (see cdiff.register_container)"
    )


def _short(x: Any) -> str:
    try:
        text = repr(x)
    except Exception:
        text = "..."
    return text if len(text) <= 40 else text[:37] + "..."


def check_output(y: Any, path: str) -> None:
    """Raise unless `y`, a leaf of a function's result, is a number or an array of floats.

    Parameters
    ----------
    y : object
    path : str
        What `y` is called, e.g. ``the output of f[1]``.

    Raises
    ------
    TypeError
        Naming `path` and what to do.
    """
    cls = y.__class__
    if cls is float or cls is int or cls is complex:
        return
    if isinstance(y, (Array, np.ndarray, np.generic)):
        if y.dtype.type in DIFFERENTIABLE_TYPES:
            return
        kind = y.dtype.kind
        hint = (
            _dtype_problem(y.dtype)
            if kind in "cOf"
            else (
                f"has dtype {y.dtype}, which carries no derivative; return it as auxiliary "
                "data (has_aux=True), or convert it with .astype(float)"
            )
        )
        raise TypeError(f"{path} {hint}")
    if isinstance(y, (float, complex)):
        return
    if y is None:
        raise TypeError(f"{path} is None; does the function lack a return statement?")
    raise TypeError(
        f"{path} is a {cls.__name__} ({_short(y)}); return numbers and arrays, in containers if "
        "need be, and everything else as auxiliary data (has_aux=True)"
    )


def shape_of(x: Any) -> tuple[int, ...]:
    """Shape of a number or an array.

    Parameters
    ----------
    x : leaf

    Returns
    -------
    tuple of int
    """
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return shape


def leaf_dtype(x: Any) -> np.dtype[Any]:
    """The dtype in which derivatives by `x`, or of `x`, are stored.

    Parameters
    ----------
    x : leaf that has passed `check_input` or `check_output`

    Returns
    -------
    dtype
        Of real or complex floats, in native byte order.
    """
    if isinstance(x, (Array, np.ndarray, np.generic)):
        return np.dtype(x.dtype.type)
    return COMPLEX128 if isinstance(x, complex) else FLOAT64


def outside(y: Any, level: int) -> Any:
    """A result as the caller of the transformation sees it.

    Parameters
    ----------
    y : object
        An Array or anything else.
    level : int
        Level of the transformation that is left.

    Returns
    -------
    object
        An Array if an outer transformation tracks it; else a float (0-d float64), a NumPy
        scalar (other 0-d) or an ndarray. What is not an Array is returned unchanged.
    """
    if y.__class__ is not Array:
        return y
    return unwrapped(lower(y, level))


def unwrapped(y: Array) -> Any:
    """The plain value of an Array that nothing tracks; a tracked one unchanged.

    Parameters
    ----------
    y : Array

    Returns
    -------
    float, NumPy scalar, ndarray or Array
    """
    plain = to_plain(y)
    if plain.__class__ is np.ndarray and plain.ndim == 0:
        return plain[()]
    return plain


def zeros_like_output(y: Any) -> Any:
    """The derivative of an output that depends on nothing, in the output's outside type.

    Parameters
    ----------
    y : leaf that has passed `check_output`

    Returns
    -------
    float, NumPy scalar or ndarray
    """
    shape = shape_of(y)
    dtype = leaf_dtype(y)
    if shape:
        return np.zeros(shape, dtype)
    return 0.0 if dtype is FLOAT64 else dtype.type(0)


def restore(x: Any, g: Any) -> Any:
    """A derivative by `x` in the type of `x`.

    Parameters
    ----------
    x : leaf that has passed `check_input`
    g : Array, float or None
        The derivative, of the shape of `x`; None for zero.

    Returns
    -------
    float, NumPy scalar, ndarray or Array
        Like `x`; an Array if an outer transformation tracks `g`.
    """
    cls = x.__class__
    if g is None:
        g = 0.0 if cls is float else np.zeros(shape_of(x), leaf_dtype(x))
        return array(g) if cls is Array else _as_class(cls, g)
    if is_tracked(g):
        return g
    if cls is Array:
        return array(g)  # a node of its own, so that no other result is the same object
    g = to_plain(g)
    if cls is float or (cls is np.ndarray and g.__class__ is np.ndarray):
        return g
    return _as_class(cls, g)


def _as_class(cls: type, g: Any) -> Any:
    if issubclass(cls, np.ndarray):
        return np.asarray(g)
    if issubclass(cls, np.generic):
        return cls(g)
    return complex(g) if issubclass(cls, complex) else float(g)


def as_direction(
    v: Any, shape: tuple[int, ...], dtype: np.dtype[Any], path: str, space: str
) -> Array:
    """A tangent or cotangent as an Array that fits, or an error.

    Real numbers are accepted and converted to `dtype`, complex ones where that is complex; a plain
    array is copied, so that changing it later changes no derivative.

    Parameters
    ----------
    v : float, int, ndarray or Array
    shape : tuple of int
    dtype : dtype
    path : str
        What `v` is called, e.g. ``tangent 0['w']``.
    space : str
        What `v` must fit, e.g. ``argument``.

    Returns
    -------
    Array
        Of the given shape and dtype.

    Raises
    ------
    TypeError
        If `v` is not numbers, or complex although what it belongs to is real.
    ValueError
        If the shape differs.
    """
    cls = v.__class__
    if isinstance(v, (Array, np.ndarray, np.generic)):
        if v.dtype.kind not in "fiuc":
            raise misfit(f"{path} has dtype {v.dtype}; it must be numbers", TypeError)
    elif cls is bool or not isinstance(v, (float, int, complex)):
        raise TypeError(f"{path} must be a number or an array, got a {cls.__name__}")
    if dtype.kind != "c" and is_complex(v):
        raise misfit(
            f"{path} is complex, but the {space} it belongs to is real ({dtype})", TypeError
        )
    if shape_of(v) != shape:
        raise misfit(
            f"{path} has shape {shape_of(v)}, but the {space} it belongs to has shape {shape}"
        )
    if cls is Array and v.dtype == dtype:
        fitting: Array = v
        return fitting
    return array(v, dtype=dtype)
