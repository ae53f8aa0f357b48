"""NumPy's functions on tracked arrays: the price of the wrapping, and forward and backward.

The first table times, in one process, a primitive of the core, the function of `cdiff.numpy` that
leads to it, and plain `np.f` on the same array, which NumPy itself dispatches. The second times
forward and backward of each function with a given cotangent, an array of each library's own kind,
beside torch and autograd, each in its own process; the answers have to agree with cdiff's, which
the tests compare with differences. This file knows how each function is written in each library.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._peers import PEERS, load
from benchmarks._report import Bound, Reasons, Report, duration, ratio, shown
from benchmarks._timing import Case, Pace, Race, best
from benchmarks.structural import autograd_case, eager_case

SIZES = (10, 1000, 100_000)
FASTER = Bound(at_least=1.0)
WRAPPING = Bound(at_most=150.0)  # nanoseconds over the core
WIDTHS = (26, 10, 10, 10, 10, 12, 34)
WRAPPED_WIDTHS = (14, 10, 12, 10, 10, 10, 20)
SMALL = 10

# Primitive of the core, and the same call of cdiff.numpy and numpy.
WRAPPED = {
    "exp": ("core.exp(x)", "xp.exp(x)"),
    "add": ("core.add(x, y)", "xp.add(x, y)"),
    "maximum": ("core.maximum(x, y)", "xp.maximum(x, y)"),
    "sum": ("core.sum(x)", "xp.sum(x)"),
    "sum axis": ("core.sum(m, (0,))", "xp.sum(m, axis=0)"),
    "max": ("core.max(x)", "xp.max(x)"),
    "prod": ("core.prod(x)", "xp.prod(x)"),
    "mean": ("core.sum(x) / 10", "xp.mean(x)"),
    "reshape": ("core.reshape(x, (2, 5))", "xp.reshape(x, (2, 5))"),
    "transpose": ("core.transpose(m, (1, 0))", "xp.transpose(m)"),
    "concatenate": ("core.concatenate((x, y))", "xp.concatenate((x, y))"),
    "where": ("core.where(mask, x, y)", "xp.where(mask, x, y)"),
    "matmul": ("core.matmul(m, x[:3])", "xp.matmul(m, x[:3])"),
    "cumsum": ("core.cumsum(x, 0)", "xp.cumsum(x, 0)"),
    "norm": ("core.norm2(x)", "xp.linalg.norm(x)"),
    "inv": ("core.inv(m)", "xp.linalg.inv(m)"),
}

# As cdiff and autograd write it, and torch where that differs. x and y are vectors of n positive
# numbers, m and w square matrices of about n.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "x + y": ("x + y",),
    "x * y": ("x * y",),
    "x / y": ("x / y",),
    "x ** 2.5": ("x ** 2.5",),
    "exp": ("xp.exp(x)",),
    "log": ("xp.log(x)",),
    "sin": ("xp.sin(x)",),
    "tanh": ("xp.tanh(x)",),
    "sqrt": ("xp.sqrt(x)",),
    "abs": ("xp.abs(x - 1.0)",),
    "maximum": ("xp.maximum(x, y)",),
    "arctan2": ("xp.arctan2(x, y)",),
    "where": ("xp.where(mask, x, y)",),
    "clip": ("xp.clip(x, 0.7, 1.2)",),
    "sum": ("xp.sum(x)",),
    "mean": ("xp.mean(x)",),
    "var": ("xp.var(x)", "xp.var(x, correction=0)"),
    "std": ("xp.std(x)", "xp.std(x, correction=0)"),
    "prod": ("xp.prod(near)",),
    "max": ("xp.max(x)",),
    "min, axis 0": ("xp.min(m, axis=0)", "xp.amin(m, dim=0)"),
    "cumsum": ("xp.cumsum(x, 0)",),
    "cumprod": ("xp.cumprod(near, 0)",),
    "sort": ("xp.sort(x)", "xp.sort(x).values"),
    "norm": ("xp.linalg.norm(x)",),
    "reshape": ("xp.reshape(m, (-1,))",),
    "transpose": ("m.T * 2.0",),
    "concatenate": ("xp.concatenate((x, y))",),
    "stack": ("xp.stack((x, y))",),
    "roll": ("xp.roll(x, 3)",),
    "flip": ("xp.flip(x, (0,))",),
    "tile": ("xp.tile(x, (2,))",),
    "repeat": ("xp.repeat(x, 2)", "xp.repeat_interleave(x, 2)"),
    "diff": ("xp.diff(x)",),
    "pad": ("xp.pad(x, 2)", "xp.nn.functional.pad(x, (2, 2))"),
    "take": ("x[places]",),
    "x[1:-1]": ("x[1:-1]",),
    "tril": ("xp.tril(m)",),
    "trace": ("xp.trace(m)",),
    "diag": ("xp.diag(m)",),
    "dot": ("xp.dot(x, y)",),
    "outer": ("xp.outer(x[:300], y[:300])",),
    "matmul": ("xp.matmul(m, w)",),
    "einsum": ("xp.einsum('ij,jk->ik', m, w)",),
    "tensordot": ("xp.tensordot(m, w, 1)",),
    "inv": ("xp.linalg.inv(m)",),
    "solve": ("xp.linalg.solve(m, w)",),
    "det": ("xp.linalg.det(m / scale)",),
    "cholesky": ("xp.linalg.cholesky(xp.matmul(m, m.T))",),
    "eigvalsh": ("xp.linalg.eigvalsh(m + m.T)",),
    "eigh, values": ("xp.linalg.eigh(m + m.T)[0]",),
    "svd, values": ("xp.linalg.svd(m)[1]",),
    "norm nuc": ("xp.linalg.norm(m, 'nuc')",),
    "qr": ("xp.linalg.qr(m)[1]",),
    "pinv": ("xp.linalg.pinv(m)",),
    "slogdet": ("xp.linalg.slogdet(m)[1]",),
    "matrix_power": ("xp.linalg.matrix_power(m, 3)",),
    "kron": ("xp.kron(m[:15, :15], w[:15, :15])",),
    "einsum of three": ("xp.einsum('ij,jk,kl->il', m, w, w)",),
    "quantile": ("xp.quantile(x, 0.3)",),
    "fft": ("xp.abs(xp.fft.fft(x))",),
    "rfft": ("xp.abs(xp.fft.rfft(x))",),
    "irfft of rfft": ("xp.fft.irfft(xp.fft.rfft(x) * 2.0)",),
    "complex": ("xp.abs(xp.exp(1j * x) + y)",),
}


def data(size: int) -> dict[str, np.ndarray]:
    """What an expression may name; `near` has a product that is an ordinary number."""
    random = np.random.default_rng(size)
    rows = max(3, math.isqrt(size))
    spread = 0.5 / np.sqrt(size)
    return {
        "x": random.uniform(0.5, 1.5, size),
        "y": random.uniform(0.5, 1.5, size),
        "near": random.uniform(1.0 - spread, 1.0 + spread, size),
        "m": random.uniform(-0.5, 0.5, (rows, rows)) / np.sqrt(rows) + 2.0 * np.eye(rows),
        "w": random.uniform(-0.5, 0.5, (rows, rows)),
        "scale": np.asarray(2.0),
        "mask": random.uniform(size=size) > 0.5,
        "places": random.integers(0, size, size),
    }


def _function(contender: str, name: str, size: int) -> tuple[Callable[[Any], Any], np.ndarray]:
    """The function of its one tracked operand, and that operand."""
    library = load(contender)
    given = data(size)
    forms = FUNCTIONS[name]
    text = forms[-1] if contender == "torch" else forms[0]
    known = compile(text, "", "eval").co_names
    tracked = next(k for k in ("near", "x", "m") if k in known)
    names = {k: library.constant(v) for k, v in given.items()} | {"xp": library.xp}
    function: Callable[[Any], Any] = eval(f"lambda {tracked}: {text}", names)
    return function, given[tracked]


def build(contender: str, key: str) -> Case:
    """One contender's version of `function | size`."""
    name, size = key.split(" | ")
    function, x = _function(contender, name, int(size))
    plain, _ = _function("numpy", name, int(size))
    value = np.asarray(plain(x))
    g = load(contender).own(np.random.default_rng(1).uniform(0.5, 1.5, value.shape))
    if contender == "autograd":
        case, other = autograd_case(function, x, g), 0.9 * x
    else:
        case, other = eager_case(contender, function, x, g), load(contender).leaf(0.9 * x)
    if x.ndim < 2:
        return case
    # cdiff keeps the factors of the last matrix: each turn is to have another than the last.
    names = {**case.names, "other": other}
    return replace(case, stmt=f"x, other = other, x; {case.stmt}", names=names)


