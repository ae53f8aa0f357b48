"""What a program computes, one instruction at a time in NumPy.

The oracle of the executables: it reads `Program.instructions()` and knows NumPy's meaning of each
operator; it must not know how anything is planned. `Recorder` writes programs down conveniently.
"""

import numpy as np

import cdiff._core as core

SPECIAL = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, 0),
    "tanh_slope": lambda a: 1 / np.cosh(a) ** 2,
    "gauss": lambda a: np.exp(-a * a),
    "zmul": lambda a, b: np.where((a == 0) | (b == 0), 0.0, a * b),
    "safe_divide": lambda a, b: np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b)),
    "safe_subtract": lambda a, b: np.where(a == b, 0.0, a - b),
    "where": lambda c, a, b: np.where(c, a, b),
}


def part(index):
    """(start, step, count) per axis as a key; an axis with count -1 is dropped."""
    key = []
    for start, step, count in zip(index[::3], index[1::3], index[2::3], strict=True):
        if count < 0:
            key.append(start)
        else:
            stop = start + step * count
            key.append(slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0))
    return tuple(key)


def _embed(a, shape, index):
    out = np.zeros(shape, a.dtype)
    out[part(index)] = a
    return out


def _index_set(a, b, index):
    out = np.array(a)
    out[part(index)] = b
    return out


def _scatter_add(a, b, count):
    out = np.zeros((count, *a.shape[b.ndim :]), a.dtype)
    np.add.at(out, b, a)
    return out


def _cumsum(a, axis, reverse):
    return np.flip(np.cumsum(np.flip(a, axis), axis), axis) if reverse else np.cumsum(a, axis)


def _linrec(a, b, axis, reverse):
    a, b = np.broadcast_arrays(a, b)
    a, b, out = (np.moveaxis(x, axis, 0) for x in (a, b, np.zeros(b.shape)))
    last = 0.0
    for j in reversed(range(len(a))) if reverse else range(len(a)):
        last = out[j] = a[j] * last + b[j]
    return np.moveaxis(out, 0, axis)


def _sum_to(a, shape):
    extra = a.ndim - len(shape)
    ones = tuple(k + extra for k in range(len(shape)) if shape[k] == 1)
    return a.sum(axis=(*range(extra), *ones)).reshape(shape)


def _reduction(function):
    return lambda a, axes, keep: function(a, axis=axes, keepdims=keep)


def _logsumexp(a, axis, keepdims):
    return np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdims))


def _norm2(a, axis, keepdims):
    return np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims))


STRUCTURAL = {
    "reshape": lambda a, shape: a.reshape(shape),
    "transpose": lambda a, perm: a.transpose(perm),
    "broadcast_to": np.broadcast_to,
    "slice": lambda a, index: a[part(index)],
    "sum_to": _sum_to,
    "sum": _reduction(np.sum),
    "max": _reduction(np.max),
    "min": _reduction(np.min),
    "prod": _reduction(np.prod),
    "logsumexp": _reduction(_logsumexp),
    "norm2": _reduction(_norm2),
    "embed": _embed,
    "index_set": _index_set,
    "gather": lambda a, b: np.take(a, b, axis=0),
    "scatter_add": _scatter_add,
    "concatenate": lambda *x: np.concatenate(x[:-2], axis=x[-2]),
    "cumsum": _cumsum,
    "linrec": _linrec,
    "cast": lambda a, typenum: a.astype("?bBhHiIlLqQfd"[typenum]),
    "matmul": np.matmul,
    "einsum": lambda *x: np.einsum(x[-1], *x[:-1]),
    "solve": np.linalg.solve,
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "logabsdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": np.linalg.cholesky,
}


