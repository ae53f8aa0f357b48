# Loops: a program run once for each row of its inputs, its first outputs being
# the first inputs of the next step.
#
# Knows runners and ndarrays; it must not know what the program computes, nor
# what becomes of a step whose guard fails (the Python face finds its path).
# Fast because rows of results go straight into their arrays, and because a
# program of numbers runs through all steps in C, without the GIL.

cdef enum:
    SIGNAL_STEPS = 1 << 16        # of a loop over numbers, between two looks for Ctrl-C
    CHECK_STEPS = 64              # of a loop over arrays that needs Python anyway


cdef struct NumberLoop:
    double *inputs                # carry, rows, constants
    double *outputs               # the next carry, rows
    const double **xs
    double **ys
    const int64_t *x_widths       # how many numbers each row has
    const int64_t *y_widths
    Py_ssize_t n_carry            # numbers
    Py_ssize_t n_xs, n_ys         # arrays


def run_steps(Runner runner, Py_ssize_t start, Py_ssize_t stop, list carry, list xs, list consts,
              list ys, list into=None, bint often=False):
    """Run steps from `start` up to `stop`, or down where that is less; the step that was not run.

    That is `stop`, or the first step with a guard that does not hold.  Inputs of the program are
    `carry` (replaced by what the last step gave), a row of each array in `xs`, and `consts`;
    outputs are the next carry and a row for each array in `ys`.  The last carry is made in the
    arrays `into` (C order, None: anywhere) where that needs no copy.  Steps that are taken `often`
    are worth a program of the elements of their arrays at once.
    """
    cdef Py_ssize_t i
    if start == stop:
        return stop
    if watching & WATCH_VALUES:
        return watched_steps(runner, start, stop, carry, xs, consts, ys)
    code = element_code(runner, often)
    if code is not None:
        return run_number_loop(code, start, stop, carry, xs, consts, ys)
    found = stacked(runner, len(carry), len(xs))
    if found is not None:
        return (<_Stacked>found).run(start, stop, carry, xs, consts, ys)
    i = _ArrayLoop(runner.arrays, carry, xs, consts, ys, into).run(start, stop)
    runner.runs += abs(i - start)
    return i


cdef Py_ssize_t run_number_loop(_ElementCode code, Py_ssize_t start, Py_ssize_t stop, list carry,
                                list xs, list consts, list ys) except -2:
    cdef NumberLoop loop
    cdef Py_ssize_t k, pause, i = start, n = len(carry), m = len(carry) + len(xs)
    cdef list rows = [np.ascontiguousarray(x, np.float64) for x in xs]
    cdef list made = [y if y.dtype == np.float64 else np.empty(y.shape) for y in ys]
    loop.n_xs, loop.n_ys = len(xs), len(ys)
    loop.x_widths, loop.y_widths = &code.size()[n], &code.size()[code.n_inputs + n]
    if m + len(consts) != code.n_inputs or code.n_inputs + n + loop.n_ys != code.sizes.size:
        raise ValueError("a loop over a program of other inputs and outputs")
    loop.inputs = <double *>PyMem_Calloc(
        code.code.n_inputs + code.code.n_outputs + loop.n_xs + loop.n_ys + 1, sizeof(double))
    if loop.inputs == NULL:
        raise MemoryError("cdiff: no memory for the steps of a loop")
    loop.outputs = &loop.inputs[code.code.n_inputs]
    loop.xs = <const double **>&loop.outputs[code.code.n_outputs]
    loop.ys = <double **>&loop.xs[loop.n_xs]
    try:
        loop.n_carry = k = put_numbers(code, 0, carry, loop.inputs)
        for x in range(n, m):
            k += code.size()[<Py_ssize_t>x]
        k += put_numbers(code, m, consts, &loop.inputs[k])
        for x in code.arrays:
            k += put_array(x, &loop.inputs[k], x.size)
        for k in range(loop.n_xs):
            loop.xs[k] = <const double *>np.PyArray_DATA(<np.ndarray>rows[k])
        for k in range(loop.n_ys):
            loop.ys[k] = <double *>np.PyArray_DATA(<np.ndarray>made[k])
        while i != stop:
            if stop > start:
                pause = i + SIGNAL_STEPS if stop - i > SIGNAL_STEPS else stop
            else:
                pause = i - SIGNAL_STEPS if i - stop > SIGNAL_STEPS else stop
            with nogil:
                i = number_steps(code.code, i, pause, &loop)
            PyErr_CheckSignals()
            if i != pause:
                break
        take_numbers(carry, loop.inputs)
        done = slice(start, i) if i >= start else slice(i + 1, start + 1)
        for y, x in zip(ys, made):
            if x is not y:            # truth values, which are numbers here
                np.not_equal(x[done], 0.0, out=y[done])
        return i
    finally:
        PyMem_Free(loop.inputs)


