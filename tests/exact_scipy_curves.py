"""Interpolants, filters of images and sums over samples, written once more for arrays of fifty
digits: splines as the solution of their conditions, images by the basis of their splines.

They fill `exact_scipy_calls.WRITTEN`, each for the call that `scipy_evidence` makes of the name.
Must not know cdiff, nor any derivative.
"""

import numpy as np
from exact_numbers import exact, plain
from exact_scipy_calls import DISTANCES, WRITTEN
from mpmath import mp

__all__ = ["spline_rows"]


def place(x, q):
    """The interval of each query, the first and last ones without an end."""
    return np.clip(np.searchsorted(plain(x), plain(q), "right") - 1, 0, len(x) - 2)


# --- curves through points with slopes ------------------------------------------------------------


def hermite(x, y, d, q):
    i = place(x, q)
    h = x[i + 1] - x[i]
    t = (q - x[i]) / h
    low = (1 + 2 * t) * (1 - t) ** 2 * y[i] + t * (1 - t) ** 2 * h * d[i]
    return low + t * t * (3 - 2 * t) * y[i + 1] + t * t * (t - 1) * h * d[i + 1]


def pchip_end(h0, h1, m0, m1):
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    if bool(d * m0 <= 0):
        return 0 * d
    return 3 * m0 if bool(m0 * m1 <= 0) and bool(np.abs(d) > 3 * np.abs(m0)) else d


def pchip(x, y, q):
    h = x[1:] - x[:-1]
    m = (y[1:] - y[:-1]) / h
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    turn = plain(m[1:]) * plain(m[:-1]) <= 0
    inner = np.where(turn, exact(0.0), (w1 + w2) / (w1 / m[:-1] + w2 / m[1:]))
    ends = [pchip_end(h[0], h[1], m[0], m[1]), pchip_end(h[-1], h[-2], m[-1], m[-2])]
    return hermite(x, y, np.concatenate([exact(ends[:1]), exact(inner), exact(ends[1:])]), q)


def akima(x, y, q):
    m = (y[1:] - y[:-1]) / (x[1:] - x[:-1])
    for _ in range(2):
        ahead, behind = 2 * m[0] - m[1], 2 * m[-1] - m[-2]
        m = np.concatenate([ahead.reshape(1), m, behind.reshape(1)])
    change = np.abs(m[1:] - m[:-1])
    left, right = change[2:], change[:-2]
    return hermite(x, y, (left * m[1:-2] + right * m[2:-1]) / (left + right), q)


def ppoly(c, x, q):
    i = place(x, q)
    t, y = q - x[i], c[0, i]
    for row in range(1, len(c)):
        y = y * t + c[row, i]
    return y


# --- splines --------------------------------------------------------------------------------------


def basis(t, k, q):
    """The values of all B-splines of degree k with knots t at one place."""
    n = len(t) - k - 1
    i = int(np.clip(np.searchsorted(plain(t), plain(q), "right") - 1, k, n - 1))
    found = [exact(1.0)]
    for d in range(1, k + 1):
        grown = [exact(0.0)] * (d + 1)
        for r, b in enumerate(found):
            low, high = t[i + r + 1 - d], t[i + r + 1]
            grown[r] = grown[r] + b * (high - q) / (high - low)
            grown[r + 1] = grown[r + 1] + b * (q - low) / (high - low)
        found = grown
    zeros = [exact(0.0)]
    return np.stack(zeros * (i - k) + found + zeros * (n - 1 - i))


def bspline(t, c, q):
    return np.stack([np.sum(basis(t, 3, z) * c) for z in q])


def spline_rows(x, q, k=3):
    """What the samples are multiplied with to give the spline of degree k at places: that whose
    knots are all samples but those beside the ends."""
    if bool(x[0] > x[-1]):
        return spline_rows(x[::-1], q, k)[:, ::-1]
    half = (k + 1) // 2
    ends = [np.stack([end] * (k + 1)) for end in (x[0], x[-1])]
    t = np.concatenate([ends[0], x[half:-half], ends[1]])
    samples = np.stack([basis(t, k, z) for z in x])
    queries = np.stack([basis(t, k, z) for z in q])
    return np.matmul(queries, np.linalg.inv(samples))


def spline(x, y, q):
    rows = spline_rows(x, q)
    return np.matmul(rows, y) if y.ndim > 1 else np.sum(rows * y, -1)


def on_grid(axes, values, points, k):
    """A tensor product of splines at points, with an axis of values behind the two of the grid."""
    first, second = (spline_rows(exact(g), points[:, j], k) for j, g in enumerate(axes))
    products = first[:, :, None, None] * second[:, None, :, None] * values
    return np.sum(products, (1, 2))


def of_case(other):
    """A call whose grid is that of the tests' case."""

    def f(*args):
        from test_scipy_arrays import CUBE

        return other(CUBE, *args)

    return f


def grid(cube, g, values, q):
    return on_grid((g, cube[1]), values, q, 3)


def interpn(cube, values, a, b):
    shape = np.broadcast_shapes(a.shape, b.shape)
    points = [np.broadcast_to(z, shape, subok=True).reshape(-1) for z in (a, b)]
    found = on_grid(cube, values, np.stack(points, -1), 5)
    return found.reshape(shape + found.shape[1:])


