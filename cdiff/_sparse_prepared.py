"""A sparse derivative, prepared: the structure, the program of the values, and how they meet.

Knows recordings, cuts, plans and scipy's containers; it must not know how a pattern is found or
colored. A call runs the program and adds what comes out to the entries; the structure is shared by
all results. Where the path, the indices or the surroundings have changed it prepares itself again.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Entries, Level, Runner, dual, memory_available, replay_deciding, undual
from cdiff._sparse_cut import cut_program, whole_program
from cdiff._sparse_plan import Candidate, Part, Structure, candidates, derivative_program
from cdiff._sparse_record import Call, record_gradient, record_values
from cdiff._tree import unflatten
from cdiff._wrap import function_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Program

__all__ = ["Prepared", "SparsityWarning", "scipy_sparse"]

DENSE = 0.3  # of all entries, from which sparse matrices do not pay
SMALL = 10_000  # entries of a matrix that may well be dense


class SparsityWarning(UserWarning):
    """A derivative is nearly dense, or an operator is taken as dense because it has no rule.

    Examples
    --------
    >>> import warnings, cdiff as cd
    >>> warnings.simplefilter("error", cd.SparsityWarning)  # to find out where
    """


def scipy_sparse() -> Any:
    """The module scipy.sparse.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If SciPy is not installed.
    """
    try:
        import scipy.sparse
    except ImportError:
        raise ImportError(
            "sparse derivatives are scipy.sparse matrices: install cdiff-ad[scipy], or scipy"
        ) from None
    return scipy.sparse


class Workspace:
    """The values of a program side by side, constants first, and the entries made of them.

    Parameters
    ----------
    program : Program
    n_entries : int
    """

    def __init__(self, program: Program, n_entries: int) -> None:
        self.program = program
        self.n_entries = n_entries
        self._constant = _constants(program)
        self._fixed: list[Any] = []
        self._changing: dict[int, list[Any]] = {}
        self._lock = threading.Lock()

    def add(self, v: int, places: Any, elements: Any, factors: Any) -> None:
        """Value v of the program contributes to entries."""
        if places.size:
            if self._constant[v]:
                self._fixed.append((v, places, elements, factors))
            else:
                self._changing.setdefault(v, []).append((places, elements, factors))

    def finish(self, kept: list[int], inputs: list[Any]) -> None:
        """Compute constants, and make the program that computes the rest.

        Parameters
        ----------
        kept : list of int
            Values of the program that are results besides the entries.
        inputs : list
            A point.
        """
        constants = self._constants(inputs)
        numbers, slots = np.unique(constants, return_inverse=True)
        shapes = [(d, s) for _, d, s, _, _ in self.program.instructions()]
        touched = np.zeros(self.n_entries, bool)
        pieces = []
        start = numbers.size
        self._views: list[tuple[int, int, tuple[int, ...]] | None] = [None] * len(kept)
        for v, added in self._changing.items():
            dtype, shape = shapes[v]
            size = int(np.prod(shape, dtype=np.int64))
            self._views.append((start, start + size, shape))
            for places, elements, factors in added:
                touched[places] = True
                pieces.append((places, elements + start, factors))
            start += size
        rest = np.flatnonzero(~touched | (constants != 0.0))
        pieces.append((rest, slots.reshape(-1)[rest], np.ones(rest.size)))
        joined = [np.concatenate(x) for x in zip(*pieces, strict=True)]
        self.entries = Entries(self.n_entries, start, *joined)
        self._into = [
            shape != () and shapes[v][0] == np.float64
            for v, (_, shape) in zip(self._changing, [shapes[v] for v in self._changing])
        ]
        self._values = np.empty(start)
        self._values[: numbers.size] = numbers
        self.program.outputs = [*kept, *self._changing]
        self.runner = Runner(self.program.simplify())

    def _constants(self, inputs: list[Any]) -> Any:
        """The part of each entry that never changes."""
        out = np.zeros(self.n_entries)
        if self._fixed:
            self.program.outputs = [v for v, *_ in self._fixed]
            found, _, _ = Runner(self.program.simplify()).run(inputs)
            for (_, places, elements, factors), x in zip(self._fixed, found or (), strict=True):
                np.add.at(out, places, np.ravel(x)[elements] * factors)
        return out

    def run(self, inputs: list[Any], data: Any, value: Callable[..., Any]) -> Any:
        """(value, entries), or None where a guard does not hold."""
        if not self._lock.acquire(blocking=False):
            return self._run(inputs, data, value, self._values.copy())
        try:
            return self._run(inputs, data, value, self._values)
        finally:
            self._lock.release()

    def _run(self, inputs: list[Any], data: Any, value: Callable[..., Any], values: Any) -> Any:
        n = len(self._views) - len(self._into)
        into: list[Any] = [None] * n
        for view, direct in zip(self._views[n:], self._into, strict=True):
            into.append(values[view[0] : view[1]].reshape(view[2]) if direct else None)
        outputs, _, _ = self.runner.run(inputs, into)
        if outputs is None:
            return None
        for k, x in enumerate(outputs[n:], n):
            if into[k] is None:
                values[self._views[k][0] : self._views[k][1]] = np.ravel(x)
        return value(outputs), self.entries.fill(values, data)


class Plan:
    """Everything that one path needs: found once, run often.

    Parameters
    ----------
    f : callable
    call : Call
        The point at which it is found.
    who : str
    options : dict
    """

    def __init__(self, f: Callable[..., Any], call: Call, who: str, options: dict[str, Any]):
        self.call = call
        second = who == "sparse_hessian"
        recording = (record_gradient if second else record_values)(f, call)
        self.surroundings = recording.surroundings
        self.form = recording.shape
        program = recording.program
        n_outputs = len(call.chosen) if second else len(recording.sizes)
        m = sum(recording.sizes[:n_outputs])
        self.shape = (m, call.n_columns)
        best = _best(program, call, n_outputs, self.shape, options, second)
        self.directions = best.directions.counts()
        self.notes = list(best.part.notes)
        self.watched = best.part.watched
        structure = Structure(best, *self.shape, options["format"] == "csc")
        self.start, self.items = structure.start, structure.items
        _check_room(best, function_name(f), who)
        _say(self, function_name(f), who)
        self._prepare_run(program, best, structure, options["has_value"], second)
        if options["verify"] or options["pattern"] is not None:
            self._verify(program, n_outputs, options, who)

    def _prepare_run(
        self, program: Program, best: Candidate, structure: Structure, value: bool, second: bool
    ) -> None:
        """The program without outputs that are constant, and the entries in terms of its values."""
        inputs = [_as_input(x) for x in self.call.inputs]
        whole, parts, n_values = derivative_program(program, best, inputs)
        kept = whole.outputs[:n_values] if value else []
        kept = kept[-1:] if second else kept
        self.n_values = len(kept)
        workspace = Workspace(whole, structure.size)
        for v, at in zip(whole.outputs[n_values:], parts, strict=True):
            workspace.add(v, *structure.contributions(*at))
        self.workspace = workspace
        workspace.finish(kept, inputs)

    def fits(self, call: Call) -> bool:
        """May the plan be used for another call of the same form?"""
        if self.surroundings is not None and not self.surroundings.holds():
            return False
        if not self.call.same_indices(call):
            return False
        return all(np.array_equal(array, copy) for array, copy in self.watched)

    def run(self, call: Call, data: Any = None) -> tuple[Any, Any] | None:
        """(value, entries) at the point of a call; None if that takes another path."""
        return self.workspace.run([_as_input(x) for x in call.inputs], data, self._value)

    def _value(self, outputs: list[Any]) -> Any:
        if not self.n_values:
            return None
        return outputs[0] if self.form is None else unflatten(self.form[0], outputs[: self.n_values])

    def _verify(self, program: Program, n_outputs: int, options: dict[str, Any], who: str) -> None:
        """Compare the product with a random vector with a forward derivative."""
        sparse = scipy_sparse()
        rng = np.random.default_rng(20)
        inputs = [_as_input(x) for x in self.call.inputs]
        vectors = [rng.uniform(0.5, 1.5, np.shape(x)) for x in inputs[: len(self.call.chosen)]]
        with Level() as level:
            given = [
                dual(x, v.astype(np.asarray(x).dtype), level)
                for x, v in zip(inputs, vectors, strict=False)
            ]
            outputs, _, _ = replay_deciding(program, [*given, *inputs[len(given) :]])
            pushed = [undual(y, level) for y in outputs[:n_outputs]]
        expected = np.concatenate(
            [np.zeros(y.size) if t is None else np.ravel(t.numpy()) for y, t in pushed]
        )
        found = self.run(self.call)
        assert found is not None
        cls = sparse.csc_array if options["format"] == "csc" else sparse.csr_array
        matrix = cls((found[1], self.items, self.start), shape=self.shape)
        product = matrix @ np.concatenate([v.reshape(-1) for v in vectors])
        scale = abs(matrix) @ np.ones(self.shape[1]) + np.abs(expected)
        wrong = np.flatnonzero(~(np.abs(product - expected) <= 1e-6 * scale))
        wrong = wrong[np.isfinite(expected[wrong])]
        if wrong.size:
            r = int(wrong[0])
            raise ValueError(
                f"{who}: the derivative fails its check in {wrong.size} rows: row {r} times a "
                f"random vector is {product[r]:.6g} and should be {expected[r]:.6g}"
                + ("; the pattern given lacks entries" if options["pattern"] is not None else "")
            )


def _as_input(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        return x
    return float(x) if np.asarray(x).dtype == np.float64 else np.asarray(x)


def _constants(program: Program) -> list[bool]:
    """Which values depend neither on inputs nor on arrays that somebody may change."""
    fixed: list[bool] = []
    changing = {id(copy) for copy, _ in program.refreshed}
    for op, _, _, operands, extra in program.instructions():
        if op == "const":
            is_array = isinstance(extra, np.ndarray)
            own = not is_array or not (extra.flags.writeable or extra.base is not None)
            fixed.append(own and id(extra) not in changing)
        else:
            fixed.append(op not in ("leaf", "call") and all(fixed[k] for k in operands))
    return fixed


def _best(
    program: Program, call: Call, n_outputs: int, shape: tuple[int, int], options: dict[str, Any],
    second: bool,
) -> Candidate:  # fmt: skip
    """The candidate with the least work."""
    mode, pattern = options["mode"], options["pattern"]
    firsts = call.firsts()
    whole = whole_program(program, firsts, n_outputs)
    if pattern is not None:
        part = Part(whole, _given_pattern(pattern, shape))
        return _least(candidates(part, mode, second, np.inf))
    found: list[Candidate] = []
    cut = cut_program(program, firsts, n_outputs)
    limit = np.inf
    if cut is not None:
        found = candidates(Part(cut), mode, False, limit)
        limit = min([c.directions.work() for c in found], default=limit)
    if cut is None or limit > 2.0:
        found += candidates(Part(whole), mode, second, limit)
    return _least(found)


def _least(found: list[Candidate]) -> Candidate:
    return min(found, key=lambda c: c.directions.work())


def _given_pattern(pattern: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """A pattern as start and items, checked."""
    found = scipy_sparse().csr_array(pattern)
    if found.shape != shape:
        raise ValueError(f"a pattern of shape {found.shape} was given, the derivative has {shape}")
    found.sum_duplicates()
    return found.indptr.astype(np.int64), found.indices.astype(np.int32)


def _check_room(best: Candidate, name: str, who: str) -> None:
    """MemoryError before anything large is made."""
    forward, backward = best.directions.counts()
    need = 16 * (forward * best.part.m + backward * best.part.n)
    left = memory_available()
    if left is not None and need > left:
        raise MemoryError(
            f"{who}: {forward + backward} directions of {name} need {need >> 20} MB and "
            f"{left >> 20} MB are left"
        )


def _say(plan: Plan, name: str, who: str) -> None:
    """Warn of what is dense."""
    m, n = plan.shape
    for note in plan.notes:
        warnings.warn(f"{who} of {name}: {note}", SparsityWarning, stacklevel=6)
    if m * n > SMALL and len(plan.items) > DENSE * m * n:
        dense = "cd.hessian" if who == "sparse_hessian" else "cd.jacobian"
        warnings.warn(
            f"{who} of {name}: {len(plan.items)} of {m * n} entries may differ from zero; {dense} "
            "gives them faster",
            SparsityWarning,
            stacklevel=6,
        )


class Prepared:
    """A sparse derivative of one form of arguments, prepared.

    Attributes
    ----------
    shape : tuple of int
    nnz : int
    directions : tuple of int
        How many forward and reverse directions give all entries.
    notes : list of str
        What had to be taken as dense.
    """

    def __init__(
        self, f: Callable[..., Any], call: Call, who: str, options: dict[str, Any]
    ) -> None:
        self._f = f
        self._who = who
        self._options = options
        self._plan = Plan(f, call, who, options)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        options = self._options
        call = Call(args, kwargs, options["argnums"], self._who, options.get("weighted", False))
        if call.key != self._plan.call.key:
            raise ValueError(
                f"{self._who}: prepared for arguments of other shapes, dtypes or static values "
                f"({_forms(self._plan.call)}, now {_forms(call)}); prepare it for these"
            )
        return call

    def _run(self, call: Call, data: Any = None) -> tuple[Any, Any]:
        found = self._plan.run(call, data) if self._plan.fits(call) else None
        if found is None:
            self._plan = Plan(self._f, call, self._who, self._options)
            if data is not None and data.shape != self._plan.items.shape:
                raise ValueError(
                    f"{self._who}: the structure has changed, and `out` has the old one"
                )
            found = self._plan.run(call, data)
            if found is None:
                raise ValueError(
                    f"{self._who}: {function_name(self._f)} decides differently each time it runs"
                )
        return found

    def __call__(self, /, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """The derivative at a point.

        Parameters
        ----------
        *args, **kwargs
            As for the function that was prepared.
        out : sparse array, optional
            An earlier result of the same structure, whose entries are overwritten.

        Returns
        -------
        sparse array
            The structure is shared by all results. A pair with the value before it if
            ``has_value``.

        Raises
        ------
        ValueError
            If the arguments have not the form that was prepared.
        """
        value, data = self._run(self._call(args, kwargs), None if out is None else out.data)
        result = self._matrix(data) if out is None else out
        return (value, result) if self._options["has_value"] else result

    def values(self, /, *args: Any, **kwargs: Any) -> Any:
        """The entries alone, in the order of `structure`.

        Parameters
        ----------
        *args, **kwargs
            As for a call.

        Returns
        -------
        ndarray of shape (nnz,)
        """
        return self._run(self._call(args, kwargs))[1]

    def _matrix(self, data: Any) -> Any:
        sparse, plan, form = scipy_sparse(), self._plan, self._options["format"]
        data = data.astype(plan.call.dtype(), copy=False)
        if form == "coo":
            return sparse.coo_array((data, self.structure), shape=plan.shape)
        cls = sparse.csc_array if form == "csc" else sparse.csr_array
        return cls((data, plan.items, _narrow(plan.start)), shape=plan.shape)

    @property
    def structure(self) -> tuple[Any, Any]:
        """(rows, columns) of the entries, in the order of the values."""
        plan = self._plan
        lines = np.repeat(np.arange(len(plan.start) - 1, dtype=np.int32), np.diff(plan.start))
        return (plan.items, lines) if self._options["format"] == "csc" else (lines, plan.items)

    @property
    def pattern(self) -> Any:
        """The structural nonzeros as a boolean CSR array."""
        sparse = scipy_sparse()
        rows, columns = self.structure
        return sparse.csr_array((np.ones(self.nnz, bool), (rows, columns)), shape=self.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (entries of the outputs) and columns (differentiated entries)."""
        return self._plan.shape

    @property
    def nnz(self) -> int:
        """Structural nonzeros."""
        return len(self._plan.items)

    @property
    def directions(self) -> tuple[int, int]:
        """How many forward and reverse directions give all entries."""
        return self._plan.directions

    @property
    def notes(self) -> list[str]:
        """What had to be taken as dense."""
        return list(self._plan.notes)

    def __repr__(self) -> str:
        forward, backward = self.directions
        return (
            f"<prepared {self._who} of {function_name(self._f)}: {self.shape[0]} x "
            f"{self.shape[1]}, {self.nnz} entries from {forward} forward and {backward} reverse "
            "directions>"
        )


def _narrow(start: Any) -> Any:
    """Row starts in the dtype of the columns where they fit, as scipy wants them."""
    return start.astype(np.int32) if start[-1] < 2**31 - 1 else start


def _forms(call: Call) -> str:
    return ", ".join(f"{np.asarray(x).dtype}{list(np.shape(x))}" for x in call.inputs)
