# Surroundings: what a recorded function reads besides its arguments, so that a
# program is not used when that has changed.
#
# Knows places in Python's namespaces, containers, functions and classes, and what
# stood there; it must not know which places matter, nor what is recorded.  Fast
# because a cell or a function is a comparison of addresses, and a dict that nobody
# has written to since is one of its version (CPython 3.11 and 3.12), about a
# nanosecond each; where a dict has been written to, a place in it is one lookup, and
# a list is one memcmp of its addresses.

cdef extern from *:
    """
    /* A dict has a new version whenever it is written to.  From CPython 3.13 on that does not
       hold for the attributes of instances. */
    #if PY_VERSION_HEX < 0x030D0000
    #define DICT_VERSION(d) (((PyDictObject *)(d))->ma_version_tag)
    #define HAS_VERSION(d, v) (DICT_VERSION(d) == (v))
    #else
    #define DICT_VERSION(d) 0
    #define HAS_VERSION(d, v) 0
    #endif
    /* Of Python's own types, `tp_dict` has been empty since CPython 3.12. */
    static PyObject *cdiff_dict_of_type(PyObject *type) {
    #if PY_VERSION_HEX < 0x030C0000
        return Py_NewRef(((PyTypeObject *)type)->tp_dict);
    #else
        return PyType_GetDict((PyTypeObject *)type);
    #endif
    }
    #define BASES_OF_TYPE(t) (((PyTypeObject *)(t))->tp_mro)
    """
    object dict_of_type "cdiff_dict_of_type"(PyObject *)
    PyObject *BASES_OF_TYPE(PyObject *) noexcept
    uint64_t DICT_VERSION(PyObject *) noexcept
    bint HAS_VERSION(PyObject *, uint64_t) noexcept

cdef extern from "Python.h":
    ctypedef struct PyListObject:
        PyObject **ob_item
    ctypedef struct PyTupleObject:
        PyObject **ob_item
    PyObject *cell_content "PyCell_GET"(PyObject *) noexcept nogil
    PyObject *PyDict_GetItemWithError(PyObject *, PyObject *) except? NULL
    bint PyCell_Check(object) noexcept
    PyObject *code_of "PyFunction_GET_CODE"(PyObject *) noexcept
    PyObject *defaults_of "PyFunction_GET_DEFAULTS"(PyObject *) noexcept
    PyObject *named_defaults_of "PyFunction_GET_KW_DEFAULTS"(PyObject *) noexcept
    object PyObject_GenericGetDict(object, void *)

import types

cdef object FunctionType = types.FunctionType
cdef object MemberDescriptorType = types.MemberDescriptorType
cdef object UNSEEN = object()     # instead of a value that means nothing in another process

cdef enum:
    PLACE_CELL = 0
    PLACE_KEY = 1                 # of a dict: a global variable, an attribute
    PLACE_FUNCTION = 2            # its code and its defaults
    PLACE_ENTRIES = 3             # all of a list or a dict, in their order
    PLACE_SOME = 4                # those of them that a function has not changed itself
    PLACE_LAYOUT = 5              # where and how an array lies in memory
    PLACE_CONTENT = 6             # its bytes
    PLACE_SLOT = 7                # of an instance, by the member of its class that reads it
    PLACE_SEEN = 8                # what a function makes of an object: a tuple
    PLACE_CLASS = 9               # the class of an instance and its dict; a class and its bases

    WHOLE_CONTENT = 65536         # bytes that are kept as they are; of more, a digest
    WHOLE_CONTENTS = 1 << 20      # bytes of all arrays together that are kept as they are

cdef struct Place:
    int kind
    bint digested                 # whether a digest is kept of an array
    PyObject *where
    PyObject *key
    PyObject *expected            # NULL: nothing was there
    PyObject *second              # the defaults of a function; the dict of an instance, bases
    PyObject *third               # the named defaults of a function
    uint64_t version              # of a dict when it held last, or of the layout of an array


