# Patterns of numbers: a run of instructions on single elements, as the graph of a bit sweep.
#
# Says which instructions such a run may hold, which of their operands take part, and what
# goes in and comes out as index sets; it must not know how bits are swept.  Fast because
# an instruction that one operand takes part in is no node but that operand, because
# nothing is made for values that are read inside of the run only, and because a look at the
# graph tells how long the sweeps would take: where sets are faster, they are used.

cdef enum:
    FEWEST_NUMBERS = 64           # in a shorter run there is little to gain
    MOST_READ = 16                # columns that a run may bring in, for each instruction
    VISITS = 12                   # of stretches, for each instruction, that take as long as sets


cdef bint counts_in(_Pattern s, Py_ssize_t i, int k) except -1:
    """Can the partial derivative of a number by its operand k be other than zero?"""
    cdef Instr *x = &s.p.code[i]
    if x.op == OP_WHERE and k == 0:
        return False
    if x.op < N_LOCAL and OP_PARTIAL[x.op][k] == PARTIAL_ZERO:
        return False
    if x.op < N_LOCAL and not s.local:
        return not ((x.op == OP_MULTIPLY or x.op == OP_ZMUL)
                    and is_zero_number(s.p, x.b if k == 0 else x.a))
    zero = known_zeros(s, i, k)
    return zero is None or not zero.any()


cdef _Sets pattern_number(_Pattern s, Py_ssize_t i):
    """The set of a number where sets are joined."""
    cdef Instr *x = &s.p.code[i]
    cdef int k
    cdef _Sets out = None, part
    for k in range(OP_NARGS[x.op]):
        part = s.of(i, k)
        if part is not None and counts_in(s, i, k):
            out = joined(out, part)
    return out


cdef bint is_single(_Pattern s, Py_ssize_t i):
    """May an instruction be part of a run: is its result one element, made of single elements?"""
    cdef Instr *x = &s.p.code[i]
    if x.op == OP_CONST:
        return True
    if x.op == OP_SLICE or x.op == OP_RESHAPE:
        return x.type <= TYPE_WEAK or product(s.places.shape(i)) == 1
    return x.op < N_ELEMENTWISE and (x.type <= TYPE_WEAK or not s.places.shape(i)
                                     and not is_inexact(s.p.types[x.type][0]))


