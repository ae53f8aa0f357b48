/* The table of array kernels: one per instruction set, one chosen when the module is imported.
 *
 * Declares what the core calls and the few compiler words that kernels need.  Knows operator codes
 * and nothing of nodes or Python.  Choosing through a table of function pointers costs one indirect
 * call per array and works with every compiler, which target_clones does not.
 */
#ifndef CDIFF_KERNEL_TABLE_H
#define CDIFF_KERNEL_TABLE_H

#include <stdint.h>

#include "generated/ops.h"

/* CDIFF_SIMD: the next loop has independent rounds. */
#if defined(__clang__)
#define CDIFF_SIMD _Pragma("clang loop vectorize(enable) interleave(enable)")
#elif defined(__GNUC__)
#define CDIFF_SIMD _Pragma("omp simd")
#elif defined(_MSC_VER)
#define CDIFF_SIMD __pragma(loop(ivdep))
#else
#define CDIFF_SIMD
#endif

/* Ask for the cache line of an address; one that cannot be read does no harm. */
#if defined(__GNUC__)
#define cdiff_prefetch(p) __builtin_prefetch(p)
#else
#define cdiff_prefetch(p) ((void)(p))
#endif

/* The number of the lowest bit of x, which is not 0. */
static inline int cdiff_lowest_bit(uint64_t x)
{
#if defined(__GNUC__)
    return __builtin_ctzll(x);
#else
    int k = 0;
    for (; !(x & 1); x >>= 1)
        k++;
    return k;
#endif
}

/* Light operators are always inlined into loops; for heavy ones the compiler decides. */
#if defined(__GNUC__)
#define CDIFF_LIGHT static inline __attribute__((always_inline, unused))
#define CDIFF_HEAVY static inline __attribute__((unused))
#define CDIFF_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define CDIFF_LIGHT static __forceinline
#define CDIFF_HEAVY static inline
#define CDIFF_NOINLINE __declspec(noinline)
#else
#define CDIFF_LIGHT static inline
#define CDIFF_HEAVY static inline
#define CDIFF_NOINLINE
#endif

/* A function that keeps sums in a small array, or has several loops over LANES: they have to be
 * unrolled whole, so that the array stands in registers.  Everything else gains nothing by more than
 * -O2. */
#if defined(__GNUC__) && !defined(__clang__)
#define CDIFF_UNROLLED __attribute__((optimize("O3")))
#else
#define CDIFF_UNROLLED
#endif

/* What reciprocals by Newton's method get added, relative to them: quotients.h says why. */
#define NEWTON_SURPLUS 0x1p-80

/* Kernels for more than the baseline are built from the same source under a target pragma. */
#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__) && !defined(CDIFF_BASELINE_ONLY)
#define CDIFF_X86_KERNELS 1
#else
#define CDIFF_X86_KERNELS 0
#endif

/* out[i] = op(a[i*sa], b[i*sb]); strides are 0 or 1.  out may be exactly a or b. */
typedef void (*ew_fn)(int64_t n, double *out, const double *a, const double *b, int64_t sa,
                      int64_t sb);
/* The same on floats; one stride at least is 1, and an operand of stride 0 is a double. */
typedef void (*single_fn)(int64_t n, float *out, const void *a, const void *b, int64_t sa,
                          int64_t sb);
typedef void (*widen_fn)(int64_t n, double *out, const float *p);
typedef void (*narrow_fn)(int64_t n, float *out, const double *p);
/* out[i] = (or += if acc) zmul(g[i*sg], partial(a[i*sa], b[i*sb], y[i])).  out may be exactly g
 * or an operand of stride 1; those that the partial does not read may be NULL. */
typedef void (*adj_fn)(int64_t n, double *out, const double *g, const double *a, const double *b,
                       const double *y, int64_t sg, int64_t sa, int64_t sb, int acc);
/* out[i] = c[i*sc] != 0 ? a[i*sa] : b[i*sb] */
typedef void (*where_fn)(int64_t n, double *out, const double *c, const double *a, const double *b,
                         int64_t sc, int64_t sa, int64_t sb);
/* out[i] = g[i] where low < a[i] < high, else 0; 0 where an element is at a bound, or nan. */
typedef int (*between_fn)(int64_t n, double *out, const double *g, const double *a, double low,
                          double high);
/* out[i] = op(a[i]), out2[i] = OP_PAIR[op](a[i]); either may be exactly a. */
typedef void (*pair_fn)(int64_t n, double *out, double *out2, const double *a);

/* out[i] = then(first(a[i], b[i*sb]), c[i*sc]); out may be exactly an operand. */
typedef void (*fused_fn)(int64_t n, double *out, const double *a, const double *b, const double *c,
                         int64_t sb, int64_t sc);
enum { FIRST_ADD, FIRST_SUBTRACT, FIRST_MULTIPLY, FIRST_ZMUL, N_FIRST };
enum { THEN_ADD, THEN_SUBTRACT, THEN_SUBTRACT_FROM, THEN_MULTIPLY, THEN_ZMUL, N_THEN };
/* out[i] = a[i] b[i] + or - c[i] d[i], see fused_loops.h. */
typedef void (*products_fn)(int64_t n, double *out, const double *a, const double *b,
                            const double *c, const double *d);

/* One number from the n elements of a row. */
typedef double (*row_fn)(int64_t n, const double *p);
enum { ROW_SUM, ROW_SQUARES, ROW_PROD, ROW_MAX, ROW_MIN, N_ROW_KINDS };

/* A matrix times a vector, and a vector times a matrix: see product_loops.h. */
typedef void (*rows_fn)(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                        const double *x);
typedef void (*columns_fn)(int64_t m, int64_t n, double *y, const double *a, int64_t step,
                           const double *x, int64_t gap, int adds);

