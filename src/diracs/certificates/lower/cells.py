"""Lower bounds on the W₂ between laws of several dimensions that are cut into cells and every measure of n points.

Let X follow the law and Y be the point that X is sent to, under any coupling. Y takes n values, so that I(X; Y) ≤ ln n,
also given anything that X depends on; and n points span an affine space of dimension n − 1 at most.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import numpy as np
import scipy

from diracs.backend.arrays import concrete
from diracs.cells.laws import divisible, extent
from diracs.certificates.lower.cloud import cloud_lower_bound
from diracs.certificates.lower.image import image_lower_bound
from diracs.certificates.lower.mixture import SLACK, lower_bound
from diracs.certificates.lower.rate_distortion import water_filling
from diracs.laws.balls import Balls
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.elliptical import Elliptical
from diracs.laws.gaussian import Gaussian, GaussianMixture, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate

# Relative, on mean squares, of entropies by quadrature.
_ENTROPIES = 1e-8


@singledispatch
def cells_lower_bound(law: Any, n: int) -> float:
    """A number that the W₂ (not squared) between a law and any n points is never below; 0 where nothing is known."""
    return 0.0


@cells_lower_bound.register
def _(law: Independent, n: int) -> float:
    """With the entropies h_k of the coordinates and a triangular factor R of the matrix B = QR:

    Qᵀx = R z, so that given the coordinates after it (Qᵀx)_k has the entropy h_k + ln|R_kk|. By the chain rule I(X; Y)
    is a sum of terms that are at least that less ½ ln 2πe D_k, and at least zero: D is no less than what reverse
    water-filling gives for the variances R_kk² e^{2h_k}/2πe. What exceeds the rank is taken as known.
    """
    root, unit = _in_unit(law.root)
    # Entropies of coordinates of variance one.
    powers = np.array([_power(z.entropy - 0.5 * math.log(z.variance)) for z in law.laws])
    r = np.abs(np.diagonal(scipy.linalg.qr(root * np.sqrt(powers), mode="r", pivoting=True)[0]))
    held = r > 1e-12 * r[0]
    # Diagonals of a triangular factor are right to roundings of the whole.
    r = np.maximum(r[held] - 8.0 * len(r) * 2.0**-52 * r[0], 0.0)
    square = float(water_filling(r**2, np.ones(len(r)), math.log(n))) * (1.0 - _ENTROPIES)
    return _rooted(max(square, _affine(root @ root.T, n)), unit)


@cells_lower_bound.register
def _(law: Elliptical, n: int) -> float:
    """Given s the law is normal: E s² times the bound of rate–distortion theory for N(0, cov)."""
    covs = components_of(law.normal().as_mixture())[1]
    exponent = math.frexp(math.sqrt(float(np.trace(covs[0]))))[1]
    size = math.ldexp(1.0, exponent)
    cov = covs[0] / size / size
    values = np.maximum(np.linalg.eigvalsh(cov) - 8.0 * len(cov) * 2.0**-52 * float(np.trace(cov)), 0.0)
    square = float(water_filling(values, np.ones(len(values)), math.log(n)))
    return _rooted(max(square, _affine(cov, n)), size) * math.sqrt(law.second)


@cells_lower_bound.register
def _(law: Histogram, n: int) -> float:
    """Shannon's, d/(2πe)·exp(2(h − ln n)/d) with h = −Σ m ln(m/volume)."""
    if n == 1:
        return _total(law)
    held = law.masses > 0
    mass, volume = law.masses[held], law.volumes[held]
    entropy = -float(mass @ (np.log(mass) - np.log(volume)))
    return _rooted(_shannon(entropy, law.ndim, n), 1.0)


@cells_lower_bound.register
def _(law: Balls, n: int) -> float:
    """Each ball by itself: its entropy is the logarithm of its volume."""
    d = law.ndim
    entropy = 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1.0)
    return _total(law) if n == 1 else _rooted(_shannon(entropy, d, n), law.radius)


@cells_lower_bound.register
def _(law: Univariate, n: int) -> float:
    power = _power(law.entropy - 0.5 * math.log(law.variance)) / n**2 if n > 1 else 1.0
    return _rooted(power, math.sqrt(law.variance))


@cells_lower_bound.register
def _(law: PolynomialGrid, n: int) -> float:
    return image_lower_bound(concrete(law.values), law.domain, n)


@cells_lower_bound.register
def _(law: SumOfDiracs, n: int) -> float:
    weights = concrete(law.weights)
    return cloud_lower_bound(concrete(law.positions), weights / weights.sum(), n)


@cells_lower_bound.register
def _(law: GaussianMixture, n: int) -> float:
    return lower_bound(*components_of(law), n)


@cells_lower_bound.register
def _(law: Gaussian, n: int) -> float:
    return cells_lower_bound(law.as_mixture(), n)


@cells_lower_bound.register
def _(law: Mixture, n: int) -> float:
    """Each part goes to n points at most."""
    if n == 1:
        return _total(law)
    parts = [cells_lower_bound(part, n) for part in law.laws]
    unit = max(parts)
    if not unit > 0:
        return 0.0
    weights = concrete(law.weights)
    return _rooted(float(weights @ (np.array(parts) / unit) ** 2) / float(weights.sum()), unit)


def _total(law: Any) -> float:
    """E|X − EX|², by the law of total variance over its cells; rounded down."""
    centre, size = extent(law)
    unit = math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
    own = divisible(law, centre, unit)
    (mass, barycenter, spread), doubt, _ = own.cut(own.whole())
    off = barycenter - mass @ barycenter / mass.sum()
    cost = spread + mass * (off**2).sum(axis=1)
    square = float((cost * (1.0 - 4.0 * doubt)).sum()) / float(mass.sum())
    return max(0.0, math.sqrt(max(square, 0.0) * (1.0 - SLACK)) - 2.0 * own.rounding) * unit


def _power(entropy: float) -> float:
    """The variance of the normal law of that entropy."""
    return math.exp(2.0 * entropy) / (2.0 * math.pi * math.e)


def _shannon(entropy: float, d: int, n: int) -> float:
    return d / (2.0 * math.pi * math.e) * math.exp(2.0 * (entropy - math.log(n)) / d)


def _affine(cov: np.ndarray, n: int) -> float:
    """What an affine space of dimension n − 1 misses of a covariance (d, d): for n = 1 all of it."""
    spectrum = np.linalg.eigvalsh(cov)
    d = len(spectrum)
    error = 16.0 * d * 2.0**-52 * float(np.trace(cov))
    return float(np.maximum(spectrum[: max(d - n + 1, 0)] - error, 0.0).sum())


def _in_unit(root: np.ndarray) -> tuple[np.ndarray, float]:
    size = float(np.abs(root).max())
    unit = math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
    return root / unit, unit


def _rooted(square: float, unit: float) -> float:
    return max(0.0, math.nextafter(math.sqrt(square * (1.0 - SLACK)) * unit, 0.0))
