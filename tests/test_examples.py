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
    assert {script.stem for script in SCRIPTS} == {"demo", "learn_levels", "lloyd_iterations", "stipple", *points}


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_tutorials_lower_the_distance(framework):
    costs = re.findall(r"W₂² = ([\d.]+)", run(EXAMPLES / f"place_points_{framework}.py"))
    assert len(costs) == 5
    assert float(costs[-1]) < float(costs[0])


def test_stipples_and_iterations_are_drawn(tmp_path):
    pictures = [tmp_path / "stipple.png", tmp_path / "lloyd.png"]
    assert run(EXAMPLES / "stipple.py", "--points", "300", "--iterations", "3", "--output", str(pictures[0])).strip()
    assert run(EXAMPLES / "lloyd_iterations.py", "--points", "20", "--output", str(pictures[1])).strip()
    assert all(picture.stat().st_size > 1000 for picture in pictures)


def test_the_demo_draws_its_pictures_where_it_is_told(tmp_path):
    printed = run(EXAMPLES / "demo.py", "--output", str(tmp_path / "pictures"))
    assert "three Gaussians" in printed
    names = {p.name for p in (tmp_path / "pictures").iterdir()}
    assert {"three_gaussians.png", "wines.png", "certificates.png"} <= names
    assert all(p.stat().st_size > 1000 for p in (tmp_path / "pictures").iterdir())


def test_learned_levels_beat_the_hand_built_grid_and_the_grid_of_quantize():
    rows = re.findall(r"[=≤≥] ([\d.]+)$", run(EXAMPLES / "learn_levels.py"), flags=re.MULTILINE)
    start, learned, grid, auto, lower = (float(w2) for w2 in rows)
    assert lower < auto <= grid < start
    assert lower < learned < 0.8 * start
    # One rotation-free grid with optimized levels comes near what quantize finds among all its groupings.
    assert learned < 1.1 * grid
