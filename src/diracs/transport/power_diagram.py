"""Power diagrams in the plane."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Any

import numpy as np

from diracs import _core
from diracs.backend import checks
from diracs.backend.arrays import concrete, framework, frozen


class PowerDiagram:
    """The cells {x : |x − yᵢ|² − wᵢ ≤ |x − yⱼ|² − wⱼ for all j} of weighted seeds, cut to a box.

    Parameters
    ----------
    positions : array (n, 2)
        The seeds.
    weights : array (n,), optional
        Zero by default: Voronoi cells.
    domain : array (2, 2), optional
        The box [[xmin, ymin], [xmax, ymax]]; by default one that holds the seeds with a margin of a fifth.

    All three are copied, and kept as read-only NumPy arrays.

    Raises
    ------
    ValueError, TypeError
        For empty, non-finite or wrongly shaped arrays.
    """

    def __init__(self, positions: Any, weights: Any = None, domain: Any = None) -> None:
        y = concrete(checks.floating("positions", positions, framework(positions)))
        if y.ndim != 2 or y.shape[1] != 2:
            raise ValueError(f"positions must have shape (n, 2), got {y.shape}")
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
            if box.shape != (2, 2) or not (box[1] > box[0]).all():
                raise ValueError(f"domain must be [[xmin, ymin], [xmax, ymax]], got {box.tolist()}")
        self.domain = frozen(box)

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
        (x0, y0), (x1, y1) = self.domain
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        indptr, corners, labels = _core.cells(self.positions, self.weights, corners)
        return frozen(indptr), frozen(corners), frozen(labels)

    def adjust_weights(self, dirac_masses: Any, target_distribution: Any, *, tol: float = 1e-9) -> PowerDiagram:
        """A diagram of the same seeds with weights for which the cells hold the given masses of a density.

        Parameters
        ----------
        dirac_masses : array (n,) or None
            Equal masses if None.
        target_distribution : PolynomialGrid or GaussianMixture
        tol : float
            As for `optimal_transport_plan`.
        """
        from diracs.laws.diracs import SumOfDiracs
        from diracs.transport.plan import optimal_transport_plan

        if dirac_masses is not None:
            dirac_masses = concrete(checks.floating("dirac_masses", dirac_masses, framework(dirac_masses)))
        diracs = SumOfDiracs(self.positions, dirac_masses)
        plan = optimal_transport_plan(diracs, target_distribution, tol=tol)
        return PowerDiagram(self.positions, plan.weights, plan.power_diagram.domain)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw cells and seeds; see `diracs.show.transport.plot_diagram`."""
        from diracs.show.transport import plot_diagram

        return plot_diagram(self, ax, **options)

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"PowerDiagram({len(self)} seeds)"
