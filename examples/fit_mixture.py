"""Two ways to fit a Gaussian mixture to measurements of 178 wines: by likelihood, and in the Wasserstein distance.

Run it with `python examples/fit_mixture.py --output fit_mixture.png`. Both methods get the same points, alone and with
outliers among them. On the wines they agree. Outliers move both, but in different ways: they cost the likelihood the
square of their distance in a component's deviations, which widens components; they cost W₂ the square of the way there,
whatever the width, so that a component is sent to them as soon as that is shorter. Neither is robust: to keep the other
components, allow for one more (`--components 4`).
"""

from __future__ import annotations

import argparse
from itertools import permutations
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture as Likelihood
from sklearn.preprocessing import StandardScaler

import diracs
from diracs.show.transport import plot_fit

INK = "#1b2a41"
METHODS = ("likelihood", "W₂")


def wines() -> np.ndarray:
    """The 13 standardized measurements on their two leading principal axes, (178, 2)."""
    return PCA(2).fit_transform(StandardScaler().fit_transform(load_wine().data))


def with_outliers(points: np.ndarray, number: int, seed: int = 1) -> np.ndarray:
    """The points, and some that are uniform in a box of twice the size."""
    rng = np.random.default_rng(seed)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    return np.concatenate([points, middle + 2.0 * half * rng.uniform(-1.0, 1.0, (number, 2))])


def fitted(method: str, points: np.ndarray, k: int) -> diracs.GaussianMixture:
    """A mixture of k components."""
    if method == "W₂":
        return diracs.fit_mixture(points, k).mixture
    model = Likelihood(k, n_init=5, random_state=0).fit(points)
    return diracs.GaussianMixture(model.means_, model.covariances_, model.weights_)


def mean_log_likelihood(mixture: diracs.GaussianMixture, points: np.ndarray) -> float:
    """Mean over the points of the logarithm of the density."""
    logs = []
    for mean, cov, weight in zip(mixture.means, mixture.covs, mixture.weights, strict=True):
        z = np.linalg.solve(np.linalg.cholesky(cov), (points - mean).T)
        logs.append(np.log(weight / (2.0 * np.pi)) - 0.5 * np.linalg.slogdet(cov)[1] - 0.5 * (z**2).sum(axis=0))
    return float(np.logaddexp.reduce(logs, axis=0).mean())


def moved(mixture: diracs.GaussianMixture, other: diracs.GaussianMixture) -> float:
    """Root mean square distance of the means of two mixtures, in the order that makes it least."""
    k = mixture.n_components
    square = ((mixture.means[:, None] - other.means) ** 2).sum(axis=2)
    return float(np.sqrt(min(square[range(k), order].mean() for order in map(list, permutations(range(k))))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outliers", type=int, default=9, help="number of outliers in the lower panels")
    parser.add_argument("--components", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("demo/fit_mixture.png"), help="the picture")
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)

    clean = wines()
    dirty = with_outliers(clean, options.outliers)
    middle, reach = 0.5 * (dirty.min(axis=0) + dirty.max(axis=0)), 0.55 * np.ptp(dirty, axis=0).max()
    limits = np.stack([middle - reach, middle + reach], axis=1)
    figure = Figure(figsize=(9.4, 9.6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    print(f"{'points':<14}{'fitted by':<12}{'W₂':>8}{'W₂ of the wines':>18}{'log-likelihood':>16}{'means moved':>13}")
    first: dict[str, diracs.GaussianMixture] = {}
    for row, (name, points) in zip(axes, {"wines": clean, "with outliers": dirty}.items(), strict=True):
        for ax, method in zip(row, METHODS, strict=True):
            mixture = fitted(method, points, options.components)
            first.setdefault(method, mixture)
            here, wine = (float(diracs.distance(diracs.SumOfDiracs(y), mixture)) ** 0.5 for y in (points, clean))
            likelihood = mean_log_likelihood(mixture, points)
            shift = moved(mixture, first[method])
            print(f"{name:<14}{method:<12}{here:8.4f}{wine:18.4f}{likelihood:16.4f}{shift:13.4f}")
            plot_fit(mixture, diracs.SumOfDiracs(points), ax, legend=ax is axes[1, 0])
            title = f"{name}, fitted by {method}\nW₂ = {here:.3f},  mean log-likelihood = {likelihood:.2f}"
            ax.set_title(title, loc="left", fontsize="medium", color=INK)
            ax.set(xlim=limits[0], ylim=limits[1], xlabel="first principal axis", ylabel="second principal axis")
    figure.savefig(options.output, dpi=130)
    print(f"picture: {options.output}")


if __name__ == "__main__":
    main()
