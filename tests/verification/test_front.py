"""Forged certificates, what is refused, and the command line."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from independent import random_mixture
from optional import optional

import diracs

CliRunner = optional("typer.testing").CliRunner


@pytest.fixture(scope="module")
def grid():
    return diracs.quantize(diracs.GaussianMixture(*random_mixture(1, 1, 2)), 30, scheme="grid")


@pytest.fixture(scope="module")
def layered():
    return diracs.quantize(diracs.GaussianMixture(*random_mixture(1, 3, 3)), 30, scheme="product")


@pytest.fixture(scope="module")
def planar():
    return diracs.quantize(diracs.GaussianMixture(*random_mixture(1, 3, 2)), 20)


def with_moved_point(q):
    positions = q.positions.copy()
    positions[3, 0] += 1e-6
    return dataclasses.replace(q, positions=positions)


def with_other_mass(q):
    weights = q.weights.copy()
    weights[3] *= 1 + 1e-9
    return dataclasses.replace(q, weights=weights)


FORGERIES = {
    "value": lambda q: dataclasses.replace(q, w2=q.w2 * (1 - 1e-9)),
    "position": with_moved_point,
    "mass": with_other_mass,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_grids_are_not_verified(grid, layered, forgery):
    for q in (grid, layered):
        assert diracs.verify(q, cells=2000).verdict == "verified"
        assert diracs.verify(FORGERIES[forgery](q), cells=2000).verdict in ("refuted", "not proved")


def test_a_lowered_value_of_a_grid_is_refuted(grid):
    assert diracs.verify(FORGERIES["value"](grid)).refuted


def test_a_lowered_value_on_the_line_is_refuted():
    for law in (diracs.Gaussian(0.0, 1.0), scipy.stats.gamma(2.0)):
        assert diracs.verify(FORGERIES["value"](diracs.quantize(law, 30))).refuted


def test_points_of_the_plane_are_not_refuted_but_lower_values_are(planar):
    found = diracs.verify(planar, cells=20_000)
    assert found.verdict == "not refuted" and not found.closed
    assert found.high <= found.low * 1.002
    assert diracs.verify(dataclasses.replace(planar, w2=planar.w2 * 0.998), cells=20_000).refuted
    assert diracs.verify(dataclasses.replace(planar, w2=planar.w2 * 1.002), cells=20_000).holds


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_saved_ones(layered, tmp_path, suffix):
    path = tmp_path / f"q{suffix}"
    layered.save(path)
    assert diracs.verify(diracs.Quantization.load(path), cells=2000) == diracs.verify(layered, cells=2000)


def test_digits(grid):
    found = diracs.verify(grid, digits=40)
    assert found.high - found.low <= 1e-14 * found.high


def test_words():
    enclosure = diracs.Enclosure
    assert str(enclosure(0.1, 0.2, 0.2, True)) == "verified: 0.1000 ≤ W₂ ≤ 0.2001, recorded 0.2"
    assert str(enclosure(0.1, 0.2, 0.05, True)).startswith("refuted: ")
    assert str(enclosure(0.1, 0.2, 0.15, True)).endswith("is below what its own coupling costs")
    assert "proved only" in str(enclosure(0.1, 0.2, 0.15, False))
    assert str(enclosure(0.0, 0.0, 0.0, True)) == "verified: 0 ≤ W₂ ≤ 0, recorded 0"


def test_what_is_refused(grid):
    with pytest.raises(TypeError, match="quantization must be a Quantization"):
        diracs.verify(grid.diracs)
    with pytest.raises(ValueError, match="digits"):
        diracs.verify(grid, digits=0)
    with pytest.raises(ValueError, match="cells"):
        diracs.verify(grid, cells=0)
    with pytest.raises(ValueError, match="batch of shape"):
        diracs.verify(diracs.quantize(diracs.GaussianMixture(np.zeros((2, 1, 2)), np.ones((2, 1))), 4))
    with pytest.raises(ValueError, match="finite positions"):
        diracs.verify(dataclasses.replace(grid, positions=np.full_like(grid.positions, np.nan)))
    for law, said in (
        (scipy.stats.multivariate_t([0, 0], np.eye(2), 5), "cannot verify a Elliptical"),
        (diracs.PolynomialGrid(np.ones((2, 2)), periodic=True), "periodic"),
        (scipy.stats.invgauss(1.0), "no partial moments in closed form"),
        (diracs.Independent([scipy.stats.uniform(), scipy.stats.expon()], [[1.0, 1.0]]), "their sum is not known"),
    ):
        with pytest.raises(TypeError, match=said):
            diracs.verify(diracs.quantize(law, 3))


def test_without_flint():
    code = """
import sys
sys.modules["flint"] = None
import diracs
q = diracs.quantize(diracs.Gaussian(0.0, 1.0), 3)
try:
    diracs.verify(q)
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "verify needs python-flint: pip install 'diracs[verify]'"


def test_command(grid, planar, tmp_path, monkeypatch):
    pytest.importorskip("typer")
    from diracs.cli import app

    monkeypatch.chdir(tmp_path)
    grid.save("grid.npz")
    FORGERIES["value"](grid).save("forged.npz")
    planar.save("planar.npz")
    run = lambda *arguments: CliRunner().invoke(app, ["verify", *arguments])  # noqa: E731
    good, bad, left_open = run("grid.npz"), run("forged.npz"), run("planar.npz", "--cells", "2000")
    assert good.exit_code == 0 and good.output.startswith("verified: ")
    assert bad.exit_code == 1 and bad.output.startswith("refuted: ")
    assert left_open.exit_code == 0 and left_open.output.startswith("not refuted: proved only ")
    assert run("planar.npz", "--cells", "2000", "--strict").exit_code == 1
    assert run("nothing.npz").exit_code == 2


LAWS = {
    "boxes": diracs.Gaussian([0.0, 0.0], 1.0),
    "pixels": diracs.PolynomialGrid(np.random.default_rng(0).random((3, 4))),
    "quantiles": diracs.Gaussian(0.0, 1.0),
}


@pytest.mark.parametrize("stage", LAWS)
def test_progress(stage):
    said = []
    q = diracs.quantize(LAWS[stage], 5, scheme="optimal")
    diracs.verify(q, cells=500, progress=lambda *now: said.append(now))
    assert said and all(what == stage and 0 < step <= total for what, step, total in said)
    assert stage == "boxes" or said[-1][1] == said[-1][2]
