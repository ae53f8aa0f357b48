# Algebra of elementwise instructions: the rules by which simplify.pxi puts one
# instruction, or an operand, in the place of another.
#
# Knows which rewritings are exact in floating point; it must not know how
# values are computed or where instructions are kept.  Fast because a rule
# looks at one or two operands, which are in their simplest form already, and
# because rules over shapes run only where an operand is repeated or constant.
#
# An operand may stand in the place of a result only if their types are equal;
# a result of smaller shape is broadcast.  Multiplication by 0 is no rule:
# 0 * inf is nan.  Only zmul knows the zero law.

cdef inline bint commutes(int op) noexcept nogil:
    return (op == OP_ADD or op == OP_MULTIPLY or op == OP_ZMUL or op == OP_EQUAL
            or op == OP_NOT_EQUAL)


cdef inline bint repeats_constant(Program q, int32_t v) noexcept:
    if q.code[v].op == OP_BROADCAST_TO:
        v = q.code[v].a
    return q.code[v].op == OP_CONST


cdef inline bint comes_later(Program q, int32_t a, int32_t b) noexcept:
    """The order of operands that may be exchanged: as they were made, constants last."""
    cdef bint ca = repeats_constant(q, a), cb = repeats_constant(q, b)
    return a > b if ca == cb else ca


cdef int32_t algebra(_Simplifier s, int op, int type, int32_t a, int32_t b, int32_t c) except -2:
    """A simpler value than this instruction, or NOTHING."""
    cdef int32_t y
    if op == OP_MULTIPLY:
        return multiply_rule(s, type, a, b)
    if op == OP_ADD:
        return add_rule(s, type, a, b)
    if op == OP_SUBTRACT:
        return subtract_rule(s, type, a, b)
    if op == OP_ZMUL:
        return zmul_rule(s, type, a, b)
    if op == OP_DIVIDE:
        return divide_rule(s, type, a, b)
    if op == OP_NEGATIVE:
        y = opposite_of(s, a)
        return fit_type(s, y, type) if y != NOTHING else scaled(s, type, a, -1.0)
    if op == OP_POWER:
        return power_rule(s, type, a, b)
    if op == OP_WHERE:
        return where_rule(s, type, a, b, c)
    if op == OP_GREATER:
        return s.elementwise(OP_LESS, type, b, a, -1)
    if op == OP_GREATER_EQUAL:
        return s.elementwise(OP_LESS_EQUAL, type, b, a, -1)
    return idempotent_rule(s, op, type, a, b)


cdef int32_t idempotent_rule(_Simplifier s, int op, int type, int32_t a, int32_t b) except -2:
    """Operators that give an operand back, or do not see its sign."""
    cdef int32_t inner
    if op == OP_POSITIVE:
        return fit_type(s, a, type)
    if op == OP_MAXIMUM or op == OP_MINIMUM or op == OP_FMAX or op == OP_FMIN:
        return fit_type(s, a, type) if a == b else NOTHING
    if op == OP_ABSOLUTE or op == OP_SQUARE:
        inner = opposite_of(s, a)
        if inner == NOTHING and s.q.code[a].op == OP_ABSOLUTE and is_floating(s.q, type):
            if op == OP_ABSOLUTE:
                return fit_type(s, a, type)
            inner = s.q.code[a].a
        if inner != NOTHING:
            return s.elementwise(op, type, inner, -1, -1)
    return NOTHING


cdef bint is_floating(Program q, int type) except -1:
    return type <= TYPE_WEAK or is_float(q.types[type][0])


cdef int32_t fit_type(_Simplifier s, int32_t v, int type) except -2:
    """v as a value of this type if that takes no more than broadcasting; or NOTHING."""
    cdef int have = s.q.code[v].type
    if have == type:
        return v
    if type <= TYPE_WEAK:
        return s.number(s.q.numbers[s.q.code[v].a], type) if s.is_number(v) else NOTHING
    if s.q.types[have][0] != s.q.types[type][0]:
        return NOTHING
    return s.broadcast(v, type)


