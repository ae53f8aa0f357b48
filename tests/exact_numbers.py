"""Numbers of fifty digits in NumPy's arrays: the value of a function, with no derivative in sight.

`Number` is an element, `Exact` an array of them, on which NumPy's own Python code runs: sums,
products, `einsum` and whatever is composed of arithmetic. Elementwise functions are mpmath's; what
NumPy computes in C (of float64 only) is looked up in `TRANSCRIBED`, which other files fill. No
number becomes a float on the way: that raises, so no digit is lost unseen. With so many digits a
difference over a step of 1e-14 is a derivative, exact to more places than float64 has. Knows NumPy
and mpmath; must not know cdiff.
"""

import math

import mpmath
import numpy as np
from mpmath import mp

__all__ = ["COMPLEXES", "DIGITS", "ELEMENTWISE", "TRANSCRIBED", "Exact", "Number", "each", "exact",
           "lifted", "plain", "transcribed", "wrapped"]  # fmt: skip

DIGITS = 50
REALS, COMPLEXES = (mpmath.mpf,), (mpmath.mpc,)
TRANSCRIBED = {}  # NumPy's function: the same of exact arrays
MOVES = "a number of fifty digits would become a float"


def lifted(x):
    """The number of mpmath; None of what is no number."""
    if type(x) is Number:
        return x.v
    if isinstance(x, (bool, int, np.integer, np.bool_)):
        return mp.mpf(int(x))
    if isinstance(x, (float, np.floating)):
        return mp.mpf(float(x))
    if isinstance(x, (complex, np.complexfloating)):
        return mp.mpc(complex(x))
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return lifted(x.view(np.ndarray)[()])
    return x if isinstance(x, (*REALS, *COMPLEXES)) else None


def key(v):
    """Complex numbers in NumPy's order."""
    return (v.real, v.imag) if isinstance(v, COMPLEXES) else (v, mp.mpf(0))


def compared(relation):
    def compare(self, other):
        w = None if isinstance(other, np.ndarray) else lifted(other)
        if w is None:
            return NotImplemented
        if isinstance(self.v, COMPLEXES) or isinstance(w, COMPLEXES):
            return bool(relation(key(self.v), key(w)))
        return bool(relation(self.v, w))

    return compare


def computed(operation, back=False):
    def compute(self, other):
        w = None if isinstance(other, np.ndarray) else lifted(other)
        if w is None:
            return NotImplemented
        return Number(operation(w, self.v) if back else operation(self.v, w))

    return compute


def divided(a, b):
    if b != 0:
        return a / b
    return mp.nan if a == 0 or a != a else mp.sign(a) * mp.inf


def remainder(a, b):
    return a - b * mp.floor(divided(a, b))


def power(a, b):
    if a == 0:
        return mp.mpf(1) if b == 0 else mp.mpf(0) if mp.re(b) > 0 else mp.inf
    real = not isinstance(a, COMPLEXES) and not isinstance(b, COMPLEXES)
    if real and b == mp.floor(b):
        return a ** int(b)
    return mp.nan if real and a < 0 else a**b


class Number:
    """A real or complex number of fifty digits, as an element of an array of objects."""

    __slots__ = ("v",)

    def __init__(self, v):
        self.v = v

    real = property(lambda self: Number(mp.re(self.v)))
    imag = property(lambda self: Number(mp.im(self.v)))
    __add__ = __radd__ = computed(lambda a, b: a + b)
    __mul__ = __rmul__ = computed(lambda a, b: a * b)
    __sub__, __rsub__ = (computed(lambda a, b: a - b, back) for back in (False, True))
    __truediv__, __rtruediv__ = (computed(divided, back) for back in (False, True))
    __pow__, __rpow__ = (computed(power, back) for back in (False, True))
    __mod__, __rmod__ = (computed(remainder, back) for back in (False, True))
    __floordiv__ = computed(lambda a, b: mp.floor(divided(a, b)))
    __lt__, __le__ = compared(lambda a, b: a < b), compared(lambda a, b: a <= b)
    __gt__, __ge__ = compared(lambda a, b: a > b), compared(lambda a, b: a >= b)
    __eq__, __ne__ = compared(lambda a, b: a == b), compared(lambda a, b: a != b)
    __hash__ = None
    __neg__ = lambda self: Number(-self.v)
    __pos__ = lambda self: self
    __abs__ = lambda self: Number(abs(self.v))
    __bool__ = lambda self: bool(self.v != 0)
    __int__ = __index__ = lambda self: int(self.v)

    def __float__(self):
        raise TypeError(MOVES)

    __complex__ = __float__

    def __repr__(self):
        return mp.nstr(self.v, 20)


