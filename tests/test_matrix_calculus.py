"""Every statement of the mathematics page, section by section, in both layouts."""

from __future__ import annotations

import numpy as np
import pytest

import cdiff as cd
import cdiff.matrix_calculus as mc

RNG = np.random.default_rng(7)
LAYOUTS = pytest.mark.parametrize("layout", ["numerator", "denominator"])
ARRANGEMENTS = pytest.mark.parametrize("arrangement", ["axes", "textbook", "vec"])


def rand(*shape):
    return RNG.standard_normal(shape)


def close(actual, expected, tol=1e-13):
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=tol, atol=tol)


def in_layout(numerator, layout):
    """A two-dimensional derivative, given in numerator layout, in the layout asked for."""
    return numerator if layout == "numerator" else np.transpose(numerator)


def holds(f, x, numerator, layout):
    """The derivative of a vector by a vector is the matrix given in numerator layout."""
    close(mc.derivative(f, x, layout), in_layout(numerator, layout))


def gradient_is(f, x, expected, layout):
    """The derivative of a scalar is `expected`, as gradient, as printed, and as vec."""
    close(mc.derivative(f, x, layout), expected)
    close(mc.gradient(f, x, layout), expected)
    two = expected[:, None] if expected.ndim == 1 else expected
    printed = two.T if layout == "numerator" else two
    close(mc.derivative(f, x, layout, "textbook"), printed)
    column = mc.vec(expected)[:, None]
    close(mc.derivative(f, x, layout, "vec"), column.T if layout == "numerator" else column)


def spd(n):
    a = rand(n, n)
    return a @ a.T + n * np.eye(n)


# ------------------------------------------------------------------ 1. shapes and layouts

SHAPES = [(), (3,), (2, 4)]
FUNCTIONS = {
    (): lambda x: np.sum(np.sin(x)),
    (5,): lambda x: np.sum(np.sin(x)) * np.arange(1.0, 6.0),
    (3, 2): lambda x: np.sum(np.sin(x)) * np.arange(1.0, 7.0).reshape(3, 2),
}


@LAYOUTS
@pytest.mark.parametrize("x_shape", SHAPES)
@pytest.mark.parametrize("y_shape", list(FUNCTIONS))
def test_table_of_shapes(y_shape, x_shape, layout):
    x = np.asarray(rand(*x_shape))
    shape = y_shape + x_shape if layout == "numerator" else x_shape + y_shape
    derivative = mc.derivative(FUNCTIONS[y_shape], x, layout)
    assert np.shape(derivative) == shape
    y = np.asarray(FUNCTIONS[y_shape](np.zeros(x_shape) + np.pi / 2)) / max(x.size, 1)
    expected = np.multiply.outer(y, np.cos(x))
    if layout == "denominator":
        expected = np.multiply.outer(np.cos(x), y)
    close(derivative, expected)


def test_rows_are_outputs_and_columns_are_inputs():
    J = mc.derivative(lambda x: np.stack([x[0] * 2.0, x[1] * 3.0 + x[2] * 5.0]), np.ones(3))
    close(J, np.array([[2.0, 0.0, 0.0], [0.0, 3.0, 5.0]]))


def test_denominator_layout_of_vectors_is_the_transpose():
    A, x = rand(4, 3), rand(3)
    f = lambda u: np.tanh(A @ u)
    close(mc.derivative(f, x, "denominator"), mc.derivative(f, x, "numerator").T)
    default = mc.derivative(f, x)
    close(default, mc.derivative(f, x, "numerator"))


TEXTBOOK = [
    # y shape, x shape, numerator layout, denominator layout
    ((), (3,), (1, 3), (3, 1)),
    ((5,), (), (5, 1), (1, 5)),
    ((5,), (3,), (5, 3), (3, 5)),
    ((), (2, 4), (4, 2), (2, 4)),
    ((3, 2), (), (3, 2), (2, 3)),
    ((), (), (), ()),
]


