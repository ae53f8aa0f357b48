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

#define WIDE_PAIR(name)                                                                           \
    static void pair_##name(int64_t n, double *out, double *out2, const double *pa)               \
    {                                                                                             \
        double few[LANES], few2[LANES];                                                           \
        const int overlap = n >= LANES && out != pa && out2 != pa;                                \
        int64_t i;                                                                                \
        for (i = 0; i < n; i += LANES) {                                                          \
            const int64_t left = n - i, at = left < LANES && overlap ? n - LANES : i;             \
            const int copied = left < LANES && !overlap;                                          \
            const double *src = copied ? copy_last(few, pa + i, left) : pa + at;                  \
            CdmWide second, first = cdm_wide_##name##_pair(_mm512_loadu_pd(src), &second);        \
            _mm512_storeu_pd(copied ? few : out + at, first);                                     \
            _mm512_storeu_pd(copied ? few2 : out2 + at, second);                                  \
            if (copied) {                                                                         \
                store_last(out + i, few, left);                                                   \
                store_last(out2 + i, few2, left);                                                 \
            }                                                                                     \
        }                                                                                         \
    }

#endif
