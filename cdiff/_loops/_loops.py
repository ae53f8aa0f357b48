"""Loops that are recorded once and not unrolled: `scan`, `fori_loop`, `while_loop`.

What users pass (containers, numbers, functions of them) becomes flat lists and a body; what comes
back is put into containers again. This file knows containers and messages; running and
differentiating belong to `_scan.py`. Each call of a loop records its body once, in tens of
microseconds; the steps do no work in Python where the body has one path.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import flatten, flatten_like, leaf_paths, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._bodies._body import Body
from cdiff._bodies._packing import Spec, spec_of
from cdiff._core import Array, array, call, deferring, held, is_tracked, peek, swept
from cdiff._face import misfit
from cdiff._loops._scan import Scan, segments
from cdiff._loops._while import While, checked_every, step_limit, while_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._arguments._tree import TreeDef

__all__ = ["fori_loop", "scan", "while_loop"]

INT64 = np.iinfo(np.int64)


class _Wider(Exception):
    """A carry that was given as a Python int becomes a float."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place


class _Carry:
    """The carry of a loop: its structure, the form of each leaf, and the values given for it.

    Parameters
    ----------
    init : container
    who : str
        The loop, for messages.
    """

    def __init__(self, init: Any, who: str) -> None:
        self.who = who
        self.leaves, self.treedef = flatten(init)
        self.paths = leaf_paths(self.treedef, "the carry")
        for x, path in zip(self.leaves, self.paths, strict=True):
            check_number(x, f"{who}: {path}")
        self.specs: list[Spec] = [spec_of(x) for x in self.leaves]
        self.ints = {k for k, x in enumerate(self.leaves) if x.__class__ is int}

    def widened(self, place: int) -> None:
        """Make a Python int a float."""
        self.leaves[place] = float(self.leaves[place])
        self.specs[place] = spec_of(self.leaves[place])
        self.ints.discard(place)

    def taken(self, out: Any, f: Any) -> list[Any]:
        """The leaves of the next carry, checked against the first."""
        name = f"{self.who}: the carry that {function_name(f)} returned"
        leaves = [as_array(x) for x in flatten_like(self.treedef, out, name)]
        for k, (x, spec) in enumerate(zip(leaves, self.specs, strict=True)):
            found = spec_of(x)
            if found == spec:
                continue
            if k in self.ints and found == (np.dtype(np.float64), ()):
                raise _Wider(k)
            raise TypeError(
                f"{self.who}: {self.paths[k]} must keep its shape and dtype, but it began as "
                f"{form(spec)} and {function_name(f)} returned {form(found)}"
            )
        return leaves


def as_array(x: Any) -> Any:
    """A leaf as an Array or an ndarray, so that its dtype counts."""
    if isinstance(x, (Array, np.ndarray)):
        return x
    check_number(x, "the result of a loop's body")
    return np.asarray(x)


def operand(x: Any) -> Any:
    """A leaf as an operand, of which the dtype is kept: an int is no float."""
    if isinstance(x, (Array, float, complex)) or np.ndim(x):
        return x
    return array(x)


def check_number(x: Any, name: str) -> None:
    """Raise unless a leaf can go through a loop.

    Parameters
    ----------
    x : object
    name : str

    Raises
    ------
    TypeError
    """
    if isinstance(x, (float, int, complex)):
        return
    if isinstance(x, (Array, np.ndarray, np.generic)) and x.dtype.kind in "fiubc":
        return
    raise TypeError(f"{name} must be a number or an array, got a {type(x).__name__}")


def form(spec: Spec) -> str:
    """A dtype and a shape for messages."""
    dtype, shape = spec
    return f"{dtype} of shape {shape}"


def plain(x: Any) -> Any:
    """The value of a leaf, as the body of a loop takes it."""
    if isinstance(x, Array):
        return peek(x)
    return x if isinstance(x, np.ndarray) else np.asarray(x)


