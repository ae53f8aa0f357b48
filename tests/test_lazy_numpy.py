"""`cdiff.numpy` imports its files when they are first used: what is found, when, and by whom.

Each case runs in an interpreter of its own, since what one has imported no other can see missing.
"""

import ast
import importlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import cdiff.numpy as cnp
from cdiff.numpy._files import FILES, PACKAGES, WHERE

ROOT = Path(cnp.__file__).parent
NAMESPACE = {"cdiff.numpy", "cdiff.numpy._files"}
LOADED = """
import json, sys
import numpy as np
import cdiff as cd
x = cd.array([0.4, 0.3, 1.2], requires_grad=True)
{code}
print(json.dumps([name for name in sys.modules if name.startswith("cdiff.numpy")]))
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_after(code):
    """The modules of the namespace that a program has imported."""
    return set(json.loads(run(LOADED.format(code=code))))


def with_their_imports(*files):
    """Files of the namespace and what they import of it, found by reading them."""
    found, left = set(), list(files)
    while left:
        file = left.pop()
        path = ROOT / f"{file}.py"
        if file in found or not path.exists():
            continue
        found.add(file)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("cdiff.numpy"):
                left += [node.module.removeprefix("cdiff.numpy.")]
                left += [alias.name for alias in node.names]
    return {f"cdiff.numpy.{file}" for file in found}


@pytest.mark.parametrize("file", FILES)
def test_the_list_is_that_of_the_file(file):
    assert FILES[file].split() == sorted(importlib.import_module(f"cdiff.numpy.{file}").__all__)


def test_every_file_is_found_from_the_list():
    reached = with_their_imports(*FILES, *PACKAGES)
    for path in ROOT.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in ("@mirrors(", "@handles(", "= on_values(")):
            assert f"cdiff.numpy.{path.stem}" in reached
    assert len(WHERE) == sum(len(names.split()) for names in FILES.values())


def test_import_brings_no_file():
    assert files_after("import cdiff.numpy") == NAMESPACE


@pytest.mark.parametrize(
    ("code", "file"),
    [
        ("cd.numpy.mean(x)", "_reduce"),
        ("from cdiff.numpy import concatenate", "_shape"),
        ("import cdiff.numpy as cnp; cnp.linalg.norm(x)", "linalg"),
        ("import cdiff.numpy.fft", "fft"),
    ],
)
def test_a_name_brings_its_file_alone(code, file):
    assert files_after(code) == NAMESPACE | with_their_imports(file)


@pytest.mark.parametrize(
    ("code", "file"),
    [
        ("np.mean(x)", "_reduce"),
        ("np.concatenate([x, x])", "_shape"),
        ("np.linalg.norm(x)", "linalg"),
        ("np.conjugate(x)", "_elementary"),
        ("np.isclose(x, x)", "_values"),
        ("np.bitwise_count(cd.array([1, 2]))", "_values"),
        ("np.amax(x)", "_reduce"),
        ("np.sinc(x)", "_common"),
        ("np.fft.fft(x)", "fft"),
        ("np.emath.sqrt(x)", "emath"),
        ("np.multiply.outer(x, x)", "_ufuncs"),
        ("x.var()", "_methods"),
        ("x.reshape(3, order='F')", "_methods"),
    ],
)
def test_numpys_function_brings_its_file_alone(code, file):
    found = files_after(code)
    expected = NAMESPACE | with_their_imports(file) | {"cdiff.numpy._dispatch"}
    assert found == expected | {"cdiff.numpy._common"}


def test_what_nobody_has_is_asked_for_everywhere():
    code = """
try:
    np.busday_count(x, x)
except TypeError as error:
    assert "busday_count is not differentiated" in str(error), error
else:
    raise AssertionError
"""
    assert files_after(code) >= {f"cdiff.numpy.{file}" for file in (*FILES, *PACKAGES)}


def test_numpys_fft_and_scipy_may_come_later():
    pytest.importorskip("scipy.special")
    run(
        """
import sys
import numpy as np
import cdiff as cd
x = cd.array([0.4, 0.3, 1.2], requires_grad=True)
np.sort(x), x.mean()
import numpy.fft, scipy.special
assert np.fft.rfft(x).shape == (2,)
y = scipy.special.gammaln(x)
y.sum().backward()
assert np.allclose(x.grad, scipy.special.digamma(x.numpy()))
"""
    )


def test_threads_that_ask_at_once_all_get_whole_files():
    run(
        """
import threading
import numpy as np
import cdiff as cd
x = cd.array([[0.4, 0.3], [1.2, 2.0]], requires_grad=True)
start, failed = threading.Barrier(8), []
calls = [lambda: np.median(x), lambda: x.std(), lambda: np.linalg.det(x), lambda: cd.numpy.var(x),
         lambda: np.linalg.svd(x), lambda: np.percentile(x, 30.0), lambda: np.trace(x),
         lambda: np.pad(x, 1)]
def work(k):
    start.wait()
    for call in calls[k:] + calls[:k]:
        try:
            call()
        except Exception as error:
            failed.append(error)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert not failed, failed
"""
    )


def test_names_are_listed_before_they_are_imported():
    run(
        """
import cdiff.numpy as cnp
listed = set(dir(cnp))
assert {"sum", "linalg", "random", "ndarray", "sin"} <= listed
assert set(cnp.__all__) <= listed and len(cnp.__all__) == len(set(cnp.__all__))
before = list(cnp.__all__)
from cdiff.numpy import *
assert all(name in globals() for name in before)
import inspect
assert list(inspect.signature(cnp.sum).parameters)[:2] == ["a", "axis"]
"""
    )


def test_functions_are_pickled_by_their_names():
    for name in ("sum", "where", "linalg"):
        f = getattr(cnp, name)
        f = getattr(f, "norm", f)
        data = pickle.dumps(f)
        code = f"import pickle; f = pickle.loads({data!r}); print(f.__module__, f.__qualname__)"
        assert run(code).split() == [f.__module__, f.__qualname__]


def test_a_name_that_nobody_has():
    with pytest.raises(AttributeError, match="has no attribute 'summ'"):
        cnp.summ
