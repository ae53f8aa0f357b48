"""Build `cdiff._core`: operator table -> generated sources -> C -> one extension module.

What the project is stands in pyproject.toml; here is only what setuptools cannot be told
declaratively. This file knows file names and compilers and nothing about operators. A rebuild is
fast because the C units compile in parallel and an object is kept while nothing that the compiler
read for it has changed.

Switches, read from the environment (each combination builds in its own folder under build/):

    CDIFF_DEBUG=1                     bounds checks, C asserts, -O1 -g, the core in tracebacks
    CDIFF_SANITIZE=address,undefined  the debug build under these sanitizers
    CDIFF_NO_POOL=1                   every block and node from malloc, for valgrind
    CDIFF_COVERAGE=1                  line tracing of the Cython sources
    CDIFF_CYTHON_ANNOTATE=1           Cython's annotated HTML beside the C that it writes
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext


def switched_on(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


SANITIZERS = os.environ.get("CDIFF_SANITIZE", "")
DEBUG = switched_on("CDIFF_DEBUG") or bool(SANITIZERS)
# A pool would hide a use after free from a sanitizer, and from valgrind.
NO_POOL = switched_on("CDIFF_NO_POOL") or bool(SANITIZERS)
COVERAGE = switched_on("CDIFF_COVERAGE")
ANNOTATE = switched_on("CDIFF_CYTHON_ANNOTATE")

MODE = "-".join(
    filter(
        None,
        [
            "debug" if DEBUG else "release",
            SANITIZERS.replace(",", "-"),
            "no-pool" if NO_POOL and not SANITIZERS else "",
            "coverage" if COVERAGE else "",
        ],
    )
)
BUILD = Path("build", MODE)
PLATFORM = sysconfig.get_platform()
UNIVERSAL = PLATFORM.endswith("universal2")  # two instruction sets in one macOS binary

# Here and not in the header of _core.pyx, which would win over these in every mode.
DIRECTIVES = {
    "language_level": 3,
    "wraparound": False,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "linetrace": COVERAGE,
    # What can be pickled says how (__reduce__); the rest would carry methods that only refuse.
    "auto_pickle": False,
    # Doctest finds the functions themselves; __test__ would be a second copy of their docstrings.
    "autotestdict": False,
}

# Rooms that work once for a program, or whose work is mostly that of a function of Python or NumPy
# they call. As cold code they are made small and out of the way of the rest. simplify is not among
# them: a first call of 36,000 numbers took a fifth longer with it, algebra and numbers cold, for
# 15 kB of the wheel. complex, structural_rules and the methods below make it 44 kB smaller, for
# half a percent more instructions where a derivative goes by a rule of array operators.
COLD_ROOMS = frozenset(
    ["alarms", "algebra", "any_size", "assemble", "batching", "behind", "check", "complex",
     "compressed", "deferred", "elements", "ended", "fetching", "forms", "groups", "guarded",
     "headroom", "hosted", "joins", "look", "loop_products", "make", "mingled", "native",
     "nested", "numbers", "parts", "pattern", "pattern_numbers", "places", "plan",
     "positions", "profile", "program", "reading", "registers", "schedule", "selections",
     "sheets", "shifts", "storage", "strips", "structural_rules", "summed", "surroundings",
     "tasks", "typing", "views", "watch"]
)  # fmt: skip

COLD_FUNCTIONS = r"static (?!CYTHON_INLINE).*(\{|PyObject \*__pyx_pw_\w+\(.*, )$"

# What calls types, clears objects and sets attributes: most of it is about errors. And
# methods that nobody calls in a loop.
COLD_METHODS = (
    r"static .*\b__pyx_((tp_new_vectorcall|tp_clear|setprop)_\w+"
    r"|pw_\w+\d(__(repr|reduce|getstate|setstate|deepcopy|dlpack|dlpack_device|format|round|dir)__"
    r"|astype|to_device))\(.*(\{|, )$"
)

# Where an error was seen, which 24,000 places keep, and the frames that are made of it: lines of
# files that a user does not have. Without them a traceback has the lines of Python alone, as that
# of an error in NumPy. A handler of the core itself needs a frame, since it hands on a traceback.
ERROR_PLACE = re.compile(r"^#define __PYX_MARK_ERR_POS\(.*$", re.MULTILINE)
FRAME = "__pyx_clineno, __pyx_lineno, __pyx_filename);"
FRAME_OF_HANDLER = '0, __LINE__, "cdiff/_core.c");'
TRACEBACK = re.compile(
    rf"^\s+__Pyx_AddTraceback\(\"[^\"]+\", {re.escape(FRAME)}\n(?P<handler>.*__Pyx_GetException)?",
    re.MULTILINE,
)


def unix_flags() -> tuple[list[str], list[str]]:
    """Compiler and linker flags of gcc and clang."""
    # Vectorising needs these liberties and `omp simd`. Never -ffast-math: given to the linker
    # it sets flush-to-zero for the whole process, and it would break the rules for inf and nan.
    compile_flags = ["-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd"]
    # One exported symbol, the module's init function: everything else is bound at link time.
    compile_flags += ["-fvisibility=hidden", "-Wno-unused-function"]
    link_flags = []
    if DEBUG:
        compile_flags += ["-O1", "-g", "-fno-omit-frame-pointer", "-DCDIFF_DEBUG"]
    else:
        # A tenth smaller than -O3 and as fast: what gains by more says so (CDIFF_UNROLLED).
        compile_flags += ["-O2", "-g0"]
        if sys.platform == "linux":  # nothing is thrown through the core; 150 kB
            compile_flags += ["-fno-asynchronous-unwind-tables"]
        link_flags += {"linux": ["-Wl,-s"], "darwin": ["-Wl,-dead_strip"]}.get(sys.platform, [])
    if SANITIZERS:
        compile_flags += [f"-fsanitize={SANITIZERS}"]
        link_flags += [f"-fsanitize={SANITIZERS}"]
    if not UNIVERSAL:
        compile_flags += ["-MMD"]  # the .d files that up_to_date() reads
    return compile_flags, link_flags


def is_gcc(command: list[str]) -> bool:
    """Is this compiler GCC?  Clang has that name, too, and another one of its own."""
    ask = [*command, "-E", "-dM", "-x", "c", os.devnull]
    names = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    return " __GNUC__ " in names and " __clang__ " not in names


def unit_flags(source: str, gcc: bool) -> list[str]:
    """More of them for the Cython unit, and for kernels that other ones replace."""
    if source.endswith("kernels_baseline.c") and gcc and not DEBUG and PLATFORM.endswith("x86_64"):
        return ["-Os"]  # for processors of before 2013, which have no AVX2; 9 kB of the wheel
    if not source.endswith("_core.c"):
        return []
    if COVERAGE:
        # Traced lines are so many that gcc would take many minutes and gigabytes to optimise them.
        return ["-O0"]
    if gcc and not DEBUG:  # clang would warn of most of these
        # It has no loops that the first three would slow down, and 36 kB of the wheel would be
        # padding.  Pairs of stores as one of a vector only take room (6 kB), and what
        # Cython calls unlikely are errors, which need not be fast (23 kB).  Instructions that stay
        # in their order look alike from place to place and so are packed better (23 kB), and
        # processors order them anyway; some loops of vectors were 2 percent slower, so that their
        # units do not have it.  -fno-tree-pre would be 5 kB less, but sums of two numbers slower.
        return ["-fno-align-loops", "-fno-align-jumps", "-fno-align-labels",
                "-fno-schedule-insns2", "-fno-tree-slp-vectorize",
                "--param=builtin-expect-probability=100"]  # fmt: skip
    return []


def msvc_flags() -> tuple[list[str], list[str]]:
    """Compiler and linker flags of Microsoft's compiler."""
    common = ["/std:c11", "/fp:precise"]
    return [*common, *(["/Od", "/Zi"] if DEBUG else ["/O2"])], ["/DEBUG"] if DEBUG else []


