# Calls: functions of arrays that are one operator of the graph and of programs,
# and know their own derivative.
#
# Knows nodes and the three methods of a Callee; it must not know what a callee
# computes.  One Python call for each method, so it is fast where a call stands
# for much work (a loop, a function recomputed in the sweep, a user's operator).
#
# A node holds its callee, and nodes are outside the garbage collector: a callee
# that held the result of its own call would make a cycle that is never freed.
# So whatever a derivative needs of the graph is an operand, and a callee holds
# functions and programs only.

cdef enum:
    MOST_LOOKS = 64               # at what is added up, to say that a part of it is zero


cdef class _ElementCode


cdef class Callee:
    """A function of arrays with a derivative of its own, as one operator: the base class.

    `value(arrays)` gives one ndarray for a list of read-only ndarrays, in memory of its own.
    `pull(y, operands, g, wanted)` gives a cotangent (or None) for each operand that is wanted, and
    `push(y, operands, tangents)` the tangent of y (or None), where a tangent may be None.  Both
    work on Arrays with the usual operators, so that derivatives of every order exist; y and the
    operands may be longer lived than the call, so neither may be changed.
    """
    cdef public bint is_first    # y is operand 0, and only the derivative is another one
    cdef public bint is_own      # nobody else holds the memory of what value gives
    cdef public bint is_direct   # value keeps none of its operands, and nobody keeps its result
    cdef _ElementCode code        # of a step, if it is a loop that `run_inside` runs (see loop.pxi)
    cdef Py_ssize_t n_carry, n_rows, length
    cdef bint counted, backward
    cdef bint called              # by a program

    def value(self, arrays):
        """The result for these ndarrays."""
        raise NotImplementedError

    def value_into(self, arrays, parts):
        """Stretches of the result, seen as a vector: `parts` are pairs of the first element and the
        vector that it and those after it go to.  Nothing else of the result is wanted."""
        found = np.asarray(self.value(arrays)).reshape(-1)
        for start, part in parts:
            if start + part.size > found.size:
                raise ValueError(f"{self!r} gave {found.size} numbers, and number "
                                 f"{start + part.size} of them was wanted")
            part[...] = found[start:start + part.size]

    def pull(self, y, operands, g, wanted):
        """The operands' cotangents for the cotangent g of y."""
        raise NotImplementedError

    def push(self, y, operands, tangents):
        """The tangent of y for the operands' tangents."""
        raise NotImplementedError

    def waiting(self, operands):
        """The dtype and the shape of the result, if it may be computed later; else None."""
        return None

    def differentiated(self, operands):
        """The callee to be recorded where a reverse sweep will follow; its result may go on
        behind that of this one."""
        return self


@cython.final
cdef class Stop(Callee):
    """The operand as a constant for every derivative, also of a program that holds this."""

    def __init__(self):
        self.is_first = True

    def value(self, arrays):
        (given,) = arrays
        return given

    def pull(self, y, operands, g, wanted):
        return [None]

    def push(self, y, operands, tangents):
        return None

    def batched(self, n, flags):
        """The same for all points."""
        return self

    def __repr__(self):
        return "stop_gradient"


cdef Stop STOP = Stop()


cdef Array stopped_inside(Array a):
    """As `stopped`, and remembered by programs that may be differentiated later."""
    cdef Array y = stopped(a)
    if not is_traced_value(y) or not is_float(typenum_of(y)):
        return y
    return apply_call([y], (STOP,))


def call(Callee callee, operands, value=None):
    """The callee's result for numbers and arrays, recorded; `value` is that where it is known."""
    cdef list nodes = [as_node(x) for x in operands]
    y = apply_call(nodes, (callee,), None if value is None else as_node(value))
    if value is not None:
        check_made(OP_CALL, y, nodes, (callee,))
    return y


cdef Array apply_call(list operands, tuple attrs, Array value=None):
    cdef Array a, y
    cdef int levels = 0
    cdef bint known = isinstance(attrs[0], Callee)
    if watching and value is None:
        return watched_structural(OP_CALL, operands, attrs)
    if known:
        operands = entered_all(operands) or operands
        for a in operands:
            levels |= levels_of(N(a))
        if (<Callee>attrs[0]).is_first and not keeps_rules(levels):
            return operands[0]
        if any_swept(operands):
            attrs = (attrs[0].differentiated(operands),)
        if highest_dual(operands) >= 0:
            return dual_call(operands, attrs, value)
    else:
        operands = [innermost(a) for a in operands]
    if not known:
        y = called(attrs[0], operands) if value is None else known_result(attrs[0], value)
        note_orders(y, operands)
        return only_traced(y, OP_CALL, operands, attrs) if any_traced(operands) else y
    y = settle(result_of(attrs[0], operands, levels, value))
    note_orders(y, operands)
    return attach(y, OP_CALL, operands, READS_ALL, attrs) if recording(levels) else y


