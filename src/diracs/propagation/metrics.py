"""Metrics in which an error does not grow: majorants of JᵀPJ over a set of Jacobians.

If JᵀPJ ≼ P' for all J of a convex set, then |J e|_P ≤ |e|_P' for every error e, with |e|_P² = eᵀPe. Of the many P' the
one is looked for with the least tr(P'W), W being about the second moment of e. How it is found is not rigorous, and
need not be; that it is a majorant is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Relative: eigenvalues and products of matrices of few rows are right to much less.
_SLACK = 1e-12
# Of the largest eigenvalue: W is made definite, so that a majorant exists in its coordinates.
_DEFINITE = 1e-10
# The barrier: the gap to the least trace, factors from one to the next, Newton steps for each at most.
_GAP, _COOLED, _NEWTON = 1e-3, 0.2, 30
# Interval matrices of so few uncertain entries are the hull of their corners.
_CORNERS = 6


@dataclass(frozen=True, eq=False)
class JacobianSet:
    """A convex set that holds a Jacobian: between two matrices (m, d), or the hull of matrices (K, m, d) besides."""

    low: np.ndarray
    high: np.ndarray
    hull: np.ndarray | None = None

    @classmethod
    def between(cls, low: np.ndarray, high: np.ndarray) -> JacobianSet:
        """All matrices between two."""
        open_entries = np.argwhere(high > low)
        if len(open_entries) > _CORNERS or not (np.isfinite(low).all() and np.isfinite(high).all()):
            return cls(low, high)
        hull = np.repeat(low[None], 1 << len(open_entries), axis=0)
        for bit, (i, j) in enumerate(open_entries):
            hull[(np.arange(len(hull)) >> bit & 1).astype(bool), i, j] = high[i, j]
        return cls(low, high, hull)

    @classmethod
    def hull_of(cls, matrices: np.ndarray) -> JacobianSet:
        """The hull of matrices (K, m, d)."""
        return cls(matrices.min(axis=0), matrices.max(axis=0), matrices)

    def equals(self, other: JacobianSet) -> bool:
        """Whether both are given by the same matrices."""
        one, two = (() if x.hull is None else x.hull for x in (self, other))
        return all(np.array_equal(a, b) for a, b in ((self.low, other.low), (self.high, other.high), (one, two)))

    @property
    def centre(self) -> np.ndarray:
        """(m, d)"""
        return 0.5 * self.low + 0.5 * self.high

    @property
    def transposed(self) -> JacobianSet:
        """The transposes."""
        hull = None if self.hull is None else self.hull.transpose(0, 2, 1)
        return JacobianSet(self.low.T, self.high.T, hull)

    def majorant(self, metric: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """P' (d, d) with JᵀPJ ≼ P' for all J of the set, for P (m, m), of a small tr(P'W) for W (d, d)."""
        found = self._by_radius(metric, weight)
        if self.hull is not None:
            images = np.einsum("kia,ij,kjb->kab", self.hull, metric, self.hull, optimize=True)
            by_hull = least_majorant(images, weight)
            if np.vdot(by_hull, weight) <= np.vdot(found, weight):
                found = by_hull
        return found

    @property
    def norm(self) -> float:
        """The largest norm of a J of the set, or above."""
        if self.hull is not None:
            return float(np.linalg.norm(self.hull, 2, axis=(1, 2)).max()) * (1.0 + 1e-13)
        radius = 0.5 * (self.high - self.low) * (1.0 + _SLACK)
        return float(np.linalg.norm(self.centre, 2) + np.linalg.norm(radius, 2)) * (1.0 + 1e-13)

    def spread(self, weight: np.ndarray) -> np.ndarray:
        """About the second moment (m, m) of J e for E eeᵀ = W (d, d): a mean over the corners."""
        if self.hull is not None:
            return np.asarray(np.einsum("kia,ab,kjb->ij", self.hull, weight, self.hull, optimize=True) / len(self.hull))
        half = 0.5 * (self.high - self.low)
        return np.asarray(self.centre @ weight @ self.centre.T + np.diag((half**2 / 3.0) @ np.diagonal(weight)))

    def _by_radius(self, metric: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """By the centre C and |J − C| ≤ R entry by entry.

        |(J − C)e|_P² ≤ |e|ᵀN|e|, N = Rᵀ|P|R, and 2|e_j e_k| ≤ e_j² s_k/s_j + e_k² s_j/s_k, best for s_j² = W_jj; then
        Young's inequality, JᵀPJ ≼ (1 + ε) CᵀPC + (1 + 1/ε) diag q.
        """
        centre, radius = self.centre, 0.5 * (self.high - self.low) * (1.0 + _SLACK)
        fixed = centre.T @ metric @ centre
        if not radius.any():
            return fixed + _SLACK * np.trace(fixed) * np.eye(len(fixed))
        around = radius.T @ np.abs(metric) @ radius
        variances = np.diagonal(weight)
        sizes = np.sqrt(np.maximum(variances, _DEFINITE * max(variances.max(), 1e-300)))
        q = around @ sizes / sizes
        a, b = np.sqrt(max(np.vdot(fixed, weight), 0.0)), np.sqrt(q @ variances)
        ratio = b / a if a > 0 and b > 0 else 1.0
        found = (1.0 + ratio) * fixed + (1.0 + 1.0 / ratio) * np.diag(q)
        return np.asarray(found + _SLACK * np.trace(found) * np.eye(len(found)))


def within(part: JacobianSet, whole: JacobianSet) -> JacobianSet:
    """A set that holds what two sets have in common."""
    low, high = np.maximum(part.low, whole.low), np.minimum(part.high, whole.high)
    both = JacobianSet.between(low, np.maximum(low, high))
    known = [found for found in (part, whole, both) if np.isfinite(found.low).all() and np.isfinite(found.high).all()]
    one = np.eye(len(low)), np.eye(low.shape[1])
    return min(known, key=lambda found: float(np.trace(found.majorant(*one))))


def least_majorant(matrices: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """P' with B ≼ P' for all positive semidefinite B of (K, d, d), near the least tr(P'W) for W (d, d).

    A semidefinite program of few rows, by Newton's method with the barrier −μ Σ ln det(P' − B), in coordinates where W
    is the identity: every iterate is a majorant, and the last is within μ K d of the least trace.
    """
    d = weight.shape[0]
    largest = float(np.trace(matrices, axis1=1, axis2=2).max())
    if len(matrices) == 1 or not largest > 0:
        return matrices[0] + _SLACK * largest * np.eye(d)
    values, vectors = np.linalg.eigh(0.5 * (weight + weight.T))
    top = values[-1] if values[-1] > 0 else 1.0
    root = np.sqrt(np.maximum(values, _DEFINITE * top) / top)
    into, back = vectors * root, vectors / root
    seen = into.T @ matrices @ into
    size = float(np.linalg.eigvalsh(seen)[:, -1].max())
    x = _by_barrier(seen / size, np.eye(d) * 1.5) * size
    found = back @ x @ back.T
    found = 0.5 * (found + found.T)
    # What rounding may have left below some matrix, in the coordinates of the user.
    lacking = float(np.linalg.eigvalsh(matrices - found)[:, -1].max())
    return np.asarray(found + (max(lacking, 0.0) + _SLACK * float(np.trace(found))) * np.eye(d))


def _by_barrier(matrices: np.ndarray, x: np.ndarray) -> np.ndarray:
    """From a majorant x (d, d) of matrices (K, d, d) to one near the least trace."""
    k, d, _ = matrices.shape
    one, barrier = np.eye(d), float(np.trace(x)) / (k * d)
    while True:
        for _ in range(_NEWTON):
            inverse = np.linalg.inv(x - matrices)
            gradient = one / barrier - inverse.sum(axis=0)
            hessian = np.einsum("kab,kcd->acbd", inverse, inverse, optimize=True).reshape(d * d, d * d)
            step = np.linalg.solve(hessian, -gradient.ravel()).reshape(d, d)
            decrement = float(np.sqrt(max(-np.vdot(gradient, step), 0.0)))
            # Within the ellipsoid of Dikin for a step of decrement below one.
            x = x + 0.5 * (step + step.T) / (1.0 + decrement)
            if decrement < 0.3:
                break
        if barrier * k * d <= _GAP * float(np.trace(x)):
            return x
        barrier *= _COOLED
