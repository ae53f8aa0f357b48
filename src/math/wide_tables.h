/* The tables of wide.h, of sixteen numbers each, which two registers hold, or of eight.
 *
 * Powers 2^(j/16), every other one of them again, and sines and cosines of j pi/8; for each of
 * sixteen pieces of an octave, of which the first begins at the bits CDM_WIDE_LOG_START, 1/c and
 * log c, a multiple of 2^-42.  The rests are what rounding left over, of the powers relative to
 * them.  It knows nothing of its use.  Printed by
 * `python coefficients.py wide_tables`; do not edit.
 */
#ifndef CDM_WIDE_TABLES_H
#define CDM_WIDE_TABLES_H

#define CDM_WIDE_LOG_START 0x3fe7555600000000LL

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

#endif
