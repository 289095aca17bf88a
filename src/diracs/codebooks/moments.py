"""What a certificate needs of a codebook on its block of axes."""

from __future__ import annotations

from typing import NamedTuple

from diracs.backend.arrays import Array


class BlockMoments(NamedTuple):
    """Moments of the quantized block q(Z), for k Gaussians on the m axes of the block, n points.

    Z has independent coordinates of deviations `deviation`; ξ are Z's coordinates standardized.
    """

    masses: Array  # (k, n): law of q(Z)
    distortion: Array  # (k, m): E (Z_l − q_l)²
    alignment: Array  # (k, m): E ξ_l q_l
    deviation: Array  # (k, m): standard deviation of Z_l
    excess: Array  # (k, m): E (X_l − offset)² − E (Z_l − offset)², zero where Z_l has the law of X's marginal
