/* The one-point gear: straight-line code over registers that hold doubles.
 *
 * Declares an instruction and the function that runs a stretch of them.  Knows operator codes and
 * nothing of programs, nodes or Python.  Fast because an instruction is twenty bytes that are read
 * in order, because each case jumps to the next one by itself (so that the processor predicts each
 * of these jumps from its own history), and because products and sums that belong together are one
 * instruction.
 */
#ifndef CDIFF_INTERPRETER_H
#define CDIFF_INTERPRETER_H

#include <stdint.h>

#include "generated/ops.h"

/* y: the register of the result; a, b, c: those of the operands, in the order of the table's row.
 * Operands that an operator does not have are not read. */
typedef struct {
    uint16_t op;
    uint16_t flags;
    int32_t y, a, b, c;
} Code;

/* Beyond the table: what two rows in sequence compute.  Rounded once where the processor has fused
 * multiply-add, else like the two rows. */
enum {
    CODE_MULTIPLY_ADD = N_OPS, /* a*b + c */
    CODE_MULTIPLY_SUBTRACT,    /* a*b - c */
    CODE_SUBTRACT_PRODUCT,     /* c - a*b */
    CODE_ZMUL_ADD,             /* the same with zmul(a, b) for a*b */
    CODE_ZMUL_SUBTRACT,
    CODE_SUBTRACT_ZMUL,
    CODE_ADD_ADD,              /* a + b + c */
    N_CODES
};

/* Run code up to end; r are the registers. */
typedef void (*interpret_fn)(const Code *code, const Code *end, double *r);

/* The values of the heavy operators, by code: the same functions that the rest of the core calls,
 * so that both compute the same to the last bit.  To be set before the first run. */
typedef double (*cdiff_value_fn)(double a, double b);
extern const cdiff_value_fn *cdiff_heavy;

/* The interpreter that goes with the array kernels of this instruction set. */
interpret_fn interpreter_select(const char *isa);

#endif
