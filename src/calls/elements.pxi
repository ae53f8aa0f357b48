# Elements: a program of small arrays as one of numbers.
#
# Each element of an array is a value by itself.  What only moves elements (parts, joins, other
# shapes) is no instruction any more, and all else is code for the one-point gear.  Knows
# instructions and where elements come from; it must not know loops, nor who runs the code.  Fast in
# what it makes: a step over an array of two elements costs more than ten times what two numbers in
# registers of the processor cost.

cdef enum:
    MOST_ELEMENTS = 4000          # of all values of a program together
    SOON_ELEMENTS = 200           # runs of a program after which this pays
    # What instructions over arrays cost, and one over a number, if a light one of these costs 1.
    COST_OF_LIGHT = 10            # among others
    COST_OF_MOVE = 50             # a join, a gather, a reduction
    COST_OF_HEAVY = 12            # for each number, more than for each of many


@cython.final
cdef class _ElementCode:
    """Code for a program whose inputs and outputs are float64, element by element."""
    cdef NumberCode code
    cdef np.ndarray sizes         # of the inputs, then of the outputs: how many elements
    cdef Py_ssize_t n_inputs      # of the program
    cdef list arrays              # constants that may change: their elements are inputs, too

    cdef inline const int64_t *size(self) noexcept:
        return <const int64_t *>np.PyArray_DATA(self.sizes)


cdef _ElementCode element_code(Runner runner, bint often):
    """The code of a runner that will run `often`, or does; None if there is none, or not yet."""
    cdef _Elements made
    often = often or runner.numbers is not None or runner.runs >= SOON_ELEMENTS
    if runner.elements is None and often:
        made = _Elements(runner.program)
        runner.elements = made.result(runner.numbers) or False
    return runner.elements or None


