"""Programs, and what is done to them: `record`, `run`, `jvp`, `vjp`, `linearize`, `simplify`.

A program is a function written out: a flat list of instructions over numbers and arrays of known
dtypes and shapes, without a decision left in it. A derivative of a program is a program again, so
every order is the same operation applied once more. `compile` keeps programs and chooses between
them; here they can be had in the hand, printed, transformed and run. This file knows how a program
is recorded from another one's replay and nothing of operators, whose derivatives the replay takes
from the table.

Examples
--------
>>> import cdiff as cd
>>> p = cd.programs.record(lambda x: x * x + 1.0, 3.0)
>>> print(p)
%0: f64 = input 0
%1: f64 = square(%0)
%2: f64 = 1.0
%3: f64 = add(%1, %2)
return %3
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import flatten, unflatten
from cdiff._bodies._body import lasting
from cdiff._core import (
    Array,
    Level,
    Program,
    Runner,
    Trace,
    array,
    dual,
    leaf,
    lower,
    pullback,
    replay_deciding,
    undual,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Spec = tuple[np.dtype[Any], tuple[int, ...]]

__all__ = ["Program", "jvp", "linearize", "record", "run", "simplify", "vjp"]


def record(f: Callable[..., Any], /, *args: Any) -> Program:
    """The program of one call of a function.

    Parameters
    ----------
    f : callable
    *args : float, array or container of them
        The point at which it is recorded. The floats and arrays in them, from left to right, are
        the inputs of the program; whatever else is in them is fixed.

    Returns
    -------
    Program
        Simplified. Its outputs are the floats and arrays of the result, from left to right. Every
        decision that Python took from values is a guard of it.

    Raises
    ------
    ValueError
        If the function reads a value that an outer transformation differentiates.

    Examples
    --------
    >>> import cdiff as cd
    >>> p = cd.programs.record(lambda x, y: x * y + x * y, 2.0, 3.0)
    >>> cd.programs.run(p, 1.0, 5.0)
    [10.0]
    """
    leaves, treedef = flatten(args)
    trace = Trace(rules=True)
    with lasting(), trace:
        given = [trace.input(x) if _is_input(x) else x for x in leaves]
        outputs, _ = flatten(f(*unflatten(treedef, given)))
        return _frozen(trace, outputs)


def run(program: Program, /, *inputs: Any) -> list[Any]:
    """The outputs of a program.

    Parameters
    ----------
    program : Program
    *inputs : float or ndarray
        One for each input, of its dtype and shape.

    Returns
    -------
    list of float and ndarray

    Raises
    ------
    TypeError, ValueError
        If the inputs are not as the program declares them.
    ValueError
        If the function that was recorded would take another decision here.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> p = cd.programs.record(np.cumsum, np.zeros(3))
    >>> cd.programs.run(p, np.array([1.0, 2.0, 3.0]))
    [array([1., 3., 6.])]
    """
    checked = _checked(program, inputs, "run")
    outputs, failed, seen = Runner(program).run(checked)
    if outputs is None:
        raise _other_path(program, failed, seen)
    return outputs


def simplify(program: Program) -> Program:
    """The same program without what is computed twice, for nothing, or from constants alone.

    Parameters
    ----------
    program : Program

    Returns
    -------
    Program
        Its values differ by rounding only; see the page on compiling for the rules.

    Raises
    ------
    TypeError
        If it is no program.

    Examples
    --------
    >>> import cdiff as cd
    >>> p = cd.programs.Program()
    >>> x = p.input("f8")
    >>> p.outputs = [p.apply("add", [p.apply("sin", [x]), p.apply("sin", [x])])]
    >>> len(p), len(cd.programs.simplify(p))
    (4, 3)
    """
    if not isinstance(program, Program):
        raise TypeError(f"simplify needs a program, got a {type(program).__name__}")
    return program.simplify()


def jvp(program: Program, /, *point: Any) -> Program:
    """The program of values and tangents, by forward accumulation.

    Parameters
    ----------
    program : Program
    *point : float or ndarray
        Inputs at which the program can be run; the result is for all inputs that take the same
        decisions.

    Returns
    -------
    Program
        Its inputs are those of `program`, then a tangent for each floating-point input; its
        outputs are those of `program`, then a tangent for each floating-point output.

    Raises
    ------
    TypeError, ValueError
        As `run`.

    Examples
    --------
    >>> import cdiff as cd
    >>> p = cd.programs.record(lambda x: x * x * x, 1.0)
    >>> cd.programs.run(cd.programs.jvp(p, 1.0), 2.0, 1.0)
    [8.0, 12.0]
    """
    trace = Trace(rules=True)
    with trace:
        primals = [trace.input(x) for x in _checked(program, point, "jvp")]
        tangents = {k: trace.input(zero) for k, zero in _directions(primals)}
        outputs, pushed = _pushed(program, primals, tangents)
        return _frozen(trace, [*outputs, *pushed])


def vjp(program: Program, /, *point: Any) -> Program:
    """The program of values and gradients, by reverse accumulation.

    Parameters
    ----------
    program : Program
    *point : float or ndarray
        As for `jvp`.

    Returns
    -------
    Program
        Its inputs are those of `program`, then a cotangent for each floating-point output; its
        outputs are those of `program`, then a gradient for each floating-point input.

    Raises
    ------
    TypeError, ValueError
        As `run`.

    Examples
    --------
    >>> import cdiff as cd
    >>> p = cd.programs.record(lambda x, y: x * y, 1.0, 1.0)
    >>> cd.programs.run(cd.programs.vjp(p, 1.0, 1.0), 2.0, 3.0, 1.0)
    [6.0, 3.0, 2.0]
    """
    trace = Trace(rules=True)
    with trace:
        primals = [trace.input(x) for x in _checked(program, point, "vjp")]
        differentiated = [k for k, _ in _directions(primals)]
        with Level() as level:
            leaves = [leaf(x, level) if k in differentiated else x for k, x in enumerate(primals)]
            outputs = _replayed(program, leaves)
            seeds = {k: trace.input(zero) for k, zero in _directions(outputs)}
            sources = [leaves[k] for k in differentiated]
            grads = pullback([outputs[k] for k in seeds], [*seeds.values()], sources, level)
            values = [lower(y, level) for y in outputs]
        filled = [
            _zero_like(primals[k]) if g is None else g
            for k, g in zip(differentiated, grads, strict=True)
        ]
        return _frozen(trace, [*values, *filled])


def linearize(program: Program, /, *point: Any) -> Program:
    """The program of the tangents alone, at one point: a linear function.

    Parameters
    ----------
    program : Program
    *point : float or ndarray
        The point.

    Returns
    -------
    Program
        Its inputs are a tangent for each floating-point input of `program`, its outputs a tangent
        for each floating-point output. All that depends on the point is a constant of it.

    Raises
    ------
    TypeError, ValueError
        As `run`.

    Examples
    --------
    >>> import cdiff as cd
    >>> p = cd.programs.record(lambda x: x * x, 1.0)
    >>> push = cd.programs.linearize(p, 3.0)
    >>> cd.programs.run(push, 1.0), cd.programs.run(push, 10.0)
    ([6.0], [60.0])
    """
    primals = [array(x) for x in _checked(program, point, "linearize")]
    trace = Trace(rules=True)
    with trace:
        tangents = {k: trace.input(zero) for k, zero in _directions(primals)}
        return _frozen(trace, _pushed(program, primals, tangents)[1])


def _pushed(
    program: Program, primals: list[Array], tangents: dict[int, Array]
) -> tuple[list[Array], list[Array]]:
    """The outputs, and the tangents of those that can have one."""
    with Level() as level:
        inputs = [
            dual(x, tangents[k], level) if k in tangents else x for k, x in enumerate(primals)
        ]
        parts = [undual(y, level) for y in _replayed(program, inputs)]
    outputs = [value for value, _ in parts]
    pushed = [parts[k][1] for k, _ in _directions(outputs)]
    zeros = [zero for _, zero in _directions(outputs)]
    return outputs, [z if t is None else t for z, t in zip(zeros, pushed, strict=True)]


def _replayed(program: Program, inputs: list[Array]) -> list[Array]:
    """The outputs, recorded by every transformation that tracks an input."""
    outputs, failed, seen = replay_deciding(program, inputs)
    if outputs is None:
        raise _other_path(program, failed, seen)
    return outputs


def _frozen(trace: Trace, outputs: Sequence[Any]) -> Program:
    """The program of what a trace has recorded, simplified."""
    program, captured = trace.freeze(outputs)
    if captured:
        raise ValueError(
            "a function that reads values which an outer transformation differentiates has no "
            "program of its own; pass them as arguments"
        )
    return program.simplify()


def _is_input(x: Any) -> bool:
    if isinstance(x, (float, complex, Array)):
        return True
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fiubc"


def _directions(arrays: Sequence[Array]) -> list[tuple[int, Any]]:
    """The positions of floating-point values, each with a zero of its form."""
    return [(k, _zero_like(x)) for k, x in enumerate(arrays) if x.dtype.kind in "fc"]


def _zero_like(x: Array) -> Any:
    if x.shape == () and x.dtype == np.float64:
        return 0.0
    return np.zeros(x.shape, x.dtype)


def _checked(program: Program, inputs: Sequence[Any], who: str) -> list[Any]:
    """The inputs as the program declares them."""
    if not isinstance(program, Program):
        raise TypeError(f"{who} takes a Program, got a {type(program).__name__}")
    if len(inputs) != program.n_inputs:
        raise TypeError(f"{who}: a program of {program.n_inputs} inputs was given {len(inputs)}")
    specs = [(dtype, shape) for _, dtype, shape, _, _ in program.instructions()[: len(inputs)]]
    return [_as_declared(x, k, spec) for k, (x, spec) in enumerate(zip(inputs, specs, strict=True))]


def _as_declared(x: Any, k: int, spec: Spec) -> Any:
    dtype, shape = spec
    found = np.asarray(x)
    if found.shape != shape or not np.can_cast(found.dtype, dtype, "safe"):
        raise ValueError(
            f"input {k} is {dtype} of shape {shape}, got {found.dtype} of shape {found.shape}"
        )
    if shape == () and dtype == np.float64:
        return float(found)
    return found.astype(dtype, copy=False)


def _other_path(program: Program, failed: int, seen: Any) -> ValueError:
    guard = program.guards[failed]
    return ValueError(
        f"the program was recorded where {guard.where} found {guard.expected}; here it is {seen}, "
        "and the function has to be recorded for it"
    )


def __dir__() -> list[str]:
    return sorted(__all__)
