"""All that a derivative has to be, checked at a point: `verify`.

For functions with a rule of their own, above all: a rule may be right in one mode and wrong in the
other, not linear, or lose something when it is compiled or mapped. Every check is made of public
transformations only, and all are made, so that one run shows everything that is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._arguments._tree import flatten, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._compiled._compile import compile as compiled
from cdiff._transformations._forward import jvp
from cdiff._transformations._reverse import stop_gradient, vjp
from cdiff._transformations._vmap import vmap
from cdiff.testing import Case, check_grads, dot, random_like, random_source

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Check", "Verification", "verify"]

DIGITS = 1e-9  # to which two ways to one number have to agree


class Check(NamedTuple):
    """One check of `verify`: what was looked at, and "" or what is wrong."""

    name: str
    problem: str

    def __str__(self) -> str:
        return f"{'FAILED' if self.problem else 'ok':8}{self.name}" + (
            f"\n        {self.problem}" if self.problem else ""
        )


class Verification(tuple[Check, ...]):
    """The checks that were made; it prints as a table."""

    def __repr__(self) -> str:
        return "\n".join([str(check) for check in self])


def verify(f: Callable[..., Any], /, *args: Any, order: int = 2, seed: int = 0) -> Verification:
    """Check a function's derivatives in every way at one point.

    Its value with and without a derivative, forward and reverse derivatives against differences (to
    the order asked for) and against each other, their linearity, the compiled and the mapped
    function against the eager one, and that the arguments stay as they are. Made for
    `custom_vjp`, `custom_jvp` and `operator`; good for any function.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays in any container; smooth around the arguments.
    *args : containers of floats and arrays
        The point; all are differentiated.
    order : int, default 2
        Of the derivatives that are compared with differences.
    seed : int, default 0
        Of the random directions.

    Returns
    -------
    Verification
        The checks by name, all passed; it prints as a table.

    Raises
    ------
    AssertionError
        If a check fails; the message has the whole table, and for each failure what is wrong.
    TypeError, ValueError
        If an argument has no derivative, or there is none; if `order` or `seed` is no number.

    See Also
    --------
    cdiff.testing.check_grads

    Examples
    --------
    >>> import cdiff as cd, numpy as np
    >>> @cd.custom_vjp
    ... def square(x):
    ...     return x * x
    >>> square.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * x * g,))
    >>> print(cd.verify(square, np.array([1.0, -2.0])))
    ok      the value under a derivative is the plain value
    ok      forward derivatives to order 2, by differences
    ok      reverse derivatives to order 2, by differences
    ok      forward and reverse agree
    ok      the forward derivative is linear
    ok      the reverse derivative is linear
    ok      compiled and eager agree
    ok      mapped and single points agree
    ok      the arguments are left as they are
    """
    check_function(f, "verify")
    if not args:
        raise ValueError("verify needs at least one argument: verify(f, x, ...)")
    rng = random_source(order, seed, "verify")
    point = tuple([stop_gradient(x) for x in args])
    before = [np.array(x) for x in flatten(point)[0]]
    work = _Work(f, point, rng, order)
    checks = [
        ("the value under a derivative is the plain value", work.value),
        (f"forward derivatives to order {order}, by differences", work.forward),
        (f"reverse derivatives to order {order}, by differences", work.reverse),
        ("forward and reverse agree", work.agreement),
        ("the forward derivative is linear", work.linear_forward),
        ("the reverse derivative is linear", work.linear_reverse),
        ("compiled and eager agree", work.compiled),
        ("mapped and single points agree", work.mapped),
    ]
    found = [Check(name, _problem(check)) for name, check in checks]
    same = all(np.array_equal(a, b) for a, b in zip(before, flatten(point)[0], strict=True))
    problem = "" if same else "an argument was changed in place"
    report = Verification([*found, Check("the arguments are left as they are", problem)])
    if any(check.problem for check in report):
        raise AssertionError(f"{function_name(f)} has a wrong derivative\n{report!r}")
    return report


def _problem(check: Callable[[], str]) -> str:
    """What a check says, or the error that it ends with."""
    try:
        return check()
    except MemoryError:
        raise
    except Exception as error:
        name = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return f"{name}{error}"


def _difference(what: str, got: list[Any], want: list[Any], scale: float = 1.0) -> str:
    """ "", or how far two lists of arrays are apart."""
    for k, (a, b) in enumerate(zip(got, want, strict=True)):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        if a.shape != b.shape:
            return f"{what} {k} has shape {a.shape}, not {b.shape}"
        size = scale * (1.0 + float(np.max(np.abs(b), initial=0.0)))
        error = float(np.max(np.abs(a - b), initial=0.0))
        if not error <= size:
            return f"{what} {k} differs by {error:.3g}: {a!s:.60} and {b!s:.60}"
    return ""


class _Work:
    """The function at its point, with two random directions on either side."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], rng: np.random.Generator, order: int
    ) -> None:
        self.f = f
        self.args = args
        self.order = order
        self.case = Case(f, args, function_name(f))
        single = any(np.asarray(x).dtype == np.float32 for x in flatten(args)[0])
        self.digits = 1e-3 if single else DIGITS
        self.tangents = [random_like(self.case.point, rng) for _ in range(2)]
        self.weights = [[rng.standard_normal(y.shape) for y in self.case.value] for _ in range(2)]

    def value(self) -> str:
        traced = self.case.outputs(vjp(self.f, *self.args)[0])[0]
        return _difference("output", traced, self.case.value, 0.1 * self.digits)

    def forward(self) -> str:
        check_grads(self.f, self.args, self.order, ("fwd",))
        return ""

    def reverse(self) -> str:
        check_grads(self.f, self.args, self.order, ("rev",))
        return ""

    def agreement(self) -> str:
        pushed = dot(self.weights[0], self.case.forward(self.tangents[0]))
        pulled = dot(self.case.reverse(self.weights[0]), self.tangents[0])
        if abs(pushed - pulled) <= self.digits * (1.0 + abs(pushed)):
            return ""
        return f"<w, J v> is {pushed:.9g} forward and {pulled:.9g} in reverse"

    def linear_forward(self) -> str:
        return self._linear("tangent of output", self.case.forward, self.tangents)

    def linear_reverse(self) -> str:
        return self._linear("cotangent of argument", self.case.reverse, self.weights)

    def _linear(self, what: str, rule: Callable[[Any], Any], ends: list[Any]) -> str:
        """Is the rule of ``2 u - 3 v`` what it should be?"""
        u, v = ends
        both = rule([2.0 * a - 3.0 * b for a, b in zip(u, v, strict=True)])
        parts = zip(rule(u), rule(v), strict=True)
        return _difference(what, both, [2.0 * a - 3.0 * b for a, b in parts], self.digits)

    def _pulled(self, *args: Any) -> tuple[Any, Any]:
        out, pull = vjp(self.f, *args)
        return out, pull(self.case.cotangent(self.weights[0]))

    def compiled(self) -> str:
        f = compiled(self._pulled)
        want = self._plain(self._pulled(*self.args))
        for run in ("recorded", "replayed"):
            problem = _difference(f"{run} result", self._plain(f(*self.args)), want, self.digits)
            if problem:
                return problem
        tangents = self.case.arguments(self.tangents[0])
        pushed = compiled(lambda *args: jvp(self.f, args, tangents)[1])(*self.args)
        want = self.case.forward(self.tangents[0])
        return _difference("tangent of output", self._plain(pushed), want, self.digits)

    def mapped(self) -> str:
        """Two points at once: this one and one nearby."""
        nearby = [x + 1e-3 * t for x, t in zip(self.case.point, self.tangents[1], strict=True)]
        points = [self.args, self.case.arguments(nearby)]
        leaves = zip(*[flatten(p)[0] for p in points], strict=True)
        stacked = [np.stack([np.asarray(x) for x in pair]) for pair in leaves]
        together = vmap(self._pulled)(*unflatten(flatten(self.args)[1], stacked))
        single = [self._plain(self._pulled(*p)) for p in points]
        want = [np.stack(pair) for pair in zip(*single, strict=True)]
        return _difference("result", self._plain(together), want, self.digits)

    def _plain(self, out: Any) -> list[Any]:
        return [np.asarray(x, dtype=float) for x in flatten(out)[0]]
