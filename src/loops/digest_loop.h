/* A digest of bytes, compiled once per instruction set like the kernels.
 *
 * Knows bytes and nothing of arrays; it tells whether memory has changed and is no defence against
 * anybody who wants two contents to look the same.  Fast because the lanes are independent and a
 * step needs no product of 64-bit integers, which AVX2 does not have: it runs at the speed of
 * memory.
 */
#ifndef CDIFF_DIGEST_LOOP_H
#define CDIFF_DIGEST_LOOP_H

#include <stdint.h>
#include <string.h>

#include "loops/kernel_table.h"

/* Each step is one to one in the lane and in the word, so that one changed word is always seen: a
 * product with the odd number 1 + 2**13, and a shift that brings high bits back to low ones. */
CDIFF_LIGHT void digest_step(uint64_t *lanes, const char *data)
{
    uint64_t words[DIGEST_LANES];
    int k;
    memcpy(words, data, sizeof(words));
    CDIFF_SIMD
    for (k = 0; k < DIGEST_LANES; k++) {
        uint64_t x = lanes[k] ^ words[k];
        x += x << 13;
        lanes[k] = x ^ (x >> 29);
    }
}

CDIFF_UNROLLED static void digest_kernel(int64_t n, const char *data, uint64_t *out)
{
    uint64_t lanes[DIGEST_LANES];
    char rest[sizeof(lanes)] = {0};
    const int64_t width = (int64_t)sizeof(lanes);
    int64_t i;
    int k;
    for (k = 0; k < DIGEST_LANES; k++)
        lanes[k] = (uint64_t)n * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)k;
    for (i = 0; i + width <= n; i += width)
        digest_step(lanes, data + i);
    memcpy(rest, data + i, (size_t)(n - i));
    digest_step(lanes, rest);
    memcpy(out, lanes, sizeof(lanes));
}

#endif
