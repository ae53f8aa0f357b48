"""The libraries that are compared, each behind the same few names.

It knows how each library makes a leaf, differentiates a function and gives a result back as
NumPy; it knows no benchmark. Nothing is imported before its loader runs, because a child process
must hold only the library it measures. Each library is used in its fastest documented way: torch
with preallocated leaves and `grad = None`, autograd through its core, JAX with results awaited.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("torch", "autograd")


@dataclass(frozen=True)
class Library:
    """One library: `xp` has NumPy's names, `leaf` a tracked copy, `plain` the way back."""

    xp: Any
    leaf: Callable[[Any], Any]
    plain: Callable[[Any], np.ndarray]
    constant: Callable[[Any], Any]
    own: Callable[[Any], Any]  # a constant as the library's own kind of array
    clear: str = ""  # statement that forgets the gradient of a leaf called {x}


def _cdiff() -> Library:
    import cdiff
    import cdiff.numpy

    def plain(value: Any) -> np.ndarray:
        return np.asarray(value.numpy() if isinstance(value, cdiff.Array) else value)

    return Library(
        xp=cdiff.numpy,
        leaf=lambda data: cdiff.array(data, requires_grad=True),
        plain=plain,
        constant=np.asarray,
        own=cdiff.array,
        clear="{x}.zero_grad()",
    )


def _torch() -> Library:
    import torch

    torch.set_num_threads(1)
    return Library(
        xp=torch,
        leaf=lambda data: torch.tensor(data, dtype=torch.float64, requires_grad=True),
        plain=lambda value: value.detach().numpy(),
        constant=torch.as_tensor,
        own=torch.as_tensor,
        clear="{x}.grad = None",
    )


def _autograd() -> Library:
    import autograd.numpy

    return Library(
        xp=autograd.numpy,
        leaf=np.array,
        plain=np.asarray,
        constant=np.asarray,
        own=np.asarray,
    )


def _jax() -> Library:
    import jax.numpy

    from benchmarks._jax import jax

    return Library(
        xp=jax.numpy,
        leaf=jax.numpy.asarray,
        plain=np.asarray,
        constant=jax.numpy.asarray,
        own=jax.numpy.asarray,
    )


def _numpy() -> Library:
    return Library(xp=np, leaf=np.array, plain=np.asarray, constant=np.asarray, own=np.asarray)


_LOADERS: dict[str, Callable[[], Library]] = {
    "cdiff": _cdiff,
    "torch": _torch,
    "autograd": _autograd,
    "jax": _jax,
    "numpy": _numpy,
}


def load(name: str) -> Library:
    """Import a library; raises ModuleNotFoundError where it is not installed."""
    return _LOADERS[name]()


def reference() -> Any:
    """The pure-Python oracle of the tests, which is also the baseline for pure Python."""
    tests = str(ROOT / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    return importlib.import_module("reference")


def complex_step(function: Callable[..., Any], *points: Any) -> tuple[Any, list[Any]]:
    """Value and derivatives of an elementwise (or scalar) function without any library.

    The step is so small that its square vanishes: the derivatives have no rounding error.
    """
    step = 1e-30
    derivatives = []
    for place in range(len(points)):
        moved = [point + (step * 1j if k == place else 0.0) for k, point in enumerate(points)]
        derivatives.append(function(*moved).imag / step)
    return function(*points), derivatives
