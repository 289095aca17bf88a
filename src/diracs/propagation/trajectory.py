"""What propagation returns: the states, the Diracs that stood for them, and the bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from diracs.backend.arrays import Array, concrete
from diracs.backend.decimals import brief, round_to
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.shown import Shown
from diracs.propagation.joint import Chain
from diracs.schemes.layered import LayeredScheme
from diracs.schemes.points import PointScheme

if TYPE_CHECKING:
    from diracs.propagation.horizon import Horizon


class Limit(NamedTuple):
    """A law near the one that the chain converges to, and a bound on the W₂ distance between the two.

    Attributes
    ----------
    state : GaussianMixture
    w2_bound : number

    Examples
    --------
    >>> from diracs import Affine, Gaussian, propagate
    >>> state, w2_bound = propagate(Gaussian([1.0], 0.1), Affine([[0.5]]), Gaussian([0.0], 0.75), 3).limit()
    >>> f"{state.covs.item():.3f} {w2_bound:.3f}"
    '1.000 0.000'
    """

    state: GaussianMixture
    w2_bound: Array

    def __repr__(self) -> str:
        return f"Limit(state={self.state}, w2_bound={brief(self.w2_bound, math.ceil)})"


@dataclass(frozen=True, eq=False)
class Trajectory(Shown):
    """Laws of a state over time, with certified errors.

    Attributes
    ----------
    initial : GaussianMixture
        The law at the start.
    states : tuple of GaussianMixture
        The law after each step.
    w2_bound : array (steps,)
        Bounds on the 2-Wasserstein distance between the true law after each step and the state.
    diracs : tuple of SumOfDiracs
        What each law was replaced by before it was pushed through the dynamics: `diracs[t]` stands for the law after t
        steps, each point being the barycenter of its cell. Empty where states are exact.
    dirac_errors : array (steps,)
        Bounds on the W₂ distances between `diracs[t]` and the law after t steps, as approximated; (0,) where states are
        exact.
    schemes : tuple of LayeredScheme or PointScheme
        The cells: those of these schemes' points; for a PointScheme the fine boxes that were merged into each point.
        Empty where states are exact.
    metrics : tuple of arrays (d, d)
        Of `Smooth` maps: for each step the metric in which its cells are round. Else empty.
    chain : Chain, optional
        The dynamics themselves where they make the states at all times jointly normal: affine, with one component of
        the noise, and none of the start merged.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import Gaussian, propagate
    >>> found = propagate(Gaussian([1.0], 0.01), np.tanh, Gaussian([0.0], 0.01), 2, n=20, lipschitz=1.0)
    >>> len(found.states), len(found.diracs), found.w2_bound.round(3).tolist()
    (2, 2, [0.008, 0.012])
    """

    initial: GaussianMixture
    states: tuple[GaussianMixture, ...]
    w2_bound: Array
    diracs: tuple[SumOfDiracs, ...]
    dirac_errors: Array
    schemes: tuple[LayeredScheme | PointScheme, ...]
    _limit: Callable[[], Limit] = field(repr=False)
    metrics: tuple[np.ndarray, ...] = ()
    chain: Chain | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.states)

    def limit(self) -> Limit:
        """The infinite horizon of a contraction: a state within `w2_bound` of the law that the true chain converges to.

        Of exact states it is the stationary Gaussian, or for noise of several components the exact chain with merging,
        run until its start is forgotten. Else the cells of the last step are kept and the chain of their Diracs is run
        until it settles. The bound holds for every initial law. With a noise radius it is one on the lim sup of the
        distances.

        Raises
        ------
        ValueError
            If the dynamics are no contraction: spectral radius of A, or Lipschitz constant, of 1 or more.
        """
        return self._limit()

    def stays_in(self, regions: Any, *, start: bool = True, initial_radius: float = 0.0) -> Horizon:
        """The probability of staying in a safe set over the horizon; see `diracs.stays_in`."""
        from diracs.propagation.horizon import stays_in

        return stays_in(self, regions, start=start, initial_radius=initial_radius)

    def reach_avoid(self, target: Any, avoid: Any, *, start: bool = True, initial_radius: float = 0.0) -> Horizon:
        """The probability of ending in a target and never meeting an obstacle; see `diracs.reach_avoid`."""
        from diracs.propagation.horizon import reach_avoid

        return reach_avoid(self, target, avoid, start=start, initial_radius=initial_radius)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the states with their ambiguity balls; see `diracs.show.propagation.plot_trajectory`."""
        from diracs.show.propagation import plot_trajectory

        return plot_trajectory(self, ax, **options)

    def __repr__(self) -> str:
        bounds = concrete(self.w2_bound)
        most = max((len(d) for d in self.diracs), default=0)
        points = f"at most {most} points a step" if most else "exact states"
        ends = " … ".join(round_to(float(b), math.ceil) for b in bounds[[0, -1][: len(bounds)]])
        return f"Trajectory({len(self)} steps in dimension {self.states[-1].ndim}, {points}, W₂ ≤ {ends})"
