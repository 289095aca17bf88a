"""Every example runs as a user would run it, quietly."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import diracs

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def run(script: Path, *arguments: str) -> str:
    """Standard output of a script run by the Python and with the package of this test."""
    source = str(Path(diracs.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, encoding="utf-8", env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def test_every_example_is_run_here():
    points = {"place_points_jax", "place_points_torch"}
    propagation = {"bayesian_layer", "damped_rotation", "pendulum", "ten_dimensions"}
    assert {script.stem for script in SCRIPTS} == {
        "demo",
        "fit_mixture",
        "learn_levels",
        "lloyd_iterations",
        "morph",
        "polycrystal",
        "stipple",
        "stream",
        *points,
        *propagation,
    }


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_tutorials_lower_the_distance(framework):
    costs = re.findall(r"W₂² = ([\d.]+)", run(EXAMPLES / f"place_points_{framework}.py"))
    assert len(costs) == 5
    assert float(costs[-1]) < float(costs[0])


def test_bounds_of_the_damped_rotation_are_above_what_is_surely_there(tmp_path):
    printed = run(EXAMPLES / "damped_rotation.py", "--output", str(tmp_path / "rotation.png"))
    rows = re.findall(r"^ +(\d+) +(\d) +([\d.]+) +([\d.]+)$", printed, flags=re.MULTILINE)
    assert len(rows) == 12
    assert all(float(low) < float(high) for _, _, low, high in rows)
    last = {int(n): float(high) for n, step, _, high in rows if step == "6"}
    assert last[10] <= 0.0309
    assert last[100] <= 0.0117
    assert (tmp_path / "rotation.png").stat().st_size > 1000


@pytest.mark.slow
def test_local_slopes_of_the_pendulum_help_at_first(tmp_path):
    printed = run(EXAMPLES / "pendulum.py", "--output", str(tmp_path / "pendulum.png"))
    rows = re.findall(r"^ +\d +([\d.]+) +([\d.]+)$", printed, flags=re.MULTILINE)
    # Later on merged cells with one constant have smaller bounds than grids with local slopes.
    assert len(rows) == 8 and float(rows[0][1]) < float(rows[0][0])
    assert (tmp_path / "pendulum.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("name, arguments", [("ten_dimensions", ["--steps", "20"]), ("bayesian_layer", [])])
def test_many_dimensions_are_drawn(tmp_path, name, arguments):
    assert "W₂" in run(EXAMPLES / f"{name}.py", *arguments, "--output", str(tmp_path / "picture.png"))
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_grains_have_their_volumes_and_pictures_morph(tmp_path):
    pictures = [tmp_path / "polycrystal.png", tmp_path / "morph.png"]
    printed = run(EXAMPLES / "polycrystal.py", "--grains", "40", "--steps", "2", "--output", str(pictures[0]))
    assert float(re.findall(r"right to ([\d.e-]+) of each", printed)[0]) < 1e-8
    printed = run(EXAMPLES / "morph.py", "--points", "60", "--output", str(pictures[1]))
    widths = [float(width) for width in re.findall(r"deviations ([\d.]+)", printed)]
    assert len(widths) == 5 and widths == sorted(widths)
    assert all(picture.stat().st_size > 1000 for picture in pictures)


def test_stipples_and_iterations_are_drawn(tmp_path):
    pictures = [tmp_path / "stipple.png", tmp_path / "lloyd.png"]
    assert run(EXAMPLES / "stipple.py", "--points", "300", "--iterations", "3", "--output", str(pictures[0])).strip()
    assert run(EXAMPLES / "lloyd_iterations.py", "--points", "20", "--output", str(pictures[1])).strip()
    assert all(picture.stat().st_size > 1000 for picture in pictures)


@pytest.mark.slow
def test_learned_levels_beat_the_hand_built_grid_and_the_grid_of_quantize():
    rows = re.findall(r"[=≤≥] ([\d.]+)$", run(EXAMPLES / "learn_levels.py"), flags=re.MULTILINE)
    start, learned, grid, auto, lower = (float(w2) for w2 in rows)
    assert lower < auto <= grid < start
    assert lower < learned < 0.8 * start
    # One rotation-free grid with optimized levels comes near what quantize finds among all its groupings.
    assert learned < 1.1 * grid


@pytest.mark.slow
def test_fits_are_compared_in_a_picture(tmp_path):
    printed = run(EXAMPLES / "fit_mixture.py", "--output", str(tmp_path / "fits.png"))
    errors = [float(w2) for w2 in re.findall(r"(?:likelihood|W₂) +([\d.]+) ", printed)]
    assert len(errors) == 4 and errors[1] < errors[0] and errors[3] < errors[2]
    assert (tmp_path / "fits.png").stat().st_size > 1000


def test_certificates_of_a_stream_and_its_memory(tmp_path):
    printed = run(EXAMPLES / "stream.py", "--samples", "250000", "--points", "20", "--output", str(tmp_path / "s.png"))
    rows = re.findall(r"([\d,]+) samples: W2 ≤ ([\d.]+), summary of ([\d.]+) MB", printed)
    assert [int(seen.replace(",", "")) for seen, _, _ in rows] == [100_000, 200_000, 250_000]
    assert all(0.1 < float(error) < 2.0 and float(size) < 3.0 for _, error, size in rows)
    assert (tmp_path / "s.png").stat().st_size > 1000