cdef int32_t opposite_of(_Simplifier s, int32_t v) except -2:
    """x, if v is the floating negative(x); or NOTHING."""
    cdef Instr *x = &s.q.code[v]
    if x.op == OP_NEGATIVE and s.q.code[x.a].type == x.type and is_floating(s.q, x.type):
        return x.a
    return NOTHING


cdef int32_t opposite(_Simplifier s, int type, int32_t v) except -2:
    """-v of this type; NOTHING if v does not fit it."""
    v = fit_type(s, v, type)
    if v == NOTHING or not is_floating(s.q, type):
        return NOTHING
    return s.elementwise(OP_NEGATIVE, type, v, -1, -1)


# ---------------------------------------------------------------- sums

cdef int32_t add_rule(_Simplifier s, int type, int32_t a, int32_t b) except -2:
    """x + -0.0 is x; x + 0.0 is so only where x is not -0.0."""
    cdef double v
    cdef int32_t y
    if s.uniform(b, &v) and v == 0.0:
        if signbit(v) or (is_floating(s.q, type) and not may_be_negative_zero(s.q, a, 4)):
            return fit_type(s, a, type)
        return NOTHING
    y = opposite_of(s, b)
    if y != NOTHING:
        return s.elementwise(OP_SUBTRACT, type, a, y, -1)
    y = opposite_of(s, a)
    return s.elementwise(OP_SUBTRACT, type, b, y, -1) if y != NOTHING else NOTHING


cdef bint may_be_negative_zero(Program q, int32_t v, int depth) noexcept:
    """False where the operator shows that the value is not -0.0, or the zero law makes nothing
    of its sign."""
    cdef Instr *x = &q.code[v]
    if x.op == OP_NEGATIVE and q.code[x.a].op == OP_ZMUL:
        return False
    if x.op == OP_SUBTRACT and depth:
        return may_be_negative_zero(q, x.a, depth - 1) and q.code[x.b].op != OP_ZMUL
    if x.op == OP_ADD and depth:      # a sum is -0.0 only if both terms are
        return (may_be_negative_zero(q, x.a, depth - 1)
                and may_be_negative_zero(q, x.b, depth - 1))
    if x.op == OP_CONST and x.type <= TYPE_WEAK:
        return q.numbers[x.a] == 0.0 and signbit(q.numbers[x.a])
    return not (x.op == OP_ZMUL or x.op == OP_EXP or x.op == OP_SQUARE or x.op == OP_ABSOLUTE
                or x.op == OP_COS or x.op == OP_COSH or x.op == OP_SIGMOID or x.op == OP_SOFTPLUS
                or x.op == OP_HYPOT)


cdef int32_t subtract_rule(_Simplifier s, int type, int32_t a, int32_t b) except -2:
    cdef double v
    cdef int32_t y
    if s.uniform(b, &v) and v == 0.0 and not signbit(v):
        return fit_type(s, a, type)
    if s.uniform(a, &v) and v == 0.0 and signbit(v):
        return opposite(s, type, b)
    y = opposite_of(s, b)
    return s.elementwise(OP_ADD, type, a, y, -1) if y != NOTHING else NOTHING


# ---------------------------------------------------------------- products

cdef int32_t multiply_rule(_Simplifier s, int type, int32_t a, int32_t b) except -2:
    cdef double v
    cdef int32_t y
    if a == b and s.q.code[a].type == type and is_floating(s.q, type):
        return s.elementwise(OP_SQUARE, type, a, -1, -1)
    if s.uniform(b, &v):
        if v == 1.0:
            return fit_type(s, a, type)
        if v == -1.0:
            return opposite(s, type, a)
        y = scaled(s, type, a, v)
        if y != NOTHING:
            return y
    return signs_outside(s, OP_MULTIPLY, type, a, b)


