# Loops: a program run once for each row of its inputs, its first outputs being
# the first inputs of the next step.
#
# Knows runners and ndarrays; it must not know what the program computes, nor
# what becomes of a step whose guard fails (the Python face finds its path).
# Fast because rows of results go straight into their arrays, and because a
# program of numbers runs through all steps in C, without the GIL.

cdef enum:
    SIGNAL_STEPS = 1 << 16        # of a loop over numbers, between two looks for Ctrl-C


cdef struct NumberLoop:
    double *inputs                # carry, rows, constants
    double *outputs               # the next carry, rows
    const double **xs
    double **ys
    Py_ssize_t n_carry, n_xs, n_ys


def run_steps(Runner runner, Py_ssize_t start, Py_ssize_t stop, list carry, list xs, list consts,
              list ys):
    """Run steps from `start` up to `stop`, or down where that is less; the step that was not run.

    That is `stop`, or the first step with a guard that does not hold.  Inputs of the program are
    `carry` (replaced by what the last step gave), a row of each array in `xs`, and `consts`;
    outputs are the next carry and a row for each array in `ys`.
    """
    cdef Py_ssize_t i = start, k, n_carry = len(carry)
    cdef list outputs
    if is_number_loop(runner, carry, xs, consts, ys):
        return run_number_loop(runner.numbers, start, stop, carry, xs, consts, ys)
    while i != stop:
        found = runner.run(carry + [x[i] for x in xs] + consts)[0]
        if found is None:
            return i
        outputs = found
        carry[:] = outputs[:n_carry]
        for k in range(len(ys)):
            ys[k][i] = outputs[n_carry + k]
        i += 1 if stop > start else -1
    return stop


cdef bint is_number_loop(Runner runner, list carry, list xs, list consts, list ys) except -1:
    """Are there only numbers, in arrays that C can read in order?"""
    if runner.numbers is None:
        return False
    for x in carry + consts:
        if not isinstance(x, float) and not (type(x) is np.ndarray and x.dtype == np.float64):
            return False
    for x in xs + ys:
        if not is_plain_ndarray(x) or not np.PyArray_IS_C_CONTIGUOUS(<np.ndarray>x) or x.ndim != 1:
            return False
    return True


cdef Py_ssize_t run_number_loop(NumberCode code, Py_ssize_t start, Py_ssize_t stop, list carry,
                                list xs, list consts, list ys) except -2:
    cdef NumberLoop loop
    cdef Py_ssize_t k, pause, i = start
    loop.n_carry, loop.n_xs, loop.n_ys = len(carry), len(xs), len(ys)
    k = code.n_inputs + code.n_outputs
    loop.inputs = <double *>PyMem_Calloc(k + loop.n_xs + loop.n_ys + 1, sizeof(double))
    if loop.inputs == NULL:
        raise MemoryError("cdiff: no memory for the steps of a loop")
    loop.outputs = &loop.inputs[code.n_inputs]
    loop.xs = <const double **>&loop.inputs[k]
    loop.ys = <double **>&loop.inputs[k + loop.n_xs]
    try:
        for k in range(loop.n_carry):
            loop.inputs[k] = carry[k]
        for k in range(len(consts)):
            loop.inputs[loop.n_carry + loop.n_xs + k] = consts[k]
        for k in range(loop.n_xs):
            loop.xs[k] = <const double *>np.PyArray_DATA(<np.ndarray>xs[k])
        for k in range(loop.n_ys):
            loop.ys[k] = <double *>np.PyArray_DATA(<np.ndarray>ys[k])
        while i != stop:
            if stop > start:
                pause = i + SIGNAL_STEPS if stop - i > SIGNAL_STEPS else stop
            else:
                pause = i - SIGNAL_STEPS if i - stop > SIGNAL_STEPS else stop
            with nogil:
                i = number_steps(code, i, pause, &loop)
            PyErr_CheckSignals()
            if i != pause:
                break
        for k in range(loop.n_carry):
            carry[k] = loop.inputs[k]
        return i
    finally:
        PyMem_Free(loop.inputs)


cdef Py_ssize_t number_steps(NumberCode code, Py_ssize_t start, Py_ssize_t stop,
                             NumberLoop *loop) noexcept nogil:
    cdef Py_ssize_t i = start, k, step = 1 if stop > start else -1
    while i != stop:
        for k in range(loop.n_xs):
            loop.inputs[loop.n_carry + k] = loop.xs[k][i]
        if code.run(loop.inputs, loop.outputs) != RUN_OK:
            return i
        memcpy(loop.inputs, loop.outputs, loop.n_carry * sizeof(double))
        for k in range(loop.n_ys):
            loop.ys[k][i] = loop.outputs[loop.n_carry + k]
        i += step
    return stop
