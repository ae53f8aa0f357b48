# Products in loops: one large product in place of many small ones.
#
# Two kinds of products of matrices need not be computed step by step.  One that
# reads a row and a constant only is computed for many rows at once, before their
# steps.  And one that is only added to a carry, as the reverse derivative of a
# loop does for each matrix that its body multiplies with, is left to be done after
# some steps, from the stacks of its factors.  Knows programs, and loops as
# something that runs; it must not know where a program comes from.  Fast because
# a matrix that would be read at each step stays where it is, and one product of
# large matrices is what a BLAS is best at.

cdef enum:
    STACK_ELEMENTS = 1 << 16      # of the stacks, which should stay in the second-level cache
    STACK_STEPS = 32              # at least
    STACK_WORK = 32               # multiply-adds of a product from which a stack pays

# A product of a row and a constant: X M, where X are rows of `source`.
cdef class _RowProduct:
    cdef int32_t place            # of the product in the program
    cdef int32_t source           # the number of the input with the rows
    cdef int32_t constant         # the value M, or what it is the transpose of
    cdef bint transposed
    cdef tuple shape

# A carry that products are added to: (inner, n, m) of each, and where they are in the program.
cdef class _ProductSum:
    cdef int32_t carry
    cdef list places, forms


@cython.final
cdef class _Stacked:
    """A program without such products: it has more rows, going in and coming out, instead."""
    cdef Runner runner
    cdef Program original
    cdef list rows                # of _RowProduct
    cdef list sums                # of _ProductSum
    cdef list others              # the carries that stay
    cdef Py_ssize_t first_const   # the number of the first input that is one
    cdef Py_ssize_t steps         # between two products

    cdef Py_ssize_t run(self, Py_ssize_t start, Py_ssize_t stop, list carry, list xs, list consts,
                        list ys) except -2:
        """As `run_steps`."""
        cdef Py_ssize_t i = start, n, low, done, step = 1 if stop > start else -1
        cdef _ProductSum s
        cdef list kept = [carry[k] for k in self.others]
        cdef list totals = [np.array(carry[s.carry]) for s in self.sums]
        cdef list stacks = [np.empty((self.steps,) + shape) for shape in self.stack_shapes()]
        while i != stop:
            n = (stop - i) * step
            n = n if n < self.steps else self.steps
            low = i if step > 0 else i - n + 1
            part = slice(low, low + n)
            rows = [x[part] for x in xs]
            loop = _ArrayLoop(self.runner.arrays, kept, rows + self.products(rows, consts),
                              consts + totals, [y[part] for y in ys] + [x[:n] for x in stacks],
                              None)
            done = loop.run(0, n) if step > 0 else n - 1 - loop.run(n - 1, -1)
            self.add_products(totals, stacks, 0 if step > 0 else n - done, done)
            i += done * step
            if done < n:
                break
        for k, x in zip(self.others, kept):
            carry[k] = x
        for s, x in zip(self.sums, totals):
            carry[s.carry] = x
        return i

    cdef list products(self, list rows, list consts):
        """The products of these rows and constants."""
        cdef list found = []
        cdef _RowProduct r
        for r in self.rows:
            x = rows[r.source]
            if r.constant < self.original.n_inputs:
                m = consts[r.constant - self.first_const]
            else:
                m = self.original.arrays[self.original.code[r.constant].a]
            m = m.T if r.transposed else m
            with np.errstate(all="ignore"):
                y = np.matmul(x.reshape(-1, m.shape[0]), m)
            found.append(y.reshape((len(x),) + r.shape))
        return found

    cdef list stack_shapes(self):
        """Those of one row of each factor."""
        cdef list found = []
        cdef _ProductSum s
        for s in self.sums:
            for inner, n, m in s.forms:
                found += [(inner, n), (inner, m)]
        return found

    cdef int add_products(self, list totals, list stacks, Py_ssize_t first,
                          Py_ssize_t count) except -1:
        cdef Py_ssize_t at = 0
        cdef _ProductSum s
        for s, total in zip(self.sums, totals):
            for inner, n, m in s.forms:
                a = stacks[at][first:first + count].reshape(count * inner, n)
                b = stacks[at + 1][first:first + count].reshape(count * inner, m)
                with np.errstate(all="ignore"):
                    total += np.matmul(a.T, b)
                at += 2
        return 0


