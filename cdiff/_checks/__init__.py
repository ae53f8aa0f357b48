"""When a number is wrong: where it was made, what its operands were, and a second opinion.

Knows frames, lines and other ways to a derivative; must not know loops, solvers or files.
"""
