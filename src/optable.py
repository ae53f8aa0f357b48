"""The operators of cdiff, as data: the only place where a derivative is written down.

Every operator is one row.  Enums, scalar functions, vector kernels, derivative rules, Python
functions, stubs, documentation and tests are generated from the rows (see codegen.py), so a
derivative cannot exist in two versions.  This file knows nothing of the rest of the project and
imports nothing.

The language of the expressions (`d`, `value`, `domain`, `kink`) is Python syntax over the operands
(`a`, `b`), the result `y`, finite numbers, `+ - * /`, comparisons (worth 0.0 or 1.0) and calls of
other rows.  The table is closed: whatever a partial calls is a row again, so every order of
derivative exists.  Two habits keep all orders exact:

* A special point is never masked with `where` around the formula, for that would erase the
  derivatives of the formula there.  It is handled inside a row (`safe_divide`, `power_log`) whose
  own partials are right at that point.
* `zmul(g, d)` is the product in which a zero absorbs anything (`0 * inf` is 0).

Fields of an elementwise row:

    name      the row's name, NumPy's where NumPy has the function
    operands  "a" or "a b" ("c a b" for where)
    d         one partial per operand, in the language; "0" means no derivative
    c         the value as a C expression (default: cdm_<name>(a, b) from src/math)
    value     the value in the language instead, for rows made of other rows
    light     cheap enough to be recomputed inside any loop that needs it: it rounds once or never
    pair      another row whose value at the same operand costs little on top of this one's
    domain    where the partials are finite and meant (None: everywhere)
    kink      where the function has no derivative and the convention of `at_kink` holds
    at_kink   ((operands...), (partials...)) pairs: conventions and limits, for the tests
    samples   ordinary points, including the far ones where careless formulas lose digits
    edges     points whose value must be NumPy's (signed zeros, infinities, nan, denormals)
    mp        the value as a Python expression over mpmath functions (None: no such thing)
    numpy     NumPy's name, or None; ufunc tells whether that is a ufunc; aliases are more of them
    scipy     the full name of SciPy's equivalent, or None
    holomorphic  the row takes complex operands, and its partials hold for them as they stand; a
              string is the partial that does, where the real one is written differently
    complex   what the row is for a complex operand, in the language of structural rows; rows
              without either of the two refuse complex operands
    public    False for rows that exist for the sake of derivatives
    example   for the docstring: (point, derivative there), chosen so that nothing is rounded; of a
              question q, which has none, the derivative of where(q, x**2, x) at 1 (of two operands
              the other one is 2)
    doc       one line

Structural rows are explained above them, further down.
"""

INF = float("inf")
NAN = float("nan")
TINY = 5e-324
HUGE = 1.7e308

LN2 = 0.6931471805599453
LOG2E = 1.4426950408889634
LOG10E = 0.4342944819032518
TWO_OVER_SQRT_PI = 1.1283791670955126
DEGREE = 0.017453292519943295
RADIAN = 57.29577951308232

REAL = (-2.5, -1.0, -0.3, 0.7, 1.5, 3.0)
POSITIVE = (1e-3, 0.2, 1.0, 2.5, 40.0)
UNIT = (-0.999, -0.4, 0.1, 0.8)
BROKEN = (-2.4, -0.6, 0.3, 1.7)
EDGES = (0.0, -0.0, INF, -INF, NAN, TINY, -TINY, HUGE, -HUGE)
PAIRS = ((-1.5, 2.0), (0.3, -0.7), (2.75, 1.25), (-0.4, -3.0), (1e-3, 40.0))
PAIR_EDGES = tuple((u, v) for u in EDGES for v in EDGES)


class Row:
    """One elementwise operator; the fields are explained at the top of this file."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


ELEMENTWISE = []


def as_points(points):
    """Operand tuples; a bare number is the operand of a unary row."""
    return tuple(p if isinstance(p, tuple) else (p,) for p in points)


def op(name, operands, d, doc, *, c=None, value=None, light=False, pair=None, domain=None,
       kink=None, at_kink=(), samples=None, edges=None, mp=None, numpy="", ufunc=True, aliases=(),
       scipy=None, public=True, example=None, holomorphic=False, complex=None):
    """Add an elementwise row.  `numpy=""` stands for the row's own name."""
    operands = tuple(operands.split())
    unary = len(operands) == 1
    if samples is None:
        samples = REAL if unary else PAIRS
    if edges is None:
        edges = EDGES if unary else PAIR_EDGES
    numpy = name if numpy == "" else numpy
    ELEMENTWISE.append(Row(
        name=name, operands=operands, d=(d,) if isinstance(d, str) else tuple(d), doc=doc, c=c,
        value=value, light=light, pair=pair, domain=domain, kink=kink,
        at_kink=tuple((as_points((p,))[0], as_points((q,))[0]) for p, q in at_kink),
        samples=as_points(samples), edges=as_points(edges), mp=mp, numpy=numpy,
        ufunc=ufunc and numpy is not None, aliases=tuple(aliases), scipy=scipy, public=public,
        example=example, holomorphic=bool(holomorphic), complex=complex,
        complex_d=(holomorphic,) if isinstance(holomorphic, str) else ()))


# --- arithmetic -----------------------------------------------------------------------------------

op("add", "a b", ("1", "1"), "The sum a + b.", c="a + b", light=True, mp="a + b", holomorphic=True,
   example=((2.0, 3.0), (1.0, 1.0)))
op("subtract", "a b", ("1", "-1"), "The difference a - b.", c="a - b", light=True, mp="a - b",
   holomorphic=True, example=((2.0, 3.0), (1.0, -1.0)))
