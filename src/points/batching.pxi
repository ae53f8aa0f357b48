# Batched replay: a program evaluated at many points at once, for vmap.
#
# Knows programs and the shape of every value at one point.  A value that depends
# on a mapped input carries the points along a new first axis; others are computed
# once.  It must not know Python functions, derivatives or how points were chosen:
# the replay is made of ordinary operators, so that whatever is outside (a sweep, a
# tangent, another trace) sees them.  Fast because every instruction runs once for
# all points, because products with an unbatched matrix become one product, and
# because a value is forgotten after its last use.

# ---------------------------------------------------------------- one instruction

cdef class _Step:
    """One instruction of a batched replay, as the rules see it; an operand is batched."""
    cdef int op
    cdef int typenum
    cdef Py_ssize_t n              # points
    cdef list operands
    cdef list batched              # which operands have the first axis
    cdef list shapes               # of the operands at one point, and
    cdef tuple shape               # of the result
    cdef object attrs

    cdef Array spread(self, Py_ssize_t k):
        """Operand k with the first axis, also where all points share it."""
        cdef Array a = self.operands[k]
        return a if self.batched[k] else apply_broadcast_to(a, (self.n,) + <tuple>self.shapes[k])

    cdef Array raised(self, Py_ssize_t k, Py_ssize_t rank):
        """Operand k such that it broadcasts with batched operands of this rank at one point."""
        cdef Array a = self.operands[k]
        cdef tuple shape = self.shapes[k]
        if not self.batched[k] or len(shape) == rank:
            return a
        return apply_reshape(a, (self.n,) + (1,) * (rank - len(shape)) + shape)

    cdef Array result(self, list operands, object attrs):
        return apply_code(self.op, operands, attrs, self.typenum)


ctypedef Array (*batch_fn)(_Step s)

cdef batch_fn BATCH[N_OPS]         # NULL for elementwise operators: those need only `raised`


cdef tuple later(axes):
    """Axes of one point as axes of a batch."""
    return tuple([k + 1 for k in axes])


cdef tuple all_points(Py_ssize_t n, tuple index):
    """An index of slice, embed or index_set at one point, for all points."""
    return (0, 1, n) + index


cdef Array batch_elementwise(_Step s):
    cdef Py_ssize_t k, rank = len(s.shape)
    return s.result([s.raised(k, rank) for k in range(len(s.operands))], s.attrs)


cdef Array batch_same(_Step s):
    """Operators on the last axes only."""
    cdef Py_ssize_t k
    return s.result([s.spread(k) for k in range(len(s.operands))], s.attrs)


cdef Array batch_reshape(_Step s):
    return apply_reshape(s.operands[0], (s.n,) + <tuple>s.attrs[0])


cdef Array batch_transpose(_Step s):
    return apply_transpose(s.operands[0], (0,) + later(s.attrs[0]))


cdef Array batch_broadcast_to(_Step s):
    return apply_broadcast_to(s.raised(0, len(s.shape)), (s.n,) + s.shape)


cdef Array batch_sum_to(_Step s):
    cdef Py_ssize_t missing = len(<tuple>s.shapes[0]) - len(s.shape)
    a = apply_sum_to(s.operands[0], (s.n,) + (1,) * missing + s.shape)
    return apply_reshape(a, (s.n,) + s.shape) if missing else a


cdef Array batch_reduction(_Step s):
    return s.result(s.operands, (later(s.attrs[0]), s.attrs[1]))


cdef Array batch_fft(_Step s):
    return s.result(s.operands, (later(s.attrs[0]),) + tuple(s.attrs[1:]))


cdef Array batch_half_fft(_Step s):
    return s.result(s.operands, (s.attrs[0] + 1,) + tuple(s.attrs[1:]))


cdef Array batch_slice(_Step s):
    return apply_slice(s.operands[0], all_points(s.n, s.attrs[0]))


cdef Array filling(_Step s, Py_ssize_t k, tuple index):
    """Operand k as large as the part of every point that it is put into."""
    cdef tuple kept = tuple([count for count in index[2::3] if count >= 0])
    return apply_broadcast_to(s.raised(k, len(kept)), (s.n,) + kept)


cdef Array batch_embed(_Step s):
    return apply_embed(filling(s, 0, s.attrs[1]), (s.n,) + <tuple>s.attrs[0],
                       all_points(s.n, s.attrs[1]))