def dependencies() -> list[str]:
    """Every hand-written file whose edit must lead to a new build."""
    found = {"setup.py"}
    for pattern in ("*.pyx", "*.pxi", "*.h", "*.c", "*.py"):
        found |= {path.as_posix() for path in Path("src").rglob(pattern)}
    return sorted(path for path in found if not path.startswith("src/generated/"))


def core() -> Extension:
    macros = [("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")]
    macros += [("NPY_TARGET_VERSION", "NPY_2_0_API_VERSION")]
    macros += [] if DEBUG else [("NDEBUG", None)]
    macros += [("CDIFF_NO_POOL", "1")] if NO_POOL else []
    macros += [("CYTHON_TRACE_NOGIL", "1")] if COVERAGE else []
    macros += [] if DEBUG else [("CYTHON_CLINE_IN_TRACEBACK", "0")]
    # Unpacking them takes 5 percent of the import, and a wheel packs them better.
    macros += [("CYTHON_COMPRESS_STRINGS", "0")]
    # Each of these units chooses its instruction set by a pragma and is empty where there is none.
    units = [*Path("src/loops").glob("*.c"), *Path("src/machine").glob("*.c")]
    return Extension(
        "cdiff._core",
        sources=["src/_core.pyx", *sorted(path.as_posix() for path in units)],
        include_dirs=["src", "src/generated"],
        define_macros=macros,
        undef_macros=["NDEBUG"] if DEBUG else [],
        depends=dependencies(),
    )


