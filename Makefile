# Every target works from a bare checkout: it makes its own virtual environment first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: demo test lint sanitize clean

demo: $(STAMP)
	$(BIN)/python examples/demo.py --output demo
	@echo "The pictures are in demo/"

test: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The compiled core under the address and undefined-behaviour sanitizers; needs a C++ compiler and nothing else.
sanitize:
	@mkdir -p build
	$(CXX) -std=c++17 -O1 -g -Wall -Wextra -ffp-contract=off -pthread -fno-omit-frame-pointer \
		-fsanitize=address,undefined -fno-sanitize-recover=all tests/core/sanitize.cpp -o build/sanitize
	build/sanitize

SOURCES := CMakeLists.txt $(wildcard src/core/*.hpp src/core/*.cpp)

# The compiled core is part of the installation: a change of its sources makes a new one.
$(STAMP): pyproject.toml $(SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) .venv-sdot demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
