"""Loops and checkpoints inside programs as plain values and back, for `save` and `load`.

A loop is its body, as what a solver solves is: a function of which the programs of all recorded
paths are kept. What was a Python function is gone, so a loaded loop that decides something new
raises LookupError; its derivatives are made from the programs, as before. Every number in a file
that memory is laid out by is compared with the programs, which the core has checked. This file
knows the parts of loops; it must not know what a file looks like. It runs once for each loop of a
program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdiff._arguments._tree import LEAF
from cdiff._bodies._body import Body, has_rules
from cdiff._bodies._paths import NewPath, Path
from cdiff._core import array
from cdiff._loops._checkpoint import Recorded
from cdiff._loops._scan import Scan
from cdiff._loops._while import Counted, CountedAtPoints, InSegments, While
from cdiff._saved._plain import FormatError, dtype_named

if TYPE_CHECKING:
    from cdiff._bodies._packing import Spec
    from cdiff._core import Callee, Program
    from cdiff._saved._saving import Known, Writer

__all__ = [
    "LoadedBody",
    "body_of",
    "forms_of",
    "is_tagged",
    "loop_of",
    "plain_body",
    "plain_loop",
    "plain_specs",
    "specs_of",
]

MAX_LENGTH = 1 << 48  # of a loop, and of an axis
COUNTED = Counted, InSegments, CountedAtPoints


def plain_loop(call: Any, writer: Writer) -> tuple[Any, ...] | None:
    """A loop as a plain value; None if it is none."""
    if isinstance(call, Scan):
        body = plain_body(call.body, writer)
        carry, xs = plain_specs(call.carry), plain_specs(call.xs)
        return "scan", body, carry, xs, call.length, call.reverse, call.saves
    if isinstance(call, While):
        body = plain_body(call.body, writer)
        condition = plain_body(call.condition, writer)
        return "while", body, condition, plain_specs(call.carry), call.limit, call.every or 0
    if isinstance(call, Counted):
        return "counted", plain_loop(call.scan, writer)
    if isinstance(call, InSegments):
        return "segments", plain_loop(call.whole, writer), plain_loop(call.rest, writer)
    if isinstance(call, CountedAtPoints):
        return "points", tuple([plain_loop(c, writer) for c in call.callees]), call.flags
    if isinstance(call, Recorded):
        return "recorded", plain_body(call.body, writer)
    return None


def loop_of(x: tuple[Any, ...], known: Known) -> Callee | None:
    """The loop that `plain_loop` was given; None if it is none."""
    if not is_tagged(x):
        return None
    match x:
        case ("scan", body, carry, xs, int(length), bool(reverse), bool(saves)):
            return _scan(
                body_of(body, known), specs_of(carry), specs_of(xs), length, reverse, saves
            )
        case ("while", body, condition, carry, int(limit), int(every)) if every >= 0:
            bodies = body_of(body, known), body_of(condition, known)
            return _while(*bodies, specs_of(carry), limit, every)
        case ("counted", tuple(scan)):
            found = loop_of(scan, known)
            return Counted(found) if isinstance(found, Scan) else None
        case ("segments", tuple(whole), tuple(rest)):
            return _in_segments(loop_of(whole, known), loop_of(rest, known))
        case ("points", tuple(loops), tuple(flags)) if all(x.__class__ is bool for x in flags):
            points = [loop_of(loop, known) for loop in loops]
            fits = points and all(isinstance(c, COUNTED) for c in points)
            return CountedAtPoints(points, flags) if fits else None
        case ("recorded", body):
            return Recorded(body_of(body, known))
    return None


def is_tagged(x: Any) -> bool:
    """Is it a tuple that begins with a string? To compare arrays with strings would be an error."""
    return x.__class__ is tuple and bool(x) and x[0].__class__ is str


# --- bodies ---------------------------------------------------------------------------------------


class LoadedBody(Body):
    """A body of which only the programs are left.

    Parameters
    ----------
    n_inputs, n_captured : int
    paths : list of (Program, Program)
        Each path, and what is run for it.
    """

    def __init__(self, n_inputs: int, n_captured: int, paths: list[tuple[Program, Program]]):
        super().__init__(_gone, n_inputs)
        self.sealed = True
        self.captured = [array(0.0) for _ in range(n_captured)]
        self.inputs = _input_specs(paths[0][0])
        self.results = _output_specs(paths[0][0])
        for program, runs in paths:
            self._keep(Path(program, LEAF, [], [], runs))


class _NotInFile(NewPath, LookupError):
    """A path that was not recorded before the function was saved."""


def _gone(nodes: Any) -> Any:
    raise _NotInFile(
        "a loop or a solver was loaded from a file, which has no program for what its function "
        "decides now; run it with such values before it is saved"
    )


def plain_body(body: Body, writer: Writer) -> tuple[Any, ...]:
    """A recorded function as a plain value."""
    paths = [] if body.paths is None else body.paths.distinct()
    programs = [
        (writer.program(path.program), writer.program(path.runner.program)) for path in paths
    ]
    return body.n_inputs, len(body.captured), tuple(programs)


def body_of(x: Any, known: Known) -> LoadedBody:
    """The recorded function that `plain_body` was given."""
    match x:
        case (int(n_inputs), int(n_captured), tuple(programs)) if programs:
            paths = [_path(pair, known) for pair in programs]
            forms = {forms_of(program) for path in paths for program in path}
            fits = n_captured >= 0 <= n_inputs and len(forms) == 1
            if fits and paths[0][0].n_inputs == n_inputs + n_captured:
                try:
                    return LoadedBody(n_inputs, n_captured, paths)
                except ValueError as error:
                    raise FormatError(str(error)) from None
    raise FormatError("the programs of a loop do not fit together")


def _path(pair: Any, known: Known) -> tuple[Program, Program]:
    if pair.__class__ is not tuple or len(pair) != 2:
        raise FormatError(f"a loop with the program {pair!r:.60}")
    program, runs = known.program(pair[0]), known.program(pair[1])
    if has_rules(runs):
        raise FormatError("a loop runs derivative rules")
    return program, runs


def _input_specs(program: Program) -> list[Spec]:
    return [program.instructions()[i][1:3] for i in range(program.n_inputs)]


def _output_specs(program: Program) -> list[Spec]:
    rows = program.instructions()
    return [rows[i][1:3] for i in program.outputs]


def forms_of(program: Program) -> tuple[Any, ...]:
    """The forms of a program's inputs and outputs, which all paths of a body have in common."""
    return tuple(_input_specs(program)), tuple(_output_specs(program))


