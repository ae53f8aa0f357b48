# Nodes: making scalar and array nodes, linking them to their operands, and
# letting them go.
#
# Knows the layout of a node and of an array block; it must not know what any
# operator computes.  Fast because creating a node is a pop from a freelist and
# a few stores (how they are freed: freeing.pxi).

cdef enum:
    MAX_NDIM = 64
    SHARED_SIZE = 4096            # elements from which memory is shared until somebody writes to it
    READS_ALL = 0x7FFFFFFF        # programs need every operand of an operation


cdef extern from *:
    """
    #ifdef CDIFF_DEBUG
    #include <stdlib.h>
    /* None is no node: behind it no sanitizer sees what is read. */
    static void *cdiff_node(void *a) { if (a == (void *)Py_None) abort(); return a; }
    #else
    #define cdiff_node(a) (a)
    #endif
    """
    void *cdiff_node(void *a) noexcept nogil


cdef inline Node *N(Array a) noexcept nogil:
    return <Node *>cdiff_node(<void *>a)


cdef inline Array steal(Node *n):
    """The Array object of a node whose only reference we hold."""
    cdef Array a = <Array><PyObject *>n
    Py_DECREF(a)
    return a


cdef inline int levels_of(Node *n) noexcept nogil:
    return n.flags & LEVEL_MASK


cdef inline int level_bit(int level) noexcept nogil:
    return 1 << (LEVEL_SHIFT + level)


cdef inline bint is_number_of_leaf(PyObject *obj) noexcept nogil:
    """Is this no object but the number that a leaf has in place of one?  Those are odd."""
    return <size_t>obj & 1


# ---------------------------------------------------------------- holding and letting go

cdef inline Node *hold_node(Node *n) noexcept:
    """A reference for the graph: array nodes count those apart from Python's."""
    if n.flags & NODE_ARRAY:
        n.arr.holders += 1
    else:
        Py_INCREF(<object><PyObject *>n)
    return n


cdef inline Node *hold(Array a) noexcept:
    return hold_node(N(a))


cdef inline void _drop(Node *p) noexcept:
    """Give a reference of the graph back."""
    if p == NULL:
        return
    if not p.flags & NODE_ARRAY:
        Py_DECREF(<object><PyObject *>p)
        return
    p.arr.holders -= 1
    if p.arr.holders == 0 and Py_REFCNT(<PyObject *>p) == 0:
        node_dealloc(<PyObject *>p)


cdef inline bint owns_objects(Node *n) noexcept nogil:
    """False where d0 and d1 are numbers: elementwise and leaf scalars, dual scalars."""
    return (n.flags & NODE_ARRAY) != 0 or (n.op >= N_LOCAL
                                           and (not n.flags & NODE_DUAL or n.p0 != NULL))


cdef inline bint has_number(Node *n) noexcept nogil:
    """Is this a scalar whose partials lie in d0 and d1?"""
    return n.op < N_LOCAL and not n.flags & NODE_ARRAY


cdef inline Node *looked_at(Node *n) noexcept nogil:
    """The Array that a view looks at."""
    return <Node *>n.arr.base if n.flags & NODE_ARRAY else n.ext.base


cdef Node *_take_base(Node *n) noexcept:
    """End being a view; the caller gets the reference to what was looked at."""
    cdef Node *base
    if not n.flags & NODE_VIEW:
        return NULL
    base = looked_at(n)
    if n.flags & NODE_ARRAY:
        n.arr.base = NULL
    else:
        n.ext.base = NULL
    n.flags &= ~NODE_VIEW
    return base


cdef void _release_payload(Node *n) noexcept:
    """Free what a node owns besides its two operands."""
    cdef Py_ssize_t i
    cdef Ext *ext
    cdef Node *base = _take_base(n)
    if owns_objects(n):
        ext = n.ext
        if ext != NULL:
            n.ext = NULL
            _drop(ext.current)
            _drop(ext.seen)
            Py_XDECREF(ext.reads)
            for i in range(ext.nparents):
                _drop(ext.parents[i])
            PyMem_Free(ext)
        if n.op >= N_LOCAL and n.obj != NULL and not is_number_of_leaf(n.obj):
            Py_DECREF(<object>n.obj)
    if n.op == OP_LEAF:
        Py_XDECREF(<PyObject *>n.p1)         # the gradient
        n.p1 = NULL
    if n.flags & NODE_ARRAY and n.arr != NULL:
        block_release(n.arr)
    if base != NULL:
        Py_DECREF(<object><PyObject *>base)


