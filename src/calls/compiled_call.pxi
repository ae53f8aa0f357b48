# Compiled calls: from Python's arguments to a program's results without a Python
# frame.
#
# Knows Python's calling convention, the forms of arguments and results, and how
# a Runner is fed; it must not know what a program computes, nor how it was
# recorded.  Fast because it is called by vectorcall, so that no tuple of
# arguments is made, because arguments are read where they lie, and because the
# nesting of arguments and results was flattened to short lists beforehand.

cdef extern from "Python.h":
    double float_value "PyFloat_AS_DOUBLE"(PyObject *) noexcept nogil
    Py_ssize_t sequence_size "Py_SIZE"(PyObject *) noexcept nogil
    PyObject *tuple_item "PyTuple_GET_ITEM"(PyObject *, Py_ssize_t) noexcept nogil
    PyObject *list_item "PyList_GET_ITEM"(PyObject *, Py_ssize_t) noexcept nogil
    Py_ssize_t dict_size "PyDict_GET_SIZE"(PyObject *) noexcept nogil
    bint PyDict_Next(PyObject *, Py_ssize_t *, PyObject **, PyObject **) noexcept

cdef enum:
    STACK_NUMBERS = 128           # inputs and outputs together that need no memory from elsewhere
    RELEASE_FROM = 20000          # instructions from which a run releases the GIL
    # What an argument, or a part of one, has to be.
    ITEM_FLOAT = 0
    ITEM_ARRAY = 1
    ITEM_STATIC = 2               # an equal object
    ITEM_TUPLE = 3                # also a namedtuple; its parts follow
    ITEM_LIST = 4
    ITEM_DICT = 5
    ITEM_FIELDS = 6               # of a dataclass
    # What a result, or a part of one, is made of.
    MADE_OUTPUT = 0
    MADE_FIXED = 1
    MADE_TUPLE = 2
    MADE_LIST = 3
    MADE_DICT = 4
    MADE_FIELDS = 5

# A part of the arguments or of the result, in preorder.
cdef struct Item:
    int kind
    int32_t count                 # parts of a container; the number of an output; is it turned?
    PyObject *object              # class, static value, keys, or class and fields; the form's

cdef struct Reading:
    const Item *item
    Py_ssize_t n                  # inputs read so far
    double *numbers
    void **pointers               # NULL where all inputs are numbers
    const Part *inputs            # what the program wants
    PyObject *held                # NULL, or a list of copies and of what lists and dicts hold
    bint copies                   # may arrays be copied to be read?

cdef object NO_ANSWER = object()  # in place of a result
cdef PyTypeObject *NDARRAY = <PyTypeObject *>np.ndarray
cdef object made_empty = object.__new__, set_field = object.__setattr__


@cython.final
cdef class Fixed:
    """A part of every result that no program computes."""
    cdef readonly object value

    def __init__(self, value):
        self.value = value


