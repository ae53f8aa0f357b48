"""Graphs and programs for the eye: drawings, explanations, progress.

Knows what the core shows of a graph; nothing that computes may need it.
"""
