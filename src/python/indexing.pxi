# Indexing: every kind of NumPy index.
#
# Knows how to turn a key into the structural operators slice, gather, where and
# index_set; it must not know derivatives, nor what is done with a changed value
# (see in_place.pxi).  Fast because an integer index into a
# vector is one load, basic indices are views, and an index array along the
# first axis gathers rows directly.  All other keys are turned into flat
# positions by NumPy itself, so their meaning is NumPy's by construction.

cdef extern from "Python.h":
    Py_ssize_t PyNumber_AsSsize_t(object, object) except? -1
    int PySlice_Unpack(object, Py_ssize_t *, Py_ssize_t *, Py_ssize_t *) except -1
    Py_ssize_t PySlice_AdjustIndices(Py_ssize_t, Py_ssize_t *, Py_ssize_t *, Py_ssize_t) noexcept

# A parsed basic key: (start, step, count) per axis, and where new axes go.
cdef class BasicKey:
    """An index made of integers and slices only, ready for the slice operator."""
    cdef tuple index
    cdef tuple final_shape        # None where no new axis was asked for
    cdef bint views               # of integers alone NumPy makes a number, else a view


cdef inline bint is_integer(object k):
    return type(k) is int or (isinstance(k, (int, np.integer))
                              and not isinstance(k, (bool, np.bool_)))


cdef bint is_basic(object k):
    return k is None or k is Ellipsis or isinstance(k, slice) or is_integer(k)


cdef Py_ssize_t wrap_index(object k, Py_ssize_t extent, int axis) except -1:
    cdef Py_ssize_t i = PyNumber_AsSsize_t(k, IndexError)
    if i < -extent or i >= extent:
        raise bad_index(f"index {i} is out of bounds for axis {axis} with size {extent}")
    return i + extent if i < 0 else i


cdef BasicKey parse_basic(Array a, tuple key):
    """Normalise a key of integers, slices, None and Ellipsis for an array's shape."""
    cdef BasicKey out = BasicKey()
    cdef tuple shape = shape_tuple(a)
    cdef int ndim = <int>len(shape), axis = 0, used = 0
    cdef bint new_axes = False
    cdef list index = [], final = []
    for k in key:
        used += k is not None and k is not Ellipsis
        out.views = out.views or k is None or k is Ellipsis
    if used > ndim:
        raise bad_index(f"too many indices for array: array is {ndim}-dimensional, "
                        f"but {used} were indexed")
    for k in key:
        if k is None:
            new_axes = True
            final.append(1)
        elif k is Ellipsis:
            axis = whole_axes(shape, axis, ndim - used, index, final)
        else:
            used -= 1
            parse_axis(k, shape[axis], axis, index, final)
            axis += 1
    whole_axes(shape, axis, ndim, index, final)
    out.index = tuple(index)
    out.final_shape = tuple(final) if new_axes else None
    return out


cdef int whole_axes(tuple shape, int axis, int stop, list index, list final) except -1:
    """Append the axes up to `stop` as they are."""
    while axis < stop:
        index.append(0)
        index.append(1)
        index.append(shape[axis])
        final.append(shape[axis])
        axis += 1
    return axis


cdef int parse_axis(object k, Py_ssize_t extent, int axis, list index, list final) except -1:
    """Append one axis' (start, step, count)."""
    cdef Py_ssize_t start, stop, step, count
    if type(k) is slice:
        PySlice_Unpack(k, &start, &stop, &step)
        count = PySlice_AdjustIndices(extent, &start, &stop, step)
        index.append(start if count else 0)
        index.append(step)
        index.append(count)
        final.append(count)
    else:
        index.append(wrap_index(k, extent, axis))
        index.append(1)
        index.append(-1)
    return 0


cdef object plain_key(object key, int depth=0):
    """Arrays inside a key as ndarrays (an index carries no derivative)."""
    if type(key) is Array:
        return shown(<Array>key)
    if depth > MAX_NDIM:
        raise IndexError(f"an index is nested deeper than {MAX_NDIM}")
    if isinstance(key, tuple):
        return tuple([plain_key(k, depth + 1) for k in key])
    if isinstance(key, list):
        return np.asarray([plain_key(k, depth + 1) for k in key]) if key \
            else np.zeros(0, dtype=np.int64)
    return key


