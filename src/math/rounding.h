/* Rounding, comparison and division with remainder: the functions that are exact.
 *
 * Nothing here approximates; every result is the exact one, or the exact one rounded once
 * (reciprocal, deg2rad, ...). The file must not know exp, log or any other transcendental
 * function. Why it is fast: selections instead of branches, the magic-number rounding of bits.h
 * where the target has no rounding instruction, and remainders by one division and one exact
 * product when the quotient fits in 2^51.
 *
 *   function                                     error bound (ulp)
 *   floor ceil trunc rint sign copysign          0
 *   maximum minimum fmax fmin heaviside          0
 *   absolute fmod floor_divide                   0
 *   square reciprocal sqrt remainder             0.5
 *   deg2rad rad2deg                              1.0
 *
 * The fast range of fmod, remainder and floor_divide is |a/b| <= 2^51 without extreme operands.
 */
#ifndef CDM_ROUNDING_H
#define CDM_ROUNDING_H

#include "bits.h"

#if CDM_HAVE_ROUND
CDM_INLINE double cdm_rint(double x) { return __builtin_rint(x); }
CDM_INLINE double cdm_floor(double x) { return __builtin_floor(x); }
CDM_INLINE double cdm_ceil(double x) { return __builtin_ceil(x); }
CDM_INLINE double cdm_trunc(double x) { return __builtin_trunc(x); }
#else
/* Adding 2^52 pushes the fraction out; larger numbers have none. The sign is put back because
 * -0.3 rounds to -0. */
CDM_INLINE double cdm_rint(double x) {
    double m = CDM_ABS(x), t = (m + 0x1p52) - 0x1p52;
    return cdm_copysign(m < 0x1p52 ? t : m, x);
}
CDM_INLINE double cdm_floor(double x) {
    double t = cdm_rint(x);
    return cdm_copysign(t - (t > x ? 1.0 : 0.0), x);
}
CDM_INLINE double cdm_ceil(double x) {
    double t = cdm_rint(x);
    return cdm_copysign(t + (t < x ? 1.0 : 0.0), x);
}
CDM_INLINE double cdm_trunc(double x) { return cdm_copysign(cdm_floor(CDM_ABS(x)), x); }
#endif

CDM_INLINE double cdm_square(double x) { return x * x; }
CDM_INLINE double cdm_reciprocal(double x) { return 1.0 / x; }
CDM_INLINE double cdm_sqrt(double x) { return CDM_SQRT(x); }
CDM_INLINE double cdm_deg2rad(double x) { return x * 0x1.1df46a2529d39p-6; }
CDM_INLINE double cdm_rad2deg(double x) { return x * 0x1.ca5dc1a63c1f8p+5; }

/* -1, 0 or 1; NaN stays NaN, and the sign of zero is +0 for both zeros, as in NumPy. */
CDM_INLINE double cdm_sign(double x) {
    double s = x > 0.0 ? 1.0 : 0.0;
    s = x < 0.0 ? -1.0 : s;
    return x != x ? x : s;
}

/* NaN wins in maximum and minimum, the number wins in fmax and fmin. */
CDM_INLINE double cdm_maximum(double a, double b) {
    double m = a >= b ? a : b;
    return a != a ? a : m;
}
CDM_INLINE double cdm_minimum(double a, double b) {
    double m = a <= b ? a : b;
    return a != a ? a : m;
}
CDM_INLINE double cdm_fmax(double a, double b) {
    double m = a >= b ? a : b;
    return b != b ? a : m;
}
CDM_INLINE double cdm_fmin(double a, double b) {
    double m = a <= b ? a : b;
    return b != b ? a : m;
}

/* 0 for a < 0, b for a == 0, 1 for a > 0, NaN for NaN. */
CDM_INLINE double cdm_heaviside(double a, double b) {
    double h = a > 0.0 ? 1.0 : 0.0;
    h = a == 0.0 ? b : h;
    return a != a ? a : h;
}

#define CDM_HAS_FAST_fmod 1
#define CDM_HAS_FAST_remainder 1
#define CDM_HAS_FAST_floor_divide 1

CDM_INLINE double cdm_fmod(double a, double b) { return fmod(a, b); }

/* Python's a % b: the sign of a nonzero result, and of a zero, is that of b. */
CDM_INLINE double cdm_remainder(double a, double b) {
    double r = fmod(a, b);
    double wrapped = (r < 0.0) != (b < 0.0) ? r + b : r;
    return b == 0.0 ? CDM_NAN : r == 0.0 ? cdm_copysign(0.0, b) : wrapped;
}

/* NumPy's a // b: the floor of the exact quotient; a zero takes the sign of a/b. */
CDM_INLINE double cdm_floor_divide(double a, double b) {
    double r = fmod(a, b), q = (a - r) / b;
    if (b == 0.0) return a / b;
    if (r != 0.0 && (r < 0.0) != (b < 0.0)) q -= 1.0;
    if (q == 0.0) return cdm_copysign(0.0, a / b);
    double f = cdm_floor(q);
    return q - f > 0.5 ? f + 1.0 : f;
}

/* The quotient fits in 2^51, and no product or error term leaves the normal range. */
CDM_INLINE double cdm_division_fast_ok(double a, double b) {
    double u = CDM_ABS(a), v = CDM_ABS(b), small = 0x1p-900, large = 0x1p900;
    double limit = v >= small && v <= large ? 0x1p51 * v : -1.0;
    return u <= limit ? 1.0 : 0.0;
}

/* For u >= 0, v > 0: floor(u/v), and u - v floor(u/v) exactly. Rounding u/v to the nearest integer
 * gives that floor or one more, and either way the remainder is representable. */
CDM_INLINE double cdm_divide_floor(double u, double v, double *r) {
    double q = (u / v + 0x1p52) - 0x1p52, e, p = cdm_two_prod(q, v, &e);
    *r = (u - p) - e;
    double above = *r < 0.0 ? 1.0 : 0.0;
    *r = above == 1.0 ? *r + v : *r;
    return q - above;
}

/* -1.0 where a and b have different signs, else 1.0. */
CDM_INLINE double cdm_sign_product(double a, double b) {
    return cdm_from_bits(((cdm_bits(a) ^ cdm_bits(b)) & CDM_SIGN_BIT) | CDM_ONE_BITS);
}

CDM_INLINE double cdm_fmod_fast_ok(double a, double b) { return cdm_division_fast_ok(a, b); }
CDM_INLINE double cdm_fmod_fast(double a, double b) {
    double r;
    cdm_divide_floor(CDM_ABS(a), CDM_ABS(b), &r);
    return cdm_copysign(r, a);
}

CDM_INLINE double cdm_remainder_fast_ok(double a, double b) { return cdm_division_fast_ok(a, b); }
CDM_INLINE double cdm_remainder_fast(double a, double b) {
    double r, v = CDM_ABS(b), opposite = cdm_sign_product(a, b);
    cdm_divide_floor(CDM_ABS(a), v, &r);
    double complement = r == 0.0 ? r : v - r;
    return cdm_copysign(opposite < 0.0 ? complement : r, b);
}

CDM_INLINE double cdm_floor_divide_fast_ok(double a, double b) {
    return cdm_division_fast_ok(a, b);
}
CDM_INLINE double cdm_floor_divide_fast(double a, double b) {
    double r, sign = cdm_sign_product(a, b), q = cdm_divide_floor(CDM_ABS(a), CDM_ABS(b), &r);
    q += sign < 0.0 && r != 0.0 ? 1.0 : 0.0;
    return cdm_copysign(q, sign);
}

#endif