@cython.final
cdef class _Elements:
    """Makes the program of the elements of another one."""
    cdef Program p, q
    cdef Places places
    cdef list at                  # for each value those of its elements; None for other types
    cdef list arrays
    cdef int32_t zero
    cdef Py_ssize_t gain

    def __init__(self, Program p not None):
        self.p, self.q, self.places = p, Program(), Places(p)
        self.at, self.arrays = [], []

    cdef _ElementCode result(self, NumberCode numbers):
        """None where a program of arrays is faster, or the only one; `numbers` may be known."""
        cdef _ElementCode found = _ElementCode()
        cdef list ends = list(range(self.p.n_inputs)) + self.p.outputs
        if numbers is None:
            if not self.fits(ends) or not self.write():
                return None
            numbers = NumberCode(simplified(self.q, True), False)  # rounded as arrays are
        found.code, found.arrays, found.n_inputs = numbers, self.arrays, self.p.n_inputs
        found.sizes = np.array([product(self.places.shape(v)) for v in ends], np.int64)
        return found

    cdef bint fits(self, list ends) except -1:
        cdef Py_ssize_t i, total = 0
        if self.p.refreshed:
            return False
        for i in ends:
            if self.typenum(i) != NPY_DOUBLE:
                return False
        for i in range(self.p.count):
            total += product(self.places.shape(i))
        return total <= MOST_ELEMENTS

    cdef inline int typenum(self, Py_ssize_t v) except -1:
        return self.p.types[self.p.code[v].type][0]

    cdef bint write(self) except -1:
        """The other program; False if it would not be faster."""
        cdef Py_ssize_t i
        cdef Guard g
        for i in range(self.p.n_inputs):
            self.at.append(self.inputs(product(self.places.shape(i))))
        changing = {i: self.changing(i) for i in range(self.p.n_inputs, self.p.count)}
        self.zero = self.q.emit_number(0.0, False)
        for i in range(self.p.n_inputs, self.p.count):
            self.at.append(changing[i] or self.made(i))
        for v in self.p.outputs:
            if self.at[v] is None:
                return False
            self.q.outputs += self.at[v]
        for g in self.p.guards:
            if self.at[g.value] is None or self.places.shape(g.value) != ():
                return False
            self.q.guards.append(g.moved(self.at[g.value][0]))
        return self.gain > 0 and not self.places.watched

    cdef list inputs(self, Py_ssize_t n):
        return [self.q.emit_input(TYPE_NUMBER) for _ in range(n)]

    cdef list changing(self, Py_ssize_t i):
        """The elements of a constant array that somebody may change; else None."""
        cdef Instr *x = &self.p.code[i]
        if x.op != OP_CONST or x.type <= TYPE_WEAK or self.typenum(i) != NPY_DOUBLE:
            return None
        array = self.p.arrays[x.a]
        if not (array.flags.writeable or array.base is not None):
            return None
        self.arrays.append(array)
        return self.inputs(array.size)

    cdef list made(self, Py_ssize_t i):
        """The elements of value i, by new instructions or by those that are there."""
        cdef Instr *x = &self.p.code[i]
        cdef int typenum = self.typenum(i)
        if typenum != NPY_DOUBLE and typenum != NPY_BOOL:
            return None
        if x.op == OP_CONST:
            values = [self.p.numbers[x.a]] if x.type <= TYPE_WEAK else self.p.arrays[x.a]
            if typenum != NPY_DOUBLE:
                return None
            return [self.q.emit_number(v, False) for v in np.ravel(values).tolist()]
        if x.op < N_ELEMENTWISE:
            return self.elementwise(i, typenum)
        if not self.p.n_operands(i) or self.at[self.p.operand(i, 0)] is None:
            return None
        if x.op == OP_CAST and typenum == NPY_DOUBLE and self.typenum(x.a) == NPY_BOOL:
            return [self.q.emit(OP_CAST, TYPE_NUMBER, v, -1,
                                self.q.attrs_place(self.p.attrs_of(i))) for v in self.at[x.a]]
        if self.typenum(self.p.operand(i, 0)) != typenum:
            return None
        if x.op == OP_MATMUL:
            return self.multiplied(i)
        if x.op == OP_SUM or x.op == OP_SUM_TO or x.op == OP_SCATTER_ADD:
            return self.folded(i, OP_ADD)
        if x.op == OP_MAX or x.op == OP_MIN:
            return self.folded(i, OP_MAXIMUM if x.op == OP_MAX else OP_MINIMUM)
        return self.moved(i)

    cdef list elementwise(self, Py_ssize_t i, int typenum):
        cdef Instr *x = &self.p.code[i]
        cdef int type = TYPE_NUMBER if typenum == NPY_DOUBLE else self.q.type_of(NPY_BOOL, ())
        cdef tuple shape = self.places.shape(i)
        cdef list operands = [], found
        for v in self.p.operands_of(i):
            found = self.at[v]
            if found is None:
                return None
            if self.places.shape(v) != shape:
                found = [found[k] for k in broadcast_places(self.places.shape(v), shape).tolist()]
            operands.append(found)
        found = [self.q.emit(x.op, type, xs[0], xs[1], xs[2])
                 for xs in zip(*(operands + [[-1] * len(operands[0])] * 2))]
        self.gain += COST_OF_LIGHT - len(found)
        if native_kind(x.op) == NOT_NATIVE:
            self.gain -= COST_OF_HEAVY * len(found)
        return found

    cdef list moved(self, Py_ssize_t i):
        """The elements of a value that has all its elements from its operands, or zeros."""
        cdef list found = [self.zero] * product(self.places.shape(i)), own
        cdef Py_ssize_t k, e, place
        cdef int op = self.p.code[i].op
        if op == OP_CONCATENATE or op == OP_GATHER or op == OP_INDEX_SET or op == OP_EMBED:
            self.gain += COST_OF_MOVE
        for k in range(1 if op == OP_GATHER else self.p.n_operands(i)):
            source = self.places.source(i, k)
            own = self.at[self.p.operand(i, k)]
            if source is NotImplemented or own is None \
                    or self.typenum(self.p.operand(i, k)) != self.typenum(i):
                return None
            for e, place in enumerate(range(len(own)) if source is None else source.tolist()):
                if place >= 0:
                    found[e] = own[place]
        return found

    cdef list folded(self, Py_ssize_t i, int op):
        """The elements of a sum, or of another reduction, by an operator of two."""
        cdef list groups = [[] for _ in range(product(self.places.shape(i)))]
        cdef list own = self.at[self.p.code[i].a]
        target = self.places.target(i)
        if target is NotImplemented:
            return None
        for v, place in zip(own, target.tolist()):
            groups[place].append(v)
        if self.p.code[i].op == OP_SCATTER_ADD or not own and op == OP_ADD:
            groups = [[self.zero] + group for group in groups]
        self.gain += COST_OF_MOVE - len(own)
        return [self.total(op, group) for group in groups] if own or op == OP_ADD else None

    cdef list multiplied(self, Py_ssize_t i):
        """The elements of a product of two matrices."""
        cdef tuple left = self.places.shape(self.p.code[i].a)
        cdef tuple right = self.places.shape(self.p.code[i].b)
        cdef list a = self.at[self.p.code[i].a], b = self.at[self.p.code[i].b]
        cdef Py_ssize_t row, column, k, inner, m
        if len(left) != 2 or len(right) != 2 or b is None or not left[1] \
                or self.typenum(self.p.code[i].b) != NPY_DOUBLE:
            return None
        inner, m = right
        self.gain += COST_OF_MOVE - 2 * len(a) * m
        return [self.total(OP_ADD, [
                    self.q.emit(OP_MULTIPLY, TYPE_NUMBER, a[row * inner + k], b[k * m + column], -1)
                    for k in range(inner)]) for row in range(left[0]) for column in range(m)]

    cdef object total(self, int op, list values):
        cdef int32_t found = values[0]
        for v in values[1:]:
            found = self.q.emit(op, TYPE_NUMBER, found, v, -1)
        return found