op("multiply", "a b", ("b", "a"), "The product a * b.", c="a * b", light=True, mp="a * b",
   holomorphic=True, example=((2.0, 3.0), (3.0, 2.0)))
op("divide", "a b", ("reciprocal(b)", "-y / b"), "The quotient a / b.",
   c="a / b", light=True, domain="b != 0", mp="a / b", samples=PAIRS + ((1e200, 1e100),),
   holomorphic=True, example=((6.0, 2.0), (0.5, -1.5)))
op("negative", "a", "-1", "The opposite -a.", c="-a", light=True, mp="-a", holomorphic=True,
   example=(2.0, -1.0))
op("positive", "a", "1", "The operand itself.", c="a", light=True, mp="a", holomorphic=True,
   example=(2.0, 1.0))
# zmul, not where: at b == 0 the derivative in b of the first partial must stay 1 / a.
op("power", "a b", ("zmul(b, power(a, b - 1))", "power_log(a, b)"), "a to the power b.",
   domain="a > 0", mp="a**b",
   samples=((0.3, 2.0), (2.5, -1.5), (1e-3, 0.5), (40.0, 3.0), (1.7, 0.0), (1e-200, 2.0)),
   at_kink=(((0.0, 0.0), (0.0, 0.0)), ((0.0, 1.0), (1.0, 0.0)), ((0.0, 2.0), (0.0, 0.0)),
            ((0.0, 0.5), (INF, 0.0)), ((-2.0, 3.0), (12.0, NAN)), ((-2.0, 0.0), (0.0, NAN)),
            ((-3.0, -1.0), (-1 / 9, NAN))), holomorphic=True, example=((1.0, 3.0), (3.0, 0.0)))
op("floor_divide", "a b", ("0", "0"), "The largest integer not above a / b.",
   kink="a == b * y", mp="floor(a / b)", domain="b != 0", example=((7.0, 2.0), (0.0, 0.0)))
op("remainder", "a b", ("1", "-floor_divide(a, b)"), "a - b * floor(a / b): the sign is b's.",
   kink="y == 0", domain="b != 0", mp="a - b * floor(a / b)", example=((7.0, 2.0), (1.0, -3.0)))
# (a - y) / b is an integer but for rounding; trunc(a / b) can round up to the next one.
op("fmod", "a b", ("1", "-rint((a - y) / b)"), "a - b * trunc(a / b): the sign is a's.",
   kink="y == 0", domain="b != 0",
   mp="a - b * (floor(a / b) if a / b >= 0 else ceil(a / b))",
   samples=PAIRS + ((-7.5, 2.0), (7.5, -2.0)), example=((-7.0, 2.0), (1.0, 3.0)))
op("absolute", "a", "sign(a)", "The absolute value.", c="fabs(a)", light=True,
   kink="a == 0", at_kink=((0.0, 0.0), (-0.0, 0.0)), mp="abs(a)",
   complex="modulus(a)", example=(-2.0, -1.0))
op("sign", "a", "0", "-1, 0 or 1; nan stays nan.", light=True,
   c="(a > 0.0 ? 1.0 : 0.0) - (a < 0.0 ? 1.0 : 0.0) + (a != a ? a : 0.0)",
   kink="a == 0", mp="sign(a)", complex="safe_divide(a, modulus(a))", example=(2.0, 0.0))
op("square", "a", "2 * a", "a * a.", c="a * a", light=True, mp="a * a", holomorphic=True,
   example=(3.0, 6.0))
op("sqrt", "a", "0.5 * reciprocal(y)", "The square root.", c="sqrt(a)", light=True, domain="a > 0",
   at_kink=((0.0, INF),), samples=POSITIVE + (1e-300, 1e300), mp="sqrt(a)", holomorphic=True,
   example=(4.0, 0.25))
# square(reciprocal(y)), not reciprocal(square(y)): the terms of its derivatives have one sign, so
# that they overflow to an infinity, not to a difference of two.
op("cbrt", "a", "square(reciprocal(y)) / 3", "The cube root.", domain="a != 0",
   at_kink=((0.0, INF),), mp="cbrt(a) if a >= 0 else -cbrt(-a)", samples=REAL + (1e-300, 1e300),
   example=(1.0, 1 / 3))
op("reciprocal", "a", "-square(y)", "1 / a.", c="1.0 / a", light=True, domain="a != 0", mp="1 / a",
   holomorphic=True, example=(2.0, -0.25))

# --- exponentials and logarithms ------------------------------------------------------------------

op("exp", "a", "y", "e to the power a.", mp="exp(a)", samples=REAL + (-700.0, 700.0),
   holomorphic=True, example=(0.0, 1.0))
op("exp2", "a", f"{LN2} * y", "2 to the power a.", mp="mpf(2)**a",
   samples=REAL + (-1000.0, 1000.0), holomorphic=True, example=(0.0, LN2))
op("expm1", "a", "exp(a)", "exp(a) - 1, exact for small a.", mp="expm1(a)",
   samples=REAL + (1e-12, -50.0, 700.0), holomorphic=True, example=(0.0, 1.0))
op("log", "a", "reciprocal(a)", "The natural logarithm.", domain="a > 0", samples=POSITIVE,
   at_kink=((0.0, INF),), mp="log(a)", holomorphic=True, example=(2.0, 0.5))
op("log2", "a", f"{LOG2E} / a", "The logarithm to base 2.", domain="a > 0", samples=POSITIVE,
   at_kink=((0.0, INF),), mp="log(a) / log(2)", holomorphic=True, example=(1.0, LOG2E))
