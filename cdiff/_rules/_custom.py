"""Derivatives written by users: `custom_vjp` and `custom_jvp`.

A function with a rule of its own runs as it is; its result then passes through an operator that
leaves the value alone and has the user's rule as its derivative. What the rule needs are operands
of that operator, so rules see everything an outer transformation tracks, and every order and both
modes exist. This file knows rules; it must not know sweeps. It costs a few Python calls each time
the function is called, none where nothing is differentiated.
"""

from __future__ import annotations

import threading
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar, cast

from cdiff._arguments._tree import flatten, tree_map, unflatten
from cdiff._arguments._wrap import Transformed, check_argnums, check_function, function_name
from cdiff._bodies._body import next_level
from cdiff._core import Array, below, call, lower, recordings
from cdiff._rules._rules import (
    Arguments,
    Results,
    any_given,
    by_position,
    transposed_pull,
    transposed_push,
    zeros,
)
from cdiff._transformations._mapped import RuleCallee

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CustomJvp", "CustomVjp", "JvpRule", "VjpRule", "custom_jvp", "custom_vjp"]

F = TypeVar("F", bound="Callable[..., Any]")

RECORDED_DEPTH = 4  # orders of derivative of a program for which `fwd` meets its own rule


class Rule(RuleCallee):
    """The operator that a function's result passes through: the value stays, the rule is new.

    It is called `who`, as the rule is in messages.

    Operands are the packed result, the differentiable leaves of the arguments, and what the rule
    needs besides.

    Parameters
    ----------
    arguments : Arguments
    results : Results
    """

    who: str

    def __init__(self, arguments: Arguments, results: Results, *functions: Any) -> None:
        self.is_first = True
        self.made_in = recordings()
        self.functions = functions
        self.arguments = arguments.forget()
        self.results = results.forget()

    def __repr__(self) -> str:
        return self.who

    def value(self, arrays: list[Any]) -> Any:
        return arrays[0]

    def inputs(self, operands: list[Array]) -> list[Array]:
        """The operands that are leaves of the arguments."""
        return operands[1 : 1 + len(self.arguments.places)]

    def is_outside(self, asked: list[bool]) -> bool:
        """Is no argument asked for, but the result?  It depends on what the function read from
        outside, by derivatives of its own operations."""
        return asked[0] and not any(asked[1 : 1 + len(self.arguments.places)])


class VjpRule(Rule):
    """`custom_vjp`: what the rule needs are the residuals."""

    def __init__(
        self, owner: CustomVjp, arguments: Arguments, results: Results, residuals: Any
    ) -> None:
        super().__init__(arguments, results, owner._bwd)
        self.owner = owner
        self.bwd = owner._bwd
        self.who = owner._bwd_name()
        self.saved, self.saved_tree = flatten(residuals)
        self.saved_places = [k for k, x in enumerate(self.saved) if x.__class__ is Array]

    def take_saved(self) -> list[Array]:
        """The residuals, which become operands."""
        taken = [self.saved[k] for k in self.saved_places]
        for k in self.saved_places:
            self.saved[k] = None
        return taken

    def _pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        if self.is_outside(wanted):
            return [g, *[None] * (len(operands) - 1)]
        saved = list(self.saved)
        first = 1 + len(self.arguments.places)
        for k, x in zip(self.saved_places, operands[first:], strict=True):
            saved[k] = x
        given = self.results.filled(self.results.packing.unpack(g), self.results.leaves)
        found = self.bwd(*self.arguments.fixed, unflatten(self.saved_tree, saved), given)
        cotangents = self.arguments.cotangents(found, self.who)
        return [None, *cotangents, *[None] * len(self.saved_places)]

    def _push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        if self.is_outside([t is not None for t in tangents]):
            return tangents[0]
        last = 1 + len(self.arguments.places)
        inputs = [t if 0 < k < last else None for k, t in enumerate(tangents)]
        return transposed_push(self, y, operands, inputs) if any_given(inputs) else None


class JvpRule(Rule):
    """`custom_jvp`."""

    def __init__(self, owner: CustomJvp, arguments: Arguments, results: Results) -> None:
        separate = isinstance(owner._rule, _Separate)
        super().__init__(arguments, results, *(owner._rule.rules if separate else [owner._rule]))
        self.owner = owner
        self.rule = owner._rule
        self.who = owner._rule_name()

    def _push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        inputs, given = self.inputs(operands), self.inputs(cast("list[Array]", tangents))
        if self.is_outside([t is not None for t in tangents]):
            return tangents[0]
        if not any_given(given):
            return None
        arguments = self.arguments
        primals = tuple(arguments.filled(inputs, arguments.leaves))
        found = self.rule(*arguments.fixed, primals, arguments.tangents(inputs, given))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(f"{self.who} must return a pair (output, tangent of the output)")
        return self.results.tangents(found[1], self.who)

    def _pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        if self.is_outside(wanted):
            return [g, *[None] * (len(operands) - 1)]
        return transposed_pull(self, y, operands, g, [False, *wanted[1:]])