class _Rows:
    """The arrays whose rows a scan reads."""

    def __init__(self, xs: Any, length: int | None) -> None:
        leaves, self.treedef = flatten(xs)
        self.leaves = []
        lengths: dict[str, int] = {}
        for x, path in zip(leaves, leaf_paths(self.treedef, "xs"), strict=True):
            check_number(x, f"scan: {path}")
            if not np.shape(x):
                raise ValueError(f"scan: {path} is a single number; it needs a leading axis")
            lengths[path] = np.shape(x)[0]
            self.leaves.append(x)
        found = set(lengths.values())
        if len(found) > 1:
            text = ", ".join([f"{path} has {n}" for path, n in lengths.items()])
            raise ValueError(f"scan: the leading axes of xs differ: {text}")
        if not found and length is None:
            raise ValueError("scan: give xs or length")
        if length is not None and (isinstance(length, bool) or not hasattr(length, "__index__")):
            raise TypeError(f"scan: length must be an int, got {length!r}")
        length = None if length is None else index(length)
        if length is not None and (length < 0 or found - {length}):
            raise ValueError(f"scan: length={length}, but xs has {next(iter(found), 0)} rows")
        self.length = found.pop() if found else int(length or 0)
        self.specs = [(dtype, shape[1:]) for dtype, shape in map(spec_of, self.leaves)]


class _Results:
    """The form of what the body returns besides the carry."""

    def __init__(self) -> None:
        self.treedef: TreeDef | None = None

    def taken(self, out: Any) -> list[Any]:
        """The leaves."""
        if self.treedef is None:
            leaves, self.treedef = flatten(out)
        else:
            leaves = flatten_like(self.treedef, out, "scan: the second result of the body")
        return [as_array(y) for y in leaves]


class _ScanFunction:
    """A scan's body as a function of a flat list. It holds no values, only forms."""

    def __init__(self, f: Any, carry: _Carry, xs: TreeDef) -> None:
        self.f = f
        self.carry = carry
        self.xs = xs
        self.n = len(carry.leaves)
        self.results = _Results()

    def __call__(self, nodes: list[Array]) -> list[Any]:
        carry = unflatten(self.carry.treedef, nodes[: self.n])
        out = self.f(carry, unflatten(self.xs, nodes[self.n :]))
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(
                f"scan: {function_name(self.f)} must return a pair (carry, y), it returned "
                f"{f'{len(out)} values' if isinstance(out, tuple) else type(out).__name__}"
            )
        return self.carry.taken(out[0], self.f) + self.results.taken(out[1])


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    checkpoint_every: int | None = None,
) -> tuple[Any, Any]:
    """A loop that carries a state through the rows of arrays and stacks what each step gives.

    The same as::

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    but the body runs in Python once, and its program for every row. Derivatives of every order and
    in both modes are loops too, and a compiled function holds the loop as one instruction.

    Parameters
    ----------
    f : callable
        ``f(carry, x) -> (carry, y)``. It may decide by values: each way through it is recorded.
    init : container of numbers and arrays
        The first carry. Every later one must have its structure, shapes and dtypes.
    xs : container of arrays, optional
        What the loop goes through, along the first axis. None where the steps need no input.
    length : int, optional
        The number of steps, needed where there is no `xs`.
    reverse : bool, default False
        Begin with the last row; rows of the results stay in the order of `xs`.
    checkpoint_every : int, optional
        Reverse mode keeps the carry of every so many steps only and computes the others again. By
        default all are kept while they fit into 16 MB, else the memory for n steps grows like the
        square root of n.

    Returns
    -------
    carry : container
        The last one.
    ys : container of arrays
        What the steps gave, stacked along a new first axis.

    Raises
    ------
    TypeError
        If `f` does not return a pair, or the carry changes its structure, shape or dtype.
    ValueError
        If the lengths of `xs` differ or do not fit.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> cd.scan(lambda c, x: (c + x, c * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (6.0, array([0., 2., 9.]))
    >>> cd.grad(lambda a: cd.scan(lambda c, _: (a * c, None), 1.0, length=5)[0])(2.0)
    80.0
    """
    check_function(f, "scan")
    rows = _Rows(xs, length)
    carry = _Carry(init, "scan")
    every = segments(carry.specs, rows.length, checked_every(checkpoint_every, "scan"))
    while True:
        try:
            if every:
                return _scan_segments(f, carry, rows, reverse, every)
            return _scan(f, carry, rows, reverse)
        except _Wider as wider:
            carry.widened(wider.place)


