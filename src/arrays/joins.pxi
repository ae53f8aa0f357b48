# Concatenations that are written where they are computed: a part of planning a run.
#
# Finds for each concatenation of float64 arrays (and stretch among zeros) where its
# operands go, those of concatenations inside it too, and which of them a group can
# write there itself, also if they are a stretch only of what the group computes.
# Knows shapes, strides and who reads what; it must not know when anything runs or
# where memory is.  Fast in what it makes: no column of a table is stored, read and
# copied before it stands in the table.

# Where an operand goes in the memory of a concatenation; dims: shape and strides.
cdef struct Region:
    int32_t value
    bint scattered                # a group writes it there
    int ndim
    Py_ssize_t offset
    Py_ssize_t *dims

cdef struct Join:
    int count
    bint placed                   # its memory is known
    int32_t *operands
    Region *regions


cdef int find_joins(_Plan plan) except -1:
    """Before anything asks the plan for operands."""
    cdef int32_t *uses = <int32_t *>plan.scratch.take((plan.n + 1) * sizeof(int32_t))
    cdef Py_ssize_t i
    cdef list regions, inside
    plan.joins = <Join **>plan.scratch.take((plan.n + 1) * sizeof(void *))
    plan.scatters = {}
    count_root_reads(plan, uses)
    for i in range(plan.n - 1, -1, -1):
        if is_join(plan, i):
            regions = []
            inside = []
            if collect_regions(plan, uses, i, regions, inside):
                keep_join(plan, i, regions, inside)
        elif plan.program.code[i].op == OP_EMBED and plan.shifts[i] == NULL:
            keep_embedding(plan, i)
    return 0


cdef int count_root_reads(_Plan plan, int32_t *uses) except -1:
    """How often the memory of each root is read; results and guards twice."""
    cdef int32_t *operands = NULL
    cdef Py_ssize_t i
    cdef int k, count
    for i in range(plan.n):
        if plan.values[i].kind != KIND_VIEW:
            count = plan.operands(i, &operands)
            for k in range(count):
                uses[plan.values[operands[k]].root] += 1
    for value in plan.program.outputs:
        uses[plan.values[<Py_ssize_t>value].root] += 2
    for guard in plan.program.guards:
        uses[plan.values[(<Guard>guard).value].root] += 2
    return 0


cdef bint is_join(_Plan plan, Py_ssize_t i) noexcept:
    cdef const Type *t = plan.type(i)
    return (plan.program.code[i].op == OP_CONCATENATE and plan.values[i].kind == KIND_STEP
            and t.typenum == NPY_DOUBLE and t.size > 0)


cdef bint collect_regions(_Plan plan, const int32_t *uses, Py_ssize_t i, list regions,
                          list inside) except -1:
    """Appends (value, scattered, offset, shape, strides) for each operand, and the concatenations
    that become parts of this one; False if there is nothing to gain."""
    cdef const Type *t = plan.type(i)
    cdef tuple shape = tuple([t.shape[k] for k in range(t.ndim)])
    cdef tuple strides = tuple([plan.strides_of(&plan.values[i], t)[k] for k in range(t.ndim)])
    cdef int32_t v, r
    cdef bint better = False
    cdef list todo = [(<int32_t>i, 0, shape, strides)]
    while todo:
        v, offset, shape, strides = todo.pop()
        r = plan.values[v].root
        if plan.type(v).typenum != NPY_DOUBLE:
            return False
        if is_whole_root(plan, v) and is_join(plan, r) and (v == i or uses[r] == 1):
            reshaped = strides_reshaped(plan.type(r), shape, strides)
            if reshaped is not None:
                if v != i:
                    inside.append(r)
                todo += parts_of_join(plan, r, offset, reshaped)
                continue
        scattered = is_stretch(plan, v) and plan.values[r].kind == KIND_LANES
        better = better or scattered
        regions.append((v, scattered, offset, shape, strides))
    return better or bool(inside)


