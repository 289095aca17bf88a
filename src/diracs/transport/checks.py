"""What the front doors of transport refuse."""

from __future__ import annotations

from typing import Any

from diracs.backend.arrays import common_framework, together
from diracs.laws.diracs import SumOfDiracs, as_diracs, diracs_in
from diracs.transport.families import as_density, family_of, parts
from diracs.transport.target import Density


def check_problem(diracs: Any, density: Any) -> tuple[SumOfDiracs, Density]:
    """Raise unless these are single Diracs and a density of the same dimension, at most 3, and of one framework.

    Returns both, brought to one framework, the density as a mixture if it is of another library.
    """
    diracs, density = as_diracs(diracs), check_density(density)
    if diracs.positions.ndim != 2:
        raise ValueError(f"diracs must be one sum, got a batch of positions of shape {tuple(diracs.positions.shape)}")
    check_dimensions(diracs.ndim, density.ndim)
    common_framework(diracs=diracs.positions, density=parts(density)[1][0])
    return together(diracs, density)


def check_dimensions(diracs: int, density: int) -> None:
    if diracs != density:
        raise ValueError(f"diracs lie in dimension {diracs}, but density in dimension {density}")
    if density > 3:
        raise ValueError(f"density must have dimension 1, 2 or 3, got {density}")


def check_density(density: Any) -> Density:
    """A law of some family with a density, not a batch; raises for anything else."""
    if diracs_in(density) is not None:
        raise TypeError(
            f"density must have a density, but is a {type(density).__name__}: for W₂² between two sums of Diracs use an"
            " exact solver of discrete transport, such as POT's ot.emd2(a, b, ot.dist(x, y)) for positions x, y and"
            " weights a, b"
        )
    density = as_density(density)
    family = family_of(density)
    assert family is not None
    family.check(density)
    return density
