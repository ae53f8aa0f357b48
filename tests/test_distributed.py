"""`cdiff.distributed`: every engine gives what this process gives alone, to the last bit.

The derivatives of the sum are compared with those of the same function without partitions. Engines
that are not installed are skipped; their errors are tested then.
"""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from distributed_model import (
    PARAMETERS,
    DiesOnce,
    by_number,
    fails,
    loss,
    make_parts,
    moments,
    raises_unpicklable,
    raises_unreadable,
    whole_loss,
    whole_moments,
)

import cdiff as cd
from cdiff._arguments._tree import flatten
from cdiff.distributed import sum_over
from cdiff.distributed._engines import tree_sum

PARTS = make_parts()


def same(a, b):
    for x, y in zip(flatten(a)[0], flatten(b)[0], strict=True):
        np.testing.assert_array_equal(x, y)


def close(a, b, rtol=1e-12):
    for x, y in zip(flatten(a)[0], flatten(b)[0], strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-13)


def processes():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


# --- derivatives ----------------------------------------------------------------------------------

MODES = {
    "value": lambda f: f,
    "grad": cd.grad,
    "hessian": cd.hessian,
    "jvp": lambda f: lambda p: cd.jvp(f, (p,), (p,)),
    "hvp": lambda f: lambda p: cd.hvp(f, (p,), (p,)),
    "rev rev": lambda f: cd.grad(lambda p: sum_of(cd.grad(f)(p))),
}


def sum_of(tree):
    return sum([np.sum(x**2) for x in flatten(tree)[0]])


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("mode", MODES)
def test_derivatives_are_those_of_the_whole(mode, compiled):
    got, expected = MODES[mode](sum_over(loss, PARTS)), MODES[mode](whole_loss)
    got = cd.compile(got) if compiled else got
    for scale in (1.0, 1.0, 0.3):
        p = cd.tree_map(lambda x, s=scale: x * s, PARAMETERS)
        close(got(p), expected(p), 1e-11)


def test_results_that_are_arrays():
    total = sum_over(moments, PARTS)
    close(total(PARAMETERS), whole_moments(PARAMETERS))
    close(cd.jacobian(total)(PARAMETERS), cd.jacobian(whole_moments)(PARAMETERS))
    with pytest.raises(ValueError, match="needs one number"):
        total.value_and_grad(PARAMETERS)


def test_the_sum_as_a_part_of_something_else():
    total = sum_over(loss, PARTS)
    f = lambda s, g: np.log(g({"w": s * PARAMETERS["w"], "b": s**2}))
    for mode in (cd.grad, lambda f: cd.grad(cd.grad(f))):
        got = mode(lambda s: f(s, total))(0.7)
        assert got == pytest.approx(mode(lambda s: f(s, whole_loss))(0.7), rel=1e-11)
    points = np.array([0.3, 0.7])
    np.testing.assert_allclose(
        cd.vmap(cd.grad(lambda s: f(s, total)))(points),
        [cd.grad(lambda s: f(s, whole_loss))(s) for s in points], rtol=1e-11,
    )  # fmt: skip


def test_value_and_gradient_in_one_round():
    calls = []
    total = sum_over(lambda p, part: calls.append(1) or loss(p, part), PARTS)
    value, gradient = total.value_and_grad(PARAMETERS)
    close((value, gradient), cd.value_and_grad(whole_loss)(PARAMETERS))
    assert type(value) is float and type(gradient["b"]) is float
    assert len(calls) <= 3  # one recording for each shape of a partition
    with pytest.raises(TypeError, match="plain parameters"):
        cd.grad(lambda b: total.value_and_grad({"w": np.ones(3), "b": b})[0])(1.0)


def test_a_fit():
    cdo = pytest.importorskip("cdiff.optimize")
    pytest.importorskip("scipy")
    found = cdo.minimize(sum_over(loss, PARTS), PARAMETERS, method="BFGS")
    expected = cdo.minimize(whole_loss, PARAMETERS, method="BFGS")
    close(found.x, expected.x, 1e-4)


