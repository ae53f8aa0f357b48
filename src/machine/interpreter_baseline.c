/* The interpreter for any CPU, and the choice between the two.
 *
 * Knows the names of instruction sets, and nothing of programs.
 */
#include <stdlib.h>
#include <string.h>

#include "loops/kernel_table.h"

#define CDIFF_INTERPRET interpret_baseline
#include "machine/interpreter_loop.h"

const cdiff_value_fn *cdiff_heavy;

#if CDIFF_X86_KERNELS
void interpret_fma(const Code *code, const Code *end, double *r);
#endif

interpret_fn interpreter_select(const char *isa)
{
#if CDIFF_X86_KERNELS
    if (strcmp(isa, "baseline") != 0)
        return interpret_fma;
#endif
    (void)isa;
    return interpret_baseline;
}
