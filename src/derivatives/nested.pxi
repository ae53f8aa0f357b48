# Nested derivatives: `grad` and its relatives called on Arrays, which a transformation around them
# tracks (`hessian`, `hvp`, a gradient of a gradient, a gradient that is being compiled).
#
# Does what the Python face does for any arguments, where every chosen one is a float64 Array and
# the function gives one real number; it must not know operators, nor what is around.  Fast because
# nothing but the user's function runs in Python.  Everything unusual is handed back to the face.

cdef bint takes_arrays(DirectCall call, PyObject *const *args, Py_ssize_t n) except -1:
    """Are the chosen arguments float64 Arrays?"""
    cdef Py_ssize_t i, k
    for i in range(call.count):
        k = call.places[i]
        if k < 0 or k >= n or type(<object>args[k]) is not Array \
                or typenum_of(innermost(current(<Array>args[k]))) != NPY_DOUBLE:
            return False
    return call.count > 0


cdef object call_nested(DirectCall call, PyObject *const *args, Py_ssize_t n):
    """A call on such arguments, as `general` does it."""
    cdef list given = [<object>args[i] for i in range(n)], leaves = []
    cdef Py_ssize_t i
    cdef object out, found = None
    with Level() as level:
        for i in range(call.count):
            leaves.append(leaf(given[call.places[i]], level))
        for i in range(call.count):
            given[call.places[i]] = leaves[i]
        out = PyObject_Vectorcall(call.function, tuple_items(<PyObject *>given), n, NULL)
        if type(out) is Array:
            refuse_left([out], level)
            found = nested_derivative(call, <Array>out, leaves, level)
        if found is not None:
            return found
        return call.general(positional(args, n), {}, (out, leaves, level))


cdef object nested_derivative(DirectCall call, Array y, list leaves, int level):
    """The result of the call, given that of the function; None: to be done by `general`."""
    cdef Array a = innermost(current(y))
    cdef object gradient
    if ndim_of(a) or typenum_of(a) != NPY_DOUBLE:
        return None
    if isinstance(call, JacobianCall) and ((<JacobianCall>call).mode not in ("auto", "rev")
                                           or is_plain_at(current(y), level)):
        return None
    found = [like_argument(g, x) for g, x in zip(pullback([y], [None], leaves, level), leaves)]
    gradient = found[0] if call.single else tuple(found)
    if not call.with_value:
        return gradient
    y = lower(y, level)
    return (y if is_tracked(y) else plain_value(y)), gradient


cdef Array like_argument(object g, object x):
    """A derivative as an Array, of its own unless it is tracked; None stands for zeros."""
    if g is None:
        return array(np.zeros(shape_tuple(innermost(<Array>x))))
    return g if is_tracked(g) else array(g)
