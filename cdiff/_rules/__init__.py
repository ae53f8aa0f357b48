"""Derivatives and operators that users define, and programs that are called as one operator.

Knows rules and who called them; must not know loops or solvers, which are built of this.
"""
