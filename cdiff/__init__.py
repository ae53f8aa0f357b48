"""cdiff: exact derivatives of plain Python and NumPy code, at the speed of compiled code.

Public names and nothing else. The core is imported at once: arrays, their operators and `backward`.
The transformations and submodules such as `cdiff.numpy` are imported when they are first used, so
that ``import cdiff`` stays cheap.

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
    made_at,
    no_grad,
    relu,
    set_num_threads,
    sigmoid,
    softplus,
)
from cdiff._face import find as _find  # noqa: F401 -- which tells the core of itself

if TYPE_CHECKING:
    from cdiff import (
        distributed,
        integrate,
        matrix_calculus,
        numpy,
        optimize,
        programs,
        scipy,
        sparse,
        testing,
        uncertainty,
    )
    from cdiff._arguments._tree import register_container, tree_map
    from cdiff._checks._debug import debug_infs, debug_lines, debug_nans
    from cdiff._checks._verify import verify
    from cdiff._compiled._compile import compile
    from cdiff._compiled._compile_warning import CompileWarning
    from cdiff._loops._checkpoint import checkpoint
    from cdiff._loops._loops import fori_loop, scan, while_loop
    from cdiff._pictures._draw import draw
    from cdiff._pictures._progress import progress
    from cdiff._rules._custom import custom_jvp, custom_vjp
    from cdiff._rules._operator import operator
    from cdiff._saved._loaded import load
    from cdiff._saved._plain import FormatError
    from cdiff._solutions._implicit import (
        custom_fixed_point,
        custom_root,
        implicit_minimize,
        linear_solve,
    )
    from cdiff._sparsity._sparse import SparsityWarning, sparse_hessian, sparse_jacobian, sparsity
    from cdiff._transformations._forward import hvp, jvp, linearize
    from cdiff._transformations._jacobian import hessian, jacfwd, jacobian, jacrev
    from cdiff._transformations._reverse import (
        elementwise_grad,
        grad,
        stop_gradient,
        value_and_grad,
        vjp,
    )
    from cdiff._transformations._vmap import vmap
    from cdiff.matrix_calculus import explain
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
    "custom_fixed_point",
    "custom_jvp",
    "custom_root",
    "custom_vjp",
    "debug_infs",
    "debug_lines",
    "debug_nans",
    "distributed",
    "draw",
    "elementwise_grad",
    "erf",
    "erfc",
    "expit",
    "explain",
    "fori_loop",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "implicit_minimize",
    "integrate",
    "is_tracked",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linear_solve",
    "linearize",
    "load",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "made_at",
    "matrix_calculus",
    "no_grad",
    "numpy",
    "operator",
    "optimize",
    "programs",
    "progress",
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
    "uncertainty",
    "value_and_grad",
    "verify",
    "vjp",
    "vmap",
    "while_loop",
]

_SUBMODULES = ("distributed", "integrate", "matrix_calculus", "numpy", "optimize", "programs",
               "scipy", "sparse", "testing", "uncertainty")  # fmt: skip
# Where the names are that are imported when they are first used.
_LATER = {
    "CompileWarning": "_compiled._compile_warning",
    "FormatError": "_saved._plain",
    "SparsityWarning": "_sparsity._sparse",
    "checkpoint": "_loops._checkpoint",
    "compile": "_compiled._compile",
    "custom_fixed_point": "_solutions._implicit",
    "custom_jvp": "_rules._custom",
    "custom_root": "_solutions._implicit",
    "custom_vjp": "_rules._custom",
    "debug_infs": "_checks._debug",
    "debug_lines": "_checks._debug",
    "debug_nans": "_checks._debug",
    "draw": "_pictures._draw",
    "elementwise_grad": "_transformations._reverse",
    "explain": "matrix_calculus",
    "fori_loop": "_loops._loops",
    "grad": "_transformations._reverse",
    "hessian": "_transformations._jacobian",
    "hvp": "_transformations._forward",
    "implicit_minimize": "_solutions._implicit",
    "jacfwd": "_transformations._jacobian",
    "jacobian": "_transformations._jacobian",
    "jacrev": "_transformations._jacobian",
    "jvp": "_transformations._forward",
    "linear_solve": "_solutions._implicit",
    "linearize": "_transformations._forward",
    "load": "_saved._loaded",
    "log_softmax": "numpy",
    "logsumexp": "numpy",
    "operator": "_rules._operator",
    "progress": "_pictures._progress",
    "register_container": "_arguments._tree",
    "scan": "_loops._loops",
    "softmax": "numpy",
    "sparse_hessian": "_sparsity._sparse",
    "sparse_jacobian": "_sparsity._sparse",
    "sparsity": "_sparsity._sparse",
    "stop_gradient": "_transformations._reverse",
    "tree_map": "_arguments._tree",
    "value_and_grad": "_transformations._reverse",
    "verify": "_checks._verify",
    "vjp": "_transformations._reverse",
    "vmap": "_transformations._vmap",
    "while_loop": "_loops._loops",
}


if not TYPE_CHECKING:  # which has all names from above, and would believe in any other

    def __getattr__(name: str) -> Any:
        if name in _SUBMODULES:
            return import_module(f"cdiff.{name}")
        if name in _LATER:
            value = getattr(import_module(f"cdiff.{_LATER[name]}"), name)
            globals()[name] = value
            return value
        hint = ""
        if not name.startswith("_") and name in vars(import_module("numpy")):
            hint = f"; NumPy's functions are in cdiff.numpy, and np.{name} takes an Array as well"
        told = f"module 'cdiff' has no attribute {name!r}{hint}"
        # A traceback looks through the module for a similar name.
        raise AttributeError(told, name=name, obj=import_module("cdiff"))


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
