"""One transport problem solved by sdot; run with the Python of sdot's own environment (sdot_environment.py).

    python sdot_solver.py problem.npz

The file holds positions (n, d), values (axis 0 the first coordinate; one pixel for the uniform density) or means
(k, d), sigmas and weights (k,) of an isotropic mixture, which sdot cuts off at six sigmas, and scalars tol (largest
error of a cell's mass), seconds (repeat until so much time is spent) and repeats (at most so often). The last line
printed is a JSON object: the shortest time, Newton steps, cost W₂², largest error of a cell's mass.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import sdot


def density_of(problem):
    """The image on the unit square, or the mixture."""
    if "means" in problem:
        return sdot.SumOfGaussians(problem["means"], problem["sigmas"], problem["weights"])
    values = problem["values"]
    plane = values.ndim == 2
    return sdot.Box() if values.size == 1 and plane else sdot.Image(values=values, frame=[1.0] * values.ndim)


def solve(positions, problem, tol):
    """The plan from the Diracs to the density, and the seconds from arrays to cost."""
    begin = time.perf_counter()
    density = density_of(problem)
    # A plan that falls short is reported as such, instead of ending this script.
    plan = sdot.ot_solve(sdot.SumOfDiracs(positions), density, tol=tol, max_iter=1000, on_failure="ignore")
    cost = float(plan.cost)
    return plan, cost, time.perf_counter() - begin


def main():
    with np.load(sys.argv[1]) as file:
        problem = dict(file)
        positions = problem["positions"]
        tol, budget, repeats = float(problem["tol"]), float(problem["seconds"]), int(problem["repeats"])
    # Kernels are loaded, or compiled, at the first and some at the second call: tiny problems with the same density.
    for seed in range(2):
        solve(np.random.default_rng(seed).random((20, positions.shape[1])), problem, tol)
    times = []
    while not times or (sum(times) < budget and len(times) < repeats):
        plan, cost, seconds = solve(positions, problem, tol)
        times.append(seconds)
    masses = np.asarray(plan.cell_masses)
    result = {
        "seconds": min(times),
        "steps": int(plan.stats["nb_iter"]),
        "cost": cost,
        "error": float(np.abs(masses - 1.0 / len(positions)).max()),
        # No iterations of a linear solver: every system was factorized, so sdot was built with Eigen.
        "direct": plan.stats["lin_nb_iter"] == 0,
        "version": version("sdot"),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
