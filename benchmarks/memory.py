"""Peak memory of processes that do one thing: diagrams by number of seeds, clouds of samples, mixtures, streams.

    python benchmarks/memory.py [--quick]

What the interpreter and the package take by themselves, and inputs, are included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable

import numpy as np

import diracs
from diracs.transport.density import ImageDensity
from diracs.transport.density_space import VolumeDensity
from diracs.transport.problem import Problem


def nothing(_: int) -> None:
    """The package, imported."""


def plane(n: int) -> None:
    """Two evaluations of all moments, the second of which follows the weights."""
    problem = _problem(n, 2)
    problem.moments(np.zeros(n))
    problem.moments(0.1 / n * np.random.default_rng(1).random(n))


def space(n: int) -> None:
    problem = _problem(n, 3)
    known = problem.moments(np.zeros(n))
    problem.moments(0.01 * n ** (-2 / 3) * np.random.default_rng(1).random(n), known=known)


def _problem(n: int, d: int) -> Problem:
    seeds = np.random.default_rng(0).random((n, d)) - 0.5
    law = ImageDensity.of(np.ones((1, 1)), np.ones(2)) if d == 2 else VolumeDensity.of(np.ones((1, 1, 1)), np.ones(3))
    return Problem(seeds, np.full(n, 1.0 / n), law)


def transport(n: int) -> None:
    points = np.random.default_rng(0).random((n, 2))
    diracs.optimal_transport_plan(diracs.SumOfDiracs(points), diracs.PolynomialGrid([[1.0]]))


def cloud(n: int) -> None:
    """Into 1000 points."""
    samples = np.random.default_rng(0).standard_normal((n, 3))
    diracs.quantize(diracs.SumOfDiracs(samples), 1000)


def mixture(k: int) -> None:
    """k components in the plane into 1000 points."""
    rng = np.random.default_rng(0)
    law = diracs.GaussianMixture(10.0 * rng.standard_normal((k, 2)), 0.1 + rng.random(k), np.full(k, 1.0 / k))
    diracs.quantize(law, 1000, scheme="grid")


def reduction(k: int) -> None:
    """k components in the plane into 50."""
    rng = np.random.default_rng(0)
    law = diracs.GaussianMixture(10.0 * rng.standard_normal((k, 2)), 0.1 + rng.random(k), np.full(k, 1.0 / k))
    diracs.reduce_mixture(law, 50)


def stream(n: int) -> None:
    """In chunks of 10⁵ samples, for 100 points."""
    summary, rng = diracs.Summary(100, ndim=3), np.random.default_rng(0)
    for _ in range(0, n, 100_000):
        summary.update(rng.standard_normal((100_000, 3)))
    summary.quantize(100)


FEATURES: dict[str, tuple[Callable[[int], None], str, tuple[int, ...]]] = {
    "nothing": (nothing, "the package, imported", (0,)),
    "plane": (plane, "diagram of n seeds in the plane, two evaluations", (10**5, 10**6, 10**7)),
    "transport": (transport, "transport of n seeds to the square", (10**5, 10**6)),
    "space": (space, "diagram of n seeds in space, two evaluations", (10**4, 10**5, 10**6)),
    "cloud": (cloud, "n samples in space into 1000 points", (10**5, 10**6)),
    "mixture": (mixture, "n components in the plane into 1000 points, grids", (100, 1000, 10**4)),
    "reduction": (reduction, "n components in the plane reduced to 50", (100, 1000, 10**4)),
    "stream": (stream, "a stream of n samples in space", (10**6, 10**7)),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="the smallest number of each only")
    options.add_argument("--only", choices=FEATURES, help="one of the features")
    options.add_argument("--at", type=int, help="in this process, and print the peak")
    chosen = options.parse_args()
    if chosen.at is not None:
        FEATURES[chosen.only][0](chosen.at)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3))
        return
    print("| | n | peak of the process |\n|---|---|---|")
    for name, (_, words, numbers) in FEATURES.items():
        for n in numbers[: 1 if chosen.quick else None] if chosen.only in (None, name) else ():
            command = [sys.executable, __file__, "--only", name, "--at", str(n)]
            peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            print(f"| {words} | {n or ''} | {peak:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
