# Profiles: which instruction of a program takes how long.
#
# Runs the steps of an Executable one by one with a clock beside them; must not know
# how a step does its work.  Fused instructions are timed block by block, so what
# is seen is the code that also runs without a profile.

cdef extern from "clock.h":
    double cdiff_clock() noexcept nogil


cdef list profile_steps(Executable e, _Workspace w):
    """Rows (step, operator, shape, where, seconds, calls, bytes) of one call."""
    cdef double *seconds
    cdef double start
    cdef Py_ssize_t i
    cdef Step *s
    cdef list rows = [], inside
    seconds = <double *>PyMem_Calloc(e.program.count + 1, sizeof(double))
    if seconds == NULL:
        raise MemoryError()
    try:
        for i in range(e.n_steps):
            s = &e.steps[i]
            inside = rows_inside(s, w, e.program)
            start = cdiff_clock()
            if s.kind == STEP_GROUP:
                with nogil:
                    run_chunks(s.group, w.m.bases, w.m.lanes, 0, s.group.n_chunks, seconds)
                    finish_sums(s.group, w.m.bases)
                add_group_rows(e, i, seconds, rows)
                continue
            if s.kind >= STEP_PYTHON:
                run_python(s, w, e.program)
            elif not run_step(s, &w.m):
                e.raise_step(i, w)
            rows += step_rows(i, s, cdiff_clock() - start, inside, e.program)
    finally:
        PyMem_Free(seconds)
    return rows


cdef list rows_inside(const Step *s, _Workspace w, Program p):
    """What a callee (a loop) says of its inside: rows (operator, where, seconds, calls, bytes)."""
    cdef int k
    if s.op != OP_CALL or s.instruction < 0:
        return []
    look = getattr(p.attrs_of(s.instruction)[0], "profiled", None)
    return [] if look is None else look([lent_value(&s.operands[k], w)
                                         for k in range(s.n_operands)])


cdef list step_rows(Py_ssize_t i, const Step *s, double seconds, list inside, Program p):
    """The row of a step; or those of its inside, which share its time as they did there."""
    cdef double total = sum([row[2] for row in inside])
    if total <= 0.0:
        return [step_row(i, s, seconds, p)]
    return [(i, op, (), where, seconds * spent / total, calls, nbytes)
            for op, where, spent, calls, nbytes in inside]


cdef tuple step_row(Py_ssize_t i, const Step *s, double seconds, Program p):
    """A step that is one operator, or one stretch of work on numbers."""
    cdef Py_ssize_t nbytes = s.out.nbytes
    cdef int k
    if s.kind == STEP_LOADS or s.kind == STEP_NUMBERS:
        return (i, "elements" if s.kind == STEP_LOADS else "numbers", (), "", seconds, s.count, 0)
    for k in range(s.n_operands):
        nbytes += s.operands[k].nbytes
    shape = tuple([s.out.dims[k] for k in range(s.out.ndim)])
    if s.instruction < 0:
        return (i, "copy", shape, "", seconds, 1, nbytes)
    name = callee_name(s.op, p.attrs_of(s.instruction))
    return (i, name, shape, line_text(p.line_at(s.instruction)), seconds, 1, nbytes)


cdef int add_group_rows(Executable e, Py_ssize_t step, const double *seconds,
                        list rows) except -1:
    """One row for each fused instruction; bytes are those that do not stay in lanes, and what one
    call does for several takes each of them an equal part of its time."""
    cdef const Group *g = e.steps[step].group
    cdef const Micro *m
    cdef dict moved = {}, spent = {}
    cdef list done
    cdef Py_ssize_t n
    cdef int k, slot
    for k in range(g.n_micros):
        m = &g.micros[k]
        done = done_by(m)
        n = moved.get(done[0], 0)
        if m.kind == MICRO_GATHER:
            n += g.size * (m.gather.width if m.gather.width > 0 else 8)
        for slot in slots_of(m):
            n += g.slots[slot].step * g.size
        for i in done:
            moved[i] = 0
            spent[i] = seconds[<Py_ssize_t>done[0]] / len(done)
        moved[done[0]] = n
    for i, nbytes in moved.items():
        shape = e.program.types[e.program.code[<Py_ssize_t>i].type][1]
        rows.append((step, op_name(e.program.code[<Py_ssize_t>i].op), shape,
                     line_text(e.program.line_at(i)), spent[i], 1, nbytes))
    return 0


cdef list done_by(const Micro *m):
    """The instructions that a call does; its time is noted at the first."""
    cdef int k
    if m.kind == MICRO_NATIVE:
        return [m.run.instructions[k] for k in range(m.run.n_instructions)]
    return [m.instruction] + [m.joined[k] for k in range(m.n_joined)]


cdef set slots_of(const Micro *m):
    """The slots that a call reads or writes."""
    cdef int k
    if m.kind == MICRO_NATIVE:
        return {m.run.touched[k] for k in range(m.run.n_touched)}
    return {m.a, m.b, m.c, m.d} if m.kind == MICRO_SUM else {m.a, m.b, m.c, m.d, m.y}
