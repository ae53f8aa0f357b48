/* Machine code for AVX-512: a loop over points that keeps what it computes in registers.
 *
 * Knows which instructions (encoding.h) make an operator or a step, and the system's memory for
 * code; must not know programs (registers.pxi chooses steps and registers).  Fast because an operator
 * is one instruction on eight numbers: no call, no load and no store in between.
 *
 * The code is a function of (points, pointers, lanes): rdi counts the points that are left, rsi are
 * the pointers, rdx is where the lanes are, rcx the points done; rax holds one pointer at a time, and
 * r9 tells whether results can be stored past the caches; of the two vectors that a shift keeps, r10
 * tells which one is that of the round before, and r11 the other one, so that a round can be done
 * again.
 * k1 has a bit for each point of this round, so that memory of others is neither read nor written;
 * what is computed for them beside the points is not looked at; k4 and k5 have the odd and the even
 * quarters of a vector.
 * Two bodies do the same: the quick one takes a plain product for one in which a zero absorbs,
 * which differs only where the product is NaN, and divides by Newton's method (see quotients.h);
 * whatever leaves it is looked at for NaN, operands of quotients for their size, and the exact body
 * does a round again where that fails.  Where the divider is quick, the quick body leaves it as many
 * quotients and roots as it makes while the other units do the rest.
 */
#ifndef CDIFF_MACHINE_CODE_H
#define CDIFF_MACHINE_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "machine/columns_code.h"
#include "machine/encoding.h"
#include "machine/interpreter.h"
#include "loops/kernel_table.h"
#include "machine/quotients_code.h"

#if defined(__x86_64__) && (defined(__linux__) || defined(__APPLE__)) && CDIFF_X86_KERNELS
#define CDIFF_MACHINE_CODE 1
#include <sys/mman.h>
#include <xmmintrin.h>
#include <unistd.h>
#else
#define CDIFF_MACHINE_CODE 0
#endif

typedef void (*native_fn)(int64_t n, char **pointers, char *lanes);

enum { AHEAD = 4096 }; /* bytes: a page, since the processor foresees no further than its end */

enum { MAX_STEP_BYTES = 160, MAX_COLUMNS_BYTES = 512, FRAME_BYTES = 512 + 64 * 16 };

static void put_zmul(Writer *c, int y, int a, int b, int quick)
{
    if (!quick) {
        put_compare(c, 2, a, REG_ZERO, NEQ, 0);
        put_compare(c, 2, b, REG_ZERO, NEQ, 2);
        put_vectors(c, MAP_0F, MULTIPLY, y, a, b, 2, 1);
    } else if (y == a || y == b) {
        put_vectors(c, MAP_0F38, FMA_213, y, y == a ? b : a, REG_ZERO, 0, 0);
    } else {
        put_vectors(c, MAP_0F, XOR, y, y, y, 0, 0);
        put_vectors(c, MAP_0F38, FMA_231, y, a, b, 0, 0);
    }
}

static void put_comparison(Writer *c, int y, int a, int b, int predicate)
{
    put_compare(c, 2, a, b, predicate, 0);
    put_vectors(c, MAP_0F, MOVE, y, 0, REG_ONE, 2, 1);
}

/* The greater (or smaller) of two; a where that is NaN, for which the instruction would take b. */
static void put_extreme(Writer *c, int opcode, int y, int a, int b)
{
    put_compare(c, 2, a, a, y == a ? ORDERED : UNORDERED, 0);
    put_vectors(c, MAP_0F, opcode, y, a, b, y == a ? 2 : 0, 0);
    if (y != a)
        put_vectors(c, MAP_0F, MOVE, y, 0, a, 2, 0);
}

/* a where that is a number and the comparison with b holds or b is NaN, else b. */
static void put_extreme_number(Writer *c, int predicate, int y, int a, int b)
{
    put_compare(c, 2, a, a, ORDERED, 0);
    put_compare(c, 2, a, b, predicate, 2);
    put_vectors(c, MAP_0F38, BLEND, y, b, a, 2, 0);
}

