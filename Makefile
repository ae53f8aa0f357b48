# Each target makes the virtual environment it needs, installs into it and builds; a second call
# does only what has changed. Another interpreter: `make test PYTHON=python3.13 VENV=.venv-3.13`.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
PYTEST_ARGS ?= -n $(JOBS)
BENCH_ARGS ?=
SANITIZERS ?= address,undefined
SANITIZE_VENV ?= .venv-sanitize
# Sanitizers slow a program down and keep freed memory: bounds on time and memory mean nothing.
SANITIZE_ARGS ?= -n $(JOBS) -m "not timing and not memory"

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

.PHONY: help demo test lint types docs wheel bench sanitize coverage matrix clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo      fit the twelve NIST regressions with cdiff Jacobians'
	@echo 'make test      run the tests'
	@echo 'make lint      ruff and cython-lint'
	@echo 'make types     mypy --strict on the package and on a sample of user code'
	@echo 'make docs      write docs/operators.md and docs/numpy.md'
	@echo 'make sanitize  run the tests under the sanitizers $(SANITIZERS)'
	@echo 'make coverage  lines of Python and Cython that the tests reach'
	@echo 'make matrix    run the tests on every supported Python found'
	@echo 'make wheel     build sdist and wheel into dist/, repaired to a manylinux tag'
	@echo 'make bench     run the benchmarks beside the peers'
	@echo 'make clean     remove everything that these have made'

demo: $(VENV)/.built
	$(BIN)/python examples/nist_regression.py

test: $(VENV)/.built $(VENV)/.test
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(WITH_BIN) cython-lint src/*.pyx src/*.pxi

types: $(VENV)/.built $(VENV)/.dev
	$(BIN)/mypy

# The generator needs the standard library only.
docs:
	$(PYTHON) src/codegen.py --docs docs/operators.md
	$(PYTHON) cdiff/numpy/_coverage.py --docs docs/numpy.md

bench: $(VENV)/.built $(VENV)/.bench
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# The wheel is built from the sdist, as an installer without a wheel would do it.
wheel: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	if [ "$$(uname)" = Linux ]; then \
		$(WITH_BIN) auditwheel repair --wheel-dir dist/repaired dist/*.whl \
		&& rm dist/*.whl && mv dist/repaired/*.whl dist && rmdir dist/repaired \
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

# An interrupt that arrives in traced code of a function which cannot raise is lost, and a test that
# waits for it would never end.  Tracing is slow as well: bounds on time and memory mean nothing.
COVERAGE_ARGS ?= -m "not signals and not timing and not memory"

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

clean:
	rm -rf build dist .venv .venv-* src/generated src/_core.c src/_core.html *.egg-info
	rm -f cdiff/_core.pyi cdiff/_core.*.so docs/operators.md docs/numpy.md

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

$(VENV)/.test $(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: pyproject.toml $(VENV)/.created
	$(PIP) install $(call requirements,$(EXTRAS)['$*'])
	touch $@
