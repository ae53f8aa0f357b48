"""Programs by components compute what the programs that they are made from compute."""

import numpy as np
import pytest

import cdiff as cd
from cdiff import programs
from cdiff._sparsity._components import FEWEST_POINTS, by_components

N = FEWEST_POINTS + 44
RNG = np.random.default_rng(8)
ROWS = RNG.integers(0, 7, N)
MATRIX = RNG.normal(size=(3, 3))

FUNCTIONS = {
    "elementwise": lambda x: np.sin(x) * x[:, :1] + x.sum(axis=1, keepdims=True),
    "shared row": lambda x: x * np.array([1.0, 2.0, 3.0]) - x[0],
    "slices": lambda x: x[:, 1:] * x[:, ::-1][:, :2],
    "rows": lambda x: x[1:] - x[:-1] ** 2,
    "stack": lambda x: np.stack([x[:, 0] * x[:, 2], x[:, 1], np.exp(x[:, 0])], axis=1),
    "concatenate": lambda x: np.concatenate([x, x * 2.0]) * 3.0,
    "cross": lambda x: np.cross(x, x[:, ::-1] + 1.0),
    "gather": lambda x: x[:7][ROWS] * x,
    "own rows": lambda x: (x[:300] * 2.0)[ROWS],
    "outer": lambda x: x[:, :, None] * x[:, None, :],
    "matrices": lambda x: (x[:, :, None] * x[:, None, :]) @ x[:, :, None],
    "swapped": lambda x: np.swapaxes(x[:, :, None] * x[:, None, :2], 1, 2) + 0.5,
    "matrix": lambda x: np.tanh(x) @ MATRIX,
    "reshape": lambda x: np.reshape(x[:, :2] * 2.0, (N, 2, 1)) + x[:, None, :],
    "norm": lambda x: x / np.linalg.norm(x, axis=1)[:, None],
    "max": lambda x: np.max(x, axis=1) * x[:, 0],
    "where": lambda x: np.where(x > 0, x, x[:, :1]),
    "cumsum": lambda x: np.cumsum(x * x, axis=1) + np.cumsum(x, axis=0),
    "mean": lambda x: (x - x.mean(axis=0)) / 2.0,
    "assignment": lambda x: assigned(x),
    "integers": lambda x: x * (np.floor(x) > 0),
    "gradient": cd.grad(lambda x: np.sum(np.sin(x[:, 0] * x[:, 1]) / (2 + x[:, 2] ** 2))),
}


def assigned(x):
    y = x * 2.0
    y[:, 1] = x[:, 0]
    return y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name):
    x = RNG.normal(size=(N, 3))
    program = programs.record(FUNCTIONS[name], x)
    split = by_components(program)
    split.check()
    for point in (x, RNG.normal(size=(N, 3))):
        for found, expected in zip(
            programs.run(split, point), programs.run(program, point), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
            assert found.dtype == expected.dtype


@pytest.mark.filterwarnings("ignore::cdiff.SparsityWarning")
@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ("cumsum", "mean", "outer")])
def test_sparse_jacobians(name, mode):
    f, x = FUNCTIONS[name], RNG.normal(size=(N, 3))
    found = cd.sparse_jacobian(f, mode=mode, verify=True)(x)
    v, w = RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3))
    for point in (v, w):
        _, expected = cd.jvp(f, (x,), (point,))
        np.testing.assert_allclose(found @ point.reshape(-1), np.reshape(expected, -1), atol=1e-11)
    rows = RNG.normal(size=found.shape[0])
    _, pull = cd.vjp(lambda x: np.reshape(f(x), (-1,)), x)
    np.testing.assert_allclose(rows @ found, np.reshape(pull(rows)[0], -1), atol=1e-11)


def test_small_vectors_are_taken_apart():
    program = programs.record(lambda x: np.sum(np.sin(x) * x, axis=1), np.ones((N, 3)))
    shapes = [shape for _, _, shape, _, _ in by_components(program).instructions()]
    assert (N, 3) in shapes[:1] and (N, 3) not in shapes[1:]


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_components_of_taken_rows_share_their_positions(rows):
    positions = RNG.integers(0, rows, N)
    positions[:2] = 0, rows - 1
    program = programs.record(lambda x: np.sum(x[positions] ** 2, axis=1), np.ones((rows, 3)))
    split = by_components(program)
    code = split.instructions()
    taken = [operands[1] for op, _, _, operands, _ in code if op == "gather"]
    assert len(taken) == 3 and len(set(taken)) == 1
    x = RNG.normal(size=(rows, 3))
    (found,) = programs.run(split, x)
    np.testing.assert_allclose(found, np.sum(x[positions] ** 2, axis=1), rtol=1e-14)


def test_guards_and_captured_arrays_are_kept():
    table = RNG.normal(size=(N, 2))

    def f(x):
        return x[:, :2] * table if x[0, 0] > 0 else x[:, :2]

    program = programs.record(f, np.ones((N, 3)))
    split = by_components(program)
    assert [g.expected for g in split.guards] == [g.expected for g in program.guards]
    table[:] = 4.0
    assert (programs.run(split, np.ones((N, 3)))[0] == 4.0).all()


def test_programs_without_points_stay_as_they_are():
    program = programs.record(lambda x: x @ MATRIX, np.ones((5, 3)))
    assert by_components(program) is program
