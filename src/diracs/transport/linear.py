"""Newton's linear systems: weighted graph Laplacians of planar graphs."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl

# Up to this many unknowns a sparse factorization is faster than multigrid.
_DIRECT = 25_000


def solve_laplacian(
    n: int, i: np.ndarray, j: np.ndarray, coupling: np.ndarray, rhs: np.ndarray, tolerance: float
) -> np.ndarray:
    """Solve L d = rhs for the Laplacian of a graph with edge weights `coupling`; rhs sums to zero on its components.

    The matrix is scaled by its diagonal, which spans the dynamic range of the masses, and grounded where that is
    largest. Vertices without edges get zero.

    Parameters
    ----------
    n : int
        Number of vertices.
    i, j : int array (e,)
    coupling : array (e,)
        Non-negative.
    rhs : array (n,)
    tolerance : float
        Relative, for the iterative solver.

    Returns
    -------
    array (n,)
    """
    diagonal = np.bincount(i, coupling, minlength=n) + np.bincount(j, coupling, minlength=n)
    ground = int(np.argmax(diagonal))
    free = diagonal > 0
    free[ground] = False
    unknowns = np.flatnonzero(free)
    solution = np.zeros(n)
    if not unknowns.size:
        return solution
    number = np.full(n, -1)
    number[unknowns] = np.arange(unknowns.size)
    inner = free[i] & free[j]
    rows, columns = number[i[inner]], number[j[inner]]
    root = np.sqrt(diagonal[unknowns])
    off = -coupling[inner] / (root[rows] * root[columns])
    size = unknowns.size
    index = np.arange(size)
    matrix = sp.csc_matrix(
        (
            np.concatenate([np.ones(size), off, off]),
            (np.concatenate([index, rows, columns]), np.concatenate([index, columns, rows])),
        ),
        shape=(size, size),
    )
    scaled = rhs[unknowns] / root
    if size <= _DIRECT:
        factor = spl.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        found = factor.solve(scaled)
    else:
        found = _multigrid(matrix, scaled, tolerance)
    solution[unknowns] = found / root
    return solution


def _multigrid(matrix: sp.csc_matrix, rhs: np.ndarray, tolerance: float) -> np.ndarray:
    """Conjugate gradients, preconditioned by algebraic multigrid (Ruge & Stüben 1987)."""
    import pyamg

    csr = matrix.tocsr()
    hierarchy = pyamg.ruge_stuben_solver(csr, max_coarse=500)
    found, failed = spl.cg(csr, rhs, rtol=tolerance, atol=0.0, maxiter=200, M=hierarchy.aspreconditioner(cycle="V"))
    if failed:
        found = spl.splu(csr.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(rhs)
    return np.asarray(found)
