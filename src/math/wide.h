/* The functions of which vectors are made most often, on eight doubles at once, for AVX-512.
 *
 * Knows the instruction set and the tables of wide_tables.h; must not know operators or loops.  Why
 * it is fast: a table of sixteen numbers, or of the upper halves of 32, lies in two registers, so that
 * looking up is one instruction, and after it the polynomials are half as long as those of the plain
 * formulas.  Every
 * number depends on its operand alone: where one is outside of what a formula is for, that one is
 * the library's, and its neighbours stay what they are.
 *
 * The bounds of the other headers hold here, too; tests/test_math_ulp.py checks them.  Method:
 * P. T. P. Tang, ACM TOMS 15 (1989) 144 and 16 (1990) 378; for the quotient, P. Markstein, IA-64 and
 * Elementary Functions (2000), chapter 8.
 */
#ifndef CDM_WIDE_H
#define CDM_WIDE_H

#include <immintrin.h>

#include "all.h"
#include "wide_tables.h"

typedef __m512d CdmWide;

#define CDM_W(x) _mm512_set1_pd(x)
#define CDM_WEXPONENT _mm512_set1_epi64(~0xfffffffffffffLL) /* its bits, and that of the sign */
#define CDM_WBITS(x) _mm512_castpd_si512(x)
#define CDM_WFMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define CDM_WFNMA(a, b, c) _mm512_fnmadd_pd(a, b, c)
#define CDM_WPOLY2(x, c0, c1) CDM_WFMA(x, CDM_W(c1), CDM_W(c0))
#define CDM_WPOLY4(x, x2, c0, c1, c2, c3) CDM_WFMA(x2, CDM_WPOLY2(x, c2, c3), CDM_WPOLY2(x, c0, c1))

/* x + this has the multiple of 1/16 nearest to x, times 16, in its low bits. */
#define CDM_MAGIC_16 0x1.8p48

/* The entries that the low four bits of `index` say. */
CDM_INLINE CdmWide cdm_wide_look(const double *table, __m512i index) {
    return _mm512_permutex2var_pd(_mm512_loadu_pd(table), index, _mm512_loadu_pd(table + 8));
}

/* The same of eight. */
CDM_INLINE CdmWide cdm_wide_look8(const double *table, __m512i index) {
    return _mm512_permutexvar_pd(index, _mm512_loadu_pd(table));
}

/* See cdm_two_prod. */
CDM_INLINE CdmWide cdm_wide_two_prod(CdmWide a, CdmWide b, CdmWide *err) {
    CdmWide p = CDM_WFMA(a, b, CDM_W(0.0));
    *err = _mm512_fmsub_pd(a, b, p);
    return p;
}

/* Magnitude of y with the sign of x. */
CDM_INLINE CdmWide cdm_wide_signed(CdmWide y, CdmWide x) {
    __m512i sign = _mm512_set1_epi64((long long)CDM_SIGN_BIT);
    return _mm512_castsi512_pd(_mm512_ternarylogic_epi64(sign, CDM_WBITS(x), CDM_WBITS(y), 0xca));
}

/* The doubles of 32 of which the table has the upper halves and the others are zero; the low five bits
 * of the upper halves of `index` say which. */
CDM_INLINE CdmWide cdm_wide_look32(const uint32_t *table, __m512i index) {
    __m512i first = _mm512_loadu_si512(table), second = _mm512_loadu_si512(table + 16);
    return _mm512_castsi512_pd(_mm512_maskz_permutex2var_epi32(0xaaaa, first, index, second));
}

/* y, but f(x) in the lanes of `rare`: seldom called, so neither inlined nor fast. */
typedef double (*cdm_scalar)(double);
static __attribute__((noinline, unused)) CdmWide cdm_wide_mend(cdm_scalar f, CdmWide x, CdmWide y,
                                                               unsigned rare) {
    double in[8], out[8];
    _mm512_storeu_pd(in, x);
    _mm512_storeu_pd(out, y);
    for (; rare; rare &= rare - 1)
        out[__builtin_ctz(rare)] = f(in[__builtin_ctz(rare)]);
    return _mm512_loadu_pd(out);
}

CDM_INLINE CdmWide cdm_wide_or(cdm_scalar f, CdmWide x, CdmWide y, __mmask8 rare) {
    return __builtin_expect(rare, 0) ? cdm_wide_mend(f, x, y, rare) : y;
}

/* Two functions of x from what both need first, for loops that make it one round ahead; and at once. */
#define CDM_WPAIR(name, Begun, begin)                                                   \
    typedef Begun CdmWideBegun_##name;                                                  \
    CDM_INLINE Begun cdm_wide_##name##_begin(CdmWide x) { return begin(x); }            \
    CDM_INLINE CdmWide cdm_wide_##name##_pair(CdmWide x, CdmWide *second) {             \
        return cdm_wide_##name##_pair_of(x, begin(x), second);                          \
    }

