"""Large values are not computed while a function is recorded, and nobody can tell.

Every function here runs with values deferred from the first element on, from 4096 and never; the
results, what Python sees on the way, and the programs are the same.
"""

import traceback

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core
from cdiff._compiled._out import Buffers

RNG = np.random.default_rng(11)
X = RNG.uniform(0.5, 2.0, (40, 5))
V = RNG.normal(size=200)
TURNS = np.exp(1j * X)
NEVER = 2**62


@pytest.fixture
def deferred():
    """Everything waits, whatever its size."""
    before = _core.set_deferred_size(0)
    yield
    _core.set_deferred_size(before)


def with_size(size, f, *args):
    """The first answer of a freshly compiled function that defers from this size on."""
    before = _core.set_deferred_size(size)
    try:
        compiled = cd.compile(f)
        return compiled(*args), str(compiled.program)
    finally:
        _core.set_deferred_size(before)


def swapped(x):
    y = np.array(x) if isinstance(x, np.ndarray) else x * 1.0
    y[1:, 0] = y[:-1, 1] * 2.0
    view = y.T[2]
    view[3] = np.sum(y)
    y += x[::-1]
    return y.reshape(5, 40)[1:3] @ y


def parts(x):
    flat = x.reshape(-1)
    wide = np.concatenate([flat[::2], flat[1::2] * 2.0]).reshape(5, 40).T
    return wide.reshape(-1)[:7] + np.broadcast_to(np.max(wide, axis=0), (7, 5)).sum(axis=1)


def chosen(x):
    mask = x > np.mean(x)
    y = np.where(mask, np.sqrt(x), -x) * mask
    best = np.argmin(y, axis=1)
    return y[np.arange(40), best] + x[best, 0] + np.cumsum(mask.sum(axis=0))[-1]


def reduced(x):
    s = np.sum(np.exp(-x))
    t = s / 3.0 + np.log(s) - np.linalg.norm(x)
    return t, np.float32(2.0) * x.astype(np.float32), np.prod(x[0]), x[3, 2] * t, t > 1.0


def stopped(x):
    return cd.stop_gradient(np.sin(x)) * x + cd.relu(x - 1.0)


def contracted(x):
    return np.einsum("ij,kj->ik", x, x)[0], np.take(x, [3, 1, 3], axis=0), np.linalg.solve(
        x.T @ x, np.ones(5)
    )


def looped(x):
    scale = np.exp(-x)

    def step(c, row):
        c[0] = np.sum(row)  # the carry is the body's own
        c = np.sin(c + row) * scale[0]
        return c, c[:2] * row[1:3]

    carry, ys = cd.scan(step, x[0] * 2.0, scale * 3.0)
    back, _ = cd.scan(step, carry, x, reverse=True)
    return back, ys, np.cumsum(carry)


def looped_in_segments(x):
    def step(c, row):
        return c * 0.9 + row @ row, np.max(c)

    c, ys = cd.scan(step, np.sum(x, axis=0), x, checkpoint_every=7)
    return cd.fori_loop(0, 5, lambda i, c: c * 0.5 + i * x[i], c), ys


def looped_by_values(x):
    def step(c, row):
        c = c * 0.5 + row
        if c[0] > np.mean(c):
            c = c + np.sqrt(row) * x[0]
        return c, np.argmax(c)

    c, best = cd.scan(step, x[1], np.exp(-x))
    return c, best, x[0, best[3]] * c


def looped_until(x):
    c = cd.while_loop(lambda c: np.sum(c * c) > 0.5, lambda c: c * 0.4 * x[0], x[1])
    return np.exp(c), np.sum(cd.vmap(lambda r: r @ c, chunk_size=16)(x))


def beside_complex(x):
    z = np.sin(x) * TURNS + np.exp(-x)
    w = (TURNS - x * x) / np.sqrt(x)
    return z, np.abs(w), (np.cos(x) - z).imag, np.fft.fft(np.sqrt(x) * w, axis=0).real


FUNCTIONS = [swapped, parts, chosen, reduced, stopped, contracted, looped, looped_in_segments,
             looped_by_values, looped_until, beside_complex]  # fmt: skip


