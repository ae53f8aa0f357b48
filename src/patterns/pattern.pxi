# Pattern: which inputs each element of a program's results depends on.
#
# One rule for each operator says which sets of its operands are joined; what is
# done to the sets is index_sets.pxi's.  Knows operators, their attributes and which
# partial derivatives the table writes as zero; it must not know what the pattern is
# for.  Fast because an operator that copies or sums costs what it copies, because
# values with equal sets share them, and because sets are dropped after their last use.
#
# A structural pattern holds for every point that takes the same path: constants that
# are zero count as zeros, values do not.  With the values of one point it is local:
# a partial derivative that is zero there takes part no more (the zero law).

ctypedef _Sets (*pattern_fn)(_Pattern s, Py_ssize_t i)

cdef pattern_fn PATTERN[N_OPS]    # NULL for elementwise operators, copies and sums


@cython.final
cdef class _Pattern:
    """The sets of all values that are still needed."""
    cdef Program p
    cdef Places places
    cdef bint local
    cdef list sets                # of each instruction; None where it depends on nothing
    cdef object bits              # whether bits are swept in runs of numbers; None: where it pays
    cdef list notes
    cdef np.ndarray uses
    cdef int32_t *last            # the instruction that reads each value last

    cdef inline _Sets of(self, Py_ssize_t i, Py_ssize_t k):
        """The sets of operand k."""
        return self.sets[self.p.operand(i, k)]

    cdef tuple shape_of(self, Py_ssize_t i, Py_ssize_t k):
        return self.places.shape(self.p.operand(i, k))

    cdef _Sets rule(self, Py_ssize_t i):
        cdef Instr *x = &self.p.code[i]
        if x.op < N_ELEMENTWISE and x.type <= TYPE_WEAK:
            return pattern_number(self, i)
        if not is_inexact(self.p.types[x.type][0]):
            return None
        if x.op < N_ELEMENTWISE:
            return pattern_elementwise(self, i)
        if PATTERN[x.op] != NULL:
            return PATTERN[x.op](self, i)
        return pattern_copied(self, i)

    cdef int note(self, Py_ssize_t i, str what) except -1:
        self.notes.append(f"{op_name(self.p.code[i].op)} (%{i}): {what}")
        return 0

    cdef int find_last_uses(self) except -1:
        """Who reads each value last; nobody does so with an output."""
        cdef Py_ssize_t i, k
        self.uses = np.empty(self.p.count, np.int32)
        self.last = <int32_t *>np.PyArray_DATA(self.uses)
        for i in range(self.p.count):
            self.last[i] = -1
            for k in range(self.p.n_operands(i)):
                self.last[self.p.operand(i, k)] = <int32_t>i
        for v in self.p.outputs:
            self.last[<Py_ssize_t>v] = <int32_t>self.p.count
        return 0

    cdef int run(self, list firsts) except -1:
        """Fill in the sets; input k has the columns from firsts[k] on, none if that is None."""
        cdef Py_ssize_t i, k, end = 0
        cdef bint done = False
        cdef Instr *x
        self.sets = [None] * self.p.count
        self.find_last_uses()
        for i in range(self.p.count):
            x = &self.p.code[i]
            if i >= end:
                end = end_of_run(self, i)
                done = found_by_bits(self, i, end)
            if x.op == OP_LEAF:
                if firsts[x.a] is not None:
                    self.sets[i] = unit_sets(product(self.places.shape(i)), firsts[x.a])
            elif x.op != OP_CONST and not (i < end and done):
                self.sets[i] = self.rule(i)
            for k in range(self.p.n_operands(i)):
                if self.last[self.p.operand(i, k)] == i:
                    self.sets[self.p.operand(i, k)] = None
            if i & 0xFF == 0xFF:
                PyErr_CheckSignals()
        return 0


# ---------------------------------------------------------------- elementwise