/* The lanes in which |x| is not below (or at) a limit, or NaN. */
#define CDM_WBEYOND(x, limit, than) _mm512_cmp_pd_mask(_mm512_abs_pd(x), CDM_W(limit), than)

/* --- exp: 2^k 2^(j/16) e^r with |r| <= ln2/32 ---------------------------------------------------- */

/* (e^r - 1 - r)/r^2, error of e^r 2^-56.3.  Limits by minimum and maximum, which hand NaN on. */
CDM_INLINE CdmWide cdm_wide_exp(CdmWide x) {
    CdmWide t = _mm512_min_pd(CDM_W(710.0), _mm512_max_pd(CDM_W(-746.0), x));
    CdmWide magic = CDM_WFMA(t, CDM_W(CDM_LOG2E), CDM_W(CDM_MAGIC_16)), k = magic - CDM_W(CDM_MAGIC_16);
    CdmWide r = CDM_WFNMA(k, CDM_W(CDM_LN2_LO), CDM_WFNMA(k, CDM_W(CDM_LN2_HI), t)), r2 = r * r;
    CdmWide p = CDM_WFMA(r2, CDM_W(0x1.6c14c9a42e306p-10),
                         CDM_WPOLY2(r, 0x1.55555558f8d06p-5, 0x1.11123afbcc23ap-7));
    p = CDM_WFMA(r2, p, CDM_WPOLY2(r, 0x1.fffffffffffb9p-2, 0x1.555555548f21bp-3));
    CdmWide power = cdm_wide_look(cdm_wide_powers, CDM_WBITS(magic));
    return _mm512_scalef_pd(CDM_WFMA(power, CDM_WFMA(r2, p, r), power), k);
}

/* (e^r - 1 - r)/r^2 as low + r^2 high; error of e^r - 1 2^-60. */
CDM_INLINE CdmWide cdm_wide_exp_low(CdmWide r) {
    return CDM_WPOLY2(r, 0x1.0000000000003p-1, 0x1.5555555555555p-3);
}

CDM_INLINE CdmWide cdm_wide_exp_high(CdmWide r, CdmWide r2) {
    return CDM_WPOLY4(r, r2, 0x1.55555554acaadp-5, 0x1.11111110f0a3cp-7,
                      0x1.6c181fe03b86ap-10, 0x1.a01ae0c91fa7bp-13);
}

CDM_INLINE CdmWide cdm_wide_exp_rest(CdmWide r, CdmWide r2) {
    return CDM_WFMA(r2, cdm_wide_exp_high(r, r2), cdm_wide_exp_low(r));
}

/* --- log: k ln2 + log c + log(1 + r), where x = 2^k z and r = z/c - 1 ----------------------------- */

typedef struct {
    CdmWide k, r, r2, p; /* log(1 + r) = r + r2 p */
    __m512i piece;
} CdmWideLog;

/* (log(1 + r) - r + r^2/2)/r^3 on -0.0305 <= r <= 0.0325, error 2^-55.6 of r. */
CDM_INLINE CdmWideLog cdm_wide_log_parts(CdmWide x) {
    __m512i offset = _mm512_sub_epi64(CDM_WBITS(x), _mm512_set1_epi64(CDM_WIDE_LOG_START));
    __m512i exponent = _mm512_and_si512(offset, CDM_WEXPONENT);
    __m512i piece = _mm512_srli_epi64(offset, 48);
    CdmWide k = _mm512_cvtepi64_pd(_mm512_srai_epi64(offset, 52));
    CdmWide z = _mm512_castsi512_pd(_mm512_sub_epi64(CDM_WBITS(x), exponent));
    CdmWide r = _mm512_fmsub_pd(z, cdm_wide_look(cdm_wide_inverses, piece), CDM_W(1.0));
    CdmWide r2 = r * r, r4 = r2 * r2;
    CdmWide p = CDM_WPOLY4(r, r2, 0x1.999999862e329p-3, -0x1.55554481b915bp-3,
                           0x1.2492eafc9bea5p-3, -0x1.00691c7d08bf3p-3);
    p = CDM_WFMA(r2, CDM_WFMA(r4, CDM_W(0x1.c4651856adabcp-4), p),
                 CDM_WPOLY2(r, 0x1.55555555559f1p-2, -0x1.0000000068358p-2));
    CdmWideLog parts = {k, r, r2, CDM_WFMA(r, p, CDM_W(-0.5)), piece};
    return parts;
}

