# Complex numbers: values of elementwise operators of which an operand is complex, of the operators
# between real and complex arrays, and of the Fourier transforms.
#
# Knows which rows of the table have a meaning for complex operands; derivatives live in the table,
# never here.  Complex values always lie in array blocks, also single ones, and are computed by
# complex_loops.pxi or by NumPy: so nothing in the paths of real numbers asks for them before it has
# found that they cannot be taken.

cdef int NEAR_ZERO = 24           # how far from 0 the integral of sinc is taken


cdef inline int real_typenum(int typenum) noexcept nogil:
    """The type of the real part."""
    if typenum == NPY_CDOUBLE:
        return NPY_DOUBLE
    return NPY_FLOAT if typenum == NPY_CFLOAT else typenum


cdef inline int complex_typenum(int typenum) noexcept nogil:
    """The type of a complex number with such a real part."""
    return NPY_CFLOAT if typenum == NPY_FLOAT or typenum == NPY_CFLOAT else NPY_CDOUBLE


cdef inline bint holds_complex(Array a) noexcept:
    return a is not None and is_complex(typenum_of(innermost(a)))


# ---------------------------------------------------------------- elementwise operators

cdef Array complex_elementwise(int op, Array a, Array b):
    """An elementwise operator of which an operand is complex."""
    cdef Array y
    if OP_COMPLEX[op] == COMPLEX_MADE:
        return MADE_COMPLEX[op](a)
    if OP_COMPLEX[op] == COMPLEX_REFUSED:
        refuse_complex(op_name(op), a if holds_complex(a) else b)
    y = complex_value(op, a, b)
    if not has_partial(op):
        return only_traced(y, op, [a] if b is None else [a, b], None)
    return record_array(op, y, strong(a, y), strong(b, y))


cdef int refuse_complex(str name, Array a) except -1:
    raise bad_dtype(f"{name} is not defined for complex numbers (dtype {dtype_of(a)}, shape "
                    f"{shape_tuple(a)}); take x.real or x.imag, or the absolute value")


cdef int check_seed_type(Array y, Array seed) except -1:
    """Ones go without saying as a seed of a real array only, and a complex seed does not fit it."""
    if seed is None and holds_complex(y):
        raise bad_dtype(f"backward: the array is complex (dtype {dtype_of(y)}); give the seed v, "
                        f"or call backward on something real such as abs(y)")
    if seed is not None and holds_complex(seed) and not holds_complex(y):
        raise bad_dtype(f"backward: the seed v is complex, but the array is real ({dtype_of(y)}); "
                        f"give the real part")
    return 0


cdef Array strong(Array a, Array y):
    """A Python complex number among the operands as a constant in the dtype of the result."""
    if a is None or not N(a).flags & NODE_WEAK or not holds_complex(a):
        return a
    return wrap_ndarray(ndarray_of(a).astype(dtype_of(y)))


cdef Array complex_value(int op, Array a, Array b):
    cdef object function
    cdef Array y
    if tells():
        tell_errors(op, N(a), NULL if b is None else N(b))
    y = None if b is None else complex_arithmetic(op, a, b)
    if y is not None:
        return y
    function = COMPLEX_VALUES.get(op)
    if b is None and function is None and lies_complex(innermost(a)) and has_partial(op):
        y = complex_exp(innermost(a)) if op == OP_EXP else None
        if y is not None:
            return y
        with np.errstate(all="ignore"):
            return numpy_into(NUMPY_UFUNCS[op], innermost(a), NPY_CDOUBLE)
    operands = [numpy_operand(a)] if b is None else [numpy_operand(a), numpy_operand(b)]
    try:
        with np.errstate(all="ignore"):
            return plain_node((NUMPY_UFUNCS[op] if function is None else function)(*operands))
    except ValueError as error:
        raise with_operands(error)


def _zmul(a, b):
    y = np.multiply(a, b)
    if np.isfinite(y).all():
        return y
    return np.where(np.equal(a, 0) | np.equal(b, 0), y.dtype.type(0), y)


def _by_real(a, b):
    """a / b by parts: NumPy multiplies with 1 / b, which overflows for the smallest numbers."""
    y = np.empty(np.broadcast_shapes(np.shape(a), np.shape(b)), np.result_type(a, b))
    np.divide(np.real(a), b, out=y.real)
    np.divide(np.imag(a), b, out=y.imag)
    return y


def _safe_divide(a, b):
    y = np.divide(a, b) if np.iscomplexobj(b) else _by_real(a, b)
    zero = np.equal(b, 0)
    return np.where(zero, y.dtype.type(0), y) if zero.any() else y


