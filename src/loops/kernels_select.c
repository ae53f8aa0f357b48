/* Chooses the kernel table for the CPU that runs now, and kernels for arrays in far memory.
 *
 * Knows the three tables and how to ask the processor, once, at import.  It asks for the two
 * leaves that it reads: `cpuid` leaves a virtual machine, 5 to 50 us each time, and the compiler's
 * __builtin_cpu_supports asks for fifteen.
 */
#include <stdlib.h>
#include <string.h>

#include "loops/kernel_table.h"

int cdiff_quick_divider;

#if CDIFF_X86_KERNELS
#include <cpuid.h>

enum {
    SAVES_YMM = 0x06, /* XCR0: the operating system saves these registers */
    SAVES_ZMM = 0xe6,
    AVX2_BITS = bit_AVX2 | bit_BMI2,
    ALL_FAMILY = 0x0ff00f00,
    ZEN4_FAMILY = 0x00a00f00 /* Zen 3, too, which has no AVX-512 */
};
#define AVX512_BITS (bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL)

/* What of XCR0 and of leaf 7 the kernels care about; false for a CPU that has not even FMA. */
static int read_features(unsigned *saved, unsigned *features)
{
    unsigned highest, a, b, c, d, high;
    const unsigned needed = bit_OSXSAVE | bit_AVX | bit_FMA;
    __cpuid(0, highest, b, c, d);
    if (highest < 7)
        return 0;
    __cpuid(1, a, b, c, d);
    cdiff_quick_divider = (a & ALL_FAMILY) == ZEN4_FAMILY;
    if ((c & needed) != needed)
        return 0;
    __asm__("xgetbv" : "=a"(*saved), "=d"(high) : "c"(0));
    __cpuid_count(7, 0, a, *features, c, d);
    return 1;
}
#endif

const KernelTable *kernels_select(void)
{
#if CDIFF_X86_KERNELS
    const char *wanted = getenv("CDIFF_ISA");
    unsigned saved, features;
    if (wanted && strcmp(wanted, "baseline") == 0)
        return &kernels_baseline;
    if (!read_features(&saved, &features) || (saved & SAVES_YMM) != SAVES_YMM
        || (features & AVX2_BITS) != AVX2_BITS)
        return &kernels_baseline;
    if ((saved & SAVES_ZMM) != SAVES_ZMM || (features & AVX512_BITS) != AVX512_BITS
        || (wanted && strcmp(wanted, "avx2") == 0))
        return &kernels_avx2;
    return &kernels_avx512;
#else
    return &kernels_baseline;
#endif
}

/* Operators that are no more than a few instructions wait for memory: see far_loops.h.  Those that
 * have no kernel there at least load 256 bits at a time. */
ew_fn kernels_far_value(const KernelTable *table, int op, int64_t passing)
{
#if CDIFF_X86_KERNELS
    const ew_fn far = table == &kernels_avx512 ? kernels_far(op, passing) : NULL;
    if (far)
        return far;
    if (table == &kernels_avx512 && OP_SAME_EVERYWHERE[op])
        return kernels_avx2.value[op];
#else
    (void)passing;
#endif
    return table->value[op];
}
