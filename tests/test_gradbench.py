"""benchmarks/gradbench: right results, a protocol that survives anything, no special cases.

Every eval is compared with the verified outputs, with differences, with pure Python where that has
it, and on inputs that are not of the kind that GradBench makes: observations that differ, prior
degrees of freedom, mirrored hands, a rotation by nothing.
"""

import copy
import importlib
import io
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
if not (ROOT / "benchmarks").exists():
    pytest.skip("the benchmarks are not installed", allow_module_level=True)

import cdiff as cd  # noqa: E402
from benchmarks.gradbench import _checks, _tool, ba, ht, kmeans, workloads  # noqa: E402
from benchmarks.gradbench._child import leaves  # noqa: E402
from benchmarks.gradbench.peers import numpy as alone  # noqa: E402
from benchmarks.gradbench.peers import python as pure  # noqa: E402

COUNTS = {
    "ba": 14, "det": 7, "gmm": 25, "ht": 12, "kmeans": 12, "llsq": 11, "lse": 10, "lstm": 9,
    "ode": 9, "particle": 1, "saddle": 1,
}  # fmt: skip
random = np.random.default_rng(7)


def module(name):
    return importlib.import_module(f"benchmarks.gradbench.{name}")


def run(name, function, data):
    return module(name).FUNCTIONS[function].prepare(data)()


def flat(result):
    return np.concatenate(list(leaves(result)))


# --- results ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", workloads.EVALS)
def test_verified_outputs(name):
    found = list(_checks.verified(name))
    assert found
    for file, function, error in found:
        assert error < 1e-9, (file, function)


def test_the_rule_finds_errors():
    expected = {"a": [1.0, 2.0], "b": [[100.0, 3.0]]}
    assert _checks.error(copy.deepcopy(expected), expected) == 0.0
    wrong = {"a": [1.0, 2.0], "b": [[100.0, 3.01]]}
    assert _checks.error(wrong, expected) == pytest.approx(0.01 / 6.01)
    for other in ({"a": [1.0, 2.0]}, {"a": [1.0], "b": [[100.0, 3.0]]}, [1.0], None):
        assert _checks.error(other, expected) == np.inf
    assert _checks.error([np.nan], [1.0]) == np.inf


def small(name):
    """Data of an eval that takes no time."""
    if name == "det":
        return random.normal(size=(5, 5))
    if name == "lse":
        return random.normal(size=50)
    if name == "llsq":
        return random.normal(size=6), np.linspace(-1.0, 1.0, 9)
    if name == "ode":
        return random.uniform(0.5, 1.5, 6), 7
    if name == "lstm":
        sizes = (4, 12), (3, 3), (4, 3), (6, 3)
        return tuple([random.normal(size=size) for size in sizes])
    if name == "gmm":
        p = {"alpha": random.normal(size=2), "mu": random.normal(size=(2, 3))}
        p |= {"q": random.normal(size=(2, 3)), "l": random.normal(size=(2, 3))}
        return p, random.normal(size=(7, 3)), 1.3, 2
    _, message, _ = next(workloads.golden(name))
    return module(name).read(message)


@pytest.mark.parametrize("name", sorted(_checks.UNKNOWNS))
def test_differences(name):
    assert _checks.differences(name, small(name)) < 1e-6


def test_differences_find_errors(monkeypatch):
    data = small("lse")
    wrong = dict(module("lse").FUNCTIONS)
    wrong["gradient"] = type(wrong["gradient"])(lambda x: lambda: np.ones(len(x)), None)
    monkeypatch.setattr(module("lse"), "FUNCTIONS", wrong)
    assert _checks.differences("lse", data) > 0.1


