/* Inverse trigonometric functions.
 *
 * arctan and arctan2 share one core, the angle of a point in the first octant; arcsin and arccos
 * share one polynomial, used directly up to 1/2 and through the half-angle formula beyond. The file
 * must not know the forward functions. Why it is fast: one division (or one square root) and one
 * polynomial of a dozen terms per element, no branch.
 *
 *   function            error bound (ulp)
 *   arcsin              1.9
 *   arccos              1.4
 *   arctan              1.8
 *   arctan2             2.1
 */
#ifndef CDM_ARCTRIG_H
#define CDM_ARCTRIG_H

#include "bits.h"

#define CDM_PI_4_HI 0x1.921fb54442d10p-1 /* 50 bits: 1, 2, 3 and 4 times it are exact */
#define CDM_PI_4_LO 0x1.08d313198a2e0p-50

/* The angle of (d, n) for 0 <= n <= d, d > 0, as the return value times pi/4 (0 or 1) plus *a.
 * Beyond n/d = 1/2 it is pi/4 + arctan((n - d)/(n + d)), where n - d is exact.
 * (arctan z - z)/z^3 on |z| <= 1/2, error 2^-57.8. */
CDM_INLINE double cdm_octant_angle(double n, double d, double *a) {
    double base = n > 0.5 * d ? 1.0 : 0.0;
    double t = (base == 1.0 ? n - d : n) / (base == 1.0 ? n + d : d);
    double z = t * t, z2 = z * z, z4 = z2 * z2;
    double high = cdm_poly4(z, z2, -0x1.a3a75c6f04cf1p-5, 0x1.571db527aae8cp-5,
                            -0x1.c1fa237777c5fp-6, 0x1.4c27d5615a830p-7);
    double mid = cdm_poly4(z, z2, -0x1.745cf54c0f01cp-4, 0x1.3b1145245da03p-4,
                           -0x1.10f366287bbcbp-4, 0x1.dfed04956569dp-5);
    double low = cdm_poly4(z, z2, -0x1.5555555555518p-2, 0x1.99999999914c2p-3,
                           -0x1.249249216f7d5p-3, 0x1.c71c70966e2f5p-4);
    *a = CDM_FMA(t * z, CDM_FMA(z4, CDM_FMA(z4, high, mid), low), t);
    return base;
}

CDM_INLINE double cdm_arctan(double x) {
    double m = CDM_ABS(x), a;
    double n = m > 1.0 ? 1.0 : m, d = m > 1.0 ? m : 1.0;
    double j = cdm_octant_angle(n, d, &a);
    /* The complement pi/2 - angle for |x| > 1. */
    j = m > 1.0 ? 2.0 - j : j;
    a = m > 1.0 ? -a : a;
    double y = CDM_FMA(j, CDM_PI_4_HI, CDM_FMA(j, CDM_PI_4_LO, a));
    return x != x ? x : cdm_copysign(y, x);
}

CDM_INLINE double cdm_arctan2(double y, double x) {
    double u = CDM_ABS(x), v = CDM_ABS(y), a;
    double steep = v > u ? 1.0 : 0.0, left = cdm_copysign(1.0, x);
    double n = steep == 1.0 ? u : v, d = steep == 1.0 ? v : u;
    /* Large sides are scaled so that n + d cannot overflow; two infinities count as equal. */
    double scale = d > 0x1p1000 ? 0x1p-100 : 1.0;
    n = n == CDM_INF ? 1.0 : (d == CDM_INF ? 0.0 : n * scale);
    d = d == CDM_INF || d == 0.0 ? 1.0 : d * scale;
    double j = cdm_octant_angle(n, d, &a);
    j = steep == 1.0 ? 2.0 - j : j;
    a = steep == 1.0 ? -a : a;
    j = left < 0.0 ? 4.0 - j : j;
    a = left < 0.0 ? -a : a;
    double angle = CDM_FMA(j, CDM_PI_4_HI, CDM_FMA(j, CDM_PI_4_LO, a));
    return x != x || y != y ? x + y : cdm_copysign(angle, y);
}

/* (arcsin(s) - s)/s for s^2 = z <= 1/4, error of arcsin 2^-55.9. */
CDM_INLINE double cdm_arcsin_tail(double z) {
    double z2 = z * z, z4 = z2 * z2;
    double high = cdm_poly4(z, z2, 0x1.aab4d628b4772p-8, 0x1.40b102ea64733p-6,
                            -0x1.0af3605130810p-6, 0x1.05cdd3820bbbfp-5);
    double mid = cdm_poly4(z, z2, 0x1.6e89ef7b3329fp-6, 0x1.1c6c2798cb84bp-6,
                           0x1.c6f8819fc296ep-7, 0x1.8ee4880975d82p-7);
    double low = cdm_poly4(z, z2, 0x1.5555555555387p-3, 0x1.333333336f89fp-4,
                           0x1.6db6db41d37edp-5, 0x1.f1c72c6d51caep-6);
    return z * CDM_FMA(z4, CDM_FMA(z4, high, mid), low);
}

/* arcsin(m) = pi/2 - 2 arcsin(sqrt((1 - m)/2)) for m > 1/2. */
CDM_INLINE double cdm_arcsin(double x) {
    double m = CDM_ABS(x), z = m > 0.5 ? 0.5 - 0.5 * m : x * x;
    double s = m > 0.5 ? CDM_SQRT(z) : m, tail = s * cdm_arcsin_tail(z);
    double far = 2.0 * CDM_PI_4_HI - 2.0 * (s + (tail - CDM_PI_4_LO));
    double y = m > 0.5 ? far : s + tail;
    return cdm_copysign(y, x);
}

/* arccos(x) = 2 arcsin(sqrt((1 - x)/2)) for x > 1/2, pi minus that of -x for x < -1/2. */
CDM_INLINE double cdm_arccos(double x) {
    double m = CDM_ABS(x), z = m > 0.5 ? 0.5 - 0.5 * m : x * x;
    double s = m > 0.5 ? CDM_SQRT(z) : x, tail = s * cdm_arcsin_tail(z);
    double near = 2.0 * CDM_PI_4_HI - (s + (tail - 2.0 * CDM_PI_4_LO));
    double right = 2.0 * (s + tail);
    double left = 4.0 * CDM_PI_4_HI - 2.0 * (s + (tail - 2.0 * CDM_PI_4_LO));
    double far = x > 0.0 ? right : left;
    return m > 0.5 ? far : near;
}

#endif
