# Transformations, seen from the core: levels, leaves, duals, and the reverse
# and forward pull through a recorded graph.
#
# Knows nodes and sweeps; containers, argnums and result types belong to the
# Python face.  Fast because everything is decided once per transformation: a
# sweep runs on plain memory unless an outer transformation has to see it.

cdef class Level:
    """A transformation in progress: `with Level() as level:` gives its number.

    Levels are per thread, above those of a thread that was inside a transformation before; the
    depth is restored however the block is left, and recording is switched on inside, even under
    `no_grad`.
    """
    cdef int outer_depth
    cdef int outer_paused

    def __enter__(self):
        self.outer_depth = cdiff_tls.depth
        self.outer_paused = cdiff_tls.paused
        if taken_levels() >= MAX_LEVEL:
            raise RecursionError(
                f"cdiff: transformations are nested more than {MAX_LEVEL} deep; every derivative, "
                "vmap, recording and loop around this one counts, and every loop inside a "
                "derivative twice" + ("; so do those of other threads: use fewer threads at once"
                                      if cdiff_tls.base else ""))
        go_to(taken_levels() + 1)
        cdiff_tls.paused = 0
        new_number(cdiff_tls.depth)
        return cdiff_tls.depth

    def __exit__(self, *exception):
        go_to(self.outer_depth)
        cdiff_tls.paused = self.outer_paused


def depth():
    """The highest level that is taken: the number of transformations in progress, with those of
    another thread that this one must stay above."""
    return taken_levels()


@cython.no_gc
cdef class no_grad:
    """Context manager and decorator: nothing inside is recorded.

    A transformation that is called inside (`grad`, `jvp` ...) records for itself all the same. In a
    task of an event loop (asyncio, trio) a block holds for that task and those begun inside, not
    for others that run while it waits.

    Examples
    --------
    >>> import cdiff as cd
    >>> x = cd.array(2.0, requires_grad=True)
    >>> with cd.no_grad():
    ...     y = x * x
    >>> cd.is_tracked(y)
    False
    """
    # A count per thread and nothing in the object, but for blocks in tasks (tasks.pxi): one object
    # may be used by many threads, and blocks inside generators may end in any order.
    cdef list blocks

    def __enter__(self):
        if among_tasks():
            self.blocks = [*(self.blocks or ()), opened_block()]
        else:
            cdiff_tls.paused += 1
        return self

    def __exit__(self, *exception):
        if not (self.blocks and closed_block(self.blocks)) and cdiff_tls.paused & ~APART:
            cdiff_tls.paused -= 1

    def __call__(self, function):
        import inspect
        from functools import wraps
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("no_grad cannot decorate an async function, whose steps mix with those "
                            "of others; write `with no_grad():` around the calls inside it")
        cdef bint steps = inspect.isgeneratorfunction(function)

        @wraps(function)
        @cython.binding(True)
        def unrecorded(*args, **kwargs):
            with no_grad():
                result = function(*args, **kwargs)
            return _unrecorded_steps(result) if steps else result
        return unrecorded


def _unrecorded_steps(generator):
    """The generator, with recording switched off while it runs but not while its user does."""
    step, given = generator.send, (None,)
    while True:
        try:
            with no_grad():
                item = step(*given)
        except StopIteration as end:
            return end.value
        try:
            step, given = generator.send, ((yield item),)
        except GeneratorExit:
            with no_grad():
                generator.close()
            raise
        except BaseException as error:
            step, given = generator.throw, (error,)


def is_tracked(x):
    """Does a derivative flow through `x`?

    Parameters
    ----------
    x : object

    Returns
    -------
    bool; False for whatever is not an `Array`.

    Examples
    --------
    >>> import cdiff as cd
    >>> cd.is_tracked(cd.array(1.0)), cd.is_tracked(cd.array(1.0, requires_grad=True))
    (False, True)
    """
    return type(x) is Array and levels_of(N(current(<Array>x))) != 0


# ---------------------------------------------------------------- leaves and levels

cdef Array make_leaf(Array a, int level):
    """A constant as a leaf of a level, in memory of its own."""
    cdef Array out = detached(a)
    N(out).op = OP_LEAF
    N(out).flags = <uint32_t>((N(out).flags & ~(LEVEL_MASK | NODE_WEAK)) | level_bit(level))
    if level:
        set_number(N(out), level)
    return out


cdef int check_differentiable(Array a) except -1:
    if not is_inexact(typenum_of(innermost(a))):
        raise bad_dtype(f"cdiff: derivatives need real or complex floats, got dtype "
                        f"{dtype_of(a)}; convert with .astype(float)")
    return 0


def leaf(x, int level):
    """A fresh leaf of `level` with the value of `x`, linked to `x` for outer transformations."""
    cdef Array a = entered(as_node(x))
    check_differentiable(a)
    return leaf_node(a, level)