op("log10", "a", f"{LOG10E} / a", "The logarithm to base 10.", domain="a > 0", samples=POSITIVE,
   at_kink=((0.0, INF),), mp="log(a) / log(10)", holomorphic=True, example=(1.0, LOG10E))
op("log1p", "a", "1 / (1 + a)", "log(1 + a), exact for small a.", domain="a > -1",
   samples=(-0.999, -0.3, 1e-12, 0.7, 40.0), at_kink=((-1.0, INF),), mp="log1p(a)",
   holomorphic=True, example=(1.0, 0.5))
op("logaddexp", "a b", ("sigmoid(safe_subtract(a, b))", "sigmoid(safe_subtract(b, a))"),
   "log(exp(a) + exp(b)) without overflow.", mp="log(exp(a) + exp(b))",
   samples=PAIRS + ((1.0, 1.0), (1000.0, 1003.0), (-900.0, -800.0), (500.0, 1.0)),
   at_kink=(((-INF, -INF), (0.5, 0.5)), ((INF, INF), (0.5, 0.5)), ((-INF, 1.0), (0.0, 1.0)),
            ((1.0, 1.0), (0.5, 0.5))), example=((0.0, 0.0), (0.5, 0.5)))
op("logaddexp2", "a b",
   (f"sigmoid({LN2} * safe_subtract(a, b))", f"sigmoid({LN2} * safe_subtract(b, a))"),
   "log2(2**a + 2**b) without overflow.", mp="log(mpf(2)**a + mpf(2)**b) / log(2)",
   samples=PAIRS + ((1.0, 1.0), (1000.0, 1003.0), (-900.0, -800.0)),
   at_kink=(((-INF, -INF), (0.5, 0.5)), ((INF, INF), (0.5, 0.5)), ((-INF, 1.0), (0.0, 1.0))),
   example=((0.0, 0.0), (0.5, 0.5)))

# --- trigonometric and hyperbolic -----------------------------------------------------------------

op("sin", "a", "cos(a)", "The sine.", pair="cos", mp="sin(a)", samples=REAL + (1e5, 1e22),
   holomorphic=True, example=(0.0, 1.0))
op("cos", "a", "-sin(a)", "The cosine.", mp="cos(a)", samples=REAL + (1e5, 1e22), holomorphic=True,
   example=(1.5707963267948966, -1.0))
op("tan", "a", "1 + square(y)", "The tangent.", mp="tan(a)", samples=REAL + (1.57, 1e5),
   holomorphic=True, example=(0.0, 1.0))
# For complex a, sums that keep the sign of an imaginary part 0, which says on which side of a
# branch cut a lies (W. Kahan, Branch Cuts for Complex Elementary Functions, 1987).
op("arcsin", "a", "1 / sqrt((1 - a) * (1 + a))", "The inverse sine.", domain="absolute(a) < 1",
   samples=UNIT, at_kink=((1.0, INF), (-1.0, INF)), mp="asin(a)",
   holomorphic="1 / (sqrt(-(a - 1)) * sqrt(a - (-1)))", example=(0.0, 1.0))
op("arccos", "a", "-1 / sqrt((1 - a) * (1 + a))", "The inverse cosine.", domain="absolute(a) < 1",
   samples=UNIT, at_kink=((1.0, -INF), (-1.0, -INF)), mp="acos(a)",
   holomorphic="-1 / (sqrt(-(a - 1)) * sqrt(a - (-1)))", example=(0.0, -1.0))
op("arctan", "a", "1 / (1 + square(a))", "The inverse tangent.", mp="atan(a)",
   samples=REAL + (1e8,), at_kink=((INF, 0.0), (-INF, 0.0)), holomorphic=True, example=(1.0, 0.5))
op("arctan2", "a b",
   ("safe_divide(safe_divide(b, hypot(a, b)), hypot(a, b))",
    "-safe_divide(safe_divide(a, hypot(a, b)), hypot(a, b))"),
   "The angle of the point (b, a), between -pi and pi.", kink="(b < 0) * (a == 0)",
   domain="hypot(a, b) > 0", at_kink=(((0.0, 0.0), (0.0, 0.0)),),
   mp="atan2(a, b)", samples=PAIRS + ((1e200, 1e200), (1e-200, 3e-200)),
   example=((2.0, 0.0), (0.0, -0.5)))
op("sinh", "a", "cosh(a)", "The hyperbolic sine.", pair="cosh", mp="sinh(a)",
   samples=REAL + (700.0,), holomorphic=True, example=(0.0, 1.0))
op("cosh", "a", "sinh(a)", "The hyperbolic cosine.", mp="cosh(a)", samples=REAL + (-700.0, 1e-9),
   holomorphic=True, example=(0.0, 0.0))
# 1 - y*y would lose every digit for |a| > 19.
op("tanh", "a", "tanh_slope(a)", "The hyperbolic tangent.", pair="tanh_slope", mp="tanh(a)",
   samples=REAL + (1e-9, 20.0, -300.0), holomorphic=True, example=(0.0, 1.0))
# 1 + a*a would overflow where the partial is still 1e-155.
op("arcsinh", "a", "1 / hypot(a, 1)", "The inverse hyperbolic sine.", mp="asinh(a)",
   samples=REAL + (1e-9, 1e200), holomorphic="1 / sqrt(1 + square(a))", example=(0.0, 1.0))
