# Watching: the line where each value was made, and the first operation that makes a nan or an
# infinity.
#
# Knows nodes by their address, Python's frames, and what is no finite number; it
# must not know any operator.  Costs nothing while it is off: while it is on the
# freelist looks empty, so that every node comes through the slow way, which notes
# the line; and the operators, which look at one flag, come here first.

cdef enum Watch:
    WATCH_LINES = 1
    WATCH_NANS = 2
    WATCH_INFS = 4
    WATCH_VALUES = WATCH_NANS | WATCH_INFS

cdef int noting = 0               # what is watched for, in all threads
cdef int watching = 0             # the same; 0 inside an operation that is being watched
cdef Node *_shelf = NULL          # the freelist, out of sight
cdef dict origins = {}            # address of a node -> (file, line, function) that made it
cdef object told_line = None      # the line that a program says, in place of the caller's


def watch(flags=None):
    """Set what is watched for (see enum Watch), for all threads; what it was before."""
    global noting, watching, _shelf, _free_nodes
    cdef int before = noting
    if flags is None:
        return before
    if flags and not before:
        _shelf, _free_nodes = _free_nodes, NULL
    elif before and not flags:
        _free_nodes, _shelf = _shelf, NULL
        origins.clear()
    noting = watching = flags
    install_slots()
    return before


cdef Node *watched_node() except NULL:
    """A node from the shelf, with a note of the line that asked for it."""
    global _shelf, _free_nodes
    cdef Node *n
    cdef object line = calling_line() if told_line is None else told_line
    if _shelf == NULL:
        node_to_freelist(slab_nodes())
        _shelf, _free_nodes = _free_nodes, NULL
    n = _shelf
    origins[<size_t>n] = line
    _shelf = n.next_free
    return n


cdef object line_of(Node *n):
    """(file, line, function) that made a node; None where nobody watched."""
    return origins.get(<size_t>n)


cdef str line_text(object line):
    """FILE:LINE, or nothing."""
    return "" if line is None else f"{line[0]}:{line[1]}"


cdef str origin_text(Node *n):
    """A closing remark of an error message: where a value comes from."""
    if not noting:
        return "; with cdiff.debug_lines() switched on, this message says where it was made"
    line = line_of(n)
    return "; it was made before lines were noted" if line is None else \
        f"; it was made at {line_text(line)}"


def made_at(x):
    """The line of code that made an Array, while one of the debugging switches was on.

    Parameters
    ----------
    x : Array

    Returns
    -------
    str or None
        ``file:line``; None for anything else, and where no switch was on (see `debug_lines`).

    Examples
    --------
    >>> import cdiff as cd
    >>> with cd.debug_lines():
    ...     x = cd.array(2.0)
    ...     print(cd.made_at(x) is not None)
    True
    """
    return (line_text(line_of(N(<Array>x))) or None) if type(x) is Array else None


cdef str PACKAGE = __import__("os").path.join(__import__("os").path.dirname(__file__), "")
cdef object _getframe = __import__("sys")._getframe


cdef tuple calling_line():
    """(file, line, function) of the user's code that is being executed; None if there is none."""
    cdef object frame
    try:
        frame = _getframe()
    except ValueError:                           # called from C alone
        return None
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    if frame is None:
        return None
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname


# ---------------------------------------------------------------- operators

cdef int quiet() noexcept:
    """Stop watching inside an operation; what is watched for."""
    global watching
    watching = 0
    return noting


cdef inline void loud() noexcept:
    """Go on watching for whatever is watched for by now."""
    global watching
    watching = noting


cdef Array watched_elementwise(int op, Array a, Array b):
    """ew1 (b is None) or ew2, watched."""
    cdef Array y
    cdef list operands = [a] if b is None else [a, b]
    quiet()
    try:
        y = ew1(op, a) if b is None else ew2(op, a, b)
    except Exception as error:
        note_operands(error, op_name(op), operands)
        raise
    finally:
        loud()
    check_made(op, y, operands, None)
    return y


cdef Array watched_structural(int op, list operands, object attrs):
    """apply, apply1 or apply_call, watched."""
    cdef Array y
    quiet()
    try:
        y = apply_call(operands, attrs) if op == OP_CALL else apply(op, operands, attrs)
    except Exception as error:
        note_operands(error, op_name(op), operands)
        raise
    finally:
        loud()
    check_made(op, y, operands, attrs)
    return y


