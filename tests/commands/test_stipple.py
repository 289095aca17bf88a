"""Options of stipple, and its files."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from optional import optional

from diracs.commands.stipple import toned

Image = optional("PIL.Image")


@pytest.fixture
def photo(tmp_path):
    grey = np.broadcast_to(np.linspace(0, 255, 30), (20, 30)).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "photo.png")


def dots(run, tmp_path, *options):
    result = run("stipple", "photo.png", "-n", "200", "--iterations", "4", "-o", "dots.csv", *options)
    assert result.exit_code == 0, result.output
    return np.loadtxt(tmp_path / "dots.csv", delimiter=",", skiprows=1)


def test_gamma_and_invert(run, photo, tmp_path):
    plain = dots(run, tmp_path)[:, 0].mean()
    # Dark on the left, as far as the mean of a density that falls linearly.
    assert plain == pytest.approx(10.0, abs=0.5)
    assert dots(run, tmp_path, "--invert")[:, 0].mean() == pytest.approx(20.0, abs=0.5)
    assert dots(run, tmp_path, "--gamma", "2")[:, 0].mean() == pytest.approx(7.5, abs=0.5)
    np.testing.assert_allclose(toned(np.array([0.0, 0.5, 1.0]), 2.0, True), [1.0, 0.25, 0.0])


def test_dots_as_svg_have_the_area_of_the_ink(run, photo, tmp_path):
    arguments = ["--iterations", "2", "--color", "#203050"]
    assert run("stipple", "photo.png", "-n", "100", "-o", "dots.svg", *arguments).exit_code == 0
    root = ET.parse(tmp_path / "dots.svg").getroot()
    circles = root.findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 100 and root.get("fill") == "#203050" and root.get("viewBox") == "0 0 30 20"
    area = sum(np.pi * float(circle.get("r")) ** 2 for circle in circles)
    assert area == pytest.approx(300.0, rel=0.02)
    assert all(0 < float(c.get("cx")) < 30 and 0 < float(c.get("cy")) < 20 for c in circles)


def test_colored_pictures_and_points_as_a_law(run, photo, tmp_path):
    arguments = ["stipple", "photo.png", "-n", "50", "--iterations", "2", "--color", "red"]
    assert run(*arguments, "--plot", "red.png").exit_code == 0
    pixels = np.asarray(Image.open(tmp_path / "red.png").convert("RGB")).reshape(-1, 3)
    assert (pixels == [255, 0, 0]).all(axis=1).any() and not (pixels == 0).all(axis=1).any()
    result = run(*arguments, "-o", "-")
    assert len(json.loads(result.stdout)["points"]) == 50
    assert json.loads(run("quantize", "-", "-n", "3", "--json", stdin=result.stdout).stdout)["points"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gamma", "0"], "error: --gamma must be"),
        (["--color", "no such"], "error: --color must be"),
        (["-n", "0"], "error: --number must be"),
        (["--iterations", "0"], "error: --iterations must be"),
    ],
)
def test_mistakes(run, photo, options, message):
    result = run("stipple", "photo.png", "-o", "dots.npz", *options)
    assert result.exit_code == 2 and message in result.stderr