op("arccosh", "a", "1 / (sqrt(a - 1) * sqrt(a + 1))", "The inverse hyperbolic cosine.",
   domain="a > 1", samples=(1.0001, 1.5, 3.0, 1e200), at_kink=((1.0, INF),), mp="acosh(a)",
   holomorphic="1 / (sqrt(a - 1) * sqrt(a - (-1)))", example=(1.25, 4 / 3))
op("arctanh", "a", "1 / ((1 - a) * (1 + a))", "The inverse hyperbolic tangent.",
   domain="absolute(a) < 1", samples=UNIT, at_kink=((1.0, INF),), mp="atanh(a)", holomorphic=True,
   example=(0.5, 4 / 3))
op("hypot", "a b", ("direction(a, b)", "direction(b, a)"),
   "sqrt(a*a + b*b) without overflow.", kink="y == 0", at_kink=(((0.0, 0.0), (0.0, 0.0)),),
   mp="hypot(a, b)",
   samples=PAIRS + ((1e200, 1e200), (1e-200, 3e-200), (1e-9, 1.0), (1.0, 1e-9)),
   example=((0.0, -2.0), (0.0, -1.0)))
op("sinc", "a", "sinc_derivative(a, 1)", "sin(pi a) / (pi a), and 1 at 0.", ufunc=False,
   at_kink=((0.0, 0.0),), mp="sincpi(a)", samples=(-2.6, -0.3, 1e-9, 1e-3, 0.2, 0.7, 12.25),
   edges=(0.0, -0.0, NAN, TINY), holomorphic=True, example=(1.0, -1.0))

# --- smooth steps, ramps and the error function ---------------------------------------------------

# y * (1 - y) would lose every digit for a > 37.
op("sigmoid", "a", "y * sigmoid(-a)", "1 / (1 + exp(-a)) without overflow.",
   numpy=None, example=(0.0, 0.25), scipy="scipy.special.expit", mp="1 / (1 + exp(-a))",
   samples=REAL + (-40.0, 40.0, -700.0, 700.0))
op("log_sigmoid", "a", "sigmoid(-a)", "log(sigmoid(a)) without overflow.",
   numpy=None, example=(0.0, 0.5), scipy="scipy.special.log_expit", mp="-log1p(exp(-a))",
   samples=REAL + (-40.0, 40.0, -1e3, 700.0))
op("softplus", "a", "sigmoid(a)", "log(1 + exp(a)) without overflow.",
   numpy=None, example=(0.0, 0.5), mp="log1p(exp(a))", samples=REAL + (-40.0, 40.0, -700.0, 1e3))
# Not (a > 0): a nan operand supplies the result, so the derivative goes to it.
op("relu", "a", "1 - (a <= 0)", "max(a, 0); nan stays nan.",
   c="a <= 0.0 ? 0.0 : a", light=True, numpy=None, example=(2.0, 1.0), mp="a if a > 0 else mpf(0)",
   kink="a == 0", at_kink=((0.0, 0.0), (-0.0, 0.0), (NAN, 1.0)))
op("erf", "a", f"{TWO_OVER_SQRT_PI} * gauss(a)", "The error function.", pair="gauss",
   numpy=None, example=(0.0, TWO_OVER_SQRT_PI), scipy="scipy.special.erf", mp="erf(a)",
   samples=REAL + (1e-9, 6.0))
op("erfc", "a", f"{-TWO_OVER_SQRT_PI} * gauss(a)", "1 - erf(a), exact for large a.",
   pair="gauss", numpy=None, example=(0.0, -TWO_OVER_SQRT_PI), scipy="scipy.special.erfc",
   mp="erfc(a)", samples=REAL + (1e-9, 6.0, 20.0))

# --- choices: the derivative goes to the operand that supplies the value, ties are split ----------
#
# Complex numbers are in NumPy's order: by the real part, then by the imaginary one.

op("maximum", "a b", ("0.5 * (1 + (a > b) - (a < b) + isnan(a) - isnan(b))",
                      "0.5 * (1 - (a > b) + (a < b) - isnan(a) + isnan(b))"),
   "The larger operand; nan if either is nan.", c="((a > b) | (a != a)) ? a : b", light=True,
   kink="a == b", mp="max(a, b)",
   at_kink=(((1.0, 1.0), (0.5, 0.5)), ((NAN, 1.0), (1.0, 0.0)), ((1.0, NAN), (0.0, 1.0)),
            ((INF, INF), (0.5, 0.5))), holomorphic=True, example=((1.0, 1.0), (0.5, 0.5)))
op("minimum", "a b", ("0.5 * (1 - (a > b) + (a < b) + isnan(a) - isnan(b))",
                      "0.5 * (1 + (a > b) - (a < b) - isnan(a) + isnan(b))"),
   "The smaller operand; nan if either is nan.", c="((a < b) | (a != a)) ? a : b", light=True,
   kink="a == b", mp="min(a, b)",
   at_kink=(((1.0, 1.0), (0.5, 0.5)), ((NAN, 1.0), (1.0, 0.0)), ((1.0, NAN), (0.0, 1.0))),
   holomorphic=True, example=((1.0, 2.0), (1.0, 0.0)))
op("fmax", "a b", ("0.5 * (1 + (a > b) - (a < b) - isnan(a) + isnan(b))",
                   "0.5 * (1 - (a > b) + (a < b) + isnan(a) - isnan(b))"),
   "The larger operand, ignoring nan.", c="((a >= b) | (b != b)) ? a : b", light=True,
   kink="a == b", mp="max(a, b)",
   at_kink=(((1.0, 1.0), (0.5, 0.5)), ((NAN, 1.0), (0.0, 1.0)), ((1.0, NAN), (1.0, 0.0))),
   holomorphic=True, example=((1.0, 2.0), (0.0, 1.0)))
