"""Switches that say where things come from: `debug_nans`, `debug_infs`, `debug_lines`.

Each sets a flag of the core, for all threads, and puts the former state back at the end of a `with`
block. They know no operator and no graph: the core notes the lines and looks at the values. Off,
they cost nothing; on, every operation looks for the line that called it, which takes 0.4 to 2
microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdiff._core import watch

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["debug_infs", "debug_lines", "debug_nans"]

LINES, NANS, INFS = 1, 2, 4  # enum Watch in src/watch.pxi
VALUES = NANS | INFS


class _Switch:
    """A flag that is set from now on, or until the end of a with block.

    Parameters
    ----------
    on : bool, default True
    """

    flag = 0

    def __init__(self, on: bool = True) -> None:
        if on.__class__ is not bool:
            raise TypeError(
                f"{type(self).__name__} takes True or False, got a {type(on).__name__}; it is a "
                "switch or a context manager, not a decorator"
            )
        self._before = watch()
        watch(self._before | self.flag if on else self._before & ~self.flag)

    def __enter__(self) -> _Switch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        watch((watch() & ~self.flag) | (self._before & self.flag))

    def __repr__(self) -> str:
        return f"<cdiff.{type(self).__name__}, {'on' if watch() & self.flag else 'off'}>"


class debug_nans(_Switch):
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


class debug_infs(_Switch):
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


class debug_lines(_Switch):
    """Note the line of your code that makes each value.

    Errors about shapes then say where each operand was made, errors about values that were left
    behind say where they came from, and `made_at` tells the line of any Array.

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
