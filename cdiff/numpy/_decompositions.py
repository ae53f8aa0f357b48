"""Eigenvalues and singular values.

Each is one operator: its value is NumPy's, packed into a vector where there are several results,
and its tangent is written in terms of its own results, so every order exists; the reverse rule is
the transpose of the tangent. Only that tangent is written here; this file must not know sweeps or
programs. A decomposition costs far more than the Python calls around it. Complex matrices have the
same rules, with conjugates where transposes mean adjoints.

Conventions: symmetric operands are differentiated as such (the two halves share a derivative);
eigenvectors of general matrices have length one and a real largest element, as LAPACK gives them,
while the phases of complex columns of eigh and svd stand still, which matters only to functions
that depend on them; where singular or eigenvalues are equal, the values have their exact first
derivative in every symmetric function of them, and vectors, which are not unique there (those that
are asked for are turned within the group, see `_equal_values.py`), raise an error as soon as their
choice would matter.
"""

# mypy: disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cdiff import _core
from cdiff._core import Array, call, in_program
from cdiff._face import misfit
from cdiff._rules._rules import transposed_pull
from cdiff.numpy._common import ArrayLike, adjoint, along, as_array, mirrors, of_values
from cdiff.numpy._decomposition import ByCotangent, Decomposition, is_zero
from cdiff.numpy._equal_values import (
    all_differ,
    allowed,
    column,
    inequality,
    over_gaps,
    row,
    turned,
)
from cdiff.numpy._index import diagonal

__all__ = [
    "TURNED", "Eig", "Eigh", "eig", "eigenvalues", "eigh", "eigvals", "eigvalsh",
    "floating", "matrix_of", "places_of_largest", "singular_values", "square_of", "svd", "svdvals",
    "symmetric_of",
]  # fmt: skip

LinAlgError = np.linalg.LinAlgError

TURNED = "turned"  # an option of those whose vectors are asked for

Kept: TypeAlias = tuple[Any, tuple[Any, ...]] | None  # a matrix and its decomposition


def floating(a: ArrayLike) -> Array:
    """Real or complex floats; others as float64."""
    a = as_array(a)
    return a if a.dtype.kind in "fc" else _core.cast(a, float)


def matrix_of(a: ArrayLike, name: str) -> Array:
    a = floating(a)
    if a.ndim < 2:
        raise misfit(
            f"{name}: an array of two or more dimensions is needed, not {a.shape}", LinAlgError
        )
    return a


def square_of(a: ArrayLike, name: str) -> Array:
    """Square matrices, in the last two axes, or an error."""
    a = as_array(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise misfit(f"{name}: the last two axes must be square, got shape {a.shape}", LinAlgError)
    return a


def _diagonal(a: Array) -> Array:
    return diagonal(a, 0, -2, -1)


def _of_values(left: Array, g: Array, right: Array) -> Array:
    """The cotangent of a matrix whose values have the cotangents g and these vectors in columns."""
    return _core.matmul(_core.conj(left) * row(g), right.mT)


# --- symmetric matrices ---------------------------------------------------------------------------


class Eigh(Decomposition):
    """Option 0 says which half NumPy reads; as of a function of the matrix both count evenly. With
    option 1, `TURNED`, vectors of equal values are turned."""

    name = "eigh"
    real_results = (0,)
    kept: Kept = None

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape[:-1], shape]

    def results(self, a: Any) -> Any:
        if self.kept is not None and np.array_equal(self.kept[0], a):
            return self.kept[1]
        found = self.plain(a)
        if not self.options[1:]:
            return found
        w, v = self.split(found, a)
        return found if all_differ(w) else (w, turned(w, v))

    def plain(self, a: Any) -> Any:
        """As the library gives them; our own vectors have the signs of its for the lower half."""
        found = _core.symmetric_eigen(a) if self.options[0] == "L" else None
        return tuple(np.linalg.eigh(a, self.options[0])) if found is None else found

    def vectors(self, a: Array) -> Array:
        """The vectors alone: those that are kept, where nothing is recorded."""
        plain = self.kept is not None and not _core.is_tracked(_core.reshape(a, a.shape))
        return as_array(self.parts(_core.value(a))[1]) if plain else self(a)[1]

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        w, v = results
        m = _core.matmul(_core.matmul(adjoint(v), _symmetrised(t)), v)
        tv = _core.matmul(v, over_gaps(m, w, m if check else None, self.name))
        return _core.real(_diagonal(m)), tv

    def checked(self, results: list[Array], cotangents: list[Array], g: Array) -> Array:
        (w, v), (gw, gv) = results, cotangents
        return allowed(g, w, self.name, lambda: (_core.matmul(v.mT, gv), inequality(gw)))

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array | None:
        v = results[1]
        return _of_values(v, cotangents[0], v) if is_zero(cotangents[1]) else None


