"""Errors about operands say which expression failed, what the operands are and who made them.

`with_operands(error)` is called where such an error is about to be raised. It looks at the frames
of the user's code: the instruction that runs has a range of columns, the instructions within that
range are the operands, and their names have values and assignments (`_bindings.py`). It works
without source (then without the text of what has no name), calls no code of the user's, keeps no
frame and raises nothing. Without an error none of it runs; with one, some hundred microseconds.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from types import CodeType, FrameType, MemberDescriptorType, ModuleType
from typing import Any, TypeVar

import numpy as np

from cdiff._checks import _bindings
from cdiff._core import Array, made_at

__all__ = ["with_operands"]

E = TypeVar("E", bound=BaseException)
Range = tuple[int, int, int, int]  # line, column, last line, column after the last
HERE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
PASSED_OVER = (HERE, os.path.join(os.path.dirname(np.__file__), ""))
LIBRARIES = (*PASSED_OVER, os.path.join("site-packages", "scipy", ""))
UNKNOWN: Any = object()  # in place of a value that only running code could tell
MOST_LINES, MOST_CALLERS, DEEPEST, LONGEST = 12, 30, 6, 60
OPTIMIZED = inspect.CO_OPTIMIZED
LEFT = ("STORE_", "POP_", "RESUME", "RETURN_", "JUMP", "NOP", "DELETE", "RERAISE", "MAKE_CELL")


def with_operands(error: E) -> E:
    """The error, with a note that says where its operands were made.

    Parameters
    ----------
    error : Exception
        About to be raised; one that has notes already stays as it is.

    Returns
    -------
    Exception
        The same one.

    Examples
    --------
    >>> import cdiff as cd
    >>> try:
    ...     cd.array([1.0, 2.0]) + cd.array([1.0, 2.0, 3.0])
    ... except ValueError as error:
    ...     print(error.__notes__[0].splitlines()[0])  # doctest: +ELLIPSIS
    operands of `cd.array([1.0, 2.0]) + cd.array([1.0, 2.0, 3.0])`, ...:2:
    """
    if not getattr(error, "__notes__", None):
        try:
            text = _note(sys._getframe(1))
        except Exception:  # an error about the search would hide the one that matters
            text = ""
        if text:
            error.add_note(text)
    return error


def _note(frame: FrameType | None) -> str:
    while frame is not None and frame.f_code.co_filename.startswith(PASSED_OVER):
        frame = frame.f_back
    if frame is None:
        return ""
    scope = _Scope(frame, frame.f_code.co_filename)
    lines: list[str] = []
    for part in scope.operands():
        _add_lines(part, scope, lines, "  ")
    if not lines:
        return ""
    text = scope.text(scope.whole)
    where = f"{frame.f_code.co_filename}:{scope.line}"
    more = ["  ..."] if len(lines) > MOST_LINES else []
    head = f"operands of `{text}`, {where}:" if text else f"operands at {where}:"
    return "\n".join([head, *lines[:MOST_LINES], *more])


def _add_lines(part: _Part, scope: _Scope, lines: list[str], indent: str) -> None:
    """What an operand is and where it was made; of what was made in passing, also its operands."""
    name = part.name or scope.text(part.at)
    told = f"`{name}`" if name else "a result without a name"
    if part.value is UNKNOWN:
        if not part.parts and not name:
            return
        inner: list[str] = []
        for below in part.parts:
            _add_lines(below, scope, inner, indent + "  ")
        if part.parts or not part.is_constant:
            lines.append(f"{indent}{told}, made on {scope.place(part.at[0])}")
            lines.extend(inner)
        return
    form = _described(part.value)
    if form and not part.is_constant:
        origin = scope.origin(part)
        lines.append(f"{indent}{told}: {form}" + (f", {origin}" if origin else ""))


# --- values ---------------------------------------------------------------------------------------


def _is(x: Any, *kinds: type) -> bool:
    """isinstance by what a thing is, not by what its ``__class__`` says: that is code."""
    return issubclass(type(x), kinds)


def _is_array(x: Any) -> bool:
    return _is(x, Array, np.ndarray, np.generic)


def _described(x: Any) -> str:
    """dtype and shape, or the value of a small number; "" for what is no operand."""
    if _is_array(x):
        return f"{x.dtype} {x.shape}"
    if type(x) in (bool, int, float, complex):
        return f"{x!r:.30}"
    if type(x) in (list, tuple):
        if x and all(type(n) is int for n in x) and len(x) <= 8:
            return repr(x)
        shapes = [str(np.shape(n)) for n in x[:8] if _is_array(n) or type(n) in (int, float)]
        if shapes and len(shapes) == len(x[:8]):
            more = ", ..." if len(x) > 8 else ""
            return f"{type(x).__name__} of {len(x)} with shapes {', '.join(shapes)}{more}"
    return ""


def _attribute(owner: Any, name: str) -> Any:
    """An attribute, if it is found without running code; else UNKNOWN."""
    found = inspect.getattr_static(owner, name, UNKNOWN)
    if _is(owner, ModuleType):
        return None if found is UNKNOWN else found  # None: a function that is imported when needed
    if type(found) is MemberDescriptorType or type(found).__name__ == "_tuplegetter":
        return found.__get__(owner)
    return UNKNOWN if hasattr(type(found), "__get__") else found


def _item(owner: Any, key: Any) -> Any:
    """An item of a container of Python's; else UNKNOWN."""
    if _is(owner, dict) and type(key) in (str, int, tuple, bool):
        return dict.get(owner, key, UNKNOWN)
    if type(owner) in (list, tuple) and type(key) is int and -len(owner) <= key < len(owner):
        return owner[key]
    return UNKNOWN


