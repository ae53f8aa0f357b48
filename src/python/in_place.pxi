# Changing arrays in place: versions, views, assignment and in-place operators.
#
# Knows the two roles of an array node (see node.h); it must not know derivatives.
# The node of the graph never changes: assigning makes a new version, which the
# Python object shows from then on, and a view is made again when what it looks
# at has a newer version.  Fast because constants are written straight into their
# memory, because a version that only its object refers to gives its memory to
# the next one, and because nothing is looked up for arrays that are neither
# assigned into nor views.

# ---------------------------------------------------------------- versions

cdef inline Array version(Array a):
    """The newest version of an array that is not a view."""
    return <Array><PyObject *>N(a).ext.current if N(a).flags & NODE_ALIAS else a


cdef inline Array current(Array a):
    """What users see of an array: its newest version."""
    return newest(a) if N(a).flags & (NODE_ALIAS | NODE_VIEW) else a


cdef Array newest(Array a):
    """The newest version, also of views (of views ...), made again where it is out of date."""
    cdef Array base, top
    cdef list chain
    if not N(a).flags & NODE_VIEW:
        return known_version(a)
    base = base_of(a)
    if not N(base).flags & NODE_VIEW:
        return refreshed(a, known_version(base))
    chain = [a]
    while N(base).flags & NODE_VIEW:
        chain.append(base)
        base = base_of(base)
    top = known_version(base)
    while chain:
        top = refreshed(chain.pop(), top)
    return top


cdef Ext *own_ext(Array a) except NULL:
    if N(a).ext == NULL:
        N(a).ext = ext_new(0)
    return N(a).ext


cdef int redirect(Array a, Array new) except -1:
    """Let the Python object `a` show another node from now on."""
    cdef Ext *ext = own_ext(a)
    cdef Node *previous = ext.current
    ext.current = hold(new)
    N(a).flags |= NODE_ALIAS
    _drop(previous)
    return 0


# ---------------------------------------------------------------- views

cdef inline bint is_read_only(Array a) noexcept:
    """Did NumPy, or a user by `flags.writeable`, forbid to assign to this array?  Views that were
    made of it before may still be changed."""
    return owns_objects(N(a)) and N(a).ext != NULL and N(a).ext.read_only != 0


cdef inline bint reads_places(Array a) noexcept:
    """Is this view made by reading places or parts of its base (guarded.pxi)?"""
    return owns_objects(N(a)) and N(a).ext != NULL and N(a).ext.reads != NULL


cdef inline Array base_of(Array a):
    return <Array><PyObject *>looked_at(N(a))


cdef inline int view_op(Array a) noexcept:
    return <int>N(a).ext.view_op if N(a).flags & NODE_DUAL else N(a).op


cdef inline bint same_memory(Array a, Array b) noexcept:
    """Do the values of two nodes (under their shells) lie in one block?"""
    a = innermost(a)
    b = innermost(b)
    return (N(a).flags & N(b).flags & NODE_ARRAY != 0
            and root_of(N(a).arr) == root_of(N(b).arr))


cdef inline bint merges(Array a, int op) noexcept:
    """Is one operator of this kind on what the view `a` looks at as good as two?  So a chain of
    reshapes, say, is not walked again and again."""
    return ((op == OP_RESHAPE or op == OP_TRANSPOSE) and N(a).flags & NODE_VIEW
            and view_op(a) == op and not reads_places(a)
            and not (N(a).flags & NODE_ARRAY and N(a).arr.flags & ARR_UNTRACKED))


