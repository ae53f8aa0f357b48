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

#include "loops/kernel_table.h"

enum { LANES = 8, STRETCH = 64, BLOCK_SIZE = 256 };

typedef void (*unit_fn)(int64_t n, double *out, const double *g, const double *a, const double *b,
                        const double *y, int acc);

/* Not inlined: as vectors, which -O2 does not make of a plain loop, it is too long for every kernel. */
static CDIFF_NOINLINE void fill(double *out, double value, int64_t n)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = value;
}

static inline void copy(double *out, const double *in, int64_t n)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = in[i];
}

static inline double sum_lanes(const double *x)
{
    double half[LANES / 2];
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < LANES / 2; i++)
        half[i] = x[i] + x[i + LANES / 2];
    return (half[0] + half[1]) + (half[2] + half[3]);
}

/* The last n < LANES elements, padded with one of them so that no lane takes a strange path; with
 * masked loads where there are any, and so are they written. */
static inline const double *pad(double *out, const double *in, int64_t n)
{
    const double first = in[0];
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < LANES; i++)
        out[i] = i < n ? in[i] : first;
    return out;
}

static inline void copy_few(double *out, const double *in, int64_t n)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < LANES; i++)
        if (i < n)
            out[i] = in[i];
}

/* A number as a block of it: part of every call for a stretch of a large array. */
static CDIFF_NOINLINE const double *spread_block(double *block, const double *value, int64_t n)
{
    const double v = *value;
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        block[i] = v;
    return block;
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
    if (!sg)
        g = spread_block(spread[0], g, m);
    if (a && !sa)
        a = spread_block(spread[1], a, m);
    if (b && !sb)
        b = spread_block(spread[2], b, m);
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

/* --- values of heavy operators: stretches of rounds of LANES elements ---------------------------- */

/* The last round of a stretch ends with it, so it may begin inside the round before. */
#define LANES_LOOP(numbers, stores)                                                               \
    for (j = 0; j < m; j += LANES) {                                                              \
        const int64_t at = j < last ? j : last;                                                   \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < LANES; i++) {                                                             \
            numbers                                                                               \
            stores                                                                                \
        }                                                                                         \
    }

#define STORE(expression) dst[at + i] = (expression);
#define STORE2(expression) dst2[at + i] = (expression);
#define NUMBERS1 const double a = src[at + i];
#define NUMBERS2 const double a = src[at + i]; const double b = src2[at + i];

/* The number of elements of the next stretch.  Those that are no whole round join the stretch
 * before, whose last round computes some elements twice: that is quicker than padding.  Not in
 * place, where the operand is gone by then: there they are a stretch of their own. */
static inline int64_t next_stretch(int64_t n, int overlap)
{
    if (n < LANES || (overlap && n < STRETCH + LANES))
        return n;
    return n < STRETCH ? n - n % LANES : STRETCH;
}

#define UNARY_ROUNDS(name, round)                                                                 \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        double tail[LANES], result[LANES];                                                        \
        double *const start = out;                                                                \
        const int64_t total = n;                                                                  \
        const int overlap = out != pa;                                                            \
        int64_t i, j, m;                                                                          \
        (void)pb, (void)sb;                                                                       \
        if (!sa && n > 1)                                                                         \
            n = 1;                                                                                \
        for (; n > 0; n -= m, pa += m, out += m) {                                                \
            const double *src = n < LANES ? pad(tail, pa, n) : pa;                                \
            double *dst = n < LANES ? result : out;                                               \
            int64_t last;                                                                         \
            m = next_stretch(n, overlap);                                                         \
            last = m < LANES ? 0 : m - LANES;                                                     \
            {                                                                                     \
                round                                                                             \
            }                                                                                     \
            if (n < LANES)                                                                        \
                copy_few(out, result, n);                                                         \
        }                                                                                         \
        if (!sa && total > 1)                                                                     \
            fill(start, result[0], total);                                                        \
    }

