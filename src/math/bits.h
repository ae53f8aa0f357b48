/* Bits, selection and exact arithmetic: the vocabulary of the vector math in this folder.
 *
 * Every function here is straight-line code on doubles and 64-bit words, because that is what lets
 * a compiler turn a plain loop into SSE2, AVX2 or AVX-512 instructions without intrinsics. The file
 * must not know any mathematical function. Why it is fast: rounding to an integer is one addition
 * of a magic number, scaling by 2^k one shift, and no instruction is used that SSE2 lacks for
 * vectors (no 64-bit compare, no arithmetic shift, no conversion between int64 and double).
 *
 * Results must not depend on contraction of a*b + c to fma (-ffp-contract=fast or =off) beyond
 * their error bound; where an exact product is needed it is written as CDM_FMA or cdm_two_prod.
 */
#ifndef CDM_BITS_H
#define CDM_BITS_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2
#error "Doubles must be rounded as such: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define CDM_INLINE static inline __attribute__((always_inline, unused))
#elif defined(_MSC_VER)
#define CDM_INLINE static __forceinline
#else
#define CDM_INLINE static inline
#endif

/* CDM_HAVE_FMA: the target multiplies and adds with one rounding in hardware. */
#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__aarch64__) || defined(_M_ARM64)
#define CDM_HAVE_FMA 1
#else
#define CDM_HAVE_FMA 0
#endif

/* CDM_HAVE_ROUND: rounding to an integer is one instruction, for vectors too. */
#if (defined(__GNUC__) || defined(__clang__)) && \
    (!(defined(__x86_64__) || defined(__i386__)) || defined(__SSE4_1__) || defined(__FMA__))
#define CDM_HAVE_ROUND 1
#else
#define CDM_HAVE_ROUND 0
#endif

/* CDM_FMA(a, b, c): a*b + c for speed; rounded once only where that costs nothing. */
#if CDM_HAVE_FMA && (defined(__GNUC__) || defined(__clang__))
#define CDM_FMA(a, b, c) __builtin_fma((a), (b), (c))
#elif CDM_HAVE_FMA
#define CDM_FMA(a, b, c) fma((a), (b), (c))
#else
#define CDM_FMA(a, b, c) ((a) * (b) + (c))
#endif

/* The square root without errno, so that it is one instruction in a loop. */
#if defined(__GNUC__) || defined(__clang__)
#define CDM_SQRT(a) __builtin_sqrt(a)
#define CDM_ABS(a) __builtin_fabs(a)
#else
#define CDM_SQRT(a) sqrt(a)
#define CDM_ABS(a) fabs(a)
#endif

#define CDM_INF ((double)INFINITY)
#define CDM_NAN ((double)NAN)
#define CDM_SIGN_BIT 0x8000000000000000ULL
#define CDM_ONE_BITS 0x3ff0000000000000ULL
/* x + CDM_MAGIC has the integer nearest to x (|x| < 2^51) in its low bits, ties to even. */
#define CDM_MAGIC 0x1.8p52

