"""Locks of what several threads record, which a forked child finds free.

A child of `fork` has one thread, the one that forked: a lock that another thread held would stay
held for ever, and the child wait for ever where that thread was recording. This file knows locks
and processes, nothing of what they guard. A lock is the C one of Python, so that taking it costs
as much as ever and an interrupt cannot come between taking and holding it.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet

__all__ = ["shared_lock"]

_locks: WeakSet[Any] = WeakSet()


def shared_lock() -> Any:
    """A lock that the thread that holds it may take again, and that no fork leaves held.

    Returns
    -------
    RLock
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_locks() -> None:
    """What threads held that are not in this child."""
    for lock in tuple(_locks):
        if not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)
