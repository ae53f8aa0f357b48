# Executables: programs that are ready to run.
#
# Holds the finished plan, lends out workspaces, takes inputs in and gives
# outputs out; must not know operators or how steps work.  Fast because a call
# allocates nothing but its results, and because the GIL is released for whole
# stretches of steps; several threads may be inside one Executable, each with a
# workspace of its own.

# Steps start to end - 1, all with the GIL or all without needing it.
cdef struct Stretch:
    Py_ssize_t start, end
    bint python
    bint releases

cdef struct GuardCheck:
    Part part
    Py_ssize_t step               # after this step its value is known
    double number
    const char *expected


class GuardFailed(Exception):
    """A decision that a program was recorded with does not hold: (guard, observed value)."""


class NewDecision(Exception):
    """What a program calls met a decision that cannot be recorded inside it."""


cdef int num_threads = 1


def set_num_threads(n):
    """Let up to `n` threads share matrix products and the elementwise work of compiled calls.

    Results are the same to the last bit for any number.  Until this is called, matrix products take
    as many threads as NumPy's BLAS would (`OPENBLAS_NUM_THREADS`, `MKL_NUM_THREADS` or
    `OMP_NUM_THREADS`, else one for each processor).  Products that are left to NumPy, like those of
    float32, or all where the processor has no AVX-512, go by the threads of its BLAS.  A child
    process made by fork starts threads of its own.

    Parameters
    ----------
    n : int
        From 1, which is the default, to 64.

    Returns
    -------
    int
        The number before.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If it is outside that range.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.set_num_threads(2)
    1
    >>> cd.set_num_threads(1)
    2
    """
    global num_threads, product_threads
    cdef int before = num_threads
    if not is_integer(n):
        raise TypeError(f"set_num_threads: expected an integer, got {type(n).__name__}")
    if not 1 <= n <= MAX_THREADS:
        raise ValueError(f"set_num_threads: between 1 and {MAX_THREADS}, not {n}")
    num_threads = product_threads = n
    return before


def get_num_threads():
    """How many threads may share the work of one compiled call.

    Returns
    -------
    int

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.get_num_threads()
    1
    """
    return num_threads


@cython.final
cdef class _Workspace:
    """The memory of one call."""
    cdef char *memory
    cdef Memory m
    cdef dict adopted             # results that lie where callees have made them, by base
    cdef _Workspace next

    def __cinit__(self, Py_ssize_t n_bases, Py_ssize_t registers, Py_ssize_t arena,
                  Py_ssize_t lanes):
        cdef Py_ssize_t first = (registers * <Py_ssize_t>sizeof(double) + LINE) & ~<Py_ssize_t>(
            LINE - 1)
        cdef Py_ssize_t total = first + num_threads * lanes + arena + LINE
        cdef double one = 1.0
        self.m.bases = <char **>PyMem_Calloc(n_bases, sizeof(char *))
        total = cdiff_whole_pages(total, total)
        self.memory = <char *>cdiff_aligned_alloc(total)
        if self.memory == NULL or self.m.bases == NULL:
            raise MemoryError(f"cdiff: a program needs {total} bytes to run")
        cdiff_use_large_pages(self.memory, total, total)
        memset(self.memory, 0, first)
        self.adopted = {}
        self.m.bases[BASE_REGISTERS] = self.memory
        self.m.lanes = self.memory + first
        self.m.lane_bytes = lanes
        self.m.workers = num_threads
        self.m.bases[BASE_ARENA] = self.m.lanes + num_threads * lanes
        # Machine code computes whole vectors, some lanes of which may never be a point's: what an
        # earlier owner of the memory left there can be numbers that a processor is slow with.
        KERNELS.value[OP_POSITIVE](num_threads * lanes // sizeof(double), <double *>self.m.lanes,
                                   &one, NULL, 0, 0)

    def __dealloc__(self):
        if self.memory != NULL:
            cdiff_aligned_free(self.memory)
        PyMem_Free(self.m.bases)