# --- loops ----------------------------------------------------------------------------------------


def _scan(
    body: LoadedBody, carry: list[Spec], xs: list[Spec], length: int, reverse: bool, saves: bool
) -> Scan:
    n, m = len(carry), len(carry) + len(xs)
    fits = body.inputs[:m] == [*carry, *xs] and body.results[:n] == carry
    if not fits or body.n_inputs < m or not 0 <= length < MAX_LENGTH:
        raise FormatError("a loop does not fit its body")
    try:
        return Scan(body, carry, xs, length, reverse, saves)
    except (ValueError, OverflowError, MemoryError) as error:
        raise FormatError(f"a loop that cannot be made: {error}") from None


def _in_segments(whole: Callee | None, rest: Callee | None) -> InSegments | None:
    if not isinstance(whole, Scan) or not isinstance(rest, Scan):
        return None
    operands = [scan.body.n_inputs + len(scan.body.captured) for scan in (whole, rest)]
    if whole.carry != rest.carry or whole.xs or rest.xs or operands[0] != operands[1]:
        raise FormatError("the segments of a loop do not fit together")
    return InSegments(whole, rest)


def _while(
    body: LoadedBody, condition: LoadedBody, carry: list[Spec], limit: int, every: int
) -> While:
    n = len(carry)
    fits = body.n_inputs == condition.n_inputs == n and body.results == carry
    fits = fits and body.inputs[:n] == condition.inputs[:n] == carry
    fits = fits and len(condition.results) == 1 and condition.results[0][1] == ()
    if not fits or limit < 0:
        raise FormatError("a loop does not fit its body")
    return While(body, condition, carry, min(limit, MAX_LENGTH), every or None)


def plain_specs(specs: list[Spec]) -> tuple[Any, ...]:
    """Dtypes and shapes as a plain value."""
    return tuple([(dtype.newbyteorder("<").str, shape) for dtype, shape in specs])


def specs_of(x: Any) -> list[Spec]:
    """Dtypes and shapes, checked."""
    if x.__class__ is not tuple:
        raise FormatError(f"a loop with the values {x!r:.60}")
    return [_spec(item) for item in x]


def _spec(x: Any) -> Spec:
    match x:
        case (str(name), tuple(shape)):
            if all(n.__class__ is int and 0 <= n < MAX_LENGTH for n in shape):
                return dtype_named(name).newbyteorder("="), shape
    raise FormatError(f"a loop with the value {x!r:.60}")
