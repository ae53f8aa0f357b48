"""Compiled functions as bytes and back: `save`, `load`, and what pickle carries.

A file is a head (magic, version, length and checksum of the rest) and one plain value (see
`_plain`): the programs with what a call is recognised by. Instructions are written with the names
of their operators, dtypes by name, all in little-endian order, so that a file does not depend on
the machine or on the numbering of operators. Nothing in a file is trusted: each part is checked
here or by the core before it is used. This file knows the parts of compiled functions and
containers; it must not know how a program runs.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._tree import class_name
from cdiff._bodies._body import has_rules, rules_of
from cdiff._bodies._paths import Path
from cdiff._compiled._signature import static_key, structure
from cdiff._core import operator_codes, program_of_parts, program_parts
from cdiff._saved._calls import call_of, plain_call
from cdiff._saved._loops import forms_of
from cdiff._saved._plain import FormatError, dtype_named, read, written
from cdiff._saved._rules import function_with_rule
from cdiff._saved._trees import plain_static, plain_structure, treedef_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdiff._arguments._tree import TreeDef
    from cdiff._bodies._body import Body
    from cdiff._core import Program

__all__ = [
    "Known",
    "Writer",
    "pack",
    "path_of",
    "read_file",
    "record_of",
    "statics_of",
    "unpack",
    "write_file",
]

MAGIC = b"\x89cdiff\r\n"
VERSION = 1
HEAD = struct.Struct("<8sIQI")
INSTRUCTION = np.dtype([("op", "u2"), ("type", "u2"), ("a", "i4"), ("b", "i4"), ("c", "i4")])
CODES = operator_codes()
NAMES = {code: name for name, code in CODES.items()}
DTYPES: dict[int, np.dtype[Any]] = {
    np.dtype(letter).num: np.dtype(letter) for letter in "?bBhHiIlLqQfdFD"
}


NUMBER_FORMS = {"f": "<f8", "c": "<c16"}  # of Python's numbers as inputs


class Writer:
    """What is written once for all programs of a file: the names of functions that are not in it.

    Parameters
    ----------
    named : bool, default True
        Whether `load` will be given such functions. If not, a program that runs one cannot be
        written.
    """

    def __init__(self, named: bool = True) -> None:
        self._owners: dict[str, Any] = {}
        self._named = named

    def program(self, program: Program) -> dict[str, Any]:
        """A program as a plain value."""
        return _plain_program(program, self)

    def rule_name(self, owner: Any) -> str:
        """The name of a function with a derivative rule, by which `load` is given it.

        Raises
        ------
        TypeError
            If another one has it.
        """
        name = function_with_rule(owner)
        if self._owners.setdefault(name, owner) is not owner:
            raise TypeError(
                f"two functions with derivative rules are called {name!r}; give one of them "
                "another __name__ (operators have name=), by which load(..., rules={...}) finds it"
            )
        return name

    def check_runs(self, owner: Any) -> None:
        """TypeError if this function, which a program runs, will not be given."""
        if not self._named:
            raise TypeError(f"{owner!r:.60} is not in it")

    def check_solved(self, body: Body) -> None:
        """The same for all functions with rules that a solver differentiates."""
        for path in [] if body.paths is None else body.paths.distinct():
            for rule in rules_of(path.program):
                self.check_runs(rule)

    def solver_name(self, solver: Any) -> Any:
        """The name of a user's solver, by which `load` is given it; True for one of ours."""
        from cdiff._solutions._solving import as_guessed  # which is there if there is a solver

        if solver is as_guessed:
            return True
        self.check_runs(solver)
        name = getattr(solver, "__name__", None)
        name = name if isinstance(name, str) else type(solver).__name__
        if self._owners.setdefault(f"solver {name}", solver) is not solver:
            raise TypeError(
                f"two solvers are called {name!r}; give one of them another __name__, by which "
                "load(..., solvers={...}) finds it"
            )
        return name


