"""Mixtures of univariate laws: sums of their parts' masses and moments, with the parts' bounds on errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diracs.laws.univariate.law import Univariate, placed_moments
from diracs.laws.univariate.panels import Moments
from diracs.laws.univariate.standard import Standard

_EPS = float(np.finfo(np.float64).eps)
# Halvings that quantiles are found by, unless they are right to this, relative to the size of the law or themselves.
_BISECTIONS, _RESOLVED = 200, 1e-17
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# What two rules differ by is charged so many times.
_MARGIN = 10.0


@dataclass(frozen=True, repr=False)
class UnivariateMixture:
    """The law Σ wᵢ lawᵢ, each of locᵢ + scaleᵢ·zᵢ with zᵢ of a standard law.

    Parameters
    ----------
    families : tuple of k Standard
    locs, scales, weights : tuple of k float
        Scales and weights above zero, weights of sum 1 up to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.laws.univariate.families.mixture import UnivariateMixture
    >>> from diracs.laws.univariate.families.simple import Uniform
    >>> law = UnivariateMixture((Uniform(), Uniform()), (0.0, 3.0), (1.0, 1.0), (0.5, 0.5))
    >>> law.support, law.mean, round(law.variance * 12, 12), law.ppf(np.array([0.25, 0.75])).round(9).tolist()
    ((0.0, 4.0), 2.0, 28.0, [0.5, 3.5])
    """

    families: tuple[Standard, ...]
    locs: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]

    @cached_property
    def _parts(self) -> list[tuple[float, Univariate]]:
        placed = zip(self.weights, self.families, self.locs, self.scales, strict=True)
        return [(w, Univariate(family, np.asarray(loc), np.asarray(scale))) for w, family, loc, scale in placed]

    def _sum(self, of: Callable[[Univariate], np.ndarray]) -> np.ndarray:
        return np.asarray(sum(weight * of(law) for weight, law in self._parts))

    @cached_property
    def support(self) -> tuple[float, float]:
        ends = [law.support for _, law in self._parts]
        return min(low for low, _ in ends), max(high for _, high in ends)

    @cached_property
    def mean(self) -> float:
        return float(sum(weight * law.mean for weight, law in self._parts))

    @cached_property
    def variance(self) -> float:
        return float(sum(weight * (law.variance + (law.mean - self.mean) ** 2) for weight, law in self._parts))

    @cached_property
    def entropy(self) -> float:
        """By quadrature on the panels of all parts, less a margin on what halving them changes."""
        edges = self.edges()
        coarse, fine = self._entropy(edges), self._entropy(np.union1d(edges, 0.5 * edges[1:] + 0.5 * edges[:-1]))
        return fine - _MARGIN * abs(fine - coarse)

    def _entropy(self, edges: np.ndarray) -> float:
        width = np.diff(edges)
        f = self.heights(edges[:-1, None] + width[:, None] * 0.5 * (1.0 + _NODES))
        log = np.log(np.where(f > 0, f, 1.0))
        return -float((0.5 * width) @ ((f * log) @ _WEIGHTS))

    def heights(self, z: np.ndarray) -> np.ndarray:
        return self._sum(lambda law: law.heights(z))

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return self._sum(lambda law: law.family.cdf(_standard(law, z)))

    def sf(self, z: np.ndarray) -> np.ndarray:
        return self._sum(lambda law: law.family.sf(_standard(law, z)))

    def ppf(self, below: np.ndarray) -> np.ndarray:
        ends = [_placed(law, law.family.ppf(below)) for _, law in self._parts]
        return _bisected(ends, lambda z: self.cdf(z) < below)

    def isf(self, above: np.ndarray) -> np.ndarray:
        ends = [_placed(law, law.family.isf(above)) for _, law in self._parts]
        return _bisected(ends, lambda z: self.sf(z) > above)

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        total = np.zeros((5, len(seeds)))
        for weight, law in self._parts:
            loc, scale = law.placed
            # Locations have been rounded.
            found = placed_moments(law.family, loc, scale, seeds, borders, moved=_EPS * abs(loc) / scale)
            total += weight * np.stack(found)
        # Weights and their sum too.
        total[3:] += (2.0 + len(self.weights)) * _EPS * total[[0, 2]]
        return Moments(*total)

    def edges(self) -> np.ndarray:
        return np.unique(np.concatenate([_placed(law, law.family.edges()) for _, law in self._parts]))

    def __repr__(self) -> str:
        return f"UnivariateMixture({len(self.weights)} laws)"


def _standard(law: Univariate, z: np.ndarray) -> np.ndarray:
    """The nearest of the support: families do not know what is outside."""
    loc, scale = law.placed
    return np.clip((z - loc) / scale, *law.family.support)


def _placed(law: Univariate, z: np.ndarray) -> np.ndarray:
    loc, scale = law.placed
    return np.asarray(loc + scale * z)


def _bisected(ends: list[np.ndarray], is_left: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The quantile of a mixture lies between those of its parts."""
    low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    for _ in range(_BISECTIONS):
        middle = 0.5 * low + 0.5 * high
        if not (high - low > _RESOLVED + _EPS * np.abs(middle)).any():
            break
        left = is_left(middle)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return 0.5 * low + 0.5 * high
