"""The side of GradBench's protocol that a tool speaks: a JSON message a line, answers likewise.

It knows the kinds of messages and how evaluations are timed; what is evaluated it asks the eval's
module for. A message that is wrong in any way gets an answer that says so, and the next is read:
nothing that a message can hold ends the process. What a function prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from benchmarks.gradbench._eval import BadInput, Function, number, whole
from benchmarks.gradbench.workloads import EVALS

TOOL = "cdiff"
MODULES = ("hello", *EVALS)
Answer = dict[str, Any]


def module_of(name: Any) -> Any:
    """The module of an eval."""
    if not isinstance(name, str) or name not in MODULES:
        raise BadInput(f"there is no module {name!r:.60}; there are {', '.join(MODULES)}")
    return importlib.import_module(f"benchmarks.gradbench.{name}")


def function_of(module: Any, name: Any) -> Function:
    """One function of an eval."""
    functions: dict[str, Function] = module.FUNCTIONS
    if not isinstance(name, str) or name not in functions:
        raise BadInput(f"there is no function {name!r:.60}; there are {', '.join(functions)}")
    return functions[name]


def pace(given: Any) -> tuple[int, float]:
    """How often and for how many seconds at least the input wants to be evaluated."""
    if not isinstance(given, Mapping):
        return 1, 0.0
    runs = whole(given, "min_runs") if "min_runs" in given else 1
    seconds = number(given, "min_seconds") if "min_seconds" in given else 1.0
    if not 0.0 <= seconds <= 86400.0:
        raise BadInput(f"'min_seconds' must lie between 0 and a day, got {seconds}")
    return max(runs, 1), seconds


def evaluate(message: Mapping[str, Any]) -> Answer:
    """Prepare the function for the input, and run it as often as the input says."""
    module = module_of(message.get("module"))
    function = function_of(module, message.get("function"))
    runs, seconds = pace(message.get("input"))
    data = module.read(message.get("input"))
    start = time.perf_counter_ns()
    run = function.prepare(data)
    times = [("prepare", time.perf_counter_ns() - start)]
    total = 0
    while len(times) <= runs or total < seconds * 1e9:
        start = time.perf_counter_ns()
        result = run()
        times.append(("evaluate", time.perf_counter_ns() - start))
        total += times[-1][1]
    timings = [{"name": name, "nanoseconds": took} for name, took in times]
    output = function.answer(result)
    try:
        json.dumps(output, allow_nan=False)
    except ValueError:
        raise ValueError("the result is not finite, which JSON cannot say") from None
    return {"success": True, "output": output, "timings": timings}


def define(message: Mapping[str, Any]) -> Answer:
    """Whether this tool has a module."""
    module_of(message.get("module"))
    return {"success": True}


def start(message: Mapping[str, Any]) -> Answer:
    """Who this is."""
    return {"tool": TOOL}


KINDS: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
    "start": start,
    "define": define,
    "evaluate": evaluate,
}


def answer(line: str) -> Answer:
    """The answer to one message, whatever it is."""
    name = None
    try:
        message = json.loads(line)
        if not isinstance(message, dict):
            raise BadInput(f"a message must be an object, got a {type(message).__name__}")
        name = message.get("id")
        kind = message.get("kind")
        act = KINDS.get(kind) if isinstance(kind, str) else None
        return {"id": name} if act is None else {"id": name, **act(message)}
    except BadInput as error:
        text = str(error)
    except json.JSONDecodeError as error:
        text = f"no JSON: {error}"
    except Exception as error:  # whatever goes wrong inside one evaluation
        text = f"{type(error).__name__}: {error}"
    return {"id": name, "success": False, "error": text}


def serve(lines: Iterable[str], out: TextIO) -> None:
    """Answer messages until there are no more."""
    for line in lines:
        if not line.strip():
            continue
        with contextlib.redirect_stdout(sys.stderr):
            text = json.dumps(answer(line))
        out.write(text + "\n")
        out.flush()
