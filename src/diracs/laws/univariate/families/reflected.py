"""Mirror images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diracs.laws.univariate.panels import Moments
from diracs.laws.univariate.standard import Standard


@dataclass(frozen=True)
class Reflected:
    """The law of −z.

    Parameters
    ----------
    law : Standard
        That of z.
    """

    law: Standard

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.law.support
        return -high, -low

    @property
    def mean(self) -> float:
        return -self.law.mean

    @property
    def variance(self) -> float:
        return self.law.variance

    @property
    def entropy(self) -> float:
        return self.law.entropy

    def heights(self, z: np.ndarray) -> np.ndarray:
        return self.law.heights(-z)

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return self.law.sf(-z)

    def sf(self, z: np.ndarray) -> np.ndarray:
        return self.law.cdf(-z)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return -self.law.isf(below)

    def isf(self, above: np.ndarray) -> np.ndarray:
        return -self.law.ppf(above)

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        found = Moments(*(x[::-1] for x in self.law.moments(-seeds[::-1], -borders[::-1])))
        return found._replace(first=-found.first)

    def edges(self) -> np.ndarray:
        return -self.law.edges()[::-1]
