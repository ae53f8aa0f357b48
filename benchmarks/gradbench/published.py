"""Times that were measured elsewhere for tools that are not run here.

Least CPU milliseconds of an evaluate of gradient, Jacobian or direction, one thread, float64, on a
2-core Zen 5 virtual machine with AVX-512, gcc 12 -O3 -march=native, every figure validated as
GradBench does. `manual` is GradBench's C++ by hand, not the one that is built here. What is
measured here of the same kind gives the factor between the machines.
"""

COLUMNS = ("manual", "codipack", "enzyme", "jax", "torch")
Row = tuple[float | None, ...]

TIMES: dict[str, dict[str, Row]] = {
    "ba": {
        "ba1_n49_m7776_p31843": (4.85, 14.1, 5.69, None, None),
        "ba5_n257_m65132_p225911": (59.1, 157.0, 89.9, None, None),
        "ba14_n356_m226730_p1255268": (407.0, 905.0, 557.0, None, None),
    },
    "det": {
        "ell=5": (0.0041, 0.0026, 0.0099, None, None),
        "ell=8": (1.98, 0.685, 10.9, None, None),
        "ell=10": (242.0, 67.2, 1012.0, None, None),
        "ell=11": (3249.0, 856.0, None, None, None),
    },
    "gmm": {
        "d=2,k=5,n=1000": (0.130, 0.308, 0.266, 0.133, 0.789),
        "d=10,k=25,n=1000": (2.73, 13.6, 20.6, 2.39, 10.1),
        "d=32,k=50,n=1000": (27.4, 223.0, 117.0, 53.9, 35.6),
        "d=64,k=100,n=1000": (204.0, 1665.0, 632.0, 358.0, None),
    },
    "ht": {
        "tiled_big/hand1_t26_c100": (10.4, 97.4, None, None, 8368.0),
        "tiled_big/hand6_t26_c1600": (10.7, 117.0, None, None, None),
        "tiled_big/hand10_t26_c25600": (20.5, 125.0, None, None, None),
    },
    "kmeans": {
        "k=10,n=1000,d=8": (0.0249, 0.506, 0.037, 0.0434, 0.319),
        "k=100,n=10000,d=8": (2.47, 58.7, 15.3, 5.68, 20.2),
        "k=1000,n=10000,d=16": (52.0, 1195.0, 95.9, 260.0, 715.0),
    },
    "llsq": {
        "n=16": (0.0035, 0.0135, 0.0018, 0.0223, None),
        "n=1024": (0.221, 1.34, 0.113, 0.415, None),
        "n=16392": (3.64, 16.7, 1.92, 25.0, None),
    },
    "lse": {
        "n=2500": (0.0102, 0.0322, 0.0176, 0.0234, 0.0658),
        "n=80000": (0.309, 1.61, 0.625, 0.180, 0.414),
        "n=1280000": (5.26, 19.3, 10.1, 5.40, 8.76),
    },
    "lstm": {
        "l=2,c=1024": (8.52, 3.61, 2.88, None, 1477.0),
        "l=4,c=4096": (114.0, 31.7, 33.2, None, 7305.0),
        "l=6,c=8192": (555.0, 92.4, 102.0, None, None),
    },
    # `manual` evaluates the closed form of the exact solution here, which is another algorithm.
    "ode": {
        "n=1000,s=1": (None, 0.0263, 0.0036, 0.0161, None),
        "n=10000,s=10": (None, 2.05, 0.312, 0.696, None),
        "n=100000,s=10": (None, 22.1, 26.0, 26.5, None),
        "n=100000,s=100": (None, 194.0, 295.0, 322.0, None),
    },
}
NESTED: dict[str, dict[str, tuple[float, float]]] = {  # CoDiPack, Enzyme
    "particle": {"ff": (2.78, 0.68), "fr": (8.70, 2.30), "rf": (17.9, 1.23), "rr": (15.1, 6.80)},
    "saddle": {"ff": (3.72, 2.06), "fr": (6.15, 1.52), "rf": (5.90, 3.00), "rr": (5.25, 2.21)},
}


def times(module: str, workload: str, function: str) -> dict[str, float]:
    """What was measured elsewhere for one function, by tool."""
    if module in NESTED:
        return dict(zip(("codipack", "enzyme"), NESTED[module][function], strict=True))
    row = TIMES.get(module, {}).get(workload)
    if row is None:
        return {}
    return {name: t for name, t in zip(COLUMNS, row, strict=True) if t is not None}
