"""`quad`: an integral that can be differentiated by its limits and by what the integrand reads.

SciPy's adaptive quadrature gives the value; derivatives are integrals of the integrand's
derivatives, found by the same quadrature, and its values at the limits. So every order exists. This
file knows bodies and containers; it must not know a quadrature rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._arguments._leaves import check_output, unwrapped
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._bodies._body import Body
from cdiff._bodies._packing import Packing, spec_of
from cdiff._core import Array, array, call, is_tracked, peek
from cdiff._loops._checkpoint import Recorded
from cdiff._transformations._mapped import PointCallee
from cdiff.integrate._adjoint import captured_body
from cdiff.integrate._search import plain_function
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Integral", "quad"]


class _Form:
    """The container that an integrand returns."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.treedef: Any = None
        self.packing: Any = None

    def __call__(self, x: Any) -> Any:
        out = self.f(x)
        leaves, self.treedef = flatten(out)
        name = f"quad: the output of {function_name(self.f)}"
        if not leaves:
            check_output(out, name)
        for y, path in zip(leaves, leaf_paths(self.treedef, name), strict=True):
            check_output(y, path)
        leaves = [array(y, dtype=float) for y in leaves]
        self.packing = Packing([spec_of(y) for y in leaves], bare=False)
        return self.packing.pack(leaves)


def _integral(f: Callable[[Any], Any], a: Any, b: Any, options: dict[str, Any]) -> Array:
    """The integral of a vector, as one operator where anything is tracked."""
    a, b = array(a), array(b)
    body = captured_body(f, _inside(a, b))
    found = _value(body, [], peek(a), peek(b), options)
    body.sealed = True
    operands = [a, b, *body.captured]
    if not any(is_tracked(x) for x in operands):
        return array(found)
    return call(Integral(body, options), operands, array(found))


def _inside(a: Any, b: Any) -> float:
    """A place between the limits, where the integrand can be recorded."""
    low, high = float(peek(a)), float(peek(b))
    if np.isfinite(low) and np.isfinite(high):
        return 0.5 * (low + high)
    sign = 1.0 if low <= high else -1.0
    return low + sign if np.isfinite(low) else high - sign if np.isfinite(high) else 0.0


def _value(body: Body, consts: list[Any], a: Any, b: Any, options: dict[str, Any]) -> Any:
    """The value of an integral, or an error."""
    quad_vec = scipy_module("integrate", "cdiff.integrate").quad_vec
    found, error, info = quad_vec(
        plain_function(body, consts), float(a), float(b), full_output=True, **options
    )
    if not info.success or not np.all(np.isfinite(found)):
        raise RuntimeError(
            f"quad: the integral from {float(a):g} to {float(b):g} is not found to the tolerance "
            f"(error {error:.2g}): {info.message} Name places where the integrand is not smooth "
            "by points=, or give a larger limit"
        )
    return found


class Integral(PointCallee):
    """An integral of a recorded vector: limits and captured values to a vector."""

    def __init__(self, body: Body, options: dict[str, Any]) -> None:
        self.body = body
        self.options = options
        self.integrand = Recorded(body)

    def __repr__(self) -> str:
        return "quad"

    def value(self, arrays: list[Any]) -> Any:
        a, b, *consts = arrays
        return _value(self.body, consts, a, b, self.options)

    def _at_limit(self, x: Array, consts: list[Array]) -> Array:
        """The integrand at a limit; zero at infinity, where the integral does not change."""
        finite = _core.isfinite(x)
        values = self.body.apply([_core.where(finite, x, 0.0), *consts])[0]
        return _core.where(finite, values, 0.0)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        a, b, *consts = operands
        terms = []
        if any(t is not None for t in tangents[2:]):
            moved = tangents[2:]
            terms.append(_integral(
                lambda x: self.integrand.push(y, [array(x), *consts], [None, *moved]),
                a, b, self.options))  # fmt: skip
        for sign, x, t in ((-1.0, a, tangents[0]), (1.0, b, tangents[1])):
            if t is not None:
                terms.append(sign * t * self._at_limit(x, consts))
        return sum(terms[1:], terms[0]) if terms else None

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        a, b, *consts = operands
        found: list[Any] = [None] * len(operands)
        for k, (sign, x) in enumerate(((-1.0, a), (1.0, b))):
            if wanted[k]:
                found[k] = sign * (self._at_limit(x, consts) @ g)
        asked = [k for k, want in enumerate(wanted[2:]) if want and consts[k].dtype.kind == "f"]
        if not asked:
            return found
        packing = Packing([spec_of(consts[k]) for k in asked], bare=False)

        def pulled(x: Any) -> Any:
            want = [False, *[k in asked for k in range(len(consts))]]
            parts = self.integrand.pull(y, [array(x), *consts], g, want)[1:]
            full = [array(np.zeros(consts[k].shape)) if parts[k] is None else parts[k]
                    for k in asked]  # fmt: skip
            return packing.pack(full)

        parts = packing.unpack(_integral(pulled, a, b, self.options))
        for k, part in zip(asked, parts, strict=True):
            found[2 + k] = part
        return found


def quad(
    f: Callable[..., Any],
    a: Any,
    b: Any,
    *args: Any,
    epsabs: float = 1e-12,
    epsrel: float = 1e-10,
    limit: int = 10000,
    points: Any = None,
) -> Any:
    """The integral of a function of one number, differentiated by limits and parameters.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: a number, an array or any container of them. It may use tracked values from
        outside; derivatives by these are part of the result.
    a, b : float
        The limits, which may be infinite.
    *args : containers of floats and arrays
        Parameters of `f`.
    epsabs, epsrel : float
        The tolerances, of the value and of each derivative.
    limit : int, default 10000
        The largest number of intervals.
    points : list of float, optional
        Places where `f` is not smooth. They have no derivative.

    Returns
    -------
    container
        Like what `f` returns.

    Raises
    ------
    RuntimeError
        If the tolerance is not reached.
    TypeError
        If `f` returns something that is no number.
    ImportError
        Without SciPy.

    Examples
    --------
    >>> import numpy as np, cdiff as cd, cdiff.integrate as cdi
    >>> gauss = lambda s, b: cdi.quad(lambda x: np.exp(-0.5 * (x / s) ** 2), 0.0, b)
    >>> round(gauss(1.0, np.inf), 9), round(cd.grad(gauss)(2.0, np.inf), 9)
    (1.253314137, 1.253314137)
    >>> round(cd.grad(gauss, argnums=1)(1.0, 1.0), 9)
    0.60653066
    """
    check_function(f, "quad")
    for x, name in ((a, "a"), (b, "b")):
        if np.shape(x) != () or not isinstance(x, (int, float, np.generic, np.ndarray, Array)):
            raise TypeError(f"quad: the limit {name} must be a number, got {x!r:.60}")
    form = _Form(lambda x: f(x, *args))
    options = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points}
    options = {name: x for name, x in options.items() if x is not None}
    a, b = [float(x) if x.__class__ is int else x for x in (a, b)]
    y = _integral(form, a, b, options)
    return unflatten(form.treedef, [unwrapped(part) for part in form.packing.unpack(y)])
