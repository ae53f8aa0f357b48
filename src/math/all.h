/* All of the vector math: one include for a kernel file.
 *
 * `cdm_<name>(a[, b])` is named after the NumPy ufunc and correct for every double. Most are
 * branch-free, so a `#pragma omp simd` loop over them becomes vector code for whatever instruction
 * set is in force (`-m...` or `#pragma GCC target`). For the others, for which
 * CDM_HAS_FAST_<name> is defined as 1, cdm_<name> may branch, and there are two more functions,
 * both branch-free (2: cdm_<name> is branch-free too, the fast version only has fewer cases):
 *     cdm_<name>_fast_ok(a[, b])   1.0 where the fast version is valid, else 0.0
 *     cdm_<name>_fast(a[, b])      the fast version
 * An array kernel works in blocks, sums fast_ok over the block, and runs the fast loop where all
 * elements are in the fast range, else the general one:
 *     double ok = 0; for (i...) ok += cdm_sin_fast_ok(a[i]); if (ok == n) ... else ...
 * These have a fast version: exp log sin cos tan power fmod remainder floor_divide. Without fma, power
 * is the library's also in the fast version, and fast_ok says no.
 *
 * The table in each header bounds the error in units in the last place of the result (1 is the
 * distance to the next double); tests/test_math_ulp.py reads the tables and checks them, with fma
 * and without, on every instruction set of the machine.
 *
 * Everything is `static inline`, depends on no other file of the project, and may be included in
 * several translation units. Compile with -O3 -fno-math-errno -fno-trapping-math
 * -fopenmp-simd; never with -ffast-math, which would remove the error compensation.
 */
#ifndef CDM_ALL_H
#define CDM_ALL_H

#include "arctrig.h"
#include "bits.h"
#include "explog.h"
#include "hyper.h"
#include "power.h"
#include "rounding.h"
#include "special.h"
#include "trig.h"

/* A file that computes one value at a time defines CDM_SCALAR before including this one. Then the
 * functions in which glibc's table lookups and branches are 1.5 to 2.5 times as fast for a single
 * value are glibc's, with errors up to 2.1 ulp; other C libraries differ too much to rely on. */
#if defined(CDM_SCALAR) && defined(__GLIBC__)
#define cdm_exp2(x) exp2(x)
#define cdm_log(x) log(x)
#define cdm_log2(x) log2(x)
#define cdm_arcsinh(x) asinh(x)
#define cdm_arccosh(x) acosh(x)
#define cdm_erf(x) erf(x)
#endif

#endif
