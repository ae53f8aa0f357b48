"""Operators made by users: any Python function of plain arrays, with its derivative given.

What the function computes is not looked into: it is one instruction of the graph and of programs,
called with plain NumPy arrays. Its derivative is written in terms of other operators, so every
order and both modes exist. This file knows rules and containers; it must not know sweeps. A call
costs as much Python as the function itself does, and a little more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cdiff._arguments._tree import flatten_like, leaf_paths
from cdiff._arguments._wrap import Transformed, check_function, function_name
from cdiff._bodies._packing import spec_of
from cdiff._core import Array, Callee, array, call, is_tracked, peek, recordings, refused
from cdiff._rules._rules import Arguments, Results, by_position, transposed_pull, transposed_push
from cdiff._transformations._mapped import Mapped, RuleCallee

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Operator", "OperatorCall", "operator"]

F = TypeVar("F", bound="Callable[..., Any]")


class OperatorCall(RuleCallee):
    """One call of an operator, without its operands.

    Parameters
    ----------
    owner : Operator
    arguments : Arguments
    results : Results
    """

    def __init__(self, owner: Operator, arguments: Arguments, results: Results) -> None:
        self.made_in = recordings()
        self.owner = owner
        self.functions = owner._vjp, owner._jvp
        self.arguments = arguments.forget()
        self.results = results.forget()

    def __repr__(self) -> str:
        return self.owner._name

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return (_Rows if self.owner._vectorised else Mapped)(self, n, flags)

    def value(self, arrays: list[Any]) -> Any:
        return self.results.packing.pack_plain(self.parts(arrays, ()))

    def parts(self, arrays: list[Any], axes: tuple[int, ...]) -> list[Any]:
        """The results, with the leading `axes` that the operands have; as they were at first."""
        results, name = self.results, f"the result of {self.owner._name}"
        out = self.arguments.call(self.owner._f, [_given(x) for x in arrays])
        leaves = flatten_like(results.treedef, out, name)
        paths = leaf_paths(results.treedef, name)
        for k, (dtype, shape) in zip(results.places, results.packing.specs, strict=True):
            found = spec_of(leaves[k])
            if found != (dtype, (*axes, *shape)):
                raise ValueError(
                    f"{paths[k]} was {dtype} of shape {(*axes, *shape)} when it was recorded, now "
                    f"it is {found[0]} of shape {found[1]}; an operator's result must have a form "
                    "that follows from those of its arguments"
                )
        return [leaves[k] for k in results.places]

    def _opened(self, y: Array, operands: list[Array]) -> tuple[Any, list[Any]]:
        """Result and arguments in their containers."""
        return self._container(y), self.arguments.filled(operands, self.arguments.leaves)

    def _container(self, packed: Array) -> Any:
        return self.results.filled(self.results.packing.unpack(packed), self.results.leaves)

    def _pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        rule = self.owner._vjp
        if rule is None:
            self.owner._check_rule()
            return transposed_pull(self, y, operands, g, wanted)
        out, args = self._opened(y, operands)
        found = rule(self._container(g), out, *args)
        return self.arguments.cotangents(found, f"the vjp rule of {self.owner._name}")

    def _push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        rule = self.owner._jvp
        if rule is None:
            self.owner._check_rule()
            return transposed_push(self, y, operands, tangents)
        out, args = self._opened(y, operands)
        given = self.arguments.tangents(operands, tangents)
        return self.results.tangents(rule(given, out, *args), f"the jvp rule of {self.owner._name}")


class _Rows(Mapped):
    """A call of a vectorised operator at many points: one call for all of them."""

    callee: OperatorCall

    def value(self, arrays: list[Any]) -> Any:
        pairs = zip(arrays, self.flags, strict=True)
        whole = [x if b else np.broadcast_to(x, (self.n, *np.shape(x))) for x, b in pairs]
        parts = self.callee.parts(whole, (self.n,))
        packing = self.callee.results.packing
        return np.stack([packing.pack_plain([x[i] for x in parts]) for i in range(self.n)])


def _given(x: Any) -> Any:
    """A plain operand as the function gets it: a float, a NumPy number or an ndarray."""
    if np.ndim(x):
        return x
    return float(x) if spec_of(x)[0] == np.float64 else np.asarray(x)[()]


def _again(f: Callable[..., Any], arguments: Arguments, operands: list[Any]) -> Any:
    """The function for plain operands in the arguments of a call."""
    return arguments.call(f, [_given(x) for x in operands])


class Operator(Transformed):
    """What `operator` returns."""

    _rule_names = ("_vjp", "_jvp")
    _vjp: Any = None
    _jvp: Any = None

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        self._vectorised = bool(options["vectorised"])
        self._name = f"operator {options['name'] or function_name(f)}"

    def defvjp(self, rule: F) -> F:
        """Give ``rule(g, out, *args)``, the tuple of the arguments' cotangents; a decorator too."""
        check_function(rule, "defvjp")
        self._vjp = rule
        return rule

    def defjvp(self, rule: F) -> F:
        """Give ``rule(tangents, out, *args)``, the tangent of the result; a decorator too."""
        check_function(rule, "defjvp")
        self._jvp = rule
        return rule

    def _check_rule(self) -> None:
        if self._vjp is None and self._jvp is None:
            raise TypeError(
                f"{self._name} has no derivative: give it one by .defvjp or .defjvp, or apply it "
                "to cd.stop_gradient(x)"
            )

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        arguments = Arguments(by_position(self._f, args, kwargs), ())
        operands = arguments.operands()
        values = [_given(peek(x)) if isinstance(x, Array) else x for x in operands]
        try:
            out = arguments.call(self._f, values)
        except Exception:  # the function that is being recorded may catch it
            refused(_again, self._f, arguments.forget(), operands)
            raise
        if not any(isinstance(x, Array) and is_tracked(x) for x in operands):
            return out
        results = Results(out, self._name, whole=True)
        packed = results.packing.pack_plain([results.leaves[k] for k in results.places])
        y = call(OperatorCall(self, arguments, results), operands, array(packed))
        return results.filled(results.packing.unpack(y), results.leaves)

    def __reduce__(self) -> str | tuple[Any, ...]:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        return _with_rules, (self._f, self._options, self._vjp, self._jvp)