@cython.final
cdef class Surroundings:
    """Places outside a function, and what stood there: `holds()` tells whether it still does.

    A place is (container, key, label): a cell and None, a dict or class and its key; a list or dict
    and a tuple of its entries (of a dict, each key and then its value); a function, and a function
    that tells its code from other code in other processes; an object and `type`, for its class; an
    instance and the descriptor of a slot; an object and a function that gives a tuple for it.  An
    ndarray or an Array and None stand for its content, an ndarray and False for its shape, dtype
    and memory.  Numbers and strings are compared by value, other objects by identity.
    """
    cdef Place *places
    cdef Py_ssize_t n, room
    cdef list kept
    cdef readonly list labels

    def __init__(self, places):
        places = list(places)
        self.kept = []
        self.make_room(len(places))
        self.room = WHOLE_CONTENTS
        for where, key, label in places:
            self.add(where, key, label)

    cdef int make_room(self, Py_ssize_t n) except -1:
        self.labels = []
        self.places = <Place *>PyMem_Calloc(n + 1, sizeof(Place))
        if self.places == NULL:
            raise MemoryError("cdiff: no memory for what surrounds a function")
        return 0

    def __dealloc__(self):
        PyMem_Free(self.places)

    def __len__(self):
        return self.n

    cdef int add(self, object where, object key, str label) except -1:
        cdef Place *p = &self.places[self.n]
        p.where = <PyObject *>where
        p.key = <PyObject *>key
        if key is type:
            self.add_class(p, where)
        elif PyCell_Check(where):
            p.kind = PLACE_CELL
            self.expect(p, cell_content(p.where))
        elif key is False:
            p.kind = PLACE_LAYOUT
            p.version = layout_of(<np.ndarray?>where)
        elif type(where) is np.ndarray or type(where) is Array:
            self.add_content(p)
        elif type(where) is FunctionType:
            self.add_function(p)
        elif type(key) is MemberDescriptorType:
            p.kind = PLACE_SLOT
            self.expect(p, slot_content(p))
        elif callable(key):
            p.kind = PLACE_SEEN
            content = key(where)
            self.expect(p, <PyObject *>content)
        else:
            self.add_entries(p, key)
        self.kept.append((where, key))
        self.labels.append(label)
        self.n += 1
        return 0

    cdef int expect(self, Place *p, PyObject *found) except -1:
        """Keep what stands at a place, if anything does."""
        p.expected = found
        if found != NULL:
            self.kept.append(<object>found)
        return 0

    cdef int add_entries(self, Place *p, object key) except -1:
        """One entry of a dict or a class, or all of one or of a list."""
        where = <object>p.where
        if isinstance(where, type):
            where = dict_of_type(p.where)
            p.where = <PyObject *>where
            self.kept.append(where)
        if type(key) is Contents and isinstance(where, (list, dict)):
            p.kind = PLACE_ENTRIES
            p.expected = <PyObject *>(<Contents>key).content
        elif isinstance(where, dict):
            p.kind = PLACE_KEY
            self.expect(p, PyDict_GetItemWithError(p.where, p.key))
        else:
            raise TypeError(f"a {type(where).__name__} is no place to look at")
        return 0

    cdef int add_content(self, Place *p) except -1:
        cdef np.ndarray a = place_array(p)
        p.kind = PLACE_CONTENT
        p.digested = np.PyArray_NBYTES(a) > WHOLE_CONTENT or (
            np.PyArray_NBYTES(a) > <Py_ssize_t>sizeof(uint64_t) * DIGEST_LANES + self.room)
        if not p.digested:
            self.room -= np.PyArray_NBYTES(a)
        content = content_bytes(a, p.digested)
        self.expect(p, <PyObject *>content)
        if a.dtype.hasobject:
            self.kept.append((<object>a).tolist())     # whose addresses are compared
        return 0

    cdef int add_function(self, Place *p) except -1:
        p.kind = PLACE_FUNCTION
        self.expect(p, code_of(p.where))
        p.second = defaults_of(p.where)
        p.third = named_defaults_of(p.where)
        f = <object>p.where
        self.kept.append((f.__defaults__, f.__kwdefaults__))
        return 0

    cdef int add_class(self, Place *p, object x) except -1:
        cdef object cls = type(x)
        p.kind = PLACE_CLASS
        self.expect(p, <PyObject *>cls)
        p.second = second_of_class(p)
        if p.second != NULL:
            self.kept.append(<object>p.second)
        return 0

    def holds(self):
        """Does everything stand where it stood?"""
        return all_hold(self)

    def changed(self):
        """The labels of the places that have changed."""
        cdef Py_ssize_t i
        cdef list out = []
        for i in range(self.n):
            if not place_holds(&self.places[i]):
                out += changed_labels(&self.places[i], self.labels[i])
        return out

    def without_changed(self, more=()):
        """The same without the places that have changed, and with more places."""
        cdef Surroundings out = Surroundings.__new__(Surroundings)
        cdef Py_ssize_t i
        cdef Place *p
        more = list(more)
        out.kept = [self.kept]
        out.make_room(self.n + len(more))
        out.room = self.room
        for i in range(self.n):
            p = &out.places[out.n]
            p[0] = self.places[i]
            if not place_holds(&self.places[i]):
                if p.kind != PLACE_ENTRIES and p.kind != PLACE_SOME:
                    continue
                rest = tuple([x for pair in pairs_of(p) if pair_holds(p, pair) for x in pair])
                p.kind = PLACE_SOME
                out.expect(p, <PyObject *>rest)
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
        cdef Py_ssize_t i
        for i in range(self.n):
            add_values(&self.places[i], self.labels[i], out)
        return None if any([value is UNSEEN for _, value in out]) else out


