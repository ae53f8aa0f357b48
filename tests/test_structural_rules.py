"""The structural rules of the operator table, run as Python on plain NumPy arrays.

The Cython that the generator writes is Python but for its declarations. Here the core's functions
are replaced by NumPy, so every adjoint and tangent is checked against finite differences and
against each other without the compiled package.
"""

import re

import numpy as np
import pytest
from optable_probe import SRC, codegen

TABLE = codegen.load()
ROWS = {row.name: row for row in TABLE.structural_rules}


def python_of(cython):
    """Cython source without its declarations."""
    lines = []
    for line in re.sub(r"<\w+>", "", cython).splitlines():
        if function := re.fullmatch(r"cdef \w+ (\w+)\((.*)\):", line):
            names = [parameter.split()[-1] for parameter in function[2].split(", ")]
            lines.append(f"def {function[1]}({', '.join(names)}):")
        elif declaration := re.fullmatch(r"( +)cdef [\w.]+ (.*)", line):
            variables = re.split(r", (?=\w+(?: =|,|$))", declaration[2])
            values = "; ".join(v for v in variables if " = " in v)
            lines.append(declaration[1] + (values or "pass"))
        else:
            lines.append(line)
    return "\n".join(lines)


# --- the core's part, in NumPy --------------------------------------------------------------------


def strided(index):
    """(start, step, count) per axis as a NumPy index."""
    key = []
    for start, step, count in zip(*[iter(index)] * 3, strict=True):
        key.append(start if count < 0 else start + step * np.arange(count))
    kept = [np.atleast_1d(k) for k in key]
    return np.ix_(*kept), tuple(i for i, k in enumerate(key) if np.ndim(k) == 0)


def take(a, index):
    key, dropped = strided(index)
    return np.squeeze(a[key], axis=dropped)


def put(a, v, index):
    key, dropped = strided(index)
    out = np.array(a)
    out[key] = np.expand_dims(np.broadcast_to(v, take(a, index).shape), dropped)
    return out


def sum_to(a, shape):
    extra = a.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and a.shape[i + extra] != 1)
    return a.sum(axis=axes).reshape(shape)


def linrec(a, b, axis, reverse):
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(np.array(b), axis, 0)
    a, b = (a[::-1], b[::-1]) if reverse else (a, b)
    out = np.array(b)
    for j in range(1, len(out)):
        out[j] = a[j] * out[j - 1] + b[j]
    return np.moveaxis(out[::-1] if reverse else out, 0, axis)


def scatter_add(g, rows, count):
    out = np.zeros((count, *g.shape[1:]))
    np.add.at(out, rows, g)
    return out


def clip_weights(a, low, high):
    return ((low < a) & (a < high)).astype(float)


def shares(a, top, axes):
    shape = [1 if i in axes else n for i, n in enumerate(a.shape)]
    holders = (a == np.reshape(top, shape)) | np.isnan(a)
    return holders / holders.sum(axis=axes, keepdims=True)


