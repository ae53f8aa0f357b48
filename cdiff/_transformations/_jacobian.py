"""Full derivatives of functions with many outputs: jacobian, jacfwd, jacrev, hessian.

The function is recorded once; then one sweep per output entry (reverse), or one pass with a
direction for every input entry (forward), fills the rows or the columns. Which is cheaper is
known after recording, so ``mode="auto"`` costs nothing. This file knows the core's sweeps and
nothing of operators. It is fast because compiled code does all of that, and for one plain array
or float the whole call; only where an outer transformation tracks the entries are there sweeps
one by one here.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._holomorphic import checked_mode, joint_dtype, promise
from cdiff._arguments._leaves import leaf_dtype, shape_of
from cdiff._arguments._tree import unflatten
from cdiff._arguments._wrap import (
    Inputs,
    Outputs,
    Transformed,
    check_argnums,
    function_name,
    split_aux,
)
from cdiff._core import (
    Array,
    JacobianCall,
    Level,
    array,
    concatenate,
    is_tracked,
    jacobian_blocks,
    jacobian_lanes,
    leaf,
    pullback,
    pushforward,
    reshape,
    to_plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Argnums = int | tuple[int, ...]
    Entries = list[Any]

__all__ = ["check_layout", "hessian", "jacfwd", "jacobian", "jacrev"]

MODES = ("auto", "fwd", "rev")
LAYOUTS = ("numerator", "denominator")


def check_layout(layout: Any, who: str) -> None:
    """Raise unless `layout` is one of the two layouts.

    Parameters
    ----------
    layout : object
    who : str
        The function, for the message.

    Raises
    ------
    ValueError
    """
    if layout not in LAYOUTS:
        raise ValueError(f"{who}: layout must be one of {LAYOUTS}, got {layout!r}")


def _size(x: Any) -> int:
    size: int = getattr(x, "size", 1)
    return size


def _basis(x: Any) -> Iterator[Array]:
    """The unit vectors of the space of `x`, in the order of its entries."""
    shape, dtype = shape_of(x), leaf_dtype(x)
    for i in range(_size(x)):
        vector = np.zeros(shape, dtype)
        vector.reshape(-1)[i] = 1.0
        yield array(vector)


def _blocks_rev(outputs: Outputs, traced: list[Array]) -> list[list[Entries]]:
    """For every output and every input: the rows, each of the shape of the input."""
    blocks = []
    for y in outputs.leaves:
        if y.__class__ is not Array:
            blocks.append([[None] * _size(y) for _ in traced])
        elif shape_of(y) == ():
            blocks.append([[g] for g in pullback([y], [None], traced, outputs.level)])
        else:
            rows = [pullback([y], [seed], traced, outputs.level) for seed in _basis(y)]
            blocks.append([[row[k] for row in rows] for k in range(len(traced))])
    return blocks


def _blocks_fwd(outputs: Outputs, traced: list[Array]) -> list[list[Entries]]:
    """For every output and every input: the columns, each of the shape of the output."""
    arrays = [y for y in outputs.leaves if y.__class__ is Array]
    blocks: list[list[Entries]] = [[[] for _ in traced] for _ in outputs.leaves]
    for k, x in enumerate(traced):
        for seed in _basis(x):
            pushed = iter(pushforward(arrays, [x], [seed], outputs.level))
            for y, block in zip(outputs.leaves, blocks, strict=True):
                block[k].append(next(pushed) if y.__class__ is Array else None)
    return blocks


def _stacked(entries: Entries, y: Any, x: Any, mode: str) -> Any:
    """Rows (``mode="rev"``) or columns (``mode="fwd"``) as one matrix, outputs by inputs."""
    y_shape, x_shape, dtype = shape_of(y), shape_of(x), joint_dtype(y, x)
    if any(e is not None and is_tracked(e) for e in entries):
        if len(entries) == 1 and entries[0].dtype == dtype:
            return entries[0]
        zero: Any = np.zeros(x_shape if mode == "rev" else y_shape)
        filled: Any = [array(zero) if e is None else e for e in entries]
        line, axis = ((1, -1), 0) if mode == "rev" else ((-1, 1), 1)
        tracked = concatenate([reshape(e, line) for e in filled], axis)
        return tracked if tracked.dtype == dtype else tracked.astype(dtype)
    matrix = np.zeros((_size(y), _size(x)), dtype)
    lines = matrix if mode == "rev" else matrix.T
    for i, e in enumerate(entries):
        if e is not None:
            lines[i] = np.reshape(to_plain(e), -1)
    return matrix


def _matrix(lanes: Array | None, y: Any, x: Any, mode: str) -> Any:
    """All rows or columns at once as one matrix, outputs by inputs."""
    n_y, n_x, dtype = _size(y), _size(x), joint_dtype(y, x)
    if lanes is None:
        return np.zeros((n_y, n_x), dtype)
    matrix: Any = np.reshape(lanes, (n_y, n_x) if mode == "rev" else (n_x, n_y))
    matrix = matrix if mode == "rev" else np.transpose(matrix)
    return matrix if matrix.dtype == dtype else matrix.astype(dtype)


def _assemble(matrix: Any, y: Any, x: Any, layout: str) -> Any:
    """A matrix, outputs by inputs, as one derivative in the layout asked for.

    Parameters
    ----------
    matrix : ndarray or Array
    y, x : leaf
        The output and the input.
    layout : {"numerator", "denominator"}

    Returns
    -------
    float, NumPy scalar, ndarray or Array
        Of shape ``y.shape + x.shape`` or ``x.shape + y.shape``, in the dtype of `x`.
    """
    y_shape, x_shape = shape_of(y), shape_of(x)
    if layout == "numerator":
        result: Any = np.reshape(matrix, y_shape + x_shape)
    else:
        matrix = np.reshape(matrix, (_size(y), _size(x)))
        result = np.reshape(np.transpose(matrix), x_shape + y_shape)
    if result.__class__ is Array:
        return result
    if x.__class__ is Array:
        return array(result)
    if result.shape == () and x.__class__ is not np.ndarray:
        if result.dtype == np.float64 and x.__class__ is float:
            return float(result)
        return complex(result) if x.__class__ is complex else result[()]
    return result


@JacobianCall.enable
class _Jacobian(JacobianCall, Transformed):
    """What the three return. The core has the call for one array or float, the rest is here."""

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        Transformed.__init__(self, f, factory, options)
        argnums = options["argnums"]
        single = argnums.__class__ is int
        positions = (argnums,) if single else argnums
        self._mode: str = options.get("mode") or factory.__name__.removeprefix("jac")
        direct = single and not options["has_aux"] and options["layout"] == "numerator"
        direct = direct and not options.get("holomorphic", False)
        self.prepare(f, positions, single, False, direct)
        self.prepare_mode(self._mode)

    def general(self, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> Any:
        """A call with any arguments and any result; see `DirectCall` for `found`."""
        f = self._f
        options = self._options
        inputs = Inputs(args, options["argnums"], self._factory.__name__)
        aux = None
        # The function was called inside of a level that is open.
        with Level() if found is None else nullcontext(found[2]) as level:
            if found is None:
                traced = [leaf(x, level) for x in inputs.leaves]
                out = inputs.run(f, traced, kwargs)
            else:
                out, traced, _ = found
            if options["has_aux"]:
                out, aux = split_aux(out, f, level)
            outputs = Outputs(out, f, level)
            blocks = self._blocks(inputs, outputs, traced)
        layout = options["layout"]
        derivatives = [
            inputs.result(
                [
                    _assemble(matrix, y, x, layout)
                    for matrix, x in zip(block, inputs.leaves, strict=True)
                ]
            )
            for block, y in zip(blocks, outputs.leaves, strict=True)
        ]
        result = unflatten(outputs.treedef, derivatives)
        return (result, aux) if options["has_aux"] else result

    def _blocks(self, inputs: Inputs, outputs: Outputs, traced: list[Array]) -> list[list[Any]]:
        """For every output and every input the matrix of derivatives, outputs by inputs."""
        arrays = [y for y in outputs.leaves if y.__class__ is Array]
        mode = checked_mode(
            self._mode,
            inputs.leaves,
            outputs.leaves,
            function_name(self._f),
            self._factory.__name__,
            self._options.get("holomorphic", False),
        )
        found = jacobian_blocks(arrays, traced, outputs.level, mode)
        if found is not None:
            plain = iter(found)
            return [
                next(plain)
                if y.__class__ is Array
                else [np.zeros((_size(y), _size(x)), joint_dtype(y, x)) for x in inputs.leaves]
                for y in outputs.leaves
            ]
        if mode == "auto":
            n_in = sum([_size(x) for x in inputs.leaves])
            mode = "fwd" if n_in < sum([_size(y) for y in outputs.leaves]) else "rev"
        lanes = jacobian_lanes(arrays, traced, outputs.level, mode)
        if lanes is not None:
            rows = iter(lanes)
            return [
                [
                    _matrix(e, y, x, mode)
                    for e, x in zip(
                        next(rows) if y.__class__ is Array else [None] * len(traced),
                        inputs.leaves,
                        strict=True,
                    )
                ]
                for y in outputs.leaves
            ]
        blocks = (_blocks_rev if mode == "rev" else _blocks_fwd)(outputs, traced)
        return [
            [_stacked(e, y, x, mode) for e, x in zip(block, inputs.leaves, strict=True)]
            for block, y in zip(blocks, outputs.leaves, strict=True)
        ]


def _jacobian(
    factory: Any,
    f: Callable[..., Any],
    argnums: Argnums,
    layout: str,
    has_aux: bool,
    holomorphic: bool,
    **mode: str,
) -> _Jacobian:
    """What `factory`, one of the three functions below, returns for these arguments."""
    who = factory.__name__
    check_layout(layout, who)
    options = {"argnums": check_argnums(argnums, who), **mode, "layout": layout}
    options = {**options, "has_aux": bool(has_aux), **promise(holomorphic)}
    return _Jacobian(f, factory, options)


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    mode: str = "auto",
    layout: str = "numerator",
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The function that computes all derivatives of all outputs.

    Parameters
    ----------
    f : callable
        Returns numbers or arrays in any container.
    argnums : int or tuple of int, default 0
        The positional arguments to differentiate, as for `grad`.
    mode : {"auto", "fwd", "rev"}
        One pass with a direction per input entry, one sweep per output entry, or what promises
        to be faster.
    layout : {"numerator", "denominator"}
        Axes of the output first (``J[i, j] = dy_i / dx_j``), or axes of the input first.
    has_aux : bool, default False
        Whether `f` returns a pair ``(output, auxiliary data)``.
    holomorphic : bool, default False
        Promises that `f` is a holomorphic function of complex arguments with complex results;
        the entries are then complex derivatives.  Without it arguments or results have to be real.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns for each output leaf ``y``, in the structure of the
        output, for each chosen argument (a tuple of them if `argnums` is a tuple), in its
        structure, for each leaf ``x`` an array of shape ``y.shape + x.shape`` (numerator) or
        ``x.shape + y.shape`` (denominator) and of the dtype of ``x``, complex if ``y`` is. A pair
        with the auxiliary data if `has_aux`.

    Raises
    ------
    ValueError
        If `mode`, `layout` or `argnums` is wrong.
    TypeError
        When called, if an argument or an output has no derivative, or is real against the promise,
        or if both are complex without it.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    >>> cd.jacobian(lambda x: A @ x)(np.ones(3))
    array([[1., 2., 3.],
           [4., 5., 6.]])
    >>> cd.jacobian(lambda x: A @ x, layout="denominator")(np.ones(3)).shape
    (3, 2)
    """
    if mode not in MODES:
        raise ValueError(f"jacobian: mode must be one of {MODES}, got {mode!r}")
    return _jacobian(jacobian, f, argnums, layout, has_aux, holomorphic, mode=mode)