@cython.final
cdef class CallForm:
    """What a call has to look like for one recorded program, and what its result looks like.

    `args` and `kwargs` are such a call; the arguments at the positions `fixed` (keywords come last)
    are static, and so are the objects `statics` inside others.
    `template` is the result with the number of an output in place of each number or array, and a
    Fixed for anything else.  `surroundings` is None, or what the program has been recorded in.
    `apart` are the arrays that results must not be computed into; None where calls with the keyword
    `out` are not of this form.  `fields(cls)` gives the names of a dataclass's fields, static ones
    last, and how many are not; None for other classes.

    ValueError for arguments and results that only the general way can handle.
    """
    cdef readonly Runner runner
    cdef readonly object surroundings
    cdef Surroundings around
    cdef NumberCode code
    cdef tuple names              # of keyword arguments
    cdef list kept, apart
    cdef Item *items
    cdef Item *made
    cdef Py_ssize_t n_args, n_inputs, n_outputs

    def __init__(self, Runner runner not None, tuple args not None, dict kwargs not None, template,
                 fixed=(), list statics not None=[], surroundings=None, list apart=None,
                 fields=None):
        cdef Py_ssize_t i, found = 0
        cdef list items = [], made = []
        cdef Program p = runner.program
        self.runner = runner
        self.code = runner.numbers
        self.around = surroundings
        self.surroundings = surroundings
        if runner.numbers is None and not p.refreshed:  # of which the memory may be replaced
            self.apart = apart
        self.names = tuple(kwargs)
        self.n_args = len(args)
        self.n_inputs = p.n_inputs
        self.n_outputs = len(p.outputs)
        self.kept = []
        for i, x in enumerate(args + tuple(kwargs.values())):
            if i in fixed:
                items.append((ITEM_STATIC, 0, x))
            else:
                found = argument_items(fields, p, x, items, found, statics)
        if found != p.n_inputs:
            raise ValueError(f"{found} inputs among the arguments, not {p.n_inputs}")
        result_items(fields, template, self.n_outputs, made)
        self.items = self.stored(items)
        self.made = self.stored(made)

    def __dealloc__(self):
        PyMem_Free(self.items)
        PyMem_Free(self.made)

    cdef Item *stored(self, list items) except NULL:
        cdef Item *out = <Item *>PyMem_Calloc(len(items) + 1, sizeof(Item))
        cdef Py_ssize_t i
        if out == NULL:
            raise MemoryError("cdiff: no memory for the form of a call")
        self.kept.append(items)
        for i in range(len(items)):
            out[i].kind, out[i].count, x = items[i]
            out[i].object = <PyObject *>x
        return out

    # ------------------------------------------------------------ a call

    cdef object answer(self, PyObject *const *args, Py_ssize_t n, PyObject *names):
        """The result; NO_ANSWER where the arguments are of another form, or a guard fails."""
        cdef double small[STACK_NUMBERS]
        cdef void *places[STACK_NUMBERS]
        cdef Py_ssize_t room = self.n_inputs + self.n_outputs
        cdef char *large
        cdef PyObject *out = NULL
        cdef int named = self.named(names) if n == self.n_args else 0
        if not named:
            return NO_ANSWER
        if named == 2:
            out = args[n + len(self.names)]
        if self.around is not None and not all_hold(self.around):
            return NO_ANSWER
        if room <= STACK_NUMBERS:
            return self.run(args, small, places, out)
        large = <char *>PyMem_Calloc(room, sizeof(double) + sizeof(void *))
        if large == NULL:
            raise MemoryError("cdiff: no memory for inputs and outputs")
        try:
            return self.run(args, <double *>large, <void **>(large + room * sizeof(double)), out)
        finally:
            PyMem_Free(large)

    cdef int named(self, PyObject *names) except -1:
        """1 if the keywords are those of this form in the same order, 2 if `out` follows them."""
        cdef tuple given
        cdef Py_ssize_t n = len(self.names)
        if names == NULL:
            return n == 0
        given = <tuple>names
        if self.apart is not None and len(given) == n + 1 and given[n] == "out":
            return 2 * (given[:n] == self.names)
        return given == self.names

    cdef object run(self, PyObject *const *args, double *numbers, void **pointers, PyObject *out):
        cdef Reading r
        cdef Py_ssize_t i
        cdef bint fits = True
        r.item = self.items
        r.n = 0
        r.numbers = numbers
        r.pointers = NULL
        if self.code is None:
            r.pointers = pointers
            r.inputs = self.runner.arrays.inputs
        r.held = NULL
        r.copies = out == NULL                   # a result over what is read again is seen here
        try:
            for i in range(self.n_args + len(self.names)):
                if not read_item(args[i], &r):
                    fits = False
                    break
            if not fits:
                return NO_ANSWER
            if self.code is not None:
                return self.run_numbers(numbers)
            return self.run_arrays(numbers, pointers, out)
        finally:
            Py_XDECREF(r.held)

    cdef object run_numbers(self, double *numbers):
        cdef NumberCode code = self.code
        cdef double *outputs = &numbers[self.n_inputs]
        cdef const Item *made = self.made
        cdef int done
        if code.n_instructions < RELEASE_FROM:
            done = code.run(numbers, outputs, NULL)
        else:
            with nogil:
                done = code.run(numbers, outputs, NULL)
        return self.built(&made, outputs, None) if done == RUN_OK else NO_ANSWER

    cdef object run_arrays(self, double *numbers, void **pointers, PyObject *given):
        cdef Executable program = self.runner.arrays
        cdef double *outputs = &numbers[self.n_inputs]
        cdef void **places = &pointers[self.n_inputs]
        cdef const Item *made = self.made
        cdef list fresh = [None] * self.n_outputs
        cdef np.ndarray out
        cdef Py_ssize_t i
        if given != NULL:
            if not (self.take_rooms(&made, <object>given, fresh)
                    and self.are_apart(fresh, pointers)):
                return NO_ANSWER
            made = self.made
        for i in range(self.n_outputs):
            out = fresh[i]
            if out is None:
                out = fresh[i] = program.fresh(i)
            places[i] = &outputs[i] if out is None else np.PyArray_BYTES(out)
        try:
            if program.run_pointers(pointers, places) >= 0:
                return NO_ANSWER
        except NewDecision:
            return NO_ANSWER                     # there the whole function is recorded again
        except OF_VALUES as error:               # the function may catch it, and go another way
            if given != NULL or from_signal(error):
                raise                            # what it reads may have been written over
            return NO_ANSWER
        return self.built(&made, outputs, fresh)

    # ------------------------------------------------------------ out=

    cdef bint take_rooms(self, const Item **at, object out, list rooms) except -1:
        """Put the arrays of `out`, or of the next part of it, where the outputs will be made;
        whether each of them fits."""
        cdef const Item *item = at[0]
        cdef list parts
        at[0] += 1
        if item.kind == MADE_OUTPUT:
            if out is None:
                return True
            if rooms[item.count] is not None \
                    or not is_room(out, &self.runner.arrays.results[item.count]):
                return False
            rooms[item.count] = out
            return True
        if item.kind == MADE_FIXED:
            return out is None
        if out is None:
            parts = [None] * item.count
        elif item.kind == MADE_DICT and type(out) is dict and len(out) == item.count:
            parts = [(<dict>out)[key] for key in <tuple>item.object if key in <dict>out]
        elif (item.kind == MADE_LIST and type(out) is list) \
                or (item.kind == MADE_TUPLE and type(out) is tuple):
            parts = list(out)
        else:
            return False
        if len(parts) != item.count:
            return False
        for part in parts:
            if not self.take_rooms(at, part, rooms):
                return False
        return True

    cdef bint are_apart(self, list rooms, void **pointers) except -1:
        """Do the rooms overlap nothing that the program reads, nor each other?"""
        cdef const Part *inputs = self.runner.arrays.inputs
        cdef Py_ssize_t i, k
        cdef np.ndarray room, other
        for i in range(self.n_outputs):
            room = rooms[i]
            if room is None:
                continue
            for k in range(self.n_inputs):
                if not inputs[k].number and meets(room, <char *>pointers[k],
                                                  <char *>pointers[k] + inputs[k].nbytes):
                    return False
            for other in self.apart:
                if meets_array(room, other):
                    return False
            for k in range(i):
                if rooms[k] is not None and meets_array(room, rooms[k]):
                    return False
        return True

    # ------------------------------------------------------------ the result

    cdef object built(self, const Item **at, const double *outputs, list fresh):
        """The next part of the result."""
        cdef const Item *item = at[0]
        cdef Py_ssize_t i
        cdef object part, parts
        at[0] += 1
        if item.kind == MADE_OUTPUT:
            return self.output(item.count, outputs, fresh)
        if item.kind == MADE_FIXED:
            return <object>item.object
        if item.kind == MADE_LIST:
            return [self.built(at, outputs, fresh) for i in range(item.count)]
        if item.kind == MADE_DICT:
            return {key: self.built(at, outputs, fresh) for key in <tuple>item.object}
        if item.kind == MADE_FIELDS:
            cls, names = <tuple>item.object
            parts = made_empty(cls)              # past __init__, as the general way does it
            for name in names:
                set_field(parts, name, self.built(at, outputs, fresh))
            return parts
        parts = PyTuple_New(item.count)
        for i in range(item.count):
            part = self.built(at, outputs, fresh)
            Py_INCREF(part)
            PyTuple_SET_ITEM(parts, i, part)
        return parts

    cdef inline object output(self, int32_t k, const double *outputs, list fresh):
        """An output as the caller gets it: a float, a NumPy scalar or an array."""
        cdef object y
        if fresh is not None:
            y = fresh[k]
            if y is not None:
                return y if np.PyArray_NDIM(<np.ndarray>y) else y[()]
        return self.runner.as_output(k, outputs[k])