@pytest.mark.parametrize("name, function", sorted(pure.EVALS))
def test_pure_python_agrees(name, function):
    data = small(name)
    want = pure.EVALS[name, function](data)()
    np.testing.assert_allclose(flat(run(name, function, data)), flat(want), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name, function", sorted(alone.EVALS))
def test_numpy_agrees(name, function):
    """The function alone, which the table shows beside its derivatives."""
    data = small(name)
    want = alone.EVALS[name, function](data)()
    np.testing.assert_allclose(flat(run(name, function, data)), flat(want), rtol=1e-12)


def test_det_of_all_sizes():
    """Written out and as loops."""
    for n in range(1, 10):
        a = random.normal(size=(n, n))
        assert run("det", "primal", a) == pytest.approx(np.linalg.det(a), rel=1e-9)
        want = np.linalg.det(a) * np.linalg.inv(a).T
        np.testing.assert_allclose(run("det", "gradient", a), want, rtol=1e-8)


def observations(p):
    """Cameras, points and features that differ, in no order; one camera does not rotate."""
    cameras, points = random.normal(size=(5, 11)), random.normal(size=(4, 3)) + [0, 0, 9]
    cameras[2, :3] = 0.0
    weights, features = random.normal(size=p), random.normal(size=(p, 2))
    return ba.Data(
        cameras, points, weights, features, random.integers(0, 5, p), random.integers(0, 4, p)
    )


@pytest.mark.parametrize("p", [3, ba.CHUNK, 2 * ba.CHUNK + 5])
def test_ba_of_observations_that_differ(p):
    """The sparse matrix is the Jacobian of all residuals by all unknowns."""
    data = observations(p)
    cameras, points, weights = data.cameras, data.points, data.weights
    rows, columns, values = run("ba", "jacobian", data)
    dense = np.zeros((3 * p, 55 + 12 + p))
    for row, (start, end) in enumerate(pairwise(rows)):
        dense[row, columns[start:end]] = values[start:end]
    of_one = cd.jacobian(ba.reprojection_error, argnums=(0, 1, 2))
    want = np.zeros_like(dense)
    for i in range(p):
        c, q = data.camera_of[i], data.point_of[i]
        parts = of_one(cameras[c], points[q], weights[i], data.features[i])
        want[2 * i : 2 * i + 2, 11 * c : 11 * c + 11] = parts[0]
        want[2 * i : 2 * i + 2, 55 + 3 * q : 58 + 3 * q] = parts[1]
        want[2 * i : 2 * i + 2, 67 + i] = parts[2]
        want[2 * p + i, 67 + i] = -2 * weights[i]
    np.testing.assert_allclose(dense, want, rtol=1e-10, atol=1e-12)
    assert (rows[-1], len(values)) == (31 * p, 31 * p)


def test_kmeans_of_any_number_of_points(monkeypatch):
    monkeypatch.setattr(kmeans, "AT_ONCE", 30)
    for n in (1, 9, 10, 11, 25):
        points, centroids = random.normal(size=(n, 2)), random.normal(size=(3, 2))
        squares = ((points[:, None] - centroids) ** 2).sum(2)
        assert run("kmeans", "cost", (centroids, points)) == pytest.approx(squares.min(1).sum())
        nearest = squares.argmin(1)
        with np.errstate(invalid="ignore"):
            want = [(centroids[j] - points[nearest == j]).sum(0) / (nearest == j).sum()
                    for j in range(3)]  # fmt: skip
        np.testing.assert_allclose(run("kmeans", "dir", (centroids, points)), want, rtol=1e-9)


@pytest.mark.parametrize("simple", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turned", [0.0, 1.0])
def test_hands(simple, mirrored, turned):
    """Both variants, mirrored, and a whole hand that is not turned."""
    theta, shift, model, seen, points, places = small("ht")
    theta = theta * np.where(np.arange(26) < 3, turned, 1.0)
    model = {**model, "is_mirrored": mirrored}
    if simple:  # these are numbers of vertices, not of triangles
        seen, places = seen % len(model["base_positions"]), None
    data = theta, shift, model, seen, points, places
    found = run("ht", "jacobian", data)
    assert found.shape == (3 * len(seen), 26 if simple else 28)
    want = cd.jacobian(lambda t: ht.residuals(t, *data[1:]))(theta).reshape(-1, 26)
    np.testing.assert_allclose(found[:, -26:], want, rtol=1e-9, atol=1e-12)
    if not simple:
        h = 1e-6
        for k in range(2):
            ends = [ht.residuals(theta, shift, *data[2:5], places + s * h * np.eye(2)[k])
                    for s in (1, -1)]  # fmt: skip
            slope = (ends[0] - ends[1]).ravel() / (2 * h)
            np.testing.assert_allclose(found[:, k], slope, atol=1e-6)


# --- workloads ----------------------------------------------------------------------------------


def test_workloads_are_those_of_gradbench():
    assert {name: len(workloads.names(name)) for name in workloads.EVALS} == COUNTS
    with pytest.raises(KeyError, match="it has n=16"):
        workloads.message("llsq", "n=17")


@pytest.mark.parametrize("name", ["det", "gmm", "kmeans", "llsq", "lse", "ode"])
def test_generated_inputs_are_the_stored_ones(name):
    for _, message, _ in workloads.golden(name):
        made = [workloads.message(name, w) for w in workloads.names(name)[:8]]
        known = [m for m in made if all(m[key] == value for key, value in message.items())]
        assert known or message.get("s") == 50


# --- the protocol -------------------------------------------------------------------------------


def answers(*messages):
    lines = [m if isinstance(m, str) else json.dumps(m) for m in messages]
    out = io.StringIO()
    _tool.serve(lines, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def evaluate(name, function, given, number=5):
    return {"id": number, "kind": "evaluate", "module": name, "function": function, "input": given}


LSE = {"x": [1.0, 2.0], "min_runs": 3, "min_seconds": 0}


def test_a_conversation():
    found = answers(
        {"id": 0, "kind": "start", "eval": "lse"},
        {"id": 1, "kind": "define", "module": "lse"},
        evaluate("lse", "gradient", LSE, 2),
        {"id": 3, "kind": "analysis", "of": 2},
    )
    assert [a["id"] for a in found] == [0, 1, 2, 3]
    assert found[0] == {"id": 0, "tool": "cdiff"} and found[3] == {"id": 3}
    assert found[1]["success"] and found[2]["success"]
    assert found[2]["output"] == pytest.approx([0.2689414213699951, 0.7310585786300049])
    names = [t["name"] for t in found[2]["timings"]]
    assert names == ["prepare", "evaluate", "evaluate", "evaluate"]
    assert all(type(t["nanoseconds"]) is int and t["nanoseconds"] > 0 for t in found[2]["timings"])


def test_seconds_count():
    [found] = answers(evaluate("lse", "primal", {**LSE, "min_seconds": 0.01}))
    spent = [t["nanoseconds"] for t in found["timings"] if t["name"] == "evaluate"]
    assert sum(spent) >= 1e7 > sum(spent[:-1])


def test_hello():
    square, double = answers(evaluate("hello", "square", 3), evaluate("hello", "double", 3))
    assert (square["output"], double["output"]) == (9.0, 6.0)


BAD = [
    ("{", "no JSON"),
    ("[1]", "must be an object"),
    ("null", "must be an object"),
    ({"id": 5, "kind": "define", "module": "nothing"}, "no module 'nothing'"),
    ({"id": 5, "kind": "define"}, "no module None"),
    ({"id": 5, "kind": "define", "module": ["lse"]}, "no module"),
    ({"id": 5, "kind": "evaluate"}, "no module"),
    (evaluate("lse", "hessian", LSE), "no function 'hessian'; there are primal, gradient"),
    (evaluate("lse", {}, LSE), "no function"),
    (evaluate("lse", "primal", None), "must be an object"),
    (evaluate("lse", "primal", {}), "has no 'x'"),
    (evaluate("lse", "primal", {**LSE, "x": [[1.0], [2.0, 3.0]]}), "rows differ"),
    (evaluate("lse", "primal", {**LSE, "x": [[1.0]]}), r"shape \(any\), got \(1, 1\)"),
    (evaluate("lse", "primal", {**LSE, "x": ["a"]}), "'x' must hold float numbers"),
    (evaluate("lse", "primal", {**LSE, "x": [None]}), "'x' must hold float numbers"),
    (evaluate("lse", "primal", {**LSE, "x": []}), "ValueError"),
    (evaluate("lse", "primal", {**LSE, "x": [float("nan")]}), "not finite"),
    (evaluate("lse", "primal", {**LSE, "min_runs": "many"}), "'min_runs' must be a whole"),
    (evaluate("lse", "primal", {**LSE, "min_runs": float("inf")}), "'min_runs' must be a whole"),
    (evaluate("lse", "primal", {**LSE, "min_seconds": -1}), "'min_seconds' must lie"),
    (evaluate("lse", "primal", {**LSE, "min_seconds": float("nan")}), "'min_seconds' must lie"),
    (evaluate("det", "primal", {"A": [1.0, 2.0], "ell": 2}), r"'A' must have the shape \(4\)"),
    (evaluate("det", "primal", {"A": [], "ell": 0}), "'ell' must be at least 1"),
    (evaluate("hello", "square", "3"), "must be a number"),
    (evaluate("saddle", "ff", {"start": [1.0]}), r"shape \(2\)"),
    (evaluate("kmeans", "dir", {"points": [[1.0, 2.0]], "centroids": [[1.0]]}), "'centroids'"),
    (evaluate("kmeans", "dir", {"points": [[1.0]], "centroids": []}), "'centroids'"),
    (evaluate("ba", "jacobian", {"n": 1, "m": 1, "p": 0}), "'p' must be at least 1"),
    (evaluate("llsq", "primal", {"x": [1.0], "n": 1.5}), "'n' must be a whole number"),
    (evaluate("ode", "primal", {"x": [1.0], "s": True}), "'s' must be a whole number"),
    (evaluate("lstm", "jacobian", {"sequence": [[1.0]]}), "two rows"),
    (evaluate("ht", "jacobian", {"data": 3}), "must be an object"),
]


@pytest.mark.parametrize("message, text", BAD)
def test_bad_messages_are_answered(message, text):
    """And the next one is answered as if nothing had been."""
    found, after = answers(message, evaluate("lse", "primal", LSE, 6))
    assert found["success"] is False
    assert re.search(text, found["error"]), found["error"]
    assert found["id"] == (5 if isinstance(message, dict) else None)
    assert after["success"] and after["id"] == 6


def test_positions_out_of_range():
    message = copy.deepcopy(workloads.stored("ht_small")["input"])
    message["data"]["correspondences"][3] = 10**6
    [found] = answers(evaluate("ht", "objective", message))
    assert not found["success"] and "IndexError" in found["error"]


def test_as_a_process():
    """Garbage in between, and what a function prints does not disturb the answers."""
    lines = [json.dumps(evaluate("lse", "primal", LSE)), "garbage", "", "\x00\xff", '{"id": 1}']
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gradbench"], input="\n".join(lines), text=True,
        capture_output=True, cwd=ROOT, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [a.get("success") for a in found] == [True, False, False, None]
