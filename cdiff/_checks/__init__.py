"""When a number is wrong: where it was made, what its operands were, and a second opinion.

Knows frames, lines and other ways to a derivative; nothing that computes may need it.
"""