cdef Array batch_index_set(_Step s):
    return apply_index_set(s.spread(0), filling(s, 1, s.attrs[0]), all_points(s.n, s.attrs[0]))


cdef Array batch_concatenate(_Step s):
    cdef Py_ssize_t k
    return s.result([s.spread(k) for k in range(len(s.operands))],
                    (s.attrs[0] + 1,) + tuple(s.attrs[1:]))


cdef Array batch_running(_Step s):
    """cumsum and linrec, whose operands have one shape."""
    cdef Py_ssize_t k
    return s.result([s.spread(k) for k in range(len(s.operands))], (s.attrs[0] + 1, s.attrs[1]))


# ---------------------------------------------------------------- gathers

cdef Array offset_rows(_Step s, Py_ssize_t extent):
    """Positions (operand 1) in rows of all points, `extent` a point, one after the other."""
    cdef tuple shape = s.shapes[1]
    cdef np.ndarray starts = np.arange(s.n, dtype=np.int64) * extent
    cdef Array a = s.operands[1]
    starts = starts.reshape((s.n,) + (1,) * len(shape))
    if is_traced_value(innermost(a)) or s.batched[1]:
        # Checked here: what is out of range at one point would be a row of another.
        a = apply_call([innermost(a)], (Positions((extent,), (Hole(0),), 1),))
        return ew2(OP_ADD, a, wrap_ndarray(starts))
    return wrap_ndarray(np.asarray(starts + checked_rows(ndarray_of(a), extent)))


cdef Array batch_gather(_Step s):
    cdef tuple shape = s.shapes[0]
    if not s.batched[0]:
        return apply(OP_GATHER, s.operands, None)
    rows = apply_reshape(s.operands[0], (s.n * <Py_ssize_t>shape[0],) + shape[1:])
    return apply(OP_GATHER, [rows, offset_rows(s, shape[0])], None)


cdef Array batch_scatter_add(_Step s):
    cdef Py_ssize_t count = s.attrs[0]
    out = apply(OP_SCATTER_ADD, [s.spread(0), offset_rows(s, count)], (s.n * count,))
    return apply_reshape(out, (s.n,) + s.shape)


# ---------------------------------------------------------------- linear algebra

cdef Array joined_rows(_Step s, Py_ssize_t k):
    """The rows of the matrices of all points as one matrix."""
    cdef tuple shape = s.shapes[k]
    return apply_reshape(s.operands[k], (s.n * <Py_ssize_t>shape[0], shape[1]))


cdef Array swapped(Array a):
    """The last two axes exchanged; for vectors that are matrices, without moving anything."""
    cdef tuple shape = shape_tuple(a)
    cdef Py_ssize_t n = len(shape)
    if shape[n - 1] == 1 or shape[n - 2] == 1:
        return apply_reshape(a, shape[:n - 2] + (shape[n - 1], shape[n - 2]))
    return apply_transpose(a, swapped_axes(shape))


cdef Array batch_matmul(_Step s):
    """One large product where one of the matrices is the same for all points."""
    cdef tuple shape = s.shape
    cdef Array b
    if len(shape) != 2 or (s.batched[0] and s.batched[1]):
        return batch_same(s)
    if s.batched[0]:
        return apply_reshape(s.result([joined_rows(s, 0), s.operands[1]], None), (s.n,) + shape)
    b = swapped(s.operands[1])
    b = apply_reshape(b, (s.n * <Py_ssize_t>shape[1], shape_tuple(b)[2]))
    b = s.result([b, swapped(s.operands[0])], None)
    return swapped(apply_reshape(b, (s.n, shape[1], shape[0])))


cdef Array batch_solve(_Step s):
    """One factorisation where all points share the matrix."""
    cdef tuple shape = s.shape
    cdef Array b
    if len(shape) != 2 or s.batched[0]:
        return batch_same(s)
    b = apply_transpose(s.operands[1], (1, 0, 2))
    b = apply_reshape(b, (shape[0], s.n * <Py_ssize_t>shape[1]))
    b = s.result([s.operands[0], b], None)
    return apply_transpose(apply_reshape(b, (shape[0], s.n, shape[1])), (1, 0, 2))


cdef Array batch_einsum(_Step s):
    cdef str letter, spec = s.attrs[0]
    inputs, output = einsum_terms(spec)
    letter = [c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in spec][0]
    inputs = [letter + labels if batched else labels
              for labels, batched in zip(inputs, s.batched)]
    return s.result(s.operands, (",".join(inputs) + "->" + letter + output,))


