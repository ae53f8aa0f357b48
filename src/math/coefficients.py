"""The polynomial coefficients of the headers in this folder, computed from scratch.

Run by hand (``python coefficients.py [name ...]``, needs mpmath) when a polynomial has to change;
nothing of the build uses it and it knows nothing of the C code but the intervals. Each entry of
FITS is a function g, a weight w and an interval; the Remez exchange algorithm finds the polynomial
p that minimises max |w (p - g)|, which is the relative error of the function the C code makes of
p. Printed are the bound as a power of two and, from the constant term up, each coefficient as a
double and what its rounding left over. The names `log_table` and `wide_tables` print the headers
of these names instead.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from mpmath import mp, mpf

mp.dps = 60

Function = Callable[[mpf], mpf]


class Fit(NamedTuple):
    """A polynomial of `degree` close to g on [low, high], the error measured by weight."""

    g: Function
    weight: Function
    low: mpf
    high: mpf
    degree: int


def away_from_zero(g: Function) -> Function:
    """g where its formula is not 0/0: a removable singularity at 0 is stepped over."""
    step = mpf(10) ** -20
    return lambda t: g(t if abs(t) > step else step)


def of_square(g: Function) -> Function:
    """g(x) as a function of x squared."""
    return away_from_zero(lambda z: g(mp.sqrt(z)))


def erfc_scaled(v: mpf) -> mpf:
    """exp(x^2) erfc(x) (x + 15/4) with v = 8/(x + 15/4) - 565/512."""
    u = (v + mpf(565) / 512) / 8
    x = 1 / u - mpf(15) / 4
    return mp.exp(x * x) * mp.erfc(x) / u


def erfc_variable(x: str) -> mpf:
    return 8 / (mpf(x) + mpf(15) / 4) - mpf(565) / 512


HALF_LN2 = mp.log(2) / 2 * mpf("1.0005")
LOG_S2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * mpf("1.0005")) ** 2
QUARTER_PI2 = (mp.pi / 4 * mpf("1.0001")) ** 2
TURN2 = mpf("0.2501")
LN2 = mp.log(2)
PIECE = LN2 / 32 * mpf("1.0005")  # of the exponential in wide.h
PIECE_OF_TURN2 = (mp.pi / 16 * mpf("1.0001")) ** 2
TABLE_REACH = mpf("0.00585")  # what log_table leaves of |log z|
POWER_REACH = mpf("0.0205")  # what the table for powers in wide.h leaves of it

FITS: dict[str, Fit] = {
    "exp": Fit(
        away_from_zero(lambda r: (mp.expm1(r) - r) / r**2),
        lambda r: r**2 / mp.exp(r), -HALF_LN2, HALF_LN2, 9,
    ),
    "wide_exp": Fit(
        away_from_zero(lambda r: (mp.expm1(r) - r) / r**2),
        lambda r: r**2 / mp.exp(r), -PIECE, PIECE, 4,
    ),
    "wide_exp_rest": Fit(
        away_from_zero(lambda r: (mp.expm1(r) - r) / r**2), lambda r: r, -PIECE, PIECE, 5
    ),
    "wide_log": Fit(
        away_from_zero(lambda r: (mp.log1p(r) - r + r * r / 2) / r**3),
        lambda r: r**2, -mpf("0.0305"), mpf("0.0325"), 6,
    ),
    "wide_power_log": Fit(
        away_from_zero(lambda r: (mp.log1p(r) - r + r * r / 2) / r**3),
        lambda r: r**2, -POWER_REACH, POWER_REACH, 7,
    ),
    "wide_sin": Fit(
        of_square(lambda r: (mp.sin(r) - r) / r**3), lambda z: z, mpf(0), PIECE_OF_TURN2, 3
    ),
    "wide_cos": Fit(
        of_square(lambda r: (mp.cos(r) - 1 + r * r / 2) / r**4),
        lambda z: z * z, mpf(0), PIECE_OF_TURN2, 3,
    ),
    "exp2": Fit(
        away_from_zero(lambda r: mp.expm1(r * LN2) / r),
        lambda r: r / mpf(2) ** r, mpf("-0.5001"), mpf("0.5001"), 10,
    ),
    "expm1": Fit(
        away_from_zero(lambda r: (mp.expm1(r) - r - r * r / 2) / r**3),
        lambda r: r**2, -HALF_LN2, HALF_LN2, 9,
    ),
    "log": Fit(
        of_square(lambda s: 2 * (mp.atanh(s) - s) / s**3), lambda z: z / 2, mpf(0), LOG_S2, 6
    ),
    "log_pair": Fit(
        away_from_zero(lambda r: (mp.log1p(r) - r + r * r / 2) / r**3),
        lambda r: r**2, -TABLE_REACH, TABLE_REACH, 5,
    ),
    "cbrt": Fit(lambda m: 1 / mp.cbrt(m), lambda m: mp.cbrt(m), mpf(1), mpf(2), 5),
    "sin": Fit(
        of_square(lambda r: (mp.sin(r) - r) / r**3), lambda z: z, mpf(0), QUARTER_PI2, 5
    ),
    "cos": Fit(
        of_square(lambda r: (mp.cos(r) - 1 + r * r / 2) / r**4),
        lambda z: z * z, mpf(0), QUARTER_PI2, 5,
    ),
    "sinc": Fit(
        of_square(lambda r: (mp.sincpi(r) - 1) / r**2), lambda z: 2 * z, mpf(0), TURN2, 7
    ),
    "cospi": Fit(
        of_square(lambda r: (mp.cospi(r) - 1) / r**2), lambda z: z, mpf(0), TURN2, 8
    ),
    "dsinc": Fit(
        of_square(lambda r: (mp.cospi(r) - mp.sincpi(r)) / r**2),
        lambda z: mpf(1) / 2, mpf(0), mpf("0.75") ** 2, 9,
    ),
    "arctan": Fit(
        of_square(lambda x: (mp.atan(x) - x) / x**3), lambda z: z, mpf(0), mpf("0.25"), 11
    ),
    "arcsin": Fit(
        of_square(lambda x: (mp.asin(x) - x) / x**3), lambda z: z, mpf(0), mpf("0.25"), 11
    ),
    "sinh": Fit(
        of_square(lambda r: (mp.sinh(r) - r) / r**3), lambda z: z, mpf(0), HALF_LN2**2, 4
    ),
    "cosh": Fit(
        of_square(lambda r: (mp.cosh(r) - 1 - r * r / 2) / r**4),
        lambda z: z * z, mpf(0), HALF_LN2**2, 3,
    ),
    "tanh": Fit(
        of_square(lambda x: (mp.tanh(x) - x) / x**3), lambda z: z, mpf(0), mpf("0.7") ** 2, 11
    ),
    "arctanh": Fit(
        of_square(lambda s: (mp.atanh(s) - s) / s**3), lambda z: z, mpf(0), mpf("0.21") ** 2, 7
    ),
    "erf": Fit(
        of_square(lambda x: mp.erf(x) / x - 1),
        of_square(lambda x: x / mp.erf(x)), mpf(0), mpf("0.76") ** 2, 10,
    ),
    "erfc": Fit(
        erfc_scaled, lambda v: 1 / erfc_scaled(v), erfc_variable("27.3"), erfc_variable("0"), 22
    ),
}


def solve_levelled(fit: Fit, points: list[mpf], center: mpf, half: mpf) -> list[mpf]:
    """Coefficients in (t - center)/half with weighted errors of equal size and alternating sign."""
    n = fit.degree + 2
    matrix, right = mp.matrix(n, n), mp.matrix(n, 1)
    for i, x in enumerate(points):
        weight, power = fit.weight(x), mpf(1)
        for j in range(n - 1):
            matrix[i, j] = power * weight
            power *= (x - center) / half
        matrix[i, n - 1] = (-1) ** i
        right[i] = fit.g(x) * weight
    return list(mp.lu_solve(matrix, right))[: n - 1]


def alternating_peaks(errors: list[mpf], count: int) -> list[int]:
    """Indices of the largest error in each run of one sign, cut to `count` at the smaller end."""
    peaks: list[int] = []
    for i, error in enumerate(errors):
        if error == 0:
            continue
        if peaks and (errors[peaks[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > count:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    return peaks


def monomials(coefficients: list[mpf], center: mpf, half: mpf) -> list[mpf]:
    """From powers of (t - center)/half to powers of t."""
    result = [mpf(0)]
    for c in reversed(coefficients):
        shifted = [mpf(0)] * (len(result) + 1)
        for i, r in enumerate(result):
            shifted[i + 1] += r / half
            shifted[i] -= r * center / half
        shifted[0] += c
        result = shifted
    return result[: len(coefficients)]


def remez(fit: Fit, rounds: int = 12, grid: int = 400) -> tuple[list[mpf], mpf]:
    """The best polynomial in powers of t, and its largest weighted error."""
    center, half = (fit.low + fit.high) / 2, (fit.high - fit.low) / 2
    n = fit.degree + 2

    def node(i: mpf) -> mpf:
        return center - half * mp.cos(mp.pi * i)

    # Slightly off the Chebyshev points: one at 0 exactly would have weight 0.
    points = [node((2 * i + mpf("1.07")) / (2 * n)) for i in range(n)]
    samples = [node(mpf(i) / grid) for i in range(grid + 1)]
    values = [(fit.weight(t), fit.g(t)) for t in samples]
    for _ in range(rounds):
        c = solve_levelled(fit, points, center, half)
        errors = [
            w * (mp.polyval(c[::-1], (t - center) / half) - g)
            for t, (w, g) in zip(samples, values, strict=True)
        ]
        peaks = alternating_peaks(errors, n)
        worst = max(abs(e) for e in errors)
        if len(peaks) < n or worst < mpf("1.001") * min(abs(errors[i]) for i in peaks):
            break
        points = [samples[i] for i in peaks]
    return monomials(c, center, half), worst


def log_table(size: int = 128) -> list[tuple[float, float]]:
    """Rows (log c and 1/c, rest of log c), c near the middle of each piece of [0.705, 1.41).

    1/c has so few bits that z/c - 1 is a double for every z of the piece; log c is a multiple of
    2^-42, so that k ln 2 can be added without rounding. In the last nine bits of log c, which are
    therefore free, stands 256/c: to collect fewer numbers is quicker than to take them apart. The
    first bit pattern is chosen so that 1
    lies in the middle of a piece, for which c is 1: near 1 the logarithm is small, and a sum of
    larger terms would not be precise enough.
    """
    start = 0x3FE6900000000000
    ends = [start + i * (2**52 // size) for i in range(size + 1)]
    z = [mpf(struct.unpack("<d", struct.pack("<Q", end))[0]) for end in ends]
    rows = []
    for low, high in pairwise(z):
        step = mpf(2) ** (-7 if low < 1 else -8)
        inverse = mpf(1) if low <= 1 <= high else mp.nint(2 / (low + high) / step) * step
        assert max(abs(low * inverse - 1), abs(high * inverse - 1)) < TABLE_REACH
        log = -mp.log(inverse)
        head = mp.nint(log * 2**42) / mpf(2) ** 42
        bits = struct.unpack("<Q", struct.pack("<d", float(head)))[0]
        assert bits % 512 == 0 and 0 < inverse * 256 < 512
        packed = struct.pack("<Q", bits + int(inverse * 256))
        rows.append((struct.unpack("<d", packed)[0], float(log - head)))
    return rows


def ends_of(start: int, piece: int, shift: int) -> tuple[mpf, mpf]:
    """The numbers at the ends of a piece of 2^shift bit patterns."""
    ends = [start + ((piece + i) << shift) for i in (0, 1)]
    low, high = (mpf(struct.unpack("<d", struct.pack("<Q", end))[0]) for end in ends)
    return low, high


WIDE_LOG_START = 0x3FE7555600000000  # 1 is in the middle of a piece


def wide_inverse(piece: int) -> mpf:
    """About 1/z for z in one of the sixteen pieces that begin at WIDE_LOG_START.

    Next to the middle piece, where c is 1 and the logarithm smallest, it has so few bits that
    z/c - 1 is a double for every z where the sum with log c cancels.
    """
    few = {7: mpf(33) / 32, 8: mpf(1), 9: mpf(61) / 64}
    low, high = ends_of(WIDE_LOG_START, piece, 48)
    step = mpf(2) ** (-8 if low < 1 else -9)
    return few.get(piece, mp.nint(2 / (low + high) / step) * step)


WIDE_POWER_START = 0x3FE6C00000000000  # 1 is in the middle of a piece


def power_inverse(piece: int) -> tuple[mpf, mpf]:
    """About 1/z for z in one of 32 pieces, so that z/c - 1 is a double, and its largest value."""
    low, high = ends_of(WIDE_POWER_START, piece, 47)
    if low < 1 < high:
        return mpf(1), high - 1
    found = []
    for bits in range(4, 12):
        for n in range(int(2**bits / high), int(2**bits / low) + 2):
            inverse = mpf(n) / 2**bits
            reach = max(abs(low * inverse - 1), abs(high * inverse - 1))
            if reach <= mpf(2) ** ((0 if low < 1 else 1) - bits):
                found.append((reach, inverse))
    reach, inverse = min(found)
    return inverse, reach


def cube_root_pieces() -> list[list[float]]:
    """m^(-1/3) on sixteen pieces of [1, 2), as parabolas in m: a column for each power of m."""
    rows = []
    for piece in range(16):
        low, high = 1 + mpf(piece) / 16, 1 + mpf(piece + 1) / 16
        fit = Fit(lambda m: 1 / mp.cbrt(m), lambda m: mp.cbrt(m), low, high, 2)
        rows.append([float(c) for c in remez(fit)[0]])
    return [list(column) for column in zip(*rows, strict=True)]


def upper_word(x: mpf) -> mpf:
    """What a double's upper 32 bits hold of x."""
    bits = struct.unpack("<Q", struct.pack("<d", float(x)))[0]
    return mpf(struct.unpack("<d", struct.pack("<Q", bits & ~0xFFFFFFFF))[0])


