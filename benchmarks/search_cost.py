"""What `quantize(law, w2=…)` costs beside `quantize(law, n)` for the n that it finds: ratios of CPU time, in one run.

Each is done by a process of its own: what one has tabulated does not serve the other.

    python benchmarks/search_cost.py
"""

from multiprocessing import get_context
from time import process_time

import numpy as np

from diracs import Gaussian, GaussianMixture, PolynomialGrid, quantize


def mixture(ndim, k, seed=0):
    rng = np.random.default_rng(seed)
    roots = 0.5 * rng.standard_normal((k, ndim, ndim))
    covs = roots @ np.swapaxes(roots, 1, 2) + 0.02 * np.eye(ndim)
    return GaussianMixture(1.5 * rng.standard_normal((k, ndim)), covs, rng.dirichlet(np.full(k, 3.0)))


CASES = {
    "README's mixture": (GaussianMixture([[0, 0], [1, 1], [2, 0]], [1, 1, 1], [0.3, 0.4, 0.3]), 0.05),
    "ten in a row": (GaussianMixture(np.c_[np.arange(10.0), np.zeros(10)], np.full(10, 0.2)), 0.1),
    "line": (GaussianMixture([[0.0], [3.0], [4.0]], [1.0, 0.1, 2.0]), 1e-3),
    "image": (PolynomialGrid(np.random.default_rng(1).random((32, 32))), 0.02),
    "five dimensions": (mixture(5, 5), 1.0),
    "ten dimensions": (Gaussian(np.zeros(10), np.geomspace(1.0, 1e-3, 10)), 0.5),
}


def measured(name, n):
    """Points and seconds of `quantize` for so many points, or for the error if n is None."""
    law, w2 = CASES[name]
    quantize(law, 3)  # what is imported when it is needed
    start = process_time()
    q = quantize(law, n) if n else quantize(law, w2=w2)
    return len(q), process_time() - start


def main():
    print(f"{'law':18} {'w2':>6} {'points':>7} {'search':>9} {'quantize(n)':>12} {'ratio':>6}")
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, (_, w2) in CASES.items():
            n, search = pool.apply(measured, (name, None))
            _, once = pool.apply(measured, (name, n))
            print(f"{name:18} {w2:6.3g} {n:7} {search:7.2f} s {once:10.2f} s {search / once:6.2f}", flush=True)


if __name__ == "__main__":
    main()
