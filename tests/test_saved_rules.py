"""Rules of users, SciPy's functions, counted loops and stop_gradient in files."""

import io
import math
import pickle
import random
from collections import namedtuple

import numpy as np
import pytest
from damage import damage_bytes, exchange_parts

import cdiff as cd
from cdiff._core import program_of_parts, program_parts
from cdiff._saved._calls import call_of, plain_call
from cdiff._saved._saving import CODES, INSTRUCTION, Known

POINT = np.array([0.5, 1.2, 2.0, 0.7])
MOVED = POINT * 1.01
Pair = namedtuple("Pair", "a b")


@cd.custom_vjp
def tripled(x):
    """A rule that tells: three times the derivative of sin."""
    return np.sin(x)


tripled.defvjp(
    lambda x: (np.sin(x), (x, 3.0, Pair(x, "s"))), lambda r, g: (g * r[1] * np.cos(r[0]),)
)


@cd.custom_jvp
def doubled(x, n):
    """Twice the derivative."""
    return x**n


doubled.defjvp(lambda p, t: (doubled(*p), 2.0 * p[1] * p[0] ** (p[1] - 1) * t[0]))


@cd.custom_jvp(nondiff_argnums=(0, 2))
def lifted(name, x, n):
    """Arguments without derivatives around one that has: four times the derivative."""
    return np.sin(x) if name == "sin" else x**n


lifted.defjvp(
    lambda name, n, p, t: (lifted(name, p[0], n),
                           4.0 * t[0] * (np.cos(p[0]) if name == "sin" else n * p[0] ** (n - 1)))
)  # fmt: skip


@cd.custom_vjp(nondiff_argnums=0)
def lowered(n, x):
    return x**n


lowered.defvjp(lambda n, x: (x**n, x), lambda n, x, g: (5.0 * g * n * x ** (n - 1),))


def scaled_gamma(pair, factor):
    return {"out": np.vectorize(math.gamma)(pair.a) * factor, "count": np.asarray(pair.a).size}


gamma = cd.operator(scaled_gamma, name="gamma")


@gamma.defvjp
def _(g, out, pair, factor):
    import cdiff.scipy.special as csp

    return Pair(g["out"] * out["out"] * csp.digamma(pair.a), None), None


RULES = {"tripled": tripled, "doubled": doubled, "gamma": gamma, "lifted": lifted,
         "lowered": lowered}  # fmt: skip


def saved(compiled):
    file = io.BytesIO()
    compiled.save(file)
    return file.getvalue()


def loaded(f, point=POINT, **options):
    """A function from a file."""
    compiled = cd.compile(f)
    compiled(point)
    options = {"rules": RULES, "containers": (Pair,)} | options
    return cd.load(io.BytesIO(saved(compiled)), **options)


def total(f):
    return lambda x: np.sum(f(x))


def growing(x):
    return cd.while_loop(lambda c: c.sum() < 50, lambda c: c * 1.5 + x * x, x)


def stopping(x):
    return cd.fori_loop(0, 3, lambda i, c: cd.stop_gradient(c) * c + x, x)


def gammas(x):
    return gamma(Pair(x * x, "other"), 2.0)["out"]


