/* The innermost parts of factorisations of matrices by rows, on processors with AVX-512.
 *
 * Knows strides in bytes, blocks of up to eight rows or columns, and nothing of arrays; the rest of a
 * factorisation is products (factors.pxi cuts it up).  Fast because the unknowns of eight rows stand
 * in registers while they are solved for, and because a panel of eight columns is one vector a row.
 */
#ifndef CDIFF_FACTOR_LOOPS_H
#define CDIFF_FACTOR_LOOPS_H

#include "loops/matmul_loops.h"

#if !defined(CDIFF_AVX512) || !__has_builtin(__builtin_shufflevector)
#define triangle_kernel NULL
#define panel_kernel NULL
#else

/* Rows of B by `vectors` vectors, the last one with the lanes `last`; l holds the triangle by
 * columns, and the reciprocals of its diagonal. */
CDIFF_LIGHT void triangle_tile(const int vectors, int64_t rows, const double *l, char *b, int64_t bi,
                               __mmask8 last)
{
    wide x[FACTOR_BLOCK][3];
    int i, j, k;
#pragma GCC unroll 8
    for (i = 0; i < FACTOR_BLOCK; i++) {
#pragma GCC unroll 3
        for (j = 0; j < vectors; j++)
            x[i][j] = LOAD_LANES(i >= rows ? 0 : j + 1 < vectors ? 255 : last,
                                 &WIDE_AT(b + (i < rows ? i : 0) * bi, j));
    }
#pragma GCC unroll 8
    for (k = 0; k < FACTOR_BLOCK; k++) {
#pragma GCC unroll 3
        for (j = 0; j < vectors; j++)
            x[k][j] *= l[k * FACTOR_BLOCK + k];
#pragma GCC unroll 8
        for (i = k + 1; i < FACTOR_BLOCK; i++) {
#pragma GCC unroll 3
            for (j = 0; j < vectors; j++)
                x[i][j] -= l[k * FACTOR_BLOCK + i] * x[k][j];
        }
    }
#pragma GCC unroll 8
    for (i = 0; i < FACTOR_BLOCK; i++) {
        if (i >= rows)
            break;
#pragma GCC unroll 3
        for (j = 0; j < vectors; j++)
            STORE_LANES(j + 1 < vectors ? 255 : last, &WIDE_AT(b + i * bi, j), x[i][j]);
    }
}

static void triangle_kernel(int64_t rows, int64_t n, const char *t, int64_t ti, int64_t tk, int unit,
                            char *b, int64_t bi)
{
    double l[FACTOR_BLOCK * FACTOR_BLOCK] = {0};
    int64_t i, k, j = 0;
    for (k = 0; k < rows; k++) {
        l[k * FACTOR_BLOCK + k] = unit ? 1.0 : 1.0 / *(const loose_double *)(t + k * (ti + tk));
        for (i = k + 1; i < rows; i++)
            l[k * FACTOR_BLOCK + i] = *(const loose_double *)(t + i * ti + k * tk);
    }
    for (; j + TILE_COLUMNS <= n; j += TILE_COLUMNS)
        triangle_tile(3, rows, l, b + j * sizeof(double), bi, 255);
    for (; j < n; j += VECTOR)
        triangle_tile(1, rows, l, b + j * sizeof(double), bi,
                      n - j < VECTOR ? FIRST_LANES(n - j) : 255);
}

/* Below its pivot, column j becomes factors, and later ones lose that multiple of the pivot's row; in
 * *at, where the largest element of the next column is.  The size of that. */
CDIFF_LIGHT double eliminate(const int j, int64_t m, __mmask8 all, char *a, int64_t step, int64_t *at)
{
    const wide pivots = LOAD_LANES(all & (__mmask8)~FIRST_LANES(j + 1), a + j * step);
    const double factor = 1.0 / *(loose_double *)(a + j * (step + (int64_t)sizeof(double)));
    double best = -1.0;
    int64_t i;
    for (i = j + 1; i < m; i++) {
        char *row = a + i * step;
        const wide f = factor * ((loose_double *)row)[j] - (wide){0};
        const wide rest = (wide)_mm512_mask_mov_pd((__m512d)(LOAD_LANES(all, row) - f * pivots),
                                                   (__mmask8)(1u << j), (__m512d)f);
        STORE_LANES(all, row, rest);
        /* out of the register: what a masked store has written cannot be read at once */
        if (fabs(rest[(j + 1) % VECTOR]) > best) {
            best = fabs(rest[(j + 1) % VECTOR]);
            *at = i;
        }
    }
    return best;
}

static int panel_kernel(int64_t m, int64_t columns, char *a, int64_t step, int64_t *swaps)
{
    const __mmask8 all = FIRST_LANES(columns);
    double best = -1.0;
    int64_t i, at = 0;
    int j;
    for (i = 0; i < m; i++) {
        const double size = fabs(*(const loose_double *)(a + i * step));
        if (size > best) {
            best = size;
            at = i;
        }
    }
#pragma GCC unroll 8
    for (j = 0; j < FACTOR_BLOCK; j++) {
        wide moved;
        if (j == columns)
            break;
        if (!(best >= FACTOR_SMALL && best <= FACTOR_LARGE))
            return 0;
        swaps[j] = at;
        moved = LOAD_LANES(all, a + j * step);
        STORE_LANES(all, a + j * step, LOAD_LANES(all, a + at * step));
        STORE_LANES(all, a + at * step, moved);
        best = eliminate(j, m, all, a, step, &at);
    }
    return 1;
}

#endif

#endif
