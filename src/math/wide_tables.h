/* The tables of wide.h, of sixteen numbers each, which two registers hold, or of eight.
 *
 * Powers 2^(j/16), every other one of them again, and sines and cosines of j pi/8; for each of
 * sixteen pieces of an octave, of which the first begins at the bits CDM_WIDE_LOG_START, 1/c and
 * log c, a multiple of 2^-42.  The rests are what rounding left over, of the powers relative to
 * them.  To other bases log c and its rest, then the logarithms of 2 and of e, in two parts each.
 * For m^(-1/3) on sixteen pieces of [1, 2) parabolas, and factors for m, 2m and 4m.  For powers
 * 1/c and log c once more, of 32 pieces from CDM_WIDE_POWER_START, in halves of 32 bits: all that
 * 1/c needs is its upper half; of log c it is that one's number and the rest, a double.  It knows
 * nothing of its use.  Printed by `python coefficients.py wide_tables`; do not edit.
 */
#ifndef CDM_WIDE_TABLES_H
#define CDM_WIDE_TABLES_H

#include <stdint.h>

#define CDM_WIDE_LOG_START 0x3fe7555600000000LL
#define CDM_WIDE_POWER_START 0x3fe6c00000000000LL

static const double cdm_wide_powers[16] = {
    0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
    0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
    0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
    0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0,
};

static const double cdm_wide_power_rests[16] = {
    0x0.0p+0, 0x1.79aa65d837b6dp-54, -0x1.01b15eaa59348p-55, 0x1.68efde3a8a894p-54,
    0x1.34d754db0abb6p-55, 0x1.59f48a72a4c6dp-55, 0x1.690cebb7aafb0p-56, 0x1.063e1e21c5409p-54,
    -0x1.3b3efbf5e2228p-54, -0x1.b32dcb94da51dp-56, 0x1.db72fc1f0eab4p-55, 0x1.1affc2b91ce27p-56,
    0x1.c1a7792cb3387p-55, 0x1.36eae30af0cb3p-56, 0x1.4a385a63d07a7p-56, -0x1.ff7128fd391f0p-55,
};

static const double cdm_wide_even_powers[8] = {
    0x1.0000000000000p+0, 0x1.172b83c7d517bp+0, 0x1.306fe0a31b715p+0, 0x1.4bfdad5362a27p+0,
    0x1.6a09e667f3bcdp+0, 0x1.8ace5422aa0dbp+0, 0x1.ae89f995ad3adp+0, 0x1.d5818dcfba487p+0,
};

static const double cdm_wide_even_power_rests[8] = {
    0x0.0p+0, -0x1.01b15eaa59348p-55, 0x1.34d754db0abb6p-55, 0x1.690cebb7aafb0p-56,
    -0x1.3b3efbf5e2228p-54, 0x1.db72fc1f0eab4p-55, 0x1.c1a7792cb3387p-55, 0x1.4a385a63d07a7p-56,
};

static const double cdm_wide_sines[8] = {
    0x0.0p+0, 0x1.87de2a6aea963p-2, 0x1.6a09e667f3bcdp-1, 0x1.d906bcf328d46p-1,
    0x1.0000000000000p+0, 0x1.d906bcf328d46p-1, 0x1.6a09e667f3bcdp-1, 0x1.87de2a6aea963p-2,
};

static const double cdm_wide_sine_rests[8] = {
    0x0.0p+0, -0x1.72cedd3d5a610p-57, -0x1.bdd3413b26456p-55, 0x1.457e610231ac2p-56,
    0x0.0p+0, 0x1.457e610231ac2p-56, -0x1.bdd3413b26456p-55, -0x1.72cedd3d5a610p-57,
};

static const double cdm_wide_cosines[8] = {
    0x1.0000000000000p+0, 0x1.d906bcf328d46p-1, 0x1.6a09e667f3bcdp-1, 0x1.87de2a6aea963p-2,
    0x0.0p+0, -0x1.87de2a6aea963p-2, -0x1.6a09e667f3bcdp-1, -0x1.d906bcf328d46p-1,
};

