"""`scipy.fft`: Fourier, cosine, sine and Hankel transforms with SciPy's names.

The Fourier transforms are those of `cdiff.numpy.fft`. Cosine, sine and Hankel transforms are linear
operators whose values are SciPy's; their transposes are transforms of the same family. Plain
arguments go to SciPy itself; `overwrite_x`, `workers` and `plan` are taken and have no effect on
Arrays. Frequencies and lengths are SciPy's own names.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> import cdiff.scipy.fft as csf
>>> cd.grad(lambda x: csf.dct(x, type=3)[0])(np.zeros(3))
array([1.        , 1.73205081, 1.        ])
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import operator
from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array, Callee, call
from cdiff._transformations._mapped import PointCallee
from cdiff.numpy import fft as _numpy_fft
from cdiff.numpy._common import as_array, axes_of, axis_of
from cdiff.numpy.fft import OTHER_WAY, lengths_of, of_length
from cdiff.scipy._mirror import mirror_of, no_keywords
from cdiff.scipy._need import scipy_module

_fft = scipy_module("fft")
__all__: list[str] = []
_mirrors = mirror_of(_fft, __all__)


class _Linear(PointCallee):
    """A linear map of one operand, which applies to the last axes: so to many points at once."""

    def batched(self, n: int, flags: tuple[bool, ...]) -> Callee:
        return self

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        return None if tangents[0] is None else call(self, [tangents[0]])


# --- cosine and sine transforms -------------------------------------------------------------------

# The type of the transpose. Where the ends are not scaled to make a transform orthogonal, they have
# a factor of their own in it, before and after: those of a cosine transform at the start (type 1:
# at both ends), those of a sine transform at the end.
TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}
END_FACTORS = {1: (2.0, 0.5), 2: (2.0, 1.0), 3: (1.0, 0.5), 4: (1.0, 1.0)}


class RealTransform(_Linear):
    """A cosine or sine transform along one axis, counted from the end.

    Parameters
    ----------
    name : str
        "dct" or "dst".
    kind : int
        The type, 1 to 4.
    axis : int
        Negative.
    norm : str
        "backward", "ortho" or "forward".
    orthogonal : bool
        As `orthogonalize`.
    """

    def __init__(self, name: str, kind: int, axis: int, norm: str, orthogonal: bool) -> None:
        if name not in ("dct", "dst") or kind not in TRANSPOSED or norm not in OTHER_WAY:
            raise ValueError(f"there is no {name!r:.40} of type {kind!r:.40}, norm {norm!r:.40}")
        self.options = (name, kind, axis, norm, orthogonal)

    def __reduce__(self) -> Any:
        return RealTransform, self.options

    def __repr__(self) -> str:
        return f"{self.options[0]} of type {self.options[1]}"

    def value(self, arrays: list[Any]) -> Any:
        name, kind, axis, norm, orthogonal = self.options
        transform = getattr(_fft, name)
        return transform(arrays[0], kind, axis=axis, norm=norm, orthogonalize=orthogonal)

    def ends(self, n: int, factor: float) -> Any:
        """Ones along the axis, but for the ends."""
        name, kind, axis, _, _ = self.options
        weights = np.ones(n)
        weights[0 if name == "dct" else -1] = factor
        if kind == 1:
            weights[-1] = factor
        return weights.reshape((n, *(1,) * (-axis - 1)))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        name, kind, axis, norm, orthogonal = self.options
        back = RealTransform(name, TRANSPOSED[kind], axis, norm, orthogonal)
        before, after = END_FACTORS[kind]
        if orthogonal or before == after or (name, kind) == ("dst", 1):
            return [call(back, [g])]
        n = y.shape[axis]
        first, last = [self.ends(n, f).astype(y.real.dtype) for f in (before, after)]
        return [last * call(back, [first * g])]


def _transformed(
    name: str, x: Any, kind: int, n: Any, axis: int, norm: Any, orthogonalize: Any, inverse: bool
) -> Array:
    """One of dct, dst and their inverses along one axis."""
    label = f"i{name}" if inverse else name
    x = as_array(x)
    x = x if x.dtype.kind in "fc" else _core.cast(x, float)
    if kind not in TRANSPOSED:
        raise ValueError(f"{label}: invalid type {kind!r}; it is 1, 2, 3 or 4")
    norm = "backward" if norm is None else norm
    if norm not in OTHER_WAY:
        raise ValueError(f"{label}: Invalid norm value {norm!r}")
    axis = axis_of(x, axis, label)
    x = of_length(x, x.shape[axis] if n is None else operator.index(n), axis, label)
    orthogonal = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
    if inverse:
        kind, norm = TRANSPOSED[kind], OTHER_WAY[norm]
    return call(RealTransform(name, kind, axis - x.ndim, norm, orthogonal), [x])


def _one_axis(name: str, inverse: bool) -> Any:
    def transform(
        x: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, orthogonalize: Any = None,
    ) -> Array:  # fmt: skip
        return _transformed(name, x, type, n, axis, norm, orthogonalize, inverse)

    return _named(transform, f"i{name}" if inverse else name)


def _many_axes(name: str, inverse: bool) -> Any:
    label = f"i{name}n" if inverse else f"{name}n"

    def transform(
        x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, *, orthogonalize: Any = None,
    ) -> Array:  # fmt: skip
        x = as_array(x)
        s, axes = _listed(x, s, axes, label)
        for n, axis in zip(*lengths_of(x, s, axes, label), strict=True):
            x = _transformed(name, x, type, n, axis, norm, orthogonalize, inverse)
        return x

    return _named(transform, label)


def _listed(x: Array, s: Any, axes: Any, name: str) -> tuple[Any, Any]:
    """Lengths and axes as SciPy takes them: numbers too, and no axis twice."""
    s = s if s is None or np.iterable(s) else (s,)
    axes = axes if axes is None or np.iterable(axes) else (axes,)
    if s is not None and any(n is None for n in s):
        raise ValueError(f"{name}: s is made of integers, not {s!r}")
    if axes is not None:
        axes_of(x, tuple(axes), name)
    return s, axes


# The results of the examples: of an array that s multiplies, the derivative of one element by s.
_SHOWN = {
    "dct": -27.7128, "dctn": 72.0, "dst": -27.7128, "dstn": 72.0, "fft": -11.5, "fft2": 9.0,
    "fftn": 9.0, "fht": 2.8932, "hfft": -16.0, "hfft2": 75.1577, "hfftn": 75.1577, "idct":
    -6.8333, "idctn": 4.8889, "idst": -1.1667, "idstn": -0.4444, "ifft": -3.8333, "ifft2": 1.0,
    "ifftn": 1.0, "ifht": 2.8932, "ihfft": -3.8333, "ihfft2": 1.0, "ihfftn": 1.0, "irfft": -4.0,
    "irfft2": 6.2631, "irfftn": 6.2631, "rfft": -11.5, "rfft2": 9.0, "rfftn": 9.0,
}  # fmt: skip


def _named(transform: Any, name: str) -> Any:
    transform.__name__ = transform.__qualname__ = name
    of = f"{name}(s * np.arange(9.0).reshape(3, 3) ** 2)[1, 1].real"
    if "fht" in name:
        of = f"{name}(s * np.arange(1.0, 4.0), 0.1, 0.0)[0]"
    transform.__doc__ = (
        f"As `scipy.fft.{name}`.\n\n>>> round(cd.grad(lambda s: csf.{of})(1.0), 4)\n{_SHOWN[name]}"
    )
    return _mirrors(transform)


dct, idct = _one_axis("dct", False), _one_axis("dct", True)
dst, idst = _one_axis("dst", False), _one_axis("dst", True)
dctn, idctn = _many_axes("dct", False), _many_axes("dct", True)
dstn, idstn = _many_axes("dst", False), _many_axes("dst", True)


# --- Hankel transforms ----------------------------------------------------------------------------


class Hankel(_Linear):
    """The fast Hankel transform along the last axis, or its inverse: a symmetric matrix.

    It is a circular convolution, read backward, between two equal diagonals.

    Parameters
    ----------
    name : str
        "fht" or "ifht".
    *options
        dln, mu, offset and bias.
    """

    def __init__(self, name: str, *options: float) -> None:
        if name not in ("fht", "ifht"):
            raise ValueError(f"{name!r:.40} is no Hankel transform")
        self.name = name
        self.options = options

    def __reduce__(self) -> Any:
        return Hankel, (self.name, *self.options)

    def __repr__(self) -> str:
        return self.name

    def value(self, arrays: list[Any]) -> Any:
        return np.asarray(getattr(_fft, self.name)(arrays[0], *self.options))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return [call(self, [g])]


def _hankel(name: str) -> Any:
    def transform(a: Any, dln: Any, mu: Any, offset: Any = 0.0, bias: Any = 0.0) -> Array:
        for label, option in (("dln", dln), ("mu", mu), ("offset", offset), ("bias", bias)):
            if isinstance(option, Array):
                raise NotImplementedError(f"{name}: there is no derivative by {label}")
        a = as_array(a)
        found = call(Hankel(name, dln, mu, offset, bias), [_core.cast(a, float)])
        return _core.cast(found, a.dtype) if a.dtype == np.float32 and not bias else found

    return _named(transform, name)


fht, ifht = _hankel("fht"), _hankel("ifht")


# --- Fourier transforms ---------------------------------------------------------------------------


def _fourier(name: str) -> Any:
    """A transform of one axis, with NumPy's rules."""
    original = getattr(_numpy_fft, name)

    def transform(
        x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None,
    ) -> Array:  # fmt: skip
        no_keywords(name, plan=(plan, None))
        return original(x, n, axis, norm)

    return _named(transform, name)


