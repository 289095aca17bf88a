"""Every law through everything that takes laws: points, errors, questions, pictures, files."""

from __future__ import annotations

import pickle
from functools import cache

import numpy as np
import pytest
import scipy.stats as st
from optional import optional

from diracs import (
    Elliptical,
    Gaussian,
    GaussianMixture,
    HalfSpace,
    Independent,
    Mesh,
    Mixture,
    PointScheme,
    PolynomialGrid,
    Quantization,
    SumOfDiracs,
    discretize,
    distance,
    expectation,
    generate_scheme,
    probability,
    quantize,
    recertify,
    reduce_mixture,
    worst_case,
)
from diracs.backend.arrays import concrete
from diracs.laws.balls import Balls
from diracs.laws.univariate.law import Univariate
from diracs.quantization.moment_matching import moments_of

KernelDensity = optional("sklearn.neighbors").KernelDensity

torch = optional("torch")
td = optional("torch.distributions")


PLACES = np.random.default_rng(0).normal(size=(4, 2))


class Square:
    """The uniform law of [0, 1]², a class of one's own."""

    ndim = 2

    def cells(self, count):
        k = int(np.ceil(np.sqrt(count)))
        x = (np.arange(k) + 0.5) / k
        places = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.full(k * k, 1.0 / k**2), places, np.full(k * k, 1.0 / (6.0 * k**4))


# Each with the class of the result's distribution, whether other schemes know it, its mean and the trace of its
# covariance.
LAWS = {
    "gamma": (st.gamma(2), Univariate, 2.0, 2.0),
    "invgauss": (st.invgauss(0.5), Univariate, 0.5, 0.125),
    "torch gamma": (td.Gamma(torch.tensor(2.0), torch.tensor(1.0)), Univariate, 2.0, 2.0),
    "torch kumaraswamy": (td.Kumaraswamy(torch.tensor(1.0), torch.tensor(1.0)), Univariate, 0.5, 1 / 12),
    "norm": (st.norm(1, 2), GaussianMixture, 1.0, 4.0),
    "poisson": (st.poisson(3), GaussianMixture, 3.0, 3.0),
    "torch binomial": (td.Binomial(10, torch.tensor(0.5)), GaussianMixture, 5.0, 2.5),
    "independent": (Independent([st.gamma(2), st.uniform()], [[1.0, 0.0], [0.0, 2.0]]), Independent, [2, 1], 2 + 1 / 3),
    "independent, space": (
        Independent([st.gamma(2), st.norm(1, 2), st.expon()]),
        Independent,
        [2, 1, 1],
        2.0 + 4.0 + 1.0,
    ),
    "torch independent": (td.Independent(td.Laplace(torch.zeros(2), torch.ones(2)), 1), Independent, [0, 0], 4.0),
    "elliptical": (Elliptical(st.uniform(0, 3**0.5), [1.0, 2.0], 1.0), Elliptical, [1, 2], 2.0),
    "elliptical, line": (Elliptical(st.uniform(0, 3**0.5), [1.0], 1.0), Elliptical, [1], 1.0),
    "student": (st.multivariate_t([1.0, 2.0, 0.0], np.eye(3), df=6), Elliptical, [1, 2, 0], 4.5),
    "mixture": (
        Mixture([Gaussian([0.0, 0.0], 1.0), SumOfDiracs([[4.0, 0.0]])], [3, 1]),
        Mixture,
        [1, 0],
        0.75 * 2 + 0.75 * 0.25 * 16,
    ),
    "mixture, line": (Mixture([st.gamma(2), st.norm(2, 1)]), Univariate, 2.0, 1.5),
    "mixture of Gaussians": (Mixture([Gaussian([0.0], 1.0), Gaussian([2.0], 1.0)]), GaussianMixture, 1.0, 2.0),
    "mixture with one's own": (Mixture([Square(), Gaussian([0.5, 0.5], 1 / 12)]), Mixture, [0.5, 0.5], 1 / 6),
    "histogram": (PolynomialGrid.from_histogram([[1, 1]], [[0, 2], [0, 1, 3]]), object, [1, 1.25], 1 / 3 + 37 / 48),
    "histogram, line": (PolynomialGrid.from_histogram([1, 1], [0, 1, 3]), object, 1.25, 37 / 48),
    "grid of four axes": (PolynomialGrid(np.ones((2, 1, 1, 2))), PolynomialGrid, [0.5] * 4, 4 / 12),
    "image": (PolynomialGrid(np.ones((2, 3))), PolynomialGrid, [0.5, 0.5], 2 / 12),
    "mesh": (Mesh([[0, 0], [1, 0], [0, 1]], [[0, 1, 2]]), Mesh, [1 / 3, 1 / 3], 1 / 9),
    "kde": (st.gaussian_kde(PLACES[:, 0]), GaussianMixture, None, None),
    "tophat": (KernelDensity(kernel="tophat", bandwidth=0.5).fit(PLACES), Balls, PLACES.mean(axis=0), None),
    "one's own": (Square(), Square, [0.5, 0.5], 1 / 6),
}
GAUSSIAN = ("norm", "mixture of Gaussians", "kde")
# What others have for a mixture of Gaussians is none of theirs, but for clouds.
OTHERS = [name for name, (_, kind, *_) in LAWS.items() if kind is not GaussianMixture]
# Laws by classes or functions that no file holds.
UNSAVED = ("one's own", "torch kumaraswamy", "mixture with one's own")
# All of one law by one process, which quantizes it once.
each = pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in LAWS])


