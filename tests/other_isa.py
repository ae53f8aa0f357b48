"""A file of tests once more, with the kernels of a lesser instruction set."""

import os
import subprocess
import sys

import pytest

latest_only = pytest.mark.skipif("CDIFF_ISA" in os.environ, reason="this is that run")


def passes(file, isa):
    """Run the tests of a file in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file],
        env={**os.environ, "CDIFF_ISA": isa},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