FUNCTIONS = {
    "custom_vjp": lambda x: tripled(x) * x,
    "custom_vjp in a loop": lambda x: cd.fori_loop(0, 3, lambda i, c: tripled(c) * x, x),
    "custom_jvp": lambda x: doubled(x, 3) * x,
    "custom_jvp in a loop": lambda x: cd.fori_loop(0, 3, lambda i, c: doubled(c, 2) + x, x),
    "custom_jvp with fixed arguments": lambda x: lifted("sin", x, 2) * lifted("power", x, 3),
    "custom_vjp with a fixed argument": lambda x: lowered(2, x) * x,
    "gradient of a rule": cd.grad(lambda x: (tripled(x) * doubled(x, 2)).sum()),
    "vmap of a rule": cd.vmap(lambda x: tripled(x) * doubled(x, 2)),
    "operator": gammas,
    "gradient of an operator": cd.grad(total(gammas)),
    "operator in a loop": lambda x: cd.fori_loop(0, 2, lambda i, c: gammas(1.0 / c) + x, x),
    "vmap of an operator": cd.vmap(lambda x: gammas(x)),
    "stop_gradient": lambda x: cd.stop_gradient(x) * x,
    "stop_gradient in a loop": stopping,
    "gradient of a stopped loop": cd.grad(total(stopping)),
    "gradient of a while_loop": cd.grad(total(growing)),
    "jvp of a while_loop": lambda x: cd.jvp(growing, (x,), (x,))[1],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_from_a_file(name):
    f = FUNCTIONS[name]
    found = loaded(f)
    compiled = cd.compile(f)
    compiled(POINT)
    for x in (POINT, MOVED):
        np.testing.assert_array_equal(found(x), compiled(x))
    assert found.stats()["recordings"] == 0
    np.testing.assert_allclose(cd.grad(total(found))(MOVED), cd.grad(total(f))(MOVED), rtol=1e-12)
    t = np.arange(4.0)
    got, want = (cd.jvp(total(g), (MOVED,), (t,))[1] for g in (found, f))
    np.testing.assert_allclose(got, want, rtol=1e-12)
    again = cd.load(io.BytesIO(saved(found)), rules=RULES, containers=(Pair,))
    np.testing.assert_array_equal(again(MOVED), compiled(MOVED))
    np.testing.assert_allclose(cd.grad(total(again))(MOVED), cd.grad(total(f))(MOVED), rtol=1e-12)


def test_a_rule_that_was_not_given():
    found = loaded(lambda x: (tripled(x) * x).sum(), rules={})
    np.testing.assert_allclose(found(MOVED), (np.sin(MOVED) * MOVED).sum())
    for derivative in (cd.grad(found), lambda x: cd.jvp(found, (x,), (x,))):
        with pytest.raises(LookupError, match=r"rules=\{'tripled': f\}"):
            derivative(MOVED)
    again = cd.load(io.BytesIO(saved(found)), rules=RULES, containers=(Pair,))
    want = np.sin(MOVED) + 3.0 * np.cos(MOVED) * MOVED
    np.testing.assert_allclose(cd.grad(again)(MOVED), want, rtol=1e-14)


def test_an_operator_that_was_not_given():
    with pytest.raises(cd.FormatError, match=r"rules=\{'gamma': f\}"):
        loaded(gammas, rules={})
    with pytest.raises(cd.FormatError, match="must be what operator returns"):
        loaded(gammas, rules={"gamma": tripled})
    with pytest.raises(cd.FormatError, match="must be what custom_vjp returns"):
        loaded(tripled, rules={"tripled": doubled})
    with pytest.raises(cd.FormatError, match="containers"):
        loaded(gammas, containers=())
    for wrong in ({"gamma": math.gamma}, {1: gamma}):
        with pytest.raises(TypeError, match="must be the name of a function"):
            loaded(gammas, rules=wrong)
    with pytest.raises(TypeError, match="has no rule yet"):
        loaded(tripled, rules={"tripled": cd.custom_vjp(np.sin)})


def test_two_rules_of_one_name():
    first, second = (cd.operator(lambda x, k=k: x * k) for k in (1.0, 2.0))
    compiled = cd.compile(lambda x: first(x) + second(x))
    compiled(POINT)
    with pytest.raises(TypeError, match="two functions with derivative rules are called '<la"):
        saved(compiled)


def test_what_a_rule_holds_must_be_plain():
    noted = cd.custom_vjp(lambda x: np.sin(x))
    noted.defvjp(lambda x: (np.sin(x), {"x": x, "f": math.sin}), lambda r, g: (g,))
    compiled = cd.compile(lambda x: noted(x))
    compiled(POINT)
    with pytest.raises(TypeError, match=r"<lambda>, which has a derivative rule, was called with"):
        saved(compiled)


def test_compiled_functions_show_and_run_what_has_no_rules():
    compiled = cd.compile(lambda x: tripled(cd.stop_gradient(x)) * x)
    compiled(POINT)
    assert "call" not in str(compiled.program)
    np.testing.assert_array_equal(compiled(MOVED), np.sin(MOVED) * MOVED)


def test_decisions_beside_rules():
    found = loaded(lambda x: tripled(x).sum() if x[0] > 0 else x.sum())
    np.testing.assert_allclose(cd.grad(found)(MOVED), 3.0 * np.cos(MOVED))
    with pytest.raises(LookupError, match="loaded from a file"):
        cd.grad(found)(-MOVED)


def test_pickles_with_operators():
    compiled = cd.compile(operating)
    expected = compiled(POINT)
    copied = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(copied(POINT), expected)
    copied = pickle.loads(pickle.dumps(loaded(operating)))
    np.testing.assert_array_equal(copied(POINT), expected)
    got, want = (cd.grad(total(f))(POINT) for f in (copied, operating))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def operating(x):
    return gammas(x) * x


def test_a_pickle_of_a_loaded_function():
    found = pickle.loads(pickle.dumps(loaded(cd.stop_gradient)))
    np.testing.assert_array_equal(cd.grad(total(found))(POINT), np.zeros(4))
    np.testing.assert_array_equal(found(MOVED), MOVED)


# --- SciPy ----------------------------------------------------------------------------------------


def special_functions():
    import cdiff.scipy.fft as csf
    import cdiff.scipy.interpolate as csi
    import cdiff.scipy.linalg as csl
    import cdiff.scipy.ndimage as cndi
    import cdiff.scipy.signal as css
    import cdiff.scipy.sparse as sparse
    import cdiff.scipy.special as csp
    import cdiff.scipy.stats as cst

    spd = np.eye(4) * 5
    return {
        "jv": lambda x: csp.jv(2, x) * csp.airy(x)[0],
        "gammainc": cd.grad(lambda x: (csp.gammainc(x, 1 / x) * csp.betainc(x, 2.0, x / 3)).sum()),
        "orders": cd.hessian(
            lambda x: (csp.gammainc(x, x) + csp.erfcx(x) + csp.zeta(1 + x, x)).sum()
        ),
        "quantile": lambda x: cst.vonmises.ppf(x / 10, x) * csp.chdtr(3.0, x),
        "vmap": cd.vmap(lambda x: csp.gamma(x) * csp.ellipj(x, 0.3)[1]),
        "lambertw": lambda x: csp.lambertw(x) + csp.voigt_profile(x, 1.0, x),
        "loop": lambda x: cd.fori_loop(0, 2, lambda i, c: csp.j0(c) + x, x),
        "expm": cd.grad(lambda x: csl.expm(np.outer(x, x) / 4).sum()),
        "power": cd.grad(
            lambda x: csl.fractional_matrix_power(np.outer(x, x) / 4 + spd, 0.3).sum()
        ),
        "triangle": cd.grad(
            lambda x: csl.solve_triangular(np.tril(np.outer(x, x)) + spd, x, lower=True).sum()
        ),
        "sylvester": lambda x: csl.solve_sylvester(np.outer(x, x) + spd, spd, np.outer(x, x)),
        "riccati": cd.grad(
            lambda x: csl.solve_continuous_are(
                np.outer(x, x) / 99 - spd, spd[:, :2], spd + np.outer(x, x), spd[:2, :2]
            ).sum()
        ),
        "periodic": lambda x: csi.make_interp_spline(
            [0.0, 1.0, 2.5, 3.0, 4.0], cd.numpy.concatenate([x, x[:1]]), 4, bc_type="periodic"
        )(x),
        "shares": lambda x: cst.dirichlet.logpdf(x / x.sum(), x),
        "banded": cd.grad(lambda x: csl.solve_banded((1, 1), np.stack([x, x + 5, x]), x).sum()),
        "lu": lambda x: csl.lu_factor(np.outer(x, x) + spd)[0],
        "lfilter": cd.grad(lambda x: css.lfilter([1.0, 2.0], [1.0, 0.5], x).sum()),
        "convolve": cd.grad(lambda x: (css.convolve(x, x) ** 2).sum()),
        "cosines": lambda x: csf.dctn(np.outer(x, x), 3) + csf.dst(x * x, 1, norm="ortho"),
        "hankel": cd.grad(lambda x: (csf.fht(x, 0.1, 0.0) ** 2).sum()),
        "image": cd.vmap(lambda x: cndi.shift(np.outer(x * POINT, POINT), 0.3).sum()),
        "sparse": lambda x: matrix(x) @ x + cd.grad(lambda x: (matrix(x) @ x**2).sum())(x),
        "spsolve": lambda x: sparse.linalg.spsolve(matrix(x), x**2),
        "cg": cd.grad(
            lambda x: sparse.linalg.cg(matrix(x).T @ matrix(x), x**2, rtol=1e-14)[0].sum()
        ),
        "polar": cd.grad(lambda x: (csl.polar(np.outer(x, x**2) + spd)[0] ** 3).sum()),
        "triangles": lambda x: csi.LinearNDInterpolator(SITES, cd.numpy.tile(x, 3)[:9] ** 2)(
            np.array([[0.4, 0.2], [0.3, 1.0]]) * x[:2]
        ),
        "nearest": lambda x: csi.NearestNDInterpolator(SITES, np.arange(9.0))(x[:2] / 2) * x[0],
        "missing": lambda x: np.nanmax(np.where(x > 1.0, x, np.nan)) * x,
    }


SITES = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0)), -1).reshape(9, 2) + 0.01 * np.outer(
    np.arange(9.0) % 4, [1.0, -1.0]
)


