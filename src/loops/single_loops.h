/* Float32 arrays: light operations in float32 arithmetic, and floats as doubles and back.
 *
 * Knows strides and no operator: the generated kernels fill in the formulas.  A light operator rounds
 * once or never, and a sum, product, quotient or root of floats that is rounded to a double and then
 * to a float is the one that is rounded to a float at once, for a double has more than twice the
 * digits (S. Figueroa, When is double rounding innocuous?, SIGNUM 30 (1995) 21).  So a formula on
 * floats gives the bits that it gives on doubles.  Fast because twice as many numbers go through a
 * vector and nothing through a block of doubles; what has no kernel here goes through one.
 */
#ifndef CDIFF_SINGLE_LOOPS_H
#define CDIFF_SINGLE_LOOPS_H

#include <stdint.h>

#include "loops/kernel_loops.h"

#define SINGLE_LOOP(numbers, expression)                                                          \
    CDIFF_SIMD                                                                                    \
    for (i = 0; i < n; i++) {                                                                     \
        numbers                                                                                   \
        out[i] = (float)(expression);                                                             \
    }

/* With AVX-512 vectors are as long as with AVX2, whose kernels these are: larger arrays gain by that, and
 * small ones lose less than a call takes (AMD Zen 4). */
#ifdef CDIFF_AVX512
#define SINGLE_ISA avx2
#define SINGLE_BODY(...) ;
#else
#define SINGLE_ISA CDIFF_ISA
#define SINGLE_BODY(...) {__VA_ARGS__}
#endif

#define SINGLE_KERNEL(name) CDIFF_PASTE(single_##name##_, SINGLE_ISA)
#define SINGLE_HEAD(name)                                                                         \
    void SINGLE_KERNEL(name)(int64_t n, float *out, const void *a_, const void *b_, int64_t sa,   \
                             int64_t sb)

#define UNARY_SINGLE(name, expression)                                                            \
    SINGLE_HEAD(name)                                                                             \
    SINGLE_BODY(const float *pa = a_; int64_t i; (void)b_, (void)sa, (void)sb;                    \
                SINGLE_LOOP(const float a = pa[i];, expression))

/* One number beside floats: as a float if it is one; 0.1 is not, and is not rounded before. */
#define SINGLE_NUMBER(x, number, y, pointer, expression)                                          \
    const double wide = *(const double *)(number);                                                \
    const float narrow = (float)wide, *p = (pointer);                                             \
    if ((double)narrow == wide || wide != wide) {                                                 \
        const float x = narrow;                                                                   \
        SINGLE_LOOP(const float y = p[i];, expression)                                            \
    } else {                                                                                      \
        const double x = wide;                                                                    \
        SINGLE_LOOP(const float y = p[i];, expression)                                            \
    }

#define SINGLE_BOTH(expression)                                                                   \
    const float *pa = a_, *pb = b_;                                                               \
    SINGLE_LOOP(const float a = pa[i]; const float b = pb[i];, expression)

#define BINARY_SINGLE(name, expression)                                                           \
    SINGLE_HEAD(name)                                                                             \
    SINGLE_BODY(int64_t i; if (sa && sb) {SINGLE_BOTH(expression)} else if (sa) {                 \
        SINGLE_NUMBER(b, b_, a, a_, expression)                                                   \
    } else {SINGLE_NUMBER(a, a_, b, b_, expression)})

static void widen_floats(int64_t n, double *out, const float *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (double)p[i];
}

static void narrow_doubles(int64_t n, float *out, const double *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (float)p[i];
}

/* Doubles that floats hold, as the kernel of an operator. */
static void round_doubles(int64_t n, double *out, const double *pa, const double *pb, int64_t sa,
                          int64_t sb)
{
    int64_t i;
    (void)pb, (void)sa, (void)sb;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (double)(float)pa[i];
}

#endif
