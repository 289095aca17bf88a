"""How W₂ falls as the number of points grows: mode-wise, component-wise, auto and optimal, against Zador's value.

For the best n points n^{1/d} W₂ → √(J_d (∫ f^{d/(d+2)})^{(d+2)/d}) (Zador 1982), with J₁ = 1/12 (intervals),
J₂ = 5/(18√3) (hexagons) and, in space, J₃ = 0.23563 of the body-centred cubic lattice, the best constant known.
Exponents are fitted to the last decade and a half of n. `auto` is the better of the columns "product" and "optimal".

    python benchmarks/study_rates.py [--quick] [--plot rates.png]
"""

import argparse
from time import process_time

import numpy as np

from diracs import GaussianMixture, discretize, generate_scheme, quantize
from diracs.schemes.generate import group, normalized
from diracs.schemes.grouping import modes

SECOND_MOMENT = {1: 1.0 / 12.0, 2: 5.0 / (18.0 * np.sqrt(3.0)), 3: 0.235629}  # of the best cells known, volume 1
CHOICES = ("modes", "components", "product", "optimal")


def line():
    """Three components, two of which overlap."""
    return GaussianMixture([[-2.0], [0.0], [0.8]], [0.25, 0.16, 0.5], [0.3, 0.3, 0.4])


def plane():
    """Five components with axes of their own: two pairs overlap."""
    return turned(5, 2, 3, [[-2.0, 0.0], [-1.5, 0.5], [1.0, 1.0], [1.4, 0.6], [0.5, -2.0]])


def space():
    """The same in space."""
    means = [[-2.0, 0.0, 0.0], [-1.5, 0.5, 0.3], [1.0, 1.0, 0.0], [1.4, 0.6, -0.3], [0.5, -2.0, 0.5]]
    return turned(5, 3, 4, means)


def turned(k, d, seed, means):
    rng = np.random.default_rng(seed)
    frames = np.linalg.qr(rng.standard_normal((k, d, d)))[0]
    covs = (frames * np.geomspace(0.5, 0.05, d)) @ np.swapaxes(frames, 1, 2)
    return GaussianMixture(means, 0.5 * (covs + np.swapaxes(covs, 1, 2)), [0.15, 0.25, 0.2, 0.25, 0.15])


LAWS = {"line": line(), "plane": plane(), "space": space()}


def zador(law, cells):
    """The limit of n^{1/d} W₂, with ∫ f^{d/(d+2)} summed over a grid of `cells` per axis."""
    d = law.ndim
    covs = law.covs if law.covs.ndim == 3 else law.covs[:, None, None] * np.eye(d)
    reach = 9.0 * np.sqrt(np.einsum("kii->ki", covs))
    low, high = (law.means - reach).min(axis=0), (law.means + reach).max(axis=0)
    axes = [np.linspace(a, b, cells) for a, b in zip(low, high)]
    f = 0.0
    for mean, cov, weight in zip(law.means, covs, law.weights):
        white = np.linalg.inv(np.linalg.cholesky(cov))
        square = 0.0
        for row in white:  # |L⁻¹(x − μ)|², a square for each row
            grids = np.meshgrid(*(w * (x - m) for w, x, m in zip(row, axes, mean)), indexing="ij", sparse=True)
            square = square + sum(grids) ** 2
        f = f + weight * np.exp(-0.5 * square) * np.prod(np.diagonal(white)) / (2.0 * np.pi) ** (d / 2)
    volume = np.prod((high - low) / (cells - 1))
    return float(np.sqrt(SECOND_MOMENT[d] * ((f ** (d / (d + 2.0))).sum() * volume) ** ((d + 2.0) / d)))


def quantization(law, n, choice):
    if choice in ("modes", "components"):
        return discretize(law, generate_scheme(law, n, per_mode=choice == "modes"))
    return quantize(law, n, scheme=choice)


def separate(law):
    """The limit of n^{1/d} W₂ for one grid per component.

    A grid of m points costs N(0, Σ) d (√3π/2) det(Σ)^{1/d} m^{−2/d} in the limit, as m levels cost N(0, 1) √3π/(2m²)
    (Panter & Dite 1951); points are shared so that Σ w_k times that is least.
    """
    d = law.ndim
    covs = law.covs if law.covs.ndim == 3 else law.covs[:, None, None] * np.eye(d)
    each = law.weights * d * np.sqrt(3.0) * np.pi / 2.0 * np.linalg.det(covs) ** (1.0 / d)
    return float(np.sqrt((each ** (d / (d + 2.0))).sum() ** ((d + 2.0) / d)))


