# Sums of products in loops: one large product in place of many small ones.
#
# The reverse derivative of a loop adds a product to the cotangent of each matrix
# that its body multiplies with, at every step.  Such a product is not computed in
# the loop: its factors are rows of the result, and their stacks are multiplied
# after some steps.  Knows programs, and loops as something that runs; it must not
# know where a program comes from.  Fast because a matrix that would be read and
# written at each step stays where it is, and one product of large matrices is
# what a BLAS is best at.

cdef enum:
    STACK_ELEMENTS = 1 << 15      # of the factors of one sum that are kept before they are used
    MIN_STEPS = 16


@cython.final
cdef class _Sums:
    """A program without its sums of products, which has their factors as rows."""
    cdef Runner runner
    cdef list sums                # (carry, ((rows, n, m) of each product)): see `factors`
    cdef list others              # the carries that stay
    cdef Py_ssize_t steps         # between two products

    cdef Py_ssize_t run(self, Py_ssize_t start, Py_ssize_t stop, list carry, list xs, list consts,
                        list ys) except -2:
        """As `run_steps`."""
        cdef Py_ssize_t i = start, n, low, done, step = 1 if stop > start else -1
        cdef list kept = [carry[k] for k in self.others]
        cdef list totals = [np.array(carry[k]) for k, _ in self.sums]
        cdef list stacks = [np.empty((self.steps,) + shape) for shape in self.shapes()]
        while i != stop:
            n = (stop - i) * step
            n = n if n < self.steps else self.steps
            low = i if step > 0 else i - n + 1
            rows = slice(low, low + n)
            loop = _ArrayLoop(self.runner.arrays, kept, [x[rows] for x in xs], consts + totals,
                              [y[rows] for y in ys] + [s[:n] for s in stacks])
            done = loop.run(0, n) if step > 0 else n - 1 - loop.run(n - 1, -1)
            self.add_products(totals, stacks, 0 if step > 0 else n - done, done)
            i += done * step
            if done < n:
                break
        for k, x in zip(self.others, kept):
            carry[k] = x
        for (k, _), x in zip(self.sums, totals):
            carry[k] = x
        return i

    cdef list shapes(self):
        """Those of one row of each factor."""
        cdef list found = []
        for _, products in self.sums:
            for inner, n, m in products:
                found += [(inner, n), (inner, m)]
        return found

    cdef int add_products(self, list totals, list stacks, Py_ssize_t first,
                          Py_ssize_t count) except -1:
        cdef Py_ssize_t at = 0
        for (_, products), total in zip(self.sums, totals):
            for inner, n, m in products:
                a = stacks[at][first:first + count].reshape(count * inner, n)
                b = stacks[at + 1][first:first + count].reshape(count * inner, m)
                total += np.matmul(a.T, b)
                at += 2
        return 0


cdef object sums_of(Runner runner, Py_ssize_t n_carry):
    """The _Sums of a loop's program, found once; None if it has no such sums."""
    if runner.sums is None:
        runner.sums = found_sums(runner.program, n_carry) or False
    return runner.sums or None


cdef _Sums found_sums(Program p, Py_ssize_t n_carry):
    cdef list readers = count_readers(p)
    cdef list sums = [], products
    cdef Py_ssize_t k, size = 0
    cdef _Sums found
    for k in range(n_carry):
        products = []
        if readers[k] == 1 and added_products(p, p.outputs[k], k, readers, products) == 1 \
                and products and p.outputs[k] != k:
            sums.append((k, products))
    if not sums:
        return None
    found = _Sums()
    found.others = [k for k in range(n_carry) if all([k != place for place, _ in sums])]
    found.sums = [(k, [product_form(p, v) for v in values]) for k, values in sums]
    found.runner = Runner(with_factors(p, n_carry, found.others, sums))
    for _, forms in found.sums:
        for inner, n, m in forms:
            size += inner * (n + m)
    found.steps = MIN_STEPS + STACK_ELEMENTS // (size + 1)
    return found


cdef list count_readers(Program p):
    """How often each value is read."""
    cdef list found = [0] * p.count
    cdef Py_ssize_t i
    for i in range(p.count):
        if p.code[i].op != OP_LEAF and p.code[i].op != OP_CONST:
            for v in p.operands_of(i):
                found[v] += 1
    for v in p.outputs:
        found[v] += 1
    for g in p.guards:
        found[(<Guard>g).value] += 1
    return found


cdef int added_products(Program p, int32_t i, int32_t place, list readers,
                        list products) except -1:
    """Is value i the input `place` (1), a sum of products (0), or one of both (1)?  Else 2."""
    cdef int a, b
    if i == place:
        return 1
    if readers[i] != 1 or p.code[i].type != p.code[place].type:
        return 2
    if p.code[i].op == OP_ADD:
        a = added_products(p, p.code[i].a, place, readers, products)
        b = added_products(p, p.code[i].b, place, readers, products)
        return 2 if a == 2 or b == 2 else a + b
    if p.code[i].op != OP_MATMUL or not is_matrix(p, p.code[i].a) or not is_matrix(p, p.code[i].b):
        return 2
    inner, n, m = product_form(p, i)
    if inner * (n + m) > n * m:
        return 2                      # its factors are larger than the product itself
    products.append(i)
    return 0


cdef bint is_matrix(Program p, int32_t i) except -1:
    cdef tuple t = p.types[p.code[i].type]
    return t[0] == NPY_DOUBLE and len(t[1]) == 2


cdef tuple product_form(Program p, int32_t i):
    """(inner, n, m) of a product of an n by inner and an inner by m matrix."""
    cdef tuple a = p.types[p.code[p.code[i].a].type][1]
    return a[1], a[0], p.types[p.code[p.code[i].b].type][1][1]


cdef Program with_factors(Program p, Py_ssize_t n_carry, list others, list sums):
    """The program whose first inputs and outputs are the other carries; the sums are its last
    inputs, which nobody reads, and the factors of the products its last outputs."""
    cdef Py_ssize_t i, count = p.n_inputs - len(sums)
    cdef list order = others + list(range(n_carry, p.n_inputs)) + [k for k, _ in sums]
    cdef list types = [p.types[p.code[i].type] for i in order]
    cdef list specs = [(np.PyArray_DescrFromType(t[0]), t[1]) for t in types]
    cdef Program q = p.with_inputs(specs, [order.index(i) for i in range(p.n_inputs)])
    cdef list outputs = [q.outputs[k] for k in others] + q.outputs[n_carry:]
    for _, values in sums:
        for i in values:
            inner, n, _ = product_form(q, i)
            outputs.append(q.apply("transpose", [q.code[i].a], "f8", (inner, n), ((1, 0),)))
            outputs.append(q.code[i].b)
    q.outputs = outputs
    return q.simplify()
