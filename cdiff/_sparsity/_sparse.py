"""Sparse Jacobians and Hessians of plain NumPy functions: the public functions.

Knows options and arguments; a preparation is found by the form of a call and kept, so that a
function that is called often is prepared once. Everything else is in the files that this one
imports.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import Transformed, check_argnums, function_name
from cdiff._core import part_of_program, pattern_of
from cdiff._sparsity._plan import SparsityWarning, in_few_words, scipy_sparse
from cdiff._sparsity._prepared import Prepared, check_plain
from cdiff._sparsity._record import Call, record_gradient, record_values

if TYPE_CHECKING:
    from collections.abc import Callable

    Argnums = int | tuple[int, ...]

__all__ = ["SparsityWarning", "sparse_hessian", "sparse_jacobian", "sparsity"]

FORMATS = ("csr", "csc", "coo")
MODES = ("auto", "fwd", "rev", "mixed")
MOST_KEPT = 8  # preparations of one function


class _Sparse(Transformed):
    """What `sparse_jacobian` and `sparse_hessian` return."""

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        Transformed.__init__(self, f, factory, options)
        self._kept: dict[Any, Prepared] = {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._prepared(args, kwargs)(*args, **kwargs)

    def prepare(self, /, *args: Any, **kwargs: Any) -> Prepared:
        """Find pattern, directions and program for arguments of this form.

        Parameters
        ----------
        *args, **kwargs
            As for a call.

        Returns
        -------
        Prepared
            A callable that fills values into the same structure.
        """
        call = self._form(args, kwargs).plain()
        return Prepared(self._f, call, self._factory.__name__, self._options)

    def _form(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        weighted = self._options.get("weighted", False)
        return Call(args, kwargs, self._options["argnums"], self._factory.__name__, weighted)

    def _prepared(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Prepared:
        call = self._form(args, kwargs)
        found = self._kept.get(call.key)
        check_plain(call, self._factory.__name__)
        if found is None:
            found = Prepared(self._f, call, self._factory.__name__, self._options)
            if len(self._kept) >= MOST_KEPT:
                self._kept = {}
            self._kept[call.key] = found
        return found


def _checked(
    who: str, argnums: Any, form: str, mode: str, pattern: Any, verify: Any, has_value: Any
) -> dict[str, Any]:
    if form not in FORMATS:
        raise ValueError(f"{who}: format must be one of {FORMATS}, got {form!r}")
    if mode not in MODES:
        raise ValueError(f"{who}: mode must be one of {MODES}, got {mode!r}")
    scipy_sparse()
    return {
        "argnums": check_argnums(argnums, who),
        "format": form,
        "mode": mode,
        "pattern": pattern,
        "verify": bool(verify),
        "has_value": bool(has_value),
    }


def sparse_jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    format: str = "csr",
    mode: str = "auto",
    pattern: Any = None,
    verify: bool = False,
    has_value: bool = False,
) -> Any:
    """The function that computes the Jacobian as a sparse matrix.

    The first call finds which entries can differ from zero and the fewest directions that give
    them all; later calls fill values into the same structure. Python may decide by values as under
    `compile`: a call that takes another path is prepared anew.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays in any container.
    argnums : int or tuple of int, default 0
        The arguments to differentiate. Other floats and arrays may change from call to call.
    format : {"csr", "csc", "coo"}
    mode : {"auto", "fwd", "rev", "mixed"}
        Forward directions (columns that share no row), reverse ones (rows that share no column),
        both, or what takes the least work.
    pattern : sparse array or ndarray, optional
        Where entries may differ from zero, instead of what is found; it is checked at the first
        point.
    verify : bool, default False
        Whether the result at the first point is compared with a forward derivative in a random
        direction.
    has_value : bool, default False
        Whether the value of `f` is returned too, before the Jacobian.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns a scipy.sparse array with a row for each entry of the
        outputs and a column for each entry of the chosen arguments, in their order, that stores the
        structural nonzeros. ``prepare(*args)`` does the work that does not depend on values and
        returns a callable for arguments of that form, with the attributes ``structure``,
        ``pattern``, ``nnz``, ``directions`` and the method ``values``.

    Raises
    ------
    ImportError
        Without SciPy.
    ValueError
        If an option is wrong; when called, if a given pattern lacks entries.
    TypeError
        When called, if an argument or an output has no derivative.
    MemoryError
        When called, before anything is allocated, if the matrix does not fit.

    See Also
    --------
    sparse_hessian, sparsity, jacobian

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> f = lambda x: x[1:] ** 2 - x[:-1]
    >>> cd.sparse_jacobian(f)(np.array([1.0, 2.0, 3.0])).toarray()
    array([[-1.,  4.,  0.],
           [ 0., -1.,  6.]])
    """
    options = _checked("sparse_jacobian", argnums, format, mode, pattern, verify, has_value)
    return _Sparse(f, sparse_jacobian, options)


def sparse_hessian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    format: str = "csr",
    mode: str = "auto",
    pattern: Any = None,
    verify: bool = False,
    has_value: bool = False,
    weighted: bool = False,
) -> Any:
    """The function that computes the Hessian as a sparse symmetric matrix.

    Parameters
    ----------
    f : callable
        Returns one number; with `weighted` any numbers and arrays.
    argnums : int or tuple of int, default 0
    format : {"csr", "csc", "coo"}
    mode : {"auto", "fwd", "rev", "mixed"}
    pattern : sparse array or ndarray, optional
    verify : bool, default False
    has_value : bool, default False
        All as for `sparse_jacobian`.
    weighted : bool, default False
        Whether `f` has many outputs, whose sum with weights is differentiated: the weights are
        one more positional argument, the last one (the Hessian of a Lagrangian).

    Returns
    -------
    callable
        As for `sparse_jacobian`. Both triangles are stored.

    Raises
    ------
    ImportError, ValueError, TypeError, MemoryError
        As for `sparse_jacobian`.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> f = lambda x: np.sum(x[1:] * x[:-1] ** 2)
    >>> cd.sparse_hessian(f)(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    >>> g = lambda x: x ** 3
    >>> cd.sparse_hessian(g, weighted=True)(np.ones(2), np.array([1.0, 10.0])).toarray()
    array([[ 6.,  0.],
           [ 0., 60.]])
    """
    options = _checked("sparse_hessian", argnums, format, mode, pattern, verify, has_value)
    return _Sparse(f, sparse_hessian, {**options, "weighted": bool(weighted)})


def sparsity(
    f: Callable[..., Any],
    /,
    *args: Any,
    kind: str = "jacobian",
    argnums: Argnums = 0,
    local: bool = False,
) -> Any:
    """Which entries of a Jacobian or Hessian can differ from zero.

    Parameters
    ----------
    f : callable
    *args : float, array or container of them
        Arguments at which it is recorded.
    kind : {"jacobian", "hessian"}
    argnums : int or tuple of int, default 0
    local : bool, default False
        False: for all values that take the same path through `f`. True: at this point, where
        ``np.where``, maxima and factors that are zero leave entries out.

    Returns
    -------
    csr_array of bool
        Rows are the entries of the outputs (of the gradient), columns those of the chosen
        arguments.

    Raises
    ------
    ImportError, TypeError, ValueError, MemoryError
        As for `sparse_jacobian`.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> f = lambda x: np.where(x > 0, x, x[::-1])
    >>> cd.sparsity(f, np.array([1.0, -2.0])).astype(int).toarray()
    array([[1, 1],
           [1, 1]])
    >>> cd.sparsity(f, np.array([1.0, -2.0]), local=True).astype(int).toarray()
    array([[1, 0],
           [1, 0]])
    """
    if kind not in ("jacobian", "hessian"):
        raise ValueError(f"sparsity: kind must be 'jacobian' or 'hessian', got {kind!r}")
    sparse = scipy_sparse()
    call = Call(args, {}, check_argnums(argnums, "sparsity"), "sparsity", False).plain()
    second = kind == "hessian"
    recording = (record_gradient if second else record_values)(f, call)
    n_outputs = len(call.chosen) if second else len(recording.sizes)
    firsts = call.firsts() + [None] * len(recording.captured)
    program = part_of_program(recording.program, [], recording.program.outputs[:n_outputs])
    sets, _, notes = pattern_of(program, firsts, recording.inputs(call) if local else None)
    for note in in_few_words(notes):
        warnings.warn(f"sparsity of {function_name(f)}: {note}", SparsityWarning, stacklevel=2)
    blocks = [
        sparse.csr_array((np.ones(items.size, bool), items, start), shape=(start.size - 1, n))
        for (start, items), n in zip(sets, [call.n_columns] * n_outputs, strict=True)
    ]
    return sparse.vstack(blocks, format="csr") if len(blocks) > 1 else blocks[0]
