/* Copies of doubles that lie in memory otherwise than they are wanted: backwards, or in columns.
 *
 * Knows memory only.  Fast because they are made two by two, or four by four: a column of eight is
 * read from one line of the cache and goes to the ends of eight rows, which are written side by side.
 * The next lines of these are asked for ahead, since stores that wait for theirs hold up the loads
 * behind them (0.65 of the time for 316 x 316 numbers, 0.6 for 1024 x 1024; Intel Xeon); not where
 * rows are short, of which panels go to a buffer that is in the cache.
 */
#ifndef CDIFF_MOVING_H
#define CDIFF_MOVING_H

#include <stdint.h>
#include <string.h>

#include "loops/kernel_table.h"

#if CDIFF_X86_KERNELS
#include <immintrin.h>
#endif

enum { PANEL_ROWS = 8, LINE_NUMBERS = 8, FEW_COLUMNS = 64 };

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

/* A panel four by four, where the processor has AVX2; returns how many of n columns are done. */
#if CDIFF_X86_KERNELS
__attribute__((target("avx2"))) static int64_t cross_panel(int64_t n, char *out, int64_t down,
                                                           const char *in, int64_t along)
{
    int64_t i, k;
    for (k = 0; k + 4 <= n; k += 4) {
        if (n > FEW_COLUMNS && k % LINE_NUMBERS == 0)
            for (i = 0; i < PANEL_ROWS; i++)
                _mm_prefetch(out + i * down + (k + LINE_NUMBERS) * 8, _MM_HINT_T0);
        for (i = 0; i < PANEL_ROWS; i += 4) {
            const char *const p = in + i * 8 + k * along;
            char *const row = out + i * down + k * 8;
            const __m256d a = _mm256_loadu_pd((const double *)p);
            const __m256d b = _mm256_loadu_pd((const double *)(p + along));
            const __m256d c = _mm256_loadu_pd((const double *)(p + 2 * along));
            const __m256d d = _mm256_loadu_pd((const double *)(p + 3 * along));
            const __m256d ab = _mm256_unpacklo_pd(a, b), ba = _mm256_unpackhi_pd(a, b);
            const __m256d cd = _mm256_unpacklo_pd(c, d), dc = _mm256_unpackhi_pd(c, d);
            _mm256_storeu_pd((double *)row, _mm256_permute2f128_pd(ab, cd, 0x20));
            _mm256_storeu_pd((double *)(row + down), _mm256_permute2f128_pd(ba, dc, 0x20));
            _mm256_storeu_pd((double *)(row + 2 * down), _mm256_permute2f128_pd(ab, cd, 0x31));
            _mm256_storeu_pd((double *)(row + 3 * down), _mm256_permute2f128_pd(ba, dc, 0x31));
        }
    }
    return k;
}
#else
static int64_t cross_panel(int64_t n, char *out, int64_t down, const char *in, int64_t along)
{
    (void)n, (void)out, (void)down, (void)in, (void)along;
    return 0;
}
#endif

/* `rows` rows of n doubles, `down` bytes apart, from n columns that are contiguous and `along` bytes
 * apart; `wide`: the processor has AVX2. */
static void copy_crossed(int64_t rows, int64_t n, char *out, int64_t down, const char *in,
                         int64_t along, int wide)
{
    const int64_t pairs = n & ~(int64_t)1;
    int64_t i, k, done;
    for (; rows > 0; rows -= PANEL_ROWS, out += PANEL_ROWS * down, in += PANEL_ROWS * 8) {
        const int64_t m = rows < PANEL_ROWS ? rows : PANEL_ROWS;
        done = wide && m == PANEL_ROWS ? cross_panel(n, out, down, in, along) : 0;
        for (k = done; k < pairs; k += 2)
            for (i = 0; i + 1 < m; i += 2)
                cross_two(out + i * down + k * 8, down, in + i * 8 + k * along, along);
        for (k = done; k < pairs && m & 1; k++)
            memcpy(out + (m - 1) * down + k * 8, in + (m - 1) * 8 + k * along, 8);
        for (i = 0; i < m && pairs < n; i++)
            memcpy(out + i * down + pairs * 8, in + i * 8 + pairs * along, 8);
    }
}

#endif
