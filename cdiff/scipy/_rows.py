"""Elementwise functions from rows of a table: the value is SciPy's, the partial derivatives are
expressions in the language of the functions themselves.

A `Row` is data. `function_of` makes a function of it: plain arguments go to SciPy as they are, and
where an `Array` is among them the call is one operator of the graph and of programs
(`Elementwise`), whose derivatives are the row's expressions evaluated on Arrays. So both modes,
every order, and programs follow from one line. This file must not know any particular function.
A call costs one Python call beside SciPy's own; an expression is compiled when its derivative is
first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, Callee, any_array, array, call, cast, zmul
from cdiff._transformations._mapped import Broadcast
from cdiff.numpy._common import of_values
from cdiff.scipy._examples import example
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LANGUAGE", "Elementwise", "Row", "apply_row", "function_of", "tracked_function"]

# What an expression may use; cdiff.scipy._language fills it.
LANGUAGE: dict[str, Any] = {}


@dataclass(eq=False)
class Row:
    """An elementwise function.

    Parameters
    ----------
    name : str
    args : tuple of str
    d : tuple of str or None
        The partial derivative by each argument, in the arguments and the result ``y``; None where
        it is not known, or where the argument counts (an order, a degree).
    value : callable or None
        What computes it on plain values; None for SciPy's function of that name.
    equals : str or None
        An expression that the function is equal to. Then it has no derivative of its own.
    mp : str or None
        The function in the language of mpmath, for the tests.
    samples : tuple of tuple
        Points where the tests compare its derivatives.
    domain : str
        Where the derivatives hold, in words.
    note : str
        What else the documentation should say.
    public : bool
        Whether SciPy has it under this name.
    accuracy : float
        To what the tests hold the first derivative, relatively: what SciPy's values allow.
    """

    name: str
    args: tuple[str, ...]
    d: tuple[str | None, ...]
    value: Callable[..., Any] | None = None
    equals: str | None = None
    mp: str | None = None
    samples: tuple[tuple[float, ...], ...] = ()
    domain: str = ""
    note: str = ""
    public: bool = True
    accuracy: float = 1e-11
    compiled: dict[int, Callable[..., Any]] = field(default_factory=dict)
    operator: Elementwise | None = None

    def plain(self) -> Callable[..., Any]:
        """The function on plain values."""
        if self.value is None:
            self.value = getattr(scipy_module("special"), self.name)
        assert self.value is not None
        return self.value

    def whole(self) -> Elementwise:
        """The row as an operator all of whose arguments are operands."""
        if self.operator is None:
            self.operator = Elementwise(self, [None] * len(self.args))
        return self.operator

    def partial(self, k: int) -> Callable[..., Any]:
        """The derivative by argument k as a function of the result and the arguments."""
        found = self.compiled.get(k)
        if found is None:
            expression = self.d[k]
            if expression is None:
                known = [a for a, d in zip(self.args, self.d, strict=True) if d is not None]
                raise NotImplementedError(
                    f"{self.name}({', '.join(self.args)}): the derivative by {self.args[k]} is not "
                    f"available ({'only by ' + ', '.join(known) if known else 'nor any other'}); "
                    f"keep {self.args[k]} constant, with cdiff.stop_gradient if it is computed"
                )
            found = self.compiled[k] = eval(
                f"lambda y, {', '.join(self.args)}: {expression}", LANGUAGE
            )
        return found


class Elementwise(Callee):
    """A row as an operator.

    Parameters
    ----------
    row : Row
    given : list
        The arguments, with None in the places of the operands; the others are plain numbers, which
        are no operands so that they keep their type.
    """

    def __init__(self, row: Row, given: list[Any]) -> None:
        self.row = row
        self.given = given
        self.function = row.plain()
        self.places = [k for k, x in enumerate(given) if x is None]
        self.whole = len(self.places) == len(given)

    def __repr__(self) -> str:
        return self.row.name

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return Broadcast(self, n, flags)

    def full(self, operands: Sequence[Any]) -> list[Any]:
        """All arguments of a call with these operands."""
        if self.whole:
            return list(operands)
        arguments = list(self.given)
        for k, x in zip(self.places, operands, strict=True):
            arguments[k] = x
        return arguments

    def value(self, arrays: list[Any]) -> Any:
        return self.function(*arrays) if self.whole else self.function(*self.full(arrays))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        arguments = self.full(operands)
        return [
            zmul(g, _dividing(self.row.partial(k), y, *arguments)) if want else None
            for k, want in zip(self.places, wanted, strict=True)
        ]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        arguments, total = self.full(operands), None
        for k, t in zip(self.places, tangents, strict=True):
            if t is not None:
                term = zmul(t, _dividing(self.row.partial(k), y, *arguments))
                total = term if total is None else total + term
        return total


def _dividing(expression: Callable[..., Any], *args: Any) -> Any:
    """An expression's value; what is divided by a Python number that is 0 is infinite or nan."""
    try:
        return expression(*args)
    except ZeroDivisionError:
        return expression(*[array(x) if isinstance(x, (int, float)) else x for x in args])


