"""Functions of containers as functions of one vector, with their derivatives, compiled.

What SciPy's solvers want (vectors in, vectors and matrices out) around what users write (containers
in, containers out). Knows containers and transformations; it must not know solvers. A function is
recorded once and then runs as a program, so a solver's steps cost no Python beside its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdiff._arguments._leaves import check_output
from cdiff._arguments._tree import LEAF, TreeDef, describe, family_of, flatten, unflatten
from cdiff._arguments._wrap import check_function, function_name
from cdiff._bodies._packing import Packing, spec_of
from cdiff._compiled._compile import compile as compiled
from cdiff._core import Array, array
from cdiff._solutions._solution import Unknown
from cdiff._sparsity._sparse import sparse_hessian, sparse_jacobian
from cdiff._transformations._forward import hvp
from cdiff._transformations._jacobian import hessian, jacobian
from cdiff._transformations._reverse import value_and_grad

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Variables",
    "VectorFunction",
    "as_float",
    "as_number",
    "as_vector",
    "is_container",
    "refuse_complex",
]


class Variables(Unknown):
    """The variables of a problem as one vector.

    Parameters
    ----------
    guess : container of numbers and arrays
    who : str
        The solver, for messages.
    real : bool, default True
        Whether complex numbers are refused.

    Attributes
    ----------
    start : ndarray
        The guess as a vector.
    bare : bool
        Whether it is a single number or array and no container.
    """

    __slots__ = ("bare", "start")

    def __init__(self, guess: Any, who: str, real: bool = True) -> None:
        guess = _as_floats(guess)
        super().__init__(guess, who)
        if real and not self.packing.size:  # an empty state of an equation is no mistake
            raise ValueError(f"{who}: there is no number among the unknowns, only empty arrays")
        for x, path in zip(flatten(guess)[0], self.paths, strict=True):
            if real:
                refuse_complex([x], who, path)
        leaves = [x.numpy() if isinstance(x, Array) else x for x in flatten(guess)[0]]
        self.start = self.packing.pack_plain(leaves)
        self.bare = self.treedef.family is None

    def vector(self, tree: Any, name: str) -> Any:
        """A container like the guess as a vector, tracked or plain."""
        return self.joined(self.opened(_as_floats(tree), name))

    def joined(self, leaves: list[Any]) -> Any:
        """The vector of leaves, tracked or plain."""
        if any(isinstance(x, Array) for x in leaves):
            return self.packing.pack([array(x) for x in leaves])
        return self.packing.pack_plain(leaves)

    def bounds(self, given: Any) -> tuple[Any, Any]:
        """Lower and upper bounds as vectors, from a container with a pair for each leaf.

        A pair may hold numbers, arrays of the shape of the leaf, and None; None for a pair, or an
        entry of a dict that is missing, is no bound.
        """
        low, high = np.full(self.packing.size, -np.inf), np.full(self.packing.size, np.inf)
        pairs: list[Any] = []
        _match_leaves(self.treedef, given, "bounds", self.who, "a pair (lower, upper)", pairs)
        for k, ((pair, path), (_, shape)) in enumerate(zip(pairs, self.packing.specs, strict=True)):
            part = slice(self.packing.starts[k], self.packing.starts[k + 1])
            if pair is None:
                continue
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"{self.who}: {path} must be a pair (lower, upper), got {pair!r}")
            for side, bound in zip((low, high), pair, strict=True):
                if bound is not None:
                    side[part] = self._spread(bound, shape, path)
        if not np.all(low <= high):
            k = int(np.argmin(low <= high))
            raise ValueError(
                f"{self.who}: the lower bound {low[k]:g} of {self.name(k)} is above the upper one, "
                f"{high[k]:g}"
            )
        return low, high

    def spread(self, given: Any, name: str, missing: float) -> Any:
        """A number or array for each leaf as a vector; what is left out or None is `missing`."""
        if not is_container(given):
            return given
        found: list[Any] = []
        _match_leaves(self.treedef, given, name, self.who, "a number or an array", found)
        parts = [
            self._spread(missing if x is None else x, shape, path)
            for (x, path), (_, shape) in zip(found, self.packing.specs, strict=True)
        ]
        return np.concatenate(parts)

    def _spread(self, bound: Any, shape: tuple[int, ...], path: str) -> Any:
        try:
            values = np.asarray(bound, dtype=float)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self.who}: {path} must be a number or an array, got {bound!r:.60}"
            ) from error
        try:
            return np.broadcast_to(values, shape).reshape(-1)
        except ValueError:
            raise ValueError(
                f"{self.who}: {path} has shape {np.shape(bound)}, the variable has shape {shape}"
            ) from None


def is_container(x: Any) -> bool:
    """Is it a container that SciPy does not know: no number, array, list or tuple?"""
    return family_of(x.__class__) is not None and x.__class__ not in (list, tuple)


def _as_floats(tree: Any) -> Any:
    """A guess as SciPy's users write it: a list of numbers is a vector, an integer a float."""
    if isinstance(tree, (list, tuple)) and not hasattr(tree, "_fields"):
        leaves = flatten(tree)[0]
        if leaves and all(np.ndim(x) == 0 and isinstance(x, (int, float, complex)) for x in leaves):
            return np.array(tree, dtype=np.result_type(float, *[type(x) for x in leaves]))
    leaves, treedef = flatten(tree)
    return unflatten(treedef, [as_float(x) for x in leaves])


