"""Functions of one point applied to many: `vmap`.

The function runs once, at the first point, and its program is evaluated at all points together
(by `Batch` of the core). Decisions that Python took are guards of the program: points that decide
otherwise are taken out before anything is computed that depends on the decision, and go another
way through the function, recorded at the first of them. So no point sees a path that is not its
own. This file knows arguments, groups of points and the merging of their results; how an operator
acts on many points, and derivatives, it must not know. It is fast because Python runs once for each
path, whatever the number of points.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.linalg import LinAlgError

from cdiff import _core
from cdiff._arguments._axes import MappedCall, check_axes, out_axis, spread_axes
from cdiff._arguments._leaves import shape_of, unwrapped
from cdiff._arguments._tree import flatten, leaf_paths, unflatten
from cdiff._arguments._wrap import Transformed, function_name
from cdiff._bodies._beside import reads_beside, refuse_beside
from cdiff._bodies._body import has_rules
from cdiff._bodies._packing import spec_of
from cdiff._bodies._paths import NewPath, content
from cdiff._compiled._signature import structure
from cdiff._core import Array, Batch, Trace, in_trace, is_tracked, peek

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdiff._arguments._tree import TreeDef
    from cdiff._core import Program

__all__ = ["vmap"]


class Way:
    """One recorded way through a function: its program and the form of its result.

    Parameters
    ----------
    program : Program
        As it was recorded.
    captured : list of Array
        Outer values that the program reads, the same for all points.
    treedef : TreeDef
        Structure of the result.
    places : list of int or None
        For each leaf of the result the number of an output; None for a leaf that no mapped
        argument takes part in.
    leaves : list
        The leaves of the result, None for an output.
    """

    __slots__ = ("captured", "decisions", "leaves", "places", "program", "reads", "treedef")

    def __init__(
        self,
        program: Program,
        captured: list[Array],
        treedef: TreeDef,
        places: list[int | None],
        leaves: list[Any],
    ) -> None:
        self.program = program.simplify()
        n_own = program.n_inputs - len(captured)
        self.reads = reads_beside(program, n_own, set()) if has_rules(program) else []
        self.captured = captured
        self.treedef = treedef
        self.places = places
        self.leaves = leaves
        self.decisions = tuple([content(g.expected) for g in self.program.guards])


def _record(f: Callable[..., Any], call: MappedCall, point: list[Any]) -> Way:
    """Run the function at one point and keep the program of what it did."""
    trace = Trace(rules=True)
    with trace as level:
        leaves, treedef = flatten(call.apply(f, [trace.input(x) for x in point]))
        inside = [in_trace(y, level) for y in leaves]
        nodes = [y for y, traced in zip(leaves, inside, strict=True) if traced]
        program, captured = trace.freeze(nodes)
    numbers = iter(range(len(nodes)))
    places = [next(numbers) if traced else None for traced in inside]
    shared = [None if traced else _checked(y, f) for y, traced in zip(leaves, inside, strict=True)]
    return Way(program, captured, treedef, places, shared)


def _checked(y: Any, f: Callable[..., Any]) -> Any:
    """A result that is the same for all points, if it is something to repeat."""
    if isinstance(y, (Array, np.ndarray, np.generic, float, int)):
        return y.copy() if y.__class__ is np.ndarray else y
    raise TypeError(
        f"vmap: {function_name(f)} returned a {type(y).__name__} ({y!r:.40}); results must be "
        "numbers and arrays, in containers if need be"
    )


class Group:
    """Points that went one way, and what came out.

    Parameters
    ----------
    rows : ndarray of int
        Which points these are.
    way : Way
    outputs : list of (Array, bool)
        The outputs of the program and whether they have an axis of points.
    """

    __slots__ = ("outputs", "rows", "way")

    def __init__(self, rows: Any, way: Way, outputs: list[tuple[Array, bool]]) -> None:
        self.rows = rows
        self.way = way
        self.outputs = outputs

    def leaf(self, k: int) -> tuple[Any, bool]:
        """Leaf k of the results of these points, and whether it has an axis of points."""
        place = self.way.places[k]
        return (self.way.leaves[k], False) if place is None else self.outputs[place]

    def repeated(self, k: int) -> Array:
        """Leaf k with an axis of points."""
        y, batched = self.leaf(k)
        if batched:
            return y  # type: ignore[no-any-return]
        y = y if y.__class__ is Array else np.asarray(y)
        return _core.broadcast_to(y, (len(self.rows), *y.shape))


class Grouping:
    """Sends points the ways that they decide for.

    Parameters
    ----------
    f : callable
    call : MappedCall

    Attributes
    ----------
    done : list of Group
        All points, once `run` is through.
    """

    def __init__(self, f: Callable[..., Any], call: MappedCall) -> None:
        self.f = f
        self.call = call
        self.ways: dict[tuple[Any, ...], Way] = {}  # by the decisions that lead to them
        self.count = 0
        self.done: list[Group] = []
        # Points that still have to find their way, their decisions so far, and how many ways
        # they have tried.
        self.pending: list[tuple[Any, tuple[Any, ...], int]] = []

    def run(self) -> list[Group]:
        everything = np.arange(self.call.size)
        self.pending.append((everything, (), 0))
        while self.pending:
            rows, decisions, tries = self.pending.pop()
            whole = len(rows) == self.call.size
            batch = [x if whole else _core.gather(x, rows) for x in self.call.batch]
            way, fresh = self._way(batch, decisions, tries)
            inputs = [*batch, *way.captured]
            mapped = [True] * len(batch) + [False] * len(way.captured)
            refuse_beside(way.reads, inputs)
            points = Batch(way.program, inputs, mapped, len(rows))
            others = len(self.pending)
            try:
                self._finish(way, fresh, points, rows, tries)
            except (NewPath, LinAlgError):  # a loop does not know what it decides at one of these
                # points, or the function may catch the error that one of them makes
                if fresh and len(rows) == 1:
                    raise
                del self.pending[others:]
                halves = np.array_split(rows, 2)
                self.pending += [(half, (), self.count + 1) for half in halves if len(half)]
        return self.done

    def _finish(self, way: Way, fresh: bool, points: Batch, rows: Any, tries: int) -> None:
        """Take the points that go this way to its end."""
        kept = self._follow(way, fresh, points, rows, tries)
        if len(kept):
            self.done.append(Group(kept, way, points.outputs()))

    def _way(self, batch: list[Any], decisions: tuple[Any, ...], tries: int) -> tuple[Way, bool]:
        """The way that begins with these decisions; is it recorded at the first point?

        Points that have tried all ways decide differently alone and among others (by the last
        digit of a sum): theirs is recorded afresh.
        """
        known = self.ways.get(decisions)
        if known is not None and tries <= self.count:
            return known, False
        way = _record(self.f, self.call, [peek(x)[0] for x in batch])
        for n in range(len(way.decisions) + 1):
            self.ways.setdefault(way.decisions[:n], way)
        self.count += 1
        return way, True

    def _follow(self, way: Way, fresh: bool, points: Batch, rows: Any, tries: int) -> Any:
        """The points that decide as the way does; the others become pending."""
        for k, guard in enumerate(way.program.guards):
            seen, batched = points.seen(guard)
            if not batched:
                if fresh or content(seen) == way.decisions[k]:
                    continue
                self.pending.append((rows, (*way.decisions[:k], content(seen)), tries + 1))
                return rows[:0]
            agree = _rows_equal(seen, guard.expected)
            if fresh:
                agree[0] = True  # it was recorded here
            if agree.all():
                continue
            self._split(way, k, seen[~agree], rows[~agree], tries)
            kept = np.flatnonzero(agree)
            rows = rows[kept]
            if not len(kept):
                break
            points.keep(kept)
        return rows

    def _split(self, way: Way, k: int, seen: Any, rows: Any, tries: int) -> None:
        """Make the points that differ at decision k pending, those that decide alike together."""
        before = way.decisions[:k]
        _, first, group = np.unique(_bytes(seen), axis=0, return_index=True, return_inverse=True)
        group = group.reshape(-1)
        for g, at in enumerate(first):
            self.pending.append((rows[group == g], (*before, content(seen[at])), tries + 1))


def _bytes(x: Any) -> Any:
    """The contents of each row: nan equals nan, and 0.0 is not -0.0."""
    return np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8)


def _rows_equal(seen: Any, expected: Any) -> Any:
    return (_bytes(seen) == _bytes(expected[None])).all(axis=1)


class _Vmap(Transformed):
    """What `vmap` returns."""

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        call = MappedCall(args, kwargs, self._options["in_axes"], self._f)
        if not call.size:
            return self._empty(call)
        size = self._options.get("chunk_size")
        if size is not None and size < call.size:
            # Loops are loaded where they are used.
            from cdiff._transformations._chunks import in_chunks

            return in_chunks(vmap, self._f, call, self._options["out_axes"], size)
        groups = Grouping(self._f, call).run()
        treedef = groups[0].way.treedef
        _check_alike(groups, self._f)
        axes = spread_axes(self._options["out_axes"], treedef, "out_axes", "the result")
        leaves = [
            _merged(groups, k, axis, partial(self._name, treedef, k)) for k, axis in enumerate(axes)
        ]
        return unflatten(treedef, leaves)

    def _empty(self, call: MappedCall) -> Any:
        """No points: the shapes of the results, found at a point of ones."""
        point = [np.ones(x.shape[1:], x.dtype)[()] for x in call.batch]
        way = _record(self._f, call, point)
        axes = spread_axes(self._options["out_axes"], way.treedef, "out_axes", "the result")
        types = way.program.instructions()
        results = []
        for k, (axis, place) in enumerate(zip(axes, way.places, strict=True)):
            y = way.leaves[k]
            if axis is None and place is None:
                results.append(y)
                continue
            dtype, shape = np.asarray(peek(y)).dtype, shape_of(y)
            if place is not None:
                _, dtype, shape, *_ = types[way.program.outputs[place]]
            at = out_axis(axis or 0, len(shape) + 1, partial(self._name, way.treedef, k))
            results.append(np.empty((*shape[:at], 0, *shape[at:]), dtype))
        return unflatten(way.treedef, results)

    def _name(self, treedef: TreeDef, k: int) -> str:
        return leaf_paths(treedef, f"the output of {function_name(self._f)}")[k]


def _check_alike(groups: list[Group], f: Callable[..., Any]) -> None:
    """Raise unless the function returns the same structure and shapes on every way."""
    first = groups[0]
    for group in groups[1:]:
        if structure(group.way.treedef) != structure(first.way.treedef):
            raise TypeError(
                f"vmap: {function_name(f)} returns {first.way.treedef!r} at point "
                f"{first.rows[0]} and {group.way.treedef!r} at point {group.rows[0]}; the "
                "structure of its result must not depend on values"
            )
        for k, path in enumerate(leaf_paths(first.way.treedef, "the output")):
            shapes = [_point_shape(g, k) for g in (first, group)]
            if shapes[0] != shapes[1]:
                raise ValueError(
                    f"vmap: {path} of {function_name(f)} has shape {shapes[0]} at point "
                    f"{first.rows[0]} and {shapes[1]} at point {group.rows[0]}; results of "
                    "different shapes make no array"
                )


def _point_shape(group: Group, k: int) -> tuple[int, ...]:
    y, batched = group.leaf(k)
    return shape_of(y)[1:] if batched else shape_of(y)


def _merged(groups: list[Group], k: int, axis: int | None, name: Callable[[], str]) -> Any:
    """Leaf k of the result: of all groups, in the order of the points, its axis in place."""
    if axis is None:
        values, batched = zip(*[group.leaf(k) for group in groups], strict=True)
        if any(batched) or not _all_one(values):
            raise ValueError(f"vmap: {name()} differs from point to point; out_axes cannot be None")
        return _outside(values[0])
    if len(groups) == 1:
        y = groups[0].repeated(k)
    else:
        parts = [group.repeated(k) for group in groups]
        order = np.concatenate([group.rows for group in groups])
        y = _core.gather(_core.concatenate(_one_dtype(groups, k, parts), 0), np.argsort(order))
    at = out_axis(axis, y.ndim, name)
    if at:
        y = _core.transpose(y, (*range(1, at + 1), 0, *range(at + 1, y.ndim)))
    return _outside(y)


def _all_one(values: Sequence[Any]) -> bool:
    """Is that of all groups the same? Where a transformation records them, that is a decision."""
    return all(_are_same(values[0], y) for y in values[1:])


def _are_same(a: Any, b: Any) -> bool:
    if a.__class__ is not b.__class__ or spec_of(a) != spec_of(b):
        return False
    return bool(np.all((a == b) | ((a != a) & (b != b))))  # nan is


def _one_dtype(groups: list[Group], k: int, parts: list[Array]) -> list[Array]:
    """Parts in the dtype that NumPy's rules give; a Python number takes that of the others."""
    plain = [group.leaf(k)[0].__class__ in (float, int, complex) for group in groups]
    given = [y.dtype for y, is_plain in zip(parts, plain, strict=True) if not is_plain]
    numbers = [y.dtype.type(0).item() for y in parts] if given else []
    weak = [x for x, is_plain in zip(numbers, plain, strict=True) if is_plain] if given else []
    dtype = np.result_type(*given, *weak) if given else np.result_type(*[y.dtype for y in parts])
    return [_core.cast(y, dtype) for y in parts]


