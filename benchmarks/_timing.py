"""The stopwatch: statements timed by best-of-several, contenders alternating, a process each.

It knows nothing of any library: a benchmark module offers `build(contender, key) -> Case`, and
`race` builds the same case for every contender, compares the answers, and only then times them.
The children live as long as the race does and are asked for one short burst at a time, in
alternating order, so that a slow moment of the machine meets all of them and not one. The
statement is compiled into the timing loop itself (names become locals, several copies per turn
for the shortest ones), because a call of a lambda costs more than what is measured here.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import math
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Digest = list[float]
Outcome = float | str  # nanoseconds, or the reason why there are none
TIMEOUT = 600.0  # seconds a child may take for one answer before it is ended
TOLERANCE = 1e-9  # relative, between the answers of different libraries


@dataclass(frozen=True)
class Case:
    """A statement to time, the names it uses, and the arrays that prove it computes the thing."""

    stmt: str
    names: Mapping[str, Any]
    answer: Callable[[], Iterable[Any]]
    unroll: int = 1


@dataclass
class Pace:
    """How long a measurement takes: the best of `rounds` bursts of about `seconds` each."""

    rounds: int = 9
    seconds: float = 0.02


@dataclass
class _Ready:
    """A compiled case and the number of turns that fill one burst."""

    loop: Callable[[Iterable[None]], float]
    unroll: int
    turns: int = 1


def fresh(function: Any) -> Any:
    """A copy with its own code object.

    CPython specialises bytecode for the types that it meets; a body shared by two contenders
    would be specialised for neither.
    """
    copy = types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _compile(case: Case) -> _Ready:
    body = "\n".join(["        " + case.stmt] * case.unroll)
    source = (
        f"def loop({', '.join(['_turns', *case.names])}):\n"
        "    _start = _clock()\n"
        f"    for _ in _turns:\n{body}\n"
        "    return _clock() - _start\n"
    )
    namespace: dict[str, Any] = {"_clock": time.perf_counter}
    exec(source, namespace)
    loop = namespace["loop"]
    values = tuple(case.names.values())
    return _Ready(lambda turns: float(loop(turns, *values)), case.unroll)


def _calibrate(ready: _Ready, seconds: float) -> None:
    """Warm up (compilers, pools, specialisation) and find the turns that fill a burst."""
    ready.loop(itertools.repeat(None, 3))
    turns = 1
    while (took := ready.loop(itertools.repeat(None, turns))) < seconds / 4:
        turns = max(turns * 2, min(turns * 100, int(turns * seconds / 4 / max(took, 1e-9))))
    ready.turns = max(1, round(turns * seconds / took))


def _burst(ready: _Ready) -> float:
    """Nanoseconds per statement over one burst, the garbage collector off as in timeit."""
    gc.collect()
    gc.disable()
    try:
        took = ready.loop(itertools.repeat(None, ready.turns))
    finally:
        gc.enable()
    return took / (ready.turns * ready.unroll) * 1e9


def best(cases: Mapping[str, Case], pace: Pace) -> dict[str, float]:
    """Nanoseconds of each case, all in this process, in alternating order."""
    ready = {name: _compile(case) for name, case in cases.items()}
    for one in ready.values():
        _calibrate(one, pace.seconds)
    gc.collect()
    gc.freeze()
    result = dict.fromkeys(ready, math.inf)
    order = list(ready)
    for _ in range(pace.rounds):
        for name in order:
            result[name] = min(result[name], _burst(ready[name]))
        order.reverse()
    gc.unfreeze()
    return result


# --- answers -----------------------------------------------------------------------------------


def digest(arrays: Iterable[Any]) -> Digest:
    """Five numbers per array (size, norm, a projection, both ends), small enough to send."""
    numbers: Digest = []
    for array in arrays:
        flat = np.asarray(array, dtype=np.float64).ravel()
        weights = np.cos(np.arange(flat.size) + 0.5)
        ends = [float(flat[0]), float(flat[-1])] if flat.size else [0.0, 0.0]
        norm = float(np.sqrt(np.sum(flat * flat)))
        numbers += [float(flat.size), norm, float(np.sum(weights * flat)), *ends]
    return numbers


def differs(got: Digest, expected: Digest) -> str:
    """Why two digests are not of the same arrays; empty when they are."""
    if len(got) != len(expected):
        return f"wrong answer: {len(got) // 5} arrays instead of {len(expected) // 5}"
    for first in range(0, len(expected), 5):
        scale = TOLERANCE * max(abs(expected[first + 1]), 1e-300)
        for a, b in zip(got[first : first + 5], expected[first : first + 5], strict=True):
            if not (abs(a - b) <= scale or a == b):
                return f"wrong answer: {got} instead of {expected}"
    return ""


# --- the child's side --------------------------------------------------------------------------

_prepared: dict[str, _Ready] = {}


def prepare(module: str, contender: str, key: str, seconds: float) -> Digest:
    """Build a case, return the digest of its answer, and make it ready for `burst`."""
    _prepared.pop(contender, None)
    gc.unfreeze()
    case: Case = importlib.import_module(module).build(contender, key)
    answer = digest(case.answer())
    ready = _compile(case)
    _calibrate(ready, seconds)
    _prepared[contender] = ready
    gc.collect()
    gc.freeze()
    return answer


def burst(contender: str) -> float:
    """One measurement of the case that `prepare` made ready."""
    return _burst(_prepared[contender])


def serve() -> None:
    """Answer calls from standard input, one JSON line each, until it closes."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not end up between the answers
    for line in sys.stdin:
        target, arguments = json.loads(line)
        module, _, name = target.partition(":")
        reply: dict[str, Any]
        try:
            reply = {"value": getattr(importlib.import_module(module), name)(*arguments)}
        except ModuleNotFoundError as error:
            reply = {"missing": f"not installed ({error.name})"}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        channel.write(json.dumps(reply) + "\n")


