"""NumPy's names and signatures on arrays that are differentiated.

``import cdiff.numpy as cnp`` and write NumPy: every function accepts an `Array` (and then gives
one, with its derivative), or plain numbers and ndarrays (and then it is NumPy's own function).
Plain ``np.f`` on an `Array` arrives here too. Functions that make arrays give an `Array`, so that
tracked values can be assigned into it; integers and booleans come as plain NumPy.

This file only collects names: elementwise functions from the core, the others from the files of
this package, each of which is imported when one of its names is first used (`_files.py`); what is
not here (`mgrid`, `loadtxt`, `ndarray`, ...) is NumPy's own.

The docstrings of the functions say what is particular to derivatives and show one; arguments are
described by NumPy and SciPy. Their examples assume that `numpy`, `cdiff` and this module are
imported as ``np``, ``cd`` and ``cnp``, those of `cdiff.scipy` what the head of a module imports.

Examples
--------
>>> import cdiff as cd
>>> import cdiff.numpy as cnp
>>> x = cd.array([3.0, 4.0], requires_grad=True)
>>> cnp.linalg.norm(x).backward()
>>> x.grad
Array([0.6, 0.8])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import (
    bool,
    bool_,
    broadcast_shapes,
    complex64,
    complex128,
    double,
    dtype,
    e,
    errstate,
    euler_gamma,
    finfo,
    float32,
    float64,
    iinfo,
    index_exp,
    inf,
    int8,
    int16,
    int32,
    int64,
    integer,
    intp,
    isdtype,
    nan,
    newaxis,
    pi,
    promote_types,
    s_,
    single,
    uint8,
    uint16,
    uint32,
    uint64,
)

from cdiff._core import (
    absolute,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    deg2rad,
    divide,
    equal,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    greater,
    greater_equal,
    heaviside,
    hypot,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    positive,
    power,
    rad2deg,
    reciprocal,
    remainder,
    rint,
    sign,
    signbit,
    sin,
    sinc,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
)
from cdiff.numpy._files import PACKAGES, WHERE

if TYPE_CHECKING:
    from cdiff.numpy import emath, fft, linalg, polynomial, random
    from cdiff.numpy._concatenator import *  # noqa: F403
    from cdiff.numpy._convolve import *  # noqa: F403
    from cdiff.numpy._creation import *  # noqa: F403
    from cdiff.numpy._edit import *  # noqa: F403
    from cdiff.numpy._einsum import *  # noqa: F403
    from cdiff.numpy._elementary import *  # noqa: F403
    from cdiff.numpy._exponentials import *  # noqa: F403
    from cdiff.numpy._functional import *  # noqa: F403
    from cdiff.numpy._in_place import *  # noqa: F403
    from cdiff.numpy._index import *  # noqa: F403
    from cdiff.numpy._interpolate import *  # noqa: F403
    from cdiff.numpy._linalg import *  # noqa: F403
    from cdiff.numpy._nan import *  # noqa: F403
    from cdiff.numpy._numpys import *  # noqa: F403
    from cdiff.numpy._pad import *  # noqa: F403
    from cdiff.numpy._polynomial import *  # noqa: F403
    from cdiff.numpy._quantile import *  # noqa: F403
    from cdiff.numpy._reduce import *  # noqa: F403
    from cdiff.numpy._rounding import *  # noqa: F403
    from cdiff.numpy._sets import *  # noqa: F403
    from cdiff.numpy._shape import *  # noqa: F403
    from cdiff.numpy._splitting import *  # noqa: F403
    from cdiff.numpy._statistics import *  # noqa: F403
    from cdiff.numpy._values import *  # noqa: F403

# What the array API standard asks of a namespace; its answers are NumPy's.
__array_api_version__ = "2024.12"
__array_namespace_info__ = getattr(np, "__array_namespace_info__", None)

# NumPy's other names for the same functions.
abs = absolute
acos = arccos
acosh = arccosh
asin = arcsin
asinh = arcsinh
atan = arctan
atan2 = arctan2
atanh = arctanh
degrees = rad2deg
mod = remainder
pow = power
radians = deg2rad
true_divide = divide

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bool",
    "bool_",
    "broadcast_shapes",
    "cbrt",
    "ceil",
    "complex64",
    "complex128",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "divide",
    "double",
    "dtype",
    "e",
    "emath",
    "equal",
    "errstate",
    "euler_gamma",
    "exp",
    "exp2",
    "expm1",
    "fft",
    "finfo",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "iinfo",
    "index_exp",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "integer",
    "intp",
    "isdtype",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "linalg",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan",
    "negative",
    "newaxis",
    "not_equal",
    "pi",
    "polynomial",
    "positive",
    "pow",
    "power",
    "promote_types",
    "rad2deg",
    "radians",
    "random",
    "reciprocal",
    "remainder",
    "rint",
    "s_",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "single",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip
if not TYPE_CHECKING:
    __all__ += WHERE


def _attribute(name: str) -> Any:
    if name in WHERE:
        value = getattr(import_module(f"cdiff.numpy.{WHERE[name]}"), name)
        globals()[name] = value
        return value
    if name in PACKAGES:
        return import_module(f"cdiff.numpy.{name}")
    if name.startswith("__") or not hasattr(np, name):
        # A traceback looks through the module for a similar name.
        raise AttributeError(
            f"module 'cdiff.numpy' has no attribute {name!r}",
            name=name,
            obj=import_module("cdiff.numpy"),
        )
    return getattr(np, name)


if not TYPE_CHECKING:  # which knows all names from above, and would believe in any other
    __getattr__ = _attribute


def __dir__() -> list[str]:
    return sorted({*__all__, *[name for name in dir(np) if not name.startswith("_")]})