cdef Array view_of(Array a, int op, object attrs):
    """The result of a view operator, which will show later changes of `a` and pass on its own."""
    cdef Array base, out
    cdef Node *n
    cdef Ext *ext
    cdef bint closed = is_read_only(a)
    if is_number_view(a):
        if op == OP_TRANSPOSE or (op == OP_RESHAPE and not attrs[0]):
            return a
        a = one_element(a)
    while merges(a, op):
        if op == OP_TRANSPOSE:
            attrs = (permuted(y_attrs(a)[0], attrs[0]),)
        a = base_of(a)
    base = current(a)
    if op == OP_RESHAPE and is_unsure(innermost(base), attrs[0]):
        return unsure_view(a, attrs[0])
    out = apply1(op, base, attrs)
    n = N(out)
    if not ndim_of(innermost(out)) and ndim_of(innermost(base)):
        return number_view(a, base, out, op, attrs)
    if not ndim_of(innermost(out)) or not same_memory(out, base):
        return out
    if not ndim_of(innermost(base)):
        return own_copy(out)                  # of a number, which does not change
    if n.flags & NODE_DUAL:
        ext = own_ext(out)
        ext.base = N(a)
        ext.seen = hold(base)
        ext.view_op = op
    else:
        unpin(n.arr)
        n.arr.base = <PyObject *>a
        if not levels_of(n):
            n.op = <uint8_t>op
            n.arr.flags |= ARR_UNTRACKED if levels_of(N(base)) else 0
    if n.obj == NULL:
        Py_INCREF(attrs)
        n.obj = <PyObject *>attrs
    Py_INCREF(a)
    n.flags |= NODE_VIEW
    if closed:
        own_ext(out).read_only = True
    return out


cdef bint is_fresh(Array a, Array base):
    """Was what the view `a` shows made from this version of its base?"""
    cdef Array shows = version(a)
    if N(shows).op == OP_FREED:
        return False
    if reads_places(a):
        return N(a).ext.seen == N(base) and (N(shows).p0 == NULL or N(shows).p0.op != OP_FREED)
    if (N(a).flags | N(shows).flags | N(base).flags) & NODE_DUAL:
        return N(a).ext != NULL and N(a).ext.seen == N(base)
    if N(shows).p0 != NULL:
        return N(shows).p0 == N(base)
    # A version that is tracked may have taken over the memory of the constant that the view was
    # made of (`successor`): the same numbers, and no derivative.
    return same_memory(shows, base) and (N(a).arr.flags & ARR_UNTRACKED
                                         or not recording(levels_of(N(base))))


cdef Array refreshed(Array a, Array base):
    """The newest version of a view, given that of what it looks at."""
    cdef Array out
    cdef int paused = cdiff_tls.paused
    cdef Node *seen
    if is_fresh(a, base):
        return version(a)
    if is_unsure_view(a) and N(a).ext.seen != N(base):
        raise unsure(shape_tuple(version(a)))
    cdiff_tls.paused = N(a).flags & NODE_ARRAY and N(a).arr.flags & ARR_UNTRACKED
    try:
        out = (read_part(base, <object>N(a).ext.reads) if reads_places(a)
               else apply1(view_op(a), base, y_attrs(a)))
    finally:
        cdiff_tls.paused = paused
    redirect(a, out)
    seen = N(a).ext.seen
    N(a).ext.seen = NULL
    if N(out).flags & NODE_ARRAY and same_memory(out, base):
        unpin(N(out).arr)
    elif N(out).flags & NODE_DUAL or reads_places(a):
        N(a).ext.seen = hold(base)
    _drop(seen)
    return out


cdef tuple composed(tuple outer, tuple inner):
    """The index whose part is part `inner` of part `outer`."""
    cdef list out = []
    cdef Py_ssize_t i, k = 0
    for i in range(0, len(outer), 3):
        if outer[i + 2] < 0:
            out += outer[i:i + 3]
        else:
            out += [outer[i] + outer[i + 1] * inner[k], outer[i + 1] * inner[k + 1], inner[k + 2]]
            k += 3
    return tuple(out)


cdef inline bint is_part(Array a) noexcept:
    """Is this a view made by indexing, so that an index into it is one into its base?"""
    return (N(a).flags & NODE_VIEW and view_op(a) == OP_SLICE
            and not (N(a).flags & NODE_ARRAY and N(a).arr.flags & ARR_UNTRACKED))


