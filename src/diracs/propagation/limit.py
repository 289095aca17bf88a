"""The infinite horizon of contractions: cells that stay the same, and the law that settles on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy

from diracs.certificates.rounding import mass_change
from diracs.propagation.bounds import StepError
from diracs.propagation.cells import StateCells
from diracs.propagation.dynamics import norm
from diracs.propagation.law import Law, with_noise
from diracs.propagation.step import Choice, measure
from diracs.schemes.layered import LayeredScheme

_ROUNDS = 2000
# Components choose their groups anew in the first rounds only: then the chain is one and the same.
_FREE = 20
_POWERS = 10_000


def settle(
    law: Law,
    scheme: LayeredScheme,
    noise: Law,
    push: Callable[[np.ndarray], tuple[np.ndarray, float]],
    tolerance: float,
) -> tuple[Law, Choice]:
    """The stationary law of the chain of a scheme's Diracs, and the error of a step.

    Diracs move to the barycenters of their cells until they stay there, up to the tolerance. They and their masses are
    then kept, and what they still are off counts as moved. `push` gives images and what it rounded their points by.
    """
    d = law.means.shape[1]
    centers = np.concatenate([np.broadcast_to(np.asarray(part.offset), (part.stack, d)) for part in scheme.schemes])
    groups, rounded = np.zeros(0, dtype=int), 0.0
    points, masses = np.empty((0, d)), np.empty(0)
    for rounds in range(_ROUNDS):
        if rounds < _FREE:
            groups = ((law.means[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        cells = measure(law, LayeredScheme(scheme.schemes, groups)).cells
        change = _change(cells, points, masses) if cells.barycenters.shape == points.shape else np.inf
        points, masses = cells.barycenters, cells.masses
        out, rounded = push(points)
        law = with_noise(out, masses, noise)
        if change <= tolerance and (rounds >= _FREE or len(centers) == 1):
            break
    choice = measure(law, LayeredScheme(scheme.schemes, groups))
    off = choice.cells.barycenters - points
    moved = np.sqrt(choice.cells.masses @ (off**2).sum(axis=1))
    # The law is only stationary once the masses go back to those that it was made of.
    moved += np.sqrt(mass_change(points, choice.cells.masses, masses)[0])
    return law, choice._replace(step=choice.step._replace(moved=choice.step.moved + rounded + float(moved)))


def _change(cells: StateCells, before: np.ndarray, before_masses: np.ndarray) -> float:
    """How much masses and points, weighted by mass, still change, relative to their size."""
    points, masses = cells.barycenters, cells.masses
    size = np.sqrt(masses @ ((points - masses @ points) ** 2).sum(axis=1)) or 1.0
    return float(np.abs(masses - before_masses).sum() + np.sqrt(masses @ ((points - before) ** 2).sum(axis=1)) / size)


def check_contraction(A: np.ndarray) -> None:
    """See that the powers of A shrink.

    Raises
    ------
    ValueError
        If A is not square with all eigenvalues inside the unit circle.
    """
    if A.shape[0] != A.shape[1] or np.abs(np.linalg.eigvals(A)).max() >= 1.0 - 1e-12:
        raise ValueError("the limit needs a contraction, but A is not square or has an eigenvalue of modulus 1 or more")


def affine_limit(A: np.ndarray, step: StepError, noise_radius: float) -> float:
    """√tr M with M = A (M + Q) Aᵀ, and what radius and rounding add along the powers of A."""
    matrix = scipy.linalg.solve_discrete_lyapunov(A, A @ step.error @ A.T)
    # Rounding of the solution: the residual is summed along the powers as well.
    residual = np.linalg.norm(A @ (matrix + step.error) @ A.T - matrix, "nuc")
    sums = sum_of_norms(A)
    square = float(np.trace(matrix)) + residual * sums**2
    return float(np.sqrt(max(square, 0.0)) + sums * (noise_radius + step.moved)) * (1.0 + 1e-12)


def sum_of_norms(A: np.ndarray) -> float:
    """A bound on Σ ‖Aˢ‖ over s ≥ 0: up to the first power of norm q ≤ 1/2, over 1 − q."""
    power, total = np.eye(len(A)), 0.0
    for _ in range(_POWERS):
        total += norm(power)
        power = A @ power
        q = norm(power)
        if q <= 0.5:
            return total / (1.0 - q)
    raise ValueError("the limit needs a contraction, but the powers of A hardly shrink")


def lipschitz_limit(slope: float, step: StepError, noise_radius: float) -> float:
    """The fixed points of the recursions for a Lipschitz constant below 1."""
    delta, r = np.sqrt(step.square), noise_radius
    bias, gap = min(step.bias, delta), (1.0 - slope) * (1.0 + slope)

    def fixed(b: float, size: float) -> float:
        # a² = L² (a² + 2 a b + size²).
        return float((slope**2 * b + np.sqrt(slope**4 * b**2 + gap * (slope * size) ** 2)) / gap)

    found = [fixed(bias, delta) + r / (1.0 - slope), fixed(bias + r, delta + r) + r]
    if step.splits:
        found.append((np.sqrt(step.splits[0].local) + r) / (1.0 - slope))
    return float((min(found) + slope * step.moved / (1.0 - slope)) * (1.0 + 1e-12))
