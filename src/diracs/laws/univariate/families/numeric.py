"""Any other law, known by its density and distribution function only: adaptive quadrature, errors estimated and paid.

Panels are halved until two rules agree. What they still differ by is charged ten times: unlike those of the families
with a density that is known off the line, these errors are *estimated*, by a margin, and not proved. The library's own
functions are taken to be right to 1e-13 of themselves.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import scipy

from diracs.laws.univariate.panels import Moments, assembled

# Nodes that moments are taken by, and those that they are compared with.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_FEWER, _FEWER_WEIGHTS = np.polynomial.legendre.leggauss(9)
# Rules agree to this share of a panel, or of the law; so often panels are halved; the margin on what is left.
_AGREE, _NEGLIGIBLE, _HALVINGS, _MARGIN = 1e-13, 1e-18, 40, 10.0
_ACCURACY = 1e-13
# Distribution functions that are integrals themselves are right to this.
_MISSED = 1e-7
# Rules that disagree on very many panels do so by the rounding of the density: so many are halved at once, and in all.
_MOST_SPLIT, _BUDGET = 200, 4000
# Quantiles 2^−k on both sides that panels start from, and how often ends come nearer, or go twice as far, from there.
_QUANTILES, _TOWARDS, _OUTWARDS = 40, 24, 480
# A tail that weighs less than this share of the law's second moment is only estimated.
_LIGHT = 1e-18


class Functions(Protocol):
    """What is asked of a law of another library: frozen ones of scipy.stats are such."""

    def pdf(self, x: Any) -> Any: ...
    def cdf(self, x: Any) -> Any: ...
    def sf(self, x: Any) -> Any: ...
    def ppf(self, q: Any) -> Any: ...
    def isf(self, q: Any) -> Any: ...
    def support(self) -> Any: ...


class Numeric(ABC):
    """A standard law by functions."""

    @property
    @abstractmethod
    def functions(self) -> Functions: ...

    @property
    def support(self) -> tuple[float, float]:
        low, high = self.functions.support()
        return float(low), float(high)

    def heights(self, z: np.ndarray) -> np.ndarray:
        return np.nan_to_num(_quietly(self.functions.pdf, z), posinf=0.0)

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return _quietly(self.functions.cdf, z)

    def sf(self, z: np.ndarray) -> np.ndarray:
        return _quietly(self.functions.sf, z)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return _quietly(self.functions.ppf, below)

    def isf(self, above: np.ndarray) -> np.ndarray:
        return _quietly(self.functions.isf, above)

    def edges(self) -> np.ndarray:
        return _panels(self).edges

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        return _panels(self).moments(seeds, borders)

    @property
    def mean(self) -> float:
        return self._centred[0]

    @property
    def variance(self) -> float:
        return self._centred[1]

    @property
    def _centred(self) -> tuple[float, float]:
        middle = np.atleast_1d(self.ppf(np.array(0.5)))
        whole = self.moments(middle, np.array(self.support))
        mean = float(whole.first[0] / whole.mass[0])
        return float(middle[0]) + mean, float(whole.second[0] / whole.mass[0]) - mean**2

    @property
    def entropy(self) -> float:
        """Over the panels, less what their error estimates leave open."""
        panels = _panels(self)
        width = np.diff(panels.edges)
        f = self.heights(panels.edges[:-1, None] + width[:, None] * 0.5 * (1.0 + _NODES))
        log = np.where(f > 0, np.log(np.where(f > 0, f, 1.0)), 0.0)
        doubt = float((width * panels.wrong) @ (1.0 + np.abs(log).max(axis=1)))
        return -float((0.5 * width) @ ((f * log) @ _WEIGHTS)) - doubt - 1e-6


@dataclass(frozen=True)
class FromScipy(Numeric):
    """A distribution of scipy.stats.

    Parameters
    ----------
    name : str
        In `scipy.stats`.
    shapes : tuple of float
    """

    name: str
    shapes: tuple[float, ...]

    @property
    def functions(self) -> Functions:
        found: Functions = _frozen(self.name, self.shapes)
        return found


@lru_cache(maxsize=64)
def _frozen(name: str, shapes: tuple[float, ...]) -> Any:
    return getattr(scipy.stats, name)(*shapes)


@dataclass(frozen=True)
class FromFunctions(Numeric):
    """Another one: two are the same law only if they are the same object.

    Parameters
    ----------
    given : Functions
    """

    given: Functions

    @property
    def functions(self) -> Functions:
        return self.given

    def __repr__(self) -> str:
        dist = getattr(self.given, "dist", None)
        return f"FromFunctions({self.given if dist is None else dist.name})"


def _quietly(function: Any, x: np.ndarray) -> np.ndarray:
    """Other libraries' functions warn at their ends."""
    with np.errstate(all="ignore"):
        return np.asarray(function(x), dtype=np.float64)


