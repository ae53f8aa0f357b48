# Tracing: a function run once on tracked inputs, so that its graph can become a
# program (freeze.pxi).
#
# Knows nodes and programs, as freeze.pxi and no other room does.  While a Trace is
# open its level records every operation on its values, also those without a
# derivative, with all their operands; and whatever leaves the graph as a plain
# value (a bool for an `if`, an int for an index, an ndarray for NumPy) is noted
# as a decision, so that a program never answers for inputs that would have
# decided otherwise.  Fast because a recording is the graph that operations make
# anyway.

cdef enum:
    OUR_REFERENCES = 3            # to an ndarray that only the trace knows: see original_of

# ---------------------------------------------------------------- levels

cdef inline int derivative_levels(Array a) noexcept:
    """The levels of a value that are not there to record a program only."""
    return levels_of(N(a)) & ~<int>cdiff_tls.tracing


cdef inline bint is_traced_value(Array a) noexcept:
    """Is this a value of a program that is being recorded, here or in another thread?"""
    cdef int levels = levels_of(N(a))
    return levels & <int>cdiff_tls.tracing != 0 \
        or (perhaps_elsewhere(levels) != 0 and is_traced_elsewhere(a))


cdef class Trace(Level):
    """A level whose values become a program: `with Trace() as level:`.

    `decisions` are an Array, the plain value that was taken from it, and the line that took it.
    With `rules` the program keeps the rules of custom derivatives, since it will be differentiated.
    One that is `closed` (by default, one without rules) cannot take duals from outside as inputs.
    One that `defers` does not compute large values before somebody looks at them.
    Where the function's own recording is `past`, what it reads of the values of that is no more
    than their values then: this trace takes all levels below for those of that recording, and notes
    decisions by such values as its own.
    """
    cdef int level
    cdef uint32_t mark            # the level with the number of this transformation
    cdef bint past
    cdef bint is_over             # a place holder: see ended.pxi
    cdef Traces outer
    cdef uint32_t outer_tracing, outer_deferring
    cdef readonly bint rules
    cdef readonly bint has_computed  # work that its program would have to do again
    cdef readonly bint has_failed  # something that waited could not be computed
    cdef bint closed, defers
    cdef readonly list decisions
    cdef list inputs
    cdef list duals               # (input, dual) for each dual from outside; no input: it is read
    cdef dict outside             # ndarrays that were used: (copy, original) by place and form
    cdef dict originals           # the same by the address of the copy
    cdef dict by_memory           # the copies by the address of their memory
    cdef dict copies              # constants that a program has, by address, until the trace ends
    cdef dict versions            # outer values as they were before they were changed, by address

    def __init__(self, rules=False, closed=None, defers=False, past=False):
        self.rules = rules
        self.past = past
        self.defers = defers
        self.closed = not rules if closed is None else closed

    def __enter__(self):
        self.outer_tracing = cdiff_tls.tracing
        self.outer_deferring = cdiff_tls.deferring
        self.decisions = []
        self.inputs = []
        self.duals = []
        self.outside = {}
        self.originals = {}
        self.by_memory = {}
        self.copies = {}
        self.versions = {}
        self.has_computed = self.has_failed = False
        self.level = Level.__enter__(self)
        if cdiff_tls.mingles:
            self.level = above_all(self.level)
        self.mark = dual_mark(self.level)
        cdiff_tls.tracing |= <uint32_t>level_bit(self.level)
        if self.defers:
            cdiff_tls.deferring |= <uint32_t>level_bit(self.level)
        cdiff_tls.trace[self.level] = <PyObject *>self
        if self.past:
            self.cover()
        go_to(self.level)
        return self.level

    cdef int cover(self) except -1:
        """Take the place of the traces below."""
        cdef int k
        for k in range(self.level):
            self.outer.trace[k] = cdiff_tls.trace[k]
            cdiff_tls.trace[k] = <PyObject *>self
        cdiff_tls.tracing |= <uint32_t>(level_bit(self.level) - level_bit(0))
        cdiff_tls.deferring &= <uint32_t>level_bit(self.level)
        return 0

    def __exit__(self, *exception):
        cdef int k
        cdef Array a
        for a in self.inputs:
            N(a).mark = LEFT_MARK
        cdiff_tls.trace[self.level] = NULL
        for k in range(self.level if self.past else 0):
            cdiff_tls.trace[k] = self.outer.trace[k]
        self.copies = {}
        self.versions = {}
        cdiff_tls.tracing = self.outer_tracing
        cdiff_tls.deferring = self.outer_deferring
        Level.__exit__(self, *exception)

    cdef int decided(self, tuple decision) except -1:
        self.decisions.append(decision)
        return 0

    def input(self, x):
        """A fresh input of the program with the value of `x`, of any dtype."""
        cdef Array a = innermost(as_node(x))
        if N(a).flags & NODE_WEAK and N(a).flags & NODE_ARRAY == 0 and N(a).mark == WEAK_INTEGER:
            a = wrap_ndarray(np.asarray(int(N(a).v)))
        a = self.leaf(a)
        self.inputs.append(a)
        return a

    cdef Array leaf(self, Array a):
        """A leaf with this value, which waits with it where it may."""
        if self.defers and is_deferred(a):
            return waiting_leaf(a, self.level)
        if not N(a).flags & NODE_ARRAY:
            return make_leaf(a, self.level)
        if is_borrowed(a) or not N(a).arr.flags & ARR_CONTIGUOUS:
            return make_leaf(contiguous_copy(a), self.level)
        return make_leaf(saved(a), self.level)  # who changes it in place makes a copy

    cdef Array dual_input(self, Array dual):
        """The input that stands for a dual from outside, which only the program's caller knows."""
        cdef Array a
        for a, known in self.duals:
            if known is dual:
                return a
        a = self.leaf(innermost(dual))
        set_mark(N(a), self.mark)    # in whatever thread this is
        self.duals.append((a, dual))
        return a

    def freeze(self, outputs, rules=None):
        """(program, captured): the program of these Arrays in terms of the inputs.

        `captured` are the outer values it reads besides; they are inputs after the others.
        Anything but an Array among the outputs becomes a constant.  `rules` overrides the choice
        made with the Trace.
        """
        cdef list nodes = [entered(as_node(y)) for y in outputs]
        refuse_left(nodes, self.level)
        if cdiff_tls.mingles:
            refuse_mingled([innermost(a) for a in nodes] + [d[0] for d in self.decisions],
                           self.level)
        return freeze(self, nodes, self.rules if rules is None else rules)

    cdef Array version(self, Array a):
        """An outer value that the function read before it changed that in place, apart from what it
        has become: the same one for all programs of this trace."""
        cdef Array found = self.versions.get(<size_t><PyObject *>a, a)
        if found is a and N(a).flags & NODE_ALIAS:
            found = self.versions[<size_t><PyObject *>a] = ew1(OP_POSITIVE, a)
        return found

    cdef np.ndarray original_of(self, Array copy):
        """The ndarray that a constant was copied from, if it still holds that and may change; or
        that it is, if that is ours."""
        cdef object found = self.originals.get(<size_t><PyObject *>copy)
        if found is None:
            return own_constant(copy)
        original, base = found
        if (base.base is None and not base.flags.writeable) or not is_shared(base):
            return None
        return original if same_content(original, ndarray_of(copy)) else None

    cdef Array transposed_by(self, Array a, list perm):
        """The constant that this one shows, its axes in the order that `perm` is filled with."""
        cdef Arr *r = N(a).arr
        cdef Array copy = self.by_memory.get(<size_t>root_of(r))
        if copy is None or copy is a or not are_reordered(N(copy).arr, r, perm):
            return None
        return copy


