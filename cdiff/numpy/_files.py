"""Which file of this package has which function: all that ``import cdiff.numpy`` knows of most.

A file is imported when one of its names is first asked for: by ``cdiff.numpy.<name>``, or by the
core, that found NumPy's function of that name called on an `Array`. The lists are those of the
files' ``__all__``, which the tests compare. This file imports nothing, so that asking is cheap.
"""

from __future__ import annotations

__all__ = ["FILES", "PACKAGES", "WHERE"]

# Namespaces of their own; what stands in them is not looked for here.
PACKAGES = ("emath", "fft", "linalg", "polynomial", "random")

FILES = {
    "_concatenator": "c_ r_",
    "_convolve": "convolve correlate",
    "_creation": """
        arange array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray astype
        copy empty empty_like eye from_dlpack fromfunction fromiter full full_like geomspace
        identity ix_ linspace logspace meshgrid ones ones_like require tri zeros zeros_like
    """,
    "_edit": "block choose compress delete diagflat insert partition resize trim_zeros",
    "_einsum": "einsum",
    "_elementary": "angle conj conjugate fabs float_power frexp i0 kaiser ldexp modf real_if_close",
    "_exponentials": "log_softmax logsumexp softmax",
    "_flat": "ndenumerate",
    "_functional": "apply_along_axis apply_over_axes piecewise vectorize",
    "_in_place": "copyto fill_diagonal place put put_along_axis putmask",
    "_index": """
        clip diag diagonal diff extract median select sort sort_complex take take_along_axis tril
        triu where
    """,
    "_interpolate": "ediff1d gradient interp trapezoid unwrap",
    "_linalg": "cross dot inner kron matmul matvec outer tensordot trace vdot vecdot vecmat",
    "_nan": "nancumprod nancumsum nanmax nanmean nanmin nanprod nanstd nansum nanvar",
    "_pad": "pad",
    "_polynomial": """
        poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots vander
    """,
    "_quantile": "nanmedian nanpercentile nanquantile percentile quantile",
    "_reduce": """
        amax amin average cumprod cumsum cumulative_prod cumulative_sum max mean min prod ptp std
        sum var
    """,
    "_rounding": "around divmod fix imag nan_to_num real round",
    "_sets": """
        intersect1d setdiff1d setxor1d union1d unique unique_all unique_counts unique_inverse
        unique_values
    """,
    "_shape": """
        append atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_to column_stack
        concat concatenate dstack expand_dims flip fliplr flipud hstack matrix_transpose
        moveaxis permute_dims ravel repeat reshape roll rollaxis rot90 squeeze stack swapaxes
        tile transpose vstack
    """,
    "_splitting": "array_split dsplit hsplit split unstack vsplit",
    "_statistics": "bincount corrcoef cov histogram histogram2d histogram_bin_edges histogramdd",
    "_values": """
        all allclose any argmax argmin argpartition argsort argwhere array2string array_equal
        array_equiv array_repr array_str bitwise_and bitwise_count bitwise_invert bitwise_left_shift
        bitwise_not bitwise_or bitwise_right_shift bitwise_xor can_cast common_type count_nonzero
        diag_indices_from digitize einsum_path flatnonzero gcd invert isclose iscomplex iscomplexobj
        isfortran isin isneginf isposinf isreal isrealobj isscalar lcm left_shift lexsort
        logical_and logical_not logical_or logical_xor may_share_memory nanargmax nanargmin ndim
        nextafter nonzero packbits ravel_multi_index result_type right_shift searchsorted shape
        shares_memory size spacing tril_indices_from triu_indices_from unpackbits unravel_index
    """,
}

WHERE = {name: file for file, names in FILES.items() for name in names.split()}
