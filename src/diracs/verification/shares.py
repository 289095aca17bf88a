"""Boxes at the borders of cells are shared so that the masses come out as wanted, in doubles."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from diracs.verification.cells import Sent

_ROUNDS = 8
# Enough to make the system of a graph with several components regular.
_TINY = 1e-9


def shared(sent: Sent, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The share (N,) of each box that goes to its second Dirac, and the masses (n,) that arrive, about `wanted` (n,).

    Flows over the borders between two cells are those of a network that conducts as much as the boxes there hold; each
    takes the boxes for which the two Diracs are most nearly equally far. What a border cannot pass is left.
    """
    n, mass = len(wanted), sent.boxes.mass
    share = np.zeros(len(mass))
    border = np.flatnonzero((sent.loss > 0) & (sent.first != sent.second))
    for _ in range(_ROUNDS):
        arriving = np.bincount(sent.first, mass * (1.0 - share), n) + np.bincount(sent.second, mass * share, n)
        excess = arriving - wanted
        free = border[share[border] < 1.0]
        if not len(free) or np.abs(excess).max() <= 1e-15:
            break
        a, b, held = sent.first[free], sent.second[free], mass[free] * (1.0 - share[free])
        graph = scipy.sparse.coo_matrix((held, (a, b)), shape=(n, n)).tocsr()
        graph = graph + graph.T
        degree = np.asarray(graph.sum(axis=1)).ravel()
        laplacian = scipy.sparse.diags(degree * (1.0 + _TINY) + _TINY * degree.max()) - graph
        potential = scipy.sparse.linalg.spsolve(laplacian.tocsc(), excess)
        # How much is to pass from a to b in all; a box may be asked for by its own pair only.
        order = np.lexsort((sent.gap[free], b, a))
        a, b, held, free = a[order], b[order], held[order], free[order]
        starts = np.flatnonzero(np.diff(a * n + b, prepend=-1))
        pair = np.cumsum(np.isin(np.arange(len(a)), starts)) - 1
        conducts = np.asarray(graph[a[starts], b[starts]]).ravel()
        flow = np.maximum(conducts * (potential[a[starts]] - potential[b[starts]]), 0.0)
        before = np.cumsum(held) - held
        before = before - before[starts][pair]
        taken = np.clip(flow[pair] - before, 0.0, held)
        share[free] += np.where(mass[free] > 0, taken / np.where(mass[free] > 0, mass[free], 1.0), 0.0)
        share = np.minimum(share, 1.0)
    arriving = np.bincount(sent.first, mass * (1.0 - share), n) + np.bincount(sent.second, mass * share, n)
    return share, arriving
