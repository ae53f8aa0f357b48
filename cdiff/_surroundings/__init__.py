"""What a compiled function reads from outside, and whether that has changed.

Knows Python's objects and code, from globals to slots; must not know loops, rules or solvers. The
core compares what is noted here before each call.
"""
