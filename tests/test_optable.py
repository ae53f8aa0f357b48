"""The operator table and its generator, tested without the compiled package.

Every partial is compared with mpmath's numerical derivative of the value, twice: the expression of
the table in 700-digit arithmetic (is the mathematics right?), and the generated C in double
precision (is the formula stable?). Then the kernels are compared with the scalar functions, and
bad tables must be refused with a message that names the row.
"""

import itertools
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath")

from optable_exact import (  # noqa: E402
    DIGITS,
    EPS,
    MP,
    ROWS,
    SMALL,
    SPECIAL,
    TABLE,
    by_name,
    differentiable,
    exact_partial,
    exact_value,
    mp_partial,
)
from optable_probe import SRC, Compiled, codegen  # noqa: E402

import codegen_rules  # noqa: E402
import codegen_struct  # noqa: E402
import optable  # noqa: E402
from codegen_c import ZERO, kind  # noqa: E402

NAMES = [row.name for row in SMALL]
POINTS = [(row.name, point) for row in SMALL for point in row.samples]
KINKS = [(row.name, point, partials) for row in SMALL for point, partials in row.at_kink]
LENGTHS = (0, 1, 3, 8, 17, 300)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return Compiled(tmp_path_factory.mktemp("optable"))


# --- the table in many digits ---------------------------------------------------------------------

def run(program, env, functions):
    """Evaluate a parsed expression."""
    done = []

    def get(arg):
        return done[arg] if isinstance(arg, int) else arg if isinstance(arg, float) else env[arg]

    for op, args in program.steps:
        done.append(functions[op](*map(get, args)))
    return get(program.result)


@pytest.mark.parametrize(("name", "point"), POINTS)
def test_partials_are_the_derivatives_of_the_value(name, point):
    row = ROWS[name]
    with mpmath.workdps(DIGITS):
        env = by_name(row, map(mpmath.mpf, point))
        env["y"] = MP[name](*env.values())
        for k, program in enumerate(row.partials):
            if k not in differentiable(row):
                continue
            want = mp_partial(row, k, point)
            got = run(program, env, MP)
            # The table's constants are doubles, and may be scaled up inside a function.
            assert abs(got - want) <= 1e-13 * abs(want) + 1e-300, (k, got, want)


@pytest.mark.parametrize(("name", "point"), POINTS)
def test_compiled_values_and_partials_are_accurate(compiled, name, point):
    got_value, got = compiled.value(name, *point), compiled.partials(name, *point)
    want, allowed = exact_value(name, point)
    assert abs(got_value - want) <= allowed, (got_value, want)
    for k in differentiable(ROWS[name]):
        want, allowed = exact_partial(name, k, point)
        assert abs(got[k] - want) <= allowed, (k, got[k], want)


