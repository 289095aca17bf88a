"""Weights for which the power cells of Diracs have given masses, about: by Newton's method on boxes, in doubles.

Any weights will do for a proof; near the best ones boxes at the borders can take the masses to where they are wanted.
The derivative of a mass in the weight of a neighbour is what lies between two cells, by the difference of squared
distances that it spans: the boxes with the smaller gaps tell.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from diracs.verification.cells import FineCells, Sent
from diracs.verification.pieces import Pieces

_ROUNDS, _HALVINGS = 8, 3
# Masses that are off by less, in all, are left to boxes at the borders.
_NEAR = 2e-3
# The share of the boxes between two cells, those of the smaller gaps, that tells how much lies at their border.
_BORDER = 0.3


def heights_for(
    pieces: Pieces, positions: np.ndarray, wanted: np.ndarray, most: int, start: np.ndarray | None = None
) -> np.ndarray:
    """Heights (n,) that lift the Diracs (n, d) so that their cells have about the masses wanted (n,).

    `start` are weights (n,) that may be good already.
    """
    best = np.zeros(len(wanted)) if start is None else start
    off, sent = _excess(pieces, positions, best, wanted, most)
    for _ in range(_ROUNDS):
        if np.abs(off).sum() <= _NEAR:
            break
        step = _step(sent, off, len(wanted))
        # No cell may become empty on the way (Kitagawa, Mérigot & Thibert 2019).
        least = 0.5 * min(float((off + wanted).min()), float(wanted.min()))
        for halving in range(_HALVINGS):
            trial = best - 0.5**halving * step
            found = _excess(pieces, positions, trial, wanted, most)
            if np.abs(found[0]).sum() < np.abs(off).sum() and (found[0] + wanted).min() >= least:
                break
        else:
            break
        best, (off, sent) = trial, found
    return _lifts(best)


def _lifts(weights: np.ndarray) -> np.ndarray:
    return np.sqrt(weights.max() - weights)


def _excess(
    pieces: Pieces, positions: np.ndarray, weights: np.ndarray, wanted: np.ndarray, most: int
) -> tuple[np.ndarray, Sent]:
    sent = FineCells(pieces, positions, _lifts(weights)).cut(most, 1e-4)
    return np.bincount(sent.first, sent.boxes.mass, len(wanted)) - wanted, sent


def _step(sent: Sent, off: np.ndarray, n: int) -> np.ndarray:
    """By how much to lower the weights."""
    rows = np.flatnonzero(sent.first != sent.second)
    low, high = (f(sent.first[rows], sent.second[rows]) for f in (np.minimum, np.maximum))
    pair = low * n + high
    order = np.lexsort((sent.gap[rows], pair))
    pair, gap, mass = pair[order], sent.gap[rows][order], sent.boxes.mass[rows][order]
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    sizes = np.diff(np.append(starts, len(pair)))
    last = starts + np.maximum((_BORDER * sizes).astype(int) - 1, 0)
    sums = np.cumsum(mass)
    held = sums[last] - sums[starts] + mass[starts]
    conducts = held / np.maximum(2.0 * gap[last], 1e-300)
    a, b = pair[starts] // n, pair[starts] % n
    graph = scipy.sparse.coo_matrix((conducts, (a, b)), shape=(n, n)).tocsr()
    graph = graph + graph.T
    degree = np.asarray(graph.sum(axis=1)).ravel()
    system = scipy.sparse.diags(degree * (1.0 + 1e-9) + 1e-12 * degree.max()) - graph
    return np.asarray(scipy.sparse.linalg.spsolve(system.tocsc(), off))
