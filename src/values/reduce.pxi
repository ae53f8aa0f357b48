# Reductions and gathers: their values.
#
# Knows strided memory; derivatives live in the table.  Fast because contiguous
# float64 arrays are seen as (outer, n, inner) and reduced over the middle by
# vector kernels, without the microseconds of a NumPy call; other layouts and
# types go to NumPy.  Sums are pairwise, as accurate as NumPy's.

cdef enum:
    FEW_ROWS = 8                  # that are reduced one by one, however short

# A contiguous array whose reduced axes are neighbours, as three axes.
cdef struct Layout:
    Py_ssize_t outer
    Py_ssize_t n
    Py_ssize_t inner

cdef object NP_ADD = np.add, NP_MULTIPLY = np.multiply
cdef object NP_MAXIMUM = np.maximum, NP_MINIMUM = np.minimum


cdef bint find_layout(Arr *r, tuple axes, Layout *out) except -1:
    """Is this the simple case?  Then its three axes, none of them empty."""
    cdef Py_ssize_t i, first, count = len(axes)
    if r.typenum != NPY_DOUBLE or not r.flags & ARR_CONTIGUOUS or not count or r.size == 0:
        return False
    first = axes[0]
    if <Py_ssize_t>axes[count - 1] - first + 1 != count:
        return False
    out.outer = out.n = out.inner = 1
    for i in range(r.ndim):
        if i < first:
            out.outer *= ARR_SHAPE(r)[i]
        elif i < first + count:
            out.n *= ARR_SHAPE(r)[i]
        else:
            out.inner *= ARR_SHAPE(r)[i]
    return True