def _safe_subtract(a, b):
    y = np.subtract(a, b)
    return y if np.isfinite(y).all() else np.where(np.equal(a, b), y.dtype.type(0), y)


def _power_log(a, b):
    dtype = np.result_type(a, b)
    y = _zmul(np.power(a, b), np.log(np.asarray(a, dtype)))
    return np.where(np.equal(a, 0) & np.equal(b, 0), y.dtype.type(0), y)


def _tanh_slope(a):
    smaller = np.exp(np.where(np.real(a) > 0, -a, a))
    return np.square(2 * smaller / (1 + np.square(smaller)))


def _sinc_derivative(a, order):
    """The derivative of sinc: an integral near 0, where the closed form cancels."""
    cdef object z = np.asarray(a, np.complex128) * np.pi
    n = int(order)
    near = np.abs(z) <= NEAR_ZERO + n
    y = np.where(near, _sinc_integral(np.where(near, z, 0), n),
                 _sinc_closed(np.where(near, 1, z), n))
    return (np.pi**n * y).astype(np.result_type(a))


def _sinc_integral(z, n):
    """The integral of t**n cos(z t + n pi / 2) from 0 to 1, by Gauss's rule."""
    t, w = np.polynomial.legendre.leggauss(24 + NEAR_ZERO + n)
    t = 0.5 * (t + 1)
    return np.sum(0.5 * w * t**n * np.cos(z[..., None] * t + 0.5 * np.pi * n), axis=-1)


def _sinc_closed(z, n):
    """Leibniz's rule for sin(z) / z: derivative k of 1 / z is (-1)**k k! / z**(k + 1)."""
    cdef object y = 0
    cdef double factor = 1.0
    for k in range(n + 1):
        y = y + factor / z**(k + 1) * np.sin(z + 0.5 * np.pi * (n - k))
        factor *= k - n
    return y


# Rows that NumPy has no ufunc for.
cdef dict COMPLEX_VALUES = {
    OP_ZMUL: _zmul, OP_SAFE_DIVIDE: _safe_divide, OP_SAFE_SUBTRACT: _safe_subtract,
    OP_POWER_LOG: _power_log, OP_TANH_SLOPE: _tanh_slope, OP_SINC: np.sinc,
    OP_SINC_DERIVATIVE: _sinc_derivative}


# ---------------------------------------------------------------- between real and complex

cdef Array value_conj(Array a, list operands, object attrs):
    return conjugate_in_order(a) if lies_complex(a) else wrap_result(np.conjugate(ndarray_of(a)))


cdef Array apply_conj(Array a):
    return apply1(OP_CONJ, a, None) if holds_complex(a) else a


cdef Array value_real(Array a, list operands, object attrs):
    if lies_complex(a):
        return part_in_order(a, False)
    return wrap_ndarray(np.array(np.real(ndarray_of(a))))


cdef Array value_imag(Array a, list operands, object attrs):
    if lies_complex(a):
        return part_in_order(a, True)
    return wrap_ndarray(np.array(np.imag(ndarray_of(a))))


cdef Array value_turned(Array a, list operands, object attrs):
    cdef np.ndarray out = np.zeros(shape_tuple(a), np.PyArray_DescrFromType(
        complex_typenum(typenum_of(a))))
    out.imag = ndarray_of(a)
    return wrap_ndarray(out)


cdef Array value_modulus(Array a, list operands, object attrs):
    if lies_complex(a):
        return numpy_into(np.abs, a, NPY_DOUBLE)
    return wrap_result(np.abs(ndarray_of(a)))


cdef Array complex_part(int op, Array a):
    """The real or the imaginary part of a complex node, of which users may not assign parts: NumPy
    would change the whole number."""
    cdef Array out = apply1(op, a, None), value = innermost(out)
    if N(value).op == OP_CONST and N(value).flags & NODE_ARRAY:
        N(value).op = <uint8_t>op
    return out


cdef Array imaginary_part(Array a):
    """The imaginary part of any node, differentiable; zeros of a real one."""
    return complex_part(OP_IMAG, a) if holds_complex(a) else zeros_like_node(a)


# ---------------------------------------------------------------- Fourier transforms

cdef Array rows_of_length(Arr *r, Py_ssize_t n, int typenum):
    """Room for as many rows of n numbers of a type."""
    cdef Py_ssize_t shape[MAX_NDIM]
    memcpy(shape, ARR_SHAPE(r), r.ndim * sizeof(Py_ssize_t))
    shape[r.ndim - 1] = n
    return new_array(r.ndim, shape, typenum)


