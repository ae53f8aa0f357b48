"""Derivatives written by users as plain values and back, for `save` and `load`.

A file holds no code, so a function with a rule of its own (`custom_vjp`, `custom_jvp`, `operator`)
is written by its name, with the form of its arguments and results; `load` is given the function. A
rule that it was not given is missed only by a derivative, for values are computed without rules; an
operator is needed at once. This file knows rules and containers; it must not know programs. It runs
once for each rule in a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from cdiff._arguments._tree import unflatten
from cdiff._compiled._signature import structure
from cdiff._core import Array, Callee, Stop, array
from cdiff._rules._custom import CustomJvp, CustomVjp, JvpRule, VjpRule
from cdiff._rules._operator import Operator, OperatorCall
from cdiff._rules._rules import Arguments, Results
from cdiff._saved._loops import plain_specs, specs_of
from cdiff._saved._plain import FormatError, written
from cdiff._saved._trees import plain_structure, treedef_of
from cdiff._transformations._mapped import PointCallee

if TYPE_CHECKING:
    from cdiff._arguments._tree import TreeDef
    from cdiff._bodies._packing import Spec
    from cdiff._saved._saving import Known, Writer

__all__ = ["function_with_rule", "plain_rule", "rule_of"]

KINDS: dict[str, type[Any]] = {"vjp": CustomVjp, "jvp": CustomJvp, "user": Operator}
MAX_ARGUMENTS = 1 << 16


class MissingRule(PointCallee):
    """A rule of a function that `load` was not given.

    Parameters
    ----------
    plain : tuple
        What stands in the file.
    """

    def __init__(self, plain: tuple[Any, ...]) -> None:
        self.is_first = True
        self.plain = plain

    def value(self, arrays: list[Any]) -> Any:
        return arrays[0]

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> NoReturn:
        raise LookupError(
            f"the derivative of {self.plain[1]} is a rule of the user's, which no file holds: give "
            f"the function to load(..., rules={{{self.plain[1]!r}: f}})"
        )

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> NoReturn:
        self.pull(y, operands, y, [])


def function_with_rule(owner: Any) -> str:
    """The name in files of what custom_vjp, custom_jvp or operator returned."""
    name = owner._options.get("name") or getattr(owner._f, "__name__", None)
    return name if isinstance(name, str) else type(owner._f).__name__


def plain_rule(call: Any, writer: Writer) -> tuple[Any, ...] | None:
    """A rule or an operator of the user's as a plain value; None if it is none."""
    if isinstance(call, Stop):
        return ("stop",)
    if isinstance(call, MissingRule):
        return call.plain
    if not isinstance(call, (VjpRule, JvpRule, OperatorCall)):
        return None
    name = writer.rule_name(call.owner)
    forms = _plain_arguments(call.arguments), _plain_results(call.results)
    kind = next(kind for kind, cls in KINDS.items() if isinstance(call.owner, cls))
    more: tuple[Any, ...] = ()
    if kind == "user":
        writer.check_runs(call.owner)
    if isinstance(call, VjpRule):
        more = (_plain_tree(call.saved_tree), tuple(call.saved), tuple(call.saved_places))
    plain = kind, name, *forms, *more
    try:
        written(plain)
    except TypeError as error:
        raise TypeError(
            f"{name}, which has a derivative rule, was called with {error}, or its rule keeps that"
        ) from None
    return plain