cdef Array reduced_array(Arr *r, tuple axes, bint keepdims, int typenum):
    """An uninitialised array of a reduction's shape."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef int i, k = 0, ndim = 0
    for i in range(r.ndim):
        if k < <int>len(axes) and <int>axes[k] == i:
            k += 1
            if keepdims:
                shape[ndim] = 1
                ndim += 1
        else:
            shape[ndim] = ARR_SHAPE(r)[i]
            ndim += 1
    return new_array(ndim, shape, typenum)


cdef void reduce_loop(int row, int op, const Layout *s, const double *p,
                      double *out) noexcept nogil:
    """out[i, k] = p[i, 0, k] (op) p[i, 1, k] (op) ... for all i, k."""
    cdef Py_ssize_t i
    if s.inner == 1 and s.n <= SHORT_ROW and s.outer >= FEW_ROWS:
        reduce_short(op, s.outer, s.n, p, out)
        return
    for i in range(s.outer):
        if s.inner == 1:
            out[i] = KERNELS.row[row](s.n, p + i * s.n)
        else:
            reduce_columns(op, s.n, s.inner, p + i * s.n * s.inner, out + i * s.inner)


cdef void reduce_short(int op, Py_ssize_t rows, Py_ssize_t n, const double *p,
                       double *out) noexcept nogil:
    """Of each of many short rows, in the order of a row: blocks of columns, taken in one by one."""
    cdef double column[BLOCK]
    cdef Py_ssize_t start = 0, most = 4 * BLOCK // n, m, j
    most = most if most < BLOCK else BLOCK
    while start < rows:
        m = rows - start if rows - start < most else most
        gather_row(<const char *>p, n * sizeof(double), 8, m, out)
        for j in range(1, n):
            gather_row(<const char *>(p + j), n * sizeof(double), 8, m, column)
            KERNELS.value[op](m, out, out, column, 1, 1)
        p += m * n
        out += m
        start += m


cdef void reduce_columns(int op, Py_ssize_t n, Py_ssize_t inner, const double *p,
                         double *out) noexcept nogil:
    """Of the columns of one matrix.  Several short rows are taken in as a long one, whose parts are
    put together in the end."""
    cdef double wide[BLOCK]
    cdef double *into = out
    cdef Py_ssize_t rows = 1, j
    while 2 * rows * inner <= BLOCK and 4 * rows <= n:
        rows *= 2
    if rows > 1:
        into = wide
    memcpy(into, p, rows * inner * sizeof(double))
    for j in range(1, n // rows):
        KERNELS.value[op](rows * inner, into, into, p + j * rows * inner, 1, 1)
    if n % rows:
        KERNELS.value[op](n % rows * inner, into, into, p + (n - n % rows) * inner, 1, 1)
    while rows > 1:
        rows //= 2
        KERNELS.value[op](rows * inner, into, into, into + rows * inner, 1, 1)
    if into != out:
        memcpy(out, into, inner * sizeof(double))


cdef Array reduce_value(int row, int op, object ufunc, Array a, object attrs):
    """By a kernel for rows, by one that takes in a row element by element, or by NumPy."""
    cdef Layout s
    cdef Arr *r
    cdef Array y
    cdef tuple axes = attrs[0]
    cdef Py_ssize_t first
    a = as_block(a)
    r = N(a).arr
    if not find_layout(r, axes, &s):
        first = last_neighbours(axes)
        if first and is_plain(r) and r.size:
            return reduced_apart(row, op, ufunc, a, axes, first, attrs[1])
        return wrap_result(ufunc.reduce(ndarray_of(a), axis=axes, keepdims=bool(attrs[1])))
    if <int>len(axes) == r.ndim and r.size < NOGIL_SIZE and not attrs[1]:
        y = scalar(KERNELS.row[row](s.n, <double *>r.data))
    else:
        y = reduced_array(r, axes, attrs[1], NPY_DOUBLE)
        run_reduction(row, op, &s, <double *>r.data, <double *>N(y).arr.data)
    if float_errors():
        return told_value(y, ufunc.reduce, (ndarray_of(a), axes))
    return y


cdef Py_ssize_t last_neighbours(tuple axes) except -1:
    """Where among ascending axes the last ones begin that are neighbours; 0 if all are."""
    cdef Py_ssize_t k = len(axes) - 1
    while k > 0 and <Py_ssize_t>axes[k] == <Py_ssize_t>axes[k - 1] + 1:
        k -= 1
    return k if k > 0 else 0


cdef Array reduced_apart(int row, int op, object ufunc, Array a, tuple axes, Py_ssize_t first,
                         bint keepdims):
    """Over axes that are not neighbours: the last ones that are, then the rest of them."""
    shape = shape_tuple(a)
    a = reduce_value(row, op, ufunc, a, (axes[first:], True))
    a = reduce_value(row, op, ufunc, a, (axes[:first], True))
    if keepdims:
        return a
    return value_reshape(a, None, (tuple([n for i, n in enumerate(shape) if i not in axes]),))


cdef void run_reduction(int row, int op, const Layout *s, const double *p, double *out) noexcept:
    if s.outer * s.n * s.inner < NOGIL_SIZE:
        reduce_loop(row, op, s, p, out)
    else:
        with nogil:
            reduce_loop(row, op, s, p, out)


cdef Array wrap_result(object x):
    """NumPy's answer, which may be a scalar, as a node."""
    return wrap_ndarray(np.asarray(x))


cdef Array value_sum(Array a, list operands, object attrs):
    return reduce_value(ROW_SUM, OP_ADD, NP_ADD, a, attrs)


cdef Array value_prod(Array a, list operands, object attrs):
    return reduce_value(ROW_PROD, OP_MULTIPLY, NP_MULTIPLY, a, attrs)


cdef Array value_max(Array a, list operands, object attrs):
    return reduce_value(ROW_MAX, OP_MAXIMUM, NP_MAXIMUM, a, attrs)


cdef Array value_min(Array a, list operands, object attrs):
    return reduce_value(ROW_MIN, OP_MINIMUM, NP_MINIMUM, a, attrs)


