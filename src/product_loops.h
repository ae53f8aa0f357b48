/* Products of a matrix and a vector, compiled once per instruction set like the kernels.
 *
 * Knows strides in bytes and nothing of arrays.  A BLAS is as fast where it is called from C; from
 * Python its call costs more than such a product of the size that recurrences have.  Four rows go
 * along together, so that each element of the vector is loaded once for four of the matrix.
 */
#ifndef CDIFF_PRODUCT_LOOPS_H
#define CDIFF_PRODUCT_LOOPS_H

#include "kernel_loops.h"

enum { ROWS = 4 };

static inline const double *row_of(const double *a, int64_t i, int64_t step)
{
    return (const double *)((const char *)a + i * step);
}

/* y[i] = sum over k of a[i][k] x[k], for a block of rows. */
static inline void dot_rows(int64_t n, double *y, const double *a0, const double *a1,
                            const double *a2, const double *a3, const double *x)
{
    double s0[LANES] = {0}, s1[LANES] = {0}, s2[LANES] = {0}, s3[LANES] = {0};
    const int64_t whole = n - n % LANES;
    int64_t i, k;
    for (k = 0; k < whole; k += LANES) {
        CDIFF_SIMD
        for (i = 0; i < LANES; i++) {
            s0[i] += a0[k + i] * x[k + i];
            s1[i] += a1[k + i] * x[k + i];
            s2[i] += a2[k + i] * x[k + i];
            s3[i] += a3[k + i] * x[k + i];
        }
    }
    y[0] = sum_lanes(s0), y[1] = sum_lanes(s1), y[2] = sum_lanes(s2), y[3] = sum_lanes(s3);
    for (k = whole; k < n; k++) {
        y[0] += a0[k] * x[k];
        y[1] += a1[k] * x[k];
        y[2] += a2[k] * x[k];
        y[3] += a3[k] * x[k];
    }
}

/* y = A x: m rows of n neighbouring elements, `step` bytes apart. */
static void rows_kernel(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                        const double *x)
{
    double few[ROWS];
    int64_t i, k;
    for (i = 0; i + ROWS <= m; i += ROWS)
        dot_rows(n, y + i, row_of(a, i, step), row_of(a, i + 1, step), row_of(a, i + 2, step),
                 row_of(a, i + 3, step), x);
    if (i < m) { /* the last rows, the last of them several times */
        const double *last = row_of(a, m - 1, step);
        dot_rows(n, few, row_of(a, i, step), i + 1 < m ? row_of(a, i + 1, step) : last,
                 i + 2 < m ? row_of(a, i + 2, step) : last, last, x);
        for (k = 0; i + k < m; k++)
            y[i + k] = few[k];
    }
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