cdef bint are_reordered(const Arr *r, const Arr *view, list perm) except -1:
    """Does a view show all of `r` with its axes in another order?"""
    cdef int i, k
    if r.data != view.data or r.ndim != view.ndim or r.typenum != view.typenum:
        return False
    for k in range(view.ndim):
        for i in range(r.ndim):
            if i not in perm and ARR_SHAPE(r)[i] == ARR_SHAPE(view)[k] \
                    and ARR_STRIDES(r)[i] == ARR_STRIDES(view)[k]:
                perm.append(i)
                break
    return len(perm) == r.ndim


cdef bint is_shared(object base) except -1:
    """Can anybody but us change it?  What is gone but for us was made inside the function."""
    return base.base is not None or Py_REFCNT(<PyObject *>base) > OUR_REFERENCES


cdef Array remembered(Array a):
    """The copy that stands for an ndarray in a trace, the same one while it is equal."""
    cdef Trace trace = innermost_trace()
    cdef Arr *r = N(a).arr
    cdef object base = <object>root_of(r).base
    cdef tuple key = (<size_t>r.data, r.typenum, shape_tuple(a),
                      tuple([ARR_STRIDES(r)[i] for i in range(r.ndim)]))
    cdef object found = trace.outside.get(key)
    cdef Array copy
    if found is not None and same_content(ndarray_of(found), ndarray_of(a)):
        return found
    # A program can read memory of NumPy's where it lies: large arrays are copied only once.
    copy = contiguous_copy(a) if r.size < defer_from \
        else constant_node(np.array(ndarray_of(a), order="C"))
    saved(copy)
    trace.outside[key] = copy
    trace.originals[<size_t><PyObject *>copy] = (export(a, NPY_ARRAY_WRITEABLE), base)
    trace.by_memory[<size_t>root_of(N(copy).arr)] = copy
    return copy