@dataclass(frozen=True)
class _Panels:
    law: Numeric
    edges: np.ndarray  # (k + 1,)
    wrong: np.ndarray  # (k,) what the density may be off by

    def moments(self, seeds: np.ndarray, borders: np.ndarray) -> Moments:
        tails = _EstimatedTail(self.law, -1), _EstimatedTail(self.law, 1)
        return assembled(self.edges, self.law.support, tails, self._pieces, seeds, borders)

    def _pieces(self, left: np.ndarray, width: np.ndarray, seeds: np.ndarray, panel: np.ndarray) -> np.ndarray:
        share = 0.5 * (1.0 + _NODES)
        mass = self.law.heights(left[:, None] + width[:, None] * share) * _WEIGHTS * (0.5 * width[:, None])
        x = (left - seeds)[:, None] + width[:, None] * share
        moments = np.stack([mass.sum(axis=1), (mass * x).sum(axis=1), (mass * x * x).sum(axis=1)])
        off = self.wrong[panel] * width
        farthest = np.maximum(np.abs(left - seeds), np.abs(left - seeds + width))
        errors = np.stack([off, off * farthest**2]) + _ACCURACY * moments[[0, 2]]
        return np.concatenate([moments, errors])


@dataclass(frozen=True)
class _EstimatedTail:
    """Beyond the panels: where it is infinite as of a power law of the index that the density shows at its beginning.

    Of a tail of index ν = b f(b)/P(z > b) the second moment is b² P(z > b) ν/(ν − 2) (Karamata); twice that is paid.
    """

    law: Numeric
    side: int

    def moments(self, left: np.ndarray, right: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        inner, outer = (left, right) if self.side > 0 else (right, left)
        beyond = self.law.sf if self.side > 0 else self.law.cdf
        mass = np.maximum(beyond(inner) - np.where(np.isfinite(outer), beyond(outer), 0.0), 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            index = np.abs(inner) * self.law.heights(inner) / mass
            grows = np.where(index > 2.0, index / np.maximum(index - 2.0, 1e-3), 1e3)
        open_ended = np.isinf(outer)
        off = np.where(open_ended, inner, 0.5 * (np.where(open_ended, inner, outer) + inner)) - seeds
        spread = np.where(open_ended, 2.0 * grows * inner**2, np.where(open_ended, 0.0, outer - inner) ** 2)
        second_error = mass * (spread + 2.0 * np.abs(off) * np.sqrt(spread))
        found = np.stack([mass, mass * off, mass * off**2, _MARGIN * _ACCURACY * mass, second_error])
        return np.where(mass > 0, found, 0.0)


@lru_cache(maxsize=32)
def _panels(law: Numeric) -> _Panels:
    edges = _coarse(law)
    width = np.diff(edges)
    scale = float(law.isf(np.array(0.1)) - law.ppf(np.array(0.1)))
    middle = float(law.ppf(np.array(0.5)))
    done: list[np.ndarray] = []
    left, budget = edges[:-1], _BUDGET
    for trial in range(_HALVINGS):
        mass, differ = _two_rules(law, left, width)
        # Of the second moment too, which far panels weigh more in.
        weight = 1.0 + (np.maximum(np.abs(left - middle), np.abs(left + width - middle)) / scale) ** 2
        split = (differ > _AGREE * mass) & (differ * weight > _NEGLIGIBLE) & (left + 0.5 * width > left)
        if trial == _HALVINGS - 1 or budget < 0:
            split[:] = False  # what is left is the functions' own rounding, or a pole, and is paid
        elif split.sum() > _MOST_SPLIT:
            worst = np.argsort(-differ * weight, kind="stable")[:_MOST_SPLIT]
            split &= np.isin(np.arange(len(split)), worst)
        budget -= int(split.sum())
        kept = ~split
        done.append(np.stack([left[kept], width[kept], _MARGIN * differ[kept] / width[kept]]))
        if not split.any():
            break
        left, width = np.concatenate([left[split], left[split] + 0.5 * width[split]]), np.tile(0.5 * width[split], 2)
    left, _, wrong = np.concatenate(done, axis=1)
    order = np.argsort(left)
    return _Panels(law, np.append(left[order], edges[-1]), wrong[order])


def _two_rules(law: Numeric, left: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masses (k,) of panels, and by how much another rule differs; where it is much, the distribution function."""
    half = 0.5 * width
    mass = half * (law.heights(left[:, None] + half[:, None] * (1.0 + _NODES)) @ _WEIGHTS)
    other = half * (law.heights(left[:, None] + half[:, None] * (1.0 + _FEWER)) @ _FEWER_WEIGHTS)
    # Both rules may miss a narrow piece of the law.
    missed = np.abs(np.diff(law.cdf(np.stack([left, left + width])), axis=0)[0] - mass)
    return mass, np.maximum(np.abs(mass - other), np.where(missed > _MISSED, missed, 0.0))


def _coarse(law: Numeric) -> np.ndarray:
    """Quantiles, then ever nearer to finite ends, and twice as far each time towards infinite ones."""
    shares = 2.0 ** -np.arange(1.0, _QUANTILES + 1)
    below, above = law.ppf(shares), law.isf(shares)
    middle, size = float(below[0]), float(law.isf(np.array(0.1)) - law.ppf(np.array(0.1)))
    edges = [below, above]
    for end, side, start, beyond in (
        (law.support[0], -1.0, float(below[-1]), law.cdf),
        (law.support[1], 1.0, float(above[-1]), law.sf),
    ):
        if math.isfinite(end):
            edges.append(end + (start - end) * 0.5 ** np.arange(1.0, _TOWARDS + 1))
            continue
        far = start + side * size * 2.0 ** np.arange(0.0, _OUTWARDS)
        weight = beyond(far) * ((far - middle) / size) ** 2
        light = np.flatnonzero(~(weight > _LIGHT))
        edges.append(far[: light[0] + 1] if len(light) else far)
    found = np.unique(np.concatenate(edges))
    return found[np.isfinite(found)]
