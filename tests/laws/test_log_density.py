"""Densities of mixtures against SciPy's, in three frameworks, with derivatives, at any scale."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from optional import optional
from precision import enable_x64

from diracs import Gaussian, GaussianMixture
from diracs.laws import log_density
from diracs.laws.gaussian import components_of

jax = optional("jax")
jnp = optional("jax.numpy")
torch = optional("torch")

RNG = np.random.default_rng(3)


def mixture(d, kind, scale=1.0):
    factors = RNG.normal(size=(3, d, d))
    covs = {
        "isotropic": RNG.random(3) + 0.1,
        "diagonal": RNG.random((3, d)) + 0.1,
        "full": factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(d),
    }[kind]
    return GaussianMixture(scale * RNG.normal(size=(3, d)), scale**2 * covs, [1, 2, 3])


def by_scipy(law, x):
    parts = zip(*components_of(law))
    return sum(w * scipy.stats.multivariate_normal(m, c).pdf(x) for m, c, w in parts)


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
@pytest.mark.parametrize("d", [1, 2, 4])
def test_densities_are_those_of_scipy(d, kind):
    law, x = mixture(d, kind), RNG.normal(size=(5, 4, d))
    np.testing.assert_allclose(law.pdf(x), by_scipy(law, x), rtol=1e-12)
    np.testing.assert_allclose(law.logpdf(x), np.log(by_scipy(law, x)), rtol=1e-12, atol=1e-12)
    assert law.logpdf(x[0, 0]).shape == () and law.pdf(x[0, 0]).shape == ()


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_any_scale(kind, scale):
    law = mixture(2, kind)
    wide = GaussianMixture(scale * law.means, scale**2 * law.covs, law.weights)
    x = RNG.normal(size=(6, 2))
    np.testing.assert_allclose(wide.logpdf(scale * x) + 2 * np.log(scale), law.logpdf(x), atol=1e-9)


def test_far_away_it_is_zero_and_nothing_is_said():
    law = mixture(2, "full")
    assert law.logpdf([[1e200, 0.0]]) == -np.inf and law.pdf([[1e200, 0.0]]) == 0.0
    assert np.isfinite(law.logpdf([[1e8, 0.0]]))


def test_many_points_in_blocks(monkeypatch):
    law, x = mixture(2, "full"), RNG.normal(size=(50, 2))
    whole = law.logpdf(x)
    monkeypatch.setattr(log_density, "_BLOCK", 42)
    np.testing.assert_allclose(law.logpdf(x), whole, rtol=1e-14)


def test_batches_go_with_points_of_their_own():
    one, other = mixture(2, "diagonal"), mixture(2, "diagonal")
    both = GaussianMixture(*(np.stack(a) for a in zip(*((m.means, m.covs, m.weights) for m in (one, other)))))
    x = RNG.normal(size=(2, 7, 2))
    np.testing.assert_allclose(both.logpdf(x), [one.logpdf(x[0]), other.logpdf(x[1])], rtol=1e-14)
    np.testing.assert_allclose(both.logpdf(x[0]), [one.logpdf(x[0]), other.logpdf(x[0])], rtol=1e-14)
    with pytest.raises(ValueError, match=r"x must have shape \(m, 2\)"):
        both.logpdf([0.0, 0.0])


@pytest.mark.parametrize("kind", ["isotropic", "diagonal", "full"])
def test_derivatives_are_those_of_differences(kind):
    law, x = mixture(2, kind), RNG.normal(size=(5, 2))
    arrays = [torch.tensor(a, requires_grad=True) for a in (law.means, law.covs, law.weights)]
    GaussianMixture(*arrays).logpdf(torch.tensor(x)).sum().backward()

    def value(*given):
        return GaussianMixture(*given).logpdf(jnp.asarray(x)).sum()

    with enable_x64(True):
        given = tuple(jnp.asarray(a) for a in (law.means, law.covs, law.weights))
        found = jax.jit(jax.grad(value, (0, 1, 2)))(*given)
    for ours, theirs in zip(arrays, found):
        np.testing.assert_allclose(ours.grad.numpy(), theirs, rtol=1e-6, atol=1e-8)
    step = 1e-6
    ahead = GaussianMixture(law.means + step, law.covs, law.weights).logpdf(x).sum()
    back = GaussianMixture(law.means - step, law.covs, law.weights).logpdf(x).sum()
    assert (ahead - back) / (2 * step) == pytest.approx(float(arrays[0].grad.sum()), rel=1e-6)


def test_components_without_weight_do_not_count():
    law = GaussianMixture([[0.0], [5.0]], [1.0, 0.0], [1, 0])
    assert law.pdf([[0.0]]) == pytest.approx((2 * np.pi) ** -0.5)
    means = torch.tensor([[0.0], [5.0]], requires_grad=True)
    GaussianMixture(means, [1.0, 0.0], [1, 0]).logpdf([[1.0]]).sum().backward()
    assert means.grad.ravel().tolist() == [1.0, 0.0]


@pytest.mark.parametrize("covs", [[0.0], [[1.0, 0.0]], [[[1.0, 1.0], [1.0, 1.0]]]])
def test_singular_laws_have_no_density(covs):
    with pytest.raises(ValueError, match="singular covariance"):
        GaussianMixture([[0.0, 0.0]], covs).pdf([[0.0, 0.0]])


def test_framework_dtype_and_bad_points():
    law = GaussianMixture(torch.zeros(1, 2), torch.ones(1))
    assert law.pdf(np.zeros((3, 2))).dtype == torch.float32
    gaussian = Gaussian([0.0, 0.0], 1.0)
    assert gaussian.pdf([0.0, 0.0]) == pytest.approx(1 / (2 * np.pi))
    assert gaussian.logpdf([0.0, 0.0]) == pytest.approx(-np.log(2 * np.pi))
    with pytest.raises(ValueError, match=r"x must have shape \(..., 2\), got \(3,\)"):
        gaussian.pdf([0.0, 0.0, 1.0])
