"""What the core is told about the face: where the functions are that it does not have itself.

NumPy functions and most methods of `Array` live in `cdiff.numpy`. The core must not import that, so
it is given a function to call when it first meets one of them; `import cdiff` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cdiff._core import set_face_loader

__all__ = ["find"]


def find(wanted: Any) -> Any:
    """What stands for a NumPy function or a method of `Array`: see `cdiff.numpy._dispatch`."""
    return import_module("cdiff.numpy._dispatch").find(wanted)


set_face_loader(find)
