"""What the rounding of masses costs, against exact fractions and 50-digit quantile couplings."""

from __future__ import annotations

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from independent import cell_moments, line_w2
from optional import optional

from diracs import (
    Affine,
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    PointScheme,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    generate_scheme,
    propagate,
    quantize,
    recertify,
)
from diracs.backend import doubled
from diracs.cells.intervals import voronoi_moments
from diracs.certificates.masses import doubled_masses, mass_error, mass_error_within, settled
from diracs.certificates.rounding import ROUNDINGS, with_moved_masses

jax = optional("jax")

EPS = 2.0**-52


def exact(pair, i=()):
    return Fraction(float(pair[0][i])) + Fraction(float(pair[1][i]))


def transport_on_line(positions, first, second):
    """W₂² of two sets of masses (lists of fractions of one sum) on the same sorted positions, exactly."""
    first, second, i, j, total = list(first), list(second), 0, 0, Fraction(0)
    while i < len(first) and j < len(second):
        mass = min(first[i], second[j])
        total += mass * (Fraction(positions[i]) - Fraction(positions[j])) ** 2
        first[i], second[j] = first[i] - mass, second[j] - mass
        i, j = i + (first[i] == 0), j + (second[j] == 0)
    return total


def normalized(masses):
    total = sum(masses)
    return [m / total for m in masses]


# --- arithmetic -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_sums_products_and_quotients_have_twice_the_digits(seed):
    rng = np.random.default_rng(seed)
    values = 10.0 ** rng.uniform(-20, 0, int(rng.integers(1, 60)))
    fractions = [Fraction(v) for v in values.tolist()]
    assert abs(exact(doubled.sums(values)) / sum(fractions) - 1) < 2.0**-98
    running = doubled.running_sums(values)
    assert abs(exact(running, -1) - sum(fractions)) < 2.0**-98
    a, b = (doubled.normalized(x, x * rng.normal() * 1e-17) for x in values[rng.integers(0, len(values), (2, 1))])
    for got, wanted in (
        (doubled.add(a, b), exact(a, 0) + exact(b, 0)),
        (doubled.multiply(a, b), exact(a, 0) * exact(b, 0)),
        (doubled.divide(a, b), exact(a, 0) / exact(b, 0)),
    ):
        assert abs(exact(got, 0) / wanted - 1) < 2.0**-98


@pytest.mark.parametrize("seed", range(3))
def test_masses_have_twice_the_digits(seed):
    rng = np.random.default_rng(seed)
    k, n, count = (int(rng.integers(1, m)) for m in (20, 6, 5))
    arriving = rng.dirichlet(np.full(n, 0.3), k)
    shares, rows = rng.dirichlet(np.ones(k)) * (rng.random(k) < 0.9), rng.integers(0, count, k)
    got = doubled_masses(arriving, (shares, np.zeros(k)), rows, count)
    wanted = [[Fraction(0)] * n for _ in range(count)]
    for share, row, group in zip(shares.tolist(), arriving.tolist(), rows):
        for i, part in enumerate(normalized([Fraction(x) for x in row])):
            wanted[group][i] += Fraction(share) * part
    for g in range(count):
        for i in range(n):
            assert abs(exact(got, (g, i)) - wanted[g][i]) <= 2.0**-95 * wanted[g][i]


# --- M against exact transport ----------------------------------------------------------------------------------------


def lumps(seed, n):
    """Masses and sorted positions (n, 1): clusters far apart, some cells of hardly any mass."""
    rng = np.random.default_rng(seed)
    masses = rng.dirichlet(np.ones(n)) * 10.0 ** -rng.choice([0, 0, 0, 3, 15, 60], n)
    return np.sort(rng.normal(size=n) + 10.0 ** rng.integers(0, 9) * rng.integers(0, 3, n))[:, None], masses


@pytest.mark.parametrize("seed", range(15))
def test_settled_masses_cost_no_more_than_they_are_charged(seed):
    positions, high = lumps(seed, 9)
    low = high * np.random.default_rng(seed).uniform(-1, 1, 9) * 1e-16
    pair = doubled.normalized(high, low)
    masses, moved, fraction = settled(positions, pair, np.zeros(9))
    true = [exact(pair, i) for i in range(9)]
    given = normalized([Fraction(m) for m in masses.tolist()])
    truth = transport_on_line(positions[:, 0].tolist(), normalized(true), given)
    assert truth * sum(true) <= Fraction(moved) * (1 + Fraction(1, 10**12))
    assert np.abs(masses / high - 1).max() < 2e-14
    assert 0 <= fraction < 1e-6
    # Hardly more than one rounding of a cell crosses any gap.
    assert moved <= 1e-16 * float(np.ptp(positions)) ** 2 * 9