def jacfwd(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    layout: str = "numerator",
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """`jacobian` by a forward pass with one direction per input entry.

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int, default 0
    has_aux : bool, default False
    layout : {"numerator", "denominator"}
    holomorphic : bool, default False
        All as for `jacobian`.

    Returns
    -------
    callable

    Raises
    ------
    ValueError, TypeError
        As for `jacobian`.

    Notes
    -----
    The function runs once and is recorded; `jvp` gives one direction without a record.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.jacfwd(lambda t: {"position": t ** 2, "speed": 2.0 * t})(3.0)
    {'position': 6.0, 'speed': 2.0}
    """
    return _jacobian(jacfwd, f, argnums, layout, has_aux, holomorphic)


def jacrev(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    layout: str = "numerator",
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """`jacobian` by reverse sweeps: one per output entry.

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int, default 0
    has_aux : bool, default False
    layout : {"numerator", "denominator"}
    holomorphic : bool, default False
        All as for `jacobian`.

    Returns
    -------
    callable

    Raises
    ------
    ValueError, TypeError
        As for `jacobian`.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> cd.jacrev(lambda x: (x ** 2).sum())(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _jacobian(jacrev, f, argnums, layout, has_aux, holomorphic)


class _Hessian(Transformed):
    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        nested: Any = _Jacobian(
            jacrev(f, **options), factory, {**options, "mode": "fwd", "layout": "numerator"}
        )
        nested.prepare_mode("symmetric")  # where nothing is around: no mode is asked for
        self._nested = nested

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._nested(*args, **kwargs)


def hessian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The function that computes all second derivatives, forward or in reverse over reverse.

    Parameters
    ----------
    f : callable
        Returns a scalar (or any numbers and arrays in a container).
    argnums : int or tuple of int, default 0
    has_aux : bool, default False
        As for `grad`.
    holomorphic : bool, default False
        As for `jacobian`.

    Returns
    -------
    callable
        Takes the arguments of `f`; for one array ``x`` and an output ``y`` returns an array of
        shape ``y.shape + x.shape + x.shape``; for containers the structure of the output, then
        that of the arguments, then that of the arguments again.

    Raises
    ------
    TypeError, ValueError
        As for `jacobian`.

    Examples
    --------
    >>> import numpy as np, cdiff as cd
    >>> cd.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    argnums = check_argnums(argnums, "hessian")
    options = {"argnums": argnums, "has_aux": bool(has_aux), **promise(holomorphic)}
    return _Hessian(f, hessian, options)
