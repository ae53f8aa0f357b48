/* Products in which a zero absorbs, for AVX-512: as fast as plain ones where nothing is absorbed.
 *
 * Knows the zero law and light operations; must not know programs.  Fast because a product breaks
 * the law only where it is NaN (0 * inf, 0 * nan): the plain result is computed, two vectors are
 * looked at together, and only where there is a NaN is the law applied operand by operand.  Adding 0
 * to a product makes its zeros positive.  Each operation is rounded for itself, as in fused_loops.h.
 */
#ifndef CDIFF_ABSORBING_H
#define CDIFF_ABSORBING_H

#include <immintrin.h>

static inline __m512d exact_zmul(__m512d a, __m512d b)
{
    const __m512d zero = _mm512_setzero_pd();
    const __mmask8 keep = _mm512_cmp_pd_mask(a, zero, _CMP_NEQ_UQ);
    return _mm512_maskz_mul_pd(_mm512_mask_cmp_pd_mask(keep, b, zero, _CMP_NEQ_UQ), a, b);
}

static inline __m512d quick_zmul(__m512d a, __m512d b)
{
    return _mm512_fmadd_pd(a, b, _mm512_setzero_pd());
}

/* What these loops compute, in constants that the compiler folds. */
typedef struct {
    int first, then; /* as in kernel_table.h; N_FIRST: a zmul b alone */
    int products;    /* a b + or - c d: which are zmul, 1 and 2, and 4 for the difference */
} Absorbing;

CDIFF_LIGHT __m512d absorbing_first(int first, int quick, __m512d a, __m512d b)
{
    return first == FIRST_ADD        ? _mm512_add_pd(a, b)
           : first == FIRST_SUBTRACT ? _mm512_sub_pd(a, b)
           : first == FIRST_MULTIPLY ? _mm512_fmadd_pd(a, b, _mm512_set1_pd(-0.0))
           : quick                   ? quick_zmul(a, b)
                                     : exact_zmul(a, b);
}

/* Each operation rounded for itself, by the law (`quick` 0) or as if nothing were absorbed. */
CDIFF_LIGHT __m512d absorbing_value(Absorbing k, int quick, __m512d a, __m512d b, __m512d c,
                                    __m512d d)
{
    __m512d t;
    if (k.products) {
        t = absorbing_first(k.products & 1 ? FIRST_ZMUL : FIRST_MULTIPLY, quick, a, b);
        c = absorbing_first(k.products & 2 ? FIRST_ZMUL : FIRST_MULTIPLY, quick, c, d);
        return k.products & 4 ? _mm512_sub_pd(t, c) : _mm512_add_pd(t, c);
    }
    t = absorbing_first(k.first == N_FIRST ? FIRST_ZMUL : k.first, quick, a, b);
    return k.first == N_FIRST                ? t
           : k.then == THEN_ADD           ? _mm512_add_pd(t, c)
           : k.then == THEN_SUBTRACT      ? _mm512_sub_pd(t, c)
           : k.then == THEN_SUBTRACT_FROM ? _mm512_sub_pd(c, t)
           : k.then == THEN_MULTIPLY      ? _mm512_mul_pd(t, c)
                                          : absorbing_first(FIRST_ZMUL, quick, t, c);
}

CDIFF_LIGHT __m512d vector_at(const double *p, int64_t i, int stride)
{
    return stride ? _mm512_loadu_pd(p + i) : _mm512_set1_pd(*p);
}

CDIFF_LIGHT __m512d last_vector(const double *p, int64_t i, int stride, __mmask8 few)
{
    return stride ? _mm512_maskz_loadu_pd(few, p + i) : _mm512_set1_pd(*p);
}

#define OPERANDS_AT(i) \
    vector_at(pa, i, sa), vector_at(pb, i, sb), vector_at(pc, i, sc), vector_at(pd, i, 1)

