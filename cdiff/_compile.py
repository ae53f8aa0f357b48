"""Functions recorded once and replayed: `compile`.

A call whose arguments have been seen before, by structure, shapes, dtypes and static values, runs
the program that was recorded for them. Decisions that Python took while recording are guards of the
program: where one does not hold, the path that was recorded for the other decision is taken, or the
function runs once more and that path is kept too. So a compiled function never gives a wrong value;
it is only slow where it decides something new at every call. This file knows arguments, caches and
paths; it must not know operators or how a program runs. It is fast because the core calls straight
into the last path, and comes here only when that path does not fit.
"""

from __future__ import annotations

import threading
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._core import Array, NumberCall, Runner, Trace, is_tracked, replay
from cdiff._leaves import outside
from cdiff._tree import flatten, leaf_paths, unflatten
from cdiff._wrap import Transformed, check_argnums, function_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdiff._core import Program
    from cdiff._tree import TreeDef

__all__ = ["CompileWarning", "compile"]

MAX_PATHS = 256  # programs that one compiled function keeps


class CompileWarning(UserWarning):
    """A compiled function is recorded so often that it might better not be compiled.

    Examples
    --------
    >>> import warnings, cdiff as cd
    >>> warnings.simplefilter("error", cd.CompileWarning)  # to find out where
    """


class Signature:
    """What a call is recognised by: the leaves of its arguments, and everything else as a key.

    Floats and arrays are inputs of the program; whatever else is in the arguments is static.

    Parameters
    ----------
    args, kwargs : the call's arguments
    static : frozenset of int
        Positions whose arguments are static whatever they are.

    Attributes
    ----------
    inputs : list of float or ndarray
    tracked : bool
        Whether an outer transformation tracks one of the inputs.
    key : tuple
        Hashable.

    Raises
    ------
    TypeError
        If something static cannot be hashed.
    """

    __slots__ = ("args", "inputs", "key", "kwargs", "leaves", "places", "tracked", "treedef")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], static: frozenset[int]):
        self.args = args
        self.kwargs = kwargs
        fixed = {i % len(args) for i in static if -len(args) <= i < len(args)} if static else ()
        dynamic = [None if i in fixed else x for i, x in enumerate(args)]
        self.leaves, self.treedef = flatten((dynamic, kwargs))
        self.inputs: list[Any] = []
        self.places: list[int] = []
        self.tracked = False
        forms: list[Any] = []
        for k, x in enumerate(self.leaves):
            form = self._form(x)
            if form is None:
                forms.append((x.__class__, x))
                continue
            self.places.append(k)
            forms.append(form)
        values = tuple([(args[i].__class__, args[i]) for i in fixed])
        self.key = (structure(self.treedef), tuple(forms), values)
        self._check_hashable()

    def _form(self, x: Any) -> Any:
        """The form of an input, which joins `inputs`; None for a static leaf."""
        if x.__class__ is float:
            self.inputs.append(x)
            return "f"
        if x.__class__ is Array:
            self.tracked = self.tracked or is_tracked(x)
            self.inputs.append(x if self.tracked else x.numpy())
            return "A", x.dtype.str, x.shape
        if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fiub":
            self.inputs.append(x)
            return "a" if isinstance(x, np.ndarray) else "g", x.dtype.str, x.shape
        return None

    def _check_hashable(self) -> None:
        try:
            hash(self.key)
        except TypeError:
            for x, path in zip(self.leaves, leaf_paths(self.treedef, "argument"), strict=True):
                if self._form(x) is None:
                    _check_hash(x, path)
            raise TypeError(
                "compile: a static argument must be hashable, for programs are found by its value"
            ) from None

    def call(self, f: Callable[..., Any], inputs: list[Any]) -> Any:
        """Call a function with other inputs in their places."""
        leaves = list(self.leaves)
        for k, x in zip(self.places, inputs, strict=True):
            leaves[k] = x
        args, kwargs = unflatten(self.treedef, leaves)
        given = [
            x if y is None and x is not None else y for x, y in zip(self.args, args, strict=True)
        ]
        return f(*given, **kwargs)


def _check_hash(x: Any, path: str) -> None:
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"compile: {path} is a {type(x).__name__}, neither a float nor an array nor hashable; "
            "convert it to an array, or make it part of the function"
        ) from None


def structure(treedef: TreeDef) -> Any:
    """A hashable stand-in for the structure of a container.

    Parameters
    ----------
    treedef : TreeDef

    Returns
    -------
    tuple or None
        Equal for equal structures.
    """
    if treedef.family is None:
        return None
    static = treedef.meta
    if isinstance(static, dict):
        static = tuple(sorted(static.items()))
    return treedef.cls, treedef.keys, static, tuple([structure(c) for c in treedef.children])


