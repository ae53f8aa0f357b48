/* Sums, differences, products, quotients and copies of arrays that no cache near the processor holds.
 *
 * Knows these operations and lines of the cache, and nothing of nodes.  Fast because memory is all
 * that such a loop waits for: loads of 256 bits let it come a fifth faster than loads of 512 do
 * (AMD Zen 4), lines are stored whole, and where operands and result are too large for any cache the
 * lines go past them all: they are not fetched before they are written and drive out nothing that
 * will be read (0.5 to 0.8 of the time for a million elements and more).  For AVX-512 only.
 *
 * Up to then a sum takes the time that the second-level cache needs to hand over three lines for
 * each eight numbers, whatever one does: asking for lines ahead makes it a fifth longer there, and
 * other distances between the arrays or shorter stretches change nothing (AMD Zen 4).
 */
#ifndef CDIFF_FAR_LOOPS_H
#define CDIFF_FAR_LOOPS_H

#include <immintrin.h>

#include "loops/kernel_table.h"

/* Elements, of operands and result, of which no cache near several processors holds all: 20 MB. */
enum { STREAMED_FROM = 5 << 19 };

typedef double HalfLine __attribute__((vector_size(32), aligned(8), may_alias));

CDIFF_LIGHT HalfLine far_operand(const double *p, int64_t moves)
{
    return moves ? *(const HalfLine *)p : (HalfLine){*p, *p, *p, *p};
}

/* The first elements one by one, until the result is at the beginning of a line, and the last. */
#define FAR_FEW(count, expression)                                                                \
    for (few = (count); few > 0; few--, n--, pa += sa, pb += sb) {                                \
        const double a = *pa, b = *pb;                                                            \
        *out++ = (expression);                                                                    \
    }

#define FAR_LINES(sa, sb, expression, store)                                                      \
    for (; n >= 8; n -= 8, out += 8, pa += 8 * (sa), pb += 8 * (sb)) {                            \
        HalfLine a = far_operand(pa, sa), b = far_operand(pb, sb), low = (expression), high;      \
        a = far_operand(pa + 4 * (sa), sa), b = far_operand(pb + 4 * (sb), sb);                   \
        high = (expression);                                                                      \
        store(out, _mm512_insertf64x4(_mm512_castpd256_pd512((__m256d)low), (__m256d)high, 1));   \
    }

#define FAR(name, expression, store, done)                                                        \
    static void far_##name(int64_t n, double *out, const double *pa, const double *pb,            \
                           int64_t sa, int64_t sb)                                                \
    {                                                                                             \
        const int64_t before = (-(uintptr_t)out & 63) / sizeof(double);                           \
        int64_t few;                                                                              \
        if ((uintptr_t)out % sizeof(double) == 0) {                                               \
            FAR_FEW(n < before ? n : before, expression)                                          \
            if (sa && sb) {                                                                       \
                FAR_LINES(1, 1, expression, store)                                                \
            } else if (sa) {                                                                      \
                FAR_LINES(1, 0, expression, store)                                                \
            } else if (sb) {                                                                      \
                FAR_LINES(0, 1, expression, store)                                                \
            }                                                                                     \
            done;                                                                                 \
        }                                                                                         \
        FAR_FEW(n, expression)                                                                    \
    }

#define FAR_BOTH(name, expression)                                                                \
    FAR(name, expression, _mm512_store_pd, (void)0)                                               \
    FAR(name##_past, expression, _mm512_stream_pd, _mm_sfence())

FAR_BOTH(add, a + b)
FAR_BOTH(subtract, a - b)
FAR_BOTH(multiply, a *b)
/* Nearer than that quotients wait for the divider, and Newton's method helps it (quotients.h). */
FAR(divide_past, a / b, _mm512_stream_pd, _mm_sfence())
FAR(copy_past, ((void)b, a), _mm512_stream_pd, _mm_sfence())

/* One operand is both. */
#define FAR_ALONE(name, kernel)                                                                   \
    static void far_##name(int64_t n, double *out, const double *pa, const double *pb,            \
                           int64_t sa, int64_t sb)                                                \
    {                                                                                             \
        (void)pb, (void)sb;                                                                       \
        far_##kernel(n, out, pa, pa, sa, sa);                                                     \
    }

FAR_ALONE(square, multiply)
FAR_ALONE(square_past, multiply_past)
FAR_ALONE(positive_past, copy_past)

/* The kernel of an operator for so many elements; NULL if it has none of its own. */
ew_fn kernels_far(int op, int64_t passing)
{
    const int past = passing >= STREAMED_FROM;
    switch (op) {
    case OP_ADD:
        return past ? far_add_past : far_add;
    case OP_SUBTRACT:
        return past ? far_subtract_past : far_subtract;
    case OP_MULTIPLY:
        return past ? far_multiply_past : far_multiply;
    case OP_DIVIDE:
        return past ? far_divide_past : NULL;
    case OP_POSITIVE:
        return past ? far_positive_past : NULL;
    case OP_SQUARE:
        return past ? far_square_past : far_square;
    }
    return NULL;
}

#endif
