# Rules of users that run after the recordings in which they were made.
#
# Knows levels and who records at them; it must not know what a rule computes.  A rule may find a
# value of such a recording anywhere, in a closure, a global, an attribute: that is the value of one
# point or one step, and would be taken for those of all.  So while the rule runs the levels of the
# ended recordings are taken, as if they still recorded: what comes from such a value carries its
# level, and a decision by one is told.  A level that what the rule is given has by now, or that
# another recording has, cannot be taken so: there the graph is searched.  Fast: a rule that is made
# outside of all recordings costs one look at a tuple.

def recordings():
    """(level, number) of the recordings in progress, in this thread and in those that may have
    begun it."""
    cdef int k
    cdef list out = []
    cdef bint any_level = not cdiff_tls.depth or cdiff_tls.mingles
    cdef ThreadState *t = busy
    while t != NULL:
        for k in range(1, MAX_LEVEL + 1):
            if t.told & <uint32_t>level_bit(k) and (t == &cdiff_tls or any_level
                                                    or k <= cdiff_tls.base):
                out.append((k, t.serial[k]))
        t = t.next
    return tuple(out)


def ended(recordings):
    """The levels of those of these recordings that have ended, and that no Ended holds."""
    cdef int k, bit
    cdef list out = []
    for k, serial in recordings:
        bit = level_bit(k)
        if cdiff_tls.tracing & <uint32_t>bit \
                and (cdiff_tls.serial[k] == serial
                     or (<Trace><object>cdiff_tls.trace[k]).is_over):
            continue
        if not bit_elsewhere(<uint32_t>k << SERIAL_BITS | <uint32_t>serial):
            out.append(k)
    return out


@cython.final
cdef class Ended(Trace):
    """The levels of recordings that have ended: `with Ended(levels, given, message) as it:`.

    A decision by a value at one of them is a TypeError with this message; what a rule finds from
    what it was `given` is `checked` inside.  Transformations begin above all of them.
    """
    cdef list levels, given
    cdef str message
    cdef int bits, held           # all of them, and those that nothing else has

    def __init__(self, list levels not None, list given not None, str message not None):
        cdef int k
        Trace.__init__(self, True)
        self.is_over = True
        self.levels, self.given, self.message = levels, given, message
        for k in levels:
            self.bits |= level_bit(k)

    def __enter__(self):
        cdef int k, top = taken_levels()
        cdef int others = <int>cdiff_tls.tracing
        for x in self.given:
            if type(x) is Array:
                others |= levels_of(N(current(<Array>x)))
        self.outside, self.originals, self.by_memory = {}, {}, {}
        self.outer_tracing = cdiff_tls.tracing
        Level.__enter__(self)
        self.held = self.bits & ~others
        for k in self.levels:
            if self.held & level_bit(k):
                cdiff_tls.trace[k] = <PyObject *>self
                top = larger(top, k)
        cdiff_tls.tracing |= <uint32_t>self.held
        go_to(top)
        return self

    def __exit__(self, *exception):
        cdef int k
        for k in self.levels:
            if self.held & level_bit(k):
                cdiff_tls.trace[k] = NULL
        cdiff_tls.tracing = self.outer_tracing
        Level.__exit__(self, *exception)

    cdef int decided(self, tuple decision) except -1:
        raise TypeError(self.message)

    def checked(self, found):
        """What a rule `found`, an Array or a list of them; a TypeError if it read a value of these
        recordings besides what it was given."""
        cdef bint several = isinstance(found, (list, tuple))
        cdef list results = list(found) if several else [found]
        cdef set seen = {id(x) for x in self.given}
        cdef list stack = [x for x in results if type(x) is Array]
        cdef Array a
        while stack:
            a = stack.pop()
            if not N(a).flags & self.bits or id(a) in seen:
                continue
            seen.add(id(a))
            if N(a).flags & self.held or (N(a).op == OP_LEAF and N(a).mark == LEFT_MARK):
                raise TypeError(self.message)
            stack += [x for x in graph_operands(a) if x is not None]
            if N(a).flags & NODE_DUAL and N(a).p1 != NULL:
                stack.append(<Array><PyObject *>N(a).p1)
        if is_paused(self.outer_paused):   # the sweep has this as it would have computed it itself
            results = [unlinked(x) if type(x) is Array else x for x in results]
        return results if several else results[0]
