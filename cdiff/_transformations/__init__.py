"""The transformations: reverse and forward mode, Jacobians and Hessians, vmap.

Each is a few calls of the core around the user's function; none knows an operator. What is compiled
or sparse of them is elsewhere: they must not import it.
"""
