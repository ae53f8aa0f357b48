/* Derivatives of every order of sinc(x) = sin(pi x) / (pi x).
 *
 * With t = pi x and f(t) = sin(t) / t, the product t f = sin gives
 *     t f^(n) + n f^(n-1) = sin(t + n pi/2),
 * which is stable upward in n for |t| > n and downward for |t| < n (there any start far enough up
 * will do, for its error shrinks by |t| / n at each step).  At 0 it is exact for every order.  The
 * first derivative, which gradients need, is cdm_dsinc: branch-free, so vector loops use it too.
 * Depends on the other headers of this folder only.
 */
#ifndef CDM_SINC_DERIVATIVE_H
#define CDM_SINC_DERIVATIVE_H

#include "bits.h"
#include "rounding.h"
#include "trig.h"

#define CDM_PI 3.141592653589793

/* sin(t + n pi/2) from sin(t) and cos(t) */
static inline double cdm_sin_quarter(double s, double c, int n)
{
    double v = n & 1 ? c : s;
    return n & 2 ? -v : v;
}

static inline double cdm_sinc_derivative(double x, double order)
{
    const double period = x - 2.0 * cdm_rint(0.5 * x), t = CDM_PI * x;
    const int n = order >= 0.0 && order < 1000.0 ? (int)order : -1;
    double f = 0.0, scale = 1.0, s, c;
    int k;
    if (n == 1)
        return cdm_dsinc(x);
    if (x != x || n < 0)
        return CDM_NAN;
    s = cdm_sin(CDM_PI * period);
    c = cdm_cos(CDM_PI * period);
    if (CDM_ABS(t) >= n && t != 0.0) {
        f = s / t;
        for (k = 1; k <= n; k++)
            f = (cdm_sin_quarter(s, c, k) - k * f) / t;
    } else {
        for (k = n + 20 + (int)(10.0 * CDM_SQRT((double)n)); k > n; k--)
            f = (cdm_sin_quarter(s, c, k) - t * f) / k;
    }
    for (k = 0; k < n; k++)
        scale *= CDM_PI;
    return scale * f;
}

#define CDM_HAS_FAST_sinc_derivative 1

CDM_INLINE double cdm_sinc_derivative_fast_ok(double x, double order)
{
    (void)x;
    return order == 1.0 ? 1.0 : 0.0;
}

CDM_INLINE double cdm_sinc_derivative_fast(double x, double order)
{
    (void)order;
    return cdm_dsinc(x);
}

#endif