# --- the parent's side -------------------------------------------------------------------------


class Failure(Exception):
    """A child could not do what it was asked; the text says why."""


class Missing(Failure):
    """The child's library is not installed."""


class Worker:
    """A child process that runs functions of the benchmark modules, `limit` seconds each."""

    def __init__(self, limit: float = TIMEOUT) -> None:
        self._limit = limit
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks._timing import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, target: str, *arguments: Any) -> Any:
        """`target` is "module:function"; arguments and result travel as JSON."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        watchdog = threading.Timer(self._limit, process.kill)
        watchdog.start()
        try:
            process.stdin.write(json.dumps([target, arguments]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        if not line:
            raise Failure(f"the process ended with status {process.wait()}")
        reply = json.loads(line)
        if "missing" in reply:
            raise Missing(reply["missing"])
        if "error" in reply:
            raise Failure(reply["error"])
        return reply["value"]

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the child and wait for it."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Race:
    """The same cases for several contenders; `together` share a process, others have their own."""

    module: str
    contenders: Sequence[str]
    together: Sequence[str] = ()
    pace: Pace = field(default_factory=Pace)
    _workers: dict[str, Worker] = field(default_factory=dict)
    _absent: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _worker(self, contender: str) -> Worker:
        name = self.together[0] if contender in self.together else contender
        worker = self._workers.get(name)
        if worker is None or not worker.alive:
            worker = self._workers[name] = Worker()
        return worker

    def _prepare(self, contender: str, key: str, expected: Digest) -> str:
        """Empty when the contender is ready to be timed, else the reason why it is not."""
        if contender in self._absent:
            return self._absent[contender]
        try:
            target = "benchmarks._timing:prepare"
            answer = self._worker(contender).call(
                target, self.module, contender, key, self.pace.seconds
            )
        except Missing as error:
            self._absent[contender] = str(error)
            return str(error)
        except Failure as error:
            return str(error)
        return differs(answer, expected)

    def ask(self, contender: str, target: str, *arguments: Any) -> Outcome:
        """A figure from the contender's process, or why there is none."""
        if contender in self._absent:
            return self._absent[contender]
        try:
            figure: float = self._worker(contender).call(target, *arguments)
        except Failure as error:
            return str(error)
        return figure

    def run(
        self, key: str, expected: Iterable[Any], contenders: Sequence[str] | None = None
    ) -> dict[str, Outcome]:
        """Nanoseconds of each contender, or why there are none."""
        names = list(self.contenders if contenders is None else contenders)
        wanted = digest(expected)
        outcome: dict[str, Outcome] = {}
        for name in names:
            outcome[name] = self._prepare(name, key, wanted) or math.inf
        running = [name for name in names if outcome[name] == math.inf]
        for _ in range(self.pace.rounds):
            for name in running:
                before = outcome[name]
                if isinstance(before, str):
                    continue
                try:
                    took = self._worker(name).call("benchmarks._timing:burst", name)
                    outcome[name] = min(before, took)
                except Failure as error:
                    outcome[name] = str(error)
            running.reverse()
        return outcome
