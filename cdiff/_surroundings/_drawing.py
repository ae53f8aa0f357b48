"""Whether a function has drawn random numbers: the states of the generators that it leads to.

What is drawn while a function is recorded is a constant of its program, so somebody has to be told.
This file knows generators of NumPy and of the standard library; it must not know who records. A
state is read twice for each recording of a function that leads to a generator, in microseconds.
"""

from __future__ import annotations

import pickle
from contextlib import suppress
from types import ModuleType
from typing import Any

__all__ = ["Draws"]

_KINDS = frozenset(("Generator", "RandomState", "Random", "SystemRandom"))


def _state(x: Any) -> bytes:
    """What tells the state of a generator from another."""
    bits = getattr(x, "bit_generator", None)
    if bits is not None:
        return pickle.dumps(bits.state)
    found = x.get_state(legacy=False) if hasattr(x, "get_state") else x.getstate()
    return pickle.dumps(found)


class Draws:
    """Generators, and their states before a function runs."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, bytes]] = []

    def add(self, x: Any) -> None:
        """Watch an object, or what a method or a module draws from, if that is a generator."""
        if isinstance(x, ModuleType):
            x = x.random if x.__name__ in ("numpy.random", "random") else None
        x = getattr(x, "__self__", x)
        kinds = [c for c in type(x).__mro__ if c.__name__ in _KINDS]
        owned = any(c.__module__.split(".")[0] in ("numpy", "random") for c in kinds)
        if owned and all(x is not y for y, _ in self._before):
            with suppress(NotImplementedError):  # the system's own source has none
                self._before.append((x, _state(x)))

    def happened(self) -> bool:
        """Has a state changed?"""
        return any(_state(x) != state for x, state in self._before)
