/* Sine, cosine and tangent, and NumPy's sinc.
 *
 * x is reduced to r + lo in [-pi/4, pi/4] by subtracting a multiple of pi/2 in three or four parts
 * (Cody and Waite 1980), the sine and the cosine of that are two short polynomials, and the
 * quadrant chooses between them. The file must not know other functions. Why it is fast: both
 * polynomials are evaluated always and blended by bits, so nothing branches; the reduction keeps a
 * correction lo, which is what makes the error small near the multiples of pi/2.
 *
 *   function       error bound (ulp)            fast range
 *   sin cos        1.0                          |x| <= 2^20
 *   tan            2.3                          |x| <= 2^20
 *   sinc           2.5                          everything
 *   dsinc          4.0  of max(|result|, 1/|x|) everything
 *
 * Larger arguments go to the C library (Payne and Hanek's reduction needs 1200 bits of 2/pi).
 */
#ifndef CDM_TRIG_H
#define CDM_TRIG_H

#include "bits.h"
#include "rounding.h"

#define CDM_HAS_FAST_sin 1
#define CDM_HAS_FAST_cos 1
#define CDM_HAS_FAST_tan 1

/* |x| up to this the reduction below is exact enough; NaN and inf are left to the library. */
#define CDM_TRIG_FAST_MAX 0x1p20

/* x = k pi/2 + r + lo with |r| <= pi/4; the return value is r, *quadrant has k in its low bits. */
CDM_INLINE double cdm_trig_reduce(double x, double *lo, uint64_t *quadrant) {
    double k_magic = CDM_FMA(x, 0x1.45f306dc9c883p-1, CDM_MAGIC), k = k_magic - CDM_MAGIC;
    double r;
#if CDM_HAVE_FMA
    double t = CDM_FMA(-k, 0x1.921fb54442d18p+0, x);
    double w_lo, w = cdm_two_prod(k, 0x1.1a62633145c07p-54, &w_lo);
    r = t - w;
    *lo = CDM_FMA(k, 0x1.f1976b7ed8fbcp-110, ((t - r) - w) - w_lo);
#else
    /* Parts of 33 bits: their products with k, of 20 bits, are exact, and so are the errors. */
    double t = x - k * 0x1.921fb54400000p+0, w = k * 0x1.0b4611a600000p-34, s = t - w;
    *lo = (t - s) - w;
    w = k * 0x1.3198a2e000000p-69;
    r = s - w;
    *lo += (s - r) - w;
    *lo -= k * 0x1.b839a252049c1p-104;
#endif
    *quadrant = cdm_bits(k_magic);
    return r;
}

/* sin(r + lo) - r; (sin r - r)/r^3 on |r| <= pi/4, error of sin r 2^-58.0. */
CDM_INLINE double cdm_sin_tail(double r, double lo, double z) {
    double z2 = z * z, z4 = z2 * z2;
    double p = CDM_FMA(z4, cdm_poly2(z, -0x1.ae5e6636f43eap-26, 0x1.5d9300247b54dp-33),
                       cdm_poly4(z, z2, -0x1.5555555555549p-3, 0x1.111111110f87ap-7,
                                 -0x1.a01a019c11908p-13, 0x1.71de3577b0c35p-19));
    return CDM_FMA(r * z, p, CDM_FMA(-0.5 * z, lo, lo));
}

/* cos(r + lo) as the return value plus *tail; (cos r - 1 + r^2/2)/r^4, error 2^-64.2. */
CDM_INLINE double cdm_cos_parts(double r, double lo, double z, double *tail) {
    double z2 = z * z, z4 = z2 * z2;
    double p = CDM_FMA(z4, cdm_poly2(z, 0x1.1ee9ebea50ea9p-29, -0x1.8fae9d06809d3p-37),
                       cdm_poly4(z, z2, 0x1.555555555554cp-5, -0x1.6c16c16c1517ep-10,
                                 0x1.a01a019cb1c08p-16, -0x1.27e4f809f26e7p-22));
    double h = 0.5 * z, c = 1.0 - h;
    *tail = ((1.0 - c) - h) + CDM_FMA(z2, p, -r * lo);
    return c;
}

/* a where the lowest bit of n is 0, else b. */
CDM_INLINE double cdm_choose_bit(uint64_t n, double a, double b) {
    uint64_t mask = 0 - (n & 1);
    return cdm_from_bits((cdm_bits(a) & ~mask) | (cdm_bits(b) & mask));
}

/* x with its sign changed where bit 1 of n is set. */
CDM_INLINE double cdm_negate_bit1(uint64_t n, double x) {
    return cdm_from_bits(cdm_bits(x) ^ ((n & 2) << 62));
}

CDM_INLINE double cdm_trig_fast_ok(double x) {
    return CDM_ABS(x) <= CDM_TRIG_FAST_MAX ? 1.0 : 0.0;
}

CDM_INLINE double cdm_sin_fast(double x) {
    uint64_t n;
    double lo, r = cdm_trig_reduce(x, &lo, &n), z = r * r, tail;
    double s = r + cdm_sin_tail(r, lo, z), c = cdm_cos_parts(r, lo, z, &tail);
    double y = cdm_negate_bit1(n, cdm_choose_bit(n, s, c + tail));
    return CDM_ABS(x) < 0x1p-27 ? x : y;
}

