# Fans: many directions carried forward through a recorded graph in one pass.
#
# Knows sweeps and where the table's rules are called; it must not know any
# operator by its formula.  Fast because a partial is computed once per node and
# not once per direction, because a node carries only the directions that reach
# it (a parameter of a model reaches few of its terms), because a tangent that
# is one number everywhere stays a number, and because a node's tangents are let
# go after its last use, so that the next ones find their memory in the cache.

cdef enum:
    PASS_BYTES = 1 << 22       # of the tangents of one node in one pass

# The tangent of a node in one direction: an array, or where that is NULL a number, the same in
# all places.
cdef struct Tangent:
    Py_ssize_t direction
    double number
    PyObject *array

# The directions that reach a node, in increasing order.
cdef struct Bundle:
    Tangent *items
    Py_ssize_t count

# One pass: directions `first` to `stop`, of which entry k of leaf i is number starts[i] + k.
cdef struct Fan:
    Sweep *sweep
    Bundle *bundles
    Py_ssize_t *starts
    Tangent *scratch           # one per direction of the pass
    Py_ssize_t first, stop


# ---------------------------------------------------------------- bundles

cdef void clear_items(Tangent *items, Py_ssize_t count) noexcept:
    cdef Py_ssize_t k
    for k in range(count):
        Py_XDECREF(items[k].array)
        items[k].array = NULL


cdef void bundle_clear(Bundle *b) noexcept:
    clear_items(b.items, b.count)
    free(b.items)
    b.items = NULL
    b.count = 0


cdef int bundle_room(Bundle *b, Py_ssize_t count) except -1:
    b.items = <Tangent *>realloc(NULL, (count if count > 0 else 1) * sizeof(Tangent))
    if b.items == NULL:
        raise MemoryError("cdiff: no memory for the tangents of a Jacobian")
    b.count = 0
    return 0


cdef inline int put_tangent(Tangent *t, Array v, Array y) except -1:
    """Store a tangent of y; one that is the same everywhere becomes a number."""
    if N(v).flags & NODE_ARRAY:
        v = like_primal(v, y)
        Py_INCREF(v)
        t.array = <PyObject *>v
    else:
        t.number = N(v).v
        t.array = NULL
    return 0


cdef Array unit_vector(Array like, Py_ssize_t place):
    """Zeros with a single one, in the shape and dtype of a node."""
    cdef Array out = zeros_like_node(like)
    if not N(out).flags & NODE_ARRAY:
        return scalar(1.0)
    if real_typenum(N(out).arr.typenum) == NPY_DOUBLE:
        (<double *>N(out).arr.data)[place << is_complex(N(out).arr.typenum)] = 1.0
    else:
        (<float *>N(out).arr.data)[place << is_complex(N(out).arr.typenum)] = 1.0
    return out


cdef Bundle *bundle_at(Fan *f, Py_ssize_t j) except NULL:
    """The tangents of entry j; those of a leaf are made when first asked for."""
    cdef Bundle *b = &f.bundles[j]
    cdef Tangent *t
    cdef Py_ssize_t k
    cdef Array leaf_array
    if j >= f.sweep.n_leaves or b.items != NULL:
        return b
    leaf_array = <Array><PyObject *>f.sweep.order[j].node
    bundle_room(b, f.stop - f.first)
    for k in range(pass_begin(f, j), pass_end(f, j)):
        t = &b.items[b.count]
        t.direction = k
        put_tangent(t, unit_vector(leaf_array, k - f.starts[j]), leaf_array)
        b.count += 1
    return b


cdef inline Py_ssize_t pass_begin(const Fan *f, Py_ssize_t j) noexcept nogil:
    return f.starts[j] if f.starts[j] > f.first else f.first


cdef inline Py_ssize_t pass_end(const Fan *f, Py_ssize_t j) noexcept nogil:
    return f.starts[j + 1] if f.starts[j + 1] < f.stop else f.stop


# ---------------------------------------------------------------- elementwise

