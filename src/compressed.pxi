# Compressed matrices: from places of entries to a CSR structure, and from computed
# values to its entries; and the part of a program between two sets of values.
#
# Knows index arrays and instructions; it must not know why an entry stands where it
# does.  Fast because entries are sorted by counting, twice, and because values are
# read in their order and go where a table made once says.

def structure_of_entries(np.ndarray rows not None, np.ndarray columns not None, Py_ssize_t m,
                         Py_ssize_t n):
    """(start, items, place): the CSR structure of entries in any order (int64), equal ones made
    one, and the place of each of the entries in it (int32)."""
    cdef Py_ssize_t count = np.PyArray_SIZE(rows), e
    cdef np.ndarray start = np.zeros(m + 1, np.int64), items, place = np.empty(count, np.int32)
    cdef np.ndarray by_column, by_row
    cdef int64_t *first = <int64_t *>np.PyArray_DATA(start)
    cdef const int64_t *row = <const int64_t *>np.PyArray_DATA(rows)
    cdef const int64_t *column = <const int64_t *>np.PyArray_DATA(columns)
    cdef const int64_t *order
    cdef int32_t *out
    cdef int32_t *at = <int32_t *>np.PyArray_DATA(place)
    cdef int64_t total = 0, i, last_row = -1, last_column = -1
    if count > 0x7FFFFFF0:
        raise MemoryError(f"cdiff: a sparse matrix of {count} entries; at most 2**31 are supported")
    _, by_column = lists_of_targets(columns, n)
    _, by_row = lists_of_targets(np.ascontiguousarray(rows[by_column]), m)
    by_row = np.ascontiguousarray(by_column[by_row])
    order = <const int64_t *>np.PyArray_DATA(by_row)
    items = np.empty(count, np.int32)
    out = <int32_t *>np.PyArray_DATA(items)
    with nogil:
        for e in range(count):
            i = order[e]
            if row[i] != last_row or column[i] != last_column:
                last_row = row[i]
                last_column = column[i]
                out[total] = <int32_t>last_column
                total += 1
                first[last_row + 1] += 1
            at[i] = <int32_t>(total - 1)
        for e in range(m):
            first[e + 1] += first[e]
    return start, items[:total].copy(), place


@cython.final
cdef class Entries:
    """The entries of a matrix as sums of computed values times factors.

    Entry e is values[source[e]] times the factor numbered factor[e]; then
    values[more_source] times their factors are added at `more_place`.  There are few factors.
    """
    cdef readonly np.ndarray source, factor, more_place, more_source, more_factor
    cdef readonly np.ndarray factors
    cdef Py_ssize_t size
    cdef bint plain                # whether all factors are one

    def __init__(self, Py_ssize_t n, Py_ssize_t size, places, sources, numbers, factors):
        """n entries of `size` values; each contribution is a place, a source and the number of its
        factor among `factors`.

        Every entry needs one at least.
        """
        places = np.ascontiguousarray(places, np.int64)
        _, order = lists_of_targets(places, n)
        places = places[order]
        first = np.ones(len(places), bool)
        first[1:] = places[1:] != places[:len(places) - 1]
        if not np.array_equal(places[first], np.arange(n)):
            raise ValueError(f"cdiff: {n} entries, and not each of them has a value")
        sources = np.asarray(sources)[order]
        if sources.size and (sources.min() < 0 or sources.max() >= size):
            raise ValueError(f"cdiff: sources outside of {size} values")
        self.factors = np.ascontiguousarray(factors, np.float64)
        numbers = np.asarray(numbers)[order]
        if self.factors.size > 0xFFFF or (numbers.size and (
                numbers.min() < 0 or numbers.max() >= self.factors.size)):
            raise ValueError(f"cdiff: numbers outside of {self.factors.size} factors")
        numbers = numbers.astype(np.uint16)
        self.plain = self.factors.size == 0 or (self.factors.size == 1 and self.factors[0] == 1.0)
        self.size = size
        self.source = np.ascontiguousarray(sources[first], np.int32)
        self.factor = np.ascontiguousarray(numbers[first])
        self.more_place = np.ascontiguousarray(places[~first], np.int32)
        self.more_source = np.ascontiguousarray(sources[~first], np.int32)
        self.more_factor = np.ascontiguousarray(numbers[~first])

    def fill(self, np.ndarray values not None, np.ndarray data=None):
        """The entries for these values, in `data` (float64, in order) if it is given."""
        cdef Py_ssize_t e, n = np.PyArray_SIZE(self.source), more = np.PyArray_SIZE(self.more_place)
        cdef const int32_t *source = <const int32_t *>np.PyArray_DATA(self.source)
        cdef const int32_t *at = <const int32_t *>np.PyArray_DATA(self.more_place)
        cdef const int32_t *added = <const int32_t *>np.PyArray_DATA(self.more_source)
        cdef const uint16_t *number = <const uint16_t *>np.PyArray_DATA(self.factor)
        cdef const uint16_t *more_number = <const uint16_t *>np.PyArray_DATA(self.more_factor)
        cdef const double *factor = <const double *>np.PyArray_DATA(self.factors)
        cdef const double *x = <const double *>np.PyArray_DATA(values)
        cdef double *out
        cdef bint plain
        if data is None:
            data = np.empty(n)
        check_doubles(values, self.size)
        check_doubles(data, n)
        if not np.PyArray_ISWRITEABLE(data):
            raise ValueError("cdiff: the entries to be overwritten are read-only")
        out = <double *>np.PyArray_DATA(data)
        plain = self.plain
        with nogil:
            if plain:
                for e in range(n):
                    out[e] = x[source[e]]
                for e in range(more):
                    out[at[e]] += x[added[e]]
            else:
                for e in range(n):
                    out[e] = x[source[e]] * factor[number[e]]
                for e in range(more):
                    out[at[e]] += x[added[e]] * factor[more_number[e]]
        return data


