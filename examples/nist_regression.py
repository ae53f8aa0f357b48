"""Fit the twelve certified regressions of NIST with Jacobians from cdiff.

The Statistical Reference Datasets of the US National Institute of Standards and Technology
(https://www.itl.nist.gov/div898/strd/, public domain) come with parameters certified to eleven
digits and with two starting points: start 1 is far from the solution, start 2 is near. Each model
below is plain NumPy code; `cd.jacobian` differentiates it as it stands, and a Levenberg-Marquardt
method of forty lines does the rest. Only NumPy and cdiff are needed:

    python examples/nist_regression.py [name ...]

The exit status is 0 if every problem reaches eight correct digits from start 2.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import cdiff as cd

DATA = Path(__file__).parent / "nist"
DIGITS_WANTED = 8.0
DIGITS_CERTIFIED = 11.0


# --- the models, as NIST prints them --------------------------------------------------------------


def exponential_rise(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def chwirut(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def danwood(b, x):
    return b[0] * x ** b[1]


def eckerle4(b, x):
    return b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def gauss(b, x):
    first = b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2)
    second = b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)
    return b[0] * np.exp(-b[1] * x) + first + second


def cubic_over_cubic(b, x):
    over = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return over / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def quadratic_over_quadratic(b, x):
    return (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2)


def lanczos(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def mgh17(b, x):
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def rat43(b, x):
    return b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3])


MODELS = {
    "Misra1a": exponential_rise,
    "Chwirut2": chwirut,
    "Lanczos3": lanczos,
    "Gauss1": gauss,
    "DanWood": danwood,
    "Kirby2": quadratic_over_quadratic,
    "Hahn1": cubic_over_cubic,
    "MGH17": mgh17,
    "Thurber": cubic_over_cubic,
    "BoxBOD": exponential_rise,
    "Rat43": rat43,
    "Eckerle4": eckerle4,
}


# --- the data -------------------------------------------------------------------------------------


@dataclass
class Problem:
    name: str
    model: Callable  # parameters, x -> y
    x: np.ndarray
    y: np.ndarray
    residuals: Callable  # parameters -> model minus observations
    starts: np.ndarray  # two rows of parameters
    certified: np.ndarray
    certified_errors: np.ndarray  # standard deviations of the parameters
    certified_sum: float  # of squared residuals
    observations: int


def read_problem(name: str) -> Problem:
    """Parse NIST's file: lines `b1 = start1 start2 certified deviation`, then columns y and x."""
    lines = (DATA / f"{name}.dat").read_text().splitlines()
    rows = [line.split("=")[1].split() for line in lines if line.strip()[:1] == "b" and "=" in line]
    table = np.array(rows, dtype=float)
    sums = [line for line in lines if line.startswith("Residual Sum of Squares:")]
    header = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    y, x = np.array([line.split() for line in lines[header + 1 :] if line.strip()], dtype=float).T
    model = MODELS[name]
    return Problem(
        name=name,
        model=model,
        x=x,
        y=y,
        residuals=lambda b: model(b, x) - y,
        starts=table[:, :2].T,
        certified=table[:, 2],
        certified_errors=table[:, 3],
        certified_sum=float(sums[0].split(":")[1]),
        observations=len(y),
    )


# --- the method -----------------------------------------------------------------------------------


def damped_step(jacobian, residual, scale, damping):
    """The step that minimises |J step + r|^2 + damping |scale * step|^2, from an orthogonal
    factorisation: the normal equations would lose half of the digits."""
    size = scale.size
    columns = np.vstack([jacobian / scale, np.sqrt(damping) * np.eye(size)])
    target = np.concatenate([-residual, np.zeros(size)])
    return np.linalg.lstsq(columns, target, rcond=None)[0] / scale


def levenberg_marquardt(residuals, start, most_iterations=1000):
    """Minimise the sum of squares until a step promises an improvement below rounding.

    `scale` makes the path independent of the parameters' units. The first steps are short ones,
    down the slope: bold ones lead BoxBOD from start 1 into a plain where nothing depends on b2.
    """
    jacobian_of = cd.jacobian(residuals)
    b, residual, jacobian = start, residuals(start), jacobian_of(start)
    scale = np.linalg.norm(jacobian, axis=0)
    damping, growth = 100.0, 2.0
    for iteration in range(1, most_iterations + 1):
        step = damped_step(jacobian, residual, scale, damping)
        trial = residuals(b + step)
        before, after = residual @ residual, trial @ trial
        promised = before - np.sum((residual + jacobian @ step) ** 2)
        if promised <= 1e-12 * before:
            return b, iteration
        gain = (before - after) / promised
        if gain > 0:  # not so for nan
            b, residual, jacobian = b + step, trial, jacobian_of(b + step)
            scale = np.maximum(scale, np.linalg.norm(jacobian, axis=0))
            damping, growth = damping * max(1 / 10, 1 - (2 * gain - 1) ** 3), 2.0
        else:
            damping, growth = damping * growth, 2 * growth
    return b, most_iterations