cdef int scale_tangent(Tangent *out, const Tangent *t, double factor, Array factors,
                       Array y) except -1:
    """t times a partial, which is `factor` where there are no `factors`."""
    cdef Array v
    out.direction = t.direction
    if factors is None and t.array == NULL:
        out.number = sv_zmul(t.number, factor)
        out.array = NULL
        return 0
    if factors is None:
        v = <Array>t.array if factor == 1.0 else ew2(OP_ZMUL, <Array>t.array, scalar(factor))
    elif t.array == NULL:
        v = factors if t.number == 1.0 else ew2(OP_ZMUL, scalar(t.number), factors)
    else:
        v = ew2(OP_ZMUL, <Array>t.array, factors)
    return put_tangent(out, v, y)


cdef int add_tangent(Tangent *out, Tangent *part, Array y) except -1:
    """out += part; takes over what `part` holds."""
    cdef Array a, b
    if out.array == NULL and part.array == NULL:
        out.number += part.number
        return 0
    a = scalar(out.number) if out.array == NULL else <Array>out.array
    b = scalar(part.number) if part.array == NULL else <Array>part.array
    Py_XDECREF(part.array)
    part.array = NULL
    if out.array != NULL and is_private(out.array, 2) and plain_partner(a, b):
        KERNELS.value[OP_ADD](size_of(a), <double *>N(a).arr.data, <double *>N(a).arr.data,
                              numbers_of(b), 1, (N(b).flags & NODE_ARRAY) != 0)
        return 0
    Py_XDECREF(out.array)
    out.array = NULL
    return put_tangent(out, ew2(OP_ADD, a, b), y)


cdef int fan_elementwise(Fan *f, Py_ssize_t i) except -1:
    """Each partial once, then one product for each direction that reaches the operand."""
    cdef Entry *e = &f.sweep.order[i]
    cdef Node *n = e.node
    cdef Array y = <Array><PyObject *>n
    cdef Array a, b, seed, d0 = None, d1 = None
    cdef double c0 = n.d0, c1 = n.d1
    if not e.flags & ENTRY_LOCAL:
        a = operand(y, 0)
        b = operand(y, 1) if OP_NARGS[n.op] > 1 else None
        seed = scalar(1.0)
        d0 = times_partial(n.op, 0, seed, a, b, y) if e.i0 >= 0 else None
        d1 = times_partial(n.op, 1, seed, a, b, y) if e.i1 >= 0 else None
        c0 = N(d0).v if d0 is not None else 0.0
        c1 = N(d1).v if d1 is not None else 0.0
        d0 = d0 if d0 is not None and N(d0).flags & NODE_ARRAY else None
        d1 = d1 if d1 is not None and N(d1).flags & NODE_ARRAY else None
    return merge(f, i, y, c0, d0, c1, d1)


cdef int merge(Fan *f, Py_ssize_t i, Array y, double c0, Array d0, double c1, Array d1) except -1:
    """The tangents of the first operand times c0 or d0 plus those of the second times c1 or d1."""
    cdef Entry *e = &f.sweep.order[i]
    cdef Bundle *out = &f.bundles[i]
    cdef Bundle none
    cdef Bundle *left
    cdef Bundle *right
    cdef Tangent part
    cdef Py_ssize_t j = 0, k = 0, nearer
    none.count = 0
    left = bundle_at(f, e.i0) if e.i0 >= 0 else &none
    right = bundle_at(f, e.i1) if e.i1 >= 0 else &none
    bundle_room(out, left.count + right.count)
    while j < left.count or k < right.count:
        nearer = 0
        if j < left.count and k < right.count:
            nearer = left.items[j].direction - right.items[k].direction
        elif j == left.count:
            nearer = 1
        else:
            nearer = -1
        if nearer > 0:
            scale_tangent(&out.items[out.count], &right.items[k], c1, d1, y)
            k += 1
            out.count += 1
            continue
        scale_tangent(&out.items[out.count], &left.items[j], c0, d0, y)
        j += 1
        out.count += 1
        if nearer == 0:
            scale_tangent(&part, &right.items[k], c1, d1, y)
            add_tangent(&out.items[out.count - 1], &part, y)
            k += 1
    return 0


# ---------------------------------------------------------------- structural

cdef inline bint keeps_constants(int op) noexcept nogil:
    """Does an array that is one number everywhere stay that?"""
    return op == OP_SLICE or op == OP_RESHAPE or op == OP_TRANSPOSE or op == OP_BROADCAST_TO