cdef bint is_room(object out, const Part *wanted) except -1:
    """Can an output be made in this array?"""
    cdef np.ndarray a
    if type(out) is not np.ndarray or wanted.number or wanted.ndim == 0:
        return False
    a = <np.ndarray>out
    return (np.PyArray_TYPE(a) == wanted.typenum and np.PyArray_ISCARRAY(a)
            and has_dims(a, wanted))


cdef inline bint meets(np.ndarray room, const char *low, const char *high) noexcept:
    """Does an array in C order overlap this stretch of memory?"""
    cdef const char *start = np.PyArray_BYTES(room)
    return low < high and low < start + np.PyArray_NBYTES(room) and start < high


cdef bint meets_array(np.ndarray room, np.ndarray a) noexcept:
    """Does an array in C order overlap the stretch from the first to the last byte of another?"""
    cdef const char *low = np.PyArray_BYTES(a)
    cdef const char *high = low + np.PyArray_ITEMSIZE(a)
    cdef Py_ssize_t reach
    cdef int k
    for k in range(np.PyArray_NDIM(a)):
        if np.PyArray_DIM(a, k) == 0:
            return False
        reach = np.PyArray_STRIDE(a, k) * (np.PyArray_DIM(a, k) - 1)
        if reach > 0:
            high += reach
        else:
            low += reach
    return np.PyArray_SIZE(room) > 0 and meets(room, low, high)


