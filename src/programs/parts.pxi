# Programs as bytes and plain values, and back: what saving and pickling need.
#
# Knows how the parts of a program lie in memory; it must not know files, nor
# trust what it is given: a program made from parts is checked before anyone
# sees it.  Fast because instructions, numbers and lists are copied as they are.

def program_parts(Program p not None):
    """A program as (instructions, numbers, lists, inputs, types, attributes, arrays, outputs,
    guards), the first three as bytes in the byte order of this machine."""
    check_ready(p)
    return (raw_bytes(p.code, p.count * sizeof(Instr)),
            raw_bytes(p.numbers, p.n_numbers * sizeof(double)),
            raw_bytes(p.lists, p.n_lists * sizeof(int32_t)),
            p.n_inputs, list(p.types), list(p.attrs), list(p.arrays), list(p.outputs),
            [((<Guard>g).value, (<Guard>g).expected, (<Guard>g).lost) for g in p.guards])


def program_of_parts(bytes instructions not None, bytes numbers not None, bytes lists not None,
                     Py_ssize_t n_inputs, types, attrs, arrays, outputs, guards):
    """The program with these parts; ValueError if they are not those of a valid one."""
    cdef Program p = Program()
    p.code = <Instr *>copied_items(instructions, sizeof(Instr), &p.count)
    p.capacity = p.count
    p.numbers = <double *>copied_items(numbers, sizeof(double), &p.n_numbers)
    p.numbers_capacity = p.n_numbers
    p.lists = <int32_t *>copied_items(lists, sizeof(int32_t), &p.n_lists)
    p.lists_capacity = p.n_lists
    p.n_inputs = n_inputs
    p.types = list(types)
    p.attrs = list(attrs)
    p.arrays = list(arrays)
    p.outputs = list(outputs)
    try:
        p.guards = [Guard(value, expected, "", lost) for value, expected, lost in guards]
    except (TypeError, OverflowError) as error:
        raise ValueError(f"cdiff: invalid program: guards: {error}") from None
    check_program(p)
    index_parts(p)
    return p


cdef bytes raw_bytes(const void *p, Py_ssize_t n):
    return (<const char *>p)[:n] if n else b""


cdef void *copied_items(bytes source, Py_ssize_t size, Py_ssize_t *count) except? NULL:
    """The items of `size` bytes in memory of their own, and how many; NULL for none."""
    cdef Py_ssize_t n = len(source)
    cdef void *out
    if n % size or n // size > 0x7FFFFFF0:
        raise ValueError(f"cdiff: invalid program: {n} bytes of items of {size} bytes")
    count[0] = 0
    if n == 0:
        return NULL
    out = realloc(NULL, n)
    if out == NULL:
        raise MemoryError("cdiff: no memory for a program")
    memcpy(out, <const char *>source, n)
    count[0] = n // size
    return out


cdef int index_parts(Program p) except -1:
    """Make types and attributes findable, so that the program can be extended.

    Attributes that cannot be hashed belong to calls, which are told apart by themselves.
    """
    cdef Py_ssize_t k
    for k in range(2, len(p.types)):
        p.type_index.setdefault(p.types[k], k)
    for k in range(len(p.attrs)):
        p.attrs_index.setdefault(attrs_key(p.attrs[k]), k)
    return 0


def operator_codes():
    """The number of each operator in the instructions of a program; it may differ elsewhere."""
    return dict(OP_CODES)
