/* The instruction of a program.
 *
 * A program is a flat array of these; the result of instruction i is value i.  This header knows
 * C only.  Sixteen bytes, so that four share a cache line when a transformation walks them.
 */
#ifndef CDIFF_PROGRAM_H
#define CDIFF_PROGRAM_H

#include <stdint.h>

/* op     operator code (ops.h); OP_LEAF is an input, OP_CONST a constant
 * type   index of the value's type in the program (0: a float64 number, 1: the same, weak)
 * a b c  values of up to three operands, -1 where there is none; but
 *          OP_LEAF      a: the number of the input
 *          OP_CONST     a: its place among the numbers (types 0 and 1) or arrays (other types)
 *          structural   c: place of its attributes, -1 without; `where` has none and three operands
 *          any number of operands: a: start in the list of operands, b: how many
 */
typedef struct {
    uint16_t op;
    uint16_t type;
    int32_t a, b, c;
} Instr;

#endif