CDM_INLINE double cdm_cos_fast(double x) {
    uint64_t n;
    double lo, r = cdm_trig_reduce(x, &lo, &n), z = r * r, tail;
    double s = r + cdm_sin_tail(r, lo, z), c = cdm_cos_parts(r, lo, z, &tail);
    return cdm_negate_bit1(n + 1, cdm_choose_bit(n, c + tail, s));
}

/* sin/cos, or -cos/sin in the odd quadrants. */
CDM_INLINE double cdm_tan_fast(double x) {
    uint64_t n;
    double lo, r = cdm_trig_reduce(x, &lo, &n), z = r * r, tail;
    double s = r + cdm_sin_tail(r, lo, z), c = cdm_cos_parts(r, lo, z, &tail) + tail;
    double y = cdm_choose_bit(n, s, -c) / cdm_choose_bit(n, c, s);
    return CDM_ABS(x) < 0x1p-27 ? x : y;
}

CDM_INLINE double cdm_sin_fast_ok(double x) { return cdm_trig_fast_ok(x); }
CDM_INLINE double cdm_cos_fast_ok(double x) { return cdm_trig_fast_ok(x); }
CDM_INLINE double cdm_tan_fast_ok(double x) { return cdm_trig_fast_ok(x); }

CDM_INLINE double cdm_sin(double x) {
    return CDM_ABS(x) <= CDM_TRIG_FAST_MAX ? cdm_sin_fast(x) : sin(x);
}
CDM_INLINE double cdm_cos(double x) {
    return CDM_ABS(x) <= CDM_TRIG_FAST_MAX ? cdm_cos_fast(x) : cos(x);
}
CDM_INLINE double cdm_tan(double x) {
    return CDM_ABS(x) <= CDM_TRIG_FAST_MAX ? cdm_tan_fast(x) : tan(x);
}

/* x = k + r with |r| <= 1/2, exactly; *sign is (-1)^k. */
CDM_INLINE double cdm_turn_reduce(double x, double *sign) {
    double k = cdm_rint(x), half = 0.5 * k;
    *sign = half == cdm_rint(half) ? 1.0 : -1.0;
    return x - k;
}

/* sin(pi r)/(pi r) - 1 on |r| <= 1/2, z = r^2; error of the sine 2^-61. */
CDM_INLINE double cdm_sinc_tail(double z) {
    double z2 = z * z, z4 = z2 * z2;
    double p = CDM_FMA(z4, cdm_poly3(z, z2, 0x1.37469afc8b1cbp-13, -0x1.d3e4d7ff3b8efp-18,
                                     0x1.0729772a2c6c8p-22),
                       cdm_poly4(z, z2, 0x1.9f9cb402bc402p-1, -0x1.86a8e4720917ep-3,
                                 0x1.ac6805cc1cba4p-6, -0x1.3381697e9e98fp-9));
    return CDM_FMA(z, -0x1.a51a6625307d3p+0, z2 * p);
}

/* sin(pi x)/(pi x), exactly 1 at 0 and 0 at the other integers. */
CDM_INLINE double cdm_sinc(double x) {
    double sign, r = cdm_turn_reduce(x, &sign);
    double ratio = x == 0.0 ? 1.0 : sign * r / x;
    return CDM_FMA(ratio, cdm_sinc_tail(r * r), ratio);
}

/* The derivative of sinc, (cos(pi x) - sinc(x))/x; x times a polynomial for |x| <= 3/4, where
 * that would cancel. Error of (cos(pi r) - 1)/r^2 2^-67, of the derivative over x 2^-62.0. */
CDM_INLINE double cdm_dsinc(double x) {
    double sign, r = cdm_turn_reduce(x, &sign), z = r * r, z2 = z * z, z4 = z2 * z2;
    double c = CDM_FMA(z4, CDM_FMA(z4, -0x1.209322eb39d15p-23,
                                   cdm_poly4(z, z2, -0x1.a6d1f29e84c94p-6, 0x1.f9d38830f7093p-10,
                                             -0x1.b6e19662ae8dcp-14, 0x1.209e68fe9af1ap-18)),
                       cdm_poly4(z, z2, -0x1.3bd3cc9be45dep+2, 0x1.03c1f081b5ac3p+2,
                                 -0x1.55d3c7e3cbf70p+0, 0x1.e1f50689145d6p-3));
    double sine = CDM_FMA(r, cdm_sinc_tail(z), r);
    double y = sign * (CDM_FMA(z, c, 1.0) - sine / x) / x;
    double w = x * x, w2 = w * w, w4 = w2 * w2;
    double d = CDM_FMA(w4, CDM_FMA(w4, cdm_poly2(w, -0x1.19d99da997914p-23, 0x1.bc2ef094e49eep-29),
                                   cdm_poly4(w, w2, -0x1.8061c54cd5289p-6, 0x1.d2eaa6b425d2fp-10,
                                             -0x1.999ff4887aa67p-14, 0x1.0fc6e15845dd7p-18)),
                       cdm_poly4(w, w2, -0x1.a51a6625307d3p+1, 0x1.9f9cb402bc46cp+1,
                                 -0x1.24feab558a465p+0, 0x1.ac6805cf33465p-3));
    return CDM_ABS(x) <= 0.75 ? x * d : y;
}

#endif
