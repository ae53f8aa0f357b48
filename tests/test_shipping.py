"""What is shipped around the code: `python -m cdiff`, citation, the guide's worked example."""

import os
import re
import runpy
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import cdiff as cd
from cdiff import __main__ as command

ROOT = Path(__file__).resolve().parent.parent
needs_sources = pytest.mark.skipif(
    not (ROOT / "setup.py").exists(), reason="the sources are not here"
)


def test_the_command_prints_versions_and_checks_itself(capsys):
    assert command.main(["--no-benchmark"]) == 0
    shown = capsys.readouterr().out
    assert f"cdiff {cd.__version__}\n" in shown and f"numpy {np.__version__}\n" in shown
    assert re.search(r"^kernels: (baseline|avx2|avx512)$", shown, re.MULTILINE)
    assert shown.count("  ok (") == len(command.checks()) >= 8 and "FAILED" not in shown


def test_the_command_as_a_module():
    run = [sys.executable, "-m", "cdiff", "--version"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == f"{cd.__version__}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a broken pipe is another error there")
def test_a_reader_that_has_seen_enough():
    run = [sys.executable, "-m", "cdiff", "--version"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        command.stdout.close()
        assert command.stderr.read() == b""


def test_a_failed_check_is_seen(monkeypatch, capsys):
    def broken():
        raise ZeroDivisionError("of all things")

    wrong = [("wrong", lambda: 1.0), ("nan", lambda: float("nan")), ("broken", broken)]
    monkeypatch.setattr(command, "checks", lambda: wrong)
    assert command.main(["--no-benchmark"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("FAILED") == 3 and "ZeroDivisionError: of all things" in shown


def test_the_small_benchmark(monkeypatch, capsys):
    monkeypatch.setattr(command, "_best", lambda run: run() is None or 1.5e-6)
    command.benchmark()
    assert len(re.findall(r" \d\S* (ns|us|ms|s)$", capsys.readouterr().out, re.MULTILINE)) == 5


@needs_sources
def test_the_citation_names_the_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {cd.__version__}\n" in text


@needs_sources
def test_free_threading_is_declared_nowhere_or_everywhere():
    """The module, the page and the wheels say the same about interpreters without a lock."""
    built = [ROOT / "setup.py", *(ROOT / "src").rglob("*.p[yx][xi]")]
    declared = any("freethreading_compatible" in path.read_text("utf-8") for path in built)
    page = "does not declare itself" not in (ROOT / "docs" / "versions.md").read_text("utf-8")
    assert declared == page
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "cp314t-*" in project["tool"]["cibuildwheel"]["build"].split()


def imported(*options, before="", **environment):
    """What importing cdiff says in another process, and how that ended."""
    code = f"import sys; {before}\ntry:\n    import cdiff\nexcept ImportError as e:\n    print(e)"
    path = str(Path(cd.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore", **environment}
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout


def test_no_import_without_the_lock():
    code, said = imported(before="sys._is_gil_enabled = lambda: False")
    assert code == 0 and "PYTHON_GIL=1" in said
    assert imported(before="sys._is_gil_enabled = lambda: True") == (0, "")


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter keeps its lock"
)
def test_a_lock_that_was_switched_off_is_an_error():
    for options, environment in ((), {"PYTHON_GIL": "0"}), (("-X", "gil=0"), {}):
        code, said = imported(*options, **environment)
        assert code == 0 and "PYTHON_GIL=1" in said
    for environment in {"PYTHON_GIL": "1"}, {}:
        assert imported(**environment) == (0, "")


def test_no_example_is_timed():
    """So that no test fails because a machine is busy."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


@needs_sources
def test_interpreters_with_and_without_a_lock_share_no_object(monkeypatch):
    """Both are cpython-314, and an object of one crashes the other."""
    reason = "setuptools, which builds, is not installed"
    distribution = pytest.importorskip("setuptools.dist", reason=reason).Distribution()
    build = runpy.run_path(str(ROOT / "setup.py"))["BuildCore"]
    ask, folders = sysconfig.get_config_var, set()
    for kind in ("cpython-314", "cpython-314t", "cpython-314d"):
        known = {"EXT_SUFFIX": f".{kind}-x86_64-linux-gnu.so"}
        monkeypatch.setattr(
            sysconfig, "get_config_var", lambda key, known=known: known.get(key) or ask(key)
        )
        command = build(distribution)
        command.ensure_finalized()
        folders.add(command.build_temp)
    assert len(folders) == 3


@needs_sources
def test_only_gcc_gets_flags_of_gcc():
    pytest.importorskip("setuptools", reason="setuptools, which builds, is not installed")
    build = runpy.run_path(str(ROOT / "setup.py"))
    for names, gcc in ("__GNUC__ 12", True), ("__GNUC__ 4|__clang__ 1", False), ("", False):
        lines = "".join(f"#define {name}\n" for name in names.split("|"))
        assert build["is_gcc"]([sys.executable, "-c", f"print({lines!r})"]) == gcc
    assert build["unit_flags"]("build/cython/src/_core.c", True)
    assert build["unit_flags"]("build/cython/src/_core.c", False) == []
    assert build["unit_flags"]("src/loops/kernels_avx2.c", True) == []


@needs_sources
def test_the_guide_names_every_target_of_make():
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for target in set(targets) - {"clean", "demo", "help", "pages", "bench-baseline", "minimum"}:
        assert f"`make {target}`" in guide, target
    assert "`make minimum`" in guide


@needs_sources
def test_the_worked_example_is_a_row():
    """The row of CONTRIBUTING.md passes the build's checks, and its derivatives are right."""
    sys.path.insert(0, str(ROOT / "src"))
    try:
        import codegen
        import optable
    finally:
        sys.path.pop(0)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [source] = re.findall(r"```python\n(op\(.*?)```", text, re.DOTALL)
    rows = list(optable.ELEMENTWISE)
    try:
        exec(source, {"op": optable.op})
        row = optable.ELEMENTWISE[-1]
        table = codegen.load()
        scalar, names = codegen.files(table)["scalar.h"], table.names()
    finally:
        optable.ELEMENTWISE[:] = rows
    language = {name: getattr(np, name) for name in ("absolute", "reciprocal", "square")}
    value = eval(f"lambda a: {row.value}", dict(language))
    slope = eval(f"lambda a: {row.d[0]}", dict(language))
    exact = eval(f"lambda a: {row.mp}", vars(mpmath).copy())
    for (x,) in row.samples:
        assert value(x) == pytest.approx(float(exact(mpmath.mpf(x))), rel=1e-15)
        assert slope(x) == pytest.approx(float(mpmath.diff(exact, x)), rel=1e-12)
    point, derivative = row.example
    assert slope(point) == derivative
    assert "softsign" in names and "sv_softsign" in scalar


@needs_sources
def test_the_baseline_runs(capsys):
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks import baseline
    finally:
        sys.path.pop(0)
    assert baseline.compared({"a": 1.0, "b": 2.0, "new": 1.0}, {"a": 1.0, "b": 1.0}) == ["b"]
    assert "SLOWER" in capsys.readouterr().out
    for call in baseline.calls().values():
        call()


@needs_sources
def test_the_address_in_the_metadata_is_that_of_the_release():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert f"url: {project['urls']['Package index']}\n" in release
    assert project["urls"]["Package index"].endswith("/" + project["name"])
