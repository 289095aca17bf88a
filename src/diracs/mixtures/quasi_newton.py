"""The method of Broyden, Fletcher, Goldfarb and Shanno for functions that are warm-started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diracs.backend import progress

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
    inverse: np.ndarray | None  # of the second derivatives as far as known, none yet
    converged: bool
    message: str

    @classmethod
    def start(cls, x: np.ndarray, first: Evaluation) -> Minimum:
        """Before all steps."""
        return cls(x, first, [first.value], None, False, "not begun")


def minimize(
    evaluate: Callable[[np.ndarray, Any], Evaluation | None],
    before: Minimum,
    tolerance: float,
    most: int,
    report: Callable[[int, np.ndarray, Evaluation], None],
) -> Minimum:
    """Minimize a positive function, scaled so that a step of minus its gradient is a good one (Nocedal & Wright, 6.1).

    Parameters
    ----------
    evaluate : callable
        evaluate(x, state) at a point, from the state of the last accepted one; None where it fails.
    before : Minimum
        Where to start, or where the method stopped and is to go on.
    tolerance : float
        Stop when the next step promises to lower the value by less than this share of it.
    most : int
        Steps, with those before.
    report : callable
        Called as report(iteration, x, evaluation) after each step.
    """
    x, now, history, inverse = before.x, before.evaluation, list(before.history), before.inverse
    while True:
        direction = -now.gradient if inverse is None else -inverse @ now.gradient
        slope = float(now.gradient @ direction)
        if -0.5 * slope <= tolerance * now.value:
            return Minimum(x, now, history, inverse, True, "converged")
        if len(history) > most:
            return Minimum(x, now, history, inverse, False, f"no convergence in {most} iterations")
        found = _search(evaluate, x, now, direction, slope)
        if found is None and inverse is not None:
            inverse, direction = None, -now.gradient
            found = _search(evaluate, x, now, direction, -float(now.gradient @ now.gradient))
        if found is None:
            return Minimum(x, now, history, inverse, False, "no step lowers the value any more")
        length, then = found
        step, change = length * direction, then.gradient - now.gradient
        curvature = float(step @ change)
        if curvature > 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            inverse = np.eye(len(x)) if inverse is None else inverse
            turned = inverse @ change
            inverse = inverse + (1.0 + change @ turned / curvature) / curvature * np.outer(step, step)
            inverse -= (np.outer(step, turned) + np.outer(turned, step)) / curvature
        x, now = x + step, then
        history.append(now.value)
        progress.report("quasi-Newton steps", len(history) - 1)
        report(len(history) - 1, x, now)


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
