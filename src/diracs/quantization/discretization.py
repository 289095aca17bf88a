"""A distribution goes to the points of a scheme: weighted Diracs with a certified error."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from diracs.backend.arrays import (
    Array,
    bound_in,
    common_framework,
    concrete,
    eps,
    framework,
    is_lazy,
    is_traced,
    leaves,
    map_arrays,
    namespace,
    nan_unless,
    owned,
    pytree,
    stop_gradient,
    to_framework,
    together,
    working,
)
from diracs.backend.decimals import brief
from diracs.certificates.masses import mass_error
from diracs.certificates.rounding import diffused, mass_change, root_mean_square, with_moved_masses
from diracs.certificates.upper.assignment import transport
from diracs.certificates.upper.traced import compiled
from diracs.codebooks.scalar import ScalarCodebook
from diracs.laws.convert import as_law, as_mixture
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.shown import Shown
from diracs.laws.univariate.discrete import atoms_of
from diracs.quantization.by_points import ENGINES, engines
from diracs.quantization.discrete import raised
from diracs.quantization.nearest_points import in_given_order, mixture_to_points, unit_to_points
from diracs.schemes.layered import LayeredScheme, Scheme
from diracs.schemes.points import PointScheme
from diracs.schemes.product import ProductScheme
from diracs.schemes.scaling import rescale, unit_of
from diracs.schemes.soundness import sound_law, sound_scheme


@pytree
@dataclass(frozen=True, eq=False)
class Quantization(Shown):
    """Diracs that stand for a distribution, with a certified error. Unpacks as `points, w2 = q`.

    NumPy arrays are read-only: points that move have another error.

    Attributes
    ----------
    positions : array (..., n, d)
    weights : array (..., n)
        The masses, summing to 1.
    w2 : array (...)
        A bound on the 2-Wasserstein distance between the distribution and these Diracs, in the units of the positions.
    exact : bool
        True if `w2` is that distance itself (up to the rounding that every bound is raised by).
    scheme : ProductScheme, LayeredScheme or PointScheme, or a tuple of them for a batch
    distribution : GaussianMixture, PolynomialGrid, Mesh, Univariate, Independent, Elliptical, Mixture, …

    Examples
    --------
    >>> from diracs import Gaussian, quantize
    >>> q = quantize(Gaussian(0.0, 1.0), 10)
    >>> points, w2 = q
    >>> points, q.positions.shape, f"{w2:.4f}", q.exact
    (SumOfDiracs(10 points in dimension 1), (10, 1), '0.1514', True)
    """

    distribution: Any
    scheme: Scheme | tuple[Scheme, ...]
    positions: Array
    weights: Array
    w2: Array
    exact: bool

    _w2_lower: Array = field(init=False, repr=False, default=None)

    _leaves = ("distribution", "scheme", "positions", "weights", "w2")
    _static = ("exact",)

    def __post_init__(self) -> None:
        for name in ("positions", "weights", "w2"):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, owned(value))

    @property
    def diracs(self) -> SumOfDiracs:
        """The Diracs."""
        return SumOfDiracs._of(self.positions, self.weights)

    @property
    def mean(self) -> Array:
        """The expectation (..., d) of the Diracs."""
        return self.diracs.mean

    @property
    def cov(self) -> Array:
        """The covariance (..., d, d) of the Diracs; where these are barycenters, it is less than the law's."""
        return self.diracs.cov

    def sample(self, size: int, seed: int | np.random.Generator = 0) -> Array:
        """Independent draws (size, d) of the Diracs; see `SumOfDiracs.sample`."""
        return self.diracs.sample(size, seed)

    @property
    def w2_lower(self) -> Array:
        """A number that the W₂ of every n-point measure reaches: how good `w2` could be at best.

        Computed when it is first asked for, which may take seconds, and then kept.
        """
        if not self.w2_lower_known:
            law, n = self.distribution, self.positions.shape[-2]
            if ENGINES.know(law):
                bounds, like = np.asarray(engines(law).sharpest(law, n)), self.positions
            else:
                from diracs.certificates.lower.mixture import law_lower_bound

                means, covs, weights = (concrete(x) for x in (law.means, law.covs, law.weights))
                batch, like = law.batch_shape, law.means
                found = [law_lower_bound(means[i], covs[i], weights[i], n) for i in np.ndindex(*batch)]
                bounds = np.reshape(found, batch)
            best = np.minimum(bounds, concrete(self.w2))
            object.__setattr__(self, "_w2_lower", bound_in(best, framework(like), like, up=False))
        return self._w2_lower

    @property
    def w2_lower_known(self) -> bool:
        """Whether `w2_lower` is there already: computing it may take seconds."""
        return getattr(self, "_w2_lower", None) is not None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.diracs, self.w2))

    def __len__(self) -> int:
        """Number of points."""
        return self.positions.shape[-2]

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the distribution and its Diracs; see `diracs.show.quantization.plot_quantization`."""
        from diracs.show.quantization import plot_quantization

        return plot_quantization(self, ax, **options)

    def save(self, path: str | os.PathLike[str], *, lower: bool = False) -> None:
        """Write to a .npz or .json file; `w2_lower` goes with it if it is known, or with `lower=True`."""
        from diracs.show.files import save

        save(self, path, lower=lower)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Quantization:
        """Read what `save` wrote; arrays come back as NumPy's."""
        from diracs.show.files import load

        return load(path)

    def __repr__(self) -> str:
        if is_traced(self.w2):
            return f"Quantization({len(self)} points in dimension {self.positions.shape[-1]}, traced)"
        value, way = concrete(self.w2), round if self.exact else math.ceil
        ends = [value] if value.ndim == 0 else [value.min(), value.max()]
        bound = f"W₂ {'=' if self.exact else '≤'} {' … '.join(brief(end, way) for end in ends)}"
        batch = f", batch {value.shape}" if value.ndim else ""
        lower = ""
        if value.ndim == 0 and self.w2_lower_known and concrete(self._w2_lower) > 0:  # 0 says nothing
            lower = f", no {len(self)} points below {brief(self._w2_lower, math.floor)}"
        return f"Quantization({len(self)} points in dimension {self.positions.shape[-1]}{batch}, {bound}{lower})"


