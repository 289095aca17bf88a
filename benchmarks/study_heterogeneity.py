"""Certificates as the covariances of a mixture stop commuting, against the choice of groups.

Six components share their principal axes at t = 0; at t = 1 each has axes of its own, turned by a random rotation Q_k
(Haar measure): the axes are exp(t log Q_k). Variances along the axes fall geometrically from 1 to 0.01 (0.03 with
five axes, 0.1 with ten), times a factor between 1/2 and 2 for each component. Coordinates of means have deviation 0.3,
close together, or 1, apart. Every figure is a geometric mean over three such mixtures, for the same number of points.

    python benchmarks/study_heterogeneity.py [--quick] [--plot heterogeneity.png]
"""

import argparse
import itertools
from time import process_time

import numpy as np
from scipy.linalg import expm, logm
from scipy.stats import special_ortho_group

from diracs import GaussianMixture, discretize, generate_scheme, quantize
from diracs.schemes.generate import build, group, normalized, plan
from diracs.schemes.scaling import rescale

COMPONENTS = 6
CASES = ((2, 60), (5, 200), (10, 1000))  # dimension, points
LEAST = {2: 0.01, 5: 0.03, 10: 0.1}  # variance, by dimension; the largest is 1
MEANS = {"close": 0.3, "apart": 1.0}  # deviation of their coordinates
TURNS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
CHOICES = ("one grid", "modes", "components", "grid", "auto")


def mixture(seed, d, spread, t):
    """The mixture at t: the same means, spectra and rotations for every t."""
    rng = np.random.default_rng([seed, d])
    means = spread * rng.standard_normal((COMPONENTS, d))
    factors = 2.0 ** rng.uniform(-1.0, 1.0, COMPONENTS)
    variances = np.geomspace(1.0, LEAST[d], d)
    logs = [np.real(logm(special_ortho_group.rvs(d, random_state=rng))) for _ in range(COMPONENTS)]
    frames = np.stack([expm(0.5 * t * (a - a.T)) for a in logs])
    covs = factors[:, None, None] * (frames * variances) @ np.swapaxes(frames, 1, 2)
    return GaussianMixture(means, 0.5 * (covs + np.swapaxes(covs, 1, 2)), rng.dirichlet(np.full(COMPONENTS, 3.0)))


def commutators(covs):
    """The root mean square of |ΣₖΣⱼ − ΣⱼΣₖ| over √2 |Σₖ||Σⱼ|, between 0 and 1, in Frobenius norms."""
    found = []
    for a, b in itertools.combinations(covs, 2):
        found.append(np.linalg.norm(a @ b - b @ a) / np.sqrt(2.0) / np.linalg.norm(a) / np.linalg.norm(b))
    return float(np.sqrt(np.mean(np.square(found))))


def one_grid(law, n):
    """One grid in the principal axes of the whole mixture."""
    numbers, unit = normalized(law)
    groups = group(numbers, np.zeros(COMPONENTS, dtype=int))
    return discretize(law, rescale(build(numbers, plan(groups, n, "grid")), unit))


def quantizations(law, n):
    """One for each of CHOICES."""
    return {
        "one grid": one_grid(law, n),
        "modes": discretize(law, generate_scheme(law, n)),
        "components": discretize(law, generate_scheme(law, n, per_mode=False)),
        "grid": quantize(law, n, scheme="grid"),
        "auto": quantize(law, n),
    }


def measure(d, n, spread, t, seeds):
    """Geometric means of w2 by choice, of w2_lower and the commutators; mean numbers of modes and of the grids'
    groups."""
    bounds, others = [], []
    for seed in seeds:
        law = mixture(seed, d, spread, t)
        found = quantizations(law, n)
        bounds.append([float(found[name].w2) for name in CHOICES] + [float(found["auto"].w2_lower)])
        others.append([commutators(law.covs), found["modes"].scheme.stack, found["grid"].scheme.stack])
    return np.exp(np.log(bounds).mean(axis=0)), np.mean(others, axis=0)


def table(d, n, name, turns, seeds):
    """Prints and returns w2, (turns, choices and the lower bound)."""
    print(f"\n{d} axes, {COMPONENTS} components, means {name}, {n} points: W₂ at most")
    head = " ".join(f"{choice:>10}" for choice in CHOICES)
    print(f"{'t':>5} {'commutator':>10} {head} {'lower':>8} {'modes':>6} {'groups of grid':>15} {'time':>8}")
    out = []
    for t in turns:
        start = process_time()
        bounds, (commutator, modes, groups) = measure(d, n, MEANS[name], t, seeds)
        elapsed = (process_time() - start) / len(seeds)
        cells = " ".join(f"{w:10.4f}" for w in bounds[:-1])
        print(
            f"{t:5.2f} {commutator:10.3f} {cells} {bounds[-1]:8.4f} {modes:6.1f} {groups:15.1f} {elapsed:6.2f} s",
            flush=True,
        )
        out.append(bounds)
    return np.array(out)


def plot(path, results, turns, cases):
    from study_plots import BLUE, GOLD, GREEN, GREY, INK, RED, figure, save, title

    fig, axes = figure(len(MEANS), len(cases), (10.0, 5.6), sharex=True)
    styles = dict(zip(CHOICES, ((GREY, "s"), (GOLD, "^"), (GREEN, "v"), (BLUE, "o"), (RED, "o"))))
    names = {
        "grid": "best grouping, grids",
        "auto": "auto (plane: optimal)",
        "components": "one grid per component",
    }
    names |= {"modes": "one grid per mode", "one grid": "one grid"}
    for row, name in zip(axes, MEANS):
        for ax, (d, n) in zip(row, cases):
            bounds = results[d, name]
            for i, choice in enumerate(CHOICES):
                color, marker = styles[choice]
                # Wider underneath: where grids are best, auto hides them.
                size = {"ms": 8, "lw": 3.2, "alpha": 0.6} if choice == "grid" else {"ms": 4, "lw": 1.4}
                ax.plot(turns, bounds[:, i], color=color, marker=marker, label=names[choice], **size)
            ax.plot(turns, bounds[:, -1], color=INK, ls=":", lw=1.4, label="lower bound")
            ax.set_ylim(0.85 * bounds[:, -1].min(), None)
            title(ax, f"{d} axes, {n} points, means {name}")
    for ax in axes[-1]:
        ax.set_xlabel("t: 0 common axes, 1 random axes", color=INK)
    for ax in axes[:, 0]:
        ax.set_ylabel("W₂ at most", color=INK)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize="small")
    save(fig, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="no turn and the full turn only, one mixture each, no ten axes"
    )
    parser.add_argument("--plot", metavar="PATH", help="draw a picture (needs matplotlib)")
    options = parser.parse_args()
    turns = (0.0, 1.0) if options.quick else TURNS
    cases = CASES[:2] if options.quick else CASES
    seeds = range(1) if options.quick else range(3)
    results = {(d, name): table(d, n, name, turns, seeds) for name in MEANS for d, n in cases}
    if options.plot:
        plot(options.plot, results, turns, cases)


if __name__ == "__main__":
    main()
