"""Mixtures of many components in the plane: time, memory and certificates, and transport to them.

The published package takes 2.5 s for 1000 components and 10 000 points on the machine where these figures were first
printed (one grid for each component, its only choice that scales).

    python benchmarks/many_components.py
"""

import resource
from time import perf_counter, process_time

import numpy as np

from diracs import (
    GaussianMixture,
    SumOfDiracs,
    SumOfGaussians,
    discretize,
    generate_scheme,
    optimal_transport_plan,
    quantize,
)


def mixture(k):
    rng = np.random.default_rng(0)
    roots = 0.2 * rng.standard_normal((k, 2, 2))
    covs = roots @ np.swapaxes(roots, 1, 2) + 1e-3 * np.eye(2)
    return GaussianMixture(rng.uniform(-2.0, 2.0, (k, 2)), covs, rng.dirichlet(np.ones(k)))


def row(name, k, n, make):
    start = perf_counter()
    q = make()
    elapsed = perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name:14} {k:7} {n:8} {len(q):8} {q.w2:9.5f} {elapsed:7.2f} s {memory:6.2f} GB", flush=True)


def estimate(k):
    """A kernel density estimate: k components of one covariance."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.standard_normal((k // 2, 2)), 0.3 * rng.standard_normal((k - k // 2, 2)) + 2.0])
    cov = np.cov(points.T) * k ** (-1 / 3)
    return GaussianMixture(points, np.broadcast_to(cov, (k, 2, 2)), np.full(k, 1.0 / k))


def transport(name, law, n):
    """To n seeds of equal masses, drawn from the mixture itself."""
    rng = np.random.default_rng(1)
    component = rng.choice(len(law.weights), n, p=law.weights)
    factors = np.linalg.cholesky(law.covs)[component]
    seeds = law.means[component] + np.einsum("nij,nj->ni", factors, rng.standard_normal((n, 2)))
    start, used = perf_counter(), process_time()
    plan = optimal_transport_plan(
        SumOfDiracs(seeds, np.full(n, 1.0 / n)), SumOfGaussians(law.means, law.covs, law.weights)
    )
    elapsed, used = perf_counter() - start, process_time() - used
    work = f"{plan.iterations} steps, {elapsed:.2f} s, processors {used:.2f} s"
    print(f"{name:14} {len(law.weights):7} {n:8} {work}", flush=True)


def main():
    quantize(mixture(10), 50)
    print(f"{'grouping':14} {'k':>7} {'n':>8} {'points':>8} {'w2':>9} {'time':>9} {'peak':>9}")
    for k, n in ((10, 100), (100, 1000), (1000, 10_000)):
        law = mixture(k)
        row("per component", k, n, lambda: discretize(law, generate_scheme(law, n, per_mode=False)))  # noqa: B023
        row("auto", k, n, lambda: quantize(law, n))  # noqa: B023
    for k, n in ((10_000, 100_000), (100_000, 1_000_000)):
        law = mixture(k)
        row("per component", k, n, lambda: discretize(law, generate_scheme(law, n, per_mode=False)))  # noqa: B023

    transport("transport", mixture(1000), 20_000)
    transport("one covariance", estimate(10_000), 20_000)


if __name__ == "__main__":
    main()