def discretize(distribution: Any, scheme: Scheme) -> Quantization:
    """Send a distribution to the points of a scheme, with a certified error.

    Differentiable (PyTorch, JAX) in the means, covariances and weights of the distribution and in the levels, radii,
    offset and scales of the scheme; runs under `jax.jit` and `jax.vmap`.

    Parameters
    ----------
    distribution : Gaussian, GaussianMixture, SumOfDiracs, PolynomialGrid, Mesh, or what `diracs.laws.convert` takes;
        a univariate law of scipy.stats or torch.distributions
        With leading axes: a batch, discretized by the same scheme. Of SumOfDiracs each point goes to the nearest of a
        PointScheme, W₂ is exact; mixtures in more than three dimensions go nearly so, and have no derivatives
        in more than two. A PolynomialGrid, a Mesh, a univariate law, and laws that are cut into cells (Independent,
        Elliptical, Mixture, histograms, laws of one's own) go to a PointScheme, their results carry no derivatives.
        Discrete laws of scipy.stats and torch.distributions go as the point clouds of their masses.
    scheme : ProductScheme, LayeredScheme or PointScheme
        Arrays of the distribution's framework; if one of the two is of NumPy's, it is taken for a constant of the
        other's.

    Returns
    -------
    Quantization
        In the framework, dtype and device of the distribution.

    Raises
    ------
    TypeError
        If the scheme is none, or of PyTorch where the distribution is of JAX or the other way round.
    ValueError
        If scheme and distribution do not fit: dimensions, number of groups; if a mixture with near singular covariances
        is to go to points in the plane.

    Examples
    --------
    >>> from diracs import GaussianMixture, discretize, generate_scheme
    >>> before, after = (GaussianMixture([[0.0, 0.0], [x, 0.0]], [1.0, 1.0]) for x in (5.0, 5.1))
    >>> scheme = generate_scheme(before, 50)
    >>> f"{discretize(before, scheme).w2:.4f} {discretize(after, scheme).w2:.4f}"
    '0.3999 0.4004'
    """
    if not isinstance(scheme, Scheme):
        raise TypeError(
            f"scheme must be a ProductScheme, a LayeredScheme or a PointScheme, got {type(scheme).__name__}"
        )
    atoms = atoms_of(distribution)
    if atoms is not None:
        found = discretize(atoms.diracs, scheme)
        return replace(found, w2=raised(found.w2, atoms))
    distribution = as_law(distribution)
    if ENGINES.know(distribution):
        return _discretize_by_points(distribution, scheme)
    mixture = as_mixture(distribution)
    common_framework(distribution=mixture.means, **{f"scheme's array {i}": a for i, a in enumerate(scheme.arrays())})
    mixture, scheme = together(mixture, scheme)
    kind = framework(mixture.means)
    points = scheme if isinstance(scheme, PointScheme) else None
    layered = _layered(scheme)
    if scheme.ndim is not None and scheme.ndim != mixture.ndim:
        raise ValueError(f"scheme lies in dimension {scheme.ndim}, but distribution in dimension {mixture.ndim}")
    if layered is not None and layered.groups is not None and len(layered.groups) != mixture.n_components:
        raise ValueError(
            f"scheme gives groups for {len(layered.groups)} components, but distribution has {mixture.n_components}"
        )
    batch = mixture.batch_shape

    def row(i: tuple[int, ...]) -> tuple[Array, Array, Array, bool]:
        law = mixture.means[i], mixture.covs[i], mixture.weights[i]
        if points is not None and (layered is None or _is_cloud(*law, points.points)):
            positions, weights, w2, exact = mixture_to_points(*law, points.points)
        else:
            assert layered is not None
            positions, weights, w2, exact = _discretize(*law, layered, kind)
            if points is not None:
                positions, weights = in_given_order(points.points, positions, weights)
        if is_traced(w2):
            # What the front door would have refused has no certificate.
            sound = sound_law(*law) & sound_scheme(scheme)
            weights, w2 = nan_unless(sound, weights), nan_unless(sound, w2)
        return positions, weights, w2, exact

    rows = [row(i) for i in np.ndindex(*batch)]
    exact = all(row[3] for row in rows)
    if not batch:
        positions, weights, w2, _ = rows[0]
        return Quantization(mixture, scheme, positions, weights, w2, exact)
    xp = namespace(mixture.means)
    stacked = [xp.stack([row[j] for row in rows]) for j in range(3)]
    positions, weights, w2 = (x.reshape(*batch, *x.shape[1:]) for x in stacked)
    return Quantization(mixture, scheme, positions, weights, w2, exact)