@pytest.mark.parametrize(("y_shape", "x_shape", "numerator", "denominator"), TEXTBOOK)
def test_textbook_shapes(y_shape, x_shape, numerator, denominator):
    f, x = FUNCTIONS[y_shape], np.asarray(rand(*x_shape))
    row = mc.derivative(f, x, "numerator", "textbook")
    column = mc.derivative(f, x, "denominator", "textbook")
    assert np.shape(row) == numerator
    assert np.shape(column) == denominator
    close(np.transpose(row), column)


def test_textbook_values():
    X = rand(2, 3)
    f = lambda u: np.sum(u**3)
    close(mc.derivative(f, X, "numerator", "textbook"), 3.0 * (X**2).T)
    close(mc.derivative(f, X, "denominator", "textbook"), 3.0 * X**2)
    M = rand(2, 3)
    close(mc.derivative(lambda t: t * M, 2.0, "numerator", "textbook"), M)
    close(mc.derivative(lambda t: t * M, 2.0, "denominator", "textbook"), M.T)


def test_textbook_has_no_higher_arrays():
    for y_shape, x_shape in [((5,), (2, 4)), ((3, 2), (3,)), ((3, 2), (2, 4))]:
        with pytest.raises(ValueError, match="no two-dimensional form"):
            mc.derivative(FUNCTIONS[y_shape], rand(*x_shape), "numerator", "textbook")


@LAYOUTS
def test_vec_arrangement_is_the_kronecker_one(layout):
    A, X, B = rand(2, 3), rand(3, 4), rand(4, 5)
    J = mc.derivative(lambda u: A @ u @ B, X, layout, "vec")
    close(J, in_layout(np.kron(B.T, A), layout))
    # d vec(Y) = J d vec(X)
    dX = rand(3, 4)
    numerator = in_layout(J, layout)
    close(numerator @ mc.vec(dX), mc.vec(A @ dX @ B))
    # vec of a vector is the vector, and of a scalar a one-entry vector
    x = rand(3)
    close(mc.derivative(lambda u: A @ u, x, layout, "vec"), in_layout(A, layout))
    assert np.shape(mc.derivative(lambda t: t * t, 2.0, layout, "vec")) == (1, 1)


def test_vec_of_a_transpose_is_the_commutation_matrix():
    K = mc.derivative(np.transpose, rand(2, 3), "numerator", "vec")
    X = rand(2, 3)
    close(K @ mc.vec(X), mc.vec(X.T))
    assert sorted(K.sum(axis=0)) == [1.0] * 6


def test_vec():
    close(mc.vec([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 3.0, 2.0, 4.0]))
    gradient = cd.grad(lambda X: mc.vec(X) @ np.arange(4.0))(np.ones((2, 2)))
    close(gradient, np.array([[0.0, 2.0], [1.0, 3.0]]))


# ------------------------------------------------------------------ 2. identities

A_, B_ = rand(4, 3), rand(3, 3)
a_, b_, x_ = rand(3), rand(3), rand(3)


def u_of(x):
    return np.tanh(A_ @ x)


def v_of(x):
    return np.sin(x[0] * np.ones(4)) * np.arange(1.0, 5.0) + (A_ * A_) @ x


def jac(f, x):
    """Jacobian in numerator layout by central differences with one extrapolation."""
    columns = []
    for e in np.eye(x.size):
        d = [(f(x + h * e) - f(x - h * e)) / (2 * h) for h in (1e-3, 5e-4)]
        columns.append((4 * d[1] - d[0]) / 3)
    return np.stack(columns, axis=-1)


@LAYOUTS
def test_1_squared_norm_and_inner_product(layout):
    gradient_is(lambda x: x @ x, x_, 2.0 * x_, layout)
    gradient_is(lambda x: np.linalg.norm(x) ** 2, x_, 2.0 * x_, layout)
    u, v, du, dv = u_of(x_), v_of(x_), mc.jacobian(u_of, x_), mc.jacobian(v_of, x_)
    close(du, jac(u_of, x_), 1e-9)
    close(dv, jac(v_of, x_), 1e-9)
    gradient_is(lambda x: u_of(x) @ v_of(x), x_, u @ dv + v @ du, layout)