def as_float(x: Any) -> Any:
    """An integer or an array of integers as floats; anything else as it is.

    Parameters
    ----------
    x : number or array

    Returns
    -------
    number or array
    """
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "iu":
        return x.astype(float)
    return float(x) if x.__class__ is int else x


def _match_leaves(
    tree: TreeDef, given: Any, path: str, who: str, what: str, found: list[Any]
) -> None:
    """What is given for each of the leaves, in their order, with its path."""
    family = tree.family
    if family is None or given is None:
        found += [(given, path)] * tree.n_leaves
        return
    if given.__class__ is not tree.cls:
        raise TypeError(
            f"{who}: {path} must be a {tree.cls.__name__} like the variables, with {what} for each "
            f"leaf, got {describe(given)}"
        )
    children, keys, _ = family.opened(given)
    by_key = dict(zip(keys, children, strict=True))
    unknown = [key for key in by_key if key not in tree.keys]
    if unknown:
        raise ValueError(
            f"{who}: {path} has entries that are no variables: {unknown} (there are "
            f"{list(tree.keys)})"
        )
    for key, child in zip(tree.keys, tree.children, strict=True):
        below = path + family.label.format(key)
        _match_leaves(child, by_key.get(key), below, who, what, found)


def refuse_complex(leaves: list[Any], who: str, name: str) -> None:
    """Raise where a solver of real numbers gets others, which it would cut to their real parts.

    Parameters
    ----------
    leaves : list of numbers and arrays
    who, name : str
        For the message.

    Raises
    ------
    TypeError
        If one of them is complex.
    """
    if any(x.dtype.kind == "c" if hasattr(x, "dtype") else np.iscomplexobj(x) for x in leaves):
        raise TypeError(
            f"{who}: {name} is complex; give real and imaginary parts as numbers of their own"
        )


def as_vector(out: Any, who: str, f: Any) -> Any:
    """All numbers of the result of a function as one vector, tracked or plain.

    Parameters
    ----------
    out : container of numbers and arrays
    who : str
        The solver, for messages.
    f : callable
        Whose result it is.

    Returns
    -------
    Array or ndarray
    """
    leaves, tree = flatten(out)
    if tree is LEAF and getattr(leaves[0], "ndim", 0) == 1:
        return leaves[0]
    if not leaves:
        check_output(out, f"{who}: the output of {function_name(f)}")
    for y in leaves:
        if isinstance(y, str):
            check_output(y, f"{who}: the output of {function_name(f)}")
    if not any(isinstance(y, Array) for y in leaves):
        return np.concatenate([np.ravel(np.asarray(y, dtype=float)) for y in leaves])
    return Packing([spec_of(y) for y in leaves], bare=False).pack([array(y) for y in leaves])


