# Ufuncs: NumPy's calls of them on Arrays, with out=, where=, dtype= and casting=.
#
# Knows argument forms and which operator a ufunc is; it must not know derivatives.
# Fast because a ufunc is recognised by identity in the core, without Python code
# in between.

cdef dict NUMPY_UFUNCS = {}       # operator code -> NumPy ufunc
cdef dict UFUNC_CODES = {}        # NumPy ufunc -> operator code


cdef int install_ufuncs() except -1:
    cdef int i, op
    for i in range(sizeof(UFUNC_NAMES) // sizeof(UfuncName)):
        op = UFUNC_NAMES[i].op
        ufunc = getattr(np, UFUNC_NAMES[i].name.decode(), None)
        if ufunc is not None:
            UFUNC_CODES[ufunc] = op
            NUMPY_UFUNCS.setdefault(op, ufunc)
        # Those of one operand stay functions of CPython's own type, which it calls by a shortcut.
        if OP_NARGS[op] == 2:
            as_ufunc(globals()[op_name(op)])
    for op in range(N_LOCAL):
        if DIRECT_CALL[op] != NULL:
            take_calls(globals()[op_name(op)], &GENERAL_CALL[op], DIRECT_CALL[op])
    return 0


install_ufuncs()

# Ufuncs whose results are integers or booleans, or that carry no derivative: values only.
cdef frozenset PLAIN_UFUNCS = frozenset([getattr(np, _name) for _name in (
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite",
    "isinf", "signbit", "logical_and", "logical_or", "logical_xor", "logical_not", "spacing")])


cdef str op_name(int op):
    return OP_NAMES[op].decode()


cdef object store_out(Array result, object out, object mask):
    """NumPy's out=: an Array is assigned into, anything else would lose the derivative."""
    if type(out) is not Array:
        if levels_of(N(result)):
            lost("out= or += (into a plain ndarray)",
                 "leave out= away, write a = a + x, or make the array by cdiff.numpy.zeros or "
                 "cdiff.numpy.array")
        np.copyto(out, ndarray_of(result), casting="same_kind", where=value(mask))
        return out
    shape = shape_tuple(out)
    if mask is not True:
        result = masked(result, out, mask)
    if shape_tuple(result) != shape and not extends_to(shape_tuple(result), shape):
        raise misfit(f"out=: cannot broadcast the result of shape {shape_tuple(result)} "
                     f"into an array of shape {shape}")
    if not np.can_cast(dtype_of(result), dtype_of(out), "same_kind"):
        raise bad_dtype(f"out= has dtype {dtype_of(out)}, which cannot hold a result of dtype "
                        f"{dtype_of(result)}")
    assign(<Array>out, Ellipsis, result)
    return out


cdef bint extends_to(tuple shape, tuple wide):
    """Can an array of one shape be broadcast to another one?"""
    cdef tuple last = wide[len(wide) - len(shape):]
    return len(shape) <= len(wide) and all([m == n or m == 1 for m, n in zip(shape, last)])


cdef Array masked(Array result, Array out, object mask):
    """NumPy's where=: what is in `out` stays where the mask is False."""
    kind = (mask if type(mask) is Array else np.asarray(mask)).dtype
    if kind != bool:
        raise bad_dtype(f"where= is a mask of booleans, not of dtype {kind}")
    return where(mask, result, current(out))


cdef object finish_call(object result, object out, object mask):
    """A result, or several, in the arrays that the caller gave for them, where the mask is True."""
    cdef tuple results, outs
    if out is None and mask is True:
        return result
    results = result if isinstance(result, tuple) else (result,)
    outs = out if isinstance(out, tuple) else (out,) if out is not None else (None,) * len(results)
    if len(outs) != len(results):
        raise ValueError(f"out= is a tuple of one array for each result: {len(results)}, "
                         f"not {len(outs)}")
    results = tuple([finished(y, o, mask) for y, o in zip(results, outs)])
    return results if isinstance(result, tuple) else results[0]


cdef object finished(object result, object out, object mask):
    if out is not None:
        return store_out(as_node(result), out, mask)
    if mask is not True:
        raise TypeError("where= without out= leaves elements undefined: pass a cdiff array as "
                        "out=, or write cdiff.numpy.where(mask, f(x), y)")
    return result


cdef object finish_method(object ufunc, str method, object result, object out):
    """What a method of a ufunc returns: the result in an array of its own shape, if one is given.
    """
    if isinstance(out, tuple) and len(out) == 1 and method != "outer":
        shape = np.shape(out[0])
        if out[0] is not None and shape != np.shape(result):
            raise misfit(f"{ufunc.__name__}.{method}: out has shape {shape}, the result "
                         f"{np.shape(result)}")
    return finish_call(result, out, True)


cdef int check_loop(int op, object dtype) except -1:
    """Raise where NumPy's function has no loop that gives integers, or booleans."""
    ufunc = NUMPY_UFUNCS.get(op)
    if ufunc is not None:
        every = (None,) * ufunc.nin
        ufunc.resolve_dtypes((dtype,) * ufunc.nin + (None,), signature=every + (dtype,))
    return 0


cdef Array as_asked(object x, object dtype, str casting, int op):
    """An operand in the dtype that an operator is to compute in."""
    cdef Array a = as_node(x)
    if dtype is None:
        return a
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        check_loop(op, dtype)
    weak = N(a).flags & NODE_WEAK and not (dtype.kind not in "fc" and dtype_of(a).kind in "fc")
    if not (weak or np.can_cast(dtype_of(a), dtype, casting)):
        raise bad_dtype(f"{op_name(op)}: cannot cast from {dtype_of(a)} to {dtype} by the rule "
                        f"{casting!r}")
    return cast_as_asked(a, dtype.num)


cdef object plain_call(int op, tuple args, object out, object where, object dtype):
    """No Array among the operands: NumPy's function if it has one, our kernel if not."""
    ufunc = NUMPY_UFUNCS.get(op)
    if ufunc is not None:
        if out is None and where is True and dtype is None:
            return ufunc(*args)
        return ufunc(*args, out=out, where=where, dtype=dtype)
    nodes = [as_float(as_asked(x, dtype, "same_kind", op)) for x in args]
    result = ew1(op, nodes[0]) if len(nodes) == 1 else ew2(op, nodes[0], nodes[1])
    value = plain_value(finish_call(result, None, where))
    if out is None:
        return np.float64(value) if type(value) is float else value
    out[...] = value
    return out


cdef object question_as_asked(int op, tuple operands, object out, object where, object dtype):
    """A ufunc without derivative, with keywords: as NumPy's own name has it."""
    return finish_call(plain_call_of(NUMPY_UFUNCS[op], operands,
                                     {} if dtype is None else {"dtype": dtype}), out, where)


cdef object worded_call(int op, tuple args, object out, object where, object dtype, dict words):
    """A call with keywords that hardly anybody gives: NumPy reads them, and asks Arrays."""
    ufunc = NUMPY_UFUNCS.get(op)
    if ufunc is None:
        check_words(op_name(op), words.pop("order", None), words.pop("casting", "same_kind"))
        words.pop("subok", None)
        for name in words:
            raise TypeError(f"{op_name(op)}: keyword {name} is not supported")
        ufunc = globals()[op_name(op)]
    if dtype is not None:
        words["dtype"] = dtype
    return ufunc(*[as_node(x) if holds_nodes(x) else x for x in args], out=out, where=where,
                 **words)


cdef object ufunc_call1(int op, object x, object out, object where, object dtype, dict words):
    if words:
        return worded_call(op, (x,), out, where, dtype, words)
    if type(x) is Array and out is None and where is True and dtype is None and has_partial(op):
        return ew1(op, current(<Array>x))
    if type(x) is Array or holds_nodes(x):
        if not has_partial(op) and NUMPY_UFUNCS.get(op) in PLAIN_UFUNCS:
            if out is not None or where is not True or dtype is not None:
                return question_as_asked(op, (as_node(x),), out, where, dtype)
            if any_traced((x,)):
                return traced_question(op, as_node(x), None)
            return NUMPY_UFUNCS[op](shown(as_node(x)))
        return finish_call(ufunc_value(op, (x,), dtype), out, where)
    return plain_call(op, (x,), out, where, dtype)


cdef object ufunc_call2(int op, object x1, object x2, object out, object where, object dtype,
                        dict words):
    if words:
        return worded_call(op, (x1, x2), out, where, dtype, words)
    if type(x1) is Array or type(x2) is Array or holds_nodes(x1) or holds_nodes(x2):
        if NUMPY_UFUNCS.get(op) in PLAIN_UFUNCS:
            if out is not None or where is not True or dtype is not None:
                return question_as_asked(op, (as_node(x1), as_node(x2)), out, where, dtype)
            if any_traced((x1, x2)):
                return traced_question(op, as_node(x1), as_node(x2))
            return NUMPY_UFUNCS[op](numpy_operand(innermost(as_node(x1))),
                                    numpy_operand(innermost(as_node(x2))))
        return finish_call(ufunc_value(op, (x1, x2), dtype), out, where)
    return plain_call(op, (x1, x2), out, where, dtype)


cdef object array_ufunc(object ufunc, str method, tuple inputs, dict kwargs):
    """Array.__array_ufunc__: recognise the ufunc by identity."""
    cdef object code = UFUNC_CODES.get(ufunc)
    for x in inputs:
        if has_own_protocol(x):
            return NotImplemented
    if not kwargs and code is not None and method == "__call__" and ufunc not in PLAIN_UFUNCS:
        return ufunc_value(code, inputs, None)
    out = kwargs.pop("out", None)
    where = kwargs.pop("where", True) if method == "__call__" else True
    if ufunc in PLAIN_UFUNCS:
        if method != "__call__":
            return finish_method(ufunc, method,
                                 plain_call_of(getattr(ufunc, method), inputs, kwargs), out)
        return finish_call(plain_call_of(ufunc, inputs, kwargs), out, where)
    if method != "__call__":
        return finish_method(ufunc, method, ufunc_method(ufunc, method)(*inputs, **kwargs), out)
    if kwargs:
        inputs = face_method("__loop__")(ufunc, inputs, out, kwargs)
    if code is None:
        return finish_call(face_function(ufunc)(*inputs, **kwargs), out, where)
    casting = kwargs.pop("casting", "same_kind")
    dtype = kwargs.pop("dtype", None)
    for name in kwargs:
        raise TypeError(f"{ufunc.__name__}: keyword {name} is not supported on cdiff arrays")
    return finish_call(ufunc_value(code, inputs, dtype, casting), out, where)


cdef int check_words(object called, object order, object casting) except -1:
    """What NumPy takes for `order=` and `casting=`: both make no difference to a derivative."""
    if order is not None or casting != "same_kind":
        face_method("__words__")(called, order, casting)
    return 0


cdef object ufunc_value(int op, tuple inputs, object dtype, str casting="same_kind"):
    """The value of an operator for operands of any kind, computed in a dtype if one is given."""
    if len(inputs) == 1:
        return ew1(op, as_asked(inputs[0], dtype, casting, op))
    if op == OP_POWER and type(inputs[0]) is Array and dtype is None \
            and not counts_whole(inputs[0]):
        out = power_of(inputs[0], inputs[1])
        if out is not NotImplemented:
            return out
    return ew2(op, as_asked(inputs[0], dtype, casting, op),
               as_asked(inputs[1], dtype, casting, op))


cdef bint has_own_protocol(object x) except -1:
    """Does another class than ours and NumPy's want to be asked about ufuncs?"""
    if type(x) is Array or type(x) is np.ndarray or type(x) is float or type(x) is int:
        return False
    own = getattr(type(x), "__array_ufunc__", None)
    return own is not None and own is not np.ndarray.__array_ufunc__ \
        and not isinstance(x, np.generic) and not is_column(x)


cdef object ufunc_method(object ufunc, str method):
    """np.add.reduce and friends."""
    handler = loaded_function((ufunc, method))
    if handler is None:
        raise TypeError(f"numpy.{ufunc.__name__}.{method} is not supported on cdiff arrays")
    return handler
