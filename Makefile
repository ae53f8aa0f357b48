# Each target makes the virtual environment it needs, installs into it and builds; a second call
# does only what has changed. Another interpreter: `make test PYTHON=python3.13 VENV=.venv-3.13`.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
# A part of the files to each process: what one test has compiled or computed serves the next.
PYTEST_ARGS ?= -n $(JOBS) --dist worksteal
BENCH_ARGS ?=
# The part of the tests that runs under valgrind, which makes it some fifty times slower.
VALGRIND_TESTS ?= tests/test_array.py tests/test_backward.py tests/test_debug.py tests/test_in_place.py
SANITIZERS ?= address,undefined
SANITIZE_VENV ?= .venv-sanitize
# Sanitizers slow a program down and keep freed memory: bounds on time and memory mean nothing.
SANITIZE_ARGS ?= -n $(JOBS) --dist worksteal -m "not timing and not memory"

BIN := $(VENV)/bin
# cython-lint and auditwheel start their helpers by name.
WITH_BIN := PATH="$(abspath $(BIN)):$$PATH"
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := setup.py pyproject.toml $(shell find src -name generated -prune -o \
	-name '*.py' -print -o -name '*.py[xi]*' -print -o -name '*.px*' -print -o -name '*.[ch]' -print)

# The packages that stand under one key of pyproject.toml, as an argument of pip.
requirements = $$($(BIN)/python -c "import tomllib; \
	project = tomllib.load(open('pyproject.toml', 'rb')); \
	print(*$(1), sep='\n')" > $@.txt && echo -r $@.txt)
BUILD_KEY := project['build-system']['requires']
EXTRAS := project['project']['optional-dependencies']

.PHONY: help demo test lint types pages docs wheel bench bench-baseline bench-compare sanitize \
	valgrind coverage matrix minimum distributed clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo      fit the twelve NIST regressions with cdiff Jacobians'
	@echo 'make test      run the tests'
	@echo 'make lint      ruff and cython-lint'
	@echo 'make types     mypy --strict on the package and on a sample of user code'
	@echo 'make pages     write the generated pages, docs/operators.md and docs/numpy.md'
	@echo 'make docs      the documentation as a site, docs/_build/html/index.html'
	@echo 'make sanitize  run the tests under the sanitizers $(SANITIZERS)'
	@echo 'make valgrind  run a part of the tests under valgrind'
	@echo 'make coverage  lines of Python and Cython that the tests reach'
	@echo 'make matrix    run the tests on every supported Python found'
	@echo 'make minimum   run the tests with the oldest versions of all dependencies'
	@echo 'make distributed   the tests of what needs Dask, joblib, MPI or tqdm'
	@echo 'make wheel     build sdist and wheel into dist/, repaired to a manylinux tag'
	@echo 'make bench     run the benchmarks beside the peers'
	@echo 'make bench-compare   has anything become slower than in benchmarks/baseline.json?'
	@echo 'make bench-baseline  keep the present figures there'
	@echo 'make clean     remove everything that these have made'

demo: $(VENV)/.built
	$(BIN)/python examples/nist_regression.py

test: $(VENV)/.built $(VENV)/.test
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(WITH_BIN) cython-lint src/*.pyx $(wildcard src/[!g]*/*.pxi)

types: $(VENV)/.built $(VENV)/.dev
	$(BIN)/mypy

# The generator needs the standard library only.
pages:
	$(PYTHON) src/codegen.py --docs docs/operators.md
	$(PYTHON) tests/numpy_coverage.py --docs docs/numpy.md

# Any warning is an error: a link that leads nowhere, an example that fails, a docstring that is
# not understood.
docs: pages $(VENV)/.built $(VENV)/.docs
	$(BIN)/python docs/make_pages.py
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.built $(VENV)/.bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# Cases of cdiff alone, each by a yardstick of Python and NumPy, beside the figures that were kept.
bench-compare: $(VENV)/.built
	$(BIN)/python -m benchmarks.baseline

bench-baseline: $(VENV)/.built
	$(BIN)/python -m benchmarks.baseline --write

