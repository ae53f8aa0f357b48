/* The error function, its complement and its derivative but for a factor.
 *
 * erfc(x) = e^(-x^2) u P(u) with u = 1/(x + 15/4), one polynomial for the whole half-axis (the
 * substitution of Shepherd and Laframboise, Math. Comp. 36 (1981) 249); erf up to 3/4 is x plus x
 * times a polynomial. The file must not know other special functions. Why it is fast: one division,
 * one exponential, no branch; and beside erfc, gauss(x) = e^(-x^2) costs nothing.
 *
 *   function            error bound (ulp)
 *   erf                 1.0
 *   erfc                2.1  (1.9 with fma)
 *   gauss               0.58
 */
#ifndef CDM_SPECIAL_H
#define CDM_SPECIAL_H

#include "bits.h"
#include "explog.h"

#define CDM_ERF_SPLIT 0.75

/* erf(x)/x - 1 on |x| <= 0.76, z = x^2, error of erf 2^-59.7. */
CDM_INLINE double cdm_erf_poly(double z) {
    double z2 = z * z, z4 = z2 * z2;
    double high = cdm_poly3(z, z2, 0x1.b8fbea8fd0c08p-20, -0x1.55ccf3573af35p-23,
                            0x1.8734279690f75p-27);
    double mid = cdm_poly4(z, z2, 0x1.565bcd00d3e99p-8, -0x1.c02db093f7726p-11,
                           0x1.f9a29cff55250p-14, -0x1.f4c45c22704e2p-17);
    double low = cdm_poly4(z, z2, 0x1.06eba8214db69p-3, -0x1.812746b0379dep-2,
                           0x1.ce2f21a04227ap-4, -0x1.b82ce31249a2ep-6);
    return CDM_FMA(z4, CDM_FMA(z4, high, mid), low);
}

/* e^(x^2) erfc(x) (x + 15/4) for 0 <= x <= 27.3 as a polynomial in v = 8 u - 565/512,
 * u = 1/(x + 15/4), -0.85 < v < 1.03; relative error 2^-58.9. 565/512 is chosen so that the leading
 * coefficients are small, and what their rounding leaves over, too. The sum of the two leading terms
 * and the rest is the return value plus *lo. v_lo, what v lacks, enters through the derivative, for
 * which a cubic is good to 5 % of the value. */
CDM_INLINE double cdm_erfc_poly(double v, double v_lo, double *lo) {
    double v2 = v * v, v4 = v2 * v2, v8 = v4 * v4;
    double p5 = CDM_FMA(v4, -0x1.3abb3d9d34cdap-32,
                        cdm_poly4(v, v2, -0x1.28b819f48ad52p-26, -0x1.5aa22ce164765p-27,
                                  0x1.4f27c24306639p-29, 0x1.e9fd0745c7916p-31));
    double p4 = cdm_poly4(v, v2, -0x1.be0acd60a21eap-20, -0x1.2963d2a407850p-21,
                          0x1.49452d45a310bp-23, 0x1.53850134752f5p-24);
    double p3 = cdm_poly4(v, v2, -0x1.8089fb7416c29p-13, 0x1.793cae518977dp-19,
                          0x1.3db79f8ba7d2fp-16, 0x1.9c86b24419a3ep-19);
    double p2 = cdm_poly4(v, v2, 0x1.2237cfe6f8100p-5, 0x1.0a656cef48533p-7,
                          0x1.c2c9e75f2d45bp-12, -0x1.0c8c85355c317p-11);
    /* What is small is added first, so that what is large is rounded once. */
    double high = CDM_FMA(v8, CDM_FMA(v4, p5, p4), CDM_FMA(v4, p3, p2));
    double p1 = CDM_FMA(v2, high, cdm_poly2(v, 0x1.def69ac383c34p-3, 0x1.a68f1ba8f89dep-4));
    double rest = CDM_FMA(v2, p1, cdm_poly2(v, 0x1.632447f0c51c6p-1, 0x1.bfbbf7ace3bc8p-2));
    double linear_lo, linear = cdm_two_prod(v, 0x1.e57b10382abf0p-1, &linear_lo);
    double head_lo, head = cdm_fast_two_sum(0x1.203dca943229dp+0, linear, &head_lo);
    double small = CDM_FMA(v_lo, cdm_poly4(v, v2, 0.9035, 1.4001, 1.7982, 1.136), linear_lo) + head_lo;
    double sum = CDM_FMA(v2, rest, head);
    *lo = CDM_FMA(v2, rest, head - sum) + small;
    return sum;
}

