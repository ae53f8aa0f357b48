"""The switches that say where things come from: lines are right, values the same, off is off."""

import inspect
import io
import re
import threading

import numpy as np
import pytest

import cdiff as cd
from cdiff._arguments import _tree


@pytest.fixture(autouse=True)
def switched_off():
    yield
    for switch in (cd.debug_nans, cd.debug_infs, cd.debug_lines):
        switch(False)
    assert cd._core.watch() == 0


def line_here():
    return inspect.currentframe().f_back.f_lineno


def logarithm(x):
    y = x - 3.0
    return np.log(y)  # the line of the first nan


START = inspect.getsourcelines(logarithm)[1]
WAYS = {
    "value": lambda x: logarithm(cd.array(x, requires_grad=True)),
    "untracked": lambda x: logarithm(cd.array(x)),
    "grad": cd.grad(lambda x: np.sum(logarithm(x))),
    "jvp": lambda x: cd.jvp(logarithm, (x,), (np.ones_like(x),)),
    "jacobian": cd.jacobian(logarithm),
    "compiled": cd.compile(logarithm),
    "compiled gradient": cd.compile(cd.grad(lambda x: np.sum(logarithm(x)))),
    "vmap": cd.vmap(logarithm),
    "scan": lambda x: cd.scan(lambda c, r: (c, logarithm(r)), 0.0, x),
    "checkpoint": cd.grad(lambda x: np.sum(cd.checkpoint(logarithm)(x))),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_first_nan_is_named(way):
    x = np.array([4.0, 2.0])
    with cd.debug_nans(), pytest.raises(FloatingPointError) as caught:
        WAYS[way](x)
    message = str(caught.value)
    assert message.startswith("log made nan")
    source = "return np.log(y)  # the line of the first nan"
    assert f"test_debug.py:{START + 2}\n    {source}" in message
    assert re.search(rf"operand 0: float64 .*-1\..*made at .*test_debug.py:{START + 1}", message)


@pytest.mark.parametrize("way", WAYS)
def test_good_values_stay_what_they_are(way):
    x = np.array([4.0, 5.5])
    leaves = cd.programs  # what is imported later must not be imported under the switch first
    assert leaves
    want = WAYS[way](x)
    with cd.debug_nans(), cd.debug_infs():
        got = WAYS[way](x)
    flat = _tree.flatten
    for a, b in zip(flat(got)[0], flat(want)[0], strict=True):
        np.testing.assert_allclose(np.asarray(value(a)), np.asarray(value(b)), rtol=1e-15)


def value(x):
    return x.detach().numpy() if isinstance(x, cd.Array) else x


def root(x):
    return np.sum(np.sqrt(x))


@pytest.mark.parametrize(
    ("run", "mode"),
    [
        (cd.grad(root), "reverse"),
        (cd.compile(cd.grad(root)), "reverse"),
        (lambda x: cd.vjp(root, x)[1](1.0), "reverse"),
        (lambda x: root_of_leaf(x).backward(), "reverse"),
        (lambda x: cd.linearize(root, x)[1](np.ones(2)), "forward"),
        (cd.jacfwd(np.sqrt), "reverse"),
        (cd.hessian(lambda x: np.sum(x**1.5)), ""),
    ],
)
def test_the_first_infinity_of_a_derivative_is_named(run, mode):
    with cd.debug_infs(), pytest.raises(FloatingPointError) as caught:
        run(np.array([0.0, 1.0]))
    message = str(caught.value)
    if mode:
        assert message.startswith(f"the {mode} derivative of sqrt made inf")
        assert "operand 0: float64 (2,) [0. 1.]" in message
    assert "inf" in message and "test_debug.py:" in message


def root_of_leaf(x):
    return root(cd.array(x, requires_grad=True))


def test_scalars_in_reverse():
    with cd.debug_infs(), pytest.raises(FloatingPointError, match="reverse derivative of divide"):
        cd.grad(lambda x, y: (x * 2.0) / (y * 1e-200))(0.0, 1e-150)


def test_a_tangent_is_named():
    with cd.debug_infs(), pytest.raises(FloatingPointError, match="the derivative of sqrt made"):
        cd.jvp(np.sqrt, (0.0,), (1.0,))


def test_zero_absorbs_under_the_switch_too():
    def f(x):
        return np.sum(np.where(x > 0.0, np.sqrt(x), 0.0))

    with cd.debug_infs(), cd.debug_nans():
        assert cd.grad(f)(np.array([0.0, 4.0])).tolist() == [0.0, 0.25]
        assert cd.jvp(f, (np.array([0.0, 4.0]),), (np.array([0.0, 1.0]),))[1] == 0.25


def test_loaded_programs_run_operation_by_operation():
    f = cd.compile(lambda x: np.sum(np.log(x) * x))
    f(np.ones(3))
    file = io.BytesIO()
    f.save(file)
    g = cd.load(io.BytesIO(file.getvalue()))
    with cd.debug_nans():
        assert g(np.ones(3)) == 0.0
        with pytest.raises(FloatingPointError, match="log made nan in 3 of 3 entries"):
            g(-np.ones(3))
        out = np.empty(())
        assert g(np.ones(3), out=out) is out and out == 0.0


def test_a_step_of_a_loop_is_found():
    def step(c, x):
        c = c * x
        return np.log(c), c

    xs = np.array([3.0, 0.5, 0.5])
    with cd.debug_nans(), pytest.raises(FloatingPointError, match="log made nan"):
        cd.compile(lambda c: cd.scan(step, c, xs))(2.0)
    with cd.debug_nans():
        rows = cd.scan(step, 9.0, xs)[1]
    np.testing.assert_allclose(rows, [27.0, np.log(27.0) / 2, np.log(np.log(27.0) / 2) / 2])


def test_a_custom_rule_is_named():
    @cd.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, g: (np.log(x) * g,))
    with cd.debug_nans(), np.errstate(all="ignore"), pytest.raises(FloatingPointError) as caught:
        cd.grad(lambda x: f(x) + 1.0)(-1.0)
    assert "made nan" in str(caught.value)


