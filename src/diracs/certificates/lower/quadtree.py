"""Laws of the plane on dyadic rectangles, and partitions into them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from diracs import _core

# Rectangles are no smaller than the root over 2 to this power: their places fit into 64 bits.
DEEPEST = 31
# Beyond so many deviations a normal law has 6e-14 of its mass.
_REACH = 7.5
# Rectangles with less mass are left out.
_LEAST_MASS = 1e-15


class Moments(NamedTuple):
    """Of a law on rectangles."""

    mass: np.ndarray  # (m,)
    centroid: np.ndarray  # (m, 2)
    second: np.ndarray  # (m,) ∫|x − centroid|²ρ
    peak: np.ndarray  # (m,) a bound on the density
    rounding: np.ndarray  # (m, 2) absolute errors of the first and second moment


class RectangleLaw(Protocol):
    """A law, all but a negligible part of it on a rectangle, the root: level l has 2ˡ × 2ˡ rectangles."""

    low: np.ndarray  # (2,) corner of the root
    sides: np.ndarray  # (2,)

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        """On the rectangles of these levels (m,) in rows and columns `places` (m, 2)."""


class MixtureLaw:
    """A Gaussian mixture with positive definite covariances; its weights need not sum to 1."""

    def __init__(self, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> None:
        self.core = _core.Mixture(*(np.ascontiguousarray(x) for x in (means, covs, weights)))
        reach = _REACH * np.sqrt(np.diagonal(covs, axis1=1, axis2=2))
        low, high = (means - reach).min(axis=0), (means + reach).max(axis=0)
        self.sides = np.full(2, float((high - low).max()))
        self.low = (low + high - self.sides) / 2.0

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        return Moments(*_core.rectangle_moments(self.core, *corners(self, levels, places)))


class ImageLaw:
    """Constant densities on pixels: masses (n₁, n₂) on a box with these sides about the origin."""

    def __init__(self, masses: np.ndarray, extent: np.ndarray) -> None:
        counts = np.array(masses.shape)
        # Pixels are cut until they are nearly square, as far as memory goes: levels are squares of numbers.
        pixel = extent / counts
        cuts = np.minimum(pixel / pixel.min(), 2.0**22).astype(int)
        while (counts * cuts).max() > 2**11 and cuts.max() > 1:
            cuts = (cuts + 1) // 2
        masses = np.repeat(np.repeat(masses, cuts[0], axis=0), cuts[1], axis=1) / cuts.prod()
        pixel = pixel / cuts
        self.finest = int(max(masses.shape) - 1).bit_length()
        self.low, self.sides = -extent / 2.0, pixel * 2.0**self.finest
        padded = np.zeros((2**self.finest,) * 2)
        padded[: masses.shape[0], : masses.shape[1]] = masses
        places = np.moveaxis(np.indices(padded.shape), 0, -1)
        centers = self.low + (places + 0.5) * pixel
        second, peak = padded * (pixel @ pixel / 12.0), padded * ((1.0 + 1e-14) / pixel.prod())
        level = Moments(padded, centers, second, peak, np.zeros_like(centers))
        self._levels = [level]
        for _ in range(self.finest):
            self._levels.insert(0, _coarser(self._levels[0]))

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        m = len(levels)
        found = Moments(np.empty(m), np.empty((m, 2)), np.empty(m), np.empty(m), np.zeros((m, 2)))
        for level in np.unique(np.minimum(levels, self.finest)):
            own = np.minimum(levels, self.finest) == level
            below = levels[own] - level
            i, j = (places[own] >> below[:, None]).T
            share = np.ldexp(1.0, -2 * below)
            at = self._levels[level]
            # Parts of a pixel are small pixels.
            low, high = corners(self, levels[own], places[own])
            found.mass[own] = at.mass[i, j] * share
            found.centroid[own] = np.where(below[:, None] > 0, (low + high) / 2.0, at.centroid[i, j])
            found.second[own] = at.second[i, j] * share**2
            found.peak[own] = at.peak[i, j]
        return found


def _coarser(fine: Moments) -> Moments:
    """Moments of the rectangles made of two by two, as sums of positive terms."""
    parts = [tuple(a[i::2, j::2] for a in fine) for i in (0, 1) for j in (0, 1)]
    mass = np.sum([p[0] for p in parts], axis=0)
    shares = [np.divide(p[0], mass, out=np.full_like(mass, 0.25), where=mass > 0) for p in parts]
    centroid = np.sum([s[..., None] * p[1] for s, p in zip(shares, parts)], axis=0)
    second = np.sum([p[2] + p[0] * ((p[1] - centroid) ** 2).sum(axis=-1) for p in parts], axis=0)
    return Moments(mass, centroid, second, np.max([p[3] for p in parts], axis=0), np.zeros_like(centroid))


def corners(law: RectangleLaw, levels: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corners (m, 2); neighbours of whatever levels agree on them to the last bit."""
    sides = np.ldexp(1.0, -levels)[:, None] * law.sides
    return law.low + places * sides, law.low + (places + 1) * sides


