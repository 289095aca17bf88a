"""The method of Broyden, Fletcher, Goldfarb and Shanno for functions that are warm-started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_SUFFICIENT = 1e-4
_SHORTEST = 1e-6


@dataclass(frozen=True)
class Evaluation:
    """A value with its gradient (m,), and whatever the next evaluation nearby is to start from."""

    value: float
    gradient: np.ndarray
    state: Any


@dataclass(frozen=True)
class Minimum:
    """Where the method stopped."""

    x: np.ndarray
    evaluation: Evaluation
    history: list[float]  # values, the first one included
    converged: bool
    message: str


def minimize(
    evaluate: Callable[[np.ndarray, Any], Evaluation | None],
    x: np.ndarray,
    first: Evaluation,
    tolerance: float,
    most: int,
    report: Callable[[int, np.ndarray, Evaluation], None],
    done: int = 0,
) -> Minimum:
    """Minimize a positive function, scaled so that a step of minus its gradient is a good one (Nocedal & Wright, 6.1).

    Parameters
    ----------
    evaluate : callable
        evaluate(x, state) at a point, from the state of the last accepted one; None where it fails.
    x, first : array (m,), Evaluation
        Where to start, and what is there.
    tolerance : float
        Stop when the next step promises to lower the value by less than this share of it.
    most : int
        Steps.
    report : callable
        Called as report(iteration, x, evaluation) after each step.
    done : int
        Iterations before these, for `report`.
    """
    now, history = first, [first.value]
    inverse, fresh = np.eye(len(x)), True
    for iteration in range(1, most + 2):
        direction = -inverse @ now.gradient
        slope = float(now.gradient @ direction)
        if -0.5 * slope <= tolerance * now.value:
            return Minimum(x, now, history, True, "converged")
        if iteration > most:
            break
        found = _search(evaluate, x, now, direction, slope)
        if found is None and not fresh:
            inverse, fresh = np.eye(len(x)), True
            direction = -now.gradient
            found = _search(evaluate, x, now, direction, -float(now.gradient @ now.gradient))
        if found is None:
            return Minimum(x, now, history, False, "no step lowers the value any more")
        length, then = found
        step, change = length * direction, then.gradient - now.gradient
        curvature = float(step @ change)
        if curvature > 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            turned = inverse @ change
            inverse = inverse + (1.0 + change @ turned / curvature) / curvature * np.outer(step, step)
            inverse -= (np.outer(step, turned) + np.outer(turned, step)) / curvature
            fresh = False
        x, now = x + step, then
        history.append(now.value)
        report(done + iteration, x, now)
    return Minimum(x, now, history, False, f"no convergence in {done + most} iterations")


def _search(
    evaluate: Callable[[np.ndarray, Any], Evaluation | None],
    x: np.ndarray,
    now: Evaluation,
    direction: np.ndarray,
    slope: float,
) -> tuple[float, Evaluation] | None:
    """The first of ever shorter steps, from 1, that lowers the value in proportion to its length (Armijo 1966)."""
    length = 1.0
    while length > _SHORTEST:
        trial = evaluate(x + length * direction, now.state)
        if trial is not None and trial.value <= now.value + _SUFFICIENT * length * slope:
            return length, trial
        # The minimum of the parabola through what is known, but neither too near nor too far.
        bend = 0.0 if trial is None else trial.value - now.value - length * slope
        length *= float(np.clip(-0.5 * slope * length / bend, 0.1, 0.5)) if bend > 0 else 0.25
    return None
