"""Discrete laws of other libraries: their atoms are quantized, and what these are off by is paid.

If atoms hand on the masses that they may have too much, over the gaps between them, a coupling with Diracs costs
M + 2 √(M f) W₂ more, as for masses of Diracs (`certificates/rounding.py`); what was cut off went to the nearest atom.
"""

from __future__ import annotations

import math

import numpy as np

from diracs.backend.arrays import Array, bound_in, concrete, framework
from diracs.certificates.rounding import with_moved_masses
from diracs.laws.univariate.discrete import Atoms


def raised(w2: Array, atoms: Atoms) -> Array:
    """A bound for the law, from one for its atoms."""
    square = float(with_moved_masses(np.asarray(float(concrete(w2)) ** 2), np.asarray(atoms.moved), atoms.fraction))
    return bound_in(math.sqrt(square) * (1.0 + 1e-15) + atoms.beyond, framework(w2), w2, up=True)


def lowered(w2: float, atoms: Atoms) -> float:
    """A bound for the atoms, positive, that is enough for one of the law."""
    rest = (w2 - atoms.beyond) * (1.0 - 1e-12)
    square = rest**2 - atoms.moved - 2.0 * math.sqrt(atoms.moved * atoms.fraction) * rest
    if rest <= 0 or square <= 0:
        raise ValueError(f"w2 = {w2:g} is below what the rounding of the law's masses allows; ask for a larger error")
    return math.sqrt(square)