/* e^(-x^2) for 0 <= x <= 28 as 2^k (y + tail), y being the return value. */
CDM_INLINE double cdm_gauss_parts(double x, double *tail, double *k_magic) {
    double x2_lo, x2 = cdm_two_prod(x, x, &x2_lo);
    return cdm_exp_parts(-x2, -x2_lo, tail, k_magic);
}

/* 2^-k erfc(x) for 0 <= x <= 28. The argument of the polynomial and every factor carry a
 * correction, because their errors would add up to 4 ulp. 1/d is shortened to the u of which v is
 * exactly 8 u - 565/512, so that one correction serves both. */
CDM_INLINE double cdm_erfc_parts(double x, double *k_magic) {
    double d_lo, e, p_lo, y_lo, w_lo, d = cdm_fast_two_sum(3.75, x, &d_lo);
    double v = CDM_FMA(8.0, 1.0 / d, -1.103515625), u = CDM_FMA(0.125, v, 0.137939453125);
    double one = cdm_two_prod(u, d, &e), u_lo = (((1.0 - one) - e) - u * d_lo) * u;
    double p = cdm_erfc_poly(v, 8.0 * u_lo, &p_lo);
    double y = cdm_gauss_parts(x, &y_lo, k_magic), w = cdm_two_prod(y, u, &w_lo);
    w_lo += CDM_FMA(y, u_lo, y_lo * u);
    double result_lo, result = cdm_two_prod(w, p, &result_lo);
    return result + CDM_FMA(w, p_lo, CDM_FMA(w_lo, p, result_lo));
}

/* erfc of numbers that are not negative, and e^(-x^2): both are 0 from 28 on. */
CDM_INLINE double cdm_erfc_far(double m) {
    double k_magic, y = cdm_erfc_parts(m > 28.0 ? 28.0 : m, &k_magic);
    return cdm_scale_magic(y, k_magic);
}

CDM_INLINE double cdm_gauss(double x) {
    double m = CDM_ABS(x), tail, k_magic;
    double y = cdm_gauss_parts(m > 28.0 ? 28.0 : m, &tail, &k_magic);
    return cdm_scale_sum(y, tail, k_magic);
}

CDM_INLINE double cdm_erf(double x) {
    double m = CDM_ABS(x), near = CDM_FMA(m, cdm_erf_poly(m * m), m);
    double far = 1.0 - cdm_erfc_far(m);
    return cdm_copysign(m < CDM_ERF_SPLIT ? near : far, x);
}

/* erfc(x) from y, that of m = |x|; next to 0 it is linear, and exactly 1 at 0. */
CDM_INLINE double cdm_erfc_of(double x, double m, double y) {
    y = m < 0x1p-30 ? CDM_FMA(m, -0x1.20dd750429b6dp+0, 1.0) : y;
    return x < 0.0 ? 2.0 - y : y;
}

CDM_INLINE double cdm_erfc(double x) {
    double m = CDM_ABS(x);
    return cdm_erfc_of(x, m, cdm_erfc_far(m));
}

/* Both where nothing is subnormal. */
#define CDM_HAS_FAST_erfc 2
#define CDM_HAS_FAST_gauss 2

CDM_INLINE double cdm_gauss_fast_ok(double x) { return CDM_ABS(x) < 26.0 ? 1.0 : 0.0; }
CDM_INLINE double cdm_erfc_fast_ok(double x) { return cdm_gauss_fast_ok(x); }

CDM_INLINE double cdm_gauss_fast(double x) {
    double tail, k_magic, y = cdm_gauss_parts(CDM_ABS(x), &tail, &k_magic);
    return (y + tail) * cdm_pow2_magic(k_magic);
}

CDM_INLINE double cdm_erfc_fast(double x) {
    double k_magic, m = CDM_ABS(x), y = cdm_erfc_parts(m, &k_magic);
    return cdm_erfc_of(x, m, y * cdm_pow2_magic(k_magic));
}

#endif
