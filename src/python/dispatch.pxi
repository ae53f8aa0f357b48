# Dispatch: the primitives as Python functions, for the face.
#
# Knows their arguments and checks them; it must not know derivatives.  Fast because
# what most calls give (all axes, a whole key) is a tuple made once.

# ---------------------------------------------------------------- argument checks

cdef object operator_index = __import__("operator").index


cdef tuple AXES = tuple(range(MAX_NDIM))
cdef list ALL_AXES = [AXES[:_n] for _n in range(MAX_NDIM + 1)]
cdef list REDUCE_ALL = [(_axes, False) for _axes in ALL_AXES]
cdef list ONE_AXIS = [(_n,) for _n in AXES]


cdef tuple normal_axes(object axis, int ndim):
    """None, an int or a tuple of ints as a sorted tuple of non-negative axes."""
    cdef Py_ssize_t i
    if axis is None or axis is <tuple>ALL_AXES[ndim]:
        return <tuple>ALL_AXES[ndim]
    if type(axis) is int and -ndim <= axis < ndim:
        i = axis
        return <tuple>ONE_AXIS[i if i >= 0 else i + ndim]
    axes = axis if isinstance(axis, tuple) else (axis,)
    out = []
    for a in axes:
        if type(a) is bool:
            raise TypeError(f"an integer is required for the axis, not {a}")
        i = operator_index(a)
        if i < -ndim or i >= ndim:
            raise with_operands(np.exceptions.AxisError(a, ndim))
        out.append(i + ndim if i < 0 else i)
    if len(set(out)) != len(out):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(out))


cdef tuple checked_permutation(object axes, int ndim):
    cdef object k
    axes = [operator_index(a) for a in axes]
    perm = tuple([k + ndim if k < 0 else k for k in axes])
    if sorted(perm) != list(range(ndim)):
        raise misfit(f"transpose: axes {tuple(axes)} do not match an array of {ndim} "
                     f"dimensions")
    return perm


cdef enum:
    SMALL_SIZE = 1 << 30          # elements; a product of two such numbers is no overflow


cdef tuple common_shape(tuple shape, Py_ssize_t size):
    """A tuple of ints, one of them perhaps -1, as the shape of so many elements; None for what has
    to be looked at more closely."""
    cdef Py_ssize_t known = 1, n, i, axis = -1
    cdef int overflow = 0
    cdef list found
    for i in range(len(shape)):
        if type(shape[i]) is not int:
            return None
        n = PyLong_AsLongLongAndOverflow(shape[i], &overflow)
        if n == -1 and axis < 0 and not overflow:
            axis = i
        elif 0 <= n <= size <= SMALL_SIZE and known <= size:
            known *= n
        else:
            return None
    if axis < 0:
        return shape if known == size else None
    if known == 0 or size % known:
        return None
    found = list(shape)
    found[axis] = size // known
    return tuple(found)