class _Custom(Transformed):
    """What custom_vjp and custom_jvp return."""

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        given = options["nondiff_argnums"]
        self._static: tuple[int, ...] = (given,) if given.__class__ is int else tuple(given)

    def _static_places(self, n: int) -> list[int]:
        """The static ones among n arguments."""
        return sorted({i % n for i in self._static if -n <= i < n})

    def _taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return Arguments(by_position(self._f, args, kwargs), self._static)

    def _applied(
        self, rule: Rule, results: Results, out: Any, operands: list[Any], level: int
    ) -> Any:
        """The result of the call, with the rule as its derivative.

        The arguments were lowered below `level`, so what is tracked there came in by another way.
        """
        if level >= 0 and out.__class__ is Array and _is_tracked_at(out, level):
            raise TypeError(
                f"{function_name(self._f)} has a derivative rule, which is by its arguments only, "
                "but its result depends on values from outside that are differentiated too; pass "
                "these as arguments, or read them through cdiff.stop_gradient"
            )
        y = call(rule, [out, *operands])
        return results.filled(results.packing.unpack(y), results.leaves)


def _is_tracked_at(y: Array, level: int) -> bool:
    """At this level, of a transformation in progress; whatever is left of others does not count."""
    seen = lower(y, level + 1)
    return lower(seen, level) is not seen and level < next_level()


class CustomVjp(_Custom):
    _rule_names = ("_fwd", "_bwd")
    _fwd: Callable[..., Any] | None = None
    _bwd: Any = None

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        self._local = threading.local()

    def defvjp(self, fwd: F, bwd: Callable[..., Any]) -> None:
        """Give the rule: ``fwd(*args) -> (out, residuals)`` and ``bwd(residuals, ct) -> cts``."""
        check_function(fwd, "defvjp")
        check_function(bwd, "defvjp")
        self._fwd, self._bwd = fwd, bwd

    def check_rule(self) -> None:
        """Raise a TypeError if there is no rule."""
        if self._fwd is None:
            raise TypeError(f"custom_vjp: {function_name(self._f)} has no rule yet; call .defvjp")

    def _bwd_name(self) -> str:
        return f"the bwd rule of {function_name(self._f)}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        self.check_rule()
        arguments = self._taken(args, kwargs)
        operands = arguments.operands()
        seen = below(operands)
        if seen is None:
            return self._f(*args, **kwargs)
        nodes, level = seen
        # A program's values cannot be lowered: `fwd` may call this function for ever.
        depth = getattr(self._local, "depth", 0)
        if level < 0 and depth == RECORDED_DEPTH:
            return self._f(*args, **kwargs)
        self._local.depth = depth if level >= 0 else depth + 1
        try:
            found = arguments.call(cast("Any", self._fwd), nodes)
        finally:
            self._local.depth = depth
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(
                f"the fwd rule of {function_name(self._f)} must return a pair (output, residuals)"
            )
        results = Results(found[0], function_name(self._f))
        out = results.packed()
        rule = VjpRule(self, arguments, results, found[1])
        return self._applied(rule, results, out, [*operands, *rule.take_saved()], level)

    def __reduce__(self) -> str | tuple[Any, ...]:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        return _with_vjp, (self._f, self._options, self._fwd, self._bwd)


def _with_vjp(f: Any, options: dict[str, Any], fwd: Any, bwd: Any) -> Any:
    made = custom_vjp(f, **options)
    if fwd is not None:
        made.defvjp(fwd, bwd)
    return made


