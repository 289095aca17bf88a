"""Summaries of streams: all samples seen, merged into cells, in memory that does not grow with them."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import common_framework, concrete
from diracs.backend.progress import report, reporting
from diracs.cells.partition import Partition
from diracs.certificates.lower.cloud import cloud_lower_bound
from diracs.certificates.masses import mass_error
from diracs.certificates.rounding import with_moved_masses
from diracs.laws.gaussian import GaussianMixture
from diracs.merging.cloud import UnitCloud, to_nearest
from diracs.merging.kmeans import MOST_TREE, refreshed
from diracs.merging.merge import assign
from diracs.quantization.discretization import Quantization
from diracs.schemes.points import PointScheme
from diracs.typing import Progress

_EPS = 2.0**-52
# Cells for each wanted point, and at least; the buffer holds so many times as many samples.
_CELLS, _LEAST, _BUFFER = 128, 2048, 8
# In many dimensions more cells hardly cost less.
_CELLS_IN_MANY = 32


class Summary:
    """What is kept of a stream of samples: cells with their masses, barycenters and spreads.

    Samples are collected in a buffer; a full one is merged into the cells, which move little, as they weigh more. The
    spread of a cell tells what merging has cost, so that W₂ from few points to *all samples ever seen* is certified
    without seeing them again (see `diracs.merging.merge`).

    Parameters
    ----------
    n : int
        About the number of points that will be asked for; more are possible, with less accuracy.
    ndim : int
        Dimension of the samples.
    seed : int
        Of the draws.

    Attributes
    ----------
    count : int
        Number of samples seen.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import Summary
    >>> rng = np.random.default_rng(0)
    >>> summary = Summary(20, 2)
    >>> for _ in range(10):
    ...     _ = summary.update(rng.normal(size=(1000, 2)))
    >>> q = summary.quantize(20)
    >>> len(q), len(summary), 0.4 < float(q.w2) < 0.5
    (20, 10000, True)
    """

    def __init__(self, n: int, ndim: int, *, seed: int = 0) -> None:
        self.n, self.ndim = checks.count("n", n), checks.count("ndim", ndim)
        self.seed = int(seed)
        self.count = 0
        self._size = max((_CELLS if ndim <= MOST_TREE else _CELLS_IN_MANY) * self.n, _LEAST)
        self._cells = joined([], self.ndim)
        self._buffer: list[Partition] = []
        # Of the core, for merging; 0: as many as the machine has.
        self._threads = 0
        # So often masses, spreads and barycenters may have been rounded.
        self._roundings = 0

    @property
    def mass(self) -> float:
        """The weight of all samples seen."""
        return sum(float(part.mass.sum()) for part in self._parts())

    @property
    def nbytes(self) -> int:
        """Memory that the cells and the buffer take."""
        return sum(column.nbytes for part in self._parts() for column in part)

    def update(self, points: Any, weights: Any = None, *, progress: Progress = False) -> Summary:
        """Take samples (m, d) along, with weights (m,) that are not negative, or of weight one each.

        With `progress` True there is a bar on stderr (tqdm); a callable is called as progress(stage, step, total).

        Raises
        ------
        ValueError, TypeError
            For samples that are not finite or of another dimension, and for negative weights.
        """
        kind = common_framework(points=points, weights=weights)
        x = concrete(checks.floating("points", points, kind))
        if x.ndim != 2 or x.shape[1] != self.ndim:
            raise ValueError(f"points must have shape (m, {self.ndim}), got {x.shape}")
        w = np.ones(len(x)) if weights is None else concrete(checks.floating("weights", weights, kind))
        if w.shape != (len(x),):
            raise ValueError(f"weights must have shape ({len(x)},), one weight each, got {w.shape}")
        if (w < 0).any():
            raise ValueError(f"weights must not be negative, smallest is {w.min():g}")
        self.count += len(x)
        held = w > 0
        if not held.all():
            x, w = x[held], w[held]
        # Pieces, so that memory does not grow with what comes at once.
        with reporting(progress):
            for begin in range(0, len(x), self._size):
                part = slice(begin, begin + self._size)
                self._take(Partition.of_points(x[part].copy(), w[part].copy()))
                report("samples", min(begin + self._size, len(x)), len(x))
        return self

    def merge(self, other: Summary) -> Summary:
        """Take along what another summary has seen. Summaries may be merged in any order."""
        if not isinstance(other, Summary):
            raise TypeError(f"other must be a Summary, got {type(other).__name__}")
        if other.ndim != self.ndim:
            raise ValueError(f"other has seen samples of dimension {other.ndim}, this one of dimension {self.ndim}")
        self.count += other.count
        self._roundings = max(self._roundings, other._roundings)
        for part in other._parts():
            self._take(part)
        return self

    def compact(self) -> Summary:
        """Merge what is in the buffer into the cells now, so that little is sent."""
        parts = self._parts()
        if sum(len(part.mass) for part in parts) > self._size:
            before = self._cells.barycenter
            self._cells, most = reduced(joined(parts, self.ndim), self._size, before, self.seed, self._threads)
            self._buffer = []
            self._roundings += most
        return self

    def copy(self) -> Summary:
        """Another summary of the same samples."""
        new = Summary(self.n, self.ndim, seed=self.seed)
        new.count, new._roundings, new._cells, new._buffer = self.count, self._roundings, self._cells, [*self._buffer]
        new._threads = self._threads
        return new

    def quantize(self, n: int | None = None) -> Quantization:
        """At most n points (those announced by default) for all samples seen; `w2` bounds their W₂ to these.

        Returns
        -------
        Quantization
            Its distribution has the cells' barycenters for points; `w2` and `w2_lower` count the cells' spreads too.

        Raises
        ------
        ValueError
            If nothing of positive weight has been seen.
        """
        count = self.n if n is None else checks.count("n", n)
        cells = joined(self._parts(), self.ndim)
        if not len(cells.mass):
            raise ValueError("nothing to quantize: this summary has seen no samples of positive weight")
        weights = cells.mass / cells.mass.sum()
        cloud = UnitCloud.of(cells.barycenter, weights, cells.spread / cells.mass.sum())
        points = cloud.best_points(count, seed=self.seed)
        found = to_nearest(cloud, points)
        # Sums of masses and spreads, and barycenters, have been rounded now and then.
        blur = self._roundings * _EPS * float(np.abs(cells.barycenter).max())
        moved, fraction = mass_error(cloud.into(points), found.masses, np.full(len(points), float(self._roundings)))
        square = np.asarray((found.w2 / cloud.unit) ** 2 * (1.0 + 4.0 * self._roundings * _EPS))
        root = math.sqrt(float(with_moved_masses(square, moved, fraction)))
        w2 = root * cloud.unit * (1.0 + 4.0 * _EPS) + math.sqrt(self.ndim) * blur
        law = GaussianMixture._of(cells.barycenter, np.zeros(len(weights)), weights)
        exact = self._roundings == 0
        q = Quantization(law, PointScheme(points), points, found.masses, np.float64(w2), exact)
        lower = cloud_lower_bound(cells.barycenter, weights, len(points))
        within = math.sqrt(float(cells.spread.sum() / cells.mass.sum())) * (1.0 + 1e-9)
        object.__setattr__(q, "_w2_lower", np.float64(max(0.0, lower - within - blur * math.sqrt(self.ndim))))
        return q

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a .npz file."""
        cells = joined(self._parts(), self.ndim)
        numbers = np.array([self.n, self.ndim, self.seed, self.count, self._roundings, len(self._cells.mass)])
        with open(path, "wb") as file:
            np.savez(file, summary=numbers, mass=cells.mass, barycenter=cells.barycenter, spread=cells.spread)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Summary:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as held:
            if "summary" not in held:
                raise ValueError(f"{os.fspath(path)} holds no summary")
            n, ndim, seed, count, roundings, size = (int(v) for v in held["summary"])
            cells = Partition(held["mass"], held["barycenter"], held["spread"])
        new = cls(n, ndim, seed=seed)
        new.count, new._roundings = count, roundings
        new._cells, rest = (Partition(*(x[part] for x in cells)) for part in (slice(size), slice(size, None)))
        new._buffer = [rest] if len(rest.mass) else []
        return new

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Summary({self.count} samples in dimension {self.ndim}, {self.nbytes / 1e6:.3g} MB)"

    def _parts(self) -> list[Partition]:
        return [part for part in (self._cells, *self._buffer) if len(part.mass)]

    def _take(self, part: Partition) -> None:
        self._buffer.append(part)
        if sum(len(held.mass) for held in self._buffer) >= _BUFFER * self._size:
            self.compact()


def joined(parts: list[Partition], ndim: int) -> Partition:
    """The cells of several sets."""
    none = Partition(np.empty(0), np.empty((0, ndim)), np.empty(0))
    return Partition(*(np.concatenate(columns) for columns in zip(none, *parts)))


def reduced(cells: Partition, count: int, start: np.ndarray, seed: int = 0, threads: int = 0) -> tuple[Partition, int]:
    """At most `count` cells in which the given ones are merged, starting from some barycenters of the same space.

    And how many roundings, at most, sums of groups and barycenters have taken.
    """
    cloud = UnitCloud.of(cells.barycenter, cells.mass, cells.spread)
    y = refreshed(cloud.cells, count, cloud.into(start), seed=seed, threads=threads)
    unit = cloud.cells
    sent = assign(unit, y, threads)
    found, most = sent.cells(unit), int(np.bincount(sent.labels).max())
    held = found.mass > 0
    spread = found.spread[held] * cloud.unit**2
    return Partition(found.mass[held], cloud.out_of(found.barycenter[held]), spread), most + 8