WRITTEN.update({
    ("interpolate", "CubicHermiteSpline"): hermite, ("interpolate", "PchipInterpolator"): pchip,
    ("interpolate", "Akima1DInterpolator"): akima, ("interpolate", "PPoly"): ppoly,
    ("interpolate", "BSpline"): bspline, ("interpolate", "CubicSpline"): spline,
    ("interpolate", "make_interp_spline"): spline, ("interpolate", "interpn"): of_case(interpn),
    ("interpolate", "RegularGridInterpolator"): of_case(grid),
})  # fmt: skip


# --- images ---------------------------------------------------------------------------------------


def folded(i, n, twice):
    """Where an element beyond the border is taken from; at the border it comes once or twice."""
    period = 2 * (n - 1 + twice)
    i = int(i) % period
    return i if i < n else period - twice - i


def cubic(t):
    return [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t * t + 4) / 6,
            (1 + 3 * t + 3 * t * t - 3 * t**3) / 6, t**3 / 6]  # fmt: skip


def image_rows(n, places):
    """What the elements along an axis are multiplied with to give the cubic spline at places, when
    the image goes on as in a mirror."""
    weights = np.zeros((n, n))
    for i in range(n):
        for step, w in ((-1, 1), (0, 4), (1, 1)):
            weights[i, folded(i + step, n, 0)] += w
    inverse = np.linalg.inv(exact(weights) / 6)
    rows = []
    for z in places:
        below = int(np.floor(plain(z)))
        row = exact(np.zeros(n))
        for step, w in zip((-1, 0, 1, 2), cubic(z - below), strict=True):
            k = folded(below + step, n, 0)
            row[k] = row[k] + w
        rows.append(np.matmul(row, inverse))
    return np.stack(rows)


def image_at(a, places):
    first, second = (image_rows(n, z.reshape(-1)) for n, z in zip(a.shape, places, strict=True))
    return np.sum(first[:, :, None] * second[:, None, :] * a, (1, 2)).reshape(places[0].shape)


def moved(a, matrix, offset):
    """The image at matrix @ place + offset."""
    i, j = (exact(x) for x in np.indices(a.shape))
    return image_at(a, [row[0] * i + row[1] * j + b for row, b in zip(matrix, offset, strict=True)])


def rotated(a, angle):
    t = angle * exact(mp.pi / 180)
    c, s = np.cos(t), np.sin(t)
    turn = np.stack([np.stack([c, s]), np.stack([-s, c])])
    middle = exact((np.array(a.shape) - 1) / 2)
    return moved(a, turn, middle - np.sum(turn * middle, 1))


def blurred(a, sigma, axis, order=0):
    """A Gaussian, or its derivative by the place, along an axis."""
    n, reach = a.shape[axis], int(4 * plain(sigma) + 0.5)
    places = np.arange(-reach, reach + 1)
    bell = np.stack([np.exp(-exact(float(j * j)) / (2 * sigma**2)) for j in places])
    factor = {0: 1, 1: -exact(places) / sigma**2, 2: exact(places**2) / sigma**4 - 1 / sigma**2}
    weights = bell / np.sum(bell) * factor[order]
    rows = exact(np.zeros((n, n)))
    for i in range(n):
        for w, j in zip(weights, places, strict=True):
            k = folded(i - j, n, 1)
            rows[i, k] = rows[i, k] + w
    return np.matmul(rows, a) if axis == 0 else np.matmul(a, rows.T)


def gaussian(a, sigma, orders=(0, 0)):
    widths = np.broadcast_to(sigma, (2,), subok=True)
    for axis, order in enumerate(orders):
        a = blurred(a, widths[axis], axis, order)
    return a


WRITTEN.update({
    ("ndimage", "map_coordinates"): image_at,
    ("ndimage", "shift"): lambda a, s: moved(a, exact(np.eye(2)), -s),
    ("ndimage", "affine_transform"): moved, ("ndimage", "rotate"): rotated,
    ("ndimage", "gaussian_filter1d"): lambda a, s: blurred(a, s, 0),
    ("ndimage", "gaussian_filter"): gaussian,
    ("ndimage", "gaussian_laplace"): lambda a, s: (
        gaussian(a, s, (2, 0)) + gaussian(a, s, (0, 2))),
    ("ndimage", "gaussian_gradient_magnitude"): lambda a, s: np.sqrt(
        gaussian(a, s, (1, 0)) ** 2 + gaussian(a, s, (0, 1)) ** 2),
})  # fmt: skip


# --- sums and distances ---------------------------------------------------------------------------


def simpson(y, x):
    """Each pair of intervals by the parabola through its three samples."""
    total = exact(0.0)
    for k in range(0, len(x) - 2, 2):
        a, b = x[k + 1] - x[k], x[k + 2] - x[k + 1]
        middle = y[k + 1] * (a + b) ** 2 / (a * b)
        total = total + (a + b) / 6 * (y[k] * (2 - b / a) + middle + y[k + 2] * (2 - a / b))
    return total


def between(a, b):
    return np.stack([np.stack([DISTANCES["braycurtis"](u, v) for v in b]) for u in a])


def within(a):
    pairs = zip(*np.triu_indices(len(a), 1), strict=True)
    return np.stack([DISTANCES["braycurtis"](a[i], a[j]) for i, j in pairs])


WRITTEN.update({
    ("integrate", "simpson"): simpson, ("spatial.distance", "cdist"): between,
    ("spatial.distance", "pdist"): within,
    ("spatial.distance", "minkowski"): lambda u, v: np.sum(np.abs(u - v) ** 3) ** exact(
        mp.mpf(1) / 3),
})  # fmt: skip
