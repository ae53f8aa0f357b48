"""cdiff: exact derivatives of plain Python and NumPy code, at the speed of compiled code.

Public names and nothing else. What differentiates eagerly is imported at once; programs (compiling,
loops, rules of one's own, vmap) and submodules such as `cdiff.numpy` are imported when they are
first used, so that ``import cdiff`` stays cheap.

Examples
--------
>>> import cdiff as cd
>>> cd.grad(lambda x: x ** 2 + 3.0 * x)(2.0)
7.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cdiff._core import (
    Array,
    array,
    erf,
    erfc,
    get_num_threads,
    is_tracked,
    log_sigmoid,
    no_grad,
    relu,
    set_num_threads,
    sigmoid,
    softplus,
)
from cdiff._face import load_numpy_face as _load_numpy_face  # noqa: F401 -- tells the core
from cdiff._forward import hvp, jvp, linearize
from cdiff._jacobian import hessian, jacfwd, jacobian, jacrev
from cdiff._reverse import elementwise_grad, grad, stop_gradient, value_and_grad, vjp
from cdiff._tree import register_container, tree_map

if TYPE_CHECKING:
    from cdiff import matrix_calculus, numpy, programs, scipy, sparse, testing
    from cdiff._checkpoint import checkpoint
    from cdiff._compile import CompileWarning, compile
    from cdiff._custom import custom_jvp, custom_vjp
    from cdiff._loaded import load
    from cdiff._loops import fori_loop, scan, while_loop
    from cdiff._operator import operator
    from cdiff._plain import FormatError
    from cdiff._sparse import SparsityWarning, sparse_hessian, sparse_jacobian, sparsity
    from cdiff._vmap import vmap
    from cdiff.numpy import log_softmax, logsumexp, softmax

__version__ = "0.1.0"

expit = sigmoid

__all__ = [
    "Array",
    "CompileWarning",
    "FormatError",
    "SparsityWarning",
    "array",
    "checkpoint",
    "compile",
    "custom_jvp",
    "custom_vjp",
    "elementwise_grad",
    "erf",
    "erfc",
    "expit",
    "fori_loop",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "is_tracked",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "load",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "matrix_calculus",
    "no_grad",
    "numpy",
    "operator",
    "programs",
    "register_container",
    "relu",
    "scan",
    "scipy",
    "set_num_threads",
    "sigmoid",
    "softmax",
    "softplus",
    "sparse",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "stop_gradient",
    "testing",
    "tree_map",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]

_SUBMODULES = ("matrix_calculus", "numpy", "programs", "scipy", "sparse", "testing")
# Where the names are that are imported when they are first used.
_LATER = {
    "CompileWarning": "_compile",
    "FormatError": "_plain",
    "SparsityWarning": "_sparse",
    "checkpoint": "_checkpoint",
    "compile": "_compile",
    "custom_jvp": "_custom",
    "custom_vjp": "_custom",
    "fori_loop": "_loops",
    "load": "_loaded",
    "log_softmax": "numpy",
    "logsumexp": "numpy",
    "operator": "_operator",
    "scan": "_loops",
    "softmax": "numpy",
    "sparse_hessian": "_sparse",
    "sparse_jacobian": "_sparse",
    "sparsity": "_sparse",
    "vmap": "_vmap",
    "while_loop": "_loops",
}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"cdiff.{name}")
    if name in _LATER:
        value = getattr(import_module(f"cdiff.{_LATER[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cdiff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_LATER})
