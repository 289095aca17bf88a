"""Rigorous enclosures of functions and of their Jacobians over boxes."""

from diracs.intervals.enclosure import jacobian_of, value_of

__all__ = ["jacobian_of", "value_of"]