cdef Array part_of(Array a, tuple index, bint views=True):
    """a[index] as a view; a part of a part is a part of the whole, as in NumPy.  One element is a
    number, unless it `views`."""
    cdef bint keeps_axis = False, closed = is_read_only(a)
    cdef Array out
    cdef Py_ssize_t i
    for i in range(2, len(index), 3):
        keeps_axis = keeps_axis or index[i] >= 0
    if views and is_number_view(a):
        return a
    if not keeps_axis and not (views and ndim_of(innermost(a))):
        return apply_slice(current(a), index)
    while is_part(a):
        index = composed(y_attrs(a)[0], index)
        a = base_of(a)
    out = view_of(a, OP_SLICE, (index,))
    if closed and N(out).flags & NODE_VIEW:
        own_ext(out).read_only = True
    return out


# ---------------------------------------------------------------- may it be changed?

cdef inline bint is_leaf(Array a) noexcept:
    """A leaf whose `grad` is filled by `backward`."""
    return N(a).op == OP_LEAF and (N(a).flags & level_bit(0)) != 0


cdef inline bint is_number(const Node *n) noexcept nogil:
    """A float64 without axes has no memory to be changed; some sweeps leave a block of one."""
    return not n.flags & NODE_ARRAY or (n.arr.ndim == 0 and n.arr.typenum == NPY_DOUBLE)


cdef int check_changeable(Array a) except -1:
    """Raise, before anything happens, where an in-place change is impossible."""
    if is_read_only(a):
        raise ValueError("assignment destination is read-only")
    while True:
        if is_number(N(innermost(a))) and not N(a).flags & NODE_VIEW:
            raise TypeError("cdiff: a scalar cannot be changed in place; assign to the name "
                            "instead")
        if N(a).op == OP_BROADCAST_TO or N(innermost(a)).op == OP_BROADCAST_TO:
            raise ValueError("assignment destination is read-only: it was made by broadcasting; "
                             "take a .copy() first")
        if N(innermost(a)).op == OP_REAL or N(innermost(a)).op == OP_IMAG:
            raise ValueError("assignment destination is read-only: it is a part of complex numbers;"
                             " assign complex numbers to the whole, or take a .copy() first")
        if is_leaf(a) and not is_paused(cdiff_tls.paused):
            raise RuntimeError("an array made with requires_grad=True cannot be changed in place "
                               "while operations are recorded; change it inside `with "
                               "cdiff.no_grad():`, or work on x.copy()")
        if not N(a).flags & NODE_VIEW:
            return 0
        a = base_of(a)


cdef inline bint is_constant(Array a) noexcept:
    """No derivative will flow through this value, as things are now."""
    return not N(a).flags & NODE_DUAL and not recording(levels_of(N(a)))


cdef bint free_memory(Node *n) noexcept:
    """Memory of our own that neither a derivative nor an ndarray looks at."""
    cdef Arr *root = root_of(n.arr)
    return (not n.flags & NODE_SAVED and root.base == NULL and root.pins == 0
            and not root.flags & (ARR_BORROWED | ARR_SAVED))


cdef bint is_spare(Node *n) noexcept:
    """Is this newest version an array whose memory nobody but its object can see?"""
    return (n.flags & NODE_ARRAY and Py_REFCNT(<PyObject *>n) == 0 and n.arr.owner == NULL
            and free_memory(n))


cdef bint writes_through(Array a) noexcept:
    """May a constant be written straight into the memory of this array, and of what it views?"""
    cdef Node *n
    while True:
        n = N(a)
        if n.flags & NODE_ALIAS:
            n = n.ext.current
            if n.flags & NODE_ARRAY and Py_REFCNT(<PyObject *>n):
                return False
        elif n.flags & NODE_ARRAY and n.arr.holders:
            return False
        if not n.flags & NODE_ARRAY or not free_memory(n) or (levels_of(n) and n.op != OP_LEAF):
            return False
        if not N(a).flags & NODE_VIEW:
            return True
        a = base_of(a)


