"""Compiled functions in files and pickles: the same values, and an error for anything else."""

import concurrent.futures
import copy
import io
import multiprocessing
import pickle
import random
import struct
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from damage import PLAIN, damage_bytes, exchange_parts, outcome

import cdiff as cd
from cdiff._saved._plain import FormatError, dtype_named, read, written
from cdiff._saved._saving import HEAD, MAGIC, VERSION, pack, unpack

Point = namedtuple("Point", "x y")
POINT = np.array([0.5, -1.2, 2.0, 0.7])
FACTOR = 2.0
WEIGHTS = np.arange(4.0)


@dataclass
class Model:
    w: object
    b: float = 0.0


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def scaled(x):
    return x * FACTOR


def weighted(x):
    return x * WEIGHTS


@cd.compile
def decorated(x):
    return x * 3.0


def saved(compiled, **options):
    file = io.BytesIO()
    compiled.save(file)
    return cd.load(io.BytesIO(file.getvalue()), **options)


def called(f, *calls):
    """A compiled function after these calls."""
    compiled = cd.compile(f)
    for args in calls:
        compiled(*args)
    return compiled


def same(a, b):
    assert str(a) == str(b) and type(a) is type(b)
    x, y = (pickle.dumps(cd.tree_map(np.asarray, tree)) for tree in (a, b))
    assert x == y


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, calls",
    [
        (rosenbrock, [(POINT,), (POINT[:2],), (POINT.astype("f4"),)]),
        (cd.value_and_grad(rosenbrock), [(POINT,)]),
        (cd.hessian(rosenbrock), [(POINT,)]),
        (cd.value_and_grad(lambda x, y: x * np.sin(y), argnums=(0, 1)), [(1.0, 2.0)]),
        (lambda x: x if x > 0 else -2.0 * x, [(1.0,), (-1.0,)]),
        (lambda x, n, s: x**n * len(s), [(2.0, 3, "ab"), (2.0, 2, "")]),
        (lambda p: {"a": [p["x"], None], "n": (1, "t", True)}, [({"x": POINT},)]),
        (lambda x: (x.astype("i4"), x.astype(bool), x > 0.5, x.sum() > 0), [(POINT,)]),
        (lambda x: (x[2], np.where(x > 0, x, 0.0), np.maximum(x, 1.0).max()), [(POINT,)]),
        (lambda x: np.cumsum(x) * x, [(POINT.astype(">f8"),), (POINT.astype("f4"),)]),
        (lambda x: np.linalg.solve(np.outer(x, x) + np.eye(4), x), [(POINT,)]),
        (lambda x: np.einsum("i,j->ij", x, x) @ x + np.concatenate([x[:2], x[2:]]), [(POINT,)]),
        (lambda x, k: x.reshape(k).sum(axis=0), [(POINT, (2, 2)), (POINT, (4, 1))]),
        (lambda x: x * np.arange(4.0) + np.float32(1.0), [(POINT,)]),
        (lambda x: cd.scan(lambda c, a: (c + a, c * a), 0.0, x)[1], [(POINT,)]),
    ],
)
def test_the_same_values_from_a_file(f, calls):
    static = 1 if isinstance(calls[0][-1], tuple) else ()
    compiled = cd.compile(f, static_argnums=static)
    for args in calls:
        compiled(*args)
    loaded = saved(compiled)
    for args in calls:
        moved = [x * 1.25 if isinstance(x, (float, np.ndarray)) else x for x in args]
        for given in (args, moved, args):
            same(loaded(*given), compiled(*given))
    assert loaded.stats()["programs"] == compiled.stats()["programs"]
    assert loaded.stats()["recordings"] == 0
    same(saved(loaded)(*calls[0]), compiled(*calls[0]))


def test_a_path(tmp_path):
    compiled = called(rosenbrock, (POINT,))
    for path in (tmp_path / "f.cdiff", str(tmp_path / "g.cdiff")):
        compiled.save(path)
        assert cd.load(path)(POINT) == compiled(POINT)
    with pytest.raises(FileNotFoundError):
        cd.load(tmp_path / "nothing")
    with pytest.raises(TypeError, match="'rb'"):
        cd.load(io.StringIO("text"))


