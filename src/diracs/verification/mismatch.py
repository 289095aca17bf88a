"""What it costs to bring the masses of a coupling to those that are claimed.

A tree joins each Dirac to one near it that is heavier. What lies below a branch in excess flows up it, what lacks there
flows down. If no cell loses more than it has, each bit of mass moves over one branch: cell i gives the share F/pᵢ of
itself, the same everywhere in it, to its neighbour over the vector g, which costs F|g|² + 2 (F/pᵢ) g·bᵢ more, bᵢ its
first moment about its Dirac, |bᵢ|² ≤ pᵢ sᵢ with sᵢ its second moment. By Cauchy and Schwarz, over any group of
branches, Σ 2 (F/pᵢ) |g·bᵢ| ≤ 2 (Σ F|g|²)^½ (Σ fᵢ sᵢ)^½, fᵢ the share that cell i loses (docs/certificates.md,
"Masses"). A cell that has not surely enough is given to the one above it as a whole.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from flint import arb
from scipy.spatial import cKDTree

from diracs.verification.balls import Ball, balls, root, rounded_up


class _Move(NamedTuple):
    giver: int
    mass: Ball
    square: Ball  # of the distance


def with_given_masses(
    positions: np.ndarray, arriving: list[Ball], wanted: list[Ball], square: Ball, seconds: list[Ball] | None = None
) -> Ball:
    """A bound on the mean square error once masses `arriving` (n,) have become `wanted` (n,), both of sum 1.

    Parameters
    ----------
    positions : array (n, d)
        The Diracs, in doubles.
    square : ball
        The mean square error before.
    seconds : list of n balls, optional
        At least the second moments of the cells about their Diracs.
    """
    count = len(arriving)
    parent, order = _tree(positions, np.array([float(m.mid()) for m in arriving]))
    y = [balls(row) for row in positions]
    held = list(arriving)
    second = [square] * count if seconds is None else list(seconds)
    excess = [a - w for a, w in zip(arriving, wanted)]  # of all that hangs on a cell, and itself
    below: list[list[int]] = [[] for _ in range(count)]
    lost = [arb(0)] * count
    moves: list[_Move] = []
    whole = arb(0)
    for i in order[::-1].tolist():
        up = parent[i]
        given = sum((_positive(-excess[c]) for c in below[i]), _positive(excess[i]) if up >= 0 else arb(0))
        if not given <= held[i]:
            if up < 0:
                return _anyhow(positions, arriving, wanted, square)
            weighed = held[i] * _distance(y[i], y[up])
            more = 2 * root(second[i] * weighed) + weighed
            whole += more
            second[up], held[up] = second[up] + second[i] + more, held[up] + held[i]
            for c in (*below[i], i):
                below[up].append(c)
            # What hung on it hangs on the one above now, and its own share is to come from there.
            excess[up] += excess[i]
            excess[i], held[i] = -wanted[i], arb(0)
            continue
        lost[i] = given
        for c in below[i]:
            distance = _distance(y[c], y[i])
            moves.append(_Move(c, _positive(excess[c]), distance))
            moves.append(_Move(i, _positive(-excess[c]), distance))
        if up >= 0:
            below[up].append(i)
            excess[up] += excess[i]
    square = square + whole
    shares = [lost[i] / held[i] if lost[i].upper() > 0 else arb(0) for i in range(count)]
    return square + _cost(moves, shares, second, square)


def _cost(moves: list[_Move], shares: list[Ball], second: list[Ball], square: Ball) -> Ball:
    """Of the moves, grouped by the decades of the shares that their givers lose."""
    groups: dict[int, list[_Move]] = {}
    givers: dict[int, set[int]] = {}
    for move in moves:
        share = rounded_up(shares[move.giver])
        if move.mass.upper() > 0 and share > 0:
            key = math.floor(math.log10(share))
            groups.setdefault(key, []).append(move)
            givers.setdefault(key, set()).add(move.giver)
    out = arb(0)
    for key, some in groups.items():
        moved, spread, most = arb(0), arb(0), arb(0)
        for move in some:
            moved += move.mass * move.square
        for i in givers[key]:
            spread += shares[i] * second[i]
            most = most.max(shares[i])
        out += moved + 2 * root(moved) * root(spread.min(most * square))
    return out


def _anyhow(positions: np.ndarray, arriving: list[Ball], wanted: list[Ball], square: Ball) -> Ball:
    """By the triangle inequality: what is too much goes anywhere, as far as the Diracs reach."""
    moved = sum((_positive(a - w) for a, w in zip(arriving, wanted)), arb(0))
    sides = [arb(float(high)) - arb(float(low)) for low, high in zip(positions.min(axis=0), positions.max(axis=0))]
    reach = sum((side * side for side in sides), arb(0))
    return (root(square) + root(moved * reach)) ** 2


def _positive(x: Ball) -> Ball:
    return x.max(arb(0))


def _distance(a: list[Ball], b: list[Ball]) -> Ball:
    """Squared."""
    return sum(((s - t) ** 2 for s, t in zip(a, b)), arb(0))


def _tree(positions: np.ndarray, masses: np.ndarray) -> tuple[list[int], np.ndarray]:
    """For each Dirac one that is near it among the heavier ones, −1 for the heaviest; and all, from that on."""
    order = np.argsort(-masses, kind="stable")
    parent = np.full(len(masses), -1)
    done = 1
    while done < len(order):
        # Among all those that came before blocks that double in size.
        block = order[done : 2 * done]
        parent[block] = order[:done][cKDTree(positions[order[:done]]).query(positions[block])[1]]
        done += len(block)
    return parent.tolist(), order
