"""Exact errors of points that came from anywhere."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from diracs.backend.arrays import (
    Array,
    bound_in,
    common_framework,
    companion,
    concrete,
    framework,
    is_traced,
    leaves,
    map_arrays,
    to_framework,
)
from diracs.backend.decimals import brief
from diracs.backend.progress import reporting
from diracs.certificates.masses import mass_error
from diracs.certificates.rounding import ROUNDINGS, mass_change, with_moved_masses
from diracs.certificates.upper.discrete import with_given_masses, with_moved_masses_between
from diracs.certificates.upper.nearest import FARTHEST, into, raised
from diracs.certificates.upper.nearest_line import UnitLineImage
from diracs.certificates.upper.nearest_univariate import UnitUnivariate
from diracs.codebooks.cell_laws import hilbert_order
from diracs.laws.convert import as_law, as_mixture, points_of
from diracs.laws.diracs import SumOfDiracs, as_diracs
from diracs.laws.univariate.discrete import atoms_of
from diracs.merging.pieces import UnitPieces
from diracs.quantization.by_points import ENGINES
from diracs.quantization.discrete import raised as raised_for
from diracs.quantization.discretization import Quantization, discretize
from diracs.quantization.units import send, unit_law
from diracs.schemes.points import PointScheme
from diracs.transport.convergence import ConvergenceWarning
from diracs.transport.line import transport_on_line
from diracs.transport.plan import optimal_transport_plan
from diracs.typing import Progress

_EPS = float(np.finfo(np.float64).eps)
# Relative, on W₂ on the line: quantiles and moments are right to 1e-12.
_SLACK = 1e-11


class Recertified(NamedTuple):
    """What `recertify` returns.

    Attributes
    ----------
    masses : array (n,)
        The best ones on the positions.
    w2, w2_given : array ()
        W₂ with these, and with the masses given.

    Examples
    --------
    >>> from diracs import Gaussian, SumOfDiracs, recertify
    >>> recertify(Gaussian(0.0, 1.0), SumOfDiracs([[-1.0], [1.0]], [3, 1]))
    Recertified(2 masses, w2=0.635792, w2_given=0.853753)
    """

    masses: Array
    w2: Array
    w2_given: Array

    def __repr__(self) -> str:
        ends = f"w2={brief(self.w2, math.ceil)}, w2_given={brief(self.w2_given, math.ceil)}"
        return f"Recertified({len(self.masses)} masses, {ends})"


def recertify(distribution: Any, diracs: SumOfDiracs | Quantization, *, progress: Progress = False) -> Recertified:
    """The exact W₂ between a distribution and Diracs: with the best masses on their positions, and with those given.

    Parameters
    ----------
    distribution : Gaussian, GaussianMixture, SumOfDiracs, PolynomialGrid, Mesh, or what `diracs.laws.convert` takes;
        a univariate law of scipy.stats or torch.distributions, discrete or not
        Mixtures, images and meshes on the line, in the plane and in space, covariances positive definite where the
        weight is not zero; SumOfDiracs in any dimension; so are Independent, Elliptical, Mixture, histograms and laws
        of one's own, of which `w2` and `w2_given` are upper bounds.
    diracs : SumOfDiracs or Quantization
        Of the distribution's framework (NumPy's go with all).
    progress : bool or callable
        True for bars on stderr (tqdm), or what is called as progress(stage, step, total) on the way.

    Returns
    -------
    masses : array (n,)
        Those of the Voronoi cells of the positions: no others have a smaller W₂.
    w2, w2_given : array ()
        W₂, not squared, never too small: rounding only raises them. In the framework and dtype of the distribution,
        or of the Diracs if it is NumPy's. For SumOfDiracs in two or more dimensions `w2_given` is W₂ up to 40 000 pairs
        of points (to 1e-7 of their size), and an upper bound beyond.

    Raises
    ------
    ValueError, TypeError
        For batches, unequal dimensions, more than three dimensions, singular covariances, mixed
        frameworks, values under `jax.jit`.

    Warns
    -----
    ConvergenceWarning
        If the transport to the given masses could not be solved: `w2_given` is an upper bound then.

    Notes
    -----
    The transport is solved for masses m that are the given ones ν but for a small rest. Moving what is left from m to ν
    between neighbours along a curve is a coupling as well; its cost is added.

    Examples
    --------
    >>> from diracs import Gaussian, SumOfDiracs, recertify
    >>> masses, w2, w2_given = recertify(Gaussian(0.0, 1.0), SumOfDiracs([[-1.0], [1.0]], [3, 1]))
    >>> masses.round(6).tolist(), f"{w2:.4f} {w2_given:.4f}"
    ([0.5, 0.5], '0.6358 0.8538')
    """
    given = as_diracs(diracs)
    atoms = atoms_of(distribution)
    if atoms is not None:
        found = recertify(atoms.diracs, given, progress=progress)
        return Recertified(found.masses, raised_for(found.w2, atoms), raised_for(found.w2_given, atoms))
    law = as_law(distribution)
    law = law if ENGINES.know(law) else as_mixture(law)
    common_framework(**{f"distribution's array {i}": a for i, a in enumerate(leaves(law))}, diracs=given.positions)
    beside = companion(*leaves(law), *leaves(given))
    like = next(iter(leaves(law)), given.positions) if beside is None else beside
    kind = framework(like)
    if any(is_traced(x) for x in (like, given.positions, given.weights)):
        raise TypeError("recertify needs numbers, not traced values: use discretize and distance inside jit or grad")
    if given.positions.ndim != 2 or getattr(law, "batch_shape", ()):
        raise ValueError("distribution and diracs must be single ones, not batches: recertify one after the other")
    cloud = not ENGINES.know(law) and points_of(law) is not None
    if given.ndim != law.ndim:
        raise ValueError(f"distribution and diracs must lie in one dimension, got {law.ndim} and {given.ndim}")
    mixture = not cloud and not ENGINES.know(law)
    if given.ndim > 3 and mixture:
        raise ValueError(f"distribution must lie on the line, in the plane or in space, got dimension {law.ndim}")
    # Numbers of any precision are what they are: exact in float64.
    law, held = (map_arrays(x, concrete) for x in (law, given))
    dtype = np.float32 if "32" in str(like.dtype) else np.float64
    with reporting(progress):
        masses, w2 = _with_best_masses(law, held.positions, dtype, cloud)
        if cloud:
            best = np.asarray(masses, np.float64)
            w2_given = with_given_masses(law.means, law.weights, w2, held.positions, best, held.weights)
        elif not mixture and isinstance(unit_law(law), UnitPieces):
            w2_given = with_moved_masses_between(w2, held.positions, np.asarray(masses, np.float64), held.weights)
        else:
            w2_given = _with_given_masses(law, held)
    return Recertified(
        to_framework(masses, kind, like), bound_in(w2, kind, like, up=True), bound_in(w2_given, kind, like, up=True)
    )


def _with_best_masses(law: Any, positions: np.ndarray, dtype: type, cloud: bool) -> tuple[np.ndarray, float]:
    """Masses in a dtype, and W₂ to these, rounded up."""
    if cloud or positions.shape[1] > 1 or ENGINES.know(law):
        return send(unit_law(law), positions, dtype)[:2]
    found = discretize(law, PointScheme(positions))
    order = np.argsort(positions[:, 0], kind="stable")
    masses: np.ndarray = np.asarray(found.weights, dtype)
    return masses, _with_masses(float(found.w2), positions[order], found.weights[order], masses[order])


def _with_given_masses(law: Any, diracs: SumOfDiracs) -> float:
    """W₂ to the Diracs as they are, rounded up."""
    on_line = diracs.ndim == 1 and not any(getattr(law, "periodic", ()))
    if on_line and ENGINES.know(law):
        return _with_given_masses_on_line(unit_law(law), diracs)
    with warnings.catch_warnings():
        # What the plan's masses lack is paid for below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        plan = optimal_transport_plan(diracs, law)
    positions, masses = diracs.positions, diracs.weights
    if on_line:
        order = np.argsort(positions[:, 0], kind="stable")
        size = max(float(np.abs(x).max()) for x in (positions, law.means))
        w2 = math.sqrt(float(plan.distance)) * (1.0 + _SLACK) + 16.0 * _EPS * size
        # The plan's masses are right to rounding.
        spread = float(np.ptp(positions))
        if spread > 0:
            off = mass_error(positions / spread, plan.cell_masses, np.full(len(masses), ROUNDINGS + law.n_components))
            w2 = spread * math.sqrt(float(with_moved_masses(np.asarray((w2 / spread) ** 2), *off)))
        w2 = _with_masses(w2, positions[order], plan.cell_masses[order], masses[order])
        # Masses that are nearly the best are rather reached from these.
        best = discretize(law, PointScheme(positions))
        return min(w2, _with_masses(float(best.w2), positions[order], best.weights[order], masses[order]))
    # Whatever the weights are, their power cells make a coupling, with masses of its own; Diracs on one spot share one.
    unit = unit_law(law)
    held = np.flatnonzero(masses > 0)
    positions, first, place = np.unique(positions[held], axis=0, return_index=True, return_inverse=True)
    masses = np.bincount(place.ravel(), masses[held])
    y, weights = into(unit, positions), concrete(plan.weights)[held[first]] / unit.unit**2
    cells, order = unit.cells(y, weights), hilbert_order(y)
    w2 = raised(unit, y, cells)
    return _with_masses(w2, positions[order], cells.mass[order], masses[order], cells.second[order])


def _with_given_masses_on_line(law: UnitLineImage | UnitUnivariate, diracs: SumOfDiracs) -> float:
    """The cells are intervals between quantiles: a coupling, wherever these are rounded to, with masses of its own."""
    held = diracs.weights > 0
    order = np.argsort(diracs.positions[held, 0], kind="stable")
    positions, masses = diracs.positions[held][order], diracs.weights[held][order]
    y = into(law, positions)
    if not np.abs(y).max() < max(FARTHEST, law.reach):
        raise ValueError(f"diracs must not lie further from the distribution than {FARTHEST:g} of its sizes")
    borders = transport_on_line(y[:, 0], masses / masses.sum(), law.law).borders
    cells = law.between(y[:, 0], np.concatenate([[-np.inf], borders, [np.inf]]))
    return _with_masses(raised(law, y, cells), positions, cells.mass, masses, cells.second)


def _with_masses(
    w2: float, positions: np.ndarray, masses: np.ndarray, wanted: np.ndarray, seconds: np.ndarray | None = None
) -> float:
    """A bound on W₂ to other masses on the same positions, which follow a curve."""
    size = float(np.abs(positions - positions[0]).max())
    if not size > 0:
        return w2
    held = (masses > 0) | (wanted > 0)
    seconds = None if seconds is None else seconds[held]
    change, fraction = mass_change(positions[held] / size, masses[held], wanted[held], seconds)
    return math.sqrt(float(with_moved_masses(np.asarray((w2 / size) ** 2), np.asarray(change), fraction))) * size