def _fourier_of_many(name: str, function: Any, default: Any) -> Any:
    """A transform of several axes; `function` takes (x, s, axes, norm)."""

    def transform(
        x: Any, s: Any = None, axes: Any = default, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None,
    ) -> Array:  # fmt: skip
        no_keywords(name, plan=(plan, None))
        x = as_array(x)
        return function(x, *_listed(x, s, axes, name), norm)

    return _named(transform, name)


def _other_norm(norm: Any) -> Any:
    return OTHER_WAY.get("backward" if norm is None else norm, norm)


def _hermitian(x: Array, s: Any, axes: Any, norm: Any) -> Array:
    return _numpy_fft.irfftn(_core.conj(x), s, axes, _other_norm(norm))


def _inverse_hermitian(x: Array, s: Any, axes: Any, norm: Any) -> Array:
    return _core.conj(_numpy_fft.rfftn(x, s, axes, _other_norm(norm)))


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    globals()[_name] = _fourier(_name)
for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    _function = getattr(_numpy_fft, _name)
    globals()[_name] = _fourier_of_many(_name, _function, None)
    globals()[_name[:-1] + "2"] = _fourier_of_many(_name[:-1] + "2", _function, (-2, -1))
for _name, _function in (("hfft", _hermitian), ("ihfft", _inverse_hermitian)):
    globals()[_name + "n"] = _fourier_of_many(_name + "n", _function, None)
    globals()[_name + "2"] = _fourier_of_many(_name + "2", _function, (-2, -1))


@_mirrors
def fftshift(x: Any, axes: Any = None) -> Array:
    """As `scipy.fft.fftshift`: frequency 0 in the middle.

    >>> cd.grad(lambda x: csf.fftshift(x)[0])(np.zeros(3))
    array([0., 0., 1.])
    """
    return _numpy_fft.fftshift(x, axes)


@_mirrors
def ifftshift(x: Any, axes: Any = None) -> Array:
    """As `scipy.fft.ifftshift`: the inverse of `fftshift`.

    >>> cd.grad(lambda x: csf.ifftshift(x)[0])(np.zeros(3))
    array([0., 1., 0.])
    """
    return _numpy_fft.ifftshift(x, axes)


__all__.sort()


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(_fft, name):
        raise AttributeError(f"module 'cdiff.scipy.fft' has no attribute {name!r}")
    return getattr(_fft, name)


def __dir__() -> list[str]:
    return sorted(__all__)
