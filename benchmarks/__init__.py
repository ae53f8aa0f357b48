"""Benchmarks of cdiff against plain Python, NumPy and the other tools, as ratios in one run.

`python -m benchmarks [name ...]` runs them, `python -m benchmarks.scalar` runs one. This file
knows only that every library must compute in one thread, and has its byte code at hand as an
installed package has: the variables below are read when a library is loaded, so they are set here,
before any benchmark can import one, and the child processes inherit them.
"""

import os

for _variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NPROC",  # the threads of XLA: since its new run time the flags below do not hold them back
):
    os.environ[_variable] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
