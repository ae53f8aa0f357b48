# The bridge between nodes and the outside world: Python numbers, ndarrays and
# sequences come in, ndarrays and floats go out.
#
# Knows NumPy's C API and the node layout; it must not know operators other than
# the cast and the copy it needs.  Fast because numbers become inline scalars
# without touching NumPy, and because arrays cross in both directions without a
# copy wherever nobody else can change them.

# Python ints up to the first are exact doubles, up to the second int64.
cdef object EXACT_INTEGER = 2 ** 53
cdef object LARGE_INTEGER = 2 ** 63
# A Fraction is to an Array what it is to a float.
cdef object RATIONAL = __import__("numbers").Rational
# What is compared element by element as NumPy compares it: a Decimal, a name.
cdef tuple COMPARED = (type(None), str, bytes, __import__("numbers").Number)

cdef enum:
    WEAK_INTEGER = 1              # in `mark`: the weak scalar was an int, not a float
    LATER_SIZE = 1 << 19          # numbers of which a copy would drive out all that is near
    PAST_CACHES = 1 << 30         # numbers that no cache holds


# ---------------------------------------------------------------- coming in

cdef Array wrap_ndarray(np.ndarray x, bint borrowed=False):
    """A node over an ndarray's memory.  `borrowed`: the owner may still write to it."""
    cdef Arr *r
    cdef int i, typenum
    x = supported_layout(x)
    typenum = np.PyArray_TYPE(x)
    if np.PyArray_NDIM(x) == 0 and typenum == NPY_DOUBLE:
        return scalar((<double *>np.PyArray_DATA(x))[0])
    r = block_new(np.PyArray_NDIM(x), 0)
    r.typenum = <int8_t>typenum
    r.data = <char *>np.PyArray_DATA(x)
    for i in range(r.ndim):
        r.dims[i] = np.PyArray_DIM(x, i)
        r.dims[r.ndim + i] = np.PyArray_STRIDE(x, i)
    note_contiguity(r, np.PyArray_ITEMSIZE(x))
    Py_INCREF(x)
    r.base = <PyObject *>x
    if borrowed:
        r.flags |= ARR_BORROWED
    return steal(array_node(r))


cdef np.ndarray supported_layout(np.ndarray x):
    """Aligned native-endian data of a numeric type, or a clear error."""
    cdef int typenum = np.PyArray_TYPE(x)
    if typenum >= NPY_LONGDOUBLE and typenum != NPY_HALF:
        if typenum == NPY_LONGDOUBLE or typenum == NPY_CLONGDOUBLE:
            x = in_doubles(x)
        elif not is_complex(typenum):
            raise bad_dtype(f"cdiff: arrays of dtype {x.dtype} cannot be used; convert to "
                            "float64" + (" (an object array may hold tracked values: use "
                                         "cdiff.numpy.stack or cdiff.numpy.array)"
                                         if typenum == NPY_OBJECT else ""))
    if np.PyArray_ISBYTESWAPPED(x) or not np.PyArray_ISALIGNED(x):
        x = np.require(x, x.dtype.newbyteorder("="), ["A"])
    return x.astype(np.float32) if typenum == NPY_HALF else x


cdef np.ndarray in_doubles(np.ndarray x):
    """Long doubles where these are doubles; wider ones would lose digits without a word."""
    if np.PyArray_ITEMSIZE(x) > (8 if np.PyArray_TYPE(x) == NPY_LONGDOUBLE else 16):
        raise bad_dtype(f"cdiff: values of dtype {x.dtype} would lose digits, derivatives are "
                        "computed in float64; convert with x.astype(float) or complex")
    return x.astype(np.float64 if np.PyArray_TYPE(x) == NPY_LONGDOUBLE else np.complex128)


