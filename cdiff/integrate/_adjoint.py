"""Solutions of differential equations by any solver, differentiated by differential equations.

The value comes from a solver of plain numbers; the reverse derivative solves the adjoint equation
backward from each time to the one before, the forward derivative the variational equation, and both
are flows again, so that every order exists. They are as accurate as the tolerances of the solver.
This file knows vectors and bodies; containers belong to `_odeint.py`. Nothing is kept of the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._bodies._body import Body
from cdiff._bodies._packing import Packing, spec_of
from cdiff._core import Array, array, call, concatenate, is_tracked, peek
from cdiff._loops._checkpoint import Recorded
from cdiff._loops._loops import scan
from cdiff._transformations._mapped import PointCallee
from cdiff.integrate._runge_kutta import METHODS
from cdiff.integrate._search import Search, plain_function, plain_system
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IMPLICIT", "Flow", "Settings", "captured_body", "flow"]

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

    def solve(self, body: Body, v: Any, stops: Any, consts: list[Any]) -> Any:
        """The states at the times, for plain values."""
        found = np.empty((len(stops), v.size))
        found[:] = v
        if self.method in METHODS:
            with np.errstate(all="ignore"):
                search = Search(self, body, consts, float(stops[0]), v)
                for k in np.flatnonzero(stops[1:] != stops[:-1]) + 1:
                    search.through(stops[k : k + 1])
                    found[k:] = search.v
            return found
        if not np.isfinite(stops).all():  # SciPy would go on for ever
            raise ValueError(f"{self.who}: the times must be finite, and increase or decrease")
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
