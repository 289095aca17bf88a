"""A distribution goes to the points of a scheme: weighted Diracs with a certified error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diracs._arrays import (
    Array,
    add_rows,
    common_framework,
    concrete,
    is_lazy,
    is_traced,
    map_arrays,
    namespace,
    pytree,
    stop_gradient,
    take,
    to_framework,
    working,
)
from diracs.certificates.assignment import parts
from diracs.certificates.upper import couple, low_precision_slack
from diracs.distributions.convert import as_mixture
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.gaussian import GaussianMixture, full_covariances
from diracs.schemes.layered import LayeredScheme, Scheme
from diracs.schemes.product import ProductScheme


@pytree
@dataclass(frozen=True, eq=False)
class Quantization:
    """Diracs that stand for a distribution, with a certified error. Iterates as (diracs, w2).

    Attributes
    ----------
    positions : array (..., n, d)
    weights : array (..., n)
        The masses, summing to 1.
    w2 : array (...)
        A bound on the 2-Wasserstein distance between the distribution and these Diracs, in the units of the positions.
    exact : bool
        True if `w2` is that distance itself (up to the rounding that every bound is raised by).
    scheme : ProductScheme or LayeredScheme, or a tuple of them for a batch
    distribution : GaussianMixture
    """

    distribution: GaussianMixture
    scheme: Scheme | tuple[Scheme, ...]
    positions: Array
    weights: Array
    w2: Array
    exact: bool

    _w2_lower: Array = field(init=False, repr=False, default=None)

    _leaves = ("distribution", "scheme", "positions", "weights", "w2")
    _static = ("exact",)

    @property
    def diracs(self) -> SumOfDiracs:
        """The Diracs."""
        return SumOfDiracs(self.positions, self.weights)

    @property
    def w2_lower(self) -> Array:
        """A number that the W₂ of every n-point measure reaches: how good `w2` could be at best."""
        if getattr(self, "_w2_lower", None) is None:
            from diracs.certificates.lower import lower_bound

            mixture, n = self.distribution, self.positions.shape[-2]
            means, covs, weights = (concrete(x) for x in (mixture.means, mixture.covs, mixture.weights))
            covs = full_covariances(means, covs)
            batch = mixture.batch_shape
            bounds = [lower_bound(means[i], covs[i], weights[i], n) for i in np.ndindex(*batch)]
            best = np.minimum(np.reshape(bounds, batch), concrete(self.w2))
            object.__setattr__(self, "_w2_lower", _bound_in(best, framework_of(mixture), mixture.means, up=False))
        return self._w2_lower

    def __iter__(self) -> Iterator[Any]:
        return iter((self.diracs, self.w2))

    def __len__(self) -> int:
        """Number of points."""
        return self.positions.shape[-2]

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the distribution and its Diracs; see `diracs.plotting.plot_quantization`."""
        from diracs.plotting import plot_quantization

        return plot_quantization(self, ax, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a .npz or .json file."""
        from diracs.io import save

        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Quantization:
        """Read what `save` wrote; arrays come back as NumPy's."""
        from diracs.io import load

        return load(path)

    def __repr__(self) -> str:
        if is_traced(self.w2):
            return f"Quantization({len(self)} points, traced)"
        value = concrete(self.w2)
        bound = f"{value:.6g}" if value.ndim == 0 else f"{value.min():.6g} … {value.max():.6g}"
        return f"Quantization({len(self)} points, W₂ {'=' if self.exact else '≤'} {bound})"


def framework_of(mixture: GaussianMixture) -> str:
    return common_framework(means=mixture.means)


def discretize(distribution: Any, scheme: Scheme) -> Quantization:
    """Send a distribution to the points of a scheme, with a certified error.

    Differentiable (PyTorch, JAX) in the means, covariances and weights of the distribution and in the levels, radii,
    offset and scales of the scheme; runs under `jax.jit` and `jax.vmap`.

    Parameters
    ----------
    distribution : Gaussian, GaussianMixture, or what `diracs.distributions.convert` takes
        With leading axes: a batch, discretized by the same scheme.
    scheme : ProductScheme or LayeredScheme
        Arrays of the distribution's framework (NumPy's go with JAX's).

    Returns
    -------
    Quantization
        In the framework, dtype and device of the distribution.

    Raises
    ------
    TypeError
        If the scheme is none, or of another framework than the distribution.
    ValueError
        If scheme and distribution do not fit: dimensions, number of groups.
    """
    mixture = as_mixture(distribution)
    if not isinstance(scheme, ProductScheme | LayeredScheme):
        raise TypeError(f"scheme must be a ProductScheme or a LayeredScheme, got {type(scheme).__name__}")
    layered = scheme if isinstance(scheme, LayeredScheme) else LayeredScheme((scheme,))
    named = {f"scheme's array {i}": a for i, a in enumerate(layered.arrays())}
    kind = common_framework(distribution=mixture.means, **named)
    if layered.ndim is not None and layered.ndim != mixture.ndim:
        raise ValueError(f"scheme lies in dimension {layered.ndim}, but distribution in dimension {mixture.ndim}")
    if layered.groups is not None and len(layered.groups) != mixture.n_components:
        raise ValueError(
            f"scheme gives groups for {len(layered.groups)} components, but distribution has {mixture.n_components}"
        )
    batch = mixture.batch_shape
    rows = [
        _discretize(mixture.means[i], mixture.covs[i], mixture.weights[i], layered, kind) for i in np.ndindex(*batch)
    ]
    exact = all(row[3] for row in rows)
    if not batch:
        positions, weights, w2, _ = rows[0]
        return Quantization(mixture, scheme, positions, weights, w2, exact)
    xp = namespace(mixture.means)
    stacked = [xp.stack([xp.asarray(row[j]) for row in rows]) for j in range(3)]
    positions, weights, w2 = (x.reshape(*batch, *x.shape[1:]) for x in stacked)
    return Quantization(mixture, scheme, positions, weights, w2, exact)


def _discretize(
    means: Array, covs: Array, weights: Array, scheme: LayeredScheme, kind: str
) -> tuple[Array, Array, Array, bool]:
    """Positions, masses, bound and exactness for one mixture, in the framework and dtype of `means`."""
    like = means
    given = (means, covs, weights, *scheme.arrays())
    means, covs, weights, *arrays = working(*given)
    replaced = iter(arrays)
    scheme = map_arrays(scheme, lambda _: next(replaced))
    lazy = any(is_lazy(x) for x in given)
    unit = 1.0 if lazy else unit_of(means, covs, scheme)
    if unit != 1.0:
        means, covs, scheme = means / unit, covs / unit / unit, rescale(scheme, 1.0 / unit)
    positions, masses, w2, exact = transport(means, covs, weights, scheme)
    positions, w2 = positions * unit, w2 * unit
    out = to_framework(positions, kind, like)
    if out.dtype != positions.dtype and not is_traced(out):
        moved = concrete(out) - concrete(positions)
        w2 = w2 + float(_root_mean_square(moved, concrete(masses)))
    exact = exact or (not is_traced(w2) and not concrete(w2).any())
    bound = _bound_in(w2, kind, like, up=True)
    return out, to_framework(masses, kind, like), bound, exact


def transport(means: Array, covs: Array, weights: Array, scheme: LayeredScheme) -> tuple[Array, Array, Array, bool]:
    """Positions (n, d), masses (n,), bound on W₂ and exactness, for arrays of one framework at a harmless scale."""
    xp = namespace(means, covs, weights)
    positions = scheme.positions(means.shape[-1])
    square = rounding = 0.0 * xp.sum(means)
    masses, exact = [], scheme.stack == 1
    for part, members, index, share in parts(scheme, means, covs, weights):
        coupling = couple(part, index, take(means, members, axis=0), take(covs, members, axis=0))
        square = square + xp.sum(share * coupling.cost)
        rounding = rounding + xp.sum(share * coupling.rounding**2)
        rows = np.zeros(len(members), dtype=int) if index is None else index
        masses.append(add_rows(share[:, None] * coupling.masses, rows, part.stack).reshape(-1))
        exact = exact and coupling.nearest
    # A bound must cover the rounding of the positions that it speaks of.
    weight = xp.concat(masses, axis=0)
    slack = low_precision_slack(means)
    moved = xp.finfo(means.dtype).eps * _root_mean_square(stop_gradient(positions), stop_gradient(weight))
    positive = square > 0
    root = xp.where(positive, xp.sqrt(xp.where(positive, square, xp.ones_like(square))), 0.0 * square)
    w2 = root * (1.0 + slack) + stop_gradient(xp.sqrt(rounding)) + moved
    return positions, weight / xp.sum(weight), w2, exact or positions.shape[0] == 1


def rescale(scheme: LayeredScheme, factor: float) -> LayeredScheme:
    """The scheme with all points multiplied by the factor."""
    scaled = []
    for part in scheme.schemes:
        xp = namespace(*part.arrays()) if part.arrays() else np
        scales = xp.ones(part.ndim_support) if part.scales is None else part.scales
        offset = None if part.offset is None else part.offset * factor
        scaled.append(ProductScheme(part.codebooks, part.frame, offset, scales * factor))
    return LayeredScheme(scaled, scheme.groups)


def unit_of(means: np.ndarray, covs: np.ndarray, scheme: LayeredScheme | None = None) -> float:
    """A power of two near the size of everything, 1 unless squares could overflow or vanish."""
    offsets = [] if scheme is None else [part.offset for part in scheme.schemes if part.offset is not None]
    reach = [np.abs(x - means[:1]).max() for x in (means, *offsets)]
    size = max(np.sqrt(np.abs(covs).max()), *reach)
    if size == 0.0 or 1e-60 < size < 1e60:
        return 1.0
    return float(2.0 ** np.round(np.log2(size)))


def _root_mean_square(vectors: Array, masses: Array) -> Array:
    """√Σ mᵢ|vᵢ|², without overflow."""
    xp = namespace(vectors)
    top = xp.max(abs(vectors))
    top = xp.where(top > 0, top, xp.ones_like(top))
    return top * xp.sqrt(xp.sum(masses[:, None] * (vectors / top) ** 2))


def _bound_in(value: Any, kind: str, like: Array, *, up: bool) -> Array:
    """A bound in the dtype of `like`, rounded to the side on which it stays one."""
    if is_lazy(value) or (kind != "numpy" and not isinstance(value, np.ndarray | float)):
        wide, out = value, to_framework(value, kind, like)
        if out.dtype != wide.dtype:
            out = out * (1.0 + (1.2e-7 if up else -1.2e-7))
        return out
    v = np.asarray(value, dtype=np.float64)
    dtype = np.float32 if "32" in str(like.dtype) else np.float64
    low = v.astype(dtype)
    side = np.inf if up else -np.inf
    wrong = low < v if up else low > v
    rounded = np.where(wrong, np.nextafter(low, dtype(side)), low)[()]
    return to_framework(rounded, kind, like) if kind != "numpy" else rounded
