/* Quotients and square roots in machine code.
 *
 * Writes Newton's method as quotients.h has it, or the divider's instruction; must not know other
 * operators, nor when a round has to be done again (machine_code.h).  Fast because quotients by one
 * number share its reciprocal, that of a root comes from the root's last step, and a quick divider
 * makes as many of them as it can while the rest of a round is computed.
 */
#ifndef CDIFF_QUOTIENTS_CODE_H
#define CDIFF_QUOTIENTS_CODE_H

#include "machine/columns_code.h"
#include "machine/encoding.h"
#include "loops/kernel_table.h"

/* Numbers that lie before the code.  The exponents of operands are at most LARGEST by magnitude:
 * dividing a quotient of such operands by another one still gives none beyond a thousand. */
enum { SURPLUS = 0, LARGEST = 8, NUMBERS_BYTES = 16 };

static void put_numbers(Writer *c)
{
    const double numbers[] = {NEWTON_SURPLUS, 330.0};
    c->numbers = c->p;
    memcpy(c->p, numbers, NUMBERS_BYTES);
    c->p += NUMBERS_BYTES;
}

/* The largest exponent of operands of quotients so far, by magnitude (infinite for 0). */
static void put_range(Writer *c, int a)
{
    put_vectors(c, MAP_0F38, EXPONENT, REG_T0, 0, a, 0, 0);
    put_vectors(c, MAP_0F3A, RANGE, REG_RANGE, REG_RANGE, REG_T0, 0, 0);
    *c->p++ = 0x0b; /* the larger magnitude, without its sign */
}

/* About how many cycles an operator takes that are not the divider's, by Newton's method where it has
 * a choice; how long a quick divider is busy otherwise, and how much that takes of the others. */
enum { QUOTIENT_BUSY = 9, ROOT_BUSY = 16, BUSY_TOO = 3 };

static int cycles_of(const MachineStep *s)
{
    if (s->kind != DO_OPERATOR)
        return s->kind == DO_STORE || s->kind == DO_STORE_PAST || s->kind == DO_STORE_LANE;
    switch (s->op) {
    case OP_SQRT: return 11;
    case OP_DIVIDE: case OP_RECIPROCAL: return 10;
    case SHARED_RECIPROCAL: return 7;
    case SHARING_DIVIDE: case SHARING_RECIPROCAL: return 3;
    default: return 1;
    }
}

/* Does the divider take a quotient or root?  If that is quick, and done before the other units are;
 * of floats always, which it makes twice as fast. */
static int on_divider(Writer *c, const MachineStep *s)
{
    const int busy = s->op == OP_SQRT ? ROOT_BUSY : QUOTIENT_BUSY;
    if (c->single)
        return 1;
    if (!cdiff_quick_divider || c->divider + busy > c->others)
        return 0;
    c->divider += busy;
    c->others -= cycles_of(s) - BUSY_TOO;
    return 1;
}

/* newton_reciprocal() of quotients.h: into REG_T1. */
static void put_reciprocal(Writer *c, int b)
{
    const int guess = REG_T0, error = REG_T1, r = REG_T2;
    put_vectors(c, MAP_0F38, RECIPROCAL_14, guess, 0, b, 0, 0);
    put_move(c, error, REG_ONE);
    put_fnma(c, error, b, guess);
    put_move(c, r, error);
    put_fma(c, r, error, error);
    put_vectors(c, MAP_0F38, FMA_213, r, guess, guess, 0, 0);
    put_move(c, error, REG_ONE);
    put_fnma(c, error, b, r);
    put_with_number(c, ADD, error, error, c->numbers + SURPLUS, 0, -1);
    put_vectors(c, MAP_0F38, FMA_213, error, r, r, 0, 0);
}

/* The rest of newton_quotient(), r being the reciprocal of b. */
static void put_quotient(Writer *c, int y, int a, int b, int r)
{
    const int q = REG_T0, rest = REG_T2;
    if (a == REG_ONE)
        put_move(c, q, r);
    else
        put_product(c, q, a, r);
    put_move(c, rest, a);
    put_fnma(c, rest, b, q);
    put_fma(c, q, rest, r);
    put_move(c, y, q);
}

/* newton_root() of quotients.h. */
static void put_root(Writer *c, int y, int a)
{
    const int g = REG_T0, h = REG_T1, error = REG_T2;
    int k;
    put_vectors(c, MAP_0F38, ROOT_14, h, 0, a, 0, 0);
    put_product(c, g, a, h);
    put_product(c, h, h, REG_HALF);
    for (k = 0; k < 2; k++) {
        put_move(c, error, REG_HALF);
        put_fnma(c, error, g, h);
        put_grow(c, g, error);
        put_grow(c, h, error);
    }
    put_move(c, error, a);
    put_fnma(c, error, g, g);
    put_fma(c, g, error, h);
    put_move(c, y, g);
}

static void put_divide(Writer *c, const MachineStep *s, int a, int b, int quick)
{
    if (!quick || c->point || on_divider(c, s)) {
        put_vectors(c, MAP_0F, DIVIDE, s->y, a, b, 0, 0);
        return;
    }
    put_reciprocal(c, b);
    put_quotient(c, s->y, a, b, REG_T1);
}

static void put_sqrt(Writer *c, const MachineStep *s, int quick)
{
    if (quick && !c->point && !on_divider(c, s)) {
        put_root(c, s->y, s->a);
        c->root = s->y;
    } else {
        put_vectors(c, MAP_0F, SQRT, s->y, 0, s->a, 0, 0);
        c->root = -1;
    }
}

/* The reciprocal of a root from half of it, which has all digits but the last: one step. */
static void put_root_reciprocal(Writer *c, int y, int root)
{
    const int r = REG_T1, error = REG_T0;
    put_vectors(c, MAP_0F, ADD, r, r, r, 0, 0);
    put_move(c, error, REG_ONE);
    put_fnma(c, error, root, r);
    put_with_number(c, ADD, error, error, c->numbers + SURPLUS, 0, -1);
    put_vectors(c, MAP_0F38, FMA_213, error, r, r, 0, 0);
    put_move(c, y, error);
}

/* The reciprocal that quotients by b share, and such a quotient. */
static void put_shared(Writer *c, const MachineStep *s, int quick)
{
    c->exact = -1;
    if (quick && c->root == s->a) {
        put_root_reciprocal(c, s->y, s->a);
    } else if (quick && !on_divider(c, s)) {
        put_reciprocal(c, s->a);
        put_move(c, s->y, REG_T1);
    } else {
        put_divide(c, s, REG_ONE, s->a, 0);
        c->exact = s->y;
    }
}

static void put_sharing(Writer *c, const MachineStep *s, int a, int b, int r, int quick)
{
    if (quick && a == REG_ONE && r == c->exact)
        put_move(c, s->y, r);
    else if (quick)
        put_quotient(c, s->y, a, b, r);
    else
        put_divide(c, s, a, b, 0);
}

#endif