CDIFF_LIGHT void absorbing_loop(Absorbing k, int64_t n, double *out, const double *pa,
                                const double *pb, const double *pc, const double *pd, int sa,
                                int sb, int sc)
{
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        __m512d x = absorbing_value(k, 1, OPERANDS_AT(i));
        __m512d y = absorbing_value(k, 1, OPERANDS_AT(i + LANES));
        if (__builtin_expect(!_kortestz_mask8_u8(_mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q),
                                                 _mm512_cmp_pd_mask(y, y, _CMP_UNORD_Q)),
                             0)) {
            x = absorbing_value(k, 0, OPERANDS_AT(i));
            y = absorbing_value(k, 0, OPERANDS_AT(i + LANES));
        }
        _mm512_storeu_pd(out + i, x);
        _mm512_storeu_pd(out + i + LANES, y);
    }
    for (; i < n; i += LANES) {
        const __mmask8 few = n - i < LANES ? (__mmask8)((1 << (n - i)) - 1) : 0xff;
        _mm512_mask_storeu_pd(out + i, few,
                              absorbing_value(k, 0, last_vector(pa, i, sa, few),
                                              last_vector(pb, i, sb, few),
                                              last_vector(pc, i, sc, few),
                                              last_vector(pd, i, 1, few)));
    }
}

static void value_zmul(int64_t n, double *out, const double *pa, const double *pb, int64_t sa,
                       int64_t sb)
{
    const Absorbing k = {N_FIRST, 0, 0};
    if (sa && sb)
        absorbing_loop(k, n, out, pa, pb, pa, pa, 1, 1, 1);
    else if (sa)
        absorbing_loop(k, n, out, pa, pb, pa, pa, 1, 0, 1);
    else if (sb)
        absorbing_loop(k, n, out, pb, pa, pb, pb, 1, 0, 1);
    else if (n > 0)
        fill(out, sv_zmul(*pa, *pb), n);
}

#define ABSORBING_FUSED(name, first, then)                                                        \
    static void fused_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             const double *pc, int64_t sb, int64_t sc)                            \
    {                                                                                             \
        const Absorbing k = {first, then, 0};                                                     \
        if (sb && sc)                                                                             \
            absorbing_loop(k, n, out, pa, pb, pc, pa, 1, 1, 1);                                   \
        else if (sb)                                                                              \
            absorbing_loop(k, n, out, pa, pb, pc, pa, 1, 1, 0);                                   \
        else if (sc)                                                                              \
            absorbing_loop(k, n, out, pa, pb, pc, pa, 1, 0, 1);                                   \
        else                                                                                      \
            absorbing_loop(k, n, out, pa, pb, pc, pa, 1, 0, 0);                                   \
    }

ABSORBING_FUSED(zmul_add, FIRST_ZMUL, THEN_ADD)
ABSORBING_FUSED(zmul_subtract, FIRST_ZMUL, THEN_SUBTRACT)
ABSORBING_FUSED(zmul_subtract_from, FIRST_ZMUL, THEN_SUBTRACT_FROM)
ABSORBING_FUSED(zmul_multiply, FIRST_ZMUL, THEN_MULTIPLY)
ABSORBING_FUSED(zmul_zmul, FIRST_ZMUL, THEN_ZMUL)
ABSORBING_FUSED(add_zmul, FIRST_ADD, THEN_ZMUL)
ABSORBING_FUSED(subtract_zmul, FIRST_SUBTRACT, THEN_ZMUL)
ABSORBING_FUSED(multiply_zmul, FIRST_MULTIPLY, THEN_ZMUL)

#define ABSORBING_PRODUCTS(name, which)                                                           \
    static void products_##name(int64_t n, double *out, const double *pa, const double *pb,       \
                                const double *pc, const double *pd)                               \
    {                                                                                             \
        const Absorbing k = {0, 0, which};                                                        \
        absorbing_loop(k, n, out, pa, pb, pc, pd, 1, 1, 1);                                       \
    }

ABSORBING_PRODUCTS(zero_plus_plain, 1)
ABSORBING_PRODUCTS(plain_plus_zero, 2)
ABSORBING_PRODUCTS(zero_plus_zero, 3)
ABSORBING_PRODUCTS(zero_minus_plain, 5)
ABSORBING_PRODUCTS(plain_minus_zero, 6)
ABSORBING_PRODUCTS(zero_minus_zero, 7)

#endif
