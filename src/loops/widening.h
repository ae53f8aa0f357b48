/* Contiguous booleans as doubles.
 *
 * Knows memory only.  Fast because the loop is one the compiler makes vectors of: masks are read at
 * every call of `where`.
 */
#ifndef CDIFF_WIDENING_H
#define CDIFF_WIDENING_H

#include <stdint.h>

#include "loops/kernel_table.h"

static void widen_bytes(int64_t n, double *out, const uint8_t *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (double)(int32_t)p[i];
}

#endif