CDM_INLINE CdmWide cdm_wide_log_normal(CdmWide x) {
    CdmWideLog l = cdm_wide_log_parts(x);
    CdmWide hi = CDM_WFMA(l.k, CDM_W(0x1.62e42fefa3800p-1), cdm_wide_look(cdm_wide_logs, l.piece));
    CdmWide lo = CDM_WFMA(l.k, CDM_W(0x1.ef35793c76730p-45), cdm_wide_look(cdm_wide_log_rests, l.piece));
    CdmWide sum = hi + l.r, rest = (hi - sum) + l.r;
    return sum + (rest + CDM_WFMA(l.r2, l.p, lo));
}

/* To the base of a table: as before, with r over the logarithm of the base in two parts. */
CDM_INLINE CdmWide cdm_wide_log_to(const double *table, CdmWide x) {
    CdmWideLog l = cdm_wide_log_parts(x);
    CdmWide hi = CDM_WFMA(l.k, CDM_W(table[32]), cdm_wide_look(table, l.piece));
    CdmWide lo = CDM_WFMA(l.k, CDM_W(table[33]), cdm_wide_look(table + 16, l.piece));
    CdmWide r_lo, e = CDM_W(table[34]), r = cdm_wide_two_prod(l.r, e, &r_lo);
    CdmWide sum = hi + r, rest = (hi - sum) + r;
    lo = CDM_WFMA(l.r2 * l.p, e, lo) + CDM_WFMA(l.r, CDM_W(table[35]), r_lo);
    return sum + (rest + lo);
}

/* The lanes in which x is not normal and positive. */
CDM_INLINE __mmask8 cdm_wide_unusual(CdmWide x) {
    __m512i above = _mm512_sub_epi64(CDM_WBITS(x), _mm512_set1_epi64(1LL << 52));
    return _mm512_cmpge_epu64_mask(above, _mm512_set1_epi64(0x7feLL << 52));
}

CDM_INLINE CdmWide cdm_wide_log(CdmWide x) {
    return cdm_wide_or(log, x, cdm_wide_log_normal(x), cdm_wide_unusual(x));
}

CDM_INLINE CdmWide cdm_wide_log2(CdmWide x) {
    return cdm_wide_or(log2, x, cdm_wide_log_to(cdm_wide_logs_to_two, x), cdm_wide_unusual(x));
}

CDM_INLINE CdmWide cdm_wide_log10(CdmWide x) {
    return cdm_wide_or(log10, x, cdm_wide_log_to(cdm_wide_logs_to_ten, x), cdm_wide_unusual(x));
}

/* --- power: see power.h, whose bound holds here -------------------------------------------------- */

/* cdm_log_pair of a normal positive number by a table of 32 pieces, in registers.
 * (log(1 + r) - r + r^2/2)/r^3 on |r| <= 0.0205, error 2^-68.4 of r. */
CDM_INLINE CdmWide cdm_wide_log_pair(CdmWide x, CdmWide *lo) {
    __m512i offset = _mm512_sub_epi64(CDM_WBITS(x), _mm512_set1_epi64(CDM_WIDE_POWER_START));
    __m512i exponent = _mm512_and_si512(offset, CDM_WEXPONENT);
    __m512i piece = _mm512_srli_epi32(offset, 15);
    CdmWide k = _mm512_cvtepi64_pd(_mm512_srai_epi64(offset, 52));
    CdmWide z = _mm512_castsi512_pd(_mm512_sub_epi64(CDM_WBITS(x), exponent));
    CdmWide r = _mm512_fmsub_pd(z, cdm_wide_look32(cdm_wide_inverse, piece), CDM_W(1.0));
    CdmWide rest2, r2 = cdm_wide_two_prod(r, r, &rest2), r4 = r2 * r2;
    CdmWide p = CDM_WFMA(r4, CDM_WPOLY4(r, r2, 0x1.249244bca42ccp-3, -0x1.fffff43df59d5p-4,
                                        0x1.c77e0c7b65bc0p-4, -0x1.9a0361dbfa5b5p-4),
                         CDM_WPOLY4(r, r2, 0x1.5555555555552p-2, -0x1.fffffffffffeep-3,
                                    0x1.99999999c1b16p-3, -0x1.555555559b740p-3));
    CdmWide head = CDM_WFMA(k, CDM_W(0x1.62e42fefa3800p-1), cdm_wide_look32(cdm_wide_log_upper, piece));
    __m512i upper = CDM_WBITS(cdm_wide_look32(cdm_wide_log_rest_upper, piece));
    __m512i lower = CDM_WBITS(cdm_wide_look32(cdm_wide_log_rest_lower, piece));
    CdmWide rest = _mm512_castsi512_pd(_mm512_or_si512(upper, _mm512_srli_epi64(lower, 32)));
    rest = CDM_WFMA(k, CDM_W(0x1.ef35793c76730p-45), rest);
    CdmWide linear = head + r, half = CDM_W(0.5), sum = CDM_WFNMA(half, r2, linear);
    rest = rest + ((head - linear) + r) + CDM_WFNMA(half, r2, linear - sum);
    *lo = CDM_WFMA(r * r2, p, CDM_WFNMA(half, rest2, rest));
    return sum;
}

