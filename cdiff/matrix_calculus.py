"""Derivatives as the matrix-calculus literature writes them, in both layouts.

`derivative` gives the derivative of a scalar, vector or matrix by another, with the axes of
output and argument side by side, or arranged as the two-dimensional object of the textbook, or
as the vec-based (Kronecker) matrix. `explain` prints the shapes of the chain rule. This file
only arranges what `jacobian` computes; it knows neither graphs nor operators.

The two layouts, for y = f(x): *numerator layout* puts the axes of y first (a row is an output,
a column an input), *denominator layout* the axes of x.

References
----------
.. [1] J. R. Magnus, H. Neudecker, Matrix Differential Calculus with Applications in Statistics
   and Econometrics, Wiley, 3rd ed. 2019 (vec, differentials).
.. [2] K. B. Petersen, M. S. Pedersen, The Matrix Cookbook, 2012 (tables of identities).

Examples
--------
>>> import numpy as np, cdiff.matrix_calculus as mc
>>> A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0])
>>> mc.derivative(lambda x: A @ x, x, layout="denominator")
array([[1., 3.],
       [2., 4.]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import shape_of
from cdiff._arguments._tree import flatten
from cdiff._arguments._wrap import check_function
from cdiff._core import Array
from cdiff._pictures._explain import Explanation, record
from cdiff._transformations import _jacobian
from cdiff._transformations._forward import jvp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Explanation",
    "derivative",
    "differential",
    "explain",
    "gradient",
    "hessian",
    "jacobian",
    "vec",
]

ARRANGEMENTS = ("axes", "textbook", "vec")


def _argument(x: Any) -> Any:
    """A list of numbers, as people write vectors and matrices, becomes an array."""
    return np.asarray(x) if isinstance(x, (list, tuple)) else x


def _check(layout: Any, arrangement: Any, who: str) -> None:
    _jacobian.check_layout(layout, who)
    if arrangement not in ARRANGEMENTS:
        raise ValueError(f"{who}: arrangement must be one of {ARRANGEMENTS}, got {arrangement!r}")


def vec(x: Any) -> Any:
    """The columns of a matrix stacked in one vector.

    Parameters
    ----------
    x : array_like or Array, shape (m, n)
        Arrays of other dimension are read in column-major order.

    Returns
    -------
    ndarray or Array, shape (m * n,)

    Examples
    --------
    >>> import numpy as np
    >>> vec(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 3., 2., 4.])
    """
    x = _argument(x)
    return np.reshape(np.transpose(x), (-1,))


def derivative(
    f: Callable[[Any], Any],
    x: Any,
    layout: str = "numerator",
    arrangement: str = "axes",
) -> Any:
    """The derivative of a scalar, vector or matrix by a scalar, vector or matrix.

    Parameters
    ----------
    f : callable
        Takes one number or array and returns one.
    x : float, array_like or Array
        Where; of any shape.
    layout : {"numerator", "denominator"}
        Axes of the output first, or axes of the argument first.
    arrangement : {"axes", "textbook", "vec"}
        - "axes": shape ``y.shape + x.shape`` (numerator) or ``x.shape + y.shape``.
        - "textbook": two-dimensional, as printed. In numerator layout: scalar by vector (n,)
          the row (1, n); vector (p,) by scalar the column (p, 1); vector by vector (p, n);
          scalar by matrix (m, n) the transposed gradient (n, m); matrix by scalar (p, q). In
          denominator layout the transpose of that. Scalar by scalar stays a scalar.
        - "vec": ``d vec(y) / d vec(x)^T``, shape (size of y, size of x), with columns stacked
          (Magnus and Neudecker, chapter 9), so that the derivative of ``A X B`` is
          ``kron(B.T, A)``; its transpose in denominator layout.

    Returns
    -------
    float, ndarray or Array

    Raises
    ------
    ValueError
        If `layout` or `arrangement` is wrong, or if the textbook has no two-dimensional form
        (a matrix by a vector or matrix, a vector by a matrix).
    TypeError
        If argument or output is not one real number or array.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0])
    >>> derivative(lambda x: x @ x, x)
    array([2., 4.])
    >>> derivative(lambda x: x @ x, x, "numerator", "textbook")
    array([[2., 4.]])
    >>> derivative(lambda x: x @ x, x, "denominator", "textbook").shape
    (2, 1)
    """
    _check(layout, arrangement, "derivative")
    x = _argument(x)
    x_ndim = len(shape_of(x))
    if arrangement == "axes":
        return _single(_jacobian.jacobian(f, layout=layout)(x), "derivative")
    full = _single(_jacobian.jacobian(f)(x), "derivative")
    y_ndim = len(shape_of(full)) - x_ndim
    if arrangement == "textbook":
        matrix = _textbook(full, y_ndim, x_ndim)
    else:
        matrix = _vec_matrix(full, y_ndim)
    if len(shape_of(matrix)) == 2 and layout == "denominator":
        return np.transpose(matrix)
    return matrix


def _single(result: Any, who: str) -> Any:
    if not isinstance(result, (float, np.ndarray, np.generic, Array)):
        raise TypeError(
            f"{who} needs a function of one number or array that returns one, not containers; "
            "use cdiff.jacobian for these"
        )
    return result


def _textbook(full: Any, y_ndim: int, x_ndim: int) -> Any:
    """The numerator-layout matrix of the textbook, from the numerator-layout axes."""
    if y_ndim == x_ndim == 0:
        return full
    if y_ndim == 0 and x_ndim == 1:
        return np.reshape(full, (1, -1))
    if y_ndim == 1 and x_ndim == 0:
        return np.reshape(full, (-1, 1))
    if y_ndim == 0 and x_ndim == 2:
        return np.transpose(full)
    if y_ndim + x_ndim == 2:
        return full
    raise ValueError(
        f"derivative: the textbook has no two-dimensional form for an output with {y_ndim} axes "
        f"by an argument with {x_ndim}; use arrangement='vec' or 'axes'"
    )


def _vec_matrix(full: Any, y_ndim: int) -> Any:
    """Numerator-layout axes as the matrix d vec(y) / d vec(x)^T."""
    shape = shape_of(full)
    rows = int(np.prod(shape[:y_ndim], dtype=int))
    columns = int(np.prod(shape[y_ndim:], dtype=int))
    # Reversing the axes of y and those of x turns column-major order into row-major order.
    axes = (*range(y_ndim)[::-1], *range(y_ndim, len(shape))[::-1])
    return np.reshape(np.transpose(full, axes), (rows, columns))


def gradient(
    f: Callable[[Any], Any],
    x: Any,
    layout: str = "numerator",
    arrangement: str = "axes",
) -> Any:
    """The derivative of a scalar by a scalar, vector or matrix.

    Parameters
    ----------
    f : callable
        Returns a scalar.
    x : float, array_like or Array
    layout : {"numerator", "denominator"}
    arrangement : {"axes", "textbook", "vec"}
        As for `derivative`. With "axes" the shape is that of `x` in both layouts; with
        "textbook" it is the row (1, n) or the column (n, 1), the transposed gradient (n, m) or
        the gradient (m, n).

    Returns
    -------
    float, ndarray or Array

    Raises
    ------
    TypeError
        If the output is not a scalar.
    ValueError
        As for `derivative`.

    Examples
    --------
    >>> import numpy as np
    >>> gradient(lambda X: (X ** 2).sum(), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 4.],
           [6., 8.]])
    """
    _check(layout, arrangement, "gradient")
    x = _argument(x)

    def scalar(u: Any) -> Any:
        y = f(u)
        if shape_of(y) != () or isinstance(y, (tuple, list, dict)):
            raise TypeError(
                "gradient needs a function that returns a scalar, it returned "
                f"{type(y).__name__} of shape {shape_of(y)}; use derivative or jacobian"
            )
        return y

    return derivative(scalar, x, layout, arrangement)


def jacobian(
    f: Callable[[Any], Any],
    x: Any,
    layout: str = "numerator",
    arrangement: str = "axes",
) -> Any:
    """The derivative of a vector by a vector (or of any array by any array).

    Parameters
    ----------
    f : callable
    x : float, array_like or Array
    layout : {"numerator", "denominator"}
    arrangement : {"axes", "textbook", "vec"}
        All as for `derivative`.

    Returns
    -------
    float, ndarray or Array
        For vectors (p,) and (n,): the matrix (p, n), or (n, p) in denominator layout.

    Raises
    ------
    TypeError, ValueError
        As for `derivative`.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: 2.0 * x, np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 2.]])
    """
    return derivative(f, x, layout, arrangement)


def hessian(f: Callable[[Any], Any], x: Any, arrangement: str = "axes") -> Any:
    """The second derivative of a scalar; it is symmetric, so both layouts agree.

    Parameters
    ----------
    f : callable
        Returns a scalar.
    x : float, array_like or Array
    arrangement : {"axes", "vec"}
        Shape ``x.shape + x.shape``, or the matrix (size, size) by ``vec(x)``.

    Returns
    -------
    float, ndarray or Array

    Raises
    ------
    TypeError
        If the output is not a scalar.
    ValueError
        If `arrangement` is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> hessian(lambda x: x @ A @ x, np.array([1.0, 1.0]))
    array([[2., 2.],
           [2., 6.]])
    """
    if arrangement not in ("axes", "vec"):
        raise ValueError(f"hessian: arrangement must be 'axes' or 'vec', got {arrangement!r}")
    x = _argument(x)
    full = _single(_jacobian.hessian(f)(x), "hessian")
    x_ndim = len(shape_of(x))
    if len(shape_of(full)) != 2 * x_ndim:
        raise TypeError("hessian needs a function that returns a scalar")
    return full if arrangement == "axes" else _vec_matrix(full, x_ndim)


def differential(f: Callable[[Any], Any], x: Any, dx: Any) -> Any:
    """The differential ``d f(x; dx)``: the linear part of ``f(x + dx) - f(x)``.

    Parameters
    ----------
    f : callable
        Takes one number or array.
    x : float, array_like or Array
    dx : like `x`
        The increment.

    Returns
    -------
    container
        Of the structure and the shapes of ``f(x)``.

    Raises
    ------
    TypeError, ValueError
        If `dx` does not fit `x`.

    Examples
    --------
    >>> import numpy as np
    >>> differential(np.linalg.inv, np.array([[2.0, 0.0], [0.0, 4.0]]), np.eye(2))
    array([[-0.25  , -0.    ],
           [-0.    , -0.0625]])
    """
    return jvp(f, (_argument(x),), (_argument(dx),))[1]


def explain(
    f: Callable[..., Any], x: Any, /, layout: str = "numerator", *more: Any, **kwargs: Any
) -> Explanation:
    """The shapes of all factors of the chain rule from the output to the argument.

    Parameters
    ----------
    f : callable
        Takes what `x` is and returns one number or array.
    x : float, array_like, Array or container of them
        A list of numbers is an array.
    layout : {"numerator", "denominator"}
    *more : object
        There must be none: several arguments go into one container.
    **kwargs : object
        Keyword arguments of `f`, not differentiated; one may be called ``x``.

    Returns
    -------
    Explanation
        ``print`` it; its attributes hold the same as data.

    Raises
    ------
    TypeError
        If the output is not one real number or array, or the argument holds no number.
    ValueError
        If `layout` is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> explain(lambda x: (2.0 * x).sum(), np.ones(3)).shape
    (3,)
    >>> explain(lambda p: p["a"] @ p["b"], {"a": np.ones((2, 3)), "b": np.ones(3)}).shape
    {"x['a']": (2, 2, 3), "x['b']": (2, 3)}
    """
    check_function(f, "explain")
    if more or not isinstance(layout, str):
        raise TypeError(
            f"explain: layout must be 'numerator' or 'denominator', got a {type(layout).__name__}; "
            "several arguments go into one container: explain(lambda p: f(*p), (x, y))"
        )
    _jacobian.check_layout(layout, "explain")
    if all(isinstance(part, (int, float)) for part in flatten(x)[0]):
        x = _argument(x)
    return record(f, x, layout, kwargs)


def __dir__() -> list[str]:
    return sorted(__all__)