def _with_rules(f: Any, options: dict[str, Any], vjp: Any, jvp: Any) -> Any:
    made = operator(f, **options)
    made._vjp, made._jvp = vjp, jvp
    return made


def operator(
    f: Callable[..., Any] | None = None, *, vectorised: bool = False, name: str | None = None
) -> Any:
    """An operator from any function of plain NumPy arrays, such as a call of a library.

    Parameters
    ----------
    f : callable
        Takes floats, NumPy arrays and containers of them, never an `Array`, and returns such. It
        must not change its arguments, and the shapes of its result must follow from theirs. Left
        out, the result is a decorator.
    vectorised : bool, default False
        Whether `f` also takes all its arrays with one more leading axis and gives results with
        that axis: many points then take one call.
    name : str, optional
        For messages and printed programs; by default that of `f`.

    Returns
    -------
    callable
        Computes `f`, of tracked values too. Its methods give the derivative, each is a decorator:
        ``defvjp(rule)`` for ``rule(g, out, *args)``, which returns a tuple with the cotangent of
        each argument (None for zero) from that of the result, and ``defjvp(rule)`` for
        ``rule(tangents, out, *args)``, which returns the tangent of the result. One is enough.

    Raises
    ------
    TypeError
        When differentiated without a rule, or if a rule returns another structure.
    ValueError
        If a rule returns another shape, or the form of the result changes.

    Notes
    -----
    Rules get tracked values and are written with NumPy's functions and other operators: what they
    do is differentiated for higher orders. In a compiled function the call is one instruction, for
    which Python runs.

    Examples
    --------
    >>> import math, cdiff as cd
    >>> gamma = cd.operator(math.gamma)
    >>> digamma = cd.operator(lambda x: (math.lgamma(x + 1e-5) - math.lgamma(x - 1e-5)) / 2e-5)
    >>> gamma.defvjp(lambda g, out, x: (g * out * digamma(x),)) and None
    >>> gamma(5.0), round(cd.grad(gamma)(5.0), 4)
    (24.0, 36.1468)
    """
    if f is None:
        return lambda f: operator(f, vectorised=vectorised, name=name)
    return Operator(f, operator, {"vectorised": vectorised, "name": name})