cdef int check_doubles(np.ndarray x, Py_ssize_t n) except -1:
    if (np.PyArray_TYPE(x) != NPY_DOUBLE or not np.PyArray_IS_C_CONTIGUOUS(x)
            or np.PyArray_SIZE(x) != n):
        raise ValueError(f"cdiff: {n} float64 in order are needed, not {np.PyArray_SIZE(x)} "
                         f"of {np.PyArray_DescrFromType(np.PyArray_TYPE(x))}")
    return 0


cdef enum:
    FEW_NUMBERS = 64              # different ones, that are looked through for each number


def few_numbers(np.ndarray x not None):
    """(distinct numbers, which of them each of x is) for float64 in order; None if these are not
    few."""
    cdef Py_ssize_t k, n = np.PyArray_SIZE(x)
    cdef np.ndarray slots = np.empty(n, np.int64)
    cdef int64_t *slot = <int64_t *>np.PyArray_DATA(slots)
    cdef const uint64_t *bits
    cdef uint64_t found[FEW_NUMBERS]
    cdef int count = 0, j = 0
    check_doubles(x, n)
    bits = <const uint64_t *>np.PyArray_DATA(x)
    with nogil:
        for k in range(n):
            if count == 0 or found[j] != bits[k]:
                j = 0
                while j < count and found[j] != bits[k]:
                    j += 1
                if j == FEW_NUMBERS:
                    break
                if j == count:
                    found[count] = bits[k]
                    count += 1
            slot[k] = j
    if j == FEW_NUMBERS:
        return None
    distinct = np.empty(count)
    memcpy(np.PyArray_DATA(distinct), found, count * sizeof(uint64_t))
    return distinct, slots


def constant_values(Program p not None):
    """Which values (booleans) depend neither on inputs nor on arrays that somebody may change."""
    cdef np.ndarray out = np.zeros(p.count, np.uint8)
    cdef uint8_t *fixed = <uint8_t *>np.PyArray_DATA(out)
    cdef set changing = {id(copy) for copy, _ in p.refreshed}
    cdef int32_t *operands = NULL
    cdef Py_ssize_t i
    cdef int k
    cdef Instr *x
    for i in range(p.count):
        x = &p.code[i]
        if x.op == OP_CONST:
            fixed[i] = x.type <= TYPE_WEAK or (is_own(p.arrays[x.a])
                                               and id(p.arrays[x.a]) not in changing)
            continue
        fixed[i] = x.op != OP_LEAF and x.op != OP_CALL
        for k in range(operands_at(p, i, &operands)):
            fixed[i] &= fixed[operands[k]]
    return out.view(bool)


cdef bint is_own(object constant):
    """Can nobody change this array, or number?"""
    return not isinstance(constant, np.ndarray) or not (constant.flags.writeable
                                                        or constant.base is not None)


def part_of_program(Program p not None, roots not None, outputs not None):
    """The program from the values `roots`, then the inputs, to the values `outputs`."""
    cdef Program q = Program()
    cdef list at = [-1] * p.count, needed = [False] * p.count
    cdef Py_ssize_t i, v
    for v in roots:
        at[v] = 0
    for v in outputs:
        needed[v] = True
    for i in range(p.count - 1, -1, -1):
        if needed[i] and at[i] < 0:
            for v in p.operands_of(i):
                needed[v] = True
    for v in roots:
        t = p.types[p.code[v].type]
        at[v] = q.emit_input(q.type_of(t[0], t[1]))
    for i in range(p.n_inputs):
        t = p.types[p.code[i].type]
        v = q.emit_input(q.type_of(t[0], t[1]))
        at[i] = v if at[i] < 0 else at[i]
    q.refreshed = p.refreshed
    for i in range(p.n_inputs, p.count):
        if needed[i] and at[i] < 0:
            at[i] = copied_instruction(p, q, i, at)
    q.outputs = [at[v] for v in outputs]
    return q
