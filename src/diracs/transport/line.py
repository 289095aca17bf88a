"""Transport on the line: exact, by sorting."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from diracs.cells.facets import FacetMoments
from diracs.cells.line import LineDensity


class LineTransport(NamedTuple):
    """Moments of the cells of n seeds on the line about the seeds, and dual weights."""

    mass: np.ndarray  # (n,)
    first: np.ndarray  # (n,)
    second: np.ndarray  # (n,)
    weights: np.ndarray  # (n,)
    order: np.ndarray  # (n,) the seeds from left to right
    borders: np.ndarray  # (n − 1,) between these


def transport_on_line(seeds: np.ndarray, target: np.ndarray, law: LineDensity) -> LineTransport:
    """The optimal cells are the quantile intervals of the masses, in the order of the seeds.

    Parameters
    ----------
    seeds, target : array (n,)
        Masses of sum 1, maybe zero.
    law : LineDensity
    """
    order = np.argsort(seeds, kind="stable")
    y, share = seeds[order], target[order]
    below, above = np.cumsum(share)[:-1], np.cumsum(share[::-1])[::-1][1:]
    inner = law.quantiles(np.minimum(below, 1.0), np.minimum(above, 1.0))
    inner = np.maximum.accumulate(inner)
    mass, first, second = law.cell_moments(y, np.concatenate([[-np.inf], inner, [np.inf]]))
    # At the border of neighbours both powers agree: (x − y)² − w = (x − y')² − w'.
    steps = (inner - y[1:]) ** 2 - (inner - y[:-1]) ** 2
    weights = np.concatenate([[0.0], np.cumsum(steps)])
    back = np.empty(len(seeds), dtype=int)
    back[order] = np.arange(len(seeds))
    return LineTransport(mass[back], first[back], second[back], (weights - weights.mean())[back], order, inner)


def line_facets(seeds: np.ndarray, solved: LineTransport, law: LineDensity) -> FacetMoments:
    """The borders between the cells of seeds (n,), and the density there."""
    left, right = solved.order[:-1], solved.order[1:]
    off, step = solved.borders - seeds[left], seeds[right] - seeds[left]
    rho = law.heights(solved.borders)
    return FacetMoments(left, right, step[:, None], rho, (rho * off)[:, None], (rho * off * off)[:, None, None])
