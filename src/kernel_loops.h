/* The loops that array kernels are made of; the generated kernels fill in the formulas.
 *
 * Knows strides and blocks, no operator.  Three ideas make it fast and small.  A heavy function is
 * written out once per instruction set, as a loop over rounds of constant length LANES whose last
 * one steps back or runs on padded copies: no scalar remainder, so ten elements cost two rounds.
 * A partial that needs heavy functions runs them block by block into buffers that stay in the
 * first-level cache.  And a broadcast operand of such a partial is spread once over a block, so one
 * unit-stride loop serves all cases.
 */
#ifndef CDIFF_KERNEL_LOOPS_H
#define CDIFF_KERNEL_LOOPS_H

#include <stddef.h>

#include "kernel_table.h"

enum { LANES = 8, STRETCH = 64, BLOCK_SIZE = 256 };

typedef void (*unit_fn)(int64_t n, double *out, const double *g, const double *a, const double *b,
                        const double *y, int acc);

static inline void fill(double *out, double value, int64_t n)
{
    int64_t i;
    for (i = 0; i < n; i++)
        out[i] = value;
}

static inline void copy(double *out, const double *in, int64_t n)
{
    int64_t i;
    for (i = 0; i < n; i++)
        out[i] = in[i];
}

static inline double sum_lanes(const double *x)
{
    return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

/* The last n < LANES elements, padded with one of them so that no lane takes a strange path. */
static inline const double *pad(double *out, const double *in, int64_t n)
{
    int64_t i;
    for (i = 0; i < LANES; i++)
        out[i] = in[i < n ? i : 0];
    return out;
}

/* Run f block by block, with every operand at unit stride. */
static CDIFF_NOINLINE void run_blocks(unit_fn f, int64_t n, double *out, const double *g,
                                      const double *a, const double *b, const double *y,
                                      int64_t sg, int64_t sa, int64_t sb, int acc)
{
    double spread[3][BLOCK_SIZE];
    int64_t m = n < BLOCK_SIZE ? n : BLOCK_SIZE;
    if (n == 1)
        sg = sa = sb = 1;
    if (!sg) {
        fill(spread[0], *g, m);
        g = spread[0];
    }
    if (a && !sa) {
        fill(spread[1], *a, m);
        a = spread[1];
    }
    if (b && !sb) {
        fill(spread[2], *b, m);
        b = spread[2];
    }
    for (; n > 0; n -= m) {
        m = n < BLOCK_SIZE ? n : BLOCK_SIZE;
        f(m, out, g, a, b, y, acc);
        out += m;
        g += sg * m;
        if (a)
            a += sa * m;
        if (b)
            b += sb * m;
        if (y)
            y += m;
    }
}

#define CDIFF_PASTE_(u, v) u##v
#define CDIFF_PASTE(u, v) CDIFF_PASTE_(u, v)
#define CDIFF_QUOTE_(u) #u
#define CDIFF_QUOTE(u) CDIFF_QUOTE_(u)

/* out[i] = value, which may use the declarations `numbers` */
#define FILL_LOOP(out, numbers, value)                                                            \
    CDIFF_SIMD                                                                                    \
    for (i = 0; i < n; i++) {                                                                     \
        numbers                                                                                   \
        (out)[i] = (value);                                                                       \
    }

/* --- values of light operators: one plain loop per combination of strides ------------------------ */

#define UNARY_LIGHT(name, expression)                                                             \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        int64_t i;                                                                                \
        (void)pb, (void)sb;                                                                       \
        if (sa || n == 1) {                                                                       \
            CDIFF_SIMD                                                                            \
            for (i = 0; i < n; i++) {                                                             \
                const double a = pa[i];                                                           \
                out[i] = (expression);                                                            \
            }                                                                                     \
        } else if (n > 0) {                                                                       \
            const double a = pa[0];                                                               \
            fill(out, (expression), n);                                                           \
        }                                                                                         \
    }

