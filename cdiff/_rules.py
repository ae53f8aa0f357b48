"""Derivatives written by users: `custom_vjp` and `custom_jvp`.

A function with a rule of its own runs as it is; its result then passes through an operator that
leaves the value alone and has the user's rule as its derivative. What the rule needs are operands
of that operator, so rules see everything an outer transformation tracks, and every order and both
modes exist: a missing direction is the transpose of the given one. This file knows rules and
containers; it must not know sweeps. It costs a few Python calls each time the function is called,
none where nothing is differentiated.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from cdiff._core import Array, Callee, Level, array, below, call, leaf, pullback
from cdiff._leaves import as_direction, check_output, is_differentiable, leaf_dtype, shape_of
from cdiff._packing import Packing, spec_of
from cdiff._tree import TreeDef, flatten, flatten_like, leaf_paths, unflatten
from cdiff._wrap import Transformed, check_argnums, check_function, function_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Arguments", "Rule", "custom_jvp", "custom_vjp", "transposed_pull", "transposed_push"]

F = TypeVar("F", bound="Callable[..., Any]")


class Arguments:
    """The arguments of one call of a function with a rule.

    Parameters
    ----------
    args : tuple
        All of them, by position.
    static : tuple of int
        Positions that no rule differentiates.

    Attributes
    ----------
    leaves : list
        Everything in the other arguments.
    places : list of int
        Which of the leaves are floats or float arrays.
    specs : list
        The dtype and the shape of each of those.
    fixed : list
        The static arguments.
    """

    __slots__ = ("args", "fixed", "leaves", "places", "positions", "specs", "trees")

    def __init__(self, args: tuple[Any, ...], static: tuple[int, ...]) -> None:
        self.args = args
        skipped = {i % len(args) for i in static if -len(args) <= i < len(args)}
        self.fixed = [args[i] for i in sorted(skipped)]
        self.positions = [i for i in range(len(args)) if i not in skipped]
        self.leaves: list[Any] = []
        self.trees: list[TreeDef] = []
        for i in self.positions:
            leaves, tree = flatten(args[i])
            self.leaves += leaves
            self.trees.append(tree)
        self.places = [k for k, x in enumerate(self.leaves) if is_differentiable(x)]
        self.specs = [spec_of(self.leaves[k]) for k in self.places]

    def forget(self) -> Arguments:
        """Let go of the operands, of which newer versions may depend on what will hold this."""
        self.args = (None,) * len(self.args)
        for k in self.places:
            self.leaves[k] = None
        return self

    def operands(self) -> list[Any]:
        """The leaves that can have a derivative."""
        return [self.leaves[k] for k in self.places]

    def filled(self, operands: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        """The arguments that are not static, with these leaves in the places of the operands."""
        leaves = list(others)
        for k, x in zip(self.places, operands, strict=True):
            leaves[k] = x
        result, start = [], 0
        for tree in self.trees:
            result.append(unflatten(tree, leaves[start : start + tree.n_leaves]))
            start += tree.n_leaves
        return result

    def call(self, f: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """The function's result with other operands."""
        args = list(self.args)
        for i, x in zip(self.positions, self.filled(operands, self.leaves), strict=True):
            args[i] = x
        return f(*args)

    def cotangents(self, given: Any, who: str) -> list[Array | None]:
        """One cotangent per operand from what a user's rule returned: a tuple of containers."""
        if not isinstance(given, (tuple, list)) or len(given) != len(self.trees):
            what = (
                f"{len(given)} entries" if isinstance(given, (tuple, list)) else repr(type(given))
            )
            raise TypeError(
                f"{who} must return a tuple with one entry for each of the {len(self.trees)} "
                f"differentiated argument(s), got {what}"
            )
        leaves: list[Any] = []
        paths: list[str] = []
        for i, tree, tangent in zip(self.positions, self.trees, given, strict=True):
            name = f"{who}: the cotangent of argument {i}"
            paths += leaf_paths(tree, name)
            leaves += [None] * tree.n_leaves if tangent is None else _matched(tree, tangent, name)
        return [
            None
            if leaves[k] is None
            else as_direction(leaves[k], shape, dtype, paths[k], "argument")
            for k, (dtype, shape) in zip(self.places, self.specs, strict=True)
        ]


def _matched(tree: TreeDef, given: Any, name: str) -> list[Any]:
    """The leaves of a container of this structure, in which None may stand for a zero."""
    if tree.family is None or not _holds_none(given):
        return flatten_like(tree, given, name)
    if given.__class__ is not tree.cls:
        return flatten_like(tree, given, name)  # which raises the error
    children, keys, _ = tree.family.opened(given)
    by_key = dict(zip(keys, children, strict=True))
    leaves: list[Any] = []
    for key, child in zip(tree.keys, tree.children, strict=True):
        part = by_key.get(key)
        inside = name + tree.family.label.format(key)
        leaves += [None] * child.n_leaves if part is None else _matched(child, part, inside)
    return leaves


def _holds_none(given: Any) -> bool:
    leaves, tree = flatten(given)
    return given is not None and any(c.cls is type(None) for c in _all_trees(tree))


