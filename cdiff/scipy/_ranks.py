"""Filters that sort or compare: medians, ranks, extrema and grey morphology, by the image.

Each element becomes one of those around it, and has its derivative; where several are equal, the
extremum shares it as `np.max` does. They need as much memory as there are elements in all windows.
It must not know how a derivative is made.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np

from cdiff import _core
from cdiff._core import Array
from cdiff.numpy._common import as_array
from cdiff.numpy._index import sort
from cdiff.numpy._reduce import max as _largest
from cdiff.numpy._reduce import min as _smallest
from cdiff.scipy._images import as_given, image, per_axis, windows
from cdiff.scipy._mirror import mirror_of
from cdiff.scipy._need import scipy_module

__all__: list[str] = []
OF_SIGNALS: list[str] = []
_mirrors = mirror_of(scipy_module("ndimage"), __all__, keeps_integers=True)
_signals = mirror_of(scipy_module("signal"), OF_SIGNALS, keeps_integers=True)


def _footprint(size: Any, footprint: Any, count: int, name: str) -> Any:
    if footprint is not None:
        return np.asarray(footprint, bool)
    if size is None:
        raise RuntimeError(f"{name}: no footprint or filter size provided")
    return np.ones([int(n) for n in per_axis(size, count, name)], bool)


def _extreme(
    largest: bool, input: Any, size: Any, footprint: Any, structure: Any, output: Any, mode: Any,
    cval: Any, origin: Any, axes: Any, name: str,
) -> Array:  # fmt: skip
    a = image(input, output, name)
    given = as_given(a, axes, name)
    if structure is not None and footprint is None:
        footprint = np.ones(np.shape(structure), bool)
    chosen = _footprint(size, footprint, len(given), name)
    around = windows(a, chosen, mode, cval, origin, given, name)
    if structure is not None:
        heights = _core.reshape(as_array(structure), (chosen.size,))[np.flatnonzero(chosen)]
        around = around + heights if largest else around - heights
    return _largest(around, axis=-1) if largest else _smallest(around, axis=-1)


def _ranked(
    input: Any, rank: Any, size: Any, footprint: Any, output: Any, mode: Any, cval: Any,
    origin: Any, axes: Any, name: str,
) -> Array:  # fmt: skip
    a = image(input, output, name)
    given = as_given(a, axes, name)
    chosen = _footprint(size, footprint, len(given), name)
    count = int(chosen.sum())
    rank = rank(count) if callable(rank) else int(rank)
    if not -count <= rank < count:
        raise RuntimeError(f"{name}: rank {rank} is not within a footprint of {count} elements")
    around = windows(a, chosen, mode, cval, origin, given, name)
    return sort(around, axis=-1)[..., rank]


@_mirrors
def maximum_filter(
    input: Any, size: Any = None, footprint: Any = None, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.maximum_filter`: the largest element of each window, by the image.

    >>> cd.grad(lambda a: csn.maximum_filter(a, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([0., 0., 1., 0.])
    """
    return _extreme(True, input, size, footprint, None, output, mode, cval, origin, axes,
                    "maximum_filter")  # fmt: skip


