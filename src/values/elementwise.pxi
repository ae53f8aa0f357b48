# Elementwise operators on nodes: values, recording, and the one place where a
# local partial derivative meets a cotangent or a tangent.
#
# Knows the generated tables by operator code; it must not know any operator by
# its formula.  Fast because scalars are a table call and a few stores, because
# equal-shape float64 arrays go straight to a vectorised kernel; all other layouts
# take the block machine.

# ---------------------------------------------------------------- dtypes

cdef inline bint decides_dtype(Array a) noexcept:
    return a is not None and not N(a).flags & NODE_WEAK


cdef int result_typenum(Array a, Array b) except -1:
    """float32 only where every operand that decides says so (NumPy's promotion)."""
    cdef bint single = False
    cdef Array x
    for x in (a, b):
        if not decides_dtype(x):
            continue
        if typenum_of(x) == NPY_FLOAT:
            single = True
        elif not fits_float32(typenum_of(x)):
            return NPY_DOUBLE
    return NPY_FLOAT if single else NPY_DOUBLE


cdef inline bint fits_float32(int typenum) noexcept nogil:
    """Integer types that NumPy promotes to float32 rather than to float64."""
    return (typenum == NPY_BOOL or typenum == NPY_BYTE or typenum == NPY_UBYTE
            or typenum == NPY_SHORT or typenum == NPY_USHORT or typenum == NPY_HALF)


cdef inline Array as_float(Array a):
    """Integer and boolean operands as float64 constants; others unchanged."""
    if a is None or is_inexact(typenum_of(a)):
        return a
    return wrap_ndarray(ndarray_of(a).astype(np.float64))


# ---------------------------------------------------------------- values

cdef Node *scalar1(int op, Node *a) except NULL:
    """An unary operator on an inline scalar, recorded with its partial."""
    cdef Node *n = node_new()
    cdef double unused[2]
    cdef int levels = recorded_levels(op, a, NULL)
    if not levels:
        n.v = SCALAR_VALUE[op](a.v, 0.0)
        set_kind(n, OP_CONST, 0)
        return told_number(op, n, a, NULL) if is_unusual(n.v) else n
    n.v = SCALAR_PARTIALS[op](a.v, 0.0, unused)
    n.d0 = unused[0]
    set_kind(n, op, levels)
    Py_INCREF(<object><PyObject *>a)
    n.p0 = a
    return told_number(op, n, a, NULL) if is_unusual(n.v) else n


cdef Node *scalar2(int op, Node *a, Node *b) except NULL:
    """A binary operator on inline scalars."""
    cdef Node *n = node_new()
    cdef double d[2]
    cdef int levels = recorded_levels(op, a, b)
    if not levels:
        n.v = SCALAR_VALUE[op](a.v, b.v)
        set_kind(n, OP_CONST, a.flags & b.flags & NODE_WEAK)
        n.mark = 0
    else:
        n.v = SCALAR_PARTIALS[op](a.v, b.v, d)
        set_kind(n, op, levels)
        link_scalar(n, node_scalar(a), d[0], node_scalar(b), d[1])
    return told_number(op, n, a, b) if is_unusual(n.v) else n


# A scalar operand: a node, whose flags and value these are, or a number of Python.
cdef struct Scalar:
    Node *node
    uint32_t flags
    double v


cdef inline Scalar node_scalar(Node *n) noexcept:
    cdef Scalar x
    x.node = n
    x.flags = n.flags
    x.v = n.v
    return x


cdef inline void link_scalar(Node *n, Scalar a, double da, Scalar b, double db) noexcept:
    """Set operands and partials; an untracked operand leaves its value behind."""
    cdef Node *p = a.node             # names, of which Cython counts no more references
    cdef Node *q = b.node
    n.p0 = n.p1 = NULL
    if a.flags & LEVEL_MASK:
        Py_INCREF(<object><PyObject *>p)
        n.p0 = p
    n.d0 = da if a.flags & LEVEL_MASK else a.v
    if b.flags & LEVEL_MASK:
        Py_INCREF(<object><PyObject *>q)
        n.p1 = q
    n.d1 = db if b.flags & LEVEL_MASK else b.v


