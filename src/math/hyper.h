/* Hyperbolic functions and their inverses.
 *
 * sinh and cosh come from one reduction by ln 2 and two short polynomials; tanh is a polynomial
 * up to 0.7 and 1 - 2/(e^2x + 1) beyond, with the quotient of its slope; the inverses are logarithms
 * of sums that are kept to twice the precision. The file must not know trigonometry. Why it is fast:
 * no branch, and at most
 * one division on top of the exponential or logarithm each function is made of.
 *
 *   function            error bound (ulp)
 *   sinh                2.0
 *   cosh                1.7
 *   tanh                1.7  (1.4 with fma, 1.1 in wide.h)
 *   arcsinh arccosh     1.2
 *   arctanh             2.4
 *   tanh_slope          5.0  (2.5 in wide.h)
 */
#ifndef CDM_HYPER_H
#define CDM_HYPER_H

#include "bits.h"
#include "explog.h"

/* |x| = k ln 2 + r + lo; sinh and cosh of r, and up = 2^(k-2), down = 2^(-k-2), from which
 * sinh x = 2 ((up - down) cosh r + (up + down) sinh r), likewise cosh. Everything is halved
 * because 2^k itself can overflow before sinh x does. */
typedef struct {
    double r, sinh_tail, cosh_tail, sum, difference;
} CdmHyperParts;

CDM_INLINE CdmHyperParts cdm_hyper_parts(double x) {
    CdmHyperParts p;
    double t = CDM_ABS(x) > 710.6 ? 710.6 : CDM_ABS(x);
    double k_magic = CDM_FMA(t, CDM_LOG2E, CDM_MAGIC), k = k_magic - CDM_MAGIC;
    double hi = CDM_FMA(-k, CDM_LN2_HI, t), r = CDM_FMA(-k, CDM_LN2_LO, hi);
    double lo = CDM_FMA(-k, CDM_LN2_LO, hi - r);
    double z = r * r, z2 = z * z, z4 = z2 * z2;
    /* (sinh r - r)/r^3, error 2^-61.7; (cosh r - 1 - r^2/2)/r^4, error 2^-57.3. */
    double s = CDM_FMA(z4, 0x1.af5ef35cb513bp-26,
                       cdm_poly4(z, z2, 0x1.5555555555559p-3, 0x1.111111110f698p-7,
                                 0x1.a01a01afef158p-13, 0x1.71ddf837fd140p-19));
    double c = cdm_poly4(z, z2, 0x1.555555555314ap-5, 0x1.6c16c17cffc17p-10,
                         0x1.a019aa6de6808p-16, 0x1.28a0494fd1edfp-22);
    p.r = r;
    p.sinh_tail = CDM_FMA(r * z, s, lo);
    p.cosh_tail = CDM_FMA(z2, c, CDM_FMA(r, lo, 0.5 * z));
    double up = cdm_pow2_magic(k_magic - 2.0);
    /* Beyond k = 60, 2^-k no longer counts, and its exponent would leave the range. */
    double down = cdm_pow2_magic(CDM_MAGIC - 2.0 - (k > 60.0 ? 60.0 : k));
    p.sum = up + down;
    p.difference = up - down;
    return p;
}

CDM_INLINE double cdm_sinh(double x) {
    CdmHyperParts p = cdm_hyper_parts(x);
    double rest = CDM_FMA(p.difference, p.cosh_tail, p.sum * p.sinh_tail);
    double y = 2.0 * (CDM_FMA(p.sum, p.r, p.difference) + rest);
    y = CDM_ABS(x) < 0x1p-27 ? CDM_ABS(x) : y;
    return cdm_copysign(y, x);
}

CDM_INLINE double cdm_cosh(double x) {
    CdmHyperParts p = cdm_hyper_parts(x);
    double rest = CDM_FMA(p.sum, p.cosh_tail, p.difference * p.sinh_tail);
    return 2.0 * (CDM_FMA(p.difference, p.r, p.sum) + rest);
}

/* Beyond this, where e^-x is below 1/2 and has its next digit, the rounding errors of the quotient
 * count little. */
#define CDM_TANH_SPLIT 0.7