# --- the tables --------------------------------------------------------------------------------


def _wrapping(report: Report, pace: Pace) -> None:
    """The core, the function of cdiff.numpy and NumPy's own on one small tracked array."""
    core = __import__("cdiff._core", fromlist=["_core"])
    library = load("cdiff")
    given = data(SMALL)
    names = {"core": core, "mask": given["mask"]}
    names |= {k: library.leaf(given[k]) for k in ("x", "y", "m")}
    titles = ("core", "cdiff.numpy", "numpy", "+ns", "+ns numpy", "")
    report.rows(WRAPPED_WIDTHS, [(f"n = {SMALL}", *titles)])
    for name, (primitive, call) in WRAPPED.items():
        cases = {
            "core": Case(f"z = {primitive}", names, list, 10),
            "cdiff": Case(f"z = {call}", names | {"xp": library.xp}, list, 10),
            "numpy": Case(f"z = {call}", names | {"xp": np}, list, 10),
        }
        times = best(cases, pace)
        extra = times["cdiff"] - times["core"]
        told = report.verdict(f"wrapping of {name}", extra, WRAPPING)
        cells = [duration(times[one]) for one in ("core", "cdiff", "numpy")]
        cells += [f"{extra:.0f}", f"{times['numpy'] - times['core']:.0f}"]
        report.rows(WRAPPED_WIDTHS, [(name, *cells, told)])


