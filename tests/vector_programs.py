"""Random functions of a vector, in two spellings: the library's, and plain NumPy for complex
points.

A program is a list of steps, each of which adds a vector or a matrix to a pool of values. Every
step is analytic where the program is evaluated, so that the sums of Cauchy's formula in
`derivatives` give the first three derivatives along a line to many digits. The constants of the
steps are captured arrays, as in a user's closure. It must not know how the library differentiates.
"""

import random

import numpy as np

import cdiff as cd
import cdiff.numpy as cnp

POINTS = 24  # of Cauchy's formula
RADIUS = 0.05


class Library:
    """The calls as a user of the library writes them."""

    np = cnp
    scan = staticmethod(cd.scan)
    fori_loop = staticmethod(cd.fori_loop)
    while_loop = staticmethod(cd.while_loop)
    vmap = staticmethod(cd.vmap)
    checkpoint = staticmethod(cd.checkpoint)
    compile = staticmethod(cd.compile)
    put = staticmethod(lambda a: a.copy())
    eigvals = staticmethod(lambda a: cnp.linalg.eigh(a)[0])

    @staticmethod
    def by_vjp(f, slope):
        """f(x), elementwise, whose derivative by hand is slope(x)."""
        made = cd.custom_vjp(f)
        made.defvjp(lambda x: (made(x), x), lambda x, g: (g * slope(x),))
        return made

    @staticmethod
    def by_jvp(f, slope):
        made = cd.custom_jvp(f)
        made.defjvp(lambda p, t: (made(p[0]), slope(p[0]) * t[0]))
        return made

    @staticmethod
    def inner_grad(f, gradient):
        return cd.grad(f)

    @staticmethod
    def inner_jvp(f, gradient):
        return lambda x: cd.jvp(f, (x,), (x,))[1]


class Plain:
    """The same with loops of Python, for complex arrays."""

    np = np
    checkpoint = compile = staticmethod(lambda f: f)
    put = staticmethod(lambda a: np.array(a, dtype=complex))
    by_vjp = by_jvp = staticmethod(lambda f, slope: f)
    inner_grad = staticmethod(lambda f, gradient: gradient)

    @staticmethod
    def inner_jvp(f, gradient):
        return lambda x: (gradient(x) * x).sum()

    @staticmethod
    def eigvals(a):
        found = np.linalg.eigvals(a)
        return found[np.argsort(found.real)]

    @staticmethod
    def scan(f, init, xs):
        carry, made = init, []
        for x in zip(*xs, strict=True) if isinstance(xs, tuple) else xs:
            carry, y = f(carry, x)
            made.append(y)
        return carry, np.stack(made)

    @staticmethod
    def fori_loop(lower, upper, body, init):
        for k in range(lower, upper):
            init = body(k, init)
        return init

    @staticmethod
    def while_loop(cond, body, init):
        while cond(init):
            init = body(init)
        return init

    @staticmethod
    def vmap(f):
        return lambda *rows: np.stack([f(*row) for row in zip(*rows, strict=True)])


