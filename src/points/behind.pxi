# Points behind: batched values whose axis of points is the last one.
#
# A batch has its points along a new first axis.  For products of a tall matrix with
# a small one of each point, for rows that are gathered from these, and for what is
# done to them element by element, the other end is better: the product is one
# product and moves nothing large, a gathered row holds all points side by side, and
# a broadcast operand is broadcast along a long axis.  Knows the rules of these few
# operators; it must not know programs.  Where no rule is at hand the batch moves
# the points to the front again.  Fast because that is one transposition, which
# the simplifier drops where the next one is its inverse.

ctypedef Array (*behind_fn)(_Step s)

cdef behind_fn BEHIND[N_OPS]      # NULL: no rule; elementwise operators need none of their own


cdef Array moved_behind(Array a):
    """The first axis as the last one."""
    cdef Py_ssize_t n = len(shape_tuple(a))
    return a if n == 1 else apply_transpose(a, tuple(range(1, n)) + (0,))


cdef Array moved_to_front(Array a):
    """The last axis as the first one."""
    cdef Py_ssize_t n = len(shape_tuple(a))
    return a if n == 1 else apply_transpose(a, (n - 1,) + tuple(range(n - 1)))


cdef Array behind_operand(_Step s, Py_ssize_t k, list behind):
    """Operand k such that it broadcasts with operands that have the points behind."""
    cdef Array a = s.operands[k]
    if s.batched[k]:
        return a if behind[k] else moved_behind(a)
    return apply_reshape(a, <tuple>s.shapes[k] + (1,)) if s.shapes[k] else a


cdef bint goes_behind(_Step s, list behind) except -1:
    """Is there a rule for the points behind, and is it the better one?"""
    cdef tuple shape
    if s.op == OP_GATHER or s.op == OP_SCATTER_ADD:
        return behind[0] and not s.batched[1]
    if s.op == OP_MATMUL:
        # A matrix that all points share, times a narrower one of each point.
        shape = s.shapes[0]
        if s.batched[0] or len(shape) != 2 or len(<tuple>s.shapes[1]) != 2:
            return False
        return behind[1] or (s.shape[1] > 1 and s.shape[0] >= 2 * <Py_ssize_t>shape[1])
    return True in behind and (BATCH[s.op] == NULL or BEHIND[s.op] != NULL)


cdef Array result_behind(_Step s, list behind):
    """The result with the points along its last axis."""
    cdef Py_ssize_t k
    if BEHIND[s.op] != NULL:
        s.operands = [moved_behind(a) if batched and not b else a
                      for a, batched, b in zip(s.operands, s.batched, behind)]
        return BEHIND[s.op](s)
    return s.result([behind_operand(s, k, behind) for k in range(len(s.operands))], s.attrs)


# ---------------------------------------------------------------- rules

cdef Array behind_same(_Step s):
    """Operators on the first axes only."""
    return s.result(s.operands, s.attrs)


cdef Array behind_matmul(_Step s):
    cdef tuple shape = s.shapes[1]
    b = apply_reshape(s.operands[1], (shape[0], <Py_ssize_t>shape[1] * s.n))
    return apply_reshape(s.result([s.operands[0], b], None), s.shape + (s.n,))


cdef Array behind_reshape(_Step s):
    return apply_reshape(s.operands[0], <tuple>s.attrs[0] + (s.n,))


cdef Array behind_transpose(_Step s):
    return apply_transpose(s.operands[0], <tuple>s.attrs[0] + (len(s.shape),))


cdef Array behind_slice(_Step s):
    return apply_slice(s.operands[0], <tuple>s.attrs[0] + (0, 1, s.n))


cdef void install_behind():
    BEHIND[OP_GATHER] = behind_same
    BEHIND[OP_SCATTER_ADD] = behind_same
    BEHIND[OP_MATMUL] = behind_matmul
    BEHIND[OP_RESHAPE] = behind_reshape
    BEHIND[OP_TRANSPOSE] = behind_transpose
    BEHIND[OP_SLICE] = behind_slice
    BEHIND[OP_SUM] = behind_same