cdef int keep_embedding(_Plan plan, Py_ssize_t i) except -1:
    """Zeros with one stretch that is computed are like a concatenation."""
    cdef const Type *t = plan.type(i)
    cdef int32_t a = plan.program.code[i].a
    cdef Value whole, part
    if t.typenum != NPY_DOUBLE or not plan.type(a).size or not is_stretch(plan, a) \
            or plan.values[plan.values[a].root].kind != KIND_LANES:
        return 0
    whole.offset = 0
    whole.strides = NULL
    plan.slice_view(&part, &whole, plan.type(a), t, plan.program.attrs_of(i)[1])
    if not in_c_order(plan.type(a), part.strides):
        return 0
    shape = (plan.type(a).size,)
    return keep_join(plan, i, [(a, True, part.offset, shape, (sizeof(double),))], [])


cdef bint is_stretch(_Plan plan, int32_t v) noexcept:
    """Is a value a stretch of the memory of its root?"""
    cdef const Value *x = &plan.values[v]
    cdef const Type *t = plan.type(x.root)
    return x.strides == NULL and t.typenum == NPY_DOUBLE and not t.number


cdef bint is_whole_root(_Plan plan, int32_t v) noexcept:
    """Is a value all of the memory of its root, in order?"""
    cdef const Value *x = &plan.values[v]
    return (is_stretch(plan, v) and x.offset == 0
            and plan.type(x.root).size == plan.type(v).size)


cdef tuple strides_reshaped(const Type *t, tuple shape, tuple strides):
    """The strides of a region, seen in the shape of t; None if more than axes of length one come
    or go."""
    cdef list own = [stride for n, stride in zip(shape, strides) if n != 1], out = []
    cdef int k
    if [n for n in shape if n != 1] != [t.shape[k] for k in range(t.ndim) if t.shape[k] != 1]:
        return None
    for k in range(t.ndim):
        out.append(own.pop(0) if t.shape[k] != 1 else 0)
    return tuple(out)


cdef list parts_of_join(_Plan plan, int32_t r, Py_ssize_t offset, tuple strides):
    """The regions of the operands of a concatenation, those with elements."""
    cdef Py_ssize_t axis = plan.program.attrs_of(r)[0]
    cdef int32_t *operands = NULL
    cdef int k, j, count = operands_at(plan.program, r, &operands)
    cdef const Type *t
    cdef list out = []
    for k in range(count):
        t = plan.type(operands[k])
        if t.size:
            out.append((operands[k], offset, tuple([t.shape[j] for j in range(t.ndim)]), strides))
        offset += t.shape[axis] * <Py_ssize_t>strides[axis]
    return out


cdef int keep_join(_Plan plan, Py_ssize_t i, list regions, list inside) except -1:
    cdef Join *x = <Join *>plan.scratch.take(sizeof(Join))
    cdef Region *g
    cdef int k, j
    x.count = <int>len(regions)
    x.operands = <int32_t *>plan.scratch.take((x.count + 1) * sizeof(int32_t))
    x.regions = <Region *>plan.scratch.take((x.count + 1) * sizeof(Region))
    for k in range(x.count):
        g = &x.regions[k]
        g.value, g.scattered, g.offset, shape, strides = regions[k]
        g.ndim = <int>len(shape)
        g.dims = <Py_ssize_t *>plan.pool.take((2 * g.ndim + 1) * sizeof(Py_ssize_t))
        for j in range(g.ndim):
            g.dims[j] = shape[j]
            g.dims[g.ndim + j] = strides[j]
        x.operands[k] = g.value
        if g.scattered:
            plan.scatters.setdefault(plan.values[g.value].root, []).append((i, k))
    scatter_given(plan, i, x)
    plan.joins[i] = x
    for r in inside:                      # nobody asks for it any more
        plan.values[<Py_ssize_t>r].kind = KIND_VIEW
    return 0


cdef int scatter_given(_Plan plan, Py_ssize_t i, Join *x) except -1:
    """What is there before the run goes along with an operand of the same size that is computed."""
    cdef dict computed = {}
    cdef int k
    for k in range(x.count):
        if x.regions[k].scattered and is_whole_root(plan, x.operands[k]):
            computed.setdefault(plan.type(x.operands[k]).size, plan.values[x.operands[k]].root)
    for k in range(x.count):
        root = computed.get(plan.type(x.operands[k]).size)
        if root is not None and plan.values[plan.values[x.operands[k]].root].kind == KIND_GIVEN \
                and not plan.type(plan.values[x.operands[k]].root).number \
                and plan.n_given < MAX_GROUP:
            plan.n_given += 1
            x.regions[k].scattered = True
            plan.scatters[root].append((i, k))
    return 0