/* Nonzero and zero lanes of one register choose between two others, or between one and zero. */
static void put_where(Writer *c, int y, int chooser, int a, int b)
{
    put_compare(c, 2, chooser, REG_ZERO, NEQ, 0);
    put_vectors(c, MAP_0F38, BLEND, y, b, a, 2, 0);
}

/* An operator where a comparison holds, 0 elsewhere. */
static void put_guarded(Writer *c, int opcode, int y, int a, int b, int left, int right)
{
    put_compare(c, 2, left, right, NEQ, 0);
    put_vectors(c, MAP_0F, opcode, y, a, b, 2, 1);
}

/* a b + z, a b - z or z - a b, rounded once: `grow` adds the product to z, and `grow` - 16 gives
 * the same in the register of a.  Where a zero absorbs, z is left, to which 0 is added before (or
 * from which it is taken: `start`) so that its zeros are positive. */
static void put_fused(Writer *c, const MachineStep *s, int start, int grow, int absorbs, int quick)
{
    const int over_operand = s->y == s->a || s->y == s->b, masked = absorbs && !quick;
    int sum = over_operand ? REG_T0 : s->y;
    if (masked) {
        put_compare(c, 2, s->a, REG_ZERO, NEQ, 0);
        put_compare(c, 2, s->b, REG_ZERO, NEQ, 2);
    }
    if (start != MOVE)
        put_vectors(c, MAP_0F, start, sum, REG_ZERO, s->c, 0, 0);
    else if (over_operand && !masked)
        sum = s->c;
    else if (sum != s->c)
        put_move(c, sum, s->c);
    if (over_operand && !masked) {
        put_vectors(c, MAP_0F38, grow - 16, s->y, s->y == s->a ? s->b : s->a, sum, 0, 0);
        return;
    }
    put_vectors(c, MAP_0F38, grow, sum, s->a, s->b, masked ? 2 : 0, 0);
    if (over_operand)
        put_move(c, s->y, sum);
}

/* To floats and back: opcode 5A, by its prefixes. */
static void put_rounded(Writer *c, int y, int a)
{
    put_vectors(c, MAP_0F, CONVERT, y, 0, a, 0, 0);
    put_vectors(c, MAP_0F, CONVERT, y, 0, y, 0, 0);
    c->p[-4] &= 0x7e; /* from floats: neither W nor 66 */
}