class Known:
    """What `load` was given besides the file.

    Parameters
    ----------
    containers : iterable of type
        Namedtuples and dataclasses that may be among arguments and results.
    rules : dict
        Functions with derivative rules by their names in the file.
    solvers : dict
        Solvers of the user's by their names in the file.
    """

    def __init__(
        self,
        containers: Iterable[type] = (),
        rules: dict[str, Any] | None = None,
        solvers: dict[str, Any] | None = None,
    ) -> None:
        self.classes = {class_name(cls): cls for cls in containers}
        self.rules = {} if rules is None else rules
        self.solvers = {} if solvers is None else solvers
        self._made: dict[bytes, Any] = {}
        self.sizes: set[int] = set()  # numbers of steps in all programs

    def given(self) -> tuple[tuple[type, ...], dict[str, Any], dict[str, Any]]:
        """What this was made of."""
        return tuple(self.classes.values()), self.rules, self.solvers

    def once(self, x: Any, made: Callable[[Any, Known], Any]) -> Any:
        """What is made of a part of the file, the same one wherever it stands there."""
        key = written(x)
        if key not in self._made:
            self._made[key] = made(x, self)
        return self._made[key]

    def solver(self, name: Any) -> Any:
        """The solver that `Writer.solver_name` gave this name."""
        from cdiff._solutions._solving import as_guessed

        if name is True:
            return as_guessed
        if name.__class__ is not str or name not in self.solvers:
            raise FormatError(
                f"a program calls the solver {name!r:.80}; functions are not imported by name: "
                f"give it to load(..., solvers={{{name!r:.80}: f}})"
            )
        return self.solvers[name]

    def program(self, parts: Any) -> Program:
        """A program out of a file, checked."""
        if parts.__class__ is not dict:
            raise FormatError(f"a program in the form {parts!r:.60}")
        return _program(parts, self)


def pack(value: Any) -> bytes:
    """A plain value with a head that tells what it is.

    Parameters
    ----------
    value : plain value

    Returns
    -------
    bytes
    """
    data = written(value)
    return HEAD.pack(MAGIC, VERSION, len(data), zlib.crc32(data)) + data


