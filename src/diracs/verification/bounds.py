"""W₂ between a law and Diracs from both sides: on the line, for clouds, by schemes, by exact and fine cells."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any, NamedTuple

import numpy as np
from flint import arb, ctx

from diracs.backend.arrays import concrete, map_arrays
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture, components_of
from diracs.laws.histogram import Histogram
from diracs.laws.independent import Independent
from diracs.laws.mixed import Mixture
from diracs.laws.pixels import PolynomialGrid
from diracs.laws.univariate.law import Univariate
from diracs.schemes.points import PointScheme
from diracs.transport.convergence import ConvergenceWarning
from diracs.transport.plan import optimal_transport_plan
from diracs.verification import line_laws
from diracs.verification.balls import Ball, NotSeparated, balls, normalized, root, rounded_down, rounded_up, total
from diracs.verification.clouds import cloud_bounds
from diracs.verification.fine import fine_bounds, nearest_bound
from diracs.verification.images import image_bounds, pixels_of
from diracs.verification.line import square_on_line
from diracs.verification.line_laws import LineLaw
from diracs.verification.mixtures import SchemeBounds, scheme_bounds
from diracs.verification.pieces import Pieces, pieces_of, scaled

# Bits of balls to begin with, and at most; those of fine cells, whose sums are in doubles.
_FIRST, _MOST, _FINE = 128, 8192, 128
# Share of the mean square error that fine cells may leave open, if there are enough of them.
_OPEN = 1e-5
# The same with fewer, for the lower bound of a scheme whose groups of components do not go to the nearest points.
_ROUGHLY, _FEWER = 1e-3, 4
# A piece of a pixel takes the time of so many boxes; its bounds are closed if they agree to this.
_PIECE, _CLOSED = 2, 1e-9
# What a transport whose weights are asked for may leave its masses off by, relative.
_SOLVED = 1e-13
# Beyond so many axes boxes tell nothing of nearest points that would be worth their time.
_LOW_AXES = 6
# Positions that are moved further than this, relative to W₂, are better served by fine cells.
_MOVED = 1e-3


class Bounds(NamedTuple):
    """low ≤ W₂ ≤ high; whether these come from a coupling in closed form."""

    low: float
    high: float
    closed: bool


def bounds(law: Any, scheme: Any, positions: np.ndarray, masses: np.ndarray, digits: int, cells: int) -> Bounds:
    """Bounds on W₂ between a law and Diracs (n, d) with masses (n,), doubles.

    Raises
    ------
    TypeError
        For laws that are not known.
    """
    points = points_of(law)
    if positions.shape[1] == 1 and not any(getattr(law, "periodic", ())):
        return _refined(lambda: _on_line(law, positions[:, 0], masses), digits)
    if points is not None:
        unit = _unit(points[0], positions)
        return _refined(
            lambda: _times(cloud_bounds(points[0] / unit, points[1], positions / unit, masses), unit), digits
        )
    if isinstance(law, GaussianMixture) and not isinstance(scheme, PointScheme):
        found = _by_scheme(law, scheme, positions, masses, digits, cells)
        if found is not None:
            return found
    found = _by_pixels(law, positions, masses, cells // _PIECE)
    if found is not None and found.closed:
        return found
    low, high = _by_cells(law, positions, masses, cells)
    return Bounds(low, high, False) if found is None else Bounds(max(low, found.low), min(high, found.high), False)


def _by_pixels(law: Any, positions: np.ndarray, masses: np.ndarray, most: int) -> Bounds | None:
    """By exact cells on so many pieces of pixels at most; closed where the two ends agree."""
    if not isinstance(law, PolynomialGrid | Histogram) or law.ndim != 2 or any(getattr(law, "periodic", ())):
        return None
    unit = _unit(positions, np.asarray(law.domain))
    if ((positions / unit) * unit != positions).any():
        return None
    with ctx.workprec(_FINE):
        weights = partial(_weights, law, positions, masses, unit)
        found = image_bounds(pixels_of(law, unit), positions / unit, masses, most, weights)
        if found is None:
            return None
        low, high = _times(found, unit)
        return Bounds(rounded_down(low), rounded_up(high), bool(high <= low * (1 + arb(_CLOSED))))


def _by_scheme(
    law: GaussianMixture, scheme: Any, positions: np.ndarray, masses: np.ndarray, digits: int, cells: int
) -> Bounds | None:
    last: SchemeBounds | None = None

    def both() -> tuple[Ball, Ball] | None:
        nonlocal last
        last = scheme_bounds(law, scheme, positions, masses)
        return None if last is None else (arb(0) if last.low is None else last.low, last.high)

    try:
        low, high, _ = _refined(both, digits)
    except _NotItsPoints:
        return None
    assert last is not None
    own_points = rounded_up(last.moved) <= _MOVED * high
    if own_points and (last.low is not None or positions.shape[1] > _LOW_AXES):
        return Bounds(low, high, True)
    if own_points:
        with ctx.workprec(_FINE):
            pieces = _pieces(law)
            unit = _unit(pieces.offsets, pieces.matrices, positions)
            used = positions[masses > 0] / unit
            nearest = nearest_bound(scaled(pieces, unit), used, cells // _FEWER, _ROUGHLY) * arb(unit)
            return Bounds(max(low, rounded_down(nearest)), high, True)
    fine_low, fine_high = _by_cells(law, positions, masses, cells)
    return Bounds(max(low, fine_low), min(high, fine_high), False)


class _NotItsPoints(Exception):
    """The Diracs are not those of the scheme."""


def _refined(both: Callable[[], tuple[Ball, Ball] | None], digits: int) -> Bounds:
    """With balls as fine as it takes for so many digits of the upper bound."""
    bits = _FIRST
    low, high = 0.0, math.inf
    while True:
        with ctx.workprec(bits):
            try:
                found = both()
                if found is None:
                    raise _NotItsPoints
                low, high = rounded_down(found[0]), rounded_up(found[1])
                if found[1].is_zero() or found[1].rel_accuracy_bits() > (digits + 1) * math.log2(10):
                    return Bounds(low, high, True)
            except NotSeparated:
                pass
        if bits >= _MOST:
            return Bounds(low, high, True)
        bits *= 2


def _on_line(law: Any, positions: np.ndarray, masses: np.ndarray) -> tuple[Ball, Ball]:
    points = points_of(law)
    if points is not None and len(points[1]) <= len(masses):
        # Every atom may be a Dirac.
        unit = _unit(points[0], positions)
        found = cloud_bounds(points[0] / unit, points[1], positions[:, None] / unit, masses)
        if found[1].is_zero():
            return found
    square = root(square_on_line(line_law(law), positions, masses))
    return square, square


def _by_cells(law: Any, positions: np.ndarray, masses: np.ndarray, cells: int) -> tuple[float, float]:
    with ctx.workprec(_FINE):
        pieces = _pieces(law)
        unit = _unit(pieces.offsets, pieces.matrices, positions)

        weights = partial(_weights, law, positions, masses, unit)
        scaled_law = scaled(pieces, unit)
        low, high = _times(fine_bounds(scaled_law, positions / unit, masses, cells, _OPEN, weights), unit)
        return rounded_down(low), rounded_up(high)


def _pieces(law: Any) -> Pieces:
    """With balls as fine as its intervals need."""
    bits = _FINE
    while True:
        with ctx.workprec(bits):
            try:
                return pieces_of(law)
            except NotSeparated:
                if bits >= _MOST:
                    raise ValueError("distribution cannot be verified: masses of its parts are not found") from None
        bits *= 2


def _weights(law: Any, positions: np.ndarray, masses: np.ndarray, unit: float) -> np.ndarray | None:
    """Of a transport that is solved, over the unit squared; nothing of it has to be right. None where it is not."""
    if not isinstance(law, GaussianMixture | PolynomialGrid) or positions.shape[1] not in (2, 3):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            plan = optimal_transport_plan(SumOfDiracs(positions, masses), map_arrays(law, concrete), tol=_SOLVED)
        except (ValueError, TypeError, ArithmeticError):
            return None
    weights = np.asarray(concrete(plan.weights), dtype=np.float64) / unit / unit
    return weights if np.isfinite(weights).all() else None


def _times(found: tuple[Ball, Ball], unit: float) -> tuple[Ball, Ball]:
    return found[0] * arb(unit), found[1] * arb(unit)


def _unit(*arrays: np.ndarray) -> float:
    """The power of two above all their numbers."""
    size = max(float(np.abs(x).max()) for x in arrays)
    return math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0


def points_of(law: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Points (N, d) and weights (N,) of a cloud, also one that is a mixture of components of no variance; else None."""
    if isinstance(law, SumOfDiracs):
        return np.asarray(concrete(law.positions), np.float64), np.asarray(concrete(law.weights), np.float64)
    if isinstance(law, GaussianMixture) and not np.any(concrete(law.covs)):
        return np.asarray(concrete(law.means), np.float64), np.asarray(concrete(law.weights), np.float64)
    return None