@cython.final
cdef class _Run:
    """Instructions from `first` to before `end` as nodes.

    References are to nodes: positive ones to those of the run, negative ones to what comes from
    outside, 0 to none.
    """
    cdef _Pattern s
    cdef Py_ssize_t first, end, count
    cdef np.ndarray references, pairs
    cdef int32_t *at              # for each instruction its node
    cdef int32_t *pair
    cdef list roots               # (sets, place) of what comes from outside
    cdef dict known               # of numbers from outside: the reference

    def __cinit__(self, _Pattern s not None, Py_ssize_t first, Py_ssize_t end):
        self.s = s
        self.first = first
        self.end = end
        self.roots = []
        self.known = {}
        self.references = np.zeros(end - first, np.int32)
        self.pairs = np.zeros((end - first + 1, 2), np.int32)
        self.at = <int32_t *>np.PyArray_DATA(self.references)
        self.pair = <int32_t *>np.PyArray_DATA(self.pairs)

    cdef int32_t root(self, int32_t v, Py_ssize_t place) except? -1:
        """The reference to one element of a value from outside."""
        cdef _Sets a = self.s.sets[v]
        if a is None:
            return 0
        self.roots.append((a, place))
        return <int32_t>-len(self.roots)

    cdef int32_t reference(self, int32_t v) except? -1:
        """The reference to a value that is one element."""
        if v >= self.first:
            return self.at[v - self.first]
        if v not in self.known:
            self.known[v] = self.root(v, 0)
        return self.known[v]

    cdef int32_t node(self, Py_ssize_t i) except? -1:
        """The reference that stands for an instruction."""
        cdef Instr *x = &self.s.p.code[i]
        cdef int32_t found, a = 0, b = 0
        cdef int k
        if x.op == OP_CONST or x.type > TYPE_WEAK and not is_inexact(self.s.p.types[x.type][0]):
            return 0
        if x.op == OP_SLICE and x.a < self.first:
            return self.root(x.a, first_place(self.s.places.shape(x.a), self.s.p.attrs_of(i)[0]))
        if x.op >= N_ELEMENTWISE:
            return self.reference(x.a)
        for k in range(OP_NARGS[x.op]):
            found = self.reference(x.a if k == 0 else x.b if k == 1 else x.c)
            if found and found != a and found != b and counts_in(self.s, i, k):
                a, b = found, a
        if b == 0:
            return a
        self.count += 1
        self.pair[2 * self.count] = a
        self.pair[2 * self.count + 1] = b
        return <int32_t>self.count

    cdef int fill(self) except -1:
        cdef Py_ssize_t i
        for i in range(self.first, self.end):
            self.at[i - self.first] = self.node(i)
            if i & 0xFFF == 0xFFF:
                PyErr_CheckSignals()
        return 0

    cdef _Sets incoming(self):
        """What comes from outside, one set after the other; None if these are very many columns."""
        cdef int64_t total = 0, count
        cdef Py_ssize_t k = 0, at
        cdef _Sets a, out
        for a, at in self.roots:
            total += a.start[at + 1] - a.start[at]
        if self.s.bits is None and total > MOST_READ * (self.end - self.first):
            return None
        out = new_sets(len(self.roots), total)
        for a, at in self.roots:
            count = a.start[at + 1] - a.start[at]
            memcpy(out.items + out.start[k], a.items + a.start[at], count * sizeof(int32_t))
            k += 1
            out.start[k] = out.start[k - 1] + count
        return out

    cdef np.ndarray graph(self, _Sets incoming, const int64_t *rank, Py_ssize_t leaves,
                          list results):
        """All nodes: leaves, what joins those that come from outside together, the run, results."""
        cdef Py_ssize_t k, n = len(self.roots), node = 1 + leaves
        cdef int64_t j
        cdef np.ndarray nodes = np.zeros(self.count + n + 1, np.int32), out
        cdef int32_t own, *number = <int32_t *>np.PyArray_DATA(nodes), *pair
        out = np.zeros((node + incoming.start[n] + self.count + len(results), 2), np.int32)
        pair = <int32_t *>np.PyArray_DATA(out)
        for k in range(n):
            own = 0
            for j in range(incoming.start[k], incoming.start[k + 1]):
                if own:
                    pair[2 * node] = own
                    own = <int32_t>node
                    node += 1
                    pair[2 * own + 1] = <int32_t>(1 + rank[j])
                else:
                    own = <int32_t>(1 + rank[j])
            number[self.count + n - k] = own
        for k in range(self.count):
            number[k + 1] = <int32_t>(node + k)
        out[node:node + self.count] = nodes[self.pairs[1:self.count + 1]]
        node += self.count
        out[node:node + len(results), 0] = nodes[self.references[results]]
        return out[:node + len(results)]

    cdef list results(self):
        """The values of the run, counted from 0, that are read after it and depend on anything."""
        cdef Py_ssize_t k
        return [k for k in range(self.end - self.first)
                if self.at[k] and self.s.last[self.first + k] >= self.end]

    cdef bint sweep(self, list results) except -1:
        """Fill in the sets of the results; False where sets are joined in less time."""
        cdef Py_ssize_t k
        cdef int64_t *start
        cdef np.ndarray columns, rank, starts, items
        cdef _Sets incoming = self.incoming(), own
        if incoming is None:
            return False
        columns, rank = np.unique(exported_sets(incoming, incoming.n)[1], return_inverse=True)
        most = VISITS * (self.end - self.first) if self.s.bits is None else 1 << 62
        nodes = self.graph(incoming, <const int64_t *>np.PyArray_DATA(rank), len(columns), results)
        found = bit_pattern(nodes, len(columns), len(results), most)
        if found is None:
            return False
        starts, items = found
        items = columns[items]
        start = <int64_t *>np.PyArray_DATA(starts)
        for k in range(len(results)):
            own = new_sets(1, start[k + 1] - start[k])
            own.start[1] = start[k + 1] - start[k]
            memcpy(own.items, <int32_t *>np.PyArray_DATA(items) + start[k],
                   own.start[1] * sizeof(int32_t))
            self.s.sets[self.first + <Py_ssize_t>results[k]] = fitted(own)
        return True


cdef Py_ssize_t end_of_run(_Pattern s, Py_ssize_t first):
    """Where a run of single elements that begins here ends."""
    while first < s.p.count and is_single(s, first):
        first += 1
    return first


cdef bint found_by_bits(_Pattern s, Py_ssize_t first, Py_ssize_t end) except -1:
    """Were the sets of a run filled in by a bit sweep?"""
    cdef _Run run
    if end == first or s.bits is False or s.bits is None and end - first < FEWEST_NUMBERS:
        return False
    run = _Run(s, first, end)
    run.fill()
    results = run.results()
    return not results or run.sweep(results)
