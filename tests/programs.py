"""Random programs: directed acyclic graphs of elementwise operators, for hypothesis to draw.

What it is: a program is data, a list of steps that each apply one operator to earlier values. It
runs on anything that has the operators, given as a namespace `ns` with NumPy's names (`ns.sin`,
`ns.add`, ...): the oracle, the library, NumPy; on scalars, and on arrays that broadcast.

What it must not know: the library or the oracle. The operators stand in `OPERATORS` with the
domain of each operand, and a domain is a few *safe maps* that take any real number into it, far
enough from its border that three derivatives stay tame. So a program is smooth and bounded around
almost every point; where it comes near a kink (a tie of `maximum`, a step of `floor`),
`Program.margin` says how near, so that tests can leave such points to the tests of conventions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

# --- domains: maps from all real numbers ---------------------------------------------------------

DOMAINS: dict[str, tuple[Callable[[Any, Any], Any], ...]] = {
    "real": (lambda ns, x: x,),
    # between -2 and 2: for operators whose results would grow from step to step
    "small": (
        lambda ns, x: ns.tanh(x),
        lambda ns, x: ns.sin(x),
        lambda ns, x: ns.arctan(x),
        lambda ns, x: ns.divide(x, ns.sqrt(ns.add(ns.square(x), 1.0))),
    ),
    "unit": (
        lambda ns, x: ns.multiply(0.9, ns.tanh(x)),
        lambda ns, x: ns.multiply(ns.cos(x), 0.8),
        lambda ns, x: ns.subtract(ns.sigmoid(x), 0.3),
    ),
    "positive": (
        lambda ns, x: ns.sqrt(ns.add(ns.square(x), 0.5)),
        lambda ns, x: ns.add(ns.softplus(x), 0.5),
        lambda ns, x: ns.exp(ns.tanh(x)),
        lambda ns, x: ns.hypot(x, 0.75),
    ),
    "above one": (
        lambda ns, x: ns.add(1.2, ns.softplus(x)),
        lambda ns, x: ns.add(ns.hypot(x, 1.0), 0.2),
    ),
}


# --- operators -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operator:
    """An operator as programs use it; `kink` is the distance of a point to its nearest kink."""

    name: str
    domains: tuple[str, ...]
    kink: Callable[..., float] | None = None
    call: Callable[..., Any] | None = None  # how to call it, if not as ns.name(*operands)

    def __call__(self, ns: Any, *operands: Any) -> Any:
        return self.call(ns, *operands) if self.call else getattr(ns, self.name)(*operands)


def _to_integer(a: float) -> float:
    return abs(a - round(a))


def _size(a: float) -> float:
    return abs(a)


def _tie(a: float, b: float) -> float:
    return abs(a - b)


def _whole_quotient(a: float, b: float) -> float:
    return _to_integer(a / b)


def _operators(domains: Sequence[str], names: str, kink: Callable | None = None) -> list[Operator]:
    return [Operator(name, tuple(domains), kink) for name in names.split()]


OPERATORS: tuple[Operator, ...] = (
    *_operators(["real"], "negative positive sin cos arctan arcsinh tanh sinc sigmoid softplus"),
    *_operators(["real"], "log_sigmoid erf erfc deg2rad"),
    *_operators(["small"], "exp exp2 expm1 sinh cosh square rad2deg"),
    *_operators(["unit"], "tan arcsin arccos arctanh"),
    *_operators(["positive"], "log log2 log10 log1p sqrt cbrt reciprocal"),
    *_operators(["above one"], "arccosh"),
    *_operators(["real"], "absolute sign relu", _size),
    *_operators(["real"], "floor ceil trunc", _to_integer),
    *_operators(["real"], "rint", lambda a: _to_integer(a + 0.5)),
    *_operators(["real", "real"], "add subtract logaddexp logaddexp2"),
    *_operators(["real", "small"], "multiply"),
    *_operators(["real", "positive"], "divide hypot arctan2"),
    *_operators(["positive", "small"], "power"),
    *_operators(["real", "real"], "maximum minimum fmax fmin", _tie),
    *_operators(["real", "positive"], "floor_divide remainder fmod", _whole_quotient),
    *_operators(["real", "real"], "copysign", lambda a, b: min(abs(a), abs(b))),
    *_operators(["real", "real"], "heaviside", lambda a, b: abs(a)),
    Operator("power", ("small",), call=lambda ns, a: ns.power(a, 3.0)),
    Operator("power", ("positive",), call=lambda ns, a: ns.power(a, -1.5)),
    Operator("power", ("small",), call=lambda ns, a: ns.power(1.5, a)),
    Operator(
        "where",
        ("real", "real", "real"),
        kink=lambda a, b, c: abs(a),
        call=lambda ns, a, b, c: ns.where(ns.greater(a, 0.0), b, c),
    ),
    Operator(
        "where",  # the branch not taken may be nan, and so are its slopes: a zero adjoint absorbs
        ("real", "real"),
        kink=lambda a, b: abs(a),
        call=lambda ns, a, b: ns.where(ns.greater(a, 0.0), ns.sqrt(a), b),
    ),
    Operator(
        "clip",
        ("real", "real", "positive"),
        kink=lambda a, low, width: min(abs(a - low), abs(a - low - width)),
        call=lambda ns, a, low, width: ns.clip(a, low, ns.add(low, width)),
    ),
)


# --- programs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Apply `operator` to earlier values, each taken into its domain by the chosen safe map."""

    operator: Operator
    operands: tuple[int, ...]
    maps: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Values are numbered: first the inputs, then the constants, then one result per step. The
    program's result is the sum of those that no step uses."""

    inputs: int
    constants: tuple[float, ...]
    steps: tuple[Step, ...]

    def _trace(self, ns: Any, inputs: Sequence[Any]) -> Iterator[tuple[Step, list[Any], Any]]:
        """Run step by step: the step, its operands inside their domains, and its result."""
        values = [*inputs, *self.constants]
        for step in self.steps:
            operands = [
                DOMAINS[domain][chosen](ns, values[k])
                for domain, chosen, k in zip(
                    step.operator.domains, step.maps, step.operands, strict=True
                )
            ]
            values.append(step.operator(ns, *operands))
            yield step, operands, values[-1]

    def __call__(self, ns: Any, *inputs: Any) -> Any:
        first = self.inputs + len(self.constants)
        used = set(itertools.chain.from_iterable(step.operands for step in self.steps))
        results = [result for _, _, result in self._trace(ns, inputs)]
        total = results[-1]
        for k, result in enumerate(results[:-1], first):
            if k not in used:
                total = ns.add(total, result)
        return total

    def margin(self, ns: Any, *inputs: float) -> float:
        """The distance to the nearest kink on the way from these floats to the result."""
        distances = [
            step.operator.kink(*operands)
            for step, operands, _ in self._trace(ns, inputs)
            if step.operator.kink
        ]
        return min(distances, default=math.inf)

    def __repr__(self) -> str:
        lines = [f"program of v0 ... v{self.inputs - 1}:"]
        lines += [f"  v{k} = {c}" for k, c in enumerate(self.constants, self.inputs)]
        for k, step in enumerate(self.steps, self.inputs + len(self.constants)):
            names = ", ".join(
                f"v{i}" if domain == "real" else f"{domain}[{chosen}](v{i})"
                for i, domain, chosen in zip(
                    step.operands, step.operator.domains, step.maps, strict=True
                )
            )
            lines.append(f"  v{k} = {step.operator.name}({names})")
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # as hypothesis prints a failing example