/* tanh x for |x| < 0.7, given m = |x|: (tanh x - x)/x^3, error of tanh 2^-57.4. */
CDM_INLINE double cdm_tanh_near(double m) {
    double z = m * m, z2 = z * z, z4 = z2 * z2;
    double high = cdm_poly4(z, z2, -0x1.ec9522ac57379p-13, 0x1.71ded14f6b2aep-14,
                            -0x1.c6e4a295937f0p-16, 0x1.43341dc7f54a7p-18);
    double mid = cdm_poly4(z, z2, -0x1.226e28f22f24dp-7, 0x1.d6d203e7c9419p-9,
                           -0x1.7d8cfe48bba1fp-10, 0x1.34986be8f5270p-11);
    double low = cdm_poly4(z, z2, -0x1.555555555552bp-2, 0x1.111111110e2f9p-3,
                           -0x1.ba1ba1b7e486cp-5, 0x1.664f48153cfaep-6);
    return CDM_FMA(m * z, CDM_FMA(z4, CDM_FMA(z4, high, mid), low), m);
}

/* e^-m for m >= 0, and 0 from 708 on: the fast exponential for every argument, nan included. */
CDM_INLINE double cdm_decay(double m) { return m >= 708.0 ? 0.0 : cdm_exp_fast(-m); }

/* 1 - |tanh x| is twice this, times e = e^-|x|. */
CDM_INLINE double cdm_tanh_quotient(double e) { return e / CDM_FMA(e, e, 1.0); }

/* 1 - 2 e^2/(1 + e^2) */
CDM_INLINE double cdm_tanh(double x) {
    double m = CDM_ABS(x), e = cdm_decay(m), far = CDM_FMA(-2.0 * e, cdm_tanh_quotient(e), 1.0);
    return cdm_copysign(m < CDM_TANH_SPLIT ? cdm_tanh_near(m) : far, x);
}

/* Its derivative, (1 - |tanh x|) (1 + |tanh x|), from the same quotient; 0 from 708 on, and long before. */
CDM_INLINE double cdm_tanh_slope(double x) {
    double e = cdm_decay(CDM_ABS(x)), rest = 2.0 * e * cdm_tanh_quotient(e);
    return CDM_FMA(-rest, rest, 2.0 * rest);
}

/* sqrt(hi + lo) as a rounded square root and its correction; 0 < hi. */
CDM_INLINE double cdm_sqrt_sum(double hi, double lo, double *err) {
    double half, rest, s = cdm_root(hi, &half), square = cdm_two_prod(s, s, &rest);
    *err = (((hi - square) - rest) + lo) * half;
    return s;
}

/* arcsinh(x) = log1p(x + (sqrt(1 + x^2) - 1)), the sum kept to twice the precision: in two parts,
 * of which the first is that sum for |x| <= 2^60. */
#define CDM_HAS_PARTS_arcsinh

CDM_INLINE double cdm_arcsinh_first(double x, double *lo) {
    double m = CDM_ABS(x), square_lo, u_lo, s_lo, w_lo, square = cdm_two_prod(m, m, &square_lo);
    double u = cdm_two_sum(1.0, square, &u_lo);
    double s = cdm_sqrt_sum(u, u_lo + square_lo, &s_lo) - 1.0;
    double w = cdm_fast_two_sum(m, s, &w_lo);
    return cdm_fast_two_sum(w, w_lo + s_lo, lo);
}

CDM_INLINE double cdm_arcsinh_first_ok(double x, double w) {
    (void)w;
    return (CDM_ABS(x) >= 0x1p-28) & (CDM_ABS(x) <= 0x1p60) ? 1.0 : 0.0;
}

CDM_INLINE double cdm_arcsinh_then(double x, double w, double lo) {
    return cdm_copysign(cdm_log1p_more(w, lo, 0.0), x);
}