cdef Py_ssize_t put_numbers(_ElementCode code, Py_ssize_t first, list values,
                            double *at) except -1:
    """Write the elements of numbers and arrays, which are the inputs from `first` on; how many."""
    cdef Py_ssize_t k, n = 0
    for k in range(len(values)):
        n += put_array(values[k], &at[n], code.size()[first + k])
    return n


cdef Py_ssize_t put_array(object x, double *at, Py_ssize_t size) except -1:
    """Write the elements of a number or an array; there must be so many."""
    cdef np.ndarray a
    if type(x) is float and size == 1:
        at[0] = x
        return 1
    if type(x) is np.ndarray and np.PyArray_TYPE(<np.ndarray>x) == NPY_DOUBLE \
            and np.PyArray_ISCARRAY_RO(<np.ndarray>x):
        a = x
    else:
        a = np.ascontiguousarray(x, np.float64)
    if np.PyArray_SIZE(a) != size:
        raise ValueError(f"a loop got {np.PyArray_SIZE(a)} numbers, not {size}")
    memcpy(at, np.PyArray_DATA(a), size * sizeof(double))
    return size


cdef int take_numbers(list carry, const double *at) except -1:
    """Put numbers, and new arrays, in the places of those that are there."""
    cdef Py_ssize_t k, n = 0
    cdef np.ndarray a
    for k in range(len(carry)):
        if type(carry[k]) is not np.ndarray or not np.PyArray_NDIM(<np.ndarray>carry[k]):
            carry[k] = at[n]
            n += 1
            continue
        a = np.empty((<object>carry[k]).shape)
        memcpy(np.PyArray_DATA(a), &at[n], np.PyArray_NBYTES(a))
        n += np.PyArray_SIZE(a)
        carry[k] = a
    return 0


cdef Py_ssize_t number_steps(NumberCode code, Py_ssize_t start, Py_ssize_t stop,
                             NumberLoop *loop) noexcept nogil:
    cdef Py_ssize_t i = start, j, k, n, step = 1 if stop > start else -1
    while i != stop:
        n = loop.n_carry
        for k in range(loop.n_xs):
            for j in range(loop.x_widths[k]):
                loop.inputs[n] = loop.xs[k][i * loop.x_widths[k] + j]
                n += 1
        if code.run(loop.inputs, loop.outputs, NULL) != RUN_OK:
            return i
        memcpy(loop.inputs, loop.outputs, loop.n_carry * sizeof(double))
        n = loop.n_carry
        for k in range(loop.n_ys):
            for j in range(loop.y_widths[k]):
                loop.ys[k][i * loop.y_widths[k] + j] = loop.outputs[n]
                n += 1
        i += step
    return stop


# ---------------------------------------------------------------- loops inside of programs

cdef enum:
    SHORT_LOOP = 1000             # steps, of which Python would take longer to begin than to run
    LOOP_NUMBERS = 200            # inputs and outputs of one


def runs_inside(Callee callee not None, Runner runner not None, Py_ssize_t n_carry,
                Py_ssize_t n_rows, Py_ssize_t length, bint counted, bint backward):
    """Let programs run a callee without Python: a loop of a program of numbers or small arrays.

    Its operands are those of a step, with `n_rows` arrays of `length` rows behind the carry; its
    result is the last carry and the rows.  It takes `length` steps if it is `counted`, else as many
    as a guard holds for, and fewer than that; one that is longer than usual is left to the callee.
    False where that may be known later.
    """
    cdef _ElementCode code = element_code(runner, callee.called)
    if not counted and length > SHORT_LOOP:
        length = SHORT_LOOP
    if code is None:
        return runner.elements is not None
    if code.code.n_inputs + code.code.n_outputs > LOOP_NUMBERS or length > SHORT_LOOP \
            or (counted and code.code.n_guards):
        return True
    callee.n_carry, callee.n_rows, callee.length = n_carry, n_rows, length
    callee.counted, callee.backward = counted, backward
    callee.code = code
    return True


