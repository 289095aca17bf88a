"""A distribution of PyTorch by the functions that scipy's have."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from diracs.backend.arrays import to_framework


class TorchFunctions:
    """Density, distribution function and quantiles in double precision, NumPy in and out.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        A single law on the line with `log_prob`, `cdf` and `icdf`.
    """

    def __init__(self, distribution: Any) -> None:
        # A copy, which does not check values: those at the ends are none of PyTorch's support.
        self._law = copy.copy(distribution)
        self._law._validate_args = False
        bounds = self._law.support
        low, high = (
            getattr(bounds, name, end) for name, end in (("lower_bound", -math.inf), ("upper_bound", math.inf))
        )
        self._ends = float(low), float(high)
        self._middle = float(self.ppf(np.array(0.5)))

    def __repr__(self) -> str:
        return f"torch.distributions.{type(self._law).__name__}"

    def support(self) -> tuple[float, float]:
        return self._ends

    def pdf(self, x: Any) -> np.ndarray:
        inside, z = self._inside(x)
        return np.where(inside, np.exp(self._call(self._law.log_prob, z)), 0.0)

    def cdf(self, x: Any) -> np.ndarray:
        inside, z = self._inside(x)
        return np.where(inside, self._call(self._law.cdf, z), np.where(np.asarray(x) < z, 0.0, 1.0))

    def sf(self, x: Any) -> np.ndarray:
        return 1.0 - self.cdf(x)

    def ppf(self, q: Any) -> np.ndarray:
        return self._call(self._law.icdf, np.asarray(q, dtype=np.float64))

    def isf(self, q: Any) -> np.ndarray:
        return self.ppf(1.0 - np.asarray(q))

    def _inside(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Which points lie inside of the support, and these points, the median in place of the others."""
        z = np.asarray(x, dtype=np.float64)
        inside = (z > self._ends[0]) & (z < self._ends[1])
        return inside, np.where(inside, z, self._middle)

    def _call(self, function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            values: np.ndarray = function(to_framework(x, "torch")).cpu().numpy()
        return values
