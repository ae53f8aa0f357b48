# Positions that a program computes: an index of integer or boolean Arrays that a trace records.
#
# Knows how to turn such a key into a gather whose positions are an operand of
# the program, so that `x[np.argmin(d)]` is no decision; it must not know how
# positions are computed, nor derivatives.  Fast because one index array, whatever
# slices stand beside it, is a gather of rows and nothing else; all other keys
# are flattened by one call for each evaluation, and NumPy says what they mean.

# ---------------------------------------------------------------- keys

cdef bint is_position(object k) except -1:
    """Is this part of a key an integer Array of a program that is being recorded?"""
    cdef Array a
    if type(k) is not Array:
        return False
    a = innermost(current(<Array>k))
    return is_traced_value(a) and not is_inexact(typenum_of(a)) and typenum_of(a) != NPY_BOOL


cdef bint holds_positions(list items) except -1:
    """Does a list in a key hold such positions?"""
    for k in items:
        if is_position(k) or isinstance(k, list) and holds_positions(k):
            return True
    return False


cdef bint is_mask(object k) except -1:
    """Is this part of a key booleans of a program that is being recorded?"""
    cdef Array a
    if type(k) is not Array:
        return False
    a = innermost(current(<Array>k))
    return is_traced_value(a) and typenum_of(a) == NPY_BOOL and ndim_of(a) > 0


cdef tuple traced_key(object key, Array a):
    """The parts of a key for `a` with positions of a trace left as Arrays, all others plain; None
    if there are no such positions.

    A mask is the positions of what is true in it; how many these are is a decision.
    """
    cdef tuple parts = key if isinstance(key, tuple) else (key,)
    cdef list out = []
    cdef bint found = False, masks = False
    if not cdiff_tls.tracing:
        return None
    for k in parts:
        masks = masks or is_mask(k)
        found = found or is_position(k) or isinstance(k, list) and holds_positions(k)
    if not found and not masks:
        return None
    parts = tuple([k if is_mask(k) or is_position(k)
                   or isinstance(k, list) and holds_positions(k) else plain_key(k) for k in parts])
    if masks or any([is_plain_mask(k) for k in parts]):
        check_masks(parts, shape_tuple(a))
    for k in parts:
        if isinstance(k, list) and holds_positions(k):
            k = hosted(np.asarray, (k,), {})
        if is_mask(k):
            out += [row_positions(rows) for rows in hosted(np.nonzero, (k,), {})]
        elif is_plain_mask(k):
            out += np.nonzero(k)
        else:
            out.append(row_positions(k) if is_position(k) else k)
    return tuple(out)


cdef bint is_plain_mask(object k):
    """Is this part of a key booleans that are no values of a trace?"""
    return isinstance(k, np.ndarray) and k.dtype == np.bool_ and k.ndim > 0


cdef int check_masks(tuple parts, tuple shape) except -1:
    """NumPy's IndexError where masks do not have the lengths of the axes that they stand for."""
    cdef list operands = [], arrays
    cdef tuple template = tuple([with_holes(k, operands) for k in parts])
    arrays = [ndarray_of(<Array>k) for k in operands]
    np.broadcast_to(np.int8(0), shape)[filled(template, arrays)]
    return 0


cdef Array row_positions(object k):
    """An integer Array as int64."""
    cdef Array a = innermost(current(<Array>k))
    return a if typenum_of(a) == np.NPY_INT64 else traced_cast(a, np.NPY_INT64)


cdef bint all_integers(tuple parts) except -1:
    """Is a key, perhaps with holes, made of integers and integer arrays only, which index the first
    axes?"""
    for k in parts:
        if not (type(k) is Array or type(k) is Hole or is_integer(k)
                or isinstance(k, np.ndarray) and k.dtype.kind in "iu"):
            return False
    return True


cdef int mask_axes(object key, Array a) except -1:
    """How many axes a key stands for that is a mask of a trace and nothing else; 0 for others."""
    cdef int lead
    if not is_mask(key):
        return 0
    lead = ndim_of(<Array>key)
    return lead if shape_tuple(<Array>key) == shape_tuple(a)[:lead] else 0


cdef Array end_to_end(Array a, int lead):
    """With the first axes as one."""
    cdef tuple shape = shape_tuple(a)
    return apply_reshape(a, (product(shape[:lead]),) + shape[lead:])


# ---------------------------------------------------------------- flat positions

cdef class Positions:
    """What a key chooses, as positions in the first `lead` axes laid end to end.

    `key` has a Hole in place of every operand.  With `assigns` the positions are those that put
    new elements, which come after the old ones, where the key says.
    """
    cdef readonly tuple shape, key
    cdef readonly Py_ssize_t lead
    cdef readonly bint assigns

    def __init__(self, shape, key, lead, assigns=False):
        self.shape = shape
        self.key = key
        self.lead = lead
        self.assigns = assigns

    def value(self, arrays):
        """The positions for these operands; IndexError if the key does not fit."""
        cdef tuple key = filled(self.key, arrays)
        cdef np.ndarray chosen, out
        chosen = joined_positions(self.shape, key) if self.pointwise() else \
            np.asarray(np.arange(product(self.shape)).reshape(self.shape)[key])
        if not self.assigns:
            return chosen
        size = product(self.shape)
        out = np.arange(size)
        out[chosen.ravel()] = size + np.arange(chosen.size)
        return out

    def pointwise(self):
        """Do the integer arrays of the key broadcast, with no other axes between?"""
        return 0 < len(self.key) == self.lead and all_integers(self.key)

    def batched(self, size, flags):
        """The same for many points at once."""
        return HostedRows(self, size, flags)

    def __reduce__(self):
        return Positions, (self.shape, self.key, self.lead, self.assigns)

    def __repr__(self):
        return "positions"


