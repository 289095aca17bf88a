"""Mixtures of any laws of one dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import checks
from diracs.backend.arrays import Array, common_framework, concrete, framework, pytree, to_framework
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture, components_of, full_covariances
from diracs.laws.shown import Drawn
from diracs.laws.univariate.families.mixture import UnivariateMixture
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.law import Univariate
from diracs.laws.univariate.standard import Standard

# More laws on the line are cut into cells.
_MOST_PARTS = 64


@pytree
@dataclass(frozen=True, eq=False, init=False)
class Mixture(Drawn):
    """The law Σ w_k law_k, of any laws of one dimension.

    Parameters
    ----------
    laws : sequence of k laws
        Whatever `quantize` takes, single ones: Gaussians, point clouds (atoms), histograms, meshes, `Independent`,
        `Elliptical`, univariate laws, laws of one's own, mixtures again, which are flattened. Of Gaussians and
        Gaussian mixtures alone it is quantized as a GaussianMixture, of these and univariate laws as a univariate law.
    weights : array (k,), optional
        Non-negative, normalized to sum 1; equal by default.

    Attributes
    ----------
    laws : tuple
    weights : array (k,)

    Raises
    ------
    ValueError, TypeError
        For no laws, unequal dimensions, batches, periodic grids, and weights as for `GaussianMixture`.

    Examples
    --------
    >>> import diracs
    >>> law = diracs.Mixture([diracs.SumOfDiracs([[0.0, 0.0]]), diracs.PolynomialGrid([[1.0]])], [3, 1])
    >>> law.weights.tolist()
    [0.75, 0.25]
    """

    laws: tuple[Any, ...]
    weights: Array

    _leaves = ("weights", "laws")
    _static = ()

    def __init__(self, laws: Sequence[Any], weights: Any = None) -> None:
        from diracs.laws.convert import as_part

        if not isinstance(laws, Sequence) or isinstance(laws, str) or not len(laws):
            raise TypeError(f"laws must be a list of laws, one or more, got {type(laws).__name__}")
        parts = [as_part(law) for law in laws]
        kind = common_framework(weights=weights)
        none = to_framework(np.zeros(len(parts)), kind)
        shares = checks.weights("weights", weights, kind, none, (len(parts),))
        flat: list[Any] = []
        held: list[float] = []
        for law, share in zip(parts, concrete(shares).tolist()):
            inner = law if isinstance(law, Mixture) else None
            flat += [law] if inner is None else list(inner.laws)
            held += [share] if inner is None else (share * concrete(inner.weights)).tolist()
        for k, law in enumerate(flat):
            if len(_batch(law)):
                raise ValueError(f"laws must be single ones, but laws[{k}] is a batch of shape {_batch(law)}")
            if any(getattr(law, "periodic", ())):
                raise ValueError(f"laws must not be periodic, but laws[{k}] is: a mixture lies in a space of one kind")
            if law.ndim != flat[0].ndim:
                raise ValueError(
                    f"laws must be of one dimension, got {flat[0].ndim} (laws[0]) and {law.ndim} (laws[{k}])"
                )
        object.__setattr__(self, "laws", tuple(flat))
        shares = shares if len(flat) == len(parts) else to_framework(np.array(held), kind, shares)
        object.__setattr__(self, "weights", shares)

    @property
    def ndim(self) -> int:
        """The dimension d of the space."""
        return int(self.laws[0].ndim)

    def __repr__(self) -> str:
        return f"Mixture({len(self.laws)} laws in dimension {self.ndim})"


def joined_gaussians(laws: Sequence[Gaussian | GaussianMixture], weights: np.ndarray) -> GaussianMixture:
    """The mixture of Gaussians and Gaussian mixtures with weights (k,), NumPy float64."""
    parts = [law.as_mixture() if isinstance(law, Gaussian) else law for law in laws]
    means = [concrete(part.means) for part in parts]
    covs = [full_covariances(m, concrete(part.covs)) for m, part in zip(means, parts)]
    shares = [weight * concrete(part.weights) for weight, part in zip(weights, parts)]
    return GaussianMixture(*(np.concatenate(x) for x in (means, covs, shares)))


def joined_on_line(laws: Sequence[Any], weights: np.ndarray, like: Array) -> Univariate | None:
    """The mixture of univariate laws and Gaussians as a univariate law in the kind of `like`.

    None if other laws, components without a density or very many parts are among them.
    """
    shares: dict[tuple[Standard, float, float], float] = {}
    for law, weight in zip(laws, weights.tolist()):
        for part, share in _on_line(law):
            if share > 0:
                shares[part] = shares.get(part, 0.0) + weight * share
    if not 0 < len(shares) <= _MOST_PARTS or any(not scale > 0 for _, _, scale in shares):
        return None
    families, locs, scales = zip(*shares)
    w = np.array(list(shares.values())) / sum(shares.values())
    means = np.array([loc + scale * z.mean for z, loc, scale in shares])
    deviations = np.array([scale * math.sqrt(z.variance) for z, _, scale in shares])
    # The centre as it will be held; units are powers of two, and round nothing.
    loc = to_framework(np.asarray(means[0] + w @ (means - means[0])), framework(like), like)
    centre = float(concrete(loc))
    unit = math.ldexp(1.0, math.frexp(float(np.hypot(means - centre, deviations).max()))[1])
    places = [(x - centre) / unit for x in locs]
    family = UnivariateMixture(families, tuple(places), tuple(s / unit for s in scales), tuple(w.tolist()))
    return Univariate(family, loc, to_framework(np.asarray(unit), framework(like), like))


def _on_line(law: Any) -> Iterator[tuple[tuple[Standard, float, float], float]]:
    """Families with location and scale, of scale zero if it is none, and weights."""
    if isinstance(law, Univariate):
        yield (law.family, *law.placed), 1.0
    elif isinstance(law, Gaussian | GaussianMixture):
        means, covs, weights = components_of(law.as_mixture() if isinstance(law, Gaussian) else law)
        normal = TruncatedNormal(-math.inf, math.inf)
        for mean, variance, weight in zip(means[:, 0], covs[:, 0, 0], weights / weights.sum()):
            yield (normal, float(mean), math.sqrt(variance)), float(weight)
    else:
        yield (TruncatedNormal(-math.inf, math.inf), 0.0, 0.0), 1.0


def _batch(law: Any) -> tuple[int, ...]:
    """The leading axes of its arrays."""
    if isinstance(law, Gaussian):
        return tuple(law.mean.shape[:-1])
    if isinstance(law, SumOfDiracs):
        return tuple(law.positions.shape[:-2])
    return tuple(getattr(law, "batch_shape", ()))