cdef Array fft_of_real(Array a, bint inverse, str norm):
    """The transform of contiguous rows of real numbers, by that to their half spectra."""
    cdef Arr *r = N(a).arr
    cdef Py_ssize_t n = ARR_SHAPE(r)[r.ndim - 1]
    cdef Array half = rows_of_length(r, n // 2 + 1, NPY_CDOUBLE)
    cdef Array out = rows_of_length(r, n, NPY_CDOUBLE)
    np.fft.rfft(ndarray_of(a), norm=other_way(norm) if inverse else norm,
                out=export(half, NPY_ARRAY_WRITEABLE))
    mirror_half(r.size // n, n, <double complex *>N(out).arr.data,
                <double complex *>N(half).arr.data, inverse)
    return out


cdef Array real_of_fft(Array a, bint inverse, str norm):
    """The real part of the transform of contiguous rows, by that from their half spectra."""
    cdef Arr *r = N(a).arr
    cdef Py_ssize_t n = ARR_SHAPE(r)[r.ndim - 1]
    cdef Array half = rows_of_length(r, n // 2 + 1, NPY_CDOUBLE)
    cdef Array out = rows_of_length(r, n, NPY_DOUBLE)
    fold_half(r.size // n, n, <double complex *>N(half).arr.data, <double complex *>r.data, inverse)
    np.fft.irfft(ndarray_of(half), n, norm=norm if inverse else other_way(norm),
                 out=export(out, NPY_ARRAY_WRITEABLE))
    return out


cdef inline bint in_rows(Arr *r, tuple axes, int typenum):
    """Is it the last axis of contiguous rows of a type that is to be transformed?"""
    return len(axes) == 1 and axes[0] == r.ndim - 1 and r.typenum == typenum \
        and r.flags & ARR_CONTIGUOUS and r.size


cdef Array value_fft(Array a, list operands, object attrs):
    cdef tuple axes = attrs[0]
    cdef np.ndarray x, y
    cdef Array out = None
    cdef Py_ssize_t last = len(axes) - 1
    if in_rows(N(a).arr, axes, NPY_DOUBLE):
        return fft_of_real(a, attrs[1], attrs[2])
    x = ndarray_of(a)
    if not axes:
        return wrap_result(np.fft.fftn(x, axes=axes))
    function = np.fft.ifft if attrs[1] else np.fft.fft
    if not is_complex(N(a).arr.typenum):
        y = x = function(x, axis=axes[last], norm=attrs[2])
        axes = axes[:last]
    else:
        out = new_array(N(a).arr.ndim, ARR_SHAPE(N(a).arr), N(a).arr.typenum)
        y = export(out, NPY_ARRAY_WRITEABLE)
    for axis in reversed(axes):          # as NumPy's fftn, of which this is the body
        function(x, axis=axis, norm=attrs[2], out=y)
        x = y
    return wrap_result(y) if out is None else out


cdef Array value_spectrum(Array a, list operands, object attrs):
    if attrs[3] and in_rows(N(a).arr, attrs[0], NPY_CDOUBLE):
        return real_of_fft(a, attrs[1], attrs[2])
    a = value_fft(a, operands, attrs)
    return value_real(a, operands, None) if attrs[3] else a


cdef Array value_rfft(Array a, list operands, object attrs):
    cdef Arr *r = N(a).arr
    cdef Array out
    if not in_rows(r, attrs[:1], NPY_DOUBLE):
        return wrap_result(np.fft.rfft(ndarray_of(a), axis=attrs[0], norm=attrs[1]))
    out = rows_of_length(r, ARR_SHAPE(r)[r.ndim - 1] // 2 + 1, NPY_CDOUBLE)
    np.fft.rfft(ndarray_of(a), norm=attrs[1], out=export(out, NPY_ARRAY_WRITEABLE))
    return out


cdef Array value_irfft(Array a, list operands, object attrs):
    cdef Array out
    if not in_rows(N(a).arr, attrs[:1], NPY_CDOUBLE):
        return wrap_result(np.fft.irfft(ndarray_of(a), attrs[1], axis=attrs[0], norm=attrs[2]))
    out = rows_of_length(N(a).arr, attrs[1], NPY_DOUBLE)
    np.fft.irfft(ndarray_of(a), attrs[1], norm=attrs[2], out=export(out, NPY_ARRAY_WRITEABLE))
    return out
