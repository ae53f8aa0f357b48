# Arrays without axes that show one element of another array, as x[0, ...] does, or of a
# block that nobody else sees, as zeros(()) does: unlike numbers they change in place.
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


# ---------------------------------------------------------------- arrays without axes of their own

cdef Array own_element(Array number):
    """A new number as the only element of a block of its own, so that it changes in place."""
    cdef Array whole = apply_reshape(number, (1,))
    if same_memory(whole, number):
        whole = own_copy(whole)
    return number_view(whole, whole, apply_reshape(whole, ()), OP_RESHAPE, ((),))


def changeable(Array a):
    """A new array as NumPy's constructors give it: one without axes changes in place."""
    return a if is_number_view(a) or ndim_of(innermost(a)) else own_element(a)


cdef Array changeable_as(Array original, Array new):
    """What is made of an array, and may be changed in place where its original may be."""
    return own_element(new) if is_number_view(original) else new


cdef object mask_of(Array a, object key):
    """The mask of one element in `a[mask] = v`, for `a` without axes; None for another key."""
    if not is_number_view(a):
        return None
    if isinstance(key, Array):
        return view_of(key, OP_RESHAPE, ((1,),)) if key.dtype == bool and not key.ndim else None
    if isinstance(key, (bool, np.bool_)) or isinstance(key, np.ndarray) and key.dtype == bool:
        return np.reshape(key, (1,)) if not np.ndim(key) else None
    return None