cdef inline int recorded_levels(int op, Node *a, Node *b) noexcept:
    """Those of the operands' levels that record this operator."""
    cdef int levels = recording(<int>((a.flags | (b.flags if b != NULL else 0)) & LEVEL_MASK))
    return levels if not levels or has_partial(op) else traced_levels(levels, a, b)


cdef int traced_levels(int levels, Node *a, Node *b) noexcept:
    """Those that record operators without a derivative."""
    cdef int others = perhaps_elsewhere(levels)
    if others and not is_traced_elsewhere(<Array><PyObject *>a) \
            and (b == NULL or not is_traced_elsewhere(<Array><PyObject *>b)):
        others = 0
    return (levels & <int>cdiff_tls.tracing) | others


cdef inline bint has_partial(int op) noexcept nogil:
    return OP_PARTIAL[op][0] != PARTIAL_ZERO or OP_PARTIAL[op][1] != PARTIAL_ZERO


cdef Array array_value(int op, Array a, Array b):
    """Value of an elementwise operator with an array among its operands, or one that waits."""
    cdef Job job
    cdef int typenum = result_typenum(a, b)
    cdef Array y
    job_shape(&job, op, a, b, None, None)
    if tells():
        tell_errors(op, N(a), NULL if b is None else N(b))
    if cdiff_tls.deferring and defers(a, b, job.size):
        return deferred_block(job.ndim, job.shape, typenum)
    y = new_array(job.ndim, job.shape, typenum)
    a = as_float(a)
    b = as_float(b)
    if b is not None and is_across(a) and is_across(b):
        b = contiguous(b)
    job_operand(&job, a)
    job_operand(&job, b)
    if typenum == NPY_FLOAT:
        job.single = KERNELS.single[op]
    job_execute(&job, value_kernel(op, &job, N(y).arr), NULL, N(y).arr, 0)
    return y


cdef inline bint is_across(Array a) noexcept nogil:
    """Is this a large matrix across, of whose rows not even eight are a block?  One such operand is
    turned into the result, by panels; two would be read column by column."""
    return (N(a).flags & NODE_ARRAY != 0 and lies_across(N(a).arr)
            and PANEL_ROWS * N(a).arr.dims[1] > BLOCK)


cdef inline ew_fn value_kernel(int op, const Job *job, const Arr *out) noexcept nogil:
    return KERNELS.value[op] if job.size < FAR_SIZE else kernels_far_value(KERNELS, op,
                                                                           passing(job, out))


cdef Py_ssize_t passing(const Job *job, const Arr *out) noexcept nogil:
    """Elements that a large job reads and writes; 0 where it does not write long stretches of fresh
    memory, so that its result is in the cache anyway."""
    cdef const Operand *o
    cdef Py_ssize_t total = job.size
    cdef int k
    for k in range(job.count):
        o = &job.operands[k]
        if o.mode == GATHER or o.data == out.data or out.typenum != NPY_DOUBLE:
            return 0
        if o.mode == DIRECT and (k == 0 or o.data != job.operands[0].data):
            total += job.size
    return total


cdef inline bint plain_partner(Array a, Array b) noexcept:
    """Is b a scalar, or a contiguous float64 array of a's shape?"""
    if not N(b).flags & NODE_ARRAY:
        return True
    return (N(b).arr.typenum == NPY_DOUBLE and N(b).arr.flags & ARR_CONTIGUOUS
            and same_shape(a, b))


cdef Array record_array(int op, Array y, Array a, Array b):
    """Link an array result to its operands, pinning the values its partials read."""
    cdef Node *n = N(y)
    cdef int levels = recorded_levels(op, N(a), N(b) if b is not None else NULL)
    cdef unsigned int reads = 0
    if not levels:
        return y
    if levels_of(N(a)):
        reads |= OP_SAVES[op][0]
    if b is not None and levels_of(N(b)):
        reads |= OP_SAVES[op][1]
    if tracing(levels):
        reads |= 3
    n.op = <uint8_t>op
    n.flags |= <uint32_t>levels
    if reads & 4:
        n.flags |= NODE_SAVED
        n.arr.flags |= ARR_SAVED
    n.p0 = keep_operand(n, a, reads & 1)
    if b is not None:
        n.p1 = keep_operand(n, b, reads & 2)
    return y


