"""A lower bound on the W₂ between a mesh and *every* measure of n points."""

from __future__ import annotations

import math

import numpy as np

from diracs import _core
from diracs.cells.meshes import halved, mean_and_covariance, volumes_of
from diracs.certificates.lower.covering import covering_bound
from diracs.certificates.lower.mixture import SLACK
from diracs.certificates.lower.quadtree import Moments
from diracs.certificates.lower.quadtree import corners as rectangle_corners
from diracs.certificates.upper.nearest_mesh import UnitMesh

# Simplices may have this share of the smaller one in common, and all of a level that share of the mesh.
_SHARED, _OVERLAP = 1e-9, 1e-6
# Where more mass than this is within roundings of borders nothing is said.
_DOUBTFUL = 1e-3
# Linear densities are cut into so many pieces at most, each with its lowest value.
_PIECES = 400_000
# Rectangles, and points, that covering takes on.
_WORK, _MOST_POINTS = 4e5, 10_000


def mesh_lower_bound(unit: UnitMesh, n: int) -> float:
    """A number that the W₂ (not squared) between a density on a mesh and any n points is never below.

    The larger of two bounds on W₂²: what an affine space of dimension n − 1 misses of the covariance (for n = 1 the
    optimum), and that for level sets, d/(d+2) (κ_d n)^(−2/d) ∫ |{f > t}|^(1 + 2/d) dt (`image_lower_bound`; any
    function below f will do). The second is left out where simplices overlap: what a level holds is then not known.
    """
    corners, densities = unit.law.corners, unit.law.densities
    d, doubt = corners.shape[2], unit.sliver_mass
    if not doubt < _DOUBTFUL:
        return 0.0
    spectrum = np.linalg.eigvalsh(mean_and_covariance(corners, densities)[1])
    # Masses that are wrong by that much in all, anywhere within the reach.
    error = 1e-13 * d * float(spectrum.sum()) + 16.0 * doubt * unit.reach**2
    square = float(np.maximum(spectrum[: max(d - n + 1, 0)] - error, 0.0).sum())
    if n > 1 and not unit.law.core.overlaps(_SHARED):
        square = max(square, _of_levels(corners, densities, float(unit.slivers.sum()), n) * (1.0 - 2.0 * doubt))
    bound = math.sqrt(square * (1.0 - SLACK)) - unit.rounding()
    return math.nextafter(max(bound, 0.0) * unit.unit, 0.0) if bound > 0 else 0.0


def sharpest_mesh_lower_bound(unit: UnitMesh, n: int) -> float:
    """As `mesh_lower_bound`, or in the plane the bound by covering it with discs if larger, which takes seconds.

    Masses of rectangles are lowered by all that rounding may have added: the bound is that of a part of the law.
    """
    bound = mesh_lower_bound(unit, n)
    core, doubt = unit.law.core, unit.sliver_mass
    if n == 1 or n > _MOST_POINTS or not doubt < _DOUBTFUL:
        return bound
    if not isinstance(core, _core.Mesh) or core.overlaps(_SHARED):
        return bound
    square = covering_bound(MeshRectangles(core, unit.law.corners), n, _WORK) * (1.0 - 2.0 * doubt)
    root = (math.sqrt(square * (1.0 - SLACK)) - unit.rounding()) * unit.unit
    return max(bound, math.nextafter(root, 0.0)) if root > 0 else bound


class MeshRectangles:
    """A mesh of the plane on dyadic rectangles, a `BoxLaw`."""

    def __init__(self, core: _core.Mesh, corners: np.ndarray) -> None:
        low, high = (f(corners.reshape(-1, 2), axis=0) for f in (np.min, np.max))
        self.core = core
        self.sides = np.full(2, float((high - low).max()) * (1.0 + 2.0**-30))
        self.low = 0.5 * (low + high - self.sides)

    def moments(self, levels: np.ndarray, places: np.ndarray) -> Moments:
        low, high = (np.ascontiguousarray(x) for x in rectangle_corners(self, levels, places))
        mass, centroid, second, peak, rounding = self.core.rectangles(low, high)
        # Masses are lowered already.
        return Moments(mass, centroid, second, peak, np.pad(rounding, ((0, 0), (1, 0))))


def _of_levels(corners: np.ndarray, densities: np.ndarray, slivers: float, n: int) -> float:
    """For simplices without overlap, whose volumes may be wrong by slivers."""
    d = corners.shape[2]
    whole = float(volumes_of(corners).sum())
    packed = np.concatenate([corners, densities[:, :, None]], axis=2)
    flat = (densities == densities[:, :1]).all(axis=1)
    held, tilted = [packed[flat]], packed[~flat]
    while len(tilted) and len(tilted) * 2**d <= _PIECES:
        tilted = halved(tilted)
    held.append(tilted)
    every = np.concatenate(held)
    volumes, values = volumes_of(every[..., :d]), every[..., d].min(axis=1)
    order = np.argsort(-values)
    values = values[order]
    above = np.maximum(np.cumsum(volumes[order]) - _OVERLAP * whole - slivers, 0.0)
    layers = float((values - np.append(values[1:], 0.0)) @ above ** (1.0 + 2.0 / d))
    ball = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    return d / (d + 2.0) * (ball * n) ** (-2.0 / d) * layers * (1.0 - 1e-9)