@LAYOUTS
def test_2_linear_maps(layout):
    holds(lambda x: A_ @ x, x_, A_, layout)
    holds(lambda x: x @ B_, x_, B_.T, layout)
    du = mc.jacobian(u_of, x_)
    C = rand(2, 4)
    holds(lambda x: C @ u_of(x), x_, C @ du, layout)
    if layout == "denominator":
        du = mc.jacobian(u_of, x_, "denominator")
        close(mc.jacobian(lambda x: C @ u_of(x), x_, "denominator"), du @ C.T)


@LAYOUTS
def test_3_quadratic_forms(layout):
    gradient_is(lambda x: x @ B_ @ x, x_, (B_ + B_.T) @ x_, layout)
    close(x_ @ (B_ + B_.T), (B_ + B_.T) @ x_)
    row = mc.gradient(lambda x: x @ B_ @ x, x_, "numerator", "textbook")
    close(row, x_[None, :] @ (B_ + B_.T))
    close(mc.hessian(lambda x: x @ B_ @ x, x_), B_ + B_.T)
    close(mc.hessian(lambda x: x @ B_ @ x, x_, "vec"), B_ + B_.T)


def test_3_product_rule_in_denominator_layout():
    M = rand(3, 4)
    dy = mc.jacobian(v_of, x_, "denominator")
    expected = dy @ M.T @ x_ + M @ v_of(x_)
    close(mc.gradient(lambda x: (x @ M) @ v_of(x), x_, "denominator"), expected)


@LAYOUTS
def test_4_traces_and_bilinear_forms(layout):
    X = rand(3, 4)
    a, b = rand(3), rand(4)
    gradient_is(lambda X: a @ X @ b, X, np.outer(a, b), layout)
    gradient_is(lambda X: b @ X.T @ a, X, np.outer(a, b), layout)
    c, d = rand(4), rand(3)
    gradient_is(lambda X: c @ X.T @ d, X, np.outer(d, c), layout)
    A, B = rand(5, 3), rand(4, 5)
    gradient_is(lambda X: np.trace(A @ X @ B), X, A.T @ B.T, layout)
    S = rand(3, 3)
    gradient_is(lambda X: np.trace(X.T @ S @ X), X, (S + S.T) @ X, layout)


@LAYOUTS
def test_5_sum_of_a_product(layout):
    A, X = rand(5, 3), rand(3, 4)
    gradient_is(lambda X: np.sum(A @ X), X, A.T @ np.ones((5, 4)), layout)


@LAYOUTS
def test_6_determinants_and_inverses(layout):
    X = spd(3) + 0.3 * rand(3, 3)
    inverse = np.linalg.inv(X)
    gradient_is(lambda X: np.linalg.slogdet(X)[1], X, inverse.T, layout)
    gradient_is(lambda X: np.log(np.linalg.det(X)), X, inverse.T, layout)
    close(mc.gradient(np.linalg.det, X, layout), np.linalg.det(X) * inverse.T, tol=1e-12)
    dX = rand(3, 3)
    close(mc.differential(np.linalg.inv, X, dX), -inverse @ dX @ inverse)
    J = mc.derivative(np.linalg.inv, X, layout, "vec")
    close(J, in_layout(-np.kron(inverse.T, inverse), layout))


@LAYOUTS
def test_7_chain_rule(layout):
    C = rand(2, 4)

    def z_of(u):
        return np.exp(C @ u)

    u = u_of(x_)
    outer, inner = mc.jacobian(z_of, u, layout), mc.jacobian(u_of, x_, layout)
    product = outer @ inner if layout == "numerator" else inner @ outer
    close(mc.jacobian(lambda x: z_of(u_of(x)), x_, layout), product)


