/* Encodings of the few instructions that machine code is made of.
 *
 * Knows bytes, registers and addressing; must not know operators or steps (machine_code.h).  Writes
 * straight into memory that the caller has made large enough.  Source: Intel 64 and IA-32
 * Architectures Software Developer's Manual, volume 2, chapter 2.7 (EVEX) and the pages of the
 * instructions.
 */
#ifndef CDIFF_ENCODING_H
#define CDIFF_ENCODING_H

#include <stdint.h>
#include <string.h>

enum { MAX_STRIDES = 16 };

typedef struct {
    uint8_t *start, *p;
    int point; /* vectors of two numbers, of which the first one counts */
    int length; /* of vectors, as it is encoded */
    int n_strides;
    int32_t strides[MAX_STRIDES]; /* of columns; the places of their points lie before the code */
    int ahead; /* bytes from what is read to what is asked for */
    int looked; /* whether REG_LOOK has something in this round */
    int root; /* the register of a root of which REG_T1 has half the reciprocal, or -1 */
    const uint8_t *numbers; /* where those for quotients are */
    int divider, others; /* cycles that the divider, and other units, take for a round */
    int exact; /* the register of a reciprocal that the divider has made, or -1 */
    int ranged, ranges; /* operands of quotients whose size is looked at, and those still to come */
    int single; /* vectors are of floats, as many as there would be doubles */
} Writer;

/* A constant sequence of bytes. */
#define PUT(c, ...)                                   \
    do {                                              \
        static const uint8_t bytes_[] = {__VA_ARGS__}; \
        put(c, (int)sizeof(bytes_), bytes_);          \
    } while (0)

static void put(Writer *c, int n, const uint8_t *bytes)
{
    memcpy(c->p, bytes, (size_t)n);
    c->p += n;
}

static void put_int32(Writer *c, int64_t v)
{
    const int32_t x = (int32_t)v;
    memcpy(c->p, &x, 4);
    c->p += 4;
}

enum { COMPARE = 0xc2 };

/* Where an opcode is. */
enum { MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3 };

/* How many doubles a vector has. */
enum { OF_TWO = 0, OF_FOUR = 0x20, OF_EIGHT = 0x40 };

/* The beginning of an instruction on vectors of c->length doubles: `reg` is a register of
 * vectors or masks, v another operand, x and b belong to the one that follows; `mask` 0 is none,
 * `zeroing` clears what is masked.  That on floats has no W, and in the first map no 66. */
static void put_evex(Writer *c, int map, int opcode, int reg, int v, int x, int b, int mask,
                     int zeroing)
{
    const uint8_t bytes[] = {
        0x62,
        (uint8_t)(((~reg >> 3 & 1) << 7) | ((~x & 1) << 6) | ((~b & 1) << 5)
                  | ((~reg >> 4 & 1) << 4) | map),
        (uint8_t)(((~v & 15) << 3) | 4 | (!c->single ? 0x81 : map != MAP_0F)),
        (uint8_t)((zeroing << 7) | c->length | ((~v >> 4 & 1) << 3) | mask),
        (uint8_t)opcode,
    };
    put(c, 5, bytes);
}