@pytest.mark.parametrize("seed", range(15))
def test_bounded_roundings_cover_all_that_masses_may_be_off_by(seed):
    positions, masses = lumps(seed, 9)
    rng = np.random.default_rng(seed)
    relative = rng.choice([0.0, 3.0, 10.0], 9)
    moved, fraction = mass_error(positions, masses, relative)
    assert 0 <= fraction <= 1
    fractions = [Fraction(m) for m in masses.tolist()]
    for _ in range(5):
        sides = rng.choice([-1.0, 0.3, 1.0], 9) * relative * EPS
        other = [m * (1 + Fraction(s)) for m, s in zip(fractions, sides.tolist())]
        truth = transport_on_line(positions[:, 0].tolist(), normalized(fractions), normalized(other))
        assert truth * Fraction(float(masses.sum())) <= Fraction(float(moved)) * (1 + Fraction(1, 10**10))


@pytest.mark.parametrize("seed", range(8))
def test_groups_with_right_sums_pay_for_their_own_gaps_only(seed):
    parts = [lumps(3 * seed + g, 4) for g in range(3)]
    positions = np.concatenate([p + 1e12 * g for g, (p, _) in enumerate(parts)])
    masses, group = np.concatenate([m for _, m in parts]), np.repeat(np.arange(3), 4)
    relative = np.full(12, 7.0)
    moved, _ = mass_error_within(positions, masses, relative, group)
    sides = np.random.default_rng(seed).choice([-1.0, 1.0], 12) * relative * EPS
    truth = Fraction(0)
    for g in range(3):
        rows = np.flatnonzero(group == g)
        own = [Fraction(m) for m in masses[rows].tolist()]
        other = [m * (1 + Fraction(s)) for m, s in zip(own, sides[rows].tolist())]
        truth += sum(own) * transport_on_line(positions[rows, 0].tolist(), normalized(own), normalized(other))
    assert truth <= Fraction(moved) * (1 + Fraction(1, 10**10))


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_a_component_are_right_to_few_roundings(seed):
    """√χ² of computed and true masses, which by Talagrand's inequality bounds the W₂ of the laws behind them."""
    rng = np.random.default_rng(seed)
    levels = np.sort(rng.normal(size=int(rng.integers(2, 40))) * rng.choice([0.1, 1.0, 5.0]))
    mean, variance = float(rng.normal() * 3), float(10 ** rng.uniform(-2, 2))
    got = voronoi_moments(levels, np.array([mean]), np.array([variance])).mass
    with mpmath.workdps(50):
        y = [mpmath.mpf(x) for x in levels.tolist()]
        ends = [mpmath.mpf("-inf"), *((a + b) / 2 for a, b in itertools.pairwise(y)), mpmath.mpf("inf")]
        true = [cell_moments(a, b, mean, mpmath.sqrt(mpmath.mpf(variance)), 0)[0] for a, b in itertools.pairwise(ends)]
        total = mpmath.fsum(got.tolist())
        square = mpmath.fsum((g / total - t) ** 2 / t for g, t in zip(got.tolist(), true) if t > 1e-300)
        assert mpmath.sqrt(square) < ROUNDINGS * EPS / 2


# --- certificates -----------------------------------------------------------------------------------------------------


def two(gap):
    return GaussianMixture([[0.0], [gap]], [1.0, 1e-6], [0.1, 0.9])


def is_covered(bound, truth, tightness):
    ratio = float(bound / truth)
    assert 1 - 1e-15 <= ratio <= 1 + tightness, ratio - 1


@pytest.mark.parametrize("gap, tightness", [(1e2, 1e-11), (1e8, 1e-5)])
def test_masses_of_clusters_far_apart_are_paid_for(gap, tightness):
    law = two(gap)
    found = quantize(law, 6)
    truth = line_w2(law.means, law.covs, law.weights, found.positions, found.weights)
    is_covered(found.w2, truth, tightness)
    again = recertify(law, found.diracs)
    is_covered(again.w2, line_w2(law.means, law.covs, law.weights, found.positions, again.masses), tightness)
    is_covered(again.w2_given, truth, tightness)
    trajectory = propagate(law, Affine([[1.0]]), None, 1, n=6, quantized=True)
    diracs = trajectory.diracs[0]
    truth = line_w2(law.means, law.covs, law.weights, diracs.positions, diracs.weights)
    is_covered(trajectory.dirac_errors[0], truth, tightness)
    # It is by settling the masses that hardly anything has to be paid.
    assert found.w2 < 0.0895 and trajectory.dirac_errors[0] < 0.0895


@pytest.mark.parametrize("seed", range(2))
def test_projections_of_groups_in_space_are_below_the_bound(seed):
    rng = np.random.default_rng(seed)
    k, far = 3, 10.0 ** rng.integers(4, 9)
    means = rng.normal(size=(k, 3)) + far * np.eye(3)[0] * rng.integers(0, 3, k)[:, None]
    law = GaussianMixture(means, rng.uniform(0.01, 1, k), rng.dirichlet(np.ones(k)))
    scheme = LayeredScheme(
        [ProductScheme([ScalarCodebook([-0.5, 0.5])] * 2, offset=means[g], scales=[0.3, 0.3]) for g in range(k)],
        rng.integers(0, k, k),
    )
    found = discretize(law, scheme)
    assert found.w2 >= line_w2(means[:, 0], law.covs, law.weights, found.positions[:, 0], found.weights)