class Path:
    """One recorded way through a function: its program, ready to run, and the form of its result.

    Parameters
    ----------
    program : Program
    result : object
        What the function returned when it was recorded.
    treedef : TreeDef
        Structure of the result.
    places : list
        For each leaf of the result the number of an output, or None for a constant.
    leaves : list
        The constants among the leaves of the result.
    """

    __slots__ = ("decisions", "leaves", "places", "program", "runner", "treedef")

    def __init__(self, program: Program, treedef: TreeDef, places: list[Any], leaves: list[Any]):
        self.program = program
        self.runner = Runner(program)
        self.treedef = treedef
        self.places = places
        self.leaves = leaves
        self.decisions = tuple([content(g.expected) for g in program.guards])

    def result(self, outputs: list[Any]) -> Any:
        """The function's result from the outputs of the program."""
        leaves = [
            x if k is None else outputs[k] for k, x in zip(self.places, self.leaves, strict=True)
        ]
        return unflatten(self.treedef, leaves)


def content(x: Any) -> tuple[str, tuple[int, ...], bytes]:
    """What tells one decision from another: dtype, shape and bytes of an array."""
    return x.dtype.str, x.shape, x.tobytes()


class Paths:
    """The recorded paths for one signature, found by the decisions that lead to them."""

    __slots__ = ("by_decisions", "last")

    def __init__(self, first: Path):
        self.by_decisions: dict[tuple[Any, ...], Path] = {}
        self.add(first)

    def add(self, path: Path) -> None:
        """Keep a path, which becomes the first to be tried."""
        self.last = path
        for n in range(len(path.decisions) + 1):
            self.by_decisions.setdefault(path.decisions[:n], path)

    def run(self, inputs: list[Any]) -> tuple[Path, list[Any]] | None:
        """The path that fits these inputs and its outputs; None if it is still to be recorded."""
        path: Path | None = self.last
        while path is not None:
            outputs, failed, seen = path.runner.run(inputs)
            if outputs is not None:
                self.last = path
                return path, outputs
            path = self.by_decisions.get((*path.decisions[:failed], content(seen)))
        return None

    def distinct(self) -> set[Path]:
        return set(self.by_decisions.values())


class _Compiled(Transformed):
    """What `compile` returns."""

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        given = options["static_argnums"]
        self._static = frozenset((given,) if given.__class__ is int else given)
        self._lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Forget all programs."""
        self._paths: dict[Any, Paths] = {}
        self._count = 0
        self._recordings = 0
        self._latest: Path | None = None
        self._quick: Any = None  # a NumberCall of the latest path, where that is possible

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._quick is not None:
            return self._quick(*args, **kwargs)
        return self._general(args, kwargs)

    def _general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Any call: find the path that fits, or record it."""
        signature = Signature(args, kwargs, self._static)
        if signature.tracked:
            return self._f(*args, **kwargs)  # an outer transformation records it as it is
        paths = self._paths.get(signature.key)
        found = None if paths is None else paths.run(signature.inputs)
        if found is None:
            with self._lock:
                return self._record(signature)
        path, outputs = found
        return path.result(outputs)

    def _record(self, signature: Signature) -> Any:
        """Run the function itself and keep the program of what it did."""
        trace = Trace()
        with trace as level:
            inputs = [trace.input(x) for x in signature.inputs]
            leaves, treedef = flatten(signature.call(self._f, inputs))
            given = [isinstance(y, (Array, np.ndarray)) for y in leaves]
            nodes = [y for y, is_array in zip(leaves, given, strict=True) if is_array]
            program, captured = trace.freeze(nodes)
        if trace.lifted:  # tangents of outer levels are no part of the graph
            found = iter(replay(program, [*signature.inputs, *captured]) or [])
            leaves = [next(found) if a else y for y, a in zip(leaves, given, strict=True)]
        values = [y.copy() if isinstance(y, np.ndarray) else outside(y, level) for y in leaves]
        if not captured:
            numbers = iter(range(len(nodes)))
            places = [next(numbers) if is_array else None for is_array in given]
            constants = [None if a else y for y, a in zip(leaves, given, strict=True)]
            self._keep(signature, Path(program.simplify(), treedef, places, constants))
        return unflatten(treedef, values)

    def _keep(self, signature: Signature, path: Path) -> None:
        """Add a path, and forget all if there are too many."""
        self._recordings += 1
        if self._count >= MAX_PATHS:
            warnings.warn(_too_many(self, signature), CompileWarning, stacklevel=4)
            self._paths, self._count = {}, 0
        self._count += 1
        self._latest = path
        self._quick = _quick_call(signature, path, self._general)
        paths = self._paths.get(signature.key)
        if paths is None:
            self._paths[signature.key] = Paths(path)
        else:
            paths.add(path)

    @property
    def program(self) -> Program | None:
        """The program that was recorded last; None before the first call."""
        return None if self._latest is None else self._latest.program

    def stats(self) -> dict[str, int]:
        """How often it was recorded, and what it keeps.

        Returns
        -------
        dict
            ``recordings``, ``signatures``, ``programs`` and ``instructions`` (of all programs
            together).
        """
        kept = [path for paths in self._paths.values() for path in paths.distinct()]
        return {
            "recordings": self._recordings,
            "signatures": len(self._paths),
            "programs": len(kept),
            "instructions": sum([len(path.program) for path in kept]),
        }


