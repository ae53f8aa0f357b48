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


def add_entries(np.ndarray data not None, np.ndarray places not None, values, coefficients):
    """data[places] += values * coefficients, in order; places (int32) that are -1 are left out.

    data is float64 or float32; coefficients are a float or an array like places.
    """
    cdef np.ndarray v = np.ascontiguousarray(values, np.float64).reshape(-1), c
    cdef const int32_t *at = <const int32_t *>np.PyArray_DATA(places)
    cdef const double *x = <const double *>np.PyArray_DATA(v)
    cdef double *out = <double *>np.PyArray_DATA(data)
    cdef const double *each = NULL
    cdef double factor = 1.0
    cdef Py_ssize_t j, n = np.PyArray_SIZE(places)
    if np.PyArray_SIZE(v) != n or np.PyArray_TYPE(data) != NPY_DOUBLE:
        raise ValueError(f"cdiff: {np.PyArray_SIZE(v)} values for {n} places")
    if type(coefficients) is float:
        factor = coefficients
    else:
        c = np.ascontiguousarray(coefficients, np.float64)
        each = <const double *>np.PyArray_DATA(c)
    with nogil:
        if each != NULL:
            for j in range(n):
                if at[j] >= 0:
                    out[at[j]] += x[j] * each[j]
        else:
            for j in range(n):
                if at[j] >= 0:
                    out[at[j]] += x[j] * factor


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
