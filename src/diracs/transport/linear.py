"""Newton's linear systems: graph Laplacians of power diagrams, solved in the compiled core."""

from __future__ import annotations

import numpy as np

from diracs import _core


def solve_laplacian(
    seeds: np.ndarray, i: np.ndarray, j: np.ndarray, coupling: np.ndarray, rhs: np.ndarray, tolerance: float
) -> np.ndarray:
    """Solve L d = rhs for the Laplacian of a planar graph with edge weights `coupling`.

    Multifrontal elimination in the order of a geometric nested dissection; conjugate gradients with algebraic multigrid
    where the factor would be too large. One vertex of each component is grounded; vertices without edges get zero.

    Parameters
    ----------
    seeds : array (n, 2)
    i, j : int array (e,)
    coupling : array (e,)
        Non-negative.
    rhs : array (n,)
        Of sum zero on each component, up to rounding.
    tolerance : float
        Relative residual, for conjugate gradients.

    Returns
    -------
    array (n,)
    """
    solution, _, _ = _core.solve_laplacian(seeds, i, j, coupling, np.ascontiguousarray(rhs), tolerance)
    return solution