@_mirrors
def minimum_filter(
    input: Any, size: Any = None, footprint: Any = None, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.minimum_filter`: the smallest element of each window, by the image.

    >>> cd.grad(lambda a: csn.minimum_filter(a, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([1., 0., 0., 0.])
    """
    return _extreme(False, input, size, footprint, None, output, mode, cval, origin, axes,
                    "minimum_filter")  # fmt: skip


@_mirrors
def maximum_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.maximum_filter1d`: along one axis, by the image.

    >>> cd.grad(lambda a: csn.maximum_filter1d(a, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([0., 0., 1., 0.])
    """
    return _extreme(True, input, size, None, None, output, mode, cval, origin, axis,
                    "maximum_filter1d")  # fmt: skip


@_mirrors
def minimum_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: Any = 0.0, origin: int = 0,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.minimum_filter1d`: along one axis, by the image.

    >>> cd.grad(lambda a: csn.minimum_filter1d(a, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([1., 0., 0., 0.])
    """
    return _extreme(False, input, size, None, None, output, mode, cval, origin, axis,
                    "minimum_filter1d")  # fmt: skip


@_mirrors
def rank_filter(
    input: Any, rank: int, size: Any = None, footprint: Any = None, output: Any = None,
    mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.rank_filter`: the element of a rank in each window, by the image.

    >>> cd.grad(lambda a: csn.rank_filter(a, 1, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([0., 1., 0., 0.])
    """
    return _ranked(input, rank, size, footprint, output, mode, cval, origin, axes, "rank_filter")


@_mirrors
def median_filter(
    input: Any, size: Any = None, footprint: Any = None, output: Any = None, mode: Any = "reflect",
    cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.median_filter`: the (upper) median of each window, by the image.

    >>> cd.grad(lambda a: csn.median_filter(a, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([0., 1., 0., 0.])
    """
    middle = lambda count: count // 2  # noqa: E731
    return _ranked(input, middle, size, footprint, output, mode, cval, origin, axes,
                   "median_filter")  # fmt: skip


@_mirrors
def percentile_filter(
    input: Any, percentile: float, size: Any = None, footprint: Any = None, output: Any = None,
    mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *, axes: Any = None,
) -> Array:  # fmt: skip
    """As `scipy.ndimage.percentile_filter`: an element of each window, by the image.

    >>> cd.grad(lambda a: csn.percentile_filter(a, 90, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([0., 0., 1., 0.])
    """
    part = percentile + 100.0 if percentile < 0 else percentile
    if not 0 <= part <= 100:
        raise RuntimeError(f"percentile_filter: invalid percentile {percentile}")

    def place(count: int) -> int:
        return min(int(count * part / 100.0), count - 1)

    return _ranked(input, place, size, footprint, output, mode, cval, origin, axes,
                   "percentile_filter")  # fmt: skip


# --- morphology -----------------------------------------------------------------------------------


def _eroded(a: Any, size: Any, footprint: Any, structure: Any, rest: tuple[Any, ...]) -> Array:
    return _extreme(False, a, size, footprint, structure, None, *rest)


def _dilated(a: Any, size: Any, footprint: Any, structure: Any, rest: tuple[Any, ...]) -> Array:
    """By the footprint turned round."""
    mode, cval, origin, axes, name = rest
    a = image(a, None, name)
    count = len(as_given(a, axes, name))
    if footprint is None and structure is not None:
        footprint = np.ones(np.shape(structure), bool)
    chosen = _footprint(size, footprint, count, name)
    turn = (slice(None, None, -1),) * chosen.ndim
    structure = None if structure is None else as_array(structure)[turn]
    back = [-o - (m % 2 == 0)
            for o, m in zip(per_axis(origin, count, name), chosen.shape, strict=True)]  # fmt: skip
    return _extreme(True, a, None, chosen[turn], structure, None, mode, cval, back, axes, name)


# What each makes of the image and of its erosion and dilation, and its value for an example.
MORPHOLOGY = {
    "grey_erosion": ("the smallest elements", lambda a, e, d: e(a), [1.0, 0.0, 0.0, 0.0]),
    "grey_dilation": ("the largest elements", lambda a, e, d: d(a), [0.0, 0.0, 1.0, 0.0]),
    "grey_opening": ("the dilation of the erosion", lambda a, e, d: d(e(a)), [0.0, 1.0, 0.0, 0.0]),
    "grey_closing": ("the erosion of the dilation", lambda a, e, d: e(d(a)), [0.0, 1.0, 0.0, 0.0]),
    "morphological_gradient": (
        "the dilation less the erosion", lambda a, e, d: d(a) - e(a), [-1.0, 0.0, 1.0, 0.0]),
    "morphological_laplace": (
        "the dilation and the erosion less twice the image", lambda a, e, d: d(a) + e(a) - 2.0 * a,
        [1.0, -2.0, 1.0, 0.0]),
    "white_tophat": (
        "the image less its opening", lambda a, e, d: a - d(e(a)), [0.0, 0.0, 0.0, 0.0]),
    "black_tophat": (
        "the closing less the image", lambda a, e, d: e(d(a)) - a, [0.0, 0.0, 0.0, 0.0]),
}  # fmt: skip


def _morphology(name: str, text: str, made: Any, example: list[float]) -> Any:
    def function(
        input: Any, size: Any = None, footprint: Any = None, structure: Any = None,
        output: Any = None, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, *,
        axes: Any = None,
    ) -> Array:  # fmt: skip
        rest = (mode, cval, origin, axes, name)
        a = image(input, output, name)
        found = made(a, lambda x: _eroded(x, size, footprint, structure, rest),
                     lambda x: _dilated(x, size, footprint, structure, rest))  # fmt: skip
        return _core.cast(found, a.dtype)  # whatever the dtype of the heights

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"As `scipy.ndimage.{name}`: {text}, by the image and the heights of the structure.\n\n"
        f">>> cd.grad(lambda a: csn.{name}(a, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))\n"
        f"{np.array(example)!r}"
    )
    return _mirrors(function)


for _name, (_text, _made, _example) in MORPHOLOGY.items():
    globals()[_name] = _morphology(_name, _text, _made, _example)


# --- of signals -----------------------------------------------------------------------------------


@_signals
def medfilt(volume: Any, kernel_size: Any = None) -> Array:
    """As `scipy.signal.medfilt`: the median of each window, zeros around, by the signal.

    >>> cd.grad(lambda x: css.medfilt(x, 3)[1])(np.array([1.0, 2.0, 4.0, 3.0]))
    array([0., 1., 0., 0.])
    """
    a = image(volume, None, "medfilt")
    sizes = per_axis(3 if kernel_size is None else kernel_size, a.ndim, "medfilt")
    if any(n % 2 != 1 for n in sizes):
        raise ValueError("Each element of kernel_size should be odd.")
    return median_filter(a, sizes, mode="constant")


@_signals
def medfilt2d(input: Any, kernel_size: Any = 3) -> Array:
    """As `scipy.signal.medfilt2d`: the median of each window of an image, zeros around.

    >>> cd.grad(lambda x: css.medfilt2d(x, [1, 3])[0, 1])(np.array([[1.0, 2.0, 4.0]]))
    array([[0., 1., 0.]])
    """
    if np.ndim(input) != 2:
        raise ValueError(f"medfilt2d: an image has two axes, got shape {np.shape(input)}")
    return medfilt(input, kernel_size)


@_signals
def order_filter(a: Any, domain: Any, rank: int) -> Array:
    """As `scipy.signal.order_filter`: the element of a rank where the domain is not zero.

    >>> cd.grad(lambda x: css.order_filter(x, np.ones(3), 2)[1])(np.array([1.0, 2.0, 4.0]))
    array([0., 0., 1.])
    """
    domain = np.asarray(domain)
    if any(n % 2 != 1 for n in domain.shape):
        raise ValueError("Each dimension of domain argument should have an odd number of elements.")
    return rank_filter(a, rank, footprint=domain, mode="constant")


__all__.sort()
