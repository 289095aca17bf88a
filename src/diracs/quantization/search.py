"""The best scheme of n points: candidates from every grouping and configuration, judged by their certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from diracs.certificates.upper.assignment import mean_square_error
from diracs.schemes.generate import KINDS, Groups, Mixture, Plan, build, coarsen, group, plan
from diracs.schemes.grouping import merge_levels, modes
from diracs.schemes.layered import LayeredScheme

# Of the levels of the merge tree so many are really built and certified, those with the best estimates.
_BUILT = 3
_LEVELS = 12
# The kind of scheme that was best for a number is looked at alone up to so many times more or fewer points.
_NEAR = 1.4


class Groupings:
    """Candidates for grouping the components of a mixture, each computed once."""

    def __init__(self, mixture: Mixture) -> None:
        self.mixture = mixture
        k = len(mixture.weights)
        counts = (
            range(1, k + 1) if k <= _LEVELS else np.unique(np.geomspace(1, k, _LEVELS).round().astype(int)).tolist()
        )
        self.by_mode = modes(*mixture)
        self.levels = merge_levels(*mixture, list(counts))
        self._groups: dict[bytes, Groups] = {}
        self.fitted: dict[tuple, Any] = {}  # levels by group, axis and number

    def groups(self, labels: np.ndarray) -> Groups:
        """Moments and axes of a grouping, kept."""
        key = labels.tobytes()
        if key not in self._groups:
            self._groups[key] = group(self.mixture, labels)
        return self._groups[key]

    def fixed(self, n: int) -> list[np.ndarray]:
        """One group, modes, one group per component: always tried."""
        k = len(self.mixture.weights)
        found = [self.levels[1], self.by_mode, np.arange(k)]
        return _distinct([coarsen(self.mixture, labels, n) for labels in found])

    def between(self, n: int) -> list[np.ndarray]:
        """The levels of the merge tree that n points suffice for."""
        return [labels for count, labels in self.levels.items() if 1 < count < len(labels) and count <= n]


def best_scheme(groupings: Groupings, n: int, configurations: tuple[str, ...] = KINDS) -> tuple[LayeredScheme, float]:
    """The candidate of the least certificate with at most n points, and its mean square error."""
    mixture = groupings.mixture
    best: tuple[LayeredScheme, float] | None = None
    seen = set()
    for _, candidate in _candidates(groupings, n, configurations):
        key = candidate.groups.labels.tobytes(), tuple(candidate.blocks)
        if key in seen:
            continue
        seen.add(key)
        scheme = build(mixture, candidate, groupings.fitted)
        error = mean_square_error(scheme, *mixture)
        if best is None or error < best[1]:
            best = scheme, error
    assert best is not None
    return best


class QuickErrors:
    """About the errors of the best schemes, for any number of points.

    Levels come from tables. Not far from a number that was looked at before only what was best there is tried.
    """

    def __init__(self, groupings: Groupings, configurations: tuple[str, ...]) -> None:
        self._groupings, self._configurations = groupings, configurations
        self._fitted: dict[tuple, Any] = {}
        self._winners: dict[int, tuple[str, np.ndarray]] = {}

    def planned(self, n: int) -> float:
        """About the least of the errors as they are planned, with nothing built."""
        plans = _candidates(self._groupings, n, self._configurations)
        return min(candidate.error for _, candidate in plans) ** 0.5

    def __call__(self, n: int) -> tuple[float, int]:
        """Root of the mean square error, and the number of points used."""
        mixture, known = self._groupings.mixture, self._known(n)
        if known is not None:
            kind, labels = known
            tried: list[tuple[str, Plan]] = [(kind, plan(self._groupings.groups(labels), n, kind))]
        else:
            tried = list(_candidates(self._groupings, n, self._configurations))
        best: tuple[float, int] | None = None
        seen = set()
        for kind, candidate in tried:
            key = candidate.groups.labels.tobytes(), tuple(candidate.blocks)
            if key in seen:
                continue
            seen.add(key)
            scheme = build(mixture, candidate, self._fitted, quick=True)
            error = mean_square_error(scheme, *mixture) ** 0.5
            if best is None or error < best[0]:
                best = error, scheme.size
                if known is None:
                    self._winners[n] = kind, candidate.groups.labels
        assert best is not None
        return best

    def _known(self, n: int) -> tuple[str, np.ndarray] | None:
        for m, (kind, labels) in self._winners.items():
            if n <= _NEAR * m and m <= _NEAR * n and labels.max() < n:
                return kind, labels
        return None


def _candidates(groupings: Groupings, n: int, configurations: tuple[str, ...]) -> Iterator[tuple[str, Plan]]:
    """Plans for every configuration: the fixed groupings, and the levels of the tree that promise most for products."""
    between = [(plan(groupings.groups(labels), n, "product").error, labels) for labels in groupings.between(n)]
    levels = [labels for _, labels in sorted(between, key=lambda pair: pair[0])[:_BUILT]]
    for kind in configurations:
        for labels in groupings.fixed(n) + levels:
            yield kind, plan(groupings.groups(labels), n, kind)


def _distinct(labels: list[np.ndarray]) -> list[np.ndarray]:
    out: list[np.ndarray] = []
    for candidate in labels:
        if not any(_same(candidate, other) for other in out):
            out.append(candidate)
    return out


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """True if two labelings part the components alike."""
    pairs = len(np.unique(np.stack([a, b]), axis=1).T)
    return pairs == len(np.unique(a)) == len(np.unique(b))