def _symmetrised(t: Array) -> Array:
    return (t + adjoint(t)) * 0.5


def _keeps_vectors(a: Array) -> bool:
    """Will a derivative be asked for soon? Not of a program, which looks at values."""
    return _core.is_tracked(a) and not in_program(a)


class Eigvalsh(ByCotangent):
    """Option 0 as for `Eigh`. With `keeps_vectors` the vectors come from the same call of LAPACK,
    for a derivative to ask for."""

    name = "eigvalsh"
    real_results = (0,)
    keeps_vectors = False
    kept: Kept = None

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape[:-1]]

    def results(self, a: Any) -> tuple[Any, ...]:
        if not self.keeps_vectors:
            return (np.linalg.eigvalsh(a, *self.options),)
        found = Eigh(*self.options).parts(a)
        self.kept = a.copy(), found
        return found[:1]

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array:
        eigh = Eigh(*self.options)
        eigh.kept, eigh.points = self.kept, self.points
        v = eigh.vectors(a)
        return _of_values(v, cotangents[0], v)


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and the eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


def _half(uplo: str, name: str) -> str:
    uplo = uplo.upper()
    if uplo not in ("L", "U"):
        raise ValueError(f"{name}: UPLO argument must be 'L' or 'U'")
    return uplo


def symmetric_of(a: ArrayLike, uplo: str, name: str) -> Array:
    """The Hermitian matrix that one half stands for; the halves share the derivative."""
    a, uplo = floating(square_of(a, name)), _half(uplo, name)
    # The value is read from one half; as a function both halves count evenly.
    half = of_values(_mirrored, a, uplo)
    mean = (a + adjoint(a)) * 0.5
    return half + (mean - of_values(np.positive, mean))


def _mirrored(a: Any, uplo: str) -> Any:
    given = np.tri(a.shape[-1], dtype=bool)
    return np.where(given if uplo == "L" else given.T, a, np.swapaxes(a, -1, -2).conj())


@mirrors(np.linalg.eigh)
def eigh(a: ArrayLike, UPLO: str = "L") -> EighResult:
    """As `numpy.linalg.eigh`: values and vectors of hermitian matrices. Vectors of equal values
    have no derivative and raise an error, and are turned by a fixed rotation, which shows whether a
    derivative would need them.

    >>> round(cd.grad(lambda t: cnp.linalg.eigh(t * np.diag([1.0, 2.0]))[0][1])(3.0), 6)
    2.0
    """
    return EighResult(*Eigh(_half(UPLO, "eigh"), TURNED)(floating(square_of(a, "eigh"))))


@mirrors(np.linalg.eigvalsh)
def eigvalsh(a: ArrayLike, UPLO: str = "L") -> Array:
    """As `numpy.linalg.eigvalsh`: the values of `eigh`, in ascending order.

    >>> round(cd.grad(lambda t: cnp.linalg.eigvalsh(t * np.diag([1.0, 2.0]))[1])(3.0), 6)
    2.0
    """
    a = floating(square_of(a, "eigvalsh"))
    operator = Eigvalsh(_half(UPLO, "eigvalsh"))
    operator.keeps_vectors = _keeps_vectors(a)
    return operator(a)[0]


# --- other square matrices ------------------------------------------------------------------------


def _turns(a: Any, by_dtype: bool) -> Any:
    """Has a real matrix complex eigenvalues: by NumPy's dtype (complex for all from 2.5 on), or by
    their values?"""
    found = np.linalg.eigvals(a)
    return np.asarray(np.iscomplexobj(found) if by_dtype else bool(found.imag.any()))


def _operand(a: ArrayLike, name: str, by_dtype: bool = True) -> tuple[Array, bool]:
    """A matrix in the type of its eigenvalues, and whether it is real."""
    a = floating(square_of(a, name))
    if a.dtype.kind == "f" and bool(of_values(_turns, a, by_dtype)):
        return _core.cast(a, np.result_type(a.dtype, np.complex64)), True
    return a, a.dtype.kind == "f"


