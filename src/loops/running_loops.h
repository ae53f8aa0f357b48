/* Running sums, running products and linear recurrences along rows.
 *
 * Knows contiguous rows of numbers, nothing of arrays or nodes.  Fast because each element waits for
 * the one before it, so what counts is how many rows of waiting there are at once: several rows go
 * together, and one long row is cut into parts where the order of rounding is free.  A running sum
 * or product from the start is made in NumPy's order, to the last bit.
 */
#ifndef CDIFF_RUNNING_LOOPS_H
#define CDIFF_RUNNING_LOOPS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "loops/kernel_table.h"

enum {
    PARTS = 8,       /* of a long row, that go together */
    LONG_ROW = 256,  /* elements from which a row is cut into parts */
    TOGETHER = 4     /* rows */
};

/* out[j] = p[0] + ... + p[j] for `rows` rows of n elements, which may be in place. */
static void running_sums(int64_t rows, int64_t n, const double *p, double *out)
{
    double s[TOGETHER];
    int64_t j, k, some;
    for (; rows > 0; rows -= some, p += some * n, out += some * n) {
        some = rows < TOGETHER ? 1 : TOGETHER;
        for (k = 0; k < some; k++)
            s[k] = out[k * n] = p[k * n];
        if (some == 1)
            for (j = 1; j < n; j++)
                out[j] = s[0] += p[j];
        else
            for (j = 1; j < n; j++) {
                out[j] = s[0] += p[j];
                out[n + j] = s[1] += p[n + j];
                out[2 * n + j] = s[2] += p[2 * n + j];
                out[3 * n + j] = s[3] += p[3 * n + j];
            }
    }
}

/* out[j] = p[j] + ... + p[n-1], four at a time: one addition in four waits for another. */
static void running_sums_back(int64_t rows, int64_t n, const double *p, double *out)
{
    double s;
    int64_t j;
    for (; rows > 0; rows--, p += n, out += n) {
        for (j = n, s = 0.0; j >= 4; j -= 4) {
            const double a = p[j - 1], b = p[j - 2], c = p[j - 3], d = p[j - 4];
            const double ab = a + b, abc = ab + c, all = ab + (c + d);
            out[j - 1] = s + a;
            out[j - 2] = s + ab;
            out[j - 3] = s + abc;
            out[j - 4] = s += all;
        }
        for (; j > 0; j--)
            out[j - 1] = s += p[j - 1];
    }
}

/* --- t[j] = a[j] t[j-1] + b[j] ------------------------------------------------------------------ */

/* Where `step` is -1 a row is walked from its end. */
static void recurrence(int64_t n, int64_t step, const double *a, const double *b, double *out,
                       double t)
{
    for (; n > 0; n--, a += step, b += step, out += step)
        *out = t = *a * t + *b;
}

static void running_product(int64_t n, const double *a, double *out, double t)
{
    int64_t j;
    for (j = 0; j < n; j++)
        out[j] = t *= a[j];
}

#define EACH_PART(expression)                                                                     \
    {                                                                                             \
        int64_t k;                                                                                \
        for (k = 0; k < PARTS; k++) {                                                             \
            const int64_t at = j + k * m;                                                         \
            expression;                                                                           \
        }                                                                                         \
    }

/* The products of the m elements of each part; 0 if one of them is infinite or nan, so that what
 * follows from it might be 0 * inf where a walk along the row meets none. */
static int part_products(const KernelTable *kernels, int64_t m, const double *a, double *product)
{
    int64_t k;
    int finite = 1;
    for (k = 0; k < PARTS; k++) {
        product[k] = kernels->row[ROW_PROD](m, a + k * m);
        finite &= isfinite(product[k]) != 0;
    }
    return finite;
}

/* A long row from its end, in parts, given what comes before it: each as if that were 0, which gives
 * what it hands on, and then again.  Returns how many elements at the end are done. */
CDIFF_UNROLLED static int64_t recurrence_back_parts(const KernelTable *kernels, int64_t n,
                                                    const double *a, const double *b, double *out,
                                                    double given)
{
    const int64_t m = n / PARTS, rest = n - m * PARTS;
    double product[PARTS], t[PARTS] = {0.0}, next;
    int64_t j, k;
    int finite = isfinite(given) != 0;
    a += rest;
    b += rest;
    out += rest;
    if (n < LONG_ROW || !part_products(kernels, m, a, product))
        return 0;
    for (j = m - 1; j >= 0; j--)
        EACH_PART(t[k] = a[at] * t[k] + b[at])
    for (k = PARTS - 1; k >= 0; k--) {
        finite &= isfinite(t[k]) != 0;
        next = t[k] + product[k] * given;
        t[k] = given;
        given = next;
    }
    if (!finite)
        return 0;
    for (j = m - 1; j >= 0; j--)
        EACH_PART(out[at] = t[k] = a[at] * t[k] + b[at])
    return n - rest;
}

