"""What a compiled function reads from outside, and whether that has changed.

Knows Python's objects and code, from globals to slots; must not know programs. It looks once, when
a function is recorded; the core compares what is noted here before each call.
"""