@cython.final
cdef class Executable:
    """A checked program made ready to run; the program must not change afterwards.

    >>> p = Program()
    >>> x = p.input("f8", (3,))
    >>> p.outputs = [p.apply("multiply", [x, x], "f8", (3,))]
    >>> Executable(p).run([np.array([1.0, 2.0, 3.0])])
    [array([1., 4., 9.])]
    """
    cdef readonly Program program
    cdef _Pool pool
    cdef list constants, expected
    cdef Step *steps
    cdef Stretch *stretches
    cdef Part *inputs
    cdef Part *results            # registers of numbers, memory of arrays
    cdef GuardCheck *guards
    cdef Py_ssize_t n_steps, n_stretches, n_inputs, n_outputs, n_guards
    cdef Py_ssize_t n_bases, n_registers, arena_size, lane_bytes
    cdef int first_constant, first_output
    cdef bint has_live            # constants that may change between calls
    cdef bint has_products        # which have threads of their own number
    cdef _Workspace idle

    def __init__(self, Program program not None):
        check_ready(program)
        self.program = program
        self.pool = _Pool()
        _StepMaker(self).make()

    # ------------------------------------------------------------ workspaces

    cdef _Workspace acquire(self):
        """A workspace for one call, with the constants in place."""
        cdef _Workspace w = self.idle
        cdef Py_ssize_t i
        if num_threads > 1:
            cdiff_pool_prepare()
        if self.has_products:
            prepare_products()
        while w is not None and w.m.workers != num_threads:
            w = w.next                        # made for another number of threads
        self.idle = w
        if w is None:
            w = _Workspace(self.n_bases, self.n_registers, self.arena_size, self.lane_bytes)
            for i in range(len(self.constants)):
                w.m.bases[self.first_constant + i] = np.PyArray_BYTES(<np.ndarray>self.constants[i])
            self.preset(w)
        else:
            self.idle = w.next
            w.next = None
        if self.has_live:
            self.refresh(w)
        return w

    cdef int refresh(self, _Workspace w) except -1:
        """What a program has captured may have changed since the last call."""
        cdef np.ndarray copy, original
        refresh(self.program)
        for copy, original in zip(self.constants, self.program.arrays):
            if copy is not original:
                np.copyto(copy, original)
        self.preset(w)
        return 0

    cdef int preset(self, _Workspace w) except -1:
        """Constants have registers in their order, among those of the inputs."""
        cdef Program p = self.program
        cdef Py_ssize_t i, place = 0
        for i in range(p.count):
            if p.code[i].op != OP_LEAF and p.code[i].op != OP_CONST or not self.program_number(i):
                continue
            if p.code[i].op == OP_CONST:
                (<double *>w.m.bases[BASE_REGISTERS])[place] = p.numbers[p.code[i].a] \
                    if p.code[i].type <= TYPE_WEAK else float(p.arrays[p.code[i].a])
            place += 1
        return 0

    cdef bint program_number(self, Py_ssize_t i) except -1:
        """Does value i have a register?"""
        cdef tuple t = self.program.types[self.program.code[i].type]
        return t[1] == () and (t[0] == NPY_DOUBLE or t[0] == NPY_BOOL)

    cdef inline int give_back(self, _Workspace w) except -1:
        w.adopted.clear()
        w.next = self.idle
        self.idle = w
        return 0

    # ------------------------------------------------------------ running

    cdef Py_ssize_t execute(self, _Workspace w) except -2:
        """All steps over a workspace with its inputs and outputs; the first guard that fails, -1
        if all hold."""
        cdef Py_ssize_t i, step = 0
        cdef Stretch *s
        cdef bint fine = True
        try:
            for i in range(self.n_stretches):
                s = &self.stretches[i]
                step = s.start
                if s.python:
                    run_python(&self.steps[step], w, self.program)
                    PyErr_CheckSignals()
                elif s.releases:
                    with nogil:
                        fine = self.run_stretch(s, &w.m, &step)
                    PyErr_CheckSignals()
                else:
                    fine = self.run_stretch(s, &w.m, &step)
                if not fine:
                    self.raise_step(step, w)
        except Exception as error:
            if from_signal(error):
                raise
            # Why the step cannot be done may be a decision that was taken otherwise: one that is
            # known by now, or one that the plan has put off.
            step = self.failed_guard(w, step)
            if step < 0:
                step = self.later_guard(w)
            if step < 0:
                raise
            return step
        return self.failed_guard(w, self.n_steps) if self.n_guards else -1

    cdef bint run_stretch(self, const Stretch *s, const Memory *m, Py_ssize_t *step) noexcept nogil:
        cdef Py_ssize_t i = s.start
        cdef const Step *x
        cdef bint fine
        while i < s.end:
            x = &self.steps[i]
            if x.weave != NULL and m.workers == 1:
                fine = run_weave(x, m)
                step[0] = i
                i += x.weave.count
            else:
                fine = run_step(x, m)
                step[0] = i
                i += 1
            if not fine:
                return False
        return True

    cdef int raise_step(self, Py_ssize_t step, _Workspace w) except -1:
        """A position that is out of range: NumPy's error names it; or no memory, or a signal."""
        cdef const Step *s = &self.steps[step]
        cdef int k
        if s.kind == STEP_PRODUCT or s.kind == STEP_STRIPS:
            raise_no_room()
        if s.kind == STEP_GROUP:
            k = taking_outside(s.group, w.m.bases)
            if k < 0:
                cdiff_raise()
            raise_outside(&s.group.takings[k], w.m.bases)
        raise_outside(&s.taking, w.m.bases)

    cdef Py_ssize_t failed_guard(self, _Workspace w, Py_ssize_t step) except -2:
        """The first guard, of those known before a step, that does not hold; -1: all do."""
        cdef GuardCheck *g
        cdef Py_ssize_t i
        for i in range(self.n_guards):
            g = &self.guards[i]
            if g.step < step and not guard_holds(g, w):
                return i
        return -1

    cdef Py_ssize_t later_guard(self, _Workspace w) except -2:
        """The first guard that does not hold, looked for in the order of the recording; -1 if all
        hold up to the operation that cannot be done."""
        cdef Program p = self.program
        cdef list values = [], inputs
        cdef Guard guard
        cdef Py_ssize_t i, k
        inputs = [part_node(&self.inputs[i], w, False) for i in range(self.n_inputs)]
        for k in range(self.n_guards):
            guard = p.guards[k]
            try:
                while len(values) <= guard.value:
                    values.append(replayed(p, len(values), inputs, values))
            except Exception:
                return -1
            if not same_content(shown(<Array>values[guard.value]), guard.expected):
                keep_value(&self.guards[k].part, w, <Array>values[guard.value])
                return k
        return -1

    cdef Py_ssize_t run_pointers(self, void **inputs, void **outputs) except -2:
        """One call over plain memory; the first guard that fails, -1 if all hold.

        Inputs and outputs are C-contiguous memory of the declared types, a double for a number
        (float64 or bool).  Outputs must not overlap inputs or each other.
        """
        cdef _Workspace w = self.acquire()
        cdef Py_ssize_t i, failed
        try:
            for i in range(self.n_inputs):
                if self.inputs[i].number:
                    (<double *>part_data(&self.inputs[i], w.m.bases))[0] = (<double *>inputs[i])[0]
                else:
                    w.m.bases[self.inputs[i].base] = <char *>inputs[i]
            for i in range(self.n_outputs):
                w.m.bases[self.first_output + i] = <char *>outputs[i]
            failed = self.execute(w)
            for i in range(self.n_outputs):
                if self.results[i].number:
                    (<double *>outputs[i])[0] = (
                        <double *>part_data(&self.results[i], w.m.bases))[0]
            return failed
        finally:
            self.give_back(w)

    def run(self, list inputs):
        """The outputs for these inputs, floats and ndarrays as declared; a float for a float64
        number, else an ndarray that belongs to the caller.

        Raises GuardFailed(guard, observed) where a decision does not hold.
        """
        outputs, failed, observed = self.call(inputs)
        if failed >= 0:
            raise GuardFailed(failed, observed)
        return outputs

    cdef tuple call(self, list inputs, list into=None):
        """(outputs, -1, None), or (None, the guard that does not hold, what was observed).

        Outputs are made in the arrays `into` (C order, of the declared types, overlapping nothing)
        where that has one.
        """
        cdef _Workspace w = self.acquire()
        cdef list held = [], outputs
        cdef Py_ssize_t i, failed
        try:
            self.bind_all(w, inputs, held)
            outputs = self.rooms(w, into)
            failed = self.execute(w)
            if failed >= 0:
                return None, failed, part_value(&self.guards[failed].part, w)
            for i in range(self.n_outputs):
                if self.results[i].number:
                    outputs[i] = self.number(w, i)
            return outputs, -1, None
        finally:
            self.give_back(w)

    def woven(self):
        """(first step, count) of all steps that take turns along their arrays (weaving.pxi)."""
        return [(i, self.steps[i].weave.count) for i in range(self.n_steps)
                if self.steps[i].weave != NULL]

    def stripped(self):
        """(step, matrices at a time) of the products that make an operand on the way."""
        return [(i, self.steps[i].strip.maker.most) for i in range(self.n_steps)
                if self.steps[i].kind == STEP_STRIPS]

    def profile(self, list inputs):
        """Where the time of one call goes, on one thread: (step, operator, shape, where, seconds,
        calls, bytes) for each step, and for each instruction of a step that fuses several.

        `where` is the source line if that is known, else ""; `calls` how many operations on
        numbers a row stands for, else 1; `bytes` what is read and written in memory.
        """
        cdef _Workspace w = self.acquire()
        cdef list held = [], outputs
        try:
            self.bind_all(w, inputs, held)
            outputs = self.rooms(w, None)
            return profile_steps(self, w)
        finally:
            self.give_back(w)

    cdef object number(self, _Workspace w, Py_ssize_t i):
        cdef double v = (<double *>part_data(&self.results[i], w.m.bases))[0]
        return v if self.results[i].typenum == NPY_DOUBLE else np.array(v != 0.0)

    cdef list rooms(self, _Workspace w, list into):
        """Memory for all outputs: that of `into` where it has some."""
        cdef np.ndarray out
        cdef list outputs = []
        cdef Py_ssize_t i
        for i in range(self.n_outputs):
            out = into[i] if into is not None and into[i] is not None else self.fresh(i)
            outputs.append(out)
            if out is not None:
                w.m.bases[self.first_output + i] = np.PyArray_BYTES(out)
        return outputs

    cdef np.ndarray fresh(self, Py_ssize_t i):
        """Fresh memory for an output (None for a number): large memory comes from the pool."""
        return None if self.results[i].number else part_memory(&self.results[i])

    cdef int bind_all(self, _Workspace w, list inputs, list held) except -1:
        cdef Py_ssize_t i
        if len(inputs) != self.n_inputs:
            raise TypeError(f"a program of {self.n_inputs} inputs was given {len(inputs)}")
        for i in range(self.n_inputs):
            self.bind(w, i, inputs[i], held)
        return 0

    cdef int bind(self, _Workspace w, Py_ssize_t i, object x, list held) except -1:
        """An input, read where it lies if it is contiguous; `held` keeps it alive."""
        cdef const Part *p = &self.inputs[i]
        cdef np.ndarray a
        if p.number:
            if type(x) is float and p.typenum == NPY_DOUBLE:
                (<double *>part_data(p, w.m.bases))[0] = x
                return 0
            if not isinstance(x, np.ndarray) or (<np.ndarray>x).ndim == 0 \
                    and can_be(x, p.typenum):
                (<double *>part_data(p, w.m.bases))[0] = as_number(x, p.typenum, i)
                return 0
        if isinstance(x, np.generic):
            x = np.asarray(x)
        if not isinstance(x, np.ndarray):
            raise TypeError(f"input {i}: expected {part_text(p)}, got {type(x).__name__}")
        a = <np.ndarray>x
        if np.PyArray_TYPE(a) != p.typenum and a.dtype != np.PyArray_DescrFromType(p.typenum):
            raise TypeError(f"input {i}: expected {part_text(p)}, got {a.dtype}")
        if not has_dims(a, p):
            raise ValueError(f"input {i}: expected {part_text(p)}, got shape "
                             f"{(<object>a).shape}")
        if not np.PyArray_ISCARRAY_RO(a):
            a = np.array(a, dtype=np.PyArray_DescrFromType(p.typenum), order="C", ndmin=0)
        held.append(a)
        w.m.bases[p.base] = np.PyArray_BYTES(a)
        return 0


