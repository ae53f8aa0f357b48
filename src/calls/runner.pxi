# Runner: a program, ready to run, whatever it is made of.
#
# Knows which way of running fits which program, and nothing of how a program
# was made.  Fast because the choice is made once: numbers go to the one-point
# gear, arrays to the planned executor.

cdef class Runner:
    """Runs a program: `run(inputs)` gives (outputs, -1, None).

    Where a guard does not hold it gives (None, its number, the value that was seen).  An output is
    made in its array of `into` (of the right type, in C order, overlapping nothing) if it has one.
    """
    cdef readonly Program program
    cdef readonly NumberCode numbers  # None where there are arrays
    cdef Executable arrays            # None where there are none
    cdef list truths                  # for each output: is it a boolean?
    cdef object stacked               # see loop_products.pxi
    cdef object elements              # see elements.pxi
    cdef Py_ssize_t runs              # as steps of loops

    def __init__(self, Program program not None):
        cdef Py_ssize_t i
        check_ready(program)
        self.program = program
        self.truths = [program.types[program.code[<Py_ssize_t>v].type][0] == NPY_BOOL
                       for v in program.outputs]
        for i in range(program.count):
            if not holds_number(program, i):
                self.arrays = Executable(program)
                return
        self.numbers = NumberCode(program)

    cdef inline object as_output(self, Py_ssize_t k, double v):
        """A number that is output k, as the caller gets it."""
        return np.bool_(v != 0.0) if self.truths[k] else v

    def run(self, list inputs, list into=None):
        """Outputs for these floats and ndarrays, in the order of the program's inputs."""
        cdef list outputs
        cdef Py_ssize_t k
        if watching & WATCH_VALUES:
            return watched_run(self.program, inputs, into)
        if self.numbers is None:
            outputs, failed, observed = self.arrays.call(inputs, into)
            if failed >= 0:
                return None, failed, observed
            for k in range(len(outputs)):
                if type(outputs[k]) is np.ndarray and np.PyArray_NDIM(<np.ndarray>outputs[k]) == 0:
                    outputs[k] = outputs[k][()]
            return outputs, -1, None
        failed, outputs, seen = self.numbers.answer(inputs)
        if failed < 0:
            return [self.as_output(k, v) for k, v in enumerate(outputs)], -1, None
        k = (<Guard>self.program.guards[failed]).value
        typenum = self.program.types[self.program.code[k].type][0]
        return None, failed, np.array(seen != 0.0 if typenum == NPY_BOOL else seen)

    def profile(self, list inputs):
        """Where the time of one call goes: rows as `Executable.profile` gives them."""
        cdef double start
        if self.numbers is None:
            return self.arrays.profile(inputs)
        start = cdiff_clock()
        self.numbers.evaluate(*inputs)
        return [(0, "numbers", (), "", cdiff_clock() - start, self.numbers.n_instructions, 0)]


cdef bint holds_number(Program p, Py_ssize_t i) except -1:
    """Is this a value that the one-point gear can hold, computed by an operator it knows?"""
    cdef Instr *x = &p.code[i]
    if x.op == OP_LEAF or x.op == OP_CONST:
        return x.type <= TYPE_WEAK
    return x.op < N_ELEMENTWISE and is_number_type(p.types[x.type])


cdef int refresh(Program p) except -1:
    """Copy what a program has captured and cannot read where it is."""
    for copy, original in p.refreshed:
        np.copyto(copy, shown(<Array>original) if type(original) is Array else original)
    return 0
