# Places: which elements of its operands an element of a result is made of.
#
# Knows the attributes of the structural operators and the content of constant
# positions; it must not know derivatives or sets of inputs.  Where each element
# of a result is a copy of one element of the operand (or of none) that is a map
# of places, and where each element of the operand goes into one element of the
# result it is a map the other way.  Fast because maps are made by NumPy from the
# strides of the part, so that a part costs its own size and not that of the whole.

cdef np.ndarray flat_places(object x):
    """A map as the core reads it: int64, one axis, in order."""
    return np.ascontiguousarray(x, dtype=np.int64).reshape(-1)


cdef np.ndarray all_places(tuple shape):
    return np.arange(product(shape), dtype=np.int64).reshape(shape)


cdef np.ndarray part_places(tuple shape, tuple index):
    """Where the elements of a part stand in the whole, in the shape of the part."""
    cdef object out = np.zeros((), np.int64)
    cdef Py_ssize_t axis, stride = 1
    for axis in range(len(shape) - 1, -1, -1):
        start = index[3 * axis]
        step = index[3 * axis + 1]
        count = index[3 * axis + 2]
        if count < 0:
            out = out + start * stride
        else:
            along = (start + step * np.arange(count, dtype=np.int64)) * stride
            out = along.reshape((count,) + (1,) * out.ndim) + out
        stride *= <Py_ssize_t>shape[axis]
    return np.asarray(out)


cdef Py_ssize_t first_place(tuple shape, tuple index):
    """Where the first element of a part stands in the whole."""
    cdef Py_ssize_t axis, stride = 1, out = 0
    for axis in range(len(shape) - 1, -1, -1):
        out += <Py_ssize_t>index[3 * axis] * stride
        stride *= <Py_ssize_t>shape[axis]
    return out


cdef np.ndarray broadcast_places(tuple shape, tuple target):
    return flat_places(np.broadcast_to(all_places(shape), target))


cdef np.ndarray inverted_places(np.ndarray places, Py_ssize_t n):
    """For each of n elements its place in a map that names none twice; -1 for none."""
    out = np.full(n, -1, np.int64)
    out[places] = np.arange(places.size, dtype=np.int64)
    return out


@cython.final
cdef class Places:
    """The maps of a program; `values` (of all instructions) are known for one point only.

    `watched` are the constant arrays whose content was looked at although somebody may change it,
    each with a copy.
    """
    cdef Program p
    cdef list values
    cdef dict originals           # what constants are copied from, by the address of the copy
    cdef readonly list watched

    def __init__(self, Program program not None, list values=None):
        check_ready(program)
        self.p = program
        self.values = values
        self.originals = {id(copy): original for copy, original in program.refreshed}
        self.watched = []

    cdef tuple shape(self, Py_ssize_t v):
        return self.p.types[self.p.code[v].type][1]

    cdef np.ndarray content(self, int32_t v, bint watch):
        """The elements of a constant array, or at the one point; None if they are not known.

        Those of an array that may change are known only if it is watched.
        """
        cdef Instr *x = &self.p.code[v]
        if x.op != OP_CONST or x.type <= TYPE_WEAK:
            return None if self.values is None else ndarray_of(innermost(<Array>self.values[v]))
        found = self.p.arrays[x.a]
        original = self.originals.get(id(found), found)
        if type(original) is Array:
            return None
        if original.flags.writeable or original.base is not None:
            if not watch:
                return None
            for known, copy in self.watched:
                if known is original:
                    return copy
            copy = np.array(original)
            self.watched.append((original, copy))
            return copy
        return found

    cdef np.ndarray positions(self, int32_t v, Py_ssize_t extent):
        """Constant positions along an axis, none of them negative."""
        found = self.content(v, True)
        return None if found is None else checked_rows(found, extent)

    def source(self, Py_ssize_t i, Py_ssize_t k):
        """For each element of value i the element of its operand k that it is a copy of, -1 for
        none; None for the same one, NotImplemented where the operator does not copy."""
        cdef Instr *x = &self.p.code[i]
        cdef tuple shape = self.shape(i), inner
        cdef object attrs = self.p.attrs_of(i)
        if x.op == OP_RESHAPE or x.op == OP_POSITIVE:
            return None
        if x.op == OP_CAST:
            return None if is_float(self.p.types[x.type][0]) else NotImplemented
        if x.op == OP_CONCATENATE:
            return self.source_in_row(i, k)
        if x.op == OP_INDEX_SET:
            return self.source_of_set(i, k)
        if k > 0 or x.op < N_ELEMENTWISE:
            return NotImplemented
        if x.op == OP_TRANSPOSE:
            return flat_places(np.transpose(all_places(self.shape(x.a)), attrs[0]))
        if x.op == OP_BROADCAST_TO:
            return broadcast_places(self.shape(x.a), shape)
        if x.op == OP_SLICE:
            return flat_places(part_places(self.shape(x.a), attrs[0]))
        if x.op == OP_EMBED:
            inner = part_shape("embed", shape, attrs[1])
            out = np.full(product(shape), -1, np.int64)
            part = flat_places(part_places(shape, attrs[1]))
            out[part] = broadcast_places(self.shape(x.a), inner)
            return out
        return self.gathered(x.a, x.b) if x.op == OP_GATHER else NotImplemented

    cdef object gathered(self, int32_t a, int32_t at):
        cdef tuple shape = self.shape(a)
        cdef np.ndarray rows = self.positions(at, shape[0])
        cdef Py_ssize_t inner = product(shape[1:])
        if rows is None:
            return NotImplemented
        return flat_places(rows.reshape(-1, 1) * inner + np.arange(inner, dtype=np.int64))

    cdef object source_in_row(self, Py_ssize_t i, Py_ssize_t k):
        """The places of operand k in a concatenation."""
        cdef tuple shape = self.shape(i), attrs = self.p.attrs_of(i)
        index = section(shape, attrs[0], attrs[1], k)
        return inverted_places(flat_places(part_places(shape, index)), product(shape))

    cdef object source_of_set(self, Py_ssize_t i, Py_ssize_t k):
        """Operand 0 keeps what is outside of the part, operand 1 is broadcast into it."""
        cdef tuple shape = self.shape(i), index = self.p.attrs_of(i)[0]
        part = flat_places(part_places(shape, index))
        if k == 0:
            out = all_places((product(shape),))
            out[part] = -1
        else:
            out = np.full(product(shape), -1, np.int64)
            out[part] = broadcast_places(self.shape(self.p.code[i].b),
                                         part_shape("index_set", shape, index))
        return out

    def target(self, Py_ssize_t i):
        """For each element of the operand of value i the element of the result that it goes into;
        NotImplemented for other operators than sums and reductions."""
        cdef Instr *x = &self.p.code[i]
        cdef tuple shape = self.shape(i), inner
        cdef np.ndarray rows
        if x.op == OP_SUM_TO:
            return broadcast_places(shape, self.shape(x.a))
        if x.op == OP_SCATTER_ADD:
            rows = self.positions(x.b, shape[0])
            inner = shape[1:]
            if rows is None:
                return NotImplemented
            return flat_places(rows.reshape(-1, 1) * product(inner)
                               + np.arange(product(inner), dtype=np.int64))
        if x.op in (OP_SUM, OP_MAX, OP_MIN, OP_PROD, OP_LOGSUMEXP, OP_NORM2):
            inner = self.shape(x.a)
            return broadcast_places(kept_shape(inner, self.p.attrs_of(i)[0]), inner)
        return NotImplemented
