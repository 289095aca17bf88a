"""Numbers in decimals: bounds rounded so that they stay bounds, and arrays in a few words."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from diracs.backend.arrays import concrete, is_traced

# Arrays of more entries are told by their shapes.
_FEW = 4


def brief(x: Any, direction: Callable[[Any], int] = round) -> str:
    """An array, or a number rounded by `math.floor`, `math.ceil` or `round`, in a few characters, for `repr`."""
    if is_traced(x):
        return "traced"
    if np.iscomplexobj(x):
        return f"{complex(x):.6g}" if np.ndim(x) == 0 else f"{tuple(x.shape)} array"
    value = concrete(x)
    if value.ndim == 0:
        text = round_to(float(value), direction, 6)
        return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    if value.size > _FEW:
        return f"{value.shape} array"
    return "[" + ", ".join(brief(row, direction) for row in value) + "]"


def round_to(x: float, direction: Callable[[Any], int], digits: int = 3, like: float | None = None) -> str:
    """`x` in decimals, rounded by `math.ceil` or `math.floor`: a rounded bound is still a bound.

    To so many significant digits, or to the decimals that so many significant digits of the number `like` have, for
    numbers that stand side by side.
    """
    like = x if like is None else like
    if not (math.isfinite(x) and math.isfinite(like)):
        return f"{x:g}"
    exponent = math.floor(math.log10(abs(like))) if like else 0
    plain = -5 < exponent < 7
    places = digits - 1 - (exponent if plain else 0)
    # In exact arithmetic, of the decimals that stand for the double.
    number = direction(Fraction(repr(float(x))) * Fraction(10) ** (places if plain else places - exponent))
    if x == 0 and like == 0:
        return "0"
    text = f"{Decimal(number).scaleb(-places):f}" if places > 0 else str(number * 10**-places)
    return text if plain else f"{text}e{exponent:+03d}"


def bounds_text(upper: float, lower: float | None, exact: bool, digits: int = 4) -> tuple[str, str | None]:
    """An upper and a lower bound on W₂ to the same decimals, so many (up to 8 digits) that they differ."""
    direction: Callable[[Any], int] = round if exact else math.ceil
    while True:
        texts = [round_to(upper, direction, digits)]
        if lower is not None:
            texts.append(round_to(lower, math.floor, digits, like=upper))
        apart = lower is not None and round_to(upper, round, digits) != round_to(lower, round, digits, like=upper)
        if lower is None or lower == upper or apart or digits == 8:
            return f"{'=' if exact else '≤'} {texts[0]}", None if lower is None else texts[1]
        digits += 1
