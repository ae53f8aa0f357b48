"""Objects of the core's types that are made by hand: refused, or as good as others.

A type of the core that has an __init__ relies on it, and Python can make an object without: by
`T.__new__(T)`, by a subclass, by copying and unpickling. Each type is tried in a process of its
own, which must not end otherwise than it says.
"""

import copyreg
import pickle
import subprocess
import sys

import pytest

from cdiff import _core

TYPES = sorted(name for name, x in vars(_core).items() if isinstance(x, type))

TRY = """
import copy, copyreg, pickle, sys
import cdiff as cd, cdiff._core as core
T = getattr(core, sys.argv[1])

def sub():
    class S(T):
        pass
    return S

def left(made):
    class Without(made):
        def __init__(self, *args):
            pass
    return Without()

WAYS = [lambda: T.__new__(T), lambda: T.__new__(T, 1), lambda: T.__new__(T, *[None] * 3),
        lambda: object.__new__(T), lambda: sub().__new__(sub()), lambda: object.__new__(sub()),
        lambda: left(T), lambda: T(), lambda: T(None), lambda: T(None, None),
        lambda: T(*[None] * 4), lambda: T([], []), lambda: T([], [], []), lambda: T(1, 2, 3),
        lambda: copyreg.__newobj__(T), lambda: copyreg.__newobj_ex__(T, (), {}),
        lambda: copyreg._reconstructor(T, object, None),
        lambda: pickle.loads(b"\\x80\\x02ccdiff._core\\n" + T.__name__.encode() + b"\\n)\\x81."),
        lambda: T.__base__.__new__(T)]
ARGS = [(), (1,), (1, 2), (1, 2, 3), (None,), ([],), ((),), ([], []), ([], [], []),
        ([], [], [], 1), (None, None), (None, None, None), (cd.array(1.0),), ("a",)]
OTHERS = [repr, str, hash, len, iter, list, bool, copy.copy, copy.deepcopy, lambda x: x == x,
          lambda x: x < x, lambda x: x + 1, lambda x: x[0], lambda x: x.__reduce__(),
          lambda x: x.__setstate__(((), {})), lambda x: setattr(x, "__class__", int),
          lambda x: x.__enter__(), lambda x: x.__exit__(None, None, None)]
OTHERS += [lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(6)]

class Plain:
    pass

def attempt(f, *args):
    try:
        return f(*args)
    except Exception:
        return None

attempt(setattr, Plain(), "__class__", T)
for way in WAYS:
    for name in dir(T):
        if name in ("__class__", "__new__", "__init_subclass__", "__subclasshook__"):
            continue
        for args in ARGS:
            x = attempt(way)         # afresh: some methods change it
            if x is None:
                break
            method = attempt(getattr, x, name)
            if callable(method):
                attempt(method, *args)
    for f in OTHERS:
        x = attempt(way)
        if x is not None:
            attempt(f, x)
            del x
assert cd.grad(lambda x: x * x)(3.0) == 6.0
print("done")
"""


@pytest.mark.parametrize("name", TYPES)
def test_a_type_of_the_core_made_by_hand(name):
    found = subprocess.run(
        [sys.executable, "-c", TRY, name], capture_output=True, text=True, timeout=200, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.endswith("done\n")


@pytest.mark.parametrize("name", [n for n in TYPES if "__init__" in vars(getattr(_core, n))])
def test_what_has_an_init_is_made_by_calling(name):
    cls = getattr(_core, name)
    for way in (
        lambda: cls.__new__(cls),
        lambda: object.__new__(cls),
        lambda: copyreg.__newobj__(cls),
        lambda: type("Sub", (cls,), {})(),
    ):
        with pytest.raises(TypeError):
            way()


def test_what_is_made_by_calling_works_as_ever():
    positions = _core.Positions((3,), (_core.Hole(0),), 1)
    assert repr(pickle.loads(pickle.dumps(positions))) == repr(positions)
    assert _core.Hole(2).number == 2
    with _core.Trace() as level:
        assert level == 1