def floor(law):
    """What the W₂ of one grid per mode tends to: its coupling makes the axes of each component independent.

    That costs W₂² = 2 tr Σ − 2 |D^{1/2} Σ^{1/2}| (nuclear norm) between N(0, Σ) and N(0, D), D the diagonal of Σ in the
    mode's axes. On the line and in the plane, where joint masses are integrated, it costs nothing.
    """
    if law.ndim < 3:
        return 0.0
    numbers, unit = normalized(law)
    labels = modes(*numbers)
    frames = group(numbers, labels).axes[labels]
    covs = np.swapaxes(frames, 1, 2) @ numbers.covs @ frames
    roots = np.sqrt(np.einsum("kii->ki", covs))
    trace = np.sqrt(np.maximum(np.linalg.eigvalsh(roots[:, :, None] * covs * roots[:, None, :]), 0.0)).sum(axis=1)
    return float(unit * np.sqrt(2.0 * numbers.weights @ (np.einsum("kii->k", covs) - trace)))


def exponent(numbers, bounds):
    """The slope of log W₂ over log n, over the last decade and a half."""
    numbers, bounds = np.array(numbers), np.array(bounds)
    last = numbers >= numbers[-1] / 10**1.5
    return float(np.polyfit(np.log(numbers[last]), np.log(bounds[last]), 1)[0])


def study(name, numbers, cells):
    """Prints and returns, for each choice, n^{1/d} W₂ over Zador's limit, by the points really used."""
    law = LAWS[name]
    d = law.ndim
    limit = zador(law, cells)
    choices = [choice for choice in CHOICES if d < 3 or choice != "optimal"]
    print(f"\n{name}: {law.n_components} components; n^(1/{d}) W₂ → {limit:.4f}. Table: W₂ over {limit:.4f}/n^(1/{d})")
    print(f"{'n':>6} {' '.join(f'{choice:>11}' for choice in choices)} {'lower':>7} {'time of the last':>17}")
    ratios = {choice: [] for choice in (*choices, "lower")}
    for n in numbers:
        for choice in choices:
            start = process_time()
            q = quantization(law, n, choice)
            elapsed = process_time() - start
            # By n, not by the points used: the best product of n points may have fewer.
            if choice == "modes":
                last = float(q.w2)
            ratios[choice].append(float(q.w2) * n ** (1.0 / d) / limit)
        ratios["lower"].append(float(q.w2_lower) * n ** (1.0 / d) / limit)
        cells_ = " ".join(f"{ratios[choice][-1]:11.4f}" for choice in choices)
        print(f"{n:6} {cells_} {ratios['lower'][-1]:7.4f} {elapsed:15.2f} s", flush=True)
    slopes = {c: exponent(numbers, np.array(r) / np.array(numbers) ** (1.0 / d)) for c, r in ratios.items()}
    fitted = " ".join(f"{slopes[choice]:11.4f}" for choice in choices)
    print(f"{'slope':>6} {fitted} {slopes['lower']:7.4f}   in the limit {-1 / d:.4f}")
    print(f"one grid per component: in the limit {separate(law) / limit:.4f} of Zador's")
    if d > 2:
        print(f"one grid per mode: W₂ tends to {floor(law):.4f}; with {n} points it is {last:.4f}")
    return ratios


def plot(path, results, numbers):
    from study_plots import BLUE, GOLD, GREEN, GREY, INK, RED, figure, save, title

    fig, axes = figure(1, len(results), (10.4, 3.7))
    colors = {"modes": GOLD, "components": GREEN, "product": BLUE, "optimal": RED, "lower": GREY}
    labels = {"modes": "one grid per mode", "components": "one grid per component", "product": "best products"}
    labels |= {"optimal": "optimal", "lower": "no n points below"}
    for ax, (name, ratios) in zip(axes[0], results.items()):
        for choice, values in ratios.items():
            style = {"ls": ":", "lw": 1.4} if choice == "lower" else {"marker": "o", "ms": 3, "lw": 1.4}
            if choice == "components":  # underneath, where it is the best product
                style = {"marker": "o", "ms": 7, "lw": 4.0, "alpha": 0.5}
            ax.plot(numbers[: len(values)], values, color=colors[choice], label=labels[choice], **style)
        ax.axhline(1.0, color=INK, lw=0.8)
        ax.set_xscale("log")
        ax.set_xlabel("n", color=INK)
        title(ax, name)
    axes[0, 0].set_ylabel("W₂ over Zador's", color=INK)
    handles, names = axes[0, 1].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    save(fig, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 100 points")
    parser.add_argument("--plot", metavar="PATH", help="draw a picture (needs matplotlib)")
    options = parser.parse_args()
    numbers = [10, 30, 100] if options.quick else [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
    cells = {"line": 20_001, "plane": 1001, "space": 101 if options.quick else 181}
    results = {name: study(name, numbers, cells[name]) for name in LAWS}
    if options.plot:
        plot(options.plot, results, numbers)


if __name__ == "__main__":
    main()
