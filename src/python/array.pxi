# The Python face of a node: the class `Array` and its operator slots.
#
# Knows Python's and NumPy's protocols; what an operator does is decided below, or in functions of
# the package.  Fast because the slots of arithmetic are C functions: numbers need no dispatch.

import math

cdef object dtype_of(Array a):
    return <object>np.PyArray_DescrFromType(typenum_of(innermost(a)))


@cython.final
cdef class Array:
    """A NumPy-like array (or number) that remembers how it was computed.

    Make one with `cdiff.array`; inside `grad`, `jvp` and friends the arguments are Arrays.
    Operators, NumPy functions (`np.sin(x)`, `np.concatenate([x, y])`) and ndarray methods work and
    are differentiated.  Whatever would lose a derivative silently raises an error that says what
    to write instead.

    Examples
    --------
    >>> import cdiff as cd
    >>> x = cd.array([1.0, 2.0], requires_grad=True)
    >>> y = (x ** 3).sum()
    >>> y.backward()
    >>> x.grad
    Array([ 3., 12.])
    """
    cdef double _body[6]          # the fields of Node after the object header

    # ------------------------------------------------------------ attributes

    @property
    def shape(self):
        """Tuple of axis lengths; () for a scalar."""
        return shape_tuple(self)

    @shape.setter
    def shape(self, shape):
        raise AttributeError(f"shape {self.shape} is kept; write x = x.reshape({shape})")

    @shape.deleter
    def shape(self):
        raise AttributeError("an array has a shape for ever")

    @property
    def ndim(self):
        """Number of axes."""
        return ndim_of(innermost(self))

    @property
    def size(self):
        """Number of elements."""
        return size_of(innermost(self))

    @property
    def dtype(self):
        """NumPy dtype of the elements."""
        return dtype_of(self)

    @property
    def itemsize(self):
        """Bytes per element."""
        return dtype_of(self).itemsize

    @property
    def nbytes(self):
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def T(self):
        """The array with its axes reversed."""
        return view_of(self, OP_TRANSPOSE, (tuple(range(self.ndim - 1, -1, -1)),))

    @property
    def mT(self):
        """The array with its last two axes swapped."""
        ndim = self.ndim
        if ndim < 2:
            raise misfit("matrix transpose needs at least two axes")
        return view_of(self, OP_TRANSPOSE, (tuple(range(ndim - 2)) + (ndim - 1, ndim - 2),))

    @property
    def base(self):
        """The array whose memory this one is a view of; None if it is no view."""
        cdef Array a = self
        while N(a).flags & NODE_VIEW:
            a = base_of(a)
        return None if a is self else a

    @property
    def flat(self):
        """The elements in C order: iterated, indexed and assigned into as NumPy's."""
        return face_method("flat")(self)

    @flat.setter
    def flat(self, value):
        face_method("flat=")(self, value)

    @property
    def real(self):
        """The real part; a real array itself."""
        return view_of_parts(self, OP_REAL)

    @real.setter
    def real(self, value):
        face_method("real=")(self, value)

    @property
    def imag(self):
        """The imaginary part; zeros for a real array."""
        return view_of_parts(self, OP_IMAG)

    @imag.setter
    def imag(self, value):
        face_method("imag=")(self, value)

    def conj(self):
        """The complex conjugate; a real array itself."""
        return self if not holds_complex(self) else apply_conj(current(self))

    def conjugate(self):
        """The complex conjugate; a real array itself."""
        return self.conj()

    @property
    def requires_grad(self):
        """Is this a leaf whose `grad` is filled by `backward`?"""
        return N(self).op == OP_LEAF and (N(self).flags & level_bit(0)) != 0

    @property
    def grad(self):
        """Gradient accumulated by `backward` (an Array), None before the first; leaves only."""
        if N(self).op != OP_LEAF or N(self).p1 == NULL:
            return None
        return <object><PyObject *>N(self).p1

    @grad.setter
    def grad(self, value):
        if N(self).op != OP_LEAF:
            raise AttributeError("grad: only leaves (requires_grad=True) have a gradient")
        set_gradient(self, None if value is None else fitting_gradient(self, value))

    @grad.deleter
    def grad(self):
        self.zero_grad()

    def zero_grad(self):
        """Forget the accumulated gradient."""
        if N(self).op == OP_LEAF:
            set_gradient(self, None)

    def backward(self, v=None, retain_graph=False):
        """Accumulate vector-Jacobian products into the `grad` of every leaf this array depends on.

        Parameters
        ----------
        v : array_like of this array's shape, optional
            The cotangent; ones by default, that is, the gradient of the sum of the elements.
        retain_graph : bool
            Keep the graph, so that `backward` can be called again.

        Raises
        ------
        RuntimeError
            If the array depends on no leaf, or its graph was freed by an earlier call.
        ValueError
            If `v` has another shape.

        Examples
        --------
        >>> import cdiff as cd
        >>> x = cd.array([1.0, 2.0, 3.0], requires_grad=True)
        >>> y = 2 * x
        >>> y.backward([1.0, 2.0, 3.0])
        >>> x.grad
        Array([2., 4., 6.])
        """
        backward_from(self, v, retain_graph)

    def detach(self):
        """The same value as a constant (no derivative flows through it)."""
        return stopped_inside(current(self))

    def numpy(self):
        """The value as a read-only ndarray that shares memory; no derivative."""
        return shown(self)

    def item(self, *args):
        """The value as a Python number; the derivative is dropped on purpose."""
        return shown(self).item(*args)

    def tolist(self):
        """The values as nested lists of Python numbers; the derivative is dropped on purpose."""
        return shown(self).tolist()

    def copy(self, order="C"):
        """The same value under a new name, still tracked."""
        if order != "C":
            check_words("copy", order, "same_kind")
        return laid_out(changeable_as(self, own_copy(current(self))), order)

    def astype(self, dtype, order="K", casting="unsafe", subok=True, copy=True):
        """The array in another dtype; differentiable between float64 and float32."""
        wanted = np.dtype(dtype)
        if order != "K":
            check_words("astype", order, "same_kind")
        if not np.can_cast(dtype_of(self), wanted, casting):
            raise bad_dtype(f"astype: cannot cast {dtype_of(self)} to {wanted} "
                            f"with casting={casting!r}")
        if not is_inexact(wanted.num):
            check_lossless(current(self), wanted.num)
            if holds_complex(self):
                return cast_as_asked(current(self), wanted.num)
            if is_traced_value(current(self)):
                return apply_cast(current(self), wanted.num)
            return shown(self).astype(wanted)
        a = current(self)
        out = cast_as_asked(a, wanted.num)
        if out is a and not copy:
            return self
        return laid_out(changeable_as(self, own_copy(a) if out is a else out), order)

    # ------------------------------------------------------------ shape

    def reshape(self, *shape, order="C", copy=None):
        """The elements in another shape, as `ndarray.reshape`."""
        if copy is not None:
            shape = shape[0] if len(shape) == 1 else shape
            return face_function(np.reshape)(self, shape, order, copy=copy)
        if watching:
            return watched_function(_reshape, (self, shape, order), {})
        return reshaped(self, shape, order)

    def transpose(self, *axes):
        """The array with its axes permuted, as `ndarray.transpose`."""
        if len(axes) == 1 and (axes[0] is None or not is_integer(axes[0])):
            axes = () if axes[0] is None else tuple(axes[0])
        if not axes:
            return self.T
        return view_of(self, OP_TRANSPOSE, (checked_permutation(axes, self.ndim),))

    def sum(self, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=True):
        """Sum over axes, as `ndarray.sum`."""
        a = current(self)
        if dtype is not None or out is not None or initial is not None or where is not True \
                or not is_inexact(typenum_of(innermost(a))) or type(keepdims) is not bool \
                or (axis is not None and not ndim_of(innermost(a))):
            return face_method("sum")(self, axis=axis, dtype=dtype, out=out, keepdims=keepdims,
                                      initial=initial, where=where)
        return reduction(OP_SUM, a, axis, keepdims)

    # ------------------------------------------------------------ items

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a scalar array")
        return self.shape[0]

    def __getitem__(self, key):
        return watched_function(_indexing, (self, key), {}) if watching else get_item(self, key)

    def __setitem__(self, key, value):
        if watching:
            watched_function(_assignment, (self, key, value), {})
        else:
            assign(self, key, value)

    def __delitem__(self, key):
        raise ValueError("cannot delete array elements; numpy.delete makes an array without them")

    def __iter__(self):
        if not self.shape:
            raise TypeError("iteration over a scalar array")
        return map(self.__getitem__, range(self.shape[0]))  # each is read in its turn

    def __contains__(self, value):
        if cdiff_tls.tracing and (type(value) is Array or isinstance(value, (int, float, complex))):
            return bool(np.any(self == value))  # which is all that is decided
        return bool(np.any(shown(self) == plain_key(value)))

    # ------------------------------------------------------------ conversions

    def __bool__(self):
        cdef Array a = current(self)
        if is_traced_value(a) and size_of(innermost(a)) == 1:
            a = traced_question(OP_NOT_EQUAL, a, const(0.0))
            return bool(shown(a))
        if not N(self).flags & NODE_SLOW:
            return N(self).v != 0.0
        return bool(shown(self))

    def __float__(self):
        return float_of(converted(
            self, "float()",
            "keep it an Array (use cdiff.numpy or np functions instead of the math module, "
            "cdiff.numpy.array([x, y]) instead of np.array([x, y]), a cdiff array instead of a "
            "plain ndarray on the left of a[i] = x), or write x.item() to drop the derivative"))

    def __int__(self):
        return int(rounded(OP_TRUNC, self))

    def __floor__(self):
        return math.floor(rounded(OP_FLOOR, self))

    def __ceil__(self):
        return math.ceil(rounded(OP_CEIL, self))

    def __trunc__(self):
        return int(self)

    def __reversed__(self):
        return map(self.__getitem__, range(len(self) - 1, -1, -1))

    def __index__(self):
        if is_inexact(typenum_of(innermost(self))):
            raise TypeError(f"only integer arrays can be an index; this one is of dtype "
                            f"{dtype_of(self)}")
        return shown(self).__index__()

    def __complex__(self):
        cdef Array a = converted(self, "complex()",
                                 "keep it an Array, or write x.item() to drop the derivative")
        return complex(ndarray_of(a).item() if holds_complex(a) else float_of(a))

    def __array__(self, dtype=None, copy=None):
        cdef int levels = derivative_levels(current(self))
        out = (face_method("__array__")(self, levels != 0)  # see cdiff/numpy/_foreign.py
               if levels or is_traced_value(current(self)) else None)
        if out is not None:
            return out
        out = ndarray_of(converted(
            self, "conversion to a NumPy array", "use cdiff.numpy.array or cdiff.numpy.stack to "
            "build arrays from tracked values, a.numpy() to drop the derivative, or a cdiff array "
            "(cdiff.numpy.zeros) to assign into"))
        return out if not copy and dtype is None else np.array(out, dtype=dtype, copy=copy)

    def __round__(self, ndigits=0):
        return face_method("round")(self, ndigits or 0)

    def __repr__(self):
        text = np.array2string(told(self), separator=", ", prefix="Array(")
        if not self.size and self.shape != (0,):
            text += f", shape={self.shape}"
        dtype = "" if dtype_of(self) == np.float64 else f", dtype={dtype_of(self)}"
        if self.requires_grad:
            return f"Array({text}{dtype}, requires_grad=True)"
        return f"Array({text}{dtype}{', tracked' if is_tracked(self) else ''})"

    def __str__(self):
        return str(told(self))

    def __format__(self, spec):
        value = told(self)                       # looking decides nothing
        return format(value.item() if self.size == 1 else value, spec) if spec else str(value)

    def __reduce__(self):
        return rebuild, (self.__getstate__(), self.requires_grad, self.grad, is_number_view(self))

    def __getstate__(self):
        if is_tracked(self) and not self.requires_grad:
            raise TypeError("a tracked array cannot be pickled: its graph would be lost; pickle "
                            "x.detach(), or the leaves")
        return np.array(shown(self))

    def __copy__(self):
        return changeable_as(self, own_copy(current(self)))

    def __deepcopy__(self, memo):
        if not self.requires_grad and self.grad is None:
            return self.__copy__()
        return rebuild(self.__getstate__(), self.requires_grad, self.grad)

    # ------------------------------------------------------------ operators
    # The first five are replaced by C slots (below); these keep the names callable.

    def __add__(x, y):
        return binary(OP_ADD, x, y)

    def __radd__(self, other):
        return binary(OP_ADD, other, self)

    def __sub__(x, y):
        return binary(OP_SUBTRACT, x, y)

    def __rsub__(self, other):
        return binary(OP_SUBTRACT, other, self)

    def __mul__(x, y):
        return binary(OP_MULTIPLY, x, y)

    def __rmul__(self, other):
        return binary(OP_MULTIPLY, other, self)

    def __truediv__(x, y):
        return binary(OP_DIVIDE, x, y)

    def __rtruediv__(self, other):
        return binary(OP_DIVIDE, other, self)

    def __neg__(self):
        return ew1(OP_NEGATIVE, current(self))

    def __floordiv__(x, y):
        return binary(OP_FLOOR_DIVIDE, x, y)

    def __rfloordiv__(self, other):
        return binary(OP_FLOOR_DIVIDE, other, self)

    def __mod__(x, y):
        return binary(OP_REMAINDER, x, y)

    def __rmod__(self, other):
        return binary(OP_REMAINDER, other, self)

    def __divmod__(x, y):
        return both_parts(x, y)

    def __rdivmod__(self, other):
        return both_parts(other, self)

    def __pow__(x, y, modulo):
        if modulo is not None:
            raise TypeError("pow with a modulus is not supported")
        return power_of(x, y)

    def __rpow__(self, other, modulo):
        if modulo is not None:
            raise TypeError("pow with a modulus is not supported")
        return power_of(other, self)

    def __matmul__(x, y):
        return product_or_not(x, y)

    def __rmatmul__(self, other):
        return product_or_not(other, self)

    def __pos__(self):
        return ew1(OP_POSITIVE, current(self))

    def __abs__(self):
        return ew1(OP_ABSOLUTE, current(self))

    def __invert__(self):
        return plain_call_of(np.invert, (self,))

    # Bits carry no derivative: NumPy's functions of the values, with its errors for floats.

    def __and__(self, other):
        return bitwise(np.bitwise_and, self, other)

    def __rand__(self, other):
        return bitwise(np.bitwise_and, other, self)

    def __or__(self, other):
        return bitwise(np.bitwise_or, self, other)

    def __ror__(self, other):
        return bitwise(np.bitwise_or, other, self)

    def __xor__(self, other):
        return bitwise(np.bitwise_xor, self, other)

    def __rxor__(self, other):
        return bitwise(np.bitwise_xor, other, self)

    def __lshift__(self, other):
        return bitwise(np.left_shift, self, other)

    def __rlshift__(self, other):
        return bitwise(np.left_shift, other, self)

    def __rshift__(self, other):
        return bitwise(np.right_shift, self, other)

    def __rrshift__(self, other):
        return bitwise(np.right_shift, other, self)

    def __lt__(self, other):
        return compare(self, other, Py_LT)

    def __le__(self, other):
        return compare(self, other, Py_LE)

    def __eq__(self, other):
        return compare(self, other, Py_EQ)

    def __ne__(self, other):
        return compare(self, other, Py_NE)

    def __gt__(self, other):
        return compare(self, other, Py_GT)

    def __ge__(self, other):
        return compare(self, other, Py_GE)

    # ------------------------------------------------------------ in place

    def __iadd__(self, other):
        return in_place(OP_ADD, self, other)

    def __isub__(self, other):
        return in_place(OP_SUBTRACT, self, other)

    def __imul__(self, other):
        return in_place(OP_MULTIPLY, self, other)

    def __itruediv__(self, other):
        return in_place(OP_DIVIDE, self, other)

    def __ipow__(self, other):
        return in_place(OP_POWER, self, other)

    def __ifloordiv__(self, other):
        return in_place(OP_FLOOR_DIVIDE, self, other)

    def __imod__(self, other):
        return in_place(OP_REMAINDER, self, other)

    def __imatmul__(self, other):
        return in_place(OP_MATMUL, self, other)

    def __iand__(self, other):
        return in_place_bits(np.bitwise_and, self, other)

    def __ior__(self, other):
        return in_place_bits(np.bitwise_or, self, other)

    def __ixor__(self, other):
        return in_place_bits(np.bitwise_xor, self, other)

    def __ilshift__(self, other):
        return in_place_bits(np.left_shift, self, other)

    def __irshift__(self, other):
        return in_place_bits(np.right_shift, self, other)

    # ------------------------------------------------------------ protocols of the array API

    def __array_namespace__(self, *, api_version=None):
        """`cdiff.numpy`, as the namespace of the array API standard."""
        return face_method("__array_namespace__")(self, api_version)

    @property
    def device(self):
        """Where the array is: "cpu"."""
        return "cpu"

    def to_device(self, device, /, *, stream=None):
        """The array itself: there is no other device than "cpu"."""
        if device != "cpu" or stream is not None:
            raise ValueError(f"to_device: arrays are on the device 'cpu' only, got {device!r}"
                             + (" with a stream" if stream is not None else ""))
        return self

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """The value for another library, read-only or as a copy; no derivative goes with it."""
        out = ndarray_of(converted(self, "handing the memory (DLPack)",
                                   "write x.detach() to drop the derivative"))
        if max_version is None or max_version < (1, 0):
            # The old protocol cannot say that memory is read-only.
            if copy is False:
                raise BufferError("DLPack: this array can only be exported read-only or as a copy, "
                                  "and the protocol asked for (before 1.0) knows neither")
            return np.array(out).__dlpack__(stream=stream)
        return out.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device,
                              copy=copy)

    def __dlpack_device__(self):
        """The device of the memory, for DLPack."""
        return ndarray_of(current(self)).__dlpack_device__()

    # ------------------------------------------------------------ NumPy's protocols

    __pandas_priority__ = 5000  # above a DataFrame's: what an Array meets there becomes an Array

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        for kind in types:
            if kind is not Array and kind.__array_function__ is not np.ndarray.__array_function__:
                return NotImplemented                  # who has rules of its own is asked next
        if watching:
            return watched_function(face_function(func), args, kwargs)
        function = face_function(func)
        try:
            return function(*args, **kwargs)
        except (ValueError, IndexError) as error:
            raise with_operands(error)


def rebuild(data, requires_grad, grad, bint view=False):
    """Unpickle an Array."""
    out = array(data, requires_grad=requires_grad)
    if grad is not None:
        out.grad = grad
    return own_element(out) if view else out