@cython.final
cdef class Contents:
    """All entries of a container, instead of a key: of a dict each key and then its value."""
    cdef readonly tuple content

    def __init__(self, tuple content not None):
        self.content = content


cdef int add_values(const Place *p, str label, list out) except -1:
    """What stands at a place, as another process would find it."""
    if p.kind == PLACE_CLASS:
        return 0
    if p.kind == PLACE_ENTRIES:
        out.append((f"len({label})", len(pairs_of(p))))
    if p.kind == PLACE_ENTRIES or p.kind == PLACE_SOME:
        for key, value in pairs_of(p):
            out.append((f"{label}[{key!r}]", portable(value)))
    elif p.kind == PLACE_FUNCTION:
        out.append((label, (<object>p.key)(<object>p.where)))
    elif p.kind == PLACE_SEEN:
        out += [(label, portable(x)) for x in <tuple>p.expected]
    elif p.kind == PLACE_LAYOUT:
        x = <object>p.where
        out.append((label, (str(x.dtype), *x.shape)))
    elif p.kind == PLACE_CONTENT:
        out.append((label, UNSEEN))
    else:
        out.append((label, ("nothing",) if p.expected == NULL else portable(<object>p.expected)))
    return 0


cdef object portable(object x):
    """A number or a text, or the name of what can be imported; UNSEEN for anything else."""
    if is_number_or_text(<PyObject *>x):
        return x
    name = import_name(x)
    return UNSEEN if name is None else name


cdef tuple import_name(object x):
    """("named", module, name) of what can be imported, the kind of a property, else None."""
    if isinstance(x, types.ModuleType):
        return ("named", x.__name__, "")
    if isinstance(x, np.ufunc):
        return ("named", "numpy", x.__name__)
    if hasattr(type(x), "__get__") and type(x) is not FunctionType:
        return ("member", type(x).__name__, "")
    module, name = getattr(x, "__module__", None), getattr(x, "__qualname__", None)
    if module is None and isinstance(x, types.BuiltinFunctionType):
        module = "builtins"                            # `tuple.__new__`, which namedtuples read
    if type(module) is not str or type(name) is not str or "<" in name:
        return None
    return ("named", module, name)


