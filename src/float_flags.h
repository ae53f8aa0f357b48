/* What the processor remembers of floating-point errors, and what a result says of them.
 *
 * Knows the platform and the bits of a double, nothing of operators.  Reading the flags of x86-64
 * takes a nanosecond, since they are those of its vector unit alone; so they are read after each
 * kernel on a small array.  A flag stays up until it is cleared: who clears it has looked.
 */
#ifndef CDIFF_FLOAT_FLAGS_H
#define CDIFF_FLOAT_FLAGS_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
enum { CDIFF_ERRORS = 0x1D }; /* invalid, division by zero, overflow, underflow */
static inline int cdiff_float_errors(void) { return (int)(_mm_getcsr() & CDIFF_ERRORS); }
static inline void cdiff_clear_errors(void) { _mm_setcsr(_mm_getcsr() & ~0x3Fu); }
#else
#include <fenv.h>
enum { CDIFF_ERRORS = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW };
static inline int cdiff_float_errors(void) { return fetestexcept(CDIFF_ERRORS); }
static inline void cdiff_clear_errors(void) { feclearexcept(CDIFF_ERRORS); }
#endif

/* Is it zero, below the normal numbers, infinite or nan?  Its exponent is then the smallest or the
 * largest, and one comparison without a sign finds both. */
static inline int cdiff_is_unusual(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits << 1) - (1ULL << 53) >= 2046ULL << 53;
}

#endif
