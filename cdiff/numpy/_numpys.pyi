"""The names of `cdiff.numpy` that are NumPy's own, for type checkers and editors.

No module: when Python runs, any name of NumPy is found. It must not know a name that cdiff has.
"""

from numpy import (  # noqa: I001 -- names, and nothing else
    False_ as False_, True_ as True_, ScalarType as ScalarType, asmatrix as asmatrix,
    bartlett as bartlett, base_repr as base_repr, binary_repr as binary_repr,
    blackman as blackman, bmat as bmat, broadcast as broadcast, byte as byte, bytes_ as bytes_,
    cdouble as cdouble, character as character, clongdouble as clongdouble,
    complexfloating as complexfloating, csingle as csingle, datetime64 as datetime64,
    diag_indices as diag_indices, flatiter as flatiter, flexible as flexible,
    float16 as float16, floating as floating,
    format_float_positional as format_float_positional,
    format_float_scientific as format_float_scientific, frombuffer as frombuffer,
    fromfile as fromfile, frompyfunc as frompyfunc, fromstring as fromstring,
    generic as generic, genfromtxt as genfromtxt, get_printoptions as get_printoptions,
    geterr as geterr, half as half, hamming as hamming, hanning as hanning, indices as indices,
    inexact as inexact, int_ as int_, intc as intc, issubdtype as issubdtype,
    iterable as iterable, load as load, loadtxt as loadtxt, long as long,
    longdouble as longdouble, longlong as longlong, ma as ma, mask_indices as mask_indices,
    matrix as matrix, memmap as memmap, mgrid as mgrid, min_scalar_type as min_scalar_type,
    ndarray as ndarray, ndenumerate as ndenumerate, ndindex as ndindex, nditer as nditer,
    number as number, object_ as object_, ogrid as ogrid, poly1d as poly1d,
    printoptions as printoptions, save as save, savetxt as savetxt, savez as savez,
    savez_compressed as savez_compressed, set_printoptions as set_printoptions,
    seterr as seterr, short as short, signedinteger as signedinteger, str_ as str_,
    testing as testing, timedelta64 as timedelta64, tril_indices as tril_indices,
    triu_indices as triu_indices, typing as typing, ubyte as ubyte, ufunc as ufunc,
    uint as uint, uintc as uintc, uintp as uintp, ulong as ulong, ulonglong as ulonglong,
    unsignedinteger as unsignedinteger, ushort as ushort, void as void,
)  # fmt: skip