def matrix(x):
    import cdiff.scipy.sparse as sparse

    return sparse.coo_array((x + 4.0, ([0, 1, 2, 3], [0, 1, 3, 2])), (4, 4))


SPECIAL = (
    "jv", "gammainc", "orders", "vmap", "lambertw", "loop", "expm", "power", "triangle",
    "sylvester", "riccati", "periodic", "shares", "banded", "lu", "lfilter", "convolve", "quantile",
    "cosines", "hankel", "image", "sparse", "spsolve", "cg", "polar", "triangles", "nearest",
    "missing",
)  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_functions_of_scipy_from_a_file(name):
    pytest.importorskip("scipy")
    f = special_functions()[name]
    found = loaded(f, rules=None)
    compiled = cd.compile(f)
    compiled(POINT)
    np.testing.assert_array_equal(found(MOVED), compiled(MOVED))
    got, want = (cd.grad(total(g))(MOVED) for g in (found, f))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_every_row_has_its_name():
    pytest.importorskip("scipy")
    from cdiff.scipy._language import FAMILIES, ROWS, Elementwise, named_row

    for name, row in ROWS.items():
        given = [None, *[2] * (len(row.args) - 1)]
        plain = plain_call(Elementwise(row, given), None)
        again = call_of(plain, Known())
        assert again.row is row and again.given == given and plain[1] == name
    for name, (count, _, _) in FAMILIES.items():
        row = named_row(f"{name}({', '.join('3' * count)})")
        assert named_row(row.name) is row
        assert named_row(f"{name}({', '.join('3' * (count + 1))})") is None
    for name in ("", "print", "gammainc_order", "gammainc_order(1", "gammainc_order(-1)",
                 "gammainc_order(9999)", "gammainc_order(1)\n", "__class__"):  # fmt: skip
        assert named_row(name) is None


