/* Rows taken from a table, and rows added to one, at positions that are checked on the way.
 *
 * Knows positions and rows of numbers, nothing of arrays or programs.  Fast because positions are
 * checked by vectors, a block at a time while it is in the first-level cache, so that there is no
 * pass over all of them before; because rows of few numbers are copied without a call; and because
 * rows that will be added to are asked for ahead.  Additions are made in the order of the positions.
 */
#ifndef CDIFF_ROW_LOOPS_H
#define CDIFF_ROW_LOOPS_H

#include "kernel_table.h"

/* Positions of a block, and how far ahead memory is asked for. */
enum { POSITIONS = 512, ROWS_AHEAD = 16 };

/* n positions, where negative ones count from the end, as rows of `count`; negative if one of them
 * is outside. */
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

/* out[i] = p[at[i]] for rows of m numbers, of which p has `count`; 0 if a position is outside.
 * The positions as rows are left in `kept`, unless it is NULL. */
static int take_kernel(int64_t n, int64_t count, int64_t m, const int64_t *at, const double *p,
                       double *out, int64_t *kept)
{
    int64_t rows[POSITIONS], *to, i, some;
    for (i = 0; i < n; i += some) {
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
        add_rows(some, m, rows, g + i * m, out);
    }
    return 1;
}

#endif
