"""Calls whose sparse derivative is wanted, as programs.

Knows which arguments of a call are differentiated and how a program of the values, or of the
gradient, is recorded; it must not know patterns. Float arguments are inputs of the program, so
that a call with other values needs nothing new; integer arrays belong to the structure (they are
indices most of the time) and are compared at each call. It runs once for each preparation.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import Inputs, Outputs, function_name
from cdiff._bodies._body import lasting, refuse_lost
from cdiff._compiled._signature import Signature
from cdiff._core import (
    Array,
    Level,
    Program,
    Trace,
    in_trace,
    is_tracked,
    leaf,
    lower,
    peek,
    pullback,
)
from cdiff._sparsity._components import by_components
from cdiff._surroundings._surroundings import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Surroundings

__all__ = ["Call", "Recording", "as_input", "record_gradient", "record_values"]

MOST_PARTS = 64  # embedded in zeros and added up, before they are put together


def refuse_complex(x: Any, what: str) -> None:
    """Raise if an input or output of a sparse derivative is complex.

    Parameters
    ----------
    x : float, ndarray or Array
    what : str
        What it is, for the message.

    Raises
    ------
    TypeError
    """
    dtype = np.asarray(peek(x)).dtype
    if dtype.kind == "c":
        raise TypeError(
            f"{what} has dtype {dtype}; sparse derivatives are those of real functions: take real "
            "and imaginary parts as arrays of their own (complex values in between are fine)"
        )


class Call:
    """The arguments of one call: what a preparation is found by, and the inputs of its program.

    Parameters
    ----------
    args, kwargs : the call's arguments
    argnums : int or tuple of int
    who : str
        The function that is called, for messages.
    weighted : bool
        Whether the last positional argument holds the weights of the outputs.

    Attributes
    ----------
    inputs : list of float or ndarray
        Differentiated ones, then weights if there are any, then other floats.
    n_columns : int
        Entries that are differentiated.
    tracked : bool
        Whether an outer transformation sees an argument.
    key : tuple
    indices : list of ndarray
        Integer arrays.

    Raises
    ------
    TypeError
        If a chosen argument has no derivative.
    """

    __slots__ = (
        "chosen", "indices", "inputs", "key", "n_columns", "places", "signature", "tracked",
        "weights",
    )  # fmt: skip

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Any, who: str, weighted: bool
    ) -> None:
        self.weights = None
        if weighted:
            if len(args) < 2:
                raise TypeError(f"{who}: the last argument must be the weights of the outputs")
            args, self.weights = args[:-1], args[-1]
        chosen = Inputs(args, argnums, who)
        self.signature = Signature(args, kwargs, frozenset())
        self.tracked = self.signature.tracked or is_tracked(self.weights)
        self.chosen = _chosen_leaves(self.signature, chosen.positions)
        self._sort()

    def _sort(self) -> None:
        signature = self.signature
        self.indices: list[tuple[int, Any]] = []
        rest = []
        at = dict(zip(signature.places, signature.inputs, strict=True))
        floats = [(k, at.pop(k)) for k in self.chosen]
        for _, x in floats:
            refuse_complex(x, "a differentiated argument")
        self.n_columns = sum([np.size(peek(x)) for _, x in floats])
        for k, x in at.items():
            if np.asarray(peek(x)).dtype.kind == "f":
                rest.append((k, x))
            else:
                self.indices.append((k, np.asarray(peek(x))))
        self.places = [k for k, _ in floats + rest]
        self.inputs = [x for _, x in floats]
        form: Any = None
        if self.weights is not None:
            if self.weights.__class__ is not Array:
                self.weights = np.asarray(self.weights, np.float64)
            self.inputs.append(self.weights)
            form = self.weights.shape
        self.inputs += [x for _, x in rest]
        self.key = (signature.key, form)

    def plain(self) -> Call:
        """The same call with plain values in the place of tracked ones."""
        found = copy(self)
        found.inputs = [peek(x) for x in self.inputs]
        found.tracked = False
        return found

    def dtype(self) -> Any:
        """The dtype of the derivative."""
        return np.result_type(*[np.asarray(peek(x)).dtype for x in self.inputs[: len(self.chosen)]])

    def firsts(self) -> list[int | None]:
        """The first column of each input, None for those that are not differentiated."""
        sizes = [np.size(peek(x)) for x in self.inputs[: len(self.chosen)]]
        starts: list[int | None] = [sum(sizes[:k]) for k in range(len(sizes))]
        return starts + [None] * (len(self.inputs) - len(sizes))

    def same_indices(self, other: Call) -> bool:
        """Are the integer arrays those of another call of the same form?"""
        pairs = zip(self.indices, other.indices, strict=True)
        return all(np.array_equal(x, y) for (_, x), (_, y) in pairs)

    def apply(self, f: Callable[..., Any], inputs: list[Any]) -> Any:
        """Call a function with other inputs in their places."""
        n = len(self.chosen)
        given = inputs[:n] + inputs[n + (self.weights is not None) :]
        at: dict[int, Any] = dict(zip(self.places, given, strict=True))
        for k, x in self.indices:
            own = np.array(x)
            own.flags.writeable = False
            at[k] = own
        return self.signature.call(f, [at[k] for k in self.signature.places])


def _chosen_leaves(signature: Signature, positions: tuple[int, ...]) -> list[int]:
    """The numbers of the leaves of the chosen arguments, in the order of `positions`."""
    starts = [0]
    for child in signature.treedef.children:
        starts.append(starts[-1] + child.n_leaves)
    return [k for i in positions for k in range(starts[i], starts[i + 1])]


class Recording:
    """The program of one path of a function, with what has to stay as it is.

    Attributes
    ----------
    program : Program
        Of the function, or of the gradient; simplified, sums of parts left as they are. Its inputs
        are those of the call, then `captured`.
    captured : list
        Arrays from outside, read at each run.
    watched : list of (array, ndarray)
        Arrays from outside that have to stay as they are, with a copy.
    surroundings : Surroundings or None
    sizes : list of int
        Entries of each output.
    treedef : TreeDef or None
        The structure of the result.
    """

    __slots__ = ("captured", "program", "sizes", "surroundings", "treedef", "watched")

    def __init__(self, program: Program, observer: Observer, sizes: list[int], treedef: Any):
        linked = [*program.arrays, *[np.asarray(peek(x)) for _, x in program.refreshed]]
        self.surroundings: Surroundings | None = observer.surroundings(linked)
        opened, self.captured, self.watched = _opened(program)
        whole = opened if opened is program else _simplified(opened)
        self.program = by_components(whole)
        if self.program is not whole:
            self.program = _simplified(self.program)
        self.sizes = sizes
        self.treedef = treedef

    def inputs(self, call: Call) -> list[Any]:
        """The inputs of the program for a call."""
        return [*map(as_input, call.inputs), *[as_input(peek(x)) for x in self.captured]]


def _simplified(program: Program) -> Program:
    """The simplified program, in which sums of parts stay sums if they are few: a cut takes them
    apart, where what they are put together from would have to be cut in more places."""
    return program.simplify(join=program.count_of("embed") > MOST_PARTS)


def as_input(x: Any) -> Any:
    """A float or an array as programs take it.

    Parameters
    ----------
    x : float or ndarray

    Returns
    -------
    float or ndarray
    """
    if x.__class__ is Array:
        return x
    if isinstance(x, np.ndarray) and (x.ndim or x.dtype != np.float64):
        return x
    return float(x) if np.asarray(x).dtype == np.float64 else np.asarray(x)


def is_own(x: Any) -> bool:
    """Can nobody change the content of a constant array?

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    bool
    """
    return not x.flags.writeable and x.base is None


def _opened(program: Program) -> tuple[Program, list[Any], list[tuple[Any, Any]]]:
    """The program with float arrays from outside as inputs: what is computed from them and from
    seeds alone would otherwise be computed once.

    Matrices of products stay, since their zeros decide on the pattern, and so do indices; both are
    watched.
    """
    originals = {id(own): original for own, original in program.refreshed}
    if not any(id(x) in originals or not is_own(x) for x in program.arrays):
        return program, [], []
    code = program.instructions()
    factors = {k for op, _, _, operands, _ in code if op == "matmul" for k in operands}
    found: list[tuple[int, Any]] = []
    watched = []
    for v, (op, dtype, shape, _, x) in enumerate(code):
        if op != "const" or not isinstance(x, np.ndarray):
            continue
        if id(x) not in originals and is_own(x):
            continue
        original = originals.get(id(x), x)
        if dtype.kind == "f" and not (v in factors and len(shape) == 2):
            found.append((v, original))
        else:
            watched.append((original, np.array(peek(original))))
    if not found:
        return program, [], watched
    opened = Program()
    place: dict[int, int] = {}
    for v in range(program.n_inputs):
        place[v] = opened.input(*code[v][1:3])
    for v, _ in found:
        place[v] = opened.input(*code[v][1:3])
    for v, (_, _, _, operands, _) in enumerate(code):
        if v not in place:
            place[v] = opened.copied(program, v, [place[k] for k in operands])
    opened.outputs = [place[v] for v in program.outputs]
    opened.guards = [g.moved(place[g.value]) for g in program.guards]
    kept = {id(x) for x in opened.arrays}
    opened.refreshed = [(own, x) for own, x in program.refreshed if id(own) in kept]
    return opened, [x for _, x in found], watched


def _frozen(
    f: Callable[..., Any], trace: Trace, outputs: list[Any], observer: Observer, treedef: Any
) -> Recording:
    program, captured = trace.freeze(outputs)
    if captured:
        raise TypeError(
            f"{function_name(f)} reads values that an outer transformation differentiates; pass "
            "them as arguments"
        )
    sizes = [int(np.size(y)) if not hasattr(y, "size") else y.size for y in outputs]
    return Recording(_simplified(program), observer, sizes, treedef)


def record_values(f: Callable[..., Any], call: Call) -> Recording:
    """The program of the function.

    Parameters
    ----------
    f : callable
    call : Call

    Returns
    -------
    Recording

    Raises
    ------
    TypeError
        If an output has no derivative.
    """
    observer = Observer(f, call.signature.statics)
    trace = Trace(rules=True)
    with lasting(), trace as level:
        out = call.apply(f, [trace.input(x) for x in call.inputs])
        outputs = Outputs(out, f, level)
        for y in outputs.leaves:
            refuse_complex(y, f"an output of {function_name(f)}")
        program, _ = trace.freeze(list(outputs.leaves))
        refuse_lost(program, call.inputs, [k < len(call.chosen) for k in range(len(call.inputs))])
        return _frozen(f, trace, list(outputs.leaves), observer, outputs.treedef)


def record_gradient(f: Callable[..., Any], call: Call) -> Recording:
    """The program of the gradient of a scalar function, or of the weighted sum of outputs.

    Parameters
    ----------
    f : callable
    call : Call

    Returns
    -------
    Recording
        The value is its last output.

    Raises
    ------
    TypeError
        If the function is neither scalar nor weighted, or an output has no derivative.
    ValueError
        If there are not as many weights as outputs.
    """
    observer = Observer(f, call.signature.statics)
    n = len(call.chosen)
    trace = Trace(rules=True)
    with lasting(), trace:
        given = [trace.input(x) for x in call.inputs]
        with Level() as level:
            leaves: list[Any] = [leaf(x, level) for x in given[:n]]
            outputs = Outputs(call.apply(f, leaves + given[n:]), f, level)
            y = _total(outputs, None if call.weights is None else given[n], f)
            found = pullback([y], [None], leaves, level) if _is_inside(y, level) else [None] * n
            value = lower(y, level) if y.__class__ is Array else y
        grads: list[Any] = [
            np.zeros(np.shape(x)) if g is None else g
            for x, g in zip(call.inputs[:n], found, strict=True)
        ]
        return _frozen(f, trace, [*grads, value], observer, None)


def _is_inside(y: Any, level: int) -> bool:
    return y.__class__ is Array and in_trace(y, level)


def _total(outputs: Outputs, weights: Array | None, f: Callable[..., Any]) -> Any:
    """The scalar that is differentiated twice."""
    name = function_name(f)
    for y in outputs.leaves:
        refuse_complex(y, f"an output of {name}")
    sizes = [int(np.prod(np.shape(y))) for y in outputs.leaves]
    if weights is None:
        if sizes != [1]:
            raise TypeError(
                f"sparse_hessian: {name} must return one number, it returned "
                f"{', '.join(map(str, map(np.shape, outputs.leaves)))}; for a weighted sum of its "
                "outputs use weighted=True"
            )
        return np.reshape(outputs.leaves[0], ())
    if weights.shape != (sum(sizes),):
        raise ValueError(
            f"sparse_hessian: {name} has {sum(sizes)} outputs, the weights have shape "
            f"{weights.shape}"
        )
    total: Any = 0.0
    start = 0
    for y, size in zip(outputs.leaves, sizes, strict=True):
        total = total + np.sum(np.reshape(y, (-1,)) * weights[start : start + size])
        start += size
    return total
