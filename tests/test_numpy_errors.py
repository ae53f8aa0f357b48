"""Wrong arguments to functions of cdiff.numpy: errors of NumPy's kind, which say what is wrong."""

import numpy as np
import pytest
from numpy_cases import operands_as, run

import cdiff as cd
import cdiff.numpy as cnp


def leaf(x):
    return cd.array(x, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ("m.sum(c, axis=2)", np.exceptions.AxisError, r"sum of shape \(3, 4\): axis 2"),
        ("m.mean(c, axis=-3)", np.exceptions.AxisError, "mean of shape"),
        ("m.max(c, (0, 0))", ValueError, "repeated axis"),
        ("m.mean(s, 0)", np.exceptions.AxisError, "axis 0 is out of bounds"),
        ("m.cumsum(c, 5)", np.exceptions.AxisError, "cumsum of shape"),
        ("m.max(c[:0])", ValueError, "zero-size"),
        ("m.max(c, where=mask)", ValueError, "max: a where mask needs `initial`"),
        ("m.var(c, ddof=1, correction=1)", ValueError, "ddof and correction"),
        ("m.average(c, weights=[0.0, 0, 0, 0], axis=1)", ZeroDivisionError, "sum to zero"),
        ("m.average(c, weights=[1.0])", TypeError, "axis must be specified"),
        ("m.reshape(c, (5, 5))", ValueError, "reshape"),
        ("m.reshape(c, (-2, -1))", ValueError, "reshape"),
        ("m.reshape(c, (-2, -6))", ValueError, "reshape"),
        ("m.reshape(c[:0], (0, -1))", ValueError, "reshape"),
        ("m.reshape(c, 12, order='Q')", ValueError, "order must be"),
        ("m.squeeze(c, 0)", ValueError, "squeeze: cannot select an axis"),
        ("m.concatenate([c, d])", ValueError, "concatenate"),
        ("m.concatenate([s, s])", ValueError, "zero-dimensional"),
        ("m.stack([c, d])", ValueError, "stack: all input arrays must have the same shape"),
        ("m.stack([c, c], 4)", np.exceptions.AxisError, "stack of shape"),
        ("m.split(v, 2)", ValueError, "equal division"),
        ("m.hsplit(s, 1)", ValueError, "hsplit only works"),
        ("m.vsplit(v, 1)", ValueError, "vsplit only works on arrays of 2"),
        ("m.dsplit(c, 1)", ValueError, "dsplit only works on arrays of 3"),
        ("m.transpose(c, (0, 0))", ValueError, "transpose"),
        ("m.moveaxis(a, (0, 1), 2)", ValueError, "same number of elements"),
        ("m.rot90(v)", ValueError, "axis 1 is out of bounds|axes"),
        ("m.broadcast_to(c, (3, 5))", ValueError, "broadcast"),
        ("m.take(v, [9])", IndexError, "out of bounds"),
        ("m.take(v, [0.5])", TypeError, "take: indices must be integers"),
        ("m.take_along_axis(c, i, 0)", ValueError, "same number of dimensions"),
        ("m.diagonal(v)", ValueError, "at least two dimensions"),
        ("m.diag(a)", ValueError, "1- or 2-d"),
        ("m.select([c], [c])", TypeError, "should be boolean"),
        ("m.select([], [c])", ValueError, "same length"),
        ("m.clip(c, 0, 1, min=2)", ValueError, "not both"),
        ("m.where(mask, c)", ValueError, "both or neither"),
        ("m.dot(c, c)", ValueError, r"\(3, 4\)"),
        ("m.matmul(c, s)", ValueError, "matmul"),
        ("m.tensordot(c, c, 1)", ValueError, r"tensordot: shape-mismatch.*\(3, 4\)"),
        ("m.einsum('ij,jk', c, c)", ValueError, "label 'j' stands for axes of length 4 and 3"),
        ("m.einsum('ijk', c)", ValueError, "name 3 axes of an operand that has 2"),
        ("m.einsum('i...->i', c)", ValueError, "the output needs '...'"),
        ("m.einsum('ij->k', c)", ValueError, "output subscript 'k'"),
        ("m.einsum('ij->ii', c)", ValueError, "output subscript 'i'"),
        ("m.einsum('ij', c, c)", ValueError, "2 operands do not fit"),
        ("m.einsum('ii', c)", ValueError, "collapsing index|label 'i'"),
        ("m.linalg.inv(c)", np.linalg.LinAlgError, r"inv: .* \(3, 4\)"),
        ("m.linalg.inv(q * 0)", np.linalg.LinAlgError, "Singular"),
        ("m.linalg.solve(q * 0, v[:4])", np.linalg.LinAlgError, "Singular"),
        ("m.linalg.solve(q, v)", ValueError, "do not fit"),
        ("m.linalg.det(v)", np.linalg.LinAlgError, "det: "),
        ("m.linalg.cholesky(-p)", np.linalg.LinAlgError, "positive definite"),
        ("m.linalg.norm(c, 'two')", ValueError, "Invalid norm order"),
        ("m.linalg.norm(c, 3)", ValueError, "Invalid norm order"),
        ("m.linalg.norm(v, 'fro')", ValueError, "Invalid norm order"),
        ("m.linalg.norm(a, 1)", ValueError, "Improper number"),
        ("m.linalg.matrix_power(c, 2)", np.linalg.LinAlgError, "square"),
        ("m.linalg.matrix_power(q, 0.5)", TypeError, "integer"),
        ("m.linalg.multi_dot([c])", ValueError, "at least two"),
        ("m.pad(c, 1, mode='mode')", ValueError, "pad: mode 'mode' is not supported"),
        ("m.correlate(s, v)", ValueError, r"correlate: .*too small depth.*: \(\), \("),
        ("m.diff(s)", ValueError, "at least one dimensional"),
        ("m.diff(v, -1)", ValueError, "non-negative"),
        ("m.meshgrid(v, u, indexing='zz')", ValueError, "indexing"),
        ("m.sort(v, kind='bubble')", ValueError, "kind"),
        ("m.linspace(s, 1.0, -1)", ValueError, "linspace: Number of samples, -1"),
        ("m.einsum('ij->i', c, dtype='f4')", TypeError, "einsum: .*float64 cannot.*float32"),
        ("m.sum(i, initial=s)", TypeError, "sum: .*integers.*derivative of initial="),
        ("m.vecdot(c, c, axis=0, axes=[0, 0])", TypeError, "cannot specify both"),
        ("m.vecdot(c, c, axes=(0, 0))", TypeError, "vecdot: axes should be a list"),
        ("m.matmul(p, p, axes=[(0, 1), 0, (0, 1)])", ValueError, r"\[2, 2, 2\] axes"),
        ("m.matmul(p, p, axis=0)", TypeError, "matmul does not support axis"),
        ("m.matmul(p, p, keepdims=True)", TypeError, "matmul does not support keepdims"),
        ("m.divmod(v, u, axis=0)", TypeError, "divmod: .* functions of vectors|axis"),
        ("m.divmod(v, u, colour=1)", TypeError, "colour"),
        ("m.add(v, 1j, dtype=float)", TypeError, "complex"),
        ("m.add(v, u, dtype='f4', casting='safe')", TypeError, "float32.*rule 'safe'"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        run(call, cnp, **operands_as(leaf, call))