def evaluate(program, inputs):
    """The values of all instructions, each of its declared dtype and shape."""
    values = []
    with np.errstate(all="ignore"):
        for name, dtype, shape, operands, extra in program.instructions():
            xs = [values[k] for k in operands]
            if name == "leaf":
                y = inputs[extra]
            elif name == "const":
                y = extra
            elif name == "call":
                y = extra[0].value(xs)
            elif name == "cast":
                y = xs[0].astype(dtype)
            elif name in SPECIAL:
                y = SPECIAL[name](*xs)
            elif name in STRUCTURAL:
                y = STRUCTURAL[name](*xs, *(extra or ()))
            elif np.issubdtype(dtype, np.floating):
                # Computed in double precision, rounded once.
                y = getattr(np, name)(*[x.astype(float) for x in xs])
            else:
                y = getattr(np, name)(*xs)
            values.append(np.asarray(y).astype(dtype))
            assert values[-1].shape == shape, (name, values[-1].shape, shape)
    return values


class Recorder:
    """Appends instructions; dtypes and shapes are what NumPy says."""

    def __init__(self):
        self.program = core.Program()
        self.types = []

    def _add(self, value, dtype, shape):
        assert value == len(self.types)
        self.types.append((np.dtype(dtype), shape))
        return value

    def shape(self, value):
        return self.types[value][1]

    def dtype(self, value):
        return self.types[value][0]

    def input(self, dtype="f8", shape=()):
        return self._add(self.program.input(dtype, shape), dtype, shape)

    def constant(self, x):
        return self._add(self.program.constant(x), np.asarray(x).dtype, np.shape(x))

    def apply(self, name, *operands, attrs=None, dtype=None):
        """The result's shape comes from trying the operator on ones."""
        tries = [np.ones(self.shape(k), self.dtype(k)) for k in operands]
        if name in ("gather", "scatter_add"):
            tries[1] = np.zeros_like(tries[1])
        if name in ("solve", "inv", "det", "logabsdet", "cholesky"):
            tries[0] = tries[0] + 3 * np.eye(tries[0].shape[-1])
        if name in STRUCTURAL:
            y = np.asarray(STRUCTURAL[name](*tries, *(attrs or ())))
        else:
            with np.errstate(all="ignore"):
                y = np.asarray((SPECIAL.get(name) or getattr(np, name))(*tries))
        dtype = np.dtype(dtype or y.dtype)
        value = self.program.apply(name, list(operands), dtype, y.shape, attrs)
        return self._add(value, dtype, y.shape)

    def sum(self, x, axes=None, keepdims=False):
        axes = tuple(range(len(self.shape(x)))) if axes is None else axes
        return self.apply("sum", x, attrs=(axes, keepdims))

    def reshape(self, x, shape):
        return self.apply("reshape", x, attrs=(shape,))

    def transpose(self, x, perm):
        return self.apply("transpose", x, attrs=(perm,))

    def broadcast(self, x, shape):
        return self.apply("broadcast_to", x, attrs=(shape,))

    def slice(self, x, *index):
        return self.apply("slice", x, attrs=(tuple(index),))

    def concatenate(self, parts, axis=0):
        starts = np.cumsum([0, *(self.shape(k)[axis] for k in parts)])
        return self.apply("concatenate", *parts, attrs=(axis, tuple(map(int, starts))))

    def returns(self, *outputs):
        self.program.outputs = list(outputs)
        return core.Executable(self.program)


def check(program, inputs, rtol=1e-12, atol=1e-13):
    """The executable gives what the oracle gives, twice."""
    executable = core.Executable(program)
    values = evaluate(program, [np.asarray(x) for x in inputs])
    expected = [values[k] for k in program.outputs]
    for _ in range(2):
        found = executable.run(list(inputs))
        assert len(found) == len(expected)
        for k, (y, right) in enumerate(zip(found, expected, strict=True)):
            if right.shape == () and right.dtype == np.float64:
                assert type(y) is float
            else:
                assert y.dtype == right.dtype and y.shape == right.shape, k
                assert y.flags.writeable and y.flags.c_contiguous
            np.testing.assert_allclose(
                y,
                right,
                rtol=max(rtol, 1e-6 * (right.dtype == "f4")),
                atol=atol,
                err_msg=f"output {k}\n{program}",
            )
    return executable
