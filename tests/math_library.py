"""Build src/math into a shared library per instruction set, and call it on arrays.

Used by the test of the error bounds and by the benchmark; it knows how to compile and call the
loops of math_loops.c, and nothing of what the functions compute.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
HEADERS = ROOT / "src" / "math"
LOOPS = Path(__file__).with_name("math_loops.c")
FLAGS = "-std=c99 -O3 -fno-math-errno -fno-trapping-math -fopenmp-simd -Wall -Wextra -Werror"
AVX2 = "-mavx2 -mfma"
AVX512 = "-mavx512f -mavx512dq -mavx512vl -mavx512bw -mfma -mprefer-vector-width=512"


@dataclass(frozen=True)
class Variant:
    """One way to compile: extra flags, and the CPU features that the result needs."""

    name: str
    flags: str
    needs: tuple[str, ...] = ()


# Contraction to fma must neither be needed nor harm, so it is on in one build and off in the next.
VARIANTS = (
    Variant("baseline", "-ffp-contract=off"),
    Variant("contracted", "-ffp-contract=fast"),
    Variant("scalar", "-DCDM_SCALAR"),
    Variant("avx2", f"{AVX2} -ffp-contract=fast", ("AVX2", "FMA3")),
    Variant("avx512", f"{AVX512} -ffp-contract=off", ("AVX512_SKX",)),
)


def compiler() -> str | None:
    """A C compiler that takes the flags of gcc, or None."""
    if os.name == "nt":
        return None
    wanted = os.environ.get("CC", "").split()[:1]
    return next(filter(None, map(shutil.which, [*wanted, "cc", "gcc", "clang"])), None)


def usable(variant: Variant) -> bool:
    """Whether this machine can run the variant."""
    if not variant.needs:
        return True
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    from numpy._core._multiarray_umath import __cpu_features__ as features

    return all(features.get(need, False) for need in variant.needs)


class MathLibrary:
    """The loops of one variant; `call("sin", x)` applies cdm_sin to every element."""

    def __init__(self, variant: Variant, folder: Path) -> None:
        self.variant = variant
        target = folder / f"math_{variant.name}.so"
        cc = compiler()
        assert cc is not None
        command = [cc, *FLAGS.split(), *variant.flags.split(), "-fPIC", "-shared"]
        command += [f"-I{HEADERS}", str(LOOPS), "-o", str(target), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        self._library = ctypes.CDLL(str(target))

    def loop(self, name: str):
        """The C function (n, out, a, b)."""
        function = getattr(self._library, f"loop_{name}")
        function.argtypes = [ctypes.c_int64] + [ctypes.c_void_p] * 3
        function.restype = None
        return function

    def call(self, name: str, a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
        """The function on every element of a (and b)."""
        a = np.ascontiguousarray(a, dtype=np.float64)
        b = a if b is None else np.ascontiguousarray(b, dtype=np.float64)
        assert a.shape == b.shape
        out = np.empty_like(a)
        self.loop(name)(a.size, out.ctypes.data, a.ctypes.data, b.ctypes.data)
        return out

    def one(self, name: str, a: float, b: float = 0.0) -> float:
        """The function of one value, as a scalar call."""
        function = getattr(self._library, f"one_{name}")
        function.argtypes = [ctypes.c_double] * 2
        function.restype = ctypes.c_double
        return function(a, b)