cdef object watched_function(object function, tuple args, dict kwargs):
    """A function of the package called for NumPy's: its errors name the lines of the operands."""
    cdef list arrays = []
    try:
        return function(*args, **kwargs)
    except Exception as error:
        collect_arrays(args, arrays)
        collect_arrays(tuple(kwargs.values()), arrays)
        note_operands(error, getattr(function, "__name__", "the function").strip("_"), arrays)
        raise


cdef int collect_arrays(object xs, list arrays) except -1:
    """All arrays among arguments, those that nobody tracks too."""
    for x in xs:
        if type(x) is Array:
            arrays.append(x)
        elif isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
            arrays.append(as_node(x))
        elif type(x) is list or type(x) is tuple:
            collect_arrays(x, arrays)
    return 0


cdef int note_operands(object error, str name, list operands) except -1:
    """Add to an error what the operands are and where they were made, once; exact lines replace
    those that were found in the code."""
    notes = getattr(error, "__notes__", None)
    if isinstance(error, FloatingPointError) or notes and not notes[0].startswith("operands "):
        return 0
    if notes:
        notes.clear()
    error.add_note("\n".join([f"in {name}"] + operand_lines(operands)))
    return 0


cdef list operand_lines(list operands):
    """One line of text for each operand: what it is, and where it was made."""
    cdef Array a
    cdef list lines = []
    for k, a in enumerate(operands):
        if a is None:
            continue
        text = f"  operand {k}: {described(innermost(a))}"
        line = line_of(N(a))
        lines.append(text if line is None else f"{text}, made at {line_text(line)}")
    return lines


cdef str described(Array a):
    """dtype, shape and the beginning of the value."""
    cdef object value = ndarray_of(a)
    if value.ndim == 0:
        return f"{value.dtype} {value[()]!s}"
    values = np.array2string(value, threshold=6, edgeitems=2, precision=6).replace("\n", "")
    return f"{value.dtype} {value.shape} {values}"


# ---------------------------------------------------------------- what is no number

cdef str bad_kind(Array a, int flags):
    """"nan" or "inf" if there is one that is watched for, else None."""
    cdef str kind
    if a is None:
        return None
    if N(a).flags & NODE_DUAL and N(a).p0 != NULL:
        kind = bad_kind(<Array><PyObject *>N(a).p0, flags)
        return kind if kind is not None else bad_kind(<Array><PyObject *>N(a).p1, flags)
    if N(a).flags & NODE_DUAL:
        kind = bad_number(N(a).v, flags)
        return kind if kind is not None else bad_number(N(a).d0, flags)
    if not N(a).flags & NODE_ARRAY:
        return bad_number(N(a).v, flags)
    if not (is_float(typenum_of(a)) or is_complex(typenum_of(a))):
        return None
    value = ndarray_of(a)
    if flags & WATCH_NANS and np.isnan(value).any():
        return "nan"
    return "inf" if flags & WATCH_INFS and np.isinf(value).any() else None


cdef str bad_number(double v, int flags):
    if v != v:
        return "nan" if flags & WATCH_NANS else None
    return "inf" if flags & WATCH_INFS and (v == INFINITY or v == -INFINITY) else None


cdef str where_bad(Array a, str kind):
    """The first entry of an array that is not finite, for a message."""
    cdef object value = ndarray_of(innermost(a))
    if value.ndim == 0:
        return ""
    bad = np.argwhere(np.isnan(value) if kind == "nan" else np.isinf(value))
    if len(bad) == 0:
        return ""
    return f" in {len(bad)} of {value.size} entries, first at {[int(i) for i in bad[0]]}"


cdef int check_made(int op, Array y, list operands, object attrs) except -1:
    """FloatingPointError if the result of an operation is what is watched for."""
    cdef Array a
    cdef str kind, what
    if not watching & WATCH_VALUES:
        return 0
    kind = bad_kind(y, watching)
    if kind is None:
        return 0
    name = callee_name(op, attrs)
    what = name if bad_kind(innermost(y), watching) is not None else f"the derivative of {name}"
    text = [f"{what} made {kind}{where_bad(y, kind)}, at {place_text(line_of(N(y)))}"]
    text += operand_lines(operands)
    for a in operands:
        if a is not None and bad_kind(a, watching) is not None:
            text.append(f"  ({bad_kind(a, watching)} was in an operand already, made before this "
                        "was watched for, or given as data)")
            break
    raise FloatingPointError("\n".join(text))


cdef str callee_name(int op, object attrs):
    return repr(attrs[0]) if op == OP_CALL and attrs is not None else op_name(op)


