"""Mean and covariance of laws of several dimensions that are cut into cells."""

from __future__ import annotations

import numpy as np

from diracs.backend.arrays import concrete
from diracs.laws.balls import Balls
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.quantization.moment_matching import moments_of, with_spread

Moments = tuple[np.ndarray, np.ndarray]


@moments_of.register
def _(law: Independent) -> Moments:
    return law.mean, law.covariance


@moments_of.register
def _(law: Elliptical) -> Moments:
    return concrete(law.mean), law.second * components_of(law.normal().as_mixture())[1][0]


@moments_of.register
def _(law: Histogram) -> Moments:
    """The axes of bins without mass do not count."""
    held = np.nonzero(law.masses)
    centres = [(0.5 * edge[1:] + 0.5 * edge[:-1])[i] for edge, i in zip(law.edges, held)]
    within = np.diag([law.masses[held] @ np.diff(edge)[i] ** 2 / 12.0 for edge, i in zip(law.edges, held)])
    return with_spread(np.stack(centres, axis=1), within, law.masses[held])


@moments_of.register
def _(law: Balls) -> Moments:
    """Of a ball of radius r: r²/(d + 2) on each axis."""
    weights = concrete(law.weights)
    within = law.radius**2 / (law.ndim + 2.0) * np.eye(law.ndim)
    return with_spread(concrete(law.centres), within, weights / weights.sum())


@moments_of.register
def _(law: SumOfDiracs) -> Moments:
    weights = concrete(law.weights)
    return with_spread(concrete(law.positions), np.zeros((law.ndim, law.ndim)), weights / weights.sum())


@moments_of.register
def _(law: Gaussian) -> Moments:
    return moments_of(law.as_mixture())


@moments_of.register
def _(law: Mixture) -> Moments:
    found = [moments_of(part) for part in law.laws]
    weights = concrete(law.weights) / concrete(law.weights).sum()
    within = np.tensordot(weights, np.stack([cov for _, cov in found]), 1)
    return with_spread(np.stack([mean for mean, _ in found]), within, weights)