static void put_operator(Writer *c, const MachineStep *s, int quick)
{
    const int y = s->y, a = s->a, b = s->b;
    switch (s->op) {
    case CODE_MULTIPLY_ADD: put_fused(c, s, MOVE, FMA_231, 0, quick); break;
    case CODE_MULTIPLY_SUBTRACT: put_fused(c, s, MOVE, FMS_231, 0, quick); break;
    case CODE_SUBTRACT_PRODUCT: put_fused(c, s, MOVE, FNMA_231, 0, quick); break;
    case CODE_ZMUL_ADD: put_fused(c, s, ADD, FMA_231, 1, quick); break;
    case CODE_ZMUL_SUBTRACT: put_fused(c, s, SUBTRACT, FMA_231, 1, quick); break;
    case CODE_SUBTRACT_ZMUL: put_fused(c, s, MOVE, FNMA_231, 1, quick); break;
    case CODE_ADD_ADD:
        put_vectors(c, MAP_0F, ADD, REG_T0, a, b, 0, 0);
        put_vectors(c, MAP_0F, ADD, y, REG_T0, s->c, 0, 0);
        break;
    case OP_ADD: put_vectors(c, MAP_0F, ADD, y, a, b, 0, 0); break;
    case OP_SUBTRACT: put_vectors(c, MAP_0F, SUBTRACT, y, a, b, 0, 0); break;
    case OP_MULTIPLY: put_product(c, y, a, b); break;
    case OP_SQUARE: put_product(c, y, a, a); break;
    case OP_DIVIDE: put_divide(c, s, a, b, quick); break;
    case OP_RECIPROCAL: put_divide(c, s, REG_ONE, a, quick); break;
    case SHARED_RECIPROCAL: put_shared(c, s, quick); break;
    case SHARING_RECIPROCAL: put_sharing(c, s, REG_ONE, a, b, quick); break;
    case SHARING_DIVIDE: put_sharing(c, s, a, b, s->c, quick); break;
    case OP_SQRT: put_sqrt(c, s, quick); break;
    case OP_NEGATIVE: put_vectors(c, MAP_0F, XOR, y, a, REG_SIGN, 0, 0); break;
    case OP_ABSOLUTE: put_vectors(c, MAP_0F, AND_NOT, y, REG_SIGN, a, 0, 0); break;
    case OP_POSITIVE:
    case OP_CAST: put_move(c, y, a); break;
    case ROUND_TO_SINGLE:
        if (!c->single)
            put_rounded(c, y, a);
        else if (y != a)
            put_move(c, y, a);
        break;
    case OP_ZMUL: put_zmul(c, y, a, b, quick); break;
    case OP_SAFE_DIVIDE: put_guarded(c, DIVIDE, y, a, b, b, REG_ZERO); break;
    case OP_SAFE_SUBTRACT: put_guarded(c, SUBTRACT, y, a, b, a, b); break;
    case OP_MAXIMUM: put_extreme(c, MAX, y, a, b); break;
    case OP_MINIMUM: put_extreme(c, MIN, y, a, b); break;
    case OP_FMAX: put_extreme_number(c, NLT, y, a, b); break;
    case OP_FMIN: put_extreme_number(c, NGT, y, a, b); break;
    case OP_RELU: put_compare(c, 2, a, REG_ZERO, NLE, 0);
        put_vectors(c, MAP_0F, MOVE, y, 0, a, 2, 1);
        break;
    case OP_WHERE: put_where(c, y, a, b, s->c); break;
    case OP_LESS: put_comparison(c, y, a, b, LT); break;
    case OP_LESS_EQUAL: put_comparison(c, y, a, b, LE); break;
    case OP_GREATER: put_comparison(c, y, a, b, GT); break;
    case OP_GREATER_EQUAL: put_comparison(c, y, a, b, GE); break;
    case OP_EQUAL: put_comparison(c, y, a, b, EQ); break;
    default: put_comparison(c, y, a, b, NEQ); break;
    }
}

/* What machine code does with an operator: nothing, a formula through which NaN goes, one that goes
 * by its first operand, one that may swallow NaN, a quotient or root, or a product in which a zero
 * absorbs. */
enum { NOT_NATIVE, NATIVE, NATIVE_CHOOSES, NATIVE_SWALLOWS, NATIVE_DIVIDES, NATIVE_ABSORBS };

static int native_kind(int op)
{
    switch (op) {
    case OP_ADD: case OP_SUBTRACT: case OP_MULTIPLY: case OP_SQUARE: case OP_NEGATIVE:
    case OP_ABSOLUTE: case OP_POSITIVE:
    case OP_CAST: case OP_SAFE_DIVIDE: case OP_SAFE_SUBTRACT: case OP_MAXIMUM: case OP_MINIMUM:
    case OP_RELU: case ROUND_TO_SINGLE: case CODE_MULTIPLY_ADD: case CODE_MULTIPLY_SUBTRACT:
    case CODE_SUBTRACT_PRODUCT: case CODE_ADD_ADD: return NATIVE;
    case OP_DIVIDE: case OP_RECIPROCAL: case OP_SQRT: case SHARED_RECIPROCAL:
    case SHARING_RECIPROCAL: case SHARING_DIVIDE: return NATIVE_DIVIDES;
    case OP_WHERE: return NATIVE_CHOOSES;
    case OP_ZMUL: case CODE_ZMUL_ADD: case CODE_ZMUL_SUBTRACT: case CODE_SUBTRACT_ZMUL:
        return NATIVE_ABSORBS;
    case SHIFT_BEHIND: case SHIFT_AHEAD:
    case OP_FMAX: case OP_FMIN: case OP_LESS: case OP_LESS_EQUAL: case OP_GREATER:
    case OP_GREATER_EQUAL: case OP_EQUAL: case OP_NOT_EQUAL: return NATIVE_SWALLOWS;
    default: return NOT_NATIVE;
    }
}

