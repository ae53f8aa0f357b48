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
#define reflect_kernel NULL
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

/* Rows whose products are added up by themselves, since the error of a long sum grows with it. */
enum { SUMMED_ROWS = 256 };

/* Column j of the upper triangle T, given T before it and what its vector is times those before. */
static CDIFF_NOINLINE void join_reflection(int j, double tau, wide products, char *t, int64_t ti)
{
    int k, l;
    for (k = 0; k < j; k++) {
        loose_double *row = (loose_double *)(t + k * ti);
        double sum = 0.0;
        for (l = k; l < j; l++)
            sum += row[l] * products[l];
        row[j] = -tau * sum;
    }
    ((loose_double *)(t + j * ti))[j] = tau;
}

/* The reflection that leaves of column j, from row j on, but one number, of LAPACK's sign: *sums holds
 * the products of the rest of that column with all columns, then those of the next one.  0 where a
 * square may be out of range. */
static CDIFF_NOINLINE int reflect_column(int j, int64_t m, __mmask8 all, char *a, int64_t step,
                                         char *r, char *t, int64_t ti, wide *sums)
{
    const __mmask8 before = FIRST_LANES(j), own = (__mmask8)(1u << j);
    const __m512i following = _mm512_set1_epi64(j + 1);
    const wide top = LOAD_LANES(all, a + j * step);
    const double first = top[j], rest = (*sums)[j], square = first * first + rest;
    double last = first, tau = 0.0, inverse = 0.0;
    wide products, taken;
    int64_t i, end;
    if (!((first == 0.0 || square >= FACTOR_SMALL) && square <= FACTOR_LARGE))
        return 0;
    if (rest >= FACTOR_SMALL) {
        last = -copysign(sqrt(square), first);
        tau = (last - first) / last;
        inverse = 1.0 / (first - last);
    } else { /* nothing to reflect, if these are zeros and no small numbers */
        for (i = j + 1; i < m; i++)
            if (((loose_double *)(a + i * step))[j] != 0.0)
                return 0;
    }
    products = top + inverse * *sums;
    join_reflection(j, tau, products, t, ti);
    taken = (wide)_mm512_maskz_mov_pd((__mmask8)~(before | own), (__m512d)(tau * products));
    STORE_LANES(all & ~before, r + j * step,
                (wide)_mm512_mask_mov_pd((__m512d)(top - taken), own, _mm512_set1_pd(last)));
    *sums = (wide){0};
    for (i = j + 1; i < m; i = end) {
        wide part = {0};
        end = m - i > SUMMED_ROWS ? i + SUMMED_ROWS : m;
        for (; i < end; i++) {
            char *row = a + i * step;
            const wide f = inverse * ((loose_double *)row)[j] - (wide){0};
            const wide left = (wide)_mm512_mask_mov_pd((__m512d)(LOAD_LANES(all, row) - f * taken),
                                                       own, (__m512d)f);
            STORE_LANES(all, row, left);
            if (i > j + 1)
                part += (wide)_mm512_permutexvar_pd(following, (__m512d)left) * left;
        }
        *sums += part;
    }
    return 1;
}

static int reflect_kernel(int64_t m, int64_t columns, char *a, int64_t step, char *r, char *t,
                          int64_t ti)
{
    const __mmask8 all = FIRST_LANES(columns);
    wide sums = {0};
    int64_t i, end;
    int j;
    for (i = 1; i < m; i = end) {
        wide part = {0};
        end = m - i > SUMMED_ROWS ? i + SUMMED_ROWS : m;
        for (; i < end; i++) {
            const wide row = LOAD_LANES(all, a + i * step);
            part += row[0] * row;
        }
        sums += part;
    }
    for (j = 0; j < columns; j++)
        if (!reflect_column(j, m, all, a, step, r, t, ti, &sums))
            return 0;
    for (j = 0; j < columns; j++) {
        const wide unit = LOAD_LANES(FIRST_LANES(j), a + j * step);
        STORE_LANES(all, a + j * step,
                    (wide)_mm512_mask_mov_pd((__m512d)unit, (__mmask8)(1u << j),
                                             _mm512_set1_pd(1.0)));
    }
    return 1;
}

#endif

#endif
