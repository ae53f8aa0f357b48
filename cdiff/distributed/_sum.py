"""`sum_over`: a sum over partitions as a function of the parameters, which can be differentiated.

The sum is one operator; its derivatives are sums over the same partitions of derivatives of the
function, so they run where the data are, and every order and both modes exist. This file knows
containers and kernels; who runs a kernel belongs to `_engines.py`. Each derivative costs one round.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import check_input, restore, unwrapped
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._bodies._packing import Packing, spec_of
from cdiff._core import Array, array, call, is_tracked, peek
from cdiff._transformations._mapped import PointCallee
from cdiff.distributed._engines import engine_for
from cdiff.distributed._kernels import Base, Both, Pulled, Pushed, Work, packed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PartitionedSum", "sum_over"]


class _Sum(PointCallee):
    """A kernel summed over all partitions, as one operator of the leaves of the parameters.

    Parameters
    ----------
    owner : PartitionedSum
    kernel : kernel
    """

    def __init__(self, owner: PartitionedSum, kernel: Any) -> None:
        self.owner = owner
        self.kernel = kernel

    def __repr__(self) -> str:
        return f"sum_over({function_name(self.owner.f)})"

    def value(self, arrays: list[Any]) -> Any:
        return self.owner.total(self.kernel, arrays)

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        packing = Packing([spec_of(x) for x in operands], bare=False)
        found = packing.unpack(call(_Sum(self.owner, Pulled(self.kernel)), [*operands, g]))
        return [x if want else None for x, want in zip(found, wanted, strict=True)]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        full = [
            array(np.zeros(x.shape, x.dtype)) if t is None else t
            for x, t in zip(operands, tangents, strict=True)
        ]
        return call(_Sum(self.owner, Pushed(self.kernel)), [*operands, *full])


class PartitionedSum:
    """What `sum_over` returns: a function of the parameters that can be differentiated.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> from cdiff.distributed import sum_over
    >>> with sum_over(lambda a, x: np.sum(np.exp(a * x)), [np.zeros(2), np.ones(3)]) as total:
    ...     total(0.0), cd.grad(total)(0.0), cd.hessian(total)(0.0)
    (5.0, 3.0, 3.0)
    """

    def __init__(self, f: Callable[..., Any], engine: Any, prepare: Any) -> None:
        self.f = f
        self._engine = engine
        self._prepare = prepare
        self._codes: dict[Any, bytes | Work] = {}

    def __call__(self, parameters: Any) -> Any:
        """The sum of the function over all partitions."""
        leaves, kernel = self._opened(parameters)
        callee = _Sum(self, kernel)
        if not any(isinstance(x, Array) and is_tracked(x) for x in leaves):
            return unwrapped(array(callee.value([_plain(x) for x in leaves])))
        return call(callee, leaves)

    def value_and_grad(self, parameters: Any) -> tuple[Any, Any]:
        """Value and gradient in one round, for plain parameters.

        Parameters
        ----------
        parameters : container of floats and arrays

        Returns
        -------
        value : float
        gradient : container
            Like the parameters.

        Raises
        ------
        TypeError
            If a transformation tracks the parameters: use `cd.value_and_grad` there.
        ValueError
            If the function is not one number.
        """
        leaves, kernel = self._opened(parameters)
        if any(isinstance(x, Array) and is_tracked(x) for x in leaves):
            raise TypeError(
                "sum_over: value_and_grad takes plain parameters; inside a transformation use "
                "cd.value_and_grad(total)"
            )
        vector = self.total(Both(kernel), [_plain(x) for x in leaves])
        packing = Packing([spec_of(x) for x in leaves], bare=False)
        found = packing.unpack(array(vector[1:]))
        gradient = [restore(x, g) for x, g in zip(leaves, found, strict=True)]
        return float(vector[0]), unflatten(flatten(parameters)[1], gradient)

    def total(self, kernel: Any, leaves: list[Any]) -> Any:
        """A kernel summed over all partitions, for plain leaves of the parameters."""
        return np.asarray(self._engine.total(self._code(kernel), tuple(leaves)))

    def _code(self, kernel: Any) -> bytes | Work:
        """The kernel as it runs; made once for each order of derivative and form of parameters."""
        name, inner = [], kernel
        while not isinstance(inner, Base):
            name.append(type(inner).__name__)
            inner = inner.base
        key = (tuple(name), repr(flatten(inner.template)))
        if key not in self._codes:
            parts = kernel, self._prepare
            self._codes[key] = packed(parts) if self._engine.remote else Work(parts)
        return self._codes[key]

    def _opened(self, parameters: Any) -> tuple[list[Any], Base]:
        """The leaves of the parameters and the function of them."""
        leaves, treedef = flatten(parameters)
        for x, path in zip(leaves, leaf_paths(treedef, "sum_over: the parameter"), strict=True):
            check_input(x, path)
        return leaves, Base(self.f, unflatten(treedef, range(len(leaves))))

    def close(self) -> None:
        """Let go of the workers that were started for this sum, if any."""
        self._engine.close()

    def __enter__(self) -> PartitionedSum:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<sum_over({function_name(self.f)}), by {type(self._engine).__name__.lower()}>"


def _plain(x: Any) -> Any:
    """A leaf as it is sent: of one type whatever the user's was, so that one program fits all."""
    return np.array(peek(x) if isinstance(x, Array) else x)


