"""Newton's linear systems: graph Laplacians of power diagrams, solved in the compiled core."""

from __future__ import annotations

import numpy as np
import scipy

from diracs import _core

# A coupling of this share of what else its ends are coupled by is as good as none …
_WEAK = 1e-11
# … if the parts that it joins are balanced up to rounding, in units of the mass.
_BALANCED = 1e-14


def solve_laplacian(
    seeds: np.ndarray, i: np.ndarray, j: np.ndarray, coupling: np.ndarray, rhs: np.ndarray, tolerance: float
) -> np.ndarray:
    """Solve L d = rhs for the Laplacian of a graph drawn in space, with edge weights `coupling`.

    Multifrontal elimination in the order of a geometric nested dissection; conjugate gradients with algebraic multigrid
    where the factor would be too large, or for thousands of vertices and a tolerance of 1e-5 or more. One vertex of
    each component is grounded; vertices without edges get zero.

    Parameters
    ----------
    seeds : array (n, d)
        Where the vertices are drawn: this decides how fast it is, not what comes out.
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
    solution, _, _ = _core.solve_laplacian(
        np.ascontiguousarray(seeds), i, j, coupling, np.ascontiguousarray(rhs), tolerance
    )
    return solution


def solve_by_parts(
    seeds: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    coupling: np.ndarray,
    rhs: np.ndarray,
    tolerance: float,
    part: np.ndarray | None,
) -> np.ndarray:
    """The same for changes of masses `rhs`, with balanced parts that are coupled by next to nothing solved one by one.

    Such are components of a density far from each other, each with just the mass of its cells. Rounding in their
    balances would move their weights against each other by anything. Labels `part` (n,), or None, are those of `parts`.
    """
    if part is None or np.abs(np.bincount(part, rhs)).max() > _BALANCED:
        return solve_laplacian(seeds, i, j, coupling, rhs, tolerance)
    inside = part[i] == part[j]
    size = np.bincount(part)
    rhs = rhs - (np.bincount(part, rhs) / size)[part]
    solution = solve_laplacian(seeds, i[inside], j[inside], coupling[inside], rhs, tolerance)
    return solution - (np.bincount(part, solution) / size)[part]


def parts(n: int, i: np.ndarray, j: np.ndarray, coupling: np.ndarray) -> np.ndarray | None:
    """Labels (n,) from 0 on of the parts of a graph that are coupled with each other by next to nothing.

    None for a single part without weak couplings.
    """
    # No diagonal is above the sum of all: few edges, or none, have to be compared with those of their ends.
    doubtful = np.flatnonzero(coupling <= _WEAK * coupling.sum())
    if not doubtful.size:
        return None
    ends = np.zeros(n, bool)
    ends[i[doubtful]] = ends[j[doubtful]] = True
    near = np.flatnonzero(ends[i] | ends[j])
    diagonal = np.bincount(i[near], coupling[near], minlength=n) + np.bincount(j[near], coupling[near], minlength=n)
    weak = doubtful[coupling[doubtful] <= _WEAK * np.minimum(diagonal[i[doubtful]], diagonal[j[doubtful]])]
    if not weak.size:
        return None
    strong = np.ones(len(coupling), bool)
    strong[weak] = False
    graph = scipy.sparse.coo_array((np.ones(strong.sum()), (i[strong], j[strong])), shape=(n, n))
    return np.asarray(scipy.sparse.csgraph.connected_components(graph, directed=False)[1])