static const double cdm_wide_cosine_rests[8] = {
    0x0.0p+0, 0x1.457e610231ac2p-56, -0x1.bdd3413b26456p-55, -0x1.72cedd3d5a610p-57,
    0x0.0p+0, 0x1.72cedd3d5a610p-57, 0x1.bdd3413b26456p-55, -0x1.457e610231ac2p-56,
};

static const double cdm_wide_inverses[16] = {
    0x1.5800000000000p+0, 0x1.4a00000000000p+0, 0x1.3d00000000000p+0, 0x1.3100000000000p+0,
    0x1.2600000000000p+0, 0x1.1c00000000000p+0, 0x1.1300000000000p+0, 0x1.0800000000000p+0,
    0x1.0000000000000p+0, 0x1.e800000000000p-1, 0x1.cb00000000000p-1, 0x1.b300000000000p-1,
    0x1.9d00000000000p-1, 0x1.8900000000000p-1, 0x1.7700000000000p-1, 0x1.6700000000000p-1,
};

static const double cdm_wide_logs[16] = {
    -0x1.2e8e2bae12000p-2, -0x1.0402594b4d000p-2, -0x1.b5b519e8fc000p-3, -0x1.66acd4272a000p-3,
    -0x1.1b72ad52f6000p-3, -0x1.a926d3a4ac000p-4, -0x1.253f62f0a0000p-4, -0x1.f829b0e780000p-6,
    0x0.0p+0, 0x1.894aa149f8000p-5, 0x1.bf968769fc000p-4, 0x1.4dc7b897bc000p-3,
    0x1.b811730b82000p-3, 0x1.0edd060b78000p-2, 0x1.3edf463c17000p-2, 0x1.6b85b4cffa000p-2,
};

static const double cdm_wide_log_rests[16] = {
    0x1.67b1e99b72bd8p-45, -0x1.036b89ef42d7fp-48, 0x1.4b722ec011f31p-44, -0x1.aa1bdbfc6c785p-44,
    -0x1.e80a41811a396p-45, -0x1.563650bd22a9cp-44, -0x1.416f8fb69a701p-44, -0x1.980267c7e09e4p-45,
    0x0.0p+0, 0x1.9a19a8be97661p-44, 0x1.4218c8d824283p-45, 0x1.c79b60ae1ff0fp-47,
    0x1.e90683b9cd768p-46, 0x1.019b52d8435f5p-47, -0x1.f067c297f2c3fp-44, 0x1.fe6750d372503p-45,
};

static const double cdm_wide_logs_to_two[36] = {
    -0x1.b47ebf7388000p-2, -0x1.771d2ba7f0000p-2, -0x1.3bbd3a0a1e000p-2, -0x1.02baba24d0000p-2,
    -0x1.98edd077e8000p-3, -0x1.32ae9e278a000p-3, -0x1.a7111df348000p-4, -0x1.6bad3758f0000p-5,
    0x0.0p+0, 0x1.1bb32a6004000p-4, 0x1.42ddd2ba1c000p-3, 0x1.e18b00e132000p-3,
    0x1.3d712bf9ca000p-2, 0x1.86c5f36dea000p-2, 0x1.cc0908e19b000p-2, 0x1.0639d4c21a000p-1,
    -0x1.50520a377c7ecp-45, 0x1.3106e404cabb7p-44, 0x1.82b53e791792dp-45, -0x1.98eec5e85b29fp-44,
    0x1.e41fa0a62e6aep-44, -0x1.c343ea3e580ebp-44, -0x1.24fad116078efp-46, 0x1.3c6764fc87b4ap-48,
    0x0.0p+0, 0x1.49d0cc62a295ep-44, -0x1.6ad5bac74b87fp-44, -0x1.b85f3204507b9p-44,
    -0x1.0899cee46ebe4p-45, 0x1.eddd33ea4d6f1p-45, 0x1.ef474f1e559fep-44, -0x1.50343f8df4b43p-44,
    0x1.0000000000000p+0, 0x0.0p+0, 0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56,
};

