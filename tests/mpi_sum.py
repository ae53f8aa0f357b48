"""Run by mpiexec: each rank has some of the partitions; all must get what one process gets alone.

Prints one line for each rank, which says what was different, if anything.
"""

import sys

import numpy as np
from distributed_model import PARAMETERS, Unpicklable, Unreadable, loss, make_parts
from mpi4py import MPI

import cdiff as cd
from cdiff._arguments._tree import flatten
from cdiff.distributed import sum_over

comm = MPI.COMM_WORLD
rank, size = comm.Get_rank(), comm.Get_size()
everything = make_parts()
# The second rank has none: whoever has no data takes part all the same.
edges = np.linspace(0, len(everything), max(size - 1, 1) + 1).astype(int)
if size > 1:
    edges = np.insert(edges, 1, edges[1])
own = everything[edges[rank] : edges[rank + 1]]


def same(a, b):
    pairs = zip(flatten(a)[0], flatten(b)[0], strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def fit(total):
    """Steps of steepest descent: a slip of one rank would grow."""
    p = PARAMETERS
    for _ in range(5):
        _, gradient = total.value_and_grad(p)
        p = cd.tree_map(lambda x, g: x - 0.01 * g, p, gradient)
    return p


def raised(kind):
    """An error on the first rank is raised on all, whether or not it can be sent."""

    def fails(p, part):
        if rank == 0:
            raise kind("something in", "the model")
        return loss(p, part)

    try:
        sum_over(fails, own, "mpi")(PARAMETERS)
    except Exception as error:
        return "something in" in str(error) and "on rank 0" in str(error.__notes__)
    return False


total, alone = sum_over(loss, own, executor="mpi"), sum_over(loss, everything)
checks = {
    "value": lambda: total(PARAMETERS) == alone(PARAMETERS),
    "value_and_grad": lambda: same(
        total.value_and_grad(PARAMETERS), alone.value_and_grad(PARAMETERS)
    ),
    "hvp": lambda: same(*[cd.hvp(f, (PARAMETERS,), (PARAMETERS,)) for f in (total, alone)]),
    "hessian": lambda: same(*[cd.hessian(f)(PARAMETERS) for f in (total, alone)]),
    "fit": lambda: same(fit(total), fit(alone)),
    "parameters of rank 0": lambda: total({**PARAMETERS, "b": 0.3 + rank}) == alone(PARAMETERS),
    "an error": lambda: raised(ValueError),
    "an error that cannot be pickled": lambda: raised(Unpicklable),
    "an error that cannot be read": lambda: raised(Unreadable),
}
wrong = [name for name, check in checks.items() if not check()]
result = f"DIFFERENT: {wrong}" if wrong else "same"
print(f"rank {rank} of {size} with {len(own)} partitions: {result}", flush=True)
sys.exit(1 if wrong else 0)