@LAYOUTS
def test_7_chain_rule_with_scalar_ends(layout):
    def scalar_end(u):
        return np.sum(u**3)

    def scalar_start(t):
        return np.sin(t * np.arange(1.0, 4.0))

    u = u_of(x_)
    close(
        mc.gradient(lambda x: scalar_end(u_of(x)), x_, layout),
        mc.gradient(scalar_end, u) @ mc.jacobian(u_of, x_),
    )
    t = 0.4
    close(
        mc.derivative(lambda s: u_of(scalar_start(s)), t, layout),
        mc.jacobian(u_of, scalar_start(t)) @ mc.derivative(scalar_start, t),
    )
    close(
        mc.derivative(lambda s: scalar_end(u_of(scalar_start(s))), t, layout),
        mc.gradient(scalar_end, u_of(scalar_start(t)))
        @ mc.jacobian(u_of, scalar_start(t))
        @ mc.derivative(scalar_start, t),
    )


@LAYOUTS
def test_7_chain_rule_over_several_paths(layout):
    def u(x, y):
        return x * np.cos(y)

    def v(x, y):
        return x * y + np.exp(x)

    def z(a, b):
        return np.sin(a) * b

    y0 = rand(3)

    def whole(x):
        return z(u(x, y0), v(x, y0))

    u0, v0 = u(x_, y0), v(x_, y0)
    dz_du = mc.jacobian(lambda a: z(a, v0), u0, layout)
    dz_dv = mc.jacobian(lambda b: z(u0, b), v0, layout)
    du_dx = mc.jacobian(lambda x: u(x, y0), x_, layout)
    dv_dx = mc.jacobian(lambda x: v(x, y0), x_, layout)
    if layout == "numerator":
        expected = dz_du @ du_dx + dz_dv @ dv_dx
    else:
        expected = du_dx @ dz_du + dv_dx @ dz_dv
    close(mc.jacobian(whole, x_, layout), expected)
    # the same for numbers
    close(
        mc.derivative(lambda t: z(u(t, 2.0), v(t, 2.0)), 0.5),
        np.cos(u(0.5, 2.0)) * v(0.5, 2.0) * np.cos(2.0) + np.sin(u(0.5, 2.0)) * (2.0 + np.exp(0.5)),
    )


@LAYOUTS
def test_8_elementwise_broadcasting_reductions(layout):
    X = rand(2, 3)
    identity = np.eye(6).reshape(2, 3, 2, 3)
    close(mc.derivative(lambda X: 2.0 * X, X, layout), 2.0 * identity)
    close(mc.derivative(lambda X: 2.0 * X, X, layout, "vec"), 2.0 * np.eye(6))
    x = rand(3)
    holds(lambda x: 2.0 * x, x, 2.0 * np.eye(3), layout)
    holds(np.exp, x, np.diag(np.exp(x)), layout)
    holds(lambda x: x * a_, x, np.diag(a_), layout)
    # broadcasting a row over the rows of a matrix, and reducing it again
    M = rand(4, 3)
    holds(lambda x: np.sum(M * x, axis=1), x, M, layout)
    holds(lambda x: np.sum(M * x, axis=0), x, np.diag(M.sum(axis=0)), layout)
    holds(lambda x: np.mean(M + x, axis=0), x, np.eye(3), layout)
    D = mc.derivative(lambda x: M + x, x, "numerator")
    close(D, np.broadcast_to(np.eye(3), (4, 3, 3)))


# ------------------------------------------------------------------ 3. the graph


def test_graph_of_a_squared_residual():
    x, w, y = rand(3), rand(3), 0.7

    def z(x, w, y):
        a = x @ w
        b = a - y
        return b**2

    r = x @ w - y
    dx, dw, dy = cd.grad(z, (0, 1, 2))(x, w, y)
    close(dx, 2.0 * r * w)
    close(dw, 2.0 * r * x)
    close(dy, -2.0 * r)
    ops = [value.op for value in mc.explain(lambda w: z(x, w, y), w).values[1:]]
    assert ops[1] == "subtract"
    assert len(ops) == 3