@pytest.mark.parametrize("use", [lambda f: f, cd.grad, cd.compile])
def test_an_operator_is_named(use):
    """Its value is known before it becomes an operation."""
    bad = cd.operator(lambda x: x * np.nan, name="bad")
    bad.defvjp(lambda g, out, x: (g * x,))
    x = cd.array(1.0, requires_grad=True) if use not in (cd.grad, cd.compile) else 1.0
    with cd.debug_nans(), pytest.raises(FloatingPointError, match=r"^operator bad made nan"):
        use(bad)(x)


def test_nan_as_data_is_said_to_be_that():
    x = cd.array([1.0, np.nan])
    with cd.debug_nans(), pytest.raises(FloatingPointError, match="was in an operand already"):
        x * 2.0


def test_switches_nest_and_end():
    with cd.debug_nans():
        with cd.debug_nans(), cd.debug_infs():
            pass
        with pytest.raises(FloatingPointError, match="log made nan"):
            np.log(cd.array(-1.0))
        np.exp(cd.array(1e4))
        with cd.debug_nans(False):
            assert np.isnan(np.log(cd.array(-1.0)).numpy())
        assert repr(cd.debug_nans()) == "<cdiff.debug_nans, on>"
    assert np.isnan(np.log(cd.array(-1.0)).numpy())
    cd.debug_infs()
    with pytest.raises(FloatingPointError, match="exp made inf"):
        np.exp(cd.array(1e4))
    cd.debug_infs(False)
    assert np.exp(cd.array(1e4)) == np.inf


def test_switches_are_no_decorators():
    with pytest.raises(TypeError, match="not a decorator"):
        cd.debug_nans(lambda x: x)


