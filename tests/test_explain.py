"""Dimension analysis: `explain` prints shapes that fit together, in either layout."""

from __future__ import annotations

import numpy as np
import pytest

import cdiff as cd
import cdiff.matrix_calculus as mc

RNG = np.random.default_rng(7)
LAYOUTS = pytest.mark.parametrize("layout", ["numerator", "denominator"])


def rand(*shape):
    return RNG.standard_normal(shape)


def chain_shapes_fit(explanation):
    """Do the factors of every product contract to the shape of the result?"""
    shapes = {value.name: value.shape for value in explanation.values}
    numerator = explanation.layout == "numerator"
    for link in explanation.links:
        for term in link.terms:
            if len(term) == 1:
                assert term[0].shape == link.result.shape
                continue
            outer, inner = term if numerator else term[::-1]
            assert outer.below == inner.above
            k = len(shapes[outer.below])
            left, right = term[0].shape, term[1].shape
            assert left[len(left) - k :] == right[:k] == shapes[outer.below]
            assert left[: len(left) - k] + right[k:] == link.result.shape


EXPLAINED = [
    (lambda x: np.sum(np.tanh(np.arange(12.0).reshape(4, 3) @ x) ** 2), rand(3)),
    (lambda x: np.exp(x) * x + np.sin(np.exp(x)), rand(3)),
    (lambda X: np.trace(X @ X.T), rand(2, 3)),
    (lambda X: X @ np.ones((3, 4)), rand(2, 3)),
    (lambda t: t * np.arange(6.0).reshape(2, 3), 2.0),
    (lambda x: x, rand(2)),
    (lambda x: 3.0, rand(2)),
    (lambda x: x * 2.0, rand(2)),
]


@LAYOUTS
@pytest.mark.parametrize(("f", "x"), EXPLAINED)
def test_explanation_has_the_shapes_of_the_derivative(f, x, layout):
    explanation = mc.explain(f, x, layout)
    assert explanation.shape == np.shape(mc.derivative(f, x, layout))
    chain_shapes_fit(explanation)
    text = str(explanation)
    assert f"{layout} layout" in text
    assert text.endswith(f"has shape {explanation.shape}")


@LAYOUTS
def test_explanation_prints(layout):
    A = np.arange(8.0).reshape(4, 2)
    text = str(mc.explain(lambda x: np.sum(np.square(A @ x)), np.ones(2), layout))
    first, last = ("(4, 2)", "[1x2 = 1x4 . 4x2]") if layout == "numerator" else (
        "(2, 4)", "[2x1 = 2x4 . 4x1]")  # fmt: skip
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "x (2,) the argument" in lines
    assert "v1 (4,) matmul(x)" in lines
    assert "v2 (4,) square(v1)" in lines
    assert "y () sum(v2)" in lines
    assert f"∂ v1 / ∂ x {first}" in lines
    assert any(line.startswith("d y / d x =") and line.endswith(last) for line in lines)


def test_explanation_sums_over_paths():
    explanation = mc.explain(lambda x: np.sum(np.sin(x) * np.exp(x)) * x[0], rand(3))
    by_name = {value.name: value for value in explanation.values}
    (to_x,) = [link for link in explanation.links if link.result.below == "x"]
    used_by = {v.name for v in explanation.values if "x" in v.parents}
    assert {by_name[n].op for n in used_by} >= {"sin", "exp"}
    assert len(to_x.terms) == len(used_by) == 3


def test_explanation_of_a_constant():
    explanation = mc.explain(lambda x: 3.0, rand(2))
    assert not explanation.depends
    assert "does not depend on x" in str(explanation)
    frozen = mc.explain(lambda x: cd.stop_gradient(x) * 2.0, rand(2))
    assert not frozen.depends
    assert frozen.shape == (2, 2)


def test_explanation_ignores_other_arrays():
    w = cd.array([1.0, 2.0], requires_grad=True)
    explanation = mc.explain(lambda x: np.sum(np.sin(x) * np.cos(w)), rand(2))
    assert [value.op for value in explanation.values[1:]] == ["sin", "multiply", "sum"]


def test_reshapes_between_operators_are_not_shown_but_others_are():
    shown = mc.explain(lambda x: np.sum(np.reshape(x, (3, 2)) @ np.ones(2)), rand(6))
    assert [(v.op, v.shape) for v in shown.values[1:]] == [
        ("reshape", (3, 2)),
        ("matmul", (3,)),
        ("sum", ()),
    ]
    last = mc.explain(lambda x: np.reshape(x, (1, 3)), rand(3))
    assert [(v.op, v.shape) for v in last.values[1:]] == [("reshape", (1, 3))]


def test_explanation_inside_a_transformation():
    seen = []

    def f(x):
        seen.append(mc.explain(lambda u: np.sum(u * x), x))
        return np.sum(x * x)

    cd.grad(f)(np.ones(2))
    assert [value.op for value in seen[0].values[1:]] == ["multiply", "sum"]


