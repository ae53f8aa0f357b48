"""Run by mpirun: each rank has some of the partitions; all must get the serial result."""

import sys

import numpy as np
from distributed_model import PARAMETERS, loss, make_parts
from mpi4py import MPI

from cdiff.distributed import sum_over

comm = MPI.COMM_WORLD
everything = make_parts()
edges = np.linspace(0, len(everything), comm.Get_size() + 1).astype(int)
own = everything[edges[comm.Get_rank()] : edges[comm.Get_rank() + 1]]
got = sum_over(loss, own, executor="mpi").value_and_grad(PARAMETERS)
expected = sum_over(loss, everything).value_and_grad(PARAMETERS)
same = got[0] == expected[0] and np.array_equal(got[1]["w"], expected[1]["w"])
print(f"rank {comm.Get_rank()} of {comm.Get_size()}: {'same' if same else 'DIFFERENT'}", flush=True)
sys.exit(0 if same else 1)