cdef Array try_node(object x):
    """A node for an operand (an Array's newest version); None where the type is not one of ours."""
    if type(x) is Array:
        return current(<Array>x)
    if type(x) is float:
        return weak_scalar(x)
    if type(x) is int:
        return weak_integer(x)
    if type(x) is np.ndarray or is_plain_subclass(x):
        return wrap_ndarray(x, True)
    if isinstance(x, np.float64):
        return scalar(x)
    if isinstance(x, np.generic):
        return wrap_ndarray(np.asarray(x))
    if isinstance(x, (list, tuple, range)):
        return node_from_sequence(x)
    if isinstance(x, bool):
        return wrap_ndarray(np.asarray(x))
    if isinstance(x, int):
        return weak_integer(int(x))
    if isinstance(x, float):
        return weak_scalar(x)
    if isinstance(x, complex):
        return weak_array(x)
    if is_column(x):
        return wrap_ndarray(np.asarray(x))
    if isinstance(x, RATIONAL):
        return weak_scalar(float(x))
    if PyObject_CheckBuffer(x) and not isinstance(x, (np.ndarray, bytes)):
        return wrap_ndarray(np.asarray(x), True)   # array.array, memoryview
    if hasattr(type(x), "__elements__"):
        return current(<Array?>x.__elements__())   # x.flat
    return None


cdef Array weak_integer(object x):
    """A Python int: a plain number, unless a double would round it."""
    cdef Array a
    if -EXACT_INTEGER <= x <= EXACT_INTEGER or not -LARGE_INTEGER <= x < 2 * LARGE_INTEGER:
        a = weak_scalar(x)
        N(a).mark = WEAK_INTEGER
        return a
    return weak_array(x)


cdef Array weak_array(object x):
    """A Python number that is no double: a large int, or a complex number."""
    cdef Array a = wrap_ndarray(np.asarray(x))
    N(a).flags |= NODE_WEAK
    return a


cdef bint is_plain_subclass(object x) except -1:
    """Is it an ndarray whose class means the same by the operators (as memmap does)?

    Masked arrays, np.matrix and classes with units do not; they say so by their priority or by
    taking NumPy's protocol into their own hands.
    """
    return (isinstance(x, np.ndarray) and x.__array_priority__ <= 0
            and type(x).__array_ufunc__ is np.ndarray.__array_ufunc__)


cpdef bint is_column(object x) except -1:
    """Is it a column or a table of pandas (or a kin's)?  By mathematics it is its values."""
    return hasattr(type(x), "__pandas_priority__") and not isinstance(x, Array)


cdef Array as_node(object x):
    """A node for an operand, or a TypeError that names its type."""
    cdef Array a = try_node(x)
    if a is None:
        if isinstance(x, np.ndarray):
            raise TypeError(f"cdiff: a {type(x).__name__} has rules of its own; convert it to a "
                            f"plain array with np.asarray")
        raise TypeError(f"cdiff: expected a number, an array or a sequence of them, "
                        f"got {type(x).__name__}: {x!r:.60}")
    return a


cdef bint holds_nodes(object x, int depth=0) except -1:
    """Is an Array among the items?  Not where NumPy would refuse the depth (or a cycle) anyway."""
    if type(x) is Array:
        return True
    if isinstance(x, (list, tuple)) and depth <= MAX_NDIM:
        for item in x:
            if holds_nodes(item, depth + 1):
                return True
    return False


cdef Array node_from_sequence(object x, int depth=0):
    """Nested lists and tuples, which may contain tracked values, as one array."""
    if depth > MAX_NDIM:
        raise ValueError(f"cdiff: a sequence is nested deeper than {MAX_NDIM}")
    if not holds_nodes(x):
        return wrap_ndarray(np.asarray(x))
    return stack_nodes(as_integers([node_from_sequence(item, depth + 1)
                                    if isinstance(item, (list, tuple)) else as_node(item)
                                    for item in x]))


cdef list as_integers(list rows):
    """Python's integers are integers where nothing else among the rows is a float."""
    cdef Array row
    for row in rows:
        if is_inexact(typenum_of(innermost(row))) and not is_weak_integer(row):
            return rows
    return [apply_cast(row, np.NPY_INT64) if is_weak_integer(row) else row for row in rows]


cdef bint is_weak_integer(Array a) noexcept:
    return N(a).flags & NODE_WEAK and not N(a).flags & NODE_ARRAY and N(a).mark == WEAK_INTEGER


cdef Array stack_nodes(list rows):
    """Rows of one common shape along a new first axis."""
    cdef Array row
    cdef tuple shape = shape_tuple(rows[0])
    cdef list parts = []
    for row in rows:
        if shape_tuple(row) != shape:
            raise misfit(f"cdiff: a nested sequence is ragged: shapes {shape} and "
                         f"{shape_tuple(row)}")
        parts.append(apply_reshape(row, (1,) + shape))
    return apply_concatenate(parts, 0)


