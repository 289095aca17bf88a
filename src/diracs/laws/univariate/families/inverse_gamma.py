"""Powers of the inverse of gamma laws: inverse gamma ones, and the scale of Student's t laws in any dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.panels import Tail
from diracs.laws.univariate.standard import FAR, Analytic
from diracs.laws.univariate.tails import ClosedTail


@dataclass(frozen=True)
class InverseGamma(Analytic):
    """f(z) = k z^{−kα−1} exp(−z^{−k})/Γ(α), z > 0: z^{−k} has the gamma law of shape α.

    Partial moments ∫ z^j f are Γ(α − j/k)/Γ(α) times regularized incomplete gamma functions.

    Parameters
    ----------
    alpha, power : float
        The shapes α, k > 0, with α k > 2.
    """

    alpha: float
    power: float = 1.0

    support = (0.0, math.inf)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        a, k = self.alpha, self.power
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log = -(k * a + 1.0) * np.log(z) - z**-k - float(scipy.special.gammaln(a))
            return np.asarray(k * np.exp(np.where(z > 0, log, -np.inf)))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(scipy.special.gammaincc(self.alpha, z**-self.power))

    def sf(self, z: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(scipy.special.gammainc(self.alpha, z**-self.power))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(scipy.special.gammainccinv(self.alpha, below) ** (-1.0 / self.power))

    def isf(self, above: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.asarray(scipy.special.gammaincinv(self.alpha, above) ** (-1.0 / self.power))

    def slope(self, z: np.ndarray) -> np.ndarray:
        """ℓ′ = −(kα + 1)/z + k z^{−k−1}."""
        with np.errstate(over="ignore"):
            return np.asarray((self.power * z**-self.power - self.power * self.alpha - 1.0) / z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """|ℓ″| ≤ (kα + 1)/|z|² + k(k + 1)|z|^{−k−2}."""
        k = self.power
        near = centre - radius
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            size = (k * self.alpha + 1.0 + k * (k + 1.0) * near**-k) / near**2
        return np.where(near > 0, size, np.inf)

    def roundings(self, z: np.ndarray) -> np.ndarray:
        terms = np.abs((self.power * self.alpha + 1.0) * np.log(z)) + z**-self.power
        return np.asarray(8.0 + terms + 4.0 * np.abs(z * self.slope(z)))

    def coarse(self) -> np.ndarray:
        low, high = float(self.ppf(np.array(FAR))), float(self.isf(np.array(FAR)))
        return np.geomspace(low, max(high, 2.0 * low), 2 + math.ceil(math.log2(max(high / low, 2.0))))

    def upper_tail(self) -> Tail:
        """The tail falls like a power, and its second moment is never negligible where αk is near 2."""
        return ClosedTail(self._beyond, 0.0, 1, 1e-12)

    def _beyond(self, b: np.ndarray) -> np.ndarray:
        shapes = self.alpha - np.arange(3.0)[:, None] / self.power
        factors = np.exp(scipy.special.gammaln(shapes) - scipy.special.gammaln(self.alpha))
        return np.asarray(factors * scipy.special.gammainc(shapes, b**-self.power))

    @property
    def entropy(self) -> float:
        """ln Γ(α) − ln k + α − (α + 1/k) ψ(α)."""
        a, k = self.alpha, self.power
        digamma = float(scipy.special.digamma(a))
        return (
            float(scipy.special.gammaln(a)) - math.log(k) + a - (a + 1.0 / k) * digamma - 1e-15 * a * math.log(a + 2.0)
        )