# ---------------------------------------------------------------- new versions

cdef Array as_version(Array a, Array new):
    """The next version of `a`; that of a leaf is a leaf which passes its gradient on to `a`."""
    if not is_leaf(a):
        return new
    need(new)
    if N(new).flags & NODE_DUAL:
        raise RuntimeError("an array made with requires_grad=True cannot hold a value that a "
                           "transformation tracks; work on x.copy()")
    N(new).op = OP_LEAF
    N(new).flags |= <uint32_t>level_bit(0)
    N(new).p0 = hold(a)
    return new


cdef int store(Array a, Array new) except -1:
    """`new` (a fresh node) is the value of `a` from now on; a view hands it on to its base."""
    cdef Array base
    cdef int op
    while N(a).flags & NODE_VIEW:
        if is_unsure_view(a):
            part_ways(a)
            break
        base = base_of(a)
        op = view_op(a)
        if op == OP_SLICE:
            return store_part(base, y_attrs(a)[0], new)
        if op == OP_RESHAPE:
            new = apply_reshape(new, shape_tuple(base))
        else:
            new = apply_transpose(new, inverse_permutation(y_attrs(a)[0]))
        a = base
    in_order(new)
    set_order(new, may_be_turned(version(a)))
    return redirect(a, as_version(a, new))


cdef int in_order(Array a) except -1:
    """Put a fresh value into C order: assigning must not change which reshapes are views."""
    while N(a).flags & NODE_DUAL and N(a).p0 != NULL:
        a = <Array><PyObject *>N(a).p0
    if N(a).flags & NODE_ARRAY and not N(a).arr.flags & ARR_CONTIGUOUS:
        own_memory(a)
    return 0


cdef int store_part(Array a, tuple index, Array v) except -1:
    """a[index] = v for a node that fits."""
    cdef Array new
    cdef bint spare, turned
    while is_part(a):
        index = composed(y_attrs(a)[0], index)
        a = base_of(a)
    if N(a).flags & NODE_VIEW:
        return store(a, apply_index_set(current(a), v, index))
    spare = N(a).flags & NODE_ALIAS and (
        is_spare(N(a).ext.current) or is_spare_dual(N(a).ext.current))
    turned = may_be_turned(version(a))
    new = updated(version(a), v, index, spare)
    set_order(new, turned)
    return redirect(a, as_version(a, new))


cdef bint is_spare_dual(Node *n) noexcept:
    return n.flags & NODE_DUAL and n.p0 != NULL and Py_REFCNT(<PyObject *>n) == 1


cdef bint is_spare_inside(Node *n) noexcept:
    """The same for the primal and the tangent of a spare dual."""
    return is_spare_dual(n) or (is_spare(n) and n.arr.holders == 1)


cdef Array updated(Array a, Array v, tuple index, bint spare):
    """A new node: `a` with a[index] = v; if it is `spare`, in its memory."""
    cdef Array y
    if (N(a).flags | N(v).flags) & NODE_DUAL:
        return updated_dual(a, v, index, spare)
    # A program that records v reads what comes from outside of it again, in another run or
    # derivative: the memory of that stays what it is.
    if spare and N(a).flags & NODE_ARRAY and not tracing(levels_of(N(v)) & ~levels_of(N(a))):
        need(a)
        y = successor(a)
        copy_in_place(slice_view(y, index), v)
        if recording(levels_of(N(a)) | levels_of(N(v))):
            attach(y, OP_INDEX_SET, [a, v], STRUCT_SAVES[OP_INDEX_SET], (index,))
    else:
        y = apply_index_set(a, v, index)
    N(y).arr.flags |= ARR_WRITTEN
    return y


