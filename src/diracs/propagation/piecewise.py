"""Piecewise affine maps that are continuous: clamps, saturations, systems that switch without a jump."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import linprog

from diracs.backend import checks
from diracs.backend.arrays import Array, concrete, framework, to_framework
from diracs.propagation.smooth import Smooth

# Of the size of a map in what is looked at: by how much two pieces may differ where they meet.
_JUMP = 1e-9
# Of a point's size: it may lie so far outside of its region.
_GAP = 1e-9
# Draws that are to lie in some region.
_DRAWS = 2000


class PiecewiseAffine(Smooth):
    """The map x ↦ A_k x + b_k for x in region k, continuous; its Jacobians are those A_k whose regions a box meets.

    Parameters
    ----------
    regions : sequence of K pairs (H, h)
        Region k is {x : H x ≤ h}, H (q, d) and h (q,). Together they cover the space; where several hold, the first
        counts.
    matrices : array (K, m, d)
    offsets : array (K, m)

    Raises
    ------
    ValueError
        For wrong shapes; if two pieces disagree where their regions meet: no error is small enough for a jump; if
        points are found that no region holds.

    Examples
    --------
    >>> import numpy as np
    >>> regions = [([[1.0]], [-1.0]), ([[1.0], [-1.0]], [1.0, 1.0]), ([[-1.0]], [-1.0])]
    >>> clamp = PiecewiseAffine(regions, [[[0.0]], [[1.0]], [[0.0]]], [[-1.0], [0.0], [1.0]])
    >>> clamp(np.array([[-3.0], [0.5], [2.0]])).ravel()
    array([-1. ,  0.5,  1. ])
    """

    def __init__(self, regions: Sequence[Any], matrices: Any, offsets: Any) -> None:
        linear = np.asarray(concrete(checks.floating("matrices", matrices, "numpy")), np.float64)
        constant = np.asarray(concrete(checks.floating("offsets", offsets, "numpy")), np.float64)
        if linear.ndim != 3 or constant.shape != linear.shape[:2]:
            raise ValueError(
                f"matrices and offsets must have shapes (K, m, d) and (K, m), got {linear.shape} and {constant.shape}"
            )
        d = linear.shape[2]
        found = [_half_spaces(k, region, d) for k, region in enumerate(regions)]
        if len(found) != len(linear):
            raise ValueError(f"regions must be as many as matrices, got {len(found)} and {len(linear)}")
        _check_cover(found, d)
        _check_continuous(found, linear, constant)
        for name, value in (("regions", tuple(found)), ("matrices", linear), ("offsets", constant)):
            object.__setattr__(self, name, value)
        super().__init__(self._images, jacobian=self._met, jacobian_hull=linear)

    regions: tuple[tuple[np.ndarray, np.ndarray], ...]
    matrices: np.ndarray
    offsets: np.ndarray

    @classmethod
    def clamp(cls, A: Any, low: Any, high: Any, b: Any = None) -> PiecewiseAffine:
        """The map x ↦ clip(A x + b, low, high), entry by entry, of 3ᵐ pieces.

        Parameters
        ----------
        A : array (m, d)
        low, high : float or arrays (m,)
        b : array (m,), optional
        """
        matrix = np.asarray(concrete(checks.floating("A", A, "numpy")), np.float64)
        if matrix.ndim != 2:
            raise ValueError(f"A must be a matrix, got shape {matrix.shape}")
        m = len(matrix)
        shift, least, most = (
            np.broadcast_to(np.asarray(concrete(checks.floating(name, x, "numpy")), np.float64), (m,))
            for name, x in (("b", np.zeros(m) if b is None else b), ("low", low), ("high", high))
        )
        if not (least <= most).all():
            raise ValueError("low must not be above high")
        regions, matrices, offsets = [], [], []
        for sides in product((0, -1, 1), repeat=m):
            rows, ends = [], []
            for i, side in enumerate(sides):
                if side <= 0:
                    rows.append(matrix[i])
                    ends.append((least if side < 0 else most)[i] - shift[i])
                if side >= 0:
                    rows.append(-matrix[i])
                    ends.append(shift[i] - (most if side > 0 else least)[i])
            free = np.array(sides) == 0
            regions.append((np.array(rows), np.array(ends)))
            matrices.append(matrix * free[:, None])
            offsets.append(np.where(free, shift, np.where(np.array(sides) < 0, least, most)))
        return cls(regions, np.array(matrices), np.array(offsets))

    def _images(self, x: Array) -> Array:
        points = np.asarray(concrete(x), np.float64)
        which = _first(self.regions, points)
        if (which < 0).any():
            raise ValueError(
                f"no region holds the point {points[np.flatnonzero(which < 0)[0]].tolist()}: cover the space"
            )
        out = np.einsum("nij,nj->ni", self.matrices[which], points) + self.offsets[which]
        return to_framework(out, framework(x), x)

    def _met(self, boxes: np.ndarray) -> np.ndarray:
        """The matrices (k, K, m, d) of the regions that boxes (2, k, d) may meet; for others the first again."""
        low, high = boxes
        meets = np.ones((low.shape[0], len(self.regions)), dtype=bool)
        for r, (normals, ends) in enumerate(self.regions):
            with np.errstate(invalid="ignore"):
                ways = np.where(normals > 0, normals * low[:, None], normals * high[:, None])
            least = np.where(normals == 0, 0.0, ways).sum(axis=2)
            meets[:, r] = (
                least <= ends + _GAP * (np.abs(ends) + np.abs(np.where(np.isfinite(least), least, 0.0)))
            ).all(axis=1)
        first = meets.argmax(axis=1)
        return self.matrices[np.where(meets, np.arange(len(self.regions)), first[:, None])]


def _half_spaces(k: int, region: Any, d: int) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(region, tuple | list) or len(region) != 2:
        raise ValueError(f"regions[{k}] must be a pair (H, h)")
    normals, ends = (np.asarray(concrete(checks.floating(f"regions[{k}]", x, "numpy")), np.float64) for x in region)
    if normals.ndim != 2 or normals.shape[1] != d or ends.shape != normals.shape[:1]:
        raise ValueError(
            f"regions[{k}] must be (H, h) of shapes (q, {d}) and (q,), got {normals.shape} and {ends.shape}"
        )
    return normals, ends


def _first(regions: Sequence[tuple[np.ndarray, np.ndarray]], points: np.ndarray) -> np.ndarray:
    """The first region that holds each point, or else nearly; −1 if none does."""
    which = np.full(len(points), -1)
    for slack in (_GAP, 0.0):
        for k in reversed(range(len(regions))):
            normals, ends = regions[k]
            size = np.abs(points) @ np.abs(normals).T + np.abs(ends)
            which[(points @ normals.T <= ends + slack * size).all(axis=1)] = k
    return which


def _check_cover(regions: Sequence[tuple[np.ndarray, np.ndarray]], d: int) -> None:
    """Points of all sizes lie in some region."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((_DRAWS, d)) * 10.0 ** rng.uniform(-3.0, 6.0, (_DRAWS, 1))
    missed = np.flatnonzero(_first(regions, points) < 0)
    if len(missed):
        raise ValueError(f"regions must cover the space, but none of them holds {points[missed[0]].tolist()}")


def _check_continuous(
    regions: Sequence[tuple[np.ndarray, np.ndarray]], matrices: np.ndarray, offsets: np.ndarray
) -> None:
    """The largest difference of two pieces where their regions meet is rounding, by linear programs."""
    for i in range(len(regions)):
        for j in range(i):
            normals = np.concatenate([regions[i][0], regions[j][0]])
            ends = np.concatenate([regions[i][1], regions[j][1]])
            for row, rest in zip(matrices[i] - matrices[j], offsets[i] - offsets[j]):
                for side in (1.0, -1.0):
                    found = linprog(-side * row, A_ub=normals, b_ub=ends, bounds=(None, None), method="highs")
                    if found.status == 2:
                        continue  # they do not meet
                    size = np.abs(matrices).max() + np.abs(offsets).max()
                    reach = 1.0 if found.x is None else 1.0 + np.abs(found.x).max()
                    if found.status != 0 or side * (row @ found.x + rest) > _JUMP * size * reach:
                        raise ValueError(
                            f"pieces {j} and {i} must agree where their regions meet, for the map to be continuous:"
                            " they do not"
                        )
