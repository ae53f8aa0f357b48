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

UNARY_FAST(exp) UNARY(exp2) UNARY(expm1) UNARY_FAST(log) UNARY(log2) UNARY(log10) UNARY(log1p)
UNARY(sigmoid) UNARY(log_sigmoid) UNARY(softplus) BINARY(logaddexp) BINARY(logaddexp2)
UNARY_FAST(sin) UNARY_FAST(cos) UNARY_FAST(tan) UNARY(sinc) UNARY(dsinc)
UNARY(arcsin) UNARY(arccos) UNARY(arctan) BINARY(arctan2)
UNARY(sinh) UNARY(cosh) UNARY_FAST(tanh) UNARY_FAST(sech) UNARY(arcsinh) UNARY(arccosh) UNARY(arctanh)
BINARY_FAST(power) BINARY(hypot) UNARY(cbrt) UNARY(erf) UNARY(erfc)
UNARY(floor) UNARY(ceil) UNARY(trunc) UNARY(rint) UNARY(sign) BINARY(copysign)
BINARY(maximum) BINARY(minimum) BINARY(fmax) BINARY(fmin) BINARY(heaviside)
UNARY(absolute) UNARY(square) UNARY(reciprocal) UNARY(sqrt) UNARY(deg2rad) UNARY(rad2deg)
BINARY_FAST(fmod) BINARY_FAST(remainder) BINARY_FAST(floor_divide)