def quarters(places: np.ndarray) -> np.ndarray:
    """The four rectangles of the next level in each of these, (4m, 2)."""
    within = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return (2 * places[:, None] + within).reshape(-1, 2)


def curve(places: np.ndarray) -> np.ndarray:
    """Position along Morton's curve of places (m, 2) below 2³²: the bits of both, interleaved."""
    bits = places.astype(np.uint64)
    for shift, mask in _INTERLEAVE:
        bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
    return (bits[:, 0] << np.uint64(1)) | bits[:, 1]


_INTERLEAVE = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


@dataclass(frozen=True)
class Partition:
    """Rectangles that do not overlap and hold all but a negligible part of the law, along Morton's curve."""

    law: RectangleLaw
    levels: np.ndarray  # (m,)
    places: np.ndarray  # (m, 2)
    moments: Moments

    @classmethod
    def root(cls, law: RectangleLaw) -> Partition:
        levels, places = np.zeros(1, dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
        return cls(law, levels, places, law.moments(levels, places))

    def __len__(self) -> int:
        return len(self.levels)

    @cached_property
    def centers(self) -> np.ndarray:
        """(m, 2)."""
        low, high = corners(self.law, self.levels, self.places)
        return (low + high) / 2.0

    @cached_property
    def sizes(self) -> np.ndarray:
        """(m,) longer sides."""
        return np.ldexp(float(self.law.sides.max()), -self.levels)

    @cached_property
    def areas(self) -> np.ndarray:
        """(m,)."""
        return np.ldexp(float(self.law.sides.prod()), -2 * self.levels)

    @cached_property
    def covering(self) -> _core.Covering:
        """The compiled core's."""
        return self.covering_of(self.moments.second)

    def covering_of(self, second: np.ndarray) -> _core.Covering:
        """With other second moments (m,)."""
        mass, centroid, _, peak, _ = self.moments
        return _core.Covering(*corners(self.law, self.levels, self.places), mass, centroid, second, peak)

    def refined(self, which: np.ndarray) -> tuple[Partition, np.ndarray]:
        """With some rectangles (a mask) quartered; and for each of the new ones the number of the old one around it."""
        kept, split = np.flatnonzero(~which), np.flatnonzero(which)
        levels, places = np.repeat(self.levels[split] + 1, 4), quarters(self.places[split])
        moments = self.law.moments(levels, places)
        some = moments.mass > _LEAST_MASS
        levels = np.concatenate([self.levels[kept], levels[some]])
        places = np.concatenate([self.places[kept], places[some]])
        parents = np.concatenate([kept, np.repeat(split, 4)[some]])
        order = np.argsort(curve(places << (DEEPEST - levels)[:, None]), kind="stable")
        joined = Moments(*(np.concatenate([a[kept], b[some]])[order] for a, b in zip(self.moments, moments)))
        return Partition(self.law, levels[order], places[order], joined), parents[order]