cdef Node *keep_operand(Node *n, Array a, bint read) except? NULL:
    """The operand as a parent; NULL for a constant scalar (kept in d1) or one nobody reads."""
    if not levels_of(N(a)) and not N(a).flags & NODE_ARRAY:
        n.d1 = N(a).v
        return NULL
    if read:
        a = saved(a)
    elif not levels_of(N(a)):
        return NULL
    return hold(a)


# ---------------------------------------------------------------- the short way

cdef inline bint is_simple(const Arr *r) noexcept nogil:
    """Contiguous float64 memory of our own, of a size that needs no care?"""
    return (r.typenum == NPY_DOUBLE and r.flags & ARR_CONTIGUOUS and r.ndim > 0
            and r.size < NOGIL_SIZE
            and not root_of(r).flags & (ARR_BORROWED | ARR_WRITTEN | ARR_DEFERRED))


cdef inline bint same_dims(const Arr *a, const Arr *b) noexcept nogil:
    cdef int i
    if a.ndim != b.ndim:
        return False
    for i in range(a.ndim):
        if a.dims[i] != b.dims[i]:
            return False
    return True


cdef inline Node *fresh_like(const Arr *r) except NULL:
    """A node with uninitialised contiguous float64 data of r's shape."""
    cdef int i
    cdef Arr *y = block_new(r.ndim, r.size * sizeof(double))
    y.typenum = NPY_DOUBLE
    y.size = r.size
    y.flags = ARR_CONTIGUOUS
    if r.ndim == 1:                   # compilers make a call of the loop
        y.dims[0] = r.dims[0]
        y.dims[1] = r.dims[1]
    else:
        for i in range(2 * r.ndim):
            y.dims[i] = r.dims[i]
    return array_node(y)


cdef inline Node *quick_operand(Node *n, Node *p, bint read) noexcept:
    """keep_operand for the short way, where nothing has to be copied."""
    if not p.flags & (LEVEL_MASK | NODE_ARRAY):
        n.d1 = p.v
        return NULL
    if not p.flags & NODE_ARRAY:
        Py_INCREF(<object><PyObject *>p)
        return p
    if read:
        p.flags |= NODE_SAVED
        root_of(p.arr).flags |= ARR_SAVED
    elif not p.flags & LEVEL_MASK:
        return NULL
    p.arr.holders += 1
    return p


cdef inline bint is_plain(const Arr *r) noexcept nogil:
    return r.typenum == NPY_DOUBLE and r.flags & ARR_CONTIGUOUS != 0


cdef extern from *:
    """
    #ifdef __GNUC__ /* Else the checks of a second operand are made where there is none, too. */
    static Node *cdiff_quick_of(int, Node *, Node *) __attribute__((always_inline));
    #endif
    """

cdef Node *quick1(int op, Node *a) except? NULL:
    """An elementwise operator on a small contiguous float64 array, neither dual nor an alias; NULL
    where the general way has to be taken."""
    return quick_of(op, a, NULL)


cdef Node *quick2(int op, Node *a, Node *b) except? NULL:
    """The same for two arrays of one shape, or an array and a scalar."""
    return quick_of(op, a, b)


cdef inline Node *quick_of "cdiff_quick_of"(int op, Node *a, Node *b) except? NULL:
    cdef Arr *r = a.arr if a.flags & NODE_ARRAY else b.arr
    cdef const double *pa
    cdef const double *pb = NULL
    cdef bint sa = a.flags & NODE_ARRAY, sb = False
    cdef Node *n
    if not is_simple(r) or (cdiff_tls.deferring and r.size >= defer_from):
        return NULL
    pa = <const double *>r.data if sa else &a.v
    if b != NULL:
        sb = b.flags & NODE_ARRAY
        if sa and sb and not (is_simple(b.arr) and same_dims(r, b.arr)):
            return NULL
        pb = <const double *>b.arr.data if sb else &b.v
    n = fresh_like(r)
    if r.ndim > 1:
        n.arr.flags |= root_of(r).flags & ARR_ANY_ORDER & (
            root_of(b.arr).flags if sa and sb else ARR_ANY_ORDER)
    KERNELS.value[op](r.size, <double *>n.arr.data, pa, pb, sa, sb)
    quick_record(op, n, a, b)
    return told_result(op, n, a, b) if float_errors() else n


