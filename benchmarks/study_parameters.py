"""Sensitivity of error, support size and time to the parameters of grouping, sharing and pruning.

Five mixtures; one parameter is changed at a time, the others stay as they are. Constants of the package are replaced
for the moment, under the names that they have in its modules.

The search for product schemes is studied, scheme="product", which is that of "auto" but for the optimal points in the
plane.

    python benchmarks/study_parameters.py [--quick] [--plot parameters.png]
"""

import argparse
from contextlib import ExitStack
from time import process_time
from unittest.mock import patch

import numpy as np
from scipy.spatial import cKDTree

from diracs import GaussianMixture, PointScheme, discretize, generate_scheme, quantize
from diracs.schemes import grouping, sharing
from diracs.schemes.generate import build, group, normalized, plan
from diracs.schemes.grouping import merge_levels
from diracs.schemes.scaling import rescale

# --- laws -------------------------------------------------------------------------------------------------------------


def scattered(k, d, seed):
    """k random covariances (deviations about 0.2) with means in a cube of side 4."""
    rng = np.random.default_rng(seed)
    roots = 0.2 * rng.standard_normal((k, d, d))
    covs = roots @ np.swapaxes(roots, 1, 2) + 1e-3 * np.eye(d)
    return GaussianMixture(rng.uniform(-2.0, 2.0, (k, d)), covs, rng.dirichlet(np.ones(k)))


def clustered(k, d, seed):
    """The same about eight centres, deviation 0.25 around each."""
    rng = np.random.default_rng(seed)
    means = rng.uniform(-3.0, 3.0, (8, d))[rng.integers(8, size=k)] + 0.25 * rng.standard_normal((k, d))
    roots = 0.2 * rng.standard_normal((k, d, d))
    return GaussianMixture(means, roots @ np.swapaxes(roots, 1, 2) + 1e-3 * np.eye(d), rng.dirichlet(np.ones(k)))


LAWS = {  # name: law, points
    "10 in the plane": (scattered(10, 2, 0), 100),
    "100 in 8 clusters": (clustered(100, 2, 2), 500),
    "200 on 4 axes": (clustered(200, 4, 50), 1000),
    "12 on 20 axes": (clustered(12, 20, 5), 1000),
    "1000 in the plane": (scattered(1000, 2, 4), 2000),
    "3000 in the plane": (scattered(3000, 2, 6), 3000),
}
FEW = list(LAWS)[:4]
MANY = list(LAWS)[4:]

# --- the number of groups ---------------------------------------------------------------------------------------------


def with_groups(law, n, count):
    """The certificate with this level of the merge tree, as grids or as products."""
    numbers, unit = normalized(law)
    labels = merge_levels(*numbers, [count])[min(count, len(numbers.weights))]
    groups = group(numbers, labels)
    schemes = (rescale(build(numbers, plan(groups, n, kind)), unit) for kind in ("grid", "product"))
    return min(float(discretize(law, scheme).w2) for scheme in schemes)


def levels(names):
    """W₂ against the number of groups, over what the search finds; and its number of groups."""
    counts = (1, 2, 3, 4, 6, 8, 12, 20, 40, 70, 100)
    print("W₂ with this many groups (levels of the merge tree), over the search's")
    print(f"{'':20} {' '.join(f'{c:>6}' for c in counts)}  search: groups, W₂; modes")
    out = {}
    for name in names:
        law, n = LAWS[name]
        best = quantize(law, n, scheme="product")
        k = law.n_components
        found = {c: with_groups(law, n, c) / float(best.w2) for c in {*counts, k} if c <= k}
        modes = generate_scheme(law, n).stack
        cells = " ".join(f"{found[c]:6.3f}" if c in found else " " * 6 for c in counts)
        print(f"{name:20} {cells}  {best.scheme.stack:12}, {best.w2:.4f}; {modes}", flush=True)
        out[name] = dict(sorted(found.items())), best.scheme.stack
    return out


# --- constants --------------------------------------------------------------------------------------------------------


def joined_within(factor):
    """Climbers meet within `factor` hundredths of their widths."""
    original = grouping._meet
    return lambda x, scale, ends, target: original(x, factor * scale, ends, target)


def menu(step, small):
    """Budgets of groups: all up to `small`, then in steps of this ratio."""

    def budgets(most):
        large = np.geomspace(1, max(most, 1), 2 + int(np.log(max(most, 1)) / step)).astype(int)
        return np.unique(np.concatenate([np.arange(1, min(most, small) + 1), large, [max(most, 1)]]))

    return budgets


