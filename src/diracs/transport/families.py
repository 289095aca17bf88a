"""The densities that transport takes: one `Family` for each class of laws.

A density of a new kind registers its family and touches no other file (CONTRIBUTING, "A new law").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from diracs.backend.arrays import Array
from diracs.backend.callback import Numbers
from diracs.cells.line import LineDensity
from diracs.laws.convert import as_law, as_mixture
from diracs.laws.engines import Engines
from diracs.transport.density import UnitDensity

Parameters = tuple[np.ndarray, ...]


class Target(Protocol):
    """A density in dimension d ≤ 3, and coordinates in which it lies near the origin and has size about 1."""

    size: float  # the unit of the normalized coordinates

    def normalized(self, positions: np.ndarray) -> np.ndarray:
        """Positions (n, d) in normalized coordinates, right to a few roundings of these however far the origin is.

        Within one period along periodic axes; with more columns, of zeros, for a density that is given in space.
        """

    def original(self, points: np.ndarray) -> np.ndarray:
        """The positions (n, d) of normalized points."""

    def line(self) -> LineDensity:
        """In normalized coordinates, d = 1."""

    def density(self) -> UnitDensity:
        """In normalized coordinates, d = 2 or 3, or of dimension 3 in place of one that is periodic."""

    def box(self) -> np.ndarray:
        """(2, d) in normalized coordinates, or (2, 3) as above: nothing that doubles hold of the density is outside."""

    def slopes(self, positions: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """Derivatives of W₂², ∫ φᶜ ∂ρ, an array of its shape per parameter, for the weights of the optimal plan."""


@dataclass(frozen=True, eq=False)
class Family:
    """How transport takes the laws of one class.

    Parameters
    ----------
    law : type
        The class, a `pytree`, with `ndim`.
    name : str
        One of its own, a Python identifier.
    parameters : tuple of str
        The attributes, arrays of one framework, that W₂² is differentiable in.
    numbers : callable
        From a law to the floats that make up the rest of it, known before any value is.
    target : callable
        From numbers and parameters, NumPy float64, to a `Target`.
    check : callable
        Raises ValueError for a law without a density, as far as its values can be looked at, or a batch.
    valid : callable
        The same for numbers and parameters that were traced when the front door was passed: whether they make a law.
    picture : callable
        From a law and positions (n, d) to the box (2, d) that pictures show.
    """

    law: type
    name: str
    parameters: tuple[str, ...]
    numbers: Callable[[Any], Numbers]
    target: Callable[[Numbers, Parameters], Target]
    check: Callable[[Any], None]
    valid: Callable[[Numbers, Parameters], bool]
    picture: Callable[[Any, np.ndarray], np.ndarray]


class Form(NamedTuple):
    """What is known of a density before any of its values."""

    family: Family
    numbers: Numbers


FAMILIES: Engines[Family] = Engines()


def register(family: Family) -> None:
    """From now on transport takes the laws of this family."""
    if any(family.name == known.name for known in FAMILIES):
        raise ValueError(f"name must be one of its own, but there is a family {family.name!r} already")
    FAMILIES.add(family.law, None, family)


def family_of(law: Any) -> Family | None:
    """That of a law's class; None if transport does not take it."""
    return FAMILIES.of(law)


def as_density(x: Any) -> Any:
    """A law of a family, or any law that is a mixture of Gaussians."""
    x = as_law(x)
    if family_of(x) is not None:
        return x
    try:
        return as_mixture(x)
    except TypeError as error:
        known = " or a ".join(dict.fromkeys(family.law.__name__ for family in FAMILIES))
        raise TypeError(f"density must be a {known}: {error}") from None


def parts(density: Any) -> tuple[Form, tuple[Array, ...]]:
    """Form and parameters."""
    family = family_of(density)
    assert family is not None  # the front door has seen it
    return Form(family, family.numbers(density)), tuple([getattr(density, name) for name in family.parameters])


def target_of(form: Form, parameters: Parameters) -> Target:
    """From NumPy float64 parameters."""
    return form.family.target(form.numbers, parameters)


def is_valid(form: Form, parameters: Parameters) -> bool:
    """What the front door has checked already, unless it saw traced values only."""
    return all(np.isfinite(p).all() for p in parameters) and form.family.valid(form.numbers, parameters)
