# Adjoint kernels that a sweep puts off, so that several of them go through the
# cache together.
#
# Knows addresses of elementwise kernels' operands, nothing of the graph; must not
# know what an operator is.  Fast because large arrays are limited by memory: what
# one kernel of a stretch of elementwise operations has read or written is in the
# cache when the next one wants it.  The calls of each element stay in their order,
# so nothing else changes.

cdef inline bint puts_off(Sweep *s, const Arr *out) noexcept nogil:
    return s.puts_off and out.size >= NOGIL_SIZE


cdef int put_off(Sweep *s, Py_ssize_t size, adj_fn kernel, double *out, const Source *g,
                 const Source *a, const Source *b, const double *y, int accumulate) except -1:
    """Note a call for arrays of `size` elements."""
    cdef AdjointCall *c
    if s.n_calls == WAITING_CALLS or s.n_calls and s.calls_size != size:
        catch_up(s)
    s.calls_size = size
    c = &s.calls[s.n_calls]
    c.kernel = kernel
    c.out = out
    c.y = y
    c.g = g[0]
    c.a = a[0]
    c.b = b[0]
    c.accumulate = accumulate
    s.n_calls += 1
    return 0


cdef int drop_later(Sweep *s, PyObject **value) except -1:
    """Drop a cotangent that was handed on: later, if calls that wait read it."""
    cdef PyObject *o = value[0]
    value[0] = NULL
    if o == NULL:                 # its memory was taken over
        return 0
    if s.n_calls and Py_REFCNT(o) == 1:
        s.kept[s.n_kept] = o
        s.n_kept += 1
        if s.n_kept == WAITING_ARRAYS:
            catch_up(s)
    else:
        Py_DECREF(<object>o)
    return 0


cdef int catch_up(Sweep *s) except -1:
    """Make the calls that wait."""
    if s.n_calls:
        with nogil:
            run_calls(s.calls, s.n_calls, s.calls_size)
        s.n_calls = 0
    drop_kept(s)
    return 0


cdef void run_calls(const AdjointCall *calls, int count, Py_ssize_t size) noexcept nogil:
    """From the end, where the forward pass has left its data in the cache."""
    cdef Py_ssize_t block, start, n, blocks = (size + STRETCH - 1) // STRETCH
    cdef const AdjointCall *c
    cdef int i
    for block in range(blocks):
        start = fallen(block, blocks, STRETCH) * STRETCH
        n = size - start if size - start < STRETCH else STRETCH
        for i in range(count):
            c = &calls[i]
            c.kernel(n, c.out + start, c.g.data + start * c.g.stride,
                     c.a.data + start * c.a.stride, c.b.data + start * c.b.stride, c.y + start,
                     c.g.stride, c.a.stride, c.b.stride, c.accumulate)