#define BINARY_BOTH(expression)                                                                   \
    CDIFF_SIMD                                                                                    \
    for (i = 0; i < n; i++) {                                                                     \
        const double a = pa[i], b = pb[i];                                                        \
        out[i] = (expression);                                                                    \
    }

#define BINARY_SCALAR_A(expression)                                                               \
    const double a = pa[0];                                                                       \
    CDIFF_SIMD                                                                                    \
    for (i = 0; i < n; i++) {                                                                     \
        const double b = pb[i];                                                                   \
        out[i] = (expression);                                                                    \
    }

#define BINARY_SCALAR_B(expression)                                                               \
    const double b = pb[0];                                                                       \
    CDIFF_SIMD                                                                                    \
    for (i = 0; i < n; i++) {                                                                     \
        const double a = pa[i];                                                                   \
        out[i] = (expression);                                                                    \
    }

#define BINARY_LIGHT(name, expression)                                                            \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        int64_t i;                                                                                \
        if ((sa && sb) || n == 1) {                                                               \
            BINARY_BOTH(expression)                                                               \
        } else if (sa) {                                                                          \
            BINARY_SCALAR_B(expression)                                                           \
        } else if (sb) {                                                                          \
            BINARY_SCALAR_A(expression)                                                           \
        } else if (n > 0) {                                                                       \
            const double a = pa[0], b = pb[0];                                                    \
            fill(out, (expression), n);                                                           \
        }                                                                                         \
    }

/* --- values of heavy operators: stretches of whole rounds of LANES elements ---------------------- */

#define LANES_LOOP(numbers, expression)                                                           \
    for (j = 0; j < m; j += LANES) {                                                              \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < LANES; i++) {                                                             \
            numbers                                                                               \
            dst[j + i] = (expression);                                                            \
        }                                                                                         \
    }

#define NUMBERS1 const double a = src[j + i];
#define NUMBERS2 const double a = src[j + i]; const double b = src2[j + i];

/* The next stretch: m elements, a multiple of LANES.  The last one of a long array begins so early
 * that its round is a full one: it computes some elements again, which is quicker than padding;
 * not in place, where they are gone. */
#define NEXT_STRETCH(move)                                                                        \
    m = n >= STRETCH ? STRETCH : n - n % LANES;                                                   \
    if (n < LANES) {                                                                              \
        m = LANES;                                                                                \
        if (overlap) {                                                                            \
            const int64_t back = LANES - n;                                                       \
            move;                                                                                 \
            out -= back;                                                                          \
            n = LANES;                                                                            \
        }                                                                                         \
    }

#define UNARY_ROUNDS(name, round)                                                                 \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        double tail[LANES], result[LANES];                                                        \
        const int64_t total = n;                                                                  \
        const int overlap = n >= LANES && sa && out != pa;                                        \
        int64_t i, j, m;                                                                          \
        (void)pb, (void)sb;                                                                       \
        if (!sa && n > 1)                                                                         \
            n = 1;                                                                                \
        for (; n > 0; n -= m, pa += m, out += m) {                                                \
            const double *src;                                                                    \
            double *dst;                                                                          \
            NEXT_STRETCH(pa -= back)                                                              \
            src = n < LANES ? pad(tail, pa, n) : pa;                                              \
            dst = n < LANES ? result : out;                                                       \
            {                                                                                     \
                round                                                                             \
            }                                                                                     \
            if (n < LANES)                                                                        \
                copy(out, result, n);                                                             \
        }                                                                                         \
        if (!sa && total > 1)                                                                     \
            fill(out - LANES, result[0], total);                                                  \
    }