def _all_trees(tree: TreeDef) -> list[TreeDef]:
    found = [tree]
    for child in tree.children:
        found += _all_trees(child)
    return found


class Results:
    """What a function returned: which of its leaves have a derivative, and how they are packed.

    Parameters
    ----------
    out : container
    who : str
        The function, for messages.
    """

    __slots__ = ("leaves", "packing", "places", "treedef", "who")

    def __init__(self, out: Any, who: str) -> None:
        self.who = who
        self.leaves, self.treedef = flatten(out)
        self.places = [k for k, y in enumerate(self.leaves) if is_differentiable(y)]
        if not self.places:
            name = f"the output of {who}"
            for y, path in zip(self.leaves, leaf_paths(self.treedef, name), strict=True):
                check_output(y, path)
            raise TypeError(f"{name} holds no numbers")
        self.packing = Packing([spec_of(self.leaves[k]) for k in self.places])

    def forget(self) -> Results:
        """Keep the form only: a node holds this, and must not hold its own result."""
        differentiable = set(self.places)
        self.leaves = [None if k in differentiable else y for k, y in enumerate(self.leaves)]
        return self

    def packed(self) -> Any:
        """The results with a derivative as one."""
        return self.packing.pack([self.leaves[k] for k in self.places])

    def filled(self, arrays: Sequence[Any], others: Sequence[Any]) -> Any:
        """The container with these arrays in the places of the results with a derivative."""
        leaves = list(others)
        for k, x in zip(self.places, arrays, strict=True):
            leaves[k] = x
        return unflatten(self.treedef, leaves)

    def tangents(self, given: Any, who: str) -> Any:
        """The packed tangent from what a user's rule returned."""
        leaves = flatten_like(self.treedef, given, f"{who}: the tangent")
        paths = leaf_paths(self.treedef, f"{who}: the tangent")
        return self.packing.pack(
            [
                as_direction(leaves[k], shape, dtype, paths[k], "output")
                for k, (dtype, shape) in zip(self.places, self.packing.specs, strict=True)
            ]
        )


def zeros(x: Any) -> Any:
    """A zero tangent for any leaf; None for what is no number.

    Parameters
    ----------
    x : object

    Returns
    -------
    Array, float, ndarray or None
    """
    if is_differentiable(x):
        return array(np.zeros(shape_of(x), leaf_dtype(x)))
    if isinstance(x, (int, np.ndarray, np.generic, Array)):
        return np.zeros(shape_of(x)) if shape_of(x) else 0.0
    return None


def transposed_push(
    callee: Callee, y: Array, operands: list[Array], tangents: list[Array | None]
) -> Any:
    """The tangent of a call from its `pull`, which is linear in the cotangent: its transpose.

    Parameters
    ----------
    callee, y, operands, tangents
        As for `Callee.push`.

    Returns
    -------
    Array or None
    """
    wanted = [t is not None for t in tangents]
    with Level() as level:
        g = leaf(zeros(y), level)
        pairs = [
            (c, t)
            for c, t in zip(callee.pull(y, operands, g, wanted), tangents, strict=True)
            if c is not None and t is not None
        ]
        return pullback([c for c, _ in pairs], [t for _, t in pairs], [g], level)[0]


def transposed_pull(
    callee: Callee, y: Array, operands: list[Array], g: Array, wanted: list[bool]
) -> list[Any]:
    """The cotangents of a call from its `push`, which is linear in the tangents.

    Parameters
    ----------
    callee, y, operands, g, wanted
        As for `Callee.pull`.

    Returns
    -------
    list of Array or None
    """
    with Level() as level:
        tangents = [
            leaf(zeros(x), level) if want else None
            for x, want in zip(operands, wanted, strict=True)
        ]
        out = callee.push(y, operands, tangents)
        if out is None:
            return [None] * len(operands)
        found = iter(pullback([out], [g], [t for t in tangents if t is not None], level))
    return [next(found) if want else None for want in wanted]


class Rule(Callee):
    """The operator that a function's result passes through: the value stays, the rule is new.

    Operands are the packed result, the differentiable leaves of the arguments, and what the rule
    needs besides.

    Parameters
    ----------
    arguments : Arguments
    results : Results
    """

    def __init__(self, arguments: Arguments, results: Results) -> None:
        self.is_first = True
        self.arguments = arguments.forget()
        self.results = results.forget()

    def value(self, arrays: list[Any]) -> Any:
        return arrays[0]

    def inputs(self, operands: list[Array]) -> list[Array]:
        """The operands that are leaves of the arguments."""
        return operands[1 : 1 + len(self.arguments.places)]