# ---------------------------------------------------------------- the form of arguments

cdef bint contains(list xs, object x) noexcept:
    """This very object?"""
    for y in xs:
        if y is x:
            return True
    return False


cdef bint read_item(PyObject *x, Reading *r) except -1:
    """Read an argument, or the next part of one; whether it has the form that it should have."""
    cdef const Item *item = r.item
    r.item += 1
    if item.kind == ITEM_FLOAT:
        if Py_TYPE(x) != <PyTypeObject *>item.object:
            return False
        r.numbers[r.n] = float_value(x)
        if r.pointers != NULL:
            r.pointers[r.n] = &r.numbers[r.n]
        r.n += 1
        return True
    if item.kind == ITEM_ARRAY:
        return read_array(x, r, item.count != 0)
    if item.kind == ITEM_STATIC:
        return same_static(x, item.object)
    return read_parts(x, item, r)


def is_crosswise(np.ndarray x):
    """Does an array lie in memory in another order than C's?  Programs know it of their inputs."""
    return not lies_in_rows(np.PyArray_NDIM(x), <const Py_ssize_t *>np.PyArray_DIMS(x),
                            <const Py_ssize_t *>np.PyArray_STRIDES(x))


cdef inline bint read_array(PyObject *x, Reading *r, bint in_any_order) except -1:
    """An array, which is read where it lies if it is contiguous, aligned and in native order."""
    cdef const Part *wanted = &r.inputs[r.n]
    cdef np.ndarray a
    if Py_TYPE(x) != NDARRAY:
        return False
    a = <np.ndarray>x
    if np.PyArray_TYPE(a) != wanted.typenum or not has_dims(a, wanted):
        return False
    if not np.PyArray_ISCARRAY_RO(a):
        if not r.copies or (not in_any_order and is_crosswise(a)):
            return False
        a = plain_copy(a)
        hold_list(r)
    if r.held != NULL:
        (<list>r.held).append(a)
    r.pointers[r.n] = np.PyArray_DATA(a)
    r.n += 1
    return True


