"""Files of compiled functions: what is written, and how it is read without running foreign code.

Knows the vocabulary of files and what may stand in one; must not know sparse matrices or pictures.
"""