cdef _Sets pattern_elementwise(_Pattern s, Py_ssize_t i):
    cdef Instr *x = &s.p.code[i]
    cdef int k, nargs = OP_NARGS[x.op]
    cdef tuple shape = s.places.shape(i)
    cdef _Sets out = None, part
    for k in range(nargs):
        part = s.of(i, k)
        if part is None or (x.op == OP_WHERE and k == 0):
            continue
        if x.op < N_LOCAL and OP_PARTIAL[x.op][k] == PARTIAL_ZERO:
            continue
        part = spread_sets(part, s.shape_of(i, k), shape)
        out = joined(out, without_zeros(s, i, k, part))
    return out


cdef _Sets spread_sets(_Sets a, tuple shape, tuple target):
    """Sets of an operand, broadcast."""
    return a if shape == target else taken(a, broadcast_places(shape, target))


cdef _Sets without_zeros(_Pattern s, Py_ssize_t i, int k, _Sets a):
    """Without those whose partial derivative is known to be zero."""
    cdef object zero = known_zeros(s, i, k)
    cdef Py_ssize_t n = product(s.places.shape(i))
    if zero is None or a is None:
        return a
    zero = np.broadcast_to(zero, s.places.shape(i)).reshape(-1)
    return taken(a, np.where(zero, -1, np.arange(n, dtype=np.int64))) if zero.any() else a


cdef object known_zeros(_Pattern s, Py_ssize_t i, int k):
    """Where the partial derivative by operand k is zero, as booleans; None if that is not known."""
    cdef Instr *x = &s.p.code[i]
    cdef list at = s.p.operands_of(i)
    cdef Array y, a, b
    if x.op == OP_WHERE:
        condition = s.places.content(at[0], False)
        return None if condition is None else (condition == 0) == (k == 1)
    if x.op == OP_MULTIPLY or x.op == OP_ZMUL:
        if is_zero_number(s.p, at[1 - k]):
            return np.True_
        factor = s.places.content(at[1 - k], False)
        return None if factor is None else factor == 0
    if not s.local:
        return None
    values = [innermost(<Array>s.places.values[v]) for v in at]
    y = innermost(<Array>s.places.values[i])
    a = values[0]
    b = values[1] if len(values) > 1 else None
    return ndarray_of(times_partial(x.op, k, scalar(1.0), a, b, y)) == 0


cdef bint is_zero_number(Program p, int32_t v) noexcept:
    cdef Instr *x = &p.code[v]
    return x.op == OP_CONST and x.type <= TYPE_WEAK and p.numbers[x.a] == 0.0


# ---------------------------------------------------------------- copies and sums

cdef _Sets pattern_copied(_Pattern s, Py_ssize_t i):
    """Operators that put copies of elements into new places, or add them up."""
    cdef Py_ssize_t k
    cdef _Sets out = None, part
    for k in range(len(s.p.operands_of(i))):
        part = s.of(i, k)
        if part is not None:
            places = s.places.source(i, k)
            if places is NotImplemented:
                return pattern_summed(s, i)
            out = joined(out, taken(part, places))
    return out


cdef _Sets pattern_each(_Pattern s, Py_ssize_t i):
    """Each element of the result depends on the same one of the operand."""
    return s.of(i, 0)


cdef _Sets pattern_concatenate(_Pattern s, Py_ssize_t i):
    """Very many numbers, perhaps: their sets one after the other, where elements are."""
    cdef Py_ssize_t axis = s.p.attrs_of(i)[0]
    cdef list at = s.p.operands_of(i)
    if product(s.places.shape(i)[:axis]) != 1:
        return pattern_copied(s, i)
    return one_after_the_other([s.sets[v] for v in at],
                               [product(s.places.shape(v)) for v in at])


cdef _Sets pattern_summed(_Pattern s, Py_ssize_t i):
    cdef object target = s.places.target(i)
    cdef _Sets a = s.of(i, 0)
    if target is NotImplemented:
        return pattern_block(s, i)
    return summed(a, target, product(s.places.shape(i)))


