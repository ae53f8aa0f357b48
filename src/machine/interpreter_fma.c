/* The interpreter for x86 CPUs with AVX2 and FMA.
 *
 * Knows nothing but the loop; other processors compile it to nothing.  The target is set by pragma,
 * as in kernels_avx2.c.
 */
#include "loops/kernel_table.h"

#if CDIFF_X86_KERNELS

#include <math.h>
#include <string.h>

#if defined(__clang__)
#define __FMA__ 1
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif

#define CDIFF_INTERPRET interpret_fma
#include "machine/interpreter_loop.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else
typedef int cdiff_no_interpreter_fma; /* ISO C wants something in every file */
#endif
