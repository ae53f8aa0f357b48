# Types of instructions: from the operands' types and the attributes to the
# dtype and shape of the result, or an error that names what does not fit.
#
# Knows what each operator accepts; it must not know programs, nor how a value
# is computed.  Attributes are not trusted: what passes here can be run without
# reading outside any array, except that rows of gather and scatter_add which
# are computed must be looked at when they are there.  Fast enough because the
# dtype rules are remembered, and because numbers never come here.

ctypedef tuple (*infer_fn)(str name, list types, object attrs)

cdef infer_fn INFER[N_OPS]
cdef object LONGEST_STEP = 1 << 40   # of a slice; longer than any axis
cdef dict _dtype_rules = {}       # (operator, dtypes, weak) -> the dtypes that the result may have


cdef tuple infer_type(int op, list types, unsigned int weak, object attrs):
    """(typenum, shape) of an operator's result; bit k of `weak`: operand k is a weak number.

    A question about an array is a boolean, one about numbers a number.
    """
    cdef tuple shape
    cdef str name = op_name(op)
    if op >= N_ELEMENTWISE:
        if op == OP_CALL or INFER[op] == NULL:
            raise TypeError(f"{name}: the type of its result is not known")
        if OP_NARGS[op] != MANY and len(types) != OP_NARGS[op]:
            raise TypeError(f"{name} takes {OP_NARGS[op]} operands, not {len(types)}")
        return INFER[op](name, types, attrs)
    if len(types) != OP_NARGS[op]:
        raise TypeError(f"{name} takes {OP_NARGS[op]} operands, not {len(types)}")
    shape = joint_shapes(name, types)
    if OP_LESS <= op <= OP_SIGNBIT:
        for k in range(len(types)):
            if types[k] != (NPY_DOUBLE, ()):
                return (NPY_BOOL, shape)
        return (NPY_DOUBLE, ())
    return (dtype_choices(op, types, weak)[0], shape)


cdef bint type_accepted(tuple stated, int op, list types, unsigned int weak,
                        object attrs) except -1:
    """May the result have this type?  Questions may be floats, a weak number may be an integer."""
    cdef tuple found = infer_type(op, types, weak, attrs)
    if stated == found:
        return True
    if op >= N_ELEMENTWISE or stated[1] != found[1]:
        return False
    if OP_LESS <= op <= OP_SIGNBIT and stated[0] == NPY_BOOL:
        return True
    return stated[0] in dtype_choices(op, types, weak)


cdef tuple joint_shapes(str name, list types):
    cdef tuple t, shape = ()
    for t in types:
        try:
            shape = joint_shape(shape, t[1])
        except ValueError:
            shapes = ", ".join([str(t[1]) for t in types])
            raise ValueError(f"{name}: operands of shapes {shapes} do not broadcast") from None
    return shape


# ---------------------------------------------------------------- dtypes

cdef tuple dtype_choices(int op, list types, unsigned int weak):
    """The dtypes that an elementwise result may have, the likeliest first."""
    cdef tuple key = (op, weak, tuple([(<tuple>t)[0] for t in types]))
    cdef object found = _dtype_rules.get(key)
    if found is None:
        found = _dtype_rules[key] = find_dtype_choices(op, list(key[2]), weak)
    return found


cdef tuple find_dtype_choices(int op, list typenums, unsigned int weak):
    """Floats decide as in result_typenum; without any, NumPy's rules for integers hold."""
    cdef list deciding = []
    cdef bint found = False
    cdef bint single = False, double = False, floats = False
    cdef int k
    cdef int first = 1 if op == OP_WHERE else 0
    for k in range(first, <int>len(typenums)):
        if not weak >> k & 1:
            deciding.append(typenums[k])
            floats |= is_float(typenums[k])
            found |= is_complex(typenums[k])
            single |= typenums[k] == NPY_FLOAT
            double |= typenums[k] != NPY_FLOAT and not fits_float32(typenums[k])
    own = NPY_FLOAT if single and not double else NPY_DOUBLE
    if found:
        return (np.result_type(*[np.PyArray_DescrFromType(t) for t in deciding]).num,)
    if floats or not deciding:
        return (own,)
    if op == OP_WHERE:
        whole = np.result_type(*[np.PyArray_DescrFromType(t) for t in deciding]).num
        return (own, whole) if whole != own else (own,)
    return integer_choices(op, typenums, weak, own)


