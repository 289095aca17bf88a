"""Semi-discrete optimal transport in space: diracs and sdot side by side, same inputs, same tolerance.

Both solve until no cell's mass is wrong by more than 1e-8. Times are wall-clock from arrays to cost, the shortest of a
few repetitions, both programs with as many threads as they choose; a mark * says that the masses were not reached.
Mixtures are exact here and cut off at six deviations there. `--diagram` times one diagram with its moments instead,
`--transport` the whole transport to the unit cube.

sdot runs in an environment of its own, see sdot_environment.py; without it the column of diracs is printed alone.

    python benchmarks/transport_space.py [--quick] [--diagram N] [--transport N] [--native] [--without-sdot]
        [--python PYTHON]
"""

from __future__ import annotations

import argparse
import os
import resource
import time
import warnings

import numpy as np
from sdot_environment import Unavailable, add_options, comparison, environment, solve_with_sdot
from transport_2d import TIMING, TOLERANCE, timing

from diracs import GaussianMixture, PolynomialGrid, PowerDiagram, SumOfDiracs, optimal_transport_plan

SECONDS, REPEATS = TIMING["seconds"], TIMING["repeats"]


def two_peaks(n=32):
    """Two round bumps in an image of n³ voxels."""
    x = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * 3, indexing="ij"))
    near, far = (np.exp(-50.0 * ((x - c) ** 2).sum(axis=0)) for c in (0.3, 0.7))
    return near + far


def three_gaussians():
    """Means (3, 3), deviations and weights (3,) of an isotropic mixture."""
    means = np.array([[0.0, 0.0, 0.0], [2.0, 0.5, 0.0], [0.5, 2.0, 1.0]])
    return means, np.array([1.0, 0.5, 0.7]), np.array([0.5, 0.2, 0.3])


def inputs(quick):
    """Name, positions, and what the density is made of."""
    rng = np.random.default_rng(0)
    cube, peaks = {"values": np.ones((1, 1, 1))}, {"values": two_peaks()}
    means, sigmas, weights = three_gaussians()
    mixture = {"means": means, "sigmas": sigmas, "weights": weights}

    def of_mixture(n):
        k = rng.choice(3, n, p=weights)
        return means[k] + sigmas[k, None] * rng.normal(size=(n, 3))

    rows = [("two peaks, 32³", rng.random((n, 3)), peaks) for n in (1000, 10_000)]
    rows += [("three Gaussians", of_mixture(n), mixture) for n in (1000, 10_000)]
    rows += [("unit cube", rng.random((n, 3)), cube) for n in (1000, 50_000, 100_000)]
    return [row for row in rows if not quick or len(row[1]) <= 1000]


def density_of(problem):
    if "means" in problem:
        return GaussianMixture(problem["means"], problem["sigmas"] ** 2, problem["weights"])
    return PolynomialGrid(problem["values"])


def solve_with_diracs(positions, problem):
    """Seconds, Newton steps, cost, largest error of a cell's mass."""
    n = len(positions)
    times = []
    while not times or (sum(times) < SECONDS and len(times) < REPEATS):
        begin = time.perf_counter()
        # The tolerance is relative to the smallest mass, 1/n.
        plan = optimal_transport_plan(SumOfDiracs(positions), density_of(problem), tol=TOLERANCE * n)
        cost = float(plan.distance)
        times.append(time.perf_counter() - begin)
    error = float(np.abs(plan.cell_masses - 1.0 / n).max())
    return {"seconds": min(times), "steps": plan.iterations, "cost": cost, "error": error}


def time_diagram(n):
    """Voronoi cells of n random seeds in the cube: volumes, barycenters, facets."""
    positions = np.random.default_rng(0).random((n, 3))
    begin = time.perf_counter()
    masses = PowerDiagram(positions, domain=[[0.0, 0, 0], [1.0, 1, 1]]).masses
    seconds = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n} seeds: {seconds:.2f} s, {memory:.2f} GB in all, volumes add up to 1 {masses.sum() - 1.0:+.1e}")


def time_transport(n):
    """n random seeds and the unit cube, masses to 1e-8."""
    positions = np.random.default_rng(0).random((n, 3))
    begin, before = time.perf_counter(), time.process_time()
    plan = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(np.ones((1, 1, 1))), tol=TOLERANCE * n)
    seconds, processor = time.perf_counter() - begin, time.process_time() - before
    error, gap = np.abs(plan.cell_masses - 1.0 / n).max(), abs(plan.dual_value / plan.distance - 1.0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n} seeds: {seconds:.1f} s ({processor:.1f} s of processors), {plan.iterations} steps, {memory:.2f} GB")
    print(f"largest error of a cell's mass {error:.1e}, duality gap {gap:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 1000 seeds")
    parser.add_argument("--diagram", type=int, metavar="N", help="time one diagram of N seeds")
    parser.add_argument("--transport", type=int, metavar="N", help="time the transport of N seeds to the cube")
    add_options(parser)
    options = parser.parse_args()
    if options.diagram:
        return time_diagram(options.diagram)
    if options.transport:
        return time_transport(options.transport)

    python = environment(options)
    warnings.simplefilter("ignore")  # what has not converged is marked in the table
    print(f"{os.cpu_count()} cores; largest error of a cell's mass {TOLERANCE:g}")
    print(f"{'input':<20} {'seeds':>7} {'sdot, steps':>17} {'diracs, steps':>17} {'ratio':>7} {'cost, relative':>16}")
    notes = set()
    for name, positions, problem in inputs(options.quick):
        theirs = None
        if python is not None:
            try:
                theirs = solve_with_sdot(python, TIMING | {"positions": positions} | problem, options.native)
                notes.add(comparison(theirs, options))
            except Unavailable as reason:
                notes.add(str(reason))
        ours = solve_with_diracs(positions, problem)
        row = f"{name:<20} {len(positions):7} {timing(theirs) if theirs else '-':>17} {timing(ours):>17}"
        if theirs:
            difference = ours["cost"] / theirs["cost"] - 1.0
            row += f" {theirs['seconds'] / ours['seconds']:6.1f}× {difference:16.1e}"
        print(row, flush=True)
    print("\n".join(sorted(notes)))


if __name__ == "__main__":
    main()
