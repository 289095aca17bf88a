"""Converted distributions have the moments and densities of the originals, and keep derivatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from optional import optional

from diracs.laws.convert import as_distribution
from diracs.laws.diracs import SumOfDiracs
from diracs.laws.gaussian import Gaussian, GaussianMixture, full_covariances

estimators = optional("sklearn.mixture")

td = optional("torch.distributions")
torch = optional("torch")


def log_density(mixture: GaussianMixture, points: np.ndarray) -> np.ndarray:
    """Log-density of an unbatched NumPy mixture by `scipy.stats`."""
    means, weights = np.asarray(mixture.means), np.asarray(mixture.weights)
    covs = full_covariances(means, np.asarray(mixture.covs))
    return np.log(sum(w * scipy.stats.multivariate_normal(m, c).pdf(points) for m, c, w in zip(means, covs, weights)))


def random_covariances(rng: np.random.Generator, *shape: int) -> np.ndarray:
    a = rng.normal(size=(*shape, shape[-1]))
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


@pytest.mark.parametrize(
    "own",
    [
        Gaussian([0.0, 1.0], [1.0, 2.0]),
        GaussianMixture([[0.0], [1.0]], [1.0, 2.0]),
        SumOfDiracs([[0.0], [1.0]]),
    ],
)
def test_own_distributions_come_back_unchanged(own):
    assert as_distribution(own) is own


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_torch_multivariate_normal(batch):
    rng = np.random.default_rng(0)
    mean = torch.tensor(rng.normal(size=(*batch, 2)))
    cov = torch.tensor(random_covariances(rng, *batch, 2))
    law = as_distribution(td.MultivariateNormal(mean, scale_tril=torch.linalg.cholesky(cov)))
    assert isinstance(law, Gaussian)
    assert law.mean.shape == (*batch, 2)
    torch.testing.assert_close(law.mean, mean)
    torch.testing.assert_close(law.cov, cov, rtol=1e-14, atol=1e-14)


def test_torch_normals_give_variances_not_deviations():
    diagonal = as_distribution(td.Independent(td.Normal(torch.zeros(3, 2), torch.tensor([0.5, 2.0])), 1))
    assert tuple(diagonal.mean.shape) == (3, 2)
    np.testing.assert_array_equal(diagonal.cov, np.broadcast_to([0.25, 4.0], (3, 2)))
    line = as_distribution(td.Normal(torch.tensor(1.0), torch.tensor(3.0)))
    assert line.ndim == 1
    assert line.mean.tolist() == [1.0]
    assert line.cov.tolist() == [9.0]


@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("kind", ["full", "independent", "line"])
def test_torch_mixture_keeps_batch_and_derivatives(kind, batch):
    rng = np.random.default_rng(1)
    means = torch.tensor(rng.normal(size=(*batch, 4, 2)), requires_grad=True)
    logits = torch.tensor(rng.normal(size=(*batch, 4)), requires_grad=True)
    scale = torch.tensor(rng.uniform(0.5, 2.0, size=(*batch, 4, 2)), requires_grad=True)
    components = {
        "full": lambda: td.MultivariateNormal(means, torch.diag_embed(scale**2)),
        "independent": lambda: td.Independent(td.Normal(means, scale), 1),
        "line": lambda: td.Normal(means[..., 0], scale[..., 0]),
    }[kind]()
    original = td.MixtureSameFamily(td.Categorical(logits=logits), components)
    mixture = as_distribution(original)
    d = 1 if kind == "line" else 2
    assert mixture.batch_shape == batch
    assert (mixture.n_components, mixture.ndim) == (4, d)
    assert mixture.covariance_kind == ("full" if kind == "full" else "diagonal")

    # Mean and variances of the mixture, against PyTorch's own.
    variances = torch.diagonal(mixture.covs, dim1=-2, dim2=-1) if kind == "full" else mixture.covs
    w = mixture.weights[..., None]
    mean = (w * mixture.means).sum(-2)
    variance = (w * (variances + mixture.means**2)).sum(-2) - mean**2
    shape = (*batch, d)
    torch.testing.assert_close(mean, original.mean.reshape(shape))
    torch.testing.assert_close(variance, original.variance.reshape(shape))
    ours = torch.autograd.grad(variance.sum(), [means, logits, scale], retain_graph=True)
    theirs = torch.autograd.grad(original.variance.sum(), [means, logits, scale], retain_graph=True)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b)


def test_torch_mixture_broadcasts_shared_components():
    """Weights of a batch over components that are the same in the whole batch."""
    weights = torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    components = td.MultivariateNormal(torch.zeros(1, 2, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64))
    mixture = as_distribution(td.MixtureSameFamily(td.Categorical(weights), components))
    assert mixture.batch_shape == (3,)
    assert tuple(mixture.covs.shape) == (3, 2, 3, 3)
    torch.testing.assert_close(mixture.weights, weights.double())


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("estimator", [estimators.GaussianMixture, estimators.BayesianGaussianMixture])
def test_sklearn_mixture_has_the_same_density(estimator, kind):
    rng = np.random.default_rng(2)
    points = np.concatenate([rng.normal(size=(150, 3)) * [1, 2, 0.5], rng.normal(size=(100, 3)) + 5])
    fitted = estimator(n_components=2, covariance_type=kind, random_state=0).fit(points)
    mixture = as_distribution(fitted)
    assert mixture.covariance_kind == {"diag": "diagonal", "spherical": "isotropic"}.get(kind, "full")
    if estimator is estimators.GaussianMixture:
        np.testing.assert_allclose(log_density(mixture, points), fitted.score_samples(points), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mixture.means, fitted.means_)
    np.testing.assert_allclose(mixture.weights, fitted.weights_)


def test_sklearn_unfitted_says_to_fit():
    with pytest.raises(ValueError, match="fit"):
        as_distribution(estimators.GaussianMixture(2))


def test_scipy_multivariate_normal():
    cov = random_covariances(np.random.default_rng(3), 3)
    law = as_distribution(scipy.stats.multivariate_normal([1, 2, 3], cov))
    np.testing.assert_array_equal(law.mean, [1.0, 2.0, 3.0])
    np.testing.assert_allclose(law.cov, cov, rtol=1e-14)
    singular = scipy.stats.Covariance.from_eigendecomposition(([0.0, 2.0], np.eye(2)))
    law = as_distribution(scipy.stats.multivariate_normal([0, 0], singular))
    np.testing.assert_allclose(law.cov, np.diag([0.0, 2.0]))
    scalar = as_distribution(scipy.stats.multivariate_normal(1.0, 4.0))
    assert (scalar.mean.tolist(), scalar.cov.tolist()) == ([1.0], [[4.0]])


def test_scipy_norm_gives_variance_and_batch():
    law = as_distribution(scipy.stats.norm(1.0, 2.0))
    assert (law.mean.tolist(), law.cov.tolist()) == ([1.0], [4.0])
    named = as_distribution(scipy.stats.norm(loc=[1.0, 2.0, 3.0], scale=0.5))
    np.testing.assert_array_equal(named.mean, [[1.0], [2.0], [3.0]])
    np.testing.assert_array_equal(named.cov, [[0.25]] * 3)


@pytest.mark.parametrize(
    "other",
    [
        "normal",
        np.zeros((3, 2)),
        None,
        scipy.stats.gamma(2.0),
        scipy.stats.norm,
        scipy.stats.multivariate_normal,
        scipy.stats.multivariate_t([0, 0]),
        scipy.stats.lognorm(1.0),
        td.Gamma(torch.tensor(1.0), torch.tensor(1.0)),
        td.LogNormal(0.0, 1.0),
        td.Independent(td.Normal(torch.zeros(2, 3), 1.0), 2),
        GaussianMixture,
    ],
    ids=lambda x: f"{type(x).__name__}",
)
def test_anything_else_is_refused_with_a_list(other):
    with pytest.raises(TypeError) as error:
        as_distribution(other)
    for accepted in ("GaussianMixture", "MultivariateNormal", "scikit-learn", "multivariate_normal(mean, cov)"):
        assert accepted in str(error.value)


@pytest.mark.parametrize(
    ("other", "hint"),
    [
        ("photo.png", r"str \(read the file first; a picture becomes PolynomialGrid"),
        (Path("photo.png"), r"\w*Path \(read the file first"),
        (lambda x: -(x**2), r"a function \(of a density take values on a grid"),
        (scipy.stats.gamma(2.0).logpdf, r"a method \(of a density take values"),
        (np.exp, "numpy.ufunc"),
    ],
)
def test_what_newcomers_try_is_answered_with_what_to_do(other, hint):
    with pytest.raises(TypeError, match=f"cannot take {hint}"):
        as_distribution(other)


def test_mixture_of_other_families_is_refused():
    gammas = td.MixtureSameFamily(td.Categorical(torch.ones(2)), td.Gamma(torch.ones(2), torch.ones(2)))
    with pytest.raises(TypeError, match="Gamma"):
        as_distribution(gammas)
