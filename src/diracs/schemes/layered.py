"""Layered schemes: one product scheme per group of components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend.arrays import Array, common_framework, companion, namespace, pytree
from diracs.schemes.points import PointScheme
from diracs.schemes.product import ProductScheme, placed


@pytree
@dataclass(frozen=True, eq=False, init=False)
class LayeredScheme:
    """A product scheme for each group of components of a mixture; a component's mass goes to its group's points only.

    Parameters
    ----------
    schemes : sequence of ProductScheme
        A stack counts as as many schemes as it holds.
    groups : sequence of int, optional
        For each component the number of its scheme. Left out, every component takes the scheme that is cheapest for it.

    Raises
    ------
    ValueError, TypeError
        For no schemes, schemes of different dimension or framework, numbers of schemes that do not exist.

    Examples
    --------
    >>> from diracs import GaussianMixture, LayeredScheme, ProductScheme, ScalarCodebook, discretize
    >>> left, right = (ProductScheme([ScalarCodebook([-0.8, 0.8])], offset=[x]) for x in (-5.0, 5.0))
    >>> scheme = LayeredScheme([left, right], groups=[0, 1])
    >>> f"{discretize(GaussianMixture([[-5.0], [5.0]], [1.0, 1.0]), scheme).w2:.4f}"
    '0.6028'
    """

    schemes: tuple[ProductScheme, ...]
    groups: tuple[int, ...] | None

    _leaves = ("schemes",)
    _static = ("groups",)

    def __init__(self, schemes: Sequence[ProductScheme], groups: Any = None) -> None:
        if not isinstance(schemes, ProductScheme | Sequence):
            raise TypeError(f"schemes must be a sequence of ProductScheme objects, got {type(schemes).__name__}")
        schemes = (schemes,) if isinstance(schemes, ProductScheme) else tuple(schemes)
        if not schemes:
            raise ValueError("schemes must not be empty: give at least one ProductScheme")
        for scheme in schemes:
            if not isinstance(scheme, ProductScheme):
                raise TypeError(f"schemes must be ProductScheme objects, got {type(scheme).__name__}")
        dimensions = {scheme.ndim for scheme in schemes} - {None}
        if len(dimensions) > 1:
            raise ValueError(f"schemes must lie in one space, got dimensions {dimensions}")
        common_framework(**{f"schemes[{i}]": a for i, s in enumerate(schemes) for a in s.arrays()[:1]})
        schemes = placed(schemes, companion(*(a for s in schemes for a in s.arrays())))
        total = sum(scheme.stack for scheme in schemes)
        if groups is not None:
            try:
                g = np.asarray(groups)
            except ValueError:
                g = np.empty(0)
            if g.ndim != 1 or not np.issubdtype(g.dtype, np.integer):
                raise ValueError(f"groups must be whole numbers, one per component, got {groups!r}")
            if (g < 0).any() or (g >= total).any():
                raise ValueError(f"groups must be between 0 and {total - 1}, the numbers of the schemes")
            groups = tuple(g.tolist())
        object.__setattr__(self, "schemes", schemes)
        object.__setattr__(self, "groups", groups)

    @property
    def size(self) -> int:
        """Number of points."""
        return sum(scheme.size for scheme in self.schemes)

    @property
    def ndim(self) -> int | None:
        """Dimension of the space, None if no scheme tells it."""
        return next((s.ndim for s in self.schemes if s.ndim is not None), None)

    @property
    def stack(self) -> int:
        """Number of schemes, each of a stack counted."""
        return sum(scheme.stack for scheme in self.schemes)

    def arrays(self) -> list[Array]:
        """All arrays that the schemes hold."""
        return [a for scheme in self.schemes for a in scheme.arrays()]

    def positions(self, ndim: int | None = None) -> Array:
        """The points of all schemes, one after the other, (size, d)."""
        blocks = [scheme.positions(ndim) for scheme in self.schemes]
        return namespace(*blocks).concat(blocks, axis=0)

    def __repr__(self) -> str:
        return f"LayeredScheme({self.stack} schemes, {self.size} points)"


Scheme = ProductScheme | LayeredScheme | PointScheme
