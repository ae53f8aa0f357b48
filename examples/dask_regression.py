"""Fit a logistic regression to more data than fit into the memory of a worker.

A local Dask cluster of real processes, each with a memory limit, and data that come in partitions:
here each is made from its number, as if it were read from a file or a database, and let go when its
share of the sum is computed. The model is a NumPy function of one partition. `sum_over` makes the
sum a function of the parameters; SciPy's BFGS gets value and gradient in one round. Besides cdiff
this needs Dask and SciPy (`pip install cdiff-ad[distributed,scipy]`):

    python examples/dask_regression.py

The exit status is 0 if the fit agrees with the truth, no worker has used more memory than its
limit, and the same function gives the same value in this process for the partitions it tries.
"""

import logging
import os
import resource
import sys
import time

# Dask's workers use one thread for products of matrices, whose last digits depend on that.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np

import cdiff as cd
import cdiff.optimize as cdo
import cdiff.uncertainty as cdu
from cdiff.distributed import sum_over

WORKERS, LIMIT = 2, 300e6  # bytes of memory for each worker
PARTITIONS, ROWS, COLUMNS = 40, 100_000, 12
TRUTH = {"weights": np.linspace(-1.0, 1.0, COLUMNS), "bias": 0.5}


def read(number):
    """Partition number so-and-so: covariates and outcomes of 1 or -1."""
    rng = np.random.default_rng(number)
    x = rng.uniform(-2.0, 2.0, size=(ROWS, COLUMNS))
    chance = 1.0 / (1.0 + np.exp(-(x @ TRUTH["weights"] + TRUTH["bias"])))
    return x, np.where(rng.random(ROWS) < chance, 1.0, -1.0)


def loss(p, partition):
    """The share of a partition in the mean negative logarithm of the likelihood."""
    x, y = partition
    return np.sum(cd.softplus(-y * (x @ p["weights"] + p["bias"]))) / (PARTITIONS * ROWS)


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        print("this example needs Dask: pip install cdiff-ad[distributed]", file=sys.stderr)
        return 2
    size = PARTITIONS * ROWS * (COLUMNS + 1) * 8
    print(f"{size / 1e6:.0f} MB of data, {WORKERS} workers of {LIMIT / 1e6:.0f} MB of memory each")
    cluster = LocalCluster(WORKERS, threads_per_worker=1, memory_limit=int(LIMIT),
                           dashboard_address=None, silence_logs=logging.ERROR)  # fmt: skip
    with cluster, Client(cluster) as client:
        total = sum_over(loss, range(PARTITIONS), client, prepare=read)
        begin = time.perf_counter()
        start = {"weights": np.zeros(COLUMNS), "bias": 0.0}
        found = cdo.minimize(total, start, options={"gtol": 1e-6})
        seconds = time.perf_counter() - begin
        used = client.run(peak_memory)
        few = sum_over(loss, range(4), client, prepare=read).value_and_grad(found.x)
    alone = sum_over(loss, range(4), prepare=read).value_and_grad(found.x)
    same = few[0] == alone[0] and np.array_equal(few[1]["weights"], alone[1]["weights"])
    # One partition says how much all of them do.
    part, times = read(0), PARTITIONS**2 * ROWS
    information = times * cdu.fisher_information(lambda p: -loss(p, part), found.x)
    errors = cdu.standard_errors(information, found.x)
    off = (found.x["weights"] - TRUTH["weights"]) / errors["weights"]
    print(f"{found.nfev} evaluations of value and gradient in {seconds:.1f} s")
    for k in (0, COLUMNS // 2, COLUMNS - 1):
        print(f"weight {k:2}: {found.x['weights'][k]:8.5f} +- {errors['weights'][k]:.5f}", end="")
        print(f"   truth {TRUTH['weights'][k]:8.5f}")
    for memory in used.values():
        print(f"a worker used at most {memory / 1e6:.0f} MB")
    print("four partitions in this process:", "the same to the last bit" if same else "DIFFERENT")
    good = same and np.all(np.abs(off) < 4.5) and all(x < LIMIT < size for x in used.values())
    print("the fit agrees with the truth" if good else "something is WRONG")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
