"""The transport between points and a density from the command line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from optional import optional

import diracs

Image = optional("PIL.Image")

MIXTURE = {"means": [[0, 0], [1, 1]], "covs": [[1, 1], [2, 2]], "weights": [0.4, 0.6]}
POINTS = [[0.0, 0.0], [1.0, 2.0], [0.5, 0.3]]
PLAN = diracs.optimal_transport_plan(diracs.SumOfDiracs(POINTS, [1, 3, 1]), diracs.GaussianMixture(**MIXTURE))


@pytest.fixture
def table(tmp_path):
    (tmp_path / "points.csv").write_text("x,y,mass\n0,0,1\n1,2,3\n0.5,0.3,1\n")


def test_the_plan_in_all_files(run, table, tmp_path):
    for name in ("plan.npz", "plan.json", "plan.csv", "plan.svg"):
        result = run("transport", "points.csv", "mixture.json", "-o", name, "--plot", "cells.png")
        assert result.exit_code == 0, result.output
        assert f"{float(PLAN.distance):.10g}" in result.stdout and "converged" in result.stdout
    with np.load(tmp_path / "plan.npz") as held:
        arrays = dict(held)
    content = json.loads((tmp_path / "plan.json").read_text())
    columns = np.loadtxt(tmp_path / "plan.csv", delimiter=",", skiprows=1)
    for found in (arrays, {name: np.array(value) for name, value in content.items()}):
        np.testing.assert_array_equal(found["positions"], POINTS)
        np.testing.assert_allclose(found["masses"], [0.2, 0.6, 0.2], rtol=1e-12)
        np.testing.assert_allclose(found["weights"], PLAN.weights, rtol=1e-9)
        np.testing.assert_allclose(found["barycenters"], PLAN.barycenters, rtol=1e-9)
        assert found["distance"] == pytest.approx(float(PLAN.distance), rel=1e-12)
    np.testing.assert_allclose(columns[:, 3], PLAN.weights, rtol=1e-9)
    np.testing.assert_allclose(columns[:, 5:], PLAN.barycenters, rtol=1e-9)
    assert (tmp_path / "cells.png").read_bytes().startswith(b"\x89PNG")
    root = ET.parse(tmp_path / "plan.svg").getroot()
    assert len(root.findall("{http://www.w3.org/2000/svg}polygon")) == 3


def test_for_machines_and_from_pipes(run, table):
    found = json.loads(run("transport", "-", "mixture.json", "--json", stdin="0,0\n1,2\n").stdout)
    expected = diracs.distance(diracs.SumOfDiracs(POINTS[:2]), diracs.GaussianMixture(**MIXTURE))
    assert found["distance"] == pytest.approx(float(expected), rel=1e-12)
    assert found["w2"] ** 2 == pytest.approx(found["distance"]) and found["converged"] is True
    assert found["dual_value"] == pytest.approx(found["distance"], rel=1e-9)
    result = run("transport", "points.csv", "mixture.json", "-o", "-")
    assert len(json.loads(result.stdout)["weights"]) == 3 and "W₂²" in result.stderr


def test_to_a_picture(run, table, tmp_path):
    Image.fromarray(np.zeros((2, 4), dtype=np.uint8)).save(tmp_path / "black.png")
    found = json.loads(run("transport", "points.csv", "black.png", "--json").stdout)
    law = diracs.PolynomialGrid(np.ones((4, 2)), [[0, 0], [4, 2]])
    assert found["distance"] == pytest.approx(float(diracs.distance(PLAN.diracs, law)), rel=1e-9)


def test_a_plan_that_is_not_reached_has_a_code_of_its_own(run, tmp_path):
    (tmp_path / "points.csv").write_text("x,weight\n0,1\n0.5,1e-17\n1,1\n")
    (tmp_path / "law.json").write_text('{"family": "uniform"}')
    result = run("transport", "points.csv", "law.json", "--json", "-o", "plan.npz")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert found["converged"] is False and "rounding" in found["message"]
    assert (tmp_path / "plan.npz").exists()


def test_mistakes(run, table, tmp_path):
    (tmp_path / "line.json").write_text('{"mean": [0], "cov": 1}')
    for arguments, message in [
        (("points.csv", "line.json"), "dimension"),
        (("points.csv", "mixture.json", "--tol", "-1"), "error: --tol must be"),
        (("-", "-"), "only one of points and density"),
        (("points.csv", "mixture.json", "-o", "plan.vtk"), "must end in"),
    ]:
        result = run("transport", *arguments)
        assert result.exit_code == 2 and message in result.stderr