cdef _Sets pattern_extreme(_Pattern s, Py_ssize_t i):
    """max and min: at one point only the elements that are the result."""
    cdef Instr *x = &s.p.code[i]
    cdef _Sets a = s.of(i, 0)
    if a is not None and s.local:
        shape = kept_shape(s.places.shape(x.a), s.p.attrs_of(i)[0])
        y = s.places.content(<int32_t>i, False).reshape(shape)
        other = (s.places.content(x.a, False) != y).reshape(-1)
        a = taken(a, np.where(other, -1, np.arange(other.size, dtype=np.int64)))
    return summed(a, s.places.target(i), product(s.places.shape(i)))


cdef _Sets pattern_gather(_Pattern s, Py_ssize_t i):
    """Positions that are computed may be any: each row of the result depends on all rows."""
    cdef Instr *x = &s.p.code[i]
    cdef _Sets a = s.of(i, 0)
    cdef tuple shape = s.places.shape(x.a)
    cdef Py_ssize_t inner = product(shape[1:])
    if a is None:
        return None
    places = s.places.source(i, 0)
    if places is not NotImplemented:
        return taken(a, places)
    s.note(i, f"computed positions, so that any of {shape[0]} rows may be meant")
    column = np.arange(product(shape), dtype=np.int64) % (inner or 1)
    every = np.arange(product(s.places.shape(i)), dtype=np.int64) % (inner or 1)
    return taken(summed(a, column, inner), every)


cdef _Sets pattern_running(_Pattern s, Py_ssize_t i):
    """cumsum and linrec: everything before along an axis."""
    cdef Instr *x = &s.p.code[i]
    cdef tuple shape = s.places.shape(i)
    cdef _Sets a = None
    cdef Py_ssize_t k
    axis, backward = s.p.attrs_of(i)
    for k in range(OP_NARGS[x.op]):
        a = joined(a, spread_sets(s.of(i, k), s.shape_of(i, k), shape))
    if a is None:
        return None
    order = np.moveaxis(all_places(shape), axis, -1)
    order = flat_places(order[..., ::-1] if backward else order)
    a = running(taken(a, order), shape[axis])
    return taken(a, inverted_places(order, order.size))


# ---------------------------------------------------------------- linear algebra

cdef np.ndarray matrix_labels(tuple shape, tuple target, bint rows, bint columns):
    """For each element of stacked matrices that are broadcast to the batches of `target`: a number
    that tells batch, and row or column if asked for, apart.

    `target` may be the operand's own shape: then it is about the operand's elements.
    """
    cdef Py_ssize_t n = len(shape), m = len(target)
    batches = all_places(shape[:n - 2]).reshape(shape[:n - 2] + (1, 1))
    labels = np.broadcast_to(batches, target[:m - 2] + (1, 1))
    if rows:
        labels = labels * target[m - 2] + np.arange(target[m - 2])[:, None]
    if columns:
        labels = labels * target[m - 1] + np.arange(target[m - 1])
    return flat_places(np.broadcast_to(labels, target))


cdef _Sets by_label(_Sets a, np.ndarray inner, np.ndarray outer):
    """Each element of the result depends on the elements of a with its label."""
    cdef Py_ssize_t n
    if a is None or not inner.size or not outer.size:
        return None
    n = np.maximum(inner.max(), outer.max()) + 1
    return taken(summed(a, inner, n), outer)


cdef _Sets pattern_matmul(_Pattern s, Py_ssize_t i):
    cdef Instr *x = &s.p.code[i]
    cdef tuple shape = s.places.shape(i), a = s.places.shape(x.a), b = s.places.shape(x.b)
    cdef _Sets left, right
    left = matmul_constant(s, i, 1)
    if left is None:
        left = by_label(s.of(i, 0), matrix_labels(a, a, True, False),
                        matrix_labels(a, shape, True, False))
    right = matmul_constant(s, i, 0)
    if right is None:
        right = by_label(s.of(i, 1), matrix_labels(b, b, False, True),
                         matrix_labels(b, shape, False, True))
    return joined(left, right)


