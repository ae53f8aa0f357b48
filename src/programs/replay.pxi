# Replaying: a program evaluated with the operators of nodes, one by one.
#
# Knows programs and how eager code applies an operator.  It is the way in which
# programs meet transformations: whatever tracks the inputs sees every operation.
# Fast enough because it does what the recorded function did, without Python's
# part of the work.

def replay(Program p not None, inputs):
    """The outputs of a program as Arrays, computed (and recorded) operation by operation.

    The guards are checked; None if one does not hold.
    """
    cdef list values = replay_values(p, inputs)
    cdef Guard g
    for g in p.guards:
        if not same_content(ndarray_of(innermost(<Array>values[g.value])), g.expected):
            return None
    return [values[i] for i in p.outputs]


def replay_deciding(Program p not None, inputs):
    """The same as `Runner.run` gives: (outputs, -1, None), or (None, guard, value seen).

    What the guards look at are decisions of a program that is being recorded.
    """
    cdef list values = replay_values(p, inputs)
    cdef Guard g
    cdef Py_ssize_t k
    for k, g in enumerate(p.guards):
        seen_value = told_by(g, <Array>values[g.value])
        if not same_content(seen_value, g.expected):
            return None, k, np.array(seen_value)
    return [values[i] for i in p.outputs], -1, None


cdef np.ndarray told_by(Guard g, Array a):
    """What a guard looks at.  The number or array that the recorded function has made of it is a
    constant of the program, through which no derivative goes."""
    a = current(a)
    if g.lost and derivative_levels(a):
        lost(f"{g.lost}{' at ' + g.where if g.where else ''}",
             "keep it an Array, or write x.item() or x.numpy() to drop the derivative")
    if is_traced_value(a):
        decide(a, g.lost)
    return ndarray_of(a)


cdef list replay_values(Program p, inputs):
    cdef list values = []
    cdef Py_ssize_t i
    check_ready(p)
    if len(inputs) != p.n_inputs:
        raise ValueError(f"a program of {p.n_inputs} inputs, got {len(inputs)}")
    try:
        for i in range(p.count):
            if noting:
                tell_line(p, i)
            values.append(replayed(p, i, inputs, values))
    finally:
        tell_line(None, 0)
    return values


cdef int tell_line(Program p, Py_ssize_t i) except -1:
    """Values made from now on come from the line of this instruction, where it is known."""
    global told_line
    told_line = None if p is None or p.lines is None else p.lines[i]
    return 0


cdef Array replayed(Program p, Py_ssize_t i, object inputs, list values):
    """The value of one instruction."""
    cdef Instr *x = &p.code[i]
    cdef list operands
    cdef Array y
    if x.op == OP_LEAF:
        return typed_input(as_node(inputs[x.a]), p.types[x.type][0])
    if x.op == OP_CONST:
        if x.type <= TYPE_WEAK:
            return weak_scalar(p.numbers[x.a]) if x.type == TYPE_WEAK else scalar(p.numbers[x.a])
        return wrap_ndarray(p.arrays[x.a], True)
    operands = [values[k] for k in p.operands_of(i)]
    attrs = p.attrs_of(i)
    y = apply_code(x.op, operands, attrs, p.types[x.type][0])
    return first_part(attrs[0], y, p.types[x.type][1]) if x.op == OP_CALL else y


cdef Array typed_input(Array a, int typenum):
    """A Python number as an input of the dtype that was recorded: it decides those of results."""
    if not N(a).flags & NODE_WEAK:
        return a
    if typenum == NPY_DOUBLE:
        return scalar(N(a).v)
    return plain_node(np.asarray(numpy_operand(a), np.PyArray_DescrFromType(typenum)))


cdef Array apply_code(int op, list operands, object attrs, int typenum):
    """Any operator on nodes, as eager code would apply it."""
    if op == OP_CALL:
        if type(attrs[0]) is Stop:
            return stopped_inside(operands[0])
        return apply_call(operands, attrs)
    if np.PyTypeNum_ISINTEGER(typenum) and (op == OP_WHERE or op < N_LOCAL):
        operands = [whole_number(a) for a in operands]
    if op >= N_LOCAL:
        if op == OP_WHERE:
            return where3(operands[0], operands[1], operands[2])
        return apply_cast(operands[0], attrs[0]) if op == OP_CAST else apply(op, operands, attrs)
    if typenum == NPY_BOOL and op >= OP_LESS:
        return question(op, operands)
    cdiff_tls.sweeping += 1       # as silent as the program that is run
    try:
        return ew1(op, operands[0]) if len(operands) == 1 else ew2(op, operands[0], operands[1])
    finally:
        cdiff_tls.sweeping -= 1


cdef Array whole_number(Array a):
    """An operand of an operator on integers: what was a Python int is one again."""
    cdef bint is_weak_number = N(a).flags & NODE_WEAK and not N(a).flags & NODE_ARRAY
    return weak_integer(int(N(a).v)) if is_weak_number else a


cdef Array question(int op, list operands):
    a = innermost(operands[0])
    b = innermost(operands[1]) if len(operands) > 1 else None
    if any_traced(operands):
        return traced_question(op, a, b)
    if b is None:
        return plain_node(NUMPY_UFUNCS[op](ndarray_of(a)))
    return plain_node(NUMPY_UFUNCS[op](numpy_operand(a), numpy_operand(b)))


cdef bint same_content(np.ndarray a, np.ndarray b) except -1:
    """Equal dtype, shape and bytes?"""
    if a.dtype != b.dtype or (<object>a).shape != (<object>b).shape:
        return False
    if np.PyArray_IS_C_CONTIGUOUS(a) and np.PyArray_IS_C_CONTIGUOUS(b):
        return memcmp(np.PyArray_DATA(a), np.PyArray_DATA(b), np.PyArray_NBYTES(a)) == 0
    return a.tobytes() == b.tobytes()
