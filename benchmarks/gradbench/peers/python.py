"""Pure Python: the oracle of the tests, on lists of floats. What most users come from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log, pi
from typing import Any

import numpy as np

from benchmarks._peers import reference
from benchmarks.gradbench.gmm import log_gamma

ref = reference()
Run = Callable[[], Any]


def total(values: list[Any]) -> Any:
    """The sum, from the first on."""
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


def run_of(function: Callable[..., Any], *arguments: Any) -> Run:
    """The gradient by all arguments, which are nested lists."""
    gradient = ref.grad(function, argnums=tuple(range(len(arguments))))
    return lambda: gradient(*arguments)


def log_sum_exp(xs: list[Any]) -> Any:
    largest = max(ref.plain(x) for x in xs)
    return ref.log(total([ref.exp(x - largest) for x in xs])) + largest


def lse(x: np.ndarray) -> Run:
    return run_of(log_sum_exp, x.tolist())


def llsq(data: Any) -> Run:
    x, t = data

    def error(x: list[Any]) -> Any:
        squares = []
        for at in t.tolist():
            power, residual = 1.0, float(np.sign(at))
            for coefficient in x:
                residual = residual - coefficient * power
                power *= at
            squares.append(residual * residual)
        return 0.5 * total(squares)

    return run_of(error, x.tolist())


def det(a: np.ndarray) -> Run:
    def expand(a: list[list[Any]]) -> Any:
        if len(a) == 1:
            return a[0][0]
        terms = []
        for j, x in enumerate(a[0]):
            term = x * expand([row[:j] + row[j + 1 :] for row in a[1:]])
            terms.append(-term if j % 2 else term)
        return total(terms)

    return run_of(expand, a.tolist())


def gmm(data: Any) -> Run:
    p, x, gamma, m = data
    (n, d), k = x.shape, len(p["alpha"])
    degrees = d + m + 1
    constant = -n * d * 0.5 * log(2 * pi)
    constant += k * (degrees * d * (log(gamma) - 0.5 * log(2)) - log_gamma(d, 0.5 * degrees))

    def factor(q: list[Any], l: list[Any]) -> list[list[Any]]:  # noqa: E741
        entries = iter(l)
        columns = [[next(entries) for _ in range(d - j - 1)] for j in range(d)]
        return [[columns[j][i - j - 1] for j in range(i)] + [ref.exp(q[i])] for i in range(d)]

    def posterior(alpha: Any, mu: Any, q: Any, l: Any) -> Any:  # noqa: E741
        factors = [factor(*pair) for pair in zip(q, l, strict=True)]
        sums = [total(row) for row in q]
        value = -n * log_sum_exp(alpha)
        for point in x.tolist():
            terms = []
            for a, s, mean, rows in zip(alpha, sums, mu, factors, strict=True):
                centred = [u - v for u, v in zip(point, mean, strict=True)]
                scaled = [total([r * c for r, c in zip(row, centred)]) for row in rows]  # noqa: B905
                terms.append(a + s - 0.5 * total([y * y for y in scaled]))
            value = value + log_sum_exp(terms)
        squares = total([y * y for rows in factors for row in rows for y in row])
        return value + constant - 0.5 * gamma**2 * squares + m * total(sums)

    return run_of(posterior, *[p[name].tolist() for name in ("alpha", "mu", "q", "l")])


def lstm(data: Any) -> Run:
    main, extra, state, sequence = [x.tolist() for x in data]
    count, width = len(sequence), len(sequence[0])

    def cell_of(w: Any, b: Any, j: int, x: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
        gates = [x, hidden, x, hidden]
        forget, ingate, outgate, change = [
            gates[g] * w[g * width + j] + b[g * width + j] for g in range(4)
        ]
        cell = cell * ref.sigmoid(forget) + ref.sigmoid(ingate) * ref.tanh(change)
        return ref.sigmoid(outgate) * ref.tanh(cell), cell

    def loss(main: Any, extra: Any) -> Any:
        states = [row[:] for row in state]
        gains = []
        for now, following in pairwise(sequence):
            x = [a * b for a, b in zip(now, extra[0], strict=True)]
            for i in range(0, len(main), 2):
                pairs = [
                    cell_of(main[i], main[i + 1], j, x[j], states[i][j], states[i + 1][j])
                    for j in range(width)
                ]
                x = states[i] = [hidden for hidden, _ in pairs]
                states[i + 1] = [cell for _, cell in pairs]
            predicted = [a * b + c for a, b, c in zip(x, extra[1], extra[2], strict=True)]
            norm = ref.log(2.0 + total([ref.exp(y) for y in predicted]))
            gains += [a * (y - norm) for a, y in zip(following, predicted, strict=True) if a]
        return -1.0 * total(gains) / ((count - 1) * width)

    return run_of(loss, main, extra)


def ode(data: Any) -> Run:
    x, steps = data
    h = 2.0 / steps

    def last(x: list[Any]) -> Any:
        def slope(y: list[Any]) -> list[Any]:
            return [x[0], *[a * b for a, b in zip(x[1:], y[:-1], strict=True)]]

        def moved(y: list[Any], k: list[Any], h: float) -> list[Any]:
            return [a + h * b for a, b in zip(y, k, strict=True)]

        y: list[Any] = [0.0] * len(x)
        for _ in range(steps):
            k1 = slope(y)
            k2 = slope(moved(y, k1, h / 2))
            k3 = slope(moved(y, k2, h / 2))
            k4 = slope(moved(y, k3, h))
            sums = [a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
            y = moved(y, sums, h / 6)
        return y[-1]

    return run_of(last, x.tolist())


EVALS: dict[tuple[str, str], Callable[[Any], Run]] = {
    ("det", "gradient"): det,
    ("gmm", "jacobian"): gmm,
    ("llsq", "gradient"): llsq,
    ("lse", "gradient"): lse,
    ("lstm", "jacobian"): lstm,
    ("ode", "gradient"): ode,
}
