"""What is shipped, and who may know whom.

The laws about rooms are checked by reading the sources, never by importing them, so that a law is
not hidden by a lazy import. Tests about the sources are left out where only a wheel is installed,
and the one about the wheel where there is none.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

import cdiff

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = os.environ.get("CDIFF_TEST_INSTALLED") == "1"

needs_sources = pytest.mark.skipif(
    not (ROOT / "setup.py").exists(), reason="the sources are not here"
)
needs_wheel = pytest.mark.skipif(not INSTALLED, reason="CDIFF_TEST_INSTALLED=1 is not set")


# What is shipped


def test_version_is_the_distributions():
    assert cdiff.__version__ == metadata.version("cdiff-ad")


def test_metadata():
    about = metadata.metadata("cdiff-ad")
    assert about["License-Expression"] == "BSD-3-Clause"
    assert about["Requires-Python"] == ">=3.11"
    needed = [line for line in metadata.requires("cdiff-ad") if "extra ==" not in line]
    assert needed == ["numpy>=2"]
    assert {"bench", "dev", "scipy", "test"} <= set(about.get_all("Provides-Extra"))


def test_every_public_name_is_there_and_listed_once():
    assert len(set(cdiff.__all__)) == len(cdiff.__all__)
    assert [name for name in cdiff.__all__ if not hasattr(cdiff, name)] == []


def test_stub_names_what_the_core_has():
    assert files("cdiff").joinpath("py.typed").is_file()
    stub = ast.parse(files("cdiff").joinpath("_core.pyi").read_text(encoding="utf-8"))
    stubbed = {name for name in defined_names(stub) if not name.startswith("_")}
    core = {
        name
        for name, value in vars(cdiff._core).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert stubbed == core


def defined_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_import_needs_numpy_only():
    code = "import cdiff, sys; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numpy" in run.stdout.split()
    others = {"scipy", "mpmath", "hypothesis", "pytest", "jax", "torch"}
    assert others.isdisjoint(run.stdout.split())


def test_without_numpy_the_core_is_an_import_error():
    code = """
import importlib.util, sys
sys.modules["numpy"] = None
spec = importlib.util.spec_from_file_location("cdiff._core", sys.argv[1])
try:
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
except ImportError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, cdiff._core.__file__]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "numpy" in run.stdout


def test_import_brings_the_core_and_nothing_that_can_wait():
    code = "import cdiff, sys; print(*[name for name in sys.modules if name.startswith('cdiff.')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"cdiff._core", "cdiff._face"}


@needs_wheel
def test_the_installed_package_is_the_one_under_test():
    assert not Path(cdiff.__file__).is_relative_to(ROOT / "cdiff")


@needs_wheel
def test_wheel_holds_the_package_and_nothing_else():
    paths = [path for path in metadata.files("cdiff-ad") if path.suffix != ".pyc"]
    # What the installer adds is no part of the wheel.
    tops = {path.parts[0] for path in paths}
    assert tops == {"cdiff", f"cdiff_ad-{cdiff.__version__}.dist-info"}
    modules = [path.name for path in paths if path.suffix in (".so", ".pyd")]
    assert [name.split(".")[0] for name in modules] == ["_core"]
    kinds = {path.suffix for path in paths if path.parts[0] == "cdiff"}
    assert kinds <= {".py", ".pyi", ".so", ".pyd", ".typed"}


# Who may know whom


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
        yield node
        yield from run_time_nodes(node)


def imports(path: Path) -> Iterator[str]:
    """Every module that a Python file may import at run time, wherever in it, by its full name."""
    for node in run_time_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}, line {node.lineno}: a relative import"
            yield node.module
            # A name imported from a package may be one of its modules.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top_levels(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


@needs_sources
def test_the_table_imports_nothing():
    assert top_levels(ROOT / "src" / "optable.py") <= {"__future__"}


@needs_sources
def test_the_generator_needs_the_standard_library_only():
    own = {path.stem for path in (ROOT / "src").glob("*.py")}
    for path in (ROOT / "src").glob("*.py"):
        assert top_levels(path) <= sys.stdlib_module_names | own, path.name


@needs_sources
def test_the_core_never_imports_the_face():
    statement = re.compile(r"^\s*(?:from|c?import)\s+cdiff\b", re.MULTILINE)
    dynamic = re.compile(r"""import(?:_module|__)?\(\s*["']cdiff\b""")
    for path in (ROOT / "src").rglob("*"):
        if path.suffix in {".py", ".pyx", ".pxi", ".pxd"}:
            text = path.read_text(encoding="utf-8")
            assert not statement.search(text) and not dynamic.search(text), path.name


