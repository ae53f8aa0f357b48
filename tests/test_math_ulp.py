"""The vector math of src/math: error bounds against mpmath, special values against NumPy.

The bounds are read from the tables in the headers, so that what is documented is what is tested.
The loops are compiled here, once per instruction set, with fma contraction and without; the test
needs no built cdiff. CDIFF_ULP_COUNT raises the number of arguments per function and interval
(default 250) for a campaign by hand.
"""

import os
import re
import struct
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from math_library import HEADERS, LOOPS, VARIANTS, MathLibrary, Variant, compiler, usable

mpmath = pytest.importorskip("mpmath", reason="mpmath is needed for the reference values")
mp, mpf = mpmath.mp, mpmath.mpf

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler of the gcc kind found")

COUNT = int(os.environ.get("CDIFF_ULP_COUNT", "250"))
LARGEST = float(np.finfo(float).max)
BITS = 130  # of the reference: 53, and room for cancellation
FROM_GLIBC = {"exp2", "log", "log2", "arcsinh", "arccosh", "erf"}  # in the scalar variant
GLIBC_BOUND = 2.1
WITH_FMA, WITH_TABLES = {"tanh": 1.4, "erfc": 1.9}, {"tanh": 1.1, "tanh_slope": 2.5}

UNARY: dict[str, Callable] = {
    "exp": mp.exp,
    "exp2": lambda x: mpf(2) ** x,
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda x: mp.log(x) / mp.ln2,
    "log10": lambda x: mp.log(x) / mp.ln10,
    "log1p": mp.log1p,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: max(x, mpf(0)) + mp.log1p(mp.exp(-abs(x))),
    "log_sigmoid": lambda x: min(x, mpf(0)) - mp.log1p(mp.exp(-abs(x))),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sinc": mp.sincpi,
    "dsinc": lambda x: (mp.cospi(x) - mp.sincpi(x)) / x if x else mpf(0),
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "tanh_slope": lambda x: mp.sech(x) ** 2,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "gauss": lambda x: mp.exp(-x * x),
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "sqrt": mp.sqrt,
    "deg2rad": lambda x: x * mp.pi / 180,
    "rad2deg": lambda x: x * 180 / mp.pi,
}


def logaddexp(a, b):
    return max(a, b) + mp.log1p(mp.exp(-abs(a - b)))


BINARY: dict[str, Callable] = {
    "arctan2": mp.atan2,
    "hypot": mp.hypot,
    "power": mp.power,
    "logaddexp": logaddexp,
    "logaddexp2": lambda a, b: logaddexp(a * mp.ln2, b * mp.ln2) / mp.ln2,
}

