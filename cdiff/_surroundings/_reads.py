"""Captured arrays that Python hands on: each use is arithmetic with a value that is traced.

A program reads a captured array anew at each run, but what NumPy made of the array while the
function was recorded (`a[0]`, `a.sum()`, `a > 0`) is a constant in it. That leaves no trace, and to
compare recordings would prove nothing (the sum of a shuffled array is the same). So the
instructions of the function are followed: where every use of the array is an operand of arithmetic
whose other operand is a traced argument, or made of one by arithmetic and NumPy's ufuncs, no change
of its content needs another recording. Code with jumps, or with instructions that are not listed
here, proves nothing. This file knows instructions of Python; it must not know programs. It runs
once for each function and kind of arguments.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from cdiff._arguments._wrap import Transformed

if TYPE_CHECKING:
    import types
    from collections.abc import Iterator
    from dis import Instruction

__all__ = ["innermost", "variables_of_programs"]

# Transformations that hand on their arguments, traced, and what else they are given.
HANDED_ON = frozenset(("grad", "value_and_grad", "jacobian", "jacfwd", "jacrev", "hessian"))

ARITHMETIC = frozenset(("+", "-", "*", "/", "@", "**"))
NOTHING = frozenset(("RESUME", "COPY_FREE_VARS", "PRECALL", "NOP", "CACHE", "KW_NAMES", "NOT_TAKEN",
                     "EXTENDED_ARG"))  # fmt: skip
FAST = ("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK")
FAST_PAIRS = ("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW")
OUTSIDE = ("LOAD_DEREF", "LOAD_GLOBAL")
ONE_MORE = frozenset(("LOAD_CONST", "LOAD_SMALL_INT", "PUSH_NULL"))
TAKEN = {"UNARY_NEGATIVE": 1, "BINARY_SUBSCR": 2, "BINARY_SLICE": 3, "COMPARE_OP": 2,
         "CONTAINS_OP": 2, "IS_OP": 2}  # fmt: skip
BUILT = ("BUILD_TUPLE", "BUILD_LIST", "BUILD_SLICE", "BUILD_MAP")

# What stands on the stack: a traced value, the name of a variable from outside, anything else, or
# NumPy and a function of it that gives a traced value for traced ones.
TRACED, OTHER = True, False
NUMPY, UFUNC = object(), object()


class _Unknown(Exception):
    """An instruction that is not followed."""


def innermost(f: Any) -> Any:
    """The user's function under transformations that hand on their arguments."""
    while isinstance(f, Transformed) and f._factory.__name__ in HANDED_ON:
        f = f._f
    return f


@functools.lru_cache(maxsize=1000)
def variables_of_programs(
    code: types.CodeType, traced: frozenset[int], numpy: frozenset[str] = frozenset()
) -> frozenset[str]:
    """The variables from outside that code combines with traced values only.

    Parameters
    ----------
    code : code
    traced : frozenset of int
        The positions of the arguments that are traced values, not containers of them.
    numpy : frozenset of str
        The global variables that are NumPy.

    Returns
    -------
    frozenset of str
    """
    from dis import get_instructions

    follower = _Follower(code, traced, numpy)
    try:
        for instruction in _straight(get_instructions(code)):
            follower.follow(instruction)
    except (_Unknown, IndexError):
        return frozenset()
    return frozenset(follower.seen - follower.elsewhere)


def _straight(instructions: Iterator[Instruction]) -> Iterator[Instruction]:
    """The instructions of code that does one thing after the other, up to its end."""
    for instruction in instructions:
        if instruction.is_jump_target:
            raise _Unknown
        yield instruction
        if instruction.opname.startswith("RETURN_"):
            if next(instructions, None) is not None:
                raise _Unknown
            return
    raise _Unknown


class _Follower:
    """The stack and the local variables while instructions are followed."""

    def __init__(self, code: types.CodeType, traced: frozenset[int], numpy: frozenset[str]) -> None:
        self.numpy = numpy
        names = code.co_varnames[: code.co_argcount]
        self.local: dict[str, Any] = {x: k in traced for k, x in enumerate(names)}
        self.stack: list[Any] = []
        self.seen: set[str] = set()
        self.elsewhere: set[str] = set()

    def follow(self, instruction: Instruction) -> None:
        name, stack = instruction.opname, self.stack
        if name in NOTHING:
            return
        if name in FAST:
            stack.append(self.local.get(instruction.argval, OTHER))
        elif name in FAST_PAIRS:
            stack += [self.local.get(x, OTHER) for x in instruction.argval]
        elif name in OUTSIDE:
            self._load(instruction)
        elif name in ONE_MORE:
            stack.append(OTHER)
        elif name == "STORE_FAST":
            kind = stack.pop()
            self._read(kind)
            self.local[instruction.argval] = kind is TRACED
        elif name == "BINARY_OP" and instruction.argrepr in ARITHMETIC:
            self._arithmetic(stack.pop(), stack.pop())
        elif name == "UNARY_NEGATIVE" and stack[-1] is TRACED:
            pass
        else:
            self._anything(instruction)

    def _load(self, instruction: Instruction) -> None:
        name = instruction.argval
        if instruction.opname == "LOAD_GLOBAL":
            if (instruction.arg or 0) & 1:
                self.stack.append(OTHER)  # for a call
            if name in self.numpy:
                self.stack.append(NUMPY)
                return
        self.seen.add(name)
        self.stack.append(name)

    def _arithmetic(self, right: Any, left: Any) -> None:
        is_traced = TRACED in (right, left)
        if not is_traced:
            self._read(right, left)
        self.stack.append(is_traced)

    def _anything(self, instruction: Instruction) -> None:
        """What takes operands and gives a result of which nothing is known."""
        name, argument = instruction.opname, instruction.arg or 0
        given: Any = OTHER
        pushed = 1
        if name in ("LOAD_ATTR", "LOAD_METHOD"):
            taken = 1
            pushed = 2 if name == "LOAD_METHOD" or _is_method(instruction) else 1
            if self.stack[-1] is NUMPY and _is_ufunc(instruction.argval):
                given = UFUNC
        elif name in ("CALL", "CALL_KW"):
            taken = argument + 2 + (name == "CALL_KW")
            called = self.stack[-taken:]
            if name == "CALL" and UFUNC in called[:2] and TRACED in called[2:]:
                given = TRACED
        elif name in BUILT:
            taken = argument * (1 + (name == "BUILD_MAP"))
        elif name in ("RETURN_VALUE", "POP_TOP"):
            taken, pushed = 1, 0
        elif name == "BINARY_OP":
            taken = 2
        elif name in TAKEN:
            taken = TAKEN[name]
        else:
            raise _Unknown
        if len(self.stack) < taken or (name == "RETURN_VALUE" and len(self.stack) != 1):
            raise _Unknown
        for _ in range(taken):
            self._read(self.stack.pop())
        self.stack += [given, *[OTHER] * (pushed - 1)] if pushed else []

    def _read(self, *kinds: Any) -> None:
        """Something else than arithmetic with traced values takes these."""
        self.elsewhere.update(x for x in kinds if isinstance(x, str))


def _is_ufunc(name: str) -> bool:
    """Has this function of NumPy one result, a traced one of traced values?"""
    import numpy as np

    found = getattr(np, name, None)
    return name == "sum" or (isinstance(found, np.ufunc) and found.nout == 1)


def _is_method(instruction: Instruction) -> bool:
    """Does this attribute come with what it belongs to, for a call? From Python 3.12 on."""
    import sys

    return sys.version_info >= (3, 12) and bool((instruction.arg or 0) & 1)
