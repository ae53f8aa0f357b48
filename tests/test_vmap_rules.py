"""The rule that evaluates each operator at many points, against one evaluation for each point.

Programs of one instruction, with every choice of batched operands, their gradients and their
directional derivatives; and every elementwise row of the table through `cd.vmap` against a loop.
This file must not know how a rule works.
"""

import contextlib
import itertools

import numpy as np
import pytest
from optable_probe import codegen
from vmap_loop import data, near, same

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core

TABLE = codegen.load()
N = 3

SQUARE = [(3, 3)]
STRUCTURAL = {
    "reshape": [([(2, 3)], (3, 2), ((3, 2),)), ([()], (1, 1), ((1, 1),))],
    "transpose": [([(2, 3, 4)], (4, 2, 3), ((2, 0, 1),))],
    "broadcast_to": [([(3, 1)], (2, 3, 4), ((2, 3, 4),)), ([()], (2,), ((2,),))],
    "sum_to": [([(2, 3, 4)], (3, 1), ((3, 1),)), ([(2, 3)], (), ((),)),
               ([(2, 3)], (2, 1), ((2, 1),))],
    "sum": [([(2, 3)], (2,), ((1,), False)), ([(2, 3)], (1, 1), ((0, 1), True)),
            ([()], (), ((), False))],
    "slice": [([(4, 5)], (2,), ((1, 2, 2, 3, 1, -1),)), ([(4,)], (3,), ((3, -1, 3),)),
              ([(4,)], (), ((2, 1, -1),))],
    "embed": [([(2,)], (4, 5), ((4, 5), (1, 2, 2, 3, 1, -1))), ([()], (4,), ((4,), (2, 1, -1)))],
    "index_set": [([(4, 5), (2,)], (4, 5), ((1, 2, 2, 3, 1, -1),)),
                  ([(4,), ()], (4,), ((2, 1, -1),))],
    "concatenate": [([(2, 3), (2, 1)], (2, 4), (1, (0, 3, 4)))],
    "where": [([(3,), (3,), ()], (3,), None), ([(2, 1), (3,), (2, 3)], (2, 3), None)],
    "cast": [([(3,)], (3,), (np.dtype("f4").num,)), ([()], (), (np.dtype("f4").num,))],
    "clip": [([(3, 4)], (3, 4), (-0.5, 0.7))],
    "cumsum": [([(3, 4)], (3, 4), (1, False)), ([(3, 4)], (3, 4), (0, True))],
    "linrec": [([(3, 4), (3, 4)], (3, 4), (1, False)), ([(3,), (3,)], (3,), (0, True))],
    "max": [([(2, 3)], (2,), ((1,), False)), ([(4,)], (), ((0,), False))],
    "min": [([(2, 3)], (2, 1), ((1,), True)), ([(2, 3)], (), ((0, 1), False))],
    "prod": [([(2, 3)], (3,), ((0,), False))],
    "logsumexp": [([(2, 3)], (2, 1), ((1,), True)), ([(2, 3)], (3,), ((0,), False))],
    "norm2": [([(2, 3)], (), ((0, 1), False))],
    "matmul": [([(2, 3), (3, 4)], (2, 4), None), ([(2, 3), (3, 1)], (2, 1), None),
               ([(1, 3), (3, 2)], (1, 2), None), ([(5, 2, 3), (5, 3, 4)], (5, 2, 4), None)],
    "einsum": [([(2, 3), (3, 4)], (2, 4), ("ij,jk->ik",)), ([(3, 3)], (3,), ("ii->i",)),
               ([(2,), (3,), (2, 3)], (), ("i,j,ij->",))],
    "solve": [([(3, 3), (3, 2)], (3, 2), None), ([(2, 3, 3), (2, 3, 1)], (2, 3, 1), None)],
    "inv": [(SQUARE, (3, 3), None)],
    "det": [(SQUARE, (), None)],
    "logabsdet": [(SQUARE, (), None)],
    "cholesky": [(SQUARE, (3, 3), None)],
    "conj": [([(2, 3)], (2, 3), None)],
    "real": [([(2, 3)], (2, 3), None)],
    "imag": [([(2, 3)], (2, 3), None)],
    "turned": [([(2, 3)], (2, 3), None)],
    "modulus": [([(2, 3)], (2, 3), None)],
    "fft": [([(2, 4)], (2, 4), ((1,), False, "ortho")),
            ([(2, 4)], (2, 4), ((0, 1), True, "forward"))],
    "spectrum": [([(2, 4)], (2, 4), ((1,), False, "ortho", True)),
                 ([(2, 4)], (2, 4), ((0, 1), True, "forward", False))],
    "rfft": [([(2, 5)], (2, 3), (1, "backward")), ([(4, 2)], (3, 2), (0, "ortho"))],
    "irfft": [([(2, 3)], (2, 5), (1, 5, "backward")), ([(3, 2)], (4, 2), (0, 4, "ortho"))],
}  # fmt: skip
# The operands of these are positions, and where they stand.
POSITIONS = {
    "gather": [([(4, 2), (3,)], (3, 2), None, 4), ([(4,), ()], (), None, 4),
               ([(4,), (2, 2)], (2, 2), None, 4)],
    "scatter_add": [([(3, 2), (3,)], (4, 2), (4,), 4), ([(2, 2), (2, 2)], (5,), (5,), 5)],
}  # fmt: skip