# Intervals from which arguments are drawn, in addition to bit patterns from everywhere: around the
# places where a formula changes, around roots, and where results over- or underflow.
INTERVALS: dict[str, list[tuple[float, float]]] = {
    "exp": [(-1, 1), (-750, 712)],
    "exp2": [(-1, 1), (-1080, 1026)],
    "expm1": [(-0.4, 0.4), (-2, 2), (-50, 712)],
    "log": [(0.9, 1.1), (0.5, 2), (0, 1e3)],
    "log2": [(0.9, 1.1), (0.5, 2), (0, 1e3)],
    "log10": [(0.9, 1.1), (0.5, 2), (0, 1e3)],
    "log1p": [(-0.05, 0.05), (-0.5, 1), (0.41, 0.5), (-1, 100), (0, 1e17)],
    "sigmoid": [(-2, 2), (-750, 40)],
    "softplus": [(-2, 2), (-750, 40)],
    "log_sigmoid": [(-2, 2), (-40, 750)],
    "sin": [(-3.2, 3.2), (-1e3, 1e3), (-1.1e6, 1.1e6)],
    "cos": [(-3.2, 3.2), (-1e3, 1e3), (-1.1e6, 1.1e6)],
    "tan": [(-3.2, 3.2), (-1e3, 1e3), (-1.1e6, 1.1e6)],
    "sinc": [(-1, 1), (-1e5, 1e5)],
    "dsinc": [(-0.8, 0.8), (-30, 30)],
    "arcsin": [(-1, 1), (0.49, 0.51), (0.99, 1)],
    "arccos": [(-1, 1), (0.49, 0.51), (0.99, 1)],
    "arctan": [(-1.1, 1.1), (-20, 20)],
    "sinh": [(-1, 1), (-5, 5), (-712, 712)],
    "cosh": [(-1, 1), (-5, 5), (-712, 712)],
    "tanh": [(-0.6, 0.6), (-5, 5), (-20, 20)],
    "tanh_slope": [(-0.6, 0.6), (-5, 5), (-375, 375)],
    "arcsinh": [(-1, 1), (-100, 100)],
    "arccosh": [(1, 1.1), (1, 100)],
    "arctanh": [(-0.3, 0.3), (-1, 1), (0.9, 1)],
    "cbrt": [(-8, 8)],
    "erf": [(-0.8, 0.8), (-6, 6)],
    "erfc": [(-1, 1), (-6, 6), (3, 27.3)],
    "gauss": [(-1, 1), (-6, 6), (3, 27.3)],
    "arctan2": [(-1, 1), (-30, 30)],
    "hypot": [(-1, 1), (-30, 30)],
    "power": [(0.5, 1.5), (0.001, 30), (0.97, 1.03)],
    "logaddexp": [(-1, 1), (-40, 40)],
    "logaddexp2": [(-1, 1), (-40, 40)],
}

# Where a search of 10^7 arguments found the largest errors, of one variant or another.
HARDEST: dict[str, list[str]] = {
    "exp": ["0x1.1964c7bd4114bp+8", "0x1.2507a4a7dec88p+9", "-0x1.8897d54e10dcap-6"],
    "log": ["0x1.e46f91d7ef58cp-1", "0x1.674bcca9abbefp-1", "0x1.68418676c7573p-1"],
    "sin": ["0x1.518ab7712d961p+19", "-0x1.bf0f7799722b6p+19", "-0x1.261d100703367p+9"],
    "cos": ["0x1.1ff734d111b5ap+19", "0x1.51229cc1b6264p+0", "0x1.998dfef211178p-1"],
    "tanh": ["0x1.28df92a87dba7p-1", "0x1.1b60ec568a31fp-1", "0x1.2b5ad9e84208bp-1"]
    + ["-0x1.6580a5243e3e8p-6", "-0x1.14a82a2e680e5p-1", "0x1.1e32aac57ab7dp-1"]
    + ["0x1.8349161f6ed9bp-1", "0x1.a1c61ca7a0e47p-1", "0x1.a07ed5960d6p-1"],
    "tanh_slope": ["0x1.bb98b751e3bd4p+1", "-0x1.5c6f39baa259cp+0", "0x1.bb92ccba643a8p+1"]
    + ["0x1.62aea061640a8p+1", "0x1.b3eef9287b1fp+0", "0x1.b48dad32c8bcp+0"]
    + ["0x1.e9d62640c926p+1"],
    "erf": ["-0x1.8a47453b3ed5cp-1", "-0x1.97fa99851c48cp-1", "0x1.acdac9f53f091p-5"]
    + ["0x1.816e8fb4e1526p-1"],
    "erfc": ["0x1.2061e9ef03a5ap-9", "0x1.a7a7bf190293fp+4", "0x1.8826292e037fbp+4"]
    + ["0x1.73f805e50bd8bp-25", "0x1.0b4b588a9ee6fp-17", "0x1.87af008a0d018p+4"]
    + ["0x1.968ac5441d7aap-14", "0x1.4039f5dc68dfcp+4"],
    "gauss": ["0x1.a9ee16630fdb1p+4", "0x1.a9ee9e024a698p+4", "0x1.278db2464869p-1"]
    + ["0x1.5731c5ea8209ap+2", "0x1.2744859e811f8p-1", "0x1.937d46aa7d7bap+4"],
}