def test_nodes_survive_the_switch():
    """Nodes made before, during and after are freed and made again without harm."""
    kept = []
    for turn in range(6):
        with cd.debug_lines(turn % 2 == 0):
            x = cd.array(np.arange(3.0), requires_grad=True)
            y = x
            for _ in range(2000):
                y = y * 1.0 + 0.0
            kept.append(y)
            kept = kept[-2:]
            y.sum().backward()
            assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_threads_share_the_switch():
    failures = []

    def work():
        try:
            for _ in range(200):
                assert cd.grad(lambda x: np.sum(np.log(x)))(np.array([1.0, 2.0]))[1] == 0.5
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        with cd.debug_nans():
            np.sqrt(cd.array(1.0))
    for thread in threads:
        thread.join()
    assert failures == []


# --- lines ----------------------------------------------------------------------------------------


def test_lines_of_arrays():
    assert cd.made_at(cd.array(1.0)) is None and cd.made_at(3.0) is None
    with cd.debug_lines():
        x = cd.array([1.0, 2.0])
        assert cd.made_at(x) == f"{__file__}:{line_here() - 1}"
        y = np.concatenate([x, x])
        assert cd.made_at(y) == f"{__file__}:{line_here() - 1}"
    assert cd.made_at(x) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, y: x + y,
        lambda x, y: np.hypot(x, y),
        lambda x, y: x @ y,
        lambda x, y: np.stack([x, y]),
        lambda x, y: np.dot(x, y),
        lambda x, y: np.einsum("i,i->", x, y),
    ],
)
def test_errors_about_shapes_say_where_the_operands_were_made(wrong):
    x, y = cd.array(np.ones(2)), cd.array(np.ones(3))
    with pytest.raises(ValueError) as caught:
        wrong(x, y)
    assert caught.value.__notes__[0].startswith("operands of `")  # found in the code
    with cd.debug_lines():
        x = cd.array(np.ones(2))
        y = cd.array(np.ones(3))
        line = line_here()
        with pytest.raises(ValueError) as caught:
            wrong(x, y)
    [note] = caught.value.__notes__
    assert f"(2,) [1. 1.], made at {__file__}:{line - 2}" in note
    assert f"(3,) [1. 1. 1.], made at {__file__}:{line - 1}" in note


def test_what_was_left_behind_says_where_it_comes_from():
    left = []

    def f(x):
        left.append(x * 2.0)
        return left[0] * x

    cd.grad(f)(1.0)
    with pytest.raises(RuntimeError, match=r"left it behind; with cdiff.debug_lines\(\)"):
        left[0].backward()
    left.clear()
    with cd.debug_lines():
        g = cd.compile(f)
        g(1.0)
        call = line_here() - 1  # which made the input that f kept
        with pytest.raises(RuntimeError, match=rf"left behind.* was made at .*:{call}\b"):
            g(np.ones(2))
        line = inspect.getsourcelines(f)[1] + 1
        with pytest.raises(RuntimeError, match=rf"left it behind; it was made at .*:{line}\b"):
            left[0].backward()


@pytest.mark.parametrize(
    "run",
    [
        lambda f: cd.grad(f)(1.5),
        lambda f: cd.jvp(f, (1.5,), (1.0,)),
        lambda f: cd.compile(f)(1.5),
        lambda f: cd.hessian(f)(1.5),
        lambda f: cd.vmap(f)(np.array([1.5])),
    ],
)
def test_the_value_of_what_was_left_behind(run):
    left = []

    def f(x):
        left.append(x * 2.0)
        with pytest.raises(TypeError, match="would lose its derivative"):
            np.asarray(cd.grad(lambda y: (left.append(y), np.asarray(y))[1] * 0.0)(x))
        return left[0] * 1.0

    run(f)
    for take in (float, complex, np.asarray):
        with pytest.raises(TypeError, match=r"left behind: .* x.numpy\(\).*cdiff.debug_lines\(\)"):
            take(left[0])
    assert left[0].item() == 3.0
    left.clear()
    with cd.debug_lines():
        run(f)
        line = inspect.getsourcelines(f)[1] + 1
        with pytest.raises(TypeError, match=rf"left behind: .* made at .*:{line}\n"):
            np.asarray(left[0])
    x = cd.array(2.0, requires_grad=True)
    with pytest.raises(TypeError, match="would lose its derivative"):
        float(x * x)


