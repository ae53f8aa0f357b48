# Floating-point errors, for those who asked NumPy to be told of them: np.errstate and np.seterr.
#
# Knows whether somebody asked, and which ufunc of NumPy an operator is; it must not know how
# an error is told.  NumPy does that: its ufunc is called once more with the same operands, and
# raises, prints, logs or calls what the user set, in its own words.  So nothing depends on how
# our kernels raise flags, which they sometimes do for lanes that nobody sees.  Fast because a
# scalar gets here by its result alone, and a small array by the flags of the processor.

cdef extern from "float_flags.h":
    bint is_unusual "cdiff_is_unusual"(double) noexcept nogil
    bint float_errors "cdiff_float_errors"() noexcept nogil
    void clear_float_errors "cdiff_clear_errors"() noexcept nogil

cdef extern from "Python.h":
    int PyContextVar_Get(object variable, PyObject *default, PyObject **value) except -1

# Where NumPy keeps the settings of a context, and what is there where nobody has changed any.
cdef object FLOAT_SETTINGS = getattr(getattr(np._core, "umath", None), "_extobj_contextvar", None)
cdef object USUAL_SETTINGS = None if FLOAT_SETTINGS is None else \
    __import__("contextvars").Context().run(FLOAT_SETTINGS.get)

# "warn" is what NumPy does by default, so it says nothing about what a user wants to be told.
cdef frozenset TOLD = frozenset(["raise", "call", "print", "log"])


cdef bint tells() except -1:
    """Is an error of what this thread computes now to be told?

    Not of what a sweep or a replay computes, nor of what is recorded to be run by a program, which
    is silent.
    """
    cdef PyObject *found = NULL
    if cdiff_tls.sweeping or cdiff_tls.tracing:
        return False
    if FLOAT_SETTINGS is not None:
        PyContextVar_Get(FLOAT_SETTINGS, NULL, &found)
        Py_XDECREF(found)
        if found == <PyObject *>USUAL_SETTINGS:
            return False
    return not TOLD.isdisjoint(np.geterr().values())


cdef int tell_errors(int op, Node *a, Node *b) except -1:
    """Have NumPy compute an operator once more; b is NULL for one of one operand."""
    cdef object ufunc = NUMPY_UFUNCS.get(op)
    if ufunc is None:
        return 0
    return call_for_errors(ufunc, (told_operand(a),) if b == NULL else
                           (told_operand(a), told_operand(b)))


cdef int call_for_errors(object function, tuple operands) except -1:
    with np.errstate(**{kind: "ignore" for kind, way in np.geterr().items() if way == "warn"}):
        function(*operands)
    return 0


cdef Array told_value(Array y, object function, tuple operands):
    """The value y of a function of NumPy that our loops computed, after which a flag was up."""
    clear_float_errors()
    if tells():
        call_for_errors(function, operands)
    return y


cdef object told_operand(Node *p):
    """What NumPy should see of an operand, which may be a number that has no object."""
    if p.flags & NODE_ARRAY:
        return numpy_operand(<Array><PyObject *>p)
    return p.v if p.flags & NODE_WEAK else np.float64(p.v)


cdef Node *told_result(int op, Node *n, Node *a, Node *b) except NULL:
    """The result n of an operator on small arrays, after which an error flag was up."""
    clear_float_errors()
    try:
        if tells():
            tell_errors(op, a, b)
    except BaseException:
        steal(n)
        raise
    return n


cdef Node *told_number(int op, Node *n, Node *a, Node *b) except NULL:
    """The same for numbers, of which the result is zero, tiny, infinite or nan."""
    if n.v == 0.0 and not (a.v != 0.0 and (b == NULL or b.v != 0.0) and may_vanish(op)):
        return n
    return told_result(op, n, a, b)


cdef inline bint may_vanish(int op) noexcept nogil:
    """Can the result for operands that are not zero be too small to be anything but zero?"""
    return op != OP_ADD and op != OP_SUBTRACT and (OP_NARGS[op] == 2 or has_partial(op))
