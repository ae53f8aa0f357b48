# Hosted functions: functions of plain values, without a derivative, as instructions of a program.
#
# NumPy's answers that are integers, booleans or positions (argsort, searchsorted, nonzero) are
# computed anew in each run, so they are no decisions.  Knows traces; it must not know which
# functions there are, but for those whose result has a shape that depends on values, and shapes
# are decisions.  As fast as the functions themselves: one Python call for each.

cdef class Hosted:
    """A function of plain values as an instruction: NumPy's, or a user's; it has no derivative.

    `args` and `kwargs` are those of the call, with a Hole in place of every operand; `item` picks
    one of several results.  One of NumPy's functions reads its operands where they lie, unless it
    hands them to somebody else.
    """
    cdef readonly object function
    cdef readonly tuple args
    cdef readonly dict kwargs
    cdef readonly object item
    cdef bint borrows             # neither changes nor keeps its operands

    def __init__(self, function, args, kwargs, item=None):
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.item = item
        self.borrows = getattr(function, "__module__", None) == "numpy" \
            and not any(map(callable, (*args, *kwargs.values())))

    def value(self, arrays):
        """The result for these operands, as an ndarray."""
        args = [filled(x, arrays) for x in self.args]
        kwargs = {name: filled(x, arrays) for name, x in self.kwargs.items()}
        result = extreme_places(self.function, args, kwargs)
        if result is None:
            result = self.function(*args, **kwargs)
        return np.asarray(result if self.item is None else result[self.item])

    def __reduce__(self):
        return Hosted, (self.function, self.args, self.kwargs, self.item)

    def batched(self, size, flags):
        """The function for many points at once (see HostedRows)."""
        return HostedRows(self, size, flags)

    def __repr__(self):
        return getattr(self.function, "__name__", repr(self.function))


cdef class Hole:
    """The place of operand `number` in the arguments of a Hosted function."""
    cdef readonly Py_ssize_t number

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return Hole, (self.number,)


cdef object filled(object x, list arrays):
    if type(x) is Hole:
        if not 0 <= (<Hole>x).number < len(arrays):
            raise ValueError(f"a call has no operand {(<Hole>x).number}")
        return arrays[(<Hole>x).number]
    if isinstance(x, (list, tuple)):
        return type(x)([filled(item, arrays) for item in x])
    return x


cdef object with_holes(object x, list operands):
    """An argument with holes for Arrays, which are appended to `operands`."""
    if type(x) is Array:
        operands.append(innermost(current(<Array>x)))
        return Hole(len(operands) - 1)
    if type(x) is list or type(x) is tuple:
        return type(x)([with_holes(item, operands) for item in x])
    return x


cdef bint any_traced(object xs) except -1:
    """Is a value of a program being recorded among these (also inside lists and tuples)?"""
    if not cdiff_tls.tracing:
        return False
    for x in xs:
        if type(x) is Array:
            if is_traced_value(current(<Array>x)):
                return True
        elif isinstance(x, (list, tuple)) and any_traced(x):
            return True
    return False


def in_program(*xs):
    """Is one of these a value of a program being recorded, which must not decide anything?"""
    return any_traced(xs)


cdef frozenset SHAPED_BY_VALUES = frozenset((np.nonzero, np.flatnonzero, np.argwhere, np.bincount))


def result_shape(function, *args, **kwargs):
    """The shape of a function's result (of the first one of several) for these values."""
    if (function is np.nonzero or function is np.flatnonzero) and len(args) == 1 \
            and np.ndim(args[0]) and not kwargs:
        return np.array([np.count_nonzero(args[0])], np.int64)
    result = function(*args, **kwargs)
    return np.array(np.shape(result[0] if isinstance(result, tuple) else result), np.int64)


# Errors that other values might not have raised.
OF_VALUES = (ArithmeticError, LookupError, RuntimeError, ValueError)


def refuses(function, *args):
    """Does a function raise an error for these values?"""
    try:
        function(*args)
    except Exception as error:
        if from_signal(error):
            raise
        return True
    return False


def from_signal(error):
    """Has a handler of a signal raised this error, and not what it has interrupted?

    No value decides that: whoever waits for an error of an operation must let it pass.
    """
    import _signal as signal  # in every process: memory may be short for a file

    codes, trace = set(), error.__traceback__
    while trace is not None:
        codes.add(trace.tb_frame.f_code)
        trace = trace.tb_next
    for k in signal.valid_signals():
        if handler_code(signal.getsignal(k)) in codes:
            return True
    return False


cdef object handler_code(handler):
    """The code that a handler of signals runs; None if it is not written in Python."""
    if not callable(handler):
        return None
    handler = getattr(handler, "func", handler)              # of a partial
    handler = getattr(handler, "__func__", handler)          # of a method
    if not hasattr(handler, "__code__"):                     # an object
        handler = getattr(type(handler), "__call__", None)
    return getattr(handler, "__code__", None)


cdef int note_refusal(object function, tuple args) except -1:
    """An operation cannot be done: what the function being recorded does where it catches the
    error must not be done for values with which it can."""
    if cdiff_tls.tracing and hosted(refuses, (function, *args), {}) is False:
        hosted(moment, args, {})                # an accident: no other call may go this way
    return 0


def moment(*args):
    """A number that is another one each time."""
    global moments
    moments += 1
    return moments


cdef int64_t moments = 0


def refused(function, *args):
    """`note_refusal` for the face."""
    note_refusal(function, args)


def hosted(function, tuple args, dict kwargs):
    """Call a function of plain values; its results are part of the program being recorded.

    NotImplemented where nothing among the arguments is.  Arrays come back as Arrays, a tuple of
    them as such; a bool or another plain answer is a decision.
    """
    if not any_traced(args) and not any_traced(kwargs.values()):
        return NotImplemented
    operands = []
    template = tuple([with_holes(x, operands) for x in args])
    named = {name: with_holes(x, operands) for name, x in kwargs.items()}
    arrays = [ndarray_of(<Array>a) for a in operands]
    result = function(*[filled(x, arrays) for x in template],
                      **{name: filled(x, arrays) for name, x in named.items()})
    if function in SHAPED_BY_VALUES:
        # An operand of the results, so that it is known before they are: a run in which they have
        # another shape goes no further.
        shape = Hosted(result_shape, (function, *template), named)
        y = hosted_result(shape.value(arrays), operands, shape)
        decide(y)
        operands = operands + [y]
    if isinstance(result, tuple):
        return type(result)([hosted_result(r, operands, Hosted(function, template, named, k))
                             for k, r in enumerate(result)])
    return hosted_result(result, operands, Hosted(function, template, named))


cdef object hosted_result(object result, list operands, Hosted call):
    cdef Array y
    if isinstance(result, (str, np.dtype, type)) or result is None:
        return result                            # a property of shapes and types
    y = only_traced(plain_node(np.array(result)), OP_CALL, operands, (call,))
    if isinstance(result, (np.ndarray, np.generic)):
        return y
    decide(y)
    return result