cdef Array updated_dual(Array a, Array v, tuple index, bint spare):
    cdef int level = larger(dual_level(a), dual_level(v))
    cdef Array p, t, tv = tangent_at(v, level)
    cdef bint spare_p = False, spare_t = False
    cdef list inside = entered_all([a, v])
    if inside is not None:
        return updated(inside[0], inside[1], index, False)
    # Asked before the variables here refer to the two as well.
    if spare and dual_level(a) == level:
        spare_p = is_spare_inside(N(a).p0)
        spare_t = is_spare_inside(N(a).p1)
    p = primal_at(a, level)
    t = tangent_at(a, level)
    if t is None:
        t = zeros_like_node(p)
    p = updated(p, primal_at(v, level), index, spare_p)
    t = updated(t, scalar(0.0) if tv is None else tv, index, spare_t)
    return make_dual(p, t, level)


cdef Array successor(Array a):
    """A fresh node that takes over the memory of `a`, whose value nobody reads any more."""
    cdef Arr *empty = gone(N(a).arr)
    cdef Arr *r = N(a).arr
    cdef Array y
    r.refcnt += 1
    try:
        y = steal(array_node(r))
    except MemoryError:
        block_release(empty)
        raise
    replace_block(N(a), empty)
    r.holders = 0
    return y


# ---------------------------------------------------------------- assignment

cdef int assign(Array a, object key, object value) except -1:
    """a[key] = value: the Python object a shows a new version, the graph keeps the old one."""
    cdef Array v, old, new
    cdef BasicKey basic = None
    cdef bint plain = True
    check_changeable(a)
    if type(key) is int and type(value) is float and assign_number(a, key, value):
        return 0
    mask = mask_of(a, key)
    if mask is not None:
        return assign(one_element(a), mask, value)
    v = as_node(value)
    old = current(a)
    refuse_in_reals(old, v)
    new = set_computed(old, key, assignable(old, v)) if cdiff_tls.tracing else None
    if new is not None:
        return store(a, new)
    key = plain_key(key)
    if isinstance(key, tuple):
        check_ellipses(key)
    for k in (key if isinstance(key, tuple) else (key,)):
        plain = plain and is_basic(k)
    if plain:
        basic = parse_basic(old, key if isinstance(key, tuple) else (key,))
    if is_number_view(a):
        return store(a, one_number(old, key, v))
    if is_constant(old) and is_constant(v):
        old = None
        return assign_constant(a, key, basic, v, value)
    v = assignable(old, v)
    if basic is None:
        return store(a, set_advanced(old, key, v))
    if basic.final_shape is not None or ndim_of(innermost(v)):
        v = fit_assignment(v, basic)
    old = None
    return store_part(a, basic.index, v)


cdef Array one_number(Array old, object key, Array v):
    """What is assigned to an array without axes, of which `key` has to be all."""
    for k in (key if isinstance(key, tuple) else (key,)):
        if k is not None and k is not Ellipsis:
            raise bad_index(f"index {k!r} into an array without axes: only [()] and [...] are part "
                            f"of it")
    if size_of(innermost(v)) != 1:
        raise misfit(f"cannot assign values of shape {shape_tuple(v)} to an array without axes")
    v = apply_reshape(v, ()) if ndim_of(innermost(v)) else v
    return own_copy(assignable(old, v))


cdef bint assign_number(Array a, object key, double value) except -1:
    """a[i] = number straight into a vector of float64 constants, if it is one."""
    cdef Arr *r
    cdef Py_ssize_t i
    current(a)                                # a view is made again where it is out of date
    if not writes_through(a):
        return False
    r = N(version(a)).arr
    if r.ndim != 1 or r.typenum != NPY_DOUBLE:
        return False
    i = wrap_index(key, ARR_SHAPE(r)[0], 0)
    (<double *>(r.data + i * ARR_STRIDES(r)[0]))[0] = value
    root_of(r).flags |= ARR_WRITTEN
    return True


