"""The examples run as a user runs them, in a process of their own, and reach what they promise.

It must not know how an example works: it looks at the exit status and at what is printed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cdiff

EXAMPLES = Path(__file__).parents[1] / "examples"
PROBLEMS = {path.stem for path in (EXAMPLES / "nist").glob("*.dat")}


def run(script, *arguments):
    """The script's standard output, from a process that imports the same cdiff as this one."""
    environment = {**os.environ, "PYTHONPATH": str(Path(cdiff.__file__).parents[1])}
    # A free-threaded interpreter says that importing cdiff switches its lock on.
    environment["PYTHONWARNINGS"] = "ignore:The global interpreter lock:RuntimeWarning"
    command = [sys.executable, str(EXAMPLES / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_nist_regressions_reach_eight_digits():
    printed = run("nist_regression.py")
    detail, _, summary = printed.partition("problem    start 1")

    row = re.compile(r"^(\w+) +([\d.]+) \((\d+)\)( FAILS)? +([\d.]+) \((\d+)\)", re.MULTILINE)
    table = {m[1]: (float(m[2]), bool(m[4]), float(m[5])) for m in row.finditer(summary)}
    assert len(PROBLEMS) == 12 and table.keys() == PROBLEMS
    for name, (far, fails, near) in table.items():
        assert near >= 8.0, name
        assert fails == (far < 8.0), name  # start 1 may fail, but not in silence
    assert detail.count("does not converge") == sum(fails for _, fails, _ in table.values())

    for line in re.findall(r"^ +b\d.* digits$", detail, re.MULTILINE):
        found, certified, digits = re.findall(r"-?\d[-+.\de]*", line.split(maxsplit=1)[1])
        if float(digits) >= 8.0:
            assert abs(float(found) - float(certified)) <= 1e-8 * abs(float(certified)), line
    assert detail.count(": cdiff ") == 12


def test_a_nist_regression_by_name():
    printed = run("nist_regression.py", "Misra1a")
    assert "Misra1a" in printed and "BoxBOD" not in printed
    assert printed.rstrip().endswith("8 digits or more: 1 of 1 from start 1, 1 of 1 from start 2")


def test_certified_standard_errors():
    pytest.importorskip("scipy", reason="the example needs SciPy")
    printed = run("nist_errors.py")
    assert printed.count(": parameters ") == len(PROBLEMS)
    pairs = re.findall(r"\+- (\S+) +certified (\S+)", printed)
    assert len(pairs) > 3 * len(PROBLEMS)
    for found, certified in pairs:
        assert float(found) == pytest.approx(float(certified), rel=1e-6)


def test_draws_from_a_known_posterior():
    printed = run("hmc.py")
    assert "the draws agree with the posterior" in printed
    assert len(re.findall(r"^w\d ", printed, re.MULTILINE)) == 4


def test_more_data_than_memory():
    pytest.importorskip("distributed", reason="Dask (distributed) is not installed")
    pytest.importorskip("scipy", reason="the example needs SciPy")
    printed = run("dask_regression.py")
    assert "four partitions in this process: the same to the last bit" in printed
    assert "the fit agrees with the truth" in printed


def test_the_bratu_equation_converges():
    printed = run("bratu.py", "40")
    assert "from 1 forward and 0 reverse directions" in printed or "1 reverse" in printed
    sizes = [float(x) for x in re.findall(r"residual (\S+)", printed)]
    assert sizes[-1] < 1e-8 and len(sizes) < 12
    assert float(printed.split()[-1]) == pytest.approx(0.8, abs=0.3)


def test_the_pendulum_is_swung_up():
    printed = run("collocation.py", "60")
    last = re.findall(r"constraints (\S+), slope (\S+)", printed)[-1]
    assert max(map(float, last)) < 1e-8


def test_the_bundle_is_adjusted():
    printed = run("bundle_adjustment.py", "2000")
    far = re.search(r"residual differs by (\S+), first row by (\S+)", printed)
    assert float(far[1]) < 1e-9 and float(far[2]) < 1e-8
    assert float(re.findall(r"cost (\S+)", printed)[-1]) < 1e-15


def test_the_ground_is_found_from_echoes():
    pytest.importorskip("scipy", reason="the example needs SciPy")
    printed = run("ground_radar.py")
    assert float(printed.split()[-1]) < 1e-4


def test_a_gaussian_process_is_fitted():
    pytest.importorskip("scipy", reason="the example needs SciPy")
    printed = run("gaussian_process.py")
    assert float(re.search(r"period (\S+)", printed)[1]) == pytest.approx(np.pi, rel=0.02)
    failures = [int(n) for n in re.findall(r"(\d+) failures", printed)]
    assert failures[0] == failures[2] == 0 < failures[1]
    points = printed.splitlines()[-3:]
    assert points[0] == points[2]


def test_tolls_have_derivatives():
    printed = run("toll_roads.py")
    whole, differences = re.search(r"together (\S+), by differences (\S+)", printed).groups()
    assert float(whole) == pytest.approx(float(differences), rel=1e-5)


def test_the_brusselator_runs():
    printed = run("reaction_diffusion.py", "100")
    assert "successfully" in printed and 0.3 < float(printed.split()[-1]) < 5.0
