"""Solvers inside programs as plain values and back, for `save` and `load`.

Of the solution of an equation, an integral or a differential equation a file holds what was
recorded: the function as programs, the form of the unknowns, tolerances. Our own solvers work on
that, and derivatives are made from it, as before; a loaded function that decides something new
raises LookupError. A solver of the user's is in the file by its name only, and `load` is given the
function. All that is read is compared with the programs, which the core has checked. This file
knows the parts of solvers; it must not know what a file looks like. It runs once for each solver
of a program, and imports what it needs where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import LEAF
from cdiff._bodies._packing import Packing
from cdiff._compiled._signature import structure
from cdiff._saved._loops import body_of, is_tagged, plain_body, plain_specs, specs_of
from cdiff._saved._plain import FormatError
from cdiff._saved._trees import plain_structure, treedef_of

if TYPE_CHECKING:
    from cdiff._bodies._packing import Spec
    from cdiff._core import Callee
    from cdiff._saved._loops import LoadedBody
    from cdiff._saved._saving import Known, Writer

__all__ = ["method_of", "plain_method", "plain_solver", "solver_of"]

# Where the operators are that this file writes, and the objects whose methods programs call.
OPERATORS = ("cdiff._solutions._solution", "cdiff.integrate._adjoint", "cdiff.integrate._quad")
SEARCHES = {
    ("cdiff.integrate._choice", "Choice"): ("count", "table"),
    ("cdiff.integrate._event", "FirstEvent"): ("time",),
}
PROBLEMS = {"root": "Problem", "fixed point": "FixedPoint", "minimum": "Minimum",
            "linear": "Linear"}  # fmt: skip
NUMBER: Spec = (np.dtype(np.float64), ())
TOLERANCES = {"epsabs": float, "epsrel": float, "limit": int}


def plain_solver(call: Any, writer: Writer) -> tuple[Any, ...] | None:
    """An operator that solves something as a plain value; None if it is none."""
    if type(call).__module__ not in OPERATORS:
        return None
    match type(call).__name__:
        case "Solution":
            return _plain_solution(call, writer)
        case "Checked":
            return "checked", _plain_unknown(call.unknown), call.what
        case "Flow":
            return "flow", _plain_body(call.body, writer), _plain_settings(call.settings)
        case "Integral":
            return "integral", _plain_body(call.body, writer), _plain_options(call.options)
    return None


def solver_of(x: tuple[Any, ...], known: Known) -> Callee | None:
    """The operator that `plain_solver` was given; None if it is none."""
    match x:
        case ("solution", str(kind), unknown, body, tuple(solvers), bool(symmetric), trees):
            return _solution(kind, unknown, body, solvers, symmetric, trees, known)
        case ("checked", unknown, str(what)):
            from cdiff._solutions._solution import Checked

            return Checked(_unknown(unknown, LEAF, True), what)
        case ("flow", body, settings):
            from cdiff.integrate._adjoint import Flow

            return Flow(_slope(body, known), _settings(settings))
        case ("integral", body, tuple(options)):
            from cdiff.integrate._quad import Integral

            return Integral(_integrand(body, known), _options(options))
    return None


def plain_method(function: Any, writer: Writer) -> tuple[Any, ...] | None:
    """A method that looks for steps or events as a plain value; None if it is none."""
    owner: Any = getattr(function, "__self__", None)
    if (type(owner).__module__, type(owner).__name__) not in SEARCHES:
        return None
    settings = _plain_settings(owner.settings)
    search: tuple[Any, ...]
    if type(owner).__name__ == "Choice":
        search = "steps", _plain_body(owner.body, writer), owner.size, settings
    else:
        slope, number = _plain_body(owner.slope, writer), _plain_body(owner.number, writer)
        search = "event", slope, number, owner.direction, settings
    return search, function.__name__


def method_of(search: Any, name: str, known: Known) -> Any:
    """The method that `plain_method` was given."""
    # The number of steps and the steps are of one search, and so it is done once.
    owner = known.once(search, _search)
    if name not in SEARCHES[type(owner).__module__, type(owner).__name__]:
        raise FormatError(f"a search for steps has no {name!r:.40}")
    return getattr(owner, name)


# --- solutions of equations -----------------------------------------------------------------------


def _plain_solution(call: Any, writer: Writer) -> tuple[Any, ...]:
    problem, linear = call.find, call.linear
    kind = next(kind for kind, name in PROBLEMS.items() if name == type(problem).__name__)
    solvers = (problem.solver, *((None, None) if linear is None else linear.solvers))
    names = tuple([None if f is None else writer.solver_name(f) for f in solvers])
    trees = None
    if any(f is not None for f in solvers):  # ours know vectors only
        forms = call.unknown.treedef, problem.form.treedef
        trees = tuple([plain_structure(structure(tree)) for tree in forms])
    body = _plain_body(problem.body, writer)
    return "solution", kind, _plain_unknown(call.unknown), body, names, call.symmetric, trees


def _solution(
    kind: str, unknown: Any, body: Any, names: tuple[Any, ...], symmetric: bool, trees: Any,
    known: Known,
) -> Callee:  # fmt: skip
    from cdiff._solutions import _solving
    from cdiff._solutions._implicit import Products
    from cdiff._solutions._solution import Solution

    if kind not in PROBLEMS or len(names) != 3:
        raise FormatError(f"the solution of a {kind!r:.40}, which is not known here")
    solver, there, back = [None if name is None else known.solver(name) for name in names]
    forms = (LEAF, LEAF) if trees is None else _trees(trees, known)
    of = _unknown(unknown, forms[0], kind != "linear" or there is None)
    function = body_of(body, known)
    _check_equations(kind, function, of)
    problem = getattr(_solving, PROBLEMS[kind])(function, of, _Form(forms[1]), solver)
    products = None if there is None else Products(of, there, back, symmetric)
    if kind != "linear" and symmetric != problem.symmetric:
        raise FormatError(f"the Jacobian of a {kind} is symmetric where it is not")
    return Solution(problem.equations(), of, problem, products, symmetric)


class _Form:
    """The structure of what a function returned."""

    def __init__(self, treedef: Any) -> None:
        self.treedef = treedef


def _trees(trees: Any, known: Known) -> list[Any]:
    if trees.__class__ is not tuple or len(trees) != 2:
        raise FormatError(f"a solution has the form {trees!r:.60}")
    return [treedef_of(tree, known.classes) for tree in trees]


def _check_equations(kind: str, body: LoadedBody, unknown: Any) -> None:
    """Are these functions of such unknowns?"""
    specs = unknown.packing.specs
    n, results = len(specs), body.results
    if kind == "root":
        apart = unknown.packing.apart
        fits = Packing(results, bare=False, apart=apart).size == unknown.packing.size
        fits = fits and all(dtype.kind in "fc" for dtype, _ in results)
    elif kind == "minimum":
        fits = len(results) == 1 and results[0][1] == () and results[0][0].kind == "f"
    else:
        fits = results == specs
    if kind == "linear":  # whose right side is like the unknowns
        fits = fits and body.n_inputs == 2 * n and body.inputs[n : 2 * n] == specs
    if not fits or body.n_inputs < n or body.inputs[:n] != specs:
        raise FormatError(f"the equations of a {kind} do not fit its unknowns")


def _plain_unknown(unknown: Any) -> tuple[Any, ...]:
    return unknown.who, tuple(unknown.paths), plain_specs(unknown.packing.specs)


def _unknown(x: Any, treedef: Any, apart: bool) -> Any:
    from cdiff._solutions._solution import Unknown

    match x:
        case (str(who), tuple(paths), specs) if all(path.__class__ is str for path in paths):
            found = specs_of(specs)
            fits = len(found) == len(paths) and all(dtype.kind in "fc" for dtype, _ in found)
            if fits and found and treedef.n_leaves in (1, len(found)):
                return Unknown.of_parts(who, treedef, paths, found, apart)
    raise FormatError(f"the unknowns of a solution are {x!r:.60}")


# --- integrals and differential equations ---------------------------------------------------------


def _search(x: Any, known: Known) -> Any:
    if is_tagged(x):
        match x:
            case ("steps", body, int(size), settings) if 0 <= size < 1 << 48:
                from cdiff.integrate._choice import Choice

                known.sizes.add(size)
                return Choice.of_parts(_slope(body, known), _settings(settings), size, known.sizes)
            case ("event", slope, number, int(direction), settings) if direction in (-1, 0, 1):
                from cdiff.integrate._event import FirstEvent

                first, second = _slope(slope, known), body_of(number, known)
                n = second.n_inputs
                if n == 2 and first.inputs[:2] == second.inputs[:2] and second.results == [NUMBER]:
                    return FirstEvent(first, second, direction, _settings(settings))
    raise FormatError(f"a search for steps in the form {x!r:.60}")


def _slope(x: Any, known: Known) -> LoadedBody:
    """The slope of a state, as a function of the time and the state."""
    body = body_of(x, known)
    if body.n_inputs == 2 and body.inputs[0] == NUMBER and body.results == body.inputs[1:2]:
        dtype, shape = body.inputs[1]
        if dtype == NUMBER[0] and len(shape) == 1:
            return body
    raise FormatError("a differential equation does not fit its state")


def _integrand(x: Any, known: Known) -> LoadedBody:
    """A vector as a function of a number."""
    body = body_of(x, known)
    if body.n_inputs == 1 and body.inputs[0] == NUMBER and len(body.results) == 1:
        dtype, shape = body.results[0]
        if dtype == NUMBER[0] and len(shape) == 1:
            return body
    raise FormatError("an integrand is no vector for each number")


def _plain_settings(settings: Any) -> tuple[Any, ...]:
    return settings.method, settings.rtol, settings.atol, settings.max_steps, settings.who


def _settings(x: Any) -> Any:
    from cdiff.integrate._adjoint import Settings

    match x:
        case (str(method), float(rtol), float(atol), int(max_steps), str(who)):
            try:
                return Settings(method, rtol, atol, max_steps, who)
            except ValueError as error:
                raise FormatError(str(error)) from None
    raise FormatError(f"a differential equation with the settings {x!r:.60}")


def _plain_options(options: dict[str, Any]) -> tuple[Any, ...]:
    found = [(name, kind(options[name])) for name, kind in TOLERANCES.items() if name in options]
    points = options.get("points")
    return (*found, *([] if points is None else [("points", tuple(map(float, points)))]))


def _options(x: tuple[Any, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in x:
        match item:
            case (str(name), value) if value.__class__ is TOLERANCES.get(name):
                found[name] = value
            case ("points", tuple(points)) if all(p.__class__ is float for p in points):
                found["points"] = points
            case _:
                raise FormatError(f"an integral with the option {item!r:.60}")
    return found


def _plain_body(body: Any, writer: Writer) -> tuple[Any, ...]:
    """A function that solvers differentiate, also where only values are wanted."""
    writer.check_solved(body)
    return plain_body(body, writer)
