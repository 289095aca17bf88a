"""Student's t laws."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.panels import Tail
from diracs.laws.univariate.standard import FAR, Analytic
from diracs.laws.univariate.tails import ClosedTail


@dataclass(frozen=True)
class Student(Analytic):
    """f(z) ∝ (1 + z²/ν)^{−(ν+1)/2}.

    With the Stein kernel τ(z) = (ν + z²)/(ν − 1), (τ f)′ = −z f, so that beyond b there are

        ∫ z f = τ(b) f(b),  ∫ z² f = (ν − 1)/(ν − 2) [b τ(b) f(b) + ν/(ν − 1) ∫ f]:

    the tail falls like a power, and its second moment is never negligible where ν is near 2.

    Parameters
    ----------
    nu : float
        Above 2.
    """

    nu: float

    support = (-math.inf, math.inf)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        nu = self.nu
        constant = -0.5 * math.log(nu) - float(scipy.special.betaln(0.5, 0.5 * nu))
        return np.asarray(np.exp(constant - 0.5 * (nu + 1.0) * np.log1p(z / nu * z)))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.stdtr(self.nu, z))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.stdtr(self.nu, -z))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        # SciPy's is right to 1e-9 before 1.12: one of Newton's steps makes it as exact as the distribution function.
        z = np.asarray(scipy.special.stdtrit(self.nu, below))
        with np.errstate(all="ignore"):
            step = (self.cdf(z) - below) / self.pdf(z)
        return np.asarray(np.where(np.abs(step) < 1e-6 * np.abs(z), z - step, z))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return -self.ppf(above)

    def slope(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(-(self.nu + 1.0) * z / (self.nu + z * z))

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """ℓ = −½(ν + 1) Σ ln (z ± i√ν) + …, with singularities at ±i√ν."""
        near = np.sqrt(centre**2 + self.nu) - radius
        with np.errstate(divide="ignore"):
            return np.where(near > 0, (self.nu + 1.0) / near**2, np.inf)

    def coarse(self) -> np.ndarray:
        far = min(float(self.isf(np.array(FAR))), 40.0 * math.sqrt(self.nu) + 1e60)
        edges = np.geomspace(0.5, far, 2 + math.ceil(math.log2(far)))
        return np.concatenate([-edges[::-1], [0.0], edges])

    def _beyond(self, b: np.ndarray) -> np.ndarray:
        """Moments (3, m) of what lies above b > 0; none above ∞."""
        nu, finite = self.nu, np.isfinite(b)
        x = np.where(finite, b, 1.0)
        mass = 0.5 * scipy.special.betainc(0.5 * nu, 0.5, 1.0 / (1.0 + x / nu * x))
        first = (nu + x * x) / (nu - 1.0) * self.pdf(x)
        second = (nu - 1.0) / (nu - 2.0) * (x * first + nu / (nu - 1.0) * mass)
        return np.where(finite, np.stack([mass, first, second]), 0.0)

    def lower_tail(self) -> Tail:
        signs = np.array([[1.0], [-1.0], [1.0]])
        return ClosedTail(lambda b: signs * self._beyond(-b), 0.0, -1, 1e-12)

    def upper_tail(self) -> Tail:
        return ClosedTail(self._beyond, 0.0, 1, 1e-12)

    @property
    def variance(self) -> float:
        return self.nu / (self.nu - 2.0) if self.nu > 2 else math.inf

    @property
    def entropy(self) -> float:
        nu = self.nu
        digamma = scipy.special.digamma
        half = 0.5 * (nu + 1.0) * float(digamma(0.5 * (nu + 1.0)) - digamma(0.5 * nu))
        return half + 0.5 * math.log(nu) + float(scipy.special.betaln(0.5 * nu, 0.5)) - 1e-15 * nu
