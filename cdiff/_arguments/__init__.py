"""What functions are called with: containers, which arguments are differentiated, axes.

Knows trees of Python containers and the rules for argnums; must not know how a derivative is made.
"""
