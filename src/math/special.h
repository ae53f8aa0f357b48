/* The error function and its complement.
 *
 * Up to 3/4 erf is x plus x times a polynomial; beyond it erfc(x) = e^(-x^2) u P(u) with
 * u = 1/(x + 7/2), one polynomial for the whole half-axis (the substitution of Shepherd and
 * Laframboise, Math. Comp. 36 (1981) 249). Both are evaluated and one is selected. The file must
 * not know other special functions. Why it is fast: one division, one exponential, no branch.
 *
 *   function            error bound (ulp)
 *   erf                 1.4
 *   erfc                2.4
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

/* e^(x^2) erfc(x) (x + 7/2) for 0.75 <= x <= 27.3 as a polynomial in v = 8 u - 7/8,
 * u = 1/(x + 7/2), |v| < 1.01; relative error 2^-60.6. The sum of the two leading terms and
 * the rest is the return value plus *lo. v_lo, what v lacks, enters through the derivative. */
CDM_INLINE double cdm_erfc_poly(double v, double v_lo, double *lo) {
    double v2 = v * v, v4 = v2 * v2, v8 = v4 * v4;
    double p5 = cdm_poly3(v, v2, -0x1.7cf7c38d92e2cp-29, -0x1.b263dff447474p-29,
                          0x1.b3e244d993a9bp-31);
    double p4 = cdm_poly4(v, v2, -0x1.928e71fbb5dbfp-22, -0x1.46a1d42d4a95fp-23,
                          0x1.d7b3b66522abbp-26, 0x1.9650da173b458p-26);
    double p3 = cdm_poly4(v, v2, -0x1.4ed408e166adbp-15, 0x1.0b13f25a0f6abp-19,
                          0x1.2e088a4ec8248p-18, 0x1.91d5705c0848bp-21);
    double p2 = cdm_poly4(v, v2, 0x1.267787fbec717p-7, 0x1.beab4f15eb2e0p-10,
                          -0x1.46b527429cc24p-17, -0x1.1dccaf0819915p-13);
    double p1 = cdm_poly4(v, v2, 0x1.622993a69298fp-2, 0x1.6f8aa9575d549p-3,
                          0x1.4ac15be1f4389p-4, 0x1.f2f2c6f1fa1cfp-6);
    double high = CDM_FMA(v4, CDM_FMA(v4, p5, p4), p3);
    double rest = CDM_FMA(v8, high, CDM_FMA(v4, p2, p1));
    double linear_lo, linear = cdm_two_prod(v, 0x1.2ddf3225b5e56p-1, &linear_lo);
    double head_lo, head = cdm_fast_two_sum(0x1.cd01bfa94dadap-1, linear, &head_lo);
    double slope = CDM_FMA(v2, 3.0 * 0x1.6f8aa9575d549p-3,
                           CDM_FMA(v, 2.0 * 0x1.622993a69298fp-2, 0x1.2ddf3225b5e56p-1));
    double small = CDM_FMA(v_lo, slope, linear_lo) + head_lo;
    return cdm_fast_two_sum(head, CDM_FMA(v2, rest, small), lo);
}

/* erfc(m) for m >= 3/4. The argument of the polynomial and every factor carry a correction,
 * because their errors would add up to 4 ulp. */
CDM_INLINE double cdm_erfc_far(double m) {
    double x = m > 28.0 ? 28.0 : m, d_lo, e, p_lo, x2_lo, y_lo, w_lo, k_magic;
    double d = cdm_two_sum(x, 3.5, &d_lo), u = 1.0 / d, one = cdm_two_prod(u, d, &e);
    double u_lo = (((1.0 - one) - e) - u * d_lo) * u;
    double p = cdm_erfc_poly(CDM_FMA(8.0, u, -0.875), 8.0 * u_lo, &p_lo);
    double x2 = cdm_two_prod(x, x, &x2_lo);
    double y = cdm_exp_parts(-x2, -x2_lo, &y_lo, &k_magic), w = cdm_two_prod(y, u, &w_lo);
    w_lo += CDM_FMA(y, u_lo, y_lo * u);
    double result_lo, result = cdm_two_prod(w, p, &result_lo);
    result += CDM_FMA(w, p_lo, CDM_FMA(w_lo, p, result_lo));
    return cdm_scale_magic(result, k_magic);
}

CDM_INLINE double cdm_erf(double x) {
    double m = CDM_ABS(x), near = CDM_FMA(m, cdm_erf_poly(m * m), m);
    double far = 1.0 - cdm_erfc_far(m);
    return cdm_copysign(m < CDM_ERF_SPLIT ? near : far, x);
}

/* 1 - erf(x) up to the split: 1 - x first, which is exact for the x where it matters. */
CDM_INLINE double cdm_erfc(double x) {
    double m = CDM_ABS(x), near = CDM_FMA(-x, cdm_erf_poly(x * x), 1.0 - x);
    double far = cdm_erfc_far(m);
    far = x < 0.0 ? 2.0 - far : far;
    return m < CDM_ERF_SPLIT ? near : far;
}

#endif