cdef object stacked(Runner runner, Py_ssize_t n_carry, Py_ssize_t n_xs):
    """The _Stacked of a loop's program, made once; None if it has no such products."""
    if runner.stacked is None:
        runner.stacked = (runner.program.count_of("matmul") != 0
                          and _Stacking(runner.program, n_carry, n_xs).result()) or False
    return runner.stacked or None


@cython.final
cdef class _Stacking:
    """Finds such products in a program, and makes the one without them."""
    cdef Program p
    cdef Py_ssize_t n_carry, first_const
    cdef list readers             # how often each value is read
    cdef list rows, sums, others

    def __init__(self, Program p not None, Py_ssize_t n_carry, Py_ssize_t n_xs):
        cdef Py_ssize_t i
        self.p = p
        self.n_carry, self.first_const = n_carry, n_carry + n_xs
        self.readers = count_readers(p)
        self.rows = [r for r in [self.row_product(i) for i in range(p.count)] if r is not None]
        self.sums = [s for s in [self.product_sum(i) for i in range(n_carry)] if s is not None]
        self.others = list(range(n_carry))
        for s in self.sums:
            self.others.remove((<_ProductSum>s).carry)

    cdef _Stacked result(self):
        cdef _Stacked found = _Stacked()
        cdef _ProductSum s
        cdef _RowProduct r
        cdef Py_ssize_t size = 1
        if not self.rows and not self.sums:
            return None
        found.original, found.rows, found.sums = self.p, self.rows, self.sums
        found.others, found.first_const = self.others, self.first_const
        for s in self.sums:
            for inner, n, m in s.forms:
                size += inner * (n + m)
        for r in self.rows:
            size += product(r.shape)
        found.steps = STACK_STEPS + STACK_ELEMENTS // size
        found.runner = Runner(self.without())
        return found

    # ------------------------------------------------------------ finding

    cdef _RowProduct row_product(self, int32_t i):
        """Value i, if it is the product of a row and a constant."""
        cdef Program p = self.p
        cdef _RowProduct r = _RowProduct()
        cdef int32_t a = p.code[i].a, b = p.code[i].b
        if not multiplies_matrices(p, i):
            return None
        inner, n, m = product_form(p, i)
        r.place, r.shape = i, (n, m)
        if n * inner * m < STACK_WORK:
            return None
        if n >= STACK_STEPS and STACK_STEPS * n * m > STACK_ELEMENTS:
            return None               # a large product by itself, and a stack would leave the cache
        if self.is_constant(b, r) and self.is_row(a, (n, inner), r):
            return r
        if m == 1 and self.is_constant(a, r) and self.is_row(b, (inner,), r):
            r.transposed = not r.transposed
            return r
        return None

    cdef bint is_constant(self, int32_t i, _RowProduct r) except -1:
        """Is this a matrix that is the same at each step, or the transpose of one?"""
        cdef Program p = self.p
        r.transposed = p.code[i].op == OP_TRANSPOSE
        r.constant = p.code[i].a if r.transposed else i
        if p.code[r.constant].op == OP_LEAF:
            return r.constant >= self.first_const
        if p.code[r.constant].op != OP_CONST or p.refreshed:
            return False
        return True

    cdef bint is_row(self, int32_t i, tuple shape, _RowProduct r) except -1:
        """Is this a row of an input, of the shape (1, n) or (n, 1) if that is (n,)?"""
        cdef Program p = self.p
        if p.code[i].op == OP_RESHAPE:
            i = p.code[i].a
            if len(shape) == 2:
                if shape[0] != 1:
                    return False
                shape = shape[1:]
        r.source = <int32_t>(i - self.n_carry)
        return (p.code[i].op == OP_LEAF and self.n_carry <= i < self.first_const
                and p.types[p.code[i].type] == (NPY_DOUBLE, shape))

    cdef _ProductSum product_sum(self, int32_t k):
        """Carry k, if all that happens to it is that products are added."""
        cdef _ProductSum s = _ProductSum()
        s.carry, s.places = k, []
        if self.readers[k] != 1 or self.p.outputs[k] == k:
            return None
        if self.added(self.p.outputs[k], k, s.places) != 1 or not s.places:
            return None
        s.forms = [product_form(self.p, i) for i in s.places]
        return s

    cdef int added(self, int32_t i, int32_t carry, list places) except -1:
        """Is value i the carry (1), a sum of products (0), or both together (1)?  Else 2."""
        cdef Program p = self.p
        cdef int a, b
        if i == carry:
            return 1
        if self.readers[i] != 1 or p.code[i].type != p.code[carry].type:
            return 2
        if p.code[i].op == OP_ADD:
            a = self.added(p.code[i].a, carry, places)
            b = self.added(p.code[i].b, carry, places)
            return 2 if a == 2 or b == 2 else a + b
        if not multiplies_matrices(p, i):
            return 2
        inner, n, m = product_form(p, i)
        if inner * (n + m) > n * m or n * inner * m < STACK_WORK:
            return 2                  # its factors are larger than the product itself
        places.append(i)
        return 0

    # ------------------------------------------------------------ the other program

    cdef Program without(self):
        """Inputs: other carries, rows, products of rows, constants, and the sums, which nobody
        reads.  Outputs: other carries, rows, and the factors of the products in sums."""
        cdef Program p = self.p, q
        cdef _RowProduct r
        cdef _ProductSum s
        cdef Py_ssize_t i, extra = len(self.rows), first = len(self.others) + self.first_const \
            - self.n_carry
        cdef list order = self.others + list(range(self.n_carry, p.n_inputs)) + [
            s.carry for s in self.sums]
        cdef list types = [p.types[p.code[i].type] for i in order]
        types[first:first] = [p.types[p.code[r.place].type] for r in self.rows]
        order[first:first] = [-1] * extra
        q = p.with_inputs([(np.PyArray_DescrFromType(t[0]), t[1]) for t in types],
                          [order.index(i) for i in range(p.n_inputs)])
        for i, r in enumerate(self.rows):
            make_reshape(q, r.place + extra, first + i, r.shape)
        outputs = [q.outputs[k] for k in self.others] + q.outputs[self.n_carry:]
        for s in self.sums:
            for i in s.places:
                inner, n, _ = product_form(p, i)
                outputs.append(q.apply("transpose", [q.code[i + extra].a], "f8", (inner, n),
                                       ((1, 0),)))
                outputs.append(q.code[i + extra].b)
        q.outputs = outputs
        return q.simplify()