/* Past the caches where r9 is 0: memory that nobody reads soon is not read before it is written. */
static void put_store_past(Writer *c, int reg)
{
    PUT(c, 0x45, 0x85, 0xc9, 0x75, 0x09); /* test r9d, r9d; jnz to the store under a mask */
    put_memory(c, MAP_0F, MOVE_PAST, reg, 0, 0);
    PUT(c, 0xeb, 0x07); /* jmp over it */
    put_memory(c, MAP_0F, MOVE_OUT, reg, 1, 0);
}

static void put_store_floats(Writer *c, int reg)
{
    put_vectors(c, MAP_0F, CONVERT, REG_T0, 0, reg, 0, 0);
    c->length = OF_FOUR;
    put_memory(c, MAP_0F, MOVE_OUT, REG_T0, 1, 0);
    c->length = OF_EIGHT;
    turn_to_floats(c);
}

static void set_single(Writer *c, int single)
{
    c->single = single;
    c->length = single ? OF_FOUR : OF_EIGHT;
}

/* Numbers and lanes, which other code reads and writes, are doubles also where registers hold floats. */
static void put_number_or_lane(Writer *c, const MachineStep *s)
{
    const int single = c->single;
    if (single && s->kind == DO_STORE_LANE) {
        c->length = OF_EIGHT;
        put_vectors(c, MAP_0F, CONVERT, REG_T0, 0, s->a, 0, 0);
    }
    if (single)
        set_single(c, 0);
    if (s->kind == DO_STORE_LANE)
        put_lane(c, MOVE_OUT, single ? REG_T0 : s->a, s->slot, s->stride);
    else if (s->kind == DO_LOAD_LANE)
        put_lane(c, single ? CONVERT : MOVE_IN, s->y, s->slot, s->stride);
    else
        put_number(c, s->y);
    if (single && s->kind == DO_SPREAD)
        put_vectors(c, MAP_0F, CONVERT, s->y, 0, s->y, 0, 0);
    if (single)
        set_single(c, 1);
}

/* r9 becomes 0 where all rounds have eight points and all that is stored past the caches begins with
 * a cache line. */
static void put_past(Writer *c, const MachineStep *steps, int n)
{
    int k;
    PUT(c, 0x49, 0x89, 0xf9, 0x49, 0xc1, 0xe1, 0x03); /* mov r9, rdi; shl r9, 3 */
    for (k = 0; k < n; k++) {
        if (steps[k].kind == DO_STORE_PAST) {
            PUT(c, 0x4c, 0x0b, 0x8e); /* or r9, [rsi + 8 slot] */
            put_int32(c, 8 * (int64_t)steps[k].slot);
        }
    }
    PUT(c, 0x41, 0x83, 0xe1, 0x3f); /* and r9d, 63 */
}

/* Points go up from 0, or down from the end. */
static int goes_down(const MachineStep *steps, int n)
{
    int k;
    for (k = 0; k < n && steps[k].kind != DO_SHIFT; k++)
        ;
    return k < n && steps[k].b;
}

/* The vector before and this one, as one of sixteen numbers, of which eight are taken. */
static void put_shift(Writer *c, const MachineStep *s)
{
    put_kept(c, MOVE_IN, REG_T0, 2, s->slot);
    put_kept(c, MOVE_OUT, s->a, 3, s->slot);
    put_quarters(c, ALIGN, s->y, s->b ? REG_T0 : s->a, s->b ? s->a : REG_T0, 0,
                 s->b ? s->op : 8 - s->op);
}

/* Zero where a register has numbers, NaN for what is infinite or NaN: a difference in the place of
 * REG_LOOK, others added to it, or to the largest exponent, which a later one would put NaN out of. */