cdef int32_t scaled(_Simplifier s, int type, int32_t a, double v) except -2:
    """x * (c v) for a = x * c, where c or v is a power of two, so that nothing else is rounded (but
    for subnormal results, if it were less than one)."""
    cdef Instr x = s.q.code[a]                     # a copy: new constants may move the code
    cdef double c
    if x.op != OP_MULTIPLY or x.type != type or not s.is_number(x.b) \
            or s.q.types[type][0] != NPY_DOUBLE:
        return NOTHING
    c = s.q.numbers[s.q.code[x.b].a]
    if not (fabs(c) >= 1.0 and is_power_of_two(c) or fabs(v) >= 1.0 and is_power_of_two(v)) \
            or not 1e-100 < fabs(c * v) < 1e100:
        return NOTHING
    return s.elementwise(OP_MULTIPLY, type, x.a, s.number(c * v, s.q.code[x.b].type), -1)


cdef int32_t zmul_rule(_Simplifier s, int type, int32_t a, int32_t b) except -2:
    """The zero law; and a factor that is finite and not 0 needs no care."""
    cdef double v
    if a == b and s.q.code[a].type == type:
        return s.elementwise(OP_SQUARE, type, a, -1, -1)
    if s.uniform(b, &v) and is_floating(s.q, type):
        if v == 0.0:
            return s.full(0.0, type)
        if v - v == 0.0:
            return s.elementwise(OP_MULTIPLY, type, a, b, -1)
    return signs_outside(s, OP_ZMUL, type, a, b)


cdef int32_t divide_rule(_Simplifier s, int type, int32_t a, int32_t b) except -2:
    cdef double v
    cdef int32_t y
    if s.uniform(b, &v) and is_floating(s.q, type):
        if v == 1.0:
            return fit_type(s, a, type)
        if v == -1.0:
            return opposite(s, type, a)
        if is_power_of_two(v) and is_floating(s.q, s.q.code[b].type):
            return s.elementwise(OP_MULTIPLY, type, a, s.full(1.0 / v, s.q.code[b].type), -1)
    if s.uniform(a, &v) and v == 1.0:
        y = fit_type(s, b, type)
        if y != NOTHING:
            return s.elementwise(OP_RECIPROCAL, type, y, -1, -1)
    return signs_outside(s, OP_DIVIDE, type, a, b)


cdef bint is_power_of_two(double v) noexcept nogil:
    """Has v a reciprocal without rounding, in single precision too?"""
    cdef int exponent
    return fabs(frexp(v, &exponent)) == 0.5 and 1e-37 < fabs(v) < 1e37


cdef int32_t signs_outside(_Simplifier s, int op, int type, int32_t a, int32_t b) except -2:
    """-x * -y is x * y; -x * y is -(x * y), or x * -y where y is a constant number."""
    cdef int32_t x = opposite_of(s, a), y = opposite_of(s, b)
    if x == NOTHING and y == NOTHING:
        return NOTHING
    if x != NOTHING and y != NOTHING:
        return s.elementwise(op, type, x, y, -1)
    if x != NOTHING and s.is_number(b):
        return s.elementwise(op, type, x, opposite_number(s, b), -1)
    if y != NOTHING and s.is_number(a):
        return s.elementwise(op, type, opposite_number(s, a), y, -1)
    if s.q.code[x if x != NOTHING else y].type != type:
        return NOTHING                # the opposite of the smaller operand is less work
    x = s.elementwise(op, type, a if x == NOTHING else x, b if y == NOTHING else y, -1)
    return s.elementwise(OP_NEGATIVE, type, x, -1, -1)


cdef int32_t opposite_number(_Simplifier s, int32_t v) except -2:
    return s.number(-s.q.numbers[s.q.code[v].a], s.q.code[v].type)


cdef int32_t power_rule(_Simplifier s, int type, int32_t a, int32_t b) except -2:
    """Exponents 0, 1, 2 and -1; what cdm_power gives for them differs in the last ulp at most."""
    cdef double v
    if not s.uniform(b, &v) or not is_floating(s.q, type):
        return NOTHING
    if v == 0.0:
        return s.full(1.0, type)
    if v != 1.0 and v != 2.0 and v != -1.0:
        return NOTHING
    a = fit_type(s, a, type)
    if a == NOTHING or v == 1.0:
        return a
    return s.elementwise(OP_SQUARE if v == 2.0 else OP_RECIPROCAL, type, a, -1, -1)