def leaves(x):
    return [leaf for part in x for leaf in leaves(part)] if isinstance(x, tuple) else [x]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_first_answers_and_programs_are_those_of_values_computed_at_once(f):
    wanted, program = with_size(NEVER, f, X)
    plain = f(cd.array(X))
    for size in (0, 50, 4096):
        found, same = with_size(size, f, X)
        assert same == program
        for a, b, c in zip(leaves(found), leaves(wanted), leaves(plain), strict=True):
            assert type(a) is type(b) and np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=1e-13)
            np.testing.assert_allclose(a, c.numpy() if isinstance(c, cd.Array) else c, rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "transform"),
    [
        pytest.param(f, transform, id=f"{f.__name__}-{transform}")
        for f in FUNCTIONS
        for transform in ("grad", "jvp", "hvp", "vmap")
        if f is not looped_until or transform != "vmap"  # which points cannot leave
    ],
)
def test_first_derivatives(f, transform):
    def number(x):
        return sum(np.sum(y * y) for y in leaves(f(x)) if y.dtype.kind == "f")

    def derivative(x):
        if transform == "grad":
            return cd.grad(number)(x)
        if transform == "jvp":
            return cd.jvp(number, (x,), (np.cos(X),))
        if transform == "hvp":
            return cd.grad(lambda x: np.sum(cd.grad(number)(x) * np.cos(X)))(x)
        return cd.vmap(lambda s: cd.grad(number)(x * s))(np.linspace(1.0, 1.5, 3))

    wanted, _ = with_size(NEVER, derivative, X)
    for size in (0, 150):
        found, _ = with_size(size, derivative, X)
        for a, b in zip(leaves(found), leaves(wanted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.max(np.abs(b)))


def test_nothing_is_computed_that_nobody_looks_at(deferred):
    seen = {}

    def f(x):
        y = np.sin(x) * 2.0
        z = np.sum(y * y, axis=0)
        seen["before"] = _core.is_waiting(y), _core.is_waiting(z), _core.is_waiting(z[0])
        seen["value"] = float(z[0])
        seen["after"] = _core.is_waiting(y), _core.is_waiting(z)
        return z

    value = cd.compile(f)(X)
    assert seen["before"] == (True, True, True)
    assert seen["after"] == (False, False)
    np.testing.assert_allclose(seen["value"], value[0], rtol=1e-15)
    np.testing.assert_allclose(value, np.sum((np.sin(X) * 2.0) ** 2, axis=0), rtol=1e-15)


def test_small_values_and_values_outside_of_compiled_functions_never_wait():
    def f(x):
        y = np.sin(x)
        waiting.append(_core.is_waiting(y))
        return np.sum(y)

    waiting = []
    with_size(4096, f, np.ones(100))
    with_size(4096, f, np.ones(5000))
    cd.grad(f)(np.ones(5000))
    cd.vmap(f)(np.ones((3, 5000)))
    assert waiting == [False, True, False, False]


def test_decisions_see_the_values(deferred):
    def f(x):
        y = x * x
        total = np.sum(y)
        while total > 10.0:
            y = y / 2.0
            total = np.sum(y)
        return y if int(y[0] * 1000) % 2 else -y

    g = cd.compile(f)
    for scale in (1.0, 3.0, 0.1):
        np.testing.assert_allclose(g(V * scale), f(V * scale), rtol=1e-14)
        np.testing.assert_allclose(g(V * scale), f(V * scale), rtol=1e-14)


def test_ways_to_look(deferred):
    found = {}

    def f(x):
        y = np.exp(x)
        found["text"] = str(y[:2] * 1.0)
        found["array"] = np.asarray(cd.stop_gradient(y * 2.0).numpy())
        found["list"] = (y[:3] + 1.0).tolist()
        found["item"] = np.max(y - 1.0).item()
        found["shape"] = (y @ y).shape, y.T.shape, y.dtype
        return y

    cd.compile(f)(V)
    e = np.exp(V)
    np.testing.assert_allclose(found["array"], 2.0 * e, rtol=1e-15)
    np.testing.assert_allclose(found["list"], e[:3] + 1.0, rtol=1e-15)
    np.testing.assert_allclose(found["item"], e.max() - 1.0, rtol=1e-15)
    assert found["shape"] == ((), (200,), np.float64)
    assert found["text"] == str(e[:2])


def test_asking_for_forms_computes_nothing(deferred):
    forms = [np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.isscalar, np.common_type]
    forms += [np.diag_indices_from, np.tril_indices_from, np.triu_indices_from]

    def f(x):
        y = np.exp(x)
        found.extend([g(y) for g in forms])
        waiting.append(_core.is_waiting(y))
        found.append(np.isfortran(y.T))  # how it lies in memory is known when it is there
        return y

    found, waiting = [], []
    square = np.ones((3, 3))
    cd.compile(f)(square)
    assert waiting == [True]
    for a, g in zip(found, forms, strict=False):
        np.testing.assert_equal(a, g(square))
    assert found[-1] is True


def test_arguments_and_captured_arrays_that_the_function_changes(deferred):
    captured = np.ones(200)
    argument = V.copy()

    def f(x):
        y = x * captured
        argument[:] = 0.0  # while it is recorded: a side effect
        captured[:] = 5.0
        return y + captured

    np.testing.assert_array_equal(cd.compile(f)(argument), V + 5.0)


def test_values_are_kept_as_they_were_when_arrays_are_assigned_into(deferred):
    def f(x):
        y = x * 2.0
        before = np.sum(y)
        part = y[10:20]
        doubled = part * 2.0
        y[15] = 100.0
        c = cd.array(np.arange(200.0))
        shifted = x + c
        c[0] = 77.0
        return before, doubled, part, y, shifted, c

    found, plain = cd.compile(f)(V), f(cd.array(V))
    for a, b in zip(found, plain, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-13)


def test_errors_are_raised_in_the_function_where_they_can_be(deferred):
    def f(x):
        y = np.exp(x) * 0.0
        try:
            return np.linalg.inv(y.reshape(2, 2))
        except np.linalg.LinAlgError:
            return y

    np.testing.assert_array_equal(cd.compile(f)(np.ones(4)), np.zeros(4))
    with pytest.raises(ValueError, match=r"broadcast"):
        cd.compile(lambda x: (x * 2.0) + np.ones(3))(V)
    with pytest.raises(ValueError, match=r"matmul|mismatch|go together"):
        cd.compile(lambda x: (x * 2.0) @ np.ones((3, 3)))(V)
    with pytest.raises(IndexError):
        cd.compile(lambda x: (x * 2.0)[np.array([3, 500])])(V)
    with pytest.raises(IndexError):
        cd.compile(lambda x: x[(x * 0.0).astype(int) + 700])(V)
    with pytest.raises(ValueError, match=r"zero-size|no elements|empty|identity"):
        cd.compile(lambda x: np.max((x * 2.0)[:0]))(V)


def test_an_error_midway_leaves_nothing_behind(deferred):
    kept = []

    def f(x):
        kept.append(x * 3.0)
        raise KeyboardInterrupt

    g = cd.compile(f)
    with pytest.raises(KeyboardInterrupt):
        g(V)
    assert g.stats()["programs"] == 0
    assert _core.is_waiting(kept[0])
    np.testing.assert_array_equal(kept[0].numpy(), V * 3.0)  # what it waits for is still there
    assert not _core.is_waiting(cd.array(V) * 2.0)


def test_what_is_left_behind_keeps_its_value_and_cannot_be_used_again(deferred):
    kept = []

    def f(x):
        kept.append(np.sum(x * 2.0))
        return x * kept[0]

    g = cd.compile(f)
    np.testing.assert_allclose(g(V), V * np.sum(V * 2.0), rtol=1e-13)
    assert float(kept[0].item()) == pytest.approx(np.sum(V * 2.0), rel=1e-13)
    with pytest.raises(RuntimeError, match="left behind"):
        g(V[:100])


def test_nans_are_found_where_they_are_made(deferred):
    with cd.debug_nans(), pytest.raises(FloatingPointError, match="log made nan"):
        cd.compile(lambda x: np.sum(np.log(x - 10.0) * 2.0))(V)

    def watched_inside(x):
        y = x * 2.0
        with cd.debug_nans():
            return np.sum(np.log(y - 10.0))

    with pytest.raises(FloatingPointError, match="log made nan"):
        cd.compile(watched_inside)(V)


@pytest.mark.parametrize(("transform", "times"), [(None, 1), ("grad", 2), ("jvp", 2)])
def test_a_first_call_runs_a_loop_once(deferred, monkeypatch, transform, times):
    from cdiff._loops import _scan

    done, run_steps = [], _scan.run_steps

    def counted(runner, start, stop, *rest):
        found = run_steps(runner, start, stop, *rest)
        done.append(abs(found - start))
        return found

    def f(x):
        y = cd.scan(lambda c, row: (c * 0.9 + np.sin(row), c), x[0], x)
        seen.append(_core.is_waiting(y[0]) and _core.is_waiting(y[1]))
        return np.sum(y[0] * y[1])

    seen = []
    monkeypatch.setattr(_scan, "run_steps", counted)
    if transform == "grad":
        cd.compile(cd.grad(f))(X)
    elif transform == "jvp":
        cd.compile(lambda x: cd.jvp(f, (x,), (np.ones(x.shape),)))(X)
    else:
        cd.compile(f)(X)
    assert seen == [True]
    assert sum(done) == times * len(X)


def test_a_way_through_a_loop_that_reads_something_else(deferred):
    def f(x, a, b):
        def step(c, r):
            c = c * a + r if float(c) < 2.0 else c + b * r
            return c, c

        y = cd.scan(step, x, np.ones(5))
        waiting.append(_core.is_waiting(y[0]))
        return y

    waiting = []
    found, wanted = cd.compile(f)(0.5, 1.5, 0.25), f(0.5, 1.5, 0.25)
    assert waiting == [True, False, False]  # run again with all values: the way reads b
    assert found[0] == wanted[0]
    np.testing.assert_array_equal(found[1], wanted[1])


def too_large(c, _):
    if float(c) > 3.0:
        raise ValueError("too large")
    return c * 2.0, c


def far_away(c, i):
    return c + X[(c * 0).astype(int) + i, 0], c


def much_too_large(c, i):
    return (c * 0 + 2**40).astype(int) * 2**20, c


@pytest.mark.parametrize(
    ("body", "init", "error"),
    [(too_large, 0.5, ValueError), (far_away, 0.5, IndexError),
     (much_too_large, 1, OverflowError)],
)  # fmt: skip
@pytest.mark.parametrize("looks", [False, True])
def test_errors_of_steps_are_raised_in_the_function(deferred, body, init, error, looks):
    def f(x, rows):
        y = cd.scan(body, x, rows)  # this line
        return np.exp(y[0]) if not looks or y[0] > 0 else x

    def cautious(x, rows):
        try:
            return f(x, rows)
        except error:
            return x * 3.0

    given = np.asarray(init), np.arange(5) + 37
    with pytest.raises(error) as found:
        cd.compile(f)(*given)
    assert any("# this line" in entry.line for entry in traceback.extract_tb(found.tb))
    np.testing.assert_array_equal(cd.compile(cautious)(*given), given[0] * 3.0)


def test_an_interrupt_of_a_loop_that_waits(deferred):
    def f(x):
        return cd.scan(step, x, np.arange(5.0))[0]

    def step(c, i):
        if float(i) == 3.0:
            raise KeyboardInterrupt
        return c + i, None

    g = cd.compile(f)
    with pytest.raises(KeyboardInterrupt):
        g(0.5)
    assert g.stats()["programs"] == 0


def test_a_loop_is_not_run_twice(deferred):
    runs = []

    def host(x):
        runs.append(1)
        return x * 2.0

    double = cd.operator(host)
    double.defvjp(lambda g, out, x: (g * 2.0,))
    value = cd.compile(lambda x: np.sin(double(np.exp(x))))(V)
    np.testing.assert_allclose(value, np.sin(2.0 * np.exp(V)), rtol=1e-12)
    assert len(runs) == 1


def test_long_chains_are_computed_without_recursion(deferred):
    def f(x):
        for _ in range(30_000):
            x = x + 1.0
        return float(x[0]), x

    first, value = cd.compile(f)(np.zeros(3))
    assert first == 30_000.0
    np.testing.assert_array_equal(value, 30_000.0)


def test_results_in_arrays_of_ones_own(deferred, monkeypatch):
    out = np.empty(200)
    f = cd.compile(lambda x: np.exp(x) + 1.0)
    made = []
    into = Buffers.into
    monkeypatch.setattr(Buffers, "into", lambda *given: made.append(into(*given)) or made[-1])
    assert f(V, out=out) is out
    assert made[0][0] is out  # nothing was copied there
    np.testing.assert_allclose(out, np.exp(V) + 1.0, rtol=1e-15)


def test_recordings_are_drawn_and_explained_with_their_values(deferred):
    f = cd.compile(lambda x: np.sum(np.exp(x) * 3.0))
    assert "exp" in str(f.profile(V))
    assert f.draw(V, values=True) is not None