#define BINARY_ROUNDS(name, round)                                                                \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        double tail[LANES], tail2[LANES], result[LANES], spread[STRETCH], spread2[STRETCH];       \
        const int overlap = n >= LANES && out != pa && out != pb;                                 \
        const int64_t used = n < LANES ? LANES : n < STRETCH ? n : STRETCH;                       \
        int64_t i, j, m;                                                                          \
        if (!sa) {                                                                                \
            fill(spread, *pa, used);                                                              \
            pa = spread;                                                                          \
        }                                                                                         \
        if (!sb) {                                                                                \
            fill(spread2, *pb, used);                                                             \
            pb = spread2;                                                                         \
        }                                                                                         \
        for (; n > 0; n -= m, pa += sa * m, pb += sb * m, out += m) {                             \
            const double *src, *src2;                                                             \
            double *dst;                                                                          \
            NEXT_STRETCH(pa -= sa * back; pb -= sb * back)                                        \
            src = n < LANES ? pad(tail, pa, n) : pa;                                              \
            src2 = n < LANES ? pad(tail2, pb, n) : pb;                                            \
            dst = n < LANES ? result : out;                                                       \
            {                                                                                     \
                round                                                                             \
            }                                                                                     \
            if (n < LANES)                                                                        \
                copy(out, result, n);                                                             \
        }                                                                                         \
    }

/* The round of a branch-free function, and of one with a fast form for the usual arguments
 * (kind 2: the general form is branch-free as well). */
#define PLAIN_ROUND(numbers, expression) LANES_LOOP(numbers, expression)

#define FAST_ROUND(kind, numbers, ok, fast, general)                                              \
    double good[LANES] = {0.0};                                                                   \
    for (j = 0; j < m; j += LANES) {                                                              \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < LANES; i++) {                                                             \
            numbers                                                                               \
            good[i] += (ok);                                                                      \
        }                                                                                         \
    }                                                                                             \
    if (sum_lanes(good) == (double)m) {                                                           \
        LANES_LOOP(numbers, fast)                                                                 \
    } else if ((kind) == 2) {                                                                     \
        LANES_LOOP(numbers, general)                                                              \
    } else {                                                                                      \
        for (j = 0, i = 0; i < (m < n ? m : n); i++) {                                            \
            numbers                                                                               \
            dst[i] = (general);                                                                   \
        }                                                                                         \
    }

/* --- adjoints ------------------------------------------------------------------------------------ */

/* `numbers` declares what the partial d reads at element i. */
#define ADJOINT_LOOP(numbers, d)                                                                  \
    if (acc) {                                                                                    \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < n; i++) {                                                                 \
            numbers                                                                               \
            out[i] += sv_zmul(g[i], (d));                                                         \
        }                                                                                         \
    } else {                                                                                      \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < n; i++) {                                                                 \
            numbers                                                                               \
            out[i] = sv_zmul(g[i], (d));                                                          \
        }                                                                                         \
    }

static CDIFF_NOINLINE void unit_one(int64_t n, double *out, const double *g, const double *a,
                                    const double *b, const double *y, int acc)
{
    int64_t i;
    (void)a, (void)b, (void)y;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = acc ? out[i] + g[i] : g[i];
}

static CDIFF_NOINLINE void unit_minus_one(int64_t n, double *out, const double *g,
                                          const double *a, const double *b, const double *y,
                                          int acc)
{
    int64_t i;
    (void)a, (void)b, (void)y;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = acc ? out[i] - g[i] : -g[i];
}