cdef tuple resolve_shape(object shape, Array a):
    """A shape with at most one -1, checked against the elements of an array."""
    cdef object known = 1, n
    cdef Py_ssize_t size = size_of(innermost(a))
    cdef tuple resolved = common_shape(shape, size) if type(shape) is tuple else None
    if resolved is not None:
        return resolved
    shape = tuple([operator_index(n) for n in shape])
    if shape.count(-1) > 1:
        raise ValueError("can only specify one unknown dimension")
    for n in shape:
        known *= 1 if n == -1 else n
    resolved = shape
    if -1 in shape and known != 0:
        resolved = tuple([size // known if n == -1 else n for n in shape])
        known *= size // known
    if known != size or any([n < 0 for n in resolved]):
        raise misfit(f"cannot reshape array of shape {shape_tuple(a)} into shape {shape}")
    return resolved


cdef object reshaped(Array a, tuple shape, object order):
    """a.reshape(*shape, order=order)."""
    if len(shape) == 1 and not is_integer(shape[0]):
        shape = tuple(shape[0])
    if order != "C":
        return face_method("reshape")(a, shape, order=order)
    return view_of(a, OP_RESHAPE, (resolve_shape(shape, a),))


# ---------------------------------------------------------------- primitives for the face

def any_array(*xs):
    """Is an Array among the arguments (also inside lists and tuples)?"""
    for x in xs:
        if type(x) is Array or holds_nodes(x):
            return True
    return False


def value(x):
    """The value of an Array as a read-only ndarray, without its derivative; others unchanged."""
    return shown(<Array>x) if type(x) is Array else x


def levels(Array a):
    """How many differentiation levels track an Array: that many derivatives can be taken of it."""
    return bin(levels_of(N(current(a)))).count("1")


cdef Array object_of(object x):
    """An Array itself (not its newest version), so that views can be made of it."""
    return <Array>x if type(x) is Array else as_node(x)


def reshape(a, shape):
    """`a` in another shape (or length; one -1 is allowed); a view where NumPy makes one."""
    cdef Array n = object_of(a)
    if type(shape) is int:
        shape = (shape,)
    return view_of(n, OP_RESHAPE, (resolve_shape(shape, n),))


def ravel(a):
    """`a` as a vector: a view of what lies in C order, a copy of anything else, as in NumPy."""
    cdef Array n = object_of(a)
    cdef Array inner = innermost(current(n))
    cdef Array out = view_of(n, OP_RESHAPE, ((size_of(inner),),))
    if N(out).flags & NODE_VIEW and not reads_places(out) \
            and N(inner).flags & NODE_ARRAY and not N(inner).arr.flags & ARR_CONTIGUOUS:
        return own_copy(current(out))
    return out


def transpose(a, perm):
    """A view of `a` with its axes permuted."""
    cdef Array n = object_of(a)
    return view_of(n, OP_TRANSPOSE, (checked_permutation(perm, len(shape_tuple(n))),))


def broadcast_to(a, shape):
    """`a` broadcast to a shape; read-only, as in NumPy."""
    cdef Array n = as_node(a)
    cdef Array out = apply(OP_BROADCAST_TO, [n], (tuple(shape),))
    cdef Array inner = innermost(out)
    if N(inner).flags & NODE_ARRAY and not levels_of(N(inner)):
        N(inner).op = OP_BROADCAST_TO
    return out


cdef Array reduction(int op, Array n, object axes, object keepdims):
    cdef int ndim = ndim_of(innermost(n))
    if keepdims is False and (axes is None or axes is <tuple>ALL_AXES[ndim]):
        return apply1(op, n, <tuple>REDUCE_ALL[ndim])
    return apply1(op, n, (normal_axes(axes, ndim), bool(keepdims)))


cdef Array as_differentiable(object a):
    return float_node(as_node(a))


def sum(a, axes=None, keepdims=False):
    """Sum over a tuple of axes."""
    return reduction(OP_SUM, as_node(a), axes, keepdims)


def mean(a):
    """The mean of all elements."""
    cdef Array n = as_node(a)
    cdef Py_ssize_t size = size_of(innermost(n))
    if not size:
        raise ValueError("mean: there are no elements")
    return ew2(OP_DIVIDE, reduction(OP_SUM, n, None, False), weak_integer(size))


def max(a, axes=None, keepdims=False):
    """Maximum over a tuple of axes; ties share the derivative evenly."""
    return reduction(OP_MAX, as_node(a), axes, keepdims)


def min(a, axes=None, keepdims=False):
    """Minimum over a tuple of axes; ties share the derivative evenly."""
    return reduction(OP_MIN, as_node(a), axes, keepdims)


def prod(a, axes=None, keepdims=False):
    """Product over a tuple of axes; exact where factors are zero."""
    return reduction(OP_PROD, as_node(a), axes, keepdims)


def logsumexp(a, axes=None, keepdims=False):
    """log(sum(exp(a))) over a tuple of axes, without overflow."""
    return reduction(OP_LOGSUMEXP, as_differentiable(a), axes, keepdims)


def norm2(a, axes=None, keepdims=False):
    """Euclidean norm over a tuple of axes; its derivative at zero is zero."""
    return reduction(OP_NORM2, as_differentiable(a), axes, keepdims)


def index(a, key):
    """a[key] for any NumPy index."""
    return get_item(object_of(a), key)


def index_set(a, key, value):
    """A copy of `a` in which a[key] = value."""
    return set_item(as_node(a), key, as_node(value))


def gather(a, idx):
    """a[idx]: the rows of `a` at an integer or an array of them of any shape."""
    cdef Array n = as_node(a)
    return apply(OP_GATHER, [n, chosen_rows(idx, shape_tuple(n)[0])], None)


def scatter_add(g, idx, K):
    """K rows of zeros to whose rows `idx` (of any shape) the rows of `g` are added."""
    return apply(OP_SCATTER_ADD, [as_differentiable(g), chosen_rows(idx, K)], (K,))


cdef Array chosen_rows(object idx, Py_ssize_t extent):
    """Positions as a node; those that a program computes stay values of the program."""
    if is_position(idx):
        return row_positions(idx)
    return wrap_ndarray(checked_rows(np.asarray(value(idx)), extent), True)


def concatenate(arrays, int axis=0):
    """Join arrays along an existing axis."""
    cdef list nodes = [as_node(a) for a in arrays]
    cdef int ndim
    if not nodes:
        raise ValueError("need at least one array to concatenate")
    shape = shape_tuple(nodes[0])
    ndim = len(shape)
    if ndim == 0:
        raise misfit("zero-dimensional arrays cannot be concatenated")
    axis = normal_axes(axis, ndim)[0]
    for a in nodes:
        other = shape_tuple(a)
        if len(other) != ndim or other[:axis] + other[axis + 1:] != shape[:axis] + shape[axis + 1:]:
            raise misfit(f"concatenate: shapes {shape} and {other} differ outside axis {axis}")
    nodes = same_dtype(nodes)
    return own_copy(nodes[0]) if len(nodes) == 1 else apply_concatenate(nodes, axis)


cdef list same_dtype(list nodes):
    """Nodes cast to their common floating dtype."""
    cdef int typenum = typenum_of(<Array>nodes[0])
    for a in nodes:
        if typenum_of(<Array>a) != typenum:
            break
    else:
        return nodes
    dtype = np.result_type(*[dtype_of(a) for a in nodes])
    return [apply_cast(a, dtype.num) for a in nodes]


cdef Array truth(Array c):
    """The condition of a program: what is not boolean is compared with zero."""
    return c if typenum_of(c) == NPY_BOOL else traced_question(OP_NOT_EQUAL, c, const(0.0))


cdef object plain_call_of(object function, tuple args, dict kwargs={}):
    """A function without derivative of the values of Arrays."""
    result = hosted(function, args, kwargs)
    if result is NotImplemented:
        try:
            result = function(*[plain_key(x) for x in args], **kwargs)
        except (ValueError, IndexError) as error:
            raise with_operands(error)
    return result


cdef Array as_condition(object c):
    """Booleans of any kind as a node; whatever else as it counts in Python."""
    if type(c) is np.ndarray and np.PyArray_TYPE(c) == NPY_BOOL:
        return wrap_ndarray(c, True)
    if any_traced((c,)):
        return truth(as_node(c))
    return wrap_result(np.asarray(value(c)).astype(bool))


def where(c, a, b):
    """Elements of `a` where `c` is true, of `b` elsewhere."""
    cdef Array condition = as_condition(c)
    cdef Array x = as_node(a), y = as_node(b)
    cdef bint whole = counts_whole(x)
    if (whole or counts_whole(y)) and (whole or type(a) is int or type(a) is bool) \
            and (counts_whole(y) or type(b) is int or type(b) is bool):
        return as_node(plain_call_of(np.where, (c, a, b)))
    if not ndim_of(condition) and not is_traced_value(condition):
        condition = scalar(float_of(condition))
    return where3(condition, x, y)


cdef bint counts_whole(Array a) except -1:
    """Integers or booleans, which carry no derivative and stay what they are."""
    return not is_inexact(typenum_of(innermost(a)))


def cumsum(a, axis, reverse=False):
    """Cumulative sum along an axis."""
    cdef Array n = as_node(a)
    if not is_integer(axis):
        raise TypeError("cumsum: an integer is required for the axis")
    return apply1(OP_CUMSUM, n, (normal_axes(axis, len(shape_tuple(n)))[0], bool(reverse)))


def linrec(a, b, int axis, reverse=False):
    """t[j] = a[j] * t[j-1] + b[j] along an axis; a and b of equal shape."""
    cdef Array m = as_differentiable(a)
    cdef Array n = as_differentiable(b)
    return apply(OP_LINREC, [m, n], (normal_axes(axis, len(shape_tuple(n)))[0], bool(reverse)))


def einsum(spec, operands):
    """Explicit einsum ("ij,jk->ik") of a list of arrays."""
    return apply(OP_EINSUM, same_dtype([as_differentiable(a) for a in operands]), (spec,))


def cast(a, dtype):
    """`a` in another dtype; `a` itself where it has that."""
    cdef Array n = as_node(a)
    cdef Array out = cast_as_asked(n, np.dtype(dtype).num)
    return a if out is n and type(a) is Array else out


def real(a):
    """The real part; a real operand itself."""
    cdef Array n = as_node(a)
    return complex_part(OP_REAL, n) if holds_complex(n) else a if type(a) is Array else n


def imag(a):
    """The imaginary part; zeros for a real operand."""
    return imaginary_part(as_node(a))


def conj(a):
    """The complex conjugate; a real operand itself."""
    cdef Array n = as_node(a)
    return apply_conj(n) if holds_complex(n) else a if type(a) is Array else n


def fft(a, axes, bint inverse, str norm):
    """The discrete Fourier transform of all of a tuple of axes."""
    return apply1(OP_FFT, as_differentiable(a), (axes, inverse, norm))


def spectrum(a, axes, bint inverse, str norm, bint real):
    """The same, or (if real) the real part of it."""
    return apply1(OP_SPECTRUM, as_differentiable(a), (axes, inverse, norm, real))


def rfft(a, axis, str norm):
    """The nonnegative half of the Fourier transform of a real operand."""
    return apply1(OP_RFFT, as_differentiable(a), (axis, norm))


def irfft(a, axis, count, str norm):
    """The `count` real numbers of which `a` is the half spectrum."""
    return apply1(OP_IRFFT, as_differentiable(a), (axis, count, norm))


cdef Array matrices(str name, object a):
    """An operand of linear algebra, which has two axes at least."""
    cdef Array n = as_differentiable(a)
    if len(shape_tuple(n)) < 2:
        raise misfit(f"{name}: a matrix or a stack of them is needed, not the shape "
                     f"{shape_tuple(n)}")
    return n


def solve(a, b):
    """Solution of a x = b for (batches of) matrices b."""
    return apply(OP_SOLVE, same_dtype([matrices("solve", a), matrices("solve", b)]), None)


def inv(a):
    """Inverse of (batches of) square matrices."""
    return apply1(OP_INV, matrices("inv", a), None)


def cholesky(a):
    """Lower Cholesky factor of (batches of) symmetric positive definite matrices."""
    return apply1(OP_CHOLESKY, matrices("cholesky", a), None)


def det(a):
    """Determinants of (batches of) nonsingular matrices."""
    return apply1(OP_DET, matrices("det", a), None)


def logabsdet(a):
    """log |det a| of (batches of) square matrices."""
    return apply1(OP_LOGABSDET, matrices("logabsdet", a), None)


# ---------------------------------------------------------------- matmul for any operands

def matmul(a, b):
    """Matrix product with NumPy's rules for vectors and for stacks of matrices."""
    cdef Array x = as_node(a)
    cdef Array y = as_node(b)
    cdef tuple xs = shape_tuple(x), ys = shape_tuple(y)
    if not xs or not ys:
        raise misfit(f"matmul: operands must have at least one dimension, "
                     f"got shapes {xs} and {ys}")
    if xs[len(xs) - 1] != (ys[0] if len(ys) == 1 else ys[len(ys) - 2]):
        raise misfit(f"matmul: shapes {xs} and {ys} do not fit: the last axis of the first "
                     f"must equal the {'only' if len(ys) == 1 else 'last but one'} axis of the "
                     f"second")
    if typenum_of(innermost(x)) != typenum_of(innermost(y)):
        x, y = same_dtype([x, y])
    if len(xs) == 1:
        x = apply_reshape(x, (1,) + xs)
    if len(ys) == 1:
        y = apply_reshape(y, ys + (1,))
    out = stacked_matmul(x, y)
    if len(xs) > 1 and len(ys) > 1:
        return out
    shape = list(shape_tuple(out))
    if len(ys) == 1:
        shape.pop()
    if len(xs) == 1:
        shape.pop(len(shape) - (1 if len(ys) == 1 else 2))
    return apply_reshape(out, tuple(shape))


cdef Array stacked_matmul(Array x, Array y):
    """Equal batch axes for both operands, then the primitive."""
    cdef tuple xs = shape_tuple(x), ys = shape_tuple(y)
    cdef Py_ssize_t m = len(xs) - 2, n = len(ys) - 2
    if m or n:
        try:
            batch = np.broadcast_shapes(xs[:m], ys[:n])
        except ValueError:
            raise misfit(f"matmul: shapes {xs} and {ys} do not fit: the axes before the last two "
                         f"do not broadcast")
        x = apply_broadcast_to(x, batch + xs[m:])
        y = apply_broadcast_to(y, batch + ys[n:])
    return apply(OP_MATMUL, [x, y], None)


# ---------------------------------------------------------------- values of structural operators

cdef void install_values():
    VALUE[OP_RESHAPE] = value_reshape
    VALUE[OP_TRANSPOSE] = value_transpose
    VALUE[OP_BROADCAST_TO] = value_broadcast_to
    VALUE[OP_SUM_TO] = value_sum_to
    VALUE[OP_SUM] = value_sum
    VALUE[OP_SLICE] = value_slice
    VALUE[OP_EMBED] = value_embed
    VALUE[OP_INDEX_SET] = value_index_set
    VALUE[OP_GATHER] = value_gather
    VALUE[OP_SCATTER_ADD] = value_scatter_add
    VALUE[OP_CONCATENATE] = value_concatenate
    VALUE[OP_MATMUL] = value_matmul
    VALUE[OP_WHERE] = value_where
    VALUE[OP_CUMSUM] = value_cumsum
    VALUE[OP_LINREC] = value_linrec
    VALUE[OP_MAX] = value_max
    VALUE[OP_MIN] = value_min
    VALUE[OP_PROD] = value_prod
    VALUE[OP_LOGSUMEXP] = value_logsumexp
    VALUE[OP_NORM2] = value_norm2
    VALUE[OP_CLIP] = value_clip
    VALUE[OP_CAST] = value_cast
    VALUE[OP_CONJ] = value_conj
    VALUE[OP_REAL] = value_real
    VALUE[OP_IMAG] = value_imag
    VALUE[OP_TURNED] = value_turned
    VALUE[OP_MODULUS] = value_modulus
    VALUE[OP_FFT] = value_fft
    VALUE[OP_SPECTRUM] = value_spectrum
    VALUE[OP_RFFT] = value_rfft
    VALUE[OP_IRFFT] = value_irfft
    VALUE[OP_EINSUM] = value_einsum
    VALUE[OP_SOLVE] = value_solve
    VALUE[OP_INV] = value_inv
    VALUE[OP_CHOLESKY] = value_cholesky
    VALUE[OP_DET] = value_det
    VALUE[OP_LOGABSDET] = value_logabsdet
