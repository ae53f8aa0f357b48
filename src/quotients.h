/* Quotients, reciprocals and square roots by Newton's method, for AVX-512.
 *
 * Knows the processor's guess of 14 bits and how it becomes 53; must not know operators' other
 * formulas.  Fast because the divider makes eight quotients in sixteen cycles while ten multiply-adds
 * take five: whole rounds of eight are computed so, and divided in hardware only where an operand is
 * so large or small that a step in between would overflow or lose digits.  The last step corrects a
 * guess of full precision by its exact residual, which rounds as the divider does (P. Markstein,
 * IA-64 and Elementary Functions, 2000, chapters 8 and 9).
 */
#ifndef CDIFF_QUOTIENTS_H
#define CDIFF_QUOTIENTS_H

#include <immintrin.h>

/* Bits of 2^exponent shifted by one, as the sign is. */
#define POWER_OF_TWO_BITS(exponent) ((long long)(1023 + (exponent)) << 53)

/* The lanes with 2^-500 <= |x| < 2^500: no product or quotient of two of them needs care. */
static inline __mmask8 is_moderate(__m512d x)
{
    const __m512i bits = _mm512_castpd_si512(x), magnitude = _mm512_add_epi64(bits, bits);
    const __m512i low = _mm512_set1_epi64(POWER_OF_TWO_BITS(-500));
    const __m512i width = _mm512_set1_epi64(1000LL << 53);
    return _mm512_cmplt_epu64_mask(_mm512_sub_epi64(magnitude, low), width);
}

/* The relative error goes from 2^-14 to 2^-42 and to that of rounding. */
static inline __m512d newton_reciprocal(__m512d b)
{
    const __m512d one = _mm512_set1_pd(1.0), guess = _mm512_rcp14_pd(b);
    const __m512d error = _mm512_fnmadd_pd(b, guess, one);
    const __m512d r = _mm512_fmadd_pd(guess, _mm512_fmadd_pd(error, error, error), guess);
    return _mm512_fmadd_pd(r, _mm512_fnmadd_pd(b, r, one), r);
}

static inline __m512d newton_quotient(__m512d a, __m512d b)
{
    const __m512d r = newton_reciprocal(b), q = _mm512_mul_pd(a, r);
    return _mm512_fmadd_pd(_mm512_fnmadd_pd(b, q, a), r, q);
}

/* g goes to the root of a and h to half its reciprocal (Goldschmidt). */
static inline __m512d newton_root(__m512d a)
{
    const __m512d half = _mm512_set1_pd(0.5), guess = _mm512_rsqrt14_pd(a);
    __m512d g = _mm512_mul_pd(a, guess), h = _mm512_mul_pd(guess, half), error;
    int k;
    for (k = 0; k < 2; k++) {
        error = _mm512_fnmadd_pd(g, h, half);
        g = _mm512_fmadd_pd(g, error, g);
        h = _mm512_fmadd_pd(h, error, h);
    }
    return _mm512_fmadd_pd(_mm512_fnmadd_pd(g, g, a), h, g);
}

static void value_divide(int64_t n, double *out, const double *pa, const double *pb, int64_t sa,
                         int64_t sb)
{
    int64_t i = 0;
    if (sa == 0 && sb == 0 && n > 0) {
        fill(out, pa[0] / pb[0], n);
        return;
    }
    for (; i + LANES <= n; i += LANES) {
        const __m512d a = sa ? _mm512_loadu_pd(pa + i) : _mm512_set1_pd(*pa);
        const __m512d b = sb ? _mm512_loadu_pd(pb + i) : _mm512_set1_pd(*pb);
        const int good = is_moderate(a) & is_moderate(b);
        _mm512_storeu_pd(out + i, good == 0xff ? newton_quotient(a, b) : _mm512_div_pd(a, b));
    }
    for (; i < n; i++)
        out[i] = pa[i * sa] / pb[i * sb];
}

#define QUOTIENT_UNARY(name, newton, hardware, scalar)                                            \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        int64_t i = 0;                                                                            \
        (void)pb, (void)sb;                                                                       \
        if (sa == 0 && n > 0) {                                                                   \
            const double a = *pa;                                                                 \
            fill(out, (scalar), n);                                                               \
            return;                                                                               \
        }                                                                                         \
        for (; i + LANES <= n; i += LANES) {                                                      \
            const __m512d a = _mm512_loadu_pd(pa + i);                                            \
            _mm512_storeu_pd(out + i, is_moderate(a) == 0xff ? (newton) : (hardware));            \
        }                                                                                         \
        for (; i < n; i++) {                                                                      \
            const double a = pa[i];                                                               \
            out[i] = (scalar);                                                                    \
        }                                                                                         \
    }

QUOTIENT_UNARY(reciprocal, newton_quotient(_mm512_set1_pd(1.0), a),
               _mm512_div_pd(_mm512_set1_pd(1.0), a), 1.0 / a)
/* The root of a negative number is the hardware's NaN. */
QUOTIENT_UNARY(sqrt, _mm512_movepi64_mask(_mm512_castpd_si512(a)) ? _mm512_sqrt_pd(a)
                                                                  : newton_root(a),
               _mm512_sqrt_pd(a), sqrt(a))

#endif
