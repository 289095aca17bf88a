"""What is saved comes back to the last bit, in both formats; damaged files are refused with a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.stats
from optional import optional

from diracs import (
    CrossCodebook,
    GaussianMixture,
    LayeredScheme,
    PointScheme,
    PolynomialGrid,
    ProductScheme,
    Quantization,
    ScalarCodebook,
    discretize,
    quantize,
)
from diracs.show.files import load, read_law, save

jnp = optional("jax.numpy")
torch = optional("torch")

FORMATS = ["npz", "json"]


def mixture(xp=np) -> GaussianMixture:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 2, 2))
    arrays = (3.0 * rng.normal(size=(3, 2)), a @ a.transpose(0, 2, 1), np.array([0.1, 0.2, 0.7]))
    return GaussianMixture(*(xp.asarray(v) for v in arrays))


def layered() -> LayeredScheme:
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))
    grid = ProductScheme(
        (ScalarCodebook([-1.0, 0.1, 1 / 3]), ScalarCodebook([0.0, 2.0])), q, np.array([0.1, 0.2]), np.array([0.3, 7.0])
    )
    cross = ProductScheme((CrossCodebook([1.1, 2.2], 2),))
    return LayeredScheme((grid, cross), groups=(0, 1, 0))


def assert_same_tree(a, b) -> None:
    """Same types and attributes, arrays equal bit by bit."""
    if hasattr(a, "_leaves"):
        assert type(a) is type(b)
        for name in (*a._leaves, *a._static):
            assert_same_tree(getattr(a, name), getattr(b, name))
    elif isinstance(a, tuple):
        assert isinstance(b, tuple)
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same_tree(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
    else:
        assert a == b


@pytest.mark.parametrize("suffix", FORMATS)
def test_images_and_their_points_go_around(tmp_path, suffix):
    image = PolynomialGrid(np.random.default_rng(0).random((4, 3)), [[-1.0, 2.0], [1 / 3, 7.0]])
    q = discretize(image, PointScheme(np.random.default_rng(1).random((5, 2))))
    q.save(tmp_path / f"q.{suffix}")
    back = Quantization.load(tmp_path / f"q.{suffix}")
    assert_same_tree(q, back)
    assert back.w2_lower == q.w2_lower
    assert discretize(back.distribution, back.scheme).w2 == q.w2


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "scheme",
    [layered(), layered().schemes[0], LayeredScheme((layered().schemes[0],) * 2), PointScheme(np.eye(2) / 3.0)],
)
def test_round_trip_is_exact(tmp_path, suffix, scheme):
    q = discretize(mixture(), scheme)
    path = tmp_path / f"q.{suffix}"
    q.save(path)
    back = Quantization.load(path)
    assert_same_tree(q, back)
    assert type(back.w2) is type(q.w2)
    assert back.w2_lower == q.w2_lower
    # What is loaded is as good as what was saved.
    again = discretize(back.distribution, back.scheme)
    np.testing.assert_array_equal(again.weights, q.weights)
    assert again.w2 == q.w2


@pytest.mark.parametrize("suffix", FORMATS)
def test_stored_lower_bound_is_given_back_not_computed_again(tmp_path, suffix):
    q = discretize(mixture(), layered())
    object.__setattr__(q, "_w2_lower", np.float64(0.1234567890123456789))
    save(q, tmp_path / f"q.{suffix}")
    assert load(tmp_path / f"q.{suffix}").w2_lower == 0.1234567890123456789


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_lower_bound_is_written_if_it_is_known_or_asked_for(tmp_path, suffix, monkeypatch):
    path, q = tmp_path / f"q.{suffix}", discretize(mixture(), layered())
    monkeypatch.setattr("diracs.certificates.lower.mixture.sharpest_lower_bound", lambda *_: 0.125)
    q.save(path)
    assert not q.w2_lower_known
    back = load(path)
    assert not back.w2_lower_known
    assert back.w2_lower == pytest.approx(0.125)
    back.save(path)
    assert load(path).w2_lower_known
    q.save(path, lower=True)
    assert q.w2_lower_known
    assert load(path).w2_lower_known


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_comes_back_as_numpy_of_the_same_dtype(tmp_path, suffix, dtype):
    means = torch.tensor([[0.1, 0.2], [1.0, 1.0]], dtype=getattr(torch, dtype), requires_grad=True)
    codebook = ScalarCodebook(torch.tensor([-1.0, 1.0], dtype=getattr(torch, dtype)))
    law = GaussianMixture(means, torch.ones(2, dtype=means.dtype))
    q = discretize(law, ProductScheme((codebook, codebook)))
    q.save(tmp_path / f"q.{suffix}")
    back = Quantization.load(tmp_path / f"q.{suffix}")
    assert isinstance(back.positions, np.ndarray)
    assert back.positions.dtype == back.distribution.means.dtype == dtype
    np.testing.assert_array_equal(back.positions, q.positions.detach())
    np.testing.assert_array_equal(back.weights, q.weights.detach())
    assert back.w2 == float(q.w2.detach())


@pytest.mark.parametrize("suffix", FORMATS)
def test_jax_batch(tmp_path, suffix):
    law = GaussianMixture(jnp.asarray(np.random.default_rng(2).normal(size=(3, 2, 1))), jnp.ones((3, 2)))
    q = discretize(law, ProductScheme((ScalarCodebook(jnp.asarray([-1.0, 0.0, 1.0])),)))
    q.save(tmp_path / f"q.{suffix}")
    back = Quantization.load(tmp_path / f"q.{suffix}")
    assert back.w2.shape == (3,)
    np.testing.assert_array_equal(back.w2, q.w2)
    np.testing.assert_array_equal(back.w2_lower, q.w2_lower)
    np.testing.assert_array_equal(back.positions, q.positions)


def test_files_can_be_read_without_diracs(tmp_path):
    q = discretize(mixture(), layered())
    q.save(tmp_path / "q.npz")
    q.save(tmp_path / "q.json")
    with np.load(tmp_path / "q.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["positions"], q.positions)
        np.testing.assert_array_equal(archive["distribution.means"], q.distribution.means)
    content = json.loads((tmp_path / "q.json").read_text(encoding="utf-8"))
    assert content["weights"]["values"] == q.weights.tolist()
    assert content["w2"] == q.w2
    # A row of an array takes one line: 14 positions in 14 lines.
    rows = [
        line for line in (tmp_path / "q.json").read_text(encoding="utf-8").splitlines() if line.startswith("      [")
    ]
    assert len(rows) >= len(q)


@pytest.mark.parametrize("name", ["q.pkl", "q", "q.txt"])
def test_other_suffixes_are_refused(tmp_path, name):
    q = discretize(mixture(), layered())
    for action in (lambda p: save(q, p), load, read_law):
        with pytest.raises(ValueError, match=r"\.npz or \.json"):
            action(tmp_path / name)
    assert not list(tmp_path.iterdir())


def write_mixture(law, path):
    arrays = {name: np.asarray(getattr(law, name)) for name in ("means", "covs", "weights")}
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        path.write_text(json.dumps({name: a.tolist() for name, a in arrays.items()}), encoding="utf-8")


def test_foreign_and_damaged_files_are_refused(tmp_path):
    q = discretize(mixture(), layered())
    write_mixture(mixture(), tmp_path / "mixture.npz")
    write_mixture(mixture(), tmp_path / "mixture.json")
    for name in ("mixture.npz", "mixture.json"):
        with pytest.raises(ValueError, match="does not hold a quantization"):
            load(tmp_path / name)
    for name in ("text.npz", "text.json"):
        (tmp_path / name).write_text("nothing of the kind")
        with pytest.raises(ValueError, match=r"not an? (\.npz|JSON) file"):
            load(tmp_path / name)
    save(q, tmp_path / "q.json")
    content = json.loads((tmp_path / "q.json").read_text(encoding="utf-8"))
    for damage in (
        {k: v for k, v in content.items() if k != "positions"},
        {**content, "scheme": {"type": "Unknown"}},
        {**content, "distribution": {"type": "GaussianMixture"}},
    ):
        (tmp_path / "damaged.json").write_text(json.dumps(damage))
        with pytest.raises(ValueError, match="damaged"):
            load(tmp_path / "damaged.json")
    (tmp_path / "newer.json").write_text(json.dumps({**content, "version": 2}))
    with pytest.raises(ValueError, match="update diracs"):
        load(tmp_path / "newer.json")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent.npz")


def test_objects_of_other_classes_are_not_saved(tmp_path):
    q = discretize(mixture(), layered())
    object.__setattr__(q, "scheme", object())
    with pytest.raises(TypeError, match="cannot save"):
        save(q, tmp_path / "q.json")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("xp", [np, torch])
def test_mixture_round_trip(tmp_path, suffix, xp):
    law = mixture(xp)
    write_mixture(law, tmp_path / f"m.{suffix}")
    back = read_law(tmp_path / f"m.{suffix}")
    np.testing.assert_array_equal(back.means, law.means)
    np.testing.assert_array_equal(back.covs, law.covs)
    np.testing.assert_allclose(back.weights, law.weights, rtol=1e-15)


def test_mixture_weights_are_equal_by_default(tmp_path):
    (tmp_path / "m.json").write_text('{"means": [[0, 0], [1, 1]], "covs": [1, 2]}')
    np.testing.assert_array_equal(read_law(tmp_path / "m.json").weights, [0.5, 0.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"means": [[0]]}, "covs missing"),
        ({"weights": [1]}, "means and covs missing"),
        ({"means": [[0]], "covs": [1], "weight": [1]}, "weight not known"),
        ([[0, 0]], "must hold an object"),
        ({"means": [[0], [1, 2]], "covs": [1, 1]}, "means"),
        ({"means": [[0, 0]], "covs": [-1]}, "negative"),
        ({"means": [["a", "b"]], "covs": [1]}, "means"),
        ({"means": None, "covs": [1]}, "means"),
    ],
)
def test_wrong_mixtures_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "m.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as error:
        read_law(path)
    assert "m.json" in str(error.value)


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize(
    "law",
    [
        scipy.stats.gamma(2.0, loc=1.0, scale=3.0),
        scipy.stats.halfnorm(),
        scipy.stats.gumbel_l(),
        scipy.stats.invgauss(0.5),
        torch.distributions.StudentT(torch.tensor(3.0)),
    ],
)
def test_univariate_laws_and_their_points_go_around(tmp_path, suffix, law):
    q = quantize(law, 7)
    q.save(tmp_path / f"q{suffix}")
    again = Quantization.load(tmp_path / f"q{suffix}")
    assert again.distribution.family == q.distribution.family
    assert str(again.distribution.loc.dtype) in str(q.distribution.loc.dtype)
    assert float(discretize(again.distribution, again.scheme).w2) == float(q.w2)


def test_laws_without_a_name_are_not_saved(tmp_path):
    law = scipy.stats.rv_histogram(np.histogram(np.arange(9.0), 3), density=True)()
    with pytest.raises(TypeError, match="cannot save"):
        quantize(law, 3).save(tmp_path / "q.json")
