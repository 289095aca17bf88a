"""Generalized gamma laws: gamma, χ², χ, exponential, Weibull, Rayleigh, Maxwell, half-normal ones among them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.panels import Tail
from diracs.laws.univariate.standard import FAR, Analytic
from diracs.laws.univariate.tails import ClosedTail

# From here on Stirling's series for Γ is right to 1e-17 with the terms taken.
_LARGE = 30.0
# The smallest panel at an end where the density is singular, relative to the deviation.
_FINEST = 2.0**-64
# Up to here a series of so many terms is right to 1e-17.
_NEAR, _TERMS = 0.01, 8


@dataclass(frozen=True)
class GeneralizedGamma(Analytic):
    """f(z) = k z^{kα−1} exp(−z^k)/Γ(α), z > 0: z^k has the gamma law of shape α (Stacy 1962).

    Partial moments ∫ z^j f are Γ(α + j/k)/Γ(α) times regularized incomplete gamma functions.

    Parameters
    ----------
    alpha, power : float
        The shapes α, k > 0.
    """

    alpha: float
    power: float = 1.0

    support = (0.0, math.inf)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        a, k = self.alpha, self.power
        with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
            u = z**k
            if a < _LARGE:
                steep = np.where(z > 0, (k * a - 1.0) * np.log(z), -np.inf) if k * a != 1.0 else 0.0
                return np.asarray(k * np.exp(steep - u - scipy.special.gammaln(a)))
            # Stirling: u^α e^{−u}/Γ(α) = √(α/2π) exp(−α(t − ln(1 + t)) − 1/12α + …), t = u/α − 1.
            t = (u - a) / a
            series = 1.0 / (12.0 * a) - 1.0 / (360.0 * a**3) + 1.0 / (1260.0 * a**5) - 1.0 / (1680.0 * a**7)
            log = -a * (t - np.log1p(t)) - series
            return np.asarray(np.where(z > 0, k / z * math.sqrt(a / (2.0 * math.pi)) * np.exp(log), 0.0))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.gammainc(self.alpha, z**self.power))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.gammaincc(self.alpha, z**self.power))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.gammaincinv(self.alpha, below) ** (1.0 / self.power))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.gammainccinv(self.alpha, above) ** (1.0 / self.power))

    def slope(self, z: np.ndarray) -> np.ndarray:
        """ℓ′ = (kα − 1)/z − k z^{k−1}."""
        a, k = self.alpha, self.power
        return np.asarray((k * a - 1.0 - k * z**k) / z)

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """|ℓ″| ≤ |kα − 1|/|z|² + k|k − 1||z|^{k−2}."""
        a, k = self.alpha, self.power
        near = centre - radius
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            size = abs(k * a - 1.0) / near**2
            if k != 1.0:
                size = size + k * abs(k - 1.0) * (near if k < 2.0 else centre + radius) ** (k - 2.0)
            if k in (1.0, 2.0) and k * a == 1.0:
                return np.asarray(size * 0.0 + k * (k - 1.0) if k == 2.0 else np.zeros_like(near))
            return np.where(near > 0, size, np.inf)

    def roundings(self, z: np.ndarray) -> np.ndarray:
        a, k = self.alpha, self.power
        u = z**k
        terms = np.abs((k * a - 1.0) * np.log(z)) + u if a < _LARGE else 2.0 * np.abs(u - a)
        return np.asarray(8.0 + terms + 2.0 * np.abs(a - u) + 2.0 * np.abs(z * self.slope(z)))

    def coarse(self) -> np.ndarray:
        low, high = float(self.ppf(np.array(FAR))), float(self.isf(np.array(FAR)))
        # E z² ≤ this; where α is small the deviation is far above the median.
        size = math.exp(0.5 * float(scipy.special.gammaln(self.alpha + 2.0 / self.power) - _log_gamma(self.alpha)))
        low = max(low, _FINEST * size)
        return np.geomspace(low, max(high, 2.0 * low), 2 + math.ceil(math.log2(max(high / low, 2.0))))

    def lower_tail(self) -> Tail:
        return ClosedTail(lambda b: self._partial(b, _lower_incomplete), 0.0, -1, 1e-12)

    def upper_tail(self) -> Tail:
        return ClosedTail(lambda b: self._partial(b, scipy.special.gammaincc), 0.0, 1, 1e-12)

    def _partial(self, b: np.ndarray, incomplete: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        shapes = self.alpha + np.arange(3.0)[:, None] / self.power
        factors = np.exp(scipy.special.gammaln(shapes) - _log_gamma(self.alpha))
        return np.asarray(factors * incomplete(shapes, b**self.power))

    @property
    def entropy(self) -> float:
        """ln Γ(α) + α − ln k + ψ(α) (1/k − α), by the series of Stirling where that cancels."""
        a, k = self.alpha, self.power
        digamma = float(scipy.special.digamma(a))
        if a < _LARGE:
            return _log_gamma(a) + a - math.log(k) + digamma * (1.0 / k - a)
        rest = 1.0 / (6.0 * a) - 1.0 / (90.0 * a**3)
        return 0.5 * math.log(2.0 * math.pi * math.e / a) + rest + digamma / k - math.log(k)


def _lower_incomplete(a: np.ndarray, u: np.ndarray) -> np.ndarray:
    """P(a, u); near 0 by u^a/Γ(a + 1) Σ a (−u)^n/((a + n) n!), where SciPy's is right to 1e-12 only."""
    series, term = np.ones_like(a * u), np.ones_like(u)
    small = np.minimum(u, _NEAR)
    for n in range(1, _TERMS):
        term = -term * small / n
        series = series + a / (a + n) * term
    near = np.exp(-scipy.special.gammaln(a + 1.0)) * small**a * series
    return np.where(u <= _NEAR, near, scipy.special.gammainc(a, u))


def _log_gamma(x: float) -> float:
    return float(scipy.special.gammaln(x))
