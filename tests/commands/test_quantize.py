"""Output of quantize by the suffix, for machines, and through pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import diracs
from diracs.show import files

MIXTURE = {"means": [[0, 0], [1, 1]], "covs": [[1, 1], [2, 2]], "weights": [0.4, 0.6]}
EXPECTED = diracs.quantize(diracs.GaussianMixture(**MIXTURE), 9)


def test_files_by_their_suffix(run, tmp_path):
    for name in ("q.csv", "q.svg", "q.npz", "q.json"):
        result = run("quantize", "mixture.json", "-n", "9", "-o", name)
        assert result.exit_code == 0, result.output
        assert f"saved {name}" in result.stderr
    table = np.loadtxt(tmp_path / "q.csv", delimiter=",", skiprows=1)
    assert (tmp_path / "q.csv").read_text().startswith("x1,x2,weight\n")
    # Decimals read back the same.
    np.testing.assert_array_equal(table[:, :2], EXPECTED.positions)
    np.testing.assert_array_equal(table[:, 2], EXPECTED.weights)
    assert len(ET.parse(tmp_path / "q.svg").getroot().findall("{http://www.w3.org/2000/svg}circle")) == 9
    for name in ("q.npz", "q.json"):
        np.testing.assert_array_equal(files.load(tmp_path / name).positions, EXPECTED.positions)


def test_certificates_for_machines(run):
    found = json.loads(run("quantize", "mixture.json", "--number", "9", "--json").stdout)
    assert found["w2"] == EXPECTED.w2 and found["w2_lower"] == EXPECTED.w2_lower and found["exact"] is True
    assert found["points"] == 9 and found["dimension"] == 2


def test_standard_output_holds_the_points_alone(run):
    result = run("quantize", "mixture.json", "-n", "9", "-o", "-")
    assert json.loads(result.stdout)["format"] == "diracs quantization"
    assert "certificate" in result.stderr
    again = run("info", "-", "--json", stdin=result.stdout)
    assert json.loads(again.stdout)["w2"] == EXPECTED.w2


def test_moments_are_matched(run, tmp_path):
    assert run("quantize", "mixture.json", "-n", "9", "--match-moments", "-o", "q.npz").exit_code == 0
    np.testing.assert_allclose(files.load(tmp_path / "q.npz").mean, [0.6, 0.6], atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "0"], "error: --number must be at least 1"),
        (["--w2", "-1"], "error: --w2 must be"),
        (["-n", "3", "--seed", "-1"], "error: --seed must be"),
        (["-n", "3", "-o", "q.pkl"], "must end in .csv, .svg, .npz or .json"),
    ],
)
def test_mistakes_are_told_in_the_words_of_the_command_line(run, arguments, message):
    result = run("quantize", "mixture.json", *arguments)
    assert result.exit_code == 2 and message in result.stderr and result.stdout == ""


def test_schemes_of_laws_that_have_fewer(run, tmp_path):
    (tmp_path / "law.json").write_text('{"family": "gamma", "a": 2.0}')
    result = run("quantize", "law.json", "-n", "3", "--scheme", "cross")
    assert result.exit_code == 2 and result.stderr.startswith("error: --scheme must be 'auto' or 'optimal'")


def test_a_process_of_its_own_and_completion(tmp_path):
    environment = {**os.environ, "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"}
    tool = [sys.executable, "-m", "diracs"]
    first = subprocess.run(
        [*tool, "quantize", "-", "-n", "2", "-o", "-"],
        input='{"mean": [0], "cov": 1}',
        capture_output=True,
        text=True,
        env=environment,
    )
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["exact"] is True
    script = subprocess.run(
        tool, capture_output=True, text=True, env={**environment, "_DIRACS_COMPLETE": "source_bash"}, check=True
    )
    assert "complete" in script.stdout and "diracs" in script.stdout
