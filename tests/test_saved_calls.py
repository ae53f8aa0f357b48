"""Programs that call NumPy and this package, in files: the same values, and no other calls."""

import ast
import io
import pkgutil
import random
from pathlib import Path

import numpy as np
import pytest
from damage import damage_bytes, exchange_parts

import cdiff as cd
from cdiff._core import Callee, Hosted, HostedRows, Positions
from cdiff._saved._calls import NUMPY, OWN, call_of, plain_call
from cdiff._saved._saving import pack, unpack

PACKAGE = Path(cd.__file__).parent
ROW = np.random.default_rng(1).normal(size=7)
MATRIX = np.random.default_rng(2).normal(size=(5, 5))

FUNCTIONS = {
    "sort": (lambda v: np.sort(v)[1:3].sum(), ROW),
    "quantile": (lambda v: np.median(v) + np.quantile(v, 0.3), ROW),
    "positions": (lambda v: v[np.argmin(v)] * v[np.argsort(v)][1], ROW),
    "pairs": (lambda m: m[np.argmax(m, axis=0), np.argmin(m, axis=1)].prod(), MATRIX),
    "mask": (lambda v: (v[v > 0] ** 2).sum(), ROW),
    "eigvalsh": (lambda m: np.linalg.eigvalsh(m @ m.T).max(), MATRIX),
    "svd": (lambda m: np.linalg.svd(m)[1].max(), MATRIX),
    "qr": (lambda m: np.abs(np.linalg.qr(m)[1]).sum(), MATRIX),
    "pinv": (lambda m: np.linalg.pinv(m).sum(), MATRIX),
    "det": (lambda m: np.linalg.det(m * (np.arange(5.0) > 0)), MATRIX),  # of rank 4
    "slogdet": (lambda m: np.linalg.slogdet(m)[0] * m.sum(), MATRIX),
    "norms": (lambda m: np.linalg.norm(m, 2) + np.linalg.norm(m, "nuc"), MATRIX),
    "convolve": (lambda v: (np.convolve(v, v) ** 2).sum(), ROW),
    "interp": (lambda v: np.interp(v, np.linspace(-2, 2, 5), np.arange(5.0)).sum(), ROW),
    "nanmean": (lambda v: np.nanmean(np.where(v > 0, v, np.nan)), ROW),
    "histogram": (lambda v: np.histogram(v, 4, (-3.0, 3.0), weights=v)[0].max(), ROW),
    "around": (lambda v: (np.around(v, 1) * v).sum(), ROW),
    "unwrap": (lambda v: (np.unwrap(3 * v) ** 2).sum(), ROW),
    "partition": (lambda v: np.partition(v, 2)[:2].sum(), ROW),
    "choose": (lambda v: np.choose((v > 0).astype(int), [v, 2 * v]).sum(), ROW),
    "searchsorted": (lambda v: v[np.searchsorted(np.sort(v), 0.1)], ROW),
    "frexp": (lambda v: np.frexp(v)[0].sum(), ROW),
    "vmap": (lambda m: cd.vmap(lambda r: r[np.argmax(r)] * np.sort(r)[0])(m).sum(), MATRIX),
}


def saved(compiled):
    file = io.BytesIO()
    compiled.save(file)
    return file.getvalue()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_values_from_a_file(name):
    f, point = FUNCTIONS[name]
    for function in (f, cd.grad(f)):
        compiled = cd.compile(function)
        compiled(point)
        loaded = cd.load(io.BytesIO(saved(compiled)))
        for x in (point, point * 1.01):
            np.testing.assert_array_equal(loaded(x), compiled(x))
        assert loaded.stats()["recordings"] == 0
    np.testing.assert_allclose(cd.grad(loaded_value(f, point))(point), cd.grad(f)(point))


def loaded_value(f, point):
    """A function from a file, which has derivatives as the original."""
    compiled = cd.compile(f)
    compiled(point)
    return cd.load(io.BytesIO(saved(compiled)))