# --- strategies ----------------------------------------------------------------------------------

# Hundredths print and shrink well, and hit 0 and 1; plain floats fill the gaps.
numbers = st.one_of(
    st.integers(-300, 300).map(lambda n: n / 100),
    st.floats(-3.0, 3.0, allow_subnormal=False),
)


@st.composite
def programs(
    draw: st.DrawFn,
    operators: Sequence[Operator] = OPERATORS,
    inputs: int = 2,
    most_steps: int = 8,
) -> Program:
    """Programs of so many inputs; a step prefers recent values, so that chains grow deep."""
    constants = tuple(draw(st.lists(numbers, max_size=2)))
    first = inputs + len(constants)
    steps = []
    for count in range(first, first + draw(st.integers(1, most_steps))):
        operator = draw(st.sampled_from(operators))
        recent = st.integers(0, min(count, 4) - 1).map(lambda back, last=count - 1: last - back)
        operands = draw(st.tuples(*(recent | st.integers(0, count - 1) for _ in operator.domains)))
        maps = draw(st.tuples(*(st.integers(0, len(DOMAINS[d]) - 1) for d in operator.domains)))
        steps.append(Step(operator, operands, maps))
    return Program(inputs, constants, tuple(steps))


def points(size: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.tuples(*[numbers] * size)


# --- arrays that broadcast -----------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """An array as plain data: its shape, and its elements in row-major order."""

    shape: tuple[int, ...]
    elements: list[Any]

    def __getitem__(self, index: Sequence[int]) -> Any:
        """The element that broadcasting puts at `index` of a shape that this one broadcasts to."""
        position = 0
        own_index = index[len(index) - len(self.shape) :]
        for length, i in zip(self.shape, own_index, strict=True):
            position = position * length + (i if length > 1 else 0)
        return self.elements[position]


def broadcast_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The common shape of shapes that broadcast."""
    columns = itertools.zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1)
    return tuple(next((n for n in column if n != 1), 1) for column in columns)[::-1]


def indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*map(range, shape))


@st.composite
def grids(draw: st.DrawFn, count: int) -> list[Grid]:
    """Arrays whose shapes broadcast: a common shape with axes cut to 1 and leading axes dropped."""
    common = draw(st.lists(st.integers(1, 3), max_size=3))
    arrays = []
    for _ in range(count):
        cut = [n if draw(st.booleans()) else 1 for n in common]
        shape = tuple(cut[draw(st.integers(0, len(cut))) :])
        size = math.prod(shape)
        arrays.append(Grid(shape, draw(st.lists(numbers, min_size=size, max_size=size))))
    return arrays
