"""Where a name got its value: the assignments in compiled code that may have been the last.

Reads bytecode and, for the names of a module, its source; runs nothing, and keeps nothing alive but
the code that it read last. It must not know arrays or errors. All of it happens after an error, so
that it may take its time: some tens of microseconds for a function.
"""

from __future__ import annotations

import dis
import linecache
import warnings
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import lru_cache
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

__all__ = ["attribute_lines", "cells", "last_lines", "module_lines", "outer_lines", "steps_of"]

Line = tuple[str, int]  # file, line
LOCAL = ("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL")
GLOBAL = ("STORE_NAME", "STORE_GLOBAL")
ATTRIBUTE = ("STORE_ATTR",)
NO_WAY_ON = ("RETURN_VALUE", "RETURN_CONST", "RAISE_", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD")


def _stores(step: dis.Instruction, name: str, kinds: tuple[str, ...]) -> bool:
    """Does an instruction bind this name? Some bind two, others bind one and read one."""
    if not step.opname.startswith(kinds):
        return False
    if isinstance(step.argval, tuple):
        return name in (step.argval[:1] if "LOAD" in step.opname else step.argval)
    return bool(step.argval == name)


def steps_of(code: CodeType) -> tuple[dis.Instruction, ...]:
    """The instructions of a code object, kept for the next error in it: reading them takes long."""
    return _kept(code).steps


def _kept(code: CodeType) -> _Read:
    """What was read of a code object, by identity: equal ones may have other lines."""
    found = _READ.get(id(code))
    if found is None:
        if len(_READ) >= MOST_READ:
            _READ.clear()
        steps = tuple(dis.get_instructions(code))
        found = _READ[id(code)] = _Read(code, steps, _before(code, steps))
    return found


class _Read(NamedTuple):
    """A code object, its instructions, and what may come before each: see `_before`."""

    code: CodeType
    steps: tuple[dis.Instruction, ...]
    before: dict[int, list[int]]


MOST_READ = 64
_READ: dict[int, _Read] = {}


def _before(code: CodeType, steps: tuple[dis.Instruction, ...]) -> dict[int, list[int]]:
    """Offset of an instruction -> the offsets of those that may come just before it."""
    found: dict[int, list[int]] = {step.offset: [] for step in steps}
    jumps = {*dis.hasjrel, *dis.hasjabs}
    for step, after in zip(steps, (*steps[1:], None), strict=True):
        if after is not None and not step.opname.startswith(NO_WAY_ON):
            found[after.offset].append(step.offset)
        if step.opcode in jumps and step.argval in found:
            found[step.argval].append(step.offset)
    for entry in getattr(dis.Bytecode(code), "exception_entries", ()):
        covered = [step.offset for step in steps if entry.start <= step.offset < entry.end]
        found.setdefault(entry.target, []).extend(covered)
    return found


def last_lines(
    code: CodeType, at: int, name: str, kinds: tuple[str, ...] = LOCAL
) -> tuple[list[int], bool]:
    """The lines of the assignments to a name that may be the last before the instruction `at`.

    With ``kinds=ATTRIBUTE``, of all assignments to attributes of that name that may come before:
    whose attribute it is, is not known.

    Returns
    -------
    tuple
        The lines in order, and whether the beginning of the code is reached without any, as it is
        for an argument. Reaching definitions, by a walk against the direction of control.
    """
    steps = steps_of(code)
    by_offset = {step.offset: step for step in steps}
    before = _kept(code).before
    todo = [max((s.offset for s in steps if s.offset <= at), default=0)]
    seen: set[int] = set()
    lines: set[int] = set()
    start = steps[0].offset
    reached = start in todo
    while todo:
        for offset in before[todo.pop()]:
            if offset in seen:
                continue
            seen.add(offset)
            step = by_offset[offset]
            stores = _stores(step, name, kinds)
            if stores:
                lines.add(_line_of(step, code))
            if not stores or kinds is ATTRIBUTE:
                reached |= offset == start
                todo.append(offset)
    return sorted(lines), reached


def _line_of(step: dis.Instruction, code: CodeType) -> int:
    line = step.positions.lineno if step.positions is not None else None
    return code.co_firstlineno if line is None else line


def _all_lines(code: CodeType, name: str, kinds: tuple[str, ...]) -> list[Line]:
    """Every assignment to a name in a code object, without those of the functions inside."""
    steps = [s for s in steps_of(code) if _stores(s, name, kinds)]
    return [(code.co_filename, _line_of(s, code)) for s in steps]


def _inside(code: CodeType) -> Iterator[CodeType]:
    """The code of the functions and classes within, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


# --- names of other scopes ------------------------------------------------------------------------


def outer_lines(frame: FrameType, name: str) -> list[Line]:
    """The assignments to a variable of an enclosing function, whether that still runs or not."""
    code = frame.f_code
    outer = frame.f_back
    while outer is not None:
        if name in outer.f_code.co_cellvars and code in _inside(outer.f_code):
            return _all_lines(outer.f_code, name, LOCAL)
        outer = outer.f_back
    found: Any = frame.f_globals
    for part in code.co_qualname.split(".<locals>")[0].split("."):
        found = found.get(part) if isinstance(found, dict) else vars(found).get(part)
    found = getattr(found, "__func__", found)
    if not isinstance(found, FunctionType):
        return []
    scopes = [c for c in (found.__code__, *_inside(found.__code__)) if code in _inside(c)]
    owners = [c for c in scopes if name in c.co_cellvars]
    return _all_lines(owners[-1], name, LOCAL) if owners else []


def cells(filename: str) -> list[str]:
    """The sources that share their names with one: a notebook's cells, or the lines of a shell.

    Such a source is known to `linecache` and stands on no disk.
    """
    if not _unsaved(filename):
        return [filename]
    return [
        filename,
        *[other for other in linecache.cache if other != filename and _unsaved(other)],
    ]


def _unsaved(filename: str) -> bool:
    entry = linecache.cache.get(filename)
    return entry is not None and len(entry) == 4 and entry[1] is None


@lru_cache(maxsize=8)
def _module_code(source: str, filename: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(source, filename, "exec", dont_inherit=True)


def module_lines(frame: FrameType, name: str) -> list[Line]:
    """The assignments to a name of the module that a frame belongs to."""
    outer: FrameType | None = frame
    while outer is not None:  # a script that runs is read as it was compiled, up to where it is
        if outer.f_code.co_name == "<module>" and outer.f_globals is frame.f_globals:
            lines, _ = last_lines(outer.f_code, outer.f_lasti, name)
            if lines:
                return [(outer.f_code.co_filename, line) for line in lines]
        outer = outer.f_back
    found = []
    for filename in cells(frame.f_code.co_filename):
        source = "".join(linecache.getlines(filename, frame.f_globals))
        if name not in source:
            continue
        try:
            code = _module_code(source, filename)
        except (SyntaxError, ValueError):
            continue
        found += _all_lines(code, name, GLOBAL)
        for inner in _inside(code):
            found += _all_lines(inner, name, GLOBAL[1:])
    return found


def attribute_lines(frame: FrameType, owner: Any, name: str) -> list[Line]:
    """The assignments to an attribute of that name: in the methods of its owner's class, and in the
    functions that are running."""
    functions = [
        x
        for cls in type(owner).__mro__
        for x in vars(cls).values()
        if isinstance(x, FunctionType) and name in x.__code__.co_names
    ]
    found = [
        line
        for x in functions
        for line in _all_lines(x.__code__, name, ATTRIBUTE)
        if not (line[0] == "<string>" and is_dataclass(owner))  # an __init__ that nobody wrote
    ]
    running: FrameType | None = frame
    while running is not None:
        code = running.f_code
        if name in code.co_names:
            lines, _ = last_lines(code, running.f_lasti, name, ATTRIBUTE)
            found += [(code.co_filename, line) for line in lines]
        running = running.f_back
    return found
