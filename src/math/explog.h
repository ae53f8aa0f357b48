/* Exponentials, logarithms, and the sums of them that statistics is made of.
 *
 * Each function reduces its argument to a short interval around 0, evaluates one polynomial there,
 * and puts the result back together; special values are selected at the end, so there is no
 * branch. The file must not know powers, trigonometry or anything built on top of it. Why it is
 * fast: the polynomials are trees, not chains, and nothing is looked up in memory.
 *
 *   function                    error bound (ulp)
 *   exp                         1.2
 *   exp2                        1.8
 *   expm1                       1.7
 *   log log2 log10 log1p        1.0
 *   sigmoid                     2.5
 *   softplus log_sigmoid        1.8
 *   logaddexp logaddexp2        2.5  of max(|result|, |max(a, b)|)
 *
 * Method: W. J. Cody and W. Waite, Software Manual for the Elementary Functions (1980), for the
 * two-part reduction; P. T. P. Tang, ACM TOMS 15 (1989) and 16 (1990) for the atanh form of the
 * logarithm. The coefficients are minimax fits (Remez exchange at 60 digits), rounded to double;
 * the comment at each gives the interval and the relative error of the fit.
 */
#ifndef CDM_EXPLOG_H
#define CDM_EXPLOG_H

#include "bits.h"

#define CDM_LOG2E 0x1.71547652b82fep+0
#define CDM_LOG2E_LO 0x1.777d0ffda0d24p-56
#define CDM_LN2 0x1.62e42fefa39efp-1
#define CDM_LN2_HI 0x1.62e42fee00000p-1 /* 32 bits: times any exponent it is exact */
#define CDM_LN2_LO 0x1.a39ef35793c76p-33

/* (e^r - 1 - r) / r^2 on |r| <= ln2/2, error of e^r 2^-57.9, or with another constant term what is
 * left of it. */
CDM_INLINE double cdm_exp_poly_from(double first, double r) {
    double r2 = r * r, r4 = r2 * r2;
    double high = CDM_FMA(r4, cdm_poly2(r, 0x1.28ad9ae670555p-22, 0x1.ad7ec9a17267dp-26),
                          cdm_poly4(r, r2, 0x1.6c16c1843848ep-10, 0x1.a01a0129edeb3p-13,
                                    0x1.a01999e341a89p-16, 0x1.71df25fe1b47bp-19));
    return CDM_FMA(r4, high, cdm_poly4(r, r2, first, 0x1.55555555554f9p-3,
                                       0x1.5555555550841p-5, 0x1.1111111127d6cp-7));
}

CDM_INLINE double cdm_exp_poly(double r) { return cdm_exp_poly_from(0x1.000000000000ap-1, r); }

CDM_INLINE double cdm_exp(double x) {
    double t = x < -746.0 ? -746.0 : x;
    t = t > 710.0 ? 710.0 : t;
    double k_magic = CDM_FMA(t, CDM_LOG2E, CDM_MAGIC), k = k_magic - CDM_MAGIC;
    double r = CDM_FMA(-k, CDM_LN2_LO, CDM_FMA(-k, CDM_LN2_HI, t));
    double y = 1.0 + CDM_FMA(r * r, cdm_exp_poly(r), r);
    return cdm_scale_magic(y, k_magic);
}

/* The same without the care for overflow and for subnormal results. */
#define CDM_HAS_FAST_exp 2

CDM_INLINE double cdm_exp_fast_ok(double x) { return CDM_ABS(x) < 708.0 ? 1.0 : 0.0; }

CDM_INLINE double cdm_exp_fast(double x) {
    double k_magic = CDM_FMA(x, CDM_LOG2E, CDM_MAGIC), k = k_magic - CDM_MAGIC;
    double r = CDM_FMA(-k, CDM_LN2_LO, CDM_FMA(-k, CDM_LN2_HI, x));
    double power = cdm_pow2_magic(k_magic); /* times 1 + t, in one operation less to wait for */
    return CDM_FMA(power, CDM_FMA(r * r, cdm_exp_poly(r), r), power);
}

/* e^(x + lo) = 2^k (y + tail), y being the return value, for |x| < 800 and |lo| <= ulp(x).
 * The sum y + tail is good to 2^-57, so that rounding it once is all but correct rounding: r and half
 * its square are added first, and what that sum loses is added with the smaller terms. The tail may be
 * a hundredth of y. */
