# Sums of embedded parts: a rule of simplify.pxi over whole sums.
#
# A reverse sweep adds up what arrives at the parts of an array, each embedded in
# zeros of its own.  Here such a sum becomes the parts side by side, so that only
# parts that meet are added.  Knows instructions and the boxes that parts are; it
# must not know where a sum came from.  Fast because a sum is looked at once, at
# its root, and because what was put together is remembered as disjoint boxes, so
# that parts of parts are not added twice.

# A part is (index, value): where it stands, as (start, step, count) for each axis with
# count -1 for an axis that the value has not, and its value in the program being built.

cdef enum:
    SUM_LIMIT = 4096              # terms of one sum; more are left as they are


@cython.final
cdef class _Sums:
    """Who reads whom in the program to be simplified, as far as sums are concerned."""
    cdef _Simplifier s
    cdef int32_t *uses            # how often each value is read, and
    cdef int32_t *in_sums         # by additions of its type
    cdef dict boxes               # the parts that a value was put together from

    def __cinit__(self, _Simplifier s not None):
        cdef Program p = s.p
        cdef Py_ssize_t i
        cdef int32_t *operands = NULL
        cdef int k, count
        self.s = s
        self.boxes = {}
        self.uses = <int32_t *>PyMem_Calloc(2 * p.count + 1, sizeof(int32_t))
        if self.uses == NULL:
            raise MemoryError("cdiff: no memory to simplify a program")
        self.in_sums = self.uses + p.count
        for i in range(p.count):
            count = operands_at(p, i, &operands)
            for k in range(count):
                self.uses[operands[k]] += 1
                self.in_sums[operands[k]] += (p.code[i].op == OP_ADD
                                              and p.code[i].type == p.code[operands[k]].type)
        for value in p.outputs:
            self.uses[<Py_ssize_t>value] += 1
        for guard in p.guards:
            self.uses[(<Guard>guard).value] += 1

    def __dealloc__(self):
        PyMem_Free(self.uses)

    cdef inline bint is_term(self, int32_t i) noexcept:
        """Is this addition only a part of a longer sum?"""
        return self.s.p.code[i].op == OP_ADD and self.uses[i] == 1 and self.in_sums[i] == 1

    cdef int32_t sum_at(self, int32_t i) except -2:
        """The sum that ends at addition i put together from its parts; or NOTHING."""
        cdef _Simplifier s = self.s
        cdef int type = s.p.code[i].type
        cdef int32_t y, whole = NOTHING
        cdef tuple shape = s.q.types[type][1]
        cdef list parts = []
        cdef int embedded = 0
        cdef double zero
        if self.is_term(i):
            return NOTHING
        terms = self.terms_of(i)
        for v in terms:
            embedded += self.is_part(v)
        if embedded < 2 or not is_floating(s.q, type):
            return NOTHING
        for term in terms:
            v = s.moved[<int32_t>term]
            if self.is_part(term):
                parts += self.parts_of(v)
            elif s.uniform(v, &zero) and zero == 0.0:
                continue                  # as good as the zeros around a part
            elif whole == NOTHING:
                whole = v
            else:
                whole = s.elementwise(OP_ADD, type, whole, v, -1)
        y = put_together(s, type, parts, 2 * len(parts) + 2)
        if y == NOTHING:
            return NOTHING
        if whole != NOTHING:
            return s.elementwise(OP_ADD, type, y, whole, -1)
        self.boxes[y] = boxes_of(s, y, shape)
        return y

    cdef bint is_part(self, int32_t i) except -1:
        """Is term i embedded, and something gained by looking at the part alone?  Not if the whole
        is needed besides and has few zeros."""
        cdef _Simplifier s = self.s
        cdef int32_t v = s.moved[i]
        return s.q.code[v].op == OP_EMBED and (
            self.uses[i] == self.in_sums[i]
            or 2 * product(shape_at(s, s.q.code[v].a)) < product(shape_at(s, v)))

    cdef list terms_of(self, int32_t i):
        """The terms of a sum in their order."""
        cdef Program p = self.s.p
        cdef list stack = [p.code[i].b, p.code[i].a], out = []
        cdef int32_t v
        while stack and len(out) <= SUM_LIMIT:
            v = stack.pop()
            if self.is_term(v) and p.code[v].type == p.code[i].type:
                stack.append(p.code[v].b)
                stack.append(p.code[v].a)
            else:
                out.append(v)
        return out if not stack else []

    cdef list parts_of(self, int32_t v):
        """The part that is embedded, or those that it was put together from."""
        cdef int32_t x = self.s.q.code[v].a
        cdef tuple index = attrs_at(self.s, v)[1]
        inner = self.boxes.get(x)
        if inner is None or shape_at(self.s, x) != tuple([n for n in index[2::3] if n >= 0]):
            return [(index, x)]
        return [(part_of_part(index, box), y) for box, y in inner]