def words(column: list[mpf], shift: int) -> list[int]:
    """The upper (shift 32) or lower (0) halves of doubles."""
    return [
        struct.unpack("<Q", struct.pack("<d", float(x)))[0] >> shift & 0xFFFFFFFF for x in column
    ]


def power_tables() -> dict[str, list[int]]:
    """The tables for powers in wide.h: halves of doubles, of which one register holds sixteen."""
    inverses = [power_inverse(piece)[0] for piece in range(32)]
    logs = [-mp.log(c) for c in inverses]
    heads = [upper_word(log) for log in logs]
    rests = [log - head for log, head in zip(logs, heads, strict=True)]
    assert max(power_inverse(piece)[1] for piece in range(32)) < POWER_REACH
    return {
        "inverse": words(inverses, 32),
        "log_upper": words(heads, 32),
        "log_rest_upper": words(rests, 32),
        "log_rest_lower": words(rests, 0),
    }


def wide_tables() -> dict[str, list[float]]:
    """The tables of wide.h: numbers, and what their rounding left over."""
    powers = [mpf(2) ** (mpf(j) / 16) for j in range(16)]
    sines = [mp.sinpi(mpf(j) / 8) for j in range(8)]
    cosines = [mp.cospi(mpf(j) / 8) for j in range(8)]
    inverses = [wide_inverse(piece) for piece in range(16)]
    logs = [-mp.log(c) for c in inverses]
    heads = [mp.nint(log * 2**42) / mpf(2) ** 42 for log in logs]
    roots = cube_root_pieces()
    return {
        "powers": [float(p) for p in powers],
        "power_rests": [float(p / mpf(float(p)) - 1) for p in powers],
        "even_powers": [float(p) for p in powers[::2]],
        "even_power_rests": [float(p / mpf(float(p)) - 1) for p in powers[::2]],
        "sines": [float(s) for s in sines],
        "sine_rests": [float(s - mpf(float(s))) for s in sines],
        "cosines": [float(c) for c in cosines],
        "cosine_rests": [float(c - mpf(float(c))) for c in cosines],
        "inverses": [float(c) for c in inverses],
        "logs": [float(h) for h in heads],
        "log_rests": [float(log - head) for log, head in zip(logs, heads, strict=True)],
        **logs_to_base("two", 2, logs),
        **logs_to_base("ten", 10, logs),
        "root_constants": roots[0],
        "root_slopes": roots[1],
        "root_squares": roots[2],
        "root_factors": [float(1 / mp.cbrt(2 ** (j % 3))) for j in range(8)],
    }