cdef bint run_inside(const Step *s, _Workspace w, object given) except -1:
    """Run such a callee; False where it is none, or an operand lies otherwise."""
    cdef Callee callee
    cdef NumberLoop loop
    cdef double room[LOOP_NUMBERS]
    cdef const double *xs[LOOP_NUMBERS]
    cdef double *ys[LOOP_NUMBERS]
    cdef np.ndarray y
    cdef np.npy_intp size
    cdef Py_ssize_t k
    if watching or not isinstance(given, Callee):
        return False
    callee = <Callee>given
    callee.called = True
    if callee.code is None:
        return False
    loop.inputs, loop.xs, loop.ys = room, xs, ys
    loop.outputs = &room[callee.code.code.n_inputs]
    held = []
    if not find_operands(s, w, callee, &loop, held):
        return False
    size = loop.n_carry
    for k in range(loop.n_ys):
        size += loop.y_widths[k] * callee.length
    y = np.PyArray_EMPTY(1, &size, NPY_DOUBLE, 0)
    size = loop.n_carry
    for k in range(loop.n_ys):
        ys[k] = <double *>np.PyArray_DATA(y) + size
        size += loop.y_widths[k] * callee.length
    if not run_short(callee, &loop):
        return False
    memcpy(np.PyArray_DATA(y), room, loop.n_carry * sizeof(double))
    return keep_vector(s, w, y)


cdef bint find_operands(const Step *s, _Workspace w, Callee callee, NumberLoop *loop,
                        list held) except -1:
    """The numbers of carry and constants, and where rows are (in copies if need be, which are
    `held`); False if something is of another type."""
    cdef _ElementCode code = callee.code
    cdef Py_ssize_t k, n = 0, first = callee.n_carry, end = callee.n_carry + callee.n_rows
    cdef const Part *p
    cdef const double *at
    loop.n_carry, loop.n_xs = 0, callee.n_rows
    loop.n_ys = code.sizes.size - code.n_inputs - first
    loop.x_widths, loop.y_widths = &code.size()[first], &code.size()[code.n_inputs + first]
    if s.n_operands < code.n_inputs:
        return False
    for k in range(code.n_inputs):
        p = &s.operands[k]
        if p.typenum != NPY_DOUBLE \
                or p.size != code.size()[k] * (callee.length if first <= k < end else 1):
            return False
        if not (p.number or p.contiguous):
            held.append(np.ascontiguousarray(part_array(p, w, 0)))
        at = <const double *>(part_data(p, w.m.bases) if p.number or p.contiguous
                              else np.PyArray_DATA(<np.ndarray>held[len(held) - 1]))
        if first <= k < end:
            loop.xs[k - first] = at
        else:
            memcpy(&loop.inputs[n], at, p.size * sizeof(double))
        n += code.size()[k]
        loop.n_carry += code.size()[k] if k < first else 0
    for x in code.arrays:
        n += put_array(x, &loop.inputs[n], x.size)
    return True


cdef bint run_short(Callee callee, NumberLoop *loop) noexcept:
    """All steps; False where one goes another way, or where there are unusually many of them."""
    cdef Py_ssize_t n = callee.length
    if not callee.counted:
        if number_steps(callee.code.code, 0, n, loop) < n:
            return True
        callee.code = None
        return False
    if callee.backward:
        return number_steps(callee.code.code, n - 1, -1, loop) == -1
    return number_steps(callee.code.code, 0, n, loop) == n


cdef bint keep_vector(const Step *s, _Workspace w, np.ndarray y) except -1:
    """The result of a callee, as `run_arrays` keeps it; False if it has another form."""
    cdef const double *data = <const double *>np.PyArray_DATA(y)
    cdef Py_ssize_t k, size = np.PyArray_SIZE(y)
    for k in range(s.n_pieces):
        if s.pieces[k].typenum != NPY_DOUBLE or not s.pieces[k].contiguous \
                or s.firsts[k] + s.pieces[k].size > size:
            return False
    for k in range(s.n_pieces):
        memcpy(part_data(&s.pieces[k], w.m.bases), data + s.firsts[k],
               s.pieces[k].size * sizeof(double))
    if s.n_pieces:
        return True
    if s.out.typenum != NPY_DOUBLE or s.out.number or s.out.size != size:
        return False
    if s.adopts:
        adopt_value(s, w, y)
    else:
        memcpy(part_data(&s.out, w.m.bases), data, size * sizeof(double))
    return True


# ---------------------------------------------------------------- loops over arrays

# Where one value of a step comes from or goes to.  A carry is read where it was given, written into
# one of two places by steps that are an even number before the last one, and by the others into the
# other; or, if a result is the carry as it came, into the rows of that, and at last into a place.
cdef struct Row:
    const Part *part
    char *data                    # of a carry: as it was given
    Py_ssize_t step               # from one row to the next
    char *last                    # where the last step writes a carry,
    char *other                   # and where the one before does
    const Row *kept


