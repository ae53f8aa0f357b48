"""What the core is told about the face: where the functions are that it does not have itself.

NumPy functions and most methods of `Array` live in `cdiff.numpy`. The core must not import that, so
it is given a function to call when it first meets one of them; `import cdiff` stays cheap.
"""

from __future__ import annotations

from importlib import import_module

from cdiff._core import set_face_loader

__all__ = ["load_numpy_face"]


def load_numpy_face() -> None:
    """Import `cdiff.numpy`, which hands its functions to the core."""
    import_module("cdiff.numpy")


set_face_loader(load_numpy_face)
