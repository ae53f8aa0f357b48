"""Loops that go on while a condition holds, as operators.

The number of steps is found when the loop runs. A derivative is that of a scan of as many steps, so
it is a decision of a program that differentiates, and at many points each has its own. This file
knows scans; containers and what users pass belong to `_loops.py`. It is fast because a loop whose
body and condition have one way each runs in the core: as the program of a step with the condition
as a guard. Else a step costs two runs of programs and the work in Python between them.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._bodies._body import Body
from cdiff._bodies._packing import Packing, has_derivative
from cdiff._core import (
    Array,
    Program,
    Runner,
    array,
    call,
    concatenate,
    hosted,
    may_wait,
    peek,
    run_steps,
    runs_inside,
    watch,
)
from cdiff._loops._scan import FLOAT64, Scan, fitting, or_zero, segments, zero
from cdiff._transformations._mapped import Mapped, PointCallee

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdiff._bodies._packing import Spec
    from cdiff._core import Callee

__all__ = [
    "Counted",
    "CountedAtPoints",
    "InSegments",
    "While",
    "checked_every",
    "step_limit",
    "while_steps",
]

NO_LIMIT = 2**62
FEW_STEPS = 64  # of a loop, which are over before there is a program of both


def step_limit(max_steps: Any) -> int:
    """The largest number of steps of a `while_loop`.

    Parameters
    ----------
    max_steps : int or None

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        If it is no whole number, or negative.
    """
    if max_steps is None:
        return NO_LIMIT
    if isinstance(max_steps, bool) or not hasattr(max_steps, "__index__"):
        raise TypeError(f"while_loop: max_steps must be a whole number, got {max_steps!r}")
    limit = index(max_steps)
    if limit < 0:
        raise ValueError(f"while_loop: max_steps={limit} is negative")
    return limit


def checked_every(every: Any, who: str) -> int | None:
    """`checkpoint_every` as a whole number.

    Parameters
    ----------
    every : int or None
    who : str
        The loop, for messages.

    Returns
    -------
    int or None

    Raises
    ------
    ValueError
        If it is no whole number from 1.
    """
    if every is None:
        return None
    if isinstance(every, bool) or not hasattr(every, "__index__") or index(every) < 1:
        raise ValueError(f"{who}: checkpoint_every must be a positive int, got {every!r}")
    return index(every)


class While(PointCallee):
    """A loop that goes on as long as a condition holds, as one operator.

    Its operands are the carry and what body and condition captured; its results the last carry.

    Parameters
    ----------
    body, condition : Body
    carry : list of (dtype, shape)
    limit : int
        Steps, after which there is an error.
    every : int or None
        How many steps a reverse sweep computes again together; None for a choice of ours.
    """

    def __init__(
        self,
        body: Body,
        condition: Body,
        carry: Sequence[Spec],
        limit: int,
        every: int | None = None,
    ) -> None:
        self.body = body
        self.condition = condition
        self.carry = list(carry)
        self.limit = limit
        self.every = every
        self.packing = Packing(self.carry, bare=False)
        self.is_direct = True
        self.is_known = False  # to the core, which runs it inside of programs

    def __repr__(self) -> str:
        return "while_loop"

    def _parts(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Carry, and the constants of the body and of the condition."""
        n = len(self.carry)
        m = n + len(self.body.captured)
        return list(values[:n]), list(values[n:m]), list(values[m:])

    def waiting(self, operands: list[Array]) -> Spec | None:
        if self.packing.dtype != FLOAT64 or not may_wait(operands, self.limit):
            return None
        return FLOAT64, (self.packing.size,)

    def value(self, arrays: list[Any]) -> Any:
        carry, consts, others = self._parts(arrays)
        carry = [fitting(a, spec) for a, spec in zip(carry, self.carry, strict=True)]
        last, _ = while_steps(self.body, self.condition, carry, consts, others, self.limit)
        guarded = self.body.derived.get("guarded")
        if guarded is not None and not self.is_known:
            self.is_known = any(dtype != FLOAT64 for dtype, _ in self.carry) or runs_inside(
                self, guarded, len(self.carry), 0, self.limit, False, False
            )
        return self.packing.pack_plain(last)

    def count(self, *arrays: Any) -> int:
        """The number of steps for plain values."""
        carry, consts, others = self._parts(
            [peek(a) if isinstance(a, Array) else a for a in arrays]
        )
        return while_steps(self.body, self.condition, carry, consts, others, self.limit)[1]

    def differentiated(self, operands: list[Array]) -> Callee:
        return self._counted(operands, True)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return self._counted(operands, False).push(y, operands, tangents)

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        """Each point goes round as often as its own condition says."""
        return WhileAtPoints(self, n, flags)

    def _counted(self, operands: list[Array], saves: bool) -> Counted | InSegments:
        """The loop over the number of steps that it takes now, which is a decision."""
        n = hosted(self.count, tuple(operands), {})
        if n is NotImplemented:
            n = self.count(*operands)
        every = segments(self.carry, n, self.every) if saves else 0
        if not every:
            return Counted(Scan(self.body, self.carry, [], n, False, saves))
        if self.every is None:  # few lengths of segments, each of which is a program
            every = 1 << (every - 1).bit_length()
        whole = Scan(self._segment(every), self.carry, [], n // every, False, saves)
        rest = Scan(self.body, self.carry, [], n % every, False, saves)
        return InSegments(whole, rest) if rest.length else Counted(whole)

    def _segment(self, every: int) -> Body:
        """So many steps as one of a loop."""
        found: Body | None = self.body.derived.get(("segment", every))
        if found is None:
            steps = Scan(self.body, self.carry, [], every, False)
            found = Body(_Segment(steps), self.body.n_inputs + len(self.body.captured))
            found.results = list(self.carry)
            self.body.derived["segment", every] = found
        return found


class _Segment:
    """A loop of a known number of steps as the function of a body."""

    def __init__(self, steps: Scan) -> None:
        self.steps = steps

    def __call__(self, nodes: list[Array]) -> list[Any]:
        y = call(self.steps, nodes)
        return [self.steps.packing.at(y, k) for k in range(len(self.steps.carry))]


class Counted(PointCallee):
    """A scan for a While: operands of the condition are behind those of the scan.

    Parameters
    ----------
    scan : Scan
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.is_direct = True
        self.is_known = False
        self.n = scan.body.n_inputs + len(scan.body.captured)
        self.width = scan.packing.size

    def __repr__(self) -> str:
        return f"while_loop, a {self.scan!r}"

    def profiled(self, arrays: list[Any]) -> list[tuple[str, str, float, int, int]]:
        """As that of the scan."""
        return self.scan.profiled(arrays[: self.n])

    def value(self, arrays: list[Any]) -> Any:
        found = self.scan.value(arrays[: self.n])
        self.scan.make_known(self)
        return found

    def waiting(self, operands: list[Array]) -> Spec | None:
        return self.scan.waiting(operands[: self.n])

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        found = self.scan.pull(y, operands[: self.n], g, wanted[: self.n])
        return found + [None] * (len(operands) - self.n)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return self.scan.push(y, operands[: self.n], tangents[: self.n])


class InSegments(PointCallee):
    """Two scans for a While, the second of which goes on where the first one ends.

    Its results are those of the second, then those of the first.

    Parameters
    ----------
    whole, rest : Scan
        Segments, of which only the first carries are kept, and the steps that are left over.
    """

    def __init__(self, whole: Scan, rest: Scan) -> None:
        self.whole = whole
        self.rest = rest
        self.n = rest.body.n_inputs + len(rest.body.captured)
        self.width = whole.packing.size + rest.packing.size

    def __repr__(self) -> str:
        return f"while_loop, a {self.whole!r} and a {self.rest!r}"

    def value(self, arrays: list[Any]) -> Any:
        n = len(self.rest.carry)
        first = self.whole.value(arrays[: self.n])
        middle = self.whole.packing.unpack_plain(first)[:n]
        return np.concatenate([self.rest.value([*middle, *arrays[n : self.n]]), first])

    def _halves(self, y: Array) -> tuple[Array, Array]:
        """What belongs to the steps that are left over, and to the segments."""
        size = self.rest.packing.size
        return _core.index(y, slice(0, size)), _core.index(y, slice(size, None))

    def _going_on(self, first: Array, operands: list[Array]) -> list[Array]:
        """The operands of the second scan."""
        n = len(self.rest.carry)
        return [*[self.whole.packing.at(first, k) for k in range(n)], *operands[n : self.n]]

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        n, specs = len(self.rest.carry), self.whole.packing.specs
        last, first = self._halves(y)
        g_last, g_first = self._halves(g)
        asked = [has_derivative(spec) for spec in self.rest.carry] + wanted[n : self.n]
        found = self.rest.pull(last, self._going_on(first, operands), g_last, asked)
        middle = [or_zero(c, spec) for c, spec in zip(found[:n], specs, strict=False)]
        g_first = g_first + self.whole.packing.pack([*middle, *[zero(spec) for spec in specs[n:]]])
        others = self.whole.pull(first, operands[: self.n], g_first, wanted[: self.n])
        both = zip(found[n:], others[n:], strict=True)
        others[n:] = [b if a is None else a if b is None else a + b for a, b in both]
        return others + [None] * (len(operands) - self.n)

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        n = len(self.rest.carry)
        last, first = self._halves(y)
        t_first = self.whole.push(first, operands[: self.n], tangents[: self.n])
        middle = [
            self.whole.packing.at(t_first, k) if has_derivative(spec) else None
            for k, spec in enumerate(self.rest.carry)
        ]
        given = [*middle, *tangents[n : self.n]]
        return concatenate(
            [self.rest.push(last, self._going_on(first, operands), given), t_first], 0
        )


class WhileAtPoints(Mapped):
    """A While, or one at several points, at points of which each has a number of steps."""

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return WhileAtPoints(self, n, flags)

    def differentiated(self, operands: list[Array]) -> Callee:
        points = [self._point(operands, i) for i in range(self.n)]
        return CountedAtPoints([self.callee.differentiated(p) for p in points], self.flags)


class CountedAtPoints(Mapped):
    """What the points of a WhileAtPoints are where a reverse sweep follows.

    The carries that a point keeps are as many as its steps; behind them are zeros, so that all rows
    of the result are as long as the longest.

    Parameters
    ----------
    callees : list of Counted, InSegments or CountedAtPoints
    flags : tuple of bool
        Which operands have a leading axis of the points.
    """

    def __init__(self, callees: list[Any], flags: tuple[bool, ...]) -> None:
        super().__init__(callees[0], len(callees), flags)
        self.callees = callees
        self.width: int = max([callee.width for callee in callees])

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return CountedAtPoints([self] * n, flags)

    def differentiated(self, operands: list[Array]) -> Callee:
        return self

    def value(self, arrays: list[Any]) -> Any:
        rows = [c.value(self._point(arrays, i)) for i, c in enumerate(self.callees)]
        flat = np.zeros((self.n, *rows[0].shape[:-1], self.width), rows[0].dtype)
        for row, y in zip(flat, rows, strict=True):
            row[..., : y.shape[-1]] = y
        return flat

    def _pull_point(
        self, i: int, y: Array, operands: list[Array], g: Array, wanted: list[bool]
    ) -> Sequence[Any]:
        callee = self.callees[i]
        own = slice(0, callee.width)
        found: Sequence[Any] = callee.pull(
            y[i][..., own], self._point(operands, i), g[i][..., own], wanted
        )
        return found

    def _push_point(
        self, i: int, y: Array, operands: list[Array], tangents: list[Array | None]
    ) -> Any:
        callee = self.callees[i]
        own = slice(0, callee.width)
        t = callee.push(y[i][..., own], self._point(operands, i), self._point(tangents, i))
        if t is None or callee.width == self.width:
            return t
        rest = np.zeros((*t.shape[:-1], self.width - callee.width), t.dtype)
        return concatenate([t, array(rest)], t.ndim - 1)


def while_steps(
    body: Body, condition: Body, carry: list[Any], consts: list[Any], others: list[Any], limit: int
) -> tuple[list[Any], int]:
    """Run a loop with a condition on plain values.

    Parameters
    ----------
    body, condition : Body
    carry : list
    consts, others : list
        The values of what body and condition captured; they grow with that.
    limit : int
        The largest number of steps.

    Returns
    -------
    carry : list
    steps : int

    Raises
    ------
    RuntimeError
        If the condition still holds after `limit` steps.
    """
    n, known = 0, None if watch() else body.derived.get("guarded")
    while known is None and condition.run([*carry, *others])[0]:
        others += [peek(x) for x in condition.captured[len(others) :]]
        if n == limit:
            raise _endless(limit)
        carry = body.run([*carry, *consts])
        consts += [peek(x) for x in body.captured[len(consts) :]]
        n += 1
        known = _guarded_soon(body, condition)
    if known is not None:
        carry = list(carry)
        n = run_steps(known, n, limit, carry, [], [*consts, *others], [])
        # Nothing but the condition ends these steps before the limit.
        if n == limit and condition.run([*carry, *others])[0]:
            raise _endless(limit)
    return carry, n


def _endless(limit: int) -> RuntimeError:
    return RuntimeError(f"while_loop: the condition still holds after {limit} steps")


def _guarded_soon(body: Body, condition: Body) -> Any:
    """What runs the next steps in the core, once there have been some, also of earlier runs (as a
    loop in a loop it may be short and run often)."""
    steps = body.derived["steps"] = body.derived.get("steps", 0) + 1
    if steps % FEW_STEPS or watch() or not _guarded(body, condition):
        return None
    return body.derived["guarded"]


def _guarded(body: Body, condition: Body) -> bool:
    """Make the program of a step that is taken where the condition holds, if there is one."""
    paths = body.only_path(), condition.only_path()
    if paths[0] is None or paths[1] is None or condition.results != [(np.dtype(bool), ())]:
        return False
    step, test = [path.runner.program for path in paths if path is not None]
    program, n = Program(), body.n_inputs
    inputs = [program.input(*step.instruction(i)[1:3]) for i in range(step.n_inputs)]
    others = [program.input(*test.instruction(i)[1:3]) for i in range(n, test.n_inputs)]
    holds = _appended(program, test, [*inputs[:n], *others])
    program.guard(holds[0], np.True_)
    program.outputs = _appended(program, step, inputs)
    program.refreshed = [*test.refreshed, *step.refreshed]
    body.derived["guarded"] = Runner(program.simplify())
    return True


def _appended(program: Program, other: Program, at: list[int]) -> list[int]:
    """Append the instructions of another program, whose inputs are at these; its outputs."""
    for i in range(other.n_inputs, len(other)):
        at.append(program.copied(other, i, [at[v] for v in other.instruction(i)[3]]))
    return [at[v] for v in other.outputs]
