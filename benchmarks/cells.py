"""Laws that are cut into cells: certificates beside the cost of nearest points, by sampling, and seconds.

python benchmarks/cells.py
"""

import time

import numpy as np
import scipy.stats as st
from scipy.spatial import cKDTree

from diracs import Independent, PolynomialGrid, quantize

SAMPLES = 2_000_000


def main():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(3, 3))
    student = st.multivariate_t([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]], df=6)
    values = rng.random((8, 8, 8, 8))
    points = np.concatenate([rng.normal(size=(2, 3000)), 2.0 + 0.4 * rng.normal(size=(2, 2000))], axis=1)
    kernels = st.gaussian_kde(points)

    def draw_independent(count):
        z = [rng.gamma(2.0, size=count), rng.laplace(size=count), rng.random(count)]
        return np.stack(z, axis=1) @ matrix.T

    def draw_bins(count):
        cell = rng.choice(values.size, count, p=(values / values.sum()).ravel())
        return (np.stack(np.unravel_index(cell, values.shape), axis=1) + rng.random((count, 4))) / 8.0

    cases = [
        ("gamma, Laplace, uniform, mixed", Independent([st.gamma(2), st.laplace(), st.uniform()], matrix), 300),
        ("Student's t, 6 degrees, plane", student, 200),
        ("bins in four dimensions", PolynomialGrid(values), 500),
        ("5000 kernels in the plane", kernels, 500),
    ]
    draws = [
        draw_independent,
        lambda k: student.rvs(k, random_state=rng),
        draw_bins,
        lambda k: kernels.resample(k, rng).T,
    ]
    print(f"{'law':>32} {'n':>5} {'w2':>9} {'nearest':>9} {'± error':>8} {'ratio':>7} {'lower':>8} {'seconds':>8}")
    for (name, law, n), draw in zip(cases, draws, strict=True):
        start = time.perf_counter()
        q = quantize(law, n)
        seconds = time.perf_counter() - start
        squares = cKDTree(q.positions).query(draw(SAMPLES), workers=-1)[0] ** 2
        nearest = squares.mean() ** 0.5
        error = squares.std() / SAMPLES**0.5 / 2.0 / nearest
        shown = f"{name:>32} {n:5} {q.w2:9.5f} {nearest:9.5f} {error:8.5f} {q.w2 / nearest:7.4f}"
        print(f"{shown} {q.w2_lower:8.4f} {seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
