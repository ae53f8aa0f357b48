"""What the core is told about the face: where the functions are that it does not have itself.

NumPy functions and most methods of `Array` live in `cdiff.numpy`. The core must not import that, so
it is given a function to call when it first meets one of them; `import cdiff` stays cheap.
"""

from __future__ import annotations

import sys
from importlib import import_module

from cdiff._core import set_face_loader

__all__ = ["load_numpy_face"]


def load_numpy_face() -> None:
    """Import `cdiff.numpy`, which hands its functions to the core.

    And `cdiff.scipy.special` where SciPy's functions are in use, so that they work on Arrays too.
    """
    import_module("cdiff.numpy")
    if "scipy.special" in sys.modules:
        import_module("cdiff.scipy.special")


set_face_loader(load_numpy_face)
