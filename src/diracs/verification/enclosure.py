"""What a verification proves."""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Enclosure:
    """A theorem: low ≤ W₂(law, Diracs) ≤ high; and what it says of the value that was recorded.

    Attributes
    ----------
    low, high : float
        Rounded outward.
    recorded : float
        The `w2` of the quantization.
    closed : bool
        True if `high` is that of a coupling in closed form or of exact cells, whose cost a sound certificate never lies
        below; False if it comes from fine cells, which leave a little open.

    Examples
    --------
    >>> from diracs.verification.enclosure import Enclosure
    >>> Enclosure(0.1, 0.2, recorded=0.2, closed=True).verdict, Enclosure(0.1, 0.2, recorded=0.15, closed=False).verdict
    ('verified', 'not refuted')
    """

    low: float
    high: float
    recorded: float
    closed: bool

    @property
    def holds(self) -> bool:
        """Whether W₂ ≤ recorded is proved."""
        return self.recorded >= self.high

    @property
    def refuted(self) -> bool:
        """Whether W₂ > recorded is proved."""
        return self.recorded < self.low

    @property
    def verdict(self) -> str:
        """'verified', 'refuted', 'not proved' or 'not refuted'.

        - verified: W₂ ≤ recorded is a theorem;
        - refuted: W₂ > recorded is one;
        - not proved: the recorded value is below the cost of the scheme's own coupling, which it claims to bound;
        - not refuted: it lies between `low` and `high`, which fine cells have not brought closer.
        """
        if self.holds:
            return "verified"
        if self.refuted:
            return "refuted"
        return "not proved" if self.closed else "not refuted"

    def __str__(self) -> str:
        between = _between(self.low, self.high)
        said = f"{between}, recorded {self.recorded:.15g}"
        if self.verdict == "not refuted":
            return f"not refuted: proved only {said}, which lies between"
        if self.verdict == "not proved":
            return f"not proved: {said} is below what its own coupling costs"
        return f"{self.verdict}: {said}"


def _between(low: float, high: float) -> str:
    """The bounds with two digits more than they agree in, rounded outward."""
    agree = -math.log10((high - low) / high) if 0 <= low < high < math.inf else 15.0
    digits = min(max(math.ceil(agree) + 2, 4), 17)
    shown = []
    for value, rounding in ((low, decimal.ROUND_FLOOR), (high, decimal.ROUND_CEILING)):
        with decimal.localcontext(decimal.Context(prec=digits, rounding=rounding)):
            shown.append(f"{+decimal.Decimal(value):.{digits}g}")
    return f"{shown[0]} ≤ W₂ ≤ {shown[1]}"
