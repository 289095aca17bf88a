"""Laws of the plane and of space on dyadic boxes (rectangles in the plane), and partitions into them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from diracs import _core

Covering = _core.Covering | _core.SpaceCovering

# Beyond so many deviations a normal law has 6e-14 of its mass.
_REACH = 7.5
# Boxes with less mass are left out.
_LEAST_MASS = 1e-15


class _Dimension(NamedTuple):
    """What the plane and space do not share."""

    deepest: int  # boxes are no smaller than the root over 2 to this power: four times its places fit into 64 bits
    most_pixels: int  # along an axis, where pixels are cut
    gaps: tuple[tuple[int, int], ...]  # shifts and masks that move the bits of a number apart
    mixture: Callable[..., Any]
    moments: Callable[..., tuple[np.ndarray, ...]]
    covering: Callable[..., Covering]


_DIMENSIONS = {
    2: _Dimension(
        29,
        2**11,
        (
            (16, 0x0000FFFF0000FFFF),
            (8, 0x00FF00FF00FF00FF),
            (4, 0x0F0F0F0F0F0F0F0F),
            (2, 0x3333333333333333),
            (1, 0x5555555555555555),
        ),
        _core.Mixture,
        _core.rectangle_moments,
        _core.Covering,
    ),
    3: _Dimension(
        19,
        2**7,
        (
            (32, 0x001F00000000FFFF),
            (16, 0x001F0000FF0000FF),
            (8, 0x100F00F00F00F00F),
            (4, 0x10C30C30C30C30C3),
            (2, 0x1249249249249249),
        ),
        _core.SpaceMixture,
        _core.box_moments,
        _core.SpaceCovering,
    ),
}


class Moments(NamedTuple):
    """Of a law on boxes."""

    mass: np.ndarray  # (m,)
    centroid: np.ndarray  # (m, d)
    second: np.ndarray  # (m,) ∫|x − centroid|²ρ
    peak: np.ndarray  # (m,) a bound on the density
    rounding: np.ndarray  # (m, 3) absolute errors of mass, first and second moment


class BoxLaw(Protocol):
    """A law, all but a negligible part of it on a box, the root: level l has 2ˡ boxes along each of d axes."""

    low: np.ndarray  # (d,) corner of the root
    sides: np.ndarray  # (d,)

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        """On the boxes of these levels (m,) at `places` (m, d) along the axes."""


class MixtureLaw:
    """A Gaussian mixture with positive definite covariances; its weights need not sum to 1."""

    def __init__(self, means: np.ndarray, covs: np.ndarray, weights: np.ndarray) -> None:
        self._own = _DIMENSIONS[means.shape[1]]
        self.core = self._own.mixture(*(np.ascontiguousarray(x) for x in (means, covs, weights)))
        reach = _REACH * np.sqrt(np.diagonal(covs, axis1=1, axis2=2))
        low, high = (means - reach).min(axis=0), (means + reach).max(axis=0)
        self.sides = np.full(means.shape[1], float((high - low).max()))
        self.low = (low + high - self.sides) / 2.0

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        mass, centroid, second, peak, rounding = self._own.moments(self.core, *corners(self, levels, places))
        # In the plane errors of masses are below the absolute error of all.
        return Moments(mass, centroid, second, peak, np.pad(rounding, ((0, 0), (3 - rounding.shape[1], 0))))


class ImageLaw:
    """Constant densities on pixels: masses (n₁, …, n_d) on a box with these sides about the origin."""

    def __init__(self, masses: np.ndarray, extent: np.ndarray) -> None:
        counts, most = np.array(masses.shape), _DIMENSIONS[masses.ndim].most_pixels
        # Pixels are cut until they are nearly square, as far as memory goes: levels are powers of numbers.
        pixel = extent / counts
        cuts = np.minimum(pixel / pixel.min(), 2.0**22).astype(int)
        while (counts * cuts).max() > most and cuts.max() > 1:
            cuts = (cuts + 1) // 2
        for axis, cut in enumerate(cuts):
            masses = np.repeat(masses, cut, axis=axis)
        masses = masses / cuts.prod()
        pixel = pixel / cuts
        self.finest = int(max(masses.shape) - 1).bit_length()
        self.low, self.sides = -extent / 2.0, pixel * 2.0**self.finest
        padded = np.zeros((2**self.finest,) * masses.ndim)
        padded[tuple(map(slice, masses.shape))] = masses
        places = np.moveaxis(np.indices(padded.shape), 0, -1)
        centers = self.low + (places + 0.5) * pixel
        second, peak = padded * (pixel @ pixel / 12.0), padded * ((1.0 + 1e-14) / pixel.prod())
        # Sums of positive terms: nothing to round.
        level = Moments(padded, centers, second, peak, np.zeros((*padded.shape, 0)))
        self._levels = [level]
        for _ in range(self.finest):
            self._levels.insert(0, _coarser(self._levels[0]))

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        m, d = places.shape
        found = Moments(np.empty(m), np.empty((m, d)), np.empty(m), np.empty(m), np.zeros((m, 3)))
        for level in np.unique(np.minimum(levels, self.finest)):
            own = np.minimum(levels, self.finest) == level
            below = levels[own] - level
            place = tuple((places[own] >> below[:, None]).T)
            at = self._levels[level]
            # Parts of a pixel are small pixels.
            low, high = corners(self, levels[own], places[own])
            found.mass[own] = at.mass[place] * np.ldexp(1.0, -d * below)
            found.centroid[own] = np.where(below[:, None] > 0, (low + high) / 2.0, at.centroid[place])
            found.second[own] = at.second[place] * np.ldexp(1.0, -(d + 2) * below)
            found.peak[own] = at.peak[place]
        return found


def _coarser(fine: Moments) -> Moments:
    """Moments of the boxes made of two by two (by two), as sums of positive terms."""
    every = itertools.product((slice(0, None, 2), slice(1, None, 2)), repeat=fine.mass.ndim)
    parts = [Moments(*(a[part] for a in fine)) for part in every]
    mass = np.sum([p.mass for p in parts], axis=0)
    even = np.full_like(mass, 1.0 / len(parts))
    shares = [np.divide(p.mass, mass, out=even.copy(), where=mass > 0) for p in parts]
    centroid = np.sum([s[..., None] * p.centroid for s, p in zip(shares, parts)], axis=0)
    second = np.sum([p.second + p.mass * ((p.centroid - centroid) ** 2).sum(axis=-1) for p in parts], axis=0)
    return Moments(mass, centroid, second, np.max([p.peak for p in parts], axis=0), parts[0].rounding)


def corners(law: BoxLaw, levels: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corners (m, d); neighbours of whatever levels agree on them to the last bit."""
    sides = np.ldexp(1.0, -levels)[:, None] * law.sides
    return law.low + places * sides, law.low + (places + 1) * sides


