"""Graphs and programs for the eye: drawings, explanations, progress.

Knows what the core shows of a graph; must not know how a derivative is made.
"""
