"""The recipes run one after the other, with a picture of one's own, and print what the page says."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_recipes_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    # A bright disc, coloured, on a dark ground: wider than high.
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, 48), np.linspace(-1.0, 1.0, 32))
    pyplot.imsave("photo.png", np.clip(np.hypot(x, y)[..., None] * [0.9, 0.6, 0.4], 0.0, 1.0))
    parts = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(parts) == PAGE.read_text(encoding="utf-8").count("```python") == 5
    names: dict[str, object] = {}
    for code, shown in parts:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, PAGE.name, "exec"), names)
        numbers = re.compile(r"\d+\.\d+")
        assert numbers.sub("", printed.getvalue()) == numbers.sub("", shown)
        found, expected = ([float(x) for x in numbers.findall(text)] for text in (printed.getvalue(), shown))
        assert found == pytest.approx(expected, rel=1e-2)
    assert Path("plan.svg").read_text(encoding="utf-8").count("<path") > 10
    pyplot.close("all")
