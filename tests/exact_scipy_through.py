"""FITPACK's splines, Lagrange's polynomial and interpolants of scattered points, written once more
for arrays of fifty digits: each for the call that `scipy_evidence` makes of the name.

They fill `exact_scipy_calls.WRITTEN`. Must not know cdiff, nor any derivative.
"""

import numpy as np
import scipy.interpolate as si
import scipy.spatial as ss
import test_scipy_more as cases
from exact_numbers import exact, plain
from exact_scipy_calls import WRITTEN
from exact_scipy_curves import pchip, spline, spline_rows
from exact_scipy_forms import affine, constant
from mpmath import mp

__all__ = []


def linear(x, y, q):
    return np.sum(spline_rows(x, q, 1) * y, -1)


def integral(y, a, b):
    """Of the cubic spline, by a rule of two nodes for each piece, which is exact for cubics."""
    x = constant(cases.X7)
    b = x[-1] if bool(b > x[-1]) else b
    inner = x[(plain(x) > plain(a)) & (plain(x) < plain(b))]
    edges = np.concatenate([a.reshape(1), inner, b.reshape(1)])
    half, middle = (edges[1:] - edges[:-1]) / 2, (edges[1:] + edges[:-1]) / 2
    shift = half * exact(mp.sqrt(mp.mpf(1) / 3))
    values = [spline(x, y, middle + sign * shift) for sign in (-1, 1)]
    return np.sum(half * (values[0] + values[1]))


def surface(x, z, p, q):
    rows, columns = spline_rows(x, p), spline_rows(constant(cases.GY), q)
    return np.sum(np.matmul(rows, z) * columns, -1)


def polynomial(x, y, q):
    total = 0 * q
    for j in range(len(x)):
        others = np.delete(np.arange(len(x)), j)
        factors = (q[:, None] - x[others]) / (x[j] - x[others])
        total = total + y[j] * np.prod(factors, -1)
    return total


def thin_plate(x, y):
    square = np.sum((x[:, None] - y[None]) ** 2, -1)
    same = plain(square) == 0
    safe = np.where(same, exact(1.0), square)
    return np.where(same, exact(0.0), safe * np.log(safe)) * exact(0.7) ** 2 / 2 + (
        square * exact(0.7) ** 2 * np.log(exact(0.7)))  # fmt: skip


def radial(y, d, x):
    """Thin plates and straight ones."""
    ones = lambda z: np.concatenate([exact(np.ones((len(z), 1))), z], 1)
    low = ones(y)
    upper = np.concatenate([thin_plate(y, y), low], 1)
    lower = np.concatenate([low.T, exact(np.zeros((3, 3)))], 1)
    weights = np.linalg.solve(
        np.concatenate([upper, lower]), np.concatenate([d, exact(np.zeros((3, d.shape[1])))]))
    return np.matmul(np.concatenate([thin_plate(x, y), ones(x)], 1), weights)


def in_triangles(v, q):
    mesh = ss.Delaunay(cases.SITES)
    found = []
    for z in q:
        corners = mesh.simplices[mesh.find_simplex(plain(z))]
        frame = np.concatenate([constant(cases.SITES[corners]).T, exact(np.ones((1, 3)))])
        weights = np.linalg.solve(frame, np.concatenate([z, exact([1.0])]))
        found.append(np.sum(weights.reshape((3,) + (1,) * (v.ndim - 1)) * v[corners], 0))
    return np.stack(found)


WRITTEN.update({("interpolate", name): f for name, f in {
    "splrep": linear, "splev": linear, "splint": integral, "pchip_interpolate": pchip,
    "InterpolatedUnivariateSpline": spline, "RectBivariateSpline": surface,
    "BarycentricInterpolator": polynomial,
    "barycentric_interpolate": lambda x, y, q: polynomial(x, y, q[:2]).reshape(2, 1),
    "RBFInterpolator": radial, "LinearNDInterpolator": in_triangles, "griddata": in_triangles,
    "NearestNDInterpolator": affine(
        lambda v: si.NearestNDInterpolator(cases.SITES, v)(cases.AMONG)),
}.items()})  # fmt: skip