class Maker:
    """Makes steps of random kinds; `shapes` are those of the pool so far."""

    def __init__(self, seed, n, heavy=True):
        self.rng = random.Random(seed)
        self.nprng = np.random.default_rng(seed)
        self.n = n
        self.heavy = heavy  # whether matrices of n by n may be captured
        self.shapes = [(n,)]
        self.steps = []
        self.names = []

    def const(self, *shape):
        return self.nprng.uniform(-1.0, 1.0, shape)

    def pick(self, ndim):
        rank = [k for k, s in enumerate(self.shapes) if len(s) == ndim]
        if not rank:
            return None
        return rank[-1] if self.rng.random() < 0.6 else self.rng.choice(rank)

    def elementwise(self, shape, length=3):
        """A random function of an array that keeps its shape, with captured arrays."""
        todo = []
        for _ in range(self.rng.randint(1, length)):
            kind = self.rng.randrange(9)
            c = self.const(*shape)
            row = self.const(*shape[-1:])
            s = self.rng.uniform(0.5, 1.5)
            if kind == 8 and (not self.heavy or shape[-1] > 130):
                kind = 0
            if kind == 8:
                m = self.const(shape[-1], shape[-1]) / np.sqrt(shape[-1])
                left = self.rng.random() < 0.5 and len(shape) == 1
                todo.append((lambda L, v, m=m: m @ v) if left else (lambda L, v, m=m: v @ m))
                continue
            todo.append(
                [
                    lambda L, v, s=s: L.np.sin(s * v),
                    lambda L, v, c=c: c * v,
                    lambda L, v, row=row: v * L.np.cos(v + row),
                    lambda L, v, c=c: v / (2.5 + c),
                    lambda L, v, s=s: L.np.tanh(v) * s,
                    lambda L, v, c=c: c - v * v * 0.3,
                    lambda L, v, c=c: c * c / (2.0 + L.np.exp(0.3 * v)),
                    lambda L, v, s=s: L.np.sqrt(1.5 + L.np.sin(v)) * s,
                ][kind]
            )

        def run(L, v):
            for f in todo:
                v = f(L, v)
            return L.np.sin(v) if len(todo) > 1 else v * 0.9

        return run

    def add(self, name, shape, f, *operands):
        self.steps.append((f, operands))
        self.shapes.append(shape)
        self.names.append(f"{name}{operands}->{shape}")

    def step(self):
        kinds = [k for k in dir(self) if k.startswith("do_")]
        getattr(self, self.rng.choice(kinds))()

    def vector(self):
        return self.pick(1)

    def any(self):
        k = self.rng.choice([1, 1, 2])
        found = self.pick(k)
        return self.pick(1) if found is None else found

    # --- steps ---

    def do_elementwise(self):
        k = self.any()
        self.add("elementwise", self.shapes[k], self.elementwise(self.shapes[k]), k)

    do_elementwise2 = do_elementwise

    def do_binary(self):
        k = self.any()
        shape = self.shapes[k]
        same = [j for j, s in enumerate(self.shapes) if s == shape or s == shape[-1:]]
        j = self.rng.choice(same)
        kind = self.rng.randrange(4)
        f = [
            lambda L, a, b: a * b,
            lambda L, a, b: a - b,
            lambda L, a, b: a / (3.0 + L.np.sin(b)),
            lambda L, a, b: L.np.sin(a) * b + a,
        ][kind]
        self.add("binary", shape, f, k, j)

    do_binary2 = do_binary

    def do_matmul(self):
        k = self.any()
        shape = self.shapes[k]
        q = self.rng.choice([1, 2, 8, 9, 17, self.n if self.heavy else 3])
        if len(shape) == 1:
            m = self.const(q, shape[0]) / np.sqrt(shape[0])
            if self.rng.random() < 0.5:
                return self.add("A@v", (q,), lambda L, v: m @ v, k)
            mt = np.ascontiguousarray(m.T)
            return self.add("v@A", (q,), lambda L, v: v @ mt, k)
        if self.rng.random() < 0.5:
            m = self.const(q, shape[0]) / np.sqrt(shape[0])
            return self.add("A@M", (q, shape[1]), lambda L, v: m @ v, k)
        m = self.const(shape[1], q) / np.sqrt(shape[1])
        self.add("M@A", (shape[0], q), lambda L, v: v @ m, k)

    do_matmul2 = do_matmul

    def do_inner_product(self):
        k = self.pick(2)
        if k is None:
            return
        if self.rng.random() < 0.5:
            r = self.shapes[k][0]
            self.add("M@M.T", (r, r), lambda L, m: m @ m.T * (1.0 / m.shape[1]), k)
        else:
            fits = [j for j, s in enumerate(self.shapes) if s == self.shapes[k][1:]]
            if fits:
                j = self.rng.choice(fits)
                scale = 1.0 / np.sqrt(self.shapes[k][1])
                self.add("M@v", self.shapes[k][:1], lambda L, m, v: (m @ v) * scale, k, j)

    def do_outer(self):
        k, j = self.vector(), self.vector()
        a, b = self.shapes[k][0], self.shapes[j][0]
        if a * b > 70000:
            return
        self.add("outer", (a, b), lambda L, u, v: u[:, None] * v[None, :], k, j)

    def do_stack(self):
        k = self.vector()
        c = self.const(self.rng.choice([2, 3, 8, 9]), 1)
        self.add("rows", (len(c), self.shapes[k][0]), lambda L, v: L.np.sin(c * v), k)

    def do_reduce(self):
        k = self.pick(2)
        if k is None:
            return
        axis = self.rng.randrange(2)
        kind = self.rng.randrange(3)
        f = [
            lambda L, m: m.sum(axis=axis),
            lambda L, m: (m * m).mean(axis=axis),
            lambda L, m: L.np.log(L.np.sum(L.np.exp(m * 0.5), axis=axis)),
        ][kind]
        shape = self.shapes[k]
        self.add("reduce", (shape[1 - axis],), f, k)

    def do_scalar(self):
        k = self.any()
        kind = self.rng.randrange(3)
        f = [
            lambda L, v: v * v.mean(),
            lambda L, v: v / (1.0 + L.np.sum(v * v)),
            lambda L, v: v - L.np.sin(v.sum()),
        ][kind]
        self.add("scalar", self.shapes[k], f, k)

    def do_index(self):
        k = self.vector()
        n = self.shapes[k][0]
        count = self.rng.choice([n, max(1, n // 2), n + 1])
        idx = self.nprng.integers(0, n, count)
        kind = self.rng.randrange(5)
        if kind == 0:
            self.add("gather", (count,), lambda L, v: v[idx], k)
        elif kind == 1:
            self.add("reverse", (n,), lambda L, v: v[::-1], k)
        elif kind == 2:
            self.add("roll", (n,), lambda L, v: L.np.concatenate([v[1:], v[:1]]), k)
        elif kind == 3:
            self.add("stride", ((n + 1) // 2,), lambda L, v: v[::2], k)
        else:
            self.add("v[k]*", (n,), lambda L, v: v[n // 2] * v, k)

    def do_matrix_index(self):
        k = self.pick(2)
        if k is None:
            return
        r, c = self.shapes[k]
        i, kind = self.rng.randrange(min(r, c)), self.rng.randrange(6)
        if kind == 0:
            self.add("row", (c,), lambda L, m: m[i], k)
        elif kind == 1:
            self.add("column", (r,), lambda L, m: m[:, i], k)
        elif kind == 2:
            self.add("T", (c, r), lambda L, m: m.T, k)
        elif kind == 3:
            self.add("reshape", (c, r), lambda L, m: m.reshape(c, r), k)
        elif kind == 4:
            self.add("ravel", (r * c,), lambda L, m: m.reshape(-1), k) if r * c < 600 else None
        else:
            idx = self.nprng.integers(0, r, self.rng.choice([1, r, r + 3]))
            self.add("take", (len(idx), c), lambda L, m: m[idx], k)

    def do_put(self):
        k = self.any()
        shape = self.shapes[k]
        n, h = shape[0], (shape[0] + 1) // 2
        idx = self.nprng.permutation(n)[:h]
        c = self.const(*shape)
        kind = self.rng.randrange(4)

        def run(L, v):
            w = L.put(v)
            if kind == 0:
                w[:h] = v[n - h :] * c[:h]
            elif kind == 1:
                w[idx] += v[:h] * v[idx]
            elif kind == 2:
                w *= c
                w[-1] = v[0] * v[-1]
            else:
                for i in range(min(n, 5)):
                    w[i] = L.np.sin(w[i - 1] * c[i]) + v[i]
            return w

        self.add(f"put{kind}", shape, run, k)

    def do_checkpoint(self):
        k = self.any()
        e = self.elementwise(self.shapes[k])
        way = self.rng.choice(["checkpoint", "compile"])
        self.add(way, self.shapes[k], lambda L, v: getattr(L, way)(lambda w: e(L, w))(v), k)

    def do_fori(self):
        k = self.any()
        shape = self.shapes[k]
        e, steps = self.elementwise(shape), self.rng.choice([1, 2, 3, 9])
        table = self.const(steps, *shape)
        kind = self.rng.randrange(3)

        def run(L, v):
            if kind == 0:
                return L.fori_loop(0, steps, lambda i, w: e(L, w) + 0.1 * v, v)
            if kind == 1:
                return L.fori_loop(0, steps, lambda i, w: e(L, w * table[0]) + 0.2 * w, v)
            return L.fori_loop(
                0, steps, lambda i, p: (e(L, p[0]) + p[1] * v, p[1] * 0.9 + p[0] * 0.1), (v, v)
            )[0]

        self.add(f"fori{kind}", shape, run, k)

    def do_scan(self):
        k = self.any()
        shape = self.shapes[k]
        if np.prod(shape) > 3000:
            return
        e, steps = self.elementwise(shape), self.rng.choice([1, 2, 7, 8, 9, 33])
        table = self.const(steps, *shape)
        kind = self.rng.randrange(4)
        if kind < 3:

            def run(L, v):
                def body(w, x):
                    w = 0.5 * e(L, w + (x if kind else 0.0 * x)) + 0.4 * v
                    return w, (w * x).sum()

                carry, ys = L.scan(body, v, table)
                return carry if kind else carry * ys.mean()

            return self.add(f"scan{kind}", shape, run, k)
        if len(shape) == 2:
            e = self.elementwise(shape[1:])
            c = self.const(shape[1])

            def run_rows(L, m):
                body = lambda w, x: (0.5 * e(L, w) + x * c, w * x)
                return L.scan(body, c, m)[1]

            self.add("scan rows", shape, run_rows, k)

    do_scan2 = do_scan

    def do_while(self):
        k = self.any()
        shape = self.shapes[k]
        e = self.elementwise(shape)
        steps = self.rng.choice([1, 2, 5, 66] if np.prod(shape) < 100 else [1, 3])

        def run(L, v):
            return L.while_loop(
                lambda p: p[1] < steps, lambda p: (e(L, p[0]) * 0.7 + v * 0.1, p[1] + 1), (v, 0)
            )[0]

        self.add("while", shape, run, k)

    def do_custom(self):
        k = self.any()
        c = self.const(*self.shapes[k])
        way = self.rng.choice(["by_vjp", "by_jvp"])

        def run(L, v):
            f = lambda x: c * L.np.sin(x * c)
            return getattr(L, way)(f, lambda x: c * c * L.np.cos(x * c))(v)

        self.add(way, self.shapes[k], run, k)

    def do_inner(self):
        k = self.vector()
        n = self.shapes[k][0]
        if n > 200:
            return
        m, c = self.const(n, n) / np.sqrt(n), self.const(n)
        way = self.rng.choice(["inner_grad", "inner_jvp"])

        def run(L, v):
            f = lambda x: (L.np.sin(m @ x) * c).sum()
            return getattr(L, way)(f, lambda x: (L.np.cos(m @ x) * c) @ m)(v) * v

        self.add(way, (n,), run, k)

    def do_vmap(self):
        k = self.pick(2)
        if k is None or self.shapes[k][0] > 70:
            return
        r, n = self.shapes[k]
        e, f = self.elementwise((n,)), self.elementwise((n,))
        table, kind = self.const(r, n), self.rng.randrange(3)

        def run(L, m):
            if kind == 0:
                return L.vmap(lambda x: e(L, x) * f(L, x).sum())(m)
            if kind == 1:
                return L.vmap(lambda x, t: e(L, x * t) - m[0])(m, table)
            return L.vmap(lambda x: L.fori_loop(0, 3, lambda i, w: e(L, w) + x, x))(m)

        self.add(f"vmap{kind}", (r, n), run, k)

    def do_solve(self):
        k = self.vector()
        n = self.shapes[k][0]
        if n > 70:
            return
        m = self.const(n, n) / n + 2.0 * np.eye(n)
        kind = self.rng.randrange(3)
        if kind == 0:
            f = lambda L, v: L.np.linalg.solve(m, v)
        elif kind == 1:
            f = lambda L, v: L.np.linalg.solve(m + L.np.sin(v)[:, None] * m / n, v)
        else:
            f = lambda L, v: L.np.linalg.inv(m + v[:, None] * m / (3 * n)) @ v
        self.add(f"solve{kind}", (n,), f, k)

    def do_eigh(self):
        k = self.vector()
        n = min(self.shapes[k][0], 12)
        m = self.const(n, n)
        m = m + m.T + 8.0 * np.diag(np.arange(n))

        def run(L, v):
            w = L.np.sin(v[:n])
            return L.eigvals(m + w[:, None] * w[None, :]) * 0.05

        self.add("eigh", (n,), run, k)

    def do_lines(self):
        k = self.vector()
        n = self.shapes[k][0]
        kind = self.rng.randrange(7)
        c = self.const(self.rng.choice([1, 3, 9]))
        order = self.nprng.permutation(n) * 3.0
        kind = kind if n < 600 or kind in (1, 2, 3, 5) else 1  # 4 makes a matrix of n by n
        if kind == 0:
            self.add("cumprod", (n,), lambda L, v: L.np.cumprod(1.0 + 0.1 * L.np.sin(v)), k)
        elif kind == 1:
            self.add("cumsum", (n,), lambda L, v: L.np.cumsum(v) * (1.0 / n), k)
        elif kind == 2:
            f = lambda L, v: L.np.convolve(v, c, mode="full")[:n]
            self.add("convolve", (n,), f, k)
        elif kind == 3:
            f = lambda L, v: L.np.sort(order + L.np.sin(v)) * (0.3 / n)
            self.add("sort", (n,), f, k)
        elif kind == 4:
            d = self.const(n)
            fft = lambda L, v: L.np.fft.fft(v)
            # The real part as a linear function, which of complex numbers stays analytic.
            turn = np.real(np.fft.fft(np.eye(n)))

            def run(L, v):
                if L is Plain:
                    return turn @ v * d / np.sqrt(n)
                return fft(L, v).real * d / np.sqrt(n)

            self.add("fft", (n,), run, k)
        elif kind == 5:
            xs, d = np.linspace(-4.0, 4.0, 3), self.const(3)

            def run_interp(L, v):
                at = 2.0 + L.np.sin(v)  # in the second piece
                if L is Plain:
                    return d[1] + (d[2] - d[1]) * at / 4.0
                return L.np.interp(at, xs, d)

            self.add("interp", (n,), run_interp, k)
        else:
            f = lambda L, v: L.np.convolve(v, L.np.sin(v[:3]), mode="full")[:n]
            self.add("convolve2", (n,), f, k)

    do_lines2 = do_lines


class Program:
    """A function of a vector of n numbers, and its derivatives along lines."""

    def __init__(self, seed, n, steps=6, heavy=True):
        maker = Maker(seed, n, heavy)
        while len(maker.steps) < steps:
            maker.step()
        self.steps, self.names, self.shapes = maker.steps, maker.names, maker.shapes
        self.weights = [maker.const(*s) for s in self.shapes]
        self.x = maker.const(n)

    def vector(self, L, x):
        """The last value, and a little of all others so that each step counts."""
        pool = [x]
        for f, operands in self.steps:
            pool.append(f(L, *(pool[k] for k in operands)))
        some = sum((w * v).mean() for w, v in zip(self.weights[:-1], pool[:-1], strict=True))
        return (pool[-1] * self.weights[-1]).reshape(-1) + some

    def scalar(self, L, x):
        return self.vector(L, x).sum()


def derivatives(f, x, d, orders=3):
    """f(x + t d) and its derivatives by t at zero, by Cauchy's formula."""
    turns = np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    values = np.stack([np.asarray(f(x + RADIUS * t * d)) for t in turns])
    found, factor = [], 1.0
    for order in range(orders + 1):
        mean = np.tensordot(turns**-order, values, 1) / POINTS
        found.append(mean.real * factor / RADIUS**order)
        factor *= order + 1
    return found