class CustomJvp(_Custom):
    _rule_names = ("_rule",)
    _rule: Any = None

    def defjvp(self, rule: F) -> F:
        """Give the rule ``rule(primals, tangents) -> (out, tangent_out)``; also a decorator."""
        check_function(rule, "defjvp")
        self._rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Give one rule per argument, ``rule(t, out, *args) -> its part of the tangent``, or None.

        The tangent of the output is their sum; None stands for zero.
        """
        for rule in rules:
            if rule is not None:
                check_function(rule, "defjvps")
        self._rule = _Separate(self, rules)

    def check_rule(self) -> None:
        """Raise a TypeError if there is no rule."""
        if self._rule is None:
            raise TypeError(f"custom_jvp: {function_name(self._f)} has no rule yet; call .defjvp")

    def _rule_name(self) -> str:
        return f"the jvp rule of {function_name(self._f)}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        self.check_rule()
        arguments = self._taken(args, kwargs)
        operands = arguments.operands()
        seen = below(operands)
        if seen is None:
            return self._f(*args, **kwargs)
        nodes, level = seen
        results = Results(arguments.call(self._f, nodes), function_name(self._f))
        out = results.packed()
        return self._applied(JvpRule(self, arguments, results), results, out, operands, level)

    def __reduce__(self) -> str | tuple[Any, ...]:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        return _with_jvp, (self._f, self._options, self._rule)


class _Separate:
    """The rules of `defjvps` as one."""

    def __init__(self, owner: CustomJvp, rules: tuple[Any, ...]) -> None:
        self.owner = owner
        self.rules = self.__wrapped__ = rules

    def __call__(self, *args: Any) -> tuple[Any, Any]:
        *static, primals, tangents = args
        if len(self.rules) != len(primals):
            raise TypeError(
                f"defjvps: {len(self.rules)} rules for the {len(primals)} differentiated "
                f"argument(s) of {function_name(self.owner._f)}"
            )
        positions = self.owner._static_places(len(primals) + len(static))
        whole = list(primals)
        for place, x in zip(positions, static, strict=True):
            whole.insert(place, x)
        out = self.owner(*whole)
        total = None
        for rule, t in zip(self.rules, tangents, strict=True):
            if rule is not None:
                part = rule(t, out, *whole)
                total = part if total is None else tree_map(add, total, part)
        return out, tree_map(zeros, out) if total is None else total


def _with_jvp(f: Any, options: dict[str, Any], rule: Any) -> Any:
    made = custom_jvp(f, **options)
    if rule is not None:
        made.defjvp(rule)
    return made


def _options(nondiff_argnums: Any, who: str) -> dict[str, Any]:
    if isinstance(nondiff_argnums, (tuple, list)) and not nondiff_argnums:
        return {"nondiff_argnums": ()}
    return {"nondiff_argnums": check_argnums(nondiff_argnums, who)}


def custom_vjp(
    f: Callable[..., Any] | None = None, *, nondiff_argnums: int | tuple[int, ...] = ()
) -> Any:
    """A function with a reverse-mode derivative that is written by hand.

    Parameters
    ----------
    f : callable
        Any function of floats, arrays and containers of them. Left out, the result is a decorator.
    nondiff_argnums : int or tuple of int, optional
        Positions of arguments that the rule does not differentiate; `bwd` gets them first.

    Returns
    -------
    callable
        Computes `f`. Its method ``defvjp(fwd, bwd)`` gives the rule: ``fwd(*args)`` returns the
        output and whatever `bwd` needs, ``bwd(residuals, cotangent)`` a tuple with the cotangent
        of each argument, in its structure (None for zero).

    Raises
    ------
    TypeError
        When called without a rule, if a rule returns something else, or if the arguments are
        differentiated together with something that `f` reads from outside.
    ValueError
        When differentiated, if a cotangent has another shape than its argument.

    Notes
    -----
    `fwd` and `bwd` are differentiated for higher orders. Forward mode applies the transpose of
    `bwd`, which must be linear in the cotangent for that.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> @cd.custom_vjp
    ... def log1pexp(x):
    ...     return np.log(1.0 + np.exp(x))
    >>> log1pexp.defvjp(lambda x: (log1pexp(x), x), lambda x, g: (g * cd.sigmoid(x),))
    >>> cd.grad(log1pexp)(0.0)
    0.5
    """
    options = _options(nondiff_argnums, "custom_vjp")
    if f is None:
        return lambda f: custom_vjp(f, **options)
    return CustomVjp(f, custom_vjp, options)


def custom_jvp(
    f: Callable[..., Any] | None = None, *, nondiff_argnums: int | tuple[int, ...] = ()
) -> Any:
    """A function with a forward-mode derivative that is written by hand.

    Parameters
    ----------
    f : callable
        Any function of floats, arrays and containers of them. Left out, the result is a decorator.
    nondiff_argnums : int or tuple of int, optional
        Positions of arguments that the rule does not differentiate; it gets them first.

    Returns
    -------
    callable
        Computes `f`. Its method ``defjvp(rule)`` gives the rule, and is a decorator:
        ``rule(primals, tangents)`` with two tuples returns the output and its tangent, which must
        be linear in the tangents.

    Raises
    ------
    TypeError
        When called without a rule, if the rule returns something else, or if the arguments are
        differentiated together with something that `f` reads from outside.
    ValueError
        When differentiated, if the tangent has another shape than the output.

    Notes
    -----
    Reverse mode applies the transpose of the rule. The rule is differentiated for higher orders.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> @cd.custom_jvp
    ... def cube(x):
    ...     return x ** 3
    >>> @cube.defjvp
    ... def cube_rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return cube(x), 3.0 * x * x * t
    >>> cd.grad(cube)(2.0), cd.grad(cd.grad(cube))(2.0)
    (12.0, 12.0)
    """
    options = _options(nondiff_argnums, "custom_jvp")
    if f is None:
        return lambda f: custom_jvp(f, **options)
    return CustomJvp(f, custom_jvp, options)