# ---------------------------------------------------------------- going out

cdef object lost(str what, str instead):
    instead = face_method("__lost__")(instead)   # what fits the library that asks
    raise TypeError(f"{what} of a tracked array would lose its derivative; {instead}")


cdef Array converted(Array a, str what, str instead):
    """An array of which a plain value is made: an error where that loses a derivative, and a
    decision of a program."""
    cdef int levels = derivative_levels(current(a))
    a = current(a)
    if not levels:
        if is_traced_value(a):
            decide(a, what)
        return a
    if not levels & (level_bit(cdiff_tls.depth + 1) - 1):  # all of them have ended
        raise bad_dtype(f"{what} of an array that a transformation (grad, jvp, compile ...) has "
                        "left behind: its derivative is gone; write x.numpy() or x.item() for its "
                        f"value{origin_text(N(a))}")
    lost(what, instead)


cdef np.ndarray ndarray_of(Array a):
    """A read-only ndarray over a node's memory (any kind of node; no derivative)."""
    cdef np.ndarray out
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        out = np.array(N(a).v)
        out.flags.writeable = False
        return out
    return export(a, 0)


cdef np.ndarray shown(Array a):
    """What users see of an Array, as a read-only ndarray that does not change.

    The choke point through which values leave a graph: a program that is being recorded notes it.
    """
    a = current(a)
    if is_traced_value(a):
        decide(a)
    elif levels_of(N(a)):
        refuse_elsewhere(a)
    return ndarray_of(a)


cdef np.ndarray export(Array a, int flags):
    """An ndarray over an array node's memory, pinned for as long as the ndarray lives."""
    cdef Arr *r
    cdef np.ndarray out
    need(a)
    r = N(a).arr
    out = np.PyArray_New(np.ndarray, r.ndim, <np.npy_intp *>ARR_SHAPE(r), r.typenum,
                         <np.npy_intp *>ARR_STRIDES(r), r.data, 0, flags | NPY_ARRAY_ALIGNED, None)
    np.set_array_base(out, detached(a))
    np.PyArray_UpdateFlags(out, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS)
    return out


def vector_room(Py_ssize_t n):
    """Memory for n numbers, an ndarray: from the pool, to which it goes back."""
    return export(new_array(1, &n, NPY_DOUBLE), NPY_ARRAY_WRITEABLE)


cdef object numpy_operand(Array a):
    """What NumPy should see: weak Python scalars stay weak."""
    if not N(a).flags & NODE_WEAK:
        return ndarray_of(a)
    if N(a).flags & NODE_ARRAY:
        return ndarray_of(a).item()
    return int(N(a).v) if N(a).mark == WEAK_INTEGER else N(a).v


cdef object plain_value(Array a):
    """A float or an ndarray that its owner may write to; for finished results."""
    cdef Arr *r
    if not N(a).flags & (NODE_ARRAY | NODE_DUAL):
        return N(a).v
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        return N(a).v
    need(a)
    r = N(a).arr
    if not r.ndim and r.typenum == NPY_DOUBLE:
        return float_of(a)
    if r.flags & ARR_RESULT and r.size > 64:
        r.flags &= ~ARR_RESULT
        return export(a, NPY_ARRAY_WRITEABLE)
    if r.flags & ARR_CONTIGUOUS:
        return small_copy(r)
    return np.array(ndarray_of(a))


cdef np.ndarray small_copy(const Arr *r):
    """A contiguous value as an ndarray of its own."""
    cdef np.ndarray out = np.PyArray_EMPTY(r.ndim, <np.npy_intp *>r.dims, r.typenum, 0)
    memcpy(np.PyArray_DATA(out), r.data, np.PyArray_NBYTES(out))
    return out


cdef inline void keep_result(Array a) noexcept:
    """A result that users go on holding as an Array: its memory is no longer ours to give away."""
    if not N(a).flags & NODE_DUAL and N(a).flags & NODE_ARRAY:
        N(a).arr.flags &= ~ARR_RESULT


