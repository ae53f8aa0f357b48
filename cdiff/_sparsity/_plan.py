"""Everything that one path of a sparse derivative needs, found once.

Puts together what the other files find: a recording is cut, colored, and made a program whose
values are gathered into entries. The cut program and the whole one are both looked at, and the one
with the least work wins. Knows no operators and no containers of results.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import unflatten
from cdiff._arguments._wrap import function_name
from cdiff._core import Level, dual, memory_available, peek, replay_deciding, undual
from cdiff._sparsity._colors import Candidate, Part, candidates
from cdiff._sparsity._cut import cut_program, whole_program
from cdiff._sparsity._program import derivative_program
from cdiff._sparsity._record import Call, record_gradient, record_values
from cdiff._sparsity._structure import Structure
from cdiff._sparsity._values import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Program

__all__ = ["Plan", "SparsityWarning", "in_few_words", "lines_of", "scipy_sparse"]

DENSE = 0.3  # of all entries, from which sparse matrices do not pay
SMALL = 10_000  # entries of a matrix that may well be dense
SMALL_ROOM = 1 << 24  # bytes that are there without asking


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


class Plan:
    """Everything that one path needs: found once, run often.

    Parameters
    ----------
    f : callable
    call : Call
        The point at which it is found.
    who : str
    options : dict
    direct : bool
        Whether entries may not be found by substitution.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        call: Call,
        who: str,
        options: dict[str, Any],
        direct: bool = False,
    ):
        self.call = call
        self.direct = direct or call.dtype() != np.float64
        second = who == "sparse_hessian"
        recording = (record_gradient if second else record_values)(f, call)
        self.recording = recording
        program = recording.program
        n_outputs = len(call.chosen) if second else len(recording.sizes)
        m = sum(recording.sizes[:n_outputs])
        self.shape = (m, call.n_columns)
        firsts = call.firsts() + [None] * len(recording.captured)
        best = _best(program, firsts, n_outputs, self.shape, options, second, self.direct)
        self.directions = best.directions.counts()
        self.notes = list(best.part.notes)
        self.watched = [*recording.watched, *best.part.watched]
        structure = Structure(best, *self.shape, options["format"] == "csc")
        # All results have them, and SciPy changes them in place (`eliminate_zeros`).
        self.start, self.items = _narrow(structure.start), structure.items
        self.start.flags.writeable = self.items.flags.writeable = False
        _check_room(best, function_name(f), who)
        _say(self, function_name(f), who)
        self._prepare_run(program, best, structure, options["has_value"], second)
        if options["verify"] or options["pattern"] is not None:
            self._verify(program, n_outputs, options, who)

    def _prepare_run(
        self, program: Program, best: Candidate, structure: Structure, value: bool, second: bool
    ) -> None:
        """The program without outputs that are constant, and the entries in terms of its values."""
        inputs = self.recording.inputs(self.call)
        whole, parts, n_values = derivative_program(program, best, inputs)
        kept = whole.outputs[:n_values] if value else []
        kept = kept[-1:] if second else kept
        self.has_value = value
        self.workspace = Workspace(whole, structure, parts, kept, inputs)

    def fits(self, call: Call) -> bool:
        """May the plan be used for another call of the same form?"""
        surroundings = self.recording.surroundings
        if surroundings is not None and not surroundings.holds():
            return False
        if not self.call.same_indices(call):
            return False
        return all(np.array_equal(peek(array), copy) for array, copy in self.watched)

    def run(self, call: Call, data: Any = None) -> tuple[Any, Any] | None:
        """The value (None unless it is wanted) and the entries at the point of a call.

        Parameters
        ----------
        call : Call
        data : ndarray, optional
            Where the entries are made.

        Returns
        -------
        (object, ndarray) or None
            None if the call takes another path.
        """
        found = self.workspace.run(self.recording.inputs(call), data)
        if found is None or not self.has_value:
            return found and (None, found[1])
        values, data = found
        return (
            values[0]
            if self.recording.treedef is None
            else unflatten(self.recording.treedef, values)
        ), data

    def _verify(self, program: Program, n_outputs: int, options: dict[str, Any], who: str) -> None:
        """Compare the product with a random vector with a forward derivative."""
        found = self.run(self.call)
        if found is None and not self.workspace.is_exact:
            return  # it will be replaced
        sparse = scipy_sparse()
        rng = np.random.default_rng(20)
        inputs = self.recording.inputs(self.call)
        vectors = [rng.uniform(0.5, 1.5, np.shape(x)) for x in inputs[: len(self.call.chosen)]]
        with Level() as level:
            given = [
                dual(x, v.astype(np.asarray(x).dtype), level)
                for x, v in zip(inputs, vectors, strict=False)
            ]
            outputs, _, _ = replay_deciding(program, [*given, *inputs[len(given) :]])
            pushed = [undual(y, level) for y in (outputs or [])[:n_outputs]]
        expected = np.concatenate(
            [np.zeros(y.size) if t is None else np.ravel(t.numpy()) for y, t in pushed]
        )
        _, data = found or (None, np.zeros(len(self.items)))
        cls = sparse.csc_array if options["format"] == "csc" else sparse.csr_array
        matrix = cls((data, self.items, self.start), shape=self.shape)
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


