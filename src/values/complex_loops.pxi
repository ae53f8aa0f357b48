# Loops over complex numbers in double precision, into pooled memory.
#
# Knows memory, and which operators are arithmetic; it must not know derivatives.  Fast because
# NumPy would ask the system for fresh pages (which cost more than the arithmetic), convert a real
# operand to complex numbers first, and look at everything once more for zeros that absorb.  What is
# not for these loops (other types, broadcasting, gaps) is left to NumPy by complex.pxi.

# Real and imaginary parts of an operand, and how many doubles further the next ones are.
cdef struct Parts:
    const double *re
    const double *im
    Py_ssize_t by_re, by_im

cdef double NO_PART = 0.0

cdef enum:
    PARTS_BLOCK = 512             # numbers whose parts are on the stack at a time


cdef bint parts_of(Array a, Array like, Parts *p) noexcept:
    """Of a number, or of an array without gaps in the shape of another; False for anything else."""
    cdef Arr *r
    cdef Arr *s = N(like).arr
    cdef bint single
    p.by_re = p.by_im = 0
    p.im = &NO_PART
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        p.re = &N(a).v
        return True
    r = N(a).arr
    if not r.flags & ARR_CONTIGUOUS or r.typenum != NPY_DOUBLE and r.typenum != NPY_CDOUBLE:
        return False
    single = r.ndim == 0
    if not single and (r.ndim != s.ndim or memcmp(ARR_SHAPE(r), ARR_SHAPE(s),
                                                  r.ndim * sizeof(Py_ssize_t)) != 0):
        return False
    p.re = <const double *>r.data
    p.by_re = 0 if single else 1
    if r.typenum == NPY_CDOUBLE:
        p.im = p.re + 1
        p.by_re = p.by_im = 0 if single else 2
    return True


cdef inline bint is_finite(double x) noexcept nogil:
    return x - x == 0.0


cdef void multiply_parts(Py_ssize_t n, double complex *out, Parts a, Parts b,
                         bint absorbs) noexcept nogil:
    """Products, in which a zero absorbs if asked for."""
    cdef Py_ssize_t i
    cdef double x, y, u, v, re, im
    for i in range(n):
        x = a.re[i * a.by_re]
        y = a.im[i * a.by_im]
        u = b.re[i * b.by_re]
        v = b.im[i * b.by_im]
        re = x * u - y * v
        im = x * v + y * u
        if absorbs and not (is_finite(re) and is_finite(im)) and (
                x == 0.0 and y == 0.0 or u == 0.0 and v == 0.0):
            re = im = 0.0
        out[i].real = re
        out[i].imag = im


cdef void add_parts(Py_ssize_t n, double complex *out, Parts a, Parts b,
                    double sign) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i].real = a.re[i * a.by_re] + sign * b.re[i * b.by_re]
        out[i].imag = a.im[i * a.by_im] + sign * b.im[i * b.by_im]


cdef void divide_parts(Py_ssize_t n, double complex *out, Parts a, Parts b) noexcept nogil:
    """Quotients by real numbers, 0 where these are 0."""
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = b.re[i * b.by_re]
        if v == 0.0:
            out[i].real = out[i].imag = 0.0
        else:
            out[i].real = a.re[i * a.by_re] / v
            out[i].imag = a.im[i * a.by_im] / v


cdef Array complex_arithmetic(int op, Array a, Array b):
    """An arithmetic operator of which an operand is complex; None where it is left to NumPy."""
    cdef Parts p, q
    cdef Array x = innermost(a), y = innermost(b), like, out
    cdef double complex *data
    cdef Py_ssize_t n
    if op != OP_ADD and op != OP_SUBTRACT and op != OP_MULTIPLY and op != OP_ZMUL \
            and op != OP_SAFE_DIVIDE:
        return None
    need(x)                       # real numbers may wait
    need(y)
    like = y if not N(x).flags & NODE_ARRAY or N(x).arr.ndim == 0 else x
    if not (N(like).flags & NODE_ARRAY and parts_of(x, like, &p) and parts_of(y, like, &q)) \
            or op == OP_SAFE_DIVIDE and is_complex(typenum_of(y)):
        return None
    out = new_array(N(like).arr.ndim, ARR_SHAPE(N(like).arr), NPY_CDOUBLE)
    data = <double complex *>N(out).arr.data
    n = N(like).arr.size
    with nogil:
        if op == OP_MULTIPLY or op == OP_ZMUL:
            multiply_parts(n, data, p, q, op == OP_ZMUL)
        elif op == OP_SAFE_DIVIDE:
            divide_parts(n, data, p, q)
        else:
            add_parts(n, data, p, q, 1.0 if op == OP_ADD else -1.0)
    return out