cdef inline void quick_record(int op, Node *n, Node *a, Node *b) noexcept:
    """record_array for the short way."""
    cdef int levels = recorded_levels(op, a, b)
    cdef int reads = OP_SAVES[op][0] if a.flags & LEVEL_MASK else 0
    if not levels:
        return
    if b != NULL and b.flags & LEVEL_MASK:
        reads |= OP_SAVES[op][1]
    if tracing(levels):
        reads |= 3
    if reads & 4:
        n.arr.flags |= ARR_SAVED
    # One store, since a load of what two have written would wait until both are in the cache.
    set_kind(n, op, NODE_ARRAY | levels | (NODE_SAVED if reads & 4 else 0))
    n.p0 = quick_operand(n, a, reads & 1)
    if b != NULL:
        n.p1 = quick_operand(n, b, reads & 2)


# ---------------------------------------------------------------- operators

cdef Array ew1(int op, Array a):
    """Apply an unary elementwise operator to a node of any kind."""
    cdef Node *n
    if watching:
        return watched_elementwise(op, a, None)
    if not N(a).flags & NODE_SLOW:
        return steal(scalar1(op, N(a)))
    if N(a).flags & NODE_DUAL:
        return dual_elementwise(op, a, None)
    n = quick1(op, N(a))
    if n != NULL:
        return steal(n)
    if is_complex(typenum_of(a)):
        return ordered(complex_elementwise(op, a, None), a, None)
    if not is_float(typenum_of(a)):
        return ordered(numpy_elementwise(op, a, None), a, None)
    return record_array(op, ordered(array_value(op, a, None), a, None), a, None)


cdef Array ew2(int op, Array a, Array b):
    """Apply a binary elementwise operator to nodes of any kind, broadcasting."""
    cdef Node *n
    if watching:
        return watched_elementwise(op, a, b)
    if not (N(a).flags | N(b).flags) & NODE_SLOW:
        return steal(scalar2(op, N(a), N(b)))
    if (N(a).flags | N(b).flags) & NODE_DUAL:
        return dual_elementwise(op, a, b)
    if not (N(a).flags | N(b).flags) & NODE_ARRAY:
        return steal(scalar2(op, N(a), N(b)))
    n = quick2(op, N(a), N(b))
    if n != NULL:
        return steal(n)
    if is_complex(typenum_of(a)) or is_complex(typenum_of(b)):
        return ordered(complex_elementwise(op, a, b), a, b)
    if without_floats(a, b):
        return ordered(numpy_elementwise(op, a, b), a, b)
    if not ndim_of(a) and not ndim_of(b) and result_typenum(a, b) == NPY_DOUBLE \
            and not is_deferred(a) and not is_deferred(b):
        return ew2(op, as_inline(a), as_inline(b))
    return record_array(op, ordered(array_value(op, a, b), a, b), a, b)


cdef Array ew_over(int op, Array a, Array b, int last):
    """The same for an operator of one (b is None) or two, where the caller needs operand k no more
    if bit k of `last` is set: a large result takes its memory, so that less goes through the cache.
    """
    cdef Job job
    cdef Array out = None
    if last & 1 and gives_way(a, b):
        out = a
    elif last & 2 and gives_way(b, a):
        out = b
    if out is None or watching:
        return ew1(op, a) if b is None else ew2(op, a, b)
    job_shape(&job, op, a, b, None, None)
    job_operand(&job, a)
    job_operand(&job, b)
    job_execute(&job, value_kernel(op, &job, N(out).arr), NULL, N(out).arr, 0)
    return out


cdef bint gives_way(Array a, Array other) noexcept:
    """Is this a large constant float64 array that only the caller has, and the result of its shape?
    """
    cdef Arr *r
    if N(a).flags != NODE_ARRAY or Py_REFCNT(<PyObject *>a) != 1:
        return False
    r = N(a).arr
    if r.typenum != NPY_DOUBLE or r.size < NOGIL_SIZE:
        return False
    if other is not None and N(other).flags & (NODE_DUAL | LEVEL_MASK):
        return False
    if other is not None and N(other).flags & NODE_ARRAY and not broadcasts_into(N(other).arr, r):
        return False
    return claim(a)


