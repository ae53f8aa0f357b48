# Operator slots: arithmetic, comparisons and in-place operators for any operands; and the
# common calls of the elementwise functions.
#
# Knows Python's rules for binary operators; it must not know derivatives.  Fast
# because the four arithmetic slots are plain C functions put straight into the
# type: two scalars are combined before any Python-level dispatch happens.  The
# functions are built-in functions whose C function is replaced likewise, since
# filling in seven arguments takes longer than the operator on a small array.

cdef object binary(int op, object x, object y):
    """x op y for operands of any type; NotImplemented where one is not ours."""
    cdef Array a = try_node(x)
    cdef Array b = None if a is None else try_node(y)
    if a is None or b is None:
        if op == OP_ADD or op == OP_SUBTRACT:
            return face_method("__sum__")(x, y, op == OP_SUBTRACT)  # of a sparse matrix
        if op == OP_MULTIPLY or op == OP_DIVIDE:
            return face_method("__times__")(x, y, op == OP_DIVIDE)  # of a sparse matrix
        return NotImplemented
    return ew2(op, a, b)


cdef object both_parts(object x, object y):
    """divmod(x, y)."""
    quotient = binary(OP_FLOOR_DIVIDE, x, y)
    return NotImplemented if quotient is NotImplemented else (quotient,
                                                              binary(OP_REMAINDER, x, y))


cdef object bitwise(object function, object x, object y):
    if try_node(x) is None or try_node(y) is None:
        return NotImplemented
    return plain_call_of(function, (x, y))


cdef object power_of(object x, object y):
    """x ** y; the exponents that NumPy computes by simpler functions are simpler here too."""
    cdef Node exponent
    cdef Array base
    cdef bint exact
    if type(x) is Array and type(y) is not Array and slot_operand(<PyObject *>y, &exponent) != NULL:
        base = current(<Array>x)
        exact = is_inexact(typenum_of(innermost(base)))
        if exponent.v == 2.0 and (exact or type(y) is int):
            return ew1(OP_SQUARE, base)
        if not exact:
            return binary(OP_POWER, x, y)
        if exponent.v == 1.0:
            return ew1(OP_POSITIVE, base)
        if exponent.v == -1.0:
            return ew1(OP_RECIPROCAL, base)
        if exponent.v == 0.5 and is_float(typenum_of(innermost(base))) \
                and N(innermost(base)).flags & NODE_ARRAY:
            return ew1(OP_SQRT, base)
        if not N(base).flags & NODE_SLOW and not watching:
            return steal(scalar2(OP_POWER, N(base), &exponent))
    return binary(OP_POWER, x, y)


cdef object product_or_not(object x, object y):
    cdef Array a = try_node(x)
    cdef Array b = None if a is None else try_node(y)
    if a is None or b is None:
        return face_method("__matmul__")(x, y)  # of a sparse matrix, or NotImplemented
    return watched_function(_matmul, (a, b), {}) if watching else matmul(a, b)


# What follows is for watched_function.

def _matmul(Array a, Array b):
    return matmul(a, b)


def _reshape(Array a, tuple shape, order):
    return reshaped(a, shape, order)


def _indexing(Array a, key):
    return get_item(a, key)


def _assignment(Array a, key, value):
    assign(a, key, value)


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


cdef int[6] COMPARISON_CODES = [OP_LESS, OP_LESS_EQUAL, OP_EQUAL, OP_NOT_EQUAL, OP_GREATER,
                                OP_GREATER_EQUAL]


cdef object compare(Array a, object other, int op):
    """Comparisons have no derivative: plain NumPy results."""
    cdef Array b
    if not N(a).flags & NODE_SLOW and not all_tracing:
        if type(other) is float:
            return compare_numbers(N(a).v, <double>other, op)
        if type(other) is Array and not N(<Array>other).flags & NODE_SLOW:
            return compare_numbers(N(a).v, N(<Array>other).v, op)
    b = try_node(other)
    if b is None:
        # None and strings equal nothing, element by element; other classes are asked themselves.
        if isinstance(other, COMPARED):
            return PyObject_RichCompare(shown(a), other, op)
        return NotImplemented
    a = innermost(current(a))
    b = innermost(b)
    if is_traced_value(a) or is_traced_value(b):
        return traced_question(COMPARISON_CODES[op], a, b)
    refuse_elsewhere(a, b)
    try:
        return COMPARISONS[op](numpy_operand(a), numpy_operand(b))
    except ValueError as error:
        raise with_operands(error)


cdef inline double arithmetic(int op, double a, double b, double *d) noexcept nogil:
    """The four operators that deserve better than a table call."""
    if op == OP_ADD:
        return sd_add(a, b, d)
    if op == OP_SUBTRACT:
        return sd_subtract(a, b, d)
    if op == OP_MULTIPLY:
        return sd_multiply(a, b, d)
    return sd_divide(a, b, d)


