/* Rows taken from a table, and rows added to one, at positions that are checked on the way.
 *
 * Knows positions and rows of numbers, nothing of arrays or programs.  Fast because positions are
 * checked by vectors, a block at a time while it is in the first-level cache, so that there is no
 * pass over all of them before; because rows of few numbers are copied without a call; and because
 * rows that will be added to, and what comes next in order, are asked for ahead.  Additions are made
 * in the order of the positions.
 */
#ifndef CDIFF_ROW_LOOPS_H
#define CDIFF_ROW_LOOPS_H

#include "loops/kernel_table.h"

/* Positions of a block, and how far ahead memory is asked for. */
enum { POSITIONS = 512, ROWS_AHEAD = 16 };
/* Bytes of a cache line, and numbers that no cache near the processor holds. */
enum { LINE = 64, FAR_NUMBERS = 1 << 19 };

/* n positions, where negative ones count from the end, as rows of `count`; negative if one of them
 * is outside.  At -O2 gcc leaves it a loop over numbers, which takes longer than the rows do. */
CDIFF_UNROLLED static int64_t positions_kernel(int64_t n, int64_t count, int64_t *rows,
                                               const int64_t *given)
{
    int64_t i, row, outside = 0;
    CDIFF_SIMD
    for (i = 0; i < n; i++) {
        row = given[i] + (given[i] < 0 ? count : 0);
        outside |= row | (count - 1 - row); /* one of them is negative */
        rows[i] = row;
    }
    return outside;
}

#define EACH_ROW(m_, ahead, assign)                                                               \
    for (i = 0; i < n; i++) {                                                                     \
        const int64_t row = rows[i] * (m_);                                                       \
        ahead;                                                                                    \
        CDIFF_SIMD                                                                                \
        for (k = 0; k < (m_); k++)                                                                \
            assign;                                                                               \
    }

/* The widths that occur most are constants, so that the inner loop is a move or two. */
#define ALL_ROWS(ahead, assign)                                                                   \
    switch (m) {                                                                                  \
    case 1:                                                                                       \
        EACH_ROW(1, ahead, assign)                                                                \
        break;                                                                                    \
    case 2:                                                                                       \
        EACH_ROW(2, ahead, assign)                                                                \
        break;                                                                                    \
    case 3:                                                                                       \
        EACH_ROW(3, ahead, assign)                                                                \
        break;                                                                                    \
    default:                                                                                      \
        EACH_ROW(m, ahead, assign)                                                                \
    }

static inline void take_rows(int64_t n, int64_t m, const int64_t *rows, const double *p,
                             double *out)
{
    int64_t i, k;
    ALL_ROWS((void)0, out[i * m + k] = p[row + k])
}

/* Rows may repeat, so only the numbers of one row are independent. */
static inline void add_rows(int64_t n, int64_t m, const int64_t *rows, const double *g,
                            double *out)
{
    int64_t i, k;
    ALL_ROWS(cdiff_prefetch(out + rows[i + ROWS_AHEAD] * m), out[row + k] += g[i * m + k])
}

/* Memory that is read in order: between rows at random the processor does not foresee it. */
static inline void ask_for_block(const void *p)
{
    int64_t i;
    for (i = 0; i < POSITIONS * (int64_t)sizeof(double); i += LINE)
        cdiff_prefetch((const char *)p + i);
}

#if defined(CDIFF_AVX512)

/* The whole blocks of take_kernel for a large vector, written past the caches, which then hold more
 * of the table; how many numbers, or -1. `out` is on a line. */
static CDIFF_NOINLINE int64_t take_far(int64_t n, int64_t count, const int64_t *at, const double *p,
                                       double *out, int64_t *kept)
{
    int64_t rows[POSITIONS], *to = rows, i, k;
    double block[POSITIONS];
    for (i = 0; i + POSITIONS <= n; i += POSITIONS) {
        if (kept != NULL)
            to = kept + i;
        if (positions_kernel(POSITIONS, count, to, at + i) < 0)
            return -1;
        if (i + 2 * POSITIONS <= n)
            ask_for_block(at + i + POSITIONS);
        take_rows(POSITIONS, 1, to, p, block);
        for (k = 0; k < POSITIONS; k += LINE / (int64_t)sizeof(double))
            _mm512_stream_pd(out + i + k, _mm512_loadu_pd(block + k));
    }
    _mm_sfence();
    return i;
}

#endif

/* out[i] = p[at[i]] for rows of m numbers, of which p has `count`; 0 if a position is outside.
 * The positions as rows are left in `kept`, unless it is NULL. */
static int take_kernel(int64_t n, int64_t count, int64_t m, const int64_t *at, const double *p,
                       double *out, int64_t *kept)
{
    int64_t rows[POSITIONS], *to, i = 0, some;
#if defined(CDIFF_AVX512)
    if (m == 1 && n >= FAR_NUMBERS && (uintptr_t)out % LINE == 0)
        i = take_far(n, count, at, p, out, kept);
    if (i < 0)
        return 0;
#endif
    for (; i < n; i += some) {
        some = n - i < POSITIONS ? n - i : POSITIONS;
        to = kept == NULL ? rows : kept + i;
        if (positions_kernel(some, count, to, at + i) < 0)
            return 0;
        take_rows(some, m, to, p, out + i * m);
    }
    return 1;
}

/* out[at[i]] += g[i] in the order of the positions. */
static int scatter_kernel(int64_t n, int64_t count, int64_t m, const int64_t *at, const double *g,
                          double *out)
{
    int64_t rows[POSITIONS + ROWS_AHEAD], i, some, k;
    for (i = 0; i < n; i += some) {
        some = n - i < POSITIONS ? n - i : POSITIONS;
        if (positions_kernel(some, count, rows, at + i) < 0)
            return 0;
        for (k = some; k < some + ROWS_AHEAD; k++)
            rows[k] = rows[some - 1];
        if (n - i > POSITIONS) {
            ask_for_block(at + i + POSITIONS);
            ask_for_block(g + (i + POSITIONS) * m);
        }
        add_rows(some, m, rows, g + i * m, out);
    }
    return 1;
}

#endif
