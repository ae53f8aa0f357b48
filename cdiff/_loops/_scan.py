"""Loops as operators: the body is a program, a loop is one node of the graph.

A `Scan` runs its body for every row of its inputs. Its reverse derivative is another scan, over the
steps in the opposite order, of the reverse derivative of the body; its forward derivative is a scan
of the body's. So a recorded program does not grow with the number of steps, and every order exists.
Where a reverse sweep will follow, a scan also returns the carry before every step, behind its other
results. This file knows bodies and packings; containers and what users pass belong to `_loops.py`.
It is fast because all steps run in the core, straight into the arrays of the results.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from math import isqrt, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._bodies._body import Body, SavingBody
from cdiff._bodies._packing import Packing, exact, has_derivative
from cdiff._bodies._paths import NewPath
from cdiff._core import (
    Array,
    Callee,
    Level,
    call,
    constant,
    dual,
    is_zero_part,
    leaf,
    may_wait,
    peek,
    pooled,
    pullback,
    run_steps,
    runs_inside,
    undual,
)
from cdiff._pictures._progress import bar, is_on
from cdiff._transformations._mapped import PointCallee

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdiff._bodies._packing import Spec

__all__ = ["Scan"]

PIECES = 100  # of a loop with a bar
KEPT_BYTES = 1 << 24  # carries up to this are all kept for the reverse sweep

FLOAT64 = np.dtype(np.float64)


def floats(specs: Sequence[Spec]) -> list[int]:
    """The positions of those that have a derivative."""
    return [k for k, spec in enumerate(specs) if has_derivative(spec)]


def segments(specs: Sequence[Spec], length: int, every: int | None) -> int:
    """How many steps are computed again together in the reverse sweep; 0 to keep all carries.

    Parameters
    ----------
    specs : list of (dtype, shape)
        Of a carry.
    length : int
    every : int or None
        What the user wants.

    Returns
    -------
    int
    """
    if every is None:
        size = sum([dtype.itemsize * prod(shape) for dtype, shape in specs])
        return isqrt(length - 1) + 1 if length > 3 and size * length > KEPT_BYTES else 0
    return every if every < length else 0


def zero(spec: Spec) -> Array:
    """A zero derivative, in memory that nobody writes to: programs read it where it is."""
    dtype, shape = spec
    return constant(np.zeros(shape, dtype if has_derivative(spec) else FLOAT64))


def fitting(x: Any, spec: Spec) -> Any:
    """An ndarray of a dtype, which must have the shape."""
    a = np.asarray(x, spec[0])
    if a.shape != spec[1]:
        raise ValueError(f"a loop was given a value of shape {a.shape}, not {spec[1]}")
    return a


def or_zero(x: Any, spec: Spec) -> Any:
    """A derivative, or the zero that None stands for."""
    return zero(spec) if x is None else x


class Scan(PointCallee):
    """A loop over rows as one operator.

    Its operands are the carry, the arrays whose rows are read, constants, and what the body
    captured; its results the last carry and the stacked rows, packed.

    Parameters
    ----------
    body : Body
        Of (carry, rows, constants, captured); returns (carry, rows).
    carry, xs : list of (dtype, shape)
        The forms of the carry and of a row of each input.
    length : int
    reverse : bool
        Whether the last row comes first.
    saves : bool
        Whether the carry before each step is a result too.
    """

    def __init__(
        self,
        body: Body,
        carry: Sequence[Spec],
        xs: Sequence[Spec],
        length: int,
        reverse: bool,
        saves: bool = False,
    ) -> None:
        self.body = body
        self.carry = list(carry)
        self.xs = list(xs)
        self.length = length
        self.reverse = reverse
        self.saves = saves
        self.rows = body.results[len(self.carry) :]
        stacked = [*self.rows, *self.carry] if saves else self.rows
        self.packing = Packing(
            [*self.carry, *[(dtype, (length, *shape)) for dtype, shape in stacked]], bare=False
        )
        self.is_direct = True
        self.is_known = False  # to the core, which runs it inside of programs

    @cached_property
    def _unsaved(self) -> Scan:
        """The same loop with the first of these results."""
        return Scan(self.body, self.carry, self.xs, self.length, self.reverse)

    def __repr__(self) -> str:
        return f"scan of {self.length} steps"

    # ------------------------------------------------------------ value

    @property
    def work(self) -> int:
        """How many numbers its steps give."""
        return self.length * sum([prod(shape) for _, shape in [*self.carry, *self.rows]])

    def waiting(self, operands: list[Array]) -> Spec | None:
        if not self.length or self.packing.dtype != FLOAT64 or not may_wait(operands, self.work):
            return None
        body = self._path_body()
        if body.paths is None:
            carry, xs, consts = self._split(operands)
            first = self.length - 1 if self.reverse else 0
            body.learn([*carry, *[x[first] for x in xs], *consts])
        return FLOAT64, (self.packing.size,)

    def differentiated(self, operands: list[Array]) -> Callee:
        if self.saves:
            return self
        return Scan(self.body, self.carry, self.xs, self.length, self.reverse, saves=True)

    def _fitted(self, arrays: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Carry, rows and constants of the dtypes and shapes that were announced."""
        specs = [*self.carry, *[(dtype, (self.length, *s)) for dtype, s in self.xs]]
        fitted = [fitting(a, spec) for a, spec in zip(arrays, specs, strict=False)]
        if len(arrays) != self.body.n_inputs + len(self.body.captured):
            raise ValueError(f"{self!r}: {len(arrays)} operands")
        return self._split([*fitted, *arrays[len(fitted) :]])

    def profiled(self, arrays: list[Any]) -> list[tuple[str, str, float, int, int]]:
        """Rows (operator, line, seconds of the first step, instructions, bytes of all steps).

        None where steps go different ways, or do nothing that is timed by itself.
        """
        paths = self._path_body().paths
        if not self.length or paths is None or len(paths.distinct()) != 1:
            return []
        carry, xs, consts = self._fitted(arrays)
        first = [x[-1 if self.reverse else 0] for x in xs]
        profile = paths.last.runner.profile
        samples = [profile([*carry, *first, *consts]) for _ in range(5)]
        if any(row[1] == "numbers" for row in samples[0]):
            return []
        best = [min([row[4] for row in same]) for same in zip(*samples, strict=True)]
        return [
            (op, at, spent, count, self.length * size)
            for spent, (_, op, _, at, _, count, size) in zip(best, samples[0], strict=True)
        ]

    def value(self, arrays: list[Any]) -> Any:
        found = self.pack(*self.run(*self._fitted(arrays)))
        self.make_known(self)
        return found

    def make_known(self, callee: Any) -> None:
        """Let the core run the steps inside of programs that call it, if they are of few numbers.

        Parameters
        ----------
        callee : Callee
            This, or what gives the same.
        """
        if callee.is_known:
            return
        path = self._path_body().only_path()
        forms = [*self.carry, *self.xs, *self.rows]
        n, m = len(self.carry), len(self.xs)
        callee.is_known = (
            path is None
            or any(dtype != FLOAT64 for dtype, _ in forms)
            or runs_inside(callee, path.runner, n, m, self.length, True, self.reverse)
        )

    def value_into(self, arrays: list[Any], parts: list[tuple[int, Any]]) -> None:
        """See `Callee`: whole rows go straight into their part, and what is saved for a reverse
        sweep is left out where nobody reads it."""
        if self.saves and all(at + part.size <= self._unsaved.packing.size for at, part in parts):
            self._unsaved.value_into(arrays, parts)
            return
        packing, rooms = self.packing, {}
        for at, part in parts:
            k = bisect_right(packing.starts, at) - 1
            fits = packing.starts[k] == at and at + part.size <= packing.starts[k + 1]
            if not fits or packing.specs[k][0] != FLOAT64 or is_on():
                super().value_into(arrays, parts)
                return
            rooms[k] = part
        carry, xs, consts = self._fitted(arrays)
        for k, y in enumerate(self._run_into(carry, self._rows(xs), consts, rooms)):
            if k in rooms and y is not None:
                rooms[k][...] = exact(y).reshape(-1)[: rooms[k].size]
        self.make_known(self)

    def _run_into(
        self, carry: list[Any], xs: list[Any], consts: list[Any], rooms: dict[int, Any]
    ) -> list[Any]:
        """The last carry, None for what is in its room already; rows go to their rooms, vectors
        that may end before the last one."""
        carry = list(carry)
        last = [
            rooms[k].reshape(shape) if k in rooms and rooms[k].size == prod(shape) else None
            for k, (_, shape) in enumerate(self.packing.specs[: len(carry)])
        ]
        forms = list(enumerate(self.packing.specs))[len(carry) :]
        widths = {k: prod(shape[1:]) for k, (_, shape) in forms}
        whole = min([self.length, *[rooms[k].size // widths[k] for k, _ in forms if k in rooms]])
        ys = [
            rooms[k][: whole * widths[k]].reshape((whole, *shape[1:]))
            if k in rooms
            else np.empty((whole, *shape[1:]), dtype)
            for k, (dtype, shape) in forms
        ]
        rest = [np.empty((self.length - whole, *shape[1:]), dtype) for _, (dtype, shape) in forms]
        halves = [(whole, 0, ys), (self.length - whole, whole, rest)]
        for count, first, outputs in reversed(halves) if self.reverse else halves:
            rows = [x[first : first + count] for x in xs]
            self._steps(count, carry, rows, consts, outputs, last)
        for (k, _), y in zip(forms, rest, strict=True):
            if k in rooms:
                left = rooms[k][whole * widths[k] :]
                left[...] = y.reshape(-1)[: left.size]
        return [None if x is room else x for x, room in zip(carry, last, strict=True)]

    def _rows(self, xs: list[Any]) -> list[Any]:
        return [np.ascontiguousarray(x, dtype) for x, (dtype, _) in zip(xs, self.xs, strict=True)]

    def run(self, carry: list[Any], xs: list[Any], consts: list[Any]) -> tuple[list[Any], Any]:
        """The results for plain values.

        Parameters
        ----------
        carry, xs, consts : list
            Of the dtypes and shapes that were announced. `consts` grows by the values of what the
            body captures.

        Returns
        -------
        values : list
            The last carry and the stacked rows.
        flat : ndarray
            Their packing, in which only the rows of its dtype are filled in.
        """
        flat = pooled(self.packing.size, self.packing.dtype)
        n = len(carry)
        parts = [
            flat[start:stop].reshape(shape) if dtype == flat.dtype else None
            for (dtype, shape), start, stop in zip(
                self.packing.specs, self.packing.starts, self.packing.starts[1:], strict=False
            )
        ]
        ys = [
            np.empty(shape, dtype) if part is None else part
            for part, (dtype, shape) in zip(parts[n:], self.packing.specs[n:], strict=True)
        ]
        carry = list(carry)
        self._steps(self.length, carry, self._rows(xs), consts, ys, parts[:n])
        return [*carry, *ys], flat

    def pack(self, values: list[Any], flat: Any) -> Any:
        """Fill in the rest of what `run` gave."""
        for k, y in enumerate(values):
            if getattr(y, "base", None) is not flat:
                part = flat[self.packing.starts[k] : self.packing.starts[k + 1]]
                part[...] = exact(y).reshape(-1)
        return flat

    def _steps(
        self,
        count: int,
        carry: list[Any],
        xs: list[Any],
        consts: list[Any],
        ys: list[Any],
        last: list[Any],
    ) -> None:
        """So many steps, in pieces where a bar shows how far they are; arrays for the last carry
        may be given."""
        i, stop = (count - 1, -1) if self.reverse else (0, count)
        if not is_on():
            self._piece(i, stop, carry, xs, consts, ys, last)
            return
        meter = bar(count, "scan")
        most = max(1, count // PIECES)
        try:
            while i != stop:
                pause = max(i - most, stop) if self.reverse else min(i + most, stop)
                self._piece(i, pause, carry, xs, consts, ys, last)
                meter.update(abs(pause - i))
                i = pause
        finally:
            meter.close()

    def _piece(
        self,
        i: int,
        stop: int,
        carry: list[Any],
        xs: list[Any],
        consts: list[Any],
        ys: list[Any],
        last: list[Any],
    ) -> None:
        """Some steps: in the core as long as the path stays the same, else by the body."""
        body = self._path_body()
        own = body.n_inputs - len(self.carry) - len(self.xs)
        stuck = None
        while i != stop:
            path = None if body.paths is None else body.paths.last
            if path is not None and path is not stuck:
                stuck, moved = None, list(carry)
                try:
                    i = run_steps(path.runner, i, stop, moved, xs, consts, ys, last)
                    carry[:] = moved
                except NewPath:  # at some step from here on, to which the body goes by single ones
                    stuck = path
                if i == stop:
                    return
            outputs = body.run([*carry, *[x[i] for x in xs], *consts])
            consts += [peek(x) for x in body.captured[len(consts) - own :]]
            carry[:] = outputs[: len(carry)]
            for y, row in zip(ys, outputs[len(carry) :], strict=True):
                y[i] = row
            i += -1 if self.reverse else 1

    def _path_body(self) -> Body:
        """The body that is run for each step."""
        if not self.saves:
            return self.body
        found: Body | None = self.body.derived.get("saving")
        if found is None:
            found = self.body.derived["saving"] = SavingBody(self.body, len(self.carry))
        return found

    # ------------------------------------------------------------ derivatives

    def called(self, operands: list[Array]) -> Array:
        """The result of a derivative, as an operation.

        What its body replays has all it reads among the operands; only rules of the user can have
        read more, from their closures, which no derivative of this one would see.
        """
        y: Array = call(self, operands)
        if self.body.captured:
            raise TypeError(
                f"{self!r}: a derivative rule reads a value from its closure, a global or an "
                "attribute that a transformation tracks; return it from fwd with the residuals, or "
                "make it an argument of the function with the rule"
            )
        return y

    def _split(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Operands (or what belongs to them) as carry, rows and constants."""
        n, m = len(self.carry), len(self.carry) + len(self.xs)
        return list(operands[:n]), list(operands[n:m]), list(operands[m:])

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        _, xs, consts = self._split(operands)
        _, want_xs, want_consts = self._split(wanted)
        n, rows = len(self.carry), len(self.rows)
        saved = [self.packing.at(y, n + rows + k) for k in range(n)]
        starts = self.packing.starts
        # Often nobody but this rule has read the saved carries: zeros are not added up.
        live = [
            k
            for k in floats([*self.rows, *self.carry])
            if not is_zero_part(g, starts[n + k], starts[n + k + 1])
        ]
        reversed_body = _PulledBody.of(
            self, operands, tuple(want_xs), tuple(want_consts), tuple(live)
        )
        init = [self.packing.at(g, k) for k in floats(self.carry)]
        init += [zero(spec) for spec in reversed_body.sums]
        seeds = [self.packing.at(g, n + k) for k in live]
        back = Scan(
            reversed_body.body,
            reversed_body.carry,
            [*self.carry, *self.xs, *reversed_body.seeds],
            self.length,
            not self.reverse,
        )
        z = back.called([*init, *saved, *xs, *seeds, *consts])
        parts = iter(back.packing.unpack(z))
        found: list[Any] = [None] * len(operands)
        for k in floats(self.carry):
            found[k] = next(parts)
        places = [n + len(xs) + k for k, want in enumerate(want_consts) if want]
        places += [n + k for k, want in enumerate(want_xs) if want]
        for k in places:
            found[k] = next(parts)
        return found

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        carry, xs, consts = self._split(operands)
        t_carry, t_xs, t_consts = self._split(tangents)
        moved = [t is not None for t in (*t_xs, *t_consts)]
        pushed = _PushedBody.of(self, operands, tuple(moved))
        init = [or_zero(t_carry[k], self.carry[k]) for k in floats(self.carry)]
        forward = Scan(pushed.body, pushed.carry, [*self.xs, *pushed.xs], self.length, self.reverse)
        given = [t for t in t_xs if t is not None]
        directions = [t for t in t_consts if t is not None]
        z = forward.packing.unpack(
            forward.called([*carry, *init, *xs, *given, *consts, *directions])
        )
        parts = iter(z[len(self.carry) :])
        return self.packing.pack(
            [next(parts) if has_derivative(spec) else zero(spec) for spec in self.packing.specs]
        )


def _derived(scan: Scan, operands: list[Array], key: Any, make: Callable[[list[Spec]], Any]) -> Any:
    """A derivative of a scan's body, which is made once, with the forms of the constants."""
    found = scan.body.derived.get(key)
    if found is None:
        consts = operands[len(scan.carry) + len(scan.xs) :]
        found = make([(np.dtype(x.dtype.type), x.shape) for x in consts])
        scan.body.derived[key] = found
    return found


class _PulledBody:
    """The reverse derivative of a scan's body, as the body of a scan.

    Its carry are the cotangents of the carry and sums for the constants, its rows the saved carry,
    the rows of the scan and the cotangents of those results `live` that have one (rows, then saved
    carries); it returns the carry, and cotangents of the rows.
    """

    def __init__(
        self, scan: Scan, consts: list[Spec], want_xs: tuple[bool, ...],
        want_consts: tuple[bool, ...], live: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.base = scan.body
        self.n, self.m = len(scan.carry), len(scan.carry) + len(scan.xs)
        self.moving = floats(scan.carry)
        n_rows = len(scan.rows)
        self.targets = [*self.moving, *[self.n + k for k in live if k < n_rows]]
        self.saved = [self.moving.index(k - n_rows) for k in live if k >= n_rows]
        self.sums = [spec for spec, want in zip(consts, want_consts, strict=True) if want]
        self.carry = [*[scan.carry[k] for k in self.moving], *self.sums]
        all_rows = [*scan.rows, *scan.carry]
        self.seeds = [all_rows[k] for k in live]
        self.asked = [k in self.moving for k in range(self.n)] + [*want_xs, *want_consts]
        self.specs = [*scan.carry, *scan.xs, *consts]
        count = len(self.carry) + self.m + len(self.seeds) + len(consts)
        self.body = Body(self, count)
        summed = len(self.sums)
        asked_xs = [spec for spec, want in zip(scan.xs, want_xs, strict=True) if want]
        self.body.results = [*self.carry, *asked_xs]
        self.split = len(self.moving), summed

    @staticmethod
    def of(
        scan: Scan, operands: list[Array], want_xs: tuple[bool, ...],
        want_consts: tuple[bool, ...], live: tuple[int, ...],
    ) -> _PulledBody:  # fmt: skip
        asked = want_xs, want_consts, live
        found: _PulledBody = _derived(
            scan, operands, ("pulled", *asked), lambda consts: _PulledBody(scan, consts, *asked)
        )
        return found

    def __call__(self, nodes: list[Array]) -> list[Any]:
        n_moving, n_sums = self.split
        g, sums = nodes[:n_moving], nodes[n_moving : n_moving + n_sums]
        start = n_moving + n_sums
        own = nodes[start : start + self.m]
        seeds = nodes[start + self.m : start + self.m + len(self.seeds)]
        own += nodes[start + self.m + len(self.seeds) :]
        with Level() as level:
            inputs = [leaf(x, level) if ask else x for x, ask in zip(own, self.asked, strict=True)]
            outputs = self.base.apply(inputs)
            targets = [outputs[k] for k in self.targets]
            leaves = [x for x, ask in zip(inputs, self.asked, strict=True) if ask]
            n_rows = len(seeds) - len(self.saved)
            found = pullback(targets, [*g, *seeds[:n_rows]], leaves, level)
        asked = [spec for spec, ask in zip(self.specs, self.asked, strict=True) if ask]
        full = [or_zero(c, spec) for c, spec in zip(found, asked, strict=True)]
        rows = full[n_moving : len(full) - n_sums]
        carried = full[:n_moving]
        for k, seed in zip(self.saved, seeds[n_rows:], strict=True):
            carried[k] = carried[k] + seed
        added = [a + b for a, b in zip(sums, full[len(full) - n_sums :], strict=True)]
        return [*carried, *added, *rows]


class _PushedBody:
    """The forward derivative of a scan's body: everything beside its tangent."""

    def __init__(self, scan: Scan, consts: list[Spec], moved: tuple[bool, ...]) -> None:
        self.base = scan.body
        self.moving = floats(scan.carry)
        self.counts = len(scan.carry), len(self.moving), len(scan.xs), len(consts)
        self.moved = moved
        others = [*scan.xs, *consts]
        n_xs = len(scan.xs)
        self.xs = [others[k] for k in range(n_xs) if moved[k]]
        self.saves = scan.saves
        self.carry = [*scan.carry, *[scan.carry[k] for k in self.moving]]
        self.rows = [scan.rows[k] for k in floats(scan.rows)]
        saved = [scan.carry[k] for k in self.moving] if scan.saves else []
        self.row_places = [len(scan.carry) + k for k in floats(scan.rows)]
        count = len(self.carry) + len(others) + sum(moved)
        self.body = Body(self, count)
        self.body.results = [*self.carry, *self.rows, *saved]

    @staticmethod
    def of(scan: Scan, operands: list[Array], moved: tuple[bool, ...]) -> _PushedBody:
        key = "pushed", moved, scan.saves
        found: _PushedBody = _derived(
            scan, operands, key, lambda consts: _PushedBody(scan, consts, moved)
        )
        return found

    def __call__(self, nodes: list[Array]) -> list[Any]:
        n, n_moving, n_xs, _ = self.counts
        rest = iter(nodes)
        primals = [next(rest) for _ in range(n)]
        directions: dict[int, Array] = {k: next(rest) for k in self.moving}
        primals += [next(rest) for _ in range(n_xs)]
        directions |= {n + k: next(rest) for k in range(n_xs) if self.moved[k]}
        primals += [next(rest) for _ in self.moved[n_xs:]]
        directions |= {n + k: next(rest) for k in range(n_xs, len(self.moved)) if self.moved[k]}
        with Level() as level:
            inputs = [
                dual(x, directions[k], level) if k in directions else x
                for k, x in enumerate(primals)
            ]
            pairs = [undual(z, level) for z in self.base.apply(inputs)]
        results = [pairs[k][0] for k in range(n)]
        places = [*self.moving, *self.row_places]
        specs = [*self.body.results[n : n + n_moving], *self.rows]
        results += [or_zero(pairs[k][1], spec) for k, spec in zip(places, specs, strict=True)]
        return results + ([directions[k] for k in self.moving] if self.saves else [])