cdef tuple integer_choices(int op, list typenums, unsigned int weak, int own):
    """NumPy's own answer, for Python floats and ints in the place of weak numbers."""
    cdef list choices = []
    cdef object ufunc = NUMPY_UFUNCS.get(op)
    if ufunc is None:
        return (own,)
    for number in ((float, int) if weak else (float,)):
        dtypes = [number if weak >> k & 1 else np.PyArray_DescrFromType(typenums[k])
                  for k in range(len(typenums))]
        try:
            found = ufunc.resolve_dtypes((*dtypes, None))[len(dtypes)]
        except TypeError as error:
            if number is int and choices:
                continue
            raise TypeError(f"{op_name(op)}: {error}") from None
        typenum = NPY_FLOAT if found == np.float16 else found.num
        if typenum not in choices:
            choices.append(typenum)
    return tuple(choices)


cdef int common_typenum(list types) except -1:
    """NumPy's promotion of arrays."""
    return np.result_type(*[np.PyArray_DescrFromType(t[0]) for t in types]).num


cdef int linalg_typenum(list types) except -1:
    """Single precision only if all are, complex if one is, as in numpy.linalg."""
    cdef tuple t
    cdef bint single = True, found = False
    for t in types:
        single &= real_typenum(t[0]) == NPY_FLOAT
        found |= is_complex(t[0])
    own = NPY_FLOAT if single else NPY_DOUBLE
    return complex_typenum(own) if found else own


cdef int summed_typenum(int typenum) except -1:
    """Sums and products of short integers and booleans are int64 (uint64)."""
    if is_inexact(typenum):
        return typenum
    return np.add.reduce(np.zeros(1, np.PyArray_DescrFromType(typenum))).dtype.num


# ---------------------------------------------------------------- attributes

cdef object attr(str name, object attrs, Py_ssize_t k, Py_ssize_t count):
    """Attribute k, if there are `count` of them."""
    if type(attrs) is not tuple or len(attrs) != count:
        raise ValueError(f"{name} takes {count} attributes, not {attrs!r:.60}")
    return attrs[k]


cdef int no_attrs(str name, object attrs) except -1:
    if attrs is not None:
        raise ValueError(f"{name} takes no attributes, not {attrs!r:.60}")
    return 0


cdef tuple int_tuple(str name, object x):
    """A tuple of plain ints that fit C."""
    if type(x) is not tuple:
        raise TypeError(f"{name}: {x!r:.60} is not a tuple of ints")
    for n in x:
        if type(n) is not int or not -LONGEST_STEP <= n <= PY_SSIZE_T_MAX:
            raise TypeError(f"{name}: {x!r:.60} is not a tuple of ints")
    return x


cdef tuple shape_attr(str name, object x):
    cdef tuple shape = int_tuple(name, x)
    if len(shape) > MAX_NDIM:
        raise ValueError(f"{name}: {len(shape)} dimensions; at most {MAX_NDIM} are supported")
    for n in shape:
        if n < 0:
            raise ValueError(f"{name}: negative dimensions in {shape}")
    return shape


cdef Py_ssize_t axis_attr(str name, object axis, tuple shape) except -1:
    if type(axis) is not int or not 0 <= axis < len(shape):
        raise ValueError(f"{name}: {axis!r:.30} is no axis of shape {shape}")
    return axis


cdef bint flag_attr(str name, object flag) except -1:
    if type(flag) is not bool and (type(flag) is not int or not 0 <= flag <= 1):
        raise ValueError(f"{name}: {flag!r:.30} is neither True nor False")
    return flag