# --- elementwise functions ------------------------------------------------------------------------


def within(function):
    """Of a real number a real one, or nan outside of the domain."""

    def f(*args):
        y = function(*args)
        if isinstance(y, COMPLEXES) and not any(isinstance(x, COMPLEXES) for x in args):
            return mp.nan
        return y

    return f


def logaddexp(a, b):
    return max(a, b) + mp.log1p(mp.exp(-abs(a - b))) if a != b else a + mp.log(2)


def frexp(x):
    exponent = 0 if x == 0 else math.frexp(float(x))[1]
    return x / mp.mpf(2) ** exponent, exponent


def modf(x):
    whole = mp.floor(x) if x >= 0 else mp.ceil(x)
    return x - whole, whole


def rint(x):
    return mp.nint(x) if mp.isfinite(x) else x


def sign(x):
    return x / abs(x) if x != 0 else mp.mpf(0)


def larger(a, b):
    return b if a != a or key(b) > key(a) else a


def smaller(a, b):
    return b if a != a or key(b) < key(a) else a


def signbit(x):
    return x < 0


_DEGREE = lambda: mp.pi / 180
ELEMENTWISE = {
    "exp": mp.exp, "log": mp.log, "sqrt": mp.sqrt, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "sinh": mp.sinh, "cosh": mp.cosh,
    "tanh": mp.tanh, "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh,
    "exp2": lambda x: mp.mpf(2) ** x, "expm1": mp.expm1, "log1p": mp.log1p,
    "log2": lambda x: mp.log(x) / mp.log(2), "log10": lambda x: mp.log(x) / mp.log(10),
    "cbrt": lambda x: sign(x) * mp.cbrt(abs(x)), "conjugate": mp.conj, "absolute": abs,
    "fabs": abs, "square": lambda x: x * x, "reciprocal": lambda x: divided(mp.mpf(1), x),
    "sign": sign, "signbit": signbit, "floor": mp.floor, "ceil": mp.ceil, "rint": rint,
    "trunc": lambda x: modf(x)[1], "deg2rad": lambda x: x * _DEGREE(),
    "radians": lambda x: x * _DEGREE(), "rad2deg": lambda x: x / _DEGREE(),
    "degrees": lambda x: x / _DEGREE(), "isnan": mp.isnan, "isfinite": mp.isfinite,
    "isinf": mp.isinf, "arctan2": lambda y, x: mp.atan2(y, x), "power": power,
    "float_power": power, "hypot": lambda a, b: mp.sqrt(a * a + b * b),
    "logaddexp": logaddexp,
    "logaddexp2": lambda a, b: logaddexp(a * mp.log(2), b * mp.log(2)) / mp.log(2),
    "copysign": lambda a, b: -abs(a) if signbit(b) else abs(a),
    "heaviside": lambda a, b: mp.mpf(int(a > 0)) if a != 0 else b,
    "ldexp": lambda x, k: x * mp.mpf(2) ** int(k), "fmod": lambda a, b: b * modf(divided(a, b))[0],
    "remainder": remainder, "floor_divide": lambda a, b: mp.floor(divided(a, b)),
    "divmod": lambda a, b: (mp.floor(divided(a, b)), remainder(a, b)),
    "fmax": larger, "fmin": smaller, "frexp": frexp, "modf": modf,
}  # fmt: skip
ANSWERS = ("isnan", "isfinite", "isinf", "signbit")
PAIRS = ("frexp", "modf", "divmod")
_OF_TWO = """arctan2 power float_power hypot logaddexp logaddexp2 copysign heaviside ldexp fmod
             remainder floor_divide divmod fmax fmin"""
OF_TWO = _OF_TWO.split()


NEUTRAL = {"add": 0, "multiply": 1, "logaddexp": -np.inf, "logaddexp2": -np.inf, "hypot": 0}


def element(name):
    """A function of elements as NumPy calls it."""
    function = within(ELEMENTWISE[name])

    def f(*args):
        y = function(*map(lifted, args))
        if name in ANSWERS:
            return bool(y)
        if name == "frexp":
            return Number(y[0]), y[1]
        return tuple(map(Number, y)) if name in PAIRS else Number(y)

    return f


UFUNCS = {}
for _name in ELEMENTWISE:
    _f, _nin, _nout = element(_name), 1 + (_name in OF_TWO), 1 + (_name in PAIRS)
    _neutral = {"identity": NEUTRAL[_name]} if _name in NEUTRAL else {}
    UFUNCS[_name] = np.frompyfunc(_f, _nin, _nout, **_neutral)
    if not hasattr(Number, _name):
        setattr(Number, _name, _f)
