"""Progress bars: they end at the end, and change no result."""

import builtins
import sys
import types

import numpy as np
import pytest

import cdiff as cd
from cdiff._progress import bar, is_on


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
