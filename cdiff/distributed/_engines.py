"""Who runs the partitions: this process, an executor, joblib, Dask, or the ranks of MPI.

An engine takes a kernel as bytes and the parameters, and gives the sum over its partitions, always
added up by the same tree. Engines know schedulers; they must not know what a kernel computes. None
of the schedulers is imported here unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff.distributed._kernels import run_apart, run_parts, travelling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["engine_for", "tree_sum"]

TASKS_PER_WORKER = 4  # so that a slow worker keeps nobody waiting for long


def _added(a: Any, b: Any) -> Any:
    """The sum of two results, which are of one shape: others would be stretched to fit."""
    if np.shape(a) != np.shape(b):
        raise ValueError(
            "sum_over: the results for the partitions must have one shape, but they have shapes "
            f"{np.shape(a)} and {np.shape(b)}; return their sum over the rows of a partition"
        )
    return np.add(a, b)


def tree_sum(parts: Sequence[Any], add: Callable[[Any, Any], Any] = _added) -> Any:
    """The sum of neighbours, of neighbouring sums, and so on: the same for every engine.

    Parameters
    ----------
    parts : sequence
        At least one.
    add : callable

    Returns
    -------
    object

    Examples
    --------
    >>> tree_sum(["a", "b", "c", "d", "e"], lambda x, y: f"({x}{y})")
    '(((ab)(cd))e)'
    """
    level = list(parts)
    while len(level) > 1:
        pairs = [add(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[2 * len(pairs) :]
    return level[0]


def _needed(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"cdiff.distributed needs {name} for this, an optional dependency: "
            f"pip install cdiff-ad[{extra}]"
        ) from error


def _too_often(attempt: int) -> RuntimeError:
    return RuntimeError(
        f"sum_over: a worker died, and its pool with it, {attempt + 1} times; does a partition fit "
        "into the memory of a worker?"
    )


class Serial:
    """This process, one partition after the other."""

    remote = False  # whether kernels have to go as bytes

    def __init__(self, parts: Any) -> None:
        self.parts = _listed(parts)

    def total(self, code: Any, leaves: tuple[Any, ...]) -> Any:
        """The sum over the partitions."""
        return tree_sum(run_parts(code, leaves, self.parts))

    def close(self) -> None:
        """Let go of workers."""


class Futures(Serial):
    """An executor of `concurrent.futures`, or a function that makes one.

    A pool of which a worker died is of no use any more; where a function makes it, a new one takes
    over what is missing.
    """

    def __init__(self, parts: Any, executor: Any, retries: int) -> None:
        super().__init__(parts)
        self.make = None if isinstance(executor, Executor) else executor
        self.executor = executor if self.make is None else None
        self.remote = not isinstance(executor, ThreadPoolExecutor) and (
            executor is not ThreadPoolExecutor
        )
        self.retries = retries

    def total(self, code: Any, leaves: tuple[Any, ...]) -> Any:
        found: dict[int, list[Any]] = {}
        for attempt in range(self.retries + 1):
            try:
                self._fill(found, code, leaves)
                break
            except BrokenExecutor as error:
                self.close()
                if self.make is None or attempt == self.retries:
                    if self.make is not None:
                        raise _too_often(attempt) from error
                    raise RuntimeError(
                        "sum_over: a worker died, and the pool with it; a function that makes the "
                        "pool (executor=lambda: ProcessPoolExecutor(4)) lets a new one take over"
                    ) from error
        return tree_sum([x for start in sorted(found) for x in found[start]])

    def _fill(self, found: dict[int, list[Any]], code: Any, leaves: tuple[Any, ...]) -> None:
        """Run what is missing."""
        if self.executor is None:
            assert self.make is not None
            self.executor = self.make()
        workers = getattr(self.executor, "_max_workers", None) or 4
        size = max(1, -(-len(self.parts) // (TASKS_PER_WORKER * workers)))
        run = run_apart if self.remote else run_parts
        tasks = {
            start: self.executor.submit(run, code, leaves, self.parts[start : start + size], start)
            for start in range(0, len(self.parts), size)
            if start not in found
        }
        broken = None
        for start, task in tasks.items():
            try:
                found[start] = task.result()
            except BrokenExecutor as error:
                broken = error
        if broken is not None:
            raise broken

    def close(self) -> None:
        if self.make is not None and self.executor is not None:
            self.executor.shutdown(wait=False, cancel_futures=True)
            self.executor = None


class Joblib(Serial):
    """A `joblib.Parallel`, which starts new workers for those that died."""

    remote = True

    def __init__(self, parts: Any, parallel: Any, retries: int) -> None:
        super().__init__(parts)
        self.parallel = parallel
        self.retries = retries

    def total(self, code: Any, leaves: tuple[Any, ...]) -> Any:
        delayed = import_module("joblib").delayed
        for attempt in range(self.retries + 1):
            try:
                tasks = [delayed(run_apart)(code, leaves, [x], k) for k, x in enumerate(self.parts)]
                return tree_sum([found for (found,) in self.parallel(tasks)])
            except BrokenExecutor as error:  # what loky raises is one
                if attempt == self.retries:
                    raise _too_often(attempt) from error
        raise AssertionError


class Dask:
    """Dask collections or a client: partitions stay on the workers, sums are made there.

    With a client the kernel and the parameters are sent to each worker once; what a worker that
    dies had computed is computed again by others, as often as Dask's scheduler allows. Without one,
    Dask's scheduler for one machine runs.
    """

    remote = True

    def __init__(self, parts: Any, client: Any, retries: int) -> None:
        self.dask = _needed("dask", "distributed")
        self.client = _running_client() if client is None else client
        self.retries = retries
        self.parts = _dask_partitions(parts, self.client)
        self.codes: dict[bytes, Any] = {}

    def total(self, code: Any, leaves: tuple[Any, ...]) -> Any:
        """The sum over the partitions."""
        if self.client is None:
            delayed = self.dask.delayed
            return self._tree(delayed(code), delayed(_Leaves(leaves))).compute()
        for attempt in range(self.retries + 1):
            try:
                if code not in self.codes:
                    self.codes[code] = self.client.scatter(code, broadcast=True, hash=False)
                given = self.client.scatter(_Leaves(leaves), broadcast=True, hash=False)
                tree = self._tree(self.codes[code], given)
                return self.client.compute(tree).result()
            except CancelledError as error:  # the last worker that held what was sent has died
                self.codes.clear()
                if attempt == self.retries:
                    raise _too_often(attempt) from error
            except import_module("distributed").KilledWorker as error:
                raise RuntimeError(
                    f"sum_over: {error}\nDoes a partition fit into the memory of a worker?"
                ) from error
        raise AssertionError

    def _tree(self, code: Any, given: Any) -> Any:
        """The sum as a task, of tasks that stay where their operands are."""
        run = self.dask.delayed(_run_one, pure=False)
        add = self.dask.delayed(_added, pure=False)
        return tree_sum([run(code, given, part, k) for k, part in enumerate(self.parts)], add)

    def close(self) -> None:
        """Let go of what was sent."""
        self.codes.clear()


class _Leaves:
    """The parameters, such that no scheduler looks into them."""

    def __init__(self, leaves: tuple[Any, ...]) -> None:
        self.leaves = leaves


def _run_one(code: Any, given: _Leaves, part: Any, number: int) -> Any:
    return run_parts(code, given.leaves, [part], number)[0]


def _running_client() -> Any:
    """The client of Dask that is in use, if any."""
    try:
        return import_module("distributed").get_client()
    except (ImportError, ValueError):
        return None


def _dask_partitions(parts: Any, client: Any) -> list[Any]:
    """One object of Dask for each partition."""
    if isinstance(parts, tuple) and parts and all(hasattr(x, "to_delayed") for x in parts):
        columns = [_dask_partitions(x, client) for x in parts]
        if len({len(c) for c in columns}) > 1:
            counts = ", ".join([str(len(c)) for c in columns])
            raise ValueError(f"sum_over: the collections have different partitions: {counts}")
        for x in parts[1:]:
            rows = getattr(parts[0], "chunks", ((),))[0], getattr(x, "chunks", ((),))[0]
            if rows[0] != rows[1]:
                raise ValueError(f"sum_over: the chunks of rows differ: {rows[0]} and {rows[1]}")
        return [import_module("dask").delayed(tuple)(row) for row in zip(*columns, strict=True)]
    if hasattr(parts, "to_delayed"):
        chunks = getattr(parts, "chunks", ())
        if any(len(c) > 1 for c in chunks[1:]):
            raise ValueError(
                "sum_over: a Dask array must be split along its first axis only, its chunks are "
                f"{chunks}; use .rechunk"
            )
        return list(np.ravel(np.asarray(parts.to_delayed(), dtype=object)))
    found = _listed(parts)
    if client is None or any(_of_dask(x) for x in found):
        return found
    # As results of tasks, which can be computed again when a worker dies: what is scattered cannot.
    return list(client.map(_unchanged, found, pure=False))


def _unchanged(x: Any) -> Any:
    return x


def _of_dask(x: Any) -> bool:
    return type(x).__module__.split(".")[0] in ("dask", "distributed", "dask_expr")


class Ranks(Serial):
    """The ranks of an MPI communicator, each with partitions of its own.

    All ranks call with the same function; parameters are those of rank 0, and all get the result.
    """

    def __init__(self, parts: Any, comm: Any) -> None:
        self.parts = list(parts)  # of some ranks there may be none
        self.comm = comm

    def total(self, code: Any, leaves: tuple[Any, ...]) -> Any:
        leaves = self.comm.bcast(leaves, root=0)
        try:
            own: Any = run_parts(code, leaves, self.parts)
        except Exception as problem:  # the others are waiting, so they have to know
            own = travelling(problem)
        found = self.comm.allgather(own)
        failed = [(rank, x) for rank, x in enumerate(found) if isinstance(x, Exception)]
        if failed:
            rank, error = failed[0]
            error.add_note(f"sum_over: this happened on rank {rank}")
            raise error
        everything = [x for part in found for x in part]
        if not everything:
            raise ValueError("sum_over: no rank has a partition")
        return tree_sum(everything)


def _listed(parts: Any) -> list[Any]:
    if isinstance(parts, Mapping):
        raise TypeError(
            "sum_over: the partitions are the keys of a dict; give the list of them, such as "
            "list(parts.values())"
        )
    found = list(parts)
    if not found:
        raise ValueError("sum_over: there are no partitions")
    return found


def engine_for(parts: Any, executor: Any, retries: int) -> Any:
    """The engine for these partitions and this executor.

    Parameters
    ----------
    parts : object
    executor : object
        See `sum_over`.
    retries : int

    Returns
    -------
    engine

    Raises
    ------
    TypeError
        If it is of no known kind.
    ImportError
        If a scheduler that is named is not installed.
    """
    items = parts if isinstance(parts, (list, tuple)) else [parts]
    if executor == "dask" or (executor is None and any(_of_dask(x) for x in items)):
        if executor == "dask":
            _needed("distributed", "distributed")
        return Dask(parts, None, retries)
    if executor is None:
        return Serial(parts)
    if isinstance(executor, str):
        return _named(parts, executor, retries)
    module = type(executor).__module__.split(".")[0]
    if module == "distributed":
        return Dask(parts, executor, retries)
    if module == "joblib":
        return Joblib(parts, executor, retries)
    if hasattr(executor, "allgather"):
        return Ranks(parts, executor)
    if isinstance(executor, Executor) or callable(executor):
        return Futures(parts, executor, retries)
    raise TypeError(
        "sum_over: executor must be an executor of concurrent.futures or a function that makes "
        "one, a joblib.Parallel, a Dask client, an MPI communicator, or one of 'threads', "
        f"'processes', 'joblib', 'dask', 'mpi'; got a {type(executor).__name__}"
    )


def _named(parts: Any, name: str, retries: int) -> Any:
    if name == "threads":
        return Futures(parts, ThreadPoolExecutor, retries)
    if name == "processes":
        return Futures(parts, _fresh_processes, retries)
    if name == "joblib":
        return Joblib(parts, _needed("joblib", "distributed").Parallel(n_jobs=-1), retries)
    if name == "mpi":
        return Ranks(parts, _needed("mpi4py.MPI", "mpi").COMM_WORLD)
    raise ValueError(
        "sum_over: executor must be 'threads', 'processes', 'joblib', 'dask' or 'mpi', "
        f"got {name!r}"
    )


def _fresh_processes() -> Executor:
    """Processes that share nothing with this one: forking one with threads may never end."""
    from multiprocessing import get_context

    return ProcessPoolExecutor(mp_context=get_context("spawn"))
