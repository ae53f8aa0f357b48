# Checking programs: is every instruction what program.h says, with operands
# that came before it, and of the type that its operator gives?
#
# Knows the form of programs and the rules of typing.pxi; it must not trust
# either the program or its parts, for this is what loading one from a file
# relies on.  Fast because an instruction over numbers is a few comparisons of
# ints, and because the types of others are inferred once for each combination.

cdef int invalid(Program p, Py_ssize_t i, object why) except -1:
    name = op_name(p.code[i].op) if p.code[i].op < N_OPS else f"operator {p.code[i].op}"
    raise ValueError(f"cdiff: invalid program: instruction {i} ({name}): {why}")


cdef int check_ready(Program p) except -1:
    """ValueError, unless the program can be used: what begins with one asks this first.

    Recording and simplifying make valid programs, of which Python can only change the ends.
    """
    return check_program(p) if p.by_hand else check_results(p)


cdef int check_program(Program p) except -1:
    """ValueError, unless the program can be run as it stands."""
    cdef Py_ssize_t i
    cdef Instr *x
    cdef dict seen = {}
    check_types(p)
    for attrs in p.attrs:
        check_attrs(attrs)
    for x0 in p.arrays:
        check_array(x0)
    for i in range(p.count):
        x = &p.code[i]
        if x.op >= N_OPS or x.op == OP_DUAL or x.op == OP_FREED:
            invalid(p, i, "not an operator of programs")
        if x.type >= len(p.types):
            invalid(p, i, f"there is no type {x.type}")
        if (x.op == OP_LEAF) != (i < p.n_inputs):
            invalid(p, i, "the inputs come before all else")
        if x.op < N_ELEMENTWISE:
            check_elementwise(p, i, seen)
        elif x.op == OP_LEAF or x.op == OP_CONST:
            check_given(p, i)
        else:
            check_structural(p, i, seen)
        if i & SIGNALS_EVERY == SIGNALS_EVERY:
            PyErr_CheckSignals()
    if p.n_inputs < 0 or p.n_inputs > p.count:
        raise ValueError(f"cdiff: invalid program: {p.n_inputs} inputs")
    check_results(p)
    return 0


cdef int check_place(Program p, Py_ssize_t i, Program q, object v) except -1:
    """Input i of p can be input v of q."""
    if (type(v) is not int or not 0 <= v < q.count
            or p.types[p.code[i].type] != q.types[q.code[<Py_ssize_t>v].type]):
        raise ValueError(f"input {i} of a program cannot be input {v!r:.30} of another")
    return 0


cdef int check_types(Program p) except -1:
    """Known dtypes, sizes that memory can have; type 0 and 1 are numbers, and no other is."""
    cdef Py_ssize_t k
    if not 2 <= len(p.types) <= MAX_TYPES + 1:
        raise ValueError("cdiff: invalid program: types")
    for k in range(len(p.types)):
        t = p.types[k]
        if type(t) is not tuple or len(t) != 2 or type(t[0]) is not int or not is_dtype(t[0]):
            raise ValueError(f"cdiff: invalid program: {t!r:.60} is no type")
        try:
            shape_attr("type", t[1])
        except (TypeError, ValueError) as error:
            raise ValueError(f"cdiff: invalid program: {error}") from None
        if (k <= 1) != (t == (NPY_DOUBLE, ())):
            raise ValueError("cdiff: invalid program: the first two types, and no others, are "
                             "those of numbers")
        if product([n or 1 for n in t[1]]) * 8 > PY_SSIZE_T_MAX // 2:
            raise ValueError(f"cdiff: invalid program: shape {t[1]} is too large")
    return 0


cdef int check_attrs(object attrs) except -1:
    """A tuple of plain values and of flat tuples, for deeper ones could not even be hashed."""
    if type(attrs) is not tuple:
        raise ValueError(f"cdiff: invalid program: attributes in a {type(attrs).__name__}")
    for x in attrs:
        for y in (x if type(x) is tuple else (x,)):
            if isinstance(y, (tuple, list, dict, set)):
                raise ValueError(f"cdiff: invalid program: a {type(y).__name__} in attributes")
    return 0


cdef int check_array(object x) except -1:
    """An ordinary array of a known dtype, aligned and in native byte order."""
    if type(x) is not np.ndarray:
        raise ValueError(f"cdiff: invalid program: a {type(x).__name__} in place of an array")
    if not is_dtype(x.dtype.num) or not x.dtype.isnative or not x.flags.aligned:
        raise ValueError(f"cdiff: invalid program: an array of {x.dtype}")
    return 0


cdef int check_given(Program p, Py_ssize_t i) except -1:
    """An input, or a constant of the type that is stated."""
    cdef Instr *x = &p.code[i]
    cdef object array
    if x.b != -1 or x.c != -1:
        invalid(p, i, "it has no operands")
    if x.op == OP_LEAF:
        if x.a != i:
            invalid(p, i, f"it is not input {x.a}")
    elif x.type <= TYPE_WEAK:
        if not 0 <= x.a < p.n_numbers:
            invalid(p, i, f"there is no number {x.a}")
    else:
        if not 0 <= x.a < len(p.arrays):
            invalid(p, i, f"there is no array {x.a}")
        array = p.arrays[x.a]
        if (array.dtype.num, array.shape) != p.types[x.type]:
            invalid(p, i, f"the array has type {type_text((array.dtype.num, array.shape))}, not "
                          f"{type_text(p.types[x.type])}")
    return 0