def rule_of(x: tuple[Any, ...], known: Known) -> Callee | None:
    """The rule or operator that `plain_rule` was given; None if it is none."""
    if x == ("stop",):
        return Stop()
    match x:
        case (str(kind), str(name), given, found, *more) if kind in KINDS:
            arguments, results = _arguments(given, known), _results(found, name, known)
        case _:
            return None
    if kind == "vjp":
        residuals = _residuals(more, known)
    elif more:
        return None
    owner: Any = known.rules.get(name)
    if owner is None:
        if kind == "user":
            raise FormatError(
                f"a program calls the operator {name!r:.80}; functions are not imported by name: "
                f"give it to load(..., rules={{{name!r:.80}: f}})"
            )
        return MissingRule(x)
    if owner.__class__ is not KINDS[kind]:
        raise FormatError(
            f"the rule that was given as {name!r:.80} must be what "
            f"{'operator' if kind == 'user' else f'custom_{kind}'} returns, got {owner!r:.60}"
        )
    if kind == "user":
        return OperatorCall(owner, arguments, results)
    owner.check_rule()
    if kind == "jvp":
        return JvpRule(owner, arguments, results)
    rule = VjpRule(owner, arguments, results, residuals)
    rule.take_saved()
    return rule


# --- arguments and results ------------------------------------------------------------------------


def _plain_tree(tree: TreeDef) -> Any:
    return plain_structure(structure(tree))


def _plain_arguments(arguments: Arguments) -> tuple[Any, ...]:
    static = [i for i in range(len(arguments.args)) if i not in arguments.positions]
    return (
        len(arguments.args),
        tuple(static),
        tuple(arguments.fixed),
        tuple(map(_plain_tree, arguments.trees)),
        tuple(arguments.leaves),
        tuple(arguments.places),
        plain_specs(arguments.specs),
    )


def _arguments(x: Any, known: Known) -> Arguments:
    match x:
        case (
            int(count), tuple(static), tuple(fixed), tuple(plain_trees), tuple(leaves),
            tuple(places), specs,
        ) if 0 <= count < MAX_ARGUMENTS:  # fmt: skip
            trees = [treedef_of(tree, known.classes) for tree in plain_trees]
            fits = _are_places(static, count) and len(fixed) == len(static)
            if fits and len(trees) == count - len(static):
                found = _checked_specs(trees, leaves, places, specs)
                return Arguments.of_parts(count, static, fixed, trees, leaves, places, found)
    raise FormatError(f"a call with the arguments {x!r:.60}")


def _plain_results(results: Results) -> tuple[Any, ...]:
    tree, specs = _plain_tree(results.treedef), plain_specs(results.packing.specs)
    return tree, tuple(results.leaves), tuple(results.places), specs


def _results(x: Any, name: str, known: Known) -> Results:
    match x:
        case (plain_tree, tuple(leaves), tuple(places), specs) if places:
            tree = treedef_of(plain_tree, known.classes)
            found = _checked_specs([tree], leaves, places, specs)
            return Results.of_parts(name, tree, leaves, places, found)
    raise FormatError(f"a call with the results {x!r:.60}")


def _residuals(x: list[Any], known: Known) -> Any:
    """What `fwd` returned for `bwd`, with anything in the places of the Arrays."""
    match x:
        case [plain_tree, tuple(leaves), tuple(places)] if _are_places(places, len(leaves)):
            tree = treedef_of(plain_tree, known.classes)
            if tree.n_leaves == len(leaves):
                taken = set(places)
                placed = [array(0.0) if k in taken else y for k, y in enumerate(leaves)]
                return unflatten(tree, placed)
    raise FormatError(f"a derivative rule with the residuals {x!r:.60}")


def _checked_specs(trees: list[TreeDef], leaves: Any, places: Any, specs: Any) -> list[Spec]:
    """Dtypes and shapes of the operands among leaves."""
    found = specs_of(specs)
    size = sum([np.prod(shape, dtype=float) for _, shape in found])
    fits = _are_places(places, len(leaves)) and len(found) == len(places) and size < 2**48
    if not fits or sum([tree.n_leaves for tree in trees]) != len(leaves):
        raise FormatError(f"a call of operands at {places!r:.60} of {len(leaves)}")
    return found


def _are_places(x: tuple[Any, ...], n: int) -> bool:
    """Are these positions below n, in order?"""
    if any(k.__class__ is not int for k in x):
        return False
    return all(a < b for a, b in zip((-1, *x), (*x, n), strict=True))
