"""What every switch is: set from now on, or until the end of a `with` block.

Knows how a switch is called and put back, and nothing of what it switches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Switch"]


class Switch:
    """A switch for all threads, and a context manager that puts the former state back.

    A subclass says what its state is (`state`), and how it is set (`put`).

    Parameters
    ----------
    on : bool
    *more : object
        The rest of the state.

    Raises
    ------
    TypeError
        If `on` is not a bool.
    """

    def __init__(self, on: bool, *more: Any) -> None:
        if on.__class__ is not bool:
            raise TypeError(
                f"{type(self).__name__} takes True or False, got a {type(on).__name__}; it is a "
                "switch or a context manager, not a decorator"
            )
        self._before = self.state()
        self.put(on, *more)

    @classmethod
    def state(cls) -> tuple[Any, ...]:
        """Whether it is on, and the rest."""
        raise NotImplementedError

    @classmethod
    def put(cls, on: bool, *more: Any) -> None:
        """Set the state."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.put(*self._before)

    def __repr__(self) -> str:
        return f"<cdiff.{type(self).__name__}, {'on' if self.state()[0] else 'off'}>"
