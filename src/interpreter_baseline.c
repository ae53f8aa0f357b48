/* The interpreter for any CPU, and the choice between the two.
 *
 * Knows how to ask the processor, and nothing of programs.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel_table.h"

#define CDIFF_INTERPRET interpret_baseline
#include "interpreter_loop.h"

const cdiff_value_fn *cdiff_heavy;

#if CDIFF_X86_KERNELS
void interpret_fma(const Code *code, const Code *end, double *r);
#endif

interpret_fn interpreter_select(void)
{
    return strcmp(kernels_select()->isa, "baseline") == 0 ? interpret_baseline : interpret_fma;
}
