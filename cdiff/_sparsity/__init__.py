"""Sparse Jacobians and Hessians: patterns, colorings, plans and what runs them.

Knows patterns of programs and sparse matrices; must not know operators. The core has what is fast
of it: propagation of patterns, coloring, compressed sweeps.
"""
