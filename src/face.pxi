# The part of the face that lives in the Python package: methods of Array and NumPy functions.
#
# Knows their names and nothing of what they do.  The package is imported when
# the first of them is needed, so that importing the core stays cheap; from then
# on its functions stand in the type itself, where Python finds them fastest.

from types import MethodType as BoundMethod

cdef dict METHODS = {}            # names of methods -> function(self, ...)
cdef dict FUNCTIONS = {}          # NumPy functions -> ours
cdef object face_loader = None

# Methods that the package has and the core has not.
cdef tuple FACE_METHODS = (
    "_repr_html_",
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress",
    "cumprod", "cumsum", "diagonal", "dot", "fill", "flatten", "max", "mean", "min", "nonzero",
    "partition", "prod", "ptp", "put", "ravel", "repeat", "round", "searchsorted", "sort",
    "squeeze", "std", "swapaxes", "take", "trace", "var")

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
    """Stands in the type for a method of the package until that is imported."""
    cdef str name

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner):
        function = face_method(self.name)
        return function if instance is None else BoundMethod(function, instance)


cdef int install_face_methods() except -1:
    for name in FACE_METHODS:
        set_type_item(ARRAY_TYPE, name, _FaceMethod(name))
    return 0


def register(dict methods, dict functions):
    """Take over methods (name -> function(self, ...)) and NumPy functions of the Python package."""
    METHODS.update(methods)
    FUNCTIONS.update(functions)
    for name in FACE_METHODS:
        set_type_item(ARRAY_TYPE, name, methods[name])


def set_face_loader(loader):
    """`loader` is called once, when a method or NumPy function is first missing."""
    global face_loader
    face_loader = loader


cdef bint load_face() except -1:
    global face_loader
    cdef object loader = face_loader
    if loader is not None:
        # Forgotten only afterwards: meanwhile another thread has to wait for the import, too.
        loader()
        face_loader = None
    return True


cdef object face_method(str name):
    if name not in METHODS:
        load_face()
    return METHODS[name]


cdef object face_function(object func):
    handler = FUNCTIONS.get(func)
    if handler is None:
        load_face()
        handler = FUNCTIONS.get(func)
    if handler is None:
        name = f"{getattr(func, '__module__', 'numpy')}.{getattr(func, '__name__', func)}"
        raise TypeError(f"{name} is not differentiated by cdiff; write it with other functions, or "
                        f"apply it to x.numpy() if its derivative is not needed")
    return handler
