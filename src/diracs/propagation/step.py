"""One step: cells for the law of a state, and the error that they make."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.backend import doubled
from diracs.backend.arrays import Array
from diracs.certificates.masses import mass_error_within, settled
from diracs.certificates.rounding import ROUNDINGS, with_moved_masses
from diracs.propagation.bounds import StepError
from diracs.propagation.cells import StateCells, barycentric_cells
from diracs.propagation.dynamics import SlopeOnBalls
from diracs.propagation.growth import Growth
from diracs.propagation.law import Law
from diracs.propagation.local import splits
from diracs.propagation.schemes import candidate, candidates, grids, grouping_tree
from diracs.schemes.fewest import fewest
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.points import PointScheme

# Up to so many components everything is looked at in every fourth step.
_FEW = 100
# The fewest points are found to within this fraction.
_FINE = 0.03


class Choice(NamedTuple):
    """Cells for a law, and the error that they make."""

    scheme: LayeredScheme | PointScheme
    cells: StateCells
    step: StepError


class Chooser:
    """Chooses the cells whose bound after the step is least.

    The kind that was best is kept from step to step, and looked for afresh after 1, 2, 4, 8, … steps (of few components
    more often).
    """

    def __init__(self, *, cover: bool, biased: bool) -> None:
        self._cover, self._biased = cover, biased
        self._step = 0
        self._seen = 1  # components when it was last looked for
        self._kept: tuple[int, bool] = (1, False)  # number of groups, and whose frame

    def best(self, law: Law, n: int, growth: Growth) -> Choice:
        """The best cells of at most n points; to be called for one step after the other."""
        k = len(law.means)
        fresh = (
            self._step & (self._step - 1) == 0 or (self._step % 4 == 0 and k <= _FEW) or not 0.7 < k / self._seen < 1.4
        )
        self._step += 1
        if fresh:
            self._seen = k
            return self._among(law, n, growth, grouping_tree(law, None))
        return self._kind_kept(law, n)

    def _kind_kept(self, law: Law, n: int) -> Choice:
        count, common = self._kept
        labels = list(grouping_tree(law, min(count, n)).values())[-1]
        return measure(law, grids(law, candidate(law, labels, n, common).plan, cover=self._cover), biased=self._biased)

    def fewest(self, law: Law, growth: Growth, target: float, start: int, most: int) -> Choice | None:
        """Cells of about the fewest points whose nominal bound is at most the target; None if `most` are too few."""
        tree = grouping_tree(law, None)
        looked: list[int] = []

        def at(n: int) -> tuple[float, int, Choice]:
            # The kind of cells that is best for the first number is kept for the others.
            choice = self._kind_kept(law, n) if looked else self._among(law, n, growth, tree)
            looked.append(n)
            return growth.after_nominal(choice.step), len(choice.cells.masses), choice

        return fewest(at, target, most, law.means.shape[1], start=start, precision=_FINE)

    def _among(self, law: Law, n: int, growth: Growth, tree: dict[int, np.ndarray]) -> Choice:
        best: tuple[float, Choice] | None = None
        for found in candidates(law, tree, n):
            choice = measure(law, grids(law, found.plan, cover=self._cover), biased=self._biased)
            cost = growth.cost(choice.step)
            if best is None or cost < best[0]:
                best, self._kept = (cost, choice), (len(found.plan.groups.weights), found.common)
        assert best is not None
        return best[1]


def measure(law: Law, scheme: LayeredScheme, *, biased: bool = True) -> Choice:
    """The cells of a scheme, and their error; its bias only if `biased`, else without a bound on it."""
    cells = barycentric_cells(law, scheme, bias=biased)
    d = cells.error.shape[0]
    square = max(float(np.trace(cells.error)), 0.0)
    masses, wrong, shifted = _mass_rounding(law, scheme, cells, square)
    cells = cells._replace(masses=masses)
    positions = np.sqrt(cells.masses @ (cells.barycenters**2).sum(axis=1))
    error = cells.error + wrong * np.eye(d)  # it is not known in which direction
    return Choice(
        scheme,
        cells,
        StepError(error, biases_of(law, cells.bias), np.zeros((1, 1)), shifted + 8.0 * 2.0**-52 * float(positions)),
    )


def biases_of(law: Law, bias: np.ndarray | None) -> np.ndarray | None:
    """B = Σ w_i E[δ | i] E[δ | i]ᵀ over the sources, from E[δ; source] (S, d); None if that is not known."""
    if bias is None:
        return None
    weights = np.bincount(law.source, law.weights, len(bias))
    return np.asarray((bias / np.maximum(weights, 1e-300)[:, None]).T @ bias)


def _mass_rounding(
    law: Law, scheme: LayeredScheme, cells: StateCells, square: float
) -> tuple[np.ndarray, float, float]:
    """The masses with right sums of groups, what their rounding adds to E|δ|², and W₂ to a law of these shares."""
    count = scheme.stack
    number = np.zeros(len(law.means), dtype=int) if scheme.groups is None else np.asarray(scheme.groups)
    several = np.bincount(number, minlength=count)
    sizes = np.bincount(cells.group, minlength=count)
    divided = sizes[number] > 1
    variances = np.trace(law.covs, axis1=1, axis2=2)[law.kind]
    axes = max(len(part.codebooks) for part in scheme.schemes)
    shifted = (ROUNDINGS + axes) * 2.0**-52 * float(np.sqrt(law.weights[divided] @ variances[divided]))
    # What goes to a group is known: to twice the digits.
    wanted, found = _group_sums(law.weights, number, count), _group_sums(cells.masses, cells.group, count)
    lacking = (wanted[0] - found[0]) + (wanted[1] - found[1])
    lower = cells.masses * (lacking / np.where(found[0] > 0, found[0], 1.0))[cells.group]
    doubt = (8.0 + len(law.weights)) * 2.0**-104 * cells.masses * (lower != 0)
    masses, *between = settled(cells.barycenters, (cells.masses, lower), doubt)
    relative = np.where((several > 1) & (sizes > 1), ROUNDINGS + 0.5 * several, 0.0)[cells.group]
    within = mass_error_within(cells.barycenters, cells.masses, relative, cells.group)
    total = np.asarray(square)
    for moved, fraction in (between, within):
        total = with_moved_masses(total, np.asarray(moved), fraction)
    return masses, float(total) - square, shifted


def _group_sums(values: np.ndarray, group: np.ndarray, count: int) -> doubled.Pair:
    """Sums (count,) over groups, to twice the digits."""
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=count))
    sums = [doubled.sums(x) if len(x) else (0.0, 0.0) for x in np.split(values[order], ends[:-1])]
    high, low = np.array(sums).T
    return high, low


def with_local_slopes(choice: Choice, law: Law, lipschitz: SlopeOnBalls, slope: float, like: Array) -> Choice:
    """The choice with what local slopes tell of its error."""
    found = splits(choice.cells.blocks, law, lipschitz, slope, like)
    return choice._replace(step=choice.step._replace(splits=found))