class _General(Decomposition):
    """Of a general matrix; option 0 says whether that is real, though perhaps of complex dtype."""

    def own(self, a: Any) -> Any:
        """The matrix for NumPy."""
        return a.real if self.options[0] else a

    def fitted(self, x: Any, a: Any) -> Any:
        """A result in the dtype of the operand."""
        if a.dtype.kind == "f" and np.iscomplexobj(x):
            if x.imag.any():
                raise TypeError(f"{self.name}: complex eigenvalues, where real ones were recorded")
            x = x.real
        return x.astype(a.dtype, copy=False)


class Eig(_General):
    name = "eig"

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape[:-1], shape]

    def results(self, a: Any) -> tuple[Any, ...]:
        w, v = self.plain(self.own(a))
        if self.options[1:]:
            v = _normalized(v, turned(w, v, oblique=True))
        return self.fitted(w, a), self.fitted(v, a)

    def plain(self, a: Any) -> tuple[Any, ...]:
        """As the library gives them."""
        return tuple(np.linalg.eig(a))

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        w, v = results
        m = self.change(a, t, results)
        tv = _core.matmul(v, over_gaps(m, w, m if check else None, self.name))
        return _diagonal(m), _in_phase(v, _across(v, tv))

    def change(self, a: Array, t: Array, results: list[Array]) -> Array:
        """The tangent of the matrix, in the basis of the vectors."""
        return _core.solve(results[1], _core.matmul(t, results[1]))

    def checked(self, results: list[Array], cotangents: list[Array], g: Array) -> Array:
        w, v = results
        gw, gv = cotangents[0], _across(v, cotangents[1])
        return allowed(g, w, self.name, lambda: (_core.matmul(v.mT, gv), inequality(gw)))


def _normalized(v: Any, changed: Any) -> Any:
    """Columns of length one with a real largest element, those that were changed."""
    if changed is v:
        return v
    top = np.take_along_axis(changed, _largest(changed), -2)
    size = np.linalg.norm(changed, axis=-2, keepdims=True) * (top / np.abs(top))
    return np.where((changed == v).all(-2, keepdims=True), v, changed / size)


def _across(v: Array, t: Array) -> Array:
    """What changes directions only: columns of length one keep it."""
    return t - v * _core.real(_core.sum(_core.conj(v) * t, (v.ndim - 2,), True))


def _in_phase(v: Array, t: Array) -> Array:
    """What keeps the phase of the largest element of each column (that of `eig` is real)."""
    if v.dtype.kind == "f":
        return t
    places = places_of_largest(v)
    turn = _core.imag(along(t, places, v.ndim - 2) / along(v, places, v.ndim - 2))
    return t - v * (1j * turn)


def places_of_largest(v: Array) -> Any:
    """Where the largest element of each column is, as `along` takes it."""
    return of_values(_largest, v)


def _largest(v: Any) -> Any:
    return np.abs(v).argmax(-2)[..., None, :]


class Eigvals(_General):
    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape[:-1]]

    def results(self, a: Any) -> tuple[Any, ...]:
        return (self.fitted(np.linalg.eigvals(self.own(a)), a),)

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.options[1])

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        w, v = EIGS[self.options[0]](a)
        change = _diagonal(_core.solve(v, _core.matmul(t, v)))
        # LAPACK may find the values in another order when it is asked for vectors, too.
        return (along(change, of_values(_same_order, results[0], w), change.ndim - 1),)


def _same_order(wanted: Any, found: Any) -> Any:
    """Where each of the wanted numbers is among those found: the same, but for rounding."""
    if np.iscomplexobj(wanted):
        # In order, two that differ by rounding in the real part may have changed places.
        places = np.abs(wanted[..., :, None] - found[..., None, :]).argmin(-1)
        if (np.sort(places) == np.arange(found.shape[-1])).all():
            return places
    places = np.empty(wanted.shape, np.intp)
    np.put_along_axis(places, wanted.argsort(-1), found.argsort(-1), -1)
    return places


EIGS = {real: Eig(real) for real in (False, True)}
TURNED_EIGS = {real: Eig(real, TURNED) for real in (False, True)}


class EigResult(NamedTuple):
    """Eigenvalues, and the eigenvectors in columns."""

    eigenvalues: Any
    eigenvectors: Any


@mirrors(np.linalg.eig)
def eig(a: ArrayLike) -> EigResult:
    """As `numpy.linalg.eig`: values and vectors; vectors of equal values have no derivative and
    raise an error.

    >>> round(cd.grad(lambda t: cnp.linalg.eig(t * np.diag([1.0, 2.0]))[0][1].real)(3.0), 6)
    2.0
    """
    a, real = _operand(a, "eig")
    return EigResult(*TURNED_EIGS[real](a))


