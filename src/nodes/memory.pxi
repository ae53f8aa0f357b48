# Memory: pooled blocks for array values and a freelist for nodes.
#
# Knows sizes and pointers only; it must not know operators, Python objects
# (beyond dropping the reference a borrowed block holds) or shapes' meaning.
# Fast because a block is one allocation with its header in front of its data,
# because freed blocks wait in size classes (a fresh 8 MB result page costs
# 1.9 ms in page faults, a recycled one nothing), and because nodes come from
# cache-line aligned slabs.  Every function here runs with the GIL held.

cdef extern from *:
    """
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    #if defined(_WIN32)
    #include <malloc.h>
    enum { PAGE = 4096 };
    static void *cdiff_aligned_alloc(size_t n) {
        return _aligned_malloc(n, n < 16 * PAGE ? 64 : PAGE);
    }
    static void cdiff_aligned_free(void *p) { _aligned_free(p); }
    #else
    #include <sys/mman.h>
    enum { PAGE = 4096, LARGE_PAGE = 2 << 20 };
    static void *cdiff_aligned_alloc(size_t n) {
        void *p = NULL;
        const size_t line = n < 16 * PAGE ? 64 : n < LARGE_PAGE ? PAGE : LARGE_PAGE;
        return posix_memalign(&p, line, n) == 0 ? p : NULL;
    }
    static void cdiff_aligned_free(void *p) { free(p); }
    #endif
    /* As memcpy, which takes ten times as long on some processors (AMD's Zen 4) where the
       distance is a few bytes more than whole pages, but for pieces too short for their string
       instructions. */
    static inline void cdiff_copy(void *to, const void *from, size_t n) {
        char *p = (char *)to;
        const char *q = (const char *)from;
        if (n >= PAGE && ((uintptr_t)p - (uintptr_t)q - 1) % PAGE < 63) {
            volatile size_t half = PAGE / 2; /* else compilers use these instructions again */
            const size_t piece = half;
            for (; n > piece; n -= piece, p += piece, q += piece)
                memcpy(p, q, piece);
        }
        memcpy(p, q, n);
    }
    /* Pages of 2 MB for what is large: a fresh one is one page fault instead of 512, and to run
     * through memory needs few entries of the table of pages. Only those of which half is used,
     * lest much more memory be used than is asked for. */
    static void cdiff_use_large_pages(void *p, size_t used, size_t size) {
    #if defined(MADV_HUGEPAGE)
        const size_t mask = ~(size_t)(LARGE_PAGE - 1);
        const size_t start = ((size_t)p + LARGE_PAGE - 1) & mask;
        const size_t wanted = ((size_t)p + used + LARGE_PAGE / 2) & mask;
        const size_t whole = ((size_t)p + size) & mask, end = wanted < whole ? wanted : whole;
        if (2 * used >= LARGE_PAGE && end > start)
            (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
    #else
        (void)p, (void)used, (void)size;
    #endif
    }
    /* The size of a block of which so much is used: whole large pages, if that adds a third at
     * most. */
    static size_t cdiff_whole_pages(size_t used, size_t size) {
    #if defined(MADV_HUGEPAGE)
        const size_t whole = (used + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1);
        return whole > size && whole - used <= used / 3 ? whole : size;
    #else
        (void)used;
        return size;
    #endif
    }
    /* Sanitizer builds do without pools, so that a use after free is seen. */
    #if defined(CDIFF_NO_POOL)
    enum { POOLED = 0 };
    #else
    enum { POOLED = 1 };
    #endif
    """
    void *cdiff_aligned_alloc(size_t n) noexcept nogil
    void cdiff_aligned_free(void *p) noexcept nogil
    void cdiff_use_large_pages(void *p, size_t used, size_t size) noexcept nogil
    size_t cdiff_whole_pages(size_t used, size_t size) noexcept nogil
    void *cdiff_zeroed_alloc "PyMem_RawCalloc"(size_t n, size_t size) noexcept nogil
    void copy_bytes "cdiff_copy"(void *to, const void *source, size_t n) noexcept nogil
    void *cdiff_raw_alloc "PyMem_RawMalloc"(size_t n) noexcept nogil
    void cdiff_zeroed_free "PyMem_RawFree"(void *p) noexcept nogil
    const int POOLED
    const size_t PAGE

cdef enum:
    LINE = 64
    SMALL_BUCKETS = 16            # one per line up to 1 KB
    N_BUCKETS = 232               # then four per octave, up to the largest size_t
    SLAB_NODES = 1023
    LAZY_ZEROS = 1 << 20          # bytes from which it pays not to write zeros
