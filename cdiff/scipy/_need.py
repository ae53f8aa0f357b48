"""SciPy itself, or an error that says how to get it.

SciPy is an extra of this package, so nothing else here may import it at the top of a file. It knows
no function of SciPy.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

__all__ = ["scipy_before", "scipy_module"]


def scipy_module(name: str, who: str = "cdiff.scipy") -> Any:
    """A module of SciPy.

    Parameters
    ----------
    name : str
        Its name below ``scipy``.
    who : str, optional
        What needs it, for the message.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If SciPy is not installed, with the command that installs it.

    Examples
    --------
    >>> scipy_module("special").expit(0.0)
    np.float64(0.5)
    """
    try:
        return import_module(f"scipy.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "scipy":
            raise
        raise ImportError(
            f"{who} needs SciPy, an optional dependency: pip install cdiff-ad[scipy]"
        ) from error


@cache
def scipy_before(major: int, minor: int) -> bool:
    """Whether the SciPy that is installed is older: other versions have other dtypes."""
    found = scipy_module("version").version.split(".")[:2]
    return tuple(map(int, found)) < (major, minor)
