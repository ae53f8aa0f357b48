"""Repeated fits of the same model: the programs are kept, and nothing of them may be stale."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cdiff.optimize as cdo

scipy_optimize = pytest.importorskip("scipy.optimize")

RATE_OF_FIT = 1.0


def power(x, a, b):
    return RATE_OF_FIT * a * x**b


@pytest.mark.parametrize("weighted", [False, True])
def test_the_next_fit_runs_no_python_of_the_model(weighted):
    calls = []

    def model(x, a, b):
        calls.append(1)
        return a * np.exp(-b * x)

    sigma = np.linspace(0.5, 1.0, 12) if weighted else None
    counts = []
    for k in range(4):
        x = np.linspace(0.5, 2.0 + 0.1 * k, 12)
        y = (1.0 + k) * np.exp(-0.3 * k * x) + 0.01 * np.cos(9.0 * x)
        before = len(calls)
        fit = cdo.curve_fit(model, x, y, sigma=sigma)
        counts.append(len(calls) - before)
        alone = cdo.curve_fit(model, x, y, sigma=sigma, compile=False)
        expected = scipy_optimize.curve_fit(model, x, y, sigma=sigma)
        np.testing.assert_allclose(fit.parameters, alone.parameters, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(fit.covariance, alone.covariance, rtol=1e-6)
        np.testing.assert_allclose(fit.parameters, expected[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(fit.covariance, expected[1], rtol=1e-3)
    assert counts[0] > 0 and counts[1:] == [0, 0, 0]


def test_a_kept_model_is_never_stale(monkeypatch):
    x = np.linspace(0.5, 2.0, 12)
    y = 2.0 * x**1.5
    for rate in (1.0, 2.0, 1.0, 4.0):
        monkeypatch.setitem(globals(), "RATE_OF_FIT", rate)
        fit = cdo.curve_fit(power, x, y)
        np.testing.assert_allclose(fit.parameters, [2.0 / rate, 1.5], rtol=1e-9)

    class Shifted:
        def __init__(self, shift):
            self.shift = shift

        def model(self, x, a):
            return a * x + self.shift

        def __call__(self, x, a):
            return self.model(x, a)

        def __eq__(self, other):
            return isinstance(other, Shifted)  # whatever their shifts are

        def __hash__(self):
            return 1

    for shift in (0.0, 1.0, 2.0):
        line = Shifted(shift)
        for f in (line, line.model):
            assert cdo.curve_fit(f, x, 3.0 * x + shift).parameters == pytest.approx([3.0])
        line.shift = 5.0
        for f in (line, line.model):
            assert cdo.curve_fit(f, x, 3.0 * x + 5.0).parameters == pytest.approx([3.0])


def test_a_model_that_wants_its_data_plain():
    """What a model does with x need not be differentiable, and may decide by its values."""
    x = np.linspace(0.5, 2.0, 12)
    y = 2.0 * np.round(x, 1) ** 1.5
    plain = lambda x, a, b: a * np.asarray([float(f"{z:.1f}") for z in x]) ** b
    decides = lambda x, a, b: a * np.array([round(float(z), 1) for z in x]) ** b if x[0] > 0 else a
    for f in (plain, decides, plain, decides):
        assert cdo.curve_fit(f, x, y).parameters == pytest.approx([2.0, 1.5], rel=1e-9)
        with pytest.raises(ValueError, match="the model has shape"):
            cdo.curve_fit(lambda x, a: x[:3] * a, x, y)
    for other in (x.tolist(), x.astype(np.float32), (x, x), np.arange(1, 13)):
        at = np.asarray(other[0] if isinstance(other, tuple) else other, dtype=float)
        f = lambda x, a, b: a * np.asarray(x[0] if isinstance(x, tuple) else x) ** b
        found = cdo.curve_fit(f, other, 2.0 * at**1.5).parameters
        assert found == pytest.approx([2.0, 1.5], rel=1e-6)


def test_a_model_that_changes_all_the_time_is_not_kept():
    class Model:
        shift = 0.0

        def __call__(self, x, p):
            return p["a"] * x + self.shift

    model, x = Model(), np.arange(4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(120):
            model.shift = 1.0 * k
            fit = cdo.curve_fit(model, x, 2.0 * x + k, {"a": 1.0})
            assert fit.parameters["a"] == pytest.approx(2.0)


def test_fits_from_many_threads():
    x = np.linspace(0.5, 2.0, 12)

    def fit(k):
        return cdo.curve_fit(power, x, (1.0 + k) * x**1.5).parameters

    with ThreadPoolExecutor(8) as pool:
        for k, found in enumerate(pool.map(fit, range(200))):
            np.testing.assert_allclose(found, [1.0 + k, 1.5], rtol=1e-9)


def decay(t, a, k):
    return a * np.exp(-k * t)


def test_data_that_are_not_there():
    t = np.linspace(0.0, 3.0, 20)
    y = decay(t, 2.5, 1.3) + 0.01 * np.cos(40.0 * t)
    there = np.ones(20, bool)
    there[[3, 7]] = False
    holes = [np.where(np.arange(20) == k, np.nan, x) for k, x in ((3, t), (7, y))]
    sigma, spread = np.linspace(0.1, 0.2, 20), np.diag(np.linspace(0.1, 0.2, 20) ** 2)
    for weights in (None, sigma, spread, 0.5):
        kept = weights
        if np.ndim(weights):
            kept = weights[np.ix_(*[there] * weights.ndim)]
        expected = cdo.curve_fit(decay, t[there], y[there], sigma=kept)
        found = cdo.curve_fit(decay, *holes, sigma=weights, nan_policy="omit")
        np.testing.assert_array_equal(found.parameters, expected.parameters)
        np.testing.assert_array_equal(found.covariance, expected.covariance)
    table = {"t": np.stack([holes[0], t]), "unit": 1.0}
    model = lambda x, a, k: decay(x["t"][0] * x["unit"], a, k)
    in_table = cdo.curve_fit(model, table, holes[1], nan_policy="omit")
    np.testing.assert_allclose(
        in_table.parameters, cdo.curve_fit(decay, t[there], y[there]).parameters, rtol=1e-9
    )
    with pytest.raises(ValueError, match="ydata must be finite; nan_policy='omit'"):
        cdo.curve_fit(decay, t, holes[1])
    with pytest.raises(ValueError, match="nan_policy must be"):
        cdo.curve_fit(decay, t, y, nan_policy="propagate")
    with pytest.raises(ValueError, match="is for vectors"):
        cdo.curve_fit(lambda t, a: a * t, np.ones((2, 2)), np.ones((2, 2)), nan_policy="omit")


@pytest.mark.parametrize(
    "bounds", [([2.0, 1.2], [3.0, 3.0]), (-np.inf, [9.0, 0.5]), (0.0, np.inf), ([5.0, 0.0], np.inf)]
)
def test_the_first_guess_lies_between_the_bounds(bounds):
    t = np.linspace(0.0, 3.0, 20)
    y = decay(t, 2.5, 1.3) + 0.01 * np.cos(40.0 * t)
    expected = scipy_optimize.curve_fit(decay, t, y, bounds=bounds)[0]
    for given in (bounds, scipy_optimize.Bounds(*bounds)):
        found = cdo.curve_fit(decay, t, y, bounds=given).parameters
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_models_and_data_as_lists():
    t = np.linspace(0.0, 3.0, 20)
    y = decay(t, 2.5, 1.3)
    rows = lambda t, a, k: [a * np.exp(-k * s) for s in t]
    for f, x in ((rows, t), (decay, t.tolist()), (rows, t.tolist())):
        assert cdo.curve_fit(f, x, y.tolist()).parameters == pytest.approx([2.5, 1.3])
    squares = cdo.curve_fit(lambda x, a, b: a * x**2 + b / x, range(1, 6), [2.5, 4, 9, 16, 25])
    expected = scipy_optimize.curve_fit(
        lambda x, a, b: a * x**2 + b / x, list(range(1, 6)), [2.5, 4, 9, 16, 25]
    )[0]
    np.testing.assert_allclose(squares.parameters, expected, rtol=1e-6)
    pair = cdo.curve_fit(lambda x, a, b: a * x[0] + b * x[1], [[1, 2, 3], [1, 4, 9]], [4, 14, 30])
    np.testing.assert_allclose(pair.parameters, [1.0, 3.0], rtol=1e-9)
    level = cdo.curve_fit(lambda x, a: a, t, y)  # a number counts for all data
    assert level.parameters == pytest.approx([y.mean()])
    assert level.errors == pytest.approx([y.std(ddof=1) / np.sqrt(20)])


def test_columns_are_arrays_and_tables_an_error():
    class Table:
        """As pandas' classes say what they are."""

        __pandas_priority__ = 3000

        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return np.array(self.values, dtype)

    t = np.linspace(0.0, 3.0, 20)
    found = cdo.curve_fit(decay, Table(t), Table(decay(t, 2.5, 1.3)))
    assert found.parameters == pytest.approx([2.5, 1.3])
    with pytest.raises(TypeError, match="curve_fit: xdata is a table; give its columns"):
        cdo.curve_fit(decay, Table(np.ones((20, 2))), t)


