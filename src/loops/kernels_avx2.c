/* The array kernels for x86 CPUs with AVX2 and FMA: four doubles at once.
 *
 * Knows nothing but the generated file; other processors compile it to nothing.  The target is set
 * by pragma, not by compiler flags, because setuptools gives all files of an extension one set.
 */
#include "loops/kernel_table.h"

#if CDIFF_X86_KERNELS

#include <math.h>
#include <string.h>

#if defined(__clang__)
#define __FMA__ 1 /* an attribute, unlike a flag, does not say so to the math headers */
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2")
#endif

#define CDIFF_ISA avx2
#include "generated/kernels.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else
typedef int cdiff_no_kernels_avx2; /* ISO C wants something in every file */
#endif