Number.conjugate = Number.conj = lambda self: Number(mp.conj(self.v))


# --- arrays ---------------------------------------------------------------------------------------


def bare(x):
    """Without the class, so that NumPy's loops run."""
    return x.view(np.ndarray) if isinstance(x, Exact) else x


def wrapped(y):
    """Arrays of numbers, of what NumPy answers."""
    if type(y) is Number:
        out = np.empty((), object)
        out[()] = y
        return out.view(Exact)
    if isinstance(y, np.ndarray) and y.dtype == object:
        return y.view(Exact)
    if isinstance(y, tuple) and hasattr(y, "_fields"):
        return type(y)(*map(wrapped, y))
    return type(y)(map(wrapped, y)) if isinstance(y, (tuple, list)) else y


def transcribed(function):
    """Make a function the exact form of one of NumPy's."""

    def add(f):
        TRANSCRIBED[function] = f
        return f

    return add


class Exact(np.ndarray):
    """An array of `Number`."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        name = ufunc.__name__
        for unused in ("dtype", "casting", "order", "subok"):
            kwargs.pop(unused, None)
        if ufunc in TRANSCRIBED and method == "__call__":
            return wrapped(TRANSCRIBED[ufunc](*inputs, **kwargs))
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(map(bare, out))
        loops = UFUNCS.get(name, ufunc)
        if method == "reduce":
            loops = {"fmax": np.maximum, "fmin": np.minimum}.get(name, loops)  # of several axes
            if "where" in kwargs and name in NEUTRAL:
                kwargs.setdefault("initial", NEUTRAL[name])
        use = getattr(loops, method)
        y = use(*map(bare, inputs), **kwargs)
        if name in ANSWERS:
            return np.asarray(y).astype(bool)[()]
        if method == "reduce" and isinstance(y, (int, float)):
            return exact(y)  # of no elements
        if name == "frexp":
            return wrapped(y[0]), np.asarray(y[1]).astype(int)
        return out[0] if out is not None and len(out) == 1 else wrapped(y)

    def __array_function__(self, func, types, args, kwargs):
        if func in TRANSCRIBED:
            return wrapped(TRANSCRIBED[func](*args, **kwargs))
        return wrapped(super().__array_function__(func, types, args, kwargs))

    def __getitem__(self, index):
        return wrapped(super().__getitem__(index))

    def __iter__(self):
        return iter([self[k] for k in range(len(self))])

    @property
    def real(self):
        return each(mp.re, self)

    @property
    def imag(self):
        return each(mp.im, self)

    def conj(self):
        return np.conjugate(self)

    conjugate = conj

    def astype(self, dtype, *args, **kwargs):
        moved = np.dtype(dtype).kind in "fcO"
        return self.copy() if moved else super().astype(dtype, *args, **kwargs)

    def dot(self, other):
        return np.dot(self, other)

    def var(self, *args, **kwargs):
        return np.var(self, *args, **kwargs)

    def std(self, *args, **kwargs):
        return np.std(self, *args, **kwargs)


_METHODS = "sum mean prod max min cumsum cumprod trace diagonal clip take repeat round"
for _name in _METHODS.split():

    def _method(self, *args, _name=_name, **kwargs):
        y = getattr(np.ndarray, _name)(self, *args, **kwargs)
        return exact(y) if isinstance(y, int) else wrapped(y)

    setattr(Exact, _name, _method)


def exact(values):
    """An exact array of numbers of mpmath or of floats, in nested lists or arrays."""
    out = np.array(values, dtype=object)
    flat = out.reshape(-1)
    for k, x in enumerate(flat):
        v = lifted(x)
        if v is None:
            raise TypeError(f"no number: {x!r}")
        flat[k] = Number(v)
    return flat.reshape(out.shape).view(Exact)


def each(function, x):
    """A function of mpmath's numbers on every element."""
    y = np.frompyfunc(lambda a: Number(function(lifted(a))), 1, 1)(bare(np.asanyarray(x)))
    return wrapped(y)


def plain(x):
    """Floats or complex numbers, for what must not be differentiated: signs, orders, counts."""
    x = np.asarray(x)
    if x.dtype != object:
        return x
    found = [complex(lifted(a)) for a in x.reshape(-1)]
    out = np.array(found, dtype=complex).reshape(x.shape)
    return out.real if not out.imag.any() else out
