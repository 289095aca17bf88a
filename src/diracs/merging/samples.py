"""Evenly spread samples of a Gaussian mixture: points are optimized on them, certificates never rest on them.

Sobol's sequence (1967), shifted: of as many samples each centre's share is known far better than by chance. Samples are
better than boxes there, whose barycenters lack what the law varies inside them: in six dimensions much.
"""

from __future__ import annotations

import numpy as np
import scipy

from diracs.cells.boxes import Components
from diracs.cells.partition import Partition

# Of the mass, on either side: beyond that no sample lies.
_LEAST = 2.0**-40


def samples(law: Components, count: int, seed: int = 0) -> Partition:
    """At least so many samples, the next power of two, of equal masses."""
    from scipy.stats import qmc  # takes longer to import than the rest of SciPy

    d = law.means.shape[1]
    exponent = max(int(count) - 1, 1).bit_length()
    u = qmc.Sobol(d + 1, scramble=False).random_base2(exponent)
    u += np.random.default_rng(seed).random(d + 1)
    u -= np.floor(u)
    sums = np.cumsum(law.weights)
    which = np.minimum(np.searchsorted(sums, u[:, 0] * sums[-1], side="right"), len(sums) - 1)
    # One component after the other: neighbours in memory are near each other, and products are of matrices.
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(sums)))
    x = scipy.special.ndtri(np.clip(u[order, 1:], _LEAST, 1.0 - _LEAST))
    for k, end in enumerate(ends):
        of = slice(ends[k - 1] if k else 0, end)
        x[of] = law.means[k] + (x[of] * law.deviations[k]) @ law.axes[k].T
    return Partition.of_points(x, np.full(len(x), 1.0 / len(x)))