cdef Array get_item(Array a, object key):
    """a[key]; basic keys give views of the Python object `a`."""
    cdef Array now
    cdef tuple keys
    if type(key) is slice and ndim_of(a) == 1 and N(a).flags & NODE_ARRAY:
        return part_of(a, slice_index(key, ARR_SHAPE(N(a).arr)[0]))
    if is_integer(key):
        now = current(a)
        if not N(now).flags & NODE_DUAL and ndim_of(now) == 1:
            return apply1(OP_SLICE, now, ((wrap_index(key, ARR_SHAPE(N(now).arr)[0], 0), 1, -1),))
    keys = key if isinstance(key, tuple) else (key,)
    check_ellipses(keys)
    for k in keys:
        if not is_basic(k):
            now = get_computed(current(a), key)
            now = now if now is not None else get_advanced(current(a), plain_key(key))
            return now if k is keys[0] else in_any_order(now)
    return get_basic(a, parse_basic(a, keys))


cdef tuple slice_index(slice key, Py_ssize_t extent):
    """(start, step, count) of a slice of the only axis."""
    cdef Py_ssize_t start, stop, step, count
    PySlice_Unpack(key, &start, &stop, &step)
    count = PySlice_AdjustIndices(extent, &start, &stop, step)
    return (start if count else 0, step, count)


cdef int check_ellipses(tuple keys) except -1:
    cdef int count = 0
    for k in keys:
        count += k is Ellipsis
    if count > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    return 0


cdef Array get_basic(Array a, BasicKey key):
    cdef Array out = part_of(a, key.index, key.views)
    return out if key.final_shape is None else view_of(out, OP_RESHAPE, (key.final_shape,))


cdef Array get_advanced(Array a, object key):
    """Gather: rows where the key is one index array or mask, else flat positions."""
    cdef tuple shape = shape_tuple(a)
    cdef Array out
    key = np.asarray(key) if isinstance(key, list) else key
    if isinstance(key, np.ndarray) and key.dtype.kind in ("biu" if key.ndim else "iu"):
        return get_rows(a, shape, key)
    if isinstance(key, tuple) and 0 < len(key) <= len(shape):
        out = get_joined(a, shape, key)
        if out is not None:
            return out
    return gather_rows(apply_reshape(a, (product(shape),)), places_of(shape, key))


cdef np.ndarray places_of(tuple shape, object key):
    """The flat positions that NumPy's indexing of an array of a shape leads to."""
    cdef Py_ssize_t lead = whole_before(key)
    try:
        if lead:                                  # the same in each: not found in all positions
            inner = np.arange(product(shape[lead:])).reshape(shape[lead:])[key[lead:]]
            starts = np.arange(product(shape[:lead])) * <Py_ssize_t>product(shape[lead:])
            return np.add.outer(starts, inner).reshape(shape[:lead] + np.shape(inner))
    except IndexError:
        pass                                      # the whole key says which axis it is
    try:
        return np.asarray(np.arange(product(shape)).reshape(shape)[key])
    except IndexError as error:
        raise with_operands(error)


cdef Py_ssize_t whole_before(object key) except -1:
    """How many whole axes stand before integers and integer arrays, if that is all of the key."""
    cdef Py_ssize_t lead = 0
    if not isinstance(key, tuple):
        return 0
    while lead < len(key) and type(key[lead]) is slice and key[lead] == slice(None):
        lead += 1
    return lead if lead < len(key) and all_integers(key[lead:]) else 0


cdef Array get_rows(Array a, tuple shape, object key):
    cdef int lead
    cdef Array out
    if not shape:
        raise_too_many(shape)
    if key.dtype.kind == "b":
        lead = key.ndim
        if key.shape != shape[:lead]:
            raise bad_index(f"boolean index of shape {key.shape} did not match indexed array of "
                            f"shape {shape}")
        a = apply_reshape(a, (product(shape[:lead]),) + shape[lead:])
        return gather_rows(a, np.flatnonzero(key))
    out = gather_given(a, key)
    return gather_rows(a, checked_rows(key, shape[0])) if out is None else out


