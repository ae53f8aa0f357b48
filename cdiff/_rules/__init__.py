"""Derivatives and operators that users define, and programs that are called as one operator.

Knows rules and what they read; must not know solvers, which are built of this.
"""