def cube(d: int) -> np.ndarray:
    """Vertices of the unit cube, (2ᵈ, d)."""
    return np.array(list(itertools.product((0, 1), repeat=d)))


def lattice(d: int) -> np.ndarray:
    """Points whose simplices fill a cube, in halves of sides: its vertices, its center, in space those next to it.

    In the plane the triangles of the center and a side; in space the tetrahedra of two centers and an edge of the face
    between them.
    """
    center = np.ones((1, d), dtype=np.int64)
    around = [center + sign * 2 * np.eye(d, dtype=np.int64) for sign in (-1, 1)] if d == 3 else []
    return np.concatenate([2 * cube(d), center, *around])


def lattice_radius2(sides: np.ndarray) -> float:
    """The largest |v − c|² of the vertices v and the center c of the sphere through them, for all simplices.

    For a tetrahedron with centers ±a/2 on the first axis and an edge with ends ±b/2 on the second, at c/2 on the third,
    it is on the third, at (b² + c² − a²)/4c. For a triangle of vertices ±a/2 and a center b/2 away: at (a² + b²)/4b.
    """
    if len(sides) == 2:
        return max(float((a * a + b * b) / (4.0 * b)) ** 2 for a, b in itertools.permutations(sides))
    return max(
        float(a * a / 4.0 + ((b * b + c * c - a * a) / (4.0 * c)) ** 2) for a, b, c in itertools.permutations(sides)
    )


def halves(places: np.ndarray) -> np.ndarray:
    """The 2ᵈ boxes of the next level, half as large, in each of these, (2ᵈ m, d)."""
    d = places.shape[1]
    return (2 * places[:, None] + cube(d)).reshape(-1, d)


def curve(places: np.ndarray) -> np.ndarray:
    """Position along Morton's curve of places (m, d): the bits of all, interleaved."""
    d = places.shape[1]
    bits = places.astype(np.uint64)
    for shift, mask in _DIMENSIONS[d].gaps:
        bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
    position = bits[:, 0]
    for axis in range(1, d):
        position = (position << np.uint64(1)) | bits[:, axis]
    return position


@dataclass(frozen=True)
class Partition:
    """Boxes that do not overlap and hold all but a negligible part of the law, along Morton's curve."""

    law: BoxLaw
    levels: np.ndarray  # (m,)
    places: np.ndarray  # (m, d)
    moments: Moments

    @classmethod
    def root(cls, law: BoxLaw) -> Partition:
        levels, places = np.zeros(1, dtype=np.int64), np.zeros((1, len(law.sides)), dtype=np.int64)
        return cls(law, levels, places, law.moments(levels, places))

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def dimension(self) -> int:
        return self.places.shape[1]

    @property
    def deepest(self) -> int:
        """The largest level."""
        return _DIMENSIONS[self.dimension].deepest

    @cached_property
    def centers(self) -> np.ndarray:
        """(m, d)."""
        low, high = corners(self.law, self.levels, self.places)
        return (low + high) / 2.0

    @cached_property
    def sizes(self) -> np.ndarray:
        """(m,) longest sides."""
        return np.ldexp(float(self.law.sides.max()), -self.levels)

    @cached_property
    def volumes(self) -> np.ndarray:
        """(m,) areas in the plane."""
        return np.ldexp(float(self.law.sides.prod()), -self.dimension * self.levels)

    @cached_property
    def covering(self) -> Covering:
        """The compiled core's."""
        return self.covering_of(self.moments.second)

    def covering_of(self, second: np.ndarray) -> Covering:
        """With other second moments (m,)."""
        mass, centroid, _, peak, _ = self.moments
        low, high = corners(self.law, self.levels, self.places)
        return _DIMENSIONS[self.dimension].covering(low, high, mass, centroid, second, peak)

    def refined(self, which: np.ndarray) -> tuple[Partition, np.ndarray]:
        """With some boxes (a mask) halved along all axes; and for each new one the number of the old one around it."""
        kept, split = np.flatnonzero(~which), np.flatnonzero(which)
        levels, places = np.repeat(self.levels[split] + 1, 2**self.dimension), halves(self.places[split])
        moments = self.law.moments(levels, places)
        some = moments.mass > _LEAST_MASS
        levels = np.concatenate([self.levels[kept], levels[some]])
        places = np.concatenate([self.places[kept], places[some]])
        parents = np.concatenate([kept, np.repeat(split, 2**self.dimension)[some]])
        order = np.argsort(curve(places << (self.deepest - levels)[:, None]), kind="stable")
        joined = Moments(*(np.concatenate([a[kept], b[some]])[order] for a, b in zip(self.moments, moments)))
        return Partition(self.law, levels[order], places[order], joined), parents[order]