cdef Array result_of(Callee callee, list operands, int levels, Array value):
    """The result of a call: known, computed, or one that waits."""
    cdef object form
    if callee.is_first:
        return known_result(callee, operands[0] if value is None else value)
    if value is None and levels & <int>cdiff_tls.deferring:
        form = callee.waiting(operands)
        if form is not None:
            return deferred_array((np.dtype(form[0]).num, form[1]))
    note_call(levels)
    return called(callee, operands) if value is None else known_result(callee, value)


cdef Array known_result(object callee, Array value):
    """The value of a call that is known, in a node of its own."""
    cdef Array y = None
    if isinstance(callee, Callee) and (<Callee>callee).is_first and defers(value, None, 0):
        y = deferred_array((typenum_of(value), shape_tuple(value)))
    return detached(value) if y is None else y


cdef Array first_part(object callee, Array y, tuple shape):
    """A call's result as its program states it: what a derivative wants may go on behind that."""
    cdef tuple found = shape_tuple(y)
    cdef Py_ssize_t last = len(shape) - 1
    if found == shape:
        return y
    if not isinstance(callee, Callee) or last < 0:
        raise ValueError(f"{callee!r} gave a result of shape {found}, which was {shape} when it "
                         "was recorded")
    return get_basic(y, parse_basic(y, (Ellipsis, slice(0, shape[last]))))


cdef Array called(object callee, list operands):
    """The value of a call in memory of its own."""
    cdef Array a
    cdef object x
    try:
        x = np.asarray(callee.value([ndarray_of(a) for a in operands]))
    except (NewDecision, MemoryError):
        raise
    except Exception:
        note_refusal(callee.value, (operands,))
        raise
    if not (isinstance(callee, Callee) and (<Callee>callee).is_own
            or x.flags.owndata and x.flags.writeable):
        x = np.array(x)
    return plain_node(x)


cdef bint is_rule(Node *n):
    """Does this call only give its first operand another derivative?"""
    callee = (<tuple>n.obj)[0]
    return isinstance(callee, Callee) and (<Callee>callee).is_first


cdef bint keeps_rules(int levels) noexcept:
    """Will anything differentiate a result at these levels: a derivative, or one of a program?"""
    cdef int level, here = levels & <int>cdiff_tls.tracing
    if recording(levels) & ~here:
        return True
    for level in range(MAX_LEVEL + 1):
        if here & level_bit(level) and (<Trace><object>cdiff_tls.trace[level]).rules:
            return True
    return False


cdef int swept_levels(Array a) noexcept:
    """The levels of reverse mode in a value, under its shells."""
    if not N(a).flags & NODE_DUAL:
        return derivative_levels(a)
    if N(a).p0 == NULL:
        return 0
    return swept_levels(<Array><PyObject *>N(a).p0) | swept_levels(<Array><PyObject *>N(a).p1)


cdef bint any_swept(list operands) noexcept:
    cdef Array a
    cdef int levels = 0
    for a in operands:
        levels |= swept_levels(a)
    return recording(levels) != 0


def swept(operands):
    """Will a reverse sweep go through a result of these operands?"""
    return any_swept([as_node(x) for x in operands])


# ---------------------------------------------------------------- derivatives

cdef Array dual_call(list operands, tuple attrs, Array value):
    """A call on dual operands: the highest transformation of them is done here."""
    cdef int mark = highest_dual(operands)
    cdef Array a
    cdef list primals = [primal_at(a, mark) for a in operands]
    cdef list tangents = [tangent_at(a, mark) for a in operands]
    y = apply_call(primals, attrs, None if value is None else primal_at(value, mark))
    return make_dual(y, tan_call(y, tuple(primals), tuple(tangents), attrs), mark)


cdef object tan_call(Array y, tuple operands, tuple tangents, object attrs):
    """The tangent rule of OP_CALL."""
    cdef Array a
    if not isinstance(attrs[0], Callee):
        return None
    # A fan hands on both places of a node of one operand.
    operands = tuple([a for a in operands if a is not None])
    tangents = tangents[:len(operands)]
    if is_paused(cdiff_tls.paused) and not any_traced(operands):
        # A transformation inside the rule would record again on levels that are done.
        y, operands = unlinked(y), tuple([unlinked(a) for a in operands])
    t = attrs[0].push(y, list(operands), list(tangents))
    return None if t is None else like_primal(as_node(t), y)


TAN[OP_CALL] = tan_call


cdef Array unlinked(Array a):
    """Without the graph below it; a value in forward mode stays that."""
    return a if N(a).flags & NODE_DUAL or not levels_of(N(a)) else detached(a)


