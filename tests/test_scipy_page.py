"""docs/scipy.md says what the tables and modules say, and all names that it lists are explained."""

import importlib
import inspect
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
import scipy
import scipy_coverage

import cdiff as cd
import cdiff.scipy as cs
from cdiff.scipy._others import OTHERS, reason

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scipy.md"
MODULES = ["special", "stats", *scipy_coverage.MODULES]


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not installed")
def test_the_page_is_up_to_date():
    told, found = PAGE.read_text(encoding="utf-8"), scipy_coverage.page()
    assert scipy_coverage.ABSENT_HEAD in told
    if f"in SciPy {'.'.join(scipy.__version__.split('.')[:2])}," not in told:
        # The end lists what is public in one version; that all has a reason is the next test.
        told, found = [text.split(scipy_coverage.ABSENT_HEAD)[0] for text in (told, found)]
    assert told == found


@pytest.mark.parametrize("name", OTHERS)
def test_no_public_name_of_scipy_is_forgotten(name):
    found = scipy_coverage.others(name)
    assert "" not in found, f"without a derivative and without a reason: {found['']}"
    assert set(found) == set(OTHERS[name])  # no reason is left over
    names = [x for listed in found.values() for x in listed]
    patterns = [p for listed in OTHERS[name].values() for p in listed.split()]
    assert not [p for p in patterns if not any(fnmatchcase(x, p) for x in names)]


X = cd.array([0.3, 0.7, 1.2, 2.0], requires_grad=True)


@pytest.mark.parametrize(("module", "name", "args"), [
    ("special", "h1vp", (0, X)), ("special", "kelvin", (X,)), ("special", "legendre_p", (3, X)),
    ("special", "smirnov", (3, X)), ("stats", "tmean", (X,)), ("stats", "rankdata", (X,)),
    ("signal", "cspline1d", (X,)), ("signal", "chirp", (X, 1.0, 1.0, 2.0)),
    ("interpolate", "krogh_interpolate", ([0.0, 1.0, 2.0, 3.0], X, 0.5)),
    ("integrate", "quad", (np.sin, 0.0, X[0])),
    ("ndimage", "fourier_shift", (X, 1.0)), ("sparse.linalg", "minres", (np.eye(4), X)),
])  # fmt: skip
def test_others_say_their_reason(module, name, args):
    """Where an Array meets them; plain arguments go through."""
    target = importlib.import_module(f"cdiff.scipy.{module}")
    with pytest.raises(NotImplementedError) as caught:
        getattr(target, name)(*args)
    assert f"scipy.{module}.{name} has no derivative in cdiff: {reason(module, name)}" in str(
        caught.value
    )
    getattr(target, name)(*[cd._core.value(x) for x in args])
    with pytest.raises(AttributeError, match="no_such_name"):
        target.no_such_name


@pytest.mark.filterwarnings("ignore:`lagrange` is deprecated:DeprecationWarning")
def test_what_arrays_pass_through():
    """Formulas of SciPy itself that are differentiated as they are."""
    cd.testing.check_grads(lambda x: cs.special.assoc_laguerre(x, 3), (X.numpy(),), order=2)
    f = lambda y: cs.interpolate.lagrange([0.0, 1.0, 2.0, 3.0], y)(1.5)
    cd.testing.check_grads(f, (X.numpy(),), order=2)
    f = lambda t: cs.integrate.fixed_quad(lambda z: np.sin(t * z), 0.0, 1.0)[0]
    cd.testing.check_grads(f, (0.7,), order=2)
    with pytest.raises(TypeError, match="missing"):
        cs.stats.zmap(X)  # SciPy's errors of other kinds stay


def test_counts():
    counts = scipy_coverage.counts()
    assert counts["special"] >= 180 and counts["stats"] >= 60 and counts["linalg"] >= 35


@pytest.mark.parametrize("name", MODULES)
def test_names_are_explained(name):
    module = "cdiff.scipy._windows" if name == "signal.windows" else f"cdiff.scipy.{name}"
    module = importlib.import_module(module)
    assert len(set(module.__all__)) == len(module.__all__)
    for x in module.__all__:
        assert inspect.getdoc(getattr(module, x)), x


def test_other_distributions_keep_their_methods():
    """They are SciPy's own, for plain arguments."""
    own, scipys = cs.stats, importlib.import_module("scipy.stats")
    public = {x: getattr(scipys, x) for x in scipys.__all__}
    objects = [x for x in public if hasattr(public[x], "rvs") and not inspect.isclass(public[x])]
    assert len(objects) > 120
    for name in objects:
        method = "pdf" if hasattr(getattr(scipys, name), "pdf") else "rvs"
        assert callable(getattr(getattr(own, name), method))
    np.testing.assert_array_equal(own.randint.pmf([1, 2], 0, 4), scipys.randint.pmf([1, 2], 0, 4))
    np.testing.assert_array_equal(own.landau.pdf(0.3), scipys.landau.pdf(0.3))
    assert own.landau(loc=1.0).median() == scipys.landau(loc=1.0).median()
    for f in (lambda x: own.landau.pdf(x), lambda x: own.levy_stable.logpdf(0.3, x, 0.2)):
        with pytest.raises(NotImplementedError, match=r"\w\.\w+ has no derivative.*a table"):
            cd.grad(f)(1.5)