SPECIAL = np.array(
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 10.0, 709.79, 745.2, 1e15, 2.0**20, 2.0**52, 2.0**53]
    + [5e-324, 2.0**-1023, 2.0**-1022, 1e-300, 1e-20, 1e300, 1.7976931348623157e308]
    + [np.nextafter(1, 0), np.nextafter(1, 2), np.nextafter(2.0**20, 3e6), np.inf]
)
SPECIAL = np.concatenate([SPECIAL, -SPECIAL, [np.nan]])

EXACT = ["floor", "ceil", "trunc", "rint", "sign", "absolute", "square", "reciprocal", "sqrt"]
EXACT_OF_TWO = ["copysign", "maximum", "minimum", "fmax", "fmin", "heaviside"]
EXACT_OF_TWO += ["fmod", "remainder", "floor_divide"]
WITH_FAST = ["exp", "exp2", "log", "log2", "log10", "log1p"]
WITH_FAST += ["erfc", "gauss"]
WITH_FAST += ["softplus", "log_sigmoid", "arcsinh", "arccosh", "sin", "cos", "tan", "power"]
WITH_FAST += ["fmod", "remainder", "floor_divide"]
WIDE = ["exp", "log", "sin", "cos", "tanh", "tanh_slope", "erf", "erfc", "gauss"]
WIDE += ["log2", "log10", "cbrt", "power"]
WIDE_PAIRS = {"sin": "cos", "tanh": "tanh_slope", "erf": "gauss", "erfc": "gauss"}


@cache
def bounds() -> dict[str, float]:
    """Function -> bound, from the table in the opening comment of each header."""
    found = {}
    for header in sorted(HEADERS.glob("*.h")):
        opening = header.read_text(encoding="utf-8").split("*/")[0]
        for names, bound in re.findall(r"^ \*   ([a-z0-9_ ]+?)  +(\d[\d.]*)\b", opening, re.M):
            found |= dict.fromkeys(names.split(), float(bound))
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Callable[[Variant], MathLibrary]:
    """The library of a variant, compiled once."""
    libraries = cache(lambda variant: MathLibrary(variant, tmp_path_factory.mktemp("math")))

    def library_of(variant):
        if not usable(variant):
            pytest.skip(f"this machine lacks {', '.join(variant.needs)}")
        return libraries(variant)

    return library_of


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: variant.name)
def library(request, built) -> MathLibrary:
    return built(request.param)


@pytest.fixture(scope="module")
def wide(built) -> MathLibrary:
    """The variant that has the functions of eight numbers at once."""
    return built(next(v for v in VARIANTS if v.name == "avx512"))


def scattered(random: np.random.Generator, count: int) -> np.ndarray:
    """Doubles with uniformly distributed bit patterns, NaN and infinity among them."""
    return random.integers(0, 2**64, count, dtype=np.uint64).view(np.float64)