def test_what_is_not_in_the_file():
    loaded = saved(called(lambda x, n: x * n if x > 0 else -x, (1.0, 2)))
    assert loaded(3.0, 2) == 6.0
    for args in ((-1.0, 2), (1.0, 3), (np.ones(2), 2), (1.0,), (1, 2), (cd.array(np.ones(2)), 2)):
        with pytest.raises(LookupError, match="loaded from a file"):
            loaded(*args)
    assert loaded(5.0, 2) == 10.0
    with_own = saved(called(scaled, (1.0,)), fallback=scaled)
    assert with_own(1.5) == 3.0 and with_own.stats()["recordings"] == 0
    np.testing.assert_array_equal(with_own(np.ones(2)), [2.0, 2.0])


def test_derivatives_of_a_loaded_function():
    loaded = saved(called(rosenbrock, (POINT,)))
    np.testing.assert_allclose(cd.grad(loaded)(POINT + 1), cd.grad(rosenbrock)(POINT + 1))
    np.testing.assert_allclose(cd.hessian(loaded)(POINT), cd.hessian(rosenbrock)(POINT))
    compiled = cd.compile(cd.grad(loaded))
    for x in (POINT, POINT + 1):
        np.testing.assert_allclose(compiled(x), cd.grad(rosenbrock)(x))
    loaded = saved(called(lambda x: x**3 if x > 0 else -x, (1.0,)))
    assert cd.grad(loaded)(2.0) == 12.0
    assert cd.grad(cd.grad(loaded))(2.0) == 12.0
    with pytest.raises(LookupError):
        cd.grad(loaded)(-2.0)


def test_captured_values_are_those_of_the_moment():
    global FACTOR
    weights = np.arange(4.0)
    compiled = called(lambda x: x * weights * FACTOR, (POINT,))
    try:
        loaded = saved(compiled)
        weights[:] = 7.0
        FACTOR = 3.0
        np.testing.assert_array_equal(loaded(POINT), POINT * np.arange(4.0) * 2.0)
        np.testing.assert_allclose(compiled(POINT), POINT * 21.0, rtol=1e-15)
        np.testing.assert_allclose(saved(compiled)(POINT), POINT * 21.0, rtol=1e-15)
    finally:
        FACTOR = 2.0


def test_classes_are_given_and_never_imported():
    def f(p, m):
        return Point(p.x * m.b, Model(m.w * p.y, 1.0))

    args = (Point(POINT, 2.0), Model(POINT, 3.0))
    compiled = called(f, args)
    file = io.BytesIO()
    compiled.save(file)
    loaded = cd.load(io.BytesIO(file.getvalue()), containers=(Point, Model))
    same(loaded(*args).x, compiled(*args).x)
    assert type(loaded(*args).y) is Model
    with pytest.raises(cd.FormatError, match=r"containers=.*"):
        cd.load(io.BytesIO(file.getvalue()), containers=(Point,))

    other = namedtuple("Point", "x z")
    other.__module__ = Point.__module__
    with pytest.raises(cd.FormatError, match="entries"):
        cd.load(io.BytesIO(file.getvalue()), containers=(other, Model))
    for wrong in (int, 5, "Point"):
        with pytest.raises(TypeError, match="dataclass"):
            cd.load(io.BytesIO(file.getvalue()), containers=(wrong,))


def test_what_cannot_be_saved():
    with pytest.raises(ValueError, match="no programs to save"):
        cd.compile(rosenbrock).save(io.BytesIO())
    with pytest.raises(TypeError, match=r"static argument .* contains a object"):
        called(lambda x, t: x, (1.0, object())).save(io.BytesIO())
    with pytest.raises(TypeError, match="OrderedDict"):
        called(lambda p: p["a"], (OrderedDict(a=1.0),)).save(io.BytesIO())
    with pytest.raises(TypeError, match="result contains a object"):
        called(lambda x: (x, THING), (1.0,)).save(io.BytesIO())


THING = object()


# --- damaged and malicious files ------------------------------------------------------------------


def small_file():
    file = io.BytesIO()
    called(lambda x, n: {"y": (x * n).sum() * 2.0 if x[0] > 0 else x}, (np.ones(3), 2)).save(file)
    return file.getvalue()


def called_small(loaded):
    return loaded(np.ones(3), 2)


def test_every_flipped_byte_is_noticed():
    data = small_file()
    assert outcome(data, called_small) == "called"
    for k in range(len(data)):
        for bit in (0x01, 0x80):
            changed = bytearray(data)
            changed[k] ^= bit
            assert outcome(bytes(changed), called_small) == "refused", k