CDM_INLINE double cdm_exp_parts(double x, double lo, double *tail, double *k_magic) {
    *k_magic = CDM_FMA(x, CDM_LOG2E, CDM_MAGIC);
    double k = *k_magic - CDM_MAGIC, hi = CDM_FMA(-k, CDM_LN2_HI, x);
    double r_lo, y_lo, r = cdm_fast_two_sum(hi, CDM_FMA(-k, CDM_LN2_LO, lo), &r_lo), r2 = r * r;
    double p = CDM_FMA(r2, 0.5, r), p_lo = CDM_FMA(r2, 0.5, r - p);
    double small = CDM_FMA(r2, cdm_exp_poly_from(0x1.3372bf0257a8ap-50, r), CDM_FMA(r, r_lo, r_lo));
    double y = cdm_fast_two_sum(1.0, p, &y_lo);
    *tail = y_lo + (p_lo + small);
    return y;
}

/* (2^r - 1) / r on |r| <= 1/2; error of 2^r 2^-55.7. */
CDM_INLINE double cdm_exp2_poly(double r) {
    double r2 = r * r, r4 = r2 * r2;
    double high = CDM_FMA(r4, cdm_poly3(r, r2, 0x1.b5416a53d5911p-24, 0x1.e606185d0825bp-28,
                                        0x1.c063bbe25541ap-32),
                          cdm_poly4(r, r2, 0x1.5d87fe7bbcc61p-10, 0x1.430913096624dp-13,
                                    0x1.ffcbee384b63ep-17, 0x1.62bfd48f62214p-20));
    return CDM_FMA(r4, high, cdm_poly4(r, r2, 0x1.62e42fefa39f3p-1, 0x1.ebfbdff82c598p-3,
                                       0x1.c6b08d7048f2bp-5, 0x1.3b2ab6fba1e09p-7));
}

/* 2^(x + lo) as the return value plus *tail, for |x| < 1100. */
CDM_INLINE double cdm_exp2_parts(double x, double lo, double *tail) {
    double k_magic = x + CDM_MAGIC, r = x - (k_magic - CDM_MAGIC), q = cdm_exp2_poly(r);
    double y = CDM_FMA(r, q, 1.0);
    *tail = cdm_scale_magic(CDM_FMA(r, q, 1.0 - y) + y * (CDM_LN2 * lo), k_magic);
    return cdm_scale_magic(y, k_magic);
}

CDM_INLINE double cdm_exp2(double x) {
    double tail, t = x < -1080.0 ? -1080.0 : x;
    return cdm_exp2_parts(t > 1025.0 ? 1025.0 : t, 0.0, &tail);
}

#define CDM_HAS_FAST_exp2 2

CDM_INLINE double cdm_exp2_fast_ok(double x) { return CDM_ABS(x) < 1021.0 ? 1.0 : 0.0; }

CDM_INLINE double cdm_exp2_fast(double x) {
    double k_magic = x + CDM_MAGIC, r = x - (k_magic - CDM_MAGIC);
    return CDM_FMA(r, cdm_exp2_poly(r), 1.0) * cdm_pow2_magic(k_magic);
}

/* e^x - 1 = 2^k (e^r - 1) + (2^k - 1), with e^r - 1 = r + r^2/2 + r^3 q(r);
 * (e^r - 1 - r - r^2/2) / r^3 on |r| <= ln2/2, error of e^r - 1 2^-61.7. */
CDM_INLINE double cdm_expm1(double x) {
    double t = x < -50.0 ? -50.0 : x;
    t = t > 710.0 ? 710.0 : t;
    double k_magic = CDM_FMA(t, CDM_LOG2E, CDM_MAGIC), k = k_magic - CDM_MAGIC;
    double hi = CDM_FMA(-k, CDM_LN2_HI, t);
    double r = CDM_FMA(-k, CDM_LN2_LO, hi);
    double lo = CDM_FMA(-k, CDM_LN2_LO, hi - r);
    double r2 = r * r, r4 = r2 * r2;
    double high = CDM_FMA(r4, cdm_poly2(r, 0x1.af5eba0806e47p-26, 0x1.1f930c710074dp-29),
                          cdm_poly4(r, r2, 0x1.a01a01afdee48p-13, 0x1.a01a01af7c92bp-16,
                                    0x1.71ddf85c353f4p-19, 0x1.27e4c790b1478p-22));
    double q = CDM_FMA(r4, high, cdm_poly4(r, r2, 0x1.5555555555559p-3, 0x1.5555555555559p-5,
                                           0x1.111111110f6c8p-7, 0x1.6c16c16c14a35p-10));
    double m = r + CDM_FMA(r2, CDM_FMA(r, q, 0.5), lo);
    /* Half of everything, doubled at the end: 2^1024 would overflow too early. */
    double u = cdm_pow2_magic(k_magic - 1.0);
    double y = 2.0 * CDM_FMA(u, m, u - 0.5);
    return CDM_ABS(x) < 0x1p-54 ? x : y;
}