static void put_look(Writer *c, int a)
{
    if (c->ranged && !c->ranges) {
        put_fma(c, REG_RANGE, a, REG_ZERO);
        return;
    }
    if (c->looked)
        put_fma(c, REG_LOOK, a, REG_ZERO);
    else
        put_vectors(c, MAP_0F, SUBTRACT, REG_LOOK, a, a, 0, 0);
    c->looked = 1;
}

/* After a step: is there still half the reciprocal of a root in REG_T1, and the divider's reciprocal
 * where it was? */
static void note_kept(Writer *c, const MachineStep *s)
{
    const int keeps = s->kind == DO_OPERATOR
        ? s->op == OP_ADD || s->op == OP_SUBTRACT || s->op == OP_MULTIPLY || s->op == OP_SQUARE
        : s->kind != DO_GATHER && s->kind != DO_SCATTER && s->kind != DO_SHIFT;
    const int writes = s->kind <= DO_SPREAD;
    if (s->kind == DO_GATHER || s->kind == DO_SHIFT
        || (writes && s->y == c->exact && s->op != SHARED_RECIPROCAL))
        c->exact = -1;
    if (s->kind == DO_OPERATOR && s->op == OP_SQRT)
        return; /* put_sqrt() knows */
    if (!keeps || (writes && s->y == c->root))
        c->root = -1;
}

static void put_step(Writer *c, const MachineStep *s, int quick)
{
    if (s->kind != DO_OPERATOR && s->kind <= DO_SCATTER && s->kind != DO_LOAD_LANE
        && s->kind != DO_STORE_LANE)
        put_pointer(c, s->slot);
    switch (s->kind) {
    case DO_OPERATOR: put_operator(c, s, quick); break;
    case DO_LOAD:
        put_memory(c, MAP_0F, s->op && !c->single ? CONVERT : MOVE_IN, s->y, 1, 1);
        if (s->op && !c->single)
            turn_to_floats(c);
        break;
    case DO_LOAD_FAR: put_memory(c, MAP_0F, MOVE_IN, s->y, 1, 1);
        PUT(c, 0x0f, 0x18, 0x94, 0xc8); /* prefetcht1 [rax + 8 rcx + AHEAD] */
        put_int32(c, c->ahead);
        break;
    case DO_STORE:
        if (s->op && !c->single)
            put_store_floats(c, s->a);
        else
            put_memory(c, MAP_0F, MOVE_OUT, s->a, 1, 0);
        break;
    case DO_STORE_PAST: put_store_past(c, s->a); break;
    case DO_SPREAD:
    case DO_LOAD_LANE:
    case DO_STORE_LANE: put_number_or_lane(c, s); break;
    case DO_GATHER:
    case DO_SCATTER: put_columns(c, s); break;
    case DO_SHIFT: put_shift(c, s); break;
    case DO_FETCH:
        put_pointer(c, s->slot);
        put_fetch(c, s);
        break;
    case DO_RANGE:
        if (quick)
            put_range(c, s->a);
        c->ranges--;
        break;
    default:
        if (quick)
            put_look(c, s->a);
    }
    note_kept(c, s);
}