op("fmin", "a b", ("0.5 * (1 - (a > b) + (a < b) - isnan(a) + isnan(b))",
                   "0.5 * (1 + (a > b) - (a < b) + isnan(a) - isnan(b))"),
   "The smaller operand, ignoring nan.", c="((a <= b) | (b != b)) ? a : b", light=True,
   kink="a == b", mp="min(a, b)",
   at_kink=(((1.0, 1.0), (0.5, 0.5)), ((NAN, 1.0), (0.0, 1.0)), ((1.0, NAN), (1.0, 0.0))),
   holomorphic=True, example=((1.0, 1.0), (0.5, 0.5)))
op("where", "c a b", ("0", "c != 0", "c == 0"), "a where c is true, else b.",
   c="c != 0.0 ? a : b", light=True, ufunc=False, mp="a if c else b",
   samples=((1.0, 2.0, 3.0), (0.0, 2.0, 3.0)), edges=((NAN, 2.0, 3.0), (0.0, INF, 1.0)))

# --- rounding and signs ---------------------------------------------------------------------------

op("floor", "a", "0", "The largest integer not above a.", light=True, kink="a == y", mp="floor(a)",
   samples=BROKEN, example=(1.2, 0.0))
op("ceil", "a", "0", "The smallest integer not below a.", light=True, kink="a == y", mp="ceil(a)",
   samples=BROKEN, example=(1.2, 0.0))
op("trunc", "a", "0", "a without its fraction.", light=True, kink="a == y",
   mp="floor(a) if a >= 0 else ceil(a)", samples=BROKEN, example=(1.2, 0.0))
op("rint", "a", "0", "The nearest integer, ties to even.", light=True, mp="nint(a)",
   kink="absolute(a - trunc(a)) == 0.5", samples=BROKEN, holomorphic=True, example=(1.2, 0.0))
op("heaviside", "a b", ("0", "a == 0"), "0 for a < 0, b at 0, 1 for a > 0.", light=True,
   c="a > 0.0 ? 1.0 : (a < 0.0 ? 0.0 : (a == 0.0 ? b : a))", kink="a == 0",
   at_kink=(((0.0, 0.5), (0.0, 1.0)),), mp="mpf(a > 0) if a else b",
   example=((0.0, 0.5), (0.0, 1.0)))
op("copysign", "a b", ("sign(a) * copysign(1, b)", "0"), "The size of a with the sign of b.",
   c="copysign(a, b)", light=True, kink="a * b == 0", at_kink=(((0.0, -1.0), (0.0, 0.0)),),
   mp="abs(a) if b >= 0 else -abs(a)", example=((2.0, -1.0), (-1.0, 0.0)))
op("deg2rad", "a", f"{DEGREE}", "Degrees to radians.", c=f"a * {DEGREE}", light=True,
   mp="radians(a)", aliases=("radians",), example=(90.0, DEGREE))
op("rad2deg", "a", f"{RADIAN}", "Radians to degrees.", c=f"a * {RADIAN}", light=True,
   mp="degrees(a)", aliases=("degrees",), example=(1.0, RADIAN))

# --- questions: worth 0 or 1, no derivative -------------------------------------------------------

op("less", "a b", ("0", "0"), "1 where a < b.", c="a < b ? 1.0 : 0.0", light=True,
   kink="a == b", mp="mpf(a < b)", holomorphic=True, example=2.0)
op("less_equal", "a b", ("0", "0"), "1 where a <= b.", c="a <= b ? 1.0 : 0.0", light=True,
   kink="a == b", mp="mpf(a <= b)", holomorphic=True, example=2.0)
op("greater", "a b", ("0", "0"), "1 where a > b.", c="a > b ? 1.0 : 0.0", light=True,
   kink="a == b", mp="mpf(a > b)", holomorphic=True, example=1.0)
op("greater_equal", "a b", ("0", "0"), "1 where a >= b.", c="a >= b ? 1.0 : 0.0", light=True,
   kink="a == b", mp="mpf(a >= b)", holomorphic=True, example=1.0)
op("equal", "a b", ("0", "0"), "1 where a == b.", c="a == b ? 1.0 : 0.0", light=True,
   kink="a == b", mp="mpf(a == b)", holomorphic=True, example=1.0)
op("not_equal", "a b", ("0", "0"), "1 where a != b.", c="a != b ? 1.0 : 0.0", light=True,
   kink="a == b", mp="mpf(a != b)", holomorphic=True, example=2.0)
op("isnan", "a", "0", "1 where a is nan.", c="a != a ? 1.0 : 0.0", light=True, mp="mpf(0)",
   holomorphic=True, example=1.0)
op("isfinite", "a", "0", "1 where a is neither infinite nor nan.",
   c="a - a == 0.0 ? 1.0 : 0.0", light=True, mp="mpf(1)", holomorphic=True, example=2.0)
op("isinf", "a", "0", "1 where a is infinite.",
   c="fabs(a) > 1.7976931348623157e308 ? 1.0 : 0.0", light=True, mp="mpf(0)", holomorphic=True,
   example=1.0)
op("signbit", "a", "0", "1 where the sign of a is negative, -0.0 included.",
   c="copysign(1.0, a) < 0.0 ? 1.0 : 0.0", light=True, kink="a == 0", mp="mpf(a < 0)", example=1.0)

# --- rows that exist so that the derivatives above are exact --------------------------------------

