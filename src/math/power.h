/* Powers and roots: power, cbrt, hypot.
 *
 * power is exp(b log a) with the logarithm and the product kept to 66 bits, so that exact results
 * (3^2, 0.5^10) come out exact; cbrt corrects a 17-bit root by a series whose residual is exact;
 * hypot scales and takes a square root. The file must not know trigonometry. Why it is fast: no
 * division anywhere (power gathers 1/c and log c from a table, which is shorter than dividing to
 * twice the precision), and the special cases of C99 are selections at the end.
 *
 *   function            error bound (ulp)
 *   power               0.8  (0.7 unless the result is subnormal)
 *   cbrt                0.6
 *   hypot               1.3
 *
 * For one value at a time cdm_power is the library's pow, which is as accurate and faster then. In
 * loops it is branch-free, and its two parts leave out all that positive numbers with ordinary
 * results do not need. They need fma, without which the exact products would make them slower than
 * the library: then it is the library's pow too.
 *
 * For AVX-512 wide.h has power and cbrt with tables in registers; what is out of the ordinary comes here.
 *
 * Method of the logarithm: P. T. P. Tang, Table-driven implementation of the logarithm function,
 * ACM TOMS 16 (1990) 378.
 */
#ifndef CDM_POWER_H
#define CDM_POWER_H

#include "bits.h"
#include "explog.h"
#include "rounding.h"

#if CDM_HAVE_FMA && !defined(CDM_SCALAR)
#include "log_table.h"

/* log(m) + (k_zero - 2^52 - 1024) ln 2 for 2^-1022 <= m < inf as the return value plus *lo, to
 * 66 bits; |*lo| is below 2^-16 of it. With m = 2^k z and c from the table, log(m) is
 * k ln 2 + log c + log(1 + r), where r = z/c - 1 is exact.
 * (log(1 + r) - r + r^2/2)/r^3 on |r| <= 0.0058, error of the logarithm 2^-69.3. */
CDM_INLINE double cdm_log_pair(double m, double k_zero, double *lo) {
    const uint64_t start = 0x3fe6900000000000ULL, bias = 1024; /* of the table */
    const double ln2_hi = 0x1.62e42fefa3800p-1, ln2_lo = 0x1.ef35793c76730p-45;
    uint64_t offset = cdm_bits(m) - start + (bias << 52), biased = offset >> 52;
    uint64_t piece = (offset >> 45) & 127;
    double k = cdm_from_bits(0x4330000000000000ULL | biased) - k_zero;
    double z = cdm_from_bits(cdm_bits(m) - (biased << 52) + (bias << 52));
    uint64_t packed = cdm_bits(cdm_log_packed[piece]);
    double inverse = cdm_from_bits(cdm_bits(0x1p44) | (packed & 511)) - 0x1p44;
    double r = CDM_FMA(z, inverse, -1.0), rest1, rest2, r2 = cdm_two_prod(r, r, &rest2);
    double head = CDM_FMA(k, ln2_hi, cdm_from_bits(packed & ~511ULL));
    double rest = CDM_FMA(k, ln2_lo, cdm_log_rest[piece]);
    double p = CDM_FMA(r2, cdm_poly2(r, 0x1.24961d2c14c4bp-3, -0x1.00042c3a2019ep-3),
                       cdm_poly2(r, 0x1.99999994a0344p-3, -0x1.5555554e5e811p-3));
    p = CDM_FMA(r2, p, cdm_poly2(r, 0x1.5555555555564p-2, -0x1.000000000001dp-2));
    double linear = cdm_fast_two_sum(head, r, &rest1), sum = CDM_FMA(-0.5, r2, linear);
    rest1 += CDM_FMA(-0.5, r2, linear - sum);
    *lo = CDM_FMA(r * r2, p, CDM_FMA(-0.5, rest2, rest) + rest1);
    return sum;
}

#define CDM_LOG_K_ZERO (0x1p52 + 1024.0)

/* e^(x + lo) = 2^k y, y being the return value, for |x| < 800 and |lo| <= 0.01: 1 + r is exact with
 * its rest, so that only the last sum has an error to speak of. */
CDM_INLINE double cdm_exp_sum(double x, double lo, double *k_magic) {
    *k_magic = CDM_FMA(x, CDM_LOG2E, CDM_MAGIC);
    double k = *k_magic - CDM_MAGIC, hi = CDM_FMA(-k, CDM_LN2_HI, x);
    double r_lo, y_lo, r = cdm_fast_two_sum(hi, CDM_FMA(-k, CDM_LN2_LO, lo), &r_lo);
    double y = cdm_fast_two_sum(1.0, r, &y_lo);
    return y + (CDM_FMA(r * r, cdm_exp_poly(r), r_lo) + y_lo);
}

/* In two parts, for normal a > 0 where a^b is normal: b log a is the return value plus *lo. */
#define CDM_HAS_PARTS_power

CDM_INLINE double cdm_power_first(double a, double b, double *lo) {
    double log_lo, p_lo, hi = cdm_log_pair(a, CDM_LOG_K_ZERO, &log_lo);
    double p = cdm_two_prod(b, hi, &p_lo);
    *lo = CDM_FMA(b, log_lo, p_lo);
    return p;
}

