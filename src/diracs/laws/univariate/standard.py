"""What a standard law, of location 0 and scale 1, offers; and the base of those whose density is known off the line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from diracs.laws.univariate.panels import Moments, Panels, Tail
from diracs.laws.univariate.tails import LightTail

# Shares of the mass beyond which tails that fall exponentially are no longer cut into panels.
FAR = 1e-40


class Centred(NamedTuple):
    """Mean and variance."""

    mean: float
    variance: float


class Standard(Protocol):
    """A law on the line, of size about one, frozen and hashable: a family with its shapes, plain floats."""

    @property
    def support(self) -> tuple[float, float]:
        """Its ends, which may be infinite."""

    @property
    def mean(self) -> float: ...

    @property
    def variance(self) -> float: ...

    @property
    def entropy(self) -> float:
        """−∫ f ln f, in nats."""

    def heights(self, z: np.ndarray) -> np.ndarray:
        """The density at points (m,), zero outside of the support."""

    def cdf(self, z: np.ndarray) -> np.ndarray:
        """The mass below points (m,), with relative accuracy where that is small."""

    def sf(self, z: np.ndarray) -> np.ndarray:
        """The mass above points (m,), with relative accuracy where that is small."""

    def ppf(self, below: np.ndarray) -> np.ndarray:
        """Points with these masses (m,) below."""

    def isf(self, above: np.ndarray) -> np.ndarray:
        """Points with these masses (m,) above."""

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        """Of the intervals between consecutive borders (m + 1,), sorted, about seeds (m,)."""

    def edges(self) -> np.ndarray:
        """Of intervals on which the density hardly varies, from left to right; what is outside is little."""


class Analytic(ABC):
    """A standard law whose density is exp ℓ with ℓ analytic around the line, but for ends and breaks.

    The moments of intervals are sums of positive terms by Gauss–Legendre, whose errors are bounded (`panels`); tails,
    and neighbourhoods of ends where the density is singular, have closed forms or bounds (`tails`).
    """

    # Ends of the support.
    support: tuple[float, float]

    @abstractmethod
    def pdf(self, z: np.ndarray) -> np.ndarray:
        """The density at points inside of the support, up to a factor near one: all panels together are normalized."""

    @abstractmethod
    def cdf(self, z: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def sf(self, z: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def ppf(self, below: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def isf(self, above: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def slope(self, z: np.ndarray) -> np.ndarray:
        """ℓ′ at points (m,) of the line."""

    @abstractmethod
    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """At least |ℓ″| on the discs of these centres and radii in the complex plane; ∞ where ℓ is singular there."""

    @abstractmethod
    def coarse(self) -> np.ndarray:
        """Edges of panels to start from, the breaks among them; what is outside belongs to the tails."""

    def roundings(self, z: np.ndarray) -> np.ndarray:
        """So many roundings of itself the computed density may be off by, but for a factor that is the same everywhere.

        Terms of ℓ are right to a rounding of their sizes each, and so are the points z.
        """
        return np.asarray(8.0 + 4.0 * np.abs(z * self.slope(z)))

    def on_pieces(self, left: np.ndarray, width: np.ndarray, share: np.ndarray) -> np.ndarray:
        """The density (m, k) at shares (k,) of pieces of panels, left ends and widths (m, 1)."""
        return self.pdf(left + width * share)

    def lower_tail(self) -> Tail:
        return LightTail(self.pdf, self.slope, -1)

    def upper_tail(self) -> Tail:
        return LightTail(self.pdf, self.slope, 1)

    def magnitude(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """At least |f| on discs, by Taylor's formula for ℓ."""
        rise = np.abs(self.slope(centre)) * radius + 0.5 * self.curvature(centre, radius) * radius**2
        with np.errstate(over="ignore"):
            return np.asarray(self.pdf(centre) * np.exp(rise))

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        return panels_of(self).moments(seeds, borders)

    def edges(self) -> np.ndarray:
        return panels_of(self).edges

    def heights(self, z: np.ndarray) -> np.ndarray:
        low, high = self.support
        inside = (z >= low) & (z <= high)
        middle = self.edges()[len(self.edges()) // 2]
        return np.where(inside, panels_of(self).factor * self.pdf(np.where(inside, z, middle)), 0.0)

    @property
    def entropy(self) -> float:
        return panels_of(self).entropy()

    @property
    def mean(self) -> float:
        return _centred(self).mean

    @property
    def variance(self) -> float:
        return _centred(self).variance


@lru_cache(maxsize=64)
def panels_of(law: Analytic) -> Panels:
    """Those of a law, made once."""
    return Panels.of(law)


@lru_cache(maxsize=64)
def _centred(law: Analytic) -> Centred:
    """About the median first: what is then subtracted from the second moment is no larger than what remains."""
    middle = law.ppf(np.array([0.5]))
    whole = law.moments(middle, np.array(law.support))
    mean, second = float(whole.first[0] / whole.mass[0]), float(whole.second[0] / whole.mass[0])
    return Centred(float(middle[0]) + mean, second - mean**2)