def eigenvalues(a: ArrayLike, name: str, by_dtype: bool) -> Array:
    """Eigenvalues, for the function that is named; real where NumPy's dtype or their values are."""
    a, real = _operand(a, name, by_dtype)
    return Eigvals(real, name)(a)[0]


@mirrors(np.linalg.eigvals)
def eigvals(a: ArrayLike) -> Array:
    """As `numpy.linalg.eigvals`: the values of `eig`.

    >>> round(cd.grad(lambda t: cnp.linalg.eigvals(t * np.diag([1.0, 2.0]))[1].real)(3.0), 6)
    2.0
    """
    return eigenvalues(a, "eigvals", True)


# --- singular values ------------------------------------------------------------------------------


class Svd(Decomposition):
    """With option 0, `TURNED`, vectors of equal values are turned."""

    name = "svd"
    real_results = (1,)
    kept: Kept = None

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        *lead, m, n = shape
        k = min(m, n)
        return [(*lead, m, k), (*lead, k), (*lead, k, n)]

    def results(self, a: Any) -> Any:
        if self.kept is not None and np.array_equal(self.kept[0], a):
            return self.kept[1]
        own = _core.reduced_svd(a)
        found: Any = np.linalg.svd(a, full_matrices=False) if own is None else own
        u, s, vt = self.split(found, a)
        if not self.options or all_differ(s):
            return found
        return turned(s, u), s, turned(s, vt.mT.conj(), second=True).mT.conj()

    def tangents(self, a: Array, t: Array, results: list[Array], check: bool) -> tuple[Array, ...]:
        u, s, vt = results
        v = adjoint(vt)
        right = _core.matmul(t, v)
        below = _core.matmul(adjoint(u), t)
        m = _core.matmul(below, v)
        # With b = U^H A V: (s_j^2 - s_i^2) w_ij = (m S + S m^H)_ij, and the same turned for V.
        sums = row(s) + column(s)
        sums = _core.where(np.equal(sums, 0.0), 1.0, sums)
        force = m if check else None
        wu = over_gaps((m * row(s) + adjoint(m) * column(s)) / sums, s, force, self.name)
        wv = over_gaps((adjoint(m) * row(s) + m * column(s)) / sums, s, force, self.name)
        tu, tv = _core.matmul(u, wu), _core.matmul(v, wv)
        if u.dtype.kind == "c":
            # A change of phase, which U and V may share in any way, goes to U.
            turn = _core.imag(_diagonal(m)) / _core.where(np.equal(s, 0.0), 1.0, s)
            tu = tu + u * (1j * row(turn))
        rows, columns = a.shape[-2:]
        if rows > columns:
            tu = tu + (right - _core.matmul(u, m)) / row(_not_zero(s, self.name, check))
        elif columns > rows:
            rest = adjoint(below) - _core.matmul(v, adjoint(m))
            tv = tv + rest / row(_not_zero(s, self.name, check))
        return tu, _core.real(_diagonal(m)), adjoint(tv)

    def checked(self, results: list[Array], cotangents: list[Array], g: Array) -> Array:
        (u, s, vt), (gu, gs, gvt) = results, cotangents
        rows, columns = u.shape[-2], vt.shape[-1]
        if rows != columns:
            beyond = gu if rows > columns else adjoint(gvt)
            g = _core.where(of_values(_reaches, s, beyond, self.name), g, 0.0)
        return allowed(
            g,
            s,
            self.name,
            lambda: (_core.matmul(u.mT, gu), _core.matmul(vt, gvt.mT), inequality(gs)),
        )

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array | None:
        (u, _, vt), (gu, gs, gvt) = results, cotangents
        return _of_values(u, gs, adjoint(vt)) if is_zero(gu) and is_zero(gvt) else None


def _not_zero(s: Array, name: str, check: bool) -> Array:
    if check:
        return _core.where(of_values(_full_rank, s, name), s, 1.0)
    return _core.where(of_values(_small, s), 1.0, s)


def _small(s: Any) -> Any:
    """Which singular values are as good as zero."""
    return s <= s.shape[-1] * np.finfo(s.dtype).eps * s.max(-1, initial=0.0)[..., None]


def _reaches(s: Any, g: Any, name: str) -> Any:
    """True if the cotangents of vectors (columns of g) ask for none of singular value zero."""
    return _full_rank(s, name, np.any(g != 0.0, -2))