# ---------------------------------------------------------------- functions of plain values

cdef Array batch_call(_Step s):
    callee = s.attrs[0]
    if not hasattr(callee, "batched"):
        raise NotImplementedError(f"vmap: {callee!r} has no rule for many points at once")
    y = s.result(s.operands, (callee.batched(s.n, tuple(s.batched)),))
    return first_part(callee, y, (s.n,) + s.shape)


cdef class HostedRows:
    """A hosted function applied to every point of a batch; `flags` say which operands are batched.

    NumPy's ufuncs take all points in one call, and so do the functions in AXIS_PLACES.
    """
    cdef readonly object call
    cdef readonly Py_ssize_t size
    cdef readonly tuple flags

    def __init__(self, call, size, flags):
        self.call = call
        self.size = size
        self.flags = flags

    def value(self, arrays):
        """The results of all points, along a new first axis."""
        whole = self.at_once(arrays)
        if whole is not None:
            return np.asarray(whole)
        rows = [self.call.value([x[i] if batched else x for x, batched in zip(arrays, self.flags)])
                for i in range(self.size)]
        shapes = {row.shape for row in rows}
        if len(shapes) > 1:
            raise ValueError(f"vmap: the shape of what {self.call!r} returns differs from point to "
                             f"point: {', '.join(map(str, sorted(shapes)))}")
        return np.stack(rows)

    cdef object at_once(self, list arrays):
        """The results where one call gives those of all points, else None."""
        if is_pointwise(self.call):
            return self.call.value(self.raised(arrays))
        if looks_up_values(self.call, self.flags):
            return self.call.value(arrays)
        moved = with_later_axis(self.call, self.flags)
        if moved is None:
            return None
        if axis_of_call(self.call) is None:
            arrays = [x.reshape(self.size, -1) for x in arrays]
        return moved.value(arrays)

    cdef list raised(self, list arrays):
        """Batched operands with the axes that make them broadcast."""
        cdef list ranks = [x.ndim - batched for x, batched in zip(arrays, self.flags)]
        rank = 0
        for k in ranks + fixed_ranks(self.call):
            rank = k if k > rank else rank
        return [x.reshape(x.shape[:1] + (1,) * (rank - k) + x.shape[1:]) if batched else x
                for x, k, batched in zip(arrays, ranks, self.flags)]

    def batched(self, size, flags):
        """The same for a batch of batches."""
        return HostedRows(self, size, flags)

    def __reduce__(self):
        return HostedRows, (self.call, self.size, self.flags)

    def __repr__(self):
        return repr(self.call)


cdef bint is_pointwise(object call) except -1:
    """Does a call broadcast its operands, element by element?"""
    cdef Hosted hosted
    if type(call) is Positions:
        return not (<Positions>call).assigns and call.pointwise()
    if type(call) is not Hosted:
        return False
    hosted = call
    if hosted.kwargs or hosted.item is not None:
        return False
    for x in hosted.args:
        if type(x) is not Hole and not isinstance(x, (int, float, np.generic)):
            return False
    # A ufunc, or its method __call__.
    return isinstance(getattr(hosted.function, "__self__", hosted.function), np.ufunc) \
        and getattr(hosted.function, "__name__", "") not in UFUNC_METHODS


cdef list fixed_ranks(object call):
    """How many axes each of the constants has that a call broadcasts its operands with."""
    if type(call) is not Positions:
        return []                          # of a ufunc: numbers
    return [np.ndim(k) for k in (<Positions>call).key if type(k) is not Hole]


cdef frozenset UFUNC_METHODS = frozenset(["reduce", "accumulate", "reduceat", "outer", "at"])

# Functions of one array along an axis: the place of `axis` in the call, and its default.
cdef dict AXIS_PLACES = {np.argmin: (1, None), np.argmax: (1, None), np.nanargmin: (1, None),
                         np.nanargmax: (1, None), np.any: (1, None), np.all: (1, None),
                         np.count_nonzero: (1, None), np.argsort: (1, -1),
                         np.argpartition: (2, -1)}


cdef bint looks_up_values(object call, tuple flags) except -1:
    """Is it searchsorted of values that differ from point to point, in one table for all?"""
    cdef Hosted hosted
    if type(call) is not Hosted:
        return False
    hosted = call
    if hosted.function is not np.searchsorted or len(hosted.args) < 2:
        return False
    for k in range(len(flags)):
        if flags[k] != (type(hosted.args[1]) is Hole and hosted.args[1].number == k):
            return False
    return True


