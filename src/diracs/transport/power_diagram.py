"""Power diagrams: polygons in the plane; those of space and of tori are made here too."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from diracs import _core
from diracs.backend import checks
from diracs.backend.arrays import concrete, framework, frozen
from diracs.cells.facets import Facets, planar_facets
from diracs.cells.locate import nearest_power
from diracs.cells.record import Cells, Edges, read_only
from diracs.cells.spaces import hull_of, rectangle
from diracs.laws.pixels import periodic_axes


class PowerDiagram:
    """The cells {x : |x − yᵢ|² − wᵢ ≤ |x − yⱼ|² − wⱼ for all j} of weighted seeds, cut to a box.

    Positions, weights and domain are copied, and kept as read-only NumPy arrays.

    Parameters
    ----------
    positions : array (n, 2) or (n, 3)
        The seeds. In space cells are polyhedra, and there is more to ask for: see `SpacePowerDiagram`.
    weights : array (n,), optional
        Zero by default: Voronoi cells.
    domain : array (2, d) or (m, d), optional
        The box [[xmin, ymin], [xmax, ymax]], or, of m > d points, their convex hull: a polygon, or a polyhedron. By
        default a box that holds the seeds with a margin of a fifth.
    periodic : bool or tuple of d bools
        Along which axes everything repeats with the sides of the domain: cells of a torus lie around their seeds.

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or wrongly shaped arrays.

    Examples
    --------
    >>> from diracs import PowerDiagram
    >>> diagram = PowerDiagram([[0.2, 0.5], [0.8, 0.5]], weights=[0.12, 0.0], domain=[[0, 0], [1, 1]])
    >>> diagram.masses.round(6).tolist(), diagram.locate([[0.55, 0.5], [0.65, 0.5]]).tolist()
    ([0.6, 0.4], [0, 1])
    """

    def __new__(cls, positions: Any = None, *arguments: Any, periodic: Any = False, **options: Any) -> PowerDiagram:
        # Copies and pickles come without positions, and with the class that they are of.
        if cls is not PowerDiagram or positions is None:
            return super().__new__(cls)
        # What is wrong with positions is for __init__ to say.
        if tuple(getattr(positions, "shape", None) or np.shape(positions))[1:] == (3,):
            from diracs.transport.power_diagram_space import SpacePowerDiagram

            return super().__new__(SpacePowerDiagram)
        if np.any(periodic):
            from diracs.transport.power_diagram_torus import TorusPowerDiagram

            return super().__new__(TorusPowerDiagram)
        return super().__new__(cls)

    def __init__(self, positions: Any, weights: Any = None, domain: Any = None, *, periodic: Any = False) -> None:
        y = concrete(checks.floating("positions", positions, framework(positions)))
        if y.ndim != 2 or y.shape[1] not in (2, 3):
            raise ValueError(f"positions must have shape (n, 2) or (n, 3), got {y.shape}")
        d = y.shape[1]
        self.periodic = periodic_axes(periodic, d)
        if any(self.periodic) and domain is None:
            raise ValueError("domain must be given where periodic is true: its sides are the periods")
        self.positions = frozen(np.ascontiguousarray(y))
        if weights is None:
            self.weights = frozen(np.zeros(len(y)))
        else:
            w = concrete(checks.floating("weights", weights, framework(weights)))
            self.weights = frozen(np.ascontiguousarray(w))
        if self.weights.shape != (len(y),):
            raise ValueError(f"weights must have shape ({len(y)},), got {self.weights.shape}")
        if domain is None:
            low, high = y.min(axis=0), y.max(axis=0)
            spread = float((high - low).max())
            # Of seeds on one spot the size of the picture is anybody's guess.
            margin = 0.2 * spread if spread > 0 else max(0.5, 1e-6 * float(np.abs(y).max()))
            box = np.stack([low - margin, high + margin])
        else:
            box = concrete(checks.floating("domain", domain, framework(domain)))
            if box.ndim == 2 and len(box) > d == box.shape[1] and not any(self.periodic):
                self.hull = frozen(hull_of(box))
                box = np.stack([self.hull.min(axis=0), self.hull.max(axis=0)])
            if box.shape != (2, d) or not (box[1] > box[0]).all():
                raise ValueError(
                    f"domain must be [[xmin, …], [xmax, …]] of shape (2, {d}), or corners of shape (m, {d}) of a convex"
                    f" {'polygon' if d == 2 else 'polyhedron'} where nothing is periodic, got {box.tolist()}"
                )
        self.domain = frozen(np.ascontiguousarray(box))

    # Corners (m, d) of the domain if that is not a box.
    hull: np.ndarray | None = None

    @property
    def _border(self) -> np.ndarray:
        """Corners (m, 2) of the domain, counterclockwise."""
        return rectangle(self.domain) if self.hull is None else self.hull

    @cached_property
    def cells(self) -> tuple[np.ndarray, ...]:
        """The polygons, corners (m, 2) counterclockwise; (0, 2) for empty cells."""
        indptr, corners, _ = self._polygons
        return tuple([corners[a:b] for a, b in itertools.pairwise(indptr)])

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, ...]:
        """For each cell and edge, from corner to corner, the cell on the other side; −1 on the border of the domain."""
        indptr, _, labels = self._polygons
        return tuple([labels[a:b] for a, b in itertools.pairwise(indptr)])

    @cached_property
    def _polygons(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        indptr, corners, labels = _core.cells(self.positions, self.weights, self._border)
        return frozen(indptr), frozen(corners), frozen(labels)

    @property
    def masses(self) -> np.ndarray:
        """(n,) areas, or volumes, of the cells in the domain."""
        return self._moments[0].mass

    @cached_property
    def barycenters(self) -> np.ndarray:
        """(n, d) of the cells, next to their seeds on a torus; an empty cell has its seed there."""
        mass, first = self._moments[0][:2]
        held = np.where(mass > 0, mass, 1.0)[:, None]
        return frozen(self.positions + np.where(mass[:, None] > 0, first / held, 0.0))

    @cached_property
    def facets(self) -> Facets:
        """The edges, or facets, between cells."""
        return planar_facets(self._moments[1], self.positions, self.weights)

    @cached_property
    def _moments(self) -> tuple[Cells, Edges]:
        law = _core.Polygon(self._border, 1.0)
        return read_only(*_core.moments(law, self.positions, self.weights, edges=True))

    def locate(self, x: Any) -> np.ndarray:
        """The seeds' indices (k,) of the cells that hold points x (k, d), in or beyond the domain.

        Raises
        ------
        ValueError
            For points of another shape.
        """
        points = concrete(checks.floating("x", x, framework(x)))
        if points.ndim != 2 or points.shape[1] != self.positions.shape[1]:
            raise ValueError(f"x must have shape (k, {self.positions.shape[1]}), got {points.shape}")
        return nearest_power(points, self.positions, self.weights, self.domain, self.periodic)

    def adjust_weights(self, dirac_masses: Any, target_distribution: Any, *, tol: float = 1e-9) -> PowerDiagram:
        """A diagram of the same seeds with weights for which the cells hold the given masses of a density.

        Parameters
        ----------
        dirac_masses : array (n,) or None
            Equal masses if None.
        target_distribution : PolynomialGrid, Mesh or GaussianMixture
        tol : float
            As for `optimal_transport_plan`.
        """
        from diracs.laws.diracs import SumOfDiracs
        from diracs.transport.plan import optimal_transport_plan

        if dirac_masses is not None:
            dirac_masses = concrete(checks.floating("dirac_masses", dirac_masses, framework(dirac_masses)))
        diracs = SumOfDiracs(self.positions, dirac_masses)
        plan = optimal_transport_plan(diracs, target_distribution, tol=tol)
        diagram: PowerDiagram = plan.power_diagram
        return diagram

    def save(self, path: str | os.PathLike[str], cell_data: Mapping[str, Any] | None = None) -> None:
        """Write the cells to a file `.vtu`, for ParaView, PyVista and whatever else reads VTK's format.

        Parameters
        ----------
        path : str or path
        cell_data : dict of arrays (n,) or (n, k), optional
            Data of the cells by their names, besides `seed` (its number), `mass` (`masses`) and `weight`. Empty cells
            are left out.

        Raises
        ------
        ValueError, TypeError
            For another ending, data that is not one number or vector for each seed.

        Examples
        --------
        >>> import numpy as np, tempfile, pathlib
        >>> from diracs import PowerDiagram
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "cells.vtu"
        >>> PowerDiagram(np.random.default_rng(0).random((9, 3))).save(path, {"grain": np.arange(9)})
        >>> path.read_text().startswith("<?xml")
        True
        """
        from diracs.show.vtu import write_polygons

        write_polygons(self, path, cell_data)

    def to_pyvista(self, cell_data: Mapping[str, Any] | None = None) -> Any:
        """The cells as a grid of PyVista, with the data that `save` writes: `.plot()`, `.slice()`, `.clip()` are there.

        Raises
        ------
        ImportError
            Where PyVista is not installed.
        """
        from diracs.show.vtu import as_pyvista

        return as_pyvista(self, cell_data)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw cells and seeds; see `diracs.show.transport.plot_diagram`."""
        from diracs.show.transport import plot_diagram

        return plot_diagram(self, ax, **options)

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        torus = ", periodic" if any(self.periodic) else ""
        return f"PowerDiagram({len(self)} seeds in dimension {self.positions.shape[1]}{torus})"