/* b log a as the return value plus *lo, and which numbers are not normal and positive, or have a
 * result next to the ends of the range. */
CDM_INLINE CdmWide cdm_wide_power_first(CdmWide a, CdmWide b, CdmWide *lo, __mmask8 *rare) {
    CdmWide log_lo, x_lo, hi = cdm_wide_log_pair(a, &log_lo), x = cdm_wide_two_prod(b, hi, &x_lo);
    *lo = CDM_WFMA(b, log_lo, x_lo);
    *rare = CDM_WBEYOND(x, 708.0, _CMP_NLT_UQ) | cdm_wide_unusual(a);
    return x;
}

/* e^(x + lo), where 2^(j/16) comes with what its rounding left over. */
CDM_INLINE CdmWide cdm_wide_power_then(CdmWide x, CdmWide lo) {
    CdmWide magic = CDM_WFMA(x + lo, CDM_W(CDM_LOG2E), CDM_W(CDM_MAGIC_16));
    CdmWide k = magic - CDM_W(CDM_MAGIC_16), reduced = CDM_WFNMA(k, CDM_W(CDM_LN2_HI), x);
    CdmWide r = reduced + CDM_WFNMA(k, CDM_W(CDM_LN2_LO), lo), r2 = r * r;
    CdmWide lost = cdm_wide_look(cdm_wide_power_rests, CDM_WBITS(magic));
    CdmWide power = cdm_wide_look(cdm_wide_powers, CDM_WBITS(magic));
    CdmWide p = CDM_WFMA(r2, cdm_wide_exp_rest(r, r2), lost) + r;
    return _mm512_scalef_pd(CDM_WFMA(power, p, power), k);
}

/* y, but a^b in the lanes of `rare`. */
static __attribute__((noinline, unused)) CdmWide cdm_wide_power_mend(CdmWide a, CdmWide b, CdmWide y,
                                                                     __mmask8 rare) {
    double in[8], exponent[8], out[8];
    int i;
    _mm512_storeu_pd(in, a);
    _mm512_storeu_pd(exponent, b);
    _Pragma("omp simd")
    for (i = 0; i < 8; i++)
        out[i] = cdm_power(in[i], exponent[i]);
    return _mm512_mask_loadu_pd(y, rare, out);
}

/* --- cbrt: see power.h ----------------------------------------------------------------------------- */

/* |x| = 2^(3q + j) z, 1 <= z < 2, and m = 2^j z.  r is m^(-1/3) to 2^-19, so that 1/m follows from r^3
 * and h = 1 - m r^3.  What is 0 or not finite is its own root. */
CDM_INLINE CdmWide cdm_wide_cbrt(CdmWide x) {
    CdmWide a = _mm512_abs_pd(x), e = _mm512_getexp_pd(a), z = _mm512_getmant_pd(a, 0, 0);
    CdmWide q = _mm512_roundscale_pd(CDM_WFMA(e, CDM_W(1.0 / 3.0), CDM_W(-1.0 / 3.0)), 0);
    CdmWide down = CDM_W(-3.0) * q, m = _mm512_scalef_pd(a, down);
    __m512i piece = _mm512_srli_epi64(CDM_WBITS(z), 48), j = CDM_WBITS(CDM_W(CDM_MAGIC) + (e + down));
    CdmWide slope = cdm_wide_look(cdm_wide_root_slopes, piece), r = cdm_wide_look(cdm_wide_root_constants, piece);
    slope = CDM_WFMA(z, cdm_wide_look(cdm_wide_root_squares, piece), slope);
    r = CDM_WFMA(z, slope, r) * cdm_wide_look8(cdm_wide_root_factors, j);
    CdmWide r2 = r * r, r3 = r2 * r, mr = m * r, h = CDM_WFNMA(mr, r2, CDM_W(1.0));
    __m512i few = _mm512_and_si512(CDM_WBITS(mr * r), _mm512_set1_epi64((long long)0xfffffff000000000ULL));
    CdmWide t = _mm512_castsi512_pd(few), inverse = CDM_WFMA(h, CDM_WFMA(h, r3, r3), r3);
    CdmWide u = CDM_WFNMA(t * t, t, m) * inverse;
    CdmWide p = CDM_WFMA(u, CDM_WFMA(u, CDM_W(14.0 / 81.0), CDM_W(2.0 / 9.0)), CDM_W(1.0 / 3.0));
    CdmWide y = _mm512_scalef_pd(CDM_WFMA(t * u, p, t), q);
    return _mm512_mask_mov_pd(cdm_wide_signed(y, x), _mm512_fpclass_pd_mask(x, 0x9f), x);
}