cdef object axis_of_call(Hosted call):
    """The axis that a function in AXIS_PLACES is asked for."""
    place, default = AXIS_PLACES[call.function]
    if "axis" in call.kwargs:
        return call.kwargs["axis"]
    return call.args[place] if len(call.args) > place else default


cdef object with_later_axis(object call, tuple flags):
    """The call for arrays with a new first axis; None if that is not known of this one."""
    cdef Hosted hosted
    if type(call) is not Hosted:
        return None
    hosted = call
    if hosted.item is not None or len(flags) != 1 or not hosted.args \
            or type(hosted.args[0]) is not Hole:
        return None
    try:
        place, _ = AXIS_PLACES[hosted.function]
    except (KeyError, TypeError):
        return None
    axis = axis_of_call(hosted)
    if axis is not None and type(axis) is not int or axis is None and (
            "where" in hosted.kwargs or hosted.kwargs.get("keepdims")):
        return None
    axis = 1 if axis is None else axis + 1 if axis >= 0 else axis
    args = list(hosted.args[:place]) + list(hosted.args[place + 1:])
    if len(args) > place:
        return None                        # arguments after the axis would change places
    return Hosted(hosted.function, tuple(args), {**hosted.kwargs, "axis": axis})


# ---------------------------------------------------------------- many instructions

cdef class Batch:
    """A program at `size` points: `inputs` of which those that are `mapped` have a first axis.

    Values are computed when they are asked for, so that what only some of the points should see
    is computed after `keep` has dropped the others.
    """
    cdef readonly Py_ssize_t size
    cdef Program p
    cdef list inputs, mapped, values, batched
    cdef list behind               # which values have the points along their last axis
    cdef dict originals            # what constants are copied from, by the address of the copy

    def __init__(self, Program program not None, inputs, mapped, size):
        check_ready(program)
        self.p = program
        self.inputs = [as_node(x) for x in inputs]
        self.mapped = list(mapped)
        self.size = size
        self.originals = {id(copy): original for copy, original in program.refreshed}
        self.values = [None] * program.count
        self.batched = [False] * program.count
        self.behind = [False] * program.count
        if len(self.inputs) != program.n_inputs or len(self.mapped) != program.n_inputs:
            raise ValueError(f"a program of {program.n_inputs} inputs, got {len(self.inputs)}")

    def seen(self, Guard guard not None):
        """(what it looks at, is that batched?): noted as a decision by an outer trace."""
        cdef Py_ssize_t value = guard.value
        if not 0 <= value < self.p.count:
            raise IndexError(f"value {value} of a program of {self.p.count}")
        self.compute(value)
        self.bring_to_front(value)
        return told_by(guard, <Array>self.values[value]), self.batched[value]

    def keep(self, rows):
        """Drop all points but these."""
        cdef Py_ssize_t i
        cdef np.ndarray at = checked_rows(rows, self.size)
        for i in range(len(self.inputs)):
            if self.mapped[i]:
                self.inputs[i] = gather_rows(self.inputs[i], at)
        for i in range(self.p.count):
            if self.values[i] is not None and self.batched[i]:
                self.bring_to_front(i)
                self.values[i] = self.inputs[self.p.code[i].a] if self.p.code[i].op == OP_LEAF \
                    else gather_rows(self.values[i], at)
        self.size = np.PyArray_SIZE(at)

    def outputs(self):
        """(value, is it batched?) of every output; all other values are forgotten."""
        cdef list uses = [0] * self.p.count
        cdef Py_ssize_t i
        for i in self.p.outputs:
            uses[i] += 1
        for i in range(self.p.count - 1, -1, -1):
            if uses[i] and self.values[i] is None:
                for k in self.p.operands_of(i):
                    uses[k] += 1
        for i in range(self.p.count):
            if not uses[i]:
                self.values[i] = None
            elif self.values[i] is None:
                self.told_step(i)
                for k in self.p.operands_of(i):
                    uses[k] -= 1
                    if not uses[k]:
                        self.values[k] = None
        for i in self.p.outputs:
            self.bring_to_front(i)
        return [(self.values[i], self.batched[i]) for i in self.p.outputs]

    cdef int bring_to_front(self, Py_ssize_t i) except -1:
        """The points of a value along its first axis."""
        if self.behind[i]:
            self.values[i] = moved_to_front(self.values[i])
            self.behind[i] = False
        return 0

    cdef int compute(self, Py_ssize_t value) except -1:
        """One value, and what it depends on."""
        cdef list stack = [value]
        cdef Py_ssize_t i
        while stack:
            i = stack[len(stack) - 1]
            missing = [k for k in self.p.operands_of(i) if self.values[k] is None]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if self.values[i] is None:
                self.told_step(i)
        return 0

    cdef int told_step(self, Py_ssize_t i) except -1:
        """step, by which a value knows its line."""
        try:
            if noting:
                tell_line(self.p, i)
            return self.step(i)
        finally:
            tell_line(None, 0)

    cdef int step(self, Py_ssize_t i) except -1:
        """The value of an instruction whose operands have theirs."""
        cdef Instr *x = &self.p.code[i]
        cdef list at = self.p.operands_of(i)
        cdef _Step s
        if x.op == OP_LEAF:
            self.values[i] = self.inputs[x.a]
            self.batched[i] = self.mapped[x.a]
            return 0
        if x.op == OP_CONST and x.type > TYPE_WEAK and id(self.p.arrays[x.a]) in self.originals:
            # A program may have read an array of a transformation that has ended: a constant now.
            self.values[i] = lower_node(as_node(self.originals[id(self.p.arrays[x.a])]),
                                        taken_levels() + 1)
            return 0
        flags = [self.batched[k] for k in at]
        if True not in flags:
            self.values[i] = replayed(self.p, i, self.inputs, self.values)
            return 0
        s = _Step()
        s.op = x.op
        s.typenum = self.p.types[x.type][0]
        s.shape = self.p.types[x.type][1]
        s.n = self.size
        s.operands = [self.values[k] for k in at]
        s.batched = flags
        s.shapes = [self.p.types[self.p.code[<Py_ssize_t>k].type][1] for k in at]
        s.attrs = self.p.attrs_of(i)
        behind = [self.behind[k] for k in at]
        self.batched[i] = True
        self.behind[i] = goes_behind(s, behind)
        if self.behind[i]:
            self.values[i] = result_behind(s, behind)
            return 0
        if True in behind:
            for k in at:
                self.bring_to_front(k)
            s.operands = [self.values[k] for k in at]
        self.values[i] = batch_elementwise(s) if BATCH[x.op] == NULL else BATCH[x.op](s)
        return 0