/* Beyond 2^60 it is log(2x) = log1p(x) + ln 2 to all digits. */
CDM_INLINE double cdm_arcsinh(double x) {
    double m = CDM_ABS(x), w_lo, w = cdm_arcsinh_first(m > 0x1p60 ? 1.0 : m, &w_lo);
    double y = cdm_log1p_sum(m > 0x1p60 ? m : w, m > 0x1p60 ? 0.0 : w_lo);
    y = m > 0x1p60 ? y + CDM_LN2 : y;
    y = m < 0x1p-28 || !(m < CDM_INF) ? m : y;
    return cdm_copysign(y, x);
}

/* arccosh(x) = log1p(t + sqrt(t (t + 2))) with t = x - 1, likewise. */
#define CDM_HAS_PARTS_arccosh

CDM_INLINE double cdm_arccosh_first(double x, double *lo) {
    x = x > 1.0 ? x : 2.0; /* whatever: roots of negative numbers would be slow */
    double t = x - 1.0, p_lo, s_lo, w_lo, sum_lo, sum = cdm_fast_two_sum(x, 1.0, &sum_lo);
    double p = cdm_two_prod(t, sum, &p_lo);
    double s = cdm_sqrt_sum(p, CDM_FMA(t, sum_lo, p_lo), &s_lo);
    double w = cdm_fast_two_sum(s, t, &w_lo);
    return cdm_fast_two_sum(w, w_lo + s_lo, lo);
}

CDM_INLINE double cdm_arccosh_first_ok(double x, double w) {
    (void)w;
    return (x > 1.0) & (x <= 0x1p60) ? 1.0 : 0.0;
}

CDM_INLINE double cdm_arccosh_then(double x, double w, double lo) {
    (void)x;
    return cdm_log1p_more(w, lo, 0.0);
}

CDM_INLINE double cdm_arccosh(double x) {
    double w_lo, w = cdm_arccosh_first(x > 0x1p60 ? 2.0 : x, &w_lo);
    double y = cdm_log1p_sum(x > 0x1p60 ? x : w, x > 0x1p60 ? 0.0 : w_lo);
    y = x > 0x1p60 ? y + CDM_LN2 : y;
    y = x == 1.0 ? 0.0 : y;
    y = x < 1.0 ? CDM_NAN : y;
    return x < CDM_INF ? y : x;
}

/* With (1 + x)/(1 - x) = 2^k (1 + s)/(1 - s), arctanh(x) = k/2 ln 2 + arctanh(s): s needs one
 * division, and for small x, where k = 0, it is x. */
CDM_INLINE double cdm_arctanh(double x) {
    double m = CDM_ABS(x), n_lo, d_lo, n = cdm_fast_two_sum(1.0, m, &n_lo);
    double d = cdm_fast_two_sum(1.0, -m, &d_lo);
    /* The difference of the bit patterns is the logarithm of the ratio to one digit. */
    uint64_t ratio = cdm_bits(n) - cdm_bits(d) + 0x0008000000000000ULL;
    double k_magic = cdm_from_bits((ratio >> 52) | cdm_bits(0x1p52)) + 0x1p51;
    double k = k_magic - CDM_MAGIC, power = cdm_pow2_magic(k_magic);
    double top = (n - power * d) + (n_lo - power * d_lo), bottom = CDM_FMA(power, d, n);
    double s = k == 0.0 ? m : top / bottom, z = s * s, z2 = z * z, z4 = z2 * z2;
    /* (arctanh s - s)/s^3 on |s| <= 0.21, error of arctanh 2^-61.4. */
    double p = CDM_FMA(z4, cdm_poly4(z, z2, 0x1.745be6b4e9e3fp-4, 0x1.3b41c28289b4dp-4,
                                     0x1.0d0d6b4438596p-4, 0x1.20411441b21c5p-4),
                       cdm_poly4(z, z2, 0x1.5555555555547p-2, 0x1.999999999e8f9p-3,
                                 0x1.2492491fba81fp-3, 0x1.c71c76588b219p-4));
    double y_lo, y = cdm_fast_two_sum(0.5 * k * CDM_LN2_HI, s, &y_lo);
    y += CDM_FMA(s * z, p, 0.5 * k * CDM_LN2_LO) + y_lo;
    y = m == 1.0 ? CDM_INF : y;
    y = m > 1.0 ? CDM_NAN : y;
    return cdm_copysign(y, x);
}

#endif