/* --- sin and cos: of k pi/8 from a table, of r, |r| <= pi/16, by polynomials --------------------- */

typedef struct {
    CdmWide r, sine_rest, cosine_rest; /* sin(r + lo) - r, cos(r) - 1 */
    __m512i k;
} CdmWideAngle;

/* (sin r - r)/r^3, error of sin r 2^-57.6; (cos r - 1 + r^2/2)/r^4, error of cos r 2^-67.  The second
 * part of pi/8 has 29 bits: times k it is exact. */
CDM_INLINE CdmWideAngle cdm_wide_angle(CdmWide x) {
    CdmWide magic = CDM_WFMA(x, CDM_W(0x1.45f306dc9c883p+1), CDM_W(CDM_MAGIC));
    CdmWide k = magic - CDM_W(CDM_MAGIC), t = CDM_WFNMA(k, CDM_W(0x1.921fb54442d18p-2), x);
    CdmWide w = CDM_WFMA(k, CDM_W(0x1.1a62633000000p-56), CDM_W(0.0)), r = t - w;
    CdmWide lo = CDM_WFNMA(k, CDM_W(0x1.45c06e0e68948p-88), (t - r) - w);
    CdmWide z = r * r, z2 = z * z;
    CdmWide s = CDM_WPOLY4(z, z2, -0x1.55555555554cap-3, 0x1.111111108811ep-7,
                           -0x1.a019f72596776p-13, 0x1.718d5c2b31787p-19);
    CdmWide c = CDM_WFMA(z2, CDM_W(-0x1.27a90109411bbp-22),
                         CDM_WPOLY2(z, -0x1.6c16c16b88491p-10, 0x1.a019f8acd8111p-16));
    c = CDM_WFMA(z2, c, CDM_WPOLY2(z, -0.5, 0x1.55555555554f4p-5));
    CdmWideAngle angle = {r, CDM_WFMA(r * z, s, lo), z * c, CDM_WBITS(magic)};
    return angle;
}

/* With its sign changed where k is in the second half of a turn. */
CDM_INLINE CdmWide cdm_wide_turned(CdmWide y, __m512i k) {
    __m512i sign = _mm512_and_epi64(_mm512_slli_epi64(k, 60), _mm512_set1_epi64((long long)CDM_SIGN_BIT));
    return _mm512_castsi512_pd(_mm512_xor_epi64(CDM_WBITS(y), sign));
}

/* Next to 0 the smaller one of sine and angle, which of two zeros is the negative one. */
CDM_INLINE CdmWide cdm_wide_sin_of(CdmWide x, CdmWideAngle a) {
    CdmWide sine = cdm_wide_look8(cdm_wide_sines, a.k), cosine = cdm_wide_look8(cdm_wide_cosines, a.k);
    CdmWide rest = CDM_WFMA(sine, a.cosine_rest, cdm_wide_look8(cdm_wide_sine_rests, a.k));
    rest = CDM_WFMA(cosine, a.r, CDM_WFMA(cosine, a.sine_rest, rest));
    return _mm512_range_pd(cdm_wide_turned(sine + rest, a.k), x, 6);
}

CDM_INLINE CdmWide cdm_wide_cos_of(CdmWideAngle a) {
    CdmWide sine = cdm_wide_look8(cdm_wide_sines, a.k), cosine = cdm_wide_look8(cdm_wide_cosines, a.k);
    CdmWide rest = CDM_WFMA(cosine, a.cosine_rest, cdm_wide_look8(cdm_wide_cosine_rests, a.k));
    rest = CDM_WFNMA(sine, a.r, CDM_WFNMA(sine, a.sine_rest, rest));
    return cdm_wide_turned(cosine + rest, a.k);
}

#define CDM_WFAR_ANGLE(x) CDM_WBEYOND(x, CDM_TRIG_FAST_MAX, _CMP_NLE_UQ)

CDM_INLINE CdmWide cdm_wide_sin(CdmWide x) {
    return cdm_wide_or(sin, x, cdm_wide_sin_of(x, cdm_wide_angle(x)), CDM_WFAR_ANGLE(x));
}

CDM_INLINE CdmWide cdm_wide_cos(CdmWide x) {
    return cdm_wide_or(cos, x, cdm_wide_cos_of(cdm_wide_angle(x)), CDM_WFAR_ANGLE(x));
}

CDM_INLINE CdmWide cdm_wide_sin_pair_of(CdmWide x, CdmWideAngle a, CdmWide *cosine) {
    __mmask8 far = CDM_WFAR_ANGLE(x);
    *cosine = cdm_wide_or(cos, x, cdm_wide_cos_of(a), far);
    return cdm_wide_or(sin, x, cdm_wide_sin_of(x, a), far);
}

