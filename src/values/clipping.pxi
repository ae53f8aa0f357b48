# clip between two plain numbers as one operator.
#
# Knows that it is minimum(maximum(a, low), high), whose values and partials it takes from the
# kernels of these two; it must not know what they compute.  Fast because each goes over a
# stretch of elements while that is in the nearest cache: large arrays are read and written once
# where two operators would do it twice.  Programs never hold this operator: they fuse the two.

cdef bint is_large_plain(Array a) noexcept:
    """Is this float64 data in C order that no cache near the processor holds twice?"""
    return (N(a).flags & (NODE_ARRAY | NODE_DUAL) == NODE_ARRAY and is_plain(N(a).arr)
            and N(a).arr.size >= NOGIL_SIZE and not is_deferred(a))


cdef Array value_clip(Array a, list operands, object attrs):
    cdef double low = attrs[0], high = attrs[1]
    cdef bint falling
    cdef Array y
    if not is_large_plain(a):
        a = detached(a)
        return ew2(OP_MINIMUM, ew2(OP_MAXIMUM, a, const(low)), const(high))
    y = steal(fresh_like(N(a).arr))
    falling = goes_down()
    with nogil:
        clip_stretches(N(a).arr.size, <double *>N(y).arr.data, <double *>N(a).arr.data, &low,
                       &high, falling)
    return y


cdef void clip_stretches(Py_ssize_t size, double *out, const double *a, const double *low,
                         const double *high, bint falling) noexcept nogil:
    cdef Py_ssize_t block, start, n, blocks = (size + STRETCH - 1) // STRETCH
    for block in range(blocks):
        start = (fallen(block, blocks, STRETCH) if falling else block) * STRETCH
        n = size - start if size - start < STRETCH else STRETCH
        KERNELS.value[OP_MAXIMUM](n, out + start, a + start, low, 1, 0)
        KERNELS.value[OP_MINIMUM](n, out + start, out + start, high, 1, 0)


cdef Array fused_clip_pull(Array g, Array a, object lowest, object highest):
    """g times the partial of clip at `a`, for plain arrays; where clip gave `a` in one go, so does
    this."""
    cdef double low = lowest, high = highest
    cdef Source seed
    cdef Array y
    need(g)
    if not is_large_plain(a) or not find_seed(&seed, N(a), N(g)):
        return chained_clip_pull(g, detached(a), const(low), const(high))
    y = steal(fresh_like(N(a).arr))
    with nogil:
        clip_pull_stretches(N(a).arr.size, <double *>N(y).arr.data, &seed,
                            <double *>N(a).arr.data, &low, &high)
    return y


cdef void clip_pull_stretches(Py_ssize_t size, double *out, const Source *g, const double *a,
                              const double *low, const double *high) noexcept nogil:
    """From the end, where the forward pass has left its data in the cache; stretches where a tie or
    nan calls for the rules of the two operators by these."""
    cdef double inner[STRETCH]
    cdef double same[STRETCH]         # the cotangent, where that is one number
    cdef const double *seed = same
    cdef Py_ssize_t block, start, n, blocks = (size + STRETCH - 1) // STRETCH
    if not g.stride:
        KERNELS.value[OP_POSITIVE](STRETCH, same, g.data, NULL, 0, 0)
    for block in range(blocks):
        start = fallen(block, blocks, STRETCH) * STRETCH
        n = size - start if size - start < STRETCH else STRETCH
        if g.stride:
            seed = g.data + start
        # Compilers make vectors of it only where integers are compared as wide as doubles.
        if HAS_AVX2 and KERNELS.between(n, out + start, seed, a + start, low[0], high[0]):
            continue
        KERNELS.value[OP_MAXIMUM](n, inner, a + start, low, 1, 0)
        KERNELS.adjoint[OP_MINIMUM][0](n, out + start, seed, inner, high, NULL, 1, 1, 0, 0)
        KERNELS.adjoint[OP_MAXIMUM][0](n, out + start, out + start, a + start, low, NULL, 1, 1, 0,
                                       0)


cdef Array chained_clip_pull(Array g, Array a, Array low, Array high):
    """The same one operator after the other."""
    cdef Array inner = ew2(OP_MAXIMUM, a, low)
    g = times_partial(OP_MINIMUM, 0, g, inner, high, None)
    return times_partial(OP_MAXIMUM, 0, g, a, low, None)


cdef Array clip_weights(Array a, double low, double high):
    """The partial of clip at `a`.  A constant, for it changes in jumps only."""
    if is_traced_value(innermost(a)):
        return chained_clip_pull(ones_like_node(a), a, const(low), const(high))
    return fused_clip_pull(ones_like_node(a), innermost(a), low, high)


def clip(a, low, high):
    """Elements of `a` moved to the nearest bound: minimum(maximum(a, low), high)."""
    cdef Array x = as_node(a)
    if type(low) is float and type(high) is float and low == low and high == high \
            and is_large_plain(x) and not (watching or cdiff_tls.tracing or tells()):
        return apply1(OP_CLIP, x, (low, high))
    return ew2(OP_MINIMUM, ew2(OP_MAXIMUM, x, as_node(low)), as_node(high))