/* The k of x = 2^k * (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), for 0 < x < inf not subnormal, and
 * 2^(k + 1024) as the bits of a number without its bias. */
CDM_INLINE double cdm_log_exponent(double x, uint64_t *shifted) {
    const uint64_t root_half = 0x3fe6a09e667f3bcdULL, bias = 1024;
    uint64_t biased = (cdm_bits(x) - root_half + (bias << 52)) >> 52;
    *shifted = biased << 52;
    return cdm_from_bits(0x4330000000000000ULL | biased) - (0x1p52 + 1024.0);
}

/* The f that belongs to it. */
CDM_INLINE double cdm_log_split(double x, double *k) {
    uint64_t shifted;
    *k = cdm_log_exponent(x, &shifted);
    return cdm_from_bits(cdm_bits(x) - shifted + (1024ULL << 52)) - 1.0;
}

/* As cdm_log_split, also for subnormal x. */
CDM_INLINE double cdm_log_split_any(double x, double *k) {
    double tiny = x < 0x1p-1022 ? 54.0 : 0.0;
    double f = cdm_log_split(x < 0x1p-1022 ? x * 0x1p54 : x, k);
    *k -= tiny;
    return f;
}

/* log(1 + f) - f + f^2/2, given half_square = f^2/2. With s = f/(2 + f), log(1 + f) = 2 atanh(s)
 * = f - f^2/2 + s (f^2/2 + R(s^2)), where R(z) = (2 atanh(s) - 2 s)/s is z times a polynomial:
 * (2 atanh(s) - 2 s)/s^3 on s^2 <= 0.0295, error of the logarithm 2^-59.5. */
CDM_INLINE double cdm_log_tail(double f, double half_square) {
    double s = f / (2.0 + f), z = s * s, z2 = z * z, z4 = z2 * z2;
    double high = cdm_poly3(z, z2, 0x1.74664632ec9a2p-3, 0x1.39a0f4670eebap-3,
                            0x1.2f0d948f8e7fcp-3);
    double p = CDM_FMA(z4, high, cdm_poly4(z, z2, 0x1.5555555555593p-1, 0x1.999999997fb2dp-2,
                                           0x1.2492494217d3dp-2, 0x1.c71c51e7d4d88p-3));
    return s * CDM_FMA(z, p, half_square);
}

/* The special values of a logarithm: NaN below `zero`, -inf at it, inf and NaN kept. */
CDM_INLINE double cdm_log_special(double x, double y, double zero) {
    y = x == zero ? -CDM_INF : y;
    y = x < zero ? CDM_NAN : y;
    return x < CDM_INF ? y : x;
}

/* k ln 2 + log(1 + f), given h = f^2/2 and tail = log(1 + f) - f + h. */
CDM_INLINE double cdm_log_sum(double k, double f, double h, double tail) {
    return CDM_FMA(k, CDM_LN2_HI, f - (h - CDM_FMA(k, CDM_LN2_LO, tail)));
}

CDM_INLINE double cdm_log_of(double k, double f) {
    double h = 0.5 * f * f;
    return cdm_log_sum(k, f, h, cdm_log_tail(f, h));
}

CDM_INLINE double cdm_log(double x) {
    double k, f = cdm_log_split_any(x, &k);
    return cdm_log_special(x, cdm_log_of(k, f), 0.0);
}

/* The same for normal positive numbers. */
#define CDM_HAS_FAST_log 2

CDM_INLINE double cdm_log_fast_ok(double x) {
    return (x >= 0x1p-1022) & (x < CDM_INF) ? 1.0 : 0.0;
}

CDM_INLINE double cdm_log_fast(double x) {
    double k, f = cdm_log_split(x, &k);
    return cdm_log_of(k, f);
}

/* log(1 + f) as an unevaluated sum, the first part of 26 bits. */
CDM_INLINE double cdm_log_two_part(double f, double *lo) {
    double h = 0.5 * f * f, hi = cdm_upper(f - h);
    *lo = ((f - hi) - h) + cdm_log_tail(f, h);
    return hi;
}

/* k + log2(1 + f) */
CDM_INLINE double cdm_log2_of(double k, double f) {
    const double c_hi = 0x1.7154760000000p+0, c_lo = 0x1.4ae0bf85ddf44p-26; /* 1/ln 2 */
    double lo, hi = cdm_log_two_part(f, &lo);
    double y_lo, y = cdm_fast_two_sum(k, hi * c_hi, &y_lo);
    return y + (y_lo + CDM_FMA(lo + hi, c_lo, lo * c_hi));
}

