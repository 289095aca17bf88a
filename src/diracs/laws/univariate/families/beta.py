"""Beta laws, arcsine and power-function laws among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.panels import Tail
from diracs.laws.univariate.standard import FAR, Analytic
from diracs.laws.univariate.tails import ClosedTail

# The smallest panels at 0 and at 1, where the density may be singular: beside 1 doubles are further apart.
_FINEST = 2.0**-64, 2.0**-44


@dataclass(frozen=True)
class Beta(Analytic):
    """f(z) = z^{a−1} (1 − z)^{b−1}/B(a, b) on [0, 1].

    Partial moments about an end are regularized incomplete beta functions of shapes raised by one or two.

    Parameters
    ----------
    a, b : float
        Positive.
    """

    a: float
    b: float

    support = (0.0, 1.0)

    @property
    def _middle(self) -> tuple[float, float]:
        """The mean, and its distance from 1."""
        return self.a / (self.a + self.b), self.b / (self.a + self.b)

    def _logarithms(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln z and ln (1 − z), less those of the mean: small where the density is large."""
        x, y = self._middle
        return _log_ratio(z, x, z - x), _log_ratio(1.0 - z, y, x - z)

    def pdf(self, z: np.ndarray) -> np.ndarray:
        a, b, (x, y) = self.a, self.b, self._middle
        constant = a * math.log(x) + b * math.log(y) - float(scipy.special.betaln(a, b))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            left, right = self._logarithms(z)
            inside = (z > 0) & (z < 1)
            return np.where(inside, np.exp(constant + a * left + b * right) / (z * (1.0 - z)), 0.0)

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.betainc(self.a, self.b, z))

    def sf(self, z: np.ndarray) -> np.ndarray:
        lower = 1.0 - scipy.special.betainc(self.a, self.b, np.minimum(z, 0.5))
        return np.where(z < 0.5, lower, scipy.special.betainc(self.b, self.a, 1.0 - z))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.special.betaincinv(self.a, self.b, below))

    def isf(self, above: np.ndarray) -> np.ndarray:
        return np.asarray(1.0 - scipy.special.betaincinv(self.b, self.a, above))

    def slope(self, z: np.ndarray) -> np.ndarray:
        return np.asarray((self.a - 1.0) / z - (self.b - 1.0) / (1.0 - z))

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """|ℓ″| ≤ |a − 1|/|z|² + |b − 1|/|1 − z|²."""
        size = np.zeros(np.broadcast_shapes(centre.shape, radius.shape))
        for shape, near in ((self.a, centre - radius), (self.b, 1.0 - centre - radius)):
            if shape != 1.0:
                with np.errstate(divide="ignore"):
                    size = size + np.where(near > 0, abs(shape - 1.0) / near**2, np.inf)
        return size

    def on_pieces(self, left: np.ndarray, width: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Beside 1 from distances to it, which are exact."""
        upper = left >= 0.5
        rest = np.where(upper, (1.0 - left - width) + width * (1.0 - share), 0.5)
        lower = np.where(upper, 0.5, left + width * share)
        return np.where(upper, Beta(self.b, self.a).pdf(rest), self.pdf(lower))

    def roundings(self, z: np.ndarray) -> np.ndarray:
        upper = z > 0.5
        other = Beta(self.b, self.a)._roundings(np.where(upper, 1.0 - z, 0.5))
        return np.where(upper, other, self._roundings(np.where(upper, 0.5, z)))

    def _roundings(self, z: np.ndarray) -> np.ndarray:
        left, right = self._logarithms(z)
        sizes = self.a * np.abs(left) + self.b * np.abs(right)
        return np.asarray(8.0 + 4.0 * sizes + 2.0 * np.abs(z * self.slope(z)))

    def coarse(self) -> np.ndarray:
        far = np.array(FAR)
        low = max(float(self.ppf(far)), _FINEST[0] * self._middle[0])
        rest = max(float(scipy.special.betaincinv(self.b, self.a, far)), _FINEST[1])
        return doubling(low, rest)

    def lower_tail(self) -> Tail:
        return ClosedTail(lambda x: _partial(self.a, self.b, x), 0.0, -1)

    def upper_tail(self) -> Tail:
        signs = np.array([[1.0], [-1.0], [1.0]])
        return ClosedTail(lambda x: signs * _partial(self.b, self.a, 1.0 - x), 1.0, 1)

    @property
    def entropy(self) -> float:
        a, b = self.a, self.b
        digamma = scipy.special.digamma
        terms = [
            float(scipy.special.betaln(a, b)),
            -(a - 1.0) * float(digamma(a)),
            -(b - 1.0) * float(digamma(b)),
            (a + b - 2.0) * float(digamma(a + b)),
        ]
        # Rounded down, as lower bounds want it.
        return math.fsum(terms) - 1e-15 * sum(map(abs, terms))


def doubling(low: float, rest: float) -> np.ndarray:
    """Edges on [low, 1 − rest] whose distances from 0, and those from 1, double."""
    high = 1.0 - rest
    from_zero = low * 2.0 ** np.arange(1 + math.ceil(math.log2(max(1.0 / low, 2.0))))
    from_one = 1.0 - rest * 2.0 ** np.arange(1 + math.ceil(math.log2(max(1.0 / rest, 2.0))))
    inner = np.concatenate([from_zero[from_zero < 0.75], from_one[from_one > 0.25]])
    return np.unique(np.concatenate([[low, high], [0.5] * (low < 0.5 < high), inner[(inner > low) & (inner < high)]]))


def _log_ratio(z: np.ndarray, middle: float, off: np.ndarray) -> np.ndarray:
    """ln (z/middle), off = z − middle."""
    share = off / middle
    near = np.abs(share) < 0.5
    return np.where(near, np.log1p(np.where(near, share, 0.0)), np.log(np.where(near, 1.0, z / middle)))


def _partial(a: float, b: float, x: np.ndarray) -> np.ndarray:
    """∫ z^j f over [0, x], j = 0, 1, 2."""
    shapes = a + np.arange(3.0)[:, None]
    ratios = np.array([[1.0], [a / (a + b)], [a / (a + b) * ((a + 1.0) / (a + b + 1.0))]])
    return np.asarray(ratios * scipy.special.betainc(shapes, b, x))
