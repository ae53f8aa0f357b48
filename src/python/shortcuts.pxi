# Shortcuts: functions of the package whose common calls go to the core at once.
#
# Knows how many arguments such a call has and that an Array is among them; it must not
# know what a function does.  Fast because no Python code runs for a common call.  All
# others go to the function of the package, which knows every argument of NumPy's, and
# so does a call that the core refuses: the message is to be the package's.

cdef enum Operands:               # where an Array shows that a call is for the core
    FIRST_OPERAND                 # as the first argument
    ANY_OPERAND                   # as one of them
    FIRST_ITEM                    # as the first item of a first argument that is a list or a tuple


cdef class Shortcut(VectorCallable):
    """Base of such functions: that of the package, and one of the core to which calls of `count`
    arguments without a name lead where an Array is among the `operands` (see above)."""
    cdef object function
    cdef object core
    cdef Py_ssize_t count
    cdef Operands operands

    def __cinit__(self, *args):
        self.function, self.core, self.count, self.operands = args
        self.vectorcall = <vectorcallfunc>call_shortcut

    cdef bint takes(self, PyObject *const *args, Py_ssize_t n) noexcept:
        """Is this a common call?"""
        cdef Py_ssize_t i
        cdef object x
        if n != self.count:
            return False
        if self.operands == FIRST_OPERAND:
            return Py_TYPE(args[0]) is ARRAY_TYPE
        if self.operands == FIRST_ITEM:
            x = <object>args[0]
            return ((type(x) is tuple and len(<tuple>x) and type((<tuple>x)[0]) is Array)
                    or (type(x) is list and len(<list>x) and type((<list>x)[0]) is Array))
        for i in range(n):
            if Py_TYPE(args[i]) is ARRAY_TYPE:
                return True
        return False


cdef object call_shortcut(PyObject *called, PyObject *const *args, size_t nargsf, PyObject *names):
    """The vectorcall of a Shortcut."""
    cdef Shortcut self = <Shortcut>called
    if names == NULL and self.takes(args, PyVectorcall_NARGS(nargsf)):
        try:
            return PyObject_Vectorcall(self.core, args, nargsf, NULL)
        except (TypeError, ValueError):
            pass
    return PyObject_Vectorcall(self.function, args, nargsf, names)


VectorCallable.enable(Shortcut)