/* C = A B, or C - A B, for an m x k matrix A and a k x n matrix B of any strides, in bytes; the rows
 * of C are contiguous and ci bytes apart.  See matmul_loops.h. */
typedef struct {
    int64_t m, k, n;
    const char *a;
    int64_t ai, ak;
    const char *b;
    int64_t bk, bj;
    char *c;
    int64_t ci;
    int subtracts;
} MatrixProduct;
enum {
    PRODUCT_TERMS = 256,    /* of each sum, and */
    PRODUCT_COLUMNS = 336,  /* columns, that are packed at a time: for the second-level cache */
    PRODUCT_ROOM = PRODUCT_TERMS * (PRODUCT_COLUMNS + 8),
    PRODUCT_LONG_ROWS = 256,   /* rows of C from which it pays to pack a B that lies well, */
    PRODUCT_LONG_COLUMNS = 96, /* and columns from which to pack an A that does not */
};
typedef void (*product_fn)(const MatrixProduct *p, double *room);

static inline int product_packs_a(const MatrixProduct *p)
{
    return p->ak != (int64_t)sizeof(double) && p->n > PRODUCT_LONG_COLUMNS;
}

static inline int product_packs_b(const MatrixProduct *p)
{
    return p->bj != (int64_t)sizeof(double) || p->m > PRODUCT_LONG_ROWS;
}

/* Solve T X = B in place, for a lower triangle T of up to FACTOR_BLOCK rows (with ones on its
 * diagonal, if unit) and n neighbouring columns of B.  See factor_loops.h. */
typedef void (*triangle_fn)(int64_t rows, int64_t n, const char *t, int64_t ti, int64_t tk, int unit,
                            char *b, int64_t bi);
/* P A = L U in place for m rows of up to FACTOR_BLOCK columns; swaps[j] is the row that row j was
 * exchanged with.  0 where a pivot is zero, or no size that can be divided by. */
typedef int (*panel_fn)(int64_t m, int64_t columns, char *a, int64_t step, int64_t *swaps);
/* Q R = A for m rows of up to FACTOR_BLOCK columns: A becomes the vectors V of the reflections whose
 * product is Q = I - V T V.T, with the zeros and ones above; of R and T the upper triangles are
 * written.  0 where LAPACK shall decide, by sums of squares that are out of the usual range. */
typedef int (*reflect_fn)(int64_t m, int64_t columns, char *a, int64_t step, char *r, char *t,
                          int64_t ti);
/* y = A x, of a symmetric matrix by its upper triangle, from number `first` on, before which x is zero:
 * n, `step` and both vectors are of whole vectors.  See symmetric_loops.h. */
typedef void (*symmetric_fn)(int64_t first, int64_t n, const char *a, int64_t step, const double *x,
                             double *y);
enum { FACTOR_BLOCK = 8 };
#define FACTOR_SMALL 1e-290
#define FACTOR_LARGE 1e290

/* What tells n bytes from others: see digest_loop.h. */
enum { DIGEST_LANES = 16 };
typedef void (*digest_fn)(int64_t n, const char *data, uint64_t *out);

/* Positions, and rows of a table at positions: see row_loops.h. */
typedef int64_t (*positions_fn)(int64_t n, int64_t count, int64_t *rows, const int64_t *given);
typedef int (*take_fn)(int64_t n, int64_t count, int64_t m, const int64_t *at, const double *from,
                       double *to, int64_t *kept);
typedef int (*scatter_fn)(int64_t n, int64_t count, int64_t m, const int64_t *at,
                          const double *from, double *to);

/* adjoint[op][k] is NULL where partial k is zero; value[OP_WHERE] is NULL (use where);
 * pair[op] is NULL where there is no pair and single[op] where the value is made of doubles; `round`
 * is an operator that rounds to float32; product, triangle, panel, reflect and
 * symmetric are NULL where NumPy's BLAS is as fast. */
typedef struct {
    const char *isa;
    ew_fn value[N_ELEMENTWISE];
    adj_fn adjoint[N_ELEMENTWISE][2];
    where_fn where;
    between_fn between;
    pair_fn pair[N_ELEMENTWISE];
    single_fn single[N_ELEMENTWISE];
    widen_fn widen;
    narrow_fn narrow;
    ew_fn round;
    fused_fn fused[N_FIRST][N_THEN];
    products_fn products[2][2][2];
    row_fn row[N_ROW_KINDS];
    rows_fn rows;
    columns_fn columns;
    product_fn product;
    triangle_fn triangle;
    panel_fn panel;
    reflect_fn reflect;
    symmetric_fn symmetric;
    digest_fn digest;
    positions_fn positions;
    take_fn take;
    scatter_fn scatter;
} KernelTable;

extern const KernelTable kernels_baseline;
#if CDIFF_X86_KERNELS
extern const KernelTable kernels_avx2, kernels_avx512;
ew_fn kernels_far(int op, int64_t passing);
#endif

/* The value kernel of an operator for arrays that lie beyond the caches near the processor; `passing`
 * is how many elements of them go through these if nothing else is done, or 0. */
ew_fn kernels_far_value(const KernelTable *table, int op, int64_t passing);

/* Whether the divider makes eight quotients in the time of nine products (AMD Zen 4), not of thirty:
 * then it takes a larger part of them.  Known after kernels_select(). */
extern int cdiff_quick_divider;

/* The best table for this CPU; the environment variable CDIFF_ISA can ask for a lesser one. */
const KernelTable *kernels_select(void);

#endif
