"""Loops and checkpoints: a body recorded once, run many times, kept or computed again.

Knows bodies, carries and what the reverse sweep needs of them; must not know solvers or files.
"""
