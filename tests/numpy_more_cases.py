"""More calls of NumPy functions, in the form of `numpy_cases.py`, which collects them.

Here are the functions that are composed of others: statistics, samples, polynomials, editing,
functions of functions, and the decompositions of linear algebra. Names and uses that an older NumPy
does not know are left out for it.
"""

import re

import numpy as np

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
NAN = "m.where(mask, c, nan)"
METHODS = (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher",
    "midpoint", "nearest",
)  # fmt: skip
# A symmetric function of its argument, so that numerical differences stay symmetric.
SYMMETRIC = "(p + p.T)"
TRANSFORMS = {
    "fft": "c", "ifft": "(c + 1j * c * c)", "rfft": "c", "irfft": "(c + 1j * c * c)",
    "hfft": "(c + 1j * c * c)", "ihfft": "c",
}  # fmt: skip
TRANSFORMS_OF_MANY = {
    "fft2": "c", "ifft2": "c", "fftn": "(c + 1j * c * c)", "ifftn": "c", "rfft2": "c", "rfftn": "c",
    "irfft2": "(c + 1j * c * c)", "irfftn": "(c + 1j * c * c)",
}  # fmt: skip
# Eigenvalues are real near this one.
REAL = "(apart + 0.1 * q)"

MORE = {
    "statistics": [
        "m.cov(c)",
        "m.cov(v)",
        "m.cov(v, u)",
        "m.cov(c, rowvar=False)",
        "m.cov(c, c * c, bias=True)",
        "m.cov(c, ddof=0)",
        "m.cov(c, fweights=[1, 2, 0, 3])",
        "m.cov(c, aweights=m.exp(d[:, 0]))",
        "m.cov(c, aweights=m.exp(d[:, 0]), ddof=0)",
        "m.cov(c, fweights=[1, 2, 1, 3], aweights=[0.5, 1.0, 2.0, 0.3])",
        "m.corrcoef(c)",
        "m.corrcoef(v, u)",
        "m.corrcoef(c, rowvar=False)",
        "m.corrcoef(v)",
        "m.histogram(v, 3, weights=u)[0]",
        "m.histogram(v, [-2.0, 0.0, 1.0, 3.0], weights=u)[0]",
        "m.histogram(v, 4, range=(-1.1, 1.2), weights=u, density=True)[0]",
        "m.histogram(v, 3, density=True)[0]",
        "m.histogram(v, 3)[1]",
        "m.histogram(v, 'sturges')[1]",
        "m.histogram_bin_edges(v, 4)",
        "m.histogram2d(v, u, 2, weights=u)[0]",
        "m.histogram2d(v, u, [2, 3], weights=u, density=True)[0]",
        "m.histogram2d(v, u, 2)[2]",
        "m.histogramdd(c.T, 2, weights=d[:, 0])[0]",
        "m.histogramdd((v, u), [2, [0.1, 1.1, 3.0]], density=True)[0]",
        "m.bincount([0, 2, 2, 5, 1], u)",
        "m.bincount([0, 2, 2, 5, 1], weights=u, minlength=8)",
    ],
    "quantiles": [
        *[f"m.quantile(c, 0.4, method='{method}')" for method in METHODS],
        *[f"m.percentile(a, [7.0, 55.0], axis=1, method='{method}')" for method in METHODS],
        *[f"m.nanquantile({NAN}, [0.3, 0.8], axis=0, method='{method}')" for method in METHODS],
        "m.quantile(v, 0.0)",
        "m.quantile(v, 1.0)",
        "m.quantile(s, 0.3)",
        "m.quantile(a, [[0.1, 0.2], [0.5, 0.6]], axis=(0, 2))",
        "m.quantile(a, [0.1, 0.85], axis=-1, keepdims=True)",
        "m.quantile(a, 0.3, axis=(1, 0), keepdims=True)",
        "m.quantile(c, s / 2)",
        "m.quantile(c, t / 2, axis=0, method='weibull')",
        "m.quantile(v, 0.6, weights=[1.0, 2.0, 0.5, 0.5, 1.0], method='inverted_cdf')",
        "m.quantile(c, [0.2, 0.6], 1, weights=[1.0, 2.0, 0.5, 0.5], method='inverted_cdf')",
        "m.percentile(c, 30)",
        "m.percentile(c, s * 50, 1)",
        f"m.nanpercentile({NAN}, 30, axis=1)",
        f"m.nanpercentile({NAN}, s * 50, axis=1, keepdims=True)",
        f"m.nanquantile({NAN}, 0.4)",
        f"m.nanmedian({NAN})",
        f"m.nanmedian({NAN}, 0, keepdims=True)",
    ],
    "nan": [
        *[
            f"m.{name}({NAN}{args})"
            for name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin")
            for args in ("", ", 0", ", axis=1, keepdims=True", ", axis=(0, 1)")
        ],
        f"m.nansum({NAN}, 1, initial=s, where=mask[::-1])",
        f"m.nanmax({NAN}, 1, initial=0.1, where=mask[::-1])",
        f"m.nanmin({NAN}, 0, initial=-0.1)",
        f"m.nanmean({NAN}, 1, where=mask[::-1])",
        f"m.nanvar({NAN}, 1, ddof=1)",
        f"m.nanstd({NAN}, 1, correction=1)",
        f"m.nancumsum({NAN})",
        f"m.nancumsum({NAN}, axis=1)",
        f"m.nancumprod({NAN}, axis=0)",
    ],
    "running": [
        "m.cumulative_sum(v)",
        "m.cumulative_sum(a, axis=1, include_initial=True)",
        "m.cumulative_prod(v, include_initial=True)",
        "m.cumulative_prod(c, axis=-1)",
    ],
    "samples": [
        "m.interp(s, [0.0, 0.5, 1.0], [1.0, 4.0, 2.0])",
        "m.interp(v * 0.9, m.sort(u), u)",
        "m.interp(c, m.sort(v), u, left=s, right=-s)",
        "m.interp(v, [0.0], [s])",
        "m.interp(c * 5, u, v, period=2.2)",
        "m.interp(c, v, u, period=s + 2.2)",
        "m.ediff1d(v)",
        "m.ediff1d(c, to_end=s, to_begin=u)",
        "m.trapezoid(v)",
        "m.trapezoid(v, u)",
        "m.trapezoid(a, dx=s, axis=1)",
        "m.trapezoid(a, row[0], axis=1)",
        "m.trapezoid(a, b, axis=0)",
        "m.unwrap(v * 5)",
        "m.unwrap(a * 5, axis=1)",
        "m.unwrap(v * 5, discont=4.0, period=s + 2)",
        "m.gradient(v)",
        "m.gradient(c)[1]",
        "m.gradient(c, axis=0)",
        "m.gradient(a, s, axis=(0, 2))[1]",
        "m.gradient(a, 0.5, m.sort(row[0]), s, edge_order=1)[1]",
        "m.gradient(v, m.sort(u), edge_order=2)",
        "m.gradient(v, s, edge_order=2)",
        "m.gradient(v, m.sort(u))",
    ],
    "convolutions": [
        *[f"m.{name}({args}, '{mode}')" for name in ("convolve", "correlate")
          for args in ("v, c[0]", "c[0], v", "v, u", "v, t[0, :2]", "t[0, :2], c[1]", "v, [1.0]")
          for mode in ("full", "same", "valid")],
        "m.convolve(v, s)",
        "m.correlate(v, u)",
    ],
    "polynomials": [
        "m.polyval(v, s)",
        "m.polyval(v, c)",
        "m.polyval([1.0, 0.0, -2.0], c)",
        "m.polyadd(v, t[0])",
        "m.polysub(t[0], v)",
        "m.polysub(v, s)",
        "m.polymul(v, t[0])",
        "m.polydiv(v, t[0])[0]",
        "m.polydiv(v, t[0])[1]",
        "m.polydiv(t[0], v)[0] + 0 * s",
        "m.polyder(v)",
        "m.polyder(v, 2)",
        "m.polyint(v)",
        "m.polyint(v, 2, s)",
        "m.polyint(v, 2, [s, 2.0])",
        "m.poly(v)",
        "m.poly(q)",
        "m.vander(v)",
        "m.vander(v, 3)",
        "m.vander(v, 4, increasing=True)",
        "m.vander(v * 0, 3)",
        "m.polyfit(v, u, 2)",
        "m.polyfit(v, m.stack([u, v * v], 1), 2)",
        "m.polyfit(v, u, 1, w=m.exp(u))",
        "m.polyfit(v, u, 1, full=True)[1]",
        "m.polyfit(v, u, 1, full=True)[3]",
        "m.polyfit(v, u, 1, cov=True)[1]",
        "m.polyfit(v, u, 1, cov='unscaled')[1]",
        "m.polyfit(v, m.stack([u, v * v], 1), 1, cov=True)[1]",
        "m.roots(cubic * (1 + 0.001 * v))",
        "m.roots(m.stack([s * 0, s, s * s - 3.0, s * 0]))",
    ],
    "editing": [
        "m.insert(v, 2, s)",
        "m.insert(v, [1, 3], u[:2])",
        "m.insert(v, [1, 1, 4], 5.0)",
        "m.insert(v, slice(0, 4, 2), u[:2])",
        "m.insert(c, 1, s)",
        "m.insert(c, 1, c[0], axis=0)",
        "m.insert(c, -1, t[0], axis=1)",
        "m.insert(c, [1], t.T, axis=1)",
        "m.insert(c, [0, 2], t.T, axis=1)",
        "m.insert(a, 0, c, axis=0)",
        "m.insert(c[0], mask[0], u[:3])",
        "m.delete(v, 2)",
        "m.delete(v, [0, -1])",
        "m.delete(c, 1, axis=0)",
        "m.delete(c, slice(None, None, 2), 1)",
        "m.delete(c, [3, 5])",
        "m.delete(v, [True, False, False, True, False])",
        "m.compress([True, False, True], c, axis=0)",
        "m.compress([False, True, True], c)",
        "m.choose(i % 2, [u[:3], v[:3]])",
        "m.choose(ij % 3, [s, c[:, :2], 2.0])",
        "m.choose([0, 1, 5], [u[:3], v[:3]], mode='clip')",
        "m.choose([0, -1, 5], [u[:3], v[:3]], mode='wrap')",
        "m.partition(m.sort(v), 2)",
        "m.resize(c, (2, 7))",
        "m.resize(v, 3)",
        "m.diagflat(c[:2, :2], 1)",
        "m.trim_zeros(m.concatenate([v * 0.0, v, v * 0.0]))",
        "m.trim_zeros(m.concatenate([v * 0.0, v, v * 0.0]), 'b')",
        "m.block([[c, m.exp(c)], [c * 2, c * c]])",
        "m.block([v, s, u])",
        "m.block([[v], [u]])",
        "m.block(c)",
        "m.unique(m.concatenate([v, u * 1.01]))",
        "m.unique(v, return_index=True, return_counts=True)[0]",
        "m.unique(m.stack([v, v, u]), axis=0)",
        "m.union1d(v, u * 1.01)",
        "m.intersect1d(m.concatenate([v, u * 1.01]), v)",
        "m.setdiff1d(m.concatenate([v, u * 1.01]), v)",
        "m.setxor1d(m.concatenate([v, u * 1.01]), v)",
        "m.unique_values(v)",
        "m.unique_counts(v).values",
        "m.unique_inverse(v)[0]",
        "m.unique_all(v).values",
    ],
    "padding": [
        *[f"m.pad(c, ((1, 2), (2, 1)), '{mode}')"
          for mode in ("linear_ramp", "maximum", "mean", "median", "minimum")],
        "m.pad(c, 3, 'linear_ramp', end_values=(s, 2.0))",
        "m.pad(c, ((1, 2), (2, 1)), 'mean', stat_length=2)",
        "m.pad(c, ((1, 2), (2, 1)), 'maximum', stat_length=((1, 2), (3, 9)))",
        "m.pad(v, (7, 9), 'reflect', reflect_type='odd')",
        "m.pad(v, (7, 12), 'symmetric', reflect_type='odd')",
        "m.pad(c, 2, 'reflect', reflect_type='odd')",
        "m.pad(c, ((0, 1), (5, 0)), 'symmetric', reflect_type='odd')",
        "m.pad(c, ((1, 2), (0, 3)), constant_values=((s, 2.0), (s * s, -1.0)))",
        "m.pad(v, 2, PAD_ENDS, scale=3.0)",
        "m.pad(c, 1, PAD_ENDS, scale=2.0)",
    ],
    "functions": [
        "m.apply_along_axis(m.cumsum, 1, a)",
        "m.apply_along_axis(m.sum, 0, c)",
        "m.apply_along_axis(lambda x: m.outer(x, x), 1, a)",
        "m.apply_over_axes(m.sum, a, [0, 2])",
        "m.piecewise(c, [c < 0, c >= 1], [lambda x: x * x, m.exp, 3.0])",
        "m.piecewise(v, [v > 0], [m.sqrt, lambda x: x * x * 2])",
        "m.piecewise(s, [s > 0], [m.exp, 0.0])",
    ],
    "elementary": [
        "m.float_power(m.abs(c), 2.5)",
        "m.float_power(t, row)",
        "m.modf(c * 3)[0]",
        "m.ldexp(c, ij[:, :1])",
        "m.ldexp(s, 3)",
        "m.frexp(c)[0]",
        "m.conj(c)",
        "m.conjugate(c)",
        "m.abs(m.conjugate(m.exp(1j * c)) + c)",
        "m.imag(m.exp(1j * c) * c)",
        "m.real(m.exp(1j * c) * c)",
        "m.angle(m.exp(1j * c) + 3.0)",
        "m.imag(m.sort_complex(m.exp(1j * v)))",
        "m.real_if_close(c)",
        "m.i0(c * 3)",
        "m.i0(s * 100) * m.exp(-100 * s)",
        "m.logspace(s, 2.0, 5)",
        "m.logspace(0.0, v, 4, base=2.0, axis=-1)",
        "m.logspace(0.0, 1.0, 4, base=s)",
        "m.logspace(u, v, 4, endpoint=False, base=m.exp(v), axis=1)",
        "m.geomspace(s, 20.0, 5)",
        "m.geomspace(t, t * 3.0, 4, axis=1)",
        "m.geomspace(-t, -t * 3.0, 4, endpoint=False)",
    ],
    "vectors": [
        "m.cross(c[:, :3], t.T[:, :1] * d.T[:, :3])",
        "m.cross(a, a + b, axis=1)",
        "m.cross(a, m.moveaxis(b, 1, 0), axisa=1, axisb=0, axisc=0)",
        "m.matvec(a, c[0])",
        "m.matvec(a, c[:2])",
        "m.vecmat(c[:, 0], c)",
        "m.vecmat(t, a)",
        "m.linalg.cross(d, d * d)",
    ],
    "decompositions": [
        f"m.linalg.eigh{SYMMETRIC}[0]",
        f"m.linalg.eigh{SYMMETRIC}[1] ** 2",
        "m.linalg.eigh(p + p.T, 'U')[0]",
        f"m.linalg.eigvalsh{SYMMETRIC}",
        "m.linalg.eigvalsh(pp + m.matrix_transpose(pp) + m.diag(t[0]))",
        # From NumPy 2.5 on, their dtype is complex also where all eigenvalues are real.
        f"m.real(m.linalg.eig({REAL})[0])",
        f"m.real(m.linalg.eig({REAL}).eigenvectors) ** 2",
        f"m.real(m.linalg.eigvals({REAL}))",
        "m.linalg.svd(c)[1]",
        "m.linalg.svd(a, False)[0] ** 2",
        "m.linalg.svd(m.matrix_transpose(a), False).Vh ** 2",
        "m.linalg.svd(q).U[:, 0] * m.linalg.svd(q).Vh[0]",
        "m.linalg.svd(d)[0][:, 3:] @ m.linalg.svd(d)[0][:, 3:].T",
        "m.linalg.svd(c)[2][3:].T @ m.linalg.svd(c)[2][3:]",
        "m.linalg.svd(a, compute_uv=False)",
        "m.linalg.svd(p + p.T, hermitian=True)[1]",
        "m.linalg.svdvals(a)",
        "m.linalg.qr(d)[0]",
        "m.linalg.qr(d).R",
        "m.linalg.qr(c)[0]",
        "m.linalg.qr(a).R",
        "m.linalg.qr(q, 'complete')[1]",
        "m.linalg.qr(m.matrix_transpose(a), 'r')",
        "m.linalg.pinv(c)",
        "m.linalg.pinv(d)",
        "m.linalg.pinv(a)",
        "m.linalg.pinv(a, rtol=1e-10)",
        "m.linalg.pinv(p + p.T, hermitian=True)",
        "m.linalg.lstsq(d, q[0])[0]",
        "m.linalg.lstsq(d, q)[0]",
        "m.linalg.lstsq(d, q)[1]",
        "m.linalg.lstsq(c, t[0], rcond=1e-12)[0]",
        "m.linalg.lstsq(d, q[0])[3]",
        *[f"m.linalg.cond(q{p})" for p in ("", ", 2", ", -2", ", 1", ", -1", ", inf", ", 'fro'")],
        "m.linalg.cond(c)",
        "m.linalg.cond(pp + m.diag(t[0]), 'nuc')",
        "m.linalg.tensorinv(m.reshape(q, (2, 2, 4)))",
        "m.linalg.tensorinv(m.reshape(q, (4, 2, 2)), ind=1)",
        "m.linalg.tensorsolve(m.reshape(q, (2, 2, 4)), c[:2, :2])",
        "m.linalg.tensorsolve(m.reshape(q, (4, 2, 2)), c[0])",
        "m.linalg.norm(q, 'nuc')",
        "m.linalg.norm(c, 2)",
        "m.linalg.norm(c, -2)",
        "m.linalg.matrix_norm(a, ord='nuc')",
    ],
}  # fmt: skip