def logs_to_base(name: str, base: int, logs: list[mpf]) -> dict[str, list[float]]:
    """Logarithms of c to another base, as those in wide_tables; then of 2 and of e, each in two
    parts, where the first of 2 times any exponent is a multiple of 2^-42."""
    scaled = [log / mp.log(base) for log in logs]
    heads = [mp.nint(log * 2**42) / mpf(2) ** 42 for log in scaled]
    two, e = mp.log(2) / mp.log(base), 1 / mp.log(base)
    two_head = mp.nint(two * 2**42) / mpf(2) ** 42
    rests = [log - head for log, head in zip(scaled, heads, strict=True)]
    numbers = [two_head, two - two_head, mpf(float(e)), e - mpf(float(e))]
    return {f"logs_to_{name}": [float(x) for x in [*heads, *rests, *numbers]]}


def print_columns(opening: str, columns: dict[str, list[float] | list[int]]) -> None:
    print(opening)
    for name, column in columns.items():
        whole = isinstance(column[0], int)
        print(f"static const {'uint32_t' if whole else 'double'} {name}[{len(column)}] = {{")
        shown = [f"{c:#010x}" if whole else c.hex() for c in column]
        per_line = 8 if whole else 4
        for i in range(0, len(column), per_line):
            print("    " + ", ".join(shown[i : i + per_line]) + ",")
        print("};\n")
    print("#endif")