@singledispatch
def line_law(law: Any) -> LineLaw:
    """A law on the line with its partial moments in balls.

    Raises
    ------
    TypeError
        For a law that is not known here.
    """
    raise TypeError(
        f"cannot verify a {type(law).__name__} on the line; there verify knows Gaussian mixtures, point clouds, pixels"
        " and histograms that are not periodic, univariate laws with partial moments in closed form, affine images of"
        " one of these, and mixtures"
    )


@line_law.register
def _(law: GaussianMixture) -> LineLaw:
    means, covs, weights = (np.asarray(x, np.float64) for x in components_of(law))
    held, atoms = weights > 0, (weights > 0) & (covs[:, 0, 0] == 0)
    shares = dict(zip(np.flatnonzero(held).tolist(), normalized(weights[held])))
    normal = np.flatnonzero(held & ~atoms).tolist()
    parts = [line_laws.gaussian(float(means[k, 0]), float(covs[k, 0, 0])) for k in normal]
    found = [shares[k] for k in normal]
    if atoms.any():
        parts.append(line_laws.cloud(means[atoms, 0], weights[atoms]))
        found.append(total(shares[k] for k in np.flatnonzero(atoms).tolist()))
    return line_laws.mixture(parts, found)


@line_law.register
def _(law: Gaussian) -> LineLaw:
    return line_law(law.as_mixture())


