"""Black-Scholes for many options: the price, its five first and three of its second derivatives.

Compiled, beside `jax.jit`, CasADi's mapped function and the same formulas differentiated by hand
in C (gcc -O3 -march=native with the C library's functions), which this file writes and builds.
It knows how each of them is given the formula of the price and asked for derivatives.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import Bound, Report
from benchmarks._sizes import race_of_sizes
from benchmarks._timing import Case

NEEDS = {
    "C -O3": Bound(at_least=3.0),
    "jax jit": Bound(at_least=5.0),
    "casadi map": Bound(at_least=10.0),
}
SIZES = (10_000, 1_000_000)
HALF_ROOT = 0.5**0.5
RANGES = ((80.0, 120.0), (80.0, 120.0), (0.1, 2.0), (0.1, 0.5), (0.0, 0.1))

C_SOURCE = r"""
#include <math.h>
void greeks(long n, const double *S, const double *K, const double *T, const double *V,
            const double *R, double *out)
{
    for (long i = 0; i < n; i++) {
        const double s = S[i], k = K[i], t = T[i], v = V[i], r = R[i], q = sqrt(t), root = v * q;
        const double d1 = (log(s / k) + (r + 0.5 * v * v) * t) / root, d2 = d1 - root;
        const double n1 = 0.5 * erfc(-0.70710678118654752 * d1);
        const double n2 = 0.5 * erfc(-0.70710678118654752 * d2);
        const double e = exp(-r * t), pdf = 0.39894228040143268 * exp(-0.5 * d1 * d1);
        const double vega = s * pdf * q;
        out[i] = s * n1 - k * e * n2;
        out[n + i] = n1;
        out[2 * n + i] = -e * n2;
        out[3 * n + i] = s * pdf * v / (2 * q) + r * k * e * n2;
        out[4 * n + i] = vega;
        out[5 * n + i] = k * e * t * n2;
        out[6 * n + i] = pdf / (s * root);
        out[7 * n + i] = -pdf * d2 / v;
        out[8 * n + i] = vega * d1 * d2 / v;
    }
}
"""


def data(size: int) -> list[np.ndarray]:
    """Price of the share, strike, years, volatility, interest."""
    rng = np.random.default_rng(size)
    return [rng.uniform(low, high, size) for low, high in RANGES]


def price(xp: Any, erfc: Any, s: Any, k: Any, t: Any, v: Any, r: Any) -> Any:
    """The value of a call."""
    root = v * xp.sqrt(t)
    d1 = (xp.log(s / k) + (r + 0.5 * v * v) * t) / root
    above, below = erfc(-HALF_ROOT * d1), erfc(-HALF_ROOT * (d1 - root))
    return 0.5 * (s * above - k * xp.exp(-r * t) * below)


@cache
def _library() -> Any:
    """The C function, built once a process."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "greeks.c"), Path(folder, "greeks.so")
        source.write_text(C_SOURCE)
        flags = ["-O3", "-march=native", "-fPIC", "-shared"]
        subprocess.run(["gcc", *flags, str(source), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library)).greeks


def _in_c(arrays: list[np.ndarray]) -> tuple[Callable[[], Any], np.ndarray]:
    """A call of the C function without arguments, and where its results will be."""
    out = np.empty((9, arrays[0].size))
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in (*arrays, out)]
    return partial(_library(), ctypes.c_long(arrays[0].size), *pointers), out


def by_hand(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """What the C function gives."""
    call, out = _in_c(arrays)
    call()
    return list(out)


def _c(arrays: list[np.ndarray]) -> Case:
    call, out = _in_c(arrays)
    call()
    return Case("f()", {"f": call}, lambda: list(out))


def _cdiff(arrays: list[np.ndarray]) -> Case:
    import cdiff as cd
    import cdiff.numpy as cnp

    def everything(s: Any, k: Any, t: Any, v: Any, r: Any) -> Any:
        def total(s: Any, k: Any, t: Any, v: Any, r: Any) -> Any:
            return cnp.sum(price(cnp, cd.erfc, s, k, t, v, r))

        slopes = cd.grad(total, argnums=(0, 1, 2, 3, 4))
        ones = np.ones_like(s)
        first, by_s = cd.jvp(lambda s: slopes(s, k, t, v, r), (s,), (ones,))
        _, by_v = cd.jvp(lambda v: slopes(s, k, t, v, r), (v,), (ones,))
        return (price(cnp, cd.erfc, s, k, t, v, r), *first, by_s[0], by_s[3], by_v[3])

    call = cd.compile(everything)
    call(*arrays)
    return Case("f(*x)", {"f": call, "x": arrays}, lambda: call(*arrays))


def _jax(arrays: list[np.ndarray]) -> Case:
    import jax.numpy as jnp
    from jax.scipy.special import erfc

    from benchmarks._jax import jax

    def one(*x: Any) -> Any:
        return price(jnp, erfc, *x)

    def point(*x: Any) -> Any:
        value, first = jax.value_and_grad(one, argnums=(0, 1, 2, 3, 4))(*x)
        second = jax.jacfwd(jax.grad(one, argnums=(0, 3)), argnums=(0, 3))(*x)
        return (value, *first, second[0][0], second[0][1], second[1][1])

    compiled = jax.jit(jax.vmap(point))
    ready = jax.block_until_ready
    x = [jnp.asarray(a) for a in arrays]
    return Case("f(*x)", {"f": lambda *x: ready(compiled(*x)), "x": x}, lambda: compiled(*x))


def _casadi(arrays: list[np.ndarray]) -> Case:
    import casadi

    class Names:
        sqrt, log, exp = casadi.sqrt, casadi.log, casadi.exp

    x = casadi.SX.sym("x", 5)
    value = price(Names, lambda a: 1 - casadi.erf(a), *[x[k] for k in range(5)])
    hessian, gradient = casadi.hessian(value, x)
    wanted = [value, *[gradient[k] for k in range(5)], hessian[0, 0], hessian[0, 3], hessian[3, 3]]
    mapped = casadi.Function("greeks", [x], [casadi.vertcat(*wanted)]).map(arrays[0].size)
    points = casadi.DM(np.array(arrays))
    return Case("f(x)", {"f": mapped, "x": points}, lambda: list(np.array(mapped(points))))


def build(contender: str, key: str) -> Case:
    """One contender's version at the size `key`."""
    arrays = data(int(key))
    if contender in ("cdiff", "two threads"):
        import cdiff

        cdiff.set_num_threads(2 if contender == "two threads" else 1)
        return _cdiff(arrays)
    return {"C -O3": _c, "jax jit": _jax, "casadi map": _casadi}[contender](arrays)


def main(report: Report) -> None:
    """Run this benchmark."""
    title = "Black-Scholes price, five first and three second derivatives"
    with race_of_sizes(report, "greeks", title, NEEDS, SIZES, lambda size: by_hand(data(size))):
        pass


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("greeks")
