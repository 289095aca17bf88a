"""Newton's method for optimal scalar quantizers, many at once.

The distortion D(y) = E min_j (x − y_j)² of sorted levels y has half the gradient −∫(x − y_j) over the cells and a
tridiagonal Hessian (Pagès & Printems 2003): with f the density at the border right of level j and gap the distance of
the two levels there, the coupling c_j = gap·f/4 gives

    H/2 = tridiag(−c_{j−1}, m_j − c_{j−1} − c_j, −c_j).

Rows (independent quantizers) are concatenated: the couplings between them are zero, so one banded solve serves all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

_EPS = float(np.finfo(np.float64).eps)


class CellMoments(NamedTuple):
    """What Newton needs of the cells, one entry per level, rows concatenated."""

    mass: np.ndarray
    first: np.ndarray  # about the level
    second: np.ndarray  # about the level
    coupling: np.ndarray  # c_j of the border to the right, 0 for the last level of a row
    edge: np.ndarray  # the part of c_{j−1} that couples to a level held fixed, 0 elsewhere


# From levels, their numbers per row and the rows' indices to the moments of the cells.
Law = Callable[[np.ndarray, np.ndarray, np.ndarray], CellMoments]


def minimize_distortion(levels: np.ndarray, sizes: np.ndarray, law: Law, *, steps: int = 300) -> np.ndarray:
    """Local minima of the distortion, by damped Newton steps from the given levels.

    Parameters
    ----------
    levels : array (L,)
        Starting levels, sorted within each row, rows concatenated.
    sizes : array (R,) of int
        Number of levels of each row, at least 1.
    law : callable
        Moments of the cells of some of the rows.
    steps : int
        Most solves per row.

    Returns
    -------
    array (L,)
        Levels with a distortion not above the start's. Where the Hessian was not positive definite (a saddle), the row
        has been moved off along the eigenvector of the smallest eigenvalue and minimized again.
    """
    out = levels.copy()
    rows = np.arange(len(sizes))
    for left in reversed(range(12)):
        pick = _members(sizes, rows)
        out[pick] = _newton(out[pick], sizes, rows, law, steps)
        # What is moved off a saddle must be minimized again.
        if not left:
            break
        rows = _leave_saddles(out, sizes, rows, law)
        if not len(rows):
            break
    return out


def _newton(levels: np.ndarray, sizes: np.ndarray, rows: np.ndarray, law: Law, steps: int) -> np.ndarray:
    """Steps of (1−μ)·H + μ·diag(m): μ = 1 is Lloyd's, always good; μ falls with every success, rises otherwise."""
    out = levels.copy()
    place = np.arange(len(levels))  # where the levels still at work stand in `out`
    y, sizes = levels, sizes[rows]
    cells = law(y, sizes, rows)
    starts = _starts(sizes)
    blend = np.full(len(rows), 0.1)
    distortion = np.add.reduceat(cells.second, starts)
    residual, settled = _residual(y, cells, starts)
    done = settled
    for _ in range(steps):
        if done.any():
            member = np.repeat(done, sizes)
            out[place[member]] = y[member]
            keep = ~member
            place, y, cells = place[keep], y[keep], CellMoments(*(c[keep] for c in cells))
            rows, sizes, blend, distortion, residual = (a[~done] for a in (rows, sizes, blend, distortion, residual))
            starts = _starts(sizes)
        if not len(rows):
            return out
        step = _step(cells, np.repeat(blend, sizes))
        trial = y + step
        rising = np.append(trial[1:] > trial[:-1], True)
        rising[starts[1:] - 1] = True
        good = np.logical_and.reduceat(rising, starts) & (np.add.reduceat(step * cells.first, starts) > 0)
        lloyd = blend == 1.0
        done = np.zeros(len(rows), dtype=bool)
        if good.any():
            member = np.repeat(good, sizes)
            found = law(trial[member], sizes[good], rows[good])
            inner = _starts(sizes[good])
            d = np.add.reduceat(found.second, inner)
            r, settled = _residual(trial[member], found, inner)
            # Near the minimum differences of D are rounding noise: the residual decides there.
            old, noise = distortion[good], 1e-12 * distortion[good]
            better = (d < old - noise) | ((d <= old + noise) & (r < residual[good]))
            taken = good.copy()
            taken[good] = better
            into, of = np.repeat(taken, sizes), np.repeat(better, sizes[good])
            y = np.where(into, trial, y)
            for kept, new in zip(cells, found):
                kept[into] = new[of]
            done[taken] = settled[better]
            distortion[taken], residual[taken] = d[better], r[better]
            # Quadratic convergence wants μ to fall with the residual.
            blend[taken] = np.minimum(0.2 * blend[taken], residual[taken])
            good = taken
        blend[~good] = np.minimum(1.0, np.maximum(4.0 * blend[~good], 1e-3))
        done |= ~good & (lloyd | (residual < 1e-9))
    out[place] = y
    return out


