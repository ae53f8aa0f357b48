# Operator slots: arithmetic, comparisons and in-place operators for any operands.
#
# Knows Python's rules for binary operators; it must not know derivatives.  Fast
# because the four arithmetic slots are plain C functions put straight into the
# type: two scalars are combined before any Python-level dispatch happens.

cdef inline Array weak_or_node(PyObject *x):
    return try_node(<object>x)


cdef object binary(int op, object x, object y):
    """x op y for operands of any type; NotImplemented where one is not ours."""
    cdef Array a = try_node(x)
    cdef Array b
    if a is None:
        return NotImplemented
    b = try_node(y)
    if b is None:
        return NotImplemented
    return ew2(op, a, b)


cdef object power_of(object x, object y):
    """x ** y; the exponents that NumPy computes by simpler functions are simpler here too."""
    if type(x) is Array and (type(y) is int or type(y) is float):
        if y == 2:
            return ew1(OP_SQUARE, current(<Array>x))
        if y == 1:
            return ew1(OP_POSITIVE, current(<Array>x))
        if y == -1:
            return ew1(OP_RECIPROCAL, current(<Array>x))
    return binary(OP_POWER, x, y)


cdef object product_or_not(object x, object y):
    cdef Array a = try_node(x)
    cdef Array b
    if a is None:
        return NotImplemented
    b = try_node(y)
    if b is None:
        return NotImplemented
    return matmul(a, b)


cdef inline object compare_numbers(double a, double b, int op):
    cdef bint r
    if op == Py_LT:
        r = a < b
    elif op == Py_LE:
        r = a <= b
    elif op == Py_EQ:
        r = a == b
    elif op == Py_NE:
        r = a != b
    elif op == Py_GT:
        r = a > b
    else:
        r = a >= b
    return NP_TRUE if r else NP_FALSE


cdef object NP_TRUE = np.True_
cdef object NP_FALSE = np.False_
cdef tuple COMPARISONS = (np.less, np.less_equal, np.equal, np.not_equal, np.greater,
                          np.greater_equal)


cdef object compare(Array a, object other, int op):
    """Comparisons have no derivative: plain NumPy results."""
    cdef Array b
    if not N(a).flags & NODE_SLOW:
        if type(other) is float:
            return compare_numbers(N(a).v, <double>other, op)
        if type(other) is Array and not N(<Array>other).flags & NODE_SLOW:
            return compare_numbers(N(a).v, N(<Array>other).v, op)
    b = try_node(other)
    if b is None:
        return NotImplemented
    a = innermost(current(a))
    b = innermost(b)
    return COMPARISONS[op](numpy_operand(a), numpy_operand(b))


cdef inline double arithmetic(int op, double a, double b, double *d) noexcept nogil:
    """The four operators that deserve better than a table call."""
    if op == OP_ADD:
        return sd_add(a, b, d)
    if op == OP_SUBTRACT:
        return sd_subtract(a, b, d)
    if op == OP_MULTIPLY:
        return sd_multiply(a, b, d)
    return sd_divide(a, b, d)


cdef inline bint plain_scalar(PyObject *x) noexcept nogil:
    return Py_TYPE(x) == ARRAY_TYPE and not (<Node *>x).flags & NODE_SLOW


cdef inline PyObject *slot_binary(int op, PyObject *x, PyObject *y) except NULL:
    """nb_add and friends: scalars with scalars or Python floats here, all else further down."""
    cdef Node constant
    cdef Node *a
    cdef Node *b
    cdef Node *n
    cdef double d[2]
    cdef object out
    if plain_scalar(x):
        a = <Node *>x
        if plain_scalar(y):
            b = <Node *>y
        elif Py_TYPE(y) == FLOAT_TYPE:
            constant.v = PyFloat_AS_DOUBLE(<object>y)
            constant.flags = NODE_WEAK
            b = &constant
        else:
            return slot_general(op, x, y)
    elif Py_TYPE(x) == FLOAT_TYPE and plain_scalar(y):
        constant.v = PyFloat_AS_DOUBLE(<object>x)
        constant.flags = NODE_WEAK
        a = &constant
        b = <Node *>y
    else:
        return slot_general(op, x, y)
    n = node_new()
    n.v = arithmetic(op, a.v, b.v, d)
    n.flags = (a.flags | b.flags) & LEVEL_MASK
    if recording(n.flags):
        n.op = <uint16_t>op
        link_scalar(n, a, d[0], b, d[1])
    else:
        n.op = OP_CONST
        n.flags = a.flags & b.flags & NODE_WEAK
    return <PyObject *>n


cdef PyObject *slot_general(int op, PyObject *x, PyObject *y) except NULL:
    cdef object out = binary(op, <object>x, <object>y)
    Py_INCREF(out)
    return <PyObject *>out


cdef PyObject *slot_add(PyObject *x, PyObject *y) except NULL:
    return slot_binary(OP_ADD, x, y)


cdef PyObject *slot_subtract(PyObject *x, PyObject *y) except NULL:
    return slot_binary(OP_SUBTRACT, x, y)


cdef PyObject *slot_multiply(PyObject *x, PyObject *y) except NULL:
    return slot_binary(OP_MULTIPLY, x, y)


cdef PyObject *slot_divide(PyObject *x, PyObject *y) except NULL:
    return slot_binary(OP_DIVIDE, x, y)


cdef PyObject *slot_negative(PyObject *x) except NULL:
    cdef Array out = ew1(OP_NEGATIVE, current(<Array>x))
    Py_INCREF(out)
    return <PyObject *>out


cdef extern from *:
    """
    static PyObject *cdiff_no_new(PyTypeObject *t, PyObject *args, PyObject *kwargs) {
        PyErr_SetString(PyExc_TypeError, "make arrays with cdiff.array(data)");
        return NULL;
    }
    static void cdiff_install_slots(PyTypeObject *t, binaryfunc add, binaryfunc subtract,
                                    binaryfunc multiply, binaryfunc divide, unaryfunc negative,
                                    destructor dealloc) {
        t->tp_as_number->nb_add = add;
        t->tp_as_number->nb_subtract = subtract;
        t->tp_as_number->nb_multiply = multiply;
        t->tp_as_number->nb_true_divide = divide;
        t->tp_as_number->nb_negative = negative;
        t->tp_dealloc = dealloc;
        t->tp_new = cdiff_no_new;
        PyType_Modified(t);
    }
    """
    ctypedef PyObject *(*binaryfunc)(PyObject *, PyObject *) except NULL
    ctypedef PyObject *(*unaryfunc)(PyObject *) except NULL
    ctypedef void (*destructor)(PyObject *) noexcept
    void cdiff_install_slots(PyTypeObject *, binaryfunc, binaryfunc, binaryfunc, binaryfunc,
                             unaryfunc, destructor)

cdef extern from "Python.h":
    double PyFloat_AS_DOUBLE(object) noexcept

cdef PyTypeObject *FLOAT_TYPE = <PyTypeObject *>float


cdef void install_slots():
    """Put the fast functions where CPython looks first."""
    cdiff_install_slots(ARRAY_TYPE, slot_add, slot_subtract, slot_multiply, slot_divide,
                        slot_negative, node_dealloc)
