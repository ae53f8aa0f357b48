# Algebra of structural instructions: shapes, parts and repetitions, the second
# half of the rules of simplify.pxi.
#
# Knows what the attributes of reshape, transpose, broadcast_to, slice, embed,
# index_set, concatenate, cast and the sums mean; it must not know memory.
# Fast enough because it works on tuples of a few ints, once for each structural
# instruction, and never on the elements of an array.

cdef int32_t structural_value(_Simplifier s, int op, int type, int32_t a, int32_t b,
                              int32_t c) except -2:
    """A structural instruction of one or two operands in its simplest form."""
    cdef int32_t y = structural_rule(s, op, type, a, b, s.q.attrs[c] if c >= 0 else None)
    return y if y != NOTHING else s.intern(op, type, a, b, c)


cdef int32_t structural_rule(_Simplifier s, int op, int type, int32_t a, int32_t b,
                             object attrs) except -2:
    cdef double v
    if op == OP_SLICE:
        return slice_rule(s, type, a, attrs[0])
    if op == OP_EMBED:
        return embed_rule(s, type, a, attrs[0], attrs[1])
    if op == OP_INDEX_SET:
        return index_set_rule(s, type, a, b, attrs[0])
    if op == OP_SUM_TO or op == OP_SUM:
        return sum_rule(s, op, type, a)
    if op == OP_RESHAPE or op == OP_TRANSPOSE or op == OP_BROADCAST_TO or op == OP_CAST:
        if op != OP_TRANSPOSE and s.q.code[a].type == type:
            return a
        # Of one element: what else is repeated may have a shape that does not broadcast there.
        if op != OP_CAST and s.uniform(a, &v) and s.q.code[a].op == OP_BROADCAST_TO \
                and not shape_at(s, s.q.code[a].a):
            return s.broadcast(s.q.code[a].a, type)
    if op == OP_RESHAPE:
        return reshape_rule(s, type, a, attrs)
    if op == OP_TRANSPOSE:
        return transpose_rule(s, type, a, attrs[0])
    if op == OP_BROADCAST_TO:
        return broadcast_rule(s, type, a, attrs)
    if op == OP_CAST:
        return cast_rule(s, type, a)
    return NOTHING


cdef inline object attrs_at(_Simplifier s, int32_t v):
    return s.q.attrs[s.q.code[v].c]


cdef inline tuple shape_at(_Simplifier s, int32_t v):
    return s.q.types[s.q.code[v].type][1]


cdef int32_t applied(_Simplifier s, int op, int type, int32_t a, int32_t b, object attrs) except -2:
    return structural_value(s, op, type, a, b, s.q.attrs_place(attrs))


# ---------------------------------------------------------------- other shapes

cdef int32_t reshape_rule(_Simplifier s, int type, int32_t a, object attrs) except -2:
    cdef int32_t inner
    cdef tuple shape = attrs[0]
    if s.q.code[a].op == OP_RESHAPE:
        return applied(s, OP_RESHAPE, type, s.q.code[a].a, -1, attrs)
    if s.q.code[a].op == OP_TRANSPOSE and brings_last_to_front(attrs_at(s, a)[0]) and shape \
            and shape[0] == shape_at(s, a)[0]:
        # First the reshape, which moves nothing; the transposition may meet its inverse.
        shape = shape[1:] + shape[:1]
        inner = s.q.code[a].a
        inner = applied(s, OP_RESHAPE, s.q.type_of(s.q.types[type][0], shape), inner, -1, (shape,))
        return applied(s, OP_TRANSPOSE, type, inner, -1, (last_to_front(len(shape)),))
    return NOTHING


cdef tuple last_to_front(Py_ssize_t n):
    return (n - 1,) + tuple(range(n - 1))


cdef bint brings_last_to_front(tuple perm) except -1:
    return perm == last_to_front(len(perm))


cdef int32_t transpose_rule(_Simplifier s, int type, int32_t a, tuple perm) except -2:
    cdef tuple inner
    if perm == tuple(range(len(perm))):
        return a
    if s.q.code[a].op == OP_TRANSPOSE:
        inner = attrs_at(s, a)[0]
        perm = tuple([inner[<Py_ssize_t>i] for i in perm])
        return applied(s, OP_TRANSPOSE, type, s.q.code[a].a, -1, (perm,))
    return NOTHING


cdef int32_t broadcast_rule(_Simplifier s, int type, int32_t a, object attrs) except -2:
    """Of a broadcast, or of a single element with axes added."""
    cdef Instr *x = &s.q.code[a]
    if x.op == OP_BROADCAST_TO or (x.op == OP_RESHAPE and not shape_at(s, x.a)):
        return applied(s, OP_BROADCAST_TO, type, x.a, -1, attrs)
    return NOTHING


cdef int32_t cast_rule(_Simplifier s, int type, int32_t a) except -2:
    """A constant float in another floating type; back from a wider type."""
    cdef double v
    cdef Instr *x = &s.q.code[a]
    if not is_floating(s.q, type):
        return NOTHING
    if s.uniform(a, &v):
        return s.full(v, type)
    if x.op == OP_CAST and s.q.code[x.a].type == type and s.q.types[x.type][0] == NPY_DOUBLE:
        return x.a
    return NOTHING