def shared_exactly(yes):
    """Points shared between groups by dynamic programming, or along the hulls."""

    def share(reduction, row, factor, budgets, n):
        if len(row) == 1:
            return np.array([np.searchsorted(budgets, n, side="right") - 1])
        if yes:
            return sharing._exact(reduction[row] * factor[:, None], budgets, n)
        state = sharing._along_hulls(reduction, row, factor, budgets, n)
        return sharing._fill(state, reduction, row, factor, budgets, n)

    return share


SEARCH, GENERATE, GROUPING = "diracs.quantization.search", "diracs.schemes.generate", "diracs.schemes.grouping"
EVERYTHING = [(SEARCH, "_LEVELS", 24), (SEARCH, "_BUILT", 24)]


def rows(module, name, default, laws, values):
    """Rows of the table for one constant: label, what to replace, laws, default. Values may have names."""
    values = values if isinstance(values, dict) else {value: value for value in values}
    return [(f"{name} {label}", [(module, name, value)], laws, default) for label, value in values.items()]


RADII = {"1e-3": joined_within(0.1), "0.1": joined_within(10.0)}
MENUS = {"30 %, 8": menu(0.3, 8), "15 %, 32": menu(0.15, 32), "4 %, 128": menu(0.04, 128)}
SHARING = {"exact": shared_exactly(True), "hulls": shared_exactly(False)}
CONSTANTS = [
    *rows(SEARCH, "_LEVELS", "12", (*FEW, MANY[0]), (4, 8, 24)),
    *rows(SEARCH, "_BUILT", "3", (*FEW, MANY[0]), (1, 6, 12)),
    ("all built, 24 levels", EVERYTHING, (*FEW, MANY[0]), "12; 3"),
    *rows(GROUPING, "_meet", "1e-2 of a width", FEW, RADII),
    *rows(GROUPING, "_MODES", "400", MANY[:1], (100, 1000)),
    *rows(GROUPING, "_MOST", "2500", MANY[1:], (500, 1000)),
    *rows(GENERATE, "_menu", "8 %, 64", FEW, MENUS),
    *rows(GENERATE, "share_points", "by size", FEW, SHARING),
    *rows(GENERATE, "_KINDS", "64", (FEW[1], FEW[2], MANY[0]), (4, 16)),
    *rows(GENERATE, "_FITTED", "8000", (*FEW, MANY[0]), (0, 80_000)),
    *rows(GENERATE, "_TABULATED", "64", (FEW[1], FEW[2], MANY[0]), (2000,)),
]


def timed(name, replaced=()):
    """W₂ and the processor's time."""
    law, n = LAWS[name]
    with ExitStack() as stack:
        for module, constant, value in replaced:
            stack.enter_context(patch(f"{module}.{constant}", value))
        start = process_time()
        q = quantize(law, n, scheme="product")
        return float(q.w2), process_time() - start


def constants(changes, names):
    """Change one constant at a time."""
    defaults = {}
    for name in names:
        timed(name)  # codebooks of a first call are kept
        defaults[name] = timed(name)
    print("\nOne constant changed: W₂ over the default's, and processor time over the default's")
    print(f"{'':24} {' '.join(f'{name:>18}' for name in names)}")
    bounds = " ".join(f"{f'{w2:.4f} {seconds:5.2f} s':>18}" for w2, seconds in defaults.values())
    print(f"{'as it is':24} {bounds}")
    out = []
    for label, replaced, laws, default in changes:
        cells = []
        for name in names:
            if name not in laws:
                cells.append(" " * 18)
                continue
            w2, seconds = timed(name, replaced)
            ratio = w2 / defaults[name][0]
            out.append((label.split()[0], name, ratio))
            cells.append(f"{ratio:11.4f} {seconds / defaults[name][1]:5.1f}×")
        print(f"{label:24} {' '.join(cells)}  (is {default})", flush=True)
    return out


# --- axes -------------------------------------------------------------------------------------------------------------


def axes(name="12 on 20 axes", counts=(1, 2, 4, 6, 8, 10, 14, 20)):
    """The most axes that a group quantizes."""
    law, n = LAWS[name]
    print(
        f"\n{name}: at most so many axes of a group are quantized (ndim_support), one group per component, {n} points"
    )
    print(f"{'axes':>6} {'grid':>9} {'points':>7} {'product':>9} {'points':>7}")
    for r in counts:
        cells = []
        for kind in ("grid", "product"):
            scheme = generate_scheme(law, n, configuration=kind, per_mode=False, ndim_support=r)
            q = discretize(law, scheme)
            cells.append(f"{q.w2:9.4f} {len(q):7}")
        print(f"{r:6} {' '.join(cells)}")


