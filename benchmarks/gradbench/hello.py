"""hello: the hand-shake of GradBench, the square of a number and its derivative."""

from __future__ import annotations

from typing import Any

import cdiff as cd
from benchmarks.gradbench._eval import BadInput, Function, compiled, plain


def square(x: Any) -> Any:
    return x * x


def read(message: Any) -> float:
    if isinstance(message, bool) or not isinstance(message, int | float):
        raise BadInput(f"the input must be a number, got a {type(message).__name__}")
    return float(message)


FUNCTIONS = {
    "square": Function(lambda x: compiled(square, x), plain),
    "double": Function(lambda x: compiled(cd.grad(square), x), plain),
}