cdef inline Node *slot_operand(PyObject *x, Node *constant) noexcept:
    """The node of an Array, or `constant` with the value of a Python number; NULL for others,
    among them Arrays that show another node than their own."""
    if Py_TYPE(x) == ARRAY_TYPE:
        return <Node *>x if not (<Node *>x).flags & NODE_SHOWN else NULL
    if Py_TYPE(x) == FLOAT_TYPE:
        constant.v = PyFloat_AS_DOUBLE(<object>x)
    elif Py_TYPE(x) != INT_TYPE or not small_int(x, &constant.v):
        return NULL
    constant.flags = NODE_WEAK
    return constant


cdef extern from *:
    """
    #ifdef __GNUC__ /* For each operator its own, without registers to save and jumps by code. */
    static inline __attribute__((always_inline)) PyObject *cdiff_slot(int, PyObject *, PyObject *);
    #endif
    """

cdef inline PyObject *slot_binary "cdiff_slot"(int op, PyObject *x, PyObject *y) except NULL:
    """nb_add and friends: scalars and floats here, all else further down.  As scalar2, with the
    arithmetic in line."""
    cdef Scalar a = scalar_of(x)
    cdef Scalar b = scalar_of(y)
    cdef double d[2]
    cdef Node *n = _free_nodes
    cdef int levels
    if n == NULL or (a.flags | b.flags) & (NODE_ARRAY | NODE_SHOWN):
        return slot_mixed(op, x, y)
    node_popped(n)
    n.v = arithmetic(op, a.v, b.v, d)
    levels = recording((a.flags | b.flags) & LEVEL_MASK)
    if levels:
        set_kind(n, op, levels)
        link_scalar(n, a, d[0], b, d[1])
    else:
        node_emptied(n)
        set_kind(n, OP_CONST, a.flags & b.flags & NODE_WEAK)
        n.mark = 0
    return told_slot(op, n, x, y) if is_unusual(n.v) else <PyObject *>n


cdef PyObject *told_slot(int op, Node *n, PyObject *x, PyObject *y) except NULL:
    """told_number for operands as Python has them."""
    cdef Node left, right
    return <PyObject *>told_number(op, n, slot_operand(x, &left), slot_operand(y, &right))


cdef inline Scalar scalar_of(PyObject *x) noexcept:
    """A node or a float; as if it were an array where it is neither."""
    cdef Scalar s
    if Py_TYPE(x) == ARRAY_TYPE:
        return node_scalar(<Node *>x)
    s.node = NULL
    s.flags = NODE_WEAK if Py_TYPE(x) == FLOAT_TYPE else NODE_ARRAY
    s.v = PyFloat_AS_DOUBLE(<object>x) if Py_TYPE(x) == FLOAT_TYPE else 0.0
    return s


cdef PyObject *slot_mixed(int op, PyObject *x, PyObject *y) except NULL:
    """Other common operands: arrays and numbers of Python."""
    cdef Node left, right
    cdef Node *a = slot_operand(x, &left)
    cdef Node *b = slot_operand(y, &right)
    cdef Node *n = NULL
    if a == NULL or b == NULL:
        return slot_general(op, x, y)
    if (a.flags | b.flags) & NODE_ARRAY:
        n = quick2(op, a, b)
        return <PyObject *>n if n != NULL else slot_general(op, x, y)
    return <PyObject *>scalar2(op, a, b)


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


cdef PyObject *open_add(PyObject *x, PyObject *y) except NULL:
    return slot_general(OP_ADD, x, y)


cdef PyObject *open_subtract(PyObject *x, PyObject *y) except NULL:
    return slot_general(OP_SUBTRACT, x, y)


cdef PyObject *open_multiply(PyObject *x, PyObject *y) except NULL:
    return slot_general(OP_MULTIPLY, x, y)


cdef PyObject *open_divide(PyObject *x, PyObject *y) except NULL:
    return slot_general(OP_DIVIDE, x, y)


cdef PyObject *slot_negative(PyObject *x) except NULL:
    cdef Array out = ew1(OP_NEGATIVE, current(<Array>x))
    Py_INCREF(out)
    return <PyObject *>out


cdef PyObject *slot_power(PyObject *x, PyObject *y, PyObject *modulus) except NULL:
    cdef object out
    if modulus != <PyObject *>None:
        raise TypeError("pow with a modulus is not supported")
    out = power_of(<object>x, <object>y)
    Py_INCREF(out)
    return <PyObject *>out