cdef Array leaf_node(Array a, int level):
    cdef Array out
    if N(a).flags & NODE_DUAL:
        return make_dual(leaf_node(primal_at(a, N(a).mark), level), tangent_at(a, N(a).mark),
                         N(a).mark)
    if levels_of(N(a)):
        out = ew1(OP_POSITIVE, a)
        N(out).flags |= <uint32_t>level_bit(level)
        set_number(N(out), level)
        return out
    if N(a).flags & NODE_ARRAY and is_borrowed(a):
        a = contiguous_copy(a)
    return make_leaf(a, level)


def dual(x, tangent, int level):
    """`x` carrying `tangent` (same shape) at `level`."""
    cdef Array a = entered(as_node(x))
    cdef Array t = entered(as_node(tangent))
    check_differentiable(a)
    if shape_tuple(a) != shape_tuple(t):
        raise misfit(f"jvp: the tangent has shape {shape_tuple(t)}, its primal "
                     f"{shape_tuple(a)}")
    a = saved(a)
    t = saved(t)
    return make_dual(unweak(a), like_primal(unweak(t), a), dual_mark(level))


cdef inline Array unweak(Array a):
    N(a).flags &= ~NODE_WEAK
    return a


def lower(y, int level):
    """A result of the transformation at `level`, as the world outside sees it."""
    cdef Array a = as_node(y)
    cdef Array out = lower_node(a, level)
    if out is not a:
        return out
    return y if type(y) is Array else a


def frozen(Array y):
    """The same value with the same derivative, apart from what is assigned into `y` later."""
    return ew1(OP_POSITIVE, current(y))


def leaf_value(Array x, int level):
    """The value that a leaf of `level` was made with, even if it was changed in place since."""
    return lower_node(x, level)


cdef Array lower_node(Array a, int level):
    cdef int outer = outer_levels(a, level)
    cdef Array out
    if levels_of(N(a)) == outer and not (cdiff_tls.mingles and N(a).flags & NODE_DUAL):
        return a
    if N(a).flags & NODE_DUAL and <int>N(a).mark >> SERIAL_BITS >= level \
            and not is_dual_elsewhere(N(a)):
        return lower_node(primal_at(a, N(a).mark), level)
    if N(a).flags & NODE_DUAL:
        return make_dual(lower_node(primal_at(a, N(a).mark), level),
                         lower_node(tangent_at(a, N(a).mark), level), N(a).mark)
    if not outer:
        return detached(a)
    out = ew1(OP_POSITIVE, a)
    N(out).flags = <uint32_t>((N(out).flags & ~LEVEL_MASK) | (outer & LEVEL_MASK))
    return out


# ---------------------------------------------------------------- sweeps

cdef list sweep_through(list outputs, list seeds, list leaves, int level, bint forward,
                        int kept=-1):
    """One sweep between plain outputs and leaves.  The results leave `level`; or only those above
    the trace `kept`, where the sweep itself is to become a program."""
    cdef Sweep s
    cdef Array a
    cdef bint recorded = kept >= 0
    cdef int paused = cdiff_tls.paused
    for a in outputs + seeds + leaves:
        recorded = recorded or (a is not None and outer_levels(a, level) != 0)
    try:
        sweep_begin(&s, leaves, outputs, level, not (forward or recorded))
        if s.has_calls and not recorded and (level > 1 or s.by_trees):
            sweep_free(&s)             # what a rule does may mark the nodes of this graph anew
            recorded = level > 1
            sweep_begin(&s, leaves, outputs, level, False)
        s.recorded = recorded
        at_leaves = positions_of(&s, leaves)
        at_outputs = positions_of(&s, outputs)
        cdiff_tls.paused = not recorded
        if forward:
            seed_all(&s, leaves, at_leaves, seeds)
            forward_run(&s, at_outputs)
            return collect(&s, at_outputs, level if kept < 0 else kept + 1)
        seed_all(&s, outputs, at_outputs, seeds)
        reverse_run(&s)
        return collect(&s, at_leaves, level if kept < 0 else kept + 1)
    finally:
        cdiff_tls.paused = paused
        sweep_free(&s)


cdef int seed_all(Sweep *s, list nodes, list positions, list seeds) except -1:
    cdef Array a, seed
    for a, i, seed in zip(nodes, positions, seeds):
        if i >= 0:
            put_seed(s, i, a, seed)
    return 0


cdef int put_seed(Sweep *s, Py_ssize_t i, Array a, Array seed) except -1:
    """The seed of the node `a` at position i: ones where there is none."""
    if seed is None and in_number(s, i):
        s.order[i].slot.number += 1.0
        return 0
    if seed is not None and not levels_of(N(seed)):
        seed = detached(seed)
    put_value(s, i, fit_operand(ones_like_node(a) if seed is None else seed, a))
    return 0


cdef Array ones_like_node(Array a):
    a = innermost(a)
    if not N(a).flags & NODE_ARRAY:
        return scalar(1.0)
    return apply_cast(apply_broadcast_to(scalar(1.0), shape_tuple(a)), typenum_of(a))


cdef list collect(Sweep *s, list positions, int level):
    """What the sweep left at these positions; None where nothing arrived."""
    cdef Array value
    cdef list out = []
    for i in positions:
        value = get_value(s, i) if i >= 0 else None
        if value is not None:
            value = lower_node(value, level) if s.recorded else own_result(value)
        out.append(value)
    return out