cdef tuple part_shape(str name, tuple shape, object index):
    """The shape of the part of an array that an index selects."""
    cdef tuple parts = int_tuple(name, index)
    cdef list out = []
    cdef Py_ssize_t k
    if len(parts) != 3 * len(shape):
        raise ValueError(f"{name}: an index of {len(parts)} numbers for shape {shape}")
    for k in range(len(shape)):
        start = parts[3 * k]
        step = parts[3 * k + 1]
        count = parts[3 * k + 2]
        last = start + step * (count - 1) if count > 0 else start
        if (count < -1 or abs(step) > LONGEST_STEP or (count > 1 and step == 0)
                or not (0 <= start <= shape[k] if count == 0
                        else 0 <= start < shape[k] and 0 <= last < shape[k])):
            raise ValueError(f"{name}: {(start, step, count)} (start, step, count) leaves axis {k} "
                             f"of shape {shape}")
        if count >= 0:
            out.append(count)
    return tuple(out)


cdef int fits_into(str name, tuple shape, tuple target) except -1:
    """Does a shape broadcast to another one?"""
    try:
        if joint_shape(shape, target) == target:
            return 0
    except ValueError:
        pass
    raise ValueError(f"{name}: shape {shape} does not broadcast to {target}")


# ---------------------------------------------------------------- shapes and parts

cdef tuple infer_reshape(str name, list types, object attrs):
    cdef tuple t = types[0], shape = shape_attr(name, attr(name, attrs, 0, 1))
    if product(shape) != product(t[1]):
        raise ValueError(f"{name}: shape {t[1]} cannot become {shape}")
    return (t[0], shape)


cdef tuple infer_transpose(str name, list types, object attrs):
    cdef tuple t = types[0], perm = int_tuple(name, attr(name, attrs, 0, 1))
    if sorted(perm) != list(range(len(<tuple>t[1]))):
        raise ValueError(f"{name}: {perm} is no order of the axes of shape {t[1]}")
    return (t[0], permuted(t[1], perm))


cdef tuple infer_broadcast_to(str name, list types, object attrs):
    cdef tuple t = types[0], shape = shape_attr(name, attr(name, attrs, 0, 1))
    fits_into(name, t[1], shape)
    return (t[0], shape)


cdef tuple infer_sum_to(str name, list types, object attrs):
    cdef tuple t = types[0], shape = shape_attr(name, attr(name, attrs, 0, 1))
    fits_into(name, shape, t[1])
    return (t[0] if t[1] == shape else summed_typenum(t[0]), shape)


cdef tuple infer_slice(str name, list types, object attrs):
    cdef tuple t = types[0]
    return (t[0], part_shape(name, t[1], attr(name, attrs, 0, 1)))


cdef tuple infer_embed(str name, list types, object attrs):
    cdef tuple t = types[0], shape = shape_attr(name, attr(name, attrs, 0, 2))
    fits_into(name, t[1], part_shape(name, shape, attrs[1]))
    return (t[0], shape)


cdef tuple infer_index_set(str name, list types, object attrs):
    cdef tuple t = types[0], v = types[1]
    fits_into(name, v[1], part_shape(name, t[1], attr(name, attrs, 0, 1)))
    return t


cdef int row_numbers(str name, tuple t) except -1:
    if t[0] != np.dtype(np.int64).num:
        raise TypeError(f"{name}: positions have dtype int64, not "
                        f"{np.PyArray_DescrFromType(t[0])}")
    return 0


cdef tuple infer_gather(str name, list types, object attrs):
    cdef tuple t = types[0], rows = types[1]
    no_attrs(name, attrs)
    row_numbers(name, rows)
    if not t[1]:
        raise ValueError(f"{name}: a number has no rows")
    return (t[0], rows[1] + (<tuple>t[1])[1:])


cdef tuple infer_scatter_add(str name, list types, object attrs):
    cdef tuple t = types[0], rows = types[1]
    cdef tuple shape = shape_attr(name, (attr(name, attrs, 0, 1),))
    cdef Py_ssize_t lead = len(<tuple>rows[1])
    row_numbers(name, rows)
    if (<tuple>t[1])[:lead] != rows[1]:
        raise ValueError(f"{name}: shape {t[1]} does not begin with that of the positions, "
                         f"{rows[1]}")
    return (t[0], shape + (<tuple>t[1])[lead:])


