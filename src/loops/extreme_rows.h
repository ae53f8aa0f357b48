/* Where the least or greatest number of each row is.
 *
 * Knows rows of neighbouring doubles and nothing else.  Fast for short ones, for which NumPy calls a
 * function each: three operations a number, none of which is a branch, and a processor has several rows
 * under way.  A sum that runs beside tells whether there may be a NaN, which comes before all numbers.
 */
#ifndef CDIFF_EXTREME_ROWS_H
#define CDIFF_EXTREME_ROWS_H

#include <stdint.h>

#define EXTREME_ROWS(name, better)                                                                \
    static void name(int64_t rows, int64_t n, const double *p, int64_t *out)                      \
    {                                                                                             \
        int64_t i, k;                                                                             \
        for (i = 0; i < rows; i++, p += n) {                                                      \
            double best = p[0], sum = p[0];                                                       \
            int64_t at = 0;                                                                       \
            for (k = 1; k < n; k++) {                                                             \
                const double x = p[k];                                                            \
                at = x better best ? k : at;                                                      \
                best = x better best ? x : best;                                                  \
                sum += x;                                                                         \
            }                                                                                     \
            for (k = 0; sum != sum && k < n; k++) {                                               \
                if (p[k] != p[k]) {                                                               \
                    at = k;                                                                       \
                    break;                                                                        \
                }                                                                                 \
            }                                                                                     \
            out[i] = at;                                                                          \
        }                                                                                         \
    }

EXTREME_ROWS(least_of_rows, <)
EXTREME_ROWS(greatest_of_rows, >)

#endif