cdef int assign_constant(Array a, object key, BasicKey basic, Array v, object given) except -1:
    """Constants: written by NumPy, which refuses what integers cannot hold if it sees what was
    given, or by us where that is the same and faster."""
    cdef bint direct = writes_through(a)
    cdef Array target = current(a) if direct else contiguous_copy(current(a))
    if basic is not None and is_inexact(typenum_of(target)) and not ndim_of(v) \
            and basic.final_shape is None:
        copy_in_place(slice_view(target, basic.index), v)
    else:
        try:
            export(target, NPY_ARRAY_WRITEABLE)[key] = numpy_operand(innermost(v)) \
                if holds_nodes(given) else given
        except (ValueError, IndexError) as error:
            raise with_operands(error)
    root_of(N(target).arr).flags |= ARR_WRITTEN
    return 0 if direct else store(a, target)


cdef Array set_item(Array a, object key, Array v):
    """A new node: `a` with a[key] = v."""
    cdef BasicKey basic
    cdef Array new
    cdef tuple keys
    v = assignable(a, v)
    new = set_computed(a, key, v) if cdiff_tls.tracing else None
    if new is not None:
        return new
    key = plain_key(key)
    keys = key if isinstance(key, tuple) else (key,)
    for k in keys:
        if not is_basic(k):
            return set_advanced(a, key, v)
    basic = parse_basic(a, keys)
    if basic.final_shape is not None or ndim_of(innermost(v)):
        v = fit_assignment(v, basic)
    return apply_index_set(a, v, basic.index)


# ---------------------------------------------------------------- operators

cdef object in_place(int op, Array a, object other):
    """NumPy's in-place operators: the object shows the result, in its own dtype and shape."""
    cdef Array old = current(a)
    cdef Array b = try_node(other)
    cdef Array new
    if b is None:
        return NotImplemented
    if not shape_tuple(old) and (op == OP_MATMUL or not is_number_view(a)):
        return matmul(old, b) if op == OP_MATMUL else ew2(op, old, b)
    check_changeable(a)
    if not is_inexact(typenum_of(innermost(old))):
        refuse_in_integers(old, b)
        if op == OP_MATMUL and ndim_of(innermost(b)) < 2:
            raise misfit(f"in-place matmul: the second operand, of shape {shape_tuple(b)}, needs "
                         f"two axes at least")
        new = whole_numbers(IN_PLACE_UFUNCS[op], old, plain_key(other))
    else:
        new = matmul(old, b) if op == OP_MATMUL else ew2(op, old, b)
        if shape_tuple(new) != shape_tuple(old):
            raise misfit(f"in-place {op_name(op)}: the result of shape {shape_tuple(new)} does "
                         f"not fit the array of shape {shape_tuple(old)}")
        new = assignable(old, new)
    old = None
    store(a, new)
    return a


cdef dict IN_PLACE_UFUNCS = {
    OP_ADD: np.add, OP_SUBTRACT: np.subtract, OP_MULTIPLY: np.multiply, OP_DIVIDE: np.divide,
    OP_POWER: np.power, OP_FLOOR_DIVIDE: np.floor_divide, OP_REMAINDER: np.remainder,
    OP_MATMUL: np.matmul}


cdef Array whole_numbers(object ufunc, Array a, object other):
    """An in-place operator on integers or booleans: NumPy's rules, and its errors."""
    cdef Array out = contiguous_copy(innermost(a))
    ufunc(shown(a), other, out=export(out, NPY_ARRAY_WRITEABLE))
    return out


cdef object in_place_bits(object ufunc, Array a, object other):
    """The operators &=, |=, ^=, <<= and >>=."""
    check_changeable(a)
    store(a, whole_numbers(ufunc, current(a), plain_key(other)))
    return a