# --- the lists ------------------------------------------------------------------------------------


HOSTS = ("of_values", "on_values", "hosted_value")


def hosting_calls():
    """(module, what it gives to functions that host calls) for all modules of the package."""
    for folder in ("numpy", "scipy"):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            module = ".".join(("cdiff", *path.relative_to(PACKAGE).with_suffix("").parts))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in HOSTS and node.args:
                    given = node.args[0]
                    either = isinstance(given, ast.IfExp)
                    for choice in [given.body, given.orelse] if either else [given]:
                        yield module, ast.unparse(choice)


def test_everything_that_programs_call_can_be_named():
    text = {"array2string", "array_repr", "array_str", "can_cast"}  # no values of a program
    passed_on = {"function", "original"}
    found = {(module, what) for module, what in hosting_calls() if what not in passed_on}
    assert len(found) > 60
    for module, what in found:
        library, _, name = what.partition(".")
        if library in ("np", "NUMPY"):
            known = name in NUMPY or name in text or isinstance(getattr(np, name, None), np.ufunc)
        else:
            known = what in OWN[module].split()
        assert known, (module, what)


def test_all_operators_of_numpy_and_scipy_can_be_named():
    pytest.importorskip("scipy")
    for module in pkgutil.walk_packages(cd.__path__, "cdiff."):
        if module.name.startswith(("cdiff.numpy", "cdiff.scipy")):
            __import__(module.name)
    todo, seen = [Callee], 0
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        if cls.__module__.startswith(("cdiff.numpy", "cdiff.scipy")) and not cls.__subclasses__():
            seen += 1
            known = OWN.get(cls.__module__, "").split()
            assert cls.__name__ in known or cls.__name__ == "Elementwise", cls
    assert seen > 20


def test_the_lists_name_what_there_is():
    for module, names in OWN.items():
        if module.startswith("cdiff.scipy"):
            pytest.importorskip("scipy")
        for name in names.split():
            assert hasattr(__import__(module, fromlist=[name]), name), (module, name)
    for name in NUMPY - {"linalg.matrix_rank"}:
        assert callable(getattr(np, name))


# --- files from elsewhere -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        None,
        (),
        ("function", "numpy:load", (), (), None),
        ("function", "numpy:linalg", (), (), None),
        ("function", "numpy:ufunc", (), (), None),
        ("function", "numpy:lib.npyio.load", (), (), None),
        ("function", "os:system", (("value", "true"),), (), None),
        ("function", "cdiff.numpy._common:mirrors", (), (), None),
        ("function", "cdiff._saved._calls:call_of", (), (), None),
        ("function", "cdiff.numpy._decompositions:Svd", (), (), None),
        ("function", "numpy:argsort", (("function", "builtins:eval"),), (), None),
        ("function", "numpy:argsort", (("operand", -1),), (), None),
        ("function", "numpy:argsort", (("dtype", "|O8"),), (), None),
        ("function", "numpy:argsort", (("dtype", "<i7"),), (), None),
        ("function", "numpy:argsort", (), (("axis",),), None),
        ("function", "numpy:argsort", (), ((1, ("value", 0)),), None),
        ("function", "numpy:argsort", (), (), "0"),
        ("operator", "cdiff.numpy._quantile:_floor", ()),
        ("operator", "cdiff.numpy._convolve:Convolution", (("value", 1), ("value", 2))),
        ("operator", "cdiff._core:Program", ()),
        ("positions", (-1,), ("tuple", ()), 0, False),
        ("positions", (3,), ("operand", 0), 1, False),
        ("positions", (3,), ("tuple", ()), 2, False),
        ("positions", (3,), ("tuple", ()), 0, False),
        ("operator", "cdiff.numpy._det:Determinant", (("tuple", ()), ("tuple", (("value", 1),)))),
        ("rows", ("function", "numpy:argsort", (), (), None), 0, ()),
        ("rows", ("function", "numpy:argsort", (), (), None), 2, (1,)),
        ("rows", ("operator", "cdiff.numpy._convolve:Convolution", (("value", "full"),)), 2, ()),
    ],
)
def test_nothing_else_can_be_named(x):
    with pytest.raises(cd.FormatError):
        call_of(x, None)