cdef inline Arr *root_of(Arr *r) noexcept nogil:
    """The block whose memory this is."""
    return r.owner if r.owner != NULL else r


cdef inline void pin(Arr *r) noexcept nogil:
    """From now on the memory that `r` looks at must not change."""
    if r.owner != NULL and not r.flags & ARR_SNAPSHOT:
        r.flags |= ARR_SNAPSHOT
        r.owner.pins += 1


cdef inline void unpin(Arr *r) noexcept nogil:
    if r.flags & ARR_SNAPSHOT:
        r.flags &= ~ARR_SNAPSHOT
        r.owner.pins -= 1


cdef void leave_memory(Node *n) noexcept:
    """A former view keeps its value if a derivative reads it, else memory others may write to."""
    cdef Arr *empty
    if not n.flags & NODE_SAVED and root_of(n.arr).flags & ARR_WRITTEN:
        try:
            empty = gone(n.arr)
        except MemoryError:
            pin(n.arr)
        else:
            replace_block(n, empty)
    else:
        pin(n.arr)


cdef Arr *gone(Arr *like) except NULL:
    """Shape and dtype of a value that nobody reads any more, without its memory."""
    cdef Arr *r = block_new(like.ndim, 0)
    cdef int i
    r.typenum = like.typenum
    r.size = like.size
    if is_complex(r.typenum):
        r.data = <char *>(cdiff_gone_complex if r.typenum == NPY_CDOUBLE
                          else <const double *>cdiff_gone_complex_single)
    else:
        r.data = <char *>&cdiff_gone if r.typenum == NPY_DOUBLE else <char *>&cdiff_gone_single
    for i in range(like.ndim):
        r.dims[i] = like.dims[i]
        r.dims[like.ndim + i] = 0
    return r


cdef void replace_block(Node *n, Arr *r) noexcept:
    """Another block for a node; who holds the node and what it views stays."""
    cdef Arr *previous = n.arr
    r.holders = previous.holders
    if n.flags & NODE_VIEW:
        r.base = previous.base
        previous.base = NULL
    n.arr = r
    block_release(previous)


# ---------------------------------------------------------------- scalars

cdef inline Node *scalar_node(double v) except NULL:
    cdef Node *n = node_new()
    n.v = v
    n.op = OP_CONST
    n.flags = 0
    return n


cdef inline Array scalar(double v):
    return steal(scalar_node(v))


# ---------------------------------------------------------------- arrays

cdef inline void set_contiguous(Arr *r, Py_ssize_t itemsize) noexcept nogil:
    """C-order strides for the shape already stored in `r`; also its size."""
    cdef int i
    cdef Py_ssize_t step = itemsize
    cdef Py_ssize_t size = 1
    cdef Py_ssize_t *shape = ARR_SHAPE(r)
    cdef Py_ssize_t *strides = ARR_STRIDES(r)
    for i in range(r.ndim - 1, -1, -1):
        strides[i] = step
        step *= shape[i] if shape[i] > 0 else 1
        size *= shape[i]
    r.size = size
    r.flags |= ARR_CONTIGUOUS


cdef void note_contiguity(Arr *r, Py_ssize_t itemsize) noexcept nogil:
    """Set or clear ARR_CONTIGUOUS from shape and strides, and the size."""
    cdef int i
    cdef Py_ssize_t expected = itemsize
    cdef Py_ssize_t size = 1
    cdef Py_ssize_t *shape = ARR_SHAPE(r)
    cdef Py_ssize_t *strides = ARR_STRIDES(r)
    cdef bint contiguous = True
    for i in range(r.ndim - 1, -1, -1):
        if shape[i] != 1 and strides[i] != expected:
            contiguous = False
        expected *= shape[i]
        size *= shape[i]
    r.size = size
    if contiguous or size == 0:
        r.flags |= ARR_CONTIGUOUS
    else:
        r.flags &= ~ARR_CONTIGUOUS


cdef inline bint lies_otherwise(const Arr *r) noexcept nogil:
    """May NumPy lay a value like this, or what it makes of it, out in another order than C's?"""
    return r.ndim > 1 and (
        root_of(<Arr *>r).flags & ARR_ANY_ORDER != 0
        or not (r.flags & ARR_CONTIGUOUS or lies_in_rows(r.ndim, r.dims, r.dims + r.ndim)))