# --- engines --------------------------------------------------------------------------------------


def everything(total):
    return [total(PARAMETERS), total.value_and_grad(PARAMETERS), cd.grad(total)(PARAMETERS),
            cd.hvp(total, (PARAMETERS,), (PARAMETERS,))]  # fmt: skip


def test_threads_and_processes_are_the_same_to_the_last_bit():
    expected = everything(sum_over(loss, PARTS))
    with ThreadPoolExecutor(3) as pool:
        same(everything(sum_over(loss, PARTS, pool)), expected)
    with sum_over(loss, PARTS, "threads") as total:
        same(everything(total), expected)
    with processes() as pool:
        same(everything(sum_over(loss, PARTS, pool)), expected)
        same(everything(sum_over(loss, range(11), pool, prepare=by_number)), expected)
        compiled = sum_over(cd.compile(loss), PARTS, pool)
        same(everything(compiled), expected)


def test_a_program_without_its_code_goes_to_processes(tmp_path):
    """A function that was saved and loaded needs nothing that a worker could import."""
    compiled = cd.compile(lambda p, part: loss(p, part))
    for part in PARTS:
        compiled(PARAMETERS, part)
    compiled.save(tmp_path / "loss")
    loaded = cd.load(tmp_path / "loss")
    with processes() as pool:
        total = sum_over(loaded, PARTS, pool)
        assert total(PARAMETERS) == pytest.approx(whole_loss(PARAMETERS), rel=1e-12)
        close(cd.grad(total)(PARAMETERS), cd.grad(whole_loss)(PARAMETERS))


def test_a_worker_that_dies(tmp_path):
    prepare = DiesOnce(str(tmp_path / "first"))
    with sum_over(loss, range(11), processes, prepare=prepare) as total:
        same(total.value_and_grad(PARAMETERS), sum_over(loss, PARTS).value_and_grad(PARAMETERS))
    assert os.path.exists(prepare.flag)
    always = DiesOnce(str(tmp_path / "second"), always=True)
    with (
        sum_over(loss, range(11), processes, prepare=always, retries=1) as total,
        pytest.raises(RuntimeError, match="2 times"),
    ):
        total(PARAMETERS)
    with (
        processes() as pool,
        pytest.raises(RuntimeError, match="a function that makes the pool"),
    ):
        sum_over(loss, range(11), pool, prepare=always)(PARAMETERS)


def test_joblib(tmp_path):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    expected = everything(sum_over(loss, PARTS))
    for backend in ("loky", "threading"):
        same(everything(sum_over(loss, PARTS, joblib.Parallel(2, backend=backend))), expected)
    prepare = DiesOnce(str(tmp_path / "flag"))
    total = sum_over(loss, range(11), joblib.Parallel(2), prepare=prepare)
    same(total(PARAMETERS), expected[0])


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed", reason="Dask (distributed) is not installed")
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit="1GB"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        here = str(Path(__file__).parent)

        class Paths(distributed.WorkerPlugin):
            """Workers find the tests, those that are started again too."""

            def setup(self, worker):
                sys.path.insert(0, here)

        client.register_plugin(Paths())
        yield client


def test_dask_with_processes(client):
    expected = everything(sum_over(loss, PARTS))
    same(everything(sum_over(loss, PARTS, client)), expected)
    lazy = [pytest.importorskip("dask").delayed(by_number)(k) for k in range(11)]
    same(everything(sum_over(loss, lazy)), expected)
    same(sum_over(lambda p, part: loss(p, part), lazy, client)(PARAMETERS), expected[0])


def test_dask_survives_a_worker_that_dies(client, tmp_path):
    prepare = DiesOnce(str(tmp_path / "flag"))
    total = sum_over(loss, range(11), client, prepare=prepare)
    same(total.value_and_grad(PARAMETERS), sum_over(loss, PARTS).value_and_grad(PARAMETERS))
    assert os.path.exists(prepare.flag)


