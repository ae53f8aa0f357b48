"""Sums over partitioned data, with derivatives, on one machine or on many.

`sum_over` makes a function of the parameters from a function of parameters and one partition: its
value is the sum over all partitions, and it can be differentiated like any other. The partitions
stay where they are; parameters go out once for each evaluation, and what comes back is as large as
the result. Scheduling is left to those who do it well: `concurrent.futures`, joblib, Dask, MPI. The
order of summation is the same everywhere, and so is the result.

Examples
--------
>>> import numpy as np, cdiff as cd
>>> from cdiff.distributed import sum_over
>>> parts = [np.array([1.0, 2.0]), np.array([3.0]), np.array([4.0, 5.0, 6.0])]
>>> total = sum_over(lambda p, y: np.sum((y - p["mean"]) ** 2), parts)
>>> total({"mean": 3.0}), cd.grad(total)({"mean": 3.0}), total.value_and_grad({"mean": 3.5})
(19.0, {'mean': -6.0}, (17.5, {'mean': 0.0}))
"""

from __future__ import annotations

from cdiff.distributed._sum import PartitionedSum, sum_over

__all__ = ["PartitionedSum", "sum_over"]


def __dir__() -> list[str]:
    return sorted(__all__)
