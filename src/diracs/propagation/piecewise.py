"""Piecewise affine maps: clamps, saturations, systems that switch, with a jump or without."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import scipy

from diracs.backend import checks
from diracs.backend.arrays import Array, concrete, framework, frozen, to_framework
from diracs.propagation.smooth import Smooth
from diracs.propagation.switching import Switch

# Of the size of a map in what is looked at: by how much two pieces may differ where they meet.
_JUMP = 1e-9
# Of a point's size: it may lie so far outside of its region.
_GAP = 1e-9
# Draws that are to lie in some region.
_DRAWS = 2000


class PiecewiseAffine(Smooth):
    """The map x ↦ A_k x + b_k for x in region k; its Jacobians are those A_k whose regions a box meets.

    Parameters
    ----------
    regions : sequence of K pairs (H, h)
        Region k is {x : H x ≤ h}, H (q, d) and h (q,). Together they cover the space; where several hold, the first
        counts.
    matrices : array (K, m, d)
    offsets : array (K, m)
    continuous : bool
        Whether pieces agree where their regions meet, which is looked at. If not, the borders that the map jumps across
        must be parallel planes, and the noise must have a density across them: a small error then parts the true state
        and its Dirac with a small probability only (docs/propagation.md).

    Raises
    ------
    ValueError
        For wrong shapes; if two pieces disagree where their regions meet, and `continuous`; if the borders that the map
        jumps across are not parallel; if points are found that no region holds.

    Examples
    --------
    >>> from diracs import PiecewiseAffine
    >>> import numpy as np
    >>> regions = [([[1.0]], [-1.0]), ([[1.0], [-1.0]], [1.0, 1.0]), ([[-1.0]], [-1.0])]
    >>> clamp = PiecewiseAffine(regions, [[[0.0]], [[1.0]], [[0.0]]], [[-1.0], [0.0], [1.0]])
    >>> clamp(np.array([[-3.0], [0.5], [2.0]])).ravel()
    array([-1. ,  0.5,  1. ])
    """

    def __init__(self, regions: Sequence[Any], matrices: Any, offsets: Any, *, continuous: bool = True) -> None:
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
        pairs = [(i, j) for i in range(len(found)) for j in range(i)]
        jumps = [
            (i, j) for i, j in pairs if _jump(found[i], found[j], linear[i] - linear[j], constant[i] - constant[j])
        ]
        if jumps and continuous:
            raise ValueError(
                f"pieces {jumps[0][1]} and {jumps[0][0]} must agree where their regions meet, for the map to be"
                " continuous: they do not (continuous=False takes jumps across parallel borders)"
            )
        switch = _parallel_borders(found, jumps) if jumps else None
        self._hold(found, linear, constant, switch)

    regions: tuple[tuple[np.ndarray, np.ndarray], ...]
    matrices: np.ndarray
    offsets: np.ndarray
    switch: Switch | None

    def _hold(
        self, regions: Sequence[Any], matrices: np.ndarray, offsets: np.ndarray, switch: Switch | None = None
    ) -> None:
        """Take pieces that were looked at, or are known to fit."""
        for array in (matrices, offsets, *(part for region in regions for part in region)):
            frozen(array)
        held = {"regions": tuple(regions), "matrices": matrices, "offsets": offsets, "switch": switch}
        for name, value in held.items():
            object.__setattr__(self, name, value)
        super().__init__(self._images, jacobian=self._met, jacobian_hull=np.unique(matrices, axis=0))

    def leaps(self, points: np.ndarray) -> np.ndarray:
        """f'(c) − f(c) (q, m) for points c (n, d) and the pieces f' that are not on their side of the borders."""
        assert self.switch is not None
        own = _first(self.regions, points)
        images = np.einsum("kij,nj->nki", self.matrices, points) + self.offsets
        sides, here = _sides(self.regions, self.switch), self.switch.sides(points)
        other = (sides != here[:, None]) | self.switch.near(points)[:, None]
        found = (images - images[np.arange(len(points)), own][:, None])[other]
        return found if len(found) else np.zeros((1, self.matrices.shape[1]))

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
        # Continuous by construction: the pairs of so many pieces are not looked at.
        found = cls.__new__(cls)
        found._hold(regions, np.array(matrices), np.array(offsets))
        return found

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

    def __repr__(self) -> str:
        m, d = self.matrices.shape[1:]
        return f"PiecewiseAffine({len(self.matrices)} pieces, dimension {d} to {m})"


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


def _jump(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], slope: np.ndarray, offset: np.ndarray
) -> bool:
    """Whether |slope x + offset| is more than rounding somewhere where two regions meet, by linear programs."""
    normals, ends = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    size = np.abs(slope).max() + np.abs(offset).max()
    for row, rest in zip(slope, offset):
        for side in (1.0, -1.0):
            found = scipy.optimize.linprog(-side * row, A_ub=normals, b_ub=ends, bounds=(None, None), method="highs")
            if found.status == 2:
                return False  # they do not meet
            if found.status != 0 or side * (row @ found.x + rest) > _JUMP * size * (1.0 + np.abs(found.x).max()):
                return True
    return False


def _parallel_borders(regions: Sequence[tuple[np.ndarray, np.ndarray]], jumps: list[tuple[int, int]]) -> Switch:
    """The planes that parts of regions with jumps between them have in common."""
    planes: list[np.ndarray] = []
    for i, j in jumps:
        rows = [np.concatenate([h / s, [e / s]]) for h, e, s in _rows(regions[i])]
        others = [np.concatenate([h / s, [e / s]]) for h, e, s in _rows(regions[j])]
        shared = [a for a in rows for b in others if np.allclose(a, -b, rtol=1e-12, atol=1e-12)]
        if not shared:
            raise ValueError(f"regions {j} and {i} jump where they meet, but have no common border: give it to both")
        planes.extend(shared)
    first = planes[0][:-1]
    turned = [plane * np.sign(plane[:-1] @ first) for plane in planes]
    if any(np.abs(plane[:-1] - first).max() > 1e-12 for plane in turned):
        raise ValueError("borders that the map jumps across must be parallel")
    return Switch(first, np.unique([plane[-1] for plane in turned]))


def _rows(region: tuple[np.ndarray, np.ndarray]) -> list[tuple[np.ndarray, float, float]]:
    return [(h, e, float(np.linalg.norm(h))) for h, e in zip(*region) if h.any()]


def _sides(regions: Sequence[tuple[np.ndarray, np.ndarray]], switch: Switch) -> np.ndarray:
    """Between which borders each region lies (K,).

    Raises
    ------
    ValueError
        If a border cuts one.
    """
    out = []
    for k, (normals, ends) in enumerate(regions):
        reach = []
        for side in (1.0, -1.0):
            found = scipy.optimize.linprog(
                side * switch.normal, A_ub=normals, b_ub=ends, bounds=(None, None), method="highs"
            )
            reach.append(side * found.fun if found.status == 0 else -side * np.inf)
        slack = _JUMP * (1.0 + np.abs(switch.borders).max())
        low, high = (np.searchsorted(switch.borders, x) for x in (reach[0] + slack, reach[1] - slack))
        if low != high:
            raise ValueError(f"borders that the map jumps across must not cut regions, but one cuts region {k}")
        out.append(low)
    return np.array(out)
