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

from cdiff._core import array
from cdiff._evidence import Verdict, judged
from cdiff._forward import jvp
from cdiff._leaves import check_output, is_complex, leaf_dtype, restore
from cdiff._reverse import stop_gradient, vjp
from cdiff._tree import flatten, leaf_paths, unflatten
from cdiff._wrap import Inputs, check_function, check_seed, function_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Vector = list[npt.NDArray[Any]]

__all__ = ["check_grads"]

MODES = ("fwd", "rev")
# Entries that are visited one by one to name the worst in the message.
MAX_ENTRIES = 1000


class _Limits(NamedTuple):
    """Tolerances, the step of the differences and the rounding unit of the numbers."""

    atol: float
    rtol: float
    eps: float
    unit: float


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
        coarse = _difference(self.at(eps, direction), self.at(-eps, direction), 2 * eps)
        fine = _difference(self.at(eps / 2, direction), self.at(-eps / 2, direction), eps)
        return [(4 * b - a) / 3 for a, b in zip(coarse, fine, strict=True)]

    def forward(self, direction: Vector) -> Vector:
        tangent = jvp(self.f, tuple(self.args), self.arguments(direction))[1]
        return self.outputs(tangent)[0]

    def reverse(self, weights: Vector) -> Vector:
        pull = vjp(self.f, *self.args)[1]
        leaves, _ = flatten(pull(self.cotangent(weights)))
        return [_double(g) for g in leaves]

    def noise(self, limits: _Limits) -> float:
        """What rounding in the function's values can do to a numerical derivative."""
        largest = max([float(np.max(np.abs(y))) for y in self.value if y.size], default=0.0)
        return 16 * limits.unit * largest / limits.eps


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
        `f` explains. Default 1e-6 (2e-3 if there is a float32 argument).
    eps : float, optional
        Step of the differences, times the size of the entries. Default 1e-4 (2e-2 for
        float32).
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
        If an argument of `check_grads` is wrong.

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
) -> None:
    """Check first derivatives, then the functions that compute them."""
    case = Case(f, args, name)
    direction = random_like(case.point, rng)
    weights = [_random(y, rng) for y in case.value]
    numerical = case.numerical(direction, limits.eps)
    if not all(bool(np.all(np.isfinite(d))) for d in numerical):
        raise AssertionError(
            f"{name} is not finite around the given arguments, so its derivative cannot be "
            "checked there; choose other arguments or a smaller eps"
        )
    if "fwd" in modes:
        _compare_forward(case, direction, numerical, limits)
    if "rev" in modes:
        _compare_reverse(case, direction, weights, numerical, limits)
    if order == 1:
        return
    tangents = case.arguments(direction)
    cotangent = case.cotangent(weights)
    if "fwd" in modes:
        _check(
            lambda *a: jvp(f, a, tangents)[1],
            args, order - 1, modes, limits, rng, f"jvp of {name}",
        )  # fmt: skip
    if "rev" in modes:
        _check(
            lambda *a: vjp(f, *a)[1](cotangent),
            args, order - 1, modes, limits, rng, f"vjp of {name}",
        )  # fmt: skip


def _compare_forward(case: Case, direction: Vector, numerical: Vector, limits: _Limits) -> None:
    computed = case.forward(direction)
    noise = case.noise(limits)
    for got, want in zip(computed, numerical, strict=True):
        if got.shape != want.shape:
            raise AssertionError(
                f"jvp of {case.name} has a tangent of shape {got.shape} for an output of shape "
                f"{want.shape}"
            )
        allowed = limits.atol + noise + limits.rtol * np.abs(want)
        if not np.all(np.abs(got - want) <= allowed):
            raise AssertionError(_worst_forward(case, direction, computed, numerical, limits))


def _compare_reverse(
    case: Case, direction: Vector, weights: Vector, numerical: Vector, limits: _Limits
) -> None:
    gradient = case.reverse(weights)
    for got, x in zip(gradient, case.point, strict=True):
        if got.shape != x.shape:
            raise AssertionError(
                f"vjp of {case.name} has a cotangent of shape {got.shape} for an argument of "
                f"shape {x.shape}"
            )
    computed, expected = dot(gradient, direction), dot(weights, numerical)
    size = sum([float(np.sum(np.abs(w * d))) for w, d in zip(weights, numerical, strict=True)])
    n_out = sum([w.size for w in weights])
    allowed = (limits.atol + case.noise(limits)) * max(1, n_out) + limits.rtol * size
    if not abs(computed - expected) <= allowed:
        raise AssertionError(_worst_reverse(case, gradient, weights, limits))


def _entries(case: Case) -> list[tuple[str, Vector]]:
    """The name and the unit vector of every entry of the arguments."""
    paths: list[str] = []
    for i, treedef in enumerate(case.inputs.trees):
        paths += leaf_paths(treedef, f"argument {i}")
    entries: list[tuple[str, Vector]] = []
    for k, (path, x) in enumerate(zip(paths, case.point, strict=True)):
        directions = (("", 1.0), (" (times 1j)", 1j)) if is_complex(x) else (("", 1.0),)
        for index, (suffix, one) in product(np.ndindex(x.shape), directions):
            if len(entries) == MAX_ENTRIES:
                return entries
            entries.append((path + _index(index) + suffix, _unit(case.point, k, index, one)))
    return entries


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
            for index in np.ndindex(d.shape):
                weights = partial(_unit, got, k, index)
                where = path + _index(index)
                worst = worst.than(where, name, d[index], e[index], weights, unit)
        return worst

    worst = _Worst()
    for name, unit in _entries(case):
        worst = worse(worst, name, unit, case.forward(unit), case.numerical(unit, limits.eps))
    if not worst.output:
        worst = worse(worst, "the random direction", direction, computed, numerical)
    return worst.message(case, "the forward derivative (jvp)", limits)


def _worst_reverse(case: Case, gradient: Vector, weights: Vector, limits: _Limits) -> str:
    """Message with the entry of the gradient that is most wrong."""
    worst = _Worst()
    for name, unit in _entries(case):
        want = dot(weights, case.numerical(unit, limits.eps))
        got = dot(gradient, unit)
        worst = worst.than("(weighted sum of the outputs)", name, got, want, lambda: weights, unit)
    return worst.message(case, "the reverse derivative (vjp)", limits)


def __dir__() -> list[str]:
    return sorted(__all__)