cdef np.ndarray plain_copy(np.ndarray a):
    """In C order, aligned and of native byte order."""
    cdef np.ndarray copy = np.PyArray_EMPTY(np.PyArray_NDIM(a), np.PyArray_DIMS(a),
                                            np.PyArray_TYPE(a), 0)
    np.PyArray_CopyInto(copy, a)
    return copy


cdef int hold_list(Reading *r) except -1:
    """Have a list of what is to live until the run is over."""
    cdef list held
    if r.held == NULL:
        held = []
        Py_INCREF(held)
        r.held = <PyObject *>held
    return 0


cdef bint read_parts(PyObject *x, const Item *item, Reading *r) except -1:
    """A container, with all that is in it."""
    cdef PyObject *key
    cdef PyObject *value
    cdef Py_ssize_t i, place = 0
    cdef bint fits
    if item.kind == ITEM_TUPLE:
        if Py_TYPE(x) != <PyTypeObject *>item.object or sequence_size(x) != item.count:
            return False
        for i in range(item.count):
            if not read_item(tuple_item(x, i), r):
                return False
        return True
    # Another thread may take an array out of here while the run has released the GIL.
    if r.pointers != NULL:
        hold_list(r)
    if item.kind == ITEM_FIELDS:
        return read_fields(<object>x, <tuple>item.object, r)
    if item.kind == ITEM_LIST:
        fits = type(<object>x) is list and sequence_size(x) == item.count
        for i in range(item.count):
            fits = fits and i < sequence_size(x) and read_item(list_item(x, i), r)
    else:
        fits = type(<object>x) is dict and dict_size(x) == item.count
        for i in range(item.count):
            fits = (fits and PyDict_Next(x, &place, &key, &value)
                    and same_static(key, tuple_item(item.object, i)) and read_item(value, r))
    return fits


cdef bint read_fields(object x, tuple form, Reading *r) except -1:
    """A dataclass, with all that is in it."""
    if type(x) is not form[0]:
        return False
    for name in <tuple>form[1]:
        part = getattr(x, name, NO_ANSWER)
        if not read_item(<PyObject *>part, r):
            return False                         # also for a field that is missing
    return True


cdef inline bint same_static(PyObject *x, PyObject *expected) except -1:
    """The same object, or an equal int or string."""
    if x == expected:
        return True
    if Py_TYPE(x) != Py_TYPE(expected):
        return False
    if type(<object>x) is int or type(<object>x) is str:
        return <object>x == <object>expected
    return False


# ---------------------------------------------------------------- the callable

cdef class CompiledCall(VectorCallable):
    """A callable that answers calls of the forms in `forms`, the latest that fitted first.

    Every other call becomes self._general(args, kwargs), which may replace `forms`.
    """
    cdef tuple _forms
    cdef Py_ssize_t latest        # which of them is tried first

    def __cinit__(self, *args, **kwargs):
        self.vectorcall = <vectorcallfunc>call_compiled
        self._forms = ()

    @property
    def forms(self):
        """The forms of calls that need no Python, in the order in which they are tried."""
        return self._forms

    @forms.setter
    def forms(self, tuple forms not None):
        for form in forms:
            if type(form) is not CallForm:
                raise TypeError(f"forms are CallForms, not {type(form).__name__}")
        self._forms = forms
        self.latest = 0

    def _general(self, tuple args, dict kwargs):
        raise NotImplementedError("a CompiledCall needs a _general")


VectorCallable.enable(CompiledCall)


cdef object call_compiled(PyObject *called, PyObject *const *args, size_t nargsf, PyObject *names):
    """The vectorcall of a CompiledCall."""
    cdef CompiledCall self = <CompiledCall>called
    cdef tuple forms = self._forms           # another thread may replace them
    cdef Py_ssize_t k, i = self.latest, n = PyVectorcall_NARGS(nargsf)
    cdef object result
    for k in range(len(forms) if not watching & WATCH_VALUES else 0):
        i = i if i < len(forms) else 0
        result = (<CallForm>forms[i]).answer(args, n, names)
        if result is not NO_ANSWER:
            self.latest = i
            return result
        i += 1
    return self._general(positional(args, n), named(args + n, names))