def test_every_structural_operator_has_a_case():
    assert {row.name for row in TABLE.structural_rules} | {
        "where"
    } == STRUCTURAL.keys() | POSITIONS.keys()


def subsets(count):
    return [s for s in itertools.product([False, True], repeat=count) if any(s)]


def operands_for(name, shapes, batched, extent):
    """Operands that every operator takes: matrices that can be inverted, positions in range."""
    out = []
    for k, (shape, is_batched) in enumerate(zip(shapes, batched, strict=True)):
        full = (N, *shape) if is_batched else shape
        x = data(*full, seed=k)
        if name in ("solve", "inv", "det", "logabsdet", "cholesky") and k == 0:
            x = np.eye(3) * 4 + 0.3 * (x + np.swapaxes(x, -1, -2))
        if name == "where" and k == 0:
            x = x > 0
        if extent and k == 1:
            x = np.random.default_rng(5).integers(0, extent, full)
        out.append(np.asarray(x))
    return out


def one_instruction(name, dtypes, shapes, shape, attrs):
    for dtype in ("f8", "c16", "f4"):  # one of them is what the operator gives
        p = _core.Program()
        operands = [p.input(d, s) for d, s in zip(dtypes, shapes, strict=True)]
        p.outputs.append(p.apply(name, operands, dtype, shape, attrs))
        with contextlib.suppress(ValueError):
            p.check()
            return p
    raise AssertionError(f"no result of {name}")


def batched_value(p, xs, batched):
    (y, has_axis), = _core.Batch(p, xs, batched, N).outputs()  # fmt: skip
    assert has_axis
    return y


def looped_value(p, xs, batched):
    rows = [
        _core.replay(p, [x[i] if b else x for x, b in zip(xs, batched, strict=True)])[0]
        for i in range(N)
    ]
    return cnp.stack(rows)


CASES = [
    pytest.param(name, shapes, shape, attrs, extent, batched, id=f"{name}-{shapes}-{batched}")
    for name, cases in (STRUCTURAL | POSITIONS).items()
    for shapes, shape, attrs, extent in [(*case, None)[:4] for case in cases]
    for batched in subsets(len(shapes))
]


@pytest.mark.parametrize(("name", "shapes", "shape", "attrs", "extent", "batched"), CASES)
def test_structural_rule(name, shapes, shape, attrs, extent, batched):
    xs = operands_for(name, shapes, batched, extent)
    p = one_instruction(name, [x.dtype for x in xs], shapes, shape, attrs)
    floats = tuple(k for k, x in enumerate(xs) if x.dtype.kind == "f")
    weights = data(N, *shape, seed=9)

    def total(value, *floating):
        given = list(xs)
        for k, x in zip(floats, floating, strict=True):
            given[k] = x
        y = value(p, given, batched)
        return (weights * np.tanh(np.real(y) + 2 * np.imag(y))).sum()

    values = [np.asarray(f(p, xs, batched)) for f in (batched_value, looped_value)]
    assert values[0].dtype == values[1].dtype
    assert values[0].shape == (N, *shape)
    np.testing.assert_allclose(*values, rtol=1e-12, atol=1e-14)
    chosen = tuple(range(1, 1 + len(floats)))
    start = [xs[k] for k in floats]
    rtol = 1e-5 if name == "cast" else 1e-10
    near(cd.grad(total, chosen)(batched_value, *start),
         cd.grad(total, chosen)(looped_value, *start), rtol, 1e-10)  # fmt: skip
    tangents = tuple(data(*x.shape, seed=4) for x in start)
    near(*[cd.jvp(lambda *a, v=v: total(v, *a), tuple(start), tangents)[1]
           for v in (batched_value, looped_value)], rtol)  # fmt: skip


ELEMENTWISE = [row for row in TABLE.elementwise if len(row.operands) < 3]


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_elementwise_operator(row):
    """Every choice of batched operands, of different ranks, in both float dtypes."""
    f = getattr(_core, row.name)
    columns = [np.array(column) for column in zip(*row.samples, strict=True)]
    columns = [np.resize(column, 6).reshape(N, 2) for column in columns]
    for dtype in (np.float64, np.float32):
        xs = [x.astype(dtype) for x in columns]
        for ranks in itertools.product([0, 1], repeat=len(xs)):
            args = [x if rank else x[:, 0] for x, rank in zip(xs, ranks, strict=True)]
            for batched in subsets(len(xs)):
                given = [x if b else x[1] for x, b in zip(args, batched, strict=True)]
                in_axes = tuple(0 if b else None for b in batched)
                same(f, *given, in_axes=in_axes, rtol=1e-5 if dtype == np.float32 else 1e-13)


