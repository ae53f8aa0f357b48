/* Copies of doubles that lie in memory otherwise than they are wanted: backwards, or in columns.
 *
 * Knows memory only.  Fast because both are made two by two: a column of eight is read from one line
 * of the cache and goes to the ends of eight rows, which are written side by side.
 */
#ifndef CDIFF_MOVING_H
#define CDIFF_MOVING_H

#include <stdint.h>
#include <string.h>

#include "kernel_table.h"

#if CDIFF_X86_KERNELS
#include <emmintrin.h>
#endif

enum { PANEL_ROWS = 8 };

/* out[i] = last[-i] */
static void copy_backwards(int64_t n, double *out, const double *last)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = last[-i];
}

/* Two by two: rows of `out`, `down` bytes apart, from columns of `in`, `along` bytes apart. */
static inline void cross_two(char *out, int64_t down, const char *in, int64_t along)
{
    double *const row = (double *)out, *const next = (double *)(out + down);
    const double *const column = (const double *)in, *const other = (const double *)(in + along);
#if CDIFF_X86_KERNELS
    const __m128d x = _mm_loadu_pd(column), y = _mm_loadu_pd(other);
    _mm_storeu_pd(row, _mm_unpacklo_pd(x, y));
    _mm_storeu_pd(next, _mm_unpackhi_pd(x, y));
#else
    row[0] = column[0];
    row[1] = other[0];
    next[0] = column[1];
    next[1] = other[1];
#endif
}

/* `rows` rows of n doubles, `down` bytes apart, from n columns that are contiguous and `along` bytes
 * apart. */
static void copy_crossed(int64_t rows, int64_t n, char *out, int64_t down, const char *in,
                         int64_t along)
{
    const int64_t pairs = n & ~(int64_t)1;
    int64_t i, k;
    for (; rows > 0; rows -= PANEL_ROWS, out += PANEL_ROWS * down, in += PANEL_ROWS * 8) {
        const int64_t m = rows < PANEL_ROWS ? rows : PANEL_ROWS;
        for (k = 0; k < pairs; k += 2)
            for (i = 0; i + 1 < m; i += 2)
                cross_two(out + i * down + k * 8, down, in + i * 8 + k * along, along);
        for (k = 0; k < pairs && m & 1; k++)
            memcpy(out + (m - 1) * down + k * 8, in + (m - 1) * 8 + k * along, 8);
        for (i = 0; i < m && pairs < n; i++)
            memcpy(out + i * down + pairs * 8, in + i * 8 + pairs * along, 8);
    }
}

#endif