cdef int make_reshape(Program p, Py_ssize_t i, Py_ssize_t operand, tuple shape) except -1:
    """Replace value i by an input."""
    p.code[i].op = OP_RESHAPE
    p.code[i].a = <int32_t>operand
    p.code[i].b = -1
    p.code[i].c = p.attrs_place((shape,))
    return 0


cdef list count_readers(Program p):
    cdef list found = [0] * p.count
    cdef Py_ssize_t i
    for i in range(p.count):
        for v in p.operands_of(i):
            found[v] += 1
    for v in p.outputs:
        found[v] += 1
    for g in p.guards:
        found[(<Guard>g).value] += 1
    return found


cdef bint multiplies_matrices(Program p, int32_t i) except -1:
    """Of two matrices of float64?"""
    if p.code[i].op != OP_MATMUL:
        return False
    for v in p.operands_of(i):
        typenum, shape = p.types[p.code[v].type]
        if typenum != NPY_DOUBLE or len(shape) != 2:
            return False
    return True


cdef tuple product_form(Program p, int32_t i):
    """(inner, n, m) of a product of an n by inner and an inner by m matrix."""
    cdef tuple a = p.types[p.code[p.code[i].a].type][1]
    return a[1], a[0], p.types[p.code[p.code[i].b].type][1][1]
