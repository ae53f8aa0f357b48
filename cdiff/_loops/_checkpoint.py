"""Functions that are computed again in the reverse sweep instead of being remembered: `checkpoint`.

The function is recorded as a program, its graph is let go at once, and what stands in the outer
graph is one operator: its inputs, its result, and the program. The reverse sweep replays that under
one more differentiation. Knows bodies and containers; it must not know what the function computes.
The price is one more run of the function in compiled code; the memory is that of its inputs and
results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import flatten, unflatten
from cdiff._arguments._wrap import Transformed
from cdiff._bodies._beside import tracked_reads
from cdiff._bodies._body import Body, callees_of, refuse_lost
from cdiff._bodies._packing import Packing, has_derivative
from cdiff._core import (
    Array,
    Level,
    array,
    below,
    call,
    dual,
    is_tracked,
    leaf,
    peek,
    pullback,
    undual,
)
from cdiff._rules._rules import Arguments
from cdiff._transformations._mapped import PointCallee

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

    from cdiff._core import Program

__all__ = ["Recorded", "checkpoint"]


class Recorded(PointCallee):
    """A recorded function as one operator, which keeps nothing but the function.

    Parameters
    ----------
    body : Body
    bare : bool, default True
    apart : bool, default False
        As for `Packing`.
    """

    def __init__(self, body: Body, bare: bool = True, apart: bool = False) -> None:
        self.body = body
        self.packing = Packing(body.results, bare, apart)

    def __repr__(self) -> str:
        return "checkpoint"

    def value(self, arrays: list[Any]) -> Any:
        return self.packing.pack_plain(self.body.run(arrays))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        with Level() as level:
            pairs = zip(operands, wanted, strict=True)
            inputs = [leaf(x, level) if want else x for x, want in pairs]
            outputs = self.body.apply(inputs)
            taken = [k for k, spec in enumerate(self.packing.specs) if has_derivative(spec)]
            leaves = [x for x, want in zip(inputs, wanted, strict=True) if want]
            cotangents = [self.packing.cotangent(g, k) for k in taken]
            found = iter(pullback([outputs[k] for k in taken], cotangents, leaves, level))
        return [next(found) if want else None for want in wanted]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        with Level() as level:
            pairs = zip(operands, tangents, strict=True)
            inputs = [x if t is None else dual(x, t, level) for x, t in pairs]
            found = [undual(z, level)[1] for z in self.body.apply(inputs)]
        return self.packing.pack(
            [
                array(np.zeros(shape, dtype)) if t is None else t
                for t, (dtype, shape) in zip(found, self.packing.specs, strict=True)
            ]
        )


class _Checkpoint(Transformed):
    """What `checkpoint` returns."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        arguments = Arguments((args, kwargs), ())
        operands = arguments.operands()
        if below(operands) is None:
            return self._f(*args, **kwargs)
        recording = _Recording(self._f, arguments.forget())
        body = Body(recording, len(operands))
        values = body.run([peek(array(x)) for x in operands])
        assert body.paths is not None
        program = body.paths.last.program
        if _reads_closures(program):  # where a rule would find the values of this recording
            return self._f(*args, **kwargs)
        body.seal()
        given = [*map(array, operands), *body.captured]
        refuse_lost(program, [peek(x) for x in given], [*map(is_tracked, given)])
        recorded = Recorded(body)
        value = recorded.packing.pack_plain(values)
        y = call(recorded, [*operands, *body.captured], value)
        return recording.result(recorded.packing.unpack(y))


def _reads_closures(program: Program) -> bool:
    """Do rules of the operators in a program read tracked values from closures?"""
    for callee in callees_of(program):
        found: Any = callee
        while hasattr(found, "callee"):  # at many points
            found = found.callee
        if tracked_reads(getattr(found, "functions", ())):
            return True
    return False


class _Recording:
    """The function of the differentiable leaves of its arguments.

    Parameters
    ----------
    f : callable
    arguments : Arguments
        Without the leaves, of which newer versions may depend on the result.
    """

    def __init__(self, f: Callable[..., Any], arguments: Arguments) -> None:
        self.f = f
        self.arguments = arguments
        self.form: Any = None

    def __call__(self, nodes: list[Array]) -> list[Any]:
        args, kwargs = self.arguments.filled(nodes, self.arguments.leaves)
        leaves, tree = flatten(self.f(*args, **kwargs))
        places = [k for k, y in enumerate(leaves) if isinstance(y, (Array, np.ndarray))]
        found = [leaves[k] for k in places]
        for k in places:
            leaves[k] = None
        self.form = leaves, places, tree
        return found

    def result(self, arrays: list[Array]) -> Any:
        """What the function returned, with these arrays in it."""
        leaves, places, tree = self.form
        leaves = list(leaves)
        for k, y in zip(places, arrays, strict=True):
            leaves[k] = y
        return unflatten(tree, leaves)


def checkpoint(f: F) -> F:
    """The same function, computed once more in the reverse sweep instead of being remembered.

    Reverse mode keeps every intermediate value of a function; of a checkpointed one it keeps the
    arguments and the result.

    Parameters
    ----------
    f : callable
        Any function of floats, arrays and containers of them.

    Returns
    -------
    callable
        With the arguments, the result and the derivatives of `f`, in all modes and orders.

    Raises
    ------
    TypeError
        If `f` is not callable.

    Notes
    -----
    The operations are recorded once and replayed, so random numbers stay the same, and side
    effects happen once. A function with a derivative rule that reads a tracked value from its
    closure is run a second time instead, and remembered.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> layer = cd.checkpoint(lambda x: np.tanh(np.sin(x) * x))
    >>> round(cd.grad(lambda x: layer(layer(x)))(0.5), 12)
    0.399376090384
    """
    made: Any = _Checkpoint(f, checkpoint, {})
    found: F = made
    return found