cdef Array value_sum_to(Array a, list operands, object attrs):
    """Sum over the axes along which `shape` was broadcast."""
    cdef tuple shape = attrs[0]
    cdef int i, extra
    cdef list axes
    a = as_block(a)
    extra = ndim_of(a) - len(shape)
    axes = list(range(extra))
    for i in range(<int>len(shape)):
        if shape[i] == 1 and ARR_SHAPE(N(a).arr)[i + extra] != 1:
            axes.append(i + extra)
    a = reduce_value(ROW_SUM, OP_ADD, NP_ADD, a, (tuple(axes), False))
    return value_reshape(a, None, attrs)


cdef Array shares(Array a, Array top, tuple axes):
    """The share that each element has in the extreme over axes: those equal to it share evenly,
    or those that are nan if there are any.  A constant, for it changes in jumps only."""
    cdef Layout s
    cdef Array y
    cdef Arr *r
    if is_traced_value(innermost(a)):
        return traced_shares(stopped(a), stopped(top), axes)
    a = as_block(innermost(a))
    top = as_block(innermost(top))
    r = N(a).arr
    if find_layout(r, axes, &s) and N(top).arr.flags & ARR_CONTIGUOUS:
        y = new_array(r.ndim, ARR_SHAPE(r), NPY_DOUBLE)
        with nogil:
            if s.inner == 1:
                shares_loop(&s, <double *>r.data, <double *>N(top).arr.data,
                            <double *>N(y).arr.data)
            else:
                shares_of_columns(&s, <double *>r.data, <double *>N(top).arr.data,
                                  <double *>N(y).arr.data)
        return y
    x = ndarray_of(a)
    holders = (x == ndarray_of(top).reshape(kept_shape(shape_tuple(a), axes))) | np.isnan(x)
    return wrap_result((holders / holders.sum(axis=axes, keepdims=True)).astype(x.dtype))


cdef Array traced_shares(Array a, Array top, tuple axes):
    """The same by operators that a program records."""
    cdef tuple kept = kept_shape(shape_tuple(a), axes)
    cdef Array equal = traced_question(OP_EQUAL, a, apply_reshape(top, kept))
    cdef Array held = where3(traced_question(OP_ISNAN, a, None), scalar(1.0), scalar(0.0))
    held = apply_cast(where3(equal, scalar(1.0), held), typenum_of(a))
    return ew2(OP_DIVIDE, held, apply_reshape(apply(OP_SUM, [held], (axes, False)), kept))