#define BINARY_ROUNDS(name, round)                                                                \
    static void value_##name(int64_t n, double *out, const double *pa, const double *pb,          \
                             int64_t sa, int64_t sb)                                              \
    {                                                                                             \
        double tail[LANES], tail2[LANES], result[LANES];                                          \
        double spread[STRETCH + LANES], spread2[STRETCH + LANES];                                 \
        const int overlap = out != pa && out != pb;                                               \
        const int64_t used = n < STRETCH + LANES ? n : STRETCH + LANES;                           \
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
            const double *src = n < LANES ? pad(tail, pa, n) : pa;                                \
            const double *src2 = n < LANES ? pad(tail2, pb, n) : pb;                              \
            double *dst = n < LANES ? result : out;                                               \
            int64_t last;                                                                         \
            m = next_stretch(n, overlap);                                                         \
            last = m < LANES ? 0 : m - LANES;                                                     \
            {                                                                                     \
                round                                                                             \
            }                                                                                     \
            if (n < LANES)                                                                        \
                copy_few(out, result, n);                                                         \
        }                                                                                         \
    }

/* Two functions of one operand, whose common work the compiler does once. */
#define PAIR_ROUNDS(name, round)                                                                  \
    static void pair_##name(int64_t n, double *out, double *out2, const double *pa)               \
    {                                                                                             \
        double tail[LANES], result[LANES], result2[LANES];                                        \
        const int overlap = out != pa && out2 != pa;                                              \
        int64_t i, j, m;                                                                          \
        for (; n > 0; n -= m, pa += m, out += m, out2 += m) {                                     \
            const double *src = n < LANES ? pad(tail, pa, n) : pa;                                \
            double *dst = n < LANES ? result : out, *dst2 = n < LANES ? result2 : out2;           \
            int64_t last;                                                                         \
            m = next_stretch(n, overlap);                                                         \
            last = m < LANES ? 0 : m - LANES;                                                     \
            {                                                                                     \
                round                                                                             \
            }                                                                                     \
            if (n < LANES) {                                                                      \
                copy_few(out, result, n);                                                         \
                copy_few(out2, result2, n);                                                       \
            }                                                                                     \
        }                                                                                         \
    }

/* The round of a branch-free function, and of one with a fast form for the usual arguments
 * (kind 2: the general form is branch-free as well). */
#define PLAIN_ROUND(numbers, stores) LANES_LOOP(numbers, stores)

#define FAST_ROUND(kind, numbers, ok, fast, general)                                              \
    double good[LANES] = {0.0};                                                                   \
    for (j = 0; j < m; j += LANES) {                                                              \
        const int64_t at = j < last ? j : last;                                                   \
        CDIFF_SIMD                                                                                \
        for (i = 0; i < LANES; i++) {                                                             \
            numbers                                                                               \
            good[i] += (ok);                                                                      \
        }                                                                                         \
    }                                                                                             \
    if (sum_lanes(good) == (double)j) {                                                           \
        LANES_LOOP(numbers, fast)                                                                 \
    } else if ((kind) == 2) {                                                                     \
        LANES_LOOP(numbers, general)                                                              \
    } else {                                                                                      \
        const int64_t at = 0;                                                                     \
        for (i = 0; i < m; i++) {                                                                 \
            numbers                                                                               \
            general                                                                               \
        }                                                                                         \
    }

/* The round of a function in two parts, which leave numbers in between in the first-level cache: of
 * a short formula a processor has more rounds under way than of a long one. */
