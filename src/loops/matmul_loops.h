/* Products of matrices: C = A B (or C - A B) for operands of any strides, on processors with AVX-512.
 *
 * Knows strides in bytes and nothing of arrays, threads or where memory comes from.  The scheme is
 * that of Goto and van de Geijn (Anatomy of high-performance matrix multiplication, ACM TOMS 34
 * (2008) 12) and of BLIS (Van Zee and van de Geijn, ACM TOMS 41 (2015) 14), for C by rows: a block
 * of B is packed for the second-level cache, eight rows of A stay in the first, and 8 x 24 sums are
 * added up in 24 registers, so that a step of them takes two multiply-adds a cycle and eleven loads.
 * Packing also makes the strides of operands cost nothing.  Each element of C is one chain of fused
 * multiply-adds in the order of k, cut where only the size of A and B says, so that it does not
 * depend on which tile, or which part of a matrix, it was computed in.
 */
#ifndef CDIFF_MATMUL_LOOPS_H
#define CDIFF_MATMUL_LOOPS_H

#include "loops/product_loops.h"

#if !defined(CDIFF_AVX512) || !__has_builtin(__builtin_shufflevector)
#define product_kernel NULL
#else

enum {
    TILE_ROWS = 8,
    TILE_COLUMNS = 3 * VECTOR
};

typedef double loose_double __attribute__((aligned(8), may_alias));

#define WIDE_AT(p, j) (((loose_wide *)(p))[j])
/* Keeps a compiler from computing all addresses of a tile beforehand, and spilling them. */
#define NO_FORESIGHT(p) __asm__("" : "+r"(p))

/* What tiles of one block have in common; strides in bytes. */
typedef struct {
    int64_t terms;       /* of each sum */
    int64_t ai, ak, bk, ci;
    int adds;            /* to what C holds; subtracts from it, if negative */
    const char *ahead;   /* what will be read next, to be fetched on the way, */
    int64_t ahead_step;  /* and how much further with each term */
} Tiles;

/* Adds the products of one term to rows x vectors sums.  A load of some lanes takes the turn of a
 * multiply-add. */
CDIFF_LIGHT void add_term(const int rows, const int vectors, wide (*s)[3], const char *a,
                          int64_t ai, const char *b, __mmask8 last)
{
    const int all = vectors == 3;
    wide v[3];
    int i, j;
#pragma GCC unroll 3
    for (j = 0; j < vectors - !all; j++)
        v[j] = WIDE_AT(b, j);
    if (!all)
        v[j] = LOAD_LANES(last, &WIDE_AT(b, j));
#pragma GCC unroll 8
    for (i = 0; i < rows; i++) {
        const wide f = *(const loose_double *)(a + i * ai) - (wide){0};
#pragma GCC unroll 3
        for (j = 0; j < vectors; j++)
            s[i][j] += f * v[j];
    }
}

/* rows x vectors sums; the last vector of a row has the lanes `last`, unless there are three. */
CDIFF_LIGHT void tile(const int rows, const int vectors, const Tiles *t, const char *a,
                      const char *b, char *c, __mmask8 last)
{
    const int64_t ai = t->ai, ak = t->ak, bk = t->bk, ci = t->ci, ahead_step = t->ahead_step;
    const char *ahead = t->ahead;
    wide s[TILE_ROWS][3];
    char *row = c;
    int64_t k;
    int i, j;
#pragma GCC unroll 8
    for (i = 0; i < rows; i++) {
        NO_FORESIGHT(row);
#pragma GCC unroll 3
        for (j = 0; j < vectors; j++) {
            cdiff_prefetch(row + j * sizeof(wide));
            s[i][j] = (wide){0};
        }
        row += ci;
    }
    k = t->terms;
    while (rows * vectors == TILE_ROWS * 3 && k >= 2) {
#pragma GCC unroll 2
        for (i = 0; i < 2; i++) {
            cdiff_prefetch(ahead);
            ahead += ahead_step;
            add_term(rows, vectors, s, a, ai, b, last);
            a += ak;
            b += bk;
        }
        k -= 2;
    }
#pragma GCC unroll 1
    for (; k > 0; k--) {
        cdiff_prefetch(ahead);
        ahead += ahead_step;
        add_term(rows, vectors, s, a, ai, b, last);
        a += ak;
        b += bk;
    }
    row = c;
#pragma GCC unroll 8
    for (i = 0; i < rows; i++) {
        NO_FORESIGHT(row);
#pragma GCC unroll 3
        for (j = 0; j < vectors - 1; j++) {
            if (t->adds > 0)
                s[i][j] += WIDE_AT(row, j);
            if (t->adds < 0)
                s[i][j] = WIDE_AT(row, j) - s[i][j];
            WIDE_AT(row, j) = s[i][j];
        }
        if (t->adds > 0)
            s[i][j] += LOAD_LANES(last, &WIDE_AT(row, j));
        if (t->adds < 0)
            s[i][j] = LOAD_LANES(last, &WIDE_AT(row, j)) - s[i][j];
        STORE_LANES(last, &WIDE_AT(row, j), s[i][j]);
        row += ci;
    }
}

