"""Quantiles of families whose distribution function has no inverse in a table.

The value is SciPy's, which searches; the derivatives are those of the inverse function: of
F(y, shapes) = q, so dy = (dq - dF by the shapes) / f(y), with the distribution function and the
density of the family, which are differentiated in turn, so that every order follows. It must not
know any particular family, and costs what SciPy's search costs.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, Callee, call, zmul
from cdiff._transformations._forward import jvp
from cdiff._transformations._mapped import Broadcast
from cdiff.numpy._common import as_array
from cdiff.scipy._need import scipy_module
from cdiff.scipy._stats_table import CONTINUOUS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["DISTRIBUTIONS", "Quantile", "quantile"]

# Distribution function, density and ends of the support by names; cdiff.scipy.stats fills it.
DISTRIBUTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {}


class Quantile(Callee):
    """The quantile of a family at standard location and scale, of q and the shapes.

    Parameters
    ----------
    name : str
        Of the family.
    falling : bool
        Whether q is the probability above it (`isf`), and not below.
    """

    def __init__(self, name: str, falling: bool) -> None:
        if name not in CONTINUOUS:
            raise ValueError(f"{name!r:.40} is no distribution that has a derivative")
        self.name, self.falling = name, bool(falling)
        distribution = getattr(scipy_module("stats"), name)
        self.function = distribution.isf if self.falling else distribution.ppf

    def __repr__(self) -> str:
        return f"{self.name}.{'isf' if self.falling else 'ppf'}"

    def __reduce__(self) -> Any:
        return Quantile, (self.name, self.falling)

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return Broadcast(self, n, flags)

    def value(self, arrays: list[Any]) -> Any:
        dtype = np.result_type(*arrays, np.float32)
        return np.asarray(self.function(*arrays)).astype(dtype, copy=False)

    def slope(self, k: int, y: Array, operands: list[Array]) -> Array:
        """The derivative by operand k."""
        cdf, density, ends = DISTRIBUTIONS[self.name]
        q, *shapes = operands
        if k == 0:
            return (-1.0 if self.falling else 1.0) / density(y, *shapes)
        upper = _core.greater(q, 0.5) ^ self.falling

        def by_shape(s: Any) -> Any:
            others = [*shapes[: k - 1], s, *shapes[k:]]
            return cdf(y, *others), _core.where(upper, *ends(others)[::-1]) + 0.0 * s

        shape = _core.broadcast_to(shapes[k - 1], y.shape)
        change, moved = jvp(by_shape, (shape,), (as_array(np.ones(y.shape, shape.dtype)),))[1]
        inside = _core.greater(q, 0.0) & _core.less(q, 1.0)
        return _core.where(inside, -change / density(y, *shapes), moved)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [zmul(g, self.slope(k, y, operands)) if w else None for k, w in enumerate(wanted)]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        terms = [zmul(t, self.slope(k, y, operands)) for k, t in enumerate(tangents)
                 if t is not None]  # fmt: skip
        return sum(terms[1:], terms[0])


def quantile(name: str, falling: bool, q: Any, shapes: Sequence[Any]) -> Array:
    """The quantile of probabilities, of which, or of the shapes, one is an `Array`.

    Parameters
    ----------
    name : str
        Of the family.
    falling : bool
        Whether q is the probability above it.
    q : Array or number
    shapes : sequence of Array or number

    Returns
    -------
    Array
    """
    return call(Quantile(name, falling), [as_array(x) for x in (q, *shapes)])