@pytest.mark.parametrize(("name", "point", "partials"), KINKS)
def test_conventions_at_kinks(compiled, name, point, partials):
    got = compiled.partials(name, *point)
    np.testing.assert_allclose(got, partials, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", [row.name for row in SMALL if row.numpy])
def test_edge_values_are_numpys(compiled, name):
    row = ROWS[name]
    function = getattr(np, row.numpy)
    for point in row.edges:
        with np.errstate(all="ignore"):
            want = float(function(*map(np.float64, point)))
        got = compiled.value(name, *point)
        if set(point) == {0.0} and name in ("fmax", "fmin"):
            assert got == want == 0.0  # whose sign depends on the version of NumPy
        else:
            assert same_number(got, want), (point, got, want)


def same_number(got, want):
    """Equal but for the last digits; zeros also in sign."""
    if math.isnan(want):
        return math.isnan(got)
    if want == 0.0 or math.isinf(want):
        return got == want and math.copysign(1, got) == math.copysign(1, want)
    return abs(got - want) <= 4 * EPS * abs(want) + 5e-324


@pytest.mark.parametrize("name", [row.name for row in SMALL if row.scipy])
def test_values_are_scipys(compiled, name):
    special = pytest.importorskip("scipy.special")
    function = getattr(special, ROWS[name].scipy.rsplit(".", 1)[1])
    for point in ROWS[name].samples + ROWS[name].edges:
        assert same_number(compiled.value(name, *point), float(function(*point))) or (
            abs(compiled.value(name, *point) - function(*point)) < 8 * EPS)


# --- any order: nested dual numbers on the table's own rules --------------------------------------


class Dual:
    def __init__(self, level, primal, tangent):
        self.level, self.primal, self.tangent = level, primal, tangent


def level_of(x):
    return x.level if isinstance(x, Dual) else 0


def table_functions(base):
    """The rows as functions on nested duals, with base(name, *numbers) underneath."""
    functions = {}

    def apply(row, *args):
        top = max(map(level_of, args))
        if top == 0:
            return base(row.name, *args)
        primals = [x.primal if level_of(x) == top else x for x in args]
        y = functions[row.name](*primals)
        tangent = 0.0
        for k, x in enumerate(args):
            if level_of(x) == top and kind(row.partials[k]) != ZERO:
                d = run(row.partials[k], {**by_name(row, primals), "y": y}, functions)
                tangent = functions["add"](tangent, functions["zmul"](x.tangent, d))
        return Dual(top, y, tangent)

    for row in TABLE.elementwise:
        functions[row.name] = lambda *args, row=row: apply(row, *args)
    return functions


def nested_derivative(functions, name, point, directions):
    """The derivative in several directions, one level of duals for each operand index."""
    args = list(point)
    for level, k in enumerate(directions, 1):
        args[k] = Dual(level, args[k], 1.0)
    y = functions[name](*args)
    for level in range(len(directions), 0, -1):
        y = y.tangent if level_of(y) == level else 0.0
    return y


SMOOTH = [row.name for row in SMALL if row.mp and row.name != "sinc_derivative"
          and any(not isinstance(p.result, float) for p in row.partials)]


@pytest.mark.parametrize("name", SMOOTH)
def test_third_derivatives_exist_and_are_right(name):
    row = ROWS[name]
    point = row.samples[1]
    functions = table_functions(lambda op, *args: MP[op](*map(mpmath.mpf, args)))
    count = len(row.operands)
    for order in (2, 3):
        for directions in itertools.combinations_with_replacement(range(count), order):
            with mpmath.workdps(60):
                got = nested_derivative(functions, name, point, directions)
                orders = tuple(directions.count(k) for k in range(count))
                want = mpmath.diff(MP[name], tuple(map(mpmath.mpf, point)), orders)
                assert abs(got - want) <= 1e-10 * (1 + abs(want)), (directions, got, want)


@pytest.mark.parametrize(("name", "point", "directions", "want"), SPECIAL)
def test_higher_derivatives_at_special_points(compiled, name, point, directions, want):
    functions = table_functions(
        lambda op, *args: (compiled.value(op, *args) if len(args) < 3
                           else args[1] if args[0] else args[2]))
    got = nested_derivative(functions, name, point, directions)
    assert got == pytest.approx(want, rel=1e-14, abs=0), got


# --- generated tables -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_bytecode_computes_the_partials(compiled, name):
    row = ROWS[name]
    for point in row.samples:
        a, b = (*point, 0.0)[:2]
        y = compiled.value(name, *point)
        for k in range(len(point)):
            steps, result = compiled.rule(name, k)
            slots = [a, b, y]

            def get(slot, slots=slots):
                return slots[slot] if slot >= 0 else compiled.lib.rule_constant(-1 - slot)

            for op, *args in steps:
                inner = ROWS[compiled.names[op]]
                numbers = [get(slot) for slot in args[: len(inner.operands)]]
                slots.append(compiled.value(inner.name, *numbers))
            assert get(result) == pytest.approx(compiled.partial(name, k, a, b, y), rel=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_saves_and_kinds_agree_with_the_rules(compiled, name):
    for k, program in enumerate(ROWS[name].partials):
        op = compiled.codes[name]
        kind, saves = compiled.lib.op_fact(op, k, 0), compiled.lib.op_fact(op, k, 1)
        assert saves == sum(bit for bit, x in ((1, "a"), (2, "b"), (4, "y")) if program.reads(x))
        assert kind == {0.0: 0, 1.0: 1, -1.0: 2}.get(
            program.result if isinstance(program.result, float) else None, 3)


# --- array kernels --------------------------------------------------------------------------------


def operands(row, n, seed=0):
    """n operand tuples drawn from the row's samples, as arrays."""
    rng = np.random.default_rng(seed)
    picked = [row.samples[i] for i in rng.integers(len(row.samples), size=max(n, 1))]
    columns = [np.array(column) for column in zip(*picked, strict=True)]
    return columns[0], columns[1] if len(columns) > 1 else None


def agree(got, want):
    """Vector and scalar code may contract and reorder differently: a few ulp."""
    np.testing.assert_allclose(got, want, rtol=2e-13, atol=1e-300)


def strides_of(row):
    return [(1, 1), (1, 0), (0, 1), (0, 0)] if len(row.operands) == 2 else [(1, 1), (0, 1)]


@pytest.mark.parametrize("name", NAMES)
def test_value_kernels(compiled, name):
    row = ROWS[name]
    for n, (sa, sb) in itertools.product(LENGTHS, strides_of(row)):
        a, b = operands(row, n)
        got = compiled.kernel(name, n, a, b, sa, sb)
        points = [(a[i * sa],) if b is None else (a[i * sa], b[i * sb]) for i in range(n)]
        agree(got, [compiled.value(name, *point) for point in points])
        if sa and n:
            agree(compiled.kernel(name, n, a, b, sa, sb, out=a), got)


@pytest.mark.parametrize("name", NAMES)
def test_value_kernels_at_the_edges(compiled, name):
    row = ROWS[name]
    columns = [np.array(column) for column in zip(*row.edges, strict=True)]
    a, b = columns[0], columns[1] if len(columns) > 1 else None
    got = compiled.kernel(name, len(a), a, b)
    for x, point in zip(got, row.edges, strict=True):
        assert same_number(x, compiled.value(name, *point)), (point, x)


@pytest.mark.parametrize("name", NAMES)
def test_adjoint_kernels(compiled, name):
    row = ROWS[name]
    rng = np.random.default_rng(1)
    for k, n, (sa, sb), sg, acc in itertools.product(
            range(len(row.operands)), LENGTHS, strides_of(row), (0, 1), (0, 1)):
        a, b = operands(row, n)
        points = [(a[i * sa],) if b is None else (a[i * sa], b[i * sb]) for i in range(n)]
        y = np.array([compiled.value(name, *point) for point in points])
        g = rng.normal(size=max(n, 1))
        g[::3] = 0.0
        out = start = rng.normal(size=n)
        out = start.copy()
        if not compiled.adjoint(name, k, n, out, g, a, b, y, (sg, sa, sb), acc):
            assert kind(row.partials[k]) == ZERO
            continue
        want = [g[i * sg] * compiled.partials(name, *point)[k] if g[i * sg] else 0.0
                for i, point in enumerate(points)]
        agree(out, want + start if acc else want)
        if sg and n and not acc:
            compiled.adjoint(name, k, n, g, g, a, b, y, (sg, sa, sb), 0)
            agree(g[:n], out)


def test_zero_absorbs_in_adjoint_kernels(compiled):
    g, a, out = np.zeros(9), np.zeros(9), np.ones(9)
    y = np.zeros(9)
    compiled.adjoint("sqrt", 0, 9, out, g, a, None, y)
    assert (out == 0).all()
    compiled.adjoint("log", 0, 9, out, g, a, None, y)
    assert (out == 0).all()


def test_unread_operands_may_be_null(compiled):
    for row in SMALL:
        a, b = operands(row, 9)
        points = zip(a, strict=True) if b is None else zip(a, b, strict=True)
        y, g = np.array([compiled.value(row.name, *point) for point in points]), np.ones(9)
        for k, program in enumerate(row.partials):
            out, full = np.empty(9), np.empty(9)
            given = [x if program.reads(s) else None for s, x in (("a", a), ("b", b), ("y", y))]
            if compiled.adjoint(row.name, k, 9, out, g, *given):
                compiled.adjoint(row.name, k, 9, full, g, a, b, y)
                np.testing.assert_array_equal(out, full)


def test_where_kernel(compiled):
    import ctypes

    from optable_probe import pointer
    rng = np.random.default_rng(2)
    size = ctypes.c_int64
    for n, sc, sa, sb in itertools.product(LENGTHS, (0, 1), (0, 1), (0, 1)):
        c = rng.choice([0.0, -0.0, 1.0, np.nan], size=max(n, 1))
        a, b, out = rng.normal(size=max(n, 1)), rng.normal(size=max(n, 1)), np.empty(n)
        compiled.lib.kernel_where(size(n), pointer(out), pointer(c), pointer(a), pointer(b),
                                  size(sc), size(sa), size(sb))
        want = [a[i * sa] if c[i * sc] != 0 else b[i * sb] for i in range(n)]
        np.testing.assert_array_equal(out, want)


# --- the generator --------------------------------------------------------------------------------


def test_generation_is_deterministic(tmp_path):
    for seed in "12":
        code = f"import codegen; codegen.generate({str(tmp_path / seed)!r})"
        subprocess.run([sys.executable, "-c", code], check=True,
                       env={**os.environ, "PYTHONPATH": str(SRC), "PYTHONHASHSEED": seed})
    first = {path.name: path.read_text() for path in (tmp_path / "1").iterdir()}
    assert first == {path.name: path.read_text() for path in (tmp_path / "2").iterdir()}
    assert set(first) >= {"ops.h", "rules.h", "scalar.h", "kernels.h", "ops.pxi"}


def test_unchanged_files_are_left_alone(tmp_path):
    assert codegen.generate(str(tmp_path))
    assert codegen.generate(str(tmp_path)) == []
    (tmp_path / "ops.h").write_text("stale")
    assert codegen.generate(str(tmp_path)) == ["ops.h"]


def test_every_row_is_documented_and_sampled():
    page = codegen.operator_page(TABLE, optable.MACROS)
    for row in TABLE.elementwise + TABLE.structural:
        assert row.doc.endswith("."), row.name
        assert f"`{row.name}(" in page
    functions = {name: math_function(name) for name in ROWS}
    for row in SMALL:
        for point in row.samples:
            if row.domain:
                parser = codegen_rules.Parser({n: len(r.operands) for n, r in ROWS.items()},
                                              (*row.operands, "y"), row.name)
                program = parser.parse(row.domain)
                assert run(program, by_name(row, point), functions), (row.name, point)


def math_function(name):
    return lambda *args: MP[name](*map(mpmath.mpf, args))


def test_the_table_imports_nothing():
    text = (SRC / "optable.py").read_text()
    assert not [line for line in text.splitlines() if line.startswith(("import ", "from "))]


def extra_row(**fields):
    base = {"name": "extra", "operands": ("a",), "d": ("1",), "c": "a", "value": None,
            "domain": None, "kink": None, "doc": "A row.", "samples": ((1.0,),), "edges": (),
            "at_kink": (), "light": False, "holomorphic": False, "complex": None,
            "complex_d": (), "pair": None}
    return optable.Row(**{**base, **fields})


BROKEN = [
    ({"d": ("bessel(a)",)}, 'row "extra", partial 0 ("bessel(a)"): bessel is not a row'),
    ({"d": ("b",)}, "b is not an operand (a, y)"),
    ({"d": ("sin(a, a)",)}, "sin takes 1 operands, not 2"),
    ({"d": ("a ** 2",)}, "a ** 2 is outside the language"),
    ({"d": ("1e999 * a",)}, "constants must be finite"),
    ({"d": ("1 +",)}, "not an expression"),
    ({"d": ("1", "2")}, "2 partials for 1 operands"),
    ({"d": ("a if a else 1",)}, "is outside the language"),
    ({"name": "sin"}, 'row "sin" appears twice'),
    ({"doc": ""}, "needs a doc line and samples"),
    ({"samples": ((1.0, 2.0),)}, "does not fit the operands"),
    ({"c": None, "value": "exp(extra(a))"}, "its value refers to itself"),
    ({"value": "a"}, "both a C value and a value in the language"),
    ({"d": ("hypot(a, 1)",), "holomorphic": True}, "hypot takes no complex operands"),
    ({"holomorphic": True, "complex_d": ("a",)}, "its complex partial reads more"),
    ({"holomorphic": True, "complex_d": ("1", "2")}, "2 complex partials for 1"),
]


@pytest.mark.parametrize(("fields", "message"), BROKEN)
def test_broken_rows_are_refused(fields, message):
    with pytest.raises(codegen_rules.TableError) as error:
        codegen_rules.compile_elementwise([*optable.ELEMENTWISE, extra_row(**fields)])
    assert message in str(error.value)


BROKEN_STRUCTURAL = [
    ({"adjoint": ("exp(g)",)}, "exp is not linear in the seed"),
    ({"adjoint": ("g * g",)}, "not linear in the seed"),
    ({"adjoint": ("a",)}, "does not depend on g"),
    ({"adjoint": ("g + 1",)}, "a sum of a seeded and an unseeded term"),
    ({"adjoint": ("fold(g, 1)",)}, "fold is neither a row of the table nor a helper"),
    ({"adjoint": ("reshape(g)",)}, "reshape takes a, shape"),
    ({"adjoint": ("sum(g, axes, True)",)}, "axes is neither an operand nor an attribute"),
    ({"adjoint": ("g", "g")}, "2 adjoints for 1 operands"),
    ({"adjoint": ("phi(g, g)",)}, "macro phi takes 1 arguments"),
]


@pytest.mark.parametrize(("fields", "message"), BROKEN_STRUCTURAL)
def test_broken_structural_rows_are_refused(fields, message):
    base = {"name": "extra", "operands": ("a",), "attributes": (), "doc": "A row.",
            "adjoint": ("g",), "tangent": None, "linear": True, "multilinear": False,
            "own_applier": False}
    row = optable.Row(**{**base, **fields})
    with pytest.raises(codegen_rules.TableError) as error:
        codegen_struct.compile_structural(
            optable.ELEMENTWISE, [*optable.STRUCTURAL, row], optable.FUSED, optable.MACROS,
            codegen.helpers())
    assert message in str(error.value)


GUIDE = SRC.parent / "CONTRIBUTING.md"


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide for contributors is not here")
def test_the_worked_example_of_the_guide_is_a_row(monkeypatch):
    [code] = re.findall(r"```python\n(op\(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setattr(optable, "ELEMENTWISE", optable.ELEMENTWISE.copy())
    exec(code, {"op": optable.op})
    table = codegen.load()
    assert "`softsign(a)`" in codegen.operator_page(table, optable.MACROS)
    assert codegen.files(table)["scalar.h"].count("softsign") > 1
