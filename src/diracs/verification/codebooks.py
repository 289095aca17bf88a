"""Moments of codebooks' cells in balls: levels on an axis, crosses on a block of axes."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from flint import acb, arb, ctx

from diracs.verification.balls import Ball, root
from diracs.verification.families import NOTHING, Partial, normal


class BlockMoments(NamedTuple):
    """Of a codebook on its axes, about the offset; ξ the standardized coordinates of the coupled Z."""

    masses: list[Ball]  # of its points
    seconds: list[Ball]  # E|z − q|² on the cells of its points, for levels; empty for crosses
    reach: list[Ball | None]  # the largest |z − q|² on each of these cells, None if it is not bounded
    around: list[Ball]  # E|z − q|² for each of their points, over the whole axis
    distortion: Ball  # E|z − q|² if z has the law of Z
    first: Ball  # E z q summed over the axes, for z of the mean of X and q of Z
    energy: Ball  # E|q|²
    gain: list[Ball]  # E ξ_k q_k of each axis
    borders: list[Ball]  # between sorted levels, standardized


def levels(points: list[Ball], mean: Ball, variance: Ball) -> BlockMoments:
    """Sorted levels; each z of N(mean, variance), variance > 0, goes to the nearest."""
    deviation = root(variance)
    ends = [((a + b) / 2 - mean) / deviation for a, b in itertools.pairwise(points)]
    sums = [NOTHING, *(normal(z) for z in ends), Partial(arb(1), arb(0), arb(1))]
    masses, seconds, reach = [], [], []
    distortion, mean_point, energy, gain = arb(0), arb(0), arb(0), arb(0)
    for i, y in enumerate(points):
        cell = sums[i + 1] - sums[i]
        second = cell.placed(mean, deviation).about(y)
        masses.append(cell.mass)
        seconds.append(second)
        inner = 0 < i < len(points) - 1
        reach.append(((points[i + 1] - y).max(y - points[i - 1]) / 2) ** 2 if inner else None)
        distortion += second
        mean_point += y * cell.mass
        energy += y * y * cell.mass
        gain += y * cell.first
    around = [variance + (mean - y) ** 2 for y in points]
    return BlockMoments(masses, seconds, reach, around, distortion, mean * mean_point, energy, [gain], ends)


def one_level(points: list[Ball], mean: Ball) -> BlockMoments:
    """The same where z is the mean, up to a deviation that is paid elsewhere."""
    best = min(range(len(points)), key=lambda i: float(abs(points[i] - mean).mid()))
    y = points[best]
    masses = [arb(int(i == best)) for i in range(len(points))]
    distortion = (mean - y) ** 2
    seconds = [m * distortion for m in masses]
    nowhere: list[Ball | None] = [None] * len(points)
    return BlockMoments(masses, seconds, nowhere, seconds, distortion, mean * y, y * y, [arb(0)], [])


def cross(radii: list[Ball], scales: list[Ball]) -> BlockMoments:
    """±p_j s_k e_k on K axes: Z ~ N(0, diag s²) goes by the largest of K standardized coordinates (`CrossCodebook`)."""
    count = len(scales)
    shells = _shells(radii, count)
    share = arb(1) / (2 * count)
    energy = sum((p * p * mass for p, (mass, _) in zip(radii, shells)), arb(0)) / count
    moment = sum((p * first for p, (_, first) in zip(radii, shells)), arb(0)) / count
    squares = [s * s for s in scales]
    gain = [s * moment for s in scales]
    whole = sum((s2 * (1 - 2 * moment + energy) for s2 in squares), arb(0))
    masses = [mass * share for mass, _ in shells for _ in range(2 * count)]
    return BlockMoments(masses, [], [], [], whole, arb(0), energy * sum(squares, arb(0)), gain, [])


def _shells(radii: list[Ball], count: int) -> list[tuple[Ball, Ball]]:
    """P(shell) and E[M; shell] of M = max |x_l|, P(M ≤ m) = erf(m/√2)^K; ∫ m dP by parts, rigorous quadrature inside.

    Beyond T the rest of ∫ (1 − P) is at most K ∫_T^∞ erfc(m/√2) dm ≤ K e^{−T²/2} for T ≥ 1.
    """
    half = arb(2).sqrt()
    ends = [arb(0), *((a + b) / 2 for a, b in itertools.pairwise(radii))]
    far = (2 * (ctx.prec * arb(2).log() + arb(count).log())).sqrt().upper().ceil()
    far = far.max(ends[-1] + 1).upper()

    def below(m: Ball) -> Ball:
        return (m / half).erf() ** count

    def rest(low: Ball, high: Ball) -> Ball:
        """∫ (1 − P)."""
        found = acb.integral(
            lambda m, _: 1 - (m / half).erf() ** count,
            acb(low),
            acb(high),
            abs_tol=arb(2) ** -ctx.prec,
            rel_tol=arb(2) ** -ctx.prec,
        )
        return found.real

    out = []
    for low, high in zip(ends, [*ends[1:], None]):
        if high is None:
            over = rest(low, far) + arb(0).union(count * (-far * far / 2).exp())
            out.append((1 - below(low), low * (1 - below(low)) + over))
        else:
            first = low * (1 - below(low)) - high * (1 - below(high)) + rest(low, high)
            out.append((below(high) - below(low), first))
    return out