cdef int fan_structural(Fan *f, Py_ssize_t i) except -1:
    cdef Entry *e = &f.sweep.order[i]
    cdef Node *n = e.node
    if n.op == OP_SLICE and 0 <= e.i0 < f.sweep.n_leaves and f.bundles[e.i0].items == NULL \
            and f.sweep.order[e.i0].node.flags & NODE_ARRAY:
        return fan_leaf_slice(f, i, <Array><PyObject *>n)
    if n.op == OP_CONCATENATE and (<tuple>n.obj)[0] == 0 and n.flags & NODE_ARRAY \
            and n.arr.typenum == NPY_DOUBLE and wide_operands(n) != NULL:
        return fan_concatenate(f, i, <Array><PyObject *>n)
    if n.op == OP_INDEX_SET and e.i0 >= 0 and f.sweep.last[e.i0] == i:
        return fan_index_set(f, i, <Array><PyObject *>n)
    return fan_general(f, i, <Array><PyObject *>n)


cdef int fan_index_set(Fan *f, Py_ssize_t i, Array y) except -1:
    """The tangents of the version before, which nobody else reads, with the part set."""
    cdef list positions = structural_positions(f.sweep, i)
    cdef list cursors = [0, 0]
    cdef Bundle *out = &f.bundles[i]
    cdef Bundle *before = bundle_at(f, positions[0]) if positions[0] >= 0 else NULL
    cdef tuple index = (<tuple>N(y).obj)[0]
    cdef Py_ssize_t direction, k
    cdef Array v, part
    cdef Tangent *t
    direction = before.count if before != NULL else 0
    bundle_room(out, direction + (bundle_at(f, positions[1]).count if positions[1] >= 0 else 0))
    while True:
        direction = next_direction(f, positions, cursors)
        if direction < 0:
            return 0
        k = cursors[0]
        v = take_tangent(f, positions[0], 0, cursors, direction)
        part = take_tangent(f, positions[1], 1, cursors, direction)
        v = zeros_like_node(y) if v is None else v
        t = &out.items[out.count]
        # Held here and by the bundle: nobody else sees it.
        if cursors[0] > k and is_private(<PyObject *>v, 2):
            before.items[k].array = NULL
            Py_DECREF(v)
        elif cursors[0] > k:
            v = contiguous_copy(v)
        copy_in_place(slice_view(v, index), scalar(0.0) if part is None else part)
        Py_INCREF(v)
        t.array = <PyObject *>v
        t.direction = direction
        out.count += 1


cdef int fan_leaf_slice(Fan *f, Py_ssize_t i, Array y) except -1:
    """Part of a leaf: a direction that it holds goes to one place, the others nowhere."""
    cdef Py_ssize_t j = f.sweep.order[i].i0
    cdef Arr *r = f.sweep.order[j].node.arr
    cdef tuple index = (<tuple>N(y).obj)[0]
    cdef Bundle *out = &f.bundles[i]
    cdef Tangent *t
    cdef Py_ssize_t direction, place
    bundle_room(out, size_of(y) if size_of(y) < f.stop - f.first else f.stop - f.first)
    for direction in range(pass_begin(f, j), pass_end(f, j)):
        place = place_in_slice(r, index, direction - f.starts[j])
        if place >= 0:
            t = &out.items[out.count]
            t.direction = direction
            put_tangent(t, unit_vector(y, place), y)
            out.count += 1
    return 0


cdef Py_ssize_t place_in_slice(const Arr *r, tuple index, Py_ssize_t place) except -2:
    """Where an element of a C-ordered array stands in its slice; -1 if outside."""
    cdef Py_ssize_t at, start, step, count, scale = 1, found = 0
    cdef int axis
    for axis in range(r.ndim - 1, -1, -1):
        at = place % r.dims[axis]
        place //= r.dims[axis]
        start = index[3 * axis]
        step = index[3 * axis + 1]
        count = index[3 * axis + 2]
        if count < 0:
            if at != start:
                return -1
            continue
        at -= start
        if step == 0 or at % step or at // step < 0 or at // step >= count:
            return -1
        found += at // step * scale
        scale *= count
    return found