cdef Array own_result(Array a, bint shares=False):
    """A finished cotangent as a node that only the sweep and the caller know, in memory of its own
    or, if it `shares`, in some to which nobody writes without taking a copy.  A large matrix across
    goes as it lies: to turn it takes as long as it took to make."""
    if not N(a).flags & NODE_ARRAY:
        return scalar(N(a).v)
    if Py_REFCNT(<PyObject *>a) > 2 or not claim(a, True):
        if shares and is_shareable(N(a)):
            return detached(a)
        a = contiguous_copy(a)
    N(a).arr.flags |= ARR_RESULT
    N(a).arr.flags &= ~ARR_ANY_ORDER          # how a gradient lies is not NumPy's to say
    return a


cdef list sweep_duals(list outputs, list seeds, list leaves, int level, bint forward):
    """Sweep where outputs or seeds may be dual: the product rule over the shells.

    With y = y' + e y" and seed c = c' + e c", the pulled-back cotangent is
    pull(y', c') + e (pull(y', c") + pull(y", c')).
    """
    cdef Array a
    cdef int top = larger(highest_dual(outputs), highest_dual([a for a in seeds if a is not None]))
    if top < 0:
        return sweep_through(outputs, seeds, [innermost(a) for a in leaves], level, forward)
    return combine_duals(outputs, seeds, leaves, level, top)


cdef Array seed_part(Array c, int top, bint primal):
    if c is None:
        return None
    return primal_at(c, top) if primal else tangent_at(c, top)


cdef list combine_duals(list outputs, list seeds, list leaves, int level, int top):
    cdef Array y, c, part
    cdef list more = [], more_seeds = []
    cdef list primal = sweep_duals([primal_at(y, top) for y in outputs],
                                   [seed_part(c, top, True) for c in seeds], leaves, level, False)
    for y, c in zip(outputs, seeds):
        part = tangent_at(y, top)
        if part is not None:
            more.append(part)
            more_seeds.append(seed_part(c, top, True))
        if c is not None and tangent_at(c, top) is not None:
            more.append(primal_at(y, top))
            more_seeds.append(tangent_at(c, top))
    tangent = sweep_duals(more, more_seeds, leaves, level, False)
    return [dual_or_none(p, t, top) for p, t in zip(primal, tangent)]


cdef Array dual_or_none(Array primal, Array tangent, int level):
    if primal is None and tangent is None:
        return None
    if primal is None:
        primal = zeros_like_node(tangent)
    return make_dual(primal, tangent, level)


cdef list entered_nodes(object xs):
    cdef list out = []
    for x in xs:
        out.append(None if x is None else entered(as_node(x)))
    return out


def pullback(outputs, cotangents, leaves, int level):
    """Cotangents of `leaves` from cotangents of `outputs` (None: ones), by one reverse sweep.

    The sweep is recorded where an outer transformation tracks something.  None in the result
    means that no output depends on that leaf.
    """
    ys = entered_nodes(outputs)
    cs = entered_nodes(cotangents)
    for y, c in zip(ys, cs):
        if c is not None and shape_tuple(y) != shape_tuple(c):
            raise misfit(f"vjp: the cotangent has shape {shape_tuple(c)}, the output "
                         f"{shape_tuple(y)}")
    # A dual that an earlier transformation left behind may have come in as a constant.
    return [g if g is None or not N(<Array>g).flags & NODE_DUAL else lower_node(<Array>g, level)
            for g in sweep_duals(ys, cs, list(leaves), level, False)]


def pushforward(outputs, leaves, tangents, int level):
    """Tangents of `outputs` from tangents of `leaves` (None: ones), along the recorded graph."""
    ys = entered_nodes(outputs)
    ts = entered_nodes(tangents)
    if highest_dual(ys) >= 0 or highest_dual([t for t in ts if t is not None]) >= 0:
        return [t if t is None else lower_node(<Array>t, level)
                for t in push_duals(ys, list(leaves), ts, level)]
    return sweep_through(ys, ts, [innermost(a) for a in leaves], level, True)


cdef list push_duals(list ys, list leaves, list ts, int level):
    """The same through shells: the tangent part is linear in both seed and graph."""
    cdef Array y, t
    cdef int top = larger(highest_dual(ys), highest_dual([t for t in ts if t is not None]))
    cdef list primal_seeds = [seed_part(t, top, True) for t in ts]
    cdef list tangent_seeds = [seed_part(t, top, False) for t in ts]
    primal = pushforward([primal_at(y, top) for y in ys], leaves, primal_seeds, level)
    cdef list along = [tangent_at(y, top) for y in ys]
    along = [scalar(0.0) if y is None else y for y in along]
    along = pushforward(along, leaves, primal_seeds, level)
    if any([t is not None for t in tangent_seeds]):
        zeros = [zeros_like_node(a) if t is None else t for a, t in zip(leaves, tangent_seeds)]
        across = pushforward([primal_at(y, top) for y in ys], leaves, zeros, level)
        along = [add_tangents(a, b) if a is not None else b for a, b in zip(along, across)]
    return [dual_or_none(p, t, top) for p, t in zip(primal, along)]
