"""Compiled functions from files: `load`.

A loaded function has programs and no Python code: what no program fits is an error, or goes to the
function that is given as `fallback`. Under a transformation its programs are replayed, so it has
derivatives of every order without that function. Knows what a file holds only through `_saving`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdiff._arguments._tree import is_named
from cdiff._arguments._wrap import check_function
from cdiff._compiled._compile import Compiled, Entry
from cdiff._compiled._compile_warning import MAX_PATHS
from cdiff._core import Array, peek, replay_deciding
from cdiff._rules._custom import CustomJvp, CustomVjp
from cdiff._rules._operator import Operator
from cdiff._saved._plain import FormatError
from cdiff._saved._saving import Known, field, path_of, read_file, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cdiff._compiled._out import Buffers
    from cdiff._compiled._signature import Signature

__all__ = ["load"]


class _Missing:
    """In the place of the Python function that a file does not hold."""

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise LookupError(
            f"{self.__name__} was loaded from a file, which has no program for this call: the "
            "shapes, dtypes, static values or decisions are not those of a call before it was "
            "saved; give the function itself to load(..., fallback=f)"
        )


class Loaded(Compiled):
    """What `load` returns."""

    def __init__(self, f: Any, factory: Any, options: dict[str, Any]) -> None:
        super().__init__(f, factory, options)
        self._own = not isinstance(f, _Missing)
        self._known = Known()

    def _on_tracked(self, signature: Signature, buffers: Buffers | None) -> Any:
        """Replay the program on tracked values."""
        if self._own or buffers is not None:
            return super()._on_tracked(signature, buffers)
        values = [peek(x) if isinstance(x, Array) else x for x in signature.inputs]
        # A tracked number may have been a float, which is no Array outside the transformation.
        entry = self._entry(signature.key) or self._entry(signature.with_floats())
        found = None if entry is None else entry.paths.run(values)
        if found is None:
            return self._f()
        outputs, _, _ = replay_deciding(found[0].program, signature.inputs)
        if outputs is None:
            return self._f()
        return found[0].result(outputs)

    def _reads_outside(self, entry: Entry) -> bool:
        return self._own or super()._reads_outside(entry)  # what `fallback` reads is not known

    def __reduce__(self) -> tuple[Any, ...]:
        data, _ = self._portable()
        return _remade, (self._f, self._described(), data, self._known.given())


def _remade(f: Any, described: Any, data: bytes, given: tuple[Any, ...]) -> Loaded:
    return _made(f, described, unpack(data), Known(*given))


def load(
    file: Any,
    *,
    fallback: Callable[..., Any] | None = None,
    containers: Iterable[type] = (),
    rules: Mapping[str, Callable[..., Any]] | None = None,
    solvers: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:
    """A compiled function from a file that `compiled.save` has written.

    Nothing in the file is executed or imported, and everything in it is checked: a file that is
    damaged, or was made to do harm, gives an error.

    Parameters
    ----------
    file : str, path or binary file
    fallback : callable, optional
        The function itself, for calls that the programs in the file are not for.
    containers : iterable of type, optional
        The namedtuples and dataclasses among arguments and results.
    rules : dict, optional
        Functions with derivatives of their own, by name: what `custom_vjp`, `custom_jvp` and
        `operator` returned in the program that saved them, for a file holds no code. The name is
        that of the function (``f.__name__``, or ``name=`` of an operator). Without the rule of a
        `custom_vjp` or `custom_jvp` there are values, but a derivative that would need it raises
        LookupError.
    solvers : dict, optional
        Solvers of one's own, by name: what `custom_root` and its relatives were given as
        ``solver=`` and ``linear_solver=``, and `linear_solve` as ``solve=``, ``transpose_solve=``.

    Returns
    -------
    callable
        Like what `compile` returns. Without a fallback it raises LookupError for shapes, dtypes,
        static values and decisions that were not recorded before it was saved.

    Raises
    ------
    FormatError
        If the file is not valid, or needs a class that `containers`, an operator that `rules` or a
        solver that `solvers` does not name.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import cdiff as cd, io
    >>> f = cd.compile(cd.grad(lambda x: x ** 3))
    >>> f(2.0)
    12.0
    >>> file = io.BytesIO()
    >>> f.save(file)
    >>> g = cd.load(io.BytesIO(file.getvalue()))
    >>> g(3.0), cd.grad(g)(3.0)
    (27.0, 18.0)
    """
    classes = tuple(containers)
    for cls in classes:
        if not is_named(cls):
            raise TypeError(f"load: {cls!r} is neither a namedtuple nor a dataclass")
    content = unpack(read_file(file))
    name = field(content, "name", str)
    if fallback is not None:
        check_function(fallback, "load")
    records = field(content, "programs", list)
    known = Known(classes, _checked_rules(rules), _checked_solvers(solvers))
    return _made(fallback or _Missing(name), content, records, known)


def _checked_rules(rules: Mapping[Any, Any] | None) -> dict[str, Any]:
    found = dict(rules or {})
    for name, f in found.items():
        if not isinstance(name, str) or not isinstance(f, (CustomVjp, CustomJvp, Operator)):
            raise TypeError(
                f"load: rules={{{name!r:.40}: {f!r:.40}}} must be the name of a function and what "
                "custom_vjp, custom_jvp or operator returned"
            )
    return found


def _checked_solvers(solvers: Mapping[Any, Any] | None) -> dict[str, Any]:
    found = dict(solvers or {})
    for name, f in found.items():
        if not isinstance(name, str) or not callable(f):
            raise TypeError(
                f"load: solvers={{{name!r:.40}: {f!r:.40}}} must be the name of a function and the "
                "function"
            )
    return found


def _made(f: Any, content: Any, records: Any, known: Known) -> Loaded:
    positions = field(content, "positions", tuple)
    names = field(content, "names", tuple)
    if any(i.__class__ is not int for i in positions) or any(
        name.__class__ is not str for name in names
    ):
        raise FormatError("static arguments are neither positions nor names")
    if len(records) > MAX_PATHS:
        raise FormatError(f"{len(records)} programs; there are at most {MAX_PATHS}")
    try:
        options = {"static_argnums": positions, "static_argnames": names}
        made = Loaded(f, load, options)
    except ValueError as error:
        raise FormatError(str(error)) from None
    made._known = Known(*known.given())
    for record in records:
        key, path = path_of(record, known)
        entries = made._entries.setdefault(key, [])
        if entries:
            entries[0].paths.add(path)
        else:
            entries.append(Entry(None, path))
        made._latest = path
        made._count += 1
    return made