CDM_WPAIR(sin, CdmWideAngle, cdm_wide_angle)

/* --- tanh and its derivative: from u = e^-2|x| = 2^k 2^(j/16) e^r ----------------------------------- */

#define CDM_LN2_REST 0x1.abc9e3b39803fp-56 /* of ln 2 beyond CDM_LN2 */

typedef struct {
    CdmWide power, r, rest, all; /* u = power (1 + all), where all is r + rest */
    CdmWide u;
} CdmWideHyper;

/* base 2^k, given k as an exponent; the bits below are ignored. */
CDM_INLINE CdmWide cdm_wide_scaled(CdmWide base, __m512i k) {
    __m512i low = _mm512_and_si512(k, CDM_WEXPONENT);
    return _mm512_castsi512_pd(_mm512_add_epi64(CDM_WBITS(base), low));
}

/* The rest of ln 2 comes in with that of the power, and `all` beside `rest`, since small arrays wait
 * for each step from x to tanh.  What that leaves out, k r times the rest, tells in tiny u alone. */
CDM_INLINE CdmWideHyper cdm_wide_hyper(CdmWide x) {
    CdmWide m = _mm512_abs_pd(x), magic = CDM_WFNMA(m, CDM_W(2.0 * CDM_LOG2E), CDM_W(CDM_MAGIC_16));
    CdmWide k = magic - CDM_W(CDM_MAGIC_16);
    CdmWide r = CDM_WFNMA(k, CDM_W(CDM_LN2), -(m + m)), r2 = r * r, r4 = r2 * r2;
    __m512i j = CDM_WBITS(magic);
    CdmWide lost = CDM_WFNMA(k, CDM_W(CDM_LN2_REST), cdm_wide_look(cdm_wide_power_rests, j));
    CdmWide power = cdm_wide_scaled(cdm_wide_look(cdm_wide_powers, j), _mm512_slli_epi64(j, 48));
    CdmWide low = cdm_wide_exp_low(r), high = cdm_wide_exp_high(r, r2);
    CdmWide rest = CDM_WFMA(r4, high, CDM_WFMA(r2, low, lost));
    CdmWide all = CDM_WFMA(r4, high, CDM_WFMA(r2, low, lost + r));
    CdmWideHyper h = {power, r, rest, all,
                      CDM_WFMA(power, CDM_WFNMA(k * r, CDM_W(CDM_LN2_REST), all), power)};
    return h;
}

/* With n + n_lo = 1 - u and d + d_lo = 1 + u it is their quotient q, and what its residual adds.  All
 * that does not wait for the division is made meanwhile: 1 - power is known with its rest, and that of
 * d follows from n.  What divides the residual need not be exact: 1/d is (1 + q)/2. */
CDM_INLINE CdmWide cdm_wide_tanh_of(CdmWide x, CdmWideHyper h) {
    CdmWide one = CDM_W(1.0), half = CDM_W(0.5), a = one - h.power, a_lo = (one - a) - h.power;
    CdmWide n = CDM_WFNMA(h.power, h.all, a), d = CDM_WFMA(h.power, h.all, one + h.power);
    CdmWide n_lo = CDM_WFNMA(h.power, h.rest, CDM_WFNMA(h.power, h.r, (a - n) + a_lo));
    CdmWide d_lo = (CDM_W(2.0) - d) - n, q = n / d;
    CdmWide residual = CDM_WFNMA(q, d, n) + CDM_WFNMA(q, d_lo - n_lo, n_lo);
    return cdm_wide_signed(CDM_WFMA(residual, CDM_WFMA(q, half, half), q), x);
}

/* 4 u/(1 + u)^2 */
CDM_INLINE CdmWide cdm_wide_slope_of(CdmWideHyper h) {
    CdmWide square = CDM_WFMA(h.u, h.u + CDM_W(2.0), CDM_W(1.0));
    __m512i four_u = _mm512_add_epi64(CDM_WBITS(h.u), _mm512_set1_epi64(2LL << 52));
    return _mm512_castsi512_pd(four_u) / square;
}

/* Where the exponent of u would leave the range. */
#define CDM_WFAR_HYPER(x) CDM_WBEYOND(x, 354.0, _CMP_NLT_UQ)

CDM_INLINE CdmWide cdm_wide_tanh(CdmWide x) {
    return cdm_wide_or(tanh, x, cdm_wide_tanh_of(x, cdm_wide_hyper(x)), CDM_WFAR_HYPER(x));
}