cdef Array gather_given(Array a, np.ndarray key):
    """The same in one pass over the positions, which are copied for the sweep on the way; None
    where this cannot be."""
    cdef int levels = recording(levels_of(N(a)))
    cdef int lead = np.PyArray_NDIM(key)
    cdef Array rows, y
    if watching or N(a).flags & NODE_DUAL or tracing(levels) or not levels or not lead \
            or not N(a).flags & NODE_ARRAY or not is_plain(N(a).arr) or is_deferred(a) \
            or not is_positions(key) or lead + N(a).arr.ndim > MAX_NDIM:
        return None
    # From the pool, where a large block keeps its pages; NumPy's would be fresh ones each time.
    rows = new_array(lead, <const Py_ssize_t *>np.PyArray_DIMS(key), np.NPY_INT64)
    y = rows_at(N(a).arr, lead, <const Py_ssize_t *>np.PyArray_DIMS(key),
                <const int64_t *>np.PyArray_DATA(key), <int64_t *>N(rows).arr.data)
    return y if y is None else attach(y, OP_GATHER, [a, rows], STRUCT_SAVES[OP_GATHER], None)


cdef inline bint is_positions(np.ndarray key) noexcept:
    """Does it hold int64 numbers in a row?"""
    return np.PyArray_TYPE(key) == np.NPY_INT64 and np.PyArray_ISCARRAY_RO(key)


cdef Array get_joined(Array a, tuple shape, tuple key):
    """Rows of the first axes laid end to end, for integer arrays that index these one by one, or
    one of them after whole axes; None for other keys.

    The positions follow from those in each axis, which is less than to take them from an array
    of all positions.
    """
    cdef Py_ssize_t lead = len(key)
    cdef np.ndarray rows
    if all_integers(key):
        if not broadcast_together(key):
            return None                           # NumPy says it in its own words
        rows = joined_positions(shape[:lead], key)
    elif type(key[lead - 1]) is np.ndarray and all_integers(key[lead - 1:]) \
            and all([type(k) is slice and k == slice(None) for k in key[:lead - 1]]):
        rows = checked_rows(key[lead - 1], shape[lead - 1], <int>lead - 1)
        rows = np.add.outer(np.arange(product(shape[:lead - 1])) * <Py_ssize_t>shape[lead - 1],
                            rows).reshape(shape[:lead - 1] + np.shape(rows))
    else:
        return None
    return gather_rows(apply_reshape(a, (product(shape[:lead]),) + shape[lead:]), rows)


cdef bint broadcast_together(tuple arrays) except -1:
    try:
        np.broadcast_shapes(*[np.shape(k) for k in arrays])
    except ValueError:
        return False
    return True


cdef object raise_too_many(tuple shape):
    raise bad_index(f"too many indices for array: array is {len(shape)}-dimensional")


cdef np.ndarray checked_rows(object key, Py_ssize_t extent, int axis=0):
    """An index array as non-negative int64 in memory of its own, or NumPy's error.

    Its own, although that is a copy: a sweep reads it later, and nobody may change it after the
    check.  Copying and checking are one loop.
    """
    cdef np.ndarray given = key, rows
    cdef const int64_t *src
    cdef int64_t *p
    cdef Py_ssize_t i, n = np.PyArray_SIZE(given)
    if is_positions(given):
        rows = np.PyArray_EMPTY(np.PyArray_NDIM(given), np.PyArray_DIMS(given), np.NPY_INT64, 0)
    else:
        given = rows = np.array(given, dtype=np.int64, order="C")
    src = <const int64_t *>np.PyArray_DATA(given)
    p = <int64_t *>np.PyArray_DATA(rows)
    if KERNELS.positions(n, extent, p, src) < 0:
        for i in range(n):
            if p[i] < 0 or p[i] >= extent:
                raise_out_of_bounds(p[i] if p[i] >= 0 else p[i] - extent, extent, axis)
    return rows


cdef int raise_out_of_bounds(Py_ssize_t i, Py_ssize_t extent, int axis) except -1:
    raise bad_index(f"index {i} is out of bounds for axis {axis} with size {extent}")


cdef object product(object shape):
    n = 1
    for extent in shape:
        n *= extent
    return n