def peek(x):
    """The plain value of an Array, which no trace notes (for a sample); anything else unchanged."""
    return ndarray_of(current(<Array>x)) if type(x) is Array else x


def in_trace(y, int level):
    """Does an Array depend on the inputs of the trace at `level`?"""
    return type(y) is Array and levels_of(N(innermost(current(<Array>y)))) & level_bit(level) != 0


# ---------------------------------------------------------------- the rule of each operator

cdef void install_batching():
    cdef int op
    for op in (OP_SUM, OP_MAX, OP_MIN, OP_PROD, OP_LOGSUMEXP, OP_NORM2):
        BATCH[op] = batch_reduction
    for op in (OP_INV, OP_DET, OP_LOGABSDET, OP_CHOLESKY):
        BATCH[op] = batch_same
    for op in (OP_CUMSUM, OP_LINREC):
        BATCH[op] = batch_running
    for op in (OP_RFFT, OP_IRFFT):
        BATCH[op] = batch_half_fft
    BATCH[OP_FFT] = BATCH[OP_SPECTRUM] = batch_fft
    BATCH[OP_RESHAPE] = batch_reshape
    BATCH[OP_TRANSPOSE] = batch_transpose
    BATCH[OP_BROADCAST_TO] = batch_broadcast_to
    BATCH[OP_SUM_TO] = batch_sum_to
    BATCH[OP_SLICE] = batch_slice
    BATCH[OP_EMBED] = batch_embed
    BATCH[OP_INDEX_SET] = batch_index_set
    BATCH[OP_GATHER] = batch_gather
    BATCH[OP_SCATTER_ADD] = batch_scatter_add
    BATCH[OP_CONCATENATE] = batch_concatenate
    BATCH[OP_MATMUL] = batch_matmul
    BATCH[OP_EINSUM] = batch_einsum
    BATCH[OP_SOLVE] = batch_solve
    BATCH[OP_CALL] = batch_call
    install_behind()
