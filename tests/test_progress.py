"""Progress bars: they end at the end, and change no result."""

import builtins
import re
import sys
import types

import numpy as np
import pytest

import cdiff as cd
import cdiff.integrate as cdi
import cdiff.optimize as cdo
from cdiff._pictures import _progress
from cdiff._pictures._progress import bar, is_on


@pytest.fixture
def without_tqdm(monkeypatch):
    original = builtins.__import__

    def importing(name, *args, **kwargs):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)


def step(c, x):
    return c * 0.5 + x, c


XS = np.linspace(0.0, 1.0, 5000)


def test_a_bar_of_our_own(without_tqdm, capsys):
    want = cd.scan(step, 0.0, XS)
    assert capsys.readouterr().err == ""
    with cd.progress(delay=0.0):
        assert is_on()
        got = cd.scan(step, 0.0, XS)
    assert not is_on()
    assert got[0] == want[0] and np.array_equal(got[1], want[1])
    shown = capsys.readouterr().err
    assert shown.startswith("\rscan: ") and shown.endswith("\r") and "%" in shown


def test_derivatives_run_in_pieces_too(without_tqdm, capsys):
    def loss(w):
        return cd.scan(lambda c, x: (c * w + x, c), 0.0, XS)[0]

    want = cd.value_and_grad(loss)(0.5)
    with cd.progress(delay=0.0):
        assert cd.value_and_grad(loss)(0.5) == want
        assert cd.jvp(loss, (0.5,), (1.0,)) == pytest.approx(want)
    assert capsys.readouterr().err.count("\r") >= 2


def test_a_guard_inside_a_piece(without_tqdm, capsys):
    def f(c, x):
        return (c + x if x > 0.5 else c - x), c

    want = cd.scan(f, 0.0, XS)
    with cd.progress(delay=0.0):
        got = cd.scan(f, 0.0, XS)
    assert got[0] == want[0] and np.array_equal(got[1], want[1])
    assert capsys.readouterr().err


def test_tqdm_where_it_is_installed(monkeypatch):
    calls = []

    class Bar:
        def __init__(self, **options):
            calls.append(options)

        def update(self, n):
            calls.append(n)

        def close(self):
            calls.append("closed")

    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    module = types.ModuleType("tqdm.auto")
    module.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    with cd.progress():
        cd.scan(step, 0.0, XS)
    assert calls[0]["total"] == 5000 and calls[0]["desc"] == "scan"
    assert sum(calls[1:-1]) == 5000 and calls[-1] == "closed"


def test_the_bar_of_tqdm_itself(capsys):
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    with cd.progress(delay=0.0):
        cd.scan(step, 0.0, XS)
        cdo.minimize(lambda x: np.sum((x - 1.0) ** 4), np.zeros(3))
    shown = capsys.readouterr().err
    assert "scan:   0%" in shown and "/5000" in shown and "minimize:" in shown


def fits():
    t = np.linspace(0.0, 1.0, 9)
    decay = lambda t, a, k: a * np.exp(-k * t)
    yield "minimize", "value", lambda: cdo.minimize(lambda x: np.sum((x - 1.0) ** 4), np.zeros(3)).x
    yield (
        "least_squares", "cost",
        lambda: cdo.least_squares(lambda x: decay(t, *x) - t, np.ones(2)).x,
    )  # fmt: skip
    yield "curve_fit", "cost", lambda: cdo.curve_fit(decay, t, np.exp(-2.0 * t) + t).parameters
    yield "root", "|f|", lambda: cdo.root(lambda x: x**3 - 2.0, np.ones(2)).x
    yield (
        "solve_bvp", "places",
        lambda: cdi.solve_bvp(lambda x, y: -y, lambda a, b: a - 1.0, t, np.ones(9)).y,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "note", "run"), list(fits()), ids=lambda x: x)
def test_solvers_count_their_calls(name, note, run, without_tqdm, monkeypatch, capsys):
    want = run()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(_progress, "EVERY", 0.0)
    with cd.progress(delay=0.0):
        assert np.array_equal(run(), want)
    shown = capsys.readouterr().err
    assert f"\r{name}: 1 calls, " in shown and f"\r{name}: 2 calls, " in shown and note in shown
    assert shown.endswith("\r")


@pytest.mark.parametrize("span", [(0.0, 3.0), (2.0, -1.0)])
def test_solve_ivp_says_how_far_it_is(span, without_tqdm, monkeypatch, capsys):
    run = lambda: cdi.solve_ivp(lambda t, y: -y, span, np.ones(2)).y
    want = run()
    monkeypatch.setattr(_progress, "EVERY", 0.0)
    with cd.progress(delay=0.0):
        assert np.array_equal(run(), want)
    shown = [int(x) for x in re.findall(r"solve_ivp: (\d+) %", capsys.readouterr().err)]
    assert len(shown) > 3 and shown == sorted(shown) and shown[-1] == 100


def test_an_error_closes_the_bar_of_a_fit(without_tqdm, monkeypatch, capsys):
    monkeypatch.setattr(_progress, "EVERY", 0.0)
    with cd.progress(delay=0.0), pytest.raises(RuntimeError, match="curve_fit"):
        cdo.curve_fit(lambda x, a, b: a * np.exp(b * x), XS, np.exp(-3.0 * XS), max_nfev=2)
    assert capsys.readouterr().err.endswith("\r")


def test_an_error_closes_the_bar(monkeypatch):
    closed = []

    class Bar:
        def __init__(self, **options):
            pass

        def update(self, n):
            raise KeyboardInterrupt

        def close(self):
            closed.append(True)

    module = types.ModuleType("tqdm.auto")
    module.tqdm = Bar
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    with cd.progress(), pytest.raises(KeyboardInterrupt):
        cd.scan(step, 0.0, XS)
    assert closed == [True]


def test_the_switch():
    switch = cd.progress()
    assert is_on() and repr(switch) == "<cdiff.progress, on>"
    cd.progress(False)
    assert not is_on() and repr(switch) == "<cdiff.progress, off>"
    with pytest.raises(TypeError, match="True or False"):
        cd.progress(lambda: None)


def test_nothing_is_written_before_its_time(without_tqdm, capsys):
    with cd.progress(delay=60.0):
        meter = bar(10, "x")
        meter.update(10)
        meter.close()
    assert capsys.readouterr().err == ""
