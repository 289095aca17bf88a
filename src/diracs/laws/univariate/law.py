"""A law on the line: location and scale of a family's standard law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diracs.backend.arrays import Array, concrete, frozen, is_traced, pytree
from diracs.laws.shown import Drawn
from diracs.laws.univariate.panels import Moments
from diracs.laws.univariate.standard import Standard

_EPS = float(np.finfo(np.float64).eps)
# Products of four lengths must not overflow.
_LARGEST = 1e60


@pytree
@dataclass(frozen=True, eq=False)
class Univariate(Drawn):
    """The law of x = loc + scale·z, z of a standard law.

    `diracs.laws.convert` makes it of what `scipy.stats` and `torch.distributions` have; it is seldom written by hand.

    Parameters
    ----------
    family : Standard
        The law of z, such as `diracs.laws.univariate.families.gamma.GeneralizedGamma(2.0)`.
    loc, scale : array ()
        Of one framework; scale > 0. Results come in the framework, dtype and device of `loc`.

    Raises
    ------
    ValueError
        For numbers that are no location and scale, and laws of infinite variance.

    Examples
    --------
    >>> from diracs.laws.univariate.law import Univariate
    >>> import numpy as np
    >>> from diracs.laws.univariate.families.gamma import GeneralizedGamma
    >>> law = Univariate(GeneralizedGamma(2.0), np.asarray(0.0), np.asarray(3.0))
    >>> round(law.mean, 12), round(law.variance, 12), law.support
    (6.0, 18.0, (0.0, inf))
    """

    family: Standard
    loc: Array
    scale: Array

    _leaves = ("loc", "scale")
    _static = ("family",)
    ndim = 1

    def __post_init__(self) -> None:
        for name in ("loc", "scale"):
            value = frozen(getattr(self, name))
            if is_traced(value):
                continue
            if tuple(value.shape) != () or not np.isfinite(concrete(value)):
                raise ValueError(f"{name} must be one finite number, got {value}")
        if not is_traced(self.scale) and not concrete(self.scale) > 0:
            raise ValueError(f"scale must be above zero, got {float(concrete(self.scale)):g}")
        variance = _variance(self.family)
        if math.isfinite(variance) and variance > _LARGEST**2:
            raise ValueError(f"distribution must have a deviation below {_LARGEST:g} of its scale, got {self.family}")
        if not 0 < variance < math.inf:
            raise ValueError(
                f"distribution must have a finite second moment and not be a point, but the variance of {self.family}"
                f" is {variance:g}: W₂ between Diracs and a law of infinite second moment is infinite"
            )

    @property
    def placed(self) -> tuple[float, float]:
        """Location and scale, known numbers."""
        return float(concrete(self.loc)), float(concrete(self.scale))

    @property
    def mean(self) -> float:
        loc, scale = self.placed
        return loc + scale * self.family.mean

    @property
    def variance(self) -> float:
        return self.placed[1] ** 2 * self.family.variance

    @property
    def entropy(self) -> float:
        """−∫ f ln f, in nats."""
        return self.family.entropy + math.log(self.placed[1])

    @property
    def support(self) -> tuple[float, float]:
        """The ends, infinite or not."""
        loc, scale = self.placed
        low, high = self.family.support
        return loc + scale * low, loc + scale * high

    def quantiles(self, below: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Points (m,) with masses `below` to the left and `above` to the right, the smaller of which is to be exact."""
        loc, scale = self.placed
        return loc + scale * standard_quantiles(self.family, below, above)

    def heights(self, points: np.ndarray) -> np.ndarray:
        """The density at points (m,)."""
        loc, scale = self.placed
        return np.asarray(self.family.heights((points - loc) / scale) / scale)

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        """Mass, ∫(x − y) and ∫(x − y)² between consecutive borders (m + 1,), sorted, about seeds (m,).

        With bounds on what is wrong with masses and second moments, in double precision; those include what rounding
        of seeds and borders to the unit of the law does.
        """
        return placed_moments(self.family, *self.placed, seeds, borders)

    def __repr__(self) -> str:
        if is_traced(self.loc) or is_traced(self.scale):
            return f"Univariate({self.family}, traced)"
        loc, scale = self.placed
        return f"Univariate({self.family}, loc={loc:g}, scale={scale:g})"


def _variance(family: Standard) -> float:
    """It may overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return family.variance


def standard_quantiles(family: Standard, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Points (m,) with masses `below` to the left and `above` to the right, the smaller of which is to be exact."""
    right = above < below
    found = np.where(right, family.isf(np.where(right, above, 0.5)), family.ppf(np.where(right, 0.5, below)))
    return np.asarray(np.clip(found, *family.support))


def placed_moments(
    family: Standard, loc: float, scale: float, seeds: np.ndarray, borders: np.ndarray, moved: float = 0.0
) -> Moments:
    """`Univariate.moments`, the location being off by so many scales at most."""
    y, b = (seeds - loc) / scale, (borders - loc) / scale
    mass, first, second, mass_error, second_error = family.moments(y, b)
    # Seeds and borders are off by roundings of themselves.
    off = 2.0 * _EPS * np.abs(y) + moved
    second_error = second_error + 2.0 * off * np.sqrt(mass * second) + off**2 * mass
    for ends in (b[:-1], b[1:]):
        held = np.isfinite(ends)
        at = np.where(held, ends, y)
        off = 2.0 * _EPS * np.abs(at) + moved
        height = np.maximum(family.heights(at - off), family.heights(at + off))
        sliver = np.minimum(np.where(held & (off > 0), off, 0.0) * np.where(off > 0, height, 0.0), 1.0)
        mass_error, second_error = mass_error + sliver, second_error + sliver * (np.abs(at - y) + off) ** 2
    return Moments(mass, first * scale, second * scale**2, mass_error, second_error * scale**2)
