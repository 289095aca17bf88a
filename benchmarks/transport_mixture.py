"""Semi-discrete optimal transport to Gaussian mixtures: diracs, on the whole plane, beside sdot, cut off at six sigmas.

First 20 000 seeds, uniform in [−2, 2]², against three isotropic components, in both programs and in one run, until no
cell's mass is wrong by more than 1e-8; times are wall-clock from arrays to cost, the shortest of a few repetitions.
Then what diracs takes with more components, with full covariances, and for derivatives in every parameter.

sdot runs in an environment of its own, see sdot_environment.py; without it the column of diracs is printed alone.

    python benchmarks/transport_mixture.py [--quick] [--native] [--without-sdot] [--python PYTHON]
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np
from sdot_environment import Unavailable, add_options, comparison, environment, solve_with_sdot

from diracs import GaussianMixture, SumOfDiracs, optimal_transport_plan
from diracs.transport.plan import transport
from diracs.transport.target import MixtureTarget

TOLERANCE = 1e-8
TIMING = {"tol": TOLERANCE, "seconds": 20.0, "repeats": 3}
MEANS, SIGMAS, WEIGHTS = np.array([[-1.0, 0.0], [1.0, 0.3], [0.0, 1.0]]), [0.3, 0.5, 0.4], [0.2, 0.5, 0.3]


def seeds(n):
    return np.random.default_rng(0).uniform(-2.0, 2.0, (n, 2))


def solve_with_diracs(positions, mixture):
    """The shortest time of five, and the plan."""
    n = len(positions)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        # The tolerance is relative to the smallest mass, 1/n.
        plan = optimal_transport_plan(SumOfDiracs(positions), mixture, tol=TOLERANCE * n)
        float(plan.distance)
        times.append(time.perf_counter() - begin)
    return min(times), plan


def beside_sdot(options, python):
    """Both programs on the same problem."""
    positions = seeds(20_000)
    seconds, plan = solve_with_diracs(positions, GaussianMixture(MEANS, np.square(SIGMAS), WEIGHTS))
    print(f"diracs: {seconds:7.3f} s, {plan.iterations} steps, cost {float(plan.distance):.12f}")
    if python is None:
        return
    try:
        problem = TIMING | {"positions": positions, "means": MEANS, "sigmas": SIGMAS, "weights": WEIGHTS}
        theirs = solve_with_sdot(python, problem, options.native)
    except Unavailable as reason:
        print(reason)
        return
    short = "" if theirs["error"] <= TOLERANCE else f", largest error of a mass {theirs['error']:.0e}"
    print(f"sdot:   {theirs['seconds']:7.3f} s, {theirs['steps']} steps, cost {theirs['cost']:.12f}{short}")
    print(f"ratio:  {theirs['seconds'] / seconds:.1f}   ({comparison(theirs, options)})")


def random_mixture(k):
    """k components with full covariances, deviations from 0.05 to 0.4, with means in [−1.5, 1.5]²."""
    rng = np.random.default_rng(k)
    angles, deviations = rng.uniform(0.0, np.pi, k), rng.uniform(0.05, 0.4, (k, 2))
    frames = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], axis=1).reshape(k, 2, 2)
    covs = frames * deviations[:, None, :] ** 2 @ frames.transpose(0, 2, 1)
    return GaussianMixture(rng.uniform(-1.5, 1.5, (k, 2)), 0.5 * (covs + covs.transpose(0, 2, 1)), rng.random(k) + 0.1)


def by_components(n, numbers):
    """Time of a plan, and of the derivatives in all parameters, against the number of components."""
    positions = seeds(n)
    print(f"\n{n} seeds, full covariances")
    print(f"{'components':>10} {'plan':>10} {'steps':>6} {'derivatives':>12} {'mass error':>11}")
    for k in numbers:
        mixture = random_mixture(k)
        begin = time.perf_counter()
        target = MixtureTarget(mixture.means, mixture.covs, mixture.weights)
        found = transport(positions, np.full(n, 1.0 / n), target, TOLERANCE * n)
        middle = time.perf_counter()
        target.slopes(positions, found.weights)
        end = time.perf_counter()
        error = np.abs(found.mass - 1.0 / n).max()
        print(f"{k:10} {middle - begin:8.3f} s {found.iterations:6} {end - middle:10.3f} s {error:11.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="2000 seeds and at most 100 components in the second table"
    )
    add_options(parser)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores; largest error of a cell's mass {TOLERANCE:g}")
    beside_sdot(options, environment(options))
    by_components(2000 if options.quick else 20_000, [1, 10, 100] if options.quick else [1, 3, 10, 30, 100, 300, 1000])


if __name__ == "__main__":
    main()
