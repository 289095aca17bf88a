"""Optimal quantizers in the plane: beside the published grids, Zador's asymptotic value, and the clock.

Zador's value √(5/(18√3)·(∫√f)²/n) is where the best n points go as n grows (Zador 1982); few points may be below it.
The inputs are the planar ones of tests/data/grid_certificates.json that have a density, beside the better of the two
grids published for each, the mixture of the README, one whose covariances do not commute, a Gaussian, and images. Times
are wall time and processor time of `quantize`, and the processor time of `w2_lower`.

    python benchmarks/optimal_plane.py
"""

import json
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from diracs import Gaussian, GaussianMixture, PolynomialGrid, quantize
from diracs.laws.gaussian import full_covariances

REFERENCE = Path(__file__).parent.parent / "tests" / "data" / "grid_certificates.json"
MEANS, WEIGHTS = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [0.3, 0.4, 0.3]
FULL = [[[1.0, 0.3], [0.3, 0.5]], [[0.7, -0.4], [-0.4, 1.2]], [[0.4, 0.1], [0.1, 0.9]]]
MIXTURES = {
    "three Gaussians": GaussianMixture(MEANS, [1.0, 1.0, 1.0], WEIGHTS),
    "three full ones": GaussianMixture(MEANS, FULL, WEIGHTS),
    "one Gaussian": Gaussian([0.0, 0.0], 1.0).as_mixture(),
}


def zador(law, n, steps=1200):
    """Of a mixture by the trapezoidal rule, exact for such integrands; of an image by its pixels."""
    if isinstance(law, PolynomialGrid):
        root = np.sqrt(law.values).sum() * law.pixel_volume
    else:
        covs = full_covariances(law.means, law.covs)
        deviations = np.sqrt(np.diagonal(covs, axis1=1, axis2=2))
        low, high = (law.means - 13 * deviations).min(axis=0), (law.means + 13 * deviations).max(axis=0)
        x, y = (np.linspace(a, b, steps) for a, b in zip(low, high))
        density = np.zeros((steps, steps))
        for mean, cov, weight in zip(law.means, covs, law.weights):
            p = np.linalg.inv(cov)
            u, v = x[:, None] - mean[0], y[None, :] - mean[1]
            square = p[0, 0] * u**2 + 2 * p[0, 1] * u * v + p[1, 1] * v**2
            density += weight * np.exp(-0.5 * square) / (2 * np.pi * np.sqrt(np.linalg.det(cov)))
        root = np.sqrt(density).sum() * (x[1] - x[0]) * (y[1] - y[0])
    return np.sqrt(5.0 / (18.0 * np.sqrt(3.0)) * root**2 / n)


def published():
    """Law and least published certificate of each planar input with a density: (case, n) → (law, w2)."""
    found = {}
    for case in json.loads(REFERENCE.read_text()):
        if "cov" in case:
            law = Gaussian(np.zeros(len(case["cov"])), np.array(case["cov"], dtype=float)).as_mixture()
        else:
            law = GaussianMixture(case["means"], case["covs"], case["weights"])
        smooth = law.ndim == 2 and np.linalg.det(full_covariances(law.means, law.covs)).min() > 0
        if smooth and case.get("w2"):
            key = case["case"], case["n"]
            best = min(case["w2"], found[key][1]) if key in found else case["w2"]
            found[key] = law, best
    return found


def images():
    rng = np.random.default_rng(0)
    index = np.indices((256, 256))
    two = [
        ((index - np.array(c)[:, None, None]) ** 2).sum(axis=0) < r**2 for c, r in (((60, 60), 40), ((190, 160), 50))
    ]
    x, y = (np.indices((64, 64)) + 0.5) / 64
    peak = np.exp(-50.0 * ((x - 0.3) ** 2 + (y - 0.4) ** 2))
    yield "uniform", np.ones((64, 64))
    yield "peak and patches", 0.05 + peak + 0.6 * (np.sin(9.0 * x) * np.cos(7.0 * y) > 0.2)
    yield "two discs", two[0] + 3.0 * two[1]
    yield "noise, 8th power", rng.random((64, 64)) ** 8


def report(name, law, n, best=None):
    start, begin = perf_counter(), process_time()
    q = quantize(law, n)
    elapsed, quantizing = perf_counter() - start, process_time() - begin
    lower = q.w2_lower
    bounding = process_time() - begin - quantizing
    ratio = np.nan if best is None else q.w2 / best
    shown = f"{best:10.5f} {ratio:7.4f}" if best else f"{'—':>10} {'—':>7}"
    against = f"{q.w2 / zador(law, n):8.4f} {q.w2 / lower:8.4f}"
    print(
        f"{name:18} {n:6} {q.w2:10.6f} {against} {shown} {elapsed:8.3f} {quantizing:8.3f} {bounding:8.3f}", flush=True
    )
    return ratio


def main():
    times = f"{'wall, s':>8} {'cpu, s':>8} {'w2_lower':>8}"
    print(f"{'law':18} {'n':>6} {'w2':>10} {'/Zador':>8} {'/lower':>8} {'published':>10} {'ratio':>7} {times}")
    ratios = [report(name, law, n, best) for (name, n), (law, best) in published().items()]
    print(f"geometric mean of diracs/published {np.exp(np.log(ratios).mean()):.3f}, largest {max(ratios):.3f}\n")
    for name, law in MIXTURES.items():
        for n in (10, 100, 1000, 10_000):
            report(name, law, n)
    for name, values in images():
        for n in (10, 100, 1000, 10_000):
            report(name, PolynomialGrid(values), n)


if __name__ == "__main__":
    main()
