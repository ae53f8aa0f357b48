"""Check derivatives numerically: `check_grads`.

A function's forward and reverse derivatives are compared with central differences along random
directions, and then their own derivatives are checked in the same way, to the order asked for.
This file uses the public transformations only, so that it tests what a user calls; it knows
neither pytest nor the core. A random direction tests all entries at once; single entries are
visited only to say which one is wrong.

Examples
--------
>>> import cdiff as cd
>>> cd.testing.check_grads(lambda x: x ** 3, (2.0,), order=2)
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cdiff._arguments._leaves import check_output, is_complex, leaf_dtype, restore
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import Inputs, check_function, check_seed, function_name
from cdiff._checks._evidence import Verdict, judged
from cdiff._core import array
from cdiff._transformations._forward import jvp
from cdiff._transformations._reverse import stop_gradient, vjp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Vector = list[npt.NDArray[Any]]

__all__ = ["check_grads"]

MODES = ("fwd", "rev")
# Entries that are visited one by one to name the worst in the message.
MAX_ENTRIES = 100
# Arguments are moved one at a time, so that a large first derivative hides no small one; of more
# than so many, several together.
MAX_PARTS = 8
# Derivatives below this are held to their own size, if a difference of another width confirms them.
SMALL = 1e-2
STEADY = 1e-4
GOLDEN = 0.6180339887498949  # a ratio of widths which rounding errors do not have by chance
SIGMAS = 6.0
# Steps that are tried: where a function bends, one is too long, where it is rough, too short.
WIDTHS = (1.0, 0.25, 4.0)


class _Limits(NamedTuple):
    """Tolerances, the step of the differences and the rounding unit of the numbers.

    `adapts` where nobody gave the absolute tolerance, `refines` where nobody gave the step.
    """

    atol: float
    rtol: float
    eps: float
    unit: float
    adapts: bool
    refines: bool


def random_source(order: Any, seed: Any, who: str) -> np.random.Generator:
    """The generator of random directions, after a look at the options of a check.

    Parameters
    ----------
    order, seed : int
    who : str
        The function that was called.

    Returns
    -------
    Generator

    Raises
    ------
    ValueError
        If `order` is no integer >= 1, or `seed` no integer >= 0.
    """
    if order.__class__ is not int or order < 1:
        raise ValueError(f"{who}: order must be an integer >= 1, got {order!r}")
    return np.random.default_rng(check_seed(seed, who))


class Case:
    """A function at a point, seen as a map from lists of float64 (complex128) arrays to such."""

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], name: str) -> None:
        self.f = f
        self.args = args
        self.name = name
        self.inputs = Inputs(args, tuple(range(len(args))), "check_grads")
        self.point: Vector = [_double(x) for x in self.inputs.leaves]
        self.value, self.out_tree = self.outputs(f(*args))
        if not self.point or not self.value:
            what = "result" if self.point else "argument"
            raise ValueError(f"check_grads: {name} has no {what}, so no derivative to check")

    def outputs(self, out: Any) -> tuple[Vector, Any]:
        leaves, treedef = flatten(out)
        for y, path in zip(leaves, leaf_paths(treedef, f"the output of {self.name}"), strict=True):
            check_output(y, path)
        return [_double(y) for y in leaves], treedef

    def arguments(self, vector: Vector) -> tuple[Any, ...]:
        """A vector in the structure and the types of the arguments."""
        pairs = zip(self.inputs.leaves, vector, strict=True)
        leaves = [restore(x, array(v, dtype=leaf_dtype(x))) for x, v in pairs]
        result: tuple[Any, ...] = self.inputs.result(leaves)
        return result

    def cotangent(self, vector: Vector) -> Any:
        return unflatten(self.out_tree, vector)

    def at(self, step: float, direction: Vector) -> Vector:
        moved = [x + step * t for x, t in zip(self.point, direction, strict=True)]
        return self.outputs(self.f(*self.arguments(moved)))[0]

    def at_complex(self, step: complex, direction: Vector) -> list[Any]:
        """The same with a complex step; whatever error comes of it is the caller's to handle."""
        pairs = zip(self.inputs.leaves, self.point, direction, strict=True)
        moved = [x + step * t for _, x, t in pairs]
        leaves = [
            complex(z) if isinstance(x, float) else z
            for x, z in zip(self.inputs.leaves, moved, strict=True)
        ]
        return flatten(self.f(*self.inputs.result(leaves)))[0]

    def numerical(self, direction: Vector, eps: float) -> Vector:
        """Derivative along a direction: central differences, extrapolated once (Richardson).

        ``(4 D(h/2) - D(h)) / 3`` with ``D(h) = (f(x + h t) - f(x - h t)) / 2h`` has an error
        of order ``h**4``.
        """
        return self.measured(direction, eps)[0]

    def measured(self, direction: Vector, eps: float) -> tuple[Vector, list[float]]:
        """The same, and how far each output moved."""
        above, below = self.at(eps, direction), self.at(-eps, direction)
        coarse = _difference(above, below, 2 * eps)
        fine = _difference(self.at(eps / 2, direction), self.at(-eps / 2, direction), eps)
        moved = [
            max(_largest(a - y), _largest(b - y))
            for a, b, y in zip(above, below, self.value, strict=True)
        ]
        return [(4 * b - a) / 3 for a, b in zip(coarse, fine, strict=True)], moved

    def forward(self, direction: Vector) -> Vector:
        tangent = jvp(self.f, tuple(self.args), self.arguments(direction))[1]
        return self.outputs(tangent)[0]

    def reverse(self, weights: Vector) -> Vector:
        pull = vjp(self.f, *self.args)[1]
        leaves, _ = flatten(pull(self.cotangent(weights)))
        return [_double(g) for g in leaves]

    def gradient(self, weights: Vector) -> Vector:
        """The same, checked for the shapes of the arguments."""
        found = self.reverse(weights)
        for got, x in zip(found, self.point, strict=True):
            if got.shape != x.shape:
                raise AssertionError(
                    f"vjp of {self.name} has a cotangent of shape {got.shape} for an argument of "
                    f"shape {x.shape}"
                )
        return found

    def allowed(
        self, direction: Vector, numerical: Vector, moved: list[float], limits: _Limits
    ) -> Vector:
        """How far a derivative may be from the numerical one, for every entry of the outputs.

        The tolerance, and what rounding in the arguments and in the values of an output does to a
        difference of them.
        """
        rounding = 16 * limits.unit / limits.eps
        noises = [
            rounding * (_largest(y) + move / limits.eps)
            for y, move in zip(self.value, moved, strict=True)
        ]
        sizes = [_largest(d) for d in numerical]
        floors = [limits.atol] * len(sizes)
        small = [noise < size < SMALL for noise, size in zip(noises, sizes, strict=True)]
        if limits.adapts and any(small):
            again = self.numerical(direction, GOLDEN * limits.eps)
            for k, (d, e) in enumerate(zip(numerical, again, strict=True)):
                if small[k] and _largest(d - e) <= STEADY * sizes[k]:
                    floors[k] *= sizes[k]
        return [
            floor + noise + limits.rtol * np.abs(d)
            for floor, noise, d in zip(floors, noises, numerical, strict=True)
        ]