cdef int32_t where_rule(_Simplifier s, int type, int32_t c, int32_t a, int32_t b) except -2:
    cdef double v
    if a == b:
        return fit_type(s, a, type)
    if s.uniform(c, &v):
        return fit_type(s, a if v != 0.0 else b, type)
    return NOTHING


# ---------------------------------------------------------------- repeated operands

cdef int32_t slimmed(_Simplifier s, int op, int type, int32_t a, int32_t b, int32_t c) except -2:
    """An elementwise instruction on arrays without the repetition of its operands.

    An operator broadcasts by itself, so a broadcast operand is replaced by what it repeats; where
    the result itself is repeated, the operator is applied before the repetition.
    """
    cdef int32_t slim[3]
    cdef int32_t y
    cdef int inner, k, nargs = OP_NARGS[op]
    cdef bint changed = False
    cdef tuple joint, t = s.q.types[type]
    cdef int32_t[3] operands = [a, b, c]
    for k in range(nargs):
        slim[k] = without_repetition(s, operands[k])
        changed |= slim[k] != operands[k]
    for k in range(nargs, 3):
        slim[k] = -1
    y = folded_uniform(s, op, type, slim)
    if y != NOTHING or not changed:
        return y
    joint = ()
    for k in range(nargs):
        joint = joint_shape(joint, s.q.types[s.q.code[slim[k]].type][1])
    if joint == t[1]:
        return s.elementwise(op, type, slim[0], slim[1], slim[2])
    inner = s.q.type_of(t[0], joint)
    return s.broadcast(s.elementwise(op, inner, slim[0], slim[1], slim[2]), type)


cdef int32_t without_repetition(_Simplifier s, int32_t v) except -2:
    """What a broadcast repeats, or the element of a uniform constant; else v itself.

    A weak number would no longer decide the dtype, so it becomes an ordinary one.
    """
    cdef Instr *x = &s.q.code[v]
    cdef double fill
    if x.op == OP_BROADCAST_TO:
        if s.q.code[x.a].type != TYPE_WEAK:
            return x.a
        return fit_type(s, x.a, TYPE_NUMBER) if s.is_number(x.a) else v
    if x.op == OP_CONST and x.type > TYPE_WEAK and s.q.types[x.type][1] and s.uniform(v, &fill):
        return s.full(fill, s.q.type_of(s.q.types[s.q.code[v].type][0], ()))
    return v


cdef int32_t folded_uniform(_Simplifier s, int op, int type, const int32_t *operands) except -2:
    """An operator on constants that are the same in all elements; floats, or truth values."""
    cdef double[3] v = [0.0, 0.0, 0.0]
    cdef int k, typenum = s.q.types[type][0]
    if not (is_float(typenum) or (typenum == NPY_BOOL and OP_LESS <= op <= OP_SIGNBIT)):
        return NOTHING
    for k in range(OP_NARGS[op]):
        if not s.uniform(operands[k], &v[k]):
            return NOTHING
    if op == OP_WHERE:
        return s.full(v[1] if v[0] != 0.0 else v[2], type)
    return s.full(SCALAR_VALUE[op](v[0], v[1]), type)


cdef tuple joint_shape(tuple a, tuple b):
    """The shape that two shapes broadcast to; ValueError if there is none."""
    cdef Py_ssize_t i, x, y, na = len(a), nb = len(b)
    cdef list out
    if a == b or nb == 0:
        return a
    if na == 0:
        return b
    if na < nb:
        a, b, na, nb = b, a, nb, na
    out = list(a)
    for i in range(nb):
        x = a[na - nb + i]
        y = b[i]
        if x != y:
            if x != 1 and y != 1:
                raise misfit(f"shapes {a} and {b} do not broadcast")
            out[na - nb + i] = y if x == 1 else x
    return tuple(out)