cdef uint32_t UNPOOLED = 0xFFFFFFFF   # in place of a bucket
cdef size_t POOL_LIMIT = 256 << 20   # bytes kept for reuse, all buckets together

cdef Arr *_free_blocks[N_BUCKETS]
cdef size_t _pooled_bytes = 0
cdef Node *_free_nodes = NULL


cdef inline int bucket_of(size_t nbytes) noexcept nogil:
    """Index of the smallest size class that holds `nbytes`."""
    cdef size_t quarter
    cdef int octave = 10
    if nbytes <= SMALL_BUCKETS * LINE:
        return <int>((nbytes + LINE - 1) // LINE) - 1
    while (<size_t>2 << octave) < nbytes:
        octave += 1
    quarter = (<size_t>1 << octave) >> 2
    return SMALL_BUCKETS + 4 * (octave - 10) + <int>((nbytes - (<size_t>1 << octave) + quarter - 1)
                                                     // quarter) - 1


cdef inline size_t bucket_size(int bucket) noexcept nogil:
    cdef size_t octave
    if bucket < SMALL_BUCKETS:
        return <size_t>(bucket + 1) * LINE
    bucket -= SMALL_BUCKETS
    octave = <size_t>1 << (10 + bucket // 4)
    return octave + (octave >> 2) * (bucket % 4 + 1)


cdef inline size_t header_size(int ndim) noexcept nogil:
    """Bytes before the data, a multiple of a cache line."""
    cdef size_t header = sizeof(Arr) + 2 * ndim * sizeof(Py_ssize_t)
    return (header + LINE - 1) & ~<size_t>(LINE - 1)


cdef inline size_t room_before(size_t size) noexcept nogil:
    """Bytes before a block, so that large data begin with a page: a processor takes reading what
    lies a little before what was just written, but for whole pages, for reading that, and waits.
    NumPy's large arrays begin 16 bytes behind a page."""
    return PAGE - 2 * LINE if size >= 16 * PAGE else 0


cdef Arr *block_memory(size_t size, size_t used) noexcept:
    cdef size_t before = room_before(size)
    cdef char *p = take_of_sheet(before + size) if before else NULL
    cdef Sheet *sheet = _open_sheet if p != NULL else NULL
    if p == NULL:
        size = cdiff_whole_pages(before + used, before + size)
        p = <char *>cdiff_aligned_alloc(size)
        if p == NULL:
            return NULL
        cdiff_use_large_pages(p, before + used, size)
    p += before
    if before:
        (<Sheet **>p)[-1] = sheet
    return <Arr *>p


cdef void free_block(Arr *r, int bucket) noexcept:
    cdef size_t before = room_before(bucket_size(bucket))
    if before and (<Sheet **>r)[-1] != NULL:
        leave_sheet((<Sheet **>r)[-1])
    else:
        cdiff_aligned_free(<char *>r - before)


cdef Arr *block_new(int ndim, size_t payload) except NULL:
    """A block with room for `ndim` axes and `payload` bytes of aligned data."""
    global _pooled_bytes
    cdef size_t header = header_size(ndim)
    cdef int bucket
    cdef Arr *r
    if payload < SMALL_BUCKETS * LINE and header + payload <= SMALL_BUCKETS * LINE:
        bucket = bucket_of(header + payload)
        r = _free_blocks[bucket]
        if r != NULL:
            _free_blocks[bucket] = r.owner
            _pooled_bytes -= <size_t>(bucket + 1) * LINE
            block_begin(r, ndim, header, bucket)
            return r
    return block_of_any_size(ndim, payload)


cdef inline void block_begin(Arr *r, int ndim, size_t header, int bucket) noexcept:
    r.refcnt = 1
    r.owner = NULL
    r.base = NULL
    r.data = <char *>r + header
    r.ndim = <uint8_t>ndim
    r.flags = 0
    r.bucket = bucket
    r.holders = 0
    r.pins = 0


cdef Arr *block_zeroed(int ndim, size_t payload) except NULL:
    """A large block of zeros straight from the operating system, to which it also goes back."""
    cdef size_t header = header_size(ndim)
    cdef Arr *r = <Arr *>cdiff_zeroed_alloc(1, header + payload)
    if r == NULL:
        raise MemoryError(f"cdiff: cannot allocate an array of {payload} bytes")
    cdiff_use_large_pages(r, header + payload, header + payload)
    r.refcnt = 1
    r.data = <char *>r + header
    r.ndim = <uint8_t>ndim
    r.bucket = UNPOOLED
    return r


cdef Arr *block_untouched(int ndim, size_t payload) except NULL:
    """A block whose data may never be written: for the header of a large one no page of 2 MB is
    taken or shared, and it goes back to the operating system."""
    cdef size_t header = header_size(ndim)
    cdef Arr *r
    if payload < 16 * PAGE:
        return block_new(ndim, payload)
    r = <Arr *>cdiff_raw_alloc(header + payload)
    if r == NULL:
        raise MemoryError(f"cdiff: cannot allocate an array of {payload} bytes")
    memset(r, 0, header)
    r.refcnt = 1
    r.data = <char *>r + header
    r.ndim = <uint8_t>ndim
    r.bucket = UNPOOLED
    return r


cdef void block_release(Arr *r) noexcept:
    """Drop one reference; the last one returns the block to its size class."""
    global _pooled_bytes
    if r == NULL:
        return
    r.refcnt -= 1
    if r.refcnt > 0:
        return
    if POOLED and r.bucket < SMALL_BUCKETS and r.owner == NULL and r.base == NULL \
            and _pooled_bytes + SMALL_BUCKETS * LINE <= POOL_LIMIT:
        r.owner = _free_blocks[r.bucket]
        _free_blocks[r.bucket] = r
        _pooled_bytes += <size_t>(r.bucket + 1) * LINE
    else:
        block_of_any_size_released(r)


cdef Node *node_refill() except NULL:
    """A node where the freelist is empty, or is to look so (see watch.pxi)."""
    return watched_node() if noting else slab_nodes()


cdef Node *slab_nodes() except NULL:
    """A node from a fresh slab; the rest of the slab joins the freelist."""
    global _free_nodes
    cdef Node *slab
    cdef Py_ssize_t i
    cdef Py_ssize_t count = SLAB_NODES if POOLED else 1
    take_memory(<size_t>count * sizeof(Node))
    slab = <Node *>cdiff_aligned_alloc(<size_t>count * sizeof(Node))
    if slab == NULL:
        raise MemoryError("cdiff: cannot allocate graph nodes")
    # From Python 3.12 on, Py_SET_REFCNT leaves a count alone that looks like an immortal's, and
    # 3.14 keeps flags beside it: neither may be what the memory happened to hold.
    memset(slab, 0, <size_t>count * sizeof(Node))
    for i in range(count - 1, 0, -1):
        slab[i].next_free = _free_nodes
        _free_nodes = &slab[i]
    return slab


cdef inline Node *node_new() except NULL:
    """A fresh untracked node: one reference, every field that deallocation reads cleared."""
    return node_emptied(node_popped(_free_nodes) if _free_nodes != NULL
                        else node_begun(node_refill()))


cdef inline Node *node_popped(Node *n) noexcept:
    """The first of the freelist, with one reference and nothing else set."""
    global _free_nodes
    _free_nodes = n.next_free
    return node_begun(n)


cdef inline Node *node_begun(Node *n) noexcept:
    Py_SET_TYPE(<PyObject *>n, ARRAY_TYPE)
    Py_SET_REFCNT(<PyObject *>n, 1)
    return n


cdef inline Node *node_emptied(Node *n) noexcept:
    n.p0 = NULL
    n.p1 = NULL
    n.ext = NULL
    n.obj = NULL
    return n


cdef int stock_nodes(Arr *r) except -1:
    """Refill the freelist; if there is no memory, `r` is given back."""
    try:
        if not noting:
            node_to_freelist(node_refill())
    except MemoryError:
        block_release(r)
        raise
    return 0


cdef inline void node_to_freelist(Node *n) noexcept:
    global _free_nodes
    n.next_free = _free_nodes
    _free_nodes = n


cdef inline void node_recycle(Node *n) noexcept:
    if not POOLED:
        cdiff_aligned_free(n)
    elif noting:
        node_to_shelf(n)
    else:
        node_to_freelist(n)


cdef void node_to_shelf(Node *n) noexcept:
    global _shelf
    n.next_free = _shelf
    _shelf = n


def pool_info():
    """Bytes kept for reuse and the size of a graph node, for benchmarks and tests."""
    return {"pooled_bytes": _pooled_bytes, "node_bytes": sizeof(Node)}


def pool_clear():
    """Give every pooled array block back to the operating system; returns the bytes freed."""
    global _pooled_bytes
    cdef int i
    cdef Arr *r
    cdef size_t freed = _pooled_bytes + cdiff_clear_rooms()
    for i in range(N_BUCKETS):
        while _free_blocks[i] != NULL:
            r = _free_blocks[i]
            _free_blocks[i] = r.owner
            free_block(r, i)
    _pooled_bytes = 0
    return freed
