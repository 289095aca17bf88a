"""Bent maps from data against the same in code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.special

import diracs
from diracs.commands.layers import FUNCTIONS, layered
from diracs.commands.models import model_of

PENDULUM = {
    "A": [[1.0, 0.1], [0.0, 0.9]],
    "layers": [{"A": [[1.0, 0.0]], "function": "sin"}, {"A": [[0.0], [-1.0]]}],
}
MODEL = {
    "initial": {"mean": [0.5, 0.0], "cov": 0.01},
    "dynamics": PENDULUM,
    "noise": {"mean": [0, 0], "cov": 1e-4},
    "steps": 2,
    "n": 30,
}


def test_a_pendulum(run, tmp_path):
    """As in the example of `Smooth`."""
    f = diracs.Smooth(lambda x: np.stack([x[:, 0] + 0.1 * x[:, 1], 0.9 * x[:, 1] - np.sin(x[:, 0])], axis=1))
    expected = diracs.propagate(diracs.Gaussian([0.5, 0.0], 0.01), f, diracs.Gaussian([0.0, 0.0], 1e-4), 2, n=30)
    found = diracs.propagate(**model_of(MODEL, "model.json"))
    np.testing.assert_allclose(found.w2_bound, expected.w2_bound, rtol=1e-4)
    np.testing.assert_allclose(found.states[-1].mean, expected.states[-1].mean, rtol=1e-4)
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
    printed = json.loads(run("propagate", "model.json", "--json").stdout)
    assert printed["w2_bound"] == pytest.approx(found.w2_bound.tolist())


CODE = {"identity": lambda x: x, "relu": lambda x: np.where(x > 0, x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_of_functions(name):
    g = CODE.get(name) or getattr(np, name, None) or getattr(scipy.special, name)
    found = layered({"layers": [{"A": [[2.0], [1.0]], "b": [0.1, 0.0], "function": name}, {"A": [[1.0, -1.0]]}]}, "x")
    x = np.linspace(-2, 2, 101)[:, None]
    np.testing.assert_allclose(found(x), g(2 * x + 0.1) - g(x), rtol=1e-12, atol=1e-15)
    jacobian = found.everywhere(1)
    slopes = np.diff(found(x)[:, 0]) / np.diff(x[:, 0])
    assert jacobian.low.min() <= slopes.min() and slopes.max() <= jacobian.high.max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": []}, "model.json: dynamics: layers must be a list"),
        ({"layers": [{"A": [[1, 0]], "function": "exp"}]}, "function must be"),
        ({"layers": [{"A": [[1, 0]]}, {"A": [[1, 0]]}]}, r"layers\[1\] must take the 1 numbers"),
        ({"A": [[1.0, 0.0]]}, r"A must have shape \(2, 2\)"),
        ({"C": 1}, "C not known"),
    ],
)
def test_mistakes(change, message):
    with pytest.raises(ValueError, match=message):
        model_of({**MODEL, "dynamics": {**PENDULUM, **change}}, "model.json")
