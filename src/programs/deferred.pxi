# Deferred values: large arrays of a function that is being recorded, computed only
# when somebody looks at them.
#
# Knows how a value is found again from the operands of its node; it must not know
# programs, nor who looks.  Fast because what nobody looks at is never computed: the
# memory of a deferred value is asked for, but not a page of it is touched, and the
# program that is made of the graph gives the results.
#
# A deferred value is a block in C order whose contents are still missing (the flag
# ARR_DEFERRED).  Views look at it as at any other memory.  Whatever reads memory
# outside an operator's value function goes through `need`; operators either defer
# their own value or need those of their operands.  Operands are saved (READS_ALL), so
# what a value will be computed of cannot change before it is.

cdef Py_ssize_t defer_from = 4096     # elements; below that, computing costs less than waiting


def set_deferred_size(n=4096):
    """The number of elements from which values are deferred, for tests; gives the one before."""
    global defer_from
    before, defer_from = defer_from, n
    return before


def is_waiting(y):
    """Is `y` an Array whose value has not been computed?"""
    return type(y) is Array and is_deferred(innermost(current(<Array>y)))


cdef inline bint is_deferred(Array a) noexcept:
    return N(a).flags & NODE_ARRAY and root_of(N(a).arr).flags & ARR_DEFERRED


cdef inline int need(Array a) except -1:
    """See to it that a value has been computed, before its memory is read."""
    return compute_deferred(a) if is_deferred(a) else 0


cdef inline bint defers(Array a, Array b, Py_ssize_t size) noexcept:
    """May the result of an operator, of this size, wait?"""
    cdef int levels = levels_of(N(a)) | (levels_of(N(b)) if b is not None else 0)
    if not levels & <int>cdiff_tls.deferring:
        return False
    return size >= defer_from or is_deferred(a) or (b is not None and is_deferred(b))


def may_wait(operands, Py_ssize_t size):
    """May a result of these operands wait, that is made of as many numbers?"""
    cdef Array a
    cdef bint waits = size >= defer_from
    cdef int levels = 0
    for x in operands:
        if type(x) is Array:
            a = innermost(current(<Array>x))
            levels |= levels_of(N(a))
            waits = waits or is_deferred(a)
    return waits and levels & <int>cdiff_tls.deferring != 0


def deferring():
    """Is a function being recorded whose large values wait?"""
    return cdiff_tls.deferring != 0


cdef Array waiting_leaf(Array a, int level):
    """A leaf with the value of `a`, which waits: it will be read when somebody needs it."""
    cdef Array out = deferred_block(ndim_of(a), ARR_SHAPE(N(a).arr), typenum_of(a))
    N(out).op = OP_LEAF
    N(out).flags |= <uint32_t>level_bit(level)
    N(out).p0 = hold(saved(a))
    set_number(N(out), level)
    return saved(out)                              # nothing is written into what is missing


