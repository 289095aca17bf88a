"""What `import diracs` loads."""

import subprocess
import sys

import pytest

HEAVY = (
    "array_api_compat.numpy",
    "jax",
    "matplotlib",
    "numpy.testing",
    "scipy.cluster",
    "scipy.interpolate",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.spatial",
    "scipy.special",
    "scipy.stats",
    "torch",
)


def test_heavy_modules_wait_until_they_are_needed():
    code = f"import sys, diracs; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_names_of_scipy_are_found_without_having_been_imported():
    """SciPy loads its parts when they are first named; each of these goes through other ones."""
    code = """
import numpy as np
import diracs

q = diracs.quantize(diracs.GaussianMixture([[0.0, 0.0], [3.0, 1.0], [9.0, 9.0]], [1.0, 2.0, 0.5]), n=12)
assert q.w2_lower <= q.w2
assert diracs.quantize(diracs.Gaussian([0.0], [1.0]), n=100).w2 < 0.02
chain = diracs.propagate(diracs.Gaussian(np.zeros(2), 1.0), diracs.Affine(0.5 * np.eye(2)), None, 1, n=9)
diracs.reduce_mixture(diracs.GaussianMixture([[0.0], [1.0], [5.0]], [1.0, 1.0, 1.0]), 2)
diracs.lloyd(diracs.PolynomialGrid(np.ones((3, 3))), 5)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_derivatives_in_torch_load_no_compiler():
    """That takes many seconds."""
    pytest.importorskip("torch")
    code = """
import sys
import torch
import diracs

x = torch.tensor([[0.2], [0.7]], dtype=torch.float64, requires_grad=True)
diracs.distance(diracs.SumOfDiracs(x), diracs.PolynomialGrid([1.0, 2.0])).backward()
assert x.grad.abs().max() > 0 and "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
