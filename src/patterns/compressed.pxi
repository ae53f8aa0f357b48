# Compressed matrices: from entries of a part to the CSR structure of the whole matrix, what never
# changes in a program, and the part of a program between two sets of values.
#
# Knows index arrays and instructions; it must not know why an entry stands where it
# does.  Fast because entries go into the lines of the matrix by counting, in the order in
# which they are found, and a line is sorted where it lies, mostly by looking at it once.

cdef enum:
    SHORT_LINE = 32               # entries that are sorted by insertion


cdef struct Lines:
    const int64_t *start          # the part, by rows
    const int32_t *items
    const int32_t *column         # in the matrix, of each column of the part; -1 for none
    bint by_columns               # whether lines are columns of the matrix
    int64_t *at                   # of each line: how many entries, then where the next one goes
    int32_t *item                 # of each place: the other coordinate,
    int32_t *whose                # and which contribution it is
    int32_t *entry                # of each contribution: its entry of the part
    int64_t count                 # of contributions


cdef void place_term(Lines *x, Py_ssize_t first, Py_ssize_t last, const int64_t *rows,
                     bint counting) noexcept nogil:
    """Put the entries of the part's rows from `first` to `last` into the lines that these are rows
    of (-1: none); `counting`, only count them."""
    cdef Py_ssize_t r
    cdef int64_t j, row, line, k
    cdef int32_t c
    for r in range(first, last):
        row = rows[r - first]
        if row < 0:
            continue
        for j in range(x.start[r], x.start[r + 1]):
            c = x.column[x.items[j]]
            if c < 0:
                continue
            line = c if x.by_columns else row
            if counting:
                x.at[line] += 1
                continue
            k = x.at[line]
            x.at[line] = k + 1
            x.item[k] = <int32_t>row if x.by_columns else c
            x.whose[k] = <int32_t>x.count
            x.entry[x.count] = <int32_t>j
            x.count += 1


def placed_rows(np.ndarray source not None, np.ndarray rows not None, Py_ssize_t size):
    """For each of `size` elements rows[e] of the place e that holds it, that is source[e]; -1 for
    one that is nowhere (all int64)."""
    cdef Py_ssize_t e, n = np.PyArray_SIZE(source)
    cdef np.ndarray held = np.full(size, -1, np.int64)
    cdef int64_t *out = <int64_t *>np.PyArray_DATA(held)
    cdef const int64_t *at, *row
    source = np.ascontiguousarray(source, np.int64)
    rows = np.ascontiguousarray(rows, np.int64)
    if np.PyArray_SIZE(rows) != n or (n and source.max() >= size):
        raise ValueError(f"cdiff: {n} places of {size} elements and {rows.size} rows")
    at = <const int64_t *>np.PyArray_DATA(source)
    row = <const int64_t *>np.PyArray_DATA(rows)
    with nogil:
        for e in range(n):
            if at[e] >= 0:
                out[at[e]] = row[e]
    return held


cdef int sort_line(int32_t *item, int32_t *whose, int64_t n) except -1 nogil:
    """Sort one line, equal ones in the order in which they came."""
    cdef int64_t i, j
    cdef int32_t c, w
    for i in range(1, n):
        if item[i] >= item[i - 1]:
            continue
        if n > SHORT_LINE:
            with gil:
                sort_long_line(item, whose, n)
            return 0
        c = item[i]
        w = whose[i]
        j = i
        while j > 0 and item[j - 1] > c:
            item[j] = item[j - 1]
            whose[j] = whose[j - 1]
            j -= 1
        item[j] = c
        whose[j] = w
    return 0


cdef int sort_long_line(int32_t *item, int32_t *whose, int64_t n) except -1:
    cdef np.ndarray pairs = np.empty((2, n), np.int32)
    memcpy(np.PyArray_DATA(pairs), item, n * sizeof(int32_t))
    memcpy(<int32_t *>np.PyArray_DATA(pairs) + n, whose, n * sizeof(int32_t))
    pairs = np.ascontiguousarray(pairs[:, np.argsort(pairs[0], kind="stable")])
    memcpy(item, np.PyArray_DATA(pairs), n * sizeof(int32_t))
    memcpy(whose, <int32_t *>np.PyArray_DATA(pairs) + n, n * sizeof(int32_t))
    return 0


def structure_of_terms(np.ndarray start not None, np.ndarray items not None,
                       np.ndarray columns not None, list terms not None, Py_ssize_t n_lines,
                       bint by_columns):
    """(start, items, place, entry, ends): the CSR structure (CSC if `by_columns`) of a sum of
    terms.

    A term is (first, last, rows): the entries in these rows of a part, which is in CSR form (int64
    and int32), are added to those rows (int64, -1 for none) of the matrix; `columns` (int32) says
    where its columns belong.  `place` is where each contribution goes and `entry` which of the
    part it is, one term after the other (int32); each term ends at one of `ends`.
    """
    cdef np.ndarray lines = np.zeros(n_lines + 1, np.int64), out_start, room, place
    cdef np.ndarray rows
    cdef list ends = []
    cdef Py_ssize_t line
    cdef int64_t total = 0, low = 0, high, k
    cdef int64_t *to
    cdef int32_t *at
    cdef Lines x
    x.start = <const int64_t *>np.PyArray_DATA(start)
    x.items = <const int32_t *>np.PyArray_DATA(items)
    x.column = <const int32_t *>np.PyArray_DATA(columns)
    x.by_columns = by_columns
    x.at = <int64_t *>np.PyArray_DATA(lines)
    x.item = x.whose = x.entry = NULL
    for first, last, rows in terms:
        place_term(&x, first, last, <const int64_t *>np.PyArray_DATA(rows), True)
    for line in range(n_lines):
        total, x.at[line] = total + x.at[line], total
    if total > 0x7FFFFFF0:
        raise MemoryError(f"cdiff: a sparse matrix of {total} entries; at most 2**31 are supported")
    room = np.empty((3, total), np.int32)
    x.item = <int32_t *>np.PyArray_DATA(room)
    x.whose = x.item + total
    x.entry = x.whose + total
    x.count = 0
    for first, last, rows in terms:
        place_term(&x, first, last, <const int64_t *>np.PyArray_DATA(rows), False)
        ends.append(x.count)
    out_start = np.zeros(n_lines + 1, np.int64)
    to = <int64_t *>np.PyArray_DATA(out_start)
    place = np.empty(total, np.int32)
    at = <int32_t *>np.PyArray_DATA(place)
    total = 0
    with nogil:
        for line in range(n_lines):
            high = x.at[line]
            sort_line(x.item + low, x.whose + low, high - low)
            for k in range(low, high):
                # What is read lies at or behind what is written.
                if k == low or x.item[k] != x.item[total - 1]:
                    x.item[total] = x.item[k]
                    total += 1
                at[x.whose[k]] = <int32_t>(total - 1)
            to[line + 1] = total
            low = high
    return out_start, room[0, :total].copy(), place, room[2], ends


def constant_values(Program p not None):
    """Which values (booleans) depend neither on inputs nor on arrays that somebody may change."""
    cdef np.ndarray out = np.zeros(p.count, np.uint8)
    cdef uint8_t *fixed = <uint8_t *>np.PyArray_DATA(out)
    cdef set changing = {id(copy) for copy, _ in p.refreshed}
    cdef int32_t *operands = NULL
    cdef Py_ssize_t i
    cdef int k
    cdef Instr *x
    check_ready(p)
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
    check_ready(p)
    for v in (*roots, *outputs):
        if not 0 <= v < p.count:
            raise ValueError(f"there is no value {v} in a program of {p.count}")
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