static const double cdm_wide_logs_to_ten[36] = {
    -0x1.06cbd67a6c000p-3, -0x1.c3aea4a5c8000p-4, -0x1.7c30164a60000p-4, -0x1.378a8ef848000p-4,
    -0x1.ec6647eb58000p-5, -0x1.71483427d0000p-5, -0x1.fd6c5b0850000p-6, -0x1.b5e908eb20000p-7,
    0x0.0p+0, 0x1.559bd24070000p-6, 0x1.84c51ebee8000p-5, 0x1.21eaf28f58000p-4,
    0x1.7e3d04697c000p-4, 0x1.d689b21940000p-4, 0x1.14f806253c000p-3, 0x1.3bc05efcbc000p-3,
    -0x1.db2a2c6287ec0p-46, 0x1.10162e464084cp-44, -0x1.06c11064a1f6ep-45, -0x1.71e18847c4d89p-44,
    -0x1.0108fa031185ap-46, -0x1.54c670f088030p-44, -0x1.c4b8600163d9fp-46, 0x1.90dfe0d1601cap-44,
    0x0.0p+0, -0x1.e22fab794a816p-45, 0x1.a2aaa2cb6638bp-46, -0x1.afa5f213c5a5bp-46,
    -0x1.1f8744b80ca8fp-45, -0x1.d9a0880039681p-45, 0x1.f65c144ac2d9fp-46, -0x1.cf6e4c905eeddp-44,
    0x1.34413509f8000p-2, -0x1.80433b83b532ap-44, 0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57,
};

static const double cdm_wide_root_constants[16] = {
    0x1.8a394d0afd223p+0, 0x1.828f57f269f93p+0, 0x1.7b75a843ed4cfp+0, 0x1.74daa277929eap+0,
    0x1.6eaf9651c7b24p+0, 0x1.68e8255e84e54p+0, 0x1.6379ce80744b2p+0, 0x1.5e5b94666d082p+0,
    0x1.5985b7d3c2a82p+0, 0x1.54f180b9e2f96p+0, 0x1.5099128a37dc2p+0, 0x1.4c774920bb28ep+0,
    0x1.48879c57107d0p+0, 0x1.44c60957aa5ccp+0, 0x1.412efd49825a9p+0, 0x1.3dbf48eb6a8eep+0,
};

static const double cdm_wide_root_slopes[16] = {
    -0x1.7e68cb8a77e86p-1, -0x1.6188d2cd60215p-1, -0x1.48456df06362ep-1, -0x1.3201c95ede9c9p-1,
    -0x1.1e41fad16650cp-1, -0x1.0ca2e56832f42p-1, -0x1.f9a8c4cc43395p-2, -0x1.dd29f4e06ab90p-2,
    -0x1.c35d7040fe092p-2, -0x1.abe986f132ab0p-2, -0x1.96831dd4a6213p-2, -0x1.82eadeb0005dcp-2,
    -0x1.70eb07548fcd3p-2, -0x1.6055b2eecdddcp-2, -0x1.5103726fed403p-2, -0x1.42d243bd3cdcap-2,
};

static const double cdm_wide_root_squares[16] = {
    0x1.a7d824505e367p-3, 0x1.7171f51a03fb1p-3, 0x1.447f9c06d36e9p-3, 0x1.1ef9a60a6ad8ap-3,
    0x1.feb6bc0530759p-4, 0x1.c8fafa4e08bd3p-4, 0x1.9af94e6a1f500p-4, 0x1.734f44d7a8176p-4,
    0x1.50e5792084802p-4, 0x1.32dd6ee832562p-4, 0x1.18845041fded1p-4, 0x1.01491edd1d46cp-4,
    0x1.d96ab80321cd9p-5, 0x1.b4cef78d2456cp-5, 0x1.941d33cd3b4aap-5, 0x1.76ce835280b85p-5,
};

