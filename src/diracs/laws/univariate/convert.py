"""Univariate laws of scipy.stats and torch.distributions, told by the names of their classes, never imported."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, is_torch
from diracs.laws.univariate.families.beta import Beta
from diracs.laws.univariate.families.gamma import GeneralizedGamma
from diracs.laws.univariate.families.inverse_gamma import InverseGamma
from diracs.laws.univariate.families.normal import TruncatedNormal
from diracs.laws.univariate.families.numeric import FromFunctions, FromScipy
from diracs.laws.univariate.families.powers import LogNormal, Pareto
from diracs.laws.univariate.families.reflected import Reflected
from diracs.laws.univariate.families.simple import Gumbel, Laplace, Logistic, Triangular, Uniform
from diracs.laws.univariate.families.student import Student
from diracs.laws.univariate.law import Univariate
from diracs.laws.univariate.standard import Standard
from diracs.laws.univariate.torch_functions import TorchFunctions

_ROOT = math.sqrt(2.0)
# From shapes to the standard law, and what scipy's scale is to be multiplied by.
SCIPY_FAMILIES: dict[str, Callable[..., tuple[Standard, float]]] = {
    "arcsine": lambda: (Beta(0.5, 0.5), 1.0),
    "beta": lambda a, b: (Beta(a, b), 1.0),
    "chi": lambda df: (GeneralizedGamma(0.5 * df, 2.0), _ROOT),
    "chi2": lambda df: (GeneralizedGamma(0.5 * df), 2.0),
    "erlang": lambda a: (GeneralizedGamma(a), 1.0),
    "expon": lambda: (GeneralizedGamma(1.0), 1.0),
    "gamma": lambda a: (GeneralizedGamma(a), 1.0),
    "gumbel_l": lambda: (Reflected(Gumbel()), 1.0),
    "gumbel_r": lambda: (Gumbel(), 1.0),
    "halfnorm": lambda: (TruncatedNormal(0.0, math.inf), 1.0),
    "invgamma": lambda a: (InverseGamma(a), 1.0),
    "laplace": lambda: (Laplace(), 1.0),
    "logistic": lambda: (Logistic(), 1.0),
    "lognorm": lambda s: (LogNormal(s), 1.0),
    "maxwell": lambda: (GeneralizedGamma(1.5, 2.0), _ROOT),
    "pareto": lambda b: (Pareto(b), 1.0),
    "powerlaw": lambda a: (Beta(a, 1.0), 1.0),
    "rayleigh": lambda: (GeneralizedGamma(1.0, 2.0), _ROOT),
    "t": lambda df: (Student(df) if math.isfinite(df) else TruncatedNormal(-math.inf, math.inf), 1.0),
    "triang": lambda c: (Triangular(c), 1.0),
    "truncnorm": lambda a, b: (TruncatedNormal(a, b), 1.0),
    "uniform": lambda: (Uniform(), 1.0),
    "weibull_max": lambda c: (Reflected(GeneralizedGamma(1.0, c)), 1.0),
    "weibull_min": lambda c: (GeneralizedGamma(1.0, c), 1.0),
}


@dataclass(frozen=True)
class _Placed:
    """A standard law with location and scale, tensors or numbers."""

    family: Standard
    loc: Any
    scale: Any


# From a distribution of PyTorch; its numbers through `shape_number`.
_TORCH: dict[str, Callable[[Any], _Placed]] = {
    "Beta": lambda x: _Placed(Beta(shape_number(x, "concentration1"), shape_number(x, "concentration0")), 0.0, 1.0),
    "Exponential": lambda x: _Placed(GeneralizedGamma(1.0), 0.0, 1.0 / x.rate.double()),
    "Gamma": lambda x: _Placed(GeneralizedGamma(shape_number(x, "concentration")), 0.0, 1.0 / x.rate.double()),
    "Gumbel": lambda x: _Placed(Gumbel(), x.loc, x.scale),
    "HalfNormal": lambda x: _Placed(TruncatedNormal(0.0, math.inf), 0.0, x.scale),
    "Laplace": lambda x: _Placed(Laplace(), x.loc, x.scale),
    "LogNormal": lambda x: _Placed(LogNormal(shape_number(x, "scale")), 0.0, x.loc.double().exp()),
    "Pareto": lambda x: _Placed(Pareto(shape_number(x, "alpha")), 0.0, x.scale),
    "StudentT": lambda x: _Placed(Student(shape_number(x, "df")), x.loc, x.scale),
    "Uniform": lambda x: _Placed(Uniform(), x.low, x.high.double() - x.low.double()),
    "Weibull": lambda x: _Placed(GeneralizedGamma(1.0, shape_number(x, "concentration")), 0.0, x.scale),
}


def univariate_of(x: Any) -> Univariate | None:
    """A continuous law on the line of scipy.stats or torch.distributions; None for anything else, and normal ones.

    Raises
    ------
    ValueError
        For batches, parameters that are none, infinite variance, shapes that require gradients.
    """
    names = {cls.__name__ for cls in type(x).__mro__}
    kinds = {cls.__name__ for cls in type(getattr(x, "dist", None)).__mro__}
    if "rv_continuous" in kinds and "norm_gen" not in kinds:
        return _from_scipy(x)
    if "Distribution" in names and "Normal" not in names and type(x).__mro__[-2].__module__.startswith("torch."):
        return _from_torch(x)
    return None


def _from_scipy(x: Any) -> Univariate:
    dist = x.dist
    shapes, loc, scale = dist._parse_args(*x.args, **x.kwds)
    given = [np.asarray(v, dtype=np.float64) for v in (*shapes, loc, scale)]
    if any(v.ndim for v in given):
        refuse_batch(f"scipy.stats.{dist.name}", [v.shape for v in given])
    numbers = tuple(float(v) for v in given[:-2])
    place, unit = float(given[-2]), float(given[-1])
    if not (np.all(dist._argcheck(*numbers)) and unit > 0 and math.isfinite(place)):
        raise ValueError(
            f"distribution has parameters that {dist.name} does not take: shapes {numbers}, loc={place:g},"
            f" scale={unit:g}"
        )
    own = type(dist).__module__.startswith("scipy.stats")
    if own and dist.name in SCIPY_FAMILIES:
        family, factor = SCIPY_FAMILIES[dist.name](*numbers)
    else:
        standard = dist(*numbers)
        _refuse_infinite(dist.name, float(standard.var()))
        # By its name where scipy.stats has it under that: it can be saved then.
        named = own and isinstance(getattr(_scipy_stats(), str(dist.name), None), type(dist))
        family, factor = FromScipy(dist.name, numbers) if named else FromFunctions(standard), 1.0
    return Univariate(family, np.asarray(place), np.asarray(unit * factor))


def _scipy_stats() -> Any:
    import scipy.stats

    return scipy.stats


def _from_torch(x: Any) -> Univariate | None:
    import torch

    name = next((cls.__name__ for cls in type(x).__mro__ if cls.__name__ in _TORCH), None)
    if name is None and not _has_distribution_function(x):
        return None
    if tuple(x.batch_shape) or tuple(x.event_shape):
        if tuple(x.event_shape):
            return None
        refuse_batch(f"torch.distributions.{type(x).__name__}", [tuple(x.batch_shape)])
    like = x.mean
    if name is None:
        _refuse_infinite(type(x).__name__, float(x.variance))
        found = _Placed(FromFunctions(TorchFunctions(x)), 0.0, 1.0)
    else:
        found = _TORCH[name](x)
    # The scale stays in double precision where it is computed: what it is rounded to would be another law.
    loc = found.loc if is_torch(found.loc) else torch.zeros_like(like)
    scale = found.scale if is_torch(found.scale) else torch.ones_like(like)
    return Univariate(found.family, loc, scale)


def _has_distribution_function(x: Any) -> bool:
    """Whether PyTorch knows the quantiles of a continuous law."""
    import torch

    if getattr(getattr(x, "support", None), "is_discrete", True) or tuple(x.event_shape):
        return False
    try:
        x.cdf(x.icdf(torch.tensor(0.5)))
    except (NotImplementedError, ValueError):
        return False
    return True


def shape_number(x: Any, name: str) -> float:
    """A shape of a distribution of PyTorch, a number without derivatives."""
    value = getattr(x, name)
    if value.requires_grad:
        raise ValueError(
            f"{name} must not require gradients: there are derivatives in location and scale only; detach it"
        )
    if tuple(value.shape):
        refuse_batch(f"torch.distributions.{type(x).__name__}", [tuple(value.shape)])
    return float(concrete(value))


def refuse_batch(name: str, shapes: list[tuple[int, ...]]) -> None:
    raise ValueError(
        f"distribution must be a single law, got a batch of {name} with parameters of shapes {shapes}: make a list of"
        " single laws and take one after the other"
    )


def _refuse_infinite(name: str, variance: float) -> None:
    if not math.isfinite(variance):
        raise ValueError(
            f"distribution must have a finite second moment, but that of {name} is infinite or not known: W₂ between"
            " Diracs and a law of infinite second moment is infinite"
        )