def test_a_partition_that_kills_every_worker(client, tmp_path):
    prepare = DiesOnce(str(tmp_path / "flag"), always=True)
    with pytest.raises(RuntimeError, match="memory of a worker"):
        sum_over(loss, range(11), client, prepare=prepare)(PARAMETERS)
    same(sum_over(loss, PARTS, client)(PARAMETERS), sum_over(loss, PARTS)(PARAMETERS))


def test_an_error_of_the_function_is_not_tried_again(client, tmp_path):
    def fails_and_notes(p, part):
        with (tmp_path / "calls").open("a") as file:
            file.write("x")
        raise ZeroDivisionError("something in the model")

    with pytest.raises(ZeroDivisionError, match="something in the model"):
        sum_over(fails_and_notes, PARTS[:1], client)(PARAMETERS)
    assert (tmp_path / "calls").read_text() == "x"


def test_collections_of_dask_in_processes(client):
    """A dataframe, a bag, an array on a cluster: as their partitions in this process."""
    da, pandas = pytest.importorskip("dask.array"), pytest.importorskip("pandas")
    db, frame = pytest.importorskip("dask.bag"), pytest.importorskip("dask.dataframe")
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0)
    edges = [(k, k + 8) for k in range(0, 40, 8)]
    parts = [(x[a:b], y[a:b]) for a, b in edges]
    expected = everything(sum_over(loss, parts))
    arrays = da.from_array(x, chunks=(8, 3)), da.from_array(y, chunks=8)
    same(everything(sum_over(loss, arrays, client)), expected)
    table = pandas.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": y})
    split = lambda t: (np.ascontiguousarray(t[["a", "b", "c"]].to_numpy()), t["y"].to_numpy())
    tables = frame.from_delayed([client.submit(lambda t: t, table[a:b]) for a, b in edges])
    same(everything(sum_over(loss, tables, client, prepare=split)), expected)
    rows = db.from_sequence([(*r, z) for r, z in zip(x, y, strict=True)], npartitions=5)
    stacked = lambda bag: (np.array(bag)[:, :3].copy(), np.array(bag)[:, 3].copy())
    same(everything(sum_over(loss, rows, client, prepare=stacked)), expected)


def test_collections_of_dask():
    da = pytest.importorskip("dask.array", reason="Dask is not installed")
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0)
    parts = [(x[k : k + 8], y[k : k + 8]) for k in range(0, 40, 8)]
    expected = sum_over(loss, parts).value_and_grad(PARAMETERS)
    arrays = da.from_array(x, chunks=(8, 3)), da.from_array(y, chunks=8)
    same(sum_over(loss, arrays).value_and_grad(PARAMETERS), expected)
    square = lambda p, x: np.sum((x @ p["w"]) ** 2)
    same(
        sum_over(square, arrays[0])(PARAMETERS), sum_over(square, [a for a, _ in parts])(PARAMETERS)
    )
    with pytest.raises(ValueError, match="first axis only"):
        sum_over(square, da.from_array(x, chunks=(8, 2)))
    with pytest.raises(ValueError, match=r"different partitions|chunks of rows differ"):
        sum_over(loss, (arrays[0], da.from_array(y, chunks=10)))
    bag = pytest.importorskip("dask.bag").from_sequence(list(y), npartitions=4)
    total = sum_over(lambda p, y: np.sum(p * y), bag, prepare=np.array)
    assert total(2.0) == 2.0 * y.sum()
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")
    table = frame.from_pandas(pandas.DataFrame({"a": x[:, 0], "y": y}), npartitions=3)
    fit = lambda p, columns: np.sum((columns[1] - p * columns[0]) ** 2)
    columns = lambda part: (part["a"].to_numpy(), part["y"].to_numpy())
    total = sum_over(fit, table, prepare=columns)
    assert cd.grad(total)(1.0) == pytest.approx(-2.0 * np.sum(x[:, 0] * (y - x[:, 0])), rel=1e-12)
    with pytest.raises(TypeError, match="DataFrame; give prepare="):
        sum_over(fit, table)(1.0)


