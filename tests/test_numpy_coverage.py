"""The coverage list names every public function of NumPy once, and each behaves as it says."""

import inspect
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy_cases import PIECEWISE, PLAIN, SMOOTH
from numpy_coverage import CARRYING, COVERAGE, KINDS, WITHOUT, page
from numpy_plain_cases import CREATION

import cdiff as cd
import cdiff.numpy as cnp

MODULES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "numpy.emath": np.emath}
OURS = {"numpy": cnp, "numpy.linalg": cnp.linalg, "numpy.fft": cnp.fft, "numpy.emath": cnp.emath}
NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
# Functions that some supported NumPy has and another has not.
COMING_OR_GOING = {
    "cumulative_prod", "cumulative_sum", "in1d", "matvec", "row_stack", "trapz", "unstack",
    "vecmat", "fix",
}  # fmt: skip
CASES = [case for group in SMOOTH.values() for case in group]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")


def leaf(*shape):
    size = int(np.prod(shape, dtype=int))
    x = np.linspace(0.3, 1.7, size).reshape(shape)
    return cd.array(x + np.eye(*shape) if len(shape) == 2 else x, requires_grad=True)


def of_kind(*kinds):
    """Rows of these kinds that the running NumPy has."""
    rows = [r for r in COVERAGE if r.kind in kinds and hasattr(MODULES[r.module], r.name)]
    return pytest.mark.parametrize("row", rows, ids=lambda r: f"{r.module}.{r.name}")


def public_functions(module):
    names = [name for name in dir(module) if not name.startswith("_")]
    things = {name: getattr(module, name) for name in names}
    return {name for name, thing in things.items()
            if callable(thing) and not inspect.isclass(thing)}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_every_function_stands_in_the_list_once(module):
    listed = [row.name for row in COVERAGE if row.module == module]
    assert len(listed) == len(set(listed)), [n for n in listed if listed.count(n) > 1]
    names = public_functions(MODULES[module]) | ({"vectorize"} if module == "numpy" else set())
    assert names - set(listed) == set()
    assert set(listed) - names <= COMING_OR_GOING


def test_rows_are_complete():
    assert {row.kind for row in COVERAGE} == set(KINDS)
    for row in COVERAGE:
        assert bool(row.reason) == (row.kind in ("none", "other")), row


@of_kind("differentiable", "constant", "built", "made", "changed", "plain")
def test_what_the_list_promises_is_there(row):
    assert row.name in OURS[row.module].__all__ or row.name == "iterable"


def test_at_least_three_hundred_have_their_derivative():
    assert sum([row.kind in CARRYING for row in COVERAGE]) >= 300
    assert sum([row.kind not in WITHOUT for row in COVERAGE]) >= 385


@of_kind("none", "other")
def test_other_names_are_numpys_own(row):
    if row.module == "numpy":
        assert getattr(cnp, row.name) is getattr(np, row.name) or row.name in cnp.__all__


def test_every_public_name_of_numpy_is_reachable():
    names = [name for name in dir(np) if not name.startswith("_")]
    assert [name for name in names if not hasattr(cnp, name)] == []
    assert set(names) <= set(dir(cnp))
    assert cnp.ndarray is np.ndarray
    with pytest.raises(AttributeError, match="no attribute 'sinn'"):
        cnp.sinn


@of_kind("differentiable")
def test_differentiable_functions_are_tested(row):
    """Each is in the cases, or a row of the operator table (tests/test_operators.py)."""
    function = getattr(OURS[row.module], row.name)
    if inspect.isbuiltin(function) and function.__module__ == "cdiff._core":
        return
    names = {n for n in OURS[row.module].__all__ if getattr(OURS[row.module], n) is function}
    prefix = row.module.replace("numpy", "m")
    pattern = rf"\b{re.escape(prefix)}\.({'|'.join(names)})\("
    cases = CASES + (PIECEWISE if row.module == "numpy.fft" else [])
    elsewhere = {"divmod", "real", "vectorize"}
    assert any(re.search(pattern, case) for case in cases) or row.name in elsewhere


@of_kind("constant")
def test_constant_functions_have_derivative_zero(row):
    function = getattr(np, row.name)
    args = (2.0,) if row.name == "floor_divide" else ()
    slope = cd.grad(lambda x: np.sum(function(x, *args) * 3.0 + x))(np.array([0.3, 1.4]))
    np.testing.assert_array_equal(slope, 1.0)


@of_kind("made")
def test_makers_make_arrays(row):
    pattern = rf"\bm\.{row.name}\("
    known = any(re.search(pattern, case) for case in CREATION + CASES)
    assert known or row.name in ("empty", "empty_like", "from_dlpack")


