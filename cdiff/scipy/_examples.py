"""What the docstrings of functions from tables show: one derivative of each.

An entry is a name, a point, and the derivative there by the last argument that has one, rounded to
four decimals; the tests compare. This file knows no function.
"""

from __future__ import annotations

__all__ = ["example"]


def _entries(text: str) -> dict[str, list[str]]:
    return {entry[0]: entry[1:] for entry in [item.split(":") for item in text.split()]}


ENTRIES = {
    "special": _entries("""
    agm:0.7,1.3:0.4327 airy:1.0:-0.1591 airye:1.0:-0.0465 bdtr:2.0,5,0.3:-1.323
    bdtrc:2.0,5,0.3:1.323 bdtri:2.0,5,0.3:-0.5892 bdtrik:0.6,7.0,0.4:7.4795
    bdtrin:2.0,0.6,0.4:-14.2231 bei:0.8:0.3991 beip:0.8:0.4947 ber:0.8:-0.032 berp:0.8:-0.1199
    beta:0.4,2.1:-0.3804 betainc:0.4,0.7,0.2:0.9279 betaincc:0.4,0.7,0.2:-0.9279
    betainccinv:1.4,0.7,0.2:-0.5109 betaincinv:1.4,0.7,0.2:1.3501 betaln:0.4,2.1:-0.2178
    binom:4.4,2.1:0.5543 boxcox:2.0,0.7:0.3341 boxcox1p:1.0,0.7:0.3341 btdtria:0.3,1.7,0.5:8.5194
    btdtrib:1.7,0.3,0.5:-3.3914 cbrt:0.5:0.5291 chdtr:2.3,1.7:0.2235 chdtrc:2.3,1.7:-0.2235
    chdtri:2.3,0.7:-3.318 chdtriv:0.3,2.0:1.2786 chndtr:3.0,7.5,1.2:-0.0203
    chndtrinc:5.0,3.5,0.4:-11.6069 chndtrix:0.3,3.5,1.2:0.6209 cosdg:-70.0:0.0164 cosm1:-2.3:0.7457
    cotdg:-70.0:-0.0198 dawsn:-2.3:-0.1456 digamma:0.3:12.2454 ellipe:-3.0:-0.224
    ellipeinc:0.7,0.3:-0.054 ellipj:0.5,0.25:-0.0174 ellipk:-3.0:0.0788 ellipkinc:0.7,0.3:0.0586
    ellipkm1:0.2:-2.272 elliprc:0.7,1.3:-0.2672 elliprd:0.7,1.3,2.0:-0.2593
    elliprf:0.7,1.3,2.0:-0.0886 elliprg:0.7,1.3,2.0:0.1336 elliprj:0.7,1.3,2.0,3.1:-0.0885
    entr:0.3:0.204 erf:0.5:0.8788 erfc:0.5:-0.8788 erfcinv:0.1:-3.428 erfcx:-2.3:-1824.8449
    erfi:-2.3:223.8066 erfinv:-0.7:1.5164 eval_chebyc:1,0.3:1.0 eval_chebys:1,0.3:1.0
    eval_chebyt:1,0.3:1.0 eval_chebyu:1,0.3:2.0 eval_gegenbauer:4,1.2,-0.6:-0.1622
    eval_genlaguerre:4,1.2,0.6:-5.996 eval_hermite:1,0.3:2.0 eval_hermitenorm:1,0.3:1.0
    eval_jacobi:4,1.2,0.5,-0.6:1.3477 eval_laguerre:1,0.3:-1.0 eval_legendre:1,0.3:1.0
    eval_sh_chebyt:1,0.3:2.0 eval_sh_chebyu:1,0.3:4.0 eval_sh_jacobi:4,2.2,0.5,0.6:-0.041
    eval_sh_legendre:1,0.3:2.0 exp1:0.2:-4.0937 exp10:-2.3:0.0115 exp2:0.5:0.9803 expi:-1.5:-0.1488
    expit:0.5:0.235 expm1:0.5:1.6487 expn:0,0.7:-1.7228 exprel:-2.3:0.1265 fdtr:2.3,4.0,0.7:0.4273
    fdtrc:2.3,4.0,0.7:-0.4273 fdtri:2.3,4.0,0.7:5.9453 fresnel:1.0:1.0 gamma:0.3:-10.478
    gammainc:0.4,0.2:0.9695 gammaincc:0.4,0.2:-0.9695 gammainccinv:0.8,0.3:-2.9552
    gammaincinv:0.8,0.3:1.0925 gammaln:0.3:-3.5025 gammasgn:0.3:0.0 gdtr:2.3,1.7,0.5:0.8839
    gdtrc:2.3,1.7,0.5:-0.8839 gdtria:0.3,1.7,0.5:-3.4536 gdtrib:1.2,0.3,2.0:1.408
    gdtrix:2.3,1.7,0.5:1.2538 huber:1.0,0.4:0.4 hyp0f1:1.3,0.7:1.0296 hyp1f1:1.3,0.7,0.5:3.5834
    hyp2f1:1.3,0.7,2.0,0.5:1.097 hyperu:1.3,0.7,0.5:-0.7307 i0:-2.3:-2.0978 i0e:-2.3:0.0734
    i1:-2.3:1.9175 i1e:-2.3:-0.0181 inv_boxcox:2.0,0.7:-2.0823 inv_boxcox1p:1.0,0.7:-0.5177
    it2i0k0:1.0:0.2661 it2j0y0:1.0:0.2348 it2struve0:0.8:-0.5925 itairy:1.0:0.1353 iti0k0:1.0:1.2661
    itj0y0:1.0:0.7652 itmodstruve0:0.8:0.5465 itstruve0:0.8:0.474 iv:0,1.3:0.7973 ive:0,1.3:-0.1831
    ivp:1.5,0.5:0.3665 j0:-2.3:0.5399 j1:-2.3:-0.1792 jn:0,1.3:-0.522 jv:0,1.3:-0.522
    jve:0,1.3:-0.522 jvp:1.5,0.5:0.2019 k0:0.2:-4.776 k0e:0.2:-3.6926 k1:0.2:-25.6326
    k1e:0.2:-25.4743 kei:0.8:0.359 keip:4.0:-0.0422 ker:0.8:-0.9873 kerp:0.8:1.8005
    kl_div:0.3,2.0:0.85 kn:0,1.3:-0.3725 kolmogi:0.03:-5.7508 kolmogorov:0.5:-0.6396
    kv:0.2,1.3:-0.3791 kve:0.2,1.3:-0.3578 kvp:1.5,0.5:53.7524 log1p:0.5:0.6667 log_expit:0.5:0.3775
    log_ndtr:-2.3:2.6414 log_wright_bessel:0.7,1.2,0.8:0.7956 loggamma:0.3:-3.5025
    logit:0.03:34.3643 lpmv:0,2,0.3:0.9 mathieu_a:2,0.7:0.5183 mathieu_b:2,0.7:-0.1162
    mathieu_cem:1,0.5,60.0:-0.015 mathieu_sem:1,0.5,20.0:0.0148 modstruve:1.4,2.2:1.3642
    nbdtr:2,5,0.3:0.4167 nbdtrc:2,5,0.3:-0.4167 nbdtri:2,5,0.3:0.527 nbdtrik:0.6,4.0,0.4:-26.2176
    nbdtrin:2.0,0.6,0.4:6.2789 ndtr:-2.3:0.0283 ndtri:0.03:14.6968 ndtri_exp:-0.1:5.3467
    nrdtrimn:0.3,2.0,1.0:1.0 nrdtrisd:0.3,0.7,1.0:1.9069 owens_t:0.4,0.7:0.0948 pbdv:1.5,0.5:1.2196
    pbvv:1.5,0.5:-0.0848 pbwa:1.5,0.5:-0.4035 pdtr:2.0,1.3:-0.2303 pdtrc:2.0,1.3:0.2303
    pdtri:2,0.3:-5.6872 pdtrik:0.5,2.0:1.0048 poch:0.4,2.1:0.4214 polygamma:1,0.3:-75.2725
    powm1:2.0,0.7:1.126 pseudo_huber:1.0,0.4:0.3714 psi:0.3:12.2454 radian:1.0,2.0,3.0:4.85e-06
    rel_entr:0.3,2.0:-0.15 rgamma:0.3:1.1708 round:0.3:0.0 shichi:1.0:1.1752 sici:1.0:0.8415
    sinc:0.5:-1.2732 sindg:30.0:0.0151 softplus:-2.3:0.0911 spence:0.2:-2.0118
    spherical_in:1,0.5:0.3587 spherical_jn:1,0.5:0.3087 spherical_kn:1,0.5:-24.7711
    spherical_yn:1,0.5:16.1216 stdtr:2.3,-1.7:0.0937 stdtridf:0.9,1.5:-17.8759 stdtrit:2.3,0.3:3.553
    struve:1.4,2.2:0.4861 tandg:-70.0:0.1492 tklmbda:0.4,0.3:0.0852
    voigt_profile:0.3,0.8,0.5:-0.2227 wright_bessel:0.7,1.2,0.8:1.734 wrightomega:-2.0:0.1072
    xlog1py:0.3,2.0:0.1 xlogy:0.3,2.0:0.15 y0:0.2:3.3238 y1:0.2:15.538 yn:0,1.3:0.5485
    yv:0,1.3:0.5485 yve:0,1.3:0.5485 yvp:1.5,0.5:-33.32 zetac:1.3:-11.0413
    """),
    "stats": _entries("""
    alpha:0.5,1.3:0.5103 anglit:0.5:-3.1148 arcsine:0.2:-1.875 argus:0.5,1.6:-0.3856
    bernoulli:1,0.3:3.3333 beta:0.5,1.7,2.4:-0.0619 betabinom:1,6,1.3,0.8:1.0907
    betanbinom:1,5,2.3,1.8:-0.4226 betaprime:0.5,1.7,3.2:0.0794 binom:1,6,0.3:-3.8095
    boltzmann:1,0.3,4.0:-0.1293 bradford:0.5,1.4:-0.0558 burr:0.5,1.9,0.8:-0.3044
    burr12:0.5,1.9,0.8:1.0126 cauchy:0.5:-0.8 chi:0.5,3.4:-1.144 chi2:0.5,3.4:-0.7974
    cosine:0.5:-0.2553 crystalball:0.5,1.2,2.7:0.049 dgamma:0.5,1.6:-0.8192 dlaplace:1,0.8:0.126
    dweibull:0.5,1.6:0.1605 erlang:0.5,2.0:-1.1159 expon:0.5:-1.0 exponnorm:0.5,1.3:-0.3505
    exponpow:0.5,1.7:-0.028 exponweib:0.5,1.6,1.3:0.0205 f:0.5,3.4,6.1:0.0215
    fatiguelife:0.5,0.9:-0.4252 fisk:0.5,1.9:0.1261 foldcauchy:0.5,1.3:-0.9403
    foldnorm:0.5,1.3:-1.0142 gamma:0.5,1.7:-0.9017 gausshyper:0.2,2.3,1.8,0.7,1.4:0.0942
    genexpon:0.5,1.2,0.7,1.6:0.0469 genextreme:0.5,0.3:0.5234 gengamma:0.5,1.7,1.2:-0.0433
    genhalflogistic:0.5,0.4:0.5794 genhyperbolic:0.5,0.7,1.6,0.4:0.0335
    geninvgauss:0.5,1.7,0.8:1.2606 genlogistic:0.5,1.4:0.2402 gennorm:0.5,1.7:0.2534
    genpareto:0.5,0.4:-0.3188 geom:1,0.3:3.3333 gibrat:0.5:-0.6137 gompertz:0.5,0.9:0.4624
    gumbel_l:0.5:-0.6487 gumbel_r:0.5:-0.3935 halfcauchy:0.5:-0.8 halfgennorm:0.5,1.7:0.2534
    halflogistic:0.5:-0.2449 halfnorm:0.5:-0.5 hypsecant:0.5:-0.4621 invgamma:0.5,2.7:-0.1036
    invgauss:0.5,0.8:-0.5859 invweibull:0.5,2.6:-3.1247 jf_skew_t:0.5,1.7,2.4:-0.4018
    johnsonsb:0.5,0.4,1.7:0.5882 johnsonsu:-0.5,0.4,1.7:0.3871 kappa3:0.5,1.6:0.2323
    kappa4:0.5,0.3,0.2:0.484 laplace:0.5:-1.0 laplace_asymmetric:0.5,1.4:-0.7317 levy:0.5:-1.0
    levy_l:-0.5:1.0 loggamma:0.5,1.7:0.2915 logistic:0.5:-0.2449 loglaplace:0.5,1.9:-0.1668
    lognorm:0.5,0.8:-0.3116 logser:1,0.3:-0.6719 loguniform:0.5,0.2,2.4:-0.1677 lomax:1.5,1.9:-0.39
    maxwell:0.5:3.5 mielke:0.5,2.7,1.9:0.5322 moyal:0.5:-0.1967 nakagami:0.5,1.6:-0.2923
    nbinom:1,4.5,0.3:13.5714 ncf:0.5,7.4,6.1,1.3:-0.1689 nct:0.5,5.3,0.7:-0.1726
    ncx2:0.5,3.4,1.2:-0.4288 norm:0.5:-0.5 norminvgauss:0.5,1.3,0.4:0.1766 pareto:2.5,1.9:-0.39
    pearson3:0.5,0.8:-0.2258 planck:1,0.7:-0.0136 poisson:1,2.3:-0.5652 powerlaw:0.5,1.7:-0.1049
    powerlognorm:0.5,1.7,0.8:-0.5691 powernorm:0.5,2.3:-0.7411 rayleigh:0.5:1.5 rdist:0.2,2.6:0.2067
    recipinvgauss:1.5,0.8:-0.2604 rel_breitwigner:0.5,1.7:-1.0997 rice:0.5,1.2:-1.0564
    semicircular:0.5:-0.6667 skellam:1,2.3,1.7:-0.2385 skewcauchy:0.5,0.3:0.1983
    skewnorm:0.5,1.7:0.1732 t:0.5,3.4:0.0297 trapezoid:0.5,0.2,0.7:-0.6667 triang:0.5,0.4:1.6667
    truncexpon:0.5,2.4:-0.0998 truncnorm:0.5,-0.7,1.9:-0.09 truncpareto:1.5,1.9,3.4:-0.0606
    truncweibull_min:0.5,1.7,0.3,1.9:-0.1638 tukeylambda:0.5,-0.3:0.6805 uniform:0.5:0.0
    vonmises:0.5,1.7:0.2358 vonmises_line:0.5,1.7:0.2358 wald:0.5:-1.5 weibull_max:-0.5,1.6:0.1605
    weibull_min:0.5,1.6:0.1605 wrapcauchy:0.5,0.4:1.1334 yulesimon:1,2.7:0.1001 zipf:1,2.3:0.3717
    """),
}


def example(room: str, name: str, call: str, k: int) -> str:
    """The lines at the end of a docstring; none for a name without an entry.

    Parameters
    ----------
    room, name : str
        "special" or "stats", and the name there.
    call : str
        The function to differentiate.
    k : int
        The position of the argument.

    Returns
    -------
    str
    """
    if name not in ENTRIES[room]:
        return ""
    point, found = ENTRIES[room][name]
    by = f", argnums={k}" if k else ""
    decimals = 8 if "e" in found else 4
    return f"\n\n>>> round(cd.grad({call}{by})({point.replace(',', ', ')}), {decimals})\n{found}"
