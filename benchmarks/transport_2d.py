"""Semi-discrete optimal transport in the plane: diracs and sdot side by side, same inputs, same tolerance.

Both solve until no cell's mass is wrong by more than 1e-8. Times are wall-clock from arrays to cost, the shortest of a
few repetitions, both programs with as many threads as they choose; a mark * says that the masses were not reached.

sdot runs in an environment of its own, see sdot_environment.py; without it the column of diracs is printed alone.

    python benchmarks/transport_2d.py [--quick] [--native] [--without-sdot] [--python PYTHON]
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

import numpy as np
from sdot_environment import Unavailable, add_options, comparison, environment, solve_with_sdot

from diracs import PolynomialGrid, SumOfDiracs, optimal_transport_plan

TOLERANCE = 1e-8
SECONDS, REPEATS = 10.0, 5  # repeat until so much time is spent, at most so often
TIMING = {"tol": TOLERANCE, "seconds": SECONDS, "repeats": REPEATS}


def two_peaks(n=64):
    """Two round bumps in an image of n² pixels, from 1 down to e⁻⁸¹ of the peak."""
    x, y = np.meshgrid(np.linspace(0.0, 1.0, n), np.linspace(0.0, 1.0, n), indexing="ij")
    return np.exp(-50.0 * ((x - 0.3) ** 2 + (y - 0.3) ** 2)) + np.exp(-50.0 * ((x - 0.7) ** 2 + (y - 0.7) ** 2))


def two_discs(n=128):
    """Two discs of ones in an image of n² zeros."""
    centres = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(centres, centres, indexing="ij")
    return ((np.hypot(x - 0.25, y - 0.25) < 0.15) | (np.hypot(x - 0.75, y - 0.75) < 0.15)).astype(float)


def inputs(quick):
    """Name, number of seeds, values of the pixels."""
    square = np.ones((1, 1))
    everything = [
        ("two peaks, 64×64", 200, two_peaks()),
        ("two peaks, 64×64", 10_000, two_peaks()),
        ("two peaks, 64×64", 100_000, two_peaks()),
        ("unit square", 10_000, square),
        ("unit square", 100_000, square),
        ("two discs, 128×128", 1000, two_discs()),
    ]
    return [row for row in everything if not quick or row[1] <= 10_000]


def solve_with_diracs(positions, values):
    """Seconds, Newton steps, cost, largest error of a cell's mass."""
    n = len(positions)
    small = np.random.default_rng(1).random((20, 2))
    optimal_transport_plan(SumOfDiracs(small), PolynomialGrid(values), tol=TOLERANCE * len(small))
    times = []
    while not times or (sum(times) < SECONDS and len(times) < REPEATS):
        begin = time.perf_counter()
        # The tolerance is relative to the smallest mass, 1/n.
        plan = optimal_transport_plan(SumOfDiracs(positions), PolynomialGrid(values), tol=TOLERANCE * n)
        cost = float(plan.distance)
        times.append(time.perf_counter() - begin)
    error = float(np.abs(plan.cell_masses - 1.0 / n).max())
    return {"seconds": min(times), "steps": plan.iterations, "cost": cost, "error": error}


def timing(result):
    """Time and steps in one column, with a mark where the masses are not right."""
    return f"{result['seconds']:9.3f} s {result['steps']:4d}{'*' if result['error'] > TOLERANCE else ' '}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 10 000 seeds")
    add_options(parser)
    options = parser.parse_args()

    python = environment(options)
    warnings.simplefilter("ignore")  # what has not converged is marked in the table

    print(f"{os.cpu_count()} cores; largest error of a cell's mass {TOLERANCE:g}")
    print(f"{'input':<20} {'seeds':>7} {'sdot, steps':>17} {'diracs, steps':>17} {'ratio':>7} {'cost, relative':>16}")
    notes = set()
    for name, n, values in inputs(options.quick):
        positions = np.random.default_rng(0).random((n, 2))
        theirs = None
        if python is not None:
            try:
                theirs = solve_with_sdot(python, TIMING | {"positions": positions, "values": values}, options.native)
                notes.add(comparison(theirs, options))
            except Unavailable as reason:
                notes.add(str(reason))
        ours = solve_with_diracs(positions, values)
        row = f"{name:<20} {n:7} {timing(theirs) if theirs else '-':>17} {timing(ours):>17}"
        if theirs:
            difference = ours["cost"] / theirs["cost"] - 1.0
            row += f" {theirs['seconds'] / ours['seconds']:6.1f}× {difference:16.1e}"
        print(row, flush=True)
    print("\n".join(sorted(notes)))


if __name__ == "__main__":
    main()
