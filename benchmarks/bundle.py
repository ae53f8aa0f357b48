"""Bundle adjustment: reprojection errors of many observations and their Jacobians.

For each observation the residual (two numbers) and its derivatives in the eleven parameters of the
camera, the three of the point and the weight: a 2 x 15 Jacobian. cdiff maps the Jacobian of one
observation, written with its numbers; beside it the same in JAX, and the derivatives by hand in C
(gcc -O3 -march=native with the C library's functions), which this file writes and builds. The
time of the first call, which records or compiles, is compared too. This file knows the model of
the camera and how each contender is asked for derivatives.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import Bound, Report, duration, ratio, shown
from benchmarks._sizes import race_of_sizes
from benchmarks._timing import Case, Race

NEEDS = {"C -O3": Bound(at_least=1.0), "jax jit": Bound(at_least=5.0)}
FIRST_CALL = Bound(at_least=10.0)
SIZES = (1000, 100_000)

# The derivatives of w (L p f + x0 - feature), p = (c_x, c_y) / c_z, c = R (x - t), by hand. That of
# the rotation is R' = sin S + (1 - cos) S S with the skew matrix S of the axis, as ADBench has it.
C_SOURCE = r"""
#include <math.h>
static void cross(const double *a, const double *b, double *out)
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}
static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
void bundle(long n, const double *CAM, const double *X, const double *W, const double *F,
            double *res, double *jcam, double *jx, double *jw)
{
    for (long o = 0; o < n; o++) {
        const double *cam = CAM + 11 * o, w = W[o], f = cam[6], k1 = cam[9], k2 = cam[10];
        double d[3], k[3], kxd[3], c[3], R[3][3], dr[3][3];
        for (int i = 0; i < 3; i++)
            d[i] = X[3 * o + i] - cam[3 + i];
        const double theta = sqrt(dot(cam, cam)), cs = cos(theta), sn = sin(theta);
        for (int i = 0; i < 3; i++)
            k[i] = cam[i] / theta;
        cross(k, d, kxd);
        const double kd = dot(k, d), t = kd * (1 - cs);
        for (int i = 0; i < 3; i++)
            c[i] = d[i] * cs + kxd[i] * sn + k[i] * t;
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                R[i][j] = (i == j) * cs + k[i] * k[j] * (1 - cs);
        R[0][1] -= k[2] * sn, R[0][2] += k[1] * sn, R[1][0] += k[2] * sn;
        R[1][2] -= k[0] * sn, R[2][0] -= k[1] * sn, R[2][1] += k[0] * sn;
        for (int j = 0; j < 3; j++) {
            /* along r_j: theta' = k_j, k' = (e_j - k k_j) / theta */
            double e[3], exd[3];
            for (int i = 0; i < 3; i++)
                e[i] = ((i == j) - k[i] * k[j]) / theta;
            cross(e, d, exd);
            const double ed = dot(e, d);
            for (int i = 0; i < 3; i++)
                dr[i][j] = k[j] * (kxd[i] * cs - d[i] * sn + k[i] * kd * sn) + exd[i] * sn
                           + (1 - cs) * (e[i] * kd + k[i] * ed);
        }
        const double iz = 1 / c[2], p[2] = {c[0] * iz, c[1] * iz};
        const double r2 = p[0] * p[0] + p[1] * p[1], L = 1 + k1 * r2 + k2 * r2 * r2;
        const double dL = 2 * (k1 + 2 * k2 * r2);
        for (int a = 0; a < 2; a++) {
            double *J = jcam + 22 * o + 11 * a, g[3];
            const double wf = w * f, raw = p[a] * L * f + cam[7 + a] - F[2 * o + a];
            for (int b = 0; b < 2; b++) /* along p_b */
                g[b] = wf * ((a == b) * L + p[a] * dL * p[b]) * iz;
            g[2] = -(g[0] * p[0] + g[1] * p[1]);
            res[2 * o + a] = w * raw;
            jw[2 * o + a] = raw;
            for (int j = 0; j < 3; j++) {
                const double v = g[0] * R[0][j] + g[1] * R[1][j] + g[2] * R[2][j];
                J[j] = g[0] * dr[0][j] + g[1] * dr[1][j] + g[2] * dr[2][j];
                J[3 + j] = -v;
                jx[6 * o + 3 * a + j] = v;
            }
            J[6] = w * p[a] * L;
            J[7] = (a == 0) * w;
            J[8] = (a == 1) * w;
            J[9] = wf * p[a] * r2;
            J[10] = wf * p[a] * r2 * r2;
        }
    }
}
"""


def data(size: int) -> list[np.ndarray]:
    """Cameras (rotation, centre, focal length, principal point, distortion), points, weights and
    observed positions."""
    rng = np.random.default_rng(size)
    parts = [rng.normal(0, 0.3, (size, 3)), rng.normal(0, 1, (size, 3))]
    parts += [rng.uniform(500, 600, (size, 1)), rng.normal(0, 5, (size, 2))]
    cameras = np.concatenate([*parts, rng.normal(0, 0.05, (size, 2))], axis=1)
    points = np.concatenate([rng.normal(0, 1, (size, 2)), rng.uniform(8, 12, (size, 1))], axis=1)
    return [cameras, points, rng.uniform(0.5, 1.5, size), rng.normal(0, 30, (size, 2))]


def residual(xp: Any, cam: Any, x: Any, w: Any, seen: Any) -> Any:
    """The weighted error of one observation."""
    a, b, c = x[0] - cam[3], x[1] - cam[4], x[2] - cam[5]
    theta = xp.sqrt(cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2])
    cos, sin = xp.cos(theta), xp.sin(theta)
    u, v, s = cam[0] / theta, cam[1] / theta, cam[2] / theta
    along = (u * a + v * b + s * c) * (1 - cos)
    depth = c * cos + (u * b - v * a) * sin + s * along
    p = (a * cos + (v * c - s * b) * sin + u * along) / depth
    q = (b * cos + (s * a - u * c) * sin + v * along) / depth
    r2 = p * p + q * q
    zoom = (1 + cam[9] * r2 + cam[10] * r2 * r2) * cam[6]
    return xp.stack([w * (p * zoom + cam[7] - seen[0]), w * (q * zoom + cam[8] - seen[1])])


def _with_jacobian(xp: Any, jacobian: Callable[..., Any]) -> Callable[..., Any]:
    """Residual and Jacobians of one observation."""
    error = partial(residual, xp)
    slopes = jacobian(error, argnums=(0, 1, 2))

    def both(cam: Any, x: Any, w: Any, seen: Any) -> Any:
        return (error(cam, x, w, seen), *slopes(cam, x, w, seen))

    return both


@cache
def _library() -> Any:
    """The C function, built once a process."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "bundle.c"), Path(folder, "bundle.so")
        source.write_text(C_SOURCE)
        flags = ["-O3", "-march=native", "-fPIC", "-shared"]
        subprocess.run(["gcc", *flags, str(source), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library)).bundle


