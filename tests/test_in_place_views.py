"""What NumPy makes a view of, without slices: it shows later changes, and is read-only as there.

Also orders of elements that go by the memory, which raise rather than give another order.
"""

from __future__ import annotations

import numpy as np
import pytest

import cdiff as cd
import cdiff.numpy as cnp

A = np.arange(1.0, 13.0).reshape(3, 4) / 7.0
windows = np.lib.stride_tricks.sliding_window_view

# Functions of a matrix that give a view in NumPy.
VIEWS = {
    "windows": lambda a: windows(a, 2, axis=1),
    "windows of both axes": lambda a: windows(a, (2, 3)),
    "windows of a part": lambda a: windows(a[:, ::2], 2, axis=0),
    "windows of windows": lambda a: windows(windows(a[0], 2), 2, axis=0),
    "part of windows": lambda a: windows(a, 2, axis=1)[1:, 0],
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 3, 4)),
    "broadcast_to its own shape": lambda a: np.broadcast_to(a, (3, 4)),
    "part of broadcast_to": lambda a: np.broadcast_to(a, (2, 3, 4))[1, 1:],
    "broadcast_to of a row": lambda a: np.broadcast_to(a[1], (2, 4)).T,
    "broadcast_arrays": lambda a: np.broadcast_arrays(a, np.zeros((2, 1, 1)))[0],
    "broadcast_arrays of one shape": lambda a: np.broadcast_arrays(a, np.zeros((3, 4)))[0],
    "meshgrid": lambda a: np.meshgrid(a[0], a[:, 1], copy=False)[1],
    "meshgrid of one": lambda a: np.meshgrid(a[0], copy=False)[0],
    "diagonal": lambda a: np.diagonal(a),
    "method diagonal": lambda a: a.diagonal(1),
    "diagonal of the transpose": lambda a: a.T.diagonal(-1),
    "diagonal of a part": lambda a: np.diagonal(a[:, ::2], -1),
    "diagonal of other axes": lambda a: np.diagonal(a[:, :3].reshape(3, 3), 0, 1, 0),
    "diag": lambda a: np.diag(a),
    "diag of a part": lambda a: np.diag(a[:, 1:3]),
    "linalg.diagonal": lambda a: np.linalg.diagonal(a, offset=1),
    "einsum": lambda a: np.einsum("ii->i", a[:, :3]),
}
WRITEABLE = ["broadcast_arrays", "broadcast_arrays of one shape", "meshgrid", "meshgrid of one",
             "einsum"]  # fmt: skip


def constant(a):
    return cd.array(a)


def tracked(a):
    return cd.array(a) * cd.array(1.0, requires_grad=True)


def leaf(a):
    return cd.array(a, requires_grad=True)


def changed(a, view):
    """The values of a view after each change of its base."""
    seen = [np.array(cd.stop_gradient(view))]
    with cd.no_grad():
        a[1] = 5.0
        seen.append(np.array(cd.stop_gradient(view)))
        a *= 2.0
        seen.append(np.array(cd.stop_gradient(view)))
        a[0, 1:] += a[2, 1:]
        a[2, 2] = 0.25
        seen.append(np.array(cd.stop_gradient(view)))
    return seen


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("make", [constant, tracked, leaf])
def test_views_show_later_changes(make, name):
    mine, a = A.copy(), make(A)
    expected = changed(mine, VIEWS[name](mine))
    for found, right in zip(changed(a, VIEWS[name](a)), expected, strict=True):
        np.testing.assert_array_equal(found, right)


def change_between(view):
    """A function that changes its argument between two readings of a view of it."""

    def f(x):
        a = x * 1.0
        v = view(a)
        before = (v * v).sum()
        a[0] = a[1] * a[2]
        a[1:, 1] *= 3.0
        return before + (v * v * v).sum() + v.sum() * a.sum()

    def g(x):
        a = x * 1.0
        before = (view(a) ** 2).sum()
        b = np.concatenate([(a[1] * a[2])[None], a[1:] * np.array([1.0, 3.0, 1.0, 1.0])])
        v = view(b)
        return before + (v**3).sum() + v.sum() * b.sum()

    return f, g