@pytest.mark.parametrize("x", [-30.0, -1.0, 0.0, 0.3, 5.0])
def test_logistic_function_step_by_step(x):
    def logistic(x):
        f = -x
        g = np.exp(f)
        w = 1.0 + g
        return 1.0 / w

    s = 1.0 / (1.0 + np.exp(-x))
    for way in (cd.grad, cd.jacfwd, cd.jacrev):
        assert way(logistic)(x) == pytest.approx(s * (1.0 - s), rel=1e-14)
    ops = [value.op for value in mc.explain(logistic, x).values[1:]]
    assert ops == ["negative", "exp", "add", "divide"] or ops[:3] == ["negative", "exp", "add"]
    w, b = 0.5, -0.2
    s = cd.sigmoid(w * x + b)
    assert cd.grad(lambda t: cd.sigmoid(w * t + b))(x) == pytest.approx(s * (1 - s) * w, rel=1e-13)


def test_forward_and_reverse_agree():
    A, x = rand(4, 3), rand(3)
    f = lambda u: np.tanh(A @ np.sin(u))
    t, c = rand(3), rand(4)
    J = mc.jacobian(f, x)
    close(cd.jvp(f, (x,), (t,))[1], J @ t)
    close(cd.vjp(f, x)[1](c)[0], c @ J)
    close(cd.linearize(f, x)[1](t), J @ t)


def test_branches_that_do_not_lead_to_the_output_cost_nothing():
    x = cd.array([1.0, 2.0], requires_grad=True)
    c = cd.array([3.0, 4.0])
    assert not cd.is_tracked(np.sin(c) * c)
    y = (x * c).sum()
    y.backward()
    close(x.grad.numpy(), np.array([3.0, 4.0]))
    assert c.grad is None
    # a value that is computed but not used does not appear in the explanation
    used = mc.explain(lambda u: (np.sin(u), np.sum(u * 2.0))[1], rand(2))
    assert "sin" not in [value.op for value in used.values]


# ------------------------------------------------------------------ 4. backward


def test_backward_seeds_ones():
    x = cd.array([1.0, 2.0, 3.0], requires_grad=True)
    (x**2).backward()
    close(x.grad.numpy(), np.array([2.0, 4.0, 6.0]))
    y = cd.array([1.0, 2.0, 3.0], requires_grad=True)
    (y**2).backward(np.ones(3))
    close(y.grad.numpy(), x.grad.numpy())
    s = cd.array(3.0, requires_grad=True)
    (s * s).backward()
    assert float(s.grad) == 6.0


def test_backward_of_a_projection():
    X = cd.array([5.0, 7.0, 11.0], requires_grad=True)
    Y = 2.0 * X
    Y.backward(np.array([1.0, 2.0, 3.0]))
    close(X.grad.numpy(), np.array([2.0, 4.0, 6.0]))


def test_backward_of_a_matrix_and_of_sums_over_outputs():
    A = rand(4, 3)
    x = cd.array(rand(3), requires_grad=True)
    (A @ x).backward()
    close(x.grad.numpy(), A.sum(axis=0))
    X = cd.array(rand(2, 3), requires_grad=True)
    (X * X).backward()
    close(X.grad.numpy(), 2.0 * X.numpy())


def test_gradients_accumulate():
    x = cd.array([1.0, 2.0], requires_grad=True)
    for k in range(1, 4):
        (x * x).sum().backward()
        close(x.grad.numpy(), 2.0 * k * np.array([1.0, 2.0]))
    x.zero_grad()
    assert x.grad is None or not np.any(x.grad.numpy())
    (3.0 * x).sum().backward()
    close(x.grad.numpy(), np.array([3.0, 3.0]))


def worked_case():
    mf1 = cd.array([0.2, 0.2, 0.3], requires_grad=True)
    mf2 = cd.array([0.1, 0.2, 0.3], requires_grad=True)
    lr1, lr2, bias = cd.array([0.1]), cd.array([0.1]), cd.array([0.1])
    s = cd.sigmoid(mf1.dot(mf2) + lr1 + lr2 + bias)
    return mf1, mf2, s


def test_worked_case():
    mf1, mf2, s = worked_case()
    s.backward()
    value = s.numpy()[0]
    assert value == pytest.approx(1.0 / (1.0 + np.exp(-(0.02 + 0.04 + 0.09 + 0.3))), rel=1e-15)
    close(mf1.grad.numpy(), value * (1.0 - value) * mf2.numpy(), 1e-15)