CDM_INLINE uint64_t cdm_bits(double x) {
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

CDM_INLINE double cdm_from_bits(uint64_t u) {
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Magnitude of x with the sign of s. */
CDM_INLINE double cdm_copysign(double x, double s) {
    return cdm_from_bits((cdm_bits(x) & ~CDM_SIGN_BIT) | (cdm_bits(s) & CDM_SIGN_BIT));
}

CDM_INLINE double cdm_absolute(double x) { return CDM_ABS(x); }

/* 2^k for an integer k in [-1022, 1023], given as the double k + CDM_MAGIC. */
CDM_INLINE double cdm_pow2_magic(double k_magic) {
    return cdm_from_bits((cdm_bits(k_magic) << 52) + CDM_ONE_BITS);
}

/* y * 2^k for any integer k in [-2100, 2100], given as k + CDM_MAGIC. It rounds once, also when the
 * result is subnormal: 2^k is applied in two halves and only the last one can be inexact. */
CDM_INLINE double cdm_scale_magic(double y, double k_magic) {
    uint64_t k = cdm_bits(k_magic), half = k >> 1;
    return y * cdm_from_bits((half << 52) + CDM_ONE_BITS)
             * cdm_from_bits(((k - half) << 52) + CDM_ONE_BITS);
}

/* Polynomials in x with coefficients from the constant term up, evaluated as a tree (Estrin 1960)
 * rather than a chain (Horner), which halves the latency; x2 = x^2, x4 = x^4. */
CDM_INLINE double cdm_poly2(double x, double c0, double c1) { return CDM_FMA(x, c1, c0); }
CDM_INLINE double cdm_poly3(double x, double x2, double c0, double c1, double c2) {
    return CDM_FMA(x2, c2, CDM_FMA(x, c1, c0));
}
CDM_INLINE double cdm_poly4(double x, double x2, double c0, double c1, double c2, double c3) {
    return CDM_FMA(x2, CDM_FMA(x, c3, c2), CDM_FMA(x, c1, c0));
}

/* The upper 26 significant bits of x; x minus that fits in the other 27. */
CDM_INLINE double cdm_upper(double x) {
    return cdm_from_bits(cdm_bits(x) & 0xfffffffff8000000ULL);
}

/* a*b = return value + *err exactly, unless a product over- or underflows (Dekker 1971). With
 * fma, the product is written as one too, lest the compiler fuse it with a later sum: the sum
 * would then contain the error that *err gives once more. */
CDM_INLINE double cdm_two_prod(double a, double b, double *err) {
#if CDM_HAVE_FMA
    double p = CDM_FMA(a, b, 0.0);
    *err = CDM_FMA(a, b, -p);
#else
    double p = a * b;
    double ah = cdm_upper(a), al = a - ah, bh = cdm_upper(b), bl = b - bh;
    *err = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#endif
    return p;
}

/* a+b = return value + *err exactly; |a| >= |b|, or a is a multiple of the last bit of b. */
CDM_INLINE double cdm_fast_two_sum(double a, double b, double *err) {
    double s = a + b;
    *err = (a - s) + b;
    return s;
}

/* a+b = return value + *err exactly for any order of magnitudes (Knuth, Moller). */
CDM_INLINE double cdm_two_sum(double a, double b, double *err) {
    double s = a + b, bb = s - a;
    *err = (a - (s - bb)) + (b - bb);
    return s;
}

/* (y + tail) * 2^k for 0 < y < 2 and -1140 <= k <= 0, rounded once, also when it is subnormal: c is
 * the number whose last bit counts as much as theirs, so that c + y is rounded where they are. */
CDM_INLINE double cdm_scale_sum(double y, double tail, double k_magic) {
    double c = cdm_pow2_magic(CDM_MAGIC - 1022.0 - (k_magic - CDM_MAGIC)), lo, s;
    c = cdm_scale_magic(y, k_magic) < 0x1p-1022 ? c : 0.0;
    s = cdm_fast_two_sum(c, y, &lo);
    return cdm_scale_magic((s + (lo + tail)) - c, k_magic);
}

/* The root of a in [2^-1000, 2^1000], 0.51 ulp, and half its reciprocal to 34 bits: both from one
 * guess of the reciprocal (error 0.035) by steps of second order (Goldschmidt). Fifteen short
 * operations instead of a square root and a division, of which a vector takes forty cycles. */
CDM_INLINE double cdm_root(double a, double *half_reciprocal) {
#if CDM_HAVE_FMA && !defined(CDM_SCALAR)
    double y = cdm_from_bits(0x5fe6eb50c7b537a9ULL - (cdm_bits(a) >> 1));
    double g = a * y, h = 0.5 * y, e = CDM_FMA(-g, h, 0.5);
    g = CDM_FMA(g, e, g);
    h = CDM_FMA(h, e, h);
    e = CDM_FMA(-g, h, 0.5);
    g = CDM_FMA(g, e, g);
    h = CDM_FMA(h, e, h);
    e = CDM_FMA(-g, h, 0.5);
    g = CDM_FMA(g, e, g);
    h = CDM_FMA(h, e, h);
    *half_reciprocal = h;
    return CDM_FMA(CDM_FMA(-g, g, a), h, g);
#else
    double g = CDM_SQRT(a);
    *half_reciprocal = 0.5 / g;
    return g;
#endif
}

#endif