cdef tuple infer_concatenate(str name, list types, object attrs):
    cdef tuple t, starts = int_tuple(name, attr(name, attrs, 1, 2))
    cdef list ends = [0], shape
    if not types:
        raise ValueError(f"{name}: nothing to concatenate")
    shape = list(types[0][1])
    axis = axis_attr(name, attrs[0], types[0][1])
    for t in types:
        if len(<tuple>t[1]) != len(shape):
            raise ValueError(f"{name}: shapes {types[0][1]} and {t[1]} do not go together")
        shape[axis] = (<tuple>t[1])[axis]
        if tuple(shape) != t[1]:
            raise ValueError(f"{name}: shapes {types[0][1]} and {t[1]} do not go together")
        ends.append(ends[len(ends) - 1] + shape[axis])
    if tuple(ends) != starts:
        raise ValueError(f"{name}: the operands start at {tuple(ends)}, not at {starts}")
    shape[axis] = ends[len(ends) - 1]
    return (common_typenum(types), tuple(shape))


cdef tuple infer_cast(str name, list types, object attrs):
    cdef object typenum = attr(name, attrs, 0, 1)
    if type(typenum) is not int or not is_dtype(typenum):
        raise TypeError(f"{name}: {typenum!r:.30} is no dtype of a program")
    return (typenum, types[0][1])


cdef bint is_dtype(object typenum) except -1:
    """A real or complex float of double or single precision, an integer or boolean type."""
    return 0 <= typenum <= NPY_CDOUBLE and (typenum <= NPY_ULONGLONG or is_inexact(typenum))


# ---------------------------------------------------------------- reductions

cdef tuple reduced_shape(str name, tuple shape, object attrs):
    cdef tuple axes = int_tuple(name, attr(name, attrs, 0, 2))
    cdef bint keepdims = flag_attr(name, attrs[1])
    if list(axes) != [k for k in range(len(shape)) if k in axes]:
        raise ValueError(f"{name}: {axes} are not axes of shape {shape}, in their order")
    if keepdims:
        return kept_shape(shape, axes)
    return tuple([shape[k] for k in range(len(shape)) if k not in axes])


cdef tuple infer_sum(str name, list types, object attrs):
    cdef tuple t = types[0]
    return (summed_typenum(t[0]), reduced_shape(name, t[1], attrs))


cdef tuple infer_extreme(str name, list types, object attrs):
    cdef tuple t = types[0], shape = reduced_shape(name, t[1], attrs)
    for axis in attrs[0]:
        if (<tuple>t[1])[<Py_ssize_t>axis] == 0:
            raise ValueError(f"{name}: shape {t[1]} has no elements along axis {axis}")
    return (t[0], shape)


cdef tuple infer_float_reduction(str name, list types, object attrs):
    cdef tuple t = types[0]
    if not is_inexact(t[0]):
        raise TypeError(f"{name} of {np.PyArray_DescrFromType(t[0])}; it takes floats")
    return (t[0], reduced_shape(name, t[1], attrs))


cdef tuple infer_norm2(str name, list types, object attrs):
    cdef tuple t = infer_float_reduction(name, types, attrs)
    return (real_typenum(t[0]), t[1])


cdef tuple infer_cumsum(str name, list types, object attrs):
    cdef tuple t = types[0]
    axis_attr(name, attr(name, attrs, 0, 2), t[1])
    flag_attr(name, attrs[1])
    return (summed_typenum(t[0]), t[1])


cdef tuple infer_linrec(str name, list types, object attrs):
    cdef tuple shape = joint_shapes(name, types)
    axis_attr(name, attr(name, attrs, 0, 2), shape)
    flag_attr(name, attrs[1])
    return (common_typenum(types), shape)


# ---------------------------------------------------------------- linear algebra

