# Rows at positions: what a gather, a scatter-add, or a group that reads by index goes through.
#
# Knows where positions lie, and kernels for rows; it must not know what reads the rows.  Fast
# because positions are read where they are, and because a group takes the rows of a block straight
# into lanes: no table of gathered rows goes through memory.

cdef enum:
    SOME_POSITIONS = 512          # that are copied together where they do not lie side by side

# Positions: where they are, and of which table.
cdef struct Taking:
    int32_t base
    Py_ssize_t offset, step       # of the first one; bytes from one to the next
    Py_ssize_t n
    Py_ssize_t count, row         # rows of the table, and numbers in each


cdef const int64_t *positions_at(const Taking *t, char **bases, Py_ssize_t first, Py_ssize_t n,
                                 int64_t *room) noexcept nogil:
    """Some positions side by side: where they lie, or copied to `room`."""
    cdef const char *p = bases[t.base] + t.offset + first * t.step
    cdef Py_ssize_t i
    if t.step == sizeof(int64_t):
        return <const int64_t *>p
    for i in range(n):
        room[i] = (<const int64_t *>(p + i * t.step))[0]
    return room


cdef bint are_positions_inside(const Taking *t, char **bases) noexcept nogil:
    cdef int64_t room[SOME_POSITIONS]
    cdef int64_t rows[SOME_POSITIONS]
    cdef Py_ssize_t i = 0, n
    while i < t.n:
        n = t.n - i if t.n - i < SOME_POSITIONS else SOME_POSITIONS
        if KERNELS.positions(n, t.count, rows, positions_at(t, bases, i, n, room)) < 0:
            return False
        i += n
    return True


cdef bint move_rows(const Taking *t, char **bases, const double *p, double *out,
                    bint added) noexcept nogil:
    """All rows: taken from the table p, or those in p added to the table `out`; False where a
    position is outside."""
    cdef int64_t room[SOME_POSITIONS]
    cdef const int64_t *at
    cdef Py_ssize_t i = 0, n
    while i < t.n:
        n = t.n - i
        if t.step != sizeof(int64_t) and n > SOME_POSITIONS:
            n = SOME_POSITIONS
        at = positions_at(t, bases, i, n, room)
        if not (KERNELS.scatter(n, t.count, t.row, at, p + i * t.row, out) if added
                else KERNELS.take(n, t.count, t.row, at, p, out + i * t.row, NULL)):
            return False
        i += n
    return True


cdef void take_block(const Taking *t, char **bases, const double *table, Py_ssize_t start,
                     Py_ssize_t n, double *out) noexcept nogil:
    """Numbers start to start + n - 1 of all rows one after the other; the positions are inside."""
    cdef int64_t room[MAX_BLOCK + 2]
    cdef const int64_t *at
    cdef Py_ssize_t first = start // t.row, skip = start % t.row, some
    at = positions_at(t, bases, first, (start + n - 1) // t.row - first + 1, room)
    if skip:
        some = t.row - skip if t.row - skip < n else n
        take_piece(t, at, table, skip, some, out)
        at += 1
        out += some
        n -= some
    some = n // t.row
    KERNELS.take(some, t.count, t.row, at, table, out, NULL)
    if n > some * t.row:
        take_piece(t, at + some, table, 0, n - some * t.row, out + some * t.row)


cdef inline void take_piece(const Taking *t, const int64_t *at, const double *table,
                            Py_ssize_t skip, Py_ssize_t n, double *out) noexcept nogil:
    """A part of one row, looked at again: positions may change while they are read."""
    cdef int64_t row
    if KERNELS.positions(1, t.count, &row, at) >= 0:
        memcpy(out, table + row * t.row + skip, n * sizeof(double))


cdef int raise_outside(const Taking *t, char **bases) except -1:
    """NumPy's error for the first position that is out of range."""
    cdef int64_t room
    cdef Py_ssize_t i
    for i in range(t.n):
        room = positions_at(t, bases, i, 1, &room)[0]
        if not -t.count <= room < t.count:
            raise_out_of_bounds(room, t.count, 0)
    raise IndexError("a position was out of range while it was read")
