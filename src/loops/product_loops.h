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

/* y = A x: m rows of n neighbouring elements, `step` bytes apart. */
CDIFF_UNROLLED static void rows_kernel(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                        const double *x)
{
    int64_t i;
    if (m < ROWS) {
        for (i = 0; i < m; i++)
            y[i] = dot_row(n, row_of(a, i, step), x);
        return;
    }
    for (i = 0; i + ROWS <= m; i += ROWS)
        dot_rows(n, y + i, row_of(a, i, step), step, x);
    if (i < m) /* the last rows once more with some of those before */
        dot_rows(n, y + m - ROWS, row_of(a, m - ROWS, step), step, x);
}

/* y = x A: the sum of m rows of n elements, `step` bytes apart, times elements of x, which are
 * `gap` bytes apart. */
static void columns_kernel(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                           const double *x, int64_t gap)
{
    int64_t i, j;
    if (m % ROWS || !m) {
        fill(y, 0.0, n);
        for (i = 0; i < m % ROWS; i++) {
            const double *p = row_of(a, i, step);
            const double f = *row_of(x, i, gap);
            CDIFF_SIMD
            for (j = 0; j < n; j++)
                y[j] += f * p[j];
        }
    }
    for (i = m % ROWS; i < m; i += ROWS) {
        const double *p0 = row_of(a, i, step), *p1 = row_of(a, i + 1, step);
        const double *p2 = row_of(a, i + 2, step), *p3 = row_of(a, i + 3, step);
        const double f0 = *row_of(x, i, gap), f1 = *row_of(x, i + 1, gap);
        const double f2 = *row_of(x, i + 2, gap), f3 = *row_of(x, i + 3, gap);
        if (i) {
            CDIFF_SIMD
            for (j = 0; j < n; j++)
                y[j] += (f0 * p0[j] + f1 * p1[j]) + (f2 * p2[j] + f3 * p3[j]);
        } else {
            CDIFF_SIMD
            for (j = 0; j < n; j++)
                y[j] = (f0 * p0[j] + f1 * p1[j]) + (f2 * p2[j] + f3 * p3[j]);
        }
    }
}

#endif