def test_options_of_scipys_curve_fit():
    t = np.linspace(0.0, 3.0, 20)
    y = decay(t, 2.5, 1.3)
    assert cdo.curve_fit(decay, t, y, maxfev=500, full_output=False).result.success
    with pytest.raises(RuntimeError, match="curve_fit"):
        cdo.curve_fit(decay, t, y, maxfev=2)
    for name, value in (("jac", decay), ("full_output", True), ("check_finite", False)):
        with pytest.raises(TypeError, match=f"curve_fit: .*: leave {name} out"):
            cdo.curve_fit(decay, t, y, **{name: value})
    with pytest.raises(ValueError, match="sigma, as a covariance matrix, is not positive"):
        cdo.curve_fit(decay, t, y, sigma=-np.eye(20))
    with pytest.raises(TypeError, match="the output of decay is complex"):
        cdo.curve_fit(decay, t + 0j, y)


def test_small_fits_give_the_fields_of_least_squares():
    x = np.linspace(0.5, 2.0, 12)
    y = 2.0 * x**1.5 + 0.05 * np.sin(9.0 * x)
    small = cdo.curve_fit(power, x, y).result
    large = cdo.curve_fit(power, x, y, x_scale=1.0).result  # goes through SciPy's interface
    assert small.keys() == large.keys()
    for name in ("x", "cost", "fun", "jac"):
        np.testing.assert_allclose(small[name], large[name], rtol=1e-7, atol=1e-9)
    assert small.success and small.status in (1, 2, 3, 4) and small.grad.shape == (2,)
    assert small.active_mask.tolist() == [0.0, 0.0] and small.optimality < 1e-6
    with pytest.raises(ValueError, match="not finite at the first guess"):
        cdo.curve_fit(lambda x, a: a * np.log(x - x[0]), x, y)
