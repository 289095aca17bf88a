"""Lower bounds on the W₂ between an image and *every* measure of n points."""

from __future__ import annotations

import math

import numpy as np

from diracs.certificates.lower.covering import image_covering_bound
from diracs.certificates.lower.covering_line import line_image_covering_bound
from diracs.certificates.lower.line import line_image_bound
from diracs.certificates.lower.mixture import SLACK
from diracs.certificates.upper.nearest_line import UnitLineImage

# Beyond so many points a discretization fine enough for its optimum to say more takes too long.
_PARTITIONED = 128


def image_lower_bound(values: np.ndarray, domain: np.ndarray, n: int, *, torus: bool = False) -> float:
    """A number that the W₂ (not squared) between a density constant on pixels and any n points is never below.

    Parameters
    ----------
    values : array (n₁, …, n_d)
        Of the pixels, non-negative, in any unit.
    domain : array (2, d)
        The box.
    n : int
        Number of points.
    torus : bool
        Whether distances are those on a torus: only bounds that hold for these are taken. Around its point a cell lies
        in a box there, as in space, where neither entropies nor balls are otherwise; covariances and projections are.

    Returns
    -------
    float
        The largest of these bounds on W₂², with d dimensions, f the density:

        - what an affine space of dimension n − 1 misses of the covariance (for n = 1 all of it, the optimum);
        - Shannon's, d/(2πe)·exp(2(h − ln n)/d), h = −∫ f ln f;
        - for level sets: f = ∫ 1{f > t} dt, and of a set of volume V the n points cannot leave less than n balls of
          volume V/n leave to their centres (what lies outside of the balls is further away, and moving it inside brings
          it nearer), so that W₂² ≥ d/(d+2) (κ_d n)^(−2/d) ∫ |{f > t}|^(1 + 2/d) dt, κ_d the volume of the unit ball.
          For a uniform law in the plane it is 0.6 % below what Fejes Tóth's hexagons would give, on the line exact;
        - on the line, for few points, the exact optimum of a fine discretization (see `line_image_bound`).
    """
    sides = domain[1] - domain[0]
    unit = math.ldexp(1.0, math.frexp(float(sides.max()))[1])
    sides = sides / unit
    d, pixel = values.ndim, float(np.prod(sides / values.shape))
    masses = values / values.max()
    masses = masses / masses.sum()
    held = np.sort(masses[masses > 0])[::-1] / pixel
    entropy = -pixel * float(held @ np.log(held))
    shannon = d / (2.0 * math.pi * math.e) * math.exp(2.0 * (entropy - math.log(n)) / d)
    volumes = pixel * np.arange(1, len(held) + 1)
    layers = float((held - np.append(held[1:], 0.0)) @ volumes ** (1.0 + 2.0 / d))
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    balls = d / (d + 2.0) * (ball * n) ** (-2.0 / d) * layers
    spectrum = np.linalg.eigvalsh(_covariance(masses, sides))
    error = 1e-14 * d * float(spectrum.sum())
    missed = float(np.maximum(spectrum[: max(d - n + 1, 0)] - error, 0.0).sum())
    if torus:
        missed = 0.0
    bound = math.sqrt(max(shannon, balls, missed) * (1.0 - SLACK)) * unit
    if d == 1 and not torus and 1 < n <= _PARTITIONED:
        bound = max(bound, line_image_bound(UnitLineImage.of(values, domain), n))
    return math.nextafter(bound, 0.0)


def sharpest_image_lower_bound(values: np.ndarray, domain: np.ndarray, n: int) -> float:
    """As `image_lower_bound`, or that by covering the line, the plane or space if larger, which takes up to seconds."""
    bound = image_lower_bound(values, domain, n)
    covering = _COVERINGS.get(values.ndim)
    return bound if covering is None or n == 1 else max(bound, covering(values, domain, n))


def _line_covering(values: np.ndarray, domain: np.ndarray, n: int) -> float:
    if n <= _PARTITIONED:
        return 0.0
    return math.nextafter(line_image_covering_bound(UnitLineImage.of(values, domain), n) * (1.0 - SLACK), 0.0)


def _covering(values: np.ndarray, domain: np.ndarray, n: int) -> float:
    sides = domain[1] - domain[0]
    unit = math.ldexp(1.0, math.frexp(float(sides.max()))[1])
    masses = values / values.max()
    square = image_covering_bound(masses / masses.sum(), sides / unit, n)
    return math.nextafter(math.sqrt(square * (1.0 - SLACK)) * unit, 0.0)


# By dimension.
_COVERINGS = {1: _line_covering, 2: _covering, 3: _covering}


def _covariance(masses: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Of the law, (d, d): of the middles of the pixels, and of the uniform law in each."""
    axes = [(np.arange(k) + 0.5) * side / k - 0.5 * side for k, side in zip(masses.shape, sides)]
    middles = np.stack([x.ravel() for x in np.meshgrid(*axes, indexing="ij")], axis=1)
    weights = masses.ravel()
    middles -= weights @ middles
    within = np.diag((sides / masses.shape) ** 2 / 12.0)
    return (middles * weights[:, None]).T @ middles + within