cdef bint lies_in_rows(int ndim, const Py_ssize_t *shape, const Py_ssize_t *strides) noexcept nogil:
    """Are the steps of later axes no longer than those of earlier ones?"""
    cdef int i
    cdef Py_ssize_t step
    cdef Py_ssize_t last = PY_SSIZE_T_MAX
    for i in range(ndim):
        step = -strides[i] if strides[i] < 0 else strides[i]
        if shape[i] == 1 or step == 0:
            continue
        if step > last:
            return False
        last = step
    return True


cdef inline void note_order(Array y, const Arr *operand) noexcept:
    """A result, in memory of its own, of an operand that NumPy's result may lie as."""
    if lies_otherwise(operand) and N(y).flags & NODE_ARRAY and N(y).arr.ndim > 1 \
            and N(y).arr.owner == NULL:
        N(y).arr.flags |= ARR_ANY_ORDER


cdef inline bint decides_order(const Node *y, const Node *p) noexcept:
    """Is this operand why NumPy lays an elementwise result out in C order, whatever the others?"""
    return p.flags & NODE_ARRAY and p.arr.size == y.arr.size and not lies_otherwise(p.arr)


cdef inline Array ordered(Array y, Array a, Array b):
    """An elementwise result, with a note of whether NumPy may lay it out in another order."""
    if N(y).flags & NODE_ARRAY and N(y).arr.ndim > 1 and not decides_order(N(y), N(a)) \
            and (b is None or not decides_order(N(y), N(b))):
        if N(a).flags & NODE_ARRAY:
            note_order(y, N(a).arr)
        if b is not None and N(b).flags & NODE_ARRAY:
            note_order(y, N(b).arr)
    return y


cdef Py_ssize_t checked_size(int ndim, const Py_ssize_t *shape, Py_ssize_t itemsize) except -1:
    """Number of bytes of an array, or an error where it cannot be represented."""
    cdef Py_ssize_t nbytes = itemsize
    cdef int i
    if ndim > MAX_NDIM:
        raise ValueError(f"cdiff: {ndim} dimensions; at most {MAX_NDIM} are supported")
    for i in range(ndim):
        if shape[i] < 0:
            raise ValueError(f"cdiff: negative dimension {shape[i]}")
        if shape[i] > 0 and nbytes > PY_SSIZE_T_MAX // shape[i]:
            raise MemoryError("cdiff: array is too large")
        nbytes *= shape[i]
    return nbytes


cdef inline Py_ssize_t itemsize_of(int typenum) noexcept:
    if typenum == NPY_DOUBLE:
        return 8
    if typenum == NPY_FLOAT:
        return 4
    return (<np.dtype>np.PyArray_DescrFromType(typenum)).itemsize


cdef inline Node *array_node(Arr *r) except NULL:
    """An untracked node that takes over the reference to `r`."""
    cdef Node *n
    if _free_nodes == NULL:
        stock_nodes(r)
    n = node_new()
    n.arr = r
    n.op = OP_CONST
    n.flags = NODE_ARRAY
    return n


cdef Array new_array(int ndim, const Py_ssize_t *shape, int typenum):
    """An untracked array node with uninitialised C-order data."""
    cdef Py_ssize_t itemsize = itemsize_of(typenum)
    cdef Py_ssize_t nbytes = checked_size(ndim, shape, itemsize)
    cdef Arr *r = block_new(ndim, nbytes)
    cdef int i
    r.typenum = <int8_t>typenum
    for i in range(ndim):
        r.dims[i] = shape[i]
    set_contiguous(r, itemsize)
    return steal(array_node(r))


cdef Arr *block_over(Arr *source, int ndim, char *data) except NULL:
    """A block without memory of its own that pins `source`'s; shape and strides are unset."""
    cdef Arr *r = block_new(ndim, 0)
    r.owner = root_of(source)
    r.owner.refcnt += 1
    r.typenum = source.typenum
    r.data = data
    pin(r)
    return r


cdef Array view_array(Arr *source, int ndim, const Py_ssize_t *shape, const Py_ssize_t *strides,
                      char *data):
    """An untracked node that looks at `source`'s memory through another shape and strides."""
    cdef Arr *r = block_over(source, ndim, data)
    cdef int i
    for i in range(ndim):
        r.dims[i] = shape[i]
        r.dims[ndim + i] = strides[i]
    note_contiguity(r, itemsize_of(r.typenum))
    return steal(array_node(r))


