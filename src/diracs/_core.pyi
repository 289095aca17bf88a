"""Power diagrams of the plane and of space, and moments of their cells; arrays are float64 and C-contiguous."""

from typing import Literal, overload

import numpy as np

from diracs.cells.record import Cells, Couplings, Edges

class Polygon:
    def __init__(self, vertices: np.ndarray, density: float) -> None: ...

class Image:
    def __init__(self, values: np.ndarray, box: np.ndarray) -> None: ...
    def potential(self, positions: np.ndarray, weights: np.ndarray) -> np.ndarray: ...

class Mixture:
    def __init__(self, means: np.ndarray, covariances: np.ndarray, weights: np.ndarray) -> None: ...
    def components(
        self, positions: np.ndarray, weights: np.ndarray, *, threads: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...

class SpaceBox:
    def __init__(
        self, box: np.ndarray, density: float, periodic: np.ndarray, planes: np.ndarray | None = None
    ) -> None: ...

class SpaceImage:
    def __init__(self, values: np.ndarray, box: np.ndarray, periodic: np.ndarray) -> None: ...
    def potential(self, positions: np.ndarray, weights: np.ndarray) -> np.ndarray: ...

class SpaceMixture:
    def __init__(self, means: np.ndarray, covariances: np.ndarray, weights: np.ndarray) -> None: ...
    def components(
        self, positions: np.ndarray, weights: np.ndarray, *, threads: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...

class Mesh:
    def __init__(self, vertices: np.ndarray, corners: np.ndarray, densities: np.ndarray) -> None: ...
    def potential(self, positions: np.ndarray, weights: np.ndarray) -> np.ndarray: ...
    def rectangles(
        self, low: np.ndarray, high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...
    def overlaps(self, share: float) -> bool: ...

class SpaceMesh:
    def __init__(self, vertices: np.ndarray, corners: np.ndarray, densities: np.ndarray) -> None: ...
    def potential(self, positions: np.ndarray, weights: np.ndarray) -> np.ndarray: ...
    def overlaps(self, share: float) -> bool: ...

class DistortionHessian:
    def __init__(
        self,
        mass: np.ndarray,
        i: np.ndarray,
        j: np.ndarray,
        displacement: np.ndarray,
        facet_mass: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
    ) -> None: ...
    def multiply(self, x: np.ndarray) -> np.ndarray: ...
    def step(
        self, gradient: np.ndarray, *, radius: float, accuracy: float, products: int
    ) -> tuple[np.ndarray, float, bool]: ...

class Covering:
    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        mass: np.ndarray,
        centroid: np.ndarray,
        second: np.ndarray,
        peak: np.ndarray,
    ) -> None: ...
    def gains(
        self, allowances: np.ndarray, points: np.ndarray, *, bound: bool, dense: bool = False, threads: int = 0
    ) -> np.ndarray: ...
    def radii(
        self, facilities: np.ndarray, points: np.ndarray, start: np.ndarray, *, steps: int = 60, threads: int = 0
    ) -> np.ndarray: ...

class SpaceCovering:
    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        mass: np.ndarray,
        centroid: np.ndarray,
        second: np.ndarray,
        peak: np.ndarray,
    ) -> None: ...
    def gains(
        self, allowances: np.ndarray, points: np.ndarray, *, bound: bool, dense: bool = False, threads: int = 0
    ) -> np.ndarray: ...
    def radii(
        self, facilities: np.ndarray, points: np.ndarray, start: np.ndarray, *, steps: int = 60, threads: int = 0
    ) -> np.ndarray: ...

def rectangle_moments(
    mixture: Mixture, low: np.ndarray, high: np.ndarray, *, threads: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...
def box_moments(
    mixture: SpaceMixture, low: np.ndarray, high: np.ndarray, *, threads: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...
@overload
def moments(
    density: Polygon | Image | Mixture | Mesh,
    positions: np.ndarray,
    weights: np.ndarray,
    *,
    edges: bool,
    second: bool = False,
    threads: int = 0,
) -> tuple[Cells, Edges]: ...
@overload
def moments(
    density: SpaceBox | SpaceImage | SpaceMixture | SpaceMesh,
    positions: np.ndarray,
    weights: np.ndarray,
    *,
    edges: bool,
    second: bool = False,
    threads: int = 0,
    near: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Cells, Edges]: ...

class FixedSeeds:
    def __init__(self, positions: np.ndarray) -> None: ...

def couplings(
    density: Polygon | Image | Mixture | Mesh, seeds: FixedSeeds, weights: np.ndarray, *, threads: int = 0
) -> tuple[Cells, Couplings]: ...
def cells(
    positions: np.ndarray, weights: np.ndarray, domain_vertices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...
def space_cells(
    positions: np.ndarray, weights: np.ndarray, box: np.ndarray, periodic: np.ndarray, planes: np.ndarray | None = None
) -> tuple[np.ndarray, ...]: ...
def solve_laplacian(
    positions: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    coupling: np.ndarray,
    rhs: np.ndarray,
    tolerance: float,
    method: str = "auto",
    *,
    threads: int = 0,
) -> tuple[np.ndarray, int, float]: ...
def spots(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...
def rectangle_masses(
    a: np.ndarray, b: np.ndarray, correlation: np.ndarray, panel: np.ndarray, *, threads: int = 0
) -> np.ndarray: ...
def doubled_masses(
    arriving: np.ndarray, shares: np.ndarray, lower: np.ndarray, groups: np.ndarray, count: int, *, threads: int = 0
) -> tuple[np.ndarray, np.ndarray]: ...

class WeightedPoints:
    def __init__(self, points: np.ndarray, masses: np.ndarray, spreads: np.ndarray, *, threads: int = 0) -> None: ...
    def lloyd(
        self, centres: np.ndarray, *, steps: int, tolerance: float, threads: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]: ...
    @overload
    def nearest(
        self, centres: np.ndarray, *, both: Literal[False] = False, threads: int = 0
    ) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def nearest(
        self, centres: np.ndarray, *, both: Literal[True], threads: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...
    def coarse(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...

def send_boxes(
    means: np.ndarray,
    axes: np.ndarray,
    deviations: np.ndarray,
    weights: np.ndarray,
    component: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    points: np.ndarray,
    *,
    least: float,
    threads: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float, float, int]: ...
def spread_seeds(points: np.ndarray, masses: np.ndarray, uniform: np.ndarray, *, threads: int = 0) -> np.ndarray: ...

class Stop:
    def __init__(self) -> None: ...
    def set(self) -> None: ...
    def is_set(self) -> bool: ...
    def heed(self) -> None: ...

def set_threads(threads: int) -> None: ...
def get_threads() -> int: ...
def take_part(on: bool) -> None: ...
def transport_small(
    images: np.ndarray,
    box: np.ndarray,
    positions: np.ndarray,
    masses: np.ndarray,
    tolerance: float,
    *,
    threads: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...
