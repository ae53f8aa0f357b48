"""A sparse derivative, prepared: a callable that fills values into one structure.

Knows plans and SciPy's containers; it must not know how a plan is made. All results share the
structure. Where the path, the indices or the surroundings have changed, it makes a new plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import function_name
from cdiff._sparsity._plan import Plan, scipy_sparse
from cdiff._sparsity._record import Call

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Prepared", "check_plain"]


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
        for _ in range(3):
            found = self._plan.run(call, data) if self._plan.fits(call) else None
            if found is not None:
                return found
            start, items = self._plan.start, self._plan.items
            self._plan_again(call, not self._plan.workspace.is_exact)
            if data is not None and not (
                np.array_equal(items, self._plan.items) and np.array_equal(start, self._plan.start)
            ):
                raise ValueError(
                    f"{self._who}: the structure has changed, and `out` has the old one"
                )
        raise _unsteady(self._who, self._f)

    def _plan_again(self, call: Call, direct: bool) -> None:
        """A plan for another path, or from now on without substitution."""
        direct = direct or self._plan.direct
        self._plan = Plan(self._f, call, self._who, self._options, direct)

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
        call = self._call(args, kwargs)
        check_plain(call, self._who)
        if out is not None:
            self._check_out(out)
        value, data = self._run(call, None if out is None else out.data)
        result = self._matrix(data) if out is None else out
        return (value, result) if self._options["has_value"] else result

    def _check_out(self, out: Any) -> None:
        """ValueError unless a matrix is of the structure that the results have."""
        plan, form = self._plan, self._options["format"]
        fits = getattr(out, "format", None) == form and out.shape == plan.shape
        fits = fits and out.data.size == plan.items.size
        if fits and form != "coo" and not np.may_share_memory(out.indices, plan.items):
            fits = np.array_equal(out.indices, plan.items) and np.array_equal(
                out.indptr, plan.start
            )
        if not fits:
            raise ValueError(
                f"{self._who}: `out` must be an earlier result, a {form} array of shape "
                f"{plan.shape} with the same {plan.items.size} entries, not {out!r:.80}"
            )

    def values(self, /, *args: Any, **kwargs: Any) -> Any:
        """The entries alone, in the order of `structure`.

        Parameters
        ----------
        *args, **kwargs
            As for a call.

        Returns
        -------
        ndarray of shape (nnz,)
            An Array where an outer transformation, `compile` for example, tracks an argument.
        """
        call = self._call(args, kwargs)
        return self._replayed(call) if call.tracked else self._run(call)[1]

    def _replayed(self, call: Call) -> Any:
        """The entries as a value of the transformations outside."""
        for _ in range(2):
            # The steps of a substitution are one after the other, which no program holds.
            by_steps = self._plan.workspace.steps is not None
            if self._plan.fits(call) and not by_steps:
                data = self._plan.workspace.replay(self._plan.recording.inputs(call))
                if data is not None:
                    return data
            self._plan_again(call.plain(), by_steps)
        raise _unsteady(self._who, self._f)

    def _matrix(self, data: Any) -> Any:
        sparse, plan, form = scipy_sparse(), self._plan, self._options["format"]
        data = data.astype(plan.call.dtype(), copy=False)
        if form == "coo":
            return sparse.coo_array((data, self.structure), shape=plan.shape)
        cls = sparse.csc_array if form == "csc" else sparse.csr_array
        return cls((data, plan.items, plan.start), shape=plan.shape)

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


def _unsteady(who: str, f: Callable[..., Any]) -> ValueError:
    return ValueError(f"{who}: {function_name(f)} decides differently each time it runs")


def check_plain(call: Call, who: str) -> None:
    """Raise unless no outer transformation sees an argument.

    Parameters
    ----------
    call : Call
    who : str

    Raises
    ------
    TypeError
    """
    if call.tracked:
        raise TypeError(
            f"{who}: an outer transformation tracks an argument, and a scipy.sparse matrix cannot "
            "be part of that; use the values of a prepared form, or cd.jacobian and cd.hessian"
        )


def _forms(call: Call) -> str:
    return ", ".join(f"{x.dtype}{list(x.shape)}" for x in map(np.asarray, call.plain().inputs))