def _in_c(arrays: list[np.ndarray]) -> tuple[Callable[[], Any], list[np.ndarray]]:
    """A call of the C function without arguments, and where its results will be."""
    size = arrays[0].shape[0]
    shapes = ((size, 2), (size, 2, 11), (size, 2, 3), (size, 2))
    out = [np.empty(shape) for shape in shapes]
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in (*arrays, *out)]
    return partial(_library(), ctypes.c_long(size), *pointers), out


def by_hand(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """What the C function gives."""
    call, out = _in_c(arrays)
    call()
    return out


def _cdiff() -> Callable[..., Any]:
    import cdiff
    import cdiff.numpy

    call: Callable[..., Any] = cdiff.compile(
        cdiff.vmap(_with_jacobian(cdiff.numpy, cdiff.jacobian))
    )
    return call


def _jax() -> Callable[..., Any]:
    import jax.numpy as jnp

    from benchmarks._jax import jax

    compiled = jax.jit(jax.vmap(_with_jacobian(jnp, jax.jacrev)))
    return lambda *x: jax.block_until_ready(compiled(*x))


def _contender(name: str, arrays: list[np.ndarray]) -> tuple[Callable[..., Any], list[Any]]:
    if name == "jax jit":
        import jax.numpy as jnp

        return _jax(), [jnp.asarray(x) for x in arrays]
    import cdiff

    cdiff.set_num_threads(2 if name == "two threads" else 1)
    return _cdiff(), arrays


def build(contender: str, key: str) -> Case:
    """One contender's version at the size `key`."""
    arrays = data(int(key))
    if contender == "C -O3":
        call, out = _in_c(arrays)
        call()
        return Case("f()", {"f": call}, lambda: out)
    function, x = _contender(contender, arrays)
    function(*x)
    return Case("f(*x)", {"f": function, "x": x}, lambda: function(*x))


def first_call(contender: str, size: int) -> float:
    """Nanoseconds of a first call, all imports and buffers before it."""
    arrays = data(size)
    build(contender, "10")
    function, x = _contender(contender, arrays)
    start = time.perf_counter()
    function(*x)
    return (time.perf_counter() - start) * 1e9


def _latency(report: Report, race: Race, widths: tuple[int, ...], size: int) -> None:
    times = {c: race.ask(c, "benchmarks.bundle:first_call", c, size) for c in ("cdiff", "jax jit")}
    report.rows(
        widths, [("first call", duration(times["cdiff"]), "", "", duration(times["jax jit"]), "")]
    )
    gain = ratio(times["jax jit"], times["cdiff"])
    verdict = report.verdict("first call: jax jit / cdiff", gain, FIRST_CALL)
    report.rows(widths, [("", "", "", "", shown(gain), verdict)])


def main(report: Report) -> None:
    """Run this benchmark."""
    title = "bundle adjustment: residuals, 2 x 15 Jacobians"
    table = race_of_sizes(report, "bundle", title, NEEDS, SIZES, lambda size: by_hand(data(size)))
    with table as (race, widths):
        _latency(report, race, widths, SIZES[0] if report.quick else SIZES[-1])


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("bundle")
