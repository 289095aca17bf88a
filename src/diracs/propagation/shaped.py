"""Cells that are round in a metric: chosen where the metric is the identity, and brought back.

In the coordinates y = S x, S² = P, the mean square error is the one in the metric P; barycenters of cells, their masses
and the sources of components are the same in both.
"""

from __future__ import annotations

import numpy as np

from diracs.propagation.law import Law
from diracs.propagation.step import Choice
from diracs.schemes.points import PointScheme


class Shape:
    """The coordinates in which a metric (d, d), definite, is the identity."""

    def __init__(self, metric: np.ndarray) -> None:
        values, vectors = np.linalg.eigh(0.5 * (metric + metric.T))
        roots = np.sqrt(values)
        self.into = (vectors * roots) @ vectors.T
        self.back = (vectors / roots) @ vectors.T
        self._widest = float(1.0 / roots.min()) * (1.0 + 1e-12)

    def law(self, law: Law) -> Law:
        """The law of y."""
        covs = self.into @ law.covs @ self.into
        return law._replace(means=law.means @ self.into, covs=0.5 * (covs + covs.transpose(0, 2, 1)))

    def choice(self, found: Choice) -> Choice:
        """Cells of y as those of x, and their error there."""
        cells, step, back = found.cells, found.step, self.back
        places = cells.barycenters @ back
        error = back @ step.error @ back
        biases = None if step.biases is None else back @ step.biases @ back
        bias = None if cells.bias is None else cells.bias @ back
        # Each coordinate is a sum of d products, off by roundings of these.
        d = len(back)
        size = np.sqrt(float(cells.masses @ ((np.abs(cells.barycenters) @ np.abs(back)) ** 2).sum(axis=1)))
        moved = self._widest * step.moved + 4.0 * d * 2.0**-52 * size
        return Choice(
            PointScheme(places),
            cells._replace(barycenters=places, error=error, bias=bias, blocks=[]),
            step._replace(error=0.5 * (error + error.T), biases=biases, moved=moved),
        )