def _layered(scheme: Scheme) -> LayeredScheme | None:
    """The scheme as a layered one; None for points of the plane or of space."""
    if isinstance(scheme, PointScheme):
        return LayeredScheme((ProductScheme([ScalarCodebook(scheme.points[:, 0])]),)) if scheme.ndim == 1 else None
    return scheme if isinstance(scheme, LayeredScheme) else LayeredScheme((scheme,))


def _is_cloud(means: Array, covs: Array, weights: Array, points: Array) -> bool:
    """Whether no component has a covariance, and all can be looked at."""
    return not any(is_lazy(x) for x in (means, covs, weights, points)) and not concrete(covs).any()


def _discretize_by_points(law: Any, scheme: Scheme) -> Quantization:
    kind = type(law).__name__
    if not isinstance(scheme, PointScheme):
        raise TypeError(f"scheme must be a PointScheme for a {kind}, got {type(scheme).__name__}")
    common_framework(**{f"distribution's array {i}": a for i, a in enumerate(leaves(law))}, scheme=scheme.points)
    law, points = together(law, scheme)
    engine = ENGINES.of(law)
    if engine is None or scheme.ndim != law.ndim:
        raise ValueError(
            f"distribution and scheme must lie in one dimension, and one that a {kind} is quantized in, got"
            f" {law.ndim} and {scheme.ndim}"
        )
    like = next(iter(leaves(law)), points.points)
    if any(is_traced(x) for x in (*leaves(law), points.points)):
        raise TypeError(f"a {kind} cannot be discretized under transforms such as jit: its derivatives are not known")
    return Quantization(law, points, *unit_to_points(engine.unit(law), points.points, like))