# Of real results, with weights that tell the frequencies apart.
MORE["transforms"] = [
    f"m.abs(m.fft.{name}({args}) * (2 + 1j) + c[0, 0])"
    for name, operand in TRANSFORMS.items()
    for args in (
        operand, f"{operand}, 3", f"{operand}, 5, 0, 'ortho'", f"{operand}, norm='forward'",
    )
] + [
    f"m.abs(m.fft.{name}({args}) * (2 + 1j) + c[0, 0])"
    for name, operand in TRANSFORMS_OF_MANY.items()
    for args in (operand, f"{operand}, (2, 5), (0, 1)", f"{operand}, None, (1, 0), 'ortho'")
]

# Value 0 almost everywhere, or no derivative at all: only the values are tested.
MORE_PIECEWISE = [
    "m.modf(c * 3)[1]",
    "m.angle(c)",
    "m.angle(v, deg=True)",
    f"m.nanmax(m.where(mask[:2], {NAN}[:2], nan), 0)",
    f"m.nanmean({NAN} * nan, 0)",
    f"m.nanstd({NAN}, 0, ddof=2)",
    f"m.nanquantile({NAN} * nan, 0.5, 0)",
    f"m.quantile({NAN}, 0.5, 0)",
    f"m.median({NAN}, 0)",
    f"m.percentile({NAN}, [50.0, 20.0], 1)",
    "m.interp(v * nan, [0.0, 1.0], [1.0, 2.0])",
    "m.interp(v, [0.5, 0.5, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0])",
    "m.trim_zeros(v * 0.0)",
    "m.trim_zeros(v * 0.0, 'b')",
    "m.ldexp(m.abs(v) * 1e-300, 1500)",
    "m.fft.fftshift(v)",
    "m.fft.fftshift(c, 0)",
    "m.fft.ifftshift(v)",
    "m.fft.ifftshift(c, axes=(1,))",
]

