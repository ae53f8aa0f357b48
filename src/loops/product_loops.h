/* Products of a matrix and a vector, compiled once per instruction set like the kernels.
 *
 * Knows strides in bytes and nothing of arrays.  A BLAS is as fast where it is called from C; from
 * Python its call costs more than such a product of the size that recurrences have.  Several rows go
 * along together, so that each element of the vector is loaded once for all of them.
 */
#ifndef CDIFF_PRODUCT_LOOPS_H
#define CDIFF_PRODUCT_LOOPS_H

#include "loops/kernel_loops.h"

#ifndef __has_builtin
#define __has_builtin(name) 0
#endif

/* Rows that go together, and doubles in a vector: with eight, loads cross cache lines. */
enum { ROWS = 4 };

static inline const double *row_of(const double *a, int64_t i, int64_t step)
{
    return (const double *)((const char *)a + i * step);
}

/* The sum of a[k] x[k] from k = first on, for what is no whole vector. */
static inline double dot_rest(int64_t first, int64_t n, const double *a, const double *x)
{
    double sum = 0.0;
    int64_t k;
    for (k = first; k < n; k++)
        sum += a[k] * x[k];
    return sum;
}

CDIFF_UNROLLED static inline double dot_row(int64_t n, const double *a, const double *x)
{
    const int64_t whole = n - n % LANES;
    double s[LANES] = {0};
    int64_t i, k;
    for (k = 0; k < whole; k += LANES)
        CDIFF_SIMD
        for (i = 0; i < LANES; i++)
            s[i] += a[k + i] * x[k + i];
    return sum_lanes(s) + dot_rest(whole, n, a, x);
}

#if defined(__GNUC__) && __has_builtin(__builtin_shufflevector)

/* Written with vectors, since compilers leave arrays of sums in memory. */
typedef double vec __attribute__((vector_size(32)));
typedef double loose_vec __attribute__((vector_size(32), aligned(8), may_alias));

#define LOAD(p) (*(const loose_vec *)(p))
#define PAIRS(a, b)                                                                               \
    (__builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7))

/* y[i] = sum over k of a[i][k] x[k] for four rows, whose sums are added up pair by pair until there
 * is one vector of them all. */
static inline void dot_rows(int64_t n, double *y, const double *a, int64_t step, const double *x)
{
    const double *a1 = row_of(a, 1, step), *a2 = row_of(a, 2, step), *a3 = row_of(a, 3, step);
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    const int64_t whole = n - n % ROWS;
    int64_t k, i;
    for (k = 0; k < whole; k += ROWS) {
        const vec v = LOAD(x + k);
        s0 += LOAD(a + k) * v;
        s1 += LOAD(a1 + k) * v;
        s2 += LOAD(a2 + k) * v;
        s3 += LOAD(a3 + k) * v;
    }
    s0 = PAIRS(s0, s1);
    s2 = PAIRS(s2, s3);
    *(loose_vec *)y = PAIRS(s0, s2);
    if (whole < n)
        for (i = 0; i < ROWS; i++)
            y[i] += dot_rest(whole, n, row_of(a, i, step), x);
}

#else

static inline void dot_rows(int64_t n, double *y, const double *a, int64_t step, const double *x)
{
    int64_t i;
    for (i = 0; i < ROWS; i++)
        y[i] = dot_row(n, row_of(a, i, step), x);
}

#endif

#if defined(CDIFF_AVX512) && __has_builtin(__builtin_shufflevector)

/* Doubles in a vector, and rows that go together; fewest elements of rows that are quicker so: loads
 * that cross cache lines are slow, and so is the first instruction of this width after others. */
enum { VECTOR = 8, FEWEST_WIDE = 32 };

typedef double wide __attribute__((vector_size(64)));
typedef double loose_wide __attribute__((vector_size(64), aligned(8), may_alias));

#define FIRST_LANES(n) ((__mmask8)((1u << (n)) - 1))
/* Lanes outside a mask are neither read nor written. */
#define LOAD_LANES(mask, p) ((wide)_mm512_maskz_loadu_pd(mask, (const void *)(p)))
#define STORE_LANES(mask, p, v) _mm512_mask_storeu_pd((void *)(p), mask, (__m512d)(v))
/* Sums of neighbours, and of halves of vectors that are 0 4 1 5 of the next. */
#define WIDE_PAIRS(a, b)                                                                          \
    (__builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14)                                     \
     + __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15))
#define WIDE_QUARTERS(a, b)                                                                       \
    (__builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13)                                      \
     + __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15))

