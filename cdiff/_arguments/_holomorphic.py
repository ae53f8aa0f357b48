"""Which derivatives of complex functions are what they are called.

A derivative of a complex function is one complex number only if the function is holomorphic, which
no library can see; the caller says so. This file checks dtypes of arguments and results against
that promise, and names the transformation to use instead. It knows nothing of how a derivative is
computed, and looks at each leaf once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import is_complex, leaf_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_for_forward", "check_for_reverse", "checked_mode", "joint_dtype", "promise"]

OTHERWISE = {
    "reverse": "for other functions with complex results use cdiff.vjp",
    "forward": "for other functions of complex arguments use cdiff.jvp",
}


def promise(holomorphic: Any) -> dict[str, bool]:
    """The option of a transformation, left out where it is not set.

    Parameters
    ----------
    holomorphic : bool

    Returns
    -------
    dict
    """
    return {"holomorphic": True} if holomorphic else {}


def check_for_reverse(
    inputs: Iterable[Any], outputs: Iterable[Any], name: str, who: str, holomorphic: bool
) -> None:
    """Raise unless cotangents of ones give derivatives: of real results, or all complex by promise.

    Parameters
    ----------
    inputs, outputs : iterable of leaf
    name : str
        The function that was called, and
    who : str
        the transformation, for messages.
    holomorphic : bool

    Raises
    ------
    TypeError
    """
    if holomorphic:
        _check_all_complex(inputs, outputs, name, who)
        return
    for y in outputs:
        if is_complex(y):
            raise TypeError(
                f"{who} needs real outputs, but the output of {name} has dtype {leaf_dtype(y)}; "
                "for the complex derivative of a holomorphic function pass holomorphic=True, "
                + OTHERWISE["reverse"]
            )


def check_for_forward(
    inputs: Iterable[Any], outputs: Iterable[Any], name: str, who: str, holomorphic: bool
) -> None:
    """Raise unless tangents of ones give derivatives: by real arguments, or all complex by promise.

    Parameters and errors are those of `check_for_reverse`.
    """
    if holomorphic:
        _check_all_complex(inputs, outputs, name, who)
        return
    for x in inputs:
        if is_complex(x):
            raise TypeError(
                f"{who} needs real arguments, but one of {name} has dtype {leaf_dtype(x)}; "
                "for the complex derivative of a holomorphic function pass holomorphic=True, "
                + OTHERWISE["forward"]
            )


def _check_all_complex(inputs: Iterable[Any], outputs: Iterable[Any], name: str, who: str) -> None:
    for noun, leaves in (("arguments", inputs), ("outputs", outputs)):
        for x in leaves:
            if not is_complex(x):
                raise TypeError(
                    f"{who} with holomorphic=True needs complex {noun}, but one of {name} has "
                    f"dtype {leaf_dtype(x)}; convert it with .astype(complex)"
                )


def checked_mode(
    mode: str, inputs: list[Any], outputs: list[Any], name: str, who: str, holomorphic: bool
) -> str:
    """The mode of a Jacobian, in which its entries are derivatives.

    Parameters
    ----------
    mode : {"auto", "fwd", "rev"}
    inputs, outputs : list of leaf
    name, who : str
    holomorphic : bool

    Returns
    -------
    {"auto", "fwd", "rev"}
        "auto" as long as both modes are right.

    Raises
    ------
    TypeError
    """
    if not holomorphic and mode == "auto":
        if any(map(is_complex, outputs)):
            mode = "fwd"
        elif any(map(is_complex, inputs)):
            mode = "rev"
    if mode != "rev":
        check_for_forward(inputs, outputs, name, who, holomorphic)
    if mode != "fwd":
        check_for_reverse(inputs, outputs, name, who, holomorphic)
    return mode


def joint_dtype(y: Any, x: Any) -> np.dtype[Any]:
    """The dtype of the derivative of `y` by `x`: that of `x`, complex if one of them is.

    Parameters
    ----------
    y, x : leaf

    Returns
    -------
    dtype
    """
    dtype = leaf_dtype(x)
    return np.result_type(dtype, np.complex64) if is_complex(y) else dtype
