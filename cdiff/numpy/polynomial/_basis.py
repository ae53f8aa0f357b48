"""Series in a basis of polynomials, given by its recurrence: the functions of `numpy.polynomial`.

Every basis of NumPy has p[k+1] = (a[k] x + b[k]) p[k] - c[k] p[k-1], p[0] = 1. Values are
Clenshaw's sum, a product is the same sum with "times x" as a matrix in place of x, roots are the
eigenvalues of that matrix, and derivatives and integrals are the matrices that NumPy's own
functions make of the unit vectors: so no basis needs a rule of its own. Coefficients that are
differentiated are never trimmed. This file must not know derivatives.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, any_array
from cdiff._face import misfit
from cdiff.numpy._common import as_array, axis_of, of_values
from cdiff.numpy._decompositions import eigenvalues
from cdiff.numpy._least_squares import least_squares
from cdiff.numpy._values import nonzero

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Basis"]


def _order(x: Any) -> Any:
    return np.argsort(x)


def _coefficients(c: Any, name: str) -> Array:
    a = as_array(c)
    a = _core.reshape(a, (1,)) if not a.ndim else a
    if not a.size:
        raise misfit(f"{name}: coefficients are needed, got shape {a.shape}")
    return a if a.dtype.kind in "fc" else _core.cast(a, float)


def _series(c: Any, name: str) -> Array:
    a = _coefficients(c, name)
    if a.ndim != 1:
        raise misfit(f"{name}: coefficients must be 1-d, got shape {a.shape}")
    return a


def _real(a: Array) -> Any:
    """The dtype of the real parts."""
    return a.dtype.char.lower() if a.dtype.kind == "c" else a.dtype


def _padded(a: Array, n: int) -> Array:
    missing = n - a.shape[0]
    zeros = np.zeros((max(missing, 0), *a.shape[1:]), a.dtype)
    return _core.concatenate([a, zeros], 0) if missing > 0 else a


# What is differentiated by s at 3, with {p} for the module and prefix, and the result.
EXAMPLES = {
    "val": "{p}val(2.0, s * x) = 2.0",
    "val2d": "{p}val2d(s, 2.0, np.outer(x, x)) = 2.0",
    "val3d": "{p}val3d(s, 2.0, 2.0, np.multiply.outer(np.outer(x, x), x)) = 4.0",
    "grid2d": "{p}grid2d([s], [2.0], np.outer(x, x)).sum() = 2.0",
    "grid3d": "{p}grid3d([s], [2.0], [2.0], np.multiply.outer(np.outer(x, x), x)).sum() = 4.0",
    "vander": "({p}vander(s, 1) @ x).sum() = 1.0",
    "add": "{p}val(2.0, {p}add(s * x, s * x)) = 4.0",
    "sub": "{p}val(2.0, {p}sub([1.0], s * x)) = -2.0",
    "mul": "{p}val(2.0, {p}mul(s * x, s * x)) = 24.0",
    "mulx": "{p}val(2.0, {p}mulx(s * x)) = 4.0",
    "div": "{p}val(2.0, {p}div(s * x, [2.0])[0]) = 1.0",
    "pow": "{p}val(2.0, {p}pow(s * x, 2)) = 24.0",
    "der": "{p}val(2.0, {p}der(s * x)) = 1.0",
    "int": "{p}val(2.0, {p}int(s * x)) = 2.0",
    "line": "{p}val(2.0, {p}line(0.0, s)) = 2.0",
    "fromroots": "{p}val(2.0, {p}fromroots([s])) = -1.0",
    "roots": "{p}roots({p}fromroots([s]))[0] = 1.0",
    "fit": "{p}val(2.0, {p}fit([0.0, 1.0], [s, 2.0 * s], 1)) = 3.0",
    "trim": "{p}val(2.0, {p}trim(s * x)) = 2.0",
}


class Basis:
    """The functions of one module of `numpy.polynomial`.

    Parameters
    ----------
    module : module
        NumPy's.
    prefix : str
        What its functions' names begin with.
    recurrence : callable
        From k to (a[k], b[k], c[k]).
    """

    def __init__(
        self, module: Any, prefix: str, recurrence: Callable[[int], tuple[float, float, float]]
    ) -> None:
        self.module, self.prefix, self.recurrence = module, prefix, recurrence

    def functions(self) -> dict[str, Any]:
        """Our functions by NumPy's names; calls without any `Array` are NumPy's own."""
        names = ("val", "val2d", "val3d", "grid2d", "grid3d", "vander", "add", "sub", "mul", "mulx",
                 "div", "pow", "der", "int", "line", "fromroots", "roots", "fit",
                 "trim")  # fmt: skip
        return {self.prefix + name: self._mirrored(name) for name in names}

    def _mirrored(self, name: str) -> Any:
        ours, theirs = getattr(self, name), getattr(self.module, self.prefix + name)

        def mirror(*args: Any, **kwargs: Any) -> Any:
            tracked = any_array(*args) or (kwargs and any_array(*kwargs.values()))
            return (ours if tracked else theirs)(*args, **kwargs)

        mirror.__name__ = mirror.__qualname__ = self.prefix + name
        mirror.__doc__ = self._explained(name, theirs)
        return mirror

    def _explained(self, name: str, theirs: Any) -> str:
        """NumPy's docstring below an example, which is about s * x and has the same result in every
        basis."""
        call, found = EXAMPLES[name].format(p=f"p.{self.prefix}").rsplit(" = ", 1)
        lines = (
            f"As `{self.module.__name__}.{self.prefix}{name}`, also of Arrays.",
            "",
            f">>> p = cnp.polynomial.{self.module.__name__.rpartition('.')[2]}",
            f">>> x = p.{self.prefix}line(0.0, 1.0)",
            f">>> round(cd.grad(lambda s: {call})(3.0), 6)",
            found,
            "",
        )
        return "\n    ".join(lines) + (theirs.__doc__ or "")

    # --- values -----------------------------------------------------------------------------------

    def clenshaw(self, c: list[Any], times: Callable[[Any], Any]) -> Any:
        """The sum of c[k] p[k], where `times` multiplies with x."""
        later: Any = None
        found = c[-1]
        for k in range(len(c) - 2, -1, -1):
            a, b, _ = self.recurrence(k)
            step = c[k] + a * times(found)
            step = step + b * found if b else step
            if later is not None:
                step = step - self.recurrence(k + 1)[2] * later
            later, found = found, step
        return found

    def val(self, x: Any, c: Any, tensor: bool = True) -> Array:
        name = self.prefix + "val"
        x, c = as_array(x), _coefficients(c, name)
        if tensor and x.ndim:
            c = _core.reshape(c, c.shape + (1,) * x.ndim)
        # Where there are no powers of x the shape is still that of all.
        return self.clenshaw([c[k] for k in range(c.shape[0])], lambda f: f * x) + 0.0 * x

    def val2d(self, x: Any, y: Any, c: Any) -> Array:
        return self.val(y, self.val(x, c), tensor=False)

    def val3d(self, x: Any, y: Any, z: Any, c: Any) -> Array:
        return self.val(z, self.val2d(x, y, c), tensor=False)

    def grid2d(self, x: Any, y: Any, c: Any) -> Array:
        return self.val(y, self.val(x, c))

    def grid3d(self, x: Any, y: Any, z: Any, c: Any) -> Array:
        return self.val(z, self.grid2d(x, y, c))

    def vander(self, x: Any, deg: int) -> Array:
        if deg < 0:
            raise ValueError(f"{self.prefix}vander: deg must be non-negative, not {deg}")
        x = as_array(x)
        x = _core.reshape(x, (1,)) if not x.ndim else x
        rows = [0.0 * x + 1.0]
        for k in range(deg):
            a, b, c = self.recurrence(k)
            step = (a * x + b) * rows[k]
            rows.append(step - c * rows[k - 1] if k and c else step)
        return _core.concatenate([_core.reshape(r, (*x.shape, 1)) for r in rows], x.ndim)

    # --- arithmetic -------------------------------------------------------------------------------

    def _pair(self, c1: Any, c2: Any, name: str) -> tuple[Array, Array]:
        a, b = _series(c1, self.prefix + name), _series(c2, self.prefix + name)
        n = max(a.size, b.size)
        return _padded(a, n), _padded(b, n)

    def add(self, c1: Any, c2: Any) -> Array:
        a, b = self._pair(c1, c2, "add")
        return a + b

    def sub(self, c1: Any, c2: Any) -> Array:
        a, b = self._pair(c1, c2, "sub")
        return a - b

    def _times_x(self, n: int, *factors: Array) -> Any:
        """The matrix that multiplies n coefficients with x, without what is of degree n."""
        matrix = np.zeros((n, n))
        for k in range(n):
            a, b, c = self.recurrence(k)
            matrix[k, k] = -b / a
            if k + 1 < n:
                matrix[k + 1, k] = 1 / a
            if k:
                matrix[k - 1, k] = c / a
        return as_array(matrix.astype(np.result_type(np.float32, *[_real(x) for x in factors])))

    def mulx(self, c: Any) -> Array:
        a = _series(c, self.prefix + "mulx")
        n = a.size + 1
        return _core.matmul(self._times_x(n, a), _padded(a, n))

    def mul(self, c1: Any, c2: Any) -> Array:
        a, b = _series(c1, self.prefix + "mul"), _series(c2, self.prefix + "mul")
        n = a.size + b.size - 1
        if a.size > b.size:
            a, b = b, a
        times, b = self._times_x(n, a, b), _padded(b, n)
        return self.clenshaw([a[k] * b for k in range(a.size)], lambda f: _core.matmul(times, f))

    def div(self, c1: Any, c2: Any) -> tuple[Array, Array]:
        rest, by = _series(c1, self.prefix + "div"), _series(c2, self.prefix + "div")
        if bool(_core.equal(by[by.size - 1], 0.0)):
            raise ZeroDivisionError(f"{self.prefix}div: the divisor's last coefficient is 0")
        found: list[Any] = []
        for k in range(rest.size - by.size, -1, -1):
            product = self.mul(np.eye(k + 1, dtype=by.dtype)[k], by)
            factor = rest[rest.size - 1] / product[product.size - 1]
            found.insert(0, _core.reshape(factor, (1,)))
            rest = rest[:-1] - factor * product[:-1]
        if not found:
            return rest[:1] * 0.0, rest
        return _core.concatenate(found, 0), rest if rest.size else 0.0 * by[:1]

    def pow(self, c: Any, pow: int, maxpower: int | None = None) -> Array:
        power = int(pow)
        if power != pow or power < 0 or (maxpower is not None and power > maxpower):
            raise ValueError(f"{self.prefix}pow: power must be a small non-negative integer: {pow}")
        a = _series(c, self.prefix + "pow")
        found: Any = 0.0 * a[:1] + 1.0
        for _ in range(power):
            found = self.mul(found, a)
        return found

    # --- calculus ---------------------------------------------------------------------------------

    def _along(self, c: Any, axis: int, f: Callable[[Array], Array], name: str) -> Array:
        a = _coefficients(c, name)
        axis = axis_of(a, axis, name)
        order = [axis, *[k for k in range(a.ndim) if k != axis]]
        return _core.transpose(f(_core.transpose(a, order)), np.argsort(order).tolist())

    def der(self, c: Any, m: int = 1, scl: Any = 1, axis: int = 0) -> Array:
        if m < 0 or m != int(m):
            raise ValueError(f"{self.prefix}der: the order of derivation must be non-negative: {m}")

        def derived(a: Array) -> Array:
            n = a.shape[0]
            table = getattr(self.module, self.prefix + "der")(np.eye(n), int(m))
            flat = _core.matmul(as_array(table), _core.reshape(a, (n, a.size // n)))
            found = _core.reshape(flat, (table.shape[0], *a.shape[1:])) * scl ** int(m)
            return _core.cast(found, a.dtype)

        return self._along(c, axis, derived, self.prefix + "der")

    def int(
        self, c: Any, m: Any = 1, k: Any = (), lbnd: Any = 0, scl: Any = 1, axis: Any = 0
    ) -> Array:
        constants = list(k) if isinstance(k, (list, tuple)) or np.ndim(k) else [k]
        if m < 0 or m != operator.index(m) or len(constants) > m:
            raise ValueError(f"{self.prefix}int: {len(constants)} constants for {m} integrations")
        constants += [0.0] * (m - len(constants))

        def integrated(a: Array) -> Array:
            dtype = a.dtype
            for constant in constants:
                n = a.shape[0]
                table = getattr(self.module, self.prefix + "int")(np.eye(n))
                flat = _core.matmul(as_array(table), _core.reshape(a, (n, a.size // n)))
                a = _core.reshape(flat, (n + 1, *a.shape[1:])) * scl
                first = constant - self.val(lbnd, a)
                a = a + _padded(_core.reshape(first, (1, *a.shape[1:])), n + 1)
            return _core.cast(a, dtype)

        return self._along(c, axis, integrated, self.prefix + "int")

    # --- roots, what is small, and fits -----------------------------------------------------------

    def trim(self, c: Any, tol: float = 0) -> Array:
        if tol < 0:
            raise ValueError(f"{self.prefix}trim: tol must be non-negative, not {tol}")
        a = _series(c, self.prefix + "trim")
        [places] = nonzero(_core.greater(np.abs(a), tol))
        return a[: int(places.max()) + 1] if places.size else a[:1] * 0.0

    def line(self, off: Any, scl: Any) -> Array:
        a, b, _ = self.recurrence(0)
        parts = [as_array(off) - as_array(scl) * (b / a), as_array(scl) / a]
        return _core.concatenate([_core.reshape(x, (1,)) for x in parts], 0)

    def fromroots(self, roots: Any) -> Array:
        zeros = _series(roots, self.prefix + "fromroots")
        found: Any = as_array(np.ones(1))
        for k in range(zeros.size):
            found = self.mul(found, self.line(-zeros[k], 1.0))
        return found

    def _companion(self, a: Array) -> Array:
        """The matrix whose eigenvalues are the zeros of a series (NumPy scales and turns it)."""
        n = a.size - 1
        # In the last column stands x p[n-1], from which p[n] is taken out by the series.
        last = _core.reshape(a[:-1] / (a[n] * self.recurrence(n - 1)[0]), (n, 1))
        return self._times_x(n, a) - last * np.eye(n, dtype=last.dtype)[n - 1]

    def roots(self, c: Any) -> Array:
        a = _series(c, self.prefix + "roots")
        if a.size < 2:
            return as_array(np.zeros(0))
        found = eigenvalues(self._companion(a), self.prefix + "roots", False)
        return found[of_values(_order, found)]

    def fit(
        self, x: Any, y: Any, deg: Any, rcond: float | None = None, full: bool = False,
        w: Any = None,
    ) -> Any:  # fmt: skip
        name, x, y = self.prefix + "fit", as_array(x) + 0.0, as_array(y) + 0.0
        if x.ndim != 1 or y.ndim not in (1, 2) or x.size != y.shape[0] or not x.size:
            raise misfit(f"{name}: shapes of x {x.shape} and y {y.shape} do not fit", TypeError)
        chosen = np.arange(deg + 1) if np.ndim(deg) == 0 else np.sort(np.asarray(deg))
        if np.ndim(deg) > 1 or not chosen.size or chosen[0] < 0:
            raise ValueError(f"{name}: deg must be a non-negative integer or a list of them: {deg}")
        size = operator.index(chosen[-1]) + 1
        left, right = self.vander(x, size - 1)[:, chosen], y
        if w is not None:
            weights = as_array(w) + 0.0
            if weights.shape != x.shape:
                raise misfit(
                    f"{name}: expected w of shape {x.shape}, not {weights.shape}", TypeError
                )
            column = _core.reshape(weights, (x.size, 1))
            left, right = left * column, right * (column if right.ndim == 2 else weights)
        scale = _core.norm2(left, (0,), False)
        rcond = x.size * float(np.finfo(x.dtype).eps) if rcond is None else rcond
        c, resids, rank, s = least_squares(left / scale, right, rcond, name)
        c = (c.T / scale).T
        if chosen.size < size:
            c = _core.matmul(as_array(np.eye(size)[:, chosen]), c)
        return (c, [resids, rank, s, rcond]) if full else c