CDM_INLINE double cdm_power_first_ok(double a, double b, double p) {
    (void)b;
    return (a >= 0x1p-1022) & (a < CDM_INF) & (CDM_ABS(p) < 708.0) ? 1.0 : 0.0;
}

CDM_INLINE double cdm_power_then(double a, double b, double p, double lo) {
    double k_magic, y = cdm_exp_sum(p, lo, &k_magic);
    (void)a, (void)b;
    return y * cdm_pow2_magic(k_magic);
}

/* The special values are worked out beside the formula, not after it: the loop is limited by the
 * length of its chain of dependent operations. Where the formula does not hold, y is anything. */
CDM_INLINE double cdm_power(double a, double b) {
    double m = CDM_ABS(a), tiny = m < 0x1p-1022 ? 54.0 : 0.0, lo, p_lo, k_magic;
    double hi = cdm_log_pair(m < 0x1p-1022 ? m * 0x1p54 : m, CDM_LOG_K_ZERO + tiny, &lo);
    double p = cdm_two_prod(b, hi, &p_lo);
    double y = cdm_exp_sum(p, CDM_FMA(b, lo, p_lo), &k_magic);
    y = cdm_scale_magic(y, k_magic);
    double growth = m > 1.0 ? b : -b, limit = growth > 0.0 ? CDM_INF : 0.0;
    y = CDM_ABS(p) < 750.0 && m > 0.0 && m < CDM_INF ? y : limit;
    /* A negative number to a whole odd power is negative, to a fractional power it is NaN. */
    double whole = cdm_rint(b), half = 0.5 * b;
    double sign = whole == b && cdm_rint(half) != half ? a : 1.0;
    y = cdm_from_bits(cdm_bits(y) | (cdm_bits(sign) & CDM_SIGN_BIT));
    y = (a < 0.0 && whole != b && m < CDM_INF) || a != a || b != b ? CDM_NAN : y;
    return b == 0.0 || a == 1.0 || (m == 1.0 && CDM_ABS(b) == CDM_INF) ? 1.0 : y;
}

#else
CDM_INLINE double cdm_power(double a, double b) { return pow(a, b); }
#endif

/* sqrt(a^2 + b^2), scaled where a square would over- or underflow. */
CDM_INLINE double cdm_hypot(double a, double b) {
    double u = CDM_ABS(a), v = CDM_ABS(b), m = u > v ? u : v;
    double scale = m > 0x1p500 ? 0x1p-600 : (m < 0x1p-500 ? 0x1p600 : 1.0);
    double back = m > 0x1p500 ? 0x1p600 : (m < 0x1p-500 ? 0x1p-600 : 1.0);
    u *= scale;
    v *= scale;
    double y = back * CDM_SQRT(CDM_FMA(u, u, v * v));
    return u == CDM_INF || v == CDM_INF ? CDM_INF : y;
}

/* |x| = m 2^(3q) with 1 <= m < 8. r approximates m^(-1/3) to 2^-50; t is m^(1/3) cut to 17 bits,
 * so t^3 and the residual m - t^3 are exact; (1 - u)^(-1/3) with u = (m - t^3)/m is a series. */
CDM_INLINE double cdm_cbrt(double x) {
    double a = CDM_ABS(x), tiny = a < 0x1p-1022 ? 1.0 : 0.0;
    uint64_t bits = cdm_bits(tiny == 1.0 ? a * 0x1p54 : a);
    double e = cdm_from_bits(0x4330000000000000ULL | (bits >> 52)) - (0x1p52 + 1023.0);
    double q_magic = CDM_FMA(e, 1.0 / 3.0, -1.0 / 3.0) + CDM_MAGIC, q = q_magic - CDM_MAGIC;
    double j = CDM_FMA(-3.0, q, e);
    double m = cdm_from_bits((bits & 0x000fffffffffffffULL) | CDM_ONE_BITS), m2 = m * m;
    /* m^(-1/3) on [1, 2], error 2^-17.4, then once more the factor 2^(-1/3) per step of j. */
    double r = CDM_FMA(m2 * m2, cdm_poly2(m, 0x1.3fa251a51e1fcp-3, -0x1.16d6d605f9a26p-6),
                       cdm_poly4(m, m2, 0x1.c7f3648350560p+0, -0x1.90e73be963ef3p+0,
                                 0x1.3e68af49973fbp+0, -0x1.321c4e5fbcd9ep-1));
    r *= j == 0.0 ? 1.0 : (j == 1.0 ? 0x1.965fea53d6e3dp-1 : 0x1.428a2f98d728bp-1);
    m *= j == 0.0 ? 1.0 : (j == 1.0 ? 2.0 : 4.0);
    double h = CDM_FMA(-(m * r), r * r, 1.0);
    r = CDM_FMA(r * h, CDM_FMA(h, 2.0 / 9.0, 1.0 / 3.0), r);
    double r2 = r * r, t = cdm_from_bits(cdm_bits(m * r2) & 0xfffffff000000000ULL);
    double u = (m - t * t * t) * (r2 * r);
    double y = CDM_FMA(t * u, CDM_FMA(u, CDM_FMA(u, 14.0 / 81.0, 2.0 / 9.0), 1.0 / 3.0), t);
    y *= cdm_pow2_magic(q_magic) * (tiny == 1.0 ? 0x1p-18 : 1.0);
    return a < CDM_INF && a > 0.0 ? cdm_copysign(y, x) : x;
}

#endif