#define TILE(rows, vectors)                                                                       \
    static CDIFF_NOINLINE void tile##rows##vectors(const Tiles *t, const char *a, const char *b,  \
                                                   char *c, __mmask8 last)                        \
    {                                                                                             \
        tile(rows, vectors, t, a, b, c, last);                                                    \
    }

TILE(1, 1) TILE(1, 2) TILE(1, 3)
TILE(2, 1) TILE(2, 2) TILE(2, 3)
TILE(4, 1) TILE(4, 2) TILE(4, 3)
TILE(8, 1) TILE(8, 2) TILE(8, 3)

typedef void (*tile_fn)(const Tiles *, const char *, const char *, char *, __mmask8);
static const tile_fn tiles[4][3] = {{tile11, tile12, tile13},
                                    {tile21, tile22, tile23},
                                    {tile41, tile42, tile43},
                                    {tile81, tile82, tile83}};

/* Four times four elements, rows `step` bytes apart, as columns in rows of `width`. */
static inline void turn(const char *p, int64_t step, double *out, int64_t width)
{
    const vec r0 = LOAD(p), r1 = LOAD(p + step), r2 = LOAD(p + 2 * step), r3 = LOAD(p + 3 * step);
    const vec even0 = __builtin_shufflevector(r0, r1, 0, 4, 2, 6);
    const vec odd0 = __builtin_shufflevector(r0, r1, 1, 5, 3, 7);
    const vec even2 = __builtin_shufflevector(r2, r3, 0, 4, 2, 6);
    const vec odd2 = __builtin_shufflevector(r2, r3, 1, 5, 3, 7);
    *(loose_vec *)out = __builtin_shufflevector(even0, even2, 0, 1, 4, 5);
    *(loose_vec *)(out + width) = __builtin_shufflevector(odd0, odd2, 0, 1, 4, 5);
    *(loose_vec *)(out + 2 * width) = __builtin_shufflevector(even0, even2, 2, 3, 6, 7);
    *(loose_vec *)(out + 3 * width) = __builtin_shufflevector(odd0, odd2, 2, 3, 6, 7);
}

/* out[k * width + j] = p[k * along + j * across] for k < terms, j < n. */
static CDIFF_NOINLINE void pack(int64_t terms, int64_t n, int64_t width, const char *p,
                                int64_t along, int64_t across, double *out)
{
    int64_t turned = 0, j, k;
    if (across == sizeof(double) && n % VECTOR == 0) {
        for (k = 0; k < terms; k++, p += along, out += width)
            for (j = 0; j < n; j += VECTOR)
                *(loose_wide *)(out + j) = *(const loose_wide *)(p + j * sizeof(double));
        return;
    }
    if (along == sizeof(double) && terms >= ROWS)
        turned = n - n % ROWS;
    for (j = 0; j < turned; j += ROWS) {
        const char *next = p + (j + ROWS) * across;
        for (k = 0; k + ROWS <= terms; k += ROWS, next += ROWS * along) {
            if (k % VECTOR == 0) {
                cdiff_prefetch(next);
                cdiff_prefetch(next + across);
                cdiff_prefetch(next + 2 * across);
                cdiff_prefetch(next + 3 * across);
            }
            turn(p + j * across + k * along, across, out + k * width + j, width);
        }
        if (k < terms) /* the last ones once more with some of those before */
            turn(p + j * across + (terms - ROWS) * along, across, out + (terms - ROWS) * width + j,
                 width);
    }
    for (k = turned < n ? 0 : terms; k < terms; k++)
        for (j = turned; j < n; j++)
            out[k * width + j] = *(const loose_double *)(p + k * along + j * across);
}