def logsumexp(a, axes, keepdims):
    top = a.max(axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        out = np.log(np.exp(a - top).sum(axis=axes, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=axes)


VALUES = {
    "reshape": lambda a, shape: a.reshape(shape),
    "transpose": lambda a, perm: a.transpose(perm),
    "broadcast_to": np.broadcast_to,
    "sum_to": sum_to,
    "sum": lambda a, axes, keepdims: a.sum(axis=axes, keepdims=keepdims),
    "slice": take,
    "embed": lambda a, shape, index: put(np.zeros(shape, a.dtype), a, index),
    "index_set": put,
    "gather": lambda a, rows: a[rows],
    "scatter_add": scatter_add,
    "concatenate": lambda *xs_axis_starts: np.concatenate(
        xs_axis_starts[:-2], axis=xs_axis_starts[-2]
    ),
    "where": lambda c, a, b: np.where(c != 0, a, b),
    "clip": np.clip,
    "cast": lambda a, typenum: a,
    "cumsum": lambda a, axis, reverse: (
        np.flip(np.cumsum(np.flip(a, axis), axis), axis) if reverse else np.cumsum(a, axis)),
    "linrec": linrec,
    "max": lambda a, axes, keepdims: a.max(axis=axes, keepdims=keepdims),
    "min": lambda a, axes, keepdims: a.min(axis=axes, keepdims=keepdims),
    "prod": lambda a, axes, keepdims: a.prod(axis=axes, keepdims=keepdims),
    "logsumexp": logsumexp,
    "norm2": lambda a, axes, keepdims: np.sqrt(
        (np.abs(a) ** 2).sum(axis=axes, keepdims=keepdims)),
    "matmul": np.matmul,
    "einsum": lambda *xs_spec: np.einsum(xs_spec[-1], *xs_spec[:-1]),
    "solve": np.linalg.solve,
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "logabsdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": np.linalg.cholesky,
    "conj": np.conj,
    "real": np.real,
    "imag": np.imag,
    "turned": lambda a: 1j * a,
    "modulus": np.abs,
    "fft": lambda a, axes, inverse, norm: (np.fft.ifftn if inverse else np.fft.fftn)(
        a, axes=axes, norm=norm),
    "spectrum": lambda a, axes, inverse, norm, real: (np.real if real else np.asarray)(
        VALUES["fft"](a, axes, inverse, norm)),
    "rfft": lambda a, axis, norm: np.fft.rfft(a, axis=axis, norm=norm),
    "irfft": lambda a, axis, count, norm: np.fft.irfft(a, count, axis=axis, norm=norm),
}

ELEMENTWISE = {
    "zmul": lambda a, b: np.where((a == 0) | (b == 0), 0.0, a * b),
    "safe_divide": lambda a, b: np.where(b == 0, 0.0, a / np.where(b == 0, 1.0, b)),
    "safe_subtract": lambda a, b: np.where(a == b, 0.0, a - np.where(a == b, 0.0, b)),
}


def code_of(name):
    return "OP_" + name.upper()


def elementwise(op, *args):
    name = op.removeprefix("OP_").lower()
    with np.errstate(all="ignore"):
        y = ELEMENTWISE.get(name, getattr(np, name, None))(*map(np.asarray, args))
    return y if y.dtype.kind == "c" else y.astype(float)


def in_place(op, a, b, last):
    return elementwise(op, a) if b is None else elementwise(op, a, b)


def apply(op, operands, attrs):
    return np.asarray(VALUES[op.removeprefix("OP_").lower()](*operands, *(attrs or ())))


def rules():
    """The generated functions by name, as Python."""
    names = [row.name for row in TABLE.elementwise] + list(VALUES)
    space = {code_of(name): code_of(name) for name in names}
    space.update(
        np=np, apply=apply, apply1=lambda op, a, attrs: apply(op, [a], attrs),
        ew1=elementwise, ew2=elementwise, ew_over=in_place, const=np.float64,
        parent=lambda y, k: y.parents[k], y_attrs=lambda y: y.attrs, parents_of=lambda y: y.parents,
        shape_of=np.shape, dtype_of=lambda a: a.dtype, wrap_ndarray=np.asarray,
        typenum_of=lambda a: a.dtype.kind == "c", is_complex=bool, innermost=lambda a: a,
        zeros_like_node=np.zeros_like,
        zeros_like_part=lambda y, attrs, k: np.zeros_like(
            np.take(y, range(*attrs[1][k : k + 2]), attrs[0])),
        add_tangents=lambda s, t: t if s is None else s if t is None else s + t,
    )
    for name, value in VALUES.items():
        space[f"apply_{name}"] = lambda *args, value=value: np.asarray(value(*args))
    space["apply_concatenate"] = lambda parts, axis, starts: np.concatenate(parts, axis=axis)
    space.update(is_traced=lambda a: True, shares=shares, clip_weights=clip_weights)
    exec(python_of((SRC / "values" / "attrs.pxi").read_text()), space)
    for row in TABLE.fused + TABLE.structural_rules:
        exec(python_of(row.code), space)
    return space


RULES = rules()


class Result(np.ndarray):
    """A value that remembers where it came from."""


def record(name, operands, attrs):
    y = np.asarray(apply(code_of(name), operands, attrs)).view(Result)
    y.parents, y.attrs = list(operands), attrs
    return y


# --- cases ----------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape)


def draw_complex(*shape):
    return draw(*shape) + 1j * draw(*shape)


def like(x):
    return draw_complex(*x.shape) if x.dtype.kind == "c" else draw(*x.shape)


def positive_definite(*shape):
    a = draw(*shape)
    return a @ np.swapaxes(a, -1, -2) + 3 * np.eye(shape[-1])


def hermitian(a):
    return a + np.swapaxes(a, -1, -2).conj()


ZEROS = np.array([[0.0, 2.0, -1.5], [0.0, 0.0, 3.0], [1.5, 2.0, 0.5]])

CASES = [
    ("reshape", [draw(2, 6)], ((3, 4),)),
    ("transpose", [draw(2, 3, 4)], ((2, 0, 1),)),
    ("broadcast_to", [draw(3, 1)], ((2, 3, 4),)),
    ("sum_to", [draw(2, 3, 4)], ((3, 1),)),
    ("sum", [draw(2, 3, 4)], ((0, 2), False)),
    ("sum", [draw(2, 3, 4)], ((1,), True)),
    ("sum", [draw(0, 3)], ((0,), False)),
    ("slice", [draw(5, 4)], ((3, -1, 3, 2, 1, -1),)),
    ("embed", [draw(2, 3)], ((5, 3), (0, 2, 2, 0, 1, 3))),
    ("index_set", [draw(5, 3), draw(2, 3)], ((1, 3, 2, 0, 1, 3),)),
    ("gather", [draw(4, 2), np.array([1, 1, 3])], None),
    ("scatter_add", [draw(3, 2), np.array([1, 1, 3])], (4,)),
    ("concatenate", [draw(2, 3), draw(2, 1), draw(2, 2)], (1, (0, 3, 4, 6))),
    ("where", [np.array([1.0, 0.0, 1.0]), draw(3), draw(3)], None),
    ("clip", [draw(3, 4)], (-0.5, 0.7)),
    ("cast", [draw(3)], (12,)),
    ("cumsum", [draw(3, 4)], (1, False)),
    ("cumsum", [draw(3, 4)], (0, True)),
    ("linrec", [draw(2, 5), draw(2, 5)], (1, False)),
    ("linrec", [draw(4, 3), draw(4, 3)], (0, True)),
    ("linrec", [draw(1, 3), draw(1, 3)], (0, False)),
    ("max", [draw(3, 4)], ((1,), False)),
    ("min", [draw(3, 4)], ((0, 1), True)),
    ("prod", [draw(2, 3, 4)], ((0, 2), False)),
    ("prod", [ZEROS], ((1,), True)),
    ("logsumexp", [draw(3, 4) * 30], ((1,), False)),
    ("norm2", [draw(3, 4)], ((0,), False)),
    ("matmul", [draw(2, 3, 4), draw(2, 4, 5)], None),
    ("einsum", [draw(2, 3), draw(3, 4)], ("ij,jk->ik",)),
    ("einsum", [draw(3, 3)], ("ii->",)),
    ("einsum", [draw(3, 3), draw(3)], ("ii,i->i",)),
    ("einsum", [draw(2, 3), draw(4)], ("ij,k->i",)),
    ("einsum", [draw(3), draw(3), draw(3, 3)], ("i,j,ij->",)),
    ("solve", [positive_definite(2, 3, 3) + draw(2, 3, 3), draw(2, 3, 2)], None),
    ("inv", [positive_definite(3, 3) + draw(3, 3)], None),
    ("det", [draw(2, 3, 3)], None),
    ("logabsdet", [draw(2, 3, 3)], None),
    ("cholesky", [positive_definite(2, 3, 3)], None),
    ("conj", [draw_complex(3)], None),
    ("real", [draw_complex(3)], None),
    ("imag", [draw_complex(3)], None),
    ("turned", [draw(3)], None),
    ("modulus", [draw_complex(3)], None),
    ("fft", [draw_complex(3, 4)], ((1,), False, "backward")),
    ("fft", [draw_complex(3, 4)], ((0, 1), True, "ortho")),
    *[("rfft", [draw(3, n)], (1, norm)) for n in (4, 5) for norm in ("backward", "forward")],
    *[("irfft", [draw_complex(3, 4)], (0, n, norm)) for n in (4, 5) for norm in ("backward",
                                                                                 "ortho")],
    ("sum", [draw_complex(2, 3)], ((0,), False)),
    ("prod", [draw_complex(2, 3)], ((1,), False)),
    ("linrec", [draw_complex(2, 5), draw_complex(2, 5)], (1, True)),
    ("norm2", [draw_complex(3, 4)], ((0,), False)),
    ("logsumexp", [draw_complex(3, 4)], ((1,), True)),
    ("matmul", [draw_complex(3, 4), draw_complex(4, 2)], None),
    ("einsum", [draw_complex(2, 3), draw_complex(4)], ("ij,k->i",)),
    ("solve", [draw_complex(3, 3), draw_complex(3, 2)], None),
    ("inv", [draw_complex(3, 3)], None),
    ("det", [draw_complex(2, 3, 3)], None),
    ("logabsdet", [draw_complex(2, 3, 3)], None),
    ("cholesky", [hermitian(draw_complex(3, 3)) + 4 * np.eye(3)], None),
    ("fft", [draw(3, 4)], ((1,), True, "ortho")),
    *[("spectrum", [x], ((1,), inverse, "backward", real)) for x in (draw(2, 5), draw_complex(2, 4))
      for inverse in (False, True) for real in (False, True)],
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(CASES)]


def differentiable(operands):
    return [k for k, x in enumerate(operands) if x.dtype.kind in "fc"]


def perturbation(name, x):
    return hermitian(like(x)) if name == "cholesky" else like(x)


def tangent(name, y, operands, tangents, attrs):
    """As the core takes it: that of a real result is real."""
    t = RULES[f"tan_{name}"](y, tuple(operands), tuple(tangents), attrs)
    return t if t is None or y.dtype.kind == "c" else np.real(t)


@pytest.mark.parametrize(("name", "operands", "attrs"), CASES, ids=IDS)
def test_tangent_is_the_finite_difference(name, operands, attrs):
    y = record(name, operands, attrs)
    for k in differentiable(operands):
        if name == "where" and k == 0:
            continue
        t, h = perturbation(name, operands[k]), 1e-6
        moved = [[x + s * h * t if i == k else x for i, x in enumerate(operands)] for s in (1, -1)]
        want = (apply(code_of(name), moved[0], attrs) - apply(code_of(name), moved[1], attrs)) / (
            2 * h)
        tangents = [t if i == k else None for i in range(len(operands))]
        got = np.broadcast_to(tangent(name, y, operands, tangents, attrs), y.shape)
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize(("name", "operands", "attrs"), CASES, ids=IDS)
def test_adjoint_is_the_transpose_of_the_tangent(name, operands, attrs):
    y = record(name, operands, attrs)
    g = like(y)
    for k in differentiable(operands):
        if name == "where" and k == 0:
            continue
        t = perturbation(name, operands[k])
        tangents = [t if i == k else None for i in range(len(operands))]
        forward = np.sum(g * tangent(name, y, operands, tangents, attrs)).real
        c = RULES[f"adj_{name}"](y, g, k)
        backward = np.sum(sum_to(np.asarray(c), operands[k].shape) * t).real
        assert forward == pytest.approx(backward, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize(("name", "operands", "attrs"), CASES, ids=IDS)
def test_saved_operands_suffice(name, operands, attrs):
    """Operands that a row does not claim to read may be forgotten."""
    y = record(name, operands, attrs)
    g, saves = like(y), ROWS[name].saves
    for k in differentiable(operands):
        if name == "where" and k == 0:
            continue
        want = RULES[f"adj_{name}"](y, g, k)
        kept = [x if saves >> min(i, 31) & 1 or i == k else None for i, x in enumerate(operands)]
        shell = np.asarray(y).view(Result)
        shell.attrs = attrs
        # The operand itself is there, but its numbers must not matter.
        shell.parents = [np.full_like(x, np.nan) if i == k and not saves >> min(i, 31) & 1 else x
                         for i, x in enumerate(kept)]
        np.testing.assert_array_equal(RULES[f"adj_{name}"](shell, g, k), want)
        t = [like(x) if i == k else None for i, x in enumerate(operands)]
        want = tangent(name, y, operands, t, attrs)
        np.testing.assert_array_equal(tangent(name, shell, shell.parents, t, attrs), want)


def test_no_tangents_no_tangent():
    for name, operands, attrs in CASES:
        if name in ("where", "index_set", "concatenate"):
            continue
        y = record(name, operands, attrs)
        assert tangent(name, y, operands, [None] * len(operands), attrs) is None


def adjoint(name, operands, attrs, g, k=0):
    y = record(name, operands, attrs)
    return np.asarray(RULES[f"adj_{name}"](y, np.asarray(g), k))


def test_ties_are_split_evenly():
    a = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    want = [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(adjoint("max", [a], ((1,), False), np.ones(2)), want)


def test_nan_takes_the_derivative_of_a_maximum():
    a = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(adjoint("max", [a], ((0,), False), 1.0), [0, 1, 0])


def test_product_with_zeros_is_exact():
    np.testing.assert_array_equal(
        adjoint("prod", [ZEROS], ((1,), False), np.ones(3)), [[-3, 0, 0], [0, 0, 0], [1, 0.75, 3]])


def test_norm_of_zero_has_derivative_zero():
    np.testing.assert_array_equal(adjoint("norm2", [np.zeros(3)], ((0,), False), 1.0), np.zeros(3))


def test_logsumexp_at_infinities():
    inf = np.inf
    a = np.array([[-inf, -inf], [0.0, -inf], [inf, 0.0]])
    np.testing.assert_array_equal(
        adjoint("logsumexp", [a], ((1,), False), np.ones(3)), [[0.5, 0.5], [1, 0], [1, 0]])


def test_the_products_of_others():
    m = draw(3, 4)
    m[0, 1] = m[1, 0] = m[1, 2] = 0.0
    expected = np.stack([np.delete(m, j, axis=1).prod(axis=1) for j in range(4)], axis=1)
    np.testing.assert_allclose(RULES["apply_others_product"](m), expected)


def test_every_structural_row_has_a_case():
    assert {name for name, *_ in CASES} == set(ROWS) == set(VALUES)