BUILT = {
    "arange": "f(x[0], 4.0)", "fromfunction": "f(lambda i: i * x[0], (3,))",
    "fromiter": "f((z * 2.0 for z in x), float)", "full": "f(2, x[0])",
    "full_like": "f(x, x[0])", "kaiser": "f(5, x[0])",
    **dict.fromkeys(("geomspace", "linspace", "logspace"), "f(x[0], x[1])"),
    **dict.fromkeys(("array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray",
                     "asfortranarray", "require"), "f([x[0], x[1]])"),
}  # fmt: skip


@of_kind("built")
def test_builders_carry_derivatives(row):
    f, operand = getattr(cnp, row.name), np.array([1.25, 2.5])
    build = lambda x: eval(BUILT[row.name], {"f": f, "x": x})
    cd.testing.check_grads(build, (operand,), order=2)
    made = build(operand)
    assert made.shape == build(cd.array(operand)).shape
    np.testing.assert_allclose(made, build(cd.array(operand)).numpy(), rtol=1e-14)


# Calls of functions that want other arguments than one array.
CALLS = {
    "argpartition": "np.argpartition(x, 0)", "array_equal": "np.array_equal(x, x)",
    "allclose": "np.allclose(x, x)", "array_equiv": "np.array_equiv(x, x)",
    "can_cast": "np.can_cast(x.dtype, float)", "digitize": "np.digitize(x, [0.0, 1.0])",
    "einsum_path": "np.einsum_path('i,i', x, x)", "isclose": "np.isclose(x, x)",
    "isin": "np.isin(x, x)", "lexsort": "np.lexsort((x, x))",
    "diag_indices_from": "np.diag_indices_from(q)",
    "may_share_memory": "np.may_share_memory(x, x)",
    "searchsorted": "np.searchsorted(x, x)", "shares_memory": "np.shares_memory(x, x)",
    "tril_indices_from": "np.tril_indices_from(q)",
    "triu_indices_from": "np.triu_indices_from(q)",
    "ravel_multi_index": "np.ravel_multi_index([1], (3,))",
    "unravel_index": "np.unravel_index(1, (3,))", "packbits": "np.packbits(x > 0)",
    "unpackbits": "np.unpackbits(np.array([1], np.uint8))",
    "matrix_rank": "np.linalg.matrix_rank(q)",
    "nextafter": "np.nextafter(x, 1.0)", "bmat": "np.bmat([[q, q]])",
    "save": "np.save('x', x)", "savetxt": "np.savetxt('x', x)", "savez": "np.savez('x', x)",
    "savez_compressed": "np.savez_compressed('x', x)",
}  # fmt: skip
WHOLE = {"bitwise_count", "bitwise_invert", "bitwise_not", "invert"}
PAIRS = {
    "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "gcd",
    "lcm", "left_shift", "right_shift",
}  # fmt: skip


def called(row, **names):
    """A call of the function on tracked arrays (on integers, if it takes nothing else)."""
    x, q = leaf(3), leaf(3, 3)
    whole = cd.array(np.array([1, 2, 3]))
    prefix = row.module.replace("numpy", "np")
    call = CALLS.get(row.name, f"{prefix}.{row.name}(x)")
    if row.name in WHOLE:
        call = f"np.{row.name}(whole)"
    elif row.name in PAIRS:
        call = f"np.{row.name}(whole, whole)"
    elif getattr(getattr(np, row.name, None), "nin", 1) == 2 and row.name not in CALLS:
        call = f"np.{row.name}(x, x)"
    return eval(call, {"np": np, "x": x, "q": q, "whole": whole})


@of_kind("plain")
def test_plain_functions_answer_without_derivative(row):
    result = called(row)
    for part in result if isinstance(result, (tuple, list)) else [result]:
        assert not isinstance(part, cd.Array)
        numbers = isinstance(part, (np.ndarray, np.generic)) and part.dtype.kind in "fc"
        assert not numbers or row.name == "spacing"  # of floating numbers: a lost derivative


@of_kind("none")
def test_functions_without_derivative_raise(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if row.name in ("typename", "mintypecode", "from_dlpack", "frombuffer"):
        with pytest.raises((TypeError, AttributeError, ValueError, BufferError)):
            called(row)
        return
    with pytest.raises(TypeError):
        called(row)


def test_page(tmp_path, monkeypatch):
    import numpy_coverage as module

    target = tmp_path / "numpy.md"
    monkeypatch.setattr(sys, "argv", ["numpy_coverage.py", "--docs", str(target)])
    runpy.run_path(str(Path(module.__file__)), run_name="__main__")
    text = target.read_text(encoding="utf-8")
    assert text == page()
    for row in COVERAGE:
        assert f"`{row.name}`" in text or f".{row.name}`" in text
        assert row.reason in text


def test_plain_cases_know_the_functions():
    assert any("m.spacing(" in case for case in PLAIN)