cdef Array deferred_array(tuple type):
    """A value that is still missing; None for a type that does not wait."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef int ndim = read_shape(type[1], shape)
    return None if is_complex(type[0]) else deferred_block(ndim, shape, type[0])


cdef Array deferred_block(int ndim, const Py_ssize_t *shape, int typenum):
    """A node with a block whose contents are missing."""
    cdef Py_ssize_t itemsize = itemsize_of(typenum)
    cdef Arr *r = block_untouched(ndim, checked_size(ndim, shape, itemsize))
    cdef int i
    r.typenum = <int8_t>typenum
    for i in range(ndim):
        r.dims[i] = shape[i]
    set_contiguous(r, itemsize)
    r.flags |= ARR_DEFERRED
    return steal(array_node(r))


# ---------------------------------------------------------------- operators

cdef Array deferred_result(int op, Array a, list operands, object attrs):
    """The result of a structural operator as one that waits, or as a view of one that does.

    None where it has to be computed now: what may raise an error by its values does not wait.
    """
    cdef Array p, y
    cdef bint waits = False, large = False
    cdef int levels = 0
    if operands is None:
        operands = [a]
    for p in operands:
        levels |= levels_of(N(p))
        waits = waits or is_deferred(p)
        large = large or size_of(p) >= defer_from
    if not levels & <int>cdiff_tls.deferring or not (waits or large) or not WAITS[op]:
        return None
    if is_view_operator(op) and (not waits or shows_part(op, a, attrs)):
        return VALUE[op](a, operands, attrs) if waits else None
    if (op == OP_GATHER or op == OP_SCATTER_ADD) and not rows_exist(op, a, operands[1], attrs):
        return None                                # computing raises the error
    try:
        y = deferred_array(inferred(op, operands, attrs))
    except (TypeError, ValueError):
        return None                                # computing says what is wrong, if it is
    return y


cdef tuple inferred(int op, list operands, object attrs):
    cdef Array p
    if op == OP_WHERE:
        return deferred_where(operands)
    return INFER[op](op_name(op), [(typenum_of(p), shape_tuple(p)) for p in operands], attrs)


cdef tuple deferred_where(list operands):
    cdef Array p
    for p in operands:
        if is_complex(typenum_of(p)):
            return (NPY_CDOUBLE, ())
    return (result_typenum(<Array>operands[1], <Array>operands[2]),
            joint_shapes("where", [(0, shape_tuple(p)) for p in operands]))


cdef inline bint is_view_operator(int op) noexcept:
    return op == OP_RESHAPE or op == OP_TRANSPOSE or op == OP_BROADCAST_TO or op == OP_SLICE


cdef bint shows_part(int op, Array a, object attrs) except -1:
    """Is the result of a view operator memory of its operand, seen otherwise?"""
    cdef tuple given = attrs[0]
    if not N(a).flags & NODE_ARRAY or not len(given):
        return False
    if op == OP_SLICE:
        return any([n >= 0 for n in given[2::3]])
    return op != OP_RESHAPE or N(a).arr.flags & ARR_CONTIGUOUS != 0


cdef bint rows_exist(int op, Array a, Array rows, object attrs) except -1:
    """Are these positions in range?"""
    cdef np.ndarray at
    cdef object extent
    if not ndim_of(a) or typenum_of(rows) != np.dtype(np.int64).num:
        return False
    need(rows)
    at = ndarray_of(rows)
    extent = attrs[0] if op == OP_SCATTER_ADD else ARR_SHAPE(N(a).arr)[0]
    return not np.PyArray_SIZE(at) or (at.min() >= 0 and at.max() < extent)


cdef Array deferred_question(int op, Array a, Array b):
    """A comparison, isnan and the like that waits; None if it does not."""
    cdef Array y
    cdef list types = [(0, shape_tuple(a))] + ([] if b is None else [(0, shape_tuple(b))])
    if not defers(a, b, 0) or is_complex(typenum_of(a)) \
            or b is not None and is_complex(typenum_of(b)):
        return None
    try:
        y = deferred_array((NPY_BOOL, joint_shapes(op_name(op), types)))
    except ValueError:
        return None
    return y


# ---------------------------------------------------------------- computing after all

cdef int compute_deferred(Array a) except -1:
    """The value of a node, and of all that it waits for; without recursion."""
    cdef list stack = [a], missing
    cdef Array n, p
    while stack:
        n = stack[len(stack) - 1]
        missing = [p for p in needed_by(n) if p is not None and is_deferred(p)] \
            if is_deferred(n) else []
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if is_deferred(n):
            fill(n)
    return 0


cdef list needed_by(Array n):
    """What the value of a node is computed of."""
    return [operand(n, 0)] if N(n).op == OP_LEAF else graph_operands(n)


cdef int fill(Array n) except -1:
    """Compute the value of a node whose operands have theirs."""
    cdef Array y
    cdef Arr *r
    cdef uint32_t deferring = cdiff_tls.deferring
    if N(n).arr.owner != NULL:
        raise SystemError(f"cdiff: a part of a deferred value of {op_name(N(n).op)} has lost it")
    if N(n).op == OP_CALL and not is_rule(N(n)):
        note_call(levels_of(N(n)))
    cdiff_tls.deferring = 0
    try:
        y = as_block(value_again(n))
    except Exception:
        note_failure(deferring)
        raise
    finally:
        cdiff_tls.deferring = deferring
    r = N(n).arr
    if N(y).arr.typenum != r.typenum or not same_shape(y, n):
        raise SystemError(f"cdiff: the deferred value of {op_name(N(n).op)} has another type: "
                          f"{typenum_of(y)}, {shape_tuple(y)}")
    r.flags &= ~ARR_DEFERRED
    if r.refcnt == 1 and is_alone(N(y)):
        N(y).arr.flags |= r.flags & ARR_SAVED
        exchange_blocks(n, y)
    else:
        copy_in_place(n, y)
    return 0


cdef bint is_alone(Node *n) noexcept:
    """Is this fresh memory in C order that only this node knows?"""
    return (Py_REFCNT(<PyObject *>n) == 1 and not levels_of(n) and n.arr.holders == 0
            and n.arr.refcnt == 1 and n.arr.owner == NULL and n.arr.base == NULL
            and n.arr.pins == 0 and n.arr.flags & ~ARR_ANY_ORDER == ARR_CONTIGUOUS)


cdef Array value_again(Array n):
    """The value of a recorded operation, from its operands."""
    cdef int op = N(n).op
    cdef Array a, b = None
    cdef list operands
    if op == OP_LEAF:
        return operand(n, 0)
    if op >= N_LOCAL:
        operands = graph_operands(n)[:None if OP_NARGS[op] == MANY else OP_NARGS[op]]
        while operands[len(operands) - 1] is None:    # the second of two places, for a single one
            operands.pop()
        if op == OP_CALL:                          # a rule is the value of its first operand
            return operands[0] if is_rule(N(n)) else called(y_attrs(n)[0], operands)
        return VALUE[op](<Array>operands[0], operands, y_attrs(n))
    a = strong_operand(n, 0)
    if OP_NARGS[op] > 1:
        b = strong_operand(n, 1)
    if N(n).arr.typenum == NPY_BOOL:
        return answer(op, a, b)
    return array_value(op, a, b)


cdef Array strong_operand(Array n, int k):
    """Operand k, of which a number left behind decides the dtype if it did."""
    cdef Array a = operand(n, k)
    if (N(n).p0 if k == 0 else N(n).p1) == NULL and not is_weak(N(n)):
        N(a).flags &= ~NODE_WEAK
    return a


cdef Array answer(int op, Array a, Array b):
    """NumPy's answer to a question about arrays."""
    if b is None:
        return plain_node(NUMPY_UFUNCS[op](ndarray_of(a)))
    return plain_node(NUMPY_UFUNCS[op](numpy_operand(a), numpy_operand(b)))