def _how(given: Any, value: Any) -> str:
    """ "as" if a value was given itself, "in" if in a container, "" if not so."""
    if given is value:
        return "as"
    items = given.values() if type(given) is dict else given
    return "in" if type(given) in (dict, list, tuple) and any(x is value for x in items) else ""


# --- expressions ----------------------------------------------------------------------------------


class _Part:
    """A subexpression of the one that failed.

    Parameters
    ----------
    at : tuple
        Where it stands in the source.
    step : dis.Instruction
        The last of its instructions, which makes its value.
    parts : list of _Part
        What it is made of.
    """

    def __init__(self, at: Range, step: dis.Instruction, parts: list[_Part]) -> None:
        self.at, self.step, self.parts = at, step, parts
        self.value: Any = UNKNOWN
        self.name = ""  # as the bytecode has it: x, self.w, params['w']
        self.owner: Any = UNKNOWN  # of an attribute
        self.is_constant = step.opname in ("LOAD_CONST", "LOAD_SMALL_INT")


def _is_subscript(step: dis.Instruction) -> bool:
    return step.opname == "BINARY_SUBSCR" or (
        step.opname == "BINARY_OP" and step.argrepr == "[]"  # since Python 3.14
    )


def _is_aside(step: dis.Instruction) -> bool:
    """May an instruction have the range of a function that is called, without making its value?"""
    return step.opname in ("PUSH_NULL", "LOAD_CONST")  # the latter for the names of keywords


def _is_method(step: dis.Instruction) -> bool:
    """Does an instruction take a function out of an object in order to call it?"""
    return step.opname == "LOAD_METHOD" or "NULL|self" in step.argrepr


def _within(inner: Range, outer: Range) -> bool:
    return inner != outer and outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


