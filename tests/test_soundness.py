"""Values that no front door can look at, and that it would refuse, have NaN for a certificate."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from diracs import (
    CrossCodebook,
    GaussianMixture,
    LayeredScheme,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    ScalarCodebook,
    SumOfDiracs,
    discretize,
    distance,
)

NAN, INF = float("nan"), float("inf")
MEANS, WEIGHTS = [[0.0, 0.0], [1.0, 2.0]], [1.0, 3.0]
COVS = {
    "isotropic": [1.0, 0.5],
    "diagonal": [[1.0, 0.5], [0.2, 0.0]],
    "full": [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 1.0], [1.0, 1.0]]],
}
GRID = ProductScheme([ScalarCodebook([-1.0, 0.5]), ScalarCodebook([0.0, 1.0, 2.0])])
CROSS = ProductScheme([CrossCodebook([1.0], 2)])
SCHEMES = {
    "product": GRID,
    "cross": CROSS,
    "layered": LayeredScheme([GRID, ProductScheme([CrossCodebook([0.5, 2.0], 2)], offset=[1.0, 2.0])], [0, 1]),
    "free layers": LayeredScheme([GRID, CROSS]),
    "points": PointScheme([[0.0, 0.0], [1.0, 1.0]]),
}
BROKEN = [
    ("isotropic", None, [1.0, NAN], None),
    ("isotropic", None, [1.0, -1.0], None),
    ("isotropic", None, [INF, 1.0], None),
    ("diagonal", None, [[1.0, 1.0], [1.0, -0.1]], None),
    ("full", None, [[[1.0, 2.0], [2.0, 1.0]], np.eye(2)], None),
    ("full", None, [[[1.0, 0.5], [0.0, 1.0]], np.eye(2)], None),
    ("full", None, [-np.eye(2), np.eye(2)], None),
    ("full", None, [np.full((2, 2), NAN), np.eye(2)], None),
    ("isotropic", None, None, [-1.0, 3.0]),
    ("isotropic", None, None, [-1.0, -3.0]),
    ("isotropic", None, None, [0.0, 0.0]),
    ("isotropic", None, None, [NAN, 1.0]),
    ("isotropic", None, None, [INF, 1.0]),
    ("isotropic", [[NAN, 0.0], [1.0, 2.0]], None, None),
    ("isotropic", [[0.0, 0.0], [1.0, INF]], None, None),
]


@pytest.mark.parametrize("name", SCHEMES)
def test_broken_laws_have_no_certificate_under_jit(name):
    scheme = SCHEMES[name]

    @jax.jit
    def certificate(means, covs, weights):
        q = discretize(GaussianMixture(means, covs, weights), scheme)
        return q.w2, q.weights

    for kind, means, covs, weights in BROKEN:
        good = [jnp.asarray(x, dtype=float) for x in (MEANS, COVS[kind], WEIGHTS)]
        if name == "points":
            good[1] = good[1] + (0.1 * jnp.eye(2) if kind == "full" else 0.1)
        w2, masses = certificate(*good)
        assert np.isfinite(w2), kind
        assert np.isfinite(masses).all()
        bad = [g if b is None else jnp.asarray(b, dtype=float) for g, b in zip(good, (means, covs, weights))]
        w2, masses = certificate(*bad)
        assert np.isnan(w2), (kind, means, covs, weights)
        assert np.isnan(masses).all()
        with pytest.raises(ValueError, match=r"means|covs|weights"):
            GaussianMixture(*bad)


def test_laws_that_no_front_door_has_seen_are_looked_at_all_the_same():
    law = GaussianMixture(jnp.asarray(MEANS), jnp.asarray(COVS["isotropic"]), jnp.asarray(WEIGHTS))
    negative = jax.tree_util.tree_map(lambda a: -a, law)
    certificate = jax.jit(lambda law: discretize(law, GRID).w2)
    assert np.isfinite(certificate(law))
    assert np.isnan(certificate(negative))


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (lambda x: ProductScheme([ScalarCodebook(x)]), [0.0, 1.0], [0.0, NAN]),
        (lambda x: ProductScheme([CrossCodebook(x, 2)]), [1.0, 2.0], [1.0, -2.0]),
        (lambda x: ProductScheme([CrossCodebook(x, 2)]), [1.0, 2.0], [0.0, 2.0]),
        (lambda x: ProductScheme([ScalarCodebook([0.0, 1.0])], scales=x), [1.0], [-1.0]),
        (lambda x: ProductScheme([ScalarCodebook([0.0, 1.0])], offset=x), [1.0, 0.0], [INF, 0.0]),
        (lambda x: ProductScheme([ScalarCodebook([0.0])], frame=x), np.eye(2), [[1.0, 0.0], [0.0, 1.1]]),
        (lambda x: LayeredScheme([GRID, ProductScheme([], offset=x)]), [1.0, 0.0], [NAN, 0.0]),
        (PointScheme, [[0.0, 1.0]], [[0.0, NAN]]),
    ],
)
def test_broken_schemes_have_no_certificate_under_jit(make, good, bad):
    law = GaussianMixture(MEANS, COVS["isotropic"])
    certificate = jax.jit(lambda x: discretize(law, make(x)).w2)
    assert np.isfinite(certificate(jnp.asarray(good, dtype=float)))
    assert np.isnan(certificate(jnp.asarray(bad, dtype=float)))


def test_good_laws_keep_their_certificates_and_slopes():
    for kind, covs in COVS.items():
        law = GaussianMixture(np.array(MEANS, np.float32), np.array(covs, np.float32), np.array(WEIGHTS, np.float32))
        w2, slope = jax.jit(jax.value_and_grad(lambda m, c: discretize(GaussianMixture(m, c, WEIGHTS), GRID).w2))(
            jnp.asarray(MEANS), jnp.asarray(covs)
        )
        assert float(w2) == pytest.approx(float(discretize(law, GRID).w2), rel=1e-4), kind
        assert np.isfinite(slope).all()


def test_batches_lose_only_what_is_broken():
    covs = jnp.asarray([[1.0, 0.5], [1.0, -0.5], [2.0, 1.0]])
    w2 = jax.vmap(lambda c: discretize(GaussianMixture(jnp.asarray(MEANS), c), GRID).w2)(covs)
    assert np.isfinite(w2).tolist() == [True, False, True]


def test_images_and_masses_below_zero_are_no_distance_under_jit():
    square = jnp.asarray([[0.2, 0.3], [0.8, 0.6]])
    of_image = jax.jit(lambda v: distance(SumOfDiracs(square), PolynomialGrid(v)))
    of_masses = jax.jit(lambda m: distance(SumOfDiracs(square, m), PolynomialGrid(jnp.ones((2, 2)))))
    for function, good in ((of_image, jnp.ones((2, 2))), (of_masses, jnp.ones(2))):
        assert np.isfinite(function(good))
        assert np.isnan(function(-good))


def test_torch_transforms_see_the_same():
    law = GaussianMixture(torch.tensor(MEANS), torch.tensor(COVS["isotropic"]))
    levels = torch.tensor([[0.0, 1.0], [0.0, NAN]])
    w2 = torch.func.vmap(lambda y: discretize(law, ProductScheme([ScalarCodebook(y)])).w2)(levels)
    assert torch.isfinite(w2).tolist() == [True, False]