cdef tuple batch_of(str name, tuple t, bint square):
    """The axes before the last two."""
    cdef tuple shape = t[1]
    cdef Py_ssize_t n = len(shape)
    if n < 2 or (square and shape[n - 1] != shape[n - 2]):
        raise ValueError(f"{name} takes {'square ' if square else ''}matrices, not shape {shape}")
    return shape[:n - 2]


cdef tuple product_shape(str name, list types, Py_ssize_t inner, Py_ssize_t rows, bint square):
    """Batches that broadcast, then the rows of a and the columns of b."""
    cdef tuple a = types[0][1], b = types[1][1]
    cdef tuple before = joint_shapes(name, [(0, batch_of(name, types[0], square)),
                                            (0, batch_of(name, types[1], False))])
    if a[len(a) - inner] != b[len(b) - 2]:
        raise ValueError(f"{name}: shapes {a} and {b} do not go together")
    return before + (a[len(a) - rows], b[len(b) - 1])


cdef tuple infer_matmul(str name, list types, object attrs):
    no_attrs(name, attrs)
    return (common_typenum(types), product_shape(name, types, 1, 2, False))


cdef tuple infer_solve(str name, list types, object attrs):
    no_attrs(name, attrs)
    return (linalg_typenum(types), product_shape(name, types, 2, 1, True))


cdef tuple infer_square(str name, list types, object attrs):
    no_attrs(name, attrs)
    batch_of(name, types[0], True)
    return (linalg_typenum(types), types[0][1])


cdef tuple infer_det(str name, list types, object attrs):
    no_attrs(name, attrs)
    return (linalg_typenum(types), batch_of(name, types[0], True))


cdef tuple infer_logabsdet(str name, list types, object attrs):
    cdef tuple t = infer_det(name, types, attrs)
    return (real_typenum(t[0]), t[1])


cdef tuple infer_einsum(str name, list types, object attrs):
    cdef object spec = attr(name, attrs, 0, 1)
    cdef dict length = {}
    if type(spec) is not str or spec.count("->") != 1:
        raise ValueError(f"{name}: {spec!r:.60} is not of the form 'ij,jk->ik'")
    terms, output = einsum_terms(spec)
    if len(terms) != len(types) or len(set(output)) != len(output):
        raise ValueError(f"{name}: {spec!r:.60} does not fit {len(types)} operands")
    for labels, t in zip(terms, types):
        if len(labels) != len(t[1]):
            raise ValueError(f"{name}: the axes {labels!r} do not fit shape {t[1]}")
        for label, n in zip(labels, t[1]):
            if not ("a" <= label <= "z" or "A" <= label <= "Z"):
                raise ValueError(f"{name}: {spec!r:.60} names an axis {label!r}")
            if length.setdefault(label, n) != n:
                if n != 1 and length[label] != 1:
                    raise ValueError(f"{name}: axis {label!r} has lengths {length[label]} and {n}")
                length[label] = length[label] if n == 1 else n
    if not set(output) <= set(length):
        raise ValueError(f"{name}: {spec!r:.60} gives an axis that no operand has")
    return (common_typenum(types), tuple([length[label] for label in output]))


# ---------------------------------------------------------------- complex numbers

cdef tuple infer_clip(str name, list types, object attrs):
    if not isinstance(attrs, tuple) or [type(bound) for bound in attrs] != [float, float]:
        raise ValueError(f"{name}: the bounds must be two floats, not {attrs}")
    if not is_float(types[0][0]):
        raise ValueError(f"{name} takes floats")
    return types[0]


cdef tuple infer_conj(str name, list types, object attrs):
    no_attrs(name, attrs)
    return types[0]


cdef tuple infer_real(str name, list types, object attrs):
    cdef tuple t = types[0]
    no_attrs(name, attrs)
    return (real_typenum(t[0]), t[1])


cdef tuple infer_turned(str name, list types, object attrs):
    cdef tuple t = types[0]
    no_attrs(name, attrs)
    return (complex_typenum(t[0]), t[1])


cdef int norm_attr(str name, object norm) except -1:
    if norm not in ("backward", "ortho", "forward"):
        raise ValueError(f"{name}: {norm!r:.30} is no norm of Fourier transforms")
    return 0


