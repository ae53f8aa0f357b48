# NumberCall: a NumberCode called from Python with floats.
#
# Knows Python's calling convention and how results are nested; it must not know
# what the program computes.  Fast because it is called by vectorcall, so that
# no tuple of arguments is made, because the arguments are read straight into
# memory on the C stack, and because the nesting of the result was flattened to
# a list of small integers beforehand.

cdef extern from *:
    """
    /* Cython has no way to say this of a type. */
    static void cdiff_enable_vectorcall(PyTypeObject *type, Py_ssize_t offset)
    {
        type->tp_vectorcall_offset = offset;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified(type);
    }
    """
    void cdiff_enable_vectorcall(PyTypeObject *type, Py_ssize_t offset) noexcept

cdef extern from "Python.h":
    ctypedef PyObject *(*vectorcallfunc)(PyObject *, PyObject *const *, size_t, PyObject *)
    object PyVectorcall_Call(object, object, object)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept nogil
    bint PyFloat_CheckExact(PyObject *) noexcept nogil
    bint PyLong_CheckExact(PyObject *) noexcept nogil
    double float_value "PyFloat_AS_DOUBLE"(PyObject *) noexcept nogil
    double int_value "PyLong_AsDouble"(PyObject *) noexcept
    PyObject *PyErr_Occurred() noexcept
    void PyErr_Clear() noexcept

cdef enum:
    STACK_NUMBERS = 128           # inputs and outputs together that need no memory from elsewhere
    RELEASE_FROM = 20000          # instructions from which a run releases the GIL
    NEST_LIST = 1 << 30


@cython.final
@cython.auto_pickle(False)
cdef class NumberCall:
    """Calls a NumberCode: floats in, nested tuples and lists of floats out.

    `signature` has one letter per argument: "f" takes a float, "i" an int as well.  `template` is
    the result with the number of an output in place of each float, such as (0, (1, 2)).  Every
    other call, and one that fails a guard, becomes general(args, kwargs).
    """
    cdef vectorcallfunc vectorcall
    cdef readonly NumberCode code
    cdef readonly object general
    cdef bytes signature
    cdef const char *letters
    cdef int32_t *nest            # the template: see flatten_template

    def __cinit__(self, NumberCode code, str signature, template, general):
        cdef list flat = []
        cdef Py_ssize_t i
        if len(signature) != code.n_inputs or signature.strip("fi"):
            raise ValueError(f"signature {signature!r} for {code.n_inputs} inputs")
        flatten_template(template, code.n_outputs, flat)
        self.vectorcall = <vectorcallfunc>call_numbers
        self.code = code
        self.general = general
        self.signature = signature.encode()
        self.letters = self.signature
        self.nest = <int32_t *>PyMem_Calloc(len(flat), sizeof(int32_t))
        if self.nest == NULL:
            raise MemoryError("cdiff: no memory for the form of the result")
        for i in range(len(flat)):
            self.nest[i] = flat[i]

    def __dealloc__(self):
        PyMem_Free(self.nest)

    def __call__(self, /, *args, **kwargs):
        return PyVectorcall_Call(self, args, kwargs)


cdef int flatten_template(object template, Py_ssize_t n_outputs, list flat) except -1:
    """Preorder: an output's number, or -1 - length for a tuple, NEST_LIST less for a list."""
    if type(template) is int:
        if not 0 <= template < n_outputs:
            raise ValueError(f"there is no output {template} among {n_outputs}")
        flat.append(template)
        return 0
    if type(template) is tuple:
        flat.append(-1 - len(template))
    elif type(template) is list:
        flat.append(-1 - len(template) - NEST_LIST)
    else:
        raise TypeError(f"a result is nested in tuples and lists, not in {type(template).__name__}")
    for item in template:
        flatten_template(item, n_outputs, flat)
    return 0


cdef object nested(const int32_t **nest, const double *outputs):
    """The result from its flattened template."""
    cdef int32_t form = nest[0][0]
    cdef Py_ssize_t i, n
    cdef object item, items
    nest[0] += 1
    if form >= 0:
        return outputs[form]
    n = -1 - form
    if n >= NEST_LIST:
        return [nested(nest, outputs) for i in range(n - NEST_LIST)]
    items = PyTuple_New(n)
    for i in range(n):
        item = nested(nest, outputs)
        Py_INCREF(item)
        PyTuple_SET_ITEM(items, i, item)
    return items


cdef object call_numbers(PyObject *called, PyObject *const *args, size_t nargsf, PyObject *names):
    """The vectorcall of a NumberCall."""
    cdef NumberCall self = <NumberCall>called
    cdef NumberCode code = self.code
    cdef double small[STACK_NUMBERS]
    cdef double *large
    cdef object result = NOT_NUMBERS
    if names == NULL and PyVectorcall_NARGS(nargsf) == code.n_inputs:
        if code.n_inputs + code.n_outputs <= STACK_NUMBERS:
            result = run_numbers(self, code, args, small)
        else:
            large = <double *>PyMem_Calloc(code.n_inputs + code.n_outputs, sizeof(double))
            if large == NULL:
                raise MemoryError("cdiff: no memory for inputs and outputs")
            try:
                result = run_numbers(self, code, args, large)
            finally:
                PyMem_Free(large)
    if result is NOT_NUMBERS:
        return call_general(self, args, PyVectorcall_NARGS(nargsf), names)
    return result


cdef object NOT_NUMBERS = object()    # in place of a result


cdef inline bint read_numbers(const char *letters, Py_ssize_t n, PyObject *const *args,
                              double *memory) noexcept:
    """Store the arguments; whether all are floats, or ints where that is allowed."""
    cdef Py_ssize_t i
    for i in range(n):
        if PyFloat_CheckExact(args[i]):
            memory[i] = float_value(args[i])
        elif letters[i] == c"i" and PyLong_CheckExact(args[i]):
            memory[i] = int_value(args[i])
            if memory[i] == -1.0 and PyErr_Occurred() != NULL:
                PyErr_Clear()     # too large
                return False
        else:
            return False
    return True


cdef inline object run_numbers(NumberCall self, NumberCode code, PyObject *const *args,
                               double *memory):
    """The result; NOT_NUMBERS where the arguments are none or a guard fails."""
    cdef double *outputs = &memory[code.n_inputs]
    cdef const int32_t *nest = self.nest
    cdef int done
    if not read_numbers(self.letters, code.n_inputs, args, memory):
        return NOT_NUMBERS
    if code.n_instructions < RELEASE_FROM:
        done = code.run(memory, outputs)
    else:
        with nogil:
            done = code.run(memory, outputs)
    return nested(&nest, outputs) if done == RUN_OK else NOT_NUMBERS


cdef object call_general(NumberCall self, PyObject *const *args, Py_ssize_t n, PyObject *names):
    """general(args, kwargs)."""
    cdef Py_ssize_t i
    cdef dict kwargs = {}
    cdef tuple given = tuple([<object>args[i] for i in range(n)])
    if names != NULL:
        for i in range(len(<tuple>names)):
            kwargs[(<tuple>names)[i]] = <object>args[n + i]
    return self.general(given, kwargs)


cdef void enable_number_call() except *:
    """Let Python call a NumberCall by its vectorcall."""
    cdef NumberCall x = NumberCall.__new__(NumberCall, NumberCode(Program()), "", (), None)
    cdef Py_ssize_t offset = <char *>&x.vectorcall - <char *><PyObject *>x
    cdiff_enable_vectorcall(<PyTypeObject *>NumberCall, offset)


enable_number_call()