/* Constants, and all points of a round; returns what to land when the end is known: no points. */
static uint8_t *put_entry(Writer *c, int down)
{
    uint8_t *none;
    PUT(c, 0x45, 0x31, 0xd2, 0x41, 0xbb, 64, 0, 0, 0); /* xor r10d, r10d; mov r11d, 64 */
    if (down)
        PUT(c, 0x48, 0x8d, 0x4f, 0xf8); /* lea rcx, [rdi - 8] */
    else
        PUT(c, 0x31, 0xc9); /* xor ecx, ecx */
    PUT(c, 0x48, 0x85, 0xff); /* test rdi, rdi */
    put_jump(c, IF_NOT_GREATER, c->p);
    none = c->p;
    put_constant(c, REG_SIGN, UINT64_C(1) << (c->single ? 31 : 63));
    put_constant(c, REG_ONE, c->single ? 0x3f800000 : UINT64_C(0x3ff0000000000000));
    put_constant(c, REG_HALF, UINT64_C(0x3fe0000000000000)); /* of Newton's method for doubles */
    put_constant(c, REG_ZERO, 0);
    PUT(c, 0xb8, 0xff, 0, 0, 0, 0xc5, 0xf9, 0x92, 0xc8); /* mov eax, 255; kmovb k1, eax */
    PUT(c, 0xb8, 0xcc, 0, 0, 0, 0xc5, 0xf9, 0x92, 0xe0); /* the same with k4, 0xcc */
    PUT(c, 0xb8, 0x33, 0, 0, 0, 0xc5, 0xf9, 0x92, 0xe8); /* and k5, 0x33 */
    return none;
}

/* One round by the quick body, or by the exact one if there is no other; returns the jump to the
 * exact one. */
static uint8_t *put_round(Writer *c, const MachineStep *steps, int n, int look)
{
    int k;
    c->looked = c->ranged = c->divider = c->others = 0;
    c->root = c->exact = -1;
    for (k = 0; k < n; k++) {
        c->others += cycles_of(&steps[k]);
        c->ranged += steps[k].kind == DO_RANGE;
        if (steps[k].kind == DO_OPERATOR && steps[k].op == OP_SAFE_DIVIDE)
            c->divider += QUOTIENT_BUSY;
    }
    if (look)
        put_move(c, REG_RANGE, REG_ZERO);
    c->ranges = c->ranged;
    for (k = 0; k < n; k++)
        put_step(c, &steps[k], look);
    if (!look || !(c->ranged || c->looked))
        return NULL;
    /* One comparison, since what makes masks takes the time of a product. */
    if (c->ranged && c->looked)
        put_vectors(c, MAP_0F, ADD, REG_RANGE, REG_RANGE, REG_LOOK, 0, 0);
    if (c->ranged)
        put_with_number(c, COMPARE, 2, REG_RANGE, c->numbers + LARGEST, 1, NLE);
    else
        put_compare(c, 2, REG_LOOK, REG_LOOK, UNORDERED, 1);
    PUT(c, 0xc5, 0xf9, 0x98, 0xd2); /* kortestb k2, k2 */
    put_jump(c, IF_NOT_ZERO, c->p);
    return c->p;
}

/* On to the next round, which begins at `top`; `fewer` leads to one of less than eight points. */
static void put_next(Writer *c, const uint8_t *top, uint8_t *fewer, int down)
{
    uint8_t *end;
    PUT(c, 0x4d, 0x87, 0xda); /* xchg r10, r11 */
    if (down)
        PUT(c, 0x48, 0x83, 0xe9, 0x08); /* sub rcx, 8 */
    else
        PUT(c, 0x48, 0x83, 0xc1, 0x08); /* add rcx, 8 */
    PUT(c, 0x48, 0x83, 0xef, 0x08); /* sub rdi, 8 */
    put_jump(c, IF_NOT_GREATER, c->p);
    end = c->p;
    PUT(c, 0x48, 0x83, 0xff, 0x08); /* cmp rdi, 8 */
    put_jump(c, IF_NOT_LESS, top);
    land(fewer, c->p);
    if (down) /* mov eax, 0xff00; shrx eax, eax, edi: the last ones */
        PUT(c, 0xb8, 0, 0xff, 0, 0, 0xc4, 0xe2, 0x43, 0xf7, 0xc0);
    else /* mov eax, 255; bzhi eax, eax, edi */
        PUT(c, 0xb8, 0xff, 0, 0, 0, 0xc4, 0xe2, 0x40, 0xf5, 0xc0);
    PUT(c, 0xc5, 0xf9, 0x92, 0xc8); /* kmovb k1, eax */
    put_jump(c, ALWAYS, top);
    land(end, c->p);
}