@line_law.register
def _(law: SumOfDiracs) -> LineLaw:
    points, weights = points_of(law) or (np.empty(0), np.empty(0))
    return line_laws.cloud(points[:, 0], weights)


@line_law.register
def _(law: Univariate) -> LineLaw:
    return line_laws.univariate(law)


@line_law.register
def _(law: PolynomialGrid) -> LineLaw:
    (low,), (high,) = (balls(end) for end in law.domain)
    values = np.asarray(concrete(law.values), np.float64)
    n = len(values)
    return line_laws.bins([(low * (n - i) + high * i) / n for i in range(n + 1)], values)


@line_law.register
def _(law: Histogram) -> LineLaw:
    return line_laws.bins(balls(law.edges[0]), np.asarray(law.masses))


@line_law.register
def _(law: Independent) -> LineLaw:
    matrix, offset = (np.asarray(concrete(x), np.float64) for x in (law.matrix, law.offset))
    used = np.flatnonzero(matrix[0])
    if len(used) != 1:
        raise TypeError(
            f"cannot verify an Independent of {len(used)} laws on the line: the law of their sum is not known"
        )
    return line_laws.univariate(law.laws[used[0]], float(offset[0]), float(matrix[0, used[0]]))


@line_law.register
def _(law: Mixture) -> LineLaw:
    weights = np.asarray(concrete(law.weights), np.float64)
    held = np.flatnonzero(weights > 0).tolist()
    return line_laws.mixture([line_law(law.laws[k]) for k in held], normalized(weights[held]))