def _parts(vector: Vector) -> list[Vector]:
    """Vectors that add up to this one, each with one of its arrays or with a few."""
    count = min(len(vector), MAX_PARTS)
    return [
        [x if k % count == part else np.zeros_like(x) for k, x in enumerate(vector)]
        for part in range(count)
    ]


def _largest(x: npt.NDArray[Any]) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def _plain(x: Any) -> Any:
    return x.numpy() if hasattr(x, "numpy") else x


def _double(x: Any) -> npt.NDArray[Any]:
    """A number or an array in double precision."""
    return np.asarray(_plain(x), dtype=complex if is_complex(x) else float)


def _difference(above: Vector, below: Vector, width: float) -> Vector:
    return [(a - b) / width for a, b in zip(above, below, strict=True)]


def dot(u: Vector, v: Vector) -> float:
    """How cotangents and tangents pair: without a conjugate."""
    return float(sum([np.sum(a * b).real for a, b in zip(u, v, strict=True)]))


def random_like(vector: Vector, rng: np.random.Generator) -> Vector:
    """Random numbers of the size of the entries, or of size 1 where these are smaller."""
    return [_random(x, rng) * np.maximum(1.0, np.abs(x)) for x in vector]


def _random(like: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Standard normal numbers, in the real and in the imaginary part."""
    x = rng.standard_normal(like.shape)
    return x + 1j * rng.standard_normal(like.shape) if is_complex(like) else x


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = MODES,
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
    seed: int = 0,
) -> None:
    """Compare the derivatives of a function with numerical ones, to any order.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays in any container; smooth around `args`.
    args : tuple
        The arguments of `f`: containers of floats and arrays, all differentiated.  Complex ones
        are moved along both axes of the plane, so `f` need not be holomorphic.
    order : int, default 2
        Derivatives up to this order, in every mix of the modes.
    modes : sequence of {"fwd", "rev"}
        Check `jvp`, `vjp` or both.
    atol, rtol : float, optional
        An entry may differ by ``atol + rtol * |entry|``, and by what rounding in the values of
        `f` explains. Default 1e-6 (2e-3 if there is a float32 argument), and an `atol` of less
        where the derivatives by an argument are small.
    eps : float, optional
        Step of the differences, times the size of the entries. Default 1e-4 (2e-2 for
        float32), and where that does not confirm a derivative, a quarter and four times of it.
    seed : int, default 0
        Of the random directions.

    Raises
    ------
    AssertionError
        If a derivative is wrong; the message names the mode, the order, the output and the
        entry of the argument that differ most, both numbers and their difference, and says
        whether the derivative or the finite difference is at fault, by what the complex step and
        Richardson extrapolation give there.
    TypeError, ValueError
        If an argument of `check_grads` is wrong, or there is nothing to check.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> from cdiff.testing import check_grads
    >>> check_grads(lambda x, y: np.sin(x) * y, (np.array([0.5, 1.0]), 2.0), order=3)
    """
    check_function(f, "check_grads")
    if not isinstance(args, (tuple, list)):
        raise TypeError("check_grads: args must be a tuple of arguments; for one write (x,)")
    if isinstance(modes, str) or any(mode not in MODES for mode in modes) or not modes:
        raise ValueError(f"check_grads: modes must be a sequence of 'fwd', 'rev', got {modes!r}")
    rng = random_source(order, seed, "check_grads")
    for name, value in (("atol", atol), ("rtol", rtol), ("eps", eps)):
        if value is not None and not 0.0 <= value < np.inf:
            raise ValueError(f"check_grads: {name} must be a number >= 0, got {value!r}")
    args = tuple([stop_gradient(arg) for arg in args])
    single = any(leaf_dtype(x) in (np.float32, np.complex64) for x in flatten(args)[0])
    tolerance = 2e-3 if single else 1e-6
    limits = _Limits(
        tolerance if atol is None else atol,
        tolerance if rtol is None else rtol,
        eps if eps is not None else (2e-2 if single else 1e-4),
        float(np.finfo(np.float32 if single else np.float64).eps),
        atol is None,
        eps is None,
    )
    _check(f, args, order, modes, limits, rng, function_name(f))


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    modes: Sequence[str],
    limits: _Limits,
    rng: np.random.Generator,
    name: str,
    splits: bool = True,
) -> None:
    """Check first derivatives, one argument and one output after the other; then the functions
    that compute them, all at once."""
    case = Case(f, args, name)
    direction = random_like(case.point, rng)
    weights = [_random(y, rng) for y in case.value]
    seeds = _parts(weights) if splits else [weights]
    pulled = [(w, case.gradient(w)) for w in seeds] if "rev" in modes else []
    for part in _parts(direction) if splits else [direction]:
        allowed: Vector = []
        wrong: Callable[[], str] | None = None
        for width in WIDTHS if limits.refines else WIDTHS[:1]:
            wrong = _compared(case, part, pulled, modes, width, allowed, limits)
            if wrong is None:
                break
        if wrong is not None:
            raise AssertionError(wrong())
    if order == 1:
        return
    tangents = case.arguments(direction)
    cotangent = case.cotangent(weights)
    if "fwd" in modes:
        _check(
            lambda *a: jvp(f, a, tangents)[1],
            args, order - 1, modes, limits, rng, f"jvp of {name}", False,
        )  # fmt: skip
    if "rev" in modes:
        _check(
            lambda *a: vjp(f, *a)[1](cotangent),
            args, order - 1, modes, limits, rng, f"vjp of {name}", False,
        )  # fmt: skip


def _compared(
    case: Case,
    direction: Vector,
    pulled: list[tuple[Vector, Vector]],
    modes: Sequence[str],
    width: float,
    allowed: Vector,
    limits: _Limits,
) -> Callable[[], str] | None:
    """None, or what makes the message that says which entry is wrong.

    What is `allowed` is found at the first width.
    """
    numerical, moved = case.measured(direction, width * limits.eps)
    if not all(bool(np.all(np.isfinite(d))) for d in numerical):
        raise AssertionError(
            f"{case.name} is not finite around the given arguments, so its derivative cannot be "
            "checked there; choose other arguments or a smaller eps"
        )
    if not allowed:
        allowed += case.allowed(direction, numerical, moved, limits)
    computed = case.forward(direction) if "fwd" in modes else numerical
    for got, want, most in zip(computed, numerical, allowed, strict=True):
        if got.shape != want.shape:
            raise AssertionError(
                f"jvp of {case.name} has a tangent of shape {got.shape} for an output of shape "
                f"{want.shape}"
            )
        if not np.all(np.abs(got - want) <= most):
            return lambda: _worst_forward(case, direction, computed, numerical, limits)
    for weights, gradient in pulled:  # sums over outputs, whose errors have random signs
        squares = sum([np.sum(np.abs(w * e) ** 2) for w, e in zip(weights, allowed, strict=True)])
        error = abs(dot(gradient, direction) - dot(weights, numerical))
        if not error <= SIGMAS * float(squares) ** 0.5:
            return partial(_worst_reverse, case, direction, gradient, weights, limits)
    return None


def _entries(case: Case, direction: Vector) -> list[tuple[str, Vector]]:
    """The name and the unit vector of every entry of the arguments that a direction moves."""
    paths: list[str] = []
    for i, treedef in enumerate(case.inputs.trees):
        paths += leaf_paths(treedef, f"argument {i}")
    entries: list[tuple[str, Vector]] = []
    for k, (path, x) in enumerate(zip(paths, case.point, strict=True)):
        directions = (("", 1.0), (" (times 1j)", 1j)) if is_complex(x) else (("", 1.0),)
        for index, (suffix, one) in product(np.ndindex(x.shape), directions):
            if direction[k][index] != 0.0:
                entries.append((path + _index(index) + suffix, _unit(case.point, k, index, one)))
    return entries


def _narrowed(direction: Vector, error: Callable[[Vector], float]) -> Vector:
    """The part of a direction with few entries along which the error is largest, by halves."""
    while sum([np.count_nonzero(t) for t in direction]) > MAX_ENTRIES:
        flat = np.concatenate([t.reshape(-1) for t in direction])
        places, ends = np.flatnonzero(flat), np.cumsum([t.size for t in direction])[:-1]
        halves = []
        for half in np.array_split(places, 2):
            part = np.zeros_like(flat)
            part[half] = flat[half]
            pairs = zip(np.split(part, ends), direction, strict=True)
            halves.append([np.asarray(v, t.dtype).reshape(t.shape) for v, t in pairs])
        direction = max(halves, key=error)
    return direction


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join([str(i) for i in index])}]" if index else ""


class _Worst(NamedTuple):
    """The entry that differs most so far: where it is, both numbers, and how to look at it again.

    ``weights()`` pick the output (a sum of all of them for a reverse derivative).
    """

    error: float = 0.0
    output: str = ""
    entry: str = ""
    computed: complex = 0.0
    numerical: complex = 0.0
    weights: Any = None
    unit: Any = None

    def than(self, *entry: Any) -> _Worst:
        """The worse of this entry and another: output, entry, both numbers, weights and unit."""
        output, name, computed, numerical, weights, unit = entry
        error = float(abs(computed - numerical))
        if not error <= self.error:  # also where it is nan
            return _Worst(error, output, name, computed, numerical, weights, unit)
        return self

    def message(self, case: Case, what: str, limits: _Limits) -> str:
        """What is wrong, by how much, and whose fault it seems to be."""
        verdict = self.verdict(case, limits)
        finding = "cannot be confirmed" if verdict.fault == "difference" else "is wrong"
        return (
            f"{what} of {case.name} {finding}: d {self.output} / d {self.entry} is computed as "
            f"{self.computed:.9g}, numerically it is {self.numerical:.9g} (difference "
            f"{self.error:.3g}); {verdict.words}"
        )

    def verdict(self, case: Case, limits: _Limits) -> Verdict:
        """What other witnesses say, who know functions of real numbers."""
        if any(map(is_complex, (*case.point, *case.value))):
            return Verdict("unknown", "there are no further witnesses for complex numbers")
        weights = self.weights()

        def along(step: Any) -> Any:
            values = (case.at_complex if isinstance(step, complex) else case.at)(step, self.unit)
            return sum([np.sum(w * y) for w, y in zip(weights, values, strict=True)])

        start = max(1.0, *[float(np.max(np.abs(x), initial=0.0)) for x in case.point]) / 8.0
        computed, numerical = float(self.computed.real), float(self.numerical.real)
        return judged(computed, numerical, along, along, start, limits.rtol)


def _unit(like: Vector, k: int, index: tuple[int, ...], one: complex = 1.0) -> Vector:
    """Zeros with a single one, in the shapes of a vector."""
    unit = [np.zeros_like(y) for y in like]
    unit[k][index] = one
    return unit


def _worst_forward(
    case: Case, direction: Vector, computed: Vector, numerical: Vector, limits: _Limits
) -> str:
    """Message with the entry of the Jacobian that is most wrong."""
    outputs = leaf_paths(case.out_tree, "output")

    def worse(worst: _Worst, name: str, unit: Vector, got: Vector, want: Vector) -> _Worst:
        for k, (path, d, e) in enumerate(zip(outputs, got, want, strict=True)):
            if d.size:
                index = tuple(map(int, np.unravel_index(np.argmax(np.abs(d - e)), d.shape)))
                weights = partial(_unit, got, k, index)
                where = path + _index(index)
                worst = worst.than(where, name, d[index], e[index], weights, unit)
        return worst

    def error(part: Vector) -> float:
        pairs = zip(case.forward(part), case.numerical(part, limits.eps), strict=True)
        return max([_largest(d - e) for d, e in pairs])

    worst = _Worst()
    for name, unit in _entries(case, _narrowed(direction, error)):
        worst = worse(worst, name, unit, case.forward(unit), case.numerical(unit, limits.eps))
    if not worst.output:
        worst = worse(worst, "the random direction", direction, computed, numerical)
    return worst.message(case, "the forward derivative (jvp)", limits)


def _worst_reverse(
    case: Case, direction: Vector, gradient: Vector, weights: Vector, limits: _Limits
) -> str:
    """Message with the entry of the gradient that is most wrong."""

    def error(part: Vector) -> float:
        return abs(dot(gradient, part) - dot(weights, case.numerical(part, limits.eps)))

    worst = _Worst()
    for name, unit in _entries(case, _narrowed(direction, error)):
        want = dot(weights, case.numerical(unit, limits.eps))
        got = dot(gradient, unit)
        worst = worst.than("(weighted sum of the outputs)", name, got, want, lambda: weights, unit)
    return worst.message(case, "the reverse derivative (vjp)", limits)


def __dir__() -> list[str]:
    return sorted(__all__)
