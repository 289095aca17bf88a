"""What is said of an operation that nobody has taught to intervals."""

from __future__ import annotations


class NotUnderstood(TypeError):
    """An operation whose slopes cannot be enclosed."""


def not_understood(what: str, instead: str = "") -> NotUnderstood:
    advice = f"{instead}, or " if instead else ""
    return NotUnderstood(
        f"{what} is not understood where Jacobians are enclosed: {advice}give bounds on the Jacobian by hand,"
        " Smooth(f, jacobian=…)"
    )
