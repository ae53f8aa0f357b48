# Vectorcall: callable classes of the core whose arguments come as C finds them.
#
# Knows Python's calling convention; it must not know what is called.  Fast because
# no tuple and no dict of arguments is made unless somebody asks for them.

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
    object PyObject_Vectorcall(object, PyObject *const *, size_t, PyObject *)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf) noexcept nogil
    PyObject **tuple_items "PySequence_Fast_ITEMS"(PyObject *) noexcept nogil
    bint PyFloat_CheckExact(PyObject *) noexcept nogil


cdef class VectorCallable:
    """Base of such classes: a subclass sets `vectorcall` where it is made, and is to be enabled."""
    cdef vectorcallfunc vectorcall

    def __call__(self, /, *args, **kwargs):
        return PyVectorcall_Call(self, args, kwargs)

    @staticmethod
    def enable(cls):
        """Let Python call instances of a class as directly as C does; a decorator."""
        cdef VectorCallable x = VectorCallable.__new__(VectorCallable)
        if not issubclass(cls, VectorCallable):
            raise TypeError(f"{cls!r} is no subclass of VectorCallable")
        cdiff_enable_vectorcall(<PyTypeObject *>cls,
                                <char *>&x.vectorcall - <char *><PyObject *>x)
        return cls


cdef tuple positional(PyObject *const *args, Py_ssize_t n):
    """The arguments without a name."""
    cdef Py_ssize_t i
    return tuple([<object>args[i] for i in range(n)])


cdef dict named(PyObject *const *values, PyObject *names):
    """Those with one; NULL for no names."""
    cdef dict kwargs = {}
    cdef Py_ssize_t i
    if names != NULL:
        for i in range(len(<tuple>names)):
            kwargs[(<tuple>names)[i]] = <object>values[i]
    return kwargs