cdef Array numpy_into(object function, Array a, int typenum):
    """A function of NumPy of complex numbers, into pooled memory of a type."""
    cdef Array out = new_array(N(a).arr.ndim, ARR_SHAPE(N(a).arr), typenum)
    function(ndarray_of(a), out=export(out, NPY_ARRAY_WRITEABLE))
    return out


cdef inline bint lies_complex(Array a) noexcept:
    """Are these complex numbers in double precision without gaps?"""
    return N(a).flags & NODE_ARRAY and N(a).arr.typenum == NPY_CDOUBLE \
        and N(a).arr.flags & ARR_CONTIGUOUS


cdef Array part_in_order(Array a, bint imaginary):
    """The real or the imaginary part of such numbers."""
    cdef Array out = new_array(N(a).arr.ndim, ARR_SHAPE(N(a).arr), NPY_DOUBLE)
    cdef const double *p = <const double *>N(a).arr.data + (1 if imaginary else 0)
    cdef double *q = <double *>N(out).arr.data
    cdef Py_ssize_t i
    for i in range(N(a).arr.size):
        q[i] = p[2 * i]
    return out


cdef Array conjugate_in_order(Array a):
    cdef Array out = new_array(N(a).arr.ndim, ARR_SHAPE(N(a).arr), NPY_CDOUBLE)
    cdef const double complex *p = <const double complex *>N(a).arr.data
    cdef double complex *q = <double complex *>N(out).arr.data
    cdef Py_ssize_t i
    for i in range(N(a).arr.size):
        q[i].real = p[i].real
        q[i].imag = -p[i].imag
    return out


cdef Array complex_exp(Array a):
    """exp(x + iy) = exp(x) (cos(y) + i sin(y)); None where one is not finite, which NumPy knows."""
    cdef Array out = new_array(N(a).arr.ndim, ARR_SHAPE(N(a).arr), NPY_CDOUBLE)
    cdef const double complex *p = <const double complex *>N(a).arr.data
    cdef double complex *q = <double complex *>N(out).arr.data
    cdef Py_ssize_t start = 0, size = N(a).arr.size
    cdef bint fine = True
    with nogil:
        while fine and start < size:
            fine = exp_block(PARTS_BLOCK if size - start > PARTS_BLOCK else size - start,
                             q + start, p + start)
            start += PARTS_BLOCK
    return out if fine else None


cdef bint exp_block(Py_ssize_t n, double complex *q, const double complex *p) noexcept nogil:
    """The same for a block; False where one is not finite."""
    cdef double size[PARTS_BLOCK]
    cdef double sines[PARTS_BLOCK]
    cdef double cosines[PARTS_BLOCK]
    cdef double unsure = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        size[i] = p[i].real
        sines[i] = p[i].imag
    KERNELS.value[OP_EXP](n, size, size, NULL, 1, 0)
    KERNELS.pair[OP_SIN](n, sines, cosines, sines)
    for i in range(n):
        q[i].real = size[i] * cosines[i]
        q[i].imag = size[i] * sines[i]
        unsure += (q[i].real - q[i].real) + (q[i].imag - q[i].imag)
    return unsure == 0.0


# Out of or into n numbers a row there is a half spectrum of n // 2 + 1; both in rows without gaps.

cdef void mirror_half(Py_ssize_t rows, Py_ssize_t n, double complex *out,
                      const double complex *half, bint inverse) noexcept nogil:
    """Whole spectra from the first halves of those of real numbers (conjugate, for the inverse)."""
    cdef Py_ssize_t i, k
    cdef double turn = -1.0 if inverse else 1.0
    for i in range(rows):
        for k in range(n // 2 + 1):
            out[k].real = half[k].real
            out[k].imag = half[k].imag * turn
        for k in range(n // 2 + 1, n):
            out[k].real = half[n - k].real
            out[k].imag = -half[n - k].imag * turn
        out += n
        half += n // 2 + 1


cdef void fold_half(Py_ssize_t rows, Py_ssize_t n, double complex *half, const double complex *a,
                    bint inverse) noexcept nogil:
    """The half spectra of which the real numbers are the real part of what whole ones give."""
    cdef Py_ssize_t i, k
    cdef double turn = 0.5 if inverse else -0.5
    for i in range(rows):
        half[0].real = a[0].real
        half[0].imag = 0.0
        for k in range(1, n // 2 + 1):
            half[k].real = 0.5 * (a[k].real + a[n - k].real)
            half[k].imag = turn * (a[k].imag - a[n - k].imag)
        half += n // 2 + 1
        a += n
