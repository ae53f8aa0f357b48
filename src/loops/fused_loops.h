/* Loops that do two or three light operations at once, for groups of fused instructions.
 *
 * Knows sums, differences and products, and nothing of programs.  Fast because what is in between
 * stays in a register: two operations read three operands and write one, which is little more than
 * one operation alone; and because a call serves for both.  Each operation is rounded as it would be
 * alone: b*b - 4*a*c has to be 0 where NumPy's is, or its root is NaN.
 */
#ifndef CDIFF_FUSED_LOOPS_H
#define CDIFF_FUSED_LOOPS_H

#include "loops/kernel_table.h"

/* A product that compilers do not round together with a sum; its zeros keep their sign. */
#define PRODUCT(a, b) CDM_FMA(a, b, -0.0)

/* As sv_zmul, in a form that compilers turn into a mask also where it is subtracted. */
CDIFF_LIGHT double fused_zmul(double a, double b)
{
    const uint64_t keep = -(uint64_t)((a != 0.0) & (b != 0.0));
    return cdm_from_bits(cdm_bits(PRODUCT(a, b)) & keep);
}

#define FUSED_BODY(first, b_, c_, value)                                                          \
    CDIFF_SIMD                                                                                    \
    for (i = 0; i < n; i++) {                                                                     \
        const double a = pa[i], b = (b_), c = (c_), t = (first);                                  \
        out[i] = (value);                                                                         \
    }

/* out[i] = value of t, which is first of a[i] and b[i], and c[i]. */
#define FUSED(name, first_, value)                                                                \
    static void fused_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             const double *pc, int64_t sb, int64_t sc)                            \
    {                                                                                             \
        int64_t i;                                                                                \
        const double b0 = n > 0 ? *pb : 0.0, c0 = n > 0 ? *pc : 0.0;                              \
        if (sb && sc) {                                                                           \
            FUSED_BODY(first_, pb[i], pc[i], value)                                               \
        } else if (sb) {                                                                          \
            FUSED_BODY(first_, pb[i], c0, value)                                                  \
        } else if (sc) {                                                                          \
            FUSED_BODY(first_, b0, pc[i], value)                                                  \
        } else {                                                                                  \
            FUSED_BODY(first_, b0, c0, value)                                                     \
        }                                                                                         \
    }

#define FUSED_AFTER(name, first)                                                                  \
    FUSED(name##_add, first, t + c)                                                               \
    FUSED(name##_subtract, first, t - c)                                                          \
    FUSED(name##_subtract_from, first, c - t)                                                     \
    FUSED(name##_multiply, first, t *c)

FUSED_AFTER(add, a + b)
FUSED_AFTER(subtract, a - b)
FUSED_AFTER(multiply, PRODUCT(a, b))
#ifndef CDIFF_AVX512
FUSED_AFTER(zmul, fused_zmul(a, b))
FUSED(add_zmul, a + b, fused_zmul(t, c))
FUSED(subtract_zmul, a - b, fused_zmul(t, c))
FUSED(multiply_zmul, PRODUCT(a, b), fused_zmul(t, c))
FUSED(zmul_zmul, fused_zmul(a, b), fused_zmul(t, c))
#endif

/* In the order of FIRST_ADD ... and THEN_ADD ... */
#define FUSED_ROW(name)                                                                           \
    {fused_##name##_add, fused_##name##_subtract, fused_##name##_subtract_from,                   \
     fused_##name##_multiply, fused_##name##_zmul}
#define FUSED_TABLE {FUSED_ROW(add), FUSED_ROW(subtract), FUSED_ROW(multiply), FUSED_ROW(zmul)}

/* out[i] = a[i] b[i] + c[i] d[i], or the difference, each product with or without the zero law. */
#define PRODUCTS(name, first, sign, second)                                                       \
    static void products_##name(int64_t n, double *out, const double *pa, const double *pb,       \
                                const double *pc, const double *pd)                               \
    {                                                                                             \
        int64_t i;                                                                                \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < n; i++) {                                                                 \
            const double a = pa[i], b = pb[i], c = pc[i], d = pd[i];                              \
            out[i] = (first) sign(second);                                                        \
        }                                                                                         \
    }

PRODUCTS(plain_plus_plain, PRODUCT(a, b), +, PRODUCT(c, d))
PRODUCTS(plain_minus_plain, PRODUCT(a, b), -, PRODUCT(c, d))
#ifndef CDIFF_AVX512
PRODUCTS(plain_plus_zero, PRODUCT(a, b), +, fused_zmul(c, d))
PRODUCTS(plain_minus_zero, PRODUCT(a, b), -, fused_zmul(c, d))
PRODUCTS(zero_plus_plain, fused_zmul(a, b), +, PRODUCT(c, d))
PRODUCTS(zero_minus_plain, fused_zmul(a, b), -, PRODUCT(c, d))
PRODUCTS(zero_plus_zero, fused_zmul(a, b), +, fused_zmul(c, d))
PRODUCTS(zero_minus_zero, fused_zmul(a, b), -, fused_zmul(c, d))
#endif

/* [the first is zmul][the second is zmul][their difference] */
#define PRODUCTS_TABLE                                                                            \
    {{{products_plain_plus_plain, products_plain_minus_plain},                                    \
      {products_plain_plus_zero, products_plain_minus_zero}},                                     \
     {{products_zero_plus_plain, products_zero_minus_plain},                                      \
      {products_zero_plus_zero, products_zero_minus_zero}}}

#endif