def _row(race: Race, report: Report, reasons: Reasons, name: str, size: int) -> None:
    key = f"{name} | {size}"
    times = race.run(key, build("cdiff", key).answer(), ("cdiff", *PEERS))
    reasons.note(key, times)
    figures = [ratio(times[peer], times["cdiff"]) for peer in PEERS]
    verdicts = [
        # A function that a peer does not have or differentiate wins no race.
        "" if isinstance(figure, str) else report.verdict(f"{key}, {peer} / cdiff", figure, FASTER)
        for peer, figure in zip(PEERS, figures, strict=True)
    ]
    cells = [duration(times[one]) for one in ("cdiff", *PEERS)]
    told = "; ".join(dict.fromkeys(verdict for verdict in verdicts if verdict))
    report.rows(WIDTHS, [(name, *cells, *map(shown, figures), told)])


def main(report: Report) -> None:
    """Run this benchmark."""
    pace = Pace(2, 0.002) if report.quick else Pace(5, 0.006)
    report.heading("wrapping")
    _wrapping(report, pace)
    reasons = Reasons()
    with Race("benchmarks.wrapping", ("cdiff", *PEERS), ("cdiff",), pace) as race:
        for size in SIZES[:2] if report.quick else SIZES:
            report.say()
            titles = ("cdiff", *PEERS, "torch/cd", "autograd/cd", "")
            report.rows(WIDTHS, [(f"forward+backward, n = {size}", *titles)])
            for name in FUNCTIONS:
                _row(race, report, reasons, name, size)
    reasons.tell(report)


if __name__ == "__main__":
    from benchmarks.__main__ import alone

    alone("wrapping")
