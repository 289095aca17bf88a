"""Progress: what takes long says how far it is, to whoever asks, and to nobody else."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import diracs
from diracs import Affine, Gaussian, GaussianMixture, PolynomialGrid, SumOfDiracs
from diracs.backend.progress import report, reporting

RNG = np.random.default_rng(0)
IMAGE = PolynomialGrid(RNG.random((5, 5)))
CLOUD = RNG.normal(size=(3000, 3))
POINTS = RNG.random((30, 2))
FULL = GaussianMixture(RNG.normal(size=(40, 3)), np.exp(RNG.normal(size=(40, 3, 1))) * np.eye(3) + np.ones((3, 3)))
CALLS = {
    "points of the plane": (
        lambda p: diracs.quantize(Gaussian([0.0, 0.0], 1.0), 20, progress=p),
        "Newton steps of points",
    ),
    "boxes": (lambda p: diracs.quantize(Gaussian(np.zeros(4), 1.0), 20, progress=p), "passes over boxes"),
    "clouds": (lambda p: diracs.quantize(SumOfDiracs(CLOUD), 20, progress=p), "rounds of merging"),
    "plan": (
        lambda p: diracs.optimal_transport_plan(SumOfDiracs(RNG.random((30, 2))), IMAGE, progress=p),
        "Newton steps of transport",
    ),
    "lloyd": (lambda p: diracs.lloyd(IMAGE, 9, iterations=3, tol=0, progress=p), "iterations of Lloyd's method"),
    "barycenter": (lambda p: diracs.barycenter([IMAGE], 9, iterations=3, progress=p), "iterations"),
    "fit": (lambda p: diracs.fit_mixture(CLOUD[:40, :2], 2, progress=p), "quasi-Newton steps"),
    "propagation": (
        lambda p: diracs.propagate(
            Gaussian([1.0], 0.1), np.sin, Gaussian([0.0], 0.1), 3, n=5, lipschitz=1.0, progress=p
        ),
        "steps of propagation",
    ),
    "recertify": (lambda p: diracs.recertify(IMAGE, SumOfDiracs(POINTS), progress=p), "Newton steps of transport"),
    "summary": (lambda p: diracs.Summary(5, 3).update(CLOUD, progress=p), "samples"),
    "fewer components": (lambda p: diracs.reduce_mixture(FULL, 3, progress=p), "rounds of merging"),
    "exact propagation": (
        lambda p: diracs.propagate(Gaussian([1.0], 0.1), Affine([[0.5]]), None, 3, progress=p),
        "steps of propagation",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_loops_say_how_far_they_are(name):
    call, stage = CALLS[name]
    said: list[tuple[str, int, int | None]] = []
    call(lambda *now: said.append(now))
    steps = [step for what, step, _ in said if what == stage]
    assert steps
    assert all(total is None or 0 <= step <= total for _, step, total in said)
    if name in ("lloyd", "propagation", "exact propagation"):
        assert steps == [1, 2, 3] and {total for what, _, total in said if what == stage} == {3}
    # Nobody has asked any more.
    before = len(said)
    call(False)
    assert len(said) == before


def test_what_is_asked_for_inside_ends_there_after_errors_too():
    said: list[str] = []
    with pytest.raises(ZeroDivisionError), reporting(lambda stage, step, total: said.append(stage)):
        with reporting(False):
            report("inside", 1)
        raise ZeroDivisionError
    report("after", 1)
    assert said == ["inside"]


def test_results_are_the_same():
    law = GaussianMixture([[0.0, 0.0], [2.0, 1.0]], [1.0, 0.5])
    plain, told = diracs.quantize(law, 15), diracs.quantize(law, 15, progress=lambda *_: None)
    np.testing.assert_array_equal(plain.positions, told.positions)


@pytest.mark.parametrize("progress", ["yes", 1, None])
def test_anything_else_is_refused(progress):
    with pytest.raises(TypeError, match="progress must be"):
        diracs.quantize(Gaussian(0.0, 1.0), 3, progress=progress)


def test_bars_go_to_stderr(capsys):
    pytest.importorskip("tqdm")
    diracs.lloyd(IMAGE, 9, iterations=3, tol=0, progress=True)
    captured = capsys.readouterr()
    assert captured.out == "" and "iterations of Lloyd's method" in captured.err


def test_without_tqdm_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"diracs\[progress\]"):
        diracs.quantize(Gaussian(0.0, 1.0), 3, progress=True)


def test_loops_within_one_whose_end_is_known_do_not_flicker(capsys):
    pytest.importorskip("tqdm")
    with reporting(True):
        report("outer", 1, 3)
        report("inner", 1)
    shown = capsys.readouterr().err
    assert "outer" in shown and "inner" not in shown
