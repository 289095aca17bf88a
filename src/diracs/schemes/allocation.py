"""Allocation of points: which codebook on which axes of one Gaussian, and how many points for each of many Gaussians.

Inside a Gaussian with variances λ₁ ≥ λ₂ ≥ …, a codebook of N points on K axes takes the share ω of their variance away:
1 − e(m) for m optimal levels, R/K for a cross. Points multiply and errors add, so the best product solves

    f(a, v) = max over codebooks of ω·(λ_{a+1} + … + λ_{a+K}) + f(a + K, ⌊v/N⌋),

where v runs over the O(√n) values of ⌊n/j⌋ only. Larger shares go to larger variances, so blocks of consecutive axes
are enough and the answer is the exact optimum over all products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from diracs.codebooks.cross import optimal_crosses
from diracs.codebooks.optimal import normal_distortion

# In products, crosses of more shells never won against more and smaller crosses; a cross alone has no such choice.
_SHELLS = (1, 2, 3)
_SHELLS_ALONE = (1, 2, 3, 4, 6, 8)


class Block(NamedTuple):
    """A codebook yet to be made: `shells` radii on each of `axes` axes, or `levels` levels on one (shells = 0)."""

    axes: int
    shells: int
    levels: int

    @property
    def size(self) -> int:
        return 2 * self.axes * self.shells if self.shells else self.levels


@dataclass(frozen=True)
class _Moves:
    """All transitions of the dynamic programme of one budget: from state `start`, a block, to state `stop`."""

    axes: int
    start: np.ndarray
    stop: np.ndarray
    share: np.ndarray
    shells: np.ndarray
    levels: np.ndarray
    first: np.ndarray  # where each start's run begins
    states: np.ndarray  # the distinct starts, in order


def budgets_below(n: int) -> np.ndarray:
    """The distinct values of ⌊n/j⌋, ascending: every budget that can be left after dividing n."""
    root = int(np.sqrt(n))
    small = np.arange(1, root + 1)
    return np.unique(np.concatenate([small, n // small]))


@lru_cache(maxsize=64)
def _moves(states: tuple[int, ...], kinds: str, ndim: int) -> tuple[_Moves, ...]:
    """Transitions between budgets, for blocks of each number of axes up to `ndim`."""
    v = np.array(states)
    tables = []
    counts = _block_axes(kinds, ndim, int(v[-1]))
    numbers = {"grid": (), "cross": _SHELLS_ALONE, "product": _SHELLS}[kinds]
    reductions = {j: optimal_crosses(tuple(counts), j)[1] for j in numbers if 2 * j <= v[-1]}
    for position, axes in enumerate(counts):
        options: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # (start, size, shells)
        if axes == 1 and kinds != "cross":
            for i, budget in enumerate(v):
                # Of all m that leave the same budget only the largest is of use.
                sizes = budgets_below(int(budget))
                sizes = sizes[sizes > 1]
                options.append((np.full(sizes.size, i), sizes, np.zeros(sizes.size, dtype=int)))
        # On one axis a cross is an even number of levels: only these are fitted to the marginal.
        if kinds == "cross" or (kinds == "product" and axes > 1):
            for j in reductions:
                fits = np.flatnonzero(v >= 2 * axes * j)
                options.append((fits, np.full(fits.size, 2 * axes * j), np.full(fits.size, j)))
        if not options:
            continue
        start, size, shells = (np.concatenate(x) for x in zip(*options, strict=True))
        if not start.size:
            continue
        order = np.argsort(start, kind="stable")
        start, size, shells = start[order], size[order], shells[order]
        share = np.zeros(start.size)
        share[shells == 0] = 1.0 - normal_distortion(size[shells == 0])
        for j, reduction in reductions.items():
            share[shells == j] = reduction[position] / axes
        stop = np.searchsorted(v, v[start] // size, side="right") - 1
        if kinds == "cross":
            stop = np.full_like(stop, 0)  # one cross and nothing else
        first = np.flatnonzero(np.diff(start, prepend=-1))
        tables.append(_Moves(axes, start, stop, share, shells, size, first, start[first]))
    return tuple(tables)


def _block_axes(kinds: str, ndim: int, budget: int) -> list[int]:
    """Numbers of axes that a block may have: 1, and for crosses all small ones and a geometric choice of large ones."""
    if kinds == "grid":
        return [1]
    most = min(ndim, budget // 2)
    few = np.arange(1, min(most, 32) + 1)
    many = np.geomspace(33, most, 1 + int(24 * np.log2(most / 33 + 1))).astype(int) if most > 32 else few[:0]
    return np.unique(np.concatenate([few, many, [1]])).tolist()


class Allocation:
    """Best products of codebooks for Gaussians, at every budget of a list.

    Parameters
    ----------
    variances : array (R, d)
        In descending order, one row for each Gaussian.
    budgets : array (V,) of int
        Numbers of points, ascending, starting at 1. For the exact optimum at n: `budgets_below(n)`.
    kinds : {"grid", "cross", "product"}
        Scalar codebooks only; one cross (of one or several shells) and nothing else; all products of both.

    Attributes
    ----------
    reduction : array (R, V)
        By how much the mean square error falls below the sum of the variances.
    """

    def __init__(self, variances: np.ndarray, budgets: np.ndarray, kinds: str) -> None:
        rows, d = variances.shape
        self.budgets = np.asarray(budgets)
        # An axis takes at least two points: grids cannot use more than log₂ n.
        self._reach = min(d, int(np.log2(self.budgets[-1]))) if kinds == "grid" else d
        self._moves = _moves(tuple(self.budgets.tolist()), kinds, self._reach)
        self._sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(variances, axis=1)], axis=1)
        self._last = min(1, self._reach) if kinds == "cross" else self._reach
        self._best = np.zeros((self._reach + 1, rows, self.budgets.size))
        for a in range(self._last - 1, -1, -1):
            for moves in self._moves:
                if a + moves.axes <= self._reach:
                    top = np.maximum.reduceat(self._gains(a, moves, slice(None)), moves.first, axis=1)
                    self._best[a][:, moves.states] = np.maximum(self._best[a][:, moves.states], top)
        self.reduction = self._best[0]

    def _gains(self, a: int, moves: _Moves, rows: slice, which: slice = slice(None)) -> np.ndarray:
        """The reduction that each move promises from axis `a` on, (rows, moves)."""
        variance = self._sums[rows, a + moves.axes] - self._sums[rows, a]
        gain = variance[:, None] * moves.share[which]
        return gain + self._best[a + moves.axes][rows][:, moves.stop[which]]

    def blocks(self, row: int, state: int) -> tuple[Block, ...]:
        """The best blocks, on consecutive axes, for one Gaussian at the budget `budgets[state]`."""
        found: list[Block] = []
        a = 0
        while a < self._last and self._best[a, row, state] > 0.0:
            block, stop = self._best_move(a, row, state)
            found.append(block)
            a, state = a + block.axes, stop
        return tuple(found)

    def _best_move(self, a: int, row: int, state: int) -> tuple[Block, int]:
        top, found = -1.0, (Block(1, 0, 1), 0)
        for moves in self._moves:
            i, j = np.searchsorted(moves.start, [state, state + 1])
            if a + moves.axes > self._reach or i == j:
                continue
            gain = self._gains(a, moves, slice(row, row + 1), slice(i, j))[0]
            k = int(np.argmax(gain))
            if gain[k] > top:
                top, k = float(gain[k]), i + k
                found = Block(moves.axes, int(moves.shells[k]), int(moves.levels[k])), int(moves.stop[k])
        return found
