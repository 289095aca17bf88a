"""W₂ between a law and Diracs from both sides: on the line, for clouds, by schemes, by exact and fine cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any, NamedTuple

import numpy as np
from flint import arb, ctx

from diracs.laws.gaussian import GaussianMixture
from diracs.verification.balls import Ball, NotSeparated, root, rounded_down, rounded_up
from diracs.verification.clouds import cloud_bounds, points_of
from diracs.verification.fine import fine_bounds, nearest_bound
from diracs.verification.images import domain_of, image_bounds, pixels_of
from diracs.verification.information import information_bound
from diracs.verification.line import square_on_line
from diracs.verification.line_laws import line_law
from diracs.verification.mixtures import SchemeBounds, scheme_bounds
from diracs.verification.pieces import Pieces, pieces_of, scaled
from diracs.verification.transported import transported_weights

# Bits of balls to begin with, and at most; those of fine cells, whose sums are in doubles.
_FIRST, _MOST, _FINE = 128, 8192, 128
# Share of the mean square error that fine cells may leave open, if there are enough of them.
_OPEN = 1e-5
# The same with fewer, for the lower bound of a scheme whose groups of components do not go to the nearest points.
_ROUGHLY, _FEWER = 1e-3, 4
# A piece of a pixel takes the time of so many boxes; its bounds are closed if they agree to this.
_PIECE, _CLOSED = 2, 1e-9
# Beyond so many axes boxes tell nothing of nearest points that would be worth their time.
_LOW_AXES = 6
# From so many on, what n points can carry of a law may tell more.
_MANY_AXES = 4
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
    found = _by_law(law, scheme, positions, masses, digits, cells)
    if positions.shape[1] < _MANY_AXES or not found.low < found.high:
        return found
    with ctx.workprec(_FINE):
        return found._replace(low=max(found.low, rounded_down(information_bound(law, masses))))


def _by_law(law: Any, scheme: Any, positions: np.ndarray, masses: np.ndarray, digits: int, cells: int) -> Bounds:
    points = points_of(law)
    if positions.shape[1] == 1 and not any(getattr(law, "periodic", ())):
        return _refined(lambda: _on_line(law, positions[:, 0], masses), digits)
    if points is not None:
        unit = _unit(points[0], positions)
        return _refined(
            lambda: _times(cloud_bounds(points[0] / unit, points[1], positions / unit, masses), unit), digits
        )
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
    domain = domain_of(law)
    if domain is None:
        return None
    unit = _unit(positions, domain)
    if ((positions / unit) * unit != positions).any():
        return None
    with ctx.workprec(_FINE):
        weights = partial(transported_weights, law, positions, masses, unit)
        found = image_bounds(pixels_of(law, unit), positions / unit, masses, most, weights)
        if found is None:
            return None
        low, high = _times(found, unit)
        return Bounds(rounded_down(low), rounded_up(high), bool(high <= low * (1 + arb(_CLOSED))))


@singledispatch
def _by_scheme(
    law: Any, scheme: Any, positions: np.ndarray, masses: np.ndarray, digits: int, cells: int
) -> Bounds | None:
    """By the coupling of a product scheme; None where there is none."""
    return None


@_by_scheme.register
def _(
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

        weights = partial(transported_weights, law, positions, masses, unit)
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


def _times(found: tuple[Ball, Ball], unit: float) -> tuple[Ball, Ball]:
    return found[0] * arb(unit), found[1] * arb(unit)


def _unit(*arrays: np.ndarray) -> float:
    """The power of two above all their numbers."""
    size = max(float(np.abs(x).max()) for x in arrays)
    return math.ldexp(1.0, math.frexp(size)[1]) if size > 0 else 1.0