# Either zero absorbs: an infinite and a zero partial on the same path then have the same product
# in whichever order a sweep multiplies them, forward or backward.
op("zmul", "a b", ("b", "a"), "a * b, but 0 wherever a or b is 0: zeros absorb in a sweep.",
   c="((a == 0.0) | (b == 0.0)) ? 0.0 : a * b", light=True, numpy=None, public=False, mp="a * b",
   at_kink=(((0.0, INF), (INF, 0.0)), ((0.0, NAN), (NAN, 0.0)), ((INF, 0.0), (0.0, INF))),
   holomorphic=True)
op("safe_divide", "a b", ("safe_divide(1, b)", "-safe_divide(y, b)"),
   "a / b, but 0 with derivatives 0 wherever b is 0.",
   c="b == 0.0 ? 0.0 : a / b", light=True, numpy=None, public=False, domain="b != 0",
   mp="a / b if b else mpf(0)", at_kink=(((0.0, 0.0), (0.0, 0.0)), ((3.0, 0.0), (0.0, 0.0))),
   holomorphic=True)
op("safe_subtract", "a b", ("1", "-1"), "a - b, but 0 between equal infinities.",
   c="a == b ? 0.0 : a - b", light=True, numpy=None, public=False, mp="a - b",
   at_kink=(((INF, INF), (1.0, -1.0)),), holomorphic=True)
# A row of its own because the slopes of a / y, 1 / y - a*a / y**3, cancel where b is small.
op("direction", "a b",
   ("safe_divide(square(direction(b, a)), hypot(a, b))",
    "-safe_divide(y * direction(b, a), hypot(a, b))"),
   "a / hypot(a, b), the derivative of hypot; 0 with derivatives 0 where a and b are 0.",
   value="safe_divide(a, hypot(a, b))", numpy=None, public=False, domain="hypot(a, b) > 0",
   kink="hypot(a, b) == 0", at_kink=(((0.0, 0.0), (0.0, 0.0)),),
   mp="a / hypot(a, b) if a or b else mpf(0)",
   samples=PAIRS + ((1e200, 1e200), (1e-200, 3e-200), (1e-9, 1.0), (1.0, 1e-9)))
# a**b log(a)**2 is written as a square so that it is 0, not 0 * inf, at a == 0.
op("power_log", "a b",
   ("zmul(b, power_log(a, b - 1)) + power(a, b - 1)", "square(power_log(a, 0.5 * b))"),
   "a**b * log(a), the derivative of a power in its exponent; 0 at a == 0 for b >= 0.",
   value="where((a == 0) * (b == 0), 0, zmul(power(a, b), log(a)))",
   numpy=None, public=False, domain="a > 0", mp="a**b * log(a) if a else mpf(0)",
   samples=((0.3, 2.0), (2.5, -1.5), (1e-3, 0.5), (40.0, 3.0), (1.7, 0.0)),
   at_kink=(((0.0, 3.0), (0.0, 0.0)),), holomorphic=True)
op("tanh_slope", "a", "-2 * y * tanh(a)", "1 / cosh(a)**2 without overflow.",
   numpy=None, public=False, mp="sech(a)**2", samples=REAL + (1e-9, 20.0, -300.0), holomorphic=True)
op("gauss", "a", "-2.0 * zmul(y, a)", "exp(-a**2), without rounding a**2.",
   numpy=None, public=False, mp="exp(-a * a)", samples=REAL + (1e-9, 6.0, -20.0))
op("sinc_derivative", "a b", ("sinc_derivative(a, b + 1)", "0"),
   "The derivative of order b (a whole number) of sinc at a.",
   numpy=None, public=False,
   mp="diff(sincpi, a, int(b))",
   samples=((-2.6, 1.0), (0.2, 1.0), (0.7, 2.0), (1e-3, 3.0), (1.5, 4.0), (12.25, 3.0)),
   at_kink=(((0.0, 1.0), (-3.289868133696453, 0.0)), ((0.0, 2.0), (0.0, 0.0))),
   edges=((0.0, 1.0), (NAN, 1.0)), holomorphic=True)

# --- structural operators -------------------------------------------------------------------------
#
# "a b; shape axes" names the operands and, after the semicolon, the attributes (plain Python values
# in a tuple).  "*xs" stands for any number of operands.  The same language, with these additions:
#
#   g               the cotangent of y, in an adjoint; ta, tb ...: tangents of a, b, in a tangent
#   foo(a, attr)    a structural operator on operands and attributes
#   shape(a)        a plain tuple; helpers of src/values/attrs.pxi compute with plain values
#   ta or z         z where there is no tangent (elsewhere the terms without one are left out)
#   MACROS          abbreviations, expanded before anything else
#
# A product or quotient that a cotangent or tangent takes part in becomes zmul, so that a zero
# absorbs.  `linear` says that the tangent is the operator itself applied to the tangents,
# `multilinear` that it is so in each operand while the others stay.
#
# Complex values: the cotangent g of y and a tangent t of it pair as the real part of g * t, without
# a conjugate, so the adjoint of a linear map is its transpose, and a partial of a holomorphic
# function stands on both sides.  A cotangent of a real operand, and a tangent of a real result, is
# the real part of what the rule gives; the core sees to that.  `conj(a)` is `a` for real a.

STRUCTURAL = []
FUSED = []

