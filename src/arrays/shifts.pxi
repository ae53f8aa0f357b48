# Shifts: values read a few points before or behind within one group, a part of planning a run.
#
# A concatenation (or a stretch among zeros) of an array without its last or first few
# elements is that array, moved: a group has the elements that come from the vector of
# points before in a register or two.  Knows instructions and where values come from;
# it must not know when anything runs.  Fast in what it makes: an upwind difference or
# all stages of an explicit method pass over memory once, and what they hand on is
# never stored.

cdef enum:
    MOST_SHIFTED = 7              # points: some of a vector stay in it
    SHIFTED_FROM = 16             # elements; shorter ones are copied as fast

# Point p of the result is point p - count of the body (p + count, if it is `ahead`); what is
# missing at the start (or end) is the head.
cdef struct Shift:
    int32_t body                  # a root
    int32_t head                  # a value, -1: zeros
    int count
    bint ahead


cdef int find_shifts(_Plan plan) except -1:
    """Those that something in a group reads point by point; all others are copied."""
    cdef char *wanted = <char *>plan.scratch.take(plan.n + 1)
    cdef int32_t *operands = NULL
    cdef Py_ssize_t i
    cdef int k
    cdef int32_t r
    for i in range(plan.n - 1, -1, -1):
        if plan.shifts[i] != NULL and not wanted[i]:
            plan.shifts[i] = NULL
            plan.values[i].kind = KIND_STEP
            plan.values[i].key = -1
        if plan.values[i].key < 0:
            continue
        for k in range(operands_at(plan.program, i, &operands)):
            r = plan.values[operands[k]].root
            if plan.shifts[r] != NULL and plan.values[r].key == plan.values[i].key \
                    and plan.values[i].kind == KIND_LANES and plan.same_lanes(i, r):
                wanted[r] = True
    return 0


cdef Kind shift_kind(_Plan plan, Py_ssize_t i) except *:
    """Can a concatenation or an embedding be a shift?  Then it is noted as one."""
    cdef const Instr *x = &plan.program.code[i]
    cdef const Type *t = plan.type(i)
    cdef int32_t *operands = NULL
    cdef Value whole, part
    cdef Shift shift
    cdef int32_t body
    if t.typenum != NPY_DOUBLE or t.ndim != 1 or t.size < SHIFTED_FROM or not has_machine_code():
        return KIND_STEP
    if x.op == OP_EMBED:
        body = x.a
        whole.offset = 0
        whole.strides = NULL
        plan.slice_view(&part, &whole, plan.type(body), t, plan.program.attrs_of(i)[1])
        shift.head = -1
        shift.ahead = part.offset == 0
        if part.strides[0] != sizeof(double) or not shift.ahead \
                and part.offset // <Py_ssize_t>sizeof(double) + plan.type(body).size != t.size:
            return KIND_STEP
    else:
        if operands_at(plan.program, i, &operands) != 2:
            return KIND_STEP
        shift.ahead = plan.type(operands[0]).size > plan.type(operands[1]).size
        body = operands[0 if shift.ahead else 1]
        shift.head = operands[1 if shift.ahead else 0]
    shift.body = plan.values[body].root
    if not 0 < t.size - plan.type(body).size <= MOST_SHIFTED:
        return KIND_STEP
    shift.count = <int>(t.size - plan.type(body).size)
    if not is_whole_but(plan, body, t, &shift) \
            or shift.head >= 0 and not is_known_before(plan, t, &shift):
        return KIND_STEP
    plan.shifts[i] = <Shift *>plan.scratch.take(sizeof(Shift))
    plan.shifts[i][0] = shift
    return KIND_LANES


cdef bint is_whole_but(_Plan plan, int32_t body, const Type *t, const Shift *x) noexcept:
    """Is a value all of its root but for what the shift leaves out?"""
    cdef const Value *v = &plan.values[body]
    return (is_stretch(plan, body) and plan.type(x.body).size == t.size
            and v.offset == (x.count * <Py_ssize_t>sizeof(double) if x.ahead else 0))


cdef bint is_known_before(_Plan plan, const Type *t, const Shift *x) noexcept:
    """Is the head in memory before any group that could take this shift?"""
    cdef int32_t r = plan.values[x.head].root
    return is_stretch(plan, x.head) and (plan.values[r].kind != KIND_LANES
                                         or plan.type(r).size != t.size)
