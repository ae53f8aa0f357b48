"""Switches that say where things come from: `debug_nans`, `debug_infs`, `debug_lines`.

Each sets a flag of the core, for all threads, and puts the former state back at the end of a `with`
block. They know no operator and no graph: the core notes the lines and looks at the values. Off,
they cost nothing; on, every operation looks for the line that called it, which takes 0.4 to 2
microseconds.
"""

from __future__ import annotations

from cdiff._checks._switch import Switch
from cdiff._core import watch

__all__ = ["debug_infs", "debug_lines", "debug_nans"]

LINES, NANS, INFS = 1, 2, 4  # enum Watch in src/nodes/watch.pxi
VALUES = NANS | INFS


class _Watch(Switch):
    """A flag of the core.

    Parameters
    ----------
    on : bool, default True
    """

    flag = 0

    def __init__(self, on: bool = True) -> None:
        super().__init__(on)

    @classmethod
    def state(cls) -> tuple[bool]:
        """Whether the flag is set."""
        return (bool(watch() & cls.flag),)

    @classmethod
    def put(cls, on: bool) -> None:
        """Set the flag, and no other."""
        watch(watch() | cls.flag if on else watch() & ~cls.flag)


class debug_nans(_Watch):
    """Raise an error at the operation that makes the first nan.

    The error names the operator, the line of your code, the operands and the lines that made them;
    for a derivative, the operation that it belongs to. Forward and backward, eager and compiled:
    while it is on, programs run operation by operation, and compiled functions record anew.

    Parameters
    ----------
    on : bool, default True
        Switched on (or off) at once; at the end of a ``with`` block the former state comes back.

    Raises
    ------
    TypeError
        If `on` is not a bool.

    See Also
    --------
    debug_infs, debug_lines

    Examples
    --------
    >>> import cdiff as cd, numpy as np
    >>> with cd.debug_nans():
    ...     cd.grad(lambda x: np.log(x - 3.0))(2.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    FloatingPointError: log made nan, at ...
    """

    flag = NANS


class debug_infs(_Watch):
    """Raise an error at the operation that makes the first infinity; as `debug_nans`.

    Parameters
    ----------
    on : bool, default True

    Raises
    ------
    TypeError
        If `on` is not a bool.

    Examples
    --------
    >>> import cdiff as cd, numpy as np
    >>> with cd.debug_infs():
    ...     cd.grad(np.sqrt)(0.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    FloatingPointError: the reverse derivative of sqrt made inf; the operation stands at ...
    """

    flag = INFS


class debug_lines(_Watch):
    """Note the line of your code that makes each value.

    Errors about shapes, which find the lines of the operands in the code by themselves, then have
    the exact ones, errors about values that were left behind say where they came from, and
    `made_at` tells the line of any Array.

    Parameters
    ----------
    on : bool, default True

    Raises
    ------
    TypeError
        If `on` is not a bool.

    Examples
    --------
    >>> import cdiff as cd
    >>> x = cd.array([1.0, 2.0])
    >>> with cd.debug_lines():
    ...     try:
    ...         x + cd.array([1.0, 2.0, 3.0])
    ...     except ValueError as error:
    ...         print(error.__notes__[0].splitlines()[0])
    in add
    """

    flag = LINES