@needs_sources
def test_no_source_fixes_what_a_build_mode_switches():
    """A directive in a source wins over the one that setup.py gives, so a debug build would lose
    its checks without a word."""
    switched = re.compile(r"\b(?:boundscheck|initializedcheck|nonecheck|linetrace)\b")
    for path in (ROOT / "src").rglob("*.p*x*"):
        assert not switched.search(path.read_text(encoding="utf-8")), path.name


@needs_sources
def test_the_oracle_knows_nothing_of_cdiff():
    for path in (ROOT / "tests").glob("reference*.py"):
        assert "cdiff" not in top_levels(path), path.name


@needs_sources
def test_init_only_names_what_is_public():
    tree = ast.parse((ROOT / "cdiff" / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body[1:]:
        match node:
            case ast.Import() | ast.ImportFrom():
                pass
            case ast.Assign(value=ast.Name() | ast.Constant()):
                pass
            case ast.Assign(value=ast.List() | ast.Tuple() | ast.Dict()):
                pass
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass
            case ast.FunctionDef(name="__dir__"):
                pass
            case ast.If(
                test=ast.UnaryOp(op=ast.Not(), operand=ast.Name(id="TYPE_CHECKING")),
                body=[ast.FunctionDef(name="__getattr__")],
            ):
                pass  # submodules that are imported when they are first used
            case _:
                pytest.fail(f"cdiff/__init__.py, line {node.lineno}: more than a public name")


def face_graph() -> dict[str, set[str]]:
    """Module of the face -> the modules of the face that it imports, wherever in the file."""
    modules = {}
    for path in sorted((ROOT / "cdiff").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: modules.keys() & set(imports(path)) for name, path in modules.items()}


@needs_sources
def test_the_face_has_no_import_cycles():
    left = face_graph()
    # `from cdiff._loops import _scan` names the package, but it takes the module from there.
    packages = {name.rpartition(".")[0] for name in left}
    for known in left.values():
        known -= packages
    while free := {name for name, known in left.items() if not known & left.keys()}:
        left = {name: known for name, known in left.items() if name not in free}
    assert left == {}


# Of the folders with an underscore: which others each knows, and no more.
KNOWN = {
    "_arguments": "",
    "_bodies": "_arguments",
    "_transformations": "_arguments _bodies _compiled _loops _rules",
    "_rules": "_arguments _bodies _transformations",
    "_loops": "_arguments _bodies _pictures _rules _transformations",
    "_compiled": "_arguments _bodies _checks _pictures _saved _surroundings",
    "_surroundings": "_arguments",
    "_saved": "_arguments _bodies _compiled _loops _rules _solutions _transformations",
    "_solutions": "_arguments _bodies _loops _rules _transformations",
    "_sparsity": "_arguments _bodies _compiled _surroundings _transformations",
    "_checks": "_arguments _compiled _transformations",
    "_pictures": "_arguments _checks",
}


@needs_sources
@pytest.mark.parametrize("room", KNOWN)
def test_rooms_of_the_face_know_what_they_may(room):
    """Exactly: what is allowed and not used would let a cycle come back."""
    known = set().union(*(imports(path) for path in (ROOT / "cdiff" / room).glob("*.py")))
    others = {name.split(".")[1] for name in known if name.startswith("cdiff._")} & KNOWN.keys()
    assert others - {room} == set(KNOWN[room].split())


@needs_sources
def test_the_map_names_every_room_and_every_file_of_the_face():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)(?:\.\w+)?`", page))
    rooms = {path.stem for path in (ROOT / "src").glob("*/*.pxi")} - {"ops", "structural_rules"}
    private = [path for path in (ROOT / "cdiff").glob("*/*.py") if path.parts[-2].startswith("_")]
    files = {path.stem for path in [*(ROOT / "cdiff").glob("*.py"), *private]}
    files -= {"__init__", "__main__"}
    assert rooms and files and (rooms | files) - named == set()


@needs_sources
def test_nothing_takes_public_names_from_init():
    own = {path.stem for path in (ROOT / "cdiff").iterdir()} | {"_core"}
    for path in (ROOT / "cdiff").rglob("*.py"):
        taken = {name.split(".")[1] for name in imports(path) if name.startswith("cdiff.")}
        assert taken <= own, f"{path.name}: {taken - own} should come from where it is defined"
