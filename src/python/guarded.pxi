# Read-only arrays, and the views whose elements do not lie in steps in the memory
# of what they look at: windows that overlap, diagonals of other layouts, and the
# parts of complex numbers.
#
# Knows which arrays NumPy would not let users assign to, and how a view of this
# kind is made again; it must not know the functions of NumPy that ask for them.
# Costs nothing elsewhere: what marks such an array is looked up only where it
# is assigned to, and where the view itself is read.

cdef Array guarded(Array out):
    """An array that users may not assign to."""
    if N(innermost(out)).flags & NODE_ARRAY:
        own_ext(out).read_only = True
    return out


cdef Array read_part(Array base, object reads):
    """Elements of a version of an array, in memory that later changes of the array leave alone:
    those at places (an ndarray) of its flattened self, an operator for a part of each, or all of
    them in a shape."""
    cdef Array out
    if type(reads) is int:
        out = complex_part(reads, base)
    elif type(reads) is tuple:
        out = apply_reshape(base, reads)
    else:
        out = gather_rows(apply_reshape(base, (size_of(innermost(base)),)), reads)
    if type(reads) is not tuple:
        need(out)
    if N(base).flags & NODE_ARRAY:
        N(base).flags |= NODE_SAVED
        root_of(N(base).arr).flags |= ARR_SAVED
    return out


cdef Array reading_view(Array a, object reads):
    """What `read_part` gives, which is read again where `a` has a newer version."""
    cdef Array base = current(a)
    cdef Array out = read_part(base, reads)
    cdef int op = reads if type(reads) is int else (OP_RESHAPE if type(reads) is tuple
                                                    else OP_GATHER)
    cdef Node *n = N(out)
    cdef Ext *ext
    if not N(innermost(base)).flags & NODE_ARRAY or not N(innermost(out)).flags & NODE_ARRAY:
        return out
    if n.flags & NODE_ARRAY and n.arr.base != NULL:
        own_memory(out)                       # it was NumPy's; the base is now what is looked at
    ext = own_ext(out)
    ext.seen = hold(base)
    ext.view_op = op
    Py_INCREF(reads)
    ext.reads = <PyObject *>reads
    if n.flags & NODE_DUAL:
        ext.base = N(a)
    else:
        n.arr.base = <PyObject *>a
        if not levels_of(n):
            n.op = <uint8_t>op
            n.arr.flags |= ARR_UNTRACKED if levels_of(N(base)) else 0
    Py_INCREF(a)
    n.flags |= NODE_VIEW
    return out


cdef Array view_of_parts(Array a, int op):
    """The real or the imaginary part of an array, which shows later changes."""
    if holds_complex(a):
        return reading_view(a, op)
    return a if op == OP_REAL else guarded(zeros_like_node(current(a)))


def places_view(Array a, np.ndarray places):
    """A read-only view of the elements of an Array at places of its flattened self."""
    return guarded(in_any_order(reading_view(a, places)))


def broadcast_view(a, shape):
    """A read-only view of `a`, broadcast to a shape."""
    cdef Array n = object_of(a)
    cdef Array base = current(n)
    cdef Array out
    shape = tuple(shape)
    if shape == shape_tuple(base):
        return guarded(view_of(n, OP_RESHAPE, (shape,)))
    out = view_of(n, OP_BROADCAST_TO, (shape,))
    return guarded(out)


def is_view(Array a):
    """Does an Array show the changes of another one?"""
    return N(a).flags & NODE_VIEW != 0


def is_writeable(Array a):
    """May users assign to an Array?"""
    try:
        check_changeable(a)
    except RuntimeError:                      # a leaf: not while operations are recorded
        return True
    except (TypeError, ValueError):
        return False
    return True


def set_writeable(Array a, bint yes):
    """Let users assign to an Array, or forbid it; a view follows what it looks at, as in NumPy."""
    if not yes:
        guarded(a)
    elif (reads_places(a) and not is_unsure_view(a)) or N(innermost(a)).op == OP_BROADCAST_TO or (
            N(a).flags & NODE_VIEW and not is_writeable(base_of(a))):
        raise ValueError("cannot set WRITEABLE flag to True of this array")
    elif is_read_only(a):
        N(a).ext.read_only = False
    return a
