"""The oracle: automatic differentiation in pure Python, forward and reverse, to any order.

What it is: the definition that the compiled library is tested against, and the baseline that it
is timed against. Every rule here was derived on its own; nothing was copied from the library's
table of operators, so that an error has to be made twice, differently, to go unnoticed.

What it must not know: the library, and NumPy. It imports `math` and a few tools of the standard
library; arrays are nested lists of floats.

How it works: every transformation takes a new *level*, a number larger than that of any
transformation around it. A tracked value (`Var` in reverse mode, `Dual` in forward mode) holds a
level and a value, which is a float or a tracked value of a lower level. An operator looks at the
highest level among its operands, applies itself to what these hold, and hangs the local partial
derivatives onto the result. The partials are computed by the same operators from lower values,
so that derivatives of derivatives need nothing more, and levels cannot be confused.

Two laws hold in both modes. A zero absorbs, adjoint or partial: `0 * inf` is 0 in a sweep. And
values are those of IEEE 754 and NumPy: `log(0)` is -inf and `1/0` is inf; nothing raises.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from math import inf, nan, pi
from typing import Any, Union

Value = Union[float, "Var"]
Tree = Any  # a Value, or a list or tuple of Trees

LOG2 = math.log(2.0)
LOG10 = math.log(10.0)


# --- tracked values -----------------------------------------------------------------------------


class Var:
    """A value tracked in reverse mode: a node that links to its parents with local partials."""

    __slots__ = ("level", "links", "value")

    def __init__(self, level: int, value: Value, links: Sequence[tuple[Var, Value]] = ()) -> None:
        self.level = level
        self.value = value
        self.links = links

    @staticmethod
    def join(level: int, value: Value, links: Sequence[tuple[Any, Value]]) -> Var:
        """The result of an operator, from its value and (operand, partial) pairs."""
        return Var(level, value, links)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({plain(self)!r}, level={self.level})"

    def __bool__(self) -> bool:
        return bool(plain(self))

    __hash__ = object.__hash__


class Dual(Var):
    """A value tracked in forward mode: it carries a tangent and no memory of its parents."""

    __slots__ = ("tangent",)

    def __init__(self, level: int, value: Value, tangent: Value) -> None:
        super().__init__(level, value)
        self.tangent = tangent

    @staticmethod
    def join(level: int, value: Value, links: Sequence[tuple[Any, Value]]) -> Var:
        tangents = [absorb(operand.tangent, partial) for operand, partial in links]
        return Dual(level, value, reduce(add, tangents))


def plain(x: Any) -> Any:
    """The float at the bottom of a value."""
    while isinstance(x, Var):
        x = x.value
    return x


# --- how operators are made ---------------------------------------------------------------------


def unary(value: Callable, partial: Callable) -> Callable[[Value], Value]:
    """An operator from its value `value(a)` and its derivative `partial(a, y)`, y the result."""

    def operator(a: Value) -> Value:
        if not isinstance(a, Var):
            return value(a)
        y = operator(a.value)
        return a.join(a.level, y, ((a, partial(a.value, y)),))

    return operator


def binary(value: Callable, by_a: Callable, by_b: Callable) -> Callable[[Value, Value], Value]:
    """An operator from `value(a, b)` and the partials `by_a(a, b, y)` and `by_b(a, b, y)`."""

    def operator(a: Value, b: Value) -> Value:
        level_a = a.level if isinstance(a, Var) else 0
        level_b = b.level if isinstance(b, Var) else 0
        if not level_a and not level_b:
            return value(a, b)
        if level_a > level_b:
            y = operator(a.value, b)
            return a.join(level_a, y, ((a, by_a(a.value, b, y)),))
        if level_b > level_a:
            y = operator(a, b.value)
            return b.join(level_b, y, ((b, by_b(a, b.value, y)),))
        u, v = a.value, b.value
        y = operator(u, v)
        return a.join(level_a, y, ((a, by_a(u, v, y)), (b, by_b(u, v, y))))

    return operator


def flat(value: Callable[..., Any]) -> Callable[..., Any]:
    """An operator without a derivative: its result is a plain number."""
    return lambda *operands: value(*map(plain, operands))


# --- values as in IEEE 754, where Python's math module raises ------------------------------------


def total_function(function: Callable, poles: dict[float, float] | None = None) -> Callable:
    """`function` with infinity at its poles and for overflow, and nan outside its domain."""

    def value(a: float) -> float:
        try:
            return function(a)
        except ValueError:
            return poles.get(a, nan) if poles else nan
        except OverflowError:
            return math.copysign(inf, a)

    return value


cosh_of_positive = total_function(math.cosh)


def quotient_value(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        return nan if a == 0.0 or math.isnan(a) else math.copysign(inf, a) * math.copysign(1.0, b)


def power_value(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except ValueError:  # a negative base with a broken exponent, or a pole at zero
        magnitude = nan if a < 0.0 else inf
    except OverflowError:
        magnitude = inf
    return math.copysign(magnitude, a) if math.fmod(b, 2.0) in (1.0, -1.0) else magnitude


def floor_quotient_value(a: float, b: float) -> float:
    return a // b if b else quotient_value(a, b)


def remainder_value(a: float, b: float) -> float:
    return a % b if b else nan


def fmod_value(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return nan


def rounded(to_integer: Callable[[float], int]) -> Callable[[float], float]:
    """A rounding that keeps infinities, nan and the sign of zero."""
    return lambda a: math.copysign(float(to_integer(a)), a) if math.isfinite(a) else a


def sign_value(a: float) -> float:
    return a if math.isnan(a) else float((a > 0.0) - (a < 0.0))


def heaviside_value(a: float, b: float) -> float:
    return b if a == 0.0 else a if math.isnan(a) else float(a > 0.0)


def sigmoid_value(a: float) -> float:
    small = math.exp(-abs(a))
    return (1.0 if a >= 0.0 else small) / (1.0 + small)


def softplus_value(a: float) -> float:
    return max(a, 0.0) + math.log1p(math.exp(-abs(a)))


def logaddexp_value(a: float, b: float) -> float:
    return a + LOG2 if a == b else max(a, b) + math.log1p(math.exp(-abs(a - b)))


def logaddexp2_value(a: float, b: float) -> float:
    return logaddexp_value(a * LOG2, b * LOG2) / LOG2 if a != b else a + 1.0


def maximum_value(a: float, b: float) -> float:
    return a if a >= b or math.isnan(a) else b


def minimum_value(a: float, b: float) -> float:
    return a if a <= b or math.isnan(a) else b


def fmax_value(a: float, b: float) -> float:
    return a if a >= b or math.isnan(b) else b


def fmin_value(a: float, b: float) -> float:
    return a if a <= b or math.isnan(b) else b


def _supplied(y: Value, a: Value, b: Value) -> float:
    """1 where a choice y between a and b took a, 0 where it took b, and half of it for a tie."""
    y, a, b = plain(y), plain(a), plain(b)
    is_a = y == a or (math.isnan(y) and math.isnan(a))
    is_b = y == b or (math.isnan(y) and math.isnan(b))
    return 0.5 * (1.0 + is_a - is_b)


# --- operators: arithmetic ----------------------------------------------------------------------

# The product of a sweep: an adjoint (or tangent) times a partial, where a zero absorbs. Either
# zero does, so that a path has the same product in whichever direction it is walked.
absorb = binary(lambda g, d: g * d if g and d else 0.0, lambda g, d, y: d, lambda g, d, y: g)

add = binary(lambda a, b: a + b, lambda a, b, y: 1.0, lambda a, b, y: 1.0)
subtract = binary(lambda a, b: a - b, lambda a, b, y: 1.0, lambda a, b, y: -1.0)
multiply = binary(lambda a, b: a * b, lambda a, b, y: b, lambda a, b, y: a)
divide = binary(quotient_value, lambda a, b, y: reciprocal(b), lambda a, b, y: -divide(y, b))
negative = unary(lambda a: -a, lambda a, y: -1.0)
positive = unary(lambda a: +a, lambda a, y: 1.0)
absolute = unary(abs, lambda a, y: sign(a))
square = unary(lambda a: a * a, lambda a, y: 2.0 * a)
reciprocal = unary(lambda a: quotient_value(1.0, a), lambda a, y: -square(y))
deg2rad = unary(lambda a: a * (pi / 180.0), lambda a, y: pi / 180.0)
rad2deg = unary(lambda a: a * (180.0 / pi), lambda a, y: 180.0 / pi)

floor_divide = flat(floor_quotient_value)
remainder = binary(
    remainder_value, lambda a, b, y: 1.0, lambda a, b, y: -floor_quotient_value(plain(a), plain(b))
)
fmod = binary(fmod_value, lambda a, b, y: 1.0, lambda a, b, y: -rint(divide(a - y, b)))

# b * a**(b-1): for b == 0 the zero absorbs, so that a**0 has derivative 0 at a == 0 too;
# a**b log(a): 0**b is constant for b > 0, and by convention has derivative 0 at b == 0.
power = binary(
    power_value,
    lambda a, b, y: absorb(b, power(a, b - 1.0)),
    lambda a, b, y: 0.0 if plain(a) == 0.0 and plain(b) >= 0.0 else absorb(y, log(a)),
)

# --- operators: roots, exponentials and logarithms ----------------------------------------------

# y + 0 turns -0 into 0, so that the slope of the root is +inf at both zeros.
sqrt = unary(total_function(math.sqrt), lambda a, y: divide(0.5, y + 0.0))
cbrt = unary(math.cbrt, lambda a, y: reciprocal(3.0 * square(y)))
exp = unary(total_function(math.exp), lambda a, y: y)
exp2 = unary(total_function(math.exp2), lambda a, y: LOG2 * y)
expm1 = unary(total_function(math.expm1), lambda a, y: exp(a))
log = unary(total_function(math.log, {0.0: -inf}), lambda a, y: reciprocal(a))
log2 = unary(total_function(math.log2, {0.0: -inf}), lambda a, y: divide(1.0 / LOG2, a))
log10 = unary(total_function(math.log10, {0.0: -inf}), lambda a, y: divide(1.0 / LOG10, a))
log1p = unary(total_function(math.log1p, {-1.0: -inf}), lambda a, y: reciprocal(1.0 + a))


def _excess(a: Value, b: Value) -> Value:
    """a - b, which is 0 between equal infinities."""
    return 0.0 if plain(a) == plain(b) and math.isinf(plain(a)) else a - b


logaddexp = binary(
    logaddexp_value,
    lambda a, b, y: sigmoid(_excess(a, b)),
    lambda a, b, y: sigmoid(_excess(b, a)),
)
logaddexp2 = binary(
    logaddexp2_value,
    lambda a, b, y: sigmoid(_excess(a, b) * LOG2),
    lambda a, b, y: sigmoid(_excess(b, a) * LOG2),
)

# --- operators: trigonometric and hyperbolic ----------------------------------------------------

sin = unary(total_function(math.sin), lambda a, y: cos(a))
cos = unary(total_function(math.cos), lambda a, y: -sin(a))
tan = unary(total_function(math.tan), lambda a, y: 1.0 + square(y))
arcsin = unary(total_function(math.asin), lambda a, y: divide(1.0, sqrt((1.0 - a) * (1.0 + a))))
arccos = unary(total_function(math.acos), lambda a, y: divide(-1.0, sqrt((1.0 - a) * (1.0 + a))))
arctan = unary(math.atan, lambda a, y: reciprocal(1.0 + square(a)))
sinh = unary(total_function(math.sinh), lambda a, y: cosh(a))
cosh = unary(lambda a: cosh_of_positive(abs(a)), lambda a, y: sinh(a))
tanh = unary(math.tanh, lambda a, y: 4.0 * sigmoid(2.0 * a) * sigmoid(-2.0 * a))
arcsinh = unary(math.asinh, lambda a, y: reciprocal(hypot(1.0, a)))
arccosh = unary(total_function(math.acosh), lambda a, y: reciprocal(sqrt(a - 1.0) * sqrt(a + 1.0)))
arctanh = unary(
    total_function(math.atanh, {1.0: inf, -1.0: -inf}),
    lambda a, y: reciprocal((1.0 - a) * (1.0 + a)),
)


def _share(part: Value, whole: Value) -> Value:
    """part / whole, which is 0 for a vector of length zero."""
    return divide(part, whole) if plain(whole) != 0.0 else 0.0


hypot = binary(math.hypot, lambda a, b, y: _share(a, y), lambda a, b, y: _share(b, y))
arctan2 = binary(
    math.atan2,
    lambda a, b, y: _share(_share(b, hypot(a, b)), hypot(a, b)),
    lambda a, b, y: -_share(_share(a, hypot(a, b)), hypot(a, b)),
)


def _sine_quotient_value(order: int, t: float) -> float:
    """The derivative of that order of sin(t)/t: a power series, or for large t a recurrence."""
    if not math.isfinite(t):
        return nan
    if abs(t) <= order + 1.0:
        first = (order + 1) // 2
        terms = (
            (-1.0) ** k * t ** (2 * k - order) / math.factorial(2 * k - order) / (2 * k + 1)
            for k in range(first, first + 12 + order)
        )
        return math.fsum(terms)
    y = math.sin(t) / t
    for k in range(1, order + 1):  # from differentiating t * (sin(t)/t) = sin(t) k times
        y = ((math.sin, math.cos)[k % 2](t) * (1.0, 1.0, -1.0, -1.0)[k % 4] - k * y) / t
    return y


def _sine_quotient(order: int) -> Callable[[Value], Value]:
    return unary(
        lambda t: _sine_quotient_value(order, t), lambda t, y: _sine_quotient(order + 1)(t)
    )


def sinc(a: Value) -> Value:
    return _sine_quotient(0)(pi * a)


# --- operators: smooth steps and the error function ---------------------------------------------

sigmoid = expit = unary(sigmoid_value, lambda a, y: sigmoid(a) * sigmoid(-a))
softplus = unary(softplus_value, lambda a, y: sigmoid(a))
log_sigmoid = unary(lambda a: -softplus_value(-a), lambda a, y: sigmoid(-a))
erf = unary(math.erf, lambda a, y: 2.0 / math.sqrt(pi) * exp(-square(a)))
erfc = unary(math.erfc, lambda a, y: -2.0 / math.sqrt(pi) * exp(-square(a)))

# --- operators with kinks and steps -------------------------------------------------------------


def _choice(value: Callable[[float, float], float]) -> Callable[[Value, Value], Value]:
    return binary(value, lambda a, b, y: _supplied(y, a, b), lambda a, b, y: _supplied(y, b, a))


maximum = _choice(maximum_value)
minimum = _choice(minimum_value)
fmax = _choice(fmax_value)
fmin = _choice(fmin_value)
relu = unary(lambda a: maximum_value(a, 0.0), lambda a, y: float(not plain(a) <= 0.0))
copysign = binary(
    math.copysign, lambda a, b, y: sign(a) * math.copysign(1.0, plain(b)), lambda a, b, y: 0.0
)
heaviside = binary(heaviside_value, lambda a, b, y: 0.0, lambda a, b, y: float(plain(a) == 0.0))
sign = flat(sign_value)
floor = flat(rounded(math.floor))
ceil = flat(rounded(math.ceil))
trunc = flat(rounded(math.trunc))
rint = flat(rounded(round))


def clip(a: Value, low: Value, high: Value) -> Value:
    return minimum(maximum(a, low), high)


def where(condition: Value, a: Value, b: Value) -> Value:
    """The chosen operand itself: the other branch never enters a sweep."""
    return a if plain(condition) else b


equal = flat(lambda a, b: a == b)
not_equal = flat(lambda a, b: a != b)
less = flat(lambda a, b: a < b)
less_equal = flat(lambda a, b: a <= b)
greater = flat(lambda a, b: a > b)
greater_equal = flat(lambda a, b: a >= b)
isnan = flat(math.isnan)
isfinite = flat(math.isfinite)
isinf = flat(math.isinf)
signbit = flat(lambda a: math.copysign(1.0, a) < 0.0)


# --- Python's own operators on tracked values ---------------------------------------------------


def _reflected(operator: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    return lambda self, other: operator(other, self)


for _name, _operator in {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "truediv": divide,
    "floordiv": floor_divide,
    "mod": remainder,
    "pow": power,
}.items():
    setattr(Var, f"__{_name}__", _operator)
    setattr(Var, f"__r{_name}__", _reflected(_operator))

for _name, _operator in {
    "neg": negative,
    "pos": positive,
    "abs": absolute,
    "eq": equal,
    "ne": not_equal,
    "lt": less,
    "le": less_equal,
    "gt": greater,
    "ge": greater_equal,
}.items():
    setattr(Var, f"__{_name}__", _operator)


# --- trees: nested lists and tuples of values ---------------------------------------------------


def tree_map(function: Callable, tree: Tree, *others: Tree) -> Tree:
    """`function` applied leaf by leaf; `others` are of the same shape as `tree`."""
    if isinstance(tree, (list, tuple)):
        return type(tree)([tree_map(function, *parts) for parts in zip(tree, *others, strict=True)])
    return function(tree, *others)


def leaves_of(tree: Tree) -> Iterator[Any]:
    if isinstance(tree, (list, tuple)):
        for part in tree:
            yield from leaves_of(part)
    else:
        yield tree


def fill(tree: Tree, values: Sequence[Any]) -> Tree:
    """A tree of the shape of `tree` with these leaves."""
    source = iter(values)
    return tree_map(lambda leaf: next(source), tree)


# --- transformations ----------------------------------------------------------------------------

_levels = itertools.count(1)  # an inner transformation starts later than those around it


def _as_value(x: Any) -> Value:
    return x if isinstance(x, Var) else float(x)


def _at_level(x: Any, level: int) -> bool:
    return isinstance(x, Var) and x.level == level


def _sweep(outputs: Sequence[Any], cotangents: Sequence[Value], level: int) -> dict[int, Value]:
    """Adjoints of all nodes at `level`, by id: a node passes on its adjoint when all nodes that
    use it have passed on theirs."""
    adjoint: dict[int, Value] = {}
    for node, cotangent in zip(outputs, cotangents, strict=True):
        if _at_level(node, level):
            adjoint[id(node)] = adjoint.get(id(node), 0.0) + _as_value(cotangent)

    uses = {id(node): 0 for node in outputs if _at_level(node, level)}
    found = list({id(node): node for node in outputs if id(node) in uses}.values())
    for node in found:  # grows while it is walked
        for parent, _ in node.links:
            if id(parent) not in uses:
                uses[id(parent)] = 0
                found.append(parent)
            uses[id(parent)] += 1

    ready = [node for node in found if uses[id(node)] == 0]
    while ready:
        node = ready.pop()
        for parent, partial in node.links:
            part = absorb(adjoint[id(node)], partial)
            known = adjoint.get(id(parent))
            adjoint[id(parent)] = part if known is None else known + part
            uses[id(parent)] -= 1
            if uses[id(parent)] == 0:
                ready.append(parent)
    return adjoint


def vjp(f: Callable, *primals: Tree) -> tuple[Tree, Callable[[Tree], tuple]]:
    """The value of f and the function that takes a cotangent to one adjoint per primal."""
    level = next(_levels)
    inputs = tree_map(lambda x: Var(level, _as_value(x)), primals)
    outputs = f(*inputs)

    def pullback(cotangent: Tree) -> tuple:
        adjoint = _sweep(list(leaves_of(outputs)), list(leaves_of(cotangent)), level)
        return tree_map(lambda leaf: adjoint.get(id(leaf), 0.0), inputs)

    return tree_map(lambda y: y.value if _at_level(y, level) else y, outputs), pullback


def jvp(f: Callable, primals: Sequence[Tree], tangents: Sequence[Tree]) -> tuple[Tree, Tree]:
    """The value of f and its derivative in the direction of the tangents."""
    level = next(_levels)
    inputs = tree_map(
        lambda x, t: Dual(level, _as_value(x), _as_value(t)), tuple(primals), tuple(tangents)
    )
    outputs = f(*inputs)
    values = tree_map(lambda y: y.value if _at_level(y, level) else y, outputs)
    return values, tree_map(lambda y: y.tangent if _at_level(y, level) else 0.0, outputs)


def _restrict(f: Callable, args: Sequence[Tree], argnums: Sequence[int]) -> Callable:
    """f as a function of the chosen arguments alone."""

    def restricted(*chosen: Tree) -> Tree:
        full = list(args)
        for position, argument in zip(argnums, chosen, strict=True):
            full[position] = argument
        return f(*full)

    return restricted


def value_and_grad(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """The function that gives the (scalar) value of f and its gradient by the chosen arguments."""
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def value_and_gradient(*args: Tree) -> tuple[Value, Tree]:
        chosen = [args[position] for position in positions]
        value, pullback = vjp(_restrict(f, args, positions), *chosen)
        gradients = pullback(1.0)
        return value, gradients[0] if isinstance(argnums, int) else gradients

    return value_and_gradient


def grad(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    return lambda *args: value_and_grad(f, argnums)(*args)[1]


def jacrev(f: Callable, argnums: int = 0) -> Callable:
    """The derivative of every output by every input: the shape of f's result, then that of x."""

    def jacobian_by_rows(*args: Tree) -> Tree:
        outputs, pullback = vjp(_restrict(f, args, [argnums]), args[argnums])
        size = len(list(leaves_of(outputs)))
        units = ([float(i == k) for i in range(size)] for k in range(size))
        return fill(outputs, [pullback(unit)[0] for unit in units])

    return jacobian_by_rows


def jacfwd(f: Callable, argnums: int = 0) -> Callable:
    """The same as `jacrev`, by one forward sweep per input."""

    def jacobian_by_columns(*args: Tree) -> Tree:
        x = args[argnums]
        size = len(list(leaves_of(x)))
        units = (fill(x, [float(i == k) for i in range(size)]) for k in range(size))
        pushed = [jvp(_restrict(f, args, [argnums]), [x], [unit]) for unit in units]
        columns = [list(leaves_of(tangents)) for _, tangents in pushed]
        return fill(pushed[0][0], [fill(x, row) for row in zip(*columns, strict=True)])

    return jacobian_by_columns


jacobian = jacrev


def hessian(f: Callable, argnums: int = 0) -> Callable:
    return jacfwd(grad(f, argnums), argnums)