def apply_row(row: Row, args: Sequence[Any]) -> Array:
    """The row's function of arguments of which at least one is an `Array`."""
    given: list[Any] = [None] * len(args)
    operands = []
    for k, x in enumerate(args):
        if type(x) is Array:
            operands.append(x)
        elif isinstance(x, (int, float, np.generic)):
            given[k] = x
        else:
            operands.append(array(x, copy=False))
    return call(row.whole() if len(operands) == len(args) else Elementwise(row, given), operands)


def _known(name: str, *args: Any) -> Any:
    """1 where SciPy's function has a value, and nan elsewhere."""
    function = getattr(scipy_module("special"), name)
    if not isinstance(function, np.ufunc):
        raise ValueError(f"{name!r:.40} is no elementwise function of scipy.special")
    return np.where(np.isnan(function(*args)), np.nan, 1.0)


def tracked_function(row: Row) -> Callable[..., Any]:
    """The row's function where an `Array` is among the arguments."""
    if row.equals is None:
        return lambda *args: apply_row(row, args)
    composition: Callable[..., Any] = eval(f"lambda {', '.join(row.args)}: {row.equals}", LANGUAGE)

    def equal(*args: Any) -> Array:
        args = tuple([array(x) if isinstance(x, (list, tuple)) else x for x in args])
        # Where SciPy knows no value, as outside of the domain, the composition may have one.
        y: Array = _dividing(composition, *args) * of_values(_known, row.name, *args)
        if y.dtype == np.float64 and all(type(x) is not Array or x.dtype == y.dtype for x in args):
            return y
        # SciPy's ufuncs differ in how they promote float32: ask for an empty result.
        forms = [np.empty(0, x.dtype) if type(x) is Array else x for x in args]
        dtype = row.plain()(*forms).dtype
        return y if y.dtype == dtype else cast(y, dtype)

    return equal


def function_of(row: Row) -> Callable[..., Any]:
    """What users call: SciPy's function on plain arguments, the row's operator on Arrays.

    Parameters
    ----------
    row : Row

    Returns
    -------
    callable

    Raises
    ------
    TypeError
        When called with keywords that cannot be used with Arrays, or a wrong number of arguments.
    """
    plain, tracked, count = row.plain(), tracked_function(row), len(row.args)

    def function(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and not any_array(*args):
            return plain(*args)
        if not any_array(*args, *kwargs.values()):
            return plain(*args, **kwargs)
        if kwargs:
            raise TypeError(
                f"{row.name}: {', '.join(kwargs)} cannot be used with cdiff arrays; give the "
                f"arguments ({', '.join(row.args)}) by position and assign the result"
            )
        if len(args) != count:
            raise TypeError(f"{row.name} takes ({', '.join(row.args)}), not {len(args)} arguments")
        return tracked(*args)

    function.__name__ = function.__qualname__ = row.name
    function.__doc__ = description(row)
    return function


def description(row: Row) -> str:
    """The docstring of a row's function."""
    by = [a for a, d in zip(row.args, row.d, strict=True) if d is not None]
    lines = [f"As `scipy.special.{row.name}({', '.join(row.args)})`.", ""]
    if row.equals is not None:
        lines.append(f"Differentiated as ``{row.equals}``.")
    elif by:
        lines.append("Derivatives, of every order:")
        lines.append("")
        known = zip(row.args, row.d, strict=True)
        lines += [f"- by ``{a}``: ``{d}``" for a, d in known if d is not None]
    else:
        lines.append("No derivative is known.")
    for text in (row.domain and f"They hold for {row.domain}.", row.note):
        lines += ["", text] if text else []
    last = max([k for k, d in enumerate(row.d) if d is not None], default=0)
    return "\n".join(lines) + example("special", row.name, f"csp.{row.name}", last)