cdef bint broadcasts_into(const Arr *r, const Arr *whole) noexcept nogil:
    """Does this float64 array broadcast to that one's shape?"""
    cdef int i, shift = whole.ndim - r.ndim
    if r.typenum != NPY_DOUBLE or shift < 0:
        return False
    for i in range(r.ndim):
        if r.dims[i] != 1 and r.dims[i] != whole.dims[i + shift]:
            return False
    return True


cdef bint without_floats(Array a, Array b) noexcept:
    """Only integers, booleans and Python scalars: NumPy's own rules apply."""
    return ((N(a).flags & NODE_WEAK or not is_float(typenum_of(a)))
            and (N(b).flags & NODE_WEAK or not is_float(typenum_of(b))))


cdef Array as_inline(Array a):
    """A 0-d operand of any dtype as an inline float64 scalar, recorded."""
    return a if not N(a).flags & NODE_ARRAY else apply1(OP_CAST, a, (NPY_DOUBLE,))


cdef Array numpy_elementwise(int op, Array a, Array b):
    """Integers and booleans: NumPy's own ufunc, without a derivative.  Or what is complex."""
    cdef object ufunc = NUMPY_UFUNCS.get(op)
    if holds_complex(a) or holds_complex(b):
        return complex_elementwise(op, a, b)
    if is_traced_value(a) or (b is not None and is_traced_value(b)):
        return traced_whole_numbers(op, ufunc, a, b)
    refuse_elsewhere(a, b)
    if levels_of(N(a)) or (b is not None and levels_of(N(b))):
        a, b = as_float(a), as_float(b)
        return ew1(op, a) if b is None else ew2(op, a, b)
    if ufunc is None:
        a, b = as_float(a), as_float(b)
        return array_value(op, a, b) if N(a).flags & NODE_ARRAY or b is not None else ew1(op, a)
    operands = [numpy_operand(a)] if b is None else [numpy_operand(a), numpy_operand(b)]
    try:
        result = np.asarray(ufunc(*operands))
    except ValueError as error:
        raise with_operands(error)
    if result.dtype == np.float16:      # half precision is not ours: not its digits either
        result = np.asarray(ufunc(*operands, dtype=np.float32))
    return wrap_ndarray(result)


# ---------------------------------------------------------------- partial times seed

cdef Array operand(Array y, int k):
    """Operand k of a recorded elementwise node: its node, or the constant it left behind."""
    cdef Node *n = N(y)
    cdef Node *p = n.p0 if k == 0 else n.p1
    if p != NULL:
        return <Array><PyObject *>p
    if n.flags & NODE_ARRAY:
        return weak_scalar(n.d1)
    return scalar(n.d0 if k == 0 else n.d1)


cdef Array weak_scalar(double v):
    cdef Array a = scalar(v)
    N(a).flags |= NODE_WEAK
    N(a).mark = 0
    return a


cdef Array eval_rule(int op, int k, Array a, Array b, Array y):
    """Partial k of an operator as nodes, by the table's bytecode."""
    cdef bint over_complex = holds_complex(a) or holds_complex(b) or holds_complex(y)
    cdef const Rule *rule = &COMPLEX_RULES[op][k] if over_complex else &RULES[op][k]
    cdef const RuleStep *step
    cdef list slots = [a, b, y]
    cdef int i
    for i in range(rule.nsteps):
        step = &RULE_STEPS[rule.start + i]
        if OP_NARGS[step.op] == 1:
            slots.append(ew1(step.op, rule_slot(slots, step.a)))
        elif OP_NARGS[step.op] == 2:
            slots.append(ew2(step.op, rule_slot(slots, step.a), rule_slot(slots, step.b)))
        else:
            slots.append(where3(rule_slot(slots, step.a), rule_slot(slots, step.b),
                                rule_slot(slots, step.c)))
    return rule_slot(slots, rule.result)


cdef inline Array rule_slot(list slots, int i):
    return <Array>slots[i] if i >= 0 else weak_scalar(RULE_CONST[-1 - i])