CDM_INLINE double cdm_log2(double x) {
    double k, f = cdm_log_split_any(x, &k);
    return cdm_log_special(x, cdm_log2_of(k, f), 0.0);
}

#define CDM_HAS_FAST_log2 2

CDM_INLINE double cdm_log2_fast_ok(double x) { return cdm_log_fast_ok(x); }

CDM_INLINE double cdm_log2_fast(double x) {
    double k, f = cdm_log_split(x, &k);
    return cdm_log2_of(k, f);
}

/* k log10(2) + log10(1 + f) */
CDM_INLINE double cdm_log10_of(double k, double f) {
    const double c_hi = 0x1.bcb7b10000000p-2, c_lo = 0x1.49b9438ca9aaep-28; /* 1/ln 10 */
    const double k_hi = 0x1.34413509f6000p-2, k_lo = 0x1.9fef311f12b36p-42; /* ln 2/ln 10 */
    double lo, hi = cdm_log_two_part(f, &lo);
    double y_lo, y = cdm_fast_two_sum(k * k_hi, hi * c_hi, &y_lo);
    return y + (y_lo + CDM_FMA(k, k_lo, CDM_FMA(lo + hi, c_lo, lo * c_hi)));
}

CDM_INLINE double cdm_log10(double x) {
    double k, f = cdm_log_split_any(x, &k);
    return cdm_log_special(x, cdm_log10_of(k, f), 0.0);
}

#define CDM_HAS_FAST_log10 2

CDM_INLINE double cdm_log10_fast_ok(double x) { return cdm_log_fast_ok(x); }

CDM_INLINE double cdm_log10_fast(double x) {
    double k, f = cdm_log_split(x, &k);
    return cdm_log10_of(k, f);
}

/* 1 + x = 2^k (1 + f) for -1 < x < 2^1000, and scale = 2^-k. The reduced argument is rounded once,
 * as 1 + x itself is only looked at; for k = 0 it is x. */
CDM_INLINE double cdm_log1p_split(double x, double *k, double *scale) {
    uint64_t shifted;
    *k = cdm_log_exponent(1.0 + x, &shifted);
    *scale = cdm_from_bits(CDM_ONE_BITS + (1024ULL << 52) - shifted);
    return CDM_FMA(x, *scale, *scale - 1.0);
}

/* log(1 + x + lo) + more ln 2 for -1 < x < 2^1000; |lo| is at most a few ulp of x. */
CDM_INLINE double cdm_log1p_more(double x, double lo, double more) {
    double k, scale, f = cdm_log1p_split(x, &k, &scale), h = 0.5 * f * f;
    double f_lo = CDM_FMA(x, scale, scale - 1.0 - f);
    /* What f lacks counts 1/(1 + f) times, of which one digit suffices. */
    double small = CDM_FMA(lo, scale, f_lo) * CDM_FMA(f, f - 1.0, 1.0);
    return cdm_log_sum(k + more, f, h, cdm_log_tail(f, h) + small);
}

/* log(1 + x + lo) for any x > -1. */
CDM_INLINE double cdm_log1p_sum(double x, double lo) {
    double huge = x > 0x1p1000 ? 500.0 : 0.0;
    return cdm_log1p_more(huge > 0.0 ? x * 0x1p-500 : x, lo, huge);
}

CDM_INLINE double cdm_log1p(double x) {
    double y = cdm_log_special(x, cdm_log1p_sum(x, 0.0), -1.0);
    return CDM_ABS(x) < 0x1p-54 ? x : y;
}

/* The same far from the ends of the range; a zero keeps its sign. */
#define CDM_HAS_FAST_log1p 2

CDM_INLINE double cdm_log1p_fast_ok(double x) {
    return (x > -1.0) & (x < 0x1p1000) ? 1.0 : 0.0;
}

CDM_INLINE double cdm_log1p_fast(double x) {
    double k, scale, f = cdm_log1p_split(x, &k, &scale), h = 0.5 * f * f;
    double f_lo = CDM_FMA(x, scale, scale - 1.0 - f);
    return cdm_copysign(cdm_log_sum(k, f, h, cdm_log_tail(f, h) + f_lo), x);
}

/* log(1 + e) for 0 <= e <= 1, where 1 + e is never formed: beyond sqrt(2) - 1 the reduced
 * argument is (1 + e)/2 - 1 = (e - 1)/2. */
CDM_INLINE double cdm_log1p_unit(double e) {
    double k = e > 0x1.a827999fcef34p-2 ? 1.0 : 0.0;
    return cdm_log_of(k, k == 1.0 ? 0.5 * (e - 1.0) : e);
}

