"""The oracle for vmap: a Python loop over the points, and comparisons with it.

It knows `cd.vmap` as a user does and nothing of how it works.
"""

import numpy as np

import cdiff as cd
from cdiff import _core
from cdiff._arguments import _tree


def rows_of(tree, i, axes):
    return tree if axes is None else np.take(tree, i, axes)


def looped(f, *args, in_axes=0):
    """The oracle: a loop over the points, the results stacked."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    size = next(x.shape[a] for x, a in zip(args, axes, strict=True) if a is not None)
    results = [f(*[rows_of(x, i, a) for x, a in zip(args, axes, strict=True)]) for i in range(size)]
    leaves, treedef = zip(*[_tree.flatten(y) for y in results], strict=True)
    stacked = [np.stack([np.asarray(_core.value(y)) for y in ys]) for ys in zip(*leaves)]  # noqa: B905
    return cd.tree_map(lambda k: stacked[k], _tree.unflatten(treedef[0], range(len(stacked))))


def near(got, want, rtol=1e-11, atol=1e-12):
    cd.tree_map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol), got, want)


def same(f, *args, in_axes=0, rtol=1e-11):
    """vmap equals the loop in structure, dtype and value."""
    got = cd.vmap(f, in_axes=in_axes)(*args)
    want = looped(f, *args, in_axes=in_axes)
    near(got, want, rtol)
    cd.tree_map(lambda a, b: dtypes_equal(a, b), got, want)
    return got


def dtypes_equal(a, b):
    assert type(a) is np.ndarray
    assert a.dtype == b.dtype
    assert a.flags.writeable and a.flags.owndata | (a.base is not None)


def data(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)