cdef inline bint all_hold(Surroundings s) except -1:
    """Does everything stand where it stood?"""
    cdef Place *p = s.places
    cdef Place *end = p + s.n
    while p < end:
        if not (holds_at_a_glance(p) or place_holds(p)):
            return False
        p += 1
    return True


# ---------------------------------------------------------------- one place

cdef inline bint holds_at_a_glance(const Place *p) noexcept:
    """What one comparison of addresses or versions tells; False says nothing."""
    if p.kind == PLACE_KEY:
        return HAS_VERSION(p.where, p.version)
    if p.kind == PLACE_CELL:
        return cell_content(p.where) == p.expected
    return p.kind == PLACE_FUNCTION and code_of(p.where) == p.expected \
        and defaults_of(p.where) == p.second and named_defaults_of(p.where) == p.third


cdef bint place_holds(Place *p) except -1:
    cdef uint64_t version
    if p.kind == PLACE_KEY:
        version = DICT_VERSION(p.where)
        if not same_value(PyDict_GetItemWithError(p.where, p.key), p.expected):
            return False
        p.version = version
        return True
    if p.kind == PLACE_CELL:
        return same_value(cell_content(p.where), p.expected)
    if p.kind == PLACE_FUNCTION:
        return holds_at_a_glance(p)
    if p.kind == PLACE_ENTRIES:
        return same_list(p) if isinstance(<object>p.where, list) else same_dict(p)
    if p.kind == PLACE_LAYOUT:
        return layout_of(<np.ndarray>p.where) == p.version
    if p.kind == PLACE_CONTENT:
        return same_bytes(place_array(p), <bytes>p.expected, p.digested)
    if p.kind == PLACE_CLASS:
        return (<PyObject *>Py_TYPE(p.where) == p.expected
                and (p.second == NULL or second_of_class(p) == p.second))
    if p.kind == PLACE_SLOT:
        return same_value(slot_content(p), p.expected)
    if p.kind == PLACE_SEEN:
        return same_parts(p)
    for pair in pairs_of(p):
        if not pair_holds(p, pair):
            return False
    return True


cdef bint same_list(const Place *p) except -1:
    cdef Py_ssize_t i, n = sequence_size(p.expected)
    if sequence_size(p.where) != n:
        return False
    if n == 0 or memcmp((<PyListObject *>p.where).ob_item, (<PyTupleObject *>p.expected).ob_item,
                        n * sizeof(PyObject *)) == 0:
        return True
    for i in range(n):
        if i >= sequence_size(p.where) \
                or not same_value(list_item(p.where, i), tuple_item(p.expected, i)):
            return False
    return True


cdef bint same_dict(Place *p) except -1:
    """The same entries, one after the other; nothing is looked up, so that no code runs for it."""
    cdef PyObject *key
    cdef PyObject *value
    cdef Py_ssize_t i = 0, at = 0, n = sequence_size(p.expected)
    cdef uint64_t version = DICT_VERSION(p.where)
    if HAS_VERSION(p.where, p.version):
        return True
    while PyDict_Next(p.where, &at, &key, &value):
        if i >= n or not same_value(key, tuple_item(p.expected, i)) \
                or not same_value(value, tuple_item(p.expected, i + 1)):
            return False
        i += 2
    if i < n:
        return False
    p.version = version
    return True


cdef list pairs_of(const Place *p):
    """(key or position, value) of the entries of a container, as they were."""
    entries = <object>p.expected
    if p.kind == PLACE_ENTRIES and isinstance(<object>p.where, list):
        return list(enumerate(entries))
    return list(zip(entries[::2], entries[1::2]))


cdef bint pair_holds(const Place *p, tuple pair) except -1:
    """Is one of them still there?"""
    cdef PyObject *value = tuple_item(<PyObject *>pair, 1)
    cdef Py_ssize_t i
    if not isinstance(<object>p.where, list):
        return same_value(PyDict_GetItemWithError(p.where, tuple_item(<PyObject *>pair, 0)), value)
    i = pair[0]
    return i < sequence_size(p.where) and same_value(list_item(p.where, i), value)


