"""`no_grad`: what is not recorded inside, as a block, a decorator and around generators."""

from __future__ import annotations

import pytest

import cdiff as cd
import cdiff.numpy as cnp


def leaf(value):
    return cd.array(value, requires_grad=True)


def test_block():
    x = leaf(2.0)
    with cd.no_grad() as block:
        assert isinstance(block, cd.no_grad)
        assert not cd.is_tracked(x * x)
        assert not cd.is_tracked(cnp.sin(x))
        assert not cd.is_tracked(cnp.array([x, x]))
        assert cd.is_tracked(x)
        assert x.requires_grad
        made = leaf(3.0)
    assert made.requires_grad
    assert cd.is_tracked(x * x)


def test_nested_reused_and_left_by_errors():
    x = leaf(2.0)
    block = cd.no_grad()
    with block:
        with block, cd.no_grad():
            assert not cd.is_tracked(x * x)
        assert not cd.is_tracked(x * x)
    assert cd.is_tracked(x * x)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), block:
            raise error
        assert cd.is_tracked(x * x)


def test_decorator():
    @cd.no_grad()
    def f(x, *, factor):
        """Doc."""
        return cd.is_tracked(x * factor)

    class Model:
        @cd.no_grad()
        def predict(self, x):
            return cd.is_tracked(x * 2.0)

    x = leaf(2.0)
    assert (f.__name__, f.__doc__) == ("f", "Doc.")
    assert f(x, factor=2.0) is False
    assert Model().predict(x) is False
    assert cd.is_tracked(x * x)


def test_around_a_generator_function():
    x = leaf(2.0)
    seen = []

    @cd.no_grad()
    def steps():
        try:
            got = yield cd.is_tracked(x * x)
            seen.append(got)
            try:
                yield cd.is_tracked(x * x)
            except ValueError:
                seen.append("thrown")
            yield cd.is_tracked(x * x)
        finally:
            seen.append(cd.is_tracked(x * x))
        return "end"

    generator = steps()
    assert next(generator) is False
    assert cd.is_tracked(x * x)
    assert generator.send("sent") is False
    assert generator.throw(ValueError) is False
    with pytest.raises(StopIteration, match="end"):
        next(generator)
    assert seen == ["sent", "thrown", False]
    generator = steps()
    next(generator)
    generator.close()
    assert seen[-1] is False
    assert cd.is_tracked(x * x)


def test_inside_generators_that_interleave():
    x = leaf(2.0)

    def quiet():
        with cd.no_grad():
            yield
        yield

    first, second = quiet(), quiet()
    next(first)
    next(second)
    next(first)
    assert not cd.is_tracked(x * x)
    next(second)
    assert cd.is_tracked(x * x)


def test_refuses_async_functions():
    async def f():
        pass

    with pytest.raises(TypeError, match="async"):
        cd.no_grad()(f)


def test_an_unbalanced_exit_is_harmless():
    block = cd.no_grad()
    block.__exit__(None, None, None)
    assert cd.is_tracked(leaf(1.0) * 2.0)


def test_transformations_inside_no_grad():
    x = leaf(2.0)
    with cd.no_grad():
        assert cd.grad(lambda u: u * u)(3.0) == 6.0
        assert cd.hessian(lambda u: u**3)(2.0) == 12.0
        y = x * 3.0
    with pytest.raises(RuntimeError, match="requires_grad"):
        y.backward()
    assert cd.grad(lambda u: u * stopped(u))(3.0) == 3.0


@cd.no_grad()
def stopped(u):
    return u * 1.0


def test_backward_inside_no_grad():
    x = leaf(2.0)
    y = x * x
    with cd.no_grad():
        y.backward()
    assert x.grad.item() == 4.0