/* The whole function; its length goes to `length`.  `fixed` steps go once before the loop; `look`
 * says that there are two bodies; with `single`, registers hold floats.  The memory must have
 * FRAME_BYTES and MAX_STEP_BYTES (or MAX_COLUMNS_BYTES) for each step, twice. */
static native_fn assemble(uint8_t *memory, const MachineStep *steps, int n_fixed, int n, int look,
                          int single, size_t *length)
{
    Writer writer = {memory, memory, 0, OF_EIGHT, 0, {0}, AHEAD, 0, -1}, *c = &writer;
    uint8_t *entry, *none, *fewer, *exact;
    const uint8_t *top, *next;
    const int down = goes_down(steps, n);
    int k;
    if (down)
        c->ahead = -AHEAD;
    put_strides(c, steps, n);
    put_numbers(c);
    set_single(c, single);
    entry = c->p;
    none = put_entry(c, down);
    put_past(c, steps, n);
    for (k = 0; k < n_fixed; k++)
        put_step(c, &steps[k], 1);
    PUT(c, 0x48, 0x83, 0xff, 0x08); /* cmp rdi, 8 */
    put_jump(c, IF_LESS, c->p);
    top = fewer = c->p;
    exact = put_round(c, steps + n_fixed, n - n_fixed, look);
    next = c->p;
    put_next(c, top, fewer, down);
    land(none, c->p);
    PUT(c, 0xc5, 0xf8, 0x77, 0xc3); /* vzeroupper; ret */
    if (exact) {
        land(exact, c->p);
        for (k = n_fixed; k < n; k++)
            put_step(c, &steps[k], 0);
        put_jump(c, ALWAYS, next);
    }
    *length = (size_t)(c->p - memory);
    return (native_fn)(void *)entry;
}

/* The same for one point, whose numbers all lie in a table: no loop, and no vectors.  Division
 * takes the hardware's instruction, which is the faster one here. */
static native_fn assemble_point(uint8_t *memory, const MachineStep *steps, int n, int look,
                                size_t *length)
{
    Writer writer = {memory, memory, 1, OF_TWO, 0, {0}, AHEAD, 1, -1}, *c = &writer;
    uint8_t *exact = NULL;
    int k;
    put_constant(c, REG_SIGN, UINT64_C(1) << 63);
    put_constant(c, REG_ONE, UINT64_C(0x3ff0000000000000));
    put_vectors(c, MAP_0F, XOR, REG_ZERO, REG_ZERO, REG_ZERO, 0, 0);
    if (look)
        put_move(c, REG_LOOK, REG_ZERO);
    for (k = 0; k < n; k++)
        put_step(c, &steps[k], look);
    if (look) {
        PUT(c, 0x62, 0x01, 0xfd, 0x08, 0x2e, 0xf6); /* vucomisd xmm30, xmm30 */
        put_jump(c, IF_PARITY, c->p);
        exact = c->p;
    }
    PUT(c, 0xc3); /* ret */
    if (look) {
        land(exact, c->p);
        for (k = 0; k < n; k++)
            put_step(c, &steps[k], 0);
        PUT(c, 0xc3);
    }
    *length = (size_t)(c->p - memory);
    return (native_fn)(void *)memory;
}

/* ---- memory for code: written first, then only executed */

static void *code_memory(size_t n)
{
#if CDIFF_MACHINE_CODE
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    return p == MAP_FAILED ? NULL : p;
#else
    (void)n;
    return NULL;
#endif
}

static int code_seal(void *p, size_t n)
{
#if CDIFF_MACHINE_CODE
    return mprotect(p, n, PROT_READ | PROT_EXEC) == 0;
#else
    (void)p, (void)n;
    return 0;
#endif
}

/* What was stored past the caches is there for other threads, too. */
static void code_fence(void)
{
#if CDIFF_MACHINE_CODE
    _mm_sfence();
#endif
}

static void code_free(void *p, size_t n)
{
#if CDIFF_MACHINE_CODE
    munmap(p, n);
#else
    (void)p, (void)n;
#endif
}

#endif