cdef int note_failure(uint32_t deferring) except -1:
    """An error comes to light later than where it was made; all that record should know."""
    cdef int level
    for level in range(MAX_LEVEL + 1):
        if deferring & <uint32_t>level_bit(level):
            (<Trace><object>cdiff_tls.trace[level]).has_failed = True
    return 0


cdef int note_call(int levels) except -1:
    """A call is computed while this is recorded: much work, which the program would do again."""
    cdef int level = tracing_level(levels & <int>cdiff_tls.deferring)
    if level >= 0:
        (<Trace><object>cdiff_tls.trace[level]).has_computed = True
    return 0


cdef bint WAITS[N_OPS]


cdef void install_deferring():
    """The structural operators that raise no error by the values of their operands."""
    cdef int op
    for op in (OP_RESHAPE, OP_TRANSPOSE, OP_BROADCAST_TO, OP_SUM_TO, OP_SUM, OP_SLICE, OP_EMBED,
               OP_INDEX_SET, OP_GATHER, OP_SCATTER_ADD, OP_CONCATENATE, OP_MATMUL, OP_WHERE,
               OP_CUMSUM, OP_LINREC, OP_MAX, OP_MIN, OP_PROD, OP_LOGSUMEXP, OP_NORM2, OP_CAST,
               OP_EINSUM):
        WAITS[op] = True