cdef void shares_loop(const Layout *s, const double *p, const double *top,
                      double *out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double count, t
    for i in range(s.outer):
        t = top[i]
        KERNELS.value[OP_EQUAL](s.n, out, p, &t, 1, 0)
        count = KERNELS.row[ROW_SUM](s.n, out)
        if count == 0.0:
            KERNELS.value[OP_ISNAN](s.n, out, p, NULL, 1, 0)
            count = KERNELS.row[ROW_SUM](s.n, out)
        if count != 1.0:
            KERNELS.value[OP_DIVIDE](s.n, out, out, &count, 1, 0)
        p += s.n
        out += s.n


cdef void shares_of_columns(const Layout *s, const double *p, const double *top,
                            double *out) noexcept nogil:
    """The same where the reduced axis is not the last one: rows of a block of columns."""
    cdef Py_ssize_t i, start, m
    for i in range(s.outer):
        start = 0
        while start < s.inner:
            m = s.inner - start if s.inner - start < BLOCK else BLOCK
            shares_of_some(s, m, p + start, top + start, out + start)
            start += m
        p += s.n * s.inner
        out += s.n * s.inner
        top += s.inner


cdef void shares_of_some(const Layout *s, Py_ssize_t m, const double *p, const double *top,
                         double *out) noexcept nogil:
    """m columns of at most BLOCK."""
    cdef double counts[BLOCK]
    cdef Py_ssize_t j
    cdef bint alone = True, missing = False
    count_holders(s, m, p, top, out, counts)
    for j in range(m):
        missing = missing or counts[j] == 0.0
    if missing:
        nans_for_holders(s, m, p, out, counts)
    for j in range(m):
        alone = alone and counts[j] == 1.0
    if not alone:
        for j in range(s.n):
            KERNELS.value[OP_DIVIDE](m, out, out, counts, 1, 1)
            out += s.inner


cdef void count_holders(const Layout *s, Py_ssize_t m, const double *p, const double *top,
                        double *out, double *counts) noexcept nogil:
    """1 in the rows of `out` where the elements of m columns equal the top, and how many do."""
    cdef Py_ssize_t j
    memset(counts, 0, m * sizeof(double))
    for j in range(s.n):
        KERNELS.value[OP_EQUAL](m, out, p, top, 1, 1)
        KERNELS.value[OP_ADD](m, counts, counts, out, 1, 1)
        p += s.inner
        out += s.inner


cdef void nans_for_holders(const Layout *s, Py_ssize_t m, const double *p, double *out,
                           double *counts) noexcept nogil:
    """In columns where nothing equals the top, because it is nan, the nans hold it."""
    cdef Py_ssize_t j, k
    for k in range(m):
        if counts[k] == 0.0:
            for j in range(s.n):
                out[j * s.inner + k] = 1.0 if p[j * s.inner + k] != p[j * s.inner + k] else 0.0
                counts[k] += out[j * s.inner + k]


cdef Array value_logsumexp(Array a, list operands, object attrs):
    """max-shifted: m + log(sum(exp(a - m))), with infinite maxima passed through."""
    cdef Layout s
    cdef Arr *r
    cdef Array y
    cdef np.ndarray x
    a = as_block(a)
    r = N(a).arr
    if r.typenum == NPY_FLOAT:
        y = value_logsumexp(value_cast(a, None, (NPY_DOUBLE,)), None, attrs)
        return value_cast(y, None, (NPY_FLOAT,))
    if find_layout(r, attrs[0], &s):
        y = reduced_array(r, attrs[0], attrs[1], NPY_DOUBLE)
        with nogil:
            logsumexp_loop(&s, <double *>r.data, <double *>N(y).arr.data)
        return y
    x = ndarray_of(a)
    top = np.maximum.reduce(x.real, axis=attrs[0], keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0.0).astype(x.real.dtype)
    with np.errstate(divide="ignore", over="ignore"):
        out = np.log(np.add.reduce(np.exp(x - shift), axis=attrs[0], keepdims=True)) + shift
    return wrap_result(out if attrs[1] else np.squeeze(out, axis=attrs[0]))


cdef void logsumexp_loop(const Layout *s, const double *p, double *out) noexcept nogil:
    cdef Py_ssize_t i, start, m
    for i in range(s.outer):
        if s.inner == 1:
            out[i] = logsumexp_row(s.n, p)
            p += s.n
            continue
        start = 0
        while start < s.inner:
            m = least(s.inner - start, BLOCK)
            logsumexp_columns(s, m, p + start, out + start)
            start += m
        p += s.n * s.inner
        out += s.inner


cdef double logsumexp_row(Py_ssize_t n, const double *p) noexcept nogil:
    cdef double buffer[BLOCK]
    cdef double top = finite_or_zero(KERNELS.row[ROW_MAX](n, p))
    cdef double total = 0.0
    cdef Py_ssize_t m, start = 0
    while start < n:
        m = least(n - start, BLOCK)
        KERNELS.value[OP_SUBTRACT](m, buffer, p + start, &top, 1, 0)
        KERNELS.value[OP_EXP](m, buffer, buffer, NULL, 1, 0)
        total += KERNELS.row[ROW_SUM](m, buffer)
        start += m
    return top + SCALAR_VALUE[OP_LOG](total, 0.0)


cdef void logsumexp_columns(const Layout *s, Py_ssize_t m, const double *p,
                            double *out) noexcept nogil:
    """m columns, of at most a block.  Where these are all, some rows are handled as one."""
    cdef double top[BLOCK]
    cdef double total[BLOCK]
    cdef double buffer[BLOCK]
    cdef Py_ssize_t k, n, j = 0, width = m, step = s.inner, end = (s.n - 1) * step + m
    if m == step:
        width = step = m * least(s.n, BLOCK // m)
    for k in range(width):
        top[k] = -INFINITY
        total[k] = 0.0
    while j < end:
        KERNELS.value[OP_MAXIMUM](least(width, end - j), top, top, p + j, 1, 1)
        j += step
    for k in range(m, width):         # a nan that is lost here comes back with the sums
        if top[k] > top[k % m]:
            top[k % m] = top[k]
    for k in range(m):
        top[k] = finite_or_zero(top[k])
    for k in range(m, width):
        top[k] = top[k - m]
    j = 0
    while j < end:
        n = least(width, end - j)
        KERNELS.value[OP_SUBTRACT](n, buffer, p + j, top, 1, 1)
        KERNELS.value[OP_EXP](n, buffer, buffer, NULL, 1, 0)
        KERNELS.value[OP_ADD](n, total, total, buffer, 1, 1)
        j += step
    for k in range(m, width):
        total[k % m] += total[k]
    KERNELS.value[OP_LOG](m, out, total, NULL, 1, 0)
    KERNELS.value[OP_ADD](m, out, out, top, 1, 1)


cdef inline Py_ssize_t least(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b


cdef inline double finite_or_zero(double x) noexcept nogil:
    return x if -INFINITY < x < INFINITY else 0.0


cdef Array value_norm2(Array a, list operands, object attrs):
    """Euclidean norm over axes, scaled where overflow or underflow would spoil it."""
    cdef Layout s
    cdef Arr *r
    cdef Array y
    a = as_block(a)
    r = N(a).arr
    if r.typenum == NPY_FLOAT:
        y = value_norm2(value_cast(a, None, (NPY_DOUBLE,)), None, attrs)
        return value_cast(y, None, (NPY_FLOAT,))
    if find_layout(r, attrs[0], &s) and s.inner == 1:
        y = reduced_array(r, attrs[0], attrs[1], NPY_DOUBLE)
        if norm2_loop(&s, <double *>r.data, <double *>N(y).arr.data):
            return y
    elif r.typenum == NPY_DOUBLE and r.size:
        y = array_value(OP_SQUARE, a, None)
        need(y)
        y = contiguous(as_block(value_sum(y, None, attrs)))
        if roots_of_squares(N(y).arr.size, <double *>N(y).arr.data):
            return y
    return scaled_norm2(ndarray_of(a), attrs)


cdef inline bint is_usual_square(double total) noexcept nogil:
    return 1e-290 < total < 1e300


cdef bint roots_of_squares(Py_ssize_t n, double *totals) noexcept nogil:
    """In place; False if one of them needs the scaled formula."""
    cdef Py_ssize_t i
    for i in range(n):
        if not is_usual_square(totals[i]):
            return False
    KERNELS.value[OP_SQRT](n, totals, totals, NULL, 1, 0)
    return True


cdef bint norm2_loop(const Layout *s, const double *p, double *out) noexcept nogil:
    """Norms of rows; False if one of them needs the scaled formula."""
    cdef double total
    cdef Py_ssize_t i
    for i in range(s.outer):
        total = KERNELS.row[ROW_SQUARES](s.n, p)
        if not is_usual_square(total):
            return False
        out[i] = SCALAR_VALUE[OP_SQRT](total, 0.0)
        p += s.n
    return True


cdef Array scaled_norm2(np.ndarray x, object attrs):
    scale = np.maximum.reduce(np.abs(x), axis=attrs[0], keepdims=True, initial=0.0)
    safe = np.where((scale > 0) & np.isfinite(scale), scale, 1.0).astype(x.real.dtype)
    out = np.sqrt(np.add.reduce(np.square(np.abs(x) / safe), axis=attrs[0], keepdims=True)) * safe
    return wrap_result(out if attrs[1] else np.squeeze(out, axis=attrs[0]))


# ---------------------------------------------------------------- gathers

cdef Py_ssize_t row_size(const Arr *r, int first) noexcept nogil:
    """Elements in a row: the product of the extents from axis `first` on."""
    cdef Py_ssize_t m = 1
    cdef int i
    for i in range(first, r.ndim):
        m *= ARR_SHAPE(r)[i]
    return m


cdef Array value_gather(Array a, list operands, object attrs):
    """a[idx] for positions idx of any shape along the first axis."""
    cdef Array y, idx = contiguous(<Array>operands[1])
    cdef Arr *at = N(idx).arr
    if not is_plain(N(a).arr) or at.ndim + N(a).arr.ndim > MAX_NDIM:
        return wrap_result(np.take(ndarray_of(a), ndarray_of(idx), axis=0))
    y = rows_at(N(a).arr, at.ndim, ARR_SHAPE(at), <const int64_t *>at.data, NULL)
    if y is None:
        checked_rows(ndarray_of(idx), ARR_SHAPE(N(a).arr)[0])          # which raises the error
    return y


cdef Array rows_at(const Arr *r, int lead, const Py_ssize_t *dims, const int64_t *at,
                   int64_t *kept):
    """The rows of r at positions of shape `dims`; None if one is outside.

    The positions, from the front, are left in `kept`, unless it is NULL.
    """
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Py_ssize_t m = row_size(r, 1), count = 1
    cdef Array y
    cdef bint inside
    cdef int i
    for i in range(lead):
        shape[i] = dims[i]
        count *= dims[i]
    for i in range(1, r.ndim):
        shape[lead + i - 1] = ARR_SHAPE(r)[i]
    y = new_array(lead + r.ndim - 1, shape, NPY_DOUBLE)
    with nogil:
        inside = KERNELS.take(count, ARR_SHAPE(r)[0], m, at, <const double *>r.data,
                              <double *>N(y).arr.data, kept)
    return y if inside else None


cdef Array value_scatter_add(Array a, list operands, object attrs):
    """Zeros to whose rows idx the rows of g are added; attrs[0] of them."""
    cdef Py_ssize_t shape[MAX_NDIM]
    cdef Array out, g = as_block(a), idx = <Array>operands[1]
    cdef int i, lead = ndim_of(idx), ndim = ndim_of(g)
    shape[0] = attrs[0]
    for i in range(lead, ndim):
        shape[1 + i - lead] = ARR_SHAPE(N(g).arr)[i]
    out = zeros_array(1 + ndim - lead, shape, typenum_of(g))
    add_into_rows(out, g, idx)
    return out


cdef int add_into_rows(Array target, Array g, Array idx) except -1:
    """target[idx[i]] += g[i] in place; idx may repeat rows."""
    cdef Array source, index
    cdef Py_ssize_t m
    if typenum_of(target) != NPY_DOUBLE or not N(target).arr.flags & ARR_CONTIGUOUS:
        np.add.at(export(target, NPY_ARRAY_WRITEABLE), ndarray_of(idx), ndarray_of(g))
        return 0
    source = contiguous(as_block(g))
    index = contiguous(as_block(idx))
    m = row_size(N(target).arr, 1)
    if not KERNELS.scatter(N(index).arr.size, ARR_SHAPE(N(target).arr)[0], m,
                           <const int64_t *>N(index).arr.data, <double *>N(source).arr.data,
                           <double *>N(target).arr.data):
        checked_rows(ndarray_of(idx), ARR_SHAPE(N(target).arr)[0])
    return 0