def _step(cells: CellMoments, blend: np.ndarray) -> np.ndarray:
    """Solve ((1−μ)·H/2 + μ·diag(m)) d = first, scaled by √m on both sides; levels of empty cells stay."""
    root, diagonal, off = _scaled_hessian(cells)
    diagonal = (1.0 - blend) * diagonal + blend
    off = off * (1.0 - blend[:-1])
    right = np.divide(cells.first, root, out=np.zeros_like(root), where=root > 0)
    if len(root) == 1:
        d = right / np.where(diagonal == 0.0, 1.0, diagonal)
    else:
        banded = np.stack([np.append(0.0, off), diagonal, np.append(off, 0.0)])
        try:
            d = scipy.linalg.solve_banded((1, 1), banded, right, overwrite_ab=True, check_finite=False)
        except np.linalg.LinAlgError:
            d = right  # exactly singular: Lloyd's step
    d = np.divide(d, root, out=np.zeros_like(root), where=root > 0)
    return np.where(np.isfinite(d), d, 0.0)


def _scaled_hessian(cells: CellMoments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """√m, and diagonal and off-diagonal of M^{−1/2} (H/2) M^{−1/2}; rows of empty cells are those of the identity."""
    root = np.sqrt(cells.mass)
    safe = np.where(root > 0, root, 1.0)
    loss = cells.coupling + cells.edge
    loss[1:] += cells.coupling[:-1]
    diagonal = np.where(root > 0, 1.0 - loss / safe / safe, 1.0)
    alive = (root[1:] > 0) & (root[:-1] > 0)
    off = np.where(alive, -cells.coupling[:-1] / safe[1:] / safe[:-1], 0.0)
    return root, diagonal, off


def _residual(y: np.ndarray, cells: CellMoments, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per row the largest |centroid − level| in units of the cell's RMS radius (at most 1); are all negligible?"""
    alive = cells.mass > 0
    mass = np.where(alive, cells.mass, 1.0)
    shift = np.where(alive, np.abs(cells.first) / mass, 0.0)
    radius = np.sqrt(np.where(alive, cells.second, 0.0) / mass)
    relative = np.divide(shift, radius, out=np.zeros_like(shift), where=radius > 0)
    settled = shift <= 4e-15 * radius + 0.25 * _EPS * np.abs(y)
    return np.maximum.reduceat(np.where(settled, 0.0, relative), starts), np.logical_and.reduceat(settled, starts)


def _leave_saddles(levels: np.ndarray, sizes: np.ndarray, rows: np.ndarray, law: Law) -> np.ndarray:
    """Move rows whose Hessian has a negative eigenvalue off along its eigenvector, in place; return those moved."""
    pick = _members(sizes, rows)
    y, lengths = levels[pick], sizes[rows]
    cells = law(y, lengths, rows)
    starts = _starts(lengths)
    root, diagonal, off = _scaled_hessian(cells)
    moved = []
    for r in _indefinite(diagonal, off, starts):
        part = slice(starts[r], starts[r] + lengths[r])
        inner = slice(starts[r], starts[r] + lengths[r] - 1)
        value, vector = scipy.linalg.eigh_tridiagonal(diagonal[part], off[inner], select="i", select_range=(0, 0))
        if value[0] > -1e-10:
            continue
        z, w = y[part], root[part]
        v = np.divide(vector[:, 0], w, out=np.zeros_like(w), where=w > 0)
        # The largest steps either way that keep the order.
        pace, gap = np.diff(v), np.diff(z)
        limits = [np.min(gap[s * pace < 0] / np.abs(pace[s * pace < 0]), initial=np.inf) for s in (1.0, -1.0)]
        own = np.ptp(z) if len(z) > 1 else 1.0
        steps = [
            s * t * (limit if np.isfinite(limit) else own / np.abs(v).max())
            for s, limit in zip((1.0, -1.0), limits)
            for t in (0.9, 0.5, 0.2, 0.05, 0.01, 1e-3)
        ]
        trials = z + np.array(steps)[:, None] * v
        many = np.full(len(trials), lengths[r])
        d = law(trials.ravel(), many, np.full(len(trials), rows[r])).second.reshape(trials.shape).sum(axis=1)
        best = int(np.argmin(d))
        if d[best] < cells.second[part].sum() * (1.0 - 1e-12) and (np.diff(trials[best]) > 0).all():
            levels[pick[part]] = trials[best]
            moved.append(rows[r])
    return np.array(moved, dtype=int)


def _indefinite(diagonal: np.ndarray, off: np.ndarray, starts: np.ndarray) -> list[int]:
    """Rows whose tridiagonal block has no Cholesky factor (LDLᵀ with a pivot that is not positive)."""
    found = []
    begin = 0
    while begin < len(diagonal):
        # LAPACK's wrapper wants at least one off-diagonal entry.
        _, _, info = scipy.linalg.lapack.dpttrf(np.append(diagonal[begin:], 1.0), np.append(off[begin:], 0.0))
        if info == 0:
            break
        row = int(np.searchsorted(starts, begin + info - 1, side="right")) - 1
        found.append(row)
        begin = int(starts[row + 1]) if row + 1 < len(starts) else len(diagonal)
    return found


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.cumsum(sizes) - sizes


def _members(sizes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Positions of the entries of the given rows in the concatenation of all."""
    lengths = sizes[rows]
    return np.arange(lengths.sum()) + np.repeat(_starts(sizes)[rows] - _starts(lengths), lengths)
