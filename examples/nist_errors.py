"""Standard errors of the twelve certified regressions of NIST, by exact derivatives.

NIST certifies the standard deviations of the parameters as well as the parameters. `cdo.curve_fit`
finds both from a plain NumPy model: the Jacobian in the covariance is exact and taken at the
solution, so what is left is how well the solution is known. NumPy, SciPy and cdiff are needed:

    python examples/nist_errors.py [name ...]

The exit status is 0 if every standard error has six correct digits. (Lanczos3 and a few others have
data rounded to so few digits that more cannot be asked for.)
"""

import sys

import numpy as np
from nist_regression import MODELS, correct_digits, read_problem

import cdiff.optimize as cdo

DIGITS_WANTED = 6.0


def fit(name):
    """Correct digits of parameters and of standard errors, from NIST's start 2."""
    problem = read_problem(name)
    found = cdo.curve_fit(
        lambda x, p: problem.model(p["b"], x),
        problem.x,
        problem.y,
        {"b": problem.starts[1]},
        x_scale="jac",
        method="trf",
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
    )
    best, errors = found.parameters["b"], found.errors["b"]
    digits = correct_digits(errors, problem.certified_errors)
    return correct_digits(best, problem.certified), digits, errors, problem.certified_errors


def main(names):
    worst = np.inf
    for name in names or MODELS:
        with np.errstate(all="ignore"):  # a trial step may overflow: it is not taken then
            of_parameters, of_errors, errors, certified = fit(name)
        print(f"{name}: parameters {of_parameters.min():.1f} digits")
        for k, (error, exact, digits) in enumerate(zip(errors, certified, of_errors, strict=True)):
            print(f"  b{k + 1} +- {error:.10e}   certified {exact:.10e}   {digits:4.1f} digits")
        worst = min(worst, of_errors.min())
    print(f"\nstandard errors: {worst:.1f} digits or more")
    return 0 if worst >= DIGITS_WANTED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
