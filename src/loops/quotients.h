/* Quotients, reciprocals and square roots by Newton's method, for AVX-512.
 *
 * Knows the processor's guess of 14 bits and how it becomes 53; must not know operators' other
 * formulas.  Fast because the divider works beside what multiplies: it makes eight quotients in sixteen
 * cycles (AMD Zen 4: nine) while ten multiply-adds take five (ten), so both make their part of them.
 * All are divided in hardware where an operand is so large or small that a step in between would
 * overflow or lose digits.  The last step corrects a guess of full precision by its exact residual,
 * which rounds as the divider does (P. Markstein, IA-64 and Elementary Functions, 2000, chapters 8
 * and 9), given a reciprocal that is rounded well.
 *
 * Of a divisor all of whose digits are ones, 2 - 2^-52, the reciprocal lies 2^-107 above the middle
 * between 1/2 and the next number, and Newton's step, which errs by the square of the error before,
 * 2^-84, on the side of zero, would round it down.  So a relative 2^-80 is added.  For divisors
 * 2 - k 2^-52 this does no harm unless 1/b is less than that below a middle, where k > 2^26, and a
 * reciprocal that is rounded up by so little rounds no quotient wrongly: the quotient's distance from
 * a middle, at least 2^-105/b, is more than the step b 2^-53 times that error, by k 2^-52 of it.
 */
#ifndef CDIFF_QUOTIENTS_H
#define CDIFF_QUOTIENTS_H

#include <immintrin.h>

#include "loops/kernel_table.h"

/* Are all of them in [2^-256, 2^256) by magnitude, so that no step needs care?  What is below or
 * beyond has one of the two upper bits of the exponent set after the subtraction. */
static inline int are_moderate(__m512d a, __m512d b)
{
    const __m512i low = _mm512_set1_epi64((1023LL - 256) << 52);
    const __m512i outside = _mm512_set1_epi64(3LL << 61);
    const __m512i x = _mm512_sub_epi64(_mm512_castpd_si512(a), low);
    const __m512i y = _mm512_sub_epi64(_mm512_castpd_si512(b), low);
    return _mm512_test_epi64_mask(_mm512_or_si512(x, y), outside) == 0;
}

/* The relative error goes from 2^-14 to 2^-42 and to that of rounding, but for NEWTON_SURPLUS. */
static inline __m512d newton_reciprocal(__m512d b)
{
    const __m512d one = _mm512_set1_pd(1.0), guess = _mm512_rcp14_pd(b);
    const __m512d error = _mm512_fnmadd_pd(b, guess, one);
    const __m512d r = _mm512_fmadd_pd(guess, _mm512_fmadd_pd(error, error, error), guess);
    const __m512d rest = _mm512_fnmadd_pd(b, r, one);
    return _mm512_fmadd_pd(r, _mm512_add_pd(rest, _mm512_set1_pd(NEWTON_SURPLUS)), r);
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

static inline __m512d quick_quotient(__m512d a, __m512d b)
{
    return are_moderate(a, b) ? newton_quotient(a, b) : _mm512_div_pd(a, b);
}

#define NUMBERS_AT(p, stride, i) ((stride) ? _mm512_loadu_pd((p) + (i)) : _mm512_set1_pd(*(p)))

static inline __mmask8 first_lanes(int64_t n)
{
    return (__mmask8)((1 << n) - 1);
}

/* Of three rounds the divider makes one, meanwhile, or a quick one two; and what is left, which is
 * waited for. */
static void value_divide(int64_t n, double *out, const double *pa, const double *pb, int64_t sa,
                         int64_t sb)
{
    int64_t i = 0;
    if (sa == 0 && sb == 0 && n > 0) {
        fill(out, pa[0] / pb[0], n);
        return;
    }
    for (; i + 3 * LANES <= n; i += 3 * LANES) {
        const int64_t j = i + LANES, k = j + LANES;
        const __m512d first = _mm512_div_pd(NUMBERS_AT(pa, sa, i), NUMBERS_AT(pb, sb, i));
        const __m512d second = quick_quotient(NUMBERS_AT(pa, sa, j), NUMBERS_AT(pb, sb, j));
        const __m512d a = NUMBERS_AT(pa, sa, k), b = NUMBERS_AT(pb, sb, k);
        const __m512d third = cdiff_quick_divider ? _mm512_div_pd(a, b) : quick_quotient(a, b);
        _mm512_storeu_pd(out + i, first);
        _mm512_storeu_pd(out + j, second);
        _mm512_storeu_pd(out + k, third);
    }
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_pd(out + i, _mm512_div_pd(NUMBERS_AT(pa, sa, i), NUMBERS_AT(pb, sb, i)));
    if (i < n) {
        const __mmask8 left = first_lanes(n - i);
        const __m512d one = _mm512_set1_pd(1.0);
        const __m512d a = sa ? _mm512_mask_loadu_pd(one, left, pa + i) : _mm512_set1_pd(*pa);
        const __m512d b = sb ? _mm512_mask_loadu_pd(one, left, pb + i) : _mm512_set1_pd(*pb);
        _mm512_mask_storeu_pd(out + i, left, _mm512_div_pd(a, b));
    }
}

/* Of three rounds a quick divider makes those whose bits are set in `turns`. */
#define QUOTIENT_UNARY(name, turns, newton, hardware, scalar)                                     \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        int64_t i = 0;                                                                            \
        int turn = cdiff_quick_divider ? (turns) : 0;                                             \
        (void)pb, (void)sb;                                                                       \
        if (sa == 0 && n > 0) {                                                                   \
            const double a = *pa;                                                                 \
            fill(out, (scalar), n);                                                               \
            return;                                                                               \
        }                                                                                         \
        for (; i + LANES <= n; i += LANES) {                                                      \
            const __m512d a = _mm512_loadu_pd(pa + i);                                            \
            const int divider = turn & 1;                                                         \
            _mm512_storeu_pd(out + i, !divider && are_moderate(a, a) ? (newton) : (hardware));    \
            turn = turn >> 1 | divider << 2;                                                      \
        }                                                                                         \
        for (; i < n; i++) {                                                                      \
            const double a = pa[i];                                                               \
            out[i] = (scalar);                                                                    \
        }                                                                                         \
    }

QUOTIENT_UNARY(reciprocal, 3, newton_quotient(_mm512_set1_pd(1.0), a),
               _mm512_div_pd(_mm512_set1_pd(1.0), a), 1.0 / a)
/* The root of a negative number is the hardware's NaN. */
QUOTIENT_UNARY(sqrt, 1, _mm512_movepi64_mask(_mm512_castpd_si512(a)) ? _mm512_sqrt_pd(a)
                                                                     : newton_root(a),
               _mm512_sqrt_pd(a), sqrt(a))

#endif