class VjpRule(Rule):
    """`custom_vjp`: what the rule needs are the residuals."""

    def __init__(
        self, owner: _CustomVjp, arguments: Arguments, results: Results, residuals: Any
    ) -> None:
        super().__init__(arguments, results)
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

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        saved = list(self.saved)
        first = 1 + len(self.arguments.places)
        for k, x in zip(self.saved_places, operands[first:], strict=True):
            saved[k] = x
        given = self.results.filled(self.results.packing.unpack(g), self.results.leaves)
        found = self.bwd(*self.arguments.fixed, unflatten(self.saved_tree, saved), given)
        cotangents = self.arguments.cotangents(found, self.who)
        return [None, *cotangents, *[None] * len(self.saved_places)]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        last = 1 + len(self.arguments.places)
        inputs = [t if 0 < k < last else None for k, t in enumerate(tangents)]
        return transposed_push(self, y, operands, inputs) if any_given(inputs) else None


class JvpRule(Rule):
    """`custom_jvp`."""

    def __init__(self, owner: _CustomJvp, arguments: Arguments, results: Results) -> None:
        super().__init__(arguments, results)
        self.rule = owner._rule
        self.who = owner._rule_name()

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        inputs, given = self.inputs(operands), self.inputs(cast("list[Array]", tangents))
        if not any_given(given):
            return None
        directions = [zeros(x) if t is None else t for x, t in zip(inputs, given, strict=True)]
        arguments = self.arguments
        primals = tuple(arguments.filled(inputs, arguments.leaves))
        others = [zeros(x) for x in arguments.leaves]
        found = self.rule(*arguments.fixed, primals, tuple(arguments.filled(directions, others)))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(f"{self.who} must return a pair (output, tangent of the output)")
        return self.results.tangents(found[1], self.who)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> Any:
        return transposed_pull(self, y, operands, g, [False, *wanted[1:]])


def any_given(tangents: Sequence[Any]) -> bool:
    """Whether there is a tangent at all.

    Parameters
    ----------
    tangents : sequence

    Returns
    -------
    bool
    """
    return any(t is not None for t in tangents)


def by_position(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments of a call by position, with defaults filled in.

    Parameters
    ----------
    f : callable
    args, kwargs : the call's arguments

    Returns
    -------
    tuple

    Raises
    ------
    TypeError
        If they do not fit, or an argument can be given by keyword only.
    """
    if not kwargs:
        return args
    bound = inspect.signature(f).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{function_name(f)} has a derivative rule, so its arguments must have positions; "
            f"{', '.join(bound.kwargs)} can only be given by keyword"
        )
    return bound.args


class _Custom(Transformed):
    """What custom_vjp and custom_jvp return."""

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        given = options["nondiff_argnums"]
        self._static: tuple[int, ...] = (given,) if given.__class__ is int else tuple(given)

    def _taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        return Arguments(by_position(self._f, args, kwargs), self._static)

    def _applied(self, rule: Rule, results: Results, out: Any, operands: list[Any]) -> Any:
        """The result of the call, with the rule as its derivative."""
        y = call(rule, [out, *operands])
        return results.filled(results.packing.unpack(y), results.leaves)


class _CustomVjp(_Custom):
    _fwd: Callable[..., Any] | None = None
    _bwd: Any = None

    def defvjp(self, fwd: F, bwd: Callable[..., Any]) -> None:
        """Give the rule: ``fwd(*args) -> (out, residuals)`` and ``bwd(residuals, ct) -> cts``."""
        check_function(fwd, "defvjp")
        check_function(bwd, "defvjp")
        self._fwd, self._bwd = fwd, bwd

    def _bwd_name(self) -> str:
        return f"the bwd rule of {function_name(self._f)}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._fwd is None:
            raise TypeError(f"custom_vjp: {function_name(self._f)} has no rule yet; call .defvjp")
        arguments = self._taken(args, kwargs)
        operands = arguments.operands()
        nodes = below(operands)
        if nodes is None:
            return self._f(*args, **kwargs)
        found = arguments.call(self._fwd, nodes)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(
                f"the fwd rule of {function_name(self._f)} must return a pair (output, residuals)"
            )
        results = Results(found[0], function_name(self._f))
        out = results.packed()
        rule = VjpRule(self, arguments, results, found[1])
        return self._applied(rule, results, out, [*operands, *rule.take_saved()])

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


class _CustomJvp(_Custom):
    _rule: Any = None

    def defjvp(self, rule: F) -> F:
        """Give the rule ``rule(primals, tangents) -> (out, tangent_out)``; also a decorator."""
        check_function(rule, "defjvp")
        self._rule = rule
        return rule

    def _rule_name(self) -> str:
        return f"the jvp rule of {function_name(self._f)}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._rule is None:
            raise TypeError(f"custom_jvp: {function_name(self._f)} has no rule yet; call .defjvp")
        arguments = self._taken(args, kwargs)
        operands = arguments.operands()
        nodes = below(operands)
        if nodes is None:
            return self._f(*args, **kwargs)
        results = Results(arguments.call(self._f, nodes), function_name(self._f))
        out = results.packed()
        return self._applied(JvpRule(self, arguments, results), results, out, operands)

    def __reduce__(self) -> str | tuple[Any, ...]:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        return _with_jvp, (self._f, self._options, self._rule)


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
        When called without a rule, or if a rule returns something else.
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
    return _CustomVjp(f, custom_vjp, options)


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
        When called without a rule, or if the rule returns something else.
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
    return _CustomJvp(f, custom_jvp, options)