# The wheel is built from the sdist, as an installer without a wheel would do it.
wheel: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	if [ "$$(uname)" = Linux ]; then \
		$(WITH_BIN) auditwheel repair --wheel-dir dist/repaired dist/*.whl \
		&& rm dist/*.whl && mv dist/repaired/*.whl dist && rmdir dist/repaired \
		&& $(BIN)/python .ci/repack.py dist/*.whl \
		&& $(BIN)/auditwheel show dist/*.whl; \
	fi

# Not an editable install, so that the ordinary build beside the sources stays what it is; and a
# safe path, so that no `python -c` of a test takes the package from the working directory.
sanitize:
	$(MAKE) VENV=$(SANITIZE_VENV) $(SANITIZE_VENV)/.build-deps $(SANITIZE_VENV)/.test
	CDIFF_SANITIZE=$(SANITIZERS) $(SANITIZE_VENV)/bin/python -m pip install --quiet \
		--disable-pip-version-check --no-build-isolation --no-deps --force-reinstall .
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	PYTHONSAFEPATH=1 PYTHONMALLOC=malloc CDIFF_TEST_INSTALLED=1 $(SANITIZE_VENV)/bin/pytest $(SANITIZE_ARGS)

# Python's own allocator hides what is freed, and so do the pools: here there are neither.  What is
# looked for are reads and writes outside live memory; undefined values are for the sanitizers, since
# the interpreter and BLAS have their own.
valgrind:
	$(MAKE) VENV=.venv-valgrind .venv-valgrind/.build-deps .venv-valgrind/.test
	CDIFF_DEBUG=1 CDIFF_NO_POOL=1 .venv-valgrind/bin/python -m pip install --quiet --disable-pip-version-check \
		--no-build-isolation --no-deps --force-reinstall .
	PYTHONSAFEPATH=1 PYTHONMALLOC=malloc CDIFF_ISA=avx2 CDIFF_TEST_INSTALLED=1 valgrind --quiet \
		--error-exitcode=99 --leak-check=no --undef-value-errors=no --suppressions=.ci/valgrind.supp \
		.venv-valgrind/bin/python -m pytest -q -p no:cacheprovider \
		-m "not timing and not memory" $(VALGRIND_TESTS)

# An interrupt that arrives in traced code of a function which cannot raise is lost, and a test that
# waits for it would never end.  Tracing is slow as well: bounds on time and memory mean nothing.
COVERAGE_ARGS ?= -m "not signals and not timing and not memory"

# What the extras add: Dask, joblib and cloudpickle with real processes, the ranks of a real MPI (the
# wheel of MPICH brings mpiexec), tqdm.  In an environment of its own, because `make test` shows that
# the package does without them.  Here nothing may be skipped.
DISTRIBUTED_TESTS := tests/test_distributed.py tests/test_examples.py tests/test_progress.py
distributed:
	$(MAKE) VENV=.venv-distributed .venv-distributed/.built .venv-distributed/.test \
		.venv-distributed/.schedulers
	.venv-distributed/bin/pytest --junit-xml=.venv-distributed/report.xml $(DISTRIBUTED_TESTS)
	! grep -o '<skipped[^>]*>' .venv-distributed/report.xml

# The traced module takes the place of the ordinary one, which the next target builds again.
coverage: $(VENV)/.build-deps $(VENV)/.test $(VENV)/.dev
	rm -f $(VENV)/.built
	CDIFF_COVERAGE=1 $(PIP) install --no-build-isolation --editable .
	$(BIN)/coverage run -m pytest $(COVERAGE_ARGS)
	$(BIN)/coverage report

matrix:
	for python in $$(.ci/interpreters); do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		$(MAKE) test PYTHON=$$python VENV=.venv-$$version || exit 1; \
	done

# pyproject.toml says `>=`; here it is `==`.  The oldest Python that is found, since old packages
# have no wheels for new ones.
minimum: OLDEST = $(firstword $(shell .ci/interpreters))
minimum:
	$(MAKE) .venv-minimum/.created PYTHON=$(OLDEST) VENV=.venv-minimum
	.venv-minimum/bin/python .ci/minimum.py > .venv-minimum/constraints.txt
	cat .venv-minimum/constraints.txt
	PIP_CONSTRAINT=.venv-minimum/constraints.txt \
		$(MAKE) test PYTHON=$(OLDEST) VENV=.venv-minimum

clean:
	rm -rf build dist .venv .venv-* src/generated src/_core.c src/_core.html *.egg-info
	rm -rf docs/_build docs/pictures
	rm -f cdiff/_core.pyi cdiff/_core.*.so docs/operators.md docs/numpy.md docs/benchmarks.md

# Stamps: what an environment holds already.

$(VENV)/.created:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip
	touch $@

$(VENV)/.build-deps: pyproject.toml $(VENV)/.created
	$(PIP) install $(call requirements,$(BUILD_KEY))
	touch $@

$(VENV)/.built: $(SOURCES) $(VENV)/.build-deps
	$(PIP) install --no-build-isolation --editable .
	touch $@

$(VENV)/.schedulers: pyproject.toml $(VENV)/.created
	$(PIP) install $(call requirements,$(EXTRAS)['distributed'] + $(EXTRAS)['mpi']) mpich tqdm
	touch $@

$(VENV)/.test $(VENV)/.dev $(VENV)/.bench $(VENV)/.docs: $(VENV)/.%: pyproject.toml $(VENV)/.created
	$(PIP) install $(call requirements,$(EXTRAS)['$*'])
	touch $@