def to_plain(x):
    """The value of an untracked Array as a float or an ndarray; anything else unchanged.

    Tracked arrays come back as they are, so that an outer transformation still sees them.

    >>> from cdiff import _core
    >>> _core.to_plain(_core.array(2.0))
    2.0
    """
    cdef Array a
    if type(x) is not Array:
        return x
    a = current(<Array>x)
    return x if levels_of(N(a)) else plain_value(a)


# ---------------------------------------------------------------- copies

cdef Array own_copy(Array a):
    """The same value as a new node, still tracked, whose memory is nobody else's."""
    if levels_of(N(a)):
        if typenum_of(a) == NPY_BOOL:         # of which there is no positive
            return ew2(OP_NOT_EQUAL, a, weak_scalar(0.0))
        return ew1(OP_POSITIVE, a)
    return contiguous_copy(a) if N(a).flags & NODE_ARRAY else scalar(N(a).v)


cdef Array contiguous_copy(Array a, bint later=False):
    """The same (untracked) value in memory of our own, in C order.  `later`: nobody reads it soon,
    so that a large one goes past the caches."""
    cdef Arr *r
    cdef Array out
    need(a)
    r = N(a).arr
    out = new_array(r.ndim, ARR_SHAPE(r), r.typenum)
    note_order(out, r)
    if later and r.size >= LATER_SIZE and r.typenum == NPY_DOUBLE and r.flags & ARR_CONTIGUOUS:
        kernels_far_value(KERNELS, OP_POSITIVE, PAST_CACHES)(
            r.size, <double *>N(out).arr.data, <const double *>r.data, NULL, 1, 0)
    elif r.flags & ARR_CONTIGUOUS:
        memcpy(N(out).arr.data, r.data, r.size * itemsize_of(r.typenum))
    elif not move(MOVE_COPY, N(out).arr, r):
        np.copyto(export(out, NPY_ARRAY_WRITEABLE), ndarray_of(a), casting="unsafe")
    return out


cdef Array contiguous(Array a):
    """`a` itself where its memory is in C order, else a copy of its value."""
    need(a)
    if not N(a).flags & NODE_ARRAY or N(a).arr.flags & ARR_CONTIGUOUS:
        return a
    return contiguous_copy(a)


def array(data, dtype=None, requires_grad=False, copy=True):
    """Make an `Array` from numbers, ndarrays, nested sequences or Arrays.

    Parameters
    ----------
    data : float, array_like or Array
        Values; nested sequences may contain tracked Arrays, whose derivatives are kept.
    dtype : dtype, optional
        float64, float32, complex128 and complex64 are differentiable; integers and booleans are
        carried along.
    requires_grad : bool
        Make a leaf whose `grad` is filled by `backward`.  Integer and boolean data are
        converted to float64 unless `dtype` says otherwise.
    copy : bool
        False shares the memory of an ndarray: the caller promises not to change it.  Assigning into
        the Array never changes the ndarray, and a leaf always has memory of its own.

    Returns
    -------
    Array of the shape of `data`.

    Raises
    ------
    TypeError
        For object or string data, or an integer `dtype` with `requires_grad`.

    Examples
    --------
    >>> import cdiff as cd
    >>> x = cd.array([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    Array([2., 4., 6.])
    """
    cdef Array a = as_node(data)
    cdef int typenum
    if N(a).flags & NODE_WEAK and isinstance(data, int):
        a = wrap_ndarray(np.asarray(int(data)))
    if type(data) is Array:
        keep_result(a)
        if dtype is None and not requires_grad:
            return own_copy(a)
    if dtype is not None:
        a = cast_as_asked(a, np.dtype(dtype).num)
    typenum = typenum_of(innermost(a))
    if requires_grad and not is_inexact(typenum):
        if dtype is not None:
            raise TypeError(f"array: requires_grad needs real or complex floats, not {dtype}")
        a = apply_cast(a, NPY_DOUBLE)
    if (copy or requires_grad) and N(a).flags & NODE_ARRAY and not levels_of(N(a)) \
            and is_borrowed(a):
        a = contiguous_copy(a)
    elif type(data) is Array:
        a = own_copy(a)
    N(a).flags &= ~NODE_WEAK
    if requires_grad and is_traced_value(a):
        raise TypeError("array: requires_grad=True does not work on values inside a function that "
                        "is being compiled or vectorised; use cdiff.grad and relatives there")
    return make_leaf(a, 0) if requires_grad else a
