"""Bad input is refused at the front door, by the name of the argument."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

import diracs
from diracs import (
    CrossCodebook,
    Gaussian,
    GaussianMixture,
    LayeredScheme,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    generate_scheme,
    quantize,
    recertify,
)

torch = optional("torch")

LAW = GaussianMixture([[0.0, 0.0], [1.0, 2.0]], [1.0, 0.5])
LINE = Gaussian(0.0, 1.0)
NAN, INF = float("nan"), float("inf")


def refused(named, function, *arguments, **keywords):
    with pytest.raises((ValueError, TypeError), match=named) as caught:
        function(*arguments, **keywords)
    assert type(caught.value) in (ValueError, TypeError)


@pytest.mark.parametrize(
    ("n", "kind"),
    [
        (0, ValueError),
        (-3, ValueError),
        (3.0, TypeError),
        (2.5, TypeError),
        (NAN, TypeError),
        (True, TypeError),
        (np.True_, TypeError),
        ("3", TypeError),
        (np.array([1, 2]), TypeError),
        ([3], TypeError),
        (1j, TypeError),
    ],
)
def test_numbers_of_points_are_whole_and_at_least_one(n, kind):
    with pytest.raises(kind, match="n must be"):
        quantize(LAW, n=n)
    with pytest.raises(kind, match="scheme_size must be"):
        generate_scheme(LAW, n)
    with pytest.raises(kind, match="ndim_support must be"):
        generate_scheme(LAW, 10, ndim_support=n)
    with pytest.raises(kind, match="ndim must be"):
        CrossCodebook([1.0], n)


@pytest.mark.parametrize("n", [np.int64(3), np.uint8(3), torch.tensor(3)])
def test_whole_numbers_of_any_library_are_numbers_of_points(n):
    assert len(quantize(LINE, n=n)) == 3
    assert generate_scheme(LINE, n).size == 3


def test_either_n_or_w2_is_given():
    refused("either n.*or w2", quantize, LAW)
    refused("either n.*or w2", quantize, LAW, n=3, w2=0.1)
    refused("either n.*or w2", quantize, LAW, 3, w2=0.1)


@pytest.mark.parametrize("w2", [0, 0.0, -1.0, NAN, INF, -INF, "much", [0.1, 0.2], np.array([0.1, 0.2]), 1j, {}])
def test_errors_to_stay_below_are_positive_numbers(w2):
    refused("w2 must be", quantize, LAW, w2=w2)


@pytest.mark.parametrize("scheme", ["best", "", "Auto", None, 3, ["grid"], ProductScheme(())])
def test_unknown_schemes_are_refused(scheme):
    refused("scheme must be one of", quantize, LAW, n=3, scheme=scheme)


@pytest.mark.parametrize("configuration", ["auto", "optimal", "", None, 1, "Grid"])
def test_unknown_configurations_are_refused(configuration):
    refused("configuration must be one of", generate_scheme, LAW, 3, configuration=configuration)


def test_optimal_points_in_the_plane_need_positive_definite_covariances():
    for covs in ([1.0, 0.0], [[[1.0, 1.0], [1.0, 1.0]], np.eye(2)], [[1.0, 1e-13], [1.0, 1.0]]):
        law = GaussianMixture([[0.0, 0.0], [1.0, 2.0]], covs)
        refused("positive definite.*scheme='product'", quantize, law, n=3, scheme="optimal")
        refused("positive definite.*ProductScheme", discretize, law, PointScheme(np.eye(2)))


def test_images_are_refused_where_the_scheme_is_not_one_of_points():
    image, line = (PolynomialGrid(np.ones(shape)) for shape in ((3, 4), (5,)))
    refused("'auto' or 'optimal'", quantize, image, n=3, scheme="grid")
    refused("one dimension", discretize, line, PointScheme(np.eye(2)))
    refused("either n", quantize, image)
    refused("either n", quantize, image, n=3, w2=0.1)
    refused("n must be", quantize, image, n=0)
    refused("w2 must be", quantize, image, w2=-1.0)
    refused("100000 points", quantize, image, w2=1e-9)
    refused("100000 points", quantize, line, w2=1e-9)
    refused("'auto' or 'optimal'", quantize, line, n=3, scheme="product")
    refused("further", discretize, line, PointScheme([[1e13], [1e14]]))
    refused("PointScheme", discretize, image, ProductScheme((), offset=[0.0, 0.0]))
    refused("one dimension", discretize, image, PointScheme([[0.0]]))


@pytest.mark.parametrize(
    "points", [[], [0.0, 1.0], [[[0.0], [1.0]]], [[NAN, 0.0]], [[INF, 0.0]], np.zeros((0, 2)), "x", 1j]
)
def test_points_have_a_shape_and_finite_numbers(points):
    refused("points", PointScheme, points)


def test_recertify_takes_single_laws_and_diracs_of_one_dimension():
    diracs, image = SumOfDiracs(np.eye(2)), PolynomialGrid(np.ones((2, 2)))
    refused("diracs must be a SumOfDiracs or a Quantization", recertify, LAW, np.eye(2))
    refused("for a distribution", recertify, 3, diracs)
    refused("dimension", recertify, LINE, diracs)
    refused("dimension", recertify, Gaussian(np.zeros(4), np.ones(4)), SumOfDiracs(np.eye(4)))
    refused("batch", recertify, LAW, SumOfDiracs(np.zeros((2, 3, 2))))
    refused("batch", recertify, GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1))), diracs)
    refused("one dimension", recertify, PolynomialGrid(np.ones(4)), diracs)
    refused("further", recertify, PolynomialGrid(np.ones(4)), SumOfDiracs([[0.0], [1e14]]))
    refused("positive definite", recertify, Gaussian([0.0, 0.0], [1.0, 0.0]), diracs)
    assert recertify(image, quantize(image, n=3)).w2_given > 0


def test_batches_have_no_one_scheme():
    batch = GaussianMixture(np.zeros((4, 2, 1)), np.ones((4, 2)))
    refused("distribution.*batch", generate_scheme, batch, 3)


@pytest.mark.parametrize(
    "law", [None, 3, "normal", [0.0, 1.0], np.zeros((3, 2)), torch.zeros(3, 2), object(), Gaussian, {}]
)
def test_what_is_no_distribution_is_refused(law):
    for function in (
        lambda: quantize(law, n=3),
        lambda: generate_scheme(law, 3),
        lambda: discretize(law, ProductScheme((), offset=[0.0, 0.0])),
    ):
        with pytest.raises(TypeError, match="for a distribution; accepted are"):
            function()


@pytest.mark.parametrize(
    "scheme", [None, "grid", 3, [], [ProductScheme(())], ScalarCodebook([0.0]), LAW, np.zeros((3, 2))]
)
def test_what_is_no_scheme_is_refused(scheme):
    with pytest.raises(TypeError, match="scheme must be a ProductScheme, a LayeredScheme or a PointScheme"):
        discretize(LAW, scheme)


def test_schemes_of_the_wrong_dimension_are_refused():
    for scheme in (
        ProductScheme([ScalarCodebook([0.0, 1.0])], offset=[0.0]),
        ProductScheme([ScalarCodebook([0.0, 1.0])], np.eye(3)),
        ProductScheme([ScalarCodebook([0.0])] * 3),
        LayeredScheme([ProductScheme((), offset=[0.0, 0.0, 0.0])]),
        ProductScheme([CrossCodebook([1.0], 3)]),
    ):
        refused("scheme.*(dimension|axes)", discretize, LAW, scheme)


@pytest.mark.parametrize(
    "levels", [[], [NAN], [INF, 0.0], 1.0, [[0.0, 1.0]], "levels", ["a"], np.array([1j]), None, [[0.0], [1.0, 2.0]]]
)
def test_levels_are_a_row_of_finite_numbers(levels):
    refused("levels", ScalarCodebook, levels)


@pytest.mark.parametrize(
    "radii", [[], [NAN], [INF], 1.0, [[1.0]], [0.0], [-1.0], [1.0, 0.0], "a", np.array([1j]), None]
)
def test_radii_are_a_row_of_positive_numbers(radii):
    refused("radii", CrossCodebook, radii, 2)


MEANS, COVS = [[0.0, 0.0], [1.0, 2.0]], [1.0, 0.5]


@pytest.mark.parametrize(
    "means",
    [
        [[NAN, 0.0], [1.0, 2.0]],
        [[INF, 0.0], [1.0, 2.0]],
        [0.0, 1.0],
        0.0,
        np.zeros((0, 2)),
        np.zeros((2, 0)),
        [],
        "means",
        [["a", "b"]],
        np.zeros((2, 2), complex),
        [[0.0, 0.0], [1.0]],
        None,
        {},
    ],
)
def test_bad_means_are_named(means):
    refused("means", GaussianMixture, means, COVS)


@pytest.mark.parametrize(
    "covs",
    [
        [1.0, NAN],
        [1.0, INF],
        [1.0, -0.1],
        [[1.0, 1.0], [1.0, -1e-9]],
        [1.0],
        [1.0, 1.0, 1.0],
        1.0,
        np.ones((2, 3)),
        np.ones((2, 2, 3)),
        np.ones((2, 1, 2, 2)),
        [],
        "covs",
        np.ones(2, complex),
        None,
        [np.eye(2), [[1.0, 0.5], [0.0, 1.0]]],
        [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]],
        [np.eye(2), [[-1.0, 0.0], [0.0, -1.0]]],
        [np.eye(2), [[1.0, 0.0], [0.0, -1e-6]]],
    ],
)
def test_bad_covariances_are_named(covs):
    refused("covs", GaussianMixture, MEANS, covs)


@pytest.mark.parametrize(
    "weights",
    [
        [0.5, NAN],
        [0.5, INF],
        [0.5, -0.5],
        [0.0, 0.0],
        [1.0],
        [1.0, 1.0, 1.0],
        [[1.0, 1.0]],
        1.0,
        "ab",
        [],
        np.array([1j, 1]),
    ],
)
def test_bad_weights_are_named(weights):
    refused("weights", GaussianMixture, MEANS, COVS, weights)
    refused("weights", SumOfDiracs, MEANS, weights)


@pytest.mark.parametrize(
    "positions", [[], [0.0, 1.0], 0.0, [[NAN]], [[INF]], "x", np.zeros((0, 2)), np.array([[1j]]), None]
)
def test_bad_positions_are_named(positions):
    refused("positions", SumOfDiracs, positions)


@pytest.mark.parametrize(("mean", "cov", "named"), [
    (NAN, 1.0, "mean"),
    ("a", 1.0, "mean"),
    ([], 1.0, "mean"),
    ([0.0, 0.0], -1.0, "cov"),
    ([0.0, 0.0], [1.0, 1.0, 1.0], "cov"),
    ([0.0, 0.0], [[1.0, 0.0]], "cov"),
    ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]], "cov"),
    ([0.0, 0.0], [[1.0, 0.1], [0.0, 1.0]], "cov"),
    ([0.0, 0.0], None, "cov"),
    (0.0, NAN, "cov"),
    (np.array([1j]), 1.0, "mean"),
    (0.0, np.array(1j), "cov"),
])  # fmt: skip
def test_bad_parameters_of_a_gaussian_are_named(mean, cov, named):
    refused(f"^{named} ", Gaussian, mean, cov)


@pytest.mark.parametrize("make", [torch.tensor, np.asarray], ids=["torch", "numpy"])
def test_arrays_of_every_framework_are_checked(make):
    good = make([[0.0, 0.0]])
    refused("covs.*negative", GaussianMixture, good, make([-1.0]))
    refused("covs.*symmetric", GaussianMixture, good, make([[[1.0, 1.0], [0.0, 1.0]]]))
    refused("covs.*semidefinite", GaussianMixture, good, make([[[1.0, 2.0], [2.0, 1.0]]]))
    refused("means.*finite", GaussianMixture, make([[NAN, 0.0]]), make([1.0]))
    refused("weights.*negative", GaussianMixture, good, make([1.0]), make([-1.0]))
    refused("levels.*finite", ScalarCodebook, make([NAN]))
    refused("scales.*negative", ProductScheme, [ScalarCodebook(make([0.0]))], scales=make([-1.0]))


def test_symmetry_and_definiteness_are_judged_up_to_the_rounding_of_the_dtype():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        a = rng.normal(size=(20, 20)).astype(dtype)
        rotation = np.linalg.qr(a)[0]
        singular = (rotation * np.r_[np.ones(10), np.zeros(10)].astype(dtype)) @ rotation.T
        for unit in (1e-30, 1.0, 1e30):
            assert Gaussian(np.zeros(20, dtype), singular * dtype(unit)).cov.dtype == dtype


def test_what_rounding_alone_explains_is_accepted_and_the_cure_for_the_rest_works():
    rng = np.random.default_rng(0)
    for d in (2, 5, 30):
        thin = rng.normal(size=(d, d - 1))
        c = thin @ thin.T
        values, vectors = np.linalg.eigh(c)
        # Products and sums leave eigenvalues like −1e-16 of the largest.
        for scale in (1e-10, 1.0, 1e10):
            Gaussian(np.zeros(d), scale * c)
        worse = (vectors * np.r_[-1e-10 * values[-1], values[1:]]) @ vectors.T
        refused(r"cov must be positive semidefinite.*w, V = np.linalg.eigh\(C\)", Gaussian, np.zeros(d), worse)
        w, V = np.linalg.eigh(worse)
        assert Gaussian(np.zeros(d), (V * w.clip(0)) @ V.T).ndim == d
        for kind in (np.float32, np.float64):
            Gaussian(np.zeros(d, kind), ((V * w.clip(0)) @ V.T).astype(kind))
    law = GaussianMixture(MEANS, [[1.0, -1e-17], [0.5, 0.5]])
    assert law.covs.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert GaussianMixture(MEANS, torch.tensor([1.0, -1e-9])).covs.tolist() == [1.0, 0.0]
    refused(r"covs holds variances.*np.maximum\(covs, 0\)", GaussianMixture, MEANS, [1.0, -1e-10])
    refused(r"cov holds variances", Gaussian, 0.0, -1e-300)


def test_samples_images_and_quantizations_are_told_where_to_go():
    for samples in (np.zeros((3, 2)), torch.zeros(3, 2), [[0.0, 1.0]]):
        refused(r"SumOfDiracs\(samples\).*fit_mixture.*PolynomialGrid", quantize, samples, n=3)
    refused("a Quantization .*`diracs`.*`distribution`", quantize, quantize(LINE, n=3), n=2)


def test_nothing_that_was_given_is_changed():
    means, covs, weights = np.array(MEANS), np.array(COVS), np.array([1.0, 3.0])
    law = GaussianMixture(means, covs, weights)
    quantize(law, n=7)
    assert means.tolist() == MEANS
    assert covs.tolist() == COVS
    assert weights.tolist() == [1.0, 3.0]
    levels = np.array([1.0, -1.0])
    discretize(law, ProductScheme([ScalarCodebook(levels)]))
    assert levels.tolist() == [1.0, -1.0]


def test_every_public_name_is_there():
    for name in diracs.__all__:
        assert getattr(diracs, name) is not None
    assert diracs.SumOfGaussians is GaussianMixture


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: GaussianMixture([[1 + 1j]], [1.0]), "means"),
        (lambda: ScalarCodebook([1 + 1j, 0]), "levels"),
        (lambda: quantize(Gaussian([0.0], [1.0]), w2=True), "w2"),
        (lambda: quantize(Gaussian([0.0], [1.0]), w2="0.1"), "w2"),  # type: ignore[arg-type]
        (lambda: quantize(Gaussian([0.0], [1.0]), n=10**30), "n"),
        (lambda: ProductScheme(3), "codebooks"),  # type: ignore[arg-type]
        (lambda: ProductScheme(None), "codebooks"),  # type: ignore[arg-type]
        (lambda: LayeredScheme(None), "schemes"),  # type: ignore[arg-type]
        (lambda: LayeredScheme([ProductScheme([], offset=[0.0])] * 2, groups=[[0], [1, 2]]), "groups"),
    ],
)
def test_more_that_is_refused_by_name(make, name):
    with pytest.raises((TypeError, ValueError), match=name):
        make()
