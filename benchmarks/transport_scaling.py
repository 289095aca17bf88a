"""Power diagrams and transport as the number of seeds or of pixels grows.

Tables: the diagram of random seeds in the unit square with all moments; the whole transport to the uniform law, also in
units of such an evaluation, both from nothing (fresh) and with the triangulation for the same weights at hand (kept);
one linear system of its Newton steps on one and two threads, to the few digits that these ask for and by elimination;
the second of two plans, and the last of Lloyd's iterations, beside the first, in processor time; one evaluation of all
moments of 1000 cells of a 4096 × 4096 image, beside a visit of every pixel (four weighted counts, the cell of each
pixel being given).

    python benchmarks/transport_scaling.py [--quick]
"""

import argparse
import resource
import warnings
from dataclasses import replace
from time import perf_counter, process_time

import numpy as np
from scipy.spatial import cKDTree

from diracs import PolynomialGrid, SumOfDiracs, _core, lloyd, optimal_transport_plan, set_threads
from diracs.transport.density import ImageDensity
from diracs.transport.problem import Problem


def timed(function, repeats=3):
    times = []
    for _ in range(repeats):
        start = perf_counter()
        result = function()
        times.append(perf_counter() - start)
    return min(times), result


def problem(n, pixels):
    rng = np.random.default_rng(0)
    density = ImageDensity.of(pixels, np.ones(2))
    return Problem(np.ascontiguousarray(rng.random((n, 2)) - 0.5), np.full(n, 1.0 / n), density)


def diagrams(sizes):
    print(f"{'seeds':>8} {'moments':>10} {'per seed':>11} {'Σ masses − 1':>13} {'peak':>9}")
    for n in sizes:
        square = problem(n, np.ones((1, 1)))
        elapsed, moments = timed(lambda: replace(square).moments(np.zeros(n)))  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{n:8} {elapsed:8.3f} s {elapsed / n * 1e6:8.3f} µs {moments.mass.sum() - 1:13.1e} {peak:6.2f} GB")


def plans(sizes):
    print(f"\n{'':>32} {'evaluations of a diagram':>25}")
    evaluations = f"{'fresh':>12} {'kept':>12}"
    print(f"{'seeds':>8} {'time':>10} {'1 thread':>12} {evaluations} {'steps':>6} {'W2²':>13} {'duality gap':>12}")
    for n in sizes:
        rng = np.random.default_rng(0)
        diracs = SumOfDiracs(rng.random((n, 2)))
        square = problem(n, np.ones((1, 1)))
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            start = perf_counter()
            plan = optimal_transport_plan(diracs, PolynomialGrid([[1.0]]), tol=1e-3)
            elapsed = perf_counter() - start
        fresh, _ = timed(lambda: replace(square).moments(np.zeros(n)))  # noqa: B023
        with set_threads(1):
            start = perf_counter()
            optimal_transport_plan(diracs, PolynomialGrid([[1.0]]), tol=1e-3)
            alone = perf_counter() - start
        # Other weights each time: cells that have not changed are not evaluated again.
        some = iter(0.1 / n * rng.random((3, n)))
        square.moments(np.zeros(n))
        kept, _ = timed(lambda: square.moments(next(some)))  # noqa: B023
        gap = abs(plan.dual_value / plan.distance - 1)
        print(
            f"{n:8} {elapsed:8.2f} s {alone:10.2f} s {elapsed / fresh:12.1f} {elapsed / kept:12.1f} {plan.iterations:6}"
            f" {plan.distance:13.6e} {gap:12.1e}",
            flush=True,
        )


def systems(sizes):
    print(f"\n{'unknowns':>8} {'method':>10} {'1 thread':>10} {'2 threads':>10}")
    for n in sizes:
        square = problem(n, np.ones((1, 1)))
        moments = square.moments(np.zeros(n))
        rhs = square.target - moments.mass
        graph = (square.seeds, moments.i, moments.j, moments.coupling, rhs - rhs.mean())
        for method, accuracy in (("multigrid", 3e-3), ("direct", 1e-9)):
            one, two = (
                timed(lambda: _core.solve_laplacian(*graph, accuracy, method, threads=threads))[0]  # noqa: B023
                for threads in (1, 2)
            )
            print(f"{n:8} {method:>10} {one:8.3f} s {two:8.3f} s")


def second_plans(sizes):
    print(f"\n{'seeds':>8} {'first plan':>11} {'moved':>6} {'first of Lloyd':>15} {'eighth':>7}")
    square = PolynomialGrid([[1.0]])
    for n in sizes:
        rng = np.random.default_rng(0)
        seeds = rng.random((n, 2))
        start = process_time()
        plan = optimal_transport_plan(SumOfDiracs(seeds), square, tol=1e-3)
        first = process_time() - start
        # By a hundredth of the mean distance.
        moved = np.clip(seeds + 0.01 * n**-0.5 * rng.standard_normal((n, 2)), 0.0, 1.0)
        start = process_time()
        optimal_transport_plan(SumOfDiracs(moved), square, tol=1e-3, start=plan)
        second = process_time() - start
        times = [process_time()]
        lloyd(
            square,
            seeds,
            masses="equal",
            iterations=8,
            tol=0,
            callback=lambda *_: times.append(process_time()),  # noqa: B023
        )
        iterations = np.diff(times)
        print(
            f"{n:8} {first:9.3f} s {second / first:6.2f} {iterations[0]:13.3f} s {iterations[-1] / iterations[0]:7.2f}"
        )


def images(side, n):
    x = (np.arange(side) + 0.5) / side
    pixels = np.exp(-20.0 * ((x[:, None] - 0.4) ** 2 + (x - 0.6) ** 2))
    image = problem(n, pixels)
    elapsed, moments = timed(lambda: replace(image).moments(np.zeros(n)))
    middle = x - 0.5
    start = perf_counter()
    tree = cKDTree(image.seeds)
    cell = np.concatenate([tree.query(np.stack([np.full(side, u), middle], axis=1), workers=-1)[1] for u in middle])
    found = perf_counter() - start
    weights = [image.density.pixels.ravel() * (i + 1.0) for i in range(4)]
    counts, _ = timed(lambda: [np.bincount(cell, w, minlength=n) for w in weights], 1)
    total = moments.mass.sum() - 1
    print(f"\n{side} × {side} pixels, {n} seeds: all moments {elapsed * 1e3:.1f} ms, Σ masses − 1 = {total:.0e}")
    print(
        f"visiting every pixel: {found + counts:.2f} s ({(found + counts) / elapsed:.0f} times as long), of which sums"
    )
    print(f"into cells that are known {counts * 1e3:.0f} ms ({counts / elapsed:.1f} times)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="no more than 10⁵ seeds")
    most = 5 if parser.parse_args().quick else 6
    sizes = [10**k for k in range(3, most + 1)]
    diagrams(sizes)
    plans(sizes)
    systems(sizes[2:])
    second_plans(sizes[1:3])
    images(4096, 1000)


if __name__ == "__main__":
    main()
