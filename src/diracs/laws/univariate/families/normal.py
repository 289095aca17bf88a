"""Normal laws on a part of the line, or all of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from diracs.laws.univariate.standard import FAR, Analytic


@dataclass(frozen=True)
class TruncatedNormal(Analytic):
    """f(z) ∝ exp(−z²/2) on [low, high], ends infinite or not.

    Everything is relative to the point m of the interval that is nearest to 0: exp(−(z − m)(z + m)/2).

    Parameters
    ----------
    low, high : float
        low < high.
    """

    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:  # type: ignore[override]
        return self.low, self.high

    @property
    def _nearest(self) -> float:
        return min(max(self.low, 0.0), self.high)

    def _whole(self) -> float:
        """∫ exp(−(z − m)(z + m)/2) over the interval: from the scaled complementary error function."""
        m = abs(self._nearest)
        ends = sorted((abs(self.low), abs(self.high)))
        if m == 0.0:
            return math.sqrt(0.5 * math.pi) * (math.erf(self.high / math.sqrt(2)) - math.erf(self.low / math.sqrt(2)))
        far = ends[1]
        erfcx = scipy.special.erfcx
        lost = 0.0 if math.isinf(far) else math.exp(-0.5 * (far - m) * (far + m)) * float(erfcx(far / math.sqrt(2.0)))
        whole = math.sqrt(0.5 * math.pi) * (float(erfcx(m / math.sqrt(2.0))) - lost)
        # Of narrow intervals, where that cancels, Simpson's rule.
        middle = 0.5 * (m + far)
        if (far - m) * far > 1e-3:
            return whole
        values = [math.exp(-0.5 * (z - m) * (z + m)) for z in (m, middle, far)]
        return (far - m) * (values[0] + 4.0 * values[1] + values[2]) / 6.0

    def pdf(self, z: np.ndarray) -> np.ndarray:
        m = self._nearest
        return np.asarray(np.exp(-0.5 * (z - m) * (z + m)) / self._whole())

    def cdf(self, z: np.ndarray) -> np.ndarray:
        return self._of_scipy(scipy.stats.truncnorm.cdf, z)

    def sf(self, z: np.ndarray) -> np.ndarray:
        return self._of_scipy(scipy.stats.truncnorm.sf, z)

    def ppf(self, below: np.ndarray) -> np.ndarray:
        return self._of_scipy(scipy.stats.truncnorm.ppf, below)

    def isf(self, above: np.ndarray) -> np.ndarray:
        return self._of_scipy(scipy.stats.truncnorm.isf, above)

    def _of_scipy(self, function: Callable[..., np.ndarray], x: np.ndarray) -> np.ndarray:
        """SciPy multiplies zero by infinite ends."""
        with np.errstate(all="ignore"):
            return np.asarray(function(x, self.low, self.high))

    def slope(self, z: np.ndarray) -> np.ndarray:
        return -z

    def curvature(self, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
        return np.ones(np.broadcast_shapes(centre.shape, radius.shape))

    def coarse(self) -> np.ndarray:
        reach = math.sqrt(self._nearest**2 - 2.0 * math.log(FAR))
        return np.linspace(max(self.low, -reach), min(self.high, reach), 9)
