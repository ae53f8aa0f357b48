# Forms of compiled calls: what a call has to look like, and what its result is made of, as short
# lists.
#
# Knows containers and the types of inputs; it must not know how arguments are read or results are
# built (compiled_call.pxi).  Cold: it runs once for a recorded program.

cdef Py_ssize_t argument_items(object fields, Program p, object x, list items, Py_ssize_t n,
                               list statics) except -1:
    """Append the items of an argument with inputs from n on; the number of the next input."""
    cdef type cls = type(x)
    if cls is float or cls is np.float64:
        if n >= p.n_inputs or p.code[n].type > TYPE_WEAK:
            raise ValueError("a float in place of an array")
        items.append((ITEM_FLOAT, 0, cls))
        return n + 1
    if cls is np.ndarray:
        if n >= p.n_inputs or not x.ndim or p.types[p.code[n].type] != (x.dtype.num, x.shape):
            raise ValueError("an array of another type")
        items.append((ITEM_ARRAY, is_crosswise(x), None))
        return n + 1
    if x is None or contains(statics, x):
        items.append((ITEM_STATIC, 0, x))
        return n
    if cls is dict:
        items.append((ITEM_DICT, len(x), tuple(x)))
        parts = x.values()
    elif cls is tuple or cls is list or (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        items.append((ITEM_LIST if cls is list else ITEM_TUPLE, len(x), cls))
        parts = x
    else:
        names, count = named_fields(fields, cls)
        items.append((ITEM_FIELDS, len(names), (cls, names)))
        for name in names[:count]:
            n = argument_items(fields, p, getattr(x, name), items, n, statics)
        items.extend([(ITEM_STATIC, 0, getattr(x, name)) for name in names[count:]])
        return n
    for part in parts:
        n = argument_items(fields, p, part, items, n, statics)
    return n


cdef tuple named_fields(object fields, type cls):
    """The fields of a dataclass, and how many come before static ones."""
    found = None if fields is None else fields(cls)
    if found is None:
        raise ValueError(f"arguments and results are not nested in a {cls.__name__}")
    return found


cdef int result_items(object fields, object template, Py_ssize_t n_outputs,
                      list items) except -1:
    """Append the items of a result."""
    cdef type cls = type(template)
    if cls is int:
        if not 0 <= template < n_outputs:
            raise ValueError(f"there is no output {template} among {n_outputs}")
        items.append((MADE_OUTPUT, template, None))
        return 0
    if cls is Fixed or template is None:
        items.append((MADE_FIXED, 0, None if template is None else (<Fixed>template).value))
        return 0
    if cls is dict:
        items.append((MADE_DICT, len(template), tuple(template)))
        template = template.values()
    elif cls is tuple or cls is list:
        items.append((MADE_LIST if cls is list else MADE_TUPLE, len(template), None))
    else:
        names, count = named_fields(fields, cls)
        items.append((MADE_FIELDS, len(names), (cls, names)))
        parts = [getattr(template, name) for name in names]
        template = parts[:count] + [Fixed(x) for x in parts[count:]]
    for part in template:
        result_items(fields, part, n_outputs, items)
    return 0
