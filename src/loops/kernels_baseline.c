/* The array kernels for any CPU: the generated loops under the compiler's default target.
 *
 * Knows nothing but the generated file.  On x86-64 the default target is SSE2, two doubles at once.
 */
#define CDIFF_ISA baseline
#include "generated/kernels.h"
