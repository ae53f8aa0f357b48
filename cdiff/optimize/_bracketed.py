"""`brentq`: SciPy's root of a function of one number between two ends, with derivatives.

SciPy finds it; differentiated is the equation at the root (`cdiff.custom_root`), so nothing here
knows a derivative, nor how Brent's method works. The function is recorded once, and SciPy calls its
program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._wrap import check_function
from cdiff._face import misfit
from cdiff._solutions._implicit import custom_root
from cdiff.scipy._need import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["brentq"]


def brentq(
    f: Callable[..., Any],
    a: Any,
    b: Any,
    args: Any = (),
    xtol: float = 2e-12,
    rtol: float = 4 * float(np.finfo(float).eps),
    maxiter: int = 100,
) -> Any:
    """`scipy.optimize.brentq`, whose root is a function of the parameters in every mode and order.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``: one number of one number, in which it may use tracked values from outside.
    a, b : float
        Ends between which f changes its sign. They decide which root is found, and have no
        derivative.
    args : tuple, optional
        Parameters: containers of numbers and arrays.
    xtol, rtol : float, optional
        The root is found to ``xtol + rtol * abs(x)``, and its derivatives as precisely.
    maxiter : int, default 100

    Returns
    -------
    float or Array

    Raises
    ------
    ValueError
        If f has the same sign at both ends, or an argument does not fit.
    RuntimeError
        If the root is not found in `maxiter` steps.
    numpy.linalg.LinAlgError
        When differentiated, if the slope of f is 0 at the root.
    ImportError
        Without SciPy.

    See Also
    --------
    cdiff.custom_root : systems of equations, and any other solver.

    Examples
    --------
    >>> import numpy as np, cdiff as cd, cdiff.optimize as cdo
    >>> angle = lambda m: cdo.brentq(lambda e: e - 0.1 * np.sin(e) - m, 0.0, np.pi)
    >>> round(angle(0.8), 10)
    0.8768743613
    >>> round(cd.grad(angle)(0.8), 10)      # 1 / (1 - 0.1 cos(e))
    1.0683255146
    """
    check_function(f, "brentq: f")
    scipy = scipy_module("optimize", "cdiff.optimize")
    for name, end in (("a", a), ("b", b)):
        if np.shape(end) != ():
            raise misfit(f"brentq: {name} is one number, not an array of shape {np.shape(end)}")

    def equations(ends: Any, *args: Any) -> Any:
        x, other = ends
        y = f(x, *args)
        if np.shape(y) != ():
            raise misfit(f"brentq: f gives one number, not an array of shape {np.shape(y)}")
        return y, other

    def solver(g: Any, ends: Any) -> Any:
        a, b = ends
        x = scipy.brentq(lambda x: g((x, 0.0))[0], a, b, (), xtol, rtol, maxiter)
        return x, 0.0

    # The second unknown, which is 0, is there to hand on the other end of the bracket.
    args = args if isinstance(args, tuple) else (args,)
    return custom_root(equations, solver=solver)((a, b), *args)[0]