cdef int fan_concatenate(Fan *f, Py_ssize_t i, Array y) except -1:
    """Operands joined along the first axis: each tangent goes to its part of the result."""
    cdef Ext *ext = wide_operands(N(y))
    cdef Py_ssize_t inner = 1, k, j, m
    cdef tuple starts = (<tuple>N(y).obj)[1]
    cdef Bundle *b
    cdef Tangent *t
    cdef int axis
    for axis in range(1, N(y).arr.ndim):
        inner *= N(y).arr.dims[axis]
    for k in range(ext.nparents):
        j = f.sweep.wide[f.sweep.order[i].i0 + k]
        if j < 0 or not f.sweep.order[j].flags & ENTRY_ACTIVE:
            continue
        b = bundle_at(f, j)
        for m in range(b.count):
            t = &f.scratch[b.items[m].direction - f.first]
            if t.array == NULL:
                put_tangent(t, zeros_like_node(y), y)
            write_part(<double *>N(<Array>t.array).arr.data + <Py_ssize_t>starts[k] * inner,
                       &b.items[m], f.sweep.order[j].node)
    return gather_scratch(f, i)


cdef int write_part(double *dst, Tangent *t, Node *p) except -1:
    """The tangent of an operand, in C order."""
    cdef Py_ssize_t m, size = p.arr.size if p.flags & NODE_ARRAY else 1
    cdef Array v
    if t.array == NULL:
        for m in range(size):
            dst[m] = t.number
        return 0
    v = contiguous(<Array>t.array)
    if typenum_of(v) != NPY_DOUBLE:
        v = apply_cast(v, NPY_DOUBLE)
    copy_bytes(dst, N(v).arr.data, size * sizeof(double))
    return 0


cdef int gather_scratch(Fan *f, Py_ssize_t i) except -1:
    """The arrays in the scratch become the tangents of entry i."""
    cdef Bundle *out = &f.bundles[i]
    cdef Py_ssize_t k, count = 0
    for k in range(f.stop - f.first):
        count += f.scratch[k].array != NULL
    bundle_room(out, count)
    for k in range(f.stop - f.first):
        if f.scratch[k].array != NULL:
            out.items[out.count] = f.scratch[k]
            out.items[out.count].direction = f.first + k
            f.scratch[k].array = NULL
            out.count += 1
    return 0


cdef int fan_general(Fan *f, Py_ssize_t i, Array y) except -1:
    """Any structural operator, by its tangent rule, direction by direction."""
    cdef list positions = structural_positions(f.sweep, i)
    cdef tuple operands = tuple([parent(y, k) for k in range(len(positions))])
    cdef list tangents, cursors = [0] * len(positions)
    cdef Bundle *out = &f.bundles[i]
    cdef Py_ssize_t j, k, direction, count = 0
    cdef Array v
    for j in positions:
        if j >= 0:
            count += bundle_at(f, j).count
    bundle_room(out, count)
    while True:
        direction = next_direction(f, positions, cursors)
        if direction < 0:
            return 0
        tangents = [None] * len(positions)
        if len(positions) <= 2 and operands[len(positions) - 1] is None \
                and keeps_constants(N(y).op) and take_constant(f, positions[0], cursors, out):
            continue
        for k in range(len(positions)):
            tangents[k] = take_tangent(f, positions[k], k, cursors, direction)
        v = TAN[N(y).op](y, operands, tuple(tangents), y_attrs(y))
        if v is not None:
            out.items[out.count].direction = direction
            put_tangent(&out.items[out.count], v, y)
            out.count += 1


cdef list structural_positions(Sweep *s, Py_ssize_t i):
    """Where the operands of an entry stand; -1 for those that do not take part."""
    cdef Ext *ext = wide_operands(s.order[i].node)
    cdef list found = [s.order[i].i0, s.order[i].i1]
    if ext != NULL:
        found = [s.wide[s.order[i].i0 + k] for k in range(ext.nparents)]
    return [j if j >= 0 and s.order[j].flags & ENTRY_ACTIVE else -1 for j in found]


