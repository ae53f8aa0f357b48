/* Steps of machine code, and those of them that move columns of tables.
 *
 * Declares what a step is, and writes the code that brings one, two or four columns side by side into
 * registers, or from there into memory; must not know operators (machine_code.h).  Fast because eight
 * rows are read or written part by part and crossed in registers, where a gather or a scatter would
 * take eight numbers one by one; only a last round of fewer points uses those.
 */
#ifndef CDIFF_COLUMNS_CODE_H
#define CDIFF_COLUMNS_CODE_H

#include <stdint.h>
#include <string.h>

#include "machine/encoding.h"

/* Registers 0 to 22 are for values; these for constants, for what a quotient needs in between, and
 * for what tells whether the quick body was right. */
enum { VALUE_REGISTERS = 23, REG_HALF = 23, REG_T0, REG_T1, REG_T2, REG_RANGE, REG_SIGN, REG_ONE,
       REG_LOOK, REG_ZERO };
/* What a step does besides applying an operator: DO_LOAD_FAR and DO_STORE_PAST are for memory that is
 * in no cache, DO_LOOK looks for NaN, DO_RANGE for what is so large or small that Newton's method
 * fails, DO_LOAD and DO_STORE are of floats where `op` is 1, DO_SHIFT puts `op` points of the vector
 * before in front of a (or behind it, if b is 1), and DO_FETCH asks for the rows of a table that are
 * read (or written, if `op` is 1) two rounds later. */
enum { DO_OPERATOR, DO_LOAD, DO_LOAD_FAR, DO_LOAD_LANE, DO_SPREAD, DO_STORE, DO_STORE_PAST,
       DO_STORE_LANE, DO_GATHER, DO_SCATTER, DO_LOOK, DO_RANGE, DO_SHIFT, DO_FETCH };

/* Operators besides those of the interpreter: what quotients by one number share, and those of them
 * whose last operand that is; what is moved by some points; and what is rounded to float32. */
enum { SHARED_RECIPROCAL = -2, SHARING_RECIPROCAL = -3, SHARING_DIVIDE = -4, SHIFT_BEHIND = -5,
       SHIFT_AHEAD = -6, ROUND_TO_SINGLE = -7 };

typedef struct {
    int16_t kind, op;
    int8_t y, a, b, c; /* registers; of columns, of which `op` says how many there are, one each */
    int32_t slot;      /* of a pointer, or where a lane is in bytes */
    int32_t stride, offset; /* of a column: bytes from point to point (of a lane: or 0), and from the
                             * pointer on */
} MachineStep;

/* Where the points of columns are, for each stride that there is. */
static void put_strides(Writer *c, const MachineStep *steps, int n)
{
    int k, j;
    for (k = 0; k < n; k++) {
        if (steps[k].kind != DO_GATHER && steps[k].kind != DO_SCATTER)
            continue;
        for (j = 0; j < c->n_strides && c->strides[j] != steps[k].stride; j++)
            ;
        if (j < c->n_strides)
            continue;
        c->strides[c->n_strides++] = steps[k].stride;
        for (j = 0; j < 8; j++) {
            const int64_t place = (int64_t)j * steps[k].stride;
            memcpy(c->p, &place, 8);
            c->p += 8;
        }
    }
}

/* The places of eight points of a column. */
static const uint8_t *places_of(const Writer *c, int32_t stride)
{
    int k;
    for (k = 0; c->strides[k] != stride; k++)
        ;
    return c->start + 64 * k;
}

/* From columns into registers, or back, where a round may have less than eight points. */
static void put_some_points(Writer *c, const MachineStep *s, const int *reg)
{
    int k;
    put_literal(c, MOVE_IN, REG_T0, places_of(c, s->stride));
    for (k = 0; k < s->op; k++) {
        PUT(c, 0xc5, 0xf9, 0x90, 0xd1); /* kmovb k2, k1: is cleared on the way */
        if (s->kind == DO_GATHER)
            put_vectors(c, MAP_0F, XOR, reg[k], reg[k], reg[k], 0, 0);
        put_places(c, s->kind == DO_GATHER ? GATHER : SCATTER, reg[k], REG_T0, 2,
                   s->offset + 8 * k);
    }
}