CDM_INLINE CdmWide cdm_wide_tanh_slope(CdmWide x) {
    return cdm_wide_or(cdm_tanh_slope, x, cdm_wide_slope_of(cdm_wide_hyper(x)), CDM_WFAR_HYPER(x));
}

CDM_INLINE CdmWide cdm_wide_tanh_pair_of(CdmWide x, CdmWideHyper h, CdmWide *slope) {
    __mmask8 far = CDM_WFAR_HYPER(x);
    *slope = cdm_wide_or(cdm_tanh_slope, x, cdm_wide_slope_of(h), far);
    return cdm_wide_or(tanh, x, cdm_wide_tanh_of(x, h), far);
}

CDM_WPAIR(tanh, CdmWideHyper, cdm_wide_hyper)

/* --- gauss, erfc, erf: see special.h -------------------------------------------------------------- */

/* e^(-m^2) as 2^k (y + tail) for m = |x|, or 28 beyond; scalef rounds k down. */
typedef struct {
    CdmWide m, y, tail, k;
} CdmWideGauss;

CDM_INLINE CdmWideGauss cdm_wide_gauss_parts(CdmWide x) {
    CdmWide m = _mm512_min_pd(CDM_W(28.0), _mm512_abs_pd(x)), square_lo, square = cdm_wide_two_prod(m, m, &square_lo);
    CdmWide magic = CDM_WFNMA(square, CDM_W(CDM_LOG2E), CDM_W(CDM_MAGIC_16));
    CdmWide k = magic - CDM_W(CDM_MAGIC_16), lo = CDM_WFMA(k, CDM_W(CDM_LN2_LO), square_lo);
    CdmWide r = CDM_WFNMA(k, CDM_W(CDM_LN2_HI), -square) - lo;
    CdmWide lost = cdm_wide_look(cdm_wide_power_rests, CDM_WBITS(magic));
    CdmWide r2 = r * r, p = r + CDM_WFMA(r2, cdm_wide_exp_rest(r, r2), lost);
    CdmWide power = cdm_wide_look(cdm_wide_powers, CDM_WBITS(magic)), y = CDM_WFMA(power, p, power);
    CdmWideGauss g = {m, y, CDM_WFMA(power, p, power - y), k};
    return g;
}

/* The sum scaled; but where that is subnormal, and would be rounded twice, by cdm_gauss. */
CDM_INLINE CdmWide cdm_wide_gauss_of(CdmWideGauss g) {
    __mmask8 tiny = CDM_WBEYOND(g.m - CDM_W(26.96), 0.35, _CMP_LT_OQ);
    return cdm_wide_or(cdm_gauss, g.m, _mm512_scalef_pd(g.y + g.tail, g.k), tiny);
}

CDM_INLINE CdmWide cdm_wide_gauss(CdmWide x) { return cdm_wide_gauss_of(cdm_wide_gauss_parts(x)); }

/* See cdm_erfc_poly, whose coefficients these are. */
CDM_INLINE CdmWide cdm_wide_erfc_poly(CdmWide v, CdmWide v_lo, CdmWide *lo) {
    CdmWide v2 = v * v, v4 = v2 * v2, v8 = v4 * v4, linear_lo, c1 = CDM_W(0x1.e57b10382abf0p-1);
    CdmWide p5 = CDM_WFMA(v4, CDM_W(-0x1.3abb3d9d34cdap-32),
                          CDM_WPOLY4(v, v2, -0x1.28b819f48ad52p-26, -0x1.5aa22ce164765p-27,
                                     0x1.4f27c24306639p-29, 0x1.e9fd0745c7916p-31));
    CdmWide p4 = CDM_WPOLY4(v, v2, -0x1.be0acd60a21eap-20, -0x1.2963d2a407850p-21,
                            0x1.49452d45a310bp-23, 0x1.53850134752f5p-24);
    CdmWide p3 = CDM_WPOLY4(v, v2, -0x1.8089fb7416c29p-13, 0x1.793cae518977dp-19,
                            0x1.3db79f8ba7d2fp-16, 0x1.9c86b24419a3ep-19);
    CdmWide p2 = CDM_WPOLY4(v, v2, 0x1.2237cfe6f8100p-5, 0x1.0a656cef48533p-7,
                            0x1.c2c9e75f2d45bp-12, -0x1.0c8c85355c317p-11);
    CdmWide high = CDM_WFMA(v8, CDM_WFMA(v4, p5, p4), CDM_WFMA(v4, p3, p2));
    CdmWide p1 = CDM_WFMA(v2, high, CDM_WPOLY2(v, 0x1.def69ac383c34p-3, 0x1.a68f1ba8f89dep-4));
    CdmWide rest = CDM_WFMA(v2, p1, CDM_WPOLY2(v, 0x1.632447f0c51c6p-1, 0x1.bfbbf7ace3bc8p-2));
    CdmWide linear = cdm_wide_two_prod(v, c1, &linear_lo), c0 = CDM_W(0x1.203dca943229dp+0);
    CdmWide head = c0 + linear, head_lo = (c0 - head) + linear;
    CdmWide small = CDM_WFMA(v_lo, CDM_WPOLY4(v, v2, 0.9035, 1.4001, 1.7982, 1.136), linear_lo);
    CdmWide sum = CDM_WFMA(v2, rest, head);
    *lo = CDM_WFMA(v2, rest, head - sum) + (small + head_lo);
    return sum;
}