MACROS = {
    "swap(x)": "transpose(x, swapped_axes(shape(x)))",
    "hermitian(x)": "conj(swap(x))",
    "halves(x)": "0.5 * (x + hermitian(x))",
    "normal(e, ax)": "e / expand(sum(e, ax, False), shape(e), ax)",
    # x[j+1] at place j (x[j-1] if back) along an axis, with a zero at the end.
    "shifted(x, ax, back)": "embed(slice(x, part(shape(x), ax, back)), shape(x),"
                            " part(shape(x), ax, not back))",
    "rows(x, ax)": "reshape(transpose(x, axes_last(shape(x), ax)), row_shape(shape(x), ax))",
    "unrows(m, s, ax)": "transpose(reshape(m, permuted(s, axes_last(s, ax))),"
                        " inverse_permutation(axes_last(s, ax)))",
    # The lower triangle with half the diagonal (Murray 2016, Differentiation of the Cholesky
    # decomposition, arXiv:1602.07527).
    "phi(x)": "x * half_lower(x)",
}


def structural(name, operands, doc, *, adjoint, tangent=None, linear=False, multilinear=False,
               own_applier=False):
    """Add a structural row.  `own_applier`: the core has a special apply_<name>."""
    operands, _, attributes = operands.partition(";")
    STRUCTURAL.append(Row(
        name=name, operands=tuple(operands.split()), attributes=tuple(attributes.split()), doc=doc,
        adjoint=(adjoint,) if isinstance(adjoint, str) else tuple(adjoint), tangent=tangent,
        linear=linear, multilinear=multilinear, own_applier=own_applier))


def fused(name, operands, doc, *, made_of):
    """Add an operator made of others, whose value the core computes in one go (fused_<name>).

    Where something is tracked, the operators that it is made of are applied one by one, so it has
    no derivative of its own.
    """
    operands, _, attributes = operands.partition(";")
    FUSED.append(Row(name=name, operands=tuple(operands.split()), doc=doc, made_of=made_of,
                     attributes=tuple(attributes.split()), own_applier=True))


fused("expand", "u; shape axes", "The result of a reduction, repeated along the reduced axes.",
      made_of="broadcast_to(reshape(u, kept_shape(shape, axes)), shape)")
fused("linrec_pull", "a c; axis reverse",
      "The cotangent of b in linrec(a, b, axis, reverse), where that of the result is c.",
      made_of="linrec(shifted(a, axis, reverse), c, axis, not reverse)")
fused("times_shifted", "c x; axis back", "c times x shifted by one along an axis.",
      made_of="zmul(c, shifted(x, axis, back))")
fused("clip_pull", "c a; low high",
      "The cotangent of a in clip(a, low, high), where that of the result is c.",
      made_of="zmul(c, clip_weights(a, low, high))")
fused("others_product", "m", "The products of all other elements of each row: from both sides.",
      made_of="linrec(shifted(m, 1, True), unit_along(m, 1, False), 1, False)"
              " * linrec(shifted(m, 1, False), unit_along(m, 1, True), 1, True)")

structural("reshape", "a; shape", "The same elements in another shape.", linear=True,
           adjoint="reshape(g, shape(a))", own_applier=True)
structural("transpose", "a; perm", "Axes in another order.", linear=True,
           adjoint="transpose(g, inverse_permutation(perm))", own_applier=True)
structural("broadcast_to", "a; shape", "Repetition along new axes and axes of length one.",
           linear=True, adjoint="sum_to(g, shape(a))", own_applier=True)
structural("sum_to", "a; shape", "The sum over everything that broadcasting would repeat.",
           linear=True, adjoint="broadcast_to(g, shape(a))", own_applier=True)
structural("sum", "a; axes keepdims", "The sum over axes.", linear=True,
           adjoint="expand(g, shape(a), axes)")
structural("slice", "a; index", "The part given by start, step and count along each axis.",
           linear=True, adjoint="embed(g, shape(a), index)", own_applier=True)
structural("embed", "a; shape index", "Zeros with the operand in the part given by index.",
           linear=True, adjoint="slice(g, index)", own_applier=True)
structural("index_set", "a b; index", "A copy of a whose part given by index holds b.",
           adjoint=("index_set(g, 0, index)", "slice(g, index)"),
           tangent="index_set(ta or zeros_like(y), tb or 0, index)", own_applier=True)
structural("gather", "a b", "The rows of a at the positions b, of any shape.",
           adjoint=("scatter_add(g, b, shape(a)[0])", "0"), tangent="gather(ta, b)")
structural("scatter_add", "a b; count", "count rows of zeros to whose rows b those of a are added.",
           adjoint=("gather(g, b)", "0"), tangent="scatter_add(ta, b, count)")
structural("concatenate", "*xs; axis starts", "Arrays joined along an axis.", linear=True,
           adjoint="slice(g, section(shape(y), axis, starts, k))", own_applier=True)
structural("where", "c a b", "a where c is true, else b.",
           adjoint=("0", "where(c, g, 0)", "where(c, 0, g)"),
           tangent="where(c, ta or 0, tb or 0)", own_applier=True)
structural("clip", "a; low high", "minimum(maximum(a, low), high) for two numbers, in one pass.",
           adjoint="clip_pull(g, a, low, high)", tangent="clip_pull(ta, a, low, high)")
structural("cast", "a; typenum", "The operand in another floating type.", linear=True,
           adjoint="cast(g, dtype(a))", own_applier=True)
structural("conj", "a", "The complex conjugate; a real operand itself.", linear=True,
           adjoint="conj(g)", own_applier=True)
structural("real", "a", "The real part.", linear=True, adjoint="cast(g, dtype(a))")
structural("imag", "a", "The imaginary part.", linear=True, adjoint="-turned(g)")
structural("turned", "a", "A real operand times the imaginary unit.", linear=True,
           adjoint="-imag(g)")