cdef tuple infer_fft(str name, list types, object attrs):
    attr(name, attrs, 0, 3)
    return fft_type(name, types[0], attrs)


cdef tuple infer_spectrum(str name, list types, object attrs):
    cdef tuple t
    flag_attr(name, attr(name, attrs, 3, 4))
    t = fft_type(name, types[0], attrs)
    return (real_typenum(t[0]), t[1]) if attrs[3] else t


cdef tuple fft_type(str name, tuple t, tuple attrs):
    for axis in int_tuple(name, attrs[0]):
        if axis_attr(name, axis, t[1]) >= 0 and not (<tuple>t[1])[<Py_ssize_t>axis]:
            raise ValueError(f"{name}: shape {t[1]} has no elements along axis {axis}")
    flag_attr(name, attrs[1])
    norm_attr(name, attrs[2])
    return (complex_typenum(t[0]), t[1])


cdef tuple infer_rfft(str name, list types, object attrs):
    cdef tuple t = types[0], shape = t[1]
    cdef Py_ssize_t axis = axis_attr(name, attr(name, attrs, 0, 2), shape)
    norm_attr(name, attrs[1])
    if is_complex(t[0]) or not shape[axis]:
        raise ValueError(f"{name} takes real numbers, at least one along axis {axis}, not "
                         f"{type_text(t)}")
    return (complex_typenum(t[0]),
            shape[:axis] + (<Py_ssize_t>shape[axis] // 2 + 1,) + shape[axis + 1:])


cdef tuple infer_irfft(str name, list types, object attrs):
    cdef tuple t = types[0], shape = t[1]
    cdef Py_ssize_t axis = axis_attr(name, attr(name, attrs, 0, 3), shape)
    cdef tuple count = shape_attr(name, (attrs[1],))
    norm_attr(name, attrs[2])
    if not count[0] or <Py_ssize_t>count[0] // 2 + 1 != shape[axis]:
        raise ValueError(f"{name}: {count[0]} real numbers have no half spectrum of shape {shape}")
    return (real_typenum(t[0]), shape[:axis] + count + shape[axis + 1:])


INFER[OP_RESHAPE] = infer_reshape
INFER[OP_TRANSPOSE] = infer_transpose
INFER[OP_BROADCAST_TO] = infer_broadcast_to
INFER[OP_SUM_TO] = infer_sum_to
INFER[OP_SUM] = infer_sum
INFER[OP_SLICE] = infer_slice
INFER[OP_EMBED] = infer_embed
INFER[OP_INDEX_SET] = infer_index_set
INFER[OP_GATHER] = infer_gather
INFER[OP_SCATTER_ADD] = infer_scatter_add
INFER[OP_CONCATENATE] = infer_concatenate
INFER[OP_CAST] = infer_cast
INFER[OP_CUMSUM] = infer_cumsum
INFER[OP_LINREC] = infer_linrec
INFER[OP_MAX] = infer_extreme
INFER[OP_MIN] = infer_extreme
INFER[OP_PROD] = infer_sum
INFER[OP_LOGSUMEXP] = infer_float_reduction
INFER[OP_NORM2] = infer_norm2
INFER[OP_MATMUL] = infer_matmul
INFER[OP_EINSUM] = infer_einsum
INFER[OP_SOLVE] = infer_solve
INFER[OP_INV] = infer_square
INFER[OP_CHOLESKY] = infer_square
INFER[OP_DET] = infer_det
INFER[OP_LOGABSDET] = infer_logabsdet
INFER[OP_CLIP] = infer_clip
INFER[OP_CONJ] = infer_conj
INFER[OP_REAL] = infer_real
INFER[OP_IMAG] = infer_real
INFER[OP_MODULUS] = infer_real
INFER[OP_TURNED] = infer_turned
INFER[OP_FFT] = infer_fft
INFER[OP_SPECTRUM] = infer_spectrum
INFER[OP_RFFT] = infer_rfft
INFER[OP_IRFFT] = infer_irfft
