"""What code reads by name: global variables, attributes, modules that it imports, texts.

`getattr(x, "gain")` names an attribute as well as `x.gain` does. Where the name is made while the
code runs (`getattr(x, f"w{k}")`, `vars(x).values()`) any attribute may be read, and where texts are
run as code (`eval`) any global variable. This file knows instructions of Python; it must not know
objects. The instructions of a function are read once.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from dis import Instruction

__all__ = ["Names", "code_digest", "identifiers", "names_of"]

_GLOBALS = frozenset(("LOAD_GLOBAL", "LOAD_NAME"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"))
_SUBSCRIPTS = frozenset(("BINARY_SUBSCR", "BINARY_OP"))

# Functions that read a name, and at which position they are given it.
_BY_NAME = {"getattr": 1, "hasattr": 1, "attrgetter": 0, "methodcaller": 0}
# What gives all names at once, mostly to read one of them.
_OF_ALL = frozenset(("vars", "globals", "__dict__"))
# What reads all attributes, or any.
_ALL = frozenset(("dir", "getmembers", "asdict", "astuple", "__getstate__", "__getattribute__"))
_EVALUATING = frozenset(("eval", "exec"))
_IMPORTING = frozenset(("import_module", "__import__"))
_EQUALITY = frozenset(("COMPARE_OP", "CONTAINS_OP"))
_EQUAL = frozenset(("==", "!=", "bool(==)", "bool(!=)", "", "in", "not in"))


class Names(NamedTuple):
    """What code reads, also in functions inside it.

    `asks` tells whether `texts` may be names, `misses` whether an attribute that is not there
    counts, `any_attribute` and `any_variable` whether names are made while it runs, `compares`
    whether objects may be asked whether they are equal.
    """

    variables: frozenset[str]
    attributes: frozenset[str]
    modules: frozenset[str]
    texts: frozenset[str]
    asks: bool
    misses: bool
    any_attribute: bool
    any_variable: bool
    compares: bool


@functools.lru_cache(maxsize=1000)
def names_of(code: types.CodeType) -> Names:
    """What code reads by name.

    Parameters
    ----------
    code : code

    Returns
    -------
    Names
    """
    from dis import get_instructions

    instructions = list(get_instructions(code))
    variables, attributes, modules = _named(instructions)
    texts = set(_texts(code.co_consts))
    both = variables | attributes
    evaluates = not _EVALUATING.isdisjoint(variables)
    any_variable, any_attribute = evaluates, evaluates or not _ALL.isdisjoint(both)
    asks = any(x.opname == "MATCH_CLASS" for x in instructions)
    for k, name in _mentions(instructions, both):
        asks = True
        if not _has_constant_name(instructions, k, name):
            any_attribute = True
            any_variable |= name == "globals"
    found = [variables, attributes, modules, texts]
    compares = any(x.opname in _EQUALITY and x.argrepr in _EQUAL for x in instructions)
    flags = [asks, "AttributeError" in both, any_attribute, any_variable, compares]
    if not _IMPORTING.isdisjoint(both):
        modules |= {x for x in code.co_consts if isinstance(x, str)}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner = names_of(constant)
            found = [a | b for a, b in zip(found, inner[:4], strict=True)]
            flags = [a or b for a, b in zip(flags, inner[4:], strict=True)]
    return Names(*map(frozenset, found), *flags)  # type: ignore[arg-type]


def _named(instructions: list[Instruction]) -> tuple[set[str], set[str], set[str]]:
    """Global variables, attributes, imported modules."""
    variables, attributes, modules = set(), set(), set()
    for x in instructions:
        if x.opname in _GLOBALS:
            variables.add(x.argval)
        elif x.opname in _ATTRIBUTES or x.opname == "IMPORT_FROM":
            attributes.add(x.argval)
        elif x.opname == "IMPORT_NAME":
            modules.add(x.argval)
        elif x.opname == "MATCH_CLASS":
            attributes.add("__match_args__")
    return variables, attributes, modules


def _mentions(instructions: list[Instruction], names: set[str]) -> Iterator[tuple[int, str]]:
    """Where code takes what reads attributes or variables by texts."""
    if names.isdisjoint(_BY_NAME) and names.isdisjoint(_OF_ALL):
        return
    for k, x in enumerate(instructions):
        is_name = x.opname in _GLOBALS or x.opname in _ATTRIBUTES
        if is_name and (x.argval in _BY_NAME or x.argval in _OF_ALL):
            yield k, x.argval


def _has_constant_name(instructions: list[Instruction], start: int, name: str) -> bool:
    """Does it read a name that stands in the code (`getattr(x, "gain")`, `vars(x)["gain"]`)?"""
    if name in _BY_NAME:
        call, given = _call(instructions, start, _BY_NAME[name])
        return call > 0 and given
    after = start if name == "__dict__" else _call(instructions, start, 0)[0]
    following = instructions[after + 1 : after + 3] if after >= 0 else []
    if len(following) < 2:
        return False
    if following[0].argval == "get" and following[0].opname in _ATTRIBUTES:
        call, given = _call(instructions, after + 1, 0)
        return call > 0 and given
    is_subscript = following[1].opname in _SUBSCRIPTS and following[1].argrepr in ("", "[]")
    return _is_text(following[0]) and is_subscript


def _call(instructions: list[Instruction], start: int, position: int) -> tuple[int, bool]:
    """Where the function that instruction `start` puts on the stack is called, -1 if that is not
    plain to see; and whether the argument at a position is a text that stands in the code."""
    from dis import hasjabs, hasjrel, stack_effect

    depth, last = 0, instructions[start]
    for k in range(start + 1, len(instructions)):
        x = instructions[k]
        if x.opname == "CALL" and depth == x.arg:
            return k, depth > position and _is_text(last)
        # Since Python 3.13 the function comes before the place that a method has for its object.
        if x.opname == "PRECALL" or (x.opname == "PUSH_NULL" and k == start + 1):
            continue
        if x.opcode in hasjabs or x.opcode in hasjrel or depth < 0:
            break
        # CALL of Python 3.11 leaves to PRECALL what it takes.
        depth += -(x.arg or 0) - 1 if x.opname == "CALL" else stack_effect(x.opcode, x.arg)
        if depth == position + 1:
            last = x
    return -1, False


def _is_text(x: Instruction) -> bool:
    return x.opname == "LOAD_CONST" and isinstance(x.argval, str)


def _texts(constants: tuple[object, ...]) -> Iterator[str]:
    for constant in constants:
        for x in constant if isinstance(constant, tuple) else (constant,):
            if isinstance(x, str):
                yield from identifiers(x)


def identifiers(text: str) -> list[str]:
    """The names in a text that may be one, or several with dots.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> identifiers("model.gain"), identifiers("no name")
    (['model', 'gain'], [])
    """
    parts = text.split(".")
    return parts if all(map(str.isidentifier, parts)) else []


def code_digest(f: types.FunctionType) -> str:
    """What tells the code of a function, and its defaults that are numbers and texts, from others
    of the same name, also in another process.

    Parameters
    ----------
    f : function

    Returns
    -------
    str
    """
    import hashlib

    defaults = (f.__defaults__ or (), sorted((f.__kwdefaults__ or {}).items()))
    plain = [x for x in (*defaults[0], *defaults[1]) if isinstance(x, (float, int, str))]
    return hashlib.blake2b(repr((_content(f.__code__), plain)).encode()).hexdigest()[:32]


def _content(code: types.CodeType) -> tuple[object, ...]:
    constants = [_content(x) if isinstance(x, types.CodeType) else x for x in code.co_consts]
    return (code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants)