cdef np.ndarray joined_positions(tuple shape, tuple key):
    """Integer arrays, one for each of the first axes, as positions in those axes."""
    cdef np.ndarray rows, out = checked_rows(np.asarray(key[0]), shape[0])
    cdef int axis
    for axis in range(1, len(key)):
        rows = checked_rows(np.asarray(key[axis]), shape[axis], axis)
        if np.PyArray_SAMESHAPE(out, rows):
            join_rows(<int64_t *>np.PyArray_DATA(out), <int64_t *>np.PyArray_DATA(rows),
                      np.PyArray_SIZE(out), shape[axis])
        else:
            try:
                out = np.ascontiguousarray(out * np.int64(shape[axis]) + rows)
            except ValueError:
                raise IndexError(
                    "shape mismatch: indexing arrays could not be broadcast together with shapes "
                    + " ".join([str(np.shape(k)) for k in key])) from None
    return out


cdef void join_rows(int64_t *out, const int64_t *rows, Py_ssize_t count, int64_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        out[i] = out[i] * n + rows[i]


cdef Array computed_positions(tuple shape, tuple parts, Py_ssize_t lead, bint assigns):
    """Positions as a value of the program."""
    cdef list operands = []
    cdef tuple template = tuple([with_holes(k, operands) for k in parts])
    return apply_call(operands, (Positions(shape, template, lead, assigns),))


# ---------------------------------------------------------------- reading

def choice(shape, key):
    """What a key chooses of an array of this shape; IndexError if it does not fit."""
    return np.broadcast_to(np.int8(0), shape)[key]


cdef Array get_computed(Array a, object key):
    """a[key] for a key that holds positions of a trace, or an error that it may catch; None if it
    holds none."""
    cdef tuple parts
    cdef int lead = mask_axes(key, a)
    if lead > 1:                  # positions of one axis say it all
        a, key = end_to_end(a, lead), end_to_end(innermost(current(<Array>key)), lead)
    parts = traced_key(key, a)
    if parts is None:
        return None
    try:
        return get_traced(a, parts)
    except IndexError:
        note_refusal(choice, (shape_tuple(a), parts))
        raise


cdef Array get_traced(Array a, tuple parts):
    """a[parts] for a key that holds positions of a trace."""
    cdef tuple shape = shape_tuple(a)
    cdef Py_ssize_t lead = len(parts), others = 0
    cdef Array rows
    for k in parts:
        others += not (k is None or k is Ellipsis or isinstance(k, slice))
    if others == 1:
        return rows_along(a, parts)
    if not all_integers(parts) or lead > len(shape):
        lead = len(shape)
    rows = computed_positions(shape, parts, lead, False)
    return apply(OP_GATHER, [end_to_end(a, <int>lead), rows], None)


cdef Array rows_along(Array a, tuple parts):
    """One index array with slices beside it: the rows of one axis."""
    cdef Py_ssize_t axis = 0, used = 0, n
    cdef tuple basic = tuple([slice(None) if type(k) is Array else k for k in parts])
    cdef Array out, rows = None
    if len(parts) == 1:
        if not ndim_of(innermost(a)):
            raise_too_many(())
        return apply(OP_GATHER, [a, parts[0]], None)
    for k in parts:
        used += k is not None and k is not Ellipsis
    for k in parts:
        if type(k) is Array:
            rows = k
            break
        axis += ndim_of(innermost(a)) - used if k is Ellipsis else 1
    out = get_basic(a, parse_basic(a, basic))
    n = ndim_of(innermost(out))
    out = apply_transpose(out, (axis, *range(axis), *range(axis + 1, n)))
    out = apply(OP_GATHER, [out, rows], None)
    used = ndim_of(rows)
    return apply_transpose(out, (*range(used, used + axis), *range(used),
                                 *range(used + axis, used + n - 1)))


# ---------------------------------------------------------------- assigning

cdef Array set_computed(Array a, object key, Array v):
    """`a` with a[key] = v where a trace computes the key, else None."""
    cdef tuple parts
    cdef int lead = mask_axes(key, a)
    if lead == ndim_of(innermost(a)) and lead and not ndim_of(innermost(v)):
        return where(innermost(current(<Array>key)), v, a)
    if lead > 1:
        return apply_reshape(set_computed(end_to_end(a, lead), end_to_end(
            innermost(current(<Array>key)), lead), v), shape_tuple(a))
    parts = traced_key(key, a)
    if parts is None:
        return None
    try:
        return set_traced(a, parts, v)
    except IndexError:
        note_refusal(choice, (shape_tuple(a), parts))
        raise


cdef Array set_traced(Array a, tuple parts, Array v):
    """`a` with a[parts] = v: a gather from the old and the new elements together."""
    cdef tuple shape = shape_tuple(a), target
    cdef Py_ssize_t size = product(shape)
    cdef list operands = [], arrays
    cdef tuple template = tuple([with_holes(k, operands) for k in parts])
    cdef Py_ssize_t lead = len(parts) if all_integers(parts) else len(shape)
    arrays = [ndarray_of(<Array>k) for k in operands]
    target = np.shape(np.broadcast_to(np.int8(0), shape)[filled(template, arrays)])
    v = apply_broadcast_to(drop_leading(v, len(target)), target)
    if lead < len(shape):
        parts += (Ellipsis,)
    rows = computed_positions(shape, parts, len(shape), True)
    v = apply_reshape(v, (product(target),))
    v = apply_concatenate([apply_reshape(a, (size,)), v], 0)
    return apply_reshape(apply(OP_GATHER, [v, rows], None), shape)