@cache
def quantized(name: str) -> Quantization:
    return quantize(LAWS[name][0], 7)


def first(x):
    return x[:, 0]


@each
def test_a_number_of_points(name):
    law, kind, mean, variance = LAWS[name]
    q = quantized(name)
    assert 1 <= len(q) <= 7 and isinstance(q.distribution, kind)
    assert 0 <= q.w2_lower <= q.w2
    assert float(q.weights.sum()) == pytest.approx(1.0, abs=1e-6)
    assert repr(q).startswith(f"Quantization({len(q)} points")
    assert len(repr(q.distribution)) < 100
    one = quantize(law, 1)
    if mean is not None:
        np.testing.assert_allclose(concrete(one.positions)[0], mean, rtol=1e-6, atol=1e-6)
    if variance is not None:
        # Of float32 the bound is rounded up.
        assert np.sqrt(variance) * (1 - 1e-9) <= float(one.w2) <= np.sqrt(variance) * (1 + 1e-6)


@each
def test_an_error(name):
    law, q = LAWS[name][0], quantized(name)
    found = quantize(law, w2=1.3 * float(q.w2))
    assert found.w2 <= 1.3 * float(q.w2) and len(found) <= 7


@each
def test_schemes(name):
    law, kind, *_ = LAWS[name]
    for scheme in ("grid", "product", "optimal"):
        if kind in (GaussianMixture, Independent) or scheme == "optimal":
            assert quantize(law, 4, scheme=scheme).w2 >= quantized(name).w2_lower
        else:
            with pytest.raises(ValueError, match="scheme must be"):
                quantize(law, 4, scheme=scheme)


@pytest.mark.parametrize("name", ["independent, space", "student", "tophat", "one's own"])
def test_seeds_reach_what_merges(name):
    """Equal ones give equal points."""
    law = LAWS[name][0]
    one, same, other = (quantize(law, 7, scheme="optimal", seed=k) for k in (1, 1, 2))
    np.testing.assert_array_equal(concrete(one.positions), concrete(same.positions))
    assert len(one) != len(other) or (concrete(one.positions) != concrete(other.positions)).any()
    assert float(other.w2) == pytest.approx(float(one.w2), rel=0.05)


@each
def test_discretize_and_recertify(name):
    law, q = LAWS[name][0], quantized(name)
    again = discretize(law, PointScheme(q.positions))
    assert float(again.w2) == pytest.approx(float(q.w2), rel=1e-5)
    found = recertify(law, q)
    assert float(found.w2) == pytest.approx(float(q.w2), rel=1e-5)
    assert found.w2 <= found.w2_given * (1 + 1e-6)
    n = len(q)
    assert recertify(law, SumOfDiracs(q.positions, [1.0] + [0.0] * (n - 1))).w2_given > found.w2


@each
def test_questions(name):
    _, _, mean, _ = LAWS[name]
    q = quantized(name)
    found = expectation(q, first, lipschitz=1.0)
    assert found.high - found.low == pytest.approx(2 * float(q.w2), rel=1e-4)
    if mean is not None:
        assert found.low <= np.ravel(mean)[0] <= found.high
    assert worst_case(q, first, lipschitz=1.0) == found.high
    d = q.positions.shape[1]
    inside = probability(q, HalfSpace(np.eye(d)[0], float(found.value)))
    assert 0 <= inside.low <= inside.value <= inside.high <= 1


@each
def test_matched_moments(name):
    law = LAWS[name][0]
    if name in ("one's own", "mixture with one's own"):
        with pytest.raises(TypeError, match="mean and covariance of a Square"):
            quantize(law, 12, match_moments=True)
        return
    q = quantize(law, 12, match_moments=True)
    mean, cov = moments_of(q.distribution)
    x, w = concrete(q.positions), concrete(q.weights)
    np.testing.assert_allclose(w @ x, mean, atol=1e-5 * np.abs(x).max())
    np.testing.assert_allclose((w[:, None] * (x - mean)).T @ (x - mean), cov, atol=1e-5 * np.trace(cov))


@pytest.mark.parametrize("name", OTHERS)
def test_what_needs_gaussians_says_so(name):
    law = LAWS[name][0]
    for call in (lambda: reduce_mixture(law, 2), lambda: generate_scheme(law, 5)):
        with pytest.raises(TypeError, match="where a mixture of Gaussians is needed"):
            call()


@pytest.mark.parametrize("name", GAUSSIAN)
def test_mixtures_of_gaussians_by_any_name(name):
    reduced, bound = reduce_mixture(LAWS[name][0], 1)
    assert reduced.n_components == 1 and bound >= 0


