/* A loop over every function of src/math, for the tests and the benchmark to call by ctypes.
 *
 * Each loop has the form in which the array kernels of the library use the function, so that what
 * is tested is the vector code and not a scalar call. The file knows the names and nothing else;
 * instruction set and contraction come from the compiler's command line.
 */
#include "all.h"

#define ARGUMENTS \
    int64_t n, double *restrict out, const double *restrict a, const double *restrict b

#define LOOP(name, value)                  \
    void loop_##name(ARGUMENTS) {          \
        (void)b;                           \
        _Pragma("omp simd")                \
        for (int64_t i = 0; i < n; i++)    \
            out[i] = value;                \
    }                                      \
    double one_##name(double x, double y) { \
        const double *a = &x, *b = &y;     \
        int i = 0;                         \
        (void)b;                           \
        return value;                      \
    }

#define UNARY(name) LOOP(name, cdm_##name(a[i]))
#define BINARY(name) LOOP(name, cdm_##name(a[i], b[i]))
#define UNARY_FAST(name) UNARY(name) UNARY(name##_fast) UNARY(name##_fast_ok)
#define BINARY_FAST(name) BINARY(name) BINARY(name##_fast) BINARY(name##_fast_ok)

/* A function in two parts is a fast one here; without fma power has none. */
#ifndef CDM_HAS_PARTS_power
#define cdm_power_first(a, b, lo) (*(lo) = 0.0, pow(a, b))
#define cdm_power_first_ok(a, b, p) ((void)p, 0.0)
#define cdm_power_then(a, b, p, lo) ((void)lo, p)
#endif

#define PARTS(name, parameters, ...)                                  \
    CDM_INLINE double cdm_##name##_fast parameters {                  \
        double second, first = cdm_##name##_first(__VA_ARGS__, &second); \
        return cdm_##name##_then(__VA_ARGS__, first, second);         \
    }                                                                 \
    CDM_INLINE double cdm_##name##_fast_ok parameters {               \
        double second, first = cdm_##name##_first(__VA_ARGS__, &second); \
        return cdm_##name##_first_ok(__VA_ARGS__, first);             \
    }

#define UNARY_PARTS(name) PARTS(name, (double x), x) UNARY_FAST(name)
#define BINARY_PARTS(name) PARTS(name, (double x, double y), x, y) BINARY_FAST(name)

UNARY_FAST(exp) UNARY_FAST(exp2) UNARY(expm1)
UNARY_FAST(log) UNARY_FAST(log2) UNARY_FAST(log10) UNARY_FAST(log1p)
UNARY(sigmoid) UNARY_PARTS(softplus) UNARY_PARTS(log_sigmoid) BINARY(logaddexp) BINARY(logaddexp2)
UNARY_FAST(sin) UNARY_FAST(cos) UNARY_FAST(tan) UNARY(sinc) UNARY(dsinc)
UNARY(arcsin) UNARY(arccos) UNARY(arctan) BINARY(arctan2)
UNARY(sinh) UNARY(cosh) UNARY(tanh) UNARY(tanh_slope)
UNARY_PARTS(arcsinh) UNARY_PARTS(arccosh) UNARY(arctanh)
BINARY_PARTS(power) BINARY(hypot) UNARY(cbrt) UNARY(erf) UNARY_FAST(erfc) UNARY_FAST(gauss)
UNARY(floor) UNARY(ceil) UNARY(trunc) UNARY(rint) UNARY(sign) BINARY(copysign)
BINARY(maximum) BINARY(minimum) BINARY(fmax) BINARY(fmin) BINARY(heaviside)
UNARY(absolute) UNARY(square) UNARY(reciprocal) UNARY(sqrt) UNARY(deg2rad) UNARY(rad2deg)
BINARY_FAST(fmod) BINARY_FAST(remainder) BINARY_FAST(floor_divide)

/* The same of eight numbers at once: a last round of fewer has ones beside them. */
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include "wide.h"

#define WIDE_LOOP(name, value)                                                          \
    void loop_##name(ARGUMENTS) {                                                       \
        for (int64_t i = 0; i < n; i += 8) {                                            \
            __mmask8 few = (__mmask8)(n - i < 8 ? (1 << (n - i)) - 1 : 255);            \
            CdmWide x = _mm512_mask_loadu_pd(_mm512_set1_pd(1.0), few, a + i), first, second; \
            CdmWide y = _mm512_mask_loadu_pd(_mm512_set1_pd(1.0), few, b + i);          \
            (void)first, (void)second, (void)y;                                         \
            _mm512_mask_storeu_pd(out + i, few, value);                                 \
        }                                                                               \
    }

#define WIDE(name) WIDE_LOOP(wide_##name, cdm_wide_##name(x))
#define WIDE2(name) WIDE_LOOP(wide_##name, cdm_wide_##name(x, y))
#define WIDE_PAIR(name)                                               \
    WIDE_LOOP(first_##name, cdm_wide_##name##_pair(x, &second))       \
    WIDE_LOOP(second_##name, (first = cdm_wide_##name##_pair(x, &second), second))

WIDE(exp) WIDE(log) WIDE(sin) WIDE(cos) WIDE(tanh) WIDE(tanh_slope) WIDE(erf) WIDE(erfc) WIDE(gauss)

static CdmWide cdm_wide_power(CdmWide a, CdmWide b) {
    __mmask8 rare;
    CdmWide second, first = cdm_wide_power_first(a, b, &second, &rare);
    return cdm_wide_power_mend(a, b, cdm_wide_power_then(first, second), rare);
}

WIDE2(power) WIDE(log2) WIDE(log10) WIDE(cbrt)
WIDE_PAIR(sin) WIDE_PAIR(tanh) WIDE_PAIR(erf) WIDE_PAIR(erfc)
#endif