cdef extern from *:
    """
    static PyObject *cdiff_no_new(PyTypeObject *t, PyObject *args, PyObject *kwargs) {
        PyErr_SetString(PyExc_TypeError, "make arrays with cdiff.array(data)");
        return NULL;
    }
    static PyObject *cdiff_no_bare(PyTypeObject *t, PyObject *args, PyObject *kwargs) {
        PyErr_Format(PyExc_TypeError, "%s: made by calling it", t->tp_name);
        return NULL;
    }
    /* T.__new__(T) without T.__init__ leaves what the methods rely on unset.  A call of T, which
     * does both, goes by tp_vectorcall. */
    static void cdiff_only_called(PyTypeObject *t) {
        if (t->tp_vectorcall != NULL) {
            t->tp_new = cdiff_no_bare;
            PyType_Modified(t);
        }
    }
    static void cdiff_install_slots(PyTypeObject *t, binaryfunc add, binaryfunc subtract,
                                    binaryfunc multiply, binaryfunc divide, unaryfunc negative,
                                    ternaryfunc power, destructor dealloc) {
        t->tp_as_number->nb_add = add;
        t->tp_as_number->nb_subtract = subtract;
        t->tp_as_number->nb_multiply = multiply;
        t->tp_as_number->nb_true_divide = divide;
        t->tp_as_number->nb_negative = negative;
        t->tp_as_number->nb_power = power;
        t->tp_dealloc = dealloc;
        t->tp_new = cdiff_no_new;
        t->tp_vectorcall = NULL;
        /* Not a sequence to C code: NumPy then shows our error for `plain[i] = tracked`. */
        t->tp_as_sequence->sq_item = NULL;
        PyType_Modified(t);
    }
    """
    ctypedef PyObject *(*binaryfunc)(PyObject *, PyObject *) except NULL
    ctypedef PyObject *(*unaryfunc)(PyObject *) except NULL
    ctypedef PyObject *(*ternaryfunc)(PyObject *, PyObject *, PyObject *) except NULL
    ctypedef void (*destructor)(PyObject *) noexcept
    void cdiff_only_called(PyTypeObject *)
    void cdiff_install_slots(PyTypeObject *, binaryfunc, binaryfunc, binaryfunc, binaryfunc,
                             unaryfunc, ternaryfunc, destructor)

cdef extern from "Python.h":
    double PyFloat_AS_DOUBLE(object) noexcept
    long long PyLong_AsLongLongAndOverflow(object, int *) noexcept

cdef PyTypeObject *FLOAT_TYPE = <PyTypeObject *>float
cdef PyTypeObject *INT_TYPE = <PyTypeObject *>int
cdef long long EXACT_INT = 1LL << 53


cdef inline bint small_int(PyObject *x, double *v) noexcept:
    """The value of an int that a float64 holds without doubt."""
    cdef int overflow = 0
    cdef long long i = PyLong_AsLongLongAndOverflow(<object>x, &overflow)
    v[0] = <double>i
    return overflow == 0 and -EXACT_INT <= i <= EXACT_INT


# ---------------------------------------------------------------- calls of elementwise functions

cdef inline PyObject *direct_call1(int op, PyObject *self, PyObject *const *args,
                                   Py_ssize_t count, PyObject *names) except NULL:
    """f(x) for an Array that is what it seems; other calls are parsed by Cython's function."""
    cdef Node *a
    cdef Node *n
    count = PyVectorcall_NARGS(count)
    if count == 1 and names == NULL and Py_TYPE(args[0]) == ARRAY_TYPE and not watching:
        a = <Node *>args[0]
        if not a.flags & NODE_SHOWN:
            n = quick1(op, a) if a.flags & NODE_ARRAY else scalar1(op, a)
            if n != NULL:
                return <PyObject *>n
    return GENERAL_CALL[op](self, args, count, names)


cdef inline PyObject *direct_call2(int op, PyObject *self, PyObject *const *args,
                                   Py_ssize_t count, PyObject *names) except NULL:
    """f(x, y) for such an Array and another one or a number; power has rules of its own."""
    cdef Node left, right
    cdef Node *a
    cdef Node *b
    cdef Node *n
    count = PyVectorcall_NARGS(count)
    if count == 2 and names == NULL and op != OP_POWER and not watching:
        a = slot_operand(args[0], &left)
        b = slot_operand(args[1], &right)
        if a != NULL and b != NULL and (a != &left or b != &right):
            n = quick2(op, a, b) if (a.flags | b.flags) & NODE_ARRAY else scalar2(op, a, b)
            if n != NULL:
                return <PyObject *>n
    return GENERAL_CALL[op](self, args, count, names)


cdef void install_slots():
    """Put the fast functions where CPython looks first, or those that can be watched."""
    if noting:
        cdiff_install_slots(ARRAY_TYPE, open_add, open_subtract, open_multiply, open_divide,
                            slot_negative, slot_power, node_dealloc)
    else:
        cdiff_install_slots(ARRAY_TYPE, slot_add, slot_subtract, slot_multiply, slot_divide,
                            slot_negative, slot_power, node_dealloc)


cdef int install_calls() except -1:
    """Objects of a type that has an __init__ are made by calling it, in no other way."""
    for found in tuple(globals().values()):
        if isinstance(found, type) and "__init__" in vars(found):
            cdiff_only_called(<PyTypeObject *>found)
    return 0
