"""Optimal transport plans between Diracs and a density."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs import _checks, _core
from diracs._arrays import Array, common_framework, concrete, framework, is_traced, to_framework
from diracs.distributions.discrete import SumOfDiracs
from diracs.distributions.grid import PolynomialGrid
from diracs.transport.line import transport_on_line
from diracs.transport.newton import solve
from diracs.transport.problem import PlanarDensity, Problem

# Seeds further from the box than so many of its sides have no digits left to tell its points apart.
_FARTHEST = 1e12


@dataclass(frozen=True)
class Transport:
    """A solved problem in NumPy, everything in the units of the positions."""

    distance: float  # W₂²
    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, d), ∫ (x − y) dρ over the cell
    second: np.ndarray  # (n,)
    weights: np.ndarray  # (n,)
    converged: bool
    iterations: int
    message: str


class ConvergenceWarning(UserWarning):
    """The masses of a plan are not those asked for."""


@dataclass(frozen=True, eq=False)
class OtPlan:
    """The optimal transport plan from a density to Diracs: each Dirac's cell, a power cell, goes to the Dirac.

    Attributes
    ----------
    distance : array ()
        W₂², squared. If the plan has not converged, that of the masses `cell_masses`.
    barycenters : array (n, d)
        Centres of mass of the cells; a Dirac without mass has its own position there.
    cell_masses : array (n,)
    brenier_potential : array (n,)
        ψ with cells {x : x·yᵢ − ψᵢ is largest}: the transport map is the gradient of max (x·yᵢ − ψᵢ) (Brenier 1991).
    power_diagram : PowerDiagram
    converged : bool
    iterations : int
        Newton steps.
    message : str
        Why the solver stopped.
    representative : int array (n,)
        The first Dirac on the same spot, itself for most: these share a cell in proportion to their masses.
    """

    diracs: SumOfDiracs
    density: PolynomialGrid
    distance: Array
    barycenters: Array
    cell_masses: Array
    brenier_potential: Array
    weights: np.ndarray
    dual_value: float
    converged: bool
    iterations: int
    message: str

    @property
    def representative(self) -> np.ndarray:
        """For each Dirac the first one on the same spot, with which it shares a cell."""
        _, first, place = np.unique(concrete(self.diracs.positions), axis=0, return_index=True, return_inverse=True)
        return first[place.ravel()]

    @property
    def power_diagram(self) -> Any:
        """The cells of the plan, on the box of the density."""
        from diracs.cells.power_diagram import PowerDiagram

        return PowerDiagram(concrete(self.diracs.positions), self.weights, self.density.domain)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw cells, Diracs and barycenters over the density; see `diracs.plotting.plot_plan`."""
        from diracs.plotting_transport import plot_plan

        return plot_plan(self, ax, **options)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"OtPlan({len(self.diracs)} Diracs, W₂² = {float(concrete(self.distance)):.6g}, {state})"


def optimal_transport_plan(
    diracs: SumOfDiracs, density: PolynomialGrid, *, tol: float = 1e-9, start: OtPlan | None = None
) -> OtPlan:
    """Solve the semi-discrete transport between Diracs and a density on the line or in the plane.

    Parameters
    ----------
    diracs : SumOfDiracs
        Any masses, zero included; Diracs on one spot share a cell in proportion to their masses.
    density : PolynomialGrid
        Of dimension 1 or 2. Zeros are allowed.
    tol : float
        All masses are to be right within `tol` times the smallest target mass.
    start : OtPlan, optional
        An earlier plan for as many Diracs, from which to start.

    Returns
    -------
    OtPlan
        Arrays in the framework of the Diracs, without derivatives (for these use `distance`).

    Raises
    ------
    ValueError, TypeError
        For batches, unequal dimensions, densities of other kinds, values under `jax.jit` (use `distance` there).

    Warns
    -----
    ConvergenceWarning
        If the masses could not be reached; `converged` is then false and `message` says why.
    """
    check_problem(diracs, density)
    if any(is_traced(x) for x in (diracs.positions, diracs.weights, density.values)):
        raise TypeError(
            "optimal_transport_plan needs numbers, not traced values: use distance inside jit, vmap or grad"
        )
    tolerance = _checks.positive("tol", tol)
    if start is not None and not isinstance(start, OtPlan):
        raise TypeError(f"start must be an OtPlan, got {type(start).__name__}")
    if start is not None and len(start.diracs) != len(diracs):
        raise ValueError(f"start is a plan for {len(start.diracs)} Diracs, not for {len(diracs)}")
    positions, masses = concrete(diracs.positions), concrete(diracs.weights)
    begin = None if start is None else start.weights
    found = transport(positions, masses, concrete(density.values), density.domain, tolerance, begin)
    if not found.converged:
        warnings.warn(f"transport: {found.message}", ConvergenceWarning, stacklevel=2)
    held = np.where(found.mass > 0, found.mass, 1.0)
    barycenters = positions + np.where(found.mass[:, None] > 0, found.first / held[:, None], 0.0)
    kind, like = framework(diracs.positions), diracs.positions
    potential = 0.5 * ((positions**2).sum(axis=1) - found.weights)
    distance, centres, cell_masses, brenier = (
        to_framework(np.asarray(x), kind, like) for x in (found.distance, barycenters, found.mass, potential)
    )
    dual = float((masses * found.weights).sum() + (found.second - found.weights * found.mass).sum())
    return OtPlan(
        diracs,
        density,
        distance,
        centres,
        cell_masses,
        brenier,
        found.weights,
        dual,
        found.converged,
        found.iterations,
        found.message,
    )


