"""Models in JSON, and what is made of them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import diracs
from diracs.commands.models import model_of

MODEL = {
    "initial": {"mean": [1, 0], "cov": 0.1},
    "dynamics": {"A": [[0.9, 0.2], [-0.2, 0.9]], "b": [0.1, 0.0]},
    "noise": {"mean": [0, 0], "cov": 0.01},
    "steps": 4,
}
CLAMP = {
    "initial": {"mean": [0.5], "cov": 0.1},
    "dynamics": {
        "pieces": [
            {"H": [[1.0]], "h": [-1.0], "A": [[0.0]], "b": [-1.0]},
            {"H": [[1.0], [-1.0]], "h": [1.0, 1.0], "A": [[1.0]], "b": [0.0]},
            {"H": [[-1.0]], "h": [-1.0], "A": [[0.0]], "b": [1.0]},
        ]
    },
    "noise": {"mean": [0], "cov": 0.01},
    "steps": 3,
    "n": 20,
}
LAWS = diracs.Gaussian([1.0, 0.0], 0.1), diracs.Gaussian([0.0, 0.0], 0.01)
EXPECTED = diracs.propagate(LAWS[0], diracs.Affine([[0.9, 0.2], [-0.2, 0.9]], [0.1, 0.0]), LAWS[1], 4)


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    (tmp_path / "clamp.json").write_text(json.dumps(CLAMP))


def test_states_and_bounds_in_all_files(run, model, tmp_path):
    for name in ("s.json", "s.npz", "s.csv", "s.svg"):
        result = run("propagate", "model.json", "-o", name, "--plot", "s.png")
        assert result.exit_code == 0, result.output
        assert "step 4" in result.stdout
    content = json.loads((tmp_path / "s.json").read_text())
    np.testing.assert_array_equal(content["w2_bound"], EXPECTED.w2_bound)
    last = diracs.GaussianMixture(**content["states"][-1])
    np.testing.assert_array_equal(last.means, EXPECTED.states[-1].means)
    with np.load(tmp_path / "s.npz") as held:
        np.testing.assert_array_equal(held["covs_4"], EXPECTED.states[-1].covs)
    columns = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(columns[:, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(columns[:, 2:4], [state.mean for state in EXPECTED.states])
    np.testing.assert_allclose(columns[-1, 4:] ** 2, np.diag(EXPECTED.states[-1].cov))
    assert ET.parse(tmp_path / "s.svg").getroot() is not None
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_for_machines_with_options_before_those_of_the_model(run, model):
    found = json.loads(run("propagate", "clamp.json", "--json", "-n", "9", "--steps", "2").stdout)
    assert found["steps"] == 2 and found["dimension"] == 1 and len(found["w2_bound"]) == 2
    fewer, more = (json.loads(run("propagate", "clamp.json", "--json", "-n", n).stdout) for n in ("5", "40"))
    assert more["w2_bound"][-1] < fewer["w2_bound"][-1]


def test_printed_bounds_are_not_below(run, model):
    shown = [float(text) for text in re.findall(r"W₂ ≤ (\S+),", run("propagate", "clamp.json").stdout)]
    found = diracs.propagate(**model_of(CLAMP, "clamp.json"))
    assert len(shown) == 3 and all(0 <= text / bound - 1 < 1e-3 for text, bound in zip(shown, found.w2_bound))


def test_from_a_pipe(run):
    result = run("propagate", "-", "--json", stdin=json.dumps(MODEL))
    assert json.loads(result.stdout)["mean"][-1] == pytest.approx(EXPECTED.states[-1].mean.tolist())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"horizon": 3}, "horizon not known"),
        ({"initial": {"mean": [1, 0]}}, "model.json: initial must have"),
        ({"dynamics": {"A": [[1, 0]]}}, "dimension"),
        ({"dynamics": {"A": [[1, 0]], "C": 1}}, "model.json: dynamics must have"),
        ({"dynamics": {"A": "x"}}, "model.json: dynamics: A must be"),
        ({"dynamics": {"pieces": 3}}, "model.json: dynamics: pieces must be a list"),
        ({"dynamics": {"pieces": [{"A": [[1]]}]}}, r"pieces\[0\] must have the entries A, b, H and h"),
        ({"dynamics": 3}, "model.json: dynamics must be an object"),
        ({"noise": {"family": "none"}}, "model.json: noise: family must be one of"),
    ],
)
def test_mistakes_name_the_entry(run, tmp_path, change, message):
    (tmp_path / "model.json").write_text(json.dumps({**MODEL, **change}))
    result = run("propagate", "model.json")
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert re.search(message, line), line


def test_models_of_the_page_work(run, tmp_path):
    page = Path(__file__).parents[2] / "docs" / "command_line.md"
    shown = re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown) == 3
    for text in shown:
        (tmp_path / "model.json").write_text(text)
        result = run("propagate", "model.json", "--json")
        assert result.exit_code == 0, result.output