class _Scope:
    """A frame of the user's, read once: its code, where it is, and what its names stand for.

    Parameters
    ----------
    frame : FrameType
    home : str
        The file whose lines are said without its name.
    """

    def __init__(self, frame: FrameType, home: str) -> None:
        self.frame = frame
        self.home = home
        self.code: CodeType = frame.f_code
        self.line = frame.f_lineno
        found = frame.f_locals
        self.locals = dict(found)
        if self.code.co_flags & OPTIMIZED and type(found) is dict:
            found.clear()  # a copy that the frame would keep, with all the values, until it ends
        places = list(self.code.co_positions())
        self.steps = [s for s in _bindings.steps_of(self.code) if s.offset <= frame.f_lasti]
        self.whole = self._whole(places[frame.f_lasti // 2])

    def _whole(self, place: tuple[int | None, ...]) -> Range:
        """A range; without columns (``-X no_debug_ranges``) that of the whole line."""
        line, last, column, after = place
        if line is None or last is None or column is None or after is None:
            line = self.line if line is None else line
            return (line, 0, line, sys.maxsize)
        return (line, column, last, after)

    def _range(self, step: dis.Instruction) -> Range | None:
        p = step.positions
        if p is None or p.lineno is None:
            return None
        if p.col_offset is None or p.end_lineno is None or p.end_col_offset is None:
            return (p.lineno, step.offset, p.lineno, step.offset)
        return (p.lineno, p.col_offset, p.end_lineno, p.end_col_offset)

    def operands(self) -> list[_Part]:
        """The direct operands of the instruction that runs, lists and tuples opened."""
        last = self.steps[-1]
        parts = self._parts(self.whole, self.steps)
        earlier = self._earlier()
        if earlier and earlier[-1].opname == "STORE_FAST_LOAD_FAST":
            parts = [*self._loaded(earlier[-1], parts), *parts]
        elif last.opname in ("STORE_SUBSCR", "STORE_SLICE", "STORE_ATTR"):  # a range of the target
            parts += self._assigned(earlier)
        return parts

    def _earlier(self) -> list[dis.Instruction]:
        """The instructions before those of the expression."""
        inside = [s for s in self.steps if (r := self._range(s)) and _within(r, self.whole)]
        first = inside[0] if inside else self.steps[-1]
        return [s for s in self.steps if s.offset < first.offset]

    def _loaded(self, step: dis.Instruction, parts: list[_Part]) -> list[_Part]:
        """A first operand that is loaded by the instruction that stores, and has its range."""
        at = self._range(step)
        if at is None or not parts or parts[0].at[:2] == self.whole[:2]:
            return []
        return [self._named(_Part(at, step, []), step.argval[-1])]

    def _assigned(self, earlier: list[dis.Instruction]) -> list[_Part]:
        if not earlier or earlier[-1].opname.startswith(LEFT):
            return []
        at = self._range(earlier[-1])
        return [] if at is None else self._opened(self._part(at, earlier[-1], earlier, 0))

    def _parts(self, whole: Range, steps: list[dis.Instruction], depth: int = 0) -> list[_Part]:
        """The largest ranges within a range, from left to right; ranges never cross."""
        inside: dict[Range, dis.Instruction] = {}
        for s in steps:
            if (r := self._range(s)) and _within(r, whole) and not (r in inside and _is_aside(s)):
                inside[r] = s
        kept = [s for s in steps if self._range(s) in inside]
        found = []
        end = whole[:2]
        for at in sorted(inside, key=lambda r: (r[0], r[1], -r[2], -r[3])):
            if at[2:] > end or at[:2] == at[2:]:
                end = at[2:]
                found += self._opened(self._part(at, inside[at], kept, depth))
        return found

    def _opened(self, part: _Part) -> list[_Part]:
        """A part; or those of a list or tuple, and the array of a method that is called."""
        if part.step.opname.startswith(("BUILD_LIST", "BUILD_TUPLE", "BUILD_SLICE")):
            return part.parts
        if isinstance(part.step.argval, tuple) and part.step.opname.startswith("LOAD_FAST"):
            return [self._named(_Part(part.at, part.step, []), n) for n in part.step.argval]
        if _is_method(part.step):
            return [p for p in part.parts if p.value is UNKNOWN or _is_array(p.value)]
        return [part]

    def _part(
        self, at: Range, step: dis.Instruction, steps: list[dis.Instruction], depth: int
    ) -> _Part:
        """A part with its value, as far as that is known without running anything."""
        before = [s for s in steps if s.offset <= step.offset]
        part = _Part(at, step, self._parts(at, before, depth + 1) if depth < DEEPEST else [])
        below = part.parts
        if part.is_constant:
            part.value = step.argval
            part.name = repr(step.argval)
        elif step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_NAME", "LOAD_GLOBAL")):
            if isinstance(step.argval, str):
                self._named(part, step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and len(below) == 1 and below[0].name:
            part.owner = below[0].value
            if part.owner is not UNKNOWN:
                part.value = _attribute(part.owner, step.argval)
            part.name = f"{below[0].name}.{step.argval}" if part.value is not UNKNOWN else ""
        elif _is_subscript(step) and len(below) == 2 and below[0].name:
            part.value = _item(below[0].value, below[1].value)
            part.name = f"{below[0].name}[{below[1].name}]" if part.value is not UNKNOWN else ""
        return part

    def _named(self, part: _Part, name: str) -> _Part:
        """A part that is a name."""
        part.name = name
        if part.step.opname != "LOAD_GLOBAL":
            part.value = self.locals.get(name, UNKNOWN)
        if part.value is UNKNOWN:
            part.value = self.frame.f_globals.get(name, UNKNOWN)
        return part

    # --- text

    def text(self, at: Range) -> str:
        """The source of a range on one line, shortened; "" where there is none."""
        line, column, last, after = at
        rows = [linecache.getline(self.code.co_filename, k) for k in range(line, last + 1)]
        if not rows or not all(rows) or last - line > 20 or after == sys.maxsize:
            return ""
        encoded = [row.encode() for row in rows]
        encoded[-1] = encoded[-1][:after]
        encoded[0] = encoded[0][column:]
        words = " ".join(b"".join(encoded).decode(errors="replace").split())
        return words if len(words) <= LONGEST else words[: LONGEST - 4] + " ..."

    def place(self, line: int) -> str:
        """A line of this frame's file as a note says it, whose head names the file."""
        return "this line" if line == self.line else f"line {line}"

    # --- origins

    def origin(self, part: _Part, callers: int = 0) -> str:
        """Where the value of a name, attribute or item comes from, in words."""
        made = made_at(part.value)
        if made is not None:  # exact: the lines were noted
            return f"made at {made}"
        if part.step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            return self._attribute_origin(part, callers)
        if _is_subscript(part.step):
            whole = part.parts[0]
            while _is_subscript(whole.step):
                whole = whole.parts[0]
            return self._inner_origin("in", whole, callers)
        return self._name_origin(part, callers)

    def _attribute_origin(self, part: _Part, callers: int) -> str:
        if _is(part.owner, ModuleType):
            return ""
        lines = _bindings.attribute_lines(self.frame, part.owner, part.step.argval)
        made = self._inner_origin("of", part.parts[0], callers)
        if not lines:
            return made
        # What __init__ assigns has no line in a dataclass: then the object itself may be the last.
        last = f", or {made}" if made and is_dataclass(part.owner) else ""
        return f"assigned at {self._places(lines)}{last}"

    def _inner_origin(self, word: str, whole: _Part, callers: int) -> str:
        origin = self.origin(whole, callers)
        return f"{word} `{whole.name}`, {origin}" if origin else ""

    def _name_origin(self, part: _Part, callers: int) -> str:
        name = part.name
        if part.step.opname == "LOAD_GLOBAL" or name not in self.locals:
            return self._assigned_at(_bindings.module_lines(self.frame, name))
        if name in self.code.co_freevars:
            return self._assigned_at(_bindings.outer_lines(self.frame, name))
        lines, from_start = _bindings.last_lines(self.code, self.frame.f_lasti, name)
        if from_start and name in self._arguments():
            if lines:
                return f"argument of {self.code.co_name}, or " + self._assigned_here(lines)
            return f"argument of {self.code.co_name}" + self._given(part.value, name, callers)
        if not lines and not self.code.co_flags & OPTIMIZED:
            return self._assigned_at(_bindings.module_lines(self.frame, name))
        return self._assigned_here(lines)

    def _arguments(self) -> tuple[str, ...]:
        c = self.code
        more = bool(c.co_flags & inspect.CO_VARARGS) + bool(c.co_flags & inspect.CO_VARKEYWORDS)
        return c.co_varnames[: c.co_argcount + c.co_kwonlyargcount + more]

    def _given(self, value: Any, name: str, callers: int) -> str:
        """Where an argument was given, and what the caller calls it."""
        caller = self.frame.f_back
        passed = None
        while caller is not None and caller.f_code.co_filename.startswith(LIBRARIES):
            passed = passed or str(caller.f_globals.get("__name__", "")).split(".")[0]
            caller = caller.f_back
        if caller is None or callers >= MOST_CALLERS:
            return ""
        if caller.f_code is self.code and caller.f_back is not None and passed is None:
            return _Scope(caller, self.home)._given(value, name, callers + 1)  # recursion
        scope = _Scope(caller, self.home)
        where = self._places([(scope.code.co_filename, scope.line)])
        if passed:
            return f", passed by {passed} from {where}"
        for part in _leaves(scope.operands()):
            if part.name and not part.is_constant and (word := _how(part.value, value)):
                origin = scope.origin(part, callers + 1)
                return f", given {word} `{part.name}` at {where}" + (
                    f", {origin}" if origin else ""
                )
        return f", given at {where}"

    def _places(self, lines: list[tuple[str, int]]) -> str:
        """FILE:LINE for one file after the other, each with all of its lines."""
        files: dict[str, list[int]] = {}
        for file, line in sorted(set(lines)):
            files.setdefault(file, []).append(line)
        return " or ".join(
            ("line " if file == self.home else f"{file}:") + _alternatives(found)
            for file, found in files.items()
        )

    def _assigned_at(self, lines: list[tuple[str, int]]) -> str:
        return f"assigned at {self._places(lines)}" if lines else ""

    def _assigned_here(self, lines: list[int]) -> str:
        return self._assigned_at([(self.code.co_filename, line) for line in lines])


def _alternatives(lines: list[int]) -> str:
    shown = [str(line) for line in lines[:4]]
    return " or ".join(shown) + (" or further down" if len(lines) > 4 else "")


def _leaves(parts: list[_Part]) -> Iterator[_Part]:
    for part in parts:
        yield part
        yield from _leaves(part.parts)
