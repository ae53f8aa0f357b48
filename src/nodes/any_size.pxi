# Blocks of any size: those that are not small, or that the pool has none of.
#
# Knows the size classes of memory.pxi and which of them to empty; it must not know what lies in
# a block.  Cold, so that block_new and block_release, which operations on few elements call, are a
# few instructions and save no registers for what stands here.

cdef int _evicted_from = 0


cdef Arr *block_of_any_size(int ndim, size_t payload) except NULL:
    """block_new where it is large, or none is kept."""
    global _pooled_bytes
    cdef size_t header = header_size(ndim)
    cdef int bucket
    cdef Arr *r
    if payload > <size_t>PY_SSIZE_T_MAX - 4096:
        raise MemoryError("cdiff: array is too large")
    bucket = bucket_of(header + payload)
    r = _free_blocks[bucket]
    if r != NULL:
        _free_blocks[bucket] = r.owner
        _pooled_bytes -= bucket_size(bucket)
    else:
        take_memory(bucket_size(bucket))
        r = block_memory(bucket_size(bucket), header + payload)
        if r == NULL:
            raise MemoryError(f"cdiff: cannot allocate an array of {payload} bytes")
    block_begin(r, ndim, header, bucket)
    return r


cdef void block_of_any_size_released(Arr *r) noexcept:
    """block_release of what is large, or looks at something else that may end with it."""
    global _pooled_bytes
    cdef Arr *owner
    cdef size_t size
    while r != NULL:
        owner = r.owner
        if r.flags & ARR_SNAPSHOT:
            owner.pins -= 1
        if r.base != NULL:
            Py_DECREF(<object>r.base)
        if r.bucket == UNPOOLED:
            cdiff_zeroed_free(r)
        else:
            size = bucket_size(r.bucket)
            if POOLED and _pooled_bytes + size > POOL_LIMIT >= size:
                make_room(size, <int>r.bucket)
            if POOLED and _pooled_bytes + size <= POOL_LIMIT:
                r.owner = _free_blocks[r.bucket]
                _free_blocks[r.bucket] = r
                _pooled_bytes += size
            else:
                free_block(r, <int>r.bucket)
        r = owner
        if r != NULL:
            r.refcnt -= 1
            if r.refcnt > 0:
                return


cdef void make_room(size_t size, int bucket) noexcept:
    """Give blocks of other sizes back to the operating system until `size` bytes can be kept: what
    is released now is more likely to be asked for next."""
    global _pooled_bytes, _evicted_from
    cdef Arr *r
    cdef int empty = 0
    while _pooled_bytes + size > POOL_LIMIT and empty < N_BUCKETS:
        _evicted_from = (_evicted_from + 1) % N_BUCKETS
        empty += 1
        r = _free_blocks[_evicted_from]
        if r != NULL and _evicted_from != bucket:
            empty = 0
            _free_blocks[_evicted_from] = r.owner
            _pooled_bytes -= bucket_size(_evicted_from)
            free_block(r, _evicted_from)
