"""Cells under a law against simulation of the coupling that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from diracs import LayeredScheme, ProductScheme, ScalarCodebook
from diracs.certificates.upper.assignment import parts
from diracs.propagation.bounds import StepError
from diracs.propagation.cells import barycentric_cells
from diracs.propagation.frames import correlated, excess, in_frames
from diracs.propagation.law import Law
from diracs.propagation.local import splits
from diracs.propagation.step import measure

SAMPLES = 40_000


def random_law(d, points, kinds, rng, diagonal=False):
    """Points with noise of several covariances; sources are the points."""
    roots = rng.normal(size=(kinds, d, d)) * 0.5
    covs = roots @ np.swapaxes(roots, 1, 2)
    if diagonal:
        covs = covs * np.eye(d)
    places, shifts = rng.normal(size=(points, d)), 0.3 * rng.normal(size=(kinds, d))
    means = (places[:, None] + shifts).reshape(-1, d)
    weights = np.outer(rng.dirichlet(np.ones(points)), rng.dirichlet(np.ones(kinds))).ravel()
    return Law(means, covs, np.tile(np.arange(kinds), points), weights, np.repeat(np.arange(points), kinds))


def random_scheme(d, sizes, groups, law, rng, aligned=False):
    schemes = []
    for levels in sizes:
        frame = np.eye(d) if aligned else np.linalg.qr(rng.normal(size=(d, d)))[0]
        books = [ScalarCodebook(np.sort(rng.normal(size=m))) for m in levels]
        schemes.append(
            ProductScheme(
                books, frame if books else None, 0.3 * rng.normal(size=d), np.ones(len(books)) if books else None
            )
        )
    return LayeredScheme(schemes, rng.integers(0, groups, size=len(law.means)))


def normals(count, d, rng):
    """Standard normal (count, d), spread by an additive recurrence: means are right to about ten times fewer draws."""
    base = 2.0
    for _ in range(40):
        base = (1.0 + base) ** (1.0 / (d + 1))
    return ndtri((rng.random(d) + np.arange(1, count + 1)[:, None] * base ** -np.arange(1.0, d + 1)) % 1.0)


def simulate(law, scheme, count, rng):
    """Even samples of X with the cell and the source of each, by the coupling of docs/propagation.md."""
    which = np.searchsorted(np.cumsum(law.weights) / law.weights.sum(), (np.arange(count) + 0.5) / count)
    x, cell = np.empty((count, law.means.shape[1])), np.empty(count, dtype=int)
    first = 0
    for part, members, index, share in parts(scheme, law.means, law.covs, law.weights):
        first += part.size
        if not members.size:
            continue
        placed = in_frames(part, members, index, share, law)
        mixed = set(correlated(placed, law).tolist()) if part.codebooks else set()
        for j, member in enumerate(placed.members):
            rows = np.flatnonzero(which == member)
            p = placed.pair[j]
            frame, variance, cov = placed.frame[placed.pair_group[p]], placed.variance[p], law.covs[law.kind[member]]
            drawn = normals(len(rows), part.ndim_support + cov.shape[0], rng)
            xi = drawn[:, : part.ndim_support] * np.sqrt(variance)
            lead = frame
            if p in mixed:
                lead = frame + excess(placed, [int(p)], gains(part, placed, int(p))[None])[0]
            rest = cov - (lead * variance) @ lead.T
            values, vectors = np.linalg.eigh(rest)
            assert values.min() > -1e-10 * np.trace(cov)
            other = drawn[:, part.ndim_support :] * np.sqrt(np.maximum(values, 0))
            x[rows] = law.means[member] + xi @ lead.T + other @ vectors.T
            z = placed.mean[j] + xi
            number = np.zeros(len(rows), dtype=int)
            for k, book in enumerate(part.codebooks):
                y = np.sort(np.asarray(book.levels))
                number = number * len(y) + np.searchsorted((y[1:] + y[:-1]) / 2, z[:, k])
            cell[rows] = first - part.size + number
    return x, cell, law.source[which]


def gains(part, placed, p):
    """E ξ_k q_k of the components of pair p, by numerical integration."""
    nodes = np.linspace(-9, 9, 20001)
    density = np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi) * (nodes[1] - nodes[0])
    out = np.zeros(len(part.codebooks))
    for k, book in enumerate(part.codebooks):
        y = np.sort(np.asarray(book.levels))
        deviation = np.sqrt(placed.variance[p, k])
        for j in np.flatnonzero(placed.pair == p):
            z = placed.mean[j, k] + deviation * nodes
            out[k] += placed.share[j] * (density * nodes * y[np.searchsorted((y[1:] + y[:-1]) / 2, z)]).sum()
    return out


@pytest.mark.parametrize("seed", range(6))
def test_masses_barycenters_error_and_bias(seed):
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    law = random_law(d, 3, int(rng.integers(1, 3)), rng, diagonal=seed == 0)
    sizes = [rng.integers(1, 4, size=int(rng.integers(0, d + 1))).tolist() for _ in range(2)]
    scheme = random_scheme(d, sizes, 2, law, rng, aligned=seed == 0)
    cells = barycentric_cells(law, scheme)
    x, cell, source = simulate(law, scheme, SAMPLES, rng)
    assert cells.masses.sum() == pytest.approx(1.0, abs=1e-12)
    counts = np.bincount(cell, minlength=len(cells.masses))
    assert np.abs(counts / SAMPLES - cells.masses).max() < 5e-3
    big = cells.masses > 0.02
    for i in range(d):
        place = np.bincount(cell, x[:, i], len(cells.masses))[big] / counts[big]
        assert place == pytest.approx(cells.barycenters[big, i], abs=0.05)
    delta = x - cells.barycenters[cell]
    assert delta.T @ delta / SAMPLES == pytest.approx(cells.error, abs=0.015)
    for s in range(3):
        assert delta[source == s].sum(axis=0) / SAMPLES == pytest.approx(cells.bias[s], abs=0.01)
    # Barycenters: the law's mean is kept, and what is left of its second moment is the error's.
    assert cells.masses @ cells.barycenters == pytest.approx(law.weights @ law.means, abs=1e-12)
    second = (
        np.tensordot(np.bincount(law.kind, law.weights), law.covs, 1) + (law.weights[:, None] * law.means).T @ law.means
    )
    kept = (cells.masses[:, None] * cells.barycenters).T @ cells.barycenters
    assert second - kept == pytest.approx(cells.error, abs=1e-10)


def test_stacks_are_as_their_schemes_one_by_one():
    rng = np.random.default_rng(1)
    law = random_law(3, 40, 2, rng)
    books = [ScalarCodebook([-1.0, 0.3, 1.0]), ScalarCodebook([-0.5, 0.7])]
    frames = np.stack([np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(4)])
    offsets, scales = rng.normal(size=(4, 3)), rng.uniform(0.3, 2.0, size=(4, 2))
    groups = rng.integers(0, 4, size=80)
    stacked = LayeredScheme([ProductScheme(books, frames, offsets, scales)], groups)
    apart = LayeredScheme([ProductScheme(books, *(a[g] for a in (frames, offsets, scales))) for g in range(4)], groups)
    one, other = barycentric_cells(law, stacked), barycentric_cells(law, apart)
    assert one.masses == pytest.approx(other.masses, abs=1e-15)
    assert one.barycenters == pytest.approx(other.barycenters, abs=1e-12)
    assert one.error == pytest.approx(other.error, abs=1e-13)
    assert one.bias == pytest.approx(other.bias, abs=1e-13)


def test_fine_cells_lose_no_digits():
    """The error of 400 levels on a narrow law far from the origin, against high-resolution quantization theory."""
    law = Law(np.array([[1e3]]), np.array([[[1e-6]]]), np.zeros(1, dtype=int), np.ones(1), np.zeros(1, dtype=int))
    levels = np.linspace(-6e-3, 6e-3, 401)
    cells = barycentric_cells(
        law, LayeredScheme([ProductScheme([ScalarCodebook(levels)], np.eye(1), [1e3], [1.0])], [0])
    )
    assert cells.error[0, 0] == pytest.approx((levels[1] - levels[0]) ** 2 / 12, rel=2e-3)


def test_points_that_have_cells_of_their_own_are_kept_exactly():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 2))
    law = Law(points, np.zeros((1, 2, 2)), np.zeros(5, dtype=int), np.full(5, 0.2), np.arange(5))
    found = measure(law, LayeredScheme([ProductScheme([], None, points)], np.arange(5)))
    assert (found.cells.barycenters == points).all()
    assert found.step.square == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_local_slopes_bound_what_is_simulated(seed):
    """f(x) = |x|-dependent slope: each cell's E|f(z) − f(c)|², summed, stays below what the local slopes promise."""
    rng = np.random.default_rng(seed)
    law = random_law(2, 4, 1, rng, diagonal=True)
    scheme = random_scheme(2, [[3, 4], [2, 3]], 2, law, rng, aligned=True)

    def f(x):
        return np.stack([np.tanh(x[:, 0]), 0.3 * x[:, 1]], axis=1)

    def slope(center, radius):
        least = np.maximum(np.abs(center[:, 0]) - radius, 0.0)
        return np.maximum(1 / np.cosh(np.minimum(least, 300.0)) ** 2, 0.3)

    choice = measure(law, scheme)
    found = splits(choice.cells.blocks, law, slope, 1.0, law.means)
    x, cell, _ = simulate(law, scheme, SAMPLES, rng)
    c = choice.cells.barycenters[cell]
    true = ((f(x) - f(c)) ** 2).sum(axis=1)
    assert 0.99 * true.mean() < found[0].local < choice.step.square
    assert found[0].square == 0.0
    assert found[0].bias == 0.0
    delta = x - c
    for split in found:
        # Of the whole Δ² nothing is counted twice or lost.
        assert split.square <= choice.step.square
        assert split.local + split.square <= choice.step.square * (1 + 1e-9)
    # All cells by the global constant: β of the whole.
    everything = choice.cells.blocks[0].component_bias(np.ones_like(choice.cells.blocks[0].masses, dtype=bool))
    assert everything == pytest.approx(choice.cells.blocks[0].component_bias(), abs=1e-12)
    some = np.arange(choice.cells.blocks[0].masses.size) % 2 == 0
    block = choice.cells.blocks[0]
    biases = block.component_bias(some.reshape(block.masses.shape))
    expected = np.zeros(2)
    for share, bias in zip(block.placed.share, biases, strict=True):
        expected += share * bias
    simulated = (delta * (np.isin(cell, np.flatnonzero(some)))[:, None]).mean(axis=0)
    assert simulated == pytest.approx(expected, abs=0.01)
    assert isinstance(choice.step, StepError)