def unpack(data: bytes) -> Any:
    """The value that `pack` was given.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    plain value

    Raises
    ------
    FormatError
        If it is not what was packed.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise FormatError("not a file of compiled functions: it does not begin as one")
    if len(data) < HEAD.size:
        raise FormatError("the file is cut off")
    _, version, length, checksum = HEAD.unpack_from(data)
    if version != VERSION:
        raise FormatError(f"the file has format {version}, this version of cdiff reads {VERSION}")
    rest = data[HEAD.size :]
    if len(rest) != length:
        what = "cut off" if len(rest) < length else "longer than it should be"
        raise FormatError(f"the file is {what}: {len(rest)} bytes instead of {length}")
    if zlib.crc32(rest) != checksum:
        raise FormatError("the file is damaged: its checksum is wrong")
    return read(rest)


def field(record: Any, name: str, kind: type) -> Any:
    """An entry of a dict that was read, of the type that it must have.

    Parameters
    ----------
    record : object
    name : str
    kind : type

    Returns
    -------
    object

    Raises
    ------
    FormatError
    """
    if record.__class__ is not dict or record.get(name, FormatError).__class__ is not kind:
        raise FormatError(f"the file has no valid entry {name!r}")
    return record[name]


def write_file(file: Any, data: bytes) -> None:
    """Write bytes to a path, or to a file that is open.

    Parameters
    ----------
    file : str, path or binary file
    data : bytes
    """
    if hasattr(file, "write"):
        file.write(data)
        return
    with open(os.fspath(file), "wb") as opened:  # an int would be a descriptor, closed afterwards
        opened.write(data)


def read_file(file: Any) -> bytes:
    """All bytes of a path, or of a file that is open.

    Parameters
    ----------
    file : str, path or binary file

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        If an open file gives strings.
    """
    if not hasattr(file, "read"):
        with open(os.fspath(file), "rb") as opened:
            return opened.read()
    data = file.read()
    if not isinstance(data, bytes):
        raise TypeError(
            f"load needs a file opened with 'rb'; this one gave a {type(data).__name__}"
        )
    return data


# --- a recorded path ------------------------------------------------------------------------------


def record_of(key: Any, path: Path, writer: Writer, rules: bool = True) -> dict[str, Any]:
    """What is saved of one recorded path.

    Parameters
    ----------
    key : tuple
        Of its signature.
    path : Path
    writer : Writer
    rules : bool, default True
        Whether derivative rules of the user's are kept, for derivatives of what is loaded.

    Returns
    -------
    dict

    Raises
    ------
    TypeError
        If something in it is no plain value.
    """
    arguments, keywords, forms, fixed = key
    ruled = rules and has_rules(path.program)
    return {
        "arguments": plain_structure(arguments),
        "keywords": keywords,
        "inputs": tuple([None if _is_static(form) else form[:3] for form in forms]),
        "statics": tuple([plain_static(form) for form in forms if _is_static(form)]),
        "fixed": tuple([plain_static(form) for form in fixed]),
        "result": plain_structure(structure(path.treedef)),
        "places": tuple(path.places),
        "constants": tuple([_plain_constant(x) for x in path.leaves]),
        "program": writer.program(path.runner.program),
        "differentiated": writer.program(path.program) if ruled else None,
    }


def path_of(record: Any, known: Known) -> tuple[Any, Path]:
    """Signature and path of a record.

    Parameters
    ----------
    record : object
        Anything that was read.
    known : Known

    Returns
    -------
    key : tuple
    path : Path

    Raises
    ------
    FormatError
    """
    arguments = treedef_of(field(record, "arguments", tuple), known.classes)
    treedef = treedef_of(record.get("result"), known.classes)
    program, differentiated = _programs(record, known)
    places = field(record, "places", tuple)
    constants = field(record, "constants", tuple)
    if not len(places) == len(constants) == treedef.n_leaves:
        raise FormatError("a result and its form do not fit")
    for place, constant in zip(places, constants, strict=True):
        if place is not None and (
            place.__class__ is not int
            or not 0 <= place < len(program.outputs)
            or constant is not None
        ):
            raise FormatError(f"there is no output {place!r:.40}")
    inputs = field(record, "inputs", tuple)
    statics = iter(field(record, "statics", tuple))
    try:
        forms = tuple([static_key(next(statics)) if x is None else _form(x) for x in inputs])
    except StopIteration:
        raise FormatError("a static argument is missing") from None
    _check_inputs(program, [form for form in forms if not _is_static(form)], arguments, len(inputs))
    keywords = field(record, "keywords", tuple)
    if any(name.__class__ is not str for name in keywords) or arguments.cls is not list:
        raise FormatError("the arguments are not in a valid form")
    fixed = tuple([static_key(x) for x in field(record, "fixed", tuple)])
    key = (structure(arguments), keywords, forms, fixed)
    try:
        hash(key)
    except TypeError as error:
        raise FormatError(f"a static argument cannot be hashed: {error}") from None
    try:
        return key, Path(differentiated, treedef, list(places), list(constants), program)
    except ValueError as error:
        raise FormatError(str(error)) from None


def _programs(record: Any, known: Known) -> tuple[Program, Program]:
    """What is run, and what is differentiated where users gave derivatives."""
    program = known.program(field(record, "program", dict))
    if record.get("differentiated") is None:
        return program, program
    other = known.program(field(record, "differentiated", dict))
    if has_rules(program) or forms_of(other) != forms_of(program):
        raise FormatError("the programs of a function and of its derivative do not fit")
    return program, other


def statics_of(key: Any) -> list[Any]:
    """The keys of the static values in a signature.

    Parameters
    ----------
    key : tuple
        Of the signature.

    Returns
    -------
    list
    """
    return [*key[3], *[form for form in key[2] if _is_static(form)]]


def _is_static(form: Any) -> bool:
    return form.__class__ is tuple and form[0].__class__ is not str


def _plain_constant(x: Any) -> Any:
    try:
        written(x)
    except TypeError as error:
        raise TypeError(f"the result contains {error}, no number or array") from None
    return x


def _form(form: Any) -> Any:
    """The form of an input, checked."""
    if form.__class__ is str and form in NUMBER_FORMS:
        return form
    if (
        form.__class__ is not tuple
        or [x.__class__ for x in form] != [str, str, tuple]
        or form[0] not in ("a", "g")
        or any(n.__class__ is not int for n in form[2])
    ):
        raise FormatError(f"an input has the form {form!r:.60}")
    return form


def _check_inputs(program: Program, forms: list[Any], arguments: TreeDef, n: int) -> None:
    """The inputs that a call has must be those that the program wants."""
    if program.n_inputs != len(forms) or arguments.n_leaves != n:
        raise FormatError(f"{len(forms)} inputs for a program of {program.n_inputs}")
    for form, row in zip(forms, program.instructions(), strict=False):
        dtype, shape = (NUMBER_FORMS[form], ()) if form.__class__ is str else form[1:]
        if row[1] != dtype_named(dtype).newbyteorder("=") or row[2] != shape:
            raise FormatError(f"an input has the form {form!r:.60}, the program wants {row[1:3]}")


# --- programs -------------------------------------------------------------------------------------


def _plain_program(program: Program, writer: Writer) -> dict[str, Any]:
    """The parts of a program, without the numbers that only this machine gives to things."""
    code, numbers, lists, inputs, types, attrs, arrays, outputs, guards = program_parts(program)
    rows = np.frombuffer(code, INSTRUCTION).copy()
    used = np.unique(rows["op"])
    names = tuple([NAMES[int(op)] for op in used])
    attrs = _rewritten(rows, attrs, "cast", _dtype_name)
    attrs = _rewritten(rows, attrs, "call", lambda x: plain_call(x, writer))
    rows["op"] = np.searchsorted(used, rows["op"])
    return {
        "operators": names,
        "code": rows.astype(INSTRUCTION.newbyteorder("<")).tobytes(),
        "numbers": np.frombuffer(numbers, "=f8").astype("<f8").tobytes(),
        "lists": np.frombuffer(lists, "=i4").astype("<i4").tobytes(),
        "inputs": inputs,
        "types": tuple([(_dtype_name(num), shape) for num, shape in types]),
        "attributes": tuple(attrs),
        "arrays": tuple([np.asarray(x) for x in arrays]),
        "outputs": tuple(outputs),
        "guards": tuple([(value, np.asarray(expected), lost) for value, expected, lost in guards]),
    }


def _rewritten(rows: Any, attrs: Any, operator: str, rewrite: Callable[[Any], Any]) -> Any:
    """Attributes with those of one operator, a single thing each, rewritten.

    New ones are added behind the others, since equal ones may belong to another operator too.
    """
    attrs = list(attrs)
    places: dict[int, int] = {}
    for i in np.flatnonzero(rows["op"] == CODES[operator]):
        place = int(rows["c"][i])
        if not 0 <= place < len(attrs) or attrs[place].__class__ is not tuple or not attrs[place]:
            raise FormatError(f"a {operator} without its attributes")
        if place not in places:
            places[place] = len(attrs)
            attrs.append((rewrite(attrs[place][0]),))
        rows["c"][i] = places[place]
    if operator == "call":  # what it calls belongs to nothing else
        for place in places:
            attrs[place] = ()
    return attrs


def _dtype_name(typenum: int) -> str:
    return DTYPES[typenum].newbyteorder("<").str


def _program(parts: dict[str, Any], known: Known) -> Program:
    """A program from what was read; the core checks it."""
    names = field(parts, "operators", tuple)
    for name in names:
        if name.__class__ is not str or name not in CODES:
            raise FormatError(f"a program with the operator {name!r:.40}, which is not known here")
    rows = _rows(field(parts, "code", bytes), INSTRUCTION).copy()
    if rows.size and int(rows["op"].max()) >= len(names):
        raise FormatError("a program with an operator that has no name")
    rows["op"] = np.array([CODES[name] for name in names] or [0], "u2")[rows["op"]]
    attrs = field(parts, "attributes", tuple)
    attrs = _rewritten(rows, attrs, "cast", lambda x: dtype_named(x).num)
    attrs = _rewritten(rows, attrs, "call", lambda x: call_of(x, known))
    types = [_type(x) for x in field(parts, "types", tuple)]
    try:
        return program_of_parts(
            rows.tobytes(),
            _rows(field(parts, "numbers", bytes), np.dtype("f8")).tobytes(),
            _rows(field(parts, "lists", bytes), np.dtype("i4")).tobytes(),
            field(parts, "inputs", int),
            types,
            attrs,
            field(parts, "arrays", tuple),
            field(parts, "outputs", tuple),
            field(parts, "guards", tuple),
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError(str(error)) from None


def _rows(data: bytes, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Items of a little-endian dtype in the order of this machine."""
    if len(data) % dtype.itemsize:
        raise FormatError(f"{len(data)} bytes of items of {dtype.itemsize} bytes")
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)


def _type(x: Any) -> tuple[int, tuple[int, ...]]:
    if x.__class__ is not tuple or len(x) != 2:
        raise FormatError(f"a program with the type {x!r:.60}")
    return dtype_named(x[0]).num, x[1]