def held(x):
    """An ndarray as an operand of what is being recorded, as it is now: the copy that stands for
    it there."""
    return saved(as_node(x))


def constant(np.ndarray x not None):
    """A constant of our own, which a program reads where it lies; `x` must not change any more."""
    return saved(constant_node(x))


cdef Trace innermost_trace():
    cdef Trace found = None
    cdef int level
    for level in range(MAX_LEVEL, -1, -1):
        if cdiff_tls.trace[level] != NULL and (found is None or found.is_over):
            found = <Trace><object>cdiff_tls.trace[level]
    return found


cdef Trace trace_above(Array a):
    """The innermost program being recorded inside the transformation that a dual belongs to."""
    cdef int level, lowest = cdiff_tls.base if is_dual_elsewhere(N(a)) \
        else <int>N(a).mark >> SERIAL_BITS
    for level in range(MAX_LEVEL, lowest, -1):
        if cdiff_tls.tracing & <uint32_t>level_bit(level) \
                and not (<Trace><object>cdiff_tls.trace[level]).is_over:
            return <Trace><object>cdiff_tls.trace[level]
    return None


cdef Trace trace_elsewhere(Array dual, list operands):
    """The innermost program that another thread records inside the transformation of a dual, and
    that one of these operands is a value of.  Levels of threads that mingle do not tell: that is
    an error."""
    cdef Array a
    cdef uint32_t above = ~<uint32_t>(2 * level_bit(<int>(N(dual).mark >> SERIAL_BITS)) - 1)
    cdef uint32_t bit, found
    cdef int level
    cdef Trace trace = None
    cdef ThreadState *owner = thread_of(N(dual).mark)
    cdef ThreadState *t = NULL if owner == NULL else busy
    while t != NULL:
        found = 0
        for a in operands if t != &cdiff_tls else ():
            if a is not None and a is not dual and t.told & N(a).flags:
                found |= <uint32_t>levels_elsewhere(a, t)
        if found and (owner.mingles or t.mingles):
            raise_mingled()
        found &= above
        for level in range(MAX_LEVEL + 1):
            bit = <uint32_t>level_bit(level)
            if found & bit and t.trace[level] != NULL \
                    and (trace is None or bit > <uint32_t>level_bit(trace.level)):
                trace = <Trace><object>t.trace[level]
        t = t.next
    return trace


cdef Array entered_elsewhere(Trace trace, Array dual):
    """The input of a program that another thread records, which stands for a dual from outside."""
    if N(dual).flags & LEVEL_MASK & ~<uint32_t>(level_bit(trace.level) - 1):
        raise TypeError("cdiff: a function that is being recorded in another thread (vmap, scan, "
                        "checkpoint) differentiates here at a value that a jvp around it tracks; "
                        "do that in the thread that calls it")
    return trace.dual_input(dual)


cdef Array entered(Array a, list operands=None):
    """An operand as the program being recorded sees it; where another thread records it, the other
    `operands` tell which program that is.

    For the body of a loop, a dual from outside is a value without a tangent: the loop as a whole
    has the dual as an operand.  Any other program depends on the dual and cannot be kept.
    """
    cdef Trace trace
    if a is None or not N(a).flags & NODE_DUAL or not all_tracing:
        return a
    if operands is not None:
        trace = trace_elsewhere(a, operands)
        if trace is not None and not trace.closed:
            return entered_elsewhere(trace, a)
        if trace is not None:
            trace.duals.append((None, a))
    trace = trace_above(a) if cdiff_tls.tracing else None
    if trace is None:
        return with_entered(a, operands)
    if not trace.closed:
        return trace.dual_input(a)
    trace.duals.append((None, a))
    return a


cdef Array with_entered(Array dual, list operands):
    """A dual of a transformation inside the program, whose parts may be duals from outside."""
    cdef int mark = <int>N(dual).mark
    cdef Array primal, tangent
    if is_raw_dual(N(dual)):
        return dual
    primal = entered(primal_at(dual, mark), operands)
    tangent = entered(tangent_at(dual, mark), operands)
    if primal is primal_at(dual, mark) and tangent is tangent_at(dual, mark):
        return dual
    return make_dual(primal, tangent, mark)