def _one_step(f: Any, carry: _Carry, rows: _Rows) -> tuple[Any, Any]:
    """A loop of one step is none: what is around it sees the operations, and can fuse them."""
    function = _ScanFunction(f, carry, rows.treedef)
    found = function([_separate(x) for x in [*carry.leaves, *[x[0] for x in rows.leaves]]])
    n = len(carry.leaves)
    found[n:] = [y.reshape((1, *y.shape)) for y in found[n:]]
    results = [y if is_tracked(y) else _owned(peek(y), spec_of(y)) for y in found]
    assert function.results.treedef is not None
    return unflatten(carry.treedef, results[:n]), unflatten(function.results.treedef, results[n:])


def _separate(x: Any) -> Array:
    """A leaf as an Array that the body may change without changing anything else."""
    return x.copy() if isinstance(x, Array) else array(x)


def _scan(f: Any, carry: _Carry, rows: _Rows, reverse: bool) -> tuple[Any, Any]:
    """One scan that keeps all carries."""
    if rows.length == 1:
        return _one_step(f, carry, rows)
    function = _ScanFunction(f, carry, rows.treedef)
    body = Body(function, len(carry.leaves) + len(rows.leaves))
    waits = deferring() and rows.length > 0
    if waits:  # an array is copied once, for the operand and the first step
        carry.leaves = [held(x) if _is_large(x) else x for x in carry.leaves]
    operands = [operand(x) for x in [*carry.leaves, *rows.leaves]]
    init, arrays = [
        [x if waits and isinstance(x, Array) else plain(x) for x in leaves]
        for leaves in (carry.leaves, rows.leaves)
    ]
    _record_first(body, init, arrays, rows, reverse, waits)
    loop = Scan(body, carry.specs, rows.specs, rows.length, bool(reverse))
    if waits and loop.waiting([*operands, *body.captured]) is not None:
        results = _packed(loop, operands)
    else:
        results = _run_now(loop, operands, [plain(x) for x in init], [plain(x) for x in arrays])
    n = len(carry.leaves)
    carry.leaves = [None] * n  # the node of the result holds the body
    assert function.results.treedef is not None
    ys = unflatten(function.results.treedef, results[n:])
    return unflatten(carry.treedef, results[:n]), ys