/* Eight rows of one number, two at a time. */
static void put_single(Writer *c, const MachineStep *s, int reg)
{
    int64_t place = s->offset;
    int k;
    for (k = 0; k < 4; k++, place += 2 * (int64_t)s->stride) {
        const int two = k ? REG_T0 : reg;
        if (s->kind == DO_GATHER) {
            put_near(c, MAP_0F38, SPREAD_ONE, OF_TWO, two, 0, place);
            put_near(c, MAP_0F, HIGH_IN, OF_TWO, two, two, place + s->stride);
            if (k)
                put_quarters(c, INSERT, reg, reg, two, 0, k);
        } else {
            if (k)
                put_quarters(c, EXTRACT, reg, 0, two, 0, k);
            put_near(c, MAP_0F, LOW_OUT, OF_TWO, two, 0, place);
            put_near(c, MAP_0F, HIGH_OUT, OF_TWO, two, 0, place + s->stride);
        }
    }
}

/* Two or four numbers of each row are a quarter or a half of a register: every second or fourth row,
 * from `row` on. */
static void put_rows(Writer *c, const MachineStep *s, int reg, int row)
{
    const int n = s->op, in = s->kind == DO_GATHER;
    int k;
    for (k = 0; row < 8; k++, row += n) {
        put_near(c, MAP_0F3A, (in ? INSERT : EXTRACT) + n - 2, OF_EIGHT, reg,
                 !in ? 0 : k ? reg : REG_ZERO, s->offset + (int64_t)row * s->stride);
        *c->p++ = (uint8_t)k;
    }
}

/* Of the quarters of l and m: L0 M0 L2 M2 into y, and L1 M1 L3 M3 into m. */
static void put_woven(Writer *c, int y, int l, int m)
{
    put_move(c, y, l);
    put_quarters(c, SHUFFLE, y, m, m, 4, 0x80);
    put_quarters(c, SHUFFLE, m, l, l, 5, 0x31);
}

/* Eight rows of two or four columns: numbers are crossed in registers, and go by rows. */
static void put_crossed(Writer *c, const MachineStep *s, const int *reg)
{
    const int n = s->op;
    int k;
    if (s->kind == DO_GATHER) {
        for (k = 0; k < n; k++)
            put_rows(c, s, reg[k], k);
        for (k = 0; k < n; k += 2) {
            put_vectors(c, MAP_0F, UNPACK, REG_T0 + k, reg[k], reg[k + 1], 0, 0);
            put_vectors(c, MAP_0F, UNPACK + 1, reg[k + 1], reg[k], reg[k + 1], 0, 0);
            put_move(c, reg[k], REG_T0 + k);
        }
        if (n == 4) {
            put_move(c, REG_T1, reg[1]);
            put_woven(c, reg[0], REG_T0, reg[2]);
            put_woven(c, reg[1], REG_T1, reg[3]);
        }
        return;
    }
    for (k = 0; k < 2; k++) {
        put_vectors(c, MAP_0F, UNPACK + k, REG_T0, reg[0], reg[1], 0, 0);
        if (n == 4) {
            put_vectors(c, MAP_0F, UNPACK + k, REG_T1, reg[2], reg[3], 0, 0);
            put_woven(c, REG_T2, REG_T0, REG_T1);
            put_rows(c, s, REG_T2, k);
        }
        put_rows(c, s, n == 4 ? REG_T1 : REG_T0, n == 4 ? k + 2 : k);
    }
}

/* rax becomes the place of the first of eight points. */
static void put_first_row(Writer *c, const MachineStep *s)
{
    PUT(c, 0x4c, 0x69, 0xc1); /* imul r8, rcx, stride */
    put_int32(c, s->stride);
    PUT(c, 0x4c, 0x01, 0xc0); /* add rax, r8 */
}

/* All lines of eight rows. */
static void put_fetch(Writer *c, const MachineStep *s)
{
    const int64_t rows = 8 * (int64_t)s->stride;
    int64_t at;
    put_first_row(c, s);
    for (at = 0; at < rows; at += 64) {
        if (s->op)
            PUT(c, 0x0f, 0x0d, 0x88); /* prefetchw [rax + ...] */
        else
            PUT(c, 0x0f, 0x18, 0x90); /* prefetcht1 [rax + ...] */
        put_int32(c, 2 * rows + at);
    }
}

/* From one, two or four columns side by side into registers, or back. */
static void put_columns(Writer *c, const MachineStep *s)
{
    const int reg[] = {s->y, s->a, s->b, s->c};
    uint8_t *fewer, *end;
    put_first_row(c, s);
    PUT(c, 0x48, 0x83, 0xff, 0x08); /* cmp rdi, 8 */
    put_jump(c, IF_LESS, c->p);
    fewer = c->p;
    if (s->op == 1)
        put_single(c, s, reg[0]);
    else
        put_crossed(c, s, reg);
    put_jump(c, ALWAYS, c->p);
    end = c->p;
    land(fewer, c->p);
    put_some_points(c, s, reg);
    land(end, c->p);
}

#endif