# --- files from elsewhere -------------------------------------------------------------------------

TREE = ("tuple", (0,), None, (None,))
GIVEN = (1, (), (), (None,), (None,), (0,), (("<f8", (4,)),))
FOUND = (None, (None,), (0,), (("<f8", (4,)),))


@pytest.mark.parametrize(
    "x",
    [
        ("vjp", "tripled", GIVEN, FOUND),
        ("vjp", "tripled", GIVEN, FOUND, TREE, (), ()),
        ("vjp", "tripled", GIVEN, FOUND, TREE, (None,), (1,)),
        ("vjp", "tripled", GIVEN, FOUND, TREE, (None,), ("0",)),
        ("jvp", "doubled", GIVEN, FOUND, ()),
        ("jvp", "doubled", GIVEN, (None, (None,), (), ())),
        ("jvp", "doubled", GIVEN, (None, (None,), (0,), (("|O8", ()),))),
        ("jvp", "doubled", GIVEN, (None, (None,), (0,), (("<f8", (2**60,)),))),
        ("jvp", "doubled", (1, (0,), (), (None,), (None,), (0,), (("<f8", (4,)),)), FOUND),
        ("jvp", "doubled", (1, (), (), (TREE, TREE), (None,), (0,), (("<f8", (4,)),)), FOUND),
        ("jvp", "doubled", (1, (), (), (None,), (None,), (-1,), (("<f8", (4,)),)), FOUND),
        ("jvp", "doubled", (1, (), (), (None,), (None,), (0, 0), (("<f8", (4,)),) * 2), FOUND),
        ("jvp", "doubled", (2**40, (), (), (None,), (None,), (0,), (("<f8", (4,)),)), FOUND),
        ("user", "os.system", GIVEN, FOUND),
        ("user", "tripled", GIVEN, FOUND),
        ("eval", "tripled", GIVEN, FOUND),
        ("stop", 1),
        ("scipy", "jv", (None,)),
        ("scipy", "jv", ("2", None)),
        ("scipy", "os.system", (None,)),
        ("steps", ("recorded", None), ()),
        ("steps", (), ()),
        ("operator", "cdiff.scipy._matrix:MatrixFunction", (("value", "__class__"),)),
        ("operator", "cdiff.scipy.fft:RealTransform",
         tuple([("value", x) for x in ("set_workers", 1, -1, "ortho", True)])),
        ("operator", "cdiff.scipy.fft:Hankel", (("value", "set_workers"), ("value", 2))),
        ("operator", "cdiff.scipy._rates:Taps", tuple([("value", x) for x in (0, 1, 0, 1)])),
        ("operator", "cdiff.scipy._resample:SplineFilter",
         (("value", 9), ("value", "mirror"), ("tuple", (("value", 0),)))),
        ("operator", "cdiff.scipy.sparse._array:Product", (("value", 1),)),
        ("operator", "cdiff.scipy.sparse.linalg:Iterated",
         (("value", "use_solver"), ("tuple", ()), *[("value", x) for x in (SITES, SITES)],
          ("tuple", (("value", 4), ("value", 4))), ("value", False))),
        ("operator", "cdiff.scipy._scattered:Tree", (("value", SITES),)),
        ("function", "cdiff.scipy._scattered:Tree", (("value", SITES),), (), None),
        ("function", "cdiff.scipy._scattered:_simplex",
         (("made", ("cdiff.scipy._scattered:Mesh", (("value", SITES), ("value", SITES)))),), (),
         None),
        ("function", "cdiff.scipy._scattered:_simplex", (("made", ("os:system", ())),), (), None),
    ],
)
def test_nothing_else_can_be_named(x):
    with pytest.raises(cd.FormatError):
        call_of(x, Known((), RULES))


