"""How masses and barycenters of a plan's cells change with the weights and with the positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from diracs.cells.jacobian import CellJacobian, cell_jacobian
from diracs.transport.families import Target
from diracs.transport.line import line_facets, transport_on_line


@dataclass(frozen=True, eq=False)
class OtJacobian:
    """Derivatives of the masses and barycenters of the cells of n Diracs in d dimensions, as sparse matrices (CSR).

    Coordinate a of Dirac i has row, or column, i·d + a: the order of `positions.ravel()`. Derivatives in weights are at
    fixed positions, those in positions at fixed weights; at fixed masses the weights follow the positions by
    dw = −L⁺ K dy, L and K the first two. Everything is in the units of the positions and of a density of mass one;
    barycenters are true ones, not first moments.

    Attributes
    ----------
    masses_weights : csr_array (n, n)
        A graph Laplacian: symmetric, of row sums zero.
    masses_positions : csr_array (n, n d)
    barycenters_weights : csr_array (n d, n)
    barycenters_positions : csr_array (n d, n d)

    Notes
    -----
    Rows and columns of a Dirac with an empty cell are zero: what it does not have does not change. Diracs on one spot
    share a cell, and what they do to it, in proportion to their masses; derivatives hold for motions of them as one.
    Where the density jumps along a facet the mean of both sides counts.

    With ρ on the facet between i and j: ∂mᵢ/∂wⱼ = −∫ρ/(2|yᵢ − yⱼ|), ∂mᵢ/∂yⱼ = ∫ρ (yⱼ − x)ᵀ/|yᵢ − yⱼ|, and with x − bᵢ
    under the integrals mᵢ times those of bᵢ (`diracs.cells.jacobian`).

    Examples
    --------
    How weights follow positions at fixed masses, dw = −L⁺ K dy: two Diracs on [0, 1], the border stays in the middle,
    where (½ − y₀)² − w₀ = (½ − y₁)² − w₁.

    >>> import numpy as np
    >>> from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan
    >>> found = optimal_transport_plan(SumOfDiracs([[0.1], [0.7]]), PolynomialGrid([1.0])).jacobian()
    >>> follow = -np.linalg.pinv(found.masses_weights.toarray()) @ found.masses_positions.toarray()
    >>> (follow[0] - follow[1]).round(9)  # ∂(w₀ − w₁)/∂y
    array([-0.8, -0.4])
    """

    masses_weights: scipy.sparse.csr_array
    masses_positions: scipy.sparse.csr_array
    barycenters_weights: scipy.sparse.csr_array
    barycenters_positions: scipy.sparse.csr_array

    def __repr__(self) -> str:
        rows, columns = self.barycenters_positions.shape[0], self.masses_weights.shape[0]
        return f"OtJacobian({columns} Diracs in dimension {rows // columns})"


@dataclass(frozen=True, eq=False)
class Linearized:
    """A solved problem and its derivatives, one cell for each of the s spots with mass, in normalized coordinates."""

    held: np.ndarray  # (n,) bool: Diracs with mass
    place: np.ndarray  # (h,) the spots of these
    share: np.ndarray  # (h,) of their spots' masses
    seeds: np.ndarray  # (s, d or more)
    target: np.ndarray  # (s,) of sum 1
    mass: np.ndarray  # (s,)
    shift: np.ndarray  # (s, d) from seeds to barycenters
    cells: CellJacobian

    def spread(self, columns: bool) -> scipy.sparse.csr_array:
        """(n, s): 1, or with `columns` its share, where a Dirac has a spot."""
        rows = np.flatnonzero(self.held)
        values = self.share if columns else np.ones(len(rows))
        shape = len(self.held), len(self.target)
        return scipy.sparse.coo_array((values, (rows, self.place)), shape=shape).tocsr()


def linearized(positions: np.ndarray, masses: np.ndarray, weights: np.ndarray, goal: Target) -> Linearized:
    """Cells of positions (n, d), masses (n,) and weights (n,); on the line those of the masses."""
    held, d = masses > 0, positions.shape[1]
    seeds, first, place = np.unique(goal.normalized(positions[held]), axis=0, return_index=True, return_inverse=True)
    place = place.ravel()
    total = np.bincount(place, masses[held])
    share, target = masses[held] / total[place], total / total.sum()
    if seeds.shape[1] == 1:
        line = transport_on_line(seeds[:, 0], target, goal.line())
        mass, moment = line.mass, line.first[:, None]
        facets = line_facets(seeds[:, 0], line, goal.line())
    else:
        density, w = goal.density(), np.ascontiguousarray(weights[held][first] / goal.size**2)
        cells, all_facets = density.facets(np.ascontiguousarray(seeds), w)
        mass, moment, facets = cells.mass, cells.first[:, :d], all_facets.of_axes(d)
    shift = np.where(mass[:, None] > 0, moment / np.where(mass > 0, mass, 1.0)[:, None], 0.0)
    return Linearized(held, place, share, seeds, target, mass, shift, cell_jacobian(mass, shift, facets))


def jacobian(positions: np.ndarray, masses: np.ndarray, weights: np.ndarray, goal: Target) -> OtJacobian:
    """That of a plan, in the units of the positions."""
    found = linearized(positions, masses, weights, goal)
    one, shares = found.spread(False), found.spread(True)
    axes = np.eye(positions.shape[1])
    ones, parts = (scipy.sparse.kron(x, axes, format="csr") for x in (one, shares))
    cells, size = found.cells, goal.size
    return OtJacobian(
        shares @ cells.masses_weights @ shares.T / size**2,
        shares @ cells.masses_positions @ parts.T / size,
        ones @ cells.barycenters_weights @ shares.T / size,
        ones @ cells.barycenters_positions @ parts.T,
    )