/* y[i] = sum over k of a[i][k] x[k] for eight rows, like dot_rows. */
static inline void dot_wide_rows(int64_t n, double *y, const double *a, int64_t step,
                                 const double *x)
{
    const __mmask8 last = FIRST_LANES(n % VECTOR);
    wide s[VECTOR] = {{0}};
    int64_t k;
    int r;
    for (k = 0; k + VECTOR <= n; k += VECTOR) {
        const wide v = *(const loose_wide *)(x + k);
#pragma GCC unroll 8
        for (r = 0; r < VECTOR; r++)
            s[r] += *(const loose_wide *)(row_of(a, r, step) + k) * v;
    }
    if (last) {
        const wide v = LOAD_LANES(last, x + k);
#pragma GCC unroll 8
        for (r = 0; r < VECTOR; r++)
            s[r] += LOAD_LANES(last, row_of(a, r, step) + k) * v;
    }
    s[0] = WIDE_QUARTERS(WIDE_PAIRS(s[0], s[1]), WIDE_PAIRS(s[2], s[3]));
    s[1] = WIDE_QUARTERS(WIDE_PAIRS(s[4], s[5]), WIDE_PAIRS(s[6], s[7]));
    *(loose_wide *)y = WIDE_QUARTERS(s[0], s[1]);
}

/* y += sign times the sum of rows, of n elements, times elements of x. */
CDIFF_LIGHT void add_wide_rows(const int rows, int64_t n, double *y, const double *a, int64_t step,
                               const double *x, int64_t gap, double sign)
{
    const __mmask8 last = FIRST_LANES(n % VECTOR);
    wide f[VECTOR];
    int64_t k;
    int r;
#pragma GCC unroll 8
    for (r = 0; r < rows; r++)
        f[r] = sign * *row_of(x, r, gap) - (wide){0};
    for (k = 0; k + VECTOR <= n; k += VECTOR) {
        wide sum = *(const loose_wide *)(y + k), other = {0};
#pragma GCC unroll 8
        for (r = 0; r < rows; r += 2) {
            sum += *(const loose_wide *)(row_of(a, r, step) + k) * f[r];
            if (r + 1 < rows)
                other += *(const loose_wide *)(row_of(a, r + 1, step) + k) * f[r + 1];
        }
        *(loose_wide *)(y + k) = sum + other;
    }
    if (last) {
        wide sum = LOAD_LANES(last, y + k);
#pragma GCC unroll 8
        for (r = 0; r < rows; r++)
            sum += LOAD_LANES(last, row_of(a, r, step) + k) * f[r];
        STORE_LANES(last, y + k, sum);
    }
}

#endif

/* y = A x: m rows of n neighbouring elements, `step` bytes apart. */
CDIFF_UNROLLED static void rows_kernel(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                        const double *x)
{
    int64_t i;
#ifdef FIRST_LANES
    if (m >= VECTOR && n >= FEWEST_WIDE && step % (int64_t)sizeof(wide) == 0) {
        for (i = 0; i + VECTOR <= m; i += VECTOR)
            dot_wide_rows(n, y + i, row_of(a, i, step), step, x);
        if (i < m) /* the last rows once more with some of those before */
            dot_wide_rows(n, y + m - VECTOR, row_of(a, m - VECTOR, step), step, x);
        return;
    }
#endif
    if (m < ROWS) {
        for (i = 0; i < m; i++)
            y[i] = dot_row(n, row_of(a, i, step), x);
        return;
    }
    for (i = 0; i + ROWS <= m; i += ROWS)
        dot_rows(n, y + i, row_of(a, i, step), step, x);
    if (i < m)
        dot_rows(n, y + m - ROWS, row_of(a, m - ROWS, step), step, x);
}

/* y += what four rows, and what one row, give. */
static inline void add_row_products(int64_t n, double *y, const double *a, int64_t step,
                                    const double *x, int64_t gap, double sign)
{
    const double *p0 = a, *p1 = row_of(a, 1, step);
    const double *p2 = row_of(a, 2, step), *p3 = row_of(a, 3, step);
    const double f0 = sign * *x, f1 = sign * *row_of(x, 1, gap);
    const double f2 = sign * *row_of(x, 2, gap), f3 = sign * *row_of(x, 3, gap);
    int64_t j;
    CDIFF_SIMD
    for (j = 0; j < n; j++)
        y[j] += (f0 * p0[j] + f1 * p1[j]) + (f2 * p2[j] + f3 * p3[j]);
}

static inline void add_row_product(int64_t n, double *y, const double *a, double f)
{
    int64_t j;
    CDIFF_SIMD
    for (j = 0; j < n; j++)
        y[j] += f * a[j];
}

/* y = x A: the sum of m rows of n elements, `step` bytes apart, times elements of x, which are
 * `gap` bytes apart.  It is added to what y holds where `adds` is 1, and subtracted where it is -1. */
static void columns_kernel(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                           const double *x, int64_t gap, int adds)
{
    const double sign = adds < 0 ? -1.0 : 1.0;
    int64_t i = 0;
    if (!adds)
        fill(y, 0.0, n);
#ifdef FIRST_LANES
    if (n >= VECTOR) {
        for (; i + VECTOR <= m; i += VECTOR)
            add_wide_rows(VECTOR, n, y, row_of(a, i, step), step, row_of(x, i, gap), gap, sign);
        for (; i < m; i++)
            add_wide_rows(1, n, y, row_of(a, i, step), step, row_of(x, i, gap), gap, sign);
        return;
    }
#endif
    for (; i < m % ROWS; i++)
        add_row_product(n, y, row_of(a, i, step), sign * *row_of(x, i, gap));
    for (; i < m; i += ROWS)
        add_row_products(n, y, row_of(a, i, step), step, row_of(x, i, gap), gap, sign);
}

#endif