cdef Py_ssize_t next_direction(Fan *f, list positions, list cursors) except -2:
    """The smallest direction that is not done; -1 at the end."""
    cdef Py_ssize_t k, j, c, found = -1
    cdef Bundle *b
    for k in range(len(positions)):
        j = positions[k]
        if j >= 0:
            b = bundle_at(f, j)
            c = cursors[k]
            if c < b.count and (found < 0 or b.items[c].direction < found):
                found = b.items[c].direction
    return found


cdef bint take_constant(Fan *f, Py_ssize_t j, list cursors, Bundle *out) except -1:
    """A tangent that is a number and stays one."""
    cdef Bundle *b = bundle_at(f, j)
    cdef Py_ssize_t c = cursors[0]
    if b.items[c].array != NULL:
        return False
    out.items[out.count] = b.items[c]
    out.count += 1
    cursors[0] = c + 1
    return True


cdef Array take_tangent(Fan *f, Py_ssize_t j, Py_ssize_t k, list cursors, Py_ssize_t direction):
    """The tangent of operand k, at entry j, as an array of the operand's form; None for zero."""
    cdef Bundle *b
    cdef Py_ssize_t c = cursors[k]
    cdef Array p
    if j < 0:
        return None
    b = bundle_at(f, j)
    if c == b.count or b.items[c].direction != direction:
        return None
    cursors[k] = c + 1
    p = <Array><PyObject *>f.sweep.order[j].node
    return like_primal(scalar(b.items[c].number), p) if b.items[c].array == NULL \
        else <Array>b.items[c].array


# ---------------------------------------------------------------- the pass

cdef void let_go(Fan *f, Py_ssize_t i) noexcept:
    """Forget the tangents that entry i was the last to read."""
    cdef Entry *e = &f.sweep.order[i]
    cdef Ext *ext = wide_operands(e.node)
    cdef Py_ssize_t k, j
    for k in range(2 if ext == NULL else ext.nparents):
        j = operand_at(f.sweep, e, ext, k)
        if j >= 0 and f.sweep.last[j] == i:
            bundle_clear(&f.bundles[j])


cdef int fan_run(Fan *f) except -1:
    cdef Sweep *s = f.sweep
    cdef Py_ssize_t i
    for i in range(s.n_leaves, s.count):
        if s.order[i].flags & (ENTRY_ACTIVE | ENTRY_LEAF) != ENTRY_ACTIVE:
            continue
        if s.order[i].node.op < N_LOCAL:
            fan_elementwise(f, i)
        else:
            fan_structural(f, i)
        let_go(f, i)
    return 0


cdef int fan_begin(Fan *f, Sweep *s, list at_outputs) except -1:
    """Room for all bundles, and the last reader of each."""
    cdef Py_ssize_t i, total = 0
    f.sweep = s
    f.bundles = <Bundle *>PyMem_Calloc(s.count + 1, sizeof(Bundle))
    f.starts = <Py_ssize_t *>PyMem_Calloc(s.n_leaves + 1, sizeof(Py_ssize_t))
    if f.bundles == NULL or f.starts == NULL:
        raise MemoryError("cdiff: no memory for a Jacobian")
    for i in range(s.n_leaves):
        f.starts[i] = total
        total += size_of(<Array><PyObject *>s.order[i].node)
    f.starts[s.n_leaves] = total
    return note_readers(s, at_outputs)


cdef void fan_end(Fan *f) noexcept:
    cdef Py_ssize_t i
    if f.bundles != NULL:
        for i in range(f.sweep.count):
            bundle_clear(&f.bundles[i])
    PyMem_Free(f.bundles)
    PyMem_Free(f.starts)
    if f.scratch != NULL:
        clear_items(f.scratch, f.stop - f.first)
    PyMem_Free(f.scratch)


cdef Py_ssize_t directions_per_pass(const Sweep *s, Py_ssize_t total) noexcept:
    """As many as keep the tangents of the largest node in the cache."""
    cdef Py_ssize_t i, largest = 1
    for i in range(s.count):
        if s.order[i].node.flags & NODE_ARRAY and s.order[i].node.arr.size > largest:
            largest = s.order[i].node.arr.size
    i = PASS_BYTES // (8 * largest)
    i = i if i > 1 else 1
    return i if i < total else (total if total > 0 else 1)