def _is_large(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim > 0


def _run_now(loop: Scan, operands: list[Any], init: list[Any], arrays: list[Any]) -> list[Any]:
    """The results of a scan that has been run."""
    body = loop.body
    saving = Scan(body, loop.carry, loop.xs, loop.length, loop.reverse, saves=True)
    if body.only_path() is not None and swept([*operands, *body.captured]):
        loop = saving  # another path may capture more, and only then a sweep may follow
    values, flat = loop.run(init, arrays, [peek(x) for x in body.captured])
    if loop is not saving and swept([*operands, *body.captured]):
        loop = saving
        values, flat = loop.run(init, arrays, [peek(x) for x in body.captured])
    if any(is_tracked(x) for x in [*operands, *body.captured]):
        return _packed(loop, operands, loop.pack(values, flat))
    body.seal()
    return [_owned(x, spec) for x, spec in zip(values, loop.packing.specs, strict=True)]


def _packed(loop: Scan, operands: list[Any], value: Any = None) -> list[Any]:
    """The results of a scan that is an operator of the graph."""
    loop.body.seal()
    y = call(loop, [*operands, *loop.body.captured], value)
    return [loop.packing.at(y, k) for k in range(len(loop.carry) + len(loop.rows))]


def _owned(x: Any, spec: Spec) -> Any:
    """A result that nothing tracks as users get it: no view of memory that is shared."""
    if spec == (np.dtype(np.float64), ()):
        return float(x)
    dtype, shape = spec
    return np.array(x, dtype) if shape else dtype.type(x)


def _record_first(
    body: Body, init: list[Any], arrays: list[Any], rows: _Rows, reverse: bool, waits: bool
) -> None:
    """Record the body for the first step; for zeros where there is none."""
    first = -1 if reverse else 0
    row = [
        x[first] if rows.length else np.zeros(shape, dtype)
        for x, (dtype, shape) in zip(arrays, rows.specs, strict=True)
    ]
    if waits:
        body.learn([*init, *row])
    else:
        body.run([*init, *row])


def _scan_segments(
    f: Any, carry: _Carry, rows: _Rows, reverse: bool, every: int
) -> tuple[Any, Any]:
    """A scan over segments, each a scan; what is left over is one more segment."""
    count, rest = divmod(rows.length, every)
    whole = slice(rest, None) if reverse else slice(0, count * every)
    part = slice(0, rest) if reverse else slice(count * every, None)

    def segment(c: Any, x: Any) -> Any:
        return _segment(f, carry, c, _Rows(x, every), reverse)

    folded = [x[whole].reshape((count, every, *x.shape[1:])) for x in rows.leaves]
    init = unflatten(carry.treedef, carry.leaves)
    last, ys = scan(
        segment, init, unflatten(rows.treedef, folded) if folded else None, count, reverse, count
    )
    leaves, tree = flatten(ys)
    stacked = [y.reshape((count * every, *y.shape[2:])) for y in leaves]
    if rest:
        xs = unflatten(rows.treedef, [x[part] for x in rows.leaves]) if folded else None
        last, more = scan(f, last, xs, rest, reverse, rest)
        pairs = zip(stacked, flatten(more)[0], strict=True)
        stacked = [np.concatenate(pair[::-1] if reverse else pair) for pair in pairs]
    return last, unflatten(tree, stacked)


def _segment(f: Any, carry: _Carry, init: Any, rows: _Rows, reverse: bool) -> tuple[Any, Any]:
    """The scan that is one step of another, whose first carry says what may become a float."""
    own = _Carry(init, carry.who)
    own.ints = carry.ints
    return _scan(f, own, rows, reverse)


def fori_loop(
    lower: int,
    upper: int,
    body: Callable[[Any, Any], Any],
    init: Any,
    checkpoint_every: int | None = None,
) -> Any:
    """A loop over whole numbers: ``for i in range(lower, upper): carry = body(i, carry)``.

    Parameters
    ----------
    lower, upper : int
    body : callable
        ``body(i, carry) -> carry``, with the structure, shapes and dtypes of `init`.
    init : container of numbers and arrays
    checkpoint_every : int, optional
        As for `scan`.

    Returns
    -------
    container
        The last carry; `init` if there is no step.

    Raises
    ------
    TypeError
        If `lower` or `upper` is no whole number, or the carry changes its form.
    OverflowError
        If it counts further than 64 bits do.

    Notes
    -----
    Memory, also that for a derivative, grows like the square root of the number of steps.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.fori_loop(1, 6, lambda i, c: c * i, 1.0)
    120.0
    >>> cd.grad(lambda x: cd.fori_loop(0, 4, lambda i, c: c * x, 1.0))(2.0)
    32.0
    """
    check_function(body, "fori_loop")
    for x in (lower, upper):
        if isinstance(x, bool) or not hasattr(x, "__index__"):
            raise TypeError(f"fori_loop: the bounds must be whole numbers, got {x!r}")
    first, last = index(lower), index(upper)
    if first < last and not INT64.min <= first < last <= INT64.max:
        raise OverflowError(f"fori_loop: {first} to {last} do not fit into 64 bits")
    carry, f, length = _Carry(init, "fori_loop"), _Indexed(body), max(last - first, 0)
    wanted = checked_every(checkpoint_every, "fori_loop")
    every = segments([*carry.specs, spec_of(first)], length, wanted)
    if not every:
        numbers = np.arange(first, last) if length else np.arange(0)
        return scan(f, init, numbers, checkpoint_every=max(length, 1))[0]
    offsets = np.arange(every)

    def segment(c: Any, start: Any) -> Any:
        return _segment(f, carry, c, _Rows(start + offsets, every), False)

    count = length // every
    middle = first + count * every
    c, _ = scan(segment, init, np.arange(first, middle, every), checkpoint_every=count)
    return c if middle == last else fori_loop(middle, last, body, c)


class _Indexed:
    """The body of a fori_loop as that of a scan."""

    def __init__(self, body: Any) -> None:
        self.body = body
        self.__qualname__ = function_name(body)

    def __call__(self, carry: Any, i: Any) -> tuple[Any, None]:
        return self.body(i, carry), None


class _WhileFunction:
    """The body of a while_loop as a function of a flat list."""

    def __init__(self, f: Any, carry: _Carry) -> None:
        self.f = f
        self.carry = carry

    def __call__(self, nodes: list[Array]) -> list[Any]:
        return self.carry.taken(self.f(unflatten(self.carry.treedef, nodes)), self.f)


class _Condition(_WhileFunction):
    """The condition of a while_loop, which must not decide in Python."""

    def __call__(self, nodes: list[Array]) -> list[Any]:
        answer = self.f(unflatten(self.carry.treedef, nodes))
        if not isinstance(answer, (bool, float, int, np.generic, np.ndarray, Array)) or (
            np.shape(answer) != ()
        ):
            raise misfit(
                f"while_loop: {function_name(self.f)} must return one truth value, got a "
                f"{type(answer).__name__} of shape {np.shape(answer)}",
                TypeError,
            )
        return [as_array(answer)]


def while_loop(
    cond: Callable[[Any], Any],
    body: Callable[[Any], Any],
    init: Any,
    max_steps: int | None = None,
    checkpoint_every: int | None = None,
) -> Any:
    """A loop that goes on while a condition holds: ``while cond(carry): carry = body(carry)``.

    Parameters
    ----------
    cond : callable
        ``cond(carry) -> bool``.
    body : callable
        ``body(carry) -> carry``, with the structure, shapes and dtypes of `init`.
    init : container of numbers and arrays
    max_steps : int, optional
        An error is raised if the condition still holds after so many steps.
    checkpoint_every : int, optional
        As for `scan`.

    Returns
    -------
    container
        The last carry.

    Raises
    ------
    TypeError
        If `cond` does not return one truth value, the carry changes its form, or `max_steps` is no
        whole number.
    ValueError
        If `max_steps` is negative, or `checkpoint_every` no positive int.
    RuntimeError
        After `max_steps` steps.

    Notes
    -----
    Reverse mode differentiates the steps that were taken.

    Examples
    --------
    >>> import cdiff as cd
    >>> def root(a):
    ...     improve = lambda x: 0.5 * (x + a / x)
    ...     return cd.while_loop(lambda x: abs(x * x - a) > 1e-12, improve, a)
    >>> round(cd.grad(root)(4.0), 9)
    0.25
    """
    check_function(cond, "while_loop")
    check_function(body, "while_loop")
    carry = _Carry(init, "while_loop")
    limit, every = step_limit(max_steps), checked_every(checkpoint_every, "while_loop")
    while True:
        try:
            return _while(cond, body, carry, limit, every)
        except _Wider as wider:
            carry.widened(wider.place)


def _while(cond: Any, f: Any, carry: _Carry, limit: int, every: int | None) -> Any:
    n = len(carry.leaves)
    body, condition = Body(_WhileFunction(f, carry), n), Body(_Condition(cond, carry), n)
    loop = While(body, condition, carry.specs, limit, every)
    if deferring() and _waits(loop, carry):
        operands = [*map(operand, carry.leaves), *body.captured, *condition.captured]
        return _left(loop, operands, None, carry)
    values = [plain(x) for x in carry.leaves]
    if body.paths is None:
        body.run(list(values))  # also where no step is taken: the form of the carry is checked
    consts, others = ([peek(x) for x in part.captured] for part in (body, condition))
    last, _ = while_steps(body, condition, values, consts, others, limit)
    body.seal()
    condition.seal()
    operands = [*map(operand, carry.leaves), *body.captured, *condition.captured]
    if not any(is_tracked(x) for x in operands):
        return unflatten(carry.treedef, list(map(_owned, last, carry.specs)))
    return _left(loop, operands, None if swept(operands) else last, carry)


def _left(loop: While, operands: list[Array], last: list[Any] | None, carry: _Carry) -> Any:
    """The carry that a loop leaves, which is known (`last`) if it has been run."""
    carry.leaves = [None] * len(carry.leaves)  # the loop holds what it needs of them
    y = call(loop, operands, None if last is None else loop.packing.pack_plain(last))
    return unflatten(carry.treedef, [loop.packing.at(y, k) for k in range(len(carry.specs))])


def _waits(loop: While, carry: _Carry) -> bool:
    """Record the first step only, if a program will run the loop later."""
    body, condition = loop.body, loop.condition
    init = [x if isinstance(x, Array) else plain(x) for x in carry.leaves]
    body.learn(list(init))
    condition.learn(init)
    if loop.waiting([*map(operand, carry.leaves), *body.captured, *condition.captured]) is None:
        return False
    body.seal()
    condition.seal()
    return True
