# Runner: a program, ready to run, whatever it is made of.
#
# Knows which way of running fits which program, and nothing of how a program
# was made.  Fast because the choice is made once: numbers go to the one-point
# gear, arrays to the planned executor.

@cython.auto_pickle(False)
cdef class Runner:
    """Runs a program: `run(inputs)` gives (outputs, -1, None).

    Where a guard does not hold it gives (None, its number, the value that was seen).
    """
    cdef readonly Program program
    cdef NumberCode numbers

    def __init__(self, Program program):
        self.program = program
        try:
            self.numbers = NumberCode(program)
        except ValueError:
            self.numbers = None

    def run(self, list inputs):
        """Outputs for these floats and ndarrays, in the order of the program's inputs."""
        cdef Guard g
        cdef Py_ssize_t k
        values = replay_values(self.program, inputs)
        for k, g in enumerate(self.program.guards):
            seen = ndarray_of(innermost(<Array>values[g.value]))
            if not same_content(seen, g.expected):
                return None, k, np.array(seen)
        return [handed_out(<Array>values[i]) for i in self.program.outputs], -1, None


cdef object handed_out(Array a):
    """A result as users get it: a float, a NumPy scalar, or an ndarray of its own."""
    cdef object x = plain_value(a)
    if type(x) is np.ndarray:
        if x.ndim == 0:
            return x[()]
        if not x.flags.owndata and not x.flags.writeable:
            return np.array(x)
    return x