def sum_over(
    f: Callable[..., Any],
    partitions: Any,
    executor: Any = None,
    *,
    prepare: Callable[[Any], Any] | None = None,
    retries: int = 2,
) -> PartitionedSum:
    """The sum of a function over partitions of data, as a function of the parameters.

    Parameters
    ----------
    f : callable
        ``f(parameters, partition)``: one number, or an array of the same shape for all partitions.
        For workers in other processes it must be possible to pickle it; compiled functions take
        their programs along.
    partitions : sequence or collection of Dask
        Containers of arrays, or anything that `prepare` makes them of (such as names of files).
        Of Dask: an array that is split along its first axis, a bag, a dataframe, a list of delayed
        objects or futures, or a tuple of arrays with the same chunks. For MPI those of this rank.
    executor : optional
        Who runs them: an executor of `concurrent.futures` or a function that makes one, a
        `joblib.Parallel`, a Dask client, an MPI communicator, or one of "threads", "processes",
        "joblib", "dask", "mpi". By default this process; for Dask's collections Dask.
    prepare : callable, optional
        Makes a container of arrays of a partition, on the worker, at each evaluation.
    retries : int, default 2
        How often what a worker that died left undone is tried again. Dask has a setting for that,
        `distributed.scheduler.allowed-failures`.

    Returns
    -------
    PartitionedSum
        A function of the parameters (a container of floats and arrays) that can be differentiated;
        its method `value_and_grad` gives both in one round. `close()` or a `with` block ends
        workers that were started for it.

    Raises
    ------
    TypeError
        If the executor is of no known kind, or when called if the function cannot be sent.
    ValueError
        If there are no partitions, or collections do not fit together.
    RuntimeError
        When called, if workers die more often than `retries` (for Dask its setting) allows, or if
        the function raises an error that cannot be sent back from a process.
    ImportError
        If what the executor needs is not installed; the message names the extra.

    Examples
    --------
    >>> import numpy as np
    >>> from cdiff.distributed import sum_over
    >>> x = [np.arange(3.0), np.arange(3.0, 5.0)]
    >>> with sum_over(lambda p, x: np.sum((x - p) ** 2), x, executor="threads") as total:
    ...     total.value_and_grad(2.0)
    (10.0, 0.0)
    """
    check_function(f, "sum_over")
    if prepare is not None:
        check_function(prepare, "sum_over: prepare")
    if index(retries) < 0:
        raise ValueError(f"sum_over: retries must not be negative, got {retries!r}")
    return PartitionedSum(f, engine_for(partitions, executor, retries), prepare)