@pytest.mark.parametrize("name", VIEWS)
def test_derivatives_through_views_of_what_was_changed(name):
    f, g = change_between(VIEWS[name])
    assert float(f(A)) == pytest.approx(float(g(A)), rel=1e-13)
    direction = np.cos(np.arange(12.0)).reshape(3, 4)
    expected = cd.grad(g)(A)
    np.testing.assert_allclose(cd.grad(f)(A), expected, rtol=1e-12)
    np.testing.assert_allclose(cd.jvp(f, (A,), (direction,))[1], (expected * direction).sum())
    np.testing.assert_allclose(cd.compile(cd.grad(f))(A), expected, rtol=1e-12)
    twice = [cd.hvp(h, (A,), (direction,)) for h in (f, g)]
    np.testing.assert_allclose(*twice, rtol=1e-12)
    many = np.stack([A, A + 1.0])
    np.testing.assert_allclose(cd.vmap(f)(many), [g(A), g(A + 1.0)], rtol=1e-12)


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("make", [constant, tracked])
def test_views_may_be_written_to_as_in_numpy_or_raise(make, name):
    actions = [lambda v: v.__setitem__(0, 9.0), lambda v: v.__iadd__(1.0),
               lambda v: v[:1].__setitem__(..., 9.0), lambda v: np.copyto(v, 9.0)]  # fmt: skip
    for action in actions:
        mine, a = A.copy(), make(A)
        v = VIEWS[name](a)
        if name == "einsum":
            try:
                action(v)
                action(VIEWS[name](mine))
            except ValueError as error:  # of a part whose memory is not in C order
                assert "read-only" in str(error)
        else:
            with pytest.raises(ValueError, match="assignment destination is read-only"):
                action(v)
        np.testing.assert_array_equal(cd.stop_gradient(a), mine)
        if name not in WRITEABLE:
            with pytest.raises(ValueError, match="read-only"):
                action(VIEWS[name](mine))


def test_einsum_of_a_whole_matrix_may_be_written_to():
    mine, a = A[:, :3].copy(), cd.array(A[:, :3])
    for x in (mine, a):
        np.einsum("ii->i", x)[:2] = [8.0, 9.0]
    np.testing.assert_array_equal(a, mine)


def test_windows_after_backward():
    w = cd.array(A[0], requires_grad=True)
    v = windows(w, 2)
    (v**2).sum().backward()
    (v**2).sum().backward()
    np.testing.assert_allclose(w.grad, 4.0 * A[0] * [1.0, 2.0, 2.0, 1.0])


def test_windows_after_their_base_is_gone():
    a = cd.array(A[0])
    v = windows(a[1:], 2)
    a[1] = 4.0
    del a
    np.testing.assert_array_equal(v, [[4.0, A[0, 2]], [A[0, 2], A[0, 3]]])


@pytest.mark.parametrize("make", [constant, tracked])
def test_flags_writeable(make):
    mine, a = A.copy(), make(A)
    for x in (mine, a):
        early = x[1:]
        assert x.flags.writeable and x.flags["WRITEABLE"] and "WRITEABLE : True" in repr(x.flags)
        x.flags.writeable = False
        assert not x.flags.writeable and not x[1:].flags.writeable
        for view in (x, x[1:], x[:, 1:][1:], x.T, x.reshape(-1), x[1:].reshape(8)[2:]):
            with pytest.raises(ValueError, match="assignment destination is read-only"):
                view[0] = 1.0
            with pytest.raises(ValueError, match="read-only"):
                view *= 2.0
        with pytest.raises(ValueError, match="cannot set WRITEABLE flag to True"):
            x[1:].flags.writeable = True
        early[0] = 7.0
        y = x.copy()
        y[0] = 1.0
        x.flags["WRITEABLE"] = True
        x[0, 0] = 3.0
    np.testing.assert_array_equal(cd.stop_gradient(a), mine)
    with pytest.raises(AttributeError):
        a.flags.aligned = False
    with pytest.raises(ValueError, match="cannot set WRITEABLE flag to True"):
        windows(a, 2, axis=0).flags.writeable = True


PARTS = [lambda z: z.real, np.imag, lambda z: z.imag[1:], np.real_if_close]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("make", [constant, tracked])
def test_parts_of_complex_numbers_show_later_changes(make, part):
    mine = A + 1e-17j * A if part is np.real_if_close else A - 2j * A
    z = make(mine)
    for found, right in zip(changed(z, part(z)), changed(mine, part(mine)), strict=True):
        np.testing.assert_array_equal(found, right)
    with pytest.raises(ValueError, match="read-only"):
        part(z)[0] = 1.0
    assert not part(z).flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        z.real.copy().imag[0] = 1.0


