"""Functions recorded once and replayed: `compile`.

A call whose arguments have been seen before, by structure, shapes, dtypes and static values, runs
the program that was recorded for them. Decisions that Python took while recording are guards of the
program: where one does not hold, the path that was recorded for the other decision is taken, or the
function runs once more and that path is kept too. What the function read besides its arguments is
looked at again at each call. So a compiled function never gives a wrong value; it is only slow
where it decides something new at every call. This file knows arguments, caches and paths; it must
not know operators or how a program runs. It is fast because the core answers calls of the forms of
the latest paths, and comes here only for others.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from cdiff._arguments._tree import class_name, unflatten
from cdiff._arguments._wrap import Transformed, function_name
from cdiff._bodies._paths import Path, Paths, call_form
from cdiff._checks._debug import VALUES, debug_lines
from cdiff._compiled._compile_warning import (
    MANY_PLACES,
    MAX_PATHS,
    CompileWarning,
    drawn,
    not_kept,
    too_many,
    watched,
)
from cdiff._compiled._out import Buffers
from cdiff._compiled._profile import measured
from cdiff._compiled._recorded import Recorded, recorded
from cdiff._compiled._signature import Signature, Statics, static_value, structure, takes
from cdiff._core import OF_VALUES, CompiledCall, from_signal, watch
from cdiff._locks import shared_lock
from cdiff._saved._plain import FormatError, written
from cdiff._saved._saving import (
    Known,
    Writer,
    pack,
    path_of,
    record_of,
    statics_of,
    unpack,
    write_file,
)
from cdiff._saved._trees import named_classes
from cdiff._surroundings._linked import only_in_program
from cdiff._surroundings._reads import innermost
from cdiff._surroundings._surroundings import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import ParamSpec, TypeVar

    from cdiff import _types
    from cdiff._compiled._profile import Profile
    from cdiff._core import Program, Surroundings
    from cdiff._pictures._svg import Picture

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["CompileWarning", "Compiled", "compile"]

FAILED = object()  # in place of a path whose program raises an error
MAX_FORMS = 8  # that the core tries before it asks for the general way


class Entry:
    """The paths for one signature that were recorded in the same surroundings."""

    __slots__ = ("paths", "surroundings")

    def __init__(self, surroundings: Surroundings | None, path: Path) -> None:
        self.surroundings = surroundings
        self.paths = Paths(path)

    def holds(self) -> bool:
        return self.surroundings is None or self.surroundings.holds()


@CompiledCall.enable
class Compiled(CompiledCall, Transformed):
    """What `compile` returns."""

    _own = True  # the function itself is there, not only its programs

    def __init__(self, f: Callable[..., Any], factory: Any, options: dict[str, Any]) -> None:
        Transformed.__init__(self, f, factory, options)
        self._statics = Statics(f, options["static_argnums"], options["static_argnames"])
        self._lock = shared_lock()
        self._takes_out: bool | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all programs."""
        self._entries: dict[Any, list[Entry]] = {}
        self._count = 0
        self._recordings = 0
        self._latest: Path | None = None
        self._naming: Callable[[Sequence[str]], list[str]] | None = None  # of its inputs
        self._changing: list[Any] = []  # arrays from outside that have changed
        self.forms = ()

    def _general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Any call: find the path that fits, or record it."""
        buffers = None
        if "out" in kwargs and not self._has_out():
            buffers = Buffers(kwargs.pop("out"))
        signature = Signature(args, kwargs, self._statics.fixed(len(args), kwargs))
        if signature.tracked:
            return self._on_tracked(signature, buffers)
        if watch() & VALUES and self._own:
            return self._record(signature, buffers)
        found = self._find(signature, buffers)
        if found is None or found is FAILED:
            with self._lock:
                # Another thread may have recorded it meanwhile.
                found = self._find(signature, buffers)
                if found is None or found is FAILED:
                    return self._record(signature, buffers, found is FAILED)
        path, outputs = found
        return path.result(outputs) if buffers is None else buffers.filled(path, outputs)

    def _has_out(self) -> bool:
        """Is `out` a parameter of the function itself?"""
        if self._takes_out is None:
            self._takes_out = takes(self._f, "out")
        return self._takes_out

    def _on_tracked(self, signature: Signature, buffers: Buffers | None) -> Any:
        """An outer transformation records the function as it is."""
        if buffers is not None:
            raise TypeError(
                f"{function_name(self._f)}: out= has no derivative; leave it out inside grad, "
                "vmap and the like"
            )
        return self._f(*signature.args, **signature.kwargs)

    def _entry(self, key: Any) -> Entry | None:
        """The programs that were recorded in the present surroundings."""
        for entry in self._entries.get(key, ()):
            if entry.holds():
                return entry
        return None

    def _find(self, signature: Signature, buffers: Buffers | None) -> Any:
        """The path that fits and its outputs; None, or FAILED if it raises an error."""
        entry = self._entry(signature.key)
        if entry is None and not self._own:
            entry = self._entry(signature.in_rows())
        if entry is None:
            return None
        if buffers is not None:
            buffers.outside = self._reads_outside(entry)
        try:
            found = entry.paths.run(signature.inputs, buffers)
        except OF_VALUES as error:
            if buffers is not None or not self._own or from_signal(error):
                raise
            return FAILED  # the function may catch it; else its line raises it
        if found is not None:
            self._put_first(found[0], signature, entry)
        return found

    def _reads_outside(self, entry: Entry) -> bool:
        """May the function read more than its arguments?"""
        return entry.surroundings is not None

    def _put_first(self, path: Path, signature: Signature, entry: Entry) -> None:
        """Let the core try this path first."""
        if not path.has_form:
            apart = None if self._has_out() else path.apart(self._reads_outside(entry))
            path.form = call_form(signature, path, entry.surroundings, apart)
            path.has_form = True
        forms = self.forms
        if path.form is not None and (not forms or forms[0] is not path.form):
            others = [form for form in forms if form is not path.form]
            self.forms = (path.form, *others[: MAX_FORMS - 1])

    def _record(
        self, signature: Signature, buffers: Buffers | None, has_failed: bool = False
    ) -> Any:
        """Run the function itself and keep the program of what it did.

        One that comes after an error, and decides nothing else than the one that raised it, would
        be taken for that.
        """
        observer = Observer(self._f, signature.statics)
        if buffers is not None:
            buffers.apart = observer.arrays()  # whose content is looked at when all is done
        found, values = self._run(signature, buffers)
        path, treedef = found.path, found.treedef
        # What is looked into operation by operation is run anew at each call.
        if path is not None and not watch() & VALUES:
            passing = [x for x in found.passing if not observer.knows(x)]
            if passing:
                warnings.warn(not_kept(self, passing[0]), CompileWarning, stacklevel=4)
            elif not (has_failed and self._knows(signature, path)):
                self._keep(signature, path, observer)
                if (n := observer.count()) > MANY_PLACES:
                    warnings.warn(watched(self, n), CompileWarning, stacklevel=4)
                if observer.has_drawn():
                    warnings.warn(drawn(self), CompileWarning, stacklevel=4)
        if buffers is not None:
            return buffers.copied(treedef, values)
        return unflatten(treedef, values)

    def _knows(self, signature: Signature, path: Path) -> bool:
        """Is there a path of the same decisions?"""
        entry = self._entry(signature.key)
        return entry is not None and any(
            other.decisions == path.decisions for other in entry.paths.known
        )

    def _run(
        self, signature: Signature, buffers: Buffers | None = None
    ) -> tuple[Recorded, list[Any]]:
        """What the function itself does, and the leaves of its result."""
        # Whoever watches values wants them where they are made.
        defers = not watch() & VALUES
        return recorded(partial(signature.call, self._f), signature.inputs, defers, buffers)

    def _keep(self, signature: Signature, path: Path, observer: Observer) -> None:
        """Add a path, and forget all if there are too many."""
        self._recordings += 1
        if self._count >= MAX_PATHS:
            warnings.warn(too_many(self, signature), CompileWarning, stacklevel=4)
            self._entries, self._count = {}, 0
        self._count += 1
        self._latest, self._naming = path, signature.naming()
        alone = self._alone(signature, path, observer)
        surroundings = observer.surroundings(alone=alone)
        entry = self._add(signature.key, surroundings, path, observer.content(alone=alone))
        self._put_first(path, signature, entry)

    def _alone(self, signature: Signature, path: Path, observer: Observer) -> list[Any]:
        """The arrays from outside that a program reads and nothing else."""
        linked = path.linked()
        alone = observer.alone(self._f, signature.traced())
        found = [x for x in alone if any(np.may_share_memory(x, y) for y in linked)]
        if innermost(self._f) is self._f:
            return found
        self._note_changes(signature.key, observer, found)
        changing = [x for x in found if any(x is y for y in self._changing)]
        if not changing or observer.has_drawn():  # to record it again would draw more
            return []

        def record(f: Any) -> Path | None:
            return recorded(partial(signature.call, f), signature.inputs, True)[0].path

        return only_in_program(self._f, path, changing, record)

    def _note_changes(self, key: Any, observer: Observer, alone: list[Any]) -> None:
        """Has this been recorded only because such arrays changed?"""
        before = next(iter(self._entries.get(key, ())), None)
        labels = before.surroundings.changed() if before and before.surroundings else []
        for x in (observer.changed(labels, alone) if labels else None) or ():
            if not any(x is y for y in self._changing):
                self._changing.append(x)

    def _add(self, key: Any, surroundings: Surroundings | None, path: Path, content: Any) -> Entry:
        """Keep a path with those that were recorded in the same surroundings."""
        entries = self._entries.setdefault(key, [])
        for entry in entries:
            if entry.holds():
                entry.paths.add(path)
                if entry.surroundings is None:
                    entry.surroundings = surroundings
                else:
                    entry.surroundings = entry.surroundings.without_changed(content)
                return entry
        # The latest first, and a copy since another thread may go through the old list.
        entry = Entry(surroundings, path)
        self._entries[key] = [entry, *entries]
        return entry

    def profile(self, /, *args: Any, **kwargs: Any) -> Profile:
        """Where the time of a call with these arguments goes.

        Parameters
        ----------
        *args, **kwargs
            As for a call.

        Returns
        -------
        Profile
            It prints as tables by operator and by source line, and shows them as a picture in a
            notebook; ``rows`` has operator, where, instructions, seconds, bytes. The lines are
            found by recording the function once more.

        Raises
        ------
        TypeError
            If a transformation tracks an argument, or the function is not kept as a program
            because it reads such a value from outside.

        Examples
        --------
        >>> import cdiff as cd, numpy as np
        >>> f = cd.compile(lambda x: np.sum(np.sin(x) * x))
        >>> sorted([row.operator for row in f.profile(np.ones(1000)).rows])
        ['multiply', 'sin', 'sum']
        """
        signature = Signature(args, kwargs, self._statics.fixed(len(args), kwargs))
        name = function_name(self._f)
        if not signature.tracked and self._find(signature, None) is None:
            self(*args, **kwargs)  # and keep the program
        runner = self._path_with_lines(signature, "profile").runner
        return measured(
            name,
            runner.program,
            lambda: runner.run(signature.inputs),
            lambda: runner.profile(signature.inputs),
        )

    def draw(
        self, /, *args: Any, values: bool = True, max_boxes: int = 80, **kwargs: Any
    ) -> Picture:
        """A picture of the program for these arguments; without any, of the last one recorded.

        Parameters
        ----------
        *args, **kwargs
            As for a call; the picture then has the values and the source lines of such a call.
        values : bool, default True
        max_boxes : int, default 80
            As for `draw`.

        Returns
        -------
        Picture

        Raises
        ------
        ValueError
            If there are no arguments, and nothing has been recorded yet.
        TypeError
            If an argument is tracked, or the function is not kept as a program.

        Examples
        --------
        >>> import cdiff as cd
        >>> cd.compile(cd.grad(lambda x: x**3)).draw(2.0)
        <drawing of <lambda>: 3 boxes>
        """
        from cdiff._pictures._draw import draw_program, parameter_names  # seldom needed

        name = function_name(self._f)
        if not args and not kwargs:
            if self._latest is None:
                raise ValueError(f"draw: call {name} first, or give the arguments of a call")
            known = [] if self._naming is None else self._naming(parameter_names(self._f))
            return draw_program(self._latest.runner.program, name, None, known, max_boxes)
        signature = Signature(args, kwargs, self._statics.fixed(len(args), kwargs))
        path = self._path_with_lines(signature, "draw")
        inputs = signature.inputs if values else None
        names = signature.naming()(parameter_names(self._f))
        return draw_program(path.runner.program, name, inputs, names, max_boxes)

    def _path_with_lines(self, signature: Signature, who: str) -> Path:
        """The program of such a call, of which every instruction knows its source line."""
        path = None
        if self._own and not signature.tracked:
            with debug_lines():
                path = self._run(signature)[0].path
        elif not signature.tracked and (found := self._find(signature, None)) is not None:
            path = found[0]
        if path is None:
            raise TypeError(
                f"{who}: {function_name(self._f)} has no program of its own for these arguments "
                "(with a tracked one it is part of what is around); give plain numbers and arrays"
            )
        return path

    def save(self, file: Any) -> None:
        """Write the recorded programs to a file, which `cdiff.load` reads.

        What the function read from outside (captured arrays and numbers) is written as it is now.

        Parameters
        ----------
        file : str, path or binary file
            Where to write; an existing file is replaced.

        Raises
        ------
        ValueError
            If nothing has been recorded yet.
        TypeError
            If a program, a static argument or a container cannot be written: a file holds
            numbers, strings, arrays, tuples, lists and dicts only.
        """
        records, writer = [], Writer()
        for key, entry, path in self._kept():
            if not entry.holds():
                continue  # recorded when something outside was different
            try:
                records.append(record_of(key, path, writer))
            except TypeError as error:
                raise TypeError(f"{function_name(self._f)} cannot be saved: {error}") from None
        if not records:
            raise ValueError(
                f"{function_name(self._f)} has no programs to save; call it once with arguments "
                "of each form"
            )
        write_file(file, pack({**self._described(), "programs": records}))

    def _described(self) -> dict[str, Any]:
        """What is saved beside the programs."""
        return {
            "name": function_name(self._f),
            "positions": tuple(sorted(self._statics.positions)),
            "names": tuple(sorted(self._statics.names)),
        }

    def __reduce__(self) -> str | tuple[Any, ...]:
        found = super().__reduce__()
        if isinstance(found, str):
            return found
        return _remade, (self._f, self._options, *self._portable())

    def _portable(self) -> tuple[bytes, tuple[type, ...]]:
        """Programs that depend on nothing but their arguments and numbers outside, for pickle."""
        records, writer = [], Writer(named=not self._own)
        classes: set[type] = set()
        for key, entry, path in self._kept():
            outer = None if entry.surroundings is None else entry.surroundings.values()
            if (outer is None and entry.surroundings is not None) or path.is_linked():
                continue
            try:
                record = {**record_of(key, path, writer, not self._own), "outer": outer}
                written(record)
            except TypeError:
                continue  # will be recorded again
            records.append(record)
            classes |= named_classes(key[0]) | named_classes(structure(path.treedef))
        return pack(records), tuple(sorted(classes, key=class_name))

    def _receive(self, data: bytes, classes: tuple[type, ...]) -> None:
        """Take programs out of a pickle."""
        for record in unpack(data):
            try:
                key, path = path_of(record, Known(classes))
            except FormatError:
                continue  # a class is needed that only a rule knows: will be recorded again
            observer = Observer(self._f, [static_value(form) for form in statics_of(key)])
            surroundings = observer.surroundings()
            values = None if surroundings is None else surroundings.values()
            if values == record["outer"]:
                self._add(key, surroundings, path, observer.content())
                self._latest, self._naming = path, None
                self._count += 1

    def _kept(self) -> Iterator[tuple[Any, Entry, Path]]:
        """All programs, with the key of their signature."""
        for key, entries in list(self._entries.items()):
            for entry in entries:
                for path in entry.paths.distinct():
                    yield key, entry, path

    @property
    def program(self) -> Program | None:
        """The program that was recorded last; None before the first call."""
        return None if self._latest is None else self._latest.runner.program

    def stats(self) -> dict[str, int]:
        """How often it was recorded, and what it keeps.

        Returns
        -------
        dict
            ``recordings``, ``signatures``, ``programs`` and ``instructions`` (of all programs
            together).
        """
        kept = [path for _, _, path in self._kept()]
        return {
            "recordings": self._recordings,
            "signatures": len(self._entries),
            "programs": len(kept),
            "instructions": sum([len(path.runner.program) for path in kept]),
        }


def _remade(
    f: Callable[..., Any], options: dict[str, Any], data: bytes, classes: tuple[type, ...]
) -> Compiled:
    """A compiled function out of a pickle."""
    made = Compiled(f, compile, options)
    made._receive(data, classes)
    return made


@overload
def compile(
    f: Callable[P, _types.Arrays],
    *,
    static_argnums: int | tuple[int, ...] = (),
    static_argnames: str | tuple[str, ...] = (),
) -> _types.Compiled[P, Any]: ...
@overload
def compile(
    f: Callable[P, R],
    *,
    static_argnums: int | tuple[int, ...] = (),
    static_argnames: str | tuple[str, ...] = (),
) -> _types.Compiled[P, R]: ...
@overload
def compile(
    *,
    static_argnums: int | tuple[int, ...] = (),
    static_argnames: str | tuple[str, ...] = (),
) -> _types.Compile: ...
def compile(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | tuple[int, ...] = (),
    static_argnames: str | tuple[str, ...] = (),
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
        hashable. Negative numbers count from the last parameter.
    static_argnames : str or tuple of str, optional
        The same, by name.

    Returns
    -------
    callable
        Takes the arguments of `f`; gives floats for scalars and ndarrays for arrays, in the
        containers that `f` returns, or writes them into ``out=``. It has ``program`` (the last one
        recorded), ``stats()``, ``profile(*args)``, ``draw(*args)``, ``save(file)`` and ``clear()``,
        and can be pickled if `f` can.

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
    options = {"static_argnums": static_argnums, "static_argnames": static_argnames}
    if f is None:
        return partial(compile, **options)
    return Compiled(f, compile, options)
