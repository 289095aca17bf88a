"""Two mixtures as finitely many points: three Gaussians in the plane, and one fitted to measurements of 178 wines.

Run it with `make demo` or `python examples/demo.py --output demo`: it prints certificates and draws three pictures.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_wine
from sklearn.mixture import GaussianMixture as FittedMixture
from sklearn.preprocessing import StandardScaler

import diracs


def three_gaussians() -> diracs.GaussianMixture:
    """Three overlapping round bumps."""
    return diracs.GaussianMixture(
        means=[[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], covs=[1.0, 1.0, 1.0], weights=[0.3, 0.4, 0.3]
    )


def wines() -> FittedMixture:
    """scikit-learn's mixture for 13 standardized measurements of 178 wines from three growers; used as it is."""
    measurements = StandardScaler().fit_transform(load_wine().data)
    return FittedMixture(n_components=3, covariance_type="full", reg_covar=1e-2, random_state=0).fit(measurements)


def describe(name: str, law: object, n: int) -> diracs.Quantization:
    """Quantize, print one row of the table, and give the quantization back."""
    start = time.perf_counter()
    q = diracs.quantize(law, n=n)
    seconds = time.perf_counter() - start
    relation = "=" if q.exact else "≤"
    ratio = float(q.w2 / q.w2_lower)
    print(f"{name:<16} {len(q):>6} {relation:>3} {q.w2:.4f} {q.w2_lower:>12.4f} {ratio:>10.2f} {seconds:>9.2f} s")
    return q


def draw(q: diracs.Quantization, path: Path) -> None:
    """One quantization in one file."""
    q.plot().figure.savefig(path, dpi=160)


def draw_certificates(quantizations: list[diracs.Quantization], path: Path) -> None:
    """W₂ against the number of points, above the bound that no set of as many points can beat."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    ax = figure.subplots()
    n = [len(q) for q in quantizations]
    upper = np.array([q.w2 for q in quantizations])
    lower = np.array([q.w2_lower for q in quantizations])
    ax.fill_between(n, lower, upper, color="#2f6690", alpha=0.12, linewidth=0, label="where the best points lie")
    ax.loglog(n, upper, "o-", color="#d1495b", label="certificate of these points")
    ax.loglog(n, lower, "--", color="#1b2a41", label="no points can beat this")
    ax.set_xlabel("number of points")
    ax.set_ylabel("W₂")
    ax.set_title("Three Gaussians: error against number of points", loc="left", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(path, dpi=160)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder for the pictures")
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    print(f"{'law':<16} {'points':>6} {'W₂':>10} {'no better than':>14} {'ratio':>8} {'time':>9}")
    plane = three_gaussians()
    several = [describe("three Gaussians", plane, n) for n in (3, 10, 30, 100, 300, 1000)]
    bottles = describe("wines, 13 axes", wines(), 1000)

    draw(several[3], folder / "three_gaussians.png")
    draw(bottles, folder / "wines.png")
    draw_certificates(several, folder / "certificates.png")
    print(f"pictures: {', '.join(sorted(str(p) for p in folder.glob('*.png')))}")


if __name__ == "__main__":
    main()
