"""Derivatives of the masses and barycenters of power cells, from moments of the density on their facets.

With G = |x − yⱼ|² − wⱼ − |x − yᵢ|² + wᵢ, not negative in cell i, the facet between i and j moves out of i by dG/|∇G|:
½(dwᵢ − dwⱼ)/g + (x − yᵢ)·dyᵢ/g + (yⱼ − x)·dyⱼ/g with g = |yⱼ − yᵢ| (Reynolds' transport theorem; for the masses
Kitagawa, Mérigot & Thibert 2019, for the barycenters de Gournay, Kahn & Lebrat 2019).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from diracs.cells.facets import FacetMoments


class CellJacobian(NamedTuple):
    """Sparse derivatives (CSR) of masses and barycenters of n cells in d dimensions; those of coordinate a of cell i
    are in row, or column, i·d + a. Rows of an empty cell are zero.

    Examples
    --------
    Two cells of the uniform law on [0, 1], whose border is in the middle of their seeds:

    >>> import numpy as np
    >>> from diracs.cells.facets import FacetMoments
    >>> from diracs.cells.jacobian import cell_jacobian
    >>> step, off = np.array([[0.5]]), np.array([[0.25]])
    >>> border = FacetMoments(np.array([0]), np.array([1]), step, np.ones(1), off, off[:, None] ** 2)
    >>> cell_jacobian(np.array([0.5, 0.5]), np.zeros((2, 1)), border).masses_positions.toarray()
    array([[ 0.5,  0.5],
           [-0.5, -0.5]])
    """

    masses_weights: scipy.sparse.csr_array  # (n, n)
    masses_positions: scipy.sparse.csr_array  # (n, n d)
    barycenters_weights: scipy.sparse.csr_array  # (n d, n)
    barycenters_positions: scipy.sparse.csr_array  # (n d, n d)


def cell_jacobian(mass: np.ndarray, shift: np.ndarray, facets: FacetMoments) -> CellJacobian:
    """All four.

    Parameters
    ----------
    mass : array (n,)
        Of the cells; positive for those that have facets.
    shift : array (n, d)
        From seeds to barycenters.
    facets : FacetMoments
        A facet between a cell and its own image, i = j, counts for both of its sides.
    """
    i, j, step, zeroth, first, second = facets
    n, gap = len(mass), np.linalg.norm(step, axis=1)
    # No weight moves a facet between a cell and its own image.
    by_weight = np.where(i == j, 0.0, 0.5 * zeroth / gap)[:, None, None]
    by_i = (first / gap[:, None])[:, None, :]
    by_j = (zeroth[:, None] * step - first)[:, None, :] / gap[:, None, None]

    rows, columns = np.stack([i, i, j, j]), np.stack([i, j, i, j])
    masses_weights = _sparse((n, n), rows, columns, np.stack([by_weight, -by_weight, -by_weight, by_weight]))
    masses_positions = _sparse((n, n), rows, columns, np.stack([by_i, by_j, -by_i, -by_j]))

    in_weights, in_positions = [], []
    for cell, centre, sign in ((i, shift[i], 1.0), (j, step + shift[j], -1.0)):
        # ∫(x − c)ρ, ∫(x − c)(x − yᵢ)ᵀρ and ∫(x − c)(yⱼ − x)ᵀρ about the barycenter c of this side's cell.
        about = first - zeroth[:, None] * centre
        from_i = second - centre[:, :, None] * first[:, None, :]
        to_j = about[:, :, None] * step[:, None, :] - from_i
        scale = (sign / (gap * mass[cell]))[:, None, None]
        half = np.where((i == j)[:, None, None], 0.0, 0.5 * scale * about[:, :, None])
        in_weights += [half, -half]
        in_positions += [scale * from_i, scale * to_j]
    barycenters_weights = _sparse((n, n), rows, columns, np.stack(in_weights))
    barycenters_positions = _sparse((n, n), rows, columns, np.stack(in_positions))
    return CellJacobian(masses_weights, masses_positions, barycenters_weights, barycenters_positions)


def _sparse(
    cells: tuple[int, int], rows: np.ndarray, columns: np.ndarray, blocks: np.ndarray
) -> scipy.sparse.csr_array:
    """Sums of blocks (..., a, b) at their places in cells × cells."""
    a, b = blocks.shape[-2:]
    r = rows[..., None, None] * a + np.arange(a)[:, None]
    c = columns[..., None, None] * b + np.arange(b)
    r, c = (np.broadcast_to(x, blocks.shape).ravel() for x in (r, c))
    return scipy.sparse.coo_array((blocks.ravel(), (r, c)), shape=(cells[0] * a, cells[1] * b)).tocsr()
