"""Pictures: what is in them is what was computed, they are valid SVG, and boxes do not overlap."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cdiff as cd
from cdiff._pictures._layout import GAP_X, GAP_Y, layered

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    """All text of a picture, box by box; edges' labels stand alone."""
    root = ET.fromstring(picture.svg)
    return [
        " | ".join(["".join(t.itertext()) for t in g.iter(f"{SVG}text")])
        for g in root.iter(f"{SVG}g")
    ]


def labels(picture):
    root = ET.fromstring(picture.svg)
    return [t.text for t in root if t.tag == f"{SVG}text"]


def test_a_graph_has_names_values_and_adjoints():
    x = cd.array([1.0, 2.0], requires_grad=True)
    scale = cd.array(3.0, requires_grad=True)
    loss = np.sum(x * x * scale) * 0.5
    picture = cd.draw(loss)
    found = texts(picture)
    assert repr(picture) == f"<drawing of loss: {len(found)} boxes>"
    assert "x | (2,) | [1 2] | adjoint [3 6]" in found
    assert "scale | 3 | adjoint 2.5" in found
    assert "loss = multiply(., 0.5) | 7.5 | adjoint 1" in found
    assert x.grad is None  # nothing is stored, nothing is freed
    loss.backward()
    assert x.grad.tolist() == [3.0, 6.0]


def test_edges_carry_what_each_user_hands_back():
    x = cd.array(2.0, requires_grad=True)
    y = np.sin(x) * x
    assert sorted(labels(cd.draw(y))) == sorted(
        [f"{np.sin(2.0):.4g}", "2", f"{2.0 * np.cos(2.0):.4g}"]
    )
    assert labels(cd.draw(y, values=False)) == []
    doubled = texts(cd.draw(y, adjoint=2.0))
    assert f"x | 2 | adjoint {2 * (np.sin(2.0) + 2.0 * np.cos(2.0)):.4g}" in doubled


def decay(rate, t):
    return np.sum(np.exp(-rate * t))


@pytest.mark.parametrize("f", [decay, lambda a, b: np.sum(a * b), lambda a, b: a * b * (a + b)])
def test_labels_do_not_lie_on_each_other(f):
    picture = cd.draw(f, 1.0 / 3.0, np.linspace(0.0, 1.0, 7) / 3.0)
    root = ET.fromstring(picture.svg)
    places = [
        (float(t.get("x")), float(t.get("y")), 0.6 * float(t.get("font-size")) * len(t.text))
        for t in root if t.tag == f"{SVG}text"
    ]  # fmt: skip
    assert len(places) >= 3
    for (x, y, w), (u, v, z) in itertools.combinations(places, 2):
        assert abs(y - v) >= 9.0 or x + w <= u or u + z <= x


def test_a_graph_that_backward_has_freed():
    x = cd.array([1.0, 2.0], requires_grad=True)
    y = np.sum(np.sin(x) * x)
    y.backward(retain_graph=True)
    assert "x | (2,) | [1 2] | adjoint [" in " ".join(texts(cd.draw(y)))
    y.backward()
    for z in (y, y * 2.0):
        with pytest.raises(RuntimeError, match=r"draw: backward\(\) has freed this graph; draw it"):
            cd.draw(z)


def test_a_picture_of_an_untracked_value():
    assert texts(cd.draw(cd.array([1.0, 2.0]))) == ["constant | (2,) | [1 2]"]


def model(p, x):
    z = p["w"] * x + p["b"]
    return np.tanh(z).sum()


ARGS = ({"w": 2.0, "b": np.ones(3)}, np.arange(3.0))


def test_a_function_is_drawn_with_its_names_and_lines():
    picture = cd.draw(model, *ARGS)
    found = texts(picture)
    line = model.__code__.co_firstlineno + 1
    slope = cd.grad(model)(*ARGS)["w"]
    assert any(
        f.startswith("p['w'] | 2 | ") and f.endswith(f"| adjoint {slope:.4g}") for f in found
    )
    assert any(f.startswith("z = add | (3,) | [1 3 5] |") and f":{line} |" in f for f in found)
    assert any(f.startswith("sum | ") for f in found)
    assert f"{__file__}:{line} in model" in picture.svg
    assert cd.made_at(cd.array(1.0)) is None and cd._core.watch() == 0


