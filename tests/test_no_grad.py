"""`no_grad`: what is not recorded inside, as a block, a decorator and around generators."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import types

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


# ------------------------------------------------------------------ tasks of an event loop


def tracked():
    return cd.is_tracked(leaf(2.0) * 3.0)


def test_a_block_in_a_task_holds_for_that_task():
    seen = []

    async def child():
        seen.append(("child", tracked()))

    async def quiet(begun, go_on):
        with cd.no_grad():
            begun.set()
            await go_on.wait()
            seen.append(("quiet", tracked()))
            await asyncio.gather(child(), child())
            with cd.no_grad():
                pass
            seen.append(("quiet", tracked()))
        seen.append(("after", tracked()))

    async def loud(begun, go_on):
        await begun.wait()
        x = leaf(3.0)
        y = x * x
        with cd.no_grad():
            z = x * x
        (x * y + z).backward()
        seen.append(("loud", x.grad.item()))
        assert cd.grad(lambda u: u * u)(3.0) == 6.0
        go_on.set()

    async def both():
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(quiet(*events), loud(*events))
        return tracked()

    assert asyncio.run(both())
    assert tracked()
    quietly = [("quiet", False), ("child", False), ("child", False), ("quiet", False)]
    assert seen == [("loud", 27.0), *quietly, ("after", True)]


def test_leaves_change_in_the_task_of_the_block_only():
    x = leaf([1.0, 2.0])

    async def quiet(begun, go_on):
        with cd.no_grad():
            begun.set()
            await go_on.wait()
            x[0] = 5.0

    async def loud(begun, go_on):
        await begun.wait()
        with pytest.raises(RuntimeError, match="no_grad"):
            x[0] = 4.0
        go_on.set()

    async def both():
        events = asyncio.Event(), asyncio.Event()
        await asyncio.gather(quiet(*events), loud(*events))

    asyncio.run(both())
    assert x.tolist() == [5.0, 2.0]


def test_a_child_goes_on_after_the_block_of_its_parent():
    async def child(begun, go_on):
        with cd.no_grad():
            begun.set()
        first = tracked()
        await go_on.wait()
        return first, tracked()

    async def parent():
        begun, go_on = asyncio.Event(), asyncio.Event()
        with cd.no_grad():
            task = asyncio.create_task(child(begun, go_on))
            await begun.wait()
        go_on.set()
        return await task

    assert asyncio.run(parent()) == (False, True)


def test_a_block_around_an_event_loop():
    async def inside():
        with cd.no_grad():
            await asyncio.sleep(0.0)
        return tracked()

    with cd.no_grad():
        assert asyncio.run(inside()) is False
        assert not tracked()
    assert tracked()


def test_one_object_in_many_tasks_and_blocks_that_end_elsewhere():
    block = cd.no_grad()

    async def one(k):
        with block:
            await asyncio.sleep(0.001 * (k % 3))
            inside = tracked()
        await asyncio.sleep(0.0)
        return inside, tracked()

    async def steps():
        with cd.no_grad():
            yield

    async def main():
        found = await asyncio.gather(*map(one, range(7)))
        generator = steps()
        await asyncio.create_task(anext(generator))
        assert tracked()
        await generator.aclose()
        block.__exit__(None, None, None)
        return set(found), tracked()

    assert asyncio.run(main()) == ({(False, True)}, True)
    with block:
        assert not tracked()
    assert tracked()


def test_tasks_of_trio(monkeypatch):
    monkeypatch.setitem(sys.modules, "trio", types.ModuleType("trio"))

    @types.coroutine
    def pause():
        yield

    async def task():
        with cd.no_grad():
            await pause()
            assert not tracked()
            await pause()

    first, second = task(), task()
    mine, others = contextvars.copy_context(), contextvars.copy_context()
    mine.run(first.send, None)
    others.run(second.send, None)
    assert tracked()
    mine.run(first.send, None)
    others.run(second.close)
    assert not mine.run(tracked)
    assert others.run(tracked)
    first.close()
    assert mine.run(tracked)


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
