"""The tutorials run, and what they say in words is so."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"


@pytest.fixture
def printed(capsys, monkeypatch):
    """Runs a tutorial, and gives what it prints."""
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")

    def run(name: str) -> str:
        source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        exec(compile(source, f"{name}.py", "exec"), {"__name__": name})
        return capsys.readouterr().out

    yield run
    plt.close("all")


def test_every_tutorial_is_run_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {"propagate", "quantize", "transport"}


def test_quantize(printed) -> None:
    out = printed("quantize")
    low, high = map(float, re.findall(r"([\d.]+) ≤ W₂ of the best 100 points ≤ ([\d.]+),", out)[0])
    assert low < high < 1.02 * low
    found = [(float(a), float(b)) for a, b in re.findall(r"W₂ ≤ ([\d.]+): .* W₂ = ([\d.]+)", out)]
    assert len(found) == 2 and all(w2 <= asked for asked, w2 in found)
    few, more = (int(n) for n in re.findall(r": +(\d+) points", out)[:2])
    assert 3 < more / few < 5
    assert out.count("exact: True") == 2


def test_transport(printed) -> None:
    pytest.importorskip("torch")
    out = printed("transport")
    assert "cells of mass 0.010000 to 0.010000" in out
    assert float(re.findall(r"to the formula: ([\d.e-]+)", out)[0]) < 1e-8


def test_propagate(printed) -> None:
    out = printed("propagate")
    bounds = [float(w2) for w2 in re.findall(r"W₂ ≤ ([\d.]+)\n", out)]
    assert len(bounds) == 3 and bounds == sorted(bounds)
    low, simulated = (float(re.findall(rf"{words} ([\d.]+)", out)[0]) for words in ("at least", "simulated:"))
    assert 0.8 < low < simulated
    assert "1 component" in out