cdef list changed_labels(const Place *p, str label):
    """The entries of a container that have changed, or its size or order."""
    cdef list out
    if p.kind != PLACE_ENTRIES and p.kind != PLACE_SOME:
        return [label]
    out = [f"{label}[{pair[0]!r}]" for pair in pairs_of(p) if not pair_holds(p, pair)]
    if p.kind == PLACE_ENTRIES and len(<object>p.where) != len(pairs_of(p)):
        out.insert(0, f"len({label})")
    return out or [f"the order of {label}"]


cdef PyObject *slot_content(const Place *p) except? NULL:
    try:
        found = (<object>p.key).__get__(<object>p.where)
    except AttributeError:                             # nothing yet, or nothing any more
        return NULL
    return <PyObject *>found                           # which the slot holds


cdef PyObject *second_of_class(const Place *p) except? NULL:
    """The classes that a class has attributes of; the dict of an instance, NULL if it has none."""
    if isinstance(<object>p.where, type):
        return BASES_OF_TYPE(p.where)
    try:
        found = PyObject_GenericGetDict(<object>p.where, NULL)
    except AttributeError:
        return NULL
    return <PyObject *>found                           # which the instance holds


cdef bint same_parts(const Place *p) except -1:
    """Does the function still make the same of the object?"""
    cdef Py_ssize_t i
    cdef tuple found
    try:
        found = (<object>p.key)(<object>p.where)
    except Exception:                                  # changed meanwhile, or let go of
        return False
    if len(found) != sequence_size(p.expected):
        return False
    for i in range(len(found)):
        if not same_value(tuple_item(<PyObject *>found, i), tuple_item(p.expected, i)):
            return False
    return True


cdef inline bint same_value(PyObject *found, PyObject *expected) except -1:
    return found == expected or (found != NULL and expected != NULL
                                 and equal_values(found, expected))


cdef np.ndarray place_array(const Place *p):
    """The array whose content is looked at: of an Array, that of its newest version."""
    if type(<object>p.where) is np.ndarray:
        return <np.ndarray>p.where
    return ndarray_of(innermost(current(<Array>p.where)))


cdef uint64_t layout_of(np.ndarray a) noexcept:
    """What tells the shape, the strides, the dtype and the memory of an array from others."""
    cdef uint64_t factor = 0x9E3779B97F4A7C15
    cdef uint64_t out = <size_t>np.PyArray_DATA(a) ^ <size_t><void *>np.PyArray_DESCR(a) * factor
    cdef int i
    for i in range(np.PyArray_NDIM(a)):
        out = (out ^ <uint64_t>np.PyArray_DIM(a, i)) * factor
        out = (out ^ <uint64_t>np.PyArray_STRIDE(a, i)) * factor
    return out ^ <uint64_t>np.PyArray_NDIM(a)


cdef bint same_bytes(np.ndarray a, bytes expected, bint digested) except -1:
    if np.PyArray_IS_C_CONTIGUOUS(a) and not digested:
        return (np.PyArray_NBYTES(a) == len(expected)
                and memcmp(np.PyArray_DATA(a), <const char *>expected, len(expected)) == 0)
    return content_bytes(a, digested) == expected


cdef bytes content_bytes(np.ndarray a, bint digested):
    """What tells the content of an array from another: all of it, or a digest."""
    cdef uint64_t lanes[DIGEST_LANES]
    cdef np.ndarray whole
    cdef const char *data
    cdef Py_ssize_t n = np.PyArray_NBYTES(a)
    if not digested:
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
    cdef object held = <object>x                       # which may be replaced meanwhile
    if Py_TYPE(x) != Py_TYPE(y) or not is_number_or_text(x):
        return False
    if isinstance(<object>x, float):
        a = float_value(x)
        b = float_value(y)
        return memcmp(&a, &b, sizeof(double)) == 0
    if isinstance(<object>x, np.generic):
        return (held.dtype == (<object>y).dtype                  # times have units
                and held.tobytes() == (<object>y).tobytes())
    return held == <object>y