def drawn(random: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Uniform, every eighth pulled towards 0 by a random power of two if 0 is in the interval."""
    x = random.uniform(low, high, count)
    if low <= 0 <= high:
        x[::8] = np.ldexp(x[::8], -random.integers(0, 60, x[::8].size))
    return x


def roots_of_trigonometry() -> np.ndarray:
    """The doubles next to multiples of pi/2, where the reduced argument nearly vanishes."""
    return np.concatenate([np.arange(1, 40), 2 ** np.arange(6, 20), [664, 4182]]) * (np.pi / 2)


@cache
def arguments(name: str) -> tuple[np.ndarray, np.ndarray]:
    """What a function is tested on; the second operand means something for BINARY only."""
    random = np.random.default_rng(sum(name.encode()))
    a = [SPECIAL.repeat(SPECIAL.size) if name in BINARY else SPECIAL, scattered(random, COUNT)]
    b = [np.resize(SPECIAL, a[0].size), scattered(random, COUNT)]
    with np.errstate(over="ignore", invalid="ignore"):
        b[1][::2] = a[1][::2] * random.uniform(0.1, 10, b[1][::2].size)
    if name in ("sin", "cos", "tan"):
        a.append(roots_of_trigonometry())
        b.append(a[-1])
    if name in HARDEST:
        a.append(np.array([float.fromhex(x) for x in HARDEST[name]]))
        b.append(a[-1])
    for low, high in INTERVALS.get(name, [(-10, 10)]):
        a.append(drawn(random, low, high, COUNT))
        b.append(drawn(random, low, high, COUNT))
        if name == "power":  # results from everywhere in the range of doubles
            b[-1] = random.uniform(-1, 1, COUNT) * 745 / np.log(a[-1])
    return np.concatenate(a), np.concatenate(b)


def plain(value: object) -> bool:
    return isinstance(value, mpf) and bool(mp.isfinite(value))


def ulp(value: mpf) -> mpf:
    """The distance of the doubles around value."""
    return mpf(2) ** max(mp.mag(value) - 53, -1074)


def scale(name: str, answer: mpf, a: float, b: float) -> mpf:
    """What the error is relative to: the result, but see the tables for these three."""
    if name.startswith("logaddexp"):
        return max(abs(answer), abs(mpf(max(a, b))))
    if name == "dsinc" and a:
        return max(abs(answer), abs(1 / mpf(a)))
    return abs(answer)


class Answers(NamedTuple):
    """Numbers of more digits than doubles have, to be compared with many arrays of doubles."""

    near: np.ndarray  # the nearest doubles that are finite
    rest: np.ndarray  # what is left, in ulp
    ulp: np.ndarray

    def where(self, chosen: np.ndarray) -> "Answers":
        return Answers(*[column[chosen] for column in self])


def as_doubles(name: str, a: np.ndarray, b: np.ndarray, answers: list) -> Answers:
    rows = []
    with mp.workprec(BITS):
        for answer, x, y in zip(answers, a, b, strict=True):
            unit = ulp(scale(name, answer, x, y))
            near = float(np.clip(float(answer), -LARGEST, LARGEST))
            rows.append((near, float((answer - mpf(near)) / unit), float(unit)))
    return Answers(*np.array(rows).T)


@cache
def references(name: str) -> tuple[np.ndarray, np.ndarray, Answers]:
    """The arguments at which mpmath has a finite real answer, and these answers."""
    a, b = arguments(name)
    finite = np.isfinite(a) & (np.isfinite(b) if name in BINARY else True)
    if name == "arctan2":  # mpmath knows no -0
        finite &= (a != 0) & (b != 0)
    kept, answers = [], []
    with mp.workprec(BITS), np.errstate(all="ignore"):
        for i in np.flatnonzero(finite):
            try:
                x, y = mpf(float(a[i])), mpf(float(b[i]))
                # The difference in dsinc cancels: as many more bits as its argument is small.
                extra = 2 * max(0, -mp.mag(x)) if name == "dsinc" and x else 0
                with mp.workprec(BITS + extra):
                    value = UNARY[name](x) if name in UNARY else BINARY[name](x, y)
            except (ZeroDivisionError, ValueError, OverflowError):
                continue  # a pole or outside of the domain: the test of special values
            if plain(value):
                kept.append(i)
                answers.append(value)
    a, b = a[kept], b[kept]
    return a, b, as_doubles(name, a, b, answers)


def errors(got: np.ndarray, answers: Answers) -> np.ndarray:
    """In ulp; a result beyond the largest double must be infinite, or half an ulp below it."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.abs((got - answers.near) / answers.ulp - answers.rest)
        beyond = (np.abs(answers.near) == LARGEST) & (answers.rest * np.sign(got) > 0)
    found = np.where(np.isinf(got), np.where(beyond, 0.0, np.inf), found)
    return np.where(np.isnan(got), np.inf, found)


def worst(name: str, got: np.ndarray, a: np.ndarray, b: np.ndarray, answers: Answers):
    found = errors(got, answers)
    i = int(np.argmax(found))
    return found[i], f"{name}({a[i].hex()}, {b[i].hex()}) = {got[i].hex()}"


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_error_bound(library, name):
    a, b, answers = references(name)
    assert a.size > COUNT // 2
    bound = bounds()[name]
    if library.variant.name == "scalar" and name in FROM_GLIBC:
        bound = max(bound, GLIBC_BOUND)
    if library.variant.needs:  # those with fma
        bound = WITH_FMA.get(name, bound)
    ulps, where = worst(name, library.call(name, a, b), a, b, answers)
    assert ulps <= bound, where


@pytest.mark.parametrize("name", WITH_FAST[:-3])
def test_error_bound_of_fast_version(library, name):
    a, b, answers = references(name)
    fast = library.call(f"{name}_fast_ok", a, b) == 1.0
    if not fast.any():
        assert name == "power"  # without fma it is the library's
        return
    got = library.call(f"{name}_fast", a[fast], b[fast])
    ulps, where = worst(name, got, a[fast], b[fast], answers.where(fast))
    assert ulps <= bounds()[name], where


@pytest.mark.parametrize("name", WIDE)
def test_error_bound_of_wide_version(wide, name):
    a, b, answers = references(name)
    ulps, where = worst(name, wide.call(f"wide_{name}", a, b), a, b, answers)
    assert ulps <= WITH_TABLES.get(name, bounds()[name]), where


@pytest.mark.parametrize("name", WIDE)
def test_wide_version_has_the_plain_ones_special_values(wide, name):
    random = np.random.default_rng(8)
    a = np.concatenate([SPECIAL.repeat(SPECIAL.size), scattered(random, 4000)])
    b = np.concatenate([np.resize(SPECIAL, SPECIAL.size**2), random.uniform(-9, 9, 4000)])
    got, expected = wide.call(f"wide_{name}", a, b), wide.call(name, a, b)
    special = ~np.isfinite(expected) | (expected == 0) | (a == 0)
    assert_identical(name, a[special], b[special], got[special], expected[special])
    np.testing.assert_allclose(got[~special], expected[~special], rtol=2e-15, atol=5e-323)


@pytest.mark.parametrize("name", WIDE)
def test_wide_version_depends_on_its_operand_alone(wide, name):
    """Not on neighbours, rare ones included, nor on the place in a vector, bit for bit."""
    random = np.random.default_rng(9)
    a = np.concatenate([SPECIAL, random.uniform(-3, 3, 800), scattered(random, 200)])
    b = random.uniform(-9, 9, a.size)
    order = random.permutation(a.size)
    got = wide.call(f"wide_{name}", a, b)
    moved = wide.call(f"wide_{name}", a[order], b[order])
    assert_identical(name, a[order], b[order], moved, got[order])
    one = [slice(i, i + 1) for i in range(a.size)]
    apart = np.array([wide.call(f"wide_{name}", a[k], b[k])[0] for k in one])
    assert_identical(name, a, b, apart, got)


@pytest.mark.parametrize("name", WIDE_PAIRS)
def test_wide_pair_is_its_two_functions(wide, name):
    random = np.random.default_rng(10)
    a = np.concatenate([SPECIAL, random.uniform(-30, 30, 4000), scattered(random, 1000)])
    first, second = wide.call(f"first_{name}", a), wide.call(f"second_{name}", a)
    assert_identical(name, a, a, first, wide.call(f"wide_{name}", a))
    assert_identical(name, a, a, second, wide.call(f"wide_{WIDE_PAIRS[name]}", a))


def test_wide_angles_next_to_multiples_of_an_eighth_turn(wide):
    """Where the reduced argument nearly vanishes, or the entry of the table changes."""
    k = np.random.default_rng(11).integers(1, 5 * 10**6, COUNT)
    a = np.concatenate([k * (np.pi / 16), np.nextafter(k * (np.pi / 16), 0)])
    a = np.concatenate([a, roots_of_trigonometry()])
    with mp.workprec(BITS + 80):
        for name in ("sin", "cos"):
            answers = as_doubles(name, a, a, [UNARY[name](mpf(x)) for x in a.tolist()])
            ulps, where = worst(name, wide.call(f"wide_{name}", a), a, a, answers)
            assert ulps <= bounds()[name], where


def identical(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Equal, with equal signs of zero; any NaN is the same as any other."""
    both_nan = np.isnan(got) & np.isnan(expected)
    return both_nan | ((got == expected) & (np.signbit(got) == np.signbit(expected)))


def assert_identical(name, a, b, got, expected):
    wrong = np.flatnonzero(~identical(got, expected))
    shown = [f"{name}({a[i]!r}, {b[i]!r}): {got[i]!r}, not {expected[i]!r}" for i in wrong[:5]]
    assert not shown


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """All pairs of special values, then numbers of similar and of unrelated size."""
    random = np.random.default_rng(5)
    a = [SPECIAL.repeat(SPECIAL.size), scattered(random, 2000), random.uniform(-50, 50, 4000)]
    b = [np.resize(SPECIAL, a[0].size), scattered(random, 2000), random.uniform(-9, 9, 4000)]
    a.append(np.round(a[2]))  # whole numbers, so that quotients are
    b.append(np.round(b[2]))
    with np.errstate(over="ignore", invalid="ignore"):
        a.append(a[1] * random.uniform(1e-3, 1e15, 2000))
    b.append(a[1])
    return np.concatenate(a), np.concatenate(b)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", EXACT + EXACT_OF_TWO)
def test_exact_function_is_numpys(library, name):
    a, b = pairs()
    expected = getattr(np, name)(a, b) if name in EXACT_OF_TWO else getattr(np, name)(a)
    got = library.call(name, a, b)
    if name in ("maximum", "minimum", "fmax", "fmin"):  # of -0 and 0 either will do
        got, expected = got + 0.0, expected + 0.0
    assert_identical(name, a, b, got, expected)


@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
def test_fast_division_is_the_general_one(library, name):
    a, b = pairs()
    fast = library.call(f"{name}_fast_ok", a, b) == 1.0
    assert np.count_nonzero(fast) > 4000
    assert not fast[~np.isfinite(a) | ~np.isfinite(b) | (b == 0)].any()
    a, b = a[fast], b[fast]
    assert_identical(name, a, b, library.call(f"{name}_fast", a, b), library.call(name, a, b))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [n for n in [*UNARY, *BINARY] if hasattr(np, n)])
def test_special_values_are_numpys(library, name):
    """NaN, infinities, poles, and the signs of zeros; other values are measured above.

    They are compared here only as far as NumPy's own error allows.
    """
    a = SPECIAL.repeat(SPECIAL.size) if name in BINARY else SPECIAL
    b = np.resize(SPECIAL, a.size)
    expected = getattr(np, name)(a, b) if name in BINARY else getattr(np, name)(a)
    got = library.call(name, a, b)
    if name == "sinc":  # NumPy's is not 0 at the whole numbers
        expected = np.where((np.abs(a) >= 1) & (a == np.rint(a)) & np.isfinite(a), 0, expected)
        got = np.abs(got) * np.where(got < 0, -1, 1)
    ordinary = np.isfinite(expected) & (expected != 0)
    near_roots = 1e-15 if name.startswith(("sinc", "logaddexp")) else 1e-323
    np.testing.assert_allclose(got[ordinary], expected[ordinary], rtol=1e-14, atol=near_roots)
    special = ~ordinary
    if name.startswith("logaddexp"):  # exactly 0 depends on the last bit
        special &= ~(expected == 0)
    assert_identical(name, a[special], b[special], got[special], expected[special])


def test_fast_power_is_for_ordinary_results(library):
    """Where the fast version says that it is valid, the result is a normal number."""
    a, b = SPECIAL.repeat(SPECIAL.size), np.resize(SPECIAL, SPECIAL.size**2)
    more, powers = arguments("power")
    a, b = np.concatenate([a, more]), np.concatenate([b, powers])
    fast = library.call("power_fast_ok", a, b) == 1.0
    with np.errstate(all="ignore"):
        expected = np.power(a, b)[fast]
    assert (a[fast] >= np.finfo(float).tiny).all()
    assert (np.isfinite(expected) & (expected >= np.finfo(float).tiny)).all()
    x = np.linspace(0.1, 30, 1000)
    assert library.call("power_fast_ok", x, x[::-1].copy()).all() == fast.any()


def test_fast_ranges(library):
    inside = np.array([0.0, -0.0, 1.0, 2.0**20, -(2.0**20), 5e-324])
    outside = np.array([np.nextafter(2.0**20, 3e6), 1e300, np.inf, -np.inf, np.nan])
    for name in ("sin_fast_ok", "cos_fast_ok", "tan_fast_ok"):
        assert (library.call(name, inside) == 1.0).all()
        assert (library.call(name, outside) == 0.0).all()


def test_functions_without_a_ufunc(library):
    x = np.array([0.0, -0.0, np.inf, -np.inf, 800.0, -800.0])
    assert library.call("sigmoid", x).tolist() == [0.5, 0.5, 1, 0, 1, 0]
    ln2 = float(np.log(2))
    assert library.call("softplus", x).tolist() == [ln2, ln2, np.inf, 0, 800, 0]
    assert library.call("log_sigmoid", x).tolist() == [-ln2, -ln2, 0, -np.inf, 0, -800]
    for name in ("sigmoid", "softplus", "log_sigmoid", "dsinc"):
        assert np.isnan(library.call(name, np.array([np.nan]))).all()


def test_exact_results_are_exact(library):
    """Where the true result is a double, these functions return it."""
    n = np.arange(-300.0, 300.0)
    assert (library.call("exp2", n) == 2.0**n).all()
    assert (library.call("log2", 2.0**n) == n).all()
    k = np.arange(0, 23)
    assert (library.call("log10", 10.0**k) == k).all()
    assert (library.call("cbrt", n**3) == n).all()
    assert (library.call("power", n, np.full(n.size, 3.0)) == n**3).all()
    assert (library.call("power_fast", n[n > 0], np.full(299, 3.0)) == n[n > 0] ** 3).all()
    assert (library.call("hypot", 3 * n, 4 * n) == np.abs(5 * n)).all()
    assert (library.call("sinc", n) == (n == 0)).all()


def test_scalar_call_agrees_with_the_loop(library):
    """One formula, whether the compiler makes vectors of it or not (contraction may differ)."""
    x = np.random.default_rng(3).uniform(0.1, 0.9, 50)
    for name in UNARY:
        loop = library.call(name, x)
        one = np.array([library.one(name, value) for value in x.tolist()])
        np.testing.assert_allclose(one, loop, rtol=1e-15 * (1 + bounds()[name]), atol=1e-300)


def test_every_function_is_bounded_and_looped():
    """The tables, the loops and this file name the same functions."""
    loops = LOOPS.read_text(encoding="utf-8")
    looped = set(re.findall(r"(?:UNARY|BINARY)(?:_FAST|_PARTS)?\((\w+)\)", loops)) - {"name"}
    looped = {name for name in looped if "##" not in name}
    assert looped == set(bounds())
    assert looped == {*UNARY, *BINARY, *EXACT, *EXACT_OF_TWO}
    fast = set(re.findall(r"(?:UNARY|BINARY)_(?:FAST|PARTS)\((\w+)\)", loops)) - {"name"}
    assert fast == set(WITH_FAST)


def test_denormals_are_not_flushed(library):
    """The flags must not set flush-to-zero for the process, as -ffast-math does."""
    tiny = struct.unpack("<d", struct.pack("<Q", 1))[0]
    assert library.call("exp", np.array([-745.0]))[0] == tiny
    assert np.float64(tiny) / 2 == 0.0 and np.float64(tiny) * 1.0 == tiny