# --- pruning ----------------------------------------------------------------------------------------------------------


def pruned(q, threshold):
    """Without the Diracs of mass below threshold/n: those left, and a bound by the triangle inequality.

    The mass of each goes to the nearest left.
    """
    keep = q.weights >= threshold / len(q)
    distance = cKDTree(q.positions[keep]).query(q.positions[~keep])[0]
    return q.positions[keep], float(q.w2 + np.sqrt(q.weights[~keep] @ distance**2))


def pruning(names, thresholds=(1e-2, 0.03, 0.1, 0.3, 0.5)):
    """Light Diracs left out, in the plane, where the W₂ of any points with their best masses is exact."""
    print("\nDiracs of mass below threshold/n left out, their mass sent to the nearest of the others (bound) or all")
    print("masses chosen anew (exact); beside as many from the start, as products or optimal")
    print(f"{'':18} {'threshold':>9} {'points':>7} {'bound':>9} {'exact':>9} {'product':>9} {'optimal':>9}")
    out = {}
    for name in names:
        law, n = LAWS[name]
        q = quantize(law, n, scheme="product")
        found = []
        for threshold in (0.0, *thresholds):
            left, bound = pruned(q, threshold)
            if found and len(left) == found[-1][0]:
                continue
            exact = float(discretize(law, PointScheme(left)).w2)
            fewer, best = (float(quantize(law, len(left), scheme=kind).w2) for kind in ("product", "optimal"))
            row = len(left), bound, exact, fewer, best
            found.append(row)
            cells = " ".join(f"{w2:9.5f}" for w2 in row[1:])
            print(f"{name if not threshold else '':18} {threshold:9g} {len(left):7} {cells}", flush=True)
        out[name] = np.array(found)
    return out


# --- picture ----------------------------------------------------------------------------------------------------------


def plot(path, found, changed, cut):
    from study_plots import BLUE, GOLD, GREEN, INK, RED, figure, save, title

    fig, axes_ = figure(1, 3, (11.5, 3.9))
    left, middle, right = axes_[0]
    colors = dict(zip(LAWS, (BLUE, RED, GREEN, GOLD, INK, "#7b4b94")))
    for name, (ratios, chosen) in found.items():
        left.plot(list(ratios), list(ratios.values()), color=colors[name], marker="o", ms=3, lw=1.4, label=name)
        left.plot(chosen, 1.0, color=colors[name], marker="*", ms=12)
    left.set_xscale("log")
    left.set_ylim(0.95, 1.7)
    left.set_xlabel("groups (stars: what the search takes)", color=INK)
    left.set_ylabel("W₂ over the search's", color=INK)
    left.legend(fontsize="x-small", frameon=False)
    title(left, "number of groups")
    names = list(dict.fromkeys(row[0] for row in changed))
    shown = [
        name.strip("_,").replace("all", "all levels built").replace("three", "three built, 24 levels") for name in names
    ]
    for i, constant in enumerate(names):
        for _, law, ratio in (row for row in changed if row[0] == constant):
            middle.plot(ratio, i, color=colors[law], marker="o", ms=4, alpha=0.8)
    middle.axvline(1.0, color=INK, lw=0.8)
    middle.set_yticks(range(len(names)), shown)
    middle.invert_yaxis()
    middle.set_xlabel("W₂ over the default's", color=INK)
    title(middle, "constants, changed one at a time")
    kinds = ("pruned: bound", "pruned: exact", "products from the start", "optimal from the start")
    law, rows_ = list(cut.items())[-1]
    for i, (kind, color) in enumerate(zip(kinds, (GOLD, RED, BLUE, GREEN))):
        right.plot(rows_[:, 0], rows_[:, i + 1], color=color, marker="o", ms=3, lw=1.4, label=kind)
    title(right, f"light Diracs left out: {law}")
    right.set_xlabel("Diracs", color=INK)
    right.set_ylabel("W₂ at most", color=INK)
    right.legend(fontsize="x-small", frameon=False)
    save(fig, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the smallest mixture, few constants")
    parser.add_argument("--plot", metavar="PATH", help="draw a picture (needs matplotlib)")
    options = parser.parse_args()
    names = FEW[:1] if options.quick else FEW
    found = levels(names)
    changed = constants(CONSTANTS[:3] if options.quick else CONSTANTS, names if options.quick else list(LAWS))
    if not options.quick:
        axes()
    cut = pruning(names[:1] if options.quick else FEW[:2])
    if options.plot:
        plot(options.plot, found, changed, cut)


if __name__ == "__main__":
    main()
