# The part of the face that lives in the Python package: methods of Array and NumPy functions.
#
# Knows their names and nothing of what they do.  The package is asked for each
# when it is first needed, so that importing the core stays cheap; from then on
# a method stands in the type itself, where Python finds it fastest.

cdef dict METHODS = {}            # names of methods -> function(self, ...)
cdef dict FUNCTIONS = {}          # NumPy functions -> ours
cdef object face_loader = None    # name of a method, NumPy function or (ufunc, method) -> ours
cdef object operands_noter = None  # error -> the same with a note about its operands

# Methods that the package has and the core has not.
cdef tuple FACE_METHODS = (
    "_repr_html_", "__bytes__",
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "byteswap", "choose", "clip",
    "compress", "ctypes", "cumprod", "cumsum", "data", "diagonal", "dot", "dump", "dumps", "fill",
    "flags", "flatten", "getfield", "max", "mean", "min", "nonzero", "partition", "prod", "ptp",
    "put", "ravel", "repeat", "resize", "round", "searchsorted", "setfield", "setflags", "sort",
    "squeeze", "std", "strides", "swapaxes", "take", "tobytes", "tofile", "trace", "var", "view")

cdef extern from *:
    """
    static int cdiff_set_type_item(PyTypeObject *t, PyObject *name, PyObject *value) {
        int failed = PyDict_SetItem(t->tp_dict, name, value);
        PyType_Modified(t);
        return failed;
    }
    """
    int set_type_item "cdiff_set_type_item"(PyTypeObject *, object name, object value) except -1


cdef class _FaceMethod:
    """Stands in the type for a method or attribute of the package until that is imported."""
    cdef str name

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner):
        function = face_method(self.name)
        return function.__get__(instance, owner)


cdef int install_face_methods() except -1:
    for name in FACE_METHODS:
        set_type_item(ARRAY_TYPE, name, _FaceMethod(name))
    return 0


def set_face_loader(loader, noter):
    """`loader(wanted)` gives what stands for a method or NumPy function, None if nothing does;
    `noter(error)` adds to an error where the user's code made the operands."""
    global face_loader, operands_noter
    face_loader = loader
    operands_noter = noter


cdef object with_operands(object error):
    return error if operands_noter is None else operands_noter(error)


cdef object misfit(str message):
    """The error for shapes that do not go together."""
    return with_operands(ValueError(message))


cdef object bad_dtype(str message):
    return with_operands(TypeError(message))


cdef object bad_index(str message):
    return with_operands(IndexError(message))


cdef object face_method(str name):
    method = METHODS.get(name)
    if method is None:
        method = METHODS[name] = face_loader(name)
        if name in FACE_METHODS:
            set_type_item(ARRAY_TYPE, name, method)
    return method


cdef object loaded_function(object wanted):
    """What stands for a NumPy function or (ufunc, method); None if nothing does."""
    handler = FUNCTIONS.get(wanted)
    if handler is None:
        handler = face_loader(wanted)
        if handler is not None:
            FUNCTIONS[wanted] = handler
    return handler


cdef object face_function(object func):
    handler = loaded_function(func)
    if handler is None:
        name = f"{getattr(func, '__module__', 'numpy')}.{getattr(func, '__name__', func)}"
        raise TypeError(f"{name} is not differentiated by cdiff; write it with other functions, or "
                        f"apply it to x.numpy() if its derivative is not needed")
    return handler