def test_sums_that_are_exact_cost_nothing():
    law = GaussianMixture([[0.0], [1e8], [3e8]], [0.0, 0.0, 0.0], [0.1, 0.2, 0.7])
    found = discretize(law, PointScheme([[0.0], [1e8], [3e8]]))
    # The sums of weights are known to twice the digits only.
    assert found.w2 <= 1e-15 * 3e8 and found.exact
    # Two go to one place: what their sum is rounded by is paid for.
    law = GaussianMixture([[0.0], [0.0], [1e8]], [0.0, 0.0, 0.0], [0.1, 0.2, 0.7])
    found = discretize(law, PointScheme([[0.0], [1e8]]))
    weights = normalized([Fraction(w) for w in law.weights.tolist()])
    given = normalized([Fraction(m) for m in found.weights.tolist()])
    truth = transport_on_line([0.0, 1e8], [weights[0] + weights[1], weights[2]], given)
    assert truth <= Fraction(float(found.w2)) ** 2


@pytest.mark.parametrize("gap", [1000.0, pytest.param(100.0, marks=pytest.mark.slow)])
def test_masses_in_single_precision_under_jit_are_paid_for(gap):
    law = GaussianMixture(np.float32([[0], [gap]]), np.float32([1, 1e-4]))
    scheme = generate_scheme(law, 6, configuration="grid")

    @jax.jit
    def run(means, covs, weights):
        found = discretize(GaussianMixture(means, covs, weights), scheme)
        return found.positions, found.weights, found.w2

    positions, masses, w2 = run(law.means, law.covs, law.weights)
    assert float(w2) >= line_w2(law.means, law.covs, law.weights, np.asarray(positions), np.asarray(masses))


# --- underflow --------------------------------------------------------------------------------------------------------


def test_points_without_mass_do_not_choose_the_unit():
    line, plane = Gaussian([0.0], [1.0]), Gaussian([0.0, 0.0], [1.0, 1.0])
    assert discretize(line, PointScheme([[-1e162], [0.0], [1e162]])).w2 == pytest.approx(1.0, rel=1e-12)
    assert discretize(line, ProductScheme([ScalarCodebook([0.0, 1e170])])).w2 == pytest.approx(1.0, rel=1e-12)
    far, near = (discretize(plane, ProductScheme([CrossCodebook(r, 2)])) for r in ([1.0, 1e200], [1.0]))
    assert far.w2 == pytest.approx(near.w2, rel=1e-12)
    assert far.positions.max() == 1e200 and far.weights[4:].max() == 0
    stack = LayeredScheme([ProductScheme([], offset=[[0.0, 0.0], [1e170, 0.0]])], [0])
    assert discretize(plane, stack).w2 == pytest.approx(2**0.5, rel=1e-12)
    best = LayeredScheme([ProductScheme([], offset=[[0.0, 0.0], [1e170, 0.0]])])
    assert discretize(plane, best).w2 == pytest.approx(2**0.5, rel=1e-12)
    assert discretize(plane, ProductScheme([CrossCodebook([1e200], 2)])).w2 == pytest.approx(1e200, rel=1e-12)


def test_what_vanishes_in_the_unit_of_a_wide_law_is_covered():
    law = GaussianMixture([[0.0], [1e162]], [1.0, 1.0], [1.0, 1e-300])
    assert discretize(law, PointScheme([[0.0], [1e162]])).w2 >= 1.0


# --- single precision -------------------------------------------------------------------------------------------------


def test_weights_in_single_precision_are_normalized():
    law = GaussianMixture(np.float32([[0], [3], [1]]), np.float32([1, 0.5, 0.25]), np.float32([1, 3, 3]))
    point = SumOfDiracs(np.float32([[1]]))
    truth = line_w2(law.means, law.covs, law.weights, point.positions, [1.0])
    found = recertify(law, point)
    assert float(found.w2) >= truth and float(found.w2_given) >= truth
    assert float(found.w2) == pytest.approx(float(truth), rel=2e-7)
    trajectory = propagate(law, Affine(np.float32([[1]])), None, 1, n=2, quantized=True)
    diracs = trajectory.diracs[0]
    truth = line_w2(law.means, law.covs, law.weights, diracs.positions, diracs.weights)
    assert float(trajectory.dirac_errors[0]) >= truth
    assert float(trajectory.w2_bound[-1]) >= truth


@pytest.mark.parametrize("unit", [1e-100, 1.0, 1e100])
def test_moved_masses_cost_as_much_in_any_unit(unit):
    """Where products of squares are no doubles any more."""
    found = with_moved_masses(np.asarray(4.0 * unit**2), np.asarray(0.25 * unit**2), 0.01)
    assert float(found) / unit**2 == pytest.approx(4.0 + 0.25 + 2.0 * 0.1 * 2.0 * 0.5)
