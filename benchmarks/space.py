"""Merged points in three and more dimensions beside products: one Gaussian, and mixtures that do not commute.

Merged is scheme="optimal"; sampled is the cost of nearest points for the same positions, by 400 000 samples; ratio is
merged to products, excess what the certificate is above nearest points. Hasty is "auto", and
share the part of the processors' time that it took of optimal's.

    python benchmarks/space.py [--only gaussian|mixtures] [--dimension 10]
"""

import argparse
import time

import numpy as np
from scipy.spatial import cKDTree

from diracs import GaussianMixture, quantize

GAUSSIANS = ((3, 100), (3, 1000), (4, 1000), (5, 1000), (6, 1000))
MIXTURES = ((3, 5, 500), (4, 10, 500), (6, 10, 1000), (10, 10, 1000))


def gaussians():
    for d, n in GAUSSIANS:
        yield f"N(0, I), d = {d}", GaussianMixture(np.zeros((1, d)), np.ones(1)), n


def mixtures():
    """The last one from a generator of its own."""
    rng = np.random.default_rng(1)
    for d, k, n in MIXTURES:
        if d > 6:
            rng = np.random.default_rng(1)
        means = 1.5 * rng.normal(size=(k, d))
        a = 0.5 * rng.normal(size=(k, d, d))
        weights = rng.dirichlet(np.full(k, 3.0))
        yield (
            f"{k} components, d = {d}",
            GaussianMixture(means, a @ np.swapaxes(a, 1, 2) + 0.02 * np.eye(d), weights),
            n,
        )


def sampled(law, points, count=400_000):
    """Root mean square distance of samples to the nearest point."""
    rng = np.random.default_rng(0)
    which = rng.choice(law.n_components, count, p=law.weights)
    covs = law.covs if law.covs.ndim == 3 else law.covs[:, None, None] * np.eye(law.ndim)
    roots = np.linalg.cholesky(covs)
    x = law.means[which] + np.einsum("nij,nj->ni", roots[which], rng.normal(size=(count, law.ndim)))
    return np.sqrt((cKDTree(points).query(x)[0] ** 2).mean())


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=("gaussian", "mixtures"))
    options.add_argument("--dimension", type=int)
    given = options.parse_args()
    only = given.only
    print(
        f"{'law':>22} {'n':>5} {'products':>9} {'merged':>9} {'sampled':>9} {'lower':>8} {'ratio':>6} {'excess':>7} "
        f"{'wall':>7} {'cpu':>7} {'hasty':>9} {'share':>6}"
    )
    for kind, laws in (("gaussian", gaussians), ("mixtures", mixtures)):
        for name, law, n in laws() if only in (None, kind) else ():
            if given.dimension not in (None, law.ndim):
                continue
            product = quantize(law, n, scheme="product")
            start, busy = time.perf_counter(), time.process_time()
            q = quantize(law, n, scheme="optimal")
            wall, cpu = time.perf_counter() - start, time.process_time() - busy
            busy = time.process_time()
            hasty = quantize(law, n)
            share = (time.process_time() - busy) / cpu
            near = sampled(law, q.positions)
            row = f"{name:>22} {n:5} {product.w2:9.4f} {q.w2:9.4f} {near:9.4f} {q.w2_lower:8.4f}"
            row += f" {q.w2 / product.w2:6.4f} {q.w2 / near - 1:7.2%}"
            print(f"{row} {wall:6.1f}s {cpu:6.1f}s {hasty.w2:9.4f} {share:6.2f}", flush=True)


if __name__ == "__main__":
    main()
