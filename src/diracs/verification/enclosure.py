"""What a verification proves."""

from __future__ import annotations

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
        True if `high` is that of a coupling in closed form, whose cost a sound certificate never lies below; False if
        it comes from fine cells, which leave a little open.

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
        shown = f"{_shown(self.low, self.high)}, recorded {self.recorded:.17g}"
        if self.verdict == "not refuted":
            return f"not refuted: proved only {shown}"
        return f"{self.verdict}: {shown}"


def _shown(low: float, high: float) -> str:
    return f"{low:.17g} ≤ W₂ ≤ {high:.17g}"
