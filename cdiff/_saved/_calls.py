"""Calls of Python inside programs as plain values and back, for `save` and `load`.

NumPy's functions without a derivative (`argsort`, `searchsorted`, ...), computed positions, the
decompositions and SciPy's special functions are instructions that call Python. A file names them,
and only what stands in the lists of this file, in the tables of `cdiff.scipy` or among the rules
that `load` was given can be named: loading imports nothing else and runs nothing of the user's.
What is given to them is made of plain values.

Loops, rules and solvers have files of their own, all with two functions for a kind of calls. One
takes a call and a `Writer`, and gives a tuple of plain values, or None if the call is of another
kind; TypeError if no file can hold it. The other takes such a tuple, anything that was read, and
what is `Known`, and gives the call, or None; FormatError if the tuple is damaged, or names what
`load` was not given. This file knows which calls there are; it must not know what a file looks
like, nor programs. It runs once for each call of a program.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Callee, Hole, Hosted, HostedRows, Positions, refuses, result_shape
from cdiff._loops._while import CountedAtPoints, While
from cdiff._saved._loops import is_tagged, loop_of, plain_loop
from cdiff._saved._plain import FormatError, dtype_named, written
from cdiff._saved._rules import plain_rule, rule_of
from cdiff._saved._solvers import method_of, plain_method, plain_solver, solver_of
from cdiff._transformations._mapped import Mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdiff._saved._saving import Known, Writer

__all__ = ["call_of", "plain_call"]

# NumPy's functions that a program may call, beside all ufuncs.
NUMPY = frozenset((
    "all", "allclose", "angle", "any", "argmax", "argmin", "argpartition", "argsort",
    "argwhere", "array_equal", "array_equiv", "asarray", "bincount", "bitwise_count",
    "broadcast_to", "convolve", "count_nonzero", "cumprod", "cumsum", "diff", "digitize", "einsum",
    "flatnonzero", "isclose", "iscomplex", "isin", "isneginf", "isposinf", "isreal", "ix_",
    "lexsort", "linalg.matrix_rank", "max", "may_share_memory", "min", "nanargmax", "nanargmin",
    "nonzero", "packbits", "pad", "prod", "ravel_multi_index", "result_type", "searchsorted",
    "shares_memory", "sum", "unpackbits", "unravel_index", "unwrap", "where",
))  # fmt: skip

# Functions and operators of this package.
OWN = {
    "cdiff._core": "result_shape",
    "cdiff.integrate._odeint": "_are_between _are_ordered _go_forward _step_before",
    "cdiff.numpy._common": "_endless",
    "cdiff.numpy._convolve": "Convolution",
    "cdiff.numpy._creation": "_has_no_finite",
    "cdiff.numpy._decompositions": "Complement Eig Eigh Eigvals Eigvalsh Svd Svdvals "
    "_from_largest _full_rank _largest _mirrored _reaches _same_order _small _turns",
    "cdiff.numpy._det": "Determinant _is_regular",
    "cdiff.numpy._edit": "_chosen _one_row",
    "cdiff.numpy._elementary": "_exponents _halves _is_real _stays",
    "cdiff.numpy._equal_values": "_equal _unique",
    "cdiff.numpy._index": "stable_order",
    "cdiff.numpy._interpolate": "_segment _turns",
    "cdiff.numpy._least_squares": "Pinv _drops kept_values",
    "cdiff.numpy._nan": "_all_nan _not_nan _too_few",
    "cdiff.numpy._qr": "Qr",
    "cdiff.numpy._quantile": "_floor _last_places _places_by_rank _places_of_count "
    "_strictly_between",
    "cdiff.numpy._rounding": "_rounded",
    "cdiff.numpy._sets": "_common _distinct _missing _single",
    "cdiff.numpy._singular": "SingularNorm",
    "cdiff.numpy._statistics": "_bin_counts _bin_numbers",
    "cdiff.numpy._ufuncs": "_lines_of",
    "cdiff.numpy.emath": "_beyond_one _negative",
    "cdiff.numpy.linalg": "_is_singular _sign_of_det",
    "cdiff.numpy.polynomial._basis": "_order",
    "cdiff.numpy.random": "_any_negative _any_not_positive",
    "cdiff.scipy._polar": "singular UnitaryFactor",
    "cdiff.scipy._pencil": "PairEig _all_finite _signs _turns",
    "cdiff.scipy._spectral": "Ldl _Eigh _between _column_order _ldl_masks _ldl_order _phases "
    "_rank _svd_signs",
    "cdiff.scipy._bsplines": "_apart _beyond",
    "cdiff.scipy._curves": "interval",
    "cdiff.scipy._grid": "_any_nan _flat_places _nearest _out_of",
    "cdiff.scipy._interp1d": "_order _outside _step",
    "cdiff.scipy._matrix": "Banded MatrixFunction PackedLU Solve Sylvester singular",
    "cdiff.scipy._multivariate": "_at_pole _no_unit _not_positive _off_simplex",
    "cdiff.scipy._quantiles": "Quantile",
    "cdiff.scipy._rates": "Filtered Taps",
    "cdiff.scipy._resample": "SplineFilter _first _flat_places _fold _outside _places "
    "_rotated_shape",
    "cdiff.scipy._riccati": "Riccati",
    "cdiff.scipy._rows": "_known",
    "cdiff.scipy._scattered": "Mesh Tree _corners _nearest _simplex",
    "cdiff.scipy._splines": "_as_rows _band_places _chosen _span",
    "cdiff.scipy.fft": "Hankel RealTransform",
    "cdiff.scipy.integrate": "_no_steps",
    "cdiff.scipy.linalg": "_bandwidth _inverse_order _is_equal _order_of_pivots _permutation "
    "_pivot_order _pivots _short_order",
    "cdiff.scipy.signal": "Convolution Filter _is_zero _not_one",
    "cdiff.scipy.sparse._array": "Product Solution",
    "cdiff.scipy.sparse.linalg": "Iterated",
    "cdiff.scipy.spatial.distance": "_asymmetric _negative",
    "cdiff.scipy.stats": "_no_probability",
}
PYTHON_TYPES = {"float": float, "int": int, "bool": bool}
MAX_LENGTH = 1 << 31  # of an axis, and operands
MAX_DEPTH = 20  # of calls in calls, and of containers in their arguments


def plain_call(call: Any, writer: Writer) -> tuple[Any, ...]:
    """What a program calls, as a plain value.

    Parameters
    ----------
    call : Hosted, HostedRows, Positions or Callee
    writer : Writer
        How the programs of a loop are written, and functions with rules named.

    Returns
    -------
    tuple

    Raises
    ------
    TypeError
        If it is none of those that a file can name.
    """
    if isinstance(call, Hosted):
        return _plain_hosted(call, writer)
    if isinstance(call, Positions):
        return "positions", call.shape, _plain_argument(call.key), call.lead, call.assigns
    if isinstance(call, HostedRows):
        return "rows", plain_call(call.call, writer), call.size, call.flags
    if isinstance(call, Callee) and _is_own(type(call)):
        made = call.__reduce__()
        assert isinstance(made, tuple)
        return "operator", _name_of(made[0]), tuple(map(_plain_argument, made[1]))
    if isinstance(call, Mapped) and not isinstance(call, CountedAtPoints):
        return "mapped", plain_call(call.callee, writer), call.n, call.flags
    if type(call).__module__ == "cdiff.scipy._rows":  # which is not to be imported for this
        return "scipy", call.row.name, tuple(call.given)
    for plain in (plain_loop, plain_solver, plain_rule):
        if (found := plain(call, writer)) is not None:
            return found
    raise _unknown(call)


def _plain_hosted(call: Hosted, writer: Writer) -> tuple[Any, ...]:
    if call.function is refuses:
        raise TypeError(
            "a branch of it is for an error that an operation raises (try: ... except), which no "
            "file can hold; save what is before and after it, or decide by values (if)"
        )
    named = tuple([(key, _plain_argument(x)) for key, x in call.kwargs.items()])
    given = tuple(map(_plain_argument, call.args))
    loop = getattr(call.function, "__self__", None)
    if isinstance(loop, While):  # its number of steps
        return "steps", plain_loop(loop, writer), given
    if (method := plain_method(call.function, writer)) is not None:
        return "search", *method, given
    return "function", _name_of(call.function), given, named, call.item


def _unknown(call: Any) -> TypeError:
    function = getattr(call, "func", call)
    owner = getattr(function, "__self__", None)
    name = function if owner is None or isinstance(owner, ModuleType) else owner
    return TypeError(
        f"the program calls {name!r:.60}, which runs Python code that no file can hold; pickle the "
        "compiled function instead (its code must be importable where it is loaded), save what is "
        "before and after the call, or write the call as a cd.operator, which load(..., rules={}) "
        "can be given"
    )


def call_of(x: Any, known: Known, depth: int = 0) -> Any:
    """What `plain_call` was given.

    Parameters
    ----------
    x : object
        Anything that was read.
    known : Known
        How the programs of a loop are read, and which rules there are.
    depth : int

    Returns
    -------
    Hosted, HostedRows, Positions or Callee

    Raises
    ------
    FormatError
    """
    made: Any = None
    if depth < MAX_DEPTH and is_tagged(x):
        match x:
            case ("function", str(name), tuple(args), tuple(named), int() | None as item):
                made = Hosted(_named(name, False), _arguments(args), _keywords(named), item)
            case ("steps", tuple(loop), tuple(args)):
                made = _steps(loop_of(loop, known), _arguments(args))
            case ("search", search, str(name), tuple(args)):
                made = Hosted(method_of(search, name, known), _arguments(args), {})
            case ("positions", tuple(shape), key, int(lead), bool(assigns)):
                made = _positions(shape, _argument(key, 0), lead, assigns)
            case ("rows", call, int(size), tuple(flags)):
                made = _rows(call_of(call, known, depth + 1), size, flags)
            case ("mapped", call, int(size), tuple(flags)):
                made = _mapped(call_of(call, known, depth + 1), size, flags)
            case ("operator", str(name), tuple(args)):
                made = _operator(name, _arguments(args))
            case ("scipy", str(name), tuple(given)):
                made = _elementwise(name, given)
            case _:
                made = loop_of(x, known) or solver_of(x, known) or rule_of(x, known)
    if made is None:
        raise FormatError(f"a program calls {x!r:.60}, which is not known here")
    return made


# --- names ----------------------------------------------------------------------------------------


def _is_own(x: Any) -> bool:
    return getattr(x, "__name__", "") in OWN.get(getattr(x, "__module__", ""), "").split()


def _name_of(function: Any) -> str:
    """The name of a function or operator that may stand in a file."""
    if function is result_shape:
        return "cdiff._core:result_shape"
    if _is_own(function):
        return f"{function.__module__}:{function.__name__}"
    name = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None) or ""
    name = f"linalg.{name}" if module.endswith("linalg") else name
    if _numpy(name) is not function:
        raise _unknown(function)
    return f"numpy:{name}"


def _numpy(name: str) -> Any:
    """A function of NumPy that programs may call, else None."""
    if name == "linalg.matrix_rank":
        return np.linalg.matrix_rank
    found = getattr(np, name, None) if name.isidentifier() else None
    return found if name in NUMPY or isinstance(found, np.ufunc) else None


def _named(name: str, operator: bool) -> Any:
    """The function of a name, or the class of an operator."""
    module, _, rest = name.partition(":")
    found = None
    if module == "numpy":
        found = _numpy(rest)
    elif rest in OWN.get(module, "").split():
        found = getattr(import_module(module), rest)
    if found is None or isinstance(found, type) is not operator:
        raise FormatError(f"a program calls {name!r:.60}, which is not known here")
    return found


# --- arguments ------------------------------------------------------------------------------------


def _plain_argument(x: Any) -> tuple[str, Any]:
    """An argument with what is no plain value by its name."""
    if isinstance(x, Hole):
        return "operand", x.number
    if x.__class__ in (tuple, list):
        return x.__class__.__name__, tuple(map(_plain_argument, x))
    if isinstance(x, slice):
        return "slice", (x.start, x.stop, x.step)
    if x is Ellipsis:
        return "slice", ()
    if x is np._NoValue:  # in place of an argument that is left out
        return "nothing", ()
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return "dtype", np.dtype(x).str
    if isinstance(x, type) and x in PYTHON_TYPES.values():
        return "dtype", x.__name__
    if callable(x):
        return "function", _name_of(x)
    if _is_own(type(x)):
        made = x.__reduce__()
        return "made", (_name_of(made[0]), tuple(map(_plain_argument, made[1])))
    try:
        written(x)
    except TypeError as error:
        raise TypeError(f"the program gives {error} to a function") from None
    return "value", x


def _argument(x: Any, depth: int) -> Any:
    """An argument out of a file; FormatError for anything else."""
    if depth < MAX_DEPTH and is_tagged(x):
        match x:
            case ("operand", int(number)) if 0 <= number < MAX_LENGTH:
                return Hole(number)
            case ("tuple", tuple(items)):
                return tuple([_argument(item, depth + 1) for item in items])
            case ("list", tuple(items)):
                return [_argument(item, depth + 1) for item in items]
            case ("slice", ()):
                return Ellipsis
            case ("slice", (int() | None as start, int() | None as stop, int() | None as step)):
                return slice(start, stop, step)
            case ("nothing", ()):
                return np._NoValue
            case ("dtype", str(name)) if name in PYTHON_TYPES:
                return PYTHON_TYPES[name]
            case ("dtype", str(name)):
                return dtype_named(name)
            case ("function", str(name)):
                return _named(name, False)
            case ("made", (str(name), tuple(args))):
                return _made(name, [_argument(item, depth + 1) for item in args])
            case ("value", value):
                return value
    raise FormatError(f"a program with the argument {x!r:.60}")


def _arguments(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_argument(x, 0) for x in args])


def _keywords(named: tuple[Any, ...]) -> dict[str, Any]:
    if any(x.__class__ is not tuple or len(x) != 2 or x[0].__class__ is not str for x in named):
        raise FormatError(f"a program with the keywords {named!r:.60}")
    return {name: _argument(x, 0) for name, x in named}


# --- calls that are checked as a whole ------------------------------------------------------------


def _positions(shape: tuple[Any, ...], key: Any, lead: int, assigns: bool) -> Positions:
    sizes = all(n.__class__ is int and 0 <= n < MAX_LENGTH for n in shape)
    if not sizes or not 0 <= lead <= len(shape) or key.__class__ is not tuple or not key:
        raise FormatError(f"a program with the positions {shape!r:.60}")
    return Positions(shape, key, lead, assigns)


def _rows(call: Any, size: int, flags: tuple[Any, ...]) -> HostedRows:
    if isinstance(call, Callee) or not _is_count(size, flags):
        raise FormatError(f"a program with {size} calls of {call!r:.60}")
    return HostedRows(call, size, flags)


def _mapped(call: Any, size: int, flags: tuple[Any, ...]) -> Callee:
    if not isinstance(call, Callee) or not _is_count(size, flags):
        raise FormatError(f"a program with {size} calls of {call!r:.60}")
    return call.batched(size, flags) if hasattr(call, "batched") else Mapped(call, size, flags)


def _steps(loop: Any, arguments: tuple[Any, ...]) -> Hosted | None:
    return Hosted(loop.count, arguments, {}) if isinstance(loop, While) else None


def _elementwise(name: str, given: tuple[Any, ...]) -> Callee | None:
    """A function of `scipy.special`, of which some arguments may be given."""
    from cdiff.scipy import _language as language  # needs SciPy, as the program does

    row = language.named_row(name)
    if row is None or len(given) != len(row.args):
        return None
    if any(x is not None and not isinstance(x, (int, float, np.generic)) for x in given):
        return None
    return language.Elementwise(row, list(given))


def _is_count(size: int, flags: tuple[Any, ...]) -> bool:
    return 1 <= size < MAX_LENGTH and all(x.__class__ is bool for x in flags)


def _operator(name: str, arguments: tuple[Any, ...]) -> Callee | None:
    made = _made(name, arguments)
    return made if isinstance(made, Callee) else None


def _made(name: str, arguments: Sequence[Any]) -> Any:
    """An instance of a class of ours, which checks what it is made of."""
    cls = _named(name, True)
    try:
        return cls(*arguments)
    except Exception as error:
        raise FormatError(f"a program with a {cls.__name__} that cannot be made: {error}") from None