def _narrow(start: Any) -> Any:
    """Starts of lines in the dtype of the items where they fit, as scipy wants them."""
    return start.astype(np.int32) if start[-1] < 2**31 - 1 else start


def _best(
    program: Program,
    firsts: list[int | None],
    n_outputs: int,
    shape: tuple[int, int],
    options: dict[str, Any],
    second: bool,
    direct: bool,
) -> Candidate:
    """The candidate with the least work."""
    mode, pattern = options["mode"], options["pattern"]
    whole = whole_program(program, firsts, n_outputs)
    if pattern is not None:
        part = Part(whole, _given_pattern(pattern, shape))
        return _least(candidates(part, mode, second, np.inf, direct))
    found: list[Candidate] = []
    cut = cut_program(program, firsts, n_outputs)
    limit = np.inf
    if cut is not None:
        found = candidates(Part(cut), mode, False, limit)
        limit = min([c.directions.work() for c in found], default=limit)
    if cut is None or limit > 2.0:
        found += candidates(Part(whole), mode, second, limit, direct)
    return _least(found)


def _least(found: list[Candidate]) -> Candidate:
    return min(found, key=lambda c: c.directions.work())


def _given_pattern(pattern: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """A pattern as start and items, checked."""
    try:
        found = scipy_sparse().csr_array(pattern)
    except (TypeError, ValueError):
        raise TypeError(
            f"pattern must be a sparse array or ndarray of shape {shape}, got {pattern!r:.80}"
        ) from None
    if found.shape != shape:
        raise ValueError(f"a pattern of shape {found.shape} was given, the derivative has {shape}")
    return lines_of(found)


def lines_of(matrix: Any) -> tuple[Any, Any]:
    """Start and items of a CSR matrix, each entry once and in order.

    Parameters
    ----------
    matrix : csr_array

    Returns
    -------
    pair of ndarray

    Raises
    ------
    ValueError
        If they are not those of a matrix (SciPy takes any).
    """
    start, items = matrix.indptr, matrix.indices
    n, size = matrix.shape[1], int(start[-1])
    if start[0] != 0 or (np.diff(start) < 0).any() or items.size < size:
        raise ValueError(f"pattern: indptr must rise from 0 to at most {items.size}, the indices")
    if size and not 0 <= items[:size].min() <= items[:size].max() < n:
        raise ValueError(
            f"pattern: indices from {items[:size].min()} to {items[:size].max()} do not fit into "
            f"the {n} columns of its shape {matrix.shape}"
        )
    if not matrix.has_canonical_format:
        matrix = matrix.copy()  # the caller's may share its memory
        matrix.sum_duplicates()
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)


def _check_room(best: Candidate, name: str, who: str) -> None:
    """MemoryError before anything large is made."""
    forward, backward = best.directions.counts()
    need = 16 * (forward * best.part.m + backward * best.part.n)
    if need < SMALL_ROOM:
        return
    left = memory_available()
    if left is not None and need > left:
        raise MemoryError(
            f"{who}: {forward + backward} directions of {name} need {need >> 20} MB and "
            f"{left >> 20} MB are left"
        )


def in_few_words(notes: list[str]) -> list[str]:
    """The first note of each kind (operator, and what is said of it), and how many more."""
    kinds: dict[str, list[str]] = {}
    for note in notes:
        kinds.setdefault(re.sub(r" \(%\d+\)", "", note), []).append(note)
    return [
        found[0] + (f"; and {len(found) - 1} more of the kind" if len(found) > 1 else "")
        for found in kinds.values()
    ]


def _say(plan: Plan, name: str, who: str) -> None:
    """Warn of what is dense."""
    m, n = plan.shape
    for note in in_few_words(plan.notes):
        warnings.warn(f"{who} of {name}: {note}", SparsityWarning, stacklevel=6)
    if m * n > SMALL and len(plan.items) > DENSE * m * n:
        dense = "cd.hessian" if who == "sparse_hessian" else "cd.jacobian"
        warnings.warn(
            f"{who} of {name}: {len(plan.items)} of {m * n} entries may differ from zero; {dense} "
            "gives them faster",
            SparsityWarning,
            stacklevel=6,
        )
