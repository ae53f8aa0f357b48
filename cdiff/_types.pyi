"""What type checkers and editors know of the functions that transformations return.

No module: nothing imports it when Python runs, so it costs nothing. It must not know how anything is
computed. Each call has two forms: the first with the parameters of the function itself, which editors
show; the second with any, since a function whose parameters are declared as `Array` is called with
plain arrays. A result is only as precise as it is in both.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

import numpy as np

from cdiff._compiled._profile import Profile
from cdiff._core import Array, Program
from cdiff._pictures._svg import Picture

P = ParamSpec("P")
X = TypeVar("X")
R_co = TypeVar("R_co", covariant=True)

# What a function of plain arguments returns where it says that it returns Arrays: plain values.
Arrays = Array | np.generic | Sequence[Array] | Mapping[Any, Array]

class Compiled(Protocol[P, R_co]):
    """What `compile` returns."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any: ...
    @property
    def program(self) -> Program | None: ...
    def stats(self) -> dict[str, int]: ...
    def profile(self, /, *args: Any, **kwargs: Any) -> Profile: ...
    def draw(
        self, /, *args: Any, values: bool = True, max_boxes: int = 80, **kwargs: Any
    ) -> Picture: ...
    def save(self, file: Any) -> None: ...
    def clear(self) -> None: ...

class Compile(Protocol):
    """`compile` as a decorator with options."""

    @overload
    def __call__(self, f: Callable[P, Arrays], /) -> Compiled[P, Any]: ...
    @overload
    def __call__(self, f: Callable[P, R_co], /) -> Compiled[P, R_co]: ...

class Gradient(Protocol[P]):
    """What `grad` returns: the gradient by the first argument is what that argument is."""

    @overload
    def __call__(self, x: X, /, *args: P.args, **kwargs: P.kwargs) -> X: ...
    @overload
    def __call__(self, x: X, /, *args: Any, **kwargs: Any) -> X: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

class ValueAndGradient(Protocol[P]):
    """What `value_and_grad` returns."""

    @overload
    def __call__(self, x: X, /, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, X]: ...
    @overload
    def __call__(self, x: X, /, *args: Any, **kwargs: Any) -> tuple[Any, X]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any: ...
