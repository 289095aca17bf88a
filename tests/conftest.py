"""Lets test files in any folder import the shared computations in `independent.py`; quicker compilation by JAX."""

import importlib.metadata
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

try:
    JAX = importlib.metadata.version("jax")
except importlib.metadata.PackageNotFoundError:
    JAX = ""
# Programs of thousands of small operations take less than half of the time to compile. Other versions may not know it.
if JAX.startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0")