/* A piece of n, of equal ones that are at most `most`. */
static inline int64_t equal_piece(int64_t n, int64_t most)
{
    int64_t pieces;
    if (n <= most)
        return n ? n : 1;
    pieces = (n + most - 1) / most;
    return (n + pieces - 1) / pieces;
}

/* A block of B: some columns of the terms that are added up in one go. */
typedef struct {
    Tiles t;
    const MatrixProduct *p;
    const char *a, *b;   /* of the first term */
    char *c;
    int64_t columns;
    int64_t step;        /* bytes from the columns of a tile to those of the next */
    double *room;        /* for rows of A, if they are to be packed */
} Block;

/* Columns of the next tile: three whole vectors, or two of which the last may be a part. */
static inline int64_t tile_columns(int64_t rest)
{
    return rest >= TILE_COLUMNS ? TILE_COLUMNS : rest > 2 * VECTOR ? 2 * VECTOR : rest;
}

/* A whole row of tiles, `1 << size` rows from i on. */
static inline void tile_row(Block *s, int64_t i, int size)
{
    const int64_t rows = 1 << size, ai = s->p->ai, ak = s->p->ak;
    const char *a = s->a + i * ai, *next = a + rows * ai, *b = s->b;
    char *c = s->c + i * s->t.ci;
    /* The next rows of A, each by a tile; all by the first where a column is one cache line. */
    int64_t lines = i + rows >= s->p->m ? 0 : s->room && ai == sizeof(double) ? 1 : rows, j, n;
    if (s->room) {
        pack(s->t.terms, rows, TILE_ROWS, a, ak, ai, s->room);
        a = (const char *)s->room;
    }
    for (j = 0; j < s->columns; j += n) {
        int64_t more;
        n = tile_columns(s->columns - j);
        more = (n - 1) / VECTOR;
        s->t.ahead = lines > 0 ? next : a;
        s->t.ahead_step = lines > 0 ? ak : 0;
        lines--;
        next += ai;
        tiles[size][more](&s->t, a, b, c, FIRST_LANES(n - more * VECTOR));
        b += n == TILE_COLUMNS ? s->step : n * (int64_t)sizeof(double);
        c += n * sizeof(double);
    }
}

static void block_product(Block *s, const char *b, double *room)
{
    const MatrixProduct *p = s->p;
    int64_t i = 0, j;
    int size;
    s->b = b;
    s->step = TILE_COLUMNS * p->bj;
    s->t.bk = p->bk;
    if (product_packs_b(p)) {
        s->b = (const char *)room;
        s->step = TILE_COLUMNS * sizeof(double) * s->t.terms;
        s->t.bk = TILE_COLUMNS * sizeof(double);
        for (j = 0; j < s->columns; j += TILE_COLUMNS) {
            const int64_t rest = s->columns - j;
            pack(s->t.terms, rest < TILE_COLUMNS ? rest : TILE_COLUMNS, TILE_COLUMNS,
                 b + j * p->bj, p->bk, p->bj, room + j * s->t.terms);
        }
    }
    for (size = 3; size >= 0; size--)
        for (; i + (1 << size) <= p->m; i += 1 << size)
            tile_row(s, i, size);
}

/* `room` is for PRODUCT_ROOM doubles, on a cache line, where product_packs(p). */
static void product_kernel(const MatrixProduct *p, double *room)
{
    const int64_t terms = equal_piece(p->k, PRODUCT_TERMS);
    const int64_t columns = equal_piece((p->n + TILE_COLUMNS - 1) / TILE_COLUMNS,
                                        PRODUCT_COLUMNS / TILE_COLUMNS) * TILE_COLUMNS;
    Block s;
    int64_t j, k = 0;
    s.p = p;
    s.room = product_packs_a(p) ? room + PRODUCT_TERMS * PRODUCT_COLUMNS : NULL;
    s.t.ai = s.room ? (int64_t)sizeof(double) : p->ai;
    s.t.ak = s.room ? (int64_t)(TILE_ROWS * sizeof(double)) : p->ak;
    s.t.ci = p->ci;
    do { /* once where there are no terms, for the zeros */
        s.t.terms = p->k - k < terms ? p->k - k : terms;
        s.t.adds = p->subtracts ? -1 : k > 0;
        s.a = p->a + k * p->ak;
        for (j = 0; j < p->n; j += columns) {
            s.columns = p->n - j < columns ? p->n - j : columns;
            s.c = p->c + j * sizeof(double);
            block_product(&s, p->b + k * p->bk + j * p->bj, room);
        }
        k += terms;
    } while (k < p->k);
}

#endif

#endif
