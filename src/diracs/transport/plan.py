"""Optimal transport plans between Diracs and a density."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from diracs import _core
from diracs.backend import checks
from diracs.backend.arrays import Array, concrete, framework, frozen, is_lazy, is_traced, stop_gradient, to_framework
from diracs.backend.decimals import brief
from diracs.backend.progress import reporting
from diracs.cells.locate import nearest_power
from diracs.laws.diracs import HoldsDiracs, SumOfDiracs
from diracs.laws.shown import Shown
from diracs.transport.checks import check_problem
from diracs.transport.continuation import OtherStart
from diracs.transport.convergence import ConvergenceWarning, MassesNotMet
from diracs.transport.families import Form, Target, parts, target_of
from diracs.transport.jacobian import OtJacobian, jacobian
from diracs.transport.moved import moved_weights, predicted_weights
from diracs.transport.plan_function import COLD, SOLVED, WARM, differentiable_plan, packed
from diracs.transport.solved import transport
from diracs.transport.target import Density
from diracs.typing import Progress


@dataclass(frozen=True, eq=False)
class OtPlan(Shown):
    """The optimal transport plan from a density to Diracs: each Dirac's cell, a power cell, goes to the Dirac.

    Attributes
    ----------
    diracs : SumOfDiracs
    density : PolynomialGrid, Mesh, GaussianMixture or univariate law
    distance : array ()
        W₂², squared. If the plan has not converged, that of the masses `cell_masses`.
    barycenters : array (n, d)
        Centres of mass of the cells; a Dirac without mass has its own position there.
    cell_masses : array (n,)
    brenier_potential : array (n,)
        ψ with cells {x : x·yᵢ − ψᵢ is largest}: the transport map is the gradient of max (x·yᵢ − ψᵢ) (Brenier 1991).
    weights : array (n,)
        w with cells {x : |x − yᵢ|² − wᵢ is least}, Σ νᵢ wᵢ = 0.
    dual_value : float
        Σ νᵢ wᵢ + ∫ minᵢ (|x − yᵢ|² − wᵢ) dρ, which W₂² is not below: what it lacks is left of the duality gap.
    power_diagram : PowerDiagram
    converged : bool
    iterations : int
        Newton steps.
    message : str
        Why the solver stopped. Where values are traced this, and whether the plan converged, is not known: then
        `converged` is None, and there are arrays only, no cells.
    representative : int array (n,)
        The first Dirac on the same spot, itself for most: these share a cell in proportion to their masses.

    Examples
    --------
    >>> from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan
    >>> plan = optimal_transport_plan(SumOfDiracs([[0.2], [0.9]], [3.0, 1.0]), PolynomialGrid([1.0]))
    >>> plan.converged, plan.locate([[0.7], [0.8]]).tolist(), f"{plan.distance:.4f}"
    (True, [0, 1], '0.0596')
    """

    diracs: SumOfDiracs
    density: Density
    distance: Array
    barycenters: Array
    cell_masses: Array
    brenier_potential: Array
    weights: Array
    dual_value: float
    converged: bool | None
    iterations: int | None
    message: str
    _exact: np.ndarray | None = field(default=None, repr=False)  # the weights, in double precision

    @property
    def representative(self) -> np.ndarray:
        """For each Dirac the first one on the same spot, with which it shares a cell."""
        spots = self._target.normalized(self._positions)
        _, first, place = np.unique(spots, axis=0, return_index=True, return_inverse=True)
        return first[place.ravel()]

    @property
    def power_diagram(self) -> Any:
        """The cells of the plan, on the box of a grid or, for a mixture, on one that holds what a picture shows."""
        from diracs.transport.power_diagram import PowerDiagram

        positions, weights = self._positions, self._power
        box = parts(self.density)[0].family.picture(self.density, positions)
        return PowerDiagram(positions, weights, box, periodic=getattr(self.density, "periodic", False))

    def locate(self, x: Any) -> np.ndarray:
        """Indices (k,) of the Diracs that points x (k, d) go to; of those on one spot the first.

        Raises
        ------
        ValueError, TypeError
            For points of another shape, or values under transforms.
        """
        points, positions = self._points(x), self._positions
        box = parts(self.density)[0].family.picture(self.density, positions)
        periodic = getattr(self.density, "periodic", (False,) * positions.shape[1])
        return self.representative[nearest_power(points, positions, self._power, box, periodic)]

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
        points, positions = self._points(x), self._positions
        box = parts(self.density)[0].family.picture(self.density, positions)
        steps, sides = positions[self.locate(points)] - points, box[1] - box[0]
        periodic = getattr(self.density, "periodic", (False,) * positions.shape[1])
        return np.asarray(points + steps - np.where(periodic, np.round(steps / sides), 0.0) * sides)

    def jacobian(self) -> OtJacobian:
        """Sparse derivatives of the cells' masses and barycenters in the weights and in the positions.

        Examples
        --------
        >>> from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan
        >>> plan = optimal_transport_plan(SumOfDiracs([[0.25], [0.75]]), PolynomialGrid([1.0]))
        >>> plan.jacobian().masses_weights.toarray()
        array([[ 1., -1.],
               [-1.,  1.]])
        """
        return jacobian(self._positions, concrete(self.diracs.weights), self._power, self._target)

    @property
    def _power(self) -> np.ndarray:
        """The weights in double precision."""
        if self._exact is None:
            raise TypeError("the cells of this plan are not known: it was made of traced values, inside a transform")
        return self._exact

    @property
    def _positions(self) -> np.ndarray:
        self._power  # noqa: B018 (raises where values are traced)
        return concrete(self.diracs.positions)

    @property
    def _target(self) -> Target:
        form, parameters = parts(self.density)
        return target_of(form, tuple(map(concrete, parameters)))

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
        if self.converged is None:
            return f"OtPlan({len(self.diracs)} Diracs in dimension {self.diracs.ndim}, traced)"
        state = f"converged in {self.iterations} steps" if self.converged else "not converged"
        where = f"in dimension {self.diracs.ndim}"
        return f"OtPlan({len(self.diracs)} Diracs {where}, W₂² = {brief(self.distance)}, {state})"


def optimal_transport_plan(
    diracs: SumOfDiracs | HoldsDiracs,
    density: Density,
    *,
    tol: float = 1e-9,
    start: OtPlan | ArrayLike | None = None,
    check: bool = False,
    progress: Progress = False,
) -> OtPlan:
    """Solve the semi-discrete transport between Diracs and a density on the line, in the plane or in space.

    Parameters
    ----------
    diracs : SumOfDiracs or Quantization
        Any masses, zero included, taken as shares of their sum, as those of the density are; Diracs on one spot share a
        cell in proportion to their masses.
    density : PolynomialGrid, Mesh, GaussianMixture, or a univariate law of scipy.stats or torch.distributions
        Of dimension 1, 2 or 3. A grid may have values of any sum, zeros, and be periodic: then costs are squares of
        distances on the torus, and barycenters lie next to their Diracs. A mixture, or whatever `diracs.laws.convert`
        makes one of, is taken on the whole line, plane or space, with positive definite covariances of any kind
        (components of weight zero do not count).
    tol : float
        All masses are to be right within `tol` times the smallest target mass (or 4e-15, if that is more, and `tol`
        times their own).
    start : OtPlan or array (n,), optional
        An earlier plan for as many Diracs, which may have moved, or its `weights`, from which to start.
    check : bool
        Raise `MassesNotMet` where else a warning is given.
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

    Returns
    -------
    OtPlan
        Arrays in the framework of the Diracs, or of the density if they are NumPy's. In PyTorch and JAX all of them are
        differentiable, once, in the positions and masses of the Diracs (`distance` is also in the density, and twice).

    Raises
    ------
    ValueError, TypeError
        For batches, unequal dimensions, densities of other kinds, components with a singular covariance (they have no
        density), `check` where values are traced.
    MassesNotMet
        If the masses could not be reached and `check` is true; its attribute `plan` is what was.
    NotImplementedError
        In reverse, if derivatives in the parameters of the density are asked for.

    Warns
    -----
    ConvergenceWarning
        If the masses could not be reached; `converged` is then false and `message` says why.

    Notes
    -----
    At fixed masses the weights follow the positions by dw = −L⁺ K dy (`OtJacobian`). Where a Dirac has no mass there
    are no derivatives in masses: a ValueError, NaN in JAX.

    Examples
    --------
    >>> from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan
    >>> plan = optimal_transport_plan(SumOfDiracs([[0.2], [0.9]], [3.0, 1.0]), PolynomialGrid([5.0]))
    >>> plan.cell_masses, plan.barycenters.ravel()
    (array([0.75, 0.25]), array([0.375, 0.875]))
    """
    diracs, density = check_problem(diracs, density)
    form, parameters = parts(density)
    tolerance = checks.positive("tol", tol)
    arrays = (diracs.positions, diracs.weights, *parameters)
    begin = np.zeros(len(diracs)) if start is None else _beginning(start, diracs)
    if any(is_traced(x) for x in (*arrays, begin)):
        if check:
            raise TypeError("check must be false where values are traced: whether masses are met is not known there")
        kind = COLD if start is None else WARM
        distance, centres, cell_masses, weights = differentiable_plan(form, tolerance, kind, begin, *arrays)
        potential = 0.5 * ((diracs.positions**2).sum(-1) - weights)
        return OtPlan(
            diracs, density, distance, centres, cell_masses, potential, weights, math.nan, None, None, "traced"
        )
    with reporting(progress):
        known = None if start is None else begin
        plan = _solved(diracs, density, form, tolerance, known, lambda: _predicted(start, diracs))
    if not plan.converged:
        if check:
            raise MassesNotMet(f"transport: {plan.message}", plan)
        warnings.warn(f"transport: {plan.message}", ConvergenceWarning, stacklevel=2)
    return plan


def _solved(
    diracs: SumOfDiracs, density: Density, form: Form, tolerance: float, start: np.ndarray | None, other: OtherStart
) -> OtPlan:
    """The plan for values that are at hand."""
    arrays = (diracs.positions, diracs.weights, *parts(density)[1])
    positions, masses, *parameters = map(concrete, arrays)
    found = transport(positions, masses, target_of(form, tuple(parameters)), tolerance, start, other)
    if any(map(is_lazy, arrays)):
        known = packed(found)
        distance, centres, cell_masses, weights = differentiable_plan(form, tolerance, SOLVED, known, *arrays)
        brenier = 0.5 * ((diracs.positions**2).sum(-1) - weights)
    else:
        held = found.mass[:, None] > 0
        barycenters = positions + np.where(held, found.first / np.where(held, found.mass[:, None], 1.0), 0.0)
        potential = 0.5 * ((positions**2).sum(axis=1) - found.weights)
        kind, like = framework(diracs.positions), diracs.positions
        distance, centres, cell_masses, brenier, weights = (
            frozen(to_framework(np.array(x), kind, like))
            for x in (found.distance, barycenters, found.mass, potential, found.weights)
        )
    dual = float((masses * found.weights).sum() + (found.second - found.weights * found.mass).sum())
    said = found.converged, found.iterations, found.message
    return OtPlan(diracs, density, distance, centres, cell_masses, brenier, weights, dual, *said, frozen(found.weights))


def _beginning(start: Any, diracs: SumOfDiracs) -> Array:
    """The weights (n,) of a plan, or given ones: NumPy's numbers, or traced ones that are constants."""
    n = len(diracs)
    if isinstance(start, OtPlan):
        if start._exact is not None and len(start._exact) == n and not is_traced(diracs.positions):
            return _moved(start, concrete(diracs.positions))
        start = start.weights if start._exact is None else start._exact
    try:
        given = checks.floating("start", start, framework(start))
    except TypeError as error:
        raise TypeError(f"start must be an OtPlan or an array of weights, got {type(start).__name__}") from error
    weights = stop_gradient(given) if is_traced(given) else concrete(given)
    if tuple(weights.shape) != (n,):
        raise ValueError(f"start must be for {n} Diracs, got weights of shape {tuple(weights.shape)}")
    return weights