def test_depth_is_bounded():
    call = plain_call(Hosted(np.argsort, (1,), {}), None)
    for _ in range(100):
        call = ("rows", call, 2, ())
    with pytest.raises(cd.FormatError):
        call_of(call, None)
    argument = ("value", 1)
    for _ in range(100):
        argument = ("tuple", (argument,))
    with pytest.raises(cd.FormatError):
        call_of(("function", "numpy:argsort", (argument,), (), None), None)


def test_calls_come_back_as_they_were():
    sort = Hosted(np.argsort, ([1.0, (2, None)], slice(1, None), ..., np.dtype("f4"), float), {})
    for call in (
        sort,
        HostedRows(sort, 2, (True, False)),
        Positions((2, 3), (slice(None), 1), 1),
        Hosted(np.linalg.matrix_rank, (), {"hermitian": True}, 0),
    ):
        plain = plain_call(call, None)
        assert plain_call(call_of(plain, None), None) == plain
    for function in (print, len, np.load, lambda x: x, np.vectorize(len)):
        with pytest.raises(TypeError, match="no file can hold"):
            plain_call(Hosted(function, (), {}), None)


def test_a_result_of_another_shape_is_an_error():
    data = saved_sort()
    content = unpack(data)
    [record] = content["programs"]
    place = next(k for k, x in enumerate(record["program"]["attributes"]) if "argsort" in str(x))
    for wrong in ("numpy:argmin", "numpy:any", "numpy:flatnonzero"):
        attributes = list(record["program"]["attributes"])
        attributes[place] = (("function", wrong, (("operand", 0),), (), None),)
        program = {**record["program"], "attributes": tuple(attributes)}
        changed = {**content, "programs": [{**record, "program": program}]}
        with pytest.raises((ValueError, IndexError), match=r"shape|range"):
            cd.load(io.BytesIO(pack(changed)))(np.array([3.0, 0.0, 0.0, 1.0]))


def saved_sort():
    compiled = cd.compile(lambda x: x[np.argsort(x)] * np.interp(x, [0.0, 1.0], [2.0, 3.0]))
    compiled(np.ones(4))
    return saved(compiled)


# --- loops ----------------------------------------------------------------------------------------

VECTOR = np.array([0.5, -1.2, 2.0, 0.7])


def recurrence(x):
    return cd.scan(lambda c, a: (np.tanh(c * a + x), c.sum()), x, np.outer(x, x))[1]


LOOPS = {
    "scan of numbers": lambda x: cd.scan(lambda c, a: (c + a * x[0], c * a), 0.0, x)[1],
    "scan of arrays": recurrence,
    "gradient of a scan": cd.grad(lambda x: (recurrence(x) ** 2).sum()),
    "hvp of a scan": lambda x: cd.hvp(lambda x: recurrence(x).sum(), (x,), (x,))[1],
    "hessian": cd.hessian(lambda x: cd.fori_loop(0, 3, lambda i, c: c * np.cos(c), x).sum()),
    "two paths": lambda x: cd.scan(lambda c, a: (c + a if a > 0 else c * 2, c), 1.0, x)[1],
    "while": lambda x: cd.while_loop(lambda c: c.sum() < 50, lambda c: c * 1.5 + 1, x),
    "checkpoint": cd.grad(lambda x: cd.checkpoint(lambda y: np.sin(y) ** 2)(x).sum()),
    "checkpoint_every": cd.grad(
        lambda x: cd.scan(lambda c, a: (np.tanh(c * a), None), x[0], x, checkpoint_every=2)[0]
    ),
    "vmap": cd.vmap(lambda x: cd.fori_loop(0, 3, lambda i, c: c * np.cos(c), x)),
    "loop of loops": lambda x: cd.fori_loop(
        0, 2, lambda i, c: cd.fori_loop(0, 2, lambda j, d: np.sin(d) + x, c), x
    ),
    "sort in a loop": lambda x: cd.fori_loop(0, 2, lambda i, c: np.sort(c)[::-1] * c, x),
}


