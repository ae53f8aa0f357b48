"""The transformations: reverse and forward mode, Jacobians and Hessians, vmap.

Each is a few calls of the core around the user's function; must not know an operator, nor files,
solvers or sparse matrices.
"""