def check_problem(diracs: Any, density: Any) -> None:
    """Raise unless these are single Diracs and a density of the same dimension, 1 or 2, and of one framework."""
    if not isinstance(diracs, SumOfDiracs):
        raise TypeError(f"diracs must be a SumOfDiracs, got {type(diracs).__name__}")
    if not isinstance(density, PolynomialGrid):
        raise TypeError(f"density must be a PolynomialGrid, got {type(density).__name__}")
    if diracs.positions.ndim != 2:
        raise ValueError(f"diracs must be one sum, got a batch of positions of shape {tuple(diracs.positions.shape)}")
    if diracs.ndim != density.ndim:
        raise ValueError(f"diracs lie in dimension {diracs.ndim}, but density in dimension {density.ndim}")
    if density.ndim > 2:
        raise ValueError(f"density must have dimension 1 or 2, got {density.ndim}")
    if framework(density.values) != "numpy":
        common_framework(diracs=diracs.positions, density=density.values)


def transport(
    positions: np.ndarray,
    masses: np.ndarray,
    values: np.ndarray,
    domain: np.ndarray,
    tolerance: float,
    start: np.ndarray | None = None,
) -> Transport:
    """The same in NumPy float64: positions (n, d), masses (n,), values of the pixels, box (2, d)."""
    centre, sides = 0.5 * (domain[0] + domain[1]), domain[1] - domain[0]
    size = float(sides.max())
    held = masses > 0
    # Seeds on one spot are one seed; those without mass have no cell.
    unique, place = np.unique(positions[held], axis=0, return_inverse=True)
    place = place.ravel()
    target = np.bincount(place, masses[held])
    with np.errstate(over="ignore"):
        seeds = (unique - centre) / size
    if not np.abs(seeds).max() < _FARTHEST:
        raise ValueError(f"positions of the diracs must lie within {_FARTHEST:g} sizes of the density's box")
    extent = sides / size
    if positions.shape[1] == 1:
        line = transport_on_line(seeds[:, 0], target, values, -0.5, 0.5)
        mass, first, second, weights = line.mass, line.first[:, None], line.second, line.weights
        error = float(np.abs(mass - target / target.sum()).max())
        converged, iterations = error <= tolerance * float(target.min()), 0
        message = "sorted" if converged else f"masses too unequal for their sums, max |m − ν| = {error:.3g}"
    else:
        problem = Problem(np.ascontiguousarray(seeds), target / target.sum(), PlanarDensity.of(values, extent))
        begin = None
        if start is not None:
            begin = np.zeros(len(unique))
            begin[place] = start[held] / size**2
        solution = solve(problem, tolerance, begin)
        found = solution.moments
        mass, first, second, weights = found.mass, found.first, found.second, solution.weights
        converged, iterations, message = solution.converged, solution.iterations, solution.message
    share = masses[held] / target[place]
    weights = (weights - target @ weights) * size**2
    n, d = positions.shape
    out = Transport(
        float(second.sum()) * size**2,
        np.zeros(n),
        np.zeros((n, d)),
        np.zeros(n),
        np.zeros(n),
        converged,
        iterations,
        message,
    )
    out.mass[held] = share * mass[place]
    out.first[held] = share[:, None] * first[place] * size
    out.second[held] = share * second[place] * size**2
    out.weights[held] = weights[place]
    if not held.all():
        corners, potential = _corners(seeds, weights / size**2, extent)
        far = (((positions[~held] - centre) / size)[:, None, :] - corners) ** 2
        # The least weight that leaves a cell: |x − y|² − w − φᶜ is a largest of affine functions, least at a corner.
        least = (far.sum(axis=2) - potential).min(axis=1)
        out.weights[~held] = (least - 1e-12 * (1.0 + np.abs(least))) * size**2
    return out


def _corners(seeds: np.ndarray, weights: np.ndarray, extent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners (c, d) of all cells in the box of the given sides about the origin, and φᶜ (c,) there."""
    half = 0.5 * extent
    if seeds.shape[1] == 1:
        order = np.argsort(seeds[:, 0])
        y, w = seeds[order, 0], weights[order]
        borders = 0.5 * (y[1:] + y[:-1]) - 0.5 * np.diff(w) / np.diff(y)
        corners = np.clip(np.concatenate([-half, borders, half]), -half[0], half[0])[:, None]
        powers = (corners - seeds[:, 0]) ** 2 - weights
        return corners, powers.min(axis=1)
    (x, y) = half
    box = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    indptr, corners, _ = _core.cells(np.ascontiguousarray(seeds), np.ascontiguousarray(weights), box)
    owner = np.repeat(np.arange(len(seeds)), np.diff(indptr))
    return corners, ((corners - seeds[owner]) ** 2).sum(axis=1) - weights[owner]
