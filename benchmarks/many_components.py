"""Mixtures of many components in the plane: time, memory and certificates.

The published package takes 2.5 s for 1000 components and 10 000 points on the machine where these figures were first
printed (one grid for each component, its only choice that scales).

    python benchmarks/many_components.py
"""

import resource
from time import perf_counter

import numpy as np

from diracs import GaussianMixture, discretize, generate_scheme, quantize


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


if __name__ == "__main__":
    main()