class Ranks:
    """What `sum_over` needs of a communicator, among threads."""

    def __init__(self, size):
        self.barrier = threading.Barrier(size)
        self.slots = [None] * size
        self.local = threading.local()

    def exchange(self, x):
        self.slots[self.local.rank] = x
        self.barrier.wait()
        found = list(self.slots)
        self.barrier.wait()
        return found

    def allgather(self, x):
        return self.exchange(x)

    def bcast(self, x, root=0):
        return self.exchange(x)[root]


def on_ranks(size, task):
    comm, found = Ranks(size), [None] * size

    def run(rank):
        comm.local.rank = rank
        try:
            found[rank] = task(rank, comm)
        except Exception as error:
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_ranks():
    expected = everything(sum_over(loss, PARTS))
    shares = [PARTS[:4], [], PARTS[4:]]
    for found in on_ranks(3, lambda rank, comm: everything(sum_over(loss, shares[rank], comm))):
        same(found, expected)
    for error in on_ranks(3, lambda rank, comm: sum_over(fails, shares[rank], comm)(PARAMETERS)):
        assert isinstance(error, ZeroDivisionError) and "on rank 0" in str(error.__notes__)
    for error in on_ranks(2, lambda rank, comm: sum_over(loss, [], comm)(PARAMETERS)):
        assert isinstance(error, ValueError)


def launcher():
    """What starts the ranks: beside this Python, where wheels of MPI put it, or on the path."""
    here = Path(sys.executable).parent
    places = [str(here / name) for name in ("mpiexec", "mpirun")] + ["mpiexec", "mpirun"]
    return next((found for found in map(shutil.which, places) if found), None)


# Open MPI refuses more ranks than cores, and to run as root, as containers do; others do not look.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


