"""Laws that are no Gaussian mixtures, as a start or as noise: points near them, and how far these are away."""

from __future__ import annotations

from typing import Any

from diracs.backend.arrays import concrete
from diracs.laws.convert import as_law, as_mixture
from diracs.laws.gaussian import GaussianMixture
from diracs.laws.univariate.discrete import atoms_of
from diracs.propagation.ambiguity import Radius

# Points for a start: so many for each of a step, at least and at most; components of a state by noise, at most.
_FOR_EACH, _LEAST, _MOST = 10, 200, 1000
_COMPONENTS, _FEWEST_NOISE, _MOST_NOISE = 20_000, 10, 30


def start_near(law: Any, radius: Radius, points: int) -> tuple[GaussianMixture, Radius]:
    """A mixture for the initial law, and the radius about it that holds what the radius about the law held."""
    return _near(law, radius, min(max(_FOR_EACH * points, _LEAST), _MOST))


def noise_near(law: Any, radius: Radius, points: int) -> tuple[GaussianMixture | None, Radius]:
    """The same for the noise, whose components each point of a step brings; None for none."""
    count = min(max(_COMPONENTS // points, _FEWEST_NOISE), _MOST_NOISE)
    return (None, radius) if law is None else _near(law, radius, count)


def _near(law: Any, radius: Radius, count: int) -> tuple[GaussianMixture, Radius]:
    # This room lies below; only laws that are no mixtures go up there.
    from diracs.quantization.by_points import ENGINES
    from diracs.quantization.front import quantize

    given = as_law(law)
    if atoms_of(given) is None and not ENGINES.know(given):
        return as_mixture(given), radius
    found = quantize(given, count)
    return as_mixture(found.diracs), radius.plus(float(concrete(found.w2)))
