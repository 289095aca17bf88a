"""Lets test files in any folder import what they share; no screen; quick compilation by JAX; draws in any order."""

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

os.environ.setdefault("MPLBACKEND", "Agg")

try:
    JAX = importlib.metadata.version("jax")
except importlib.metadata.PackageNotFoundError:
    JAX = ""
# Programs of thousands of small operations take less than half of the time to compile. Other versions may not know it.
if JAX.startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0")


def _skip_if_missing(error: ImportError) -> None:
    """Skips the test if what could not be imported is an extra that is not installed."""
    if "pip install 'diracs[" in str(error) or (
        error.name and importlib.util.find_spec(error.name.partition(".")[0]) is None
    ):
        pytest.skip(f"an extra is not installed: {error}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    try:
        return (yield)
    except ImportError as error:
        _skip_if_missing(error)
        raise


pytest_runtest_call = pytest_runtest_setup

_STATES: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _own_draws(request: pytest.FixtureRequest) -> None:
    """What a test draws from the generator of its file does not depend on the tests before it."""
    generator = getattr(request.module, "RNG", None)
    if generator is not None:
        state = _STATES.setdefault(request.module.__name__, generator.bit_generator.state)
        generator.bit_generator.state = state