@each
def test_pictures(name):
    """With the law behind the Diracs, whatever the dimension."""
    import matplotlib.pyplot as plt

    axes = plt.subplots(1, 2)[1]
    for ax, contours in zip(axes, (True, False)):
        quantized(name).plot(ax, contours=contours, legend=False)
    law, none = (len(ax.collections) + len(ax.lines) + len(ax.patches) + len(ax.images) for ax in axes)
    assert law > none
    plt.close("all")


@each
def test_files(name, tmp_path):
    q = quantized(name)
    for path in (tmp_path / "q.npz", tmp_path / "q.json"):
        if name in UNSAVED:
            with pytest.raises(TypeError, match="cannot save a"):
                q.save(path)
            assert not path.exists()
            continue
        q.save(path)
        back = Quantization.load(path)
        assert back.w2 == q.w2 and repr(back.distribution) == repr(q.distribution)
        np.testing.assert_array_equal(back.positions, concrete(q.positions).astype(back.positions.dtype))
    if name not in UNSAVED:
        again = discretize(back.distribution, PointScheme(back.positions))
        assert float(again.w2) == pytest.approx(float(q.w2), rel=1e-5)


@each
def test_pickles(name):
    back = pickle.loads(pickle.dumps(quantized(name)))
    assert back.w2 == quantized(name).w2 and repr(back.distribution)[:40] == repr(quantized(name).distribution)[:40]


def test_an_executor_has_nothing_to_share():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        for name in ("gamma", "student", "one's own", "image"):
            with pytest.raises(ValueError, match="executor shares"):
                quantize(LAWS[name][0], 3, executor=pool)
        assert quantize(LAWS["kde"][0], 3, executor=pool).w2 == quantize(LAWS["kde"][0], 3).w2


def test_single_precision_is_kept():
    for name in ("torch gamma", "torch kumaraswamy", "torch independent"):
        q = quantized(name)
        assert q.positions.dtype == q.weights.dtype == q.w2.dtype == torch.float32
        moved = quantize(LAWS[name][0], 12, match_moments=True)
        assert moved.positions.dtype == torch.float32 == recertify(LAWS[name][0], q).w2.dtype


def test_discrete_laws_of_torch_are_those_of_scipy():
    """In double precision, whatever theirs is."""
    for one, other in (
        (td.Poisson(torch.tensor(2.5)), st.poisson(2.5)),
        (td.Binomial(9, torch.tensor(0.25)), st.binom(9, 0.25)),
        (td.Geometric(torch.tensor(0.25)), st.geom(0.25, loc=-1)),
        (td.Bernoulli(logits=torch.tensor(0.0)), st.bernoulli(0.5)),
    ):
        found, known = quantize(one, 3), quantize(other, 3)
        assert found.positions.dtype == torch.float64 == found.w2.dtype
        np.testing.assert_allclose(found.positions, known.positions, rtol=1e-12)
        assert float(found.w2) == pytest.approx(float(known.w2), rel=1e-12)
        assert discretize(one, PointScheme(found.positions)).w2.dtype == torch.float64
        assert isinstance(recertify(one, found).w2_given, torch.Tensor)


@pytest.mark.parametrize(
    ("law", "error", "message"),
    [
        (td.Poisson(torch.ones(2)), ValueError, "make a list of single laws"),
        (td.Gamma(torch.ones(2), 1.0), ValueError, "make a list of single laws"),
        (st.gamma([2.0, 3.0]), ValueError, "make a list of single laws"),
        (st.poisson([2.0, 3.0]), ValueError, "make a list of single laws"),
        (td.Independent(td.Gamma(torch.ones(3, 2), 1.0), 1), ValueError, "make a list of single laws"),
        (td.Categorical(torch.ones(3)), TypeError, r"SumOfDiracs\(points, masses\)"),
        (td.NegativeBinomial(3, torch.tensor(0.5)), TypeError, "Bernoulli, Binomial, Geometric, Poisson are"),
        (td.Poisson(torch.tensor(2.0, requires_grad=True)), ValueError, "detach it"),
        (td.MixtureSameFamily(td.Categorical(torch.ones(2)), td.Gamma(torch.ones(2), 1.0)), TypeError, "MixtureSame"),
    ],
)
def test_refusals(law, error, message):
    for call in (lambda: quantize(law, 3), lambda: discretize(law, PointScheme([[0.0]]))):
        with pytest.raises(error, match=message):
            call()


def test_parts_are_no_discrete_laws_of_others():
    for make in (lambda: Mixture([st.poisson(2), st.norm()]), lambda: Independent([td.Poisson(torch.tensor(2.0))])):
        with pytest.raises(TypeError, match="give its atoms as SumOfDiracs"):
            make()


@pytest.mark.skipif(not hasattr(st, "make_distribution"), reason="this SciPy has no such laws")
def test_the_new_laws_of_scipy_are_refused_by_name():
    for law in (st.Normal(mu=1.0, sigma=2.0), st.make_distribution(st.gamma)(a=2.0)):
        with pytest.raises(TypeError, match="take a frozen one"):
            quantize(law, 3)


def test_transport_takes_those_with_cells_of_powers():
    one = SumOfDiracs([[1.0, 0.0]])
    with pytest.raises(TypeError, match="density must be a"):
        distance(one, LAWS["student"][0])