def _full_rank(s: Any, name: str, asked: Any = True) -> Any:
    if np.any(_small(s) & asked):
        raise LinAlgError(
            f"{name}: the singular vectors of a matrix that is neither square nor of full rank "
            "have no derivative (those of singular value 0 are not unique)"
        )
    return np.asarray(True)


class Svdvals(ByCotangent):
    """With `keeps_vectors` as `Eigvalsh`."""

    name = "svdvals"
    real_results = (0,)
    keeps_vectors = False
    kept: Kept = None

    @staticmethod
    def shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [(*shape[:-2], min(shape[-2:]))]

    def results(self, a: Any) -> tuple[Any, ...]:
        if not self.keeps_vectors:
            return (np.linalg.svd(a, compute_uv=False),)
        found = Svd().parts(a)
        self.kept = a.copy(), found
        return found[1:2]

    def cotangent(self, a: Array, results: list[Array], cotangents: list[Array]) -> Array:
        svd = Svd()
        svd.kept, svd.points = self.kept, self.points
        u, _, vt = svd(a)
        return _of_values(u, cotangents[0], adjoint(vt))


class Complement(Decomposition):
    """The columns that `numpy.linalg.svd` adds to make U square (option 0) or V (option 1).

    They are any orthonormal basis of what is left, so functions of them that make sense do not
    depend on how they turn; they are taken not to.
    """

    name = "svd"

    def value(self, arrays: list[Any]) -> Any:
        u, s, vt = np.linalg.svd(arrays[0])
        k = s.shape[-1]
        return vt[..., k:, :].conj().swapaxes(-1, -2) if self.options[0] else u[..., k:]

    def push(self, y: Array, operands: list[Array], tangents: list[Array | None]) -> Any:
        t = tangents[1]
        return None if t is None else -_core.matmul(operands[1], _core.matmul(adjoint(t), y))

    def pull(self, y: Array, operands: list[Array], g: Array, wanted: list[bool]) -> list[Any]:
        return transposed_pull(self, y, operands, g, wanted)


SVD = Svd(TURNED)
COMPLEMENTS = Complement(0), Complement(1)


def singular_values(a: Array) -> Array:
    """The singular values of matrices."""
    operator = Svdvals()
    operator.keeps_vectors = _keeps_vectors(a)
    return operator(a)[0]


class SVDResult(NamedTuple):
    """U, the singular values and V transposed."""

    U: Any
    S: Any
    Vh: Any


@mirrors(np.linalg.svd)
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """As `numpy.linalg.svd`: U, the singular values, and V transposed; vectors of equal values have
    no derivative and raise an error.

    >>> round(cd.grad(lambda t: cnp.linalg.svd(t * np.diag([2.0, 1.0]))[1][0])(3.0), 6)
    2.0
    """
    if hermitian and compute_uv:
        return _of_eigenvalues(*eigh(square_of(a, "svd")))
    a = symmetric_of(a, "L", "svd") if hermitian else matrix_of(a, "svd")
    if not compute_uv:
        return singular_values(a)
    u, s, vt = SVD(a)
    rows, columns = a.shape[-2:]
    if full_matrices and rows > columns:
        u = _core.concatenate([u, call(COMPLEMENTS[0], [a, u])], u.ndim - 1)
    elif full_matrices and columns > rows:
        rest = call(COMPLEMENTS[1], [a, adjoint(vt)])
        vt = _core.concatenate([vt, adjoint(rest)], vt.ndim - 2)
    return SVDResult(u, s, vt)


def _of_eigenvalues(w: Array, v: Array) -> SVDResult:
    """As NumPy has it: negative eigenvalues turn a row of V transposed."""
    order = of_values(_from_largest, w)
    w = along(w, order, w.ndim - 1)
    u = along(v, order[..., None, :], v.ndim - 1)
    return SVDResult(u, _core.absolute(w), adjoint(u * row(_core.sign(w))))


def _from_largest(w: Any) -> Any:
    return np.argsort(np.abs(w), -1)[..., ::-1]


@mirrors(np.linalg.svdvals)
def svdvals(x: ArrayLike, /) -> Array:
    """As `numpy.linalg.svdvals`: the singular values, in descending order.

    >>> round(cd.grad(lambda t: cnp.linalg.svdvals(t * np.diag([2.0, 1.0]))[0])(3.0), 6)
    2.0
    """
    return singular_values(matrix_of(x, "svdvals"))