def test_every_truncation_is_noticed():
    data = small_file()
    for n in range(len(data)):
        assert outcome(data[:n], called_small) == "refused", n
    assert outcome(data + b"\0", called_small) == "refused"


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "does not begin"),
        (b"PK\x03\x04", "does not begin"),
        (MAGIC, "cut off"),
        (HEAD.pack(MAGIC, VERSION + 1, 0, 0), "format 2"),
        (HEAD.pack(MAGIC, VERSION, 5, 0), "cut off"),
        (HEAD.pack(MAGIC, VERSION, 0, 1), "checksum"),
        (pack(None), "no valid entry"),
        (pack({"name": "f", "programs": [], "positions": (1.0,), "names": ()}), "static"),
        (pack({"name": "f", "programs": [None], "positions": (), "names": ()}), "no valid entry"),
    ],
)
def test_files_that_are_something_else(data, message):
    with pytest.raises(cd.FormatError, match=message):
        cd.load(io.BytesIO(data))


@pytest.mark.parametrize("seed", range(8))
def test_bytes_changed_under_a_right_checksum(seed):
    seen = damage_bytes(small_file(), called_small, random.Random(seed))
    assert seen["refused"] > 100 and sum(seen.values()) == 300


@pytest.mark.parametrize("seed", range(8))
def test_parts_exchanged_under_a_right_checksum(seed):
    seen = exchange_parts(small_file(), called_small, random.Random(seed))
    assert seen["refused"] > 50 and seen["called"] > 0


def test_a_program_for_other_arguments():
    content = unpack(small_file())
    record = content["programs"][0]
    for name, wrong in [
        ("inputs", (("a", "<f8", (4,)), None)),
        ("inputs", (("a", "<f4", (3,)), None)),
        ("inputs", (("a", "<f8", (3,)), "f")),
        ("arguments", ("list", (0, 1, 2), None, (None, None, None))),
        ("inputs", ("f", None)),
        ("inputs", (None, None)),
        ("statics", ()),
        ("places", (5,)),
        ("places", (True,)),
        ("constants", (1.0,)),
        ("keywords", ("x", 1)),
        ("arguments", ("os.system", (0, 1), None, (None, None))),
        ("arguments", ("list", (0, 2), None, (None, None))),
        ("arguments", ("dict", ([], 2), None, (None, None))),
        ("result", ("dict", ("y",), (("a", 1),), (None,))),
    ]:
        changed = {**content, "programs": [{**record, name: wrong}]}
        with pytest.raises(cd.FormatError):
            cd.load(io.BytesIO(pack(changed)))
    program = record["program"]
    for name, wrong in [
        ("operators", ("call",) * len(program["operators"])),
        ("operators", ("system",) * len(program["operators"])),
        ("operators", ()),
        ("types", (("<f8", ()), ("<f8", ()), ("|O", (3,)))),
        ("types", (("<f8", ()), ("<f8", ()), (">f8", (3,)))),
        ("outputs", (-1,)),
        ("guards", ((0, np.ones(1)),)),
        ("guards", ((1, 2, 3),)),
        ("arrays", ("x",)),
        ("inputs", -1),
        ("numbers", b"123"),
        ("code", b"123"),
    ]:
        changed = {**record, "program": {**program, name: wrong}}
        with pytest.raises(cd.FormatError):
            cd.load(io.BytesIO(pack({**content, "programs": [changed]})))


# --- plain values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [*PLAIN, (1, [2.0, {"a": (None, b"x")}]), "\ud800", -(2**64), np.arange(6.0).reshape(2, 3).T,
     np.array(3, ">i4"), np.float32(1.5), -0.0, np.complex64(1j), {1: 2, (1, "a"): None}],
)  # fmt: skip
def test_plain_values_come_back(x):
    y = read(written(x))
    assert type(y) is type(x)
    assert str(y) == str(x)
    if isinstance(x, np.ndarray):
        np.testing.assert_array_equal(y, x)
        assert y.dtype == x.dtype.newbyteorder("=") and y.dtype.isnative and not y.flags.writeable