def print_log_table() -> None:
    names = ("cdm_log_packed", "cdm_log_rest")
    columns = map(list, zip(*log_table(), strict=True))
    print_columns(LOG_TABLE_OPENING, dict(zip(names, columns, strict=True)))


def print_wide_tables() -> None:
    opening = WIDE_TABLES_OPENING.format(
        start=f"{WIDE_LOG_START:#x}", power_start=f"{WIDE_POWER_START:#x}"
    )
    columns = wide_tables() | power_tables()
    print_columns(opening, {f"cdm_wide_{name}": column for name, column in columns.items()})


WIDE_TABLES_OPENING = """\
/* The tables of wide.h, of sixteen numbers each, which two registers hold, or of eight.
 *
 * Powers 2^(j/16), every other one of them again, and sines and cosines of j pi/8; for each of
 * sixteen pieces of an octave, of which the first begins at the bits CDM_WIDE_LOG_START, 1/c and
 * log c, a multiple of 2^-42.  The rests are what rounding left over, of the powers relative to
 * them.  To other bases log c and its rest, then the logarithms of 2 and of e, in two parts each.
 * For m^(-1/3) on sixteen pieces of [1, 2) parabolas, and factors for m, 2m and 4m.  For powers
 * 1/c and log c once more, of 32 pieces from CDM_WIDE_POWER_START, in halves of 32 bits: all that
 * 1/c needs is its upper half; of log c it is that one's number and the rest, a double.  It knows
 * nothing of its use.  Printed by `python coefficients.py wide_tables`; do not edit.
 */
#ifndef CDM_WIDE_TABLES_H
#define CDM_WIDE_TABLES_H

#include <stdint.h>

#define CDM_WIDE_LOG_START {start}LL
#define CDM_WIDE_POWER_START {power_start}LL
"""


LOG_TABLE_OPENING = """\
/* The table behind cdm_power: for each of 128 pieces of [0.705, 1.41) a number c.
 *
 * Two columns: log c as a multiple of 2^-42, with 256/c in its last nine bits, and the rest of
 * log c. It knows nothing of its use. Columns instead of rows because vector code collects each by
 * the same index. Printed by `python coefficients.py log_table`; do not edit.
 */
#ifndef CDM_LOG_TABLE_H
#define CDM_LOG_TABLE_H
"""


def main(names: list[str]) -> None:
    if names == ["log_table"]:
        return print_log_table()
    if names == ["wide_tables"]:
        return print_wide_tables()
    for name in names or list(FITS):
        coefficients, error = remez(FITS[name])
        print(f"{name}: error 2^{float(mp.log(error, 2)):.1f}")
        for c in coefficients:
            print(f"    {float(c).hex()}  {float(c - mpf(float(c))).hex()}")


if __name__ == "__main__":
    main(sys.argv[1:])