#define PARTS_ROUND(numbers, first, ok, then, general)                                            \
    double good[LANES] = {0.0}, part[STRETCH + LANES], part2[STRETCH + LANES];                    \
    LANES_LOOP(numbers, part[at + i] = (first); good[i] += (ok);)                                 \
    if (sum_lanes(good) == (double)j) {                                                           \
        LANES_LOOP(numbers, then)                                                                 \
    } else {                                                                                      \
        LANES_LOOP(numbers, general)                                                              \
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

/* A heavy partial: its buffers have room for one block. */
#define ADJOINT(k, name, all_unit)                                                                \
    static void adjoint##k##_##name(int64_t n, double *out, const double *g, const double *a,     \
                                    const double *b, const double *y, int64_t sg, int64_t sa,     \
                                    int64_t sb, int acc)                                          \
    {                                                                                             \
        if (n == 1 || ((all_unit) && n <= BLOCK_SIZE))                                            \
            unit##k##_##name(n, out, g, a, b, y, acc);                                            \
        else                                                                                      \
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

/* A partial that is an operand: the value of zmul, which reads a number where it is. */
#define ADJOINT_FACTOR(k, name, factor)                                                           \
    static void adjoint##k##_##name(int64_t n, double *out, const double *g, const double *a,     \
                                    const double *b, const double *y, int64_t sg, int64_t sa,     \
                                    int64_t sb, int acc)                                          \
    {                                                                                             \
        if (!acc)                                                                                 \
            value_zmul(n, out, g, factor, sg, s##factor);                                         \
        else if ((sg && s##factor) || n == 1)                                                     \
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
    CDIFF_UNROLLED static double row_##name(int64_t n, const double *p)                           \
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

/* The partial results in a balanced tree, which keeps the rounding errors of a sum small.  Each level
 * has its own loop, whose length the compiler knows: nothing goes through memory. */
#define MERGE_LEVEL(half, combine)                                                                \
    CDIFF_SIMD                                                                                    \
    for (k = 0; k < (half); k++) {                                                                \
        const double s = part[k], x = part[k + (half)];                                           \
        part[k] = (combine);                                                                      \
    }

#define ROW_MERGE(name, combine)                                                                  \
    CDIFF_UNROLLED static double merge_##name(double *part)                                       \
    {                                                                                             \
        int64_t k;                                                                                \
        MERGE_LEVEL(WIDE / 2, combine)                                                            \
        MERGE_LEVEL(WIDE / 4, combine)                                                            \
        MERGE_LEVEL(WIDE / 8, combine)                                                            \
        MERGE_LEVEL(WIDE / 16, combine)                                                           \
        MERGE_LEVEL(1, combine)                                                                   \
        return part[0];                                                                           \
    }

ROW_MERGE(block_sum, s + x)
ROW_MERGE(squares, s + x)
ROW_MERGE(prod, s * x)
ROW_MERGE(max, x > s ? x : s)
ROW_MERGE(min, x < s ? x : s)
ROW_REDUCTION(block_sum, x, s + x)
ROW_REDUCTION(squares, x * x, s + x * x)
ROW_REDUCTION(prod, x, s * x)

/* An extreme, or NaN if there is one.  To prefer NaN at each element would take four operations: a sum
 * that runs beside tells whether there may be any (or infinities of both signs), in one. */
#define ROW_EXTREME(name, better)                                                                 \
    CDIFF_UNROLLED static double row_##name(int64_t n, const double *p)                           \
    {                                                                                             \
        double part[WIDE], total[WIDE], s = p[0], sum = s;                                        \
        int64_t i = 1, k;                                                                         \
        if (n >= 2 * WIDE) {                                                                      \
            for (k = 0; k < WIDE; k++) {                                                          \
                part[k] = p[k];                                                                   \
                total[k] = k < WIDE / 2 ? p[k] + p[k + WIDE / 2] : 0.0;                           \
            }                                                                                     \
            for (i = WIDE; i + WIDE <= n; i += WIDE) {                                            \
                CDIFF_SIMD                                                                        \
                for (k = 0; k < WIDE; k++)                                                        \
                    part[k] = p[i + k] better part[k] ? p[i + k] : part[k];                       \
                CDIFF_SIMD                                                                        \
                for (k = 0; k < WIDE / 2; k++)                                                    \
                    total[k] += p[i + k] + p[i + k + WIDE / 2];                                   \
            }                                                                                     \
            s = merge_##name(part);                                                               \
            sum = merge_block_sum(total);                                                         \
        }                                                                                         \
        for (; i < n; i++) {                                                                      \
            s = p[i] better s ? p[i] : s;                                                         \
            sum += p[i];                                                                          \
        }                                                                                         \
        for (i = 0; sum != sum && i < n; i++)                                                     \
            if (p[i] != p[i])                                                                     \
                return p[i];                                                                      \
        return s;                                                                                 \
    }

ROW_EXTREME(max, >)
ROW_EXTREME(min, <)

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
    for (i = 0; i < n; i++) {
        const double yes = a[i * sa], no = b[i * sb]; /* read both: then there is no branch */
        out[i] = c[i * sc] != 0.0 ? yes : no;
    }
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

/* What clip hands on of g, where every element is strictly inside the bounds (then it is that of g, a
 * product with 1) or strictly outside (nothing); 0 where some element is neither, as a tie or nan. */
CDIFF_UNROLLED static int between_kernel(int64_t n, double *__restrict out, const double *g,
                                         const double *a, double low, double high)
{
    int64_t i, known = 0;
    for (i = 0; i < n; i++) {
        const int64_t inside = (a[i] > low) & (a[i] < high);
        known += inside | (a[i] < low) | (a[i] > high);
        out[i] = inside ? g[i] + 0.0 : 0.0;
    }
    return known == n;
}

#endif
