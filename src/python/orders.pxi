# Reshaped arrays that NumPy makes views, or copies, by the order of the elements in
# memory, which there follows from the operands of each operation and here is C's.
#
# Knows which values NumPy may lay out otherwise (ARR_ANY_ORDER); it must not know
# the functions that make them.  As long as neither is changed, a view and a copy are
# the same: so such a reshape shares the memory, and is noted; with the first change of
# one of the two they part, and who reads the other gets an error.  Costs one bit that
# results hand on.

# ---------------------------------------------------------------- views here, or views there

cdef bint is_unsure(Array a, tuple shape) except -1:
    """Would NumPy's reshape of this value be a view or not by an order in memory that is not known?

    It is a view of any order if each axis stays, or becomes several."""
    cdef Py_ssize_t extent, part = 1
    cdef int i = 0
    cdef Arr *r = N(a).arr
    if not N(a).flags & NODE_ARRAY or not root_of(r).flags & ARR_ANY_ORDER or not r.size:
        return False
    for extent in shape:
        while part == 1 and i < r.ndim:
            part = r.dims[i]
            i += 1
        if part % extent:
            return True
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


# ---------------------------------------------------------------- orders of new arrays

cdef inline bint may_be_turned(Array a) noexcept:
    """May NumPy have laid out this value in another order than C's?"""
    a = innermost(a)
    return N(a).flags & NODE_ARRAY and lies_otherwise(N(a).arr)


cdef void set_order(Array new, bint turned) noexcept:
    """A fresh node becomes the next version of an array, and what is assigned does not change in
    which order NumPy has laid out that."""
    cdef Arr *root
    new = innermost(new)
    if N(new).flags & NODE_ARRAY:
        root = root_of(N(new).arr)
        if turned:
            root.flags |= ARR_ANY_ORDER
        elif root == N(new).arr:
            root.flags &= ~ARR_ANY_ORDER


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