#define ADJOINT(k, name)                                                                          \
    static void adjoint##k##_##name(int64_t n, double *out, const double *g, const double *a,     \
                                    const double *b, const double *y, int64_t sg, int64_t sa,     \
                                    int64_t sb, int acc)                                          \
    {                                                                                             \
        run_blocks(unit##k##_##name, n, out, g, a, b, y, sg, sa, sb, acc);                    \
    }

/* A light partial: straight to its loop if `all_unit` says that all strides it meets are one. */
#define ADJOINT_DIRECT(k, name, all_unit)                                                         \
    static void adjoint##k##_##name(int64_t n, double *out, const double *g, const double *a,     \
                                    const double *b, const double *y, int64_t sg, int64_t sa,     \
                                    int64_t sb, int acc)                                          \
    {                                                                                             \
        if ((all_unit) || n == 1)                                                                 \
            unit##k##_##name(n, out, g, a, b, y, acc);                                            \
        else                                                                                      \
            run_blocks(unit##k##_##name, n, out, g, a, b, y, sg, sa, sb, acc);                    \
    }

static void copy_or_fill(int64_t n, double *out, const double *in, int64_t stride)
{
    if (stride)
        copy(out, in, n);
    else if (n > 0)
        fill(out, *in, n);
}

/* --- reductions of rows (n > 0; the sum also of none) --------------------------------------------- */

enum { WIDE = 32, PAIRWISE = 2048 };

#define ROW_REDUCTION(name, first, combine)                                                       \
    static double row_##name(int64_t n, const double *p)                                          \
    {                                                                                             \
        double part[WIDE], s;                                                                     \
        int64_t i, k, start = 1;                                                                  \
        {                                                                                         \
            const double x = p[0];                                                                \
            s = (first);                                                                          \
        }                                                                                         \
        if (n >= 2 * WIDE) {                                                                      \
            for (k = 0; k < WIDE; k++) {                                                          \
                const double x = p[k];                                                            \
                part[k] = (first);                                                                \
            }                                                                                     \
            for (start = WIDE; start + WIDE <= n; start += WIDE) {                                \
                CDIFF_SIMD                                                                        \
                for (k = 0; k < WIDE; k++) {                                                      \
                    const double x = p[start + k], s = part[k];                                   \
                    part[k] = (combine);                                                          \
                }                                                                                 \
            }                                                                                     \
            s = merge_##name(part);                                                               \
        }                                                                                         \
        for (i = start; i < n; i++) {                                                             \
            const double x = p[i];                                                                \
            s = (combine);                                                                        \
        }                                                                                         \
        return s;                                                                                 \
    }

/* The partial results in a balanced tree, which keeps the rounding errors of a sum small. */
#define ROW_MERGE(name, combine)                                                                  \
    static double merge_##name(double *part)                                                      \
    {                                                                                             \
        int64_t half, k;                                                                          \
        for (half = WIDE / 2; half > 0; half /= 2)                                                \
            for (k = 0; k < half; k++) {                                                          \
                const double s = part[k], x = part[k + half];                                     \
                part[k] = (combine);                                                              \
            }                                                                                     \
        return part[0];                                                                           \
    }

ROW_MERGE(block_sum, s + x)
ROW_MERGE(squares, s + x)
ROW_MERGE(prod, s * x)
ROW_MERGE(max, (x > s) | (x != x) ? x : s)
ROW_MERGE(min, (x < s) | (x != x) ? x : s)
ROW_REDUCTION(block_sum, x, s + x)
ROW_REDUCTION(squares, x * x, s + x * x)
ROW_REDUCTION(prod, x, s * x)
ROW_REDUCTION(max, x, (x > s) | (x != x) ? x : s)
ROW_REDUCTION(min, x, (x < s) | (x != x) ? x : s)

/* Pairwise above blocks of 2048 (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
 * section 4.2). */
static double row_sum(int64_t n, const double *p)
{
    const int64_t half = n / 2 & ~(int64_t)(WIDE - 1);
    if (n < 1)
        return 0.0;
    return n <= PAIRWISE ? row_block_sum(n, p) : row_sum(half, p) + row_sum(n - half, p + half);
}

/* --- where --------------------------------------------------------------------------------------- */

CDIFF_LIGHT void where_loop(int64_t n, double *out, const double *c, const double *a,
                            const double *b, int64_t sc, int64_t sa, int64_t sb)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = c[i * sc] != 0.0 ? a[i * sa] : b[i * sb];
}

static void where_kernel(int64_t n, double *out, const double *c, const double *a,
                         const double *b, int64_t sc, int64_t sa, int64_t sb)
{
    if (n == 1 || (sc && sa && sb))
        where_loop(n, out, c, a, b, 1, 1, 1);
    else if (sc && sa)
        where_loop(n, out, c, a, b, 1, 1, 0);
    else if (sc && sb)
        where_loop(n, out, c, a, b, 1, 0, 1);
    else if (sc)
        where_loop(n, out, c, a, b, 1, 0, 0);
    else
        copy_or_fill(n, out, *c != 0.0 ? a : b, *c != 0.0 ? sa : sb);
}

#endif