def test_worked_case_positive_example():
    mf1, mf2, s = worked_case()
    (-np.log(s)).backward()
    value = s.numpy()[0]
    close(mf1.grad.numpy(), mf2.numpy() * (value - 1.0), 1e-15)
    close(mf2.grad.numpy(), mf1.numpy() * (value - 1.0), 1e-15)


def test_worked_case_negative_example():
    mf1, mf2, s = worked_case()
    (-np.log(1.0 - s)).backward()
    value = s.numpy()[0]
    close(mf1.grad.numpy(), mf2.numpy() * value, 1e-15)
    close(mf2.grad.numpy(), mf1.numpy() * value, 1e-15)


@pytest.mark.parametrize("t", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("z", [-1000.0, -37.0, -1.0, 0.0, 0.5, 40.0, 1000.0])
def test_cross_entropy_is_stable(z, t):
    x, b = -2.0, 0.25
    w = (z - b) / x

    def loss(w, b):
        z = w * x + b
        return -(t * cd.log_sigmoid(z) + (1.0 - t) * cd.log_sigmoid(-z))

    value, (dw, db) = cd.value_and_grad(loss, (0, 1))(w, b)
    sigmoid = 1.0 / (1.0 + np.exp(-z)) if z > -700 else 0.0
    assert value == pytest.approx(max(z, 0.0) - z * t + np.log1p(np.exp(-abs(z))), rel=1e-13)
    assert dw == pytest.approx(x * (sigmoid - t), rel=1e-12, abs=1e-15)
    assert db == pytest.approx(sigmoid - t, rel=1e-12, abs=1e-15)
    same = cd.value_and_grad(lambda w: cd.softplus(w * x + b) - t * (w * x + b))(w)
    assert same == (pytest.approx(value, rel=1e-13), pytest.approx(dw, rel=1e-12, abs=1e-15))


# ------------------------------------------------------------------ the module's own manners


def test_lists_of_numbers_are_vectors():
    close(mc.derivative(lambda x: x @ x, [1.0, 2.0]), np.array([2.0, 4.0]))


def test_results_can_be_differentiated():
    f = lambda x: np.sum(mc.derivative(lambda u: u**3, x) ** 2)
    close(cd.grad(f)(np.array([1.0, 2.0])), 36.0 * np.array([1.0, 8.0]))
    for arrangement in ("axes", "textbook", "vec"):
        for layout in ("numerator", "denominator"):
            g = lambda x, a=arrangement, lay=layout: np.sum(
                mc.derivative(lambda u: u @ u, x, lay, a) ** 2
            )
            close(cd.grad(g)(np.array([1.0, 2.0])), np.array([8.0, 16.0]))


@ARRANGEMENTS
def test_bad_options(arrangement):
    with pytest.raises(ValueError, match="layout must be one of"):
        mc.derivative(np.sin, 1.0, "mixed", arrangement)
    with pytest.raises(ValueError, match="arrangement must be one of"):
        mc.derivative(np.sin, 1.0, "numerator", "flat")
    with pytest.raises(ValueError, match="arrangement must be"):
        mc.hessian(np.sum, np.ones(2), "textbook")
    with pytest.raises(ValueError, match="layout must be one of"):
        mc.explain(np.sin, 1.0, "mixed")


def test_bad_functions_and_arguments():
    with pytest.raises(TypeError, match="returns one, not containers"):
        mc.derivative(lambda x: (x, x), 1.0)
    with pytest.raises(TypeError, match="gradient needs a function that returns a scalar"):
        mc.gradient(lambda x: x, np.ones(2))
    with pytest.raises(TypeError, match="hessian needs a function that returns a scalar"):
        mc.hessian(lambda x: x * x, np.ones(2))
    with pytest.raises(TypeError, match="argument 0 is the integer 3"):
        mc.derivative(np.sin, 3)
    with pytest.raises(TypeError, match="returns one number or array"):
        mc.explain(lambda x: (x, x), 1.0)