static const double cdm_wide_root_factors[8] = {
    0x1.0000000000000p+0, 0x1.965fea53d6e3dp-1, 0x1.428a2f98d728bp-1, 0x1.0000000000000p+0,
    0x1.965fea53d6e3dp-1, 0x1.428a2f98d728bp-1, 0x1.0000000000000p+0, 0x1.965fea53d6e3dp-1,
};

static const uint32_t cdm_wide_inverse[32] = {
    0x3ff64000, 0x3ff5c000, 0x3ff54000, 0x3ff50000, 0x3ff48000, 0x3ff40000, 0x3ff3c000, 0x3ff34000,
    0x3ff30000, 0x3ff28000, 0x3ff24000, 0x3ff20000, 0x3ff1c000, 0x3ff14000, 0x3ff10000, 0x3ff0c000,
    0x3ff08000, 0x3ff04000, 0x3ff00000, 0x3fef0000, 0x3fee0000, 0x3fed4000, 0x3fec8000, 0x3feb8000,
    0x3feb0000, 0x3fea4000, 0x3fe98000, 0x3fe90000, 0x3fe88000, 0x3fe7c000, 0x3fe74000, 0x3fe6c000,
};

static const uint32_t cdm_wide_log_upper[32] = {
    0xbfd51aad, 0xbfd3a64c, 0xbfd22941, 0xbfd1675c, 0xbfcfb918, 0xbfcc8ff7, 0xbfcaf3c9, 0xbfc7ab89,
    0xbfc5ff30, 0xbfc29552, 0xbfc0d77e, 0xbfbe2707, 0xbfba926d, 0xbfb341d7, 0xbfaf0a30, 0xbfa77458,
    0xbf9f829b, 0xbf8fc0a8, 0x00000000, 0x3fa0415d, 0x3fb08598, 0x3fb700d3, 0x3fbda727, 0x3fc365fc,
    0x3fc5bf40, 0x3fc95a5a, 0x3fcd1037, 0x3fcf991c, 0x3fd1178e, 0x3fd314f1, 0x3fd4718d, 0x3fd5d5bd,
};

static const uint32_t cdm_wide_log_rest_upper[32] = {
    0xbe80e5bf, 0xbe755a51, 0xbe8f79ef, 0xbe857574, 0xbe6b578f, 0xbe78f353, 0xbe63a02f, 0xbe1086c8,
    0xbe6c29e4, 0xbe7f03fe, 0xbe6f3423, 0xbe5b8abc, 0xbe4d256a, 0xbe62c37a, 0xbe58022c, 0xbe5ec65b,
    0xbe0cf066, 0xbe361f80, 0x00000000, 0x3e513ce8, 0x3e66b3c7, 0x3e25d581, 0x3e58e111, 0x3e7602b2,
    0x3e6ad50f, 0x3e7b9ee0, 0x3e7e4cab, 0x3e6b2cec, 0x3e8044fc, 0x3e8c3a6b, 0x3e884e38, 0x3e8beb2b,
};

static const uint32_t cdm_wide_log_rest_lower[32] = {
    0x05a13928, 0x7a71cbcd, 0x2cb44851, 0xc1c07399, 0x8aa35552, 0x443584bb, 0xfcb63398, 0x48df1b59,
    0xf4f21cf9, 0xa46980bc, 0x9659a5dc, 0xb97a7aa2, 0xb1b285e9, 0x3a125330, 0x54cc2f99, 0x9f88c69e,
    0x0099f1f8, 0x7c79f3db, 0x00000000, 0x888e02e8, 0x40d11480, 0xc1e8da9a, 0xa89401fa, 0x02c5f504,
    0x6c7ee0a5, 0x2fe450b1, 0xcf6b0315, 0xde5f6650, 0x8f7bc671, 0x9c7614b3, 0x8360c7da, 0xe5f4d5f7,
};

#endif