cdef inline int ndim_of(Array a) noexcept:
    return N(a).arr.ndim if N(a).flags & NODE_ARRAY else 0


cdef inline Py_ssize_t size_of(Array a) noexcept:
    return N(a).arr.size if N(a).flags & NODE_ARRAY else 1


cdef inline int typenum_of(Array a) noexcept:
    return N(a).arr.typenum if N(a).flags & NODE_ARRAY else NPY_DOUBLE


cdef inline bint is_float(int typenum) noexcept nogil:
    return typenum == NPY_DOUBLE or typenum == NPY_FLOAT


cdef inline bint is_complex(int typenum) noexcept nogil:
    return typenum == NPY_CDOUBLE or typenum == NPY_CFLOAT


cdef inline bint is_inexact(int typenum) noexcept nogil:
    """The types that have derivatives."""
    return is_float(typenum) or is_complex(typenum)


cdef tuple shape_tuple(Array a):
    """Shape of any node as a tuple of ints; a dual node has the shape of its primal."""
    cdef Arr *r
    cdef int i
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        return ()
    r = N(a).arr
    if r.ndim == 1:
        return (r.dims[0],)
    if r.ndim == 2:
        return (r.dims[0], r.dims[1])
    return tuple([r.dims[i] for i in range(r.ndim)])


cdef bint same_shape(Array a, Array b) noexcept:
    cdef int i
    cdef int ndim = ndim_of(a)
    if ndim != ndim_of(b):
        return False
    for i in range(ndim):
        if N(a).arr.dims[i] != N(b).arr.dims[i]:
            return False
    return True


cdef Array detached(Array a):
    """The same value as an untracked constant, sharing the memory."""
    cdef Arr *r
    cdef int i
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        return scalar(N(a).v)
    need(a)
    r = block_over(N(a).arr, N(a).arr.ndim, N(a).arr.data)
    r.size = N(a).arr.size
    r.flags |= N(a).arr.flags & ARR_CONTIGUOUS
    for i in range(2 * r.ndim):
        r.dims[i] = N(a).arr.dims[i]
    return steal(array_node(r))


cdef bint lies_across(const Arr *r) noexcept nogil:
    """Is this a large matrix whose memory, without gaps, goes down the columns?"""
    return (r.ndim == 2 and r.typenum == NPY_DOUBLE and r.size >= NOGIL_SIZE and r.dims[2] == 8
            and r.dims[3] == 8 * r.dims[0])


cdef bint claim(Array a, bint across=False) noexcept:
    """Is the memory of this array nobody else's, and in C order or, if that will do, `across`?  A
    view of all of a block at which nothing else looks becomes that block."""
    cdef Arr *r = N(a).arr
    cdef Arr *owner = r.owner
    cdef int i
    if r.refcnt != 1 or r.holders or r.base != NULL or not (
            r.flags & ARR_CONTIGUOUS or (across and lies_across(r))):
        return False
    if owner == NULL:
        return True
    if owner.refcnt != 1 or owner.owner != NULL or owner.base != NULL or owner.holders \
            or owner.data != r.data or owner.size != r.size or owner.typenum != r.typenum \
            or header_size(owner.ndim) != header_size(r.ndim):
        return False
    owner.ndim = r.ndim
    owner.flags = (r.flags & ARR_CONTIGUOUS) | (owner.flags & ARR_ANY_ORDER)
    for i in range(2 * r.ndim):
        owner.dims[i] = r.dims[i]
    owner.refcnt += 1
    N(a).arr = owner
    block_release(r)
    return True


cdef inline bint is_shareable(const Node *n) noexcept nogil:
    """Is this half at least of large memory of our own, in C order?  `detached` gives another array
    in it: it is pinned then, so that whoever assigns to one of the two takes a copy."""
    cdef const Arr *r = n.arr
    cdef const Arr *root = r if r.owner == NULL else r.owner
    return (r.size >= SHARED_SIZE and r.flags & ARR_CONTIGUOUS != 0 and root.size <= 2 * r.size
            and root.typenum == r.typenum and root.base == NULL
            and not root.flags & (ARR_BORROWED | ARR_WRITTEN | ARR_DEFERRED))