@cython.final
cdef class _ArrayLoop:
    """The steps of a program with arrays, each in place in one workspace."""
    cdef Executable e
    cdef _Workspace w
    cdef list carry, held
    cdef list last, other         # the memory of carries, see Row
    cdef Row *rows                # the inputs, then the outputs
    cdef Py_ssize_t count         # steps of the run
    cdef Py_ssize_t step, stop
    cdef bint free_running        # no step and no guard needs Python

    def __cinit__(self, Executable e not None, list carry not None, list xs not None,
                  list consts not None, list ys not None, list into):
        cdef Py_ssize_t k, n = len(carry), m = len(carry) + len(xs)
        if m + len(consts) != e.n_inputs or n + len(ys) != e.n_outputs:
            raise ValueError(f"a loop over a program of {e.n_inputs} inputs and {e.n_outputs} "
                             f"outputs got {m + len(consts)} and {n + len(ys)}")
        self.e = e
        self.carry, self.held = carry, [xs, consts, ys]
        self.last, self.other = [], []
        self.rows = <Row *>PyMem_Calloc(e.n_inputs + e.n_outputs + 1, sizeof(Row))
        if self.rows == NULL:
            raise MemoryError("cdiff: no memory for the steps of a loop")
        for k in range(n):
            self.add(k, &e.inputs[k], carry[k], False)
            self.add(e.n_inputs + k, &e.results[k], None, False)
        for k in range(len(xs)):
            self.add(n + k, &e.inputs[n + k], xs[k], True)
        for k in range(len(consts)):
            self.add(m + k, &e.inputs[m + k], consts[k], False)
        for k in range(len(ys)):
            self.add(e.n_inputs + n + k, &e.results[n + k], ys[k], True)
            self.keep_carry(n + k)
        for k in range(n):
            self.place_carry(k, None if into is None else into[k])
        self.free_running = e.n_guards == 0
        for k in range(e.n_stretches):
            self.free_running = self.free_running and not e.stretches[k].python

    def __dealloc__(self):
        PyMem_Free(self.rows)

    cdef int keep_carry(self, Py_ssize_t k) except -1:
        """If output k is a carry as it came, the steps before write it there at once."""
        cdef Py_ssize_t carry = self.e.program.outputs[k]
        cdef Row *row = &self.rows[carry]
        if carry >= len(self.carry) or row.kept != NULL or row.part.number:
            return 0
        row.kept = &self.rows[self.e.n_inputs + k]
        return 0

    cdef int place_carry(self, Py_ssize_t k, object into) except -1:
        """Memory for a carry: `into` for the last one, unless the first one lies there."""
        cdef Row *row = &self.rows[k]
        if into is None or np.PyArray_BYTES(<np.ndarray>into) == row.data:
            into = part_memory(row.part)
        self.last.append(into)
        row.last = np.PyArray_BYTES(<np.ndarray>into)
        self.other.append(None if row.kept != NULL else part_memory(row.part))
        if row.kept == NULL:
            row.other = np.PyArray_BYTES(<np.ndarray>self.other[k])
        return 0

    cdef int add(self, Py_ssize_t k, const Part *part, object x, bint moves) except -1:
        """Value k: `x` itself, or a row of it at each step."""
        cdef Row *row = &self.rows[k]
        row.part = part
        if x is None:
            return 0
        a = np.asarray(x)
        if k < len(self.carry):
            a = np.asarray(a, np.PyArray_DescrFromType(part.typenum))
        if a.dtype != np.PyArray_DescrFromType(part.typenum) \
                or a.shape[1 if moves else 0:] != tuple([part.dims[i] for i in range(part.ndim)]):
            raise ValueError(f"a loop over {part_text(part)} got {a.dtype} of shape {a.shape}")
        if not np.PyArray_ISCARRAY_RO(<np.ndarray>a):
            a = np.ascontiguousarray(a) if a.ndim else a.copy()
        self.held.append(a)
        row.data = np.PyArray_BYTES(<np.ndarray>a)
        row.step = part.nbytes if moves else 0
        return 0

    cdef Py_ssize_t run(self, Py_ssize_t start, Py_ssize_t stop) except -2:
        """The steps from `start`; the step that was not run."""
        cdef Py_ssize_t i = start, done = 0, step = 1 if stop > start else -1, k, failed = -1
        cdef Py_ssize_t work = 1, most
        for k in range(self.e.n_steps):
            work += self.e.steps[k].work
        most = STRETCH_WORK // work + 1
        self.step, self.stop, self.count = step, stop, (stop - start) * step
        for k in range(len(self.carry)):
            if self.rows[k].kept != NULL:
                memcpy(self.rows[k].kept.data + start * self.rows[k].kept.step, self.rows[k].data,
                       self.rows[k].part.nbytes)
        self.w = self.e.acquire()
        try:
            while i != stop:
                if self.free_running:
                    k = self.count - done
                    k = k if k < most else most
                    self.run_free(i, step, k, done)
                    i += k * step
                    done += k
                    PyErr_CheckSignals()
                    continue
                self.bind(i, done)
                self.w.adopted.clear()           # what callees made in the step before
                failed = self.e.execute(self.w)
                if failed >= 0:
                    break
                self.take(i, done)
                i += step
                done += 1
                if done % CHECK_STEPS == 0:
                    PyErr_CheckSignals()
        finally:
            self.e.give_back(self.w)
        for k in range(len(self.carry)):
            self.take_carry(k, i, done)
        return i

    cdef int take_carry(self, Py_ssize_t k, Py_ssize_t i, Py_ssize_t done) except -1:
        """The carry before step i, which was not run."""
        cdef char *data = self.carried(k, i, done)
        if done == 0:
            return 0
        if data == self.rows[k].last:
            self.carry[k] = self.last[k]
        elif self.rows[k].kept == NULL:
            self.carry[k] = self.other[k]
        else:
            memcpy(self.rows[k].last, data, self.rows[k].part.nbytes)
            self.carry[k] = self.last[k]
        return 0

    cdef inline char *carried(self, Py_ssize_t k, Py_ssize_t i, Py_ssize_t done) noexcept nogil:
        """Where carry k is before step i, behind so many steps of the run."""
        cdef const Row *row = &self.rows[k]
        if row.kept != NULL and i != self.stop:
            return row.kept.data + i * row.kept.step
        if done == 0:
            return row.data
        return row.last if row.kept != NULL or (self.count - done) % 2 == 0 else row.other

    cdef int run_free(self, Py_ssize_t i, Py_ssize_t step, Py_ssize_t count,
                      Py_ssize_t done) except -1:
        """So many steps without a look at Python in between."""
        cdef Py_ssize_t k, j, at = 0
        cdef bint fine = True
        with nogil:
            for k in range(count):
                self.bind(i, done + k)
                for j in range(self.e.n_stretches):
                    fine = self.e.run_stretch(&self.e.stretches[j], &self.w.m, &at)
                    if not fine:
                        break
                if not fine:
                    break
                self.take(i, done + k)
                i += step
        if not fine:
            self.e.raise_step(at, self.w)
        return 0

    cdef void bind(self, Py_ssize_t i, Py_ssize_t done) noexcept nogil:
        """Inputs and outputs of step i."""
        cdef Row *row
        cdef char *data
        cdef char **bases = self.w.m.bases
        cdef Py_ssize_t k
        for k in range(self.e.n_inputs):
            row = &self.rows[k]
            data = row.data + i * row.step if row.last == NULL else self.carried(k, i, done)
            if not row.part.number:
                bases[row.part.base] = data
            elif row.part.typenum == NPY_DOUBLE:
                (<double *>part_data(row.part, bases))[0] = (<double *>data)[0]
            else:
                (<double *>part_data(row.part, bases))[0] = (<uint8_t *>data)[0]
        for k in range(self.e.n_outputs):
            bases[self.e.first_output + k] = self.place(k, i, done)

    cdef inline char *place(self, Py_ssize_t k, Py_ssize_t i, Py_ssize_t done) noexcept nogil:
        """Where output k of step i goes."""
        cdef Row *row = &self.rows[self.e.n_inputs + k]
        if row.data == NULL:
            return self.carried(k, i + self.step, done + 1)
        return row.data + i * row.step

    cdef void take(self, Py_ssize_t i, Py_ssize_t done) noexcept nogil:
        """The numbers among the outputs, from their registers."""
        cdef Py_ssize_t k
        cdef double v
        cdef const Part *part
        for k in range(self.e.n_outputs):
            part = self.rows[self.e.n_inputs + k].part
            if not part.number:
                continue
            v = (<double *>part_data(part, self.w.m.bases))[0]
            if part.typenum == NPY_DOUBLE:
                (<double *>self.place(k, i, done))[0] = v
            else:
                (<uint8_t *>self.place(k, i, done))[0] = v != 0.0
