"""What loops, rules and compiled functions are recorded as: bodies, and the paths through them.

Knows programs, results as one vector, and what a function reads beside its arguments; must not know
loops, rules of users or compiled functions, which are built of this.
"""
