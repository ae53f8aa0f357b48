"""What a child process does for the table: one function of one eval, in one tool.

A child measures the first call (recording or compiling included), the best CPU time of an
evaluation, and the peak of its memory while it prepared and evaluated; the result goes into a file,
flat, for comparison. It knows how a tool's version of an eval is found and nothing of the table.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gradbench import workloads
from benchmarks.gradbench.peers import TOOLS

OWN = "cdiff"
BATCH = 2e-3  # seconds that are timed together where one evaluation is shorter
EVALUATED = (OWN, "jax")  # whose preparation is the first call: one evaluation belongs to it
FEWEST = 3  # evaluations, unless one takes as long as all should


def prepared(tool: str, module: str, function: str, data: Any) -> Callable[[], Any]:
    """A run of this tool; LookupError where it has no such eval."""
    if tool == OWN:
        own = importlib.import_module(f"benchmarks.gradbench.{module}").FUNCTIONS[function]
        run: Callable[[], Any] = own.prepare(data)
        return run
    assert tool in TOOLS
    evals = importlib.import_module(f"benchmarks.gradbench.peers.{tool}").EVALS
    if (module, function) not in evals:
        raise LookupError("no such eval")
    run = evals[module, function](data)
    return run


def leaves(result: Any) -> Iterator[np.ndarray]:
    """The arrays of a result, in order."""
    if isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, list | tuple):
        for x in result:
            yield from leaves(x)
        return
    yield np.asarray(result, dtype=np.float64).ravel()


def reset_peak() -> None:
    """Let the peak of the memory be counted from here on, where the system can do that."""
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> float:
    """The peak of the memory in megabytes."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM")]
    return float(found[0]) / 1e3 if found else float("nan")


def best_time(run: Callable[[], Any], seconds: float) -> float:
    """The least CPU milliseconds of one evaluation, as short ones are timed in batches."""
    start = time.process_time()
    run()
    once = max(time.process_time() - start, 1e-7)
    batch = max(1, int(BATCH / once))
    best, spent, turns = once, once, 0
    while spent < seconds or (turns < FEWEST and spent < FEWEST * seconds):
        start = time.process_time()
        for _ in range(batch):
            run()
        took = time.process_time() - start
        best = min(best, took / batch)
        spent += took
        turns += 1
    return 1e3 * best


def begun(
    tool: str, module: str, workload: str, function: str
) -> tuple[Callable[[], Any], Any, float]:
    """The run, the result of the first call where it has one, and what both took: milliseconds."""
    data = importlib.import_module(f"benchmarks.gradbench.{module}").read(
        workloads.message(module, workload)
    )
    workloads.stored.cache_clear()
    prepare_tool(tool)
    reset_peak()
    start = time.perf_counter()
    run = prepared(tool, module, function, data)
    result = None if tool in EVALUATED else run()
    return run, result, 1e3 * (time.perf_counter() - start)


def first_call(tool: str, module: str, workload: str, function: str) -> float:
    """The first call alone, in milliseconds."""
    return begun(tool, module, workload, function)[2]


def measure(
    tool: str, module: str, workload: str, function: str, seconds: float, path: str
) -> dict[str, float]:
    """First call and best evaluation in milliseconds, peak memory in megabytes."""
    run, result, first = begun(tool, module, workload, function)
    result = run() if result is None else result
    most = peak()
    if path:
        np.save(path, np.concatenate(list(leaves(result))))
    del result
    reset_peak()  # what was copied for the file is not the tool's
    best = best_time(run, seconds)
    return {"first": first, "best": best, "peak": max(most, peak())}


def prepare_tool(tool: str) -> None:
    """Import it, so that a first call is not an import."""
    if tool == OWN:
        for package in ("cdiff", "cdiff.numpy"):
            for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
                if not found.ispkg and found.name != "__main__":
                    importlib.import_module(f"{package}.{found.name}")  # else with their first use
        importlib.import_module("scipy.sparse")  # of which the result of ba is
        return
    module = importlib.import_module(f"benchmarks.gradbench.peers.{tool}")
    if tool == "manual":
        module.library()
