# Every target works from a bare checkout: it makes its own virtual environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := $(VENV)/.demo
WORKERS ?= 2

ATTACKS ?= 300

# Where this is set every process compiles its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow attack lint docs sanitize clean

demo: $(DEMO)
	$(BIN)/python examples/demo.py --output demo
	@echo "The pictures are in demo/"

test: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# What takes more than ten seconds: programs of thousands of operations compiled, all inputs of the reference.
test-slow: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m slow

# Random attacks on every promise, many more of them than among the tests: make attack ATTACKS=3000
attack: $(STAMP)
	DIRACS_ATTACKS=$(ATTACKS) OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) tests/test_attacks.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror src/core/*/*.hpp src/core/*/*.cpp tests/core/*.hpp tests/core/*.cpp

# The pages of docs/_build/html: every example is run for its picture, a warning or a broken link is an error.
docs: $(STAMP)
	OPENBLAS_NUM_THREADS=1 MPLBACKEND=agg $(BIN)/python -m sphinx -W --keep-going -q \
		-d docs/_build/doctrees docs docs/_build/html
	@echo "The pages begin at docs/_build/html/index.html"

# The compiled core under the address and undefined-behaviour sanitizers; needs a C++ compiler and nothing else.
SANITIZED := $(patsubst tests/core/%.cpp,build/sanitize/%.o,$(wildcard tests/core/sanitize*.cpp))
sanitize:
	$(MAKE) --jobs 2 build/sanitize/run
	build/sanitize/run

build/sanitize/run: $(SANITIZED)
	$(CXX) -pthread -fsanitize=address,undefined $^ -o $@

build/sanitize/%.o: tests/core/%.cpp tests/core/sanitize.hpp $(wildcard src/core/*/*.hpp)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O1 -Wall -Wextra -ffp-contract=off -fopenmp-simd -pthread -fno-omit-frame-pointer \
		-fsanitize=address,undefined -fno-sanitize-recover=all -Isrc/core -c $< -o $@

SOURCES := CMakeLists.txt $(wildcard src/core/*/*.hpp src/core/*/*.cpp)

# The compiled core is part of the installation: a change of its sources makes a new one.
$(STAMP): pyproject.toml $(SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,docs]'
	@touch $@

# The demo needs less than the tests.
$(DEMO): pyproject.toml $(SOURCES)
	test -e $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-sdot .nox demo build dist docs/_build docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