def test_a_freed_graph_says_where_it_was_made():
    with cd.debug_lines():
        x = cd.array(2.0, requires_grad=True)
        y = x * x
        line = line_here() - 1
        z = y * 3.0
        z.backward()
        with pytest.raises(RuntimeError, match=r"already freed.* was made at") as caught:
            y.backward()
    assert str(caught.value).endswith(f":{line}")


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda x: x.reshape(2, 2), "reshape"),
        (lambda x: x.reshape((4,), order="F"), "reshape"),
        (lambda x: np.reshape(x, 5), "reshape"),
        (lambda x: x[7], "indexing"),
        (lambda x: x[:, 0], "indexing"),
        (lambda x: x.__setitem__(slice(0, 2), np.ones(3)), "assignment"),
        (lambda x: np.concatenate([x, np.ones((2, 2))]), "concatenate"),
    ],
)
def test_errors_about_one_shape_say_where_it_was_made(wrong, name):
    with cd.debug_lines():
        x = cd.array(np.arange(3.0))
        line = line_here() - 1
        with pytest.raises((ValueError, IndexError)) as caught:
            wrong(x)
    [note] = caught.value.__notes__
    assert note.startswith(f"in {name}\n")
    assert f"operand 0: float64 (3,) [0. 1. 2.], made at {__file__}:{line}" in note
    x[1] = x[2] * 1.0
    with cd.debug_lines():
        x[0] = 7.0
        assert x.reshape(3, 1)[0, 0] == 7.0


def test_plain_operands_are_named_too():
    with cd.debug_lines(), pytest.raises(ValueError, match="shapes") as caught:
        np.concatenate([cd.array(np.ones(3))[None], np.full((2, 5), 4.0)])
    [note] = caught.value.__notes__
    assert "operand 1: float64 (2, 5) [[4. 4. ... 4. 4.]" in note


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_complex_values_are_watched(dtype):
    z = np.array([0.0, 1.0 + 1.0j], dtype)
    with cd.debug_nans(), pytest.raises(FloatingPointError, match="multiply made nan in 1 of 2"):
        cd.grad(lambda z: np.sum(np.abs(z * np.inf)))(z)
    with cd.debug_infs(), pytest.raises(FloatingPointError, match="log made inf in 1 of 2 entries"):
        cd.jvp(np.log, (z,), (z,))
    with cd.debug_nans(), cd.debug_infs():
        assert np.all(np.isfinite(cd.grad(lambda z: np.sum(np.abs(z)))(z)))


def test_errors_about_shapes_name_all_operands():
    a, b = cd.array(np.ones(3), requires_grad=True), np.ones((2, 4))
    cases = [
        (lambda: a + b, r"\(3,\) \(2, 4\)"),
        (lambda: a @ b, r"\(3,\) and \(2, 4\)"),
        (lambda: np.where(a > 0, a, b), r"\(3,\) \(3,\) \(2, 4\)"),
    ]
    for wrong, shapes in cases:
        with pytest.raises(ValueError, match=f"shapes {shapes}") as error:
            wrong()
        assert "`a`: float64 (3,)" in error.value.__notes__[0]
        with cd.debug_lines(), pytest.raises(ValueError, match=f"shapes {shapes}") as error:
            wrong()
        assert "debug_lines" not in str(error.value)
        assert "(3,) [1. 1. 1.]" in error.value.__notes__[0]
        assert "(2, 4)" in error.value.__notes__[0]