@pytest.mark.parametrize("size", [1, 3])
def test_mpi(size):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    mpiexec = launcher()
    if mpiexec is None:
        pytest.skip("mpiexec is not installed")
    here = Path(__file__).parent
    paths = [str(Path(cd.__file__).parents[1]), str(here)]
    environment = {**os.environ, **OPEN_MPI, "PYTHONPATH": os.pathsep.join(paths)}
    environment["PATH"] = os.pathsep.join([str(Path(mpiexec).parent), environment["PATH"]])
    # Through mpi4py, so that a rank that ends by an error ends the others, which wait for it.
    command = [mpiexec, "-n", str(size), sys.executable, "-m", "mpi4py", str(here / "mpi_sum.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("partitions: same") == size


def test_a_run_that_records_gives_what_later_runs_give():
    """Fused sums over many rows round otherwise than those of a run that records."""
    rng = np.random.default_rng(0)
    mean = lambda p, part: loss(p, part) / 20_000
    p = {"w": np.linspace(-1.0, 1.0, 12), "b": 0.5}
    for _ in range(4):
        part = rng.uniform(-2.0, 2.0, (20_000, 12)), rng.choice([-1.0, 1.0], 20_000)
        total = sum_over(mean, [part])
        same(total.value_and_grad(p), total.value_and_grad(p))


FACTOR = 1.0


def scaled(p, part):
    return FACTOR * p * np.sum(part)


@pytest.mark.parametrize("executor", [None, "threads"])
def test_what_the_function_reads_from_outside_may_change(executor, monkeypatch):
    table = {"shift": 0.0}
    with sum_over(lambda p, part: scaled(p, part) + table["shift"], [np.ones(3), np.ones(2)],
                  executor) as total:  # fmt: skip
        for factor, shift in ((1.0, 0.0), (3.0, 0.0), (3.0, 1.0), (1.0, 0.5)):
            monkeypatch.setitem(globals(), "FACTOR", factor)
            table["shift"] = shift
            assert total(2.0) == 10.0 * factor + 2.0 * shift
            assert cd.grad(total)(2.0) == 5.0 * factor
            assert total.value_and_grad(2.0) == (10.0 * factor + 2.0 * shift, 5.0 * factor)
            assert cd.hvp(total, (2.0,), (1.0,)) == 0.0
            assert cd.jvp(total, (2.0,), (1.0,))[1] == 5.0 * factor


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [None, "threads"])
def test_results_of_several_shapes_are_an_error(executor):
    """They were stretched to one shape."""
    with sum_over(lambda p, x: p * x, [np.ones(1), np.ones(3)], executor) as total:
        for f in (total, cd.grad(lambda p: np.sum(total(p))), cd.jacobian(total)):
            with pytest.raises(ValueError, match=r"one shape, .* shapes \(1,\) and \(3,\)"):
                f(2.0)


def test_a_dict_is_no_list_of_partitions():
    """Its keys were."""
    with pytest.raises(TypeError, match=r"keys of a dict.*parts\.values"):
        sum_over(lambda p, x: p * np.sum(x), {0: np.ones(1), 1: np.ones(3)})


def test_an_error_names_the_partition():
    with pytest.raises(ZeroDivisionError) as error:
        sum_over(fails, PARTS)(PARAMETERS)
    assert "partition 2" in str(error.value.__notes__)
    with processes() as pool, pytest.raises(ZeroDivisionError, match="something in the model"):
        sum_over(fails, PARTS, pool)(PARAMETERS)


@pytest.mark.parametrize("function", [raises_unpicklable, raises_unreadable])
def test_an_error_that_cannot_be_sent_is_no_dead_worker(function):
    name = function.__name__.removeprefix("raises_").capitalize()
    with processes() as pool, pytest.raises(RuntimeError, match=f"{name}: .*something") as error:
        sum_over(function, PARTS, pool)(PARAMETERS)
    assert "partition 0" in str(error.value.__notes__)
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    with pytest.raises(RuntimeError, match=f"{name}: .*something"):
        sum_over(function, PARTS, joblib.Parallel(2))(PARAMETERS)


def test_mistakes():
    with pytest.raises(ValueError, match="no partitions"):
        sum_over(loss, [])
    with pytest.raises(TypeError, match="executor must be"):
        sum_over(loss, PARTS, 3)
    with pytest.raises(ValueError, match="'threads', 'processes'"):
        sum_over(loss, PARTS, "other")
    with pytest.raises(TypeError, match="function"):
        sum_over(3, PARTS)
    with pytest.raises(ValueError, match="retries"):
        sum_over(loss, PARTS, retries=-1)
    with pytest.raises(TypeError, match="integer"):
        sum_over(loss, PARTS)({"w": 3, "b": 1.0})
    with pytest.raises(TypeError, match="output"):
        sum_over(lambda p, part: "text", PARTS)(PARAMETERS)
    with processes() as pool, pytest.raises(TypeError, match="cannot be sent"):
        lock = threading.Lock()
        sum_over(lambda p, part: lock and loss(p, part), PARTS, pool)(PARAMETERS)


def test_what_is_not_installed_names_the_extra(monkeypatch):
    for name, module, extra in (("dask", "distributed", "distributed"),
                                ("joblib", "joblib", "distributed"),
                                ("mpi", "mpi4py.MPI", "mpi")):  # fmt: skip
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, module.split(".")[0], None)
        with pytest.raises(ImportError, match=rf"pip install cdiff-ad\[{extra}\]"):
            sum_over(loss, PARTS, name)


def test_the_tree_adds_neighbours():
    join = lambda a, b: f"({a}{b})"
    assert tree_sum(list("abcdefg"), join) == "(((ab)(cd))((ef)g))"
    assert tree_sum(["a"], join) == "a"