def test_a_compiled_function_is_drawn():
    f = cd.compile(cd.value_and_grad(model))
    with pytest.raises(ValueError, match="call model first"):
        f.draw()
    found = texts(f.draw(*ARGS))
    line = model.__code__.co_firstlineno + 1
    assert any(t.startswith("p['b'] | (3,) | [1 1 1]") for t in found)
    assert any(t.startswith("add | (3,) | [1 3 5]") and f":{line}" in t for t in found)
    f(*ARGS)
    plain = texts(f.draw())
    assert len(plain) == len(found) and not any("test_draw.py" in t for t in plain)
    assert texts(cd.draw(f, *ARGS)) == found
    assert f.stats()["recordings"] == 1
    with pytest.raises(TypeError, match="tracked"):
        cd.grad(lambda x: f.draw(ARGS[0], x) and x)(1.0)


def layer(x, w):
    return np.tanh(x * w + 0.1)


def deep(x, w):
    for _ in range(30):
        x = layer(x, w)
        x = x - 0.1
    return np.sum(x)


def test_large_graphs_are_folded_by_function():
    picture = cd.draw(deep, np.ones(3), 0.5, max_boxes=70)
    found = texts(picture)
    assert len(found) <= 70
    assert sum(f.startswith("layer | 3 operations") for f in found) == 30
    count = int(re.search(r"\((\d+) operations\)", repr(picture))[1])
    assert count == 3 + 30 * 4
    few = texts(cd.draw(deep, np.ones(3), 0.5, max_boxes=5))
    assert len(few) == 5 and any(f.startswith("... | ") for f in few)


def test_a_graph_without_lines_is_folded_too():
    y = cd.array(1.0, requires_grad=True)
    for _ in range(2000):
        y = np.sin(y) * 1.1
    assert len(texts(cd.draw(y, max_boxes=20))) == 20


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cd.draw(3.0), TypeError, "needs an Array or a function"),
        (lambda: cd.draw(cd.array(1.0), 2.0), TypeError, "without arguments"),
        (lambda: cd.draw(cd.array(1.0), max_boxes=1), ValueError, "max_boxes must be"),
        (lambda: cd.draw(lambda x: (1.0, 2.0), 1.0), TypeError, "returned none"),
        (lambda: cd.draw(lambda x: 1.0, 1.0), TypeError, "returned none"),
        (lambda: cd.draw(lambda x: (x, x), 1.0, adjoint=1.0), TypeError, "draw: adjoint"),
        (lambda: cd.draw(lambda x: x * x, 1.0, adjoint=np.ones(2)), ValueError, "has shape"),
        (lambda: cd.draw(lambda x: x, "a"), TypeError, "argument 0"),
        (lambda: cd.draw(cd.compile(np.sin), 1.0, adjoint=2.0), TypeError, "has no adjoints"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert cd._core.watch() == 0


def test_several_outputs():
    """Adjoints are those of all outputs together, begun with ones or with what is given."""

    def f(x, k):
        wave = np.sin(x)
        return {"a": wave * k, "b": [wave, k], "c": 7.0}

    x, k = 0.5, 3.0
    for adjoint, (by_a, by_wave, by_k) in (
        (None, (1.0, 1.0, 1.0)),
        ({"a": 2.0, "b": [10.0, 100.0], "c": 0.0}, (2.0, 10.0, 100.0)),
    ):
        shown = texts(cd.draw(f, x, k, adjoint=adjoint))
        assert len(shown) == 4 and "the output['a'] = multiply" in str(shown)
        slope = (by_a * k + by_wave) * np.cos(x), by_a * np.sin(x) + by_k
        for g in slope:
            assert f"{g:.4g}" in str(shown), (g, shown)
    same = cd.draw(lambda x: (x, x), 1.0)
    assert repr(same).endswith("1 boxes>") and "2" in str(texts(same))


def test_saved_and_shown(tmp_path):
    picture = cd.draw(lambda x: x * x, 2.0)
    picture.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == picture._repr_svg_() == picture.svg


# --- layout ---------------------------------------------------------------------------------------


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 12))
    pairs = [(a, b) for b in range(n) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []
    sizes = [(draw(st.floats(10, 200)), draw(st.floats(10, 60))) for _ in range(n)]
    return sizes, edges


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_boxes_do_not_overlap_and_edges_go_down(graph):
    sizes, edges = graph
    placed = layered(list(sizes), list(edges))
    corners = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(placed.centers, sizes, strict=True)
    ]
    for i, a in enumerate(corners):
        assert a[0] >= -1e-6 and a[1] >= -1e-6
        assert a[2] <= placed.size[0] + 1e-6 and a[3] <= placed.size[1] + 1e-6
        for b in corners[:i]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a, b)
    for (a, b), route in zip(edges, placed.routes, strict=True):
        assert route[0] == pytest.approx((placed.centers[a][0], corners[a][3]))
        assert route[-1] == pytest.approx((placed.centers[b][0], corners[b][1]))
        assert all(p[1] < q[1] + 1e-9 for p, q in itertools.pairwise(route))