def test_nothing_else_is_written():
    deep = []
    for _ in range(60):
        deep = [deep]
    for x in (object(), print, {1}, np.array([object()]), np.array("text"), deep, 1j, 2**3000):
        with pytest.raises(TypeError):
            written(x)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"?",
        b"Nx",
        b"d1234567",
        b"s" + struct.pack("<Q", 2**63),
        b"s" + struct.pack("<Q", 1) + b"\xff",
        b"(" + struct.pack("<Q", 2**40),
        b"(" * 40 + b"N",
        (b"(" + struct.pack("<Q", 1)) * 60 + b"N",
        b"{" + struct.pack("<Q", 2) + b"NNNN",
        b"{" + struct.pack("<Q", 1) + b"[" + struct.pack("<Q", 0) + b"N",
        b"a" + written("|O") + b"\1" + struct.pack("<Q", 1) + b"12345678",
        b"a" + written("<f8") + b"\2" + struct.pack("<QQ", 2**40, 2**40),
        b"a" + written("<f8") + b"\2" + struct.pack("<QQ", 0, 2**63),
        b"a" + written("(1000000000,)<f8") + b"\1" + struct.pack("<Q", 0),
        b"a" + written("|b1") + b"\1" + struct.pack("<Q", 1) + b"\2",
        b"g" + written("<f8") + b"\1" + struct.pack("<Q", 1) + b"12345678",
        b"a" + written("<f8") + b"\xff" + bytes(8 * 255),
    ],
)
def test_no_plain_value(data):
    with pytest.raises(FormatError):
        read(data)


@pytest.mark.parametrize("name", ["<f,(", "<f!,", "<f,a", "<f8,", "<f16", "|O", "f8", 8, None])
def test_no_dtype(name):
    """NumPy raises errors of all kinds for such strings, or makes a dtype of them."""
    with pytest.raises(FormatError):
        dtype_named(name)


# --- pickle ---------------------------------------------------------------------------------------


def test_pickle_carries_programs():
    compiled = called(cd.value_and_grad(rosenbrock), (POINT,), (POINT[:2],))
    for f in (pickle.loads(pickle.dumps(compiled)), copy.copy(compiled), copy.deepcopy(compiled)):
        assert f.stats()["programs"] == 2
        same(f(POINT), compiled(POINT))
        assert f.stats()["recordings"] == 0
        f(POINT[:3])
        assert f.stats()["recordings"] == 1 and compiled.stats()["programs"] == 2
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    loaded = pickle.loads(pickle.dumps(saved(compiled)))
    same(loaded(POINT), compiled(POINT))


def test_pickle_leaves_out_what_may_have_changed():
    global FACTOR
    compiled = called(scaled, (POINT,))
    data = pickle.dumps(compiled)
    try:
        assert pickle.loads(data).stats()["programs"] == 1
        FACTOR = 5.0
        copied = pickle.loads(data)
        assert copied.stats()["programs"] == 0
        np.testing.assert_array_equal(copied(POINT), POINT * 5.0)
    finally:
        FACTOR = 2.0
    np.testing.assert_array_equal(copied(POINT), POINT * 2.0)
    assert pickle.loads(pickle.dumps(called(weighted, (POINT,)))).stats()["programs"] == 0


def test_pickle_with_classes_and_static_objects():
    compiled = called(lambda p: Point(p.y, p.x), (Point(1.0, 2.0),))
    assert compiled(Point(1.0, 2.0)) == Point(2.0, 1.0)
    compiled = called(swapped, (Point(1.0, 2.0),))
    assert pickle.loads(pickle.dumps(called(helped, (1.0,)))).stats()["programs"] == 1
    assert pickle.loads(pickle.dumps(compiled))(Point(1.0, 2.0)) == Point(2.0, 1.0)
    assert pickle.loads(pickle.dumps(compiled)).stats()["programs"] == 1
    compiled = called(ignoring, (1.0, print))
    assert pickle.loads(pickle.dumps(compiled)).stats()["programs"] == 0
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(called(lambda x: x, (1.0,)))


def swapped(p):
    return Point(p.y, p.x)


def helped(x):
    return scaled(x) + 1.0


def ignoring(x, what):
    return x


def at_home(f, x):
    return f(x), f.stats()["recordings"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("no such processes here")
    compiled = called(cd.grad(rosenbrock), (POINT,))
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found, recordings = pool.submit(at_home, compiled, POINT).result(60)
        assert pool.submit(decorated, 2.0).result(60) == 6.0
    np.testing.assert_array_equal(found, compiled(POINT))
    assert recordings == 0
