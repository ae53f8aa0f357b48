/* Contiguous numbers of other types as doubles, and doubles rounded to floats.
 *
 * Knows memory only.  Fast because each loop is one the compiler makes vectors of: masks are read
 * at every call of `where`, and every operation on float32 arrays reads and writes floats.
 */
#ifndef CDIFF_WIDENING_H
#define CDIFF_WIDENING_H

#include <stdint.h>

#include "kernel_table.h"

static void widen_bytes(int64_t n, double *out, const uint8_t *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (double)(int32_t)p[i];
}

static void widen_floats(int64_t n, double *out, const float *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (double)p[i];
}

static void narrow_doubles(int64_t n, float *out, const double *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        out[i] = (float)p[i];
}

/* Doubles that floats hold. */
static void round_doubles(int64_t n, double *p)
{
    int64_t i;
    CDIFF_SIMD
    for (i = 0; i < n; i++)
        p[i] = (double)(float)p[i];
}

#endif