structural("modulus", "a", "The absolute value of a complex operand; derivative 0 at 0.",
           adjoint="g * safe_divide(conj(a), y)", tangent="ta * safe_divide(conj(a), y)")
structural("cumsum", "a; axis reverse", "Running sums along an axis (from its end if reverse).",
           linear=True, adjoint="cumsum(g, axis, not reverse)")
structural("linrec", "a b; axis reverse", "y[j] = a[j] * y[j-1] + b[j] along an axis; y[-1] = 0.",
           adjoint=("times_shifted(linrec_pull(a, g, axis, reverse), y, axis, not reverse)",
                    "linrec_pull(a, g, axis, reverse)"),
           tangent="linrec(a, ta * shifted(y, axis, not reverse) + tb, axis, reverse)")
for _name, _which in (("max", "largest"), ("min", "smallest")):
    structural(_name, "a; axes keepdims",
               f"The {_which} element over axes; ties share the derivative.",
               adjoint="expand(g, shape(a), axes) * shares(a, y, axes)",
               tangent="sum(ta * shares(a, y, axes), axes, keepdims)")
structural("prod", "a; axes keepdims", "The product over axes; exact where elements are zero.",
           adjoint="expand(g, shape(a), axes)"
                   " * unrows(others_product(rows(a, axes)), shape(a), axes)",
           tangent="sum(ta * unrows(others_product(rows(a, axes)), shape(a), axes),"
                   " axes, keepdims)")
# Normalised although exp(a - y) nearly is: y is rounded, and all a may be -inf.
structural("logsumexp", "a; axes keepdims", "log(sum(exp(a))) over axes, without overflow.",
           adjoint="expand(g, shape(a), axes)"
                   " * normal(exp(safe_subtract(a, expand(y, shape(a), axes))), axes)",
           tangent="sum(ta * normal(exp(safe_subtract(a, expand(y, shape(a), axes))), axes),"
                   " axes, keepdims)")
structural("norm2", "a; axes keepdims", "The Euclidean norm over axes; derivative 0 at 0.",
           adjoint="expand(g, shape(a), axes) * safe_divide(conj(a), expand(y, shape(a), axes))",
           tangent="sum(ta * safe_divide(conj(a), expand(y, shape(a), axes)), axes, keepdims)")

# --- linear algebra (the last two axes; axes before them are batches) -----------------------------

structural("matmul", "a b", "The matrix product.", multilinear=True,
           adjoint=("matmul(g, swap(b))", "matmul(swap(a), g)"))
structural("einsum", "*xs; spec", "Einstein summation, in the explicit form ij,jk->ik.",
           adjoint="einsum(g, *others(xs, k), *einsum_constants(spec, k, shape(xs[k])),"
                   " einsum_adjoint(spec, k))",
           multilinear=True)
structural("solve", "a b", "The solution x of a @ x = b.",
           adjoint=("-matmul(solve(swap(a), g), swap(y))", "solve(swap(a), g)"),
           tangent="solve(a, tb - matmul(ta, y))")
structural("inv", "a", "The inverse matrix.", adjoint="-matmul(matmul(swap(y), g), swap(y))",
           tangent="-matmul(matmul(y, ta), y)")
# For a singular matrix the face builds the determinant from its minors.
structural("det", "a", "The determinant of a nonsingular matrix.",
           adjoint="reshape(g, shape(g) + (1, 1)) * (reshape(y, shape(y) + (1, 1)) * inv(swap(a)))",
           tangent="y * sum(ta * swap(inv(a)), last_two(shape(a)), False)")
structural("logabsdet", "a", "log(abs(det(a))).",
           adjoint="reshape(g, shape(g) + (1, 1)) * inv(swap(a))",
           tangent="sum(ta * swap(inv(a)), last_two(shape(a)), False)")
structural("cholesky", "a", "The lower Cholesky factor of a positive definite matrix.",
           adjoint="halves(solve(swap(y), swap(solve(hermitian(y), swap(phi(matmul("
                   "swap(y), g)))))))",
           tangent="matmul(y, phi(solve(y, hermitian(solve(y, halves(ta))))))")

# --- Fourier transforms (norm as NumPy's: where the factor 1 / n goes) ----------------------------
#
# The matrix of a transform is symmetric.  A real spectrum has half the entries: all but the first
# (and the last of an even number) stand for two.

structural("fft", "a; axes inverse norm", "The discrete Fourier transform along axes.",
           linear=True, adjoint="spectrum(g, axes, inverse, norm, is_real(dtype(a)))")
# A row of its own because the cotangent of real numbers is half the work.
structural("spectrum", "a; axes inverse norm real",
           "The discrete Fourier transform along axes, or (if real) the real part of it.",
           linear=True, adjoint="spectrum(g, axes, inverse, norm, is_real(dtype(a)))")
structural("rfft", "a; axis norm", "The nonnegative half of the transform of a real operand.",
           linear=True, adjoint="irfft(conj(g) * half_weights(g, axis, shape(a)[axis], 0.5),"
                                " axis, shape(a)[axis], other_way(norm))")
structural("irfft", "a; axis count norm", "The `count` real numbers to a half spectrum.",
           linear=True, adjoint="conj(rfft(g, axis, other_way(norm)))"
                                " * half_weights(g, axis, count, 2)")

# --- nodes that are not the result of an operator -------------------------------------------------

# "call" has any number of operands and one attribute, which knows its value and derivatives.
BOOKKEEPING = ("call", "const", "leaf", "dual", "freed")