MORE_PLAIN = [
    "m.histogram(v, 3)[0]",
    "m.histogram(v, [-1.0, 0.0, 1.0])[0]",
    "m.histogramdd(c.T, 2)[0]",
    "m.bincount([0, 2, 2])",
    "m.frexp(c)[1]",
    "m.unique(m.concatenate([v, u]), return_inverse=True)[1]",
    "m.unique_counts(v).counts",
    "m.intersect1d(m.concatenate([v, u]), u, return_indices=True)[1]",
    "m.polyfit(v, u, 1, full=True)[2]",
    "m.linalg.lstsq(d, q)[2]",
    "m.spacing(c)",
    "m.isscalar(s)",
    "m.common_type(c, v)",
    "m.tril_indices_from(c)[0]",
    "m.triu_indices_from(c, 1)[1]",
    "m.diag_indices_from(q)[0]",
]


def _known(case):
    """Does this NumPy have the functions of a case?"""
    if case.startswith("m.insert(") and "mask" in case and NUMPY < (2, 1):
        return False  # the mask would be read as positions
    names = re.findall(r"\bm\.([a-z]\w*)", case)
    return all(hasattr(np, name) for name in names)


MORE = {kind: [case for case in cases if _known(case)] for kind, cases in MORE.items()}
MORE_PIECEWISE = [case for case in MORE_PIECEWISE if _known(case)]
MORE_PLAIN = [case for case in MORE_PLAIN if _known(case)]
