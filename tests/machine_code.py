"""What tests of machine code share: programs that are made with it and without.

This file must not know what is computed.
"""

import numpy as np
import pytest

import cdiff as cd
from cdiff import _core

needs_machine_code = pytest.mark.skipif(
    not _core.use_machine_code(),
    reason="the processor has no AVX-512, or memory cannot be executed")


def both_ways(f, *args):
    """The results with machine code and without, as lists of arrays."""
    found = []
    try:
        for on in (True, False):
            _core.use_machine_code(on)
            compiled = cd.compile(f)
            with np.errstate(all="ignore"):
                compiled(*args)
                found.append([np.asarray(y) for y in leaves(compiled(*args))])
    finally:
        _core.use_machine_code(True)
    return found


def leaves(y):
    return [z for part in y for z in leaves(part)] if isinstance(y, (tuple, list)) else [y]