cdef inline bint came_before(int32_t v, Py_ssize_t i, bint used) noexcept:
    """An operand is an earlier value, and -1 where there is none."""
    return 0 <= v < i if used else v == -1


cdef int check_elementwise(Program p, Py_ssize_t i, dict seen) except -1:
    cdef Instr *x = &p.code[i]
    cdef int nargs = OP_NARGS[x.op]
    if not (came_before(x.a, i, True) and came_before(x.b, i, nargs > 1)
            and came_before(x.c, i, nargs > 2)):
        invalid(p, i, f"operands {x.a}, {x.b}, {x.c}")
    if (x.type <= TYPE_WEAK and p.code[x.a].type <= TYPE_WEAK
            and (nargs < 2 or p.code[x.b].type <= TYPE_WEAK)
            and (nargs < 3 or p.code[x.c].type <= TYPE_WEAK)):
        return 0
    return check_type(p, i, [x.a, x.b, x.c][:nargs], -1, seen)


cdef int check_structural(Program p, Py_ssize_t i, dict seen) except -1:
    cdef Instr *x = &p.code[i]
    cdef int k, nargs = OP_NARGS[x.op]
    cdef list operands
    if not -1 <= x.c < len(p.attrs):
        invalid(p, i, f"there are no attributes {x.c}")
    if nargs != MANY:
        if not came_before(x.a, i, True) or not came_before(x.b, i, nargs > 1):
            invalid(p, i, f"operands {x.a}, {x.b}")
        operands = [x.a, x.b][:nargs]
    else:
        if x.a < 0 or x.b < 0 or <Py_ssize_t>x.a + x.b > p.n_lists:
            invalid(p, i, f"there is no list of operands at {x.a} with {x.b}")
        operands = [p.lists[x.a + k] for k in range(x.b)]
        for v in operands:
            if not 0 <= v < i:
                invalid(p, i, f"operand {v}")
    if x.op == OP_CALL:
        return check_call(p, i)
    check_type(p, i, operands, x.c, seen)
    if x.op == OP_GATHER:
        check_rows(p, i, (<tuple>p.types[p.code[x.a].type][1])[0])
    elif x.op == OP_SCATTER_ADD:
        check_rows(p, i, p.attrs[x.c][0])
    return 0


cdef int check_call(Program p, Py_ssize_t i) except -1:
    """The callee may state the type of its result, or give its first operand."""
    cdef Instr *x = &p.code[i]
    if x.c < 0 or len(p.attrs[x.c]) != 1:
        invalid(p, i, "it calls nothing")
    callee = p.attrs[x.c][0]
    if isinstance(callee, Callee) and (<Callee>callee).is_first and (
            x.b == 0 or p.types[p.code[p.lists[x.a]].type] != p.types[x.type]):
        invalid(p, i, "it gives its first operand, of another type")
    stated = getattr(callee, "result_type", None)
    if stated is not None and stated != p.types[x.type]:
        invalid(p, i, f"the callee gives {stated}, not {type_text(p.types[x.type])}")
    return 0


cdef int check_rows(Program p, Py_ssize_t i, Py_ssize_t extent) except -1:
    """Constant positions, which nobody looks at later, are inside the array."""
    cdef Instr *rows = &p.code[p.code[i].b]
    if rows.op != OP_CONST or not p.arrays[rows.a].size:
        return 0
    if not 0 <= p.arrays[rows.a].min() <= p.arrays[rows.a].max() < extent:
        invalid(p, i, f"positions outside of {extent} rows")
    return 0


cdef int check_type(Program p, Py_ssize_t i, list operands, int32_t c, dict seen) except -1:
    """Is the stated type what the operator gives?  Combinations that were seen are not inferred
    again."""
    cdef Instr *x = &p.code[i]
    cdef list kinds = [p.code[<Py_ssize_t>v].type for v in operands]
    cdef tuple key = (x.op, x.type, c, tuple(kinds))
    cdef unsigned int weak = 0
    cdef Py_ssize_t k
    cdef list types
    if key in seen:
        return 0
    types = [p.types[<Py_ssize_t>kind] for kind in kinds]
    if x.op < N_ELEMENTWISE:
        for k in range(len(kinds)):
            weak |= <unsigned int>(kinds[k] == TYPE_WEAK) << k
    attrs = p.attrs[c] if c >= 0 else None
    try:
        accepted = type_accepted(p.types[x.type], x.op, types, weak, attrs)
    except (TypeError, ValueError, OverflowError) as error:
        invalid(p, i, error)
    if not accepted:
        invalid(p, i, f"the result is {type_text(infer_type(x.op, types, weak, attrs))}, not "
                      f"{type_text(p.types[x.type])}")
    seen[key] = None
    return 0


cdef int check_results(Program p) except -1:
    """Outputs and guards are values; a guard expects an array of its value's shape."""
    if type(p.outputs) is not list or type(p.guards) is not list:
        raise ValueError("cdiff: invalid program: outputs and guards are lists")
    for v in p.outputs:
        if type(v) is not int or not 0 <= v < p.count:
            raise ValueError(f"cdiff: invalid program: no value {v!r:.30} to return")
    for g in p.guards:
        if type(g) is not Guard or not 0 <= (<Guard>g).value < p.count:
            raise ValueError(f"cdiff: invalid program: guard {g!r:.60}")
        check_array((<Guard>g).expected)
        shape = p.types[p.code[(<Guard>g).value].type][1]
        if (<Guard>g).expected.shape != shape:
            raise ValueError(f"cdiff: invalid program: a guard expects shape "
                             f"{(<Guard>g).expected.shape}, but the value has {shape}")
    return 0
