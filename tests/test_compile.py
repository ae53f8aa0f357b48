"""compile: equal to the function itself, whatever the arguments, and whatever it decides."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from many_threads import in_threads

import cdiff as cd
import cdiff.numpy as cnp
from cdiff import _core


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def twice(f, *args):
    """The result of the recording call and that of a replay."""
    compiled = cd.compile(f)
    first = compiled(*args)
    second = compiled(*args)
    assert compiled.stats()["recordings"] == 1
    return first, second


POINT = np.array([0.5, -1.2, 2.0, 0.7])


@pytest.mark.parametrize(
    "transformation",
    [
        lambda f: f,
        cd.grad,
        cd.value_and_grad,
        cd.jacobian,
        cd.jacfwd,
        cd.hessian,
        lambda f: lambda x: cd.jvp(f, (x,), (np.ones(4),)),
        lambda f: lambda x: cd.hvp(f, (x,), (np.ones(4),)),
        lambda f: cd.grad(lambda x: cnp.sum(cd.grad(f)(x) ** 2)),
    ],
)
def test_transformations_of_an_array(transformation):
    f = transformation(rosenbrock)
    expected = f(POINT)
    for result in twice(f, POINT):
        np.testing.assert_allclose(
            np.hstack([np.ravel(x) for x in cd.tree_map(np.asarray, [result])[0:1]]),
            np.hstack([np.ravel(x) for x in cd.tree_map(np.asarray, [expected])[0:1]]),
            rtol=1e-13,
        ) if not isinstance(result, tuple) else [
            np.testing.assert_allclose(a, b, rtol=1e-13)
            for a, b in zip(result, expected, strict=True)
        ]


def test_other_values_of_the_same_form():
    compiled = cd.compile(cd.grad(rosenbrock))
    for k in range(5):
        np.testing.assert_allclose(compiled(POINT + k), cd.grad(rosenbrock)(POINT + k), rtol=1e-13)
    assert compiled.stats()["recordings"] == 1


def test_floats_come_and_go_as_floats():
    compiled = cd.compile(cd.value_and_grad(lambda x, y: x * y * y, argnums=(0, 1)))
    for x in (2.0, 3.0):
        value, gradient = compiled(x, 3.0)
        assert type(value) is float and type(gradient) is tuple
        assert (value, gradient) == (9.0 * x, (9.0, 6.0 * x))


def test_containers_keywords_and_static_arguments():
    @cd.compile
    def f(p, n, *, scale=1.0, mode="sum"):
        y = p["a"] * scale + p["b"][0]
        for _ in range(n):
            y = y * 2.0
        return {"y": y.sum() if mode == "sum" else y.max(), "n": n}

    p = {"a": np.arange(3.0), "b": [1.0]}
    assert f(p, 2) == {"y": 24.0, "n": 2}
    assert f(p, 3) == {"y": 48.0, "n": 3}
    assert f(p, 2, scale=2.0) == {"y": 36.0, "n": 2}
    assert f(p, 2, mode="max") == {"y": 12.0, "n": 2}
    assert f(p, 2, mode="max", scale=3.0)["y"] == 28.0
    assert f.stats()["signatures"] == 5


def test_static_argnums():
    f = cd.compile(lambda x, k: x * k, static_argnums=1)
    assert (f(2.0, 3.0), f(2.0, 4.0), f.stats()["signatures"]) == (6.0, 8.0, 2)
    with pytest.raises(TypeError, match="hashable"):
        f(2.0, [3.0])


def test_static_arguments_given_by_name():
    f = cd.compile(lambda x, y, k, op: op(x) * k + y, static_argnames=("k", "op"))
    for op in (np.square, np.negative):  # a name that is first, or last
        assert f(4.0, op=op, k=1.0, y=0.0) == op(4.0)
        assert f(4.0, y=1.0, k=0.5, op=op) == op(4.0) * 0.5 + 1.0
    assert f.stats()["signatures"] == 4


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dtypes(dtype):
    x = np.arange(1.0, 4.0).astype(dtype)
    for y in twice(lambda x: np.sqrt(x) * 2.0, x):
        assert y.dtype == dtype
        np.testing.assert_allclose(y, np.sqrt(x) * 2, rtol=1e-6)


def test_shapes_are_recorded_apart():
    f = cd.compile(lambda x: x.sum(axis=0))
    for shape in ((3,), (2, 3), (0,), (4, 0), (3,)):
        x = np.ones(shape)
        np.testing.assert_array_equal(f(x), x.sum(axis=0))
    assert f.stats()["signatures"] == 4


def test_layouts():
    f = cd.compile(lambda x: x * 2.0)
    x = np.arange(12.0).reshape(3, 4)
    for view in (x, x.T.copy().T, x[::-1], x[:, ::-1]):
        for _ in range(2):
            np.testing.assert_array_equal(f(view), view * 2)
    x.flags.writeable = False
    np.testing.assert_array_equal(f(x), x * 2)


# --- decisions ------------------------------------------------------------------------------------


def test_if():
    @cd.compile
    def f(x):
        if x[0] > 0:
            return x.sum()
        return x.prod()

    for sign in (1.0, -1.0, 1.0, -1.0):
        x = np.array([sign, 2.0, 3.0])
        assert f(x) == (x.sum() if sign > 0 else x.prod())
    assert f.stats()["programs"] == 2


def test_while_and_int():
    @cd.compile
    def f(x):
        while x < 100:
            x = x * 2
        return x * int(x)

    for x in (1.0, 2.0, 3.0, 50.0, 70.0, 1.5, 1.0):
        y = x
        while y < 100:
            y *= 2
        assert f(x) == y * int(y)


def test_gradient_of_branches():
    def f(x):
        return x * x if x > 1.0 else 3.0 * x

    compiled = cd.compile(cd.grad(f))
    assert [compiled(x) for x in (2.0, 0.5, 3.0, 0.1)] == [4.0, 3.0, 6.0, 3.0]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[np.argsort(x)] * np.arange(4.0),
        lambda x: x[np.argmax(x)] * 2.0,
        lambda x: x[x > 0].sum(),
        lambda x: np.where(x > 0, x, -x),
        lambda x: np.where((x > 0) & (x < 1), x, 0.0),
        lambda x: x.detach() * x,
        lambda x: cd.stop_gradient(x) * 2.0,
        lambda x: np.sort(x),
        lambda x: np.median(x) * x,
        lambda x: x * np.floor(x),
        lambda x: x.astype(int) * x,
        lambda x: np.sign(x) + np.round(x),
        lambda x: x * float(x[0].item()),
        lambda x: x.numpy().sum() * x,
        lambda x: np.searchsorted(np.array([0.0, 1.0]), x) * x,
        lambda x: np.clip(x, 0, 1),
        lambda x: cnp.linalg.det(cnp.outer(x, x) + np.eye(4)),
    ],
)
def test_values_without_derivative(f):
    compiled = cd.compile(f)
    for x in (POINT, -POINT, POINT[::-1].copy(), POINT * 3, POINT):
        np.testing.assert_allclose(compiled(x), cd.array(f(cd.array(x))).numpy(), rtol=1e-12)


def test_no_grad_inside():
    @cd.compile
    def f(x):
        with cd.no_grad():
            y = x * 2.0
        return y + x

    assert [f(x) for x in (1.0, 2.0)] == [3.0, 6.0]


def test_assignments_inside():
    @cd.compile
    def f(x):
        y = cnp.zeros(3)
        y[0] = x[1]
        y[1:] += x[:2]
        return y * 2.0

    for k in range(3):
        x = np.arange(3.0) + k
        np.testing.assert_array_equal(f(x), 2 * np.array([x[1], x[0], x[1]]))


def test_printing_decides_nothing(capsys):
    f = cd.compile(lambda x: (print(x, f"{x}"), x * 2.0)[1])
    assert [f(x) for x in (1.0, 2.0)] == [2.0, 4.0]
    assert f.stats()["recordings"] == 1


# --- what lies outside ----------------------------------------------------------------------------


def test_captured_arrays_are_seen():
    a, b, c = np.arange(4.0), np.arange(8.0)[::2], cd.array([1.0, 2.0, 3.0, 4.0])
    f = cd.compile(lambda x: (x * a).sum() + (x * b).sum() + (x * c).sum())
    for k in range(3):
        assert f(np.ones(4)) == a.sum() + b.sum() + c.numpy().sum()
        a[0] = b[1] = 10.0 + k
        c[2] = 20.0 + k
    g = cd.compile(lambda x: (x * c).sum() + float(c[0]))  # c has been changed by now
    for k in range(9):
        assert f(np.ones(4)) == a.sum() + b.sum() + c.numpy().sum()
        assert g(np.ones(4)) == c.numpy().sum() + c.numpy()[0]
        a += 1.0
        b *= 0.5
        c[k % 4] += k


def test_an_array_that_the_function_writes_to():
    def f(x):
        buffer = np.zeros(3)
        total = 0.0
        for i in range(3):
            buffer[i] = i + 1
            total = total + (x * buffer).sum()
        return total

    for value in twice(f, np.ones(3)):
        assert value == 10.0


def test_captured_values_of_an_outer_gradient():
    def outer(a):
        f = cd.compile(lambda x: x * a)
        return f(2.0) + f(3.0)

    assert cd.grad(outer)(1.0) == 5.0


def test_derivatives_of_compiled_functions():
    f = cd.compile(rosenbrock)
    f(POINT)
    np.testing.assert_allclose(cd.grad(f)(POINT), cd.grad(rosenbrock)(POINT), rtol=1e-13)
    np.testing.assert_allclose(cd.hessian(f)(POINT), cd.hessian(rosenbrock)(POINT), rtol=1e-13)
    g = cd.compile(lambda x: f(x) * 2.0)
    assert g(POINT) == pytest.approx(2 * rosenbrock(POINT))


def test_a_value_left_behind():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return kept[0] + x

    compiled = cd.compile(f)
    assert compiled(1.0) == 3.0
    compiled.clear()
    with pytest.raises(RuntimeError, match="left behind"):
        compiled(1.0)


def test_results_belong_to_the_caller():
    a = np.arange(3.0)
    f = cd.compile(lambda x: (x, a, x[1:]))
    x = np.ones(3)
    for _ in range(2):
        y = f(x)
        y[0][0] = 7.0
        y[1][0] = 7.0
        y[2][0] = 7.0
        np.testing.assert_array_equal(x, np.ones(3))
        np.testing.assert_array_equal(a, np.arange(3.0))


# --- the compiled function as an object -----------------------------------------------------------


@cd.compile
def decorated(x):
    """Twice x."""
    return x * 2.0


def test_pickle_and_name():
    assert decorated.__name__ == "decorated" and decorated.__doc__ == "Twice x."
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert copy.deepcopy(cd.compile(rosenbrock))(POINT) == pytest.approx(rosenbrock(POINT))
    assert "compile(rosenbrock" in repr(cd.compile(rosenbrock))
    assert cd.compile(static_argnums=0)(lambda n: n)(3) == 3


def test_program_and_clear():
    f = cd.compile(rosenbrock)
    assert f.program is None
    f(POINT)
    assert "multiply" in str(f.program) and f.program.n_inputs == 1
    f.clear()
    assert f.stats() == {"recordings": 0, "signatures": 0, "programs": 0, "instructions": 0}


def test_exceptions_pass_and_leave_no_trace():
    @cd.compile
    def f(x):
        if x > 1.0:
            raise KeyError("too large")
        return x * 2.0

    assert f(0.5) == 1.0
    for _ in range(2):
        with pytest.raises(KeyError, match="too large"):
            f(2.0)
    assert f(0.25) == 0.5
    assert cd.grad(lambda x: x * x)(3.0) == 6.0


def test_the_warning_of_too_many_programs_names_three_causes_at_most():
    f = cd.compile(lambda a, b, c, d: a * b * c * d)
    with pytest.warns(cd.CompileWarning) as caught:
        for n in range(300):
            f(n, n, n, n)
    names = [f"argument {k}" for k in range(4)]
    assert [name in str(caught[0].message) for name in names] == [True, True, True, False]


def test_the_warning_of_too_many_programs_names_the_last_decision():
    def f(x):
        y = x if x > -1.0 else -x
        for k in range(400):
            if x < k:
                return y * k
        return x

    line = f.__code__.co_firstlineno + 3
    f = cd.compile(f)
    with pytest.warns(cd.CompileWarning, match=rf"last at .*:{line}\b"):
        for n in range(300):
            assert f(n + 0.5) == (n + 0.5) * (n + 1)


def test_too_many_programs():
    f = cd.compile(lambda x, n: x * n)
    with pytest.warns(cd.CompileWarning, match=r"argument\[0\]\[1\]|argument"):
        for n in range(300):
            assert f(2.0, n) == 2.0 * n
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(2.0, 299) == 598.0


def test_threads():
    f = cd.compile(cd.value_and_grad(rosenbrock))
    wrong = []

    def work(k):
        for i in range(50):
            x = POINT + k + 0.01 * i
            value, gradient = f(x)
            if not np.allclose(gradient, cd.grad(rosenbrock)(x)) or value != pytest.approx(
                rosenbrock(x)
            ):
                wrong.append(x)

    in_threads(work)
    assert not wrong


# --- programs -------------------------------------------------------------------------------------


def test_replay_on_tracked_values():
    trace = _core.Trace()
    with trace:
        program, captured = trace.freeze([rosenbrock(trace.input(POINT))])
    assert not captured

    def f(x):
        return _core.replay(program, [x])[0]

    np.testing.assert_allclose(cd.grad(f)(POINT + 1), cd.grad(rosenbrock)(POINT + 1), rtol=1e-13)
    np.testing.assert_allclose(cd.hessian(f)(POINT), cd.hessian(rosenbrock)(POINT), rtol=1e-13)


def test_programs_of_one_trace_share_copies():
    trace = _core.Trace(rules=True)
    with trace:
        y = trace.input(np.ones(5)) * np.arange(10.0)[::2]
        programs = [trace.freeze([y], rules)[0] for rules in (True, False)]
    first, second = [program.arrays for program in programs]
    assert first[0] is second[0]
    np.testing.assert_array_equal(first[0], np.arange(10.0)[::2])


def test_freeze_captures_outer_values():
    def outer(a):
        trace = _core.Trace()
        with trace:
            program, captured = trace.freeze([trace.input(2.0) * a])
        assert program.n_inputs == 2 and len(captured) == 1
        return _core.replay(program, [5.0, *captured])[0]

    assert cd.value_and_grad(outer)(3.0) == (15.0, 5.0)


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_place_of_an_extreme_is_no_constant(name):
    def f(x):
        return (getattr(x, name)(axis=1) * getattr(x, name)(axis=0)).sum()

    for transform in (cd.grad(f), cd.jacfwd(f), cd.hessian(f)):
        compiled = cd.compile(transform)
        for seed in range(4):  # with ties
            x = np.random.default_rng(seed).integers(0, 3, (3, 3)).astype(float)
            np.testing.assert_allclose(compiled(x), transform(x), rtol=1e-14)
        assert compiled.stats()["recordings"] == 1
