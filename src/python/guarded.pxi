# Read-only arrays, and the views whose elements do not lie in steps in the memory
# of what they look at: windows that overlap, diagonals of other layouts, and the
# parts of complex numbers.  And reshaped arrays of which NumPy would decide by the
# memory of its own operands whether they are views: as long as neither is changed,
# that is the same; of the two, what is read after a change of the other raises.
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


# ---------------------------------------------------------------- views here, or views there

cdef bint is_unsure(Array a, tuple shape) except -1:
    """Would NumPy's reshape of this value be a view or not by an order in memory that is not known?

    It is a view of any order if each axis stays, or becomes several."""
    cdef tuple old = shape_tuple(a)
    cdef Py_ssize_t part = 1
    cdef int i = 0
    if not N(a).flags & NODE_ARRAY or not root_of(N(a).arr).flags & ARR_ANY_ORDER:
        return False
    for extent in shape:
        while part == 1 and i < len(old):
            part = old[i]
            i += 1
        if part == 0 or part % extent:
            return part != 0
        part //= extent
    return False


cdef inline bint is_unsure_view(Array a) noexcept:
    return N(a).flags & NODE_VIEW and reads_places(a) and type(<object>N(a).ext.reads) is tuple


cdef Array unsure_view(Array a, tuple shape):
    """The reshaped array, which NumPy may or may not make a view."""
    cdef Array out = reading_view(a, shape)
    return guarded(out) if is_read_only(a) else out


cdef int part_ways(Array a) except -1:
    """Before such a view is changed: it is an array of its own from now on, and what it looked at
    is not known any more."""
    cdef Array top = base_of(a)
    cdef Node *base
    while N(top).flags & NODE_VIEW:
        top = base_of(top)
    redirect(top, detached(version(top)))
    N(top).ext.unknown = True
    base = _take_base(N(a))
    Py_XDECREF(N(a).ext.reads)
    N(a).ext.reads = NULL
    Py_DECREF(<object><PyObject *>base)
    return 0


cdef Array known_version(Array a):
    """The newest version of an array that is no view, or an error where it is not known."""
    if N(a).flags & NODE_ALIAS and N(a).ext.unknown:
        raise unsure(shape_tuple(innermost(version(a))))
    return version(a)


cdef object unsure(tuple shape):
    return misfit(f"cdiff: one of two arrays was changed of which one is the other reshaped (that "
                  f"of shape {shape} is read here). In NumPy they share their memory or not by the "
                  f"order of their elements in it, so that it is not clear what this one holds; "
                  f"take a .copy() before the reshape if a change is to be seen in both, after it "
                  f"if in one only")


cdef Array laid_out(Array a, object order):
    """A new array, as NumPy makes it in this order: C's, Fortran's, or that of its original."""
    cdef Array value = innermost(a)
    if N(value).flags & NODE_ARRAY and N(value).arr.owner == NULL:
        if order in ("C", "c"):
            N(value).arr.flags &= ~ARR_ANY_ORDER
        elif order in ("F", "f") and N(value).arr.ndim > 1:
            N(value).arr.flags |= ARR_ANY_ORDER
    return a


def is_layout_unknown(Array a):
    """Is it unknown here in which order NumPy would have laid out this array?"""
    a = innermost(current(a))
    return N(a).flags & NODE_ARRAY != 0 and N(a).arr.ndim > 1 \
        and root_of(N(a).arr).flags & ARR_ANY_ORDER != 0


def may_lie_otherwise(Array a):
    """May NumPy lay out what it makes of this array in another order than C's?"""
    return may_be_turned(current(a))


def unsure_alias(Array a):
    """`a` where NumPy gives the same array or a copy by its order in memory, which is not known."""
    return unsure_view(a, shape_tuple(current(a)))


cdef Array in_any_order(Array a):
    """A new array whose elements NumPy lays out in an order of its own."""
    cdef Array value = innermost(a)
    if N(value).flags & NODE_ARRAY and N(value).arr.ndim > 1:
        root_of(N(value).arr).flags |= ARR_ANY_ORDER
    return a


def note_any_order(x):
    """New arrays (one, or some in tuples) whose elements NumPy lays out in an order of its own."""
    if type(x) is Array:
        in_any_order(current(<Array>x))
    elif isinstance(x, tuple):
        for part in x:
            note_any_order(part)
    return x


def note_layout(Array a, like):
    """Let an array in memory of its own be laid out as NumPy lays out one `like` another."""
    cdef Array value = innermost(current(a))
    cdef Array other
    if type(like) is not Array and not isinstance(like, np.ndarray):
        return a
    other = innermost(as_node(like))
    if N(other).flags & NODE_ARRAY:
        note_order(value, N(other).arr)
    return a


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