def _discretize(
    means: Array, covs: Array, weights: Array, scheme: LayeredScheme, kind: str
) -> tuple[Array, Array, Array, bool]:
    """Positions, masses, bound and exactness for one mixture, in the framework and dtype of `means`."""
    given = (means, covs, weights, *scheme.arrays())
    if kind == "jax" and any(is_traced(x) for x in given):
        return compiled(_computed, means, covs, weights, scheme)
    return _computed(means, covs, weights, scheme, kind)


def _computed(
    means: Array, covs: Array, weights: Array, scheme: LayeredScheme, kind: str
) -> tuple[Array, Array, Array, bool]:
    like = means
    given = (means, covs, weights, *scheme.arrays())
    means, covs, weights, *arrays = working(*given)
    replaced = iter(arrays)
    scheme = map_arrays(scheme, lambda _: next(replaced))
    if is_lazy(weights) and weights.dtype != given[2].dtype:
        # Normalized in single precision they sum to 1 only up to 1e-7.
        weights = weights / namespace(weights).sum(weights)
    if not any(is_lazy(x) for x in given) and not weights.all():
        means, covs, weights, scheme = _without_empty(means, covs, weights, scheme)
    places = scheme.positions(means.shape[-1])
    law = means, covs
    unit = unit_of(means, covs, scheme)
    if is_traced(unit) or unit != 1.0:
        # Not covs / unit / unit: XLA divides by unit², which may vanish.
        inverse = 1.0 / unit
        means, covs, scheme = means * inverse, covs * inverse * inverse, rescale(scheme, inverse)
    near, masses, w2, exact = transport(means, covs, weights, scheme)
    w2 = (w2 + _vanished(*law, places, w2)) * unit
    out, out_masses = to_framework(places, kind, like), to_framework(masses, kind, like)
    if out.dtype != places.dtype:
        held = (masses > 0)[:, None]
        placed = concrete(out) if isinstance(places, np.ndarray) else namespace(out).astype(out, places.dtype)
        moved = namespace(places).where(held, placed - places, 0.0 * places) / unit
        if is_traced(w2):
            change, fraction = mass_error(near, masses, 0.5 * eps(out) / eps(masses) + 0.0 * masses)
        else:
            if isinstance(masses, np.ndarray):
                narrow = np.dtype(str(out.dtype).removeprefix("torch."))
                out_masses = to_framework(diffused(masses, narrow.type), kind, like)
            change, fraction = mass_change(concrete(near), concrete(masses), concrete(out_masses))
        square = with_moved_masses((w2 / unit) ** 2, stop_gradient(0.0 * w2 + change), stop_gradient(fraction))
        w2 = (square**0.5 + stop_gradient(root_mean_square(moved, masses))) * unit
    exact = exact or (not is_traced(w2) and not concrete(w2).any())
    return out, out_masses, bound_in(w2, kind, like, up=True), exact


def _without_empty(
    means: np.ndarray, covs: np.ndarray, weights: np.ndarray, scheme: LayeredScheme
) -> tuple[np.ndarray, np.ndarray, np.ndarray, LayeredScheme]:
    """Leave out the components without weight, which may be anywhere."""
    keep = weights > 0
    groups = None if scheme.groups is None else np.asarray(scheme.groups)[keep]
    return means[keep], covs[keep], weights[keep], LayeredScheme(scheme.schemes, groups)


def _vanished(means: Array, covs: Array, positions: Array, w2: Array) -> Array | float:
    """What terms of the mean square error that are too small for the dtype may add to W₂, in its unit."""
    xp = namespace(means, covs)
    least = (8.0 * means.shape[-1] * float(xp.finfo(means.dtype).smallest_normal)) ** 0.5
    if is_lazy(w2):
        something = stop_gradient((w2 > 0) | (xp.max(abs(covs)) > 0))
        return xp.where(something, least + 0.0 * stop_gradient(w2), 0.0 * stop_gradient(w2))
    points = () if w2 > 0 or covs.any() else set(map(tuple, positions.tolist()))
    return least * any(tuple(mean) not in points for mean in means.tolist())
