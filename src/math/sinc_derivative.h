/* Derivatives of every order of sinc(x) = sin(pi x) / (pi x).
 *
 * With t = pi x and f(t) = sin(t) / t, the product t f = sin gives
 *     t f^(n) + n f^(n-1) = sin(t + n pi/2),
 * which is stable upward in n for |t| > n and downward for |t| < n (there any start far enough up
 * will do, for its error shrinks by |t| / n at each step).  At 0 it is exact for every order.  The
 * first derivative, which gradients need, also has a branch-free form for vector loops.  Depends on
 * the other headers of this folder only.
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
    const double s = cdm_sin(CDM_PI * period), c = cdm_cos(CDM_PI * period);
    const int n = order >= 0.0 && order < 1000.0 ? (int)order : -1;
    double f = 0.0, scale = 1.0;
    int k;
    if (x != x || n < 0)
        return CDM_NAN;
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

/* The first derivative: the power series for |t| < 1.5, (cos t - sin t / t) / t elsewhere. */
#define CDM_HAS_FAST_sinc_derivative 1

CDM_INLINE double cdm_sinc_derivative_fast_ok(double x, double order)
{
    return (order == 1.0) & (CDM_ABS(x) < 1e15) ? 1.0 : 0.0;
}

CDM_INLINE double cdm_sinc_derivative_fast(double x, double order)
{
    const double t = CDM_PI * x, u = t * t;
    const double phase = CDM_PI * (x - 2.0 * cdm_rint(0.5 * x));
    const double far = (cdm_cos_fast(phase) - cdm_sin_fast(phase) / t) / t;
    double near = -8.509974375387505e-22;
    near = near * u + 3.9145882126782523e-19;
    near = near * u - 1.4797143443923793e-16;
    near = near * u + 4.498331606952833e-14;
    near = near * u - 1.0706029224547743e-11;
    near = near * u + 1.9270852604185937e-09;
    near = near * u - 2.505210838544172e-07;
    near = near * u + 2.2045855379188714e-05;
    near = near * u - 0.0011904761904761906;
    near = near * u + 0.03333333333333333;
    near = near * u - 0.3333333333333333;
    (void)order;
    return CDM_PI * (u < 2.25 ? near * t : far);
}

#endif
