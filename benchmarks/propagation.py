"""Propagation with certificates: a damped rotation, whose true law is known, and a system in ten dimensions.

The rotation is the literature's: A = 0.8 · rotation by −π/8, noise covariance 0.001 I, start N((0.8, 0.8), 0.0001 I),
six steps. Beside the bound stand those of the published recursion on published grids, of grids alone, and what the
true distance is at least: on orthogonal axes squared distances of the projections add up, and on a line they are exact,
by quantiles.

    python benchmarks/propagation.py [--quick]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.special import ndtri

from diracs import Affine, Gaussian, propagate
from diracs.cells.line import LineMixture
from diracs.propagation import run

ANGLE, STEPS = np.pi / 8, 6
A = 0.8 * np.array([[np.cos(ANGLE), np.sin(ANGLE)], [-np.sin(ANGLE), np.cos(ANGLE)]])
START, NOISE = Gaussian([0.8, 0.8], 1e-4), Gaussian([0.0, 0.0], 1e-3)
PUBLISHED = {10: 0.0717, 100: 0.0262}


def true_law():
    """Mean and variance (isotropic) of the state after the last step."""
    mean, variance = np.array([0.8, 0.8]), 1e-4
    for _ in range(STEPS):
        mean, variance = A @ mean, 0.64 * variance + 1e-3
    return mean, variance


def at_least(state, mean, variance):
    """A lower bound on W₂ between the state and N(mean, variance I): the best of some pairs of orthogonal axes."""
    levels = (np.arange(1000) + 0.5) / 1000
    best = 0.0
    for angle in np.linspace(0.0, np.pi / 2, 3, endpoint=False):
        square = 0.0
        for axis in (np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])):
            deviations = np.full(state.n_components, np.sqrt(1e-3))
            law = LineMixture(state.means @ axis, deviations, state.weights)
            gap = law.quantiles(levels, 1.0 - levels) - (mean @ axis + np.sqrt(variance) * ndtri(levels))
            square += float((gap**2).mean())
        best = max(best, square)
    return np.sqrt(best)


def by_grids(*given, **options):
    """Propagation without merging, and the time that it took."""
    kept, run.can_merge = run.can_merge, lambda law, n: False
    try:
        return timed(*given, **options)
    finally:
        run.can_merge = kept


def timed(*given, **options):
    """Propagation, and the time that it took."""
    begin = time.perf_counter()
    trajectory = propagate(*given, **options)
    return trajectory, time.perf_counter() - begin


def rotation(numbers):
    """Bounds after six steps."""
    names = ("published", "callable", "grids", "affine", "at least")
    print(f"{'points':>6} " + " ".join(f"{name:>10}" for name in names) + f" {'ratio':>6}")
    for n in numbers:
        grids, _ = by_grids(START, Affine(A), NOISE, STEPS, n=n, quantized=True)
        trajectory = propagate(START, Affine(A), NOISE, STEPS, n=n, quantized=True)
        by_constant = propagate(START, lambda x: x @ A.T, NOISE, STEPS, n=n, lipschitz=0.8)
        bound, least = float(trajectory.w2_bound[-1]), at_least(trajectory.states[-1], *true_law())
        published = f"{PUBLISHED[n]:10.4f}" if n in PUBLISHED else f"{'–':>10}"
        row = f"{n:6} {published} {by_constant.w2_bound[-1]:10.5f} {grids.w2_bound[-1]:10.5f} {bound:10.5f}"
        print(f"{row} {least:10.5f} {bound / least:6.2f}", flush=True)


def merging(cases, steps):
    """What merging gains and costs beside grids: contractions in two and three dimensions."""
    print(f"\n{steps} steps\n{'axes':>4} {'points':>6} {'grids':>10} {'time':>9} {'merged':>10} {'time':>9}")
    for d, n in cases:
        system = Affine(0.85 * np.linalg.qr(np.random.default_rng(0).standard_normal((d, d)))[0])
        noise = Gaussian(np.zeros(d), np.linspace(1e-3, 3e-3, d))
        given = Gaussian(np.full(d, 0.8), 1e-2), system, noise, steps
        timed(*given[:3], 1, n=n, quantized=True)  # tables of levels are made once
        (grids, without), (found, seconds) = (way(*given, n=n, quantized=True) for way in (by_grids, timed))
        row = f"{d:4} {n:6} {grids.w2_bound[-1]:10.5f} {without:7.2f} s"
        print(f"{row} {found.w2_bound[-1]:10.5f} {seconds:7.2f} s", flush=True)


def ten_dimensions(steps, n):
    """Time of a long horizon."""
    rng = np.random.default_rng(0)
    frame = np.linalg.qr(rng.standard_normal((10, 10)))[0]
    system = Affine(0.95 * frame @ np.diag(np.linspace(1.0, 0.4, 10)))
    noise = Gaussian(np.zeros(10), np.geomspace(1e-2, 1e-4, 10))
    trajectory, seconds = timed(Gaussian(np.ones(10), 1e-2), system, noise, steps, n=n, quantized=True)
    print(f"\nten dimensions, {steps} steps, {n} points each: {seconds:.1f} s, W₂ ≤ {trajectory.w2_bound[-1]:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 100 points, and ten steps in ten dimensions")
    quick = parser.parse_args().quick
    rotation([10, 100] if quick else [10, 30, 100, 300])
    merging([(d, n) for d in (2, 3) for n in ((10, 100) if quick else (10, 100, 1000))], 5 if quick else 20)
    ten_dimensions(*((10, 100) if quick else (100, 1000)))


if __name__ == "__main__":
    main()