cdef list entered_all(list operands):
    """The operands of one operation as that program sees them; None if that is as they are."""
    cdef list others = operands if all_tracing & ~cdiff_tls.tracing else None
    cdef list out
    cdef Py_ssize_t k
    if not all_tracing:
        return None
    out = [entered(a, others) for a in operands]
    for k in range(len(out)):
        if out[k] is not operands[k]:
            return out
    return None


cdef int decide(Array a, str lost="") except -1:
    """Note that the plain value of a traced Array is known outside; `lost` says how, if a
    derivative would be lost there.

    By the innermost of the programs being recorded: it is part of the others as a whole, and
    looks for the path of such a decision itself.
    """
    cdef int level
    a = innermost(a)
    level = tracing_level(levels_of(N(a)))
    if level < 0:
        return refuse_elsewhere(a)
    (<Trace><object>cdiff_tls.trace[level]).decided(
        (a, np.array(ndarray_of(a)), line_text(calling_line()), lost))
    return 0


cdef Array seen(Array a):
    """An Array of which somebody will use the plain value."""
    a = current(a)
    if is_traced_value(a):
        decide(a)
    return a


cdef object rounded(int op, Array a):
    """The number in `a` for Python's rounding: a program decides on the rounded one."""
    a = innermost(current(a))
    if size_of(a) != 1:
        return float_of(a)                       # which raises the error
    if is_traced_value(a) and is_float(typenum_of(a)):
        a = ew1(op, a)
    return shown(a).item()


# ---------------------------------------------------------------- values without derivative

cdef Array only_traced(Array y, int op, list operands, object attrs):
    """Record a result without derivative at the tracing levels of its operands.

    `y` is an array block of any dtype, with a node of its own.
    """
    cdef int paused = cdiff_tls.paused
    cdiff_tls.paused = TRACED
    try:
        return attach(y, op, operands, READS_ALL, attrs)
    finally:
        cdiff_tls.paused = paused


cdef Array plain_node(object x):
    """An ndarray as an array node, also where it is one number."""
    cdef np.ndarray value = np.asarray(x)
    cdef Array y = wrap_ndarray(value)
    return as_block(y)


cdef Array traced_question(int op, Array a, Array b):
    """A comparison, isnan and the like: booleans that are values of the program."""
    cdef Array y
    a = innermost(a)
    b = None if b is None else innermost(b)
    y = deferred_question(op, a, b)
    if y is None:
        y = answer(op, a, b)
    return only_traced(y, op, [a] if b is None else [a, b], None)


cdef Array traced_cast(Array a, int typenum):
    """To integers or booleans: the derivative ends, the program goes on."""
    a = innermost(a)
    if defers(a, None, size_of(a)):
        y = deferred_array((typenum, shape_tuple(a)))
    else:
        y = plain_node(ndarray_of(a).astype(np.PyArray_DescrFromType(typenum)))
    return only_traced(y, OP_CAST, [a], (typenum,))


cdef Array stopped(Array a):
    """The same value as a constant for every derivative, but not for a program."""
    cdef int paused = cdiff_tls.paused
    a = innermost(a)
    if not is_traced_value(a):
        return detached(a)
    cdiff_tls.paused = TRACED
    try:
        return ew1(OP_POSITIVE, a) if is_inexact(typenum_of(a)) else a
    finally:
        cdiff_tls.paused = paused


cdef Array float_node(Array a):
    """Integers and booleans as float64, recorded; others unchanged."""
    if a is None or N(a).flags & NODE_DUAL or is_inexact(typenum_of(a)):
        return a
    return apply1(OP_CAST, a, (NPY_DOUBLE,)) if is_traced_value(a) else as_float(a)


cdef Array traced_whole_numbers(int op, object ufunc, Array a, Array b):
    """An operator on integers and booleans as NumPy computes it, as part of the program."""
    cdef Array y
    cdef bint single = False
    if ufunc is not None:
        operands = [numpy_operand(a)] if b is None else [numpy_operand(a), numpy_operand(b)]
        value = np.asarray(ufunc(*operands))
        if value.dtype.kind in "biu":
            return only_traced(plain_node(value), op, [a] if b is None else [a, b], None)
        single = value.dtype.itemsize <= sizeof(float)  # of integers of 16 bits and less
    a, b = float_node(a), float_node(b)
    y = ew1(op, a) if b is None else ew2(op, a, b)
    return apply_cast(y, NPY_FLOAT) if single else y