def test_boxes_below_each_other_share_a_middle_and_fill_the_picture():
    placed = layered([(40.0, 20.0), (60.0, 30.0)], [(0, 1)])
    assert placed.centers == [(30.0, 10.0), (30.0, 20.0 + GAP_Y + 15.0)]
    assert placed.routes == [[(30.0, 20.0), (30.0, 20.0 + GAP_Y)]]
    assert placed.size == (60.0, 20.0 + GAP_Y + 30.0)
    assert layered([(40.0, 20.0)], []).size == (40.0, 20.0)
    assert layered([(40.0, 20.0)] * 3, []).size == (3 * 40.0 + 2 * GAP_X, 20.0)


def test_edges_do_not_cross_where_they_need_not():
    boxes = [(20.0, 10.0)] * 8
    for ends in itertools.permutations(range(4)):
        edges = sorted(((a, 4 + b) for a, b in enumerate(ends)), key=lambda edge: edge[1])
        x = [at for at, _ in layered(boxes, edges).centers]
        assert [x[4 + b] for _, b in enumerate(ends)] == pytest.approx(x[:4])


def test_rows_are_put_in_order_from_both_sides():
    x = [at for at, _ in layered([(20.0, 10.0)] * 5, [(0, 2), (1, 3), (0, 4)]).centers]
    assert x[0] < x[1] and x[2] < x[4] < x[3]  # which from below alone could not be told
    # From above the two boxes below are equal; it is 1 and 2 that have to change their places.
    placed = layered([(20.0, 10.0)] * 5, [(0, 3), (2, 3), (1, 4)])
    x = [at for at, _ in placed.centers]
    assert x[0] < x[2] < x[1] and x[3] < x[4]
    assert x[3] == pytest.approx((x[0] + x[2]) / 2) and x[4] == pytest.approx(x[1])


def test_what_has_no_operands_stands_just_above_its_first_user():
    boxes = [(20.0, 10.0)] * 6
    y = [at for _, at in layered(boxes, [(0, 1), (1, 2), (3, 4), (2, 4), (3, 5), (4, 5)]).centers]
    assert y[3] == y[2] and y[0] < y[1] < y[2] < y[4] < y[5]
    y = [at for _, at in layered(boxes, [(0, 1), (2, 3), (3, 4), (1, 5), (4, 5)]).centers]
    assert y[0] < y[1] == y[3] < y[4], "what has some stands just below them"


def test_a_long_edge_goes_around_the_boxes_between():
    boxes = [(80.0, 10.0)] * 4
    placed = layered(boxes, [(0, 1), (1, 2), (2, 3), (0, 3)])
    *_, long = placed.routes
    assert [at for _, at in long[1:-1]] == [placed.centers[1][1], placed.centers[2][1]]
    for (at, _), box in zip(long[1:-1], (1, 2), strict=True):
        assert abs(at - placed.centers[box][0]) >= 40.0 + GAP_X