cdef int reverse_call(Sweep *s, Py_ssize_t i, Array y, Array g) except -1:
    """All operands' cotangents at once, since they have work in common."""
    cdef list positions = structural_positions(s, i)
    cdef list operands, wanted, found
    cdef Array a, c
    cdef Py_ssize_t k, j
    callee = (<tuple>N(y).obj)[0]
    if not isinstance(callee, Callee):
        return 0
    operands = parents_of(y)
    wanted = [positions[k] >= 0 for k in range(len(operands))]
    if s.recorded:                       # for the outer levels only: this one is being swept
        y, g = lower_node(y, s.level), lowered_seed(g, s.level)
        operands = [lower_node(a, s.level) for a in operands]
    else:
        y, g, operands = detached(y), detached(g), [detached(a) for a in operands]
    found = list(callee.pull(y, operands, g, wanted))
    if len(found) != len(operands):
        raise SystemError(f"{callee!r} gave {len(found)} cotangents for {len(operands)} operands")
    for k in range(len(operands)):
        if wanted[k] and found[k] is not None:
            j = positions[k]
            c = as_node(found[k])
            put_value(s, j, fit_operand(c if s.recorded else detached(c),
                                        <Array><PyObject *>s.order[j].node))
    return 0


cdef Array forward_call(Sweep *s, Array y, list operands, list tangents):
    """The tangent of a call in a recorded sweep.  Its rule sees the outer levels only: a program
    that it records would take the nodes of this level, or of one inside that has ended, for its
    own, without the constants that a derivative leaves out."""
    cdef Array a
    cdef object attrs = y_attrs(y)
    y = lower_node(y, s.level)
    operands = [None if a is None else lower_node(a, s.level) for a in operands]
    tangents = [None if a is None else lowered_seed(a, s.level) for a in tangents]
    return like_primal(tan_call(y, tuple(operands), tuple(tangents), attrs), y)


cdef Array lowered_seed(Array g, int level):
    """A tangent or a cotangent below this level, and still part of the program that the sweep
    becomes, whose level is above (see lanes.pxi)."""
    cdef int levels = levels_of(N(g))
    cdef int above = tracing(levels) & ~(2 * level_bit(level) - 1)
    cdef int kept = above | (levels & (level_bit(level) - 1))
    cdef Array out
    if not above or N(g).flags & NODE_DUAL:
        return lower_node(g, level)
    if kept == levels:
        return g
    out = ew1(OP_POSITIVE, g)
    N(out).flags = <uint32_t>((N(out).flags & ~LEVEL_MASK) | (kept & LEVEL_MASK))
    return out


cdef bint is_all_zero(np.ndarray x) except -1:
    """Are all numbers 0?  They are where the first one is, and each is like the one before: NumPy's
    `any` makes booleans of all."""
    cdef Py_ssize_t size = np.PyArray_ITEMSIZE(x)
    cdef const char *data = np.PyArray_BYTES(x)
    if not np.PyArray_IS_C_CONTIGUOUS(x) or np.PyArray_SIZE(x) == 0:
        return not x.any()
    return not x[0] and memcmp(data, data + size, np.PyArray_NBYTES(x) - size) == 0


def is_zero_part(y, Py_ssize_t start, Py_ssize_t stop):
    """Is this part of a vector zero for certain?

    Of a recorded vector that is known where it stands beside what is embedded in zeros, or in a
    sum of a few such vectors; others are looked at.
    """
    cdef list todo = [as_node(y)]
    cdef tuple part = (start, 1, stop - start), attrs
    cdef Py_ssize_t looks = 0
    cdef Array a
    while todo:
        a = todo.pop()
        looks += 1
        if a is None or N(a).flags & NODE_DUAL or looks > MOST_LOOKS or ndim_of(a) != 1:
            return False
        if not levels_of(N(a)):
            if not is_all_zero(ndarray_of(a)[start:stop]):
                return False
        elif N(a).op == OP_POSITIVE:               # as which a lower level sees it
            todo.append(parent(a, 0))
        elif N(a).op == OP_ADD:
            todo += [parent(a, 0), parent(a, 1)]
        else:
            attrs = y_attrs(a) if N(a).op == OP_EMBED else None
            if attrs is None or not are_apart(part, attrs[1]):
                return False
    return True


# ---------------------------------------------------------------- what a rule is given

def below(operands):
    """The operands of a function with a rule of its own, as that function should see them, and the
    level that they were lowered below; -1 if they were not.

    None where nothing will ask for a derivative.  Where possible they are lowered below the
    innermost derivative, for which the function's own operations would be recorded in vain: not
    below a program, nor below a sweep whose values carry tangents of an outer transformation,
    since those depend on what the rule keeps.
    """
    cdef list nodes = [as_node(x) for x in operands]
    cdef Array a
    cdef int levels = 0, top = MAX_LEVEL, mark
    for a in nodes:
        levels |= levels_of(N(a))
    if not keeps_rules(levels):
        return None
    while not levels & level_bit(top):
        top -= 1
    mark = highest_dual(nodes)
    if (all_tracing & <uint32_t>level_bit(top)
            or (mark >= 0 and mark >> SERIAL_BITS != top)):
        return nodes, -1
    return [lower_node(a, top) for a in nodes], top