def test_explanation_of_many_operations():
    def chain(x):
        for _ in range(2000):
            x = np.sin(x)
        return np.sum(x)

    explanation = mc.explain(chain, rand(2))
    assert len(explanation.values) == 2002
    assert len(explanation.links) == 2001


# --- in words, and as LaTeX -----------------------------------------------------------------------


@LAYOUTS
@pytest.mark.parametrize(("f", "x"), EXPLAINED[:5])
def test_words_and_latex_have_every_link(f, x, layout):
    why = cd.explain(f, x, layout)
    sentences = why.words().splitlines()
    assert sentences[0].count(f"{layout} layout") == 1
    assert len(sentences) == 1 + len(why.values[1:]) + len(why.links)
    for link, sentence in zip(why.links, sentences[-len(why.links) :], strict=True):
        assert sentence.startswith(f"{link.result} (")
        assert all(str(factor) in sentence for term in link.terms for factor in term)
        assert sentence.count(" plus ") == len(link.terms) - 1
    tex = why.latex()
    assert tex.count("&=") == len(why.links)
    assert tex.count("{") == tex.count("}")
    factors = sum(1 + sum(map(len, link.terms)) for link in why.links)
    assert tex.count(r"\underbrace") == tex.count(r"\frac") == factors
    assert why._repr_latex_() == f"$\\displaystyle {tex}$"


def test_words_where_nothing_depends():
    why = cd.explain(lambda x: 3.0, np.ones(2))
    assert why.words().endswith("y does not depend on x: all of it is zero.")
    assert "&= 0" in why.latex()


def test_kinds_of_shapes_in_words():
    first = cd.explain(lambda X: np.sum(X), np.ones((2, 3, 4))).words().splitlines()[0]
    assert first.startswith("x is an array of 2 x 3 x 4, y is a number.")
    first = cd.explain(lambda x: np.outer(x, x), np.ones(2)).words().splitlines()[0]
    assert "y is a matrix of 2 x 2" in first


# --- containers -----------------------------------------------------------------------------------


@LAYOUTS
def test_parts_of_a_container_are_named_and_have_a_chain_each(layout):
    given = {"w": rand(2, 3), "x": rand(3), "b": 0.5, "unused": rand(4)}
    f = lambda p: np.sum(np.tanh(p["w"] @ p["x"] + p["b"]) ** 2)
    why = cd.explain(f, given, layout)
    assert why.depends and list(why.shape) == list(why.arguments)
    wanted = cd.jacobian(f, layout=layout)(given)
    for name, jacobian in zip(why.arguments, wanted.values(), strict=True):
        assert why.shape[name] == np.shape(jacobian), name
    assert [link.result.below for link in why.links[-3:]] == ["x['b']", "x['x']", "x['w']"]
    text, words = str(why), why.words()
    assert text.count("does not depend on x['unused']") == 1
    assert "d y / d x['w'] has shape (2, 3)" in text
    assert "x['unused']: all of it is zero." in words
    assert len(words.splitlines()) == len(why.values) + len(why.links)
    assert r"{\mathrm{d} x_{w}}" in why.latex() and why.latex().count("&= 0") == 1


def test_a_part_that_is_the_result_and_parts_that_nothing_depends_on():
    parts = (rand(3), rand(2))
    why = cd.explain(lambda p: p[1], parts)
    assert why.shape == {"x[0]": (2, 3), "x[1]": (2, 2)} and not why.links
    assert "x[1] does not depend on x[0]" in str(why)
    why = cd.explain(lambda p: 3.0, parts)
    assert not why.depends and why.words().count("all of it is zero") == 2
    with pytest.raises(TypeError, match="holds no number"):
        cd.explain(lambda p: 3.0, {})


def test_keyword_arguments():
    found = cd.explain(lambda x, *, k: np.sum(k @ x), np.ones(3), k=np.ones((2, 3)))
    assert found.shape == (3,)
    with pytest.raises(TypeError, match="several arguments go into one container"):
        cd.explain(lambda w, x: w @ x, np.ones((2, 3)), np.ones(3))
    with pytest.raises(TypeError, match="several arguments go into one container"):
        cd.explain(lambda w, b, x: w @ x + b, np.ones((2, 3)), np.ones(2), np.ones(3))
    assert cd.explain(lambda p, x: p @ x, np.ones(3), x=np.ones(3)).shape == (3,)
    with pytest.raises(TypeError, match="explain needs a function"):
        cd.explain(3.0, 3.0)


def test_the_identity_as_latex():
    lines = cd.explain(lambda x: x, np.ones(3)).latex().splitlines()
    assert len(lines) == 3 and lines[1].endswith("&= I")
