"""The README's example runs, and prints what the README says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/your_own_law.md"])
def test_the_example_prints_what_is_shown(page):
    text = (ROOT / page).read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    shown = re.search(r"```text\n(.*?)```", text, re.DOTALL).group(1)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, page, "exec"), {})
    numbers = re.compile(r"\d+\.\d+")
    assert numbers.sub("", printed.getvalue()) == numbers.sub("", shown)
    # The last digit may depend on the version of NumPy.
    found, expected = ([float(x) for x in numbers.findall(text)] for text in (printed.getvalue(), shown))
    assert found == pytest.approx(expected, rel=5e-3 if page.startswith("docs") else 0.0)


def test_every_script_named_exists():
    named = set(re.findall(r"(?:benchmarks|docs(?!/_build)|examples)/[\w./]+\.\w+", README))
    assert named
    assert all((ROOT / name).is_file() for name in named)
