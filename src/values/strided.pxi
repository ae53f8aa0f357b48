# Moving numbers between memory of different strides.
#
# Knows pointers, shapes and strides of float64 data; it must not know nodes'
# meaning.  Fast because axes that both sides walk as one are merged, and because
# the innermost loop is a memcpy or a vector kernel wherever the strides allow.

cdef enum:
    TILE_COLUMNS = 128            # of PANEL_ROWS rows: a tile takes a quarter of the nearest cache

cdef enum Move:
    MOVE_COPY
    MOVE_ADD

# A move over at most MAX_NDIM axes, outermost first; strides in bytes.
cdef struct Path:
    int ndim
    Py_ssize_t shape[MAX_NDIM]
    Py_ssize_t to[MAX_NDIM]
    Py_ssize_t source[MAX_NDIM]


cdef void move_row(Move how, Py_ssize_t n, char *to, Py_ssize_t dt, const char *source,
                   Py_ssize_t ds) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    if how == MOVE_ADD:
        if dt == 8 and (ds == 8 or ds == 0):
            KERNELS.value[OP_ADD](n, <double *>to, <double *>to, <const double *>source, 1, ds != 0)
        else:
            for i in range(n):
                (<double *>(to + i * dt))[0] += (<const double *>(source + i * ds))[0]
    elif dt == 8 and ds == 8:
        copy_bytes(to, source, n * sizeof(double))
    elif dt == 8 and ds == 0:
        KERNELS.value[OP_POSITIVE](n, <double *>to, <const double *>source, NULL, 0, 0)
    elif dt == 8 and ds == -8:
        copy_backwards(n, <double *>to, <const double *>source)
    elif ds == 0:
        v = (<const double *>source)[0]
        for i in range(n):
            (<double *>(to + i * dt))[0] = v
    else:
        for i in range(n):
            (<double *>(to + i * dt))[0] = (<const double *>(source + i * ds))[0]


cdef void add_crossed(Py_ssize_t rows, Py_ssize_t n, char *to, Py_ssize_t down, const char *source,
                      Py_ssize_t along) noexcept nogil:
    """Add columns to rows, by tiles that are turned in the nearest cache."""
    cdef double tile[PANEL_ROWS * TILE_COLUMNS]
    cdef Py_ssize_t row, panel, column, height, width, i
    cdef double *out
    for panel in range((rows + PANEL_ROWS - 1) // PANEL_ROWS):
        row = panel * PANEL_ROWS
        height = rows - row if rows - row < PANEL_ROWS else PANEL_ROWS
        column = 0
        while column < n:
            width = n - column if n - column < TILE_COLUMNS else TILE_COLUMNS
            copy_crossed(height, width, <char *>tile, width * sizeof(double),
                         source + row * 8 + column * along, along, HAS_AVX2)
            for i in range(height):
                out = <double *>(to + (row + i) * down) + column
                KERNELS.value[OP_ADD](width, out, out, tile + i * width, 1, 1)
            column += width


cdef void move_from(Move how, const Path *p, int axis, char *to, const char *source) noexcept nogil:
    """The move over the axes from `axis` on."""
    cdef Py_ssize_t i
    if axis == p.ndim - 1:
        move_row(how, p.shape[axis], to, p.to[axis], source, p.source[axis])
        return
    if axis == p.ndim - 2 and p.to[axis + 1] == 8 and is_crossed(p.source, axis + 1):
        if how == MOVE_ADD:
            add_crossed(p.shape[axis], p.shape[axis + 1], to, p.to[axis], source,
                        p.source[axis + 1])
        else:
            copy_crossed(p.shape[axis], p.shape[axis + 1], to, p.to[axis], source,
                         p.source[axis + 1], HAS_AVX2)
        return
    for i in range(p.shape[axis]):
        move_from(how, p, axis + 1, to, source)
        to += p.to[axis]
        source += p.source[axis]


cdef bint find_path(Path *p, const Arr *to, const Arr *source) noexcept nogil:
    """The path from `source`, broadcast, to `to`; False where the shapes do not fit."""
    cdef int i, k, shift = to.ndim - source.ndim
    cdef Py_ssize_t stride
    if shift < 0:
        return False
    k = -1
    for i in range(to.ndim):
        stride = 0
        if i >= shift and source.dims[i - shift] != 1:
            if source.dims[i - shift] != to.dims[i]:
                return False
            stride = source.dims[source.ndim + i - shift]
        if to.dims[i] == 1:
            continue
        # Does the axis before step over exactly this one, on both sides?
        if k >= 0 and p.to[k] == to.dims[to.ndim + i] * to.dims[i] \
                and p.source[k] == stride * to.dims[i]:
            p.shape[k] *= to.dims[i]
        else:
            k += 1
            p.shape[k] = to.dims[i]
        p.to[k] = to.dims[to.ndim + i]
        p.source[k] = stride
    if k < 0:
        k = 0
        p.shape[0] = 1
        p.to[0] = p.source[0] = 0
    p.ndim = k + 1
    columns_last(p)
    return True


cdef void columns_last(Path *p) noexcept nogil:
    """The axis along which the source lies in memory, if not the last one, becomes the one before:
    its columns are rows of the other side."""
    cdef int k, to = p.ndim - 2
    if p.source[to + 1] == 8 or p.source[to + 1] == 0:
        return
    for k in range(to):
        if p.source[k] == 8:
            swap(&p.shape[k], &p.shape[to])
            swap(&p.to[k], &p.to[to])
            swap(&p.source[k], &p.source[to])
            return


cdef inline void swap(Py_ssize_t *a, Py_ssize_t *b) noexcept nogil:
    cdef Py_ssize_t t = a[0]
    a[0] = b[0]
    b[0] = t


cdef void move_falling(Move how, const Path *p, char *to, const char *source) noexcept nogil:
    """The move in long stretches from the last one on, if there is but one axis."""
    cdef Path some = p[0]
    cdef Py_ssize_t start = p.shape[0]
    if p.ndim > 1:
        move_from(how, p, 0, to, source)
        return
    while start > 0:
        some.shape[0] = start - (start - 1) // LONG_STRETCH * LONG_STRETCH
        start -= some.shape[0]
        move_from(how, &some, 0, to + start * p.to[0], source + start * p.source[0])


cdef bint move(Move how, Arr *to, const Arr *source, bint falling=False) noexcept:
    """Copy or add a broadcast source; False where only NumPy can (other types, shapes that differ).

    The two must not overlap.  `falling`: from the end on.
    """
    cdef Path p
    if to.typenum != NPY_DOUBLE or source.typenum != NPY_DOUBLE or not find_path(&p, to, source):
        return False
    if to.size < NOGIL_SIZE:
        if to.size:
            move_from(how, &p, 0, to.data, source.data)
    else:
        with nogil:
            if falling:
                move_falling(how, &p, to.data, source.data)
            else:
                move_from(how, &p, 0, to.data, source.data)
    return True
