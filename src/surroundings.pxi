# Surroundings: what a recorded function reads besides its arguments, so that a
# program is not used when that has changed.
#
# Knows places in Python's namespaces and containers, and what stood there; it
# must not know which places matter, nor what is recorded.  Fast because an
# unchanged place is one lookup and one comparison of addresses, about ten
# nanoseconds for a global variable and one for a closure.

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        PyObject *tp_dict
    PyObject *cell_content "PyCell_GET"(PyObject *) noexcept nogil
    PyObject *PyDict_GetItemWithError(PyObject *, PyObject *) except? NULL
    bint PyCell_Check(object) noexcept

import types

cdef object FunctionType = types.FunctionType
cdef object MemberDescriptorType = types.MemberDescriptorType

cdef enum:
    PLACE_CELL = 0
    PLACE_KEY = 1                 # of a dict: a global variable, an attribute
    PLACE_INDEX = 2               # of a list
    PLACE_LENGTH = 3              # of a dict or a list
    PLACE_CONTENT = 4             # the bytes of an array
    PLACE_SLOT = 5                # of an instance, by the member of its class that reads it
    PLACE_SEEN = 6                # what a function makes of an object: a tuple

    WHOLE_CONTENT = 65536         # bytes that are kept as they are; of more, a digest

cdef struct Place:
    int kind
    PyObject *where
    PyObject *key
    Py_ssize_t number             # an index or a length
    PyObject *expected            # NULL: nothing was there


@cython.final
cdef class Surroundings:
    """Places outside a function, and what stood there: `holds()` tells whether it still does.

    A place is (container, key, label): a cell and None, a dict or class and its key, a list and an
    index, or a dict or list and `len`; an instance and the descriptor of a slot; an object and a
    function that gives a tuple for it.  An ndarray or an Array and None stand for its content.
    Numbers and strings are compared by value, other objects by identity.
    """
    cdef Place *places
    cdef Py_ssize_t n
    cdef list kept
    cdef readonly list labels

    def __init__(self, places):
        cdef Py_ssize_t i
        places = list(places)
        self.kept = []
        self.labels = []
        self.places = <Place *>PyMem_Calloc(len(places) + 1, sizeof(Place))
        if self.places == NULL:
            raise MemoryError("cdiff: no memory for what surrounds a function")
        for i in range(len(places)):
            where, key, label = places[i]
            self.add(where, key, label)

    def __dealloc__(self):
        PyMem_Free(self.places)

    def __len__(self):
        return self.n

    cdef int add(self, object where, object key, str label) except -1:
        cdef Place *p = &self.places[self.n]
        cdef PyObject *found
        if isinstance(where, type):
            where = <object>(<PyTypeObject *>where).tp_dict
        p.where = <PyObject *>where
        p.key = <PyObject *>key
        if PyCell_Check(where):
            p.kind = PLACE_CELL
        elif type(where) is np.ndarray or type(where) is Array:
            p.kind = PLACE_CONTENT
            content = content_bytes(place_array(p))
            p.expected = <PyObject *>content
            self.kept.append(content)
            if type(where) is np.ndarray and where.dtype.hasobject:
                self.kept.append(where.tolist())       # whose addresses are compared
        elif key is len:
            p.kind = PLACE_LENGTH
            p.number = len(where)
        elif isinstance(where, list):
            p.kind = PLACE_INDEX
            p.number = key
        elif isinstance(where, dict):
            p.kind = PLACE_KEY
        elif type(key) is MemberDescriptorType:
            p.kind = PLACE_SLOT
        elif callable(key):
            p.kind = PLACE_SEEN
            content = key(where)
            p.expected = <PyObject *>content
            self.kept.append(content)
        else:
            raise TypeError(f"a {type(where).__name__} is no place to look at")
        if p.kind <= PLACE_INDEX or p.kind == PLACE_SLOT:
            found = content_of(p)
            p.expected = found
            if found != NULL:
                self.kept.append(<object>found)
        self.kept.append((where, key))
        self.labels.append(label)
        self.n += 1
        return 0

    cdef bint hold(self) except -1:
        cdef Py_ssize_t i
        for i in range(self.n):
            if not place_holds(&self.places[i]):
                return False
        return True

    def holds(self):
        """Does everything stand where it stood?"""
        return self.hold()

    def changed(self):
        """The labels of the places that have changed."""
        cdef Py_ssize_t i
        return [self.labels[i] for i in range(self.n) if not place_holds(&self.places[i])]

    def without_changed(self, more=()):
        """The same without the places that have changed, and with more places."""
        cdef Surroundings out = Surroundings.__new__(Surroundings)
        cdef Py_ssize_t i
        more = list(more)
        out.kept = [self.kept]
        out.labels = []
        out.places = <Place *>PyMem_Calloc(self.n + len(more) + 1, sizeof(Place))
        if out.places == NULL:
            raise MemoryError("cdiff: no memory for what surrounds a function")
        for i in range(self.n):
            if place_holds(&self.places[i]):
                out.places[out.n] = self.places[i]
                out.labels.append(self.labels[i])
                out.n += 1
        for where, key, label in more:
            out.add(where, key, label)
        return out

    def values(self):
        """(label, value) of each place, which mean the same in another process; None if some have
        no such value.

        A number or a string is its value, a function that can be imported its name.
        """
        cdef list out = []
        cdef Place *p
        cdef Py_ssize_t i
        for i in range(self.n):
            p = &self.places[i]
            if p.kind == PLACE_LENGTH:
                out.append((self.labels[i], p.number))
            elif p.kind == PLACE_CONTENT or p.kind == PLACE_SEEN:
                return None
            elif p.expected == NULL:
                out.append((self.labels[i], ("nothing",)))
            elif is_number_or_text(p.expected):
                out.append((self.labels[i], <object>p.expected))
            else:
                name = import_name(<object>p.expected)
                if name is None:
                    return None
                out.append((self.labels[i], name))
        return out


