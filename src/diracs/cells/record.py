"""What the compiled core says of power cells, of any density and in any dimension, and of the edges between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.backend.arrays import frozen


class Cells(NamedTuple):
    """Moments of the power cells of n seeds y in d dimensions; zero where a cell is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import _core
    >>> square = _core.Polygon(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 1.0)
    >>> seeds = np.array([[0.25, 0.5], [0.75, 0.5]])
    >>> cells, edges = _core.moments(square, seeds, np.zeros(2), edges=True)
    >>> cells.mass, edges.displacement, edges.integrals[:, 0]
    (array([0.5, 0.5]), array([[0.5, 0. ]]), array([1.]))
    """

    mass: np.ndarray  # (n,) ∫ρ
    first: np.ndarray  # (n, d) ∫ (x − yᵢ) ρ
    second: np.ndarray  # (n,) ∫ |x − yᵢ|² ρ
    sizes: np.ndarray  # (n, 2) of the terms of mass and second moment where these are differences, else zero


class Edges(NamedTuple):
    """The e pairs i < j of seeds whose cells have a common edge, or facet, with something of the density on it.

    On a torus a pair may have several, and a cell some with its own images, i = j.
    """

    i: np.ndarray  # (e,) int32
    j: np.ndarray  # (e,) int32
    displacement: np.ndarray  # (e, d) yⱼ − yᵢ, to the image of yⱼ that is meant
    gap: np.ndarray  # (e,) |yⱼ − yᵢ|
    # (e, 3) ∫ (1, τ, τ²) ρ over the edge; in the plane, τ the coordinate along it to the left of yⱼ − yᵢ, from the line
    # through both; in space (e, 4) ∫ (1, x − yᵢ) ρ over the facet, or (e, 10) with the entries xx, xy, xz, yy, yz, zz
    # of ∫ (x − yᵢ)(x − yᵢ)ᵀ ρ as well.
    integrals: np.ndarray


class Couplings(NamedTuple):
    """The e pairs i < j of seeds of the plane whose cells have a common edge, with what Newton's method asks of it.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs import _core
    >>> square = _core.Polygon(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), 1.0)
    >>> seeds = _core.FixedSeeds(np.array([[0.25, 0.5], [0.75, 0.5]]))
    >>> _core.couplings(square, seeds, np.zeros(2))[1].strength
    array([1.])
    """

    i: np.ndarray  # (e,) int32
    j: np.ndarray  # (e,) int32
    strength: np.ndarray  # (e,) ∂mᵢ/∂wⱼ without its sign, ∫ρ / (2|yⱼ − yᵢ|) over the edge


def read_only(cells: Cells, edges: Edges) -> tuple[Cells, Edges]:
    """The same records, of arrays that cannot be written."""
    return Cells(*map(frozen, cells)), Edges(*map(frozen, edges))