cdef int32_t sum_rule(_Simplifier s, int op, int type, int32_t a) except -2:
    """The sum of a number that was repeated is a product."""
    cdef Instr *x = &s.q.code[a]
    cdef Py_ssize_t n, m
    cdef int32_t y
    if s.q.code[a].type == type:
        return a
    if not is_floating(s.q, type):
        return NOTHING
    if op == OP_SUM_TO and x.op == OP_SUM_TO:
        return applied(s, OP_SUM_TO, type, x.a, -1, (s.q.types[type][1],))
    if x.op != OP_BROADCAST_TO or shape_at(s, x.a) or s.q.types[x.type][0] != NPY_DOUBLE:
        return NOTHING
    n = product(s.q.types[x.type][1])
    m = product(s.q.types[type][1])
    if n == 0 or m == 0:
        return NOTHING
    a = x.a
    y = s.elementwise(OP_MULTIPLY, TYPE_NUMBER, a, s.number(<double>(n // m), TYPE_NUMBER), -1)
    return s.broadcast(y, type)


# ---------------------------------------------------------------- parts
#
# The index of a part is (start, step, count) for each axis; count -1 drops the axis.

cdef bint is_whole(tuple index, tuple shape) except -1:
    """Does the part hold every element at its place?"""
    cdef Py_ssize_t k
    for k in range(len(shape)):
        if (index[3 * k] != 0 or index[3 * k + 2] != shape[k]
                or (index[3 * k + 1] != 1 and shape[k] > 1)):
            return False
    return True


cdef bint keeps_all(tuple index, tuple shape) except -1:
    """Does the part hold every element, in the same order, perhaps without axes of length one?"""
    cdef Py_ssize_t k
    for k in range(len(shape)):
        if index[3 * k] != 0 or shape[k] != 1 and (index[3 * k + 2] != shape[k]
                                                   or index[3 * k + 1] != 1):
            return False
    return True


cdef tuple part_of_part(tuple inner, tuple outer):
    """The index of the part `outer` of the part `inner`."""
    cdef list out = []
    cdef Py_ssize_t k, at = 0
    for k in range(0, len(inner), 3):
        if inner[k + 2] == -1:
            out += [inner[k], 1, -1]
        else:
            out += [inner[k] + outer[at] * inner[k + 1],
                    inner[k + 1] * outer[at + 1] if outer[at + 2] > 1 else 1, outer[at + 2]]
            at += 3
    return tuple(out)


cdef bint are_apart(tuple x, tuple y) except -1:
    """Do two parts of one array share no element?  (False also where that is hard to say.)"""
    cdef Py_ssize_t k, a, b, c, d
    for k in range(0, len(x), 3):
        if x[k + 2] == 0 or y[k + 2] == 0:
            return True
        a = x[k]
        b = a + x[k + 1] * ((x[k + 2] if x[k + 2] > 0 else 1) - 1)
        c = y[k]
        d = c + y[k + 1] * ((y[k + 2] if y[k + 2] > 0 else 1) - 1)
        if (a if a > b else b) < (c if c < d else d) or (c if c > d else d) < (a if a < b else b):
            return True
    return False


cdef tuple index_within(tuple outer, tuple inner):
    """The index, inside the part `inner`, of the part `outer` of the whole; None if it is not
    all inside, or `inner` has an axis that is dropped, or a step."""
    cdef list out = []
    cdef Py_ssize_t k, start, last
    for k in range(0, len(outer), 3):
        if inner[k + 1] != 1 or inner[k + 2] < 1 or outer[k + 2] == 0:
            return None
        start = outer[k] - inner[k]
        last = start + outer[k + 1] * ((outer[k + 2] if outer[k + 2] > 0 else 1) - 1)
        if start < 0 or last < 0 or start >= inner[k + 2] or last >= inner[k + 2]:
            return None
        out += [start, outer[k + 1], outer[k + 2]]
    return tuple(out)


cdef int32_t slice_rule(_Simplifier s, int type, int32_t a, tuple index) except -2:
    cdef Instr *x = &s.q.code[a]
    cdef double v
    if s.q.code[a].type == type and is_whole(index, shape_at(s, a)):
        return a
    if s.uniform(a, &v) and is_floating(s.q, type):
        return s.full(v, type)
    if x.op == OP_RESHAPE and s.q.code[x.a].type == type and keeps_all(index, shape_at(s, a)):
        return x.a
    if x.op == OP_SLICE:
        return applied(s, OP_SLICE, type, x.a, -1, (part_of_part(attrs_at(s, a)[0], index),))
    if x.op == OP_EMBED:
        return slice_of_embedded(s, type, a, index)
    if x.op == OP_INDEX_SET:
        return slice_of_changed(s, type, a, index)
    if x.op == OP_CONCATENATE:
        return slice_of_joined(s, type, a, index)
    return NOTHING


cdef int32_t slice_of_filled(_Simplifier s, int type, int32_t filling, tuple filled,
                             tuple index) except -2:
    """The part `index` of an array whose part `filled` holds `filling`."""
    if filled == index:
        return fit_type(s, filling, type)
    index = index_within(index, filled)
    if index is None or shape_at(s, filling) != tuple(filled[2::3]):
        return NOTHING
    return applied(s, OP_SLICE, type, filling, -1, (index,))


cdef int32_t slice_of_embedded(_Simplifier s, int type, int32_t a, tuple index) except -2:
    cdef tuple filled = attrs_at(s, a)[1]
    if are_apart(index, filled) and is_floating(s.q, type):
        return s.full(0.0, type)
    return slice_of_filled(s, type, s.q.code[a].a, filled, index)


cdef int32_t slice_of_changed(_Simplifier s, int type, int32_t a, tuple index) except -2:
    cdef Instr *x = &s.q.code[a]
    cdef tuple filled = attrs_at(s, a)[0]
    if are_apart(index, filled):
        return applied(s, OP_SLICE, type, x.a, -1, (index,))
    return slice_of_filled(s, type, x.b, filled, index)


cdef int32_t slice_of_joined(_Simplifier s, int type, int32_t a, tuple index) except -2:
    """Of a concatenation: from the operand in which the whole part lies."""
    cdef Instr *x = &s.q.code[a]
    cdef Py_ssize_t axis = attrs_at(s, a)[0], k, count = index[3 * axis + 2]
    cdef Py_ssize_t first = index[3 * axis], low = 0, extent
    cdef Py_ssize_t last = first + index[3 * axis + 1] * ((count if count > 0 else 1) - 1)
    cdef int32_t v
    if count == 0:
        return NOTHING
    for k in range(x.b):
        v = s.q.lists[x.a + k]
        extent = shape_at(s, v)[axis]
        if low <= first < low + extent and low <= last < low + extent:
            if s.q.types[s.q.code[v].type][0] != s.q.types[type][0]:
                return NOTHING
            index = index[:3 * axis] + (first - low,) + index[3 * axis + 1:]
            return applied(s, OP_SLICE, type, v, -1, (index,))
        low += extent
    return NOTHING


cdef int32_t embed_rule(_Simplifier s, int type, int32_t a, tuple shape, tuple index) except -2:
    cdef Instr *x = &s.q.code[a]
    cdef double v
    cdef tuple inner
    if is_whole(index, shape):
        return fit_type(s, a, type)
    if s.uniform(a, &v) and v == 0.0 and not signbit(v) and is_floating(s.q, type):
        return s.full(0.0, type)
    if x.op == OP_EMBED:
        inner = attrs_at(s, a)[0]
        if inner == tuple([n for n in index[2::3] if n >= 0]):
            index = part_of_part(index, attrs_at(s, a)[1])
            return applied(s, OP_EMBED, type, x.a, -1, (shape, index))
    return NOTHING


cdef int32_t index_set_rule(_Simplifier s, int type, int32_t a, int32_t b, tuple index) except -2:
    """The whole is replaced; the same part was replaced before; zeros around it; nothing new."""
    cdef Instr *x = &s.q.code[a]
    cdef Instr *y = &s.q.code[b]
    cdef tuple part
    cdef double v
    if is_whole(index, s.q.types[type][1]):
        return fit_type(s, b, type)
    if x.op == OP_INDEX_SET and attrs_at(s, a)[0] == index:
        return applied(s, OP_INDEX_SET, type, x.a, b, (index,))
    if y.op == OP_SLICE and y.a == a and attrs_at(s, b)[0] == index:
        return a
    if (s.uniform(a, &v) and v == 0.0 and not signbit(v)
            and s.q.types[y.type][0] == s.q.types[type][0]):
        part = tuple([n for n in index[2::3] if n >= 0])
        b = fit_type(s, b, s.q.type_of(s.q.types[type][0], part))
        return NOTHING if b == NOTHING else applied(s, OP_EMBED, type, b, -1,
                                                    (s.q.types[type][1], index))
    return NOTHING


cdef int32_t concatenate_rule(_Simplifier s, int type, list parts, int32_t c) except -2:
    """One part alone; the neighbouring parts of one array that make it up again."""
    cdef Py_ssize_t axis, k, low = 0
    cdef int32_t v, whole
    cdef tuple shape, index
    if len(parts) == 1:
        return fit_type(s, parts[0], type)
    axis = s.q.attrs[c][0]
    whole = s.q.code[<int32_t>parts[0]].a
    if s.q.code[<int32_t>parts[0]].op != OP_SLICE or s.q.code[whole].type != type:
        return NOTHING
    for k in range(len(parts)):
        v = parts[k]
        if s.q.code[v].op != OP_SLICE or s.q.code[v].a != whole:
            return NOTHING
        shape = shape_at(s, v)
        index = attrs_at(s, v)[0]
        if index[3 * axis] != low or len(index) != 3 * len(shape):
            return NOTHING
        index = index[:3 * axis] + (0,) + index[3 * axis + 1:]
        if not is_whole(index, shape):
            return NOTHING
        low += shape[axis]
    return whole
