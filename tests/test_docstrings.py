"""The documentation in the code: every public name explains itself, and every example runs.

It must not know what a function does; it looks at docstrings and at the pages in docs/.
"""

import doctest
import importlib
import inspect
import pkgutil
import re
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

import cdiff as cd
import cdiff.distributed
import cdiff.integrate
import cdiff.matrix_calculus
import cdiff.numpy
import cdiff.optimize
import cdiff.programs
import cdiff.scipy
import cdiff.sparse
import cdiff.testing
import cdiff.uncertainty
from cdiff import _core

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [p.name for p in sorted(DOCS.glob("*.md")) if ">>> " in p.read_text("utf-8")]
MODULES = ["cdiff", *[module.name for module in pkgutil.walk_packages(cd.__path__, "cdiff.")]]
PUBLIC = [
    (module.__name__, name)
    for module in (cd, cdiff.distributed, cdiff.integrate, cdiff.matrix_calculus, cdiff.optimize,
                   cdiff.programs, cdiff.sparse, cdiff.testing, cdiff.uncertainty)
    for name in module.__all__
]
# They take anything and raise nothing of their own; they return nothing; they take nothing.
WITHOUT = {"Raises": {"get_num_threads", "is_tracked", "made_at", "stop_gradient", "vec"},
           "Parameters": {"get_num_threads"},
           "Returns": {"check_grads", "register_container"}}  # fmt: skip
PREFIXES = {"mc": "cdiff.matrix_calculus", "programs": "cdiff.programs", "sparse": "cdiff.sparse",
            "cd": "cdiff"}  # fmt: skip


def room_of(name):
    """A public module of this package, such as "numpy.fft"."""
    return attrgetter(name)(cd) if name else cd


def original_of(name):
    """The module that a room mirrors."""
    library, _, rest = name.partition(".")
    if library == "scipy":
        return importlib.import_module(name)
    return attrgetter(rest)(np) if rest else np


# The rooms with the names of NumPy and of SciPy: what they mirror, and all their names.
MIRRORED = [
    (room, name)
    for room in ("numpy", "numpy.emath", "numpy.fft", "numpy.linalg", "numpy.random",
                 "numpy.polynomial", "numpy.polynomial.chebyshev", "numpy.polynomial.hermite",
                 "numpy.polynomial.hermite_e", "numpy.polynomial.laguerre",
                 "numpy.polynomial.legendre", "numpy.polynomial.polynomial", "scipy.fft",
                 "scipy.integrate", "scipy.interpolate", "scipy.linalg", "scipy.ndimage",
                 "scipy.signal", "scipy.signal.windows", "scipy.sparse", "scipy.sparse.linalg",
                 "scipy.spatial.distance", "scipy.special", "scipy.stats")
    for name in room_of(room).__all__
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    """But for those of mirrored names, which assume the imports of their room; see below."""
    mirrored = {getattr(room_of(room), name).__doc__ for room, name in MIRRORED}
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        if test.docstring not in mirrored:
            assert runner.run(test).failed == 0, test.name


def examples_in(name):
    finder = doctest.DocTestFinder(exclude_empty=True)
    return {test.name for test in finder.find(importlib.import_module(name)) if test.examples}


def test_examples_of_compiled_functions_are_found():
    """Doctest sees no functions of a compiled module unless they say where they are from."""
    found = examples_in("cdiff._core")
    assert {"cdiff._core.array", "cdiff._core.erf", "cdiff._core.Array.backward"} <= found
    assert "cdiff._transformations._reverse.grad" in examples_in("cdiff._transformations._reverse")


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_names_are_explained(module, name):
    thing = getattr(importlib.import_module(module), name)
    text = inspect.getdoc(thing)
    assert text and ">>> " in text
    assert text.splitlines()[0].endswith((".", "?"))
    if inspect.ismodule(thing) or inspect.isclass(thing):
        return
    for section in ("Parameters", "Returns", "Raises"):
        found = f"\n{section}\n{'-' * len(section)}\n" in text
        assert found or name in WITHOUT.get(section, ()), section
    listed = re.search(r"Parameters\n-+\n(.*?)(\n\n[A-Z]|\Z)", text, re.DOTALL)
    for parameter in parameters(thing):
        line = rf"^.*\b{re.escape(parameter)}\b.* : "
        assert listed and re.search(line, listed.group(1), re.MULTILINE), parameter


def parameters(function):
    """The names of a function's parameters, where Python can tell."""
    try:
        given = inspect.signature(function).parameters
    except ValueError:
        return []
    # Python 3.13 gives builtin functions without parameters the module, as self.
    return [name for name in given if not name.startswith("_") and name != "self"]


@pytest.mark.parametrize("name", [name for name in dir(_core) if not name.startswith("_")])
def test_functions_of_the_core_are_explained(name):
    thing = getattr(_core, name)
    if callable(thing) and getattr(thing, "__module__", None) == _core.__name__:
        assert inspect.getdoc(thing)


@pytest.mark.parametrize("name", [name for name in dir(cd.Array) if not name.startswith("_")])
def test_methods_of_arrays_are_explained(name):
    assert inspect.getdoc(getattr(cd.Array, name))


@lru_cache
def imported_in(room):
    """What the examples of a room may use: that which the room's own docstring imports."""
    found = {"cd": cd, "np": np, "cnp": cdiff.numpy}
    for line in re.findall(r">>> ((?:import|from) .*)", room_of(room).__doc__):
        exec(line, found)
    return found


@pytest.mark.parametrize(("room", "name"), MIRRORED)
def test_mirrored_names_have_an_example_that_runs(room, name):
    thing, original = getattr(room_of(room), name), getattr(original_of(room), name, None)
    if inspect.ismodule(thing) or thing is original or thing is getattr(np, name, None):
        return  # it explains itself, or is NumPy's own
    text = thing.__doc__
    if original is not None and original.__doc__:  # whose examples are not ours
        text = text.replace(original.__doc__.lstrip("\n"), "")
    found = doctest.DocTestParser().get_doctest(text, dict(imported_in(room)), name, None, 0)
    assert found.examples
    assert doctest.DocTestRunner(verbose=False).run(found).failed == 0


@pytest.mark.parametrize("room", [
    "", *dict.fromkeys([room for room, _ in MIRRORED]), "scipy", "scipy.spatial", "distributed",
    "integrate", "matrix_calculus", "optimize", "programs", "sparse", "testing", "uncertainty",
])  # fmt: skip
def test_rooms_list_their_public_names_only(room):
    module = room_of(room)
    more = {"": {"__version__"}, "numpy": {name for name in dir(np) if name[0] != "_"}}
    assert dir(module) == sorted({*module.__all__, *more.get(room, ())})


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not installed")
@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_names_stand_in_the_documentation(module, name):
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    full = f"{module}.{name}"
    for written, prefix in PREFIXES.items():
        full = full.replace(f"{prefix}.", f"{written}.")
    assert re.search(rf"`{re.escape(full)}\b", page), full


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not installed")
def test_links_between_the_pages_lead_somewhere():
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\(([\w./-]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8")):
            # by `make docs`
            made = ("benchmarks.md", "numpy.md", "numpy_coverage.md", "operators.md",
                    "scipy_coverage.md")
            if "." in target and target not in made and not target.startswith("pictures/"):
                assert (page.parent / target).exists(), (page.name, target)


@pytest.mark.skipif(not DOCS.exists(), reason="the documentation is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_examples_of_the_pages_run(page):
    found = doctest.testfile(str(DOCS / page), module_relative=False)
    assert found.attempted > 0
    assert found.failed == 0
