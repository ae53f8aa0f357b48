"""The same evals in other tools, for `python -m benchmarks.gradbench --all`.

Each module has `EVALS`: for an eval and a function, how to prepare a run on the data that the
eval's `read` gives. A run returns NumPy arrays in the order of cdiff's result. Nothing is imported
before its tool is asked for, so that a process holds one tool only. NumPy has no derivatives: it
has the functions alone, whose time stands in the rows of their derivatives.
"""

ALONE = "numpy"
TOOLS = ("manual", "jax", "torch", "autograd", "casadi", ALONE, "python")
