/* The body of the interpreter, included by each file that compiles it for an instruction set.
 *
 * Knows the generated cases and nothing of where code comes from.  CDIFF_INTERPRET is the name of
 * the function.  With GCC and Clang each case ends in its own indirect jump; elsewhere it is a
 * switch in a loop.
 */
#include "generated/values.h"
#include "machine/interpreter.h"

/* GCC would let cases share their ends, and with them a jump: 4% slower. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-crossjumping")
#endif

/* Only a fused multiply-add in hardware is worth one; the library's takes 20 ns. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(FP_FAST_FMA)
#define FUSED(a, b, c) __builtin_fma(a, b, c)
#else
#define FUSED(a, b, c) ((a) * (b) + (c))
#endif

#define A r[code->a]
#define B r[code->b]
#define C r[code->c]

/* CODE(name, value of enum, expression of A, B, C), for all that an instruction can be. */
#define MACHINE_CODES                                                                      \
    CODE(multiply_add, CODE_MULTIPLY_ADD, FUSED(A, B, C))                                  \
    CODE(multiply_subtract, CODE_MULTIPLY_SUBTRACT, FUSED(A, B, -C))                       \
    CODE(subtract_product, CODE_SUBTRACT_PRODUCT, FUSED(-A, B, C))                         \
    CODE(zmul_add, CODE_ZMUL_ADD, zmul_fused(A, B, C))                                     \
    CODE(zmul_subtract, CODE_ZMUL_SUBTRACT, zmul_fused(A, B, -C))                          \
    CODE(subtract_zmul, CODE_SUBTRACT_ZMUL, subtract_zmul(A, B, C))                        \
    CODE(add_add, CODE_ADD_ADD, A + B + C)

/* zmul without branches: a zero makes both operands 0.0.  GCC turns `a == 0.0` of two doubles into
 * four instructions and a jump, the comparison of vectors into one mask. */
#if defined(__GNUC__)
typedef double Pair __attribute__((vector_size(16)));
typedef int64_t PairMask __attribute__((vector_size(16)));
CDIFF_LIGHT void absorb_zeros(double *a, double *b)
{
    const Pair x = {*a, 0.0}, y = {*b, 0.0};
    const PairMask keep = (x != 0.0) & (y != 0.0);
    *a = ((Pair)((PairMask)x & keep))[0];
    *b = ((Pair)((PairMask)y & keep))[0];
}
#else
CDIFF_LIGHT void absorb_zeros(double *a, double *b)
{
    const int keep = (*a != 0.0) & (*b != 0.0);
    *a = keep ? *a : 0.0;
    *b = keep ? *b : 0.0;
}
#endif

CDIFF_LIGHT double zmul_fused(double a, double b, double c)
{
    absorb_zeros(&a, &b);
    return FUSED(a, b, c);
}

CDIFF_LIGHT double subtract_zmul(double a, double b, double c)
{
    absorb_zeros(&a, &b);
    return FUSED(-a, b, c);
}

CDIFF_LIGHT double zmul_branchless(double a, double b)
{
    absorb_zeros(&a, &b);
    return a * b;
}
#define sv_zmul zmul_branchless

#if defined(__GNUC__)

void CDIFF_INTERPRET(const Code *code, const Code *end, double *r)
{
    static const void *const LABELS[N_CODES] = {
#define CODE(name, which, value) [which] = &&do_##name,
#include "generated/interpreter_cases.h"
        MACHINE_CODES
#undef CODE
    };
    if (code == end)
        return;
    goto *LABELS[code->op];
#define CODE(name, which, value)                                                              \
    do_##name : r[code->y] = value;                                                        \
    if (++code == end)                                                                     \
        return;                                                                            \
    goto *LABELS[code->op];
#include "generated/interpreter_cases.h"
    MACHINE_CODES
#undef CODE
}

#else

void CDIFF_INTERPRET(const Code *code, const Code *end, double *r)
{
    for (; code != end; code++) {
        switch (code->op) {
#define CODE(name, which, value)                                                              \
    case which:                                                                           \
        r[code->y] = value;                                                                \
        break;
#include "generated/interpreter_cases.h"
            MACHINE_CODES
#undef CODE
        default:
            break;
        }
    }
}

#endif