def test_a_rule_is_never_run():
    """A rule in the place of what is computed: it would hand on its operand."""
    from cdiff._saved._saving import pack, unpack

    compiled = cd.compile(tripled)
    compiled(POINT)
    content = unpack(saved(compiled))
    [record] = content["programs"]
    for changed in (
        {**record, "program": record["differentiated"]},
        {**record, "differentiated": record},
        {**record, "differentiated": 1},
    ):
        data = pack({**content, "programs": [changed]})
        with pytest.raises(cd.FormatError):
            cd.load(io.BytesIO(data), rules=RULES, containers=(Pair,))


def test_a_rule_without_its_operand():
    """A call that gives its first operand, and has none or one of another type."""
    compiled = cd.compile(tripled)
    compiled(POINT)
    parts = program_parts(compiled._latest.program)
    rows = np.frombuffer(parts[0], INSTRUCTION)
    [k] = np.flatnonzero(rows["op"] == CODES["call"])
    for field, value in (("b", 0), ("type", 0)):
        wrong = rows.copy()
        wrong[field][k] = value
        with pytest.raises(ValueError, match="it gives its first operand, of another type"):
            program_of_parts(wrong.tobytes(), *parts[1:])


def values_and_derivatives(found):
    found(POINT)
    cd.grad(total(found))(POINT)


@pytest.mark.parametrize(
    "name", ["custom_vjp in a loop", "custom_jvp", "operator", "gradient of a while_loop"]
)
def test_damaged_files(name, monkeypatch):
    monkeypatch.setattr("cdiff._saved._loops.MAX_LENGTH", 1000)  # longer ones only take longer
    load = cd.load
    monkeypatch.setattr(cd, "load", lambda x: load(x, rules=RULES, containers=(Pair,)))
    compiled = cd.compile(FUNCTIONS[name])
    compiled(POINT)
    rng = random.Random(name)
    for damaged in (damage_bytes, exchange_parts):
        seen = damaged(saved(compiled), values_and_derivatives, rng)
        assert seen["refused"] > 50