# --- arrays and explanations in notebooks ---------------------------------------------------------


def test_an_array_as_html():
    x = cd.array(np.arange(6.0).reshape(2, 3), requires_grad=True)
    (x * 2.0).sum().backward()
    html = x._repr_html_()
    ET.fromstring(html)
    assert "Array, 2 x 3, float64, requires_grad" in html and html.count("<tr>") == 4
    assert "tracked" in (x + 1.0)._repr_html_()
    large = cd.array(np.zeros((100, 100)))._repr_html_()
    assert large.count("<td") < 100 and "..." in large
    assert "scalar" in cd.array(1.0)._repr_html_()
    ET.fromstring(cd.array(np.zeros((2, 2, 2)))._repr_html_())
    ET.fromstring(cd.array(np.zeros((0, 2)))._repr_html_())


def test_html_inside_transformations():
    cd.grad(lambda x: x if "tracked" in x._repr_html_() else None)(1.0)
    assert cd.compile(lambda x: x * 1.0 if x._repr_html_() else x)(3.0) == 3.0


def test_keyword_arguments():
    def scaled(x, *, by):
        return np.sum(x * by)

    picture = cd.draw(scaled, np.ones(3), by=2.5)
    # What np.sum calls its argument is no name of the user's.
    assert any(box.startswith("multiply(., 2.5) | ") for box in texts(picture))
    assert "by" in str(texts(cd.draw(cd.compile(scaled), np.ones(3), by=2.5)))
    with pytest.raises(TypeError, match="without arguments"):
        cd.draw(cd.array(1.0), by=2.0)


def test_complex_numbers_are_short():
    shown = texts(cd.draw(lambda z: np.exp(z) * z, np.array([1.0 + 2.0j, 3.0])))
    assert any("| [-6.075+0.2093j 60.26+0j] |" in box for box in shown)
    assert max([len(part) for box in shown for part in box.split(" | ")]) < 40


def test_a_profiler_goes_on_after_a_picture():
    import cProfile

    profiler = cProfile.Profile()
    profiler.enable()
    try:
        cd.draw(lambda x: x * x, 2.0)
        sorted([3, 1, 2])
    finally:
        profiler.disable()
    assert any("sorted" in str(row.code) for row in profiler.getstats())


def test_tracked_arguments_have_no_program():
    f = cd.compile(lambda x: x * x)
    for look in (f.draw, f.profile):
        with pytest.raises(TypeError, match=r"no program of its own.*give plain numbers"):
            look(cd.array(1.0, requires_grad=True))


def test_a_program_drawn_without_arguments_has_names():
    def f(p, x, n=2, *, bias):
        return np.sum(p["w"] @ x) * n + bias

    compiled = cd.compile(f)
    compiled({"w": np.ones((2, 3))}, np.ones(3), bias=1.5)
    shown = texts(compiled.draw())
    for name in ("p['w'] | (2, 3)", "x | (3,)", "bias"):
        assert sum(box.startswith(name) for box in shown) == 1, (name, shown)
    assert not any(box.startswith("input") for box in shown)


def test_calls_are_named_by_what_they_are():
    def loop(c, xs):
        c, ys = cd.scan(lambda c, x: (c * x, np.sin(c)), c, xs)
        return c + np.sum(ys)

    @cd.custom_vjp
    def area(r):
        return np.pi * r**2

    area.defvjp(lambda r: (area(r), r), lambda r, g: (2.0 * np.pi * r * g,))
    compiled = cd.compile(loop)
    compiled(1.0, np.ones(4))
    for picture in (
        cd.draw(loop, 1.0, np.ones(4)),
        compiled.draw(),
        compiled.draw(1.0, np.ones(4)),
    ):
        assert any(box.startswith("scan of 4 steps") for box in texts(picture))
    assert any("area" in box.partition(" | ")[0] for box in texts(cd.draw(area, 2.0)))
    assert "scan of 4 steps" in str(cd.explain(lambda xs: loop(1.0, xs), np.ones(4)))