cdef np.ndarray part_memory(const Part *p):
    """An array for such a value, large ones from the pool."""
    if p.size > 64:
        return export(new_array(p.ndim, p.dims, p.typenum), NPY_ARRAY_WRITEABLE)
    return np.PyArray_EMPTY(p.ndim, <np.npy_intp *>p.dims, p.typenum, 0)


def pooled(Py_ssize_t size, dtype):
    """A vector of any content, large ones from the pool: pages that were used before cost nothing.

    >>> from cdiff import _core
    >>> _core.pooled(3, float).shape
    (3,)
    """
    if size <= 64:
        return np.empty(size, dtype)
    return export(new_array(1, &size, np.dtype(dtype).num), NPY_ARRAY_WRITEABLE)


cdef bint has_dims(np.ndarray a, const Part *p) noexcept:
    cdef int k
    if np.PyArray_NDIM(a) != p.ndim:
        return False
    for k in range(p.ndim):
        if np.PyArray_DIM(a, k) != p.dims[k]:
            return False
    return True


cdef bint can_be(object x, int typenum) except -1:
    return x.dtype == np.PyArray_DescrFromType(typenum)


cdef double as_number(object x, int typenum, Py_ssize_t i) except? -1.0:
    if typenum == NPY_BOOL:
        if isinstance(x, (bool, np.bool_, np.ndarray)):
            return bool(x)
    elif isinstance(x, (float, int, np.floating, np.integer, np.ndarray)) \
            and not isinstance(x, bool):
        return float(x)
    raise TypeError(f"input {i}: expected {'a bool' if typenum == NPY_BOOL else 'a float'}, got "
                    f"{type(x).__name__}")


cdef str part_text(const Part *p):
    shape = tuple([p.dims[k] for k in range(p.ndim)])
    return f"{np.PyArray_DescrFromType(p.typenum)} of shape {shape}"


cdef bint guard_holds(const GuardCheck *g, _Workspace w) except -1:
    """The same bytes?"""
    cdef np.ndarray found
    if g.part.number:
        return memcmp(part_data(&g.part, w.m.bases), &g.number, sizeof(double)) == 0
    if g.part.contiguous:
        return memcmp(part_data(&g.part, w.m.bases), g.expected, g.part.nbytes) == 0
    found = np.ascontiguousarray(part_array(&g.part, w, 0))
    return memcmp(np.PyArray_DATA(found), g.expected, g.part.nbytes) == 0
