"""Solutions of equations and minima, differentiated by the implicit function theorem.

Knows how a solution is found, by the user's solver or one by default, and how one is
differentiated; must not know what the equations are of: `optimize`, `integrate` and others are
built of this.
"""
