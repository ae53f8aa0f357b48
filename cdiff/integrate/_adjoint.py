"""Solutions of differential equations by any solver, differentiated by differential equations.

The value comes from a solver of plain numbers; the reverse derivative solves the adjoint equation
backward from each time to the one before, the forward derivative the variational equation, and both
are flows again, so that every order exists. They are as accurate as the tolerances of the solver.
This file knows vectors and bodies; containers belong to `_odeint.py`. Nothing is kept of the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._body import Body
from cdiff._checkpoint import Recorded
from cdiff._core import Array, array, call, concatenate, is_tracked, peek
from cdiff._forward import jvp
from cdiff._jacobian import jacobian
from cdiff._loops import scan
from cdiff._mapped import PointCallee
from cdiff._packing import Packing, spec_of
from cdiff.integrate._runge_kutta import METHODS, System, plain_steps
from cdiff.numpy.linalg import inv
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["IMPLICIT", "Settings", "captured_body", "flow", "plain_function", "plain_system"]

IMPLICIT = ("Radau", "BDF", "LSODA")
EXPLICIT = ("RK23", "RK45", "DOP853")


class Settings:
    """How a flow is computed.

    Parameters
    ----------
    method : str
        "dopri5", "rodas4", or a method of `scipy.integrate.solve_ivp`.
    rtol, atol : float
    max_steps : int
    who : str

    Raises
    ------
    ValueError
        If one of them is not possible.
    """

    __slots__ = ("atol", "max_steps", "method", "rtol", "who")

    def __init__(self, method: str, rtol: float, atol: float, max_steps: int, who: str) -> None:
        if method not in METHODS and method not in IMPLICIT and method not in EXPLICIT:
            known = ", ".join([*METHODS, *IMPLICIT, *EXPLICIT])
            raise ValueError(f"{who}: there is no method {method!r}; there are {known}")
        if not (rtol >= 0 and atol >= 0 and rtol + atol > 0):
            raise ValueError(f"{who}: rtol and atol must be positive, got {rtol!r} and {atol!r}")
        if not (max_steps >= 1 and max_steps == int(max_steps)):
            raise ValueError(f"{who}: max_steps must be an integer >= 1, got {max_steps!r}")
        self.method = method
        self.rtol = float(rtol)
        self.atol = float(atol)
        self.max_steps = int(max_steps)
        self.who = who

    def steps(self, body: Body, v: Any, stops: Any, consts: list[Any]) -> Iterator[Any]:
        """The steps of one of our own methods, see `plain_steps`.

        A step that goes wrong is tried again, shorter: whoever takes them turns warnings off.
        """
        attempt, slope = _Attempt.of(body, self, consts), plain_function(body, consts)
        return plain_steps(
            METHODS[self.method].order, slope, attempt, v, stops, self.rtol, self.atol,
            self.max_steps, self.who,
        )  # fmt: skip

    def solve(self, body: Body, v: Any, stops: Any, consts: list[Any]) -> Any:
        """The states at the times, for plain values."""
        found = np.empty((len(stops), v.size))
        found[:] = v
        if self.method in METHODS:
            with np.errstate(all="ignore"):
                for _, _, _, after, k in self.steps(body, v, stops, consts):
                    found[k:] = after
            return found
        options: dict[str, Any] = {}
        if self.method in IMPLICIT:
            linear = plain_system(body, consts).linear
            options["jac"] = lambda t, v: linear(t, v)[0]
        solve_ivp = scipy_module("integrate", "cdiff.integrate").solve_ivp
        try:
            result = solve_ivp(
                plain_function(body, consts), (float(stops[0]), float(stops[-1])), v, self.method,
                t_eval=stops, rtol=self.rtol, atol=self.atol, **options,
            )  # fmt: skip
        except (ValueError, np.linalg.LinAlgError) as error:
            raise RuntimeError(
                f"{self.who}: {self.method} failed between t = {float(stops[0]):.6g} and "
                f"{float(stops[-1]):.6g}: {error} (the adjoint of a stiff problem cannot follow "
                "the state backward; take method='rodas4' with adjoint='discrete')"
            ) from error
        if not result.success:
            raise RuntimeError(f"{self.who}: {result.message} (stiff: method='rodas4')")
        found[:] = result.y.T
        return found


def plain_function(body: Body, consts: list[Any]) -> Callable[..., Any]:
    """The only result of a body as a function of its own inputs, for plain values.

    Parameters
    ----------
    body : Body
    consts : list
        The values of what it captured, as far as it is known.

    Returns
    -------
    callable
    """
    known = len(consts)

    def f(*inputs: Any) -> Any:
        outer = [*consts, *[peek(x) for x in body.captured[known:]]]
        return body.run([*[np.asarray(x) for x in inputs], *outer])[0]

    return f


class _Linear:
    """The derivatives of a recorded slope by the state and by the time, as a function of a body."""

    def __init__(self, slope: Body) -> None:
        self.base = slope

    @staticmethod
    def of(slope: Body) -> Body:
        """The body for a slope with what it has captured by now."""
        n = 2 + len(slope.captured)
        found: Body | None = slope.derived.get(("linear", n))
        if found is None:
            found = slope.derived["linear", n] = Body(_Linear(slope), n)
        return found

    def __call__(self, nodes: list[Array]) -> list[Any]:
        t, v, *consts = nodes
        return list(_tracked_system(self.base, consts).linear(t, v))


def _tracked_system(slope: Body, consts: list[Any]) -> System:
    """A recorded slope as methods see it, for tracked values."""

    def f(t: Any, v: Any) -> Any:
        return slope.apply([array(t), array(v), *consts])[0]

    def linear(t: Any, v: Any) -> tuple[Any, Any]:
        by_time = jvp(lambda s: f(s, v), (t,), (1.0,))[1]
        return jacobian(lambda x: f(t, x))(v), by_time

    return System(f, linear, inv)


class _Attempt:
    """A step of a method, its error and the slope behind it, as a function of a body."""

    def __init__(self, slope: Body, settings: Settings) -> None:
        self.base = slope
        self.settings = settings

    @staticmethod
    def of(slope: Body, settings: Settings, consts: list[Any]) -> Callable[..., Any]:
        """The function ``attempt(t, v, h, first)`` of plain values, see `plain_steps`."""

        which = ("attempt", settings.method, settings.rtol, settings.atol)

        def attempt(t: float, v: Any, h: float, first: Any) -> Any:
            outer = [*consts, *[peek(x) for x in slope.captured[len(consts) :]]]
            body: Body | None = slope.derived.get((which, len(outer)))
            if body is None:
                made = Body(_Attempt(slope, settings), 4 + len(outer))
                body = slope.derived[which, len(outer)] = made
            return body.run([t, v, h, first, *outer])

        return attempt

    def __call__(self, nodes: list[Array]) -> list[Any]:
        t, v, h, first, *consts = nodes
        settings, system = self.settings, _tracked_system(self.base, consts)
        new, wrong, behind = METHODS[settings.method].attempt(system, t, v, h, first)
        tolerated = settings.atol + settings.rtol * np.maximum(abs(v), abs(new))
        # A state may be empty, which has no mean.
        size = np.sqrt(np.sum((wrong / tolerated) ** 2) / max(v.size, 1))
        return [new, size, behind]


def plain_system(body: Body, consts: list[Any]) -> System:
    """A recorded slope as methods see it, for plain values.

    Parameters
    ----------
    body : Body
    consts : list
        The values of what it captured.

    Returns
    -------
    System
    """

    def linear(t: Any, v: Any) -> tuple[Any, Any]:
        outer = [*consts, *[peek(x) for x in body.captured[len(consts) :]]]
        by_state, by_time = _Linear.of(body).run([np.asarray(t), np.asarray(v), *outer])
        return by_state, by_time

    return System(plain_function(body, consts), linear, np.linalg.inv)


def captured_body(f: Callable[..., Any], *inputs: Any) -> Body:
    """A function of plain or tracked values, recorded at some, with what it reads from outside.

    Parameters
    ----------
    f : callable
        Returns a vector.
    *inputs : numbers and arrays

    Returns
    -------
    Body
    """

    def function(nodes: list[Array]) -> list[Any]:
        return [f(*nodes)]

    body = Body(function, len(inputs))
    body.run([peek(array(x)) for x in inputs])
    return body


def flow(f: Callable[[Any, Any], Any], v: Any, times: Any, settings: Settings) -> Any:
    """The states at given times, as one operator where anything is tracked.

    Parameters
    ----------
    f : callable
        The slope ``f(t, v)``; what it reads from outside is differentiated.
    v : vector
    times : vector
    settings : Settings

    Returns
    -------
    Array
        A row for each time.
    """
    v, times = array(v), array(times)
    body = captured_body(f, times[0], v)
    found = settings.solve(body, peek(v), peek(times), [])
    body.sealed = True
    operands = [v, times, *body.captured]
    if not any(is_tracked(x) for x in operands):
        return array(found)
    return call(Flow(body, settings), operands, array(found))


class Flow(PointCallee):
    """The solution of an initial value problem: state, times and captured values to states.

    Parameters
    ----------
    body : Body
        The slope, of (t, v, captured).
    settings : Settings
    """

    def __init__(self, body: Body, settings: Settings) -> None:
        self.body = body
        self.settings = settings
        self.slope = Recorded(body)

    def __repr__(self) -> str:
        return self.settings.who

    def value(self, arrays: list[Any]) -> Any:
        v, times, *consts = arrays
        return self.settings.solve(self.body, v, times, consts)

    def _at(self, t: Any, v: Any, consts: list[Array]) -> Array:
        return self.body.apply([array(t), v, *consts])[0]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        v, times, *consts = operands
        moved_v, moved_t, *moved = tangents
        n = v.shape[0]
        start = array(np.zeros(n)) if moved_v is None else moved_v
        if moved_t is not None:
            start = start - self._at(times[0], v, consts) * moved_t[0]

        def both(t: Any, z: Any) -> Any:
            inputs = [array(t), z[:n], *consts]
            change = self.slope.push(y, inputs, [None, z[n:], *moved])
            return concatenate([self.body.apply(inputs)[0], change], 0)

        found = flow(both, concatenate([v, start], 0), times, self.settings)[:, n:]
        if moved_t is None:
            return found
        rows = scan(lambda c, row: (c, self._at(row[0], row[1], consts)), 0.0, (times, y))[1]
        return found + rows * moved_t.reshape((-1, 1))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        v, times, *consts = operands
        n = v.shape[0]
        asked = [k for k, want in enumerate(wanted[2:]) if want and consts[k].dtype.kind == "f"]
        packing = Packing([spec_of(consts[k]) for k in asked], bare=False)

        def backward(t: Any, z: Any) -> Any:
            inputs = [array(t), z[:n], *consts]
            want = [False, True, *[k in asked for k in range(len(consts))]]
            found = self.slope.pull(y, inputs, z[n : 2 * n], want)
            parts = [_or_zeros(found[1], z[:n])]
            parts += [_or_zeros(found[2 + k], consts[k]).reshape((-1,)) for k in asked]
            return concatenate([self.body.apply(inputs)[0], *[-p for p in parts]], 0)

        def interval(carry: Any, row: Any) -> Any:
            adjoint, sums = carry
            state, seed, end, begin = row
            start = concatenate([state, adjoint + seed, array(np.zeros(packing.size))], 0)
            ends = concatenate([end.reshape((1,)), begin.reshape((1,))], 0)
            z = flow(backward, start, ends, self.settings)[1]
            return (z[n : 2 * n], sums + z[2 * n :]), self._at(end, state, consts) @ seed

        init = (array(np.zeros(n)), array(np.zeros(packing.size)))
        rows = (y[1:], g[1:], times[1:], times[:-1])
        (adjoint, sums), by_time = scan(interval, init, rows, reverse=True)
        found: list[Any] = [None] * len(operands)
        found[0] = adjoint + g[0]
        if wanted[1]:
            first = -(self._at(times[0], v, consts) @ adjoint)
            found[1] = concatenate([array(first).reshape((1,)), array(by_time)], 0)
        for k, part in zip(asked, packing.unpack(array(sums)), strict=True):
            found[2 + k] = part
        return found


def _or_zeros(x: Any, like: Any) -> Any:
    return array(np.zeros(like.shape)) if x is None else x
