"""Laws of one shape: uniform, triangular, Laplace's, logistic, Gumbel's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.standard import FAR, Analytic

# Where exp(−z) is below the share of the mass that counts.
_FAR = -math.log(FAR)


@dataclass(frozen=True)
class Uniform(Analytic):
    """f = 1 on [0, 1]."""

    support = (0.0, 1.0)
    mean, variance, entropy = 0.5, 1.0 / 12.0, 0.0

    def pdf(self, z: np.ndarray) -> np.ndarray:
        return np.ones_like(z)

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.clip(z, 0.0, 1.0)

    def sf(self, z: np.ndarray) -> np.ndarray:
        return np.clip(1.0 - z, 0.0, 1.0)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return np.asarray(below)

    def isf(self, above: np.ndarray) -> np.ndarray:
        return np.asarray(1.0 - above)

    def slope(self, z: np.ndarray) -> np.ndarray:
        return np.zeros_like(z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        return np.zeros(np.broadcast_shapes(centre.shape, radius.shape))

    def coarse(self) -> np.ndarray:
        return np.array([0.0, 1.0])


@dataclass(frozen=True)
class Triangular(Analytic):
    """On [0, 1], linear up to the mode and down from it.

    Parameters
    ----------
    mode : float
        From 0 to 1.
    """

    mode: float

    support = (0.0, 1.0)
    entropy = 0.5 - math.log(2.0)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        c = self.mode
        return np.where(z < c, 2.0 * z / (c or 1.0), 2.0 * (1.0 - z) / ((1.0 - c) or 1.0))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        c, z = self.mode, np.clip(z, 0.0, 1.0)
        return np.where(z < c, z * z / (c or 1.0), 1.0 - (1.0 - z) ** 2 / ((1.0 - c) or 1.0))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return Triangular(1.0 - self.mode).cdf(1.0 - z)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        c = self.mode
        return np.where(below < c, np.sqrt(below * c), 1.0 - np.sqrt(np.maximum(1.0 - below, 0.0) * (1.0 - c)))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return 1.0 - Triangular(1.0 - self.mode).ppf(above)

    def slope(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.where(z < self.mode, 1.0 / z, -1.0 / (1.0 - z))

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Not asked for: the density is a polynomial."""
        return np.full(np.broadcast_shapes(centre.shape, radius.shape), np.inf)

    def magnitude(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        slope = np.where(centre < self.mode, 2.0 / (self.mode or 1.0), 2.0 / ((1.0 - self.mode) or 1.0))
        return np.asarray(self.pdf(centre) + slope * radius)

    def on_pieces(self, left: np.ndarray, width: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Right of the mode from distances to 1, which are exact where the density is small."""
        rest = (1.0 - left - width) + width * (1.0 - share)
        falls = 2.0 * rest / ((1.0 - self.mode) or 1.0)
        return np.where(left < self.mode, 2.0 * (left + width * share) / (self.mode or 1.0), falls)

    def roundings(self, z: np.ndarray) -> np.ndarray:
        return np.full(z.shape, 8.0)

    def coarse(self) -> np.ndarray:
        return np.unique([0.0, self.mode, 1.0])


@dataclass(frozen=True)
class Laplace(Analytic):
    """f(z) = exp(−|z|)/2."""

    support = (-math.inf, math.inf)
    mean, variance, entropy = 0.0, 2.0, 1.0 + math.log(2.0)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 * np.exp(-np.abs(z)))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.where(z < 0, self.pdf(z), 1.0 - self.pdf(z))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return self.cdf(-z)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.where(below < 0.5, np.log(2.0 * below), -np.log(2.0 * (1.0 - below)))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return -self.ppf(above)

    def slope(self, z: np.ndarray) -> np.ndarray:
        return -np.sign(z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        return np.zeros(np.broadcast_shapes(centre.shape, radius.shape))

    def coarse(self) -> np.ndarray:
        return np.linspace(-_FAR, _FAR, 65)


@dataclass(frozen=True)
class Logistic(Analytic):
    """f(z) = 1/(4 cosh²(z/2)), with singularities at ±πi."""

    support = (-math.inf, math.inf)
    mean, variance, entropy = 0.0, math.pi**2 / 3.0, 2.0

    def pdf(self, z: np.ndarray) -> np.ndarray:
        fall = np.exp(-np.abs(z))
        return np.asarray(fall / (1.0 + fall) ** 2)

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.expit(z))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.expit(-z))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.logit(below))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return np.asarray(-scipy.special.logit(above))

    def slope(self, z: np.ndarray) -> np.ndarray:
        return -np.tanh(0.5 * z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """|ℓ″| = 1/|1 + cosh z| = 1/(cosh x + cos y) for z = x + iy."""
        near = np.maximum(np.abs(centre) - radius, 0.0)
        with np.errstate(divide="ignore"):
            return np.where(radius < math.pi, 1.0 / (np.cosh(near) + np.cos(np.minimum(radius, math.pi))), np.inf)

    def coarse(self) -> np.ndarray:
        return np.linspace(-_FAR, _FAR, 65)


@dataclass(frozen=True)
class Gumbel(Analytic):
    """f(z) = exp(−z − e^{−z}): of the largest of many."""

    support = (-math.inf, math.inf)
    variance, entropy = math.pi**2 / 6.0, 1.0 + float(np.euler_gamma)
    mean = float(np.euler_gamma)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(-z - np.exp(-z)))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(-np.exp(-z)))

    def sf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray(-np.expm1(-np.exp(-z)))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(-np.log(below)))

    def isf(self, above: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(-np.log1p(-above)))

    def slope(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray(np.expm1(-z))

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """|ℓ″| = |e^{−z}|."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(radius - centre))

    def coarse(self) -> np.ndarray:
        return np.linspace(-math.log(_FAR), _FAR, 65)