def as_number(out: Any, who: str, f: Any) -> Any:
    """The result of a function that is to be minimised: a number, or an array that holds one.

    Parameters
    ----------
    out : number or array
    who : str
        The solver, for messages.
    f : callable
        Whose result it is.

    Returns
    -------
    Array or number
    """
    name = f"{who}: the output of {function_name(f)}"
    tree = flatten(out)[1]
    if tree is not LEAF:
        if out is None:
            check_output(out, name)
        raise TypeError(f"{name} is {describe(out)}; return one number, the value alone")
    check_output(out, name)
    if np.shape(out) == ():
        return out
    if np.size(out) != 1:  # a residual, or a column of them, for instance
        raise TypeError(
            f"{name} has shape {np.shape(out)}; return one number, such as its sum, or take "
            "cdiff.optimize.least_squares for a sum of squares"
        )
    return out.reshape(())


def _called_like(f: Any, g: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the name of another one, which users know, for messages."""

    def named(*args: Any) -> Any:
        return g(*args)

    named.__qualname__ = function_name(f)
    named.__wrapped__ = g  # type: ignore[attr-defined]
    return named


class VectorFunction:
    """A user's function of the variables as one of a vector, and its derivatives.

    Parameters
    ----------
    f : callable
        Of a container like the variables and further arguments.
    variables : Variables
    compile : bool
        Whether to record programs.
    """

    def __init__(self, f: Callable[..., Any], variables: Variables, compile: bool) -> None:
        check_function(f, variables.who)
        self.f: Any = f
        self.variables = variables
        self._made: Callable[[Any], Any] = compiled if compile else lambda f: f
        self._kept: dict[str, Any] = {}

    def watching(self, f: Any) -> VectorFunction:
        """This, whose programs notice when what `f` reads from outside has changed.

        A solver needs no such thing: nothing changes while it runs.
        """
        self.__wrapped__ = f
        return self

    def of(self, variables: Variables) -> VectorFunction:
        """The same function, with the same programs, of variables of the same form."""
        other = VectorFunction.__new__(VectorFunction)
        other.f, other.variables = self.f, variables
        other._made, other._kept = self._made, self._kept
        return other

    def _scalar(self, v: Any, *args: Any) -> Any:
        out = self.f(self.variables.tree(v), *args)
        self._refuse_complex(out)
        return as_number(out, self.variables.who, self.f)

    def _refuse_complex(self, out: Any) -> None:
        name = f"the output of {function_name(self.f)}"
        refuse_complex(flatten(out)[0], self.variables.who, name)

    def _in_one_round(self, v: Any, *args: Any) -> Any:
        """Value and gradient of a function that computes both itself (`PartitionedSum`)."""
        value, gradient = self.f.value_and_grad(self.variables.tree(v), *args)
        return value, self.variables.joined(flatten(gradient)[0])

    def _flat(self, v: Any, *args: Any) -> Any:
        """All numbers of the result as one vector."""
        out = self.f(self.variables.tree(v), *args)
        self._refuse_complex(out)
        return as_vector(out, self.variables.who, self.f)

    def _weighted(self, v: Any, weights: Any, *args: Any) -> Any:
        return self._flat(v, *args) @ weights

    def _product(self, v: Any, direction: Any, *args: Any) -> Any:
        return hvp(lambda x: self._scalar(x, *args), (v,), (direction,))

    def made(self, name: str) -> Any:
        """One of the functions below, recorded when it is first called."""
        if name == "value_and_grad" and hasattr(self.f, name):
            return self._in_one_round
        if name not in self._kept:
            scalar, flat = _called_like(self.f, self._scalar), _called_like(self.f, self._flat)
            makers: dict[str, Callable[[], Any]] = {
                "value": lambda: self._scalar,
                "value_and_grad": lambda: value_and_grad(scalar),
                "hessian": lambda: hessian(scalar),
                "product": lambda: self._product,
                "flat": lambda: self._flat,
                "jacobian": lambda: jacobian(flat),
                "weighted_hessian": lambda: hessian(self._weighted),
                "sparse_hessian": lambda: sparse_hessian(scalar),
                "sparse_jacobian": lambda: sparse_jacobian(flat),
                "sparse_weighted_hessian": lambda: sparse_hessian(self._weighted),
            }
            # Sparse derivatives are programs already.
            found = makers[name]()
            self._kept[name] = found if name.startswith("sparse") else self._made(found)
        return self._kept[name]