/* log(1 + e^x) without overflow, given e^-|x|. */
CDM_INLINE double cdm_softplus_given(double x, double e) {
    double y = cdm_log1p_unit(e);
    return x > 0.0 ? x + y : y;
}

CDM_INLINE double cdm_softplus(double x) { return cdm_softplus_given(x, cdm_exp(-CDM_ABS(x))); }

CDM_INLINE double cdm_log_sigmoid(double x) { return -cdm_softplus(-x); }

/* Both in two parts. */
#define CDM_HAS_PARTS_softplus
#define CDM_HAS_PARTS_log_sigmoid

CDM_INLINE double cdm_softplus_first(double x, double *none) {
    *none = 0.0;
    return cdm_exp_fast(-CDM_ABS(x));
}

CDM_INLINE double cdm_softplus_first_ok(double x, double e) {
    (void)e;
    return cdm_exp_fast_ok(x);
}

CDM_INLINE double cdm_softplus_then(double x, double e, double none) {
    (void)none;
    return cdm_softplus_given(x, e);
}

#define cdm_log_sigmoid_first cdm_softplus_first
#define cdm_log_sigmoid_first_ok cdm_softplus_first_ok

CDM_INLINE double cdm_log_sigmoid_then(double x, double e, double none) {
    return -cdm_softplus_then(-x, e, none);
}

CDM_INLINE double cdm_sigmoid(double x) {
    double e = cdm_exp(-CDM_ABS(x));
    return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

/* a - b for a >= b as a rounded difference and the rounding error; 0 for equal infinities. */
CDM_INLINE double cdm_gap(double a, double b, double *err) {
    double d = cdm_two_sum(a, -b, err);
    *err = d < 0x1p11 ? *err : 0.0;
    return a == b ? 0.0 : d;
}

/* e in [0, 1] with a tail, split for log(1 + e) = k ln 2 + log(1 + f) as in cdm_log1p_unit;
 * *tail becomes log(1 + f) - f. */
CDM_INLINE double cdm_log1p_unit_parts(double e, double *k, double *tail) {
    *k = e > 0x1.a827999fcef34p-2 ? 1.0 : 0.0;
    double f = *k == 1.0 ? 0.5 * (e - 1.0) : e, h = 0.5 * f * f;
    double f_lo = *k == 1.0 ? 0.5 * *tail : *tail;
    *tail = CDM_FMA(f_lo, CDM_FMA(f, f, 1.0 - f), cdm_log_tail(f, h) - h);
    return f;
}

/* a + b + c + small, the large parts without rounding in between. */
CDM_INLINE double cdm_sum_parts(double a, double b, double c, double small) {
    double err1, err2, s = cdm_two_sum(a, b, &err1);
    s = cdm_two_sum(s, c, &err2);
    return s + ((err1 + err2) + small);
}

/* log(e^a + e^b) = max + log(1 + e^-|a - b|). */
CDM_INLINE double cdm_logaddexp(double a, double b) {
    double hi = a >= b ? a : b, err, d = cdm_gap(hi, a >= b ? b : a, &err);
    double tail, k_magic, k;
    double e = cdm_exp_parts(d > 750.0 ? -750.0 : -d, -err, &tail, &k_magic);
    e = cdm_scale_magic(cdm_fast_two_sum(e, tail, &tail), k_magic);
    tail = cdm_scale_magic(tail, k_magic);
    double f = cdm_log1p_unit_parts(e, &k, &tail);
    double y = cdm_sum_parts(hi, k * CDM_LN2_HI, f, CDM_FMA(k, CDM_LN2_LO, tail));
    y = CDM_ABS(hi) < CDM_INF ? y : hi;
    return d != d ? d : y;
}

/* log2(2^a + 2^b), likewise; the error of a - b enters as a tail of 2^-|a - b|. */
CDM_INLINE double cdm_logaddexp2(double a, double b) {
    double hi = a >= b ? a : b, err, d = cdm_gap(hi, a >= b ? b : a, &err);
    double tail, k, e = cdm_exp2_parts(d > 1100.0 ? -1100.0 : -d, -err, &tail);
    double f = cdm_log1p_unit_parts(e, &k, &tail), p_lo;
    double p = cdm_two_prod(f, CDM_LOG2E, &p_lo);
    tail = CDM_FMA(f, CDM_LOG2E_LO, CDM_FMA(tail, CDM_LOG2E, p_lo));
    double y = cdm_sum_parts(hi, k, p, tail);
    y = CDM_ABS(hi) < CDM_INF ? y : hi;
    return d != d ? d : y;
}

#endif
