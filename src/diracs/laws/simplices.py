"""Triangles and tetrahedra: where a mesh is, without what is on it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Of the box of a mesh: what has less volume is flat, up to rounding, and lies on no side of anything.
_FLAT = 1e-14


@dataclass(frozen=True, eq=False)
class Simplices:
    """Vertices (v, d) and simplices (s, d + 1) that number them, d = 2 or 3; equal if all numbers are.

    Examples
    --------
    >>> import numpy as np
    >>> from diracs.laws.simplices import Simplices
    >>> one = Simplices(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]), np.array([[0, 1, 2]]))
    >>> one.volumes
    array([2.])
    """

    vertices: np.ndarray
    simplices: np.ndarray

    _leaves = ("vertices", "simplices")
    _static = ()

    def __post_init__(self) -> None:
        for array in (self.vertices, self.simplices):
            array.flags.writeable = False

    @property
    def ndim(self) -> int:
        return self.vertices.shape[1]

    @cached_property
    def box(self) -> np.ndarray:
        """(2, d), of what simplices have; vertices that none of them has do not count."""
        used = self.vertices[self.simplices.ravel()]
        return np.stack([used.min(axis=0), used.max(axis=0)])

    @property
    def size(self) -> float:
        """The longest side of the box."""
        return float((self.box[1] - self.box[0]).max())

    @property
    def corners(self) -> np.ndarray:
        """(s, d + 1, d)"""
        return self.vertices[self.simplices]

    @cached_property
    def unit_volumes(self) -> np.ndarray:
        """(s,) in units of the size to the power d, with the sign of the orientation."""
        x = self.corners
        return np.asarray(np.linalg.det((x[:, 1:] - x[:, :1]) / self.size) / math.factorial(self.ndim))

    @property
    def volumes(self) -> np.ndarray:
        """(s,)"""
        return np.abs(self.unit_volumes) * self.size**self.ndim

    @cached_property
    def unit_shares(self) -> np.ndarray:
        """(v,) integrals of the functions that are one at a vertex, zero at all others and linear on each simplex."""
        part = np.abs(self.unit_volumes) / (self.ndim + 1)
        return np.bincount(self.simplices.ravel(), np.repeat(part, self.ndim + 1), minlength=len(self.vertices))

    def at_corners(self, values: np.ndarray, per_vertex: bool) -> np.ndarray:
        """(s, d + 1), of values at vertices (v,) or on simplices (s,)."""
        if per_vertex:
            return np.asarray(values[self.simplices], np.float64)
        return np.repeat(np.asarray(values, np.float64)[:, None], self.ndim + 1, axis=1)

    def overlapping(self) -> tuple[int, int] | None:
        """Two simplices on one side of a facet that both have, or with a third one; None if there are none such."""
        d = self.ndim
        kept = np.flatnonzero(np.abs(self.unit_volumes) > _FLAT)
        facets, sides = [], []
        for k in range(d + 1):
            facet = np.delete(self.simplices[kept], k, axis=1)
            # The side on which vertex k lies, for the order of the facet's vertices by number.
            odd = sum(facet[:, i] > facet[:, j] for i, j in itertools.combinations(range(d), 2)) + np.int64(k)
            facets.append(np.sort(facet, axis=1))
            sides.append(np.where(odd % 2 == 0, 1.0, -1.0) * np.sign(self.unit_volumes[kept]))
        every, side, owner = np.concatenate(facets), np.concatenate(sides), np.tile(kept, d + 1)
        order = np.lexsort((side, *every.T))
        every, side, owner = every[order], side[order], owner[order]
        again = (every[1:] == every[:-1]).all(axis=1) & (side[1:] == side[:-1])
        found = np.flatnonzero(again)
        return (int(owner[found[0]]), int(owner[found[0] + 1])) if len(found) else None

    @property
    def numbers(self) -> tuple[float, ...]:
        """All of it as floats."""
        # Not a cached_property: PyTorch's compiler does not take its lock.
        if not hasattr(self, "_numbers"):
            object.__setattr__(self, "_numbers", self._as_numbers())
        found: tuple[float, ...] = self._numbers  # type: ignore[attr-defined]
        return found

    def _as_numbers(self) -> tuple[float, ...]:
        sizes = (float(self.ndim), float(len(self.vertices)), float(len(self.simplices)))
        return (*sizes, *self.vertices.ravel().tolist(), *self.simplices.ravel().astype(float).tolist())

    @classmethod
    def from_numbers(cls, numbers: tuple[float, ...]) -> Simplices:
        """The inverse of `numbers`."""
        d, v, s = map(int, numbers[:3])
        every = np.array(numbers[3:])
        return cls(every[: v * d].reshape(v, d), every[v * d :].reshape(s, d + 1).astype(np.int64))

    def __reduce__(self) -> tuple[type[Simplices], tuple[np.ndarray, np.ndarray]]:
        """Without what is remembered: hashes differ from process to process."""
        return Simplices, (self.vertices, self.simplices)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Simplices)
            and np.array_equal(self.vertices, other.vertices)
            and np.array_equal(self.simplices, other.simplices)
        )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.vertices.tobytes(), self.simplices.tobytes()))
