/* The kernels of the functions of math/wide.h, for AVX-512.
 *
 * Knows strides and what is left of a last round; must not know formulas.  Fast as the loops of
 * kernel_loops.h are: the last round ends with the array and computes some elements twice.  In place,
 * or with less than eight elements, it runs on a copy with ones beside them.
 */
#ifndef CDIFF_WIDE_LOOPS_H
#define CDIFF_WIDE_LOOPS_H

#include "math/wide.h"

/* A copy of the last n elements. */
static inline const double *copy_last(double *copy, const double *in, int64_t n)
{
    _mm512_storeu_pd(copy, _mm512_mask_loadu_pd(_mm512_set1_pd(1.0), first_lanes(n), in));
    return copy;
}

static inline void store_last(double *out, const double *result, int64_t n)
{
    _mm512_mask_storeu_pd(out, first_lanes(n), _mm512_loadu_pd(result));
}

#define WIDE_VALUE(name)                                                                          \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        double few[LANES];                                                                        \
        const int64_t count = sa ? n : n > 0;                                                     \
        const int overlap = count >= LANES && out != pa;                                          \
        int64_t i;                                                                                \
        (void)pb, (void)sb;                                                                       \
        for (i = 0; i < count; i += LANES) {                                                      \
            const int64_t left = count - i, at = left < LANES && overlap ? count - LANES : i;     \
            const int copied = left < LANES && !overlap;                                          \
            const double *src = copied ? copy_last(few, pa + i, left) : pa + at;                  \
            double *dst = copied ? few : out + at;                                                \
            _mm512_storeu_pd(dst, cdm_wide_##name(_mm512_loadu_pd(src)));                         \
            if (copied)                                                                           \
                store_last(out + i, few, left);                                                   \
        }                                                                                         \
        if (count < n)                                                                            \
            fill(out, *few, n);                                                                   \
    }

/* The round from i on: what is left of the numbers, or the last eight of them. */
static inline CdmWide load_round(const double *in, int64_t i, int64_t n, int overlap)
{
    const int64_t left = n - i;
    if (left < LANES && !overlap)
        return _mm512_mask_loadu_pd(_mm512_set1_pd(1.0), first_lanes(left), in + i);
    return _mm512_loadu_pd(in + (left < LANES ? n - LANES : i));
}

static inline CdmWide load_operand(const double *p, int64_t stride, int64_t i, int64_t n, int overlap)
{
    return stride ? load_round(p, i, n, overlap) : CDM_W(*p);
}

static inline void store_round(double *out, int64_t i, int64_t n, int overlap, CdmWide y)
{
    const int64_t left = n - i;
    if (left < LANES && !overlap)
        _mm512_mask_storeu_pd(out + i, first_lanes(left), y);
    else
        _mm512_storeu_pd(out + (left < LANES ? n - LANES : i), y);
}

/* A function of two operands, each an array or a number, in two parts, which leave numbers in between
 * in the first-level cache: of a long formula a processor has few rounds under way. */
#define WIDE_VALUE2(name)                                                                         \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb, int64_t sa,\
                             int64_t sb)                                                          \
    {                                                                                             \
        double part[STRETCH], part2[STRETCH];                                                     \
        __mmask8 rare[STRETCH / LANES];                                                           \
        const int64_t count = sa || sb ? n : n > 0;                                               \
        const int overlap = count >= LANES && out != pa && out != pb;                             \
        int64_t start, i, k;                                                                      \
        for (start = 0; start < count; start += STRETCH) {                                        \
            const int64_t end = count - start < STRETCH ? count : start + STRETCH;                \
            for (i = start, k = 0; i < end; i += LANES, k++) {                                    \
                const CdmWide a = load_operand(pa, sa, i, count, overlap);                        \
                const CdmWide b = load_operand(pb, sb, i, count, overlap);                        \
                CdmWide second, first = cdm_wide_##name##_first(a, b, &second, rare + k);         \
                _mm512_storeu_pd(part + k * LANES, first);                                        \
                _mm512_storeu_pd(part2 + k * LANES, second);                                      \
            }                                                                                     \
            for (i = start, k = 0; i < end; i += LANES, k++) {                                    \
                const CdmWide first = _mm512_loadu_pd(part + k * LANES);                          \
                CdmWide y = cdm_wide_##name##_then(first, _mm512_loadu_pd(part2 + k * LANES));    \
                if (rare[k])                                                                      \
                    y = cdm_wide_##name##_mend(load_operand(pa, sa, i, count, overlap),           \
                                               load_operand(pb, sb, i, count, overlap), y, rare[k]);\
                store_round(out, i, count, overlap, y);                                           \
            }                                                                                     \
        }                                                                                         \
        if (count < n)                                                                            \
            fill(out, *out, n);                                                                   \
    }

/* What both functions need first is made one round ahead: a round alone is a chain of steps that wait
 * for each other, more of them than the processor looks ahead at once. */
#define WIDE_PAIR(name)                                                                           \
    static void pair_##name(int64_t n, double *out, double *out2, const double *pa)               \
    {                                                                                             \
        const int overlap = n >= LANES && out != pa && out2 != pa;                                \
        CdmWide x = load_round(pa, 0, n, overlap);                                                \
        CdmWideBegun_##name begun = cdm_wide_##name##_begin(x);                                   \
        int64_t i;                                                                                \
        for (i = 0; i < n; i += LANES) {                                                          \
            const CdmWide next = load_round(pa, i + LANES < n ? i + LANES : i, n, overlap);       \
            const CdmWideBegun_##name ahead = cdm_wide_##name##_begin(next);                      \
            CdmWide second, first = cdm_wide_##name##_pair_of(x, begun, &second);                 \
            store_round(out, i, n, overlap, first);                                               \
            store_round(out2, i, n, overlap, second);                                             \
            x = next;                                                                             \
            begun = ahead;                                                                        \
        }                                                                                         \
    }

#endif