# ---------------------------------------------------------------- linking

cdef Array attach(Array y, int op, list operands, unsigned int reads, object attrs):
    """Make the fresh node `y` the recorded result of a structural operator.

    `reads` has bit k set where a derivative reads the value of operand k.
    Operands that are neither tracked nor read are not kept.
    """
    cdef Node *n = N(y)
    cdef Ext *ext
    cdef Array p
    cdef Py_ssize_t i, count = len(operands)
    cdef int levels = 0
    for p in operands:
        levels |= levels_of(N(p))
    levels = recording(levels)
    if tracing(levels):
        reads = READS_ALL
    if count > 2:
        ext = ext_new(count)
        n.ext = ext
    n.op = <uint8_t>op
    n.flags |= <uint32_t>levels
    if attrs is not None:
        Py_INCREF(attrs)
        n.obj = <PyObject *>attrs
    for i in range(count):
        p = operands[i]
        if reads >> (i if i < 30 else 30) & 1:
            p = saved(p)
        elif not levels_of(N(p)):
            continue
        if count > 2:
            ext.parents[i] = hold(p)
        elif i == 0:
            n.p0 = hold(p)
        else:
            n.p1 = hold(p)
    return y


cdef Ext *ext_new(Py_ssize_t count) except NULL:
    cdef Ext *ext = <Ext *>PyMem_Calloc(1, sizeof(Ext) + count * sizeof(Node *))
    if ext == NULL:
        raise MemoryError()
    ext.nparents = count
    return ext


cdef Array saved(Array a):
    """`a` with its value pinned for a derivative: memory owned by the caller is copied.

    So is a small part of memory that is being assigned into: otherwise the next assignment would
    have to copy all of it.
    """
    cdef Arr *r
    cdef Arr *root
    if not N(a).flags & NODE_ARRAY:
        return a
    if is_borrowed(a) and not levels_of(N(a)):
        return remembered(a) if cdiff_tls.tracing else contiguous_copy(a, True)
    r = N(a).arr
    root = root_of(r)
    N(a).flags |= NODE_SAVED
    if root != r and root.flags & ARR_WRITTEN and 2 * r.size <= root.size:
        own_memory(a)
    root_of(N(a).arr).flags |= ARR_SAVED
    return a


cdef int own_memory(Array a) except -1:
    """Move a value into a block of its own, in C order."""
    exchange_blocks(a, contiguous_copy(a))
    return 0


cdef void exchange_blocks(Array a, Array fresh) noexcept:
    """Give `a` the block of a fresh node, and that one the block of `a`."""
    cdef Arr *r = N(fresh).arr
    N(a).arr.refcnt += 1
    N(fresh).arr = N(a).arr
    replace_block(N(a), r)
    N(fresh).arr.holders = 0


cdef inline bint is_borrowed(Array a) noexcept:
    """Does the value live in an ndarray that its owner may still change?"""
    return (root_of(N(a).arr).flags & ARR_BORROWED) != 0


cdef object parent(Array y, Py_ssize_t k):
    """Operand k of a recorded node, None where it was not kept."""
    cdef Node *n = N(y)
    cdef Node *p
    if owns_objects(n) and n.ext != NULL and n.ext.nparents:
        p = n.ext.parents[k]
    else:
        p = n.p0 if k == 0 else n.p1
    return None if p == NULL else <object><PyObject *>p


cdef inline int recording(int levels) noexcept:
    """Those of these levels that record an operation just now."""
    return levels if not cdiff_tls.paused else recording_paused(levels)


cdef int recording_paused(int levels) noexcept:
    if not levels or not is_paused(cdiff_tls.paused):
        return levels
    return levels & <int>cdiff_tls.tracing \
        | (perhaps_elsewhere(levels) if cdiff_tls.paused == TRACED else 0)


cdef inline int tracing(int levels) noexcept:
    """Those that record everything, whether it has a derivative or not: in this thread, or in
    another one.  A level of this thread may be one that another thread records at by chance: then
    more is kept than is needed (`is_traced_value` is exact)."""
    return levels & <int>all_tracing


cdef int tracing_level(int levels) noexcept:
    """The innermost of these levels that traces in this thread; -1 if none does."""
    cdef int level
    levels &= <int>cdiff_tls.tracing
    for level in range(MAX_LEVEL, -1, -1):
        if levels & level_bit(level):
            return level
    return -1
