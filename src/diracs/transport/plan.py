"""Optimal transport plans between Diracs and a density."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from diracs.backend import checks
from diracs.backend.arrays import Array, concrete, framework, frozen, is_traced, to_framework
from diracs.cells.line import power_cells
from diracs.cells.locate import nearest_power
from diracs.laws.diracs import HoldsDiracs, SumOfDiracs
from diracs.transport.checks import check_problem
from diracs.transport.continuation import solve
from diracs.transport.families import Target, parts, target_of
from diracs.transport.line import transport_on_line
from diracs.transport.newton import are_right, relative_error
from diracs.transport.problem import Problem
from diracs.transport.target import Density

# Seeds further from the density than so many of its sizes have no digits left to tell its points apart.
_FARTHEST = 1e12
# Masses as good as this are those asked for up to rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Transport:
    """A solved problem in NumPy, everything in the units of the positions."""

    distance: float  # W₂²
    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n, d), ∫ (x − y) dρ over the cell
    second: np.ndarray  # (n,)
    weights: np.ndarray  # (n,)
    error: float  # the largest of |m − ν|/ν
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
    density: Density
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
        form, parameters = parts(self.density)
        spots = target_of(form, tuple(map(concrete, parameters))).normalized(concrete(self.diracs.positions))
        _, first, place = np.unique(spots, axis=0, return_index=True, return_inverse=True)
        return first[place.ravel()]

    @property
    def power_diagram(self) -> Any:
        """The cells of the plan, on the box of a grid or, for a mixture, on one that holds what a picture shows."""
        from diracs.transport.power_diagram import PowerDiagram

        positions = concrete(self.diracs.positions)
        box = parts(self.density)[0].family.picture(self.density, positions)
        return PowerDiagram(positions, self.weights, box, periodic=getattr(self.density, "periodic", False))

    def locate(self, x: Any) -> np.ndarray:
        """Indices (k,) of the Diracs that points x (k, d) go to; of those on one spot the first.

        Raises
        ------
        ValueError, TypeError
            For points of another shape, or values under transforms.
        """
        points, positions = self._points(x), concrete(self.diracs.positions)
        box = parts(self.density)[0].family.picture(self.density, positions)
        periodic = getattr(self.density, "periodic", (False,) * positions.shape[1])
        return self.representative[nearest_power(points, positions, self.weights, box, periodic)]

    def transport(self, x: Any) -> np.ndarray:
        """Where points x (k, d) go: positions (k, d) of Diracs, on a torus those of their images next to the points.

        Examples
        --------
        >>> from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.2], [0.9]], [0.3, 0.7]), PolynomialGrid([1.0]))
        >>> plan.transport([[0.25], [0.35]])
        array([[0.2],
               [0.9]])
        """
        points, positions = self._points(x), concrete(self.diracs.positions)
        box = parts(self.density)[0].family.picture(self.density, positions)
        steps, sides = positions[self.locate(points)] - points, box[1] - box[0]
        periodic = getattr(self.density, "periodic", (False,) * positions.shape[1])
        return np.asarray(points + steps - np.where(periodic, np.round(steps / sides), 0.0) * sides)

    def _points(self, x: Any) -> np.ndarray:
        points, d = concrete(checks.floating("x", x, framework(x))), self.diracs.ndim
        if points.ndim != 2 or points.shape[1] != d:
            raise ValueError(f"x must have shape (k, {d}), got {points.shape}")
        return points

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw cells, Diracs and barycenters over the density; see `diracs.show.transport.plot_plan`."""
        from diracs.show.transport import plot_plan

        return plot_plan(self, ax, **options)

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"OtPlan({len(self.diracs)} Diracs, W₂² = {float(concrete(self.distance)):.6g}, {state})"


def optimal_transport_plan(
    diracs: SumOfDiracs | HoldsDiracs, density: Density, *, tol: float = 1e-9, start: OtPlan | ArrayLike | None = None
) -> OtPlan:
    """Solve the semi-discrete transport between Diracs and a density on the line, in the plane or in space.

    Parameters
    ----------
    diracs : SumOfDiracs or Quantization
        Any masses, zero included; Diracs on one spot share a cell in proportion to their masses.
    density : PolynomialGrid, Mesh or GaussianMixture
        Of dimension 1, 2 or 3. A grid may have zeros, and be periodic: then costs are squares of distances on the
        torus, and barycenters lie next to their Diracs. A mixture, or whatever `diracs.laws.convert` makes one of, is
        taken on the whole line, plane or space, with positive definite covariances of any kind (components of weight
        zero do not count).
    tol : float
        All masses are to be right within `tol` times the smallest target mass (or 4e-15, if that is more, and `tol`
        times their own).
    start : OtPlan or array (n,), optional
        An earlier plan for as many Diracs, or its `weights`, from which to start.

    Returns
    -------
    OtPlan
        Arrays in the framework of the Diracs, or of the density if they are NumPy's, without derivatives (for these use
        `distance`).

    Raises
    ------
    ValueError, TypeError
        For batches, unequal dimensions, densities of other kinds, components with a singular covariance (they have no
        density), values under `jax.jit` (use `distance` there).

    Warns
    -----
    ConvergenceWarning
        If the masses could not be reached; `converged` is then false and `message` says why.
    """
    diracs, density = check_problem(diracs, density)
    form, parameters = parts(density)
    if any(is_traced(x) for x in (diracs.positions, diracs.weights, *parameters)):
        raise TypeError(
            "optimal_transport_plan needs numbers, not traced values: use distance inside jit, vmap or grad"
        )
    tolerance = checks.positive("tol", tol)
    positions, masses = concrete(diracs.positions), concrete(diracs.weights)
    begin = None if start is None else _beginning(start, len(diracs))
    target = target_of(form, tuple(map(concrete, parameters)))
    found = transport(positions, masses, target, tolerance, begin)
    if not found.converged:
        warnings.warn(f"transport: {found.message}", ConvergenceWarning, stacklevel=2)
    held = np.where(found.mass > 0, found.mass, 1.0)
    barycenters = positions + np.where(found.mass[:, None] > 0, found.first / held[:, None], 0.0)
    kind, like = framework(diracs.positions), diracs.positions
    potential = 0.5 * ((positions**2).sum(axis=1) - found.weights)
    distance, centres, cell_masses, brenier = (
        to_framework(np.asarray(x), kind, like) for x in (found.distance, barycenters, found.mass, potential)
    )
    for array in (centres, cell_masses, brenier, found.weights):
        frozen(array)
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