def _moved(start: OtPlan, positions: np.ndarray) -> np.ndarray:
    """The weights (n,) of a plan, prolonged to where its Diracs are now."""
    known = start._positions
    if known.shape != positions.shape:
        raise ValueError(f"start must be for Diracs of shape {positions.shape}, got a plan for {known.shape}")
    unit, d = start._target.size, positions.shape[1]
    shift, moves = (concrete(start.barycenters) - known) / unit, (positions - known) / unit
    # That of as many points, uniform in a box with these deviations.
    spacing = float(((positions / unit).std(axis=0) * 12.0**0.5).prod() / len(positions)) ** (1.0 / d)
    weights = start._power / unit**2
    found = moved_weights(weights, shift, moves, spacing)
    return unit**2 * (weights if found is None else found)


def _predicted(start: Any, diracs: SumOfDiracs) -> np.ndarray | None:
    """The weights (n,) of a plan, to first order where its Diracs are now.

    None for other starts, on the line and on tori, and where Diracs share a spot or have no mass.
    """
    if not isinstance(start, OtPlan) or start.diracs.ndim == 1 or not concrete(start.cell_masses).min() > 0.0:
        return None
    target = start._target
    weights, moves = start._power / target.size**2, (concrete(diracs.positions) - start._positions) / target.size
    density, seeds = target.density(), np.ascontiguousarray(target.normalized(start._positions))
    if any(density.space.periodic):
        return None
    order = _core.spots(seeds)[0]
    if len(order) < len(seeds):
        return None
    # Along a curve linear systems are solved sooner.
    found = np.empty(len(seeds))
    found[order] = predicted_weights(density, seeds[order], weights[order], moves[order])
    return found * target.size**2