def _outside(y: Any) -> Any:
    return unwrapped(y) if y.__class__ is Array and not is_tracked(y) else y


def vmap(
    f: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    chunk_size: int | None = None,
) -> Any:
    """The function that applies another one to many points at once.

    ``vmap(f)(xs)`` gives what ``[f(x) for x in xs]`` gives, stacked; but Python runs `f` once, and
    every operation is done for all points together. Like all transformations it nests: ``vmap`` of
    ``grad`` gives the gradients of many points, ``grad`` through ``vmap`` works, and so on.

    Python may decide by values (``if x > 0``, ``while``, ``int(x)``): points are grouped by what
    they decide, and `f` runs once for each group. What `f` does besides computing its result
    (printing, appending to a list, drawing a random number) happens once for each group too. A
    function that is called often is best compiled: ``cd.compile(cd.vmap(f))``.

    Parameters
    ----------
    f : callable
        A function of one point: numbers and arrays in any containers, and whatever else where
        nothing is mapped. Left out, the result is a decorator.
    in_axes : int, None or container, default 0
        The axis of each argument that counts the points; None where all points share the argument.
        One for all positional arguments, or a tuple with one for each; for an argument that is a
        container again one for all of it or a container of the same structure.
        Keyword arguments are mapped over axis 0.
    out_axes : int, None or container, default 0
        Where the axis of points stands in the results, in the same way; None for a result that is
        the same for all points.
    chunk_size : int, optional
        Evaluate so many points at a time, in a loop like `scan`: what exists between arguments and
        results is that of one chunk. By default all points go together.

    Returns
    -------
    callable
        Takes the arguments of `f` with the additional axes; gives ndarrays in the containers that
        `f` returns (Arrays where an outer transformation tracks them). A result that depends on no
        mapped argument is repeated.

    Raises
    ------
    TypeError
        If `in_axes` or `out_axes` do not fit the structure of the arguments and results, or when a
        result is neither a number nor an array.
    ValueError
        If `chunk_size` is not positive; when called, if a mapped axis does not exist, if the
        lengths of the mapped axes differ, or if the shape of a result differs from point to point.

    See Also
    --------
    compile, grad, jacobian

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> xs = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> cd.vmap(np.dot, in_axes=(0, None))(xs, np.array([1.0, 10.0]))
    array([21., 43.])
    >>> def f(x):
    ...     return x ** 2 if x > 0 else -x
    >>> cd.vmap(cd.value_and_grad(f))(np.array([3.0, -2.0]))
    (array([9., 2.]), array([ 6., -1.]))
    """
    if f is None:
        return partial(vmap, in_axes=in_axes, out_axes=out_axes, chunk_size=chunk_size)
    check_axes(in_axes, "in_axes")
    check_axes(out_axes, "out_axes")
    options = {"in_axes": in_axes, "out_axes": out_axes}
    if chunk_size is not None:
        options["chunk_size"] = _checked_size(chunk_size)
    return _Vmap(f, vmap, options)


def _checked_size(size: Any) -> int:
    """The number of points of a chunk."""
    if isinstance(size, bool) or not hasattr(type(size), "__index__"):
        raise TypeError(f"vmap: chunk_size must be an int or None, got a {type(size).__name__}")
    if size.__index__() < 1:
        raise ValueError(f"vmap: chunk_size must be positive, got {size}")
    return int(size.__index__())