cdef Array times_partial(int op, int k, Array g, Array a, Array b, Array y):
    """zmul(g, partial k of op at (a, b, y)), broadcast; None where the partial is zero.

    This is the only place where a seed meets an elementwise derivative: the
    reverse sweep, the forward sweep and dual numbers all come here.
    """
    cdef int kind = OP_PARTIAL[op][k]
    cdef int reads = OP_SAVES[op][k]
    cdef Array factor
    if kind == PARTIAL_ZERO:
        return None
    if kind == PARTIAL_ONE:
        return g
    if kind == PARTIAL_MINUS_ONE:
        return ew1(OP_NEGATIVE, g)
    a = a if reads & 1 else None
    b = b if reads & 2 else None
    y = y if reads & 4 else None
    if (N(g).flags | flags_of(a) | flags_of(b) | flags_of(y)) & NODE_DUAL or \
            recording(levels_of(N(g)) | (flags_of(a) | flags_of(b) | flags_of(y)) & LEVEL_MASK) \
            or is_complex(typenum_of(g)) or reads_complex(a) or reads_complex(b) \
            or reads_complex(y):
        # A rule knows real numbers: 1 / b for integers would be NumPy's own, which is whole.
        factor = eval_rule(op, k, float_node(a), float_node(b), y)
        if not N(factor).flags & (NODE_SLOW | LEVEL_MASK):
            factor = weak_scalar(N(factor).v)  # the seed has the dtype already
        return ew2(OP_ZMUL, g, factor)
    return times_partial_raw(op, k, g, a, b, y)


cdef inline bint reads_complex(Array a) noexcept:
    return a is not None and is_complex(typenum_of(a))


cdef inline int flags_of(Array a) noexcept:
    return N(a).flags if a is not None else 0


cdef Array times_partial_raw(int op, int k, Array g, Array a, Array b, Array y):
    """The same on plain values, by the generated kernel; the result has g's dtype."""
    cdef Job job
    cdef Array out
    cdef int factor = factor_of(op, k)
    a, b = as_float(a), as_float(b)
    if not (N(g).flags | flags_of(a) | flags_of(b) | flags_of(y)) & NODE_ARRAY:
        out = scalar(0.0)
        KERNELS.adjoint[op][k](1, &N(out).v, &N(g).v, number_of(a), number_of(b), number_of(y),
                               0, 0, 0, 0)
        return out
    if N(g).flags & NODE_ARRAY and is_simple(N(g).arr) and goes_with(a, N(g).arr) \
            and goes_with(b, N(g).arr) and goes_with(y, N(g).arr):
        out = steal(fresh_like(N(g).arr))
        KERNELS.adjoint[op][k](N(g).arr.size, <double *>N(out).arr.data, numbers_of(g),
                               numbers_or_null(a), numbers_or_null(b), numbers_or_null(y),
                               1, stride_of(a), stride_of(b), 0)
        return out
    job_shape(&job, op, g, a, b, y)
    out = new_array(job.ndim, job.shape, typenum_of(g))
    job_operand(&job, g)
    if factor >= 0 and typenum_of(g) == NPY_FLOAT:
        job_operand(&job, a if factor == 0 else b if factor == 1 else y)
        job.single = KERNELS.single[OP_ZMUL]
        job_execute(&job, KERNELS.value[OP_ZMUL], NULL, N(out).arr, 0)
        return out
    job_operand(&job, a)
    job_operand(&job, b)
    job_operand(&job, y)
    job_execute(&job, NULL, KERNELS.adjoint[op][k], N(out).arr, 0)
    return out


cdef inline int factor_of(int op, int k) noexcept:
    """The slot of a rule that partial k is, as for products: 0 for a, 1 for b, 2 for y; else -1."""
    cdef const Rule *rule = &RULES[op][k]
    return rule.result if rule.nsteps == 0 and rule.result <= 2 else -1


cdef inline bint goes_with(Array a, const Arr *r) noexcept:
    """Is it absent, a scalar, or contiguous float64 data of this shape?"""
    return (a is None or not N(a).flags & NODE_ARRAY
            or (N(a).arr.typenum == NPY_DOUBLE and N(a).arr.flags & ARR_CONTIGUOUS
                and same_dims(N(a).arr, r) and not is_deferred(a)))


cdef inline const double *numbers_or_null(Array a) noexcept:
    return NULL if a is None else numbers_of(a)


cdef inline int stride_of(Array a) noexcept:
    return a is not None and N(a).flags & NODE_ARRAY != 0


cdef inline const double *number_of(Array a) noexcept:
    return &N(a).v if a is not None else NULL