def _quick_call(signature: Signature, path: Path, general: Any) -> Any:
    """The call without any of this, for positional floats in, floats in tuples and lists out."""
    code = path.runner.numbers
    plain = all(x.__class__ is float for x in signature.args)
    if code is None or signature.kwargs or not plain or len(signature.args) != code.n_inputs:
        return None
    if not _is_nested_plainly(path.treedef) or None in path.places:
        return None
    return NumberCall(code, "f" * code.n_inputs, unflatten(path.treedef, path.places), general)


def _is_nested_plainly(treedef: TreeDef) -> bool:
    if treedef.family is None:
        return True
    return treedef.cls in (tuple, list) and all(map(_is_nested_plainly, treedef.children))


def _too_many(compiled: _Compiled, signature: Signature) -> str:
    """What keeps changing, for the warning that the cache is full."""
    name = function_name(compiled._f)
    head = f"compile: {name} has {MAX_PATHS} programs and starts again; "
    keys = list(compiled._paths)
    if len(keys) * 2 <= MAX_PATHS:
        guards = [g for paths in compiled._paths.values() for g in paths.last.program.guards]
        where = guards[-1].where if guards else "?"
        return (
            f"{head}it decides by values that change from call to call, last at {where}; write "
            "such a choice as np.where, or do not compile it"
        )
    paths = leaf_paths(signature.treedef, "argument")
    changing = [
        path
        for k, path in enumerate(paths)
        if len({key[1][k] for key in keys if len(key[1]) == len(paths)}) > 1
    ]
    what = ", ".join(changing[:3]) or "the structure or a static argument"
    return (
        f"{head}what changes is {what}: a number that changes from call to call should be a float "
        "or an array, and an array should keep its shape"
    )


def compile(
    f: Callable[..., Any] | None = None, *, static_argnums: int | tuple[int, ...] = ()
) -> Any:
    """The same function, recorded once and replayed as a program.

    The first call with arguments of new shapes runs the Python code and records what it does to
    floats and arrays; later calls run the recorded program, many times faster. Wrap derivatives
    in it: ``cd.compile(cd.value_and_grad(f))``.

    Python may decide by values (``if x > 0``, ``while``, ``int(x)``, ``x[mask]``): a call that
    decides otherwise is recorded as a path of its own. What the function does besides computing
    its result (printing, appending to a list) happens only while it is recorded.

    Parameters
    ----------
    f : callable
        A function of floats, arrays and containers of them. Other arguments (int, bool, str, ...)
        are static: the program is made for their values. Left out, the result is a decorator.
    static_argnums : int or tuple of int, optional
        Positional arguments that are static although they are floats or containers; they must be
        hashable.

    Returns
    -------
    callable
        Takes the arguments of `f`; gives floats for scalars and ndarrays for arrays, in the
        containers that `f` returns. It has ``program`` (the last one recorded), ``stats()`` and
        ``clear()``, and can be pickled if `f` can.

    Raises
    ------
    TypeError
        When called, if a static argument cannot be hashed.

    Warns
    -----
    CompileWarning
        If it has been recorded for very many different arguments.

    Examples
    --------
    >>> import cdiff as cd
    >>> f = cd.compile(cd.value_and_grad(lambda x, y: x * y * y, argnums=(0, 1)))
    >>> f(2.0, 3.0)
    (18.0, (9.0, 12.0))
    >>> f(1.0, 2.0), f.stats()["recordings"]
    ((4.0, (4.0, 4.0)), 1)
    """
    if f is None:
        return partial(compile, static_argnums=static_argnums)
    if isinstance(static_argnums, (tuple, list)) and not static_argnums:
        positions: Any = ()
    else:
        positions = check_argnums(static_argnums, "compile")
    return _Compiled(f, compile, {"static_argnums": positions})