cdef list boxes_of(_Simplifier s, int32_t v, tuple shape):
    """The disjoint parts of a concatenation (of concatenations ...), without its zeros."""
    cdef list out = []
    cdef Instr *x = &s.q.code[v]
    cdef Py_ssize_t axis, k, low = 0, n
    cdef double zero
    cdef int32_t y
    if x.op != OP_CONCATENATE:
        return [(whole_index(shape), v)]
    axis = attrs_at(s, v)[0]
    for k in range(x.b):
        y = s.q.lists[x.a + k]
        n = shape_at(s, y)[axis]
        if not (s.uniform(y, &zero) and zero == 0.0):
            index = list(whole_index(shape))
            index[3 * axis] = low
            index[3 * axis + 2] = n
            out += [(part_of_part(tuple(index), box), part)
                    for box, part in boxes_of(s, y, shape_at(s, y))]
        low += n
    return out


cdef tuple whole_index(tuple shape):
    cdef list out = []
    for n in shape:
        out += [0, 1, n]
    return tuple(out)


cdef Py_ssize_t first_cut(tuple shape, list parts) except -2:
    """The first axis along which a part does not reach from end to end; -1 if all do."""
    cdef Py_ssize_t axis
    for axis in range(len(shape)):
        for index, _ in parts:
            if index[3 * axis] != 0 or index[3 * axis + 2] != shape[axis]:
                return axis
    return -1


cdef int32_t put_together(_Simplifier s, int type, list parts, Py_ssize_t limit) except -2:
    """The sum of parts in zeros of this type, cut where one of them begins or ends.

    NOTHING if that takes more than `limit` pieces, or a part has gaps.
    """
    cdef tuple shape = s.q.types[type][1], smaller
    cdef Py_ssize_t axis = first_cut(shape, parts), low, high, start = 0
    cdef int32_t y
    cdef list pieces = [], starts = [0]
    if axis < 0:
        return added_up(s, type, parts)
    cuts = cuts_along(axis, shape[axis], parts)
    if cuts is None or len(cuts) - 1 > limit:
        return NOTHING
    for low, high in zip(cuts, cuts[1:]):
        smaller = shape[:axis] + (high - low,) + shape[axis + 1:]
        y = piece(s, s.q.type_of(s.q.types[type][0], smaller), parts, axis, low, high,
                  limit - len(cuts) + 2)
        if y == NOTHING:
            return NOTHING
        pieces.append(y)
        start += high - low
        starts.append(start)
    return listed(s, OP_CONCATENATE, type, pieces, s.q.attrs_place((axis, tuple(starts))))


cdef list cuts_along(Py_ssize_t axis, Py_ssize_t extent, list parts):
    """Where parts begin and end along an axis, and both of its ends; None if one has gaps."""
    cdef set cuts = {0, extent}
    cdef tuple index
    for index, _ in parts:
        start = index[3 * axis]
        count = 1 if index[3 * axis + 2] == -1 else index[3 * axis + 2]
        if count < 1 or count > 1 and index[3 * axis + 1] != 1:
            return None
        cuts.add(start)
        cuts.add(start + count)
    return sorted(cuts)


cdef int32_t piece(_Simplifier s, int type, list parts, Py_ssize_t axis, Py_ssize_t low,
                   Py_ssize_t high, Py_ssize_t limit) except -2:
    """The sum between two neighbouring cuts."""
    cdef list inside = []
    cdef tuple shape = s.q.types[type][1], index
    cdef Py_ssize_t start, count
    cdef int32_t v, y
    for index, v in parts:
        start = index[3 * axis]
        count = index[3 * axis + 2] if index[3 * axis + 2] >= 0 else 1
        if start <= low and high <= start + count:
            inside.append(narrowed(s, index, v, axis, low - start, high - low))
    if not inside:
        return s.full(0.0, type)
    if high - low > 1:
        return put_together(s, type, inside, limit)
    # Without the axis: numbers of a point are added as such.
    y = put_together(s, s.q.type_of(s.q.types[type][0], shape[:axis] + shape[axis + 1:]),
                     inside, limit)
    return NOTHING if y == NOTHING else applied(s, OP_RESHAPE, type, y, -1, (shape,))


cdef tuple narrowed(_Simplifier s, tuple index, int32_t v, Py_ssize_t axis, Py_ssize_t offset,
                    Py_ssize_t count):
    """What a part holds between two cuts; the axis is gone if that is one element."""
    cdef Py_ssize_t own = 0, k
    cdef list inner
    cdef tuple kept, shape = shape_at(s, v)
    for k in range(axis):
        own += index[3 * k + 2] >= 0
    if index[3 * axis + 2] >= 0 and (count == 1 or shape[own] != count):
        inner = list(whole_index(shape))
        inner[3 * own] = offset
        inner[3 * own + 2] = -1 if count == 1 else count
        kept = tuple([n for n in inner[2::3] if n >= 0])
        v = applied(s, OP_SLICE, s.q.type_of(s.q.types[s.q.code[v].type][0], kept), v, -1,
                    (tuple(inner),))
    middle = () if count == 1 else (0, 1, count)
    return (index[:3 * axis] + middle + index[3 * axis + 3:], v)


cdef int32_t added_up(_Simplifier s, int type, list parts) except -2:
    """Parts of the same place."""
    cdef int32_t y = NOTHING, v
    for _, v in parts:
        v = fit_type(s, v, type)
        if v == NOTHING:
            return NOTHING
        y = v if y == NOTHING else s.elementwise(OP_ADD, type, y, v, -1)
    return y