def test_derivatives_through_parts_of_what_was_changed():
    def f(x):
        z = x * (1.0 + 2.0j)
        re, im = z.real, z.imag
        before = (re * im).sum()
        z[0] = z[1] * z[2]
        return before + (re * re * im).sum()

    def g(x):
        z = x * (1.0 + 2.0j)
        y = np.concatenate([(z[1] * z[2])[None], z[1:]])
        return (z.real * z.imag).sum() + (y.real * y.real * y.imag).sum()

    assert float(f(A)) == pytest.approx(float(g(A)), rel=1e-13)
    expected = cd.grad(g)(A)
    np.testing.assert_allclose(cd.grad(f)(A), expected, rtol=1e-12)
    np.testing.assert_allclose(cd.compile(cd.grad(f))(A), expected, rtol=1e-12)
    np.testing.assert_allclose(cd.jvp(f, (A,), (A,))[1], (expected * A).sum(), rtol=1e-12)


def test_pad_by_nothing_is_a_copy():
    for mode in ("constant", "edge", "mean", "linear_ramp", "reflect"):
        a = cd.array(A)
        padded = np.pad(a, 0, mode)
        a[0] = 0.0
        np.testing.assert_array_equal(padded, A)
    a = cd.array(A)
    padded = np.pad(a, 0, "reflect", reflect_type="odd")
    a[0] = 0.0
    np.testing.assert_array_equal(padded, A)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: a.T.ravel("K"),
        lambda a: np.ravel(a.T, order="A"),
        lambda a: (a.T * 2.0).ravel("K"),
        lambda a: np.reshape(a.T, -1, order="A"),
        lambda a: a.copy(order="F").ravel("K"),
        lambda a: a.T.flatten("A"),
        lambda a: a.reshape(4, 3, order="A"),
    ],
)
def test_orders_by_memory_raise(f):
    for make in (constant, tracked):
        with pytest.raises(ValueError, match="write order='C' or order='F'"):
            f(make(A))


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
def test_orders_that_cannot_matter(order):
    for part in (A[0], A[0, ::-1], A[:, :1], A[:0], A[:1, None]):
        np.testing.assert_array_equal(cd.array(part).ravel(order), part.ravel(order))
        np.testing.assert_array_equal(np.ravel(tracked(part), order).numpy(), part.ravel(order))


LAYOUTS = {
    "whole": lambda a: a,
    "transposed": lambda a: a.T,
    "backward": lambda a: a[::-1],
    "every other": lambda a: a[:, ::2],
    "a row": lambda a: a[1:2],
}
CONVERTED = {
    "ascontiguousarray": lambda a, xp: xp.ascontiguousarray(a),
    "asfortranarray": lambda a, xp: xp.asfortranarray(a),
    "asarray C": lambda a, xp: xp.asarray(a, order="C"),
    "asarray F": lambda a, xp: xp.asarray(a, order="F"),
    "asarray": lambda a, xp: xp.asarray(a),
    "require C": lambda a, xp: xp.require(a, requirements="C"),
    "require F": lambda a, xp: xp.require(a, requirements=["F_CONTIGUOUS"]),
    "require own": lambda a, xp: xp.require(a, requirements=["O"]),
    "tile": lambda a, xp: xp.tile(a[:1], (3, 1)),
    "tile of a number": lambda a, xp: xp.tile(a[0, 0], (2, 2)),
    "repeat": lambda a, xp: xp.repeat(a[:1], 3, axis=0),
    "repeat of one": lambda a, xp: xp.repeat(a[:1, :1], 3),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CONVERTED)
def test_arrays_are_copied_where_numpy_copies(name, layout):
    """What is written to the result is seen in what was given if NumPy shows it there, and the
    other way round."""

    def f(p, xp):
        a = A * p
        part = LAYOUTS[layout](a)
        b = CONVERTED[name](part, xp)
        b[(0,) * b.ndim] = 10.0 * p
        seen = b * 1.0
        part[0, 0] += 5.0
        return np.sum(a * A) + np.sum(seen) + 2.0 * np.sum(b)

    want = f(2.0, np)
    slope = (f(2.0 + 1e-6, np) - f(2.0 - 1e-6, np)) / 2e-6
    for found in (cd.value_and_grad(f)(2.0, cnp), cd.jvp(lambda p: f(p, cnp), (2.0,), (1.0,))):
        assert found == pytest.approx((want, slope), rel=1e-8)
    compiled = cd.compile(cd.value_and_grad(lambda p: f(p, cnp)))
    assert [compiled(2.0), compiled(2.0)] == [pytest.approx((want, slope), rel=1e-8)] * 2