cdef _Sets matmul_constant(_Pattern s, Py_ssize_t i, int which):
    """The sets by the other operand where operand `which` is a constant matrix: its zeros count."""
    cdef Instr *x = &s.p.code[i]
    cdef tuple a = s.places.shape(x.a), b = s.places.shape(x.b), shape = s.places.shape(i)
    cdef _Sets other = s.of(i, 1 - which)
    if other is None or len(shape) != 2:
        return None
    constant = s.places.content(x.a if which == 0 else x.b, True)
    if constant is None:
        return None
    m, n = shape
    if which == 0:                       # y[r, c] by b[k, c]
        rows, inner = np.nonzero(constant)
        at = (rows[:, None] * n + np.arange(n)).reshape(-1)
        source = (inner[:, None] * n + np.arange(n)).reshape(-1)
    else:                                # y[r, c] by a[r, k]
        inner, columns = np.nonzero(constant)
        at = (columns[:, None] + n * np.arange(m)).reshape(-1)
        source = (inner[:, None] + a[1] * np.arange(m)).reshape(-1)
    start, lists = lists_of_targets(flat_places(at), m * n)
    return through(other, start, flat_places(source)[lists], highest_item(other) + 1)


cdef _Sets pattern_solve(_Pattern s, Py_ssize_t i):
    cdef Instr *x = &s.p.code[i]
    cdef tuple shape = s.places.shape(i), a = s.places.shape(x.a), b = s.places.shape(x.b)
    return joined(by_label(s.of(i, 0), matrix_labels(a, a, False, False),
                           matrix_labels(a, shape, False, False)),
                  by_label(s.of(i, 1), matrix_labels(b, b, False, True),
                           matrix_labels(b, shape, False, True)))


cdef _Sets pattern_whole_matrix(_Pattern s, Py_ssize_t i):
    """inv, det, logabsdet, cholesky: every element of a matrix; zeros above the factor."""
    cdef Instr *x = &s.p.code[i]
    cdef tuple a = s.places.shape(x.a)
    cdef np.ndarray outer
    if x.op == OP_DET or x.op == OP_LOGABSDET:
        outer = np.arange(product(a[:len(a) - 2]), dtype=np.int64)
    else:
        outer = matrix_labels(a, a, False, False)
    if x.op == OP_CHOLESKY:
        outer = flat_places(np.where(np.tri(a[len(a) - 1], dtype=bool), outer.reshape(a), -1))
    return by_label(s.of(i, 0), matrix_labels(a, a, False, False), outer)


cdef _Sets pattern_einsum(_Pattern s, Py_ssize_t i):
    cdef tuple shape = s.places.shape(i)
    cdef str output
    cdef Py_ssize_t k
    cdef _Sets out = None
    inputs, output = einsum_terms(s.p.attrs_of(i)[0])
    for k in range(len(inputs)):
        if s.of(i, k) is not None:
            kept = [c for c in output if c in inputs[k]]
            lengths = [s.shape_of(i, k)[inputs[k].index(c)] for c in kept]
            out = joined(out, by_label(s.of(i, k),
                                       einsum_labels(inputs[k], s.shape_of(i, k), kept, lengths),
                                       einsum_labels(output, shape, kept, lengths)))
    return out


cdef np.ndarray einsum_labels(object axes, tuple shape, list kept, list lengths):
    """A number for each element that tells its places along the axes in `kept` apart; -1 beside the
    diagonal of an axis that is named twice."""
    cdef object out = np.zeros(shape, np.int64), grid = np.indices(shape, sparse=True)
    for c, length in zip(kept, lengths):
        out = out * length + (grid[axes.index(c)] if length > 1 else 0)
    for k, c in enumerate(axes):
        if axes.index(c) != k:
            out = np.where(grid[axes.index(c)] == grid[k], out, -1)
    return flat_places(np.broadcast_to(out, shape))


