"""Differential equations with derivatives: `odeint`, `ode_solution`, `ode_event`.

The discrete way chooses steps on plain values and takes them again as a `scan`, whose derivatives
are exactly those of the numbers that are returned; the continuous way solves the adjoint equation.
This file knows containers, times and messages; methods are in `_runge_kutta.py` and `_adjoint.py`.
Taking the steps again costs a compiled loop: little beside choosing them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff import _core
from cdiff._arguments._leaves import unwrapped
from cdiff._arguments._tree import flatten, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._core import Array, array, hosted, is_tracked, peek
from cdiff._face import misfit
from cdiff._loops._loops import scan
from cdiff._solutions._implicit import custom_root
from cdiff._solutions._solution import Unknown
from cdiff._solutions._solving import as_guessed
from cdiff._transformations._forward import jvp
from cdiff._transformations._jacobian import jacobian
from cdiff._transformations._reverse import stop_gradient
from cdiff.integrate._adjoint import Settings, captured_body, flow
from cdiff.integrate._choice import Choice
from cdiff.integrate._event import FirstEvent
from cdiff.integrate._runge_kutta import METHODS, Steps, System
from cdiff.numpy.linalg import inv
from cdiff.optimize._vector import as_float, refuse_complex

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["ode_event", "ode_solution", "odeint"]


class _Problem:
    """An initial value problem of containers as one of vectors.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args)``.
    y0 : container
    args : tuple
    who : str
    """

    def __init__(self, f: Callable[..., Any], y0: Any, args: tuple[Any, ...], who: str) -> None:
        check_function(f, who)
        self.f = f
        self.args = args
        self.who = who
        given, treedef = flatten(y0)
        leaves = [as_float(x) for x in given]
        self.unknown = Unknown(unflatten(treedef, leaves), who)
        refuse_complex(leaves, who, "the state")
        self.start = array(self.unknown.packing.pack([array(x) for x in leaves]))

    def slope(self, t: Any, v: Any) -> Any:
        """The derivative of the state, as a vector."""
        unknown = self.unknown
        out = self.f(t, self.state(v), *self.args)
        leaves = unknown.opened(out, f"the output of {function_name(self.f)}")
        return unknown.packing.pack([array(x, dtype=float) for x in leaves])

    def linear(self, t: Any, v: Any) -> tuple[Any, Any]:
        """The derivatives of that, by the state and by the time."""
        by_time = jvp(lambda s: self.slope(s, v), (t,), (1.0,))[1]
        return jacobian(lambda x: self.slope(t, x))(v), by_time

    def state(self, v: Any) -> Any:
        """The container of a vector."""
        return unflatten(self.unknown.treedef, self.unknown.packing.unpack(array(v)))

    def rows(self, states: Any) -> Any:
        """The container of many states, which are rows of a matrix."""
        count, packing = states.shape[0], self.unknown.packing
        specs = [(dtype, (count, *shape)) for dtype, shape in packing.specs]
        parts = [
            _core.cast(states[:, start:stop].reshape(shape), dtype)
            for start, stop, (dtype, shape) in zip(
                packing.starts[:-1], packing.starts[1:], specs, strict=True
            )
        ]
        return unflatten(self.unknown.treedef, [unwrapped(x) for x in parts])


def _times(t: Any, who: str) -> Any:
    """The times as a vector, checked."""
    if isinstance(t, (list, tuple)) and not t:
        raise ValueError(f"{who}: there are no times")
    times = array(t, dtype=float) if not isinstance(t, (list, tuple)) else _core.concatenate(
        [array(float(x) if x.__class__ is int else x).reshape((1,)) for x in t], 0)  # fmt: skip
    if times.ndim != 1 or not times.size:
        raise misfit(f"{who}: t must be a vector of times, got the shape {times.shape}")
    if not _decided(_are_ordered, times):
        raise ValueError(f"{who}: the times must be finite, and increase or decrease")
    return times


def _decided(question: Callable[..., bool], *values: Array) -> bool:
    """An answer that goes by values, which is a decision where a program is recorded."""
    found = hosted(question, values, {})
    return question(*[peek(x) for x in values]) if found is NotImplemented else found


def _are_ordered(times: Any) -> bool:
    steps = np.diff(times)
    return bool((np.all(steps >= 0) or np.all(steps <= 0)) and np.all(np.isfinite(times)))


def _go_forward(ends: Any) -> bool:
    return bool(ends[-1] >= ends[0])


def _are_between(t: Any, ends: Any) -> bool:
    """Do times lie in a span, but for rounding?"""
    low, high = np.min(ends), np.max(ends)
    margin = 1e-9 * (high - low)
    return bool(np.all((t >= low - margin) & (t <= high + margin)))


def odeint(
    f: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    adjoint: str = "discrete",
    method: str = "dopri5",
    max_steps: int = 10000,
) -> Any:
    """The solution of dy/dt = f(t, y) at given times, differentiated by whatever it depends on.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args)``, a container like `y0`. It may use tracked values from outside;
        derivatives by these are part of the result.
    y0 : container of floats and arrays
        The state at the first time.
    t : array
        Increasing or decreasing times, of which the first is that of `y0`.
    *args : containers
        Parameters of `f`.
    rtol, atol : float, default 1e-8
        Tolerances for the error of each step.
    adjoint : {"discrete", "continuous"}
        Derivatives of the steps that were taken, exact for the numbers that are returned; or by the
        adjoint equation, solved with the same tolerances, which keeps nothing of the steps and
        works for all methods.
    method : str, default "dopri5"
        "dopri5", or "rodas4" for stiff problems. With ``adjoint="continuous"`` also a method of
        `scipy.integrate.solve_ivp`, of which "Radau", "BDF" and "LSODA" get the Jacobian.
    max_steps : int, default 10000
        The largest number of steps between two times.

    Returns
    -------
    container
        Like `y0`, with a leading axis for the times in each leaf.

    Raises
    ------
    ValueError
        If the times are not monotonic, or the output of `f` has another shape than `y0`.
    RuntimeError
        If there are too many steps, or the solution is not finite.

    Notes
    -----
    The choice of the steps is no function of anything: it has no derivative. The adjoint equation
    follows the state backward, where a strongly damped solution cannot be followed: for such
    problems take the discrete derivative of "rodas4". `f` may jump at given times; where it jumps
    as the state crosses something, the derivative misses what the moment of the crossing changes:
    go from piece to piece by `ode_event`.

    Examples
    --------
    >>> import numpy as np, cdiff as cd, cdiff.integrate as cdi
    >>> def swing(t, y, stiffness):
    ...     return {"x": y["v"], "v": -stiffness * y["x"]}
    >>> def end(stiffness):
    ...     start = {"x": 1.0, "v": 0.0}
    ...     return cdi.odeint(swing, start, np.array([0.0, np.pi]), stiffness)["x"][-1]
    >>> round(float(end(2.0)), 5), round(cd.grad(end)(2.0), 5)
    (-0.26626, 1.07063)
    """
    problem = _Problem(f, y0, args, "odeint")
    times = _times(t, "odeint")
    if times.shape == (1,):
        return problem.rows(problem.start.reshape((1, -1)))
    settings = Settings(method, rtol, atol, max_steps, "odeint")
    if adjoint == "continuous":
        return problem.rows(flow(problem.slope, problem.start, times, settings))
    if adjoint != "discrete":
        raise ValueError(f"odeint: adjoint must be 'discrete' or 'continuous', got {adjoint!r}")
    if method not in METHODS:
        raise ValueError(
            f"odeint: method={method!r} has no discrete derivative; give adjoint='continuous', or "
            "take method='rodas4' for stiff problems"
        )
    return problem.rows(_Taken(problem, times, settings).at_times())


class _Taken:
    """Steps that were chosen for a problem and taken once more, with derivatives.

    Parameters
    ----------
    problem : _Problem
    times : Array
    settings : Settings

    Attributes
    ----------
    begin, width : Array
        Of each step.
    states : Array
        A row for the beginning of each step, and one for the end.
    steps : Steps
    step : callable
        One step of the method: ``step(t, v, h)``. The graph of `states` holds it, and so it may
        not hold this object: no garbage collector would see that circle.
    """

    def __init__(self, problem: _Problem, times: Array, settings: Settings) -> None:
        one_step = self.step = partial(_one_step, METHODS[settings.method], problem)
        choice = Choice(problem, times, settings)
        self.steps = steps = choice.steps()
        self.begin, self.width = _placed(steps, times)

        def step(v: Any, row: Any) -> Any:
            after = one_step(row[0], v, row[1])
            return after, after

        start = problem.start
        rest = array(scan(step, start, (self.begin, self.width))[1])
        self.states = _core.concatenate([start.reshape((1, -1)), rest], 0)

    def at_times(self) -> Array:
        """The states at the times."""
        return _core.gather(self.states, self.steps.ends)


def _placed(steps: Steps, times: Array) -> tuple[Array, Array]:
    """Where each step begins, and its width: of the times by which an interval begins and ends.

    What lies between them stays where it is when they move: a function that is not smooth at some
    time would have been followed on the wrong side of it.
    """
    fixed = stop_gradient(times)
    first, last = (_core.gather(fixed[k:], steps.interval) for k in (0, 1))
    begin, width = first + steps.start * (last - first), steps.width * (last - first)
    if not is_tracked(times):
        return begin, width
    moves, number = times - fixed, np.arange(steps.start.shape[0])
    taken = _core.greater(_core.absolute(steps.width), 0.0)
    at_first = _core.equal(_core.gather(steps.ends, steps.interval), number) & taken
    at_last = _core.equal(_core.gather(steps.ends[1:], steps.interval), number + 1) & taken
    from_first = _core.where(at_first, _core.gather(moves, steps.interval), 0.0)
    from_last = _core.where(at_last, _core.gather(moves[1:], steps.interval), 0.0)
    return begin + from_first, width + from_last - from_first


def _one_step(method: Any, problem: _Problem, t: Any, v: Any, h: Any) -> Any:
    return method.step(System(problem.slope, problem.linear, inv), t, v, h)


class _OdeSolution:
    """A solution at any time: what `ode_solution` returns."""

    def __init__(self, problem: _Problem, times: Array, settings: Settings) -> None:
        self._taken = _Taken(problem, times, settings)
        self._problem = problem
        self._ends = times

    def __call__(self, t: Any) -> Any:
        problem, taken = self._problem, self._taken
        t = array(t, dtype=float)
        if t.ndim > 1 or not _decided(_are_between, t, self._ends):
            low, high = sorted((float(peek(self._ends[0])), float(peek(self._ends[-1]))))
            raise ValueError(
                f"ode_solution: the solution is known from t = {low:.6g} to {high:.6g}; it was "
                "asked for elsewhere"
            )
        sign = 1.0 if _decided(_go_forward, self._ends) else -1.0
        found = hosted(_step_before, (taken.begin, t, sign), {})
        k = _step_before(peek(taken.begin), peek(t), sign) if found is NotImplemented else found
        begin, before = _core.gather(taken.begin, k), _core.gather(taken.states, k)
        if not t.ndim:
            state = taken.step(begin, before, t - begin)
            return unflatten(problem.unknown.treedef, [
                unwrapped(x) for x in problem.unknown.packing.unpack(array(state))])  # fmt: skip

        one_step = taken.step

        def part(carry: Any, row: Any) -> Any:
            return carry, one_step(row[0], row[1], row[2])

        return problem.rows(array(scan(part, 0.0, (begin, before, t - begin))[1]))


def _step_before(begin: Any, t: Any, sign: float) -> Any:
    """The number of the last step that begins at or before a time."""
    return np.maximum(np.searchsorted(sign * begin, sign * t, side="right") - 1, 0)


def ode_solution(
    f: Callable[..., Any],
    y0: Any,
    t_span: Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    method: str = "dopri5",
    max_steps: int = 10000,
) -> Any:
    """The solution of dy/dt = f(t, y) as a function of time (dense output).

    Parameters
    ----------
    f : callable
    y0 : container of floats and arrays
        Both as for `odeint`.
    t_span : pair of float
        Where the solution begins, with `y0`, and where it ends.
    *args : containers
        Parameters of `f`.
    rtol, atol : float, default 1e-8
    method : {"dopri5", "rodas4"}
    max_steps : int, default 10000
        As for `odeint`.

    Returns
    -------
    callable
        ``solution(t)`` for a number or a vector of times between the two: a container like `y0`,
        with a leading axis for a vector. It has derivatives by the time and by all that the
        solution depends on.

    Raises
    ------
    ValueError, RuntimeError
        As for `odeint`; when called, for times outside.

    Examples
    --------
    >>> import numpy as np, cdiff as cd, cdiff.integrate as cdi
    >>> y = cdi.ode_solution(lambda t, y: -y, 1.0, (0.0, 2.0))
    >>> round(y(0.5), 6), round(cd.grad(y)(0.5), 6)
    (0.606531, -0.606531)
    """
    problem = _Problem(f, y0, args, "ode_solution")
    times = _times(t_span, "ode_solution")
    if times.shape != (2,) or peek(times)[0] == peek(times)[1]:
        raise ValueError("ode_solution: t_span must be a pair of different times")
    settings = _own_settings(method, rtol, atol, max_steps, "ode_solution")
    return _OdeSolution(problem, times, settings)


def ode_event(
    f: Callable[..., Any],
    y0: Any,
    t_span: Any,
    event: Callable[..., Any],
    *args: Any,
    direction: int = 0,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    method: str = "dopri5",
    max_steps: int = 10000,
) -> tuple[Any, Any]:
    """When and where the solution of dy/dt = f(t, y) first meets a condition.

    Parameters
    ----------
    f : callable
    y0 : container of floats and arrays
        Both as for `odeint`.
    t_span : pair of float
        Where the solution begins, and how far it is followed.
    event : callable
        ``event(t, y, *args)``, a number that is zero at the event.
    *args : containers
        Parameters of `f` and `event`.
    direction : int, default 0
        1 for events where the number goes up, -1 where it goes down, 0 for both.
    rtol, atol : float, default 1e-8
    method : {"dopri5", "rodas4"}
    max_steps : int, default 10000
        As for `odeint`.

    Returns
    -------
    t : float
        The time, differentiated by the implicit function theorem.
    y : container
        The state there, like `y0`.

    Raises
    ------
    RuntimeError
        If there is no event.
    ValueError
        As for `odeint`, or if `event` does not give one number.

    Notes
    -----
    An event is seen where the sign of the number differs between the two ends of a step.

    Examples
    --------
    >>> import cdiff as cd, cdiff.integrate as cdi
    >>> def landing(speed):  # of a throw straight up
    ...     return cdi.ode_event(lambda t, y: {"h": y["v"], "v": -9.81}, {"h": 0.0, "v": speed},
    ...                          (0.0, 100.0), lambda t, y: y["h"], direction=-1)[0]
    >>> round(landing(5.0), 6), round(cd.grad(landing)(5.0), 6)
    (1.019368, 0.203874)
    """
    check_function(event, "ode_event")
    problem = _Problem(f, y0, args, "ode_event")
    span = _times(t_span, "ode_event")
    if span.shape != (2,):
        raise ValueError("ode_event: t_span must be a pair of times")
    if direction not in (-1, 0, 1):
        raise ValueError(f"ode_event: direction must be -1, 0 or 1, got {direction!r}")
    settings = _own_settings(method, rtol, atol, max_steps, "ode_event")

    def condition(t: Any, v: Any) -> Any:
        found = event(t, problem.state(v), *args)
        if np.shape(found) != ():
            raise misfit(f"ode_event: the event has shape {np.shape(found)}, not one number")
        return found

    slope = captured_body(problem.slope, span[0], problem.start)
    number = captured_body(condition, span[0], problem.start)

    # As for the choice of steps: what is read from outside is known once it has been searched.
    event_of = FirstEvent(slope, number, direction, settings)
    first = event_of.time(peek(problem.start), peek(span))
    slope.sealed = number.sealed = True
    inputs = (problem.start, span, *slope.captured, *number.captured)
    when = hosted(event_of.time, inputs, {})
    when = first if when is NotImplemented else when

    def state(t: Any) -> Any:
        ends = _core.concatenate([span[:1], array(t).reshape((1,))], 0)
        return _Taken(problem, ends, settings).at_times()[1]

    root = custom_root(lambda t: condition(t, state(t)), solver=as_guessed)
    t = root(when if isinstance(when, Array) else float(when))
    leaves = problem.unknown.packing.unpack(state(t))
    return t, unflatten(problem.unknown.treedef, [unwrapped(x) for x in leaves])


def _own_settings(method: str, rtol: float, atol: float, max_steps: int, who: str) -> Settings:
    """Settings for a method whose steps are known."""
    if method not in METHODS:
        raise ValueError(f"{who}: method must be one of {tuple(METHODS)}, got {method!r}")
    return Settings(method, rtol, atol, max_steps, who)