def in_segments(x):
    """A loop with a condition, of which a reverse sweep computes three steps again at a time."""
    step = lambda c: c * 1.5 + x * x
    return cd.while_loop(lambda c: c.sum() < 50, step, x, checkpoint_every=3)


SEGMENTS = {"segments": in_segments, "gradient": cd.grad(lambda x: in_segments(x).sum())}


@pytest.mark.parametrize("name", LOOPS | SEGMENTS)
def test_loops_from_a_file(name):
    f = (LOOPS | SEGMENTS)[name]
    loaded, compiled = loaded_value(f, VECTOR), cd.compile(f)
    for x in (VECTOR, VECTOR * 1.01):
        # A loop over small arrays goes over to their elements after its first calls.
        np.testing.assert_allclose(loaded(x), compiled(x), rtol=1e-14)
    assert loaded.stats()["recordings"] == 0
    got, want = (cd.grad(lambda x, g=g: np.sum(g(x)))(VECTOR) for g in (loaded, f))
    np.testing.assert_allclose(got, want, rtol=1e-11)
    again = cd.load(io.BytesIO(saved(loaded)))
    np.testing.assert_allclose(again(VECTOR), loaded(VECTOR), rtol=1e-14)


def test_a_loop_that_decides_something_new():
    loaded = loaded_value(LOOPS["two paths"], np.abs(VECTOR))
    with pytest.raises(LookupError, match=r"loaded from a file, .* decisions are not those"):
        loaded(VECTOR)
    np.testing.assert_array_equal(loaded(np.ones(4)), [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("seed", range(2))
def test_damaged_files_with_loops(name, seed, monkeypatch):
    monkeypatch.setattr("cdiff._saved._loops.MAX_LENGTH", 1000)  # longer ones only take longer
    compiled = cd.compile(LOOPS[name])
    compiled(VECTOR)
    rng = random.Random(seed)
    for damaged in (damage_bytes, exchange_parts):
        damaged(saved(compiled), lambda loaded: loaded(VECTOR), rng)


def with_guards(x, guards):
    """The same value with other guards in all its programs."""
    if type(x) in (tuple, list):
        return type(x)([with_guards(y, guards) for y in x])
    if type(x) is not dict:
        return x
    return {k: guards(y) if k == "guards" else with_guards(y, guards) for k, y in x.items()}


def test_a_decision_that_can_never_be_taken():
    compiled = cd.compile(lambda x: cd.fori_loop(0, 3, lambda i, c: np.sin(c) * int(c[0]), x))
    compiled(np.ones(100))
    never = lambda guards: tuple([(value, np.array(16), lost) for value, _, lost in guards])
    data = pack(with_guards(unpack(saved(compiled)), never))
    with pytest.raises(cd.FormatError, match="can never be"):
        cd.load(io.BytesIO(data))


def call_sort(loaded):
    return loaded(np.ones(4))


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_with_calls(seed):
    rng = random.Random(seed)
    for damaged in (damage_bytes, exchange_parts):
        seen = damaged(saved_sort(), call_sort, rng)
        assert seen["refused"] > 50


def test_branches_for_errors_say_why_they_cannot_be_saved():
    @cd.compile
    def f(x):
        try:
            return np.linalg.solve(cd.numpy.array([[1.0, x], [x, 1.0]]), np.ones(2)).sum()
        except np.linalg.LinAlgError:
            return 5.0 * x

    assert f(1.0) == 5.0
    with pytest.raises(TypeError, match="f cannot be saved: a branch of it is for an error"):
        f.save(io.BytesIO())