# ---------------------------------------------------------------- what has no rule

cdef _Sets pattern_block(_Pattern s, Py_ssize_t i):
    """Every element of the result by every element of the operands, unless the callee says which
    it reads (`sources`); of one point, where a call is mapped to many."""
    cdef Py_ssize_t k, n = product(s.places.shape(i)), size, points = 1
    cdef _Sets out = None, a
    cdef bint dense = False
    cdef list at = s.p.operands_of(i)
    attrs = s.p.attrs_of(i)
    callee = attrs[0] if s.p.code[i].op == OP_CALL else None
    flags = getattr(callee, "flags", None)
    sources = getattr(callee, "sources", None)
    if flags is not None and len(flags) == len(at):
        points = getattr(callee, "size", getattr(callee, "n", 1))
    if isinstance(callee, (Hosted, HostedRows, Positions, Stop)):
        return None                       # no derivative goes through
    each = np.arange(n, dtype=np.int64) // (n // points or 1)
    for k in range(len(at)):
        a = s.of(i, k)
        if a is None:
            continue
        size = a.n
        read = sources(k, [s.places.shape(v) for v in at]) if sources is not None else None
        if read is not None:
            for places in read:
                out = joined(out, taken(a, np.ascontiguousarray(places, np.int64)))
            continue
        dense = True
        if points > 1 and flags[k]:
            own = by_label(a, np.arange(size, dtype=np.int64) // (size // points or 1), each)
        else:
            own = taken(summed(a, np.zeros(size, np.int64), 1), np.zeros(n, np.int64))
        out = joined(out, own)
    if dense:
        s.note(i, f"no rule for {callee if callee is not None else 'it'}, "
                  f"taken as dense in {points} block{'s' if points > 1 else ''}")
    return out


def pattern_of(Program program not None, firsts not None, inputs=None, bits=None):
    """(sets, watched, notes): what each output of a program depends on.

    Input k has the columns from firsts[k] on, none if that is None.  `sets` are (start, items) for
    each output, of its elements one after the other.  With `inputs`, a point, the pattern is local.
    `watched` are constant arrays that decide and may change, each with a copy of its content.
    `bits` says whether numbers are swept 64 directions at a time, which changes no pattern; None:
    where that is faster.
    """
    cdef _Pattern s = _Pattern()
    cdef Py_ssize_t v
    cdef list columns = list(firsts)
    check_ready(program)
    if len(columns) != program.n_inputs or any([not 0 <= k < 2**31 for k in columns
                                                if k is not None]):
        raise ValueError(f"columns {columns!r:.60} for a program of {program.n_inputs} inputs")
    s.p = program
    s.local = inputs is not None
    s.places = Places(program, replay_values(program, inputs) if s.local else None)
    s.bits = bits
    s.notes = []
    s.run(columns)
    found = [exported_sets(s.sets[v], product(s.places.shape(v))) for v in program.outputs]
    return found, s.places.watched, s.notes


cdef void install_patterns():
    cdef int op
    for op in (OP_MAX, OP_MIN):
        PATTERN[op] = pattern_extreme
    for op in (OP_INV, OP_DET, OP_LOGABSDET, OP_CHOLESKY):
        PATTERN[op] = pattern_whole_matrix
    for op in (OP_CUMSUM, OP_LINREC):
        PATTERN[op] = pattern_running
    for op in (OP_CONJ, OP_REAL, OP_IMAG, OP_TURNED, OP_MODULUS, OP_CAST, OP_CLIP):
        PATTERN[op] = pattern_each
    PATTERN[OP_CONCATENATE] = pattern_concatenate
    PATTERN[OP_GATHER] = pattern_gather
    PATTERN[OP_MATMUL] = pattern_matmul
    PATTERN[OP_SOLVE] = pattern_solve
    PATTERN[OP_EINSUM] = pattern_einsum
    PATTERN[OP_CALL] = pattern_block