def _beginning(start: Any, n: int) -> np.ndarray:
    """The weights (n,) of a plan, or given ones."""
    if isinstance(start, OtPlan):
        start = start.weights
    try:
        weights = concrete(checks.floating("start", start, framework(start)))
    except TypeError as error:
        raise TypeError(f"start must be an OtPlan or an array of weights, got {type(start).__name__}") from error
    if weights.shape != (n,):
        raise ValueError(f"start must be for {n} Diracs, got weights of shape {weights.shape}")
    return weights


def transport(
    positions: np.ndarray, masses: np.ndarray, goal: Target, tolerance: float, start: np.ndarray | None = None
) -> Transport:
    """The same in NumPy float64: positions (n, d), masses (n,), and the density that they go to."""
    size = goal.size
    held = masses > 0
    # Seeds on one spot are one seed; those without mass have no cell.
    with np.errstate(over="ignore", invalid="ignore"):
        spots = goal.normalized(positions[held])
    seeds, place = np.unique(spots, axis=0, return_inverse=True)
    place = place.ravel()
    target = np.bincount(place, masses[held])
    if not np.abs(seeds).max() < _FARTHEST:
        raise ValueError(f"positions of the diracs must lie within {_FARTHEST:g} sizes of the density")
    if seeds.shape[1] == 1:
        line = transport_on_line(seeds[:, 0], target / target.sum(), goal.line())
        mass, first, second, weights = line.mass, line.first[:, None], line.second, line.weights
        converged, iterations = are_right(mass, target / target.sum(), tolerance), 0
        message = "sorted" if converged else "masses too unequal, or components too narrow, for rounding"
    else:
        problem = Problem(np.ascontiguousarray(seeds), target / target.sum(), goal.density())
        begin = None
        if start is not None:
            begin = np.zeros(len(seeds))
            begin[place] = start[held] / size**2
        solution = solve(problem, tolerance, begin)
        found = solution.moments
        mass, first, second, weights = found.mass, found.first, found.second, solution.weights
        converged, iterations, message = solution.converged, solution.iterations, solution.message
    share = masses[held] / target[place]
    nu = target / target.sum()
    error = relative_error(mass, nu)
    cost = float(second.sum())
    if error < _ROUNDING:
        # The dual's value: what error is left in the masses counts there by its square only.
        cost += float((weights - np.median(weights)) @ (nu - mass))
    weights = (weights - target @ weights) * size**2
    n, d = positions.shape
    out = Transport(
        cost * size**2,
        np.zeros(n),
        np.zeros((n, d)),
        np.zeros(n),
        np.zeros(n),
        error,
        converged,
        iterations,
        message,
    )
    out.mass[held] = share * mass[place]
    out.first[held] = share[:, None] * first[place, :d] * size
    out.second[held] = share * second[place] * size**2
    out.weights[held] = weights[place]
    if not held.all():
        far, potential = _to_corners(goal, goal.normalized(positions[~held]), seeds, weights / size**2)
        # The least weight that leaves a cell: |x − y|² − w − φᶜ is a largest of affine functions, least at a corner.
        least = (far - potential).min(axis=1)
        out.weights[~held] = (least - 1e-12 * (1.0 + np.abs(least))) * size**2
    return out


def _to_corners(
    goal: Target, points: np.ndarray, seeds: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (m, c) from points (m, d) to the corners of all cells in the box, and φᶜ (c,) there."""
    box = goal.box()
    if seeds.shape[1] == 1:
        borders = np.clip(power_cells(seeds[:, 0], weights)[1], box[0], box[1])
        corners = np.concatenate([box[0], borders, box[1]])[:, None]
        return (points - corners.T) ** 2, ((corners - seeds[:, 0]) ** 2 - weights).min(axis=1)
    space = goal.density().space
    corners, owner = space.corners(seeds, weights, box)
    steps = space.shortest(points[:, None, :] - corners, box[1] - box[0])
    return (steps**2).sum(axis=2), ((corners - seeds[owner]) ** 2).sum(axis=1) - weights[owner]