/* 2^-k erfc(m), given gauss(m) as 2^k (y + y_lo); see cdm_erfc_parts. */
CDM_INLINE CdmWide cdm_wide_erfc_parts(CdmWide m, CdmWide y, CdmWide y_lo) {
    CdmWide d = m + CDM_W(3.75), d_lo = (CDM_W(3.75) - d) + m, p_lo, w_lo;
    CdmWide v = CDM_WFMA(CDM_W(8.0), CDM_W(1.0) / d, CDM_W(-1.103515625));
    CdmWide u = CDM_WFMA(CDM_W(0.125), v, CDM_W(0.137939453125));
    CdmWide u_lo = CDM_WFNMA(u, d_lo, CDM_WFNMA(u, d, CDM_W(1.0))) * u;
    CdmWide p = cdm_wide_erfc_poly(v, CDM_W(8.0) * u_lo, &p_lo);
    CdmWide w = cdm_wide_two_prod(y, u, &w_lo), result_lo;
    w_lo = w_lo + CDM_WFMA(y, u_lo, y_lo * u);
    CdmWide result = cdm_wide_two_prod(w, p, &result_lo);
    return result + CDM_WFMA(w, p_lo, CDM_WFMA(w_lo, p, result_lo));
}

/* Either of the two beside gauss. */
CDM_INLINE CdmWide cdm_wide_erfc_pair_of(CdmWide x, CdmWideGauss g, CdmWide *gauss) {
    CdmWide y = _mm512_scalef_pd(cdm_wide_erfc_parts(g.m, g.y, g.tail), g.k);
    CdmWide near = CDM_WFNMA(g.m, CDM_W(0x1.20dd750429b6dp+0), CDM_W(1.0));
    *gauss = cdm_wide_gauss_of(g);
    y = _mm512_mask_mov_pd(y, _mm512_cmp_pd_mask(g.m, CDM_W(0x1p-30), _CMP_LT_OQ), near);
    __mmask8 left = _mm512_cmp_pd_mask(x, CDM_W(0.0), _CMP_LT_OQ);
    return _mm512_mask_sub_pd(y, left, CDM_W(2.0), y);
}

CDM_WPAIR(erfc, CdmWideGauss, cdm_wide_gauss_parts)

CDM_INLINE CdmWide cdm_wide_erfc(CdmWide x) {
    CdmWide gauss;
    return cdm_wide_erfc_pair(x, &gauss);
}

/* See cdm_erf_poly, whose coefficients these are. */
CDM_INLINE CdmWide cdm_wide_erf_pair_of(CdmWide x, CdmWideGauss g, CdmWide *gauss) {
    CdmWide m = _mm512_abs_pd(x), far = CDM_W(1.0) - cdm_wide_erfc_pair_of(m, g, gauss);
    CdmWide z = m * m, z2 = z * z, z4 = z2 * z2;
    CdmWide high = CDM_WFMA(z2, CDM_W(0x1.8734279690f75p-27),
                            CDM_WPOLY2(z, 0x1.b8fbea8fd0c08p-20, -0x1.55ccf3573af35p-23));
    CdmWide mid = CDM_WPOLY4(z, z2, 0x1.565bcd00d3e99p-8, -0x1.c02db093f7726p-11,
                             0x1.f9a29cff55250p-14, -0x1.f4c45c22704e2p-17);
    CdmWide low = CDM_WPOLY4(z, z2, 0x1.06eba8214db69p-3, -0x1.812746b0379dep-2,
                             0x1.ce2f21a04227ap-4, -0x1.b82ce31249a2ep-6);
    CdmWide near = CDM_WFMA(m, CDM_WFMA(z4, CDM_WFMA(z4, high, mid), low), m);
    far = _mm512_mask_mov_pd(far, _mm512_cmp_pd_mask(m, CDM_W(CDM_ERF_SPLIT), _CMP_LT_OQ), near);
    return cdm_wide_signed(far, x);
}

CDM_WPAIR(erf, CdmWideGauss, cdm_wide_gauss_parts)

CDM_INLINE CdmWide cdm_wide_erf(CdmWide x) {
    CdmWide gauss;
    return cdm_wide_erf_pair(x, &gauss);
}

#endif
