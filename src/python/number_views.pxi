# Arrays without axes that show one element of another array, as x[0, ...] does.
#
# Knows views (in_place.pxi); it must not know operators.  Such a view is an object
# with a block of its own, which nobody reads: what users see is its newest version,
# a number as any other.

cdef inline bint is_number_view(Array a) noexcept:
    """Is this an array without axes that shows one element of another array?"""
    return (N(a).flags & NODE_VIEW and N(a).flags & (NODE_ARRAY | NODE_DUAL) == NODE_ARRAY
            and N(a).arr.ndim == 0 and not reads_places(a))


cdef Array number_view(Array a, Array base, Array number, int op, object attrs):
    """The only element of a part or a reshape of `a`, whose newest version is `base`: an array
    without axes, of which users see what it shows, a number."""
    cdef Array out = zeros_array(0, NULL, typenum_of(innermost(number)))
    cdef Node *n = N(out)
    redirect(out, number)
    n.op = <uint8_t>op
    Py_INCREF(attrs)
    n.obj = <PyObject *>attrs
    Py_INCREF(a)
    n.arr.base = <PyObject *>a
    n.flags |= NODE_VIEW
    if levels_of(N(base)) and not levels_of(N(number)):
        n.arr.flags |= ARR_UNTRACKED
    if N(number).flags & NODE_DUAL:
        n.ext.seen = hold(base)
    n.ext.read_only = is_read_only(a)
    return out


cdef Array one_element(Array a):
    """The same element as a view with one axis."""
    cdef Array base = base_of(a)
    if N(a).op == OP_RESHAPE:
        return view_of(base, OP_RESHAPE, ((1,),))
    return part_of(base, y_attrs(a)[0][:-1] + (1,))  # the last axis stays
