/* The product of a symmetric matrix and a vector, of which the upper triangle is read once, on
 * processors with AVX-512.
 *
 * Knows strides in bytes and nothing of arrays.  Rows and the vector have as many numbers as a whole
 * number of vectors, so nothing is masked but the triangles on the diagonal.  Fast because each
 * vector of A is loaded once for both sums that it belongs to, eight rows at a time.
 */
#ifndef CDIFF_SYMMETRIC_LOOPS_H
#define CDIFF_SYMMETRIC_LOOPS_H

#include "loops/matmul_loops.h"

#if !defined(CDIFF_AVX512) || !__has_builtin(__builtin_shufflevector)
#define symmetric_kernel NULL
#else

/* Adds to y what eight rows from number i on give, and what they give as columns. */
static inline void add_eight_rows(int64_t i, int64_t n, const char *a, int64_t step, const double *x,
                                  double *y)
{
    const wide own = *(const loose_wide *)(x + i);
    wide sums[VECTOR], f[VECTOR], column = *(loose_wide *)(y + i);
    int64_t j;
    int r;
    a += i * step;
#pragma GCC unroll 8
    for (r = 0; r < VECTOR; r++) {
        const char *row = a + r * step + i * (int64_t)sizeof(double);
        const wide right = LOAD_LANES(255 & ~FIRST_LANES(r + 1), row);
        f[r] = x[i + r] - (wide){0};
        sums[r] = right * own + LOAD_LANES(1u << r, row) * f[r];
        column += f[r] * right;
    }
    *(loose_wide *)(y + i) = column;
    for (j = i + VECTOR; j < n; j += VECTOR) {
        const wide v = *(const loose_wide *)(x + j);
        wide left = *(loose_wide *)(y + j);
#pragma GCC unroll 8
        for (r = 0; r < VECTOR; r++) {
            const wide row = *(const loose_wide *)(a + r * step + j * (int64_t)sizeof(double));
            sums[r] += row * v;
            left += f[r] * row;
        }
        *(loose_wide *)(y + j) = left;
    }
#pragma GCC unroll 8
    for (r = 0; r < VECTOR; r++)
        y[i + r] += _mm512_reduce_add_pd((__m512d)sums[r]);
}

/* y = A x from the whole vector of number `first` on; x has zeros before that number. */
static void symmetric_kernel(int64_t first, int64_t n, const char *a, int64_t step, const double *x,
                             double *y)
{
    const int64_t begin = first - first % VECTOR;
    int64_t i;
    memset(y + begin, 0, (size_t)(n - begin) * sizeof(double));
    for (i = begin; i < n; i += VECTOR)
        add_eight_rows(i, n, a, step, x, y);
}

#endif

#endif
