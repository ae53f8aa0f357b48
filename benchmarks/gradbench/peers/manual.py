"""Derivatives written by hand in C++ (manual.cpp), built for this processor when first asked for.

It calls the compiler `CXX` (g++ unless set) and needs nothing but it; a machine without one has no
such column. Results go into arrays made for each evaluation, as those of the other tools do.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[], Any]
SOURCE = Path(__file__).with_name("manual.cpp")
BUILD = Path(__file__).resolve().parents[3] / "build" / "gradbench"
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC")


@cache
def library() -> ctypes.CDLL:
    """The built functions; a new build whenever the source or the compiler is another."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise ModuleNotFoundError("a C++ compiler", name="g++")
    text = SOURCE.read_bytes() + " ".join((compiler, *FLAGS)).encode()
    made = BUILD / f"manual-{hashlib.sha256(text).hexdigest()[:16]}.so"
    if not made.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        part = made.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", str(part)], check=True)
        part.replace(made)
    return ctypes.CDLL(str(made))


def call(name: str, *arguments: Any) -> None:
    """A function of the library: ints, floats, and arrays in C order."""
    given = []
    for x in arguments:
        if isinstance(x, np.ndarray):
            given.append(ctypes.c_void_p(x.ctypes.data))
        else:
            given.append(ctypes.c_double(x) if isinstance(x, float) else ctypes.c_int64(x))
    getattr(library(), name)(*given)


def ba(data: Any) -> Run:
    n, m, p = len(data.cameras), len(data.points), len(data.weights)
    given = data.cameras, data.points, data.weights, data.features, data.camera_of, data.point_of

    def run() -> Any:
        rows, columns = np.empty(3 * p + 1, np.int32), np.empty(31 * p, np.int32)
        values = np.empty(31 * p)
        call("ba_jacobian", n, m, p, *given, rows, columns, values)
        return rows, columns, values

    return run


def gmm(data: Any) -> Run:
    p, x, gamma, m = data
    (n, d), leaves = x.shape, [p[name] for name in ("alpha", "mu", "q", "l")]

    def run() -> Any:
        found = [np.empty(leaf.shape) for leaf in leaves]
        call("gmm_jacobian", d, len(leaves[0]), n, x, gamma, m, *leaves, *found)
        return found

    return run


def kmeans(data: Any) -> Run:
    centroids, points = data

    def run() -> Any:
        out = np.empty(centroids.shape)
        call("kmeans_dir", len(points), *centroids.shape, points, centroids, out)
        return out

    return run


def llsq(data: Any) -> Run:
    x, t = data

    def run() -> Any:
        gradient = np.empty(x.shape)
        call("llsq_gradient", len(x), len(t), x, t, gradient)
        return gradient

    return run


def lse(x: Any) -> Run:
    def run() -> Any:
        gradient = np.empty(x.shape)
        call("lse_gradient", len(x), x, gradient)
        return gradient

    return run


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("ba", "jacobian"): ba,
    ("gmm", "jacobian"): gmm,
    ("kmeans", "dir"): kmeans,
    ("llsq", "gradient"): llsq,
    ("lse", "gradient"): lse,
}
