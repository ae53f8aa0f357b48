"""`scipy.linalg.solve_continuous_are` and `solve_discrete_are` as operators of three matrices.

With G = B R^-1 B^H both equations know B and R only by G, and the options e and s only change A and
Q. The derivative of the solution solves a linear (Lyapunov) equation of the closed loop. Values are
SciPy's. It knows nothing of SciPy's keywords but in the two functions below.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, call
from cdiff._face import misfit
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy._common import adjoint
from cdiff.numpy._linalg import kron
from cdiff.scipy._matrix import Solve, Sylvester
from cdiff.scipy._need import scipy_module
from cdiff.scipy._structure import matrix_of, promoted, square_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["solve_continuous_are", "solve_discrete_are"]

_linalg = scipy_module("linalg")


class Riccati(PointCallee):
    """The stabilising solution for A, G and Q, of which the last two are Hermitian.

    Parameters
    ----------
    discrete : bool
    """

    def __init__(self, discrete: bool) -> None:
        self.discrete = discrete
        self.name = "solve_discrete_are" if discrete else "solve_continuous_are"

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return Riccati, (self.discrete,)

    def value(self, arrays: list[Any]) -> Any:
        a, g, q = arrays
        w, v = np.linalg.eigh((g + g.conj().T) / 2)
        some = np.abs(w) > len(w) * np.finfo(w.dtype).eps * np.abs(w).max(initial=0.0)
        some[-1] |= not some.any()  # without control there is still a column, of zeros
        b, r = v[:, some] * np.sqrt(np.abs(w[some])), np.diag(np.where(w[some] < 0, -1.0, 1.0))
        q = (q + q.conj().T) / 2
        return getattr(_linalg, self.name)(a, b, q, r).astype(a.dtype, copy=False)

    def loop(self, y: Array, a: Array, g: Array) -> Array:
        """The matrix of the closed loop."""
        if self.discrete:
            return _core.solve(np.eye(a.shape[0], dtype=a.dtype) + g @ y, a)
        return a - g @ y

    def change(self, loop: Array, m: Array) -> Array:
        """The change of the solution where the equation's left side changes by m."""
        if not self.discrete:
            return call(Sylvester(), [adjoint(loop), loop, -m])
        n = m.shape[0]
        system = np.eye(n * n, dtype=m.dtype) - kron(adjoint(loop), loop.mT)
        return _core.reshape(call(Solve(None), [system, _core.reshape(m, (n * n, 1))]), (n, n))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        loop = self.loop(y, *operands[:2])
        w = self.change(loop.mT, g)
        near = loop if self.discrete else np.eye(len(loop), dtype=g.dtype)
        # m = dA^H y near + near^H y dA - near^H y dG y near + dQ
        left = y @ near
        turned = _core.conj(left)
        return [turned @ (w + adjoint(w)), -(turned @ w @ left.mT), w]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        loop = self.loop(y, *operands[:2])
        near = loop if self.discrete else np.eye(len(loop), dtype=y.dtype)
        left = y @ near
        ta, tg, tq = tangents
        terms: list[Any] = [] if tq is None else [tq]
        terms += [] if ta is None else [adjoint(ta) @ left + adjoint(left) @ ta]
        terms += [] if tg is None else [-(adjoint(left) @ tg @ left)]
        return self.change(loop, sum(terms[1:], terms[0]))


def _hermitian(x: Array) -> Array:
    return (x + adjoint(x)) / 2


def _solved(discrete: bool, a: Any, b: Any, q: Any, r: Any, e: Any, s: Any) -> Array:
    operator = Riccati(discrete)
    name = operator.name
    a, b, q, r = promoted(square_of(a, name), matrix_of(b, name), square_of(q, name),
                          square_of(r, name))  # fmt: skip
    n, m = a.shape[0], b.shape[1]
    found = [x.shape for x in (a, b, q, r)]
    if found != [(n, n), (n, m), (n, n), (m, m)]:
        raise misfit(f"{name}: shapes {', '.join(map(str, found))} of a, b, q and r do not fit")
    r, q = _hermitian(r), _hermitian(q)
    if e is not None:
        a, b, q, r, e = promoted(a, b, q, r, square_of(e, name))
        back = adjoint(e)
        a, q = _core.solve(e.mT, a.mT).mT, _core.solve(back, adjoint(_core.solve(back, q)))
    if s is not None:
        a, b, q, r, s = promoted(a, b, q, r, matrix_of(s, name))
        s = s if e is None else _core.solve(adjoint(e), s)
        gain = _core.solve(r, adjoint(s))
        a, q = a - b @ gain, q - s @ gain
    return call(operator, [a, b @ _core.solve(r, adjoint(b)), q])


def _function(discrete: bool, slope: float) -> Callable[..., Array]:
    """One of the two equations; `slope` is what its example shows."""

    def function(
        a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True
    ) -> Array:
        return _solved(discrete, a, b, q, r, e, s)

    function.__name__ = function.__qualname__ = Riccati(discrete).name
    function.__doc__ = (
        f"As `scipy.linalg.{function.__name__}`, by all matrices; q and r count by their Hermitian "
        "parts, and r must have an inverse.\n\n"
        ">>> one = np.eye(1)\n"
        f">>> f = lambda q: csl.{function.__name__}(one, one, q * one, one).sum()\n"
        f">>> round(cd.grad(f)(1.0), 4)\n{slope}"
    )
    return function


solve_continuous_are = _function(False, 0.3536)
solve_discrete_are = _function(True, 1.1708)