cdef str place_text(object line):
    """FILE:LINE and the source that stands there."""
    if line is None:
        return "an unknown line"
    source = __import__("linecache").getline(line[0], line[1]).strip()
    return line_text(line) + (f"\n    {source}" if source else "")


# ---------------------------------------------------------------- sweeps

cdef int check_handed(Sweep *s, Py_ssize_t i, Array c, int flags) except -1:
    """FloatingPointError if entry i handed on what is no number, though its own cotangent is."""
    cdef Array y = <Array><PyObject *>s.order[i].node
    cdef Py_ssize_t j
    cdef str kind
    if not flags & WATCH_VALUES:
        return 0
    for j in structural_positions(s, i):
        kind = bad_kind(get_value(s, j), flags) if j >= 0 else None
        if kind is not None:
            raise_derivative(y, "reverse", kind, "cotangent", c)
    return 0


cdef int check_tangent(Sweep *s, Py_ssize_t i, int flags) except -1:
    """The same for the tangent that arrived at entry i."""
    cdef Array t = get_value(s, i) if flags & WATCH_VALUES else None
    cdef str kind = bad_kind(t, flags)
    if kind is not None:
        raise_derivative(<Array><PyObject *>s.order[i].node, "forward", kind, "tangent", t)
    return 0


cdef int raise_derivative(Array y, str mode, str kind, str what, Array v) except -1:
    name = callee_name(N(y).op, y_attrs(y) if N(y).op >= N_LOCAL else None)
    text = [f"the {mode} derivative of {name} made {kind}; the operation stands at "
            f"{place_text(line_of(N(y)))}"]
    text += operand_lines(watched_operands(y))
    text.append(f"  result: {described(innermost(y))}")
    text.append(f"  {what}: {described(innermost(v))}")
    raise FloatingPointError("\n".join(text))


cdef list watched_operands(Array y):
    """The operands of a node, with the constants that it keeps in themselves."""
    if N(y).op < N_LOCAL:
        return [operand(y, k) for k in range(OP_NARGS[N(y).op])]
    return graph_operands(y)


cdef int watched_reverse(Sweep *s) except -1:
    """reverse_run with a look at everything that is handed on.

    What is made here comes from the lines of the operations that are differentiated.
    """
    global told_line
    cdef Py_ssize_t i
    cdef Array c
    cdef object outer = told_line
    cdef int flags = quiet()
    try:
        for i in range(s.count - 1, s.n_leaves - 1, -1):
            c = get_value(s, i)
            told_line = line_of(s.order[i].node)
            reverse_entry(s, i)
            if c is not None and s.order[i].flags & ENTRY_LEAF == 0:
                check_handed(s, i, c, flags)
    finally:
        told_line = outer
        loud()
    return 0


cdef int watched_forward(Sweep *s, list at_outputs) except -1:
    """forward_run likewise."""
    global told_line
    cdef Py_ssize_t i
    cdef object outer = told_line
    cdef int flags = quiet()
    try:
        for i in range(s.n_leaves, s.count):
            told_line = line_of(s.order[i].node)
            forward_entry(s, i, at_outputs)
            check_tangent(s, i, flags)
    finally:
        told_line = outer
        loud()
    return 0


# ---------------------------------------------------------------- programs

cdef tuple watched_run(Program p, list inputs, list into):
    """Runner.run, operation by operation."""
    cdef Array y
    cdef list out = []
    cdef Py_ssize_t k
    refresh(p)
    found, failed, observed = replay_deciding(p, inputs)
    if found is None:
        return None, failed, observed
    for k, y in enumerate(found):
        value = np.array(ndarray_of(innermost(y)))
        if into is not None and into[k] is not None:
            np.copyto(into[k], value)
            value = into[k]
        out.append(value if value.ndim or into is not None and into[k] is not None else value[()])
    return out, -1, None


cdef Py_ssize_t watched_steps(Runner runner, Py_ssize_t start, Py_ssize_t stop, list carry,
                              list xs, list consts, list ys) except -2:
    """run_steps, operation by operation."""
    cdef Py_ssize_t i = start, k, n = len(carry), step = 1 if stop > start else -1
    while i != stop:
        found, _, _ = runner.run(carry + [x[i] for x in xs] + consts)
        if found is None:
            return i
        carry[:] = found[:n]
        for k in range(len(ys)):
            ys[k][i] = found[n + k]
        i += step
    return stop