cdef Array gather_rows(Array a, np.ndarray rows):
    """The rows of `a` (numbers, where it is a vector) at positions in memory of our own."""
    return apply(OP_GATHER, [a, constant_node(rows)], None)


cdef Array constant_node(np.ndarray x):
    """A node over memory of our own that nobody will change: a program reads it where it lies."""
    x.flags.writeable = False
    return wrap_ndarray(x)


cdef np.ndarray own_constant(Array a):
    """The ndarray that a constant of ours (see constant_node) is all of; None for others."""
    cdef object base
    if N(a).arr.base == NULL or N(a).arr.flags & ARR_BORROWED:
        return None
    base = <object>N(a).arr.base
    if type(base) is not np.ndarray or np.PyArray_ISWRITEABLE(base) or base.base is not None \
            or not np.PyArray_IS_C_CONTIGUOUS(base) or base.shape != shape_tuple(a):
        return None
    return base


# ---------------------------------------------------------------- assigning

cdef Array assignable(Array a, Array v):
    """The value in the array's dtype; a tracked float cannot go into integers."""
    refuse_in_integers(a, v)
    refuse_in_reals(a, v)
    return apply_cast(v, typenum_of(innermost(a)))


cdef int refuse_in_integers(Array a, Array v) except -1:
    if levels_of(N(v)) and not is_inexact(typenum_of(innermost(a))) \
            and is_inexact(typenum_of(innermost(v))):
        raise bad_dtype(f"cdiff: a tracked value cannot be stored in an array of dtype "
                        f"{dtype_of(a)}; make the array with dtype float")
    return 0


cdef int refuse_in_reals(Array a, Array v) except -1:
    if holds_complex(v) and not holds_complex(a):
        raise bad_dtype(f"cdiff: a complex value cannot be stored in an array of dtype "
                        f"{dtype_of(a)}; make the array complex, or take the real part")
    return 0


cdef Array fit_assignment(Array v, BasicKey key):
    """Drop leading unit axes and the axes that `None` added, as NumPy's assignment does."""
    cdef list kept = [count for count in key.index[2::3] if count >= 0]
    cdef tuple target = tuple(kept) if key.final_shape is None else key.final_shape
    cdef tuple shape = shape_tuple(v)
    while len(shape) > len(target) and shape[0] == 1:
        shape = shape[1:]
    v = apply_reshape(v, shape) if shape != shape_tuple(v) else v
    if key.final_shape is not None:
        v = apply_reshape(apply_broadcast_to(v, target), tuple(kept))
    else:
        check_assignment(shape, target)
    return v


cdef int check_assignment(tuple shape, tuple target) except -1:
    cdef int i, shift = len(target) - len(shape)
    if shift >= 0:
        for i in range(len(shape)):
            if shape[i] != 1 and shape[i] != target[i + shift]:
                break
        else:
            return 0
    raise misfit(f"could not broadcast input array from shape {shape} into shape {target}")


cdef Array set_advanced(Array a, object key, Array v):
    """where(hit, v gathered, a): for repeated positions the last value wins, as in NumPy."""
    cdef tuple shape = shape_tuple(a)
    cdef np.ndarray positions = np.asarray(places_of(shape, key), dtype=np.int64, order="C")
    cdef np.ndarray source, hit
    cdef const int64_t *at = <const int64_t *>np.PyArray_DATA(positions)
    cdef Py_ssize_t i, n = np.PyArray_SIZE(positions)
    v = apply_broadcast_to(drop_leading(v, positions.ndim), np.shape(positions))
    if not n:
        return apply_reshape(a, shape)
    source = np.zeros(product(shape), dtype=np.int64)
    hit = np.zeros(shape, dtype=bool)
    for i in range(n):
        (<int64_t *>np.PyArray_DATA(source))[at[i]] = i
        (<uint8_t *>np.PyArray_DATA(hit))[at[i]] = 1
    picked = gather_rows(apply_reshape(v, (n,)), source)
    return where(constant_node(hit), apply_reshape(picked, shape), a)


cdef Array drop_leading(Array v, int ndim):
    cdef tuple shape = shape_tuple(v)
    while len(shape) > ndim and shape[0] == 1:
        shape = shape[1:]
    return v if shape == shape_tuple(v) else apply_reshape(v, shape)
