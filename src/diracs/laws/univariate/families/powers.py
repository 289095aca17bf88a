"""Laws of eˣ: log-normal ones, for normal x, and Pareto's, for exponential x."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.panels import Tail
from diracs.laws.univariate.standard import FAR, Analytic
from diracs.laws.univariate.tails import ClosedTail

# Deviations of x beyond which a normal law has hardly any mass.
_FAR = 13.5


@dataclass(frozen=True)
class LogNormal(Analytic):
    """The law of exp(s ξ), ξ standard normal: ∫ z^j f over z > b is e^{j²s²/2} Φ(js − ln b/s).

    Parameters
    ----------
    s : float
        Positive.
    """

    s: float

    support = (0.0, math.inf)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.log(z) / self.s
            return np.where(z > 0, np.exp(-0.5 * x * x) / (z * (self.s * math.sqrt(2.0 * math.pi))), 0.0)

    def cdf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(scipy.special.ndtr(np.log(z) / self.s))

    def sf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(scipy.special.ndtr(-np.log(z) / self.s))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(self.s * scipy.special.ndtri(below)))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-self.s * scipy.special.ndtri(above)))

    def slope(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(-(1.0 + np.log(z) / self.s**2) / z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """ℓ″ = (1 − (1 − ln z)/s²)/z², |ln z| ≤ |ln c| − ln (1 − r/c)."""
        near = centre - radius
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.abs(np.log(centre)) - np.log(near / centre)
            return np.where(near > 0, (1.0 + (1.0 + log) / self.s**2) / near**2, np.inf)

    def roundings(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(8.0 + 4.0 * np.abs(np.log(z)) / self.s**2 * (1.0 + np.abs(np.log(z))))

    def coarse(self) -> np.ndarray:
        low, high = -_FAR * self.s, 2.0 * self.s**2 + _FAR * self.s
        return np.exp(np.linspace(low, high, 2 + math.ceil((high - low) / math.log(2.0))))

    def lower_tail(self) -> Tail:
        return ClosedTail(lambda b: self._partial(b, 1.0), 0.0, -1)

    def upper_tail(self) -> Tail:
        return ClosedTail(lambda b: self._partial(b, -1.0), 0.0, 1)

    def _partial(self, b: np.ndarray, sign: float) -> np.ndarray:
        shift = self.s * np.arange(3.0)[:, None]
        with np.errstate(divide="ignore"):
            return np.asarray(np.exp(0.5 * shift**2) * scipy.special.ndtr(sign * (np.log(b) / self.s - shift)))

    @property
    def entropy(self) -> float:
        return 0.5 * math.log(2.0 * math.pi * math.e) + math.log(self.s)


@dataclass(frozen=True)
class Pareto(Analytic):
    """f(z) = b z^{−b−1}, z > 1.

    Parameters
    ----------
    b : float
        Above 2.
    """

    b: float

    support = (1.0, math.inf)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(self.b * z ** (-self.b - 1.0))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(-np.expm1(-self.b * np.log(z)))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(z**-self.b)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.exp(-np.log1p(-below) / self.b))

    def isf(self, above: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(above ** (-1.0 / self.b))

    def slope(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(-(self.b + 1.0) / z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        near = centre - radius
        with np.errstate(divide="ignore"):
            return np.where(near > 0, (self.b + 1.0) / near**2, np.inf)

    def coarse(self) -> np.ndarray:
        far = float(self.isf(np.array(FAR)))
        return np.concatenate([[1.0], np.geomspace(1.0, far, 2 + math.ceil(math.log2(far)))[1:]])

    def upper_tail(self) -> Tail:
        return ClosedTail(self._beyond, 0.0, 1)

    def _beyond(self, z: np.ndarray) -> np.ndarray:
        j = np.arange(3.0)[:, None]
        return np.asarray(self.b / (self.b - j) * z ** (j - self.b))

    @property
    def variance(self) -> float:
        return self.b / ((self.b - 1.0) ** 2 * (self.b - 2.0)) if self.b > 2 else math.inf

    @property
    def entropy(self) -> float:
        return 1.0 + 1.0 / self.b - math.log(self.b)