/* From the end of a row, given what comes before it. */
static void recurrence_back(const KernelTable *kernels, int64_t n, const double *a,
                            const double *b, double *out, double given)
{
    const int64_t done = recurrence_back_parts(kernels, n, a, b, out, given);
    n -= done;
    recurrence(n, -1, a + n - 1, b + n - 1, out + n - 1, done ? out[n] : given);
}

static int all_zero(int64_t n, const double *p)
{
    int64_t j, some;
    for (; n > 0; n -= some, p += some) {
        int64_t other = 0;
        some = n < 64 ? n : 64;
        CDIFF_SIMD
        for (j = 0; j < some; j++)
            other |= p[j] != 0.0;
        if (other)
            return 0;
    }
    return 1;
}

/* n > 0, not in place; the first element is that of b, whatever a is there.  A running product is a
 * recurrence where b is zero but for that. */
static void recurrence_row(const KernelTable *kernels, int reverse, int64_t n, const double *a,
                           const double *b, double *out)
{
    const int64_t first = reverse ? n - 1 : 0;
    const double t = out[first] = b[first];
    if (reverse)
        recurrence_back(kernels, n - 1, a, b, out, t);
    else if (all_zero(n - 1, b + 1))
        running_product(n - 1, a + 1, out + 1, t);
    else
        recurrence(n - 1, 1, a + 1, b + 1, out + 1, t);
}

/* The same along the first of two axes, of which the second has `inner` elements. */
static void recurrence_rows(int reverse, int64_t n, int64_t inner, const double *a,
                            const double *b, double *out)
{
    const int64_t step = reverse ? -inner : inner;
    int64_t j, k, at = reverse ? (n - 1) * inner : 0;
    memcpy(out + at, b + at, inner * sizeof(double));
    for (j = 1, at += step; j < n; j++, at += step) {
        CDIFF_SIMD
        for (k = 0; k < inner; k++)
            out[at + k] = a[at + k] * out[at - step + k] + b[at + k];
    }
}

/* The other way: t[j] = a[j+1] t[j+1] + c[j], or a[j-1] t[j-1] + c[j] for a reversed recurrence. */
static void pull_row(const KernelTable *kernels, int reverse, int64_t n, const double *a,
                     const double *c, double *out)
{
    if (reverse) {
        out[0] = c[0];
        recurrence(n - 1, 1, a, c + 1, out + 1, out[0]);
    } else {
        out[n - 1] = c[n - 1];
        recurrence_back(kernels, n - 1, a + 1, c, out, out[n - 1]);
    }
}

/* --- the products of all other elements of a row -------------------------------------------------- */

static void others_walk(int64_t n, const double *p, double *out, double before, double after)
{
    int64_t j;
    for (j = 0; j < n; j++) {
        out[j] = before;
        before *= p[j];
    }
    for (j = n - 1; j >= 0; j--) {
        out[j] *= after;
        after *= p[j];
    }
}

/* From both sides, in parts of m elements. */
CDIFF_UNROLLED static void others_parts(int64_t m, const double *p, double *out,
                                        double *before, double *after)
{
    int64_t j;
    for (j = 0; j < m; j++)
        EACH_PART(out[at] = before[k]; before[k] *= p[at])
    for (j = m - 1; j >= 0; j--)
        EACH_PART(out[at] *= after[k]; after[k] *= p[at])
}

/* By running products from both sides: exact where elements are zero. */
static void others_row(const KernelTable *kernels, int64_t n, const double *p, double *out)
{
    const int64_t m = n / PARTS, rest = n - m * PARTS;
    double product[PARTS], before[PARTS], after[PARTS], all = 1.0;
    int64_t k;
    if (n < LONG_ROW || !part_products(kernels, m, p, product)) {
        others_walk(n, p, out, 1.0, 1.0);
        return;
    }
    for (k = 0; k < PARTS; k++) {
        before[k] = all;
        all *= product[k];
    }
    others_walk(rest, p + n - rest, out + n - rest, all, 1.0);
    all = rest ? kernels->row[ROW_PROD](rest, p + n - rest) : 1.0;
    for (k = PARTS - 1; k >= 0; k--) {
        after[k] = all;
        all *= product[k];
    }
    others_parts(m, p, out, before, after);
}

#endif
