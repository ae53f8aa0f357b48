"""`compile`: which call of a function runs which program.

Knows signatures, results and the paths of a function; what a function reads from outside is found
by `_surroundings`, what a program does is the core's. Fast because a call that is like an earlier
one is answered by the core, without Python.
"""