cdef tuple import_name(object x):
    """("named", module, name) of a function that can be imported, the kind of a property, else
    None."""
    if hasattr(type(x), "__get__") and type(x) is not FunctionType:
        return ("member", type(x).__name__, "")
    module, name = getattr(x, "__module__", None), getattr(x, "__qualname__", None)
    if type(module) is not str or type(name) is not str or "<" in name:
        return None
    return ("named", module, name)


cdef inline PyObject *content_of(const Place *p) except? NULL:
    """What stands at a cell, a key or an index now; NULL for nothing."""
    if p.kind == PLACE_CELL:
        return cell_content(p.where)
    if p.kind == PLACE_KEY:
        return PyDict_GetItemWithError(p.where, p.key)
    if p.kind == PLACE_SLOT:
        return slot_content(p)
    return list_item(p.where, p.number) if p.number < sequence_size(p.where) else NULL


cdef PyObject *slot_content(const Place *p) except? NULL:
    try:
        found = (<object>p.key).__get__(<object>p.where)
    except AttributeError:                             # nothing yet, or nothing any more
        return NULL
    return <PyObject *>found                           # which the slot holds


cdef inline bint place_holds(const Place *p) except -1:
    cdef PyObject *found
    if p.kind == PLACE_LENGTH:
        if isinstance(<object>p.where, list):
            return sequence_size(p.where) == p.number
        return dict_size(p.where) == p.number
    if p.kind == PLACE_CONTENT:
        return same_bytes(place_array(p), <bytes>p.expected)
    if p.kind == PLACE_SEEN:
        return same_parts((<object>p.key)(<object>p.where), <tuple>p.expected)
    found = content_of(p)
    if found == p.expected:
        return True
    return found != NULL and p.expected != NULL and equal_values(found, p.expected)


cdef bint same_parts(tuple found, tuple expected) except -1:
    cdef Py_ssize_t i
    if len(found) != len(expected):
        return False
    for i in range(len(found)):
        if found[i] is not expected[i] and not equal_values(<PyObject *>found[i],
                                                            <PyObject *>expected[i]):
            return False
    return True


cdef np.ndarray place_array(const Place *p):
    """The array whose content is looked at: of an Array, that of its newest version."""
    if type(<object>p.where) is np.ndarray:
        return <np.ndarray>p.where
    return ndarray_of(innermost(current(<Array>p.where)))


cdef bint same_bytes(np.ndarray a, bytes expected) except -1:
    if np.PyArray_IS_C_CONTIGUOUS(a) and np.PyArray_NBYTES(a) <= WHOLE_CONTENT:
        return (np.PyArray_NBYTES(a) == len(expected)
                and memcmp(np.PyArray_DATA(a), <const char *>expected, len(expected)) == 0)
    return content_bytes(a) == expected


cdef bytes content_bytes(np.ndarray a):
    """What tells the content of an array from another: all of it, or a digest."""
    cdef uint64_t lanes[DIGEST_LANES]
    cdef np.ndarray whole
    cdef const char *data
    cdef Py_ssize_t n = np.PyArray_NBYTES(a)
    if n <= WHOLE_CONTENT:
        return (<object>a).tobytes()
    whole = np.ascontiguousarray(a)
    data = <const char *>np.PyArray_DATA(whole)
    with nogil:
        KERNELS.digest(n, data, lanes)
    return (<const char *>lanes)[:sizeof(lanes)]


cdef bint is_number_or_text(PyObject *x) noexcept:
    """A number or a string, which is the same if it is equal."""
    cdef object y = <object>x
    return (type(y) is float or type(y) is int or type(y) is bool or type(y) is str or y is None
            or type(y) is bytes or isinstance(y, np.generic))


cdef bint equal_values(PyObject *x, PyObject *y) except -1:
    """Equal numbers or strings of the same type; zeros of different sign differ."""
    cdef double a, b
    if Py_TYPE(x) != Py_TYPE(y) or not is_number_or_text(x):
        return False
    if isinstance(<object>x, float):
        a = float_value(x)
        b = float_value(y)
        return memcmp(&a, &b, sizeof(double)) == 0
    if isinstance(<object>x, np.generic):
        return ((<object>x).dtype == (<object>y).dtype           # times have units
                and (<object>x).tobytes() == (<object>y).tobytes())
    return <object>x == <object>y