def gauss_newton(residuals, b, most_iterations=100):
    """Undamped steps for as long as they shrink. Near the solution the sum of squares is flat to
    rounding, which hides half of the digits of b; the length of the step does not."""
    jacobian_of, length = cd.jacobian(residuals), np.inf
    for iteration in range(most_iterations):
        jacobian = jacobian_of(b)
        scale = np.linalg.norm(jacobian, axis=0)
        if not np.all(scale > 0):  # a plain: there is no solution here
            return b, iteration
        step = damped_step(jacobian, residuals(b), scale, 0.0)
        if not np.linalg.norm(scale * step) < length:
            return b, iteration
        b, length = b + step, np.linalg.norm(scale * step)
    return b, most_iterations


# --- the rival: finite differences ----------------------------------------------------------------


def central_differences(residuals, b):
    """The Jacobian from two values of the function per parameter."""
    steps = np.diag(np.cbrt(np.finfo(float).eps) * np.abs(b))
    columns = [(residuals(b + h) - residuals(b - h)) / (2 * h.sum()) for h in steps]
    return np.stack(columns, axis=1)


def seconds_per_call(function, argument, rounds=5, seconds_per_round=0.005):
    """The time of one call: the best of several rounds of many calls."""
    start = time.perf_counter()
    function(argument)
    calls = 1 + int(seconds_per_round / (time.perf_counter() - start))
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            function(argument)
        best = min(best, (time.perf_counter() - start) / calls)
    return best


# --- the report -----------------------------------------------------------------------------------


def correct_digits(found, certified):
    """NIST's measure, the log relative error, per parameter."""
    error = np.abs(found - certified) / np.abs(certified)
    digits = -np.log10(np.maximum(error, 10.0**-DIGITS_CERTIFIED))
    return np.where(np.isfinite(digits), np.maximum(digits, 0.0), 0.0)


def report_fit(problem, number):
    """Fit from one starting point and print the result; return the number of correct digits."""
    rough, first = levenberg_marquardt(problem.residuals, problem.starts[number - 1])
    b, last = gauss_newton(problem.residuals, rough)
    digits = correct_digits(b, problem.certified)
    sum_of_squares = float(np.sum(problem.residuals(b) ** 2))
    print(f"  start {number}: {first} + {last} iterations, ", end="")
    print(f"sum of squares {sum_of_squares:.10e} (certified {problem.certified_sum:.10e})")
    for k, (found, certified) in enumerate(zip(b, problem.certified, strict=True)):
        print(
            f"    b{k + 1} {found:18.10e}   certified {certified:18.10e}   {digits[k]:4.1f} digits"
        )
    if digits.min() < DIGITS_WANTED:
        print(f"    start {number} does not converge to the certified parameters")
    return digits.min(), first + last


def report_times(problem):
    """Time both Jacobians at the solution and print them; return the two times."""
    exact = cd.jacobian(problem.residuals)(problem.certified)
    rough = central_differences(problem.residuals, problem.certified)
    error = np.max(np.linalg.norm(rough - exact, axis=0) / np.linalg.norm(exact, axis=0))
    ours = seconds_per_call(cd.jacobian(problem.residuals), problem.certified)
    theirs = seconds_per_call(
        lambda b: central_differences(problem.residuals, b), problem.certified
    )
    rows, columns = exact.shape
    print(f"  Jacobian {rows} x {columns}: cdiff {ours * 1e6:.1f} us, ", end="")
    print(f"finite differences {theirs * 1e6:.1f} us ({theirs / ours:.1f} times as long), ", end="")
    print(f"with an error of {error:.0e}")
    return ours, theirs


def main(names):
    rows = []
    for name in names or MODELS:
        problem = read_problem(name)
        print(f"{name} ({problem.observations} observations, {problem.certified.size} parameters)")
        with np.errstate(all="ignore"):  # a trial step may overflow: it is not taken then
            fits = [report_fit(problem, number) for number in (1, 2)]
        rows.append((name, fits, report_times(problem)))
        print()
    print("           correct digits (iterations)     time of a Jacobian, us")
    print("problem    start 1        start 2          cdiff  differences  ratio")
    for name, fits, (ours, theirs) in rows:
        cells = [f"{digits:4.1f} ({iterations})" for digits, iterations in fits]
        cells[0] += " FAILS" if fits[0][0] < DIGITS_WANTED else ""
        print(f"{name:9}  {cells[0]:14} {cells[1]:14}", end="")
        print(f"{ours * 1e6:8.1f} {theirs * 1e6:12.1f} {theirs / ours:6.1f}")
    good = [sum(row[1][k][0] >= DIGITS_WANTED for row in rows) for k in (0, 1)]
    print(f"\n{DIGITS_WANTED:.0f} digits or more: ", end="")
    print(f"{good[0]} of {len(rows)} from start 1, {good[1]} of {len(rows)} from start 2")
    return 0 if good[1] == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