static void put_vectors(Writer *c, int map, int opcode, int reg, int v, int rm, int mask,
                        int zeroing)
{
    put_evex(c, map, opcode, reg, v, rm >> 4, rm >> 3 & 1, mask, zeroing);
    *c->p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* Quarters of vectors: the k-th one, or those that k tells. */
static void put_quarters(Writer *c, int opcode, int reg, int v, int rm, int mask, int k)
{
    put_vectors(c, MAP_0F3A, opcode, reg, v, rm, mask, 0);
    *c->p++ = (uint8_t)k;
}

static void put_compare(Writer *c, int k, int a, int b, int predicate, int mask)
{
    put_vectors(c, MAP_0F, COMPARE, k, a, b, mask, 0);
    *c->p++ = (uint8_t)predicate;
}

/* [rax + 8 rcx] (of floats 4 rcx), [rax] or [rdx + 8 rcx + offset] in place of the last register. */
static void put_memory(Writer *c, int map, int opcode, int reg, int mask, int zeroing)
{
    put_evex(c, map, opcode, reg, 0, 0, 0, mask, zeroing);
    *c->p++ = (uint8_t)((reg & 7) << 3 | 4);
    *c->p++ = c->single ? 0x88 : 0xc8; /* scale 4 or 8, index rcx, base rax */
}

/* The last put_memory() is one of floats: neither W nor 66, and scale 4. */
static void turn_to_floats(Writer *c)
{
    c->p[-5] &= 0x7e;
    c->p[-1] = 0x88;
}

static void put_number(Writer *c, int reg)
{
    put_evex(c, MAP_0F38, 0x19, reg, 0, 0, 0, 0, 0);
    *c->p++ = (uint8_t)((reg & 7) << 3);
}

static void put_lane(Writer *c, int opcode, int reg, int64_t offset, int moves)
{
    put_evex(c, MAP_0F, opcode, reg, 0, 0, 0, 0, 0);
    if (!moves) { /* [rdx + offset] */
        if (c->point)
            c->p[-3] |= 2; /* the one number: F2 in place of 66 */
        *c->p++ = (uint8_t)(0x80 | (reg & 7) << 3 | 2);
        put_int32(c, offset);
        return;
    }
    *c->p++ = (uint8_t)(0x80 | (reg & 7) << 3 | 4);
    *c->p++ = 0xca; /* scale 8, index rcx, base rdx */
    put_int32(c, offset);
}

/* [rdx + r8 + offset], or another one of the eight registers from r8 on */
static void put_kept(Writer *c, int opcode, int reg, int index, int64_t offset)
{
    put_evex(c, MAP_0F, opcode, reg, 0, 1, 0, 0, 0);
    *c->p++ = (uint8_t)(0x80 | (reg & 7) << 3 | 4);
    *c->p++ = (uint8_t)(index << 3 | 2); /* scale 1, base rdx */
    put_int32(c, offset);
}

/* [rax + index + offset], where a register of vectors holds the index */
static void put_places(Writer *c, int opcode, int reg, int index, int mask, int64_t offset)
{
    put_evex(c, MAP_0F38, opcode, reg, index & 16, index >> 3 & 1, 0, mask, 0);
    *c->p++ = (uint8_t)(0x80 | (reg & 7) << 3 | 4);
    *c->p++ = (uint8_t)((index & 7) << 3); /* scale 1, base rax */
    put_int32(c, offset);
}

/* [rax + offset], where vectors have `length`; v is the other operand, if there is one. */
static void put_near(Writer *c, int map, int opcode, int length, int reg, int v, int64_t offset)
{
    c->length = length;
    put_evex(c, map, opcode, reg, v, 0, 0, 0, 0);
    c->length = OF_EIGHT;
    *c->p++ = (uint8_t)(0x80 | (reg & 7) << 3);
    put_int32(c, offset);
}

/* A vector that lies before the code, in the same memory. */
static void put_literal(Writer *c, int opcode, int reg, const uint8_t *place)
{
    put_evex(c, MAP_0F, opcode, reg, 0, 0, 0, 0, 0);
    *c->p++ = (uint8_t)((reg & 7) << 3 | 5); /* rip */
    put_int32(c, place - (c->p + 4));
}

/* y from a and a number that lies before the code, in all lanes; -1 is no predicate. */
static void put_with_number(Writer *c, int opcode, int y, int a, const uint8_t *place, int mask,
                            int predicate)
{
    put_evex(c, MAP_0F, opcode, y, a, 0, 0, mask, 0);
    c->p[-2] |= 0x10; /* one number for all */
    *c->p++ = (uint8_t)((y & 7) << 3 | 5); /* rip */
    put_int32(c, place - (c->p + 4 + (predicate >= 0)));
    if (predicate >= 0)
        *c->p++ = (uint8_t)predicate;
}

/* mov rax, [rsi + 8 slot] */
static void put_pointer(Writer *c, int64_t slot)
{
    const uint8_t bytes[] = {0x48, 0x8b, 0x86};
    put(c, 3, bytes);
    put_int32(c, 8 * slot);
}

/* Opcodes of 0F, and predicates of comparisons that raise no signal. */
enum { MOVE_IN = 0x10, MOVE_OUT = 0x11, LOW_OUT = 0x13, UNPACK = 0x14, HIGH_IN = 0x16,
       HIGH_OUT = 0x17, MOVE = 0x28, MOVE_PAST = 0x2b, SQRT = 0x51, AND_NOT = 0x55, XOR = 0x57,
       ADD = 0x58, MULTIPLY = 0x59, CONVERT = 0x5a, SUBTRACT = 0x5c, MIN = 0x5d, DIVIDE = 0x5e,
       MAX = 0x5f };
enum { FMA_213 = 0xa8, FMA_231 = 0xb8, FNMA_231 = 0xbc, FMS_231 = 0xba, BLEND = 0x65,
       EXPONENT = 0x42, RECIPROCAL_14 = 0x4c, ROOT_14 = 0x4e, RANGE = 0x50, SPREAD_ONE = 0x59,
       SPREAD_BITS = 0x7c, GATHER = 0x93, SCATTER = 0xa3 };
/* Of 0F3A: a quarter of a vector that is set or read (a half: plus 2), and two quarters of either
 * of two vectors; and all of two vectors, moved to the right by some numbers. */
enum { ALIGN = 0x03, INSERT = 0x18, EXTRACT = 0x19, SHUFFLE = 0x23 };
enum { EQ = 0, UNORDERED = 3, NEQ = 4, ORDERED = 7, LT = 17, LE = 18, NLT = 21, NLE = 22, NGT = 26,
       GE = 29, GT = 30 };

static void put_move(Writer *c, int y, int a)
{
    put_vectors(c, MAP_0F, MOVE, y, 0, a, 0, 0);
}

/* y = y + a b, y - a b, a y + y, and a product */
static void put_fma(Writer *c, int y, int a, int b)
{
    put_vectors(c, MAP_0F38, FMA_231, y, a, b, 0, 0);
}

static void put_fnma(Writer *c, int y, int a, int b)
{
    put_vectors(c, MAP_0F38, FNMA_231, y, a, b, 0, 0);
}

static void put_grow(Writer *c, int y, int a)
{
    put_vectors(c, MAP_0F38, FMA_213, y, a, y, 0, 0);
}

static void put_product(Writer *c, int y, int a, int b)
{
    put_vectors(c, MAP_0F, MULTIPLY, y, a, b, 0, 0);
}

/* Conditions of jumps, and none. */
enum { IF_NOT_ZERO = 5, IF_PARITY = 10, IF_LESS = 12, IF_NOT_LESS = 13, IF_NOT_GREATER = 14,
       ALWAYS };

static void put_jump(Writer *c, int condition, const uint8_t *target)
{
    if (condition == ALWAYS) {
        *c->p++ = 0xe9;
    } else {
        *c->p++ = 0x0f;
        *c->p++ = (uint8_t)(0x80 | condition);
    }
    put_int32(c, target - (c->p + 4));
}

/* Fill in the distance of a jump that was put before its target was known. */
static void land(uint8_t *after_jump, const uint8_t *target)
{
    const int32_t distance = (int32_t)(target - after_jump);
    memcpy(after_jump - 4, &distance, 4);
}

/* A constant in all lanes: mov rax, bits; vpbroadcastq reg, rax. */
static void put_constant(Writer *c, int reg, uint64_t bits)
{
    PUT(c, 0x48, 0xb8);
    memcpy(c->p, &bits, 8);
    c->p += 8;
    put_vectors(c, MAP_0F38, SPREAD_BITS, reg, 0, 0, 0, 0);
}

#endif
