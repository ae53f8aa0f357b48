/* Chooses the kernel table for the CPU that runs now.
 *
 * Knows the three tables and how to ask the processor; called once, at import.
 * __builtin_cpu_supports also asks whether the operating system saves the wide registers.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel_table.h"

const KernelTable *kernels_select(void)
{
#if CDIFF_X86_KERNELS
    const char *wanted = getenv("CDIFF_ISA");
    int has_avx2, has_avx512;
    __builtin_cpu_init();
    has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
               && __builtin_cpu_supports("bmi2");
    has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f")
                 && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
                 && __builtin_cpu_supports("avx512bw");
    if (wanted && strcmp(wanted, "baseline") == 0)
        return &kernels_baseline;
    if (has_avx512 && !(wanted && strcmp(wanted, "avx2") == 0))
        return &kernels_avx512;
    if (has_avx2)
        return &kernels_avx2;
#endif
    return &kernels_baseline;
}
