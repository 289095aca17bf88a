"""Values that no front door can look at, and that it would refuse, have NaN for a certificate."""

from __future__ import annotations

import numpy as np
import pytest
from optional import optional

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

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

NAN, INF = float("nan"), float("inf")
MEANS, WEIGHTS = [[0.0, 0.0], [1.0, 2.0]], [1.0, 3.0]
COVS = {
    "isotropic": [1.0, 0.5],
    "diagonal": [[1.0, 0.5], [0.2, 0.0]],
    "full": [[[1.0, 0.5], [0.5, 1.0]], [[1.0, 1.0], [1.0, 1.0]]],
}
GRID = ProductScheme([ScalarCodebook([-1.0, 0.5]), ScalarCodebook([0.0, 1.0, 2.0])])
CROSS = ProductScheme([CrossCodebook([1.0], 2)])
LINE = ProductScheme([ScalarCodebook([-1.0, 0.5])])
SCHEMES = {
    "product": GRID,
    "cross": CROSS,
    "layered": LayeredScheme([GRID, ProductScheme([CrossCodebook([0.5, 2.0], 2)], offset=[1.0, 2.0])], [0, 1]),
    "free layers": LayeredScheme([GRID, CROSS]),
    "line": LINE,
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


def laws(kind, framework):
    """A batch of the good law and all broken ones of a kind."""
    rows = [(MEANS, COVS[kind], WEIGHTS)]
    rows += [
        tuple(good if bad is None else bad for good, bad in zip(rows[0], broken, strict=True))
        for name, *broken in BROKEN
        if name == kind
    ]
    return [framework(np.array(column, dtype=float)) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("kind", COVS)
@pytest.mark.parametrize("name", SCHEMES)
def test_broken_laws_have_no_certificate(name, kind):
    """Under PyTorch's vmap no value can be looked at, as under jit."""
    arrays = laws(kind, torch.tensor)

    def certificate(means, covs, weights):
        q = discretize(GaussianMixture(means, covs, weights), SCHEMES[name])
        return q.w2, q.weights

    w2, masses = torch.func.vmap(certificate)(*arrays)
    good = [True] + [False] * (len(w2) - 1)
    assert torch.isfinite(w2).tolist() == good
    assert torch.isfinite(masses).all(1).tolist() == torch.isfinite(masses).any(1).tolist() == good
    for row in list(zip(*arrays, strict=True))[1:]:
        with pytest.raises(ValueError, match=r"means|covs|weights"):
            GaussianMixture(*row)


@pytest.mark.parametrize(("scheme", "kind"), [(LINE, "isotropic"), (CROSS, "full"), (PointScheme(np.eye(2)), "full")])
def test_broken_laws_have_no_certificate_under_jit(scheme, kind):
    certificate = jax.jit(lambda *arrays: discretize(GaussianMixture(*arrays), scheme).w2)
    first, *others = zip(*laws(kind, jnp.asarray), strict=True)
    if isinstance(scheme, PointScheme):
        first = first[0], first[1] + 0.1 * jnp.eye(2), first[2]
    assert np.isfinite(certificate(*first))
    for arrays in others:
        assert np.isnan(certificate(*arrays))


def test_laws_that_no_front_door_has_seen_are_looked_at_all_the_same():
    law = GaussianMixture(jnp.asarray(MEANS), jnp.asarray(COVS["isotropic"]), jnp.asarray(WEIGHTS))
    negative = jax.tree_util.tree_map(lambda a: -a, law)
    certificate = jax.jit(lambda law: discretize(law, LINE).w2)
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
    ],
)
def test_broken_schemes_have_no_certificate(make, good, bad):
    both = torch.tensor(np.array([good, bad], dtype=float))
    law = GaussianMixture(torch.tensor(MEANS), COVS["isotropic"])
    w2 = torch.func.vmap(lambda x: discretize(law, make(x)).w2)(both)
    assert torch.isfinite(w2).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"must"):
        make(both[1])


def test_good_laws_keep_their_certificates_and_slopes():
    for kind, covs in COVS.items():
        means, covs = torch.tensor(MEANS, dtype=torch.float64), torch.tensor(covs, dtype=torch.float64)

        def certificate(means, covs):
            return discretize(GaussianMixture(means, covs, WEIGHTS), CROSS).w2

        means.requires_grad_()
        w2 = certificate(means, covs)
        (slope,) = torch.autograd.grad(w2, means)
        found, value = torch.func.grad_and_value(certificate)(means.detach(), covs)
        assert float(value) == pytest.approx(float(w2.detach()), rel=1e-12), kind
        torch.testing.assert_close(found, slope)


def test_batches_lose_only_what_is_broken():
    covs = jnp.asarray([[1.0, 0.5], [1.0, -0.5], [2.0, 1.0]])
    w2 = jax.vmap(lambda c: discretize(GaussianMixture(jnp.asarray(MEANS), c), CROSS).w2)(covs)
    assert np.isfinite(w2).tolist() == [True, False, True]


def test_images_and_masses_below_zero_are_no_distance_under_jit():
    square = jnp.asarray([[0.2, 0.3], [0.8, 0.6]])
    of_image = jax.jit(lambda v: distance(SumOfDiracs(square), PolynomialGrid(v)))
    of_masses = jax.jit(lambda m: distance(SumOfDiracs(square, m), PolynomialGrid(jnp.ones((2, 2)))))
    for function, good in ((of_image, jnp.ones((2, 2))), (of_masses, jnp.ones(2))):
        assert np.isfinite(function(good))
        assert np.isnan(function(-good))
