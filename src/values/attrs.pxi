# Helpers of the structural rules: plain tuples and numbers in, plain values or constants out.
#
# The derivatives in optable.py call these by name for the bookkeeping of shapes, axes and index
# tuples.  They know nothing of graphs, and nothing here carries a derivative.  They run once per
# structural node and sweep, on tuples of a few ints.

cdef tuple inverse_permutation(tuple perm):
    cdef list out = [0] * len(perm)
    cdef Py_ssize_t i
    for i in range(len(perm)):
        out[perm[i]] = i
    return tuple(out)


cdef tuple permuted(tuple shape, tuple perm):
    return tuple([shape[i] for i in perm])


cdef tuple swapped_axes(tuple shape):
    """The permutation that exchanges the last two axes."""
    cdef Py_ssize_t n = len(shape)
    return tuple(range(n - 2)) + (n - 1, n - 2)


cdef tuple last_two(tuple shape):
    return (len(shape) - 2, len(shape) - 1)


cdef tuple kept_shape(tuple shape, tuple axes):
    """The shape of a reduction over `axes` that keeps them with length one."""
    return tuple([1 if i in axes else shape[i] for i in range(len(shape))])


cdef tuple axes_last(tuple shape, tuple axes):
    """The permutation that moves `axes` to the end."""
    return tuple([i for i in range(len(shape)) if i not in axes]) + axes


cdef tuple row_shape(tuple shape, tuple axes):
    """(everything else, all of `axes`) as two lengths."""
    cdef Py_ssize_t rows = 1, columns = 1, i
    for i in range(len(shape)):
        if i in axes:
            columns *= <Py_ssize_t>shape[i]
        else:
            rows *= <Py_ssize_t>shape[i]
    return (rows, columns)


cdef tuple part(tuple shape, Py_ssize_t axis, bint head):
    """The index of all but the last place along an axis (head), or all but the first."""
    cdef list index = []
    cdef Py_ssize_t i, n
    for i in range(len(shape)):
        n = shape[i]
        if i == axis:
            n = n - 1 if n > 0 else 0
            index += [0 if head or n == 0 else 1, 1, n]
        else:
            index += [0, 1, n]
    return tuple(index)


cdef tuple section(tuple shape, Py_ssize_t axis, tuple starts, Py_ssize_t k):
    """The index of operand k inside a concatenation, whose operands begin at `starts`."""
    cdef Py_ssize_t i
    cdef list index = []
    for i in range(len(shape)):
        if i == axis:
            index += [starts[k], 1, starts[k + 1] - starts[k]]
        else:
            index += [0, 1, shape[i]]
    return tuple(index)


cdef Array unit_along(Array like, Py_ssize_t axis, bint last):
    """Zeros like an array, with ones at the first (or last) place along an axis."""
    cdef np.ndarray out = np.zeros(shape_of(like), dtype_of(like))
    if out.size:
        rows = np.moveaxis(out, axis, 0)
        rows[len(rows) - 1 if last else 0] = 1.0
    return wrap_ndarray(out)


cdef Array half_lower(Array like):
    """Ones below the diagonal, halves on it, zeros above, for the last two axes of an array."""
    cdef tuple shape = shape_of(like)
    n = shape[len(shape) - 1]
    cdef np.ndarray out = np.tri(n, k=-1, dtype=dtype_of(like))
    out.flat[::n + 1] = 0.5
    return wrap_ndarray(out)


# ---------------------------------------------------------------- einsum

cdef tuple einsum_terms(str spec):
    """"ij,jk->ik" as (["ij", "jk"], "ik")."""
    inputs, output = spec.replace(" ", "").split("->")
    return inputs.split(","), output


cdef tuple distinct_labels(str labels, str used):
    """An operand's labels with repeated ones renamed, and the (label, new name) pairs."""
    cdef list out = [], renamed = []
    spare = [c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in used]
    for c in labels:
        if c in out:
            new = spare.pop()
            renamed.append((c, new))
            out.append(new)
        else:
            out.append(c)
    return "".join(out), renamed


cdef tuple einsum_plan(str spec, Py_ssize_t k):
    """Labels of operand k made distinct, and the labels of the constants its adjoint needs.

    A repeated label ("ii->i") asks for an identity matrix, a label that only operand k has
    ("ij->i" has j) for a vector of ones.
    """
    inputs, output = einsum_terms(spec)
    target, renamed = distinct_labels(inputs[k], spec)
    known = output + "".join(inputs[:k] + inputs[k + 1:])
    constants = [old + new for old, new in renamed]
    constants += [c for c in inputs[k] if c not in known]
    return target, list(dict.fromkeys(constants))


cdef str einsum_adjoint(str spec, Py_ssize_t k):
    """The einsum that maps (cotangent, other operands, constants) to operand k's cotangent."""
    inputs, output = einsum_terms(spec)
    target, constants = einsum_plan(spec, k)
    return ",".join([output] + inputs[:k] + inputs[k + 1:] + constants) + "->" + target


cdef list einsum_constants(str spec, Py_ssize_t k, tuple shape):
    """The identity matrices and vectors of ones of `einsum_plan`."""
    labels = einsum_terms(spec)[0][k]
    length = dict(zip(labels, shape))
    return [wrap_ndarray(np.eye(length[c[0]]) if len(c) == 2 else np.ones(length[c]))
            for c in einsum_plan(spec, k)[1]]


cdef list others(list xs, Py_ssize_t k):
    """All operands but one."""
    return xs[:k] + xs[k + 1:]


# ---------------------------------------------------------------- Fourier transforms

cdef str other_way(str norm):
    """The norm of the inverse transform that gives it the factor of this one."""
    return {"forward": "backward", "backward": "forward"}.get(norm, norm)


cdef bint is_real(int typenum):
    return not is_complex(typenum)


cdef Array half_weights(Array like, Py_ssize_t axis, Py_ssize_t count, double inner):
    """For the half spectrum of `count` real numbers: `inner` where an entry stands for two, else 1.

    Of length one along all other axes, in the real dtype of an array.
    """
    cdef np.ndarray out
    out = np.full(count // 2 + 1, inner, dtype_of(like).char.lower())
    out[0] = 1.0
    if count % 2 == 0:
        out[count // 2] = 1.0
    return wrap_ndarray(out.reshape([-1 if k == axis else 1 for k in range(len(shape_of(like)))]))
