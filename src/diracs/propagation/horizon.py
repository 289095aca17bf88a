"""What is asked of a whole trajectory: the probability of staying in a safe set, or of reaching a target safely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, bound_in, concrete, framework
from diracs.backend.decimals import brief
from diracs.laws.regions import Complement, HalfSpace, Polytope, Region
from diracs.propagation.gains import entering, faces_of, leaving
from diracs.propagation.joint import Faces, any_beyond
from diracs.propagation.questions import check_region
from diracs.propagation.trajectory import Trajectory
from diracs.propagation.worst_mass import Gain, Nominal, most, nominal


class Horizon(NamedTuple):
    """Bounds on the probability of keeping all constraints, and at each time by itself those of the time.

    Attributes
    ----------
    low, high : number
        Of keeping them at all times.
    lows, highs : array (times,)
        Of keeping those of one time.
    margins : array (times,)
        How far inside the approximate state is asked to stay: the distance up to which mass moves in the worst case.

    Examples
    --------
    >>> from diracs import Affine, Gaussian, HalfSpace, propagate, stays_in
    >>> walk = propagate(Gaussian([0.0], 0.01), Affine([[0.9]]), Gaussian([0.0], 0.01), 3)
    >>> found = stays_in(walk, HalfSpace([1.0], 0.3))
    >>> f"{found.low:.3f} {found.high:.3f}", found.lows.round(3).tolist()
    ('0.940 0.958', [0.999, 0.987, 0.972, 0.958])
    """

    low: Array
    high: Array
    lows: Array
    highs: Array
    margins: Array

    def __repr__(self) -> str:
        ends = f"low={brief(self.low, math.floor)}, high={brief(self.high, math.ceil)}"
        return f"Horizon({ends}, {len(self.lows)} times)"


def stays_in(
    trajectory: Trajectory, regions: Region | Sequence[Region], *, start: bool = True, initial_radius: float = 0.0
) -> Horizon:
    """The probability that the state stays in a safe set over the horizon, with certified ends.

    Parameters
    ----------
    trajectory : Trajectory
    regions : region, or sequence of regions
        One for all times, or one for each: start and steps.
    start : bool
        Whether time 0 counts; else a sequence of regions has as many as there are steps.
    initial_radius : number
        That of `propagate`, for time 0; the bounds of the steps contain it.

    Returns
    -------
    Horizon

    Raises
    ------
    ValueError, TypeError
        For regions of another dimension, kind or number, and a radius that is negative.

    Notes
    -----
    By the union over times P(some x_t ∉ S_t) ≤ Σ_t sup P(x_t ∉ S_t), each term the worst of its ball. Of exact states
    of an affine chain whose noise has one component, what violations have in common is taken off again:
    docs/propagation.md.

    Examples
    --------
    >>> from diracs import Affine, Gaussian, Polytope, propagate, stays_in
    >>> walk = propagate(Gaussian([0.0], 0.01), Affine([[0.9]]), Gaussian([0.0], 0.01), 5)
    >>> f"{stays_in(walk, Polytope.box([-0.6], [0.6])).low:.3f}"
    '0.997'
    """
    count = len(trajectory) + (1 if start else 0)
    given = list(regions) if isinstance(regions, Sequence) else [regions] * count
    if len(given) != count:
        raise ValueError(f"regions must be one, or one for each of {count} times, got {len(given)}")
    return _keeps(
        trajectory, [[region] for region in given], start, checks.not_negative("initial_radius", initial_radius)
    )


def reach_avoid(
    trajectory: Trajectory, target: Region, avoid: Region, *, start: bool = True, initial_radius: float = 0.0
) -> Horizon:
    """The probability that the state is in a target after the last step, and at no time in what is to be avoided.

    Parameters
    ----------
    trajectory : Trajectory
    target, avoid : HalfSpace, Polytope, Ball or Complement
    start, initial_radius
        As for `stays_in`.

    Returns
    -------
    Horizon
        `lows` and `highs` are those of avoiding, and at the last step of being in the target as well.

    Raises
    ------
    ValueError, TypeError
        As for `stays_in`.

    Examples
    --------
    >>> from diracs import Affine, Ball, Gaussian, propagate, reach_avoid
    >>> walk = propagate(Gaussian([4.0, 1.0], 0.01), Affine([[0.5, 0.0], [0.0, 0.5]]), Gaussian([0.0, 0.0], 0.001), 4)
    >>> found = reach_avoid(walk, target=Ball([0.0, 0.0], 0.4), avoid=Ball([2.0, -0.1], 0.3))
    >>> f"{found.low:.4f} {found.high:.4f}"
    '0.9999 0.9999'
    """
    check_region("target", target, trajectory.states[-1].ndim)
    check_region("avoid", avoid, trajectory.states[-1].ndim)
    regions: list[list[Region]] = [[Complement(avoid)] for _ in range(len(trajectory) + (1 if start else 0))]
    regions[-1].append(target)
    return _keeps(trajectory, regions, start, checks.not_negative("initial_radius", initial_radius))


def _keeps(trajectory: Trajectory, regions: list[list[Region]], start: bool, initial_radius: float) -> Horizon:
    """The probability of being in all regions of each time."""
    states = ([trajectory.initial] if start else []) + list(trajectory.states)
    radii = ([initial_radius] if start else []) + concrete(trajectory.w2_bound).tolist()
    for state, some in zip(states, regions, strict=True):
        for region in some:
            check_region("regions", region, state.ndim)
    balls = [nominal(state, radius) for state, radius in zip(states, radii)]
    worst = [most(_any(ball, some), ball.reach) for ball, some in zip(balls, regions)]
    lows = np.array([1.0 - p for p, _ in worst])
    highs = np.array([min(most(entering(b, r), b.reach)[0] for r in some) for b, some in zip(balls, regions)])
    margins = np.array([np.ldexp(d, ball.unit) for (_, d), ball in zip(worst, balls)])
    missed = float((1.0 - lows).sum())
    jointly = _jointly(trajectory, balls, regions, margins, 0 if start else 1)
    low = max(1.0 - (1.0 + 1e-14) * min(missed, jointly), 0.0)
    like = states[0].means
    kind = framework(like)
    ends = (bound_in(x, kind, like, up=up) for x, up in ((low, False), (float(highs.min()), True)))
    return Horizon(
        *ends, *(bound_in(x, kind, like, up=up) for x, up in ((lows, False), (highs, True), (margins, True)))
    )


def _any(ball: Nominal, regions: list[Region]) -> Gain:
    """The gain of leaving any of some regions, or a bound on it."""
    gains = [leaving(ball, region) for region in regions]
    return lambda d: min(sum(gain(d) for gain in gains), 1.0)


def _jointly(
    trajectory: Trajectory, balls: list[Nominal], regions: list[list[Region]], margins: np.ndarray, first: int
) -> float:
    """A bound on the probability of leaving at some time, less what crossings of faces have in common.

    1 without a joint law. One coupling of the chains keeps E|x_t − y_t|² below the squares of all radii.
    """
    if trajectory.chain is None:
        return 1.0
    missed, faces = 0.0, []
    for t, (ball, some, margin) in enumerate(zip(balls, regions, margins), start=first):
        flat = [faces_of(region) for region in some if isinstance(region, HalfSpace | Polytope)]
        missed += sum(
            most(leaving(ball, region), ball.reach)[0]
            for region in some
            if not isinstance(region, HalfSpace | Polytope)
        )
        if flat:
            missed += (ball.reach / float(np.ldexp(margin, -ball.unit))) ** 2 if ball.reach > 0 else 0.0
            normals, offsets = (np.concatenate(x) for x in zip(*flat))
            faces.append(Faces(t, normals, offsets, float(margin)))
    return missed + any_beyond(trajectory.chain, faces)
