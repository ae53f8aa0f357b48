"""The note of an error about operands, and the numbers of the lines that it names."""

import linecache

import pytest


def line_numbers(path):
    """A function that finds the line of this file which ends in a comment of one word."""
    lines = linecache.getlines(path)

    def at(mark):
        [k] = [k for k, text in enumerate(lines, 1) if text.rstrip().endswith(f"# {mark}")]
        return k

    return at


def note_of(function, *args, error=(ValueError, TypeError, IndexError)):
    with pytest.raises(error) as caught:
        function(*args)
    [note] = caught.value.__notes__
    return note