def translate(pyx: str) -> str:
    """Run Cython on one file; returns the C file, which is kept apart for each mode."""
    from Cython.Build import cythonize

    [unit] = cythonize(
        [Extension("cdiff._core", [pyx])],
        # Cython's coverage plugin looks for the C file beside its source and nowhere else.
        build_dir=None if COVERAGE else str(BUILD / "cython"),
        include_path=["src", "src/generated"],
        compiler_directives=DIRECTIVES,
        annotate=ANNOTATE,
        emit_linenums=DEBUG,  # a debugger and a sanitizer then name the line of the .pyx or .pxi
        # Another mode may have left its C file there.
        force=COVERAGE,
    )
    if not (DEBUG or COVERAGE):
        make_small(Path(unit.sources[0]))
    return unit.sources[0]


def make_small(unit: Path) -> None:
    """Make the functions of the cold rooms cold, and leave the core out of tracebacks.

    What room a function is of, Cython says before it. Not the inline ones: what calls a cold
    function on its way is taken for cold itself, and others call these everywhere.
    """
    text = unit.read_text(encoding="utf-8")
    marked, cold, defined = [], False, False
    for line in without_frames(text).splitlines(keepends=True):
        if line.startswith('/* "'):
            room = re.match(r'/\* "(?:.*/)?(\w+)\.pxi":', line)
            cold = bool(room) and room[1] in COLD_ROOMS
        elif "define CYTHON_SMALL_CODE" in line:
            defined = True
        elif (cold and re.match(COLD_FUNCTIONS, line)) or (
            defined and re.match(COLD_METHODS, line)
        ):
            line = "CYTHON_SMALL_CODE " + line
        marked.append(line)
    if (changed := "".join(marked)) != text:  # else it was translated earlier: a date is kept
        unit.write_text(changed, encoding="utf-8")


def without_frames(text: str) -> str:
    """The C file without frames but those of handlers; as it is if Cython wrote them otherwise."""

    def frame(found: re.Match[str]) -> str:
        return found[0].replace(FRAME, FRAME_OF_HANDLER) if found["handler"] else ""

    small = TRACEBACK.sub(frame, text)
    if FRAME in small or FRAME_OF_HANDLER not in small or not ERROR_PLACE.search(small):
        return text
    return ERROR_PLACE.sub(lambda place: re.sub(r"\w+ = [^;]*; ", "", place[0]), small)


def up_to_date(obj: Path) -> bool:
    """Whether no file that the compiler read for this object has changed since."""
    try:
        made = obj.stat().st_mtime
        rule = obj.with_suffix(".d").read_text().replace("\\\n", " ")
        inputs = ["setup.py", *rule.split(":", 1)[1].split()]
        return all(os.stat(path).st_mtime < made for path in inputs)
    except FileNotFoundError:  # never compiled, or an input has gone
        return False


class Build(build):
    def initialize_options(self) -> None:
        super().initialize_options()
        self.build_base = str(BUILD)


class BuildCore(build_ext):
    def finalize_options(self) -> None:
        super().finalize_options()
        # An editable install would compile in a temporary folder, and everything each time.
        # For each kind of object its own: with and without a lock, the cache tag is the same.
        kind = sysconfig.get_config_var("EXT_SUFFIX").split(".")[1]
        self.build_temp = str(BUILD / f"{PLATFORM}-{kind}")

    def build_extension(self, ext: Extension) -> None:
        import numpy

        msvc = self.compiler.compiler_type == "msvc"
        if msvc:
            self.compiler.initialize()  # by default at its first use, which is not thread-safe
        ext.extra_compile_args, ext.extra_link_args = msvc_flags() if msvc else unix_flags()
        ext.include_dirs.append(numpy.get_include())
        ext.sources = [translate(path) if path.endswith(".pyx") else path for path in ext.sources]
        if not msvc:
            # Where the interpreter lies here means nothing on the machine that runs the wheel.
            self.compiler.linker_so = [
                word for word in self.compiler.linker_so if not word.startswith("-Wl,-rpath")
            ]
        self.compiler.compile = partial(self.compile_changed, self.compiler.compile)
        super().build_extension(ext)

    def compile_changed(self, compile_units, sources, *, output_dir, **options):
        """Stands in for the compiler's own `compile`: one task per unit, only what changed."""

        msvc = self.compiler.compiler_type == "msvc"
        gcc = not msvc and is_gcc(self.compiler.compiler_so)

        def compile_one(source: str) -> list[str]:
            [obj] = self.compiler.object_filenames([source], output_dir=output_dir)
            if not self.force and up_to_date(Path(obj)):
                return [obj]
            flags = [*options["extra_postargs"], *(unit_flags(source, gcc) if not msvc else [])]
            given = {**options, "extra_postargs": flags}
            return compile_units([source], output_dir=output_dir, **given)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return [obj for objs in pool.map(compile_one, sources) for obj in objs]


if __name__ == "__main__":
    # Before any command, since each needs some of it: the stub is package data, the rest is source.
    subprocess.run([sys.executable, "src/codegen.py"], check=True)
    setup(ext_modules=[core()], cmdclass={"build": Build, "build_ext": BuildCore})
